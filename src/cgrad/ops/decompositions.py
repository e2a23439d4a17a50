"""Decompositions of matrices: eigenvalues and singular values, each with its adjoint beside it.

The adjoints are those of M. Giles (see linalg) and of J. Townsend, "Differentiating the singular value decomposition"
(2016).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import errors
from .._core import Primitive, plain
from ._arguments import as_array, as_square
from ._elements import _getitem
from ._shapes import Array
from .products import _matmul
from .shape import _unsqueeze, swap_last

__all__ = ["eigh", "svd"]

# A Primitive returns one array, so the parts of a decomposition are concatenated.

def _inverse_gaps(values: Array) -> Array:
    """1/(values[j] - values[i]), and 0 where they are equal: there the vectors are not determined."""
    gaps = _unsqueeze(values, shape=(*values.shape[:-1], 1, values.shape[-1])) - \
        _unsqueeze(values, shape=(*values.shape, 1))
    equal = plain(gaps) == 0.0
    return np.where(equal, 0.0, 1.0/np.where(equal, 1.0, gaps))


def _eigh_forward(x: Any) -> Any:
    w, v = np.linalg.eigh(x)
    return np.concatenate([w[..., None], v], -1)


def _eigh_vjp(g: Array, out: Array, x: Array) -> Array:
    v, values = _getitem(out, index=(..., slice(1, None))), _getitem(out, index=(..., 0))
    gw, gv = _getitem(g, index=(..., 0)), _getitem(g, index=(..., slice(1, None)))
    n = x.shape[-1]
    inside = _matmul(swap_last(v), gv)*_inverse_gaps(values)
    inside = inside + _unsqueeze(gw, shape=(*gw.shape, 1))*np.eye(n, dtype=x.dtype)
    full = _matmul(_matmul(v, inside), swap_last(v))
    return 0.5*(full + swap_last(full))


_eigh: Primitive = Primitive("eigh", _eigh_forward, (_eigh_vjp,))


class EighResult(NamedTuple):
    """The result of eigh: eigenvalues and eigenvectors."""

    eigenvalues: Any
    eigenvectors: Any


def eigh(x: Array, UPLO: str = "L") -> EighResult:
    """Eigenvalues and eigenvectors of a symmetric matrix, or of each of a batch.

    x: (..., n, n); only its lower triangle is read, and the gradient is symmetric. Returns (eigenvalues, eigenvectors),
    (..., n) ascending and (..., n, n) in columns. Where eigenvalues are equal, derivatives of the eigenvectors do not
    exist, and their infinite terms are left out. Raises ValueError if a matrix is not square.

    >>> import cgrad
    >>> cgrad.eigh(cgrad.Tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues.tolist()
    [1.0, 2.0]
    """
    x = as_square("eigh", x)
    if UPLO != "L":
        raise errors.bad_option("eigh", "UPLO", UPLO, "give 'L'")
    both = _eigh(x)
    return EighResult(_getitem(both, index=(..., 0)), _getitem(both, index=(..., slice(1, None))))


def _svd_forward(x: Any) -> Any:
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return np.concatenate([u, s[..., None, :], np.swapaxes(vt, -1, -2)], -2)  # (m + 1 + n, k)


def _svd_parts(out: Array, m: int) -> tuple[Array, Array, Array]:
    return (_getitem(out, index=(..., slice(0, m), slice(None))), _getitem(out, index=(..., m, slice(None))),
            _getitem(out, index=(..., slice(m + 1, None), slice(None))))


def _svd_vjp(g: Array, out: Array, x: Array) -> Array:
    # J. Townsend, "Differentiating the singular value decomposition" (2016); v holds columns
    m, n = x.shape[-2:]
    k = min(m, n)
    u, s, v = _svd_parts(out, m)
    gu, gs, gv = _svd_parts(g, m)
    row = _unsqueeze(s, shape=(*s.shape[:-1], 1, k))
    column = _unsqueeze(s, shape=(*s.shape, 1))
    gaps = _inverse_gaps(s*s)
    one = np.eye(k, dtype=x.dtype)
    from_u, from_v = _matmul(swap_last(u), gu), _matmul(swap_last(v), gv)
    inside = gaps*(from_u - swap_last(from_u))*row + column*(gaps*(from_v - swap_last(from_v))) + _unsqueeze(
        gs, shape=(*gs.shape, 1))*one
    result = _matmul(_matmul(u, inside), swap_last(v))
    none = plain(row) == 0.0
    inverse = np.where(none, 0.0, 1.0/np.where(none, 1.0, row))
    if m > k:
        rest = gu - _matmul(u, from_u)
        result = result + _matmul(rest*inverse, swap_last(v))
    if n > k:
        rest = gv - _matmul(v, from_v)
        result = result + _matmul(u, swap_last(rest*inverse))
    return result


_svd: Primitive = Primitive("svd", _svd_forward, (_svd_vjp,))


class SVDResult(NamedTuple):
    """The result of svd: u, the singular values, and vh."""

    U: Any
    S: Any
    Vh: Any


def svd(x: Array, full_matrices: bool = False, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Singular value decomposition x = u*s @ vh of a matrix, or of each of a batch.

    x: (..., m, n). Returns (u, s, vh): (..., m, k), (..., k) descending and (..., k, n), with k = min(m, n); s alone if
    not compute_uv. full_matrices is refused unless m = n. Where singular values are equal, or 0, derivatives of u and
    vh do not exist, and their infinite terms are left out. Raises ValueError if x has fewer than two axes.

    >>> import cgrad
    >>> cgrad.svd(cgrad.Tensor([[3.0, 0.0], [0.0, 4.0]]), compute_uv=False).tolist()
    [4.0, 3.0]
    """
    x = as_array(x, "svd")
    if len(x.shape) < 2:
        raise errors.no_matrix("svd", x.shape)
    if full_matrices and compute_uv and x.shape[-1] != x.shape[-2]:
        raise errors.bad_option("svd", "full_matrices", full_matrices, "give False: the rest has no derivative")
    u, s, v = _svd_parts(_svd(x), x.shape[-2])
    return SVDResult(u, s, swap_last(v)) if compute_uv else s
