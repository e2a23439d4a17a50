"""Machine code of graphs does what the operations do one by one, to the bit."""

import gc
import itertools
import sys
import threading
import time

import numpy as np
import pytest
from graph_support import (
    NAMES,
    ROWS,
    Graph,
    evaluate,
    functions,
    same,
    scalars,
    workload_a,
    workload_b,
    workload_c,
    workload_d,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import cgrad
from cgrad.programs.codegen import jit, layout
from cgrad.programs.codegen.reroll import MAX_PERIOD, LoopFrame, prepare, reroll

pytest.importorskip("llvmlite", reason="native code needs llvmlite")

SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e308, -5e-324, 1e-300, np.inf, -np.inf, np.nan)


def machine(graph, outputs, guards=(), **options):
    return jit.compile_native(NAMES, graph.columns(), np.array(outputs, np.int32), list(guards), functions(), **options)


def run(compiled, inputs, count):
    """(what it returns, outputs); the arrays end where they should."""
    inputs = np.array(inputs, np.float64)
    outputs, work = np.full(count + 1, 77.0), np.full(compiled.work + 1, np.nan)
    work[-1] = 78.0
    answer = compiled(inputs, outputs, work)
    assert outputs[-1] == 77.0 and work[-1] == 78.0
    return answer, outputs[:-1]


def check(graph, outputs, inputs, **options):
    answer, got = run(machine(graph, outputs, **options), inputs, len(outputs))
    assert answer == 0
    want = evaluate(graph, inputs)[outputs]
    assert same(got, want), np.flatnonzero(got != want)[:5]


# ---- rows ----------------------------------------------------------------------------------------

def points(row):
    rng = np.random.default_rng(3)
    yield from (rng.uniform(*np.transpose(row.domain)) for _ in range(30))
    yield from itertools.product(SPECIAL, repeat=row.arity)


@pytest.mark.parametrize("level", [0, 2])
def test_every_row(level):
    """Each at points of its domain and at special values, against the core's own function."""
    g = Graph(3)
    outputs = {name: g.append(name, *g.inputs[:row.arity]) for name, row in ROWS.items()}
    compiled, known = machine(g, list(outputs.values()), level=level), scalars()
    for row in ROWS.values():
        for x in points(row):
            x = [float(v) for v in x]
            answer, got = run(compiled, [*x, 1.0, 1.0][:3], len(outputs))
            k = list(outputs).index(row.name)
            assert answer == 0 and same(got[k], known[row.name](*x)), (row.name, x, got[k], known[row.name](*x))


def test_a_processor_without_rounding_and_fused_instructions(monkeypatch):
    """Then these are called."""
    monkeypatch.setattr(jit, "features", lambda llvm: frozenset())
    test_every_row(2)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_in_a_loop(name):
    """A row whose operands are carried, read in order, read out of order, and constants that change."""
    row, rng = ROWS[name], np.random.default_rng(4)
    g = Graph(40)
    order = rng.permutation(40)
    x, total = g.inputs[0], g.const(0.0)
    for k in range(40):
        operands = [x, g.inputs[order[k]], g.const(float(rng.uniform(*row.domain[-1])))]
        x = g.append(name, *operands[:row.arity])
        total = g.add(total, g.append(name, *operands[:row.arity][::-1]))
        x = g.add(x, g.inputs[k])
    check(g, [x, total], rng.uniform(*row.domain[0], 40))


def test_pow_of_whole_numbers_is_a_call():
    """LLVM would make x*x of pow(x, 2) if it knew the function."""
    rng = np.random.default_rng(5)
    g = Graph(1)
    outputs = [g.powc(g.inputs[0], c) for c in (2.0, 1.0, 0.5, -1.0, 3.0, 0.0)]
    compiled = machine(g, outputs)
    for x in rng.uniform(0.1, 9, 2000):
        assert same(run(compiled, [x], 6)[1], evaluate(g, [x])[outputs])


def test_no_contraction():
    g = Graph(3)
    a, b, c = g.inputs
    check(g, [g.add(g.mul(a, b), c), g.sub(g.mul(a, b), g.mul(b, c))], [1 + 2.0**-30, 1 - 2.0**-30, -1.0])


def test_sincos_gives_the_bits_of_sin_and_cos():
    if "sincos" not in functions():
        pytest.skip("no sincos here")
    g = Graph(1000)
    outputs = [f(x) for x in g.inputs for f in (g.sin, g.cos)]
    pairs, alone = machine(g, outputs), jit.compile_native(
        NAMES, g.columns(), np.array(outputs, np.int32), [], {k: v for k, v in functions().items() if k != "sincos"})
    rng = np.random.default_rng(6)
    for k in range(1000):
        x = rng.uniform(-1, 1, 1000)*10.0**rng.uniform(-8, 1 + k % 8, 1000)
        assert same(run(pairs, x, 2000)[1], run(alone, x, 2000)[1])


# ---- programs ------------------------------------------------------------------------------------

# copysign shows the sign of a nan, which is undefined: compilers may swap the operands of a sum.
OPS = [name for name in ROWS if name not in ("polygamma", "digamma", "lgamma", "copysign")]


