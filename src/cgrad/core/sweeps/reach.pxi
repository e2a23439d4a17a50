# core/sweeps/reach.pxi: what a sweep has come to, by roads that were chosen.
#
# What the result does not depend on by choice passes nothing on, whatever the other factor is: the side that a row with
# ``choice`` (_optable.py) did not take, its partial is 0, and steps, which have no partial. The fast sweeps multiply by
# that 0 instead, and are right but for infinite and nan factors; where they meet a
# nan, a careful one follows (core/sweeps/careful.pxi).
#
#   sqrt(x) -> where(x > 0, sqrt(x), 0)   at x = 0 the root is not reached: no 0*inf
#   sqrt(x) -> 0.0*sqrt(x)                it is, by a product: 0*inf = nan
#
# A number is reached, or it is not. Of an array some elements may be: a mask beside its adjoint, none where all are.

cdef inline bint passes(int op, int k, double partial) noexcept nogil:
    """True if an operation hands its adjoint on to operand k."""
    return FLOWS[op][k] and (partial != 0 or not OP_CHOICE[op])


cdef class Reach:
    """What a sweep has come to."""
    cdef uint8_t[::1] node     # 1: an adjoint has come here
    cdef dict elements         # node of an array -> bool array: to which of its elements, where not to all


cdef int unite(dict masks, Py_ssize_t j, bint known, object mask) except -1:
    """Elements of node j are reached, None: all. ``masks`` has those of nodes reached in part; known: j was reached."""
    if known:
        if j not in masks:
            return 0
        if mask is not None:
            mask = mask | masks[j]
    if mask is None or mask.all():
        masks.pop(j, None)
    else:
        masks[j] = mask
    return 0


cdef int reach_elements(Reach r, Py_ssize_t j, object mask) except -1:
    """Elements of node j, an array or a number, are reached; mask None: all."""
    if mask is None or mask.any():
        unite(r.elements, j, r.node[j], mask)
        r.node[j] = 1
    return 0


cdef object fitted(object mask, tuple shape):
    """A mask for an operand of this shape, where one was broadcast to the other's."""
    cdef Py_ssize_t lead
    mask = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, shape))
    lead = mask.ndim - len(shape)
    mask = mask.any(axis=tuple(range(lead)))
    return mask.any(axis=tuple([d for d in range(len(shape)) if shape[d] == 1]), keepdims=True)


cdef inline object vjp_of(Primitive rule, Py_ssize_t position, object g, object out, list args, dict kwargs):
    """The adjoint of one argument: g^T J."""
    if rule.many:
        return rule.vjp(position, g, out, *args, **kwargs)
    if kwargs:
        return rule.vjp[position](g, out, *args, **kwargs)
    return rule.vjp[position](g, out, *args)


cdef object structural_part(Primitive rule, Py_ssize_t position, object out, list args, dict kwargs, object mask,
                            tuple shape):
    """The elements of an argument that a structural rule comes to from those of its result that a mask has; None: all.

    The rule is asked what it makes of ones.
    """
    args = [plain(x) for x in args]
    ones = 1.0 if np.ndim(out) == 0 else np.ones_like(out) if mask is None else mask.astype(out.dtype)
    taken = fitted(np.asarray(plain(vjp_of(rule, position, ones, out, args, kwargs))) != 0, shape)
    return None if taken.all() else taken


cdef object reached_part(Tape t, Primitive rule, Py_ssize_t i, Py_ssize_t j, Py_ssize_t position, object c,
                         object out, list args, dict kwargs):
    """c, the adjoint that primitive node i hands to node j, where it passes; marks what it comes to."""
    cdef Reach r = <Reach>t.reach
    if c is None:
        return None
    taken = None
    if rule.structural:
        taken = structural_part(rule, position, out, args, kwargs, r.elements.get(i), np.shape(value_of(t, j)))
    reach_elements(r, j, taken)
    return c if taken is None else np.where(taken, c, 0)
