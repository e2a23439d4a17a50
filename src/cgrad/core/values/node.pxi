# core/values/node.pxi: what a node says of itself: its operation, operands, names and numbers.

cdef list arguments(Tape t, Py_ssize_t i):
    """A node's arguments in their order: nodes (int) or plain numbers (float)."""
    cdef int op = t.op[i] & OP_MASK
    cdef Py_ssize_t k
    cdef list result = []
    cdef Payload *p = payload_at(t, i)
    if op == OP_LEAF or op == OP_CONT:
        return result
    if op == OP_ITEM:
        return [t.b[i]]
    if op == OP_OUTPUT:
        return inputs_at(t, payload_at(t, t.a[i]))
    if p != NULL and op < OP_FIRST and op != OP_DOT:
        return [x for x in inputs_at(t, p)] if op != OP_GATHER else gathered(t, p)
    result.append(t.a[i] if t.a[i] != i else t.da[i])
    if OP_ARITY[op] == 2 and t.b[i] >= 0:
        result.append(t.b[i] if t.b[i] != i else t.db[i])
    for k in range(lowest_entry(t.b, i), i):
        result.append(t.a[k] if t.a[k] != k else t.da[k])
        result.append(t.b[k] if t.b[k] != k else t.db[k])
    if p != NULL and p.saved != NULL:  # constant arrays
        return [x if c is None else c for x, c in zip(result, <tuple>p.saved)]
    return result


cdef list gathered(Tape t, Payload *p):
    """The nodes and numbers that a gather took."""
    return [i if i >= 0 else x for i, x in zip(inputs_at(t, p), (<object>p.value).ravel().tolist())]


cdef object op_name(Tape t, Py_ssize_t i):
    cdef Payload *p = payload_at(t, i)
    if p != NULL and (t.op[i] & OP_MASK) == OP_OUTPUT:
        p = payload_at(t, t.a[i])
    return (<object>p.rule).name if p != NULL and p.rule != NULL else OP_NAMES[t.op[i] & OP_MASK]


cdef object symbol_of(Tape t, Py_ssize_t i):
    cdef Payload *p = payload_at(t, i)
    if p != NULL and (t.op[i] & OP_MASK) < OP_FIRST:
        return op_name(t, i)
    return OP_SYMBOLS[t.op[i] & OP_MASK].format(c=t.db[i])


cdef tuple operands_of(Handle v, str what):
    """A node's operands: Values, Tensors, floats for plain numbers."""
    cdef Tape t
    cdef int plain
    if not v.node:
        return ()
    check_node(v, what)
    t = <Tape>v.tape
    t.pinned += 1
    try:
        plain = OP_PLAIN[t.op[v.index] & OP_MASK]
        return tuple([value_at(t, x) if type(x) is int else x if type(x) is float else plain_tensor(x)
                      for k, x in enumerate(arguments(t, v.index)) if not plain >> k & 1])
    finally:
        t.pinned -= 1


cdef dict keywords_of(Handle v):
    """Keyword arguments of a node, for displays."""
    cdef Tape t
    cdef Payload *p
    if v.node != 1:
        return {}
    t = <Tape>v.tape
    if (t.op[v.index] & OP_MASK) == OP_ITEM:
        return {"index": tuple([int(k) for k in np.unravel_index(<Py_ssize_t>t.da[v.index],
                                                                 np.shape(value_of(t, t.b[v.index])))])}
    p = payload_at(t, v.index)
    return dict((<tuple>p.saved)[2]) if p != NULL and (t.op[v.index] & OP_MASK) == OP_PRIMITIVE else {}


cdef tuple numbers_of(Handle v):
    """The numbers and arrays of all its arguments as they were recorded."""
    cdef Tape t
    if not v.node:
        return ()
    check_node(v, "_numbers")
    t = <Tape>v.tape
    t.pinned += 1
    try:
        return tuple([value_of(t, x) if type(x) is int else x for x in arguments(t, v.index)])
    finally:
        t.pinned -= 1


cdef list partials_at(Tape t, Py_ssize_t i):
    """All partials of node i, those with respect to plain numbers as well."""
    cdef double[3] values, d
    cdef int op = t.op[i] & OP_MASK
    cdef Py_ssize_t k
    cdef list numbers = [x if type(x) is float else t.val[x] for x in arguments(t, i)]
    if op < OP_FIRST and op != OP_DOT:
        return [1.0]*len(numbers)
    if op == OP_DOT:  # the factors of a term stand side by side
        return [1.0] + [numbers[k + 1 if k % 2 else k - 1] for k in range(1, len(numbers))]
    for k in range(len(numbers)):
        values[k] = numbers[k]
    evaluate(op, values, d)
    return [d[k] for k in range(len(numbers))]


cdef object value_at(Tape t, Py_ssize_t i):
    """The living object of node i: the leaf, the handle that Python holds, or a new handle."""
    cdef PyObject *h
    cdef Payload *p = payload_at(t, i)
    cdef bint array = p != NULL and p.value != NULL
    if t.op[i] == OP_LEAF:
        return <object>leaf_at(t, i)
    if p != NULL and p.leaf != NULL:
        return <object>p.leaf
    h = handle_at(t, i)
    if h != NULL:
        return <object>h
    t.pinned += 1  # a new handle may collect cycles, which may run Python: node i must stay
    try:
        h = new_tensor() if array else new_handle()
    finally:
        t.pinned -= 1
    try:
        room_for_handles(t, t.live + 1 + t.limit - t.top + SLACK)
        if handle_at(t, i) == NULL:  # else that Python has made one
            if array:
                return attach_tensor(h, <PyObject *>t, i, <object>payload_at(t, i).value)
            attach_value(h, <PyObject *>t, i, t.val[i])
            return cgrad_own(h)
    except BaseException:
        discard(h)
        raise
    discard(h)
    return <object>handle_at(t, i)


cdef object value_of(Tape t, Py_ssize_t i):
    """The ndarray or float of node i."""
    cdef Payload *p = payload_at(t, i)
    if p != NULL and p.value != NULL:
        return <object>p.value
    return t.val[i]


cdef list inputs_at(Tape t, const Payload *p):
    """A special node's operands; -1: a plain number."""
    cdef Py_ssize_t k, i = p.node
    cdef list result = [t.a[i]]
    if p.n > 1 and t.b[i] >= 0:
        result.append(t.b[i])
    for k in range(lowest_entry(t.b, i), i):
        result.append(t.a[k] if t.a[k] != k else i)
        result.append(t.b[k] if t.b[k] != k else i)
    return [j if j != i else -1 for j in result[:p.n]]


cdef object object_at(Tape t, Py_ssize_t i):
    """Node i as an operand. A slot is taken by the number it holds: its leaf's data may have changed."""
    cdef PyObject *h
    if (t.op[i] & OP_MASK) != OP_LEAF:
        return value_at(t, i)
    room_for_handles(t, t.live + 1 + t.limit - t.top + SLACK)
    if t.op[i] & SPECIAL:
        h = new_tensor()
        return attach_tensor(h, <PyObject *>t, i, <object>payload_at(t, i).value)
    h = new_handle()
    attach_value(h, <PyObject *>t, i, t.val[i])
    return cgrad_own(h)
