# core/sweeps/record_arrays.pxi: the adjoint of array nodes, recorded.
#
# The walk of core/sweeps/record.pxi hands special nodes over to here. Their rules are operations on Tensors and Values:
# those of the table (_gen/rules.pxi), or a Primitive's vjp; each appends its own nodes. Meanwhile the tape is the
# thread's current one, and its indices stand still.

cdef class Recording:
    """The adjoints of array nodes while a sweep is recorded, and those of elements that wait for their array."""
    cdef dict adjoint    # node -> a Tensor, or an ndarray that depends on nothing; a Function's head: a list
    cdef dict elements   # node -> [(offset, adjoint of that element)]
    cdef dict reached    # node -> bool array: which of its elements an adjoint has come to, where not all

    def __cinit__(self):
        self.adjoint, self.elements, self.reached = {}, {}, {}


def choose(operands, condition, yes, no):
    """``where`` of a partial: each side is evaluated on the elements that take it, and on no others.

    So what is not taken cannot turn a zero into a nan, in any derivative.
    """
    shape = np.broadcast_shapes(*[np.shape(plain(x)) for x in operands])
    mask = np.broadcast_to(condition(*[plain(x) for x in operands]), shape)
    if not mask.any():  # no elements at all: the general side
        return no(*operands)
    if mask.all():
        return yes(*operands)
    total = 0.0
    for side, chosen in ((yes, mask), (no, ~mask)):
        offsets = np.flatnonzero(chosen)
        part = side(*[x if np.ndim(plain(x)) == 0 else
                      TAKE(x if np.shape(plain(x)) == shape else np.broadcast_to(x, shape), indices=offsets)
                      for x in operands])
        if np.shape(plain(part)) != offsets.shape:
            if is_value(part):
                part = part*np.ones(offsets.shape)
            else:
                if part == 0:
                    continue
                part = np.full(offsets.shape, part, operands[len(operands) - 1].dtype)
        total = total + PUT(part, indices=offsets, shape=shape)
    return total if np.ndim(plain(total)) else np.zeros(shape)


cdef object object_of(Tape t, Ref r):
    return object_at(t, r.i) if r.i >= 0 else r.v


cdef int flow_recorded(Tape t, Adjoint *adjoint, const uint8_t *needed, Recording arrays, Py_ssize_t to,
                       object c, object mask=None) except -1:
    """Add c to the recorded adjoint of node ``to``; mask: the elements of it that it comes to, None: all."""
    cdef Ref r
    cdef tuple shape
    if c is None or (needed != NULL and not needed[to]) or (mask is not None and not mask.any()):
        return 0
    if is_tensor(c):
        c = placed(<Handle>c)  # a rule may fill its result
    if is_array(t, to):
        unite(arrays.reached, to, to in arrays.adjoint, mask)
        shape = (<object>payload_at(t, to).value).shape
        c = unbroadcast(c, shape)
        if np.shape(plain(c)) != shape:
            c = np.broadcast_to(c, shape)
        elif not shape and not is_value(c):
            c = float(plain(c))
        if arrayish(c) and cnp.PyArray_TYPE(<cnp.ndarray>plain(c)) \
                != cnp.PyArray_TYPE(<cnp.ndarray>payload_at(t, to).value):
            c = CAST(c, "f" if single(<object>payload_at(t, to).value) else "d")
        arrays.adjoint[to] = arrays.adjoint[to] + c if to in arrays.adjoint else c
        return 0
    c = unbroadcast(c, ())
    if is_tensor(c):
        c = item(<Tensor>c, 0)
    if is_value(c):
        if (<Value>c).node == 0 or (<Value>c).tape != <PyObject *>t:
            c = (<Value>c).primal
            r = constant(c)
        else:
            r = node(t, (<Value>c).index)
    else:
        r = constant(float(c))
    if t.top + RULE > t.limit:
        make_room(t, RULE)
    if adjoint[to].known:
        r = record2(t, OP_ADD, adjoint[to].ref, r)
    adjoint[to].known = True
    adjoint[to].ref = r
    return 0


