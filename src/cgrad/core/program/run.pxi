# core/program/run.pxi: run an executable, at one point or over many.
#
#   Workspace    the slots of one run; an Executable keeps the idle ones, since each thread needs its own
#   Places       where the numbers of points are
#   Batch        many points, in pieces that threads take: piece k is always the same points, so that sums round alike
#                for any number of threads

cdef extern from "core/program/bytecode.h" nogil:
    enum: CGRAD_FEWEST_LANES, CGRAD_MOST_LANES
    int32_t cgrad_interpret(const int32_t *, double *)
    ctypedef void (*cgrad_lanes_function)(const int32_t *, double *, Py_ssize_t, int32_t *)
    cgrad_lanes_function cgrad_lanes_named(const char *)
    const char *cgrad_lanes_name()
    ctypedef struct cgrad_strided:
        char *first
        Py_ssize_t stride
    ctypedef struct cgrad_batch:
        cgrad_lanes_function run
        const int32_t *bytecode
        const int32_t *out
        const double *constant
        const cgrad_strided *source
        const cgrad_strided *target
        const Py_ssize_t *index
        int32_t *failed
        Py_ssize_t lanes, slots, constants, inputs, results
    void cgrad_prepare_lanes(const cgrad_batch *, double *)
    void cgrad_run_blocks(const cgrad_batch *, double *, Py_ssize_t, Py_ssize_t, double *)

cdef enum:
    LONG_RUN = 20000         # words of bytecode from which a run releases the GIL
    LANE_BYTES = 896 << 10   # what a block's slots may take: they stay in the L2 cache
    PIECE = 1 << 23          # words times points of one piece of a batch: some milliseconds


cdef class Workspace:
    """The slots of one run at a time."""
    cdef double *v
    cdef void *memory
    cdef Py_ssize_t room

    def __dealloc__(self):
        free(self.memory)

    cdef int open(self, Py_ssize_t doubles) except -1:
        self.memory = malloc(doubles*sizeof(double) + 64)
        if self.memory == NULL:
            raise errors.no_memory(doubles, doubles*sizeof(double))
        self.room = doubles
        self.v = <double *>((<uintptr_t>self.memory + 63) & ~<uintptr_t>63)
        return 0


cdef inline Workspace workspace(Executable e):
    """An idle workspace, constants in their slots; to be put back into ``e.idle``."""
    cdef Workspace w
    cdef Py_ssize_t wanted = e.one.slots + e.inputs + e.results + e.native_work
    while e.idle:
        w = <Workspace>e.idle.pop()
        if w.room >= wanted:  # it has not: it was in use while native code came, which needs more
            return w
    w = Workspace.__new__(Workspace)
    w.open(wanted)
    memcpy(w.v, e.graph.number, e.constants*sizeof(double))
    return w


cdef inline double *results_of(Executable e, Workspace w) noexcept:
    """Where ``run`` puts the results, one after the other."""
    return w.v + e.one.slots


cdef int32_t run(Executable e, Workspace w) noexcept:
    """Run at the inputs from w.v[e.constants] on. Returns 0, or the number of the guard that failed."""
    cdef double *results = results_of(e, w)
    cdef int32_t failed
    cdef Py_ssize_t k
    e.runs += 1
    if e.native != NULL:
        if e.one.size > LONG_RUN:
            with nogil:
                failed = e.native(w.v + e.constants, results, results + e.results)
        else:
            failed = e.native(w.v + e.constants, results, results + e.results)
        return e.guard_numbers[failed - 1] if failed else 0
    if e.one.size > LONG_RUN:
        with nogil:
            failed = cgrad_interpret(e.one.words, w.v)
    else:
        failed = cgrad_interpret(e.one.words, w.v)
    for k in range(e.results):
        results[k] = w.v[e.one.out[k]]
    return failed


def lanes_available():
    """The kinds of lanes that this processor can run, the best first; "exact" calls C's own functions."""
    best = (<bytes>cgrad_lanes_name()).decode()
    return tuple([best, *[name for name in ("avx512", "avx2", "basic", "exact")
                          if name != best and cgrad_lanes_named(name.encode()) != NULL]])


