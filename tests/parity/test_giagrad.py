"""PARITY: giagrad (Python over NumPy; tensors). A test for each row; formulas from the papers, not its code."""

import inspect
import math

import numpy as np
import pytest

import cgrad
import cgrad.nn as nn
import cgrad.optim as optim
import cgrad.testing
import cgrad.viz
from cgrad import Function, Tensor, Value
from cgrad.nn import functional, init

X = np.random.default_rng(1).normal(size=(3, 4))
POSITIVE = np.abs(X) + 0.5


def leaf(x=X, **kwargs):
    return Tensor(x, requires_grad=True, **kwargs)


# ---- Tensor --------------------------------------------------------------------------------------

def test_tensor_constructor():
    """Tensor(data, requires_grad=False, name=None, dtype); shares the ndarray with copy=False."""
    a = np.ones((2, 3), np.float32)
    t = Tensor(a, requires_grad=True, name="a", copy=False)
    assert (t.dtype, t.name, t.requires_grad, np.shares_memory(t.data, a)) == (np.float32, "a", True, True)
    assert Tensor([1, 2], dtype=np.float32).dtype == np.float32
    assert Tensor([1, 2], dtype=np.float64).dtype == np.float64


def test_tensor_attributes():
    t = leaf(name="x")
    assert (t.shape, t.dtype, t.size, t.ndim, t.T.shape) == ((3, 4), np.float64, 12, 2, (4, 3))
    assert t.grad.tolist() == np.zeros((3, 4)).tolist()
    t.name = "y"
    t.data = np.zeros((3, 4))
    assert (t.name, t.data.sum(), t.requires_grad) == ("y", 0.0, True)


def test_backward_retain_graph_and_non_scalar_roots():
    t = leaf()
    y = t*t
    y.backward(retain_graph=True)
    np.testing.assert_array_equal(t.grad, 2*X)  # a root that is no scalar is seeded with ones
    y.backward(retain_graph=False)
    np.testing.assert_array_equal(t.grad, 4*X)


def test_no_grad_and_requires_grad_():
    t = Tensor(X)
    assert t.requires_grad_().requires_grad
    with cgrad.no_grad():
        assert not (leaf()*2.0).requires_grad


def test_comm_applies_a_function():
    class Scale(Function):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            return self.factor*x

        def backward(self, partial):
            return self.factor*partial

    t = leaf()
    y = Tensor.comm(Scale(3.0), t)
    y.backward()
    np.testing.assert_array_equal(y.data, 3*X)
    np.testing.assert_array_equal(t.grad, np.full(X.shape, 3.0))


def test_hash_and_setitem():
    t = leaf()
    assert {t: 1}[t] == 1
    constant = Tensor(X)
    constant[0] = 5.0
    assert constant.data[0].tolist() == [5.0]*4
    with pytest.raises((TypeError, ValueError, RuntimeError), match="grad"):
        t[0] = 5.0


# ---- Function ------------------------------------------------------------------------------------

def test_function_forward_backward_saved_parents_and_name():
    class Power(Function):
        def __init__(self, c):
            super().__init__()
            self.c = c

        def forward(self, x):
            self.save_for_backward(x)
            return x**self.c

        def backward(self, partial):
            (x,) = self.saved_tensors
            return partial*self.c*x**(self.c - 1)

        def __str__(self):
            return f"Power(c={self.c})"

    t = leaf(POSITIVE)
    y = Tensor.comm(Power(3), t)
    y.backward()
    np.testing.assert_allclose(t.grad, 3*POSITIVE**2, rtol=1e-14)
    assert y._prev == {t}
    assert "Power" in y._op
    cgrad.testing.check_grads(lambda x: Tensor.comm(Power(3), x), [POSITIVE[0]], 2)


# ---- init in place -------------------------------------------------------------------------------

