# core/program/graph.pxi: the graph of a program: every number is assigned once, operands stand below their users.
#
#   node   op      a   b   c
#    0     INPUT   0                     the first nodes are the inputs, in order
#    1     INPUT   1
#    2     CONST   0                     a: its place among the constants
#    3     MUL     0   1                 rows of the op table, with as many operands as they have
#    4     ADD     3   2
#
# The tape of a recording becomes a graph, node by node (core/program/from_trace.pxi). Derivatives are graphs made of
# graphs (core/program/autodiff.pxi): they see the operations as they were recorded, so that their sums are added up in
# a sweep's order.

cdef enum:
    KNOWN_BITS = 16      # entries of the table of known nodes: 2^16 of 8 bytes
    CONSTANT_BITS = 8    # of that of constants
    RULES = 96           # nodes that the rules of one node may emit

GRAPH_OPS = tuple(["input" if k == OP_INPUT else "const" if k == OP_CONST else OP_NAMES[k] for k in range(OP_COUNT)])

cdef struct Step:        # one node
    int32_t op
    int32_t a
    int32_t b
    int32_t c

cdef struct Known:       # one bucket: what was placed there last
    uint32_t tag         # bits of the hash
    int32_t node


cdef class Graph:
    """The operations of a program, as ``columns()`` gives them; made by recording, or from another graph."""
    cdef Step *node
    cdef double *number
    cdef Known *known                      # while it is made by optimising, else NULL
    cdef int32_t[1 << CONSTANT_BITS] constants  # bucket -> the constant placed there last
    cdef Py_ssize_t n, room, numbers, number_room
    cdef readonly Py_ssize_t inputs

    def __dealloc__(self):
        free(self.node)
        free(self.number)
        free(self.known)

    def __len__(self):
        return self.n

    def columns(self):
        """The nodes: {"op", "a", "b", "c": arrays, "consts": the constants, "n_inputs": an int}.

        op[i] is a place in GRAPH_OPS; a, b, c are nodes below i, -1 where there is none; of an input its
        number, of a constant its place in consts stands in a.
        """
        cdef cnp.ndarray steps = np.empty((self.n, 4), np.int32), numbers = np.empty(self.numbers)
        memcpy(cnp.PyArray_DATA(steps), self.node, self.n*sizeof(Step))
        memcpy(cnp.PyArray_DATA(numbers), self.number, self.numbers*sizeof(double))
        columns = {name: np.ascontiguousarray(steps[:, k]) for k, name in enumerate(("op", "a", "b", "c"))}
        return {**columns, "op": columns["op"].astype(np.uint8), "consts": numbers, "n_inputs": self.inputs}

    @staticmethod
    def of(columns):
        """The graph of such columns. Each index is looked at: raises ValueError where one leads nowhere."""
        return graph_of_columns(columns)


cdef Graph new_graph(Py_ssize_t inputs):
    cdef Graph g = Graph.__new__(Graph)
    cdef Py_ssize_t k
    enlarge(g, inputs + 256)
    for k in range(inputs):
        g.node[k].op, g.node[k].a = OP_INPUT, <int32_t>k
        g.node[k].b = g.node[k].c = -1
    g.n = g.inputs = inputs
    return g


cdef Graph copy_of(Graph g, Py_ssize_t inputs, Py_ssize_t more):
    """A graph that begins like g and has further inputs.

    These stand right behind g's own: all other nodes move up.
    """
    cdef Graph h = Graph.__new__(Graph)
    cdef Py_ssize_t k
    cdef Step *s
    enlarge(h, g.n + inputs + more)
    if h.number_room < g.numbers + 64:
        enlarge_numbers(h, g.numbers + 64)
    memcpy(h.number, g.number, g.numbers*sizeof(double))
    h.numbers = g.numbers
    memcpy(h.node, g.node, g.inputs*sizeof(Step))
    for k in range(inputs):
        s = &h.node[g.inputs + k]
        s.op, s.a = OP_INPUT, <int32_t>(g.inputs + k)
        s.b = s.c = -1
    memcpy(&h.node[g.inputs + inputs], &g.node[g.inputs], (g.n - g.inputs)*sizeof(Step))
    h.n, h.inputs = g.n + inputs, g.inputs + inputs
    if inputs:
        for k in range(h.inputs, h.n):
            s = &h.node[k]
            if s.op != OP_CONST:
                s.a = raised(s.a, g.inputs, inputs)
                s.b = raised(s.b, g.inputs, inputs)
                s.c = raised(s.c, g.inputs, inputs)
    return h


