"""Guards: what a function decides by its numbers is decided anew for others, at borders to the bit."""

from __future__ import annotations

import bisect
import gc
import heapq
import inspect
import math
import operator
import re
import statistics
import tracemalloc
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from programs_support import eager_gradient, guarded, hexed

import cgrad
from cgrad import GuardError, Tensor, Value

INF, NAN = math.inf, math.nan
HERE = __file__
SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 1.0, -1.0, INF, -INF, NAN, 1.7976931348623157e308, 2.0**53]


def around(x):
    """x, and the doubles next to it."""
    return [x, math.nextafter(x, INF), math.nextafter(x, -INF)] if math.isfinite(x) else [x]


def agree(f, points, paths=None, gradient=True):
    """Replays, in two orders, against plain Python on floats, and gradients against eager Values."""
    for order in (points, points[::-1]):
        p = guarded(f, max_paths=1000)
        for _ in range(2):
            for x in order:
                assert hexed(p(*x)) == hexed(f(*x)), x
                if gradient:
                    assert hexed(p.value_and_grad(*x, argnums=tuple(range(len(x))))) == hexed(
                        (lambda value, g: (value, tuple(g)))(*eager_gradient(lambda v: f(*v), x))), x
        if paths is not None:
            assert len(p.programs) == paths
    return p


# ---- comparisons -----------------------------------------------------------------------------------

COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


@pytest.mark.parametrize("border", [0.0, 1.0, -2.5, 5e-324, 1e308, INF, -INF], ids=repr)
@pytest.mark.parametrize("name", COMPARE)
def test_a_border(name, border):
    """At it, next to it, at zeros of either sign, infinities and nan; the number on either side."""
    compare = COMPARE[name]
    points = [(x,) for x in [*around(border), *SPECIAL, -border, 0.5]]
    agree(lambda x: x*2.0 if compare(x, border) else x*x, points)
    agree(lambda x: x*2.0 if compare(border, x) else x*x, points, 2 if not (name in "<" and border == INF) and not (name == ">" and border == -INF) else None)


@pytest.mark.parametrize("name", COMPARE)
def test_two_numbers(name):
    compare = COMPARE[name]
    points = [(x, y) for x in SPECIAL for y in SPECIAL]
    agree(lambda x, y: x + y if compare(x, y) else x*3.0, points, 2)
    agree(lambda x, y: x + y if compare(x*x - y, y - x) else x*3.0, points)
    agree(lambda x, y: x + y if compare(x, x) else x*3.0, points, 1 + (name in ("<=", ">=", "==", "!=")))  # nan


@pytest.mark.parametrize("other", [
    3, -3, 0, True, 2**53 + 1, -(2**53) - 1, 2**60 + 1, 10**400, -10**400, np.float64(3.0), np.float32(0.1), np.int64(3), np.uint8(3), np.bool_(True),
    np.longdouble(3), Fraction(1, 3), Fraction(3), Fraction(10**400), -Fraction(1, 10**400), Decimal("0.1"), Decimal(3), Decimal("Infinity"), Decimal("1e400"), np.array(3.0)], ids=lambda x: type(x).__name__ + str(x)[:12])
@pytest.mark.parametrize("name", COMPARE)
def test_numbers_of_other_kinds(name, other):
    """Python compares floats with them exactly; so do guards, though the border may be no double."""
    compare = COMPARE[name]
    try:
        near = float(other)
    except OverflowError:
        near = INF if other > 0 else -INF
    points = [(x,) for x in [*around(near), *SPECIAL, *(around(math.nextafter(near, 0)) if near else [])]]
    if isinstance(other, Decimal) and name not in ("==", "!="):
        points = [(x,) for (x,) in points if x == x]  # Decimals do not order nan
    exact = Fraction(float(other)) if isinstance(other, np.floating) and math.isfinite(other) else other  # NumPy would round x to float32
    for f, plain in ((lambda x: x*2.0 if compare(x, other) else x*x, lambda x: x*2.0 if compare(x, exact) else x*x),
                     (lambda x: x*2.0 if compare(other, x) else x*x, lambda x: x*2.0 if compare(exact, x) else x*x)):
        p = guarded(f)
        for x, in points + points[::-1]:
            assert hexed(p(x)) == hexed(plain(x)) == hexed(f(Value(x)).data)


