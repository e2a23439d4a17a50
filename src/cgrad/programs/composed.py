"""Derivatives of compiled functions at Values and Tensors, and inside of other compiled functions.

There the function itself runs, on arguments that are nodes of their own, and its derivatives are recorded sweeps
(``create_graph``): they can be differentiated again, and a replay computes them afresh. Results have the structure that
they have for numbers, with a Value for each number and a Tensor for each array.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from .. import errors
from .._core import (
    Tensor,
    Value,
    column_of,
    gradients_of,
    hidden_eq,
    muted_again,
    recording,
    renewed,
    tangents,
    unmuted,
)
from ..ops.combine import stack
from ..ops.stop import stop_gradient
from . import pytree
from .arguments import Arguments
from .pytree import TreeDef
from .request import Wrt


class Inlined(Protocol):
    """A function that can be run itself."""

    name: str

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run it."""


def symbolic(op: str, arguments: Arguments, v: Any = None) -> bool:
    """True if a derivative at these arguments, in the direction v, has to be recorded."""
    leaves = list(arguments.leaves)
    if v is not None:
        pytree.flatten(op, v, leaves)
    return recording() or any(map(pytree.is_symbolic, leaves))


class Applied:
    """A function's value, and the inputs that it is to be differentiated with respect to."""

    def __init__(self, p: Inlined, op: str, arguments: Arguments, by: Wrt) -> None:
        self.op, self.name, self.by = op, p.name, by
        leaves: list[Any] = []
        spans = []
        for k, tree in enumerate(arguments.trees):
            start = len(leaves)
            for _ in pytree.leaves_of(tree):
                leaf = arguments.leaves[len(leaves)]
                own = k in by.argnums or (by.captured is not None and pytree.is_symbolic(leaf))
                leaves.append(renewed(leaf) if own else leaf)
            spans.append(range(start, len(leaves)))
        self.inputs = [leaves[i] for k in by.argnums for i in spans[k]]
        self.cut = [x for x in leaves if isinstance(x, (Value, Tensor))] if by.captured is not None else None
        for leaf in by.captured or ():
            if isinstance(leaf, Tensor) and not recording() and not leaf.requires_grad:
                raise errors.no_history(op, leaf)
        rest = iter(leaves)
        given = [pytree.unflatten(tree, rest) for tree in arguments.trees]
        keywords = arguments.key[0]
        n = len(given) - len(keywords)
        value = p._inline(tuple(given[:n]), dict(zip(keywords, given[n:], strict=True)))
        results: list[Any] = []
        self.out = pytree.flatten(p.name, value, results)
        self.results = [stack(list(x.flat)).reshape(x.shape) if isinstance(x, np.ndarray) and x.dtype == object else x
                        for x in results]

    @property
    def value(self) -> Any:
        return pytree.unflatten(self.out, iter(self.results))

    def need_scalar(self) -> None:
        """Raise TypeError unless the value is one number."""
        if not pytree.is_one_number(self.out):
            raise errors.no_scalar_value(self.name, self.op, pytree.describe(self.out))

    def pulled(self, outs: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
        """v^T J by a reverse sweep: for each input, then for each captured leaf."""
        pairs = [(x, seed) for x, seed in zip(outs, seeds, strict=True) if isinstance(x, (Value, Tensor))]
        return gradients_of([x for x, _ in pairs], [*self.inputs, *(self.by.captured or ())],
                            [seed for _, seed in pairs], self.cut)

    def pushed(self, outs: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
        """J v by a forward sweep: for each output."""
        return self.filled(outs, lambda kept: tangents(kept, self.inputs, seed=list(seeds), create_graph=True))

    def columns(self, outs: Sequence[Any]) -> list[list[Any]]:
        """The numbers of each column of J, by a forward sweep each."""
        return [flat(self.filled(outs, functools.partial(column_of, inputs=self.inputs, k=k, i=i)))
                for k, x in enumerate(self.inputs) for i in range(x.size)]

    def filled(self, outs: Sequence[Any], sweep: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """The derivatives of outputs by a sweep over those that have a history; zeros for the others."""
        kept = [x for x in outs if isinstance(x, (Value, Tensor))]
        found = iter(sweep(kept) if kept else ())
        return [next(found) if isinstance(x, (Value, Tensor)) else renewed(np.zeros(np.shape(x))[()], False)
                for x in outs]

    def gradient(self) -> list[Any]:
        """The gradient of a value that is one number."""
        self.need_scalar()
        return self.pulled(self.results, [1.0])

    def shown(self, derivatives: Sequence[Any]) -> Any:
        """Derivatives by the inputs in their structure."""
        n = len(self.inputs)
        ours = pytree.unflatten(self.by.tree, iter(derivatives[:n]))
        if self.by.captured is None:
            return ours
        theirs = list(derivatives[n:])
        return (ours, theirs) if self.by.both else theirs


def detached_under_no_grad(transform: Callable[..., Any]) -> Callable[..., Any]:
    """Record though the call is under no_grad; then what it returns has no history."""

    @functools.wraps(transform)
    def run(*args: Any) -> Any:
        blocks = unmuted()
        try:
            result = transform(*args)
        finally:
            muted_again(blocks)
        return stop_gradient(result) if blocks else result

    return run


@detached_under_no_grad
def gradient(p: Inlined, kind: str, arguments: Arguments, by: Wrt) -> Any:
    """p.grad, or p.value_and_grad."""
    made = Applied(p, kind, arguments, by)
    found = made.shown(made.gradient())
    return found if kind == "grad" else (made.value, found)


@detached_under_no_grad
def jvp(p: Inlined, arguments: Arguments, by: Wrt, v: Any) -> Any:
    """p.jvp."""
    made = Applied(p, "jvp", arguments, by)
    return made.value, pytree.unflatten(made.out, iter(made.pushed(made.results, direction("jvp", v, by.tree))))


@detached_under_no_grad
def vjp(p: Inlined, arguments: Arguments, by: Wrt, v: Any) -> Any:
    """p.vjp."""
    made = Applied(p, "vjp", arguments, by)
    return made.value, made.shown(made.pulled(made.results, direction("vjp", v, made.out)))


@detached_under_no_grad
def hvp(p: Inlined, arguments: Arguments, by: Wrt, v: Any) -> Any:
    """p.hvp."""
    made = Applied(p, "hvp", arguments, by)
    return made.shown(made.pushed(made.gradient(), direction("hvp", v, by.tree)))


@detached_under_no_grad
def jacobian(p: Inlined, arguments: Arguments, by: Wrt) -> Any:
    """p.jacobian."""
    made = Applied(p, "jacobian", arguments, by)
    columns = pytree.size(by.tree)
    if columns > pytree.size(made.out):
        rows = [flat(made.pulled([x], [1.0])) for x in flat(made.results)]
    else:
        rows = transposed(made.columns(made.results), pytree.size(made.out))
    return blocks(rows, made.out, by.tree)


@detached_under_no_grad
def hessian(p: Inlined, arguments: Arguments, by: Wrt) -> Any:
    """p.hessian: of each two that mirror one another the one of the lower triangle; nan where either is."""
    made = Applied(p, "hessian", arguments, by)
    rows = made.columns(made.gradient())
    for i, k in itertools.combinations(range(len(rows)), 2):
        is_number = hidden_eq(rows[i][k], rows[i][k])
        rows[k][i] = rows[i][k] = rows[k][i]*(is_number/is_number)  # 0/0 is nan
    return blocks(rows, by.tree, by.tree)


def direction(op: str, v: Any, tree: TreeDef) -> list[Any]:
    """The leaves of a vector that must have this structure."""
    leaves: list[Any] = []
    found = pytree.flatten(op, v, leaves)
    if found != tree:
        raise errors.bad_direction(op, pytree.describe(found), pytree.describe(tree))
    return leaves


def flat(leaves: Sequence[Any]) -> list[Any]:
    """The numbers of leaves, one by one."""
    return [x for leaf in leaves for x in ([leaf] if np.ndim(leaf) == 0 else leaf.reshape(-1))]


def transposed(columns: list[list[Any]], n: int) -> list[list[Any]]:
    return [[column[k] for column in columns] for k in range(n)]


def blocks(matrix: list[list[Any]], rows: TreeDef, columns: TreeDef) -> Any:
    """A matrix of Values as a block for each leaf of ``rows`` and each of ``columns``, as pytree.unravel_matrix."""

    def block(part: list[list[Any]], shape: tuple[int, ...]) -> Any:
        values = [x for row in part for x in row]
        if not math.prod(shape):
            return renewed(np.zeros(shape), False)
        return stack(values).reshape(shape) if shape else values[0]

    return pytree.unflatten(rows, (
        pytree.unflatten(columns, (block([row[left:right] for row in matrix[top:bottom]],
                                         pytree.shape_of(one) + pytree.shape_of(other))
                                   for other, left, right in pytree.spans(columns)))
        for one, top, bottom in pytree.spans(rows)))
