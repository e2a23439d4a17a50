# core/values/handle.pxi: values and their memory; ``a*b`` from slot to append.
#
#   Value (a node)                          Value (a leaf)
#   +----------+--------------------+       +----------+---------------------------+
#   | home     | its tape           |       | home     | tape of its newest slot   |  both borrowed
#   | index    | its node there     |       | index    | that slot                 |
#   | place    | in home's ``held`` |       | place    |                           |
#   | primal   | the number         |       | primal   | the number                |
#   | adjoint  | (the tape has it)  |       | adjoint  | its gradient              |
#   | extra    | None or Extra      |       | extra    | None or Extra             |
#   +----------+--------------------+       +----------+---------------------------+
#
# A leaf belongs to no tape. A tape that uses it holds a slot, an entry with the leaf's number at that
# time. New data unsets ``home``: the next use makes a new slot, older ones keep the old number, and
# all of them lead to the same leaf. home == T means for both kinds: ``index`` is the node on T.
#
# A tape stays alive while handles lead to it, without a reference from each: it holds itself from the
# first (``hold``) to the last. Only tracked handles own one each, for the collector to count.
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

cdef PyObject *free_list = NULL  # linked through home; each keeps extra = None
cdef int free_count = 0


cdef Py_ssize_t weak_offset = (<PyTypeRaw *>Value).tp_weaklistoffset


cdef inline PyObject *weak_list(PyObject *o) noexcept:
    return (<PyObject **>(<char *>o + weak_offset))[0]


cdef PyObject *fresh_handle() except NULL:
    cdef Value v = Value.__new__(Value)
    PyObject_GC_UnTrack(<PyObject *>v)
    v.odd = 0
    Py_INCREF(v)
    return <PyObject *>v


cdef inline PyObject *new_handle() except NULL:
    """An untracked leaf without a name, to be filled in. May run a cycle collection: read indices after."""
    cdef PyObject *h = free_list
    global free_list, free_count
    if cgrad_likely(h != NULL):
        free_list = (<Value>h).home
        free_count -= 1
        cgrad_revive(h)
        return h
    return fresh_handle()


cdef inline void drop_handle(PyObject *h) noexcept:
    """Memory of a value without references: to the free list, or back to CPython."""
    global free_list, free_count
    if cgrad_likely(free_count < CGRAD_FREE_LIST):
        (<Value>h).home = free_list
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


cdef inline void hold(PyObject *h, PyObject *home, Py_ssize_t i, double out) noexcept:
    """Make h, a Value, the handle of node i."""
    (<Value>h).primal = out
    hold_place(h, home, i)


cdef inline void hold_place(PyObject *h, PyObject *home, Py_ssize_t i) noexcept:
    """Enter h among the living handles."""
    cdef Py_ssize_t n = (<Tape>home).live
    (<Handle>h).home = home
    (<Handle>h).index = <int32_t>i
    (<Handle>h).place = <int32_t>n
    (<Handle>h).node = 1
    (<Tape>home).held[n] = h
    (<Tape>home).live = n + 1
    if cgrad_unlikely(n == 0 or (<Tape>home).odd):
        hold_more(h, home, i)


cdef void hold_more(PyObject *h, PyObject *home, Py_ssize_t i) noexcept:
    """What ``hold`` seldom has to do."""
    if (<Tape>home).live == 1 or (<Tape>home).tracked:
        Py_INCREF(<object>home)
    if (<Tape>home).where != NULL:
        (<Tape>home).where[i] = (<Handle>h).place + 1
    if (<Tape>home).tracked:
        (<Handle>h).odd = 1
        PyObject_GC_Track(h)


cdef inline void let_go(Tape t, PyObject *h) noexcept:
    """Take h off the list of living handles; the caller looks whether it was the last."""
    cdef Py_ssize_t n = t.live - 1
    cdef PyObject *last = t.held[n]
    t.held[(<Handle>h).place] = last
    (<Handle>last).place = (<Handle>h).place
    t.live = n
    if cgrad_unlikely(t.odd):
        if t.where != NULL:
            t.where[(<Handle>last).index] = (<Handle>h).place + 1
            t.where[(<Handle>h).index] = 0


cdef void deserted(Tape t) noexcept:
    """No handle leads to t any more: all its nodes are garbage."""
    t.dead = True
    if not (t.explicit_ or t.busy or t.sweeping or t.records) and t.top:
        empty(t)


