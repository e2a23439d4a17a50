"""Forward functions over arrays of Values, as compiled functions call them.

While a compiled function is recorded, forward functions get arrays of Values (core/tracing/trace.pxi) and rules are not
called: the derivative is that of the operations. Where that differs at a kink, or NumPy treats objects otherwise than
numbers (nan in np.maximum), a forward function branches on ``is_traced(x)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._core import Value, hidden_flat, maximum, minimum, sqrt, where
from ._shapes import Shape, count_along, keepdims_shape


def is_traced(x: Any) -> bool:
    """True for a Value or an array of Values."""
    return type(x) is Value or (type(x) is ndarray and x.dtype == object)


def map_elements(function: Any, x: Any) -> Any:
    """function of each element of an array of Values, or of one Value."""
    return np.frompyfunc(function, 1, 1)(x) if isinstance(x, ndarray) else function(x)


def safe_sqrt(x: Any) -> Any:
    """The square root in a forward function whose rule defines the derivative at 0 as 0; a second one is nan there."""
    return map_elements(_safe_sqrt, x) if is_traced(x) else np.sqrt(x)


def _safe_sqrt(x: Any) -> Any:
    return where(x, sqrt(where(x, x, 1.0)), hidden_flat(x))


def reduce_pairwise(function: Any, x: Any, axes: Shape, keepdims: bool, *initial: float) -> Any:
    """Reduce an array of Values over axes by a function of two, pairwise: maxima that tie share about equally.

    initial: the result where there are no elements. Raises ValueError if there are none and it is left out.
    """
    if type(x) is Value:
        return x
    shape = keepdims_shape(x.shape, axes) if keepdims else tuple([n for k, n in enumerate(x.shape) if k not in axes])
    order = (*axes, *[a for a in range(x.ndim) if a not in axes])
    rows = list(np.transpose(x, order).reshape(count_along(x.shape, axes), math.prod(shape)))
    if not rows and not initial:
        raise ValueError("no elements")
    if not rows:
        return np.full(shape, initial[0])
    pair = np.frompyfunc(function, 2, 1)
    with np.errstate(all="ignore"):
        while len(rows) > 1:
            rows = [pair(a, b) for a, b in zip(rows[::2], rows[1::2], strict=False)] + rows[len(rows)//2*2:]
    return rows[0].reshape(shape)[()]


def _extremum(ufunc: Any, function: Any) -> Any:
    def reduce(x: Any, axis: Shape, dtype: Any = None, out: Any = None, keepdims: bool = False, *initial: float) -> Any:
        if is_traced(x):
            return reduce_pairwise(function, x, axis, keepdims, *initial)
        return ufunc.reduce(x, axis, dtype, out, keepdims, *initial)

    return reduce


reduce_maximum, reduce_minimum = _extremum(np.maximum, maximum), _extremum(np.minimum, minimum)
