"""Derivatives inside of a function that is being recorded, where there are choices: by graphs, not by guards."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import SCALARS, Trace
from .._program import GRAPH_OPS, Graph, forward_sweep, graph_between, reverse_sweep

CONST, MUL = GRAPH_OPS.index("const"), GRAPH_OPS.index("mul")


def graph_sweeps(trace: Trace, outs: list[Any], ins: list[Any], seeds: list[Any], cut: list[Any] | None,
                 forward: bool) -> list[Any] | None:
    """The derivatives with respect to each input, or of each output: Values and numbers. None: there is no choice.

    seeds: of the outputs, or of the inputs.
    """
    found = graph_between(trace, outs, ins, cut)
    if found is None:
        return None
    graph, nodes, values, known = found
    kept = [k for k, node in enumerate(nodes) if node >= 0]
    wrt = np.arange(len(ins), dtype=np.int32)
    outputs = np.array([nodes[k] for k in kept], np.int32)
    if forward:
        swept, derivatives, by = forward_sweep(graph, outputs, wrt)
    else:
        swept, derivatives, by = reverse_sweep(graph, outputs, wrt, True)
        seeds = [seeds[k] for k in kept]
    given = {node + by*(node >= graph.inputs): value for node, value in known.items()}
    given.update(enumerate(seeds, len(values)))
    computed = recorded(swept, given, derivatives.tolist())
    if not forward:
        return computed
    results: list[Any] = [0.0]*len(outs)
    for k, x in zip(kept, computed, strict=True):
        results[k] = x
    return results


def recorded(graph: Graph, known: dict[int, Any], wanted: list[int]) -> list[Any]:
    """These nodes of a graph, as operations on Values. known: nodes that there are."""
    columns = graph.columns()
    ops, operands = columns["op"].tolist(), np.stack([columns[name] for name in "abc"], axis=1).tolist()
    values, waiting, needed = dict(known), list(wanted), set()
    while waiting:
        node = waiting.pop()
        if node not in values and node not in needed:
            needed.add(node)
            if ops[node] != CONST:
                waiting += [k for k in operands[node] if k >= 0]
    for node in sorted(needed):
        if ops[node] == CONST:
            values[node] = float(columns["consts"][operands[node][0]])
            continue
        x = [values[k] for k in operands[node] if k >= 0]
        if ops[node] == MUL and 1.0 in (x[0] if isinstance(x[0], float) else 0, x[1] if isinstance(x[1], float) else 0):
            values[node] = x[1] if isinstance(x[0], float) and x[0] == 1 else x[0]
        else:
            values[node] = SCALARS[ops[node]](*x)
    return [values[node] for node in wanted]

