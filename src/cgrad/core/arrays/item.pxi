# core/arrays/item.pxi: elements of a Tensor as Values, ``t[i]`` and iteration; Values as a Tensor.

cdef object item(Tensor v, Py_ssize_t offset):
    """Element number ``offset`` (in C order) as a Value."""
    cdef cnp.ndarray array
    cdef double x
    cdef Py_ssize_t i, stride
    cdef Term r
    cdef Pair p
    cdef Tape t
    if v.filled is not None and holds_elements(v):
        return element(v, offset)
    if cgrad_unlikely(traces) and tracing() is not None:
        known = elements_of(v)
        if cnp.PyArray_NDIM(<cnp.ndarray>known) == 1:
            stride = cnp.PyArray_STRIDES(<cnp.ndarray>known)[0]
            found = <object>(<PyObject **>(cnp.PyArray_BYTES(<cnp.ndarray>known) + offset*stride))[0]
        else:
            found = known.flat[offset]
        return handed_out(<Value>found) if is_value(found) else leaf_of(new_handle(), found)
    look_who_holds(v)  # before this function does
    array = <cnp.ndarray>v.array
    if cnp.PyArray_IS_C_CONTIGUOUS(array):
        if single(array):
            x = (<float *>cnp.PyArray_DATA(array))[offset]
        else:
            x = (<double *>cnp.PyArray_DATA(array))[offset]
    else:
        x = array.flat[offset]
    if not (v.node or v.needs):
        return leaf_of(new_handle(), x)
    p.tape = v.tape
    r.i = v.index
    if modes or v.tape == NULL or (<Tape>v.tape).top >= (<Tape>v.tape).limit or free_list == NULL \
            or (v.node == 0 and v.tape != current()):
        r.v, r.x, r.i = <PyObject *>v, 0, -1
        locate(&r, 1, OP_ITEM, &p, 1)
        if p.tape == NULL:
            return leaf_of(p.handle, x)
        if modes:
            inspect(&p, OP_ITEM, x, &r, 1)
        discard(p.handle)  # the next one taken
    t = <Tape>p.tape
    i = t.top
    t.used[r.i] = USED
    t.items = True
    return appended(<PyObject *>t, i, OP_ITEM, x, <int32_t>i, <double>offset, r.i, 0)


cdef Py_ssize_t offset_of(Tensor t, object index, str op="getitem") except -2:
    """The number of the element that an index of whole numbers names; -1: the index is of another kind."""
    cdef cnp.ndarray array = <cnp.ndarray>t.array
    cdef int nd = cnp.PyArray_NDIM(array), d
    cdef Py_ssize_t i, offset = 0, size
    if type(index) is int:
        if nd != 1:
            return -1
        i = index
        size = cnp.PyArray_DIMS(array)[0]
        if i < 0:
            i += size
        if not 0 <= i < size:
            raise errors.out_of_range(op, t, index, 0)
        return i
    if type(index) is tuple and len(<tuple>index) == nd:
        for d in range(nd):
            k = (<tuple>index)[d]
            if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
                return -1
            i = k
            size = cnp.PyArray_DIMS(array)[d]
            if i < 0:
                i += size
            if not 0 <= i < size:
                raise errors.out_of_range(op, t, index, d)
            offset = offset*size + i
        return offset
    if nd == 1 and isinstance(index, np.integer):
        return offset_of(t, int(index), op)
    return -1


# ---- parts of an array whose elements are recorded -----------------------------------------------

cdef Tensor tensor_over(Trace t, object array, object numbers, object traced):
    """A Tensor whose elements are an array of Values and floats, with these numbers. traced: one of the Values.

    What is done with it is done with its elements, so that its node needs no more operands than one.
    """
    result = append_rule(OP_GATHER, [traced], numbers, None, None)
    t.arrays[id(result)] = result, array
    return result


cdef bint picks_a_part(object k):
    """True for an int and for a slice of ints."""
    if type(k) is slice:
        return (k.start is None or type(k.start) is int) and (k.stop is None or type(k.stop) is int) \
            and (k.step is None or type(k.step) is int)
    return type(k) is int


