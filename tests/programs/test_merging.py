"""Branches that are merged: both sides of an `if` in one program, with the values and derivatives of the side taken."""

from __future__ import annotations

import copy
import ctypes
import pickle
import re
import shutil
import subprocess
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from merging_support import INF, NAN, ONE, TWO, agree, compiled, eager, gradient, is_merged, one_program, outcome
from programs_support import eager_hessian, eager_jvp, hexed

import cgrad
from cgrad import GuardError, Tensor, Value

# ---- what is merged --------------------------------------------------------------------------------


def if_else(x):
    if x > 0.5:
        y = x*2.0
    else:
        y = x*x
    return y


def if_alone(x):
    y = x + 1.0
    if x < 0:
        y = -x
    return y*y


def elifs(x):
    if x < -1:
        y = 0.0
    elif x < 0:
        y = x + 1.0
    elif x == 0:
        y = 1.0
    elif not x <= 1:
        y = 3.0*x
    else:
        y = 1.0 - x
    return y


def ternary(x):
    return x*3.0 if x >= 1.0 else x - 1.0


def ternaries(x):
    return 0.0 if x < 0 else x*x if x < 1 else 2.0*x - 1.0 if x < 2 else 3.0


def early(x):
    if x > 1:
        return x*2.0
    return x


def early_chain(x):
    if x < 0:
        return -x, 1.0
    if x < 1:
        return x, x*x
    y = x - 1.0
    return y, y*3.0


def early_nested(x):
    if x > 0:
        if x > 1:
            return x
        return x*x
    else:
        return -x


def nested(x):
    y = 1.0
    if x > 0:
        y = 2.0
        if x > 1:
            y = y*x
        else:
            y = y + x
    return y*x


def several_names(x):
    a, b = x, 2.0*x
    if x > 0.7:
        a, b = b, a
        c = a*b
    else:
        c = a - b
    return a + 3.0*b + c


def augmented(x):
    y = x*x
    if x > 0:
        y += x
        y *= 2.0
    else:
        y -= 1.0
    return y


def dicts(x):
    if x > 0:
        r = {"value": x, "rest": [x*2.0, 1.0]}
    else:
        r = {"value": -x, "rest": [0.0, x]}
    return r["value"]*2.0 + r["rest"][0] - r["rest"][1]


def returned_structure(x):
    if x > 0:
        return {"value": x, "rest": (x*2.0, 1.0)}
    return {"value": -x, "rest": (0.0, x)}


def in_a_loop(x):
    total = 0.0
    for k in range(6):
        if x > 0.4*k:
            total = total + x*k
        else:
            total = total - 1.0
    return total


def state_of_a_loop(x):
    alive, low = 1.0, x
    for k in range(5):
        step = x*(0.3*k - 0.5)
        if step < low:
            low = step
        if low < -0.7:
            alive = 0.0
    return alive*low


def named_condition(x):
    c = x > 0
    d = x < 1
    y = x if c else -x
    if c and d:
        y = y*y
    if not c or not d:
        y = y + 1.0
    return y


def walrus(x):
    if (y := x*2.0) > 1:
        z = y - 1.0
    else:
        z = y*y
    return z + y


def clamp(x):
    return min(max(x, 0.0), 1.0)


def comprehension(x):
    return sum([v*v if v > 0 else -v for v in (x, x - 1.0, x + 1.0)])


def generator(x):
    return sum(v*v if v > 0 else -v for v in (x, x - 1.0, x + 1.0))


def helper_of(v):
    if v > 1:
        return v*v
    return v


def calls_a_helper(x):
    return helper_of(x) + helper_of(x*3.0)


def nested_function(x):
    def side(v):
        return v - 1.0 if v > shift else v*2.0

    shift = 0.25
    return side(x) * side(x + 1.0)


def passes_a_condition(x):
    def choose(c, a, b):
        return a if c else b

    return choose(x > 0, x*2.0, x*x)


def only_one_side_binds(x):
    if x > 0:
        y = x*2.0
    if x > 0:
        return y
    return 0.0 - x


def passes_with_pass(x):
    y = x
    if x > 0:
        pass
    else:
        y = 2.0*x
    return y*y


def arrays_in_sides(x):
    if x > 0:
        v = np.array([x, 2.0*x])
    else:
        v = np.array([1.0, x])
    return v[0]*v[1]


def rebinds_an_argument(x):
    if x < 0:
        x = -x
    if x > 1:
        x = 1.0
    return x*3.0


