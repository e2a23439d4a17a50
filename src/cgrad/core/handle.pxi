# core/handle.pxi: values and their memory; ``a*b`` from slot to append.
#
#   Value (a node)                          Value (a leaf)
#   +----------+--------------------+       +----------+---------------------------+
#   | home     | its tape, owned    |       | home     | tape of its newest slot   |  borrowed, or NULL
#   | index    | its place there    |       | index    | that slot                 |
#   | primal   | the number         |       | primal   | the number                |
#   | adjoint  | (the tape has it)  |       | adjoint  | its gradient              |
#   | extra    | None or Extra      |       | extra    | None or Extra             |
#   +----------+--------------------+       +----------+---------------------------+
#
# A leaf belongs to no tape. A tape that uses it holds a slot, an entry with the leaf's number at that
# time. New data unsets ``home``: the next use makes a new slot, older ones keep the old number, and
# all of them lead to the same leaf. home == T means for both kinds: ``index`` is the place on T.
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
    #define cgrad_likely(x) __builtin_expect(!!(x), 1)
    #define cgrad_unlikely(x) __builtin_expect(!!(x), 0)
    #if defined(_MSC_VER)
    #undef cgrad_likely
    #undef cgrad_unlikely
    #define cgrad_likely(x) (x)
    #define cgrad_unlikely(x) (x)
    #endif
    """
    int CGRAD_FREE_LIST
    void cgrad_revive(PyObject *) noexcept
    object cgrad_own(PyObject *)  # the reference becomes Cython's
    bint cgrad_likely(bint) noexcept nogil
    bint cgrad_unlikely(bint) noexcept nogil

cdef extern from "Python.h":
    void PyObject_GC_Del(void *)
    void PyObject_GC_Track(void *)
    void PyObject_GC_UnTrack(void *)
    void PyObject_ClearWeakRefs(PyObject *)
    bint PyFloat_CheckExact(object)
    bint PyLong_CheckExact(object)
    double PyLong_AsDouble(object) except? -1
    void Py_XINCREF(PyObject *)
    void Py_XDECREF(PyObject *)
    ctypedef struct PyTypeRaw "PyTypeObject":
        void *tp_vectorcall
        Py_ssize_t tp_weaklistoffset

cdef PyObject *free_list = NULL  # linked through home; each keeps extra = None
cdef int free_count = 0


cdef inline bint is_value(object o) noexcept:
    return Py_TYPE(o) is <PyTypeObject *>Value


cdef inline PyObject *weak_list(PyObject *o) noexcept:
    return (<PyObject **>(<char *>o + (<PyTypeRaw *>Value).tp_weaklistoffset))[0]


cdef PyObject *fresh_handle() except NULL:
    cdef Value v = Value.__new__(Value)
    PyObject_GC_UnTrack(<PyObject *>v)
    v.tracked = 0
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


cdef void drop_handle(PyObject *h) noexcept:
    """Memory of a value without references: to the free list, or back to CPython."""
    cdef PyTypeObject *type = Py_TYPE(<object>h)
    global free_list, free_count
    if free_count < CGRAD_FREE_LIST:
        (<Value>h).home = free_list
        free_list = h
        free_count += 1
    else:
        Py_DECREF(None)
        PyObject_GC_Del(h)
        if type.tp_flags & Py_TPFLAGS_HEAPTYPE:
            Py_DECREF(<object>type)


cdef void strip(PyObject *o) noexcept:
    """Clear a dying value of what few values have. Runs Python: weak references call back."""
    if weak_list(o) != NULL:
        PyObject_ClearWeakRefs(o)
    (<Value>o).extra = None


cdef void value_dealloc(PyObject *o) noexcept:
    """tp_dealloc. Cython's own would save and restore the exception state each time."""
    cdef PyObject *home = (<Value>o).home
    cdef Py_ssize_t i
    if (<Value>o).tracked:
        PyObject_GC_UnTrack(o)
        (<Value>o).tracked = 0
    if (<Value>o).node:
        (<Value>o).node = 0
        if home != NULL:
            i = (<Value>o).index
            (<Tape>home).handle[i] = 0  # first: no Python that runs from here on may find it there
            (<Tape>home).live -= 1
            if cgrad_unlikely(not (<Tape>home).used[i]):
                (<Tape>home).dead = True
            if cgrad_unlikely(weak_list(o) != NULL or (<Value>o).extra is not None):
                strip(o)
            drop_handle(o)
            if cgrad_unlikely((<Tape>home).live == 0):
                (<Tape>home).dead = True
                if not (<Tape>home).explicit_ and not (<Tape>home).busy and not (<Tape>home).sweeping:
                    empty(<Tape>home)
            Py_DECREF(<object>home)
            return
    if cgrad_unlikely(weak_list(o) != NULL or (<Value>o).extra is not None):
        strip(o)
    drop_handle(o)


