"""Initial values: distributions by the papers' formulas, what they take, seeds, errors."""

import math

import numpy as np
import pytest
from scipy import stats

from cgrad import Tensor, Value, nn
from cgrad.nn import init

SHAPE = (60, 40, 5, 4)  # fans 800 and 1200
DRAWS = {
    "normal": (lambda t, **k: init.normal(t, 1.5, 0.5, **k), stats.norm(1.5, 0.5)),
    "uniform": (lambda t, **k: init.uniform(t, -2.0, 3.0, **k), stats.uniform(-2, 5)),
    "xavier_uniform": (lambda t, **k: init.xavier_uniform(t, 2.0, **k), stats.uniform(-2*math.sqrt(6/2000), 4*math.sqrt(6/2000))),
    "xavier_normal": (lambda t, **k: init.xavier_normal(t, 2.0, **k), stats.norm(0, 2*math.sqrt(2/2000))),
    "kaiming_uniform": (lambda t, **k: init.kaiming_uniform(t, **k), stats.uniform(-math.sqrt(6/800), 2*math.sqrt(6/800))),
    "kaiming_uniform of a slope": (lambda t, **k: init.kaiming_uniform(t, math.sqrt(5), **k),
                                   stats.uniform(-math.sqrt(1/800), 2*math.sqrt(1/800))),
    "kaiming_normal": (lambda t, **k: init.kaiming_normal(t, mode="fan_out", nonlinearity="relu", **k),
                       stats.norm(0, math.sqrt(2/1200))),
    "kaiming_normal for tanh": (lambda t, **k: init.kaiming_normal(t, nonlinearity="tanh", **k), stats.norm(0, 5/3/math.sqrt(800))),
}


@pytest.mark.parametrize("name", DRAWS)
def test_distributions(name):
    """Kolmogorov's test of 48,000 numbers; the seed is fixed, so that the test is the same each time."""
    draw, distribution = DRAWS[name]
    t = Tensor(np.zeros(SHAPE), requires_grad=True)
    assert draw(t, rng=3) is t
    assert stats.kstest(t.data.reshape(-1), distribution.cdf).pvalue > 0.01
    assert t.requires_grad and t.shape == SHAPE


@pytest.mark.parametrize("name", DRAWS)
def test_seeds(name):
    draw, _ = DRAWS[name]
    a, b, c = (draw(np.zeros((4, 3, 2)), rng=5) for _ in range(3))
    np.testing.assert_array_equal(a, b)
    generator = np.random.default_rng(5)
    np.testing.assert_array_equal(draw(np.zeros((4, 3, 2)), rng=generator), a)
    assert (draw(c, rng=generator) != a).all()
    init.manual_seed(5)
    np.testing.assert_array_equal(draw(np.zeros((4, 3, 2))), a)
    assert (draw(np.zeros((4, 3, 2))) != a).all()
    init.seed(5)
    np.testing.assert_array_equal(draw(np.zeros((4, 3, 2))), a)


def test_constants():
    t = Tensor([[1.0, 2.0]], requires_grad=True, dtype=np.float32)
    np.testing.assert_array_equal(init.ones(t).data, [[1, 1]])
    np.testing.assert_array_equal(init.zeros(t).data, [[0, 0]])
    np.testing.assert_array_equal(init.constant(t, 0.25).data, [[0.25, 0.25]])
    np.testing.assert_array_equal(init.empty(t).data, [[0.25, 0.25]])
    assert t.dtype == np.float32


def test_scalars_and_lists_of_them():
    v = Value(3.0)
    assert init.constant(v, 2.0) is v and v.data == 2.0
    rows = [[Value(0.0) for _ in range(3)] for _ in range(4)]
    array = np.zeros((4, 3))
    init.xavier_normal(rows, rng=1)
    init.xavier_normal(array, rng=1)
    assert [[v.data for v in row] for row in rows] == array.tolist()
    model = nn.MLP(2, [3, 1])
    for neuron in (n for layer in model.layers for n in layer.neurons):
        init.uniform(neuron.w, 5.0, 6.0)
    assert all(5 <= v.data < 6 for v in model.parameters() if v.data)
    init.zeros(model.parameters())
    assert {v.data for v in model.parameters()} == {0.0}


def test_a_recorded_graph_keeps_its_values():
    t = Tensor([2.0, 3.0], requires_grad=True)
    loss = (t*t).sum()
    init.zeros(t)
    loss.backward()
    np.testing.assert_array_equal(t.grad, [4.0, 6.0])


