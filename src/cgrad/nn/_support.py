"""Shared by the layers: checks of arguments, and the reductions of losses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .. import errors
from .._core import Tensor, Value
from ..ops._arguments import as_array

Ints = tuple[int, ...]


def as_floats(op: str, operand: str, x: Any) -> Any:
    """x if it is a Tensor, a Value or an array of floats; lists become arrays, those with Values in them Tensors."""
    if isinstance(x, (Tensor, Value)):
        return x
    x = as_array(x, f"{op}: {operand}")
    if isinstance(x, np.ndarray) and x.dtype.kind != "f":
        return x.astype(np.float64)
    return x


def check_int(op: str, argument: str, value: Any, least: int = 1) -> int:
    """value as an int. Raises ValueError unless it is one, not below least."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise errors.bad_option(op, argument, value, f"give a whole number, {least} or more")
    return int(value)


def check_sizes(op: str, argument: str, value: Any, n: int, least: int = 1) -> Ints:
    """n ints: one for all axes, or one for each."""
    if isinstance(value, list):
        value = tuple(value)
    try:
        return _check_sizes(op, argument, value, n, least)
    except TypeError:  # no hash: no number either
        return (check_int(op, argument, value, least),)*n


@lru_cache(maxsize=256, typed=True)  # a layer asks the same at every call
def _check_sizes(op: str, argument: str, value: Any, n: int, least: int) -> Ints:
    if isinstance(value, tuple):
        if len(value) != n:
            raise errors.bad_option(op, argument, value, f"give one whole number, or {n}, one an axis")
        return tuple([check_int(op, argument, item, least) for item in value])
    return (check_int(op, argument, value, least),)*n


def check_probability(op: str, p: Any) -> float:
    """p as a float. Raises ValueError unless it is a number from 0 to 1."""
    if not isinstance(p, (int, float, np.number)) or not 0 <= p <= 1:
        raise errors.bad_option(op, "p", p, "give a probability, from 0 to 1")
    return float(p)


# ---- losses --------------------------------------------------------------------------------------

def check_reduction(op: str, reduction: str) -> str:
    if reduction not in ("mean", "sum", "none"):
        raise errors.bad_option(op, "reduction", reduction, "give 'mean', 'sum' or 'none'")
    return reduction


def apply_reduction(x: Any, reduction: str, count: float | None = None) -> Any:
    """x itself ("none"), its sum, or its sum divided by count, which is the number of elements if None."""
    if reduction == "none":
        return x
    total = np.sum(x) if np.ndim(x) else x
    if reduction == "sum":
        return total
    n = np.size(x) if count is None else count
    return total/n if n else total*np.nan  # of nothing there is no mean
