# core/sweeps/gradients_recorded.pxi: gradients with create_graph=True, whose sweep is recorded as nodes.

cdef int recorded(Gradients r, list outs, list ins, list seeds) except -1:
    """Record a sweep as nodes of the outputs' tape, and keep where the adjoints are."""
    cdef Tape t = r.tape
    cdef Sweep s
    cdef Adjoint *adjoint = NULL
    cdef uint8_t *needed = NULL
    cdef Py_ssize_t m, i, top
    cdef Recording arrays = Recording()
    cdef object before
    r.adjoints = np.zeros((0, 1))
    if t is None:
        answer_seeds(r, outs, seeds)
        return 0
    begin_sweep(t, "gradients", &s)
    before = _current(t)  # what is recorded of leaves alone belongs here too
    try:
        bind_seeds(t, outs, seeds)
        graph_of(t, outs, &s.graph)
        top = s.graph.node[s.graph.n - 1] + 1
        adjoint = <Adjoint *>calloc(top, sizeof(Adjoint))
        if ins is not None:
            needed = <uint8_t *>calloc(top, 1)
        if adjoint == NULL or (ins is not None and needed == NULL):
            raise errors.no_memory(top, top*(sizeof(Adjoint) + 1))
        if ins is not None:
            mark_needed(t, &s.graph, ins, needed, top, r.cut)
        seed_adjoints(t, outs, seeds, adjoint, arrays)
        record_adjoint(t, &s.graph, adjoint, needed, arrays)
        resolve_arrays(t, adjoint, arrays, r)
        add_slots(t, &s.graph, adjoint, r)
        for m in range(s.graph.n):
            i = s.graph.node[m]
            if adjoint[i].known:
                adjoint[i].ref = own_node(t, adjoint[i].ref)
        keep_recorded(r, &s.graph, adjoint, arrays)
        answer_seeds(r, outs, seeds)
    finally:
        free(adjoint)
        free(needed)
        _current(before)
        t.has_garbage = True  # steps towards adjoints that vanished
        end_sweep(t, &s)
    return 0


cdef int answer_seeds(Gradients r, list outs, list seeds) except -1:
    """Outputs that are leaves: the seed is a derivative with respect to the leaf."""
    for v, x in zip(outs, seeds):
        if not (<Handle>v).node:
            x = x if is_value(x) or is_tensor(x) else Value(x) if is_value(v) else plain_tensor(x)
            r.answers[v] = r.answers[v] + x if v in r.answers else x
    return 0


cdef int bind_seeds(Tape t, list outs, list seeds) except -1:
    """Check the seeds of numbers; those that are Values of elsewhere get their slots, before the graph is listed."""
    cdef Term ignored
    for v, x in zip(outs, seeds):
        if is_tensor(v):
            continue
        term(x, &ignored, OP_MUL, 0)
        if is_value(x):
            check_node(x, "gradients")
            if (<Value>x).tape != <PyObject *>t:
                if t.top >= t.limit:
                    make_room(t, 0)
                bind(x, t, OP_MUL)
    return 0


cdef int seed_adjoints(Tape t, list outs, list seeds, Adjoint *adjoint, Recording arrays) except -1:
    """Let the adjoints of the outputs' nodes begin with their seeds."""
    cdef Py_ssize_t i
    cdef Ref ref
    for v, x in zip(outs, seeds):
        if not (<Handle>v).node:
            continue
        i = (<Handle>v).index
        if is_tensor(v):
            arrays.adjoint[i] = arrays.adjoint[i] + x if i in arrays.adjoint else x
            continue
        ref = node(t, (<Value>x).index) if is_value(x) else constant(plain_named(x, "seed"))
        if t.top >= t.limit:
            make_room(t, 0)
        adjoint[i].ref = record2(t, OP_ADD, adjoint[i].ref, ref) if adjoint[i].known else ref
        adjoint[i].known = True
    return 0


