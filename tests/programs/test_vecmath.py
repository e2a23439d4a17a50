"""core/mathlib/vecmath.h: every function, at every target that this machine runs, within 2 ulp of mpmath."""

import ctypes
import functools
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
CORE = HERE.parent.parent / "src" / "cgrad" / "core" / "mathlib"
TARGETS = ("sse2", "avx2", "avx512", "plain")
INF, NAN = math.inf, math.nan
SPECIAL = (0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 10.0, 100.0, 1000.0, 5e-324,
           -5e-324, 1e-310, -1e-310, 2.2250738585072014e-308, 2.225073858507201e-308, -2.2250738585072014e-308,
           1e-300, -1e-300, 1.7976931348623157e308, -1.7976931348623157e308, 1e300, -1e300, 1e22, -1e22, 1e5, 1e6,
           1e9, -1e9, 1.0000001e9, 0.9999999999999999, 1.0000000000000002, -0.9999999999999999, -1.0000000000000002,
           4503599627370495.5, 4503599627370497.0, 9007199254740991.0, 9007199254740993.0, 709.782712893384,
           709.7827128933841, 710.4758600739439, -708.3964185322641, -745.1332191019411, -745.1332191019412, -745.2,
           1023.9999999999999, 1024.0, -1022.5, -1074.0, -1075.0, -1075.0000000000002, 22.0, -22.0, 18.7, 36.7,
           -36.7, -37.5, -40.0, 5.9, 26.5, 27.2, 1.5707963267948966, 3.141592653589793, 1.1754943508222875e-38,
           0.6931471805599453, 0.34657359027997264, 0.7071067811865475, 0.7071067811865476, 1.4142135623730951)
