"""Optimisers against the published formulas, written out for plain arrays; PyTorch's are in oracles/test_torch_optim.py."""

import gc
import itertools
import math

import numpy as np
import pytest

import cgrad
from cgrad import Tensor, Value, optim

STEPS = 6


# ---- the formulas, as they are published -----------------------------------------------------------------

def sgd(p, gradients, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    buffer = None
    for g in gradients:
        g = (-g if maximize else g) + weight_decay*p
        if momentum:
            buffer = g if buffer is None else momentum*buffer + (1 - dampening)*g
            g = g + momentum*buffer if nesterov else buffer
        p = p - lr*g
        yield p


def adam(p, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False,
         decoupled=False):
    m = v = largest = 0*p
    for t, g in enumerate(gradients, 1):
        if maximize:
            g = -g
        if decoupled:
            p = p - lr*weight_decay*p
        else:
            g = g + weight_decay*p
        m = betas[0]*m + (1 - betas[0])*g
        v = betas[1]*v + (1 - betas[1])*g**2
        largest = np.maximum(largest, v)
        m_hat = m/(1 - betas[0]**t)
        v_hat = (largest if amsgrad else v)/(1 - betas[1]**t)
        p = p - lr*m_hat/(np.sqrt(v_hat) + eps)
        yield p


def adamw(p, gradients, weight_decay=1e-2, **options):
    return adam(p, gradients, weight_decay=weight_decay, decoupled=True, **options)


def adamax(p, gradients, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
    m = u = 0*p
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay*p
        m = betas[0]*m + (1 - betas[0])*g
        u = np.maximum(betas[1]*u, np.abs(g) + eps)
        p = p - lr/(1 - betas[0]**t)*m/u
        yield p


def adadelta(p, gradients, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    squares = changes = 0*p
    for g in gradients:
        g = (-g if maximize else g) + weight_decay*p
        squares = rho*squares + (1 - rho)*g**2
        change = np.sqrt(changes + eps)/np.sqrt(squares + eps)*g
        changes = rho*changes + (1 - rho)*change**2
        p = p - lr*change
        yield p


def every(**options):
    """All combinations, the defaults among them."""
    return [dict(zip(options, chosen, strict=True)) for chosen in itertools.product(*options.values())]


COMMON = {"weight_decay": [0.0, 0.3], "maximize": [False, True]}
CASES = [(optim.SGD, sgd, o) for o in every(lr=[1e-3, 0.5], momentum=[0.0, 0.9], dampening=[0.0, 0.4],
                                            nesterov=[False, True], **COMMON)
         if not o["nesterov"] or o["momentum"] and not o["dampening"]]
CASES += [(kind, formula, o) for kind, formula in ((optim.Adam, adam), (optim.AdamW, adamw))
          for o in every(lr=[1e-3, 0.1], betas=[(0.9, 0.999), (0.5, 0.8), (0.0, 0.0)], eps=[1e-8, 0.1],
                         amsgrad=[False, True], **COMMON)]
CASES += [(optim.Adamax, adamax, o) for o in every(lr=[2e-3, 0.1], betas=[(0.9, 0.999), (0.0, 0.5)],
                                                   eps=[1e-8, 0.1], **COMMON)]
CASES += [(optim.Adadelta, adadelta, o) for o in every(lr=[1.0, 0.3], rho=[0.9, 0.0, 1.0], eps=[1e-6, 0.1], **COMMON)]
KINDS = [optim.SGD, optim.Adam, optim.AdamW, optim.Adamax, optim.Adadelta]
FORMULAS = [sgd, adam, adamw, adamax, adadelta]


def name(case):
    return f"{case[0].__name__}-{','.join(f'{k}={v}' for k, v in case[2].items())}"


def mixed():
    """Values and Tensors, in no order by kind: shapes as a layer has them, 0-d, empty, float32.

    No start is a multiple of 0.1: by steps of that size it would come so near to 0 that decay alone is ill-conditioned.
    """
    rng = np.random.default_rng(3)
    return [Value(0.75), Tensor(rng.normal(size=(3, 4)), True), Value(-1.25), Tensor(rng.normal(size=4), True),
            Tensor(np.float32(rng.normal(size=(2, 5))), True), Tensor(np.array(0.45), True), Value(0.25),
            Tensor(np.zeros((0, 3)), True)]


def numbers(p):
    return p.data if isinstance(p, Value) else p.data.copy()


def draw(p, rng):
    """A gradient of p's kind."""
    return rng.normal() if isinstance(p, Value) else rng.normal(size=p.shape).astype(p.dtype)


def compare(got, expected, single):
    np.testing.assert_allclose(got, expected, rtol=2e-5 if single else 1e-12, atol=2e-6 if single else 1e-14)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_formula(case):
    """Six steps, gradients one after the other; the last two are zero: the state acts alone."""
    kind, formula, options = case
    rng = np.random.default_rng(11)
    params = mixed()
    gradients = [[draw(p, rng)*(t < STEPS - 2) for t in range(STEPS)] for p in params]
    start = [np.asarray(numbers(p), dtype=float) for p in params]
    expected = [list(formula(p, [np.asarray(g, dtype=float) for g in gs], **options))
                for p, gs in zip(start, gradients, strict=True)]
    optimizer = kind(params, **options)
    for t in range(STEPS):
        for p, gs in zip(params, gradients, strict=True):
            p.grad = gs[t]
        optimizer.step()
        for p, gs, path in zip(params, gradients, expected, strict=True):
            single = not isinstance(p, Value) and p.dtype == np.float32
            compare(numbers(p), path[t], single)
            assert np.array_equal(p.grad, gs[t])  # a step leaves the gradients as they are
            assert isinstance(p, Value) or p.data.dtype == p.dtype
    assert np.any(np.asarray(expected[1][-1]) != start[1])


@pytest.mark.parametrize("kind, formula", list(zip(KINDS, FORMULAS, strict=True)))
def test_defaults_are_those_of_the_formula(kind, formula):
    """Which are PyTorch's: the oracle compares both."""
    x = Value(1.5)
    optimizer = kind([x])
    for g, expected in zip([0.3, -2.0, 0.1], formula(1.5, [0.3, -2.0, 0.1]), strict=True):
        x.grad = g
        optimizer.step()
        assert x.data == pytest.approx(float(expected), rel=1e-14)


# ---- with real gradients ---------------------------------------------------------------------------------

@pytest.mark.parametrize("kind, options", [
    (optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}), (optim.Adam, {"lr": 0.05}),
    (optim.AdamW, {"lr": 0.05, "weight_decay": 0.0}), (optim.Adamax, {"lr": 0.1}), (optim.Adadelta, {"lr": 0.3, "eps": 0.1})],
    ids=lambda x: getattr(x, "__name__", ""))
def test_values_and_tensors_learn_together(kind, options):
    """y = x @ w + b by least squares: w a Tensor, b a Value, the solution by NumPy."""
    rng = np.random.default_rng(5)
    x, noise = rng.normal(size=(30, 3)), rng.normal(size=30)
    y = x @ [1.0, -2.0, 0.5] + 0.75 + 0.1*noise
    w, b = Tensor(np.zeros(3), True), Value(0.0)
    optimizer = kind([w, b], **options)
    losses = []
    for _ in range(1500):
        optimizer.zero_grad()
        error = x @ w + b - y
        loss = (error*error).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    best = np.linalg.lstsq(np.column_stack([x, np.ones(30)]), y, rcond=None)
    np.testing.assert_allclose([*w.data, b.data], best[0], atol=2e-3)
    assert losses[-1] < 1.001*best[1][0]/30 < losses[0]


def test_a_shared_parameter_is_updated_once():
    """One Tensor used twice in the graph: its gradient is the sum, and there is one step."""
    w = Tensor([2.0, -1.0], True)
    v = Value(3.0)
    optimizer = optim.SGD([w, v], lr=0.1)
    (w*w*v).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(w.data, [2 - 0.1*12, -1 + 0.1*6], rtol=1e-15)
    assert v.data == pytest.approx(3 - 0.1*5)


def test_a_step_leaves_recorded_graphs_alone():
    """The graph keeps the numbers that it was recorded with (promise 2)."""
    w, v = Tensor([1.0, 2.0], True), Value(0.5)
    out = (w*w*w).sum()*v
    optimizer = optim.SGD([w, v], lr=1.0)
    out.backward()
    first = w.grad.copy(), v.grad
    optimizer.step()
    assert out.item() == 4.5
    optimizer.zero_grad()
    out.backward()
    assert np.array_equal(w.grad, first[0]) and v.grad == first[1]
    np.testing.assert_array_equal(w.data, [1 - 1.5, 2 - 6.0])


def test_a_step_changes_the_array_in_place_where_no_graph_needs_it():
    w = Tensor(np.ones(1000), True)
    optimizer = optim.Adam([w])
    w.sum().backward()
    gc.collect()
    before = w.data.__array_interface__["data"][0]
    for _ in range(3):
        optimizer.step()
    assert w.data.__array_interface__["data"][0] == before


def test_a_parameter_that_no_loss_reaches():
    """Its gradient is zero: without decay and momentum it stays; a Tensor that needs no gradient is left alone."""
    used, unused, value = Tensor([1.0], True), Tensor([1.0], True), Value(1.0)
    frozen = Tensor([1.0], True)
    (frozen*3.0).sum().backward()
    frozen.requires_grad_(False)
    for kind in KINDS:
        optimizer = kind([used, unused, value, frozen], lr=0.1, weight_decay=0.0)
        (used*used).sum().backward()
        optimizer.step()
        assert unused.data[0] == 1.0 == value.data == frozen.data[0]
    optim.SGD([unused, value, frozen], lr=0.1, weight_decay=0.5).step()
    assert (unused.data[0], value.data, frozen.data[0]) == (0.95, 0.95, 1.0)
    assert used.data[0] < 1.0


def test_zero_grad_and_accumulation():
    params = mixed()
    optimizer = optim.SGD(params, lr=1.0)
    for p in params:
        p.grad = np.ones(p.shape) if p.shape else 1.0
    optimizer.zero_grad()
    assert all(not np.any(p.grad) for p in params)
    before = [numbers(p) for p in params]
    optimizer.step()
    assert all(np.array_equal(numbers(p), b) for p, b in zip(params, before, strict=True))


def test_thousands_of_values_are_one_vector():
    """One update for all of them: as many NumPy calls as for one."""
    calls = []

    class Counted(optim.SGD):
        def update(self, data, grad, state, options):
            calls.append(data.shape)
            super().update(data, grad, state, options)

    values = [Value(float(k)) for k in range(3000)]
    for k, v in enumerate(values):
        v.grad = -float(k)
    Counted([*values, Tensor([1.0, 2.0], True)], lr=0.5).step()
    assert calls == [(3000,), (2,)]
    assert [v.data for v in values] == [1.5*k for k in range(3000)]


def test_float32_stays_float32_whatever_the_type_of_the_options():
    w = Tensor(np.ones(3, dtype=np.float32), True)
    optimizer = optim.Adam([w], lr=np.float64(0.1), betas=np.array([0.5, 0.5]), weight_decay=np.float64(0.1))
    w.grad = np.ones(3, dtype=np.float32)
    optimizer.step()
    assert w.data.dtype == np.float32
    assert all(a.dtype == np.float32 for k, a in optimizer.state_dict().items() if "exp" in k)


def test_infinite_and_nan_gradients_pass_without_a_warning(recwarn):
    for kind in KINDS:
        values = [Value(1.0), Value(2.0), Value(3.0)]
        optimizer = kind(values, lr=0.1)
        for v, g in zip(values, (math.nan, math.inf, 1e300), strict=True):
            v.grad = g
        optimizer.step()
        assert math.isnan(values[0].data) and not recwarn.list, kind


# ---- groups, the learning rate, options that change ------------------------------------------------------

def test_groups_have_options_of_their_own():
    a, b, c = Value(1.0), Tensor([1.0], True), Value(1.0)
    optimizer = optim.SGD([{"params": [a, b], "lr": 0.5}, {"params": [c], "weight_decay": 1.0}], lr=0.125)
    a.grad = c.grad = 1.0
    b.grad = np.ones(1)
    optimizer.step()
    assert (a.data, b.data[0], c.data) == (0.5, 0.5, 0.75)
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.125] and optimizer.lr == 0.5
    optimizer.lr = 0.25
    optimizer.step()
    assert (a.data, b.data[0], c.data) == (0.25, 0.25, 0.75 - 0.25*1.75)
    d = Value(1.0)
    optimizer.add_param_group({"params": d, "lr": 1.0})
    d.grad = 0.5
    optimizer.step()
    assert d.data == 0.5 and len(optimizer.param_groups) == 3
    with pytest.raises(ValueError, match="lr is -1: give a finite number, at least 0"):
        optimizer.lr = -1


def test_an_option_set_later_holds_from_then_on():
    x = Value(1.0)
    optimizer = optim.SGD([x], lr=1.0)
    x.grad = 1.0
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    assert x.data == 1 - 1 - 1 - 1.5
    optimizer = optim.AdamW([x], lr=0.1, weight_decay=0.5)
    optimizer.step()
    before = x.data
    optimizer.param_groups[0].update(amsgrad=True, lr=0.5, betas=(0.0, 0.0))
    optimizer.step()
    assert x.data == pytest.approx(0.75*before - 0.5, abs=1e-7)


def test_repr():
    text = repr(optim.SGD([Value(1.0), Value(2.0), Tensor([1.0], True)], lr=0.1))
    assert text == ("SGD(2 Values and 1 Tensors, lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, "
                    "maximize=False)")


# ---- the state, saved and loaded -------------------------------------------------------------------------

@pytest.mark.parametrize("kind, options", [
    (optim.SGD, {}), (optim.SGD, {"momentum": 0.9}), (optim.Adam, {"amsgrad": True}), (optim.Adam, {}), (optim.AdamW, {}),
    (optim.Adamax, {"weight_decay": 0.1}), (optim.Adadelta, {})], ids=lambda x: getattr(x, "__name__", ""))
def test_going_on_from_a_saved_state(kind, options, tmp_path):
    """Three steps, saved by npz, three more: as six in one go, to the bit."""
    rng = np.random.default_rng(2)
    whole, halves = mixed(), mixed()
    gradients = [[draw(p, rng) for p in whole] for _ in range(6)]

    def walk(optimizer, params, some):
        for gs in some:
            for p, g in zip(params, gs, strict=True):
                p.grad = g
            optimizer.step()

    walk(kind(whole, lr=0.1, **options), whole, gradients)
    first = kind(halves, lr=0.1, **options)
    walk(first, halves, gradients[:3])
    np.savez(tmp_path / "state.npz", **first.state_dict())
    second = kind(halves)  # its options come with the state
    with np.load(tmp_path / "state.npz") as state:
        second.load_state_dict(state)
    walk(second, halves, gradients[3:])
    assert all(np.array_equal(numbers(p), numbers(q)) for p, q in zip(whole, halves, strict=True))
    assert repr(first) == repr(second)


def test_the_state_is_a_copy_of_plain_arrays():
    x, w = Value(1.0), Tensor([1.0, 2.0], True)
    optimizer = optim.Adam([x, w], betas=(0.5, 0.25))
    assert set(optimizer.state_dict()) == {"0.lr", "0.betas", "0.eps", "0.weight_decay", "0.amsgrad", "0.maximize",
                                           "0.values.step", "0.1.step"}
    x.grad = 2.0
    optimizer.step()
    state = optimizer.state_dict()
    assert all(type(a) is np.ndarray for a in state.values())
    assert state["0.values.exp_avg"].tolist() == [1.0] and state["0.values.exp_avg_sq"].tolist() == [3.0]
    assert state["0.1.exp_avg"].tolist() == [0.0, 0.0] and state["0.values.step"] == 1
    assert state["0.betas"].tolist() == [0.5, 0.25]
    state["0.values.exp_avg"][0] = 7.0
    assert optimizer.state_dict()["0.values.exp_avg"][0] == 1.0


def test_a_state_that_does_not_fit_changes_nothing():
    x, w = Value(1.0), Tensor([1.0, 2.0], True)
    optimizer = optim.Adam([x, w], lr=0.5)
    optimizer.step()
    good = optimizer.state_dict()
    bad = {
        "'0.1.exp_avg' is missing": {k: v for k, v in good.items() if k != "0.1.exp_avg"},
        "'0.lr' is missing": {k: v for k, v in good.items() if k != "0.lr"},
        "'7.lr': no such parameter": {**good, "7.lr": np.array(1.0)},
        r"'0.1.exp_avg' has shape \(3,\), its parameters have \(2,\)": {**good, "0.1.exp_avg": np.zeros(3)},
        r"'0.values.step' is array\(-1\), no count": {**good, "0.values.step": np.array(-1)},
        r"'0.values.step' is array\(1.5\), no count": {**good, "0.values.step": np.array(1.5)},
        r"'0.values.step' is array\(\[1\]\), no count": {**good, "0.values.step": np.array([1])},
        "lr is -1.0: give": {**good, "0.lr": np.array(-1.0)},
    }
    for message, state in bad.items():
        with pytest.raises(ValueError, match=f"Adam.load_state_dict: {message}"):
            optimizer.load_state_dict(state)
        after = optimizer.state_dict()
        assert after.keys() == good.keys() and all(np.array_equal(after[k], good[k]) for k in good)
    with pytest.raises(ValueError, match="SGD.load_state_dict: '0.momentum' is missing"):
        optim.SGD([x, w]).load_state_dict(good)


# ---- bad input -------------------------------------------------------------------------------------------

class HasParameters:
    def parameters(self):
        return [Value(1.0)]


@pytest.mark.parametrize("params, error, message", [
    ([], ValueError, "params holds no parameter: give at least one"),
    ([{"params": []}], ValueError, "params holds no parameter"),
    ([{"lr": 1.0}], ValueError, "params holds no parameter"),
    ("w", TypeError, r"params is a str \('w'\), not a list of parameters"),
    (None, TypeError, "params is None, not a list of parameters"),
    (HasParameters(), TypeError, r".*not a list of parameters: give its \.parameters\(\)"),
    ([1.0], TypeError, r"params\[0\] is a float \(1.0\), not a parameter: give leaf Values and Tensors"),
    ([np.ones(2)], TypeError, r"params\[0\] is an array of shape \(2,\), not a parameter"),
    ([[Value(1.0)]], TypeError, r"params\[0\] is a list"),
    ([{"params": [Value(1.0)], "rate": 1.0}], ValueError, "a group's option is 'rate': give one of lr, "),
], ids=str)
def test_bad_parameters(params, error, message):
    for kind in KINDS:
        with pytest.raises(error, match=f"^{kind.__name__}: {message}"):
            kind(params)


def test_lone_parameters_results_and_duplicates():
    x, w = Value(1.0), Tensor([1.0], True, name="w")
    for lone in (x, w):
        with pytest.raises(TypeError, match="not a list of parameters: put it into a list"):
            optim.SGD(lone)
    for result, op in ((x*2, "mul"), (w*2, "mul"), (cgrad.exp(w), "exp")):
        with pytest.raises(TypeError, match=r"SGD: params\[1\] is .*, the result of .*: give the leaves"):
            optim.SGD([x, result])
    with pytest.raises(ValueError, match=r"SGD: params\[2\] is the same as params\[0\], 'w': give each parameter once"):
        optim.SGD([w, x, w])
    with pytest.raises(ValueError, match=r"Adam: params\[0\] is the same as params\[1\]"):
        optim.Adam([{"params": [w, x]}, {"params": [x]}])
    assert optim.SGD([Value(1.0), Value(1.0)]).states  # equal numbers are no duplicates


NUMBERS = [-1.0, math.nan, math.inf, "a", None, True, 1j]


@pytest.mark.parametrize("kind, option, bad", [
    *((kind, "lr", NUMBERS) for kind in KINDS), *((kind, "weight_decay", NUMBERS) for kind in KINDS),
    (optim.SGD, "momentum", NUMBERS), (optim.SGD, "dampening", NUMBERS[1:]),
    *((kind, "eps", NUMBERS) for kind in KINDS[1:]), (optim.Adadelta, "rho", [*NUMBERS, 1.01]),
    *((kind, "betas", [0.9, (0.9,), (0.9, 1.0), (-0.1, 0.9), ("a", 0.9), (0.9, 0.9, 0.9), None]) for kind in KINDS[1:4]),
    *((kind, "maximize", [1, None, "yes"]) for kind in KINDS), (optim.SGD, "nesterov", [1.0]),
    (optim.Adam, "amsgrad", [0]),
], ids=lambda x: getattr(x, "__name__", "") if isinstance(x, type) else x if isinstance(x, str) else "")
def test_bad_options(kind, option, bad):
    for value in bad:
        with pytest.raises(ValueError, match=f"^{kind.__name__}: {option} is .*: give "):
            kind([Value(1.0)], **{option: value})
        with pytest.raises(ValueError, match=f"^{kind.__name__}: {option} is .*: give "):
            kind([{"params": [Value(1.0)], option: value}])


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "dampening": 0.1}])
def test_nesterov_needs_momentum(options):
    with pytest.raises(ValueError, match="SGD: nesterov is True: give momentum above 0 and dampening 0 with it"):
        optim.SGD([Value(1.0)], nesterov=True, **options)


def test_a_parameter_whose_shape_changes():
    w = Tensor([1.0, 2.0], True)
    optimizer = optim.Adam([w])
    optimizer.step()
    other = Tensor([1.0], True)
    optimizer.states[0]._target = other
    with pytest.raises(ValueError, match=r"Adam.step: '0.0.exp_avg' has shape \(2,\), its parameters have \(1,\)"):
        optimizer.step()
    assert other.data[0] == 1.0


def test_an_optimiser_of_ones_own():
    class Sign(optim.Optimizer):
        arrays = ("last",)

        def update(self, data, grad, state, options):
            data -= options["rate"]*np.sign(grad) + state["last"]
            state["last"][...] = 1.0

    x, w = Value(3.0), Tensor([3.0, 3.0], True)
    optimizer = Sign([x, w], rate=0.5)
    x.grad, w.grad = -2.0, np.array([2.0, 0.0])
    optimizer.step()
    optimizer.step()
    assert x.data == 3.0 and w.data.tolist() == [1.0, 2.0]
    with pytest.raises(NotImplementedError, match="Optimizer: has no update: define update"):
        optim.Optimizer([x]).step()
