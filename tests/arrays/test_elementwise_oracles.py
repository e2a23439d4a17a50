"""Elementwise ops on arrays against independent derivatives: HIPS autograd, finite differences."""

import autograd
import autograd.numpy as anp
import autograd.scipy.special as asp
import numpy as np
import pytest
from arrays_support import PUBLIC, check_close, draw_numbers, names, seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from op_support import ROWS, free

import cgrad
import cgrad.testing
from cgrad import Tensor

SHAPES = {1: [((2, 3),), ((4,),)], 2: [((2, 3), (3,)), ((2, 1), (1, 3)), ((3,), ())],
          3: [((2, 2), (2,), ()), ((2, 1), (1, 2), (2, 2))]}
JUMPS = {"mod", "floordiv", "fmod", "floor", "ceil", "round", "trunc", "sign", "where"}  # drawn where no step meets one

DIVISIONS = ("mod", "floordiv", "fmod")


def arguments(op, shapes, *words):
    rng = seeded(op.name, shapes, *words)
    found = []
    for k, shape in enumerate(shapes):
        if k not in free(op):
            found.append(2.0)
            continue
        lo, hi = op.domain[k]
        x = np.asarray(rng.uniform(max(lo, -3) if hi > -3 and op.name not in DIVISIONS else lo, min(hi, 9), shape))
        if op.name in ("abs", "relu", "sign", "copysign"):
            x = np.where(abs(x) < 0.2, x + 0.5, x)
        if op.name in ("floor", "ceil", "round", "trunc"):
            x = np.floor(x) + rng.choice([0.25, 0.75], shape)
        found.append(x)
    if op.name in DIVISIONS:  # far from the multiples of y
        found[0] = np.floor(found[0]/found[1])*found[1] + rng.uniform(0.3, 0.7, np.broadcast_shapes(*shapes))*found[1]
    if op.name in ("maximum", "minimum"):
        found[0] = found[0] + np.where(abs(found[0] - found[1]) < 0.2, 0.5, 0.0)
    return found


@pytest.mark.parametrize("op", **names(PUBLIC))
def test_finite_differences(op):
    """Every element of the Jacobian, and of its derivatives, over several broadcasts."""
    for shapes in SHAPES[op.arity][:2 if op.arity < 3 else 1]:
        args = arguments(op, shapes)
        smooth = [x for k, x in enumerate(args) if k in free(op)]

        def f(*xs, args=args):
            xs = iter(xs)
            return getattr(cgrad, op.name)(*(next(xs) if k in free(op) else x for k, x in enumerate(args)))

        cgrad.testing.check_grads(f, smooth, 2, "rev", eps=1e-3 if op.name in JUMPS else 1e-2)


@pytest.mark.parametrize("op", **names([op for op in PUBLIC if op.arity < 3 and op.name not in JUMPS]))
def test_finite_differences_of_float32(op):
    """Looser, for float32 has seven digits; a wrong rule is wrong in the first."""
    args = [x.astype(np.float32) if isinstance(x, np.ndarray) else x for x in arguments(op, SHAPES[op.arity][0], 32)]
    smooth = [x for k, x in enumerate(args) if k in free(op)]

    def f(*xs):
        xs = iter(xs)
        return getattr(cgrad, op.name)(*(next(xs) if k in free(op) else x for k, x in enumerate(args)))

    cgrad.testing.check_grads(f, smooth, 1, "rev", eps=1e-1, rtol=1e-2, atol=1e-3)


# ---- HIPS autograd -------------------------------------------------------------------------------

def widened(c, x, y):
    """Its where does not sum over axes that broadcasting added."""
    zeros = np.zeros(np.broadcast_shapes(*(np.shape(a) for a in (c, x, y))))
    return x + zeros, y + zeros


HIPS = {
    "add": anp.add, "sub": anp.subtract, "mul": anp.multiply, "div": anp.divide, "mod": anp.mod, "neg": anp.negative,
    "abs": anp.abs, "fma": lambda x, y, z: x*y + z, "reciprocal": anp.reciprocal, "square": anp.square, "pow": anp.power,
    "sqrt": anp.sqrt, "exp": anp.exp, "exp2": anp.exp2, "expm1": anp.expm1, "log": anp.log, "log2": anp.log2,
    "log10": anp.log10, "log1p": anp.log1p, "logaddexp": anp.logaddexp, "sin": anp.sin, "cos": anp.cos, "tan": anp.tan,
    "asin": anp.arcsin, "acos": anp.arccos, "atan": anp.arctan, "atan2": anp.arctan2, "sinh": anp.sinh,
    "cosh": anp.cosh, "tanh": anp.tanh, "asinh": anp.arcsinh, "acosh": anp.arccosh, "atanh": anp.arctanh,
    "erf": asp.erf, "erfc": asp.erfc, "erfinv": asp.erfinv, "gamma": asp.gamma, "logit": asp.logit, "lgamma": asp.gammaln, "digamma": asp.digamma,
    "polygamma": lambda n, x: asp.polygamma(int(n), x), "maximum": anp.maximum, "minimum": anp.minimum,
    "clip": lambda x, lo, hi: anp.minimum(anp.maximum(x, lo), hi), "sign": anp.sign, "floor": anp.floor,
    "ceil": anp.ceil, "where": lambda c, x, y: anp.where(np.asarray(c) != 0, *widened(c, x, y)),
    "degrees": anp.degrees, "radians": anp.radians,
}
DIFFERENTIATED = {"where": [1, 2]}  # a condition has no derivative there
ABSOLUTE = {"expm1": 1e-15}  # its rule is out + 1
# Its rules (1/cosh^2, exp(-x)..., logaddexp by exp(x - out)) are accurate in absolute terms only at some points
ROUGH = {"tanh": 1e-13, "logaddexp": 1e-12, "pow": 1e-12, "asin": 1e-11, "acos": 1e-11, "atanh": 1e-11, "acosh": 1e-10,
         "digamma": 1e-12, "polygamma": 1e-12, "lgamma": 1e-12, "tan": 1e-12}


