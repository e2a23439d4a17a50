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
import math
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
    called,
    coefficients,
    effect_since,
    frozen,
    hidden_with_partial,
    methods,
    muted_again,
    plain,
    recording,
    refused,
    renewed,
    sides_open,
    tape_size,
    unmuted,
    wrapped_result,
)
from .ops.combine import stack
from .ops.stop import stop_gradient

__all__ = ["Function"]

ORDERS = 4  # of derivatives of a rule that reads its outputs, in a program


class Function:
    """An operation with its own derivative rule: subclass it, define ``forward`` and ``backward``, call ``apply``.

    ``forward`` gets floats for Values, read-only ndarrays for Tensors and any other argument as it is; it returns a
    number or an array, or a tuple of them. ``backward`` gets the adjoint of each output and returns one for each
    argument of ``forward``, v^T J, or None where there is no derivative. Both may be methods, or static methods with
    the context as first argument, as in PyTorch. In a recorded sweep (``create_graph=True``) ``backward`` gets Values
    and Tensors, and ``saved_tensors`` holds Values and Tensors in place of saved inputs and outputs: a rule written
    with operators and the functions of cgrad or NumPy can be differentiated again. In a compiled function ``forward``
    gets traced Values and Tensors as well, without a history, and ``backward`` has to be linear in its adjoints.

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
    _made: tuple[int, int] | None = None  # where a recording was when it was applied

    def forward(self, *args: Any) -> Any:
        """The computation."""
        raise errors.not_written(type(self).__name__, "forward")

    def backward(self, *adjoints: Any) -> Any:
        """The adjoints of the arguments."""
        raise errors.not_written(type(self).__name__, "backward")

    def save_for_backward(self, *values: Any) -> None:
        """Keep arrays and numbers for ``backward``: inputs, outputs, or intermediate results."""
        effect_since(self._made)
        self._saved = values

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved arrays and numbers; in a recorded sweep inputs and outputs are Values and Tensors."""
        return self._saved if self._shown is None else self._shown

    saved = saved_tensors

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """In ``forward``: these outputs have no derivative; ``backward`` gets zeros for them."""
        effect_since(self._made)
        self._constant = outputs

    def set_materialize_grads(self, flag: bool) -> None:
        """If flag (the default), ``backward`` gets zeros for outputs that received no gradient; otherwise None."""
        effect_since(self._made)
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
            backward = called(ctx.backward) if recording() else ctx.backward
            result = backward(ctx, *given) if _static(type(ctx), "backward") else backward(*given)
        finally:
            ctx._shown = None
            if inputs is None:
                _current(before)
        result = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        if len(result) != self.count:
            raise errors.wrong_adjoints(self.name, len(result), self.count)
        for k in self.traced:
            self.check(k, result[k] if recording() else plain(result[k]))
        return tuple(result[k] for k in self.traced)

    def check(self, k: int, c: Any) -> None:
        """Raise for an adjoint that is neither a number nor an array, or does not have the shape of argument k."""
        if c is None:
            return
        if not isinstance(c, (Value, Tensor)) and (not isinstance(c, (int, float, np.number, np.ndarray))
                                                   or np.asarray(c).dtype.kind not in "fiub"):
            raise errors.bad_answer(self.name, k, c)
        shape, wanted = np.shape(c), self.wanted[k]
        if shape != wanted and shape != ():
            raise errors.bad_adjoint(self.name, k + 1, shape, wanted)


def applied(function: Function, args: tuple[Any, ...]) -> Any:
    """Run forward, and record it."""
    ctx = copy.copy(function) if function._used else function
    ctx._used = True
    in_program = recording() and any(isinstance(x, (Value, Tensor)) for x in args)
    if in_program:  # numbers change from call to call: what is computed of them is recorded, and passes nothing on
        raw = [stop_gradient(x) for x in args]
    else:
        raw = [frozen(x) if isinstance(x, Tensor) else plain(x) for x in args]
    traced = [k for k, x in enumerate(args) if isinstance(x, Value) or (isinstance(x, Tensor) and x.requires_grad)]
    ctx.needs_input_grad = tuple(k in traced for k in range(len(args)))
    ctx._parents = tuple(weakref.ref(x) for x in args if isinstance(x, (Value, Tensor)))
    if in_program:
        return applied_in_program(ctx, args, raw, traced)
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


# ---- in a program: the rule taken apart into partials ----------------------------------------------------

