"""Loops of a program: a body that runs once a block."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .emission import Emission, FunctionBuilder, FunctionText, Language
from .layout import EACH, FIXED, Column, FramePlan, affine
from .reroll import NODE, LoopFrame

REGISTERS = 12  # values that a loop carries in registers; beyond it in the work array


@dataclass
class Carried:
    """A value handed on from block to block: that of node ``j`` of the body, and before block 0 ``first``."""

    number: int
    j: int
    first: Column
    users: list[int] = field(default_factory=list)
    slot: int = -1  # where it is, if in no register
    before: int = -1  # where a piece that runs after node j finds it


class LoopWriter:
    """Writes a loop; the operands of its body are sorted by where they come from."""

    def __init__(self, emission: Emission, language: Language, plan: FramePlan, loop: LoopFrame) -> None:
        self.emission, self.language, self.plan, self.loop = emission, language, plan, loop
        two = slice(loop.start, loop.start + 2*loop.period)  # block 0 shows what is carried in, block 1 all else
        shape = 2, loop.period, 3
        self.kinds = emission.code.kind[:, two].T.reshape(shape).tolist()
        self.indices = emission.code.index[:, two].T.reshape(shape).tolist()
        self.ops = emission.code.op[two].tolist()
        self.known: dict[tuple[int, int, int], Carried] = {}
        self.operands = [self.sorted(j) for j in range(loop.period)]
        self.carried = list(self.known.values())
        self.registers = len(plan.pieces) == 1 and len(self.carried) <= REGISTERS
        self.ends: dict[int, list[Carried]] = {}
        for value in self.carried:
            self.ends.setdefault(value.j, []).append(value)
            if not self.registers:
                value.slot = emission.layout.fresh()

    def sorted(self, j: int) -> list[int | Carried | Column]:
        """Of node j: a node of the body, a value carried, or a place outside."""
        start, period = self.loop.start, self.loop.period
        result: list[int | Carried | Column] = []
        for k, (kind, index) in enumerate(zip(self.kinds[1][j], self.indices[1][j], strict=True)):
            if kind == NODE and index >= start + period:
                result.append(index - start - period)
            elif kind == NODE and index >= start:
                first = self.emission.layout.place(self.kinds[0][j][k], self.indices[0][j][k])
                key = index - start, first.kind, first.base
                value = self.known.setdefault(key, Carried(len(self.known), index - start, first))
                value.users.append(j)
                result.append(value)
            elif kind:
                result.append(self.emission.layout.column(self.loop, j, k))
        return result

    def write(self, name: str) -> FunctionText:
        if len(self.plan.pieces) == 1:
            text, guarded = self.whole(name)
        else:
            text, guarded = self.pieces(name)
        return FunctionText(name, text, self.loop.period, self.loop.count, wide=self.plan.wide, guarded=guarded)

    def whole(self, name: str) -> tuple[str, bool]:
        """The loop as one function; and True if it has guards."""
        function = self.language.function(self.emission, loops=True)
        firsts = self.enter(function)
        values = self.nodes(function, 0, self.loop.period, alone=True)
        lasts = [values[x.j] for x in self.carried]
        carried = list(zip(firsts, lasts, strict=True)) if self.registers else []
        after = self.language.function(self.emission)
        after.count = function.count
        for j in np.flatnonzero(self.plan.mode == FIXED).tolist():
            after.store(values[j], Column(NODE, int(self.plan.base[j]), 0))
        return function.looped(name, self.loop.count, carried, after.lines), function.guarded

    def pieces(self, name: str) -> tuple[str, bool]:
        """The loop as a function that calls the pieces of the body in turn; and True if they have guards."""
        caller = self.language.function(self.emission, loops=True)
        self.enter(caller)
        texts = []
        for number, (start, stop) in enumerate(self.plan.pieces):
            function = self.language.function(self.emission)
            self.nodes(function, start, stop, alone=False)
            part = f"{name}_{number}"
            texts.append(FunctionText(part, function.text(part, counted=True), guarded=function.guarded))
            caller.call(texts[-1], counted=True)
        return "".join([*(text.text for text in texts), caller.looped(name, self.loop.count)]), caller.guarded

    def enter(self, function: FunctionBuilder) -> list[str]:
        """Read the values that are carried into block 0, before the loop."""
        lines, function.lines = function.lines, function.head
        firsts = []
        for value in self.carried:
            firsts.append(function.load(value.first, fixed=True))
            if not self.registers:
                function.store(firsts[-1], Column(NODE, value.slot, 0))
        function.lines = lines
        return firsts

    def nodes(self, function: FunctionBuilder, start: int, stop: int, alone: bool) -> dict[int, str]:
        """Compute nodes of the body; alone: they are all of it."""
        values: dict[int, str] = {}
        guard, expected, plan = self.emission.code.guard, self.emission.code.expected, self.plan
        places = [Column(NODE, base, 0 if mode == FIXED else plan.stride)
                  for base, mode in zip(plan.base.tolist(), plan.mode.tolist(), strict=True)]
        for j in range(start, stop):
            q = self.loop.start + j
            operands = []
            for x in self.operands[j]:
                if isinstance(x, Carried):
                    operands.append(self.old(function, x, start))
                elif isinstance(x, Column):
                    operands.append(function.load(x, fixed=alone))
                elif x in values:
                    operands.append(values[x])
                else:
                    operands.append(function.load(places[x]))
            values[j] = value = function.node(self.ops[j], j, operands)
            if guard[q] >= 0:
                numbers = affine(0, guard[q:self.loop.stop:self.loop.period])
                function.guard(self.ops[j], j, value, int(expected[q]), numbers)
            if plan.mode[j] == EACH or plan.mode[j] == FIXED and not alone:
                function.store(value, places[j])
            if j in plan.direct:
                function.store(value, plan.direct[j])
            if not self.registers:
                for handed in self.ends.get(j, ()):
                    self.hand_on(function, handed, value, start, stop)
        return values

    def old(self, function: FunctionBuilder, x: Carried, start: int) -> str:
        """The value carried from the block before."""
        if self.registers:
            return function.carried(x.number)
        return function.load(Column(NODE, x.before if x.j < start else x.slot, 0))

    def hand_on(self, function: FunctionBuilder, x: Carried, value: str, start: int, stop: int) -> None:
        """Put the new value in the old one's place, once that is where its later users find it."""
        if any(user > x.j for user in x.users):
            previous = self.old(function, x, start)
            if any(user >= stop for user in x.users):
                x.before = self.emission.layout.fresh()
                function.store(previous, Column(NODE, x.before, 0))
        function.store(value, Column(NODE, x.slot, 0))
