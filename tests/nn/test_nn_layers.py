"""Linear, Embedding, Dropout, normalisation: formulas by NumPy, derivatives by differences, modes, errors."""

import math

import numpy as np
import pytest
from nn_support import check, plain

import cgrad
from cgrad import Tensor, nn
from cgrad.nn import functional, init

RNG = np.random.default_rng(3)


# ---- Linear, Embedding, Flatten ------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 4, 3)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias):
    x, w, b = RNG.standard_normal(shape), RNG.standard_normal((2, 3)), RNG.standard_normal(2)
    arguments = (x, w, b) if bias else (x, w)
    np.testing.assert_allclose(check(functional.linear, *arguments), np.einsum("...i,oi->...o", x, w) + bias*b, rtol=1e-13)


def test_linear_records_one_operation():
    layer = nn.Linear(3, 2)
    with cgrad.Tape() as tape:
        layer(np.ones((4, 3)))
    assert [node.op for node in tape if node.op != "leaf"] == ["linear"]


def test_linear_takes_lists_arrays_tensors_and_either_dtype():
    layer = nn.Linear(2, 2)
    want = np.array([1.0, 2.0]) @ layer.weight.data.T + layer.bias.data
    for x in ([1.0, 2.0], (1, 2), np.array([1.0, 2.0]), Tensor([1.0, 2.0])):
        np.testing.assert_allclose(layer(x).data, want, rtol=1e-15)
    single = nn.Linear(2, 2, dtype=np.float32)
    x = Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    single(x).sum().backward()
    assert {single(x).dtype, single.weight.grad.dtype, single.bias.grad.dtype, x.grad.dtype} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nn.Linear(3, 2)(np.ones((4, 2))), r"linear: x has shape \(4, 2\): weight \(2, 3\) takes \(..., 3\)"),
    (lambda: nn.Linear(3, 2)(1.0), r"linear: x has shape \(\)"),
    (lambda: functional.linear(np.ones(3), np.ones(3)), r"weight \(3,\) takes"),
    (lambda: functional.linear(np.ones(3), np.ones((2, 3)), np.ones(3)), r"linear: bias has shape \(3,\): give \(2,\)"),
    (lambda: nn.Linear(0, 2), "Linear: in_features is 0"),
    (lambda: nn.Linear(2, True), "Linear: out_features is True"),
    (lambda: nn.Embedding(3, 2)([0.5]), r"Embedding: index is \[0.5\]: give whole numbers"),
    (lambda: nn.Embedding(3, 2)([3]), "Embedding: target holds class 3: give indices from 0 to 2"),
    (lambda: nn.Embedding(3, 2)([-1, 1]), "Embedding: target holds class -1"),
])
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_embedding_adds_up_what_is_used_twice():
    layer = nn.Embedding(4, 2)
    out = layer([[1, 3, 1]])
    np.testing.assert_array_equal(out.data, layer.weight.data[[[1, 3, 1]]])
    out.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, [[0, 0], [2, 2], [0, 0], [1, 1]])


def test_flatten_and_identity():
    x = RNG.standard_normal((2, 3, 4))
    assert nn.Flatten()(Tensor(x)).shape == (2, 12) and nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten(2)(x).shape == (2, 3, 4)
    assert nn.Identity()(x) is x
    check(nn.Flatten(), x)


# ---- dropout -------------------------------------------------------------------------------------

@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_dropout_zeroes_that_share_and_scales_the_rest(p):
    n = 40_000
    out = plain(nn.Dropout(p, rng=1)(Tensor(np.full((200, 200), 3.0))))
    zeros = (out == 0).mean()
    assert abs(zeros - p) <= 5*math.sqrt(p*(1 - p)/n)
    np.testing.assert_allclose(out[out != 0], 3/(1 - p) if p < 1 else 0.0, rtol=1e-15)


def test_dropout_passes_gradients_where_it_passes_values():
    x = Tensor(np.ones((10, 10)), requires_grad=True)
    out = nn.Dropout(0.4)(x)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad, out.data)
    assert 0 < (x.grad == 0).sum() < 100


def test_dropout_draws_anew_and_from_its_seed():
    x = np.ones(50)
    layer = nn.Dropout(0.5, rng=4)
    a, b = layer(x), layer(x)
    assert (a != b).any()
    np.testing.assert_array_equal(nn.Dropout(0.5, rng=4)(x), a)
    init.manual_seed(8)
    c = nn.Dropout()(x)
    init.manual_seed(8)
    np.testing.assert_array_equal(functional.dropout(x), c)


