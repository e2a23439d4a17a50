# core/program/encode.pxi: a graph as bytecode (the instructions are the rows of core/program/bytecode.def).
#
# Three passes, each once over the graph or over the words:
#
#   fuse      downwards (core/program/fuse.pxi): nodes that are computed inside another's instruction
#   write     upwards: an instruction for each node that is left, whose operands are still nodes; neighbours of the same
#             kind become a run
#   allocate  upwards: nodes become slots. A slot is free after its last use, and the slot that was freed last is used
#             again first, while it is in the cache; so a reverse sweep keeps exactly what it will read

cdef extern from "core/program/bytecode.h" nogil:
    enum: CGRAD_SINGLE, CGRAD_SUM
    ctypedef struct cgrad_instruction:
        const char *name
        uint8_t kind, head
    const cgrad_instruction *cgrad_instructions
    const int16_t *cgrad_run_form
    const int16_t *cgrad_last_form
    const int16_t *cgrad_pair_form
    const int16_t *cgrad_mate_of
    const int16_t *cgrad_where_form
    int32_t cgrad_guard_form(int32_t, int)
    ctypedef struct cgrad_format:
        int32_t head, groups, results, operands
    cgrad_format cgrad_format_of(const int32_t *)
    Py_ssize_t cgrad_length_of(const int32_t *)

cdef enum:
    NODE_WORDS = 2*TERMS + 16    # the instruction of a node and of its guards take at most so many words

cdef struct Bytecode:
    int32_t *words               # instructions, one after the other, up to END
    int32_t *out                 # result -> its slot
    Py_ssize_t size              # words
    Py_ssize_t slots
    Py_ssize_t instructions

#   words  | MULADD 9 4 0 1 | MULS 2 10 9 9 11 4 4 |                        |
#                             last                   n                      room
cdef struct BytecodeWriter:
    int32_t *words
    Py_ssize_t n, room
    Py_ssize_t last              # where the last instruction begins; -1: there is none
    int32_t group                # groups so far: each computes one node, or two
    int32_t one, zero            # the nodes of these constants
    bint lanes                   # for lanes, which have no instruction that reads what the previous one computed


# ---- words ---------------------------------------------------------------------------------------------

cdef int reserve_words(BytecodeWriter *w, Py_ssize_t need) except -1:
    cdef Py_ssize_t room
    cdef void *more
    if w.n + need > w.room:
        room = max(2*w.room, w.n + need + 1024)
        more = realloc(w.words, room*sizeof(int32_t))
        if more == NULL:
            raise errors.no_memory(room, room*sizeof(int32_t))
        w.words = <int32_t *>more
        w.room = room
    return 0


cdef inline void put(BytecodeWriter *w, int32_t x) noexcept nogil:
    w.words[w.n] = x
    w.n += 1


cdef inline void put_operand(BytecodeWriter *w, NodeUses *u, int32_t i) noexcept nogil:
    u.last_use[i] = w.group
    put(w, i)


cdef void put_factors(Graph g, NodeUses *u, BytecodeWriter *w, int32_t product) noexcept nogil:
    """The two factors of a product; if one of these is a product inside it, the two of that one first."""
    cdef int32_t x = g.node[product].a, y = g.node[product].b
    if u.role[x] != INNER and u.role[y] == INNER:
        x, y = y, x
    if u.role[x] == INNER:
        put_operand(w, u, g.node[x].a)
        put_operand(w, u, g.node[x].b)
    else:
        put_operand(w, u, x)
    put_operand(w, u, y)


cdef inline void begin(BytecodeWriter *w, int32_t opcode) noexcept nogil:
    """Begin an instruction, which is one group."""
    w.last = w.n
    w.group += 1
    put(w, opcode)


cdef void begin_or_join(BytecodeWriter *w, int32_t opcode) noexcept nogil:
    """Begin an instruction, or a further group of the previous one if that is of the same kind: it becomes a run."""
    cdef int32_t run = cgrad_run_form[opcode]
    cdef Py_ssize_t k
    if w.last >= 0 and w.words[w.last] == run:
        w.words[w.last + 1] += 1
        w.group += 1
    elif w.last >= 0 and w.words[w.last] == opcode:
        for k in range(w.n, w.last + 1, -1):
            w.words[k] = w.words[k - 1]
        w.n += 1
        w.words[w.last], w.words[w.last + 1] = run, 2
        w.group += 1
    else:
        begin(w, opcode)


