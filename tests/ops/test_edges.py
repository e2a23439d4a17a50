"""Edges: zeros of both signs, infinities, nan, kinks, ties, the largest and smallest numbers.

Values are checked against NumPy's ufuncs and Python's operators, the derivatives at kinks against the
documentation of the rows (tests/oracles compares PyTorch at the same points).
"""

import itertools
import math
import random

import numpy as np
import pytest
from op_support import COMPARISONS, ROWS, call, derivatives, inputs

import cgrad

INF, NAN = math.inf, math.nan
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 2.5, INF, -INF, NAN, 5e-324, -5e-324, 1e-308, 1.7e308, -1.7e308)
PUBLIC = [op for op in ROWS.values() if not op.hidden]


def same(x: float, y: float, ulp: float = 0) -> bool:
    """Equal (nan to nan), zeros of equal sign; or within some ulp."""
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if x == y:
        return x != 0 or math.copysign(1, x) == math.copysign(1, y)
    return math.isfinite(x) and math.isfinite(y) and abs(x - y) <= ulp*math.ulp(max(abs(x), abs(y)))


# ---- values ----------------------------------------------------------------------------------------

ROUNDED = {  # functions that two libraries round differently: how many ulp apart they may be
    "exp": 1, "exp2": 1, "expm1": 2, "log": 1, "log2": 2, "log10": 2, "log1p": 2, "logaddexp": 3, "sin": 1, "cos": 1,
    "tan": 2, "asin": 2, "acos": 2, "atan": 2, "atan2": 2, "degrees": 1, "radians": 1, "sinh": 2, "cosh": 2, "tanh": 2,
    "asinh": 2, "acosh": 2, "atanh": 2, "cbrt": 2, "hypot": 1, "pow": 2,
}
EITHER_ZERO = {"maximum", "minimum", "clip"}  # max(0.0, -0.0): either zero, IEEE 754 leaves it open
NOT_NUMPYS = {
    "pow": lambda x, y: y == 0.5 and x in (0.0, -INF),  # NumPy takes sqrt there: another sign of 0, nan for -inf
    # Python's rules, which divmod of two floats follows; NumPy has other signs of nan and zero
    "mod": lambda x, y: math.isinf(y) or y == 0,
    "floordiv": lambda x, y: math.isinf(y) or math.isinf(x) or y == 0,
}


@pytest.mark.parametrize("op", [op for op in PUBLIC if op.ufunc], ids=lambda op: op.name)
def test_values_are_numpys(op):
    wrong = []
    for point in itertools.product(SPECIAL, repeat=op.arity):
        if op.name in NOT_NUMPYS and NOT_NUMPYS[op.name](*point):
            continue
        with np.errstate(all="ignore"):
            expected = float(getattr(np, op.ufunc.split()[0])(*point))
        got = getattr(cgrad, op.name)(*inputs(op, point)).data
        if op.name in EITHER_ZERO and got == expected == 0:
            continue
        if not same(got, expected, ROUNDED.get(op.name, 0)):
            wrong.append(f"{op.name}{point}: {got!r}, not {expected!r}")
    assert not wrong, "\n".join(wrong[:30])