def test_init_constants():
    t = leaf()
    for name, args, value in (("zeros", (), 0.0), ("ones", (), 1.0), ("constant", (2.5,), 2.5)):
        assert getattr(init, name)(t, *args) is t
        assert t.data.tolist() == np.full((3, 4), value).tolist()
    assert init.empty(t).shape == (3, 4)


def test_init_normal_and_uniform():
    t = leaf(np.zeros((200, 200)))
    init.normal(t, 1.0, 2.0)
    assert t.data.mean() == pytest.approx(1.0, abs=0.06)
    assert t.data.std() == pytest.approx(2.0, rel=0.03)
    init.uniform(t, -1.0, 3.0)
    assert -1.0 <= t.data.min() < -0.99
    assert 2.99 < t.data.max() < 3.0


def test_init_dirac():
    """A convolution with these weights passes its channels on."""
    layer = nn.Conv2D(3, 3, 3, padding=1, bias=False)
    init.dirac(layer.weight)
    x = np.random.default_rng(2).normal(size=(2, 3, 5, 5))
    np.testing.assert_allclose(layer(Tensor(x)).data, x, rtol=1e-15)


@pytest.mark.parametrize(("name", "bound"), [
    ("xavier_uniform", lambda i, o, g: ("U", g*math.sqrt(6/(i + o)))), ("xavier_normal", lambda i, o, g: ("N", g*math.sqrt(2/(i + o)))),
    ("kaiming_uniform", lambda i, o, g: ("U", math.sqrt(2)*math.sqrt(3/i))), ("kaiming_normal", lambda i, o, g: ("N", math.sqrt(2)/math.sqrt(i))),
])
@pytest.mark.parametrize("shape", [(120, 200), (60, 20, 5, 5)])
def test_init_xavier_and_kaiming(name, bound, shape):
    """Glorot and Bengio (2010), He and others (2015): fans include the receptive field (giagrad's do not)."""
    t = leaf(np.zeros(shape))
    getattr(init, name)(t)
    field = math.prod(shape[2:])
    kind, b = bound(shape[1]*field, shape[0]*field, 1.0)
    if kind == "U":
        assert b*0.99 < np.abs(t.data).max() <= b
        b /= math.sqrt(3)
    assert t.data.std() == pytest.approx(b, rel=0.03)


def test_init_sparse_and_orthogonal():
    t = leaf(np.zeros((40, 30)))
    init.sparse(t, 0.25)
    assert ((t.data == 0).sum(axis=0) == 10).all()
    init.orthogonal(t, gain=2.0)
    np.testing.assert_allclose(t.data.T @ t.data, 4*np.eye(30), atol=1e-12)


def test_calculate_gain():
    for name, param, gain in (("linear", None, 1.0), ("sigmoid", None, 1.0), ("tanh", None, 5/3), ("relu", None, math.sqrt(2)),
                              ("leaky_relu", 0.2, math.sqrt(2/1.04)), ("selu", None, 0.75)):
        assert init.calculate_gain(name, param) == pytest.approx(gain, rel=1e-15)


# ---- math ----------------------------------------------------------------------------------------