cdef inline int32_t just_computed(BytecodeWriter *w) noexcept nogil:
    """The node whose value the previous instruction leaves in a register; -1: none, or not for lanes."""
    cdef const cgrad_instruction *previous
    if w.lanes or w.last < 0:
        return -1
    previous = &cgrad_instructions[w.words[w.last]]
    if previous.kind != CGRAD_SINGLE and previous.kind != CGRAD_SUM:
        return -1
    return w.words[w.last + previous.head]


# ---- sums ----------------------------------------------------------------------------------------------

cdef void write_sum(Graph g, NodeUses *u, BytecodeWriter *w, Py_ssize_t i) noexcept nogil:
    """A sum or difference with its parts."""
    cdef Sum sum
    cdef bint number, plain
    gather_sum(g, u, &sum, i, True)
    if sum.n > 1:
        write_terms(g, u, w, i, &sum)
        return
    number, plain = u.role[sum.base] != PRODUCT, u.role[sum.terms[0]] != PRODUCT
    if number and plain:
        begin_or_join(w, OP_SUB if sum.minus[0] else OP_ADD)
        put(w, <int32_t>i)
        put_operand(w, u, sum.base)
        put_operand(w, u, sum.terms[0])
    elif number:
        write_product_added(g, u, w, i, sum.base, sum.terms[0], sum.minus[0])
    elif plain:  # base - term, for in a sum the plain number would be the base
        begin(w, BC_SUBMUL)
        put(w, <int32_t>i)
        put_operand(w, u, sum.terms[0])
        put_factors(g, u, w, sum.base)
    else:
        write_two_products(g, u, w, i, sum.base, sum.terms[0], sum.minus[0])


cdef void write_product_added(Graph g, NodeUses *u, BytecodeWriter *w, Py_ssize_t i, int32_t base, int32_t product,
                              bint minus) noexcept nogil:
    """base + product, or base - product."""
    if has_inner(g, u, product):
        begin(w, BC_MUL3ADD)
    else:
        begin_or_join(w, BC_MULSUB if minus else BC_MULADD)
    put(w, <int32_t>i)
    put_operand(w, u, base)
    put_factors(g, u, w, product)


cdef void write_two_products(Graph g, NodeUses *u, BytecodeWriter *w, Py_ssize_t i, int32_t x, int32_t y,
                             bint minus) noexcept nogil:
    """x + y, or x - y. One of a sum may have three factors; it comes first."""
    cdef int32_t previous = just_computed(w)
    if has_inner(g, u, x) or has_inner(g, u, y):
        begin(w, BC_MUL3MUL)
        if has_inner(g, u, y):
            x, y = y, x
    elif minus:
        begin(w, BC_MUL2SUB)
    elif previous < 0:
        begin(w, BC_MUL2)
    else:
        write_mul2_last(g, u, w, i, x, y, previous)
        return
    put(w, <int32_t>i)
    put_factors(g, u, w, x)
    put_factors(g, u, w, y)


cdef void write_mul2_last(Graph g, NodeUses *u, BytecodeWriter *w, Py_ssize_t i, int32_t x, int32_t y,
                          int32_t previous) noexcept nogil:
    """x + y, of which the second product has a factor in the register, if one of them has."""
    cdef int32_t first, second
    if g.node[x].a == previous or g.node[x].b == previous:
        x, y = y, x
    first, second = g.node[y].a, g.node[y].b
    if second == previous:
        first, second = second, first
    begin(w, BC_MUL2_LAST if first == previous else BC_MUL2)
    put(w, <int32_t>i)
    put_factors(g, u, w, x)
    put_operand(w, u, first)
    put_operand(w, u, second)


cdef void write_terms(Graph g, NodeUses *u, BytecodeWriter *w, Py_ssize_t i, Sum *sum) noexcept nogil:
    """A sum of more than two terms, from its base on; a plain number is a product with 1."""
    cdef bint based = u.role[sum.base] != PRODUCT, signs = False
    cdef Py_ssize_t k
    for k in range(sum.n):
        signs = signs or sum.minus[k]
    if based:
        begin(w, BC_SDOT if signs else BC_DOT)
    else:
        begin(w, BC_SDOT0 if signs else BC_DOT0)
    put(w, <int32_t>(sum.n if based else sum.n + 1))
    put(w, <int32_t>i)
    if based:
        put_operand(w, u, sum.base)
    else:
        put_factors(g, u, w, sum.base)
    for k in range(sum.n - 1, -1, -1):
        if u.role[sum.terms[k]] == PRODUCT:
            put_factors(g, u, w, sum.terms[k])
        else:
            put_operand(w, u, sum.terms[k])
            put_operand(w, u, w.one)
        if sum.minus[k]:
            w.words[w.n - 2] = ~w.words[w.n - 2]


