"""Optimisers step by step against torch.optim: every combination of options, Values and Tensors of both dtypes."""

import inspect
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is heavy to install: a nox session of its own runs this")

from cgrad import Tensor, Value, exp, optim  # noqa: E402

STEPS = 8
KINDS = ["SGD", "Adam", "AdamW", "Adamax", "Adadelta"]
COMMON = {"weight_decay": [0.0, 0.2], "maximize": [False, True]}
ADAM = {"lr": [1e-3, 0.1], "betas": [(0.9, 0.999), (0.5, 0.8)], "eps": [1e-8, 0.1], "amsgrad": [False, True]}
OPTIONS = {
    "SGD": {"lr": [1e-3, 0.5], "momentum": [0.0, 0.9], "dampening": [0.0, 0.4], "nesterov": [False, True]},
    "Adam": ADAM, "AdamW": ADAM,
    "Adamax": {"lr": [2e-3, 0.1], "betas": [(0.9, 0.999), (0.3, 0.5)], "eps": [1e-8, 0.1]},
    "Adadelta": {"lr": [1.0, 0.3], "rho": [0.9, 0.2], "eps": [1e-6, 0.1]},
}
CASES = [(kind, dict(zip(names, chosen, strict=True)))
         for kind in KINDS for names in [[*OPTIONS[kind], *COMMON]]
         for chosen in itertools.product(*OPTIONS[kind].values(), *COMMON.values())]
CASES = [(kind, o) for kind, o in CASES if not o.get("nesterov") or o["momentum"] and not o["dampening"]]


def pair(seed=1):
    """The same parameters twice: ours, and torch's (a Value's twin is 0-d)."""
    rng = np.random.default_rng(seed)
    starts = [0.7, rng.normal(size=(3, 4)), -1.3, np.float32(rng.normal(size=(2, 3))), rng.normal(size=5)]
    ours = [Value(x) if isinstance(x, float) else Tensor(x, True) for x in starts]
    theirs = [torch.tensor(x, dtype=torch.float32 if getattr(x, "dtype", None) == np.float32 else torch.float64,
                           requires_grad=True) for x in starts]
    return ours, theirs


def same(ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        single = q.dtype == torch.float32
        np.testing.assert_allclose(np.asarray(p.data), q.detach().numpy(), rtol=2e-5 if single else 1e-12,
                                   atol=2e-6 if single else 1e-13)


@pytest.mark.parametrize("kind, options", CASES, ids=lambda x: x if isinstance(x, str) else
                         ",".join(f"{k}={v}" for k, v in x.items()))
def test_steps(kind, options):
    """The same gradients, given; the third and fourth are zero."""
    ours, theirs = pair()
    mine, other = getattr(optim, kind)(ours, **options), getattr(torch.optim, kind)(theirs, **options)
    rng = np.random.default_rng(9)
    for step in range(STEPS):
        for p, q in zip(ours, theirs, strict=True):
            g = rng.normal(size=tuple(q.shape))*(step not in (2, 3))
            p.grad = g if q.shape else float(g)
            q.grad = torch.tensor(g, dtype=q.dtype)
        mine.step()
        other.step()
        same(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_and_names(kind):
    """Whoever comes from PyTorch finds each option under its name and with its default."""
    ours = inspect.signature(getattr(optim, kind)).parameters
    theirs = inspect.signature(getattr(torch.optim, kind)).parameters
    for name, parameter in ours.items():
        if name != "params":
            default = theirs[name].default
            assert parameter.default == default, name
    how = {"foreach", "capturable", "differentiable", "fused"}  # not what is computed
    assert set(theirs) - set(ours) <= how | {"decoupled_weight_decay"}  # that is AdamW


@pytest.mark.parametrize("kind, options", [("SGD", {"lr": 0.02, "momentum": 0.9}), ("Adam", {"lr": 0.05}), ("Adamax", {}),
                                           ("AdamW", {}), ("Adadelta", {})])
def test_training(kind, options):
    """A loss of both kinds of parameters, one of them used twice and one not at all; gradients by each engine."""
    ours, theirs = pair(4)
    x = np.random.default_rng(6).normal(size=(7, 3))

    def loss(v, w, u, lone, b, exp, points):
        inner = exp((points @ w)*0.1)*v + u*b[0]
        return (inner*inner).mean() + (w*w).sum()*0.01

    mine, other = getattr(optim, kind)(ours, **options), getattr(torch.optim, kind)(theirs, **options)
    for q in theirs:
        q.grad = torch.zeros_like(q)  # PyTorch leaves out a parameter without any, ours is zero
    for _ in range(STEPS):
        mine.zero_grad()
        other.zero_grad(set_to_none=False)
        a, b = loss(*ours, exp, x), loss(*theirs, torch.exp, torch.tensor(x))
        a.backward()
        b.backward()
        assert a.item() == pytest.approx(b.item(), rel=1e-12)
        mine.step()
        other.step()
        same(ours, theirs)


def test_state_has_the_names_and_numbers_of_pytorch():
    ours, theirs = pair()
    for kind in KINDS:
        options = {"momentum": 0.9} if kind == "SGD" else {"amsgrad": True} if kind.startswith("Adam") and kind != "Adamax" else {}
        mine, other = getattr(optim, kind)(ours, **options), getattr(torch.optim, kind)(theirs, **options)
        for p, q in zip(ours, theirs, strict=True):
            q.grad = torch.ones_like(q)*0.3
            p.grad = np.full(tuple(q.shape), 0.3) if q.shape else 0.3
        for _ in range(3):
            mine.step()
            other.step()
        found = mine.state_dict()
        for name, array in other.state_dict()["state"][1].items():
            if name != "step":
                np.testing.assert_allclose(found[f"0.1.{name}"], array.numpy(), rtol=1e-12, err_msg=f"{kind} {name}")
