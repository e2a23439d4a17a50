"""Ops that put arrays together: beside each other, and by products. Each with its adjoint beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index as as_int
from typing import Any, overload

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Primitive, Tensor, Value, gather
from .._core import dot as _dot
from ._common import Array, Shape, axes_of, one_axis, ready, refuse, shape_of
from .index import _getitem
from .reduce import sum as _sum_of
from .shape import _inverse, _ravel, _reshape, _swap, _transpose, _unsqueeze, moveaxis

__all__ = ["array_split", "column_stack", "concatenate", "cross", "dot", "dstack", "hsplit", "hstack", "inner", "kron",
           "matmul", "outer", "split", "stack", "tensordot", "unstack", "vdot", "vsplit", "vstack"]

_NUMBERS = frozenset((Value, float, int, np.float64))


# ---- stack, concatenate ----------------------------------------------------------------------------

def _stacked(*arrays: Any, axis: int) -> Any:
    try:
        return np.stack(arrays, axis)
    except ValueError:
        raise errors.stack_shapes("stack", [shape_of(x) for x in arrays]) from None


def _stack_vjp(k: int, g: Array, out: Array, *arrays: Array, axis: int) -> Array:
    return _getitem(g, index=(slice(None),)*axis + (k,))


_stack: Primitive = Primitive("stack", _stacked, _stack_vjp)


def stack(arrays: Any, axis: int = 0, out: Any = None, **rest: Any) -> Array:
    """stack(arrays, axis=0): arrays of one shape, or numbers and Values, along a new axis.

    Raises ValueError where shapes differ.

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
        refuse("stack", out=out, **rest)
    items = arrays if isinstance(arrays, list) else list(arrays)
    if axis in (0, -1):
        kinds = set(map(type, items))
        if Value in kinds and kinds <= _NUMBERS:
            return gather(items)
    items = [x if type(x) is Tensor or type(x) is Value else ready(x, "stack") for x in items]
    if not items:
        raise errors.nothing("stack", "the list", "array")
    return _stack(*items, axis=one_axis("stack", axis, (*shape_of(items[0]), 1)))


def _joined(*arrays: Any, axis: int, ends: Shape) -> Any:
    try:
        return np.concatenate(arrays, axis)
    except ValueError:
        raise errors.concatenate_shapes([shape_of(x) for x in arrays], axis) from None


def _join_vjp(k: int, g: Array, out: Array, *arrays: Array, axis: int, ends: Shape) -> Array:
    return _getitem(g, index=(slice(None),)*axis + (slice(ends[k], ends[k + 1]),))


_concatenate: Primitive = Primitive("concatenate", _joined, _join_vjp)


def concatenate(arrays: Any, axis: int | None = 0, out: Any = None, **rest: Any) -> Array:
    """concatenate(arrays, axis=0): arrays one behind the other along an axis; axis=None: all elements in one row.

    Raises ValueError where their shapes differ in another axis.

    >>> import cgrad
    >>> cgrad.concatenate([cgrad.Tensor([1.0]), [2.0, 3.0]]).tolist()
    [1.0, 2.0, 3.0]
    """
    if out is not None or rest:
        refuse("concatenate", out=out, **rest)
    items = [ready(x, "concatenate") for x in arrays]
    if not items:
        raise errors.nothing("concatenate", "the list", "array")
    if axis is None:
        items, axis = [_ravel(x, shape=-1) for x in items], 0
    shapes = [x.shape for x in items]
    if () in shapes:
        raise errors.concatenate_shapes(shapes, axis)
    axis = one_axis("concatenate", axis, shapes[0])
    if any(len(shape) != len(shapes[0]) for shape in shapes):
        raise errors.concatenate_shapes(shapes, axis)
    ends = [0]
    for shape in shapes:
        ends.append(ends[-1] + shape[axis])
    return _concatenate(*items, axis=axis, ends=tuple(ends))


def _append(x: Array, values: Array, axis: int | None = None) -> Array:
    """np.append: values behind x; all in one row without an axis."""
    return concatenate([x, values], axis)


def _at_least(x: Array, ndim: int) -> Array:
    """x with new axes as np.atleast_1d and np.atleast_2d place them."""
    x = ready(x, "stack")
    short = ndim - len(x.shape)
    return x if short <= 0 else _unsqueeze(x, shape=(1,)*short + x.shape)


