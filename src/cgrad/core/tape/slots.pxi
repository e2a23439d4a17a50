# core/tape/slots.pxi: which leaf a slot belongs to, and which living handle a node has.

cdef Py_ssize_t first_slot(Tape t, Py_ssize_t i) noexcept:
    """The first leaf slot that is at node i or above."""
    cdef Py_ssize_t lo = 0, hi = t.slots, mid
    while lo < hi:
        mid = (lo + hi)//2
        if t.slot_node[mid] < i:
            lo = mid + 1
        else:
            hi = mid
    return lo


cdef inline PyObject *leaf_at(Tape t, Py_ssize_t i) noexcept:
    """The leaf of slot i, borrowed."""
    return t.slot_leaf[first_slot(t, i)]


cdef void forget_places(Tape t) noexcept:
    """Nodes move: where their handles are will be asked anew."""
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
