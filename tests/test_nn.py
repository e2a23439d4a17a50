"""cgrad.nn: what it does beyond micrograd's behaviour (see tests/parity/test_micrograd.py)."""

import doctest
import random

import numpy as np
import pytest

import cgrad
import cgrad.data
import cgrad.nn
from cgrad import Value
from cgrad.nn import MLP, Layer, Module, Neuron


@pytest.fixture(autouse=True)
def seed():
    random.seed(11)


@pytest.mark.parametrize("inputs", [
    [Value(0.5), Value(-1.5), Value(2.0)],
    [0.5, -1.5, 2.0],
    (0.5, Value(-1.5), 2),
    np.array([0.5, -1.5, 2.0]),
    np.array([0.5, -1.5, 2.0], dtype=np.float32),
    np.array([Value(0.5), Value(-1.5), Value(2.0)]),
], ids=["Values", "floats", "mixed", "float64", "float32", "objects"])
def test_inputs_are_values_or_numbers(inputs):
    model = MLP(3, [4, 2])
    want = [n.b.data + sum(w.data*float(x) for w, x in zip(n.w, (0.5, -1.5, 2.0), strict=True))
            for n in model.layers[0].neurons]
    hidden = model.layers[0](inputs)
    assert [h.data for h in hidden] == pytest.approx([max(x, 0) for x in want], rel=1e-15)
    assert [type(out) for out in model(inputs)] == [Value, Value]


def test_iterators_feed_every_neuron():
    layer = Layer(2, 3)
    assert [v.data for v in layer(iter([1.0, 2.0]))] == [v.data for v in layer([1.0, 2.0])]


def test_gradients_against_finite_differences():
    model = MLP(2, [5, 3, 1])
    x = [Value(0.3), Value(-0.8)]
    for p in model.parameters():  # away from kinks, and no bias at 0
        p.data += 0.05
    out = model(x)
    out.backward()
    h = 1e-6
    for p in (*model.parameters(), *x):
        old = p.data
        with cgrad.no_grad():
            p.data = old + h
            up = model(x).data
            p.data = old - h
            down = model(x).data
        p.data = old
        assert p.grad == pytest.approx((up - down)/(2*h), abs=1e-8)
    assert any(p.grad for p in model.parameters())


def test_neuron_records_one_dot_product():
    neuron = Neuron(20, nonlin=False)
    with cgrad.Tape() as tape:
        out = neuron([1.0]*20)
    assert [node.op for node in tape if node.op != "leaf"] == ["dot"]
    assert out.data == pytest.approx(sum(w.data for w in neuron.w), rel=1e-14)


def test_neuron_at_the_kink_has_no_slope():
    neuron = Neuron(1)
    neuron.w[0].data = 1.0
    x = Value(0.0)
    neuron([x]).backward()
    assert (x.grad, neuron.b.grad) == (0.0, 0.0)


def test_layer_of_one_gives_a_bare_value_and_takes_one():
    assert type(Layer(2, 1)([1.0, 2.0])) is Value
    model = MLP(2, [1, 3, 1])
    out = model([1.0, 2.0])
    hidden = model.layers[0]([1.0, 2.0])
    assert out.data == model.layers[2](model.layers[1]([hidden])).data


def test_layer_passes_its_options_on():
    assert [n.nonlin for n in Layer(2, 2, nonlin=False).neurons] == [False, False]
    with pytest.raises(TypeError, match="slope"):
        Layer(2, 2, slope=True)


def test_mlp_sizes_from_any_sequence():
    assert repr(MLP(2, (3, 1))) == repr(MLP(2, [3, 1]))


@pytest.mark.parametrize("model", [Neuron(3), Layer(3, 2), MLP(3, [2, 1])], ids=["Neuron", "Layer", "MLP"])
@pytest.mark.parametrize("inputs", [[1.0, 2.0], [1.0]*4, []], ids=len)
def test_wrong_number_of_inputs(model, inputs):
    with pytest.raises(ValueError, match=f"dot: operands 1 and 2 have 3 and {len(inputs)} elements"):
        model(inputs)


def test_inputs_that_are_no_numbers():
    with pytest.raises(TypeError, match="dot: operand 2 is a str"):
        Neuron(2)(["1", "2"])
    with pytest.raises(TypeError, match="dot: operand 2 is None"):
        MLP(1, [2])([None])


def test_a_module_of_ones_own():
    class Pair(Module):
        def __init__(self):
            self.left, self.right = Neuron(1), Neuron(1)

        def parameters(self):
            return self.left.parameters() + self.right.parameters()

    pair = Pair()
    for p in pair.parameters():
        p.grad = 3.0
    pair.zero_grad()
    assert [p.grad for p in pair.parameters()] == [0.0]*4
    assert Module().parameters() == []


def test_training_keeps_the_tape_small():
    """Promise 4: constant memory with no call to clear anything."""
    model = MLP(2, [4, 1])
    sizes = []
    with cgrad.Tape() as tape:
        for _ in range(20_000):
            loss = (model([0.5, -0.5]) - 1)**2
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= 0.05*p.grad
            sizes.append(len(tape))
    assert loss.data < 1e-12
    assert max(sizes[10_000:]) <= 1.01*max(sizes[:10_000])


@pytest.mark.parametrize("module", [cgrad.nn, cgrad.data], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module):
    results = doctest.testmod(module)
    assert results.attempted > 0 and results.failed == 0
