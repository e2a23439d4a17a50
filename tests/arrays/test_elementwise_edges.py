"""Edges of the elementwise ops on arrays: kinks, zeros of both signs, infinities, nan; no warning, no exception.

The kinks are those of tests/ops/test_edges.py, which checks them against the documentation of the rows; special
numbers are checked against the scalar core.
"""

import itertools
import math
import warnings

import numpy as np
import pytest
import test_edges
from arrays_support import PUBLIC, check_close, names, oracle
from op_support import ROWS, free

import cgrad
from cgrad import Tensor, Value

SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -3.0, math.inf, -math.inf, math.nan, 5e-324, 1.7e308)
BY_NAME = {name: [(point, d) for n, point, d in test_edges.KINKS if n == name] for name, _, _ in test_edges.KINKS}


@pytest.fixture(autouse=True)
def loud():
    """Promise 5: a warning or an exception of NumPy is an error here."""
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        yield


def same(got, expected) -> np.ndarray:
    """Equal, nan equal to nan; the sign of a zero adjoint is left open."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    return (got == expected) | (np.isnan(got) & np.isnan(expected))


def differ(got, expected) -> np.ndarray:
    """Where two results are neither the same nor next to one another."""
    with np.errstate(all="ignore"):
        near = np.isfinite(got) & np.isfinite(expected) & (abs(got - expected) <= 1e-14*abs(expected) + 1e-300)
    return ~(same(got, expected) | near)


def tensors(op, points):
    """The points' coordinates as arrays: Tensors, or a plain number for what has no derivative."""
    columns = np.array(points, float).T
    return [Tensor(c, requires_grad=True) if k in free(op) else float(c[0]) for k, c in enumerate(columns)]


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kinks(name, dtype):
    """All of a row's kinks in one array, among ordinary points."""
    op = ROWS[name]
    middle = tuple((max(lo, -40) + min(hi, 40))/2 for lo, hi in op.domain)
    points = [middle, *(p for p, _ in BY_NAME[name]), middle]
    xs = [Tensor(np.array(c), requires_grad=True, dtype=dtype) for c in zip(*points, strict=True)]
    out = getattr(cgrad, name)(*xs)
    out.backward()
    recorded = cgrad.gradients(out, xs, create_graph=True).wrt(xs)
    for k, x in enumerate(xs):
        expected = np.array([float(d[k]) for _, d in BY_NAME[name]], dtype)
        for got in (x.grad[1:-1], recorded[k].data[1:-1]):
            right = same(got, expected) | (abs(got - expected) <= 2*np.finfo(dtype).eps*abs(expected)) \
                if np.isfinite(expected).all() else same(got, expected)
            assert right.all(), (name, k, got, expected)


@pytest.mark.parametrize("name", test_edges.SMOOTH_ENOUGH)
def test_second_derivatives_at_kinks(name):
    point, expected = test_edges.SMOOTH_ENOUGH[name]
    xs = [Tensor([x, x], requires_grad=True) for x in point]
    d = cgrad.gradients(getattr(cgrad, name)(*xs), xs, create_graph=True).wrt(xs[0])
    found = cgrad.gradients(d, xs).wrt(xs[0])
    assert found.tolist() == [expected, expected]


def test_constant_powers_of_zero_and_negative_numbers():
    """No logarithm: derivatives of t**3 to third order at 0 and below."""
    for c, at_zero, below in ((2, (0, 0, 2, 0), (4, -4, 2, 0)), (3, (0, 0, 0, 6), (-8, 12, -12, 6)),
                              (1, (0, 1, 0, 0), (-2, 1, 0, 0)), (0, (1, 0, 0, 0), (1, 0, 0, 0)),
                              (-1, None, (-0.5, -0.25, -0.25, -0.375)), (4, (0, 0, 0, 0), (16, -32, 48, -48))):
        t = Tensor([0.0, -2.0], requires_grad=True)
        d = t**c
        for n in range(4):
            values = d.data
            if at_zero is not None:
                assert values[0] == at_zero[n], (c, n)
            assert values[1] == below[n], (c, n)
            if n < 3:
                d = cgrad.gradients(d, [t], create_graph=True).wrt(t)


