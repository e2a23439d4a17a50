"""Primitives that pick, add and stack elements: each is the adjoint of another.

They are below ``_arguments``, which stacks lists with Values in them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import PUT, Primitive, Value, gather
from ._shapes import Array, Shape, shape_of

SCALARS = frozenset((Value, float, int, np.float64))  # those that ``gather`` records as one node


# ---- getitem, scatter ------------------------------------------------------------------------------

def _getitem_forward(x: Any, index: Any) -> Any:
    try:
        return x[index] if type(x) is ndarray else np.asarray(x)[index]
    except (IndexError, TypeError, ValueError) as error:  # also 1.5: and ::0
        raise errors.bad_index(shape_of(x), error) from None


def _picks_once(index: Any) -> bool:
    """True if an index names no element twice: ints, slices, ..., None and masks."""
    for item in index if type(index) is tuple else (index,):
        if isinstance(item, ndarray) and item.dtype.kind != "b":
            return False
    return True


def _scatter_forward(g: Any, index: Any, shape: Shape) -> Any:
    """Zeros of a shape with g added at the index, as often as it names an element."""
    if not _picks_once(index):
        return PUT.forward(g, np.arange(math.prod(shape)).reshape(shape)[index], shape)
    out = np.zeros(shape, g.dtype if type(g) is ndarray else np.float64)
    out[index] = g
    return out


_getitem: Primitive = Primitive("getitem", _getitem_forward, (
    lambda g, out, x, index: _scatter(g, index=index, shape=shape_of(x)),), structural=True)
_scatter: Primitive = Primitive("scatter", _scatter_forward, (
    lambda g, out, x, index, shape: _getitem(g, index=index),), structural=True)


# ---- stack -----------------------------------------------------------------------------------------

def _stack_forward(*arrays: Any, axis: int) -> Any:
    try:
        return np.stack(arrays, axis)
    except ValueError:
        raise errors.stack_shapes("stack", [shape_of(x) for x in arrays]) from None


def _stack_vjp(k: int, g: Array, out: Array, *arrays: Array, axis: int) -> Array:
    return _getitem(g, index=(slice(None),)*axis + (k,))


_stack: Primitive = Primitive("stack", _stack_forward, _stack_vjp, structural=True)


def stack_first(items: list[Any]) -> Array:
    """The items, arrays of one shape or Values, along a new first axis."""
    kinds = set(map(type, items))
    return gather(items) if Value in kinds and kinds <= SCALARS else _stack(*items, axis=0)