@st.composite
def programs(draw):
    """Straight stretches and repeated bodies, wired at random: back a little, far back, leaves."""
    g = Graph(draw(st.integers(1, 4)))
    values = list(g.inputs)
    seed = draw(st.integers(0, 1 << 30))
    rng = np.random.default_rng(seed)

    def reach(back):
        return g.const(float(rng.choice(SPECIAL[:8]))) if back == 0 else values[max(0, len(values) - back)]

    for _ in range(draw(st.integers(1, 4))):
        size, count = draw(st.integers(1, 9)), draw(st.sampled_from([1, 2, 3, 7, 30]))
        body = [(OPS[rng.integers(len(OPS))], rng.integers(0, 2*size + 3, 3), rng.random(3) < 0.15) for _ in range(size)]
        for _ in range(count):
            for name, backs, anywhere in body:
                operands = [values[rng.integers(len(values))] if far else reach(back)
                            for back, far in zip(backs, anywhere, strict=True)]
                values.append(g.append(name, *operands[:ROWS[name].arity]))
    outputs = [int(x) for x in rng.choice(values, draw(st.integers(1, 12)))]
    return g, outputs, rng.uniform(-3, 3, g.n_inputs)


def check_random(program, piece, wide):
    g, outputs, inputs = program
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "WIDE", (1 if wide else 1 << 30, 4096))
        patch.setattr(layout, "WIDE_PIECE", piece)
        check(g, outputs, inputs, piece=piece)


ANY_PROGRAM = given(programs(), st.sampled_from([1, 2, 5, 64, 1000]), st.booleans())


@ANY_PROGRAM
@settings(max_examples=15)
def test_random_programs(program, piece, wide):
    check_random(program, piece, wide)


@pytest.mark.slow
@ANY_PROGRAM
@settings(max_examples=60)
def test_many_random_programs(program, piece, wide):
    check_random(program, piece, wide)


def workloads():
    rng = np.random.default_rng(7)
    yield "A", workload_a(100), rng.uniform(0.1, 0.9, 3)
    yield "B", workload_b(60, rng.normal(size=60)), np.array([100.0, 0.2, 0.05])
    yield "C", workload_c(80), rng.normal(size=80)
    yield "D", workload_d(rng.normal(size=(9, 2)), rng.choice([-1, 1], 9), hidden=6), rng.uniform(-1, 1, 67)


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("piece", [7, 320, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 50))])
@pytest.mark.parametrize("name, program, inputs", list(workloads()), ids=lambda x: x if isinstance(x, str) else "")
def test_workloads(name, program, inputs, piece, loops):
    check(*program, inputs, piece=piece, loops=loops)


def test_chunks(monkeypatch):
    """Functions of several modules call one another."""
    monkeypatch.setattr(jit, "CHUNK", 50)
    monkeypatch.setattr(jit, "QUICK", 100)
    for _, program, inputs in workloads():
        check(*program, inputs, piece=20, loops=False)
        check(*program, inputs, piece=20)


def test_loops_are_found():
    g, outputs = workload_a(1000)
    frames = reroll(prepare(NAMES, g.columns(), outputs, [], True))
    assert [(f.period, f.count > 900) for f in frames if isinstance(f, LoopFrame)] == [(5, True), (8, True)]
    rng = np.random.default_rng(8)
    g, outputs = workload_d(rng.normal(size=(50, 2)), rng.choice([-1, 1], 50))
    code = prepare(NAMES, g.columns(), outputs, [], True)
    alone = sum(f.period if isinstance(f, LoopFrame) else f.stop - f.start for f in reroll(code, MAX_PERIOD))
    assert alone < len(code)/20


def test_leaves_and_repeated_outputs():
    g = Graph(300)
    seven = g.const(7.0)
    outputs = [g.inputs[2], seven, g.inputs[2], g.sin(g.inputs[0]), seven, *g.inputs[::-1], *[seven]*200]
    outputs += [outputs[3], outputs[3]]
    check(g, outputs, np.arange(300.0))
    check(g, [], np.arange(300.0))
    check(Graph(1), [0], [3.0])
    assert run(machine(Graph(0), []), [0.0], 0)[0] == 0


def test_outputs_of_a_loop_in_any_order():
    rng = np.random.default_rng(9)
    g = Graph(2)
    x, steps = g.inputs[0], []
    for _ in range(200):
        x = g.add(g.mul(x, g.inputs[1]), g.exp(x))
        steps.append(x)
    for outputs in (steps, steps[::-1], steps[5:], steps[::3], [steps[k] for k in rng.permutation(200)], [steps[-1]]*3):
        check(g, outputs, [-0.5, 0.3])


def test_constants_to_the_bit():
    g = Graph(1)
    outputs = [g.add(g.inputs[0], float(c)) for c in SPECIAL] + [g.const(float(c)) for c in SPECIAL]
    check(g, outputs, [0.0])


