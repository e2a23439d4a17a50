"""PARITY: the ComputationRecord experiment (Rust): the record kept apart from the data."""

import gc
import weakref

import numpy as np
import pytest

import cgrad
import cgrad.nn
import cgrad.testing
from cgrad import Function, Tape, Tensor, Value


def test_record_made_used_and_dropped_per_step():
    """Parameters live outside, as plain numbers; a record lasts one step."""
    store = {"slope": 0.0, "offset": 0.0}
    points = [(k/10, 3*(k/10) - 1) for k in range(-10, 11)]
    records, losses = [], []
    for _ in range(200):
        with Tape() as record:
            slope, offset = record.leaf(store["slope"], name="slope"), record.leaf(store["offset"], name="offset")
            loss = sum((slope*x + offset - y)**2 for x, y in points)/len(points)
            gradients = cgrad.gradients(loss, [slope, offset])
        losses.append(loss.item())
        store["slope"] -= 0.5*gradients.wrt(slope)
        store["offset"] -= 0.5*gradients.wrt(offset)
        records.append(weakref.ref(record))
        assert (slope.grad, offset.grad) == (0.0, 0.0)
        del record, slope, offset, loss, gradients
    gc.collect()
    assert [r() for r in records] == [None]*200
    assert losses == sorted(losses, reverse=True)
    assert store == pytest.approx({"slope": 3.0, "offset": -1.0}, abs=1e-12)


def test_gradient_object_with_respect_to_any_node():
    with Tape() as record:
        x, y = record.leaf(3.0), record.leaf(4.0)
        square = x*x
        radius = (square + y*y).sqrt()
        aside = x*7
    gradients = cgrad.gradients(radius)
    assert gradients.wrt(radius) == 1.0
    assert gradients.wrt(square) == pytest.approx(0.1)
    assert (gradients.wrt(x), gradients.wrt(y)) == (pytest.approx(0.6), pytest.approx(0.8))
    assert gradients.wrt(aside) == 0.0
    assert gradients.wrt([x, y]) == [gradients.wrt(x), gradients.wrt(y)]


def test_node_of_another_record_is_an_error():
    with Tape():
        a = Value(2.0)*3
    with Tape():
        b = Value(2.0)*5
    with pytest.raises(cgrad.TapeError, match="recorded on"):
        cgrad.gradients(a).wrt(b)
    with pytest.raises(cgrad.TapeError, match="recorded on"):
        a*b
    assert cgrad.gradients(a).wrt(a) == 1.0


def test_pytorch_loop_of_its_readme():
    """x changes while z is alive: z's graph is untouched, and its gradients stay those of the old x."""
    x = Value(2.0, name="x")
    z = x*x*x
    z.backward()
    assert x.grad == 12.0
    seen = []
    for _ in range(3):
        x.data = x.data - 0.1*x.grad
        x.zero_grad()
        new = x*x
        new.backward()
        seen.append((x.data, x.grad))
    data = 2.0 - 0.1*12.0
    for found in seen:
        assert found == (pytest.approx(data, rel=1e-15), pytest.approx(2*data, rel=1e-15))
        data -= 0.1*2*data
    x.zero_grad()
    z.backward()
    assert (z.data, x.grad) == (8.0, 12.0)


# ---- arrays --------------------------------------------------------------------------------------

def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e/e.sum(axis=-1, keepdims=True)