def applied_in_program(ctx: Function, args: tuple[Any, ...], raw: list[Any], traced: list[int]) -> Any:
    """Run forward on traced numbers; the results have the partials of the backward rule.

    A rule that reads its own outputs has derivatives that depend on those of the outputs, and so on: they are recorded
    to the order ORDERS, and nan beyond.
    """
    blocks = unmuted()
    try:
        ctx._made = sides_open()
        forward = called(ctx.forward)
        result = forward(ctx, *raw) if _static(type(ctx), "forward") else forward(*raw)
        several = isinstance(result, (tuple, list))
        outputs = [_as_traced(ctx, k, y) for k, y in enumerate(result if several else [result])]
        constant = {id(y) for y in ctx._constant}
        kept = [k for k, y in enumerate(outputs) if id(y) not in constant and isinstance(y, (Value, Tensor, float))]
        rule = _Rule(ctx, raw, traced, outputs, kept)
        values, inputs = [outputs[k] for k in kept], [args[k] for k in traced]
        made = None
        if rule.outputs is not None:
            total = sum(x for v in inputs for x in _elements(v))
            made = [_assembled(y, [hidden_with_partial(v, math.nan, total) for v in _elements(y)]) for y in values]
        for _ in range(ORDERS if made else 1):
            made = with_partials(rule, inputs, values, made)
        for k, y in zip(kept, made or [], strict=True):
            outputs[k] = y
    finally:
        muted_again(blocks)
    if blocks:
        outputs = stop_gradient(outputs)
    return tuple(outputs) if several else outputs[0]


def with_partials(rule: _Rule, inputs: list[Any], values: list[Any], shown: list[Any] | None) -> list[Any]:
    """The values, whose derivatives with respect to the inputs are those of the rule. shown: the outputs as it sees
    them."""
    start, guards = tape_size()
    seeds = [renewed(np.ones(y.shape) if isinstance(y, Tensor) else 1.0) for y in values]
    flat_seeds = [x for seed in seeds for x in _elements(seed)]
    answers = rule.pull(seeds, inputs, shown)
    adjoints = [a for x, c in zip(inputs, answers, strict=True) for a in _adjoints(x, c)]
    found = coefficients(adjoints, flat_seeds, start, guards)
    if found is None:
        raise refused(errors.not_linear(rule.name, errors.user_line()))
    sources = [x for v in inputs for x in _elements(v)]
    numbers = [x for y in values for x in _elements(y)]
    for j, k, partial in found:
        numbers[k] = hidden_with_partial(numbers[k], partial, sources[j])
    rest = iter(numbers)
    return [_assembled(y, [next(rest) for _ in range(np.size(y) if isinstance(y, float) else y.size)]) for y in values]


def _as_traced(ctx: Function, k: int, y: Any) -> Any:
    """Output k of forward, as a Value, a Tensor or a plain number; integers and bools as they are."""
    if isinstance(y, (Value, Tensor)):
        return y
    if isinstance(y, np.ndarray) and y.dtype == object:
        return stack(list(y.flat)).reshape(y.shape)
    if not isinstance(y, (int, float, np.number, np.bool_, np.ndarray)) or np.asarray(y).dtype.kind not in "fiub":
        raise errors.bad_output(ctx.name, k, y)
    if np.asarray(y).dtype.kind == "f":
        return renewed(np.asarray(y)) if np.ndim(y) else float(y)
    return y


def _elements(x: Any) -> list[Any]:
    """The numbers of a Value, a Tensor or a number."""
    return list(x.reshape(-1)) if isinstance(x, Tensor) else [x]


def _assembled(like: Any, numbers: list[Any]) -> Any:
    """Numbers in the shape of a Value, a Tensor or a number."""
    return stack(numbers).reshape(like.shape) if isinstance(like, Tensor) and like.size else \
        like if isinstance(like, Tensor) else numbers[0]


def _adjoints(x: Any, c: Any) -> list[Any]:
    """The adjoint of an input as backward has returned it, one by one of its elements."""
    n = x.size
    if c is None:
        return [0.0]*n
    found = _elements(c) if isinstance(c, Tensor) else np.asarray(c, object).ravel().tolist()
    return found if len(found) == n else found*n


def comm(function: Function, *args: Any) -> Any:
    """Tensor.comm(function, *args): apply an instance of a ``Function``, whose constructor took its parameters."""
    if not isinstance(function, Function):
        raise errors.no_function(function)
    return applied(function, args)


methods(Tensor, {"comm": staticmethod(comm)})