def test_equality_with_what_is_no_real_number():
    points = [(x,) for x in SPECIAL]
    for other in (1 + 0j, 1j, complex(NAN, 0.0), None, "1.0", (1.0,), [1.0], object(), Decimal("nan")):
        agree(lambda x: x*2.0 if x == other else x*x, points, gradient=False)
        agree(lambda x: x*2.0 if x != other else x*x, points, gradient=False)
    for other in (1j, None, "1.0", [1.0], object()):
        with pytest.raises(TypeError):
            guarded(lambda x: x < other)(1.0)


def test_truth():
    agree(lambda x: x*2.0 if x else 7.0, [(x,) for x in SPECIAL], 2)
    agree(lambda x, y: (x and y)*2.0 + (x or y) + (0.0 if not x else x), [(x, y) for x in SPECIAL for y in (0.0, 2.0, NAN)])
    agree(lambda x: x if bool(x - 1.0) else 3.0, [(x,) for x in around(1.0)], 2)
    agree(lambda x: 1.0*[x > 0, x < 0].count(True), [(x,) for x in SPECIAL], gradient=False)
    agree(lambda x: x*(x > 1) + 2.0*(x <= 1), [(x,) for x in SPECIAL])  # a bool as a number


def test_chains():
    agree(lambda x, y: x if 0 < x < y <= 2 else y if x == y or not y else x*y, [(x, y) for x in [*SPECIAL, 0.5, 2.0] for y in [*SPECIAL, 1.5, 2.0, math.nextafter(2.0, 3)]])


def test_choices_of_python():
    points = [(x, y) for x in SPECIAL for y in SPECIAL]
    agree(lambda x, y: max(x, y) - 2*min(x, y), points)
    agree(lambda x, y: max([x, y, 1.0], key=abs) + min(x, y, 0.5, key=lambda v: -v), points)
    agree(lambda x, y: abs(x) + abs(y - 1), points, 1)  # an operation
    agree(lambda x, y: max(x, 2) + max((v for v in (x, y) if v > 0), default=-1.0), points)
    agree(lambda x, y: 1.0*any(v > 0 for v in (x, y)) + 2.0*all((x, y, 1.0)) + x, points)
    agree(lambda x, y: x + (1.0 if x in (1.0, y, 3) else 0.0) + [1.0, y, x].index(x) + [x, y, 1.0].count(1.0), [(x, y) for x, y in points if x == x and y == y])


def test_orders_of_python():
    points = [(x, y, z) for x in (1.0, 2.0, 0.0, -0.0, INF) for y in (1.0, 3.0, -0.0) for z in (2.0, 1.0, -INF)]
    agree(lambda *v: sum(w*k for k, w in enumerate(sorted(v)) if w > -INF), points)
    agree(lambda *v: sorted(v, reverse=True)[0] + sorted([(w, k) for k, w in enumerate(v)])[1][1], points)
    agree(lambda *v: heapq.nsmallest(2, v)[1] + bisect.bisect([0.0, 1.0, 2.0], v[0]) + heapq.heappop([min(v), 9.0]), points)
    agree(lambda *v: statistics.median(v)*1.0, points)
    agree(lambda *v: 1.0*((v[0], v[1]) < (v[1], v[2])) + 2.0*([v[0], 1.0] == [v[1], 1.0]) + v[0], points)


def test_loops_of_data_dependent_length():
    def root(a, start):
        x, steps = start, 0
        while abs(x*x - a) > 1e-12*a and steps < 60:
            x = x - (x*x - a)/(2.0*x)
            steps += 1
        return x*(1.0 + 0.0*steps)

    points = [(a, s) for a in (2.0, 1e-6, 1e6, 4.0) for s in (1.0, 2.0, 1000.0)]
    p = agree(root, points)
    for a in (2.0, 3.0, 1e4):
        assert math.isclose(p.grad(a, 1.0), 0.5/math.sqrt(a), rel_tol=1e-9)

    def collatz(x):
        steps = 0.0
        while x > 1:
            x = x/2 if x % 2 == 0 else 3*x + 1
            steps = steps + 1
        return steps + 0.0*x

    agree(collatz, [(float(n),) for n in range(1, 12)], gradient=False)


def test_nested_branches():
    def f(x, y):
        if x > 0:
            if y > x:
                return y*x
            return (x if y == 0 else -x) if y > -1 else x*y
        elif x < 0:
            for k in range(3):
                if y > k:
                    x = x*2.0
                elif y == k:
                    break
            else:
                return x + y
            return x
        return 5.0 if x == 0 else y

    agree(f, [(x, y) for x in SPECIAL for y in [*SPECIAL, 2.0, 3.0]])


