"""Every layer, activation, loss and initialisation of cgrad.nn against PyTorch: values, gradients, second derivatives."""

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is heavy to install: a nox session of its own runs this")

sys.path.append(str(Path(__file__).resolve().parent.parent / "nn"))

from nn_support import ours, seeds  # noqa: E402

import cgrad  # noqa: E402
from cgrad import Tensor, Value, nn  # noqa: E402
from cgrad.nn import functional, init  # noqa: E402

F = torch.nn.functional


def theirs(f, arrays):
    """As nn_support.ours, by torch.autograd: value, first, second."""
    xs = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = f(*xs)
    total = (out*torch.tensor(seeds(tuple(out.shape)), dtype=out.dtype)).sum()
    first = torch.autograd.grad(total, xs, create_graph=True)
    slope = sum((g*torch.tensor(seeds(tuple(g.shape), 1 + k), dtype=g.dtype)).sum() for k, g in enumerate(first))
    again = [None]*len(xs)
    if slope.requires_grad:
        again = torch.autograd.grad(slope, xs, allow_unused=True)
    return out.detach().numpy(), [g.detach().numpy(force=True) for g in first], \
        [np.zeros(a.shape) if g is None else g.numpy(force=True) for g, a in zip(again, arrays, strict=True)]


def compare(f, g, *arrays, rtol=1e-11, atol=1e-12, skip=()):
    """cgrad's f and PyTorch's g of the same arrays; skip: no second derivatives where elements are one of these."""
    out, first, recorded, again = ours(f, arrays)
    value, gradients, second = theirs(g, arrays)
    assert out.dtype == value.dtype
    np.testing.assert_allclose(out, value, rtol=rtol, atol=atol)
    for mine in (first, recorded):
        for a, b in zip(mine, gradients, strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
    for a, b, x in zip(again, second, arrays, strict=True):
        kept = ~np.isin(x, skip)
        np.testing.assert_allclose(a[kept], b[kept], rtol=rtol, atol=atol)


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


# ---- activations ---------------------------------------------------------------------------------

ACTIVATIONS = {
    "relu": (functional.relu, F.relu), "relu6": (functional.relu6, F.relu6), "sigmoid": (functional.sigmoid, torch.sigmoid),
    "tanh": (functional.tanh, torch.tanh), "elu": (functional.elu, F.elu), "silu": (functional.silu, F.silu),
    "elu 2": (lambda x: functional.elu(x, 2.0), lambda x: F.elu(x, 2.0)),
    "silu 1.5": (lambda x: functional.silu(x, 1.5), lambda x: x*torch.sigmoid(1.5*x)),
    "leaky_relu": (functional.leaky_relu, F.leaky_relu),
    "leaky_relu 0.3": (lambda x: functional.leaky_relu(x, 0.3), lambda x: F.leaky_relu(x, 0.3)),
    "softplus": (functional.softplus, F.softplus),
    "softplus 2, 3": (lambda x: functional.softplus(x, 2.0, 3.0), lambda x: F.softplus(x, 2.0, 3.0)),
    "quick_gelu": (functional.quick_gelu, lambda x: x*torch.sigmoid(1.702*x)),
    "gelu": (functional.gelu, F.gelu), "gelu tanh": (lambda x: functional.gelu(x, "tanh"), lambda x: F.gelu(x, approximate="tanh")),
    "mish": (functional.mish, F.mish), "hardswish": (functional.hardswish, F.hardswish),
    "softmax": (lambda x: functional.softmax(x, axis=1), lambda x: F.softmax(x, 1)),
    "softmax 0": (lambda x: functional.softmax(x, axis=0), lambda x: F.softmax(x, 0)),
    "log_softmax": (lambda x: functional.log_softmax(x, axis=1), lambda x: F.log_softmax(x, 1)),
}
KINKS = np.array([[-6.0, -3.0, -1.0, -0.0, 0.0, 1.0], [3.0, 6.0, 20.0, 1.5, 30.0, -30.0]])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    compare(*ACTIVATIONS[name], 3*normal(4, 6))


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if "softmax" not in n])
def test_activation_at_its_kinks(name):
    """Also at zeros of either sign, and far out."""
    f, g = ACTIVATIONS[name]
    # there is no second derivative there: PyTorch returns 0, cgrad that of the side that the first one is of
    skip = {"elu": [0.0], "elu 2": [0.0], "softplus": [20.0], "softplus 2, 3": [1.5]}.get(name, [])
    rtol = 1e-9 if name == "gelu" else 1e-11  # PyTorch's 1 + erf cancels
    compare(f, g, KINKS, rtol=rtol, skip=skip)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_in_single_precision(name):
    compare(*ACTIVATIONS[name], normal(4, 6, dtype=np.float32), rtol=2e-5, atol=2e-6)


