# core/tape/collect.pxi: garbage collection of nodes by mark and slide, and rewinding.
#
# Handles die as Python drops them; their nodes stay as long as later nodes need them. A descending pass
# marks what a living handle or a marked node needs; an ascending pass slides the survivors down and
# rewrites indices. Both are sequential and keep the order.
#
#   before   0 . . 3 . 5 6 . 8      . garbage        old: survivors of earlier collections,
#   after    0 3 5 6 8                               presumed alive except in a full collection
#
# The byte ``used`` says that some later node needs this one. A handle that dies on an unused node
# leaves garbage (``has_garbage``): unless that has happened since the last collection, none is done.
#
# The death of a leaf may run Python (weak references call back). So the references that a collection
# drops are given up only once the columns are consistent again: DeferredDecrefs.

cdef void drop_slot(DeferredDecrefs *g, Tape t, Py_ssize_t i, PyObject *leaf) noexcept:
    """Slot i of a leaf is gone: unlink the leaf from it and drop the tape's reference."""
    if (<Value>leaf).tape == <PyObject *>t and (<Value>leaf).index == i:
        (<Value>leaf).tape = NULL
    defer_decref(g, leaf)


cdef void drop_slots(Tape t, Py_ssize_t lo, DeferredDecrefs *g) noexcept:
    """Drop the leaf slots at node lo and above."""
    while t.slots and t.slot_node[t.slots - 1] >= lo:
        t.slots -= 1
        drop_slot(g, t, t.slot_node[t.slots], t.slot_leaf[t.slots])


cdef void drop_all(Tape t) noexcept:
    """Drop all nodes at once, where no handle needs any: no pass over them but for leaf slots.

    Called while a value dies, perhaps with an exception set: runs no Python and takes no memory before ``run_decrefs``.
    """
    cdef DeferredDecrefs g = no_decrefs()
    drop_slots(t, 0, &g)
    drop_payloads(t, 0, &g)
    t.items = False
    forget_places(t)
    t.peak = max(t.peak, t.top)
    t.top = t.old = t.grad_live = 0
    t.full_at = YOUNG
    t.has_garbage = t.grad_any = False
    if t.names is not None:
        t.names = None
    if t.lines is not None:
        t.lines = None
    relocate(t, 0, 0)
    if t.tracked and Py_TYPE(t) is <PyTypeObject *>Tape:  # nothing on it leads back any more
        t.tracked = t.needs_slow_path = False
    trim_idle(t, KEEP_NODES)
    set_limit(t)
    if g.count:
        run_decrefs(&g)


cdef int collect(Tape t, bint full) except -1:
    """Drop the nodes from ``old`` up (``full``: all) that nothing needs, and slide the others down."""
    cdef DeferredDecrefs g = no_decrefs()
    cdef bint collecting
    collecting = PyGC_Disable()  # tables are rewritten below: their memory must not make Python run
    try:
        mark_and_slide(t, t.old if not full else 0, &g)
    finally:
        if collecting:
            PyGC_Enable()
    if full:
        t.full_at = 2*t.top + YOUNG
    trim_idle(t, max(KEEP_NODES, 2*t.top + YOUNG))
    set_limit(t)
    run_decrefs(&g)
    return 0


cdef int mark_and_slide(Tape t, Py_ssize_t lo, DeferredDecrefs *g) except -1:
    """The two passes over the nodes from lo up. All or nothing: what takes memory comes before the slide."""
    cdef Py_ssize_t n = t.top, top
    cdef dict names = None, lines = None
    forget_places(t)
    mark(t, lo)
    t.zero_adj(n)  # adj is idle: it holds new indices, -1 - j for a node that goes
    t.adj_live = min(t.adj_live, lo)
    if t.names is not None or t.lines is not None:
        number_survivors(t, lo)
        names, lines = renumbered(t, t.names, lo), renumbered(t, t.lines, lo)
    top = slide(t, lo)
    slide_handles(t, lo)
    slide_slots(t, lo, g)
    slide_payloads(t, lo, g)
    relocate(t, lo, top)
    t.names, t.lines = names, lines
    t.peak = max(t.peak, n)
    t.top = t.old = top
    t.has_garbage = False
    return 0


cdef void mark(Tape t, Py_ssize_t lo) noexcept:
    """Mark in ``used`` what living handles, relocatables and marked nodes need, from the top down to lo."""
    cdef Py_ssize_t i, k
    cdef uint8_t was
    cdef PyObject *r = t.relocatables
    if t.top > lo:
        memset(&t.used[lo], 0, t.top - lo)
    for k in range(t.live):
        t.used[(<Handle>t.live_handles[k]).index] |= HELD
    while r != NULL:
        (<Relocatable>r).mark_used(lo)
        r = (<Relocatable>r).after
    for i in range(t.top - 1, lo - 1, -1):
        was = t.used[i]
        if was:
            mark_operands(t.used, t.a, t.b, i, USED)
            t.used[i] = was  # a plain number points to its own node


cdef void number_survivors(Tape t, Py_ssize_t lo) noexcept:
    """Write the new index of each marked node into adj: what tables need before anything has moved."""
    cdef Py_ssize_t i, j = lo
    for i in range(lo, t.top):
        if t.used[i]:
            t.adj[i] = j
            j += 1
        else:
            t.adj[i] = -1.0


