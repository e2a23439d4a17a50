"""Ops that pick elements: by index, by order, by condition; their adjoint adds elements back at their index."""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import (
    Conditions,
    Primitive,
    Tensor,
    Value,
    comparable,
    fillable,
    maximum,
    minimum,
    plain,
    recording,
    writes_in_place,
)
from .._core import clip as _core_clip
from .._core import round as _core_round
from .._core import where as _where
from ._arguments import as_array, holds_values, normalize_axis, placeholder, reject
from ._elements import _getitem, _scatter
from ._shapes import Array, Shape, shape_of
from ._traced import FEW, is_traced, map_elements, reduce_pairwise, sort_few
from .reduce import sum as _sum_over
from .shape import _ravel, _transpose

__all__ = ["argmax", "argmin", "argsort", "compress", "diag", "diagonal", "diff", "nonzero", "select", "sort", "take",
           "take_along_axis", "trace", "where"]


# ---- getitem, take ---------------------------------------------------------------------------------

def _checked_index(item: Any) -> Any:
    """One part of an index; arrays are copied, since the caller may change them while the graph lives."""
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
        if holds_values(item):
            raise errors.index_type(item[0])
        item = np.asarray(item)
        if item.size == 0:
            item = item.astype(np.intp)  # [] picks nothing
    elif isinstance(item, Tensor):
        raise errors.index_type(item)
    elif isinstance(item, Conditions):
        item = np.array(item, bool)  # their outcomes: guards
    elif isinstance(item, (ndarray, np.generic, bool)):
        item = np.array(item)
    elif hasattr(item, "__index__"):
        return as_int(item)
    if not isinstance(item, ndarray) or item.dtype.kind not in "iub":
        raise errors.index_type(item)
    return item if item.ndim or item.dtype.kind == "b" else int(item)


def checked_index(index: Any) -> Any:
    """An index as it may be kept; an error for what is none."""
    kind = type(index)
    if kind is tuple:
        return tuple([_checked_index(item) for item in index])
    return index if kind is int else _checked_index(index)


def getitem(x: Array, index: Any) -> Array:
    """x[index], for every index that NumPy accepts; an element picked twice gets both gradients.

    Raises IndexError if an index is out of bounds, a mask has another shape, or an array holds neither integers nor
    bools.

    >>> import cgrad
    >>> t = cgrad.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> t[[0, 0, 2]].backward()
    >>> t.grad.tolist()
    [2.0, 0.0, 1.0]
    """
    return _getitem(x, index=checked_index(index))


