# core/program/autodiff.pxi: derivatives of graphs, as graphs: the sweeps written out as operations.
#
# Both are the op table's partials, emitted as nodes (_gen/partials.pxi), products and sums:
#
#   reverse   adjoint[operand] += adjoint[i]*partial      downwards, operands from the last to the first, as in
#                                                         core/sweeps/reverse.pxi, so that sums round alike
#   forward   tangent[i] += partial*tangent[operand]      upwards, from the first, as in core/sweeps/forward.pxi
#
# What has no derivative is never written out; an adjoint with one contribution is that contribution. What was not
# chosen passes nothing on, as in core/sweeps/reach.pxi, but which side that is the numbers say when the program runs:
#
#   y = where(c, u, v)     u and what only u uses is a *region*: it is reached where c is not 0. In it the sweep is
#   u = sqrt(x)            written out as anywhere; its numbers mean nothing where the region is not reached.
#   v = x*w                At its border, here at x and w, contributions are selected: acc = where(c, acc + d, acc).
#
# Each choice, at whatever depth and in whatever derivative, opens a region an operand (core/program/regions.pxi).
#
# That is a *careful* sweep. A fast one hands on 0 to what was not chosen, as those of core/sweeps/reverse.pxi do: right
# where no nan comes out, which a last guard asks (``nan_check``). Where it fails, the careful program takes over
# (programs/path.py).

cdef inline int32_t flowed(Graph h, int32_t sum, int32_t g, int32_t partial) noexcept nogil:
    """sum + g*partial; sum -1: nothing yet."""
    partial = emit2(h, OP_MUL, g, partial)
    return partial if sum < 0 else emit2(h, OP_ADD, sum, partial)


cdef inline int32_t selected(Graph h, int32_t condition, int32_t sum, int32_t before) noexcept nogil:
    """sum where the condition holds, else what there was before; -1: nothing."""
    return emit3(h, OP_WHERE, condition, sum, add_number(h, 0.0) if before < 0 else before)


cdef inline int32_t chosen_side(Graph h, Step s, int k, int32_t g) noexcept nogil:
    """The adjoint g of a ``where`` as it comes to operand k, 1 or 2: 0 where the other one was chosen."""
    cdef int32_t nothing = add_number(h, 0.0)
    return emit3(h, OP_WHERE, s.a, g if k == 1 else nothing, nothing if k == 1 else g)


cdef uint8_t *dependents(Graph g, int32_t[::1] wrt) except NULL:
    """Node -> whether it depends on one of these inputs."""
    cdef uint8_t *active = <uint8_t *>calloc(g.n + 1, 1)
    cdef Py_ssize_t i, k
    cdef Step *s
    if active == NULL:
        raise errors.no_memory(g.n, g.n)
    for k in range(wrt.shape[0]):
        active[wrt[k]] = 1
    with nogil:
        for i in range(g.inputs, g.n):
            s = &g.node[i]
            if s.op != OP_CONST:
                active[i] = (active[s.a] and FLOWS[s.op][0]) or (s.b >= 0 and active[s.b] and FLOWS[s.op][1]) \
                    or (s.c >= 0 and active[s.c] and FLOWS[s.op][2])
    return active


cdef Graph reverse_of(Graph g, int32_t[::1] outputs, int32_t[::1] wrt, bint seeded, bint careful,
                      int32_t[::1] adjoints):
    """g and its reverse sweep. seeded: a further input an output, its adjoint; else it is 1."""
    cdef Py_ssize_t m = outputs.shape[0], by = m if seeded else 0, i, k, n
    cdef Graph h = copy_of(g, by, 3*g.n)
    cdef int32_t *adjoint
    cdef uint8_t *active = dependents(h, wrt)
    cdef Regions regions = Regions()
    cdef int32_t[3] x
    cdef int32_t j, r, edge, before
    cdef Step s
    n = h.n
    adjoint = <int32_t *>malloc((n + 1)*sizeof(int32_t))
    try:
        careful = careful and has_choices(h)
        if careful:
            regions.find_below(h, active, [raised(j, g.inputs, by) for j in outputs])
        if adjoint == NULL:
            raise errors.no_memory(n, n*4)
        for i in range(n):
            adjoint[i] = -1
        for k in range(m):
            j = raised(outputs[k], g.inputs, by)
            r = <int32_t>(g.inputs + k) if seeded else add_number(h, 1.0)
            make_space(h)
            adjoint[j] = r if adjoint[j] < 0 else emit2(h, OP_ADD, adjoint[j], r)
        for i in range(n - 1, h.inputs - 1, -1):
            if adjoint[i] < 0 or not active[i]:
                continue
            make_space(h)
            s = h.node[i]
            x[0], x[1], x[2] = s.a, s.b, s.c
            for k in range(OP_ARITY[s.op] - 1, -1, -1):
                j = x[k]
                if not (active[j] and FLOWS[s.op][k]):
                    continue
                before = adjoint[j]
                if s.op == OP_WHERE:  # its partial is 1 where it is reached
                    r = adjoint[i] if careful else chosen_side(h, s, <int>k, adjoint[i])
                    adjoint[j] = r if before < 0 else emit2(h, OP_ADD, before, r)
                else:
                    adjoint[j] = flowed(h, before, adjoint[i], partial_node(h, s.op, <int>k, x, <int32_t>i))
                if careful:
                    edge = regions.across(h, regions.of[i], <int32_t>i, <int>k)
                    if edge != regions.of[j]:
                        adjoint[j] = selected(h, regions.condition(h, edge), adjoint[j], before)
        for k in range(wrt.shape[0]):
            make_space(h)
            j = wrt[k]
            r = adjoint[j]
            if r >= 0 and careful and regions.of[j] != ALWAYS:
                r = selected(h, regions.condition(h, regions.of[j]), r, -1)
            # a sweep starts at 0: 0 + -0 is 0
            adjoints[k] = add_number(h, 0.0) if r < 0 else emit2(h, OP_ADD, r, add_number(h, 0.0))
    finally:
        free(adjoint)
        free(active)
    return h


