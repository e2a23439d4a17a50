"""cgrad.viz as text: traces that are true (they run as Python), the order of their lines, summaries of large graphs."""

import doctest
import math
import random
import re
from pathlib import Path

import mpmath
import pytest
from hypothesis import given, settings
from viz_support import STEPS, below, chain, expression, graphs

import cgrad
import cgrad.viz
from cgrad import Value
from cgrad.viz import draw_dot, notebook, summary, to_dot, trace


def test_examples():
    assert doctest.testmod(cgrad.viz).failed == 0


# ---- trace: what it says is what was computed ----------------------------------------------------

HELPERS = {  # rows that only derivatives use, by other means
    "sech2": lambda x: Value(float(1/mpmath.cosh(x.data)**2)),
    "exp_neg_square": lambda x: Value(math.exp(-x.data*x.data)),
    "one_minus_square": lambda x: Value(1 - x.data*x.data),
}


def run(text):
    """Execute a trace line by line as Python, each on leaves; returns every name's value, checked on the way."""
    known = {name: getattr(cgrad, name) for name in dir(cgrad) if not name.startswith("_")} | HELPERS
    values, leaves = {}, {}
    for line in text.splitlines():
        if re.fullmatch(r"d\w+ ---", line):
            continue
        if match := re.fullmatch(r"(\w+) = (.*\S) {2,}(\S+)", line):
            name, right, shown = match.groups()
            result = eval(right, known | leaves)
            result = result.data if isinstance(result, Value) else float(result)
        else:
            name, shown = line.split()
            result = float(shown)
        assert name not in values, line
        assert result == pytest.approx(float(shown), rel=1e-12, abs=1e-300, nan_ok=True), line
        values[name] = float(shown)
        leaves[name] = Value(values[name])
    return values


def test_expression():
    _, _, L = expression()
    assert trace(L) == "\n".join([
        "a              2",
        "b              -3",
        "v0 = a * b     -6",
        "v1 = 10 * a    20",
        "v2 = v0 + v1   14",
        "v3 = tanh(v2)  1",
        "v4 = v3**2     1",
        "v5 = a / (-2)  -1",
        "v6 = v4 - v5   2",
    ])
    assert run(trace(L, digits=17))["v6"] == L.data


def test_documentation(capsys):
    text = (Path(__file__).parent.parent / "docs" / "viz.md").read_text(encoding="utf-8")
    code, output = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL).groups()
    exec(code, {})
    assert capsys.readouterr().out == output


def test_every_way_of_writing():
    a, b, c = Value(2.0, name="a"), Value(0.5, name="b"), Value(-1.0, name="c")
    total = a + b
    lines = []
    for v in (a - b, 1 - a, a/b, a % b, a // b, a**b, a**-2, (-3)**a, 3**a, -a, abs(c), cgrad.maximum(a, b),
              cgrad.fma(a, b, c), cgrad.clip(a, 0, 1), cgrad.where(1.0, a, b), cgrad.polygamma(1, a),
              cgrad.dot([a, 2, c], [b, 3, 4]), cgrad.dot([a], [a], c), cgrad.dot([a], [a], -1)):
        total = total + v
        lines.append(trace(v).splitlines()[-1].split("  ")[0].partition(" = ")[2])
    assert lines == [
        "a - b", "1 - a", "a / b", "a % b", "a // b", "a**b", "a**(-2)", "(-3)**a", "3**a", "-a", "abs(c)",
        "maximum(a, b)", "fma(a, b, c)", "clip(a, 0, 1)", "where(1, a, b)", "polygamma(1, a)",
        "dot([a, 2, c], [b, 3, 4])", "dot([a], [a], c)", "dot([a], [a], -1)"]
    run(trace(total, digits=17))


def test_long_dot_products_are_shortened():
    xs = [Value(float(k)) for k in range(100)]
    line = trace(cgrad.dot(xs, [1.0]*100), limit=None).splitlines()[-1]
    assert line.startswith("v100 = dot([v0, v1, v2, v3, v4, v5, ... 94 more], [1, 1, 1, 1, 1, 1, ... 94 more])  4950")