cdef inline int32_t raised(int32_t i, Py_ssize_t inputs, Py_ssize_t by) noexcept nogil:
    """Where copy_of has moved node i."""
    return i if i < inputs else <int32_t>(i + by)


cdef int enlarge(Graph g, Py_ssize_t room) except -1:
    """Have room for so many nodes, and for constants."""
    cdef void *more
    if room > MOST_NODES:
        raise errors.too_many_nodes(MOST_NODES)
    if room > g.room:
        room = min(max(room, 2*g.room), MOST_NODES)
        more = realloc(g.node, room*sizeof(Step))
        if more == NULL:
            raise errors.no_memory(room, room*sizeof(Step))
        g.node = <Step *>more
        g.room = room
    if g.numbers + RULES > g.number_room:
        enlarge_numbers(g, g.numbers + RULES)
    return 0


cdef int enlarge_numbers(Graph g, Py_ssize_t room) except -1:
    cdef void *more
    room = max(room, 2*g.number_room)
    more = realloc(g.number, room*sizeof(double))
    if more == NULL:
        raise errors.no_memory(room, room*sizeof(double))
    g.number = <double *>more
    g.number_room = room
    return 0


cdef inline int make_space(Graph g) except -1:
    """Have room for what the rules of one node may emit."""
    if g.n + RULES > g.room or g.numbers + RULES > g.number_room:
        enlarge(g, g.n + RULES)
    return 0


# ---- nodes, or ones that have the same value ------------------------------------------------------
# The caller has made room. Nothing here can fail, or needs the GIL. emit1 .. emit3, which add an operation, are
# generated from the rules of _rewrites.py (_gen/rewrites_graph.pxi).

cdef inline bint is_const(Graph g, int32_t i) noexcept nogil:
    return g.node[i].op == OP_CONST


cdef inline double const_of(Graph g, int32_t i) noexcept nogil:
    return g.number[g.node[i].a]


cdef inline bint is_number(Graph g, int32_t i, double x) noexcept nogil:
    """i is the constant x (zeros of either sign)."""
    return g.node[i].op == OP_CONST and g.number[g.node[i].a] == x


cdef inline uint64_t mixed(uint64_t h) noexcept nogil:
    h ^= h >> 32
    h *= <uint64_t>0x9E3779B97F4A7C15
    return h ^ (h >> 29)


cdef int32_t append_step(Graph g, int op, int32_t a, int32_t b, int32_t c) noexcept nogil:
    cdef Step *s = &g.node[g.n]
    s.op, s.a, s.b, s.c = op, a, b, c
    g.n += 1
    return <int32_t>(g.n - 1)


cdef int32_t add_number(Graph g, double x) noexcept nogil:
    """The node of a constant."""
    cdef uint64_t bits
    cdef int32_t *k
    memcpy(&bits, &x, 8)
    k = &g.constants[mixed(bits) >> (64 - CONSTANT_BITS)]
    if k[0] < g.n and g.node[k[0]].op == OP_CONST and memcmp(&g.number[g.node[k[0]].a], &x, 8) == 0:
        return k[0]
    k[0] = <int32_t>g.n
    g.number[g.numbers] = x
    g.numbers += 1
    return append_step(g, OP_CONST, <int32_t>(g.numbers - 1), -1, -1)


