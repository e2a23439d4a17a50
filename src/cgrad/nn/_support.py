"""What the layers share: sizes as tuples, checks, picking elements by flat index, reductions of losses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import errors
from .._core import Primitive, Tensor, Value
from ..ops._arguments import as_array

Ints = tuple[int, ...]


def floats(op: str, operand: str, x: Any) -> Any:
    """x as a Tensor, a Value or an array of floats: lists become arrays, those with Values in them Tensors."""
    if isinstance(x, (Tensor, Value)):
        return x
    x = as_array(x, f"{op}: {operand}")
    if isinstance(x, np.ndarray) and x.dtype.kind != "f":
        return x.astype(np.float64)
    return x


def whole(op: str, argument: str, value: Any, least: int = 1) -> int:
    """value, a whole number not below least."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise errors.bad_option(op, argument, value, f"give a whole number, {least} or more")
    return int(value)


def sizes(op: str, argument: str, value: Any, n: int, least: int = 1) -> Ints:
    """n whole numbers: one for all axes, or one each."""
    if isinstance(value, list):
        value = tuple(value)
    try:
        return _sizes(op, argument, value, n, least)
    except TypeError:  # no hash: no number either
        return (whole(op, argument, value, least),)*n


@lru_cache(maxsize=256, typed=True)  # a layer asks the same at every call
def _sizes(op: str, argument: str, value: Any, n: int, least: int) -> Ints:
    if isinstance(value, tuple):
        if len(value) != n:
            raise errors.bad_option(op, argument, value, f"give one whole number, or {n}, one an axis")
        return tuple([whole(op, argument, item, least) for item in value])
    return (whole(op, argument, value, least),)*n


def probability(op: str, p: Any) -> float:
    """p, a number from 0 to 1."""
    if not isinstance(p, (int, float, np.number)) or not 0 <= p <= 1:
        raise errors.bad_option(op, "p", p, "give a probability, from 0 to 1")
    return float(p)


# ---- elements by their flat index -----------------------------------------------------------------

def _gathered(x: Any, *, index: NDArray[np.intp], distinct: bool) -> Any:
    return x.reshape(-1).take(index)


def _scattered(g: Any, *, index: NDArray[np.intp], shape: Ints, distinct: bool) -> Any:
    total = np.zeros(shape, g.dtype)
    if distinct:
        total.reshape(-1)[index] = g
    else:
        np.add.at(total.reshape(-1), index, g)
    return total


gather: Primitive = Primitive("gather", _gathered, (
    lambda g, out, x, index, distinct: scatter(g, index=index, shape=x.shape, distinct=distinct),))
scatter: Primitive = Primitive("scatter", _scattered, (
    lambda g, out, x, index, shape, distinct: gather(g, index=index, distinct=distinct),))


# ---- losses --------------------------------------------------------------------------------------

def check_reduction(op: str, reduction: str) -> str:
    if reduction not in ("mean", "sum", "none"):
        raise errors.bad_option(op, "reduction", reduction, "give 'mean', 'sum' or 'none'")
    return reduction


def reduced(x: Any, reduction: str, count: float | None = None) -> Any:
    """x as it is, its sum, or its sum divided by count (the number of its elements if None)."""
    if reduction == "none":
        return x
    total = np.sum(x) if np.ndim(x) else x
    if reduction == "sum":
        return total
    n = np.size(x) if count is None else count
    return total/n if n else total*np.nan  # of nothing there is no mean
