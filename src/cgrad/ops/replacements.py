"""What takes the place of functions that lists of Values do not reach: NumPy's and SciPy's linear algebra.

NumPy asks the arguments of ``np.linalg.solve`` who answers, and a list is nobody: it makes an array of objects, which
LAPACK refuses. SciPy asks nobody. Who rewrites calls (recorded functions) looks the function up here:

    REPLACEMENTS[np.linalg.solve]([[x, y], [z, 1.0]], b)

A replacement takes over where an argument is a Value or a Tensor, or an array or list with one in it, and else calls
the function that it replaces.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import linalg, products
from ._arguments import as_array, is_or_holds_values
from ._shapes import Array
from .shape import swap_last

__all__ = ["REPLACEMENTS", "replacements"]

Function = Callable[..., Any]


def replacement(function: Function, answer: Function) -> Function:
    """function, but answer where an argument is a Value or a Tensor or holds one."""
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(map(is_or_holds_values, args)) or any(map(is_or_holds_values, kwargs.values())):
            return answer(*args, **kwargs)
        return function(*args, **kwargs)

    return call


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
REPLACEMENTS: dict[Function, Function] = {
    function: replacement(function, answer) for function, answer in {
        **linalg.NUMPY, np.vdot: products.vdot, np.vecdot: products.NUMPY[np.vecdot],
        np.linalg.vecdot: products.NUMPY[np.linalg.vecdot]}.items()}


def replacements() -> dict[Function, Function]:
    """REPLACEMENTS, and those of SciPy's functions if scipy.linalg has been imported."""
    scipy = sys.modules.get("scipy.linalg")
    found = {getattr(scipy, name): answer for name, answer in SCIPY.items()} if scipy is not None else {}
    return {**REPLACEMENTS, **{function: replacement(function, answer) for function, answer in found.items()}}
