"""PARITY: micrograd. Programs written for it run under cgrad after renaming their imports, with its numbers."""

import math
import random
import re
from collections import Counter

import micrograd.engine
import micrograd.nn
import pytest

import cgrad.engine
import cgrad.nn
from cgrad import Value


def both(program, **given):
    """Run one program for micrograd, and under cgrad with the word replaced in its imports."""
    results = []
    for package in ("micrograd", "cgrad"):
        text = re.sub(r"^(\s*(?:from|import)\s.*)$", lambda line: line[1].replace("micrograd", package), program,
                      flags=re.MULTILINE)
        scope = dict(given)
        exec(compile(text, f"<written for micrograd, under {package}>", "exec"), scope)
        results.append(scope)
    assert type(results[0]["Value"](1)) is micrograd.engine.Value
    assert type(results[1]["Value"](1)) is Value
    return results


README = """
from micrograd.engine import Value

a = Value(-4.0)
b = Value(2.0)
c = a + b
d = a * b + b**3
c += c + 1
c += 1 + c + (-a)
d += d * 2 + (b + a).relu()
d += 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g += 10.0 / f
text = [f'{g.data:.4f}']
g.backward()
text += [f'{a.grad:.4f}', f'{b.grad:.4f}']
"""


def test_readme_example():
    theirs, ours = both(README)
    assert ours["text"] == theirs["text"] == ["24.7041", "138.8338", "645.5773"]
    for name in "ab":
        assert ours[name].grad == pytest.approx(theirs[name].grad, rel=1e-14)


def test_value_data_grad():
    theirs, ours = both("""
from micrograd.engine import Value
v = Value(3)
before = v.data, v.grad
w = v * v
w.backward()
after = v.data, v.grad, w.data, w.grad
v.grad = 0
v.data = 5
v.data += 0.5 * 2
late = v.data, v.grad, w.data
shown = repr(Value(1.5))
""")
    for name in ("before", "after", "late"):
        assert ours[name] == theirs[name]
    assert ours["shown"] == "Value(data=1.5, grad=0.0)"
    assert theirs["shown"] == "Value(data=1.5, grad=0)"


def test_prev_and_op():
    theirs, ours = both("""
from micrograd.engine import Value
x, y = Value(3.0), Value(2.0)
product = x * y
total = product + x
made = [product, total, total.relu()]
powers = [x**3, x**-1, x**0.5]
ops = [v._op for v in (x, *made, *powers)]
sizes = [len(v._prev) for v in (x, x * x, x * 2, *made)]
same = product._prev == {x, y} and total._prev == {product, x} and made[2]._prev == {total}
alive = all(any(p is q for q in (x, y)) for p in product._prev)
""")
    assert ours["ops"] == theirs["ops"] == ["", "*", "+", "ReLU", "**3", "**-1", "**0.5"]
    assert ours["sizes"] == theirs["sizes"]
    for scope in (theirs, ours):
        assert scope["same"] and scope["alive"]


def test_prev_of_a_power_is_its_base():
    theirs, ours = both("""
from micrograd.engine import Value
x = Value(3.0)
bases = [(x**c)._prev for c in (2, -1, 0.5)]
""")
    assert theirs["bases"] == [{theirs["x"]}]*3
    assert ours["bases"] == [{ours["x"]}]*3


@pytest.mark.parametrize("expression", [
    "x + y", "x + 2", "2 + x", "x - y", "x - 2", "2 - x", "x * y", "x * 2", "2 * x", "x / y", "x / 2", "2 / x",
    "x**3", "x**-2", "x**0.5", "-x", "x.relu()", "(-x).relu()", "sum([x, y, x*y])", "(x*0).relu()",
    "(x - y)**2 / (x*y + 1).relu()",
])
def test_operators(expression):
    theirs, ours = both(f"""
from micrograd.engine import Value
x, y = Value(1.7), Value(0.6)
out = {expression}
out.backward()
""")
    assert ours["out"].data == pytest.approx(theirs["out"].data, rel=1e-15)
    for name in ("x", "y"):
        assert ours[name].grad == pytest.approx(theirs[name].grad, rel=1e-14)


