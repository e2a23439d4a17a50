# core/tracing/unroll.pxi: operations on Tensors recorded as operations on their elements.
#
# An operation is done by NumPy, or by the op's function, over arrays of Values (``elements_of``), and its results are
# gathered in a Tensor again (``tensor_of``). So a program has scalar operations alone, and whatever NumPy can do over
# objects, programs can.

cdef object elements_of(object o):
    """A tensor's elements, an object array of Values and floats; anything else as it is."""
    cdef Trace t
    cdef Tensor v
    cdef Term r
    cdef Pair p
    cdef Py_ssize_t k, i
    cdef int32_t node
    cdef object out, flat
    if not is_tensor(o):
        return o
    t = tracing()
    o = settled(<Tensor>o)
    if is_value(o):
        return boxed(<Value>o)
    v = <Tensor>o
    known = t.arrays.get(id(v))
    if known is not None:
        return known[1]
    out = np.empty(v.array.shape, object)
    if v.node == 1 and v.tape != <PyObject *>t.tape:
        raise first_error(t, errors.traced_foreign(v))
    look_at_shape(v)
    look_who_holds(v)
    numbers = v.array.ravel().tolist()
    flat = []
    r.v, r.x, r.i = <PyObject *>v, 0, -1
    locate(&r, 1, OP_ITEM, &p, 1)
    discard(p.handle)
    node = r.i
    t.tape.used[node] = USED
    t.tape.items = True
    for k in range(len(numbers)):
        if t.tape.top >= t.tape.limit:
            make_room(t.tape, 0)
        i = t.tape.top
        flat.append(appended(<PyObject *>t.tape, i, OP_ITEM, numbers[k], <int32_t>i, <double>k, node, 0))
    for k in range(len(flat)):
        out.flat[k] = flat[k]
    t.arrays[id(v)] = v, out
    return out


cdef object tensor_of(object array, Py_ssize_t fresh=0):
    """The other way: a result over objects as a Tensor, a Value or a number.

    fresh: 1 + the node from which on Values are its own; those below may be elements of others. 0: all are its own.
    """
    cdef Trace t = tracing()
    cdef cnp.ndarray out
    cdef list given
    cdef set seen = set()
    cdef Py_ssize_t k
    cdef object traced = None
    cdef bint moved = False, mute = modes and muted()
    if not (isinstance(array, np.ndarray) and array.ndim):
        array = array.item() if isinstance(array, np.ndarray) else array
        return handed_out(<Value>array) if is_value(array) and (mute or lies_below(<Value>array, fresh)) else array
    if array.dtype != object:
        return plain_tensor(standard(array)) if array.dtype.kind == "f" else array
    given = list(array.flat)
    out = np.empty(array.shape)
    for k in range(len(given)):
        x = given[k]
        if not is_value(x):
            given[k] = (<double *>cnp.PyArray_DATA(out))[k] = plain_named(x, "an array in a compiled function")
            continue
        traced = x
        (<double *>cnp.PyArray_DATA(out))[k] = (<Value>x).primal
        if fresh and (lies_below(<Value>x, fresh) or id(x) in seen):
            moved = True
            if t.copies:
                given[k] = on_own_node(<Value>x)
        elif fresh:
            seen.add(id(x))
        if mute:
            given[k] = stopped(<Value>given[k])
    if traced is None:
        return plain_tensor(out)
    if t.copies:
        for k in range(len(given)):
            if not is_value(given[k]):
                moved, given[k] = True, lifted(t.tape, given[k])
    if mute or (moved and t.copies):
        array = np.empty(array.shape, object)
        for k in range(len(given)):
            array.flat[k] = given[k]
    result = tensor_over(t, array, out, traced)
    if moved and not t.copies:
        t.moved.add(id(result))
    return result


cdef object stopped_elements(Tensor v):
    """v in a program, passing no derivative on."""
    cdef Py_ssize_t k
    out = elements_of(v).copy()
    for k in range(out.size):
        if is_value(out.flat[k]):
            out.flat[k] = stopped(<Value>out.flat[k])
    return tensor_of(out)


