"""Pytrees: lists, tuples, dicts and dataclasses of numbers, nested, flattened into leaves and built again.

A *treedef* is a structure without its numbers. It is made of nested tuples, so it is hashable, and equal for equal
structures:

    ("number",)                                 a number
    ("array", shape)                            an array of numbers
    ("bools", shape)                            a result that is a condition: a bool, or an array of bools
    ("list", children), ("tuple", children)
    ("dict", keys, children)                    keys that are text; others: ("dict", keys, identity, children)
    ("named", class, children)                  a named tuple, or a subclass of list or tuple
    ("dataclass", class, names, children)
    ("const", x) or ("const", identity, x)      anything else: text, None, a bool, ...

Numbers and arrays are leaves. Constants belong to the treedef; an *identity* tells apart what Python calls equal: 1,
1.0 and True, 0.0 and -0.0.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import numbers
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import errors
from .._core import Condition, Conditions, Tensor, Value

Array = np.ndarray[Any, Any]
TreeDef = tuple[Any, ...]
Leaf = Value | Tensor
NUMBER: TreeDef = ("number",)
SCALAR_ARRAY: TreeDef = ("array", ())
LEAVES = ("number", "array", "bools")
_REAL = (float, int, np.floating, np.integer)
_NOT_REAL = (enum.Enum, np.timedelta64)  # though they may be subclasses of these
_UNAMBIGUOUS = (bool, str, type(None))  # equal nothing of another type
_IMMUTABLE = (str, type(None), bytes, numbers.Number, enum.Enum, np.generic, np.dtype, type, range)
_GENERATORS = {"random": ("Random",), "numpy.random": ("Generator", "RandomState", "BitGenerator")}
_OBJECT = np.dtype(object)
_NANS: dict[Any, Any] = {}  # one object for equal ones, which Python does not call equal


# ---- flattening ------------------------------------------------------------------------------------

def flatten(op: str, x: Any, leaves: list[Any], arrays: tuple[type, ...] = ()) -> TreeDef:
    """The treedef of x; numbers and arrays (as float64) are appended to ``leaves``. arrays: further types of arrays."""
    kind = type(x)
    if kind is float or kind is Value:
        leaves.append(x)
        return NUMBER
    if kind is bool or x is None or kind is str:
        return ("const", x)
    if isinstance(x, _REAL) and not isinstance(x, _NOT_REAL):
        try:
            leaves.append(float(x))
        except OverflowError:
            raise errors.too_large(op, len(leaves), int(x)) from None
        return NUMBER
    if kind is Tensor:
        leaves.append(x)
        return ("array", x.shape)
    if kind is Condition or kind is Conditions:
        leaves.append(x)
        return ("bools", x.shape)
    if isinstance(x, np.ndarray):
        leaves.append(_plain_array(op, x))
        return ("array", x.shape)
    if isinstance(x, dict):
        return dict_treedef(tuple(x), tuple([flatten(op, v, leaves, arrays) for v in x.values()]))
    if isinstance(x, (list, tuple)):
        children = tuple([flatten(op, v, leaves, arrays) for v in x])
        return (kind.__name__, children) if kind is list or kind is tuple else ("named", kind, children)
    if hasattr(kind, "__dataclass_fields__"):
        names = tuple(field.name for field in dataclasses.fields(x))
        return ("dataclass", kind, names, tuple([flatten(op, getattr(x, name), leaves, arrays) for name in names]))
    if isinstance(x, arrays):
        leaves.append(x)
        return ("array", tuple(x.shape))  # type: ignore[attr-defined]
    return flatten_constant(op, x)


def _plain_array(op: str, x: Array) -> Array:
    """An array as float64, or of objects, which may be Values."""
    if isinstance(x, (np.ma.MaskedArray, np.matrix)):  # for which operators mean something else
        raise errors.array_class(op, x)
    if x.dtype == object:
        return x
    if x.dtype.kind in "fiub" and x.dtype.itemsize <= 8:
        return np.asarray(x, np.float64)
    raise errors.bad_array(op, 0, x)


def flatten_constant(op: str, x: Any) -> TreeDef:
    """The treedef of an argument that is a constant. Raises TypeError for what has no hash, or changes when used."""
    if isinstance(x, Iterator) or _is_generator(x):
        raise errors.changing(op, x)
    try:
        hash(x)
    except TypeError:
        raise errors.bad_leaf(op, x) from None
    return constant_treedef(x)


def _is_generator(x: Any) -> bool:
    """True if x generates random numbers. Modules that were not imported have no instances."""
    return any(isinstance(x, getattr(sys.modules[module], name))
               for module, names in _GENERATORS.items() if module in sys.modules for name in names)


def constant_treedef(x: Any) -> TreeDef:
    if type(x) in _UNAMBIGUOUS:
        return ("const", x)
    return ("const", identity(x), _canonical(x))


def dict_treedef(keys: tuple[Any, ...], children: tuple[TreeDef, ...]) -> TreeDef:
    if all(type(key) is str for key in keys):
        return ("dict", keys, children)
    return ("dict", _canonical(keys), identity(keys), children)


def identity(x: Any) -> Any:
    """A key that only the same constants share: 1, 1.0 and True do not, nor do 0.0 and -0.0; nan and nan do."""
    kind = type(x)
    if isinstance(x, float):
        return kind, x.hex()
    if isinstance(x, complex):
        return kind, x.real.hex(), x.imag.hex()
    if isinstance(x, (tuple, frozenset)):
        return kind, (frozenset if isinstance(x, frozenset) else tuple)(map(identity, x))
    if isinstance(x, np.generic):
        return kind, x.dtype.str, x.tobytes()
    return kind, x


def _canonical(x: Any) -> Any:
    """x with one object for each nan in it: treedefs are compared with ==, by which only identical ones are equal."""
    if type(x) is tuple or type(x) is frozenset:
        return type(x)(map(_canonical, x))
    if isinstance(x, (float, complex, np.number, np.datetime64)) and x != x:
        return _NANS.setdefault(identity(x), x)
    return x


def canonical(tree: TreeDef) -> TreeDef:
    """An unpickled treedef, as this process would have made it: a pickle brings objects of its own for nan."""
    kind, *middle, last = tree if len(tree) > 1 else (*tree, None)
    if kind == "number":
        return NUMBER
    if kind in ("array", "bools"):
        return tree
    if kind == "const":
        return constant_treedef(last)
    if kind == "dict":
        middle[0] = _canonical(middle[0])
    return (kind, *middle, tuple(map(canonical, last)))


# ---- building --------------------------------------------------------------------------------------

def unflatten(tree: TreeDef, leaves: Iterator[Any]) -> Any:
    """The structure with these leaves."""
    kind = tree[0]
    if kind in LEAVES:
        return next(leaves)
    if kind == "const":
        return tree[-1]
    children = [unflatten(child, leaves) for child in tree[-1]]
    if kind == "list":
        return children
    if kind == "tuple":
        return tuple(children)
    if kind == "dict":
        return dict(zip(tree[1], children, strict=True))
    if kind == "named":
        return tree[1](*children) if hasattr(tree[1], "_fields") else tree[1](children)
    made = object.__new__(tree[1])  # as it was: without __init__, which may compute or refuse
    for name, child in zip(tree[2], children, strict=True):
        object.__setattr__(made, name, child)
    return made


def unravel(tree: TreeDef, vector: Array, start: int = 0) -> Any:
    """The structure with numbers of a vector from ``start`` on; its arrays are copies."""
    return unflatten(tree, (float(vector[at]) if leaf[0] == "number" else _array(leaf, vector[at:stop])
                            for leaf, at, stop in spans(tree, start)))


def _array(leaf: TreeDef, numbers: Array) -> Any:
    if leaf[0] == "bools":
        return bool(numbers[0]) if not leaf[1] else (numbers != 0).reshape(leaf[1])
    return numbers.reshape(leaf[1]).copy()


def unravel_points(tree: TreeDef, rows: Array) -> Any:
    """The structure with numbers of many points, a row a number: (numbers, points) -> leaves with the points first."""
    def points(leaf: TreeDef, at: int, stop: int) -> Any:
        shape = shape_of(leaf)
        found = rows[at] if not shape else rows[at:stop].T.reshape(rows.shape[1], *shape)
        return found != 0 if leaf[0] == "bools" else found

    return unflatten(tree, (points(*span) for span in spans(tree)))


def tangents_of(tree: TreeDef) -> TreeDef:
    """The structure of a value's derivatives: numbers in the place of bools."""
    if tree[0] == "bools":
        return ("array", tree[1]) if tree[1] else NUMBER
    if tree[0] in LEAVES or tree[0] == "const":
        return tree
    return (*tree[:-1], tuple(map(tangents_of, tree[-1])))


