"""One function of a program, as it is written: what all languages share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .layout import Column

if TYPE_CHECKING:
    from .program import Writer


@dataclass(frozen=True)
class Text:
    """A function, and those that it alone calls: its nodes, how often they are run, whether vectors pay off."""

    name: str
    text: str
    nodes: int = 0
    blocks: int = 1 << 30
    wide: bool = False
    guarded: bool = False  # whether it may return a guard's number; else it returns 0


class Function:
    """``head`` runs before ``lines``; what was loaded is loaded once. A language fills in the rest."""

    def __init__(self, writer: Writer, loops: bool = False) -> None:
        self.writer = writer
        self.loops = loops  # whether its lines are run once a block
        self.head: list[str] = []
        self.lines: list[str] = []
        self.loaded: dict[object, str] = {}
        self.count = 0
        self.guarded = False

    def value(self, kind: int, index: int) -> str:
        """What a node outside this function, an input or a constant is."""
        key = kind, index
        if key not in self.loaded:
            self.loaded[key] = self.load(self.writer.layout.place(kind, index))
        return self.loaded[key]

    def load(self, place: Column, fixed: bool = False) -> str:
        """The value at a place; ``fixed`` if no block of the loop changes it."""
        key = place.kind, place.base, place.stride, id(place.table) if place.table is not None else 0
        if key not in self.loaded:
            self.loaded[key] = self.loading(place, fixed and place.table is None and not place.stride)
        return self.loaded[key]

    # ---- a language's --------------------------------------------------------------------------
    def loading(self, place: Column, fixed: bool) -> str:
        raise NotImplementedError

    def store(self, value: str, place: Column) -> None:
        raise NotImplementedError

    def node(self, op: int, d: int, operands: Sequence[str]) -> str:
        """Compute a node, named d here."""
        raise NotImplementedError

    def guard(self, op: int, d: int, value: str, expected: int, number: Column) -> None:
        """Return the guard's number unless the node (op -1: a leaf), named d here, is as expected."""
        raise NotImplementedError

    def call(self, text: Text, counted: bool = False) -> None:
        """Call a function, ``counted`` with the number of the block, and return what it returns unless 0."""
        raise NotImplementedError

    def carried(self, number: int) -> str:
        """The name of a value carried from block to block."""
        raise NotImplementedError

    def text(self, name: str, counted: bool = False) -> str:
        """The whole function; ``counted`` if it is called for a block of a loop, whose number it takes."""
        raise NotImplementedError

    def looped(self, name: str, blocks: int, carried: Sequence[tuple[str, str]] = (), after: Sequence[str] = ()) -> str:
        """The whole function, its lines run for t = 0 ... blocks - 1, and those of ``after`` then.

        ``carried`` are values before block 0 and after each block.
        """
        raise NotImplementedError


class Language:
    """What a program is written in."""

    def function(self, writer: Writer, loops: bool = False) -> Function:
        raise NotImplementedError

    def cheap(self, row: str) -> bool:
        """Whether a row of the op table calls no function, so that vectors of it may pay off."""
        return False


