# core/arrays/payload.pxi: what array nodes carry.
#
# An array's node is an entry of the same columns as a scalar's. The bit SPECIAL of its op says that it has an
# entry in the tape's payload table, ascending by node:
#
#   columns      ...  17 item   18 mul|SPECIAL   19 mul   20 primitive|SPECIAL (a scalar: sum) ...
#                                  |                          |
#   payload      { node 18, value, adjoint, grad, ... }   { node 20, value NULL, rule: Primitive, saved }
#
# value: the result's array (NULL: the result is a number, in ``val``). adjoint: during a sweep. grad: what
# backward sweeps have added up. saved: constant arrays of the op; a Primitive's arguments. leaf: whose slot it is.
#
# Partials of arrays are not stored: da and db are 0 (or hold a plain number operand), and a sweep works the
# kernels of the op table (cgrad._kernels) through the arrays, block by block. Memory: an entry counts by its
# bytes as well, so that a few large arrays are released promptly.

cdef enum:
    ARRAYS_AT_ONCE = 1 << 25  # bytes of arrays between looks for garbage, at least

cdef extern from "core/tape/pool.h":
    object cgrad_pool_capsule()
    int CGRAD_POOL_FROM

cdef extern from "numpy/arrayobject.h":
    object PyDataMem_SetHandler(object)

cdef object pool = cgrad_pool_capsule()


cdef inline object new_array(int nd, cnp.npy_intp *dims, bint f32):
    if elements(nd, dims) >= CGRAD_POOL_FROM >> 3:
        return pooled(nd, dims, f32, False)
    return cnp.PyArray_EMPTY(nd, dims, cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, 0)


cdef inline object new_zeros(int nd, cnp.npy_intp *dims, bint f32):
    if elements(nd, dims) >= CGRAD_POOL_FROM >> 3:
        return pooled(nd, dims, f32, True)
    return cnp.PyArray_ZEROS(nd, dims, cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, 0)


cdef inline Py_ssize_t elements(int nd, const cnp.npy_intp *dims) noexcept:
    cdef Py_ssize_t n = 1
    cdef int d
    for d in range(nd):
        n *= dims[d]
    return n


cdef object pooled(int nd, cnp.npy_intp *dims, bint f32, bint zeros):
    """A large array, in memory that has been touched before if there is some (core/tape/pool.h)."""
    before = PyDataMem_SetHandler(pool)
    try:
        if zeros:
            return cnp.PyArray_ZEROS(nd, dims, cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, 0)
        return cnp.PyArray_EMPTY(nd, dims, cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, 0)
    finally:
        PyDataMem_SetHandler(before)


cdef inline bint single(object array) noexcept:
    return cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.NPY_FLOAT


cdef inline bint same_shape(object x, object y) noexcept:
    cdef int d, nd = cnp.PyArray_NDIM(<cnp.ndarray>x)
    if cnp.PyArray_NDIM(<cnp.ndarray>y) != nd:
        return False
    for d in range(nd):
        if cnp.PyArray_DIMS(<cnp.ndarray>x)[d] != cnp.PyArray_DIMS(<cnp.ndarray>y)[d]:
            return False
    return True


# ---- the table -----------------------------------------------------------------------------------

cdef int payload_room(Tape t) except -1:
    """Ensure room for one more entry."""
    cdef Py_ssize_t wanted = 2*t.payload_room + 32
    if t.payloads == t.payload_room:
        t.payload = <Payload *>grown(t.payload, wanted, sizeof(Payload))
        t.payload_room = wanted
    return 0


cdef Payload *enter(Tape t, Py_ssize_t i, object value, object rule, object saved) noexcept:
    """The payload of node i, the newest; there is room. None: nothing."""
    cdef Payload *p = &t.payload[t.payloads]
    t.payloads += 1
    p.node = <int32_t>i
    p.value = p.adjoint = p.grad = p.rule = p.saved = p.leaf = p.hooks = NULL
    if value is not None:
        p.value = <PyObject *>value
        Py_INCREF(value)
        t.bytes += cnp.PyArray_NBYTES(<cnp.ndarray>value)
    if rule is not None:
        p.rule = <PyObject *>rule
        Py_INCREF(rule)
    if saved is not None:
        p.saved = <PyObject *>saved
        Py_INCREF(saved)
    return p


cdef Py_ssize_t first_payload(Tape t, Py_ssize_t i) noexcept:
    """The first entry that is at node i or above."""
    return lower_bound(<const int32_t *>t.payload, sizeof(Payload), t.payloads, i)  # ``node`` is its first field


cdef inline Payload *payload_at(Tape t, Py_ssize_t i) noexcept:
    """Node i's entry; NULL: it is a plain scalar's."""
    if not t.op[i] & SPECIAL:
        return NULL
    return &t.payload[first_payload(t, i)]


cdef inline bint is_array(Tape t, Py_ssize_t i) noexcept:
    """True if node i's result is an array."""
    return t.op[i] & SPECIAL and t.payload[first_payload(t, i)].value != NULL


cdef void drop_payload(DeferredDecrefs *g, Tape t, Payload *p) noexcept:
    """Give up an entry: its objects die later, when the columns are consistent again."""
    if p.leaf != NULL and (<Handle>p.leaf).tape == <PyObject *>t and (<Handle>p.leaf).index == p.node:
        (<Handle>p.leaf).tape = NULL
    if p.value != NULL:
        t.bytes -= cnp.PyArray_NBYTES(<cnp.ndarray>p.value)
    if p.grad != NULL:
        t.bytes -= cnp.PyArray_NBYTES(<cnp.ndarray>p.grad)
    defer_decref(g, p.value)
    defer_decref(g, p.adjoint)
    defer_decref(g, p.grad)
    defer_decref(g, p.rule)
    defer_decref(g, p.saved)
    defer_decref(g, p.leaf)
    defer_decref(g, p.hooks)


cdef void drop_payloads(Tape t, Py_ssize_t lo, DeferredDecrefs *g) noexcept:
    """Give up the entries at node lo and above."""
    while t.payloads and t.payload[t.payloads - 1].node >= lo:
        t.payloads -= 1
        drop_payload(g, t, &t.payload[t.payloads])


cdef void slide_payloads(Tape t, Py_ssize_t lo, DeferredDecrefs *g) noexcept:
    """Move the table along, while a collection runs."""
    cdef Py_ssize_t first = first_payload(t, lo), kept = first, k, to
    cdef Payload *p
    for k in range(first, t.payloads):
        p = &t.payload[k]
        to = moved(t, p.node)
        if to < 0:
            drop_payload(g, t, p)
            continue
        if p.leaf != NULL and (<Handle>p.leaf).tape == <PyObject *>t and (<Handle>p.leaf).index == p.node:
            (<Handle>p.leaf).index = <int32_t>to
        t.payload[kept] = p[0]
        t.payload[kept].node = <int32_t>to
        kept += 1
    t.payloads = kept


cdef int look_at_bytes(Tape t) except -1:
    """Collect where garbage may hold much memory in arrays."""
    if t.bytes > t.bytes_at:
        if t.has_garbage and not (t.pinned or t.running or t.sweeping):
            collect(t, True)
        t.bytes_at = max(2*t.bytes, <Py_ssize_t>ARRAYS_AT_ONCE)
    return 0


cdef object adjoint_of(Tape t, const Payload *p):
    return <object>p.adjoint if p.adjoint != NULL else t.adj[p.node]
