"""What is called in place of functions that no protocol lets Values answer: of math, NumPy, SciPy, statistics.

Each against the function itself on plain numbers, and its derivative against differences of that.
"""

import cmath
import functools
import math
import statistics
import sys
import types

import numpy as np
import pytest
import scipy.special as sp
import scipy.stats as st

import cgrad
from cgrad import Tensor, Value
from cgrad.ops.callees import replacement


def call(f, *args, **kwargs):
    """As rewritten code calls f."""
    return (replacement(f) or f)(*args, **kwargs)


def numbers_of(out):
    return np.array([x.data if isinstance(x, Value) else float(x) for x in np.ravel(out)]).reshape(np.shape(out))


def check(f, point, way=call):
    """Value and gradient; and plain numbers come to the function itself."""
    vs = [Value(x) for x in point]
    out = way(f, *vs)
    assert out.data == pytest.approx(f(*point), rel=1e-13, abs=1e-15)
    out.backward()
    for k, v in enumerate(vs):
        h = 1e-6*max(1.0, abs(point[k]))
        up, down = (f(*[x + s*h*(i == k) for i, x in enumerate(point)]) for s in (1, -1))
        assert v.grad == pytest.approx((up - down)/(2*h), rel=1e-5, abs=1e-8), k
    plain = way(f, *point)
    assert plain == f(*point) and type(plain) is type(f(*point))


# ---- math ------------------------------------------------------------------------------------------

POINTS = {"acosh": [(1.7,)], "log": [(0.6,), (0.6, 1.7)], "hypot": [(0.6,), (0.3, -0.5), (0.3, 0.5, 0.9, 2.0)], "gamma": [(4.5,), (-1.5,)],
          "fma": [(0.3, 0.5, 0.9)]}
BY_PROTOCOL = {"floor", "ceil", "trunc"}
OF_INTEGERS = {"factorial", "gcd", "isqrt", "lcm", "perm", "comb"}
LEFT = {"frexp", "nextafter", "ulp", "remainder", "fmax", "fmin", "signbit", "isnormal", "issubnormal"}  # no rule
SEQUENCES = {"fsum", "prod", "dist", "sumprod"}
OTHERS = {"isnan", "isinf", "isfinite", "isclose", "modf", "ldexp"}
FUNCTIONS = {name for name, f in vars(math).items() if callable(f) and not name.startswith("_")}
NUMERIC = FUNCTIONS - BY_PROTOCOL - OF_INTEGERS - LEFT - SEQUENCES - OTHERS


@pytest.mark.parametrize("name", sorted(NUMERIC))
def test_functions_of_math(name):
    f = getattr(math, name)
    if (points := POINTS.get(name)) is None:
        try:
            f(0.6)
            points = [(0.6,)]
        except TypeError:
            points = [(0.6, 1.7)]
    for point in points:
        check(f, point)


def test_what_is_left_to_math():
    for name in (BY_PROTOCOL | OF_INTEGERS | LEFT) & FUNCTIONS:
        assert replacement(getattr(math, name)) is None
    assert math.floor(Value(2.5)).data == 2.0


def test_predicates_of_math():
    for f in (math.isnan, math.isinf, math.isfinite):
        for x in (0.5, math.inf, -math.inf, math.nan):
            assert call(f, Value(x)) is call(f, x) is f(x)
    special = (0.0, 1.0, 1.0 + 1e-10, 1.1, 1e300, math.inf, -math.inf, math.nan)
    for a in special:
        for b in special:
            for options in ({}, {"rel_tol": 0.2}, {"abs_tol": 0.5}):
                assert bool(call(math.isclose, Value(a), b, **options)) is math.isclose(a, b, **options), (a, b, options)


def test_sequences_of_math():
    vs = [Value(1.0), 2.0, Value(4.0)]
    for given in (vs, tuple(vs), iter(vs), (v for v in vs)):
        assert call(math.fsum, given).data == 7.0
    assert call(math.prod, iter(vs), start=3).data == 24.0
    assert call(math.dist, vs[:1], [4.0]).data == 3.0
    assert call(math.fsum, iter([0.1]*10)) == 1.0 and call(math.prod, []) == 1
    if hasattr(math, "sumprod"):
        assert call(math.sumprod, vs, [1.0, 1.0, 2.0]).data == 11.0


