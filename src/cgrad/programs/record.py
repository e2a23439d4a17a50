"""Recording: a function runs on traced numbers, and becomes a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from .._core import Tensor, Trace, Value, use_graph_sweeps
from .._program import Reads, graph_of_trace
from . import pytree
from .arguments import Arguments
from .guards import Guard
from .inside import graph_sweeps
from .path import Program
from .pytree import Leaf
from .reads import leave_out, reads_of

use_graph_sweeps(graph_sweeps)


def record(function: Callable[..., Any], name: str, arguments: Arguments, reason: str, backend: str,
           effects: list[Any], known: Reads | None = None) -> Program:
    """Run a function, and make a program of what it did.

    reason: why it is recorded, for ``explain``. effects: containers that the function has filled itself; more are
    added. known: what the function reads, if that is known to hold.
    """
    try:
        return _record(function, name, arguments, reason, backend, effects, known, False)
    except errors.SharedElements:
        return _record(function, name, arguments, reason, backend, effects, known, True)


def _record(function: Callable[..., Any], name: str, arguments: Arguments, reason: str, backend: str,
            effects: list[Any], known: Reads | None, copies: bool) -> Program:
    """``record``. copies: elements of arrays that are moved are nodes of their own (core/tracing/trace.pxi)."""
    reads = known.copy() if known is not None else reads_of(function)
    leaves = leaves_of(arguments)
    args, kwargs = traced(arguments, leaves)
    with Trace(leaves, copies) as trace:
        try:
            value = function(*args, **kwargs)
        except TypeError as error:
            if "cannot be interpreted as an integer" in str(error) or "indices must be integers" in str(error):
                error.add_note(errors.integer_wanted(name))
            raise
        results: list[Any] = []
        out = pytree.flatten(name, value, results)
        pytree.check_result(name, out)
        outputs = [x for result in results for x in elements(trace, result)]
    graph, nodes, guards, captured = graph_of_trace(trace, outputs)
    trace.close()
    program = Program(name, arguments.names, arguments.key, arguments.trees, out, graph, nodes,
                      [Guard(*guard) for guard in guards], captured, [v.shape for v in captured], reason, backend)
    program.conditions = trace.conditions
    effects += reads.filled()
    leave_out(reads, effects)
    reads.bind(program.captured)
    program.reads = reads
    return program


def leaves_of(arguments: Arguments) -> list[Leaf]:
    """The numbers and arrays of a call as leaves."""
    return [Tensor(x, requires_grad=True) if isinstance(x, np.ndarray) else Value(x) for x in arguments.leaves]


def traced(arguments: Arguments, leaves: list[Leaf]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments with these leaves, by position and by name; those that are a leaf are called by their names."""
    rest = iter(leaves)
    given = []
    for name, tree in zip(arguments.names, arguments.trees, strict=True):
        given.append(pytree.unflatten(tree, rest))
        if isinstance(given[-1], (Value, Tensor)):
            given[-1].name = name
    keywords = arguments.key[0]
    n = len(given) - len(keywords)  # keyword-only arguments come last
    return given[:n], dict(zip(keywords, given[n:], strict=True))


def elements(trace: Trace, result: Any) -> list[Any]:
    """The numbers of a leaf of the value: Values and floats."""
    if isinstance(result, Tensor):
        return list(trace.elements(result).flat)
    return list(result.flat) if isinstance(result, np.ndarray) else [result]
