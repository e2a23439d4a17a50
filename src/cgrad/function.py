"""User-defined operations: a forward computation with its own backward rule.

>>> import numpy as np, cgrad
>>> class Softsign(cgrad.Function):
...     def forward(self, x):
...         self.save_for_backward(x)
...         return x/(1 + np.abs(x))
...     def backward(self, g):
...         (x,) = self.saved_tensors
...         return g/(1 + abs(x))**2
>>> t = cgrad.Tensor([-1.0, 3.0], requires_grad=True)
>>> Softsign.apply(t).backward(); t.grad.tolist()
[0.25, 0.0625]
"""

from __future__ import annotations

import copy
import inspect
import weakref
from typing import Any

import numpy as np

from . import errors
from ._core import (
    Tape,
    Tensor,
    Value,
    _current,
    _record_function,
    frozen,
    methods,
    plain,
    recording,
    refused,
    wrapped_result,
)

__all__ = ["Function"]


class Function:
    """An operation with its own derivative rule: subclass it, define ``forward`` and ``backward``, call ``apply``.

    ``forward`` gets floats for Values, read-only ndarrays for Tensors and any other argument as it is; it returns a
    number or an array, or a tuple of them. ``backward`` gets the adjoint of each output and returns one for each
    argument of ``forward``, v^T J, or None where there is no derivative. Both may be methods, or static methods with
    the context as first argument, as in PyTorch. In a recorded sweep (``create_graph=True``) ``backward`` gets Values
    and Tensors, and ``saved_tensors`` holds Values and Tensors in place of saved inputs and outputs: a rule written
    with operators and the functions of cgrad or NumPy can be differentiated again.

    >>> import cgrad
    >>> class Cube(cgrad.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x*x*x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 3*x*x*g
    >>> x = cgrad.Value(2.0)
    >>> dy = cgrad.gradients(Cube.apply(x), x, create_graph=True).wrt(x)
    >>> dy.data, cgrad.gradients(dy, x).wrt(x)
    (12.0, 12.0)
    """

    needs_input_grad: tuple[bool, ...] = ()
    _saved: tuple[Any, ...] = ()
    _shown: tuple[Any, ...] | None = None
    _constant: tuple[Any, ...] = ()
    _zeros = True
    _used = False
    _parents: tuple[Any, ...] = ()

    def forward(self, *args: Any) -> Any:
        """The computation."""
        raise errors.not_written(type(self).__name__, "forward")

    def backward(self, *adjoints: Any) -> Any:
        """The adjoints of the arguments."""
        raise errors.not_written(type(self).__name__, "backward")

    def save_for_backward(self, *values: Any) -> None:
        """Keep arrays and numbers for ``backward``: inputs, outputs, or intermediate results."""
        self._saved = values

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved arrays and numbers; in a recorded sweep inputs and outputs are Values and Tensors."""
        return self._saved if self._shown is None else self._shown

    saved = saved_tensors

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """In ``forward``: these outputs have no derivative; ``backward`` gets zeros for them."""
        self._constant = outputs

    def set_materialize_grads(self, flag: bool) -> None:
        """If flag (the default), ``backward`` gets zeros for outputs that received no gradient; otherwise None."""
        self._zeros = flag

    @property
    def parents(self) -> tuple[Any, ...]:
        """The Values and Tensors that it was last applied to; None for those that no longer exist."""
        return tuple(ref() for ref in self._parents)

    @property
    def name(self) -> str:
        """The name in traces: the class, with the parameters that its constructor has set."""
        shown = ", ".join(f"{key}={value!r}" for key, value in vars(self).items()
                          if not key.startswith("_") and key != "needs_input_grad" and np.size(value) <= 4)
        return f"{type(self).__name__}({shown})" if shown else type(self).__name__

    def __str__(self) -> str:
        return self.name

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """F.apply(*args): forward(*args), recorded."""
        return applied(cls(), args)


def _static(cls: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(cls, name), staticmethod)


class _Rule:
    """One application on the tape: the context, and which of its numbers are inputs and outputs."""

    def __init__(self, ctx: Function, raw: list[Any], traced: list[int], outputs: list[Any], kept: list[int]) -> None:
        self.ctx, self.name, self.count, self.traced = ctx, ctx.name, len(raw), traced
        self.shapes = [(np.shape(y), getattr(y, "dtype", None)) for y in outputs]
        self.kept = kept
        self.wanted = [np.shape(x) for x in raw]
        self.origin = []  # of each saved thing: ("in", k), ("out", k) or None
        for x in ctx._saved:
            found = [("in", k) for k, j in enumerate(traced) if raw[j] is x]
            found += [("out", k) for k, j in enumerate(kept) if outputs[j] is x]
            self.origin.append(found[0] if found else None)
        self.outputs = [outputs[j] for j in kept] if any(o is not None and o[0] == "out" for o in self.origin) else None

    def pull(self, adjoints: list[Any], inputs: list[Any] | None, outputs: list[Any] | None) -> tuple[Any, ...]:
        """The adjoints of the inputs that have derivatives."""
        given: list[Any] = [None]*len(self.shapes)
        for k, g in zip(self.kept, adjoints, strict=True):
            given[k] = g
        if self.ctx._zeros:
            given = [np.zeros(shape, dtype) if g is None and shape else 0.0 if g is None else g
                     for g, (shape, dtype) in zip(given, self.shapes, strict=True)]
        ctx = self.ctx
        before = None
        if inputs is not None:
            sources = {"in": inputs, "out": outputs or []}
            ctx._shown = tuple(x if o is None else sources[o[0]][o[1]]
                               for x, o in zip(ctx._saved, self.origin, strict=True))
        else:
            before = _current(Tape())  # what it records itself stays out of the sweep's tape
        try:
            result = ctx.backward(ctx, *given) if _static(type(ctx), "backward") else ctx.backward(*given)
        finally:
            ctx._shown = None
            if inputs is None:
                _current(before)
        result = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        if len(result) != self.count:
            raise errors.wrong_adjoints(self.name, len(result), self.count)
        for k in self.traced:
            self.check(k, plain(result[k]))
        return tuple(result[k] for k in self.traced)

    def check(self, k: int, c: Any) -> None:
        """Raise for an adjoint that is neither a number nor an array, or does not have the shape of argument k."""
        if c is None:
            return
        if not isinstance(c, (int, float, np.number, np.ndarray)) or np.asarray(c).dtype.kind not in "fiub":
            raise errors.bad_answer(self.name, k, c)
        shape, wanted = np.shape(c), self.wanted[k]
        if shape != wanted and shape != ():
            raise errors.bad_adjoint(self.name, k + 1, shape, wanted)


def applied(function: Function, args: tuple[Any, ...]) -> Any:
    """Run forward, and record it."""
    if recording() and any(isinstance(x, (Value, Tensor)) for x in args):
        raise refused(errors.traced_function(type(function).__name__, errors.user_line()))
    ctx = copy.copy(function) if function._used else function
    ctx._used = True
    raw = [frozen(x) if isinstance(x, Tensor) else plain(x) for x in args]
    traced = [k for k, x in enumerate(args) if isinstance(x, Value) or (isinstance(x, Tensor) and x.requires_grad)]
    ctx.needs_input_grad = tuple(k in traced for k in range(len(args)))
    ctx._parents = tuple(weakref.ref(x) for x in args if isinstance(x, (Value, Tensor)))
    result = ctx.forward(ctx, *raw) if _static(type(ctx), "forward") else ctx.forward(*raw)
    several = isinstance(result, (tuple, list))
    outputs = [plain(y) for y in result] if several else [plain(result)]
    for k, y in enumerate(outputs):
        if not isinstance(y, (int, float, np.number, np.bool_, np.ndarray)) or np.asarray(y).dtype.kind not in "fiub":
            raise errors.bad_output(ctx.name, k, y)
        if isinstance(y, np.ndarray) and any(np.shares_memory(y, x) for x in raw if isinstance(x, np.ndarray)):
            outputs[k] = y.copy()
    constant = {id(y) for y in ctx._constant}
    kept = [k for k, y in enumerate(outputs)
            if id(y) not in constant and (np.asarray(y).dtype.kind in "f" or isinstance(y, int))]
    made = list(outputs)
    recorded = None
    if traced and kept:
        rule = _Rule(ctx, raw, traced, outputs, kept)
        recorded = _record_function(rule, [args[k] for k in traced], [outputs[k] for k in kept])
    if recorded is not None:
        for k, y in zip(kept, recorded, strict=True):
            made[k] = y
    for k, y in enumerate(made):
        if y is outputs[k] and (recorded is None or k not in kept) and np.asarray(y).dtype.kind == "f":
            made[k] = wrapped_result(y) if any(isinstance(x, (Value, Tensor)) for x in args) else y
    return tuple(made) if several else made[0]


def comm(function: Function, *args: Any) -> Any:
    """Tensor.comm(function, *args): apply an instance of a ``Function``, whose constructor took its parameters."""
    if not isinstance(function, Function):
        raise errors.no_function(function)
    return applied(function, args)


methods(Tensor, {"comm": staticmethod(comm)})
