"""An independent reference: graphs of plain Python objects that nothing ever collects or moves.

It computes in the order in which cgrad promises to (nodes from the last to the first, operands from
left to right), with Python's floats and the derivatives written out here by hand.
"""

from __future__ import annotations

import math


class Leaf:
    def __init__(self, data: float) -> None:
        self.data, self.grad = data, 0.0


class Node:
    """One operation, with the numbers it was recorded with. ``partials[k]`` belongs to ``operands[k]``."""

    count = 0

    def __init__(self, op: str, operands: list) -> None:
        Node.count += 1
        self.serial, self.op, self.grad = Node.count, op, 0.0
        self.operands = operands
        v = [x if isinstance(x, float) else x.data for x in operands]
        self.values = v
        self.data, self.partials = RULES[op](*v)


def _dot(*v):
    out = v[0]
    for k in range(1, len(v), 2):
        out += v[k]*v[k + 1]
    return out, [1.0, *(v[k + 1] if k % 2 else v[k - 1] for k in range(1, len(v)))]


def _clip(x, lo, hi):
    out = min(max(x, lo), hi)
    return out, [float(lo <= x <= hi), float(lo < hi and x < lo), float(hi < lo or x > hi)]


RULES = {
    "add": lambda x, y: (x + y, [1.0, 1.0]),
    "sub": lambda x, y: (x - y, [1.0, -1.0]),
    "mul": lambda x, y: (x*y, [y, x]),
    "sin": lambda x: (math.sin(x), [math.cos(x)]),
    "neg": lambda x: (-x, [-1.0]),
    "dot": _dot,
    "clip": _clip,
    "where": lambda c, x, y: (x if c != 0 else y, [0.0, float(c != 0), float(c == 0)]),
}


def graph(root) -> list:
    """The nodes below root, itself included, last recorded first."""
    found, todo = set(), [root]
    while todo:
        node = todo.pop()
        if isinstance(node, Node) and node not in found:
            found.add(node)
            todo.extend(x for x in node.operands if not isinstance(x, float))
    return sorted(found, key=lambda node: -node.serial)


def adjoints(root, seed: float = 1.0) -> dict:
    """The adjoint of every node and leaf below root."""
    total = {root: seed}
    for node in graph(root):
        g = total.get(node, 0.0)
        for x, d in zip(node.operands, node.partials, strict=True):
            if not isinstance(x, float):
                total[x] = total.get(x, 0.0) + g*d
    return total


def backward(root, seed: float = 1.0) -> None:
    for x, g in adjoints(root, seed).items():
        x.grad += g
