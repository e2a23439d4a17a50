# core/values/handle.pxi: what a Value and a Tensor have in common. tools/optable copies this chapter,
# and adds the checks of recordings (_members.py).
#
# ``__hash__`` is not here: CPython inherits it together with comparisons alone, and those differ.

cdef class Handle:
    """Value or Tensor: a number or an array that remembers how it was computed. Has no instances of its own."""

    def __cinit__(self):
        if not (is_value(self) or is_tensor(self)):
            raise TypeError(f"{type(self).__name__}: make a Value or a Tensor")
        self.needs_slow_path = 1  # CPython's allocation shows it to the collector; the free lists hide theirs again

    def register_hook(self, hook, /):
        """v.register_hook(hook): call hook(adjoint) in each backward sweep that comes here.

        What it returns, if not None, replaces the adjoint. Returns a handle with ``remove()``.
        """
        return register_hook(placed(self), hook)

    # ---- what it came from ---------------------------------------------------------------------

    @property
    def name(self):
        """The name shown in traces, "" if none; ``label`` is the same."""
        if not self.node or self.node == FILLED:
            return leaf_name(self)
        return name_of(<Tape>self.tape, self.index) if self.tape != NULL else ""

    @name.setter
    def name(self, text):
        cdef Tape t
        if text is not None and type(text) is not str:
            if not isinstance(text, str):
                raise errors.bad_name(text)
            text = str(text)
        if not self.node or self.node == FILLED:
            extra_of(self).name = text or ""
            return
        check_node(self, "name")
        t = <Tape>self.tape
        if t.names is None:
            t.names = {}
        t.names[self.index] = text or ""

    @property
    def label(self):
        """The same as ``name``."""
        return self.name

    @label.setter
    def label(self, text):
        self.name = text

    @property
    def _arguments(self):
        """The operands in their order: Values, Tensors, and floats for plain numbers.

        Without those that are never differentiated, as a constant exponent: ``_numbers`` has them.
        """
        return operands_of(placed(self), "_prev")

    @property
    def _numbers(self):
        """Numbers and arrays of all its arguments as recorded: constants too, and leaves' data of that time."""
        return numbers_of(placed(self))

    @property
    def _keywords(self):
        """The plain arguments of the primitive that made it, by name."""
        return keywords_of(placed(self))

    @property
    def _index(self):
        """The order of recording on its tape (its node there now); -1 for a leaf."""
        cdef Handle v = placed(self)
        return v.index if v.node == 1 else -1

    @property
    def _prev(self):
        """The set of operands: the same living objects (micrograd's name)."""
        return set(self._operands)

    @property
    def _op(self):
        """The operation that made it, as micrograd spells it; "" for a leaf."""
        cdef Handle v = placed(self)
        return symbol_of(<Tape>v.tape, v.index) if v.node == 1 else ""

    @property
    def _name_of_op(self):
        """The row of the op table, or the primitive, that made it; "leaf" for a leaf."""
        cdef Handle v = placed(self)
        return op_name(<Tape>v.tape, v.index) if v.node == 1 else "leaf"

    @property
    def _tape(self):
        """The tape of its history; None for a leaf."""
        cdef Handle v = placed(self)
        return <object>v.tape if v.node and v.tape != NULL else None

    # ---- Python's protocols --------------------------------------------------------------------

    def __array_function__(self, function, types, args, kwargs):
        return answer_function(function, args, kwargs)

    def __pos__(self):
        return self

    def __float__(self):
        raise errors.to_float("float", self, _callers.differentiable())

    def __int__(self):
        raise errors.to_float("int", self)

    def __str__(self):
        # print asks for str(), and is for looking at: a program that reads the text calls str, or formats, itself
        if traces and not _callers.printing():
            # (trace check)
            pass
        return repr(self)

    def _repr_html_(self):
        from . import viz
        return viz.notebook(self)
