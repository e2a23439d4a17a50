"""Order statistics: quantiles, and where numbers belong among sorted ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from .._core import Tensor, Value, comparable, recording
from ._arguments import as_array, normalize_axes, reject
from ._elements import _getitem
from ._shapes import Array, Shape, count_along, keepdims_shape
from ._traced import is_traced
from .combine import stack
from .index import check_options, sort
from .index import where as _where
from .shape import _reshape, _transpose

__all__ = ["median", "percentile", "quantile", "searchsorted"]

MOST_COUNTED = 64  # sorted numbers among which one is placed without a guard


# ---- quantiles -------------------------------------------------------------------------------------

def _sorted_along(op: str, x: Array, axes: Shape) -> Array:
    """x sorted over axes, which are joined and come last."""
    n = count_along(x.shape, axes)
    if n == 0:
        raise errors.empty_reduction(op, x.shape)
    rest = tuple([a for a in range(len(x.shape)) if a not in axes])
    if rest + axes != tuple(range(len(x.shape))):
        x = _transpose(x, axes=rest + axes)
    return sort(_reshape(x, shape=(*x.shape[:len(rest)], n)), -1)


def _at(ordered: Array, place: float) -> Array:
    """Between two neighbours in the last axis, as NumPy interpolates; the axis stays, of length 1."""
    k = math.floor(place)
    t, low = place - k, _getitem(ordered, index=(..., slice(k, k + 1)))
    if t == 0:
        return low
    high = _getitem(ordered, index=(..., slice(k + 1, k + 2)))
    return high - (high - low)*(1 - t) if t >= 0.5 else low + (high - low)*t


def _unless_nan(result: Array, ordered: Array) -> Array:
    """nan where an element is nan: the last one, as they are sorted."""
    last = _getitem(ordered, index=(..., slice(-1, None)))
    is_number = last == last
    return result if np.all(is_number) else _where(is_number, result, last)


def _checked_q(op: str, q: Any, most: float) -> Any:
    if isinstance(q, (Value, Tensor)):
        raise errors.needs_number(op, "q", q)
    q = np.asarray(q, np.float64)
    if not np.all((q >= 0) & (q <= most)):
        raise errors.bad_option(op, "q", q, f"give numbers from 0 to {most:g}")
    return q


def _quantile(op: str, x: Array, q: Any, axis: Any, method: str, keepdims: bool) -> Array:
    if method != "linear":
        raise errors.bad_option(op, "method", method, "give 'linear': others have no rule")
    x = as_array(x, op)
    axes = normalize_axes(op, axis, x.shape)
    ordered = _sorted_along(op, x, axes)
    n = ordered.shape[-1]
    found = [_unless_nan(_at(ordered, (n - 1)*float(p)), ordered) for p in q.ravel()]
    shape = keepdims_shape(x.shape, axes) if keepdims else ordered.shape[:-1]
    if q.ndim == 0:
        return _reshape(found[0], shape=shape)
    return _reshape(stack(found), shape=(*q.shape, *shape))


def quantile(x: Array, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
             method: str = "linear", keepdims: bool = False, **rest: Any) -> Array:
    """The q-th quantiles over one axis, several, or all (None), interpolated linearly between order statistics.

    q: plain numbers from 0 to 1. Returns an array without these axes, or with them at length 1 if keepdims; several q
    are its first axes. nan where an element is nan. Raises ValueError if q is out of range, or there are no elements.

    >>> import cgrad
    >>> t = cgrad.Tensor([4.0, 1.0, 2.0], requires_grad=True)
    >>> y = cgrad.quantile(t, 0.25)
    >>> y.backward()
    >>> y.item(), t.grad.tolist()
    (1.5, [0.0, 0.5, 0.5])
    """
    reject("quantile", out=out, **rest)
    return _quantile("quantile", x, _checked_q("quantile", q, 1.0), axis, method, keepdims)


def percentile(x: Array, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
               method: str = "linear", keepdims: bool = False, **rest: Any) -> Array:
    """The q-th percentiles, as ``quantile`` with q from 0 to 100.

    >>> import cgrad
    >>> cgrad.percentile(cgrad.Tensor([4.0, 1.0, 2.0]), 25).item()
    1.5
    """
    reject("percentile", out=out, **rest)
    return _quantile("percentile", x, _checked_q("percentile", q, 100.0)/100, axis, method, keepdims)


def median(x: Array, axis: Any = None, out: Any = None, overwrite_input: bool = False,
           keepdims: bool = False) -> Array:
    """Median over one axis, several, or all (None): of two elements in the middle the mean.

    Returns an array without these axes, or with them at length 1 if keepdims; nan where an element is nan. Raises
    ValueError if there are no elements.

    >>> import cgrad
    >>> t = cgrad.Tensor([4.0, 1.0, 2.0, 8.0], requires_grad=True)
    >>> y = cgrad.median(t)
    >>> y.backward()
    >>> y.item(), t.grad.tolist()
    (3.0, [0.5, 0.0, 0.5, 0.0])
    """
    reject("median", out=out)
    x = as_array(x, "median")
    axes = normalize_axes("median", axis, x.shape)
    ordered = _sorted_along("median", x, axes)
    n = ordered.shape[-1]
    result = _at(ordered, n//2)
    if n % 2 == 0:
        result = (_at(ordered, n//2 - 1) + result)/2
    shape = keepdims_shape(x.shape, axes) if keepdims else ordered.shape[:-1]
    return _reshape(_unless_nan(result, ordered), shape=shape)


# ---- among sorted numbers --------------------------------------------------------------------------

def searchsorted(a: Array, v: Array, side: str = "left", sorter: Any = None) -> Any:
    """Where elements of v belong in the sorted vector a.

    Returns plain integers, without a derivative: before equal elements, or after them if side is "right". In a
    compiled function the place of one number in a short vector is counted, a number of the program; else comparisons
    decide, which are guards.

    >>> import cgrad
    >>> int(cgrad.searchsorted([1.0, 2.0, 4.0], cgrad.Value(3.0)))
    2
    """
    check_options("searchsorted", (), {"side": side, "sorter": sorter})
    a, v = comparable(as_array(a, "searchsorted")), comparable(as_array(v, "searchsorted"))
    if recording():
        a, v = np.asarray(a, object), np.asarray(v, object)
        if v.ndim == 0 and sorter is None and len(a) <= MOST_COUNTED and is_traced(v.item()):
            return counted_below(list(a), v.item(), side)
    return np.searchsorted(a, v, side, sorter)  # type: ignore[call-overload]


def counted_below(a: list[Any], v: Any, side: str) -> Any:
    """How many elements are below v, or not above it: nan is above all."""
    found: Any = 0.0
    for x in a:
        found = found + _where(x < v if side == "left" else x <= v, 1.0, 0.0)
    return _where(v != v, float(len(a)), found)


METHODS: dict[str, Any] = {}
NUMPY: dict[Any, Any] = {
    np.median: median, np.percentile: percentile, np.quantile: quantile, np.searchsorted: searchsorted,
}
