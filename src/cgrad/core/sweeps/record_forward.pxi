# core/sweeps/record_forward.pxi: the forward sweep recorded as nodes, so that tangents can be differentiated again.
#
# As core/sweeps/record.pxi: the partials by the rules of the rows, products, sums; upwards.

cdef list recorded_tangents(Tape t, list outs, list ins, list seeds):
    """The tangents of numbers as Values: J v, nodes of the outputs' tape, or plain numbers. seeds: floats, Values."""
    cdef Sweep s
    cdef Adjoint *tangent = NULL
    cdef Py_ssize_t top, k
    cdef dict leaves = {}
    cdef object before
    if t is None or not any([(<Handle>v).node for v in outs]):
        return [tangent_of_leaf(v, ins, seeds) for v in outs]
    begin_sweep(t, "tangents", &s)
    before = _current(t)
    try:
        bind_seeds(t, ins, seeds)
        graph_of(t, outs, &s.graph)
        top = s.graph.node[s.graph.n - 1] + 1
        tangent = <Adjoint *>calloc(top, sizeof(Adjoint))
        if tangent == NULL:
            raise errors.no_memory(top, top*sizeof(Adjoint))
        for k, v in enumerate(ins):
            if not (<Handle>v).node:
                leaves.setdefault(v, []).append(seeds[k])
            elif (<Handle>v).index < top:
                add_tangent(t, &tangent[(<Handle>v).index], seeds[k])
        record_forward(t, &s.graph, tangent, leaves)
        return [recorded_value(t, tangent[(<Handle>v).index]) if (<Handle>v).node else tangent_of_leaf(v, ins, seeds)
                for v in outs]
    finally:
        free(tangent)
        _current(before)
        t.has_garbage = True
        end_sweep(t, &s)


cdef object tangent_of_leaf(object v, list ins, list seeds):
    """The tangent of a leaf: its seeds."""
    total = None
    for x, seed in zip(ins, seeds):
        if x is v:
            total = seed if total is None else total + seed
    return total if is_value(total) else Value(0.0 if total is None else total)


cdef int add_tangent(Tape t, Adjoint *tangent, object seed) except -1:
    """Add a seed, a number or a Value of this tape, to a tangent."""
    cdef Ref r = node(t, (<Value>seed).index) if is_value(seed) else constant(plain_named(seed, "seed"))
    if t.top >= t.limit:
        make_room(t, 0)
    tangent.ref = record2(t, OP_ADD, tangent.ref, r) if tangent.known else r
    tangent.known = True
    return 0


cdef object recorded_value(Tape t, Adjoint x):
    """A tangent as a Value."""
    cdef Ref r
    if not x.known:
        return Value(0.0)
    r = own_node(t, x.ref)
    return value_at(t, r.i) if r.i >= 0 else Value(r.v)


cdef int record_forward(Tape t, const Subgraph *graph, Adjoint *tangent, dict leaves) except -1:
    """Record the forward sweep over the graph; ``tangent`` and ``leaves`` hold the seeds."""
    cdef Py_ssize_t m, i, k, lowest, room
    cdef int op, c
    cdef Ref out, d
    cdef Ref[3] x
    for m in range(graph.n):
        i = graph.node[m]
        op = t.op[i]
        if op == OP_LEAF:
            for seed in leaves.get(<object>leaf_at(t, i), ()):
                add_tangent(t, &tangent[i], seed)
        if not is_operation(t, i):
            continue
        lowest = lowest_entry(t.b, i)
        room = RULE + 8*(i - lowest)
        if t.top + room > t.limit:
            make_room(t, room)
        if modes:
            PyErr_CheckSignals()
        out = node(t, i)
        if op == OP_DOT:
            push_tangent(t, tangent, i, i, t.a[i], constant(1.0))
            for k in range(lowest, i):
                push_tangent(t, tangent, i, k, t.a[k], operand_ref(t, k, t.b[k], t.db[k]))
                push_tangent(t, tangent, i, k, t.b[k], operand_ref(t, k, t.a[k], t.da[k]))
            continue
        for c in range(operand_refs(t, i, x)):
            if x[c].i >= 0 and FLOWS[op][c] and tangent[x[c].i].known:
                d = partial(t, op, c, x, out)
                if passes(op, c, d.v if d.i < 0 else 1):
                    push_tangent(t, tangent, i, -1, x[c].i, d)
    return 0


cdef void push_tangent(Tape t, Adjoint *tangent, Py_ssize_t i, Py_ssize_t entry, Py_ssize_t operand,
                       Ref partial) noexcept:
    """tangent[i] += partial*tangent[operand], unless that is a plain number, or has none."""
    cdef Ref r
    if operand == entry or not tangent[operand].known:
        return
    r = record2(t, OP_MUL, partial, tangent[operand].ref)
    if tangent[i].known:
        r = record2(t, OP_ADD, tangent[i].ref, r)
    tangent[i].known = True
    tangent[i].ref = r
