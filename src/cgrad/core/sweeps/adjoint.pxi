# core/sweeps/adjoint.pxi: how the adjoint of one node is handed on to its operands.
#
# A scalar node's is scattered: adj[operand] += adj[i]*partial. A plain number's index points to the node itself: what
# that adds to adj[i] is undone by writing adj[i] back. Special nodes have a ``pullback``:
#
#   array op     g (array)   -> kernels, into the operands' buffers, or summed into a scalar's adj
#   primitive    g           -> its vjp, a Python function
#   item         g (number)  -> one element of the array's buffer (dense sweeps: ``accumulate_items`` after each run)
#
# A buffer of adjoints may be shared (x + b hands on its own): it is copied before anything is added to it.
#
# Whatever takes memory may run Python (a cycle collection, another thread), which may record, and so move the table of
# payloads. Their positions stay, as a tape that is swept loses no nodes: what goes on afterwards looks there again, or
# reads a copy of the entry, whose objects the table keeps.

cdef inline Py_ssize_t scatter(const int32_t[::1] a, const int32_t[::1] b, const double[::1] da,
                               const double[::1] db, double[::1] adj, Py_ssize_t i, double g) noexcept nogil:
    """Add g times the partials of scalar node i to its operands' adjoints; return the next node down."""
    cdef Py_ssize_t k, lowest = lowest_entry(b, i)
    for k in range(lowest, i):
        adj[b[k]] += g*db[k]
        adj[a[k]] += g*da[k]
        adj[k] = 0
    adj[second_operand(b, i)] += g*db[i]
    adj[a[i]] += g*da[i]
    adj[i] = g
    return lowest - 1


cdef inline bint owned_contiguous(object array) noexcept:
    return cnp.PyArray_BASE(<cnp.ndarray>array) == NULL and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>array) \
        and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>array)


cdef inline bint exclusive(PyObject *array) noexcept:
    return references(array) == 1 and owned_contiguous(<object>array)


cdef int own_adjoint(Tape t, Py_ssize_t k) except -1:
    """Give payload k a buffer that nobody shares: a copy, or zeros if it had none."""
    cdef cnp.ndarray value
    if t.payload[k].adjoint != NULL:
        if not exclusive(t.payload[k].adjoint):
            set_adjoint(t, k, cnp.PyArray_NewCopy(<cnp.ndarray>t.payload[k].adjoint, cnp.NPY_CORDER))
        return 0
    value = <cnp.ndarray>t.payload[k].value
    set_adjoint(t, k, new_zeros(cnp.PyArray_NDIM(value), cnp.PyArray_DIMS(value), single(value)))
    return 0


cdef void set_adjoint(Tape t, Py_ssize_t k, object adjoint) noexcept:
    """Replace the adjoint of payload k."""
    cdef PyObject *before = t.payload[k].adjoint
    Py_INCREF(adjoint)
    t.payload[k].adjoint = <PyObject *>adjoint
    if before != NULL:
        Py_DECREF(<object>before)


cdef int accumulate_adjoint(Tape t, Py_ssize_t j, object c, object op, object position) except -1:
    """Add c, the result of a rule, to the adjoint of node j."""
    cdef Py_ssize_t k
    cdef double number
    cdef object shape, array, value
    if c is None:
        return 0
    if is_tensor(c) or is_value(c):
        c = plain(c)
    k = first_payload(t, j) if t.op[j] & SPECIAL else -1
    if k < 0 or t.payload[k].value == NULL:
        if cnp.PyArray_Check(c) and c.ndim:
            c = c.sum()
        number = c
        t.adj[j] += number
        return 0
    value = <object>t.payload[k].value
    array = c
    if not (cnp.PyArray_CheckExact(c) and cnp.PyArray_TYPE(<cnp.ndarray>c) == cnp.PyArray_TYPE(<cnp.ndarray>value)
            and plain_layout(c)):
        array = np.asarray(c, value.dtype)
    if not same_shape(array, value):
        shape = value.shape
        try:
            joint = np.broadcast_shapes(array.shape, shape)
        except ValueError:
            raise errors.bad_adjoint(op, position, array.shape, shape) from None
        if len(joint) > len(shape) and array.ndim < len(joint):
            raise errors.bad_adjoint(op, position, array.shape, shape)
    elif t.payload[k].adjoint == NULL and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>array):
        set_adjoint(t, k, array)
        return 0
    own_adjoint(t, k)
    return add_to(<object>t.payload[k].adjoint, array, False)


