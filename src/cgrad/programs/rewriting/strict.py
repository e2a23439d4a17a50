"""Functions of math whose errors somebody waits for: inside of ``try``, they raise as they do for floats.

Operations on traced numbers return nan and infinity where functions of math raise. Each such error is a guard.
"""

from __future__ import annotations

import functools
import math
import types
from typing import Any

from ..._core import Value, called, isfinite, isinf, isnan

FUNCTIONS = {f for f in vars(math).values() if isinstance(f, types.BuiltinFunctionType)} \
    - {math.isnan, math.isinf, math.isfinite, math.isclose, math.copysign, math.fabs}
POLES = {math.log, math.log2, math.log10, math.log1p, math.gamma, math.lgamma, math.atanh}


def strictly(f: Any, writes: bool = False) -> Any:
    """What a call of f leads to, inside of ``try``."""
    found = called(f, writes)
    try:
        return raising(f, found) if f in FUNCTIONS else found
    except TypeError:  # no hash
        return found


def raising(f: Any, ours: Any) -> Any:
    """A function of math in the place of f that raises as f does."""
    @functools.wraps(f)
    def call(*args: Any) -> Any:
        result = ours(*args)
        given = [x for x in args if isinstance(x, Value)]
        if isinstance(result, Value) and given:
            if bool(isnan(result)) and not any(bool(isnan(x)) for x in given):
                raise ValueError("math domain error")
            if bool(isinf(result)) and all(bool(isfinite(x)) for x in given):
                raise ValueError("math domain error") if f in POLES else OverflowError("math range error")
        return result

    return call
