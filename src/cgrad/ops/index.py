"""Ops that pick elements, and their adjoint, which puts them back: all of them are one getitem and one scatter."""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Primitive, Tensor, Value, comparable, maximum, minimum, plain, recording
from .._core import clip as _held
from .._core import round as _rounded
from .._core import where as _where
from ._common import Array, Shape, each, folded, one_axis, ready, recorded, refuse, shape_of, stand_in
from .reduce import sum as _sum_of
from .shape import _ravel, _transpose

__all__ = ["argmax", "argmin", "argsort", "compress", "diag", "diagonal", "diff", "nonzero", "select", "sort", "take",
           "take_along_axis", "trace", "where"]


# ---- getitem and scatter ---------------------------------------------------------------------------

def _picked(x: Any, index: Any) -> Any:
    try:
        return x[index] if type(x) is ndarray else np.asarray(x)[index]
    except (IndexError, TypeError, ValueError) as error:  # also 1.5: and ::0
        raise errors.bad_index(shape_of(x), error) from None


def _basic(index: Any) -> bool:
    """Whether an index takes no element twice: ints, slices, ..., None, and masks."""
    for item in index if type(index) is tuple else (index,):
        if isinstance(item, ndarray) and item.dtype.kind != "b":
            return False
    return True


def _scattered(g: Any, index: Any, shape: Shape) -> Any:
    out = np.zeros(shape, g.dtype if type(g) is ndarray else np.float64)
    if _basic(index):
        out[index] = g
    else:  # in one row: np.add.at is ten times as fast there
        places = np.arange(out.size).reshape(shape)[index]
        np.add.at(out.reshape(-1), places.reshape(-1), g.reshape(-1) if type(g) is ndarray else g)
    return out


_getitem: Primitive = Primitive("getitem", _picked, (
    lambda g, out, x, index: _scatter(g, index=index, shape=shape_of(x)),))
# Zeros of this shape with g added at the index, as often as it names an element.
_scatter: Primitive = Primitive("scatter", _scattered, (
    lambda g, out, x, index, shape: _getitem(g, index=index),))


def _checked(item: Any) -> Any:
    """One part of an index: arrays are copied, for they may be written to while the graph lives."""
    kind = type(item)
    if kind is slice:
        if isinstance(item.start, Value) or isinstance(item.stop, Value) or isinstance(item.step, Value):
            raise errors.index_type(item)
        return item
    if kind is int or item is None or item is Ellipsis:
        return item
    if isinstance(item, Value):
        raise errors.index_type(item)
    if isinstance(item, (list, tuple)):
        if recorded(item):
            raise errors.index_type(item[0])
        item = np.asarray(item)
        if item.size == 0:
            item = item.astype(np.intp)  # [] picks nothing
    elif isinstance(item, Tensor):
        raise errors.index_type(item)
    elif isinstance(item, (ndarray, np.generic, bool)):
        item = np.array(item)
    elif hasattr(item, "__index__"):
        return as_int(item)
    if not isinstance(item, ndarray) or item.dtype.kind not in "iub":
        raise errors.index_type(item)
    return item if item.ndim or item.dtype.kind == "b" else int(item)


def getitem(x: Array, index: Any) -> Array:
    """x[index] for every index that NumPy takes; an element picked twice gets both gradients.

    Raises IndexError where an index is out of bounds, a mask has another shape, or an array is no array of
    integers or bools.

    >>> import cgrad
    >>> t = cgrad.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> t[[0, 0, 2]].backward()
    >>> t.grad.tolist()
    [2.0, 0.0, 1.0]
    """
    kind = type(index)
    if kind is tuple:
        return _getitem(x, index=tuple([_checked(item) for item in index]))
    return _getitem(x, index=index if kind is int else _checked(index))


