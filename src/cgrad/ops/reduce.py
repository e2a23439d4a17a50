"""Ops that put the elements along axes together, and running ones: each with its adjoint beside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from .._core import Primitive, exp, log, maximum, minimum, plain
from ._common import (
    Array,
    Shape,
    axes_of,
    count,
    each,
    folded,
    kept,
    of_values,
    one_axis,
    ready,
    refuse,
    root,
    shape_of,
)
from .shape import _flip, _ravel, _reshape, _transpose, spread

__all__ = ["amax", "amin", "average", "cumprod", "cumsum", "log_softmax", "logsumexp", "max", "mean", "min", "prod",
           "ptp", "softmax", "std", "sum", "var"]

_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce


def _extremum(ufunc: Any, function: Any) -> Any:
    def reduce(x: Any, axis: Shape, dtype: Any = None, out: Any = None, keepdims: bool = False, *initial: float) -> Any:
        if of_values(x):
            return folded(function, x, axis, keepdims, *initial)
        return ufunc.reduce(x, axis, dtype, out, keepdims, *initial)

    return reduce


_maximum, _minimum = _extremum(np.maximum, maximum), _extremum(np.minimum, minimum)


def _axes(op: str, axis: Any, shape: Shape) -> Shape:
    """As axes_of; a scalar may be reduced along axis 0, as NumPy does."""
    return () if not shape and axis in (0, -1) else axes_of(op, axis, shape)


# ---- sum, mean -------------------------------------------------------------------------------------

_total: Primitive = Primitive("sum", lambda x: _add(x, None), (lambda g, out, x: spread(g, x, (), True),))
_sum: Primitive = Primitive("sum", lambda x, axis, keepdims: _add(x, axis, None, None, keepdims),
                       (lambda g, out, x, axis, keepdims: spread(g, x, axis, keepdims),))


def sum(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """sum(x, axis=None, keepdims=False): the sum over one axis, several, or all.

    >>> import cgrad
    >>> t = cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> cgrad.sum(t, axis=0).tolist()
    [4.0, 6.0]
    >>> cgrad.sum(t).item()
    10.0
    """
    if dtype is not None or out is not None or rest:
        refuse("sum", dtype=dtype, out=out, **rest)
    x = ready(x, "sum")
    if axis is None and not keepdims:
        return _total(x)
    return _sum(x, axis=_axes("sum", axis, x.shape), keepdims=bool(keepdims))


def _divisor(n: float) -> float:
    return n if n > 0 else math.nan  # the mean of nothing is nan, without a warning


_average: Primitive = Primitive(
    "mean",
    lambda x: _add(x, None)/_divisor(1 if isinstance(x, float) else x.size),
    (lambda g, out, x: spread(g/_divisor(math.prod(shape_of(x))), x, (), True),),
)
_mean: Primitive = Primitive(
    "mean",
    lambda x, axis, keepdims: _add(x, axis, None, None, keepdims)/_divisor(count(x.shape, axis)),
    (lambda g, out, x, axis, keepdims: spread(g/_divisor(count(x.shape, axis)), x, axis, keepdims),),
)


def mean(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """mean(x, axis=None, keepdims=False): the sum over axes divided by the number of its terms; nan if there are none.

    >>> import cgrad
    >>> cgrad.mean(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1).tolist()
    [1.5, 3.5]
    """
    if dtype is not None or out is not None or rest:
        refuse("mean", dtype=dtype, out=out, **rest)
    x = ready(x, "mean")
    if axis is None and not keepdims or not x.shape:
        return _average(x)
    return _mean(x, axis=_axes("mean", axis, x.shape), keepdims=bool(keepdims))


def average(x: Array, axis: Any = None, weights: Array = None, returned: bool = False, *,
            keepdims: bool = False) -> Array:
    """average(x, axis=None, weights=None): sum(weights*x)/sum(weights), differentiable in both.

    weights: of x's shape, or one a place of a single axis. returned=True gives (average, sum of weights).
    Raises ValueError where the shapes do not fit.

    >>> import cgrad
    >>> cgrad.average(cgrad.Tensor([1.0, 5.0]), weights=[3.0, 1.0]).item()
    2.0
    """
    x = ready(x, "average")
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        total: Array = float(count(x.shape, _axes("average", axis, x.shape)))
    else:
        weights = ready(weights, "average")
        if weights.shape != x.shape:
            axes = () if axis is None else _axes("average", axis, x.shape)
            if weights.shape != tuple([x.shape[a] for a in axes]) or list(axes) != sorted(axes) or not axes:
                raise errors.bad_weights(x.shape, weights.shape)
            weights = _reshape(weights, shape=tuple([n if k in axes else 1 for k, n in enumerate(x.shape)]))
            weights = np.broadcast_to(weights, x.shape)
        total = sum(weights, axis, keepdims=keepdims)
        result = sum(x*weights, axis, keepdims=keepdims)/total
    return (result, np.broadcast_to(total, shape_of(result))) if returned else result


# ---- prod, cumsum, cumprod -------------------------------------------------------------------------

def _others(x: Array, axes: Shape) -> Array:
    """At each element the product of all the others along axes: no division, so zeros do no harm."""
    shape = x.shape
    order = tuple([a for a in range(len(shape)) if a not in axes]) + axes
    rows = tuple([shape[a] for a in order[:len(order) - len(axes)]])
    moved = _transpose(x, axes=order)
    flat = _reshape(moved, shape=(*rows, count(shape, axes)))
    last = flat.ndim - 1
    before = _exclusive(flat, last)
    behind = _flip(_exclusive(_flip(flat, axes=(last,)), last), axes=(last,))
    back = [0]*len(order)
    for k, a in enumerate(order):
        back[a] = k
    return _transpose(_reshape(before*behind, shape=moved.shape), axes=tuple(back))


def _exclusive(x: Array, axis: int) -> Array:
    """The product of what lies before each element."""
    return _after_one(_cumprod(x, axis=axis), axis)


def _after_one(products: Array, axis: int) -> Array:
    first = np.zeros(products.shape, products.dtype)
    first[(slice(None),)*axis + (slice(0, 1),)] = 1.0
    return _shift(products, by=1, axis=axis) + first


def _divides(x: Any, out: Any) -> bool:
    """Whether out/x is as good as the product of the others: no zero, nothing lost to under- or overflow."""
    size = np.abs(out)
    info = np.finfo(np.result_type(out))
    return bool(np.all((size > info.tiny/info.eps) & (size < info.max*info.eps))) and bool(np.all(x))


def _prod_vjp(g: Array, out: Array, x: Array, axis: Shape, keepdims: bool) -> Array:
    if not shape_of(x):
        return g
    if _divides(plain(x), plain(out)):
        return spread(g*out, x, axis, keepdims)/x
    return spread(g, x, axis, keepdims)*_others(x, axis)


_prod: Primitive = Primitive("prod", lambda x, axis, keepdims: _multiply(x, axis, None, None, keepdims), (_prod_vjp,))


def prod(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """prod(x, axis=None, keepdims=False): the product over axes; its derivatives are right where elements are 0.

    >>> import cgrad
    >>> t = cgrad.Tensor([0.0, 2.0, 3.0], requires_grad=True)
    >>> cgrad.prod(t).backward()
    >>> t.grad.tolist()
    [6.0, 0.0, 0.0]
    """
    if dtype is not None or out is not None or rest:
        refuse("prod", dtype=dtype, out=out, **rest)
    x = ready(x, "prod")
    return _prod(x, axis=_axes("prod", axis, x.shape), keepdims=bool(keepdims))


def _summed_from(x: Any, axis: int) -> Any:
    """cumsum from the end, in an array whose memory is in order."""
    out = np.empty(x.shape, x.dtype)
    np.add.accumulate(np.flip(x, axis), axis, None, np.flip(out, axis))
    return out


_cumsum: Primitive = Primitive(
    "cumsum",
    lambda x, axis: np.add.accumulate(x, axis),
    (lambda g, out, x, axis: _sum_from(g, axis=axis),),
)
_sum_from: Primitive = Primitive("reversed cumsum", _summed_from, (lambda g, out, x, axis: _cumsum(g, axis=axis),))


def _row(op: str, x: Array, axis: Any) -> tuple[Array, int]:
    """x and the axis of a running op; without an axis, x in one row."""
    x = ready(x, op)
    if axis is None or not x.shape:
        return _ravel(x, shape=-1), 0
    return x, one_axis(op, axis, x.shape)


def cumsum(x: Array, axis: int | None = None, dtype: Any = None, out: Any = None, **rest: Any) -> Array:
    """cumsum(x, axis=None): element k is the sum of elements 0 to k along axis; of x in one row if there is none.

    >>> import cgrad
    >>> cgrad.cumsum(cgrad.Tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 3.0, 6.0]
    """
    if dtype is not None or out is not None or rest:
        refuse("cumsum", dtype=dtype, out=out, **rest)
    x, axis = _row("cumsum", x, axis)
    return _cumsum(x, axis=axis)


def _shifted(x: Any, by: int, axis: int) -> Any:
    out = np.zeros_like(x)
    behind, before = slice(1, None), slice(None, -1)
    to, of = (behind, before) if by > 0 else (before, behind)
    index = (slice(None),)*axis
    out[(*index, to)] = x[(*index, of)]
    return out


# Elements one place on, a zero coming in: by is 1 or -1.
_shift: Primitive = Primitive("shift", _shifted, (lambda g, out, x, by, axis: _shift(g, by=-by, axis=axis),))


def _scanned(a: Any, b: Any, axis: int, way: int) -> Any:
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
    # r_k = g_k + a_(k+1) r_(k+1): the same recurrence the other way; da_k = r_k s_(k-1), db_k = r_k
    r = _scan(_shift(a, by=-way, axis=axis), g, axis=axis, way=-way)
    return r if k == 1 else r*_shift(out, by=way, axis=axis)


# s_k = a_k s_(k-1) + b_k (s_(k+1) where way is -1): what the adjoint of cumprod is made of.
_scan: Primitive = Primitive("scan", _scanned, _scan_vjp)


def _cumprod_vjp(g: Array, out: Array, x: Array, axis: int) -> Array:
    # d/dx_j = (product before j) * sum over k >= j of g_k * (product of j+1 to k): no division by x
    return _after_one(out, axis)*_scan(_shift(x, by=-1, axis=axis), g, axis=axis, way=-1)


_cumprod: Primitive = Primitive("cumprod", lambda x, axis: np.multiply.accumulate(x, axis), (_cumprod_vjp,))


def cumprod(x: Array, axis: int | None = None, dtype: Any = None, out: Any = None, **rest: Any) -> Array:
    """cumprod(x, axis=None): element k is the product of elements 0 to k; derivatives are right where some are 0.

    >>> import cgrad
    >>> cgrad.cumprod(cgrad.Tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0, 6.0]
    """
    if dtype is not None or out is not None or rest:
        refuse("cumprod", dtype=dtype, out=out, **rest)
    x, axis = _row("cumprod", x, axis)
    return _cumprod(x, axis=axis)


# ---- max, min --------------------------------------------------------------------------------------

def _extreme_vjp(g: Array, out: Array, x: Array, axis: Shape, keepdims: bool) -> Array:
    shape = shape_of(x)
    if not shape:
        return g
    numbers, best = plain(x), plain(out)
    if not keepdims and not isinstance(best, float):
        best = best.reshape(kept(shape, axis))
    taken = numbers == best
    ties = _add(taken, axis, numbers.dtype, None, True)
    if not ties.all():  # the extreme is nan: the nans are its ties
        taken = taken | (numbers != numbers) & (best != best)
        ties = _add(taken, axis, numbers.dtype, None, True)
    if not keepdims and not isinstance(g, float):
        g = _reshape(g, shape=ties.shape)
    return np.where(taken, g/ties, 0.0)


def _extreme(name: str, reduce: Any) -> Primitive:
    def forward(x: Any, axis: Shape, keepdims: bool) -> Any:
        try:
            return reduce(x, axis, None, None, keepdims)
        except ValueError:
            raise errors.empty_reduction(name, shape_of(x)) from None

    return Primitive(name, forward, (_extreme_vjp,))


_max = _extreme("max", _maximum)
_min = _extreme("min", _minimum)


def max(x: Array, axis: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """max(x, axis=None, keepdims=False): the largest element; elements that tie share the gradient equally.

    nan if there is one. Raises ValueError where there are no elements.

    >>> import cgrad
    >>> t = cgrad.Tensor([1.0, 3.0, 3.0], requires_grad=True)
    >>> cgrad.max(t).backward()
    >>> t.grad.tolist()
    [0.0, 0.5, 0.5]
    """
    if out is not None or rest:
        refuse("max", out=out, **rest)
    x = ready(x, "max")
    return _max(x, axis=_axes("max", axis, x.shape), keepdims=bool(keepdims))


def min(x: Array, axis: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """min(x, axis=None, keepdims=False): the smallest element; elements that tie share the gradient equally.

    nan if there is one. Raises ValueError where there are no elements.

    >>> import cgrad
    >>> cgrad.min(cgrad.Tensor([[1.0, 3.0], [2.0, 0.0]]), axis=1).tolist()
    [1.0, 0.0]
    """
    if out is not None or rest:
        refuse("min", out=out, **rest)
    x = ready(x, "min")
    return _min(x, axis=_axes("min", axis, x.shape), keepdims=bool(keepdims))


amax, amin = max, min


def ptp(x: Array, axis: Any = None, out: Any = None, keepdims: bool = False) -> Array:
    """ptp(x, axis=None, keepdims=False): the largest element less the smallest.

    >>> import cgrad
    >>> cgrad.ptp(cgrad.Tensor([1.0, 5.0, 2.0])).item()
    4.0
    """
    return max(x, axis, out, keepdims) - min(x, axis, out, keepdims)


# ---- var, std --------------------------------------------------------------------------------------

def _spared(shape: Shape, axis: Shape, ddof: float) -> float:
    n = count(shape, axis) - ddof
    return n if n > 0 else 0.0


def _squares(x: Any, axis: Shape, ddof: float, keepdims: bool) -> Any:
    d = x - _add(x, axis, None, None, True)/_divisor(count(x.shape, axis))
    n = _spared(x.shape, axis, ddof)
    total = _add(d*d, axis, None, None, keepdims)
    if n == 0:
        with np.errstate(all="ignore"):
            return total/n
    return total/n


def _deviation(g: Array, x: Array, axis: Shape, ddof: float, keepdims: bool, twice: float) -> Array:
    n = _spared(x.shape, axis, ddof)
    return spread(g*(twice/n if n else math.inf), x, axis, keepdims)*(x - _mean(x, axis=axis, keepdims=True))


def _std_vjp(g: Array, out: Array, x: Array, axis: Shape, ddof: float, eps: float, keepdims: bool) -> Array:
    zero = plain(out) == 0.0
    if zero if isinstance(zero, (bool, np.bool_)) else zero.any():
        out = np.where(zero, 1.0, out)  # all elements are their mean: 0/1 instead of 0/0
    return _deviation(g/out, x, axis, ddof, keepdims, 1.0)


_var: Primitive = Primitive(
    "var",
    _squares,
    (lambda g, out, x, axis, ddof, keepdims: _deviation(g, x, axis, ddof, keepdims, 2.0),),
)
_std: Primitive = Primitive(
    "std",
    lambda x, axis, ddof, eps, keepdims: root(_squares(x, axis, ddof, keepdims) + eps),
    (_std_vjp,),
)


def _freedom(op: str, ddof: Any, correction: Any) -> float:
    if correction is not None and correction is not np._NoValue:
        if ddof != 0:
            raise errors.bad_option(op, "correction", correction, f"it is the same as ddof={ddof!r}: give one of them")
        ddof = correction
    return float(ddof)


def var(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, *,
        correction: Any = None, **rest: Any) -> Array:
    """var(x, axis=None, ddof=0, keepdims=False): sum((x - mean(x))**2)/(n - ddof) over axes.

    ddof (or correction): 0 as in NumPy; 1 for the estimate from a sample. nan where n - ddof is 0.

    >>> import cgrad
    >>> cgrad.var(cgrad.Tensor([1.0, 3.0]), ddof=1).item()
    2.0
    """
    if dtype is not None or out is not None or rest:
        refuse("var", dtype=dtype, out=out, **rest)
    x, axes, keepdims = _reducible("var", x, axis, keepdims)
    return _var(x, axis=axes, ddof=_freedom("var", ddof, correction), keepdims=keepdims)


def std(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, *,
        correction: Any = None, eps: float = 0.0, **rest: Any) -> Array:
    """std(x, axis=None, ddof=0, keepdims=False, eps=0.0): sqrt(var(x) + eps).

    The derivative where all elements are equal is 0, as PyTorch's.

    >>> import cgrad
    >>> cgrad.std(cgrad.Tensor([1.0, 3.0])).item()
    1.0
    """
    if dtype is not None or out is not None or rest:
        refuse("std", dtype=dtype, out=out, **rest)
    x, axes, keepdims = _reducible("std", x, axis, keepdims)
    return _std(x, axis=axes, ddof=_freedom("std", ddof, correction), eps=float(eps), keepdims=keepdims)


def _reducible(op: str, x: Array, axis: Any, keepdims: bool) -> tuple[Array, Shape, bool]:
    """x, axes and keepdims; a scalar as a row of one, for forwards that look at x.shape."""
    x = ready(x, op)
    axes = _axes(op, axis, x.shape)
    return (x, axes, bool(keepdims)) if x.shape else (_reshape(x, shape=(1,)), (0,), False)


# ---- logsumexp, softmax ----------------------------------------------------------------------------

def _top(x: Any, axis: Shape) -> tuple[Any, bool]:
    """The largest element, and whether all of them are finite."""
    top = _maximum(x, axis, None, None, True, -np.inf)
    return top, bool(np.isfinite(top).all())


def _log_sum(x: Any, axis: Shape, keepdims: bool) -> Any:
    if of_values(x):
        return _log_sum_of_values(x, axis, keepdims)
    top, finite = _top(x, axis)
    if not finite:
        top = np.where(np.isfinite(top), top, top.dtype.type(0.0))
    with np.errstate(divide="ignore"):  # the sum of no terms, or of exp(-inf): its logarithm is -inf
        result = np.log(_add(np.exp(x - top), axis, None, None, True)) + top
    if keepdims:
        return result
    return result.reshape([n for k, n in enumerate(x.shape) if k not in axis])[()]


def _log_sum_of_values(x: Any, axis: Shape, keepdims: bool) -> Any:
    """Of infinite ones the largest itself, whose derivative is the limit that ``_parts`` takes."""
    top = _maximum(x, axis, None, None, True, -np.inf)
    finite = each(lambda v: bool(v - v == 0), top).astype(bool)
    result = each(log, _add(each(exp, np.where(finite, x - top, 0.0)), axis, None, None, True)) + top
    return result if keepdims else result.reshape([n for k, n in enumerate(x.shape) if k not in axis])[()]


def _parts(x: Any, axis: Shape) -> Any:
    """exp(x)/sum(exp(x)); of infinite ones the limit in which they tie."""
    top, finite = _top(x, axis)
    if finite:
        z = np.exp(x - top)
    else:
        with np.errstate(invalid="ignore"):
            z = np.exp(np.where(x == top, x.dtype.type(0.0), x - top))
    return z/_add(z, axis, None, None, True)


def _soft(x: Any, axis: Shape) -> Any:
    z = np.exp(x - _maximum(x, axis, None, None, True, -np.inf))
    z /= _add(z, axis, None, None, True)
    return z


def _log_soft(x: Any, axis: Shape) -> Any:
    z = x - _maximum(x, axis, None, None, True, -np.inf)
    z -= np.log(_add(np.exp(z), axis, None, None, True))
    return z


def _soft_vjp(g: Array, out: Array, x: Array, axis: Shape) -> Array:
    part = g*out
    return part - out*_sum(part, axis=axis, keepdims=True)


_shares: Primitive = Primitive("softmax", _parts, (_soft_vjp,))
_softmax: Primitive = Primitive("softmax", _soft, (_soft_vjp,))
_log_softmax: Primitive = Primitive("log_softmax", _log_soft, (
    lambda g, out, x, axis: g - np.exp(out)*_sum(g, axis=axis, keepdims=True),))
_logsumexp: Primitive = Primitive("logsumexp", _log_sum, (
    lambda g, out, x, axis, keepdims: spread(g, x, axis, keepdims)*_shares(x, axis=axis),))


def logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """logsumexp(x, axis=None, keepdims=False): log(sum(exp(x))) over axes, without overflow; -inf of nothing.

    >>> import cgrad
    >>> round(cgrad.logsumexp(cgrad.Tensor([1000.0, 1000.0])).item(), 4)
    1000.6931
    """
    x, axes, keepdims = _reducible("logsumexp", x, axis, keepdims)
    return _logsumexp(x, axis=axes, keepdims=keepdims)


def softmax(x: Array, axis: Any = -1) -> Array:
    """softmax(x, axis=-1): exp(x)/sum(exp(x)) along axis, without overflow.

    >>> import cgrad
    >>> cgrad.softmax(cgrad.Tensor([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    x = ready(x, "softmax")
    return _softmax(x, axis=axes_of("softmax", axis, x.shape))


def log_softmax(x: Array, axis: Any = -1) -> Array:
    """log_softmax(x, axis=-1): x - logsumexp(x) along axis: the logarithm of softmax, exact where that underflows.

    >>> import cgrad
    >>> cgrad.log_softmax(cgrad.Tensor([0.0, 1000.0])).tolist()
    [-1000.0, 0.0]
    """
    x = ready(x, "log_softmax")
    return _log_softmax(x, axis=axes_of("log_softmax", axis, x.shape))


# ---- as methods ------------------------------------------------------------------------------------

def _cumulative(op: Any) -> Any:
    def reduce(x: Array, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False,
               **rest: Any) -> Array:
        refuse(op.__name__, dtype=dtype, out=out, **rest)
        return op(x, axis, keepdims=keepdims)

    return reduce


def _running(op: Any) -> Any:
    def accumulate(x: Array, axis: int = 0, dtype: Any = None, out: Any = None) -> Array:
        refuse(op.__name__, dtype=dtype, out=out)
        return op(x, axis)

    return accumulate


METHODS: dict[str, Any] = {name: globals()[name] for name in __all__ if name not in ("amax", "amin", "average")}
NUMPY: dict[Any, Any] = {
    np.sum: sum, np.mean: mean, np.average: average, np.prod: prod, np.max: max, np.amax: max, np.min: min,
    np.amin: min, np.ptp: ptp, np.var: var, np.std: std, np.cumsum: cumsum, np.cumprod: cumprod,
    (np.add, "reduce"): _cumulative(sum), (np.multiply, "reduce"): _cumulative(prod),
    (np.maximum, "reduce"): _cumulative(max), (np.minimum, "reduce"): _cumulative(min),
    (np.logaddexp, "reduce"): _cumulative(logsumexp), (np.add, "accumulate"): _running(cumsum),
    (np.multiply, "accumulate"): _running(cumprod),
}