cdef bint idle(Tape t, const Payload *p) noexcept:
    """True if no adjoint has come to a special node, or a zero: outside the roots' graph nothing is handed on."""
    if p.value != NULL or (t.op[p.node] & OP_MASK) == OP_FUNCTION:
        return p.adjoint == NULL
    return t.adj[p.node] == 0


cdef bint has_nan(object array) except -1:
    """True if there is a nan in an array."""
    cdef cnp.ndarray x = <cnp.ndarray>array
    if not cnp.PyArray_IS_C_CONTIGUOUS(x):
        x = np.ascontiguousarray(array)
    return any_nan(cnp.PyArray_DATA(x), cnp.PyArray_SIZE(x), single(x))


cdef int keep_answer(Tape t, Py_ssize_t i, object answer) except -1:
    """Keep what users' code has answered at node i: should the sweep begin anew, it is not asked again."""
    if t.reach is None:
        if t.answers is None:
            t.answers = {}
        t.answers[i] = answer
    return 0


cdef int call_hooks(Tape t, Py_ssize_t k) except -1:
    """Let the hooks of payload k's node see, and replace, its adjoint."""
    cdef Py_ssize_t i = t.payload[k].node
    cdef bint array = t.payload[k].value != NULL
    cdef object g
    if t.answers is not None and i in t.answers:
        g = t.answers[i]
    else:
        if array:
            own_adjoint(t, k)  # a hook may write to it
        g = adjoint_of(t, &t.payload[k])
        if t.reach is None and (has_nan(g) if array else g != g):
            t.doubtful = True
            return 0
        g = hooked(<object>t.payload[k].hooks, g, OP_NAMES[t.op[i] & OP_MASK])
        if array and references(<PyObject *>g) > 1 + (t.payload[k].adjoint == <PyObject *>g):  # a hook has kept it
            g = g.copy()
        keep_answer(t, i, g)
    if array:
        set_adjoint(t, k, g)
    else:
        t.adj[i] = g
    return 0


cdef int pullback(Tape t, Py_ssize_t k) except -1:
    """Hand on the adjoint of payload k's node, which belongs to the roots' graph."""
    cdef Py_ssize_t i = t.payload[k].node
    cdef int op = t.op[i] & OP_MASK
    cdef Payload p
    if op == OP_LEAF:
        return 0
    if idle(t, &t.payload[k]):
        if op == OP_FUNCTION or op == OP_OUTPUT:
            return 0
        if t.payload[k].value != NULL:
            own_adjoint(t, k)  # zeros: times infinity they are nan
    elif t.payload[k].hooks != NULL:
        call_hooks(t, k)
    p = t.payload[k]
    if p.value == NULL and t.adj[i] != t.adj[i]:
        t.doubtful = True
    if t.doubtful:
        return 0
    if op == OP_GATHER:
        return pullback_gather(t, &p)
    if op == OP_PRIMITIVE:
        return pullback_primitive(t, k)
    if op == OP_FUNCTION:
        return pullback_function(t, k)
    if op == OP_OUTPUT:
        return pullback_output(t, k)
    if op == OP_ITEM:
        return accumulate_item(t, i)
    if p.value == NULL:  # a scalar with hooks
        scatter(t.a, t.b, t.da, t.db, t.adj, i, t.adj[i])
        return 0
    return pullback_elementwise(t, &p, op)


cdef int pullback_elementwise(Tape t, const Payload *p, int op) except -1:
    """The same of an elementwise operation, p a copy of its entry."""
    cdef Py_ssize_t[3] entry, j
    cdef double[3] number
    cdef PyObject *array[3]
    cdef int n = OP_ARITY[op], k
    cdef bint flowed = False
    operand_data(t, p, op, entry, j, number, array)
    for k in range(n - 1, -1, -1):  # as numbers are scattered
        if j[k] != entry[k] and FLOWS[op][k]:
            pullback_operand(t, p, op, k, n, j[k], number, array)
            flowed = True
    if not flowed and has_nan(<object>p.adjoint):  # it would not be seen below
        t.doubtful = True
    return 0


