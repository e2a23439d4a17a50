# core/program/encode.pxi: a graph as the words of a program (the instructions are in core/program/bytecode.h).
#
# Three passes, each once over the graph or the words:
#
#   absorb   downwards: sums of products become one instruction, and their parts disappear in it
#   write    upwards: an instruction for each node that is left; operands are nodes still. Neighbours that do
#            the same become a run
#   settle   upwards: nodes become slots. A slot is free again after its last use, and taken again first, while it
#            is in the cache: the reverse sweep keeps just what it will read

GRAPH_OPS = tuple(["input" if k == OP_INPUT else "const" if k == OP_CONST else OP_NAMES[k] for k in range(OP_COUNT)])

ctypedef int32_t (*native_function)(const double *, double *, double *) noexcept nogil

cdef extern from "core/program/bytecode.h" nogil:
    enum: CGRAD_SINGLE, CGRAD_SUM, CGRAD_RUN, CGRAD_PAIR, CGRAD_GUARD, CGRAD_END
    ctypedef struct cgrad_instruction:
        const char *name
        uint8_t kind, head
    const cgrad_instruction *cgrad_instructions
    const int16_t *cgrad_run_form
    const int16_t *cgrad_last_form
    const int16_t *cgrad_where_form
    int32_t cgrad_guard_form(int32_t, int)
    ctypedef struct cgrad_format:
        int32_t head, groups, results, operands
    cgrad_format cgrad_format_of(const int32_t *)
    Py_ssize_t cgrad_length_of(const int32_t *)
    int32_t cgrad_interpret(const int32_t *, double *)

cdef enum:
    TERMS = 64           # terms of a sum that are gathered: their factors must live until its end
    REACH = 4096         # nodes over which a product is put off to the operation that it is part of
    NEAR = 16            # nodes between a sine and a cosine that are computed together at a single point
    NEVER = 0x7FFFFFFF
    LINK = 1
    PRODUCT = 2
    TEST = 3
    PLAIN = 4
    INNER = 5

cdef struct Words:
    int32_t *word
    Py_ssize_t n, room
    Py_ssize_t last      # the instruction written last, -1: none
    bint lanes           # for lanes: no instruction may take a number from the one before
    int32_t group        # groups so far

cdef struct Plan:        # what encoding knows of the nodes
    uint8_t *uses        # 0, 1, 2: more
    uint8_t *absorbed    # LINK, PRODUCT, INNER (of a product), TEST: a part of its user's instruction; PLAIN: none
    int32_t *mate        # the cosine of a sine, and the other way round; -1, or mate NULL: none
    int32_t *until       # the group of its last use
    int32_t *slot
    int32_t base         # the sum at hand: base + or - terms, from the last to the first; links: the sums between them
    int32_t[TERMS + 1] terms
    int32_t[TERMS + 1] links
    uint8_t[TERMS + 1] minus


cdef int more_words(Words *w, Py_ssize_t need) except -1:
    cdef Py_ssize_t room
    cdef void *more
    if w.n + need > w.room:
        room = max(2*w.room, w.n + need + 1024)
        more = realloc(w.word, room*sizeof(int32_t))
        if more == NULL:
            raise errors.no_memory(room, room*sizeof(int32_t))
        w.word = <int32_t *>more
        w.room = room
    return 0


cdef inline void use(Plan *p, int32_t i) noexcept nogil:
    if i >= 0 and p.uses[i] < 2:
        p.uses[i] += 1


cdef inline bint part(Graph g, Plan *p, int32_t i, int op, Py_ssize_t user, Py_ssize_t reach) noexcept nogil:
    """i is an op that only its user needs."""
    return g.node[i].op == op and p.uses[i] == 1 and not p.absorbed[i] and user - i <= reach


cdef inline bint is_link(Graph g, Plan *p, int32_t i, bint marked) noexcept nogil:
    """i is a sum or difference that only the sum above it needs. marked: it was found to be one."""
    if marked:
        return p.absorbed[i] == LINK
    return (g.node[i].op == OP_ADD or g.node[i].op == OP_SUB) and p.uses[i] == 1 and not p.absorbed[i]


