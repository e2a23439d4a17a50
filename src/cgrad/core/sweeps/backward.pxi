# core/sweeps/backward.pxi: Value.backward and Tensor.backward.

cdef enum:
    FEW = 32              # nodes of a graph that needs no columns


cdef bint flow_few(int32_t *node, double *g, Py_ssize_t *n, Py_ssize_t m, Py_ssize_t to, double x) noexcept:
    """Add x to the adjoint of ``to`` in the list (descending from its entry m on); False where it is full."""
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
    """All of backward where the graph has few nodes: a list in order with the adjoints beside it, no columns.

    False where there are more: then nothing has been done.
    """
    cdef int32_t[FEW] node
    cdef double[FEW] g
    cdef Py_ssize_t n = 1, m = 0, i, k
    node[0], g[0] = <int32_t>root, seed
    if leaf_hooks:
        return False
    while m < n:
        i = node[m]
        if t.op[i] & SPECIAL or t.op[i] == OP_ITEM:
            return False
        if t.b[i] >= 0 and t.b[i] != i and not flow_few(node, g, &n, m, t.b[i], g[m]*t.db[i]):
            return False
        for k in range(i + t.b[i] if t.b[i] < 0 else i, i):
            if t.b[k] != k and not flow_few(node, g, &n, m, t.b[k], g[m]*t.db[k]):
                return False
            if t.a[k] != k and not flow_few(node, g, &n, m, t.a[k], g[m]*t.da[k]):
                return False
        if t.a[i] != i and not flow_few(node, g, &n, m, t.a[i], g[m]*t.da[i]):
            return False
        m += 1
    t.zero_grad(root + 1)
    t.grad_any = True
    for m in range(n):
        t.grad[node[m]] += g[m]
        if t.op[node[m]] == OP_LEAF:
            add_to_leaf(leaf_at(t, node[m]), g[m], 0)
    for m in range(n):
        if t.op[node[m]] == OP_LEAF:
            add_to_leaf(leaf_at(t, node[m]), 0, 1)
    return True


cdef int backward(Value v, double seed) except -1:
    cdef Tape t
    cdef Sweep s
    cdef int32_t root
    if not v.node:
        if leaf_hooks and v.extra is not None and (<Extra>v.extra).hooks is not None:
            seed = plain(hooked((<Extra>v.extra).hooks, seed, "leaf"))
        v.adjoint += seed
        return 0
    check_node(v, "backward")
    t = <Tape>v.home
    if v.index >= DENSE and not (modes or t.sweeping) and backward_few(t, v.index, seed):
        return 0
    begin(t, "backward", &s)
    try:
        root = v.index
        reverse(t, &root, &seed, 1, &s)
        if modes:
            look_for_anomaly(t, &s)
        commit(t, &s)
    except BaseException:
        abandon(t)
        raise
    finally:
        end(t, &s)
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
        leaf_gradient(v, seed)
        return 0
    check_node(v, "backward")
    t = <Tape>v.home
    begin(t, "backward", &s)
    try:
        root = v.index
        flow_into(t, root, seed, "backward", 0)
        reverse(t, &root, &none, 1, &s)
        if modes:
            look_for_anomaly(t, &s)
        commit(t, &s)
    except BaseException:
        abandon(t)
        raise
    finally:
        end(t, &s)
    return 0
