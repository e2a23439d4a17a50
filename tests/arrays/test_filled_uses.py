"""Arrays that are filled, beside what else tensors do: modes, copies, NumPy's functions, users' functions, memory."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from arrays_support import derivatives

import cgrad
from cgrad import Tape, Tensor, Value


def test_no_grad():
    x = Value(2.0)
    y = cgrad.zeros(3)
    y[0] = x*x
    with cgrad.no_grad():
        y[1] = x
        z = y*2.0
        y[2:] = [x]
        assert (z.tolist(), z.requires_grad) == ([8.0, 4.0, 0.0], False)
        assert y[0].data == 4.0
        assert derivatives(y, [x]) == [4.0]
    assert derivatives(y.sum(), [x]) == [4.0]
    assert y.tolist() == [4.0, 2.0, 2.0]


def test_detect_anomaly():
    x = Value(0.0)
    with cgrad.detect_anomaly():
        y = cgrad.empty(2)
        y[0] = x + 1.0
        y[1] = x*2.0
        assert y.sum().data == 1.0
        y[1] = np.inf
        with pytest.raises(cgrad.AnomalyError):
            y.sum()


def test_float32():
    x = Value(0.1)
    y = cgrad.zeros(2, dtype=np.float32)
    y[0] = x
    y[1] = 0.2
    assert (y.dtype, y[0] is x, y.tolist()) == (np.float32, True, [float(np.float32(0.1)), float(np.float32(0.2))])
    z = y*y
    assert z.dtype == np.float32
    assert z.tolist() == (np.array([0.1, 0.2], np.float32)**2).tolist()
    assert derivatives(z.sum(), [x]) == [pytest.approx(0.2, rel=1e-6)]


def test_copies_of_what_was_computed():
    w = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = w.copy()
    assert (y[0, 1].data, y.requires_grad, y.tolist()) == (2.0, True, w.tolist())
    first = (y*y).sum()
    y[0, 0] = y[1, 1]*2.0
    y[1] = 0.0
    s = (y*y).sum()
    assert cgrad.gradients(s, [w]).wrt(w).tolist() == [[0.0, 4.0], [0.0, 2*8.0*2.0]]
    assert cgrad.gradients(first, [w]).wrt(w).tolist() == (2*w.data).tolist()
    z = np.copy(w.T*1.0)
    z[0] = 1.0
    assert cgrad.gradients((z*z).sum(), [w]).wrt(w).tolist() == [[0.0, 4.0], [0.0, 8.0]]


def test_pickles_copies_and_names():
    x = Value(2.0)
    y = cgrad.zeros(2, name="state")
    y[0] = x*x
    for twin in (copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert (twin.tolist(), twin.requires_grad, twin.name, twin._tape) == ([4.0, 0.0], True, "state", None)
    assert y.name == "state"
    assert [v.name for v in (y*1.0)._prev if isinstance(v, Tensor)] == ["state"]
    assert y.detach().tolist() == [4.0, 0.0]
    y.detach()[0] = 1.0
    assert y[0].data == 4.0
    with pytest.raises(TypeError):
        np.asarray(y)
    with pytest.raises(ValueError, match="requires_grad_: 'state'"):
        y.requires_grad = False
    assert repr(y) == "Tensor([4., 0.], requires_grad=True, name='state')"


def test_numpy_and_functions():
    x = Value(0.5)
    y = cgrad.zeros(3)
    y[1] = cgrad.sin(x)
    z = cgrad.stack([0.0, cgrad.sin(x), 0.0])
    A = np.arange(9.0).reshape(3, 3)
    for f in (lambda t: np.sum(np.exp(t)), lambda t: (A @ t).sum(), lambda t: np.concatenate([t, t*2]).max(),
              lambda t: np.where(t > 0.1, t*t, 1.0).sum(), lambda t: cgrad.stack([t, t]).sum(), lambda t: t[[1, 1, 0]].sum(),
              lambda t: t.reshape(3, 1).mean(), lambda t: np.mean(t), lambda t: (t + np.ones(3)).prod(), lambda t: 1.0 - t[1:].sum(),
              lambda t: np.dot(t, t), lambda t: cgrad.Tensor(np.ones(3)) @ t, lambda t: t[-1] + t[1]*2.0, lambda t: abs(t).sum()):
        assert f(y).data == f(z).data
        assert derivatives(f(y), [x]) == derivatives(f(z), [x])
    assert 0.0 in y
    assert (y == 0.0).tolist() == [True, False, True]


def test_users_functions():
    class Twice(cgrad.Function):
        @staticmethod
        def forward(ctx, t):
            ctx.save_for_backward(t)
            return 2*t

        @staticmethod
        def backward(ctx, g):
            return 2*g

    x = Value(1.5)
    y = cgrad.zeros(2)
    y[0] = x
    z = Twice.apply(y)
    y[0] = 0.0
    assert derivatives(z.sum(), [x]) == [2.0]


def test_a_rule_that_fills_its_result():
    class Reversed(cgrad.Function):
        @staticmethod
        def forward(ctx, t):
            return t[::-1].copy()

        @staticmethod
        def backward(ctx, g):
            back = cgrad.zeros(len(g))
            for i in range(len(g)):
                back[i] = g[len(g) - 1 - i]
            return back

    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    s = (Reversed.apply(w)*w*w).sum()
    first = cgrad.gradients(s, [w], create_graph=True).wrt(w)
    plain = (w[::-1]*w*w).sum()
    want = cgrad.gradients(plain, [w], create_graph=True).wrt(w)
    assert first.tolist() == want.tolist()
    assert cgrad.gradients(first.sum(), [w]).wrt(w).tolist() == cgrad.gradients(want.sum(), [w]).wrt(w).tolist()


def test_tensors_made_of_it_have_their_own_numbers():
    y = cgrad.zeros(2)
    y[0] = Value(1.0)
    for t in (Tensor(y), Tensor(y, copy=False), y.detach()):
        y[1] = 5.0
        assert (t.tolist(), t.requires_grad) == ([1.0, 0.0], False)
        y[1] = 0.0
    y[:] = 2.0
    assert np.asarray(y).tolist() == [2.0, 2.0]


def test_memory():
    class Far(Tape):
        pass

    with Far():
        x = Value(2.0)
        y = cgrad.zeros(3)
        for i in range(3):
            y[i] = x*i
        view = y[1:]
        s = (y*y).sum() + view.sum()
        y[0] = s
        gone = [weakref.ref(v) for v in (s, y, view, y[1])]
        del y, view, s, x
    gc.collect()
    assert [r() for r in gone] == [None]*4
    y = cgrad.zeros(2)
    chain = y
    for _ in range(20000):
        chain = chain[:]
    chain[0] = Value(1.0)
    assert y[0].data == 1.0


def test_the_diagonal():
    x = Value(2.0)
    for shape in ((3, 3), (2, 3), (3, 2)):
        y, a = cgrad.ones(*shape), np.ones(shape)
        np.fill_diagonal(y, x*x)
        np.fill_diagonal(a, 4.0)
        assert y.tolist() == a.tolist()
        assert derivatives(y.sum(), [x]) == [4.0*min(shape)]
    with pytest.raises(ValueError, match="^fill_diagonal: "):
        np.fill_diagonal(cgrad.zeros(3), x)
