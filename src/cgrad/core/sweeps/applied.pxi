# core/sweeps/applied.pxi: what derivatives of compiled functions at Values and Tensors are made of, recorded eagerly or
# in another function (cgrad/programs/composed.py).

def gradients_of(list outs, list ins, list seeds, list cut):
    """The derivatives with respect to each of ``ins``, recorded; nothing behind ``cut`` is differentiated.

    outs, ins, cut: Values and Tensors. seeds: one an output, or None.
    """
    cdef Gradients r
    if not outs:
        return [derivative_zero(v) for v in ins]
    outs = [placed(<Handle>v) for v in outs]
    r = Gradients.__new__(Gradients)
    r.cut = cut
    if traces and tracing() is not None:
        traced_gradients(r, outs, ins, False, seeds, True)
        return [r.answers[v] for v in ins]
    tape = tape_of(outs, "gradients")
    r.graph = True
    r.answers = {}
    check_inputs([v for v in ins if not (<Handle>v).node or tape is not None], tape, "gradients")
    if tape is not None:
        link(r, tape)
    recorded(r, outs, ins, seeds_of_arrays(seeds, outs, False, True) if any([is_tensor(v) for v in outs])
             else seeds_of_values(seeds, len(outs)))
    keep_answers(r, ins)
    return [r.answers[v] for v in ins]


def column_of(list outs, list inputs, Py_ssize_t k, Py_ssize_t i):
    """The derivatives of each output with respect to element i of input k, recorded: what is 0 elsewhere is not met."""
    cdef Trace t = tracing() if traces else None
    x = inputs[k]
    outs = [placed(<Handle>v) for v in outs]
    if t is not None:
        return pushed_in_trace(t, outs, [elements_of(x).flat[i] if is_tensor(x) else x], [1.0], False)
    tape = tape_of(outs, "tangents")
    if not any([is_tensor(v) for v in outs + [x]]) and (tape is None or not (<Tape>tape).payloads):
        return recorded_tangents(tape, outs, [x], [1.0])
    us = directions_of(outs)
    c = gradients(outs, [x], seed=us, create_graph=True).wrt(x)
    c = item(c, i) if is_tensor(c) else c
    return along(outs, us, [c] if (<Handle>c).node else [], True)


def derivative_zero(v):
    """The derivative with respect to v of what does not depend on it: zeros."""
    return renewed(np.zeros((<Tensor>v).array.shape) if is_tensor(v) else 0.0, False)


def renewed(x, bint differentiable=True):
    """A number, an array, a Value or a Tensor on a node, or leaf, of its own: to differentiate with respect to."""
    cdef Trace t = tracing() if traces else None
    if t is None:
        if is_value(x):
            return on_own_node(<Value>x)
        if is_tensor(x) and needs_grad(x):
            return x*1.0
        if isinstance(x, np.ndarray) and x.dtype == object:
            return gather(x.ravel().tolist()).reshape(x.shape)*1.0
        x = plain(x)
        return Tensor(x, differentiable) if isinstance(x, np.ndarray) else Value(x)
    if is_value(x):
        return on_own_node(<Value>x) if belongs_here(x) else lifted(t.tape, (<Value>x).primal)
    if is_tensor(x) and not belongs_here(x):
        x = (<Tensor>x).array
    if not (is_tensor(x) or isinstance(x, np.ndarray)):
        return lifted(t.tape, x)
    given = np.asarray(elements_of(x), object)
    array = np.empty(given.shape, object)
    for k, e in enumerate(given.flat):
        array.flat[k] = on_own_node(<Value>e) if is_value(e) else lifted(t.tape, float(e))
    return tensor_of(array)


def unmuted():
    """End this thread's blocks of no_grad for now. Returns how many there are."""
    global modes
    cdef Context c = <Context>context()
    n = c.quiet
    modes -= n
    c.quiet = 0
    return n


def muted_again(int n):
    """Go on with so many blocks of no_grad."""
    global modes
    (<Context>context()).quiet += n
    modes += n
