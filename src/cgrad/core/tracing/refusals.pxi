# core/tracing/refusals.pxi: what a function that is being recorded must not do, and the error it gets.

cdef object first_error(Trace t, object error):
    """Remember the first error of a recording: whoever catches it, there is no program."""
    if t.refused is None:
        t.refused = error
    return error


cdef int refuse(Handle v, str what) except -1:
    """Raise where v's number would leave a recording."""
    cdef Trace t = tracing()
    if t is None:
        return check_thread(v, NULL)
    if v.node == 1 and v.tape != <PyObject *>t.tape:
        return 0  # of another tape: it never changes
    use = _callers.differentiable() if what == "float" else ""
    raise first_error(t, errors.traced_number(what, v, errors.user_line(), use))


cdef bint is_traced(Handle v) except -1:
    """True if v's number is one of a recording: of this thread's, or of another's."""
    cdef Trace t = tracing(), other
    if t is not None and v.node != 1:
        return True  # captured leaves are read afresh at each replay
    for other in list(tracers):
        if v.tape == <PyObject *>other.tape if v.node else other.owns(v):
            return True
    return False


cdef str placeholder(Handle v):
    """What repr and print show of a traced number: its name, or the operation. float() cannot read it."""
    what = v.name or (v._name_of_op if v.node == 1 else "array" if is_tensor(v) else "number")
    return f"<traced {what}>"


cdef int refuse_effect(str what) except -1:
    """Raise where a recording would do something that a replay does not."""
    cdef Trace t = tracing()
    if t is not None:
        raise first_error(t, errors.traced_effect(what, errors.user_line()))
    return 0


def refused(error, /):
    """Note an error of this thread's recording, and return it, to be raised."""
    return first_error(tracing(), error)


def effect(what, /):
    """Raise TraceError if this thread records a program, for which ``what`` would be done once and not repeated."""
    if traces:
        refuse_effect(what)


def rely_on(owner, str name):
    """owner.name, on which a recording relies: it holds as long as the attribute is the same object."""
    cdef Trace t = tracing() if traces else None
    value = getattr(owner, name)
    if t is not None and not any([o is owner and n == name for o, n, _ in t.conditions]):
        t.conditions.append((owner, name, value))
    return value


cdef int look_at_shape(Tensor v) except -1:
    """Note the shape of a captured tensor: the function may depend on it without using an element."""
    cdef Trace t = tracing()
    if t is not None and not v.node and v.filled is None and id(v) not in t.shapes and not t.owns(v):
        t.shapes[id(v)] = v, v.array.shape
    return 0


cdef int check_thread(Handle v, PyObject *tape) except -1:
    """Raise where v is what another thread records. tape: what v is going to be used on."""
    cdef Trace t
    for t in list(tracers):
        if tape != <PyObject *>t.tape and (v.tape == <PyObject *>t.tape if v.node else t.owns(v)):
            if t is tracing():
                raise first_error(t, errors.traced_foreign(v, True))
            raise first_error(t, errors.traced_elsewhere(v, errors.user_line()))
    return 0


cdef bint traced_here(object x) except -1:
    """True if this thread records a program. An error if x belongs to what another thread records."""
    if tracing() is not None:
        return True
    if is_value(x) or is_tensor(x):
        check_thread(<Handle>x, NULL)
    return False


cdef bint belongs_here(Handle v) except -1:
    """True if this thread records a program and v's number may change from call to call."""
    cdef Trace t = tracing()
    return traced_here(v) and (v.node != 1 or v.tape == <PyObject *>t.tape)
