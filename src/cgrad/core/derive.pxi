# core/derive.pxi: derivatives of graphs, as graphs: the sweeps written out as operations.
#
# Both are the op table's partials, emitted as nodes (_gen/partials.pxi), products and sums:
#
#   reverse   adjoint[operand] += adjoint[i]*partial      downwards, operands from the last to the first, as in
#                                                         core/sweep.pxi, so that sums round alike
#   forward   tangent[i] += partial*tangent[operand]      upwards, from the first, as in core/tangents.pxi
#
# What has no derivative is never written out; an adjoint with one contribution is that contribution. A choice
# inside a partial becomes an op (where) over a comparison: replay takes the side that the numbers ask for.

cdef inline int32_t flowed(Graph h, int32_t sum, int32_t g, int32_t partial) noexcept nogil:
    """sum + g*partial; sum -1: nothing yet."""
    partial = emit2(h, OP_MUL, g, partial)
    return partial if sum < 0 else emit2(h, OP_ADD, sum, partial)


cdef uint8_t *dependents(Graph g, int32_t[::1] wrt) except NULL:
    """Node -> whether it depends on one of these inputs."""
    cdef uint8_t *active = <uint8_t *>calloc(g.n + 1, 1)
    cdef Py_ssize_t i, k
    cdef Step *s
    if active == NULL:
        raise errors.no_memory(g.n, g.n)
    for k in range(wrt.shape[0]):
        active[wrt[k]] = 1
    with nogil:
        for i in range(g.inputs, g.n):
            s = &g.node[i]
            if s.op != OP_CONST:
                active[i] = (active[s.a] and FLOWS[s.op][0]) or (s.b >= 0 and active[s.b] and FLOWS[s.op][1]) \
                    or (s.c >= 0 and active[s.c] and FLOWS[s.op][2])
    return active


cdef Graph reverse_of(Graph g, int32_t[::1] outputs, int32_t[::1] wrt, bint seeded, int32_t[::1] adjoints):
    """g and its reverse sweep. seeded: a further input an output, its adjoint; else it is 1."""
    cdef Py_ssize_t m = outputs.shape[0], by = m if seeded else 0, i, k, n
    cdef Graph h = copy_of(g, by, 3*g.n)
    cdef int32_t *adjoint
    cdef uint8_t *active = dependents(h, wrt)
    cdef int32_t[3] x
    cdef int32_t j, r
    cdef Step s
    n = h.n
    adjoint = <int32_t *>malloc((n + 1)*sizeof(int32_t))
    try:
        if adjoint == NULL:
            raise errors.no_memory(n, n*4)
        for i in range(n):
            adjoint[i] = -1
        for k in range(m):
            j = raised(outputs[k], g.inputs, by)
            r = <int32_t>(g.inputs + k) if seeded else add_number(h, 1.0)
            make_space(h)
            adjoint[j] = r if adjoint[j] < 0 else emit2(h, OP_ADD, adjoint[j], r)
        for i in range(n - 1, h.inputs - 1, -1):
            if adjoint[i] < 0 or not active[i]:
                continue
            make_space(h)
            s = h.node[i]
            x[0], x[1], x[2] = s.a, s.b, s.c
            for k in range(OP_ARITY[s.op] - 1, -1, -1):
                j = x[k]
                if active[j] and FLOWS[s.op][k]:
                    adjoint[j] = flowed(h, adjoint[j], adjoint[i], partial_node(h, s.op, <int>k, x, <int32_t>i))
        for k in range(wrt.shape[0]):
            make_space(h)
            # a sweep starts at 0: 0 + -0 is 0
            adjoints[k] = add_number(h, 0.0) if adjoint[wrt[k]] < 0 \
                else emit2(h, OP_ADD, adjoint[wrt[k]], add_number(h, 0.0))
    finally:
        free(adjoint)
        free(active)
    return h


cdef Graph forward_of(Graph g, int32_t[::1] outputs, int32_t[::1] wrt, int32_t[::1] tangents):
    """g and its forward sweep, with a further input a variable: its tangent."""
    cdef Py_ssize_t by = wrt.shape[0], i, k, n
    cdef Graph h = copy_of(g, by, 3*g.n)
    cdef int32_t *tangent
    cdef int32_t[3] x
    cdef int32_t j
    cdef Step s
    n = h.n
    tangent = <int32_t *>malloc((n + 1)*sizeof(int32_t))
    try:
        if tangent == NULL:
            raise errors.no_memory(n, n*4)
        for i in range(n):
            tangent[i] = -1
        for k in range(by):
            tangent[wrt[k]] = <int32_t>(g.inputs + k)
        for i in range(h.inputs, n):
            make_space(h)
            s = h.node[i]
            if s.op == OP_CONST:
                continue
            x[0], x[1], x[2] = s.a, s.b, s.c
            for k in range(OP_ARITY[s.op]):
                j = x[k]
                if tangent[j] >= 0 and FLOWS[s.op][k]:
                    tangent[i] = flowed(h, tangent[i], tangent[j], partial_node(h, s.op, <int>k, x, <int32_t>i))
        for k in range(outputs.shape[0]):
            make_space(h)
            j = tangent[raised(outputs[k], g.inputs, by)]
            tangents[k] = add_number(h, 0.0) if j < 0 else emit2(h, OP_ADD, j, add_number(h, 0.0))
    finally:
        free(tangent)
    return h


def reverse_sweep(Graph g, outputs, wrt, bint seeded):
    """(graph, adjoints, by): g with its reverse sweep, and the nodes of the adjoints of the inputs ``wrt``.

    seeded: each output has a further input, its adjoint, and all nodes but the inputs move up ``by`` places; else it is 1.
    """
    cdef int32_t[::1] adjoints = np.zeros(len(wrt), np.int32)
    outputs = np.ascontiguousarray(outputs, np.int32)
    h = reverse_of(g, outputs, np.ascontiguousarray(wrt, np.int32), seeded, adjoints)
    return h, np.asarray(adjoints), h.inputs - g.inputs


def forward_sweep(Graph g, outputs, wrt):
    """(graph, tangents, by): g with its forward sweep; the tangents of the inputs ``wrt`` are further inputs."""
    cdef int32_t[::1] tangents = np.zeros(len(outputs), np.int32)
    h = forward_of(g, np.ascontiguousarray(outputs, np.int32), np.ascontiguousarray(wrt, np.int32), tangents)
    return h, np.asarray(tangents), h.inputs - g.inputs
