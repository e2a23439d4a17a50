# core/tracing/trace.pxi: a function recorded as a program.
#
# While a function is traced, its operations go to a tape as ever. What else it does with traced numbers is noted, or
# refused:
#
#   comparisons, bool()      a *guard*: the recording holds as long as they come out alike
#   .item(), int(), ...      would freeze a number that changes: TraceError, with the line
#   backward(), x.data = ..  effects that a replay would not have: likewise
#
# Arrays are taken apart. An operation on Tensors is done by NumPy, or by the op's function, over arrays of Values
# (``elements_of``), and its results are gathered in a Tensor again; so a program has scalar operations alone, and
# what NumPy can do over objects, programs can. Each thread traces by itself; ``traces`` counts those that do, as
# ``modes`` counts modes.
# What one thread traces is refused to the others: there nobody would note what they decide by it.
#
# A function may catch what is refused, and go on: the first such error is raised at its end.
#
# Afterwards the tape's nodes become a graph, one for one (``graph_of_trace``): leaves that are no arguments are
# *captured*,
# further inputs that are read afresh at each run.

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

cdef class Trace:
    """The recording of a function: ``with Trace() as t`` around its call."""
    def __cinit__(self, list arguments):
        self.tape = Tape()
        self.codes, self.arrays, self.arguments, self.conditions, self.shapes = {}, {}, arguments, [], {}

    def __dealloc__(self):
        free(self.guard)

    def __enter__(self):
        global traces, modes
        cdef Context c = <Context>context()
        if c.trace is not None:
            raise RuntimeError("Trace: this thread traces already")
        self.tape.__enter__()
        self.tape.busy += 1  # no collections: guards hold places
        self.quiet = c.quiet  # what is recorded here is nobody's graph
        modes -= self.quiet
        c.quiet = 0
        c.trace = self
        traces += 1
        tracers.append(self)
        return self

    def __exit__(self, kind, *_):
        global traces, modes
        cdef Context c = <Context>context()
        if kind is not None:
            self.refused = None  # which may lead back here, by its traceback
        c.trace = None
        traces -= 1
        tracers.remove(self)
        c.quiet += self.quiet
        modes += self.quiet
        self.tape.busy -= 1
        while c.stack and c.tape is not self.tape:  # left open by a function that raised
            c.tape = c.stack.pop()
        self.tape.__exit__()

    def elements(self, Tensor v):
        """The elements of a tensor: an array of Values and floats."""
        return elements_of(v)

    def finished(self):
        """Raise the first error of the recording, if there is one."""
        if self.refused is not None:
            error, self.refused = self.refused, None
            raise error

    def rely_on_shapes(self, list captured):
        """The recording holds as long as the tensors that only their shapes were asked of keep these."""
        used = {id(v) for v in captured}
        self.conditions += [(v, "shape", shape) for k, (v, shape) in self.shapes.items() if k not in used]

    def owns(self, v):
        """Whether v is one of the leaves that the function was called with."""
        if self.own is None:
            self.own = {id(x) for x in self.arguments}
        return id(v) in self.own


cdef list tracers = []  # the traces of all threads


cdef Trace tracing():
    """The running thread's trace, or None."""
    return <Trace>(<Context>context()).trace if traces else None


def recording():
    """Whether this thread is recording a program."""
    return traces and tracing() is not None


# ---- what is refused -------------------------------------------------------------------------------

cdef object first_error(Trace t, object error):
    """Remember the first error of a recording: whoever catches it, there is no program."""
    if t.refused is None:
        t.refused = error
    return error


cdef int refuse(Handle v, str what) except -1:
    """Raise where v's number would leave a recording."""
    cdef Trace t = tracing()
    if t is None:
        return check_thread(v, NULL)
    if v.node == 1 and v.home != <PyObject *>t.tape:
        return 0  # of another tape: it never changes
    raise first_error(t, errors.traced_number(what, v, errors.user_line()))