def hstack(arrays: Any, **rest: Any) -> Array:
    """hstack(arrays): concatenate along axis 1, rows of elements along axis 0.

    >>> import cgrad
    >>> cgrad.hstack([cgrad.Tensor([1.0]), cgrad.Tensor([2.0])]).tolist()
    [1.0, 2.0]
    """
    refuse("hstack", **rest)
    items = [_at_least(x, 1) for x in arrays]
    return concatenate(items, 0 if items and len(items[0].shape) == 1 else 1)


def vstack(arrays: Any, **rest: Any) -> Array:
    """vstack(arrays): concatenate along axis 0, a row of elements as a row of a matrix.

    >>> import cgrad
    >>> cgrad.vstack([cgrad.Tensor([1.0]), cgrad.Tensor([2.0])]).tolist()
    [[1.0], [2.0]]
    """
    refuse("vstack", **rest)
    return concatenate([_at_least(x, 2) for x in arrays], 0)


def dstack(arrays: Any) -> Array:
    """dstack(arrays): concatenate along axis 2.

    >>> import cgrad
    >>> cgrad.dstack([cgrad.Tensor([1.0]), cgrad.Tensor([2.0])]).tolist()
    [[[1.0, 2.0]]]
    """
    items = [_at_least(x, 2) for x in arrays]
    return concatenate([x if len(x.shape) > 2 else _unsqueeze(x, shape=(*x.shape, 1)) for x in items], 2)


def column_stack(arrays: Any) -> Array:
    """column_stack(arrays): concatenate along axis 1, a row of elements as a column.

    >>> import cgrad
    >>> cgrad.column_stack([cgrad.Tensor([1.0, 2.0]), cgrad.Tensor([3.0, 4.0])]).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    items = [ready(x, "column_stack") for x in arrays]
    return concatenate([x if len(x.shape) > 1 else _reshape(x, shape=(-1, 1)) for x in items], 1)


# ---- split -----------------------------------------------------------------------------------------

def array_split(x: Array, parts: Any, axis: int = 0) -> list[Array]:
    """array_split(x, parts, axis=0): a list of parts of x along axis: so many, or cut at these places.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.array_split(cgrad.Tensor([1.0, 2.0, 3.0]), 2)]
    [[1.0, 2.0], [3.0]]
    """
    x = ready(x, "array_split")
    axis = one_axis("split", axis, x.shape)
    n = x.shape[axis]
    if isinstance(parts, (list, tuple, ndarray)):
        cuts = [0, *(as_int(cut) for cut in parts), n]
    else:
        k = as_int(parts)
        if k < 1:
            raise errors.bad_option("split", "parts", parts, "give a number of at least 1, or a list of places")
        each, more = divmod(n, k)
        cuts = [0]
        for i in range(k):
            cuts.append(cuts[-1] + each + (i < more))
    head = (slice(None),)*axis
    return [_getitem(x, index=(*head, slice(start, stop))) for start, stop in zip(cuts, cuts[1:], strict=False)]


def split(x: Array, parts: Any, axis: int = 0) -> list[Array]:
    """split(x, parts, axis=0): as array_split, into parts of equal length.

    Raises ValueError where that is not possible.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.split(cgrad.Tensor([1.0, 2.0, 3.0]), [1])]
    [[1.0], [2.0, 3.0]]
    """
    x = ready(x, "split")
    if not isinstance(parts, (list, tuple, ndarray)):
        n = x.shape[one_axis("split", axis, x.shape)]
        if parts and n % as_int(parts):
            raise errors.bad_split(x.shape, axis, parts)
    return array_split(x, parts, axis)


def hsplit(x: Array, parts: Any) -> list[Array]:
    """hsplit(x, parts): split along axis 1; along axis 0 where there is no other.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.hsplit(cgrad.Tensor([[1.0, 2.0]]), 2)]
    [[[1.0]], [[2.0]]]
    """
    x = ready(x, "hsplit")
    return split(x, parts, 1 if len(x.shape) > 1 else 0)


def vsplit(x: Array, parts: Any) -> list[Array]:
    """vsplit(x, parts): split along axis 0.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.vsplit(cgrad.Tensor([[1.0], [2.0]]), 2)]
    [[[1.0]], [[2.0]]]
    """
    return split(x, parts, 0)


def unstack(x: Array, *, axis: int = 0) -> tuple[Array, ...]:
    """unstack(x, axis=0): the slices along axis, what stack puts together.

    >>> import cgrad
    >>> [t.tolist() for t in cgrad.unstack(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]))]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    x = ready(x, "unstack")
    head = (slice(None),)*one_axis("unstack", axis, x.shape)
    return tuple([_getitem(x, index=(*head, k)) for k in range(x.shape[len(head)])])


