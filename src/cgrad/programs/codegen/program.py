"""A program as functions: pieces of straight code, loops, and the one that calls them."""

from __future__ import annotations

import numpy as np

from .function import Function, Language, Text
from .layout import OUTPUT, Column, Layout
from .loop import Body
from .reroll import CONST, INPUT, NODE, Loop, Straight

MANY = 64  # outputs to copy: beyond it by a loop


class Writer:
    """All functions of a program: ``texts``, the last of which is the entry."""

    def __init__(self, layout: Layout, language: Language, prefix: str, entry: str) -> None:
        self.layout, self.code, self.language, self.prefix = layout, layout.code, language, prefix
        self.consts = self.code.consts
        self.blocks = 0  # of the loop being written
        self.texts: list[Text] = []
        self.write(entry)

    def function(self, loops: bool = False) -> Function:
        return self.language.function(self, loops)

    def name(self) -> str:
        return f"{self.prefix}{len(self.texts)}"

    def write(self, name: str) -> None:
        plans = self.layout.plans
        entry = self.function()
        for number, kind, index, expected in self.code.leaves:
            entry.guard(-1, number, entry.value(kind, index), expected, Column(0, number, 0))
        if len(plans) == 1 and isinstance(plans[0].frame, Straight) and len(plans[0].pieces) == 1:
            self.straight(entry, *plans[0].pieces[0])
        else:
            for plan in plans:
                if isinstance(plan.frame, Loop):
                    self.blocks = plan.frame.count
                    self.texts.append(Body(self, plan, plan.frame).write(self.name()))
                else:
                    for start, stop in plan.pieces:
                        function = self.function()
                        self.straight(function, start, stop)
                        text = function.text(self.name())
                        self.texts.append(Text(self.name(), text, stop - start, blocks=1, guarded=function.guarded))
            for one in self.texts:
                entry.call(one)
        self.finish(entry)
        self.texts.append(Text(name, entry.text(name), guarded=entry.guarded))

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
                function.guard(op, i, value, expected[i], Column(0, guard[i], 0))
            if slot[i] >= 0:
                function.store(value, Column(NODE, slot[i], 0))
            for k in layout.stored.get(start + i, ()):
                function.store(value, layout.output(k))

    def finish(self, function: Function) -> None:
        """Outputs that are inputs, constants, or anywhere in a loop."""
        groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for k, kind, index in self.layout.left:
            where = self.layout.output(k)
            groups.setdefault((kind, where.kind), []).append((where.base, index))
        for kind in (NODE, INPUT, CONST):
            for to in (OUTPUT, OUTPUT + 1):
                left = groups.get((kind, to), [])
                if len(left) <= MANY:
                    for k, index in left:
                        function.store(function.value(kind, index), Column(to, k, 0))
                    continue
                numbers, index = np.array(left).T
                self.blocks = len(left)
                copy = self.function(loops=True)
                source = self.layout.slot[index] if kind == NODE else index
                copy.store(copy.load(Column(kind, 0, 0, source.astype(np.int32))),
                           Column(to, 0, 0, numbers.astype(np.int32)))
                text = Text(self.name(), copy.looped(self.name(), len(left)))
                self.texts.append(text)
                function.call(text)