def test_predicates():
    points = [(x, y) for x in SPECIAL for y in (1.0, NAN, INF)]
    agree(lambda x, y: y if cgrad.isnan(x) else x if cgrad.isinf(x) else x*y, points)
    agree(lambda x, y: (1.0 if np.isfinite(x) else 2.0)*y + (3.0 if np.isnan(x*y) else 0.0) + (1.0 if np.isinf(x) else 0.0), points)
    p = guarded(lambda t: np.where(np.isnan(t), 0.0, t).sum())
    q = guarded(lambda t: sum(0.0 if x else y for x, y in zip(np.isnan(t), t, strict=True)))
    for t in ([1.0, 2.0], [NAN, 2.0], [NAN, NAN], [1.0, NAN], [5.0, 6.0]):
        assert p(np.array(t)) == q(np.array(t)) == np.nansum(t)
    assert len(p.programs) == 1 and len(q.programs) == 4
    r = guarded(lambda x: math.isnan(x))
    assert r(1.0) is False and r(NAN) is True


# ---- static ----------------------------------------------------------------------------------------

def test_static():
    p = guarded(lambda x, n: sum(x for _ in range(int(cgrad.static(n)))) + 0.0*n)
    assert [p(2.0, n) for n in (3, 0, 5, 3.0, 5)] == [6.0, 0.0, 10.0, 6.0, 10.0]
    assert len(p.programs) == 3 and p.grad(2.0, 4.0) == 4.0


def test_static_is_exact():
    """Zeros of either sign, nan, and doubles next to each other."""
    p = guarded(lambda x: repr(cgrad.static(x)), max_paths=100)
    for _ in range(2):
        for x in [*SPECIAL, *around(0.1)]:
            assert p(x) == repr(x)
    t = guarded(lambda x: repr(cgrad.static(x).tolist()), max_paths=100)
    for _ in range(2):
        for x in ([1.0, 0.0], [1.0, -0.0], [NAN, 0.0], [NAN, NAN], [1.0, NAN]):
            assert t(np.array(x)) == repr(x)
    assert cgrad.static(Value(2.0)) == 2.0 == cgrad.static(2.0) and cgrad.static("a") == "a"
    t = Tensor([1.0])
    cgrad.static(t)[0] = 5.0
    assert t.tolist() == [1.0]


def test_static_of_computed_and_captured_numbers():
    w = Value(1.0)
    p = guarded(lambda x: (cgrad.static(w), cgrad.static(x*x), x))
    for x, y in ((2.0, 1.0), (-2.0, 1.0), (3.0, 1.0), (3.0, 4.0), (2.0, 1.0)):
        w.data = y
        assert p(x) == (y, x*x, x)
    assert len(p.programs) == 3


# ---- arrays ----------------------------------------------------------------------------------------

ARRAYS = [np.array(x) for x in ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 1.0, 0.0], [0.0, -0.0, 0.0], [NAN, 1.0, 2.0], [1.0, NAN, NAN], [INF, -INF, 0.0], [-1.0, -2.0, -3.0], [2.0, 1.0, 2.0])]


def array_agree(f, arrays=ARRAYS, paths=None):
    """Against eager cgrad on Tensors: values, and gradients where the result is a number."""
    for order in (arrays, arrays[::-1]):
        p = guarded(f, max_paths=1000)
        for _ in range(2):
            for x in order:
                t = Tensor(x, requires_grad=True)
                want = f(t)
                found = p(x)
                np.testing.assert_array_equal(found, want.tolist() if isinstance(want, Tensor) else want.item() if isinstance(want, Value) else want)
                if isinstance(want, Value):
                    want.backward()
                    np.testing.assert_allclose(p.grad(x), t.grad, rtol=1e-14)
        if paths is not None:
            assert len(p.programs) == paths


def test_comparisons_of_tensors():
    c = np.array([1.0, 2.0, 0.0])
    for compare in COMPARE.values():
        array_agree(lambda t: (t*compare(t, c)).sum())
        array_agree(lambda t: np.where(compare(c, t), t, 2*t).sum())
        array_agree(lambda t: (t*compare(t, 1)).sum() + (t*compare(t, t[::-1])).sum())
        array_agree(lambda t: t[compare(t, 1.0)].sum())
        array_agree(lambda t: compare(t, t[0]))
    array_agree(lambda t: t.sum() if (t > 0).all() else -t.sum() if (t > 0).any() else t[0], [x for x in ARRAYS if x[0] == x[0]])
    array_agree(lambda t: t.sum() if 1.0 in t else t[0]*2)
    array_agree(lambda t: t.sum() if t[0] else t[1])
    array_agree(lambda t: sum(v*v for v in t if v > 0) + t[0])