cdef void value_dealloc(PyObject *o) noexcept:
    """tp_dealloc. Cython's own would save and restore the exception state each time."""
    cdef PyObject *home
    cdef bint odd = (<Value>o).odd or weak_list(o) != NULL
    if cgrad_unlikely(odd) and PyObject_GC_IsTracked(o):
        PyObject_GC_UnTrack(o)
    if (<Value>o).node == 1:
        home = (<Value>o).home
        let_go(<Tape>home, o)  # first: no Python that runs from here on may find it there
        if cgrad_unlikely(not (<Tape>home).used[(<Value>o).index] & USED):
            (<Tape>home).dead = True
        if cgrad_unlikely(odd or (<Tape>home).live == 0 or (<Tape>home).tracked):
            let_odd_go(o, home)
            return
    elif cgrad_unlikely(odd):
        strip(o)
    drop_handle(o)


cdef void let_odd_go(PyObject *o, PyObject *home) noexcept:
    """The death of a tape's last handle, and of one with more than a number."""
    cdef bint owned = (<Tape>home).live == 0 or (<Tape>home).tracked
    Py_INCREF(<object>home)
    strip(o)
    drop_handle(o)
    if (<Tape>home).live == 0:
        deserted(<Tape>home)
    if owned:
        Py_DECREF(<object>home)
    Py_DECREF(<object>home)


cdef void strip(PyObject *o) noexcept:
    """Clear a dying value of what few values have. Runs Python: weak references call back."""
    if weak_list(o) != NULL:
        PyObject_ClearWeakRefs(o)
    (<Value>o).extra = None
    (<Value>o).odd = 0


# ---- operands ------------------------------------------------------------------------------------

cdef struct Pair:
    PyObject *handle  # the result's object, taken before any index is read
    PyObject *home    # the tape recorded on; NULL under no_grad
    double x, y
    int32_t a, b      # places on home; -1: a plain number


cdef tuple NUMPY_REAL = (np.bool_, np.integer, np.floating)
cdef tuple NO_SCALAR = (type(None), str, bytes, bytearray, complex, list, tuple, dict, set, frozenset,
                        np.complexfloating)


cdef enum:
    UNKNOWN = 0      # another type, which may know better (NotImplemented)
    NO_NUMBER = -2   # no scalar: an error wherever it stands
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
    return UNKNOWN


cdef int operand(object o, double *x, int op, int position) except -1:
    """A plain number beside a Value. False where the other type may know better."""
    cdef int kind = number(o, x)
    if kind < 0:
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
    """The leaf's place on t: a new slot. The caller has made room, in the columns and in the table."""
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
    leaf.home = <PyObject *>t
    leaf.index = <int32_t>i
    return <int32_t>i


cdef int32_t bind(Handle v, Tape t, int op) except -1:
    """The place on t of an operand that is not known there."""
    if v.node:
        raise errors.wrong_tape(OP_NAMES[op], v, t, v.home == NULL)
    if traces:
        check_thread(v, <PyObject *>t)
    if is_tensor(v):
        return bind_array(<Tensor>v, t)
    slot_room(t)
    return slot(<Value>v, t)


cdef PyObject *home_of(object left, object right, int op) except NULL:
    """The tape of the operands' histories; with leaves alone, the thread's current one. Borrowed."""
    cdef PyObject *home
    if (is_value(left) or is_tensor(left)) and (<Handle>left).node:
        home = (<Handle>left).home
        if home == NULL:
            raise errors.wrong_tape(OP_NAMES[op], left, None, True)
        return home
    if is_value(right) and (<Value>right).node:
        home = (<Value>right).home
        if home == NULL:
            raise errors.wrong_tape(OP_NAMES[op], right, None, True)
        return home
    return current()


cdef int settle(object left, object right, int op, Pair *p) except -1:
    """The slow part of ``pair``: no_grad, room, leaves' first use, errors. All or nothing."""
    cdef Tape t
    p.handle = new_handle()
    try:
        if modes and quiet():
            p.home = NULL
            return True
        while True:
            t = <Tape>home_of(left, right, op)
            if t.top < t.limit:
                break
            make_room(t, 0)
            if t.top < t.limit or COLLECT_ALWAYS:
                t = <Tape>home_of(left, right, op)
                break
        if is_value(left):
            p.a = (<Value>left).index if (<Value>left).home == <PyObject *>t else bind(left, t, op)
        if is_value(right):
            p.b = (<Value>right).index if (<Value>right).home == <PyObject *>t else bind(right, t, op)
        p.home = <PyObject *>t
        return True
    except BaseException:
        drop_handle(p.handle)
        raise


