# core/arrays/elementwise.pxi: ``t*u`` from slot to append, where an operand is an array.
#
# Tensor.__mul__ (generated) calls ``elementwise``: what are the operands (``resolve``), which precision, which
# shape; NumPy's loop or a kernel over a new array; one append, with a payload.
#
# A buffer that the tape has taken (``captured``) is not written to again: Tensor.data gives the tensor a new one
# first. One that somebody else may hold (not ``bare``) is copied before the tape takes it.

cdef object numeric(object array, str op):
    """An array of real numbers."""
    if array.dtype.kind not in "fiub":
        raise errors.bad_array(op, 0, array)
    return array


cdef object resolve(object o, Term *r, int op, int position):
    """Read an operand into r: its array, None for a number, NotImplemented for a type that may define the op."""
    cdef Tensor t
    r.v = NULL
    r.i = -1
    r.x = 0
    if is_tensor(o):
        t = <Tensor>settled(<Tensor>o)  # held by o, if it is another
        if t.node or t.needs:
            r.v = <PyObject *>t
        look_who_holds(t)
        return t.array
    if is_value(o):
        r.v = <PyObject *>o
        r.x = (<Value>o).primal
        return None
    if PyFloat_CheckExact(o):
        r.x = PyFloat_AS_DOUBLE(o)
        return None
    if cnp.PyArray_Check(o):
        if cnp.PyArray_TYPE(<cnp.ndarray>o) != cnp.NPY_DOUBLE and (o.dtype.kind not in "fiub" or o.dtype.itemsize > 8):
            raise errors.bad_array(OP_NAMES[op], position, o)
        if not plain_layout(o):
            o = o.astype(o.dtype.newbyteorder("="))
        if cnp.PyArray_NDIM(<cnp.ndarray>o) == 0:
            r.x = o
            return None
        return o
    return None if operand(o, &r.x, op, position) else NotImplemented


def frozen(Tensor t, /):
    """The numbers of a tensor as somebody may keep them: a read-only view that nobody writes to."""
    cdef object view
    if traces:
        refuse(t, "its array")
    look_who_holds(t)
    if t.filled is not None and written(t):
        view = fresh(t).copy()
        view.flags.writeable = False
        return view
    if t.node == 0 and not t.shared:
        if not (t.captured or t.bare):
            view = t.array.copy()
            view.flags.writeable = False
            return view
        t.captured = True
    view = t.array.view()
    view.flags.writeable = False
    return view


cdef object own(object o):
    """A constant operand's array as the tape may keep it."""
    cdef Tensor t
    if is_tensor(o):
        t = <Tensor>o
        if t.captured or t.bare:
            t.captured = not t.shared
            return t.array
        return cnp.PyArray_NewCopy(<cnp.ndarray>t.array, cnp.NPY_CORDER)
    return cnp.PyArray_NewCopy(<cnp.ndarray>o, cnp.NPY_CORDER)


cdef int precision(object array) except -1:
    """1 single, 2 double, 0: whatever the others have (masks and small integers)."""
    cdef int code = cnp.PyArray_TYPE(<cnp.ndarray>array)
    if code == cnp.NPY_DOUBLE:
        return 2
    if code == cnp.NPY_FLOAT:
        return 1
    return 2 if array.dtype.kind in "iu" and array.dtype.itemsize > 2 else 0


cdef inline object after_recording(object o):
    """A Condition that has outlived its recording as its number."""
    return (1.0 if (<Condition>o).outcome else 0.0) if is_condition(o) else o