def take(x: Array, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Array:
    """Elements of x, or slices along an axis, at integer indices.

    indices: an int or an array of ints; the result has its shape in place of the axis. axis: None for the flattened x.
    mode: indices out of bounds "raise" an IndexError, "wrap" around, or are "clip"ped to the ends.

    >>> import cgrad
    >>> cgrad.take(cgrad.Tensor([1.0, 2.0, 3.0]), [2, 0, 0]).tolist()
    [3.0, 1.0, 1.0]
    """
    reject("take", out=out)
    x = as_array(x, "take")
    if axis is None:
        x, axis = _ravel(x, shape=-1), 0
    axis = normalize_axis("take", axis, x.shape)
    found = _checked_index(indices)
    if not isinstance(found, (int, ndarray)) or isinstance(found, ndarray) and found.dtype.kind == "b":
        raise errors.index_type(indices)
    if mode != "raise":
        n = x.shape[axis]
        if mode not in ("wrap", "clip"):
            raise errors.bad_option("take", "mode", mode, "give 'raise', 'wrap' or 'clip'")
        found = np.mod(found, n) if mode == "wrap" else np.clip(found, 0, n - 1)
        found = found if found.ndim else int(found)
    return _getitem(x, index=(slice(None),)*axis + (found,))


def compress(condition: Any, x: Array, axis: int | None = None, out: Any = None) -> Array:
    """Elements of x, or slices along an axis, where a one-dimensional condition is true.

    axis: None for the flattened x.

    >>> import cgrad
    >>> cgrad.compress([True, False, True], cgrad.Tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 3.0]
    """
    reject("compress", out=out)
    chosen = np.asarray(condition)
    if chosen.ndim != 1:
        raise errors.bad_option("compress", "condition", condition, "give a row of bools")
    return take(x, np.flatnonzero(chosen), axis)


def _index_along(op: str, shape: Shape, indices: Any, axis: int) -> tuple[Any, ...]:
    """The index tuple that picks x[i, ..., indices[i, ..., j], ...], by positions on the other axes."""
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
    """Elements of x at indices along an axis, as argsort returns them.

    indices: integers, of x's shape but along axis. axis: None for the flattened x. Returns an array of the shape of
    indices. Raises ValueError if the shapes differ in another axis.

    >>> import cgrad
    >>> cgrad.take_along_axis(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]), [[1], [0]], 1).tolist()
    [[2.0], [3.0]]
    """
    x = as_array(x, "take_along_axis")
    if axis is None:
        x, axis = _ravel(x, shape=-1), 0
    axis = normalize_axis("take_along_axis", axis, x.shape)
    found = _checked_index(indices)
    if not isinstance(found, ndarray) or found.dtype.kind == "b":
        raise errors.index_type(indices)
    return _getitem(x, index=_index_along("take_along_axis", x.shape, found, axis))


# ---- sort and argsort, argmax and argmin -----------------------------------------------------------

def argsort(x: Array, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Indices that sort x along an axis.

    axis: None for the flattened x. Returns plain integers, without a derivative; the order is stable, nan last.

    >>> import cgrad
    >>> cgrad.argsort(cgrad.Tensor([3.0, 1.0, 2.0])).tolist()
    [1, 2, 0]
    """
    reject("argsort", order=order)
    return _argsort(as_array(x, "argsort"), axis)


def _argsort(x: Array, axis: int | None) -> Any:
    """np.argsort; in a compiled function by comparisons of Values, which are guards."""
    if recording():
        return _apply_along_axis(_argsort_vector, x, axis)
    return np.argsort(plain(x), axis, kind="stable")


def _argsort_vector(values: list[Any]) -> list[int]:
    is_number = [bool(v == v) for v in values]  # False: nan
    return [*sorted([k for k, v in enumerate(is_number) if v], key=values.__getitem__),
            *[k for k, v in enumerate(is_number) if not v]]


def _apply_along_axis(function: Any, x: Array, axis: int | None, keepdims: bool = False) -> Any:
    """The indices that function returns for each list of Values along axis, or for all of them (None)."""
    values = np.asarray(comparable(x), object)
    if axis is None:
        found = np.array(function(list(values.flat)), np.intp)
        return found.reshape((1,)*values.ndim) if keepdims else found
    axis = normalize_axis("argsort", axis, values.shape)
    rows = np.moveaxis(values, axis, -1)
    found = np.array([function(list(row)) for row in rows.reshape(-1, rows.shape[-1])], np.intp)
    found = np.moveaxis(found.reshape(*rows.shape[:-1], -1), -1, axis)
    return found if keepdims or found.shape == values.shape else found.squeeze(axis)


def sort(x: Array, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Array:
    """Sorted copy of x along an axis; each element's gradient flows to where it came from.

    axis: None for the flattened x. nan comes last.

    >>> import cgrad
    >>> cgrad.sort(cgrad.Tensor([3.0, 1.0, 2.0])).tolist()
    [1.0, 2.0, 3.0]
    """
    reject("sort", order=order)
    x = as_array(x, "sort")
    if axis is None or not x.shape:
        x, axis = _ravel(x, shape=-1), 0
    axis = normalize_axis("sort", axis, x.shape)
    if recording() and x.shape[axis] <= FEW and is_traced(comparable(x)):
        return _sort_few(x, axis=axis)
    return _getitem(x, index=_index_along("sort", x.shape, _argsort(x, axis), axis))


def _sort_few_forward(x: Any, axis: int) -> Any:
    """In a compiled function: by choices, so that another order is not another path."""
    rows = np.moveaxis(x, axis, -1)
    out = np.empty(rows.shape, object)
    for k in np.ndindex(*rows.shape[:-1]):
        out[k][:] = sort_few(list(rows[k]))
    return np.moveaxis(out, -1, axis)


_sort_few: Primitive = Primitive("sort", _sort_few_forward, ())


def check_options(op: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse Values and Tensors as options of a function of NumPy, which would dispatch to us again, without end."""
    for name, value in (*((f"argument {k}", x) for k, x in enumerate(args, 2)), *kwargs.items()):
        if isinstance(value, (Value, Tensor)):
            raise errors.bad_option(op, name, value, "give what NumPy's function takes there")


def on_data(function: Any, doc: str) -> Any:
    """A function of NumPy on plain data: its result has no derivative."""
    def answer(x: Array, *args: Any, **kwargs: Any) -> Any:
        check_options(function.__name__, args, kwargs)
        return function(plain(as_array(x)), *args, **kwargs)

    answer.__name__ = answer.__qualname__ = function.__name__
    answer.__doc__ = doc
    return answer


def _on_shape(function: Any) -> Any:
    """A function of NumPy that reads shapes and dtypes alone."""
    def answer(*args: Any, **kwargs: Any) -> Any:
        return function(*[placeholder(x) for x in args], **kwargs)

    return answer


def _on_truth(function: Any, doc: str) -> Any:
    """A function of NumPy that depends on which elements are 0; in a compiled function each is a guard."""
    def answer(x: Array, *args: Any, **kwargs: Any) -> Any:
        check_options(function.__name__, args, kwargs)
        if recording():
            return function(np.asarray(map_elements(bool, comparable(as_array(x))), bool), *args, **kwargs)
        return function(plain(as_array(x)), *args, **kwargs)

    answer.__name__ = answer.__qualname__ = function.__name__
    answer.__doc__ = doc
    return answer


def _arg_extremum(function: Any, choose: Any, doc: str) -> Any:
    """argmax or argmin; in a compiled function by guards: the first element that equals the extremum."""
    def first(values: list[Any]) -> list[int]:
        best = reduce_pairwise(choose, np.array([*values, None], object)[:-1], (0,), False)
        if best != best:
            return [next(k for k, v in enumerate(values) if v != v)]
        return [next(k for k, v in enumerate(values) if v == best)]

    def answer(x: Array, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        reject(function.__name__, out=out)
        x = as_array(x)
        if not recording():
            return function(plain(x), axis, keepdims=keepdims)
        if not np.size(x):
            raise errors.empty_reduction(function.__name__, shape_of(x))
        found = _apply_along_axis(first, x, axis, keepdims)
        return found if found.ndim > (0 if keepdims or axis is not None else 1) else found.reshape(-1)[0]

    answer.__name__ = answer.__qualname__ = function.__name__
    answer.__doc__ = doc
    return answer


argmax = _arg_extremum(np.argmax, maximum, """Index of the largest element along an axis.

    axis: None for the flattened x. Returns plain integers, without a derivative: of elements that tie the first; the
    first nan if there is one. Raises ValueError if there are no elements.

    >>> import cgrad
    >>> int(cgrad.argmax(cgrad.Tensor([1.0, 3.0, 2.0])))
    1
    """)
argmin = _arg_extremum(np.argmin, minimum, """Index of the smallest element along an axis.

    axis: None for the flattened x. Returns plain integers, without a derivative: of elements that tie the first; the
    first nan if there is one. Raises ValueError if there are no elements.

    >>> import cgrad
    >>> int(cgrad.argmin(cgrad.Tensor([2.0, 1.0, 3.0])))
    1
    """)
nonzero = _on_truth(np.nonzero, """Indices of the elements that are not 0.

    Returns a tuple with an array of plain integers for each axis.

    >>> import cgrad
    >>> cgrad.nonzero(cgrad.Tensor([0.0, 3.0]))[0].tolist()
    [1]
    """)


# ---- where, select ---------------------------------------------------------------------------------

def where(condition: Any, *sides: Array) -> Array:
    """Elements of x where a condition holds, of y elsewhere.

    condition: bools or numbers (true unless 0), without a derivative. The three shapes broadcast; the side that is not
    taken gets a gradient of 0. where(condition) alone is nonzero(condition). Raises ValueError if the shapes do not
    broadcast.

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


def _numpy_where(condition: Any, *sides: Array) -> Array:
    """np.where, which accepts lists."""
    return where(as_array(condition, "where"),
                 *(as_array(x, "where") if isinstance(x, (list, tuple)) else x for x in sides))


def select(conditions: Any, choices: Any, default: Array = 0.0) -> Array:
    """At each position the choice of the first condition that is true there.

    conditions, choices: sequences of equal length; default: where no condition is true. Raises ValueError if the
    lengths differ.

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


# ---- NumPy's functions that are rows of the op table -------------------------------------------------

def _numpy_clip(x: Array, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None,
                **rest: Any) -> Array:
    """np.clip, where either bound may be left out."""
    reject("clip", out=out, **rest)
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is None:
        return np.positive(x) if high is None else minimum(x, high)
    return maximum(x, low) if high is None else _core_clip(x, low, high)


def _numpy_round(x: Array, decimals: int = 0, out: Any = None) -> Array:
    """np.round: to integers, or to decimals by scaling with a power of ten."""
    reject("round", out=out)
    return _core_round(x) if decimals == 0 else _core_round(x*10.0**decimals)/10.0**decimals


# ---- diagonals, differences ------------------------------------------------------------------------

def _diagonal_index(rows: int, columns: int, offset: int) -> Any:
    n = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    k = np.arange(n)
    return (k, k + offset) if offset >= 0 else (k - offset, k)


def diagonal(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Diagonal of the planes of two axes, as the last axis of the result.

    offset: the diagonal above (positive) or below the main one. Raises ValueError if x has fewer than two axes.

    >>> import cgrad
    >>> cgrad.diagonal(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 4.0]
    """
    x = as_array(x, "diagonal")
    shape = x.shape
    if len(shape) < 2:
        raise errors.no_matrix("diagonal", shape)
    i, j = normalize_axis("diagonal", axis1, shape), normalize_axis("diagonal", axis2, shape)
    if i == j:
        raise errors.repeated_axis("diagonal", (axis1, axis2), shape)
    rest = tuple([a for a in range(len(shape)) if a not in (i, j)])
    if rest or (i, j) != (0, 1):
        x = _transpose(x, axes=(*rest, i, j))
    return _getitem(x, index=(..., *_diagonal_index(shape[i], shape[j], as_int(offset))))


def diag(x: Array, k: int = 0) -> Array:
    """The k-th diagonal of a matrix, or the matrix with a vector as its k-th diagonal.

    Raises ValueError unless x has one axis or two.

    >>> import cgrad
    >>> cgrad.diag(cgrad.Tensor([1.0, 2.0])).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    x = as_array(x, "diag")
    k = as_int(k)
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise errors.bad_diag(x.shape)
    n = x.shape[0] + abs(k)
    return _scatter(x, index=_diagonal_index(n, n, k), shape=(n, n))


def trace(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Array:
    """Sum along the diagonal of the planes of two axes.

    Returns an array without the two axes.

    >>> import cgrad
    >>> cgrad.trace(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).item()
    5.0
    """
    reject("trace", dtype=dtype, out=out)
    return _sum_over(diagonal(x, offset, axis1, axis2), -1)


def diff(x: Array, n: int = 1, axis: int = -1, **rest: Any) -> Array:
    """The n-th differences of neighbouring elements along an axis.

    Returns an array shorter by n along axis. Raises ValueError if n is negative.

    >>> import cgrad
    >>> cgrad.diff(cgrad.Tensor([1.0, 4.0, 9.0])).tolist()
    [3.0, 5.0]
    """
    reject("diff", **rest)
    x = as_array(x, "diff")
    if n < 0:
        raise errors.bad_option("diff", "n", n, "give a number that is not negative")
    axis = normalize_axis("diff", axis, x.shape)
    head = (slice(None),)*axis
    for _ in range(min(as_int(n), x.shape[axis])):  # what is empty stays so
        x = _getitem(x, index=(*head, slice(1, None))) - _getitem(x, index=(*head, slice(None, -1)))
    return x


# ---- NumPy's functions without a derivative; methods -------------------------------------------------

def _predicate(function: Any, numbers: Any = plain) -> Any:
    """A function of NumPy on the plain data of any number of arrays."""
    def answer(*args: Any, **kwargs: Any) -> Any:
        return function(*[numbers(x) for x in args], **{name: numbers(x) for name, x in kwargs.items()})

    return answer


def _like(function: Any) -> Any:
    """zeros_like and its relatives: a Tensor that requires no grad; of a Value a plain number."""
    def like(x: Array, *args: Any, **kwargs: Any) -> Any:
        made = function(placeholder(x), *args, **kwargs)
        return fillable(made) if made.ndim and made.dtype in (np.float64, np.float32) else made[()]

    return like


def _fill(self: Tensor, value: Any) -> None:
    """Set all elements to a value."""
    self[...] = value


def _sort(self: Tensor, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """sort(t); what stands for an ndarray is sorted in place."""
    result = sort(self, axis, kind, order, stable=stable)
    if not writes_in_place(self):
        return result
    self[...] = result
    return None


def _fill_diagonal(a: Tensor, val: Any, wrap: bool = False) -> None:
    """np.fill_diagonal: an assignment to the elements whose indices are equal."""
    reject("fill_diagonal", wrap=wrap or None)
    if len(a.shape) != 2:
        raise errors.no_matrix("fill_diagonal", a.shape)
    a[_diagonal_index(*a.shape, 0)] = val


METHODS: dict[str, Any] = {
    "take": take, "compress": lambda self, condition, axis=None: compress(condition, self, axis), "sort": _sort,
    "fill": _fill, "argsort": argsort, "argmax": argmax, "argmin": argmin, "nonzero": nonzero, "diagonal": diagonal,
    "diag": diag, "trace": trace, "diff": diff, "take_along_axis": take_along_axis,
    "all": _on_truth(np.all, "Plain bools."), "any": _on_truth(np.any, "Plain bools."),
}
NUMPY: dict[Any, Any] = {
    np.take: take, np.compress: compress, np.take_along_axis: take_along_axis, np.sort: sort, np.where: _numpy_where,
    np.select: select, np.diagonal: diagonal, np.linalg.diagonal: lambda x, *, offset=0: diagonal(x, offset, -2, -1),
    np.diag: diag, np.trace: trace, np.linalg.trace: lambda x, *, offset=0, dtype=None: trace(x, offset, -2, -1, dtype),
    np.diff: diff, np.argsort: argsort, np.clip: _numpy_clip, np.round: _numpy_round, np.around: _numpy_round,
    np.fill_diagonal: _fill_diagonal, np.argmax: argmax, np.argmin: argmin, np.nonzero: nonzero,
    **{f: _on_truth(f, f.__name__) for f in (np.flatnonzero, np.argwhere, np.count_nonzero, np.all, np.any)},
    **{f: _on_shape(f) for f in (np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type)},
    **{f: on_data(f, f.__name__) for f in (np.nanargmax, np.nanargmin)},
    **{f: _predicate(f) for f in (np.allclose, np.isclose, np.isin)},
    **{f: _predicate(f, lambda x: np.asarray(comparable(x))) for f in (np.array_equal, np.array_equiv)},
    **{f: _like(f) for f in (np.zeros_like, np.ones_like, np.empty_like, np.full_like)},
}
