"""Systems of equations written out in operations on elements, as compiled functions record them.

While a compiled function is recorded, a matrix is an array of Values and floats (core/tracing/unroll.pxi), and LAPACK
cannot take it. The algorithms are LAPACK's, on lists of rows: Gaussian elimination with partial pivoting, Cholesky's
factorisation, substitution (G. Golub and C. Van Loan, "Matrix Computations", chapters 3 and 4). Rows are exchanged by
choices instead of branches: of two rows each element is ``where(c, x, y)``, c the comparison of the two pivots as a
number. So points with another order of pivots take the same path, and what is guarded is that pivots are not 0. The
derivatives are those of these operations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .._core import Value, hidden_lt, hidden_shared, log, refused, sign, sqrt, where

MOST = 32  # rows of a matrix: 2/3*32**3 multiplications, and as many choices

Row = list[Any]
Rows = list[Row]


def check_size(op: str, x: ndarray) -> None:
    """Raise TraceError for a matrix that is too large to be written out."""
    if max(x.shape[-2:]) > MOST:
        raise refused(errors.too_large_in_program(op, x.shape, MOST, errors.user_line()))


def each_matrix(function: Callable[..., Any], shape: tuple[int, ...], *arrays: ndarray) -> ndarray:
    """function of the rows of each matrix of a batch, whose axes broadcast; its results have a shape."""
    batch = np.broadcast_shapes(*[x.shape[:-2] for x in arrays])
    arrays = tuple([np.broadcast_to(x, batch + x.shape[-2:]) for x in arrays])
    out = np.empty(batch + shape, object)
    for k in np.ndindex(*batch):
        result = function(*[x[k].tolist() for x in arrays])
        if shape:  # element by element: NumPy would ask a Value what it is an array of
            out[k].reshape(-1)[:] = [*itertools.chain(*result)] if len(shape) == 2 else result
        else:
            out[k] = result
    return out


# ---- choices -----------------------------------------------------------------------------------------

def _larger(x: Any, y: Any) -> Any:
    """|x| > |y| as a number, not as a guard; a bool of plain numbers."""
    if type(x) is Value or type(y) is Value:
        return hidden_lt(abs(y), abs(x))
    return abs(x) > abs(y)


def _chosen(c: Any, x: Any, y: Any) -> Any:
    if type(c) is not Value:
        return x if c else y
    return x if x is y else where(c, x, y)


def _exchanged(c: Any, x: Row, y: Row) -> tuple[Row, Row]:
    """(y, x) where c holds, else (x, y)."""
    if type(c) is not Value:
        return (y, x) if c else (x, y)
    return [_chosen(c, b, a) for a, b in zip(x, y, strict=True)], [_chosen(c, a, b) for a, b in zip(x, y, strict=True)]


# ---- elimination -------------------------------------------------------------------------------------

def _triangular(rows: Rows) -> tuple[Rows, Rows, Any]:
    """Gaussian elimination with partial pivoting: (pivot rows, what is left, sign of the permutation).

    Each pivot row begins at its pivot. Rows are left where a column has no pivot but 0, the first column among them.
    """
    done: Rows = []
    parity: Any = 1.0
    while rows:
        first, *rest = rows
        for i, row in enumerate(rest):
            c = _larger(row[0], first[0])
            first, rest[i] = _exchanged(c, first, row)
            parity = _chosen(c, -parity, parity)
        if first[0] == 0.0:
            return done, [first, *rest], parity
        done.append(first)
        rows = [_minus(row[1:], row[0]/first[0], first[1:]) for row in rest]
    return done, [], parity


def _minus(x: Row, factor: Any, y: Row) -> Row:
    return [a - factor*b for a, b in zip(x, y, strict=True)]


def solved(op: str, shape: tuple[int, ...]) -> Callable[[Rows, Rows], Rows]:
    """The function that solves a system for the columns of its right-hand side; LinAlgError if it is singular."""
    def solve(a: Rows, b: Rows) -> Rows:
        n = len(a)
        upper, left, _ = _triangular([[*x, *y] for x, y in zip(a, b, strict=True)])
        if left:
            raise errors.singular(op, shape)
        return _substituted([row[:n - k] for k, row in enumerate(upper)], [row[n - k:] for k, row in enumerate(upper)])

    return solve


def _substituted(upper: Rows, b: Rows) -> Rows:
    """Solve a triangular system whose k-th row begins at the diagonal."""
    below: Rows = []  # what is known: x[k + 1], x[k + 2], ...
    for row, right in zip(reversed(upper), reversed(b), strict=True):
        for factor, known in zip(row[1:], below, strict=True):
            right = _minus(right, factor, known)
        below.insert(0, [x/row[0] for x in right])
    return below


def determinant(rows: Rows) -> Any:
    """The determinant, whose derivatives hold for singular matrices too.

    Where a column has no pivot but 0, one of the columns behind it takes its place; where there is none, the rest is 0
    and so are its derivatives, up to an order below that of its product.
    """
    if len(rows) <= 3:
        return _small_determinant(rows)
    upper, left, result = _triangular(rows)
    for row in upper:
        result = result*row[0]
    if not left:
        return result
    if len(left) > 3:
        j = next((j for j in range(1, len(left)) for row in left if row[j] != 0.0), None)
        if j is None:
            for k, row in enumerate(left):
                result = result*row[k]
            return result
        left = [[row[j], *row[1:j], -row[0], *row[j + 1:]] for row in left]
    return result*determinant(left)


def _small_determinant(rows: Rows) -> Any:
    """By the first row and its minors."""
    if not rows:
        return 1.0
    if len(rows) == 1:
        return rows[0][0]
    (a, b, *_), (c, d, *_) = rows[-2:]
    if len(rows) == 2:
        return a*d - b*c
    (x, y, z), (_, _, e), (_, _, f) = rows
    return x*(b*f - e*d) - y*(a*f - e*c) + z*(a*d - b*c)


def sign_and_logarithm(rows: Rows) -> Row:
    """Sign and logarithm of the absolute value of the determinant."""
    upper, left, parity = _triangular(rows)
    total = 0.0
    for x in [*[row[0] for row in upper], *([determinant(left)] if left else [])]:
        total = total + log(abs(x))
        parity = parity*sign(x)
    return [parity, total]


# ---- Cholesky, triangular systems ----------------------------------------------------------------------

def cholesky(shape: tuple[int, ...]) -> Callable[[Rows], Rows]:
    """The function that returns the Cholesky factor of a matrix; LinAlgError if it is not positive definite.

    Its lower triangle is read, and both triangles share the derivative.
    """
    def factor(x: Rows) -> Rows:
        lower: Rows = []
        for i, row in enumerate(x):
            new: Row = []
            for j in range(i + 1):
                a = row[j]
                if i != j and a is not x[j][i] and (type(a) is Value or type(x[j][i]) is Value):
                    a = hidden_shared(a, x[j][i], 0.5)
                for left, right in zip(new, new if i == j else lower[j], strict=False):
                    a = a - left*right
                if i != j:
                    new.append(a/lower[j][j])
                elif a <= 0.0:
                    raise errors.not_positive("cholesky", shape)
                else:
                    new.append(sqrt(a))
            lower.append([*new, *[0.0]*(len(x) - i - 1)])
        return lower

    return factor


def triangular_solved(shape: tuple[int, ...], lower: bool, transposed: bool,
                      unit: bool) -> Callable[[Rows, Rows], Rows]:
    """The function that solves a triangular system by substitution; LinAlgError if its diagonal has a 0."""
    def solve(a: Rows, b: Rows) -> Rows:
        a = [list(column) for column in zip(*a, strict=True)] if transposed else a
        down = lower != transposed
        if down:  # the same from the other end
            a, b = [row[::-1] for row in reversed(a)], b[::-1]
        for k, row in enumerate(a):
            if not unit and row[k] == 0.0:
                raise errors.singular("solve_triangular", shape)
        x = _substituted([[1.0 if unit else row[k], *row[k + 1:]] for k, row in enumerate(a)], b)
        return x[::-1] if down else x

    return solve
