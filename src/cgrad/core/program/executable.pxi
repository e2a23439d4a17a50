# core/program/executable.pxi: a program's code: its optimised graph, and the instructions for a point and for lanes.
#
# The passes that make the instructions are in core/program/encode.pxi; core/program/run.pxi runs them.

cdef struct Encoding:
    int32_t *words
    int32_t *out             # result -> slot
    Py_ssize_t size          # words
    Py_ssize_t slots
    Py_ssize_t instructions


cdef void free_encoding(Encoding *e) noexcept:
    free(e.words)
    free(e.out)
    e.words = e.out = NULL


cdef class Executable:
    """A graph, ready to run: Executable(graph, outputs, guards), guards pairs (node, expected).

    The graph is optimised first. ``graph``, ``outputs`` and ``guards`` are then those of the optimised one;
    guards holds rows (node, expected, number from 1: the guard's place in what was given).
    """
    cdef readonly Graph graph
    cdef readonly object outputs, guards
    cdef Encoding one, many                 # for one point, and for lanes (made when it is asked for)
    cdef readonly Py_ssize_t constants, inputs, results
    cdef list idle                          # workspaces
    cdef readonly object machine            # what keeps native code alive, or None
    cdef native_function native             # NULL: none
    cdef Py_ssize_t native_work
    cdef int32_t *guard_numbers             # guard of the optimised graph -> its number
    cdef readonly Py_ssize_t runs           # so far, for what is worth compiling
    cdef readonly Py_ssize_t fast_runs     # of those, by way of core/program/fastcall.pxi
    cdef public Py_ssize_t ask_at           # runs after which somebody wants to be asked; -1: nobody

    def __cinit__(self, Graph graph, outputs, guards=()):
        cdef int32_t[::1] roots
        cdef Py_ssize_t k, m
        self.idle = []
        self.ask_at = -1
        outputs = nodes_below(outputs, graph.n, "outputs")
        guards = np.asarray(guards).reshape(-1, 2)
        joint = np.concatenate([outputs, nodes_below(guards[:, 0], graph.n, "guards")])
        guards = whole_numbers(guards, np.int32)
        m = outputs.shape[0]
        roots = joint
        for k in range(guards.shape[0]):
            if not comparison_op(graph.node[roots[m + k]].op) or not 0 <= guards[k, 1] <= 1:
                raise errors.bad_graph(f"guard {k + 1} is no comparison that comes out as 0 or 1")
        self.graph = optimised(graph, roots)
        self.outputs = joint[:m]
        kept, seen = [], set()
        for k in range(guards.shape[0]):
            node = roots[m + k]
            if self.graph.node[node].op == OP_CONST and const_of(self.graph, node) == guards[k, 1]:
                continue  # it always holds; one that never does is kept
            if (node, guards[k, 1]) not in seen:
                seen.add((node, guards[k, 1]))
                kept.append((node, guards[k, 1], k + 1))
        self.guards = np.array(sorted(kept, key=lambda guard: (guard[0], guard[2])), np.int32).reshape(-1, 3)
        self.inputs, self.results = self.graph.inputs, m
        encode(self, &self.one, False)

    def __dealloc__(self):
        free_encoding(&self.one)
        free_encoding(&self.many)
        free(self.guard_numbers)

    @property
    def size(self):
        """Words of its instructions."""
        return self.one.size

    @property
    def slots(self):
        """Numbers that it holds at a time, constants and inputs among them."""
        return self.one.slots

    @property
    def instructions(self):
        return self.one.instructions

    def histogram(self):
        """How often each instruction stands in the code: {instruction: count}; rows by their opcode."""
        cdef Py_ssize_t at = 0
        cdef int32_t *words = self.one.words
        cdef dict counts = {}
        while words[at] != BC_END:
            counts[words[at]] = counts.get(words[at], 0) + 1
            at += cgrad_length_of(&words[at])
        return counts

    def use_native(self, machine, uintptr_t address, Py_ssize_t work):
        """Run machine code from now on: int32 address(inputs, results, work), which ``machine`` keeps alive."""
        cdef Py_ssize_t k
        cdef int32_t *numbers = <int32_t *>malloc((len(self.guards) + 1)*sizeof(int32_t))
        if numbers == NULL:
            raise MemoryError("native: no memory for guards")
        for k in range(len(self.guards)):
            numbers[k] = self.guards[k, 2]
        free(self.guard_numbers)
        self.guard_numbers = numbers
        self.idle = []  # they have no room for its work
        self.native_work = work
        self.machine = machine
        self.native = <native_function>address


