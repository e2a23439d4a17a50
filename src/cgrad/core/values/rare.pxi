# core/values/rare.pxi: what few values have: a name, hooks, constants as operands.

cdef class Extra:
    def __cinit__(self):
        self.name = ""


cdef object leaf_name(Handle v):
    return (<Extra>v.extra).name if v.extra is not None else ""


cdef Extra extra_of(Handle v):
    """The rare fields of v, to be set."""
    if v.extra is None:
        v.extra = Extra()
        v.needs_slow_path = 1
    return <Extra>v.extra


cdef int check_node(Handle v, str op) except -1:
    """A node that was rewound is on no tape any more."""
    if v.node and v.tape == NULL:
        raise errors.wrong_tape(op, v, None, True)
    return 0


cdef object name_of(Tape t, Py_ssize_t i):
    if t.op[i] == OP_LEAF:
        return leaf_name(<Handle>leaf_at(t, i))
    if t.op[i] == OP_LEAF | SPECIAL:
        return leaf_name(<Handle>payload_at(t, i).leaf)
    return t.names.get(i, "") if t.names is not None else ""