MATH = {
    "sqrt": (lambda t: t.sqrt(), np.sqrt, lambda x: 0.5/np.sqrt(x)),
    "square": (lambda t: t.square(), np.square, lambda x: 2*x),
    "exp": (lambda t: t.exp(), np.exp, np.exp),
    "log": (lambda t: t.log(), np.log, lambda x: 1/x),
    "reciprocal": (lambda t: t.reciprocal(), lambda x: 1/x, lambda x: -1/x**2),
    "abs": (lambda t: abs(t), np.abs, np.sign),
    "add": (lambda t: t + 2.0, lambda x: x + 2, np.ones_like),
    "sub": (lambda t: t - 2.0, lambda x: x - 2, np.ones_like),
    "mul": (lambda t: t*t, lambda x: x*x, lambda x: 2*x),
    "pow": (lambda t: t**3, lambda x: x**3, lambda x: 3*x**2),
    "div": (lambda t: t/4.0, lambda x: x/4, lambda x: np.full_like(x, 0.25)),
    "neg": (lambda t: -t, lambda x: -x, lambda x: -np.ones_like(x)),
    "radd": (lambda t: 2.0 + t, lambda x: x + 2, np.ones_like),
    "rsub": (lambda t: 2.0 - t, lambda x: 2 - x, lambda x: -np.ones_like(x)),
    "rmul": (lambda t: 2.0*t, lambda x: 2*x, lambda x: np.full_like(x, 2.0)),
    "rdiv": (lambda t: 2.0/t, lambda x: 2/x, lambda x: -2/x**2),
    "rpow": (lambda t: 2.0**t, lambda x: 2**x, lambda x: math.log(2)*2**x),
    "clip": (lambda t: t.clip(0.6, 1.5), lambda x: np.clip(x, 0.6, 1.5), lambda x: ((x >= 0.6) & (x <= 1.5)).astype(float)),
    "sign": (lambda t: t.sign(), np.sign, np.zeros_like),
}


@pytest.mark.parametrize("name", MATH)
def test_math(name):
    f, value, derivative = MATH[name]
    t = leaf(POSITIVE)
    y = f(t)
    y.backward()
    np.testing.assert_allclose(y.data, value(POSITIVE), rtol=1e-14)
    np.testing.assert_allclose(t.grad, derivative(POSITIVE), rtol=1e-14)


def test_math_matmul():
    a, b = leaf(), leaf(X.T.copy())
    y = a @ b
    y.backward()
    np.testing.assert_allclose(y.data, X @ X.T, rtol=1e-13)
    np.testing.assert_allclose(a.grad, np.ones((3, 3)) @ X, rtol=1e-13)
    np.testing.assert_allclose((X @ b).data, X @ X.T, rtol=1e-13)
    np.testing.assert_allclose((a @ X.T).data, X @ X.T, rtol=1e-13)


def test_math_in_place_forms():
    """a += b makes a new tensor; the graph of the old one is untouched."""
    t = leaf(POSITIVE)
    y = old = t*1.0
    y += 1.0
    y -= 3.0
    y *= 2.0
    y /= 4.0
    y **= 2
    y @= X.T
    np.testing.assert_allclose(y.data, ((POSITIVE - 2)/2)**2 @ X.T, rtol=1e-13)
    y.backward()
    np.testing.assert_array_equal(old.data, POSITIVE)
    np.testing.assert_allclose(t.grad, (POSITIVE - 2)/2*X.sum(axis=0), rtol=1e-13)


def test_math_comparisons():
    t = leaf()
    for got, expected in ((t < 0, X < 0), (t <= 0, X <= 0), (t > 0, X > 0), (t >= 0, X >= 0), (t == X, X == X), (t != X, X != X)):
        assert type(got) is np.ndarray
        assert got.tolist() == expected.tolist()


# ---- activations ---------------------------------------------------------------------------------

def sigmoid(x):
    return 1/(1 + np.exp(-x))


def normal_cdf(x):
    return np.vectorize(math.erfc)(-x/math.sqrt(2))/2


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e/e.sum(axis=axis, keepdims=True)