@pytest.mark.parametrize("name", ["mod", "floordiv"])
def test_python_division(name):
    """% and // to the bit, over signs, magnitudes, infinities and near multiples."""
    mine = getattr(cgrad, name)
    python = {"mod": lambda x, y: x % y, "floordiv": lambda x, y: x//y}[name]
    rng = random.Random(5)
    pairs = [p for p in itertools.product(SPECIAL, repeat=2) if p[1] != 0]
    for _ in range(20000):
        x, y = rng.uniform(-10, 10), rng.uniform(-3, 3)
        pairs += [(x, y), (x*10**rng.uniform(-30, 30), y*10**rng.uniform(-30, 30))]
        k = rng.randint(-1000, 1000)
        pairs += [(k*y, y), (math.nextafter(k*y, INF), y), (math.nextafter(k*y, -INF), y), (float(k), 0.1)]
    for x, y in pairs:
        if y:
            assert same(mine(x, y), python(x, y)), (x, y, mine(x, y), python(x, y))


def test_division_by_zero_is_ieee():
    """Where Python raises ZeroDivisionError."""
    for zero in (0.0, -0.0):
        for x in (1.0, -2.5, INF, -INF):
            sign = math.copysign(1, x)*math.copysign(1, zero)
            assert cgrad.div(x, zero) == cgrad.floordiv(x, zero) == sign*INF
            assert math.isnan(cgrad.mod(x, zero)) and math.isnan(cgrad.fmod(x, zero))
            assert (cgrad.Value(x)/zero).data == (cgrad.Value(x)//zero).data == sign*INF
        for op in (cgrad.div, cgrad.floordiv, cgrad.mod):
            assert math.isnan(op(0.0, zero))
    assert cgrad.pow(0.0, -1.0) == INF and cgrad.pow(-0.0, -1.0) == -INF and cgrad.pow(-0.0, -2.0) == INF
    assert math.isnan(cgrad.pow(-8.0, 1/3)) and math.isnan(cgrad.log(-1.0)) and cgrad.log(0.0) == -INF


def test_remainders_agree_with_the_quotients():
    """The stored partial of y is minus the whole quotient, though x/y itself may round up across a whole number."""
    rng = random.Random(6)
    for _ in range(3000):
        y, k = rng.uniform(0.1, 9), rng.randint(1, 10**6)
        x = math.nextafter(k*y, -INF)*rng.choice((1, -1))
        for name in ("mod", "fmod"):
            op = ROWS[name]
            a, b = inputs(op, (x, y))
            r = getattr(cgrad, name)(a, b)
            r.backward()
            exact = (np.longdouble(x) - np.longdouble(r.data))/np.longdouble(y)
            assert -b.grad == round(float(exact)), (name, x, y)


def test_round_is_half_to_even():
    for k in range(-2000, 2000):
        x = k/4
        assert cgrad.round(x) == float(round(x)) and round(cgrad.Value(x)).data == float(round(x))
    for x in (2.0**52 + 1, 2.0**53, -(2.0**51) - 0.5, 0.49999999999999994):
        assert cgrad.round(x) == float(round(x))
    assert math.copysign(1, cgrad.round(-0.3)) == -1


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_are_pythons(name):
    for point in itertools.product(SPECIAL, repeat=2):
        expected = float(COMPARISONS[name](*point))
        assert call(ROWS[name], point) == call(ROWS[name], inputs(ROWS[name], point)).data == expected, point


# ---- derivatives at kinks --------------------------------------------------------------------------

KINKS = [  # what the rows' ``kink`` texts say
    ("abs", (0.0,), (0,)), ("abs", (-0.0,), (0,)),
    ("relu", (0.0,), (0,)), ("relu", (-0.0,), (0,)),
    ("hypot", (0.0, 0.0), (NAN, NAN)), ("atan2", (0.0, 0.0), (0, 0)), ("atan2", (-0.0, -0.0), (0, 0)),
    ("maximum", (2.0, 2.0), (0.5, 0.5)), ("maximum", (0.0, -0.0), (0.5, 0.5)), ("maximum", (INF, INF), (0.5, 0.5)),
    ("minimum", (2.0, 2.0), (0.5, 0.5)), ("minimum", (-INF, -INF), (0.5, 0.5)),
    ("maximum", (NAN, 1.0), (1, 1)), ("minimum", (1.0, NAN), (1, 1)),
    ("clip", (1.0, 1.0, 3.0), (1, 0, 0)), ("clip", (3.0, 1.0, 3.0), (1, 0, 0)), ("clip", (0.0, 1.0, 3.0), (0, 1, 0)),
    ("clip", (4.0, 1.0, 3.0), (0, 0, 1)), ("clip", (2.0, 3.0, 1.0), (0, 0, 1)), ("clip", (0.0, 3.0, 1.0), (0, 0, 1)),
    ("clip", (2.0, 2.0, 2.0), (1, 0, 0)), ("clip", (NAN, 1.0, 3.0), (0, 0, 0)), ("clip", (2.0, NAN, 3.0), (0, 0, 0)),
    ("sign", (0.0,), (0,)), ("floor", (2.0,), (0,)), ("ceil", (2.0,), (0,)), ("round", (2.5,), (0,)),
    ("trunc", (2.0,), (0,)),
    ("copysign", (0.0, 1.0), (0, 0)), ("copysign", (-0.0, 1.0), (0, 0)), ("copysign", (2.0, -0.0), (-1, 0)),
    ("copysign", (-2.0, 0.0), (-1, 0)),
    ("mod", (6.0, 3.0), (1, -2)), ("mod", (-7.0, INF), (1, 1)), ("fmod", (-7.0, 3.0), (1, 2)),
    ("fmod", (6.0, 3.0), (1, -2)),
    ("floordiv", (6.0, 3.0), (0, 0)),
    ("where", (0.0, 2.0, 3.0), (0, 0, 1)), ("where", (-0.0, 2.0, 3.0), (0, 0, 1)),
    ("where", (NAN, 2.0, 3.0), (0, 1, 0)),
    ("where", (1.0, 2.0, NAN), (0, 1, 0)),
    ("pow", (0.0, 0.0), (0, 0)), ("pow", (0.0, 1.0), (1, 0)), ("pow", (0.0, 2.0), (0, 0)),
    ("pow", (0.0, 0.5), (INF, 0)),
    ("pow", (0.0, -1.0), (-INF, -INF)), ("pow", (2.0, 0.0), (0, math.log(2.0))), ("pow", (-2.0, 3.0), (12, NAN)),
    ("pow", (INF, 0.0), (0, INF)),
    ("sqrt", (0.0,), (INF,)), ("cbrt", (0.0,), (INF,)), ("cbrt", (-0.0,), (INF,)), ("log", (0.0,), (INF,)),
    ("asin", (1.0,), (INF,)), ("acos", (-1.0,), (-INF,)), ("acosh", (1.0,), (INF,)), ("atanh", (1.0,), (INF,)),
    ("logaddexp", (INF, INF), (0.5, 0.5)), ("logaddexp", (INF, -INF), (1, 0)), ("logaddexp", (-INF, 2.0), (0, 1)),
    ("lgamma", (0.0,), (-INF,)), ("digamma", (0.0,), (INF,)), ("div", (1.0, 0.0), (INF, -INF)),
    ("reciprocal", (0.0,), (-INF,)),
    ("xlogy", (0.0, 0.0), (0, 0)), ("xlogy", (0.0, -1.0), (0, -0.0)), ("xlogy", (0.0, 2.0), (math.log(2.0), 0)),
    ("xlog1py", (0.0, -1.0), (0, 0)), ("xlog1py", (0.0, -2.0), (0, 0)), ("xlog1py", (0.0, 1.0), (math.log(2.0), 0)),
    ("entr", (0.0,), (INF,)), ("entr", (-1.0,), (NAN,)), ("rel_entr", (0.0, 2.0), (-INF, 0)),
    ("logit", (0.0,), (INF,)), ("logit", (1.0,), (INF,)), ("ndtri", (0.0,), (INF,)), ("ndtri", (1.0,), (INF,)),
    ("erfinv", (1.0,), (INF,)), ("erfinv", (-1.0,), (INF,)), ("gamma", (-1.0,), (NAN,)),
    # limits at infinity
    ("ndtr", (INF,), (0,)), ("ndtr", (-INF,), (0,)), ("log_ndtr", (INF,), (0,)), ("log_ndtr", (-INF,), (INF,)),
    ("exp", (-INF,), (0,)), ("exp", (INF,), (INF,)), ("expm1", (-INF,), (0,)), ("log", (INF,), (0,)),
    ("log1p", (INF,), (0,)),
    ("sqrt", (INF,), (0,)), ("cbrt", (-INF,), (0,)), ("reciprocal", (-INF,), (0,)), ("div", (1.0, INF), (0, 0)),
    ("tanh", (INF,), (0,)), ("tanh", (-INF,), (0,)), ("atan", (INF,), (0,)), ("asinh", (-INF,), (0,)),
    ("acosh", (INF,), (0,)),
    ("sigmoid", (INF,), (0,)), ("sigmoid", (-INF,), (0,)), ("softplus", (INF,), (1,)), ("softplus", (-INF,), (0,)),
    ("erf", (INF,), (0,)), ("erfc", (-INF,), (0,)), ("lgamma", (INF,), (INF,)), ("digamma", (INF,), (0,)),
    ("relu", (INF,), (1,)), ("abs", (-INF,), (-1,)), ("sinh", (INF,), (INF,)), ("cosh", (-INF,), (-INF,)),
]


@pytest.mark.parametrize(("name", "point", "expected"), KINKS, ids=lambda x: str(x).replace(" ", ""))
def test_kink(name, point, expected):
    for way, found in derivatives(ROWS[name], point, 1).items():
        got = [found[(k,)] for k in range(len(point))]
        assert all(same(x + 0.0, y + 0.0) for x, y in zip(got, map(float, expected), strict=True)), (way, got)


def test_kinks_of_the_table_are_tested():
    """A row that documents a kink has points here."""
    assert {op.name for op in PUBLIC if op.kink} <= {name for name, _, _ in KINKS}


def test_power_is_smooth_in_both_arguments():
    """The mixed partial of x**y at y = 0, 1/x, from both sides; PyTorch's rule cuts it off at one."""
    for x in (0.5, 2.0, 10.0):
        for way, found in derivatives(ROWS["pow"], (x, 0.0), 2).items():
            assert found[(0, 1)] == found[(1, 0)] == 1/x, way


SMOOTH_ENOUGH = {  # derivatives at 0 and other points where a rule could divide by zero
    "abs": ((0.0,), 0), "relu": ((0.0,), 0), "square": ((0.0,), 2), "tanh": ((0.0,), 0), "hypot": ((3.0, 0.0), 0),
    "expm1": ((0.0,), 1), "sigmoid": ((0.0,), 0), "softplus": ((0.0,), 0.25), "cosh": ((0.0,), 1), "asin": ((0.0,), 0),
}


@pytest.mark.parametrize("name", SMOOTH_ENOUGH)
def test_second_derivative(name):
    point, expected = SMOOTH_ENOUGH[name]
    for way, found in derivatives(ROWS[name], point, 2).items():
        assert found[(0, 0)] == expected, way


def test_constant_powers_of_zero_and_negative_numbers():
    """No logarithm: x**3 at 0 and below has all derivatives."""
    for c, expected in ((2, (0, 0, 2, 0)), (3, (0, 0, 0, 6)), (1, (0, 1, 0, 0)), (0, (1, 0, 0, 0)), (4, (0, 0, 0, 0))):
        for way, found in derivatives(ROWS["powc"], (0.0, float(c))).items():
            assert tuple(found[(0,)*n] for n in range(4)) == expected, (c, way)
    for way, found in derivatives(ROWS["powc"], (-2.0, 3.0)).items():
        assert tuple(found[(0,)*n] for n in range(4)) == (-8, 12, -12, 6), way


# ---- anywhere at all -------------------------------------------------------------------------------

@pytest.mark.parametrize("op", ROWS.values(), ids=lambda op: op.name)
def test_no_exception_and_three_ways_agree_everywhere(op):
    """Up to third order, at every combination of special numbers, all modes agree."""
    special = SPECIAL if op.arity < 3 else (0.0, -1.0, 2.5, INF, NAN, -1.7e308)
    for point in itertools.product(special, repeat=op.arity):
        ways = derivatives(op, point, 3 if op.arity < 3 else 2)
        # products of partials overflow at these: the order of multiplication decides between inf and nan
        # (as they are infinite for pow at 0)
        extreme = any(0 < abs(x) < 1e-300 or 1e300 < abs(x) < INF for x in point)
        extreme = extreme or (op.name == "pow" and point[0] == 0)
        largest = [max((abs(d) for i, d in ways["recorded"].items() if len(i) == n and math.isfinite(d)), default=0.0)
                   for n in range(4)]
        for index, expected in ways["recorded"].items():
            for way in ("backward", "tangents"):
                got = ways[way][index]
                if len(index) < 2:  # one stored partial
                    assert same(got + 0.0, expected + 0.0), (op.name, point, index, way)
                elif math.isfinite(got) and math.isfinite(expected):
                    slack = 16*math.ulp(largest[len(index)]) + 1e-300
                    assert abs(got - expected) <= slack, (op.name, point, index, way, got, expected)
                elif not extreme:
                    assert same(got, expected), (op.name, point, index, way, got, expected)
