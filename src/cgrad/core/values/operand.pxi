# core/values/operand.pxi: what an operation is given: plain numbers converted, leaves entered on the tape.

cdef struct Term:
    PyObject *v   # a Value (borrowed), or NULL
    double x
    int32_t i     # its node, -1: a plain number

cdef struct Pair:
    PyObject *handle  # the result's object, taken before any index is read
    PyObject *tape    # the tape recorded on; NULL under no_grad
    double x, y
    int32_t a, b      # nodes of tape; -1: a plain number


cdef tuple NUMPY_REAL = (np.bool_, np.integer, np.floating)
cdef tuple NO_SCALAR = (type(None), str, bytes, bytearray, complex, list, tuple, dict, set, frozenset,
                        np.complexfloating)


cdef enum:
    UNKNOWN = 0      # another type, which may define the operation itself (NotImplemented)
    NO_NUMBER = -2   # no scalar: an error in any position
    TOO_LARGE = -3


cdef int number(object o, double *x) except -1:
    """A plain number as a double."""
    if PyFloat_Check(o):  # np.float64 is one
        x[0] = PyFloat_AS_DOUBLE(o)
        return NUMBER
    if isinstance(o, int):
        try:
            x[0] = PyLong_AsDouble(o)
        except OverflowError:
            return TOO_LARGE
        return NUMBER
    if isinstance(o, NUMPY_REAL):
        x[0] = float(o)
        return NUMBER
    if isinstance(o, np.ndarray) and o.ndim == 0 and o.dtype.kind in "fiub":
        x[0] = float(o)
        return NUMBER
    if isinstance(o, NO_SCALAR):
        return NO_NUMBER
    if isinstance(o, numbers.Rational):  # Fraction, as beside a float
        try:
            x[0] = float(o)
        except OverflowError:
            return TOO_LARGE
        return NUMBER
    return UNKNOWN


cdef int operand(object o, double *x, int op, int position) except -1:
    """A plain number beside a Value; False for a type that may define the operation itself."""
    cdef int kind = number(o, x)
    if kind < 0:
        if kind == NO_NUMBER and op == OP_MUL and traces and isinstance(o, (list, tuple, str, bytes)):
            return UNKNOWN  # [0]*n: the sequence repeats itself, n is a whole number (Value.__index__)
        raise refusal(kind, OP_NAMES[op], position, o)
    return kind


cdef object refusal(int kind, str name, int position, object o):
    return errors.too_large(name, position, o) if kind == TOO_LARGE else errors.bad_operand(name, position, o)


cdef double plain_operand(object o, int op, int position) except? -1:
    return plain_named(o, OP_NAMES[op], position)


cdef double plain_named(object o, str name, int position=0) except? -1:
    """A number for a function of plain numbers."""
    cdef double x = 0
    cdef int kind = number(o, &x)
    if kind != NUMBER:
        raise refusal(kind, name, position, o)
    return x


cdef int32_t slot(Value leaf, Tape t) noexcept:
    """A new slot for the leaf on t. The caller has made room, in the columns and in the table."""
    cdef Py_ssize_t i = t.top
    t.op[i] = OP_LEAF
    t.used[i] = 0
    t.a[i] = t.b[i] = <int32_t>i
    t.val[i] = leaf.primal
    t.da[i] = t.db[i] = 0
    Py_INCREF(leaf)
    t.slot_node[t.slots] = <int32_t>i
    t.slot_leaf[t.slots] = <PyObject *>leaf
    t.slots += 1
    t.top = i + 1
    leaf.tape = <PyObject *>t
    leaf.index = <int32_t>i
    return <int32_t>i


cdef int32_t bind(Handle v, Tape t, int op) except -1:
    """Enter an operand that has no node on t: a leaf gets a slot, a node of another tape is an error."""
    if v.node:
        raise errors.wrong_tape(OP_NAMES[op], v, t, v.tape == NULL)
    if traces:
        check_thread(v, <PyObject *>t)
    if is_tensor(v):
        return bind_array(<Tensor>v, t)
    slot_room(t)
    return slot(<Value>v, t)


cdef PyObject *recording_tape(object left, object right, int op) except NULL:
    """The tape of the operands' histories; with leaves alone, the thread's current one. Borrowed."""
    cdef PyObject *tape
    if (is_value(left) or is_tensor(left)) and (<Handle>left).node:
        tape = (<Handle>left).tape
        if tape == NULL:
            raise errors.wrong_tape(OP_NAMES[op], left, None, True)
        return tape
    if is_value(right) and (<Value>right).node:
        tape = (<Value>right).tape
        if tape == NULL:
            raise errors.wrong_tape(OP_NAMES[op], right, None, True)
        return tape
    return current()


cdef int resolve_operands(object left, object right, int op, Pair *p) except -1:
    """The tape to record on and the operands' nodes there; takes the result's handle. Writes nothing if it raises."""
    cdef Tape t
    p.handle = new_handle()
    try:
        if modes and quiet():
            p.tape = NULL
            return True
        while True:
            t = <Tape>recording_tape(left, right, op)
            if t.top < t.limit:
                break
            make_room(t, 0)
            if t.top < t.limit or COLLECT_ALWAYS:
                t = <Tape>recording_tape(left, right, op)
                break
        if is_value(left):
            p.a = (<Value>left).index if (<Value>left).tape == <PyObject *>t else bind(left, t, op)
        if is_value(right):
            p.b = (<Value>right).index if (<Value>right).tape == <PyObject *>t else bind(right, t, op)
        p.tape = <PyObject *>t
        return True
    except BaseException:
        drop_handle(p.handle)
        raise