def test_dead_nodes_are_left_out():
    g = Graph(2)
    for _ in range(500):
        g.append("sin", g.append("mul", len(g.rows) - 1, 0))
    total = g.add(0, 1)
    assert len(prepare(NAMES, g.columns(), [total], [])) == 1


# ---- guards --------------------------------------------------------------------------------------

def guarded(steps):
    """A loop with two branches a step."""
    g, guards = Graph(steps), []
    x = g.const(0.25)
    for k in range(steps):
        x = g.add(g.mul(x, 0.5), g.inputs[k])
        guards += [(g.lt(x, 100.0), 1), (g.eq(x, g.inputs[k]), 0)]
    return g, [x], guards


@pytest.mark.parametrize("steps, piece", [(1, 320), (3, 320), (60, 320), (60, 2), (60, 1)])
@pytest.mark.parametrize("loops", [True, False])
def test_the_first_guard_that_comes_out_otherwise(steps, piece, loops):
    g, outputs, guards = guarded(steps)
    compiled = machine(g, outputs, guards, piece=piece, loops=loops)
    inputs = np.random.default_rng(1).normal(size=steps)
    answer, got = run(compiled, inputs, 1)
    assert answer == 0 and same(got, evaluate(g, inputs)[outputs])
    for k in range(steps):
        for value in (1e3, np.nan):
            assert run(compiled, [*inputs[:k], value, *inputs[k + 1:]], 1)[0] == 2*k + 1
        x = evaluate(g, inputs)
        node = guards[2*k][0]
        half = x[g.rows[g.rows[node][1]][1]]  # x*0.5: an input so large that it is not felt
        huge = -1e300 if half else 0.0
        assert run(compiled, [*inputs[:k], huge, *inputs[k + 1:]], 1)[0] == 2*k + 2


def test_guards_of_leaves_values_and_equal_guards():
    g = Graph(2)
    test = g.lt(g.inputs[0], g.inputs[1])
    outputs = [g.mul(test, 3.0)]
    guards = [(g.inputs[0], 1), (test, 1), (test, 1)]
    compiled = machine(g, outputs, guards)
    assert run(compiled, [1.0, 2.0], 1)[0] == 0
    assert run(compiled, [0.5, 2.0], 1)[0] == 1
    assert run(compiled, [1.0, 1.0], 1)[0] == 2
    assert run(compiled, [1.0, np.nan], 1)[0] == 2
    with pytest.raises(ValueError, match="contradict"):
        machine(g, outputs, [(test, 1), (test, 0)])


def test_guards_in_an_order_of_their_own():
    """In a loop, numbers of guards that follow no pattern."""
    g, outputs, guards = guarded(40)
    order = np.random.default_rng(2).permutation(len(guards))
    compiled = machine(g, outputs, [guards[k] for k in order])
    inputs = np.zeros(40)
    inputs[7] = 1e3
    assert run(compiled, inputs, 1)[0] == 1 + int(np.flatnonzero(order == 14)[0])


# ---- the package ---------------------------------------------------------------------------------

def test_without_llvmlite(monkeypatch):
    monkeypatch.setattr(jit, "_binding", None)
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    with pytest.raises(ImportError, match="pycgrad"):
        jit.binding()
    with pytest.raises(ImportError, match=r"pip install 'pycgrad\[native\]'"):
        machine(Graph(1), [0])


def test_auto_makes_machine_code_once_it_pays():
    p, q = (cgrad.compile(lambda x: x*x + cgrad.sin(x), backend=backend) for backend in ("auto", "interpreter"))
    p(1.0), q(1.0)
    (code,), (other,) = p.programs[0].codes.values(), q.programs[0].codes.values()
    assert code.machine is None and code.ask_at > 1000
    for _ in range(code.ask_at + 1):
        value = p(0.5)
    assert code.machine is not None and "machine code" in p.explain()
    assert value == p(0.5) == q(0.5) and other.machine is None and other.ask_at < 0


def test_compiled_in_many_threads():
    results, g = [], Graph(1)
    outputs = [g.tanh(g.mul(g.inputs[0], float(k))) for k in range(30)]
    threads = [threading.Thread(target=lambda: results.append(machine(g, outputs))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    want = evaluate(g, [0.3])[outputs]
    assert len(results) == 8 and all(same(run(m, [0.3], 30)[1], want) for m in results)


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.slow  # large programs
def test_time_in_proportion_to_size(repeats):
    """10^5 operations take less than 20 times what 10^4 take (they take 10)."""
    def seconds(n):
        rng = np.random.default_rng(0)
        g = Graph(3)
        x, other = g.inputs[:2]
        for k in range(n//4):
            name = "add" if repeats or rng.random() < 0.5 else "sub"
            x, other = g.append(name, g.mul(x, g.inputs[1]), g.mul(g.sin(other), g.inputs[2])), x
        start = time.process_time()
        compiled = machine(g, [x])
        spent = time.process_time() - start
        assert same(run(compiled, [0.3, 0.4, 0.5], 1)[1], evaluate(g, [0.3, 0.4, 0.5])[x])
        return spent

    seconds(100)
    assert seconds(100_000) < 20*seconds(10_000) + 0.2
