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
    """The same where there is one sweep, and arrays."""
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


cdef int swept(Gradients r, list outs, list seeds) except -1:
    """One numeric sweep, its adjoints copied out."""
    cdef Tape t = r.tape
    cdef Sweep s
    cdef Py_ssize_t m, i, k = 0, n = 0
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
    begin(t, "gradients", &s)
    try:
        for v, x in zip(outs, seeds):
            if is_tensor(v) and (<Handle>v).node:
                flow_into(t, (<Handle>v).index, x, "gradients", 0)
        reverse(t, &roots[0], &weights[0], n, &s)
        if modes:
            look_for_anomaly(t, &s)
        if t.payloads:
            return collect_arrays(r, outs, seeds, &s)
        if s.dense:
            for i in range(s.root + 1):
                k += t.adj[i] != 0
        else:
            k = s.order.n
        r.index = np.empty(k, np.int32)
        r.adjoints = np.empty((k, 1))
        k = 0
        for m in range(s.root + 1 if s.dense else s.order.n):
            i = m if s.dense else s.order.node[m]
            if t.adj[i] != 0:
                r.index[k] = <int32_t>i
                r.adjoints[k, 0] = t.adj[i]
                t.adj[i] = 0
                k += 1
        r.n = k
        answer_leaves(r, outs, np.asarray(seeds).reshape(1, -1))
    except BaseException:
        abandon(t)
        raise
    finally:
        end(t, &s)
    return 0


cdef int collect_arrays(Gradients r, list outs, list seeds, Sweep *s) except -1:
    """Copy the adjoints out where there are arrays."""
    cdef Tape t = r.tape
    cdef Py_ssize_t m, i
    cdef Payload *p
    cdef list index = [], numbers = []
    r.objects = []
    for m in range(s.root + 1 if s.dense else s.order.n):
        i = m if s.dense else s.order.node[m]
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


cdef int swept_lanes(Gradients r, list outs, double[:, ::1] seeds) except -1:
    """Several seeds in one pass: lane l of adj[i] is the adjoint for seed l."""
    cdef Tape t = r.tape
    cdef Sweep s
    cdef Py_ssize_t m, i, k, l, lanes = seeds.shape[0], top = 0
    cdef double[:, ::1] adj
    cdef double g
    if t is not None and t.payloads:
        return swept_rows(r, outs, seeds)
    r.several = True
    r.adjoints = np.zeros((0, lanes))
    if t is None:
        answer_leaves(r, outs, seeds)
        return 0
    begin(t, "gradients", &s)
    try:
        graph_of(t, outs, &s.order)
        top = s.order.node[s.order.n - 1] + 1
        adj = np.zeros((top, lanes))
        for k, v in enumerate(outs):
            if (<Value>v).node:
                for l in range(lanes):
                    adj[(<Value>v).index, l] += seeds[l, k]
        for m in range(s.order.n - 1, -1, -1):
            i = s.order.node[m]
            if t.op[i] == OP_CONT or t.op[i] == OP_LEAF:
                continue
            for l in range(lanes):
                g = adj[i, l]
                if t.b[i] >= 0 and t.b[i] != i:
                    adj[t.b[i], l] += g*t.db[i]
                for k in range(i + min(t.b[i], 0), i):
                    if t.b[k] != k:
                        adj[t.b[k], l] += g*t.db[k]
                    if t.a[k] != k:
                        adj[t.a[k], l] += g*t.da[k]
                if t.a[i] != i:
                    adj[t.a[i], l] += g*t.da[i]
        r.index = np.empty(s.order.n, np.int32)
        for m in range(s.order.n):
            r.index[m] = s.order.node[m]
        r.adjoints = np.ascontiguousarray(np.asarray(adj)[np.asarray(r.index)])
        r.n = s.order.n
        answer_leaves(r, outs, seeds)
    finally:
        end(t, &s)
    return 0


cdef int swept_rows(Gradients r, list outs, double[:, ::1] seeds) except -1:
    """Several seeds where there are arrays: a sweep each, the answers stacked."""
    cdef list parts = []
    cdef Gradients one
    cdef Py_ssize_t l
    cdef dict places = {}
    for l in range(seeds.shape[0]):
        one = Gradients.__new__(Gradients)
        one.tape = r.tape
        swept(one, outs, np.asarray(seeds[l]).tolist())
        parts.append(one)
        for i in np.asarray(one.index):
            places[i] = None
    index = sorted(places)
    r.several = True
    r.index = np.array(index, np.int32)
    r.adjoints = np.zeros((len(index), seeds.shape[0]))
    r.objects = []
    for k, i in enumerate(index):
        rows = []
        for l, one in enumerate(parts):
            where = np.flatnonzero(np.asarray(one.index) == i)
            rows.append(None if not where.size else one.objects[where[0]] if one.objects[where[0]] is not None
                        else one.adjoints[where[0], 0])
        shaped = [np.shape(x) for x in rows if x is not None]
        rows = np.array([np.zeros(shaped[0]) if x is None else x for x in rows])
        r.objects.append(rows)
    r.n = len(index)
    leaves = {}
    for one in parts:
        for leaf in one.answers:
            leaves[leaf] = []
    for leaf in leaves:
        for one in parts:
            leaves[leaf].append(one.answers.get(leaf, np.zeros(leaf.shape)))
        leaves[leaf] = np.array(leaves[leaf])
    r.answers = leaves
    return 0
