# core/sweeps/sweep.pxi: a tape is taken for a sweep, and given back.

cdef enum:
    KEEP_LIST = 1 << 16   # entries of a list's buffer that are kept for the next sweep


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
    t.sweeper = PyThread_get_thread_ident()
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