@pytest.mark.parametrize("x", [2.25, -2.25, -0.0, math.inf, -math.inf])
def test_parts_of_a_number(x):
    got, want = call(math.modf, Value(x)), math.modf(x)
    assert [v.data for v in got] == list(want) and math.copysign(1, got[0].data) == math.copysign(1, want[0])
    assert call(math.ldexp, Value(x), 3).data == math.ldexp(x, 3)


def test_numbers_are_ieee_where_math_raises():
    assert call(math.log, Value(0.0)).data == -math.inf and call(math.exp, Value(1e3)).data == math.inf
    with pytest.raises(ValueError, match="math domain|positive"):
        call(math.log, 0.0)


def test_arrays_are_no_numbers():
    """As math itself says; a tensor of one number is one."""
    with pytest.raises(TypeError):
        call(math.exp, Tensor([1.0, 2.0], requires_grad=True))
    assert call(math.exp, Tensor(0.0)).item() == 1.0


def test_functions_of_cmath_are_refused():
    with pytest.raises(TypeError, match=r"cmath\.exp: .* is real.*use cgrad\.exp"):
        call(cmath.exp, Value(1.0))
    with pytest.raises(TypeError, match=r"cmath\.phase: .*compose it"):
        call(cmath.phase, Value(1.0))
    assert call(cmath.sqrt, -1.0) == 1j


# ---- statistics ------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["fmean", "mean", "variance", "pvariance", "stdev", "pstdev", "median"])
@pytest.mark.parametrize("data", [[3.0, 1.0, 4.0, 1.5], [2.0, 7.0, 1.0]])
def test_functions_of_statistics(name, data):
    f = getattr(statistics, name)
    check(lambda *xs: f(list(xs)), data, lambda _, *xs: call(f, list(xs)))


def test_options_of_statistics():
    vs = [Value(1.0), Value(4.0)]
    assert call(statistics.fmean, vs, [1.0, 3.0]).data == 3.25
    with pytest.raises(statistics.StatisticsError, match="same length"):
        call(statistics.fmean, vs, [1.0])
    assert call(statistics.variance, vs, 2.5).data == 4.5
    with pytest.raises(statistics.StatisticsError, match="two data points"):
        call(statistics.variance, [Value(1.0)])


# ---- NumPy -----------------------------------------------------------------------------------------

NUMPY = {
    "isnan": (np.isnan,), "isfinite": (np.isfinite,), "isinf": (np.isinf,), "logaddexp": (np.logaddexp, 1.5), "mean": (np.mean,), "std": (np.std,), "var": (np.var,),
    "median": (np.median,), "percentile": (np.percentile, 30), "quantile": (np.quantile, [0.2, 0.6]), "average": (np.average,),
    "interp": (np.interp, [0.0, 2.0, 5.0], [1.0, 5.0, 2.0]),
}


@pytest.mark.parametrize("name", NUMPY)
def test_functions_of_numpy(name):
    """Over lists, arrays of objects, Tensors: of lists of Values come arrays of objects, as NumPy returns them."""
    f, *rest = NUMPY[name]
    data = [3.0, 1.0, 4.0, 1.5]
    expected = f(data, *rest)
    for given in ([Value(x) for x in data], np.array([Value(x) for x in data], object), Tensor(data, requires_grad=True)):
        out = call(f, given, *rest)
        np.testing.assert_allclose(out.data if isinstance(out, Tensor) else numbers_of(out), expected, rtol=1e-15)
        assert type(out) is (Value if np.ndim(expected) == 0 else np.ndarray if not isinstance(given, Tensor) or name.startswith("is") else Tensor)
    assert type(call(f, data, *rest)) is type(expected)


def test_nested_lists():
    rows = [[Value(1.0), 2.0], [3.0, Value(4.0)]]
    assert call(np.isnan, rows).tolist() == [[False, False], [False, False]]
    assert numbers_of(call(np.mean, rows, axis=0)).tolist() == [2.0, 3.0]
    assert call(np.interp, 1.5, [0.0, 3.0], [Value(1.0), Value(3.0)]).data == 2.0


