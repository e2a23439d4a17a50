"""Compiled functions and programs when they are called: arguments, batches, derivatives, guards, export."""

from __future__ import annotations

from .describe import Shape, shown
from .exceptions import GuardError, ProgramError

__all__ = ["bad_argnums", "bad_c_name", "bad_direction", "bad_graph", "bad_prefix", "bad_static",
           "captured_changed", "guard_failed", "no_captured", "no_numbers_there", "no_points", "no_scalar_value",
           "no_such_axis", "not_callable", "nothing_recorded", "other_arguments", "program_keywords",
           "uneven_values", "unknown_static", "unused_argument", "values_given"]


def not_callable(value: object) -> TypeError:
    return TypeError(f"compile: {shown(value)} is not a function: give one, or use @cgrad.compile above it")


def unknown_static(name: str, given: list[str]) -> ValueError:
    return ValueError(f"compile: {name} has no argument {', '.join(map(repr, given))}: name arguments of the function "
                      "in static")


def bad_static(name: str, argument: str, value: object) -> TypeError:
    return TypeError(f"{name}: static argument {argument!r} is {shown(value)}, which has no hash: give a tuple instead "
                     "of a list")


def nothing_recorded(name: str, op: str) -> ValueError:
    return ValueError(f"{op}: {name} has no recorded path yet: call it first")


def bad_graph(what: str) -> ProgramError:
    return ProgramError(f"program: {what}: this is not the graph of a program, or it was damaged")


def guard_failed(name: str, line: str) -> GuardError:
    return GuardError(f"{name}: this program was recorded where {line} had another outcome: call the compiled "
                      "function, which records that path too")


def captured_changed(name: str) -> GuardError:
    return GuardError(f"{name}: a captured array has another shape than when this program was recorded: call the "
                      "compiled function")


def other_arguments(name: str, wanted: str, found: str) -> TypeError:
    return TypeError(f"{name}: this program was recorded for ({wanted}), not for ({found}): call the compiled "
                     "function, which records that too")


def program_keywords(name: str, given: list[str]) -> TypeError:
    return TypeError(f"{name}: arguments are given by position, not {', '.join(given)}= by name")


def unused_argument(op: str, name: str, argument: str) -> str:
    return (f"{op}: the path of {name} that these numbers take does not use its argument {argument!r}: the derivative "
            "with respect to it is 0.0 there. Did the function mean to use it? Else leave it out of argnums")


def values_given(name: str, op: str) -> TypeError:
    return TypeError(f"{name}.{op}: arguments are plain numbers and arrays, not Values or Tensors: give their .data; "
                     "calls of the compiled function and its derivatives at one point take them (it then runs eagerly)")


def bad_argnums(op: str, k: object, n: int) -> ValueError:
    way = f"give integers from 0 to {n - 1}, or a tuple of them" if n else "the function has none"
    return ValueError(f"{op}: argnums {k!r} is not the number of an argument: {way}")


def no_numbers_there(op: str, name: str, what: str) -> TypeError:
    return TypeError(f"{op}: argument {name!r} is {what}, which has no derivative: name another one in argnums")


def bad_direction(op: str, found: str, wanted: str) -> ValueError:
    return ValueError(f"{op}: v is {found}: give {wanted}")


def no_captured(op: str) -> TypeError:
    return TypeError(f"{op}: captured= is for grad, value_and_grad and vjp: give those values as arguments")


def no_scalar_value(name: str, op: str, what: str) -> TypeError:
    return TypeError(f"{name}.{op}: the value is {what}, not one number: use .jacobian, or .vjp with a vector")


def bad_prefix(op: str, given: object, wanted: str) -> ValueError:
    return ValueError(f"{op}: in_axes {given!r} does not go with {wanted}: give an int or None for all, or one for "
                      "each part")


def no_such_axis(op: str, k: int, axis: int, shape: Shape) -> ValueError:
    return ValueError(f"{op}: argument {k + 1} has shape {shape}, no axis {axis}: give in in_axes the axis of the "
                      "points, or None")


def no_points(op: str, lengths: dict[int, str]) -> ValueError:
    if not lengths:
        return ValueError(f"{op}: no argument has an axis of points: give arrays, or call the function itself for one "
                          "point")
    several = ", ".join(f"{n} of {what}" for n, what in lengths.items())
    return ValueError(f"{op}: different numbers of points: {several}: give as many of each, or in_axes=None for an "
                      "argument that is the same for all")


def uneven_values(name: str, one: str, other: str) -> ValueError:
    return ValueError(f"{name}: some points return {one}, others {other}: return one structure for all points of a "
                      "batch")


def bad_c_name(name: object) -> ValueError:
    return ValueError(f"to_c: {name!r} cannot name a function in C: give letters, digits and _, not beginning with a "
                      "digit, and no keyword")
