"""Backends run programs, exporters write them as text of another language; each registers itself, in its own module."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any, Protocol, TypeVar

from ..._program import Executable

AUTO = "auto"  # machine code once it pays, where a backend for it is installed


class Backend(Protocol):
    """A way to run programs; ``name`` is the value of backend= in ``cgrad.compile``."""

    name: str

    def available(self) -> bool:
        """True if the packages that it needs are installed."""

    def require(self) -> None:
        """Raise ImportError, with the way out, if it is not available."""

    def compile(self, executable: Executable) -> None:
        """Let it run by this backend from now on. Raises as ``require``."""

    def pays_after(self, nodes: int) -> int | None:
        """Runs of a graph of so many nodes after which compiling it has paid; None: never."""


class Exporter(Protocol):
    """A writer of programs as text; ``name`` is that of the language."""

    name: str

    def to_text(self, name: str, executables: list[Executable], guards: list[str], of: str) -> str:
        """Functions that are called NAME_...: of the value, and if there is a second one of value and gradient.

        guards: a text for each guard of the program; of: the program's name, for a comment.
        """


B = TypeVar("B", bound=type[Any])
_backends: dict[str, Backend] = {}
_exporters: dict[str, Exporter] = {}


def backend(cls: B) -> B:
    """Register a backend, which is made at once: a decorator of its class."""
    _backends[cls.name] = cls()
    return cls


def exporter(cls: B) -> B:
    """Register an exporter, which is made at once: a decorator of its class."""
    _exporters[cls.name] = cls()
    return cls


@functools.cache
def _load() -> None:
    """Import the modules of this package, in which backends register themselves."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def known() -> tuple[str, ...]:
    """The values of backend=."""
    _load()
    return (AUTO, *sorted(_backends))


def require(name: str) -> None:
    """Raise ImportError if a backend is not available."""
    if name != AUTO:
        _load()
        _backends[name].require()


def prepare(executable: Executable, name: str) -> None:
    """Let a backend run a new executable: at once, or with "auto" once it has paid."""
    _load()
    if name != AUTO:
        _backends[name].compile(executable)
    elif compiler := _compiler():
        executable.ask_at = compiler.pays_after(len(executable.graph)) or -1


def upgrade(executable: Executable) -> None:
    """Compile an executable that has run so often that it pays: ``ask_at`` times."""
    executable.ask_at = -1
    if compiler := _compiler():
        compiler.compile(executable)


@functools.cache
def _compiler() -> Backend | None:
    """The backend that "auto" compiles by: the available one that pays soonest."""
    found = [(after, each) for each in _backends.values() if each.available() and (after := each.pays_after(1000))]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def to_text(language: str, name: str, executables: list[Executable], guards: list[str], of: str) -> str:
    """A program as text of another language."""
    _load()
    return _exporters[language].to_text(name, executables, guards, of)