cdef inline bint lies_below(Value v, Py_ssize_t fresh) noexcept:
    """True if v is no node that was recorded from ``fresh`` - 1 on."""
    return v.node == 0 or v.index < fresh - 1


cdef dict OVER_OBJECTS = {}


cdef object traced_elementwise(int op, object x, object y, object z):
    """An op of the table over arrays of Values; NotImplemented for a type that may define it itself."""
    cdef double number_ = 0
    cdef list given = [as_number(x), as_number(y), as_number(z)][:OP_ARITY[op]]
    cdef bint arrays = False
    cdef Py_ssize_t k
    for k in range(len(given)):
        if is_tensor(given[k]):
            given[k] = elements_of(given[k])
            arrays = True
        elif isinstance(given[k], np.ndarray):
            numeric(given[k], OP_NAMES[op]) if given[k].dtype != object else None
            arrays = True
        elif not is_value(given[k]) and not operand(given[k], &number_, op, <int>k):
            return NotImplemented
    if not arrays:
        return SCALARS[op](*given)
    given = [boxed(<Value>v) if is_value(v) else v for v in given]  # not to be asked for a rule of frompyfunc's
    if op not in OVER_OBJECTS:
        OVER_OBJECTS[op] = np.frompyfunc(SCALARS[op], OP_ARITY[op], 1)
    given = [elements_as_numbers(v) if isinstance(v, Conditions) else v for v in given]
    before = ignore_errors()
    try:
        result = OVER_OBJECTS[op](*given)
    except ValueError:
        raise errors.no_broadcast(OP_NAMES[op], [("", np.shape(a)) for a in given if np.shape(a)]) from None
    finally:
        heed_errors(before)
    return tensor_of(np.asarray(result, object) if isinstance(result, np.ndarray) else result)


cdef object traced_primitive(Primitive f, tuple args, dict kwargs):
    """A structural operation, by its forward computation over arrays of Values."""
    cdef Py_ssize_t fresh
    before = ignore_errors()
    try:
        args = tuple([boxed(<Value>x) if is_value(x) else elements_of(x) for x in args])
        fresh = tracing().tape.top + 1
        value = f.forward(*args, **kwargs)
    except errors.TraceError:
        raise
    except (TypeError, AttributeError, NotImplementedError) as error:
        raise first_error(tracing(), errors.not_in_programs(f.name, error, errors.user_line())) from error
    finally:
        heed_errors(before)
    return tensor_of(value, fresh)


cpdef object comparable(object x):
    """x as a comparison sees it: its numbers; in a recording its Values, whose comparisons are guards."""
    cdef Trace t = tracing() if traces else None
    if t is not None:
        if is_tensor(x) and (<Tensor>x).node == 1 and (<Tensor>x).tape != <PyObject *>t.tape:
            return (<Tensor>x).array  # of another tape: it never changes
        return elements_of(x)
    return plain(x)


cdef object compared(int python_op, object x, object y):
    """A comparison of arrays; over Values, too, nan raises no warnings."""
    if not traces:
        return COMPARISONS[python_op](plain(x), plain(y))
    before = ignore_errors()
    x, y = comparable(x), comparable(y)
    try:
        if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):  # which would ask a Value, and so come back here
            x, y = boxed(<Value>x) if is_value(x) else x, boxed(<Value>y) if is_value(y) else y
            if tracing() is not None and not tracing().plain_masks:
                return conditions_of(COMPARING[python_op](x, y, dtype=object))
        return COMPARISONS[python_op](x, y)
    finally:
        heed_errors(before)


cdef object predicate(str name, object x):
    """isnan, isinf or isfinite of something traced, by comparisons, which are guards."""
    if is_tensor(x):
        x = comparable(x)
    if isinstance(x, np.ndarray):
        found = np.empty(x.shape, object)
        for k, v in enumerate(x.flat):
            found.flat[k] = predicate(name, v)
        return conditions_of(found)
    if name == "isnan":
        return x != x
    size = SCALARS[OP_ABS](x)
    return size == INFINITY if name == "isinf" else size < INFINITY
