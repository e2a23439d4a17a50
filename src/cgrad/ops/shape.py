"""Ops that keep the elements and change shape, order of axes or dtype: each with its adjoint beside it."""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Primitive, Tensor, Value, duplicate, hidden_kink, plain
from ._arguments import as_array, normalize_axes, normalize_axis, reject
from ._shapes import Array, Shape, keepdims_shape, shape_of
from ._traced import is_traced

__all__ = ["astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to", "expand_dims",
           "flip", "fliplr", "flipud", "moveaxis", "permute", "ravel", "reshape", "rot90", "squeeze", "swapaxes",
           "transpose", "unsqueeze"]


# ---- one order of elements, another shape ----------------------------------------------------------

def _reshape_forward(x: Any, shape: Any) -> Any:
    try:
        return x.reshape(shape) if type(x) is ndarray else np.asarray(x).reshape(shape)
    except (ValueError, TypeError):
        raise errors.bad_reshape(shape_of(x), shape) from None


def _reshape_vjp(g: Array, out: Array, x: Array, shape: Any) -> Array:
    return _reshape(g, shape=shape_of(x))


_reshape: Primitive = Primitive("reshape", _reshape_forward, (_reshape_vjp,), structural=True)
_ravel: Primitive = Primitive("ravel", _reshape_forward, (_reshape_vjp,), structural=True)
_squeeze: Primitive = Primitive("squeeze", _reshape_forward, (_reshape_vjp,), structural=True)
_unsqueeze: Primitive = Primitive("unsqueeze", _reshape_forward, (_reshape_vjp,), structural=True)


def _as_tuple(shape: Any) -> Any:
    """A shape argument as np.reshape takes it: a tuple or an int."""
    if isinstance(shape, (tuple, list)):
        return tuple(shape)
    return shape


