# core/sweeps/careful.pxi: the reverse sweep along what was chosen (core/sweeps/reach.pxi), where a fast one met a nan.
#
# The same sums in the same order, but for the edges that do not pass. Slower, and seldom.

cdef int reverse_reached(Tape t, const int32_t *roots, Py_ssize_t n, Sweep *s) except -1:
    """Sweep down from the roots, whose adjoints are seeds, along what was chosen."""
    cdef Reach r = Reach()
    cdef Py_ssize_t m, i
    cdef int op
    r.node, r.elements = np.zeros(s.root + 1, np.uint8), {}
    t.reach = r
    try:
        for m in range(n):
            r.node[roots[m]] = 1
        for m in range(sweep_size(s) - 1, -1, -1):
            i = sweep_node(s, m)
            op = t.op[i]
            if not r.node[i] or op == OP_LEAF:
                continue
            if op & SPECIAL or op == OP_ITEM:
                pull_reached(t, r, i)
            else:
                scatter_reached(t, r, i, op)
    finally:
        t.reach = None
    return 0


cdef void scatter_reached(Tape t, Reach r, Py_ssize_t i, int op) noexcept:
    """``scatter``, in its order, along the edges that pass."""
    cdef Py_ssize_t k, lowest = lowest_entry(t.b, i)
    cdef double g = t.adj[i]
    for k in range(lowest, i):
        add_reached(t, r, op, 2, k, t.b[k], t.db[k], g)
        add_reached(t, r, op, 1, k, t.a[k], t.da[k], g)
    add_reached(t, r, op, 1, i, second_operand(t.b, i), t.db[i], g)
    add_reached(t, r, op, 0, i, t.a[i], t.da[i], g)


cdef inline void add_reached(Tape t, Reach r, int op, int position, Py_ssize_t k, Py_ssize_t to, double partial,
                             double g) noexcept:
    """adj[to] += g*partial, ``to`` an operand of entry k; k itself: none."""
    if to != k and passes(op, position, partial):
        r.node[to] = 1
        t.adj[to] += g*partial


cdef int pull_reached(Tape t, Reach r, Py_ssize_t i) except -1:
    """``pullback`` of a special node or an element."""
    cdef Py_ssize_t k = first_payload(t, i)
    cdef Payload p
    cdef int op = t.op[i] & OP_MASK
    cdef object mask
    if op == OP_LEAF:
        return 0
    if t.op[i] & SPECIAL:  # all but elements without hooks
        if t.payload[k].hooks != NULL and not idle(t, &t.payload[k]):
            call_hooks(t, k)
        if t.payload[k].value != NULL and t.payload[k].adjoint == NULL:
            own_adjoint(t, k)
        p = t.payload[k]
    if op == OP_ITEM:
        accumulate_item(t, i)
        mask = np.zeros((<object>payload_at(t, t.b[i]).value).shape, bool)
        mask.reshape(-1)[<Py_ssize_t>t.da[i]] = True
        return reach_elements(r, t.b[i], mask)
    if op == OP_OUTPUT:
        pullback_output(t, k)
        return reach_elements(r, t.a[i], None)
    if op == OP_FUNCTION:
        if p.adjoint != NULL:
            pullback_function(t, k)
            for j in inputs_at(t, &p):
                if j >= 0:
                    reach_elements(r, j, None)
        return 0
    if op == OP_PRIMITIVE:
        return pullback_primitive(t, k)
    if p.value == NULL:  # a scalar with hooks
        scatter_reached(t, r, i, op)
        return 0
    if op == OP_GATHER:
        return gather_reached(t, r, &p)
    return elementwise_reached(t, r, &p, op)


cdef int gather_reached(Tape t, Reach r, const Payload *p) except -1:
    """Numbers that were made an array: each gets its element's adjoint."""
    cdef object g = np.asarray(<object>p.adjoint).reshape(-1), mask = r.elements.get(p.node)
    for m, j in enumerate(inputs_at(t, p)):
        if j >= 0 and (mask is None or mask.reshape(-1)[m]):
            r.node[j] = 1
            t.adj[j] += <double>g[m]
    return 0


cdef int elementwise_reached(Tape t, Reach r, const Payload *p, int op) except -1:
    """``pullback_elementwise``, along the elements that pass."""
    cdef Py_ssize_t[3] entry, j
    cdef double[3] number
    cdef PyObject *array[3]
    cdef Payload part = p[0]
    cdef int n = OP_ARITY[op], k
    cdef object mask = r.elements.get(p.node), here, c, shape
    operand_data(t, p, op, entry, j, number, array)
    for k in range(n - 1, -1, -1):
        if j[k] == entry[k] or not FLOWS[op][k]:
            continue
        here = mask
        if OP_CHOICE[op]:
            taken = product(p, np.ones_like(<object>p.adjoint), op, k, n, number, array) != 0
            here = taken if mask is None else taken & mask
        if here is None or here.all():
            pullback_operand(t, p, op, k, n, j[k], number, array)
            reach_elements(r, j[k], None)
            continue
        c = product(p, <object>p.adjoint, op, k, n, number, array)
        c[~here] = 0
        part.adjoint = <PyObject *>c
        pullback_operand(t, &part, OP_ADD, 0, 2, j[k], number, array)  # summed up in the same order
        shape = (<object>payload_at(t, j[k]).value).shape if is_array(t, j[k]) else ()
        reach_elements(r, j[k], fitted(here, shape))
    return 0


cdef object product(const Payload *p, object g, int op, int k, int n, const double *number, PyObject **array):
    """g times the partial by operand k, an array of the result's shape."""
    cdef Walk w
    cdef float[3] floats
    cdef object total = np.zeros_like(g, order="C")
    start_walk(&w, cnp.PyArray_NDIM(<cnp.ndarray>g), cnp.PyArray_DIMS(<cnp.ndarray>g))
    bind_operand(&w, ACC, <PyObject *>total)
    walk_partial(&w, p, <PyObject *>g, op, k, n, number, floats, array, False)
    return total
