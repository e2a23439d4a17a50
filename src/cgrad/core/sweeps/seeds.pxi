# core/sweeps/seeds.pxi: the outputs, inputs and seeds of a derivative as callers give them.

cdef list values_of(object given, str op, str what):
    """One Value or Tensor, or a sequence of them, as a list."""
    cdef list result = [given] if is_value(given) or is_tensor(given) else None
    if result is None:
        if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
            raise errors.no_value(op, what, given)
        result = list(given)
        for k, v in enumerate(result):
            if not (is_value(v) or is_tensor(v)):
                raise errors.no_value(op, f"{what}[{k}]", v)
    return result


cdef object tape_of(list outputs, str op):
    """The one tape of the outputs' histories; None where all are leaves."""
    tape = None
    for v in outputs:
        check_node(v, op)
        if (<Handle>v).node:
            if tape is None:
                tape = <object>(<Handle>v).tape
            elif <PyObject *>tape != (<Handle>v).tape:
                raise errors.foreign(op, v, tape)
    return tape


cdef object seeds_of(object seed, Py_ssize_t n):
    """Seeds as an array (seeds, n)."""
    if seed is None:
        return np.ones((1, n))
    try:
        array = np.asarray(seed)
    except ValueError:  # rows of different lengths
        raise errors.bad_seed("rows of different lengths") from None
    if array.dtype.kind not in "fiub":  # NumPy would make nan of None, and drop imaginary parts
        raise errors.bad_seed(f"a {type(seed).__name__} of {array.dtype} is no array of real numbers")
    array = array.astype(np.float64)
    if array.ndim == 0:
        return np.full((1, n), float(array))
    if array.ndim > 2 or array.shape[array.ndim - 1] != n:
        raise errors.bad_seed(f"an array of shape {array.shape} for {n} outputs")
    return np.ascontiguousarray(array.reshape(-1, n))


cdef list seeds_of_arrays(object seed, list outs, bint one, bint graph):
    """One seed an output, where some outputs are arrays."""
    cdef list result = []
    given = [seed] if one else list(seed) if seed is not None else [None]*len(outs)
    if len(given) != len(outs):
        raise errors.bad_seed(f"{len(given)} seeds for {len(outs)} outputs")
    for x, v in zip(given, outs):
        if graph and (is_value(x) or is_tensor(x)):
            if np.shape(plain(x)) != np.shape(plain(v)):
                raise errors.bad_seed(f"an array of shape {np.shape(plain(x))} for an output of shape {v.shape}")
            result.append(placed(<Handle>x))
        elif is_tensor(v):
            result.append(seed_array(<Tensor>v, x, "gradients"))
        else:
            result.append(1.0 if x is None else plain_named(x, "seed"))
    return result


cdef object seed_array(Tensor v, object seed, str op):
    """A seed of v's shape."""
    if seed is None:
        return np.ones(v.array.shape, v.array.dtype)
    if needs_grad(seed):
        raise errors.bad_seed("it has a history of its own, which this sweep would lose")
    seed = plain(seed)
    try:
        array = np.asarray(seed)
    except ValueError:
        raise errors.bad_seed("rows of different lengths") from None
    if array.dtype.kind not in "fiub":
        raise errors.bad_seed(f"a {type(seed).__name__} of {array.dtype} is no array of real numbers")
    if array.shape != v.array.shape and array.ndim:
        raise errors.seed_shape(op, array.shape, v)
    return np.array(np.broadcast_to(array, v.array.shape), v.array.dtype)


cdef int check_inputs(list ins, object tape, str op) except -1:
    """Raise TapeError unless each input is a leaf or a node of the outputs' tape."""
    for v in ins:
        check_node(v, op)
        if (<Handle>v).node and (<Handle>v).tape != <PyObject *>tape:
            raise errors.foreign(op, v, tape)
    return 0


cdef list seeds_of_values(object seed, Py_ssize_t n):
    """One number or Value an output, for a recorded sweep."""
    cdef list seeds
    cdef double ignored = 0
    if seed is None:
        return [1.0]*n
    seeds = list(seed) if isinstance(seed, (list, tuple, np.ndarray)) else [seed]*n
    if len(seeds) != n:
        raise errors.bad_seed(f"{len(seeds)} numbers for {n} outputs")
    for x in seeds:
        if not is_value(x) and number(x, &ignored) != NUMBER:
            raise errors.bad_seed(f"a {type(x).__name__} is no number and no Value")
    return seeds
