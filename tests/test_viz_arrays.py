"""cgrad.viz on Tensors: traces with shapes, constants, sections of derivatives; drawings and notebooks."""

import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
from viz_support import needs_dot, parse, shown

import cgrad
import cgrad.viz
from cgrad import Tensor, Value
from cgrad.viz import draw_dot, summary, to_dot, trace


def arrays():
    w = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="w")
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
    loss = (cgrad.tanh(w @ x)*2.0).sum() + x[0]
    loss.name = "loss"
    return w, x, loss


def parts(text):
    return [re.split(" {2,}", line) for line in text.splitlines()]


def test_trace_of_arrays_shows_shapes():
    _, _, loss = arrays()
    rows = parts(trace(loss))
    assert rows[:5] == [["w", "(2, 3)"], ["x", "[1, 2, 3]"], ["v0 = w @ x", "[8, 26]"], ["v1 = tanh(v0)", "[1, 1]"],
                        ["v2 = v1 * 2", "[2, 2]"]]
    assert rows[5][0] == "v3 = v2.sum()"
    assert rows[6][0].startswith("v4 = x[")
    assert rows[7] == ["loss = v3 + v4", f"{loss.item():.6g}"]


def test_trace_of_arrays_with_gradients():
    _, x, loss = arrays()
    loss.backward()
    rows = parts(trace(loss, grads=True))
    assert rows[0][-2:] == ["data", "grad"]
    by_name = {row[0].split(" ")[0]: row for row in rows[1:]}
    assert by_name["w"][1:] == ["(2, 3)", "(2, 3)"]
    assert by_name["x"][2] == f"[{', '.join(f'{g:.6g}' for g in x.grad)}]"
    assert by_name["loss"][2] == "1"


def test_trace_of_constant_arrays():
    """Unnamed arrays appear where they are used: their numbers if few, else their shape."""
    t = Tensor(np.ones((3, 4)), requires_grad=True, name="t")
    y = t*np.arange(12.0).reshape(3, 4) + np.array([1.0, 2.0, 0.5, 4.0]) - np.full((3, 4), 7.0) + Tensor(np.ones(4))
    lines = [row[0] for row in parts(trace(y))]
    assert lines == ["t", "v0 = t * array(3, 4)", "v1 = v0 + [1, 2, 0.5, 4]", "v2 = v1 - 7", "v3 = v2 + 1"]
    assert parts(trace(Tensor([1.0, 2.0]))) == [["v0", "[1, 2]"]]
    assert parts(trace(Tensor(np.float32([1.5]), requires_grad=True, name="s"))) == [["s", "[1.5] float32"]]
    assert parts(trace(Tensor(np.zeros((0, 3)), name="none"))) == [["none", "(0, 3)"]]


def test_trace_of_values_and_arrays_mixed():
    t, v = Tensor([1.0, 2.0], requires_grad=True, name="t"), Value(3.0, name="v")
    stacked = cgrad.stack([v, t[1], 5.0])
    rows = parts(trace(stacked*v))
    assert rows[0] in (["v", "3"], ["t", "[1, 2]"])
    assert any(row[0].startswith("v1 = stack([v, v0") for row in rows)
    assert rows[-1] == ["v2 = v1 * v", "[9, 6, 15]"]


def test_sections_of_array_derivatives():
    a, b = Tensor([2.0, 1.0], requires_grad=True, name="a"), Tensor([-3.0, 0.5], requires_grad=True, name="b")
    L = ((a + b)*b).sum()
    da, db = cgrad.gradients(L, [a, b], create_graph=True).wrt([a, b])
    lines = [row[0] for row in parts(trace({"L": L, "dL_da": da, "dL_db": db}))]
    assert lines[:6] == ["a", "b", "v0 = a + b", "v1 = v0 * b", "L = v1.sum()", "dL ---"]
    assert {line.split(" ")[0] for line in lines[6:]} >= {"dL_da", "dL_db"}
    assert trace({"L": L}).count("---") == 0