cdef int record_special(Tape t, Adjoint *adjoint, const uint8_t *needed, Recording arrays, Py_ssize_t i) except -1:
    """Hand on the recorded adjoint of a special node, or of an element."""
    cdef int op = t.op[i] & OP_MASK
    cdef object g = recorded_adjoint(t, adjoint, arrays, i)
    cdef list inputs
    cdef Py_ssize_t m
    if g is None or op == OP_LEAF or (needed != NULL and needed[i] & CUT):
        return 0
    if op == OP_ITEM:
        if (needed == NULL or needed[t.b[i]]) and not (traces and tracing() is not None):  # there they are roots
            arrays.elements.setdefault(t.b[i], []).append((<Py_ssize_t>t.da[i], g))
        return 0
    if op == OP_OUTPUT:
        return record_output(t, needed, arrays, i, g)
    if op == OP_GATHER:
        inputs = inputs_at(t, payload_at(t, i))
        mask = arrays.reached.get(i)
        if g.ndim > 1:
            g = g.reshape(-1)
            mask = None if mask is None else mask.reshape(-1)
        for m in range(len(inputs)):
            if inputs[m] >= 0 and (mask is None or mask[m]):
                flow_recorded(t, adjoint, needed, arrays, inputs[m], g[m])
        return 0
    if op == OP_PRIMITIVE:
        return record_primitive(t, adjoint, needed, arrays, i, g)
    if op == OP_FUNCTION:
        return record_user_function(t, adjoint, needed, arrays, i, g)
    return record_elementwise(t, adjoint, needed, arrays, i, g)


cdef object recorded_adjoint(Tape t, Adjoint *adjoint, Recording arrays, Py_ssize_t i):
    """The recorded adjoint of special node i, its elements' added and its hooks called; None: no adjoint has come."""
    cdef int op = t.op[i] & OP_MASK
    cdef Payload *p = payload_at(t, i)
    cdef object value = <object>p.value if p != NULL and p.value != NULL else None  # p moves where rules append
    cdef object g = None
    if i in arrays.elements:
        flow_elements(t, adjoint, arrays, i, value)
    if value is not None or op == OP_FUNCTION:
        g = arrays.adjoint.get(i)
    elif adjoint[i].known:
        g = object_of(t, adjoint[i].ref)
    if g is None:
        return None
    p = payload_at(t, i)
    if p != NULL and p.hooks != NULL and p.leaf == NULL:
        g = hooked(<object>p.hooks, g, OP_NAMES[op])
        if value is not None:
            arrays.adjoint[i] = g
    return g


cdef int flow_elements(Tape t, Adjoint *adjoint, Recording arrays, Py_ssize_t i, object value) except -1:
    """Add the adjoints of the elements of array i to its own."""
    pairs = arrays.elements.pop(i)
    offsets = np.array([offset for offset, _ in pairs])
    c = gather([x for _, x in pairs])
    if single(value):
        c = CAST(c, "f")
    mask = np.zeros(value.shape, bool)
    mask.reshape(-1)[offsets] = True
    return flow_recorded(t, adjoint, NULL, arrays, i, PUT(c, indices=offsets, shape=value.shape), mask)


cdef int record_output(Tape t, const uint8_t *needed, Recording arrays, Py_ssize_t i, object g) except -1:
    """Collect the adjoint of a Function's output at its head."""
    cdef Py_ssize_t head = t.a[i]
    if needed == NULL or needed[head]:
        if head not in arrays.adjoint:
            arrays.adjoint[head] = [None]*(<object>payload_at(t, head).saved)
        arrays.adjoint[head][<object>payload_at(t, i).saved] = g
    return 0


cdef int record_primitive(Tape t, Adjoint *adjoint, const uint8_t *needed, Recording arrays, Py_ssize_t i,
                          object g) except -1:
    cdef Payload *p = payload_at(t, i)
    cdef Primitive rule = <Primitive>p.rule
    cdef tuple saved = <tuple>p.saved, positions = saved[0]
    cdef list inputs = inputs_at(t, p)
    cdef list args = rule.arguments(saved, [object_at(t, j) for j in inputs])
    cdef dict kwargs = saved[2]
    cdef object out = object_at(t, i), c
    cdef Py_ssize_t m
    for m in range(len(inputs)):
        if needed == NULL or needed[inputs[m]]:
            c = vjp_of(rule, positions[m], g, out, args, kwargs)
            taken = structural_part(rule, positions[m], plain(out), args, kwargs, arrays.reached.get(i),
                                    np.shape(plain(args[positions[m]]))) if rule.structural and c is not None else None
            flow_recorded(t, adjoint, needed, arrays, inputs[m], c, taken)
    return 0


cdef int record_user_function(Tape t, Adjoint *adjoint, const uint8_t *needed, Recording arrays, Py_ssize_t i,
                              object g) except -1:
    cdef Payload *p = payload_at(t, i)
    cdef object rule = <object>p.rule
    cdef list inputs = inputs_at(t, p)
    outputs = None if rule.outputs is None else outputs_of(t, i, rule.outputs)
    contributions = rule.pull(g, [object_at(t, j) for j in inputs], outputs)
    for j, c in zip(inputs, contributions):
        flow_recorded(t, adjoint, needed, arrays, j, c)
    return 0