@settings(deadline=None)
@given(graphs(changing=True))
def test_trace_of_random_graphs_is_true(held):
    v = held[-1]
    values = run(trace(v, digits=17))
    last = list(values.values())[-1]
    assert last == v.data or (math.isnan(last) and math.isnan(v.data))
    nodes, _ = below(v)
    assert sum(" = " in line for line in trace(v).splitlines()) == sum(bool(x._operands) for x in nodes.values())


@settings(deadline=None)
@given(graphs(changing=True))
def test_trace_does_not_change_with_sweeps(held):
    v = held[-1]
    before = trace(v)
    v.backward()
    assert trace(v) == before


# ---- trace: the order of lines -------------------------------------------------------------------

def results(text):
    return [line.partition(" = ")[0] for line in text.splitlines() if " = " in line]


def test_order_is_that_of_recording_not_of_operands():
    x = Value(0.5, name="x")
    b = cgrad.sin(x)
    a = cgrad.cos(x)
    L = a + b
    a.name, b.name, L.name = "a", "b", "L"
    assert [line.split("  ")[0] for line in trace(L).splitlines()] == ["x", "b = sin(x)", "a = cos(x)", "L = a + b"]


@pytest.mark.parametrize("seed", range(30))
def test_order_with_several_roots_on_a_dense_tape(seed):
    """Whichever root is asked for first, and after the tape has been compacted."""
    choose = random.Random(seed)
    with cgrad.Tape() as t:
        held = [Value(choose.uniform(-2, 2), name=f"x{k}") for k in range(3)]
        for k in range(60):
            held.append(choose.choice(STEPS)(*choose.choices(held, k=3)))
            held[-1].name = f"n{k}"
        roots = choose.sample(held[3:-10], 5)  # the last ones are garbage soon
        reached = set().union(*(below(v)[0] for v in roots))
        expected = [v.name for v in held if id(v) in reached and v._op]
        text = trace(roots)
        assert results(text) == expected
        held.clear()
        before = len(t)
        t._collect()
        assert len(t) < before
        assert trace(roots) == text


def test_roots_on_several_tapes_come_tape_by_tape():
    x = Value(0.5, name="x")
    with cgrad.Tape():
        a = cgrad.sin(x)
    with cgrad.Tape():
        b = cgrad.cos(x)
    a, c, b, d = a, a + 1, b, b*2
    a.name, b.name, c.name, d.name = "abcd"
    assert results(trace([d, c])) == ["b", "d", "a", "c"]
    assert results(trace([c, d])) == ["a", "c", "b", "d"]


# ---- trace: what a line shows --------------------------------------------------------------------

def test_leaf_with_new_data_shows_what_was_recorded():
    x = Value(2.0, name="x")
    y = x*x
    x.data = 5.0
    assert trace(y).splitlines()[0].split() == ["x", "2"]
    z = y*x
    x.data = -0.0
    z = z + x
    x.data = 7.0
    lines = [line.split("  ")[0] for line in trace(z).splitlines()]
    assert lines == ["x", "x_2", "x_3", "v0 = x * x", "v1 = v0 * x_2", "v2 = v1 + x_3"]
    values = run(trace(z, digits=17))
    assert [values[name] for name in ("x", "x_2", "x_3", "v2")] == [2.0, 5.0, 0.0, 20.0]
    assert "data 7.0000" not in to_dot(z)
    assert re.findall(r"{ x \| data ([-.\d]+) ", to_dot(z)) == ["2.0000", "5.0000", "-0.0000"]
    assert "leaves      1: x\n" in summary(z)
    assert trace([z, x]).splitlines()[3].split() == ["x_4", "7"]  # asked for itself, it is what it is now
    x.data = float("nan")
    w = x + 1
    assert trace(w).splitlines()[0].split() == ["x", "nan"]


def test_constants_have_all_their_digits():
    x = Value(2.0, name="x")
    assert f"v0 = x**{1/3!r}  " in trace(x**(1/3))
    assert "v0 = polygamma(3, x)  " in trace(cgrad.polygamma(3, x))
    assert "polygamma(2, x)" in trace(cgrad.gradients(cgrad.polygamma(1, x), [x], create_graph=True).wrt(x))
    assert 'label="polygamma n=3"' in to_dot(cgrad.polygamma(3, x))
    assert 'label="**3"' in to_dot(x**3)