cdef int encode(Executable code, Encoding *e, bint lanes) except -1:
    """Write the instructions of a code.

    lanes: sines and cosines of one number in one instruction, wherever they stand. At a single point only where they
    are neighbours: a cosine for a reverse sweep costs nearly nothing there, in the shadow of the sweep's chain.
    """
    cdef Graph g = code.graph
    cdef int32_t[:, ::1] guards = code.guards
    cdef int32_t[::1] outputs = code.outputs
    cdef Py_ssize_t i, k, at = 0, count = guards.shape[0], n
    cdef Plan p
    cdef Words w
    cdef int32_t one, zero
    cdef int32_t *spare = NULL
    make_space(g)
    one, zero = add_number(g, 1.0), add_number(g, 0.0)
    n = g.n + 1
    w.word, w.n, w.room, w.last, w.group = NULL, 0, 0, -1, 0
    w.lanes = lanes
    p.mate = NULL
    p.uses, p.absorbed = <uint8_t *>calloc(n, 1), <uint8_t *>calloc(n, 1)
    p.until, p.slot = <int32_t *>calloc(n, sizeof(int32_t)), <int32_t *>malloc(n*sizeof(int32_t))
    spare = <int32_t *>malloc(n*sizeof(int32_t))
    try:
        if p.uses == NULL or p.absorbed == NULL or p.until == NULL or p.slot == NULL or spare == NULL:
            raise errors.no_memory(n, n*14)
        with nogil:
            for i in range(g.inputs, g.n):
                if g.node[i].op != OP_CONST:
                    use(&p, g.node[i].a)
                    use(&p, g.node[i].b)
                    use(&p, g.node[i].c)
            for k in range(outputs.shape[0]):
                p.uses[outputs[k]] = 2
            for k in range(count):
                use(&p, guards[k, 0])
            for k in range(count):
                if p.uses[guards[k, 0]] == 1 and comparison_op(g.node[guards[k, 0]].op):
                    p.absorbed[guards[k, 0]] = TEST
            absorb(g, &p)
        p.mate = mates(g, NEVER if lanes else NEAR)
        for i in range(g.inputs, g.n):
            more_words(&w, 2*TERMS + 16)
            if g.node[i].op != OP_CONST and (not p.absorbed[i] or p.absorbed[i] == PLAIN):
                write_node(g, &p, &w, i, one)
            while at < count and guards[at, 0] == i:
                write_guard(g, &p, &w, i, guards[at, 2], guards[at, 1], zero)
                at += 1
        more_words(&w, 16)
        begin_at(&w, BC_END)
        for k in range(outputs.shape[0]):
            p.until[outputs[k]] = NEVER
        with nogil:
            e.slots = settle_slots(g, &p, &w, spare)
        e.words, e.size = w.word, w.n
        w.word = NULL
        code.constants = g.numbers
        e.out = <int32_t *>malloc((code.results + 1)*sizeof(int32_t))
        if e.out == NULL:
            raise MemoryError("compile: no memory for outputs")
        for k in range(code.results):
            e.out[k] = p.slot[outputs[k]]
        e.instructions = 0
        at = 0
        while e.words[at] != BC_END:
            at += cgrad_length_of(&e.words[at])
            e.instructions += 1
    finally:
        free(w.word)
        free(p.uses)
        free(p.absorbed)
        free(p.until)
        free(p.slot)
        free(p.mate)
        free(spare)
    return 0


cdef int32_t *mates(Graph g, Py_ssize_t reach) except? NULL:
    """Node -> its mate, where there is a sine and a cosine of one number: sincos gives both; NULL: no such pair."""
    cdef Py_ssize_t i
    cdef int op, seen = 0
    cdef bint both = False
    cdef int32_t *mate
    cdef int32_t *waiting  # operand -> its sine or cosine
    for i in range(g.inputs, g.n):
        op = g.node[i].op
        if OP_MATE[op]:
            both = both or seen == OP_MATE[op]
            seen = seen or op
    if not both:
        return NULL
    mate = <int32_t *>malloc(2*(g.n + 1)*sizeof(int32_t))
    if mate == NULL:
        raise errors.no_memory(g.n, g.n*8)
    waiting = mate + g.n
    for i in range(2*g.n):
        mate[i] = -1
    for i in range(g.inputs, g.n):
        if OP_MATE[g.node[i].op]:
            if waiting[g.node[i].a] >= 0 and g.node[waiting[g.node[i].a]].op != g.node[i].op \
                    and i - waiting[g.node[i].a] <= reach:
                mate[i] = waiting[g.node[i].a]
                mate[mate[i]] = <int32_t>i
                waiting[g.node[i].a] = -1
            else:
                waiting[g.node[i].a] = <int32_t>i
    return mate
