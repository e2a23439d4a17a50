"""Every row of the op table against mpmath: value and all partial derivatives to third order.

Each derivative in three modes: recorded (``gradients(..., create_graph=True)``, nested), ``backward()``
and ``tangents`` on the derivative below. All have the same bound.

The bound, in ulp of the true result: 3, 4, 8, 12 for orders 0 to 3. The C library's functions err by
1 ulp (2 for some); a partial multiplies two or three such factors, each with a rounding of its own,
and each further order adds one or two factors. ``op_scales.py`` names the rows and orders where the
result is a difference and the error is measured against the sum of the absolute terms.
"""

import math
import random

import mpmath
import pytest
from mpmath import mp, mpf
from op_scales import SCALES
from op_support import COMPARISONS, NAMES, NOWHERE, ROWS, derivatives, exact, ulps

BOUND = (3.0, 4.0, 8.0, 12.0)
POINTS = 60
STEP = {"mod", "floordiv", "fmod", "truncdiv", "floor", "ceil", "round", "trunc"}


def at_kink(op, point) -> bool:
    """True where the row has no derivative: tests of edges have these points."""
    x, y = point[0], point[1] if len(point) > 1 else None
    if op.name in ("floor", "ceil", "trunc", "round"):
        return 2*x == math.floor(2*x)
    if op.name in STEP:
        return math.fmod(x, y) == 0
    if op.name in ("abs", "relu", "sign"):
        return x == 0
    if op.name == "copysign":
        return x == 0 or y == 0
    if op.name in ("maximum", "minimum", *COMPARISONS):
        return x == y
    return op.name == "clip" and x in point[1:]


def draw(rng, lo: float, hi: float) -> float:
    kind = rng.random()
    if kind < 0.6:
        return rng.uniform(lo, hi)
    if kind < 0.8:  # all magnitudes
        x = 10**rng.uniform(-8, math.log10(max(abs(lo), abs(hi))))
        return min(max(rng.choice((-x, x)), lo), hi)
    if math.ceil(lo) <= math.floor(hi):
        return float(rng.randint(math.ceil(lo), math.floor(hi)))
    return rng.choice((float(lo), float(hi)))


def domain_points(op):
    rng = random.Random(op.name)
    result = [tuple(float(lo) for lo, _ in op.domain), tuple(float(hi) for _, hi in op.domain)]
    while len(result) < POINTS:
        point = [draw(rng, lo, hi) for lo, hi in op.domain]
        if op.names[0] == "n":
            point[0] = float(round(point[0]))
        result.append(tuple(point))
    return [p for p in result if not at_kink(op, p)]


def scale_of(op, index, point):
    counts = tuple(index.count(k) for k in range(op.arity))
    rules = SCALES.get(op.name, {})
    text = rules.get(counts, rules.get(None))
    if text is None:
        return None
    with mp.workdps(60):
        return mpmath.mpf(abs(eval(text, NAMES, {a: mpf(x) for a, x in zip(op.names, point, strict=True)})))


def errors(op, point):
    """(error in ulp over the bound, way, index, got, true) of everything that exceeds its bound."""
    true = exact(op, point)
    scale = {index: scale_of(op, index, point) for index in true}
    for way, found in derivatives(op, point).items():
        for index, got in found.items():
            key = tuple(sorted(index))
            bound = BOUND[len(index)]
            error = ulps(got, true[key], scale[key])
            if not error <= bound:
                yield f"{op.name}{point} d/d{index} {way}: {got!r}, not {float(true[key])!r}: {error:.3g} ulp > {bound}"


def check(op, points):
    found = [text for point in points for text in errors(op, point)]
    assert not found, f"{len(found)} errors:\n" + "\n".join(found[:20])


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOWHERE])
def test_domain(name):
    check(ROWS[name], domain_points(ROWS[name]))


@pytest.mark.parametrize("name, orders", [("kink", 0), ("flat", 1)])
def test_zeros_without_a_derivative(name, orders):
    """0, of so many orders; beyond them nan, by each way."""
    for x in (0.0, 0.7, -2.0):
        for way in derivatives(ROWS[name], [x]).values():
            assert all(d == 0 if len(index) <= orders else math.isnan(d) for index, d in way.items() if len(index) <= orders + 1)


def test_a_shared_derivative():
    for way in derivatives(ROWS["shared"], [3.0, 7.0, 0.25], 2).values():
        assert way == {(): 3.0, (0,): 0.25, (1,): 0.75, (2,): 0.0} | {(i, j): {(0, 2): 1.0, (1, 2): -1.0}.get((i, j), 0.0)
                                                                      for i in range(3) for j in range(3)}