# ---- the append: a*b is op_mul (generated), append2, appended -------------------------------------

cdef inline object leaf_of(PyObject *h, double primal):
    """Make h a leaf: what an operation gives under no_grad."""
    (<Value>h).home = NULL
    (<Value>h).node = 0
    (<Value>h).primal = primal
    (<Value>h).adjoint = 0
    return cgrad_own(h)


cdef inline bint ready(Value v) noexcept:
    """v is a node, and one can be appended above it at once."""
    return v.node == 1 and (<Tape>v.home).top < (<Tape>v.home).limit and free_list != NULL and not modes


cdef inline object appended(PyObject *home, Py_ssize_t i, int op, double out, int32_t a, double da, int32_t b,
                            double db):
    """Node i = top: its entry in each column, and its handle. There is room for both."""
    cdef PyObject *h = new_handle()
    (<Tape>home).top = i + 1
    (<Tape>home).op[i] = op
    (<Tape>home).used[i] = 0
    (<Tape>home).val[i] = out
    (<Tape>home).a[i] = a
    (<Tape>home).da[i] = da
    (<Tape>home).b[i] = b
    (<Tape>home).db[i] = db
    hold(h, home, i, out)
    return cgrad_own(h)


cdef inline object append1(Value v, int op, double out, double da):
    """op(v)."""
    cdef PyObject *home = v.home
    cdef Py_ssize_t i
    if cgrad_unlikely(not ready(v)):
        return append_slowly(v, None, op, v.primal, 0, out, da, 0)
    i = (<Tape>home).top
    (<Tape>home).used[v.index] = USED
    return appended(home, i, op, out, v.index, da, <int32_t>i, 0)


cdef inline object append_left(Value v, object right, int op, double y, double out, double da):
    """op(v, y), y a plain number."""
    cdef PyObject *home = v.home
    cdef Py_ssize_t i
    if cgrad_unlikely(not ready(v)):
        return append_slowly(v, right, op, v.primal, y, out, da, 0)
    i = (<Tape>home).top
    (<Tape>home).used[v.index] = USED
    return appended(home, i, op, out, v.index, da, <int32_t>i, y)


cdef inline object append_right(object left, Value v, int op, double x, double out, double db):
    """op(x, v), x a plain number."""
    cdef PyObject *home = v.home
    cdef Py_ssize_t i
    if cgrad_unlikely(not ready(v)):
        return append_slowly(left, v, op, x, v.primal, out, 0, db)
    i = (<Tape>home).top
    (<Tape>home).used[v.index] = USED
    return appended(home, i, op, out, <int32_t>i, x, v.index, db)


cdef inline object append2(Value v, Value w, int op, double out, double da, double db):
    """op(v, w)."""
    cdef PyObject *home = v.home
    if cgrad_unlikely(home != w.home or not (ready(v) or ready(w))):
        return append_slowly(v, w, op, v.primal, w.primal, out, da, db)
    (<Tape>home).used[v.index] = USED
    (<Tape>home).used[w.index] = USED
    return appended(home, (<Tape>home).top, op, out, v.index, da, w.index, db)


cdef object append_slowly(object left, object right, int op, double x, double y, double out, double da, double db):
    """Any of these where something is to be done first: a leaf's first use, room, a mode, an error."""
    cdef Pair p
    cdef Py_ssize_t i
    p.a = p.b = -1
    p.x, p.y = x, y
    settle(left, right, op, &p)
    if p.home == NULL:
        return leaf_of(p.handle, out)
    if modes:
        inspect(&p, op, out)
    i = (<Tape>p.home).top
    if p.a >= 0:
        (<Tape>p.home).used[p.a] = USED
    if p.b >= 0:
        (<Tape>p.home).used[p.b] = USED
    drop_handle(p.handle)  # the next one taken
    return appended(p.home, i, op, out, p.a if p.a >= 0 else <int32_t>i, da if p.a >= 0 else x,
                    p.b if p.b >= 0 else <int32_t>i, db if p.b >= 0 else y)


cdef object required(object result, object x, object y, int op):
    """The result of a method or function, where an operator would try the other operand's type."""
    if result is NotImplemented:
        if arrayish(x) or arrayish(y):
            result = elementwise(op, x, y, None)
            if result is not NotImplemented:
                return result
        raise errors.bad_operand(OP_NAMES[op], 0 if not is_value(x) and is_value(y) else 1, y if is_value(x) else x)
    return result
