"""Ops that show the same elements in another shape or order of axes: each with its adjoint beside it."""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Primitive, Tensor
from ._common import Array, Shape, axes_of, filled, kept, of_values, one_axis, ready, refuse, shape_of

__all__ = ["astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to", "expand_dims",
           "flip", "fliplr", "flipud", "moveaxis", "permute", "ravel", "reshape", "rot90", "squeeze", "swapaxes",
           "transpose", "unsqueeze"]


# ---- one order of elements, another shape ----------------------------------------------------------

def _reshaped(x: Any, shape: Any) -> Any:
    try:
        return x.reshape(shape) if type(x) is ndarray else np.asarray(x).reshape(shape)
    except (ValueError, TypeError):
        raise errors.bad_reshape(shape_of(x), shape) from None


def _unreshaped(g: Array, out: Array, x: Array, shape: Any) -> Array:
    return _reshape(g, shape=shape_of(x))


_reshape: Primitive = Primitive("reshape", _reshaped, (_unreshaped,))
_ravel: Primitive = Primitive("ravel", _reshaped, (_unreshaped,))
_squeeze: Primitive = Primitive("squeeze", _reshaped, (_unreshaped,))
_unsqueeze: Primitive = Primitive("unsqueeze", _reshaped, (_unreshaped,))


def _shape_argument(shape: Any) -> Any:
    """(2, 3), [2, 3], 6 and np.int64(6) alike."""
    if isinstance(shape, (tuple, list)):
        return tuple(shape)
    return shape


