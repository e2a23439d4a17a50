"""Random expression graphs: shared subexpressions, constants on either side, leaves used many times.

A program is a list of steps, each an op over earlier results and constants; it is run over Values,
hyper-dual numbers (tests/dual.py), plain floats and HIPS autograd's boxes. Steps whose operands are
outside an op's smooth, safe region are skipped when the program is made, so that every run agrees.
"""

import autograd
import autograd.numpy as anp
import autograd.scipy.special as asp
import dual
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import cgrad

LIMIT = 20.0  # larger results are not used again: differences would be noise
ALL = (-LIMIT, LIMIT)
SMOOTH = {  # op: the region of each operand
    "neg": [ALL], "sin": [ALL], "cos": [ALL], "tanh": [ALL], "atan": [ALL], "asinh": [ALL], "sigmoid": [ALL],
    "softplus": [ALL], "square": [(-4, 4)], "exp": [(-5, 3)], "exp2": [(-5, 4)], "expm1": [(-5, 3)], "sinh": [(-3, 3)],
    "cosh": [(-3, 3)], "erf": [(-3, 3)], "erfc": [(-3, 3)], "tan": [(-1.2, 1.2)], "log": [(0.2, LIMIT)],
    "log2": [(0.2, LIMIT)],
    "log10": [(0.2, LIMIT)], "log1p": [(-0.7, LIMIT)], "sqrt": [(0.2, LIMIT)], "cbrt": [(0.2, LIMIT)],
    "reciprocal": [(0.3, LIMIT)], "asin": [(-0.8, 0.8)], "acos": [(-0.8, 0.8)], "atanh": [(-0.8, 0.8)],
    "acosh": [(1.2, LIMIT)], "relu": [ALL], "abs": [ALL], "degrees": [(-0.3, 0.3)], "radians": [ALL],
    "add": [ALL, ALL], "sub": [ALL, ALL], "mul": [ALL, ALL], "div": [ALL, (0.3, LIMIT)], "pow": [(0.3, 3), (-2, 2)],
    "mod": [ALL, (3, 5)], "hypot": [(0.2, LIMIT), ALL], "atan2": [ALL, (0.2, LIMIT)], "logaddexp": [ALL, ALL],
    "maximum": [ALL, ALL], "minimum": [ALL, ALL], "fma": [(-4, 4), (-4, 4), ALL], "clip": [ALL, (-4, -2), (2, 4)],
    "where": [ALL, ALL, ALL],
}
OPERATOR = {"neg": lambda x: -x, "abs": abs, "add": lambda x, y: x + y, "sub": lambda x, y: x - y,
            "mul": lambda x, y: x*y, "div": lambda x, y: x/y, "pow": lambda x, y: x**y, "mod": lambda x, y: x % y}


def away_from_kinks(name: str, x: list[float]) -> bool:
    if name in ("relu", "abs", "where"):
        return abs(x[0]) > 0.05
    if name in ("maximum", "minimum"):
        return abs(x[0] - x[1]) > 0.05
    if name == "clip":
        return min(abs(x[0] - x[1]), abs(x[0] - x[2])) > 0.05
    if name == "mod":
        return 0.05 < x[0] % x[1] < x[1] - 0.05
    return True


def plain(name: str, args):
    """The op on plain floats: what the steps of a program are chosen by, and differences taken of."""
    return OPERATOR[name](*args) if name in OPERATOR else getattr(cgrad, name)(*args)


def run(program, leaves, call):
    values = list(leaves)
    for name, operands in program:
        values.append(call(name, [values[o] if isinstance(o, int) else o for o in operands]))
    return values[-1]