# ---- matmul ----------------------------------------------------------------------------------------

def _product(x: Any, y: Any) -> Any:
    try:
        return np.matmul(x, y)
    except ValueError:
        raise errors.bad_matmul(shape_of(x), shape_of(y)) from None


def _left(g: Array, out: Array, x: Array, y: Array) -> Array:
    """d(x @ y)/dx. What a batch made wider the core sums."""
    if x.ndim == y.ndim == 2:
        return g @ y.T
    if y.ndim == 1:
        return g*y if x.ndim == 1 else _unsqueeze(g, shape=(*g.shape, 1))*y
    if x.ndim > 1:
        return _matmul(g, _swap(y))
    if y.ndim == 2:
        return _matmul(y, g)
    return _getitem(_matmul(y, _unsqueeze(g, shape=(*g.shape, 1))), index=(..., 0))


def _right(g: Array, out: Array, x: Array, y: Array) -> Array:
    """d(x @ y)/dy."""
    if x.ndim == y.ndim == 2:
        return x.T @ g
    if x.ndim == 1:
        return g*x if y.ndim == 1 else _unsqueeze(x, shape=(x.shape[0], 1))*_unsqueeze(
            g, shape=(*g.shape[:-1], 1, g.shape[-1]))
    if y.ndim > 2:
        return _matmul(_swap(x), g)
    n = x.shape[-1]  # a batch times one matrix or vector: its rows in one matrix, summed by the product itself
    rows = x if x.ndim == 2 else _reshape(x, shape=(math.prod(x.shape[:-1]), n))
    if y.ndim == 1:
        return _matmul(_swap(rows), g if g.ndim == 1 else _reshape(g, shape=(rows.shape[0],)))
    return _matmul(_swap(rows), _reshape(g, shape=(rows.shape[0], g.shape[-1])))


_matmul: Primitive = Primitive("matmul", _product, (_left, _right))


def matmul(x: Array, y: Array, out: Any = None, **rest: Any) -> Array:
    """matmul(x, y), x @ y: the matrix product over the last two axes, the axes before them broadcast.

    A row of elements is a row on the left and a column on the right, and the result lacks that axis.
    Raises ValueError where x's last axis is not as long as y's last but one.

    >>> import cgrad
    >>> (cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]) @ cgrad.Tensor([1.0, 1.0])).tolist()
    [3.0, 7.0]
    """
    if out is not None or rest:
        refuse("matmul", out=out, **rest)
    return _matmul(ready(x, "matmul"), ready(y, "matmul"))


# ---- other products --------------------------------------------------------------------------------

_ARRAYS = (Tensor, ndarray)


@overload
def dot(x: Sequence[float], y: Sequence[float], bias: float = 0.0) -> float: ...
@overload
def dot(x: Sequence[Value], y: Sequence[Value | float], bias: Value | float = 0.0) -> Value: ...
@overload
def dot(x: Sequence[Value | float], y: Sequence[Value], bias: Value | float = 0.0) -> Value: ...
@overload
def dot(x: Sequence[Value | float], y: Sequence[Value | float], bias: Value) -> Value: ...
@overload
def dot(x: Array, y: Array, bias: Any = 0.0) -> Array: ...
def dot(x: Array, y: Array, bias: Any = 0.0) -> Array:
    """dot(xs, ys, bias=0.0): bias + the sum of the products, of two rows of Values or numbers: one node.

    Of arrays it is NumPy's: matrix products, a sum over x's last axis and y's last but one, products with scalars.
    Raises ValueError where the lengths differ.

    >>> import cgrad
    >>> cgrad.dot([cgrad.Value(1.0), cgrad.Value(2.0)], [3.0, 4.0], 0.5).item()
    11.5
    >>> cgrad.dot(cgrad.Tensor([1.0, 2.0]), [3.0, 4.0]).item()
    11.0
    """
    if type(x) is list and type(y) is list or not isinstance(x, _ARRAYS) and not isinstance(y, _ARRAYS):
        return _dot(x, y, bias)
    result = _array_dot(x, y)
    return result if type(bias) is float and bias == 0.0 else result + bias