MODULES = [
    (nn.ReLU(), torch.nn.ReLU()), (nn.ReLU6(), torch.nn.ReLU6()), (nn.Sigmoid(), torch.nn.Sigmoid()),
    (nn.Tanh(), torch.nn.Tanh()), (nn.ELU(0.7), torch.nn.ELU(0.7)), (nn.SiLU(), torch.nn.SiLU()),
    (nn.LeakyReLU(0.2), torch.nn.LeakyReLU(0.2)), (nn.Softplus(2.0, 1.0), torch.nn.Softplus(2.0, 1.0)),
    (nn.GELU(), torch.nn.GELU()), (nn.GELU("tanh"), torch.nn.GELU("tanh")), (nn.Mish(), torch.nn.Mish()),
    (nn.Hardswish(), torch.nn.Hardswish()), (nn.Softmax(-1), torch.nn.Softmax(-1)),
    (nn.LogSoftmax(0), torch.nn.LogSoftmax(0)), (nn.Flatten(), torch.nn.Flatten()), (nn.Identity(), torch.nn.Identity()),
    (nn.MSELoss(), torch.nn.MSELoss()), (nn.L1Loss(), torch.nn.L1Loss()), (nn.BCEWithLogits(), torch.nn.BCEWithLogitsLoss()),
]


@pytest.mark.parametrize(("mine", "its"), MODULES, ids=lambda m: type(m).__name__)
def test_module_of_a_function(mine, its):
    if "Loss" in type(its).__name__:
        target = np.random.default_rng(5).random((4, 6))
        compare(lambda x: mine(x, target), lambda x: its(x, torch.tensor(target)), normal(4, 6))
    else:
        compare(mine, its, normal(4, 6))


# ---- layers with parameters ----------------------------------------------------------------------


def alike(mine, its):
    """The layers' parameters by name, from PyTorch's; functions of (x, *parameters) for both."""
    names = [name for name, _ in its.named_parameters()]
    assert names == [name for name, _ in mine.named_parameters()]
    arrays = [p.detach().numpy() for p in its.parameters()]
    assert [a.shape for a in arrays] == [p.shape for p in mine.parameters()]

    def run(x, *parameters):
        for name, p in zip(names, parameters, strict=True):
            owner = mine
            *path, last = name.split(".")
            for step in path:
                owner = owner[int(step)] if step.isdigit() else getattr(owner, step)
            setattr(owner, last, p)
        return mine(x)

    def theirs(x, *parameters):
        return torch.func.functional_call(its, dict(zip(names, parameters, strict=True)), (x,))

    return run, theirs, arrays


@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3), (0, 3)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias):
    run, reference, arrays = alike(nn.Linear(3, 2, bias), torch.nn.Linear(3, 2, bias, dtype=torch.float64))
    compare(run, reference, normal(*shape), *arrays)


def test_perceptron():
    mine = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), nn.ReLU())
    its = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3), torch.nn.ReLU()).double()
    run, reference, arrays = alike(mine, its)
    compare(run, reference, normal(4, 6), *arrays)


