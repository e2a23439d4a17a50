# core/sweeps/traced.pxi: derivatives in a function that is being recorded (core/tracing).
#
# Arrays are taken as their elements (core/tracing/unroll.pxi), so that the sweeps are those of numbers, recorded: a
# replay computes the derivatives afresh. Where create_graph was not asked for they are constants: they pass nothing on.

cdef object graph_sweeps = None  # derivatives where there are choices, by programs (cgrad/programs/inside.py)


def use_graph_sweeps(sweeps, /):
    """sweeps(trace, outs, ins, seeds, cut, forward): derivatives as Values and numbers, or None without a choice."""
    global graph_sweeps
    graph_sweeps = sweeps


cdef list elements_in(list given):
    """The elements of Values and Tensors, one by one: Values and floats."""
    cdef list result = []
    for v in given:
        if is_tensor(v):
            result += list(elements_of(v).flat)
        else:
            result.append(v)
    return result


cdef int need_own(Trace t, object x) except -1:
    """x is differentiated with respect to: what other handles stand for as well must not count as its own."""
    cdef bint shared = id(x) in t.moved or id(x) in t.handed
    if is_tensor(x) and not shared:
        shared = any([not is_value(e) for e in elements_of(x).flat])
    if shared and not t.copies:
        raise first_error(t, errors.SharedElements())
    return 0


cdef object in_shape_of(object x, list values):
    """Values as the derivative with respect to x: one, or a Tensor of x's shape."""
    if not is_tensor(x):
        return values[0]
    array = np.empty((<Tensor>x).array.shape, object)
    for k, v in enumerate(values):
        array.flat[k] = v
    return tensor_of(array)


cdef object beside_each_other(list parts):
    """Derivatives by several seeds as one: the seeds are its first axis."""
    array = np.array([elements_of(x) for x in parts], object)
    return tensor_of(array)


cdef object derivative(Trace t, object v, list seeds, bint constant):
    """A derivative as the function gets it: a node, of plain numbers too."""
    if not is_value(v):
        v = lifted(t.tape, v)
    elif (<Value>v).node == 0 and not any([v is s for s in seeds]):
        v = lifted(t.tape, (<Value>v).primal)
    return stopped(<Value>v) if constant or muted() else v


cdef list seeds_of_elements(object seed, list given, bint one, str op, bint rows):
    """One list a seed: a number or Value for each element of these Values and Tensors. rows: there may be several."""
    cdef list result = []
    if not any([is_tensor(v) for v in given]):
        if is_tensor(seed) or (type(seed) in (list, tuple, np.ndarray) and np.asarray(seed, object).dtype == object
                               and any([is_value(x) for x in np.asarray(seed, object).flat])):
            array = np.asarray(elements_of(seed), object)
            if array.ndim > 2 or array.shape[array.ndim - 1] != len(given) or (array.ndim == 2 and not rows):
                raise errors.bad_seed(f"an array of shape {array.shape} for {len(given)} numbers")
            return [seeds_of_values(list(row), len(given)) for row in array.reshape(-1, len(given))]
        if is_value(seed):
            return [[seed]*len(given)]
        return seeds_of(seed, len(given)).tolist() if rows else [seeds_of_values(seed, len(given))]
    seeds = [None]*len(given) if seed is None else [seed] if one else list(seed)
    if len(seeds) != len(given):
        raise errors.bad_seed(f"{len(seeds)} seeds for {len(given)} of them")
    for v, x in zip(given, seeds):
        if not is_tensor(v):
            result.append(x if is_value(x) else 1.0 if x is None else plain_named(x, "seed"))
            continue
        shape = (<Tensor>v).array.shape
        if is_tensor(x) or is_value(x) or getattr(x, "dtype", None) == object:
            x = np.asarray(elements_of(x), object)
            if x.shape and x.shape != shape:
                raise errors.seed_shape(op, x.shape, v)
            result += list(np.broadcast_to(x, shape).flat)
        else:
            result += seed_array(<Tensor>v, x, op).ravel().tolist()
    return [result]


