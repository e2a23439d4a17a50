# core/arrays/payload.pxi: what array nodes carry, and the walk of a kernel over arrays.
#
# An array's node stands in the same columns as a scalar's. The bit SPECIAL of its op says that it has an
# entry in the tape's payload table, ascending by node:
#
#   columns      ...  17 item   18 mul|SPECIAL   19 mul   20 primitive|SPECIAL (a scalar: sum) ...
#                                  |                          |
#   payload      { node 18, value, adjoint, grad, ... }   { node 20, value NULL, rule: Primitive, saved }
#
# value: the result's array (NULL: the result is a number, in ``val``). adjoint: during a sweep. grad: what
# backward sweeps have added up. saved: constant arrays of the op; a Primitive's arguments. leaf: whose slot it is.
#
# Partials of arrays are not stored: da and db are 0 (or hold a plain number operand), and a sweep works the
# kernels of the op table (_gen/kernels.pxi) through the arrays, block by block. Memory: an entry counts by its
# bytes as well, so that a few large arrays are released promptly.

cdef extern from "numpy/ufuncobject.h":
    ctypedef void (*LoopFunction "PyUFuncGenericFunction")(char **, const cnp.npy_intp *, const cnp.npy_intp *,
                                                           void *) noexcept
    ctypedef struct UfuncStruct "PyUFuncObject":
        int nargs
        int ntypes
        LoopFunction *functions
        void **data
        const char *types

cdef enum:
    BLOCK = 512          # elements of a lane: all lanes of a kernel stay in the first cache
    LANES = 6            # of a walk: x y z out g acc
    X = 0
    OUT = 3
    G = 4
    ACC = 5
    MOST_DIMS = 64
    ARRAYS_AT_ONCE = 1 << 25  # bytes of arrays between looks for garbage, at least

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

ctypedef fused real:
    double
    float


cdef class Lanes:
    """The memoryviews that kernels work on: pointed at an array's memory, or at scratch."""
    cdef double[::1] x, y, z, out, g, acc, s0, s1, s2, s3, s4, s5, s6, s7
    cdef float[::1] x_f, y_f, z_f, out_f, g_f, acc_f, s0_f, s1_f, s2_f, s3_f, s4_f, s5_f, s6_f, s7_f
    cdef char *own       # scratch of the first six
    cdef object memory

    def __cinit__(self):
        cdef double[::1] rows = np.zeros(LANES*BLOCK)
        self.memory = rows.base
        self.own = <char *>&rows[0]
        self.x = self.y = self.z = self.out = self.g = self.acc = rows
        self.s0, self.s1, self.s2, self.s3, self.s4, self.s5, self.s6, self.s7 = np.zeros((8, BLOCK))
        narrow = np.zeros(BLOCK, np.float32)
        self.x_f = self.y_f = self.z_f = self.out_f = self.g_f = self.acc_f = narrow
        self.s0_f, self.s1_f, self.s2_f, self.s3_f, self.s4_f, self.s5_f, self.s6_f, self.s7_f = \
            np.zeros((8, BLOCK), np.float32)

    cdef void point(self, int lane, bint f32, char *to, Py_ssize_t n) noexcept:
        if f32:
            if lane == 0:
                point_floats(self.x_f, to, n)
            elif lane == 1:
                point_floats(self.y_f, to, n)
            elif lane == 2:
                point_floats(self.z_f, to, n)
            elif lane == OUT:
                point_floats(self.out_f, to, n)
            elif lane == G:
                point_floats(self.g_f, to, n)
            else:
                point_floats(self.acc_f, to, n)
        elif lane == 0:
            point_numbers(self.x, to, n)
        elif lane == 1:
            point_numbers(self.y, to, n)
        elif lane == 2:
            point_numbers(self.z, to, n)
        elif lane == OUT:
            point_numbers(self.out, to, n)
        elif lane == G:
            point_numbers(self.g, to, n)
        else:
            point_numbers(self.acc, to, n)

cdef extern from *:
    void point_floats "CGRAD_POINT"(float[::1], char *, Py_ssize_t) noexcept

cdef Lanes lanes = Lanes()


# ---- the walk ------------------------------------------------------------------------------------

cdef struct Walk:
    int nd
    bint empty
    Py_ssize_t[MOST_DIMS] size, at
    Py_ssize_t[MOST_DIMS][LANES] step  # bytes; 0 where the lane is broadcast
    char *p[LANES]


