# core/sweeps/ref.pxi: operations on refs, which is what the rules of recorded sweeps are written in.
#
# A rule's operands are nodes of the tape or plain numbers; so are the results. What is appended goes through the
# rewrites (_rewrites.py): record1 .. record3 in _gen/rewrites_tape.pxi.

cdef struct Ref:     # an operand of a rule: a node of the tape, or (i = -1) a plain number
    int32_t i
    double v


cdef inline Ref constant(double v) noexcept:
    cdef Ref r
    r.i = -1
    r.v = v
    return r


cdef inline Ref node(Tape t, Py_ssize_t i) noexcept:
    cdef Ref r
    r.i = <int32_t>i
    r.v = t.val[i]
    return r


cdef inline Ref operand_ref(Tape t, Py_ssize_t k, Py_ssize_t operand, double number) noexcept:
    """An operand of entry k: a node, or where the entry points to itself the number in the partial's place."""
    return constant(number) if operand == k else node(t, operand)


cdef inline bint is_operation(Tape t, Py_ssize_t i) noexcept:
    """True of a node that is an operation on numbers: no leaf, none of an array, no continuation."""
    return not (t.op[i] == OP_LEAF or t.op[i] == OP_CONT or t.op[i] == OP_ITEM or t.op[i] & SPECIAL)


cdef inline int operand_refs(Tape t, Py_ssize_t i, Ref *x) noexcept:
    """The operands of node i, an operation on up to three numbers, in argument order; returns how many."""
    cdef Py_ssize_t k = lowest_entry(t.b, i)
    x[0] = operand_ref(t, i, t.a[i], t.da[i])
    if k < i:
        x[1] = operand_ref(t, k, t.a[k], t.da[k])
        x[2] = operand_ref(t, k, t.b[k], t.db[k])
    elif OP_ARITY[t.op[i]] == 2:
        x[1] = operand_ref(t, i, t.b[i], t.db[i])
    return OP_ARITY[t.op[i]]


cdef inline bint equals(Ref r, double v) noexcept:
    return r.i < 0 and r.v == v


cdef Ref record(Tape t, int op, const Ref *x, int n) noexcept:
    """Append an op of n operands; numbers alone are computed. The caller has made room."""
    cdef double[3] values, d
    cdef Term[3] terms
    cdef double out
    cdef bint plain = True
    cdef int k
    for k in range(n):
        values[k] = terms[k].x = x[k].v
        terms[k].i = x[k].i
        terms[k].v = NULL
        plain = plain and x[k].i < 0
    out = evaluate(op, values, d)
    if plain:
        return constant(out)
    if n == 3:
        write(t, OP_CONT, &terms[1], d[1], &terms[2], d[2])
        t.used[t.top - 1] = 1
    write(t, op, &terms[0], d[0], &terms[1] if n == 2 else NULL, d[1] if n == 2 else 0)
    if n == 3:
        t.b[t.top - 1] = -1
    t.val[t.top - 1] = out
    return node(t, t.top - 1)


cdef bint chosen(Tape tape, int op, Ref x, Ref y, bint outcome) noexcept:
    """A choice inside a partial that is recorded: by the numbers at hand, so it is a guard too."""
    cdef Trace t
    if traces:
        t = tracing()
        if t is not None and t.tape is tape:
            try:
                note_guard(t, op, value_at(tape, x.i) if x.i >= 0 else x.v, value_at(tape, y.i) if y.i >= 0 else y.v,
                           outcome)
            except BaseException as error:
                first_error(t, error)
    return outcome