def local_lists(x):
    if x > 0:
        parts = [x, x*x]
    else:
        parts = [1.0, -x]
    a, b = parts
    return a - b


MERGED = [if_else, if_alone, elifs, ternary, ternaries, early, early_nested, nested, several_names, augmented, dicts, in_a_loop, state_of_a_loop,
          named_condition, walrus, clamp, comprehension, generator, calls_a_helper, nested_function, passes_a_condition,
          passes_with_pass, arrays_in_sides, rebinds_an_argument, local_lists]


@pytest.mark.parametrize("f", MERGED, ids=lambda f: f.__name__)
def test_one_program_for_every_outcome(f):
    agree(f, ONE, merged=True)


@pytest.mark.parametrize("f", [early_chain, returned_structure], ids=lambda f: f.__name__)
def test_structures_that_are_returned(f):
    agree(f, ONE, merged=True, slopes=False)


TWO_ARGUMENTS = {
    "and": lambda x, y: x*y if x > 0 and y > 0 else x - y,
    "or": lambda x, y: x*y if x > 0 or y > 0 else x - y,
    "not": lambda x, y: x*y if not x > y else x - y,
    "mixed": lambda x, y: x*y if not (x > 0 and y < 1) or x == y else x - y,
    "three": lambda x, y: x if x > 0 and y > 0 and x > y else y,
    "chained": lambda x, y: x if 0 < x < y else y*2.0,
    "chain of three": lambda x, y: x if 0 <= x <= y != 1 else y*2.0,
    "equal": lambda x, y: x*2.0 if x == y else y*3.0,
    "unequal": lambda x, y: x*2.0 if x != y else y*3.0,
    "max": lambda x, y: max(x, y)*x,
    "min": lambda x, y: min(x, y)*y,
    "max of three": lambda x, y: max(x, y, 0.75),
    "min of a list": lambda x, y: min([x, y, x*y]),
    "max of a generator": lambda x, y: max(v*v - v for v in (x, y, x - y)),
    "max, the first of equals": lambda x, y: max(x*1.0, y*1.0, 1.0),
    "min and max": lambda x, y: max(min(x, y), min(y, 1.0)),
    "condition times a number": lambda x, y: (x > 0)*x + (y < x)*y,
    "sum of conditions": lambda x, y: x*sum([x > 0, y > 0, x > y]),
    "conditions are added": lambda x, y: x*((x > 0) + (y > 0)) + 2.0*(x < y) - (x == y),
    "divided, negated": lambda x, y: y*(x > 0)/2.0 - (-(y > 0))*x,
    "sides that return a condition": lambda x, y: x if ((x > 0) if y > 0 else (x < 0)) else y,
}


@pytest.mark.parametrize("f", TWO_ARGUMENTS.values(), ids=TWO_ARGUMENTS)
def test_conditions_of_two_numbers(f):
    assert one_program(agree(f, TWO))


def test_a_name_that_one_side_binds_alone():
    """It is unbound where the other side ran, so that the branch is a guard."""
    agree(only_one_side_binds, ONE, merged=False)


@pytest.mark.parametrize("f", [
    lambda x, y: np.where((x > 0) & (y > 0), x, y), lambda x, y: np.where((x > 0) | (y > 0), x, y), lambda x, y: np.where((x > 0) ^ (y > 0), x, y),
    lambda x, y: np.where(~(x > y), x, y), lambda x, y: np.where(x > y, x*2.0, y), lambda x, y: np.where(np.logical_and(x > 0, y > 0), x, y),
    lambda x, y: np.where(np.logical_not(x > 0), x, y), lambda x, y: cgrad.where(x > y, x*2.0, y), lambda x, y: cgrad.where((x > 0) & (y < 1), x*y, y)],
    ids=["&", "|", "^", "~", "np.where", "logical_and", "logical_not", "cgrad.where", "cgrad.where of &"])
def test_masks(f):
    """By NumPy's bools: Python's own ~True is -2."""
    p = compiled(f)
    for point in TWO:
        assert hexed(float(p(*point))) == hexed(float(f(*map(np.float64, point)))), point
    assert one_program(p)


@pytest.mark.parametrize("f", [
    lambda v: cgrad.where(v > 0, v*v, -v).sum(), lambda v: np.where(v > 0.5, v, v*v).sum(), lambda v: cgrad.where((v > 0) & (v < 1), v, 2.0*v).sum(),
    lambda v: (v*(v > 0)).sum(), lambda v: sum(x if x > 0 else x*x for x in v)], ids=["where", "np.where", "&", "times", "elements"])