def test_what_autograd_lacks():
    assert {op.name for op in PUBLIC} - set(HIPS) == {
        "floordiv", "fmod", "cbrt", "hypot", "relu", "sigmoid", "softplus", "copysign", "round", "trunc",
        "ndtr", "log_ndtr", "ndtri", "xlogy", "xlog1py", "entr", "rel_entr"}


@pytest.mark.parametrize("op", **names([ROWS[name] for name in HIPS]))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_autograd(op, data):
    """Values, vector-Jacobian products and their derivatives, for random shapes and weights."""
    shapes = data.draw(mutually_broadcastable_shapes(num_shapes=op.arity, max_dims=3, max_side=3)).input_shapes
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    args = [draw_numbers(rng, op, k, shape) if k in free(op) else 2.0 for k, shape in enumerate(shapes)]
    leaves = DIFFERENTIATED.get(op.name, free(op))
    shape = np.broadcast_shapes(*(np.shape(x) for x in args))
    g = rng.uniform(-2, 2, shape)
    u = [rng.uniform(-2, 2, args[k].shape) for k in leaves]

    def total(*xs):
        """sum(g*f(xs))"""
        given = list(args)
        for k, x in zip(leaves, xs, strict=True):
            given[k] = x
        return anp.sum(g*HIPS[op.name](*given))

    places = tuple(range(len(leaves)))

    def slope(*xs):
        """sum(u*d total/d xs)"""
        return sum(anp.sum(w*d) for w, d in zip(u, autograd.grad(total, places)(*xs), strict=True))

    at = [args[k] for k in leaves]
    first = autograd.grad(total, places)(*at)
    second = autograd.grad(slope, places)(*at)

    given_args = list(args)
    for k in leaves:
        given_args[k] = Tensor(args[k], requires_grad=True)
    xs = [given_args[k] for k in leaves]
    out = getattr(cgrad, op.name)(*given_args)
    recorded = cgrad.gradients(out, xs, seed=g if shape else float(g), create_graph=True).wrt(xs)
    rough, absolute = ROUGH.get(op.name, 1e-13), 20*ABSOLUTE.get(op.name, 0.0)
    sizes = [np.max(abs(d), initial=0.0) for d in first]
    for d, expected in zip(recorded, first, strict=True):
        np.testing.assert_allclose(d.data, expected, rtol=rough, atol=rough*max(sizes) + absolute)
    seeds = [w if w.shape else float(w) for w in u]
    found = cgrad.gradients(recorded, xs, seed=seeds).wrt(xs)
    largest = max(np.max(abs(d), initial=0.0) for d in second)
    for d, expected in zip(found, second, strict=True):
        np.testing.assert_allclose(d, expected, rtol=100*rough, atol=100*rough*max(largest, *sizes) + absolute)


def test_a_program_with_everything():
    """One function over arrays, numbers, views, sums and items, to second order against autograd."""
    def program(np_like, x, w):
        h = np_like.tanh(np_like.matmul(x, w) + x[:, :1])
        s = np_like.sum(h*h, axis=0)/np_like.sqrt(1.0 + np_like.sum(x*x))
        return np_like.sum(np_like.exp(-s)*s[0]) + np_like.sum(np_like.where(h > 0, h, 0.1*h))

    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    t, v = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
    loss = program(np, t, v)
    expected = autograd.grad(lambda a, b: program(anp, a, b), (0, 1))(x, w)
    recorded = cgrad.gradients(loss, [t, v], create_graph=True).wrt([t, v])
    for d, e in zip(recorded, expected, strict=True):
        check_close(d, e, np.ones_like(e), 64, np.float64)
    a, b = rng.normal(size=x.shape), rng.normal(size=w.shape)

    def slope(p, q):
        dp, dq = autograd.grad(lambda a, b: program(anp, a, b), (0, 1))(p, q)
        return anp.sum(a*dp) + anp.sum(b*dq)

    found = cgrad.gradients(recorded, [t, v], seed=[a, b]).wrt([t, v])
    for d, e in zip(found, autograd.grad(slope, (0, 1))(x, w), strict=True):
        check_close(d, e, np.ones_like(e), 512, np.float64)
