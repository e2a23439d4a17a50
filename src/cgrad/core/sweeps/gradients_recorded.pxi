# core/sweeps/gradients_recorded.pxi: gradients with create_graph=True, whose sweep is recorded as nodes.

cdef int recorded(Gradients r, list outs, list ins, list seeds) except -1:
    """The sweep recorded as nodes of the same tape."""
    cdef Tape t = r.tape
    cdef Sweep s
    cdef Adjoint *adjoint = NULL
    cdef uint8_t *needed = NULL
    cdef Py_ssize_t m, i, k, top
    cdef Term seed
    cdef Ref ref
    cdef Recording arrays = Recording()
    cdef object before
    r.adjoints = np.zeros((0, 1))
    if t is None:
        for v, x in zip(outs, seeds):
            x = x if is_value(x) or is_tensor(x) else Value(x) if is_value(v) else plain_tensor(x)
            r.answers[v] = r.answers[v] + x if v in r.answers else x
        return 0
    begin(t, "gradients", &s)
    before = _current(t)  # what is recorded of leaves alone belongs here too
    try:
        for k, x in enumerate(seeds):  # seeds that are Values get their places first
            if is_tensor(outs[k]):
                continue
            term(x, &seed, OP_MUL, 0)
            if is_value(x):
                check_node(x, "gradients")
                if (<Value>x).home != <PyObject *>t:
                    if t.top >= t.limit:
                        make_room(t, 0)
                    bind(x, t, OP_MUL)
        graph_of(t, outs, &s.order)
        top = s.order.node[s.order.n - 1] + 1
        adjoint = <Adjoint *>calloc(top, sizeof(Adjoint))
        if ins is not None:
            needed = <uint8_t *>calloc(top, 1)
        if adjoint == NULL or (ins is not None and needed == NULL):
            raise MemoryError("gradients: no memory for the recorded adjoints")
        if ins is not None:
            mark_needed(t, &s.order, ins, needed, top)
        for v, x in zip(outs, seeds):
            if not (<Handle>v).node:
                continue
            if is_tensor(v):
                i = (<Handle>v).index
                arrays.adjoint[i] = arrays.adjoint[i] + x if i in arrays.adjoint else x
                continue
            ref = node(t, (<Value>x).index) if is_value(x) else constant(plain_named(x, "seed"))
            if t.top >= t.limit:
                make_room(t, 0)
            i = (<Value>v).index
            adjoint[i].ref = record2(t, OP_ADD, adjoint[i].ref, ref) if adjoint[i].known else ref
            adjoint[i].known = True
        record_adjoint(t, &s.order, adjoint, needed, arrays)
        settle_arrays(t, adjoint, arrays, r)
        add_slots(t, &s.order, adjoint, r)
        for m in range(s.order.n):
            if adjoint[s.order.node[m]].known:
                adjoint[s.order.node[m]].ref = own_node(t, adjoint[s.order.node[m]].ref)
        k = 0
        for m in range(s.order.n):
            k += adjoint[s.order.node[m]].known
        r.index = np.empty(k, np.int32)
        r.place = np.empty(k, np.int32)
        r.adjoints = np.empty((k, 1))
        k = 0
        if arrays.adjoint:
            r.objects = [None]*r.index.shape[0]
        for m in range(s.order.n):
            i = s.order.node[m]
            if adjoint[i].known:
                r.index[k] = <int32_t>i
                r.place[k] = adjoint[i].ref.i
                r.adjoints[k, 0] = adjoint[i].ref.v
                if i in arrays.adjoint and adjoint[i].ref.i < 0 and not is_value(arrays.adjoint[i]):
                    r.objects[k] = arrays.adjoint[i]
                k += 1
        r.n = k
        t.records += 1
        r.holding = True
        for v, x in zip(outs, seeds):
            if not (<Handle>v).node:
                x = x if is_value(x) or is_tensor(x) else Value(x) if is_value(v) else plain_tensor(x)
                r.answers[v] = r.answers[v] + x if v in r.answers else x
    finally:
        free(adjoint)
        free(needed)
        _current(before)
        t.dead = True  # steps towards adjoints that vanished are garbage
        end(t, &s)
    return 0


cdef int mark_needed(Tape t, Order *o, list ins, uint8_t *needed, Py_ssize_t top) except -1:
    """The nodes through which the outputs depend on the inputs."""
    cdef Py_ssize_t m, i, k
    cdef set leaves = set()
    for v in ins:
        if (<Handle>v).node:
            if (<Handle>v).index < top:
                needed[(<Handle>v).index] = 1
        else:
            leaves.add(v)
    for m in range(o.n):
        i = o.node[m]
        if t.op[i] == OP_LEAF:
            if <object>leaf_at(t, i) in leaves:
                needed[i] = 1
            continue
        if t.op[i] == OP_LEAF | SPECIAL:
            if <object>payload_at(t, i).leaf in leaves:
                needed[i] = 1
            continue
        needed[i] |= needed[t.a[i]]
        if t.b[i] >= 0:
            needed[i] |= needed[t.b[i]]
        else:
            for k in range(i + t.b[i], i):
                needed[i] |= needed[k]
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


cdef int add_slots(Tape t, Order *o, Adjoint *adjoint, Gradients r) except -1:
    """The answers for leaves: over all slots of each."""
    cdef Py_ssize_t m, i
    cdef Ref ref, one
    cdef dict first = {}
    for m in range(o.n):
        i = o.node[m]
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
