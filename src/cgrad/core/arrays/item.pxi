# core/arrays/item.pxi: elements of a Tensor as Values, ``t[i]`` and iteration; Values as a Tensor.

cdef object copied(Value v):
    """v on a node of its own."""
    return append_left(v, 1.0, OP_MUL, 1.0, v.primal, 1.0)


cdef object handed_out(Value element):
    """An element as a Value for itself."""
    cdef Trace t = tracing()
    if modes and muted():
        return stopped(element)
    if t.copies:
        return copied(element)
    t.handed.add(id(element))
    return element


cdef object item(Tensor v, Py_ssize_t offset):
    """Element number ``offset`` (in C order) as a Value."""
    cdef cnp.ndarray array
    cdef double x
    cdef Py_ssize_t i
    cdef Term r
    cdef Pair p
    cdef Tape t
    if cgrad_unlikely(traces) and tracing() is not None:
        element = elements_of(v).flat[offset]
        return handed_out(element) if is_value(element) else leaf_of(new_handle(), element)
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


cdef Py_ssize_t offset_of(Tensor t, object index) except -2:
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
            raise errors.out_of_range(t, index, 0)
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
                raise errors.out_of_range(t, index, d)
            offset = offset*size + i
        return offset
    if nd == 1 and isinstance(index, np.integer):
        return offset_of(t, int(index))
    return -1


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
            return structural["getitem"](self.of, self.at - 1)
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