cdef object elementwise(int op, object x, object y, object z):
    """An op of the table over arrays; NotImplemented for a type that may define it itself."""
    cdef Term[3] r
    cdef PyObject *arrays[3]
    cdef object array0, array1 = None, array2 = None
    cdef int n, k
    if cgrad_unlikely(traces) and tracing() is not None:
        return traced_elementwise(op, x, y, z)
    x, y, z = after_recording(x), after_recording(y), after_recording(z)
    if is_tensor(x) and cnp.PyArray_NDIM(<cnp.ndarray>(<Tensor>x).array) == 0:
        x = item(<Tensor>x, 0)
    if is_tensor(y) and cnp.PyArray_NDIM(<cnp.ndarray>(<Tensor>y).array) == 0:
        y = item(<Tensor>y, 0)
    if is_tensor(z) and cnp.PyArray_NDIM(<cnp.ndarray>(<Tensor>z).array) == 0:
        z = item(<Tensor>z, 0)
    if OP_CONSTANT[op] and not (is_value(y) or arrayish(y)):
        op = OP_CONSTANT[op]
    n = OP_ARITY[op]
    array0 = resolve(x, &r[0], op, 0)
    if array0 is NotImplemented:
        return NotImplemented
    if n > 1:
        array1 = resolve(y, &r[1], op, 1)
        if array1 is NotImplemented:
            return NotImplemented
        if n > 2:
            array2 = resolve(z, &r[2], op, 2)
            if array2 is NotImplemented:
                return NotImplemented
    if array0 is None and array1 is None and array2 is None:
        return SCALARS[op](*[given if is_value(given) else r[k].x for k, given in enumerate((x, y, z)[:n])])
    for k in range(n):
        if OP_PLAIN[op] >> k & 1 and r[k].v != NULL:
            raise errors.needs_number(OP_NAMES[op], f"operand {k + 1}", <object>r[k].v)
    arrays[0] = NULL if array0 is None else <PyObject *>array0
    arrays[1] = NULL if array1 is None else <PyObject *>array1
    arrays[2] = NULL if array2 is None else <PyObject *>array2
    return applied(op, n, (x, y, z), r, arrays)


cdef object applied(int op, int n, tuple given, Term *r, PyObject **arrays):
    """The op over arrays and numbers, recorded if an operand has derivatives. arrays: borrowed, NULL for a number."""
    cdef bint f32 = common_precision(op, n, arrays) == 1, traced = False
    cdef int code = cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, k
    cdef object converted = None, array, out
    for k in range(n):
        traced = traced or r[k].v != NULL
        if arrays[k] != NULL and cnp.PyArray_TYPE(<cnp.ndarray>arrays[k]) != code:
            if r[k].v != NULL:  # a float32 tensor beside float64: widened by a node of its own
                again = list(given)
                again[k] = CAST(given[k], "f" if f32 else "d")
                return elementwise(op, again[0], again[1], again[2])
            array = (<object>arrays[k]).astype(np.float32 if f32 else np.float64)
            converted = (converted, array)  # keeps them alive: ``arrays`` borrows
            arrays[k] = <PyObject *>array
    out = computed(op, n, given, r, arrays, f32)
    if not traced or (modes and quiet()):
        return plain_tensor(out) if any_tensor(given) or traced else out
    return append_array(op, n, r, out, constants_of(n, given, r, arrays, converted is not None))


cdef int common_precision(int op, int n, PyObject **arrays) except -1:
    """The result's precision. A condition counts only where it is the one array."""
    cdef int kind = 0, k
    for k in range(n):
        if arrays[k] != NULL and not OP_CONDITION[op] >> k & 1:
            kind = max(kind, precision(<object>arrays[k]))
    if kind == 0 and arrays[0] != NULL:
        kind = precision(<object>arrays[0])
    return kind


cdef object computed(int op, int n, tuple given, Term *r, PyObject **arrays, bint f32):
    """A new array with the op's results, arrays broadcast."""
    cdef cnp.npy_intp[MOST_DIMS] dims
    cdef double[3] numbers
    cdef float[3] floats
    cdef Walk w
    cdef int nd = broadcast(op, n, given, arrays, dims), k
    cdef object out = new_array(nd, dims, f32)
    start_walk(&w, nd, dims)
    for k in range(n):
        if arrays[k] != NULL:
            bind_operand(&w, k, arrays[k])
        else:
            numbers[k] = r[k].x
            floats[k] = <float>r[k].x
            bind_number(&w, k, <void *>&floats[k] if f32 else <void *>&numbers[k])
    bind_operand(&w, OUT, <PyObject *>out)
    forward_walk(op, f32, &w)
    return out


