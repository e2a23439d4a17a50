"""Normalisation by mean and variance: over the batch, or over each sample's last axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from .._core import Primitive, Tensor, effect, rely_on
from ._support import Ints, as_floats, check_int, check_sizes
from .module import Module

__all__ = ["BatchNorm1D", "BatchNorm2D", "BatchNorm3D", "BatchNormND", "LayerNorm", "batch_norm", "layer_norm"]


def _statistics(x: Any, axes: Ints, eps: float) -> tuple[Any, Any, Any, Any]:
    """Mean, biased variance, 1/sqrt(variance + eps), all with x's axes, and the normalised x."""
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    variance = (centred*centred).mean(axis=axes, keepdims=True)
    inverse = 1/np.sqrt(variance + eps)
    centred *= inverse
    return mean, variance, inverse, centred


def _normalise_forward(x: Any, *affine: Any, axes: Ints, eps: float, shape: Ints, saved: list[Any]) -> Any:
    saved[:] = _statistics(x, axes, eps)
    out = saved[3]
    if affine:  # weight, or weight and bias
        out = out*affine[0].reshape(shape)
        for bias in affine[1:]:
            out += bias.reshape(shape)
    return out


def _normalise_vjp(k: int, g: Any, out: Any, x: Any, *affine: Any, axes: Ints, eps: float, shape: Ints,
                   saved: list[Any]) -> Any:
    """For y = (x - mean)*r: dx = r*(g - mean(g) - y*mean(g*y)), on plain arrays with r and y of the forward pass."""
    if k == 2:
        return _sum_to(g, affine[1].shape, shape)
    y, recorded = saved[3], isinstance(x, Tensor)
    if recorded:  # as functions of x
        y = _normalise(x, axes=axes, eps=eps, shape=shape, saved=[]) if affine else out
    if k == 1:
        return _sum_to(g*y, affine[0].shape, shape)
    inverse = saved[2]
    if recorded:
        centred = x - np.mean(x, axis=axes, keepdims=True)
        inverse = (np.mean(centred*centred, axis=axes, keepdims=True) + eps)**-0.5
    if affine:
        g = g*np.reshape(affine[0], shape)
    return inverse*(g - np.mean(g, axis=axes, keepdims=True) - y*np.mean(g*y, axis=axes, keepdims=True))


def _sum_to(g: Any, shape: Ints, among: Ints) -> Any:
    """g summed over the axes along which a weight, reshaped to ``among``, was broadcast."""
    among = (1,)*(g.ndim - len(among)) + among
    axes = tuple([a for a, n in enumerate(among) if n == 1])
    return np.reshape(np.sum(g, axis=axes, keepdims=True), shape)


_normalise = Primitive("normalise", _normalise_forward, _normalise_vjp)


