"""Bytecode: each fused instruction of the table is written where it should be, and computes what the graph says."""

import re
from pathlib import Path

import numpy as np
import pytest
from lanes_support import Nodes, differ, interpreter, lanes

from cgrad._program import Executable

TABLE = Path(__file__).resolve().parents[2] / "src" / "cgrad" / "core" / "program" / "bytecode.def"
FUSED = re.findall(r"^[A-Z]+\((\w+)[,)]", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
COMPARISONS = ("lt", "le", "eq", "ne")
INPUTS = 5


def chosen(comparison):
    return lambda op: [op("where", op(comparison, 0, 1), 2, 3)]


def repeated(build):
    """The same twice: neighbours become a run."""
    return lambda op: [build(op, 0, 1, 2), build(op, 2, 3, 4)]


def dot(op, first, *pairs, kind="add"):
    """``first`` and the products of these pairs, added or subtracted from left to right."""
    total = first
    for pair in pairs:
        total = op(kind, total, op("mul", *pair))
    return total


def after_mul(op):
    """x0*x1 + s*x4 right behind s."""
    product = op("mul", 0, 1)
    last = op("mul", op("exp", 2), 3)
    return [op("add", product, op("mul", op("fma", last, 3, 2), 4))]


# instruction -> outputs of a graph over five inputs, built by op(name, *operands)
GRAPHS = {
    "MULADD": lambda op: [dot(op, 0, (1, 2))],
    "MULSUB": lambda op: [dot(op, 0, (1, 2), kind="sub")],
    "SUBMUL": lambda op: [op("sub", op("mul", 0, 1), 2)],
    "MUL2": lambda op: [op("add", op("mul", 0, 1), op("mul", 2, 3))],
    "MUL2_LAST": after_mul,
    "MUL2SUB": lambda op: [op("sub", op("mul", 0, 1), op("mul", 2, 3))],
    "MUL3": lambda op: [op("mul", op("mul", 0, 1), 2)],
    "MUL3ADD": lambda op: [op("add", 3, op("mul", op("mul", 0, 1), 2))],
    "MUL3MUL": lambda op: [op("add", op("mul", op("mul", 0, 1), 2), op("mul", 3, 4))],
    **{f"WHERE_{name.upper()}": chosen(name) for name in COMPARISONS},
    "SINCOS": lambda op: [op("sin", 0), op("cos", 0)],
    "DOT": lambda op: [dot(op, 0, (1, 2), (3, 4))],
    "DOT0": lambda op: [dot(op, op("mul", 0, 1), (1, 2), (3, 4))],
    "SDOT": lambda op: [dot(op, 0, (1, 2), (3, 4), kind="sub")],
    "SDOT0": lambda op: [dot(op, op("mul", 0, 1), (1, 2), (3, 4), kind="sub")],
    "ADDS": repeated(lambda op, x, y, z: op("add", x, y)),
    "SUBS": repeated(lambda op, x, y, z: op("sub", x, y)),
    "MULS": repeated(lambda op, x, y, z: op("mul", x, y)),
    "MULADDS": repeated(lambda op, x, y, z: dot(op, x, (y, z))),
    "MULSUBS": repeated(lambda op, x, y, z: dot(op, x, (y, z), kind="sub")),
    "END": lambda op: [op("exp", 0)],
}
GUARDS = {f"IF_{'' if expected else 'NOT_'}{name.upper()}": (name, expected)
          for name in COMPARISONS for expected in (1, 0)}


def points():
    """Numbers of all kinds, ties and nan among them."""
    found = np.random.default_rng(3).normal(size=(64, INPUTS))
    found[::3, 1] = found[::3, 0]
    found[5, 0] = found[6, 1] = np.nan
    found[7, :2] = 0.0, -0.0
    return found


def runs_as_the_graph_says(nodes, outputs, guards=()):
    """At all points, by the interpreter and by lanes that call the same functions: to the bit."""
    given = points()
    wanted = np.array([[nodes.evaluate(point)[k] for k in outputs] for point in given])
    broken = np.zeros(len(given), bool)
    for node, expected in guards:
        broken |= np.array([nodes.evaluate(point)[node] != expected for point in given])
    for run in (interpreter, lanes("exact")):
        failed, results = run(nodes.graph(), outputs, guards, given)
        assert np.array_equal(np.asarray(failed) != 0, broken)
        assert not differ(results[~broken], wanted[~broken]).any()


def test_each_fused_instruction_has_a_graph_here():
    assert len(FUSED) == len(set(FUSED))
    assert set(FUSED) == {*GRAPHS, *GUARDS}


@pytest.mark.parametrize("name", GRAPHS)
def test_fused_instructions(name):
    nodes = Nodes(INPUTS)
    outputs = GRAPHS[name](nodes.op)
    executable = Executable(nodes.graph(), outputs)
    assert name in executable.histogram()
    runs_as_the_graph_says(nodes, outputs)


@pytest.mark.parametrize("name", GUARDS)
def test_guards(name):
    comparison, expected = GUARDS[name]
    nodes = Nodes(INPUTS)
    guards = [(nodes.op(comparison, 0, 1), expected)]
    outputs = [nodes.op("add", 2, 3)]
    assert name in Executable(nodes.graph(), outputs, guards).histogram()
    runs_as_the_graph_says(nodes, outputs, guards)


def test_guard_of_a_comparison_that_is_used():
    """It is a number then, and compared with 0."""
    for expected in (1, 0):
        nodes = Nodes(INPUTS)
        less = nodes.op("lt", 0, 1)
        outputs = [nodes.op("mul", less, 2)]
        names = Executable(nodes.graph(), outputs, [(less, expected)]).histogram()
        assert "LT" in names and ("IF_NE" if expected else "IF_NOT_NE") in names
        runs_as_the_graph_says(nodes, outputs, [(less, expected)])


def test_a_listing():
    """x0*x1 + x2, its exp, and 1 and 0, which are always among the constants: slots 0, 1; inputs 2, 3, 4."""
    nodes = Nodes(3)
    out = nodes.op("exp", nodes.op("add", nodes.op("mul", 0, 1), 2))
    executable = Executable(nodes.graph(), [out])
    assert executable.listing() == [("MULADD", 5, 4, 2, 3), ("EXP_LAST", 5, 5), ("END",)]
    assert executable.listing(lanes=True) == [("MULADD", 5, 4, 2, 3), ("EXP", 5, 5), ("END",)]
    assert executable.histogram() == {"MULADD": 1, "EXP_LAST": 1, "END": 1}
    assert executable.instructions == 2 and executable.size == 5 + 3 + 1


def test_lanes_read_nothing_from_a_register():
    nodes = Nodes(INPUTS)
    x = nodes.op("mul", 0, 1)
    for k in range(3):
        for name in ("exp", "tanh", "sin"):
            x = nodes.op(name, x)
        x = nodes.op("add", nodes.op("mul", x, 2), nodes.op("mul", k, 4))
    executable = Executable(nodes.graph(), [x])
    assert {"EXP_LAST", "MUL2_LAST"} <= {name for name, *_ in executable.listing()}
    assert not [name for name, *_ in executable.listing(lanes=True) if name.endswith("_LAST")]


def test_long_sums_are_cut():
    """An instruction takes 64 terms: what a longer sum has beyond them is a sum of its own, added first."""
    nodes = Nodes(INPUTS)
    total = 0
    for k in range(200):
        total = nodes.op("add", total, nodes.op("mul", k % INPUTS, (k + 2) % INPUTS))
        nodes.op("exp", total)
    listing = Executable(nodes.graph(), [total]).listing()
    assert sum(words[0] for name, *words in listing if name == "DOT") == 200
    assert max(words[0] for name, *words in listing if name == "DOT") <= 65
    runs_as_the_graph_says(nodes, [total])
