"""Linear algebra of NumPy and SciPy: LAPACK refuses arrays of objects, and SciPy asks its arguments nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import linalg, products
from .._arguments import as_array
from .._shapes import Array
from ..shape import swap_last
from ._takes import instead

Function = Callable[..., Any]


def _scipy_solve(a: Array, b: Array, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
                 check_finite: bool = True, assume_a: Any = None, transposed: bool = False) -> Array:
    a = as_array(a, "solve")
    return linalg.solve(swap_last(a) if transposed else a, b)


def _scipy_solve_triangular(a: Array, b: Array, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
                            overwrite_b: bool = False, check_finite: bool = True) -> Array:
    return linalg.solve_triangular(a, b, trans, lower, unit_diagonal)


def _scipy_cho_factor(a: Array, lower: bool = False, overwrite_a: bool = False,
                      check_finite: bool = True) -> tuple[Array, bool]:
    return linalg.cho_factor(a, lower)


def _scipy_cho_solve(c_and_lower: tuple[Array, bool], b: Array, overwrite_b: bool = False,
                     check_finite: bool = True) -> Array:
    return linalg.cho_solve(c_and_lower, b)


def _scipy_cholesky(a: Array, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    return linalg.cho_factor(a, lower)[0]


def _scipy_inv(a: Array, overwrite_a: bool = False, check_finite: bool = True, **rest: Any) -> Array:
    return linalg.inv(a)


def _scipy_det(a: Array, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    return linalg.det(a)


def _scipy_norm(a: Array, ord: Any = None, axis: Any = None, keepdims: bool = False,
                check_finite: bool = True) -> Array:
    return linalg.norm(a, ord, axis, keepdims)


SCIPY: dict[str, Function] = {  # names in scipy.linalg; what they say of memory and checks changes no result
    "solve": _scipy_solve, "solve_triangular": _scipy_solve_triangular, "cho_factor": _scipy_cho_factor,
    "cho_solve": _scipy_cho_solve, "cholesky": _scipy_cholesky, "inv": _scipy_inv, "det": _scipy_det,
    "norm": _scipy_norm,
}


def of_numpy_linalg(module: Any) -> dict[Any, Any]:
    """{function of numpy.linalg: ours}, and the products beside it."""
    answers = {**linalg.NUMPY, np.vdot: products.vdot, np.vecdot: products.NUMPY[np.vecdot],
               module.vecdot: products.NUMPY[module.vecdot]}
    return {function: instead(function, answer) for function, answer in answers.items()}


def of_scipy_linalg(module: Any) -> dict[Any, Any]:
    """{function of scipy.linalg: ours}."""
    return {getattr(module, name): instead(getattr(module, name), answer) for name, answer in SCIPY.items()}
