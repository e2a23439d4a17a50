"""The special functions against SciPy: values and first derivatives over wide ranges, and at edges."""

import itertools
import math

import numpy as np
import pytest
import scipy.special as sp

import cgrad

X = np.concatenate([np.linspace(-30, 30, 601) + 0.0137, np.logspace(-12, 4, 60), -np.logspace(-12, 1, 40),
                    [0.5, 1.0, 2.0, 30.0]])
ROOT_PI = 2/math.sqrt(math.pi)
CASES = {  # op: (SciPy's function, its derivative, relative error allowed, domain)
    "erf": (sp.erf, lambda x: ROOT_PI*np.exp(-x*x), 1e-13, lambda x: np.abs(x) < 20),
    "erfc": (sp.erfc, lambda x: -ROOT_PI*np.exp(-x*x), 2e-13, lambda x: np.abs(x) < 20),
    "lgamma": (sp.gammaln, sp.psi, 1e-11, lambda x: x > 0),
    "digamma": (sp.psi, lambda x: sp.polygamma(1, x), 1e-11, lambda x: x > 0),
    "sigmoid": (sp.expit, lambda x: sp.expit(x)*sp.expit(-x), 1e-14, lambda x: np.abs(x) < 700),
    "softplus": (lambda x: np.logaddexp(0, x), sp.expit, 1e-14, lambda x: np.abs(x) < 700),
    "cbrt": (sp.cbrt, lambda x: sp.cbrt(x)/(3*x), 1e-14, lambda x: x != 0),
    "exp2": (sp.exp2, lambda x: math.log(2)*sp.exp2(x), 1e-14, lambda x: np.abs(x) < 700),
    "gamma": (sp.gamma, lambda x: sp.gamma(x)*sp.psi(x), 1e-12, lambda x: (x > 0) & (x < 100)),
    "erfinv": (sp.erfinv, lambda x: np.exp(sp.erfinv(x)**2)/ROOT_PI, 1e-12, lambda x: np.abs(x) < 1),
    "ndtr": (sp.ndtr, lambda x: np.exp(-x*x/2)/math.sqrt(2*math.pi), 1e-12, lambda x: np.abs(x) < 37),
    "log_ndtr": (sp.log_ndtr, lambda x: np.exp(-x*x/2 - sp.log_ndtr(x))/math.sqrt(2*math.pi), 1e-12,
                 lambda x: np.abs(x) < 37),
    "ndtri": (sp.ndtri, lambda x: np.exp(sp.ndtri(x)**2/2)*math.sqrt(2*math.pi), 1e-11, lambda x: (x > 0) & (x < 1)),
    "logit": (sp.logit, lambda x: 1/(x*(1 - x)), 1e-13, lambda x: (x > 0) & (x < 1)),
    "entr": (sp.entr, lambda x: -1 - np.log(x), 1e-12, lambda x: x > 0),
    "log1p": (sp.log1p, lambda x: 1/(1 + x), 1e-14, lambda x: x > -0.9),
    "expm1": (sp.expm1, np.exp, 1e-14, lambda x: np.abs(x) < 700),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_derivative(name):
    f, df, relative, domain = CASES[name]
    for x in X[domain(X)]:
        v = cgrad.Value(x)
        y = getattr(cgrad, name)(v)
        y.backward()
        for got, expected in ((y.data, f(x)), (v.grad, df(x))):
            slack = relative*abs(expected) + 1e-15*(name in ("lgamma", "digamma"))
            assert abs(got - expected) <= slack, (x, got, expected)


@pytest.mark.parametrize("n", range(6))
def test_polygamma(n):
    for x in [*np.linspace(0.05, 40, 300), 1e-6, 1e3, 1e6]:
        v = cgrad.Value(x)
        y = cgrad.polygamma(n, v)
        y.backward()
        assert y.data == pytest.approx(sp.polygamma(n, x), rel=2e-12, abs=1e-15)
        assert v.grad == pytest.approx(sp.polygamma(n + 1, x), rel=2e-12)


def test_digamma_left_of_zero():
    """SciPy's is accurate to 1e-13 or so of the reflection's terms there."""
    for x in np.linspace(-20, -0.01, 400) + 0.00123:
        terms = abs(sp.psi(1 - x)) + abs(math.pi/math.tan(math.pi*x))
        assert abs(cgrad.digamma(x) - sp.psi(x)) <= 1e-12*terms


EDGES = {
    "erf": (0.0, -0.0, math.inf, -math.inf, math.nan, 1e-300, 30.0), "erfc": (0.0, math.inf, -math.inf, math.nan, 30.0),
    "digamma": (0.0, -0.0, -1.0, -2.0, math.inf, -math.inf, math.nan),
    "lgamma": (0.0, -0.0, -1.0, -7.0, math.inf, math.nan, 1.0, 2.0),
    "sigmoid": (0.0, math.inf, -math.inf, math.nan, 1e4, -1e4),
    "cbrt": (0.0, -0.0, math.inf, -math.inf, math.nan, -8.0, 27.0),
    "gamma": (0.0, -0.0, math.inf, math.nan, 5.0, 171.0, 172.0, -0.5),
    "erfinv": (0.0, 1.0, -1.0, 1.5, math.nan, 1e-300),
    "ndtr": (0.0, math.inf, -math.inf, math.nan, -38.0, -40.0, 40.0),
    "log_ndtr": (0.0, math.inf, -math.inf, math.nan, -1e10, -1e200, 38.0, 1e3),
    "ndtri": (0.0, 1.0, 0.5, -1.0, 2.0, math.nan, 5e-324, math.inf),
    "logit": (0.0, 1.0, 0.5, -1.0, 2.0, math.nan, 1e-300),
    "entr": (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    for x in EDGES[name]:
        got, expected = getattr(cgrad, name)(x), float(CASES[name][0](x))
        assert got == pytest.approx(expected, rel=1e-15, nan_ok=True), (x, got, expected)
        assert math.isnan(got) or math.copysign(1, got) == math.copysign(1, expected), (x, got, expected)


SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 1e-300, 1e300, math.inf, -math.inf, math.nan)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "rel_entr"])
def test_functions_of_two(name):
    """Values and signs of infinities, as SciPy's; but for inf/inf in rel_entr, whose quotient is nan."""
    for x, y in itertools.product(SPECIAL, repeat=2):
        with np.errstate(all="ignore"):
            got, expected = getattr(cgrad, name)(x, y), float(getattr(sp, name)(x, y))
        if not (name == "rel_entr" and x == y == math.inf):
            assert got == pytest.approx(expected, rel=1e-14, nan_ok=True), (x, y)


def test_polygamma_of_what_has_none():
    """n must be a whole number from 0 to 60."""
    for n in (-1, 0.5, 61, math.nan, math.inf):
        assert math.isnan(cgrad.polygamma(n, 2.0))
    assert cgrad.polygamma(60, 2.0) == pytest.approx(float(sp.polygamma(60, 2.0)), rel=1e-13)
    assert cgrad.polygamma(1, 0.0) == cgrad.polygamma(1, -3.0) == math.inf
    assert math.isnan(cgrad.polygamma(2, -3.0)) and cgrad.polygamma(3, math.inf) == 0
