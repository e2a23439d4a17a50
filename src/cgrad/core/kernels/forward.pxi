# core/kernels/forward.pxi: an op of the table over arrays, by NumPy's inner loop or by a kernel.

cdef void forward_run(int op, bint f32, char **p, Py_ssize_t *step, Py_ssize_t n) noexcept:
    """One op over one run: p and step of the operands, then of the result."""
    cdef int k, arity = OP_ARITY[op]
    cdef Py_ssize_t at, m
    cdef cnp.npy_intp[4] steps
    cdef cnp.npy_intp size = n
    cdef char *to[4]
    cdef double c
    for k in range(arity + 1):
        to[k], steps[k] = p[k], step[k]
    if has_shortcuts(op):
        c = (<float *>p[arity - 1])[0] if f32 else (<double *>p[arity - 1])[0]
        op = shortcut(op, c)
        if op == OP_COPY or OP_ARITY[op] < arity:
            arity -= 1
            to[arity], steps[arity] = to[arity + 1], steps[arity + 1]
        else:
            steps[arity - 1] = 0
    if op == OP_COPY:
        for at in range(n):
            if f32:
                (<float *>(to[1] + at*steps[1]))[0] = (<float *>(to[0] + at*steps[0]))[0]
            else:
                (<double *>(to[1] + at*steps[1]))[0] = (<double *>(to[0] + at*steps[0]))[0]
        return
    if LOOPS[op][f32].run != NULL:
        LOOPS[op][f32].run(to, &size, steps, LOOPS[op][f32].data)
        return
    at = 0
    while at < n:
        m = min(<Py_ssize_t>BLOCK, n - at)
        for k in range(arity):
            load_block(k, f32, to[k], steps[k], at, m)
        operands.point(OUT, f32, to[arity] + at*steps[arity], m)
        if f32:
            forward_operands_f(operands, op, m)
        else:
            forward_operands(operands, op, m)
        at += m


cdef inline void forward_block(int op, bint f32, char *x, char *y, char *out, Py_ssize_t n) noexcept:
    """One op over a whole block, for kernels whose formula calls a function that NumPy has a vector loop for."""
    cdef char *p[3]
    cdef Py_ssize_t[3] step
    cdef Py_ssize_t size = 4 if f32 else 8
    step[0] = step[1] = step[2] = size
    p[0] = x
    if y == NULL:
        p[1] = out
    else:
        p[1], p[2] = y, out
    forward_run(op, f32, p, step, n)


cdef void forward_walk(int op, bint f32, Walk *w) noexcept:
    """An op over all elements; the result is contiguous."""
    cdef int k, arity = OP_ARITY[op], used = 1 << OUT
    cdef char *p[4]
    cdef Py_ssize_t[4] step
    if w.empty:
        return
    for k in range(arity):
        used |= 1 << k
    coalesce_axes(w, used)
    while True:
        for k in range(arity):
            p[k], step[k] = w.p[k], w.step[w.nd - 1][k]
        p[arity], step[arity] = w.p[OUT], w.step[w.nd - 1][OUT]
        forward_run(op, f32, p, step, w.size[w.nd - 1])
        if not advance(w, used):
            return
