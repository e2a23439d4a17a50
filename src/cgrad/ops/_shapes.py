"""Shapes, as the rules of array ops need them."""

from __future__ import annotations

from typing import Any, TypeAlias

Array: TypeAlias = Any  # anything NumPy's functions take: a Tensor, a Value, an ndarray, a number, lists of them
Shape: TypeAlias = tuple[int, ...]


def shape_of(x: Array) -> Shape:
    """The shape of an argument of a rule: an array, or a float for a scalar."""
    return () if isinstance(x, float) else x.shape


def keepdims_shape(shape: Shape, axes: Shape) -> Shape:
    """The shape after a reduction over axes with keepdims=True."""
    return tuple([1 if k in axes else n for k, n in enumerate(shape)])


def count_along(shape: Shape, axes: Shape) -> int:
    """The number of elements that a reduction over axes combines into one."""
    n = 1
    for a in axes:
        n *= shape[a]
    return n