def test_functions_that_choose():
    array_agree(lambda t: np.maximum(t, 1.0).sum() + np.minimum(t, t[::-1]).sum(), paths=1)
    array_agree(lambda t: np.clip(t, -1.0, 1.0).sum() + np.abs(t).sum() + cgrad.relu(t).sum(), paths=1)
    array_agree(lambda t: np.where(t, t, 1.0).sum(), paths=1)
    array_agree(lambda t: np.select([t > 1, t < 0], [t*2, t*3], 1.0).sum())
    array_agree(lambda t: np.sort(t)*np.array([1.0, 10.0, 100.0]))
    array_agree(lambda t: np.sort(t)[1]*3 + cgrad.sort(t, axis=None)[0])
    for function in (np.argsort, np.argmax, np.argmin, np.nonzero, np.flatnonzero, np.count_nonzero, np.any, np.all, cgrad.argsort, cgrad.argmax):
        array_agree(lambda t: np.asarray(function(t)))
    array_agree(lambda t: t[np.argmax(t)]*2 + t[int(np.argmin(t))], paths=None)
    array_agree(lambda t: np.take_along_axis(t, np.argsort(t), 0)[0]*2)


@pytest.mark.parametrize("axis, keepdims", [(None, False), (0, False), (1, False), (-1, True), (None, True)])
def test_places_in_matrices(axis, keepdims):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 3, size=(3, 4)).astype(float) for _ in range(4)] + [np.where(rng.random((3, 4)) < 0.3, NAN, rng.normal(size=(3, 4))) for _ in range(3)]
    for function in (np.argmax, np.argmin):
        array_agree(lambda t: function(t, axis, keepdims=keepdims), arrays)
    for function in (np.any, np.all):
        array_agree(lambda t: function(t, axis=axis, keepdims=keepdims), arrays)
    if not keepdims:
        array_agree(lambda t: np.argsort(t, axis), arrays)
        array_agree(lambda t: np.sort(t, axis), arrays)


def test_extremes_share_ties_equally():
    """nan as NumPy has it, no guards; what ties shares alike, as eagerly."""
    p = guarded(lambda t: np.max(t) - 3*np.min(t))
    for x in ARRAYS:
        assert hexed(p(x)) == hexed(float(np.max(x) - 3*np.min(x)))
    assert len(p.programs) == 1 and not p.programs[0].guards
    rng = np.random.default_rng(0)
    for n in (2, 3, 5, 7, 16, 17, 40):
        for f in (np.max, np.min, lambda t: np.linalg.norm(t, INF), lambda t: np.max(t.reshape(1, -1), axis=1)[0]):
            q = guarded(f)
            for x in (rng.integers(0, k, n).astype(float) for k in (2, 2, 3, 3, n, 100)):
                t = Tensor(x, requires_grad=True)
                f(t).backward()
                assert np.allclose(q.grad(x), t.grad, rtol=1e-14, atol=0.0) and q(x) == f(x)
            assert len(q.programs) <= (1 if n <= 16 else 2)
    assert guarded(np.max).grad(np.array([INF, 1.0, INF, INF])) == pytest.approx([1/3, 0.0, 1/3, 1/3], rel=1e-15)
    assert guarded(np.max).hessian(np.full(3, 2.0)).tolist() == np.zeros((3, 3)).tolist()


def test_rows_and_slices_of_traced_arrays():
    """Views of their elements: the same numbers as eagerly, whatever else is done with them."""
    x, parts = np.arange(24.0).reshape(2, 3, 4), (0, -1, slice(1, None), slice(None, None, -1), (1, slice(0, 3, 2)), (0, 1), (slice(None), 2),
                                                  (0, slice(2, 0, -1), 3), (slice(5, 9),), (1, -1))
    for part in parts:
        for f in (lambda t: t[part], lambda t: (t*t)[part].sum() + t[part].sum()):
            want = f(Tensor(x))
            assert hexed(np.asarray(guarded(f)(x), float)) == hexed(np.asarray(want.data, float))
        t = Tensor(x, requires_grad=True)
        (t[part]*t[part]*t[0, 1, 2]).sum().backward()
        assert np.array_equal(guarded(lambda t: (t[part]*t[part]*t[0, 1, 2]).sum()).grad(x), t.grad)

    def rows(t):
        total = 0.0
        for plane in t:
            for row in plane:
                a, *rest, b = row
                total = total + a*b*len(rest) + row[-1]
        first = t[0]
        return total + (first*1.0).shape[1]*first[1][2] + cgrad.concatenate([first[0], [1.0, 2.0]])[1:3].sum()

    assert guarded(rows)(x) == rows(Tensor(x)).data
    assert guarded(rows).grad(x).tolist() == eager_array_gradient(rows, x).tolist()
    for bad in (2, (0, 3), (slice(None), 4)):
        with pytest.raises(IndexError, match="axis|index"):
            guarded(lambda t: t[bad])(x)
    mixed = guarded(lambda y: cgrad.stack([cgrad.stack([y, 1.0]), cgrad.stack([2.0, 3.0])])[1].sum())
    assert mixed(5.0) == 5.0