def test_dropout_while_evaluating():
    for layer in (nn.Dropout(0.5), nn.DropoutND(0.5)):
        x = np.ones((2, 3, 4))
        assert layer.eval()(x) is x
    assert functional.dropout(3.0, 0.9, training=False) == 3.0


def test_dropout_of_a_scalar_and_of_single_precision():
    found = {functional.dropout(cgrad.Value(3.0), 0.5).data for _ in range(60)}
    assert found == {0.0, 6.0}
    assert nn.Dropout(0.5)(Tensor(np.ones(4, np.float32))).dtype == np.float32


@pytest.mark.parametrize(("layer", "shape", "last"), [
    (nn.DropoutND(0.5), (8, 20, 3, 4), 2), (nn.DropoutND(0.5), (8, 20, 5), 1), (nn.DropoutND(0.5, dim=1), (8, 20, 3, 4), 1),
    (nn.Dropout1D(0.5), (8, 20, 5), 1), (nn.Dropout2D(0.5), (8, 20, 3, 4), 2), (nn.Dropout3D(0.5), (8, 20, 2, 3, 4), 3),
    (nn.Dropout2D(0.5), (20, 3, 4), 2),
], ids=str)
def test_channels_are_dropped_whole(layer, shape, last):
    out = plain(layer(Tensor(np.ones(shape))))
    flat = out.reshape(*shape[:len(shape) - last], -1)
    assert (flat == flat[..., :1]).all()
    assert set(np.unique(flat)) == {0.0, 2.0}


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nn.Dropout(1.5), "Dropout: p is 1.5: give a probability"),
    (lambda: nn.Dropout("a"), "Dropout: p is 'a'"),
    (lambda: nn.Dropout(math.nan), "p is nan"),
    (lambda: functional.dropout(1.0, -0.1), "dropout: p is -0.1"),
    (lambda: nn.DropoutND(0.5)(np.ones(3)), r"DropoutND: x has shape \(3,\): give 3 axes or more"),
    (lambda: nn.Dropout2D(0.5)(np.ones((3, 4))), r"give 3 axes or more"),
])
def test_errors_of_dropout(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- normalisation -------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(6, 3), (3, 3, 4), (2, 3, 2, 2), (2, 3, 2, 1, 2)], ids=str)
def test_batch_normalisation(shape):
    axes = (0, *range(2, len(shape)))
    x, w, b = 2*RNG.standard_normal(shape) + 1, RNG.standard_normal(3), RNG.standard_normal(3)
    over = (3, *(1,)*(len(shape) - 2))
    z = (x - x.mean(axes, keepdims=True))/np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(check(functional.batch_norm, x), z, rtol=1e-12)
    f = lambda x, w, b: functional.batch_norm(x, weight=w, bias=b)  # noqa: E731
    np.testing.assert_allclose(check(f, x, w, b), z*w.reshape(over) + b.reshape(over), rtol=1e-12)


def test_batch_normalisation_by_given_statistics():
    x, w, b = RNG.standard_normal((4, 3, 2)), RNG.standard_normal(3), RNG.standard_normal(3)
    mean, variance = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0])
    out = check(lambda x, m, v, w, b: functional.batch_norm(x, m, v, w, b, eps=0.1), x, mean, variance, w, b)
    s = (slice(None), None)
    np.testing.assert_allclose(out, (x - mean[s])/np.sqrt(variance[s] + 0.1)*w[s] + b[s], rtol=1e-12)
    np.testing.assert_allclose(check(lambda x: functional.batch_norm(x, mean, variance), x),
                               (x - mean[s])/np.sqrt(variance[s] + 1e-5), rtol=1e-12)


def test_running_statistics():
    batches = [RNG.standard_normal((5, 2, 3)) + k for k in range(4)]
    layer, plainly = nn.BatchNorm1D(2), nn.BatchNorm1D(2, momentum=None)
    mean, variance = np.zeros(2), np.ones(2)
    for x in batches:
        layer(x)
        plainly(x)
        mean = 0.9*mean + 0.1*x.mean((0, 2))
        variance = 0.9*variance + 0.1*x.var((0, 2), ddof=1)
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-13)
    np.testing.assert_allclose(layer.running_var, variance, rtol=1e-13)
    assert layer.num_batches_tracked == 4
    np.testing.assert_allclose(plainly.running_mean, np.mean([x.mean((0, 2)) for x in batches], axis=0), rtol=1e-12)
    np.testing.assert_allclose(plainly.running_var, np.mean([x.var((0, 2), ddof=1) for x in batches], axis=0), rtol=1e-12)
    layer.eval()
    x = batches[0]
    np.testing.assert_allclose(layer(x).data, (x - mean[:, None])/np.sqrt(variance[:, None] + 1e-5), rtol=1e-12)
    assert layer.num_batches_tracked == 4
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert len(layer.parameters()) == 2


