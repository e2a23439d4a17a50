"""Dropout of elements, and of whole channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from .._core import rely_on
from . import init
from ._support import floats, probability, whole
from .module import Module

__all__ = ["Dropout", "Dropout1D", "Dropout2D", "Dropout3D", "DropoutND", "dropout"]


def _dropped(x: Any, p: float, shape: tuple[int, ...], rng: Any) -> Any:
    x = floats("dropout", "x", x)
    if p == 0:
        return x
    kept = init.generator(rng).random(shape) >= p
    scale = kept/(1 - p) if p < 1 else kept*0.0
    return x*(scale.astype(x.dtype) if shape else float(scale))


def dropout(x: Any, p: float = 0.5, training: bool = True, *, rng: Any = None) -> Any:
    """x with each element set to 0 with probability p, the others divided by 1 - p; x itself if not training.

    Srivastava and others: Dropout: a simple way to prevent neural networks from overfitting (2014).
    rng: a generator or a seed; that of ``nn.init`` if None. Raises ValueError unless 0 <= p <= 1.

    >>> import numpy as np
    >>> from cgrad.nn.functional import dropout
    >>> sorted(set(dropout(np.ones(100), 0.5, rng=0).tolist()))
    [0.0, 2.0]
    """
    p = probability("dropout", p)
    return _dropped(x, p, tuple(np.shape(x)), rng) if training else x


class Dropout(Module):
    """Dropout(p=0.5, *, rng=None): while training, each element is 0 with probability p, else divided by 1 - p.

    Arguments and errors as ``functional.dropout``; a seed as rng starts one generator for all calls.

    >>> import numpy as np
    >>> from cgrad.nn import Dropout
    >>> float(Dropout(0.25).eval()(np.ones(4)).sum())
    4.0
    """

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        self.p = probability(type(self).__name__, p)
        self._rng = None if rng is None else init.generator(rng)

    def forward(self, x: Any) -> Any:
        return _dropped(x, self.p, tuple(np.shape(x)), self._rng) if rely_on(self, "training") else x

    def extra_repr(self) -> str:
        return f"p={self.p}"


class DropoutND(Dropout):
    """DropoutND(p=0.5, dim=None, *, rng=None): while training, whole channels are 0 with probability p.

    The last dim axes of the input are dropped or kept together; dim None: all but the first two, so that of
    (N, C, ...) channels of samples are dropped. ``Dropout1D``, ``Dropout2D``, ``Dropout3D`` have dim 1, 2, 3.
    Tompson and others: Efficient object localization using convolutional networks, arXiv:1411.4280 (2014).
    Raises ValueError for an input without an axis besides these.

    >>> import numpy as np
    >>> from cgrad.nn import DropoutND
    >>> DropoutND(0.5, rng=1)(np.ones((2, 3, 2))).sum(axis=2)
    array([[4., 4., 0.],
           [4., 0., 0.]])
    """

    def __init__(self, p: float = 0.5, dim: int | None = None, *, rng: Any = None) -> None:
        super().__init__(p, rng=rng)
        self.dim = None if dim is None else whole("DropoutND", "dim", dim, 0)

    def forward(self, x: Any) -> Any:
        shape = tuple(np.shape(x))
        dim = len(shape) - 2 if self.dim is None else self.dim
        if dim < 0 or dim >= len(shape):
            raise errors.layer_shape("DropoutND", "x", shape, f"give {3 if self.dim is None else dim + 1} axes or more")
        if not rely_on(self, "training"):
            return x
        return _dropped(x, self.p, shape[:len(shape) - dim] + (1,)*dim, self._rng)

    def extra_repr(self) -> str:
        return f"p={self.p}" + ("" if self.dim is None else f", dim={self.dim}")


class Dropout1D(DropoutND):
    """Dropout1D(p=0.5): channels of (N, C, L) or (C, L)."""

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__(p, 1, rng=rng)


class Dropout2D(DropoutND):
    """Dropout2D(p=0.5): channels of (N, C, H, W) or (C, H, W)."""

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__(p, 2, rng=rng)


class Dropout3D(DropoutND):
    """Dropout3D(p=0.5): channels of (N, C, D, H, W) or (C, D, H, W)."""

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__(p, 3, rng=rng)