cdef void start_walk(Walk *w, int nd, const cnp.npy_intp *dims) noexcept:
    cdef int d
    w.nd = nd
    w.empty = False
    for d in range(nd):
        w.size[d] = dims[d]
        w.at[d] = 0
        if dims[d] == 0:
            w.empty = True


cdef void lay(Walk *w, int lane, void *array) noexcept:
    """Let a lane run over an array, broadcast to the walk's shape."""
    cdef cnp.ndarray x = <cnp.ndarray>array
    cdef int nd = cnp.PyArray_NDIM(x), d, lead = w.nd - nd
    cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(x)
    cdef cnp.npy_intp *steps = cnp.PyArray_STRIDES(x)
    w.p[lane] = <char *>cnp.PyArray_DATA(x)
    for d in range(lead):
        w.step[d][lane] = 0
    for d in range(nd):
        w.step[lead + d][lane] = 0 if dims[d] == 1 else steps[d]


cdef void lay_number(Walk *w, int lane, void *number) noexcept:
    cdef int d
    w.p[lane] = <char *>number
    for d in range(w.nd):
        w.step[d][lane] = 0


cdef void fold(Walk *w, int used) noexcept:
    """Join axes that follow one another in all lanes in use (bits), so that the inner run is long."""
    cdef int d, m = 0, lane
    cdef bint joined
    for d in range(w.nd):
        if w.size[d] == 1:
            continue
        joined = m > 0
        if joined:
            for lane in range(LANES):
                if used >> lane & 1 and w.step[m - 1][lane] != w.step[d][lane]*w.size[d]:
                    joined = False
                    break
        if joined:
            w.size[m - 1] *= w.size[d]
            for lane in range(LANES):
                w.step[m - 1][lane] = w.step[d][lane]
        else:
            w.size[m] = w.size[d]
            for lane in range(LANES):
                w.step[m][lane] = w.step[d][lane]
            m += 1
    if m == 0:
        w.size[0] = 1
        for lane in range(LANES):
            w.step[0][lane] = 0
        m = 1
    w.nd = m


cdef bint advance(Walk *w, int used) noexcept:
    """Go on to the next inner run; False after the last."""
    cdef int d, lane
    for d in range(w.nd - 2, -1, -1):
        w.at[d] += 1
        if w.at[d] < w.size[d]:
            for lane in range(LANES):
                if used >> lane & 1:
                    w.p[lane] += w.step[d][lane]
            return True
        for lane in range(LANES):
            if used >> lane & 1:
                w.p[lane] -= w.step[d][lane]*(w.size[d] - 1)
        w.at[d] = 0
    return False


cdef void gather_block(real *to, char *p, Py_ssize_t step, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] = (<real *>(p + i*step))[0]


cdef inline void feed(int lane, bint f32, char *p, Py_ssize_t step, Py_ssize_t at, Py_ssize_t n) noexcept:
    """Point a lane at elements at, at + 1, ... of a run; those that do not stand side by side are gathered."""
    cdef char *own
    if step == (4 if f32 else 8):
        lanes.point(lane, f32, p + at*step, n)
        return
    own = lanes.own + lane*BLOCK*8
    if step != 0 or at == 0:
        if f32:
            gather_block(<float *>own, p + at*step, step, n)
        else:
            gather_block(<double *>own, p + at*step, step, n)
    lanes.point(lane, f32, own, n)


# ---- primals -------------------------------------------------------------------------------------

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
    if op == OP_POWC:  # its exponent is one number
        c = (<float *>p[1])[0] if f32 else (<double *>p[1])[0]
        if c == 2 or c == 1 or c == -1:
            to[1], steps[1] = to[2], steps[2]
            op = OP_SQUARE if c == 2 else OP_RECIPROCAL if c == -1 else OP_POS
        else:
            op = OP_POW
            steps[1] = 0
    if op == OP_POS:
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
            feed(k, f32, to[k], steps[k], at, m)
        lanes.point(OUT, f32, to[arity] + at*steps[arity], m)
        if f32:
            forward_lanes_f(lanes, op, m)
        else:
            forward_lanes(lanes, op, m)
        at += m


cdef enum:
    OP_POS = OP_COUNT + 1  # a copy: x**1


