"""Dropout of elements and of whole channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from .._core import rely_on
from . import init
from ._support import as_floats, check_int, check_probability
from .module import Module

__all__ = ["Dropout", "Dropout1D", "Dropout2D", "Dropout3D", "DropoutND", "dropout"]


def _drop(x: Any, p: float, shape: tuple[int, ...], rng: Any) -> Any:
    x = as_floats("dropout", "x", x)
    if p == 0:
        return x
    kept = init.generator(rng).random(shape) >= p
    scale = kept/(1 - p) if p < 1 else kept*0.0
    return x*(scale.astype(x.dtype) if shape else float(scale))


def dropout(x: Any, p: float = 0.5, training: bool = True, *, rng: Any = None) -> Any:
    """Set each element to 0 with probability p and divide the others by 1 - p; x itself if not training.

    Srivastava and others: Dropout: a simple way to prevent neural networks from overfitting (2014).

    x: any shape. rng: a generator or a seed; the one of ``nn.init`` if None. Returns an array of x's shape. Raises
    ValueError unless 0 <= p <= 1.

    >>> import numpy as np
    >>> from cgrad.nn.functional import dropout
    >>> sorted(set(dropout(np.ones(100), 0.5, rng=0).tolist()))
    [0.0, 2.0]
    """
    p = check_probability("dropout", p)
    return _drop(x, p, tuple(np.shape(x)), rng) if training else x


class Dropout(Module):
    """While training, set each element to 0 with probability p and divide the others by 1 - p.

    Arguments and errors as for ``functional.dropout``; a seed as rng starts one generator for all calls.

    >>> import numpy as np
    >>> from cgrad.nn import Dropout
    >>> float(Dropout(0.25).eval()(np.ones(4)).sum())
    4.0
    """

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        self.p = check_probability(type(self).__name__, p)
        self._rng = None if rng is None else init.generator(rng)

    def forward(self, x: Any) -> Any:
        return _drop(x, self.p, tuple(np.shape(x)), self._rng) if rely_on(self, "training") else x

    def extra_repr(self) -> str:
        return f"p={self.p}"


class DropoutND(Dropout):
    """While training, set whole channels to 0 with probability p and divide the others by 1 - p.

    Tompson and others: Efficient object localization using convolutional networks, arXiv:1411.4280 (2014).

    dim: the number of last axes that are dropped or kept together; None for all but the first two, the channels of (N,
    C, ...). ``Dropout1D``, ``Dropout2D`` and ``Dropout3D`` have dim 1, 2 and 3. Raises ValueError for an input without
    an axis besides these.

    >>> import numpy as np
    >>> from cgrad.nn import DropoutND
    >>> DropoutND(0.5, rng=1)(np.ones((2, 3, 2))).sum(axis=2)
    array([[4., 4., 0.],
           [4., 0., 0.]])
    """

    def __init__(self, p: float = 0.5, dim: int | None = None, *, rng: Any = None) -> None:
        super().__init__(p, rng=rng)
        self.dim = None if dim is None else check_int("DropoutND", "dim", dim, 0)

    def forward(self, x: Any) -> Any:
        shape = tuple(np.shape(x))
        dim = len(shape) - 2 if self.dim is None else self.dim
        if dim < 0 or dim >= len(shape):
            raise errors.layer_shape("DropoutND", "x", shape, f"give {3 if self.dim is None else dim + 1} axes or more")
        if not rely_on(self, "training"):
            return x
        return _drop(x, self.p, shape[:len(shape) - dim] + (1,)*dim, self._rng)

    def extra_repr(self) -> str:
        return f"p={self.p}" + ("" if self.dim is None else f", dim={self.dim}")


class Dropout1D(DropoutND):
    """Dropout of the channels of (N, C, L) or (C, L)."""

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__(p, 1, rng=rng)


class Dropout2D(DropoutND):
    """Dropout of the channels of (N, C, H, W) or (C, H, W)."""

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__(p, 2, rng=rng)


class Dropout3D(DropoutND):
    """Dropout of the channels of (N, C, D, H, W) or (C, D, H, W)."""

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__(p, 3, rng=rng)
