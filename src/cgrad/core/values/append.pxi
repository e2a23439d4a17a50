# core/values/append.pxi: a node is written: ``a*b`` from slot to append.
#
# The operator slot (``op_mul``, generated) calls ``append1``, ``append2``, ``append_left`` or ``append_right``, and
# these ``appended``. An op of more operands is a head over continuation nodes.

cdef inline object leaf_of(PyObject *h, double primal):
    """Make h a leaf: the result of an operation that was not recorded."""
    (<Value>h).tape = NULL
    (<Value>h).node = 0
    (<Value>h).computed = 1
    (<Value>h).primal = primal
    (<Value>h).adjoint = 0
    return cgrad_own(h)


cdef inline bint ready(Value v) noexcept:
    """True if v is a node and another can be appended above it on the fast path."""
    return v.node == 1 and (<Tape>v.tape).top < (<Tape>v.tape).limit and free_list != NULL and not modes


cdef inline object appended(PyObject *tape, Py_ssize_t i, int op, double out, int32_t a, double da, int32_t b,
                            double db):
    """Write node i = top into each column, and return its handle. The caller has made room for both."""
    cdef PyObject *h = new_handle()
    (<Tape>tape).top = i + 1
    (<Tape>tape).op[i] = op
    (<Tape>tape).used[i] = 0
    (<Tape>tape).val[i] = out
    (<Tape>tape).a[i] = a
    (<Tape>tape).da[i] = da
    (<Tape>tape).b[i] = b
    (<Tape>tape).db[i] = db
    attach_value(h, tape, i, out)
    return cgrad_own(h)


cdef inline object append1(Value v, int op, double out, double da):
    """op(v)."""
    cdef PyObject *tape = v.tape
    cdef Py_ssize_t i
    if cgrad_unlikely(not ready(v)):
        return append_slowly(v, None, op, v.primal, 0, out, da, 0)
    i = (<Tape>tape).top
    (<Tape>tape).used[v.index] = USED
    return appended(tape, i, op, out, v.index, da, <int32_t>i, 0)


cdef inline object append_left(Value v, object right, int op, double y, double out, double da):
    """op(v, y), y a plain number."""
    cdef PyObject *tape = v.tape
    cdef Py_ssize_t i
    if cgrad_unlikely(not ready(v)):
        return append_slowly(v, right, op, v.primal, y, out, da, 0)
    i = (<Tape>tape).top
    (<Tape>tape).used[v.index] = USED
    return appended(tape, i, op, out, v.index, da, <int32_t>i, y)


cdef inline object append_right(object left, Value v, int op, double x, double out, double db):
    """op(x, v), x a plain number."""
    cdef PyObject *tape = v.tape
    cdef Py_ssize_t i
    if cgrad_unlikely(not ready(v)):
        return append_slowly(left, v, op, x, v.primal, out, 0, db)
    i = (<Tape>tape).top
    (<Tape>tape).used[v.index] = USED
    return appended(tape, i, op, out, <int32_t>i, x, v.index, db)


cdef inline object append2(Value v, Value w, int op, double out, double da, double db):
    """op(v, w)."""
    cdef PyObject *tape = v.tape
    if cgrad_unlikely(tape != w.tape or not (ready(v) or ready(w))):
        return append_slowly(v, w, op, v.primal, w.primal, out, da, db)
    (<Tape>tape).used[v.index] = USED
    (<Tape>tape).used[w.index] = USED
    return appended(tape, (<Tape>tape).top, op, out, v.index, da, w.index, db)


cdef object append_slowly(object left, object right, int op, double x, double y, double out, double da, double db):
    """Slow path of the appends above: a leaf's first use, no room, a mode, an error."""
    cdef Pair p
    cdef Py_ssize_t i
    p.a = p.b = -1
    p.x, p.y = x, y
    resolve_operands(left, right, op, &p)
    if p.tape == NULL:
        return leaf_of(p.handle, out)
    if modes:
        inspect(&p, op, out)
    i = (<Tape>p.tape).top
    if p.a >= 0:
        (<Tape>p.tape).used[p.a] = USED
    if p.b >= 0:
        (<Tape>p.tape).used[p.b] = USED
    drop_handle(p.handle)  # the next one taken
    result = appended(p.tape, i, op, out, p.a if p.a >= 0 else <int32_t>i, da if p.a >= 0 else x,
                      p.b if p.b >= 0 else <int32_t>i, db if p.b >= 0 else y)
    return stopped(result) if modes and muted() else result


cdef object stopped(Value v):
    """v in a program, passing no derivative on."""
    if v.node and v.tape != NULL and (<Tape>v.tape).op[v.index] == OP_STOP and (<Tape>v.tape).a[v.index] != v.index:
        return v
    return append1(v, OP_STOP, v.primal, 0)


cdef object lifted(Tape t, double x):
    """A plain number as a node, to differentiate with respect to, or as a derivative."""
    if t.top >= t.limit:
        make_room(t, 0)
    return appended(<PyObject *>t, t.top, OP_STOP, x, <int32_t>t.top, x, <int32_t>t.top, 0)


cdef object on_own_node(Value v):
    """v on a node of its own."""
    return append_left(v, 1.0, OP_MUL, 1.0, v.primal, 1.0)


