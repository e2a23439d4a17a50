"""Functions of other modules that no protocol lets Values answer, and ours in their place.

``math.exp(x)`` asks x for a float, ``np.isnan([x])`` has no loop over objects, ``scipy.stats.norm.cdf(x)`` calls both.
Code that is about to call a function (a compiled function's, rewritten) asks ``replacement`` for another one. What it
gets takes over where an argument is, or holds, a Value or a Tensor; anything else goes to the original function, so
that plain numbers give what they always gave.

A module is looked at once it is imported, by somebody else: ``_TABLES`` names them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import MethodType
from typing import Any

from . import of_linalg, of_math, of_numpy, of_scipy, of_statistics

__all__ = ["replacement"]

_Table = Callable[[Any], dict[Any, Any]]
_TABLES: dict[str, _Table] = {  # modules whose functions have not been entered yet
    "math": of_math.of_math, "cmath": of_math.of_cmath, "numpy": of_numpy.of_numpy,
    "statistics": of_statistics.of_statistics, "scipy.special": of_scipy.of_special,
    "numpy.linalg": of_linalg.of_numpy_linalg, "scipy.linalg": of_linalg.of_scipy_linalg,
}
_known: dict[int, tuple[Any, Any]] = {}  # by identity: users' callables may have a hash and an __eq__ of their own


def replacement(function: Any, /) -> Any:
    """The function to call in place of one that no protocol lets Values answer; None for all others.

    What it returns calls the original function unless an argument is, or holds, a Value or a Tensor. Methods of
    ``scipy.stats.norm`` and of its frozen distributions are known too.

    >>> import math, cgrad
    >>> exp = replacement(math.exp)
    >>> exp(1.0) == math.exp(1.0), exp(cgrad.Value(0.0)).data
    (True, 1.0)
    >>> replacement(print) is None
    True
    """
    if _TABLES:
        _enter_imported()
    known = _known.get(id(function))
    if known is not None:
        return known[1]
    return of_scipy.of_method(function) if type(function) is MethodType else None


def _enter_imported() -> None:
    """Enter the functions of modules that have been imported by now, and are not still being executed."""
    for name, table in list(_TABLES.items()):
        module = sys.modules.get(name)
        if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
            continue
        for original, ours in table(module).items():
            _known.setdefault(id(original), (original, ours))  # the original is kept: its identity stays its own
        _TABLES.pop(name, None)
