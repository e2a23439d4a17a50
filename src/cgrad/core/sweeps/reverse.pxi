# core/sweeps/reverse.pxi: reverse and forward sweeps over the columns.
#
# Reverse, downwards: adj[b] += adj[i]*db; adj[a] += adj[i]*da. A plain number's index points to the
# node itself: what that adds to adj[i] is undone by writing adj[i] back.
#
# Two ways, one arithmetic. *Dense*: all nodes below the root in one sequential run; those outside
# the root's graph have a zero adjoint and are skipped. *Sparse*: a list of the graph's nodes, where it
# is a small part of what lies below, so that backward costs the size of the graph, not of the tape.
#
# A zero adjoint times an infinite partial is nan, inside the graph; outside it is nothing. A dense
# run cannot tell the two apart, so it stops at the first such node, the graph's nodes are marked, and
# the run goes on by the marks.

cdef enum:
    STRETCH = 1 << 20     # nodes swept between looks at signals
    RELEASE_FROM = 8192   # nodes from which the GIL is released
    KEEP_LIST = 1 << 16   # entries of a list's buffer that are kept for the next
    DENSE = 512           # nodes below the root up to which the dense way is taken unasked


cdef Py_ssize_t reverse_dense(const int32_t[::1] a, const int32_t[::1] b, const double[::1] da,
                              const double[::1] db, double[::1] adj, const uint8_t[::1] op,
                              const uint8_t[::1] used, Py_ssize_t hi, Py_ssize_t lo, bint marked) noexcept nogil:
    """Sweep the nodes hi .. lo downwards; gives the node it stopped at, below lo if done."""
    cdef Py_ssize_t i = hi, k
    cdef int32_t ai, bi
    cdef double g, x
    if hi < lo:
        return hi
    g = adj[i]
    while True:
        if cgrad_unlikely(g == 0):
            if marked:
                if used[i] & MEMBER and op[i] != OP_CONT:
                    i = scatter(a, b, da, db, adj, i, g)
                else:
                    i -= 1
            elif da[i]*0 + db[i]*0 != 0:
                while op[i] == OP_CONT:  # back up to the head, which was skipped
                    i += 1
                return i
            else:
                i -= 1
        else:
            ai, bi = a[i], b[i]
            if cgrad_unlikely(bi < 0):
                i = scatter(a, b, da, db, adj, i, g)
            else:
                adj[bi] += g*db[i]
                x = adj[ai] + g*da[i]
                adj[ai] = x
                adj[i] = g
                i -= 1
                if ai == i and i >= lo:  # a chain: its adjoint goes on in a register, and need not wait for memory
                    g = x
                    continue
        if i < lo:
            return i
        g = adj[i]


cdef int reverse_mixed(Tape t, const int32_t *order, Py_ssize_t n) except -1:
    """``reverse_sparse`` where the graph has arrays."""
    cdef Py_ssize_t m, i
    for m in range(n - 1, -1, -1):
        i = order[m]
        if t.op[i] & SPECIAL:
            pull(t, first_payload(t, i))
        elif t.op[i] == OP_ITEM:
            if t.adj[i] != 0:
                flow_item(t, i)
        elif t.op[i] != OP_CONT:
            scatter(t.a, t.b, t.da, t.db, t.adj, i, t.adj[i])
    return 0


cdef void reverse_sparse(Tape t, const int32_t *order, Py_ssize_t n) noexcept nogil:
    """The same over a list of nodes, ascending."""
    cdef Py_ssize_t m, i
    for m in range(n - 1, -1, -1):
        i = order[m]
        if t.op[i] == OP_CONT:
            continue
        scatter(t.a, t.b, t.da, t.db, t.adj, i, t.adj[i])


cdef struct Sweep:
    Py_ssize_t root     # the highest node
    bint dense          # the adjoints are adj[0 .. root]; else those of order
    Order order


cdef int begin(Tape t, str what, Sweep *s) except -1:
    """Take the tape for a sweep, and its buffer for a list."""
    awake(t)
    if t.sweeping or t.running:
        raise errors.busy(what, t)
    t.sweeping = True
    t.busy += 1
    s.order.node, s.order.n, s.order.room = t.listed, 0, t.listed_room
    t.listed, t.listed_room = NULL, 0
    return 0


cdef void end(Tape t, Sweep *s) noexcept:
    """Let go of the tape."""
    if s.order.room > KEEP_LIST:
        free(s.order.node)
    else:
        t.listed, t.listed_room = s.order.node, s.order.room
    t.sweeping = False
    t.busy -= 1
    if t.put_off:  # else walks that record would always be the ones to ask for room, and nothing be collected
        t.limit = t.top
    if t.live == 0:
        last_handle_gone(t)


cdef void abandon(Tape t) noexcept:
    """Undo what a sweep that failed has left in adj."""
    t.adj_live = 0
    drop_adjoints(t)


cdef int reverse(Tape t, const int32_t *roots, const double *seeds, Py_ssize_t n, Sweep *s) except -1:
    """Sweep from n roots down; afterwards adj holds the adjoints (of s.order's nodes, or all)."""
    cdef Py_ssize_t i, m, bottom, at, special, floor, top
    cdef bint marked = False
    s.root = 0
    for m in range(n):
        s.root = max(s.root, roots[m])
    s.dense = s.root < DENSE
    s.order.n = 0
    if not s.dense:
        try:
            for m in range(n):
                push(&s.order, t, roots[m])
            s.dense = not list_graph(t, &s.order, s.root >> 6)
        except MemoryError:  # a dense run takes none
            s.dense = True
    t.zero_adj(s.root + 1)
    for m in range(n):
        t.adj[roots[m]] += seeds[m]
    if not s.dense:
        if t.payloads:
            reverse_mixed(t, s.order.node, s.order.n)
        else:
            reverse_sparse(t, s.order.node, s.order.n)
        return 0
    at = top = s.root
    special = first_payload(t, at + 1) - 1
    try:
        while True:
            floor = t.payload[special].node + 1 if special >= 0 else 0
            if at < floor:  # a run of scalars is done
                if t.items:
                    flow_items(t, floor, top)
                if special < 0:
                    break
                pull(t, special)
                special -= 1
                at = top = floor - 2 + min(t.b[floor - 1], 0)  # below its continuations
                continue
            i = max(at - STRETCH + 1, floor)
            if marked or at - i < RELEASE_FROM:  # appends would write over the marks in ``used``
                i = floor if marked else i
                at = reverse_dense(t.a, t.b, t.da, t.db, t.adj, t.op, t.used, at, i, marked)
            else:
                at = stretch(t, at, i, marked)
                PyErr_CheckSignals()
            if at >= i:  # a zero met an infinite partial
                for m in range(n):
                    t.used[roots[m]] |= MEMBER
                mark_graph(t, s.root, &bottom)
                marked = True
    finally:
        if marked:
            for i in range(s.root + 1):
                t.used[i] &= ~MEMBER
    return 0


cdef Py_ssize_t stretch(Tape t, Py_ssize_t hi, Py_ssize_t lo, bint marked):
    """A dense run without the GIL; appends that need the columns moved wait for its end."""
    cdef Py_ssize_t at
    cdef const int32_t[::1] a = t.a, b = t.b
    cdef const double[::1] da = t.da, db = t.db
    cdef double[::1] adj = t.adj
    cdef const uint8_t[::1] op = t.op, used = t.used
    PyThread_acquire_lock(t.lock, 1)
    t.running = True
    with nogil:
        at = reverse_dense(a, b, da, db, adj, op, used, hi, lo, marked)
    t.running = False
    PyThread_release_lock(t.lock)
    return at