CONVOLUTIONS = [
    *({"stride": s, "padding": p, "dilation": d} for s, p, d in itertools.product((1, 2, 3), (0, 1, 2), (1, 2))),
    {"groups": 2}, {"groups": 4, "stride": 2, "padding": 1}, {"bias": False}, {"padding": "same"}, {"padding": "valid"},
    {"padding": "same", "dilation": 2}, {"padding": 1, "padding_mode": "reflect"},
    {"padding": 2, "padding_mode": "replicate", "stride": 2}, {"padding": "same", "padding_mode": "circular"},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_convolution(n, options):
    name = f"Conv{n}d"
    kernel = (3, 2, 2)[:n]
    its = getattr(torch.nn, name)(4, 4, kernel, dtype=torch.float64, **options)
    mine = getattr(nn, name.upper().replace("CONV", "Conv"))(4, 4, kernel, **options)
    run, reference, arrays = alike(mine, its)
    compare(run, reference, normal(2, 4, *(7, 6, 5)[:n]), *arrays, atol=1e-11)


def test_convolution_without_a_batch_and_with_sizes_for_each_axis():
    options = {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)}
    run, reference, arrays = alike(nn.Conv2D(2, 3, (3, 2), **options), torch.nn.Conv2d(2, 3, (3, 2), **options).double())
    compare(run, reference, normal(2, 6, 7), *arrays)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", [
    {}, {"stride": 1}, {"stride": 3}, {"padding": 1}, {"padding": 1, "stride": 1, "dilation": 2}, {"ceil_mode": True},
    {"ceil_mode": True, "padding": 1, "stride": 2}, {"ceil_mode": True, "stride": 4},
], ids=str)
def test_max_pooling(n, options):
    f, g = getattr(functional, f"max_pool{n}d"), getattr(F, f"max_pool{n}d")
    kernel = (3, 2, 2)[:n]
    compare(lambda x: f(x, kernel, **options), lambda x: g(x, kernel, **options), normal(2, 3, *(8, 7, 5)[:n]))


def test_max_pooling_of_ties_and_infinities():
    ties = np.array([[[1.0, 1.0, 0.0, 2.0, 2.0, 2.0, -math.inf, -math.inf]]])
    for kernel, stride, padding in ((2, 2, 0), (3, 1, 1), (2, 2, 1)):
        x = Tensor(ties, requires_grad=True)
        t = torch.tensor(ties, requires_grad=True)
        out, reference = functional.max_pool1d(x, kernel, stride, padding), F.max_pool1d(t, kernel, stride, padding)
        np.testing.assert_array_equal(out.data, reference.detach())
        (out*seeds(out.shape)).sum().backward()
        (reference*torch.tensor(seeds(out.shape))).sum().backward()
        np.testing.assert_array_equal(x.grad[..., :6], t.grad[..., :6])  # where all are -inf any may be meant
        np.testing.assert_allclose(x.grad.sum(), t.grad.sum(), rtol=1e-15)


AVERAGES = [
    {}, {"stride": 1}, {"stride": 3}, {"padding": 1}, {"padding": 1, "count_include_pad": False},
    {"ceil_mode": True, "padding": 1, "stride": 2}, {"ceil_mode": True, "padding": 1, "stride": 3, "count_include_pad": False},
]


@pytest.mark.parametrize(("n", "options"), [
    *itertools.product((1, 2, 3), AVERAGES),
    *((n, {"divisor_override": 5}) for n in (2, 3)),  # PyTorch has none in one dimension
], ids=str)
def test_average_pooling(n, options):
    f, g = getattr(functional, f"avg_pool{n}d"), getattr(F, f"avg_pool{n}d")
    kernel = (3, 2, 2)[:n]
    compare(lambda x: f(x, kernel, **options), lambda x: g(x, kernel, **options), normal(2, 3, *(8, 7, 5)[:n]))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 5), (5, 5)], ids=str)
