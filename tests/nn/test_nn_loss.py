"""Losses against SciPy's and NumPy's formulas, their derivatives against differences."""

import math

import numpy as np
import pytest
from nn_support import check, ours, plain
from scipy import special

import cgrad
from cgrad import Tensor, Value, nn
from cgrad.nn import functional

RNG = np.random.default_rng(5)
WEIGHT = np.array([0.5, 2.0, 1.0])


def reduce(losses, reduction, count=None):
    return {"none": losses, "sum": np.sum(losses), "mean": np.sum(losses)/(np.size(losses) if count is None else count)}[reduction]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smooth", [0.0, 0.3])
def test_cross_entropy_of_classes(shape, weighted, smooth, reduction):
    x = 2*RNG.standard_normal(shape)
    target = RNG.integers(0, 3, shape[:1] + shape[2:] if len(shape) > 1 else ())
    axis = min(1, len(shape) - 1)
    w = WEIGHT if weighted else np.ones(3)
    q = np.moveaxis(((1 - smooth)*np.eye(3)[target] + smooth/3)*w, -1, axis)
    want = reduce(-(q*special.log_softmax(x, axis)).sum(axis), reduction, w[target].sum())
    out = check(lambda x: functional.cross_entropy(x, target, WEIGHT if weighted else None, reduction=reduction,
                                                   label_smoothing=smooth), x)
    np.testing.assert_allclose(out, want, rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_of_probabilities(reduction):
    x, q = RNG.standard_normal((4, 3)), RNG.random((4, 3))
    want = reduce(-(q*WEIGHT*special.log_softmax(x, 1)).sum(1), reduction)
    out = check(lambda x, q: functional.cross_entropy(x, q, WEIGHT, reduction=reduction), x, q)
    np.testing.assert_allclose(out, want, rtol=1e-12)


def test_one_operation_for_rows_and_classes():
    x = Tensor(RNG.standard_normal((4, 3)), requires_grad=True)
    with cgrad.Tape() as tape:
        loss = nn.CrossEntropyLoss()(x, np.array([0, 1, 2, 1]))
    assert type(loss) is Value
    assert [node.op for node in tape if node.op != "leaf"] == ["cross_entropy"]


def test_the_quick_way_is_the_general_way():
    x, target = 3*RNG.standard_normal((5, 3)), np.array([2, 0, 1, 1, 2])
    for reduction in ("mean", "sum"):
        a = ours(lambda x: functional.cross_entropy(x, target, reduction=reduction), [x])
        b = ours(lambda x: functional.cross_entropy(x, target, np.ones(3), reduction=reduction), [x])
        for one, other in zip(a, b, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("target", [[2, 0], (2, 0), np.array([2, 0]), np.array([2, 0], np.int8), np.array([2, 0], np.uint64)],
                         ids=lambda t: str(getattr(t, "dtype", type(t).__name__)))
def test_targets_of_any_whole_numbers(target):
    x = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    want = -special.log_softmax(x, 1)[[0, 1], [2, 0]].mean()
    assert float(functional.cross_entropy(x, target)) == pytest.approx(want, rel=1e-14)


def test_large_logits_and_masked_classes():
    x = Tensor([[1000.0, 0.0, -math.inf], [-1000.0, 1000.0, 0.0]], requires_grad=True)
    for weight in (None, np.ones(3)):
        x.zero_grad()
        loss = functional.cross_entropy(x, [0, 0], weight)
        loss.backward()
        assert loss.data == 1000.0
        np.testing.assert_allclose(x.grad, [[0, 0, 0], [-0.5, 0.5, 0]], atol=1e-300)


def test_samples_left_out():
    x, target = RNG.standard_normal((4, 3)), np.array([0, -100, 2, -100])
    for reduction in ("mean", "sum", "none"):
        out = check(lambda x: functional.cross_entropy(x, target, reduction=reduction), x)
        losses = -special.log_softmax(x, 1)[[0, 2], [0, 2]]
        want = np.array([losses[0], 0, losses[1], 0]) if reduction == "none" else reduce(losses, reduction)
        np.testing.assert_allclose(out, want, rtol=1e-13)
        np.testing.assert_allclose(
            plain(functional.nll_loss(Tensor(special.log_softmax(x, 1)), target, reduction=reduction)), want, rtol=1e-13)
    assert math.isnan(functional.cross_entropy(x, np.full(4, -100)))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 3, 2)], ids=str)
def test_nll(shape, reduction):
    x = RNG.standard_normal(shape)
    target = RNG.integers(0, 3, shape[:1] + shape[2:] if len(shape) > 1 else ())
    axis = min(1, len(shape) - 1)
    picked = np.take_along_axis(x, np.expand_dims(target, axis), axis).squeeze(axis)
    out = check(lambda x: functional.nll_loss(x, target, WEIGHT, reduction=reduction), x)
    np.testing.assert_allclose(out, reduce(-WEIGHT[target]*picked, reduction, WEIGHT[target].sum()), rtol=1e-13)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_distances(reduction):
    x, t = RNG.standard_normal((2, 3)), RNG.standard_normal((2, 3))
    np.testing.assert_allclose(check(lambda x, t: functional.mse_loss(x, t, reduction), x, t), reduce((x - t)**2, reduction))
    np.testing.assert_allclose(check(lambda x, t: functional.l1_loss(x, t, reduction), x, t), reduce(abs(x - t), reduction))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_binary_cross_entropy(reduction):
    x, t = 3*RNG.standard_normal((2, 3)), RNG.random((2, 3))
    p, w, v = special.expit(x), np.array([1.0, 2.0, 0.5]), np.array([3.0, 1.0, 0.2])
    out = check(lambda x, t: functional.binary_cross_entropy_with_logits(x, t, w, reduction, v), x, t)
    np.testing.assert_allclose(out, reduce(-w*(v*t*np.log(p) + (1 - t)*np.log1p(-p)), reduction), rtol=1e-12)


