"""One function in LLVM's intermediate language, as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .formulas import literal
from .layout import Column
from .reroll import CONST, COS_OF_PAIR, INPUT, NODE, SIN_AFTER_COS, SIN_OF_PAIR

if TYPE_CHECKING:
    from .program import Writer

OUTPUT = 5  # a kind of place, beside those of operands
ARRAY = {NODE: "%work", INPUT: "%in", OUTPUT: "%out"}
HEAD = "define i32 @{}(ptr noalias %in, ptr noalias %out, ptr noalias %work{}) #1 {{\nentry:\n"
HOISTED = 12  # values that are read once before a loop: about as many as there are registers


class Function:
    """One function being written: ``head`` runs before ``lines``; what was loaded is loaded once."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.head: list[str] = []
        self.lines: list[str] = []
        self.exits: list[str] = []
        self.loaded: dict[object, str] = {}
        self.count = 0
        self.hoisted = HOISTED
        self.label = "entry"
        self.slots = False  # whether sin and cos have their places on the stack

    def fresh(self) -> str:
        self.count += 1
        return f"%r{self.count}"

    def address(self, place: Column, lines: list[str]) -> str:
        """The address of an element, in a loop that of block %t."""
        array, offset = ARRAY.get(place.kind, ""), str(place.base)
        if place.table is not None:
            number = self.element("i32", self.writer.keep(place.table))
            offset = self.fresh()
            lines.append(f"{offset} = zext i32 {number} to i64\n")
        elif place.stride:
            key = place.kind, place.stride
            if key not in self.loaded:
                scaled, moved = self.fresh(), self.fresh()
                lines.append(f"{scaled} = mul i64 %t, {place.stride}\n")
                lines.append(f"{moved} = getelementptr double, ptr {array}, i64 {scaled}\n")
                self.loaded[key] = moved
            array = self.loaded[key]
        pointer = self.fresh()
        lines.append(f"{pointer} = getelementptr double, ptr {array}, i64 {offset}\n")
        return pointer

    def element(self, kind: str, address: int) -> str:
        """Element %t of a table."""
        pointer, value = self.fresh(), self.fresh()
        self.lines.append(f"{pointer} = getelementptr {kind}, ptr inttoptr (i64 {address} to ptr), i64 %t\n")
        self.lines.append(f"{value} = load {kind}, ptr {pointer}\n")
        return value

    def load(self, place: Column, looped: bool = False) -> str:
        """The value at a place outside this function."""
        key = place.kind, place.base, place.stride, id(place.table) if place.table is not None else 0
        if key in self.loaded:
            return self.loaded[key]
        self.loaded[key] = value = self.loading(place, looped)
        return value

    def value(self, kind: int, index: int) -> str:
        """What a node outside this function, an input or a constant is."""
        key = kind, index
        if key not in self.loaded:
            self.loaded[key] = self.load(self.writer.layout.place(kind, index))
        return self.loaded[key]

    def loading(self, place: Column, looped: bool) -> str:
        if place.kind == CONST:
            numbers = self.writer.consts
            if place.table is None and place.stride == 0:
                value = literal(numbers[place.base])
            else:
                index = place.table if place.table is not None else place.base + place.stride*np.arange(self.writer.blocks)
                value = self.element("double", self.writer.keep(numbers[index]))
        else:
            lines = self.lines
            if looped and place.table is None and place.stride == 0 and self.hoisted:
                self.hoisted -= 1
                lines = self.head
            pointer, value = self.address(place, lines), self.fresh()
            lines.append(f"{value} = load double, ptr {pointer}\n")
        return value

    def store(self, value: str, place: Column) -> None:
        self.lines.append(f"store double {value}, ptr {self.address(place, self.lines)}\n")

    def guard(self, truth: str, expected: int, name: str, failure: str) -> None:
        """Go on if an i1 is as expected; else leave by ``failure``, the text of an exit."""
        yes, no = (f"ok{name}", f"fail{name}") if expected else (f"fail{name}", f"ok{name}")
        self.lines.append(f"br i1 {truth}, label %{yes}, label %{no}\nok{name}:\n")
        self.exits.append(f"fail{name}:\n{failure}")
        self.label = f"ok{name}"

    def node(self, op: int, d: int, operands: Sequence[str]) -> str:
        """Compute a node, named d here."""
        template = self.writer.templates.get(op) or self.writer.template(op)
        if template is not None:
            self.lines.append(template.text(d, *operands))
            return template.result(d, *operands)
        if op in (SIN_OF_PAIR, COS_OF_PAIR):
            if not self.slots:
                self.slots = True
                self.head.append("%sin = alloca double\n%cos = alloca double\n")
            self.lines.append(f"call void @{self.writer.lowering.pair()}(double {operands[0]}, ptr %sin, ptr %cos)\n")
        where = "%sin" if op in (SIN_OF_PAIR, SIN_AFTER_COS) else "%cos"
        self.lines.append(f"%v{d}.0 = load double, ptr {where}\n")
        return f"%v{d}.0"

    def truth(self, op: int, d: int, value: str, expected: int) -> tuple[str, int]:
        """The i1 that a guard of the node asks, and how it must come out."""
        template = self.writer.template(op)
        if template is not None and template.condition:
            return f"%v{d}.0", expected
        return self.equal(value, expected), 1

    def equal(self, value: str, expected: int) -> str:
        truth = self.fresh()
        self.lines.append(f"{truth} = fcmp oeq double {value}, {literal(expected)}\n")
        return truth

    def text(self, name: str, counted: bool = False) -> str:
        """The whole function; ``counted`` if it is called for a block of a loop, whose number it takes."""
        enter = ["br label %start\nstart:\n"] if self.head else []
        return "".join([HEAD.format(name, ", i64 %t" if counted else ""), *self.head, *enter, *self.lines,
                        *self.exits, "}\n"])

    def looped(self, name: str, blocks: int, phis: Sequence[str] = (), after: Sequence[str] = ()) -> str:
        """The whole function, its lines run for t = 0 ... blocks - 1, and those of ``after`` then."""
        return "".join([
            HEAD.format(name, ""), *self.head, "br label %loop\nloop:\n",
            f"%t = phi i64 [0, %entry], [%next, %{self.label}]\n", *phis, *self.lines,
            f"%next = add nuw nsw i64 %t, 1\n%more = icmp ult i64 %next, {blocks}\n",
            "br i1 %more, label %loop, label %done\ndone:\n", *after, "ret i32 0\n", *self.exits, "}\n"])