def test_arrays_of_floats():
    v, t = Value(1.0), Tensor([1.0, 2.0], requires_grad=True)
    made = call(np.array, [v, 2], dtype=float)
    assert made.dtype == object and made[0] is v and type(made[1]) is float
    assert call(np.asarray, t) is t and call(np.array, [t, t]).tolist() == [[1.0, 2.0]]*2
    assert call(np.asarray, t, np.float32).dtype == np.float32 and call(np.array, iter([1])).dtype == object
    with pytest.raises(TypeError, match="astype"):
        call(np.asarray, t, int)
    assert call(np.array, [v, 2])[0] is v and call(np.array, [1, 2]).dtype.kind == "i"


# ---- SciPy -----------------------------------------------------------------------------------------

ONE = ["erf", "erfc", "erfinv", "erfcinv", "ndtr", "ndtri", "log_ndtr", "expit", "logit", "gammaln", "loggamma", "gamma", "psi",
       "digamma", "entr", "exp2", "exp10", "expm1", "log1p", "cbrt", "log_expit"]
TWO = ["xlogy", "xlog1py", "rel_entr", "kl_div", "boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p"]


@pytest.mark.parametrize("name", ONE)
def test_ufuncs_of_one(name):
    """The ufunc itself answers for Values and Tensors (NEP 13); over lists it is replaced."""
    f = getattr(sp, name)
    check(f, (0.3,), lambda f, x: f(x))
    check(f, (0.3,))
    np.testing.assert_allclose(f(Tensor([0.3, 0.4])).data, f([0.3, 0.4]), rtol=1e-14)
    out = call(f, [Value(0.3), 0.4])
    assert out.dtype == object
    np.testing.assert_allclose(numbers_of(out), f([0.3, 0.4]), rtol=1e-14)


@pytest.mark.parametrize("name", TWO)
def test_ufuncs_of_two(name):
    f = getattr(sp, name)
    check(f, (0.3, 0.8), lambda f, x, y: f(x, y))
    check(f, (0.3, 0.8))
    objects = np.array([Value(0.3), Value(0.5)], object)
    np.testing.assert_allclose(numbers_of(f(objects, Value(0.8))), f([0.3, 0.5], 0.8), rtol=1e-14)
    np.testing.assert_allclose(numbers_of(call(f, [0.2, 0.3], [Value(0.8), 0.9])), f([0.2, 0.3], [0.8, 0.9]), rtol=1e-14)


def test_powers_of_zero():
    """boxcox at 0 is the logarithm, for a plain 0."""
    for name in ("boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p"):
        f = getattr(sp, name)
        check(lambda x, f=f: f(x, 0.0), (0.3,), lambda _, x, f=f: f(x, 0.0))
        assert math.isnan(f(0.3, Value(0.0)).data)
    assert math.isnan(sp.loggamma(Value(-0.5)).data) and math.isnan(sp.loggamma(-0.5))


def test_a_ufunc_without_a_rule_is_refused():
    for f in (sp.j0, sp.airy):
        with pytest.raises(TypeError, match=f"{f.__name__}.*no derivative rule"):
            f(Value(1.0))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_functions_over_arrays(name):
    f, data = getattr(sp, name), [[0.1, 0.5], [2.0, -1.0]]
    values = [[Value(x) for x in row] for row in data]
    for options in ({}, {"axis": 0}):
        np.testing.assert_allclose(numbers_of(call(f, values, **options)), f(data, **options), rtol=1e-14)
    assert call(f, data).tolist() == f(data).tolist()


def test_polygamma():
    check(functools.partial(sp.polygamma, 1), (0.3,), lambda f, x: call(sp.polygamma, 1, x))


METHODS = ["pdf", "cdf", "sf", "logpdf", "logcdf", "logsf", "ppf", "isf"]


@pytest.mark.parametrize("name", METHODS)
def test_the_normal_distribution(name):
    f = getattr(st.norm, name)
    check(f, (0.3,))
    check(f, (0.3, 0.1, 1.4))
    check(getattr(st.norm(0.2, scale=0.7), name), (0.3,))
    out = call(f, [Value(0.3), 0.4], loc=Value(0.5), scale=2.0)
    np.testing.assert_allclose(numbers_of(out), f([0.3, 0.4], 0.5, 2.0), rtol=1e-14)
    assert math.isnan(call(f, Value(0.3), 0.0, -1.0).data) and math.isnan(call(f, 0.3, 0.0, Value(-1.0)).data)


def test_distributions_of_values():
    v = Value(0.2)
    out = call(st.norm(loc=v, scale=2.0).cdf, 0.3)
    out.backward()
    assert out.data == pytest.approx(st.norm.cdf(0.3, 0.2, 2.0)) and v.grad == pytest.approx(-st.norm.pdf(0.3, 0.2, 2.0))


