# core/sweeps/gradients.pxi: derivatives as results (nothing is added to any ``.grad``).

@cython.no_gc_clear
cdef class Gradients(Follower):
    """What ``cgrad.gradients`` gives: ``.wrt(x)`` is the derivative of the outputs with respect to x."""

    def __init__(self):
        raise TypeError("Gradients: made by cgrad.gradients()")

    def __dealloc__(self):
        unlink(self)
        self.let_go()

    cdef void let_go(self) noexcept:
        """The recorded adjoints are needed no more."""
        cdef Tape t = self.tape
        if self.holding:
            self.holding = False
            t.records -= 1
            t.dead = True
            if t.live == 0:
                deserted(t)

    def wrt(self, x):
        """g.wrt(x): the adjoint of a Value x (of each, for a list or tuple).

        A float; an array of one number a seed, where several were given; with create_graph a Value.
        0 where the outputs do not depend on x. Raises TapeError for a value of another tape.
        """
        cdef Py_ssize_t lo = 0, hi = self.n, mid
        cdef Handle v
        if type(x) in (list, tuple):
            return type(x)([self.wrt(y) for y in x])
        if not (is_value(x) or is_tensor(x)):
            raise errors.no_value("wrt", "x", x)
        v = <Handle>x
        if x in self.answers:
            return self.answers[x]
        if v.node:
            check_node(v, "wrt")
            if v.home != <PyObject *>self.tape:
                raise errors.foreign("wrt", v, self.tape)
        if self.asked:
            raise errors.not_asked(v)
        if v.node:
            while lo < hi:
                mid = (lo + hi)//2
                if self.index[mid] < v.index:
                    lo = mid + 1
                else:
                    hi = mid
            if lo < self.n and self.index[lo] == v.index:
                return self.answer(lo)
        return self.zero(x)

    cdef object zero(self, object x):
        if is_tensor(x) and (self.graph and (<Tensor>x).array.ndim == 0):
            return Value(0.0)
        if is_tensor(x):
            zeros = np.zeros((<Tensor>x).array.shape, (<Tensor>x).array.dtype)
            return plain_tensor(zeros) if self.graph else zeros
        if self.graph:
            return Value(0.0)
        return np.zeros(self.adjoints.shape[1]) if self.several else 0.0

    cdef object answer(self, Py_ssize_t k):
        """Entry k as the caller sees it."""
        if self.objects is not None and self.objects[k] is not None:
            return plain_tensor(self.objects[k]) if self.graph else self.objects[k].copy()
        if self.graph:
            if self.place[k] < 0:
                return Value(self.adjoints[k, 0])
            return value_at(self.tape, self.place[k])
        return np.array(self.adjoints[k]) if self.several else self.adjoints[k, 0]

    # ---- following the tape's collections (no memory is taken here) ----

    cdef void hold(self, Py_ssize_t lo) noexcept:
        """Recorded adjoints are needed as long as they can be asked for."""
        cdef Py_ssize_t k
        if self.graph:
            for k in range(self.n):
                if self.place[k] >= lo:
                    self.tape.used[self.place[k]] |= USED

    cdef void move(self, Py_ssize_t lo, Py_ssize_t top) noexcept:
        cdef Py_ssize_t k, m, kept = 0, i
        for k in range(self.n):
            i = self.index[k]
            if i >= lo:
                i = moved(self.tape, i) if top else -1
            if i < 0:
                continue
            self.index[kept] = <int32_t>i
            if self.graph:
                i = self.place[k]
                self.place[kept] = <int32_t>(i if i < lo else moved(self.tape, i))
            if self.objects is not None:
                self.objects[kept] = self.objects[k]
            for m in range(self.adjoints.shape[1]):
                self.adjoints[kept, m] = self.adjoints[k, m]
            kept += 1
        self.n = kept

    cdef void cut(self, Py_ssize_t to) noexcept:
        """Nodes from ``to`` up are gone; adjoints recorded there are plain numbers from now on."""
        cdef Py_ssize_t k
        while self.n and self.index[self.n - 1] >= to:
            self.n -= 1
        if self.graph:
            for k in range(self.n):
                if self.place[k] >= to:
                    self.place[k] = -1


