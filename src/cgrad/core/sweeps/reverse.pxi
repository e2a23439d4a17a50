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
    FEW = 32              # nodes of a graph that needs no columns
    SWAP_FROM = 1024      # nodes from which columns are exchanged rather than copied


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


cdef inline Py_ssize_t scatter(const int32_t[::1] a, const int32_t[::1] b, const double[::1] da,
                               const double[::1] db, double[::1] adj, Py_ssize_t i, double g) noexcept nogil:
    """Any node's contributions, with its continuations'; gives the next node down."""
    cdef Py_ssize_t k, last = i
    if b[i] >= 0:
        adj[b[i]] += g*db[i]
    else:
        last = i + b[i]
        for k in range(last, i):
            adj[b[k]] += g*db[k]
            adj[a[k]] += g*da[k]
            adj[k] = 0
    adj[a[i]] += g*da[i]
    adj[i] = g
    return last - 1


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


# ---- the graph below some roots --------------------------------------------------------------------

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


# ---- one reverse sweep -----------------------------------------------------------------------------

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
        deserted(t)


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


cdef inline bint finite(double x) noexcept nogil:
    return c_fabs(x) < INFINITY


cdef Py_ssize_t source(Tape t, Sweep *s, Py_ssize_t x) noexcept:
    """The operation that gave node x an adjoint that is not finite; x itself where none alone did."""
    cdef Py_ssize_t m, i, k
    cdef double g
    cdef int zeros
    for zeros in range(2):  # 0*inf last: a dense run has zeros outside the graph too
        for m in range(s.root if s.dense else s.order.n - 1, -1, -1):
            i = m if s.dense else s.order.node[m]
            if i <= x:
                break
            g = t.adj[i]
            if t.op[i] == OP_CONT or (g == 0) != zeros:
                continue
            if (t.a[i] == x and not finite(g*t.da[i])) or (t.b[i] == x and not finite(g*t.db[i])):
                return i
            for k in range(i + min(t.b[i], 0), i):
                if (t.a[k] == x and not finite(g*t.da[k])) or (t.b[k] == x and not finite(g*t.db[k])):
                    return i
    return x


cdef int look_for_anomaly(Tape t, Sweep *s) except -1:
    """Under detect_anomaly: refuse the first nan or inf that the sweep came to."""
    cdef Py_ssize_t i, m
    cdef str what = "adjoint"
    if not (<Context>context()).anomaly:
        return 0
    for m in range(s.root if s.dense else s.order.n - 1, -1, -1):
        i = m if s.dense else s.order.node[m]
        if not (c_fabs(t.adj[i]) < INFINITY) and not is_array(t, i):
            value = t.adj[i]
            m = source(t, s, i)
            if m != i:
                i, what = m, "adjoint of an operand"
            where = t.lines.get(i, "recorded outside detect_anomaly") if t.lines is not None else \
                "recorded outside detect_anomaly"
            if t.op[i] == OP_LEAF:
                where = "an operand of a line recorded before"
            operands = [(name_of(t, x), value_of(t, x)) if type(x) is int else ("", x) for x in arguments(t, i)]
            if t.op[i] == OP_LEAF:
                operands = [(name_of(t, i), t.val[i])]
            raise errors.anomaly(op_name(t, i), value, operands, where, what)
    for m in range(first_payload(t, s.root + 1) - 1, -1, -1):
        if t.payload[m].value != NULL and t.payload[m].adjoint != NULL:
            adjoint = np.asarray(<object>t.payload[m].adjoint)
            bad = adjoint[~np.isfinite(adjoint)]
            if bad.size:
                i = array_source(t, t.payload[m].node, s.root)
                where = t.lines.get(i, "recorded outside detect_anomaly") if t.lines is not None else \
                    "recorded outside detect_anomaly"
                raise errors.array_anomaly(op_name(t, i), bad.flat[0], adjoint.shape, [], where, "adjoint")
    return 0


cdef Py_ssize_t array_source(Tape t, Py_ssize_t x, Py_ssize_t root) except -1:
    """The operation that gave array x an adjoint that is not finite: the one with a finite adjoint of its own."""
    cdef Py_ssize_t k, i
    for k in range(first_payload(t, root + 1) - 1, -1, -1):
        i = t.payload[k].node
        if i <= x:
            break
        if x in [j for j in arguments(t, i) if type(j) is int] and (t.payload[k].adjoint != NULL or t.adj[i] != 0) \
                and np.isfinite(adjoint_of(t, &t.payload[k])).all():
            return i
    return x