cdef int refuse_effect(str what) except -1:
    """Raise where a recording would do something that a replay does not."""
    cdef Trace t = tracing()
    if t is not None:
        raise first_error(t, errors.traced_effect(what, errors.user_line()))
    return 0


def refused(error):
    """Note an error of this thread's recording, and give it, to be raised."""
    return first_error(tracing(), error)


def effect(what):
    """Raise TraceError if this thread records a program, for which ``what`` would be done once and not repeated."""
    if traces:
        refuse_effect(what)


def rely_on(owner, str name):
    """owner.name, on which a recording relies: it holds as long as the attribute is the same object."""
    cdef Trace t = tracing() if traces else None
    value = getattr(owner, name)
    if t is not None and not any([o is owner and n == name for o, n, _ in t.conditions]):
        t.conditions.append((owner, name, value))
    return value


cdef int look_at_shape(Tensor v) except -1:
    """What a function does may depend on the shape of a captured tensor, though it uses none of its elements."""
    cdef Trace t = tracing()
    if t is not None and not v.node and id(v) not in t.shapes and not t.owns(v):
        t.shapes[id(v)] = v, v.array.shape
    return 0


cdef int check_thread(Handle v, PyObject *tape) except -1:
    """Raise where v is what another thread records. tape: what v is going to be used on."""
    cdef Trace t
    for t in list(tracers):
        if tape != <PyObject *>t.tape and (v.home == <PyObject *>t.tape if v.node else t.owns(v)):
            if t is tracing():
                raise first_error(t, errors.traced_foreign(v, True))
            raise first_error(t, errors.traced_elsewhere(v, errors.user_line()))
    return 0


cdef bint traced_here(object x) except -1:
    """Whether this thread records a program; x must not be what another one records."""
    if tracing() is not None:
        return True
    if is_value(x) or is_tensor(x):
        check_thread(<Handle>x, NULL)
    return False


# ---- guards ----------------------------------------------------------------------------------------

cdef int32_t place_in(Trace t, object v, double *x) except -2:
    """A side of a comparison: its place on the tape, or -1 and the number."""
    cdef Value value
    if not is_value(v):
        x[0] = float(v)
        return -1
    value = <Value>v
    x[0] = value.primal
    if value.node == 1 and value.home != <PyObject *>t.tape:
        return -1  # of another tape: it never changes
    if value.node == 2:
        raise errors.wrong_tape("comparison", value, None, True)
    if value.home == <PyObject *>t.tape:
        return value.index
    if t.tape.top >= t.tape.limit:
        make_room(t.tape, 0)
    return bind(value, t.tape, OP_LT)


cdef int note_guard(Trace t, int op, object x, object y, bint outcome) except -1:
    """The rest of the recording holds where ``op(x, y)`` comes out as it did."""
    cdef Guard *g
    cdef void *more
    cdef Py_ssize_t room
    cdef double left = 0, right = 0
    cdef int32_t a = place_in(t, x, &left), b = place_in(t, y, &right)
    if a < 0 and b < 0:
        return 0
    if t.guards == t.room:
        room = 2*t.room + 64
        more = realloc(t.guard, room*sizeof(Guard))
        if more == NULL:
            raise errors.no_memory(room, room*sizeof(Guard))
        t.guard = <Guard *>more
        t.room = room
    g = &t.guard[t.guards]
    g.top, g.op, g.a, g.b, g.x, g.y, g.expected = <int32_t>t.tape.top, op, a, b, left, right, outcome
    g.code, g.lasti = NULL, 0
    t.guards += 1
    note_line(t, g)
    return 0


cdef int note_line(Trace t, Guard *g) except -1:
    """Where in the user's code the guard is: the innermost frame that is no library's."""
    cdef PyObject *frame = CGRAD_FRAME()
    cdef PyObject *code
    cdef object held = None
    while frame != NULL:
        code = CGRAD_CODE(frame)
        where = <object>code
        Py_DECREF(where)  # the frame holds it
        library = t.codes.get(where)
        if library is None:
            library = errors.of_library(where.co_filename)
            t.codes[where] = library
        if not library or g.code == NULL:
            g.code, g.lasti = code, CGRAD_LASTI(frame)
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