def test_adaptive_average_pooling(size):
    compare(lambda x: functional.adaptive_avg_pool(x, size), lambda x: F.adaptive_avg_pool2d(x, size), normal(2, 3, 7, 5))


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (4, 3, 2, 3), (2, 3, 2, 2, 2)], ids=str)
@pytest.mark.parametrize("options", [{}, {"affine": False}, {"momentum": None}, {"momentum": 0.3, "eps": 0.1},
                                     {"track_running_stats": False}], ids=str)
def test_batch_normalisation(shape, options):
    n = max(1, len(shape) - 2)
    mine = getattr(nn, f"BatchNorm{n}D")(3, **options)
    its = getattr(torch.nn, f"BatchNorm{n}d")(3, **options).double()
    if options.get("affine", True):
        with torch.no_grad():
            for k, p in enumerate(its.parameters()):
                p.copy_(torch.tensor(normal(3, seed=k + 1)))
    for mode in (True, True, False):
        mine.train(mode)
        its.train(mode)
        run, reference, arrays = alike(mine, its)
        buffers = {k: v.clone() for k, v in its.named_buffers()}
        state = {k: v for k, v in mine.state_dict().items() if "run" in k or "num" in k}
        compare(run, reference, 3*normal(*shape) + 2, *arrays)
        # compare() calls ours twice and theirs once: start both from the same statistics, and call each once
        its.load_state_dict(buffers, strict=False)
        mine.load_state_dict(state, strict=False)
        mine(normal(*shape))
        its(torch.tensor(normal(*shape)))
        for name, buffer in its.named_buffers():
            np.testing.assert_allclose(np.asarray(getattr(mine, name)), buffer.numpy(), rtol=1e-13)


@pytest.mark.parametrize("shape", [(5,), (4, 5), (3,)], ids=str)
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"elementwise_affine": False}], ids=str)
def test_layer_normalisation(shape, options):
    its = torch.nn.LayerNorm(shape, dtype=torch.float64, **options)
    mine = nn.LayerNorm(shape, affine=options.get("elementwise_affine", True), bias=options.get("bias", True))
    with torch.no_grad():
        for k, p in enumerate(its.parameters()):
            p.copy_(torch.tensor(normal(*shape, seed=k + 1)))
    run, reference, arrays = alike(mine, its)
    compare(run, reference, 2*normal(3, 2, *shape) + 1, *arrays)


def test_embedding():
    run, reference, arrays = alike(nn.Embedding(5, 3), torch.nn.Embedding(5, 3, dtype=torch.float64))
    index = np.array([[1, 4, 1], [0, 1, 4]])
    compare(lambda w: run(index, w), lambda w: reference(torch.tensor(index), w), *arrays)


# ---- losses --------------------------------------------------------------------------------------

REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5, 4), (4,), (3, 4, 2), (2, 4, 2, 3)], ids=str)
@pytest.mark.parametrize("options", [{}, {"weight": True}, {"label_smoothing": 0.2}, {"weight": True, "label_smoothing": 0.3},
                                     {"ignore_index": 1}], ids=str)
def test_cross_entropy_of_classes(shape, options, reduction):
    target = np.random.default_rng(3).integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())
    weight = np.array([0.5, 1.0, 2.0, 0.25])
    mine, its = dict(options, reduction=reduction), dict(options, reduction=reduction)
    if "weight" in options:
        mine["weight"], its["weight"] = weight, torch.tensor(weight)
    if "ignore_index" in options and (target == 1).all():
        target = target*0
    compare(lambda x: functional.cross_entropy(x, target, **mine),
            lambda x: F.cross_entropy(x, torch.tensor(target), **its), 2*normal(*shape))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5, 4), (4,), (3, 4, 2)], ids=str)
@pytest.mark.parametrize("options", [{}, {"weight": True}, {"label_smoothing": 0.2}], ids=str)
def test_cross_entropy_of_probabilities(shape, options, reduction):
    """The probabilities are differentiated, too."""
    q = np.random.default_rng(3).random(shape)
    weight = np.array([0.5, 1.0, 2.0, 0.25])
    mine, its = dict(options, reduction=reduction), dict(options, reduction=reduction)
    if "weight" in options:
        mine["weight"], its["weight"] = weight, torch.tensor(weight)
    compare(lambda x, q: functional.cross_entropy(x, q, **mine), lambda x, q: F.cross_entropy(x, q, **its),
            2*normal(*shape), q)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5, 4), (4,), (3, 4, 2)], ids=str)