cdef inline int32_t placed(Graph g, int op, int32_t a, int32_t b, int32_t c) noexcept nogil:
    """A node as it is, unless it stands there already."""
    cdef uint64_t h
    cdef Known *k
    cdef Step *s
    if g.known != NULL:
        h = mixed((<uint64_t><uint32_t>a << 32 | <uint32_t>b)*<uint64_t>0xD6E8FEB86659FD93
                  + (<uint64_t><uint32_t>c << 8 | <uint64_t>op))
        k = &g.known[h >> (64 - KNOWN_BITS)]
        if k.tag == <uint32_t>h and k.node < g.n:
            s = &g.node[k.node]
            if s.op == op and s.a == a and s.b == b and s.c == c:
                return k.node
        k.tag, k.node = <uint32_t>h, <int32_t>g.n
    return append_step(g, op, a, b, c)


cdef int32_t computed(Graph g, int op, int32_t a, int32_t b, int32_t c) noexcept nogil:
    """An op of constants."""
    cdef double[3] x, d
    x[0] = const_of(g, a)
    x[1] = const_of(g, b) if b >= 0 else 0
    x[2] = const_of(g, c) if c >= 0 else 0
    return add_number(g, evaluate(op, x, d))


# ---- graphs from outside ---------------------------------------------------------------------------

cdef object whole_numbers(object given, object kind):
    """A row of whole numbers as this kind of integer."""
    given = np.asarray(given)
    if not given.size:
        return np.zeros(given.shape, kind)
    if given.dtype.kind not in "iu":
        raise errors.bad_graph(f"{given.dtype} in place of whole numbers")
    found = np.ascontiguousarray(given, kind)
    if (found != given).any():
        raise errors.bad_graph("a number out of range")
    return found


cdef Graph graph_of_columns(object columns):
    cdef Graph g
    cdef Py_ssize_t i, n, k, count
    cdef int32_t[::1] a, b, c
    cdef uint8_t[::1] op
    cdef double[::1] numbers
    cdef Step *s
    cdef int arity
    try:
        op = whole_numbers(columns["op"], np.uint8)
        a, b, c = (whole_numbers(columns[name], np.int32) for name in "abc")
        numbers = np.ascontiguousarray(columns["consts"], np.float64)
        count = operator.index(columns["n_inputs"])
    except errors.ProgramError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
        raise errors.bad_graph(f"no columns of a graph ({error})") from None
    n = op.shape[0]
    if a.shape[0] != n or b.shape[0] != n or c.shape[0] != n or not 0 <= count <= n:
        raise errors.bad_graph("columns of different lengths")
    g = new_graph(0)
    enlarge(g, n + 1)
    enlarge_numbers(g, numbers.shape[0] + RULES)
    for k in range(numbers.shape[0]):
        g.number[k] = numbers[k]
    g.numbers = numbers.shape[0]
    for i in range(n):
        s = &g.node[i]
        s.op, s.a, s.b, s.c = op[i], a[i], b[i], c[i]
        if op[i] == OP_INPUT:
            if i >= count or s.a != i or s.b != -1 or s.c != -1:
                raise errors.bad_graph(f"node {i} is an input that stands in no place of one")
            continue
        if i < count:
            raise errors.bad_graph(f"node {i} should be an input")
        if op[i] == OP_CONST:
            if not 0 <= s.a < numbers.shape[0] or s.b != -1 or s.c != -1:
                raise errors.bad_graph(f"node {i} asks for constant {s.a} of {numbers.shape[0]}")
            continue
        if op[i] < OP_FIRST or op[i] >= OP_COUNT:
            raise errors.bad_graph(f"node {i} has the unknown operation {op[i]}")
        arity = OP_ARITY[op[i]]
        if not 0 <= s.a < i or (not 0 <= s.b < i if arity > 1 else s.b != -1) \
                or (not 0 <= s.c < i if arity > 2 else s.c != -1):
            raise errors.bad_graph(f"node {i} ({OP_NAMES[op[i]]}) has operands {s.a}, {s.b}, {s.c}")
    g.n, g.inputs = n, count
    return g
