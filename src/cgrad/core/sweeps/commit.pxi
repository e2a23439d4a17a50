# core/sweeps/commit.pxi: the end of backward, where adjoints are added to gradients: all or nothing.
#
#   collect   each leaf's adjoints, one a slot, are summed, and its hooks asked     code of users runs
#   prepare   what somebody else may hold is copied                                 memory may run out
#   apply     everything is added                                                   nothing fails, nothing else runs
#
# The sums belong to the sweep: another one, in another thread or begun by a hook, may add to the same leaf meanwhile.

cdef enum:
    SWAP_FROM = 1024      # nodes from which columns are exchanged rather than copied


cdef bint leaf_hooks = False  # some leaf has a hook


@cython.final
cdef class Addition:
    """What is added to the gradient of one array: a leaf, or a node where leaf is None."""
    cdef Tensor leaf
    cdef Py_ssize_t node
    cdef object total      # the sum of the adjoints
    cdef object before     # the gradient when room was made, or None
    cdef object fresh      # the array that takes its place; None: ``total`` is added in place


cdef int commit(Tape t, Sweep *s) except -1:
    """Add the adjoints to the gradients: each leaf's total once, each node's in the grad column."""
    cdef dict numbers = collect_numbers(t, s)
    cdef list arrays = collect_arrays_of(t, s.root) if t.payloads else []
    if leaf_hooks:
        ask_hooks(numbers)
    ask_array_hooks(arrays)
    prepare(t, arrays)
    apply_arrays(t, arrays)
    apply_numbers(t, s, numbers)
    return 0


# ---- numbers -------------------------------------------------------------------------------------

cdef inline list hooks_of(Handle leaf):
    """A leaf's hooks, or None."""
    return None if leaf.extra is None else (<Extra>leaf.extra).hooks


cdef dict collect_numbers(Tape t, Sweep *s):
    """Leaf -> total, for leaves with hooks or several slots; the adjoints of these slots are taken out of adj."""
    cdef dict totals = {}
    cdef Py_ssize_t m, i
    if s.dense:
        for m in range(first_slot(t, s.root + 1)):
            collect_number(t, t.slot_node[m], t.slot_leaf[m], totals)
    else:
        for m in range(s.graph.n):
            i = s.graph.node[m]
            if t.op[i] == OP_LEAF:
                collect_number(t, i, leaf_at(t, i), totals)
    return totals


cdef inline int collect_number(Tape t, Py_ssize_t i, PyObject *leaf, dict totals) except -1:
    if t.adj[i] == 0:
        return 0
    if cgrad_unlikely((<Value>leaf).index != i or (<Value>leaf).tape != <PyObject *>t  # an older slot
                      or (leaf_hooks and hooks_of(<Handle>leaf) is not None)
                      or (len(totals) and <object>leaf in totals)):
        totals[<object>leaf] = totals.get(<object>leaf, 0.0) + t.adj[i]
        t.adj[i] = 0
    return 0


cdef int ask_hooks(dict totals) except -1:
    """Let the hooks of leaves see, and replace, their totals."""
    for leaf, total in list(totals.items()):
        if total != 0 and hooks_of(<Handle>leaf) is not None:
            totals[leaf] = <double>plain(hooked(hooks_of(<Handle>leaf), total, "leaf"))
    return 0


cdef int apply_numbers(Tape t, Sweep *s, dict totals) except -1:
    cdef Py_ssize_t i, m
    for leaf, total in totals.items():
        add_to_leaf(<PyObject *>leaf, total)
    if s.dense:
        for m in range(first_slot(t, s.root + 1)):
            add_to_leaf(t.slot_leaf[m], t.adj[t.slot_node[m]])
    else:
        for m in range(s.graph.n):
            i = s.graph.node[m]
            if t.op[i] == OP_LEAF:
                add_to_leaf(leaf_at(t, i), t.adj[i])
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


cdef inline void add_to_leaf(PyObject *leaf, double total) noexcept:
    if total != 0:  # nan too
        (<Value>leaf).adjoint += total


