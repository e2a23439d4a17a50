"""Shared by the comparisons with PyTorch and JAX: points, and the tolerance for two numbers."""

import math
import random

from op_support import ROWS, derivatives, free

PUBLIC = [op for op in ROWS.values() if not op.hidden]


def points(op, n: int = 40):
    """Random points of the row's domain."""
    rng = random.Random(op.name + "oracles")
    result = []
    for _ in range(n):
        point = [rng.uniform(lo, hi) for lo, hi in op.domain]
        if op.names[0] == "n":
            point[0] = float(round(point[0]))
        result.append(tuple(point))
    return result


def close(x: float, y: float, size: float, relative: float, absolute: float) -> bool:
    if math.isnan(x) or math.isnan(y) or math.isinf(x) or math.isinf(y):
        return x == y or math.isnan(x) and math.isnan(y)
    return abs(x - y) <= relative*(abs(y) + size) + absolute


def compare(op, point, theirs, relative: float, orders: int = 2, absolute: float = 0.0) -> list[str]:
    """Differences between cgrad (three ways) and theirs, {(): value, (0,): ..., (0, 1): ...}.

    A second derivative may be a difference: it counts against the largest of its order as well.
    """
    wrong = []
    largest = [max([0.0, *(abs(d) for i, d in theirs.items() if len(i) == n and math.isfinite(d))]) for n in range(3)]
    for way, found in derivatives(op, point, orders).items():
        for index, expected in theirs.items():
            size = largest[len(index)]*(len(index) > 1)
            if len(index) <= orders and not close(found[index], expected, size, relative, absolute):
                wrong.append(f"{op.name}{point} d/d{index} {way}: {found[index]!r}, theirs {expected!r}")
    return wrong


def pairs(op):
    return [(i, j) for i in free(op) for j in free(op)]
