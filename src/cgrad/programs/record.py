"""Recording: a function runs on traced numbers, and becomes a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from .._core import Tensor, Trace, Value, condition_number, use_graph_sweeps
from .._program import Reads, graph_of_trace
from . import pytree
from .arguments import Arguments
from .guards import Guard
from .inside import graph_sweeps
from .path import Program
from .pytree import Leaf, TreeDef
from .reads import leave_out, searched
from .rewriting.branches import Branches, described

use_graph_sweeps(graph_sweeps)


def record(function: Callable[..., Any], name: str, arguments: Arguments, reason: str, backend: str,
           effects: list[Any], branches: Branches, known: Reads | None = None) -> Program:
    """Run a function, and make a program of what it did.

    reason: why it is recorded, for ``explain``. effects: containers that the function has filled itself; more are
    added. branches: which of its branches merge. known: what the function reads, if that is known to hold.
    """
    if known is None:
        search = searched(function)
        reads = Reads(search.found)
        branches.look_at(search.implicit, search.codes, arguments.trees)
    else:
        reads = known.copy()
    manner: set[str] = set()
    while True:
        found = run(function, name, arguments, branches, manner)
        if found is None:
            continue
        trace, out, outputs = found
        apart = branches.dear(trace) if not trace.effects else set()
        if not apart:
            break
        branches.apart |= apart
    graph, nodes, guards, captured = graph_of_trace(trace, outputs)
    program = Program(name, arguments.names, arguments.key, arguments.trees, out, graph, nodes,
                      [Guard(*guard) for guard in guards], captured, [v.shape for v in captured], reason, backend)
    program.conditions = trace.conditions
    program.branches = described(trace, branches)
    trace.close()
    effects += reads.filled()
    leave_out(reads, effects)
    reads.bind(program.captured)
    program.reads = reads
    return program


def run(function: Callable[..., Any], name: str, arguments: Arguments, branches: Branches,
        manner: set[str]) -> tuple[Trace, TreeDef, list[Any]] | None:
    """Run a function on traced numbers: (the recording, the structure of its value, the numbers of it).

    manner: "plain_masks" if an array of numbers is asked for elements by a mask that is traced, so that comparisons of
    arrays are guards; "copies" if elements of arrays that are moved are nodes of their own (core/tracing/trace.pxi).
    None: it turned out that one of these is needed, which was added.
    """
    leaves = leaves_of(arguments)
    args, kwargs = traced(arguments, leaves)
    with Trace(leaves, "copies" in manner) as trace:
        trace.plain_masks = "plain_masks" in manner
        targets = branches.begin(trace, function)
        try:
            value = targets(function)[0](*args, **kwargs)
            trace.finished()
        except TypeError as error:
            if "cannot be interpreted as an integer" in str(error) or "indices must be integers" in str(error):
                error.add_note(errors.integer_wanted(name))
            raise
        except IndexError as error:
            if trace.plain_masks or "must be of integer (or boolean) type" not in str(error):
                raise
            manner.add("plain_masks")
            return None
        except errors.SharedElements:
            manner.add("copies")
            return None
        branches.replaces |= targets.replaces
        results: list[Any] = []
        out = pytree.flatten(name, value, results)
        pytree.check_result(name, out)
        outputs = [x for result in results for x in elements(trace, result)]
    return trace, out, outputs


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
    numbers = list(result.flat) if isinstance(result, np.ndarray) else [result]
    return [condition_number(x) for x in numbers]