def unravel_matrix(matrix: Array, rows: TreeDef, columns: TreeDef) -> Any:
    """A matrix (..., m, n) as a block for each leaf of ``rows`` and each of ``columns``, nested in this order."""
    lead = matrix.shape[:-2]

    def block(part: Array, shape: tuple[int, ...]) -> Any:
        return part.reshape((*lead, *shape)).copy() if lead or shape else float(part[0, 0])

    return unflatten(rows, (
        unflatten(columns, (block(matrix[..., top:bottom, left:right], shape_of(row) + shape_of(column))
                            for column, left, right in spans(columns)))
        for row, top, bottom in spans(rows)))


# ---- leaves and sizes ------------------------------------------------------------------------------

def leaves_of(tree: TreeDef) -> Iterator[TreeDef]:
    """The treedefs of the leaves, in order."""
    kind = tree[0]
    if kind in LEAVES:
        yield tree
    elif kind != "const":
        for child in tree[-1]:
            yield from leaves_of(child)


def shape_of(leaf: TreeDef) -> tuple[int, ...]:
    """The shape of a leaf; () of a number."""
    return () if leaf is NUMBER or leaf[0] == "number" else leaf[1]


def spans(tree: TreeDef, start: int = 0) -> Iterator[tuple[TreeDef, int, int]]:
    """The span of each leaf in a vector of all numbers: (leaf, start, stop)."""
    for leaf in leaves_of(tree):
        stop = start + (1 if leaf is NUMBER else math.prod(shape_of(leaf)))
        yield leaf, start, stop
        start = stop


