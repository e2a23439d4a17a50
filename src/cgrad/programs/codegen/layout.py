"""The layout of a program: values live in registers inside a piece of code, in the work array between pieces.

A straight frame is cut into pieces of at most ``PIECE`` nodes, and so is a loop's body: each becomes one function,
because compilers take more than linear time on long functions. A value that is read outside its piece has a slot of
the work array. Values of a loop that are read after it, or in another order, have one slot a block of the loop
(``EACH``); those that the last block alone hands on, or one piece of a body to another, have a single slot (``FIXED``).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .reroll import COS_AFTER_SIN, NODE, SIN_AFTER_COS, Frame, Ints, LinearCode, LoopFrame, StraightFrame

PIECE = 320  # nodes of a function
WIDE_PIECE = 1280  # of one whose nodes are to be joined into vectors
WIDE = 64, 4096  # nodes of bodies where that pays off: smaller ones have little to join; of all together
MANY_BLOCKS = 8  # of a loop that is worth it
NOWHERE, FIXED, EACH = range(3)
OUTPUT = 8  # a kind of place, beside those of operands; outputs from ``split`` on are another array, OUTPUT + 1


@dataclass(frozen=True)
class Column:
    """An operand in all blocks of a loop: element ``base + stride*t`` of the array of its kind, or ``table[t]``."""

    kind: int
    base: int
    stride: int
    table: NDArray[np.int32] | None = None

    def numbers(self, blocks: int) -> Ints:
        """The elements, block by block."""
        return self.base + self.stride*np.arange(blocks) if self.table is None else self.table.astype(np.int64)


@dataclass
class FramePlan:
    """A frame, its pieces, and for a loop where the values of its body's nodes are stored."""

    frame: Frame
    pieces: list[tuple[int, int]]  # of positions; of a loop, in its body
    mode: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    base: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # slot of block 0
    stride: int = 0  # slots a block
    direct: dict[int, Column] = field(default_factory=dict)  # body position -> outputs that it is, block by block
    wide: bool = False  # whether nodes of the body are to be joined into vectors


def affine(kind: int, numbers: Ints) -> Column:
    """Numbers by block as base and stride, where they are so.

    >>> affine(NODE, np.array([7, 5, 3])).stride
    -2
    """
    base = int(numbers[0])
    stride = int(numbers[1]) - base if len(numbers) > 1 else 0
    if np.array_equal(numbers, base + stride*np.arange(len(numbers))):
        return Column(kind, base, stride)
    return Column(kind, base, 0, np.ascontiguousarray(numbers, dtype=np.int32))


