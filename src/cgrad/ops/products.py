"""Products of arrays: matrix, inner, outer, tensor, Kronecker and vector products, each with its adjoint beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index as as_int
from typing import Any, overload

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Primitive, Tensor, Value
from .._core import dot as _scalar_dot
from ._arguments import as_array, normalize_axes, reject
from ._elements import _getitem
from ._shapes import Array, Shape, shape_of
from .reduce import sum as _sum_over
from .shape import _ravel, _reshape, _transpose, _unsqueeze, inverse_permutation, moveaxis, swap_last

__all__ = ["cross", "dot", "inner", "kron", "matmul", "outer", "tensordot", "vdot"]


# ---- matmul ----------------------------------------------------------------------------------------

def _matmul_forward(x: Any, y: Any) -> Any:
    try:
        return np.matmul(x, y)
    except ValueError:
        raise errors.bad_matmul(shape_of(x), shape_of(y)) from None


def _matmul_vjp_x(g: Array, out: Array, x: Array, y: Array) -> Array:
    """g @ y^T; where x was broadcast over y's batch, the core sums."""
    if x.ndim == y.ndim == 2:
        return g @ y.T
    if y.ndim == 1:
        return g*y if x.ndim == 1 else _unsqueeze(g, shape=(*g.shape, 1))*y
    if x.ndim > 1:
        return _matmul(g, swap_last(y))
    if y.ndim == 2:
        return _matmul(y, g)
    return _getitem(_matmul(y, _unsqueeze(g, shape=(*g.shape, 1))), index=(..., 0))


def _matmul_vjp_y(g: Array, out: Array, x: Array, y: Array) -> Array:
    """x^T @ g; where y was broadcast over x's batch, the core sums."""
    if x.ndim == y.ndim == 2:
        return x.T @ g
    if x.ndim == 1:
        return g*x if y.ndim == 1 else _unsqueeze(x, shape=(x.shape[0], 1))*_unsqueeze(
            g, shape=(*g.shape[:-1], 1, g.shape[-1]))
    if y.ndim > 2:
        return _matmul(swap_last(x), g)
    # a batch times one matrix or vector: all rows of the batch as one matrix, so that the product sums over them
    n = x.shape[-1]
    rows = x if x.ndim == 2 else _reshape(x, shape=(math.prod(x.shape[:-1]), n))
    if y.ndim == 1:
        return _matmul(swap_last(rows), g if g.ndim == 1 else _reshape(g, shape=(rows.shape[0],)))
    return _matmul(swap_last(rows), _reshape(g, shape=(rows.shape[0], g.shape[-1])))


_matmul: Primitive = Primitive("matmul", _matmul_forward, (_matmul_vjp_x, _matmul_vjp_y))


def matmul(x: Array, y: Array, out: Any = None, **rest: Any) -> Array:
    """Matrix product x @ y.

    x: (..., n, k) or (k,); y: (..., k, m) or (k,); the axes before the last two broadcast. Returns (..., n, m),
    without n or m where x or y is a vector. Raises ValueError if the shapes do not fit.

    >>> import cgrad
    >>> x = cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> (x @ [1.0, 1.0]).tolist(), cgrad.matmul([1.0, 1.0], x).tolist()
    ([3.0, 7.0], [4.0, 6.0])
    """
    if out is not None or rest:
        reject("matmul", out=out, **rest)
    return _matmul(as_array(x, "matmul"), as_array(y, "matmul"))


# ---- tensordot -------------------------------------------------------------------------------------

def _free_axes(ndim: int, axes: Shape) -> Shape:
    return tuple([a for a in range(ndim) if a not in axes])


def _tensordot_vjp_x(g: Array, out: Array, x: Array, y: Array, ax: Shape, ay: Shape) -> Array:
    fx, fy = _free_axes(len(shape_of(x)), ax), _free_axes(len(shape_of(y)), ay)
    raw = _contract(g, y, tuple(range(len(fx), len(fx) + len(fy))), fy)  # x's free axes, then y's contracted ones
    return _transpose(raw, axes=inverse_permutation((*fx, *(ax[ay.index(a)] for a in sorted(ay)))))


