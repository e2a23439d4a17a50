"""Arguments of layers and losses: lists, integers, Values gathered into arrays, empty batches; and refused ones."""

import numpy as np
import pytest
from nn_support import plain

from cgrad import Tensor, Value, nn
from cgrad.nn import functional

RNG = np.random.default_rng(9)


def test_lists_of_values_become_arrays():
    """A scalar net's outputs go into array layers and losses."""
    logits = [Value(1.0), Value(2.0), Value(-1.0)]
    loss = functional.cross_entropy(logits, 1)
    loss.backward()
    x = np.array([1.0, 2.0, -1.0])
    p = np.exp(x)/np.exp(x).sum()
    assert loss.data == pytest.approx(-np.log(p[1]), rel=1e-14)
    np.testing.assert_allclose([v.grad for v in logits], p - [0, 1, 0], rtol=1e-13)
    layer = nn.Linear(3, 2)
    np.testing.assert_allclose(layer(logits).data, layer(x).data, rtol=1e-15)
    rows = [[Value(1.0), 2.0], [3.0, Value(4.0)]]
    loss = functional.mse_loss(rows, [[0, 0], [0, 0]], "sum")
    loss.backward()
    assert (loss.data, rows[0][0].grad, rows[1][1].grad) == (30.0, 2.0, 8.0)


INTEGERS = RNG.integers(-5, 5, (2, 3, 6, 4))
LAYERS = [
    nn.Linear(4, 2), nn.Conv2D(3, 2, 2, padding=1), nn.MaxPool2D(3, 2, 1), nn.AvgPool2D(2), nn.AdaptiveAvgPoolND(2),
    nn.BatchNorm2D(3), nn.LayerNorm(4), nn.Dropout(0.5, rng=1), nn.DropoutND(0.5, rng=1), nn.GELU(),
    lambda x: functional.mse_loss(x, x), lambda x: functional.cross_entropy(x, np.zeros((2, 6, 4), int)),
]


@pytest.mark.parametrize("k", range(len(LAYERS)))
def test_whole_numbers_are_taken_as_floats(k):
    layer = LAYERS[k]
    if k in (7, 8):  # the same random numbers again
        layer = lambda x: type(LAYERS[k])(0.5, rng=1)(x)  # noqa: E731
    np.testing.assert_array_equal(plain(layer(INTEGERS)), plain(layer(INTEGERS.astype(float))))


def test_whole_numbers_as_targets():
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    for loss in (functional.mse_loss, functional.l1_loss, functional.binary_cross_entropy_with_logits):
        for target in ([0, 1], (0.0, 1.0), np.array([0, 1]), np.array([False, True])):
            assert loss(x, target, reduction="none").dtype == np.float32
    assert functional.l1_loss(2, 5) == 3.0


@pytest.mark.parametrize("call", [
    lambda: nn.Linear(2, 1)([1j, 2.0]), lambda: nn.Conv1D(1, 1, 1)(np.zeros((1, 1, 1), complex)),
    lambda: functional.mse_loss(["a"], ["b"]), lambda: nn.LayerNorm(1)(np.array([None])),
], ids=["complex list", "complex", "text", "object"])
def test_what_is_no_number_is_refused(call):
    with pytest.raises(TypeError, match=r"(linear|conv1d|mse_loss|layer_norm): x: operand is an array of shape .*not an array of real numbers"):
        call()


@pytest.mark.parametrize(("layer", "shape", "out"), [
    (nn.Linear(4, 2), (0, 4), (0, 2)), (nn.Conv2D(1, 2, 2), (0, 1, 3, 3), (0, 2, 2, 2)), (nn.MaxPool1D(2), (0, 1, 4), (0, 1, 2)),
    (nn.AvgPool1D(2), (0, 1, 4), (0, 1, 2)), (nn.LayerNorm(4), (0, 4), (0, 4)), (nn.Flatten(), (0, 2, 3), (0, 6)),
    (nn.Dropout(0.5), (0, 3), (0, 3)), (nn.GELU(), (0, 3), (0, 3)), (nn.BatchNormND(3).eval(), (0, 3), (0, 3)),
], ids=lambda x: str(x).partition(":")[0])
def test_an_empty_batch(layer, shape, out):
    x = Tensor(np.zeros(shape), requires_grad=True)
    y = layer(x)
    assert y.shape == out
    y.sum().backward()
    assert x.grad.shape == shape
    assert all(not p.grad.any() for p in layer.parameters())


def test_the_mean_loss_of_nothing_is_nan():
    assert np.isnan(functional.cross_entropy(np.zeros((0, 3)), np.zeros(0, int)))
    assert np.isnan(functional.mse_loss(np.zeros(0), np.zeros(0)))
    assert functional.mse_loss(np.zeros(0), np.zeros(0), "sum") == 0.0


def test_a_batch_changed_after_the_forward_pass():
    """A recorded graph is unchanged when an array that was passed to a layer is refilled."""
    layer, x = nn.Linear(2, 1), Tensor(np.array([[1.0, 2.0]]))
    loss = layer(x).sum()
    x.data[...] = 9.0
    loss.backward()
    np.testing.assert_array_equal(layer.weight.grad, [[1.0, 2.0]])
