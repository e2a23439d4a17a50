# core/sweeps/reverse.pxi: reverse sweeps over the columns.
#
# Downwards, for each node i of the roots' graph: adj[operand] += adj[i]*partial, by ``scatter`` and ``pullback``
# (core/sweeps/adjoint.pxi). One arithmetic, in one order; the ways differ in which nodes they come by and where the
# adjoints are kept:
#
#   dense    all entries below the root in one sequential run, adjoints in the column adj. What is outside the graph has
#            a zero adjoint and is skipped. The fastest for each node; runs of scalars go without the GIL.
#   list     the nodes of a Subgraph, adjoints in adj: where the graph is a small part of what lies below the root, so
#            that backward costs the size of the graph, not of the tape.
#   few      at most FEW nodes, adjoints in a sorted list on the stack (core/sweeps/backward.pxi): no column is touched.
#   rows     the nodes of a Subgraph for several seeds at once, adjoints in a row of one number a seed.
#
# Recorded sweeps (core/sweeps/record.pxi) append the same sums as nodes; programs emit them as graphs
# (core/program/autodiff.pxi).
#
# A zero adjoint times an infinite partial is nan inside the graph; outside it is nothing. A dense run cannot tell the
# two apart, so it stops at the first such node, the graph's nodes are marked, and the run goes on by the marks.

cdef enum:
    STRETCH = 1 << 20     # nodes swept between checks for signals
    RELEASE_FROM = 8192   # nodes from which the GIL is released
    KEEP_LIST = 1 << 16   # entries of a list's buffer that are kept for the next sweep
    DENSE = 512           # nodes below the root up to which the dense way is taken without a search


cdef struct Sweep:
    Py_ssize_t root     # the highest node
    bint dense          # the adjoints are adj[0 .. root]; else those of the graph's nodes
    Subgraph graph


cdef inline Py_ssize_t sweep_size(const Sweep *s) noexcept nogil:
    """Number of entries that the sweep has covered."""
    return s.root + 1 if s.dense else s.graph.n


cdef inline Py_ssize_t sweep_node(const Sweep *s, Py_ssize_t m) noexcept nogil:
    """The m-th of those entries, ascending."""
    return m if s.dense else s.graph.node[m]


cdef int begin_sweep(Tape t, str what, Sweep *s) except -1:
    """Take the tape for a sweep, and its buffer for a list of nodes."""
    reset_after_fork(t)
    if t.sweeping or t.running:
        raise errors.busy(what, t)
    t.sweeping = True
    t.pinned += 1
    s.graph.node, s.graph.n, s.graph.room = t.listed, 0, t.listed_room
    t.listed, t.listed_room = NULL, 0
    return 0


cdef void end_sweep(Tape t, Sweep *s) noexcept:
    """Let go of the tape."""
    if s.graph.room > KEEP_LIST:
        free(s.graph.node)
    else:
        t.listed, t.listed_room = s.graph.node, s.graph.room
    t.sweeping = False
    t.pinned -= 1
    if t.collect_deferred:  # else only recorded sweeps would ever ask for room, and nothing be collected
        t.limit = t.top
    if t.live == 0:
        last_handle_gone(t)


cdef void abandon_sweep(Tape t) noexcept:
    """Undo what a failed sweep has left in adj."""
    t.adj_live = 0
    drop_adjoints(t)


cdef int reverse(Tape t, const int32_t *roots, const double *seeds, Py_ssize_t n, Sweep *s) except -1:
    """Sweep from n roots down; afterwards adj holds the adjoints of the entries that ``sweep_node`` lists."""
    cdef Py_ssize_t m
    choose_way(t, roots, n, s)
    t.zero_adj(s.root + 1)
    for m in range(n):
        t.adj[roots[m]] += seeds[m]
    return reverse_dense(t, roots, n, s.root) if s.dense else reverse_list(t, &s.graph)


cdef int choose_way(Tape t, const int32_t *roots, Py_ssize_t n, Sweep *s) except -1:
    """List the graph where it is a small part of what lies below the roots; else the sweep is dense."""
    cdef Py_ssize_t m
    s.root = 0
    for m in range(n):
        s.root = max(s.root, roots[m])
    s.dense = s.root < DENSE
    s.graph.n = 0
    if not s.dense:
        try:
            for m in range(n):
                push(&s.graph, t, roots[m])
            s.dense = not list_graph(t, &s.graph, s.root >> 6)
        except MemoryError:  # a dense run takes none
            s.dense = True
    return 0


# ---- list ----------------------------------------------------------------------------------------

