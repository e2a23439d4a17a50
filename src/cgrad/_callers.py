"""What the Python code that is running asks for: where an answer depends on who asks, the call is read in its code.

An extension has no frame of its own, so the running frame is its caller's, and the instruction there is the call that
led here: ``np.maximum(a, b)``, ``print(x)``, ``a >= b``. Asked in rare cases alone: it takes microseconds.
"""

from __future__ import annotations

import builtins
import dis
import functools
import math
import operator
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ._optable import OPS

NEITHER, LARGER, SMALLER, WITHIN = range(4)  # what ``extremum`` returns

# The functions that ask objects for ``a >= b`` or ``a <= b``, and the names that lead to them in code.
EXTREMA: dict[Any, int] = {
    np.maximum: LARGER, np.minimum: SMALLER, np.clip: WITHIN,
    np.greater_equal: NEITHER, np.less_equal: NEITHER, operator.ge: NEITHER, operator.le: NEITHER,
    "maximum": LARGER, "minimum": SMALLER, "clip": WITHIN,
    "greater_equal": NEITHER, "less_equal": NEITHER, "ge": NEITHER, "le": NEITHER,
}
ROWS = {op.name for op in OPS if not op.hidden}
OF_CGRAD = {"fabs": "abs", "pow": "x**y", "prod": "a loop of products", "fsum": "sum", "sumprod": "cgrad.dot",
            "dist": "cgrad.norm", "isclose": "a comparison"}  # functions of math that have another name there
OF_STATISTICS = {"fmean": "mean", "mean": "mean", "variance": "var(data, ddof=1)", "stdev": "std(data, ddof=1)",
                 "pvariance": "var", "pstdev": "std", "median": "median"}
LIBRARIES = ("numpy", "scipy", "statistics")
ABSENT = object()
IS_OP = dis.opmap["IS_OP"]


def extremum() -> int:
    """LARGER, SMALLER or WITHIN if NumPy compares for its maximum, minimum or clip; NEITHER otherwise."""
    frame = sys._getframe(1)
    for meant in meanings(frame):
        if (kind := found_in(EXTREMA, meant)) is not None:
            return kind
    return NEITHER


# np.mean of objects calls dtype.type on a sum divided by n, if that has a dtype: a Value has none there.
_methods = getattr(getattr(np, "_core", None), "_methods", None)
AVERAGES = {getattr(_methods, name).__code__ for name in ("_mean", "_var", "_std") if hasattr(_methods, name)}


def averaging() -> bool:
    """True if it is NumPy's mean, variance or standard deviation that asks, over objects."""
    return sys._getframe(1).f_code in AVERAGES


def printing() -> bool:
    """True if the call that is running is one of ``print``. It asks for str(x), as a program does that reads x."""
    return any(meant is builtins.print for meant in meanings(sys._getframe(1)))


def differentiable() -> str:
    """The function of cgrad for the one of ``math`` (NumPy, ...) that is running, which asks for a float, or ""."""
    if library := of_library(sys._getframe(1)):
        return library
    asked = math if any(meant is math for meant in meanings(sys._getframe(1))) else None
    for meant in meanings(sys._getframe(1)):
        name = meant if type(meant) is str else getattr(meant, "__name__", "")
        builtin = type(meant) is str or getattr(meant, "__module__", None) == "builtins"  # math.pow: pow is found there
        function = getattr(asked, name, None) if builtin else meant
        if getattr(function, "__module__", None) == "math":
            return OF_CGRAD.get(name, f"cgrad.{name}" if name in ROWS else "")
    return ""


def asks_identity(code: CodeType) -> bool:
    """True if some code has ``is True``, ``is False`` or the like, which a comparison answers by a bool alone.

    >>> asks_identity(compile("(x > 0) is True", "", "eval")), asks_identity(compile("x is None", "", "eval"))
    (True, False)
    """
    before = None
    if any(asks_identity(x) for x in code.co_consts if isinstance(x, CodeType)):
        return True
    if IS_OP not in code.co_code[::2] or not any(x is True or x is False for x in code.co_consts):
        return False
    for i in dis.get_instructions(code):
        if i.opname == "IS_OP" and before is not None and before.opname == "LOAD_CONST" and type(before.argval) is bool:
            return True
        before = i
    return False


def of_library(frame: FrameType | None = None) -> str:
    """The function of cgrad for the one of a library whose Python code is running: "cgrad.interp", or ""."""
    frame, name = frame or sys._getframe(1), ""
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES:
        module, name, frame = frame.f_globals["__name__"], frame.f_code.co_name, frame.f_back
        name = OF_STATISTICS.get(name, "") if module == "statistics" else name
    return f"cgrad.{name}" if name and hasattr(sys.modules.get("cgrad"), name.partition("(")[0]) else ""


def found_in(table: dict[Any, int], meant: Any) -> int | None:
    """What the table has for an object, or for the object whose method it is, as ``np.maximum.reduce``."""
    for x in (meant, getattr(meant, "__self__", None)) if type(meant) is not str else (meant,):
        try:
            if x in table:
                return table[x]
        except (TypeError, ValueError):  # no hash
            continue
    return None


def meanings(frame: FrameType) -> Iterator[Any]:
    """What the names of the running call stand for: objects, or a name itself where it is an attribute's."""
    for name in names_of_call(frame.f_code, frame.f_lasti):
        for names in (frame.f_locals, frame.f_globals, vars(builtins)):
            if (known := names.get(name, ABSENT)) is not ABSENT:
                yield known
                break
        else:
            yield name


@functools.lru_cache(maxsize=256)
def names_of_call(code: CodeType, at: int) -> tuple[str, ...]:
    """The names in the call at an offset: of the function, which begins where the call does, then of its arguments.

    None of an operator: there Python itself compares. Without columns in the code, the names on the call's line.

    >>> code = compile("sorted(f.g(x, y))", "", "eval")
    >>> [names_of_call(code, i.offset) for i in dis.get_instructions(code) if i.opname == "CALL"]
    [('f', 'g', 'x', 'y'), ('sorted', 'f', 'g', 'x', 'y')]
    """
    before = [i for i in dis.get_instructions(code) if i.offset <= at]
    if not before or "CALL" not in before[-1].opname or (where := before[-1].positions) is None:
        return ()
    start, stop = (where.lineno or 0, where.col_offset or 0), (where.end_lineno or 0, where.end_col_offset or 0)
    function: list[str] = []
    arguments: list[str] = []
    for i in before:
        if i.positions is None or i.opname.startswith("STORE"):
            continue
        begins = (i.positions.lineno or 0, i.positions.col_offset or 0)
        if start <= begins and (i.positions.end_lineno or 0, i.positions.end_col_offset or 0) <= stop:
            names = i.argval if isinstance(i.argval, tuple) else (i.argval,)  # two at once from Python 3.13 on
            (function if begins == start else arguments).extend([name for name in names if isinstance(name, str)])
    return tuple(dict.fromkeys(function + arguments))
