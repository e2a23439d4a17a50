# core/tape/context.pxi: a thread's state: its tapes and its modes (no_grad, detect_anomaly).
#
# A Context lives in the thread's own dictionary and dies with the thread. The last one used is
# remembered by the thread's number, so that one thread finds its tape without a look-up.

cdef extern from "Python.h":
    ctypedef struct PyThreadState
    PyThreadState *PyThreadState_Get()
    uint64_t PyThreadState_GetID(PyThreadState *)
    PyObject *PyThreadState_GetDict()

cdef uint64_t seen_thread = 0
cdef PyObject *seen_context = NULL  # borrowed: a dying context unsets it
cdef int modes = 0                  # threads' open no_grad and detect_anomaly blocks, all together
traces = 0                 # threads that record a program (core/tracing/trace.pxi)


@cython.no_gc  # (see tape_traverse)
cdef class Context:

    def __cinit__(self):
        self.stack = []

    def __dealloc__(self):
        global seen_context, seen_thread, modes
        if seen_context == <PyObject *>self:
            seen_context = NULL
            seen_thread = 0
        modes -= self.quiet + self.anomaly
        if self.own is not None:
            self.own.implicit = False


cdef PyObject *context() except NULL:
    """The running thread's context, borrowed."""
    global seen_thread, seen_context
    cdef uint64_t thread = PyThreadState_GetID(PyThreadState_Get())
    cdef PyObject *table
    if thread == seen_thread and seen_context != NULL:
        return seen_context
    table = PyThreadState_GetDict()
    if table == NULL:
        raise RuntimeError("cgrad: this thread has no Python state")
    c = (<dict>table).get("cgrad.context")
    if c is None:
        c = Context()
        (<dict>table)["cgrad.context"] = c
    seen_thread = thread
    seen_context = <PyObject *>c
    return seen_context


cdef PyObject *current() except NULL:
    """The running thread's current tape, borrowed from its context."""
    cdef PyObject *c = context()
    if (<Context>c).tape is not None:
        return <PyObject *>(<Context>c).tape
    if (<Context>c).own is None:
        (<Context>c).own = Tape.__new__(Tape)
        (<Context>c).own.implicit = True
    return <PyObject *>(<Context>c).own


cdef bint quiet() except -1:
    return (<Context>context()).quiet > 0


cdef int inspect(Pair *p, int op, double out, const Term *terms=NULL, Py_ssize_t n=0, Py_ssize_t more=0,
                 object rule=None) except -1:
    """Under detect_anomaly: note the line of user code; raise AnomalyError for a result that is nan or inf.

    terms: the n operands of an op of three and more; more: the continuations that its node will have.
    """
    cdef Tape t = <Tape>p.home
    cdef Py_ssize_t k
    t.pinned += 1  # Python runs here: the operands' places, read already, must not move
    try:
        if not (<Context>context()).anomaly:
            return 0
        where = errors.user_line()
        if not (c_fabs(out) < INFINITY):
            if terms == NULL:
                operands = [describe(t, p.a, p.x), describe(t, p.b, p.y)][:OP_ARITY[op]]
            else:
                operands = [describe(t, terms[k].i, terms[k].x) for k in range(n)]
            raise errors.anomaly(OP_NAMES[op] if rule is None else rule.name, out, operands, where)
        if t.lines is None:
            t.lines = {}
        if t.top + more >= t.limit:  # that Python may have appended
            make_room(t, more + 1)
        t.lines[t.top + more] = where
    except BaseException:
        drop_handle(p.handle)
        raise
    finally:
        t.pinned -= 1
    return 0


cdef tuple describe(Tape t, Py_ssize_t i, double x):
    """(name, value) of an operand, for a message."""
    return (name_of(t, i) if i >= 0 else "", x)


cdef object name_of(Tape t, Py_ssize_t i):
    if t.op[i] == OP_LEAF:
        return leaf_name(<Handle>leaf_at(t, i))
    if t.op[i] == OP_LEAF | SPECIAL:
        return leaf_name(<Handle>payload_at(t, i).leaf)
    return t.names.get(i, "") if t.names is not None else ""


def current_tape():
    """The tape that operations on leaves alone record on, in this thread.

    >>> import cgrad
    >>> with cgrad.Tape() as t:
    ...     cgrad.current_tape() is t
    True
    """
    return <object>current()


class Decorator:
    """A context manager that also decorates functions; every call enters a new one."""

    def __call__(self, function):
        import functools

        @functools.wraps(function)
        @cython.binding(True)  # wraps sets attributes
        def inside(*args, **kwargs):
            with type(self)():
                return function(*args, **kwargs)

        return inside


class no_grad(Decorator):
    """Inside, operations are not recorded: their results are leaves. Context manager and decorator.

    >>> import cgrad
    >>> x = cgrad.Value(3.0)
    >>> with cgrad.no_grad():
    ...     y = x*x
    >>> y.backward(); x.grad
    0.0
    """

    def __enter__(self):
        global modes
        if traces:
            refuse_effect("no_grad")
        (<Context>context()).quiet += 1
        modes += 1
        return self

    def __exit__(self, *_):
        global modes
        (<Context>context()).quiet -= 1
        modes -= 1


class detect_anomaly(Decorator):
    """Inside, the first nan or inf in a value or an adjoint raises cgrad.AnomalyError (a FloatingPointError).

    The error names the operation, its operands and the line of user code. Recording is slower
    inside, as each operation notes its line.

    >>> import cgrad
    >>> with cgrad.detect_anomaly():
    ...     cgrad.log(cgrad.Value(-1.0, name="x"))
    Traceback (most recent call last):
    cgrad.errors.AnomalyError: log: result is nan, of x = -1.0 (<doctest cgrad._core.detect_anomaly[1]>:2)
    """

    def __enter__(self):
        global modes
        (<Context>context()).anomaly += 1
        modes += 1
        return self

    def __exit__(self, *_):
        global modes
        (<Context>context()).anomaly -= 1
        modes -= 1


def _after_fork_in_child():
    global generation
    generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
