# core/sweeps/forward.pxi: forward mode: one sweep upwards over what was recorded.

def tangents(outputs, inputs, *, seed=None):
    """cgrad.tangents(outputs, inputs, *, seed=None): J v by one forward sweep over what was recorded.

    outputs: a Value or a sequence; inputs: a Value or a sequence. seed: the vector v, a number an input
    (default 1 each), or an array (seeds, inputs) for several at once. Gives a float, or a list of one
    an output; with several seeds, arrays of one number a seed.

    tangent(out) = sum over arguments of partial * tangent(argument). Raises TapeError for values of
    two tapes.

    >>> import cgrad
    >>> x, y = cgrad.Value(2.0), cgrad.Value(5.0)
    >>> cgrad.tangents(x*y, [x, y], seed=[1.0, 0.0])
    5.0
    """
    if traces:
        refuse_effect("tangents")
    cdef list outs = values_of(outputs, "tangents", "outputs")
    cdef list ins = values_of(inputs, "tangents", "inputs")
    cdef object home = tape_of(outs, "tangents")
    cdef Tape t = home
    cdef double[:, ::1] seeds, tangent
    cdef bint several = seed is not None and np.ndim(seed) == 2
    cdef uint8_t[::1] depends
    cdef Py_ssize_t lanes, l, m, i, k, top
    cdef Sweep s
    cdef dict leaves = {}
    for v in ins:
        check_node(v, "tangents")
        if (<Handle>v).node and (<Handle>v).home != <PyObject *>home:
            raise errors.foreign("tangents", v, home)
    if any([is_tensor(v) for v in outs + ins]) or (t is not None and t.payloads):
        return array_tangents(outputs, outs, ins, seed)
    seeds = seeds_of(seed, len(ins))
    lanes = seeds.shape[0]
    for k, v in enumerate(ins):
        check_node(v, "tangents")
        if (<Value>v).node and (<Value>v).home != <PyObject *>home:
            raise errors.foreign("tangents", v, home)
        if not (<Value>v).node:
            leaves[v] = leaves[v] + np.asarray(seeds[:, k]) if v in leaves else np.array(seeds[:, k])
    results = [leaves.get(v, np.zeros(lanes)) if not (<Value>v).node else None for v in outs]
    if t is not None:
        begin(t, "tangents", &s)
        try:
            graph_of(t, outs, &s.order)
            top = s.order.node[s.order.n - 1] + 1
            tangent = np.zeros((top, lanes))
            depends = np.zeros(top, np.uint8)
            for k, v in enumerate(ins):
                if (<Value>v).node and (<Value>v).index < top:
                    depends[(<Value>v).index] = 1
                    for l in range(lanes):
                        tangent[(<Value>v).index, l] += seeds[l, k]
            for m in range(s.order.n):
                i = s.order.node[m]
                if t.op[i] == OP_LEAF:
                    leaf = <object>leaf_at(t, i)
                    if leaf in leaves:
                        depends[i] = 1
                        for l in range(lanes):
                            tangent[i, l] += <double>leaves[leaf][l]
                elif t.op[i] != OP_CONT:
                    forward(t, tangent, depends, i, i, lanes)
                    for k in range(i + min(t.b[i], 0), i):
                        forward(t, tangent, depends, i, k, lanes)
            results = [np.array(tangent[(<Value>v).index]) if (<Value>v).node else r for v, r in zip(outs, results)]
        finally:
            end(t, &s)
    if not several:
        results = [float(r[0]) for r in results]
    return results[0] if is_value(outputs) else results


cdef object array_tangents(object outputs, list outs, list ins, object seed):
    """J v where there are arrays, by two reverse sweeps: d/du of (J^T u) . v, for any u."""
    cdef list us = [], given, results
    cdef Gradients first
    if seed is not None and not any([is_tensor(v) for v in ins]) and np.ndim(seed) == 2:
        columns = [array_tangents(outs, outs, ins, row) for row in seed]
        results = [np.array(column) for column in zip(*columns)]
        return results[0] if is_value(outputs) or is_tensor(outputs) else results
    given = [None]*len(ins) if seed is None else [seed] if len(ins) == 1 and np.shape(seed) == np.shape(plain(ins[0])) \
        else list(seed)
    if len(given) != len(ins):
        raise errors.bad_seed(f"{len(given)} seeds for {len(ins)} inputs")
    for v in outs:
        us.append(Tensor(np.zeros_like((<Tensor>v).array), True) if is_tensor(v) else Value(0.0))
    first = gradients(outs, ins, seed=us, create_graph=True)
    products = []
    for v, x in zip(ins, given):
        x = seed_array(<Tensor>v, x, "tangents") if is_tensor(v) else 1.0 if x is None else plain_named(x, "seed")
        c = first.wrt(v)
        if needs_grad(c):
            products.append(c*x)
    results = [np.zeros(np.shape(plain(v))) for v in outs]
    if products:
        second = gradients(products, us)
        results = [second.wrt(u) for u in us]
    results = [x if np.ndim(x) else float(x) for x in results]
    return results[0] if is_value(outputs) or is_tensor(outputs) else results


cdef inline void forward(Tape t, double[:, ::1] tangent, uint8_t[::1] depends, Py_ssize_t i, Py_ssize_t k,
                         Py_ssize_t lanes) noexcept:
    """tangent[i] += the contributions of entry k's arguments (k: i itself, or a continuation)."""
    cdef Py_ssize_t l
    if t.a[k] != k and depends[t.a[k]]:
        depends[i] = 1
        for l in range(lanes):
            tangent[i, l] += t.da[k]*tangent[t.a[k], l]
    if t.b[k] >= 0 and t.b[k] != k and depends[t.b[k]]:
        depends[i] = 1
        for l in range(lanes):
            tangent[i, l] += t.db[k]*tangent[t.b[k], l]
