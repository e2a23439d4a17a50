"""Functions of scipy.special that are made of rows of the op table; SciPy's ufuncs ask for them by name."""

from __future__ import annotations

import math
from typing import Any

from .._core import exp, expm1, lgamma, log, log1p, ndtri, pow, rel_entr, softplus, where
from ._shapes import Array


def _kl_div(x: Array, y: Array) -> Array:
    return rel_entr(x, y) - x + y


def _log_expit(x: Array) -> Array:
    return -softplus(-x)


def _exp10(x: Array) -> Array:
    return pow(10.0, x)


def _erfcinv(y: Array) -> Array:
    return -math.sqrt(0.5)*ndtri(0.5*y)


def _loggamma(x: Array) -> Array:
    return where(x < 0, math.nan, lgamma(x))  # SciPy's of a negative real number


def _is_zero(power: Array) -> bool:
    """True for a plain 0; a Value that is 0 divides 0 by 0, and so is nan: its derivative is not that of the limit."""
    return isinstance(power, (int, float)) and power == 0


def _boxcox(x: Array, power: Array) -> Array:
    return log(x) if _is_zero(power) else expm1(power*log(x))/power


def _boxcox1p(x: Array, power: Array) -> Array:
    return log1p(x) if _is_zero(power) else expm1(power*log1p(x))/power


def _inv_boxcox(y: Array, power: Array) -> Array:
    return exp(y) if _is_zero(power) else exp(log1p(power*y)/power)


def _inv_boxcox1p(y: Array, power: Array) -> Array:
    return expm1(y) if _is_zero(power) else expm1(log1p(power*y)/power)


METHODS: dict[str, Any] = {}
NUMPY: dict[Any, Any] = {f"scipy.special.{f.__name__[1:]}": f for f in (
    _kl_div, _log_expit, _exp10, _erfcinv, _loggamma, _boxcox, _boxcox1p, _inv_boxcox, _inv_boxcox1p)}
