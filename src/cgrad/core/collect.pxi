# core/collect.pxi: nodes that nothing needs any more.
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
    cdef void *more
    if (<Value>leaf).home == <PyObject *>t and (<Value>leaf).index == i:
        (<Value>leaf).home = NULL
    if Py_REFCNT(<object>leaf) > 1:
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
    """Drop all nodes at once, where no handle needs any: no pass over them but for leaf slots."""
    cdef Graveyard g
    g.refs, g.count, g.room = NULL, 0, 0
    bury_slots(t, 0, &g)
    forget_places(t)
    t.peak = max(t.peak, t.top)
    t.top = t.old = t.grad_live = 0
    t.full_at = YOUNG
    t.dead = t.grad_any = False
    if t.names is not None:
        t.names = None
    if t.lines is not None:
        t.lines = None
    if t.followers is not None:
        follow(t, 0, 0)
    if t.peak > KEEP_NODES:
        t.trim(KEEP_NODES)
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
    if t.peak > max(KEEP_NODES, 2*t.top + YOUNG):
        t.trim(max(KEEP_NODES, 2*t.top + YOUNG))
    set_limit(t)
    release(&g)
    return 0


cdef int mark_and_slide(Tape t, Py_ssize_t lo, Graveyard *g) except -1:
    """The two passes. Nothing here takes memory or runs Python while the columns are in between."""
    cdef Py_ssize_t n = t.top, i, k, j = lo, grads = t.grad_live
    cdef int32_t a, b
    cdef uint8_t was
    forget_places(t)
    if n > lo:
        memset(&t.used[lo], 0, n - lo)
    for k in range(t.live):
        t.used[(<Value>t.held[k]).index] |= HELD
    if t.followers is not None:
        for follower in living(t):
            if type(follower) is Gradients:
                (<Gradients>follower).hold(lo)

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
        i = (<Value>t.held[k]).index
        if i >= lo:
            (<Value>t.held[k]).index = <int32_t>t.adj[i]
        else:
            t.used[i] &= USED
    slide_slots(t, lo, g)
    if t.grad_live >= n:
        grads = t.grad_live - (n - j)

    if t.followers is not None:
        follow(t, lo, j)
    if t.names is not None:
        t.names = renumbered(t, t.names, lo)
    if t.lines is not None:
        t.lines = renumbered(t, t.lines, lo)
    t.adj_live = min(t.adj_live, lo)
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
    for i, entry in table.items():
        i = i if i < lo else moved(t, i)
        if i >= 0:
            result[i] = entry
    return result or None


cdef list living(Tape t):
    cdef list alive = [follower for follower in [ref() for ref in t.followers] if follower is not None]
    if len(alive) < len(t.followers):
        t.followers = [weakref.ref(follower) for follower in alive] or None
    return alive


cdef int follow(Tape t, Py_ssize_t lo, Py_ssize_t top) except -1:
    """Move the marks and gradients of t along with its nodes; ``top`` is the new one."""
    cdef Mark m
    cdef Py_ssize_t p
    for follower in living(t):
        if type(follower) is Mark:
            m = <Mark>follower
            if m.position > lo:
                p = top
                if m.position < t.top:
                    p = <Py_ssize_t>t.adj[m.position]
                    p = p if p >= 0 else -1 - p
                m.position = p
        else:
            (<Gradients>follower).move(lo, top)
    return 0


cdef int register(Tape t, follower) except -1:
    if t.followers is None:
        t.followers = []
    elif len(t.followers) & 63 == 63:
        living(t)
    if t.followers is None:
        t.followers = []
    t.followers.append(weakref.ref(follower))
    return 0


cdef class Mark:
    """A place on a tape, to be given to ``Tape.rewind``; it moves with its nodes.

    ``position`` is the number of entries below it.
    """

    def __init__(self):
        raise TypeError("Mark: made by Tape.mark()")

    def __repr__(self):
        return f"<Mark of {self.tape!r}: {'rewound' if self.position < 0 else self.position}>"


cdef int cut(Tape t, Py_ssize_t to) except -1:
    """Drop all nodes from ``to`` up; their handles become invalid."""
    cdef Graveyard g
    cdef Py_ssize_t i, k = 0, before = t.live
    cdef PyObject *h
    g.refs, g.count, g.room = NULL, 0, 0
    awake(t)
    if t.busy or t.running or t.sweeping:
        raise errors.busy("rewind", t)
    forget_places(t)
    bury_slots(t, to, &g)
    while k < t.live:
        h = t.held[k]
        if (<Value>h).index >= to:
            let_go(t, h)
            (<Value>h).home = NULL
            (<Value>h).node = 2
            if t.tracked:
                Py_DECREF(t)  # the caller holds another
        else:
            k += 1
    if before and t.live == 0 and not t.tracked:
        Py_DECREF(t)
    t.peak = max(t.peak, t.top)
    t.top = to
    t.old, t.grad_live = min(t.old, to), min(t.grad_live, to)
    for table in (t.names, t.lines):
        if table is not None:
            for i in [i for i in table if i >= to]:
                del table[i]
    if t.followers is not None:
        for follower in living(t):
            if type(follower) is Mark:
                if (<Mark>follower).position > to:
                    (<Mark>follower).position = -1
            else:
                (<Gradients>follower).cut(to)
    set_limit(t)
    release(&g)
    return 0
