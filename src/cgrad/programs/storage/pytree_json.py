"""Treedefs (``pytree``) as JSON, for files of programs.

    NUMBER                      0
    ("array", (2, 3))           ["array", [2, 3]]           likewise "bools"
    ("const", 1.5)              ["const", {"float": "0x1.8000000000000p+0"}]
    ("dict", keys, children)    ["dict", [keys, constants], [children]]
    ("list", children), "tuple" ["list", [children]]
    ("named", C, children)      ["named", "module:C", [children]]
    ("dataclass", C, names, children)   ["dataclass", "module:C", [names], [children]]

Constants are None, bools and text as they are, ints and floats by their digits (nan and inf too), tuples of
constants as lists. Classes are looked up in modules that are imported: nothing is imported or run.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import types
from typing import Any

from ... import errors
from ..pytree import NUMBER, TreeDef, constant_treedef, dict_treedef

MOST_DIMS = 64  # of an array, by NumPy
_CONTAINERS = ("list", "tuple", "dict", "named", "dataclass")


def constant_out(x: Any, what: str) -> Any:
    """A constant as JSON; what: where it is from, for the message."""
    if x is None or type(x) in (bool, str):
        return x
    if type(x) is int:
        return {"int": hex(x)}  # of any length: decimals are refused beyond some thousand
    if type(x) is float:
        return {"float": x.hex()}
    if type(x) is tuple:
        return [constant_out(part, what) for part in x]
    raise errors.not_for_files(what, x)


def constant_in(given: Any) -> Any:
    """A constant from JSON. Raises ProgramError for anything else."""
    if given is None or type(given) in (bool, str):
        return given
    if type(given) is list:
        return tuple([constant_in(part) for part in given])
    if type(given) is dict and len(given) == 1:
        ((kind, text),) = given.items()
        try:
            if kind == "int" and type(text) is str:
                return int(text, 16)
            if kind == "float" and type(text) is str:
                return float.fromhex(text)
        except (ValueError, OverflowError):
            pass
    raise errors.damaged_program(f"the constant {str(given)[:40]}")


def tree_out(tree: TreeDef, what: str) -> Any:
    """A structure as JSON; what: where it is from, for the message."""
    kind = tree[0]
    if kind == "number":
        return 0
    if kind in ("array", "bools"):
        return [kind, tree[1]]
    if kind == "const":
        return [kind, constant_out(tree[-1], what)]
    children = [tree_out(child, what) for child in tree[-1]]
    if kind == "dict":
        return [kind, [constant_out(key, what) for key in tree[1]], children]
    if kind in ("list", "tuple"):
        return [kind, children]
    name = f"{tree[1].__module__}:{tree[1].__qualname__}"
    if class_named(name) is not tree[1]:
        raise errors.class_without_name(what, name)
    return [kind, name, children] if kind == "named" else [kind, name, tree[2], children]


def tree_in(given: Any) -> TreeDef:
    """A structure from JSON. Raises ProgramError for anything else, and for a class that is not there."""
    if given == 0 and type(given) is int:
        return NUMBER
    if type(given) is list and given and type(given[0]) is str:
        kind, *rest = given
        if kind in ("array", "bools") and len(rest) == 1:
            return kind, dims_in(rest[0])
        if kind == "const" and len(rest) == 1:
            return constant_treedef(constant_in(rest[0]))
        if kind in _CONTAINERS and rest and type(rest[-1]) is list:
            children = tuple([tree_in(child) for child in rest[-1]])
            if kind in ("list", "tuple") and len(rest) == 1:
                return kind, children
            if kind == "named" and len(rest) == 2 and type(rest[0]) is str:
                return kind, sequence_named(rest[0], len(children)), children
            if kind == "dict" and len(rest) == 2 and type(rest[0]) is list:
                keys = tuple([constant_in(key) for key in rest[0]])
                if len(keys) == len(set(keys)) == len(children):
                    return dict_treedef(keys, children)
            if kind == "dataclass" and len(rest) == 3 and type(rest[0]) is str and type(rest[1]) is list:
                names = tuple(rest[1])
                if len(names) == len(children):
                    return kind, dataclass_named(rest[0], names), names, children
    raise errors.damaged_program(f"the structure {str(given)[:40]}")


def dims_in(given: Any) -> tuple[int, ...]:
    """The shape of an array from JSON. Raises ProgramError where its size or strides could not be computed."""
    if type(given) is list and len(given) <= MOST_DIMS and all(type(n) is int and n >= 0 for n in given) \
            and math.prod([max(n, 1) for n in given]) <= sys.maxsize//8:
        return tuple(given)
    raise errors.damaged_program(f"an array of shape {str(given)[:40]}")


# ---- classes ---------------------------------------------------------------------------------------

def class_named(name: str) -> type | None:
    """The class ``module:qualified.name`` of a module that is imported, or None.

    By the dictionaries of module and classes alone: attributes may be made by code, or import something.
    """
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    if not issubclass(type(found), types.ModuleType):
        return None
    scope: Any = object.__getattribute__(found, "__dict__")
    for part in path.split("."):
        found = scope.get(part)
        if not issubclass(type(found), type):
            return None
        scope = type.__getattribute__(found, "__dict__")
    return found  # type: ignore[no-any-return]


def known_class(name: str) -> type:
    kind = class_named(name)
    if kind is None:
        raise errors.class_not_imported(name)
    return kind


def sequence_named(name: str, length: int) -> type:
    """A subclass of list or tuple that takes so many entries."""
    kind = known_class(name)
    fields = getattr(kind, "_fields", None)
    if kind in (list, tuple) or not issubclass(kind, (list, tuple)) or (fields is not None and len(fields) != length):
        raise errors.other_class(name, f"a sequence of {length} entries")
    return kind


def dataclass_named(name: str, names: tuple[Any, ...]) -> type:
    """A dataclass with these fields."""
    kind = known_class(name)
    if not dataclasses.is_dataclass(kind) or tuple([field.name for field in dataclasses.fields(kind)]) != names:
        raise errors.other_class(name, f"a dataclass of {', '.join(map(str, names))}")
    return kind