cdef int operand_data(Tape t, const Payload *p, int op, Py_ssize_t *entry, Py_ssize_t *j, double *number,
                      PyObject **array) except -1:
    """The operands of an elementwise node: entries, nodes (the entry itself: none), numbers or arrays (else NULL)."""
    cdef Py_ssize_t i = p.node
    cdef PyObject *constants = p.saved
    cdef PyObject *c
    cdef Payload *q
    cdef int n = OP_ARITY[op], k
    for k in range(n):
        array[k] = NULL
        entry[k] = i if k == 0 or n == 2 else i - 1
        if k == 0 or (n == 3 and k == 1):
            j[k], number[k] = t.a[entry[k]], t.da[entry[k]]
        else:
            j[k], number[k] = t.b[entry[k]], t.db[entry[k]]
        if j[k] != entry[k]:
            q = payload_at(t, j[k])
            if q != NULL and q.value != NULL:
                array[k] = q.value
            else:
                number[k] = t.val[j[k]]
        elif constants != NULL:
            c = <PyObject *>(<tuple>constants)[k]
            if c != <PyObject *>None:
                array[k] = c
    return 0


cdef int pullback_operand(Tape t, const Payload *p, int op, int k, int n, Py_ssize_t j, double *number,
                          PyObject **array) except -1:
    """adjoint of operand k, node j, += g*partial."""
    cdef Walk w
    cdef Py_ssize_t at = first_payload(t, j) if t.op[j] & SPECIAL else -1
    cdef cnp.ndarray g = <cnp.ndarray>p.adjoint
    cdef bint scalar = at < 0 or t.payload[at].value == NULL, f32 = single(g), clear = False
    cdef float[3] floats
    cdef double total = 0
    cdef float total_f = 0
    start_walk(&w, cnp.PyArray_NDIM(g), cnp.PyArray_DIMS(g))
    if scalar:
        bind_number(&w, ACC, <void *>&total_f if f32 else <void *>&total)
    else:
        if t.payload[at].adjoint == NULL and same_shape(<object>t.payload[at].value, g):
            if FLOWS[op][k] == 2:
                set_adjoint(t, at, g)
                return 0
            set_adjoint(t, at, new_array(cnp.PyArray_NDIM(g), cnp.PyArray_DIMS(g), f32))
            clear = True
        else:
            own_adjoint(t, at)
        bind_operand(&w, ACC, t.payload[at].adjoint)
    walk_partial(&w, p, <PyObject *>g, op, k, n, number, floats, array, clear)
    if scalar:
        t.adj[j] += total_f if f32 else total
    return 0


cdef void walk_partial(Walk *w, const Payload *p, PyObject *g, int op, int k, int n, const double *number,
                       float *floats, PyObject **array, bint clear) noexcept:
    """Bind all but the accumulator, then walk: acc += g*partial. floats: room for the numbers, which the walk reads."""
    cdef bint f32 = single(<object>g)
    cdef int m
    bind_operand(w, G, g)
    bind_operand(w, OUT, p.value)
    for m in range(n):
        if array[m] != NULL:
            bind_operand(w, m, array[m])
        else:
            floats[m] = <float>number[m]
            bind_number(w, m, <void *>&floats[m] if f32 else <void *>&number[m])
    if array[n - 1] == NULL:
        op = shortcut_of_partials(op, number[n - 1])
    back_walk(op, k, f32, w, clear)


cdef int pullback_gather(Tape t, const Payload *p) except -1:
    cdef Py_ssize_t i = p.node, k, m = 1
    cdef cnp.ndarray array = np.ascontiguousarray(<object>p.adjoint)
    cdef double *g = <double *>cnp.PyArray_DATA(array)
    if t.a[i] != i:
        t.adj[t.a[i]] += g[0]
    if second_operand(t.b, i) != i:
        t.adj[t.b[i]] += g[1]
    for k in range(lowest_entry(t.b, i), i):
        if t.a[k] != k:
            t.adj[t.a[k]] += g[m]
        if t.b[k] != k:
            t.adj[t.b[k]] += g[m + 1]
        m += 2
    return 0


cdef bint loses_elements(Tape t, list inputs, object out) except -1:
    """True if some elements of a structural result may come from no input: their adjoints are not seen below."""
    cdef Py_ssize_t total = 0
    for j in inputs:
        total += size_of(value_of(t, j))
    return total < size_of(out)


cdef inline Py_ssize_t size_of(object value) noexcept:
    """The number of numbers in a node's value."""
    return cnp.PyArray_SIZE(<cnp.ndarray>value) if cnp.PyArray_Check(value) else 1


