"""Linear algebra, of one matrix or of each of a batch: each op with its adjoint beside it.

The adjoints are those of M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008); that of the Cholesky factor is I. Murray's, arXiv:1602.07527.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.linalg import LinAlgError

from .. import errors
from .._core import Primitive, hidden_flat, hidden_kink, plain, recording, where
from . import _elimination
from ._arguments import as_array, as_square, normalize_axes, reject
from ._elements import _getitem
from ._shapes import Array, Shape, keepdims_shape, shape_of
from ._traced import is_traced, map_elements, safe_sqrt
from .decompositions import eigh, svd
from .index import on_data
from .products import _matmul
from .reduce import _max, _min, _sum, reduce_add, reduce_multiply
from .shape import _reshape, _transpose, _unsqueeze, broadcast_adjoint, flat_at_zero, swap_last

__all__ = ["cho_factor", "cho_solve", "cholesky", "det", "eigh", "inv", "matrix_power", "multi_dot", "norm", "slogdet",
           "solve", "solve_triangular", "svd"]


def _as_matrices(x: Array) -> Array:
    """Each number of a batch as a matrix of one element, to broadcast against a batch of matrices."""
    return x if not shape_of(x) else _unsqueeze(x, shape=(*x.shape, 1, 1))


# ---- solve, inv ------------------------------------------------------------------------------------

def _solve_forward(a: Any, b: Any) -> Any:
    try:
        if is_traced(a) or is_traced(b):
            return _solve_elements("solve", _elimination.solved("solve", a.shape), a, b)
        return np.linalg.solve(a, b)
    except LinAlgError:
        raise errors.singular("solve", a.shape) from None
    except ValueError:
        raise errors.bad_solve(a.shape, b.shape) from None


def _solve_elements(op: str, solve: Any, a: Any, b: Any) -> Any:
    """By a function of rows, where a or b is an array of Values."""
    _elimination.check_size(op, a)
    columns = b[:, None] if b.ndim == 1 else b
    x = _elimination.each_matrix(solve, columns.shape[-2:], a, columns)
    return x[..., 0] if b.ndim == 1 else x


def _solve_vjp_b(g: Array, out: Array, a: Array, b: Array) -> Array:
    if b.ndim > 1 or g.ndim == 1:
        return _solve(swap_last(a), g)
    return _getitem(_solve(swap_last(a), _unsqueeze(g, shape=(*g.shape, 1))), index=(..., 0))


def _solve_vjp_a(g: Array, out: Array, a: Array, b: Array) -> Array:
    back = _solve_vjp_b(g, out, a, b)
    if b.ndim > 1:
        return -_matmul(back, swap_last(out))
    return -_unsqueeze(back, shape=(*back.shape, 1))*_unsqueeze(out, shape=(*out.shape[:-1], 1, out.shape[-1]))


_solve: Primitive = Primitive("solve", _solve_forward, (_solve_vjp_a, _solve_vjp_b))


def solve(a: Array, b: Array) -> Array:
    """Solve a @ x = b for x.

    a: (..., n, n); b: (n,), or (..., n, k). Returns an array of b's shape, batch axes broadcast. Raises LinAlgError if
    a is singular, ValueError if the shapes do not fit.

    >>> import cgrad
    >>> cgrad.solve(cgrad.Tensor([[2.0, 0.0], [0.0, 4.0]]), [2.0, 2.0]).tolist()
    [1.0, 0.5]
    """
    a, b = as_square("solve", a), as_array(b, "solve")
    if not b.shape or b.shape[0 if len(b.shape) == 1 else -2] != a.shape[-1]:
        raise errors.bad_solve(a.shape, b.shape)
    return _solve(a, b)


def _inv_forward(x: Any) -> Any:
    if is_traced(x):
        return _solve_elements("inv", _elimination.solved("inv", x.shape), x, np.eye(x.shape[-1]))
    try:
        return np.linalg.inv(x)
    except LinAlgError:
        raise errors.singular("inv", x.shape) from None


def _inv_vjp(g: Array, out: Array, x: Array) -> Array:
    back = swap_last(out)
    return -_matmul(_matmul(back, g), back)


_inv: Primitive = Primitive("inv", _inv_forward, (_inv_vjp,))


def inv(x: Array) -> Array:
    """Inverse of a matrix, or of each of a batch; solve(a, b) is faster and more accurate than inv(a) @ b.

    x: (..., n, n). Raises LinAlgError if a matrix is singular, ValueError if it is not square.

    >>> import cgrad
    >>> cgrad.inv(cgrad.Tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return _inv(as_square("inv", x))


# ---- det, slogdet ----------------------------------------------------------------------------------

def _nearly_singular(x: Any, out: Any) -> bool:
    """True if a determinant is so small against Hadamard's bound that products with the inverse lose digits."""
    with np.errstate(all="ignore"):
        bound = reduce_multiply(np.sqrt(reduce_add(x*x, -1)), -1)
        return bool(np.any(np.abs(out) <= bound*np.finfo(x.dtype).eps**0.6))


def _cofactors(x: Array) -> Array:
    """The cofactor matrix, by determinants of minors: no inverse, so it holds for singular matrices."""
    n = x.shape[-1]
    others = np.array([[k for k in range(n) if k != i] for i in range(n)], dtype=np.intp).reshape(n, max(n - 1, 0))
    minors = _getitem(x, index=(..., others[:, None, :, None], others[None, :, None, :]))
    sign = np.where(np.add.outer(np.arange(n), np.arange(n)) % 2, -1.0, 1.0).astype(x.dtype)
    return _det(minors)*sign


def _plain_cofactors(x: Any) -> Any:
    """The cofactor matrix of plain numbers, from one singular value decomposition instead of n**2 minors."""
    u, s, vt = np.linalg.svd(x)
    before, behind = np.ones_like(s), np.ones_like(s)
    np.multiply.accumulate(s[..., :-1], -1, None, before[..., 1:])
    np.multiply.accumulate(s[..., :0:-1], -1, None, behind[..., -2::-1])
    return _as_matrices(np.linalg.det(u)*np.linalg.det(vt))*((u*(before*behind)[..., None, :]) @ vt)


def _det_vjp(g: Array, out: Array, x: Array) -> Array:
    if not x.size:
        return x
    if not _nearly_singular(plain(x), plain(out)):
        return _as_matrices(g*out)*swap_last(_inv(x))
    if type(x) is np.ndarray and x.shape[-1] > 2:
        return _as_matrices(g)*_plain_cofactors(x)
    return _as_matrices(g)*_cofactors(x)


def _det_forward(x: Any) -> Any:
    if is_traced(x):
        _elimination.check_size("det", x)
        return _elimination.each_matrix(_elimination.determinant, (), x)[()]
    return np.linalg.det(x)


_det: Primitive = Primitive("det", _det_forward, (_det_vjp,))


def det(x: Array) -> Array:
    """Determinant of a matrix, or of each of a batch; its derivatives hold for singular matrices too.

    x: (..., n, n). Returns (...). Raises ValueError if a matrix is not square.

    >>> import cgrad
    >>> t = cgrad.Tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    >>> cgrad.det(t).backward()
    >>> t.grad.tolist()
    [[4.0, -2.0], [-2.0, 1.0]]
    """
    return _det(as_square("det", x))


class SlogdetResult(NamedTuple):
    """The result of slogdet: sign and logarithm of the absolute value."""

    sign: Any
    logabsdet: Any


_logdet: Primitive = Primitive("logabsdet", lambda x: np.linalg.slogdet(x)[1], (
    lambda g, out, x: _as_matrices(g)*swap_last(_inv(x)) if x.size else x,))


def _slogdet_forward(x: Any) -> Any:
    """Sign and logarithm along a last axis, in a compiled function."""
    _elimination.check_size("slogdet", x)
    return _elimination.each_matrix(_elimination.sign_and_logarithm, (2,), x)


_traced_slogdet: Primitive = Primitive("slogdet", _slogdet_forward, ())


def slogdet(x: Array) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant.

    x: (..., n, n). Returns (sign, logabsdet); the sign is plain, without a derivative. Raises ValueError if a matrix is
    not square.

    >>> import cgrad
    >>> sign, logarithm = cgrad.slogdet(cgrad.Tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> float(sign), abs(logarithm.item())
    (-1.0, 0.0)
    """
    x = as_square("slogdet", x)
    if recording() and not isinstance(x, np.ndarray):
        both = _traced_slogdet(x)
        return SlogdetResult(_getitem(both, index=(..., 0)), _getitem(both, index=(..., 1)))
    return SlogdetResult(np.linalg.slogdet(plain(x))[0], _logdet(x))


# ---- cholesky --------------------------------------------------------------------------------------

def _cholesky_forward(x: Any) -> Any:
    if is_traced(x):
        _elimination.check_size("cholesky", x)
        return _elimination.each_matrix(_elimination.cholesky(x.shape), x.shape[-2:], x)
    try:
        return np.linalg.cholesky(x)
    except LinAlgError:
        raise errors.not_positive("cholesky", x.shape) from None


def _cholesky_vjp(g: Array, out: Array, x: Array) -> Array:
    n = x.shape[-1]
    half = np.tril(np.ones((n, n), x.dtype)) - 0.5*np.eye(n, dtype=x.dtype)  # the lower triangle, half its diagonal
    back = swap_last(out)
    middle = _matmul(back, g)*half
    s = _solve(back, swap_last(_solve(back, swap_last(middle))))  # L^-T middle L^-1
    return 0.5*(s + swap_last(s))


_cholesky: Primitive = Primitive("cholesky", _cholesky_forward, (_cholesky_vjp,))


def cholesky(x: Array, *, upper: bool = False) -> Array:
    """Cholesky factor l of a symmetric positive definite matrix, l @ l.T = x, or of each of a batch.

    x: (..., n, n); only its lower triangle is read, and the gradient is symmetric. Returns l, lower triangular, or its
    transpose if upper. Raises LinAlgError if x is not positive definite.

    >>> import cgrad
    >>> cgrad.cholesky(cgrad.Tensor([[4.0, 0.0], [0.0, 9.0]])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    lower = _cholesky(as_square("cholesky", x))
    return swap_last(lower) if upper else lower


# ---- triangular systems ----------------------------------------------------------------------------

def _triangle(x: Array, lower: bool, unit: bool) -> Array:
    """The triangle that is read, without a diagonal of ones that is not."""
    return np.tril(x, -1 if unit else 0) if lower else np.triu(x, 1 if unit else 0)


def _solve_triangular_forward(a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    try:
        if is_traced(a) or is_traced(b):
            solve = _elimination.triangular_solved(a.shape, lower, transposed, unit)
            return _solve_elements("solve_triangular", solve, a, b)
        x = _triangle(a, lower, unit) + (np.eye(a.shape[-1], dtype=a.dtype) if unit else 0.0)
        return np.linalg.solve(np.swapaxes(x, -1, -2) if transposed else x, b)
    except LinAlgError:
        raise errors.singular("solve_triangular", a.shape) from None
    except ValueError:
        raise errors.bad_solve(a.shape, b.shape, "solve_triangular") from None


def _solve_triangular_vjp_b(g: Array, out: Array, a: Array, b: Array, lower: bool, transposed: bool,
                            unit: bool) -> Array:
    options = {"lower": lower, "transposed": not transposed, "unit": unit}
    if b.ndim > 1 or g.ndim == 1:
        return _solve_triangular(a, g, **options)
    return _getitem(_solve_triangular(a, _unsqueeze(g, shape=(*g.shape, 1)), **options), index=(..., 0))


def _solve_triangular_vjp_a(g: Array, out: Array, a: Array, b: Array, lower: bool, transposed: bool,
                            unit: bool) -> Array:
    back = _solve_triangular_vjp_b(g, out, a, b, lower, transposed, unit)
    if b.ndim > 1:
        full = _matmul(back, swap_last(out))
    else:
        full = _unsqueeze(back, shape=(*back.shape, 1))*_unsqueeze(out, shape=(*out.shape[:-1], 1, out.shape[-1]))
    return -_triangle(swap_last(full) if transposed else full, lower, unit)


_solve_triangular: Primitive = Primitive("solve_triangular", _solve_triangular_forward, (
    _solve_triangular_vjp_a, _solve_triangular_vjp_b))


def solve_triangular(a: Array, b: Array, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Array:
    """Solve a @ x = b for x, where a is triangular; a.T @ x = b if trans.

    a: (..., n, n), of which the upper triangle is read, or the lower one if lower; unit_diagonal: its diagonal is
    taken for ones. b: (n,), or (..., n, k). trans: 0 or "N", 1 or "T". Returns an array of b's shape, batch axes
    broadcast. Raises LinAlgError if a 0 is on the diagonal, ValueError if the shapes do not fit.

    >>> import cgrad
    >>> cgrad.solve_triangular(cgrad.Tensor([[2.0, 0.0], [1.0, 4.0]]), [2.0, 9.0], lower=True).tolist()
    [1.0, 2.0]
    """
    a, b = as_square("solve_triangular", a), as_array(b, "solve_triangular")
    if not b.shape or b.shape[0 if len(b.shape) == 1 else -2] != a.shape[-1]:
        raise errors.bad_solve(a.shape, b.shape, "solve_triangular")
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise errors.bad_option("solve_triangular", "trans", trans, "give 0, 1, 'N' or 'T'")
    return _solve_triangular(a, b, lower=bool(lower), transposed=trans not in (0, "N"), unit=bool(unit_diagonal))


def cho_factor(a: Array, lower: bool = False) -> tuple[Array, bool]:
    """Cholesky factor of a symmetric positive definite matrix, as cho_solve takes it: (factor, lower).

    a: (..., n, n), of which the upper triangle is read, or the lower one if lower. Raises LinAlgError if it is not
    positive definite.

    >>> import cgrad
    >>> cgrad.cho_factor(cgrad.Tensor([[4.0, 0.0], [0.0, 9.0]]))[0].tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    a = as_square("cho_factor", a)
    return cholesky(a if lower else swap_last(a), upper=not lower), bool(lower)


def cho_solve(c_and_lower: tuple[Array, bool], b: Array) -> Array:
    """Solve a @ x = b for x, given the Cholesky factor of a.

    c_and_lower: (factor, lower), the factor lower triangular if lower, as cho_factor returns it. b: (n,), or
    (..., n, k). Returns an array of b's shape. Raises LinAlgError if a 0 is on the diagonal, ValueError if the shapes
    do not fit.

    >>> import cgrad
    >>> factor = cgrad.cho_factor(cgrad.Tensor([[4.0, 0.0], [0.0, 16.0]]))
    >>> cgrad.cho_solve(factor, [8.0, 8.0]).tolist()
    [2.0, 0.5]
    """
    factor, lower = c_and_lower
    b = as_array(b, "cho_solve")
    vector = len(b.shape) == 1
    half = solve_triangular(factor, _unsqueeze(b, shape=(*b.shape, 1)) if vector else b, not lower, lower)
    x = solve_triangular(factor, half, lower, lower)
    return _getitem(x, index=(..., 0)) if vector else x


# ---- products --------------------------------------------------------------------------------------

def matrix_power(x: Array, n: int) -> Array:
    """x @ x @ ... n times; of the inverse if n is negative, the identity if it is 0.

    x: (..., k, k). Raises LinAlgError if n is negative and a matrix singular, ValueError if it is not square.

    >>> import cgrad
    >>> cgrad.matrix_power(cgrad.Tensor([[1.0, 1.0], [0.0, 1.0]]), 3).tolist()
    [[1.0, 3.0], [0.0, 1.0]]
    """
    x = as_square("matrix_power", x)
    if n < 0:
        x, n = _inv(x), -n
    result = None
    while n:
        if n & 1:
            result = x if result is None else _matmul(result, x)
        n >>= 1
        if n:
            x = _matmul(x, x)
    return x*0.0 + np.eye(x.shape[-1], dtype=x.dtype) if result is None else result


def multi_dot(arrays: Any, *, out: Any = None) -> Array:
    """Product of two or more matrices, the first and last of which may be vectors.

    Raises ValueError if there are fewer than two, or their shapes do not fit.

    >>> import cgrad
    >>> cgrad.multi_dot([[1.0, 2.0], cgrad.Tensor([[1.0, 0.0], [0.0, 3.0]]), [1.0, 1.0]]).item()
    7.0
    """
    reject("multi_dot", out=out)
    items = [as_array(x, "multi_dot") for x in arrays]
    if len(items) < 2:
        raise errors.nothing("multi_dot", "the list", "second array")
    ends = (len(items[0].shape), len(items[-1].shape))
    from_left = ends[1] > 1 and items[0].shape[0] <= items[-1].shape[-1] if ends[0] > 1 else ends[0] == 1
    if from_left:
        result = items[0]
        for x in items[1:]:
            result = _matmul(result, x)
    else:
        result = items[-1]
        for x in items[-2::-1]:
            result = _matmul(x, result)
    return result


# ---- norm ------------------------------------------------------------------------------------------

def _euclidean_forward(x: Any, axis: Shape, keepdims: bool) -> Any:
    return safe_sqrt(reduce_add(x*x, axis, None, None, keepdims))


def _nonzero(out: Array) -> Array:
    """out with 1 for each 0: a denominator of quotients whose numerator is 0 there."""
    zero = plain(out) == 0.0
    return np.where(zero, 1.0, out) if np.any(zero) else out


def _euclidean_vjp(g: Array, out: Array, x: Array, axis: Shape, keepdims: bool) -> Array:
    return flat_at_zero(broadcast_adjoint(g/_nonzero(out), x, axis, keepdims)*x, out, x, axis, keepdims)


def _p_norm_forward(x: Any, p: float, axis: Shape, keepdims: bool) -> Any:
    if is_traced(x):  # as the rule: no derivative where an element, or all of them, are 0
        none = 0.0 if p > 0 else math.inf
        flat = hidden_flat if 0 < p < 2 else lambda v: none  # no second derivative there
        powers = map_elements(lambda v: where(v, abs(where(v, v, 1.0))**p, flat(v)), x)
        total = reduce_add(powers, axis, None, None, keepdims)
        return map_elements(lambda s: where(s, where(s, s, 1.0)**(1.0/p), hidden_flat(s)), total)
    with np.errstate(divide="ignore"):
        return reduce_add(np.abs(x)**p, axis, None, None, keepdims)**(1.0/p)


def _p_norm_vjp(g: Array, out: Array, x: Array, p: float, axis: Shape, keepdims: bool) -> Array:
    size, whole = np.abs(x), _nonzero(out)
    none = plain(x) == 0.0
    if p < 2 and np.any(none):  # 0**(p - 1) or its derivative is infinite, and the sign 0
        size = np.where(none, 1.0, size)
    part = (size/broadcast_adjoint(whole, x, axis, keepdims))**(p - 1.0)
    adjoint = broadcast_adjoint(g, x, axis, keepdims)*part*np.sign(x)
    if 0 < p < 2 and np.any(none) and not isinstance(adjoint, np.ndarray):
        adjoint = adjoint + np.where(none, hidden_kink(x), 0.0)
    return flat_at_zero(adjoint, out, x, axis, keepdims)


_euclidean: Primitive = Primitive("norm", _euclidean_forward, (_euclidean_vjp,))
_p_norm: Primitive = Primitive("norm", _p_norm_forward, (_p_norm_vjp,))


def _vector_norm(x: Array, order: Any, axes: Shape, keepdims: bool) -> Array:
    if order is None or order == 2:
        return _euclidean(x, axis=axes, keepdims=keepdims)
    if order == 1:
        return _sum(np.abs(x), axis=axes, keepdims=keepdims)
    if order == math.inf:
        return _max(np.abs(x), axis=axes, keepdims=keepdims)
    if order == -math.inf:
        return _min(np.abs(x), axis=axes, keepdims=keepdims)
    if order == 0:
        return _sum(np.sign(np.abs(x)), axis=axes, keepdims=keepdims)
    if isinstance(order, str):
        raise errors.bad_norm(order, x.shape, axes)
    return _p_norm(x, p=float(order), axis=axes, keepdims=keepdims)


def _matrix_norm(x: Array, order: Any, axes: Shape, keepdims: bool) -> Array:
    i, j = axes
    if order in (None, "fro"):
        return _euclidean(x, axis=axes, keepdims=keepdims)
    if order in (1, -1, math.inf, -math.inf):
        first, second = (i, j) if abs(order) == 1 else (j, i)
        sums = _sum(np.abs(x), axis=(first,), keepdims=True)
        best = (_max if order > 0 else _min)(sums, axis=(second,), keepdims=True)
    elif order in (2, -2, "nuc"):
        rest = tuple([a for a in range(len(x.shape)) if a not in axes])
        s = svd(_transpose(x, axes=(*rest, i, j)), compute_uv=False)
        last = (len(rest),)
        if order == "nuc":
            best = _sum(s, axis=last, keepdims=True)
        else:
            best = (_max if order == 2 else _min)(s, axis=last, keepdims=True)
    else:
        raise errors.bad_norm(order, x.shape, axes)
    shape = keepdims_shape(x.shape, axes)
    return _reshape(best, shape=shape if keepdims else tuple([n for k, n in enumerate(shape) if k not in axes]))


def norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """Norm of vectors (one axis) or matrices (two axes); without ord sqrt(sum(x**2)) over any axes.

    ord: for vectors any number, inf, -inf or 0; for matrices "fro", "nuc", 1, -1, 2, -2, inf or -inf. axis: one, two,
    or None for all. Returns an array without these axes, or with them at length 1 if keepdims; its derivative at 0 is
    0. Raises ValueError for an ord that does not go with the number of axes.

    >>> import cgrad
    >>> cgrad.norm(cgrad.Tensor([3.0, 4.0])).item()
    5.0
    """
    x = as_array(x, "norm")
    shape = x.shape
    if not shape:
        x, shape = _reshape(x, shape=(1,)), (1,)
        return _vector_norm(x, ord, (0,), False)
    keepdims = bool(keepdims)
    axes = normalize_axes("norm", axis, shape)
    if axis is None and (ord is None or ord == 2 and len(shape) == 1):
        return _euclidean(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise errors.bad_norm(ord, shape, axes)


def _vector_norm_function(x: Array, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """np.linalg.vector_norm: several axes count as one."""
    x = as_array(x, "norm")
    return _vector_norm(x, ord, normalize_axes("norm", axis, x.shape), keepdims)


def _matrix_norm_function(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """np.linalg.matrix_norm: over the last two axes."""
    x = as_array(x, "norm")
    return _matrix_norm(x, ord, normalize_axes("norm", (-2, -1), x.shape), keepdims)


METHODS: dict[str, Any] = {"norm": norm, "det": det, "inv": inv}
_np = np.linalg
NUMPY: dict[Any, Any] = {
    _np.solve: solve, _np.inv: inv, _np.det: det, _np.slogdet: slogdet, _np.cholesky: cholesky, _np.norm: norm,
    _np.vector_norm: _vector_norm_function, _np.matrix_norm: _matrix_norm_function, _np.matrix_power: matrix_power,
    _np.multi_dot: multi_dot, _np.eigh: eigh, _np.eigvalsh: lambda x, UPLO="L": eigh(x, UPLO).eigenvalues,
    _np.svd: svd, _np.svdvals: lambda x, /: svd(x, compute_uv=False),
    _np.matrix_rank: on_data(_np.matrix_rank, "The plain number."),
}
