# core/tape/tape.pxi: Tape as Python sees it. tools/gen_ops.py copies this chapter, and adds the checks of recordings
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


cdef int track(Tape t) except -1:
    """From now on t's handles take part in Python's cycle collection: something on t may lead back to them."""
    cdef Py_ssize_t k
    cdef PyObject *h
    if t.tracked:
        return 0
    t.tracked = t.needs_slow_path = True
    for k in range(t.live):
        h = t.live_handles[k]
        (<Handle>h).needs_slow_path = 1
        Py_INCREF(t)
        if not PyObject_GC_IsTracked(h):
            PyObject_GC_Track(h)
    if t.live:
        Py_DECREF(t)  # it held itself once for all of them
    return 0


cdef list arguments(Tape t, Py_ssize_t i):
    """A node's arguments in their order: nodes (int) or plain numbers (float)."""
    cdef int op = t.op[i] & OP_MASK
    cdef Py_ssize_t k
    cdef list result = []
    cdef Payload *p = payload_at(t, i)
    if op == OP_LEAF or op == OP_CONT:
        return result
    if op == OP_ITEM:
        return [t.b[i]]
    if op == OP_OUTPUT:
        return inputs_at(t, payload_at(t, t.a[i]))
    if p != NULL and op < OP_FIRST and op != OP_DOT:
        return [x for x in inputs_at(t, p)] if op != OP_GATHER else gathered(t, p)
    result.append(t.a[i] if t.a[i] != i else t.da[i])
    if OP_ARITY[op] == 2 and t.b[i] >= 0:
        result.append(t.b[i] if t.b[i] != i else t.db[i])
    for k in range(lowest_entry(t.b, i), i):
        result.append(t.a[k] if t.a[k] != k else t.da[k])
        result.append(t.b[k] if t.b[k] != k else t.db[k])
    if p != NULL and p.saved != NULL:  # constant arrays
        return [x if c is None else c for x, c in zip(result, <tuple>p.saved)]
    return result


cdef list gathered(Tape t, Payload *p):
    """The nodes and numbers that a gather took."""
    cdef cnp.ndarray value = <cnp.ndarray>p.value
    return [i if i >= 0 else float(x) for i, x in zip(inputs_at(t, p), value)]


cdef object op_name(Tape t, Py_ssize_t i):
    cdef Payload *p = payload_at(t, i)
    if p != NULL and (t.op[i] & OP_MASK) == OP_OUTPUT:
        p = payload_at(t, t.a[i])
    return (<object>p.rule).name if p != NULL and p.rule != NULL else OP_NAMES[t.op[i] & OP_MASK]


cdef object symbol_of(Tape t, Py_ssize_t i):
    cdef Payload *p = payload_at(t, i)
    if p != NULL and (t.op[i] & OP_MASK) < OP_FIRST:
        return op_name(t, i)
    return OP_SYMBOLS[t.op[i] & OP_MASK].format(c=t.db[i])


cdef tuple operands_of(Handle v, str what):
    """A node's operands: Values, Tensors, floats for plain numbers."""
    cdef Tape t
    cdef int plain
    if not v.node:
        return ()
    check_node(v, what)
    t = <Tape>v.home
    t.pinned += 1
    try:
        plain = OP_PLAIN[t.op[v.index] & OP_MASK]
        return tuple([value_at(t, x) if type(x) is int else x if type(x) is float else plain_tensor(x)
                      for k, x in enumerate(arguments(t, v.index)) if not plain >> k & 1])
    finally:
        t.pinned -= 1


cdef dict keywords_of(Handle v):
    """Keyword arguments of a node, for displays."""
    cdef Tape t
    cdef Payload *p
    if v.node != 1:
        return {}
    t = <Tape>v.home
    if (t.op[v.index] & OP_MASK) == OP_ITEM:
        return {"index": tuple([int(k) for k in np.unravel_index(<Py_ssize_t>t.da[v.index],
                                                                 np.shape(value_of(t, t.b[v.index])))])}
    p = payload_at(t, v.index)
    return dict((<tuple>p.saved)[2]) if p != NULL and (t.op[v.index] & OP_MASK) == OP_PRIMITIVE else {}


cdef tuple numbers_of(Handle v):
    """The numbers and arrays of all its arguments as they were recorded."""
    cdef Tape t
    if not v.node:
        return ()
    check_node(v, "_numbers")
    t = <Tape>v.home
    t.pinned += 1
    try:
        return tuple([value_of(t, x) if type(x) is int else x for x in arguments(t, v.index)])
    finally:
        t.pinned -= 1


cdef object array_leaf(Tape t, object x, object name):
    """Tape.leaf of an array."""
    cdef Tensor v = Tensor(x, True, name=name)
    if t.top >= t.limit:
        make_room(t, 0)
    look_who_holds(v)
    bind_array(v, t)
    t.has_garbage = True  # until something uses the slot
    return v


cdef list partials_at(Tape t, Py_ssize_t i):
    """All partials of node i, those with respect to plain numbers as well."""
    cdef double[3] values, d
    cdef int op = t.op[i] & OP_MASK
    cdef Py_ssize_t k
    cdef list numbers = [x if type(x) is float else t.val[x] for x in arguments(t, i)]
    if op < OP_FIRST and op != OP_DOT:
        return [1.0]*len(numbers)
    if op == OP_DOT:  # the factors of a term stand side by side
        return [1.0] + [numbers[k + 1 if k % 2 else k - 1] for k in range(1, len(numbers))]
    for k in range(len(numbers)):
        values[k] = numbers[k]
    evaluate(op, values, d)
    return [d[k] for k in range(len(numbers))]


cdef object value_at(Tape t, Py_ssize_t i):
    """The living object of node i: the leaf, the handle that Python holds, or a new handle."""
    cdef PyObject *h
    cdef Payload *p = payload_at(t, i)
    cdef bint array = p != NULL and p.value != NULL
    if t.op[i] == OP_LEAF:
        return <object>leaf_at(t, i)
    if p != NULL and p.leaf != NULL:
        return <object>p.leaf
    h = handle_at(t, i)
    if h != NULL:
        return <object>h
    t.pinned += 1  # a new handle may collect cycles, which may run Python: node i must stay
    try:
        h = new_tensor() if array else new_handle()
    finally:
        t.pinned -= 1
    try:
        room_for_handles(t, t.live + 1 + t.limit - t.top + SLACK)
        if handle_at(t, i) == NULL:  # else that Python has made one
            if array:
                return attach_tensor(h, <PyObject *>t, i, <object>payload_at(t, i).value)
            attach_value(h, <PyObject *>t, i, t.val[i])
            return cgrad_own(h)
    except BaseException:
        discard(h)
        raise
    discard(h)
    return <object>handle_at(t, i)
