"""Ops that move, repeat, add or drop elements: each with its adjoint beside it."""

from __future__ import annotations

import builtins
from operator import index as as_int
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Primitive, Tensor, plain
from ._arguments import as_array, normalize_axis, reject
from ._elements import _getitem
from ._shapes import Array, Shape, shape_of
from .index import take
from .reduce import _sum
from .shape import _ravel, _reshape

__all__ = ["pad", "repeat", "roll", "tile", "tril", "triu"]


_roll: Primitive = Primitive(
    "roll",
    lambda x, shift, axis: np.roll(x, shift, axis),
    (lambda g, out, x, shift, axis: _roll(g, shift=[-s for s in shift] if axis is not None else -shift, axis=axis),),
    structural=True,
)


def roll(x: Array, shift: Any, axis: Any = None) -> Array:
    """Move elements along axes by a shift; those beyond the end come in at the front.

    shift, axis: ints, or tuples of equal length; axis None rolls the flattened x. Raises ValueError if the lengths of
    the tuples differ.

    >>> import cgrad
    >>> cgrad.roll(cgrad.Tensor([1.0, 2.0, 3.0]), 1).tolist()
    [3.0, 1.0, 2.0]
    """
    x = as_array(x, "roll")
    several = isinstance(shift, (tuple, list))
    if axis is None:
        return _roll(x, shift=builtins.sum(map(as_int, shift)) if several else as_int(shift), axis=None)
    shifts = [as_int(s) for s in shift] if several else [as_int(shift)]
    # an axis given twice is rolled twice
    axes = [normalize_axis("roll", a, x.shape) for a in axis] if isinstance(axis, (tuple, list)) \
        else [normalize_axis("roll", axis, x.shape)]
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(axes) == 1:
        axes *= len(shifts)
    if len(shifts) != len(axes):
        raise errors.bad_option("roll", "shift", shift, f"give one shift, or one for each of the axes {axis}")
    return _roll(x, shift=shifts, axis=axes)


def _pad_forward(x: Any, width: tuple[tuple[int, int], ...], fill: float) -> Any:
    out = np.full([before + n + after for n, (before, after) in zip(x.shape, width, strict=True)], fill, x.dtype)
    out[_interior(x.shape, width)] = x
    return out