class Layout:
    """Plans of all frames, and the slots: ``slot[q]`` of the node at position q, -1 for none."""

    def __init__(self, code: LinearCode, frames: list[Frame], cheap: Sequence[bool] = (), piece: int = PIECE,
                 split: int = 1 << 62) -> None:
        self.code, self.split = code, split
        wide = self.find_wide([frame for frame in frames if isinstance(frame, LoopFrame)], cheap)
        self.plans = [FramePlan(frame, self.cut(frame, WIDE_PIECE if frame in wide else piece), wide=frame in wide)
                      for frame in frames]
        n = len(code)
        self.block = np.zeros(n, np.int64)  # piece of straight code, or block of a loop: numbered through
        self.part = np.zeros(n, np.int64)  # piece inside a block
        self.step = np.zeros(n, np.int64)  # in order of execution: a piece of straight code, or a whole loop
        self.looped = np.zeros(n, np.bool)
        self.carried = np.zeros((3, n), np.bool)  # operands that come from the block before
        self.slot = np.full(n, -1)
        self.stored: dict[int, list[int]] = {}  # position in straight code -> outputs that it is
        self.left: list[tuple[int, int, int]] = []  # outputs to be copied at the end: number, kind, index
        self.number()
        self.find_carried()
        needed, crossing, last = self.uses()
        self.place_outputs(needed)
        self.size = 0
        self.allocate(needed, crossing, last)

    def find_wide(self, loops: list[LoopFrame], cheap: Sequence[bool]) -> set[Frame]:
        """Loops where vectors pay off: large bodies of operations that are one instruction, run often."""
        wide: set[Frame] = set()
        left = WIDE[1]
        for loop in sorted(loops, key=lambda one: -one.count):
            if loop.count < MANY_BLOCKS or not WIDE[0] <= loop.period <= left:
                continue
            body = self.code.op[loop.start:loop.start + loop.period]
            calls = sum(int(op) >= len(cheap) or not cheap[op] for op in body.tolist())
            if 32*calls <= loop.period:
                wide.add(loop)
                left -= loop.period
        return wide

    def cut(self, frame: Frame, piece: int) -> list[tuple[int, int]]:
        start, stop = (0, frame.period) if isinstance(frame, LoopFrame) else (frame.start, frame.stop)
        offset = frame.start - start
        pieces = []
        while start < stop:
            end = min(start + piece, stop)
            if end < stop and self.code.op[offset + end] in (COS_AFTER_SIN, SIN_AFTER_COS):
                end += 1
            pieces.append((start, end))
            start = end
        return pieces

    def number(self) -> None:
        block = step = 0
        for plan in self.plans:
            frame = plan.frame
            if isinstance(frame, LoopFrame):
                span = slice(frame.start, frame.stop)
                self.block[span] = block + np.repeat(np.arange(frame.count), frame.period)
                part = np.repeat(np.arange(len(plan.pieces)), [stop - start for start, stop in plan.pieces])
                self.part[span] = np.tile(part, frame.count)
                self.step[span] = step
                self.looped[span] = True
                block, step = block + frame.count, step + 1
            else:
                for start, stop in plan.pieces:
                    self.block[start:stop], self.step[start:stop] = block, step
                    block, step = block + 1, step + 1

    def find_carried(self) -> None:
        for plan in self.plans:
            if isinstance(plan.frame, LoopFrame):
                start, period, stop = plan.frame.start, plan.frame.period, plan.frame.stop
                span = slice(start + period, stop)  # block 0 reads what was before the loop
                first = np.repeat(np.arange(start + period, stop, period), period)
                relative = self.code.index[:, span] - first
                self.carried[:, span] = (self.code.kind[:, span] == NODE) & (relative < 0) & (relative >= -period)

    def uses(self) -> tuple[NDArray[np.bool], NDArray[np.bool], Ints]:
        """Masks of the nodes read outside their block, and in another piece of it; and the last step that does so."""
        n = len(self.code)
        needed, crossing, last = np.zeros(n, np.bool), np.zeros(n, np.bool), np.zeros(n, np.int64)
        for k in range(3):
            user = np.flatnonzero((self.code.kind[k] == NODE) & ~self.carried[k])
            used = self.code.index[k, user]
            outside = self.block[user] != self.block[used]
            needed[used[outside]] = True
            np.maximum.at(last, used[outside], self.step[user[outside]])
            crossing[used[~outside & (self.part[user] != self.part[used])]] = True
        return needed, crossing, last

    def place_outputs(self, needed: NDArray[np.bool]) -> None:
        """Outputs go to where they belong as soon as they are computed, where that is a pattern."""
        kinds, indices = self.code.outputs
        looped = np.zeros(len(kinds), np.bool)
        at_node = kinds == NODE
        looped[at_node] = self.looped[indices[at_node]]
        for k in np.flatnonzero(at_node & ~looped).tolist():
            self.stored.setdefault(int(indices[k]), []).append(k)
        for k in np.flatnonzero(~at_node).tolist():
            self.left.append((k, int(kinds[k]), int(indices[k])))
        numbers = np.flatnonzero(looped)
        numbers = numbers[np.argsort(indices[numbers], kind="stable")]
        positions = indices[numbers]
        for plan in self.plans:
            frame = plan.frame
            if not isinstance(frame, LoopFrame):
                continue
            low, high = np.searchsorted(positions, [frame.start, frame.stop])
            column = (positions[low:high] - frame.start) % frame.period
            for j in np.unique(column).tolist():
                mine = numbers[low:high][column == j]
                blocks = (indices[mine] - frame.start)//frame.period
                one = self.output(int(mine.min())).kind == self.output(int(mine.max())).kind
                first = self.output(int(mine[0]))
                where = affine(first.kind, mine - mine[0] + first.base)
                if one and where.table is None and np.array_equal(blocks, np.arange(frame.count)):
                    plan.direct[j] = where
                else:
                    needed[indices[mine]] = True
                    self.left += [(k, NODE, int(indices[k])) for k in mine.tolist()]

    def allocate(self, needed: NDArray[np.bool], crossing: NDArray[np.bool], last: Ints) -> None:
        for plan in self.plans:
            if isinstance(plan.frame, LoopFrame):
                self.of_loop(plan, plan.frame, needed, crossing)
        spare: list[int] = []
        expiry: list[tuple[int, int]] = []  # (last step that reads it, slot)
        needed &= self.slot < 0
        straight = [plan for plan in self.plans if isinstance(plan.frame, StraightFrame)]
        for start, stop in (piece for plan in straight for piece in plan.pieces):
            while expiry and expiry[0][0] < self.step[start]:
                spare.append(heapq.heappop(expiry)[1])
            for q in (start + np.flatnonzero(needed[start:stop])).tolist():
                self.slot[q] = slot = spare.pop() if spare else self.fresh()
                heapq.heappush(expiry, (int(last[q]), slot))

    def of_loop(self, plan: FramePlan, loop: LoopFrame, needed: NDArray[np.bool], crossing: NDArray[np.bool]) -> None:
        shape = loop.count, loop.period
        need = needed[loop.start:loop.stop].reshape(shape)
        cross = crossing[loop.start:loop.stop].reshape(shape).any(axis=0)
        each = need[:-1].any(axis=0)
        plan.mode = np.where(each, EACH, np.where(need[-1] | cross, FIXED, NOWHERE))
        fixed = plan.mode == FIXED
        plan.stride = int(each.sum())
        # Room for a block before and one after: what is left of them in straight code at the loop's ends then
        # continues the pattern that a loop which reads these values follows.
        plan.base = np.where(each, self.size + plan.stride + np.cumsum(each) - 1, -1)
        self.size += plan.stride*(loop.count + 2)
        plan.base[fixed] = self.size + np.arange(int(fixed.sum()))
        self.size += int(fixed.sum())
        slots = np.tile(plan.base, (loop.count, 1))
        slots[:, each] += plan.stride*np.arange(loop.count)[:, None]
        self.slot[loop.start:loop.stop] = slots.reshape(-1)
        self.continued(plan, loop, needed & (self.slot < 0) & ~self.looped)

    def continued(self, plan: FramePlan, loop: LoopFrame, open_: NDArray[np.bool]) -> None:
        """Slots of nodes right before and after a loop that look like parts of blocks of it."""
        op = self.code.op
        for block in (-1, loop.count):
            first = loop.start + block*loop.period
            j = np.arange(max(0, -first), min(loop.period, len(op) - first))
            j = j[open_[first + j] & (op[first + j] == op[loop.start + j]) & (plan.mode[j] == EACH)]
            self.slot[first + j] = plan.base[j] + block*plan.stride

    def output(self, k: int) -> Column:
        """The place of output k."""
        return Column(OUTPUT, k, 0) if k < self.split else Column(OUTPUT + 1, k - self.split, 0)

    def fresh(self) -> int:
        """A slot more."""
        self.size += 1
        return self.size - 1

    def column(self, loop: LoopFrame, j: int, k: int) -> Column:
        """Operand k of node j of a loop's body, where it comes from outside."""
        at = slice(loop.start + j, loop.stop, loop.period)
        kind, index = int(self.code.kind[k, loop.start + j]), self.code.index[k, at]
        return affine(kind, self.slot[index] if kind == NODE else index)

    def place(self, kind: int, index: int) -> Column:
        """One operand from outside a piece."""
        return Column(kind, int(self.slot[index]) if kind == NODE else index, 0)