@pytest.mark.parametrize("options", [{}, {"weight": True}, {"ignore_index": 2}], ids=str)
def test_nll(shape, options, reduction):
    target = np.random.default_rng(4).integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())
    weight = np.array([0.5, 1.0, 2.0, 0.25])
    mine, its = dict(options, reduction=reduction), dict(options, reduction=reduction)
    if "weight" in options:
        mine["weight"], its["weight"] = weight, torch.tensor(weight)
    if "ignore_index" in options and (target == 2).all():
        target = target*0
    compare(lambda x: functional.nll_loss(x, target, **mine), lambda x: F.nll_loss(x, torch.tensor(target), **its),
            normal(*shape))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_distances(reduction):
    x, t = normal(4, 3), normal(4, 3, seed=1)
    compare(lambda x, t: functional.mse_loss(x, t, reduction), lambda x, t: F.mse_loss(x, t, reduction=reduction), x, t)
    compare(lambda x, t: functional.l1_loss(x, t, reduction), lambda x, t: F.l1_loss(x, t, reduction=reduction), x, t)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", [{}, {"weight": True}, {"pos_weight": True}, {"weight": True, "pos_weight": True}], ids=str)
def test_binary_cross_entropy(options, reduction):
    x, t = np.concatenate([3*normal(4, 3), [[0.0, 40.0, -40.0]]]), np.random.default_rng(1).random((5, 3)).round(1)
    mine = {name: np.array([0.5, 2.0, 3.0]) for name in options}
    its = {name: torch.tensor(w) for name, w in mine.items()}
    compare(lambda x: functional.binary_cross_entropy_with_logits(x, t, reduction=reduction, **mine),
            lambda x: F.binary_cross_entropy_with_logits(x, torch.tensor(t), reduction=reduction, **its), x)


# ---- initial values ------------------------------------------------------------------------------

def spread(values):
    """Statistics that distributions are compared by: mean, standard deviation, extrema, quartiles."""
    v = np.asarray(values, np.float64).reshape(-1)
    return np.array([v.mean(), v.std(), *np.quantile(v, [0.05, 0.25, 0.5, 0.75, 0.95])])


FILLS = {
    "normal_": (0.5, 2.0), "uniform_": (-1.0, 3.0), "xavier_uniform_": (1.5,), "xavier_normal_": (0.5,),
    "kaiming_uniform_": (), "kaiming_normal_": (), "kaiming_uniform_ fan_out": (0.3, "fan_out"),
    "kaiming_normal_ relu": (0.0, "fan_out", "relu"), "kaiming_uniform_ tanh": (0.0, "fan_in", "tanh"),
}


@pytest.mark.parametrize("shape", [(300, 200), (60, 40, 5, 5)], ids=str)
@pytest.mark.parametrize("name", FILLS)
def test_initial_distribution(name, shape):
    function, options = name.split()[0], FILLS[name]
    torch.manual_seed(1)
    init.manual_seed(1)
    mine, its = Tensor(np.zeros(shape)), torch.zeros(shape, dtype=torch.float64)
    assert getattr(init, function)(mine, *options) is mine
    getattr(torch.nn.init, function)(its, *options)
    a, b = spread(mine.data), spread(its)
    np.testing.assert_allclose(a, b, atol=0.025*b[1])  # some 5 standard errors of 60,000 numbers
    if "uniform" in name:  # the bounds
        np.testing.assert_allclose([mine.data.min(), mine.data.max()], [its.min(), its.max()], atol=1e-3*b[1])
        assert abs(mine.data).max() <= abs(its).max()*1.001


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (3, 2, 5)], ids=str)
def test_orthogonal(shape):
    mine, its = init.orthogonal(Tensor(np.zeros(shape)), 2.0).data, torch.nn.init.orthogonal_(torch.zeros(shape), 2.0).numpy()
    for matrix in (mine.reshape(shape[0], -1), its.reshape(shape[0], -1)):
        short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        np.testing.assert_allclose(short @ short.T, 4*np.eye(len(short)), atol=1e-5)


