# core/sweeps/subgraph.pxi: the graph below some roots, as a list of nodes in ascending order.
#
# Two ways to find it. *Breadth first*, with the list itself as the queue, then sorted: costs the size of the graph. *By
# marks*: one descending pass over everything between the roots and the graph's lowest node, for graphs that are a
# large part of the tape. Both mark nodes with MEMBER in the column ``used``, and clear the marks.

cdef struct Subgraph:
    int32_t *node       # ascending; continuations included
    Py_ssize_t n, room


cdef inline int push(Subgraph *g, Tape t, Py_ssize_t i) except -1:
    """Add node i and mark it, unless it is marked."""
    if t.used[i] & MEMBER:
        return 0
    if g.n == g.room:
        widen(g, t, 2*g.room + 256)
    t.used[i] |= MEMBER
    g.node[g.n] = <int32_t>i
    g.n += 1
    return 0


cdef int widen(Subgraph *g, Tape t, Py_ssize_t wanted) except -1:
    """Ensure room for ``wanted`` nodes; without memory the listed nodes lose their marks."""
    if wanted > g.room:
        try:
            g.node = <int32_t *>grown(g.node, wanted, sizeof(int32_t))
        except MemoryError:
            unmark(g, t)
            raise
        g.room = wanted
    return 0


cdef void unmark(Subgraph *g, Tape t) noexcept:
    cdef Py_ssize_t m
    for m in range(g.n):
        t.used[g.node[m]] &= ~MEMBER


cdef int ascending(const void *x, const void *y) noexcept nogil:
    cdef int32_t i = (<const int32_t *>x)[0], j = (<const int32_t *>y)[0]
    return (i > j) - (i < j)


cdef void sort(int32_t *x, Py_ssize_t n) noexcept nogil:
    """Sort n indices: by insertion where they are few, as the C library's sort asks for memory."""
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


cdef bint list_graph(Tape t, Subgraph *g, Py_ssize_t most) except -1:
    """List the nodes below the roots in g, breadth first; False where there are more than ``most``."""
    cdef Py_ssize_t m = 0, i, k
    cdef Span further
    try:
        while m < g.n:
            if g.n > most:
                return False
            i = g.node[m]
            m += 1
            push(g, t, t.a[i])
            further = further_entries(t.b, i)
            for k in range(further.first, further.stop):
                push(g, t, k)
    finally:
        unmark(g, t)
    sort(g.node, g.n)
    return True


cdef Py_ssize_t mark_graph(Tape t, Py_ssize_t root) noexcept:
    """Mark the nodes below those already marked, from ``root`` down; return the lowest."""
    cdef Py_ssize_t i, low = root
    for i in range(root, -1, -1):
        if i < low:
            break
        if t.used[i] & MEMBER:
            mark_operands(t.used, t.a, t.b, i, MEMBER)
            low = min(low, t.a[i], further_entries(t.b, i).first)
    return low


cdef int list_marked(Tape t, Subgraph *g, Py_ssize_t bottom, Py_ssize_t root) except -1:
    """List the marked nodes in bottom .. root and clear their marks."""
    cdef Py_ssize_t i, n = 0
    for i in range(bottom, root + 1):
        n += (t.used[i] & MEMBER) != 0
    g.n = 0
    try:
        widen(g, t, n)
    except MemoryError:
        unmark_range(t, bottom, root)
        raise
    for i in range(bottom, root + 1):
        if t.used[i] & MEMBER:
            t.used[i] &= ~MEMBER
            g.node[g.n] = <int32_t>i
            g.n += 1
    return 0


cdef int whole_graph(Tape t, Subgraph *g) except -1:
    """List the graph below the roots in g, however large."""
    cdef Py_ssize_t root = -1, m, roots = g.n
    for m in range(roots):
        root = max(root, g.node[m])
    if list_graph(t, g, max(256, root >> 3)):
        return 0
    for m in range(roots):
        t.used[g.node[m]] |= MEMBER
    list_marked(t, g, mark_graph(t, root), root)
    return 0


cdef int graph_of(Tape t, list outs, Subgraph *g) except -1:
    """List the graph below the outputs."""
    for v in outs:
        if (<Handle>v).node:
            push(g, t, (<Handle>v).index)
    return whole_graph(t, g)
