"""Compiled functions while they are recorded: what a replay could not repeat."""

from __future__ import annotations

from typing import Any

from .describe import Shape, named, shown
from .exceptions import TraceError

__all__ = ["array_class", "bad_leaf", "bad_result", "changing", "check_failed", "integer_wanted", "many_paths",
           "no_whole_number", "not_in_programs", "not_repeatable", "too_large_in_program", "traced_effect",
           "traced_elsewhere", "traced_foreign", "traced_number"]


def traced_number(what: str, value: Any, where: str, use: str = "") -> TraceError:
    """``use``: the function of cgrad that does what is wanted, where that is known."""
    way = f"use {use}" if use else "use operations and comparisons"
    if what in ("format", "str"):
        way = "use print(v) or repr(v) to look at it, which show its name"
    return TraceError(f"{what}: {named(value)} changes from call to call of the compiled function, and its number here "
                      f"would be frozen ({where}): {way}; or cgrad.static(v) for a number that is guarded, or name the "
                      "argument in static=")


def traced_effect(what: str, where: str) -> TraceError:
    ways = {
        "backward": "use cgrad.gradients, or .grad of a compiled function",
        "setting an element": "copy it first, y = t.copy(), or make it in the function, y = cgrad.zeros(...)",
        "setting data": "return the new number, and set it outside",
        "setting grad": "use .grad of the compiled function, and set it outside",
        "reading grad": "use cgrad.gradients, or give the gradient as an argument",
        "random numbers": "draw them outside and give them as an argument",
        "running statistics": "use the layer after its .eval(), or with track_running_stats=False",
    }
    return TraceError(f"{what}: a compiled function is recorded once and replayed, which would not repeat this "
                      f"({where}): {ways.get(what, 'do it outside of the compiled function')}")


def traced_elsewhere(value: Any, where: str) -> TraceError:
    return TraceError(f"compile: {named(value)} is used by another thread ({where}), whose decisions are not recorded: "
                      "do not start threads in a compiled function that use its numbers")


def traced_foreign(value: Any, meets: bool = False) -> TraceError:
    what = f"a value that meets {named(value)}" if meets else named(value)
    return TraceError(f"compile: {what} was computed outside of the compiled function and has a history there: "
                      "give it as an argument, or cut its history off with .detach() before")


def not_in_programs(op: str, error: object, where: object) -> TraceError:
    reason = f" ({type(error).__name__}: {error})" if error is not None else ""
    at = f" ({where})" if where else ""
    return TraceError(f"{op}: programs are made of scalar operations, and NumPy cannot do this over single "
                      f"numbers{reason}{at}: do it outside, or write it as a loop")


def too_large_in_program(op: str, shape: Shape, most: int, where: str) -> TraceError:
    return TraceError(f"{op}: {shape} in a compiled function ({where}): it is written out in operations on elements "
                      f"there, for matrices of up to {most} x {most}: call the function itself, without cgrad.compile; "
                      f"or call {op} outside and give its result as an argument")


def bad_result(op: str, value: object) -> TraceError:
    return TraceError(f"{op}: the function returns {shown(value)}, and each replay would return the same object, with "
                      "the numbers of the recording: return numbers, arrays, or lists, tuples, dicts and dataclasses "
                      "of them")


def changing(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {shown(value)} yields something else at each use, which a replay would not repeat: give "
                     "its numbers in a list or an array")


def array_class(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {shown(value)} is a {type(value).__name__}, whose operators have another meaning: give a "
                     "plain array")


def bad_leaf(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {shown(value)} is not a number, an array or a structure of them, nor a constant that can "
                     "be compared (it has no hash): give a list, tuple, dict or dataclass of numbers")


def no_whole_number(value: Any, x: float) -> TypeError:
    return TypeError(f"index: {named(value)} is {x!r} in this call, and a whole number is wanted, which says how often "
                     "or which: give one, or round it by cgrad.round")


def integer_wanted(name: str) -> str:
    return (f"cgrad.compile: numbers given to {name} are traced, and an integer that says how often or which is a "
            "constant: name the argument in static=, or use int(cgrad.static(n))")


def not_repeatable(name: str, line: str) -> RuntimeError:
    return RuntimeError(f"{name}: its replay with the numbers of the recording behaves differently at {line}: it "
                        "depends on something that changes and is not an argument (random numbers, the clock, a "
                        "counter): give that as an argument")


def check_failed(name: str, call: int, got: object, want: object) -> TraceError:
    return TraceError(f"{name}: call {call} replayed {got!r}, and the function itself returns {want!r}: it depends on "
                      "something that a recording does not see (random numbers, the clock, a file): give that as an "
                      "argument")


def many_paths(name: str, paths: int, most: int, line: str) -> str:
    return (f"{name}: {paths} paths are recorded, and the numbers keep taking others; {most} are kept at most "
            "(max_paths), and beyond it runs as plain Python: choose by cgrad.where or cgrad.maximum instead of if; "
            f"most of them part at {line}")
