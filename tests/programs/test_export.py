"""C of graphs: compiled by gcc without a warning, it does what the operations do one by one, to the bit."""

import ctypes
import itertools
import re
import subprocess
import time

import numpy as np
import pytest
from graph_support import (
    GCC,
    NAMES,
    ROWS,
    Graph,
    evaluate,
    same,
    scalars,
    workload_a,
    workload_b,
    workload_c,
    workload_d,
)
from hypothesis import given, settings
from test_native import SPECIAL, guarded, points, programs

from cgrad.programs.codegen import c_text, layout
from cgrad.programs.codegen.c_text import to_c

pytestmark = pytest.mark.skipif(GCC is None, reason="needs gcc")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]


@pytest.fixture
def build(tmp_path):
    """Text -> library, with all warnings; contraction is left to the text itself."""
    def built(text, *options, strict=True):
        folder = tmp_path/str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder/"program.c").write_text(text)
        subprocess.run([GCC, *(STRICT if strict else []), *(options or ["-O2", "-march=native"]), "-fPIC", "-shared",
                        "-o", folder/"program.so", folder/"program.c", "-lm"], check=True)
        return ctypes.CDLL(str(folder/"program.so"))
    return built


def call(library, text, name, inputs, *counts):
    """(what it returns, outputs ...); the arrays end where they should."""
    work = np.full(int(re.search(r"#define \w+_WORK (\d+)", text)[1]) + 1, np.nan)
    outputs = [np.full(count + 1, 77.0) for count in counts]
    arrays = [np.array(inputs, np.float64), *outputs, work]
    answer = getattr(library, name)(*(ctypes.c_void_p(array.ctypes.data) for array in arrays))
    assert np.isnan(work[-1]) and all(output[-1] == 77.0 for output in outputs)
    return answer, *(output[:-1] for output in outputs)


def both(graph, outputs, guards=(), count=1):
    """The first ``count`` outputs as value, all of them as value and gradient."""
    columns = graph.columns()
    return to_c("f", [(columns, outputs[:count], guards), (columns, outputs, guards)], names=NAMES)


def check(build, graph, outputs, inputs, count=1, options=()):
    text = both(graph, outputs, count=count)
    library = build(text, *options)
    want = evaluate(graph, inputs)[outputs]
    answer, y = call(library, text, "f_value", inputs, count)
    assert answer == 0 and same(y, want[:count])
    answer, y, g = call(library, text, "f_value_and_grad", inputs, count, len(outputs) - count)
    assert answer == 0 and same(y, want[:count]) and same(g, want[count:])


# ---- rows ----------------------------------------------------------------------------------------

def test_every_row(build):
    g = Graph(3)
    outputs = [g.append(name, *g.inputs[:row.arity]) for name, row in ROWS.items()]
    text, known = to_c("rows", [(g.columns(), outputs, [])], names=NAMES), scalars()
    library = build(text)
    for k, row in enumerate(ROWS.values()):
        for x in points(row):
            x = [float(v) for v in x]
            answer, got = call(library, text, "rows_value", [*x, 1.0, 1.0][:3], len(outputs))
            assert answer == 0 and same(got[k], known[row.name](*x)), (row.name, x, got[k])


@pytest.mark.parametrize("name", ROWS)
def test_a_row_brings_what_it_needs(build, name):
    """And no more: nothing unused (a warning), nothing of others."""
    row = ROWS[name]
    g = Graph(row.arity)
    text = to_c("f", [(g.columns() if g.append(name, *g.inputs) < 0 else g.columns(), [row.arity], [])], names=NAMES)
    library = build(text, "-O0")
    x = [float(v) for v in next(points(row))]
    assert same(call(library, text, "f_value", x, 1)[1], scalars()[name](*x))
    assert not re.search(r"\b(CGRAD_UNUSED|c_\w+|cgrad_\w+)\b", text)
    assert ("digamma" in text) == (name in ("digamma", "polygamma"))


def test_functions_are_the_librarys(build):
    """Compilers would make x*x of pow(x, 2), and round exp(1) correctly."""
    rng = np.random.default_rng(5)
    g = Graph(1)
    outputs = [g.powc(g.inputs[0], c) for c in (2.0, 0.5, -1.0, 3.0)]
    outputs += [g.append(name, g.const(float(x))) for name in ("exp", "atanh", "tan", "sigmoid")
                for x in rng.uniform(-0.9, 0.9, 100)]
    text = to_c("c", [(g.columns(), outputs, [])], names=NAMES)
    library = build(text)
    for x in rng.uniform(0.1, 9, 2000):
        assert same(call(library, text, "c_value", [x], len(outputs))[1][:4], evaluate(g, [x])[outputs[:4]])
    assert same(call(library, text, "c_value", [x], len(outputs))[1], evaluate(g, [x])[outputs])


def test_no_contraction(build):
    g = Graph(3)
    a, b, c = g.inputs
    outputs = [g.add(g.mul(a, b), c), g.sub(g.mul(a, b), g.mul(b, c))]
    check(build, g, outputs, [1 + 2.0**-30, 1 - 2.0**-30, -1.0], options=["-O3", "-march=native", "-ffp-contract=fast"])


