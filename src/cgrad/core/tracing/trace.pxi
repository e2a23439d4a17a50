# core/tracing/trace.pxi: a function recorded as a program.
#
# While a function is traced, its operations go to a tape as ever. What else it does with traced numbers is noted, or
# refused:
#
#   comparisons              Conditions: numbers of the program, 1 or 0 (condition.pxi)
#   bool(), if, while        a *guard*: the recording holds as long as they come out alike (guards.pxi); or both sides
#                            are recorded, and merged (merge.pxi)
#   .item(), int(), ...      would freeze a number that changes: TraceError, with the line (refusals.pxi)
#   backward(), x.data = ..  effects that a replay would not have: likewise
#   operations on Tensors    done over arrays of their elements, which are Values (unroll.pxi)
#
# Which member does which is a table, src/cgrad/_members.py. Each thread traces by itself; ``traces`` counts those that
# do, as ``modes`` counts modes. What one thread traces is refused to the others: nobody would note their decisions.
#
# A function may catch what is refused, and go on: the first such error is raised at its end.
#
# Elements that are moved to another array, or taken out of one, stay the nodes that they were. A derivative with
# respect to the new array or Value would not tell it from the old one: where one is asked for, the function is recorded
# anew with ``copies``, in which each is a node of its own, as it is eagerly.
#
# Afterwards the tape becomes a graph, node by node (core/program/from_trace.pxi). Leaves that are no arguments are
# *captured*: further inputs, read afresh at each run.

cdef Py_ssize_t traces_made = 0


cdef long weight(Trace t, Py_ssize_t since) noexcept:
    """The cost of the operations since then, in additions."""
    cdef Py_ssize_t i
    cdef long total = 0
    for i in range(since, t.tape.top):
        total += OP_COST[t.tape.op[i] & OP_MASK]
    return total


cdef class Trace:
    """The recording of a function: ``with Trace() as t`` around its call."""
    def __cinit__(self, list arguments, bint copies=False):
        global traces_made
        traces_made += 1
        self.serial = traces_made
        self.tape = Tape()
        self.copies, self.moved, self.handed = copies, set(), set()
        self.codes, self.arrays, self.arguments, self.conditions, self.shapes = {}, {}, arguments, [], {}
        self.identities, self.noted, self.pending = {}, set(), []
        self.targets, self.merged, self.unmerged, self.kept_apart, self.failures = {}, {}, {}, set(), {}
        self.asks_identity = True

    def __dealloc__(self):
        free(self.guard)

    def __enter__(self):
        global traces, modes
        cdef Context c = <Context>context()
        if c.trace is not None:
            raise RuntimeError("Trace: this thread is tracing already: end that trace first")
        self.tape.__enter__()
        self.tape.pinned += 1  # no collections: guards hold places
        self.quiet = c.quiet  # what is recorded here is nobody's graph
        modes -= self.quiet
        c.quiet = 0
        c.trace = self
        traces += 1
        tracers.append(self)
        return self

    def __exit__(self, kind, *_):
        global traces, modes
        cdef Context c = <Context>context()
        if kind is not None:
            self.refused = None  # which may lead back here, by its traceback
        c.trace = None
        traces -= 1
        tracers.remove(self)
        c.quiet += self.quiet
        modes += self.quiet
        self.tape.pinned -= 1
        while c.stack and c.tape is not self.tape:  # left open by a function that raised
            c.tape = c.stack.pop()
        self.tape.__exit__()

    def close(self):
        """Let go of everything: another thread that looks through the traces may hold this one a little longer."""
        self.tape, self.arguments, self.own = None, [], set()
        self.codes, self.arrays, self.shapes, self.targets = {}, {}, {}, {}

    def elements(self, Tensor v, /):
        """The elements of a tensor: an array of Values and floats."""
        return elements_of(v)

    def cost(self):
        """The cost of all operations, in additions."""
        return weight(self, 0)

    def finished(self):
        """Raise the first error of the recording, if there is one."""
        if self.refused is not None:
            error, self.refused = self.refused, None
            raise error

    def rely_on_shapes(self, list captured, /):
        """The recording holds as long as the tensors that only their shapes were asked of keep these."""
        used = {id(v) for v in captured}
        self.conditions += [(v, "shape", shape) for k, (v, shape) in self.shapes.items() if k not in used]

    def owns(self, v, /):
        """True if v is one of the leaves that the function was called with."""
        if self.own is None:
            self.own = {id(x) for x in self.arguments}
        return id(v) in self.own


cdef Trace tracing():
    """The running thread's trace, or None."""
    return <Trace>(<Context>context()).trace if traces else None


def recording():
    """True if this thread is recording a program."""
    return traces and tracing() is not None