cdef Py_ssize_t slide(Tape t, Py_ssize_t lo) noexcept:
    """Move the marked nodes down to lo and rewrite their operands; return the new top."""
    cdef Py_ssize_t n = t.top, i, j = lo, grads = t.grad_live
    cdef int32_t a, b
    for i in range(lo, n):
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
    t.grad_live = grads if t.grad_live < n else t.grad_live - (n - j)
    return j


cdef void slide_handles(Tape t, Py_ssize_t lo) noexcept:
    """Move the indices of living handles along."""
    cdef Py_ssize_t k, i
    for k in range(t.live):
        i = (<Handle>t.live_handles[k]).index
        if i >= lo:
            (<Handle>t.live_handles[k]).index = <int32_t>t.adj[i]
        else:
            t.used[i] &= USED


cdef void slide_slots(Tape t, Py_ssize_t lo, DeferredDecrefs *g) noexcept:
    """Move the table of leaf slots along."""
    cdef Py_ssize_t first = first_slot(t, lo), kept = first, k, i, to
    cdef PyObject *leaf
    for k in range(first, t.slots):
        i, leaf = t.slot_node[k], t.slot_leaf[k]
        to = moved(t, i)
        if to < 0:
            drop_slot(g, t, i, leaf)
            continue
        if (<Value>leaf).tape == <PyObject *>t and (<Value>leaf).index == i:
            (<Value>leaf).index = <int32_t>to
        t.slot_node[kept], t.slot_leaf[kept] = <int32_t>to, leaf
        kept += 1
    t.slots = kept


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


cdef void relocate(Tape t, Py_ssize_t lo, Py_ssize_t top) noexcept:
    """Let the marks and gradients of t follow its nodes; ``top`` is the new top."""
    cdef PyObject *f = t.relocatables
    while f != NULL:
        (<Relocatable>f).relocate(lo, top)
        f = (<Relocatable>f).after


@cython.no_gc_clear
cdef class Relocatable:
    """An object that holds indices of nodes. It is in its tape's list while it lives; the tape outlives it."""

    def __dealloc__(self):
        unlink(self)

    cdef void mark_used(self, Py_ssize_t lo) noexcept:
        """A collection of the nodes from lo up begins: mark as used what this object needs."""

    cdef void relocate(self, Py_ssize_t lo, Py_ssize_t top) noexcept:
        """Nodes from lo up have moved (``moved``); ``top`` is the new top. Takes no memory."""

    cdef void truncate(self, Py_ssize_t to) noexcept:
        """Nodes from ``to`` up are gone."""


cdef void link(Relocatable f, Tape t) noexcept:
    f.tape = t
    f.after = t.relocatables
    if f.after != NULL:
        (<Relocatable>f.after).before = <PyObject *>f
    t.relocatables = <PyObject *>f
    f.linked = True


cdef void unlink(Relocatable f) noexcept:
    if not f.linked:
        return
    if f.before != NULL:
        (<Relocatable>f.before).after = f.after
    else:
        f.tape.relocatables = f.after
    if f.after != NULL:
        (<Relocatable>f.after).before = f.before
    f.before = f.after = NULL
    f.linked = False


@cython.no_gc_clear
cdef class Mark(Relocatable):
    """Mark()\n--\n
    A position on a tape, made by ``Tape.mark`` for ``Tape.rewind``; it moves along when nodes are reclaimed."""

    def __init__(self):
        raise TypeError("Mark: cannot be made directly: call Tape.mark()")

    def __repr__(self):
        return f"<Mark of {self.tape!r}: {'rewound' if self.position < 0 else self.position}>"

    cdef void relocate(self, Py_ssize_t lo, Py_ssize_t top) noexcept:
        cdef Py_ssize_t p = top
        if self.position > lo:
            if top and self.position < self.tape.top:
                p = <Py_ssize_t>self.tape.adj[self.position]
                p = p if p >= 0 else -1 - p
            self.position = p

    cdef void truncate(self, Py_ssize_t to) noexcept:
        if self.position > to:
            self.position = -1


cdef int truncate(Tape t, Py_ssize_t to) except -1:
    """Drop all nodes from ``to`` up; their handles become invalid."""
    cdef DeferredDecrefs g = no_decrefs()
    cdef Py_ssize_t i, k = 0, before = t.live
    cdef PyObject *h
    cdef bint collecting
    reset_after_fork(t)
    if t.pinned or t.running or t.sweeping:
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
    drop_slots(t, to, &g)
    drop_payloads(t, to, &g)
    while k < t.live:
        h = t.live_handles[k]
        if (<Handle>h).index >= to:
            remove_handle(t, h)
            (<Handle>h).tape = NULL
            (<Handle>h).node = 2
            if t.tracked:
                Py_DECREF(t)  # the caller holds another
        else:
            k += 1
    if before and t.live == 0 and not t.tracked:
        Py_DECREF(t)
    t.peak = max(t.peak, t.top)
    t.has_garbage = t.has_garbage or t.top > to  # ``used`` may name nodes above that are gone
    t.top = to
    t.old, t.grad_live = min(t.old, to), min(t.grad_live, to)
    h = t.relocatables
    while h != NULL:
        (<Relocatable>h).truncate(to)
        h = (<Relocatable>h).after
    set_limit(t)
    run_decrefs(&g)
    return 0