def reshape(x: Array, shape: Any, order: str = "C", *, copy: Any = None, **rest: Any) -> Array:
    """The same elements in another shape.

    shape: an int or a tuple; one length may be -1 and follows from the others. order: "C", or "F" to read and write the
    first axis fastest. Raises ValueError if the numbers of elements differ.

    >>> import cgrad
    >>> cgrad.reshape(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]]), -1).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    if copy is not None or rest:
        reject("reshape", copy=copy, **rest)
    x = as_array(x, "reshape")
    if order == "C":
        return _reshape(x, shape=_as_tuple(shape))
    if order != "F":
        raise errors.bad_option("reshape", "order", order, "give 'C' or 'F'")
    axes = shape if isinstance(shape, (tuple, list)) else (shape,)
    if len(x.shape) < 2 and len(axes) < 2:
        return _reshape(x, shape=tuple(axes))
    return transpose(_reshape(transpose(x), shape=tuple(axes)[::-1]))


def _reshape_method(self: Tensor, *shape: Any, order: str = "C", **rest: Any) -> Array:
    """t.reshape(2, 3) or t.reshape((2, 3)): the same elements in another shape; see cgrad.reshape."""
    if order == "C" and not rest:
        return _reshape(self, shape=_as_tuple(shape[0]) if len(shape) == 1 else shape)
    return reshape(self, shape[0] if len(shape) == 1 else shape, order, **rest)


def ravel(x: Array, order: str = "C") -> Array:
    """Flatten to one axis.

    order: "C", or "F" to read the first axis fastest.

    >>> import cgrad
    >>> cgrad.ravel(cgrad.Tensor([[1.0, 2.0]])).shape
    (2,)
    """
    x = as_array(x, "ravel")
    return _ravel(x, shape=-1) if order == "C" else reshape(x, -1, order)


def squeeze(x: Array, axis: Any = None) -> Array:
    """Remove axes of length 1: all of them (None), or those given.

    Raises ValueError if an axis given has another length.

    >>> import cgrad
    >>> cgrad.squeeze(cgrad.Tensor([[[1.0, 2.0]]]), 0).shape
    (1, 2)
    """
    x = as_array(x, "squeeze")
    shape = x.shape
    if axis is None:
        return _squeeze(x, shape=tuple([n for n in shape if n != 1]))
    axes = normalize_axes("squeeze", axis, shape)
    if any(shape[a] != 1 for a in axes):
        raise errors.bad_squeeze(shape, axis)
    return _squeeze(x, shape=tuple([n for k, n in enumerate(shape) if k not in axes]))


def expand_dims(x: Array, axis: Any) -> Array:
    """Insert axes of length 1; unsqueeze is the same function.

    axis: one or several, counted in the result.

    >>> import cgrad
    >>> cgrad.expand_dims(cgrad.Tensor([1.0, 2.0]), (0, -1)).shape
    (1, 2, 1)
    """
    x = as_array(x, "expand_dims")
    shape = x.shape
    ndim = len(shape) + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    try:
        axes = normalize_axes("expand_dims", axis, (1,)*ndim)
    except np.exceptions.AxisError:
        raise errors.new_axis("expand_dims", axis, shape) from None
    lengths = iter(shape)
    return _unsqueeze(x, shape=tuple([1 if k in axes else next(lengths) for k in range(ndim)]))


unsqueeze = expand_dims


def _atleast(n: int, before: Any) -> Any:
    def function(*arrays: Array) -> Array:
        result = []
        for x in map(as_array, arrays):
            shape = x.shape
            result.append(x if len(shape) >= n else _unsqueeze(x, shape=before(shape)))
        return result[0] if len(result) == 1 else tuple(result)

    function.__name__ = function.__qualname__ = f"atleast_{n}d"
    function.__doc__ = f"""Each array with axes of length 1 added until it has {n}, placed as in NumPy.

    Returns an array, or a tuple of them if several are given.

    >>> import cgrad
    >>> cgrad.atleast_{n}d(cgrad.Tensor([1.0, 2.0])).shape
    {(2,) if n == 1 else before((2,))}
    """
    return function


atleast_1d = _atleast(1, lambda shape: (1,))
atleast_2d = _atleast(2, lambda shape: (1,)*(2 - len(shape)) + shape)
atleast_3d = _atleast(3, lambda shape: ((1, 1, 1), (1, *shape, 1), (*shape, 1))[len(shape)])


# ---- axes in another order -------------------------------------------------------------------------

def inverse_permutation(axes: Shape) -> Shape:
    result = [0]*len(axes)
    for k, a in enumerate(axes):
        result[a] = k
    return tuple(result)


_transpose: Primitive = Primitive(
    "transpose",
    lambda x, axes: x.transpose(axes) if type(x) is ndarray else np.asarray(x),
    (lambda g, out, x, axes: _transpose(g, axes=None if axes is None else inverse_permutation(axes)),),
    structural=True,
)


def transpose(x: Array, axes: Any = None) -> Array:
    """Permute the axes: axis k of the result is axis axes[k] of x; None reverses them.

    Raises ValueError unless axes are a permutation of x's.

    >>> import cgrad
    >>> cgrad.transpose(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    x = as_array(x, "transpose")
    if axes is None:
        return _transpose(x, axes=None)
    shape = x.shape
    order = normalize_axes("transpose", tuple(axes), shape)
    if len(order) != len(shape):
        raise errors.bad_permutation(axes, shape)
    return _transpose(x, axes=order)


permute = transpose


def _transpose_method(self: Tensor, *axes: Any) -> Array:
    """t.transpose(1, 0), t.transpose((1, 0)) or t.transpose(): permuted axes; see cgrad.transpose."""
    if not axes:
        return _transpose(self, axes=None)
    return transpose(self, axes[0] if len(axes) == 1 and not hasattr(axes[0], "__index__") else axes)


def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """Exchange two axes.

    >>> import cgrad
    >>> cgrad.swapaxes(cgrad.Tensor([[[1.0, 2.0]]]), 0, -1).shape
    (2, 1, 1)
    """
    x = as_array(x, "swapaxes")
    shape = x.shape
    i, j = normalize_axis("swapaxes", axis1, shape), normalize_axis("swapaxes", axis2, shape)
    order = list(range(len(shape)))
    order[i], order[j] = j, i
    return _transpose(x, axes=tuple(order))


def moveaxis(x: Array, source: Any, destination: Any) -> Array:
    """Move axes to other positions; the others keep their order.

    source, destination: an axis, or several of each. Raises ValueError if their numbers differ.

    >>> import cgrad
    >>> cgrad.moveaxis(cgrad.Tensor([[[1.0, 2.0]]]), -1, 0).shape
    (2, 1, 1)
    """
    x = as_array(x, "moveaxis")
    shape = x.shape
    start, end = normalize_axes("moveaxis", source, shape), normalize_axes("moveaxis", destination, shape)
    if len(start) != len(end):
        raise errors.bad_moveaxis(source, destination)
    order = [a for a in range(len(shape)) if a not in start]
    for a, to in sorted(zip(start, end, strict=True), key=lambda pair: pair[1]):
        order.insert(to, a)
    return _transpose(x, axes=tuple(order))


def swap_last(x: Array) -> Array:
    """The last two axes exchanged: the transpose of each matrix."""
    n = x.ndim
    if n == 2:
        return _transpose(x, axes=None)
    return _transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _numpy_matrix_transpose(x: Array) -> Array:
    """np.matrix_transpose: the transpose of a matrix, or of each of a batch."""
    x = as_array(x, "matrix_transpose")
    if x.ndim < 2:
        raise errors.no_matrix("matrix_transpose", x.shape)
    return swap_last(x)


# ---- broadcasting ----------------------------------------------------------------------------------

def _broadcast_forward(x: Any, shape: Shape) -> Any:
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise errors.bad_broadcast("broadcast_to", shape_of(x), shape) from None


# The core sums an adjoint down to its argument's shape.
_broadcast: Primitive = Primitive("broadcast_to", _broadcast_forward, (lambda g, out, x, shape: g,), structural=True)


def broadcast_to(x: Array, shape: Any, subok: bool = False) -> Array:
    """Repeat x along new axes and those of length 1, to a shape.

    Raises ValueError if x does not broadcast to shape.

    >>> import cgrad
    >>> cgrad.broadcast_to(cgrad.Tensor([1.0, 2.0]), (2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    target = tuple(shape) if isinstance(shape, (tuple, list)) else (as_int(shape),)
    return _broadcast(as_array(x, "broadcast_to"), shape=target)


def _expand_method(self: Tensor, *shape: Any) -> Array:
    """t.expand(2, 3) or t.expand((2, 3)): broadcast_to; a length of -1 is unchanged."""
    target = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    own = self.shape
    new = len(target) - len(own)
    if -1 in target[:max(new, 0)] or new < 0:
        raise errors.bad_broadcast("expand", own, target)
    return broadcast_to(self, tuple([own[k - new] if n == -1 else n for k, n in enumerate(target)]))


def broadcast_arrays(*arrays: Array, subok: bool = False) -> tuple[Array, ...]:
    """Broadcast arrays to their common shape.

    Returns a tuple of arrays. Raises ValueError if there is no common shape.

    >>> import cgrad
    >>> [t.shape for t in cgrad.broadcast_arrays(cgrad.Tensor([1.0, 2.0]), cgrad.Tensor([[3.0]]))]
    [(1, 2), (1, 2)]
    """
    operands = [as_array(x, "broadcast_arrays") for x in arrays]
    shapes = [x.shape for x in operands]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise errors.no_common_shape("broadcast_arrays", shapes) from None
    return tuple([_broadcast(x, shape=shape) for x in operands])


def broadcast_adjoint(g: Array, x: Array, axes: Shape, keepdims: bool) -> Array:
    """The adjoint g of a reduction over axes, broadcast to the shape of its argument x."""
    shape = shape_of(x)
    if not shape:
        return g
    if isinstance(g, float):
        return _filled(g, x)
    if type(g) is ndarray:
        return _filled(g if keepdims else g.reshape(keepdims_shape(shape, axes)), x)
    return _broadcast(g if keepdims else _reshape(g, shape=keepdims_shape(shape, axes)), shape=shape)


def flat_at_zero(adjoint: Array, out: Array, x: Array, axes: Shape, keepdims: bool) -> Array:
    """An adjoint of x, 0 where its reduction ``out`` is 0, recorded so that a second derivative is nan there."""
    zero = plain(out) == 0.0
    if not np.any(zero) or not isinstance(adjoint, (Tensor, Value)):
        return adjoint
    nowhere = hidden_kink(np.sum(x, axis=axes, keepdims=keepdims))  # 0, and its derivative by each element is nan
    return adjoint + broadcast_adjoint(np.where(zero, nowhere, 0.0), x, axes, keepdims)


def _filled(x: Any, like: Any) -> Any:
    """x broadcast into a new array of like's shape and dtype, which the core adopts without a copy."""
    out = np.empty(like.shape, like.dtype)
    out[...] = x
    return out


# ---- in reverse ------------------------------------------------------------------------------------

def _flip_forward(x: Any, axes: Shape) -> Any:
    if not axes:
        return np.asarray(x)
    index = [slice(None)]*x.ndim
    for a in axes:
        index[a] = slice(None, None, -1)
    return x[tuple(index)]


_flip: Primitive = Primitive("flip", _flip_forward, (lambda g, out, x, axes: _flip(g, axes=axes),), structural=True)


def flip(x: Array, axis: Any = None) -> Array:
    """Reverse the order of elements along axes: one, several, or all (None).

    >>> import cgrad
    >>> cgrad.flip(cgrad.Tensor([1.0, 2.0, 3.0])).tolist()
    [3.0, 2.0, 1.0]
    """
    x = as_array(x, "flip")
    return _flip(x, axes=normalize_axes("flip", axis, x.shape))


def fliplr(x: Array) -> Array:
    """Reverse the order of elements along axis 1.

    >>> import cgrad
    >>> cgrad.fliplr(cgrad.Tensor([[1.0, 2.0]])).tolist()
    [[2.0, 1.0]]
    """
    return flip(x, 1)


def flipud(x: Array) -> Array:
    """Reverse the order of elements along axis 0.

    >>> import cgrad
    >>> cgrad.flipud(cgrad.Tensor([1.0, 2.0])).tolist()
    [2.0, 1.0]
    """
    return flip(x, 0)


def rot90(x: Array, k: int = 1, axes: Any = (0, 1)) -> Array:
    """Rotate the plane of two axes by k quarter turns, from the first towards the second.

    Raises ValueError unless two axes are given.

    >>> import cgrad
    >>> cgrad.rot90(cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    x = as_array(x, "rot90")
    plane = normalize_axes("rot90", tuple(axes), x.shape)
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

_copy: Primitive = Primitive("copy", lambda x: np.array(x), (lambda g, out, x: g,), structural=True)


def _astype_forward(x: Any, dtype: Any) -> Any:
    if not is_traced(x):
        return np.asarray(x).astype(dtype)
    if dtype != np.float64:
        raise TypeError("they compute in float64")
    return x


_astype: Primitive = Primitive("astype", _astype_forward, (
    lambda g, out, x, dtype: g if isinstance(g, float) else _astype(g, dtype=x.dtype),), structural=True)


def copy(x: Array, **rest: Any) -> Array:
    """A copy with memory of its own, differentiable. It may be assigned to: y[i] = v.

    >>> import cgrad
    >>> cgrad.Tensor([1.0]).copy().tolist()
    [1.0]
    """
    return duplicate(_copy(as_array(x, "copy")))


def astype(x: Array, dtype: Any, **rest: Any) -> Array:
    """Convert to float32 or float64; the gradient is converted back to x's dtype.

    Raises TypeError for other dtypes.

    >>> import cgrad
    >>> cgrad.astype(cgrad.Tensor([1.0]), "float32").dtype
    dtype('float32')
    """
    kind = np.dtype(dtype)
    if kind not in (np.float64, np.float32):
        raise errors.bad_cast("astype", kind)
    return _astype(as_array(x, "astype"), dtype=kind)


# ---- methods and NumPy's functions -----------------------------------------------------------------

METHODS: dict[str, Any] = {
    "reshape": _reshape_method, "ravel": ravel, "flatten": ravel, "transpose": _transpose_method,
    "permute": _transpose_method, "T": property(lambda self: _transpose(self, axes=None), doc="The axes reversed."),
    "mT": property(_numpy_matrix_transpose, doc="Each matrix of a batch transposed."), "swapaxes": swapaxes,
    "moveaxis": moveaxis, "squeeze": squeeze, "unsqueeze": unsqueeze, "expand_dims": expand_dims,
    "broadcast_to": broadcast_to, "expand": _expand_method, "flip": flip, "astype": astype,
    "copy": copy,
}
NUMPY: dict[Any, Any] = {
    np.reshape: reshape, np.ravel: ravel, np.transpose: transpose, np.permute_dims: transpose,
    np.matrix_transpose: _numpy_matrix_transpose, np.linalg.matrix_transpose: _numpy_matrix_transpose,
    np.swapaxes: swapaxes, np.moveaxis: moveaxis, np.squeeze: squeeze, np.expand_dims: expand_dims,
    np.broadcast_to: broadcast_to, np.broadcast_arrays: broadcast_arrays, np.atleast_1d: atleast_1d,
    np.atleast_2d: atleast_2d, np.atleast_3d: atleast_3d, np.flip: flip, np.fliplr: fliplr, np.flipud: flipud,
    np.rot90: rot90, np.copy: copy,
}
if hasattr(np, "astype"):  # NumPy 2.1
    NUMPY[np.astype] = astype
