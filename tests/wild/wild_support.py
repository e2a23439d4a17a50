"""The corpus as a list of programs, and values taken apart into numbers, by means of the standard library and NumPy."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import math
import pkgutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import corpus
import numpy as np

CORPUS = corpus.__path__[0]


class Program(NamedTuple):
    name: str
    function: Callable
    points: list[tuple]
    refused: tuple[str, str] | None  # the error's name, the reason
    steps: str | None  # the reason why finite differences are no oracle


def programs() -> list[Program]:
    found = []
    for module in pkgutil.iter_modules(corpus.__path__):
        m = importlib.import_module(f"corpus.{module.name}")
        refused, steps = getattr(m, "REFUSED", {}), getattr(m, "STEPS", {})
        names = {id(x): name for name, x in vars(m).items()}  # decorators may leave __name__ behind
        for f, points in m.PROGRAMS:
            name = names[id(f)]
            found.append(Program(f"{module.name}.{name}", f, points, refused.get(name), steps.get(name)))
    return found


def flat(x) -> tuple[Any, list]:
    """The structure of x, and its numbers: bools, text and None are structure."""
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        parts = [flat(getattr(x, f.name)) for f in dataclasses.fields(x)]
        return (type(x), tuple(s for s, _ in parts)), [leaf for _, leaves in parts for leaf in leaves]
    if isinstance(x, dict):
        parts = [flat(v) for v in x.values()]
        return (dict, tuple(x), tuple(s for s, _ in parts)), [leaf for _, leaves in parts for leaf in leaves]
    if isinstance(x, (list, tuple)):
        parts = [flat(v) for v in x]
        return (type(x), tuple(s for s, _ in parts)), [leaf for _, leaves in parts for leaf in leaves]
    if isinstance(x, np.ndarray) and x.ndim:
        return (np.ndarray, x.shape), list(x.ravel())
    if isinstance(x, (bool, np.bool_, str)) or x is None:
        return x, []
    return "number", [x]


def mapped(f: Callable, x: Any) -> Any:
    """x with f of its numbers in their places."""
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        new = copy.copy(x)
        for field in dataclasses.fields(x):
            object.__setattr__(new, field.name, mapped(f, getattr(x, field.name)))
        return new
    if isinstance(x, dict):
        return {k: mapped(f, v) for k, v in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(mapped(f, v) for v in x))
    if isinstance(x, (list, tuple)):
        return type(x)([mapped(f, v) for v in x])
    if isinstance(x, np.ndarray):
        return np.array([mapped(f, v) for v in x])
    if isinstance(x, (bool, np.bool_, str)) or x is None:
        return x
    return f(x)


def is_float(x) -> bool:
    return isinstance(x, (float, np.floating))


def argument_numbers(point: tuple) -> tuple[int, ...]:
    """The positions of arguments that have floats and nothing but numbers in them."""
    return tuple(i for i, x in enumerate(point) if any(map(is_float, flat(x)[1])))


def run(f: Callable, point: tuple) -> Any:
    """f of fresh copies: a program may write into its arguments."""
    with np.errstate(all="ignore"):
        return f(*copy.deepcopy(point))


def close(x, y, rtol) -> bool:
    if isinstance(x, float) and isinstance(y, float) and math.isnan(x):
        return math.isnan(y)
    return x == y or abs(x - y) <= rtol*max(abs(x), abs(y)) + 1e-300


def agree(got, expected, rtol=1e-12):
    """The same structure, the same numbers; bools are bools."""
    structure, numbers = flat(got)
    wanted, values = flat(expected)
    assert structure == wanted, (got, expected)
    assert all(close(float(x), float(y), rtol) for x, y in zip(numbers, values, strict=True)), (got, expected)


def traced(f: Callable, point: tuple) -> tuple[Any, list]:
    """The value of f, and the course that it took: every instruction of the corpus's code."""
    course: list[tuple[int, int]] = []

    def trace(frame, event, _):
        if not frame.f_code.co_filename.startswith(CORPUS):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            course.append((id(frame.f_code), frame.f_lasti))
        return trace

    run(f, point)  # fills caches
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return run(f, point), course
    finally:
        sys.settrace(before)


def moved(point: tuple, step: Sequence[float]) -> tuple:
    """The point with a step added to its numbers; whole numbers stay."""
    steps = iter(step)
    return mapped(lambda x: x + next(steps) if is_float(x) else (next(steps), x)[1], point)


