# core/program/fuse.pxi: instruction selection: which nodes are computed inside the instruction of their only user.
#
# Once over the graph, from the last node to the first, so that a user takes its operands before they are looked at:
#
#   add(mul(a, b), c)                   c + a*b                 MULADD      the product is a part of the sum
#   add(add(mul(a, b), c), mul(d, e))   c + a*b + d*e           DOT         so are sums in between, up to TERMS of them
#   mul(mul(a, b), c)                   (a*b)*c                 MUL3        a product inside a product
#   where(lt(a, b), c, d)               a < b ? c : d           WHERE_LT    the comparison is a part of the choice
#   sin(a), .., cos(a)                                          SINCOS      computed together where the first of them is
#
# Nothing is reordered: a sum adds up in the order in which the graph does, so that every bit is kept.

cdef enum:
    TERMS = 64          # terms of one SUM: their factors must stay in slots until its end
    REACH = 4096        # a product moves up at most so many nodes to its user, for the same reason
    NEAR = 16           # nodes between mates that are computed together at a single point
    NEVER = 0x7FFFFFFF

cdef enum:              # the role of a node
    ALONE = 0           # has an instruction of its own
    UNFUSED = 1         # likewise: a sum inside a longer one that is too short to gain by it
    LINK = 2            # a sum or difference inside a longer one
    PRODUCT = 3         # a product inside a sum
    INNER = 4           # a product inside a product
    TEST = 5            # a comparison inside a choice or a guard

#   node           0 1 2 3 ..
#   uses         | 2 1 1 0 ..   a column per question, an entry per node
#   role         | ..
cdef struct NodeUses:
    uint8_t *uses       # by nodes, outputs and guards: 0, 1, or 2 for more
    uint8_t *role
    int32_t *mate       # of a sine the cosine of the same number, and vice versa; -1: none; mate NULL: no mates at all
    int32_t *last_use   # the last group of the bytecode that reads it
    int32_t *slot       # where its value is

#            base  terms[2]  terms[1]  terms[0]      the last term is the first one found
#               \   /          /         /
#           links[1] (+-)     /         /            minus[k]: terms[k] is subtracted
#                    \       /         /
#                     links[0] (+-)  /
#                              \    /
#                               i (+-)
cdef struct Sum:
    Py_ssize_t n        # terms
    int32_t base
    int32_t[TERMS + 1] terms
    int32_t[TERMS + 1] links
    uint8_t[TERMS + 1] minus


cdef int open_uses(NodeUses *u, Py_ssize_t n) except -1:
    """Columns for n nodes. To be closed, also where this fails."""
    u.uses, u.role = <uint8_t *>calloc(n, 1), <uint8_t *>calloc(n, 1)
    u.last_use, u.slot = <int32_t *>calloc(n, sizeof(int32_t)), <int32_t *>malloc(n*sizeof(int32_t))
    u.mate = NULL
    if u.uses == NULL or u.role == NULL or u.last_use == NULL or u.slot == NULL:
        raise errors.no_memory(n, n*10)
    return 0


cdef void close_uses(NodeUses *u) noexcept:
    free(u.uses)
    free(u.role)
    free(u.mate)
    free(u.last_use)
    free(u.slot)


cdef inline bint is_comparison(int op) noexcept nogil:
    return cgrad_where_form[op] != BC_NONE


cdef inline void count_use(NodeUses *u, int32_t i) noexcept nogil:
    if i >= 0 and u.uses[i] < 2:
        u.uses[i] += 1


cdef void count_uses(Graph g, NodeUses *u, int32_t[::1] outputs, int32_t[:, ::1] guards) noexcept nogil:
    """Fill u.uses. An output is used by the caller too, so it is never a part; a comparison for one guard alone is."""
    cdef Py_ssize_t i, k
    for i in range(g.inputs, g.n):
        if g.node[i].op != OP_CONST:
            count_use(u, g.node[i].a)
            count_use(u, g.node[i].b)
            count_use(u, g.node[i].c)
    for k in range(outputs.shape[0]):
        u.uses[outputs[k]] = 2
    for k in range(guards.shape[0]):
        count_use(u, guards[k, 0])
    for k in range(guards.shape[0]):
        if u.uses[guards[k, 0]] == 1 and is_comparison(g.node[guards[k, 0]].op):
            u.role[guards[k, 0]] = TEST


# ---- sums --------------------------------------------------------------------------------------------
# They are gathered twice: to decide what becomes a part, and, once that is decided, to write bytecode.

cdef inline bint is_part(Graph g, NodeUses *u, int32_t i, int op, Py_ssize_t user, Py_ssize_t reach) noexcept nogil:
    """Node i has this op and may become a part of its user: nothing else needs it."""
    return g.node[i].op == op and u.uses[i] == 1 and u.role[i] == ALONE and user - i <= reach


cdef inline bint is_link(Graph g, NodeUses *u, int32_t i, bint decided) noexcept nogil:
    if decided:
        return u.role[i] == LINK
    return (g.node[i].op == OP_ADD or g.node[i].op == OP_SUB) and u.uses[i] == 1 and u.role[i] == ALONE


cdef inline bint is_product(Graph g, NodeUses *u, int32_t i, bint decided) noexcept nogil:
    return u.role[i] == PRODUCT if decided else is_part(g, u, i, OP_MUL, i, NEVER)


