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
cdef list tracers = []              # what they record


@cython.no_gc  # (see tape_traverse)
cdef class Context:

    def __cinit__(self):
        self.stack = []
        self.generation = generation

    def __dealloc__(self):
        global seen_context, seen_thread, modes
        if seen_context == <PyObject *>self:
            seen_context = NULL
            seen_thread = 0
        if self.generation == generation:  # else a fork has left it behind, and its modes are not counted
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
    """True in a block of no_grad: nothing is recorded. A program is: there it is ``muted``."""
    cdef Context c = <Context>context()
    return c.quiet > 0 and c.trace is None


cdef bint muted() except -1:
    """True in a block of no_grad of a function that is being recorded: what it computes passes no derivative on."""
    cdef Context c = <Context>context()
    return c.quiet > 0 and c.trace is not None