cdef list values_of(object given, str op, str what):
    """One Value or Tensor, or a sequence of them, as a list."""
    cdef list result = [given] if is_value(given) or is_tensor(given) else None
    if result is None:
        if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
            raise errors.no_value(op, what, given)
        result = list(given)
        for k, v in enumerate(result):
            if not (is_value(v) or is_tensor(v)):
                raise errors.no_value(op, f"{what}[{k}]", v)
    return result


cdef object tape_of(list outputs, str op):
    """The one tape of the outputs' histories; None where all are leaves."""
    tape = None
    for v in outputs:
        check_node(v, op)
        if (<Handle>v).node:
            if tape is None:
                tape = <object>(<Handle>v).home
            elif <PyObject *>tape != (<Handle>v).home:
                raise errors.foreign(op, v, tape)
    return tape


cdef object seeds_of(object seed, Py_ssize_t n):
    """Seeds as an array (seeds, n)."""
    if seed is None:
        return np.ones((1, n))
    try:
        array = np.asarray(seed)
    except ValueError:  # rows of different lengths
        raise errors.bad_seed("rows of different lengths") from None
    if array.dtype.kind not in "fiub":  # NumPy would make nan of None, and drop imaginary parts
        raise errors.bad_seed(f"a {type(seed).__name__} of {array.dtype} is no array of real numbers")
    array = array.astype(np.float64)
    if array.ndim == 0:
        return np.full((1, n), float(array))
    if array.ndim > 2 or array.shape[array.ndim - 1] != n:
        raise errors.bad_seed(f"an array of shape {array.shape} for {n} outputs")
    return np.ascontiguousarray(array.reshape(-1, n))


def gradients(outputs, inputs=None, *, seed=None, create_graph=False):
    """cgrad.gradients(outputs, inputs=None, *, seed=None, create_graph=False): derivatives as an object.

    outputs: a Value or Tensor, or a sequence of them, with histories on one tape.
    inputs: the values that will be asked for; None: any. Naming them saves time and memory.
    seed: the vector s of s^T J, a number an output (default 1 each); of shape (seeds, outputs): several
    sweeps in one. With create_graph numbers or Values, one an output. Where outputs are Tensors: an array of its
    shape for each (of one output: that array itself), ones by default.
    create_graph: record the derivatives as nodes, so that they can be differentiated again, to any order.

    ``.wrt(x)`` of the result is a float, of a Tensor an ndarray (Values and Tensors with create_graph); 0 where
    outputs do not depend on x. Touches no ``.grad``. Raises TapeError for values of two tapes.

    >>> import cgrad
    >>> x = cgrad.Value(2.0)
    >>> g = cgrad.gradients(x**3, create_graph=True).wrt(x)
    >>> g.data, cgrad.gradients(g).wrt(x)
    (12.0, 12.0)
    """
    cdef list outs = values_of(outputs, "gradients", "outputs")
    cdef list ins = None if inputs is None else values_of(inputs, "gradients", "inputs")
    cdef object home = tape_of(outs, "gradients")
    cdef Gradients result = Gradients.__new__(Gradients)
    cdef Handle v
    cdef double plain_seed = 0
    cdef bint arrays = any([is_tensor(o) for o in outs])
    if traces and (not create_graph or arrays or (home is not None and (<Tape>home).payloads)):
        refuse_effect("gradients" if create_graph else "gradients without create_graph=True")
    result.graph = create_graph
    result.answers = {}
    if ins is not None:
        for v in ins:
            check_node(v, "gradients")
            if v.node and <PyObject *>home != v.home:
                raise errors.foreign("gradients", v, home)
    if home is not None:
        link(result, home)
    if arrays:
        seeds = seeds_of_arrays(seed, outs, is_tensor(outputs), create_graph)
        if create_graph:
            recorded(result, outs, ins, seeds)
        else:
            swept(result, outs, seeds)
    elif create_graph:
        if seed is None:
            seeds = [1.0]*len(outs)
        else:
            seeds = list(seed) if isinstance(seed, (list, tuple, np.ndarray)) else [seed]*len(outs)
        if len(seeds) != len(outs):
            raise errors.bad_seed(f"{len(seeds)} numbers for {len(outs)} outputs")
        for x in seeds:
            if not is_value(x) and number(x, &plain_seed) != NUMBER:
                raise errors.bad_seed(f"a {type(x).__name__} is no number and no Value")
        recorded(result, outs, ins, seeds)
    else:
        array = seeds_of(seed, len(outs))
        result.several = seed is not None and np.ndim(seed) == 2
        if array.shape[0] == 1:
            swept(result, outs, array[0].tolist())
        else:
            swept_lanes(result, outs, array)
    if ins is not None:
        answers = {v: result.wrt(v) for v in ins}
        result.answers = answers
        result.asked = True
        result.n = 0
        unlink(result)
        result.let_go()
    return result


