"""Functions in pickles: by their names where they can be found by these, else as what stands for them."""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Callable
from functools import partial
from typing import Any

from .. import errors
from .._core import Value
from .pytree import Leaf


class Missing:
    """Stands for a function that did not come along with its recorded paths."""

    def __init__(self, name: str, signature: inspect.Signature | None, doc: str | None = None) -> None:
        self.__name__, self.__qualname__, self.__doc__ = name.rpartition(".")[2], name, doc
        self.__signature__ = signature if signature is not None else inspect.Signature(
            [inspect.Parameter("argument", inspect.Parameter.VAR_POSITIONAL)])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise errors.function_missing(self.__qualname__)


class Reference:
    """Carries a function through a pickle as what its module calls by its name: the compiled function."""

    def __init__(self, module: str, name: str, otherwise: Missing) -> None:
        self.found = module, name, otherwise

    def __reduce__(self) -> Any:
        return referred, self.found


def referred(module: str, name: str, otherwise: Missing) -> Callable[..., Any]:
    """The function of a compiled one, or itself; where there is none: what stands for it."""
    try:
        importlib.import_module(module)
        found = named(module, name)
    except ImportError:
        return otherwise
    found = getattr(found, "function", found)
    return found if callable(found) else otherwise


def named(module: str, name: str) -> Any:
    """What a loaded module calls so, or None."""
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def importable(x: Any) -> bool:
    """Whether pickle finds a function or class again by its name."""
    return named(getattr(x, "__module__", None) or "", getattr(x, "__qualname__", "")) is x


def carried(function: Callable[..., Any], name: str, signature: inspect.Signature | None) -> Any:
    """What stands for a function in a pickle, and comes out as it, or else as Missing.

    Functions and classes go by name; under the name of a decorated function there is the compiled one. Methods, partial
    functions and objects with __call__ are pickle's business where their class, or function, can be found.
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
    """Those of a program's leaves that did not come with it, and that somebody besides the program holds."""
    (alone,) = references([Value(0.0)])
    known = {id(leaf) for leaf in came}
    return [leaf for leaf, n in zip(leaves, references(leaves), strict=True) if n > alone and id(leaf) not in known]


def references(leaves: list[Leaf]) -> list[int]:
    """How many hold each: comparable among lists that hold their leaves alike."""
    return [sys.getrefcount(leaf) for leaf in leaves]


def by_name(function: Any) -> bool:
    """Whether a function goes into a pickle, or came out of one, by its name alone, as what stands in a module."""
    return isinstance(function, (types.FunctionType, types.BuiltinFunctionType, Reference))


def plain_signature(signature: inspect.Signature | None) -> inspect.Signature | None:
    """Names and kinds of arguments, without what they default to, and notes on types."""
    if signature is None:
        return None
    return inspect.Signature([p.replace(annotation=p.empty, default=p.default if p.default is p.empty else ...)
                              for p in signature.parameters.values()])