def eager_array_gradient(f, x):
    t = Tensor(x, requires_grad=True)
    f(t).backward()
    return t.grad


def test_small_arrays_are_sorted_along_one_path():
    """Values and derivatives as eagerly, ties in their order, zeros with their signs."""
    rng = np.random.default_rng(1)
    for shape, axis in (((1,), 0), ((2,), -1), ((7,), None), ((16,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 4), None), ((0,), 0), ((2, 0), 1)):
        p = guarded(lambda t, axis=axis: np.sort(t, axis))
        for k in (2, 3, 1000):
            x = rng.integers(-k, k, shape).astype(float)*rng.choice([0.0, -0.0, 1.0], shape)
            assert hexed(p(x)) == hexed(np.sort(x, axis, kind="stable"))
            t, g = Tensor(x, requires_grad=True), rng.normal(size=p(x).shape)
            if x.size:
                (np.sort(t, axis)*g).sum().backward()
                assert np.array_equal(guarded(lambda t, axis=axis, g=g: (np.sort(t, axis)*g).sum()).grad(x), t.grad)
        assert len(p.programs) == 1
    points = rng.normal(size=(200, 6))
    p = guarded(np.sort)
    assert np.array_equal(p.map(points), np.sort(points)) and len(p.programs) == 1
    assert hexed(p(np.array([2.0, NAN, 1.0, NAN, -INF, INF]))) == hexed(np.array([-INF, 1.0, 2.0, INF, NAN, NAN])) and len(p.programs) == 2
    assert np.array_equal(guarded(np.sort)(points[:3].ravel()), np.sort(points[:3].ravel()))  # too many: by guards


def test_kinks_of_reductions():
    """Where rules define derivatives: 0 for std of equal numbers and norms of zeros."""
    for f in (np.std, np.linalg.norm, lambda t: np.linalg.norm(t, 3), lambda t: np.linalg.norm(t, 1), lambda t: np.linalg.norm(t, 1.5), np.prod, np.var):
        array_agree(f, [np.zeros(3), np.ones(3), np.array([0.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0])], paths=1)
    array_agree(cgrad.logsumexp, [np.zeros(3), np.array([INF, 1.0, 2.0]), np.array([-INF, 1.0, INF]), np.array([800.0, -800.0, 1.0])])
    array_agree(lambda t: cgrad.softmax(t)[0] + cgrad.log_softmax(t)[1], [np.zeros(3), np.array([800.0, -800.0, 1.0]), np.array([1.0, 2.0, -1e300])])


def test_comparisons_of_arrays_of_objects():
    def f(x, y, z):
        a = np.array([x, y, z])
        return np.sort(a)[0] + 2*a.max() - 3*np.min(a) + a[np.argsort(a)[1]] + np.where(a > 1, 1.0, 2.0).sum() + (a == a[::-1]).sum() + a[a >= 1].sum() + np.maximum(a, 1.0)[0]

    agree(f, [(x, y, z) for x in (1.0, 2.0, 3.0) for y in (1.0, 2.5, -INF) for z in (0.0, 1.0, 4.0)])


EXTREMA = {
    "max": np.max, "min": np.min, "ptp": np.ptp, "reduce": np.maximum.reduce, "accumulate": lambda a: np.minimum.accumulate(a).sum(),
    "method": lambda a: np.asarray(a).max(), "axis": lambda a: np.min(np.asarray(a).reshape(3, 1), axis=0).sum(),
    "a number": lambda a: np.maximum(a, 1.0).sum(), "on the left": lambda a: np.minimum(1, a).sum(), "float32": lambda a: np.maximum(a, np.float32(1.0)).sum(),
    "two": lambda a: np.maximum(a, a[::-1]).sum(), "floats": lambda a: np.minimum(np.array([NAN, 1.0, 2.0]), a).sum(),
    "floats on the left": lambda a: np.maximum(np.array([0.5, NAN, 2.0]), a)[0], "clip": lambda a: np.clip(np.asarray(a), 0.5, 1.0).sum(),
    "norm": lambda a: np.linalg.norm(a, INF),
}


