"""Functions in pickles: by reference if they can be found by name, else a stand-in."""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Callable
from functools import partial
from typing import Any

from ... import errors
from ..._core import Value
from ..pytree import Leaf


class Missing:
    """Stand-in for a function that did not come along with its recorded paths."""

    def __init__(self, name: str, signature: inspect.Signature | None, doc: str | None = None) -> None:
        self.__name__, self.__qualname__, self.__doc__ = name.rpartition(".")[2], name, doc
        self.__signature__ = signature if signature is not None else inspect.Signature(
            [inspect.Parameter("argument", inspect.Parameter.VAR_POSITIONAL)])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise errors.function_missing(self.__qualname__)


class Reference:
    """Reference to a function by the name under which its module has the compiled function."""

    def __init__(self, module: str, name: str, otherwise: Missing) -> None:
        self.found = module, name, otherwise

    def __reduce__(self) -> Any:
        return referred, self.found


def referred(module: str, name: str, otherwise: Missing) -> Callable[..., Any]:
    """The function that a module has by a name, or that of a compiled one; the stand-in if there is none."""
    try:
        importlib.import_module(module)
        found = named(module, name)
    except ImportError:
        return otherwise
    found = getattr(found, "function", found)
    return found if callable(found) else otherwise


def named(module: str, name: str) -> Any:
    """The object that a loaded module has by this name, or None."""
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def importable(x: Any) -> bool:
    """True if pickle finds a function or class again by its name."""
    return named(getattr(x, "__module__", None) or "", getattr(x, "__qualname__", "")) is x


def carried(function: Callable[..., Any], name: str, signature: inspect.Signature | None) -> Any:
    """The object to pickle for a function, which is unpickled as the function or as Missing.

    Functions and classes go by name; the name of a decorated function refers to the compiled one. Methods, partial
    functions and objects with __call__ are left to pickle if their class, or function, can be found.
    """
    missing = Missing(name, plain_signature(signature), getattr(function, "__doc__", None))
    if isinstance(function, (types.FunctionType, types.BuiltinFunctionType, type)):
        found = named(getattr(function, "__module__", None) or "", function.__qualname__)
        if found is function:
            return function
        compiled = getattr(found, "function", None) is function
        return Reference(function.__module__, function.__qualname__, missing) if compiled else missing
    inner = function.func if isinstance(function, partial) else getattr(function, "__self__", function)
    if isinstance(inner, (types.FunctionType, types.BuiltinFunctionType, type)):
        return function if importable(inner) else missing
    return function if importable(type(inner)) else missing


def held_elsewhere(leaves: list[Leaf], came: list[Leaf]) -> list[Leaf]:
    """The leaves of a program that did not come with it, and that other objects refer to."""
    (alone,) = references([Value(0.0)])
    known = {id(leaf) for leaf in came}
    return [leaf for leaf, n in zip(leaves, references(leaves), strict=True) if n > alone and id(leaf) not in known]


def references(leaves: list[Leaf]) -> list[int]:
    """The reference count of each; comparable among lists that were made alike."""
    return [sys.getrefcount(leaf) for leaf in leaves]


def by_name(function: Any) -> bool:
    """True if a function is pickled, or was unpickled, by its name alone, as an attribute of a module."""
    return isinstance(function, (types.FunctionType, types.BuiltinFunctionType, Reference))


def plain_signature(signature: inspect.Signature | None) -> inspect.Signature | None:
    """The names and kinds of arguments, without defaults and annotations."""
    if signature is None:
        return None
    return inspect.Signature([p.replace(annotation=p.empty, default=p.default if p.default is p.empty else ...)
                              for p in signature.parameters.values()])
