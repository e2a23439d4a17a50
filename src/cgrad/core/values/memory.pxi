# core/values/memory.pxi: how Values are allocated, attached to their node, and freed.
#
#              a node                     a leaf
#   +----------+--------------------------+-----------------------------+
#   | tape     | its tape                 | the tape of its newest slot |  Handle; tape is borrowed
#   | index    | its node there           | that slot                   |
#   | position | in its ``live_handles``  |                             |
#   | extra    | None or Extra: constants | None or Extra: name, hooks  |
#   +----------+--------------------------+-----------------------------+
#   | primal   | the number               | the number                  |  Value
#   | adjoint  | (the tape has it)        | its gradient                |
#   +----------+--------------------------+-----------------------------+
#
# A leaf belongs to no tape. A tape that uses it holds a slot, an entry with the leaf's number at that
# time. New data unsets ``tape``: the next use makes a new slot, older ones keep the old number, and
# all of them lead to the same leaf. tape == T means for both kinds: ``index`` is the node on T.
#
# A tape stays alive while handles lead to it, without a reference from each: it holds itself from the
# first (``attach``) to the last. Only tracked handles own one each, for the collector to count.
#
# Memory comes from a free list (a debug build takes CPython's allocator). The type takes part in
# cycle collection, but a value is shown to the collector only where a tape can lead back to it
# (a subclass of Tape has attributes; see Tape.tracked): untracked it costs nothing there.

cdef extern from *:
    """
    #if defined(CGRAD_DEBUG) || defined(Py_DEBUG) || defined(Py_GIL_DISABLED)
    #define CGRAD_FREE_LIST 0
    #else
    #define CGRAD_FREE_LIST 65536
    #endif
    static void cgrad_revive(PyObject *o) { Py_SET_REFCNT(o, 1); }
    static PyObject *cgrad_own(PyObject *o) { return o; }
    """
    int CGRAD_FREE_LIST
    void cgrad_revive(PyObject *) noexcept
    object cgrad_own(PyObject *)  # the reference becomes Cython's

cdef extern from "core/compiler.h" nogil:
    bint cgrad_likely(bint) noexcept
    bint cgrad_unlikely(bint) noexcept

cdef extern from "Python.h":
    void PyObject_GC_Del(void *)
    void PyObject_GC_Track(void *)
    void PyObject_GC_UnTrack(void *)
    int PyObject_GC_IsTracked(PyObject *)
    void PyObject_ClearWeakRefs(PyObject *)
    bint PyFloat_CheckExact(object)
    double PyLong_AsDouble(object) except? -1
    ctypedef struct PyTypeRaw "PyTypeObject":
        void *tp_vectorcall
        Py_ssize_t tp_weaklistoffset
    ctypedef int (*traverseproc)(PyObject *, visitproc, void *) noexcept
    ctypedef struct TypeSlots "PyTypeObject":
        traverseproc tp_traverse

cdef PyObject *free_list = NULL  # linked through tape; each keeps extra = None
cdef int free_count = 0

cdef Py_ssize_t weak_offset = (<PyTypeRaw *>Handle).tp_weaklistoffset


cdef inline PyObject *weak_list(PyObject *o) noexcept:
    return (<PyObject **>(<char *>o + weak_offset))[0]


cdef PyObject *fresh_handle() except NULL:
    cdef Value v = Value.__new__(Value)
    PyObject_GC_UnTrack(<PyObject *>v)
    v.needs_slow_path = 0
    Py_INCREF(v)
    return <PyObject *>v


cdef inline PyObject *new_handle() except NULL:
    """An untracked leaf, its fields to be set. May run a cycle collection: read indices afterwards."""
    cdef PyObject *h = free_list
    global free_list, free_count
    if cgrad_likely(h != NULL):
        free_list = (<Value>h).tape
        free_count -= 1
        cgrad_revive(h)
        return h
    return fresh_handle()


cdef inline void drop_handle(PyObject *h) noexcept:
    """Return the memory of a dead Value to the free list, or to CPython if the list is full."""
    global free_list, free_count
    if cgrad_likely(free_count < CGRAD_FREE_LIST):
        (<Value>h).tape = free_list
        free_list = h
        free_count += 1
    else:
        return_handle(h)


