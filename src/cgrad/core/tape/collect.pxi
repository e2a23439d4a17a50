# core/tape/collect.pxi: nodes that nothing needs any more.
#
# Handles die as Python drops them; their nodes stay while later nodes need them. Mark and slide:
# a descending pass marks what a living handle or a marked node needs, an ascending pass slides the
# survivors down and rewrites indices. Both are sequential and keep the order.
#
#   before   0 . . 3 . 5 6 . 8      . garbage        old: survivors of earlier collections,
#   after    0 3 5 6 8                               taken as alive except in a full collection
#
# The byte ``used`` says that some later node needs this one. A handle that dies on an unused node
# leaves a dead root: without one since the last collection there is nothing to find, and none is done.
#
# A leaf that goes away with its slots may run Python (weak references call back). So nothing is
# released before the columns are consistent again: see Graveyard.

cdef enum:
    USED = 1      # bits of the column ``used``: a later node needs this one
    MEMBER = 2    # belongs to the graph that is being swept
    HELD = 4      # a handle leads to it (during a collection)

cdef struct Graveyard:
    PyObject **refs
    Py_ssize_t count, room


cdef void bury(Graveyard *g, Tape t, Py_ssize_t i, PyObject *leaf) noexcept:
    """Slot i of a leaf is gone: forget it, and drop the tape's reference, later if it is the last."""
    if (<Value>leaf).home == <PyObject *>t and (<Value>leaf).index == i:
        (<Value>leaf).home = NULL
    put_away(g, leaf)


cdef void put_away(Graveyard *g, PyObject *leaf) noexcept:
    """Drop a reference of the tape's, later if it is the last."""
    cdef void *more
    if leaf == NULL:
        return
    if references(leaf) > 1:
        Py_DECREF(<object>leaf)
        return
    if g.count == g.room:
        more = realloc(g.refs, (2*g.room + 64)*sizeof(PyObject *))
        if more == NULL:
            return  # a leak, in the very last bytes of memory
        g.refs = <PyObject **>more
        g.room = 2*g.room + 64
    g.refs[g.count] = leaf
    g.count += 1


cdef void release(Graveyard *g) noexcept:
    cdef Py_ssize_t k
    for k in range(g.count):
        Py_DECREF(<object>g.refs[k])
    free(g.refs)


cdef void bury_slots(Tape t, Py_ssize_t lo, Graveyard *g) noexcept:
    """Give up the leaf slots at node lo and above."""
    while t.slots and t.slot_node[t.slots - 1] >= lo:
        t.slots -= 1
        bury(g, t, t.slot_node[t.slots], t.slot_leaf[t.slots])


cdef void empty(Tape t) noexcept:
    """Drop all nodes at once, where no handle needs any: no pass over them but for leaf slots.

    Runs while a value dies, perhaps with an exception set: no Python, no memory taken, until release.
    """
    cdef Graveyard g
    g.refs, g.count, g.room = NULL, 0, 0
    bury_slots(t, 0, &g)
    bury_payloads(t, 0, &g)
    t.items = False
    forget_places(t)
    t.peak = max(t.peak, t.top)
    t.top = t.old = t.grad_live = 0
    t.full_at = YOUNG
    t.dead = t.grad_any = False
    if t.names is not None:
        t.names = None
    if t.lines is not None:
        t.lines = None
    follow(t, 0, 0)
    if t.tracked and Py_TYPE(t) is <PyTypeObject *>Tape:  # nothing on it leads back any more
        t.tracked = t.needs_slow_path = False
    give_back(t, KEEP_NODES)
    set_limit(t)
    if g.count:
        release(&g)


cdef int collect(Tape t, bint full) except -1:
    """Drop the nodes from ``old`` up (``full``: all) that nothing needs, and slide the others down."""
    cdef Graveyard g
    cdef bint collecting
    g.refs, g.count, g.room = NULL, 0, 0
    collecting = PyGC_Disable()  # tables are rewritten below: their memory must not make Python run
    try:
        mark_and_slide(t, t.old if not full else 0, &g)
    finally:
        if collecting:
            PyGC_Enable()
    if full:
        t.full_at = 2*t.top + YOUNG
    give_back(t, max(KEEP_NODES, 2*t.top + YOUNG))
    set_limit(t)
    release(&g)
    return 0


