"""The functions of ``math`` and ``cmath``.

Ours follow IEEE 754 where those of ``math`` raise: log(0) is -inf, exp(1000) inf, sqrt(-1) nan.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from ... import errors
from ..._core import Tensor, Value, copysign, dot, hypot, log, maximum, trunc, where
from ..._optable import OPS, PREDICATES
from ._takes import instead, row

ROWS = {op.name for op in OPS if not op.hidden}


def _asks_for_float(x: Any) -> bool:
    """True for a Value, and for a Tensor that is one number."""
    return type(x) is Value or (type(x) is Tensor and x.ndim == 0)


def _log(x: Any, base: Any = None) -> Any:
    return log(x) if base is None else log(x)/log(base)


def _hypot(*coordinates: Any) -> Any:
    return functools.reduce(hypot, coordinates) if len(coordinates) > 1 else abs(coordinates[0])


def _dist(p: Any, q: Any) -> Any:
    return _hypot(*[x - y for x, y in zip(p, q, strict=True)])


def _fsum(seq: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, seq)


def _prod(iterable: Iterable[Any], *, start: Any = 1) -> Any:
    return functools.reduce(operator.mul, iterable, start)


def _sumprod(p: Any, q: Any) -> Any:
    return dot(list(p), list(q))


def _isclose(a: Any, b: Any, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> Any:
    if a == b:  # equal infinities too
        return True
    distance = abs(a - b)
    return distance <= maximum(rel_tol*maximum(abs(a), abs(b)), abs_tol) and distance < math.inf


def _modf(x: Any) -> Any:
    whole = trunc(x)
    return where(abs(x) == math.inf, copysign(0.0, x), copysign(x - whole, x)), whole


def _ldexp(x: Any, i: int) -> Any:
    return x*2.0**i


def of_math(module: Any) -> dict[Any, Any]:
    """{function of math: ours}. What Python answers by a protocol (floor, ceil, trunc) is left alone."""
    names = [*ROWS, *(p.name for p in PREDICATES)]
    rows = {name: row(name) for name in names if name not in ("floor", "ceil", "trunc")}
    rows.update(fabs=abs, log=_log, hypot=_hypot, isclose=_isclose, modf=_modf, ldexp=_ldexp)
    over_sequences: dict[str, Callable[..., Any]] = {"fsum": _fsum, "prod": _prod, "sumprod": _sumprod, "dist": _dist}
    table = {original: instead(original, ours, _asks_for_float) for name, ours in rows.items()
             if (original := getattr(module, name, None)) is not None}
    table.update((original, instead(original, ours, iterates=True)) for name, ours in over_sequences.items()
                 if (original := getattr(module, name, None)) is not None)
    return table


def of_cmath(module: Any) -> dict[Any, Any]:
    """Each function of cmath raises TypeError for a Value."""
    def refusing(name: str) -> Any:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            given = next(x for x in itertools.chain(args, kwargs.values()) if _asks_for_float(x))
            raise errors.complex_function(f"cmath.{name}", given, f"cgrad.{name}" if name in ROWS else "")

        return refuse

    return {original: instead(original, refusing(name), _asks_for_float) for name, original in vars(module).items()
            if callable(original) and not name.startswith("_")}