# ---- operands ------------------------------------------------------------------------------------

cdef struct Pair:
    PyObject *handle  # the result's object, taken before anything is read
    PyObject *home    # the tape recorded on; NULL under no_grad
    double x, y
    int32_t a, b      # places on home; -1: a plain number


cdef tuple NUMPY_REAL = (np.bool_, np.integer, np.floating)
cdef tuple NO_SCALAR = (type(None), str, bytes, bytearray, complex, list, tuple, dict, set, frozenset,
                        np.complexfloating)


cdef enum:
    NUMBER = 1       # converted
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
    if isinstance(o, NO_SCALAR) or (isinstance(o, np.ndarray) and o.dtype != object):
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


cdef double plain(object o, int op, int position) except? -1:
    return plain_named(o, OP_NAMES[op], position)


cdef double plain_named(object o, str name, int position=0) except? -1:
    """A number for a function of plain numbers."""
    cdef double x = 0
    cdef int kind = number(o, &x)
    if kind != NUMBER:
        raise refusal(kind, name, position, o)
    return x


cdef int32_t slot(Value leaf, Tape t) noexcept:
    """The leaf's place on t: a new slot. The caller has made room."""
    cdef Py_ssize_t i = t.top
    t.op[i] = OP_LEAF
    t.used[i] = 0
    t.a[i] = t.b[i] = <int32_t>i
    t.val[i] = leaf.primal
    t.da[i] = t.db[i] = 0
    Py_INCREF(leaf)
    t.handle[i] = <uintptr_t><PyObject *>leaf
    t.top = i + 1
    leaf.home = <PyObject *>t
    leaf.index = <int32_t>i
    return <int32_t>i


cdef int32_t bind(Value v, Tape t, int op) except -1:
    """The place on t of an operand that is not known there."""
    if v.node:
        raise errors.wrong_tape(OP_NAMES[op], v, t, v.home == NULL)
    return slot(v, t)


cdef PyObject *home_of(object left, object right, int op) except NULL:
    """The tape of the operands' histories; with leaves alone, the thread's current one. Borrowed."""
    cdef PyObject *home
    if is_value(left) and (<Value>left).node:
        home = (<Value>left).home
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


cdef inline int pair(object left, object right, int op, Pair *p) except -1:
    """Resolve two operands, at least one of them a Value. False: NotImplemented."""
    cdef PyObject *home
    p.a = p.b = -1
    p.x = p.y = 0
    if is_value(left):
        p.x = (<Value>left).primal
        if is_value(right):
            p.y = (<Value>right).primal
        elif PyFloat_CheckExact(right):
            p.y = PyFloat_AS_DOUBLE(right)
        elif not operand(right, &p.y, op, 1):
            return False
    else:
        p.y = (<Value>right).primal
        if PyFloat_CheckExact(left):
            p.x = PyFloat_AS_DOUBLE(left)
        elif not operand(left, &p.x, op, 0):
            return False
    home = (<Value>left).home if is_value(left) and (<Value>left).node else \
        (<Value>right).home if is_value(right) and (<Value>right).node else NULL
    if cgrad_unlikely(home == NULL or free_list == NULL or modes or (<Tape>home).top >= (<Tape>home).limit
                      or (is_value(left) and (<Value>left).home != home)
                      or (is_value(right) and (<Value>right).home != home)):
        return settle(left, right, op, p)
    p.handle = new_handle()
    p.home = home
    if is_value(left):
        p.a = (<Value>left).index
    if is_value(right):
        p.b = (<Value>right).index
    return True


# ---- the append ----------------------------------------------------------------------------------

cdef inline void fill(PyObject *h, PyObject *home, Py_ssize_t i, double out) noexcept:
    """Make h the handle of node i."""
    (<Value>h).home = home
    (<Value>h).index = <int32_t>i
    (<Value>h).node = 1
    (<Value>h).primal = out
    Py_INCREF(<object>home)
    (<Tape>home).handle[i] = <uintptr_t>h
    (<Tape>home).live += 1
    if cgrad_unlikely((<Tape>home).tracked):
        (<Value>h).tracked = 1
        PyObject_GC_Track(h)