@pytest.mark.parametrize("name", EXTREMA)
def test_nan_keeps_its_way_through_extrema_of_objects(name):
    """Over arrays of Values as over floats: eagerly, recorded at it, and met by a path that was recorded elsewhere."""
    f = EXTREMA[name]
    with np.errstate(invalid="ignore"):
        points = [(x, y, z) for x in (NAN, 0.0, 2.0) for y in (NAN, 0.25, 3.0) for z in (NAN, 1.5)]
        for x in points:
            eager = f(np.array([Value(v) for v in x]))
            assert hexed(float(getattr(eager, "data", eager))) == hexed(float(f(np.array(x)))), x
        for order in (points, points[::-1]):
            p = guarded(lambda x, y, z: f(np.array([x, y, z])))
            for x in order:
                assert hexed(p(*x)) == hexed(float(f(np.array(x)))), x


def test_nan_in_lists_and_scalars_of_objects():
    assert math.isnan(np.max([Value(NAN), Value(1.0)]).data) and math.isnan(np.min([Value(NAN), 1.0]).data)
    largest = np.maximum  # by another name
    assert math.isnan(largest(np.array([Value(NAN)]), 0.5)[0].data)
    assert math.isnan(list(map(np.maximum, [np.array([Value(NAN)])], [0.5]))[0][0].data)
    assert math.isnan(getattr(np, "maximum")(np.array([Value(NAN)]), 0.5)[0].data)  # noqa: B009


