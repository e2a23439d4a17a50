"""logsumexp and softmax, without overflow: each with its adjoint beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Primitive, exp, log
from ._arguments import as_array, normalize_axes
from ._shapes import Array, Shape
from ._traced import is_traced, map_elements, reduce_maximum
from .reduce import _sum, reduce_add, reduction_arguments, ufunc_reduce
from .shape import broadcast_adjoint

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _softmax_vjp(g: Array, out: Array, x: Array, axis: Shape) -> Array:
    part = g*out
    return part - out*_sum(part, axis=axis, keepdims=True)


# ---- logsumexp -------------------------------------------------------------------------------------

def _finite_max(x: Any, axis: Shape) -> tuple[Any, bool]:
    """The maxima over axes, and True if all of them are finite."""
    top = reduce_maximum(x, axis, None, None, True, -np.inf)
    return top, bool(np.isfinite(top).all())


def _logsumexp_forward(x: Any, axis: Shape, keepdims: bool) -> Any:
    if is_traced(x):
        return _logsumexp_traced(x, axis, keepdims)
    top, finite = _finite_max(x, axis)
    if not finite:
        top = np.where(np.isfinite(top), top, top.dtype.type(0.0))
    with np.errstate(divide="ignore"):  # the sum of no terms, or of exp(-inf): its logarithm is -inf
        result = np.log(reduce_add(np.exp(x - top), axis, None, None, True)) + top
    if keepdims:
        return result
    return result.reshape([n for k, n in enumerate(x.shape) if k not in axis])[()]


def _logsumexp_traced(x: Any, axis: Shape, keepdims: bool) -> Any:
    """Where the maximum is infinite, it alone: its derivative is the limit that ``_limit_forward`` takes."""
    top = reduce_maximum(x, axis, None, None, True, -np.inf)
    finite = map_elements(lambda v: bool(v - v == 0), top).astype(bool)
    powers = map_elements(exp, np.where(finite, x - top, 0.0))
    result = map_elements(log, reduce_add(powers, axis, None, None, True)) + top
    return result if keepdims else result.reshape([n for k, n in enumerate(x.shape) if k not in axis])[()]


def _limit_forward(x: Any, axis: Shape) -> Any:
    """exp(x)/sum(exp(x)); where the maximum is infinite, the limit in which elements that equal it share equally."""
    top, finite = _finite_max(x, axis)
    if finite:
        z = np.exp(x - top)
    else:
        with np.errstate(invalid="ignore"):
            z = np.exp(np.where(x == top, x.dtype.type(0.0), x - top))
    return z/reduce_add(z, axis, None, None, True)


_softmax_limit: Primitive = Primitive("softmax", _limit_forward, (_softmax_vjp,))
_logsumexp: Primitive = Primitive("logsumexp", _logsumexp_forward, (
    lambda g, out, x, axis, keepdims: broadcast_adjoint(g, x, axis, keepdims)*_softmax_limit(x, axis=axis),))


def logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Logarithm of the sum of exponentials, log(sum(exp(x))), without overflow.

    axis: one axis, several, or None for all. Returns an array without these axes (of length 1 with keepdims); -inf
    for the sum of no elements.

    >>> import cgrad
    >>> round(cgrad.logsumexp(cgrad.Tensor([1000.0, 1000.0])).item(), 4)
    1000.6931
    """
    x, axes, keepdims = reduction_arguments("logsumexp", x, axis, keepdims)
    return _logsumexp(x, axis=axes, keepdims=keepdims)


# ---- softmax ---------------------------------------------------------------------------------------

def _softmax_forward(x: Any, axis: Shape) -> Any:
    z = np.exp(x - reduce_maximum(x, axis, None, None, True, -np.inf))
    z /= reduce_add(z, axis, None, None, True)
    return z


def log_softmax_forward(x: Any, axis: Shape) -> Any:
    z = x - reduce_maximum(x, axis, None, None, True, -np.inf)
    z -= np.log(reduce_add(np.exp(z), axis, None, None, True))
    return z


_softmax: Primitive = Primitive("softmax", _softmax_forward, (_softmax_vjp,))
_log_softmax: Primitive = Primitive("log_softmax", log_softmax_forward, (
    lambda g, out, x, axis: g - np.exp(out)*_sum(g, axis=axis, keepdims=True),))


def softmax(x: Array, axis: Any = -1) -> Array:
    """exp(x)/sum(exp(x)) along an axis (or several), without overflow.

    Returns an array of x's shape.

    >>> import cgrad
    >>> cgrad.softmax(cgrad.Tensor([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    x = as_array(x, "softmax")
    return _softmax(x, axis=normalize_axes("softmax", axis, x.shape))


def log_softmax(x: Array, axis: Any = -1) -> Array:
    """Logarithm of softmax along an axis (or several), x - logsumexp(x): accurate where softmax underflows.

    Returns an array of x's shape.

    >>> import cgrad
    >>> cgrad.log_softmax(cgrad.Tensor([0.0, 1000.0])).tolist()
    [-1000.0, 0.0]
    """
    x = as_array(x, "log_softmax")
    return _log_softmax(x, axis=normalize_axes("log_softmax", axis, x.shape))


METHODS: dict[str, Any] = {"logsumexp": logsumexp, "softmax": softmax, "log_softmax": log_softmax}
NUMPY: dict[Any, Any] = {(np.logaddexp, "reduce"): ufunc_reduce(logsumexp)}