cdef inline object leaf_of(PyObject *h, double primal):
    """Make h a leaf: what an operation gives under no_grad."""
    (<Value>h).home = NULL
    (<Value>h).node = 0
    (<Value>h).primal = primal
    (<Value>h).adjoint = 0
    return cgrad_own(h)


cdef inline object append2(Pair *p, int op, double out, double da, double db):
    """One node: an entry in each column, and a handle."""
    cdef PyObject *home = p.home
    cdef Py_ssize_t i
    if cgrad_unlikely(home == NULL):
        return leaf_of(p.handle, out)
    if cgrad_unlikely(modes):
        inspect(p, op, out)
    i = (<Tape>home).top
    (<Tape>home).op[i] = op
    (<Tape>home).used[i] = 0
    (<Tape>home).val[i] = out
    if p.a >= 0:
        (<Tape>home).a[i] = p.a
        (<Tape>home).da[i] = da
        (<Tape>home).used[p.a] = 1
    else:
        (<Tape>home).a[i] = <int32_t>i
        (<Tape>home).da[i] = p.x
    if p.b >= 0:
        (<Tape>home).b[i] = p.b
        (<Tape>home).db[i] = db
        (<Tape>home).used[p.b] = 1
    else:
        (<Tape>home).b[i] = <int32_t>i
        (<Tape>home).db[i] = p.y
    (<Tape>home).top = i + 1
    fill(p.handle, home, i, out)
    return cgrad_own(p.handle)


cdef inline object append1(Value v, int op, double out, double da):
    """One node with one argument."""
    cdef Pair p
    cdef PyObject *home = v.home
    cdef Py_ssize_t i
    if cgrad_unlikely(not v.node or home == NULL or free_list == NULL or modes
                      or (<Tape>home).top >= (<Tape>home).limit):
        p.a = p.b = -1
        p.x = v.primal
        p.y = 0
        settle(v, None, op, &p)
        return append2(&p, op, out, da, 0)
    i = (<Tape>home).top
    (<Tape>home).op[i] = op
    (<Tape>home).used[i] = 0
    (<Tape>home).val[i] = out
    (<Tape>home).a[i] = v.index
    (<Tape>home).da[i] = da
    (<Tape>home).used[v.index] = 1
    (<Tape>home).b[i] = <int32_t>i
    (<Tape>home).db[i] = 0
    (<Tape>home).top = i + 1
    p.handle = new_handle()
    fill(p.handle, home, i, out)
    return cgrad_own(p.handle)


cdef object required(object result, object x, object y, int op):
    """The result of a method or function, where an operator would try the other operand's type."""
    if result is NotImplemented:
        raise errors.bad_operand(OP_NAMES[op], 0 if not is_value(x) and is_value(y) else 1, y if is_value(x) else x)
    return result


# ---- three and more operands ---------------------------------------------------------------------

cdef struct Term:
    PyObject *v   # a Value (borrowed), or NULL
    double x
    int32_t i     # its place, -1: a plain number


cdef int term(object o, Term *r, int op, int position) except -1:
    r.i = -1
    r.v = NULL
    if is_value(o):
        r.v = <PyObject *>o
        r.x = (<Value>o).primal
    elif PyFloat_CheckExact(o):
        r.x = PyFloat_AS_DOUBLE(o)
    elif not operand(o, &r.x, op, position):
        raise errors.bad_operand(OP_NAMES[op], position, o)
    return 0


cdef int locate(Term *r, Py_ssize_t n, int op, Pair *p, Py_ssize_t nodes) except -1:
    """Find the tape of n operands, room for ``nodes`` nodes, and their places. All or nothing."""
    cdef Py_ssize_t k
    cdef object first = None
    cdef Tape t
    p.handle = new_handle()
    try:
        if modes and quiet():
            p.home = NULL
            return 0
        for k in range(n):
            if r[k].v != NULL and (<Value>r[k].v).node:
                first = <object>r[k].v
                break
        t = <Tape>home_of(first, None, op)
        for k in range(n):  # refuse before anything is written
            if r[k].v != NULL and (<Value>r[k].v).node and (<Value>r[k].v).home != <PyObject *>t:
                raise errors.wrong_tape(OP_NAMES[op], <object>r[k].v, t, (<Value>r[k].v).home == NULL)
        if t.top + n + nodes > t.limit:
            make_room(t, n + nodes)
        for k in range(n):
            if r[k].v != NULL:
                r[k].i = (<Value>r[k].v).index if (<Value>r[k].v).home == <PyObject *>t \
                    else bind(<Value>r[k].v, t, op)
        p.home = <PyObject *>t
        return 0
    except BaseException:
        drop_handle(p.handle)
        raise