def one_slope(f: Callable, point: tuple, step: list[float], h: float) -> float | None:
    """The central difference along a step; None where f takes another course beside the point, or the sides differ.

    Another course beside it: a tie, where the derivative is that of the side taken, whatever is beside it.
    """
    here, course = traced(f, point)
    beside = []
    for k in (-2, -1, 1, 2):
        try:
            value, other = traced(f, moved(point, [k*s for s in step]))
        except (ArithmeticError, ValueError, LookupError, StopIteration):
            return None
        if other != course or not isinstance(value, (float, np.floating)) or not math.isfinite(value):
            return None
        beside.append(value)
    under, below, above, further = beside
    sides = [(here - under)/(2*h), (here - below)/h, (above - here)/h, (further - here)/(2*h)]
    noise = 1e-13*max(abs(here), abs(above))/h
    return (above - below)/(2*h) if max(sides) - min(sides) <= 2e-3*max(map(abs, sides)) + noise else None


def slopes(f: Callable, point: tuple) -> list[float | None]:
    """Central differences for each float among the numbers; None where f is not smooth there, and for whole numbers."""
    numbers = flat(point)[1]
    if not math.isfinite(run(f, point)):
        return [None]*len(numbers)
    sizes = [1e-6*max(1.0, abs(x)) if abs(x) > 1e-3 or x == 0 else 1e-4*abs(x) for x in numbers]
    slanted = [h*(0.3 + 0.7*math.sin(3*k + 1.0)) for k, h in enumerate(sizes)]  # sees ties of sorted and max
    if one_slope(f, point, slanted, 1.0) is None:
        return [None]*len(numbers)
    return [one_slope(f, point, [h*(k == i) for k in range(len(numbers))], h) if is_float(x) else None
            for i, (x, h) in enumerate(zip(numbers, sizes, strict=True))]


def close_slope(got: float, expected: float, scale: float) -> bool:
    return abs(got - expected) <= 1e-4*abs(expected) + 1e-6*scale


def leaves(x) -> list:
    """The leaves of a value: arrays are whole, constants are leaves."""
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return [leaf for f in dataclasses.fields(x) for leaf in leaves(getattr(x, f.name))]
    if isinstance(x, dict):
        return [leaf for v in x.values() for leaf in leaves(v)]
    if isinstance(x, (list, tuple)):
        return [leaf for v in x for leaf in leaves(v)]
    return [x]


def groups(points: list[tuple], values: list) -> list[list[int]]:
    """Indices of points that go into one batch: the same structures, and the same whole numbers in arguments without floats."""
    found: dict[str, list[int]] = {}
    for k, (point, value) in enumerate(zip(points, values, strict=True)):
        constants = [x for x in point if not any(map(is_float, flat(x)[1]))]
        result = flat(mapped(lambda _: 0.0, value) if not isinstance(value, (bool, np.bool_)) else 0.0)[0]
        found.setdefault(repr((flat(point)[0], constants, result)), []).append(k)
    return list(found.values())


def stacked(points: list[tuple]) -> tuple[list, tuple]:
    """The arguments with an axis of points, and in_axes: arguments without floats are the same for all."""
    args: list = []
    axes = []
    for column in zip(*points, strict=True):
        numbers = any(map(is_float, flat(column[0])[1]))
        args.append(stack_one(column) if numbers else column[0])
        axes.append(0 if numbers else None)
    return args, tuple(axes)


def stack_one(column):
    x = column[0]
    if isinstance(x, np.ndarray):
        return np.stack(column)
    rows = iter(zip(*(flat(y)[1] for y in column), strict=True))
    return mapped(lambda _: np.array(next(rows), dtype=float), x)


def of_point(result, k) -> list:
    """The leaves of point k of what a batch returned."""
    return [leaf[k] if isinstance(leaf, np.ndarray) and leaf.ndim else leaf for leaf in leaves(result)]


def agree_leaves(got: list, expected: list, rtol: float):
    assert len(got) == len(expected), (got, expected)
    for x, y in zip(got, expected, strict=True):
        if y is None or isinstance(y, str):
            assert x == y, (got, expected)
        else:
            pairs = zip(np.ravel(x), np.ravel(y), strict=True)
            assert all(close(float(a), float(b), rtol) for a, b in pairs), (got, expected)
