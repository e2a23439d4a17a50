# core/tape/tape.pxi: Tape as Python sees it. tools/optable copies this chapter, and adds the checks of recordings
# (_members.py).

from typing import NamedTuple


class Node(NamedTuple):
    """One operation of a tape, as iteration yields it.

    arguments: indices in the same iteration (int), or plain numbers (float).
    """

    op: str
    arguments: tuple
    value: object  # a float, or an ndarray
    name: str


@cython.no_gc_clear
cdef class Tape(Columns):
    """Tape()\n--\n
    A record of operations, made explicit.

    Operations on leaves alone record on the thread's current tape; ``with Tape() as t`` makes t the
    current one (tapes nest). Values whose history is on t record on t wherever they are used. A tape
    lives as long as something refers to it or to one of its values. Nodes that no living value needs are
    reclaimed from time to time, so that a loop inside one tape runs in constant memory.

    >>> import cgrad
    >>> with cgrad.Tape() as t:
    ...     x = t.leaf(3.0, name="x")
    ...     y = x*x + 1
    >>> [(node.op, node.value) for node in t]
    [('leaf', 3.0), ('mul', 9.0), ('add', 10.0)]
    """

    def __cinit__(self, *args, **kwargs):
        take_storage(self)
        self.generation = generation
        self.full_at = YOUNG
        self.bytes_at = ARRAYS_AT_ONCE
        self.tracked = self.needs_slow_path = type(self) is not Tape
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError("tape: no memory for a lock")
        set_limit(self)

    def __init__(self):
        self.explicit_ = True

    def __dealloc__(self):
        cdef DeferredDecrefs g = no_decrefs()
        if self.buffers is not None:
            self.peak = max(self.peak, self.top)
            drop_slots(self, 0, &g)
            drop_payloads(self, 0, &g)
            self.top = 0
            keep_storage(self)
            if g.count:
                run_decrefs(&g)
        free(self.listed)
        free(self.live_handles)
        free(self.where)
        free(self.slot_node)
        free(self.slot_leaf)
        free(self.payload)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    def __enter__(self):
        cdef Context c = <Context>context()
        c.stack.append(c.tape)
        c.tape = self
        return self

    def __exit__(self, *_):
        cdef Context c = <Context>context()
        if c.tape is not self or not c.stack:
            raise errors.unbalanced(self)
        c.tape = c.stack.pop()

    def leaf(self, x, name=None):
        """t.leaf(x, name=None): a new leaf that has its slot on this tape.

        x: a number, or an array (then the leaf is a Tensor that requires grad). Like every leaf it belongs to no
        tape, and other tapes may use it.
        """
        cdef Value v
        if isinstance(x, (list, tuple, np.ndarray)) and np.ndim(x) or is_tensor(x):
            return array_leaf(self, x, name)
        v = Value(x, name=name)
        if self.top >= self.limit:
            make_room(self, 0)
        slot_room(self)
        slot(v, self)
        self.has_garbage = True  # until something uses the slot
        return v

    def __len__(self):
        cdef Py_ssize_t n = self.top, i = 0
        cdef uint8_t *found
        while i < self.top:
            found = <uint8_t *>memchr(&self.op[i], OP_CONT, self.top - i)
            if found == NULL:
                break
            n -= 1
            i = found - &self.op[0] + 1
        for i in range(self.payloads):  # heads are shown with their outputs
            n -= self.op[self.payload[i].node] == OP_FUNCTION | SPECIAL
        return n

    def __bool__(self):
        return True

    @property
    def nbytes(self):
        """Bytes that the tape's entries take, their adjoints and gradients included."""
        return self.top*NODE_BYTES + self.bytes

    def mark(self):
        """t.mark(): the current position, for ``t.rewind(mark)``."""
        cdef Mark m = Mark.__new__(Mark)
        m.position = self.top
        link(m, self)
        return m

    def rewind(self, mark, /):
        """t.rewind(mark): drop what was recorded since the mark; values of it become invalid.

        Raises TapeError for a mark of another tape, or one that an earlier rewind went past.
        """
        if type(mark) is not Mark or (<Mark>mark).tape is not self or (<Mark>mark).position < 0:
            raise errors.bad_mark(self, mark)
        truncate(self, (<Mark>mark).position)

    def clear(self):
        """t.clear(): drop everything; values of this tape become invalid, leaves stay."""
        truncate(self, 0)

    def __iter__(self):
        cdef Py_ssize_t i, n = 0, top
        cdef list places, nodes = []
        self.pinned += 1  # making nodes takes memory, which may make Python run
        try:
            top = self.top
            places = [0]*top
            for i in range(top):
                places[i] = n
                if self.op[i] != OP_CONT and self.op[i] != OP_FUNCTION | SPECIAL:
                    nodes.append(Node(op_name(self, i),
                                      tuple([places[x] if type(x) is int else x for x in arguments(self, i)]),
                                      value_of(self, i), name_of(self, i)))
                    n += 1
        finally:
            self.pinned -= 1
        return iter(nodes)

    def __repr__(self):
        return f"<{type(self).__name__} of {len(self)} nodes at {id(self):#x}>"

    def _columns(self):
        """Copies of the columns (tests and benchmarks)."""
        return {name: np.asarray(column)[:self.top].copy() for name, column in (
            ("op", self.op), ("a", self.a), ("b", self.b), ("val", self.val), ("da", self.da), ("db", self.db))}

    def _collect(self, bint full=True):
        """Collect garbage now (tests)."""
        reset_after_fork(self)
        if self.pinned or self.running or self.sweeping:
            raise errors.busy("collect", self)
        collect(self, full)


cdef traverseproc traverse_columns = (<TypeSlots *>Tape).tp_traverse


cdef int tape_traverse(PyObject *o, visitproc visit, void *arg) noexcept:
    """tp_traverse: besides Cython's, what nodes carry that may lead back: rules, hooks, leaves.

    A thread's own tape is held by its Context, and would keep alive for ever what leads from it to itself. So that
    reference, which the collector does not see (Context is no_gc), counts as the tape's own; a tape found
    unreachable that way loses what is on it, and lives on, empty.
    """
    cdef Tape t = <Tape>o
    cdef Py_ssize_t k
    cdef int stop = traverse_columns(o, visit, arg)
    if stop or not t.tracked:
        return stop
    if t.implicit:
        stop = visit(o, arg)
    for k in range(t.payloads):
        stop = stop or visit_one(t.payload[k].rule, visit, arg) or visit_one(t.payload[k].hooks, visit, arg) \
            or visit_one(t.payload[k].leaf, visit, arg)
    for k in range(t.slots):
        stop = stop or visit_one(t.slot_leaf[k], visit, arg)
    return stop


cdef inline int visit_one(PyObject *x, visitproc visit, void *arg) noexcept:
    return visit(x, arg) if x != NULL else 0


cdef extern from *:
    """
    static void cgrad_equip_tape(PyTypeObject *type, void *traverse) {
      type->tp_traverse = (traverseproc)traverse;
      PyType_Modified(type);
    }
    """
    void cgrad_equip_tape(PyTypeObject *, void *)

cgrad_equip_tape(<PyTypeObject *>Tape, <void *>tape_traverse)


cdef object array_leaf(Tape t, object x, object name):
    """Tape.leaf of an array."""
    cdef Tensor v = Tensor(x, True, name=name)
    if t.top >= t.limit:
        make_room(t, 0)
    look_who_holds(v)
    bind_array(v, t)
    t.has_garbage = True  # until something uses the slot
    return v
