"""What was not chosen passes nothing on: each singular operation inside each choice and each step, by every road.

Beside them the products that must stay nan, and arrays with their structural operations against loops over Values.
"""

import math

import numpy as np
import pytest

import cgrad
from cgrad import Tensor, Value

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
INF, NAN = math.inf, math.nan

# name -> (operation, where its partial is infinite or nan)
SINGULAR = {
    "sqrt": (cgrad.sqrt, 0.0), "sqrt of a negative": (cgrad.sqrt, -1.0), "log": (cgrad.log, 0.0),
    "log of a negative": (cgrad.log, -1.0), "log2": (cgrad.log2, 0.0), "log10": (cgrad.log10, 0.0),
    "log1p": (cgrad.log1p, -1.0), "reciprocal": (cgrad.reciprocal, 0.0), "1/x": (lambda x: 1/x, 0.0),
    "x/x": (lambda x: x/x, 0.0), "cbrt": (cgrad.cbrt, 0.0), "x**0.5": (lambda x: x**0.5, 0.0),
    "x**-1": (lambda x: x**-1.0, 0.0), "x**x": (lambda x: x**x, -0.5), "asin": (cgrad.asin, 1.0),
    "acos": (cgrad.acos, 1.0), "asin outside": (cgrad.asin, 2.0), "atanh": (cgrad.atanh, 1.0), "acosh": (cgrad.acosh, 1.0),
    "acosh outside": (cgrad.acosh, 0.0), "hypot": (lambda x: cgrad.hypot(x, x), 0.0), "lgamma": (cgrad.lgamma, 0.0),
    "digamma": (cgrad.digamma, 0.0), "exp": (cgrad.exp, 1000.0), "sinh": (cgrad.sinh, 1000.0),
    "product of infinities": (lambda x: cgrad.exp(1000*x)*(x - 1.0), 1.0), "nan": (lambda x: x*NAN, 0.5),
    "infinite factor": (lambda x: (x - 0.5)*INF, 0.5), "log of exp": (lambda x: cgrad.log(cgrad.exp(-1000.0*x)), 1.0),
}

# name -> function of x and the singular s; its derivative by x is 1, s is not chosen or steps pass nothing
CHOICES = {
    "where, else": lambda x, s: cgrad.where(True, x, s),
    "where, first": lambda x, s: cgrad.where(False, s, x),
    "where by a number": lambda x, s: cgrad.where(x*0.0 + 1.0, x, s),
    "where of wheres": lambda x, s: cgrad.where(True, cgrad.where(x*0.0, s, x), s*2.0),
    "shared by two sides": lambda x, s: cgrad.where(False, s, cgrad.where(False, s + 1.0, x)),
    "deep below": lambda x, s: cgrad.where(False, cgrad.exp(cgrad.sin(s*2.0) + s)*s, x),
    "condition": lambda x, s: cgrad.where(s, x, x),
    "floor": lambda x, s: cgrad.floor(s)*0.0 + x, "ceil": lambda x, s: cgrad.ceil(s) + x,
    "round": lambda x, s: cgrad.round(s) + x, "trunc": lambda x, s: cgrad.trunc(s) + x,
    "sign": lambda x, s: cgrad.sign(s) + x, "//": lambda x, s: s//2.0 + x, "under //": lambda x, s: 3.0//s + x,
    "copysign": lambda x, s: cgrad.copysign(2.0, s) + x,
    "step in a choice": lambda x, s: cgrad.where(False, s, x + cgrad.floor(s)),
}
BY_VALUE = {  # where s lies so that it is not chosen
    "maximum": (lambda x, s: cgrad.maximum(x, s), lambda s: s < -2000),
    "minimum": (lambda x, s: cgrad.minimum(s, x), lambda s: s > 2000),
    "relu": (lambda x, s: cgrad.relu(s) + x, lambda s: s <= 0),
    "clip below": (lambda x, s: cgrad.clip(s, -1.0, 1.0) + x, lambda s: s < -1),
    "clip above": (lambda x, s: cgrad.clip(s, -1.0, 1.0) + x, lambda s: s > 1),
    "clip to x": (lambda x, s: cgrad.clip(s, x, 5.0 + x), lambda s: s < -2000),
    "max of a list": (lambda x, s: np.max(cgrad.stack([x, s])), lambda s: s < -2000),
}
TAIL = {  # what comes after; its derivative at the result is finite
    "": lambda y: y, "sum": lambda y: 2.0*y - y, "through a choice again": lambda y: cgrad.where(True, y, y),
}