cdef void return_handle(PyObject *h) noexcept:
    cdef PyTypeObject *type = Py_TYPE(<object>h)
    Py_DECREF(None)
    PyObject_GC_Del(h)
    if type.tp_flags & Py_TPFLAGS_HEAPTYPE:
        Py_DECREF(<object>type)


cdef inline void attach_value(PyObject *h, PyObject *tape, Py_ssize_t i, double out) noexcept:
    """Make h, a Value, the handle of node i, whose primal is out."""
    (<Value>h).primal = out
    attach(h, tape, i)


cdef inline void attach(PyObject *h, PyObject *tape, Py_ssize_t i) noexcept:
    """Enter h into the tape's list of living handles."""
    cdef Py_ssize_t n = (<Tape>tape).live
    (<Handle>h).tape = tape
    (<Handle>h).index = <int32_t>i
    (<Handle>h).position = <int32_t>n
    (<Handle>h).node = 1
    (<Tape>tape).live_handles[n] = h
    (<Tape>tape).live = n + 1
    if cgrad_unlikely(n == 0 or (<Tape>tape).needs_slow_path):
        attach_slow(h, tape, i)


cdef void attach_slow(PyObject *h, PyObject *tape, Py_ssize_t i) noexcept:
    """Slow path of ``attach``: first handle, tracked tape, or handle table present."""
    if (<Tape>tape).live == 1 or (<Tape>tape).tracked:
        Py_INCREF(<object>tape)
    if (<Tape>tape).where != NULL:
        (<Tape>tape).where[i] = (<Handle>h).position + 1
    if (<Tape>tape).tracked:
        (<Handle>h).needs_slow_path = 1
        PyObject_GC_Track(h)


cdef void last_handle_gone(Tape t) noexcept:
    """The last handle of t is gone: all its nodes are garbage."""
    t.has_garbage = True
    if not (t.explicit_ or t.pinned or t.sweeping or t.records) and t.top:
        drop_all(t)


cdef void value_dealloc(PyObject *o) noexcept:
    """tp_dealloc. Cython's own would save and restore the exception state each time."""
    cdef PyObject *tape
    cdef bint slow = (<Value>o).needs_slow_path or weak_list(o) != NULL
    if cgrad_unlikely(slow) and PyObject_GC_IsTracked(o):
        PyObject_GC_UnTrack(o)
    if (<Value>o).node == 1:
        tape = (<Value>o).tape
        remove_handle(<Tape>tape, o)  # first: no Python that runs from here on may find it there
        if cgrad_unlikely(not (<Tape>tape).used[(<Value>o).index] & USED):
            (<Tape>tape).has_garbage = True
        if cgrad_unlikely(slow or (<Tape>tape).live == 0 or (<Tape>tape).tracked):
            dealloc_slow(o, tape)
            return
    elif cgrad_unlikely(slow):
        clear_rare(o)
    drop_handle(o)


cdef void dealloc_slow(PyObject *o, PyObject *tape) noexcept:
    """Slow path of ``value_dealloc``: the last handle of its tape, a tracked tape, or a handle with rare fields."""
    cdef bint owned = (<Tape>tape).live == 0 or (<Tape>tape).tracked
    Py_INCREF(<object>tape)
    clear_rare(o)
    drop_handle(o)
    if (<Tape>tape).live == 0:
        last_handle_gone(<Tape>tape)
    if owned:
        Py_DECREF(<object>tape)
    Py_DECREF(<object>tape)


cdef void clear_rare(PyObject *o) noexcept:
    """Drop rare fields (name, hooks, constants) and fire weak references; may run Python."""
    if weak_list(o) != NULL:
        PyObject_ClearWeakRefs(o)
    (<Value>o).extra = None
    (<Value>o).needs_slow_path = 0


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


cdef int no_clear(PyObject *o) noexcept:
    """tp_clear: a value's links lead on to objects that can break a cycle themselves."""
    return 0