def test_arrays_of_conditions(f):
    p = compiled(f)
    for row in ([1.0, -2.0, 0.5], [-1.0, -1.0, 0.0], [3.0, 0.2, NAN], [0.0, -0.0, 7.0]):
        v = np.array(row)
        t = Tensor(row, requires_grad=True)
        assert hexed(p(v)) == hexed(float(f(v)))
        f(t).backward()
        assert hexed(np.asarray(p.grad(v)) + 0.0) == hexed(np.asarray(t.grad) + 0.0)
    assert one_program(p)


# ---- names that one side binds ---------------------------------------------------------------------

def test_names_that_the_side_taken_does_not_bind():
    def one_side(x):
        if x > 0:
            y = x*2.0
        return y

    def other_side(x):
        if x > 0:
            pass
        else:
            y = x - 1.0
        return y

    def used_under_another_condition(x):
        if x > 0:
            y = x*2.0
        if x > 1:
            return y
        elif x < -1:
            return y + 1.0
        return 0.0

    def in_an_elif(x):
        if x < 0:
            y = 1.0
        elif x > 1:
            z = x
            y = z*2.0
        return y + x

    def augmented_unbound(x):
        if x > 0:
            y = x
        y += 1.0
        return y

    def in_a_helper(x):
        def g(v):
            if v > 0:
                w = v
            return w

        return g(x)*2.0

    for f in (one_side, other_side, used_under_another_condition, in_an_elif, augmented_unbound, in_a_helper):
        assert UnboundLocalError in [outcome(f, point) for point in ONE]
        agree(f, ONE, slopes=False)


def test_a_bound_name_stays_bound():
    def f(x):
        if x > 0:
            y = x*2.0
        try:
            return y
        except UnboundLocalError:
            return -1.0

    agree(f, ONE)


# ---- derivatives -----------------------------------------------------------------------------------

HARMLESS = {
    "sqrt": lambda x, y: cgrad.sqrt(x) + y if x > 0 else x*y,
    "log": lambda x, y: cgrad.log(x)*y if x > 0 else y*y,
    "reciprocal": lambda x, y: y/x if x != 0 else y*3.0,
    "exp": lambda x, y: cgrad.exp(1000.0*x)*y if x <= 0 else x*y,
    "power": lambda x, y: x**y if x > 0 else y,
    "sqrt at its end": lambda x, y: x if x <= 0 else cgrad.sqrt(x)*y,
    "norm": lambda x, y: cgrad.sqrt(x*x + y*y) if x*x + y*y > 0 else x + y,
    "sinc": lambda x, y: cgrad.sin(x)/x*y if abs(x) > 1e-9 else y*(1.0 - x*x/6.0),
    "asin": lambda x, y: cgrad.asin(x)*y if -1 < x < 1 else x*x*y,
    "max": lambda x, y: max(cgrad.sqrt(x) if x > 0 else 0.0*y, y*y),
    "both": lambda x, y: cgrad.log(x) + (cgrad.sqrt(y) if y > 0 else y) if x > 0 else (cgrad.log(-x) if x < 0 else 0.0)*y,
}
SMOOTH = [(-1.5, 0.5), (0.0, 2.0), (0.25, -0.5), (2.0, 1.5), (-0.0, 0.0)]