# ---- nodes and guards ------------------------------------------------------------------------------------

cdef void write_node(Graph g, NodeUses *u, BytecodeWriter *w, Py_ssize_t i) noexcept nogil:
    """The instruction of node i."""
    cdef Step *s = &g.node[i]
    if s.op == OP_ADD or s.op == OP_SUB:
        write_sum(g, u, w, i)
    elif u.mate != NULL and u.mate[i] >= 0:
        if u.mate[i] > i:  # the first of the two nodes computes both
            write_pair(g, u, w, <int32_t>i, u.mate[i])
    elif s.op == OP_WHERE and u.role[s.a] == TEST:
        begin(w, cgrad_where_form[g.node[s.a].op])
        put(w, <int32_t>i)
        put_operand(w, u, g.node[s.a].a)
        put_operand(w, u, g.node[s.a].b)
        put_operand(w, u, s.b)
        put_operand(w, u, s.c)
    elif s.op == OP_MUL and has_inner(g, u, <int32_t>i):
        begin(w, BC_MUL3)
        put(w, <int32_t>i)
        put_factors(g, u, w, <int32_t>i)
    else:
        write_op(s, u, w, <int32_t>i)


cdef void write_op(const Step *s, NodeUses *u, BytecodeWriter *w, int32_t i) noexcept nogil:
    """A row of the op table."""
    if cgrad_run_form[s.op] != BC_NONE:
        begin_or_join(w, s.op)
    elif s.b < 0 and s.a == just_computed(w):
        begin(w, cgrad_last_form[s.op])
    else:
        begin(w, s.op)
    put(w, i)
    put_operand(w, u, s.a)
    if s.b >= 0:
        put_operand(w, u, s.b)
    if s.c >= 0:
        put_operand(w, u, s.c)


cdef void write_pair(Graph g, NodeUses *u, BytecodeWriter *w, int32_t i, int32_t mate) noexcept nogil:
    """Two ops of one number, in the order of the instruction's results."""
    if cgrad_pair_form[g.node[i].op] == BC_NONE:
        i, mate = mate, i
    begin(w, cgrad_pair_form[g.node[i].op])
    put(w, i)
    put(w, mate)
    put_operand(w, u, g.node[i].a)


cdef void write_guard(Graph g, NodeUses *u, BytecodeWriter *w, int32_t i, bint expected, int32_t number) noexcept nogil:
    """Stop with this number unless node i is 1 (expected) or 0."""
    cdef Step *s = &g.node[i]
    if u.role[i] == TEST:
        begin(w, cgrad_guard_form(s.op, expected))
        put(w, number)
        put_operand(w, u, s.a)
        put_operand(w, u, s.b)
    else:
        begin(w, cgrad_guard_form(OP_NE, expected))
        put(w, number)
        put_operand(w, u, i)
        put_operand(w, u, w.zero)


cdef int write_all(Graph g, NodeUses *u, BytecodeWriter *w, int32_t[::1] outputs, int32_t[:, ::1] guards) except -1:
    """The instructions of all nodes, a guard right behind its comparison."""
    cdef Py_ssize_t i, k = 0
    for i in range(g.inputs, g.n):
        reserve_words(w, NODE_WORDS)
        if g.node[i].op != OP_CONST and (u.role[i] == ALONE or u.role[i] == UNFUSED):
            write_node(g, u, w, i)
        while k < guards.shape[0] and guards[k, 0] == i:
            write_guard(g, u, w, <int32_t>i, guards[k, 1], guards[k, 2])
            k += 1
    reserve_words(w, 1)
    begin(w, BC_END)
    for k in range(outputs.shape[0]):
        u.last_use[outputs[k]] = NEVER
    return 0


# ---- slots -----------------------------------------------------------------------------------------------

#   slots  | constants | inputs | 0 1 2 3 .. |        free: those of 0 1 2 3 .. that nobody needs any more, as a stack
#                                             top
cdef struct SlotPool:
    int32_t *free
    Py_ssize_t n_free
    int32_t top


