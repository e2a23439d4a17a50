# core/kernels/walk.pxi: several arrays walked together, broadcast to one shape, in runs as long as possible.
#
#   shape (3, 4), x contiguous, y of shape (4,), out contiguous
#
#          size   step of x   of y   of out        coalesced: nothing, as y repeats along axis 0;
#   axis 0    3          32      0       32         were y of shape (3, 4) too, one axis of 12 elements
#   axis 1    4           8      8        8   <- the inner run, worked in blocks of BLOCK elements
#
# ``p`` points at each operand's element at the start of the current inner run; ``at`` counts the outer axes.

cdef void start_walk(Walk *w, int nd, const cnp.npy_intp *dims) noexcept:
    cdef int d
    w.nd = nd
    w.empty = False
    for d in range(nd):
        w.size[d] = dims[d]
        w.at[d] = 0
        if dims[d] == 0:
            w.empty = True


cdef void bind_operand(Walk *w, int k, void *array) noexcept:
    """Let operand k run over an array, broadcast to the walk's shape."""
    cdef cnp.ndarray x = <cnp.ndarray>array
    cdef int nd = cnp.PyArray_NDIM(x), d, lead = w.nd - nd
    cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(x)
    cdef cnp.npy_intp *steps = cnp.PyArray_STRIDES(x)
    w.p[k] = <char *>cnp.PyArray_DATA(x)
    for d in range(lead):
        w.step[d][k] = 0
    for d in range(nd):
        w.step[lead + d][k] = 0 if dims[d] == 1 else steps[d]


cdef void bind_number(Walk *w, int k, void *number) noexcept:
    cdef int d
    w.p[k] = <char *>number
    for d in range(w.nd):
        w.step[d][k] = 0


cdef void coalesce_axes(Walk *w, int used) noexcept:
    """Join axes that are contiguous in every operand in use (a bit each), so that the inner run is long."""
    cdef int d, m = 0, k
    cdef bint joined
    for d in range(w.nd):
        if w.size[d] == 1:
            continue
        joined = m > 0
        if joined:
            for k in range(OPERANDS):
                if used >> k & 1 and w.step[m - 1][k] != w.step[d][k]*w.size[d]:
                    joined = False
                    break
        if joined:
            w.size[m - 1] *= w.size[d]
            for k in range(OPERANDS):
                w.step[m - 1][k] = w.step[d][k]
        else:
            w.size[m] = w.size[d]
            for k in range(OPERANDS):
                w.step[m][k] = w.step[d][k]
            m += 1
    if m == 0:
        w.size[0] = 1
        for k in range(OPERANDS):
            w.step[0][k] = 0
        m = 1
    w.nd = m


cdef bint advance(Walk *w, int used) noexcept:
    """Move on to the next inner run; False after the last."""
    cdef int d, k
    for d in range(w.nd - 2, -1, -1):
        w.at[d] += 1
        if w.at[d] < w.size[d]:
            for k in range(OPERANDS):
                if used >> k & 1:
                    w.p[k] += w.step[d][k]
            return True
        for k in range(OPERANDS):
            if used >> k & 1:
                w.p[k] -= w.step[d][k]*(w.size[d] - 1)
        w.at[d] = 0
    return False


cdef void gather_block(real *to, char *p, Py_ssize_t step, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] = (<real *>(p + i*step))[0]


cdef inline void load_block(int k, bint f32, char *p, Py_ssize_t step, Py_ssize_t at, Py_ssize_t n) noexcept:
    """Point operand k at elements at, at + 1, ... of a run; those that are not contiguous are gathered."""
    cdef char *own
    if step == (4 if f32 else 8):
        operands.point(k, f32, p + at*step, n)
        return
    own = operands.own + k*BLOCK*8
    if step != 0 or at == 0:
        if f32:
            gather_block(<float *>own, p + at*step, step, n)
        else:
            gather_block(<double *>own, p + at*step, step, n)
    operands.point(k, f32, own, n)
