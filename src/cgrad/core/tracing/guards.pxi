# core/tracing/guards.pxi: comparisons of traced numbers: a recording holds as long as they come out alike.
#
# A comparison is a Condition at first (condition.pxi), and becomes a guard where its outcome is asked for.
#
#   nodes     0 ... 6 | 7 ... 11 | 12 ...
#                     |          |
#   guards       g0: top 7   g1: top 12     { top, op: LT, a and b: the nodes compared, or -1 and a number, expected }
#
# ``top`` is how many nodes the tape had when the guard was asked: a replay asks it between those two.

cdef extern from *:
    """
    /* Frames and code as plain objects, as Cython's declarations want them. */
    #define CGRAD_FRAME() ((PyObject *)PyEval_GetFrame())
    #define CGRAD_BACK(f) ((PyObject *)PyFrame_GetBack((PyFrameObject *)(f)))
    #define CGRAD_CODE(f) ((PyObject *)PyFrame_GetCode((PyFrameObject *)(f)))
    #define CGRAD_LASTI(f) PyFrame_GetLasti((PyFrameObject *)(f))
    #define CGRAD_LINE(c, lasti) PyCode_Addr2Line((PyCodeObject *)(c), lasti)
    """
    PyObject *CGRAD_FRAME()              # borrowed
    PyObject *CGRAD_BACK(PyObject *)     # new references
    PyObject *CGRAD_CODE(PyObject *)
    int CGRAD_LASTI(PyObject *)
    int CGRAD_LINE(PyObject *, int)


cdef int32_t node_in(Trace t, object v, double *x) except -2:
    """A side of a comparison: its node, or -1 and the number."""
    cdef Value value
    if not is_value(v):
        x[0] = float(v)
        return -1
    value = <Value>v
    x[0] = value.primal
    if value.node == 1 and value.tape != <PyObject *>t.tape:
        return -1  # of another tape: it never changes
    if value.node == 2:
        raise errors.wrong_tape("comparison", value, None, True)
    if value.tape == <PyObject *>t.tape:
        return value.index
    if t.tape.top >= t.tape.limit:
        make_room(t.tape, 0)
    return bind(value, t.tape, OP_LT)


cdef int note_guard(Trace t, int op, object x, object y, bint outcome) except -1:
    """The rest of the recording holds where ``op(x, y)`` comes out as it did."""
    cdef Guard *g
    cdef double left = 0, right = 0
    cdef int32_t a = node_in(t, x, &left), b = node_in(t, y, &right)
    if a < 0 and b < 0:
        return 0
    key = (op, a, b, left if a < 0 else 0.0, right if b < 0 else 0.0)
    if key in t.noted:
        return 0
    if t.trials or t.pending:
        before_guard(t)
    t.noted.add(key)
    if t.guards == t.room:
        t.guard = <Guard *>grown(t.guard, 2*t.room + 64, sizeof(Guard))
        t.room = 2*t.room + 64
    g = &t.guard[t.guards]
    g.top, g.op, g.a, g.b, g.x, g.y, g.expected = <int32_t>t.tape.top, op, a, b, left, right, outcome
    t.guards += 1
    find_line(t, &g.code, &g.lasti)
    return 0


cdef int find_line(Trace t, PyObject **code_of, int32_t *lasti) except -1:
    """Where in the user's code we are: the innermost frame that is no library's. The trace holds its code."""
    cdef PyObject *frame = CGRAD_FRAME()
    cdef PyObject *code
    cdef object held = None
    code_of[0], lasti[0] = NULL, 0
    while frame != NULL:
        code = CGRAD_CODE(frame)
        where = <object>code
        Py_DECREF(where)  # the frame holds it
        library = t.codes.get(where)
        if library is None:
            library = errors.of_library(where.co_filename)
            t.codes[where] = library
        if not library or code_of[0] == NULL:
            code_of[0], lasti[0] = code, CGRAD_LASTI(frame)
        if not library:
            return 0
        frame = CGRAD_BACK(frame)
        held = cgrad_own(frame) if frame != NULL else None
    return 0


cdef object line_of(dict lines, Guard *q):
    """(file, line, function) of a guard, one object for each place."""
    if q.code == NULL:
        return ("", 0, "")
    key = (<uintptr_t>q.code, q.lasti)
    if key not in lines:
        lines[key] = ((<object>q.code).co_filename, CGRAD_LINE(q.code, q.lasti), (<object>q.code).co_qualname)
    return lines[key]


cdef double nearest(object y) except? -1:
    """The double next to a real number of any kind."""
    try:
        return float(y)
    except OverflowError:
        return INFINITY if y > 0 else -INFINITY


def static(v, /):
    """cgrad.static(v): the plain number of v. In a compiled function: a guard that it is the same at each replay.

    v: a Value (returns a float), a Tensor (an ndarray), or anything else (returned as it is). For numbers that decide
    what is computed, as a number of steps: each new one is a path of its own.

    >>> import cgrad
    >>> @cgrad.compile
    ... def power(x, n):
    ...     result = 1.0
    ...     for _ in range(int(cgrad.static(n))):
    ...         result = result*x
    ...     return result
    >>> power(2.0, 3.0), power(2.0, 5.0), len(power.programs)
    (8.0, 32.0, 2)
    """
    cdef Trace t
    cdef double x
    cdef bint here = traces and traced_here(v)
    if is_value(v):
        x = (<Value>v).primal
        if not here:
            return x
        t = tracing()
        if x != x:
            note_guard(t, OP_NE, v, v, True)
            return x
        note_guard(t, OP_EQ, v, x, True)
        if x == 0:  # of this sign
            note_guard(t, OP_LT, SCALARS[OP_COPYSIGN](1.0, v), 0.0, c_copysign(1.0, x) < 0)
        return x
    if is_tensor(v):
        if not here:
            return (<Tensor>v).array.copy()
        elements = comparable(v)
        return np.array([static(x) for x in elements.flat]).reshape(elements.shape)
    return v
