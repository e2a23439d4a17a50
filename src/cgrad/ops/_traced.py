"""Forward functions over arrays of Values, as compiled functions call them.

While a compiled function is recorded, forward functions get arrays of Values (core/tracing/trace.pxi) and rules are not
called: the derivative is that of the operations. Where that differs at a kink, or NumPy treats objects otherwise than
numbers (nan in np.maximum), a forward function branches on ``is_traced(x)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._core import Value, hidden_eq, hidden_flat, hidden_lt, hidden_shared, maximum, sqrt, where
from ._shapes import Shape, count_along, keepdims_shape


def is_traced(x: Any) -> bool:
    """True for a Value or an array of Values."""
    return type(x) is Value or (type(x) is ndarray and x.dtype == object)


def map_elements(function: Any, x: Any) -> Any:
    """function of each element of an array of Values, or of one Value."""
    return np.frompyfunc(function, 1, 1)(x) if isinstance(x, ndarray) else function(x)


def safe_sqrt(x: Any) -> Any:
    """The square root in a forward function whose rule defines the derivative at 0 as 0; a second one is nan there."""
    return map_elements(_safe_sqrt, x) if is_traced(x) else np.sqrt(x)


def _safe_sqrt(x: Any) -> Any:
    return where(x, sqrt(where(x, x, 1.0)), hidden_flat(x))


def _rows_along(x: ndarray, axes: Shape, keepdims: bool) -> tuple[list[Any], Shape]:
    """What a reduction over axes combines, as vectors, and the shape of its result."""
    shape = keepdims_shape(x.shape, axes) if keepdims else tuple([n for k, n in enumerate(x.shape) if k not in axes])
    order = (*axes, *[a for a in range(x.ndim) if a not in axes])
    return list(np.transpose(x, order).reshape(count_along(x.shape, axes), math.prod(shape))), shape


def reduce_pairwise(function: Any, x: Any, axes: Shape, keepdims: bool, *initial: float) -> Any:
    """Reduce an array of Values over axes by a function of two, pairwise: maxima that tie share about equally.

    initial: the result where there are no elements. Raises ValueError if there are none and it is left out.
    """
    if type(x) is Value:
        return x
    rows, shape = _rows_along(x, axes, keepdims)
    if not rows and not initial:
        raise ValueError("no elements")
    if not rows:
        return np.full(shape, initial[0])
    pair = np.frompyfunc(function, 2, 1)
    with np.errstate(all="ignore"):
        while len(rows) > 1:
            rows = [pair(a, b) for a, b in zip(rows[::2], rows[1::2], strict=False)] + rows[len(rows)//2*2:]
    return rows[0].reshape(shape)[()]


_maximum_reduce: Any = np.maximum.reduce


def reduce_maximum(x: Any, axis: Shape, dtype: Any = None, out: Any = None, keepdims: bool = False,
                   *initial: float) -> Any:
    """np.maximum.reduce."""
    if is_traced(x):
        return reduce_pairwise(maximum, x, axis, keepdims, *initial)
    return _maximum_reduce(x, axis, dtype, out, keepdims, *initial)


# ---- choices instead of branches -----------------------------------------------------------------------

FEW = 16  # elements for which no branch is worth its guard


def reduce_sharing(function: Any, x: Any, axes: Shape, keepdims: bool) -> Any:
    """As reduce_pairwise by maximum or minimum; elements that tie share the derivative equally, as in the rule."""
    if type(x) is Value:
        return x
    rows, shape = _rows_along(x, axes, keepdims)
    if not rows:
        raise ValueError("no elements")
    out = np.empty(len(rows[0]), object)
    for k in range(len(out)):
        out[k] = _sharing(function, [row[k] for row in rows])
    return out.reshape(shape)[()]


def _sharing(function: Any, values: list[Any]) -> Any:
    """The largest or smallest of Values and numbers.

    Pairwise, two that tie have a half each. Of many elements it is guarded that no more tie: else they are counted.
    """
    if len(values) > FEW:
        best = reduce_pairwise(function, np.array([*values, None], object)[:-1], (0,), False)
        if sum([hidden_eq(x, best) for x in values]) <= 2.0:
            return best
    counted: list[tuple[Any, Any]] = [(x, 1.0) for x in values]
    while len(counted) > 1:
        pairs = zip(counted[::2], counted[1::2], strict=False)
        counted = [_joined(function, *one, *other) for one, other in pairs] + counted[len(counted)//2*2:]
    return counted[0][0]


def _joined(function: Any, x: Any, n: Any, y: Any, m: Any) -> tuple[Any, Any]:
    """The larger or smaller of two numbers, each that of n and m elements, and of how many it is."""
    best, tie = function(x, y), hidden_eq(x, y)
    if type(n) is type(m) is float and n == m:
        return best, n + n*tie
    both = n + m
    return (where(tie, hidden_shared(x, y, n/both), best),
            where(tie, both, where(hidden_eq(best, x), n, m)))


def lower_first(x: Any, y: Any) -> tuple[Any, Any]:
    """(x, y), or (y, x) if y is below x: without a branch, and what ties stays in its order."""
    if type(x) is not Value and type(y) is not Value:
        return (y, x) if y < x else (x, y)
    c = hidden_lt(y, x)
    return where(c, y, x), where(c, x, y)


def sort_few(values: list[Any]) -> list[Any]:
    """Sort Values and numbers, stably, nan last, by exchanges of neighbours.

    Which of them are nan is guarded.
    """
    is_number = [bool(x == x) for x in values]
    numbers = [x for x, known in zip(values, is_number, strict=True) if known]
    exchange(numbers)
    return [*numbers, *[x for x, known in zip(values, is_number, strict=True) if not known]]


def exchange(numbers: list[Any]) -> None:
    """Sort Values and numbers in place, stably: an insertion sort as a network. None is nan."""
    for end in range(1, len(numbers)):
        for k in range(end, 0, -1):
            numbers[k - 1], numbers[k] = lower_first(numbers[k - 1], numbers[k])
