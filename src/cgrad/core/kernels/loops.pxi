# core/kernels/loops.pxi: NumPy's inner loops of the rows' ufuncs, called without NumPy's dispatch, which takes most of
# the time on ten elements. sin and cos of doubles have loops of cgrad's own (core/mathlib/trig.h): many builds of NumPy
# run those as scalar code.

cdef extern from "numpy/ufuncobject.h":
    ctypedef void (*LoopFunction "PyUFuncGenericFunction")(char **, const cnp.npy_intp *, const cnp.npy_intp *,
                                                           void *) noexcept
    ctypedef struct UfuncStruct "PyUFuncObject":
        int nargs
        int ntypes
        LoopFunction *functions
        void **data
        const char *types

cdef struct Loop:
    LoopFunction run     # NumPy's inner loop, NULL: there is none
    void *data

cdef Loop[OP_COUNT][2] LOOPS  # [op][single precision]
cdef Loop[2] BY_LIBM  # NumPy's loops of sin and cos

cdef extern from "core/mathlib/trig.h" nogil:
    void cgrad_sin(const double *, double *, Py_ssize_t) noexcept
    void cgrad_cos(const double *, double *, Py_ssize_t) noexcept


cdef extern from "core/compiler.h":
    ctypedef void cloned_void "CGRAD_CLONED_VOID"  # the result of a function with a copy for each width of registers


cdef void sin_loop(char **p, const cnp.npy_intp *n, const cnp.npy_intp *step, void *data) noexcept:
    if (step[0] == 8 and step[1] == 8) or n[0] == 1:
        cgrad_sin(<double *>p[0], <double *>p[1], n[0])
    else:
        BY_LIBM[0].run(p, n, step, BY_LIBM[0].data)


cdef void cos_loop(char **p, const cnp.npy_intp *n, const cnp.npy_intp *step, void *data) noexcept:
    if (step[0] == 8 and step[1] == 8) or n[0] == 1:
        cgrad_cos(<double *>p[0], <double *>p[1], n[0])
    else:
        BY_LIBM[1].run(p, n, step, BY_LIBM[1].data)


cdef int find_loops() except -1:
    """NumPy's inner loops of the rows' ufuncs, for both precisions."""
    cdef UfuncStruct *u
    cdef int i, k, op, code
    cdef bint same
    for name, ufuncs in ROW_UFUNCS:
        op = OP_NAMES.index(name)
        for ufunc in ufuncs:
            ufunc = getattr(np, ufunc, None) if ufunc != "clip" else np._core.umath.clip
            if not isinstance(ufunc, np.ufunc):
                continue
            u = <UfuncStruct *><PyObject *>ufunc
            if u.nargs != OP_ARITY[op] + 1:
                continue
            for f32 in range(2):
                code = cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE
                for i in range(u.ntypes):
                    same = True
                    for k in range(u.nargs):
                        same = same and u.types[i*u.nargs + k] == code
                    if same and LOOPS[op][f32].run == NULL:
                        LOOPS[op][f32].run, LOOPS[op][f32].data = u.functions[i], u.data[i]
                        break
    BY_LIBM[0], BY_LIBM[1] = LOOPS[OP_SIN][0], LOOPS[OP_COS][0]  # scalar code in many builds of NumPy
    LOOPS[OP_SIN][0].run, LOOPS[OP_COS][0].run = sin_loop, cos_loop
    return 0
