"""Graphs built by hand, and all ways to run them."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cgrad import _core, _program
from cgrad._program import Batch, Executable, Graph, Places

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(path) for path in (TESTS / "ops", TESTS) if str(path) not in sys.path]

OPCODE = {name: k for k, name in enumerate(_program.GRAPH_OPS)}
INPUT, CONST = OPCODE["input"], OPCODE["const"]
FUNCTION = {name: _core.SCALARS[k] for name, k in OPCODE.items() if k in _core.SCALARS}


class Nodes:
    """A graph as it grows; operands are nodes, or floats, which become constants."""

    def __init__(self, inputs: int) -> None:
        self.rows = [(INPUT, k, -1, -1) for k in range(inputs)]
        self.consts: list[float] = []
        self.inputs = list(range(inputs))

    def __len__(self) -> int:
        return len(self.rows)

    def _append(self, *row: int) -> int:
        self.rows.append(row)
        return len(self.rows) - 1

    def const(self, x: float) -> int:
        self.consts.append(x)
        return self._append(CONST, len(self.consts) - 1, -1, -1)

    def op(self, name: str, *operands: int | float) -> int:
        places = [self.const(x) if isinstance(x, float) else x for x in operands]
        return self._append(OPCODE[name], *places, *[-1]*(3 - len(places)))

    def columns(self) -> dict:
        op, a, b, c = np.array(self.rows, np.int64).reshape(-1, 4).T
        return {"op": op.astype(np.uint8), "a": a.astype(np.int32), "b": b.astype(np.int32), "c": c.astype(np.int32),
                "consts": np.array(self.consts, np.float64), "n_inputs": len(self.inputs)}

    def graph(self) -> Graph:
        return Graph.of(self.columns())

    def evaluate(self, inputs) -> list[float]:
        """All nodes, one by one, by the functions of the op table."""
        return evaluate(self.rows, self.consts, inputs)


def evaluate(rows, consts, inputs) -> list[float]:
    values: list[float] = []
    for op, a, b, c in rows:
        if op == INPUT:
            values.append(float(inputs[a]))
        elif op == CONST:
            values.append(float(consts[a]))
        else:
            values.append(_core.SCALARS[op](*[values[k] for k in (a, b, c) if k >= 0]))
    return values


def differ(got, want):
    """The indices where numbers differ in any bit; nan equals any nan."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return ((got != want) | (np.signbit(got) != np.signbit(want))) & ~(np.isnan(got) & np.isnan(want))


# ---- ways to run a graph ---------------------------------------------------------------------------

class Backend(NamedTuple):
    """run(graph, outputs, guards, points): (for each point 0 or the guard that failed, results: points first)."""

    name: str
    run: Callable
    exact: bool  # equal to the bit to the op table's functions
    missing: Callable[[], str] = lambda: ""  # why it cannot be used here

    def __repr__(self) -> str:
        return self.name


def over_points(code: Executable, points) -> tuple:
    """One by one, through the interpreter (or the machine code that ``code`` has been given)."""
    failed, results = np.zeros(len(points), np.int32), np.full((len(points), code.results), -77.0)
    for k, point in enumerate(points):
        failed[k] = _program.replay(code, point, results[k])
    return failed, results


def interpreter(graph, outputs, guards, points):
    return over_points(Executable(graph, outputs, guards), points)


def lanes(kind: str) -> Callable:
    def run(graph, outputs, guards, points):
        code = Executable(graph, outputs, guards)
        points = np.ascontiguousarray(points, np.float64)
        n = len(points)
        results = np.full((n, code.results), -77.0)
        batch = Batch(code, n, (places(points),), places(results), kind)
        for k in range(batch.pieces):
            assert batch.run(k) is None
        return batch.failed, results

    return run


def places(rows):
    """Places in contiguous rows, one a point."""
    columns = np.arange(rows.shape[1], dtype=np.int64)
    return Places(rows.ctypes.data + 8*columns, np.full(len(columns), 8*rows.shape[1], np.int64), rows)


def native(graph, outputs, guards, points):
    from cgrad.programs.codegen.jit import install

    code = Executable(graph, outputs, guards)
    install(code)
    assert code.machine is not None
    return over_points(code, points)


def exported(graph, outputs, guards, points):
    """By gcc, of the C text of the optimised graph."""
    from cgrad.programs.codegen.c_text import to_c

    code = Executable(graph, outputs, guards)
    rows = [tuple(row) for row in code.guards.tolist()]
    run = shared_object(to_c("f", [(code.graph.columns(), code.outputs, rows)], [""]*len(guards)))
    points = np.ascontiguousarray(points, np.float64)
    failed, results = np.zeros(len(points), np.int32), np.full((len(points), code.results), -77.0)
    for k, point in enumerate(points):
        failed[k] = run(point, results[k])
    return failed, results


@functools.lru_cache(maxsize=8)
def shared_object(text: str) -> Callable:
    """f_value of a C text."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "f.c"), Path(folder, "f.so")
        source.write_text(text + "int work_of_f(void);\nint work_of_f(void) { return F_WORK; }\n")
        subprocess.run(["gcc", "-std=c99", "-O1", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared", "-o", library,
                        source, "-lm"], check=True, capture_output=True)
        loaded = ctypes.CDLL(str(library))
    work = np.zeros(loaded.work_of_f() + 1)
    loaded.f_value.restype, loaded.f_value.argtypes = ctypes.c_int, [ctypes.c_void_p]*3
    return lambda x, y: loaded.f_value(x.ctypes.data, y.ctypes.data, work.ctypes.data)


def no_native() -> str:
    if importlib.util.find_spec("llvmlite") is None:
        return "native code needs llvmlite"
    return ""


def no_export() -> str:
    return "" if shutil.which("gcc") else "C of programs is compiled by gcc here"


BACKENDS = [
    Backend("interpreter", interpreter, True),
    *[Backend(kind, lanes(kind), kind == "exact") for kind in _program.lanes_available()],
    Backend("native", native, True, no_native),
    Backend("C", exported, True, no_export),
]


# ---- numbers -----------------------------------------------------------------------------------------

INF, NAN = float("inf"), float("nan")
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 2.5, INF, -INF, NAN, 5e-324, -5e-324, 1e-308, 1.7e308, -1.7e308, 1e22)


def special_points(arity: int):
    """All combinations of special numbers; of three not so many."""
    numbers = SPECIAL if arity < 3 else (0.0, -0.0, -1.0, 2.5, INF, NAN, -1.7e308)
    return list(itertools.product(numbers, repeat=arity))