def _array_dot(x: Array, y: Array, out: Any = None) -> Array:
    """NumPy's dot."""
    refuse("dot", out=out)
    x, y = ready(x, "dot"), ready(y, "dot")
    n, m = len(x.shape), len(y.shape)
    if n == 0 or m == 0:
        return x*y
    if m <= 2 or n == 1 and m == 1:
        return _matmul(x, y)
    if x.shape[-1] != y.shape[-2]:
        raise errors.bad_product("dot", x.shape, y.shape)
    return _contract(x, y, (n - 1,), (m - 2,))


def vdot(x: Array, y: Array) -> Array:
    """vdot(x, y): the sum of the products of all elements, each of x and y in one row.

    >>> import cgrad
    >>> cgrad.vdot(cgrad.Tensor([[1.0, 2.0]]), [[3.0], [4.0]]).item()
    11.0
    """
    x, y = _ravel(ready(x, "vdot"), shape=-1), _ravel(ready(y, "vdot"), shape=-1)
    if x.shape != y.shape:
        raise errors.bad_product("vdot", x.shape, y.shape)
    return _matmul(x, y)


def inner(x: Array, y: Array) -> Array:
    """inner(x, y): products summed over the last axis of both.

    >>> import cgrad
    >>> cgrad.inner(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """
    x, y = ready(x, "inner"), ready(y, "inner")
    if not x.shape or not y.shape:
        return x*y
    if x.shape[-1] != y.shape[-1]:
        raise errors.bad_product("inner", x.shape, y.shape)
    return _contract(x, y, (len(x.shape) - 1,), (len(y.shape) - 1,))


_outer: Primitive = Primitive("outer", lambda x, y: np.multiply.outer(x, y), (
    lambda g, out, x, y: _matmul(g, y), lambda g, out, x, y: _matmul(x, g)))


