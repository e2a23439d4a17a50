# core/sweeps/backward.pxi: Value.backward and Tensor.backward: a reverse sweep, its adjoints added to gradients.

cdef enum:
    FEW = 32              # nodes of a graph that needs no columns


cdef bint add_few(int32_t *node, double *g, Py_ssize_t *n, Py_ssize_t to, double x) noexcept:
    """Add x to the adjoint of ``to`` in the list, which descends; False where the list is full."""
    cdef Py_ssize_t k = n[0], j
    while node[k - 1] < to:
        k -= 1
    if node[k - 1] == to:
        g[k - 1] += x
        return True
    if n[0] == FEW:
        return False
    for j in range(n[0], k, -1):
        node[j], g[j] = node[j - 1], g[j - 1]
    node[k], g[k] = <int32_t>to, 0.0 + x
    n[0] += 1
    return True


cdef bint backward_few(Tape t, Py_ssize_t root, double seed) noexcept:
    """All of backward where the graph has at most FEW nodes, without the columns: adjoints beside a descending list.

    False where there are more, or a nan: then nothing has been changed.
    """
    cdef int32_t[FEW] node
    cdef double[FEW] g
    cdef PyObject *leaf[FEW]
    cdef Py_ssize_t n = 1, m = 0, leaves = 0, i, j, k
    node[0], g[0] = <int32_t>root, seed
    if leaf_hooks:
        return False
    while m < n:
        i = node[m]
        if t.op[i] & SPECIAL or t.op[i] == OP_ITEM or g[m] != g[m]:
            return False
        for k in range(lowest_entry(t.b, i), i + 1):
            j = second_operand(t.b, k)
            if j != k and not add_few(node, g, &n, j, g[m]*t.db[k]):
                return False
            if t.a[k] != k and not add_few(node, g, &n, t.a[k], g[m]*t.da[k]):
                return False
        m += 1
    t.zero_grad(root + 1)
    t.grad_any = True
    for m in range(n):
        t.grad[node[m]] += g[m]
        if t.op[node[m]] != OP_LEAF:
            continue
        leaf[leaves] = leaf_at(t, node[m])
        k = 0
        while leaf[k] != leaf[leaves]:  # several slots may lead to one leaf: their sum is added in one rounding
            k += 1
        if k < leaves:
            g[k] += g[m]
        else:
            g[leaves] = 0.0 + g[m]
            leaves += 1
    for k in range(leaves):
        add_to_leaf(leaf[k], g[k])
    return True


cdef int backward(Value v, double seed) except -1:
    cdef Tape t
    cdef Sweep s
    cdef int32_t root
    if not v.node:
        if v.computed:
            raise errors.nothing_recorded_below("backward", v)
        if leaf_hooks and v.extra is not None and (<Extra>v.extra).hooks is not None:
            seed = plain(hooked((<Extra>v.extra).hooks, seed, "leaf"))
        v.adjoint += seed
        return 0
    check_node(v, "backward")
    t = <Tape>v.tape
    if v.index >= DENSE and not (modes or t.sweeping) and backward_few(t, v.index, seed):
        return 0
    begin_sweep(t, "backward", &s)
    try:
        root = v.index
        reverse(t, &root, &seed, 1, None, &s)
        if modes:
            look_for_anomaly(t, &s)
        commit(t, &s)
    except BaseException:
        abandon_sweep(t)
        raise
    finally:
        end_sweep(t, &s)
    return 0


cdef int backward_array(Tensor v, object seed) except -1:
    cdef Tape t
    cdef Sweep s
    cdef int32_t root
    cdef double none = 0
    seed = seed_array(v, seed, "backward")
    if not v.node:
        if not v.needs:
            raise errors.no_history("backward", v)
        add_to_tensor(v, seed)
        return 0
    check_node(v, "backward")
    t = <Tape>v.tape
    begin_sweep(t, "backward", &s)
    try:
        root = v.index
        reverse(t, &root, &none, 1, [(root, seed)], &s)
        if modes:
            look_for_anomaly(t, &s)
        commit(t, &s)
    except BaseException:
        abandon_sweep(t)
        raise
    finally:
        end_sweep(t, &s)
    return 0