cdef list seeds_of_arrays(object seed, list outs, bint one, bint graph):
    """One seed an output, where some of them are arrays."""
    cdef list result = []
    given = [seed] if one else list(seed) if seed is not None else [None]*len(outs)
    if len(given) != len(outs):
        raise errors.bad_seed(f"{len(given)} seeds for {len(outs)} outputs")
    for x, v in zip(given, outs):
        if graph and (is_value(x) or is_tensor(x)):
            if np.shape(plain(x)) != np.shape(plain(v)):
                raise errors.bad_seed(f"an array of shape {np.shape(plain(x))} for an output of shape {v.shape}")
            result.append(x)
        elif is_tensor(v):
            result.append(seed_array(<Tensor>v, x, "gradients"))
        else:
            result.append(1.0 if x is None else plain_named(x, "seed"))
    return result


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


cdef int graph_of(Tape t, list outs, Order *o) except -1:
    """List the nodes below the outputs."""
    for v in outs:
        if (<Handle>v).node:
            push(o, t, (<Handle>v).index)
    return whole_graph(t, o)


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


cdef int recorded(Gradients r, list outs, list ins, list seeds) except -1:
    """The sweep recorded as nodes of the same tape."""
    cdef Tape t = r.tape
    cdef Sweep s
    cdef Adjoint *adjoint = NULL
    cdef uint8_t *needed = NULL
    cdef Py_ssize_t m, i, k, top
    cdef Term seed
    cdef Ref ref
    cdef Recording arrays = Recording()
    cdef object before
    r.adjoints = np.zeros((0, 1))
    if t is None:
        for v, x in zip(outs, seeds):
            x = x if is_value(x) or is_tensor(x) else Value(x) if is_value(v) else plain_tensor(x)
            r.answers[v] = r.answers[v] + x if v in r.answers else x
        return 0
    begin(t, "gradients", &s)
    before = _current(t)  # what is recorded of leaves alone belongs here too
    try:
        for k, x in enumerate(seeds):  # seeds that are Values get their places first
            if is_tensor(outs[k]):
                continue
            term(x, &seed, OP_MUL, 0)
            if is_value(x):
                check_node(x, "gradients")
                if (<Value>x).home != <PyObject *>t:
                    if t.top >= t.limit:
                        make_room(t, 0)
                    bind(x, t, OP_MUL)
        graph_of(t, outs, &s.order)
        top = s.order.node[s.order.n - 1] + 1
        adjoint = <Adjoint *>calloc(top, sizeof(Adjoint))
        if ins is not None:
            needed = <uint8_t *>calloc(top, 1)
        if adjoint == NULL or (ins is not None and needed == NULL):
            raise MemoryError("gradients: no memory for the recorded adjoints")
        if ins is not None:
            mark_needed(t, &s.order, ins, needed, top)
        for v, x in zip(outs, seeds):
            if not (<Handle>v).node:
                continue
            if is_tensor(v):
                i = (<Handle>v).index
                arrays.adjoint[i] = arrays.adjoint[i] + x if i in arrays.adjoint else x
                continue
            ref = node(t, (<Value>x).index) if is_value(x) else constant(plain_named(x, "seed"))
            if t.top >= t.limit:
                make_room(t, 0)
            i = (<Value>v).index
            adjoint[i].ref = record2(t, OP_ADD, adjoint[i].ref, ref) if adjoint[i].known else ref
            adjoint[i].known = True
        record_adjoint(t, &s.order, adjoint, needed, arrays)
        settle_arrays(t, adjoint, arrays, r)
        add_slots(t, &s.order, adjoint, r)
        for m in range(s.order.n):
            if adjoint[s.order.node[m]].known:
                adjoint[s.order.node[m]].ref = own_node(t, adjoint[s.order.node[m]].ref)
        k = 0
        for m in range(s.order.n):
            k += adjoint[s.order.node[m]].known
        r.index = np.empty(k, np.int32)
        r.place = np.empty(k, np.int32)
        r.adjoints = np.empty((k, 1))
        k = 0
        if arrays.adjoint:
            r.objects = [None]*r.index.shape[0]
        for m in range(s.order.n):
            i = s.order.node[m]
            if adjoint[i].known:
                r.index[k] = <int32_t>i
                r.place[k] = adjoint[i].ref.i
                r.adjoints[k, 0] = adjoint[i].ref.v
                if i in arrays.adjoint and adjoint[i].ref.i < 0 and not is_value(arrays.adjoint[i]):
                    r.objects[k] = arrays.adjoint[i]
                k += 1
        r.n = k
        t.records += 1
        r.holding = True
        for v, x in zip(outs, seeds):
            if not (<Handle>v).node:
                x = x if is_value(x) or is_tensor(x) else Value(x) if is_value(v) else plain_tensor(x)
                r.answers[v] = r.answers[v] + x if v in r.answers else x
    finally:
        free(adjoint)
        free(needed)
        _current(before)
        t.dead = True  # steps towards adjoints that vanished are garbage
        end(t, &s)
    return 0


