"""cgrad.Function: the forward and backward methods of its subclasses."""

from __future__ import annotations

from .describe import named, shown
from .exceptions import TraceError

__all__ = ["bad_answer", "bad_output", "complex_function", "no_function", "not_linear", "not_written",
           "wrong_adjoints"]


def not_written(name: str, method: str) -> NotImplementedError:
    return NotImplementedError(f"{name}: has no {method}: define forward and backward")


def wrong_adjoints(name: str, count: int, wanted: int) -> ValueError:
    return ValueError(f"{name}: backward returned {count} adjoints for {wanted} arguments of forward: return one for "
                      "each, None where there is no derivative")


def bad_output(name: str, position: int, value: object) -> TypeError:
    return TypeError(f"{name}: output {position + 1} of forward is {shown(value)}: return a number or an array of "
                     "floats")


def bad_answer(name: str, position: int, value: object) -> TypeError:
    return TypeError(f"{name}: backward returned {shown(value)} for argument {position + 1} of forward: return a "
                     "number or an array of floats, or None")


def not_linear(name: str, where: str) -> TraceError:
    return TraceError(f"{name}: backward is not linear in its adjoints ({where}), which a compiled function cannot "
                      "hold: return sums of them times numbers, chosen by the inputs and not by the adjoints, or call "
                      "the function outside of the compiled one")


def no_function(value: object) -> TypeError:
    return TypeError(f"comm: {shown(value)} is not a cgrad.Function: give an instance of one")


def complex_function(name: str, value: object, use: str) -> TypeError:
    """``use``: the function of real numbers, where there is one."""
    way = f"use {use}" if use else "compose it of functions of real numbers"
    return TypeError(f"{name}: {named(value)} is real, and so are the numbers that cgrad differentiates: {way}")
