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
    object new_strided "PyArray_New"(PyTypeObject *, int, cnp.npy_intp *, int, cnp.npy_intp *, void *, int, int, PyObject *)

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
    return root.elements is not None or root.now is not None


cdef bint made_here(Tensor v, Trace t) except -1:
    """True if the recording t has made v. An error if v holds Values from outside of it."""
    cdef Filled root
    if v.filled is None:
        return False
    root = origin(<Filled>v.filled)
    if root.trace == t.serial:
        return True
    if root.elements is not None or root.now is not None:
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
    if root.elements is None and (t is None or root.now is not None):
        return v if root.now is None else root.now
    if t is None and not always and modes and quiet():
        return v
    open_elements(v)
    if cnp.PyArray_NDIM(<cnp.ndarray>v.array) == 0:
        return element(v, 0)
    read_leaves(root)
    if f.now is None or f.at != root.version or f.now.node == 2 \
            or (f.leaves and t is None and f.now.tape != current()):
        f.now = gather_now(v, f)
        f.at = root.version
    return f.now


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
    """Element number ``offset`` of what is filled: the Value that was assigned; a leaf for a number."""
    cdef Filled f = <Filled>v.filled, root = origin(f)
    cdef PyObject *e
    cdef char *number_
    if root.elements is None and root.now is not None:
        return item(<Tensor>root.now, offset)
    f = open_elements(v)
    e = (<PyObject **>address(<cnp.ndarray>f.elements, offset))[0]
    if e != NULL and is_value(<object>e):
        return <object>e
    number_ = address(<cnp.ndarray>v.array, offset)
    return leaf_of(new_handle(), (<float *>number_)[0] if single(v.array) else (<double *>number_)[0])


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
    cdef list given = f.elements.ravel().tolist()
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
    if t is not None:
        objects = np.empty(out.shape, object)
        objects.reshape(-1)[:] = given
        result = tensor_of(objects)
        t.arrays[id(result)] = result, objects
        return result
    if not traced:
        f.leaves = False
        return plain_tensor(np.array(v.array, order="C"))
    c = <Context>context()
    hidden = c.quiet  # the assignments were made where derivatives were wanted
    c.quiet = 0
    modes -= hidden
    try:
        result = append_rule(OP_GATHER, given, out, None, None)
        if single(v.array):
            result = CAST(result, "f")
    finally:
        c.quiet += hidden
        modes += hidden
    if v.extra is not None and leaf_name(v):
        result.name = leaf_name(v)
    return result


# ---- slices ----------------------------------------------------------------------------------------

cdef object part(Tensor v, object index):
    """v[index] where that is an array: a view where NumPy has one and v may be assigned to."""
    cdef Trace t
    cdef Tensor result
    cdef Filled f
    cdef object array, base
    if v.needs or (v.node and v.filled is None):
        return structural["getitem"](v, index)
    t = tracing() if traces else None
    if (t is not None and not made_here(v, t)) or (t is None and v.shared):
        return structural["getitem"](v, index)
    if t is not None or written(v) or origin_now(v) is not None:
        f = open_elements(v)
        index = structural["index"](index)
        array = v.array[index]
        if not isinstance(array, np.ndarray) or array.ndim == 0:  # of one element, written with an ellipsis
            return element(v, np.arange(v.array.size).reshape(v.array.shape)[index].item())
        base = v.array if v.array.base is None else v.array.base
        if array.base is not base:  # a copy: picked by a mask or by positions
            return settled(copied(array, f.elements[index], origin(f)))
        result = plain_tensor(array)
        link_view(result, origin(f))
        open_elements(result)
        return result
    writable(v)  # a view of what a tape holds must not be written to
    given = structural["getitem"](v, index)
    if not is_tensor(given) or given is v:
        return given
    result = <Tensor>given
    if result.node == 0 and result.filled is None and result.array.base is not None \
            and result.array.base is (v.array if v.array.base is None else v.array.base):
        if v.filled is None:
            if v.array.base is not None:
                return result  # of t.T and the like
            v.filled = Filled.__new__(Filled)
        link_view(result, origin(<Filled>v.filled))
    return result


