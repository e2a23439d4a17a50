"""Functions given by points or coefficients: interpolation, quadrature, polynomials, grids, convolution."""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np

from .. import errors
from .._core import Tensor, Value, comparable, recording
from ._arguments import as_array, holds_values, normalize_axis, reject
from ._elements import _getitem
from ._shapes import Array
from .combine import concatenate
from .index import diff
from .index import where as _where
from .products import matmul
from .quantiles import MOST_COUNTED, searchsorted
from .reduce import sum as _sum_over
from .shape import _reshape

__all__ = ["convolve", "interp", "linspace", "polyval", "trapezoid"]


def interp(x: Array, xp: Array, fp: Array, left: Any = None, right: Any = None, period: Any = None) -> Array:
    """Piecewise linear interpolation at x between the points (xp, fp), differentiable in x, xp and fp.

    xp: a vector, increasing. left, right: the results before and after it; fp's ends if left out. Returns an array of
    x's shape. At a point of xp the derivative with respect to x is the slope to its right. Raises ValueError unless xp
    and fp are vectors of one length.

    >>> import cgrad
    >>> x = cgrad.Value(1.5)
    >>> y = cgrad.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0])
    >>> y.backward()
    >>> y.data, x.grad
    (2.5, 3.0)
    """
    reject("interp", period=period)
    x, xp, fp = as_array(x, "interp"), as_array(xp, "interp"), as_array(fp, "interp")
    if len(xp.shape) != 1 or xp.shape != fp.shape or xp.shape == (0,):
        raise errors.bad_points(xp.shape, fp.shape)
    if not holds_values([x, xp, fp, left, right]):
        return np.interp(x, xp, fp, left, right)
    n = xp.shape[0]
    if recording() and 2 < n <= MOST_COUNTED and type(x) is Value:
        return _interp_by_choices(x, list(comparable(xp)), list(comparable(fp)), left, right)
    first, last = _getitem(xp, index=0), _getitem(xp, index=n - 1)
    begin, end = (slice(1), slice(n - 1, n)) if x.shape else (0, n - 1)  # as arrays beside one: float32 stays
    below = _getitem(fp, index=begin) if left is None else left
    above = _getitem(fp, index=end)
    if n > 1:
        k = np.clip(searchsorted(xp, x, "right") - 1, 0, n - 2)
        x0, y0 = _getitem(xp, index=k), _getitem(fp, index=k)
        inside = (_getitem(fp, index=k + 1) - y0)/(_getitem(xp, index=k + 1) - x0)*(x - x0) + y0
        result = _where(x < last, inside, above)
    else:
        result = _where(x < last, below, above)
    result = _where(x < first, below, result)
    if right is not None:
        result = _where(x > last, right, result)
    return _where(x != x, x, result)


def _interp_by_choices(x: Any, xp: list[Any], fp: list[Any], left: Any, right: Any) -> Any:
    """interp of one traced number in a compiled function: each piece is a choice, and no path."""
    x0, y0, slope = xp[0], fp[0], (fp[1] - fp[0])/(xp[1] - xp[0])
    for k in range(1, len(xp) - 1):
        beyond = xp[k] <= x
        x0, y0 = _where(beyond, xp[k], x0), _where(beyond, fp[k], y0)
        slope = _where(beyond, (fp[k + 1] - fp[k])/(xp[k + 1] - xp[k]), slope)
    result = _where(x < xp[-1], slope*(x - x0) + y0, fp[-1])
    result = _where(x < xp[0], fp[0] if left is None else left, result)
    if right is not None:
        result = _where(x > xp[-1], right, result)
    return _where(x != x, x, result)


def trapezoid(y: Array, x: Array = None, dx: Array = 1.0, axis: int = -1) -> Array:
    """Integral of y along an axis by the trapezoidal rule, sum(dx*(y[1:] + y[:-1])/2), differentiable in y, x and dx.

    x: the sample points, a vector or an array of y's shape; dx: their distance, if x is left out. Returns an array
    without the axis.

    >>> import cgrad
    >>> y = cgrad.Tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> cgrad.trapezoid(y, dx=0.5).item()
    2.25
    """
    y = as_array(y, "trapezoid")
    axis = normalize_axis("trapezoid", axis, y.shape)
    head = (slice(None),)*axis
    width = dx
    if x is not None:
        x = as_array(x, "trapezoid")
        along = len(x.shape) == 1
        width = diff(x, axis=0 if along else axis)
        if along:
            width = _reshape(width, shape=(-1,) + (1,)*(len(y.shape) - axis - 1))
    elif isinstance(dx, (list, tuple)):
        width = as_array(dx, "trapezoid")
    following, before = _getitem(y, index=(*head, slice(1, None))), _getitem(y, index=(*head, slice(None, -1)))
    return _sum_over(width*(following + before)/2.0, axis)