cdef inline void forward_block(int op, bint f32, char *x, char *y, char *out, Py_ssize_t n) noexcept:
    """One op over whole lanes, for kernels."""
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
    """An op over all elements; lane OUT is contiguous."""
    cdef int k, arity = OP_ARITY[op], used = 1 << OUT
    cdef char *p[4]
    cdef Py_ssize_t[4] step
    if w.empty:
        return
    for k in range(arity):
        used |= 1 << k
    fold(w, used)
    while True:
        for k in range(arity):
            p[k], step[k] = w.p[k], w.step[w.nd - 1][k]
        p[arity], step[arity] = w.p[OUT], w.step[w.nd - 1][OUT]
        forward_run(op, f32, p, step, w.size[w.nd - 1])
        if not advance(w, used):
            return


# ---- adjoints ------------------------------------------------------------------------------------

cdef void back_walk(int op, int k, bint f32, Walk *w, bint clear) noexcept:
    """acc += g*partial over all elements: the one place where a broadcast adjoint is summed up again.

    clear: acc holds nothing yet; each block is zeroed right before its use, unless several runs meet in one
    element (then the caller has zeroed it).
    """
    cdef int lane, used = 1 << G | 1 << ACC | LANES_READ[op][k] & 7 | (LANES_READ[op][k] >> 3 & 1) << OUT
    cdef Py_ssize_t n, at, m, i, width = 4 if f32 else 8, step
    cdef double total
    cdef char *own = lanes.own + ACC*BLOCK*8
    if w.empty:
        return
    fold(w, used)
    n = w.size[w.nd - 1]
    step = w.step[w.nd - 1][ACC]
    if clear and step != width:  # one element
        memset(w.p[ACC], 0, width)
    while True:
        at = 0
        total = 0
        while at < n:
            m = min(<Py_ssize_t>BLOCK, n - at)
            for lane in range(ACC):
                if used >> lane & 1:
                    feed(lane, f32, w.p[lane], w.step[w.nd - 1][lane], at, m)
            if step == width:
                lanes.point(ACC, f32, w.p[ACC] + at*step, m)
                if clear:
                    memset(w.p[ACC] + at*step, 0, m*width)
            else:
                lanes.point(ACC, f32, own, m)
                memset(own, 0, m*width)
            if f32:
                back_lanes_f(lanes, op, k, m)
            else:
                back_lanes(lanes, op, k, m)
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