cdef int guard_comparison(object x, object y, int python_op, bint outcome) except -1:
    """After a comparison (Python's number for it) of which a side is a Value."""
    cdef Trace t
    cdef double number_
    if not (traced_here(x) and traced_here(y)):
        return 0
    t = tracing()
    if not is_value(y) and not PyFloat_Check(y):
        number_ = nearest(y)
        if number_ != y:  # no double: none lies between the two
            if python_op in (2, 3):
                return 0  # never equal
            python_op = (0 if python_op < 2 else 5) if number_ > y else (1 if python_op < 2 else 4)
        y = number_
    if python_op == 0:
        return note_guard(t, OP_LT, x, y, outcome)
    if python_op == 1:
        return note_guard(t, OP_LE, x, y, outcome)
    if python_op == 4:
        return note_guard(t, OP_LT, y, x, outcome)
    if python_op == 5:
        return note_guard(t, OP_LE, y, x, outcome)
    return note_guard(t, OP_EQ if python_op == 2 else OP_NE, x, y, outcome)


cdef double nearest(object y) except? -1:
    """The double next to a real number of any kind."""
    try:
        return float(y)
    except OverflowError:
        return INFINITY if y > 0 else -INFINITY


cdef bint chosen(Tape tape, int op, Ref x, Ref y, bint outcome) noexcept:
    """A choice inside a partial that is recorded: by the numbers at hand, so it is a guard too."""
    cdef Trace t
    if traces:
        t = tracing()
        if t is not None and t.tape is tape:
            try:
                note_guard(t, op, value_at(tape, x.i) if x.i >= 0 else x.v, value_at(tape, y.i) if y.i >= 0 else y.v,
                           outcome)
            except BaseException as error:
                first_error(t, error)
    return outcome


def static(v):
    """cgrad.static(v): the plain number of v. In a compiled function: a guard that it is the same at each replay.

    v: a Value (gives a float), a Tensor (an ndarray), or anything else (given back). For numbers that decide what is
    computed, as a number of steps: each new one is a path of its own.

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
            note_guard(t, OP_LT, op_copysign(1.0, v), 0.0, c_copysign(1.0, x) < 0)
        return x
    if is_tensor(v):
        if not here:
            return (<Tensor>v).array.copy()
        elements = comparable(v)
        return np.array([static(x) for x in elements.flat]).reshape(elements.shape)
    return v


# ---- arrays, taken apart ---------------------------------------------------------------------------

cdef object elements_of(object o):
    """A tensor's elements, an object array of Values and floats; anything else as it is."""
    cdef Trace t
    cdef Tensor v
    cdef Term r
    cdef Pair p
    cdef Py_ssize_t k, i
    cdef int32_t place
    cdef object out, flat
    if not is_tensor(o):
        return o
    t = tracing()
    v = <Tensor>o
    known = t.arrays.get(id(v))
    if known is not None:
        return known[1]
    out = np.empty(v.array.shape, object)
    if v.node == 1 and v.home != <PyObject *>t.tape:
        raise first_error(t, errors.traced_foreign(v))
    look_at_shape(v)
    look_who_holds(v)
    numbers = v.array.ravel().tolist()
    flat = []
    r.v, r.x, r.i = <PyObject *>v, 0, -1
    locate(&r, 1, OP_ITEM, &p, 1)
    discard(p.handle)
    place = r.i
    t.tape.used[place] = USED
    t.tape.items = True
    for k in range(len(numbers)):
        if t.tape.top >= t.tape.limit:
            make_room(t.tape, 0)
        i = t.tape.top
        flat.append(appended(<PyObject *>t.tape, i, OP_ITEM, numbers[k], <int32_t>i, <double>k, place, 0))
    for k in range(len(flat)):
        out.flat[k] = flat[k]
    t.arrays[id(v)] = v, out
    return out


