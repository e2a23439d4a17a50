"""Loops in LLVM's intermediate language: one body, run once a block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .function import OUTPUT, Function
from .layout import EACH, FIXED, Column, Plan, affine
from .reroll import NODE, Loop

if TYPE_CHECKING:
    from .program import Writer

REGISTERS = 12  # values that a loop carries in registers; beyond it in the work array


@dataclass
class Carried:
    """A value handed on from block to block: what node ``j`` of the body was, and before block 0 ``first``."""

    number: int
    j: int
    first: Column
    users: list[int] = field(default_factory=list)
    slot: int = -1  # where it is, if in no register
    before: int = -1  # where a piece that runs after node j finds it


class Body:
    """The body of a loop, its operands sorted by where they come from."""

    def __init__(self, writer: Writer, plan: Plan, loop: Loop) -> None:
        self.writer, self.plan, self.loop = writer, plan, loop
        two = slice(loop.start, loop.start + 2*loop.period)  # block 0 shows what is carried in, block 1 all else
        shape = 2, loop.period, 3
        self.kinds = writer.code.kind[:, two].T.reshape(shape).tolist()
        self.indices = writer.code.index[:, two].T.reshape(shape).tolist()
        self.ops = writer.code.op[two].tolist()
        self.carried: list[Carried] = []
        self.operands = [self.sorted(j) for j in range(loop.period)]
        self.registers = len(plan.pieces) == 1 and len(self.carried) <= REGISTERS
        self.ends: dict[int, list[Carried]] = {}
        for value in self.carried:
            self.ends.setdefault(value.j, []).append(value)
            if not self.registers:
                value.slot = writer.layout.fresh()

    def sorted(self, j: int) -> list[int | Carried | Column]:
        """Of node j: a node of the body, a value carried, or a place outside."""
        layout, start, period = self.writer.layout, self.loop.start, self.loop.period
        result: list[int | Carried | Column] = []
        for k, (kind, index) in enumerate(zip(self.kinds[1][j], self.indices[1][j], strict=True)):
            if kind == NODE and index >= start + period:
                result.append(index - start - period)
            elif kind == NODE and index >= start:
                result.append(self.carry(index - start, layout.place(self.kinds[0][j][k], self.indices[0][j][k]), j))
            elif kind:
                result.append(layout.column(self.loop, j, k))
        return result

    def carry(self, j: int, first: Column, user: int) -> Carried:
        for value in self.carried:
            if value.j == j and value.first == first:
                break
        else:
            value = Carried(len(self.carried), j, first)
            self.carried.append(value)
        value.users.append(user)
        return value

    def whole(self, name: str) -> tuple[str, bool]:
        """The loop as one function, and whether it has guards."""
        function = Function(self.writer)
        function.label = "loop"
        firsts = self.enter(function)
        values = self.nodes(function, 0, self.loop.period, alone=True)
        phis = [f"%c{value.number} = phi double [{first}, %entry], [{values[value.j]}, %{function.label}]\n"
                for value, first in zip(self.carried, firsts, strict=True)] if self.registers else []
        after = Function(self.writer)
        after.count = function.count
        for j in np.flatnonzero(self.plan.mode == FIXED).tolist():
            after.store(values[j], Column(NODE, int(self.plan.base[j]), 0))
        return function.looped(name, self.loop.count, phis, after.lines), bool(function.exits)

    def pieces(self, name: str) -> tuple[str, bool]:
        """The loop as a function that calls the pieces of the body in turn."""
        caller = Function(self.writer)
        self.enter(caller)
        caller.label = "loop"
        texts = []
        for number, (start, stop) in enumerate(self.plan.pieces):
            function = Function(self.writer)
            self.nodes(function, start, stop, alone=False)
            function.lines.append("ret i32 0\n")
            texts.append(function.text(f"{name}.{number}", counted=True))
            self.writer.call(caller, f"{name}.{number}", bool(function.exits), ", i64 %t")
        return "".join([*texts, caller.looped(name, self.loop.count)]), bool(caller.exits)

    def enter(self, function: Function) -> list[str]:
        """What is carried into block 0, read before the loop."""
        lines, function.lines = function.lines, function.head
        firsts = []
        for value in self.carried:
            firsts.append(function.load(value.first))
            if not self.registers:
                function.store(firsts[-1], Column(NODE, value.slot, 0))
        function.lines = lines
        return firsts

    def nodes(self, function: Function, start: int, stop: int, alone: bool) -> dict[int, str]:
        """Nodes of the body; ``alone`` if they are all of it."""
        values: dict[int, str] = {}
        base, mode, stride = self.plan.base.tolist(), self.plan.mode.tolist(), self.plan.stride
        for j in range(start, stop):
            q = self.loop.start + j
            operands = []
            for x in self.operands[j]:
                if isinstance(x, Carried):
                    operands.append(self.old(function, x, start))
                elif isinstance(x, Column):
                    operands.append(function.load(x, looped=alone))
                elif x in values:
                    operands.append(values[x])
                else:
                    operands.append(function.load(Column(NODE, base[x], 0 if mode[x] == FIXED else stride)))
            values[j] = value = function.node(self.ops[j], j, operands)
            if self.writer.code.guard[q] >= 0:
                truth, yes = function.truth(self.ops[j], j, value, int(self.writer.code.expected[q]))
                function.guard(truth, yes, str(j), self.failure(j))
            if mode[j] == EACH or mode[j] == FIXED and not alone:
                function.store(value, Column(NODE, base[j], 0 if mode[j] == FIXED else stride))
            if j in self.plan.direct:
                out = self.plan.direct[j]
                function.store(value, Column(OUTPUT, out.base, out.stride))
            if not self.registers:
                for x in self.ends.get(j, ()):
                    self.hand_on(function, x, value, start, stop)
        return values

    def old(self, function: Function, x: Carried, start: int) -> str:
        """The value carried from the block before."""
        if self.registers:
            return f"%c{x.number}"
        return function.load(Column(NODE, x.before if x.j < start else x.slot, 0))

    def hand_on(self, function: Function, x: Carried, value: str, start: int, stop: int) -> None:
        """Put the new value in the old one's place, once that is where its later users find it."""
        if any(user > x.j for user in x.users):
            previous = self.old(function, x, start)
            if any(user >= stop for user in x.users):
                x.before = self.writer.layout.fresh()
                function.store(previous, Column(NODE, x.before, 0))
        function.store(value, Column(NODE, x.slot, 0))

    def failure(self, j: int) -> str:
        """An exit of a guard, whose number depends on the block."""
        loop = self.loop
        numbers = affine(0, self.writer.code.guard[loop.start + j:loop.stop:loop.period] + 1)
        d = f"%f{j}"
        if numbers.table is None:
            return (f"{d}.0 = trunc i64 %t to i32\n{d}.1 = mul i32 {d}.0, {numbers.stride}\n"
                    f"{d}.2 = add i32 {d}.1, {numbers.base}\nret i32 {d}.2\n")
        address = self.writer.keep(numbers.table)
        return (f"{d}.0 = getelementptr i32, ptr inttoptr (i64 {address} to ptr), i64 %t\n"
                f"{d}.1 = load i32, ptr {d}.0\nret i32 {d}.1\n")
