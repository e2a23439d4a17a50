# core/sweeps/anomaly.pxi: under detect_anomaly, the operation that gave an adjoint that is nan or inf.

cdef inline bint finite(double x) noexcept nogil:
    return c_fabs(x) < INFINITY


cdef Py_ssize_t source(Tape t, Sweep *s, Py_ssize_t x) noexcept:
    """The operation that gave node x an adjoint that is not finite; x itself where none alone did."""
    cdef Py_ssize_t m, i, k
    cdef double g
    cdef int zeros
    for zeros in range(2):  # 0*inf last: a dense run has zeros outside the graph too
        for m in range(sweep_size(s) - 1, -1, -1):
            i = sweep_node(s, m)
            if i <= x:
                break
            g = t.adj[i]
            if t.op[i] == OP_CONT or (g == 0) != zeros:
                continue
            for k in range(lowest_entry(t.b, i), i + 1):
                if (t.a[k] == x and not finite(g*t.da[k])) or (t.b[k] == x and not finite(g*t.db[k])):
                    return i
    return x


cdef object line_at(Tape t, Py_ssize_t i):
    """The line of user code that recorded node i, for a message."""
    line = t.lines.get(i) if t.lines is not None else None
    return "recorded outside detect_anomaly" if line is None else line


cdef int look_for_anomaly(Tape t, Sweep *s) except -1:
    """Raise AnomalyError for the first nan or inf that the sweep came to, under detect_anomaly."""
    cdef Py_ssize_t i, m
    cdef str what = "adjoint"
    if not (<Context>context()).anomaly:
        return 0
    for m in range(sweep_size(s) - 1, -1, -1):
        i = sweep_node(s, m)
        if not finite(t.adj[i]) and not is_array(t, i):
            value = t.adj[i]
            m = source(t, s, i)
            if m != i:
                i, what = m, "adjoint of an operand"
            where = line_at(t, i)
            if t.op[i] == OP_LEAF:
                where = "an operand of a line recorded before"
            operands = [(name_of(t, x), value_of(t, x)) if type(x) is int else ("", x) for x in arguments(t, i)]
            if t.op[i] == OP_LEAF:
                operands = [(name_of(t, i), t.val[i])]
            raise errors.anomaly(op_name(t, i), value, operands, where, what)
    for m in range(first_payload(t, s.root + 1) - 1, -1, -1):
        if t.payload[m].value != NULL and t.payload[m].adjoint != NULL:
            adjoint = np.asarray(<object>t.payload[m].adjoint)
            bad = adjoint[~np.isfinite(adjoint)]
            if bad.size:
                i = array_source(t, t.payload[m].node, s.root)
                where = line_at(t, i)
                raise errors.array_anomaly(op_name(t, i), bad.flat[0], adjoint.shape, [], where, "adjoint")
    return 0


cdef Py_ssize_t array_source(Tape t, Py_ssize_t x, Py_ssize_t root) except -1:
    """The operation that gave array x an adjoint that is not finite: the one with a finite adjoint of its own."""
    cdef Py_ssize_t k, i
    for k in range(first_payload(t, root + 1) - 1, -1, -1):
        i = t.payload[k].node
        if i <= x:
            break
        if x in [j for j in arguments(t, i) if type(j) is int] and (t.payload[k].adjoint != NULL or t.adj[i] != 0) \
                and np.isfinite(adjoint_of(t, &t.payload[k])).all():
            return i
    return x
