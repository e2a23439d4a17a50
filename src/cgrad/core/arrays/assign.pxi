# core/arrays/assign.pxi: ``y[i] = v``, ``y[2:5] = t``, ``y[mask] = 0``: assignments to what is filled (filled.pxi).

cdef int assign(Tensor v, object index, object x) except -1:
    """v[index] = x."""
    cdef Py_ssize_t offset
    cdef double number_ = 0
    cdef Trace t = tracing() if traces else None
    cdef bint plain_ = not written(v) and not (v.filled is not None and origin(<Filled>v.filled).of_copy)
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
        if modes and muted():
            x = stopped(<Value>x)
        if not (modes and quiet()):
            put(v, offset, <PyObject *>x, (<Value>x).primal)
            return 0
        number_ = (<Value>x).primal
    elif number(x, &number_) != NUMBER:
        return assign_part(v, index, x, plain_)
    if plain_:
        put_number(<cnp.ndarray>writable(v), offset, number_)
        count(v)
    else:
        put(v, offset, NULL, number_)
    return 0


cdef inline void count(Tensor v) noexcept:
    """An assignment of numbers to what holds numbers alone; a recording that has made v may have used it before."""
    cdef Filled root
    if v.filled is not None:
        root = origin(<Filled>v.filled)
        root.version += 1


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
    cdef Py_ssize_t k
    cdef object numbers_, elements, shape, all_of, e
    numbers_, elements = elements_given(x)
    if modes and quiet():
        elements = None
    elif modes and muted() and elements is not None:
        for k, e in enumerate(elements.flat):
            elements.flat[k] = stopped(<Value>e) if is_value(e) else e
    index = structural["index"](index)
    all_of = index if isinstance(index, tuple) else (index,)
    if not any([k is Ellipsis for k in all_of]):
        all_of += (...,)  # so that a single element is an array, too
    shape = v.array[all_of].shape
    numbers_ = spread(numbers_, shape)
    if plain_ and elements is None:
        writable(v)[all_of] = numbers_
        count(v)
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
        if written(v) and (t is None or made_here(v, t)):
            return fresh(v).copy(), open_elements(v).elements.copy()
        if t is not None:
            return values_and_numbers(all_handed_out(elements_of(v)))
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


cpdef bint writes_in_place(Tensor v):
    """True if operators with = and methods write into v, as into an ndarray."""
    return v.filled is not None and origin(<Filled>v.filled).in_place


cdef Tensor written_into(Tensor v, object x):
    """v, x assigned to all of it."""
    assign(v, Ellipsis, x)
    return v
