# core/values/anomaly.pxi: operations under detect_anomaly, as they are recorded.

cdef int inspect(Pair *p, int op, double out, const Term *terms=NULL, Py_ssize_t n=0, Py_ssize_t more=0,
                 object rule=None) except -1:
    """Under detect_anomaly: note the line of user code; raise AnomalyError for a result that is nan or inf.

    terms: the n operands of an op of three and more; more: the continuations that its node will have.
    """
    cdef Tape t = <Tape>p.tape
    cdef Py_ssize_t k
    t.pinned += 1  # Python runs here: the operands' nodes, read already, must not move
    try:
        if not (<Context>context()).anomaly:
            return 0
        where = errors.user_line()
        if not (c_fabs(out) < INFINITY):
            if terms == NULL:
                operands = [describe(t, p.a, p.x), describe(t, p.b, p.y)][:OP_ARITY[op]]
            else:
                operands = [describe(t, terms[k].i, terms[k].x) for k in range(n)]
            raise errors.anomaly(OP_NAMES[op] if rule is None else rule.name, out, operands, where)
        if t.lines is None:
            t.lines = {}
        if t.top + more >= t.limit:  # that Python may have appended
            make_room(t, more + 1)
        t.lines[t.top + more] = where
    except BaseException:
        drop_handle(p.handle)
        raise
    finally:
        t.pinned -= 1
    return 0


cdef tuple describe(Tape t, Py_ssize_t i, double x):
    """(name, value) of an operand, for a message."""
    return (name_of(t, i) if i >= 0 else "", x)
