"""Reductions: ops that combine the elements along axes, each with its adjoint beside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from .._core import Primitive, maximum, minimum, plain
from ._arguments import as_array, normalize_axes, reject
from ._shapes import Array, Shape, count_along, keepdims_shape, shape_of
from ._traced import is_traced, reduce_sharing, safe_sqrt
from .running import exclusive_cumprod
from .shape import _flip, _reshape, _transpose, broadcast_adjoint, flat_at_zero, inverse_permutation

__all__ = ["amax", "amin", "average", "max", "mean", "min", "prod", "ptp", "std", "sum", "var"]

reduce_add: Any = np.add.reduce
reduce_multiply: Any = np.multiply.reduce


def _reduced_axes(op: str, axis: Any, shape: Shape) -> Shape:
    """As normalize_axes; a scalar may be reduced along axis 0, as in NumPy."""
    return () if not shape and axis in (0, -1) else normalize_axes(op, axis, shape)


def reduction_arguments(op: str, x: Array, axis: Any, keepdims: bool) -> tuple[Array, Shape, bool]:
    """x, axes and keepdims; a scalar as a vector of one, for forward functions that read x.shape."""
    x = as_array(x, op)
    axes = _reduced_axes(op, axis, x.shape)
    return (x, axes, bool(keepdims)) if x.shape else (_reshape(x, shape=(1,)), (0,), False)


# ---- sum, mean -------------------------------------------------------------------------------------

_sum_all: Primitive = Primitive("sum", lambda x: reduce_add(x, None), (
    lambda g, out, x: broadcast_adjoint(g, x, (), True),), structural=True)
_sum: Primitive = Primitive("sum", lambda x, axis, keepdims: reduce_add(x, axis, None, None, keepdims), (
    lambda g, out, x, axis, keepdims: broadcast_adjoint(g, x, axis, keepdims),), structural=True)


def sum(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """Sum over one axis, several, or all (None).

    Returns an array without these axes, or with them at length 1 if keepdims.

    >>> import cgrad
    >>> t = cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> cgrad.sum(t, axis=0).tolist()
    [4.0, 6.0]
    >>> cgrad.sum(t).item()
    10.0
    """
    if dtype is not None or out is not None or rest:
        reject("sum", dtype=dtype, out=out, **rest)
    x = as_array(x, "sum")
    if axis is None and not keepdims:
        return _sum_all(x)
    return _sum(x, axis=_reduced_axes("sum", axis, x.shape), keepdims=bool(keepdims))


def _divisor(n: float) -> float:
    return n if n > 0 else math.nan  # the mean of nothing is nan, without a warning


_mean_all: Primitive = Primitive(
    "mean",
    lambda x: reduce_add(x, None)/_divisor(1 if isinstance(x, float) else x.size),
    (lambda g, out, x: broadcast_adjoint(g/_divisor(math.prod(shape_of(x))), x, (), True),),
    structural=True,
)
_mean: Primitive = Primitive(
    "mean",
    lambda x, axis, keepdims: reduce_add(x, axis, None, None, keepdims)/_divisor(count_along(x.shape, axis)),
    (lambda g, out, x, axis, keepdims: broadcast_adjoint(g/_divisor(count_along(x.shape, axis)), x, axis, keepdims),),
    structural=True,
)


def mean(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """Arithmetic mean over one axis, several, or all (None).

    Returns an array without these axes, or with them at length 1 if keepdims; nan for the mean of no elements.

    >>> import cgrad
    >>> cgrad.mean(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1).tolist()
    [1.5, 3.5]
    """
    if dtype is not None or out is not None or rest:
        reject("mean", dtype=dtype, out=out, **rest)
    x = as_array(x, "mean")
    if axis is None and not keepdims or not x.shape:
        return _mean_all(x)
    return _mean(x, axis=_reduced_axes("mean", axis, x.shape), keepdims=bool(keepdims))


def average(x: Array, axis: Any = None, weights: Array = None, returned: bool = False, *,
            keepdims: bool = False) -> Array:
    """Weighted mean, sum(weights*x)/sum(weights), differentiable in both.

    weights: of x's shape, or a vector of the length of a single axis; None for the plain mean. Returns the mean, or
    (mean, sum of the weights) if returned. Raises ValueError if the shapes do not fit.

    >>> import cgrad
    >>> cgrad.average(cgrad.Tensor([1.0, 5.0]), weights=[3.0, 1.0]).item()
    2.0
    """
    x = as_array(x, "average")
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        total: Array = float(count_along(x.shape, _reduced_axes("average", axis, x.shape)))
    else:
        weights = as_array(weights, "average")
        if weights.shape != x.shape:
            axes = () if axis is None else _reduced_axes("average", axis, x.shape)
            if weights.shape != tuple([x.shape[a] for a in axes]) or list(axes) != sorted(axes) or not axes:
                raise errors.bad_weights(x.shape, weights.shape)
            weights = _reshape(weights, shape=tuple([n if k in axes else 1 for k, n in enumerate(x.shape)]))
            weights = np.broadcast_to(weights, x.shape)
        total = sum(weights, axis, keepdims=keepdims)
        result = sum(x*weights, axis, keepdims=keepdims)/total
    return (result, np.broadcast_to(total, shape_of(result))) if returned else result


# ---- prod ------------------------------------------------------------------------------------------

def _product_of_others(x: Array, axes: Shape) -> Array:
    """At each element the product of all others along axes, without a division: zeros do no harm."""
    shape = x.shape
    order = tuple([a for a in range(len(shape)) if a not in axes]) + axes
    rows = tuple([shape[a] for a in order[:len(order) - len(axes)]])
    moved = _transpose(x, axes=order)
    flat = _reshape(moved, shape=(*rows, count_along(shape, axes)))
    last = flat.ndim - 1
    before = exclusive_cumprod(flat, last)
    after = _flip(exclusive_cumprod(_flip(flat, axes=(last,)), last), axes=(last,))
    return _transpose(_reshape(before*after, shape=moved.shape), axes=inverse_permutation(order))


def _can_divide(x: Any, out: Any) -> bool:
    """True if out/x is as accurate as the product of the others: no zero, nothing lost to under- or overflow."""
    size = np.abs(out)
    info = np.finfo(np.result_type(out))
    return bool(np.all((size > info.tiny/info.eps) & (size < info.max*info.eps))) and bool(np.all(x))


def _prod_vjp(g: Array, out: Array, x: Array, axis: Shape, keepdims: bool) -> Array:
    if not shape_of(x):
        return g
    if _can_divide(plain(x), plain(out)):
        return broadcast_adjoint(g*out, x, axis, keepdims)/x
    return broadcast_adjoint(g, x, axis, keepdims)*_product_of_others(x, axis)


_prod: Primitive = Primitive("prod", lambda x, axis, keepdims: reduce_multiply(x, axis, None, None, keepdims), (
    _prod_vjp,))


def prod(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """Product over one axis, several, or all (None).

    Returns an array without these axes, or with them at length 1 if keepdims; its derivatives hold where elements
    are 0 too.

    >>> import cgrad
    >>> t = cgrad.Tensor([0.0, 2.0, 3.0], requires_grad=True)
    >>> cgrad.prod(t).backward()
    >>> t.grad.tolist()
    [6.0, 0.0, 0.0]
    """
    if dtype is not None or out is not None or rest:
        reject("prod", dtype=dtype, out=out, **rest)
    x = as_array(x, "prod")
    return _prod(x, axis=_reduced_axes("prod", axis, x.shape), keepdims=bool(keepdims))


# ---- max, min --------------------------------------------------------------------------------------

def _extremum_vjp(g: Array, out: Array, x: Array, axis: Shape, keepdims: bool) -> Array:
    shape = shape_of(x)
    if not shape:
        return g
    numbers, best = plain(x), plain(out)
    if not keepdims and not isinstance(best, float):
        best = best.reshape(keepdims_shape(shape, axis))
    taken = numbers == best
    ties = reduce_add(taken, axis, numbers.dtype, None, True)
    if not ties.all():  # the extremum is nan: the nans are its ties
        taken = taken | (numbers != numbers) & (best != best)
        ties = reduce_add(taken, axis, numbers.dtype, None, True)
    if not keepdims and not isinstance(g, float):
        g = _reshape(g, shape=ties.shape)
    return np.where(taken, g/ties, 0.0)


def _extremum(name: str, ufunc: Any, function: Any) -> Primitive:
    def forward(x: Any, axis: Shape, keepdims: bool) -> Any:
        try:
            if is_traced(x):
                return reduce_sharing(function, x, axis, keepdims)
            return ufunc.reduce(x, axis, None, None, keepdims)
        except ValueError:
            raise errors.empty_reduction(name, shape_of(x)) from None

    return Primitive(name, forward, (_extremum_vjp,), structural=True)


_max = _extremum("max", np.maximum, maximum)
_min = _extremum("min", np.minimum, minimum)


def max(x: Array, axis: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """Largest element over one axis, several, or all (None); elements that tie share the gradient equally.

    Returns an array without these axes, or with them at length 1 if keepdims; nan if an element is nan. Raises
    ValueError if there are no elements.

    >>> import cgrad
    >>> t = cgrad.Tensor([1.0, 3.0, 3.0], requires_grad=True)
    >>> cgrad.max(t).backward()
    >>> t.grad.tolist()
    [0.0, 0.5, 0.5]
    """
    if out is not None or rest:
        reject("max", out=out, **rest)
    x = as_array(x, "max")
    return _max(x, axis=_reduced_axes("max", axis, x.shape), keepdims=bool(keepdims))


def min(x: Array, axis: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Array:
    """Smallest element over one axis, several, or all (None); elements that tie share the gradient equally.

    Returns an array without these axes, or with them at length 1 if keepdims; nan if an element is nan. Raises
    ValueError if there are no elements.

    >>> import cgrad
    >>> cgrad.min(cgrad.Tensor([[1.0, 3.0], [2.0, 0.0]]), axis=1).tolist()
    [1.0, 0.0]
    """
    if out is not None or rest:
        reject("min", out=out, **rest)
    x = as_array(x, "min")
    return _min(x, axis=_reduced_axes("min", axis, x.shape), keepdims=bool(keepdims))


amax, amin = max, min


def ptp(x: Array, axis: Any = None, out: Any = None, keepdims: bool = False) -> Array:
    """Peak to peak: the largest element minus the smallest, over one axis, several, or all (None).

    >>> import cgrad
    >>> cgrad.ptp(cgrad.Tensor([1.0, 5.0, 2.0])).item()
    4.0
    """
    return max(x, axis, out, keepdims) - min(x, axis, out, keepdims)


# ---- var, std --------------------------------------------------------------------------------------

def _degrees_of_freedom(shape: Shape, axis: Shape, ddof: float) -> float:
    n = count_along(shape, axis) - ddof
    return n if n > 0 else 0.0


def _var_forward(x: Any, axis: Shape, ddof: float, keepdims: bool) -> Any:
    d = x - reduce_add(x, axis, None, None, True)/_divisor(count_along(x.shape, axis))
    n = _degrees_of_freedom(x.shape, axis, ddof)
    total = reduce_add(d*d, axis, None, None, keepdims)
    if n == 0:
        with np.errstate(all="ignore"):
            return total/n
    return total/n


def _scaled_deviations(g: Array, x: Array, axis: Shape, ddof: float, keepdims: bool, scale: float) -> Array:
    """g*scale/n*(x - mean(x)), n the degrees of freedom: the adjoint of var with scale 2."""
    n = _degrees_of_freedom(x.shape, axis, ddof)
    factor = broadcast_adjoint(g*(scale/n if n else math.inf), x, axis, keepdims)
    return factor*(x - _mean(x, axis=axis, keepdims=True))


def _std_vjp(g: Array, out: Array, x: Array, axis: Shape, ddof: float, eps: float, keepdims: bool) -> Array:
    zero = plain(out) == 0.0
    if zero if isinstance(zero, (bool, np.bool_)) else zero.any():
        nonzero = np.where(zero, 1.0, out)  # all elements equal their mean: 0/1 instead of 0/0
        return flat_at_zero(_scaled_deviations(g/nonzero, x, axis, ddof, keepdims, 1.0), out, x, axis, keepdims)
    return _scaled_deviations(g/out, x, axis, ddof, keepdims, 1.0)


_var: Primitive = Primitive("var", _var_forward, (
    lambda g, out, x, axis, ddof, keepdims: _scaled_deviations(g, x, axis, ddof, keepdims, 2.0),))
_std: Primitive = Primitive(
    "std", lambda x, axis, ddof, eps, keepdims: safe_sqrt(_var_forward(x, axis, ddof, keepdims) + eps), (_std_vjp,))


def _ddof(op: str, ddof: Any, correction: Any) -> float:
    if correction is not None and correction is not np._NoValue:
        if ddof != 0:
            raise errors.bad_option(op, "correction", correction, f"it is the same as ddof={ddof!r}: give one of them")
        ddof = correction
    return float(ddof)


def var(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, *,
        correction: Any = None, **rest: Any) -> Array:
    """Variance over one axis, several, or all (None): sum((x - mean(x))**2)/(n - ddof).

    ddof (or correction): 0 for the variance of a population, as in NumPy; 1 for the estimate from a sample. Returns
    an array without these axes, or with them at length 1 if keepdims; nan where n - ddof is 0.

    >>> import cgrad
    >>> cgrad.var(cgrad.Tensor([1.0, 3.0]), ddof=1).item()
    2.0
    """
    if dtype is not None or out is not None or rest:
        reject("var", dtype=dtype, out=out, **rest)
    x, axes, keepdims = reduction_arguments("var", x, axis, keepdims)
    return _var(x, axis=axes, ddof=_ddof("var", ddof, correction), keepdims=keepdims)


def std(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, *,
        correction: Any = None, eps: float = 0.0, **rest: Any) -> Array:
    """Standard deviation over one axis, several, or all (None): sqrt(var(x, ddof) + eps).

    ddof (or correction), keepdims: as for var. Returns an array without these axes, or with them at length 1 if
    keepdims; where all elements are equal its derivative is 0, as in PyTorch.

    >>> import cgrad
    >>> cgrad.std(cgrad.Tensor([1.0, 3.0])).item()
    1.0
    """
    if dtype is not None or out is not None or rest:
        reject("std", dtype=dtype, out=out, **rest)
    x, axes, keepdims = reduction_arguments("std", x, axis, keepdims)
    return _std(x, axis=axes, ddof=_ddof("std", ddof, correction), eps=float(eps), keepdims=keepdims)


# ---- methods and NumPy's functions -----------------------------------------------------------------

def ufunc_reduce(op: Any) -> Any:
    """``ufunc.reduce`` by an op: along axis 0 unless an axis is given."""
    def reduce(x: Array, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False,
               **rest: Any) -> Array:
        reject(op.__name__, dtype=dtype, out=out, **rest)
        return op(x, axis, keepdims=keepdims)

    return reduce


METHODS: dict[str, Any] = {
    "max": max, "mean": mean, "min": min, "prod": prod, "ptp": ptp, "std": std, "sum": sum, "var": var,
}
NUMPY: dict[Any, Any] = {
    np.sum: sum, np.mean: mean, np.average: average, np.prod: prod, np.max: max, np.amax: max, np.min: min,
    np.amin: min, np.ptp: ptp, np.var: var, np.std: std, (np.add, "reduce"): ufunc_reduce(sum),
    (np.multiply, "reduce"): ufunc_reduce(prod), (np.maximum, "reduce"): ufunc_reduce(max),
    (np.minimum, "reduce"): ufunc_reduce(min),
}
