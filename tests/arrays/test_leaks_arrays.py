"""References and memory that must not leak, by any kind of call on arrays, errors included: each kind by itself."""

import copy
import gc
import pickle
import sys
import tracemalloc

import numpy as np
import pytest
from core_support import COLLECT_ALWAYS

import cgrad
import cgrad.viz
from cgrad import Function, Tape, Tensor, Value, current_tape


class Twice(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 2.0*x, x + 1.0

    @staticmethod
    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        return 2.0*g + h + 0.0*x


class Broken(Function):
    @staticmethod
    def forward(ctx, x):
        return x*1.0

    @staticmethod
    def backward(ctx, g):
        raise KeyError("mine")


def second_order(t, m, v):
    d = cgrad.gradients((t*v).tanh().sum(), [t, v], create_graph=True).wrt([t, v])
    cgrad.gradients(d, [t, v], seed=[np.ones(3), 1.0])
    (d[0]*d[0]).sum().backward()


def views(t, m, v):
    y = m*1.0
    (y.T.sum() + y[0].sum() + y[:, [0, 0]].sum() + y.reshape(6)[::-1].sum() + np.broadcast_to(t, (2, 3)).sum()).backward()


def items(t, m, v):
    (sum(t) + t[0]*m[1, 2] + cgrad.stack([v, t[1], 2.0]).sum()).backward()
    list(m), len(m), t[np.int64(0)]


def tapes(t, m, v):
    with Tape() as tape:
        mark = tape.mark()
        y = t*m
        y.name = "y"
        list(tape), len(tape), tape.nbytes, repr(tape), y._prev, y._operands, y._arguments, y._op, y._index
        tape.leaf(np.ones(3))
        tape.rewind(mark)
        for f in (lambda: y*2.0, lambda: y.grad, lambda: y[0]):
            with pytest.raises(cgrad.TapeError):
                f()


def hooks(t, m, v):
    y = t*2.0
    handles = [y.register_hook(lambda g: g*2.0), t.register_hook(lambda g: None), v.register_hook(lambda g: g)]
    (y.sum()*v).backward()
    for handle in handles:
        handle.remove()


def failing(t, m, v):
    y = t*2.0
    y.register_hook(lambda g: 1/0)
    for f in (y.backward, lambda: cgrad.gradients(y, create_graph=True), lambda: Broken.apply(t).backward(),
              lambda: cgrad.gradients(Broken.apply(t), [t], create_graph=True)):
        with pytest.raises((ZeroDivisionError, KeyError)):
            f()


def errors(t, m, v):
    y = t*2.0
    with Tape():
        foreign = t*3.0
    for f in (lambda: t + np.ones(4), lambda: y*"a", lambda: cgrad.fma(t, None, 1.0), lambda: cgrad.fma(t, m, np.ones(7)),
              lambda: y + foreign, lambda: t @ np.ones(4), lambda: t[7], lambda: t["a"], lambda: m[0, 5], lambda: Tensor("a"),
              lambda: Tensor([[1.0], [1.0, 2.0]]), lambda: Tensor(np.arange(3)), lambda: np.asarray(t), lambda: np.gradient(t),
              lambda: np.spacing(t), lambda: np.add(t, 1.0, out=np.ones(3)), lambda: y.backward(np.ones(4)),
              lambda: cgrad.gradients(y, seed="a"), lambda: setattr(y, "data", 1.0), lambda: setattr(t, "grad", np.ones(9)),
              lambda: bool(t), lambda: t.item(), lambda: float(t), lambda: setattr(t, "name", 3), lambda: t.reshape(7),
              lambda: t.sum(axis=4), lambda: cgrad.stack([v, "a"]), lambda: t.__setitem__(0, 1.0), lambda: t.register_hook(1)):
        with pytest.raises((TypeError, ValueError, IndexError, AttributeError)):
            f()


def anomalies(t, m, v):
    with cgrad.detect_anomaly():
        (t*2.0).sum().backward()
        for f in (lambda: (t*0.0 - 1.0).log(), lambda: (t*0.0).sqrt().backward()):
            with pytest.raises(cgrad.AnomalyError):
                f()


CALLS = {
    "operators": lambda t, m, v: [t + 1, 1 - t, t*m, m/t, t**2, t**t, -t, abs(t), t % 2.0, t//v, v*t, m - v, np.ones(3)*v, divmod(t, 2)],
    "functions": lambda t, m, v: [cgrad.exp(t), t.sin(), np.tanh(m), cgrad.fma(t, m, v), cgrad.where(t > 0, t, v),
                                  cgrad.clip(m, -1, v), cgrad.maximum(t, m), cgrad.polygamma(1, t), np.hypot(t, 2.0)],
    "precisions": lambda t, m, v: [Tensor(np.ones(3, np.float32), requires_grad=True)*t, t*np.arange(3), t*np.ones(3, np.float32)],
    "comparisons": lambda t, m, v: [t < m, t == v, 2.0 >= t, np.isnan(t), hash(t), np.ones(3) < t],
    "backward": lambda t, m, v: [(t*m*v).backward(), (t @ t).backward(), (m.sum(axis=0)*t).backward(np.ones(3))],
    "gradients": lambda t, m, v: [cgrad.gradients(t*m).wrt([t, m]), cgrad.gradients([t*2.0, m.sum()], [t], seed=[np.ones(3), 1.0]).wrt(t)],
    "second order": second_order, "views": views, "items": items, "tapes": tapes, "hooks": hooks, "failing": failing,
    "errors": errors, "anomalies": anomalies,
    "functions of users": lambda t, m, v: [Twice.apply(t)[0].backward(), Twice.apply(v)[1].backward(),
                                           cgrad.gradients(Twice.apply(t*v)[1], [t], create_graph=True)],
    "data": lambda t, m, v: [t*2.0, setattr(t, "data", t.data*1.0), t.data.__iadd__(0.0), setattr(t, "data", [1.0, 2.0, 3.0]),
                             t.detach(), t.numpy(), t.tolist()],
    "grad": lambda t, m, v: [t.grad, setattr(t, "grad", np.ones(3)), t.grad.zero_(), t.zero_grad(), setattr(t, "grad", None), (t*1.0).grad],
    "makers": lambda t, m, v: [Tensor([1.0, 2.0]), Tensor(t), Tensor(np.ones(3), name="n", copy=False), Tensor(2.0), Tensor([])],
    "copies": lambda t, m, v: [copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t*2.0))],
    "texts": lambda t, m, v: [repr(t), str(m*2.0), f"{t}", cgrad.viz.trace((t*m).sum()), cgrad.viz.to_dot(t*m)],
    "no grad": lambda t, m, v: [cgrad.no_grad()(lambda: t*m)(), Tensor([1.0, 2.0, 3.0])*m.detach()],
    "reductions": lambda t, m, v: [m.sum(), m.mean(axis=0).sum().backward(), m.max(axis=1), t.std(), np.einsum("ij,j->i", m, t).sum().backward()],
}