def test_running_statistics_do_not_reach_into_a_recorded_graph():
    """Promise 2: what was recorded with old statistics keeps them."""
    layer = nn.BatchNormND(1).eval()
    x = Tensor([[1.0], [2.0]], requires_grad=True)
    loss = (layer(x)**2).sum()
    layer.train()(np.array([[100.0], [300.0]]))
    loss.backward()
    np.testing.assert_allclose(x.grad, 2*x.data/(1 + 1e-5), rtol=1e-12)


def test_batch_normalisation_without_statistics_or_parameters():
    layer = nn.BatchNormND(2, affine=False, track_running_stats=False).eval()
    x = RNG.standard_normal((5, 2))
    np.testing.assert_allclose(layer(x), (x - x.mean(0))/np.sqrt(x.var(0) + 1e-5), rtol=1e-12)
    assert layer.state_dict() == {} and layer.parameters() == []


def test_normalisation_in_single_precision():
    for layer in (nn.BatchNormND(3, dtype=np.float32), nn.LayerNorm(3, dtype=np.float32)):
        for mode in (True, False):
            x = Tensor(RNG.standard_normal((4, 3)).astype(np.float32), requires_grad=True)
            out = layer.train(mode)(x)
            (out*out).sum().backward()
            assert {out.dtype, x.grad.dtype, layer.weight.grad.dtype} == {np.dtype(np.float32)}
    assert nn.BatchNormND(3, dtype=np.float32).running_mean.dtype == np.float32


@pytest.mark.parametrize("shape", [(4,), (3, 4)], ids=str)
def test_layer_normalisation(shape):
    axes = tuple(range(-len(shape), 0))
    x, w, b = RNG.standard_normal((2, 3, 4)), RNG.standard_normal(shape), RNG.standard_normal(shape)
    z = (x - x.mean(axes, keepdims=True))/np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(check(lambda x: functional.layer_norm(x, shape), x), z, rtol=1e-12)
    np.testing.assert_allclose(check(lambda x, w: functional.layer_norm(x, shape, w), x, w), z*w, rtol=1e-12)
    np.testing.assert_allclose(check(lambda x, b: functional.layer_norm(x, shape, None, b), x, b), z + b, rtol=1e-12)
    np.testing.assert_allclose(check(lambda x, w, b: functional.layer_norm(x, shape, w, b), x, w, b), z*w + b, rtol=1e-12)


def test_layer_norm_has_its_options():
    assert [n for n, _ in nn.LayerNorm(3).named_parameters()] == ["weight", "bias"]
    assert [n for n, _ in nn.LayerNorm(3, bias=False).named_parameters()] == ["weight"]
    assert nn.LayerNorm((2, 3), affine=False).parameters() == []
    assert "(3,), eps=1e-05" in repr(nn.LayerNorm(3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nn.BatchNormND(3)(np.ones((2, 4))), r"BatchNormND: x has shape \(2, 4\): give \(batch, 3, ...\)"),
    (lambda: nn.BatchNormND(3)(np.ones(3)), r"BatchNormND: x has shape \(3,\)"),
    (lambda: nn.BatchNorm2D(3)(np.ones((2, 3))), "BatchNorm2D: .*give 4 axes"),
    (lambda: nn.BatchNorm1D(3)(np.ones((2, 3, 4, 5))), "give 2 or 3 axes"),
    (lambda: nn.BatchNormND(3)(np.ones((1, 3))), "give more than one value a channel while training"),
    (lambda: functional.batch_norm(np.ones((2, 3)), weight=np.ones(2)), r"weight has shape \(2,\): give \(3,\)"),
    (lambda: nn.LayerNorm(3)(np.ones((2, 4))), r"layer_norm: x has shape \(2, 4\): give \(..., 3\)"),
    (lambda: nn.LayerNorm((2, 3))(np.ones(3)), r"layer_norm: x has shape \(3,\): give \(..., 2, 3\)"),
    (lambda: functional.layer_norm(np.ones(3), 3, np.ones(2)), r"weight has shape \(2,\): give \(3,\)"),
    (lambda: nn.LayerNorm(0), "normalized_shape is 0"),
])
def test_errors_of_normalisation(call, message):
    with pytest.raises(ValueError, match=message):
        call()
