"""Programs taken apart into plain fields, for pickles and files, and put together again.

A graph is kept by the *names* of its operations, so that these may be numbered otherwise in another version. What comes
back is checked as if anybody had written it: each index, each size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import errors
from ..._optable import OPS
from ..._program import GRAPH_OPS, Graph
from .. import backends, pytree
from ..guards import Line
from ..pytree import Array, Leaf, TreeDef

ARITY = {"input": 0, "const": 1, **{op.name: op.arity for op in OPS}}
PLAIN = {op.name: [k for k, partial in enumerate(op.d) if partial is None] for op in OPS if None in op.d}
FORMER = {op.former: op.name for op in OPS if op.former}  # rows have been renamed
COMPARISONS = frozenset(op.name for op in OPS if op.comparison)


class Parts(NamedTuple):
    """The parts of a program: the arguments of ``Program``."""

    name: str
    names: tuple[str, ...]
    key: tuple[Any, ...]
    shapes: tuple[TreeDef, ...]
    out: TreeDef
    graph: Graph
    outputs: Array
    guards: Sequence[Any]  # (node, expected, line)
    captured: Sequence[Leaf]
    captured_shapes: Sequence[tuple[int, ...]]
    reason: str
    backend: str
    branches: tuple[int, tuple[str, ...]] = (0, ())  # how many were merged, and what became of them, for people


def to_fields(parts: Parts) -> dict[str, Any]:
    """A program as plain objects and arrays."""
    fields = parts._asdict()
    lines: dict[Line, int] = {}
    guards = fields.pop("guards")
    fields["guard"] = np.array([node for node, _, _ in guards], np.int32)
    fields["expected"] = np.array([expected for _, expected, _ in guards], np.uint8)
    fields["line"] = np.array([lines.setdefault(line, len(lines)) for _, _, line in guards], np.int32)
    columns = fields.pop("graph").columns()
    op = columns["op"]
    present = np.flatnonzero(np.bincount(op, minlength=len(GRAPH_OPS)))
    place = np.zeros(len(GRAPH_OPS), np.uint8)
    place[present] = np.arange(len(present))
    table = [(GRAPH_OPS[k], ARITY[GRAPH_OPS[k]]) for k in present]
    arity = np.array([n for _, n in table], np.int64)[place[op]]
    start = np.cumsum(arity) - arity
    operand = np.empty(int(arity.sum()), np.int32)
    for k, name in enumerate("abc"):
        here = arity > k
        operand[start[here] + k] = columns[name][here]
    return {**fields, "lines": list(lines), "table": table, "op": place[op], "operand": operand,
            "consts": columns["consts"], "outputs": np.asarray(parts.outputs, np.int32)}


def from_fields(fields: dict[str, Any]) -> Parts:
    """A program from such fields. Raises ProgramError unless everything that a run relies on is valid."""
    fields = dict(fields)
    table, op = [(FORMER.get(name, name), n) for name, n in fields.pop("table")], fields.pop("op")
    graph = graph_of(table, op, fields.pop("operand"), fields.pop("consts"))
    need_arguments(fields, graph.inputs)
    outputs, out = fields["outputs"], fields["out"]
    need(len(outputs) == pytree.size(out), f"{len(outputs)} outputs for {pytree.size(out)} numbers")
    need(not len(outputs) or bool(0 <= outputs.min() and outputs.max() < len(graph)), "outputs are no nodes")
    need(fields["backend"] in backends.known(), f"the backend {fields['backend']!r}")
    guards = guards_of(fields, [name for name, _ in table], op)
    trees = tuple(map(pytree.canonical, fields["shapes"]))
    keywords, *entries = fields["key"]
    key = (keywords, *[(entry[0], tree) if isinstance(entry[0], type) else tree
                       for entry, tree in zip(entries, trees, strict=True)])
    return Parts(**{**fields, "key": key, "shapes": trees, "out": pytree.canonical(out)}, graph=graph, guards=guards)


def need_arguments(fields: dict[str, Any], inputs: int) -> None:
    """Raise ProgramError unless arguments and captured leaves have a name each, and a number for each input."""
    names, key, trees, captured_shapes = (fields[k] for k in ("names", "key", "shapes", "captured_shapes"))
    need(len(names) == len(trees) == len(key) - 1, "other names than arguments")
    keywords = key[0]
    need(keywords == names[len(trees) - len(keywords):], "keywords that are no arguments")
    need(len(fields["captured"]) == len(captured_shapes), "captured values of another number")
    numbers = pytree.size(*trees, *[("array", shape) for shape in captured_shapes])
    need(numbers == inputs, f"{inputs} inputs for {numbers} numbers")


def guards_of(fields: dict[str, Any], names: list[str], op: Array) -> list[tuple[int, int, Line]]:
    """The guards, taken out of the fields. names: of the operations; op: a place among these for each node."""
    guard, expected, line, lines = (fields.pop(k) for k in ("guard", "expected", "line", "lines"))
    need(len(guard) == len(expected) == len(line), "guards of different lengths")
    if len(guard):
        in_order = 0 <= guard[0] and guard[-1] < len(op) and (np.diff(guard) >= 0).all()
        need(bool(in_order), "guards are no nodes in order")
        need(bool(np.array([name in COMPARISONS for name in names])[op[guard]].all()), "a guard is no comparison")
        need(int(expected.max()) <= 1, "a guard is expected to be neither 0 nor 1")
        need(bool(0 <= line.min() and line.max() < len(lines)), "the line of a guard is missing")
    return [(a, b, lines[c]) for a, b, c in zip(guard.tolist(), expected.tolist(), line.tolist(), strict=True)]


def graph_of(table: Sequence[tuple[str, int]], op: Array, operand: Array, consts: Array) -> Graph:
    """A graph from the names of its operations."""
    for name, arity in table:
        if name not in ARITY or name not in GRAPH_OPS:
            raise errors.unknown_operation(name)
        need(ARITY[name] == arity, f"{name} of {arity} operands")
    need(not op.size or int(op.max()) < len(table), "an operation that is not in the table")
    count: Array = np.array([n for _, n in table], np.int64)[op] if op.size else np.zeros(0, np.int64)
    need(int(count.sum()) == operand.size, "operands of another number")
    code: Array = np.array([GRAPH_OPS.index(name) for name, _ in table], np.uint8)[op] if op.size else op
    start = np.cumsum(count) - count
    columns: dict[str, Any] = {"op": code, "consts": consts}
    for k, name in enumerate("abc"):
        here = count > k
        columns[name] = np.full(op.size, -1, np.int32)
        columns[name][here] = operand[start[here] + k]
    is_input = code == GRAPH_OPS.index("input")
    columns["n_inputs"] = int(np.count_nonzero(is_input))
    columns["a"][is_input] = np.flatnonzero(is_input)
    graph = Graph.of(columns)
    for name, _ in table:
        for k in PLAIN.get(name, ()):
            nodes = columns["abc"[k]][code == GRAPH_OPS.index(name)]
            need(bool((code[nodes] == GRAPH_OPS.index("const")).all()), f"{name} of a number that is no constant")
    return graph


def need(condition: bool, what: str) -> None:
    """Raise ProgramError unless it holds."""
    if not condition:
        raise errors.damaged_program(what)
