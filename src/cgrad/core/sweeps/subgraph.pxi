# core/sweeps/subgraph.pxi: the graph below some roots, as a list of nodes in ascending order.

cdef struct Order:
    int32_t *node       # ascending; continuations included
    Py_ssize_t n, room


cdef inline int push(Order *o, Tape t, Py_ssize_t i) except -1:
    cdef void *more
    if t.used[i] & MEMBER:
        return 0
    if o.n == o.room:
        more = realloc(o.node, (2*o.room + 256)*sizeof(int32_t))
        if more == NULL:
            unmark(o, t)
            raise MemoryError("backward: no memory for the list of the graph's nodes")
        o.node = <int32_t *>more
        o.room = 2*o.room + 256
    t.used[i] |= MEMBER
    o.node[o.n] = <int32_t>i
    o.n += 1
    return 0


cdef int ascending(const void *x, const void *y) noexcept nogil:
    cdef int32_t i = (<const int32_t *>x)[0], j = (<const int32_t *>y)[0]
    return (i > j) - (i < j)


cdef void sort(int32_t *x, Py_ssize_t n) noexcept nogil:
    """The C library's sort, which asks for memory; by hand where there is little to do."""
    cdef Py_ssize_t m, k
    cdef int32_t i
    if n > 32:
        qsort(x, n, sizeof(int32_t), ascending)
        return
    for m in range(1, n):
        i, k = x[m], m
        while k and x[k - 1] > i:
            x[k] = x[k - 1]
            k -= 1
        x[k] = i


cdef void unmark(Order *o, Tape t) noexcept:
    cdef Py_ssize_t m
    for m in range(o.n):
        t.used[o.node[m]] &= ~MEMBER


cdef bint list_graph(Tape t, Order *o, Py_ssize_t most) except -1:
    """List the nodes below those already in o, ascending; False where there are more than ``most``.

    Breadth first, with the list itself as the queue. The caller frees o.node.
    """
    cdef Py_ssize_t m = 0, i, k
    try:
        while m < o.n:
            if o.n > most:
                return False
            i = o.node[m]
            m += 1
            push(o, t, t.a[i])
            if t.b[i] >= 0:
                push(o, t, t.b[i])
            else:
                for k in range(i + t.b[i], i):
                    push(o, t, k)
    finally:
        unmark(o, t)
    sort(o.node, o.n)
    return True


cdef void mark_graph(Tape t, Py_ssize_t root, Py_ssize_t *bottom) noexcept:
    """Mark the nodes below those that are marked already, from ``root`` down; nothing lies below bottom."""
    cdef Py_ssize_t i, k, low = root
    for i in range(root, -1, -1):
        if i < low:
            break
        if t.used[i] & MEMBER:
            t.used[t.a[i]] |= MEMBER
            low = min(low, t.a[i])
            if t.b[i] >= 0:
                t.used[t.b[i]] |= MEMBER
                low = min(low, t.b[i])
            else:
                for k in range(i + t.b[i], i):
                    t.used[k] |= MEMBER
                low = min(low, i + t.b[i])
    bottom[0] = low


cdef void list_marked(Tape t, Order *o, Py_ssize_t root, Py_ssize_t bottom) except *:
    """The marked nodes as a list; the marks are cleared."""
    cdef Py_ssize_t i, n = 0
    cdef void *more
    for i in range(bottom, root + 1):
        n += (t.used[i] & MEMBER) != 0
    if n > o.room:
        more = realloc(o.node, n*sizeof(int32_t))
        if more == NULL:
            for i in range(bottom, root + 1):
                t.used[i] &= ~MEMBER
            raise MemoryError("backward: no memory for the list of the graph's nodes")
        o.node = <int32_t *>more
        o.room = n
    o.n = 0
    for i in range(bottom, root + 1):
        if t.used[i] & MEMBER:
            t.used[i] &= ~MEMBER
            o.node[o.n] = <int32_t>i
            o.n += 1


cdef int whole_graph(Tape t, Order *o) except -1:
    """List the graph below the roots in o, however large."""
    cdef Py_ssize_t root = -1, m, bottom
    for m in range(o.n):
        root = max(root, o.node[m])
    cdef Py_ssize_t roots = o.n
    if list_graph(t, o, max(256, root >> 3)):
        return 0
    for m in range(roots):
        t.used[o.node[m]] |= MEMBER
    mark_graph(t, root, &bottom)
    list_marked(t, o, root, bottom)
    return 0


cdef int graph_of(Tape t, list outs, Order *o) except -1:
    """List the nodes below the outputs."""
    for v in outs:
        if (<Handle>v).node:
            push(o, t, (<Handle>v).index)
    return whole_graph(t, o)