ACTIVATIONS = {  # name: (method's arguments, formula)
    "relu": ((), lambda x: np.maximum(x, 0)),
    "sigmoid": ((), sigmoid),
    "elu": ((1.5,), lambda x: np.where(x > 0, x, 1.5*np.expm1(x))),
    "silu": ((2.0,), lambda x: x*sigmoid(2*x)),
    "tanh": ((), np.tanh),
    "leakyrelu": ((0.2,), lambda x: np.where(x > 0, x, 0.2*x)),
    "softplus": ((2.0, 20.0), lambda x: np.logaddexp(0, 2*x)/2),
    "quick_gelu": ((), lambda x: x*sigmoid(1.702*x)),
    "gelu": ((), lambda x: x*normal_cdf(x)),
    "relu6": ((), lambda x: np.clip(x, 0, 6)),
    "mish": ((), lambda x: x*np.tanh(np.logaddexp(0, x))),
    "hardswish": ((), lambda x: x*np.clip(x + 3, 0, 6)/6),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    args, formula = ACTIVATIONS[name]
    x = np.linspace(-4.2, 7.7, 24).reshape(4, 6)
    np.testing.assert_allclose(getattr(Tensor(x), name)(*args).data, formula(x), rtol=1e-12, atol=1e-15)
    cgrad.testing.check_grads(lambda t: getattr(t, name)(*args), [x[::3, ::2]], 2, "rev", eps=1e-3)


def test_activations_softplus_limit():
    """Above the limit it is x itself."""
    t = leaf(np.array([1.0, 30.0]))
    y = t.softplus(1.0, 20.0)
    y.backward()
    assert y.data[1] == 30.0
    np.testing.assert_allclose(t.grad, [sigmoid(1.0), 1.0], rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_activations_softmax_and_log_softmax(axis):
    t = leaf()
    np.testing.assert_allclose(t.softmax(axis=axis).data, softmax(X, axis), rtol=1e-14)
    np.testing.assert_allclose(t.log_softmax(axis=axis).data, np.log(softmax(X, axis)), rtol=1e-13)
    for f in ("softmax", "log_softmax"):
        cgrad.testing.check_grads(lambda t, f=f: getattr(t, f)(axis=axis), [X[:2, :3]], 2, "rev")


# ---- reductions ----------------------------------------------------------------------------------

@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1,), (0, 1, 2)])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std"])
def test_reductions(name, axis, keepdims):
    x = np.random.default_rng(5).normal(size=(2, 3, 2))
    t = leaf(x)
    out, expected = getattr(t, name)(axis=axis, keepdims=keepdims), getattr(np, name)(x, axis=axis, keepdims=keepdims)
    assert type(out) is (Tensor if np.ndim(expected) else Value)
    np.testing.assert_allclose(out.data, expected, rtol=1e-13)
    cgrad.testing.check_grads(lambda t: getattr(t, name)(axis=axis, keepdims=keepdims), [x], 1, "rev", eps=1e-3)


def test_reductions_ddof_and_eps():
    t = leaf()
    np.testing.assert_allclose(t.var(axis=1, ddof=1).data, X.var(axis=1, ddof=1), rtol=1e-13)
    np.testing.assert_allclose(t.std(axis=0, ddof=1).data, X.std(axis=0, ddof=1), rtol=1e-13)
    np.testing.assert_allclose(t.std(axis=0, eps=1e-3).data, np.sqrt(X.var(axis=0) + 1e-3), rtol=1e-13)
    flat = leaf(np.ones(3))
    flat.std(eps=1e-8).backward()
    assert flat.grad.tolist() == [0.0]*3


# ---- shape ---------------------------------------------------------------------------------------

SHAPES = {
    "reshape": (lambda t: t.reshape(2, 6), lambda x: x.reshape(2, 6)),
    "reshape by -1": (lambda t: t.reshape((-1, 2)), lambda x: x.reshape(-1, 2)),
    "permute": (lambda t: t.reshape(3, 2, 2).permute(2, 0, 1), lambda x: x.reshape(3, 2, 2).transpose(2, 0, 1)),
    "swapaxes": (lambda t: t.swapaxes(0, 1), lambda x: x.T),
    "pad": (lambda t: t.pad((1, 2), (0, 1)), lambda x: np.pad(x, ((1, 2), (0, 1)))),
    "squeeze": (lambda t: t[:, :1].squeeze(1), lambda x: x[:, 0]),
    "unsqueeze": (lambda t: t.unsqueeze(1), lambda x: x[:, None]),
    "getitem": (lambda t: t[1:, ::2], lambda x: x[1:, ::2]),
    "getitem of lists": (lambda t: t[[0, 0, 2], [1, 1, 3]], lambda x: x[[0, 0, 2], [1, 1, 3]]),
    "einsum": (lambda t: t.einsum("ij,kj->ik", X), lambda x: np.einsum("ij,kj->ik", x, X)),
    "einsum with an ellipsis": (lambda t: cgrad.einsum("...j,jk->...k", t, X.T), lambda x: x @ X.T),
    "einsum of repeated labels": (lambda t: cgrad.einsum("ii->i", t[:, :3]), lambda x: np.diagonal(x[:, :3])),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name):
    f, expected = SHAPES[name]
    np.testing.assert_allclose(f(leaf()).data, expected(X), rtol=1e-13)
    cgrad.testing.check_grads(f, [X], 1, "rev")