def test_numbers_and_leaves_are_told_apart():
    held = Value(2.0)
    assert trace(held*3 + 4).splitlines()[0].split() == ["v0", "2"]
    assert "v1 = v0 * 3" in trace(held*3)
    square, product = Value(2.0)**2, Value(2.0)*Value(3.0)
    assert "v1 = v0**2" in trace(square)
    assert "v2 = v0 * v1" in trace(product)  # leaves, although nothing references them
    named = Value(2.0, name="w")*3
    assert "v0 = w * 3" in trace(named)
    assert "v1 = 2 * v0" in trace(2.0*held)


def test_gradients_at_the_right():
    a, b, L = expression()
    L.backward()
    lines = trace(L, grads=True, digits=17).splitlines()
    assert lines[0].split() == ["data", "grad"]
    shown = {line.split()[0]: float(line.split()[-1]) for line in lines[1:]}
    assert (shown["a"], shown["b"], shown["v6"]) == (a.grad, b.grad, 1.0)


def test_names_are_kept_and_made_unique():
    x, y, z = Value(1.0, name="x"), Value(2.0, name="x"), Value(3.0, name="x_2")
    u, w = Value(4.0), Value(5.0, name="v0")
    names = list(run(trace(x + y + z + u + w)))
    assert names[:5] == ["x", "x_3", "x_2", "v1", "v0"]
    assert len(set(names)) == len(names)


def test_automatic_names_have_no_limit():
    x = a = Value(1.0, name="a")
    for _ in range(120):
        x = x + a
    assert list(run(trace(x))) == ["a", *(f"v{k}" for k in range(120))]


def test_names_fit_on_a_line():
    v = Value(1.0, name="two\nlines\t\x00" + "x"*1000) + 1
    lines = trace(v).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(r"two\nlines\t\x00xxx")
    assert re.search(r"x\.\.\. +1$", lines[0])
    assert max(map(len, lines)) < 100


def test_adjoints_by_name():
    a, b = Value(2.0, name="a"), Value(-3.0, name="b")
    L = (a*b).tanh()
    g = cgrad.gradients(L, [a, b], create_graph=True)
    text = trace({"L": L, "dL_da": g.wrt(a), "dL_db": g.wrt(b)}, digits=17)
    values = run(text)
    assert values["dL_da"] == pytest.approx(-3*(1 - math.tanh(-6)**2))
    assert values["dL_db"] == pytest.approx(2*(1 - math.tanh(-6)**2))
    assert [line.partition(" = ")[0] for line in text.splitlines()[2:]] == ["v0", "L", "dL ---", "v1", "dL_db", "dL_da"]
    g.wrt(a).name = "given"
    text = trace({"L": L, "dL_da": g.wrt(a)})
    assert "given = v1 * b" in text
    assert "dL_da = given" in text


def test_adjoints_that_are_nothing_new():
    a, b = Value(2.0, name="a"), Value(-3.0, name="b")
    for out, expected in ((a*b, ["s = a * b", "ds ---", "ds_da = b * 1", "ds_db = a * 1"]),
                          (a + b, ["s = a + b", "ds ---", "ds_da = 1", "ds_db = 1"])):
        g = cgrad.gradients(out, [a, b], create_graph=True)
        text = trace({"s": out, "ds_da": g.wrt(a), "ds_db": g.wrt(b)})
        assert [line.split("  ")[0] for line in text.splitlines()[2:]] == expected


