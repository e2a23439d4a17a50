# core/arrays/function.pxi: operations of users (cgrad.Function).
#
#   17 x   18 y   19 function(x, y)   20 output 0 of it   21 output 1 of it
#
# The head carries the rule, and collects the adjoints of its outputs in a list.

def wrapped_result(value, /):
    """A result without history: a Tensor of an array, a Value of a scalar."""
    return wrapped(value)


def _record_function(rule, list inputs, list outputs):
    """The outputs of an operation with the rule ``rule``: arrays and numbers in, Tensors and Values out.

    None where nothing is recorded.
    """
    if modes and quiet():
        return None
    return record_function(rule, inputs, outputs)


cdef object record_function(object rule, list inputs, list outputs):
    cdef Tape t
    cdef Py_ssize_t head, k, i
    cdef PyObject *handle
    cdef list results = []
    t, head = append_rule(OP_FUNCTION, inputs, None, rule, len(outputs))
    track(t)
    t.pinned += 1
    try:
        for k, value in enumerate(outputs):
            i = append_output(t, head, k, value)
            if isinstance(value, np.ndarray) and value.ndim:
                results.append(attach_tensor(new_tensor(), <PyObject *>t, i, <object>payload_at(t, i).value))
            else:
                handle = new_handle()
                attach_value(handle, <PyObject *>t, i, t.val[i])
                results.append(cgrad_own(handle))
    finally:
        t.pinned -= 1
    return results


cdef Py_ssize_t append_output(Tape t, Py_ssize_t head, Py_ssize_t k, object value) except -1:
    """The node of output k, an array or a number, of a Function's head."""
    cdef Term r
    cdef Py_ssize_t i
    cdef object array = standard(value) if isinstance(value, np.ndarray) and value.ndim else None
    cdef double x = 0 if array is not None else value
    if t.top >= t.limit:
        make_room(t, 0)
    payload_room(t)
    i = t.top
    r.i, r.v, r.x = <int32_t>head, NULL, 0
    write(t, OP_OUTPUT | SPECIAL, &r, 0, NULL, 0)
    t.val[i] = x
    enter(t, i, array, None, k).n = 1
    return i