cdef int reverse_list(Tape t, const Subgraph *g) except -1:
    cdef Py_ssize_t m, i
    cdef int op
    for m in range(g.n - 1, -1, -1):
        i = g.node[m]
        op = t.op[i]
        if cgrad_unlikely(op & SPECIAL or op == OP_ITEM):
            if op & SPECIAL:
                pullback(t, first_payload(t, i))
            elif t.adj[i] != 0:
                accumulate_item(t, i)
        elif op != OP_LEAF and op != OP_CONT:
            scatter(t.a, t.b, t.da, t.db, t.adj, i, t.adj[i])
    return 0


# ---- dense ---------------------------------------------------------------------------------------

cdef int reverse_dense(Tape t, const int32_t *roots, Py_ssize_t n, Py_ssize_t root) except -1:
    """Runs of scalar nodes, and the special nodes between them."""
    cdef Py_ssize_t special = first_payload(t, root + 1) - 1, top = root, floor
    cdef bint marked = False
    try:
        while True:
            floor = t.payload[special].node + 1 if special >= 0 else 0
            reverse_scalars(t, top, floor, roots, n, &marked)
            if t.items:
                accumulate_items(t, floor, top)
            if special < 0:
                return 0
            pullback(t, special)
            special -= 1
            top = lowest_entry(t.b, floor - 1) - 1
    finally:
        if marked:
            unmark_range(t, 0, root)


cdef int reverse_scalars(Tape t, Py_ssize_t top, Py_ssize_t floor, const int32_t *roots, Py_ssize_t n,
                         bint *marked) except -1:
    """Sweep the scalar nodes top .. floor, in stretches; ``marked``: the graph's nodes are marked, here or before."""
    cdef Py_ssize_t at = top, lo, m, root = 0
    while at >= floor:
        lo = max(at - STRETCH + 1, floor)
        if marked[0] or at - lo < RELEASE_FROM:  # appends would write over the marks in ``used``
            lo = floor if marked[0] else lo
            at = dense_run(t.a, t.b, t.da, t.db, t.adj, t.op, t.used, at, lo, marked[0])
        else:
            at = released_run(t, at, lo)
            PyErr_CheckSignals()
        if at >= lo:  # a zero met an infinite partial
            for m in range(n):
                t.used[roots[m]] |= MEMBER
                root = max(root, roots[m])
            mark_graph(t, root)
            marked[0] = True
    return 0


cdef Py_ssize_t released_run(Tape t, Py_ssize_t hi, Py_ssize_t lo):
    """A dense run without the GIL; appends that need the columns moved wait for its end."""
    cdef Py_ssize_t at
    cdef const int32_t[::1] a = t.a, b = t.b
    cdef const double[::1] da = t.da, db = t.db
    cdef double[::1] adj = t.adj
    cdef const uint8_t[::1] op = t.op, used = t.used
    PyThread_acquire_lock(t.lock, 1)
    t.running = True
    with nogil:
        at = dense_run(a, b, da, db, adj, op, used, hi, lo, False)
    t.running = False
    PyThread_release_lock(t.lock)
    return at


cdef Py_ssize_t dense_run(const int32_t[::1] a, const int32_t[::1] b, const double[::1] da,
                          const double[::1] db, double[::1] adj, const uint8_t[::1] op,
                          const uint8_t[::1] used, Py_ssize_t hi, Py_ssize_t lo, bint marked) noexcept nogil:
    """Sweep the scalar nodes hi .. lo; return the node it stopped at, below lo when done."""
    cdef Py_ssize_t i = hi
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
                if ai == i and i >= lo:  # a chain: its adjoint stays in a register instead of going through memory
                    g = x
                    continue
        if i < lo:
            return i
        g = adj[i]


# ---- rows ----------------------------------------------------------------------------------------

cdef void reverse_rows(Tape t, const Subgraph *g, double[:, ::1] adj) noexcept:
    """Several seeds over scalar nodes: adj[i] is a row of one adjoint a seed."""
    cdef Py_ssize_t m, i, j, k
    for m in range(g.n - 1, -1, -1):
        i = g.node[m]
        if t.op[i] == OP_CONT or t.op[i] == OP_LEAF:
            continue
        for k in range(lowest_entry(t.b, i), i + 1):
            j = second_operand(t.b, k)
            if j != k:
                add_row(adj, j, i, t.db[k])
            if t.a[k] != k:
                add_row(adj, t.a[k], i, t.da[k])


cdef inline void add_row(double[:, ::1] rows, Py_ssize_t to, Py_ssize_t of, double factor) noexcept nogil:
    """rows[to] += rows[of]*factor."""
    cdef Py_ssize_t k
    for k in range(rows.shape[1]):
        rows[to, k] += rows[of, k]*factor