cdef object origin_now(Tensor v):
    return None if v.filled is None else origin(<Filled>v.filled).now


cdef Tensor copied(object array, object elements, Filled root):
    """A tensor of its own over new arrays of numbers and elements."""
    cdef Tensor v = plain_tensor(array)
    cdef Filled f = Filled.__new__(Filled)
    v.array = f.array = np.array(array, order="C")
    f.elements = np.array(elements, object, order="C")
    f.trace, f.reads_leaves = root.trace, root.reads_leaves
    v.filled = f
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
        if root.now is None and (v.shared or cnp.PyArray_BASE(<cnp.ndarray>v.array) != NULL):
            raise errors.set_item_shared(v)
        writable(v)
        memory = <PyObject *>v.array
    else:
        memory = cnp.PyArray_BASE(<cnp.ndarray>v.array)
    if references(memory) > 1 + root.views:
        raise errors.set_item_shared(v)
    elements = np.empty_like(<object>memory, dtype=object)
    if root.now is not None:
        if t is not None:
            elements[...] = elements_of(root.now)
        else:
            for k in range(elements.size):
                elements.flat[k] = item(<Tensor>root.now, k)
        root.reads_leaves = False
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


# ---- assignments -----------------------------------------------------------------------------------

cdef object writable(Tensor v):
    """The buffer of a leaf, or of what is filled; a new one where a graph may live that needs it."""
    if v.captured:
        if references(<PyObject *>v.array) > 1:
            v.array = v.array.copy()
            v.tape = NULL
        v.captured = False
    return v.array


cdef int assign(Tensor v, object index, object x) except -1:
    """v[index] = x."""
    cdef Py_ssize_t offset
    cdef double number_ = 0
    cdef Trace t = tracing() if traces else None
    cdef bint plain_ = t is None and not written(v) and origin_now(v) is None
    if v.needs or (v.node and v.filled is None):
        raise errors.set_item(v)
    if t is not None and (v.filled is None or origin(<Filled>v.filled).trace != t.serial):
        raise first_error(t, errors.traced_effect("setting an element", errors.user_line()))
    if is_tensor(x) and cnp.PyArray_NDIM(<cnp.ndarray>(<Tensor>x).array) == 0:
        x = item(<Tensor>x, 0)
    offset = offset_of(v, index, "setitem")
    if offset < 0:
        return assign_part(v, index, x, plain_)
    if is_value(x):
        if traces:
            traced_here(x)
        check_node(<Value>x, "setitem")
        if not (modes and quiet()):
            put(v, offset, <PyObject *>x, (<Value>x).primal)
            return 0
        number_ = (<Value>x).primal
    elif number(x, &number_) != NUMBER:
        return assign_part(v, index, x, plain_)
    if plain_:
        put_number(<cnp.ndarray>writable(v), offset, number_)
    else:
        put(v, offset, NULL, number_)
    return 0


cdef inline void put_number(cnp.ndarray array, Py_ssize_t offset, double x) noexcept:
    cdef char *p = address(array, offset)
    if single(array):
        (<float *>p)[0] = <float>x
    else:
        (<double *>p)[0] = x


cdef int put(Tensor v, Py_ssize_t offset, PyObject *e, double x) except -1:
    """Element number ``offset`` becomes the Value e, or, where that is NULL, the number x."""
    cdef Filled f = open_elements(v), root = origin(f)
    cdef PyObject **to = <PyObject **>address(<cnp.ndarray>f.elements, offset)
    cdef PyObject *before = to[0]
    if e == NULL:
        e = <PyObject *>None
    elif (<Value>e).node == 0:
        root.reads_leaves = True
    Py_INCREF(<object>e)
    put_number(<cnp.ndarray>v.array, offset, x)
    to[0] = e
    root.version += 1
    if before != NULL:
        Py_DECREF(<object>before)  # which may run Python
    return 0


