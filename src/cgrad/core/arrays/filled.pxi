# core/arrays/filled.pxi: arrays that are filled: ``y[i] = v``, ``y[2:5] = t``.
#
#   y   node FILLED   array      0.  1.5  2.  0.     numbers; written in place, no tape ever takes this buffer
#                     filled     elements    None Value Value None      an object array of the same layout
#                                now         Tensor, a node: the whole as it was at the last use
#                                version     counts assignments; now holds as long as it is ``at``
#   y[1:3]            array, elements: views of y's; filled.root: y's Filled
#
# An assignment changes the number and the element, and records nothing. An element that is asked for is the Value that
# was assigned. Where y is an operand as a whole, or is asked for its history, ``settled`` gathers the elements in one
# node, and that stands for y until the next assignment: so what was recorded before never changes.
#
# A leaf without requires_grad may be assigned to, and a copy (t.copy()); it is FILLED from the first Value on. Slices
# are views, as NumPy's: they share the root's Filled from the start, and are FILLED when they are next looked at. The
# tape's address of a FILLED tensor is NULL: whoever takes it for an operand without asking gets an error.

cdef extern from "numpy/arrayobject.h":
    object new_strided "PyArray_New"(PyTypeObject *, int, cnp.npy_intp *, int, cnp.npy_intp *, void *, int, int,
                                     PyObject *)

cdef enum:
    FILLED = 3


@cython.no_gc_clear
cdef class Filled:
    def __dealloc__(self):
        if self.root is not None:
            self.root.views -= 1


cdef inline Filled origin(Filled f):
    return f if f.root is None else f.root


cdef inline bint written(Tensor v) noexcept:
    """True if v holds Values, or is a view of what does."""
    return v.filled is not None and origin(<Filled>v.filled).elements is not None


cdef bint holds_elements(Tensor v) except -1:
    """True if an element of v is asked of its Filled. An error for what holds another recording's Values."""
    cdef Filled root = origin(<Filled>v.filled)
    cdef Trace t = tracing() if traces else None
    if t is not None:
        return made_here(v, t)
    return root.elements is not None or root.of_copy


cdef bint made_here(Tensor v, Trace t) except -1:
    """True if the recording t has made v. An error if v holds Values from outside of it."""
    cdef Filled root
    if v.filled is None:
        return False
    root = origin(<Filled>v.filled)
    if root.trace == t.serial:
        return True
    if root.elements is not None or root.of_copy:
        raise first_error(t, errors.traced_foreign(v))
    return False


# ---- reading ---------------------------------------------------------------------------------------

cdef inline Handle settled(Tensor v):
    """v as an operand: itself, or the node that stands for what it holds now; a Value for one without dimensions."""
    return v if v.filled is None else settled_now(v, False)


cdef inline Handle placed(Handle v):
    """v where its history is asked for, which no_grad does not hide."""
    return settled_now(<Tensor>v, True) if is_tensor(v) and (<Tensor>v).filled is not None else v


cdef Handle settled_now(Tensor v, bint always):
    cdef Filled f = <Filled>v.filled, root = origin(f)
    cdef Trace t = tracing() if traces else None
    if t is not None:
        if not made_here(v, t):
            return v
    if root.of_copy:
        return root.now
    if t is None:
        if root.elements is None or (not always and modes and quiet()):
            return v
    if root.elements is not None:
        open_elements(v)
    if cnp.PyArray_NDIM(<cnp.ndarray>v.array) == 0:
        return element(v, 0)
    read_leaves(root)
    if f.now is None or f.at != root.version or f.now.node == 2 \
            or (f.leaves and t is None and f.now.tape != current()):
        f.now = gather_now(v, f)
        f.at = root.version
    return f.now


cdef bint has_values(Tensor v) except -1:
    """True if an element of what is filled is a Value."""
    return any([is_value(x) for x in open_elements(v).elements.flat])


cdef object fresh(Tensor v):
    """v's numbers as they are now."""
    if v.filled is not None:
        read_leaves(origin(<Filled>v.filled))
    return v.array