cdef Graph forward_of(Graph g, int32_t[::1] outputs, int32_t[::1] wrt, bint careful, int32_t[::1] tangents):
    """g and its forward sweep, with a further input a variable: its tangent."""
    cdef Py_ssize_t by = wrt.shape[0], i, k, n
    cdef Graph h = copy_of(g, by, 3*g.n)
    cdef int32_t *tangent
    cdef Regions regions = Regions()
    cdef int32_t[3] x
    cdef int32_t j, r, edge, before
    cdef Step s
    n = h.n
    tangent = <int32_t *>malloc((n + 1)*sizeof(int32_t))
    try:
        if tangent == NULL:
            raise errors.no_memory(n, n*4)
        careful = careful and has_choices(h)
        if careful:
            regions.find_above(h, wrt)
        for i in range(n):
            tangent[i] = -1
        for k in range(by):
            make_space(h)
            j = <int32_t>(g.inputs + k)
            tangent[wrt[k]] = j if tangent[wrt[k]] < 0 else emit2(h, OP_ADD, tangent[wrt[k]], j)
        for i in range(h.inputs, n):
            make_space(h)
            s = h.node[i]
            if s.op == OP_CONST:
                continue
            x[0], x[1], x[2] = s.a, s.b, s.c
            if s.op == OP_WHERE:
                if tangent[s.b] >= 0 or tangent[s.c] >= 0:
                    j = add_number(h, 0.0)
                    tangent[i] = emit3(h, OP_WHERE, s.a, tangent[s.b] if tangent[s.b] >= 0 else j,
                                       tangent[s.c] if tangent[s.c] >= 0 else j)
                continue
            for k in range(OP_ARITY[s.op]):
                j = x[k]
                if tangent[j] >= 0 and FLOWS[s.op][k]:
                    before = tangent[i]
                    tangent[i] = flowed(h, before, tangent[j], partial_node(h, s.op, <int>k, x, <int32_t>i))
                    if careful:
                        edge = regions.across(h, regions.of[j], <int32_t>i, <int>k)
                        if edge != regions.of[i]:
                            tangent[i] = selected(h, regions.condition(h, edge), tangent[i], before)
        for k in range(outputs.shape[0]):
            make_space(h)
            j = raised(outputs[k], g.inputs, by)
            r = tangent[j]
            if r >= 0 and careful and regions.of[j] != ALWAYS:
                r = selected(h, regions.condition(h, regions.of[j]), r, -1)
            tangents[k] = add_number(h, 0.0) if r < 0 else emit2(h, OP_ADD, r, add_number(h, 0.0))
    finally:
        free(tangent)
    return h


cdef object nodes_below(object given, Py_ssize_t n, str what):
    """Nodes, each of which must be one of the first n."""
    found = whole_numbers(given, np.int32)
    if found.size and (found.ndim != 1 or found.min() < 0 or found.max() >= n):
        raise errors.bad_graph(f"{what} that are no nodes of it")
    return found.reshape(-1)


def reverse_sweep(Graph g, outputs, wrt, bint seeded, bint careful=True):
    """(graph, adjoints, by): g with its reverse sweep, and the nodes of the adjoints of the inputs ``wrt``.

    seeded: each output has a further input, its adjoint, and all nodes but the inputs move up ``by`` places; else it
    is 1. careful: right also where what was not chosen meets an infinite factor; else nan may come out there.
    """
    cdef int32_t[::1] adjoints = np.zeros(len(wrt), np.int32)
    h = reverse_of(g, nodes_below(outputs, g.n, "outputs"), nodes_below(wrt, g.inputs, "inputs"), seeded, careful,
                   adjoints)
    return h, np.asarray(adjoints), h.inputs - g.inputs


def forward_sweep(Graph g, outputs, wrt, bint careful=True):
    """(graph, tangents, by): g with its forward sweep; the tangents of the inputs ``wrt`` are further inputs.

    careful: as of ``reverse_sweep``.
    """
    cdef int32_t[::1] tangents = np.zeros(len(outputs), np.int32)
    h = forward_of(g, nodes_below(outputs, g.n, "outputs"), nodes_below(wrt, g.inputs, "inputs"), careful, tangents)
    return h, np.asarray(tangents), h.inputs - g.inputs


def chooses(Graph g, bint later=False):
    """True if the graph has a choice among its operations: then sweeps that are not careful may be wrong.

    later: or if its derivatives have one, whose own derivatives may be wrong.
    """
    return has_choices(g, later)


def nan_check(Graph g, nodes):
    """The node of a comparison that is 1 where one of these nodes is nan, appended to g; None if all are numbers.

    -1 if one is nan whatever the inputs are.
    """
    cdef int32_t total = -1, j
    for j in nodes_below(nodes, g.n, "results"):
        if is_const(g, j):
            if const_of(g, j) != const_of(g, j):
                return -1
        else:
            make_space(g)
            total = j if total < 0 else append_step(g, OP_ADD, total, j, -1)
    if total < 0:
        return None
    make_space(g)
    return append_step(g, OP_NE, total, total, -1)
