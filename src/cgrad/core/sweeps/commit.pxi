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
@cython.no_gc  # none outlives its sweep
@cython.freelist(32)
cdef class Addition:
    """What is added to the gradient of a leaf that is an array."""
    cdef Tensor leaf
    cdef object total      # the sum of the adjoints
    cdef object before     # the gradient when room was made, or None
    cdef object fresh      # the array that takes its place; None: ``total`` is added in place
    cdef bint ready        # room was made


cdef int commit(Tape t, Sweep *s) except -1:
    """Add the adjoints to the gradients: each leaf's total once, each node's in the grad column."""
    cdef bint asked = leaf_hooks  # looked at once: code that runs here may register another
    cdef dict numbers = None
    cdef list arrays = None
    if asked or not all_newest(t, s):
        numbers = collect_numbers(t, s)
    if t.payloads:
        arrays = leaves_of(t, s.root)
    if asked:
        ask_hooks(numbers)
        if arrays:
            ask_array_hooks(arrays)
    if arrays is not None:
        prepare_nodes(t, s.root)
        prepare(arrays)
        apply_arrays(arrays)
        apply_nodes(t, s.root)
    apply_numbers(t, s, numbers)
    if arrays is not None:
        drop_adjoints(t)  # which may run Python, by weak references
    return 0


# ---- numbers -------------------------------------------------------------------------------------

cdef inline list hooks_of(Handle leaf):
    """A leaf's hooks, or None."""
    return None if leaf.extra is None else (<Extra>leaf.extra).hooks


cdef bint all_newest(Tape t, const Sweep *s) noexcept:
    """True if the adjoints of leaves are all in their newest slots, one a leaf."""
    cdef Py_ssize_t m, i
    if s.dense:
        for m in range(first_slot(t, s.root + 1)):
            if t.adj[t.slot_node[m]] != 0 and not is_newest(t, t.slot_node[m], t.slot_leaf[m]):
                return False
        return True
    for m in range(s.graph.n):
        i = s.graph.node[m]
        if t.op[i] == OP_LEAF and t.adj[i] != 0 and not is_newest(t, i, leaf_at(t, i)):
            return False
    return True


cdef inline bint is_newest(Tape t, Py_ssize_t i, PyObject *leaf) noexcept:
    """True if node i is the newest slot of a leaf."""
    return (<Handle>leaf).index == i and (<Handle>leaf).tape == <PyObject *>t


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
    if not is_newest(t, i, leaf) or (leaf_hooks and hooks_of(<Handle>leaf) is not None) or <object>leaf in totals:
        totals[<object>leaf] = totals.get(<object>leaf, 0.0) + t.adj[i]
        t.adj[i] = 0
    return 0


cdef int ask_hooks(dict totals) except -1:
    """Let the hooks of leaves see, and replace, their totals."""
    for leaf, total in list(totals.items()):
        if total != 0 and hooks_of(<Handle>leaf) is not None:
            totals[leaf] = <double>plain(hooked(hooks_of(<Handle>leaf), total, "leaf"))
    return 0


cdef void apply_numbers(Tape t, Sweep *s, dict totals) noexcept:
    cdef Py_ssize_t i, m
    cdef double *adj = &t.adj[0]
    cdef double *grad
    if totals is not None:
        for leaf, total in totals.items():
            add_to_leaf(<PyObject *>leaf, total)
    if s.dense:
        for m in range(first_slot(t, s.root + 1)):
            add_to_leaf(t.slot_leaf[m], adj[t.slot_node[m]])
    else:
        for m in range(s.graph.n):
            i = s.graph.node[m]
            if t.op[i] == OP_LEAF:
                add_to_leaf(leaf_at(t, i), adj[i])
    if s.dense and not t.grad_any and s.root >= SWAP_FROM:  # adj becomes grad; the old one is zeroed when needed
        t.swap()
        t.grad_live, t.adj_live = s.root + 1, 0
    else:
        t.zero_grad(s.root + 1)
        grad = &t.grad[0]
        if s.dense:
            for i in range(s.root + 1):
                grad[i] += adj[i]
            memset(adj, 0, (s.root + 1)*sizeof(double))
        else:
            for m in range(s.graph.n):
                i = s.graph.node[m]
                grad[i] += adj[i]
                adj[i] = 0
    t.grad_any = True


cdef inline void add_to_leaf(PyObject *leaf, double total) noexcept:
    if total != 0:  # nan too
        (<Value>leaf).adjoint += total


# ---- arrays --------------------------------------------------------------------------------------

cdef Addition addition(Tensor leaf, object total):
    cdef Addition a = Addition.__new__(Addition)
    a.leaf, a.total = leaf, total
    return a


cdef list leaves_of(Tape t, Py_ssize_t root):
    """What is to be added to the gradients of leaves at root and below: each leaf's total once."""
    cdef Py_ssize_t k
    cdef list found = []
    cdef dict older = {}
    for k in range(first_payload(t, root + 1)):
        if t.payload[k].leaf != NULL and t.payload[k].adjoint != NULL:
            take_adjoint(t, k, found, older)
    return found


