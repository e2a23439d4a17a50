"""New tensors: filled with one number, random, or to be filled."""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np

from .._core import Tensor, Value, effect, fillable, recording
from ._arguments import placeholder

__all__ = ["empty", "empty_like", "full", "full_like", "ones", "ones_like", "rand", "randn", "zeros", "zeros_like"]


def _shape(shape: tuple[Any, ...]) -> Any:
    """zeros(2, 3) and zeros((2, 3)) are the same."""
    return shape[0] if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)) else shape


def empty(*shape: Any, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> Tensor:
    """Tensor to be filled: its elements are nan until they are assigned.

    shape: lengths, empty(2, 3), or one tuple. dtype: float64 (None) or float32.

    >>> import cgrad
    >>> y, x = cgrad.empty(3), cgrad.Value(2.0)
    >>> y[:2] = [x, x*x]
    >>> y.tolist()
    [2.0, 4.0, nan]
    """
    return Tensor(np.full(_shape(shape), np.nan), requires_grad, dtype=dtype, name=name)


def zeros(*shape: Any, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> Tensor:
    """Tensor of zeros. Elements may be assigned: numbers, Values, arrays.

    shape: lengths, zeros(2, 3), or one tuple. dtype: float64 (None) or float32.

    >>> import cgrad
    >>> cgrad.zeros(2, 2).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    >>> y, x = cgrad.zeros(3), cgrad.Value(2.0)
    >>> for i in range(3):
    ...     y[i] = x**i
    >>> y.sum().backward(); x.grad
    5.0
    """
    return Tensor(np.zeros(_shape(shape)), requires_grad, dtype=dtype, name=name)


def ones(*shape: Any, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> Tensor:
    """Tensor of ones.

    shape: lengths, ones(2, 3), or one tuple. dtype: float64 (None) or float32.

    >>> import cgrad
    >>> cgrad.ones(3).tolist()
    [1.0, 1.0, 1.0]
    """
    return Tensor(np.ones(_shape(shape)), requires_grad, dtype=dtype, name=name)


def full(shape: Any, value: float, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> Tensor:
    """Tensor with one value everywhere.

    shape: an int or a tuple. dtype: float64 (None) or float32.

    >>> import cgrad
    >>> cgrad.full(2, 0.5).tolist()
    [0.5, 0.5]
    """
    return Tensor(np.full(shape, float(value)), requires_grad, dtype=dtype, name=name)


def rand(
    *shape: Any, rng: Any = None, requires_grad: bool = False, dtype: Any = None, name: str | None = None
) -> Tensor:
    """Tensor of random numbers, uniform over [0, 1).

    shape: lengths, rand(2, 3), or one tuple. rng: a numpy.random.Generator, or a seed for one.

    >>> import cgrad
    >>> 0 <= cgrad.rand(4, rng=1).min().item() < 1
    True
    """
    effect("random numbers")
    return Tensor(np.random.default_rng(rng).random(_shape(shape)), requires_grad, dtype=dtype, name=name)


def randn(
    *shape: Any, rng: Any = None, requires_grad: bool = False, dtype: Any = None, name: str | None = None
) -> Tensor:
    """Tensor of random numbers from the standard normal distribution.

    shape: lengths, randn(2, 3), or one tuple. rng: a numpy.random.Generator, or a seed for one.

    >>> import cgrad
    >>> cgrad.randn(2, 3, rng=1).shape
    (2, 3)
    """
    effect("random numbers")
    return Tensor(np.random.default_rng(rng).standard_normal(_shape(shape)), requires_grad, dtype=dtype, name=name)


def full_like(x: Any, value: float, requires_grad: bool = False) -> Tensor:
    """Tensor with one value everywhere, of the shape and dtype of x (float64 unless x is float32).

    >>> import cgrad
    >>> cgrad.full_like(cgrad.ones(2), 3.0).tolist()
    [3.0, 3.0]
    """
    array = np.asarray(placeholder(x))
    kind = array.dtype if array.dtype.char in "fd" else np.dtype(np.float64)
    return Tensor(np.full(array.shape, float(value), kind), requires_grad)


def empty_like(x: Any, requires_grad: bool = False) -> Tensor:
    """Tensor to be filled, of the shape and dtype of x (float64 unless x is float32): nan until it is assigned.

    >>> import cgrad
    >>> cgrad.empty_like(cgrad.ones(2)).tolist()
    [nan, nan]
    """
    return full_like(x, np.nan, requires_grad)


def zeros_like(x: Any, requires_grad: bool = False) -> Tensor:
    """Tensor of zeros, of the shape and dtype of x (float64 unless x is float32).

    >>> import cgrad
    >>> cgrad.zeros_like(cgrad.ones(2)).tolist()
    [0.0, 0.0]
    """
    return full_like(x, 0.0, requires_grad)


def ones_like(x: Any, requires_grad: bool = False) -> Tensor:
    """Tensor of ones, of the shape and dtype of x (float64 unless x is float32).

    >>> import cgrad
    >>> cgrad.ones_like(cgrad.zeros(2)).tolist()
    [1.0, 1.0]
    """
    return full_like(x, 1.0, requires_grad)


# ---- NumPy's constructors, in a function that is being recorded ---------------------------------------------------

def _constructor(function: Any) -> Any:
    """NumPy's function; while a program is recorded, an array of floats is one that Values may be assigned to."""
    like = function.__name__.endswith("_like")

    @wraps(function)
    def new(*args: Any, **kwargs: Any) -> Any:
        if not recording():
            return function(*args, **kwargs)
        if like and args:
            args = (placeholder(args[0]), *args[1:])
        value = kwargs.get("fill_value", args[1] if len(args) > 1 and "full" in function.__name__ else None)
        traced = isinstance(value, (Value, Tensor))
        if traced and "fill_value" in kwargs:
            kwargs["fill_value"] = np.nan
        elif traced:
            args = (args[0], np.nan, *args[2:])
        made = function(*args, **kwargs)
        if type(made) is not np.ndarray or made.dtype not in (np.float64, np.float32):
            return made
        if "empty" in function.__name__:
            made.fill(np.nan)
        made = fillable(made, in_place=True)
        if traced:
            made[...] = value
        return made

    return new


RECORDED: dict[Any, Any] = {  # what stands for a constructor of NumPy in a function that is being recorded
    f: _constructor(f) for f in (np.zeros, np.ones, np.empty, np.full, np.zeros_like, np.ones_like, np.empty_like,
                                 np.full_like)}