def _tensordot_vjp_y(g: Array, out: Array, x: Array, y: Array, ax: Shape, ay: Shape) -> Array:
    fx, fy = _free_axes(len(shape_of(x)), ax), _free_axes(len(shape_of(y)), ay)
    raw = _contract(x, g, fx, tuple(range(len(fx))))  # x's contracted axes, then y's free ones
    return _transpose(raw, axes=inverse_permutation((*(ay[ax.index(a)] for a in sorted(ax)), *fy)))


_tensordot: Primitive = Primitive("tensordot", lambda x, y, ax, ay: np.tensordot(x, y, (ax, ay))[()],
                                  (_tensordot_vjp_x, _tensordot_vjp_y))


def _contract(x: Array, y: Array, ax: Shape, ay: Shape) -> Array:
    return _tensordot(x, y, ax=ax, ay=ay)


def tensordot(x: Array, y: Array, axes: Any = 2) -> Array:
    """Sum of products over pairs of axes.

    axes: an int k contracts x's last k axes with y's first k; a pair (x's axes, y's axes) contracts those. Returns an
    array of x's free axes, then y's. Raises ValueError if the axes of a pair have different lengths.

    >>> import cgrad
    >>> cgrad.tensordot(cgrad.Tensor([[1.0, 2.0]]), cgrad.Tensor([[3.0], [4.0]]), 1).tolist()
    [[11.0]]
    """
    x, y = as_array(x, "tensordot"), as_array(y, "tensordot")
    n, m = len(x.shape), len(y.shape)
    if isinstance(axes, (tuple, list, ndarray)):
        ax = normalize_axes("tensordot", _axis_list(axes[0]), x.shape)
        ay = normalize_axes("tensordot", _axis_list(axes[1]), y.shape)
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


# ---- dot, inner, outer -----------------------------------------------------------------------------

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
    """Dot product plus a bias: of sequences of Values and numbers as one node, of arrays as NumPy's dot.

    x, y: sequences of equal length; or arrays, where the sum runs over x's last axis and y's last but one (its only
    one if y is a vector), and a scalar multiplies. Returns a Value or a number; of arrays an array. Raises ValueError
    if the lengths differ.

    >>> import cgrad
    >>> cgrad.dot([cgrad.Value(1.0), cgrad.Value(2.0)], [3.0, 4.0], 0.5).item()
    11.5
    >>> cgrad.dot(cgrad.Tensor([1.0, 2.0]), [3.0, 4.0]).item()
    11.0
    """
    if type(x) is list and type(y) is list or not isinstance(x, _ARRAYS) and not isinstance(y, _ARRAYS):
        return _scalar_dot(x, y, bias)
    result = _array_dot(x, y)
    return result if type(bias) is float and bias == 0.0 else result + bias


def _array_dot(x: Array, y: Array, out: Any = None) -> Array:
    """np.dot."""
    reject("dot", out=out)
    x, y = as_array(x, "dot"), as_array(y, "dot")
    n, m = len(x.shape), len(y.shape)
    if n == 0 or m == 0:
        return x*y
    if m <= 2 or n == 1 and m == 1:
        return _matmul(x, y)
    if x.shape[-1] != y.shape[-2]:
        raise errors.bad_product("dot", x.shape, y.shape)
    return _contract(x, y, (n - 1,), (m - 2,))


def vdot(x: Array, y: Array) -> Array:
    """Dot product of the flattened arrays.

    Returns a Value. Raises ValueError if the numbers of elements differ.

    >>> import cgrad
    >>> cgrad.vdot(cgrad.Tensor([[1.0, 2.0]]), [[3.0], [4.0]]).item()
    11.0
    """
    x, y = _ravel(as_array(x, "vdot"), shape=-1), _ravel(as_array(y, "vdot"), shape=-1)
    if x.shape != y.shape:
        raise errors.bad_product("vdot", x.shape, y.shape)
    return _matmul(x, y)


