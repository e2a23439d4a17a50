"""Convolution over any number of axes, its two adjoints, and the layers Conv1D, Conv2D, Conv3D.

Three bilinear maps: the convolution y = C(x, w) and its adjoints, <g, C(x, w)> = <A(g, w), x> = <B(g, x), w>. The
adjoint of each in each argument is one of the other two, so three rules give derivatives to any order. All three are
matrix products in which one factor, (channels*kernel, output*batch), holds the input's windows as columns (im2col).
Inside, the batch is the last axis: memory is then copied and added in long runs, however small the images.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import errors
from .._core import Primitive, Tensor
from . import init
from ._support import Ints, as_floats, check_int, check_sizes
from .module import Module

__all__ = ["Conv1D", "Conv2D", "Conv3D", "conv1d", "conv2d", "conv3d"]

Pads = tuple[tuple[int, int], ...]
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _output_sizes(shape: Ints, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints) -> Ints:
    """The lengths of the output's axes."""
    return tuple([(n + lo + hi - d*(k - 1) - 1)//s + 1
                  for n, k, s, (lo, hi), d in zip(shape, kernel, stride, pads, dilation, strict=True)])


def _interior(shape: Ints, pads: Pads) -> tuple[slice, ...]:
    """The index of the input in the padded one, (channels, ..., batch)."""
    return (slice(None), *[slice(lo, lo + n) for n, (lo, _) in zip(shape, pads, strict=True)])


def _batch_last(x: Any) -> Any:
    """(batch, channels, ...) as (channels, ..., batch)."""
    return x.transpose(*range(1, x.ndim), 0)


def _batch_first(x: Any) -> Any:
    """(channels, ..., batch) as (batch, channels, ...), contiguous."""
    return np.ascontiguousarray(x.transpose(x.ndim - 1, *range(x.ndim - 1)))