def test_binary_cross_entropy_far_out():
    x = Tensor([800.0, -800.0, 800.0, -800.0, 0.0], requires_grad=True)
    loss = nn.BCEWithLogits(reduction="sum")(x, [1, 0, 0, 1, 1])
    loss.backward()
    assert loss.data == pytest.approx(1600 + math.log(2), rel=1e-15)
    np.testing.assert_allclose(x.grad, [0, 0, 1, -1, -0.5], atol=1e-300)


def test_losses_of_scalars_and_of_plain_arrays():
    v = Value(3.0)
    loss = functional.mse_loss(v, 1.0)
    loss.backward()
    assert (type(loss), loss.data, v.grad) == (Value, 4.0, 4.0)
    assert functional.l1_loss(Value(-3.0), 1).data == 4.0
    assert functional.binary_cross_entropy_with_logits(Value(0.0), 1.0).data == pytest.approx(math.log(2))
    x = RNG.standard_normal((4, 3))
    for value in (functional.cross_entropy(x, [0, 1, 2, 0]), functional.mse_loss(x, x + 1), functional.nll_loss(x, [0]*4)):
        assert isinstance(value, float)
    assert type(functional.cross_entropy(x, [0]*4, reduction="none")) is np.ndarray


def test_losses_in_single_precision():
    x = Tensor(RNG.standard_normal((4, 3)).astype(np.float32), requires_grad=True)
    t = RNG.random((4, 3)).astype(np.float32)
    for loss in (nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.1), nn.NLLLoss()):
        x.zero_grad()
        loss(x, [0, 1, 2, 0]).backward()
        assert x.grad.dtype == np.float32 and np.any(x.grad)
    for loss in (nn.MSELoss(), nn.L1Loss(), nn.BCEWithLogits(), nn.CrossEntropyLoss()):
        x.zero_grad()
        loss(x, t).backward()
        assert x.grad.dtype == np.float32 and np.any(x.grad)
        assert type(loss)(reduction="none")(x, t).dtype == np.float32


@pytest.mark.parametrize(("module", "f"), [
    (nn.CrossEntropyLoss(WEIGHT, 1, "sum", 0.1), lambda x, t: functional.cross_entropy(x, t, WEIGHT, 1, "sum", 0.1)),
    (nn.NLLLoss(WEIGHT, 1, "sum"), lambda x, t: functional.nll_loss(x, t, WEIGHT, 1, "sum")),
], ids=lambda m: type(m).__name__)
def test_a_module_each(module, f):
    x, target = RNG.standard_normal((4, 3)), np.array([0, 1, 2, 2])
    assert module(x, target) == f(x, target)
    assert module.parameters() == [] and "reduction='sum'" in repr(module)


X = np.zeros((4, 3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: functional.cross_entropy(X, [0, 1, 2, 3]), "cross_entropy: target holds class 3: give indices from 0 to 2"),
    (lambda: functional.cross_entropy(X, [0, 1, 2, -1]), "target holds class -1"),
    (lambda: functional.cross_entropy(X, [0, 1]), r"cross_entropy: target has shape \(2,\): x \(4, 3\) takes class indices"),
    (lambda: functional.cross_entropy(X, np.zeros((4, 2))), "give class indices, whole numbers, or probabilities"),
    (lambda: functional.cross_entropy(X, [0]*4, np.ones(2)), r"weight has shape \(2,\): give \(3,\)"),
    (lambda: functional.cross_entropy(X, [0]*4, reduction="max"), "reduction is 'max': give 'mean', 'sum' or 'none'"),
    (lambda: functional.cross_entropy(X, [0]*4, label_smoothing=2), "label_smoothing is 2"),
    (lambda: functional.cross_entropy(np.float64(1), 0), "give logits"),
    (lambda: functional.nll_loss(X, [0.0]*4), "nll_loss: target is .*: give class indices, whole numbers$"),
    (lambda: functional.nll_loss(X, [0, 1, 2, 9]), "nll_loss: target holds class 9"),
    (lambda: functional.nll_loss(np.float64(1), 0), "give log probabilities"),
    (lambda: functional.mse_loss(X, np.zeros(3)), r"mse_loss: target has shape \(3,\): give x's shape, \(4, 3\)"),
    (lambda: functional.l1_loss(Value(1.0), [1.0]), r"l1_loss: target has shape \(1,\): give x's shape, \(\)"),
    (lambda: nn.MSELoss("all"), "MSELoss: reduction is 'all'"),
])
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