def test_other_comparisons_with_nan_are_those_of_floats():
    """Python's own max and the comparisons, also beside a call of NumPy's."""
    v = np.array([Value(NAN), Value(1.0)])
    assert max(*v) is v[0] and max(v[1], v[0]) is v[1] and min(*v) is v[0]
    for x, y in ((v[0], v[1]), (v[0], 1.0), (v[0], 1), (1.0, v[0]), (v[0], v[0])):
        assert not (x >= y or x <= y or x > y or x < y or operator.ge(x, y) or operator.le(x, y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy warns of none over floats
        assert np.greater_equal(np.maximum(v, 0.5), 0.5).tolist() == [False, True]
        assert np.less_equal(np.minimum(v, 0.5), 0.5).tolist() == [False, True] and (np.maximum(v, 0.5) >= 0.5).tolist() == [False, True]
    p = guarded(lambda x: 1.0 if operator.ge(x, np.maximum(0.5, 0.25)) else 0.0)
    assert [p(x) for x in (1.0, NAN, 0.25)] == [1.0, 0.0, 0.0] and len(p.programs) == 2


def test_an_extremum_with_a_number_takes_one_guard():
    p = guarded(lambda x: np.maximum(np.array([x]), 0.5)[0])
    assert [hexed(p(x)) for x in (1.0, 0.25, NAN)] == [hexed(x) for x in (1.0, 0.5, NAN)]
    assert [len(program.guards) for program in p.programs] == [1, 1]


# ---- captured ------------------------------------------------------------------------------------

def test_guards_of_captured_numbers():
    w, t = Value(1.0), Tensor([1.0, 2.0])
    p = guarded(lambda x: x*2 if w > x else x*x if (t > 1).all() else -x)

    def want(x):
        return x*2 if w.data > x else x*x if (t.data > 1).all() else -x

    for w.data, t.data in ((1.0, np.array([1.0, 2.0])), (5.0, np.array([1.0, 2.0])), (1.0, np.array([2.0, 2.0])), (NAN, np.array([NAN, 2.0])), (1.0, np.array([1.5, 3.0]))):
        for x in (0.5, 1.0, 3.0):
            for _ in range(2):
                assert p(x) == want(x)
    assert w.data == 1.0


def test_guards_of_constants_are_none():
    p = guarded(lambda x: x if Value(1.0).data > 0 and Value(3.0)*2 > 1 else -x)
    with pytest.raises(cgrad.TraceError):
        p(1.0)
    y = Value(2.0)*3  # has a history, and never changes
    q = guarded(lambda x: x if y > 1 else -x)
    assert q(1.0) == 1.0 and not q.programs[0].guards


# ---- which paths are kept, and why -------------------------------------------------------------------

def test_explain_names_lines_and_outcomes():
    def f(x, y):
        if x > 1:  # first
            x = x*2
        for _ in range(3):
            if y < x:  # second
                y = y + 1
        return max(x, y)  # third

    first, second, third = (f.__code__.co_firstlineno + inspect.getsource(f).split("\n").index(line)
                            for line in inspect.getsource(f).split("\n") if "# first" in line or "# second" in line or "# third" in line)
    p = guarded(f)
    p(2.0, 0.0), p(0.0, 5.0)
    text = p.explain()
    name = "test_explain_names_lines_and_outcomes.<locals>.f"
    assert f"{HERE}:{first} in {name}: if x > 1:  # first (true)" in text and f"{HERE}:{first} in {name}: if x > 1:  # first (false)" in text
    assert f"{HERE}:{second} in {name}: if y < x:  # second (true, 3 times)" in text and "if y < x:  # second (false)" in text
    assert f"{HERE}:{third} in {name}: return max(x, y)  # third" in text
    assert "path 2: recorded for the first call; used 1 times" in text and re.search(r"path 1: recorded for another outcome of .*# first; used 1 times", text)
    assert "2 paths (at most 64 are kept)" in text and "operations recorded" in text and re.search(r"value: \d+ instructions, \d+ slots", text)
    with pytest.raises(GuardError, match=rf"recorded where {HERE}:{first} in {name}: if x > 1:  # first had another outcome"):
        p.programs[0](2.0, 0.0)


def test_guards_in_libraries_name_the_user_s_line():
    p = guarded(lambda t: np.sort(t)[0] + np.argmax(t) + (1.0 if np.any(t) else 0.0) + sorted(t)[0])
    p(np.array([2.0, 1.0]))
    lines = {guard.line for guard in p.programs[0].guards}
    assert {(file, function) for file, _, function in lines} == {(HERE, "test_guards_in_libraries_name_the_user_s_line.<locals>.<lambda>")}


def test_path_of_a_thousand_guards_is_told_in_a_few_lines():
    p = guarded(lambda x: sum(1.0 for k in range(1000) if x > k)*x)
    assert p(500.5) == 501*500.5 and p(10.5) == 11*10.5
    assert len(p.programs[0].guards) == 1000 and len(p.explain().split("\n")) < 30


def test_least_recently_used_paths_go():
    p = guarded(lambda x: x + cgrad.static(x), max_paths=3)
    for x in (1.0, 2.0, 3.0):
        assert p(x) == 2*x
    assert p(1.0) == 2.0
    assert [q(x) for q, x in zip(p.programs, (1.0, 3.0, 2.0), strict=True)] == [2.0, 6.0, 4.0]  # the one used last first
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(30):
            for x in (1.0, 3.0, 4.0):  # 2.0 is not wanted any more
                assert p(x) == 2*x and p.value_and_grad(x) == (2*x, 1.0)
    assert len(seen) <= 1
    assert len(p.programs) == 3 and sorted(program.outcomes[0][1] for program in p.programs) == [1.0, 3.0, 4.0]
    assert p(2.0) == 4.0


@pytest.mark.slow  # thousands of recordings; test_batch_paths.py has the limit with few paths
def test_beyond_the_most_paths():
    """10^4 paths: right results, bounded memory, one warning, at the line of the call."""
    p = guarded(lambda x: x*cgrad.static(x) + (1.0 if x > 0 else 2.0), backend="interpreter", max_paths=20)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for k in range(500):
            assert p(float(k)) == k*k + (1.0 if k > 0 else 2.0)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for k in range(10_000):
            assert p(float(k)) == k*k + (1.0 if k > 0 else 2.0)
            if k % 100 == 0:
                assert p.grad(float(k)) == k and p.value_and_grad(-1.0 - k) == ((1.0 + k)**2 + 2.0, -1.0 - k)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        values, gradients = p.map_value_and_grad(np.arange(-100.0, 100.0))
    assert grown < 200_000
    assert len(p.programs) == 20
    (warning,) = seen
    assert issubclass(warning.category, RuntimeWarning) and "17 paths are recorded" in str(warning.message) and "max_paths" in str(warning.message)
    assert warning.filename == HERE
    np.testing.assert_array_equal(values, [k*k + (1.0 if k > 0 else 2.0) for k in range(-100, 100)])
    np.testing.assert_array_equal(gradients, np.arange(-100.0, 100.0))


def test_a_path_is_recorded_once():
    calls = []

    def f(x, y):
        calls.append((x, y))
        return x*y if x > y else y if x == y else -x

    p = guarded(f)
    rng = np.random.default_rng(3)
    for x, y in rng.integers(-3, 4, size=(300, 2)).tolist():
        assert p(x, y) == (x*y if x > y else y if x == y else -x)
        p.grad(x, y), p.jacobian(x, y, argnums=(0, 1)), p.jvp(x, y, v=1.0)
    assert len(calls) == 3 == len(p.programs)


def test_numbers_that_are_not_the_arguments_do_otherwise():
    """A counter in the function is no argument: at best this is seen at once."""
    count = [0]

    @guarded
    def f(x):
        count[0] += 1
        return x*2 if x > count[0] else x

    assert f(5.0) == 10.0
    p = guarded(lambda x: x if cgrad.static(x) > 0 else -x)
    assert p(2.0) == 2.0


def test_guards_of_recorded_derivatives():
    """A choice inside of a partial that is recorded by gradients(create_graph=True)."""
    def f(x):
        g = cgrad.gradients(cgrad.relu(x)*x + abs(x) + cgrad.maximum(x, 1.0), x, create_graph=True).wrt(x)
        return g*x

    for order in (1, -1):
        p = guarded(f)
        for x in (2.0, -1.0, 0.0, -0.0, 1.0, 0.5, math.nextafter(1.0, 2.0), -3.0, 2.0)[::order]:
            value, (gradient,) = eager_gradient(lambda v: f(*v), [x])
            assert hexed(p.value_and_grad(x)) == hexed((value, gradient)) and hexed(p(x)) == hexed(value)


# ---- whole numbers that say how often, or which ------------------------------------------------------

TABLE = [1.0, 10.0, 100.0, 1000.0]


def repeated(x, n):
    product = 1.0
    for _ in range(n):
        product = product*x
    return product


@pytest.mark.parametrize("f", [
    repeated, lambda x, n: TABLE[n]*x, lambda x, n: sum([x]*n), lambda x, n: sum(n*[x]) + x, lambda x, n: sum((x, x)*n),
    lambda x, n: len("ab"*n)*x, lambda x, n: np.zeros(n).sum() + x, lambda x, n: np.arange(5.0)[n]*x,
    lambda x, n: sum(TABLE[:n])*x, lambda x, n: np.linspace(0.0, 1.0, n)[-1]*x, lambda x, n: x*x if n in range(2) else x,
    lambda x, n: [x*k for k in range(n)][-1], lambda x, n: math.comb(5, n)*x, lambda x, n: repeated(x, n)*n,
])
def test_whole_numbers_are_guarded_by_equality(f):
    p = guarded(f)
    for n in (3, 2, 3, 1, 2):
        assert p(2.0, n) == f(2.0, n)
        assert p.grad(2.0, n) == pytest.approx((f(2.0 + 1e-6, n) - f(2.0 - 1e-6, n))/2e-6, rel=1e-6)
    assert len(p.programs) <= 3
    assert p.map(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])).tolist() == [f(1.0, 1), f(2.0, 3), f(3.0, 2)]


def test_other_numbers_are_no_index():
    p = guarded(lambda x: TABLE[x])
    for bad in (1.5, math.nan, math.inf):
        with pytest.raises(TypeError, match=f"index: 'x' is {bad!r} in this call, and a whole number is wanted"):
            p(bad)
    assert p(2) == 100.0 and p(-1.0) == 1000.0
    for do in (lambda v: range(v), lambda v: TABLE[v], lambda v: np.zeros(3)[v], lambda v: [0]*v):
        with pytest.raises((TypeError, IndexError)):
            do(cgrad.Value(2.0))


def test_a_path_that_is_not_kept_has_careful_derivatives_too():
    """Where the fast ones are nan: it is recorded once for a call, and answers."""
    p = guarded(lambda x: x*x if x > 4 else cgrad.where(x > 0, cgrad.sqrt(x), 2.0*x), max_paths=1)
    assert p(5.0) == 25.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # many paths
        assert p.value_and_grad(0.0) == (0.0, 2.0) and p.grad(5.0) == 10.0 and p.jvp(0.0, v=1.0) == (0.0, 2.0)
        assert p.map_value_and_grad(np.array([5.0, 0.0, 1.0]))[1].tolist() == [10.0, 2.0, 0.5]
    assert len(p.programs) == 1