@st.composite
def programs(draw, names=tuple(SMOOTH), steps=14):
    leaves = draw(st.lists(st.floats(0.25, 2.5).map(lambda x: round(x, 3)), min_size=1, max_size=3))
    values, program = list(leaves), []
    for _ in range(draw(st.integers(3, steps))):
        name = draw(st.sampled_from(names))
        operands = []
        for lo, hi in SMOOTH[name]:
            fitting = [k for k, v in enumerate(values) if lo <= v <= hi and abs(v) <= LIMIT]
            newest = fitting[-3:]  # depth more often than breadth
            constants = st.floats(max(lo, -3.0), min(hi, 4.0)).map(lambda x: round(x, 2)).filter(lambda x: x != 0)
            kinds = [st.sampled_from(newest), st.sampled_from(fitting)] if fitting else []
            operands.append(draw(st.one_of(*kinds, *kinds, constants)))
        x = [values[o] if isinstance(o, int) else o for o in operands]
        if not any(isinstance(o, int) for o in operands) or not away_from_kinks(name, x):
            continue
        program.append((name, operands))
        values.append(plain(name, x))
    used = {o for _, operands in program for o in operands if isinstance(o, int)}
    top = len(values) - 1
    for k in range(len(values)):  # the result depends on everything
        if k not in used and k != top or not program:
            program.append(("add", [k, top]))
            top = len(values)
            values.append(0.0)
    return leaves, program


def cgrad_call(name, args):
    return OPERATOR[name](*args) if name in OPERATOR else getattr(cgrad, name)(*args)


def dual_call(name, args):
    return OPERATOR[name](*args) if name in OPERATOR else getattr(dual, name)(*args)


def close(x: float, y: float, size: float, relative: float = 1e-9) -> bool:
    return abs(x - y) <= relative*(abs(x) + abs(y)) + 1e-12*size


def magnitude(hessian, gradient) -> float:
    return 1 + max(map(abs, gradient)) + max(abs(x) for row in hessian for x in row)


@settings(max_examples=300, deadline=None)
@given(programs())
def test_against_dual_numbers(case):
    """Value, gradient and Hessian; backward, gradients, create_graph and tangents alike."""
    leaves, program = case
    value, gradient, hessian = dual.derivatives(lambda *x: run(program, x, dual_call), leaves)
    size = magnitude(hessian, gradient)
    xs = [cgrad.Value(x) for x in leaves]
    out = run(program, xs, cgrad_call)
    assert close(out.data, value, 1 + abs(value))
    out.backward()
    recorded = cgrad.gradients(out, xs, create_graph=True)
    for i, x in enumerate(xs):
        row = recorded.wrt(x)
        assert close(x.grad, gradient[i], size), (x.grad, gradient)
        assert close(row.data, gradient[i], size)
        assert close(cgrad.tangents(out, x), gradient[i], size)
        assert close(cgrad.gradients(out, [x]).wrt(x), gradient[i], size)
        again = cgrad.gradients(row)
        for j, y in enumerate(xs):
            assert close(again.wrt(y), hessian[i][j], size), (i, j, again.wrt(y), hessian)
            assert close(cgrad.tangents(row, y), hessian[i][j], size)


def difference(f, point, k: int):
    """df/dx_k by central differences, extrapolated, with an estimate of its error."""
    estimates = []
    for h in (2e-3, 1e-3, 5e-4):
        up, down = list(point), list(point)
        up[k] += h
        down[k] -= h
        estimates.append((f(*up) - f(*down))/(up[k] - down[k]))
    first = [(4*estimates[i + 1] - estimates[i])/3 for i in range(2)]
    best = (16*first[1] - first[0])/15
    noise = 1e-15*max(abs(f(*point)), 1.0)/5e-4
    return best, abs(best - first[1]) + abs(first[1] - first[0])/16 + 100*noise


