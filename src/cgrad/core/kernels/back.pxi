# core/kernels/back.pxi: the adjoint of an op over arrays, acc += g*partial.

cdef void back_walk(int op, int k, bint f32, Walk *w, bint clear) noexcept:
    """acc += g*partial over all elements: the one place where a broadcast adjoint is summed up again.

    clear: acc holds nothing yet; each block is zeroed right before its use, unless several runs meet in one
    element (then the caller has zeroed it).
    """
    cdef int j, used = 1 << G | 1 << ACC | OPERANDS_READ[op][k] & 7 | (OPERANDS_READ[op][k] >> 3 & 1) << OUT
    cdef Py_ssize_t n, at, m, i, width = 4 if f32 else 8, step
    cdef double total
    cdef char *own = operands.own + ACC*BLOCK*8
    if w.empty:
        return
    coalesce_axes(w, used)
    n = w.size[w.nd - 1]
    step = w.step[w.nd - 1][ACC]
    if clear and step != width:  # one element
        memset(w.p[ACC], 0, width)
    while True:
        at = 0
        total = 0
        while at < n:
            m = min(<Py_ssize_t>BLOCK, n - at)
            for j in range(ACC):
                if used >> j & 1:
                    load_block(j, f32, w.p[j], w.step[w.nd - 1][j], at, m)
            if step == width:
                operands.point(ACC, f32, w.p[ACC] + at*step, m)
                if clear:
                    memset(w.p[ACC] + at*step, 0, m*width)
            else:
                operands.point(ACC, f32, own, m)
                memset(own, 0, m*width)
            if f32:
                back_operands_f(operands, op, k, m)
            else:
                back_operands(operands, op, k, m)
            if step == 0:
                total += sum_block(<float *>own, m) if f32 else sum_block(<double *>own, m)
            elif step != width:
                if f32:
                    spread(<float *>own, w.p[ACC] + at*step, step, m)
                else:
                    spread(<double *>own, w.p[ACC] + at*step, step, m)
            at += m
        if step == 0:
            if f32:
                (<float *>w.p[ACC])[0] += <float>total
            else:
                (<double *>w.p[ACC])[0] += total
        if not advance(w, used):
            return


cdef double sum_block(real *x, Py_ssize_t n) noexcept:
    """Four sums side by side: the order is fixed, and the error small."""
    cdef double a = 0, b = 0, c = 0, d = 0
    cdef Py_ssize_t i = 0
    while i + 4 <= n:
        a += x[i]
        b += x[i + 1]
        c += x[i + 2]
        d += x[i + 3]
        i += 4
    while i < n:
        a += x[i]
        i += 1
    return (a + b) + (c + d)


cdef bint nan_among(const real *x, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i, found = 0
    for i in range(n):
        found += x[i] != x[i]
    return found != 0


cdef bint any_nan(const void *x, Py_ssize_t n, bint f32) noexcept:
    """True if there is a nan among n numbers."""
    return nan_among(<const float *>x, n) if f32 else nan_among(<const double *>x, n)


cdef void spread(real *x, char *to, Py_ssize_t step, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        (<real *>(to + i*step))[0] += x[i]
