"""``scipy.special`` over lists and arrays of Values, and ``scipy.stats.norm``.

The ufuncs of ``scipy.special`` have no loops over objects; a Value or a Tensor answers them by itself.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import MethodType
from typing import Any

from ..._core import hidden_normal_density, log, log_ndtr, ndtr, ndtri, polygamma, where
from ..._optable import OPS
from .. import exponentials, special
from .._arguments import as_array
from ._takes import holds, instead, lifted, over_elements, row

Function = Callable[..., Any]


# ---- scipy.special ---------------------------------------------------------------------------------

def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    if b is not None or return_sign:
        raise TypeError("logsumexp: b= and return_sign= have no rule: use cgrad.logsumexp of a + log(b)")
    return exponentials.logsumexp(as_array(a, "logsumexp"), axis, keepdims)


def _softmax(x: Any, axis: Any = None) -> Any:
    x = as_array(x, "softmax")
    return exponentials.softmax(x, tuple(range(len(x.shape))) if axis is None else axis)


def _log_softmax(x: Any, axis: Any = None) -> Any:
    x = as_array(x, "log_softmax")
    return exponentials.log_softmax(x, tuple(range(len(x.shape))) if axis is None else axis)


def of_special(module: Any) -> dict[Any, Any]:
    """{function of scipy.special: ours}."""
    table: dict[str, Function] = {
        name: over_elements(row(op.name), op.arity) for op in OPS for name in op.scipy.split()}
    table.update((path.rpartition(".")[2], over_elements(function, function.__code__.co_argcount))
                 for path, function in special.NUMPY.items())
    table.update(logsumexp=lifted(_logsumexp), softmax=lifted(_softmax), log_softmax=lifted(_log_softmax),
                 polygamma=over_elements(polygamma, 2))
    return {getattr(module, name): instead(getattr(module, name), ours) for name, ours in table.items()
            if hasattr(module, name)}


# ---- scipy.stats.norm ------------------------------------------------------------------------------

def _positive(scale: Any) -> Any:
    """scale; nan where it is not positive."""
    return where(scale > 0, scale, math.nan) if holds(scale) or not scale > 0 else scale


def _standard(x: Any, loc: Any, scale: Any) -> Any:
    return (x - loc)/_positive(scale)


NORMAL: dict[str, Function] = {
    "pdf": lambda x, loc, scale: hidden_normal_density(_standard(x, loc, scale))/scale,
    "cdf": lambda x, loc, scale: ndtr(_standard(x, loc, scale)),
    "sf": lambda x, loc, scale: ndtr(-_standard(x, loc, scale)),
    "logpdf": lambda x, loc, scale: _log_density(_standard(x, loc, scale)) - log(scale),
    "logcdf": lambda x, loc, scale: log_ndtr(_standard(x, loc, scale)),
    "logsf": lambda x, loc, scale: log_ndtr(-_standard(x, loc, scale)),
    "ppf": lambda q, loc, scale: loc + _positive(scale)*ndtri(q),
    "isf": lambda q, loc, scale: loc - _positive(scale)*ndtri(q),
}


def _log_density(z: Any) -> Any:
    return -0.5*z*z - 0.5*math.log(2*math.pi)


def _of_normal(name: str) -> Function:
    over = over_elements(NORMAL[name], 3)

    def method(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        return over(x, loc, scale)

    return method


_METHODS = {name: _of_normal(name) for name in NORMAL}


def of_method(function: MethodType) -> Any:
    """Ours for a method of scipy.stats.norm, or of a distribution made by it (``norm(loc, scale).cdf``); else None."""
    name = function.__name__
    owner: Any = function.__self__
    normal = getattr(sys.modules.get("scipy.stats"), "norm", None)
    if normal is None or name not in _METHODS:
        return None
    if owner is normal:
        return instead(function, _METHODS[name])
    if type(getattr(owner, "dist", None)) is not type(normal) or not hasattr(owner, "kwds"):
        return None
    args, kwargs = owner.args, owner.kwds

    def of_frozen(x: Any) -> Any:
        return _METHODS[name](x, *args, **kwargs)

    if holds(list(args)) or holds(list(kwargs.values())):
        return of_frozen
    return instead(function, of_frozen)