cdef int take_adjoint(Tape t, Py_ssize_t k, list found, dict older) except -1:
    """Take the adjoint of payload k, a leaf's slot, out of the table; ``older`` has leaves of several slots."""
    cdef Addition a
    cdef Tensor leaf = <Tensor>t.payload[k].leaf
    cdef object adjoint = <object>t.payload[k].adjoint
    cdef bint newest = is_newest(t, t.payload[k].node, <PyObject *>leaf)
    forget_adjoint(&t.payload[k])
    if not same_shape(adjoint, leaf.array):
        raise errors.used_with_shape(leaf, adjoint.shape)
    if older and leaf in older:
        a = older[leaf]
        if not exclusive(<PyObject *>a.total):
            a.total = a.total.copy()
        return add_to(a.total, adjoint, False)
    a = addition(leaf, adjoint)
    found.append(a)
    if not newest:
        older[leaf] = a
    return 0


cdef int ask_array_hooks(list additions) except -1:
    """Let the hooks of leaves see, and replace, their totals."""
    cdef Addition a
    for x in additions:
        a = <Addition>x
        if hooks_of(a.leaf) is not None:
            if not exclusive(<PyObject *>a.total):  # a hook may write to it
                a.total = a.total.copy()
            a.total = hooked(hooks_of(a.leaf), a.total, "leaf")
            if not exclusive(<PyObject *>a.total):  # a hook has kept it
                a.total = a.total.copy()
    return 0


cdef inline bint in_place(PyObject *gradient, Py_ssize_t held) noexcept:
    """True if nobody but its owner, and we so many times, has a gradient."""
    return references(gradient) == 1 + held and cnp.PyArray_CheckExact(<object>gradient) \
        and owned_contiguous(<object>gradient)


cdef int prepare(list additions) except -1:
    """Make room for the sums, until nothing has changed while room was made: other threads, too, sweep and ask."""
    cdef bint again = True
    while again:
        again = False
        for x in additions:
            if not is_ready(<Addition>x):
                make_ready(<Addition>x)
        for x in additions:
            again = again or not is_ready(<Addition>x)
    return 0


cdef bint is_ready(Addition a) noexcept:
    """True if room was made, and what was found then still holds."""
    return a.ready and a.leaf.gradient is a.before and (a.fresh is not None or in_place(<PyObject *>a.before, 1)) \
        and same_shape(a.total, a.leaf.array)


cdef int make_ready(Addition a) except -1:
    if not same_shape(a.total, a.leaf.array):
        raise errors.used_with_shape(a.leaf, a.total.shape)
    a.before = a.fresh = None
    a.before = a.leaf.gradient
    if a.before is None:
        a.fresh = a.total
    elif not in_place(<PyObject *>a.before, 1):
        a.fresh = np.array(a.before, a.total.dtype, order="C", subok=False)
    a.ready = True
    return 0


cdef void apply_arrays(list additions) noexcept:
    """Add what was prepared. The old gradients die with the additions."""
    cdef Addition a
    for x in additions:
        a = <Addition>x
        if a.fresh is None:
            add_alike(a.before, a.total, False)
            continue
        if a.before is not None:
            add_alike(a.fresh, a.total, False)
        a.leaf.gradient = a.fresh


cdef inline bint has_gradient(Tape t, Py_ssize_t k) noexcept:
    """True if payload k's adjoint is to be added to a node's gradient."""
    return t.payload[k].adjoint != NULL and t.payload[k].value != NULL and t.payload[k].leaf == NULL


cdef int prepare_nodes(Tape t, Py_ssize_t root) except -1:
    """Give nodes gradients of their own. Nobody else gets at them: ``grad`` returns and takes copies."""
    cdef Py_ssize_t k
    cdef object before, own
    for k in range(first_payload(t, root + 1)):
        if has_gradient(t, k) and t.payload[k].grad != NULL and not exclusive(t.payload[k].grad):
            before = <object>t.payload[k].grad
            own = cnp.PyArray_NewCopy(<cnp.ndarray>before, cnp.NPY_CORDER)
            if t.payload[k].grad == <PyObject *>before:
                Py_INCREF(own)
                t.payload[k].grad = <PyObject *>own
                Py_DECREF(before)
    return 0


cdef void apply_nodes(Tape t, Py_ssize_t root) noexcept:
    """Add the adjoints of nodes to their gradients."""
    cdef Py_ssize_t k
    cdef Payload *p
    for k in range(first_payload(t, root + 1)):
        if not has_gradient(t, k):
            continue
        p = &t.payload[k]
        if p.grad != NULL:
            add_alike(<object>p.grad, <object>p.adjoint, False)
        else:
            p.grad, p.adjoint = p.adjoint, NULL
            t.bytes += cnp.PyArray_NBYTES(<cnp.ndarray>p.grad)


cdef int add_to_tensor(Tensor leaf, object seed) except -1:
    """``backward`` of a leaf: its seed is the total."""
    cdef list additions = [addition(leaf, seed)]
    ask_array_hooks(additions)
    prepare(additions)
    apply_arrays(additions)
    return 0