def test_power_is_smooth_in_both_arguments():
    """The mixed partial of x**y at y = 0 is 1/x, from both sides."""
    x, y = Tensor([0.5, 2.0, 10.0], requires_grad=True), Tensor([0.0, 0.0, 0.0], requires_grad=True)
    dx, dy = cgrad.gradients(x**y, [x, y], create_graph=True).wrt([x, y])
    assert cgrad.gradients(dx, [y]).wrt(y).tolist() == [2.0, 0.5, 0.1]
    assert cgrad.gradients(dy, [x]).wrt(x).tolist() == [2.0, 0.5, 0.1]


@pytest.mark.parametrize("op", **names(PUBLIC))
def test_special_numbers_give_what_values_give(op):
    """nan, infinities, zeros of both signs, denormals: value and first derivative of every combination."""
    numbers = SPECIAL if op.arity < 3 else (0.0, -1.0, 2.5, math.inf, math.nan)
    points = list(itertools.product(numbers, repeat=op.arity))
    for k in set(range(op.arity)) - set(free(op)):
        points = [p for p in points if p[k] == 1.0]
    if op.name == "pow":  # NumPy's loop takes a root of -inf and -0.0 at y = 0.5, which pow is not
        points = [p for p in points if not (p[1] == 0.5 and (p[0] == 0 or p[0] == -math.inf))]
    xs = tensors(op, points)
    out = getattr(cgrad, op.name)(*xs)
    expected = oracle(getattr(cgrad, op.name), free(op), [np.array(c) for c in zip(*points, strict=True)])
    finite = np.isfinite(expected.value)
    assert same(out.data[~finite], expected.value[~finite]).all(), [
        (points[i], out.data[i], expected.value[i]) for i in np.flatnonzero(~finite)
        if not same(out.data[i], expected.value[i])][:5]
    check_close(out.data[finite], expected.value[finite], None, 4, np.float64, op.name)
    out.backward()
    for k in free(op):
        bad = differ(xs[k].grad, expected.first[k][0])
        assert not bad.any(), [(points[i], k, xs[k].grad[i], expected.first[k][0][i]) for i in np.flatnonzero(bad)][:5]


@pytest.mark.parametrize("op", **names([op for op in PUBLIC if op.arity < 3]))
def test_recorded_derivatives_of_special_numbers(op):
    """A sweep that records meets the same numbers: the same derivative."""
    points = list(itertools.product(SPECIAL[:-2], repeat=op.arity))
    for k in set(range(op.arity)) - set(free(op)):
        points = [p for p in points if p[k] == 1.0]
    xs = tensors(op, points)
    leaves = [xs[k] for k in free(op)]
    out = getattr(cgrad, op.name)(*xs)
    recorded = cgrad.gradients(out, leaves, create_graph=True).wrt(leaves)
    swept = cgrad.gradients(out, leaves).wrt(leaves)
    for k, (a, b) in enumerate(zip(recorded, swept, strict=True)):
        bad = differ(a.data, b)
        assert not bad.any(), [(op.name, points[i], k, a.data[i], b[i]) for i in np.flatnonzero(bad)][:5]


@pytest.mark.parametrize("op", **names([op for op in PUBLIC if len(free(op)) > 1]))
def test_special_numbers_beside_arrays(op):
    """A plain number or a Value as one operand, an array as the other: both sweeps agree with Values, to second order."""
    numbers = np.array([0.0, -0.0, 1.0, -2.0, 0.5, math.inf, -math.inf, math.nan])
    others = [0.0, -1.0, 2.0, math.inf, math.nan]
    for place in free(op):
        for constant in others:
            for kind in (float, Value):
                t = Tensor(numbers, requires_grad=True)
                args = [t if k == place else kind(constant) for k in range(op.arity)]
                out = getattr(cgrad, op.name)(*args)
                recorded = cgrad.gradients(out, [t], create_graph=True).wrt(t)
                swept = cgrad.gradients(out, [t]).wrt(t)
                again = cgrad.gradients(recorded, [t]).wrt(t)
                with cgrad.Tape():
                    for i, x in enumerate(numbers):
                        v = Value(float(x))
                        y = getattr(cgrad, op.name)(*(v if k == place else kind(constant) for k in range(op.arity)))
                        d = cgrad.gradients(y, [v], create_graph=True).wrt(v)
                        dd = cgrad.gradients(d, [v]).wrt(v)
                        where = op.name, place, constant, float(x), kind.__name__
                        assert not differ(np.array(swept[i]), np.array(d.data)), (where, swept[i], d.data)
                        assert not differ(np.array(recorded.data[i]), np.array(d.data)), (where, recorded.data[i], d.data)
                        assert not differ(np.array(again[i]), np.array(dd)), (where, again[i], dd)