cdef inline bint is_product(Graph g, Plan *p, int32_t i, bint marked) noexcept nogil:
    return p.absorbed[i] == PRODUCT if marked else part(g, p, i, OP_MUL, i, NEVER)


cdef Py_ssize_t gather_sum(Graph g, Plan *p, Py_ssize_t i, bint marked) noexcept nogil:
    """The terms of the sum that ends at node i, the last one first; p.base is what it begins with."""
    cdef int32_t at = <int32_t>i, link, term, swap
    cdef Py_ssize_t n = 0
    while True:
        link, term = g.node[at].a, g.node[at].b
        p.minus[n] = g.node[at].op == OP_SUB
        if n == TERMS or not is_link(g, p, link, marked):
            link, term = term, link
            if n == TERMS or p.minus[n] or link == term or not is_link(g, p, link, marked):
                break
        p.terms[n], p.links[n] = term, link
        n += 1
        at = link
    # the two that are left: a number as the base, if there is one
    p.base, p.terms[n] = g.node[at].a, g.node[at].b
    if not p.minus[n] and is_product(g, p, p.base, marked) and not is_product(g, p, p.terms[n], marked):
        swap = p.base
        p.base = p.terms[n]
        p.terms[n] = swap
    return n + 1


cdef bint absorb_inner(Graph g, Plan *p, int32_t product, Py_ssize_t i) noexcept nogil:
    """Let a product that is part of node i take in a product among its factors."""
    cdef Step *s = &g.node[product]
    if part(g, p, s.a, OP_MUL, i, REACH):
        p.absorbed[s.a] = INNER
    elif part(g, p, s.b, OP_MUL, i, REACH):
        p.absorbed[s.b] = INNER
    else:
        return False
    return True


cdef inline bint triple(Graph g, Plan *p, int32_t product) noexcept nogil:
    return p.absorbed[g.node[product].a] == INNER or p.absorbed[g.node[product].b] == INNER


cdef void factors(Graph g, Plan *p, Words *w, int32_t product) noexcept nogil:
    """The two factors of a product, or the three of one with another inside, that one's first."""
    cdef int32_t x = g.node[product].a, y = g.node[product].b
    if p.absorbed[x] != INNER:
        x, y = y, x
    if p.absorbed[x] == INNER:
        operand_of(w, p, g.node[x].a)
        operand_of(w, p, g.node[x].b)
        operand_of(w, p, y)
    else:
        operand_of(w, p, g.node[product].a)
        operand_of(w, p, g.node[product].b)


cdef void absorb(Graph g, Plan *p) noexcept nogil:
    cdef Py_ssize_t i, n, k
    cdef Step *s
    cdef bint products
    for i in range(g.n - 1, g.inputs - 1, -1):
        s = &g.node[i]
        if p.absorbed[i]:
            continue
        if s.op == OP_ADD or s.op == OP_SUB:
            n = gather_sum(g, p, i, False)
            products = False
            if is_product(g, p, p.base, False) and p.base != p.terms[n - 1]:
                p.absorbed[p.base] = PRODUCT
                products = True
            for k in range(n):
                if is_product(g, p, p.terms[k], False):
                    p.absorbed[p.terms[k]] = PRODUCT
                    products = True
            for k in range(n - 1):  # too few to be worth it: nobody looks at the links again
                p.absorbed[p.links[k]] = LINK if products or n > 3 else PLAIN
            if n == 1 and products and s.op == OP_ADD:  # of two terms: one may be a product of three
                if not (p.absorbed[p.base] == PRODUCT and absorb_inner(g, p, p.base, i)) \
                        and p.absorbed[p.terms[0]] == PRODUCT:
                    absorb_inner(g, p, p.terms[0], i)
        elif s.op == OP_MUL:
            absorb_inner(g, p, <int32_t>i, i)
        elif s.op == OP_WHERE and comparison_op(g.node[s.a].op) and part(g, p, s.a, g.node[s.a].op, i, REACH):
            p.absorbed[s.a] = TEST


# ---- writing ---------------------------------------------------------------------------------------

cdef inline void word(Words *w, int32_t x) noexcept nogil:
    w.word[w.n] = x
    w.n += 1


cdef inline void operand_of(Words *w, Plan *p, int32_t i) noexcept nogil:
    p.until[i] = w.group
    w.word[w.n] = i
    w.n += 1


