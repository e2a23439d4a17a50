# core/sweeps/rule.pxi: the backward rule of a user in a recording (cgrad/function.py): sums of seeds with coefficients.
#
# A program's derivatives are made of partials, and the rule is a function of adjoints. It is recorded once on seeds,
# and taken apart: it must be linear in them, as every v^T J is, and the coefficients are the partials. Where it has
# merged branches, that is done on a graph, in which choices are ``where`` (traced.pxi).

cdef enum:
    LINEAR = 1   # in the seeds
    OTHERWISE = 2  # depends on them in another way: no matter, as long as nothing is made of it


def tape_size():
    """The number of nodes of this thread's recording so far, and of its guards."""
    cdef Trace t = tracing()
    return t.tape.top, t.guards


def coefficients(list outs, list seeds, Py_ssize_t start, Py_ssize_t guards):
    """[(j, k, c), ...]: outs[j] is the sum of c*seeds[k]. None if an output is not linear in the seeds.

    outs: Values and numbers that were recorded since the tape had ``start`` nodes; seeds: nodes from there on. guards:
    how many there were; later ones must not depend on the seeds.
    """
    cdef Trace trace = tracing()
    cdef Tape t = trace.tape
    cdef Py_ssize_t n = t.top, i, j, k
    cdef uint8_t *linear = <uint8_t *>calloc(n - start + 1, 1)
    cdef Adjoint *adjoint = <Adjoint *>calloc(n - start + 1, sizeof(Adjoint))
    cdef list found = []
    cdef Ref ref
    try:
        if linear == NULL or adjoint == NULL:
            raise errors.no_memory(n, n - start)
        for v in seeds:
            linear[(<Value>v).index - start] = LINEAR
        for i in range(start, n):
            if not linear[i - start]:
                linear[i - start] = kind_of(t, linear, start, i)
        for k in range(guards, trace.guards):
            for i in (trace.guard[k].a, trace.guard[k].b):
                if start <= i < n and linear[i - start]:
                    return None
        for j, v in enumerate(outs):
            if not (is_value(v) and (<Value>v).node and (<Value>v).index >= start
                    and linear[(<Value>v).index - start] == LINEAR):
                if is_value(v) or v != 0:
                    return None
                continue
            chosen = graph_sweeps(trace, [v], seeds, [1.0], None, False)
            if chosen is not None:
                found += [(j, k, c) for k, c in enumerate(chosen) if is_value(c) or c != 0]
                continue
            memset(adjoint, 0, (n - start)*sizeof(Adjoint))
            i = (<Value>v).index
            adjoint[i - start].known, adjoint[i - start].ref = True, constant(1.0)
            hand_on_linear(t, linear, adjoint, start, i)
            for k, seed in enumerate(seeds):
                if adjoint[(<Value>seed).index - start].known:
                    ref = adjoint[(<Value>seed).index - start].ref
                    found.append((j, k, value_at(t, ref.i) if ref.i >= 0 else ref.v))
        return found
    finally:
        free(linear)
        free(adjoint)


cdef inline bint is_linear(const uint8_t *linear, Py_ssize_t start, Ref x) noexcept:
    return x.i >= start and linear[x.i - start] == LINEAR


cdef inline bint depends_otherwise(const uint8_t *linear, Py_ssize_t start, Py_ssize_t i, Py_ssize_t operand) noexcept:
    return start <= operand < i and linear[operand - start] == OTHERWISE


cdef uint8_t kind_of(Tape t, const uint8_t *linear, Py_ssize_t start, Py_ssize_t i) noexcept:
    """LINEAR if node i is linear in the seeds, OTHERWISE if it depends on them in another way, 0 if it does not."""
    cdef int op = t.op[i], n, c, count = 0
    cdef Py_ssize_t k, lowest
    cdef bint[3] flag
    cdef Ref[3] x
    cdef Ref y, z
    cdef bint good
    if not is_operation(t, i):
        return 0
    lowest = lowest_entry(t.b, i)
    for k in range(lowest, i + 1):
        if depends_otherwise(linear, start, i, t.a[k]) or depends_otherwise(linear, start, i, second_operand(t.b, k)):
            return OTHERWISE
    if op == OP_DOT:
        x[0] = operand_ref(t, i, t.a[i], t.da[i])
        count = is_linear(linear, start, x[0])
        n = not count and not equals(x[0], 0)  # summands that do not depend on the seeds
        for k in range(lowest, i):
            y = operand_ref(t, k, t.a[k], t.da[k])
            z = operand_ref(t, k, t.b[k], t.db[k])
            c = is_linear(linear, start, y) + is_linear(linear, start, z)
            if c == 2:
                return OTHERWISE
            count += c
            n += not c
        return 0 if not count else OTHERWISE if n else LINEAR
    n = operand_refs(t, i, x)
    for c in range(n):
        flag[c] = is_linear(linear, start, x[c])
        count += flag[c]
    if not count:
        return 0
    if op == OP_ADD or op == OP_SUB:
        good = (flag[0] or equals(x[0], 0)) and (flag[1] or equals(x[1], 0))
    elif op == OP_MUL:
        good = count == 1
    elif op == OP_DIV:
        good = not flag[1]
    elif op == OP_FMA:
        good = flag[0] + flag[1] == 1 and (flag[2] or equals(x[2], 0))
    elif op == OP_WHERE:
        good = not flag[0] and (flag[1] or equals(x[1], 0)) and (flag[2] or equals(x[2], 0))
    else:
        good = op == OP_NEG or op == OP_DEGREES or op == OP_RADIANS
    return LINEAR if good else OTHERWISE


cdef int hand_on_linear(Tape t, const uint8_t *linear, Adjoint *adjoint, Py_ssize_t start, Py_ssize_t top) except -1:
    """Record a reverse sweep over the linear nodes from ``start`` to ``top``."""
    cdef Py_ssize_t i, k, lowest
    cdef int c
    cdef Ref[3] x
    cdef Ref out, d
    for i in range(top, start - 1, -1):
        if linear[i - start] != LINEAR or not adjoint[i - start].known:
            continue
        lowest = lowest_entry(t.b, i)
        if t.top + RULE + 8*(i - lowest) > t.limit:
            make_room(t, RULE + 8*(i - lowest))
        out = node(t, i)
        if t.op[i] == OP_DOT:
            for k in range(lowest, i):
                hand_on(t, linear, adjoint, start, i, operand_ref(t, k, t.b[k], t.db[k]),
                        operand_ref(t, k, t.a[k], t.da[k]))
                hand_on(t, linear, adjoint, start, i, operand_ref(t, k, t.a[k], t.da[k]),
                        operand_ref(t, k, t.b[k], t.db[k]))
            hand_on(t, linear, adjoint, start, i, operand_ref(t, i, t.a[i], t.da[i]), constant(1.0))
            continue
        for c in range(operand_refs(t, i, x) - 1, -1, -1):
            if is_linear(linear, start, x[c]):
                d = partial(t, t.op[i], c, x, out)
                if passes(t.op[i], c, d.v if d.i < 0 else 1):
                    hand_on(t, linear, adjoint, start, i, x[c], d)
    return 0


cdef void hand_on(Tape t, const uint8_t *linear, Adjoint *adjoint, Py_ssize_t start, Py_ssize_t i, Ref to,
                  Ref partial) noexcept:
    """Add node i's adjoint times the partial to that of an operand, if it is linear in the seeds."""
    if is_linear(linear, start, to):
        flow(t, adjoint - start, NULL, to.i, adjoint[i - start].ref, partial)
