# core/sweeps/commit.pxi: the end of backward, where adjoints are added to gradients.

cdef enum:
    SWAP_FROM = 1024      # nodes from which columns are exchanged rather than copied


cdef bint leaf_hooks = False  # some leaf has a hook


cdef int ask_leaf_hooks(Tape t, Py_ssize_t root) except -1:
    """Call the hooks of leaves on their pending adjoints. Python runs here, before anything is added."""
    cdef Py_ssize_t m
    cdef PyObject *leaf
    cdef set asked = set()
    try:
        for m in range(first_slot(t, root + 1)):
            leaf = t.slot_leaf[m]
            if (<Value>leaf).pending != 0 and (<Value>leaf).extra is not None \
                    and (<Extra>(<Value>leaf).extra).hooks is not None and <object>leaf not in asked:
                asked.add(<object>leaf)
                (<Value>leaf).pending = plain(hooked((<Extra>(<Value>leaf).extra).hooks, (<Value>leaf).pending, "leaf"))
    except BaseException:
        for m in range(first_slot(t, root + 1)):
            (<Value>t.slot_leaf[m]).pending = 0
        raise
    return 0


cdef int commit(Tape t, Sweep *s) except -1:
    """Add the adjoints to the gradients: each leaf's total once, each node's in the grad column."""
    cdef Py_ssize_t i, m
    cdef int turn
    if t.payloads:
        commit_arrays(t, s.root)
    for turn in range(2):  # several slots may lead to one leaf: their sum is added in one rounding
        if s.dense:
            for m in range(first_slot(t, s.root + 1)):
                add_to_leaf(t.slot_leaf[m], t.adj[t.slot_node[m]], turn)
        else:
            for m in range(s.graph.n):
                i = s.graph.node[m]
                if t.op[i] == OP_LEAF:
                    add_to_leaf(leaf_at(t, i), t.adj[i], turn)
        if turn == 0 and leaf_hooks:
            ask_leaf_hooks(t, s.root)
    if s.dense and not t.grad_any and s.root >= SWAP_FROM:  # adj becomes grad; the old one is zeroed when needed
        t.swap()
        t.grad_live, t.adj_live = s.root + 1, 0
    else:
        t.zero_grad(s.root + 1)
        for m in range(sweep_size(s)):
            i = sweep_node(s, m)
            t.grad[i] += t.adj[i]
            t.adj[i] = 0
    t.grad_any = True
    return 0


cdef inline void add_to_leaf(PyObject *leaf, double adjoint, int turn) noexcept:
    if turn == 0:
        (<Value>leaf).pending += adjoint
    elif (<Value>leaf).pending != 0:  # nan too
        (<Value>leaf).adjoint += (<Value>leaf).pending
        (<Value>leaf).pending = 0


cdef int add_up(PyObject **sum, object x) except -1:
    """sum += x, for arrays that others may share."""
    cdef object more
    if sum[0] == NULL:
        Py_INCREF(x)
        sum[0] = <PyObject *>x
        return 0
    if exclusive(sum[0]):
        return add_to(<object>sum[0], x, False)
    more = <object>sum[0] + x
    Py_DECREF(<object>sum[0])
    Py_INCREF(more)
    sum[0] = <PyObject *>more
    return 0


cdef int commit_arrays(Tape t, Py_ssize_t root) except -1:
    """Add the adjoints of arrays at root and below to their gradients: each leaf's total once."""
    cdef Py_ssize_t k, n = first_payload(t, root + 1)
    cdef Payload *p
    cdef list leaves = []
    cdef Tensor leaf
    for k in range(n):
        p = &t.payload[k]
        if p.adjoint == NULL:
            continue
        if (t.op[p.node] & OP_MASK) == OP_FUNCTION:
            pass
        elif p.leaf != NULL:
            leaf = <Tensor>p.leaf
            if leaf.pending is None:
                leaf.pending = <object>p.adjoint
                leaves.append(leaf)
            else:
                leaf.pending = leaf.pending + <object>p.adjoint
        else:
            if p.grad == NULL:
                t.bytes += cnp.PyArray_NBYTES(<cnp.ndarray>p.adjoint)
            add_up(&p.grad, <object>p.adjoint)
        forget_adjoint(p)
    for leaf in leaves:
        pending, leaf.pending = leaf.pending, None
        leaf_gradient(leaf, pending)
    return 0


cdef int leaf_gradient(Tensor leaf, object pending) except -1:
    """Add a sweep's adjoint to a leaf's gradient, after its hooks."""
    if leaf.extra is not None and (<Extra>leaf.extra).hooks is not None:
        pending = np.ascontiguousarray(plain(hooked((<Extra>leaf.extra).hooks, pending, "leaf")), leaf.array.dtype)
    while True:
        before = leaf.gradient
        if before is None:
            leaf.gradient = pending
            break
        if type(before) is np.ndarray and references(<PyObject *>before) == 2 and owned_contiguous(before):
            add_to(before, pending, False)
            break
        more = np.asarray(before) + pending  # NumPy may let other threads run here, and they add to this leaf too
        if leaf.gradient is before:
            leaf.gradient = more
            break
    return 0