cdef int record_elementwise(Tape t, Adjoint *adjoint, const uint8_t *needed, Recording arrays, Py_ssize_t i,
                            object g) except -1:
    cdef list operands = [], sources = arguments(t, i)
    cdef object out = object_at(t, i), before
    for x in sources:  # numbers as NumPy's: 1/0 is inf
        operands.append(object_at(t, x) if type(x) is int else np.float64(x) if type(x) is float else x)
    before = ignore_errors()
    try:
        record_partials(t, adjoint, needed, arrays, i, sources, operands, out, g)
    finally:
        heed_errors(before)
    return 0


cdef int record_partials(Tape t, Adjoint *adjoint, const uint8_t *needed, Recording arrays, Py_ssize_t i,
                         list sources, list operands, object out, object g) except -1:
    cdef int op = t.op[i] & OP_MASK, k
    cdef object partial, mask, here, taken
    if op == OP_DOT:  # a scalar with hooks
        for k, x in enumerate(sources):
            if type(x) is int:
                flow_recorded(t, adjoint, needed, arrays, x, g if k == 0 else g*operands[k + 1 if k % 2 else k - 1])
        return 0
    mask = arrays.reached.get(i)
    for k in range(len(sources) - 1, -1, -1):
        x = sources[k]
        if type(x) is not int or (needed != NULL and not needed[x]):
            continue
        rule = ARRAY_RULES[op][k]
        if rule is None:
            continue
        partial = rule(*operands, out)
        here = mask
        if OP_CHOICE[op]:
            taken = np.broadcast_to(np.asarray(plain(partial)) != 0, np.shape(plain(out)))
            here = taken if mask is None else taken & mask
            if not here.any():
                continue
        if is_tensor(partial) or is_value(partial) or isinstance(partial, np.ndarray) or partial != 1:
            partial = g*partial
        else:
            partial = g
        if here is None or here.all():
            flow_recorded(t, adjoint, needed, arrays, x, partial)
            continue
        partial = elementwise(OP_WHERE, here.astype(np.float64), partial, 0.0)
        shape = np.shape(plain(operands[k]))
        flow_recorded(t, adjoint, needed, arrays, x, partial, fitted(here, shape))
    return 0


cdef int resolve_arrays(Tape t, Adjoint *adjoint, Recording arrays, Gradients r) except -1:
    """The recorded adjoints of arrays: as nodes where they depend on something, else as they are."""
    cdef Py_ssize_t i
    cdef Handle h
    cdef object c, leaf
    for i in list(arrays.adjoint):
        if not is_array(t, i):
            del arrays.adjoint[i]
            continue
        c = arrays.adjoint[i]
        if needs_grad(c):
            h = <Handle>c
            if h.node == 0 or (t.op[h.index] & OP_MASK) == OP_LEAF:  # it must not change with the leaf's data
                c = c*1.0
                h = <Handle>c
            adjoint[i].ref = node(t, h.index)
        elif np.ndim(plain(c)) == 0:  # a 0-d tensor's: a number
            c = Value(float(plain(c)))
            adjoint[i].ref = constant((<Value>c).primal)
        else:
            c = standard(np.ascontiguousarray(plain(c)))
            adjoint[i].ref = constant(0.0)
        adjoint[i].known = True
        arrays.adjoint[i] = c
        if t.op[i] == OP_LEAF | SPECIAL:
            leaf = <object>payload_at(t, i).leaf
            c = c if is_tensor(c) or is_value(c) else plain_tensor(c)
            r.answers[leaf] = r.answers[leaf] + c if leaf in r.answers else c
    return 0


def _current(tape, /):
    """Make a tape the thread's current one; return the former."""
    before = (<Context>context()).tape
    (<Context>context()).tape = tape
    return before


cdef list outputs_of(Tape t, Py_ssize_t head, list values):
    """The outputs of a Function as operands; one that was collected is made anew."""
    cdef list result = [None]*len(values)
    cdef Py_ssize_t k
    cdef Payload *p
    for k in range(first_payload(t, head), t.payloads):
        p = &t.payload[k]
        if t.op[p.node] == OP_OUTPUT | SPECIAL and t.a[p.node] == head:
            result[<object>p.saved] = object_at(t, p.node)
    for k, value in enumerate(values):
        if result[k] is None:
            result[k] = object_at(t, append_output(t, head, k, value))
    return result
