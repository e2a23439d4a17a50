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
# These multiply and add, whatever was chosen: an operand that was not gets 0. That is right unless a factor is infinite
# or nan, and then a nan comes out; a dense run, which skips zeros, stops where one meets an infinite partial. Adjoints
# in which there is no nan are right. Where one turns up the sweep begins anew, carefully (core/sweeps/reach.pxi).

cdef enum:
    STRETCH = 1 << 20     # nodes swept between checks for signals
    RELEASE_FROM = 8192   # nodes from which the GIL is released
    DENSE = 512           # nodes below the root up to which the dense way is taken without a search


cdef int reverse(Tape t, const int32_t *roots, const double *seeds, Py_ssize_t n, list arrays, Sweep *s) except -1:
    """Sweep from n roots down; afterwards adj holds the adjoints of the entries that ``sweep_node`` lists.

    arrays: the (node, seed) of roots that are arrays, None where there are none.
    """
    choose_way(t, roots, n, s)
    t.doubtful = False
    try:
        seed_roots(t, roots, seeds, n, arrays, s)
        if s.dense:
            reverse_dense(t, roots, n, s.root)
        else:
            reverse_list(t, &s.graph)
        if not t.doubtful:
            look_for_nan(t, s)
        if t.doubtful:
            drop_adjoints(t)
            clear_swept(t, s)
            seed_roots(t, roots, seeds, n, arrays, s)
            reverse_reached(t, roots, n, s)
    finally:
        t.answers = None
    return 0


cdef int seed_roots(Tape t, const int32_t *roots, const double *seeds, Py_ssize_t n, list arrays, Sweep *s) except -1:
    cdef Py_ssize_t m
    t.zero_adj(s.root + 1)
    for m in range(n):
        t.adj[roots[m]] += seeds[m]
    if arrays is not None:
        for i, seed in arrays:
            accumulate_adjoint(t, i, seed, "seed", 0)
    return 0


cdef void clear_swept(Tape t, const Sweep *s) noexcept:
    """Clear the adjoints of numbers that a sweep has come to."""
    cdef Py_ssize_t m
    for m in range(sweep_size(s)):
        t.adj[sweep_node(s, m)] = 0


cdef int look_for_nan(Tape t, const Sweep *s) except -1:
    """Mark the sweep as doubtful if a leaf's adjoint has a nan: on the way down none is lost (``pullback``)."""
    cdef Py_ssize_t k
    cdef Payload *p
    cdef const double *adj = &t.adj[0]
    cdef bint found = False
    if s.dense:
        for k in range(first_slot(t, s.root + 1)):
            found |= adj[t.slot_node[k]] != adj[t.slot_node[k]]
    else:
        for k in range(s.graph.n):
            found |= adj[s.graph.node[k]] != adj[s.graph.node[k]]
    if found or not t.payloads:
        t.doubtful = found
        return 0
    for k in range(first_payload(t, s.root + 1)):
        p = &t.payload[k]
        if p.leaf != NULL and p.adjoint != NULL and has_nan(<object>p.adjoint):
            t.doubtful = True
            return 0
    return 0


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
            else:
                accumulate_item(t, i)
            if t.doubtful:
                return 0
        elif op != OP_LEAF and op != OP_CONT:
            scatter(t.a, t.b, t.da, t.db, t.adj, i, t.adj[i])
    return 0


# ---- dense ---------------------------------------------------------------------------------------

cdef int reverse_dense(Tape t, const int32_t *roots, Py_ssize_t n, Py_ssize_t root) except -1:
    """Runs of scalar nodes, and the special nodes between them."""
    return reverse_mixed(t, roots, n, root) if t.payloads else reverse_scalars(t, root, 0)


cdef int reverse_mixed(Tape t, const int32_t *roots, Py_ssize_t n, Py_ssize_t root) except -1:
    cdef Py_ssize_t special = first_payload(t, root + 1) - 1, top = root, floor
    cdef uint8_t[::1] members = None
    while True:
        floor = t.payload[special].node + 1 if special >= 0 else 0
        reverse_scalars(t, top, floor)
        if t.items:
            accumulate_items(t, floor, top)
        if special < 0 or t.doubtful:
            return 0
        if not idle(t, &t.payload[special]):
            pullback(t, special)
        else:
            if members is None:
                members = members_below(t, roots, n, root)
            if members[floor - 1]:
                pullback(t, special)
        if t.doubtful:
            return 0
        special -= 1
        top = lowest_entry(t.b, floor - 1) - 1


cdef uint8_t[::1] members_below(Tape t, const int32_t *roots, Py_ssize_t n, Py_ssize_t root):
    """Node -> whether it belongs to the roots' graph."""
    cdef uint8_t[::1] members = np.zeros(root + 1, np.uint8)
    cdef Py_ssize_t m, i
    for m in range(n):
        t.used[roots[m]] |= MEMBER
    for i in range(mark_graph(t, root), root + 1):
        members[i] = (t.used[i] & MEMBER) != 0
        t.used[i] &= ~MEMBER
    return members


cdef int reverse_scalars(Tape t, Py_ssize_t top, Py_ssize_t floor) except -1:
    """Sweep the scalar nodes top .. floor, in stretches."""
    cdef Py_ssize_t at = top, lo
    while at >= floor:
        lo = max(at - STRETCH + 1, floor)
        if at - lo < RELEASE_FROM:
            at = dense_run(t.a, t.b, t.da, t.db, t.adj, at, lo)
        else:
            at = released_run(t, at, lo)
            PyErr_CheckSignals()
        if at >= lo:
            t.doubtful = True
            return 0
    return 0


cdef Py_ssize_t released_run(Tape t, Py_ssize_t hi, Py_ssize_t lo):
    """A dense run without the GIL; appends that need the columns moved wait for its end."""
    cdef Py_ssize_t at
    cdef const int32_t[::1] a = t.a, b = t.b
    cdef const double[::1] da = t.da, db = t.db
    cdef double[::1] adj = t.adj
    PyThread_acquire_lock(t.lock, 1)
    t.running = True
    with nogil:
        at = dense_run(a, b, da, db, adj, hi, lo)
    t.running = False
    PyThread_release_lock(t.lock)
    return at


cdef Py_ssize_t dense_run(const int32_t[::1] a, const int32_t[::1] b, const double[::1] da,
                          const double[::1] db, double[::1] adj, Py_ssize_t hi, Py_ssize_t lo) noexcept nogil:
    """Sweep the scalar nodes hi .. lo; return the node it stopped at in doubt, below lo when done."""
    cdef Py_ssize_t i = hi
    cdef int32_t ai, bi
    cdef double g, x
    if hi < lo:
        return hi
    g = adj[i]
    while True:
        if cgrad_unlikely(g == 0):
            if da[i]*0 + db[i]*0 != 0:
                return i
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