cdef inline void begin_at(Words *w, int32_t op) noexcept nogil:
    w.last = w.n
    w.group += 1
    word(w, op)


cdef void begin_run(Words *w, int32_t op) noexcept nogil:
    """An instruction that becomes a run of such where the one before it is of the same kind."""
    cdef int32_t many = cgrad_run_form[op]
    cdef Py_ssize_t k
    if w.last >= 0 and w.word[w.last] == many:
        w.word[w.last + 1] += 1
        w.group += 1
    elif w.last >= 0 and w.word[w.last] == op:
        for k in range(w.n, w.last + 1, -1):
            w.word[k] = w.word[k - 1]
        w.n += 1
        w.word[w.last], w.word[w.last + 1] = many, 2
        w.group += 1
    else:
        begin_at(w, op)


cdef inline int32_t just_computed(Words *w) noexcept nogil:
    """The node that the last instruction computes, and leaves in a register; -1: none."""
    cdef int32_t op
    if w.lanes or w.last < 0:
        return -1
    op = w.word[w.last]
    if cgrad_instructions[op].kind != CGRAD_SINGLE and cgrad_instructions[op].kind != CGRAD_SUM:
        return -1
    return w.word[w.last + cgrad_instructions[op].head]


cdef void write_two(Graph g, Plan *p, Words *w, Py_ssize_t i, int32_t base, int32_t term, bint minus) noexcept nogil:
    """base + term or base - term, either of them perhaps a product."""
    cdef bint based = p.absorbed[base] != PRODUCT, plain = p.absorbed[term] != PRODUCT
    cdef int32_t before = just_computed(w)
    if based and plain:
        begin_run(w, OP_SUB if minus else OP_ADD)
    elif based and triple(g, p, term):
        begin_at(w, BC_MUL3ADD)
    elif based:
        begin_run(w, BC_MULSUB if minus else BC_MULADD)
    elif plain:
        begin_at(w, BC_SUBMUL)
        base, term = term, base
        based = True
        plain = False
    elif triple(g, p, base) or triple(g, p, term):
        begin_at(w, BC_MUL3MUL)
        if triple(g, p, term):
            base, term = term, base
    elif minus or before < 0:
        begin_at(w, BC_MUL2SUB if minus else BC_MUL2)
    else:
        write_mul2(g, p, w, i, base, term, before)
        return
    word(w, <int32_t>i)
    if based:
        operand_of(w, p, base)
    else:
        factors(g, p, w, base)
    if plain:
        operand_of(w, p, term)
    else:
        factors(g, p, w, term)


cdef void write_mul2(Graph g, Plan *p, Words *w, Py_ssize_t i, int32_t base, int32_t term,
                     int32_t before) noexcept nogil:
    """The sum of two products, where ``before`` was just computed: it is put where a register is read."""
    cdef int32_t x
    if g.node[base].a == before or g.node[base].b == before:
        base, term = term, base
    x = g.node[term].a
    if g.node[term].b == before:
        x = before
    begin_at(w, BC_MUL2_LAST if x == before else BC_MUL2)
    word(w, <int32_t>i)
    factors(g, p, w, base)
    operand_of(w, p, x)
    operand_of(w, p, g.node[term].b if x == g.node[term].a else g.node[term].a)


cdef void write_sum(Graph g, Plan *p, Words *w, Py_ssize_t i, int32_t one) noexcept nogil:
    """The instruction of a sum or difference with what it has absorbed."""
    cdef Py_ssize_t n = gather_sum(g, p, i, True), k
    cdef bint based = p.absorbed[p.base] != PRODUCT, signed_ = False
    cdef int32_t term
    if n == 1:
        write_two(g, p, w, i, p.base, p.terms[0], p.minus[0])
        return
    for k in range(n):
        signed_ = signed_ or p.minus[k]
    begin_at(w, (BC_SDOT if signed_ else BC_DOT) if based else BC_SDOT0 if signed_ else BC_DOT0)
    word(w, <int32_t>(n if based else n + 1))
    word(w, <int32_t>i)
    if based:
        operand_of(w, p, p.base)
    else:
        factors(g, p, w, p.base)
    for k in range(n - 1, -1, -1):
        term = p.terms[k]
        if p.absorbed[term] == PRODUCT:
            factors(g, p, w, term)
        else:
            operand_of(w, p, term)
            operand_of(w, p, one)
        if p.minus[k]:
            w.word[w.n - 2] = ~w.word[w.n - 2]


