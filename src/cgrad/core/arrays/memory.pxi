# core/arrays/memory.pxi: how Tensors are allocated and freed: as Values are (core/values/memory.pxi), with a free list
# of their own.

cdef PyObject *tensor_list = NULL  # free ones, linked through tape; each keeps None in its objects
cdef int tensor_count = 0


cdef PyObject *new_tensor() except NULL:
    """An untracked leaf without an array, to be filled in. May run a cycle collection: read indices after."""
    cdef PyObject *h = tensor_list
    cdef Tensor v
    global tensor_list, tensor_count
    if h != NULL:
        tensor_list = (<Handle>h).tape
        tensor_count -= 1
        cgrad_revive(h)
    else:
        v = Tensor.__new__(Tensor)
        PyObject_GC_UnTrack(<PyObject *>v)
        v.needs_slow_path = 0
        Py_INCREF(v)
        h = <PyObject *>v
    (<Handle>h).tape = NULL
    (<Handle>h).node = 0
    return h


cdef void discard(PyObject *h) noexcept:
    """A handle that was taken and is not needed."""
    if is_tensor(<object>h):
        drop_tensor(h)
    else:
        drop_handle(h)


cdef void drop_tensor(PyObject *h) noexcept:
    cdef PyTypeObject *type
    global tensor_list, tensor_count
    (<Tensor>h).captured = (<Tensor>h).bare = (<Tensor>h).shared = (<Tensor>h).needs = 0
    if tensor_count < CGRAD_FREE_LIST >> 6:
        (<Handle>h).tape = tensor_list
        tensor_list = h
        tensor_count += 1
        return
    type = Py_TYPE(<object>h)
    Py_DECREF(None)  # of array, gradient, filled and extra
    Py_DECREF(None)
    Py_DECREF(None)
    Py_DECREF(None)
    PyObject_GC_Del(h)
    if type.tp_flags & Py_TPFLAGS_HEAPTYPE:
        Py_DECREF(<object>type)


cdef void tensor_dealloc(PyObject *o) noexcept:
    """tp_dealloc. The tape first: no Python that runs from here on may find it there."""
    cdef PyObject *tape = NULL
    cdef bint owned = False
    cdef Tensor v
    if (<Handle>o).needs_slow_path and PyObject_GC_IsTracked(o):
        PyObject_GC_UnTrack(o)
    if (<Handle>o).node == 1:
        tape = (<Handle>o).tape
        remove_handle(<Tape>tape, o)
        if not (<Tape>tape).used[(<Handle>o).index] & USED:
            (<Tape>tape).has_garbage = True
        owned = (<Tape>tape).live == 0 or (<Tape>tape).tracked
        Py_INCREF(<object>tape)
    if weak_list(o) != NULL:
        PyObject_ClearWeakRefs(o)
    clear_tensor(o)
    (<Handle>o).needs_slow_path = 0
    drop_tensor(o)
    if tape != NULL:
        if (<Tape>tape).live == 0:
            last_handle_gone(<Tape>tape)
        if owned:
            Py_DECREF(<object>tape)
        Py_DECREF(<object>tape)


cdef void clear_tensor(PyObject *o) noexcept:
    (<Tensor>o).array = None
    (<Tensor>o).gradient = None
    (<Tensor>o).filled = None
    (<Tensor>o).extra = None


cdef int tensor_traverse(PyObject *o, visitproc visit, void *arg) noexcept:
    """tp_traverse: a node leads to its tape, a leaf to its hooks, one that was filled to its elements."""
    cdef int stop
    if (<Handle>o).node == 1 and (<Tape>(<Handle>o).tape).tracked:
        stop = visit((<Handle>o).tape, arg)
        if stop:
            return stop
    if (<Tensor>o).filled is not None:
        stop = visit(<PyObject *>(<Tensor>o).filled, arg)
        if stop:
            return stop
    if (<Tensor>o).extra is not None:
        return visit(<PyObject *>(<Tensor>o).extra, arg)
    return 0


cgrad_equip_value(<PyTypeObject *>Tensor, <void *>tensor_dealloc, NULL, <void *>tensor_traverse, <void *>no_clear)


cdef object plain_tensor(object array):
    """A tensor without history over a new array."""
    cdef Tensor v = <Tensor>cgrad_own(new_tensor())
    v.array = array
    return v


cdef object boxed(Value v):
    """A Value as a 0-d array of objects."""
    box = np.empty((), dtype=object)
    box[()] = v
    return box


cdef inline void look_who_holds(Tensor t) noexcept:
    """Record in ``bare`` if a tape may take the buffer as it is. Call it before anything else refers to the buffer."""
    if t.node == 0 and not t.captured:
        t.bare = t.shared or (references(<PyObject *>t.array) == 1 and cnp.PyArray_BASE(<cnp.ndarray>t.array) == NULL)


cdef int32_t bind_array(Tensor leaf, Tape t) except -1:
    """A new slot for the leaf on t. The caller has made room in the columns."""
    cdef Py_ssize_t i = t.top
    cdef Payload *p
    cdef object array = leaf.array
    cdef bint mine = leaf.captured or leaf.bare
    if not mine:
        array = cnp.PyArray_NewCopy(<cnp.ndarray>array, cnp.NPY_CORDER)
    payload_room(t)
    t.op[i] = OP_LEAF | SPECIAL
    t.used[i] = 0
    t.a[i] = t.b[i] = <int32_t>i
    t.val[i] = t.da[i] = t.db[i] = 0
    p = enter(t, i, array, None, None)
    p.leaf = <PyObject *>leaf
    Py_INCREF(leaf)
    t.top = i + 1
    if mine:
        leaf.captured = not leaf.shared
        leaf.tape = <PyObject *>t
        leaf.index = <int32_t>i
    return <int32_t>i


cdef inline object attach_tensor(PyObject *h, PyObject *tape, Py_ssize_t i, object out):
    """Make h the handle of array node i."""
    (<Tensor>h).array = out
    attach(h, tape, i)
    return cgrad_own(h)


cdef int add_to(object acc, object x, bint clear) except -1:
    """acc += x, where either may be broadcast against the other; acc is contiguous."""
    if cnp.PyArray_TYPE(<cnp.ndarray>x) != cnp.PyArray_TYPE(<cnp.ndarray>acc):
        x = x.astype(acc.dtype)
    add_alike(acc, x, clear)
    return 0


cdef void add_alike(object acc, object x, bint clear) noexcept:
    """The same for two arrays of one precision: takes no memory, and runs no Python."""
    cdef Walk w
    cdef int d, nd = max(cnp.PyArray_NDIM(<cnp.ndarray>acc), cnp.PyArray_NDIM(<cnp.ndarray>x))
    cdef cnp.npy_intp[MOST_DIMS] dims
    for d in range(nd):
        dims[d] = 1
    widen_dims(dims, nd, acc)
    widen_dims(dims, nd, x)
    start_walk(&w, nd, dims)
    bind_operand(&w, ACC, <PyObject *>acc)
    bind_operand(&w, G, <PyObject *>x)
    back_walk(OP_ADD, 0, single(acc), &w, clear)


cdef void widen_dims(cnp.npy_intp *dims, int nd, object array) noexcept:
    """Broadcast a shape of nd dimensions against an array's."""
    cdef int d, lead = nd - cnp.PyArray_NDIM(<cnp.ndarray>array)
    for d in range(lead, nd):
        if dims[d] == 1:
            dims[d] = cnp.PyArray_DIMS(<cnp.ndarray>array)[d - lead]