cdef object tensor_of(object array):
    """The other way: a result over objects as a Tensor, a Value or a number."""
    cdef Trace t = tracing()
    cdef cnp.ndarray out
    cdef list given
    cdef Py_ssize_t k
    cdef bint traced = False
    if not (isinstance(array, np.ndarray) and array.ndim):
        return array.item() if isinstance(array, np.ndarray) else array
    if array.dtype != object:
        return plain_tensor(standard(array)) if array.dtype.kind == "f" else array
    given = list(array.flat)
    out = np.empty(array.shape)
    for k in range(len(given)):
        x = given[k]
        if is_value(x):
            traced = True
            (<double *>cnp.PyArray_DATA(out))[k] = (<Value>x).primal
        else:
            given[k] = (<double *>cnp.PyArray_DATA(out))[k] = plain_named(x, "an array in a compiled function")
    if not traced:
        return plain_tensor(out)
    result = append_rule(OP_GATHER, given, out, None, None)
    t.arrays[id(result)] = result, array
    return result


cdef dict OVER_OBJECTS = {}


cdef object traced_elementwise(int op, object x, object y, object z):
    """An op of the table over arrays of Values; NotImplemented where a type may know better."""
    cdef double number_ = 0
    cdef list given = [x, y, z][:OP_ARITY[op]]
    cdef bint arrays = False
    cdef Py_ssize_t k
    for k in range(len(given)):
        if is_tensor(given[k]):
            given[k] = elements_of(given[k])
            arrays = True
        elif isinstance(given[k], np.ndarray):
            numeric(given[k], OP_NAMES[op]) if given[k].dtype != object else None
            arrays = True
        elif not is_value(given[k]) and not operand(given[k], &number_, op, <int>k):
            return NotImplemented
    if not arrays:
        return SCALARS[op](*given)
    given = [boxed(<Value>v) if is_value(v) else v for v in given]  # not to be asked for a rule of frompyfunc's
    if op not in OVER_OBJECTS:
        OVER_OBJECTS[op] = np.frompyfunc(SCALARS[op], OP_ARITY[op], 1)
    before = ignore_errors()
    try:
        result = OVER_OBJECTS[op](*given)
    except ValueError:
        raise errors.no_broadcast(OP_NAMES[op], [("", np.shape(a)) for a in given if np.shape(a)]) from None
    finally:
        heed_errors(before)
    return tensor_of(np.asarray(result, object) if isinstance(result, np.ndarray) else result)


cdef object traced_primitive(Primitive f, tuple args, dict kwargs):
    """A structural operation, by its forward computation over arrays of Values."""
    before = ignore_errors()
    try:
        value = f.forward(*[elements_of(x) for x in args], **kwargs)
    except errors.TraceError:
        raise
    except (TypeError, AttributeError, NotImplementedError, np.linalg.LinAlgError) as error:
        raise first_error(tracing(), errors.not_in_programs(f.name, error, errors.user_line())) from error
    finally:
        heed_errors(before)
    return tensor_of(value)


cpdef object comparable(object x):
    """What stands for x in a comparison: its numbers; in a recording its Values, which note guards."""
    cdef Trace t = tracing() if traces else None
    if t is not None:
        if is_tensor(x) and (<Tensor>x).node == 1 and (<Tensor>x).home != <PyObject *>t.tape:
            return (<Tensor>x).array  # of another tape: it never changes
        return elements_of(x)
    return plain(x)


cdef object compared(int python_op, object x, object y):
    """A comparison of arrays; over Values, too, nan raises no warnings."""
    if not traces:
        return COMPARISONS[python_op](plain(x), plain(y))
    before = ignore_errors()
    try:
        return COMPARISONS[python_op](comparable(x), comparable(y))
    finally:
        heed_errors(before)


cdef object predicate(str name, object x):
    """isnan, isinf or isfinite of something traced, by comparisons, which are guards."""
    if is_tensor(x):
        x = comparable(x)
    if isinstance(x, np.ndarray):
        return np.array([predicate(name, v) for v in x.flat], bool).reshape(x.shape)
    if name == "isnan":
        return x != x
    return abs(x) == INFINITY if name == "isinf" else abs(x) < INFINITY
