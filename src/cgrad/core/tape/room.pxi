# core/tape/room.pxi: room for nodes, handles and leaf slots: storage kept for reuse, growth, and when to collect.

# Storage of dead tapes, for new ones. Together with the idle storage of the running thread's own tape it stays within
# KEEP_NODES touched entries.
cdef list spare = []
cdef Py_ssize_t spare_nodes = 0


cdef int take_storage(Tape t) except -1:
    """Give a new tape its storage."""
    cdef Columns c
    global spare_nodes
    if spare:
        c = <Columns>spare.pop()
        spare_nodes -= c.peak
        t.take(c)
    else:
        t.open()
    return 0


cdef int keep_storage(Tape t) except -1:
    """Keep a dying tape's storage for later tapes, within bounds."""
    cdef Columns c
    cdef Py_ssize_t kept = spare_nodes
    global spare_nodes
    if t.buffers is None or len(spare) >= 16:
        return 0
    if seen_context != NULL and (<Context>seen_context).own is not None:
        kept += (<Context>seen_context).own.peak
    t.trim(max(KEEP_NODES - kept, FIRST_ROOM))
    c = Columns.__new__(Columns)
    c.take(t)
    spare.append(c)
    spare_nodes += c.peak
    return 0


cdef void trim_idle(Tape t, Py_ssize_t keep) noexcept:
    """Give memory of a tape back that has become small: ``keep`` entries stay, spare storage included."""
    global spare_nodes
    if t.peak <= KEEP_NODES >> 4 or t.peak + spare_nodes <= keep:
        return
    if spare_nodes:
        spare.clear()
        spare_nodes = 0
    t.trim(keep)


cdef void set_limit(Tape t) noexcept:
    """Set the node at which appends stop to make room, or to collect; up to there they need not ask."""
    t.limit = t.top if COLLECT_ALWAYS else min(t.capacity - SLACK, t.top + YOUNG)
    if t.handle_room < t.live + t.limit - t.top + SLACK:
        t.limit = t.top


cdef void *grown(void *memory, Py_ssize_t wanted, size_t size) except NULL:
    """``memory`` with room for ``wanted`` entries of ``size`` bytes; MemoryError leaves it as it was."""
    cdef void *more = realloc(memory, wanted*size)
    if more == NULL:
        raise errors.no_memory(wanted, wanted*size)
    return more


cdef int room_for_handles(Tape t, Py_ssize_t wanted) except -1:
    """Ensure room for ``wanted`` living handles."""
    if t.handle_room < wanted:
        wanted = max(wanted, 2*t.handle_room)
        t.live_handles = <PyObject **>grown(t.live_handles, wanted, sizeof(PyObject *))
        t.handle_room = wanted
    return 0


cdef int slot_room(Tape t) except -1:
    """Ensure room for one more leaf slot."""
    cdef Py_ssize_t wanted = 2*t.slot_room + 64
    if t.slots == t.slot_room:
        t.slot_leaf = <PyObject **>grown(t.slot_leaf, wanted, sizeof(PyObject *))
        t.slot_node = <int32_t *>grown(t.slot_node, wanted, sizeof(int32_t))
        t.slot_room = wanted
    return 0


cdef void reset_after_fork(Tape t) noexcept:
    """In a forked child: the parent's other threads are gone, and their sweeps with them.

    A sweep that forks, in a hook, goes on.
    """
    cdef void *lock
    if t.generation == generation:
        return
    t.generation = generation
    t.running = False
    lock = PyThread_allocate_lock()  # the old one may be held for ever
    if lock != NULL:
        t.lock = lock
    if t.sweeping and t.sweeper == survivor:
        return
    t.sweeping = t.doubtful = False
    t.pinned = records_program(t)
    t.reach = t.answers = None
    t.adj_live = 0
    drop_adjoints(t)
    unmark_range(t, 0, t.top - 1)  # of a graph whose sweep never ends here


cdef bint records_program(Tape t) noexcept:
    """True if some thread records a program on t."""
    for trace in tracers:
        if (<Trace>trace).tape is t:
            return True
    return False


cdef int make_room(Tape t, Py_ssize_t need) except -1:
    """Make room for ``need`` appends (and SLACK more): by collecting where there is garbage, else by growing.

    Weak references may call back while it collects: indices read before are stale afterwards.
    """
    cdef Py_ssize_t wanted, size
    cdef void *lock
    need = max(need, 1)
    if t.budget and t.top + need > t.budget:
        raise errors.NotMerged("too many operations on one side")
    reset_after_fork(t)
    while True:
        if t.running:  # a sweep reads the columns: wait for the end of its stretch
            lock = t.lock
            with nogil:
                PyThread_acquire_lock(lock, 1)
                PyThread_release_lock(lock)
            continue
        t.collect_deferred = t.pinned > 0
        if not t.pinned and (COLLECT_ALWAYS or (t.has_garbage and t.top - t.old >= YOUNG//2)):
            collect(t, COLLECT_ALWAYS or t.old >= t.full_at)
            if t.running:
                continue
        wanted = t.top + need + SLACK
        if wanted <= t.capacity:
            size = max(min(t.capacity - SLACK, t.top + YOUNG), t.top + need)
            room_for_handles(t, t.live + size - t.top + SLACK)
            t.peak = max(t.peak, t.top)
            t.limit = t.top if COLLECT_ALWAYS else min(size, t.budget) if t.budget else size
            return 0
        if wanted > MOST_NODES:
            if collect_garbage(t):
                continue
            raise errors.too_many_nodes(MOST_NODES)
        size = t.capacity
        while size < wanted:
            size *= 2
        forget_places(t)
        try:
            t.resize(min(size, MOST_NODES))
        except MemoryError:
            if collect_garbage(t):
                continue
            if wanted + YOUNG >= min(size, MOST_NODES):
                raise
            t.resize(wanted + YOUNG)


cdef bint collect_garbage(Tape t) except -1:
    """The last resort before MemoryError: True if a full collection freed nodes."""
    cdef Py_ssize_t before = t.top
    if t.pinned or t.running:
        return False
    collect(t, True)
    return t.top < before
