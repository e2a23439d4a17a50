# core/tape/slots.pxi: which leaf a slot belongs to, and which living handle a node has.

cdef inline Py_ssize_t lower_bound(const int32_t *first, size_t stride, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Index of the first of n ascending numbers, ``stride`` bytes apart, that is at least i; n if there is none."""
    cdef Py_ssize_t lo = 0, hi = n, mid
    while lo < hi:
        mid = (lo + hi) >> 1
        if (<const int32_t *>(<const char *>first + mid*stride))[0] < i:
            lo = mid + 1
        else:
            hi = mid
    return lo


cdef Py_ssize_t first_slot(Tape t, Py_ssize_t i) noexcept:
    """The first leaf slot at node i or above."""
    return lower_bound(t.slot_node, sizeof(int32_t), t.slots, i)


cdef inline PyObject *leaf_at(Tape t, Py_ssize_t i) noexcept:
    """The leaf of slot i, borrowed."""
    return t.slot_leaf[first_slot(t, i)]


cdef void forget_places(Tape t) noexcept:
    """Drop the table of ``handle_at``, as nodes are about to move."""
    free(t.where)
    t.where = NULL
    t.needs_slow_path = t.tracked


cdef PyObject *handle_at(Tape t, Py_ssize_t i) except? NULL:
    """The living handle of node i, borrowed; NULL if there is none."""
    cdef Py_ssize_t k
    if t.where == NULL:
        t.where = <int32_t *>calloc(t.capacity, sizeof(int32_t))
        if t.where == NULL:
            raise errors.no_memory(t.capacity, t.capacity*sizeof(int32_t))
        t.needs_slow_path = True
        for k in range(t.live):
            t.where[(<Handle>t.live_handles[k]).index] = <int32_t>(k + 1)
    return t.live_handles[t.where[i] - 1] if t.where[i] else NULL


cdef inline Py_ssize_t moved(Tape t, Py_ssize_t i) noexcept:
    """The new index of node i during a collection; -1 if it is gone."""
    return <Py_ssize_t>t.adj[i] if t.adj[i] >= 0 else -1


cdef inline void remove_handle(Tape t, PyObject *h) noexcept:
    """Take h off the tape's list of living handles; the caller checks whether it was the last."""
    cdef Py_ssize_t n = t.live - 1
    cdef PyObject *last = t.live_handles[n]
    t.live_handles[(<Handle>h).position] = last
    (<Handle>last).position = (<Handle>h).position
    t.live = n
    if cgrad_unlikely(t.needs_slow_path):
        if t.where != NULL:
            t.where[(<Handle>last).index] = (<Handle>h).position + 1
            t.where[(<Handle>h).index] = 0
