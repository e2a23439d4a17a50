"""Pooling over windows: maxima, averages, and averages over parts of adaptive size.

Max pooling picks elements, average pooling is linear: their adjoints, a scatter and the transposed map, are Primitives
themselves, so derivatives exist to any order.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors
from .._core import TAKE, Primitive, plain
from ._support import Ints, as_floats, check_sizes
from .module import Module

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AdaptiveAvgPoolND", "AvgPool1D", "AvgPool2D", "AvgPool3D", "MaxPool1D", "MaxPool2D", "MaxPool3D",
    "adaptive_avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d",
]


def _geometry(op: str, n: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
              ceil_mode: bool) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """kernel, stride, padding, dilation and output lengths, one for each axis, as PyTorch counts them."""
    if x.ndim not in (n + 1, n + 2):
        raise errors.layer_shape(op, "x", x.shape, f"give (batch, channels, {n} sizes), or without the batch")
    kernel = check_sizes(op, "kernel_size", kernel_size, n)
    steps = kernel if stride is None else check_sizes(op, "stride", stride, n)
    pads, spacing = check_sizes(op, "padding", padding, n, 0), check_sizes(op, "dilation", dilation, n)
    if any(2*p > k for p, k in zip(pads, kernel, strict=True)):
        raise errors.bad_option(op, "padding", padding, f"give no more than half the kernel's size {kernel}")
    out = []
    for m, k, s, p, d in zip(x.shape[-n:], kernel, steps, pads, spacing, strict=True):
        room = m + 2*p - d*(k - 1) - 1
        count = (room + (s - 1 if ceil_mode else 0))//s + 1
        if ceil_mode and (count - 1)*s >= m + p:  # a window that would begin beyond the end
            count -= 1
        if room < 0 and count < 1:
            raise errors.layer_shape(op, "x", x.shape, f"with padding {pads} it is smaller than the kernel {kernel} of "
                                     f"dilation {spacing}")
        out.append(count)
    return kernel, steps, pads, spacing, tuple(out)


def _widths(shape: Ints, kernel: Ints, steps: Ints, pads: Ints, spacing: Ints, out: Ints) -> list[tuple[int, int]]:
    """Padding before and after each axis, so that all windows lie inside."""
    return [(p, max(0, (o - 1)*s + d*(k - 1) + 1 - m - p))
            for m, k, s, p, d, o in zip(shape, kernel, steps, pads, spacing, out, strict=True)]


def _window(offset: int, axis: int, step: int, count: int) -> tuple[Any, ...]:
    """The index of the elements at one offset of every window along an axis."""
    return (*(slice(None),)*axis, slice(offset, offset + (count - 1)*step + 1, step))


# ---- the largest ---------------------------------------------------------------------------------

@lru_cache(maxsize=64)
def _window_indices(shape: Ints, kernel: Ints, steps: Ints, pads: Ints, spacing: Ints,
            out: Ints) -> tuple[NDArray[np.intp], ...]:
    """For each offset in the kernel the flat index, among the last axes, of every window's element there.

    Padding is never larger than an element. Where all elements are -inf it ties with them, and its index is that of the
    nearest element.
    """
    along = [np.clip(np.arange(c)[:, None]*s - p + np.arange(k)*d, 0, m - 1)
             for m, k, s, p, d, c in zip(shape, kernel, steps, pads, spacing, out, strict=True)]
    found = []
    for offset in np.ndindex(*kernel):
        flat: Any = np.zeros((), np.intp)
        for m, position, k in zip(shape, along, offset, strict=True):
            flat = flat[..., None]*m + position[:, k]
        found.append(flat)
    return tuple(found)


def _argmax_windows(x: NDArray[Any], kernel: Ints, steps: Ints, pads: Ints, spacing: Ints, out: Ints) -> Any:
    """The flat index in x of each window's largest element: the first of several, nan before all."""
    n = len(kernel)
    lead, shape = x.shape[:-n], x.shape[-n:]
    widths = _widths(shape, kernel, steps, pads, spacing, out)
    padded = x
    if any(lo or hi for lo, hi in widths):
        padded = np.full((*lead, *[m + lo + hi for m, (lo, hi) in zip(shape, widths, strict=True)]), -np.inf, x.dtype)
        interior: Any = (..., *[slice(lo, lo + m) for m, (lo, _) in zip(shape, widths, strict=True)])
        padded[interior] = x
    items = []
    for offset in np.ndindex(*kernel):
        where: Any = (..., *[slice(o*d, o*d + (c - 1)*s + 1, s)
                             for o, d, c, s in zip(offset, spacing, out, steps, strict=True)])
        items.append(padded[where])
    best = items[0].copy()
    for item in items[1:]:
        np.maximum(best, item, out=best)
    nan = best.size > 0 and np.isnan(best.max())
    found = np.empty(best.shape, np.intp)
    indices = _window_indices(shape, kernel, steps, pads, spacing, out)
    for item, index in zip(reversed(items), reversed(indices), strict=True):
        where = item == best
        if nan:
            where |= np.isnan(item)
        np.copyto(found, index, where=where)
    found += (np.arange(math.prod(lead))*math.prod(shape)).reshape(*lead, *(1,)*n)
    return found


