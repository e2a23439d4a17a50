"""Running sums and products along an axis: each with its adjoint beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Primitive
from ._arguments import as_array, normalize_axis, reject
from ._shapes import Array
from .shape import _ravel

__all__ = ["cumprod", "cumsum"]


def _running_arguments(op: str, x: Array, axis: Any) -> tuple[Array, int]:
    """x and the axis; x flattened if there is none."""
    x = as_array(x, op)
    if axis is None or not x.shape:
        return _ravel(x, shape=-1), 0
    return x, normalize_axis(op, axis, x.shape)


# ---- cumsum ----------------------------------------------------------------------------------------

def _reverse_cumsum_forward(x: Any, axis: int) -> Any:
    """cumsum from the end, in a contiguous array."""
    out = np.empty(x.shape, x.dtype)
    np.add.accumulate(np.flip(x, axis), axis, None, np.flip(out, axis))
    return out


_cumsum: Primitive = Primitive("cumsum", lambda x, axis: np.add.accumulate(x, axis), (
    lambda g, out, x, axis: _reverse_cumsum(g, axis=axis),), structural=True)
_reverse_cumsum: Primitive = Primitive("reversed cumsum", _reverse_cumsum_forward, (
    lambda g, out, x, axis: _cumsum(g, axis=axis),), structural=True)


def cumsum(x: Array, axis: int | None = None, dtype: Any = None, out: Any = None, **rest: Any) -> Array:
    """Running sum along an axis: element k is the sum of elements 0 to k.

    axis: None for the flattened x. Returns an array of x's shape (flat without an axis).

    >>> import cgrad
    >>> cgrad.cumsum(cgrad.Tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 3.0, 6.0]
    """
    if dtype is not None or out is not None or rest:
        reject("cumsum", dtype=dtype, out=out, **rest)
    x, axis = _running_arguments("cumsum", x, axis)
    return _cumsum(x, axis=axis)


# ---- cumprod ---------------------------------------------------------------------------------------

def _shift_forward(x: Any, by: int, axis: int) -> Any:
    """Elements moved by 1 or -1 along axis, a zero coming in."""
    out = np.zeros_like(x)
    tail, init = slice(1, None), slice(None, -1)
    to, source = (tail, init) if by > 0 else (init, tail)
    index = (slice(None),)*axis
    out[(*index, to)] = x[(*index, source)]
    return out


_shift: Primitive = Primitive("shift", _shift_forward, (
    lambda g, out, x, by, axis: _shift(g, by=-by, axis=axis),), structural=True)


def _scan_forward(a: Any, b: Any, axis: int, way: int) -> Any:
    """The linear recurrence s[k] = a[k]*s[k - 1] + b[k]; with s[k + 1] if way is -1."""
    s = np.empty(b.shape, np.result_type(a, b))
    if b.ndim == 1:  # floats are ten times as fast as arrays of one number
        total, sums = 0.0, []
        for factor, term in zip(a[::way].tolist(), b[::way].tolist(), strict=True):
            total = factor*total + term
            sums.append(total)
        s[::way] = sums
        return s
    a, b, along = np.moveaxis(a, axis, 0)[::way], np.moveaxis(b, axis, 0)[::way], np.moveaxis(s, axis, 0)[::way]
    last: Any = 0.0
    for k in range(len(b)):
        last = along[k] = a[k]*last + b[k]
    return s


def _scan_vjp(k: int, g: Array, out: Array, a: Array, b: Array, axis: int, way: int) -> Array:
    # r[k] = g[k] + a[k + 1]*r[k + 1]: the same recurrence the other way; da[k] = r[k]*s[k - 1], db[k] = r[k]
    r = _scan(_shift(a, by=-way, axis=axis), g, axis=axis, way=-way)
    return r if k == 1 else r*_shift(out, by=way, axis=axis)


_scan: Primitive = Primitive("scan", _scan_forward, _scan_vjp)


def _shift_in_one(products: Array, axis: int) -> Array:
    """Elements moved by 1 along axis, a one coming in."""
    first = np.zeros(products.shape, products.dtype)
    first[(slice(None),)*axis + (slice(0, 1),)] = 1.0
    return _shift(products, by=1, axis=axis) + first


def _cumprod_vjp(g: Array, out: Array, x: Array, axis: int) -> Array:
    # d/dx_j = (product before j) * sum over k >= j of g_k * (product of j+1 to k): no division by x
    return _shift_in_one(out, axis)*_scan(_shift(x, by=-1, axis=axis), g, axis=axis, way=-1)


_cumprod: Primitive = Primitive("cumprod", lambda x, axis: np.multiply.accumulate(x, axis), (_cumprod_vjp,))


def exclusive_cumprod(x: Array, axis: int) -> Array:
    """At each element the product of those before it along axis."""
    return _shift_in_one(_cumprod(x, axis=axis), axis)


def cumprod(x: Array, axis: int | None = None, dtype: Any = None, out: Any = None, **rest: Any) -> Array:
    """Running product along an axis: element k is the product of elements 0 to k.

    axis: None for the flattened x. Returns an array of x's shape (flat without an axis); its derivatives hold where
    elements are 0 too.

    >>> import cgrad
    >>> cgrad.cumprod(cgrad.Tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0, 6.0]
    """
    if dtype is not None or out is not None or rest:
        reject("cumprod", dtype=dtype, out=out, **rest)
    x, axis = _running_arguments("cumprod", x, axis)
    return _cumprod(x, axis=axis)


# ---- methods and NumPy's functions -----------------------------------------------------------------

def _ufunc_accumulate(op: Any) -> Any:
    def accumulate(x: Array, axis: int = 0, dtype: Any = None, out: Any = None) -> Array:
        reject(op.__name__, dtype=dtype, out=out)
        return op(x, axis)

    return accumulate


METHODS: dict[str, Any] = {"cumsum": cumsum, "cumprod": cumprod}
NUMPY: dict[Any, Any] = {
    np.cumsum: cumsum, np.cumprod: cumprod, (np.add, "accumulate"): _ufunc_accumulate(cumsum),
    (np.multiply, "accumulate"): _ufunc_accumulate(cumprod),
}