cdef inline void read_slot(Graph g, NodeUses *u, SlotPool *pool, int32_t *word, int32_t group) noexcept nogil:
    """Put the slot of an operand in its place, and free it after its last use."""
    cdef int32_t flip = -1 if word[0] < 0 else 0  # ~node: a term that is subtracted
    cdef int32_t node = word[0] ^ flip
    word[0] = u.slot[node] ^ flip
    if u.last_use[node] == group:
        u.last_use[node] = NEVER  # the same group may read it twice
        if g.node[node].op != OP_INPUT and g.node[node].op != OP_CONST:
            pool.free[pool.n_free] = u.slot[node]
            pool.n_free += 1


cdef inline void write_slot(NodeUses *u, SlotPool *pool, int32_t *word) noexcept nogil:
    """Put a slot for a result in its place."""
    cdef int32_t node = word[0]
    if pool.n_free:
        pool.n_free -= 1
        u.slot[node] = pool.free[pool.n_free]
    else:
        u.slot[node] = pool.top
        pool.top += 1
    word[0] = u.slot[node]


cdef void allocate_slots(Graph g, NodeUses *u, BytecodeWriter *w, SlotPool *pool) noexcept nogil:
    """Put slots in the places of nodes, group by group: what a group reads is free for what it writes."""
    cdef Py_ssize_t i, k
    cdef int32_t group = 0
    cdef int32_t *at = w.words
    cdef cgrad_format f
    for i in range(g.n):
        if g.node[i].op == OP_INPUT:
            u.slot[i] = <int32_t>(g.numbers + i)
        elif g.node[i].op == OP_CONST:
            u.slot[i] = g.node[i].a
    while at < w.words + w.n:
        f = cgrad_format_of(at)
        at += f.head
        for i in range(f.groups):
            group += 1
            for k in range(f.results, f.results + f.operands):
                read_slot(g, u, pool, at + k, group)
            for k in range(f.results):
                write_slot(u, pool, at + k)
            at += f.results + f.operands


# ---- all of it -------------------------------------------------------------------------------------------

cdef void free_bytecode(Bytecode *b) noexcept:
    free(b.words)
    free(b.out)
    b.words = b.out = NULL


cdef int finish(Bytecode *b, NodeUses *u, BytecodeWriter *w, int32_t[::1] outputs) except -1:
    """Hand the words over, and count."""
    cdef Py_ssize_t k, at = 0
    b.out = <int32_t *>malloc((outputs.shape[0] + 1)*sizeof(int32_t))
    if b.out == NULL:
        raise MemoryError("compile: no memory for outputs")
    for k in range(outputs.shape[0]):
        b.out[k] = u.slot[outputs[k]]
    b.words, b.size = w.words, w.n
    w.words = NULL
    b.instructions = 0
    while b.words[at] != BC_END:
        at += cgrad_length_of(&b.words[at])
        b.instructions += 1
    return 0


cdef int encode(Graph g, int32_t[::1] outputs, int32_t[:, ::1] guards, Bytecode *b, bint lanes) except -1:
    """Write the bytecode of a graph. guards: rows (node, expected, number).

    For lanes, each sine is computed together with a cosine of the same number. For a single point only neighbours are:
    a cosine for the reverse sweep costs next to nothing there, in the shadow of the sweep's chain.
    """
    cdef NodeUses u
    cdef BytecodeWriter w
    cdef SlotPool pool
    make_space(g)
    w.one, w.zero = add_number(g, 1.0), add_number(g, 0.0)
    w.words, w.n, w.room, w.last, w.group, w.lanes = NULL, 0, 0, -1, 0, lanes
    pool.free, pool.n_free, pool.top = <int32_t *>malloc((g.n + 1)*sizeof(int32_t)), 0, <int32_t>(g.numbers + g.inputs)
    try:
        open_uses(&u, g.n + 1)
        if pool.free == NULL:
            raise errors.no_memory(g.n, g.n*sizeof(int32_t))
        with nogil:
            count_uses(g, &u, outputs, guards)
            fuse(g, &u)
        pair_mates(g, &u, NEVER if lanes else NEAR)
        write_all(g, &u, &w, outputs, guards)
        with nogil:
            allocate_slots(g, &u, &w, &pool)
        b.slots = pool.top
        finish(b, &u, &w, outputs)
    finally:
        free(w.words)
        free(pool.free)
        close_uses(&u)
    return 0