cdef object handed_out(Value element):
    """An element of an array as a Value for itself (core/tracing/trace.pxi)."""
    cdef Trace t = tracing()
    if modes and muted():
        return stopped(element)
    if t.copies:
        return on_own_node(element)
    t.handed.add(id(element))
    return element


cdef object required(object result, object x, object y, int op):
    """The result of a method or function; where an operator would return NotImplemented, an error."""
    if result is NotImplemented:
        if arrayish(x) or arrayish(y):
            result = elementwise(op, x, y, None)
            if result is not NotImplemented:
                return result
        raise errors.bad_operand(OP_NAMES[op], 0 if not is_value(x) and is_value(y) else 1, y if is_value(x) else x)
    return result


# ---- three and more operands: a head over continuation nodes -----------------------------------------

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


cdef int locate(Term *r, Py_ssize_t n, int op, Pair *p, Py_ssize_t nodes, bint array=False) except -1:
    """Find the tape of n operands, room for ``nodes`` nodes, and their nodes. All or nothing.

    array: the result is a Tensor, not a Value; or it is a Value with a payload of its own.
    """
    cdef Py_ssize_t k
    cdef object first = None
    cdef Tape t
    p.handle = new_tensor() if array else new_handle()
    try:
        if modes and quiet():
            p.tape = NULL
            return 0
        for k in range(n):
            if r[k].v != NULL and (<Handle>r[k].v).node:
                first = <object>r[k].v
                break
        t = <Tape>recording_tape(first, None, op)
        if t.bytes > t.bytes_at:
            look_at_bytes(t)
        payload_room(t)
        for k in range(n):  # refuse before anything is written
            if r[k].v != NULL and (<Handle>r[k].v).node and (<Handle>r[k].v).tape != <PyObject *>t:
                raise errors.wrong_tape(OP_NAMES[op], <object>r[k].v, t, (<Handle>r[k].v).tape == NULL)
        if t.top + n + nodes > t.limit:
            make_room(t, n + nodes)
        for k in range(n):
            if r[k].v != NULL:
                r[k].i = (<Handle>r[k].v).index if (<Handle>r[k].v).tape == <PyObject *>t \
                    else bind(<Handle>r[k].v, t, op)
        payload_room(t)  # leaves have taken some
        p.tape = <PyObject *>t
        return 0
    except BaseException:
        discard(p.handle)
        raise


cdef inline void write(Tape t, int op, Term *x, double dx, Term *y, double dy) noexcept:
    """The bare entry of one node; y NULL: none."""
    cdef Py_ssize_t i = t.top
    t.op[i] = op
    t.used[i] = 0
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


cdef inline Py_ssize_t continuations(Py_ssize_t n) noexcept:
    """How many of them the head of a group of n operands has, where those of one or two need none."""
    return n//2 if n > 2 else 0


cdef Py_ssize_t write_group(Tape t, int op, Term *r, Py_ssize_t n) noexcept:
    """Write a node of n operands whose partials are not stored: continuations, then the head, which is returned."""
    cdef Py_ssize_t more = continuations(n), k, i
    for k in range(1, n if more else 0, 2):
        write(t, OP_CONT, &r[k], 0, &r[k + 1] if k + 1 < n else NULL, 0)
        t.used[t.top - 1] = USED
    i = t.top
    write(t, op, &r[0], 0, &r[1] if n == 2 else NULL, 0)
    if more:
        t.b[i] = <int32_t>(-more)
    return i


cdef object append3(int op, object x, object y, object z):
    """A head with one continuation: an op of three operands."""
    cdef Term[3] r
    cdef Pair p
    cdef double[3] values, d
    cdef double out
    cdef Py_ssize_t i
    if arrayish(x) or arrayish(y) or arrayish(z):
        return required(elementwise(op, x, y, z), x, y, op)
    term(x, &r[0], op, 0)
    term(y, &r[1], op, 1)
    term(z, &r[2], op, 2)
    locate(r, 3, op, &p, 2)
    for i in range(3):
        values[i] = r[i].x
    out = evaluate(op, values, d)
    if p.tape == NULL:
        return leaf_of(p.handle, out)
    if modes:
        inspect(&p, op, out, r, 3, 1)
    write(<Tape>p.tape, OP_CONT, &r[1], d[1], &r[2], d[2])
    return head(&p, op, &r[0], d[0], 1, out)


cdef object head(Pair *p, int op, Term *first, double d, Py_ssize_t continuations, double out):
    """Close a group of continuations with its head and a handle."""
    cdef Tape t = <Tape>p.tape
    cdef Py_ssize_t i = t.top, k
    write(t, op, first, d, NULL, 0)
    t.b[i] = <int32_t>(-continuations) if continuations else <int32_t>i
    t.val[i] = out
    for k in range(i - continuations, i):
        t.used[k] = 1
    attach_value(p.handle, p.tape, i, out)
    return stopped(cgrad_own(p.handle)) if modes and muted() else cgrad_own(p.handle)


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
        if p.tape == NULL:
            return leaf_of(p.handle, out)
        if modes:
            inspect(&p, OP_DOT, out, r, 2*n + 1, n)
        for k in range(n):
            write(<Tape>p.tape, OP_CONT, &r[2*k + 1], r[2*k + 2].x, &r[2*k + 2], r[2*k + 1].x)
        return head(&p, OP_DOT, &r[0], 1, n, out)
    finally:
        free(r)