def _affine(op: str, weight: Any, bias: Any, shape: Ints) -> tuple[Any, ...]:
    for operand, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != shape:
            raise errors.layer_shape(op, operand, value.shape, f"give {shape}")
    if bias is not None and weight is None:
        return np.ones(shape, bias.dtype), bias
    return tuple([value for value in (weight, bias) if value is not None])


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Layer normalisation, (x - mean)/sqrt(variance + eps)*weight + bias, over the last axes.

    Ba, Kiros, Hinton: Layer normalization, arXiv:1607.06450 (2016).

    x: (..., *normalized_shape). normalized_shape: the lengths of the last axes; weight and bias have that shape or are
    None. The variance is the biased one. Returns an array of x's shape. Raises ValueError for shapes that do not fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import layer_norm
    >>> layer_norm(np.array([[1.0, 3.0]]), 2, eps=0.0)
    array([[-1.,  1.]])
    """
    shape = check_sizes("layer_norm", "normalized_shape", normalized_shape,
                  len(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else 1)
    n = len(shape)
    x = as_floats("layer_norm", "x", x)
    if n > x.ndim or x.shape[x.ndim - n:] != shape:
        raise errors.layer_shape("layer_norm", "x", x.shape, f"give (..., {', '.join(map(str, shape))})")
    return _normalise(x, *_affine("layer_norm", weight, bias, shape), axes=tuple(range(x.ndim - n, x.ndim)), eps=eps,
                      shape=shape, saved=[])


def _check_channels(op: str, x: Any, features: int | None) -> None:
    if x.ndim < 2 or (features is not None and x.shape[1] != features):
        raise errors.layer_shape(op, "x", x.shape, f"give (batch, {'channels' if features is None else features}, ...)")


def batch_norm(x: Any, mean: Any = None, variance: Any = None, weight: Any = None, bias: Any = None,
               eps: float = 1e-5) -> Any:
    """Batch normalisation, (x - mean)/sqrt(variance + eps)*weight + bias for each channel.

    Ioffe, Szegedy: Batch normalization, arXiv:1502.03167 (2015).

    x: (batch, channels, ...). mean, variance, weight, bias: (channels,) or None; without mean and variance those of x
    over the batch and the last axes, the variance biased. Returns an array of x's shape. Raises ValueError for shapes
    that do not fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import batch_norm
    >>> batch_norm(np.array([[1.0], [3.0]]), eps=0.0)
    array([[-1.],
           [ 1.]])
    """
    x = as_floats("batch_norm", "x", x)
    _check_channels("batch_norm", x, None)
    return _batch_norm(x, mean, variance, weight, bias, eps, [])


def _batch_norm(x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float, saved: list[Any]) -> Any:
    channels = (x.shape[1],)
    shape = (x.shape[1], *(1,)*(x.ndim - 2))
    affine = _affine("batch_norm", weight, bias, channels)
    if mean is None:
        return _normalise(x, *affine, axes=(0, *range(2, x.ndim)), eps=eps, shape=shape, saved=saved)
    scale = 1/np.sqrt(np.reshape(variance, shape) + eps)
    if affine:
        scale = scale*np.reshape(affine[0], shape)
    y = (x - np.reshape(mean, shape))*scale
    return y + np.reshape(affine[1], shape) if len(affine) > 1 else y


class BatchNormND(Module):
    """Batch normalisation layer: see ``functional.batch_norm``.

    While training, each channel is normalised by its mean and biased variance in the batch, and running_mean and
    running_var (unbiased) follow by running += momentum*(new - running), or as the plain average of all batches if
    momentum is None. After ``eval()`` the running ones are used. affine: multiply by weight (from 1) and add bias (from
    0). track_running_stats: if False, the batch's own statistics are always used. A call takes (batch, num_features,
    ...); ``BatchNorm1D`` (2 or 3 axes), ``BatchNorm2D`` (4) and ``BatchNorm3D`` (5) check the number of axes. Raises
    ValueError for other shapes, and for training on one value in a channel.

    >>> import numpy as np
    >>> from cgrad.nn import BatchNormND
    >>> norm = BatchNormND(2)
    >>> y = norm(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> norm.running_mean, norm.running_var
    (array([0.2, 2. ]), array([ 1.1, 20.9]))
    """

    axes: Ints = ()

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, dtype: Any = None) -> None:
        self.num_features = check_int(type(self).__name__, "num_features", num_features)
        self.eps, self.momentum, self.track_running_stats = eps, momentum, track_running_stats
        ones = np.ones(num_features, np.float64 if dtype is None else dtype)
        self.weight = Tensor(ones, requires_grad=True) if affine else None
        self.bias = Tensor(0*ones, requires_grad=True) if affine else None
        if track_running_stats:
            self.running_mean, self.running_var, self.num_batches_tracked = 0*ones, ones, np.int64(0)
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, getattr(self, name))

    def forward(self, x: Any) -> Any:
        op = type(self).__name__
        x = as_floats(op, "x", x)
        _check_channels(op, x, self.num_features)
        if self.axes and x.ndim not in self.axes:
            raise errors.layer_shape(op, "x", x.shape, f"give {' or '.join(map(str, self.axes))} axes")
        training = rely_on(self, "training")
        if not training and self.track_running_stats:
            mean, variance = rely_on(self, "running_mean"), rely_on(self, "running_var")
            return _batch_norm(x, mean, variance, self.weight, self.bias, self.eps, [])
        count = math.prod(x.shape)//self.num_features
        if count < 2 and training:
            raise errors.layer_shape(op, "x", x.shape, "give more than one value a channel while training")
        saved: list[Any] = []
        out = _batch_norm(x, None, None, self.weight, self.bias, self.eps, saved)
        if training and self.track_running_stats:
            effect("running statistics")
            self.num_batches_tracked = self.num_batches_tracked + 1
            rate = 1/self.num_batches_tracked if self.momentum is None else self.momentum
            for name, new in (("running_mean", saved[0]), ("running_var", saved[1]*(count/(count - 1)))):
                old = getattr(self, name)  # not in place: a graph recorded before may hold it
                setattr(self, name, (old + rate*(new.reshape(-1) - old)).astype(old.dtype, copy=False))
        return out

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1D(BatchNormND):
    """Batch normalisation of (N, C) or (N, C, L)."""

    axes = (2, 3)


class BatchNorm2D(BatchNormND):
    """Batch normalisation of (N, C, H, W)."""

    axes = (4,)


class BatchNorm3D(BatchNormND):
    """Batch normalisation of (N, C, D, H, W)."""

    axes = (5,)


class LayerNorm(Module):
    """Layer normalisation layer: see ``functional.layer_norm``.

    weight (from 1) and bias (from 0) have the shape normalized_shape, the lengths of the last axes; affine=False leaves
    out both, bias=False the bias.

    >>> import numpy as np
    >>> from cgrad.nn import LayerNorm
    >>> LayerNorm((3, 4))(np.zeros((5, 3, 4))).shape
    (5, 3, 4)
    """

    def __init__(self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5, affine: bool = True,
                 bias: bool = True, dtype: Any = None) -> None:
        n = len(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else 1
        self.normalized_shape = check_sizes("LayerNorm", "normalized_shape", normalized_shape, n)
        self.eps = eps
        ones = np.ones(self.normalized_shape, np.float64 if dtype is None else dtype)
        self.weight = Tensor(ones, requires_grad=True) if affine else None
        self.bias = Tensor(0*ones, requires_grad=True) if affine and bias else None

    def forward(self, x: Any) -> Any:
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"
