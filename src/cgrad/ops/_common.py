"""What the chapters of array ops share: how arguments are read, and how a reduction's adjoint is spread.

Rules call the Primitives of these chapters directly: on plain arrays they are the forward function alone, on
Tensors and Values they record. One rule so serves both sweeps, and derivatives exist to any order.

In a compiled function forward functions get arrays of Values instead (core/tracing/trace.pxi), and rules are not
asked: the derivative is that of the operations. Where that is another one at a kink, or NumPy does not treat objects as
it treats numbers (nan in np.maximum), a forward function has a way of its own for ``of_values(x)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import index as as_int
from typing import Any, TypeAlias

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Tensor, Value, sqrt, where

Array: TypeAlias = Any  # what NumPy's functions take: a Tensor, a Value, an ndarray, a number, lists of them
Shape: TypeAlias = tuple[int, ...]
_NOT_GIVEN = (None, np._NoValue)


def ready(x: Array, op: str = "array op") -> Array:
    """x as it is if it is an array or a Value; lists of numbers as an ndarray, lists with Values in them stacked.

    Raises TypeError where it holds anything but real numbers.
    """
    kind = type(x)
    if kind is Tensor or kind is Value:
        return x
    if kind is not ndarray:
        if (kind is list or kind is tuple) and recorded(x):
            from .combine import stack
            return stack([ready(item, op) for item in x])
        if not isinstance(x, ndarray):
            try:
                x = np.asarray(x)
            except ValueError:  # rows of different lengths
                raise errors.ragged_rows(op) from None
    dtype = x.dtype
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise errors.no_numbers(op, x)
    return x


def recorded(x: Iterable[Any]) -> bool:
    """Whether a Tensor or a Value is somewhere in these nested sequences."""
    return any(isinstance(item, (Tensor, Value)) or isinstance(item, (list, tuple)) and recorded(item) for item in x)


def refuse(op: str, **given: Any) -> None:
    """Raise for the first NumPy argument that has no meaning here, unless it was left at its default."""
    for key, value in given.items():
        if key == "out" and isinstance(value, tuple) and all(item is None for item in value):
            continue
        if not any(value is default for default in _NOT_GIVEN):
            raise errors.no_argument(op, key)


def shape_of(x: Array) -> Shape:
    """The shape of what a rule gets: an array, or a float for a scalar."""
    return () if isinstance(x, float) else x.shape


def one_axis(op: str, axis: Any, shape: Shape) -> int:
    """An axis, counted from the front."""
    if type(axis) is int and 0 <= axis < len(shape):
        return axis
    try:
        a = as_int(axis)
    except TypeError:
        raise errors.axis_type(op, axis) from None
    n = len(shape)
    if not -n <= a < n:
        raise errors.bad_axis(op, a, shape)
    return a + n if a < 0 else a


def axes_of(op: str, axis: Any, shape: Shape) -> Shape:
    """One axis, several, or all (None), counted from the front."""
    if type(axis) is int and 0 <= axis < len(shape):
        return (axis,)
    if axis is None:
        return tuple(range(len(shape)))
    if isinstance(axis, (tuple, list)):
        axes = tuple([one_axis(op, a, shape) for a in axis])
        if len(set(axes)) < len(axes):
            raise errors.repeated_axis(op, axis, shape)
        return axes
    return (one_axis(op, axis, shape),)


def kept(shape: Shape, axes: Shape) -> Shape:
    """The shape after a reduction with keepdims."""
    return tuple([1 if k in axes else n for k, n in enumerate(shape)])


def count(shape: Shape, axes: Shape) -> int:
    """How many elements a reduction puts together."""
    n = 1
    for a in axes:
        n *= shape[a]
    return n


def stand_in(x: Any) -> Any:
    """A plain array of x's shape and dtype, a float for a Value: for what asks for no more than these."""
    return np.broadcast_to(x.dtype.type(0), x.shape) if isinstance(x, Tensor) else 0.0 if isinstance(x, Value) else x


def of_values(x: Any) -> bool:
    """Whether a forward function works on Values, in a compiled function."""
    return type(x) is Value or (type(x) is ndarray and x.dtype == object)


def each(function: Any, x: Any) -> Any:
    """function of each element: of an array of Values, or of one Value."""
    return np.frompyfunc(function, 1, 1)(x) if isinstance(x, ndarray) else function(x)


def root(x: Any) -> Any:
    """Square roots in a forward function whose rule has the derivative 0 at 0."""
    return each(_root, x) if of_values(x) else np.sqrt(x)


def _root(x: Any) -> Any:
    return where(x, sqrt(where(x, x, 1.0)), 0.0)


def folded(function: Any, x: Any, axes: Shape, keepdims: bool, *initial: float) -> Any:
    """Values put together by a function of two, in pairs and pairs of pairs: so maxima that tie share about alike.

    initial: what is made of none.
    """
    if type(x) is Value:
        return x
    shape = kept(x.shape, axes) if keepdims else tuple([n for k, n in enumerate(x.shape) if k not in axes])
    order = (*axes, *[a for a in range(x.ndim) if a not in axes])
    rows = list(np.transpose(x, order).reshape(count(x.shape, axes), math.prod(shape)))
    if not rows and not initial:
        raise ValueError("no elements")
    if not rows:
        return np.full(shape, initial[0])
    pair = np.frompyfunc(function, 2, 1)
    with np.errstate(all="ignore"):
        while len(rows) > 1:
            rows = [pair(a, b) for a, b in zip(rows[::2], rows[1::2], strict=False)] + rows[len(rows)//2*2:]
    return rows[0].reshape(shape)[()]


def filled(x: Any, like: Any) -> Any:
    """A plain array of like's shape and dtype with x broadcast into it: the core takes it over without a copy."""
    out = np.empty(like.shape, like.dtype)
    out[...] = x
    return out