cdef int mark_needed(Tape t, Order *o, list ins, uint8_t *needed, Py_ssize_t top) except -1:
    """The nodes through which the outputs depend on the inputs."""
    cdef Py_ssize_t m, i, k
    cdef set leaves = set()
    for v in ins:
        if (<Handle>v).node:
            if (<Handle>v).index < top:
                needed[(<Handle>v).index] = 1
        else:
            leaves.add(v)
    for m in range(o.n):
        i = o.node[m]
        if t.op[i] == OP_LEAF:
            if <object>leaf_at(t, i) in leaves:
                needed[i] = 1
            continue
        if t.op[i] == OP_LEAF | SPECIAL:
            if <object>payload_at(t, i).leaf in leaves:
                needed[i] = 1
            continue
        needed[i] |= needed[t.a[i]]
        if t.b[i] >= 0:
            needed[i] |= needed[t.b[i]]
        else:
            for k in range(i + t.b[i], i):
                needed[i] |= needed[k]
    return 0


cdef Ref own_node(Tape t, Ref r) except *:
    """An adjoint that is a leaf (d(x*y)/dx is y) as a node: it must not change with the leaf's data."""
    cdef Ref[2] x
    if r.i < 0 or t.op[r.i] != OP_LEAF:
        return r
    if t.top >= t.limit:
        make_room(t, 0)
    x[0], x[1] = r, constant(1.0)
    return record(t, OP_MUL, x, 2)


cdef int add_slots(Tape t, Order *o, Adjoint *adjoint, Gradients r) except -1:
    """The answers for leaves: over all slots of each."""
    cdef Py_ssize_t m, i
    cdef Ref ref, one
    cdef dict first = {}
    for m in range(o.n):
        i = o.node[m]
        if t.op[i] != OP_LEAF or not adjoint[i].known:
            continue
        leaf = <object>leaf_at(t, i)
        ref = adjoint[i].ref
        if leaf in first:
            if t.top >= t.limit:
                make_room(t, 0)
            one = adjoint[<Py_ssize_t>first[leaf]].ref
            ref = record2(t, OP_ADD, one, ref)
            adjoint[<Py_ssize_t>first[leaf]].ref = ref
        else:
            first[leaf] = i
    for leaf, i in first.items():
        ref = own_node(t, adjoint[i].ref)
        adjoint[i].ref = ref
        r.answers[leaf] = value_at(t, ref.i) if ref.i >= 0 else Value(ref.v)
    return 0


_fill_ufuncs()
