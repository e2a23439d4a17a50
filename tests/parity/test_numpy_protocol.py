"""PARITY: the NumPy protocol (MyGrad, NEP 13, NEP 18): programs written for NumPy run on Tensors, and are differentiated."""

import numpy as np
import pytest

import cgrad
import cgrad.testing
from cgrad import Tensor, Value

X = np.random.default_rng(7).normal(size=(3, 4))
W = np.random.default_rng(8).normal(size=(4, 2))

PROGRAMS = {  # name: a function that knows NumPy alone
    "ufuncs": lambda x: np.exp(np.sin(x))*np.tanh(x) + np.sqrt(np.square(x) + 1.0) - np.abs(x)/2,
    "operators": lambda x: 1.0 - (2.0*x + x*x)/(x**2 + 3.0) % 7.0 + -x,
    "reductions": lambda x: np.sum(x, axis=0) + np.mean(x) + np.max(x, axis=0, keepdims=True)[0]*np.prod(x[0]) + np.std(x),
    "shapes": lambda x: np.reshape(np.transpose(x), (2, 6)) @ np.concatenate([x, x], axis=1).reshape(6, 4)[:, :3],
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x) + np.dot(x, x.T),
    "where": lambda x: np.where(x > 0, x, 0.1*x) + np.clip(x, -0.5, 0.5) + np.maximum(x, 0.3),
    "indexing": lambda x: x[1:, ::-1] * x[[0, 2]][:, [1, 1, 0, 3]] + x[:, None, 2][1:],
    "cumulative": lambda x: np.cumsum(x, axis=1) + np.cumprod(x, axis=0)*np.sort(x, axis=1),
    "stacking": lambda x: np.stack([x, x*2.0], axis=1).sum(axis=2) + np.expand_dims(x.mean(axis=1), 1),
    "linalg": lambda x: np.linalg.solve(x @ x.T + np.eye(3), x) + np.linalg.norm(x)*np.linalg.det(x[:, :3]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_written_for_numpy(name):
    f = PROGRAMS[name]
    t = Tensor(X, requires_grad=True)
    out = f(t)
    assert type(out) is Tensor
    np.testing.assert_allclose(out.data, f(X), rtol=1e-13, atol=1e-14)
    cgrad.testing.check_grads(f, [X], 1)
    assert type(f(Tensor(X))) is Tensor


def test_array_ufunc():
    """NEP 13: a ufunc of an array and a Tensor is ours, from either side."""
    t = Tensor(X, requires_grad=True)
    for out, expected in ((np.multiply(X, t), X*X), (X*t, X*X), (np.float64(2.0)/t, 2/X), (np.add(t, 1), X + 1)):
        assert type(out) is Tensor
        np.testing.assert_array_equal(out.data, expected)
    (X*t).backward()
    np.testing.assert_array_equal(t.grad, X)
    v = Value(2.0)
    assert type(X*v) is type(np.exp(X*v)) is Tensor
    assert type(np.exp(v)) is Value


def test_array_function():
    """NEP 18: functions of NumPy's namespace, reductions to a scalar return a Value."""
    t = Tensor(X, requires_grad=True)
    total = np.sum(np.einsum("ij,jk->ik", t, W))
    assert type(total) is Value
    total.backward()
    np.testing.assert_allclose(t.grad, np.broadcast_to(W.sum(axis=1), X.shape), rtol=1e-15)


def test_what_has_no_rule_says_so():
    t = Tensor(X, requires_grad=True)
    for call, name in ((lambda: np.fft.fft(t), "fft"), (lambda: np.gradient(t), "gradient"), (lambda: np.spacing(t), "spacing")):
        with pytest.raises(TypeError, match=f"{name}.*no derivative rule"):
            call()


def test_out_of_the_graph():
    t = Tensor(X, requires_grad=True)
    with pytest.raises((TypeError, RuntimeError), match=r"requires grad.*\.data"):
        np.asarray(t)
    assert np.asarray(t.detach()).tolist() == X.tolist()
