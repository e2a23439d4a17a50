# core/sweeps/gradients_numeric.pxi: gradients by sweeps over numbers, one seed or several.

cdef int answer_leaves(Gradients r, list outs, double[:, ::1] seeds) except -1:
    """Add up the leaves' adjoints: over their slots, and as outputs of their own."""
    cdef Tape t = r.tape
    cdef Py_ssize_t k
    cdef dict totals = {}
    for k in range(r.n):
        if t.op[r.index[k]] == OP_LEAF:
            leaf = <object>leaf_at(t, r.index[k])
            row = r.adjoints[k, 0] if not r.several else np.array(r.adjoints[k])
            totals[leaf] = totals[leaf] + row if leaf in totals else row
    for k, v in enumerate(outs):
        if not (<Value>v).node:
            row = seeds[0, k] if not r.several else np.array(seeds[:, k])
            totals[v] = totals[v] + row if v in totals else row
    r.answers = totals
    return 0


cdef int answer_arrays(Gradients r, list outs, list seeds) except -1:
    """The same for one sweep over arrays."""
    cdef Tape t = r.tape
    cdef Py_ssize_t k
    cdef dict totals = {}
    for k in range(r.n):
        if (t.op[r.index[k]] & OP_MASK) != OP_LEAF:
            continue
        if t.op[r.index[k]] & SPECIAL:
            leaf, row = <object>payload_at(t, r.index[k]).leaf, r.objects[k].copy()
        else:
            leaf, row = <object>leaf_at(t, r.index[k]), r.adjoints[k, 0]
        totals[leaf] = totals[leaf] + row if leaf in totals else row
    for v, row in zip(outs, seeds):
        if not (<Handle>v).node:
            totals[v] = totals[v] + row if v in totals else row
    r.answers = totals
    return 0


cdef Py_ssize_t count_adjoints(Tape t, const Sweep *s) noexcept:
    """The number of nodes that a sweep has given an adjoint."""
    cdef Py_ssize_t m, n = 0
    for m in range(sweep_size(s)):
        n += t.adj[sweep_node(s, m)] != 0
    return n


cdef void take_adjoints(Tape t, const Sweep *s, int32_t[::1] index, double[:, ::1] adjoints) noexcept:
    """Take the adjoints out of adj, with their nodes."""
    cdef Py_ssize_t m, i, k = 0
    for m in range(sweep_size(s)):
        i = sweep_node(s, m)
        if t.adj[i] != 0:
            index[k] = <int32_t>i
            adjoints[k, 0] = t.adj[i]
            t.adj[i] = 0
            k += 1


cdef int swept(Gradients r, list outs, list seeds) except -1:
    """One numeric sweep, its adjoints copied out."""
    cdef Tape t = r.tape
    cdef Sweep s
    cdef Py_ssize_t m, n = 0
    cdef int32_t[::1] roots = np.zeros(len(outs), np.int32)
    cdef double[::1] weights = np.zeros(len(outs))
    for m in range(len(outs)):
        if (<Handle>outs[m]).node:
            roots[n] = (<Handle>outs[m]).index
            weights[n] = seeds[m] if is_value(outs[m]) else 0
            n += 1
    r.adjoints = np.zeros((0, 1))
    if n == 0:
        answer_arrays(r, outs, seeds)
        return 0
    begin_sweep(t, "gradients", &s)
    try:
        arrays = [((<Handle>v).index, x) for v, x in zip(outs, seeds) if is_tensor(v) and (<Handle>v).node]
        reverse(t, &roots[0], &weights[0], n, arrays, &s)
        if modes:
            look_for_anomaly(t, &s)
        if t.payloads:
            return collect_arrays(r, outs, seeds, &s)
        r.n = count_adjoints(t, &s)
        r.index = np.empty(r.n, np.int32)
        r.adjoints = np.empty((r.n, 1))
        take_adjoints(t, &s, r.index, r.adjoints)
        answer_leaves(r, outs, np.asarray(seeds).reshape(1, -1))
    except BaseException:
        abandon_sweep(t)
        raise
    finally:
        end_sweep(t, &s)
    return 0


cdef int collect_arrays(Gradients r, list outs, list seeds, Sweep *s) except -1:
    """Copy the adjoints out where there are arrays."""
    cdef Tape t = r.tape
    cdef Py_ssize_t m, i
    cdef Payload *p
    cdef list index = [], numbers = []
    r.objects = []
    for m in range(sweep_size(s)):
        i = sweep_node(s, m)
        p = payload_at(t, i)
        if p != NULL and p.adjoint != NULL:
            if p.value != NULL:
                index.append(i)
                numbers.append(0.0)
                r.objects.append(<object>p.adjoint)
            forget_adjoint(p)
        elif t.adj[i] != 0 and (p == NULL or p.value == NULL) and t.op[i] != OP_CONT:
            index.append(i)
            numbers.append(t.adj[i])
            r.objects.append(None)
        t.adj[i] = 0
    r.index = np.array(index, np.int32)
    r.adjoints = np.array(numbers).reshape(-1, 1)
    r.n = len(index)
    answer_arrays(r, outs, seeds)
    return 0


