# core/kernels/loops.pxi: NumPy's inner loops of the rows' ufuncs, called without NumPy's dispatch, which takes most of
# the time on ten elements. Some functions of doubles have loops of cgrad's own (the op table's column ``array``): many
# builds of NumPy run sin and cos as scalar code.

cdef extern from "numpy/ufuncobject.h":
    ctypedef void (*LoopFunction "PyUFuncGenericFunction")(char **, const cnp.npy_intp *, const cnp.npy_intp *,
                                                           void *) noexcept
    ctypedef struct UfuncStruct "PyUFuncObject":
        int nargs
        int ntypes
        LoopFunction *functions
        void **data
        const char *types

ctypedef void (*BlockFunction)(const double *, double *, Py_ssize_t) noexcept

cdef struct Loop:
    LoopFunction run     # NumPy's inner loop, NULL: there is none
    void *data

cdef struct BlockLoop:   # a function of contiguous doubles, which is run instead of NumPy's loop
    int op
    BlockFunction run
    Loop numpys

cdef Loop[OP_COUNT][2] LOOPS  # [op][single precision]


cdef extern from "core/compiler.h":
    ctypedef void cloned_void "CGRAD_CLONED_VOID"  # the result of a function with a copy for each width of registers


cdef void block_loop(char **p, const cnp.npy_intp *n, const cnp.npy_intp *step, void *data) noexcept:
    cdef BlockLoop *loop = <BlockLoop *>data
    if (step[0] == 8 and step[1] == 8) or n[0] == 1:
        loop.run(<double *>p[0], <double *>p[1], n[0])
    else:
        loop.numpys.run(p, n, step, loop.numpys.data)


cdef int find_loops() except -1:
    """NumPy's inner loops of the rows' ufuncs, for both precisions."""
    cdef UfuncStruct *u
    cdef int i, k, op, code
    cdef bint same
    for name, ufuncs in ROW_UFUNCS:
        op = OP_NAMES.index(name)
        for path in ufuncs:
            try:
                ufunc = operator.attrgetter(path)(np)
            except AttributeError:
                continue
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
    for i in range(<int>(sizeof(BLOCK_LOOPS)/sizeof(BlockLoop))):
        op = BLOCK_LOOPS[i].op
        BLOCK_LOOPS[i].numpys = LOOPS[op][0]
        LOOPS[op][0].run, LOOPS[op][0].data = block_loop, &BLOCK_LOOPS[i]
    return 0