# ---- beyond the domain: huge, tiny, negative, next to roots, poles and kinks -----------------------

EVERY = [s*x for x in (1e-300, 1e-100, 1e-20, 1e-8, 0.5, 1.0, 2.0, 37.0, 1e3) for s in (1.0, -1.0)]
POSITIVE = [5e-324, 1e-300, 1e-20, 0.1, 1 - 2**-53, 1 + 2**-52, 1e5, 1e20, 1e100, 1e300]
PAIRS = [(1e-3, 1e6), (-1e6, 1e-3), (1e150, 1e150), (1e-90, -1e-90), (1e-8, 1.0), (1.0, 1e-8), (-3.0, -4.0)]
NEGATIVE = [-0.1, -0.5, -0.75, -1.5, -2.25, -3.9, -10.3, -100.5, -0.9999999999, -1e-10, -1e-100, -2.0000001]
ROOT = 1.4616321449683622
EDGES = {
    "neg": EVERY, "abs": EVERY, "square": EVERY, "exp2": [-1000.0, -37.5, 1e-20, 0.5, 1000.0],
    "reciprocal": [s*x for x in (1e-70, 1e-8, 1.0, 1e70) for s in (1.0, -1.0)],
    "sqrt": [1e-100, 1e-20, 1.0, 4.0, 1e100, 1e300], "cbrt": [-8.0, -27.5, 1e-50, -1e-50, 1e100, -1e100],
    "exp": [-740.0, -700.0, -1e-20, 1e-300, 700.0, 709.0], "expm1": [-700.0, -40.0, -1e-20, 1e-20, 1e-300, 700.0],
    "log": [1e-100, 1 - 2**-53, 1 + 2**-52, 1.0, 1e100], "log2": [1e-100, 1 - 2**-53, 8.0, 1e100],
    "log10": [1e-100, 1 - 2**-53, 1000.0, 1e100], "log1p": [-1 + 2**-40, -1e-20, 1e-20, 1e-300, 1e100],
    "sin": [1e-300, 1e-8, math.pi, -math.pi/2, 1e5, -1e15, 1e22], "tan": [1e-300, 1e-8, math.pi, 1.57079, 100.0, -1e15],
    "cos": [1e-300, 1e-8, math.pi/2, -math.pi, 1e5, -1e15, 1e22],
    "asin": [1e-300, 1e-8, 1 - 2**-53, -1 + 2**-53, 0.5], "acos": [1e-300, 1e-8, 1 - 2**-53, -1 + 2**-53, 0.5],
    "atanh": [1e-300, 1e-8, 1 - 2**-53, -1 + 2**-53, 0.5], "acosh": [1 + 2**-52, 1 + 1e-8, 2.0, 1e5, 1e100],
    "asinh": [1e-300, 1e-8, -1e-8, 1e5, -1e5, 1e100],
    "atan": [1e-300, 1e-8, -1e-8, 1e5, -1e5, 1e45],  # beyond, (1 + x*x)^-3 underflows
    "degrees": EVERY, "radians": EVERY,
    "sinh": [1e-300, 1e-8, -40.0, 700.0, -700.0], "cosh": [1e-300, 1e-8, -40.0, 700.0, -700.0],
    "tanh": [1e-300, 1e-8, -20.0, 100.0, -340.0], "sech2": [1e-300, 1e-8, -20.0, 100.0, -340.0],
    "erf": [1e-300, 1e-8, -3.0, 6.5, -26.0], "erfc": [1e-300, 1e-8, -6.5, 10.0, 25.0, 26.0],
    "exp_neg_square": [1e-300, 1e-8, -6.5, 10.0, 25.0, 26.0],
    "sigmoid": [1e-300, 1e-8, -1e-8, 37.0, -37.0, 700.0, -700.0],
    "softplus": [1e-300, 1e-8, -1e-8, 37.0, -37.0, 700.0, -700.0],
    "relu": EVERY, "sign": EVERY, "one_minus_square": [1 - 2**-53, -1 + 2**-53, 1e-8, 1e100],
    "hypot": [*PAIRS, (1e-3, 0.0), (0.0, -2.0)], "atan2": [*PAIRS, (1e-3, 0.0), (0.0, 2.0)],
    "unit": [*PAIRS, (1e-3, 0.0), (0.0, -2.0)],
    "logaddexp": [(700.0, -700.0), (0.0, -40.3), (1e-20, -40.3), (1000.0, 1001.0), (-1000.0, -1e3), (1e5, -1e5)],
    "softmax2": [(300.0, -300.0), (-40.3, 0.1), (1000.0, 1001.0), (-1000.0, -1e3), (0.1, 600.2)],
    "div": [(1e-50, 1e50), (-1e50, 1e-20), (3.0, -7.0), (0.0, 3.0), (-0.0, -3.0)],
    "mul": PAIRS, "add": PAIRS, "sub": PAIRS,
    "fma": [(0.1, 10.0, -1.0), (1e150, 1e150, -1e300), (-3.0, 1/3, 1.0), (1e-100, 1e-100, 1e-200)],
    "mod": [(-5.5, 3.0), (5.5, -3.0), (1e20, 3.0), (-1e-20, 3.0), (math.nextafter(3*0.1, 0), 0.1), (-1e15, 7.0)],
    "fmod": [(-5.5, 3.0), (5.5, -3.0), (1e20, 3.0), (-1e-20, 3.0), (math.nextafter(3*0.1, 0), 0.1), (-1e15, 7.0)],
    "pow": [(0.0001, 40.0), (50.0, -20.0), (1e-20, 3.0), (1e20, -2.0), (2.0, 1e-20), (2.0, 0.0), (0.5, 1.0), (1.0, 3.0),
            (7.0, 2.0), (1 + 2**-52, 1e5)],
    "powc": [(-2.0, 3.0), (-2.0, -3.0), (-0.5, 2.0), (-3.0, 5.0), (3.0, 0.0), (3.0, 1.0), (3.0, 2.0), (1e-20, 3.0),
             (4.0, 0.5), (4.0, -0.5), (1e100, 1.5), (1e-100, 0.25), (8.0, 1/3)],
    "lgamma": [1e-100, 1 - 2**-53, 1 + 2**-52, 2 - 2**-52, 2 + 2**-51, 1e5, 1e100, *NEGATIVE],
    "digamma": [1e-70, ROOT, math.nextafter(ROOT, 2), ROOT - 1e-9, ROOT + 1e-5, 1.0, 2.0, 9.999, 10.0, 1e5, 1e70,
                *NEGATIVE],
    "gamma": [1e-40, 0.5, 1.0, 2.0, 20.5, 150.0, -0.5, -1.5, -3.9, -10.3],
    "erfinv": [1e-300, -1e-8, 0.8, 0.85, -0.9, 1 - 2**-53, -1 + 2**-53, 1 - 1e-9],
    "ndtr": [1e-300, -1e-8, 0.5, -20.0, -37.0, 40.0], "normal_density": [1e-300, -1e-8, 20.0, -37.0],
    "log_ndtr": [1e-300, -1e-8, 0.5, -4.99, -5.01, -36.9, -37.1, -1e3, -1e8, -1e30, 8.0, 20.0, 36.0],
    "log_ndtr_derivative": [(float(n), x) for n in (1, 2, 3) for x in (
        1e-300, -0.99, -1.01, -4.99, -5.01, -36.9, -1e3, -1e8, 8.0, 20.0)],
    "ndtri": [1e-90, 1e-50, 1e-20, 0.075, 0.099, 0.101, 0.4, 0.5, 0.9, 0.95, 1 - 2**-53, 1 - 1e-9],
    "logit": [1e-100, 1e-20, 0.25, 0.3, 0.4999999, 0.5, 0.7, 0.75, 0.9, 1 - 2**-53],
    "xlogy": [(3.0, 1e-100), (1e-100, 3.0), (2.0, 1 + 2**-52), (-2.0, 1 - 2**-53), (0.0, 2.0)],
    "xlog1py": [(3.0, 1e-100), (1e-100, 3.0), (2.0, -1 + 2**-53), (-2.0, 1e-20), (0.0, 2.0)],
    "entr": [1e-100, 1e-20, 1 - 2**-53, 1 + 2**-52, 1/math.e, 1e50],
    "rel_entr": [(1.0, 1 + 2**-52), (1e150, 1e-150), (1e-70, 1e70), (3.0, 3.0000001)],
    "log_ratio": [(1.0, 1 + 2**-52), (1e50, 1e-50), (1e-50, 1e50), (3.0, 3.0000001)],
    "polygamma": [(float(n), x) for n in (1, 2, 3) for x in (1e-40, 0.5, 1.0, 2.0, 14.9, 15.0, 1e5, 1e40, *NEGATIVE)]
    + [(0.0, 2.5), (10.0, 2.5), (20.0, 0.3), (10.0, -1.3), (20.0, 40.0)],
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    points = [p if isinstance(p, tuple) else (p,) for p in EDGES[name]]
    check(ROWS[name], [p for p in points if not at_kink(ROWS[name], p)])
