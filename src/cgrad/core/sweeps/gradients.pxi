# core/sweeps/gradients.pxi: derivatives as results (nothing is added to any ``.grad``).

@cython.no_gc_clear
cdef class Gradients(Follower):
    """Gradients()\n--\n
    The result of ``cgrad.gradients``: ``.wrt(x)`` is the derivative of the outputs with respect to x."""

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
                last_handle_gone(t)

    def wrt(self, x, /):
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