@pytest.mark.filterwarnings("ignore:.*does not use its argument:RuntimeWarning")
@pytest.mark.parametrize("f", HARMLESS.values(), ids=HARMLESS)
def test_the_side_that_is_not_taken_does_no_harm(f):
    agree(f, SMOOTH)
    p = compiled(f)
    for x, y in SMOOTH:
        p(x, y)
        assert hexed(p.jvp(x, y, v=(0.7, -0.3), argnums=(0, 1))[1] + 0.0) == hexed(eager_jvp(lambda v: f(*v), (x, y), (0.7, -0.3)) + 0.0)
        both = p.hessian(x, y, argnums=(0, 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = eager_hessian(lambda v: f(*v), (x, y))
        np.testing.assert_allclose(np.array(both, dtype=float), np.array(want, dtype=float), rtol=1e-13, atol=1e-300)
    assert is_merged(p)


@pytest.mark.filterwarnings("ignore:.*does not use its argument:RuntimeWarning")
def test_derivatives_in_batches():
    """To the bit those of single calls, nan among the points or not."""
    x, y = np.array(TWO).T
    for f in (*HARMLESS.values(), *TWO_ARGUMENTS.values()):
        p = compiled(f)
        values, slopes = p.map_value_and_grad(x, y, argnums=(0, 1), exact=True)
        single = [gradient(p, point) for point in TWO]
        assert [(hexed(float(v)), hexed([float(a) + 0.0, float(b) + 0.0])) for v, a, b in zip(values, *slopes, strict=True)] == single
        assert one_program(p)
        near = p.map(x, y)
        np.testing.assert_allclose(near, values, rtol=1e-12)


def test_third_derivatives():
    """Of a spline, by two sweeps over the gradient that a compiled function is made of."""
    p = compiled(lambda x: x**4 if x > 0 else -2.0*x**3)
    for x, second in ((1.5, 27.0), (-1.5, 18.0), (0.0, 0.0)):
        assert p.hessian(x) == pytest.approx(second)
        h = 1e-4
        third = (p.hessian(x + h) - p.hessian(x - h))/(2*h)
        assert x == 0 or third == pytest.approx(24.0*x if x > 0 else -12.0, rel=1e-6)
    assert is_merged(p)


# ---- nan and zeros ---------------------------------------------------------------------------------

@pytest.mark.parametrize("f", [
    lambda x, y: 1.0 if x < y else 2.0, lambda x, y: 1.0 if not x < y else 2.0, lambda x, y: 1.0 if x >= y else 2.0, lambda x, y: 1.0 if x == y else 2.0,
    lambda x, y: 1.0 if x != y else 2.0, lambda x, y: 1.0 if x != x else y, lambda x, y: max(x, y), lambda x, y: max(y, x), lambda x, y: min(x, y),
    lambda x, y: min(y, x), lambda x, y: max(x, y, 0.0), lambda x, y: x if x else y, lambda x, y: x or y, lambda x, y: x and y, lambda x, y: y if not x else x],
    ids=str)
def test_nan_and_signed_zeros(f):
    """Python's max and min return the first unless another is larger, whatever its sign; nan is true, zeros are not."""
    special = (NAN, 0.0, -0.0, 1.0, -1.0, INF)
    agree(f, [(x, y) for x in special for y in special], slopes=False)


# ---- sizes -----------------------------------------------------------------------------------------

def test_a_large_side_is_not_merged():
    def f(x, n):
        y = x
        if x > 0:
            for k in range(n):
                y = y*0.999 + k
        else:
            y = -x
        return y

    for n, merged in ((10, True), (5000, False)):
        p = compiled(f, static="n")
        for x in (1.0, -1.0, 2.0):
            assert hexed(p(x, n)) == hexed(f(x, n))
        assert is_merged(p) is merged
        assert len(p.programs) == (1 if merged else 2)


def test_loops_with_a_traced_exit_have_a_path_for_each_count():
    def f(x):
        n = 0.0
        while x > 1:
            x = x/2.0 if x > 8 else x - 1.0
            n = n + 1.0
        return x + n

    points = [(v,) for v in (0.5, 1.0, 1.5, 2.5, 3.5, 8.5, 9.0, 20.0)]
    p = agree(f, points)
    counts = set()
    for (v,) in points:
        n = 0
        while v > 1:
            v, n = (v/2 if v > 8 else v - 1), n + 1
        counts.add(n)
    assert len(p.programs) == len(counts) and p.stats()["merges"] >= 1


def test_an_early_return_in_a_loop():
    def f(x):
        for k in range(5):
            if x < k:
                return x*k
            x = x - 0.25 if x > 2 else x + 0.25
        return x

    agree(f, [(v,) for v in (-1.0, 0.0, 0.3, 1.5, 2.0, 2.8, 4.5, 10.0, NAN)])


def test_many_ifs_are_one_program():
    """2**20 outcomes."""
    def f(x):
        total = 0.0
        for k in range(20):
            v = cgrad.sin(x*(k + 1))
            total = total + (v if v > 0 else v*v)
        return total

    p = compiled(f)
    x = np.linspace(-3.0, 3.0, 2000)
    assert hexed(p.map(x, exact=True)) == hexed(np.array([f(v) for v in x.tolist()]))
    assert one_program(p) and p.stats()["recordings"] == 1


# ---- out of the process ----------------------------------------------------------------------------

@dataclass
class State:
    level: float
    rate: float


def regimes(x, y):
    """Several kinds of merges; a module's function, so that pickles find it."""
    level = max(x, 0.0)
    if y > level and x > -1:
        rate = cgrad.sqrt(y - level)
    elif y == 0:
        rate = 1.0
    else:
        rate = level*y
    return rate*x if x < 2 else rate - y


def test_pickles_and_files(tmp_path):
    p = compiled(regimes)
    want = [outcome(p, point) for point in TWO]
    assert is_merged(p)
    p.save(tmp_path / "regimes.cgrad")
    for q in (pickle.loads(pickle.dumps(p)), copy.copy(p), copy.deepcopy(p), cgrad.load(tmp_path / "regimes.cgrad")):
        assert [outcome(q, point) for point in TWO] == want
        assert [gradient(q, point) for point in TWO] == [eager(regimes, point) for point in TWO]
        assert one_program(q)


def test_a_file_knows_every_outcome(tmp_path):
    """Recorded at one point, loaded, called at the others: no GuardError."""
    p = compiled(regimes)
    p(1.0, 3.0)
    p.save(tmp_path / "regimes.cgrad")
    q = cgrad.load(tmp_path / "regimes.cgrad")
    assert [outcome(q, point) for point in TWO] == [outcome(regimes, point) for point in TWO]
    guarded = compiled(regimes, "guard")
    guarded(1.0, 3.0)
    guarded.save(tmp_path / "regimes.cgrad")
    with pytest.raises(GuardError):
        cgrad.load(tmp_path / "regimes.cgrad")(-2.0, -2.0)


def test_the_option_goes_with_the_function():
    assert [len(outcomes(compiled(regimes, branches)).programs) > 1 for branches in ("merge", "guard")] == [False, True]
    q = pickle.loads(pickle.dumps(compiled(regimes, "guard")))
    assert len(outcomes(q).programs) > 1
    with pytest.raises((TypeError, ValueError), match="branches"):
        compiled(regimes, "both")


def outcomes(p):
    for point in TWO:
        p(*point)
    return p


@pytest.mark.parametrize("backend", ["interpreter", "native"])
def test_backends(backend):
    if backend == "native":
        pytest.importorskip("llvmlite")
    for f in (regimes, *TWO_ARGUMENTS.values()):
        p = compiled(f, backend=backend)
        assert [outcome(p, point) for point in TWO] == [outcome(f, point) for point in TWO]
        assert [gradient(p, point) for point in TWO] == [eager(f, point) for point in TWO]


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_c(tmp_path):
    p = outcomes(compiled(regimes))
    text = p.to_c("f")
    (tmp_path / "f.c").write_text(text)
    subprocess.run(["cc", "-O1", "-fPIC", "-shared", "-o", tmp_path / "f.so", tmp_path / "f.c", "-lm"], check=True)
    library = ctypes.CDLL(str(tmp_path / "f.so"))
    work = np.zeros(int(re.search(r"#define \w+_WORK (\d+)", text)[1]))
    for point in TWO:
        x, y, g = np.array(point), np.zeros(1), np.zeros(2)
        answer = library.f_value_and_grad(*(ctypes.c_void_p(a.ctypes.data) for a in (x, y, g, work)))
        assert answer == 0 and hexed(float(y[0])) == outcome(regimes, point)
        assert hexed(float(g[0]) + 0.0) == eager(regimes, point)[1][0]


def test_checks_by_the_function_itself():
    p = compiled(regimes, check=1)
    assert [outcome(p, point) for point in TWO] == [outcome(regimes, point) for point in TWO]


def test_eager_values_see_nothing_of_it():
    """Compiling leaves the function alone."""
    before = regimes.__code__
    outcomes(compiled(regimes))
    assert regimes.__code__ is before
    assert isinstance(regimes(Value(1.0), Value(3.0)), Value) and regimes(1.0, 3.0) == regimes(1.0, 3.0)


def test_dataclasses_as_arguments():
    def f(s):
        return s.level*2.0 if s.rate > s.level else s.rate*s.rate

    p = compiled(f)
    for x, y in TWO:
        assert hexed(p(State(x, y))) == hexed(f(State(x, y)))
    assert is_merged(p)
    x, y = np.array(TWO).T
    assert hexed(p.map(State(x, y), exact=True)) == hexed(np.array([f(State(*point)) for point in TWO]))