def test_its_engine_tests():
    """The programs of its test_engine.py; derivatives by hand (there: by PyTorch)."""
    theirs, ours = both("""
from micrograd.engine import Value
x = Value(-4.0)
z = 2 * x + 2 + x
q = z.relu() + z * x
h = (z * z).relu()
y = h + q + q * x
y.backward()
""")
    # z' = 3; q = zx: q' = 3x + z = -22; h = z^2: h' = 6z = -60; y' = h' + q' + q'x + q = -60 - 22 + 88 + 40
    for scope in (theirs, ours):
        assert (scope["y"].data, scope["x"].grad) == (-20.0, 46.0)
    for name in "zqhy":
        assert ours[name].grad == theirs[name].grad, name


@pytest.mark.parametrize("name, function, derivative", [
    ("tanh", math.tanh, lambda x: 1 - math.tanh(x)**2),
    ("exp", math.exp, math.exp),
    ("log", math.log, lambda x: 1/x),
])
@pytest.mark.parametrize("x", [-1.0, 0.123, 2.0])
def test_tanh_exp_log(name, function, derivative, x):
    """Its repository has them; release 0.1.0, installed here, does not: the oracle is the standard library."""
    if name == "log":
        x = abs(x)
    v = Value(x)
    out = getattr(v, name)()
    out.backward()
    assert out.data == pytest.approx(function(x), rel=1e-15)
    assert v.grad == pytest.approx(derivative(x), rel=1e-14)
    assert out._op == name


LECTURE = """
x1 = Value(2.0, label='x1')
x2 = Value(0.0, label='x2')
w1 = Value(-3.0, label='w1')
w2 = Value(1.0, label='w2')
b = Value(6.8813735870195432, label='b')
x1w1 = x1*w1; x1w1.label = 'x1*w1'
x2w2 = x2*w2; x2w2.label = 'x2*w2'
x1w1x2w2 = x1w1 + x2w2; x1w1x2w2.label = 'x1*w1 + x2*w2'
n = x1w1x2w2 + b; n.label = 'n'
"""