def polyval(p: Array, x: Array) -> Array:
    """The polynomial p[0]*x**(n - 1) + ... + p[n - 1] at x by Horner's rule, differentiable in p and x.

    p: a vector, the highest power first. Returns an array of x's shape.

    >>> import cgrad
    >>> x = cgrad.Value(2.0)
    >>> cgrad.polyval([1.0, 0.0, -1.0], x).data
    3.0
    """
    p, x = as_array(p, "polyval"), as_array(x, "polyval")
    if len(p.shape) != 1:
        raise errors.no_vector("polyval", p.shape)
    result = 0.0*x if p.shape[0] == 0 else _getitem(p, index=0) + 0.0*x
    for k in range(1, p.shape[0]):
        result = result*x + _getitem(p, index=k)
    return result


def convolve(a: Array, v: Array, mode: str = "full") -> Array:
    """Discrete convolution of two vectors, out[n] = sum(a[m]*v[n - m]), differentiable in both.

    mode: "full" for every overlap, "same" for the length of the longer one, "valid" for complete overlaps. Raises
    ValueError unless both are vectors with an element.

    >>> import cgrad
    >>> cgrad.convolve(cgrad.Tensor([1.0, 2.0, 3.0]), [1.0, 1.0]).tolist()
    [1.0, 3.0, 5.0, 3.0]
    """
    a, v = as_array(a, "convolve"), as_array(v, "convolve")
    for x in (a, v):
        if len(x.shape) != 1:
            raise errors.no_vector("convolve", x.shape)
        if x.shape[0] == 0:
            raise errors.nothing("convolve", "a vector", "element")
    if mode not in ("full", "same", "valid"):
        raise errors.bad_option("convolve", "mode", mode, "give 'full', 'same' or 'valid'")
    if a.shape[0] < v.shape[0]:
        a, v = v, a
    n, m = a.shape[0], v.shape[0]
    edge = np.zeros(m - 1, a.dtype)
    rows = _getitem(concatenate([edge, a, edge]), index=np.arange(n + m - 1)[:, None] + np.arange(m))
    full = matmul(rows, _getitem(v, index=slice(None, None, -1)))
    if mode == "full":
        return full
    start = (m - 1)//2 if mode == "same" else m - 1
    return _getitem(full, index=slice(start, start + (n if mode == "same" else n - m + 1)))


def linspace(start: Array, stop: Array, num: int = 50, endpoint: bool = True, retstep: bool = False,
             dtype: Any = None, axis: int = 0) -> Array:
    """num numbers in equal steps from start to stop, differentiable in both.

    endpoint: whether the last one is stop. Returns a vector (an array with a new first axis where start or stop are
    arrays), or (numbers, step) if retstep. Raises ValueError if num is negative.

    >>> import cgrad
    >>> cgrad.linspace(cgrad.Value(1.0), 2.0, 3).tolist()
    [1.0, 1.5, 2.0]
    """
    reject("linspace", dtype=dtype)
    num = as_int(num)
    if num < 0:
        raise errors.bad_option("linspace", "num", num, "give a number that is not negative")
    if axis != 0:
        raise errors.bad_option("linspace", "axis", axis, "the new axis is the first one: use cgrad.moveaxis")
    start, stop = as_array(start, "linspace"), as_array(stop, "linspace")
    steps = num - 1 if endpoint else num
    if not holds_values([start, stop]):
        return np.linspace(start, stop, num, endpoint, retstep)  # type: ignore[call-overload]
    delta = stop - start
    shape, dtype = (delta.shape, delta.dtype) if isinstance(delta, Tensor) else ((), np.dtype(np.float64))
    place = np.arange(num, dtype=dtype).reshape((num,) + (1,)*len(shape))
    step = delta/steps if steps > 0 else np.nan*delta
    result = place*(step if steps > 0 else delta) + start
    if endpoint and num > 1:
        result = _where(place == steps, stop, result)
    return (result, step) if retstep else result


METHODS: dict[str, Any] = {}
NUMPY: dict[Any, Any] = {
    np.interp: interp, np.trapezoid: trapezoid, np.polyval: polyval, np.convolve: convolve, np.linspace: linspace,
}