cdef int mark_and_slide(Tape t, Py_ssize_t lo, Graveyard *g) except -1:
    """The two passes. All or nothing: what takes memory comes before the slide."""
    cdef Py_ssize_t n = t.top, i, k, j = lo, grads = t.grad_live
    cdef int32_t a, b
    cdef uint8_t was
    cdef PyObject *h = t.followers
    cdef dict names = None, lines = None
    forget_places(t)
    if n > lo:
        memset(&t.used[lo], 0, n - lo)
    for k in range(t.live):
        t.used[(<Handle>t.live_handles[k]).index] |= HELD
    while h != NULL:
        (<Follower>h).hold(lo)
        h = (<Follower>h).after

    for i in range(n - 1, lo - 1, -1):  # mark
        was = t.used[i]
        if was:
            b = t.b[i]
            t.used[t.a[i]] |= USED
            if b >= 0:
                t.used[b] |= USED
            else:
                for k in range(i + b, i):
                    t.used[k] |= USED
            t.used[i] = was  # a plain number points to its own node

    t.zero_adj(n)  # adj is idle: it holds the new places, -1 - j where a node goes
    t.adj_live = min(t.adj_live, lo)
    if t.names is not None or t.lines is not None:
        for i in range(lo, n):
            if t.used[i]:
                t.adj[i] = j
                j += 1
            else:
                t.adj[i] = -1.0
        j = lo
        names, lines = renumbered(t, t.names, lo), renumbered(t, t.lines, lo)
    for i in range(lo, n):  # slide
        if i == t.grad_live:
            grads = j
        if t.used[i]:
            t.adj[i] = j
            a, b = t.a[i], t.b[i]
            t.op[j], t.used[j] = t.op[i], t.used[i] & USED
            t.a[j] = a if a < lo else <int32_t>t.adj[a]
            t.b[j] = b if b < lo else <int32_t>t.adj[b]
            t.val[j], t.da[j], t.db[j] = t.val[i], t.da[i], t.db[i]
            if t.grad_any and i < t.grad_live:
                t.grad[j] = t.grad[i]
            j += 1
        else:
            t.adj[i] = -1.0 - j
    for k in range(t.live):
        i = (<Handle>t.live_handles[k]).index
        if i >= lo:
            (<Handle>t.live_handles[k]).index = <int32_t>t.adj[i]
        else:
            t.used[i] &= USED
    slide_slots(t, lo, g)
    slide_payloads(t, lo, g)
    if t.grad_live >= n:
        grads = t.grad_live - (n - j)

    follow(t, lo, j)
    t.names, t.lines = names, lines
    t.peak = max(t.peak, n)
    t.top = t.old = j
    t.grad_live = grads
    t.dead = False
    return 0


cdef void slide_slots(Tape t, Py_ssize_t lo, Graveyard *g) noexcept:
    """Move the table of leaf slots along."""
    cdef Py_ssize_t first = first_slot(t, lo), kept = first, k, i, to
    cdef PyObject *leaf
    for k in range(first, t.slots):
        i, leaf = t.slot_node[k], t.slot_leaf[k]
        to = moved(t, i)
        if to < 0:
            bury(g, t, i, leaf)
            continue
        if (<Value>leaf).home == <PyObject *>t and (<Value>leaf).index == i:
            (<Value>leaf).index = <int32_t>to
        t.slot_node[kept], t.slot_leaf[kept] = <int32_t>to, leaf
        kept += 1
    t.slots = kept


cdef inline Py_ssize_t moved(Tape t, Py_ssize_t i) noexcept:
    """Where node i has slid to, while a collection runs; -1 if it went."""
    return <Py_ssize_t>t.adj[i] if t.adj[i] >= 0 else -1


cdef dict renumbered(Tape t, dict table, Py_ssize_t lo):
    cdef Py_ssize_t i
    cdef dict result = {}
    if table is None:
        return None
    for i, entry in table.items():
        i = i if i < lo else moved(t, i)
        if i >= 0:
            result[i] = entry
    return result or None