cdef bint leaf_hooks = False  # some leaf has a hook


cdef int ask_leaf_hooks(Tape t, Py_ssize_t root) except -1:
    """Let the hooks of leaves change what they will get. Python runs here, before anything is added."""
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
    cdef Py_ssize_t i, m, n = s.order.n
    cdef int turn
    if t.payloads:
        commit_arrays(t, s.root)
    for turn in range(2):  # several slots may lead to one leaf: their sum is added in one rounding
        if s.dense:
            for m in range(first_slot(t, s.root + 1)):
                add_to_leaf(t.slot_leaf[m], t.adj[t.slot_node[m]], turn)
        else:
            for m in range(n):
                i = s.order.node[m]
                if t.op[i] == OP_LEAF:
                    add_to_leaf(leaf_at(t, i), t.adj[i], turn)
        if turn == 0 and leaf_hooks:
            ask_leaf_hooks(t, s.root)
    if s.dense and not t.grad_any and s.root >= SWAP_FROM:  # adj becomes grad; the old one is zeroed when needed
        t.swap()
        t.grad_live, t.adj_live = s.root + 1, 0
    else:
        t.zero_grad(s.root + 1)
        for m in range(s.root + 1 if s.dense else n):
            i = m if s.dense else s.order.node[m]
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


# ---- backward --------------------------------------------------------------------------------------

cdef bint flow_few(int32_t *node, double *g, Py_ssize_t *n, Py_ssize_t m, Py_ssize_t to, double x) noexcept:
    """Add x to the adjoint of ``to`` in the list (descending from its entry m on); False where it is full."""
    cdef Py_ssize_t k = n[0], j
    while node[k - 1] < to:
        k -= 1
    if node[k - 1] == to:
        g[k - 1] += x
        return True
    if n[0] == FEW:
        return False
    for j in range(n[0], k, -1):
        node[j], g[j] = node[j - 1], g[j - 1]
    node[k], g[k] = <int32_t>to, 0.0 + x
    n[0] += 1
    return True


cdef bint backward_few(Tape t, Py_ssize_t root, double seed) noexcept:
    """All of backward where the graph has few nodes: a list in order with the adjoints beside it, no columns.

    False where there are more: then nothing has been done.
    """
    cdef int32_t[FEW] node
    cdef double[FEW] g
    cdef Py_ssize_t n = 1, m = 0, i, k
    node[0], g[0] = <int32_t>root, seed
    if leaf_hooks:
        return False
    while m < n:
        i = node[m]
        if t.op[i] & SPECIAL or t.op[i] == OP_ITEM:
            return False
        if t.b[i] >= 0 and t.b[i] != i and not flow_few(node, g, &n, m, t.b[i], g[m]*t.db[i]):
            return False
        for k in range(i + t.b[i] if t.b[i] < 0 else i, i):
            if t.b[k] != k and not flow_few(node, g, &n, m, t.b[k], g[m]*t.db[k]):
                return False
            if t.a[k] != k and not flow_few(node, g, &n, m, t.a[k], g[m]*t.da[k]):
                return False
        if t.a[i] != i and not flow_few(node, g, &n, m, t.a[i], g[m]*t.da[i]):
            return False
        m += 1
    t.zero_grad(root + 1)
    t.grad_any = True
    for m in range(n):
        t.grad[node[m]] += g[m]
        if t.op[node[m]] == OP_LEAF:
            add_to_leaf(leaf_at(t, node[m]), g[m], 0)
    for m in range(n):
        if t.op[node[m]] == OP_LEAF:
            add_to_leaf(leaf_at(t, node[m]), 0, 1)
    return True


cdef int backward(Value v, double seed) except -1:
    cdef Tape t
    cdef Sweep s
    cdef int32_t root
    if traces:
        refuse_effect("backward")
    if not v.node:
        if leaf_hooks and v.extra is not None and (<Extra>v.extra).hooks is not None:
            seed = plain(hooked((<Extra>v.extra).hooks, seed, "leaf"))
        v.adjoint += seed
        return 0
    check_node(v, "backward")
    t = <Tape>v.home
    if v.index >= DENSE and not (modes or t.sweeping) and backward_few(t, v.index, seed):
        return 0
    begin(t, "backward", &s)
    try:
        root = v.index
        reverse(t, &root, &seed, 1, &s)
        if modes:
            look_for_anomaly(t, &s)
        commit(t, &s)
    except BaseException:
        abandon(t)
        raise
    finally:
        end(t, &s)
    return 0