cdef int swept_seeds(Gradients r, list outs, double[:, ::1] seeds) except -1:
    """Several seeds in one sweep: row i of ``adj`` holds node i's adjoints, one a seed."""
    cdef Tape t = r.tape
    cdef Sweep s
    cdef Py_ssize_t m, k, l, n = seeds.shape[0]
    cdef double[:, ::1] adj
    r.several = True
    r.adjoints = np.zeros((0, n))
    if t is None:
        answer_leaves(r, outs, seeds)
        return 0
    begin_sweep(t, "gradients", &s)
    try:
        graph_of(t, outs, &s.graph)
        adj = np.zeros((s.graph.node[s.graph.n - 1] + 1, n))
        for k, v in enumerate(outs):
            if (<Value>v).node:
                for l in range(n):
                    adj[(<Value>v).index, l] += seeds[l, k]
        reverse_rows(t, &s.graph, adj)
        r.index = np.empty(s.graph.n, np.int32)
        for m in range(s.graph.n):
            r.index[m] = s.graph.node[m]
        r.adjoints = np.ascontiguousarray(np.asarray(adj)[np.asarray(r.index)])
        r.n = s.graph.n
        if any_nan(&r.adjoints[0, 0], r.n*n, False):
            sweep_again(r, outs, seeds, &s)
        answer_leaves(r, outs, seeds)
    except BaseException:
        abandon_sweep(t)
        raise
    finally:
        end_sweep(t, &s)
    return 0


cdef int sweep_again(Gradients r, list outs, double[:, ::1] seeds, Sweep *s) except -1:
    """The columns of several seeds in which there is a nan: each by a sweep of its own, which is careful."""
    cdef Tape t = r.tape
    cdef Py_ssize_t k, l
    cdef list nodes = [k for k, v in enumerate(outs) if (<Value>v).node]
    cdef int32_t[::1] roots = np.array([(<Value>outs[k]).index for k in nodes], np.int32)
    cdef double[::1] weights
    for l in range(seeds.shape[0]):
        if np.any(np.isnan(np.asarray(r.adjoints)[:, l])):
            weights = np.asarray(seeds)[l, nodes]
            reverse(t, &roots[0], &weights[0], roots.shape[0], None, s)
            for k in range(r.n):
                r.adjoints[k, l] = t.adj[r.index[k]]
            clear_swept(t, s)
    return 0


cdef int swept_arrays(Gradients r, list outs, double[:, ::1] seeds) except -1:
    """Several seeds where there are arrays: a sweep each, the answers stacked."""
    cdef Tape t = r.tape
    cdef list parts = []
    cdef Gradients part
    cdef Py_ssize_t l
    t.pinned += 1  # the parts hold indices, and do not follow the nodes
    try:
        for l in range(seeds.shape[0]):
            part = Gradients.__new__(Gradients)
            part.tape = t
            swept(part, outs, np.asarray(seeds[l]).tolist())
            parts.append(part)
    finally:
        t.pinned -= 1
    r.several = True
    stack_nodes(r, parts)
    stack_leaves(r, parts)
    return 0


cdef int stack_nodes(Gradients r, list parts) except -1:
    """The adjoints of nodes, one a part, stacked; zeros where a part has none."""
    cdef Gradients part
    cdef Py_ssize_t l
    cdef object index = np.unique(np.concatenate([np.asarray((<Gradients>x).index) for x in parts]))
    cdef list rows = [[None]*len(parts) for _ in range(len(index))]
    for l, part in enumerate(parts):
        for k, place in enumerate(np.searchsorted(index, np.asarray(part.index))):
            x = part.objects[k]
            rows[place][l] = part.adjoints[k, 0] if x is None else x
    r.objects = []
    for row in rows:
        zeros = np.zeros(next(np.shape(x) for x in row if x is not None))
        r.objects.append(np.array([zeros if x is None else x for x in row]))
    r.index = index.astype(np.int32)
    r.adjoints = np.zeros((len(index), len(parts)))
    r.n = len(index)
    return 0


cdef int stack_leaves(Gradients r, list parts) except -1:
    """The same for leaves."""
    cdef Gradients part
    cdef dict rows = {}
    for part in parts:
        for leaf in part.answers:
            rows[leaf] = []
    for leaf, row in rows.items():
        zeros = np.zeros(leaf.shape)
        for part in parts:
            row.append(part.answers.get(leaf, zeros))
        r.answers[leaf] = np.array(row)
    return 0
