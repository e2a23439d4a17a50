# core/sweeps/forward.pxi: forward mode: tangents by one sweep upwards over recorded nodes.

def tangents(outputs, inputs, *, seed=None, create_graph=False):
    """cgrad.tangents(outputs, inputs, *, seed=None, create_graph=False): J v by one forward sweep over the record.

    outputs: a Value or a sequence; inputs: a Value or a sequence. seed: the vector v, one number for each input
    (default 1), or an array (seeds, inputs) for several at once. Returns a float, or a list of one for each
    output; with several seeds, arrays of one number for each seed. create_graph: record the tangents as nodes, Values
    and Tensors that can be differentiated again; seeds may be Values then. So they are in a function that is being
    recorded by ``compile``, where without create_graph they pass no derivative on.

    tangent(out) = sum over arguments of partial * tangent(argument). Raises TapeError for values of
    two tapes.

    >>> import cgrad
    >>> x, y = cgrad.Value(2.0), cgrad.Value(5.0)
    >>> cgrad.tangents(x*y, [x, y], seed=[1.0, 0.0])
    5.0
    """
    cdef list outs = [placed(<Handle>v) for v in values_of(outputs, "tangents", "outputs")]
    cdef list ins = [placed(<Handle>v) for v in values_of(inputs, "tangents", "inputs")]
    cdef object tape
    cdef list results
    if traces and tracing() is not None:
        return traced_tangents(outputs, outs, ins, seed, create_graph)
    tape = tape_of(outs, "tangents")
    check_inputs(ins, tape, "tangents")
    if any([is_tensor(v) for v in outs + ins]) or (tape is not None and (<Tape>tape).payloads):
        return array_tangents(outputs, outs, ins, seed, create_graph)
    if create_graph:
        results = value_tangents(tape, outs, ins, seed)
        return results[0] if is_value(outputs) else results
    results = forward_rows(tape, outs, ins, seeds_of(seed, len(ins)))
    if seed is None or np.ndim(seed) != 2:
        results = [float(row[0]) for row in results]
    return results[0] if is_value(outputs) else results


cdef list value_tangents(Tape t, list outs, list ins, object seed):
    """The tangents of the outputs as Values, or for several seeds as Tensors of one number a seed."""
    if type(seed) in (list, tuple, np.ndarray) and not holds_handles(seed) and np.ndim(seed) == 2:
        rows = [recorded_tangents(t, outs, ins, seeds_of_values(row, len(ins))) for row in seed]
        return [gather(column) for column in zip(*rows)]
    return recorded_tangents(t, outs, ins, seeds_of_values(seed, len(ins)))


cdef list forward_rows(Tape t, list outs, list ins, double[:, ::1] seeds):
    """The tangents of the outputs, each an array of one number a seed."""
    cdef double[:, ::1] tangent
    cdef uint8_t[::1] depends
    cdef Py_ssize_t top, k, l
    cdef Sweep s
    cdef dict leaves = {}
    for k, v in enumerate(ins):
        if not (<Value>v).node:
            row = np.array(seeds[:, k])
            leaves[v] = leaves[v] + row if v in leaves else row
    if t is None:
        return [leaves.get(v, np.zeros(seeds.shape[0])) for v in outs]
    begin_sweep(t, "tangents", &s)
    try:
        graph_of(t, outs, &s.graph)
        top = s.graph.node[s.graph.n - 1] + 1
        tangent = np.zeros((top, seeds.shape[0]))
        depends = np.zeros(top, np.uint8)
        for k, v in enumerate(ins):
            if (<Value>v).node and (<Value>v).index < top:
                depends[(<Value>v).index] = 1
                for l in range(seeds.shape[0]):
                    tangent[(<Value>v).index, l] += seeds[l, k]
        forward(t, &s.graph, tangent, depends, leaves)
        return [np.array(tangent[(<Value>v).index]) if (<Value>v).node
                else leaves.get(v, np.zeros(seeds.shape[0])) for v in outs]
    finally:
        end_sweep(t, &s)


