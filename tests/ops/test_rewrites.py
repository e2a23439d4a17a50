"""The rewrites: each rule is right for special numbers, and graphs and tapes use it."""

import itertools
import math
import struct

import numpy as np
import pytest
from op_support import OPS

import cgrad
from cgrad import _formula
from cgrad._core import SCALARS
from cgrad._program import GRAPH_OPS, Executable, Graph
from cgrad._rewrites import RULES

ROWS = {op.name: op for op in OPS}
FUNCTIONS = {GRAPH_OPS[code]: function for code, function in SCALARS.items()}
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1e-308, 1.7e308, -1.7e308)
NUMBERS = {"1": [1.0], "-1": [-1.0], "0": [0.0, -0.0], "+0": [0.0], "k": SPECIAL}


def parts(rule):
    """The row that a rule is of, and the texts of its operands."""
    call = _formula.parse(rule.before)
    return _formula.called(call), [_formula.ast.unparse(node) for node in call.args]


def names(texts):
    """What a rule's operands are named, in order; operands inside of others too."""
    return sorted({word for text in texts for word in "xyz" if word in text.replace("neg", "")})


def evaluated(text, values):
    """An expression of rows and operands."""
    if "!=" in text:  # a side that is known
        return values["x"] if values["k"] != 0 else values["y"]
    return eval(text, {"__builtins__": {}}, {**FUNCTIONS, **values})


def assignments(rule):
    """Each way to put special numbers into a rule: (names -> numbers, the operation before, with its numbers)."""
    row, texts = parts(rule)
    places = [k for k, text in enumerate(texts) if text in NUMBERS]
    for numbers in itertools.product(*(NUMBERS[texts[k]] for k in places)):
        given = list(texts)
        for k, number in zip(places, numbers, strict=True):
            given[k] = f"n{k}"
        fixed = {f"n{k}": number for k, number in zip(places, numbers, strict=True)}
        if "k" in texts:
            fixed["k"] = fixed[f"n{texts.index('k')}"]
        for values in itertools.product(SPECIAL, repeat=len(names(texts))):
            yield {**fixed, **dict(zip(names(texts), values, strict=True))}, f"{row}({', '.join(given)})"


def bits(x):
    return "nan" if math.isnan(x) else struct.pack("<d", x)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.before} = {rule.after}")
def test_a_rule_keeps_the_result(rule):
    """Every bit, or every bit but the sign of a zero where the rule says so."""
    other = 0
    for values, before in assignments(rule):
        want = evaluated(before, values)
        got = want if rule.after == "computed" else float(evaluated(rule.after, values))
        if rule.bits or want != 0:
            assert bits(got) == bits(want), (values, got, want)
        else:
            assert got == 0
            other += bits(got) != bits(want)
    assert rule.bits or other, "it keeps every bit: say so"


def test_what_is_no_rule():
    """-x - y is not -(x + y): where they cancel they have other zeros."""
    assert bits(-1.0 - -1.0) != bits(-(1.0 + -1.0))


def test_rules_are_well_formed():
    for rule in RULES:
        row, texts = parts(rule)
        assert len(texts) == ROWS[row].arity
        assert rule.graph or rule.tape
        assert rule.bits or not rule.graph, "graphs keep every bit"
        assert rule.graph or "neg(" not in rule.before
        assert rule.why
    assert len({(rule.before, rule.graph) for rule in RULES}) == len(RULES)


# ---- graphs ----------------------------------------------------------------------------------------

def made(rule, numbers):
    """The graph of what a rule rewrites, with inputs x, y, z: the rows, the constants, the node."""
    code = {name: k for k, name in enumerate(GRAPH_OPS)}
    rows = [(code["input"], k, -1, -1) for k in range(3)]
    row, texts = parts(rule)
    constants, operands = [], []
    for text in texts:
        if text in NUMBERS:
            constants.append(numbers[len(constants)])
            rows.append((code["const"], len(constants) - 1, -1, -1))
            operands.append(len(rows) - 1)
        elif text.startswith("neg("):
            rows.append((code["neg"], "xyz".index(text[4]), -1, -1))
            operands.append(len(rows) - 1)
        else:
            operands.append("xyz".index(text))
    rows.append((code[row], *operands, *[-1]*(3 - len(operands))))
    op, a, b, c = np.array(rows).T
    graph = Graph.of({"op": op.astype(np.uint8), "a": a.astype(np.int32), "b": b.astype(np.int32),
                      "c": c.astype(np.int32), "consts": np.array(constants), "n_inputs": 3})
    return graph, len(rows) - 1


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.graph], ids=lambda rule: rule.before)
def test_graphs_use_the_rule(rule):
    """The optimised graph has the operations of ``after`` and no others."""
    left = [] if "!=" in rule.after else [name for name, _ in _formula.calls(_formula.parse(rule.after))]
    for numbers in itertools.product(*(NUMBERS[text] for text in parts(rule)[1] if text in NUMBERS)):
        graph, node = made(rule, numbers)
        columns = Executable(graph, [node], []).graph.columns()
        ops = [GRAPH_OPS[op] for op in columns["op"]]
        assert sorted(op for op in ops if op not in ("input", "const")) == sorted(left)


def test_graphs_do_more_only_by_rules():
    """x - -0 is not x, 0*x not 0, 0 + x not x."""
    for row, number in (("sub", -0.0), ("mul", 0.0), ("add", 0.0), ("add", -0.0), ("div", -1.0)):
        code = {name: k for k, name in enumerate(GRAPH_OPS)}
        graph = Graph.of({"op": [code["input"], code["const"], code[row]], "a": [0, 0, 0], "b": [-1, -1, 1],
                          "c": [-1, -1, -1], "consts": [number], "n_inputs": 1})
        assert code[row] in Executable(graph, [2], []).graph.columns()["op"]


@pytest.mark.parametrize("row", [op.name for op in ROWS.values() if op.commutes])
def test_rows_that_commute(row):
    for x, y in itertools.product(SPECIAL, repeat=2):
        assert bits(FUNCTIONS[row](x, y)) == bits(FUNCTIONS[row](y, x))
    code = {name: k for k, name in enumerate(GRAPH_OPS)}
    graph = Graph.of({"op": [code["input"]]*2 + [code[row]]*2 + [code["sub"]], "a": [0, 1, 0, 1, 2],
                      "b": [-1, -1, 1, 0, 3], "c": [-1]*5, "consts": [], "n_inputs": 2})
    assert list(Executable(graph, [4], []).graph.columns()["op"]).count(code[row]) == 1


# ---- tapes -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("f, want", [
    (lambda x, y: x + y, []),  # 1*1
    (lambda x, y: x*y + x*2.0, ["add"]),  # 1*y + 1*2
    (lambda x, y: x**2.0, ["mul"]),  # 1*(2*powc(x, 1))
    (lambda x, y: (x - y)**3.0, ["powc", "mul"]),  # 1*(3*powc(x - y, 2)), times 1
    (lambda x, y: x/y, ["div"]),  # 1*(1/y)
    (lambda x, y: x*x*0.0, ["mul", "mul", "add"]),  # 0*x + 0*x: a zero times x, whose derivative may be infinite
], ids=["add", "mul", "powc", "sub", "div", "zero"])
def test_tapes_use_the_rules(f, want):
    """The operations that the derivative by x adds to the tape."""
    x, y = cgrad.Value(2.5), cgrad.Value(3.0)
    with cgrad.Tape() as tape:
        out = f(x, y)
        before = len(tape)
        cgrad.gradients(out, [x], create_graph=True).wrt(x)
        assert [node.op for node in list(tape)[before:]] == want