cdef class Places:
    """Places(addresses, strides, held): where the doubles of points are.

    Entry k of point p is at addresses[k] + p*strides[k], in bytes (int64 arrays). held: the arrays that this is memory
    of.
    """
    cdef cgrad_strided *place
    cdef readonly Py_ssize_t size
    cdef object held

    def __cinit__(self, addresses, strides, held):
        cdef cnp.int64_t[::1] first = addresses, stride = strides
        cdef Py_ssize_t k
        if stride.shape[0] != first.shape[0]:
            raise errors.lengths("batch", stride.shape[0], first.shape[0])
        open_places(self, first.shape[0], held)
        for k in range(self.size):
            self.place[k].first, self.place[k].stride = <char *><uintptr_t>first[k], stride[k]

    def __dealloc__(self):
        free(self.place)

    @staticmethod
    def same(double[::1] numbers):
        """Numbers that are the same for all points."""
        cdef Places p = Places.__new__(Places, NO_PLACES, NO_PLACES, None)
        cdef Py_ssize_t k
        free(p.place)
        open_places(p, numbers.shape[0], numbers)
        for k in range(p.size):
            p.place[k].first, p.place[k].stride = <char *>&numbers[k], 0
        return p


cdef object NO_PLACES = np.zeros(0, np.int64)


cdef int open_places(Places p, Py_ssize_t n, object held) except -1:
    p.size, p.held = n, held
    p.place = <cgrad_strided *>malloc((n + 1)*sizeof(cgrad_strided))
    if p.place == NULL:
        raise MemoryError("map: no memory for addresses")
    return 0