cdef int forward(Tape t, const Subgraph *g, double[:, ::1] tangent, uint8_t[::1] depends, dict leaves) except -1:
    """Sweep upwards; ``depends``: a tangent has come to the node, so that 0*inf elsewhere makes no nan."""
    cdef Py_ssize_t m, i, k, l
    cdef double[::1] row
    for m in range(g.n):
        i = g.node[m]
        if t.op[i] == OP_LEAF:
            leaf = <object>leaf_at(t, i)
            if leaf in leaves:
                depends[i] = 1
                row = leaves[leaf]
                for l in range(row.shape[0]):
                    tangent[i, l] += row[l]
        elif t.op[i] != OP_CONT:
            push_forward(t, tangent, depends, i, i)
            for k in range(lowest_entry(t.b, i), i):
                push_forward(t, tangent, depends, i, k)
    return 0


cdef inline void push_forward(Tape t, double[:, ::1] tangent, uint8_t[::1] depends, Py_ssize_t i,
                              Py_ssize_t k) noexcept:
    """tangent[i] += the contributions of the operands in entry k: i itself, or a continuation of it."""
    cdef Py_ssize_t j = second_operand(t.b, k)
    cdef int op = t.op[i], at = 0 if k == i else 1
    if t.a[k] != k and depends[t.a[k]] and passes(op, at, t.da[k]):
        depends[i] = 1
        add_row(tangent, i, t.a[k], t.da[k])
    if j != k and depends[j] and passes(op, at + 1, t.db[k]):
        depends[i] = 1
        add_row(tangent, i, j, t.db[k])


cdef object array_tangents(object outputs, list outs, list ins, object seed, bint create_graph):
    """J v where there are arrays, by two reverse sweeps: d/du of (J^T u) . v, for any u."""
    cdef list us = directions_of(outs), given, products = [], results
    cdef Gradients first
    if seed is not None and not any([is_tensor(v) for v in ins]) and type(seed) in (list, tuple, np.ndarray) \
            and not holds_handles(seed) and np.ndim(seed) == 2:
        columns = [array_tangents(outs, outs, ins, row, create_graph) for row in seed]
        results = [beside(column) if create_graph else np.array(column) for column in zip(*columns)]
        return results[0] if is_value(outputs) or is_tensor(outputs) else results
    given = [None]*len(ins) if seed is None else [seed] if len(ins) == 1 and not holds_handles(seed) \
        and np.shape(seed) == np.shape(plain(ins[0])) else list(seed)
    if len(given) != len(ins):
        raise errors.bad_seed(f"{len(given)} seeds for {len(ins)} inputs")
    first = gradients(outs, ins, seed=us, create_graph=True)
    for v, x in zip(ins, given):
        if not (create_graph and needs_grad(x)):
            x = seed_array(<Tensor>v, x, "tangents") if is_tensor(v) else 1.0 if x is None else plain_named(x, "seed")
        elif np.shape(plain(x)) != np.shape(plain(v)):
            raise errors.bad_seed(f"an array of shape {np.shape(plain(x))} for an input of shape {np.shape(plain(v))}")
        c = first.wrt(v)
        if needs_grad(c):
            products.append(c*x)
    results = along(outs, us, products, create_graph)
    return results[0] if is_value(outputs) or is_tensor(outputs) else results


cdef bint holds_handles(object seed):
    """True for a list of seeds of which some are Values or Tensors."""
    return type(seed) in (list, tuple) and any([is_value(x) or is_tensor(x) for x in seed])


cdef list directions_of(list outs):
    """A leaf of zeros for each output: the u of J^T u."""
    return [Tensor(np.zeros_like((<Tensor>v).array), True) if is_tensor(v) else Value(0.0) for v in outs]


cdef list along(list outs, list us, list products, bint create_graph):
    """d/du of what is linear in u."""
    cdef list results = [np.zeros(np.shape(plain(v))) for v in outs]
    if products:
        second = gradients(products, us, create_graph=create_graph)
        results = [second.wrt(u) for u in us]
    if create_graph:
        return [x if is_value(x) or is_tensor(x) else wrapped(x) for x in results]
    return [x if np.ndim(x) else float(x) for x in results]


cdef object beside(tuple parts):
    """Values, or Tensors of one shape, as a Tensor with one axis more."""
    if is_value(parts[0]):
        return gather(parts)
    return gather([x for part in parts for x in part.reshape(-1)]).reshape(len(parts), *parts[0].shape)