def _max_pool(n: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    op = f"max_pool{n}d"
    x = as_floats(op, "x", x)
    geometry = _geometry(op, n, x, kernel_size, stride, padding, dilation, ceil_mode)
    kernel, steps, _, spacing, _ = geometry
    index = _argmax_windows(plain(x), *geometry)
    disjoint = all(s >= d*(k - 1) + 1 for s, k, d in zip(steps, kernel, spacing, strict=True))
    return TAKE(x, indices=index, distinct=disjoint)


def max_pool1d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False) -> Any:
    """Largest element of each window: out[b, c, t] = max over k of x[b, c, t*stride - padding + k*dilation].

    x: (batch, channels, L) or (channels, L). stride: kernel_size if None. Padding counts as -inf. ceil_mode: the last
    window may reach beyond the end. The gradient flows to the first of the elements that tie, as in PyTorch. Raises
    ValueError for shapes and options that do not fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import max_pool1d
    >>> max_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2)
    array([[3., 2.]])
    """
    return _max_pool(1, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False) -> Any:
    """Largest element of each window over two axes: see ``max_pool1d``; sizes are one number, or one for each axis.

    >>> import numpy as np
    >>> from cgrad.nn.functional import max_pool2d
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _max_pool(2, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False) -> Any:
    """Largest element of each window over three axes: see ``max_pool1d``; sizes are one number or one for each axis."""
    return _max_pool(3, x, kernel_size, stride, padding, dilation, ceil_mode)


# ---- averages ------------------------------------------------------------------------------------

def _average_forward(x: Any, *, shape: Ints, kernel: Ints, steps: Ints, pads: Ints, counts: Ints, share: Any) -> Any:
    """Sums over windows times share, one axis after the other, as a window is a product of intervals."""
    n = len(kernel)
    first = x.ndim - n
    widths = _widths(shape, kernel, steps, pads, (1,)*n, counts)
    if any(lo or hi for lo, hi in widths):
        x = np.pad(x, [(0, 0)]*first + widths)
    for a, (k, s, c) in enumerate(zip(kernel, steps, counts, strict=True)):
        total = x[_window(0, first + a, s, c)].copy()
        for offset in range(1, k):
            total += x[_window(offset, first + a, s, c)]
        x = total
    x *= share
    return x


def _share_forward(g: Any, *, shape: Ints, kernel: Ints, steps: Ints, pads: Ints, counts: Ints, share: Any) -> Any:
    """The transpose of _average_forward."""
    n = len(kernel)
    first = g.ndim - n
    widths = _widths(shape, kernel, steps, pads, (1,)*n, counts)
    g = g*share
    for a, (k, s, c) in enumerate(zip(kernel, steps, counts, strict=True)):
        size = list(g.shape)
        size[first + a] = shape[a] + sum(widths[a])
        total = np.zeros(size, g.dtype)
        for offset in range(k):
            total[_window(offset, first + a, s, c)] += g
        g = total
    return np.ascontiguousarray(g[(..., *[slice(lo, lo + m) for m, (lo, _) in zip(shape, widths, strict=True)])])


_average: Primitive = Primitive("average windows", _average_forward, (
    lambda g, out, x, **geometry: _share(g, **geometry),), structural=True)
_share: Primitive = Primitive("share among windows", _share_forward, (
    lambda g, out, x, **geometry: _average(g, **geometry),), structural=True)


def _avg_pool(n: int, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
              divisor: int | None) -> Any:
    op = f"avg_pool{n}d"
    x = as_floats(op, "x", x)
    kernel, steps, pads, _, out = _geometry(op, n, x, kernel_size, stride, padding, 1, ceil_mode)
    shape = x.shape[-n:]
    if divisor is not None:
        if divisor == 0:
            raise errors.bad_option(op, "divisor_override", divisor, "give a number other than 0")
        share: Any = 1/divisor
    else:
        share = np.ones(())
        for m, k, s, p, c in zip(shape, kernel, steps, pads, out, strict=True):
            begin = np.arange(c)*s - p
            end = np.minimum(begin + k, m + p)
            if not count_include_pad:
                begin, end = np.maximum(begin, 0), np.minimum(end, m)
            share = share[..., None]/(end - begin)
        share = share.astype(x.dtype) if share.min() != share.max() else float(share.flat[0])
    return _average(x, shape=shape, kernel=kernel, steps=steps, pads=pads, counts=out, share=share)


def avg_pool1d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Any:
    """Average of each window: out[b, c, t] = mean over k of x[b, c, t*stride - padding + k].

    x: (batch, channels, L) or (channels, L). stride: kernel_size if None. Padding counts as zeros; if not
    count_include_pad, it is left out of the average. ceil_mode: the last window may reach beyond the end, which is
    always left out. divisor_override: divide sums by it. Raises ValueError for shapes and options that do not fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import avg_pool1d
    >>> avg_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2)
    array([[2., 1.]])
    """
    return _avg_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Any:
    """Average of each window over two axes: see ``avg_pool1d``; sizes are one number, or one for each axis."""
    return _avg_pool(2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Any:
    """Average of each window over three axes: see ``avg_pool1d``; sizes are one number, or one for each axis."""
    return _avg_pool(3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def adaptive_avg_pool(x: Any, output_size: int | tuple[int, ...]) -> Any:
    """Averages over equal parts of each of the last axes.

    output_size: the number of parts of the last axis alone, or a tuple for as many axes; (1, 1) is global average
    pooling. Part i of m along an axis of length n is from floor(i*n/m) to ceil((i + 1)*n/m). Returns an array with the
    last axes of these lengths. Raises ValueError for too few axes.

    >>> import numpy as np
    >>> from cgrad.nn.functional import adaptive_avg_pool
    >>> adaptive_avg_pool(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2)
    array([2., 4.])
    """
    wanted = (output_size,) if not isinstance(output_size, (tuple, list)) else tuple(output_size)
    wanted = check_sizes("adaptive_avg_pool", "output_size", wanted, len(wanted))
    x = as_floats("adaptive_avg_pool", "x", x)
    if x.ndim < len(wanted):
        raise errors.layer_shape("adaptive_avg_pool", "x", x.shape, f"give {len(wanted)} axes or more")
    for a, m in enumerate(wanted, x.ndim - len(wanted)):
        n = x.shape[a]
        begin, end = np.arange(m)*n//m, -(-(np.arange(m) + 1)*n//m)
        inside = (np.arange(n)[:, None] >= begin) & (np.arange(n)[:, None] < end)
        x = np.swapaxes(np.swapaxes(x, a, -1) @ (inside/(end - begin)).astype(x.dtype), a, -1)
    return x


# ---- layers --------------------------------------------------------------------------------------

class _Pool(Module):
    n = 0
    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items() if name != "training")


class _MaxPool(_Pool):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                 ceil_mode: bool = False) -> None:
        self.kernel_size = check_sizes(type(self).__name__, "kernel_size", kernel_size, self.n)
        self.stride = self.kernel_size if stride is None else check_sizes(type(self).__name__, "stride", stride, self.n)
        self.padding, self.dilation, self.ceil_mode = padding, dilation, ceil_mode

    def forward(self, x: Any) -> Any:
        return _max_pool(self.n, x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class MaxPool1D(_MaxPool):
    """Max pooling over one axis: see ``functional.max_pool1d``."""

    n = 1


class MaxPool2D(_MaxPool):
    """Max pooling over two axes: see ``functional.max_pool2d``.

    >>> import numpy as np
    >>> from cgrad.nn import MaxPool2D
    >>> MaxPool2D(2)(np.zeros((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    """

    n = 2


class MaxPool3D(_MaxPool):
    """Max pooling over three axes: see ``functional.max_pool3d``."""

    n = 3


class _AvgPool(_Pool):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True, divisor_override: int | None = None) -> None:
        self.kernel_size = check_sizes(type(self).__name__, "kernel_size", kernel_size, self.n)
        self.stride = self.kernel_size if stride is None else check_sizes(type(self).__name__, "stride", stride, self.n)
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, x: Any) -> Any:
        return _avg_pool(self.n, x, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                         self.count_include_pad, self.divisor_override)


class AvgPool1D(_AvgPool):
    """Average pooling over one axis: see ``functional.avg_pool1d``."""

    n = 1


class AvgPool2D(_AvgPool):
    """Average pooling over two axes: see ``functional.avg_pool2d``.

    >>> import numpy as np
    >>> from cgrad.nn import AvgPool2D
    >>> AvgPool2D(3, stride=2, padding=1)(np.zeros((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    """

    n = 2


class AvgPool3D(_AvgPool):
    """Average pooling over three axes: see ``functional.avg_pool3d``."""

    n = 3


class AdaptiveAvgPoolND(_Pool):
    """Average pooling to a fixed output size: see ``functional.adaptive_avg_pool``.

    >>> import numpy as np
    >>> from cgrad.nn import AdaptiveAvgPoolND
    >>> AdaptiveAvgPoolND((1, 1))(np.zeros((5, 3, 8, 8))).shape
    (5, 3, 1, 1)
    """

    def __init__(self, output_size: int | tuple[int, ...]) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        return adaptive_avg_pool(x, self.output_size)
