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


cdef void bury_slots(Tape t, Py_ssize_t lo, Py_ssize_t hi, Graveyard *g) noexcept:
    """Give up the leaf slots among the nodes [lo, hi)."""
    cdef uint8_t *found
    cdef Py_ssize_t i = lo
    while i < hi:
        found = <uint8_t *>memchr(&t.op[i], OP_LEAF, hi - i)
        if found == NULL:
            return
        i = found - &t.op[0]
        bury(g, t, i, <PyObject *>t.handle[i])
        i += 1


cdef void empty(Tape t) noexcept:
    """Drop all nodes at once, where no handle needs any: no pass over them but for leaf slots."""
    cdef Graveyard g
    cdef Py_ssize_t n = t.top
    g.refs, g.count, g.room = NULL, 0, 0
    bury_slots(t, 0, n, &g)
    t.peak = max(t.peak, n)
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
    cdef Py_ssize_t n = t.top, i, k, j = lo, grads = t.grad_live
    cdef int32_t a, b
    cdef uint8_t was
    cdef PyObject *h
    if n > lo:
        memset(&t.used[lo], 0, n - lo)
    if t.followers is not None:
        for follower in living(t):
            if type(follower) is Gradients:
                (<Gradients>follower).hold(lo)

    for i in range(n - 1, lo - 1, -1):  # mark
        was = t.used[i]
        if was or (t.handle[i] and t.op[i] != OP_LEAF):
            b = t.b[i]
            t.used[t.a[i]] = 1
            if b >= 0:
                t.used[b] = 1
            else:
                for k in range(i + b, i):
                    t.used[k] = 1
            t.used[i] = was  # a plain number points to its own node

    t.zero_adj(n)  # adj is idle: it holds the new places, -1 - j where a node goes
    for i in range(lo, n):  # slide
        h = <PyObject *>t.handle[i]
        if i == t.grad_live:
            grads = j
        if t.used[i] or (h != NULL and t.op[i] != OP_LEAF):
            t.adj[i] = j
            a, b = t.a[i], t.b[i]
            t.op[j], t.used[j] = t.op[i], t.used[i]
            t.a[j] = a if a < lo else <int32_t>t.adj[a]
            t.b[j] = b if b < lo else <int32_t>t.adj[b]
            t.val[j], t.da[j], t.db[j] = t.val[i], t.da[i], t.db[i]
            t.handle[j] = <uintptr_t>h
            if h != NULL:
                if t.op[j] != OP_LEAF or ((<Value>h).home == <PyObject *>t and (<Value>h).index == i):
                    (<Value>h).index = <int32_t>j
            if t.grad_any and i < t.grad_live:
                t.grad[j] = t.grad[i]
            j += 1
        else:
            t.adj[i] = -1.0 - j
            if t.op[i] == OP_LEAF:
                bury(g, t, i, h)
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
    cdef Py_ssize_t i
    cdef PyObject *h
    g.refs, g.count, g.room = NULL, 0, 0
    awake(t)
    if t.busy or t.running or t.sweeping:
        raise errors.busy("rewind", t)
    for i in range(to, t.top):
        h = <PyObject *>t.handle[i]
        if h == NULL:
            continue
        if t.op[i] == OP_LEAF:
            bury(&g, t, i, h)
        else:
            (<Value>h).home = NULL
            t.live -= 1
            Py_DECREF(t)  # the caller holds the tape
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