@settings(max_examples=150, deadline=None)
@given(programs(steps=10))
def test_against_finite_differences(case):
    """The program over plain floats knows nothing of derivatives. The steps stay within a branch."""
    leaves, program = case
    xs = [cgrad.Value(x) for x in leaves]
    gradient = cgrad.gradients(run(program, xs, cgrad_call), xs)
    branches = signature(program, leaves)
    for k, x in enumerate(xs):
        shifted = [[v + s*2e-3*(i == k) for i, v in enumerate(leaves)] for s in (-1, 1)]
        if any(signature(program, p) != branches for p in shifted):
            continue  # a kink within the step
        estimate, error = difference(lambda *p: run(program, p, plain), leaves, k)
        if error < 0.01*(1 + abs(estimate)):
            assert abs(gradient.wrt(x) - estimate) <= 4*error + 1e-8*abs(estimate), (gradient.wrt(x), estimate, error)


def signature(program, leaves):
    """The sides that the piecewise ops of a program take."""
    sides = []

    def call(name, x):
        if name in ("relu", "abs", "where"):
            sides.append(x[0] > 0)
        elif name in ("maximum", "minimum"):
            sides.append(x[0] > x[1])
        elif name == "clip":
            sides.append((x[0] > x[1], x[0] > x[2]))
        elif name == "mod":
            sides.append(x[0]//x[1])
        return plain(name, x)

    run(program, leaves, call)
    return sides


HIPS = {
    "sin": anp.sin, "cos": anp.cos, "tanh": anp.tanh, "exp": anp.exp, "log": anp.log, "sqrt": anp.sqrt,
    "expm1": anp.expm1,
    "log1p": anp.log1p, "sinh": anp.sinh, "cosh": anp.cosh, "atan": anp.arctan, "asin": anp.arcsin, "acos": anp.arccos,
    "asinh": anp.arcsinh, "acosh": anp.arccosh, "atanh": anp.arctanh, "tan": anp.tan, "square": anp.square,
    "exp2": anp.exp2, "log2": anp.log2, "log10": anp.log10, "maximum": anp.maximum, "minimum": anp.minimum,
    "logaddexp": anp.logaddexp, "erf": asp.erf, "erfc": asp.erfc, "sigmoid": asp.expit, "atan2": anp.arctan2,
    "reciprocal": anp.reciprocal, "radians": anp.radians, "degrees": anp.degrees, "where": anp.where,
}
SHARED = tuple(name for name in SMOOTH if name in HIPS or name in OPERATOR)


@settings(max_examples=100, deadline=None)
@given(programs(names=SHARED))
def test_against_hips_autograd(case):
    leaves, program = case

    def call(name, args):
        return OPERATOR[name](*args) if name in OPERATOR else HIPS[name](*args)

    expected = autograd.grad(lambda x: run(program, [x[k] for k in range(len(leaves))], call))(np.array(leaves))
    xs = [cgrad.Value(x) for x in leaves]
    got = cgrad.gradients(run(program, xs, cgrad_call), xs)
    size = 1 + float(np.max(np.abs(expected)))
    for x, d in zip(xs, expected, strict=True):
        assert close(got.wrt(x), float(d), size), (got.wrt(x), d)


@settings(max_examples=60, deadline=None)
@given(programs(steps=8), st.integers(0, 2))
def test_directional_derivatives_to_third_order(case, k):
    """d^3/dt^3 along one leaf: recorded three times, against differences of the recorded second one."""
    leaves, program = case
    k %= len(leaves)
    branches = signature(program, leaves)

    def second(point):
        xs = [cgrad.Value(x) for x in point]
        d = cgrad.gradients(run(program, xs, cgrad_call), [xs[k]], create_graph=True).wrt(xs[k])
        return cgrad.gradients(d, [xs[k]], create_graph=True).wrt(xs[k]), xs[k]

    shifted = [[v + s*2e-3*(i == k) for i, v in enumerate(leaves)] for s in (-1, 1)]
    if any(signature(program, p) != branches for p in shifted):
        return
    d2, leaf = second(leaves)
    estimate, error = difference(lambda *p: second(p)[0].data, leaves, k)
    if error < 0.01*(1 + abs(estimate)):
        assert abs(cgrad.gradients(d2).wrt(leaf) - estimate) <= 4*error + 1e-8*abs(estimate)
