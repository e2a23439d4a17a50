# What the core uses of the kernels: a walk over arrays, and the op or the adjoint that is worked along it.
cimport numpy as cnp

cdef enum:
    OPERANDS = 6         # of a walk: x y z out g acc
    X = 0
    Y = 1
    Z = 2
    OUT = 3
    G = 4
    ACC = 5
    MOST_DIMS = 64


cdef struct Walk:        # (picture in core/kernels/walk.pxi)
    int nd
    bint empty
    Py_ssize_t[MOST_DIMS] size, at
    Py_ssize_t[MOST_DIMS][OPERANDS] step  # bytes; 0 where the operand is broadcast
    char *p[OPERANDS]


cdef void start_walk(Walk *w, int nd, const cnp.npy_intp *dims) noexcept
cdef void bind_operand(Walk *w, int k, void *array) noexcept
cdef void bind_number(Walk *w, int k, void *number) noexcept
cdef void forward_walk(int op, bint f32, Walk *w) noexcept
cdef void back_walk(int op, int k, bint f32, Walk *w, bint clear) noexcept
cdef bint any_nan(const void *x, Py_ssize_t n, bint f32) noexcept