cdef int keep_recorded(Gradients r, const Subgraph *g, const Adjoint *adjoint, Recording arrays) except -1:
    """Keep for each node of the graph where its adjoint is: a node, a number or an array."""
    cdef Py_ssize_t m, i, k = 0
    for m in range(g.n):
        k += adjoint[g.node[m]].known
    r.index = np.empty(k, np.int32)
    r.nodes = np.empty(k, np.int32)
    r.adjoints = np.empty((k, 1))
    if arrays.adjoint:
        r.objects = [None]*k
    k = 0
    for m in range(g.n):
        i = g.node[m]
        if adjoint[i].known:
            r.index[k] = <int32_t>i
            r.nodes[k] = adjoint[i].ref.i
            r.adjoints[k, 0] = adjoint[i].ref.v
            if i in arrays.adjoint and adjoint[i].ref.i < 0 and not is_value(arrays.adjoint[i]):
                r.objects[k] = arrays.adjoint[i]
            k += 1
    r.n = k
    r.tape.records += 1
    r.holding = True
    return 0


cdef int mark_needed(Tape t, const Subgraph *g, list ins, uint8_t *needed, Py_ssize_t top, list cut) except -1:
    """Mark in ``needed`` the nodes through which the outputs depend on the inputs; in ``cut``, where it ends."""
    cdef Py_ssize_t m, i, k
    cdef Span further
    cdef set leaves = set()
    for v in ins:
        if (<Handle>v).node:
            if (<Handle>v).index < top:
                needed[(<Handle>v).index] = 1
        else:
            leaves.add(v)
    for v in cut or ():
        if (<Handle>v).node and (<Handle>v).index < top:
            needed[(<Handle>v).index] |= CUT
    for m in range(g.n):
        i = g.node[m]
        if needed[i] & CUT:
            continue
        if t.op[i] == OP_LEAF:
            if <object>leaf_at(t, i) in leaves:
                needed[i] = 1
            continue
        if t.op[i] == OP_LEAF | SPECIAL:
            if <object>payload_at(t, i).leaf in leaves:
                needed[i] = 1
            continue
        needed[i] |= needed[t.a[i]] & NEEDED
        further = further_entries(t.b, i)
        for k in range(further.first, further.stop):
            needed[i] |= needed[k] & NEEDED
    return 0


cdef Ref own_node(Tape t, Ref r) except *:
    """An adjoint that is a leaf (d(x*y)/dx is y) as a node: it must not change with the leaf's data."""
    cdef Ref[2] x
    if r.i < 0 or t.op[r.i] != OP_LEAF:
        return r
    if t.top >= t.limit:
        make_room(t, 0)
    x[0], x[1] = r, constant(1.0)
    return record(t, OP_MUL, x, 2)


cdef int add_slots(Tape t, const Subgraph *g, Adjoint *adjoint, Gradients r) except -1:
    """The answers for leaves: over all slots of each."""
    cdef Py_ssize_t m, i
    cdef Ref ref, one
    cdef dict first = {}
    for m in range(g.n):
        i = g.node[m]
        if t.op[i] != OP_LEAF or not adjoint[i].known:
            continue
        leaf = <object>leaf_at(t, i)
        ref = adjoint[i].ref
        if leaf in first:
            if t.top >= t.limit:
                make_room(t, 0)
            one = adjoint[<Py_ssize_t>first[leaf]].ref
            ref = record2(t, OP_ADD, one, ref)
            adjoint[<Py_ssize_t>first[leaf]].ref = ref
        else:
            first[leaf] = i
    for leaf, i in first.items():
        ref = own_node(t, adjoint[i].ref)
        adjoint[i].ref = ref
        r.answers[leaf] = value_at(t, ref.i) if ref.i >= 0 else Value(ref.v)
    return 0


cdef int keep_answers(Gradients r, list ins) except -1:
    """Keep the answers for the inputs alone, which lets the tape go."""
    cdef dict answers = {v: r.wrt(v) for v in ins}
    r.answers = answers
    r.asked = True
    r.n = 0
    unlink(r)
    r.let_go()
    return 0
