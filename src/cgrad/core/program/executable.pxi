# core/program/executable.pxi: a graph made ready to run: optimised, and encoded for one point and for lanes.
#
#   Graph --optimised--> Executable.graph --encode---> one      bytecode for the interpreter
#                                         --encode---> many     bytecode for lanes, when it is first asked for
#                                         --backend--> native   machine code instead of ``one``, if a backend made it
#
# core/program/encode.pxi writes bytecode, core/program/run.pxi runs it.

ctypedef int32_t (*native_function)(const double *, double *, double *) noexcept nogil


cdef class Executable:
    """A graph, ready to run: Executable(graph, outputs, guards), guards pairs (node, expected).

    ``graph``, ``outputs`` and ``guards`` are those of the optimised graph; a guard is then a row (node, expected,
    number), where the number counts, from 1, the guards that were given.
    """
    cdef readonly Graph graph
    cdef readonly object outputs, guards
    cdef Bytecode one, many
    cdef readonly Py_ssize_t constants, inputs, results
    cdef list idle                          # workspaces that no run uses
    cdef readonly object machine            # what keeps native code alive, or None
    cdef native_function native             # NULL: none
    cdef Py_ssize_t native_work             # doubles of working memory that it needs
    cdef int32_t *guard_numbers             # guard of the optimised graph -> its number
    cdef readonly Py_ssize_t runs           # so far, to know what is worth compiling
    cdef readonly Py_ssize_t fast_runs      # of these, by way of core/program/fastcall.pxi
    cdef public Py_ssize_t ask_at           # after so many runs the general path is taken, to compile; -1: never

    def __cinit__(self, Graph graph, outputs, guards=()):
        self.idle = []
        self.ask_at = -1
        outputs = nodes_below(outputs, graph.n, "outputs")
        guards = checked_guards(graph, guards)
        roots = np.concatenate([outputs, guards[:, 0]])
        self.graph = optimised(graph, roots)
        self.inputs, self.results = self.graph.inputs, len(outputs)
        self.outputs = roots[:self.results]
        self.guards = kept_guards(self.graph, roots[self.results:], guards[:, 1])
        encode(self.graph, self.outputs, self.guards, &self.one, False)
        self.constants = self.graph.numbers

    def __dealloc__(self):
        free_bytecode(&self.one)
        free_bytecode(&self.many)
        free(self.guard_numbers)

    @property
    def size(self):
        """Words of its bytecode."""
        return self.one.size

    @property
    def slots(self):
        """Numbers that it holds at a time, constants and inputs among them."""
        return self.one.slots

    @property
    def instructions(self):
        """Instructions of its bytecode, END not counted."""
        return self.one.instructions

    def listing(self, bint lanes=False):
        """The bytecode, one tuple per instruction: its name in core/program/bytecode.def, then its words as they are.

        lanes: the bytecode for lanes instead of that for one point.
        """
        cdef Bytecode *b = bytecode_for(self, lanes)
        cdef Py_ssize_t at = 0, k, n
        cdef list lines = []
        while at < b.size:
            n = cgrad_length_of(&b.words[at])
            name = (<bytes>cgrad_instructions[b.words[at]].name).decode()
            lines.append((name, *[b.words[k] for k in range(at + 1, at + n)]))
            at += n
        return lines

    def histogram(self):
        """How often each instruction occurs: {name: count}."""
        cdef dict counts = {}
        for name, *_ in self.listing():
            counts[name] = counts.get(name, 0) + 1
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


cdef object checked_guards(Graph graph, object given):
    """Guards as rows (node, expected), which must be comparisons of the graph and 0 or 1."""
    guards = np.asarray(given).reshape(-1, 2)
    nodes_below(guards[:, 0], graph.n, "guards")
    guards = whole_numbers(guards, np.int32)
    for k, (node, expected) in enumerate(guards.tolist()):
        if not is_comparison(graph.node[<Py_ssize_t>node].op) or not 0 <= expected <= 1:
            raise errors.bad_graph(f"guard {k + 1} is no comparison that comes out as 0 or 1")
    return guards


cdef object kept_guards(Graph graph, object nodes, object expected):
    """Rows (node, expected, number) in the order of nodes, without guards that always hold or were given before."""
    cdef int32_t node
    cdef list kept = []
    cdef set seen = set()
    for number, pair in enumerate(zip(nodes.tolist(), expected.tolist()), 1):
        node = pair[0]
        if is_const(graph, node) and const_of(graph, node) == pair[1]:
            continue  # one that never holds is kept
        if pair not in seen:
            seen.add(pair)
            kept.append((*pair, number))
    return np.array(sorted(kept, key=lambda guard: (guard[0], guard[2])), np.int32).reshape(-1, 3)


cdef Bytecode *bytecode_for(Executable e, bint lanes) except NULL:
    if lanes and e.many.words == NULL:
        encode(e.graph, e.outputs, e.guards, &e.many, True)
    return &e.many if lanes else &e.one