@pytest.mark.parametrize("name", CALLS)
def test_no_call_leaks(name):
    t = Tensor([0.5, 1.0, 2.0], requires_grad=True, name="t")
    m = Tensor(np.linspace(0.1, 1.0, 6).reshape(2, 3), requires_grad=True)
    v = Value(1.5)
    tape = current_tape()
    # not dtype("float64"): NumPy's own empty() leaks a reference to it (2.4)
    watched = (t, m, v, tape, None, Tensor, Value, Tape, np.dtype(np.float32), np.ndarray, 1.0, 0, "leaf", ())

    def counts():
        t.zero_grad(), m.zero_grad(), v.zero_grad()
        tape._collect()
        gc.collect()
        return [sys.getrefcount(o) for o in watched]

    def many(n):
        for _ in range(n):
            CALLS[name](t, m, v)

    n = 20 if COLLECT_ALWAYS else 100
    idle = [Tensor(1.0) for _ in range(5000)]  # the free list is full afterwards: each entry holds some None
    del idle
    many(20)
    before, objects = counts(), len(gc.get_objects())
    many(n)
    after = counts()
    grown = [(repr(o), a - b) for o, a, b in zip(watched, after, before, strict=True) if abs(a - b) >= 15]
    assert not grown, grown
    assert abs(len(gc.get_objects()) - objects) < 30
    tracemalloc.start()
    try:
        growth = []
        for _ in range(30):  # free lists fill up: what leaks grows for ever
            first = tracemalloc.get_traced_memory()[0]
            many(n)
            counts()
            growth.append(tracemalloc.get_traced_memory()[0] - first)
            if growth[-1] < 20*n:
                break
        assert growth[-1] < 20*n, growth
    finally:
        tracemalloc.stop()
    assert len(tape) == 0