cdef int assign_part(Tensor v, object index, object x, bint plain_) except -1:
    """v[index] = x by any index, x broadcast. Whatever raises leaves v as it was."""
    cdef Filled f, root
    cdef object numbers_, elements, shape, all_of
    numbers_, elements = elements_given(x)
    if modes and quiet():
        elements = None
    index = structural["index"](index)
    all_of = index if isinstance(index, tuple) else (index,)
    if not any([k is Ellipsis for k in all_of]):
        all_of += (...,)  # so that a single element is an array, too
    shape = v.array[all_of].shape
    numbers_ = spread(numbers_, shape)
    if plain_ and elements is None:
        writable(v)[all_of] = numbers_
        return 0
    f = open_elements(v)
    root = origin(f)
    elements = np.full(shape, None, object) if elements is None else spread(elements, shape)
    v.array[all_of] = numbers_
    f.elements[all_of] = elements
    root.reads_leaves = True
    root.version += 1
    return 0


cdef object spread(object array, tuple shape):
    """An array broadcast to a shape; leading axes of one element are dropped, as NumPy's assignments do."""
    given = array
    while array.ndim > len(shape) and array.shape[0] == 1:
        array = array[0]
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise errors.no_broadcast("setitem", [("", shape), ("", given.shape)]) from None


cdef tuple elements_given(object x):
    """What is assigned: its numbers, and its Values in an array of objects, None where it has none."""
    cdef Tensor v
    cdef double number_ = 0
    cdef list parts
    cdef Trace t = tracing() if traces else None
    if is_value(x):
        if traces:
            traced_here(x)
        check_node(<Value>x, "setitem")
        return np.array((<Value>x).primal), boxed(<Value>x)
    if is_tensor(x):
        v = <Tensor>x
        if t is not None:
            return values_and_numbers(elements_of(v))
        if written(v):
            return fresh(v).copy(), open_elements(v).elements.copy()
        if not needs_grad(v):
            return v.array, None
        check_node(settled(v), "setitem")
        elements = np.empty(v.array.shape, object)
        parts = [item(v, k) for k in range(v.array.size)]
        elements.reshape(-1)[:] = parts
        return v.array, elements
    if number(x, &number_) == NUMBER:
        return np.array(number_), None
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            return values_and_numbers(x)
        return numeric(x, "setitem"), None
    if isinstance(x, (list, tuple)) and not all([type(k) is float or type(k) is int for k in x]):
        parts = [elements_given(k) for k in x]
        if len({k.shape for k, _ in parts}) > 1:
            raise errors.ragged(x)
        numbers_ = np.stack([k for k, _ in parts])
        if all([k is None for _, k in parts]):
            return numbers_, None
        return numbers_, np.stack([np.full(n.shape, None, object) if k is None else k for n, k in parts])
    if isinstance(x, (str, bytes, dict, set)) or x is None:
        raise errors.bad_element(x)
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise errors.bad_element(x)
    return array, None


cdef tuple values_and_numbers(object array):
    """An array of Values and numbers, taken apart."""
    cdef object numbers_ = np.empty(array.shape), elements = np.full(array.shape, None, object)
    cdef bint any_value = False
    for k, x in enumerate(array.flat):
        if is_value(x):
            numbers_.flat[k] = (<Value>x).primal
            elements.reshape(-1)[k] = x
            any_value = True
        else:
            numbers_.flat[k] = plain_named(x, "setitem", 1)
    return numbers_, elements if any_value else None


cdef bint writes_in_place(Tensor v) noexcept:
    return v.filled is not None and origin(<Filled>v.filled).in_place


cdef Tensor written_into(Tensor v, object x):
    """v, x assigned to all of it."""
    assign(v, Ellipsis, x)
    return v


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
    v.node = FILLED
    return v