cdef object part_of(Tensor v, object index):
    """v[index] in a recording, for an index of ints and slices: a view of its elements. None for another index.

    ``t[i]`` is the same row each time: loops ask for it again for each ``t[i][j]``.
    """
    cdef Trace t = tracing()
    cdef dict rows = None
    if t is None or t.copies or (modes and muted()):  # else the elements of the part are no longer those of v
        return None
    if type(index) is tuple:
        for k in <tuple>index:
            if not picks_a_part(k):
                return None
    elif not picks_a_part(index):
        return None
    array = elements_of(v)
    if type(index) is int:
        known = t.arrays[id(v)]
        if len(<tuple>known) == 2:
            known = t.arrays[id(v)] = (v, array, {})
        rows = <dict>(<tuple>known)[2]
        part = rows.get(index)
        if part is not None:
            return part
    try:
        part = array[index]
    except (IndexError, ValueError):
        return None
    if type(part) is not np.ndarray:
        return None
    for x in part.flat:
        if is_value(x):
            part = tensor_over(t, part, v.array[index], x)
            t.moved.add(id(part))
            break
    else:
        part = plain_tensor(v.array[index].copy())
    if rows is not None:
        rows[index] = part
    return part


cdef object picked(Tensor v, object index):
    """v[index], an array of its own."""
    cdef object found = part_of(v, index) if traces else None
    return structural["getitem"](v, index) if found is None else found


cdef object part(Tensor v, object index):
    """v[index] where that is an array: a view where NumPy has one and v may be assigned to."""
    cdef Trace t
    cdef Tensor result
    cdef Filled f
    cdef object array, base
    if v.needs or (v.node and v.filled is None):
        return picked(v, index)
    t = tracing() if traces else None
    if (t is not None and not made_here(v, t)) or (t is None and v.shared):
        return picked(v, index)
    if t is not None or (v.filled is not None and holds_elements(v)):
        f = <Filled>v.filled
        if written(v) or origin(f).of_copy:
            open_elements(v)
        index = structural["index"](index)
        array = v.array[index]
        if not isinstance(array, np.ndarray) or array.ndim == 0:  # of one element, written with an ellipsis
            return element(v, np.arange(v.array.size).reshape(v.array.shape)[index].item())
        base = v.array if v.array.base is None else v.array.base
        if array.base is not base:  # a copy: picked by a mask or by positions
            return settled(duplicate_of(array, None if f.elements is None else f.elements[index], origin(f)))
        result = plain_tensor(array)
        link_view(result, origin(f))
        if f.elements is not None:
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


@cython.final
cdef class Elements:
    """Iteration over a tensor: Values over one axis, tensors over more."""
    cdef Tensor of
    cdef Py_ssize_t at, size
    cdef bint rows

    def __cinit__(self, Tensor of):
        self.of = of
        if of.array.ndim == 0:
            raise TypeError("iter: a 0-d tensor has no elements to iterate over: use t.item()")
        self.size = of.array.shape[0]
        self.rows = of.array.ndim > 1

    def __iter__(self):
        return self

    def __length_hint__(self):
        return self.size - self.at

    def __next__(self):
        if self.at >= self.size:
            raise StopIteration
        self.at += 1
        if self.rows:
            return part(self.of, self.at - 1)
        return item(self.of, self.at - 1)


def gather(values, /):
    """A 1-d tensor of Values and numbers: the counterpart of t[i]."""
    cdef list given = list(values)
    cdef Py_ssize_t n = len(given), k
    cdef cnp.ndarray out = np.empty(n)
    cdef double *to = <double *>cnp.PyArray_DATA(out)
    cdef bint traced = False
    for k in range(n):
        x = given[k]
        if is_value(x):
            to[k] = (<Value>x).primal
            traced = True
        else:
            to[k] = plain_named(x, "stack", k)
            given[k] = to[k]
    if not traced or (modes and quiet()):
        return plain_tensor(out)
    if traces and tracing() is not None:
        elements = np.empty(n, object)
        elements[:] = given
        return tensor_of(elements, tracing().tape.top + 1)
    return append_rule(OP_GATHER, given, out, None, None)