cdef int traced_gradients(Gradients r, list outs, list ins, bint one, object seed, bint create_graph) except -1:
    """``gradients`` in a recording: a recorded sweep for each seed."""
    cdef Trace t = tracing()
    cdef Gradients row
    cdef bint arrays = any([is_tensor(v) for v in outs])
    cdef list numbers = elements_in(outs), kept, elements = None
    r.rows = []
    r.answers = {}
    r.graph = create_graph
    r.several = not arrays and not create_graph and seed is not None and not is_value(seed) \
        and np.ndim(elements_of(seed)) == 2
    if ins is not None:
        for v in ins:
            need_own(t, v)
        elements = [v for v in elements_in(ins) if is_value(v)]
        check_inputs(elements, t.tape, "gradients")
    for seeds in seeds_of_elements(seed, outs, one, "gradients", not create_graph):
        kept = [k for k, v in enumerate(numbers) if is_value(v)]  # the others depend on nothing
        row = Gradients.__new__(Gradients)
        row.graph = True
        row.answers = {}
        row.cut = None if r.cut is None else [v for v in elements_in(r.cut) if is_value(v)]
        row_outs = [numbers[k] for k in kept]
        tape = tape_of(row_outs, "gradients")
        if tape is not None and tape is not t.tape:
            raise first_error(t, errors.traced_foreign(next(v for v in row_outs if (<Handle>v).node)))
        if tape is not None:
            link(row, tape)
        row_seeds = [seeds[k] for k in kept]
        found = None if elements is None else graph_sweeps(t, row_outs, elements, row_seeds, row.cut, False)
        if found is not None:
            row.asked, row.answers = True, dict(zip(elements, found))
        else:
            recorded(row, row_outs, elements, row_seeds)
            if elements is not None:
                keep_answers(row, elements)
        r.rows.append((row, row_seeds))
    if ins is not None:
        r.answers = {v: traced_answer(r, v) for v in ins}
        r.asked = True
        r.rows = []
    return 0


cdef object traced_answer(Gradients r, object x):
    """The derivative with respect to x, a Value or a Tensor of this recording, or a leaf that it reads."""
    cdef Trace t = tracing()
    cdef list parts = []
    need_own(t, x)
    for row, seeds in r.rows:
        values = [derivative(t, (<Gradients>row).wrt(e) if is_value(e) else 0.0, seeds, not r.graph)
                  for e in (elements_of(x).flat if is_tensor(x) else [x])]
        parts.append(in_shape_of(x, values))
    return beside_each_other(parts) if r.several else parts[0]


cdef object traced_tangents(object outputs, list outs, list ins, object seed, bint create_graph):
    """``tangents`` in a recording."""
    cdef Trace t = tracing()
    cdef list results = [], rows = [], elements
    cdef bint arrays = any([is_tensor(v) for v in ins])
    cdef bint several = not arrays and seed is not None and not is_value(seed) and np.ndim(elements_of(seed)) == 2
    for v in ins:
        need_own(t, v)
    elements = elements_in(ins)
    check_inputs([v for v in elements if is_value(v)], t.tape, "tangents")
    given = seed
    if arrays and len(ins) == 1 and seed is not None and not (type(seed) in (list, tuple) and len(seed) == 1):
        given = [seed]
    for seeds in seeds_of_elements(given, ins, False, "tangents", True):
        kept = [k for k, v in enumerate(elements) if is_value(v)]
        rows.append(pushed_in_trace(t, outs, [elements[k] for k in kept], [seeds[k] for k in kept], not create_graph))
    for parts in zip(*rows):
        results.append(beside_each_other(list(parts)) if several else parts[0])
    return results[0] if is_value(outputs) or is_tensor(outputs) else results


cdef list pushed_in_trace(Trace t, list outs, list elements, list seeds, bint constant):
    """J v for each output, v by some Values alone."""
    cdef list numbers = elements_in(outs), results = [], values
    cdef Py_ssize_t at = 0
    values = [v for v in numbers if is_value(v)]
    found = graph_sweeps(t, values, elements, seeds, None, True)
    swept = iter(recorded_tangents(t.tape, values, elements, seeds) if found is None else found)
    values = [derivative(t, next(swept) if is_value(v) else 0.0, seeds, constant) for v in numbers]
    for v in outs:
        n = (<Tensor>v).array.size if is_tensor(v) else 1
        results.append(in_shape_of(v, values[at:at + n]))
        at += n
    return results
