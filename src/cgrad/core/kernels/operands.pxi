# core/kernels/operands.pxi: the memoryviews that kernels work on.
#
#   x y z   the operands      out   the result      g   the result's adjoint      acc   the operand's adjoint
#   s0 ...  scratch of a block: what functions called on whole blocks (exp, sin, ...) return
#
# They are made once and pointed at an array's memory, or at scratch of their own, for each block: making a memoryview
# takes longer than ten elements.

cdef enum:
    BLOCK = 512          # elements: all operands of a kernel stay in the first cache

cdef extern from "core/memoryviews.h":
    void point_numbers "CGRAD_POINT"(double[::1], char *, Py_ssize_t) noexcept
    void point_floats "CGRAD_POINT"(float[::1], char *, Py_ssize_t) noexcept

ctypedef fused real:
    double
    float


cdef class Operands:
    cdef double[::1] x, y, z, out, g, acc, s0, s1, s2, s3, s4, s5, s6, s7
    cdef float[::1] x_f, y_f, z_f, out_f, g_f, acc_f, s0_f, s1_f, s2_f, s3_f, s4_f, s5_f, s6_f, s7_f
    cdef char *own       # scratch of the first six, a block each: where elements that lie apart are gathered
    cdef object memory

    def __cinit__(self):
        cdef double[::1] rows = np.zeros(OPERANDS*BLOCK)
        self.memory = rows.base
        self.own = <char *>&rows[0]
        self.x = self.y = self.z = self.out = self.g = self.acc = rows
        self.s0, self.s1, self.s2, self.s3, self.s4, self.s5, self.s6, self.s7 = np.zeros((8, BLOCK))
        narrow = np.zeros(BLOCK, np.float32)
        self.x_f = self.y_f = self.z_f = self.out_f = self.g_f = self.acc_f = narrow
        self.s0_f, self.s1_f, self.s2_f, self.s3_f, self.s4_f, self.s5_f, self.s6_f, self.s7_f = \
            np.zeros((8, BLOCK), np.float32)

    cdef void point(self, int k, bint f32, char *to, Py_ssize_t n) noexcept:
        """Let operand k be the n elements at ``to``."""
        if f32:
            if k == X:
                point_floats(self.x_f, to, n)
            elif k == Y:
                point_floats(self.y_f, to, n)
            elif k == Z:
                point_floats(self.z_f, to, n)
            elif k == OUT:
                point_floats(self.out_f, to, n)
            elif k == G:
                point_floats(self.g_f, to, n)
            else:
                point_floats(self.acc_f, to, n)
        elif k == X:
            point_numbers(self.x, to, n)
        elif k == Y:
            point_numbers(self.y, to, n)
        elif k == Z:
            point_numbers(self.z, to, n)
        elif k == OUT:
            point_numbers(self.out, to, n)
        elif k == G:
            point_numbers(self.g, to, n)
        else:
            point_numbers(self.acc, to, n)


cdef Operands operands = Operands()