cdef void write_node(Graph g, Plan *p, Words *w, Py_ssize_t i, int32_t one) noexcept nogil:
    """The instruction of node i."""
    cdef Step *s = &g.node[i]
    cdef int32_t other
    if s.op == OP_ADD or s.op == OP_SUB:
        write_sum(g, p, w, i, one)
    elif p.mate != NULL and p.mate[i] >= 0:
        other = p.mate[i]
        if other > i:  # the first of the two: both are computed here
            begin_at(w, BC_SINCOS)
            word(w, <int32_t>i if s.op < OP_MATE[s.op] else other)
            word(w, other if s.op < OP_MATE[s.op] else <int32_t>i)
            operand_of(w, p, s.a)
    elif s.op == OP_WHERE and p.absorbed[s.a] == TEST:
        begin_at(w, cgrad_where_form[g.node[s.a].op])
        word(w, <int32_t>i)
        operand_of(w, p, g.node[s.a].a)
        operand_of(w, p, g.node[s.a].b)
        operand_of(w, p, s.b)
        operand_of(w, p, s.c)
    elif s.op == OP_MUL and triple(g, p, <int32_t>i):
        begin_at(w, BC_MUL3)
        word(w, <int32_t>i)
        factors(g, p, w, <int32_t>i)
    else:
        if s.op == OP_MUL:
            begin_run(w, OP_MUL)
        else:
            begin_at(w, cgrad_last_form[s.op] if s.b < 0 and s.a == just_computed(w) else s.op)
        word(w, <int32_t>i)
        operand_of(w, p, s.a)
        if s.b >= 0:
            operand_of(w, p, s.b)
        if s.c >= 0:
            operand_of(w, p, s.c)


cdef void write_guard(Graph g, Plan *p, Words *w, Py_ssize_t i, int32_t number, bint expected,
                      int32_t zero) noexcept nogil:
    """Stop with this number unless node i is 1 (expected) or 0."""
    cdef Step *s = &g.node[i]
    cdef bint alone = p.absorbed[i] == TEST
    begin_at(w, cgrad_guard_form(s.op if alone else OP_NE, expected))
    word(w, number)
    operand_of(w, p, s.a if alone else <int32_t>i)
    operand_of(w, p, s.b if alone else zero)


cdef bint comparison_op(int op) noexcept nogil:
    return cgrad_where_form[op] != BC_NONE


# ---- slots -----------------------------------------------------------------------------------------

cdef Py_ssize_t settle_slots(Graph g, Plan *p, Words *w, int32_t *spare) noexcept nogil:
    """Put slots in the places of nodes; spare: room for free ones. Gives the number of slots."""
    cdef Py_ssize_t at = 0, free_slots = 0, top = g.numbers + g.inputs, k, i
    cdef int32_t group = 0, node, flip
    cdef cgrad_format f
    for i in range(g.n):
        if g.node[i].op == OP_INPUT:
            p.slot[i] = <int32_t>(g.numbers + i)
        elif g.node[i].op == OP_CONST:
            p.slot[i] = g.node[i].a
    while at < w.n:
        f = cgrad_format_of(&w.word[at])
        at += f.head
        for i in range(f.groups):
            group += 1
            for k in range(at + f.results, at + f.results + f.operands):
                flip = -1 if w.word[k] < 0 else 0  # ~node: a term that is subtracted
                node = w.word[k] ^ flip
                w.word[k] = p.slot[node] ^ flip
                if p.until[node] == group:
                    p.until[node] = NEVER
                    if g.node[node].op != OP_INPUT and g.node[node].op != OP_CONST:
                        spare[free_slots] = p.slot[node]
                        free_slots += 1
            for k in range(at, at + f.results):
                node = w.word[k]
                if free_slots:
                    free_slots -= 1
                    p.slot[node] = spare[free_slots]
                else:
                    p.slot[node] = <int32_t>top
                    top += 1
                w.word[k] = p.slot[node]
            at += f.results + f.operands
    return top
