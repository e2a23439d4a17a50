"""Recorded paths described for people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from .._core import Tensor
from .._program import Graph
from . import guards, pytree, reads
from .path import Program


def described(program: Program) -> Iterator[str]:
    """Arguments and value, sizes, captured leaves, constants and guards, a line each."""
    for name, tree in zip(program.names, program.shapes, strict=True):
        yield f"{name}: {pytree.describe(tree)}"
    yield f"value: {pytree.describe(program.out)}"
    yield f"{program.operations} operations recorded"
    for request, executable in program.codes.items():
        how = "machine code" if executable.machine is not None else "interpreted"
        yield f"{request.kind}: {executable.instructions} instructions, {executable.slots} slots, {how}"
    for leaf, shape in zip(program.captured, program.captured_shapes, strict=True):
        what = f"an array of shape {shape}" if isinstance(leaf, Tensor) else "a number"
        yield f"captured: {leaf.name or type(leaf).__name__} ({what}), read at each call"
    if program.reads is not None:
        yield from reads.described(program.reads)
    if text := constants(program.graph):
        yield f"constants: {text}"
    yield from program.branches.lines
    yield f"guards: {len(program.guards)}"
    for text in guards.listed(program.guards):
        yield f"    {text}"


def constants(graph: Graph, most: int = 8) -> str:
    """The first constants of a graph."""
    numbers = list(dict.fromkeys(graph.columns()["consts"].tolist()))
    shown = ", ".join(f"{x:g}" for x in itertools.islice(numbers, most))
    return shown + (f", ... ({len(numbers)} in all)" if len(numbers) > most else "")
