"""Structures of numbers: lists, tuples, dicts and dataclasses, nested, as a flat row of leaves and back.

A *shape* is what is left of a structure when its numbers are taken out: nested tuples, hashable, equal for
equal structures. Leaves are numbers and arrays; what is neither (text, bools, None, ...) is a constant and part of the
shape, told apart by its type and the sign of its zeros as well.

    {"w": [1.0, array(3)], "name": "a"}   ->   ("dict", ("w", "name"), (("list", (NUMBER, ("array", (3,)))), ("const",
    "a")))
"""

from __future__ import annotations

import dataclasses
import enum
import math
import numbers
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import errors
from .._core import Tensor, Value

Shape = tuple[Any, ...]
_NAN = float("nan")
NUMBER: Shape = ("number",)
_REAL = (float, int, np.floating, np.integer)
_NO_REAL = (enum.Enum, np.timedelta64)  # though they may be such
_CHANGING = (Iterator, random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)
_SIMPLE = (bool, str, type(None))  # which equal nothing of another type
# hold no traced numbers
_FIXED = (str, type(None), bytes, numbers.Number, enum.Enum, np.generic, np.dtype, type, range)


def flatten(op: str, x: Any, leaves: list[Any], arrays: tuple[Any, ...] = ()) -> Shape:
    """The shape of x; its numbers and arrays (float64) are appended to ``leaves``. arrays: further types of such."""
    kind = type(x)
    if kind is float or kind is Value:
        leaves.append(x)
        return NUMBER
    if kind is bool or x is None or kind is str:
        return ("const", x)
    if isinstance(x, _REAL) and not isinstance(x, _NO_REAL):
        try:
            leaves.append(float(x))
        except OverflowError:
            raise errors.too_large(op, len(leaves), int(x)) from None
        return NUMBER
    if kind is Tensor:
        leaves.append(x)
        return ("array", x.shape)
    if isinstance(x, np.ndarray):
        if isinstance(x, (np.ma.MaskedArray, np.matrix)):  # for which operators mean something else
            raise errors.array_class(op, x)
        if x.dtype == object:
            leaves.append(x)
        elif x.dtype.kind in "fiub" and x.dtype.itemsize <= 8:
            leaves.append(np.asarray(x, np.float64))
        else:
            raise errors.bad_array(op, 0, x)
        return ("array", x.shape)
    if isinstance(x, dict):
        parts = tuple([flatten(op, v, leaves, arrays) for v in x.values()])
        return dict_shape(tuple(x), parts)
    if isinstance(x, (list, tuple)):
        parts = tuple([flatten(op, v, leaves, arrays) for v in x])
        if kind is list or kind is tuple:
            return (kind.__name__, parts)
        return ("named", kind, parts)
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        names = tuple(field.name for field in dataclasses.fields(x))
        return ("dataclass", kind, names, tuple([flatten(op, getattr(x, name), leaves, arrays) for name in names]))
    if isinstance(x, arrays):
        leaves.append(x)
        return ("array", tuple(x.shape))
    return constant(op, x)


def constant(op: str, x: Any) -> Shape:
    """The shape of a constant that was given."""
    if isinstance(x, _CHANGING):
        raise errors.changing(op, x)
    try:
        hash(x)
    except TypeError:
        raise errors.bad_leaf(op, x) from None
    return constant_shape(x)


def constant_shape(x: Any) -> Shape:
    """The shape of a constant."""
    if type(x) is float and x != x:
        x = _NAN  # one object, for shapes are compared
    return ("const", x) if type(x) in _SIMPLE else ("const", told(x), x)


def dict_shape(keys: tuple[Any, ...], parts: tuple[Shape, ...]) -> Shape:
    """The shape of a dict."""
    return ("dict", keys, parts) if all(type(k) is str for k in keys) else ("dict", keys, told(keys), parts)


def told(x: Any) -> Any:
    """What equals only of constants that are the same: 1, 1.0 and True are not, nor 0.0 and -0.0."""
    kind = type(x)
    if isinstance(x, float):
        return kind, x.hex()
    if isinstance(x, complex):
        return kind, x.real.hex(), x.imag.hex()
    if isinstance(x, (tuple, frozenset)):
        return kind, (frozenset if isinstance(x, frozenset) else tuple)(map(told, x))
    if isinstance(x, np.generic):
        return kind, x.dtype.str, x.tobytes()
    return kind, x


def constants_of(shape: Shape) -> Iterator[Any]:
    """The constants in a structure, and the keys of its dicts."""
    if shape[0] == "dict":
        yield from shape[1]
    if shape[0] == "const":
        yield shape[-1]
    elif shape[0] not in ("number", "array"):
        for part in shape[-1]:
            yield from constants_of(part)