def first_order(f, x0, arrays=True):
    """{road: the derivative of f at x0}."""
    found = {}

    def recorded():
        x = Value(x0)
        return x, f(x)

    x, y = recorded()
    y.backward()
    found["backward"] = x.grad
    with cgrad.Tape():
        far = Value(1.0)
        for _ in range(600):
            far = far*1.0
        x, y = recorded()
        y.backward()
        found["few or list"] = x.grad
    x, y = recorded()
    found["gradients"] = cgrad.gradients(y, [x]).wrt(x)
    x, y = recorded()
    found["create_graph"] = cgrad.gradients(y, [x], create_graph=True).wrt(x).data
    x, y = recorded()
    found["tangents"] = cgrad.tangents(y, [x])
    x, y = recorded()
    found["seeds"] = cgrad.gradients([y], [x], seed=[[0.5], [1.0]]).wrt(x)[1]
    p = cgrad.compile(f, backend="interpreter")
    found["compiled"] = p.grad(x0)
    found["jvp"] = p.jvp(x0, v=1.0)[1]
    found["vjp"] = p.vjp(x0, v=1.0)[1]
    found["lanes"] = p.map_value_and_grad(np.array([0.3, x0, x0]))[1][1]
    found["sums of lanes"] = p.map_value_and_grad(np.array([x0]), reduce="sum")[1]
    found["map_jacobian"] = p.map_jacobian(np.array([x0, x0]))[1]
    if arrays:
        t = Tensor([x0, 0.3], requires_grad=True)
        y = f(t)
        y.sum().backward()
        found["tensor"] = t.grad[0]
        t = Tensor([0.3, x0], requires_grad=True)
        g = cgrad.gradients(f(t), [t], seed=np.ones(2), create_graph=True).wrt(t)
        found["tensor, create_graph"] = np.broadcast_to(cgrad._core.plain(g), 2)[1]
    return found


def plain_value(f, x0):
    return f(Value(x0)).data


@pytest.mark.parametrize("singular", SINGULAR)
@pytest.mark.parametrize("choice", [*CHOICES, *BY_VALUE])
def test_nothing_is_passed_on(choice, singular):
    op, x0 = SINGULAR[singular]
    if choice in CHOICES:
        f = CHOICES[choice]
    else:
        f, fits = BY_VALUE[choice]
        if not fits(plain_value(op, x0)):
            return
    for tail in TAIL.values():
        found = first_order(lambda x: tail(f(x, op(x))), x0, arrays="max of a list" != choice)
        assert {road: float(d) for road, d in found.items()} == dict.fromkeys(found, 1.0)


IEEE = {  # products of zero and infinity, and differences of infinities: nan by each road
    "0*sqrt": (lambda x: 0.0*cgrad.sqrt(x) + x, 0.0), "sqrt squared": (lambda x: cgrad.sqrt(x)**2, 0.0),
    "square of sqrt": (lambda x: cgrad.square(cgrad.sqrt(x)), 0.0), "x*log(x)": (lambda x: x*cgrad.log(x)*0.0, 0.0),
    "abs of sqrt": (lambda x: abs(cgrad.sqrt(x)) + x, 0.0), "product of both": (lambda x: cgrad.sqrt(x)*cgrad.sqrt(x), 0.0),
    "chosen": (lambda x: cgrad.where(True, 0.0*cgrad.sqrt(x), x), 0.0), "inf - inf": (lambda x: 1/x - 1/x, 0.0),
    "maximum of two, chosen": (lambda x: cgrad.maximum(cgrad.sqrt(x)*0.0, -1.0), 0.0),
    "by a kink": (lambda x: cgrad.copysign(cgrad.sqrt(x), 1.0) + x, 0.0),
}


@pytest.mark.parametrize("name", IEEE)
def test_everything_else_is_ieee(name):
    f, x0 = IEEE[name]
    found = first_order(f, x0)
    assert all(math.isnan(d) for d in found.values()), found


# ---- second order ------------------------------------------------------------------------------------