cdef int read_leaves(Filled root) except -1:
    """Elements that are leaves may have got new data."""
    cdef Py_ssize_t k
    cdef PyObject **e
    cdef char *numbers
    cdef bint f32, any_leaf = False
    cdef double x
    if not root.reads_leaves:
        return 0
    e = <PyObject **>cnp.PyArray_DATA(<cnp.ndarray>root.elements)
    numbers = <char *>cnp.PyArray_DATA(<cnp.ndarray>root.array)
    f32 = single(root.array)
    for k in range(cnp.PyArray_SIZE(<cnp.ndarray>root.elements)):  # both lie in memory alike, without gaps
        if e[k] == NULL or not is_value(<object>e[k]) or (<Value>e[k]).node:
            continue
        any_leaf = True
        x = (<Value>e[k]).primal
        if f32:
            if (<float *>numbers)[k] == <float>x or (x != x and (<float *>numbers)[k] != (<float *>numbers)[k]):
                continue
            (<float *>numbers)[k] = <float>x
        else:
            if (<double *>numbers)[k] == x or (x != x and (<double *>numbers)[k] != (<double *>numbers)[k]):
                continue
            (<double *>numbers)[k] = x
        root.version += 1
    root.reads_leaves = any_leaf
    return 0


cdef object element(Tensor v, Py_ssize_t offset):
    """Element number ``offset`` of what is filled: the Value that was assigned; a number as a Value, too.

    What stands for an ndarray has its numbers as such.
    """
    cdef Filled f = <Filled>v.filled, root = origin(f)
    cdef Trace t = tracing() if traces else None
    cdef PyObject *e
    cdef char *number_
    cdef double x
    if root.of_copy:
        return item(<Tensor>root.now, offset)
    if root.elements is not None:
        f = open_elements(v)
        e = (<PyObject **>address(<cnp.ndarray>f.elements, offset))[0]
        if e != NULL and is_value(<object>e):
            return <object>e
    number_ = address(<cnp.ndarray>v.array, offset)
    x = (<float *>number_)[0] if single(v.array) else (<double *>number_)[0]
    if t is None:
        return leaf_of(new_handle(), x)  # in a recording a leaf would be read afresh at each call
    return x if root.in_place else lifted(t.tape, x)


cdef object all_handed_out(object elements):
    """An array of elements as Values for themselves, numbers as they are."""
    cdef object out = elements.copy()
    cdef Py_ssize_t k
    for k, e in enumerate(elements.flat):
        if is_value(e):
            out.flat[k] = handed_out(<Value>e)
    return out


cdef char *address(cnp.ndarray array, Py_ssize_t offset) noexcept:
    """Where element number ``offset``, in C order, lies."""
    cdef char *p = <char *>cnp.PyArray_DATA(array)
    cdef int d
    if cnp.PyArray_IS_C_CONTIGUOUS(array):
        return p + offset*cnp.PyArray_ITEMSIZE(array)
    for d in range(cnp.PyArray_NDIM(array) - 1, -1, -1):
        p += (offset % cnp.PyArray_DIMS(array)[d])*cnp.PyArray_STRIDES(array)[d]
        offset //= cnp.PyArray_DIMS(array)[d]
    return p


cdef Handle gather_now(Tensor v, Filled f):
    """The elements as they are now, a new tensor: a node where there are Values among them."""
    cdef Context c
    cdef Trace t = tracing() if traces else None
    cdef object out = np.array(v.array, np.float64, order="C"), objects, result
    cdef list given = (f.elements if f.elements is not None else np.full(out.shape, None, object)).ravel().tolist()
    cdef double *x = <double *>cnp.PyArray_DATA(<cnp.ndarray>out)
    cdef Py_ssize_t k
    cdef int hidden
    cdef bint traced = False
    global modes
    f.leaves = True
    for k in range(len(given)):
        if is_value(given[k]):
            x[k] = (<Value>given[k]).primal
            traced = True
            f.leaves = f.leaves and not (<Value>given[k]).node
        else:
            given[k] = x[k]
    if t is None and not traced:
        f.leaves = False
        return plain_tensor(np.array(v.array, order="C"))
    c = <Context>context()
    hidden = c.quiet  # the assignments were made where derivatives were wanted
    c.quiet = 0
    modes -= hidden
    try:
        if t is not None:
            objects = np.empty(out.shape, object)
            objects.reshape(-1)[:] = given
            return tensor_of(objects, t.tape.top + 1)
        result = append_rule(OP_GATHER, given, out, None, None)
        if single(v.array):
            result = CAST(result, "f")
    finally:
        c.quiet += hidden
        modes += hidden
    if v.extra is not None and leaf_name(v):
        result.name = leaf_name(v)
    return result


# ---- copies and views ------------------------------------------------------------------------------

cdef Tensor duplicate_of(object array, object elements, Filled root):
    """A tensor of its own over new arrays of numbers and elements."""
    cdef Tensor v = plain_tensor(array)
    cdef Filled f = Filled.__new__(Filled)
    v.array = f.array = np.array(array, order="C")
    f.trace, f.reads_leaves = root.trace, root.reads_leaves
    v.filled = f
    if elements is not None:
        f.elements = np.array(elements, object, order="C")
        v.node = FILLED
    return v