def test_sections_of_derivatives_of_derivatives():
    """Each result's derivatives are below a line of their own, also if another result is computed from them."""
    a, b = Value(2.0, name="a"), Value(-3.0, name="b")
    L0 = cgrad.sin(a)*b
    first = cgrad.gradients(L0, [a, b], create_graph=True)
    L1 = first.wrt(a)*first.wrt(b) + a
    second = cgrad.gradients(L1, [a], create_graph=True)
    text = trace({"L0": L0, "dL0_da": first.wrt(a), "dL0_db": first.wrt(b), "L1": L1, "dL1_da": second.wrt(a)},
                 digits=17)
    values = run(text)
    assert values["L1"] == L1.data
    lines = [line.partition(" = ")[0] for line in text.splitlines()]
    assert [line for line in lines if line[0] in "dL"] == [  # dL0_db = sin(a) is older than L0
        "dL0_db", "L0", "dL0 ---", "dL0_da", "L1", "dL1 ---", "dL1_da"]
    assert "---" not in trace([L0, first.wrt(a)])
    assert "---" not in trace({"L0": L0, "dL0_da": first.wrt(a)}, limit=2)


def test_several_roots():
    a = Value(2.0, name="a")
    s = cgrad.sin(a)
    assert [line.split("  ")[0] for line in trace([s, s*a, s]).splitlines()] == ["a", "v0 = sin(a)", "v1 = v0 * a"]


def test_leaf_alone():
    assert trace(Value(2.5, name="x")) == "x  2.5"
    assert trace(Value(2.5)) == "v0  2.5"


@pytest.mark.parametrize("function", [trace, summary, to_dot, draw_dot])
@pytest.mark.parametrize("root", [1.0, "x", None, [1.0], {"a": None}])
def test_no_value(function, root):
    with pytest.raises(TypeError, match=f"{function.__name__}: root"):
        function(root)


@pytest.mark.parametrize("function", [trace, summary, to_dot, draw_dot])
def test_nothing(function):
    with pytest.raises(ValueError, match=f"{function.__name__}: root holds no Value"):
        function([])


def test_rewound():
    with cgrad.Tape() as t:
        v = Value(1.0) + 1
        t.clear()
    with pytest.raises(cgrad.TapeError):
        trace(v)
    assert notebook(v) is None


# ---- large graphs --------------------------------------------------------------------------------

def test_summary():
    _, _, L = expression()
    L.name = "L"
    assert summary(L) == "\n".join([
        "root        L = 2",
        "values      11",
        "operations  7: mul 2, add 1, div 1, powc 1, sub 1, tanh 1",
        "leaves      2: a, b",
        "numbers     2",
        "depth       5"])


def test_deep_graph():
    deep = chain(100_000)
    text = summary(deep, most=None)
    assert "values      200001\n" in text
    assert "add 100000, sin 100000" in text
    assert text.endswith("depth       200000")
    deep = chain(10_000)
    assert trace(deep, limit=None).count("\n") == 20_000
    assert to_dot(deep, limit=None).count("->") == 50_000


def test_exploration_is_bounded():
    deep = chain(50_000)
    graph = cgrad.viz._Graph([deep], 1000)
    assert not graph.complete
    assert len(graph.nodes) <= 1002
    assert re.search(r"values +over 100\d; counted are the \d+ nearest", summary(deep, most=1000))
    wide = cgrad.dot([deep]*100_000, [1.0]*100_000)
    assert cgrad.viz._Graph([wide], 100).fits(100) is False


def test_many_edges_count_as_large():
    xs = [Value(1.0) for _ in range(10)]
    v = cgrad.dot(xs*1000, xs*1000)
    assert trace(v).startswith("root ")
    assert "shape=note" in to_dot(v)
    assert notebook(v).startswith("<pre>root ")


@pytest.mark.parametrize("n", [149, 150])
def test_limit(n):
    """A chain of n steps has 2 n + 1 values."""
    small = n == 149
    assert trace(chain(n)).startswith("a  " if small else "root  ")
    assert ("->" in to_dot(chain(n))) is small
    assert trace(chain(n), limit=2*n + 1).startswith("a  ")
    assert trace(chain(n), limit=2*n).startswith("root  ")


def test_summary_beyond_the_limit_counts_numbers_as_numbers():
    x = Value(1.0, name="x")
    for _ in range(1000):
        x = x*2
    for text in (trace(x), to_dot(x).replace("\\l", "\n"), notebook(x)):
        assert re.search(r"leaves +1: x\n", text)
        assert re.search(r"numbers +1000\n", text)