SECOND = {  # function of x -> its second derivative at 0
    "where": (lambda x: cgrad.where(x < 1, x*x, cgrad.sqrt(x)), 2.0),
    "where by a number": (lambda x: cgrad.where(cgrad.exp(x), x*x*3.0, cgrad.sqrt(x)*x), 6.0),
    "maximum": (lambda x: cgrad.maximum(x*x + 1.0, cgrad.log(x)), 2.0),
    "inner": (lambda x: cgrad.exp(cgrad.where(True, x, x**1.5)), 1.0),
    "floor": (lambda x: cgrad.floor(cgrad.log(x)) + x*x, 2.0),
    "relu": (lambda x: cgrad.relu(-1/cgrad.square(x)) + x*x, 2.0),
}


@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives(name):
    f, want = SECOND[name]
    x = Value(0.0)
    first = cgrad.gradients(f(x), [x], create_graph=True).wrt(x)
    found = {"gradients": cgrad.gradients(first, [x]).wrt(x), "tangents": cgrad.tangents(first, [x])}
    p = cgrad.compile(f)
    found |= {"hessian": p.hessian(0.0), "hvp": p.hvp(0.0, v=1.0), "map_hvp": p.map_hvp(np.zeros(2), v=np.ones(2))[1]}
    t = Tensor([0.0, 0.3], requires_grad=True)
    if "where" != name:  # an array has no one comparison
        first = cgrad.gradients(f(t), [t], seed=np.ones(2), create_graph=True).wrt(t)
        found["tensor"] = cgrad.gradients(first, [t], seed=np.array([1.0, 0.0])).wrt(t)[0]
    assert found == dict.fromkeys(found, want)


def eager_hessian(f, point):
    xs = [Value(x) for x in point]
    first = cgrad.gradients(f(*xs), xs, create_graph=True)
    rows = []
    for x in xs:
        g = first.wrt(x)
        rows.append([0.0]*len(xs) if g._tape is None else [cgrad.gradients(g, xs).wrt(z) for z in xs])
    return np.array(rows)


