# core/sweeps/record.pxi: the adjoint recorded as nodes, so that it can be differentiated again.
#
# The same walk as a reverse sweep, but each adj[a] += adj[i]*da becomes appends: the partial by the
# rule of the op's row (_gen/adjoints.pxi), a product, a sum. In C, from the table, to any order.

cdef struct Adjoint:
    bint known       # False: nothing has flowed here, a structural zero
    Ref ref

cdef enum:
    RULE = 96        # room for what one node's rules append (dot asks for its own)
    NEEDED = 1       # a node through which the outputs depend on the inputs
    CUT = 2          # one that ends there: what it was computed from is not needed


cdef void flow(Tape t, Adjoint *adjoint, const uint8_t *needed, Py_ssize_t to, Ref g, Ref partial) noexcept:
    """adjoint[to] += g*partial. A zero counts: it may yet meet an infinite factor."""
    cdef Ref r
    if needed != NULL and not needed[to] & NEEDED:
        return
    r = record2(t, OP_MUL, g, partial)
    if adjoint[to].known:
        r = record2(t, OP_ADD, adjoint[to].ref, r)
    adjoint[to].known = True
    adjoint[to].ref = r


cdef int record_adjoint(Tape t, const Subgraph *graph, Adjoint *adjoint, const uint8_t *needed,
                        Recording arrays) except -1:
    """Record the reverse sweep over the graph; ``adjoint`` and ``arrays`` hold the seeds, then the results."""
    cdef Py_ssize_t m, i, k, lowest, room
    cdef int op, c
    cdef Ref g, out, d
    cdef Ref[3] x
    for m in range(graph.n - 1, -1, -1):
        i = graph.node[m]
        op = t.op[i]
        if op & SPECIAL or op == OP_ITEM:
            record_special(t, adjoint, needed, arrays, i)
            continue
        if op == OP_LEAF or op == OP_CONT or not adjoint[i].known or (needed != NULL and needed[i] & CUT):
            continue
        lowest = lowest_entry(t.b, i)
        room = RULE + 8*(i - lowest)
        if t.top + room > t.limit:
            make_room(t, room)
        if modes:
            PyErr_CheckSignals()
        g = adjoint[i].ref
        out = node(t, i)
        if op == OP_DOT:
            for k in range(lowest, i):
                flow_to(t, adjoint, needed, k, t.b[k], g, operand_ref(t, k, t.a[k], t.da[k]))
                flow_to(t, adjoint, needed, k, t.a[k], g, operand_ref(t, k, t.b[k], t.db[k]))
            flow_to(t, adjoint, needed, i, t.a[i], g, constant(1.0))
            continue
        for c in range(operand_refs(t, i, x) - 1, -1, -1):  # in a sweep's order
            if x[c].i >= 0 and FLOWS[op][c] and (needed == NULL or needed[x[c].i] & NEEDED):
                d = partial(t, op, c, x, out)
                if passes(op, c, d.v if d.i < 0 else 1):
                    flow(t, adjoint, needed, x[c].i, g, d)
    return 0


cdef void flow_to(Tape t, Adjoint *adjoint, const uint8_t *needed, Py_ssize_t i, Py_ssize_t to, Ref g,
                  Ref partial) noexcept:
    """``flow``, unless node i points to itself: to a plain number."""
    if to != i:
        flow(t, adjoint, needed, to, g, partial)
