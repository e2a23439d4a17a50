"""cgrad.viz as drawings: source that Graphviz accepts, displays in notebooks that never raise."""

import sys
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from viz_support import HARD_NAMES, below, chain, expression, graphs, needs_dot, parse, shown

import cgrad
import cgrad.viz
from cgrad import Value
from cgrad.viz import draw_dot, to_dot

# ---- Graphviz ------------------------------------------------------------------------------------

def test_dot_like_micrograd():
    _, _, L = expression()
    L.backward()
    records, ops, numbers, edges = parse(to_dot(L))
    nodes, _ = below(L)
    values = [v for v in nodes.values() if v._operands or v.name]
    assert sorted(records.values()) == sorted(
        f"{{ {v.name} | data {v.data:.4f} | grad {v.grad:.4f} }}" if abs(v.grad) > 1e-3 else
        f"{{ {v.name} | data {v.data:.4f} | grad {v.grad:.4g} }}" for v in values)
    assert sorted(ops.values()) == sorted(v._op for v in values if v._op)
    assert sorted(numbers.values()) == ["-2", "10"]  # the 2 of v3**2 is in the operation's symbol
    assert len(edges) == sum(len(v._operands) + 1 for v in values if v._op)


@settings(deadline=None, max_examples=50)
@given(graphs())
def test_dot_edges_are_the_graph(held):
    """As many nodes and edges as micrograd's recursion finds, and none that leads nowhere."""
    v = held[-1]
    records, ops, numbers, edges = parse(to_dot(v, limit=None))
    nodes, expected = below(v)
    assert len(records) + len(numbers) == len(nodes)
    assert len(ops) == sum(bool(x._op) for x in nodes.values())
    assert len(edges) == len(expected) + len(ops)
    assert {source for source, _ in edges} | {target for _, target in edges} <= {*records, *ops, *numbers}


def test_options_of_drawings():
    v = Value(2.0, name="a")**2
    assert 'label="{ a | data 2.0000 }"' in to_dot(v, grad=False)
    assert 'label="{ a | shape () | grad 0.0000 }"' in to_dot(v, shape=True)
    assert "rankdir=TB" in to_dot(v, rankdir="TB")
    assert 'label="{ square | data 4.0000 | grad 0.0000 }"' in to_dot({"square": v})
    for function in (to_dot, draw_dot):
        with pytest.raises(ValueError, match=f"{function.__name__}: rankdir is 'up'"):
            function(v, rankdir="up")
    digraph = draw_dot(root=v, rankdir="TB", shape=True, grad=False)
    assert "rankdir=TB" in digraph.source
    assert 'label="{ a | shape () }"' in digraph.source
    assert draw_dot(v, "png", "LR").format == "png"
    assert "data 1e+300 | grad 1e-09" in to_dot(scaled(1e300, 1e-9))


def scaled(x, grad):
    v = Value(x)
    v.grad = grad
    return v


def test_draw_dot_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=r"draw_dot: the package graphviz is missing.*pycgrad\[viz\].*to_dot"):
        draw_dot(Value(1.0) + 1)
    assert to_dot(Value(1.0) + 1).startswith("digraph {")


@needs_dot
@pytest.mark.parametrize("name", HARD_NAMES)
def test_any_name_is_drawn_as_text(name):
    v = Value(1.0, name=name)*Value(2.0, name=name)
    v.name = name
    root = ET.fromstring(draw_dot(v).pipe(format="svg"))
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    shown = name if name.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    assert sum(" ".join(text.split()) == " ".join(shown.split()) for text in texts) == 3
    assert not list(root.iter("{http://www.w3.org/2000/svg}b"))
    assert len([g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("class") == "node"]) == 4


@needs_dot
def test_drawing_of_every_operand():
    a, _, L = expression()
    g = cgrad.gradients(L, [a], create_graph=True).wrt(a)
    for v in (L, g, cgrad.dot([a, 2.0], [L, a], 1.0), cgrad.clip(a, 0, L)):
        assert ET.fromstring(draw_dot(v).pipe(format="svg")).tag.endswith("svg")


@needs_dot
def test_summary_is_drawn():
    text = draw_dot(chain(1000)).pipe(format="svg").decode()
    assert "add 1000, sin 1000" in text.replace("&#160;", " ")


# ---- notebooks -----------------------------------------------------------------------------------

@needs_dot
def test_notebook_draws_small_graphs():
    _, _, L = expression()
    text = shown(L)
    assert text.startswith('<div style="overflow-x: auto"><svg')
    assert "tanh" in text
    ET.fromstring(text)


def test_notebook_shows_a_leaf_by_its_repr():
    assert shown(Value(2.0, name="x")) == "Value(data=2.0, grad=0.0, name='x')"


def test_notebook_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    _, _, L = expression()
    assert shown(L).startswith("<pre>")
    assert "v3 = tanh(v2)" in shown(L)


def test_notebook_without_the_program(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    _, _, L = expression()
    assert "v3 = tanh(v2)" in shown(L)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for dot is a shell script")
def test_notebook_with_a_broken_program(monkeypatch, tmp_path):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    _, _, L = expression()
    assert "v3 = tanh(v2)" in shown(L)


@pytest.mark.parametrize("name", HARD_NAMES)
@pytest.mark.parametrize("n", [1, 80, 1000])
def test_notebook_escapes_names(monkeypatch, name, n):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    x = Value(0.5, name=name)
    for _ in range(n):
        x = cgrad.sin(x) + 1
    x.name = name
    text = shown(x)
    assert text.startswith("<pre>")
    assert text.endswith("</pre>")
    assert "<" not in text[5:-6]
    assert '"' not in text
    text.encode()


def test_notebook_summarises_large_graphs():
    text = shown(chain(50_000))
    assert text.startswith("<pre>root ")
    assert len(text) < 500


def test_notebook_never_raises(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    _, _, L = expression()
    monkeypatch.setattr(cgrad.viz, "_Graph", broken)
    assert shown(L) == repr(L)