cdef int pullback_primitive(Tape t, Py_ssize_t k) except -1:
    cdef Payload p = t.payload[k]
    cdef Primitive rule = <Primitive>p.rule
    cdef tuple saved = <tuple>p.saved, positions = <tuple>saved[0]
    cdef dict kwargs = <dict>saved[2]
    cdef list inputs = inputs_at(t, &p)
    cdef list args = rule.arguments(saved, [value_of(t, i) for i in inputs])
    cdef object g = adjoint_of(t, &p), out = value_of(t, p.node), c
    cdef Py_ssize_t m, position, i = p.node
    if rule.structural and t.reach is None and p.value != NULL and loses_elements(t, inputs, out) and has_nan(g):
        t.doubtful = True
        return 0
    cdef object before = ignore_errors()
    try:
        for m in range(len(inputs)):
            position = positions[m]
            c = vjp_of(rule, position, g, out, args, kwargs)
            if t.reach is not None:
                c = reached_part(t, rule, i, inputs[m], position, c, out, args, kwargs)
            accumulate_adjoint(t, inputs[m], c, rule.name, position + 1)
    finally:
        heed_errors(before)
    return 0


# ---- elements ------------------------------------------------------------------------------------

cdef int accumulate_item(Tape t, Py_ssize_t i) except -1:
    """The adjoint of element node i, into its array's buffer."""
    cdef Py_ssize_t k = first_payload(t, t.b[i]), offset = <Py_ssize_t>t.da[i]
    cdef Payload *q
    own_adjoint(t, k)
    q = &t.payload[k]
    if single(<object>q.value):
        (<float *>cnp.PyArray_DATA(<cnp.ndarray>q.adjoint))[offset] += <float>t.adj[i]
    else:
        (<double *>cnp.PyArray_DATA(<cnp.ndarray>q.adjoint))[offset] += t.adj[i]
    return 0


cdef int accumulate_items(Tape t, Py_ssize_t lo, Py_ssize_t hi) except -1:
    """The same for the element nodes of a run, downwards; clears what scattering left in the array's own adj."""
    cdef Py_ssize_t i, k, array = -1
    cdef Payload *q
    cdef double *d = NULL
    cdef float *f = NULL
    for i in range(hi, lo - 1, -1):
        if t.op[i] != OP_ITEM or t.adj[i] == 0:
            continue
        if t.b[i] != array:
            array = t.b[i]
            t.adj[array] = 0
            k = first_payload(t, array)
            own_adjoint(t, k)
            q = &t.payload[k]
            if single(<object>q.value):
                d, f = NULL, <float *>cnp.PyArray_DATA(<cnp.ndarray>q.adjoint)
            else:
                d, f = <double *>cnp.PyArray_DATA(<cnp.ndarray>q.adjoint), NULL
        if f != NULL:
            f[<Py_ssize_t>t.da[i]] += <float>t.adj[i]
        else:
            d[<Py_ssize_t>t.da[i]] += t.adj[i]
    return 0


cdef int pullback_output(Tape t, Py_ssize_t k) except -1:
    cdef Payload p = t.payload[k]
    cdef Py_ssize_t head = first_payload(t, t.a[p.node])
    cdef object adjoint = adjoint_of(t, &p)
    if t.reach is None and p.value != NULL and has_nan(adjoint):  # which the function must not see if it may be wrong
        t.doubtful = True
        return 0
    if t.payload[head].adjoint == NULL:
        set_adjoint(t, head, [None]*(<object>t.payload[head].saved))
    (<list>t.payload[head].adjoint)[<object>p.saved] = adjoint
    return 0


cdef int pullback_function(Tape t, Py_ssize_t k) except -1:
    cdef Payload p = t.payload[k]
    cdef list inputs = inputs_at(t, &p), adjoints = <list>p.adjoint
    cdef object rule = <object>p.rule
    cdef tuple results
    cdef Py_ssize_t m
    if t.answers is not None and p.node in t.answers:
        results = t.answers[p.node]
    else:
        results = rule.pull(adjoints, None, None)
        keep_answer(t, p.node, results)
    for m in range(len(inputs)):
        accumulate_adjoint(t, inputs[m], results[m], rule.name, m + 1)
    return 0


cdef int drop_adjoints(Tape t) noexcept:
    """Drop the adjoints of special nodes, after a sweep that failed."""
    cdef Py_ssize_t k
    for k in range(t.payloads):
        if t.payload[k].adjoint != NULL:
            forget_adjoint(&t.payload[k])
    return 0


cdef inline void forget_adjoint(Payload *p) noexcept:
    cdef PyObject *x = p.adjoint
    p.adjoint = NULL
    Py_DECREF(<object>x)