def test_shape_getitem_duplicates_accumulate():
    t = leaf(np.zeros(3))
    t[[0, 0, 2, 0]].backward([1.0, 10.0, 100.0, 1000.0])
    assert t.grad.tolist() == [1011.0, 0.0, 100.0]


# ---- nn ------------------------------------------------------------------------------------------

class Net(nn.Module):
    def __init__(self):
        self.first = nn.Linear(4, 5)
        self.second = nn.Linear(5, 2)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.second(self.drop(self.first(x).relu()))


def test_nn_module():
    """Auto-registers, trains and evaluates, applies, lists parameters, zeroes gradients, prints itself."""
    net = Net()
    assert [p.shape for p in net.parameters()] == [(5, 4), (5,), (2, 5), (2,)]
    x = Tensor(X)
    net.eval()
    assert not net.drop.training
    assert np.array_equal(net(x).data, net(x).data)
    net.train()
    assert net.drop.training
    net(x).sum().backward()
    assert any(p.grad.any() for p in net.parameters())
    net.zero_grad()
    assert not any(p.grad.any() for p in net.parameters())
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert sorted(seen) == ["Dropout", "Linear", "Linear", "Net"]
    assert "Linear" in str(net)
    assert "Dropout" in str(net)


def test_nn_sequential_and_linear():
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2, bias=False))
    a, b = net[0], net[2]
    assert (a.weight.shape, a.bias.shape, b.bias) == ((3, 4), (3,), None)
    assert np.abs(a.weight.data).max() <= 0.5  # 1/sqrt(4), as PyTorch; giagrad's has another
    expected = np.tanh(X @ a.weight.data.T + a.bias.data) @ b.weight.data.T
    np.testing.assert_allclose(net(Tensor(X)).data, expected, rtol=1e-13)


def test_nn_dropout():
    x = np.ones((50, 40))
    for layer in (nn.Dropout(0.25), nn.DropoutND(0.25, 1)):
        y = layer(Tensor(x if type(layer) is nn.Dropout else x.reshape(50, 40, 1)))
        kept = y.data[y.data != 0]
        assert np.allclose(kept, 1/0.75)
        assert 0.2 < 1 - kept.size/2000 < 0.3
        layer.eval()
        assert layer(Tensor(np.ones((2, 3, 4)))).data.tolist() == np.ones((2, 3, 4)).tolist()
    channels = nn.DropoutND(0.5, 2)(Tensor(np.ones((8, 6, 3, 3)))).data.reshape(48, 9)
    assert all(len(set(row)) == 1 for row in channels.tolist())


@pytest.mark.parametrize("n", [1, 2, 3])
def test_nn_convolutions(n):
    """Against a sum over windows, written out."""
    layer = {1: nn.Conv1D, 2: nn.Conv2D, 3: nn.Conv3D}[n](2, 3, 2, stride=2, padding=1)
    x = np.random.default_rng(n).normal(size=(2, 2, *(4,)*n))
    w, b = layer.weight.data, layer.bias.data
    padded = np.pad(x, [(0, 0), (0, 0), *[(1, 1)]*n])
    out = np.zeros((2, 3, *(3,)*n))
    for place in np.ndindex(*(3,)*n):
        window = padded[(slice(None), slice(None), *(slice(2*k, 2*k + 2) for k in place))]
        out[(slice(None), slice(None), *place)] = np.tensordot(window, w, (list(range(1, n + 2)), list(range(1, n + 2)))) + b
    np.testing.assert_allclose(layer(Tensor(x)).data, out, rtol=1e-12, atol=1e-14)