def take(x: Array, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Array:
    """take(x, indices, axis=None): the elements (slices along axis) at these places, in the shape of indices.

    mode: "raise" for an IndexError out of bounds, "wrap" to count on from the front, "clip" to stay at the ends.

    >>> import cgrad
    >>> cgrad.take(cgrad.Tensor([1.0, 2.0, 3.0]), [2, 0, 0]).tolist()
    [3.0, 1.0, 1.0]
    """
    refuse("take", out=out)
    x = ready(x, "take")
    if axis is None:
        x, axis = _ravel(x, shape=-1), 0
    axis = one_axis("take", axis, x.shape)
    places = _checked(indices)
    if not isinstance(places, (int, ndarray)) or isinstance(places, ndarray) and places.dtype.kind == "b":
        raise errors.index_type(indices)
    if mode != "raise":
        n = x.shape[axis]
        if mode not in ("wrap", "clip"):
            raise errors.bad_option("take", "mode", mode, "give 'raise', 'wrap' or 'clip'")
        places = np.mod(places, n) if mode == "wrap" else np.clip(places, 0, n - 1)
        places = places if places.ndim else int(places)
    return _getitem(x, index=(slice(None),)*axis + (places,))


def compress(condition: Any, x: Array, axis: int | None = None, out: Any = None) -> Array:
    """compress(condition, x, axis=None): the elements (slices along axis) where the 1-d condition is true.

    >>> import cgrad
    >>> cgrad.compress([True, False, True], cgrad.Tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 3.0]
    """
    refuse("compress", out=out)
    chosen = np.asarray(condition)
    if chosen.ndim != 1:
        raise errors.bad_option("compress", "condition", condition, "give a row of bools")
    return take(x, np.flatnonzero(chosen), axis)


def _along(op: str, shape: Shape, indices: Any, axis: int) -> tuple[Any, ...]:
    """The index that picks, at each place, the element of x there but at ``indices`` along axis."""
    if indices.ndim != len(shape):
        raise errors.bad_along(op, shape, indices.shape)
    grid = []
    for a, n in enumerate(shape):
        if a != axis:
            grid.append(np.arange(n).reshape([-1 if k == a else 1 for k in range(len(shape))]))
        else:
            grid.append(indices)
    try:
        np.broadcast_shapes(*[part.shape for part in grid])
    except ValueError:
        raise errors.bad_along(op, shape, indices.shape) from None
    return tuple(grid)


def take_along_axis(x: Array, indices: Any, axis: int | None = -1) -> Array:
    """take_along_axis(x, indices, axis=-1): along axis the elements that indices name, row by row, as from argsort.

    Raises ValueError where the shapes differ in another axis.

    >>> import cgrad
    >>> cgrad.take_along_axis(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]), [[1], [0]], 1).tolist()
    [[2.0], [3.0]]
    """
    x = ready(x, "take_along_axis")
    if axis is None:
        x, axis = _ravel(x, shape=-1), 0
    axis = one_axis("take_along_axis", axis, x.shape)
    places = _checked(indices)
    if not isinstance(places, ndarray) or places.dtype.kind == "b":
        raise errors.index_type(indices)
    return _getitem(x, index=_along("take_along_axis", x.shape, places, axis))


# ---- sorted ----------------------------------------------------------------------------------------

def argsort(x: Array, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """argsort(x, axis=-1): the plain integers that sort x; equal elements keep their order. nan comes last.

    >>> import cgrad
    >>> cgrad.argsort(cgrad.Tensor([3.0, 1.0, 2.0])).tolist()
    [1, 2, 0]
    """
    refuse("argsort", order=order)
    return _order(ready(x, "argsort"), axis)


def _order(x: Array, axis: int | None) -> Any:
    """np.argsort; in a compiled function by comparisons of Values, which are guards."""
    if recording():
        return _along_lanes(_order_of_lane, x, axis)
    return np.argsort(plain(x), axis, kind="stable")


def _order_of_lane(lane: list[Any]) -> list[int]:
    known = [bool(v == v) for v in lane]  # False: nan
    return [*sorted([k for k, v in enumerate(known) if v], key=lane.__getitem__),
            *[k for k, v in enumerate(known) if not v]]


def _along_lanes(function: Any, x: Array, axis: int | None, keepdims: bool = False) -> Any:
    """function, which gives plain numbers, of the elements along axis (of all in one row if None), as lists."""
    values = np.asarray(comparable(x), object)
    if axis is None:
        found = np.array(function(list(values.flat)), np.intp)
        return found.reshape((1,)*values.ndim) if keepdims else found
    axis = one_axis("argsort", axis, values.shape)
    lanes = np.moveaxis(values, axis, -1)
    found = np.array([function(list(lane)) for lane in lanes.reshape(-1, lanes.shape[-1])], np.intp)
    found = np.moveaxis(found.reshape(*lanes.shape[:-1], -1), -1, axis)
    return found if keepdims or found.shape == values.shape else found.squeeze(axis)


def sort(x: Array, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Array:
    """sort(x, axis=-1): a sorted copy; each element's gradient goes where it came from. nan comes last.

    >>> import cgrad
    >>> cgrad.sort(cgrad.Tensor([3.0, 1.0, 2.0])).tolist()
    [1.0, 2.0, 3.0]
    """
    refuse("sort", order=order)
    x = ready(x, "sort")
    if axis is None or not x.shape:
        x, axis = _ravel(x, shape=-1), 0
    axis = one_axis("sort", axis, x.shape)
    return _getitem(x, index=_along("sort", x.shape, _order(x, axis), axis))


def _plain_function(function: Any, doc: str) -> Any:
    """A function of NumPy on the numbers alone: what it gives has no derivative."""
    def answer(x: Array, *args: Any, **kwargs: Any) -> Any:
        return function(plain(ready(x)), *args, **kwargs)

    answer.__name__ = answer.__qualname__ = function.__name__
    answer.__doc__ = doc
    return answer


def _about_shape(function: Any) -> Any:
    """A function of NumPy that does not look at the numbers."""
    def answer(*args: Any, **kwargs: Any) -> Any:
        return function(*[stand_in(x) for x in args], **kwargs)

    return answer


def _about_zeros(function: Any, doc: str) -> Any:
    """A function of NumPy that looks at what is 0; in a compiled function a guard for each element."""
    def answer(x: Array, *args: Any, **kwargs: Any) -> Any:
        if recording():
            return function(np.asarray(each(bool, comparable(ready(x))), bool), *args, **kwargs)
        return function(plain(ready(x)), *args, **kwargs)

    answer.__name__ = answer.__qualname__ = function.__name__
    answer.__doc__ = doc
    return answer


def _place(function: Any, choose: Any, doc: str) -> Any:
    """argmax or argmin; in a compiled function by guards: which is the first that equals the extreme?"""
    def place(lane: list[Any]) -> list[int]:
        best = folded(choose, np.array([*lane, None], object)[:-1], (0,), False)
        if best != best:
            return [next(k for k, v in enumerate(lane) if v != v)]
        return [next(k for k, v in enumerate(lane) if v == best)]

    def answer(x: Array, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        refuse(function.__name__, out=out)
        x = ready(x)
        if not recording():
            return function(plain(x), axis, keepdims=keepdims)
        if not np.size(x):
            raise errors.empty_reduction(function.__name__, shape_of(x))
        found = _along_lanes(place, x, axis, keepdims)
        return found if found.ndim > (0 if keepdims or axis is not None else 1) else found.reshape(-1)[0]

    answer.__name__ = answer.__qualname__ = function.__name__
    answer.__doc__ = doc
    return answer


argmax = _place(np.argmax, maximum, """argmax(x, axis=None): the place of the largest element, a plain integer.

    >>> import cgrad
    >>> int(cgrad.argmax(cgrad.Tensor([1.0, 3.0, 2.0])))
    1
    """)
argmin = _place(np.argmin, minimum, """argmin(x, axis=None): the place of the smallest element, a plain integer.

    >>> import cgrad
    >>> int(cgrad.argmin(cgrad.Tensor([2.0, 1.0, 3.0])))
    1
    """)
nonzero = _about_zeros(np.nonzero, """nonzero(x): for each axis the places of the elements that are not 0.

    >>> import cgrad
    >>> cgrad.nonzero(cgrad.Tensor([0.0, 3.0]))[0].tolist()
    [1]
    """)


# ---- where, select ---------------------------------------------------------------------------------

def where(condition: Any, *sides: Array) -> Array:
    """where(condition, x, y): x where condition is not 0, elsewhere y; the side not taken gets a gradient of 0.

    condition: bools or numbers, plain or not; it has no derivative. where(condition) alone is nonzero(condition).
    Raises ValueError where the three shapes do not broadcast.

    >>> import cgrad
    >>> t = cgrad.Tensor([-1.0, 4.0], requires_grad=True)
    >>> cgrad.where(t > 0, cgrad.sqrt(t*(t > 0)), 0.0).tolist()
    [0.0, 2.0]
    """
    if len(sides) == 2:
        return _where(condition, *sides)
    if sides:
        raise errors.where_sides()
    return nonzero(condition)


def _numpys_where(condition: Any, *sides: Array) -> Array:
    """np.where takes lists."""
    return where(ready(condition, "where"), *(ready(x, "where") if isinstance(x, (list, tuple)) else x for x in sides))


def select(conditions: Any, choices: Any, default: Array = 0.0) -> Array:
    """select(conditions, choices, default=0.0): at each place the choice of the first condition that is true there.

    >>> import cgrad
    >>> t = cgrad.Tensor([1.0, 2.0, 3.0])
    >>> cgrad.select([t < 2, t > 2], [t*10, t*100]).tolist()
    [10.0, 0.0, 300.0]
    """
    if len(conditions) != len(choices):
        raise errors.lengths("select", len(conditions), len(choices))
    result: Array = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = where(condition, choice, result)
    return result


# ---- functions of NumPy's that are rows of the op table ---------------------------------------------

def _clip(x: Array, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None,
          **rest: Any) -> Array:
    """np.clip: either bound may be left out."""
    refuse("clip", out=out, **rest)
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is None:
        return np.positive(x) if high is None else minimum(x, high)
    return maximum(x, low) if high is None else _held(x, low, high)


def _round(x: Array, decimals: int = 0, out: Any = None) -> Array:
    """np.round: to whole numbers, or to decimals by way of a power of ten."""
    refuse("round", out=out)
    return _rounded(x) if decimals == 0 else _rounded(x*10.0**decimals)/10.0**decimals


# ---- diagonals, differences ------------------------------------------------------------------------

def _diagonal_places(rows: int, columns: int, offset: int) -> Any:
    n = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    k = np.arange(n)
    return (k, k + offset) if offset >= 0 else (k - offset, k)


def diagonal(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """diagonal(x, offset=0, axis1=0, axis2=1): the elements whose second index is the first plus offset, last axis.

    >>> import cgrad
    >>> cgrad.diagonal(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 4.0]
    """
    x = ready(x, "diagonal")
    shape = x.shape
    if len(shape) < 2:
        raise errors.no_matrix("diagonal", shape)
    i, j = one_axis("diagonal", axis1, shape), one_axis("diagonal", axis2, shape)
    if i == j:
        raise errors.repeated_axis("diagonal", (axis1, axis2), shape)
    rest = tuple([a for a in range(len(shape)) if a not in (i, j)])
    if rest or (i, j) != (0, 1):
        x = _transpose(x, axes=(*rest, i, j))
    return _getitem(x, index=(..., *_diagonal_places(shape[i], shape[j], as_int(offset))))


def diag(x: Array, k: int = 0) -> Array:
    """diag(x, k=0): the k-th diagonal of a matrix; of a row of elements, the matrix that has it as this diagonal.

    >>> import cgrad
    >>> cgrad.diag(cgrad.Tensor([1.0, 2.0])).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    x = ready(x, "diag")
    k = as_int(k)
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise errors.bad_diag(x.shape)
    n = x.shape[0] + abs(k)
    return _scatter(x, index=_diagonal_places(n, n, k), shape=(n, n))


def trace(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Array:
    """trace(x, offset=0, axis1=0, axis2=1): the sum of the diagonal.

    >>> import cgrad
    >>> cgrad.trace(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).item()
    5.0
    """
    refuse("trace", dtype=dtype, out=out)
    return _sum_of(diagonal(x, offset, axis1, axis2), -1)


def diff(x: Array, n: int = 1, axis: int = -1, **rest: Any) -> Array:
    """diff(x, n=1, axis=-1): each element less the one before it, n times over.

    >>> import cgrad
    >>> cgrad.diff(cgrad.Tensor([1.0, 4.0, 9.0])).tolist()
    [3.0, 5.0]
    """
    refuse("diff", **rest)
    x = ready(x, "diff")
    if n < 0:
        raise errors.bad_option("diff", "n", n, "give a number that is not negative")
    axis = one_axis("diff", axis, x.shape)
    head = (slice(None),)*axis
    for _ in range(n):
        x = _getitem(x, index=(*head, slice(1, None))) - _getitem(x, index=(*head, slice(None, -1)))
    return x


# ---- as methods ------------------------------------------------------------------------------------

def _answers(function: Any, numbers: Any = plain) -> Any:
    """A plain answer about any number of arrays."""
    def answer(*args: Any, **kwargs: Any) -> Any:
        return function(*[numbers(x) for x in args], **kwargs)

    return answer


def _alike(function: Any) -> Any:
    """zeros_like and its kin: a Tensor without a gradient of its own; a plain number for a Value."""
    def like(x: Array, *args: Any, **kwargs: Any) -> Any:
        made = function(stand_in(x), *args, **kwargs)
        return Tensor(made, copy=False) if made.ndim and made.dtype in (np.float64, np.float32) else made[()]

    return like


METHODS: dict[str, Any] = {
    "take": take, "compress": lambda self, condition, axis=None: compress(condition, self, axis), "sort": sort,
    "argsort": argsort, "argmax": argmax, "argmin": argmin, "nonzero": nonzero, "diagonal": diagonal, "diag": diag,
    "trace": trace, "diff": diff, "take_along_axis": take_along_axis, "all": _about_zeros(np.all, "Plain bools."),
    "any": _about_zeros(np.any, "Plain bools."),
}
NUMPY: dict[Any, Any] = {
    np.take: take, np.compress: compress, np.take_along_axis: take_along_axis, np.sort: sort, np.where: _numpys_where,
    np.select: select, np.diagonal: diagonal, np.linalg.diagonal: lambda x, *, offset=0: diagonal(x, offset, -2, -1),
    np.diag: diag, np.trace: trace, np.linalg.trace: lambda x, *, offset=0, dtype=None: trace(x, offset, -2, -1, dtype),
    np.diff: diff, np.argsort: argsort, np.clip: _clip, np.round: _round, np.around: _round,
    np.argmax: argmax, np.argmin: argmin, np.nonzero: nonzero,
    **{f: _about_zeros(f, f.__name__) for f in (np.flatnonzero, np.argwhere, np.count_nonzero, np.all, np.any)},
    **{f: _about_shape(f) for f in (np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type)},
    **{f: _plain_function(f, f.__name__) for f in (np.nanargmax, np.nanargmin)},
    **{f: _answers(f) for f in (np.allclose, np.isclose, np.isin)},
    **{f: _answers(f, lambda x: np.asarray(comparable(x))) for f in (np.array_equal, np.array_equiv)},
    **{f: _alike(f) for f in (np.zeros_like, np.ones_like, np.empty_like, np.full_like)},
}