cdef void follow(Tape t, Py_ssize_t lo, Py_ssize_t top) noexcept:
    """Tell the marks and gradients of t where its nodes have gone; ``top`` is the new one."""
    cdef PyObject *f = t.followers
    while f != NULL:
        (<Follower>f).move(lo, top)
        f = (<Follower>f).after


@cython.no_gc_clear
cdef class Follower:
    """Entered in its tape's list while it lives. The tape outlives it; collections take no memory for it."""

    def __dealloc__(self):
        unlink(self)

    cdef void hold(self, Py_ssize_t lo) noexcept:
        """A collection of the nodes from lo up begins: mark as used what is needed here."""

    cdef void move(self, Py_ssize_t lo, Py_ssize_t top) noexcept:
        """Nodes from lo up have gone where ``moved`` says; ``top`` is the new top."""

    cdef void cut(self, Py_ssize_t to) noexcept:
        """Nodes from ``to`` up are gone."""


cdef void link(Follower f, Tape t) noexcept:
    f.tape = t
    f.after = t.followers
    if f.after != NULL:
        (<Follower>f.after).before = <PyObject *>f
    t.followers = <PyObject *>f
    f.linked = True


cdef void unlink(Follower f) noexcept:
    if not f.linked:
        return
    if f.before != NULL:
        (<Follower>f.before).after = f.after
    else:
        f.tape.followers = f.after
    if f.after != NULL:
        (<Follower>f.after).before = f.before
    f.before = f.after = NULL
    f.linked = False


@cython.no_gc_clear
cdef class Mark(Follower):
    """Mark()\n--\n
    A place on a tape, to be given to ``Tape.rewind``; it moves with its nodes.

    ``position`` is the number of entries below it.
    """

    def __init__(self):
        raise TypeError("Mark: made by Tape.mark()")

    def __repr__(self):
        return f"<Mark of {self.tape!r}: {'rewound' if self.position < 0 else self.position}>"

    cdef void move(self, Py_ssize_t lo, Py_ssize_t top) noexcept:
        cdef Py_ssize_t p = top
        if self.position > lo:
            if top and self.position < self.tape.top:
                p = <Py_ssize_t>self.tape.adj[self.position]
                p = p if p >= 0 else -1 - p
            self.position = p

    cdef void cut(self, Py_ssize_t to) noexcept:
        if self.position > to:
            self.position = -1


cdef int cut(Tape t, Py_ssize_t to) except -1:
    """Drop all nodes from ``to`` up; their handles become invalid."""
    cdef Graveyard g
    cdef Py_ssize_t i, k = 0, before = t.live
    cdef PyObject *h
    cdef bint collecting
    g.refs, g.count, g.room = NULL, 0, 0
    awake(t)
    if t.busy or t.running or t.sweeping:
        raise errors.busy("rewind", t)
    collecting = PyGC_Disable()  # a list is made below: its memory must not make Python run
    try:
        for table in (t.names, t.lines):
            if table is not None:
                for i in [i for i in table if i >= to]:
                    del table[i]
    finally:
        if collecting:
            PyGC_Enable()
    forget_places(t)
    bury_slots(t, to, &g)
    bury_payloads(t, to, &g)
    while k < t.live:
        h = t.live_handles[k]
        if (<Handle>h).index >= to:
            remove_handle(t, h)
            (<Handle>h).home = NULL
            (<Handle>h).node = 2
            if t.tracked:
                Py_DECREF(t)  # the caller holds another
        else:
            k += 1
    if before and t.live == 0 and not t.tracked:
        Py_DECREF(t)
    t.peak = max(t.peak, t.top)
    t.dead = t.dead or t.top > to  # what only nodes above needed may be garbage, though ``used`` says otherwise
    t.top = to
    t.old, t.grad_live = min(t.old, to), min(t.grad_live, to)
    h = t.followers
    while h != NULL:
        (<Follower>h).cut(to)
        h = (<Follower>h).after
    set_limit(t)
    release(&g)
    return 0
