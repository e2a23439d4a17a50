"""The arguments of a call: bound to a signature, and flattened."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import errors
from . import pytree
from .pytree import Array, TreeDef


class Arguments(NamedTuple):
    """The arguments of a call, flattened."""

    key: tuple[Any, ...]  # (keywords, then a treedef or a static argument each): recordings are found by it
    names: tuple[str, ...]
    trees: tuple[TreeDef, ...]  # a constant for a static argument
    leaves: list[Any]

    @property
    def numbers(self) -> Array:
        return pytree.ravel(self.leaves)

    def ravel(self) -> Array:
        """The same, for those who may ask for them."""
        return self.numbers

    def span(self, k: int) -> range:
        """The inputs of argument k."""
        start = pytree.size(*self.trees[:k])
        return range(start, start + pytree.size(self.trees[k]))

    def numbered(self, op: str, argnums: Any) -> tuple[int, ...]:
        """argnums as indices from 0. Raises ValueError, or TypeError for arguments without numbers."""
        given = argnums if isinstance(argnums, tuple) else (argnums,)
        n = len(self.trees)
        for k in given:
            if isinstance(k, bool) or not isinstance(k, int) or not -n <= k < n:
                raise errors.bad_argnums(op, k, n)
            if next(pytree.leaves_of(self.trees[k]), None) is None:
                raise errors.no_numbers_there(op, self.names[k], pytree.describe(self.trees[k]))
        return tuple([k % n for k in given])


class Binder:
    """Flattens the arguments of calls of a function; those that are named in ``static`` are constants."""

    def __init__(self, name: str, function: Callable[..., Any], static: Sequence[str]) -> None:
        self.name, self.static = name, tuple(static)
        try:
            self.signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):
            self.signature = None
        unknown = set(self.static) - set(self.signature.parameters if self.signature else self.static)
        if unknown:
            raise errors.unknown_static(name, sorted(unknown))

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """The arguments of a call. Keyword-only ones come last."""
        keywords: tuple[str, ...] = ()
        if kwargs:
            if self.signature is None:
                raise errors.program_keywords(self.name, sorted(kwargs))
            bound = self.signature.bind(*args, **kwargs)
            args, keywords = bound.args + tuple(bound.kwargs.values()), tuple(bound.kwargs)
        names = self.names(len(args) - len(keywords)) + keywords
        leaves: list[Any] = []
        trees: list[TreeDef] = []
        key: list[Any] = [keywords]
        for name, x in zip(names, args, strict=True):
            if name in self.static:
                try:
                    hash(x)
                except TypeError:
                    raise errors.bad_static(self.name, name, x) from None
                trees.append(pytree.flatten_constant(self.name, x))
                key.append((type(x), trees[-1]))
            else:
                trees.append(pytree.flatten(self.name, x, leaves))
                key.append(trees[-1])
        return Arguments(tuple(key), names, tuple(trees), leaves)

    def is_static(self, k: int, n: int) -> bool:
        """True if argument k of n is named in ``static``."""
        return self.names(n)[k] in self.static

    def names(self, n: int) -> tuple[str, ...]:
        """The names of the first n positional arguments."""
        names: list[str] = []
        for name, parameter in (self.signature.parameters if self.signature else {}).items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{name}[{k}]" for k in range(n - len(names))]
            elif len(names) < n and parameter.kind is not parameter.KEYWORD_ONLY:
                names.append(name)
        return tuple(names[:n] + [f"argument {k + 1}" for k in range(len(names), n)])
