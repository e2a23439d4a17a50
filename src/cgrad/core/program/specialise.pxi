# core/program/specialise.pxi: a graph for the choices that are made at one point.
#
#   where(c, a, b)     a where c is not 0 there, and a guard that it is not; else b, and a guard that it is 0
#
# What only the other sides need is gone: a function with many merged branches costs what the sides taken cost, at
# points that choose alike.

def specialised(Graph g, outputs, guards, inputs):
    """(graph, outputs, guards) for points that choose as this one does; None if the graph has no choice.

    guards: rows (node, expected), of the graph given and of the one that is returned; those of choices come last.
    """
    cdef double[::1] point = np.ascontiguousarray(inputs, np.float64)
    cdef int32_t[::1] outs = nodes_below(outputs, g.n, "outputs"), nodes
    cdef Graph h = new_graph(g.inputs)
    cdef Py_ssize_t i, k
    cdef Step s
    cdef double[3] x, d
    cdef double *value = <double *>malloc((g.n + 1)*sizeof(double))
    cdef uint8_t *needed = <uint8_t *>calloc(g.n + 1, 1)
    cdef int32_t *to = <int32_t *>malloc((g.n + 1)*sizeof(int32_t))
    cdef list asked = []
    cdef bint chosen = False
    given = checked_guards(g, guards)
    nodes = np.ascontiguousarray(given[:, 0])
    try:
        if value == NULL or needed == NULL or to == NULL:
            raise errors.no_memory(g.n, g.n*13)
        for i in range(g.n):
            s = g.node[i]
            if s.op == OP_INPUT:
                value[i] = point[s.a]
            elif s.op == OP_CONST:
                value[i] = g.number[s.a]
            else:
                x[0] = value[s.a]
                x[1] = value[s.b] if s.b >= 0 else 0
                x[2] = value[s.c] if s.c >= 0 else 0
                value[i] = evaluate(s.op, x, d)
        for k in range(outs.shape[0]):
            needed[outs[k]] = 1
        for k in range(nodes.shape[0]):
            needed[nodes[k]] = 1
        for i in range(g.n - 1, g.inputs - 1, -1):
            s = g.node[i]
            if not needed[i] or s.op == OP_CONST:
                continue
            needed[s.a] = 1
            if s.op == OP_WHERE:
                chosen = True
                needed[s.b if value[s.a] != 0 else s.c] = 1
            else:
                if s.b >= 0:
                    needed[s.b] = 1
                if s.c >= 0:
                    needed[s.c] = 1
        if not chosen:
            return None
        seen = set()
        for i in range(g.n):
            s = g.node[i]
            if i < g.inputs:
                to[i] = <int32_t>i
                continue
            if not needed[i]:
                continue
            make_space(h)
            if s.op == OP_CONST:
                to[i] = add_number(h, g.number[s.a])
            elif s.op == OP_WHERE:
                to[i] = to[s.b if value[s.a] != 0 else s.c]
                if s.a not in seen and g.node[s.a].op != OP_CONST:
                    seen.add(s.a)
                    if is_comparison(g.node[s.a].op):
                        asked.append((to[s.a], value[s.a] != 0))
                    else:
                        asked.append((append_step(h, OP_NE, to[s.a], add_number(h, 0.0), -1), value[s.a] != 0))
            else:
                to[i] = append_step(h, s.op, to[s.a], to[s.b] if s.b >= 0 else -1, to[s.c] if s.c >= 0 else -1)
        found = np.array([to[j] for j in outs], np.int32)
        rows = [(to[nodes[k]], given[k, 1]) for k in range(nodes.shape[0])] + asked
        return h, found, [(int(node), int(expected)) for node, expected in rows]
    finally:
        free(value)
        free(needed)
        free(to)
