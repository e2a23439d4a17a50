"""A program in LLVM's intermediate language: pieces of straight code, loops, and the function that calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .formulas import Lowering, Template
from .function import OUTPUT, Function
from .layout import Column, Layout, Plan
from .loop import Body
from .reroll import CONST, INPUT, NODE, Loop, Straight

MANY = 64  # outputs to copy: beyond it by a loop


@dataclass(frozen=True)
class Text:
    """A function, and those that it alone calls: how many nodes it has, whether it loops, whether vectors pay off."""

    name: str
    text: str
    nodes: int = 0
    loop: bool = True
    wide: bool = False


class Writer:
    """All functions of a program: ``texts``, the last of which is the entry."""

    def __init__(self, layout: Layout, names: Sequence[str], lowering: Lowering) -> None:
        self.layout, self.code, self.names, self.lowering = layout, layout.code, names, lowering
        self.consts = self.code.consts
        self.kept: list[NDArray[Any]] = []  # tables that the code reads by their address
        self.blocks = 0
        self.texts: list[Text] = []
        self.templates: dict[int, Template | None] = {}
        self.calls: list[tuple[str, bool]] = []  # functions in order, and whether they have guards

    def template(self, op: int) -> Template | None:
        """That of an operation, if it is a row of the table: the sine and cosine of a pair are none."""
        if op not in self.templates:
            self.templates[op] = self.lowering[self.names[op]] if op < len(self.names) else None
        return self.templates[op]

    def keep(self, table: NDArray[Any]) -> int:
        table = np.ascontiguousarray(table)
        self.kept.append(table)
        return int(table.ctypes.data)

    def write(self) -> None:
        plans = self.layout.plans
        whole = len(plans) == 1 and isinstance(plans[0].frame, Straight) and len(plans[0].pieces) == 1
        entry = Function(self)
        for k, kind, index, expected in self.code.leaves:
            value = entry.load(self.layout.place(kind, index))
            entry.guard(entry.equal(value, expected), 1, f".leaf{k}", f"ret i32 {k + 1}\n")
        if whole:
            self.straight(entry, *plans[0].pieces[0])
        else:
            for plan in plans:
                if isinstance(plan.frame, Loop):
                    self.loop(plan, plan.frame)
                else:
                    for start, stop in plan.pieces:
                        function = Function(self)
                        self.straight(function, start, stop)
                        function.lines.append("ret i32 0\n")
                        name = f"piece{len(self.texts)}"
                        self.add(Text(name, function.text(name), stop - start, loop=False), bool(function.exits))
            for name, guarded in self.calls:
                self.call(entry, name, guarded)
        self.finish(entry)
        self.texts.append(Text("entry", entry.text("entry")))

    def add(self, text: Text, guarded: bool) -> None:
        self.texts.append(text)
        self.calls.append((text.name, guarded))

    def call(self, function: Function, name: str, guarded: bool, more: str = "") -> None:
        result = function.fresh()
        function.lines.append(f"{result} = call i32 @{name}(ptr %in, ptr %out, ptr %work{more})\n")
        if guarded:
            n = len(function.exits)
            truth = function.fresh()
            function.lines.append(f"{truth} = icmp eq i32 {result}, 0\n")
            function.guard(truth, 1, f".call{n}", f"ret i32 {result}\n")

    def straight(self, function: Function, start: int, stop: int) -> None:
        """Nodes one after another."""
        layout, code = self.layout, self.code
        span = slice(start, stop)
        guard, expected, slot = code.guard[span].tolist(), code.expected[span].tolist(), layout.slot[span].tolist()
        kinds, indices = code.kind[:, span].T.tolist(), code.index[:, span].T.tolist()
        values: list[str] = []
        for i, op in enumerate(code.op[span].tolist()):
            operands = []
            for kind, index in zip(kinds[i], indices[i], strict=True):
                if kind == NODE and index >= start:
                    operands.append(values[index - start])
                elif kind:
                    operands.append(function.value(kind, index))
            value = function.node(op, i, operands)
            values.append(value)
            if guard[i] >= 0:
                truth, yes = function.truth(op, i, value, expected[i])
                function.guard(truth, yes, str(i), f"ret i32 {guard[i] + 1}\n")
            if slot[i] >= 0:
                function.store(value, Column(NODE, slot[i], 0))
            for k in layout.stored.get(start + i, ()):
                function.store(value, Column(OUTPUT, k, 0))

    def loop(self, plan: Plan, frame: Loop) -> None:
        self.blocks = frame.count
        body = Body(self, plan, frame)
        name = f"piece{len(self.texts)}"
        if len(plan.pieces) == 1:
            text, guarded = body.whole(name)
        else:
            text, guarded = body.pieces(name)
        self.add(Text(name, text, frame.period, wide=plan.wide), guarded)

    def finish(self, function: Function) -> None:
        """Outputs that are inputs, constants, or anywhere in a loop."""
        for kind in (NODE, INPUT, CONST):
            left = [(k, index) for k, of, index in self.layout.left if of == kind]
            if len(left) <= MANY:
                for k, index in left:
                    function.store(function.load(self.layout.place(kind, index)), Column(OUTPUT, k, 0))
                continue
            numbers, index = np.array(left).T
            self.blocks = len(left)
            source = Column(kind, 0, 0, (self.layout.slot[index] if kind == NODE else index).astype(np.int32))
            target = Column(OUTPUT, 0, 0, numbers.astype(np.int32))
            copy = Function(self)
            copy.label = "loop"
            copy.store(copy.load(source), target)
            name = f"copy{kind}"
            self.texts.append(Text(name, copy.looped(name, len(left))))
            self.call(function, name, False)
        function.lines.append("ret i32 0\n")