def test_tails():
    """Where cdf is 1 and its logarithm 0, and beyond where cdf underflows."""
    for x in (-50.0, -38.0, -10.0, 10.0):
        assert call(st.norm.logcdf, Value(x)).data == pytest.approx(st.norm.logcdf(x), rel=1e-14)
        assert call(st.norm.sf, Value(x)).data == pytest.approx(st.norm.sf(x), rel=1e-13)


# ---- the table -------------------------------------------------------------------------------------

def test_what_has_no_replacement():
    class Odd:
        __hash__ = None

        def __eq__(self, other):
            raise AssertionError("asked")

        def __call__(self):
            pass

        def cdf(self, x):
            return x

    for f in (print, Odd(), Odd().cdf, [].append, st.gamma.cdf, st.expon(1.0).cdf, st.norm.rvs, lambda x: x, np.exp, np.sum, Value, len):
        assert replacement(f) is None


def test_a_module_is_entered_when_it_is_imported(monkeypatch):
    """Not before, and not while it is being executed."""
    from cgrad.ops import callees

    late = types.ModuleType("late")
    late.f = lambda x: x
    monkeypatch.setitem(callees._TABLES, "late", lambda module: {module.f: "ours"})
    assert replacement(late.f) is None
    monkeypatch.setitem(sys.modules, "late", late)
    late.__spec__ = types.SimpleNamespace(_initializing=True)
    assert replacement(late.f) is None
    late.__spec__ = None
    assert replacement(late.f) == "ours"
    del callees._known[id(late.f)]


# ---- in recordings ---------------------------------------------------------------------------------

PROGRAMS = {
    "math": lambda x, y: call(math.exp, x)*call(math.hypot, x, y, 1.0) + call(math.log, y, 2.0) + call(math.gamma, y),
    "sequences": lambda x, y: call(math.fsum, [x, y, x*y])*call(math.prod, (x, y)) + call(math.dist, [x, 1.0], [y, 2.0]),
    "decisions": lambda x, y: x if call(math.isnan, x) or call(math.isclose, x, y) else call(math.fmod, 7*x, y),
    "statistics": lambda x, y: call(statistics.stdev, [x, y, 1.0]) + call(statistics.fmean, [x, y]) + call(statistics.median, [x, y, 0.7]),
    "numpy": lambda x, y: call(np.mean, [x, y, 3.0])*call(np.std, np.array([x, y, 2.0])) + call(np.logaddexp, [x], [y])[0],
    "order": lambda x, y: call(np.median, [x, y, 0.7]) + call(np.quantile, [x, y, 0.7, 0.1], 0.4) + call(np.interp, x, [0.0, 0.5, 1.0], [1.0, y, 2.0]),
    "special": lambda x, y: sp.ndtr(x) + sp.xlogy(x, y) + call(sp.erf, [x, y])[1] + sp.log_ndtr(-y) + sp.ndtri(x/2),
    "normal": lambda x, y: call(st.norm.cdf, x, y, 2.0) + call(st.norm(0.0, 2.0).logpdf, x) + call(st.norm.ppf, x/2),
    "softmax": lambda x, y: call(sp.softmax, [x, y, 0.1])[0] + call(sp.logsumexp, [x, y]),
    "arrays": lambda x, y: np.sum(call(np.array, [x, y], dtype=float)*[1.0, 2.0]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_in_compiled_functions(name):
    """The same numbers as the function itself on plain numbers, and its derivatives."""
    f = PROGRAMS[name]
    program = cgrad.compile(f)
    for x, y in ((0.6, 1.7), (0.3, 0.8), (0.9, 1.2)):
        value, (dx, dy) = program.value_and_grad(x, y, argnums=(0, 1))
        assert value == pytest.approx(f(x, y), rel=1e-13)
        vs = [Value(x), Value(y)]
        f(*vs).backward()
        assert [dx, dy] == pytest.approx([v.grad for v in vs], rel=1e-13)
        h = 1e-6
        assert dx == pytest.approx((f(x + h, y) - f(x - h, y))/(2*h), rel=1e-5, abs=1e-8)
        assert dy == pytest.approx((f(x, y + h) - f(x, y - h))/(2*h), rel=1e-5, abs=1e-8)
