"""Ops that join arrays, and split them again: each with its adjoint beside it."""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Primitive, Tensor, Value, gather
from ._arguments import as_array, normalize_axis, reject
from ._elements import SCALARS, _getitem, _stack
from ._shapes import Array, Shape, shape_of
from .shape import _ravel, _reshape, _unsqueeze

__all__ = ["array_split", "column_stack", "concatenate", "dstack", "hsplit", "hstack", "split", "stack", "unstack",
           "vsplit", "vstack"]


# ---- stack, concatenate ----------------------------------------------------------------------------

def stack(arrays: Any, axis: int = 0, out: Any = None, **rest: Any) -> Array:
    """Join arrays of one shape, or Values and numbers, along a new axis.

    arrays: a sequence of n arrays. axis: the new axis, counted in the result. Returns an array with one axis more, of
    length n. Raises ValueError if the shapes differ.

    >>> import cgrad
    >>> v = cgrad.Value(2.0)
    >>> t = cgrad.stack([v, v*v, 1.0])
    >>> t.tolist()
    [2.0, 4.0, 1.0]
    >>> t.sum().backward()
    >>> v.grad
    5.0
    """
    if out is not None or rest:
        reject("stack", out=out, **rest)
    items = arrays if isinstance(arrays, list) else list(arrays)
    if axis in (0, -1):
        kinds = set(map(type, items))
        if Value in kinds and kinds <= SCALARS:
            return gather(items)
    items = [x if type(x) is Tensor or type(x) is Value else as_array(x, "stack") for x in items]
    if not items:
        raise errors.nothing("stack", "the list", "array")
    return _stack(*items, axis=normalize_axis("stack", axis, (*shape_of(items[0]), 1)))


def _concatenate_forward(*arrays: Any, axis: int, ends: Shape) -> Any:
    try:
        return np.concatenate(arrays, axis)
    except ValueError:
        raise errors.concatenate_shapes([shape_of(x) for x in arrays], axis) from None


def _concatenate_vjp(k: int, g: Array, out: Array, *arrays: Array, axis: int, ends: Shape) -> Array:
    return _getitem(g, index=(slice(None),)*axis + (slice(ends[k], ends[k + 1]),))


_concatenate: Primitive = Primitive("concatenate", _concatenate_forward, _concatenate_vjp, structural=True)


def concatenate(arrays: Any, axis: int | None = 0, out: Any = None, **rest: Any) -> Array:
    """Join arrays one after the other along an axis that they have.

    arrays: a sequence of arrays, equal in all other axes. axis: None flattens them first. Raises ValueError if they
    differ in another axis.

    >>> import cgrad
    >>> cgrad.concatenate([cgrad.Tensor([1.0]), [2.0, 3.0]]).tolist()
    [1.0, 2.0, 3.0]
    """
    if out is not None or rest:
        reject("concatenate", out=out, **rest)
    items = [as_array(x, "concatenate") for x in arrays]
    if not items:
        raise errors.nothing("concatenate", "the list", "array")
    if axis is None:
        items, axis = [_ravel(x, shape=-1) for x in items], 0
    shapes = [x.shape for x in items]
    if () in shapes:
        raise errors.concatenate_shapes(shapes, axis)
    axis = normalize_axis("concatenate", axis, shapes[0])
    if any(len(shape) != len(shapes[0]) for shape in shapes):
        raise errors.concatenate_shapes(shapes, axis)
    ends = [0]
    for shape in shapes:
        ends.append(ends[-1] + shape[axis])
    return _concatenate(*items, axis=axis, ends=tuple(ends))


def _numpy_append(x: Array, values: Array, axis: int | None = None) -> Array:
    """np.append: concatenate of two, flattened without an axis."""
    return concatenate([x, values], axis)


def _at_least(x: Array, ndim: int) -> Array:
    """x with leading axes of length 1 until it has ndim."""
    x = as_array(x, "stack")
    short = ndim - len(x.shape)
    return x if short <= 0 else _unsqueeze(x, shape=(1,)*short + x.shape)


def hstack(arrays: Any, **rest: Any) -> Array:
    """Join arrays along axis 1; vectors and scalars along axis 0.

    >>> import cgrad
    >>> cgrad.hstack([cgrad.Tensor([1.0]), cgrad.Tensor([2.0])]).tolist()
    [1.0, 2.0]
    """
    reject("hstack", **rest)
    items = [_at_least(x, 1) for x in arrays]
    return concatenate(items, 0 if items and len(items[0].shape) == 1 else 1)


