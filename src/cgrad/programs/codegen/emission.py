"""A program while it is written: its functions so far, and what all languages share of writing one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layout import Column, Layout


@dataclass(frozen=True)
class FunctionText:
    """A function, with those that it alone calls."""

    name: str
    text: str
    nodes: int = 0
    blocks: int = 1 << 30  # how often it runs
    wide: bool = False  # vectorising it pays
    guarded: bool = False  # it may return a guard's number; else it returns 0


class Emission:
    """The state of writing one program."""

    def __init__(self, layout: Layout, prefix: str) -> None:
        self.layout, self.code, self.consts = layout, layout.code, layout.code.consts
        self.prefix = prefix
        self.blocks = 0  # of the loop that is being written
        self.texts: list[FunctionText] = []  # functions, those that are called before their callers

    def next_name(self) -> str:
        """The name of the next function."""
        return f"{self.prefix}{len(self.texts)}"


class FunctionBuilder:
    """Builds one function, line by line; a language fills in how they are spelled.

    ``head`` runs before ``lines``. What was loaded is loaded once.
    """

    def __init__(self, emission: Emission, loops: bool = False) -> None:
        self.emission = emission
        self.loops = loops  # its lines run once a block
        self.head: list[str] = []
        self.lines: list[str] = []
        self.loaded: dict[object, str] = {}
        self.count = 0
        self.guarded = False

    def value(self, kind: int, index: int) -> str:
        """The value of an input, of a constant, or of a node outside this function."""
        key = kind, index
        if key not in self.loaded:
            self.loaded[key] = self.load(self.emission.layout.place(kind, index))
        return self.loaded[key]

    def load(self, place: Column, fixed: bool = False) -> str:
        """The value at a place; fixed: no block of the loop changes it."""
        key = place.kind, place.base, place.stride, id(place.table) if place.table is not None else 0
        if key not in self.loaded:
            self.loaded[key] = self.loading(place, fixed and place.table is None and not place.stride)
        return self.loaded[key]

    # ---- a language's ----------------------------------------------------------------------------

    def loading(self, place: Column, fixed: bool) -> str:
        """Load a value, and return its name."""
        raise NotImplementedError

    def store(self, value: str, place: Column) -> None:
        raise NotImplementedError

    def node(self, op: int, d: int, operands: Sequence[str]) -> str:
        """Compute a node, number d of this function, and return its name."""
        raise NotImplementedError

    def guard(self, op: int, d: int, value: str, expected: int, number: Column) -> None:
        """Return the guard's number unless node d (op -1: a leaf) is as expected."""
        raise NotImplementedError

    def call(self, text: FunctionText, counted: bool = False) -> None:
        """Call a function, and return what it returns unless 0; counted: it takes the number of the block."""
        raise NotImplementedError

    def carried(self, number: int) -> str:
        """The name of a value carried from block to block."""
        raise NotImplementedError

    def text(self, name: str, counted: bool = False) -> str:
        """The whole function; counted: it is called for each block of a loop, with its number."""
        raise NotImplementedError

    def looped(self, name: str, blocks: int, carried: Sequence[tuple[str, str]] = (), after: Sequence[str] = ()) -> str:
        """The whole function: its lines for t = 0 ... blocks - 1, then those of ``after``.

        carried: the names of values before block 0, and after each block.
        """
        raise NotImplementedError


class Language:
    """A language that programs are written in."""

    def function(self, emission: Emission, loops: bool = False) -> FunctionBuilder:
        raise NotImplementedError

    def cheap(self, row: str) -> bool:
        """True if a row of the op table calls no function, so that vectorising it may pay."""
        return False
