# core/sweeps/hooks.pxi: user functions that see, and may replace, an adjoint during a sweep.
#
# A node's hooks are kept in its payload (a scalar gets one for them, and is special from then on), a leaf's in its
# Extra.

class HookHandle:
    """Result of ``register_hook``; ``remove()`` removes the hook."""

    def __init__(self, hooks, hook):
        self._hooks, self._hook = hooks, hook

    def remove(self):
        """Remove the hook."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


cdef object register_hook(object v, object hook):
    cdef Tape t
    cdef Payload *p
    cdef Py_ssize_t k, m
    cdef list hooks
    cdef Handle h = <Handle>v
    cdef Extra more
    global leaf_hooks
    if not callable(hook):
        raise errors.no_hook(hook)
    if not needs_grad(v):
        raise errors.no_history("register_hook", v)
    check_node(v, "register_hook")
    if not h.node:
        more = extra_of(h)
        if more.hooks is None:
            more.hooks = []
        more.hooks.append(hook)
        leaf_hooks = True
        h.needs_slow_path = 1
        if not PyObject_GC_IsTracked(<PyObject *>h):
            PyObject_GC_Track(<PyObject *>h)
        return HookHandle(more.hooks, hook)
    t = <Tape>h.tape
    if t.sweeping or t.running:
        raise errors.busy("register_hook", t)
    track(t)
    k = first_payload(t, h.index)
    if not t.op[h.index] & SPECIAL:
        payload_room(t)
        for m in range(t.payloads, k, -1):
            t.payload[m] = t.payload[m - 1]
        p = &t.payload[k]
        p.node = h.index
        p.value = p.adjoint = p.grad = p.rule = p.saved = p.leaf = p.hooks = NULL
        p.n = 0
        t.payloads += 1
        t.op[h.index] |= SPECIAL
    p = &t.payload[k]
    if p.hooks == NULL:
        hooks = []
        Py_INCREF(hooks)
        t.payload[k].hooks = <PyObject *>hooks
    (<list>t.payload[k].hooks).append(hook)
    return HookHandle(<object>t.payload[k].hooks, hook)


cdef object hooked(object hooks, object g, str op):
    """The adjoint g, a float or an array, after hooks. What they return is copied: they may keep and write to it."""
    for hook in list(hooks):
        more = plain(hook(g))
        if more is None or more is g:
            continue
        array = np.asarray(more)
        if array.dtype.kind not in "fiub":
            raise errors.bad_hook(op, more)
        if array.shape != np.shape(g):
            raise errors.bad_adjoint("hook of " + op, 0, array.shape, np.shape(g))
        g = np.array(array, g.dtype, order="C") if isinstance(g, np.ndarray) else float(array)
    return g