def outer(x: Array, y: Array, out: Any = None) -> Array:
    """outer(x, y): the matrix of x[i]*y[j], each of x and y in one row.

    >>> import cgrad
    >>> cgrad.outer(cgrad.Tensor([1.0, 2.0]), [3.0, 4.0]).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    refuse("outer", out=out)
    return _outer(_ravel(ready(x, "outer"), shape=-1), _ravel(ready(y, "outer"), shape=-1))


def _free(ndim: int, axes: Shape) -> Shape:
    return tuple([a for a in range(ndim) if a not in axes])


def _tensordot_left(g: Array, out: Array, x: Array, y: Array, ax: Shape, ay: Shape) -> Array:
    fx, fy = _free(len(shape_of(x)), ax), _free(len(shape_of(y)), ay)
    raw = _contract(g, y, tuple(range(len(fx), len(fx) + len(fy))), fy)  # x's free axes, then y's that were summed
    return _transpose(raw, axes=_inverse((*fx, *(ax[ay.index(a)] for a in sorted(ay)))))


def _tensordot_right(g: Array, out: Array, x: Array, y: Array, ax: Shape, ay: Shape) -> Array:
    fx, fy = _free(len(shape_of(x)), ax), _free(len(shape_of(y)), ay)
    raw = _contract(x, g, fx, tuple(range(len(fx))))  # x's axes that were summed, then y's free ones
    return _transpose(raw, axes=_inverse((*(ay[ax.index(a)] for a in sorted(ax)), *fy)))


_tensordot: Primitive = Primitive("tensordot", lambda x, y, ax, ay: np.tensordot(x, y, (ax, ay))[()],
                       (_tensordot_left, _tensordot_right))


def _contract(x: Array, y: Array, ax: Shape, ay: Shape) -> Array:
    return _tensordot(x, y, ax=ax, ay=ay)


def tensordot(x: Array, y: Array, axes: Any = 2) -> Array:
    """tensordot(x, y, axes=2): products summed over pairs of axes: x's last with y's first, or (x's axes, y's axes).

    Raises ValueError where the axes of a pair have different lengths.

    >>> import cgrad
    >>> cgrad.tensordot(cgrad.Tensor([[1.0, 2.0]]), cgrad.Tensor([[3.0], [4.0]]), 1).tolist()
    [[11.0]]
    """
    x, y = ready(x, "tensordot"), ready(y, "tensordot")
    n, m = len(x.shape), len(y.shape)
    if isinstance(axes, (tuple, list, ndarray)):
        ax, ay = axes_of("tensordot", _axis_list(axes[0]), x.shape), axes_of("tensordot", _axis_list(axes[1]), y.shape)
    else:
        k = as_int(axes)
        if not 0 <= k <= min(n, m):
            raise errors.bad_product("tensordot", x.shape, y.shape)
        ax, ay = tuple(range(n - k, n)), tuple(range(k))
    if len(ax) != len(ay) or any(x.shape[i] != y.shape[j] for i, j in zip(ax, ay, strict=True)):
        raise errors.bad_product("tensordot", x.shape, y.shape)
    return _contract(x, y, ax, ay)


def _axis_list(axes: Any) -> Any:
    return axes.tolist() if isinstance(axes, ndarray) else axes


def kron(x: Array, y: Array) -> Array:
    """kron(x, y): each element of x times the whole of y, laid out in blocks.

    >>> import cgrad
    >>> cgrad.kron(cgrad.Tensor([1.0, 2.0]), [1.0, 10.0]).tolist()
    [1.0, 10.0, 2.0, 20.0]
    """
    x, y = ready(x, "kron"), ready(y, "kron")
    n = max(len(x.shape), len(y.shape))
    xs, ys = (1,)*(n - len(x.shape)) + x.shape, (1,)*(n - len(y.shape)) + y.shape
    left = _reshape(x, shape=tuple([k for length in xs for k in (length, 1)]))
    right = _reshape(y, shape=tuple([k for length in ys for k in (1, length)]))
    return _reshape(left*right, shape=tuple([a*b for a, b in zip(xs, ys, strict=True)]))


def cross(x: Array, y: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """cross(x, y, axis=-1): the vector product of vectors of 3 elements along an axis.

    Raises ValueError for another number of elements.

    >>> import cgrad
    >>> cgrad.cross(cgrad.Tensor([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = ready(x, "cross"), ready(y, "cross")
    x, y = moveaxis(x, axisa, -1), moveaxis(y, axisb, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise errors.bad_cross(x.shape, y.shape)

    def turned(t: Array, order: list[int]) -> Array:
        return _getitem(t, index=(..., np.array(order)))

    on, back = [1, 2, 0], [2, 0, 1]
    result = turned(x, on)*turned(y, back) - turned(x, back)*turned(y, on)
    return result if len(result.shape) == 1 else moveaxis(result, -1, axisc)


def _vecdot(x: Array, y: Array, axis: int = -1, **rest: Any) -> Array:
    """np.vecdot: products summed over one axis, the others broadcast."""
    refuse("vecdot", **rest)
    return _sum_of(ready(x, "vecdot")*ready(y, "vecdot"), axis)


METHODS: dict[str, Any] = {
    "matmul": matmul, "dot": _array_dot, "vdot": vdot, "inner": inner, "outer": outer, "tensordot": tensordot,
    "split": split,
}
NUMPY: dict[Any, Any] = {
    np.stack: stack, np.concatenate: concatenate, np.hstack: hstack, np.vstack: vstack, np.dstack: dstack,
    np.column_stack: column_stack, np.append: _append, np.split: split, np.array_split: array_split, np.hsplit: hsplit,
    np.vsplit: vsplit,
    np.matmul: matmul, np.linalg.matmul: matmul, np.dot: _array_dot, np.vdot: vdot, np.inner: inner, np.outer: outer,
    np.linalg.outer: outer, np.tensordot: tensordot,
    np.linalg.tensordot: lambda x, y, /, *, axes=2: tensordot(x, y, axes),
    np.kron: kron, np.cross: cross, np.linalg.cross: lambda x, y, /, *, axis=-1: cross(x, y, axis=axis),
    np.vecdot: _vecdot, np.linalg.vecdot: _vecdot,
    (np.multiply, "outer"): lambda x, y: _contract(ready(x), ready(y), (), ()),
}
if hasattr(np, "unstack"):  # NumPy 2.1
    NUMPY[np.unstack] = unstack
