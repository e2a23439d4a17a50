# core/program/passes.pxi: a graph optimised, which every way to run it starts with (bytecode, LLVM, C).
#
# It is copied, without what nothing needs, by ``emit1`` .. ``emit3``: what is constant is computed, operations are
# rewritten (_rewrites.py) and equal ones found, all without changing a bit of a result. What was emitted lately is in
# a table of fixed size: time stays linear, and the table in the cache, however large the graph.

cdef Graph optimised(Graph g, int32_t[::1] roots):
    """A graph of what the roots need, each value once; roots become their places there."""
    cdef Graph h = new_graph(g.inputs)
    cdef Py_ssize_t i, k
    cdef Step s
    cdef int32_t *to
    cdef uint8_t *needed = <uint8_t *>calloc(g.n + 1, 1)
    to = <int32_t *>malloc((g.n + 1)*sizeof(int32_t))
    h.known = <Known *>calloc(1 << KNOWN_BITS, sizeof(Known))
    try:
        if needed == NULL or to == NULL or h.known == NULL:
            raise errors.no_memory(g.n, g.n*5)
        mark_roots(g, roots, needed)
        for i in range(g.inputs):
            to[i] = <int32_t>i
        for i in range(g.inputs, g.n):
            if not needed[i]:
                continue
            make_space(h)
            s = g.node[i]
            if s.op == OP_CONST:
                to[i] = add_number(h, g.number[s.a])
            elif s.b < 0:
                to[i] = emit1(h, s.op, to[s.a])
            elif s.c < 0:
                to[i] = emit2(h, s.op, to[s.a], to[s.b])
            else:
                to[i] = emit3(h, s.op, to[s.a], to[s.b], to[s.c])
        for k in range(roots.shape[0]):
            roots[k] = to[roots[k]]
        compact(h, roots)
    finally:
        free(needed)
        free(to)
        free(h.known)
        h.known = NULL
    return h


cdef int mark_roots(Graph g, int32_t[::1] roots, uint8_t *needed) except -1:
    """Set needed[i] of every node that the roots come from."""
    cdef Py_ssize_t i, k
    for k in range(roots.shape[0]):
        needed[roots[k]] = 1
    with nogil:
        for i in range(g.n - 1, g.inputs - 1, -1):
            if needed[i] and g.node[i].op != OP_CONST:
                needed[g.node[i].a] = 1
                if g.node[i].b >= 0:
                    needed[g.node[i].b] = 1
                    if g.node[i].c >= 0:
                        needed[g.node[i].c] = 1
    return 0


cdef int compact(Graph g, int32_t[::1] roots) except -1:
    """Drop what nothing needs any more: negations, say, whose sign was moved on."""
    cdef Py_ssize_t i, n = g.inputs, numbers = 0, k
    cdef int32_t *to = <int32_t *>malloc((g.n + 1)*sizeof(int32_t))
    cdef uint8_t *needed = <uint8_t *>calloc(g.n + 1, 1)
    cdef Step s
    try:
        if to == NULL or needed == NULL:
            raise errors.no_memory(g.n, g.n*5)
        mark_roots(g, roots, needed)
        for i in range(g.inputs):
            to[i] = <int32_t>i
        for i in range(g.inputs, g.n):
            if not needed[i]:
                continue
            s = g.node[i]
            if s.op == OP_CONST:
                g.number[numbers] = g.number[s.a]  # constants are in the order of their nodes
                s.a = <int32_t>numbers
                numbers += 1
            else:
                s.a = to[s.a]
                if s.b >= 0:
                    s.b = to[s.b]
                if s.c >= 0:
                    s.c = to[s.c]
            g.node[n] = s
            to[i] = <int32_t>n
            n += 1
        for k in range(roots.shape[0]):
            roots[k] = to[roots[k]]
        g.n, g.numbers = n, numbers
        memset(g.constants, 0, sizeof(g.constants))
    finally:
        free(to)
        free(needed)
    return 0