def test_nn_normalisation():
    x = np.random.default_rng(9).normal(2.0, 3.0, size=(6, 3, 4))
    mean, var = x.mean(axis=(0, 2), keepdims=True), x.var(axis=(0, 2), keepdims=True)
    norm = nn.BatchNormND(3)
    np.testing.assert_allclose(norm(Tensor(x)).data, (x - mean)/np.sqrt(var + 1e-5), rtol=1e-12)
    np.testing.assert_allclose(norm.running_mean, 0.1*mean.ravel(), rtol=1e-12)
    layer = nn.LayerNorm(4)
    m, v = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    np.testing.assert_allclose(layer(Tensor(x)).data, (x - m)/np.sqrt(v + 1e-5), rtol=1e-12)


def test_nn_cross_entropy():
    t = leaf()
    loss = nn.CrossEntropyLoss()(t, [0, 3, 1])
    logs = np.log(softmax(X, 1))
    assert loss.item() == pytest.approx(-logs[[0, 1, 2], [0, 3, 1]].mean(), rel=1e-14)
    loss.backward()
    hot = np.zeros((3, 4))
    hot[[0, 1, 2], [0, 3, 1]] = 1
    np.testing.assert_allclose(t.grad, (np.exp(logs) - hot)/3, rtol=1e-12)


def test_nn_activation_modules():
    """One module each."""
    x = Tensor(X)
    for module, expected in ((nn.ReLU(), np.maximum(X, 0)), (nn.Sigmoid(), sigmoid(X)), (nn.Tanh(), np.tanh(X)),
                             (nn.ELU(), np.where(X > 0, X, np.expm1(X))), (nn.SiLU(), X*sigmoid(X)),
                             (nn.LeakyReLU(0.1), np.where(X > 0, X, 0.1*X)), (nn.Softplus(), np.logaddexp(0, X)),
                             (nn.QuickGELU(), X*sigmoid(1.702*X)), (nn.GELU(), X*normal_cdf(X)),
                             (nn.ReLU6(), np.clip(X, 0, 6)), (nn.Mish(), X*np.tanh(np.logaddexp(0, X))),
                             (nn.Hardswish(), X*np.clip(X + 3, 0, 6)/6), (nn.Softmax(1), softmax(X, 1)),
                             (nn.LogSoftmax(0), np.log(softmax(X, 0)))):
        np.testing.assert_allclose(module(x).data, expected, rtol=1e-12, err_msg=str(module))


def test_nn_pooling():
    """Announced there, missing."""
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    assert nn.MaxPool2D(2)(Tensor(x)).data.tolist() == [[[[5.0, 7.0], [13.0, 15.0]]]]
    assert nn.AvgPool2D(2)(Tensor(x)).data.tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
    assert functional.max_pool1d(Tensor(x[0, 0]), 2).shape == (4, 2)


# ---- optim ---------------------------------------------------------------------------------------

def sgd(w, grads, lr, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0, maximize=False):
    b = None
    for g in grads:
        g = (-g if maximize else g) + weight_decay*w
        if momentum:
            b = g if b is None else momentum*b + (1 - dampening)*g
            g = g + momentum*b if nesterov else b
        w = w - lr*g
    return w


def adam(w, grads, lr, amsgrad=False):
    m = v = top = np.zeros_like(w)
    for t, g in enumerate(grads, 1):
        m, v = 0.9*m + 0.1*g, 0.999*v + 0.001*g*g
        seen = v/(1 - 0.999**t)
        if amsgrad:
            top = np.maximum(top, v)
            seen = top/(1 - 0.999**t)
        w = w - lr*m/(1 - 0.9**t)/(np.sqrt(seen) + 1e-8)
    return w