def reshape(x: Array, shape: Any, order: str = "C", *, copy: Any = None, **rest: Any) -> Array:
    """reshape(x, shape): the same elements in another shape; one length may be -1 and follows from the others.

    order="F" reads and writes the first axis fastest. Raises ValueError where the numbers of elements differ.

    >>> import cgrad
    >>> cgrad.reshape(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]), -1).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    if copy is not None or rest:
        refuse("reshape", copy=copy, **rest)
    x = ready(x, "reshape")
    if order == "C":
        return _reshape(x, shape=_shape_argument(shape))
    if order != "F":
        raise errors.bad_option("reshape", "order", order, "give 'C' or 'F'")
    axes = shape if isinstance(shape, (tuple, list)) else (shape,)
    if len(x.shape) < 2 and len(axes) < 2:
        return _reshape(x, shape=tuple(axes))
    return transpose(_reshape(transpose(x), shape=tuple(axes)[::-1]))


def _reshape_method(self: Tensor, *shape: Any, order: str = "C", **rest: Any) -> Array:
    """t.reshape(2, 3) or t.reshape((2, 3)): the same elements in another shape; see cgrad.reshape."""
    if order == "C" and not rest:
        return _reshape(self, shape=_shape_argument(shape[0]) if len(shape) == 1 else shape)
    return reshape(self, shape[0] if len(shape) == 1 else shape, order, **rest)


def ravel(x: Array, order: str = "C") -> Array:
    """ravel(x): all elements in one axis.

    >>> import cgrad
    >>> cgrad.ravel(cgrad.Tensor([[1.0, 2.0]])).shape
    (2,)
    """
    x = ready(x, "ravel")
    return _ravel(x, shape=-1) if order == "C" else reshape(x, -1, order)


def squeeze(x: Array, axis: Any = None) -> Array:
    """squeeze(x, axis=None): x without its axes of length 1, or without those given.

    Raises ValueError where an axis that is given has another length.

    >>> import cgrad
    >>> cgrad.squeeze(cgrad.Tensor([[[1.0, 2.0]]]), 0).shape
    (1, 2)
    """
    x = ready(x, "squeeze")
    shape = x.shape
    if axis is None:
        return _squeeze(x, shape=tuple([n for n in shape if n != 1]))
    axes = axes_of("squeeze", axis, shape)
    if any(shape[a] != 1 for a in axes):
        raise errors.bad_squeeze(shape, axis)
    return _squeeze(x, shape=tuple([n for k, n in enumerate(shape) if k not in axes]))


def expand_dims(x: Array, axis: Any) -> Array:
    """expand_dims(x, axis): x with new axes of length 1, at these places of the result; unsqueeze is the same.

    >>> import cgrad
    >>> cgrad.expand_dims(cgrad.Tensor([1.0, 2.0]), (0, -1)).shape
    (1, 2, 1)
    """
    x = ready(x, "expand_dims")
    shape = x.shape
    ndim = len(shape) + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    try:
        axes = axes_of("expand_dims", axis, (1,)*ndim)
    except np.exceptions.AxisError:
        raise errors.new_axis("expand_dims", axis, shape) from None
    lengths = iter(shape)
    return _unsqueeze(x, shape=tuple([1 if k in axes else next(lengths) for k in range(ndim)]))


unsqueeze = expand_dims


def _atleast(n: int, before: Any) -> Any:
    def function(*arrays: Array) -> Array:
        result = []
        for x in map(ready, arrays):
            shape = x.shape
            result.append(x if len(shape) >= n else _unsqueeze(x, shape=before(shape)))
        return result[0] if len(result) == 1 else tuple(result)

    function.__name__ = function.__qualname__ = f"atleast_{n}d"
    function.__doc__ = f"""atleast_{n}d(*arrays): each with new axes of length 1 until it has {n}, as NumPy places them.

    >>> import cgrad
    >>> cgrad.atleast_{n}d(cgrad.Tensor([1.0, 2.0])).shape
    {(2,) if n == 1 else before((2,))}
    """
    return function


atleast_1d = _atleast(1, lambda shape: (1,))
atleast_2d = _atleast(2, lambda shape: (1,)*(2 - len(shape)) + shape)
atleast_3d = _atleast(3, lambda shape: ((1, 1, 1), (1, *shape, 1), (*shape, 1))[len(shape)])


# ---- axes in another order -------------------------------------------------------------------------

def _inverse(axes: Shape) -> Shape:
    result = [0]*len(axes)
    for k, a in enumerate(axes):
        result[a] = k
    return tuple(result)


_transpose: Primitive = Primitive(
    "transpose",
    lambda x, axes: x.transpose(axes) if type(x) is ndarray else np.asarray(x),
    (lambda g, out, x, axes: _transpose(g, axes=None if axes is None else _inverse(axes)),),
)


def transpose(x: Array, axes: Any = None) -> Array:
    """transpose(x, axes=None): axis k of the result is axis axes[k] of x; the axes reversed if none are given.

    Raises ValueError unless axes are a permutation of x's.

    >>> import cgrad
    >>> cgrad.transpose(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    x = ready(x, "transpose")
    if axes is None:
        return _transpose(x, axes=None)
    shape = x.shape
    order = axes_of("transpose", tuple(axes), shape)
    if len(order) != len(shape):
        raise errors.bad_permutation(axes, shape)
    return _transpose(x, axes=order)


permute = transpose


def _transpose_method(self: Tensor, *axes: Any) -> Array:
    """t.transpose(1, 0), t.transpose((1, 0)) or t.transpose(): axes in another order; see cgrad.transpose."""
    if not axes:
        return _transpose(self, axes=None)
    return transpose(self, axes[0] if len(axes) == 1 and not hasattr(axes[0], "__index__") else axes)


def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """swapaxes(x, axis1, axis2): two axes exchanged.

    >>> import cgrad
    >>> cgrad.swapaxes(cgrad.Tensor([[[1.0, 2.0]]]), 0, -1).shape
    (2, 1, 1)
    """
    x = ready(x, "swapaxes")
    shape = x.shape
    i, j = one_axis("swapaxes", axis1, shape), one_axis("swapaxes", axis2, shape)
    order = list(range(len(shape)))
    order[i], order[j] = j, i
    return _transpose(x, axes=tuple(order))


def moveaxis(x: Array, source: Any, destination: Any) -> Array:
    """moveaxis(x, source, destination): the axes of source at the places of destination, the others in their order.

    >>> import cgrad
    >>> cgrad.moveaxis(cgrad.Tensor([[[1.0, 2.0]]]), -1, 0).shape
    (2, 1, 1)
    """
    x = ready(x, "moveaxis")
    shape = x.shape
    start, end = axes_of("moveaxis", source, shape), axes_of("moveaxis", destination, shape)
    if len(start) != len(end):
        raise errors.bad_moveaxis(source, destination)
    order = [a for a in range(len(shape)) if a not in start]
    for a, place in sorted(zip(start, end, strict=True), key=lambda pair: pair[1]):
        order.insert(place, a)
    return _transpose(x, axes=tuple(order))


def _swap(x: Array) -> Array:
    """The last two axes exchanged: a matrix's transpose, or a batch of them."""
    n = x.ndim
    if n == 2:
        return _transpose(x, axes=None)
    return _transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _matrix_transpose(x: Array) -> Array:
    """The transpose of a matrix, or of each of a batch of them."""
    x = ready(x, "matrix_transpose")
    if x.ndim < 2:
        raise errors.no_matrix("matrix_transpose", x.shape)
    return _swap(x)


# ---- broadcasting ----------------------------------------------------------------------------------

def _broadcasted(x: Any, shape: Shape) -> Any:
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise errors.bad_broadcast("broadcast_to", shape_of(x), shape) from None


# The core sums an adjoint down to its argument's shape.
_broadcast: Primitive = Primitive("broadcast_to", _broadcasted, (lambda g, out, x, shape: g,))


def broadcast_to(x: Array, shape: Any, subok: bool = False) -> Array:
    """broadcast_to(x, shape): x repeated along new axes and those of length 1.

    Raises ValueError where x does not broadcast to shape.

    >>> import cgrad
    >>> cgrad.broadcast_to(cgrad.Tensor([1.0, 2.0]), (2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    target = tuple(shape) if isinstance(shape, (tuple, list)) else (as_int(shape),)
    return _broadcast(ready(x, "broadcast_to"), shape=target)


def _expand_method(self: Tensor, *shape: Any) -> Array:
    """t.expand(2, 3) or t.expand((2, 3)): broadcast_to; a length of -1 stays as it is."""
    target = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    own = self.shape
    new = len(target) - len(own)
    if -1 in target[:max(new, 0)] or new < 0:
        raise errors.bad_broadcast("expand", own, target)
    return broadcast_to(self, tuple([own[k - new] if n == -1 else n for k, n in enumerate(target)]))


def broadcast_arrays(*arrays: Array, subok: bool = False) -> tuple[Array, ...]:
    """broadcast_arrays(*arrays): all of them broadcast to the one shape that they have in common.

    >>> import cgrad
    >>> [t.shape for t in cgrad.broadcast_arrays(cgrad.Tensor([1.0, 2.0]), cgrad.Tensor([[3.0]]))]
    [(1, 2), (1, 2)]
    """
    ready_ones = [ready(x, "broadcast_arrays") for x in arrays]
    shapes = [x.shape for x in ready_ones]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise errors.no_common_shape("broadcast_arrays", shapes) from None
    return tuple([_broadcast(x, shape=shape) for x in ready_ones])


def spread(g: Array, x: Array, axes: Shape, keepdims: bool) -> Array:
    """The adjoint of a reduction over axes, at every element of x that went into it."""
    shape = shape_of(x)
    if not shape:
        return g
    if isinstance(g, float):
        return filled(g, x)
    if type(g) is ndarray:
        return filled(g if keepdims else g.reshape(kept(shape, axes)), x)
    return _broadcast(g if keepdims else _reshape(g, shape=kept(shape, axes)), shape=shape)


# ---- in reverse ------------------------------------------------------------------------------------

def _mirrored(x: Any, axes: Shape) -> Any:
    if not axes:
        return np.asarray(x)
    index = [slice(None)]*x.ndim
    for a in axes:
        index[a] = slice(None, None, -1)
    return x[tuple(index)]


_flip: Primitive = Primitive("flip", _mirrored, (lambda g, out, x, axes: _flip(g, axes=axes),))


def flip(x: Array, axis: Any = None) -> Array:
    """flip(x, axis=None): the elements in reverse along these axes, or along all.

    >>> import cgrad
    >>> cgrad.flip(cgrad.Tensor([1.0, 2.0, 3.0])).tolist()
    [3.0, 2.0, 1.0]
    """
    x = ready(x, "flip")
    return _flip(x, axes=axes_of("flip", axis, x.shape))


def fliplr(x: Array) -> Array:
    """fliplr(x): flip along axis 1.

    >>> import cgrad
    >>> cgrad.fliplr(cgrad.Tensor([[1.0, 2.0]])).tolist()
    [[2.0, 1.0]]
    """
    return flip(x, 1)


def flipud(x: Array) -> Array:
    """flipud(x): flip along axis 0.

    >>> import cgrad
    >>> cgrad.flipud(cgrad.Tensor([1.0, 2.0])).tolist()
    [2.0, 1.0]
    """
    return flip(x, 0)


def rot90(x: Array, k: int = 1, axes: Any = (0, 1)) -> Array:
    """rot90(x, k=1, axes=(0, 1)): the plane of two axes turned by k quarters, from the first towards the second.

    >>> import cgrad
    >>> cgrad.rot90(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    x = ready(x, "rot90")
    plane = axes_of("rot90", tuple(axes), x.shape)
    if len(plane) != 2:
        raise errors.bad_option("rot90", "axes", axes, "give two axes")
    i, j = plane
    k = as_int(k) % 4
    if k == 0:
        return x
    if k == 2:
        return _flip(x, axes=(i, j))
    return swapaxes(_flip(x, axes=(j,)), i, j) if k == 1 else _flip(swapaxes(x, i, j), axes=(j,))


# ---- the same array --------------------------------------------------------------------------------

_copy: Primitive = Primitive("copy", lambda x: np.array(x), (lambda g, out, x: g,))


def _cast(x: Any, dtype: Any) -> Any:
    if not of_values(x):
        return np.asarray(x).astype(dtype)
    if dtype != np.float64:
        raise TypeError("they compute in float64")
    return x


_astype: Primitive = Primitive("astype", _cast,
                    (lambda g, out, x, dtype: g if isinstance(g, float) else _astype(g, dtype=x.dtype),))


def copy(x: Array, **rest: Any) -> Array:
    """copy(x): the same numbers in memory of their own, differentiable.

    >>> import cgrad
    >>> cgrad.Tensor([1.0]).copy().tolist()
    [1.0]
    """
    return _copy(ready(x, "copy"))


def astype(x: Array, dtype: Any, **rest: Any) -> Array:
    """astype(x, dtype): x in float32 or float64; the gradient comes back in x's own dtype.

    Raises TypeError for other dtypes.

    >>> import cgrad
    >>> cgrad.astype(cgrad.Tensor([1.0]), "float32").dtype
    dtype('float32')
    """
    kind = np.dtype(dtype)
    if kind not in (np.float64, np.float32):
        raise errors.bad_cast("astype", kind)
    return _astype(ready(x, "astype"), dtype=kind)


# ---- as methods ------------------------------------------------------------------------------------

METHODS: dict[str, Any] = {
    "reshape": _reshape_method, "ravel": ravel, "flatten": ravel, "transpose": _transpose_method,
    "permute": _transpose_method, "T": property(lambda self: _transpose(self, axes=None), doc="The axes reversed."),
    "mT": property(_matrix_transpose, doc="Each matrix of a batch transposed."), "swapaxes": swapaxes,
    "moveaxis": moveaxis, "squeeze": squeeze, "unsqueeze": unsqueeze, "expand_dims": expand_dims,
    "broadcast_to": broadcast_to, "expand": _expand_method, "flip": flip, "astype": astype,
    "copy": copy,
}
NUMPY: dict[Any, Any] = {
    np.reshape: reshape, np.ravel: ravel, np.transpose: transpose, np.permute_dims: transpose,
    np.matrix_transpose: _matrix_transpose, np.linalg.matrix_transpose: _matrix_transpose, np.swapaxes: swapaxes,
    np.moveaxis: moveaxis, np.squeeze: squeeze, np.expand_dims: expand_dims, np.broadcast_to: broadcast_to,
    np.broadcast_arrays: broadcast_arrays, np.atleast_1d: atleast_1d, np.atleast_2d: atleast_2d,
    np.atleast_3d: atleast_3d, np.flip: flip, np.fliplr: fliplr, np.flipud: flipud, np.rot90: rot90, np.copy: copy,
}
if hasattr(np, "astype"):  # NumPy 2.1
    NUMPY[np.astype] = astype
