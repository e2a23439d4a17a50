"""A program as functions: pieces of straight code, loops, and the one that calls them."""

from __future__ import annotations

import numpy as np

from .emission import Emission, FunctionBuilder, FunctionText, Language
from .layout import OUTPUT, Column, FramePlan, Layout
from .loop import LoopWriter
from .reroll import CONST, INPUT, NODE, LoopFrame, StraightFrame

MANY = 64  # outputs to copy: beyond it by a loop


class ProgramWriter:
    """Writes all functions of a program."""

    def __init__(self, layout: Layout, language: Language, prefix: str) -> None:
        self.language = language
        self.emission = Emission(layout, prefix)

    def write(self, name: str) -> list[FunctionText]:
        """The functions, the last of which is the entry, of this name."""
        emission, plans = self.emission, self.emission.layout.plans
        entry = self.language.function(emission)
        for number, kind, index, expected in emission.code.leaves:
            entry.guard(-1, number, entry.value(kind, index), expected, Column(0, number, 0))
        if len(plans) == 1 and isinstance(plans[0].frame, StraightFrame) and len(plans[0].pieces) == 1:
            self.straight(entry, *plans[0].pieces[0])
        else:
            for plan in plans:
                self.frame(plan)
            for text in emission.texts:
                entry.call(text)
        self.outputs(entry)
        emission.texts.append(FunctionText(name, entry.text(name), guarded=entry.guarded))
        return emission.texts

    def frame(self, plan: FramePlan) -> None:
        """The functions of a frame."""
        emission = self.emission
        if isinstance(plan.frame, LoopFrame):
            emission.blocks = plan.frame.count
            emission.texts.append(LoopWriter(emission, self.language, plan, plan.frame).write(emission.next_name()))
            return
        for start, stop in plan.pieces:
            function = self.language.function(emission)
            self.straight(function, start, stop)
            name = emission.next_name()
            text = FunctionText(name, function.text(name), stop - start, blocks=1, guarded=function.guarded)
            emission.texts.append(text)

    def straight(self, function: FunctionBuilder, start: int, stop: int) -> None:
        """Nodes one after another."""
        layout, code = self.emission.layout, self.emission.code
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

    def outputs(self, entry: FunctionBuilder) -> None:
        """Outputs that are inputs, constants, or anywhere in a loop: they are copied at the end."""
        layout = self.emission.layout
        groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for k, kind, index in layout.left:
            where = layout.output(k)
            groups.setdefault((kind, where.kind), []).append((where.base, index))
        for kind in (NODE, INPUT, CONST):
            for to in (OUTPUT, OUTPUT + 1):
                left = groups.get((kind, to), [])
                if len(left) > MANY:
                    entry.call(self.copying(kind, to, left))
                    continue
                for k, index in left:
                    entry.store(entry.value(kind, index), Column(to, k, 0))

    def copying(self, kind: int, to: int, left: list[tuple[int, int]]) -> FunctionText:
        """A loop that copies values of one kind to outputs."""
        emission = self.emission
        numbers, index = np.array(left).T
        emission.blocks = len(left)
        copy = self.language.function(emission, loops=True)
        source = emission.layout.slot[index] if kind == NODE else index
        copy.store(copy.load(Column(kind, 0, 0, source.astype(np.int32))), Column(to, 0, 0, numbers.astype(np.int32)))
        name = emission.next_name()
        text = FunctionText(name, copy.looped(name, len(left)))
        emission.texts.append(text)
        return text