def inner(x: Array, y: Array) -> Array:
    """Inner product: products summed over the last axis of both.

    x: (..., k); y: (..., k). Returns an array of x's other axes, then y's; a scalar multiplies. Raises ValueError if
    the last axes differ in length.

    >>> import cgrad
    >>> cgrad.inner(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """
    x, y = as_array(x, "inner"), as_array(y, "inner")
    if not x.shape or not y.shape:
        return x*y
    if x.shape[-1] != y.shape[-1]:
        raise errors.bad_product("inner", x.shape, y.shape)
    return _contract(x, y, (len(x.shape) - 1,), (len(y.shape) - 1,))


_outer: Primitive = Primitive("outer", lambda x, y: np.multiply.outer(x, y), (
    lambda g, out, x, y: _matmul(g, y), lambda g, out, x, y: _matmul(x, g)))


def outer(x: Array, y: Array, out: Any = None) -> Array:
    """Outer product of the flattened arrays.

    Returns the matrix of x[i]*y[j], (x.size, y.size).

    >>> import cgrad
    >>> cgrad.outer(cgrad.Tensor([1.0, 2.0]), [3.0, 4.0]).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    reject("outer", out=out)
    return _outer(_ravel(as_array(x, "outer"), shape=-1), _ravel(as_array(y, "outer"), shape=-1))


# ---- kron, cross -----------------------------------------------------------------------------------

def kron(x: Array, y: Array) -> Array:
    """Kronecker product: each element of x times y, in blocks.

    x and y may differ in their number of axes. Returns an array of shape x.shape*y.shape, axis by axis.

    >>> import cgrad
    >>> cgrad.kron(cgrad.Tensor([1.0, 2.0]), [1.0, 10.0]).tolist()
    [1.0, 10.0, 2.0, 20.0]
    """
    x, y = as_array(x, "kron"), as_array(y, "kron")
    n = max(len(x.shape), len(y.shape))
    xs, ys = (1,)*(n - len(x.shape)) + x.shape, (1,)*(n - len(y.shape)) + y.shape
    left = _reshape(x, shape=tuple([k for length in xs for k in (length, 1)]))
    right = _reshape(y, shape=tuple([k for length in ys for k in (1, length)]))
    return _reshape(left*right, shape=tuple([a*b for a, b in zip(xs, ys, strict=True)]))


def cross(x: Array, y: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """Vector product of vectors of 3 elements, which the other axes index and broadcast.

    axisa, axisb, axisc: the axes of the vectors in x, in y and in the result; axis sets all three. Raises ValueError
    if a vector has another number of elements.

    >>> import cgrad
    >>> cgrad.cross(cgrad.Tensor([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = as_array(x, "cross"), as_array(y, "cross")
    x, y = moveaxis(x, axisa, -1), moveaxis(y, axisb, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise errors.bad_cross(x.shape, y.shape)

    def rotated(t: Array, order: list[int]) -> Array:
        return _getitem(t, index=(..., np.array(order)))

    left, right = [1, 2, 0], [2, 0, 1]
    result = rotated(x, left)*rotated(y, right) - rotated(x, right)*rotated(y, left)
    return result if len(result.shape) == 1 else moveaxis(result, -1, axisc)


def _numpy_vecdot(x: Array, y: Array, axis: int = -1, **rest: Any) -> Array:
    """np.vecdot: products summed over one axis, the others broadcast."""
    reject("vecdot", **rest)
    return _sum_over(as_array(x, "vecdot")*as_array(y, "vecdot"), axis)


METHODS: dict[str, Any] = {
    "matmul": matmul, "dot": _array_dot, "vdot": vdot, "inner": inner, "outer": outer, "tensordot": tensordot,
}
NUMPY: dict[Any, Any] = {
    np.matmul: matmul, np.linalg.matmul: matmul, np.dot: _array_dot, np.vdot: vdot, np.inner: inner, np.outer: outer,
    np.linalg.outer: outer, np.tensordot: tensordot,
    np.linalg.tensordot: lambda x, y, /, *, axes=2: tensordot(x, y, axes),
    np.kron: kron, np.cross: cross, np.linalg.cross: lambda x, y, /, *, axis=-1: cross(x, y, axis=axis),
    np.vecdot: _numpy_vecdot, np.linalg.vecdot: _numpy_vecdot,
    (np.multiply, "outer"): lambda x, y: _contract(as_array(x), as_array(y), (), ()),
}