cdef inline void write(Tape t, int op, Term *x, double dx, Term *y, double dy) noexcept:
    """The bare entry of one node; y NULL: none."""
    cdef Py_ssize_t i = t.top
    t.op[i] = op
    t.used[i] = 0
    t.handle[i] = 0
    t.val[i] = 0
    t.a[i], t.da[i] = <int32_t>i, dx
    t.b[i], t.db[i] = <int32_t>i, dy
    if x.i >= 0:
        t.a[i] = x.i
        t.used[x.i] = 1
    else:
        t.da[i] = x.x
    if y != NULL:
        if y.i >= 0:
            t.b[i] = y.i
            t.used[y.i] = 1
        else:
            t.db[i] = y.x
    t.top = i + 1


cdef object append3(int op, object x, object y, object z):
    """A head with one continuation: an op of three operands."""
    cdef Term[3] r
    cdef Pair p
    cdef double[3] values, d
    cdef double out
    cdef Py_ssize_t i
    term(x, &r[0], op, 0)
    term(y, &r[1], op, 1)
    term(z, &r[2], op, 2)
    locate(r, 3, op, &p, 2)
    for i in range(3):
        values[i] = r[i].x
    out = evaluate(op, values, d)
    if p.home == NULL:
        return leaf_of(p.handle, out)
    if modes:
        inspect(&p, op, out, r, 3, 1)
    write(<Tape>p.home, OP_CONT, &r[1], d[1], &r[2], d[2])
    return head(&p, op, &r[0], d[0], 1, out)


cdef object head(Pair *p, int op, Term *first, double d, Py_ssize_t continuations, double out):
    """Close a group of continuations with its head and a handle."""
    cdef Tape t = <Tape>p.home
    cdef Py_ssize_t i = t.top, k
    write(t, op, first, d, NULL, 0)
    t.b[i] = <int32_t>(-continuations) if continuations else <int32_t>i
    t.val[i] = out
    for k in range(i - continuations, i):
        t.used[k] = 1
    fill(p.handle, p.home, i, out)
    return cgrad_own(p.handle)


def dot(xs, ys, bias=0.0):
    """cgrad.dot(xs, ys, bias=0.0): bias + x0*y0 + x1*y1 + ..., added in this order, in one append.

    xs, ys: sequences of equal length of Values and plain numbers. d/dx_k = y_k, d/dy_k = x_k, d/dbias = 1.

    >>> import cgrad
    >>> w = [cgrad.Value(2.0), cgrad.Value(3.0)]
    >>> cgrad.dot(w, [1.0, 10.0], 0.5).data
    32.5
    """
    cdef Pair p
    cdef Py_ssize_t n, k
    cdef double out
    cdef Term *r
    cdef bint recorded
    xs, ys = tuple(xs), tuple(ys)
    n = len(xs)
    if n != len(ys):
        raise errors.lengths("dot", n, len(ys))
    r = <Term *>malloc((2*n + 1)*sizeof(Term))
    if r == NULL:
        raise MemoryError("dot: no memory for operands")
    try:
        term(bias, &r[0], OP_DOT, 2)
        recorded = r[0].v != NULL
        out = r[0].x
        for k in range(n):
            term(xs[k], &r[2*k + 1], OP_DOT, 0)
            term(ys[k], &r[2*k + 2], OP_DOT, 1)
            recorded |= r[2*k + 1].v != NULL or r[2*k + 2].v != NULL
            out += r[2*k + 1].x*r[2*k + 2].x
        if not recorded:
            return out
        locate(r, 2*n + 1, OP_DOT, &p, n + 1)
        if p.home == NULL:
            return leaf_of(p.handle, out)
        if modes:
            inspect(&p, OP_DOT, out, r, 2*n + 1, n)
        for k in range(n):
            write(<Tape>p.home, OP_CONT, &r[2*k + 1], r[2*k + 2].x, &r[2*k + 2], r[2*k + 1].x)
        return head(&p, OP_DOT, &r[0], 1, n, out)
    finally:
        free(r)
