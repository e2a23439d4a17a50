"""Rerolling: the loops that a straight-line graph was recorded from, found again.

A recorded loop of 1,000 steps is 1,000 copies of its body. Machine code of all copies takes long to make and
streams through the caches when it runs; one body in a loop does neither. So the graph's computing nodes are cut into
*frames*: ``LoopFrame(start, period, count)``, whose ``count`` blocks of ``period`` nodes have the same operations,
joined alike, and ``StraightFrame(start, stop)``, the rest. Nothing is reordered except a sine or cosine that joins the
other of its pair, and nothing is computed otherwise: a rerolled graph has the same bits.

The operands of a node of a block are nodes of the same block; nodes of the block before (*carried*); or outside, and
then they are of one kind (input, constant, node) in all blocks.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._optable import OPS

Ints = NDArray[np.int64]

NONE, NODE, INPUT, CONST = range(4)  # kinds of operands
SIN, COS = next((op.name, op.pair) for op in OPS if op.pair)
# Opcodes of a sine and a cosine of one argument, side by side: one call computes both.
SIN_OF_PAIR, COS_AFTER_SIN, COS_OF_PAIR, SIN_AFTER_COS = range(256, 260)

MAX_PERIOD = 1 << 13  # nodes of a block: more code than this pays for itself nowhere
MIN_COUNT = 3  # blocks of a loop
MIN_SAVED = 48  # nodes that a loop must save
WINDOWS = 8, 32, 128, 512  # nodes that are hashed together when repetitions are looked for


@dataclass
class LinearCode:
    """The live computing nodes of a graph, in order of evaluation; leaves are found in the operands."""

    op: Ints
    kind: Ints  # (3, n): kinds of the operands
    index: Ints  # (3, n): position in this order, number of the input, or index of the constant
    guard: Ints  # number of the node's guard, or -1
    expected: Ints  # the outcome of that guard
    outputs: Ints  # (2, m): kind and index of each output
    leaves: list[tuple[int, int, int, int]]  # guards of leaves: number, kind, index, expected
    consts: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.op)


@dataclass(frozen=True)
class StraightFrame:
    start: int
    stop: int


@dataclass(frozen=True)
class LoopFrame:
    start: int
    period: int
    count: int

    @property
    def stop(self) -> int:
        return self.start + self.period*self.count


Frame = StraightFrame | LoopFrame


# ---- the nodes that count ------------------------------------------------------------------------

def live(operands: Ints, roots: Ints) -> NDArray[np.bool]:
    """The mask of the nodes that the roots depend on."""
    n = operands.shape[1]
    mark = bytearray(n + 1)  # the last one answers to operand -1
    for root in roots.tolist():
        mark[root] = 1
    a, b, c = operands.tolist()
    for i in range(n - 1, -1, -1):
        if mark[i]:
            mark[a[i]] = mark[b[i]] = mark[c[i]] = 1
    return np.frombuffer(mark, dtype=np.bool, count=n)


def paired(op: Ints, argument: Ints, alive: NDArray[np.bool], sin: int, cos: int) -> Ints:
    """(2, n): nodes, one the sine and one the cosine of the same argument, the earlier first."""
    sines, cosines = np.flatnonzero((op == sin) & alive), np.flatnonzero((op == cos) & alive)
    _, i, j = np.intersect1d(argument[sines], argument[cosines], return_indices=True)
    return np.sort(np.stack([sines[i], cosines[j]]), axis=0)


def prepare(names: Sequence[str], columns: Mapping[str, Any], outputs: Any, guards: Sequence[tuple[int, int, int]],
            join_sincos: bool = False) -> LinearCode:
    """The code of a graph: dead nodes and leaves left out. Guards are (node, outcome, number from 1).

    >>> names = ["input", "const", "add", "mul"]
    >>> columns = {"op": [0, 3, 2], "a": [0, 0, 0], "b": [-1, 0, 1], "c": [-1, -1, -1], "consts": [], "n_inputs": 1}
    >>> prepare(names, columns, [1], []).index[0].tolist()
    [0]
    """
    op = np.asarray(columns["op"], dtype=np.int64)
    operands = np.array([columns["a"], columns["b"], columns["c"]], dtype=np.int64).reshape(3, len(op))
    numbers = operands[0].copy()  # of inputs and constants
    is_input, is_const = op == names.index("input"), op == names.index("const")
    leaf = is_input | is_const
    operands[:, leaf] = -1
    outputs = np.asarray(outputs, dtype=np.int64)
    guarded = np.array([node for node, _, _ in guards], dtype=np.int64)
    alive = live(operands, np.concatenate([outputs, guarded]))
    order = np.flatnonzero(alive & ~leaf)
    ops = op.copy()
    if join_sincos and SIN in names and COS in names:
        place = 2*np.arange(len(op))
        first, second = paired(op, operands[0], alive, names.index(SIN), names.index(COS))
        sine = op[first] == names.index(SIN)
        ops[first] = np.where(sine, SIN_OF_PAIR, COS_OF_PAIR)
        ops[second] = np.where(sine, COS_AFTER_SIN, SIN_AFTER_COS)
        place[second] = place[first] + 1
        order = order[np.argsort(place[order], kind="stable")]
    kind_of = np.where(is_input, INPUT, np.where(is_const, CONST, NODE))
    index_of = np.where(leaf, numbers, 0)
    index_of[order] = np.arange(len(order))
    used = operands[:, order]
    guard, expected = np.full(len(op), -1), np.zeros(len(op), dtype=np.int64)
    leaves = []
    for node, value, number in guards:
        if leaf[node]:
            leaves.append((number, int(kind_of[node]), int(index_of[node]), int(value)))
        elif guard[node] < 0:
            guard[node], expected[node] = number, value
        elif expected[node] != value:
            raise ValueError(f"guards {guard[node]} and {number} of node {node} contradict each other")
    return LinearCode(ops[order], np.where(used < 0, NONE, kind_of[used]), np.where(used < 0, 0, index_of[used]),
                guard[order], expected[order], np.stack([kind_of[outputs], index_of[outputs]]), leaves,
                np.asarray(columns["consts"], dtype=np.float64))


# ---- repetitions ---------------------------------------------------------------------------------

def periods(words: Ints, longest: int) -> list[int]:
    """Distances at which stretches of nodes recur, the promising ones: where windows of nodes, hashed, recur.

    Short windows find inner loops; long ones are needed to tell one place of a nest of loops from another.
    """
    sums = words.astype(np.uint64)*np.uint64(0x9E3779B97F4A7C15)
    sums ^= sums >> np.uint64(29)
    factor = 0xD6E8FEB86659FD93
    found: set[int] = set()
    width = 1
    while width < WINDOWS[-1] and len(sums) > width:
        sums = sums[:-width]*np.uint64(factor) + sums[width:]
        factor = factor*factor % (1 << 64)
        width *= 2
        if width not in WINDOWS:
            continue
        order = np.argsort(sums, kind="stable")
        same = sums[order[1:]] == sums[order[:-1]]
        distances, counts = np.unique((order[1:] - order[:-1])[same], return_counts=True)
        small = distances <= longest
        distances, counts = distances[small], counts[small]
        for rank in (counts*distances, counts):
            found.update(distances[np.argsort(-rank, kind="stable")[:8]].tolist())
    return sorted(found)


def stretches(words: Ints, period: int) -> list[tuple[int, int]]:
    """Stretches (start, stop) that repeat: ``words[i] == words[i + period]`` for MIN_COUNT periods or more."""
    equal = np.concatenate([[False], words[:-period] == words[period:], [False]])
    edges = np.flatnonzero(equal[1:] != equal[:-1])
    start, stop = edges[::2], edges[1::2] + period
    keep = stop - start >= MIN_COUNT*period
    return list(zip(start[keep].tolist(), stop[keep].tolist(), strict=True))


def signature(code: LinearCode, start: int, period: int, count: int) -> Ints:
    """(count, 3*period): how operands are joined: in the block (0 ...), carried (-period ... -1), from outside."""
    stop = start + period*count
    kind = code.kind[:, start:stop].reshape(3, count, period)
    first = start + period*np.arange(count)[None, :, None]
    relative = code.index[:, start:stop].reshape(3, count, period) - first
    outside = (kind != NODE) | (relative < -period)
    joined = np.where(outside, -period - 1 - kind, relative)
    return joined.transpose(1, 0, 2).reshape(count, 3*period)


def exact(code: LinearCode, start: int, stop: int, period: int) -> list[LoopFrame]:
    """The loops among blocks whose operations repeat: blocks that are joined alike."""
    if code.op[start] in (COS_AFTER_SIN, SIN_AFTER_COS):
        start += 1  # a pair stays in one block
    count = (stop - start)//period
    if count < MIN_COUNT:
        return []
    joined = signature(code, start, period, count)
    same = np.concatenate([[False], (joined[1:] == joined[:-1]).all(axis=1), [False]])
    edges = np.flatnonzero(same[1:] != same[:-1])
    loops = []
    end = 0  # of the loop before, in blocks
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if first > end:  # one block more, if only what it takes from before the loop differs
            model, before = joined[first], joined[first - 1]
            kind = code.kind[:, start + (first - 1)*period:start + first*period].reshape(-1)
            outside = np.where(before < 0, -period - 1 - kind, before)
            carried = (model < 0) & (model >= -period)
            if np.all(np.where(carried, before < 0, outside == model)):
                first -= 1
        end = last + 1
        if end - first >= MIN_COUNT and (end - first - 1)*period >= MIN_SAVED:
            loops.append(LoopFrame(start + first*period, period, end - first))
    return loops


def reroll(code: LinearCode, longest: int = MAX_PERIOD) -> list[Frame]:
    """The frames of a code, in order: the loops that save most, and what lies between them."""
    words = code.op*4 + np.where(code.guard >= 0, 1 + code.expected, 0)
    heap = [(-(stop - start)//period*period + period, period, start, stop)
            for period in periods(words, longest) for start, stop in stretches(words, period)]
    heapq.heapify(heap)
    taken: list[LoopFrame] = []
    free = np.ones(len(code), dtype=np.bool)

    def offer(start: int, stop: int, period: int) -> None:
        if stop - start >= MIN_COUNT*period:
            heapq.heappush(heap, (-((stop - start)//period - 1)*period, period, start, stop))

    while heap:
        _, period, start, stop = heapq.heappop(heap)
        room = free[start:stop]
        if not room.all():
            edges = np.flatnonzero(np.diff(np.concatenate([[False], room, [False]])))
            for low, high in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
                offer(start + low, start + high, period)
            continue
        for loop in exact(code, start, stop, period):
            taken.append(loop)
            free[loop.start:loop.stop] = False
    frames: list[Frame] = []
    position = 0
    for loop in sorted(taken, key=lambda one: one.start):
        if position < loop.start:
            frames.append(StraightFrame(position, loop.start))
        frames.append(loop)
        position = loop.stop
    if position < len(code):
        frames.append(StraightFrame(position, len(code)))
    return frames