def test_dirac_passes_channels_on():
    rng = np.random.default_rng(0)
    for shape, groups in (((3, 3, 3), 1), ((4, 2, 3, 5), 2), ((2, 2, 3, 3, 3), 1), ((2, 4, 1), 1)):
        n = len(shape) - 2
        w = init.dirac(np.full(shape, 7.0), groups)
        x = rng.standard_normal((2, shape[1]*groups, *(6,)*n))
        out = getattr(nn.functional, f"conv{n}d")(x, w, padding="same", groups=groups)
        kept = [g*shape[1] + c for g in range(groups) for c in range(min(shape[0]//groups, shape[1]))]
        np.testing.assert_array_equal(out[:, :len(kept)], x[:, kept])


def test_sparse():
    for sparsity in (0.0, 0.01, 0.5, 1.0):
        a = init.sparse(np.ones((30, 200)), sparsity, 0.1)
        np.testing.assert_array_equal((a == 0).sum(0), math.ceil(sparsity*30))
        if sparsity == 0.5:
            assert a[a != 0].std() == pytest.approx(0.1, rel=0.05)
            assert len({tuple(c) for c in (a == 0).T}) > 190  # each column its own rows
            np.testing.assert_allclose((a == 0).mean(1), 0.5, atol=0.2)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)], ids=str)
def test_orthogonal(shape):
    a = init.orthogonal(np.zeros(shape), 3.0).reshape(shape[0], -1)
    short = a if a.shape[0] <= a.shape[1] else a.T
    np.testing.assert_allclose(short @ short.T, 9*np.eye(len(short)), atol=1e-12)


def test_orthogonal_is_uniform():
    """The first entry of a uniformly random 3x3 rotation or reflection is uniform over [-1, 1] (Archimedes)."""
    first = [init.orthogonal(np.zeros((3, 3)), rng=k)[0, 0] for k in range(2000)]
    assert stats.kstest(first, stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_fans():
    assert init.fans(np.zeros((8, 3))) == (3, 8)
    assert init.fans(Tensor(np.zeros((8, 3, 5, 5)))) == (75, 200)
    assert init.fans([[Value(1.0)]*4]*2) == (4, 2)


def test_gains():
    """The tables of the papers; giagrad and PyTorch list the same."""
    gains = {"linear": 1, "identity": 1, "conv1d": 1, "conv2d": 1, "conv3d": 1, "conv_transpose2d": 1, "sigmoid": 1,
             "tanh": 5/3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2/1.0001), "selu": 0.75}
    for name, gain in gains.items():
        assert init.calculate_gain(name) == pytest.approx(gain, rel=1e-15)
    assert init.calculate_gain("leaky_relu", 2) == math.sqrt(2/5)


def test_names_with_an_underscore_are_the_same_functions():
    for name in ("empty", "zeros", "ones", "constant", "normal", "uniform", "dirac", "xavier_uniform", "xavier_normal",
                 "kaiming_uniform", "kaiming_normal", "sparse", "orthogonal"):
        assert getattr(init, name + "_") is getattr(init, name)


def test_layers_start_as_documented():
    """U(-k, k), k = 1/sqrt(fan_in), for weights and biases."""
    for layer, k in ((nn.Linear(50, 400), 1/math.sqrt(50)), (nn.Conv2D(4, 200, 3), 1/6),
                     (nn.Conv1D(4, 400, 5, groups=2), 1/math.sqrt(10))):
        for p in layer.parameters():
            assert stats.kstest(p.data.reshape(-1), stats.uniform(-k, 2*k).cdf).pvalue > 0.01
    a, b = nn.Linear(3, 2, rng=1), nn.Linear(3, 2, rng=1)
    np.testing.assert_array_equal(a.weight.data, b.weight.data)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: init.xavier_uniform(np.zeros(3)), ValueError, r"fans: target has shape \(3,\): fan in and fan out need two axes"),
    (lambda: init.kaiming_normal(Value(1.0)), ValueError, r"fans: target has shape \(\)"),
    (lambda: init.kaiming_normal(np.zeros((2, 2)), mode="in"), ValueError, "kaiming: mode is 'in'"),
    (lambda: init.kaiming_normal(np.zeros((2, 2)), nonlinearity="sine"), ValueError, "nonlinearity is 'sine': give one of"),
    (lambda: init.calculate_gain("leaky_relu", "a"), ValueError, "calculate_gain: param is 'a'"),
    (lambda: init.dirac(np.zeros((2, 2))), ValueError, r"dirac: target has shape \(2, 2\): give 3 to 5 axes"),
    (lambda: init.dirac(np.zeros((3, 2, 2)), 2), ValueError, "dirac: groups is 2: give a divisor of the 3"),
    (lambda: init.sparse(np.zeros(3), 0.5), ValueError, "sparse: target has shape"),
    (lambda: init.sparse(np.zeros((3, 3)), 1.5), ValueError, "sparse: sparsity is 1.5"),
    (lambda: init.orthogonal(np.zeros(3)), ValueError, "orthogonal: target has shape"),
    (lambda: init.zeros([1.0, 2.0]), TypeError, r"zeros: target is a float \(1.0\): give a Tensor"),
    (lambda: init.zeros([Value(1.0), [Value(1.0)]]), TypeError, "zeros: target is a list"),
    (lambda: init.zeros(np.zeros(2, int)), TypeError, r"zeros: target is an array of shape \(2,\)"),
    (lambda: init.zeros(None), TypeError, "zeros: target is None"),
])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