HESSIANS = {  # of functions at points: each entry, or nan
    "zeros by structure": (lambda x, y: cgrad.sqrt(x) + y*y, (0.0, 1.0), [[-INF, 0], [0, 2]]),
    "norm squared": (lambda x, y: np.linalg.norm(cgrad.stack([x, y]))**2, (0.0, 0.0), [[NAN, NAN], [NAN, NAN]]),
    "exp of norm": (lambda x, y: cgrad.exp(-np.linalg.norm(cgrad.stack([x, y]))**2), (0.0, 0.0), [[NAN]*2]*2),
    "norm elsewhere": (lambda x, y: np.linalg.norm(cgrad.stack([x, y]))**2, (3.0, 4.0), [[2, 0], [0, 2]]),
    "power": (lambda x, y: x**y, (0.0, 1.0), [[0, NAN], [NAN, 0]]),
    "power, smooth there": (lambda x, y: x**y, (0.0, 3.0), [[0, 0], [0, 0]]),
    "std of equal numbers": (lambda x, y: cgrad.std(cgrad.stack([x, y])), (1.0, 1.0), [[NAN, NAN], [NAN, NAN]]),
    "clip on its edge": (lambda x, y: cgrad.clip(x, 0.0, 1.0)**2*y, (1.0, 1.0), [[2, 2], [2, 0]]),
    "abs": (lambda x, y: abs(x)*x*y, (0.0, 1.0), [[0, 0], [0, 0]]),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_hessians_are_symmetric_and_the_same(name):
    f, point, want = HESSIANS[name]
    compiled = np.array(cgrad.compile(f).hessian(*point, argnums=(0, 1)))
    eager = eager_hessian(f, point)
    eager = np.where(np.isnan(eager.T), NAN, eager)
    assert np.allclose(compiled, want, equal_nan=True, rtol=1e-12, atol=1e-12)
    assert np.allclose(eager, want, equal_nan=True, rtol=1e-12, atol=1e-12)


def test_jacobians_have_zeros_by_structure():
    for f in (lambda x: [cgrad.sqrt(x[0]), x[1]*2.0], lambda x: [cgrad.sqrt(x[0]) + x[1]*x[2], x[1]]):
        x = np.zeros(3)
        matrix = np.array(cgrad.compile(f).jacobian(x))
        assert not np.isnan(matrix).any() and (matrix[1, [0, 2]] == 0).all() and matrix[0, 0] == INF
        batch = np.array(cgrad.compile(f).map_jacobian(np.zeros((3, 3))))
        assert (batch == matrix[:, None, :]).all() or (batch == matrix[None]).all() or (np.moveaxis(batch, 0, 1) == matrix).all()


# ---- arrays: against the same over Values ------------------------------------------------------------

def choice_of(xp, t):
    """Elementwise: 0 where t is 0 or below, and a root, whose partial is infinite there."""
    return xp.where(t > 0, xp.sqrt(t), 0.0)


STRUCTURAL = {
    "reshape": lambda np, t: t.reshape(2, 3), "ravel": lambda np, t: np.ravel(t.reshape(3, 2)),
    "transpose": lambda np, t: np.transpose(t.reshape(2, 3)), "flip": lambda np, t: np.flip(t),
    "roll": lambda np, t: np.roll(t, 2), "take": lambda np, t: t[[0, 0, 3, 5]], "slice": lambda np, t: t[1:5:2],
    "concatenate": lambda np, t: np.concatenate([t, t[:2]]), "stack": lambda np, t: np.stack([t, t[::-1]]),
    "repeat": lambda np, t: np.repeat(t, 2), "tile": lambda np, t: np.tile(t, 2), "pad": lambda np, t: np.pad(t, 1),
    "sum": lambda np, t: np.sum(t.reshape(2, 3), axis=0), "sum of all": lambda np, t: np.sum(t) + t[:1],
    "mean": lambda np, t: np.mean(t.reshape(2, 3), axis=1), "cumsum": lambda np, t: np.cumsum(t),
    "broadcast": lambda np, t: t*np.ones((2, 1)), "column and row": lambda np, t: t.reshape(6, 1)[:2] + t.reshape(1, 6),
    "diagonal": lambda np, t: np.diag(t[:4].reshape(2, 2)), "tril": lambda np, t: np.tril(t[:4].reshape(2, 2)),
}


@pytest.mark.parametrize("name", STRUCTURAL)
@pytest.mark.parametrize("before", [True, False])
def test_structural_operations(name, before):
    """S(choice(t)) and choice(S(t)), weighted and summed, against the same where t has no zero, element by element."""
    move = STRUCTURAL[name]
    numbers = np.array([0.0, 1.0, 4.0, 0.0, 9.0, 0.25])

    def f(xp, t):
        y = move(np, choice_of(xp, t)) if before else choice_of(xp, move(np, t))
        weights = np.cos(np.arange(1, np.size(cgrad._core.plain(y)) + 1)).reshape(np.shape(cgrad._core.plain(y)))
        return np.sum(y*weights)

    t = Tensor(numbers, requires_grad=True)
    f(cgrad, t).backward()
    safe = Tensor(np.where(numbers > 0, numbers, 1.0), requires_grad=True)  # 1 times 0 in place of the root's
    mask = (numbers > 0).astype(float)

    def g(t):
        y = move(np, cgrad.sqrt(t)*mask) if before else cgrad.sqrt(move(np, t))*(move(np, Tensor(mask)).numpy() > 0)
        weights = np.cos(np.arange(1, np.size(cgrad._core.plain(y)) + 1)).reshape(np.shape(cgrad._core.plain(y)))
        return np.sum(y*weights)

    g(safe).backward()
    if name in ("sum", "sum of all", "mean", "cumsum", "column and row") and not before:
        assert not np.isnan(t.grad).any()  # sums of elements: another function
    else:
        assert np.allclose(t.grad, safe.grad, rtol=1e-14)
    recorded = cgrad.gradients(f(cgrad, t), [t], create_graph=True).wrt(t)
    assert np.allclose(recorded.numpy(), t.grad, rtol=1e-14)
    second = cgrad.gradients(recorded.sum(), [t]).wrt(t)
    assert not np.isnan(second).any()


def test_elements_as_values():
    t = Tensor([0.0, 4.0], requires_grad=True)
    y = cgrad.where(True, t[1]*2.0, cgrad.sqrt(t[0])*t[1]) + cgrad.where(False, cgrad.sqrt(t).sum(), 0.0)
    y.backward()
    assert t.grad.tolist() == [0.0, 2.0]


def test_hooks_see_the_right_adjoint_once():
    seen = []
    x = Value(0.0)
    root, top = cgrad.sqrt(x), x*3.0
    root.register_hook(lambda g: seen.append(("root", g)))
    top.register_hook(lambda g: seen.append(("top", g)))
    y = cgrad.where(True, top, root)
    y.register_hook(lambda g: seen.append(("y", g)))
    y.backward()
    assert x.grad == 3.0 and seen == [("y", 1.0), ("top", 1.0)]
