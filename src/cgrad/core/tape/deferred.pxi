# core/tape/deferred.pxi: references that are given up once the columns are consistent again.

cdef struct DeferredDecrefs:   # references to give up later
    PyObject **refs
    Py_ssize_t count, room


cdef inline DeferredDecrefs no_decrefs() noexcept:
    cdef DeferredDecrefs g
    g.refs, g.count, g.room = NULL, 0, 0
    return g


cdef void defer_decref(DeferredDecrefs *g, PyObject *x) noexcept:
    """Drop a reference of the tape's: at once where others remain, else in ``run_decrefs``."""
    cdef void *more
    if x == NULL:
        return
    if references(x) > 1:
        Py_DECREF(<object>x)
        return
    if g.count == g.room:
        more = realloc(g.refs, (2*g.room + 64)*sizeof(PyObject *))
        if more == NULL:
            return  # a leak: out of memory, and nothing here may raise
        g.refs = <PyObject **>more
        g.room = 2*g.room + 64
    g.refs[g.count] = x
    g.count += 1


cdef void run_decrefs(DeferredDecrefs *g) noexcept:
    """Give up the deferred references. May run Python."""
    cdef Py_ssize_t k
    for k in range(g.count):
        Py_DECREF(<object>g.refs[k])
    free(g.refs)
