"""Activations against their formulas (SciPy, mpmath), their derivatives against differences; what they take."""

import math

import numpy as np
import pytest
from nn_support import check, ours, plain
from scipy import special, stats

import cgrad
from cgrad import Tensor, Value, nn
from cgrad.nn import functional

FORMULAS = {
    "relu": lambda x: np.maximum(x, 0), "relu6": lambda x: np.clip(x, 0, 6), "sigmoid": special.expit, "tanh": np.tanh,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), "silu": lambda x: x*special.expit(x),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01*x), "softplus": lambda x: np.logaddexp(0, x),
    "quick_gelu": lambda x: x*special.expit(1.702*x), "gelu": lambda x: x*stats.norm.cdf(x),
    "mish": lambda x: x*np.tanh(np.logaddexp(0, x)), "hardswish": lambda x: x*np.clip(x + 3, 0, 6)/6,
}
X = np.array([[-7.3, -2.9, -1.2, -0.4, -1e-3], [0.3, 1.1, 2.2, 5.1, 8.4]])


@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_derivatives(name):
    out = check(getattr(functional, name), X)
    np.testing.assert_allclose(out, FORMULAS[name](X), rtol=1e-13)


@pytest.mark.parametrize(("f", "formula"), [
    (lambda x: functional.elu(x, 0.3), lambda x: np.where(x > 0, x, 0.3*np.expm1(np.minimum(x, 0)))),
    (lambda x: functional.silu(x, 2.5), lambda x: x*special.expit(2.5*x)),
    (lambda x: functional.leaky_relu(x, -0.5), lambda x: np.where(x > 0, x, -0.5*x)),
    (lambda x: functional.softplus(x, 3.0), lambda x: np.logaddexp(0, 3*x)/3),
    (lambda x: functional.softplus(x, 2.0, 1.0), lambda x: np.where(2*x > 1, x, np.logaddexp(0, 2*x)/2)),
    (lambda x: functional.mish(x, 0.5), lambda x: x*np.tanh(np.logaddexp(0, 0.5*x)/0.5)),
    (lambda x: functional.gelu(x, "tanh"),
     lambda x: 0.5*x*(1 + np.tanh(math.sqrt(2/math.pi)*(x + 0.044715*x**3)))),
], ids=["elu", "silu", "leaky_relu", "softplus", "softplus limit", "mish", "gelu tanh"])
def test_options(f, formula):
    np.testing.assert_allclose(check(f, X), formula(X), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax(axis):
    np.testing.assert_allclose(check(lambda x: functional.softmax(x, axis=axis), X), special.softmax(X, axis), rtol=1e-13)
    np.testing.assert_allclose(check(lambda x: functional.log_softmax(x, axis=axis), X), special.log_softmax(X, axis),
                               rtol=1e-13)


def test_gelu_keeps_its_digits_in_the_tail():
    x = np.array([-30.0, -10.0, -5.0])
    np.testing.assert_allclose(functional.gelu(x), x*stats.norm.cdf(x), rtol=1e-12)


FIRST = {  # name: (x, derivatives), PyTorch's
    "relu": ([0.0, -0.0], [0, 0]), "relu6": ([0.0, 6.0], [0, 0]), "elu": ([0.0, -0.0], [1, 1]),
    "leaky_relu": ([0.0, -0.0], [0.01, 0.01]), "hardswish": ([-3.0, 3.0], [0, 1]),
    "softplus": ([20.0], [special.expit(20.0)]),
}


@pytest.mark.parametrize("name", FIRST)
def test_derivatives_at_kinks(name):
    x = np.array(FIRST[name][0])
    v = [Value(a) for a in x]
    t = Tensor(x, requires_grad=True)
    getattr(functional, name)(t).sum().backward()
    for a in v:
        getattr(functional, name)(a).backward()
    np.testing.assert_allclose(t.grad, FIRST[name][1], rtol=1e-15)
    np.testing.assert_allclose([a.grad for a in v], FIRST[name][1], rtol=1e-15)


@pytest.mark.parametrize("name", FORMULAS)
def test_far_out_nothing_overflows(name):
    x = np.array([-800.0, 800.0])
    with np.errstate(over="raise", invalid="raise"):
        out, first, _, again = ours(getattr(functional, name), [x])
    want = {"sigmoid": [0, 1], "tanh": [-1, 1], "relu6": [0, 6], "elu": [-1, 800], "leaky_relu": [-8, 800]}
    np.testing.assert_allclose(out, want.get(name, [0, 800]), rtol=1e-15, atol=1e-300)
    assert np.isfinite(first).all() and np.isfinite(again).all()


@pytest.mark.parametrize("name", FORMULAS)
def test_nan_stays_nan(name):
    assert np.isnan(plain(getattr(functional, name)(Tensor([math.nan, 1.0])))[0])


@pytest.mark.parametrize("name", FORMULAS)
def test_what_goes_in_comes_out(name):
    f = getattr(functional, name)
    want = FORMULAS[name](X)
    assert type(f(Tensor(X))) is Tensor
    plainly = f(X)
    assert type(plainly) is np.ndarray
    np.testing.assert_allclose(plainly, want, rtol=1e-12)
    for x, y in zip(X.flat, want.flat, strict=True):
        v = f(Value(x))
        assert type(v) is Value and v.data == pytest.approx(y, rel=1e-12)
        assert isinstance(f(float(x)), float) and f(float(x)) == pytest.approx(y, rel=1e-12)


@pytest.mark.parametrize("name", [*FORMULAS, "softmax", "log_softmax"])
def test_single_precision_stays_single(name):
    options = {"axis": 0} if "softmax" in name else {}
    x = Tensor(X.astype(np.float32), requires_grad=True)
    out = getattr(functional, name)(x, **options)
    out.sum().backward()
    assert out.dtype == np.float32 and x.grad.dtype == np.float32


METHODS = {"relu": (), "sigmoid": (), "elu": (0.5,), "silu": (1.5,), "tanh": (), "leakyrelu": (0.1,), "softplus": (2.0, 3.0),
           "quick_gelu": (), "gelu": (), "relu6": (), "mish": (), "hardswish": (), "softmax": (1,), "log_softmax": (1,)}


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_tensors(name):
    """giagrad's names and arguments."""
    t = Tensor(X)
    f = getattr(functional, name)
    want = f(t, axis=1) if "softmax" in name else f(t, *METHODS[name])
    np.testing.assert_array_equal(getattr(t, name)(*METHODS[name]).data, want.data)


def test_softplus_without_a_limit():
    """t.softplus() is cgrad.softplus(t), as for Values; the function cuts at 20, as PyTorch's."""
    x = Tensor([25.0, 1.0])
    np.testing.assert_array_equal(x.softplus().data, cgrad.softplus(x).data)
    assert functional.softplus(x).data[0] == 25.0 != x.softplus().data[0]


MODULES = [
    (nn.ReLU(), "relu", ()), (nn.ReLU6(), "relu6", ()), (nn.Sigmoid(), "sigmoid", ()), (nn.Tanh(), "tanh", ()),
    (nn.ELU(0.4), "elu", (0.4,)), (nn.SiLU(2.0), "silu", (2.0,)), (nn.LeakyReLU(0.2), "leaky_relu", (0.2,)),
    (nn.Softplus(2.0, 3.0), "softplus", (2.0, 3.0)), (nn.SoftPlus(), "softplus", ()), (nn.QuickGELU(), "quick_gelu", ()),
    (nn.GELU(), "gelu", ()), (nn.GELU("tanh"), "gelu", ("tanh",)), (nn.Mish(0.5), "mish", (0.5,)),
    (nn.Hardswish(), "hardswish", ()), (nn.Softmax(0), "softmax", (0,)), (nn.LogSoftmax(1), "log_softmax", (1,)),
]


@pytest.mark.parametrize(("module", "name", "options"), MODULES, ids=lambda x: str(x))
def test_a_module_each(module, name, options):
    np.testing.assert_array_equal(module(Tensor(X)).data, getattr(functional, name)(Tensor(X), *options).data)
    assert module.parameters() == []
    assert repr(module).startswith(type(module).__name__ + "(")
    assert all(str(option) in repr(module) for option in options)


def test_an_approximation_that_is_none():
    with pytest.raises(ValueError, match="gelu: approximate is 'sigmoid': give 'none' or 'tanh'"):
        functional.gelu(1.0, "sigmoid")
