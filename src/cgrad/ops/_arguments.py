"""How the functions in front of Primitives read their arguments: arrays, axes, and what of NumPy's is refused."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index as as_int
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Condition, Conditions, Tensor, Value, condition_number
from ._elements import stack_first
from ._shapes import Array, Shape

_NOT_GIVEN = (None, np._NoValue)


def as_array(x: Array, op: str = "array op") -> Array:
    """x itself if it is an array or a Value; a list of numbers as an ndarray, one with Values in it as a Tensor.

    An array of objects counts as a list. Raises TypeError if it holds anything but real numbers.
    """
    kind = type(x)
    if kind is Tensor or kind is Value:
        return x
    if kind is Condition or kind is Conditions:
        return condition_number(x)
    if kind is not ndarray:
        if (kind is list or kind is tuple) and holds_values(x):
            return stack_first([as_array(item, op) for item in x])
        if not isinstance(x, ndarray):
            try:
                x = np.asarray(x)
            except ValueError:  # rows of different lengths
                raise errors.ragged_rows(op) from None
    dtype = x.dtype
    if dtype.kind == "O" and is_or_holds_values(x):
        return as_array(x.tolist(), op)
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise errors.no_numbers(op, x)
    return x


def as_square(op: str, x: Array) -> Array:
    """As as_array; ValueError if it is not a square matrix, or a batch of them."""
    x = as_array(x, op)
    shape = x.shape
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise errors.not_square(op, shape)
    return x


def holds_values(x: Iterable[Any]) -> bool:
    """True if there is a Tensor or a Value in nested sequences, or in arrays of objects in them."""
    return any(map(is_or_holds_values, x))


def is_or_holds_values(x: Any) -> bool:
    """True for a Tensor, a Value, and a list, a tuple or an array of objects that holds one."""
    if isinstance(x, ndarray):
        return x.dtype.kind == "O" and holds_values(x.flat)
    return isinstance(x, (Tensor, Value, Condition)) or (isinstance(x, (list, tuple)) and holds_values(x))


def placeholder(x: Any) -> Any:
    """A plain array of x's shape and dtype (a float for a Value), for functions that read nothing else."""
    return np.broadcast_to(x.dtype.type(0), x.shape) if isinstance(x, Tensor) else 0.0 if isinstance(x, Value) else x


def reject(op: str, **given: Any) -> None:
    """Raise TypeError for the first of NumPy's arguments that is not at its default."""
    for key, value in given.items():
        if key == "out" and isinstance(value, tuple) and all(item is None for item in value):
            continue
        if not any(value is default for default in _NOT_GIVEN):
            raise errors.no_argument(op, key)


def normalize_axis(op: str, axis: Any, shape: Shape) -> int:
    """An axis as a number from 0 to len(shape) - 1."""
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


def normalize_axes(op: str, axis: Any, shape: Shape) -> Shape:
    """One axis, several, or all (None), each as a number from 0 to len(shape) - 1."""
    if type(axis) is int and 0 <= axis < len(shape):
        return (axis,)
    if axis is None:
        return tuple(range(len(shape)))
    if isinstance(axis, (tuple, list)):
        axes = tuple([normalize_axis(op, a, shape) for a in axis])
        if len(set(axes)) < len(axes):
            raise errors.repeated_axis(op, axis, shape)
        return axes
    return (normalize_axis(op, axis, shape),)