def vstack(arrays: Any, **rest: Any) -> Array:
    """Join arrays along axis 0, a vector as a matrix of one row.

    >>> import cgrad
    >>> cgrad.vstack([cgrad.Tensor([1.0]), cgrad.Tensor([2.0])]).tolist()
    [[1.0], [2.0]]
    """
    reject("vstack", **rest)
    return concatenate([_at_least(x, 2) for x in arrays], 0)


def dstack(arrays: Any) -> Array:
    """Join arrays along axis 2: (n,) counts as (1, n, 1), (n, m) as (n, m, 1).

    >>> import cgrad
    >>> cgrad.dstack([cgrad.Tensor([1.0]), cgrad.Tensor([2.0])]).tolist()
    [[[1.0, 2.0]]]
    """
    items = [_at_least(x, 2) for x in arrays]
    return concatenate([x if len(x.shape) > 2 else _unsqueeze(x, shape=(*x.shape, 1)) for x in items], 2)


def column_stack(arrays: Any) -> Array:
    """Join arrays along axis 1, a vector as a matrix of one column.

    >>> import cgrad
    >>> cgrad.column_stack([cgrad.Tensor([1.0, 2.0]), cgrad.Tensor([3.0, 4.0])]).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    items = [as_array(x, "column_stack") for x in arrays]
    return concatenate([x if len(x.shape) > 1 else _reshape(x, shape=(-1, 1)) for x in items], 1)


# ---- split -----------------------------------------------------------------------------------------

def array_split(x: Array, parts: Any, axis: int = 0) -> list[Array]:
    """Split an array along an axis.

    parts: a number of parts, of which the first may be longer by one; or a list of indices to cut at. Returns a list
    of arrays. Raises ValueError if the number of parts is below 1.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.array_split(cgrad.Tensor([1.0, 2.0, 3.0]), 2)]
    [[1.0, 2.0], [3.0]]
    """
    x = as_array(x, "array_split")
    axis = normalize_axis("split", axis, x.shape)
    n = x.shape[axis]
    if isinstance(parts, (list, tuple, ndarray)):
        cuts = [0, *(as_int(cut) for cut in parts), n]
    else:
        k = as_int(parts)
        if k < 1:
            raise errors.bad_option("split", "parts", parts, "give a number of at least 1, or a list of indices")
        size, longer = divmod(n, k)
        cuts = [0]
        for i in range(k):
            cuts.append(cuts[-1] + size + (i < longer))
    head = (slice(None),)*axis
    return [_getitem(x, index=(*head, slice(start, stop))) for start, stop in zip(cuts, cuts[1:], strict=False)]


def split(x: Array, parts: Any, axis: int = 0) -> list[Array]:
    """Split an array along an axis into parts of equal length, or at indices.

    parts: a number that divides the length, or a list of indices to cut at. Returns a list of arrays. Raises
    ValueError if it does not divide.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.split(cgrad.Tensor([1.0, 2.0, 3.0]), [1])]
    [[1.0], [2.0, 3.0]]
    """
    x = as_array(x, "split")
    if not isinstance(parts, (list, tuple, ndarray)):
        n = x.shape[normalize_axis("split", axis, x.shape)]
        if parts and n % as_int(parts):
            raise errors.bad_split(x.shape, axis, parts)
    return array_split(x, parts, axis)


def hsplit(x: Array, parts: Any) -> list[Array]:
    """Split along axis 1; a vector along axis 0.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.hsplit(cgrad.Tensor([[1.0, 2.0]]), 2)]
    [[[1.0]], [[2.0]]]
    """
    x = as_array(x, "hsplit")
    return split(x, parts, 1 if len(x.shape) > 1 else 0)


def vsplit(x: Array, parts: Any) -> list[Array]:
    """Split along axis 0.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.vsplit(cgrad.Tensor([[1.0], [2.0]]), 2)]
    [[[1.0]], [[2.0]]]
    """
    return split(x, parts, 0)


def unstack(x: Array, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices of an array along an axis, as a tuple: the inverse of stack.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.unstack(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]))]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    x = as_array(x, "unstack")
    head = (slice(None),)*normalize_axis("unstack", axis, x.shape)
    return tuple([_getitem(x, index=(*head, k)) for k in range(x.shape[len(head)])])


METHODS: dict[str, Any] = {"split": split}
NUMPY: dict[Any, Any] = {
    np.stack: stack, np.concatenate: concatenate, np.hstack: hstack, np.vstack: vstack, np.dstack: dstack,
    np.column_stack: column_stack, np.append: _numpy_append, np.split: split, np.array_split: array_split,
    np.hsplit: hsplit, np.vsplit: vsplit,
}
if hasattr(np, "unstack"):  # NumPy 2.1
    NUMPY[np.unstack] = unstack