cdef inline int32_t link_below(Graph g, NodeUses *u, int32_t i, bint decided) noexcept nogil:
    """The operand of sum i with which the chain of sums goes on; -1: it ends here."""
    cdef Step *s = &g.node[i]
    if is_link(g, u, s.a, decided):
        return s.a
    if s.op == OP_ADD and s.a != s.b and is_link(g, u, s.b, decided):
        return s.b
    return -1


cdef void gather_sum(Graph g, NodeUses *u, Sum *sum, Py_ssize_t i, bint decided) noexcept nogil:
    """The sum that ends at node i."""
    cdef int32_t at = <int32_t>i, link
    cdef Py_ssize_t n = 0
    while True:
        sum.minus[n] = g.node[at].op == OP_SUB
        link = link_below(g, u, at, decided) if n < TERMS else -1
        if link < 0:
            break
        sum.links[n] = link
        sum.terms[n] = g.node[at].b if link == g.node[at].a else g.node[at].a
        n += 1
        at = link
    # of the two at the bottom, a number becomes the base, if one is
    sum.base, sum.terms[n] = g.node[at].a, g.node[at].b
    if not sum.minus[n] and is_product(g, u, sum.base, decided) and not is_product(g, u, sum.terms[n], decided):
        sum.base, sum.terms[n] = sum.terms[n], sum.base
    sum.n = n + 1


cdef inline bint take_product(Graph g, NodeUses *u, int32_t i) noexcept nogil:
    """Make i a part of the sum above it, if it is a product that can be."""
    if not is_product(g, u, i, False):
        return False
    u.role[i] = PRODUCT
    return True


cdef void fuse_sum(Graph g, NodeUses *u, Py_ssize_t i) noexcept nogil:
    cdef Sum sum
    cdef Py_ssize_t k
    cdef bint products
    gather_sum(g, u, &sum, i, False)
    products = sum.base != sum.terms[sum.n - 1] and take_product(g, u, sum.base)
    for k in range(sum.n):
        products = take_product(g, u, sum.terms[k]) or products
    for k in range(sum.n - 1):  # a short sum of plain numbers is faster as additions
        u.role[sum.links[k]] = LINK if products or sum.n > 3 else UNFUSED
    if sum.n == 1 and products and g.node[i].op == OP_ADD:  # one of two terms may be a product of three
        if not (u.role[sum.base] == PRODUCT and take_inner(g, u, sum.base, i)) and u.role[sum.terms[0]] == PRODUCT:
            take_inner(g, u, sum.terms[0], i)


# ---- products and choices ------------------------------------------------------------------------------

cdef bint take_inner(Graph g, NodeUses *u, int32_t product, Py_ssize_t user) noexcept nogil:
    """Make a product among the factors of a product a part of the user's instruction, if there is one."""
    cdef Step *s = &g.node[product]
    if is_part(g, u, s.a, OP_MUL, user, REACH):
        u.role[s.a] = INNER
    elif is_part(g, u, s.b, OP_MUL, user, REACH):
        u.role[s.b] = INNER
    else:
        return False
    return True


cdef inline bint has_inner(Graph g, NodeUses *u, int32_t product) noexcept nogil:
    return u.role[g.node[product].a] == INNER or u.role[g.node[product].b] == INNER


cdef void fuse(Graph g, NodeUses *u) noexcept nogil:
    """Fill u.role."""
    cdef Py_ssize_t i
    cdef Step *s
    for i in range(g.n - 1, g.inputs - 1, -1):
        s = &g.node[i]
        if u.role[i] != ALONE:
            continue
        if s.op == OP_ADD or s.op == OP_SUB:
            fuse_sum(g, u, i)
        elif s.op == OP_MUL:
            take_inner(g, u, <int32_t>i, i)
        elif s.op == OP_WHERE and is_comparison(g.node[s.a].op) and is_part(g, u, s.a, g.node[s.a].op, i, REACH):
            u.role[s.a] = TEST


# ---- pairs -----------------------------------------------------------------------------------------------

cdef bint any_mates(Graph g) noexcept nogil:
    """There are an op and its mate, of whatever numbers."""
    cdef uint8_t[OP_COUNT] seen
    cdef Py_ssize_t i
    memset(seen, 0, sizeof(seen))
    for i in range(g.inputs, g.n):
        seen[g.node[i].op] = 1
        if seen[cgrad_mate_of[g.node[i].op]]:
            return True
    return False


cdef int pair_mates(Graph g, NodeUses *u, Py_ssize_t reach) except -1:
    """Fill u.mate: two ops of one number that have a common instruction, at most ``reach`` nodes apart."""
    cdef Py_ssize_t i
    cdef int32_t other
    cdef int32_t *waiting  # number -> an op of it that has no mate yet
    if not any_mates(g):
        return 0
    u.mate = <int32_t *>malloc(2*(g.n + 1)*sizeof(int32_t))
    if u.mate == NULL:
        raise errors.no_memory(g.n, g.n*8)
    waiting = u.mate + g.n
    for i in range(2*g.n):
        u.mate[i] = -1
    for i in range(g.inputs, g.n):
        if cgrad_mate_of[g.node[i].op] != BC_NONE:
            other = waiting[g.node[i].a]
            if other >= 0 and g.node[other].op == cgrad_mate_of[g.node[i].op] and i - other <= reach:
                u.mate[i], u.mate[other] = other, <int32_t>i
                waiting[g.node[i].a] = -1
            else:
                waiting[g.node[i].a] = <int32_t>i
    return 0