@pytest.mark.parametrize("activation", ["n.tanh()", "((2*n).exp() - 1) / ((2*n).exp() + 1)"])
def test_labels_in_the_style_of_the_lecture(activation):
    scope = {"Value": Value}
    exec(LECTURE + f"o = {activation}; o.label = 'o'\no.backward()", scope)
    # b was chosen so that o = 1/sqrt(2), hence do/dn = 1 - o^2 = 1/2
    grads = {"o": 1.0, "n": 0.5, "b": 0.5, "x1w1": 0.5, "x2w2": 0.5, "x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0}
    assert scope["o"].data == pytest.approx(math.sqrt(0.5), rel=1e-15)
    for name, grad in grads.items():
        assert scope[name].grad == pytest.approx(grad, abs=1e-14), name
    assert {v.label for v in scope["n"]._prev} == {"x1*w1 + x2*w2", "b"}
    assert scope["n"].name == "n" and scope["o"].label == "o"


def test_reused_node_accumulates():
    """The lecture's bug: the derivative of b = a + a must be 2."""
    a = Value(3.0, label="a")
    b = a + a
    b.backward()
    assert a.grad == 2.0


# ---- nn ----------------------------------------------------------------------------------------

def numbers(model):
    return [p.data for p in model.parameters()]


@pytest.mark.parametrize("make", [
    lambda nn: nn.Neuron(3),
    lambda nn: nn.Neuron(2, nonlin=False),
    lambda nn: nn.Layer(3, 4),
    lambda nn: nn.Layer(2, 1, nonlin=False),
    lambda nn: nn.MLP(3, [4, 4, 1]),
    lambda nn: nn.MLP(2, [2]),
])
def test_same_seed_same_model(make):
    models = []
    for nn in (micrograd.nn, cgrad.nn):
        random.seed(1337)
        models.append(make(nn))
        models.append(random.random())  # and no number more was drawn
    theirs, their_next, ours, our_next = models
    assert numbers(ours) == numbers(theirs)
    assert our_next == their_next
    assert repr(ours) == repr(theirs)
    assert all(type(p) is Value for p in ours.parameters())
    assert isinstance(ours, cgrad.nn.Module)


def test_layers_and_their_attributes():
    theirs, ours = both("""
import random
from micrograd.engine import Value
from micrograd import nn
random.seed(3)
m = nn.MLP(3, [2, 1])
shape = [len(m.layers), [len(layer.neurons) for layer in m.layers], [len(n.w) for n in m.layers[0].neurons]]
flags = [[n.nonlin for n in layer.neurons] for layer in m.layers]
order = [p.data for p in m.parameters()]
weights = [x.data for layer in m.layers for n in layer.neurons for x in n.w + [n.b]]
out = m([1.0, -2.0, 0.5])
bare = isinstance(out, Value)
many = m.layers[0]([Value(1.0), -2, 0.5])
listed = isinstance(many, list) and len(many)
out.backward()
grads = [p.grad for p in m.parameters()]
m.zero_grad()
zeroed = [p.grad for p in m.parameters()]
empty = nn.Module().parameters()
""")
    for name in ("shape", "flags", "order", "weights", "bare", "listed", "zeroed", "empty"):
        assert ours[name] == theirs[name], name
    assert ours["order"] == ours["weights"]
    assert ours["out"].data == theirs["out"].data
    assert ours["grads"] == pytest.approx(theirs["grads"], rel=1e-14)


MOONS = """
import random
from micrograd.engine import Value
from micrograd.nn import Neuron, Layer, MLP
random.seed(1337)
model = MLP(2, [16, 16, 1])

def loss():
    inputs = [list(map(Value, xrow)) for xrow in X]
    scores = list(map(model, inputs))
    losses = [(1 + -yi*scorei).relu() for yi, scorei in zip(y, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    alpha = 1e-4
    reg_loss = alpha * sum((p*p for p in model.parameters()))
    total_loss = data_loss + reg_loss
    accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores)]
    return total_loss, sum(accuracy) / len(accuracy)

losses, accuracies = [], []
for k in range(steps):
    total_loss, acc = loss()
    model.zero_grad()
    total_loss.backward()
    learning_rate = 1.0 - 0.9*k/100
    for p in model.parameters():
        p.data -= learning_rate * p.grad
    losses.append(total_loss.data)
    accuracies.append(acc)
"""


def moons(samples, noise=0.1, seed=1):
    """Two interleaved half circles, labels -1 and 1."""
    draw = random.Random(seed)
    points, labels = [], []
    for k in range(samples):
        angle = math.pi*draw.random()
        x, y = math.cos(angle), math.sin(angle)
        if k % 2:
            x, y = 1 - x, 0.5 - y
        points.append([x + draw.gauss(0, noise), y + draw.gauss(0, noise)])
        labels.append(1 if k % 2 else -1)
    return points, labels


@pytest.mark.many_nodes
def test_its_demo_trains_alike():
    X, y = moons(50)
    theirs, ours = both(MOONS, X=X, y=y, steps=6)
    assert ours["losses"] == pytest.approx(theirs["losses"], rel=1e-9)
    assert ours["accuracies"] == theirs["accuracies"]
    assert numbers(ours["model"]) == pytest.approx(numbers(theirs["model"]), rel=1e-9, abs=1e-12)


@pytest.mark.many_nodes
def test_its_demo_learns():
    X, y = moons(100, noise=0.05)
    scope = {"X": X, "y": y, "steps": 100}
    exec(MOONS.replace("micrograd", "cgrad"), scope)
    assert scope["accuracies"][-1] == 1.0
    assert scope["losses"][-1] < 0.05


def test_users_own_neuron_class():
    """Code that subclasses Module and spells the sum out records it as micrograd does."""
    theirs, ours = both("""
import random
from micrograd.engine import Value
from micrograd.nn import Module

class Unit(Module):
    def __init__(self, nin):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
    def __call__(self, x):
        return sum((wi*xi for wi, xi in zip(self.w, x)), self.b).relu()
    def parameters(self):
        return self.w + [self.b]

random.seed(5)
unit = Unit(4)
out = unit([1.0, 2.0, -1.0, 3.0])
out.backward()
""")
    assert ours["out"].data == theirs["out"].data
    assert [p.grad for p in ours["unit"].parameters()] == [p.grad for p in theirs["unit"].parameters()]
    ours["unit"].zero_grad()
    assert [p.grad for p in ours["unit"].parameters()] == [0.0]*5


# ---- drawing -----------------------------------------------------------------------------------

NOTEBOOK = """
from graphviz import Digraph
from micrograd.engine import Value

def trace(root):
    nodes, edges = set(), set()
    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)
    build(root)
    return nodes, edges

def draw_dot(root, format='svg', rankdir='LR'):
    assert rankdir in ['LR', 'TB']
    nodes, edges = trace(root)
    dot = Digraph(format=format, graph_attr={'rankdir': rankdir})
    for n in nodes:
        dot.node(name=str(id(n)), label="{ data %.4f | grad %.4f }" % (n.data, n.grad), shape='record')
        if n._op:
            dot.node(name=str(id(n)) + n._op, label=n._op)
            dot.edge(str(id(n)) + n._op, str(id(n)))
    for n1, n2 in edges:
        dot.edge(str(id(n1)), str(id(n2)) + n2._op)
    return dot
"""


def picture(dot):
    """Nodes' labels, and edges as pairs of labels: what is seen, without the objects' addresses."""
    labels = dict(re.findall(r'^\t"?([^\s"]+)"? \[label="?([^"\]]*?)"?(?: shape=record)?\]$', dot.source, re.MULTILINE))
    edges = re.findall(r'^\t"?([^\s"]+)"? -> "?([^\s"]+)"?$', dot.source, re.MULTILINE)
    assert len(labels) + len(edges) == len(dot.body)
    return Counter(labels.values()), Counter((labels[a], labels[b]) for a, b in edges)


@pytest.mark.parametrize("graph", [
    "x, c, d = Value(1.0), Value(2.0), Value(1.0)\ny = (x * c + d).relu()",
    "x = Value(3.0)\ny = x*x*x + x",
    "x, w = Value(1.5), Value(-2.0)\nh = x*w\ny = (h + h*h)*h",
    "x = Value(1.5)\ny = x**2 * x**-1",
])
def test_notebook_draws_the_same_graph(graph):
    pytest.importorskip("graphviz", reason="micrograd's drawing functions are written for graphviz")
    theirs, ours = both(f"{NOTEBOOK}\n{graph}\ny.backward()\ndot = draw_dot(y)")
    assert picture(ours["dot"]) == picture(theirs["dot"])


def test_notebook_draws_plain_numbers():
    """They are drawn as leaves with a gradient, as there."""
    pytest.importorskip("graphviz", reason="micrograd's drawing functions are written for graphviz")
    theirs, ours = both(f"{NOTEBOOK}\nx = Value(1.0)\ny = (x * 2 + 5).relu()\ny.backward()\ndot = draw_dot(y)")
    assert picture(ours["dot"]) == picture(theirs["dot"])


def test_notebook_draws_a_neuron():
    """Its neuron is many nodes, ours one: the leaves, their gradients and the output are the same."""
    pytest.importorskip("graphviz", reason="micrograd's drawing functions are written for graphviz")
    theirs, ours = both(NOTEBOOK + """
import random
from micrograd import nn
random.seed(1337)
n = nn.Neuron(2)
x = [Value(1.0), Value(-2.0)]
y = n(x)
y.backward()
dot = draw_dot(y)
""")
    ends = ["{ data %.4f | grad %.4f }" % (v.data, v.grad) for v in (*ours["x"], *ours["n"].parameters(), ours["y"])]
    for scope in (theirs, ours):
        assert not Counter(ends) - picture(scope["dot"])[0]
    assert set(picture(ours["dot"])[0]) - set(ends) > {"ReLU"}


# ---- asked for there ---------------------------------------------------------------------------

@pytest.mark.many_nodes
def test_no_recursion_limit():
    x = Value(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert (y.data, x.grad) == (100_001.0, 1.0)


def test_repeated_backward_is_exact():
    """micrograd's second call adds stale intermediate gradients again; ours doubles every gradient."""
    theirs, ours = both("""
from micrograd.engine import Value
x = Value(3.0)
y = x * x * x
y.backward()
once = x.grad
y.backward()
""")
    assert ours["once"] == theirs["once"] == 27.0
    assert ours["x"].grad == 54.0
    assert theirs["x"].grad != 54.0


def test_value_exponents():
    x, y = Value(2.0), Value(3.0)
    z = x**y
    z.backward()
    assert z.data == 8.0
    assert x.grad == pytest.approx(12.0, rel=1e-15)
    assert y.grad == pytest.approx(8*math.log(2), rel=1e-15)
    with pytest.raises(AssertionError):
        micrograd.engine.Value(2.0)**micrograd.engine.Value(3.0)


def test_gradients_as_graph_nodes():
    x = Value(2.0)
    first = cgrad.gradients(x**4, create_graph=True).wrt(x)
    second = cgrad.gradients(first, create_graph=True).wrt(x)
    third = cgrad.gradients(second).wrt(x)
    assert (first.data, second.data, third) == (32.0, 48.0, 48.0)


def test_engine_is_the_import_path():
    assert cgrad.engine.Value is Value