cdef int link_view(Tensor view, Filled root) except -1:
    cdef Filled f = Filled.__new__(Filled)
    f.root = root
    root.views += 1
    view.filled = f
    return 0


cdef Filled open_elements(Tensor v):
    """v's Filled, with elements; v is FILLED from now on."""
    cdef Filled f, root
    if v.filled is None:
        v.filled = Filled.__new__(Filled)
    f = <Filled>v.filled
    if f.elements is not None:
        return f
    root = origin(f)
    if root.elements is None:
        open_root(v, root)
    if f is not root:
        f.elements = alongside(root.elements, v.array, root.array)
    v.node = FILLED
    v.tape = NULL
    v.captured = v.bare = 0
    return f


cdef int open_root(Tensor v, Filled root) except -1:
    """Elements for a whole array, of which v is the tensor or a view. Nobody else may share its memory."""
    cdef Trace t = tracing() if traces else None
    cdef object elements
    cdef PyObject *memory
    cdef Py_ssize_t k
    if origin(<Filled>v.filled) is (<Filled>v.filled):
        if not root.of_copy and (v.shared or cnp.PyArray_BASE(<cnp.ndarray>v.array) != NULL):
            raise errors.set_item_shared(v)
        writable(v)
        memory = <PyObject *>v.array
    else:
        memory = cnp.PyArray_BASE(<cnp.ndarray>v.array)
    if references(memory) > 1 + root.views:
        raise errors.set_item_shared(v)
    elements = np.empty_like(<object>memory, dtype=object)
    if root.of_copy:
        if t is not None:
            elements[...] = all_handed_out(elements_of(root.now))
        else:
            for k in range(elements.size):
                elements.flat[k] = item(<Tensor>root.now, k)
        root.of_copy = False
    root.array = <object>memory
    root.elements = elements
    return 0


cdef object alongside(cnp.ndarray elements, cnp.ndarray view, cnp.ndarray array):
    """The part of ``elements`` that a view of ``array`` is of that; the two lie in memory alike."""
    cdef int nd = cnp.PyArray_NDIM(view), d
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(array), factor = sizeof(void *)//size
    cdef cnp.npy_intp[MOST_DIMS] strides
    cdef char *data = <char *>cnp.PyArray_DATA(elements)
    for d in range(nd):
        strides[d] = cnp.PyArray_STRIDES(view)[d]*factor
    data += (<char *>cnp.PyArray_DATA(view) - <char *>cnp.PyArray_DATA(array))*factor
    result = new_strided(<PyTypeObject *>np.ndarray, nd, cnp.PyArray_DIMS(view), cnp.NPY_OBJECT, strides, data, 0,
                         cnp.NPY_ARRAY_WRITEABLE | cnp.NPY_ARRAY_ALIGNED, NULL)
    cnp.set_array_base(result, elements)
    return result


cdef object writable(Tensor v):
    """The buffer of a leaf, or of what is filled; a new one where a graph may live that needs it."""
    if v.captured:
        if references(<PyObject *>v.array) > 1 or cnp.PyArray_BASE(<cnp.ndarray>v.array) != NULL:
            v.array = v.array.copy()
            v.tape = NULL
        v.captured = False
    return v.array


# ---- new arrays ------------------------------------------------------------------------------------

def fillable(array, /, bint in_place=False):
    """A tensor over a new array that nobody else holds; a function that is being recorded may assign to it.

    in_place: operators with = write into it, as into an ndarray.
    """
    cdef Tensor v = plain_tensor(array)
    mark_made(v)
    if in_place and v.filled is not None:
        (<Filled>v.filled).in_place = True
    return v


cdef int mark_made(Tensor v) except -1:
    """Note which recording, if one runs, has made a tensor."""
    cdef Trace t = tracing() if traces else None
    if t is not None:
        v.filled = Filled.__new__(Filled)
        (<Filled>v.filled).trace = t.serial
    return 0


def duplicate(x, /):
    """A copy of a computed tensor that may be assigned to; x is what computed it. Values and numbers as they are."""
    cdef Tensor v
    cdef Filled f
    if not is_tensor(x) or (<Tensor>x).node == 0 and not (traces and tracing() is not None):
        return x
    v = fillable(np.array((<Tensor>x).array, order="C"))
    if v.filled is None:
        v.filled = Filled.__new__(Filled)
    f = <Filled>v.filled
    f.now = x
    f.of_copy = True
    v.node = FILLED
    return v