@pytest.mark.parametrize(("shape", "groups"), [((4, 2, 3), 1), ((4, 2, 3, 2), 2), ((2, 4, 3, 3, 4), 1), ((6, 2, 5), 3)], ids=str)
def test_dirac(shape, groups):
    np.testing.assert_array_equal(init.dirac(Tensor(np.ones(shape)), groups).data,
                                  torch.nn.init.dirac_(torch.ones(shape), groups))


def test_sparse():
    for sparsity in (0.0, 0.1, 0.55, 1.0):
        mine, its = init.sparse(Tensor(np.ones((37, 20))), sparsity).data, torch.nn.init.sparse_(torch.ones(37, 20), sparsity)
        np.testing.assert_array_equal((mine == 0).sum(0), (its.numpy() == 0).sum(0))


def test_gains_and_fans():
    for name in ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
                 "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)
    for shape in ((3, 4), (3, 4, 5), (2, 3, 4, 5)):
        assert init.fans(np.zeros(shape)) == torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(shape))


@pytest.mark.parametrize(("mine", "its"), [
    (lambda: nn.Linear(200, 300), lambda: torch.nn.Linear(200, 300)),
    (lambda: nn.Conv2D(40, 60, 5), lambda: torch.nn.Conv2d(40, 60, 5)),
    (lambda: nn.Conv1D(40, 400, 5, groups=4), lambda: torch.nn.Conv1d(40, 400, 5, groups=4)),
    (lambda: nn.Embedding(200, 100), lambda: torch.nn.Embedding(200, 100)),
], ids=["Linear", "Conv2D", "grouped Conv1D", "Embedding"])
def test_what_layers_start_from(mine, its):
    init.manual_seed(2)
    torch.manual_seed(2)
    m, t = mine(), its()
    for (name, a), (_, b) in zip(m.named_parameters(), t.named_parameters(), strict=True):
        want = spread(b.detach())
        np.testing.assert_allclose(spread(a.data), want, atol=(0.05 if a.size > 1000 else 0.35)*want[1], err_msg=name)
        if name == "weight" and "Embedding" not in type(m).__name__:
            assert abs(a.data).max() == pytest.approx(float(abs(b).max()), rel=2e-3)


# ---- a net ---------------------------------------------------------------------------------------

def test_state_dict_has_the_same_names_and_shapes():
    mine = nn.Sequential(nn.Conv2D(1, 4, 3), nn.BatchNorm2D(4), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Linear(36, 10))
    its = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
                              torch.nn.Flatten(), torch.nn.Linear(36, 10)).double()
    state = {name: array.numpy() for name, array in its.state_dict().items()}
    assert {n: a.shape for n, a in mine.state_dict().items()} == {n: a.shape for n, a in state.items()}
    mine.load_state_dict(state)
    x = normal(3, 1, 8, 8)
    np.testing.assert_allclose(mine(x).data, its(torch.tensor(x)).detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(mine.eval()(x).data, its.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-10, atol=1e-12)


def test_scalars_go_through_the_activations():
    for name, (f, g) in ACTIVATIONS.items():
        if "softmax" in name:
            continue
        for x in (-4.0, -0.3, 0.0, 0.7, 7.0):
            v, t = Value(x), torch.tensor(x, dtype=torch.float64, requires_grad=True)
            out, reference = f(v), g(t)
            assert type(out) is Value, name
            out.backward()
            reference.backward()
            assert out.data == pytest.approx(reference.item(), rel=1e-9, abs=1e-15), (name, x)
            assert v.grad == pytest.approx(t.grad.item(), rel=1e-9, abs=1e-15), (name, x)
    assert cgrad.current_tape() is not None