cdef int broadcast(int op, int n, tuple given, PyObject **arrays, cnp.npy_intp *dims) except -1:
    """The shape that the arrays broadcast to, in ``dims``; returns its number of axes."""
    cdef int k, d, added, nd = 0
    cdef cnp.npy_intp size
    for k in range(n):
        if arrays[k] == NULL:
            continue
        added = cnp.PyArray_NDIM(<cnp.ndarray>arrays[k]) - nd
        if added > 0:  # its first axes are new: those so far are the last ones
            memmove(dims + added, dims, nd*sizeof(cnp.npy_intp))
            for d in range(added):
                dims[d] = 1
            nd += added
            added = 0
        for d in range(-added, nd):
            size = cnp.PyArray_DIMS(<cnp.ndarray>arrays[k])[d + added]
            if dims[d] == 1:
                dims[d] = size
            elif size != 1 and size != dims[d]:
                raise shape_error(op, n, given, arrays)
    return nd


cdef object shape_error(int op, int n, tuple given, PyObject **arrays):
    return errors.no_broadcast(OP_NAMES[op], [
        (given[k].name if is_tensor(given[k]) else "", (<object>arrays[k]).shape)
        for k in range(n) if arrays[k] != NULL])


cdef tuple constants_of(int n, tuple given, Term *r, PyObject **arrays, bint converted):
    """The arrays of operands without derivatives, as the node keeps them; None if there are none."""
    cdef list kept = None
    cdef int k
    for k in range(n):
        if arrays[k] != NULL and r[k].v == NULL:
            kept = [None, None, None] if kept is None else kept
            kept[k] = own(given[k] if is_tensor(given[k]) and not converted else <object>arrays[k])
    return None if kept is None else tuple(kept)


cdef bint any_tensor(tuple given):
    for o in given:
        if is_tensor(o):
            return True
    return False


cdef object append_array(int op, int n, Term *r, object out, object saved):
    """The node of an array: op(r[0], ...), its payload and its handle."""
    cdef Pair p
    cdef Py_ssize_t i
    locate(r, n, op, &p, 2, True)
    if modes:
        inspect_array(&p, op, out, r, n, continuations(n), None, saved)
    i = write_group(<Tape>p.tape, op | SPECIAL, r, n)
    enter(<Tape>p.tape, i, out, None, saved).n = n
    return attach_tensor(p.handle, p.tape, i, out)


cdef int inspect_array(Pair *p, int op, object out, const Term *terms, Py_ssize_t n, Py_ssize_t more,
                       object rule=None, object saved=None) except -1:
    """Under detect_anomaly, as ``inspect``: the line of user code; an error for nan or inf in a result."""
    cdef Tape t = <Tape>p.tape
    t.pinned += 1
    try:
        if not (<Context>context()).anomaly:
            return 0
        where = errors.user_line()
        bad = np.asarray(out)[~np.isfinite(out)]
        if bad.size:
            name = OP_NAMES[op] if rule is None else rule.name
            raise errors.array_anomaly(name, bad.flat[0], np.shape(out), described(t, terms, n, saved), where)
        if t.lines is None:
            t.lines = {}
        if t.top + more >= t.limit:
            make_room(t, more + 1)
        t.lines[t.top + more] = where
    except BaseException:
        discard(p.handle)
        raise
    finally:
        t.pinned -= 1
    return 0


cdef list described(Tape t, const Term *terms, Py_ssize_t n, object saved):
    """(name, value) of operands, for a message; of arrays the shape. saved: the constant ones, or None."""
    cdef Py_ssize_t k
    cdef list operands = []
    for k in range(n):
        if terms[k].i >= 0 and is_array(t, terms[k].i):
            shape = (<object>payload_at(t, terms[k].i).value).shape
            operands.append((name_of(t, terms[k].i), f"an array of shape {shape}"))
        elif saved is not None and (<tuple>saved)[k] is not None:
            operands.append(("", f"an array of shape {(<tuple>saved)[k].shape}"))
        else:
            operands.append(describe(t, terms[k].i, terms[k].x))
    return operands
