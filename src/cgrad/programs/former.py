"""Former names of the modules of programs, which pickles look things up by."""

from __future__ import annotations

import sys
import types
from typing import Any

from . import function, path
from .storage import fields, references

FORMER = {"cgrad.compiled": (function,), "cgrad.program": (path,), "cgrad.store": (references, fields)}


class FormerModule(types.ModuleType):
    """A module by its former name: what was in it is in these now."""

    def __init__(self, name: str, modules: tuple[types.ModuleType, ...]) -> None:
        super().__init__(name, "A former name, for pickles.")
        self.modules = modules

    def __getattr__(self, name: str) -> Any:
        for module in self.modules:
            if name in vars(module):
                return vars(module)[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def register() -> None:
    """Let ``import`` find the former names, as pickle does."""
    for name, modules in FORMER.items():
        sys.modules.setdefault(name, FormerModule(name, modules))