def check_result(op: str, shape: Shape) -> None:
    """Raise where a result holds an object that each replay would give again, with the numbers of the recording."""
    for x in constants_of(shape):
        if not _fixed(x):
            raise errors.bad_result(op, x)


def _fixed(x: Any) -> bool:
    return all(map(_fixed, x)) if isinstance(x, (tuple, frozenset)) else isinstance(x, _FIXED)


def unflatten(shape: Shape, leaves: Iterator[Any]) -> Any:
    """The structure of this shape with these leaves."""
    kind = shape[0]
    if kind == "number" or kind == "array":
        return next(leaves)
    if kind == "const":
        return shape[-1]
    if kind == "dict":
        return dict(zip(shape[1], [unflatten(part, leaves) for part in shape[-1]], strict=True))
    parts = [unflatten(part, leaves) for part in shape[-1]]
    if kind == "list":
        return parts
    if kind == "tuple":
        return tuple(parts)
    if kind == "named":
        return shape[1](*parts) if hasattr(shape[1], "_fields") else shape[1](parts)
    made = object.__new__(shape[1])  # as it was: without __init__, which may compute or refuse
    for name, part in zip(shape[2], parts, strict=True):
        object.__setattr__(made, name, part)
    return made


def parts_of(shape: Shape) -> Iterator[Shape]:
    """The shapes of the leaves, in order."""
    kind = shape[0]
    if kind == "number" or kind == "array":
        yield shape
    elif kind != "const":
        for part in shape[-1]:
            yield from parts_of(part)


def dims(part: Shape) -> tuple[int, ...]:
    """The array shape of a leaf: () of a number."""
    return () if part is NUMBER or part[0] == "number" else tuple(part[1])


def size(shape: Shape) -> int:
    """Numbers in a structure."""
    return sum(math.prod(dims(part)) for part in parts_of(shape))


def pick(shape: Shape, numbers: np.ndarray[Any, Any], at: int = 0) -> Any:
    """The structure with numbers from a vector; arrays are copies."""
    def leaves() -> Iterator[Any]:
        nonlocal at
        for part in parts_of(shape):
            if part[0] == "number":
                yield float(numbers[at])
                at += 1
            else:
                n = math.prod(part[1])
                yield numbers[at:at + n].reshape(part[1]).copy()
                at += n

    return unflatten(shape, leaves())


def numbers_of(leaves: list[Any]) -> np.ndarray[Any, Any]:
    """All numbers of plain leaves in one vector."""
    if not leaves:
        return np.zeros(0)
    return np.concatenate([np.ravel(x) for x in leaves]).astype(np.float64, copy=False)


def described(shape: Shape) -> str:
    """A structure in words, for messages."""
    kind = shape[0]
    if kind == "number":
        return "a number"
    if kind == "array":
        return f"an array of shape {tuple(shape[1])}"
    if kind == "const":
        return f"the constant {shape[-1]!r}"
    plain = {"dict": "a dict", "list": "a list", "tuple": "a tuple"}
    what = plain.get(kind, f"a {getattr(shape[1], '__name__', kind)}")
    return f"{what} of {size(shape)} numbers"


def prefixed(op: str, shape: Shape, given: Any, check: Callable[[Any], bool]) -> list[Any]:
    """One entry a leaf of ``shape`` from a structure that may stop early: in_axes=0 for all, (0, None), ..."""
    if check(given):
        return [given]*sum(1 for _ in parts_of(shape))
    kind = shape[0]
    if kind == "const":
        return []
    if kind == "dict" and isinstance(given, dict) and tuple(given) == tuple(shape[1]):
        entries = list(given.values())
    elif kind in ("list", "tuple", "named") and isinstance(given, (list, tuple)) and len(given) == len(shape[-1]):
        entries = list(given)
    elif kind == "dataclass" and isinstance(given, shape[1]):
        entries = [getattr(given, name) for name in shape[2]]
    else:
        raise errors.bad_prefix(op, given, described(shape))
    return [x for part, entry in zip(shape[-1], entries, strict=True) for x in prefixed(op, part, entry, check)]


def blocks(matrix: np.ndarray[Any, Any], rows: Shape, columns: Shape) -> Any:
    """A matrix (..., m, n) as one block for each leaf of m numbers' structure and each of n numbers', nested."""
    lead = matrix.shape[:-2]

    def cut(part: np.ndarray[Any, Any], first: tuple[int, ...]) -> Iterator[Any]:
        at = 0
        for leaf in parts_of(columns):
            n = math.prod(dims(leaf))
            block = part[..., at:at + n].reshape((*lead, *first, *dims(leaf)))
            yield block.copy() if block.ndim else float(block)
            at += n

    def down() -> Iterator[Any]:
        at = 0
        for leaf in parts_of(rows):
            n = math.prod(dims(leaf))
            yield unflatten(columns, cut(matrix[..., at:at + n, :], dims(leaf)))
            at += n

    return unflatten(rows, down())
