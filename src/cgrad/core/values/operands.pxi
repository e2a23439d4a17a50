# core/values/operands.pxi: appends of three and more operands: a head over continuation nodes.

cdef struct Term:
    PyObject *v   # a Value (borrowed), or NULL
    double x
    int32_t i     # its place, -1: a plain number


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
    """Find the tape of n operands, room for ``nodes`` nodes, and their places. All or nothing.

    array: the result is a Tensor, not a Value; or it is a Value with a payload of its own.
    """
    cdef Py_ssize_t k
    cdef object first = None
    cdef Tape t
    p.handle = new_tensor() if array else new_handle()
    try:
        if modes and quiet():
            p.home = NULL
            return 0
        for k in range(n):
            if r[k].v != NULL and (<Handle>r[k].v).node:
                first = <object>r[k].v
                break
        t = <Tape>home_of(first, None, op)
        if t.bytes > t.bytes_at:
            look_at_bytes(t)
        payload_room(t)
        for k in range(n):  # refuse before anything is written
            if r[k].v != NULL and (<Handle>r[k].v).node and (<Handle>r[k].v).home != <PyObject *>t:
                raise errors.wrong_tape(OP_NAMES[op], <object>r[k].v, t, (<Handle>r[k].v).home == NULL)
        if t.top + n + nodes > t.limit:
            make_room(t, n + nodes)
        for k in range(n):
            if r[k].v != NULL:
                r[k].i = (<Handle>r[k].v).index if (<Handle>r[k].v).home == <PyObject *>t \
                    else bind(<Handle>r[k].v, t, op)
        payload_room(t)  # leaves have taken some
        p.home = <PyObject *>t
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
    if p.home == NULL:
        return leaf_of(p.handle, out)
    if modes:
        inspect(&p, op, out, r, 3, 1)
    write(<Tape>p.home, OP_CONT, &r[1], d[1], &r[2], d[2])
    return head(&p, op, &r[0], d[0], 1, out)


cdef object head(Pair *p, int op, Term *first, double d, Py_ssize_t continuations, double out):
    """Close a group of continuations with its head and a handle."""
    cdef Tape t = <Tape>p.home
    cdef Py_ssize_t i = t.top, k
    write(t, op, first, d, NULL, 0)
    t.b[i] = <int32_t>(-continuations) if continuations else <int32_t>i
    t.val[i] = out
    for k in range(i - continuations, i):
        t.used[k] = 1
    hold(p.handle, p.home, i, out)
    return cgrad_own(p.handle)


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
        if p.home == NULL:
            return leaf_of(p.handle, out)
        if modes:
            inspect(&p, OP_DOT, out, r, 2*n + 1, n)
        for k in range(n):
            write(<Tape>p.home, OP_CONT, &r[2*k + 1], r[2*k + 2].x, &r[2*k + 2], r[2*k + 1].x)
        return head(&p, OP_DOT, &r[0], 1, n, out)
    finally:
        free(r)