def _columns(x: Any, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints, groups: int) -> Any:
    """(groups, channels/groups*kernel, output*batch): every window of x (batch, channels, ...) as a column."""
    batch, channels = x.shape[:2]
    shape = x.shape[2:]
    padded = np.zeros((channels, *[n + lo + hi for n, (lo, hi) in zip(shape, pads, strict=True)], batch), x.dtype)
    padded[_interior(shape, pads)] = _batch_last(x)
    out = _output_sizes(shape, kernel, stride, pads, dilation)
    first, *middle, last = padded.strides
    windows = as_strided(padded, (channels, *kernel, *out, batch),
                         (first, *[s*d for s, d in zip(middle, dilation, strict=True)],
                          *[s*t for s, t in zip(middle, stride, strict=True)], last), writeable=False)
    return windows.reshape(groups, channels//groups*math.prod(kernel), math.prod(out)*batch)


def _rows(g: Any, groups: int) -> Any:
    """(batch, channels, ...) as (groups, channels/groups, ...*batch)."""
    return _batch_last(g).reshape(groups, g.shape[1]//groups, -1 if g.size else 0)


def _convolve_forward(x: Any, w: Any, *bias: Any, stride: Ints, pads: Pads, dilation: Ints, groups: int) -> Any:
    kernel = w.shape[2:]
    out = np.matmul(w.reshape(groups, w.shape[0]//groups, -1), _columns(x, kernel, stride, pads, dilation, groups))
    out = out.reshape(w.shape[0], *_output_sizes(x.shape[2:], kernel, stride, pads, dilation), x.shape[0])
    for b in bias:
        out += b.reshape(-1, *(1,)*(out.ndim - 1))
    return _batch_first(out)


def _input_forward(g: Any, w: Any, *, shape: Ints, stride: Ints, pads: Pads, dilation: Ints, groups: int) -> Any:
    """Each window's column added where it was read (col2im); shape: the input's."""
    kernel, out, batch = w.shape[2:], g.shape[2:], g.shape[0]
    columns = np.matmul(w.reshape(groups, w.shape[0]//groups, -1).swapaxes(1, 2), _rows(g, groups))
    columns = columns.reshape(shape[1], *kernel, *out, batch)
    padded = np.zeros((shape[1], *[n + lo + hi for n, (lo, hi) in zip(shape[2:], pads, strict=True)], batch), g.dtype)
    for offset in np.ndindex(*kernel):
        where = tuple([slice(k*d, k*d + (n - 1)*s + 1, s)
                       for k, d, n, s in zip(offset, dilation, out, stride, strict=True)])
        padded[(slice(None), *where)] += columns[(slice(None), *offset)]
    return _batch_first(padded[_interior(shape[2:], pads)])


def _weight_forward(g: Any, x: Any, *, shape: Ints, stride: Ints, pads: Pads, dilation: Ints, groups: int) -> Any:
    """The products of g with the windows of x, summed over the batch; shape: the weight's."""
    columns = _columns(x, shape[2:], stride, pads, dilation, groups)
    return np.matmul(_rows(g, groups), columns.swapaxes(1, 2)).reshape(shape)


def _convolve_vjp(k: int, g: Any, out: Any, x: Any, w: Any, *bias: Any, **geometry: Any) -> Any:
    if k == 0:
        return _input_adjoint(g, w, shape=x.shape, **geometry)
    if k == 1:
        return _weight_adjoint(g, x, shape=w.shape, **geometry)
    return np.sum(g, axis=(0, *range(2, len(g.shape))))


_convolve: Primitive = Primitive("convolve", _convolve_forward, _convolve_vjp)
_input_adjoint: Primitive = Primitive("transposed convolution", _input_forward, (
    lambda g, out, y, w, shape, **geometry: _convolve(g, w, **geometry),
    lambda g, out, y, w, shape, **geometry: _weight_adjoint(y, g, shape=w.shape, **geometry)))
_weight_adjoint: Primitive = Primitive("convolution's weight adjoint", _weight_forward, (
    lambda g, out, y, x, shape, **geometry: _convolve(x, g, **geometry),
    lambda g, out, y, x, shape, **geometry: _input_adjoint(y, g, shape=x.shape, **geometry)))


# ---- functions -----------------------------------------------------------------------------------

def _pads(op: str, padding: Any, kernel: Ints, stride: Ints, dilation: Ints) -> Pads:
    if padding == "valid":
        return ((0, 0),)*len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise errors.bad_option(op, "padding", padding, f"it takes stride 1, not {stride}: give numbers")
        spans = [d*(k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple([(n//2, n - n//2) for n in spans])
    if isinstance(padding, str):
        raise errors.bad_option(op, "padding", padding, "give whole numbers, 'same' or 'valid'")
    return tuple([(n, n) for n in check_sizes(op, "padding", padding, len(kernel), 0)])


def _pad_by_copies(x: Any, pads: Pads, mode: str) -> Any:
    """x with its last axes padded by copies of its own elements."""
    index: list[Any] = [slice(None)]*(x.ndim - len(pads))
    for k, (lo, hi) in enumerate(pads):
        source = np.pad(np.arange(x.shape[x.ndim - len(pads) + k]), (lo, hi), mode=mode)  # type: ignore[call-overload]
        index.append(source.reshape(-1, *(1,)*(len(pads) - 1 - k)))
    return x[tuple(index)]


def _conv(n: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int,
          mode: str = "zeros") -> Any:
    op = f"conv{n}d"
    x = as_floats(op, "x", x)
    if weight.ndim != n + 2:
        raise errors.layer_shape(op, "weight", weight.shape, f"give (out, in/groups, {n} sizes of the kernel)")
    if x.ndim not in (n + 1, n + 2):
        raise errors.layer_shape(op, "x", x.shape, f"give (batch, channels, {n} sizes), or without the batch")
    groups = check_int(op, "groups", groups)
    if weight.shape[0] % groups:
        raise errors.bad_option(op, "groups", groups, f"give a divisor of the {weight.shape[0]} output channels")
    if x.shape[-n - 1] != weight.shape[1]*groups:
        raise errors.layer_shape(op, "x", x.shape, f"weight {weight.shape} in {groups} groups takes "
                                 f"{weight.shape[1]*groups} channels")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise errors.layer_shape(op, "bias", bias.shape, f"give ({weight.shape[0]},)")
    kernel = weight.shape[2:]
    steps, spacing = check_sizes(op, "stride", stride, n), check_sizes(op, "dilation", dilation, n)
    pads = _pads(op, padding, kernel, steps, spacing)
    if x.ndim == n + 1:
        out = _conv(n, np.reshape(x, (1, *x.shape)), weight, bias, stride, padding, dilation, groups, mode)
        return np.reshape(out, out.shape[1:])
    if any(m < 1 for m in _output_sizes(x.shape[2:], kernel, steps, pads, spacing)):
        raise errors.layer_shape(op, "x", x.shape, f"with padding {pads} it is smaller than the kernel {kernel} of "
                                 f"dilation {spacing}")
    if mode != "zeros":
        x, pads = _pad_by_copies(x, pads, MODES[mode]), ((0, 0),)*n
    return _convolve(*(x, weight) if bias is None else (x, weight, bias),
                     stride=steps, pads=pads, dilation=spacing, groups=groups)


def conv1d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Any:
    """Convolution over one axis.

    out[b, o, t] = bias[o] + sum over c, k of weight[o, c, k]*x[b, c, t*stride - padding + k*dilation].

    x: (batch, channels, L) or (channels, L). weight: (out, channels/groups, K). bias: (out,) or None. padding: zeros at
    both ends, a number, "same" (output as long as the input; stride 1) or "valid" (none). groups: each of the groups
    maps channels/groups input channels to out/groups output channels. Returns (batch, out, n), or (out, n), with n = (L
    + 2*padding - dilation*(K - 1) - 1)//stride + 1. Raises ValueError for shapes and options that do not fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import conv1d
    >>> conv1d(np.array([[1.0, 2.0, 4.0, 8.0]]), np.array([[[-1.0, 1.0]]]))
    array([[1., 2., 4.]])
    """
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Any:
    """Convolution over two axes: see ``conv1d``.

    x: (batch, channels, H, W) or (channels, H, W). weight: (out, channels/groups, KH, KW). stride, padding, dilation:
    one number, or one for each axis.

    >>> import numpy as np
    >>> from cgrad.nn.functional import conv2d
    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 3)), padding="same")
    array([[[[4., 6., 4.],
             [6., 9., 6.],
             [4., 6., 4.]]]])
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Any:
    """Convolution over three axes: see ``conv2d``.

    x: (batch, channels, D, H, W) or (channels, D, H, W). weight: (out, channels/groups, KD, KH, KW).

    >>> import numpy as np
    >>> from cgrad.nn.functional import conv3d
    >>> conv3d(np.ones((1, 2, 4, 4, 4)), np.ones((5, 2, 2, 2, 2)), stride=2).shape
    (1, 5, 2, 2, 2)
    """
    return _conv(3, x, weight, bias, stride, padding, dilation, groups)


# ---- layers --------------------------------------------------------------------------------------

class _ConvND(Module):
    n = 0

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
                 dtype: Any = None, *, rng: Any = None) -> None:
        op = type(self).__name__
        self.in_channels = check_int(op, "in_channels", in_channels)
        self.out_channels = check_int(op, "out_channels", out_channels)
        self.kernel_size = check_sizes(op, "kernel_size", kernel_size, self.n)
        self.stride = check_sizes(op, "stride", stride, self.n)
        self.dilation = check_sizes(op, "dilation", dilation, self.n)
        self.groups = check_int(op, "groups", groups)
        if in_channels % groups or out_channels % groups:
            raise errors.bad_option(op, "groups", groups, f"give a divisor of {in_channels} and of {out_channels}")
        if padding_mode not in MODES:
            raise errors.bad_option(op, "padding_mode", padding_mode, f"give one of {', '.join(MODES)}")
        _pads(op, padding, self.kernel_size, self.stride, self.dilation)
        self.padding = padding
        self.padding_mode = padding_mode
        shape = (self.out_channels, self.in_channels//self.groups, *self.kernel_size)
        bound = 1/math.sqrt(math.prod(shape[1:]))
        random = init.generator(rng)
        self.weight = Tensor(random.uniform(-bound, bound, shape), requires_grad=True, dtype=dtype)
        self.bias = Tensor(random.uniform(-bound, bound, shape[:1]), requires_grad=True, dtype=dtype) if bias else None

    def forward(self, x: Any) -> Any:
        return _conv(self.n, x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups,
                     self.padding_mode)

    def extra_repr(self) -> str:
        options = {"stride": ((1,)*self.n, self.stride), "padding": (0, self.padding),
                   "dilation": ((1,)*self.n, self.dilation), "groups": (1, self.groups),
                   "padding_mode": ("zeros", self.padding_mode)}
        changed = [f", {name}={value!r}" for name, (usual, value) in options.items() if value != usual]
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}" + "".join(changed)


class Conv1D(_ConvND):
    """Convolution layer over one axis: see ``functional.conv1d``.

    weight (out_channels, in_channels/groups, kernel_size) and bias (out_channels,) start from U(-k, k), k =
    1/sqrt(fan_in), as in PyTorch. padding_mode: the values beyond the ends, "zeros", "reflect", "replicate" or
    "circular". dtype: float64 if None. rng: a generator or a seed; the one of ``nn.init`` if None. A call takes (batch,
    in_channels, L) or (in_channels, L). Raises ValueError for options or shapes that do not fit.

    >>> import numpy as np
    >>> from cgrad.nn import Conv1D
    >>> Conv1D(2, 4, 3, padding="same")(np.zeros((5, 2, 10))).shape
    (5, 4, 10)
    """

    n = 1


class Conv2D(_ConvND):
    """Convolution layer over two axes: see ``functional.conv2d`` and ``Conv1D``.

    kernel_size, stride, padding, dilation: one number, or one for each axis. A call takes (batch, in_channels, H, W) or
    (in_channels, H, W).

    >>> import numpy as np
    >>> from cgrad.nn import Conv2D
    >>> Conv2D(1, 8, 3, stride=(2, 1))(np.zeros((5, 1, 9, 9))).shape
    (5, 8, 4, 7)
    """

    n = 2


class Conv3D(_ConvND):
    """Convolution layer over three axes: see ``functional.conv3d`` and ``Conv2D``.

    A call takes (batch, in_channels, D, H, W) or (in_channels, D, H, W).

    >>> import numpy as np
    >>> from cgrad.nn import Conv3D
    >>> Conv3D(1, 2, 2)(np.zeros((1, 1, 4, 4, 4))).shape
    (1, 2, 3, 3, 3)
    """

    n = 3