def test_drawings_of_arrays():
    w, _, loss = arrays()
    loss.backward()
    text = to_dot(loss)
    norm = np.linalg.norm(w.grad)
    assert f'label="{{ w | shape (2, 3) | grad norm {norm:.4f} }}"' in text or f"grad norm {norm:.4g} }}" in text
    assert 'label="{ loss | data' in text
    assert 'label="{ w | shape (2, 3) }"' in to_dot(loss, grad=False)
    assert 'label="{ loss | shape () }"' in to_dot(loss, shape=True, grad=False)
    single = Tensor([1.0, 2.0], requires_grad=True, name="s", dtype=np.float32)
    assert "{ s | shape (2,) | float32 | grad" in to_dot(single*2.0)
    assert 'label="[1, 2]", shape=plaintext' in to_dot(single*np.array([1.0, 2.0]))
    records, ops, numbers, edges = parse(text)
    assert len(ops) == 6
    assert {a for a, _ in edges} | {b for _, b in edges} <= {*records, *ops, *numbers}
    assert draw_dot(loss, rankdir="TB", shape=True, grad=False).source.count("shape (2,)") == 3


@needs_dot
def test_drawings_of_arrays_are_drawn():
    _, x, loss = arrays()
    recorded = cgrad.gradients(loss, [x], create_graph=True).wrt(x)
    for root in (loss, recorded):
        assert ET.fromstring(draw_dot(root).pipe(format="svg")).tag.endswith("svg")


def test_summary_of_arrays():
    _, _, loss = arrays()
    rows = dict(row for row in parts(summary(loss)) if len(row) == 2)
    assert rows["root"].startswith("loss = ")
    assert rows["leaves"] in ("2: w, x", "2: x, w")
    assert rows["operations"].startswith("6: ")
    big = Tensor(np.ones((3, 4)), requires_grad=True)*2.0
    assert parts(summary(big))[0] == ["root", "(3, 4)"]


def test_notebook_shows_arrays(monkeypatch):
    _, _, loss = arrays()
    monkeypatch.setitem(sys.modules, "graphviz", None)
    assert "w @ x" in shown(loss)
    assert "(2, 3)" in shown(loss)
    node = Tensor(np.ones((3, 4)), requires_grad=True, name="t")*2.0
    assert "t * 2" in shown(node)
    leaf = Tensor([1.0, 2.0], name="t")
    assert shown(leaf) == repr(leaf)


def test_large_graphs_of_arrays():
    t = Tensor(np.ones(3), requires_grad=True, name="t")
    y = t
    for _ in range(2000):
        y = y*t
    assert "mul 2000" in trace(y)
    assert "depth       2000" in summary(y)
    wide = cgrad.stack([Value(float(k)) for k in range(100)])
    assert "... 94 more" in trace(wide)


def test_trace_of_functions():
    class Double(cgrad.Function):
        @staticmethod
        def forward(ctx, x):
            return 2.0*x, x

        @staticmethod
        def backward(ctx, g, h):
            return 2.0*g + h

    t = Tensor([1.0, 2.0], requires_grad=True, name="t")
    a, b = Double.apply(t)
    lines = [row[0] for row in parts(trace(a*b))]
    assert sum("Double(t)" in line for line in lines) == 2


def test_ways_of_writing_array_operations():
    t, w = Tensor(np.arange(12.0).reshape(3, 4), requires_grad=True, name="t"), Tensor(np.ones(4), requires_grad=True, name="w")
    for v, expected in (
            (t.sum(), "t.sum()"), (t.sum(axis=(0, 1)), "t.sum()"), (t.sum(axis=0), "t.sum(axis=0)"),
            (t.mean(axis=(0, 1), keepdims=True), "t.mean(axis=(0, 1), keepdims=True)"), (t[1:, ::2], "t[1:, ::2]"),
            (t[[0, 1], 2], "t[array(2,), 2]"), (t[0], "t[0]"), (t[1, -1], "t[1, 3]"), (t[..., None], "t[..., None]"),
            (t.reshape(2, 6), "t.reshape((2, 6))"), (np.broadcast_to(w, (3, 4)), "w.broadcast_to((3, 4))"),
            (np.concatenate([t, t]), "concatenate([t, t], axis=0)"), (np.stack([w, w], axis=1), "stack([w, w], axis=1)"),
            (np.einsum("ij,j->i", t, w), "einsum('ij,j->i', t, w)"), (t @ w, "t @ w"), (t.T, "t.transpose()"),
            (t.softmax(axis=1), "t.softmax(axis=1)"), (np.where(t > 2, t, 0.0), "where(array(3, 4), t, 0)")):
        assert parts(trace(v))[-1][0] == f"v0 = {expected}"