cdef class Batch:
    """Many points of a program: Batch(executable, points, sources, targets, kind="", index=None, start=0).

    sources: a tuple of Places, the inputs in order; targets: Places of the results, or None where they are added up.
    index: the points to run (int64), None: all from ``start`` on. kind: of ``lanes_available()``. ``failed``: for each
    point that was run 0, or the guard at which it left the path.
    """
    cdef readonly Executable executable
    cdef readonly Py_ssize_t points, piece, pieces
    cdef readonly object failed
    cdef bint summing
    cdef cgrad_batch b
    cdef cgrad_strided *source
    cdef cgrad_strided *target
    cdef object held, index
    cdef Py_ssize_t start
    cdef list idle

    def __cinit__(self, Executable executable, Py_ssize_t points, tuple sources, Places targets, str kind="",
                  index=None, Py_ssize_t start=0):
        cdef Py_ssize_t lanes = CGRAD_MOST_LANES
        cdef bytes name = kind.encode() if kind else <bytes>cgrad_lanes_name()
        cdef Bytecode *code = bytecode_for(executable, True)
        self.executable, self.points, self.idle = executable, points, []
        self.summing = targets is None
        self.held, self.index, self.start = (sources, targets), index, start
        self.source = places_from(sources, start, executable.inputs)
        if targets is not None:
            self.target = places_from((targets,), start, executable.results)
        self.failed = np.zeros(points, np.int32)
        while lanes > CGRAD_FEWEST_LANES \
                and ((code.slots + executable.results)*lanes*<Py_ssize_t>sizeof(double) > LANE_BYTES
                     or points <= lanes//2):
            lanes //= 2
        self.b.run = cgrad_lanes_named(name)
        if self.b.run == NULL:
            raise ValueError(f"lanes: {kind!r} is not for this processor: there are {', '.join(lanes_available())}")
        self.b.bytecode, self.b.out, self.b.constant = code.words, code.out, executable.graph.number
        self.b.source, self.b.target = self.source, self.target
        self.b.index = NULL if index is None else <Py_ssize_t *>cnp.PyArray_DATA(<cnp.ndarray>index)
        self.b.failed = <int32_t *>cnp.PyArray_DATA(<cnp.ndarray>self.failed)
        self.b.lanes, self.b.slots, self.b.constants = lanes, code.slots, executable.constants
        self.b.inputs, self.b.results = executable.inputs, executable.results
        self.piece = lanes*max(PIECE//(lanes*code.size), 1)
        self.pieces = (points + self.piece - 1)//self.piece

    def __dealloc__(self):
        free(self.source)
        free(self.target)

    def run(self, Py_ssize_t k):
        """Run piece k, without the GIL, and return its sums, an array, or None. Any thread may run any piece."""
        cdef Py_ssize_t start = k*self.piece, stop = min(start + self.piece, self.points)
        cdef object sums = np.zeros(self.executable.results) if self.summing else None
        cdef double *to = <double *>cnp.PyArray_DATA(<cnp.ndarray>sums) if self.summing else NULL
        cdef Workspace w
        if self.idle:
            w = <Workspace>self.idle.pop()
        else:
            w = spare_workspace((self.b.slots + self.b.results)*self.b.lanes)
            cgrad_prepare_lanes(&self.b, w.v)
        with nogil:
            cgrad_run_blocks(&self.b, w.v, start, stop, to)
        self.idle.append(w)
        return sums

    def close(self):
        """Leave the memory that it worked in to the next batch."""
        while self.idle and len(spare) < MOST_SPARE:
            spare.append(self.idle.pop())

    def left(self):
        """The points that left the path, in ascending order for each guard: [(points, guard)], guards ascending."""
        cdef const int32_t *failed = self.b.failed
        cdef Py_ssize_t k, m = 0, n = 0, guard
        cdef cnp.int64_t[::1] keys
        cdef cnp.int64_t[::1] points
        cdef list groups = []
        for k in range(self.points):
            m += failed[k] != 0
        if m == 0:
            return groups
        order = np.empty(m, np.int64)
        keys = order
        for k in range(self.points):
            if failed[k] != 0:
                keys[n] = (<cnp.int64_t>failed[k] << 32) | k
                n += 1
        order.sort()
        k = 0
        while k < m:
            guard, n = keys[k] >> 32, k
            while n < m and keys[n] >> 32 == guard:
                n += 1
            group = np.empty(n - k, np.int64)
            points = group
            for n in range(points.shape[0]):
                points[n] = keys[k + n] & 0xffffffff
                points[n] = self.b.index[points[n]] if self.b.index != NULL else points[n] + self.start
            groups.append((group, guard))
            k += points.shape[0]
        return groups


cdef enum:
    MOST_SPARE = 8   # workspaces of batches that are kept

cdef list spare = []


cdef Workspace spare_workspace(Py_ssize_t doubles):
    """Memory for a block of points: that of an earlier batch, if it is large enough."""
    cdef Workspace w
    if spare:
        w = <Workspace>spare.pop()
        if w.room >= doubles:
            return w
    w = Workspace.__new__(Workspace)
    w.open(max(doubles, <Py_ssize_t>(LANE_BYTES//sizeof(double))))
    return w


cdef cgrad_strided *places_from(tuple parts, Py_ssize_t start, Py_ssize_t n) except NULL:
    """All places of some parts, for C, where point ``start`` is the first."""
    cdef cgrad_strided *found
    cdef Py_ssize_t k, m = 0
    cdef Places p
    for p in parts:
        m += p.size
    if m != n:
        raise errors.lengths("batch", m, n)
    found = <cgrad_strided *>malloc((n + 1)*sizeof(cgrad_strided))
    if found == NULL:
        raise MemoryError("map: no memory for addresses")
    m = 0
    for p in parts:
        for k in range(p.size):
            found[m].first, found[m].stride = p.place[k].first + start*p.place[k].stride, p.place[k].stride
            m += 1
    return found


def replay(Executable executable, inputs, double[::1] results):
    """Run at one point, a float64 vector. Returns 0, or the number of the guard that failed."""
    cdef Workspace w
    cdef const double[::1] numbers = inputs
    cdef Py_ssize_t k
    cdef int32_t failed
    if numbers.shape[0] != executable.inputs or results.shape[0] != executable.results:
        raise errors.lengths("replay", numbers.shape[0], executable.inputs)
    w = workspace(executable)
    for k in range(executable.inputs):
        w.v[executable.constants + k] = numbers[k]
    failed = run(executable, w)
    for k in range(executable.results):
        results[k] = results_of(executable, w)[k]
    executable.idle.append(w)
    return failed