# ranges where arguments are drawn: evenly, or (a third item) evenly in the logarithm, with both signs
SMALL, LARGE = (1e-30, 1.0, "log"), (1.0, 1e300, "log")
ONE = {
    "exp": ((-1, 1), (-708, 709.7), (-745, -708), SMALL),
    "exp2": ((-1, 1), (-1022, 1023.9), (-1075, -1022), SMALL),
    "expm1": ((-1, 1), (0.3, 0.4), (-40, 0), (0, 709.7), SMALL),
    "sinh": ((-1, 1), (0.3, 0.5), (-20, 20), (-710, 710.4), SMALL),
    "cosh": ((-1, 1), (0.3, 0.5), (-20, 20), (-710, 710.4), SMALL),
    "tanh": ((-1, 1), (0.15, 0.25), (-20, 20), SMALL),
    "log": ((0.5, 2), (0.7, 0.72), (1.4, 1.43), (0.99, 1.01), SMALL, LARGE),
    "log2": ((0.5, 2), (0.7, 0.72), (1.4, 1.43), (0.99, 1.01), SMALL, LARGE),
    "log10": ((0.5, 2), (0.7, 0.72), (1.4, 1.43), (0.99, 1.01), SMALL, LARGE),
    "log1p": ((-1, 1), (-0.3, -0.28), (0.4, 0.42), SMALL, LARGE),
    "asinh": ((-1, 1), (0.3, 0.5), (-10, 10), SMALL, LARGE),
    "acosh": ((1, 1.1), (1, 10), (1, 1.000001), LARGE),
    "atanh": ((-1, 1), (0.15, 0.18), (0.99, 1), SMALL),
    "sin": ((-1, 1), (-30, 30), (-1e6, 1e6), (-1e9, 1e9), SMALL, LARGE),
    "cos": ((-1, 1), (-30, 30), (-1e6, 1e6), (-1e9, 1e9), SMALL, LARGE),
    "tan": ((-1, 1), (-30, 30), (-1e6, 1e6), (-1e9, 1e9), SMALL, LARGE),
    "asin": ((-1, 1), (0.45, 0.55), (0.99, 1), SMALL),
    "acos": ((-1, 1), (0.45, 0.55), (-1, -0.99), SMALL),
    "atan": ((-1, 1), (0.4, 0.43), (2.3, 2.5), (-10, 10), SMALL, LARGE),
    "erf": ((-1, 1), (0.9, 1.1), (-6, 6), SMALL),
    "erfc": ((-1, 1), (0.45, 0.6), (-6, 6), (5, 26), (26, 27.2), SMALL),
    "cbrt": ((-1, 1), (1, 8), SMALL, LARGE),
    "sqrt": ((0, 1), (1, 8), SMALL, LARGE),
    "floor": ((-10, 10), LARGE), "ceil": ((-10, 10), LARGE), "rint": ((-10, 10), LARGE), "trunc": ((-10, 10), LARGE),
}
TWO = {
    "pow": (((0, 10), (-3, 3)), ((0.5, 2), (-900, 900)), ((0.99, 1.01), (-50000, 50000)), (LARGE, (-1, 1)),
            (SMALL, (-10, 10))),
    "atan2": (((-1, 1), (-1, 1)), ((0.4, 0.43), (0.99, 1.01)), (LARGE, LARGE), (SMALL, LARGE), (SMALL, SMALL)),
    "hypot": (((-1, 1), (-1, 1)), ((1, 2), (0.5, 2)), (LARGE, LARGE), (SMALL, LARGE), (SMALL, SMALL)),
}
POINTS = 300  # a range
LIBM = {"pow", "log2", "asinh", "acosh", "erf"}  # without fma the block functions call libm, whose errors are its own


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("gcc")
    if not compiler or sys.platform == "win32":
        pytest.skip("no gcc to compile core/mathlib/vecmath.h with")
    if not CORE.exists():
        pytest.skip("the headers are not there: an installed package")
    made = tmp_path_factory.mktemp("vecmath") / "vecmath.so"
    run = subprocess.run(
        [compiler, "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra", "-Werror",
         "-Wno-unused-function", "-fPIC", "-shared", f"-I{CORE}", str(HERE / "vecmath_driver.c"), "-o", str(made),
         "-lm"],
        capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    assert run.returncode == 0, run.stderr
    return ctypes.CDLL(str(made))


def targets(library):
    return [target for bit, target in enumerate(TARGETS) if library.targets() >> bit & 1]


def aligned(values):
    """A copy whose data starts at a multiple of 64 bytes, its length filled up to a multiple of 8."""
    n = -len(values) % 8 + len(values)
    room = np.empty(n + 8)
    start = -room.ctypes.data % 64 // 8
    room[start:start + n] = np.resize(values, n)
    return room[start:start + n]


def run(library, name, target, *arrays):
    inside = [aligned(a) for a in arrays]
    out = aligned(np.zeros(len(arrays[0])))
    pointer = ctypes.POINTER(ctypes.c_double)
    call = getattr(library, f"out_{name}_{target}")
    call(*(a.ctypes.data_as(pointer) for a in (out, *inside)), ctypes.c_long(len(out)))
    return out[:len(arrays[0])]


def draw(rng, low, high, scale="even"):
    if scale == "log":
        return np.exp(rng.uniform(math.log(low), math.log(high), POINTS))*rng.choice([-1.0, 1.0], POINTS)
    return rng.uniform(low, high, POINTS)


# NumPy's names where they are not C's, mpmath's where they are not C's
NUMPY = {"pow": "power", "acosh": "arccosh", "asinh": "arcsinh", "atanh": "arctanh", "asin": "arcsin", "acos": "arccos",
         "atan": "arctan", "atan2": "arctan2"}
MPMATH = {"pow": mpmath.power, "exp2": lambda x: mpmath.power(2, x), "log2": lambda x: mpmath.log(x, 2),
          "cbrt": lambda x: mpmath.sign(x)*mpmath.cbrt(abs(x))}


def special(name, *arguments):
    """C's value where the arguments are no numbers or the function has a pole or a zero."""
    if name in ("erf", "erfc"):
        return NAN if math.isnan(arguments[0]) else getattr(math, name)(*arguments)
    with np.errstate(all="ignore"):
        return float(getattr(np, NUMPY.get(name, name))(*map(np.float64, arguments)))


@functools.cache
def exact(name, *arguments):
    """The function in 200 bits, or None where C's value for special arguments is to be compared instead."""
    if not all(map(math.isfinite, arguments)):
        return None
    if name == "pow" and (arguments[0] == 0 or abs(arguments[1]*math.log2(abs(arguments[0]) or 1)) > 1100):
        return None
    if name in ("exp", "exp2", "expm1", "sinh", "cosh", "tanh", "erf", "erfc") and abs(arguments[0]) > 1100:
        return None
    if name in ("floor", "ceil", "rint", "trunc"):
        return None
    with mpmath.workprec(200 + (1100 if name in ("sin", "cos", "tan") and abs(arguments[0]) > 1e9 else 0)):
        try:
            value = MPMATH.get(name, getattr(mpmath, name, None))(*map(mpmath.mpf, arguments))
        except (ValueError, ZeroDivisionError):
            return None
        return value if isinstance(value, mpmath.mpf) and mpmath.isfinite(value) and value != 0 else None


def ulps(name, got, *arguments):
    want = exact(name, *arguments)
    if want is None:
        want = special(name, *arguments)
        same = math.isnan(got) and math.isnan(want) or got == want and math.copysign(1, got) == math.copysign(1, want)
        return 0.0 if same else INF
    if math.isnan(got):
        return INF
    unit = max(math.frexp(float(abs(want)))[1] if abs(want) < 2**1023 else 1024, -1021) - 53
    if math.isinf(got):  # represents 2^1024, the double after the largest, and all above
        if abs(want) > mpmath.mpf(2)**1024:
            return 0.0 if (got > 0) == (want > 0) else INF
        got = mpmath.ldexp(int(math.copysign(1, got)), 1024)
    with mpmath.workprec(200):
        return float(abs(mpmath.mpf(got) - want)*mpmath.mpf(2)**-unit)


def worst(library, name, *arrays):
    found = (0.0, ())
    for target in targets(library):
        if target == "sse2" and name in LIBM:
            continue
        got = run(library, name, target, *arrays)
        for j, arguments in enumerate(zip(*(a.tolist() for a in arrays), strict=True)):
            error = ulps(name, float(got[j]), *arguments)
            if error > found[0]:
                found = error, (target, *arguments, float(got[j]))
    return found


@pytest.mark.parametrize("name", ONE)
def test_one_argument(library, name):
    rng = np.random.default_rng(1)
    x = np.concatenate([SPECIAL, *(draw(rng, *where) for where in ONE[name])])
    error, at = worst(library, name, x)
    assert error < 2, at


@pytest.mark.parametrize("name", TWO)
def test_two_arguments(library, name):
    rng = np.random.default_rng(2)
    some = np.array(SPECIAL[::2] + (4.0, 5.0, -7.0, 0.25))
    x, y = (g.ravel() for g in np.meshgrid(some, some))
    for first, second in TWO[name]:
        x, y = np.append(x, draw(rng, *first)), np.append(y, draw(rng, *second))
    error, at = worst(library, name, x, y)
    assert error < 2, at


def test_near_multiples_of_half_pi(library):
    """The doubles next to n*pi/2: what is left of them after the reduction is as small as 2^-57."""
    n = np.concatenate([np.arange(1, 400), np.random.default_rng(3).integers(1, 600_000_000, 400)])
    with mpmath.workprec(200):
        x = np.array([float(mpmath.pi/2*int(k)) for k in n])
    for name in ("sin", "cos", "tan"):
        error, at = worst(library, name, x)
        assert error < 2, (name, at)


def test_sincos_is_both(library):
    x = np.concatenate([SPECIAL, np.random.default_rng(4).uniform(-1e7, 1e7, 400)])
    for target in targets(library):
        sine, cosine, inside = aligned(np.zeros(len(x))), aligned(np.zeros(len(x))), aligned(x)
        pointer = ctypes.POINTER(ctypes.c_double)
        getattr(library, f"out_sincos_{target}")(
            *(a.ctypes.data_as(pointer) for a in (sine, cosine, inside)), ctypes.c_long(len(inside)))
        np.testing.assert_array_equal(sine[:len(x)], run(library, "sin", target, x))
        np.testing.assert_array_equal(cosine[:len(x)], run(library, "cos", target, x))


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_in_place_and_alone(library, name):
    """out == x, and a number's result does not depend on its neighbours."""
    x = np.array([*SPECIAL, 0.3, 0.7, 1.1])
    for target in targets(library):
        call = getattr(library, f"out_{name}_{target}")
        pointer = ctypes.POINTER(ctypes.c_double)
        arrays = [x]*(2 if name in TWO else 1)
        want = run(library, name, target, *arrays)
        place = [aligned(a) for a in arrays]
        data = [a.ctypes.data_as(pointer) for a in place]
        call(data[0], *data, ctypes.c_long(len(place[0])))
        np.testing.assert_array_equal(place[0][:len(x)], want)
        for j in range(len(x)):
            np.testing.assert_array_equal(run(library, name, target, *(a[j:j + 1] for a in arrays)), want[j:j + 1])