def test_a_branch_not_taken_adds_nothing():
    """where, relu, maximum, clip: an infinite or nan derivative on the other side leaves the gradient finite."""
    x = np.array([0.0, 4.0, -1.0])
    cases = {
        "where": lambda t: cgrad.where(t > 0, cgrad.where(t > 0, t, 1.0).sqrt(), t*2.0),
        "relu": lambda t: cgrad.relu(t)*3.0,
        "maximum": lambda t: cgrad.maximum(t, 1.0)**0.5,
        "clip": lambda t: cgrad.clip(t, 1.0, 9.0).log(),
    }
    expected = {"where": [2.0, 0.25, 2.0], "relu": [0.0, 3.0, 0.0], "maximum": [0.0, 0.25, 0.0], "clip": [0, 0.25, 0]}
    for name, f in cases.items():
        t = Tensor(x, requires_grad=True)
        f(t).backward()
        assert t.grad.tolist() == expected[name], name


def test_a_zero_adjoint_is_multiplied_as_values_multiply_it():
    """0 * inf is nan where the graph asks for the product, on arrays as on scalars; outside the graph nothing is."""
    t = Tensor([0.0, 4.0], requires_grad=True)
    v = Value(0.0)
    (t.sqrt()*0.0).backward()
    (v.sqrt()*0.0).backward()
    assert math.isnan(v.grad)
    assert math.isnan(t.grad[0])
    assert t.grad[1] == 0.0
    t.zero_grad()
    aside = t.sqrt()
    (t*2.0).backward()
    assert t.grad.tolist() == [2.0, 2.0]
    assert aside.data.tolist() == [0.0, 2.0]


def test_where_picks_rows_of_conditions():
    """Conditions may be bool arrays, Tensors, Values, numbers; nan counts as not 0."""
    a, b = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([10.0, 20.0, 30.0], requires_grad=True)
    for condition in (np.array([True, False, True]), Tensor([1.0, 0.0, -2.0]), np.array([1, 0, 1]),
                      np.array([math.nan, -0.0, math.inf])):
        out = cgrad.where(condition, a, b)
        assert out.data.tolist() == [1.0, 20.0, 3.0]
        a.zero_grad(), b.zero_grad()
        out.backward([1.0, 2.0, 3.0])
        assert a.grad.tolist() == [1.0, 0.0, 3.0]
        assert b.grad.tolist() == [0.0, 2.0, 0.0]
    assert cgrad.where(Value(1.0), a, b).data.tolist() == [1.0, 2.0, 3.0]
    assert cgrad.where(0, a, 5.0).data.tolist() == [5.0, 5.0, 5.0]


def test_overflow_of_float32_is_inf():
    t = Tensor(np.float32([1e30, -1e30, 100.0]), requires_grad=True)
    assert (t*t).data.tolist() == [math.inf, math.inf, 10000.0]
    assert cgrad.exp(t).data[0] == math.inf
    (t*t).backward(np.float32([1e30, 1.0, 1.0]))
    assert t.grad.tolist() == [math.inf, float(np.float32(-2e30)), 200.0]


def test_predicates():
    """isnan and its like answer with plain arrays of bools."""
    x = np.array([0.0, -1.0, math.inf, -math.inf, math.nan])
    t = Tensor(x, requires_grad=True)
    for name in ("isnan", "isinf", "isfinite"):
        for got in (getattr(cgrad, name)(t), getattr(t, name)(), getattr(np, name)(t), getattr(cgrad, name)(t*1.0)):
            assert type(got) is np.ndarray
            assert got.dtype == bool
            assert got.tolist() == getattr(np, name)(x).tolist()


def test_division_by_zero_is_ieee():
    t = Tensor([1.0, -2.5, 0.0, math.inf], requires_grad=True)
    for zero in (0.0, Value(0.0), np.zeros(4), Tensor([0.0]*4)):
        assert same((t/zero).data, [math.inf, -math.inf, math.nan, math.inf]).all()
        assert same((t//zero).data, [math.inf, -math.inf, math.nan, math.inf]).all()
        assert np.isnan((t % zero).data).all()