# ---- arrays --------------------------------------------------------------------------------------

cdef Addition addition(Tensor leaf, Py_ssize_t node, object total):
    cdef Addition a = Addition.__new__(Addition)
    a.leaf, a.node, a.total = leaf, node, total
    return a


cdef list collect_arrays_of(Tape t, Py_ssize_t root):
    """What is to be added to the gradients of arrays at root and below: each leaf's total once."""
    cdef Py_ssize_t k
    cdef Payload *p
    cdef list found = []
    cdef dict leaves = {}
    cdef Addition a
    for k in range(first_payload(t, root + 1)):
        p = &t.payload[k]
        if p.adjoint == NULL:
            continue
        if (t.op[p.node] & OP_MASK) == OP_FUNCTION:
            forget_adjoint(p)
            continue
        if p.leaf != NULL and <object>p.leaf in leaves:
            a = leaves[<object>p.leaf]
            a.total = a.total + <object>p.adjoint
        else:
            a = addition(<Tensor>p.leaf if p.leaf != NULL else None, p.node, <object>p.adjoint)
            found.append(a)
            if p.leaf != NULL:
                leaves[<object>p.leaf] = a
        forget_adjoint(p)
    return found


cdef int ask_array_hooks(list additions) except -1:
    """Let the hooks of leaves see, and replace, their totals."""
    cdef Addition a
    for x in additions:
        a = <Addition>x
        if a.leaf is not None and hooks_of(a.leaf) is not None:
            a.total = np.ascontiguousarray(plain(hooked(hooks_of(a.leaf), a.total, "leaf")), a.leaf.array.dtype)
    return 0


cdef object gradient_of(Tape t, Addition a):
    cdef Payload *p
    if a.leaf is not None:
        return a.leaf.gradient
    p = payload_at(t, a.node)
    return None if p.grad == NULL else <object>p.grad


cdef inline bint in_place(object gradient, Py_ssize_t held) noexcept:
    """True if nobody but its owner, and we so many times, has a gradient."""
    return type(gradient) is np.ndarray and references(<PyObject *>gradient) == 1 + held and owned_contiguous(gradient)


cdef int prepare(Tape t, list additions) except -1:
    """Make room for the sums, until nothing has changed while room was made."""
    cdef Addition a
    cdef bint again = True
    while again:
        for x in additions:
            a = <Addition>x
            if a.fresh is None or gradient_of(t, a) is not a.before:
                make_fresh(t, a)
        again = False
        for x in additions:
            again = again or gradient_of(t, <Addition>x) is not (<Addition>x).before
    return 0


cdef int make_fresh(Tape t, Addition a) except -1:
    cdef bint writeable
    a.before = None
    a.before = gradient_of(t, a)
    if a.before is None:
        a.fresh = a.total
        return 0
    writeable = in_place(a.before, 1)
    a.fresh = None if writeable else np.array(a.before, a.total.dtype, order="C", subok=False)
    return 0


cdef int apply_arrays(Tape t, list additions) except -1:
    """Add what was prepared. The old gradients die with the additions."""
    cdef Addition a
    cdef Payload *p
    for x in additions:
        a = <Addition>x
        if a.fresh is None:
            add_to(a.before, a.total, False)
            continue
        if a.before is not None:
            add_to(a.fresh, a.total, False)
        if a.leaf is not None:
            a.leaf.gradient = a.fresh
            continue
        p = payload_at(t, a.node)
        if p.grad == NULL:
            t.bytes += cnp.PyArray_NBYTES(<cnp.ndarray>a.fresh)
        else:
            Py_DECREF(<object>p.grad)
        Py_INCREF(a.fresh)
        p.grad = <PyObject *>a.fresh
    return 0


cdef int add_to_tensor(Tensor leaf, object seed) except -1:
    """``backward`` of a leaf: its seed is the total."""
    cdef list additions = [addition(leaf, -1, seed)]
    ask_array_hooks(additions)
    prepare(None, additions)
    return apply_arrays(None, additions)
