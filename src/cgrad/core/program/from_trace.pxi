# core/program/from_trace.pxi: what was recorded (core/tracing/trace.pxi) as a graph, node by node.

cdef inline int32_t moved_operand(Graph g, const int32_t *to, Tape t, Py_ssize_t i, bint second) noexcept:
    """The node of an entry's operand: of the second one, or the first."""
    cdef int32_t k = t.b[i] if second else t.a[i]
    if k == i:
        return add_number(g, t.db[i] if second else t.da[i])
    return to[k]


cdef int32_t node_from(Graph g, const int32_t *to, Tape t, Py_ssize_t i) except -1:
    """The node of an operation on numbers. ``to``: where its operands are."""
    cdef Py_ssize_t k, first
    cdef int32_t a, b, s
    cdef int op = t.op[i]
    make_space(g)
    if op == OP_DOT:
        # the products in reverse: then a reverse sweep meets them in the order of core/sweeps/reverse.pxi
        first = lowest_entry(t.b, i)
        products = []
        for k in range(i - 1, first - 1, -1):
            make_space(g)
            a = moved_operand(g, to, t, k, False)
            products.append(append_step(g, OP_MUL, a, moved_operand(g, to, t, k, True), -1))
        s = moved_operand(g, to, t, i, False)
        for k in range(i - first):
            make_space(g)
            s = append_step(g, OP_ADD, s, <int32_t>products[i - first - 1 - k], -1)
        return s
    a = moved_operand(g, to, t, i, False)
    if OP_ARITY[op] == 3:
        b = moved_operand(g, to, t, i - 1, False)
        return append_step(g, op, a, b, moved_operand(g, to, t, i - 1, True))
    return append_step(g, op, a, moved_operand(g, to, t, i, True) if OP_ARITY[op] == 2 else -1, -1)


def graph_of_trace(Trace trace, list outputs):
    """The recording as a graph: (graph, nodes of outputs, guards, captured).

    outputs: Values and numbers. The leaves that the function was called with are the inputs, in this order, a tensor's
    elements one by one. guards: [(node, expected, (file, line, function))]. captured: the leaves that it used besides,
    whose numbers are the further inputs. Raises the first error of the recording, if there is one.
    """
    cdef Tape t = trace.tape
    cdef list arguments = trace.arguments
    cdef Graph g
    cdef Py_ssize_t n = t.top, i, k, inputs = 0, at = 0
    cdef int32_t a, b
    cdef uint8_t *needed = NULL
    cdef int32_t *to = NULL
    cdef Guard *q
    cdef list captured = [], rows = []
    cdef dict bases = {}, lines = {}
    cdef int32_t[::1] nodes = np.zeros(len(outputs), np.int32)
    trace.finished()
    for v in arguments:
        bases[id(v)] = inputs
        inputs += v.size
    try:
        needed = <uint8_t *>calloc(n + 1, 1)
        to = <int32_t *>malloc((n + 1)*sizeof(int32_t))
        if needed == NULL or to == NULL:
            raise errors.no_memory(n, n*5)
        for v in outputs:
            if is_value(v) and (<Value>v).node:
                check_node(v, "compile")
                if (<Value>v).tape != <PyObject *>t:
                    raise errors.traced_foreign(v)
                needed[(<Value>v).index] = 1
        for k in range(trace.guards):
            if trace.guard[k].a >= 0:
                needed[trace.guard[k].a] = 1
            if trace.guard[k].b >= 0:
                needed[trace.guard[k].b] = 1
        for i in range(n - 1, -1, -1):
            if needed[i] and not t.op[i] & SPECIAL and t.op[i] != OP_LEAF:
                for k in range(lowest_entry(t.b, i), i + 1):
                    needed[k] = needed[t.a[k]] = needed[second_operand(t.b, k)] = 1
        for v in outputs:  # leaves handed out as they are
            if is_value(v) and not (<Value>v).node and id(v) not in bases:
                bases[id(v)] = inputs
                captured.append(v)
                inputs += 1
        for k in range(t.slots):
            i = t.slot_node[k]
            if needed[i]:
                v = <object>t.slot_leaf[k]
                if id(v) not in bases:
                    bases[id(v)] = inputs
                    captured.append(v)
                    inputs += 1
                to[i] = <int32_t>(<Py_ssize_t>bases[id(v)])
        for k in range(t.payloads):
            i = t.payload[k].node
            if needed[i]:
                if t.payload[k].leaf == NULL:
                    raise errors.not_in_programs(OP_NAMES[t.op[i] & OP_MASK], None, None)
                v = <object>t.payload[k].leaf
                if id(v) not in bases:
                    bases[id(v)] = inputs
                    captured.append(v)
                    inputs += v.size
                to[i] = <int32_t>(<Py_ssize_t>bases[id(v)])
        g = new_graph(inputs)
        for i in range(n + 1):
            while at < trace.guards and trace.guard[at].top <= i:
                q = &trace.guard[at]
                at += 1
                make_space(g)
                a = to[q.a] if q.a >= 0 else add_number(g, q.x)
                b = to[q.b] if q.b >= 0 else add_number(g, q.y)
                rows.append((append_step(g, q.op, a, b, -1), q.expected, line_of(lines, q)))
            if i == n or not needed[i] or t.op[i] & SPECIAL or t.op[i] == OP_LEAF or t.op[i] == OP_CONT:
                continue
            to[i] = to[t.b[i]] + <int32_t>t.da[i] if t.op[i] == OP_ITEM else node_from(g, to, t, i)
        for k in range(len(outputs)):
            v = outputs[k]
            make_space(g)
            if not is_value(v):
                nodes[k] = add_number(g, plain_named(v, "compile"))
            elif (<Value>v).node:
                nodes[k] = to[(<Value>v).index]
            else:
                nodes[k] = <int32_t>(<Py_ssize_t>bases[id(v)])
    finally:
        free(needed)
        free(to)
    trace.rely_on_shapes(captured)
    return g, np.asarray(nodes), rows, captured