def adamax(w, grads, lr):
    """Kingma and Ba (2015), algorithm 2; PyTorch adds eps inside the maximum."""
    m = u = np.zeros_like(w)
    for t, g in enumerate(grads, 1):
        m, u = 0.9*m + 0.1*g, np.maximum(0.999*u, np.abs(g) + 1e-8)
        w = w - lr/(1 - 0.9**t)*m/u
    return w


def adadelta(w, grads, lr, rho=0.9, eps=1e-6):
    """Zeiler (2012), algorithm 1."""
    s = d = np.zeros_like(w)
    for g in grads:
        s = rho*s + (1 - rho)*g*g
        step = np.sqrt(d + eps)/np.sqrt(s + eps)*g
        d = rho*d + (1 - rho)*step*step
        w = w - lr*step
    return w


@pytest.mark.parametrize(("make", "formula"), [
    (lambda p: optim.SGD(p, lr=0.1), lambda w, g: sgd(w, g, 0.1)),
    (lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3), lambda w, g: sgd(w, g, 0.1, 0.9, 0.3)),
    (lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True), lambda w, g: sgd(w, g, 0.1, 0.9, nesterov=True)),
    (lambda p: optim.SGD(p, lr=0.1, weight_decay=0.2), lambda w, g: sgd(w, g, 0.1, weight_decay=0.2)),
    (lambda p: optim.SGD(p, lr=0.1, maximize=True), lambda w, g: sgd(w, g, 0.1, maximize=True)),
    (lambda p: optim.Adam(p, lr=0.1), lambda w, g: adam(w, g, 0.1)),
    (lambda p: optim.Adam(p, lr=0.1, amsgrad=True), lambda w, g: adam(w, g, 0.1, True)),
    (lambda p: optim.Adamax(p, lr=0.1), lambda w, g: adamax(w, g, 0.1)),
    (lambda p: optim.Adadelta(p, lr=0.5), lambda w, g: adadelta(w, g, 0.5)),
], ids=["sgd", "momentum, dampening", "nesterov", "weight decay", "maximize", "adam", "amsgrad", "adamax", "adadelta"])
def test_optim(make, formula):
    """Five steps of given gradients, on a Tensor and on Values alike."""
    grads = np.random.default_rng(3).normal(size=(5, 3))*np.array([3.0, 1.0, 0.2])[:, None].T
    start = np.array([1.0, -2.0, 0.5])
    t, values = leaf(start), [Value(x) for x in start]
    optimizer = make([t, *values])
    for g in grads:
        optimizer.zero_grad()
        t.grad = g
        for v, x in zip(values, g, strict=True):
            v.grad = x
        optimizer.step()
    np.testing.assert_allclose(t.data, formula(start, grads), rtol=1e-9)
    np.testing.assert_allclose([v.data for v in values], t.data, rtol=1e-12)


# ---- display -------------------------------------------------------------------------------------

def test_display_draw_dot():
    """draw_dot(root, rankdir, shape, grad), and the source text where graphviz is missing."""
    t = leaf(name="x")
    y = (t*2.0).sum()
    y.backward()
    parameters = inspect.signature(cgrad.viz.draw_dot).parameters
    assert {"root", "rankdir", "shape", "grad"} <= set(parameters)
    text = cgrad.viz.to_dot(y, rankdir="TB", shape=True)
    assert text.startswith("digraph {")
    assert "rankdir=TB" in text
    assert "x | shape (3, 4)" in text
    assert "grad" in text
    assert "grad" not in cgrad.viz.to_dot(y, shape=True, grad=False)
    pytest.importorskip("graphviz", reason="draw_dot needs the package; its tests do without it")
    assert "x | shape (3, 4) | grad" in cgrad.viz.draw_dot(y, rankdir="TB", shape=True, grad=True).source
    assert "grad" not in cgrad.viz.draw_dot(y, rankdir="LR", shape=True, grad=False).source
