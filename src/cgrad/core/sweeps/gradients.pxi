# core/sweeps/gradients.pxi: derivatives as results (nothing is added to any ``.grad``).

@cython.no_gc_clear
cdef class Gradients(Relocatable):
    """Gradients()\n--\n
    The result of ``cgrad.gradients``: ``.wrt(x)`` is the derivative of the outputs with respect to x."""

    def __init__(self):
        raise TypeError("Gradients: cannot be made directly: call cgrad.gradients()")

    def __dealloc__(self):
        unlink(self)
        self.let_go()

    cdef void let_go(self) noexcept:
        """Let go of the recorded adjoints."""
        cdef Tape t = self.tape
        if self.holding:
            self.holding = False
            t.records -= 1
            t.has_garbage = True
            if t.live == 0:
                last_handle_gone(t)

    def wrt(self, x, /):
        """g.wrt(x): the adjoint of a Value x (of each, for a list or tuple).

        Returns a float; an array of one number for each seed, where several were given; with create_graph a Value.
        0 where the outputs do not depend on x. Raises TapeError for a value of another tape.
        """
        cdef Py_ssize_t lo
        cdef Handle v
        if type(x) in (list, tuple):
            return type(x)([self.wrt(y) for y in x])
        if not (is_value(x) or is_tensor(x)):
            raise errors.no_value("wrt", "x", x)
        if x in self.answers:
            return self.answers[x]
        x = placed(<Handle>x)
        v = <Handle>x
        if x in self.answers:
            return self.answers[x]
        if self.rows is not None and not self.asked:
            return traced_answer(self, x)
        if v.node:
            check_node(v, "wrt")
            if v.tape != <PyObject *>self.tape:
                raise errors.foreign("wrt", v, self.tape)
        if self.asked:
            raise errors.not_asked(v)
        if v.node:
            lo = lower_bound(&self.index[0], sizeof(int32_t), self.n, v.index) if self.n else 0
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
            if self.nodes[k] < 0:
                return Value(self.adjoints[k, 0])
            return value_at(self.tape, self.nodes[k])
        return np.array(self.adjoints[k]) if self.several else self.adjoints[k, 0]

    # ---- following the tape's collections (no memory is taken here) ----

    cdef void mark_used(self, Py_ssize_t lo) noexcept:
        """Recorded adjoints are needed as long as they can be asked for."""
        cdef Py_ssize_t k
        if self.graph:
            for k in range(self.n):
                if self.nodes[k] >= lo:
                    self.tape.used[self.nodes[k]] |= USED

    cdef void relocate(self, Py_ssize_t lo, Py_ssize_t top) noexcept:
        cdef Py_ssize_t k, m, kept = 0, i
        for k in range(self.n):
            i = self.index[k]
            if i >= lo:
                i = moved(self.tape, i) if top else -1
            if i < 0:
                continue
            self.index[kept] = <int32_t>i
            if self.graph:
                i = self.nodes[k]
                self.nodes[kept] = <int32_t>(i if i < lo else moved(self.tape, i))
            if self.objects is not None:
                self.objects[kept] = self.objects[k]
            for m in range(self.adjoints.shape[1]):
                self.adjoints[kept, m] = self.adjoints[k, m]
            kept += 1
        self.n = kept

    cdef void truncate(self, Py_ssize_t to) noexcept:
        """Nodes from ``to`` up are gone; adjoints recorded there are plain numbers from now on."""
        cdef Py_ssize_t k
        while self.n and self.index[self.n - 1] >= to:
            self.n -= 1
        if self.graph:
            for k in range(self.n):
                if self.nodes[k] >= to:
                    self.nodes[k] = -1


def gradients(outputs, inputs=None, *, seed=None, create_graph=False):
    """cgrad.gradients(outputs, inputs=None, *, seed=None, create_graph=False): derivatives as an object.

    outputs: a Value or Tensor, or a sequence of them, with histories on one tape.
    inputs: the values to differentiate with respect to; None: any. Naming them saves time and memory.
    seed: the vector s of s^T J, one number for each output (default 1); of shape (seeds, outputs): several
    sweeps in one. With create_graph numbers or Values, one for each output. Where outputs are Tensors: an array of
    the output's shape for each (for a single output: that array itself), ones by default.
    create_graph: record the derivatives as nodes, so that they can be differentiated again, to any order.
    In a function that is being recorded by ``compile``, derivatives are Values and Tensors in any case: replays compute
    them afresh. Without create_graph they pass no derivative on.

    ``.wrt(x)`` of the result is a float, of a Tensor an ndarray (Values and Tensors with create_graph); 0 where
    outputs do not depend on x. Touches no ``.grad``. Raises TapeError for values of two tapes.

    >>> import cgrad
    >>> x = cgrad.Value(2.0)
    >>> g = cgrad.gradients(x**3, create_graph=True).wrt(x)
    >>> g.data, cgrad.gradients(g).wrt(x)
    (12.0, 12.0)
    """
    cdef list outs = [placed(<Handle>v) for v in values_of(outputs, "gradients", "outputs")]
    cdef list given = None if inputs is None else values_of(inputs, "gradients", "inputs")
    cdef list ins = None if inputs is None else [placed(<Handle>v) for v in given]
    cdef object tape
    cdef Gradients result = Gradients.__new__(Gradients)
    cdef bint arrays = any([is_tensor(o) for o in outs])
    if traces and tracing() is not None:
        traced_gradients(result, outs, ins, is_tensor(outputs), seed, create_graph)
        answer_filled(result, given, ins)
        return result
    tape = tape_of(outs, "gradients")
    result.graph = create_graph
    result.answers = {}
    if ins is not None:
        check_inputs(ins, tape, "gradients")
    if tape is not None:
        link(result, tape)
    if create_graph or arrays:
        seeds = seeds_of_arrays(seed, outs, is_tensor(outputs), create_graph) if arrays \
            else seeds_of_values(seed, len(outs))
        if create_graph:
            recorded(result, outs, ins, seeds)
        else:
            swept(result, outs, seeds)
    else:
        seeds = seeds_of(seed, len(outs))
        result.several = seed is not None and np.ndim(seed) == 2
        if seeds.shape[0] == 1:
            swept(result, outs, seeds[0].tolist())
        elif tape is not None and (<Tape>tape).payloads:
            swept_arrays(result, outs, seeds)
        else:
            swept_seeds(result, outs, seeds)
    if ins is not None:
        keep_answers(result, ins)
        answer_filled(result, given, ins)
    return result


cdef int answer_filled(Gradients r, list given, list ins) except -1:
    """What was asked for of tensors that are filled: the answers for the nodes that stood for them."""
    if ins is not None:
        for v, x in zip(given, ins):
            if v is not x:
                r.answers[v] = r.answers[x]
    return 0
