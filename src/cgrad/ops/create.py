"""New tensors: filled with one number, or random."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Tensor, effect
from ._arguments import placeholder

__all__ = ["full", "full_like", "ones", "ones_like", "rand", "randn", "zeros", "zeros_like"]


def _shape(shape: tuple[Any, ...]) -> Any:
    """zeros(2, 3) and zeros((2, 3)) are the same."""
    return shape[0] if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)) else shape


def zeros(*shape: Any, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> Tensor:
    """Tensor of zeros.

    shape: lengths, zeros(2, 3), or one tuple. dtype: float64 (None) or float32.

    >>> import cgrad
    >>> cgrad.zeros(2, 2).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
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
