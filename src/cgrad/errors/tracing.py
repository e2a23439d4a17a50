"""Compiled functions while they are recorded: what a replay could not repeat."""

from __future__ import annotations

from typing import Any

from .describe import named, shown
from .exceptions import TraceError

__all__ = ["array_class", "bad_leaf", "bad_result", "changing", "integer_wanted", "many_paths", "not_in_programs",
           "not_repeatable", "traced_effect", "traced_elsewhere", "traced_foreign", "traced_function",
           "traced_number"]


def traced_number(what: str, value: Any, where: str) -> TraceError:
    return TraceError(f"{what}: {named(value)} changes from call to call of the compiled function, and its number "
                      f"here would be "
                      f"frozen ({where}): use operations and comparisons, or cgrad.static(v) for a number that is "
                      "guarded; or name the argument in static=")


def traced_effect(what: str, where: str) -> TraceError:
    ways = {
        "no_grad": "call the compiled function for values alone, and leave no_grad out of it",
        "backward": "use .grad or .value_and_grad of the compiled function",
        "gradients without create_graph=True": "give create_graph=True, so that they are recorded",
        "gradients": "those of arrays are not recorded in programs: use .grad of the compiled function",
        "tangents": "use .jvp of the compiled function",
        "setting data": "return the new number, and set it outside",
        "setting grad": "use .grad of the compiled function, and set it outside",
        "reading grad": "give the gradient as an argument",
        "random numbers": "draw them outside and give them as an argument",
        "running statistics": "use the layer after its .eval(), or with track_running_stats=False",
    }
    return TraceError(f"{what}: a compiled function is recorded once and replayed, which would not repeat this "
                      f"({where}): "
                      f"{ways.get(what, 'do it outside of the compiled function')}")


def traced_function(name: str, where: str) -> TraceError:
    return TraceError(f"{name}: the rule of a cgrad.Function is Python's, over plain numbers, and a program holds "
                      f"operations alone "
                      f"({where}): write its forward computation with operators and functions that are differentiated")


def traced_elsewhere(value: Any, where: str) -> TraceError:
    return TraceError(f"compile: {named(value)} is recorded by another thread ({where}), where nobody notes what is "
                      f"decided by it: "
                      "start no threads in a compiled function that use its numbers")


def traced_foreign(value: Any, meets: bool = False) -> TraceError:
    what = f"{named(value)} meets what" if meets else named(value)
    return TraceError(f"compile: {what} was computed outside of the compiled function and has a history there: "
                      "give that as an argument, or cut the history off with .detach() before")


def not_in_programs(op: str, error: object, where: object) -> TraceError:
    reason = f" ({type(error).__name__}: {error})" if error is not None else ""
    return TraceError(f"{op}: programs are made of scalar operations, and NumPy cannot do this over single "
                      f"numbers{reason}"
                      f"{f' ({where})' if where else ''}: do it outside, or write it as a loop")


def bad_result(op: str, value: object) -> TraceError:
    return TraceError(f"{op}: gives {shown(value)}, and each replay would give this one again, with the numbers of "
                      f"its recording: "
                     "return numbers, arrays, or lists, tuples, dicts and dataclasses of them")


def changing(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {shown(value)} gives something else at each use, which a replay would not repeat: give "
                     f"the numbers that "
                     "it gives, in a list or an array")


def array_class(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {shown(value)} is a {type(value).__name__}, for which operators mean something else: "
                     f"give a plain array")


def bad_leaf(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {shown(value)} is no number, array or structure of them, nor a constant that can be "
                     f"told from others "
                     "(it has no hash): give a list, tuple, dict or dataclass of numbers")


def integer_wanted(name: str) -> str:
    return (f"cgrad.compile: numbers given to {name} are traced; a whole number that says how often or which is a "
            f"constant: name the argument "
            "in static=, or use int(cgrad.static(n))")


def not_repeatable(name: str, line: str) -> RuntimeError:
    return RuntimeError(f"{name}: did otherwise when replayed with the numbers it was recorded with, at {line}: it "
                        f"depends on "
                        "something that changes and is no argument (random numbers, the clock, a counter): give that "
                        "as an argument")


def many_paths(name: str, most: int) -> str:
    return (f"{name}: {most} paths are recorded, and the numbers keep taking others: those run as plain Python. "
            f"Choose by cgrad.where or "
            "cgrad.maximum instead of if, or raise max_paths")