def _interior(shape: Shape, width: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    return tuple([slice(before, before + n) for n, (before, _) in zip(shape, width, strict=True)])


_crop: Primitive = Primitive(
    "crop",
    lambda x, width, shape: x[_interior(shape, width)],
    (lambda g, out, x, width, shape: _pad(g, width=width, fill=0.0),),
    structural=True,
)
_pad: Primitive = Primitive("pad", _pad_forward, (
    lambda g, out, x, width, fill: _crop(g, width=width, shape=x.shape),), structural=True)


def _widths(width: Any, ndim: int, shape: Shape) -> tuple[tuple[int, int], ...]:
    """NumPy's pad_width for ndim axes: 1, (1, 2), ((1, 2),) for all axes alike, a pair for each, or {axis: pair}."""
    if isinstance(width, dict):
        given = {normalize_axis("pad", a, shape): pair for a, pair in width.items()}
        width = [given.get(k, 0) for k in range(ndim)]
        width = [(pair, pair) if isinstance(pair, int) else pair for pair in width]
    try:
        numbers = np.asarray(width)
        if numbers.dtype.kind not in "iu" and numbers.size:
            raise ValueError
        pairs = np.broadcast_to(numbers, (ndim, 2)).tolist()
        if any(n < 0 for pair in pairs for n in pair):
            raise ValueError
    except ValueError:
        raise errors.bad_pad(width, shape) from None
    return tuple([(before, after) for before, after in pairs])


def pad(x: Array, pad_width: Any, mode: str = "constant", constant_values: float = 0.0, **rest: Any) -> Array:
    """Add elements before and after each axis.

    pad_width: an int, (before, after), or one such pair for each axis. mode: "constant" adds constant_values; "edge",
    "reflect", "symmetric" and "wrap" copy elements of x as in NumPy, and their gradients add up there. Raises
    ValueError for another mode or width.

    >>> import cgrad
    >>> cgrad.pad(cgrad.Tensor([1.0, 2.0, 3.0]), (1, 2), mode="edge").tolist()
    [1.0, 1.0, 2.0, 3.0, 3.0, 3.0]
    """
    x = as_array(x, "pad")
    shape = x.shape
    width = _widths(pad_width, len(shape), shape)
    if mode == "constant":
        if rest:
            reject("pad", **rest)
        if np.ndim(constant_values) != 0:
            raise errors.bad_option("pad", "constant_values", constant_values, "give one number")
        return _pad(x, width=width, fill=float(plain(constant_values)))
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise errors.bad_option("pad", "mode", mode, "give 'constant', 'edge', 'reflect', 'symmetric' or 'wrap'")
    # the flat index of the element that each position of the result copies
    source = np.pad(np.arange(x.size).reshape(shape), width, mode, **rest)  # type: ignore[call-overload]
    return _getitem(_reshape(x, shape=-1), index=source)


def _pad_method(self: Tensor, *padding: Any, mode: str = "constant", **rest: Any) -> Array:
    """t.pad(2), t.pad((1, 0), 2): an int or a pair for each of the last axes; the other axes are unchanged.

    Pairs in one tuple, ((1, 0), (2, 2)), are NumPy's pad_width; see cgrad.pad.
    """
    shape = self.shape
    if len(padding) == 1 and isinstance(padding[0], (tuple, list)) and \
            any(isinstance(item, (tuple, list)) for item in padding[0]):
        return pad(self, padding[0], mode, **rest)
    if len(padding) > len(shape):
        raise errors.bad_pad(padding, shape)
    pairs = [(p, p) if not isinstance(p, (tuple, list)) else tuple(p) for p in padding]
    return pad(self, [(0, 0)]*(len(shape) - len(pairs)) + pairs, mode, **rest)


def _repeat_vjp(g: Array, out: Array, x: Array, times: int, axis: int) -> Array:
    """The sum over the repetitions, as an axis of their own."""
    shape = x.shape
    return _sum(_reshape(g, shape=(*shape[:axis + 1], times, *shape[axis + 1:])), axis=(axis + 1,), keepdims=False)


_repeat: Primitive = Primitive("repeat", lambda x, times, axis: np.repeat(x, times, axis), (_repeat_vjp,),
                               structural=True)


def repeat(x: Array, repeats: Any, axis: int | None = None) -> Array:
    """Repeat each element, or each slice along an axis.

    repeats: an int, or one for each element. axis: None for the flattened x. Raises ValueError for negative numbers, or
    another number of them.

    >>> import cgrad
    >>> cgrad.repeat(cgrad.Tensor([1.0, 2.0]), 2).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    x = as_array(x, "repeat")
    if axis is None:
        x, axis = _ravel(x, shape=-1), 0
    axis = normalize_axis("repeat", axis, x.shape)
    n = x.shape[axis]
    times = np.asarray(repeats if np.size(repeats) else 0)
    if times.dtype.kind not in "iu" or times.ndim > 1 or (times.size not in (1, n)) or times.min(initial=0) < 0:
        raise errors.bad_option("repeat", "repeats", repeats, f"give an int, or {n} of them, none negative")
    if times.size == 1 and n != 0:
        return _repeat(x, times=int(times.reshape(())), axis=axis)
    return take(x, np.repeat(np.arange(n), times), axis)


def _tile_vjp(g: Array, out: Array, x: Array, reps: Shape) -> Array:
    own = (1,)*(len(reps) - len(shape_of(x))) + shape_of(x)
    split = tuple([n for pair in zip(reps, own, strict=True) for n in pair])
    return _reshape(_sum(_reshape(g, shape=split), axis=tuple(range(0, len(split), 2)), keepdims=False),
                    shape=shape_of(x))


_tile: Primitive = Primitive("tile", lambda x, reps: np.tile(x, reps), (_tile_vjp,), structural=True)


def tile(x: Array, reps: Any) -> Array:
    """Copies of x beside each other: reps times, or reps[k] times along axis k.

    Raises ValueError for negative numbers.

    >>> import cgrad
    >>> cgrad.tile(cgrad.Tensor([1.0, 2.0]), (2, 2)).tolist()
    [[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0]]
    """
    x = as_array(x, "tile")
    times = tuple([as_int(n) for n in reps]) if isinstance(reps, (tuple, list, ndarray)) else (as_int(reps),)
    if any(n < 0 for n in times):
        raise errors.bad_option("tile", "reps", reps, "give numbers that are not negative")
    return _tile(x, reps=(1,)*(len(x.shape) - len(times)) + times)


_tril: Primitive = Primitive("tril", lambda x, k: np.tril(x, k), (lambda g, out, x, k: _tril(g, k=k),), structural=True)
_triu: Primitive = Primitive("triu", lambda x, k: np.triu(x, k), (lambda g, out, x, k: _triu(g, k=k),), structural=True)


def _as_matrices(op: str, x: Array) -> Array:
    x = as_array(x, op)
    if x.ndim < 2:
        raise errors.no_matrix(op, x.shape)
    return x


def tril(x: Array, k: int = 0) -> Array:
    """Lower triangle of each matrix: the k-th diagonal and below, zeros above.

    Raises ValueError if x has fewer than two axes.

    >>> import cgrad
    >>> cgrad.tril(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 0.0], [3.0, 4.0]]
    """
    return _tril(_as_matrices("tril", x), k=as_int(k))


def triu(x: Array, k: int = 0) -> Array:
    """Upper triangle of each matrix: the k-th diagonal and above, zeros below.

    Raises ValueError if x has fewer than two axes.

    >>> import cgrad
    >>> cgrad.triu(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0], [0.0, 4.0]]
    """
    return _triu(_as_matrices("triu", x), k=as_int(k))


# ---- methods and NumPy's functions -----------------------------------------------------------------

METHODS: dict[str, Any] = {"pad": _pad_method, "roll": roll, "repeat": repeat, "tile": tile, "tril": tril, "triu": triu}
NUMPY: dict[Any, Any] = {np.pad: pad, np.roll: roll, np.repeat: repeat, np.tile: tile, np.tril: tril, np.triu: triu}