def test_record_of_arrays_made_used_and_dropped_per_step():
    """Parameters live outside, in a plain dict of arrays; a record lasts one step."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 3))
    y = x @ np.array([1.0, -2.0, 0.5]) + 3.0
    store = {"w": np.zeros(3), "b": np.zeros(1)}
    records, losses = [], []
    for _ in range(200):
        with Tape() as record:
            w, b = record.leaf(store["w"], name="w"), record.leaf(store["b"], name="b")
            assert (type(w), w.name, w.requires_grad) == (Tensor, "w", True)
            loss = ((x @ w + b - y)**2).mean()
            gradients = cgrad.gradients(loss, [w, b])
        losses.append(loss.item())
        for name, leaf in (("w", w), ("b", b)):
            store[name] -= 0.2*gradients.wrt(leaf)
        records.append(weakref.ref(record))
        del record, w, b, leaf, loss, gradients
    gc.collect()
    assert [r() for r in records] == [None]*200
    assert losses[:100] == sorted(losses[:100], reverse=True)  # rounding is left afterwards
    np.testing.assert_allclose(store["w"], [1.0, -2.0, 0.5], atol=1e-8)
    np.testing.assert_allclose(store["b"], [3.0], atol=1e-8)


def test_tensors_in_a_record():
    """From slices, values, zeros, random numbers, the shape of another."""
    rng = np.random.default_rng(2)
    with Tape() as record:
        a = record.leaf([1.0, 2.0, 3.0])
        made = [a, record.leaf(np.zeros((2, 3))), record.leaf(rng.random((2, 3))), record.leaf(np.zeros_like(a.data)),
                record.leaf(np.full(3, 7.0)), record.leaf(2.5)]
        total = sum((x*x).sum() if isinstance(x, Tensor) else x*x for x in made)
    assert [type(x) for x in made] == [Tensor]*5 + [Value]
    total.backward()
    for x in made:
        np.testing.assert_array_equal(x.grad, 2*x.data)
    assert total._tape is record


def test_gradient_object_with_respect_to_any_array():
    with Tape() as record:
        x = record.leaf([[1.0, 2.0], [3.0, 4.0]])
        h = x*x
        loss = h.sum()
        aside = x*7.0
    gradients = cgrad.gradients(loss)
    assert gradients.wrt(loss) == 1.0
    assert gradients.wrt(h).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert gradients.wrt(x).tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert gradients.wrt(aside).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with Tape():
        foreign = x*2.0
    with pytest.raises(cgrad.TapeError, match="recorded on"):
        gradients.wrt(foreign)


def test_add_mul_sum_matmul_relu_logsoftmax():
    """Its relu leaks 0.1 and the derivative of its logsoftmax is wrong: these are right."""
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 5))
    t, u = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
    out = cgrad.relu(t @ u + 1.0)
    z = np.maximum(x @ w + 1.0, 0.0)
    np.testing.assert_allclose(out.data, z, rtol=1e-14)
    p = cgrad.log_softmax(out, axis=1)
    np.testing.assert_allclose(p.data, np.log(softmax(z)), rtol=1e-13)
    g = rng.normal(size=(4, 5))
    p.backward(g)
    back = (g - softmax(z)*g.sum(axis=1, keepdims=True))*(z > 0)
    np.testing.assert_allclose(t.grad, back @ w.T, rtol=1e-12)
    np.testing.assert_allclose(u.grad, x.T @ back, rtol=1e-12)
    negative = Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    cgrad.relu(negative).backward()
    assert negative.grad.tolist() == [0.0, 0.0, 1.0]


def test_linear_layer_over_a_store():
    """The layer loads its parameters from a store, or makes them and puts them there; five steps of descent."""
    rng = np.random.default_rng(4)
    x, labels = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    store, losses = {}, []

    def optimize(gradients, layer):
        for p in layer.parameters():
            p.data -= 0.5*gradients.wrt(p)
        store.update({"linear.weight": layer.weight.data.copy(), "linear.bias": layer.bias.data.copy()})

    for _ in range(5):
        with Tape():
            layer = cgrad.nn.Linear(4, 3, store=store)
            loss = -cgrad.log_softmax(layer(x), axis=1)[np.arange(20), labels].mean()
            optimize(cgrad.gradients(loss, layer.parameters()), layer)
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.05
    assert store["linear.weight"].shape == (3, 4)


def test_custom_op_with_its_own_gradient():
    """Checked by finite differences, which find a wrong one."""
    class Cube(Function):
        factor = 3.0

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x*x*x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g*Cube.factor*x*x

    point = [np.array([0.5, -1.0, 2.0])]
    cgrad.testing.check_grads(Cube.apply, point, 2)
    Cube.factor = 2.0
    with pytest.raises(AssertionError, match="finite differences"):
        cgrad.testing.check_grads(Cube.apply, point, 1)


def test_pytorch_loop_of_its_readme_on_arrays():
    """x.data = x.data - 0.1*x.grad; x.grad.zero_() while z is alive: z's graph is untouched."""
    x = Tensor([2.0, -1.0], requires_grad=True)
    z = (x*x*x).sum()
    z.backward()
    assert x.grad.tolist() == [12.0, 3.0]
    for _ in range(3):
        x.data = x.data - 0.1*x.grad
        x.grad.zero_()
        (x*x).sum().backward()
        assert x.grad.tolist() == (2*x.data).tolist()
    x.grad.zero_()
    z.backward()
    assert (z.item(), x.grad.tolist()) == (7.0, [12.0, 3.0])