def test_constants_to_the_bit(build):
    g = Graph(1)
    outputs = [g.add(g.inputs[0], float(c)) for c in SPECIAL] + [g.const(float(c)) for c in SPECIAL]
    check(build, g, outputs, [0.0], count=3)
    rng = np.random.default_rng(1)
    values = rng.integers(0, 1 << 63, 2000, dtype=np.uint64).view(np.float64)
    g = Graph(1)
    check(build, g, [g.const(float(v)) for v in values], [0.0])


# ---- programs ------------------------------------------------------------------------------------

@given(program=programs())
@settings(max_examples=15, deadline=None)
def test_random_programs(tmp_path_factory, program):
    g, outputs, inputs = program
    check(build.__wrapped__(tmp_path_factory.mktemp("random")), g, outputs, inputs,
          count=1 + len(outputs)//2, options=["-O1"])


def workloads():
    rng = np.random.default_rng(7)
    yield "A", workload_a(100), rng.uniform(0.1, 0.9, 3)
    yield "B", workload_b(60, rng.normal(size=60)), np.array([100.0, 0.2, 0.05])
    yield "C", workload_c(80), rng.normal(size=80)
    yield "D", workload_d(rng.normal(size=(9, 2)), rng.choice([-1, 1], 9), hidden=6), rng.uniform(-1, 1, 67)


@pytest.mark.parametrize("piece", [7, 320])
@pytest.mark.parametrize("name, program, inputs", list(workloads()), ids=lambda x: x if isinstance(x, str) else "")
def test_workloads(build, monkeypatch, name, program, inputs, piece):
    monkeypatch.setattr(c_text, "PIECE", piece)
    check(build, *program, inputs)


def test_outputs_of_a_loop_in_both_arrays(build):
    rng = np.random.default_rng(9)
    g = Graph(2)
    x, steps = g.inputs[0], []
    for _ in range(200):
        x = g.add(g.mul(x, g.inputs[1]), g.exp(x))
        steps.append(x)
    for outputs in (steps, steps[::-1], steps[5:], [steps[k] for k in rng.permutation(200)]):
        for count in (1, 60, 100, len(outputs)):
            check(build, g, outputs, [-0.5, 0.3], count=count, options=["-O0"])


def test_guards(build):
    g, outputs, guards = guarded(30)
    texts = [f"model.py:{3 + k % 2}: x {'<' if want else '=='} /* it */" for k, (_, want) in enumerate(guards)]
    text = to_c("steps", [(g.columns(), outputs, [(*guard, k) for k, guard in enumerate(guards, 1)])], texts, names=NAMES)
    assert "    60: model.py:4: x == / * it * / (false)" in text
    library = build(text)
    inputs = np.random.default_rng(1).normal(size=30)
    assert call(library, text, "steps_value", inputs, 1)[0] == 0
    for k, value in itertools.product(range(30), (1e3, np.nan)):
        assert call(library, text, "steps_value", [*inputs[:k], value, *inputs[k + 1:]], 1)[0] == 2*k + 1


def test_programs_in_one_file(build):
    """Everything is named after the program."""
    g = Graph(1)
    texts = [to_c(name, [(columns, [out], [])], names=NAMES) for name in ("one", "two")
             for out in [g.digamma(g.sign(g.maximum(0, 0)))] for columns in [g.columns()]]
    library = build("\n".join(texts))
    for name, text in zip(("one", "two"), texts, strict=True):
        assert same(call(library, text, f"{name}_value", [2.5], 1)[1], scalars()["digamma"](1.0))


@pytest.mark.parametrize("name", ["", "2x", "a-b", "double", "f(", "é"])
def test_names(name):
    with pytest.raises(ValueError, match="cannot name a function in C"):
        to_c(name, [(Graph(1).columns(), [0], [])], names=NAMES)


@pytest.mark.parametrize("repeats", [True, False])
def test_time_of_gcc_in_proportion_to_size(build, repeats):
    def seconds(n):
        rng = np.random.default_rng(0)
        g = Graph(3)
        x, other = g.inputs[:2]
        for k in range(n//4):
            name = "add" if repeats or rng.random() < 0.5 else "sub"
            x, other = g.append(name, g.mul(x, g.inputs[1]), g.mul(g.sin(other), g.inputs[2])), x
        text = to_c("f", [(g.columns(), [x], [])], names=NAMES)
        start = time.perf_counter()
        library = build(text, "-O1")
        spent = time.perf_counter() - start
        inputs = [0.3, 0.4, 0.5]
        assert same(call(library, text, "f_value", inputs, 1)[1], evaluate(g, inputs)[x])
        return spent

    assert seconds(20_000) < 20*seconds(2_000) + 0.5


def test_pieces_are_small(monkeypatch):
    g, outputs = workload_d(np.random.default_rng(0).normal(size=(3, 2)), [1, -1, 1])
    text = both(g, outputs)
    longest = max(len(function.splitlines()) for function in re.split(r"\n(?=static int|int)", text))
    assert longest < 12*layout.PIECE