cdef void spread(real *x, char *to, Py_ssize_t step, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        (<real *>(to + i*step))[0] += x[i]


def _find_loops():
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


# ---- arrays --------------------------------------------------------------------------------------

cdef extern from "core/tape/pool.h":
    object cgrad_pool_capsule()
    int CGRAD_POOL_FROM

cdef extern from "numpy/arrayobject.h":
    object PyDataMem_SetHandler(object)

cdef object pool = cgrad_pool_capsule()


cdef inline object new_array(int nd, cnp.npy_intp *dims, bint f32):
    if elements(nd, dims) >= CGRAD_POOL_FROM >> 3:
        return pooled(nd, dims, f32, False)
    return cnp.PyArray_EMPTY(nd, dims, cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, 0)


cdef inline object new_zeros(int nd, cnp.npy_intp *dims, bint f32):
    if elements(nd, dims) >= CGRAD_POOL_FROM >> 3:
        return pooled(nd, dims, f32, True)
    return cnp.PyArray_ZEROS(nd, dims, cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, 0)


cdef inline Py_ssize_t elements(int nd, const cnp.npy_intp *dims) noexcept:
    cdef Py_ssize_t n = 1
    cdef int d
    for d in range(nd):
        n *= dims[d]
    return n


cdef object pooled(int nd, cnp.npy_intp *dims, bint f32, bint zeros):
    """A large array, in memory that has been touched before if there is some (core/tape/pool.h)."""
    before = PyDataMem_SetHandler(pool)
    try:
        if zeros:
            return cnp.PyArray_ZEROS(nd, dims, cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, 0)
        return cnp.PyArray_EMPTY(nd, dims, cnp.NPY_FLOAT if f32 else cnp.NPY_DOUBLE, 0)
    finally:
        PyDataMem_SetHandler(before)


cdef inline bint single(object array) noexcept:
    return cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.NPY_FLOAT


cdef inline bint same_shape(object x, object y) noexcept:
    cdef int d, nd = cnp.PyArray_NDIM(<cnp.ndarray>x)
    if cnp.PyArray_NDIM(<cnp.ndarray>y) != nd:
        return False
    for d in range(nd):
        if cnp.PyArray_DIMS(<cnp.ndarray>x)[d] != cnp.PyArray_DIMS(<cnp.ndarray>y)[d]:
            return False
    return True


# ---- the table -----------------------------------------------------------------------------------

cdef int payload_room(Tape t) except -1:
    """Have room for one more entry."""
    cdef Py_ssize_t wanted = 2*t.payload_room + 32
    cdef void *more
    if t.payloads == t.payload_room:
        more = realloc(t.payload, wanted*sizeof(Payload))
        if more == NULL:
            raise errors.no_memory(wanted, wanted*sizeof(Payload))
        t.payload = <Payload *>more
        t.payload_room = wanted
    return 0


cdef Payload *enter(Tape t, Py_ssize_t i, object value, object rule, object saved) noexcept:
    """The payload of node i, the newest; there is room. None: nothing."""
    cdef Payload *p = &t.payload[t.payloads]
    t.payloads += 1
    p.node = <int32_t>i
    p.value = p.adjoint = p.grad = p.rule = p.saved = p.leaf = p.hooks = NULL
    if value is not None:
        p.value = <PyObject *>value
        Py_INCREF(value)
        t.bytes += cnp.PyArray_NBYTES(<cnp.ndarray>value)
    if rule is not None:
        p.rule = <PyObject *>rule
        Py_INCREF(rule)
    if saved is not None:
        p.saved = <PyObject *>saved
        Py_INCREF(saved)
    return p


cdef Py_ssize_t first_payload(Tape t, Py_ssize_t i) noexcept:
    """The first entry that is at node i or above."""
    cdef Py_ssize_t lo = 0, hi = t.payloads, mid
    while lo < hi:
        mid = (lo + hi)//2
        if t.payload[mid].node < i:
            lo = mid + 1
        else:
            hi = mid
    return lo


cdef inline Payload *payload_at(Tape t, Py_ssize_t i) noexcept:
    """Node i's entry; NULL: it is a plain scalar's."""
    if not t.op[i] & SPECIAL:
        return NULL
    return &t.payload[first_payload(t, i)]


cdef inline bint is_array(Tape t, Py_ssize_t i) noexcept:
    """Whether node i's result is an array."""
    return t.op[i] & SPECIAL and t.payload[first_payload(t, i)].value != NULL


cdef void bury_payload(Graveyard *g, Tape t, Payload *p) noexcept:
    """Give up an entry: its objects die later, when the columns are consistent again."""
    if p.leaf != NULL and (<Handle>p.leaf).home == <PyObject *>t and (<Handle>p.leaf).index == p.node:
        (<Handle>p.leaf).home = NULL
    if p.value != NULL:
        t.bytes -= cnp.PyArray_NBYTES(<cnp.ndarray>p.value)
    if p.grad != NULL:
        t.bytes -= cnp.PyArray_NBYTES(<cnp.ndarray>p.grad)
    put_away(g, p.value)
    put_away(g, p.adjoint)
    put_away(g, p.grad)
    put_away(g, p.rule)
    put_away(g, p.saved)
    put_away(g, p.leaf)
    put_away(g, p.hooks)


cdef void bury_payloads(Tape t, Py_ssize_t lo, Graveyard *g) noexcept:
    """Give up the entries at node lo and above."""
    while t.payloads and t.payload[t.payloads - 1].node >= lo:
        t.payloads -= 1
        bury_payload(g, t, &t.payload[t.payloads])


cdef void slide_payloads(Tape t, Py_ssize_t lo, Graveyard *g) noexcept:
    """Move the table along, while a collection runs."""
    cdef Py_ssize_t first = first_payload(t, lo), kept = first, k, to
    cdef Payload *p
    for k in range(first, t.payloads):
        p = &t.payload[k]
        to = moved(t, p.node)
        if to < 0:
            bury_payload(g, t, p)
            continue
        if p.leaf != NULL and (<Handle>p.leaf).home == <PyObject *>t and (<Handle>p.leaf).index == p.node:
            (<Handle>p.leaf).index = <int32_t>to
        t.payload[kept] = p[0]
        t.payload[kept].node = <int32_t>to
        kept += 1
    t.payloads = kept


cdef int look_at_bytes(Tape t) except -1:
    """Collect where garbage may hold much memory in arrays."""
    if t.bytes > t.bytes_at:
        if t.dead and not (t.busy or t.running or t.sweeping):
            collect(t, True)
        t.bytes_at = max(2*t.bytes, <Py_ssize_t>ARRAYS_AT_ONCE)
    return 0