def size(*trees: TreeDef) -> int:
    """The number of numbers in these structures."""
    return sum([1 if leaf is NUMBER else math.prod(shape_of(leaf)) for tree in trees for leaf in leaves_of(tree)])


def is_one_number(tree: TreeDef) -> bool:
    """True for a number, and an array without axes."""
    return tree == NUMBER or tree == SCALAR_ARRAY


def ravel(leaves: Sequence[Any]) -> Array:
    """All numbers of plain leaves in one vector."""
    if not leaves:
        return np.zeros(0)
    return np.concatenate([np.ravel(x) for x in leaves]).astype(np.float64, copy=False)


def is_symbolic(leaf: Any) -> bool:
    """True for a Value, a Tensor, and an array that may hold Values."""
    if type(leaf) is float:
        return False
    return isinstance(leaf, (Value, Tensor)) or getattr(leaf, "dtype", None) == _OBJECT


# ---- constants -------------------------------------------------------------------------------------

def constants_of(tree: TreeDef) -> Iterator[Any]:
    """The constants in a structure, and the keys of its dicts."""
    if tree[0] == "dict":
        yield from tree[1]
    if tree[0] == "const":
        yield tree[-1]
    elif tree[0] not in LEAVES:
        for child in tree[-1]:
            yield from constants_of(child)


def check_result(op: str, tree: TreeDef) -> None:
    """Raise TraceError if a result holds a mutable object: each replay would return the same one."""
    for x in constants_of(tree):
        if not _is_immutable(x):
            raise errors.bad_result(op, x)


def _is_immutable(x: Any) -> bool:
    if isinstance(x, (tuple, frozenset)):
        return all(map(_is_immutable, x))
    return isinstance(x, _IMMUTABLE) and not isinstance(x, Value)  # which is a numbers.Real


# ---- messages and prefixes -------------------------------------------------------------------------

def describe(tree: TreeDef) -> str:
    """A structure in words, for messages."""
    kind = tree[0]
    if kind == "number":
        return "a number"
    if kind == "array":
        return f"an array of shape {tuple(tree[1])}"
    if kind == "bools":
        return f"an array of bools of shape {tuple(tree[1])}" if tree[1] else "a bool"
    if kind == "const":
        return f"the constant {tree[-1]!r}"
    plain = {"dict": "a dict", "list": "a list", "tuple": "a tuple"}
    what = plain.get(kind, f"a {getattr(tree[1], '__name__', kind)}")
    return f"{what} of {size(tree)} numbers"


def describe_all(trees: Sequence[TreeDef]) -> str:
    return ", ".join(map(describe, trees))


def broadcast_prefix(op: str, tree: TreeDef, prefix: Any, is_entry: Callable[[Any], bool]) -> list[Any]:
    """One entry a leaf, of a structure that may stop early: 0 for all, (0, None) for the two parts of a tuple, ..."""
    if is_entry(prefix):
        return [prefix]*sum(1 for _ in leaves_of(tree))
    kind = tree[0]
    if kind == "const":
        return []
    if kind == "dict" and isinstance(prefix, dict) and tuple(prefix) == tuple(tree[1]):
        entries = list(prefix.values())
    elif kind in ("list", "tuple", "named") and isinstance(prefix, (list, tuple)) and len(prefix) == len(tree[-1]):
        entries = list(prefix)
    elif kind == "dataclass" and isinstance(prefix, tree[1]):
        entries = [getattr(prefix, name) for name in tree[2]]
    else:
        raise errors.bad_prefix(op, prefix, describe(tree))
    return [x for child, entry in zip(tree[-1], entries, strict=True)
            for x in broadcast_prefix(op, child, entry, is_entry)]
