"""Functions in LLVM's intermediate language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .emission import Emission, FunctionBuilder, FunctionText, Language
from .layout import OUTPUT, Column
from .lowering import Lowering, Template, literal
from .reroll import CONST, COS_OF_PAIR, INPUT, NODE, SIN_AFTER_COS, SIN_OF_PAIR

ARRAY = {NODE: "%work", INPUT: "%in", OUTPUT: "%out"}
HEAD = "define i32 @{}(ptr noalias %in, ptr noalias %out, ptr noalias %work{}) #1 {{\nentry:\n"
HOISTED = 12  # values that are read once before a loop: about as many as there are registers
# Tuned for no processor in particular: the schedulers then take a fifth less time, and the code is as fast.
ATTRIBUTES = ("attributes #0 = { nounwind willreturn memory(none) }\n"
              'attributes #1 = { nounwind "tune-cpu"="generic" }\n'
              "attributes #2 = { nounwind willreturn memory(argmem: write) }\n")


class LlvmFunction(FunctionBuilder):
    def __init__(self, emission: Emission, language: Llvm, loops: bool) -> None:
        super().__init__(emission, loops)
        self.language, self.templates = language, language.templates
        self.exits: list[str] = []
        self.hoisted = HOISTED
        self.label = "loop" if loops else "entry"
        self.slots = False  # whether sin and cos have their places on the stack

    def fresh(self) -> str:
        self.count += 1
        return f"%r{self.count}"

    def address(self, place: Column, lines: list[str]) -> str:
        """The address of an element, in a loop that of block %t."""
        array, offset = ARRAY[place.kind], str(place.base)
        if place.table is not None:
            number = self.element("i32", place.table)
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

    def element(self, kind: str, table: NDArray[Any]) -> str:
        """Element %t of a table, which the code reads by its address."""
        pointer, value = self.fresh(), self.fresh()
        address = self.language.keep(table)
        self.lines.append(f"{pointer} = getelementptr {kind}, ptr inttoptr (i64 {address} to ptr), i64 %t\n")
        self.lines.append(f"{value} = load {kind}, ptr {pointer}\n")
        return value

    def loading(self, place: Column, fixed: bool) -> str:
        if place.kind == CONST:
            if place.table is None and not place.stride:
                return literal(self.emission.consts[place.base])
            return self.element("double", self.emission.consts[place.numbers(self.emission.blocks)])
        lines = self.lines
        if fixed and self.hoisted:
            self.hoisted -= 1
            lines = self.head
        pointer, value = self.address(place, lines), self.fresh()
        lines.append(f"{value} = load double, ptr {pointer}\n")
        return value

    def store(self, value: str, place: Column) -> None:
        self.lines.append(f"store double {value}, ptr {self.address(place, self.lines)}\n")

    def node(self, op: int, d: int, operands: Sequence[str]) -> str:
        template = self.templates.get(op) or self.language.template(op)
        if template is not None:
            self.lines.append(template.text(d, *operands))
            return template.result(d, *operands)
        if op in (SIN_OF_PAIR, COS_OF_PAIR):
            if not self.slots:
                self.slots = True
                self.head.append("%sin = alloca double\n%cos = alloca double\n")
            self.lines.append(f"call void @{self.language.lowering.pair()}(double {operands[0]}, ptr %sin, ptr %cos)\n")
        where = "%sin" if op in (SIN_OF_PAIR, SIN_AFTER_COS) else "%cos"
        self.lines.append(f"%v{d}.0 = load double, ptr {where}\n")
        return f"%v{d}.0"

    def guard(self, op: int, d: int, value: str, expected: int, number: Column) -> None:
        template = self.language.template(op) if op >= 0 else None
        if template is not None and template.condition:
            truth = f"%v{d}.0"
        else:
            truth = self.fresh()
            self.lines.append(f"{truth} = fcmp oeq double {value}, {literal(expected)}\n")
            expected = 1
        name = f".{'leaf' if op < 0 else ''}{d}"
        exit_ = [f"ret i32 {number.base}\n"]
        if number.table is not None:
            lines, self.lines = self.lines, []
            result = self.element("i32", number.table)
            exit_, self.lines = [*self.lines, f"ret i32 {result}\n"], lines
        elif number.stride:
            f = f"%f{d}"
            exit_ = [f"{f}.0 = trunc i64 %t to i32\n{f}.1 = mul i32 {f}.0, {number.stride}\n",
                     f"{f}.2 = add i32 {f}.1, {number.base}\nret i32 {f}.2\n"]
        self.check(truth, expected, name, "".join(exit_))

    def check(self, truth: str, expected: int, name: str, exit_: str) -> None:
        """Go on if an i1 is as expected."""
        yes, no = (f"ok{name}", f"fail{name}") if expected else (f"fail{name}", f"ok{name}")
        self.lines.append(f"br i1 {truth}, label %{yes}, label %{no}\nok{name}:\n")
        self.exits.append(f"fail{name}:\n{exit_}")
        self.label = f"ok{name}"
        self.guarded = True

    def call(self, text: FunctionText, counted: bool = False) -> None:
        result = self.fresh()
        more = ", i64 %t" if counted else ""
        self.lines.append(f"{result} = call i32 @{text.name}(ptr %in, ptr %out, ptr %work{more})\n")
        if text.guarded:
            truth = self.fresh()
            self.lines.append(f"{truth} = icmp eq i32 {result}, 0\n")
            self.check(truth, 1, f".call{len(self.exits)}", f"ret i32 {result}\n")

    def carried(self, number: int) -> str:
        return f"%c{number}"

    def text(self, name: str, counted: bool = False) -> str:
        enter = ["br label %start\nstart:\n"] if self.head else []
        return "".join([HEAD.format(name, ", i64 %t" if counted else ""), *self.head, *enter, *self.lines,
                        "ret i32 0\n", *self.exits, "}\n"])

    def looped(self, name: str, blocks: int, carried: Sequence[tuple[str, str]] = (), after: Sequence[str] = ()) -> str:
        phis = [f"%c{number} = phi double [{first}, %entry], [{value}, %{self.label}]\n"
                for number, (first, value) in enumerate(carried)]
        return "".join([
            HEAD.format(name, ""), *self.head, "br label %loop\nloop:\n",
            f"%t = phi i64 [0, %entry], [%next, %{self.label}]\n", *phis, *self.lines,
            f"%next = add nuw nsw i64 %t, 1\n%more = icmp ult i64 %next, {blocks}\n",
            "br i1 %more, label %loop, label %done\ndone:\n", *after, "ret i32 0\n", *self.exits, "}\n"])


class Llvm(Language):
    """Rows of the op table by opcode, and the tables that code reads by their addresses."""

    def __init__(self, names: Sequence[str], functions: Mapping[str, int], features: frozenset[str]) -> None:
        self.names = names
        self.lowering = Lowering(functions, features)
        self.templates: dict[int, Template | None] = {}
        self.kept: list[NDArray[Any]] = []

    def function(self, emission: Emission, loops: bool = False) -> LlvmFunction:
        return LlvmFunction(emission, self, loops)

    def cheap(self, row: str) -> bool:
        return not self.lowering[row].calls

    def template(self, op: int) -> Template | None:
        """That of an operation, if it is a row of the table: the sine and cosine of a pair are none."""
        if op not in self.templates:
            self.templates[op] = self.lowering[self.names[op]] if op < len(self.names) else None
        return self.templates[op]

    def keep(self, table: NDArray[Any]) -> int:
        self.kept.append(np.ascontiguousarray(table))
        return int(self.kept[-1].ctypes.data)

    def head(self) -> str:
        """Declarations, which come before the functions."""
        return "".join([*self.lowering.declared.values(), ATTRIBUTES])
