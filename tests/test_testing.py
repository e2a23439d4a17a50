"""cgrad.testing: finite differences against known derivatives; wrong derivatives are caught."""

import doctest
import math
from itertools import pairwise
from typing import NamedTuple

import autograd
import autograd.numpy as anp
import mpmath
import numpy as np
import pytest

import cgrad
import cgrad.testing
from cgrad import Tensor, Value
from cgrad.testing import check_grads, finite_difference, gradcheck, gradgradcheck


def test_examples():
    assert doctest.testmod(cgrad.testing).failed == 0


# ---- finite differences --------------------------------------------------------------------------

KNOWN = [
    (math.exp, math.exp, 1.5),
    (math.sin, math.cos, 0.3),
    (math.sin, math.cos, 2e5),
    (math.log, lambda x: 1/x, 40.0),
    (lambda x: math.sin(1000*x), lambda x: 1000*math.cos(1000*x), 2.0),
    (lambda x: math.exp(-x*x), lambda x: -2*x*math.exp(-x*x), 0.0),
    (math.lgamma, lambda x: float(mpmath.digamma(x)), 1e-3),
    (lambda x: x**7, lambda x: 7*x**6, -3.0),
    (lambda x: 5.0, lambda x: 0.0, 1.0),
]


@pytest.mark.parametrize(("f", "d", "x"), KNOWN)
def test_difference_of_known_functions(f, d, x):
    assert finite_difference(f, x) == pytest.approx(d(x), rel=1e-9, abs=1e-11)


def test_difference_retreats_into_the_domain():
    def log(x):
        return float("nan") if x <= 0 else math.log(x)

    assert finite_difference(log, 1e-6) == pytest.approx(1e6, rel=1e-9)


def test_difference_where_nothing_is_finite():
    assert math.isnan(finite_difference(lambda x: math.nan, 1.0))
    assert math.isnan(finite_difference(lambda x: 1.0 if x == 0 else math.inf, 0.0))


class Pair(NamedTuple):
    left: float
    right: float


def test_difference_keeps_the_shape_of_its_arguments():
    def f(a, b, c, d):
        assert type(c) is Pair
        return a*b[0]*b[1]["x"] + c.left*c.right + float(np.sum(d*d))

    da, db, dc, dd = finite_difference(f, (2.0, [3.0, {"x": 5.0}], Pair(7.0, 11.0), np.array([[1.0, 2.0]])))
    assert da == pytest.approx(15)
    assert db == [pytest.approx(10), {"x": pytest.approx(6)}]
    assert dc == Pair(pytest.approx(11), pytest.approx(7))
    assert dd.shape == (1, 2)
    assert dd.dtype == np.float64
    assert dd.ravel().tolist() == pytest.approx([2, 4])


def test_difference_agrees_with_autograd():
    def with_autograd(x):
        return anp.sum(anp.tanh(x)*anp.roll(x, 1)) / anp.sqrt(1 + anp.sum(x*x))

    x = np.linspace(-1, 2, 6)
    ours = finite_difference(lambda x: float(with_autograd(x)), (x,))[0]
    assert ours == pytest.approx(autograd.grad(with_autograd)(x), rel=1e-9)


# ---- right derivatives pass ----------------------------------------------------------------------

def rosenbrock(xs):
    return sum((1 - a)**2 + 100*(b - a*a)**2 for a, b in pairwise(xs))


RIGHT = [
    (lambda x: x*x*x, 2.0, 4),
    (lambda x, y: cgrad.sin(x)*y**3 + x/y, (0.5, 2.0), 3),
    (cgrad.log, (1e-6,), 3),
    (lambda x: cgrad.exp(10*x), (3.0,), 3),
    (rosenbrock, ([0.5, -1.0, 2.0, 0.0],), 3),
    (lambda p: p["w"]*p["x"][0] + cgrad.tanh(p["b"]), ({"w": 1.0, "x": (2,), "b": 0.1},), 2),
    (lambda x, w: cgrad.tanh(x @ w), (np.array([1.0, 2.0]), np.array([0.1, -0.2])), 3),
    (lambda x, y: cgrad.dot([x, y], [y, 2.0], x), (0.3, -0.7), 2),
    (lambda x: 3.0, (1.0,), 2),
    (lambda x: x, (1.0,), 2),
    (lambda x: x*1e6 + 1e9, (1.0,), 2),
    (lambda x: cgrad.gradients(x**3, create_graph=True).wrt(x), (2.0,), 2),
    (lambda x: x*x if x > 0 else -x, (np.float64(0.5),), 2),
]


@pytest.mark.parametrize(("f", "args", "order"), RIGHT)
@pytest.mark.parametrize("modes", [("rev", "fwd"), "rev", ["fwd"]])
def test_right_derivatives_pass(f, args, order, modes):
    if modes == ["fwd"] and isinstance(args, tuple) and isinstance(args[0], np.ndarray):
        with pytest.raises(ValueError, match="arrays have no forward sweep"):
            check_grads(f, args, order, modes)
    else:
        assert check_grads(f, args, order, modes) is None


def test_arguments_may_be_values_and_stay_untouched():
    x = Value(0.7, name="x")
    check_grads(cgrad.sin, x)
    check_grads(cgrad.sin, [x])
    assert (x.data, x.grad) == (0.7, 0.0)


def test_closures_over_recorded_values():
    w = Value(2.0)*3.0
    check_grads(lambda x: w*x*x, 0.5)
    assert w.grad == 0.0


def test_current_tape_is_left_alone():
    with cgrad.Tape() as t:
        check_grads(cgrad.sin, 0.5)
        assert cgrad.current_tape() is t
        assert len(t) == 0


# ---- wrong derivatives are caught ----------------------------------------------------------------

def cut_off(x, y):
    """x*y*y, of which cgrad sees x*y."""
    return x*y*y.detach()


def test_detached_factor():
    message = r"^check_grads: cut_off, order 1, rev: d f/d y is 6\.0, finite differences give 12\.0$"
    with pytest.raises(AssertionError, match=message):
        check_grads(cut_off, (2.0, 3.0))
    with pytest.raises(AssertionError, match=r"order 1, fwd: d f/d y is 6\.0, finite differences give 12\.0$"):
        check_grads(cut_off, (2.0, 3.0), modes="fwd")


def taylor(order):
    """x**4 with right derivatives up to an order: the next one is cut off."""
    def f(x):
        c = x.detach()
        h = x - c
        return sum(term*h**k for k, term in list(enumerate((c**4, 4*c**3, 6*c**2, 4*c)))[:order + 1])
    return f


@pytest.mark.parametrize(("order", "symbol", "true"), [(1, r"d\^2 f/d x d x", 48.0), (2, r"d\^3 f/d x d x d x", 48.0)])
@pytest.mark.parametrize("mode", ["rev", "fwd"])
def test_wrong_from_a_higher_order_on(order, symbol, true, mode):
    check_grads(taylor(order), 2.0, order, mode)
    with pytest.raises(AssertionError, match=f"order {order + 1}, {mode}: {symbol} is 0.0, finite .* give {true}"):
        check_grads(taylor(order), 2.0, order + 1, mode)


def test_wrong_mixed_derivative_names_both_arguments():
    def f(w):
        a, b = w["a"], w["b"][1]
        p, q = a.detach(), b.detach()
        return p*q + q*(a - p) + p*(b - q)

    check_grads(f, ({"a": 2.0, "b": [0.0, 5.0]},), order=1)
    with pytest.raises(AssertionError, match=r"d\^2 f/d w\['a'\] d w\['b'\]\[1\] is 0\.0, .* give 1\.0"):
        check_grads(f, ({"a": 2.0, "b": [0.0, 5.0]},))


def test_each_way_of_differentiating_is_checked(monkeypatch):
    """A defect in one sweep shows in its own mode."""
    check_grads(cgrad.sin, 0.5)
    with monkeypatch.context() as patch:
        patch.setattr(cgrad.testing, "tangents", lambda *args, **kw: 1.00001*cgrad.tangents(*args, **kw))
        check_grads(cgrad.sin, 0.5, modes="rev")
        with pytest.raises(AssertionError, match="order 1, fwd"):
            check_grads(cgrad.sin, 0.5)

    class Off:
        def __init__(self, result, factor):
            self.result, self.factor = result, factor

        def wrt(self, xs):
            return [x*self.factor for x in self.result.wrt(xs)]

    def off(recorded):
        return lambda out, ins, create_graph=False: Off(
            cgrad.gradients(out, ins, create_graph=create_graph), 1.00001 if create_graph == recorded else 1.0)

    for recorded, label in ((False, "rev: "), (True, "rev, recorded: ")):
        with monkeypatch.context() as patch:
            patch.setattr(cgrad.testing, "gradients", off(recorded))
            with pytest.raises(AssertionError, match=f"order 1, {label}"):
                check_grads(cgrad.sin, 0.5, order=1)


def test_kink_and_jump():
    with pytest.raises(AssertionError, match=r"is 0\.0, finite differences give 0\.5$"):
        check_grads(cgrad.relu, 0.0)
    with pytest.raises(AssertionError, match="do not settle: f may have a kink or a jump"):
        check_grads(lambda x: cgrad.floor(x)*x, 2.0)
    with pytest.raises(AssertionError, match="is inf, finite differences give nan"):
        check_grads(cgrad.sqrt, 0.0)


def test_tolerances_are_what_they_say():
    def nearly(x):
        return x.detach()*1e-3 + x*(1 - 1e-3)

    check_grads(nearly, 1.0, 1, rtol=0, atol=1.1e-3)
    check_grads(nearly, 1.0, 1, rtol=1.1e-3, atol=0)
    for rtol, atol in ((0.9e-3, 0), (0, 0.9e-3)):
        with pytest.raises(AssertionError):
            check_grads(nearly, 1.0, 1, rtol=rtol, atol=atol)


def test_random_function():
    numbers = iter(range(1000))
    with pytest.raises(AssertionError, match=r"returns 0\.0 and 1\.0 for the same arguments"):
        check_grads(lambda x: x*next(numbers), 1.0)


# ---- PyTorch's names -----------------------------------------------------------------------------

def test_gradcheck():
    assert gradcheck(cut_off, (2.0, 0.0)) is True
    assert gradcheck(cut_off, (2.0, 3.0), raise_exception=False) is False
    with pytest.raises(AssertionError, match=r"^gradcheck: "):
        gradcheck(cut_off, (2.0, 3.0))


def test_gradgradcheck():
    assert gradcheck(taylor(1), (2.0,)) is True
    assert gradgradcheck(taylor(2), (2.0,)) is True
    with pytest.raises(AssertionError, match=r"^gradgradcheck: f, order 2"):
        gradgradcheck(taylor(1), (2.0,), eps=1e-3, atol=1e-5, rtol=1e-3)


# ---- bad input -----------------------------------------------------------------------------------

@pytest.mark.parametrize(("args", "kwargs", "error", "message"), [
    (("a",), {}, TypeError, r"check_grads: x is a str \('a'\), not a real number"),
    (([1.0, None],), {}, TypeError, r"x\[1\] is None"),
    ((1j,), {}, TypeError, r"x is a complex \(1j\)"),
    ((), {}, ValueError, "args holds no number"),
    ((1.0,), {"order": 0}, ValueError, "order is 0"),
    ((1.0,), {"modes": ("reverse",)}, ValueError, "modes is .*'rev', 'fwd'"),
    ((1.0,), {"eps": 0.0}, ValueError, "eps is 0.0"),
    ((-1.0,), {}, ValueError, r"f\(\*args\) is nan"),
])
def test_bad_input(args, kwargs, error, message):
    with pytest.raises(error, match=message):
        check_grads(lambda x=0.0: cgrad.log(x), args, **kwargs)


@pytest.mark.parametrize("result", ["a", None, [1.0], 1j, np.ones(2, complex), np.array(["a", "b"])])
def test_bad_result(result):
    with pytest.raises(TypeError, match=r"check_grads: f\(\*args\) is "):
        check_grads(lambda x: result, 1.0)


# ---- arrays ----------------------------------------------------------------------------------------

def test_arrays_come_as_tensors():
    seen = []

    def f(x, y, z):
        seen.append((type(x), type(y), type(z)))
        return (x*y).sum()*z

    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    check_grads(f, [a, Tensor([0.5, -1.0], requires_grad=True), 2.0], 2)
    assert set(seen) == {(Tensor, Tensor, Value)}
    assert a.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_object_arrays_come_as_arrays_of_values():
    values = np.array([Value(1.0), 2.0], dtype=object)

    def f(x):
        assert type(x) is np.ndarray
        assert type(x[0]) is type(x[1]) is Value
        return x[0]*x[1]*x[1]

    check_grads(f, [values], 3)
    d = finite_difference(lambda x: x[0]*x[1]*x[1], [values])[0]
    assert d.tolist() == pytest.approx([4.0, 4.0])


def test_each_element_of_an_array_is_checked():
    def wrong_at(i, j):
        def f(x):
            mask = np.zeros((2, 2))
            mask[i, j] = 1.0
            return cgrad.sin(x)*(1 - mask) + cgrad.sin(x)*mask + (x.detach() - x)*1e-3*mask
        return f

    x = np.array([[0.1, 0.2], [0.3, 0.4]])
    for i in range(2):
        for j in range(2):
            place = rf"\[{i}, {j}\]"
            with pytest.raises(AssertionError, match=f"order 1, rev: d f{place}/d x{place} is"):
                check_grads(wrong_at(i, j), [x])
    check_grads(cgrad.sin, [x], 2)


def test_a_second_derivative_that_is_cut_off():
    def f(x):
        c = x.detach()
        return c*c + 2*c*(x - c)  # x**2 to first order

    check_grads(f, [np.array([1.0, 2.0])], 1)
    with pytest.raises(AssertionError, match=r"order 2, rev: d\^2 f\[0\]/d x\[0\] d x\[0\] is 0\.0, .* give 2\.0"):
        check_grads(f, [np.array([1.0, 2.0])], 2)


def test_gradcheck_of_arrays():
    x, w = np.array([1.0, 2.0, 0.5]), Tensor([[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]], requires_grad=True)
    assert gradcheck(lambda x, w: cgrad.tanh(w @ x), (x, w))
    assert gradgradcheck(lambda x, w: cgrad.tanh(w @ x), (x, w))
    assert not gradcheck(lambda x: x*x.detach(), [x], raise_exception=False)
    assert w.grad.tolist() == np.zeros((2, 3)).tolist()
    with pytest.raises(ValueError, match="arrays have no forward sweep"):
        check_grads(cgrad.sin, [x], modes="fwd")


def test_finite_differences_of_arrays():
    x = np.array([[0.5, 1.0], [1.5, 2.0]])
    for arg in (x, Tensor(x), Tensor(x, requires_grad=True)):
        d = finite_difference(lambda t: float(np.sum(np.sin(t)*t)), [arg])
        assert type(d) is list
        np.testing.assert_allclose(d[0], np.sin(x) + x*np.cos(x), rtol=1e-9)
    single = finite_difference(lambda t: (cgrad.sin(t)*t).sum(), Tensor(x))
    np.testing.assert_allclose(single, np.sin(x) + x*np.cos(x), rtol=1e-9)
    dx, dy = finite_difference(lambda x, y: (x*y["a"]).sum() + y["b"]**2, [x, {"a": 3.0, "b": 2.0}])
    np.testing.assert_allclose(dx, np.full((2, 2), 3.0), rtol=1e-9)
    assert dy == {"a": pytest.approx(5.0), "b": pytest.approx(4.0)}


def test_float32_is_checked_as_it_is():
    x = np.linspace(0.5, 2.0, 4, dtype=np.float32)
    seen = []

    def f(t):
        seen.append(t.dtype)
        return cgrad.exp(t)*t

    check_grads(f, [x], 1)
    assert set(seen) == {np.dtype(np.float32)}
    with pytest.raises(AssertionError):
        check_grads(lambda t: t*t.detach(), [x], 1)


def test_zero_dimensional_and_empty_arrays():
    check_grads(lambda t: t*t*3.0, [np.array(2.0)], 2)
    check_grads(lambda t, x: (t*x).sum(), [np.zeros((0, 3)), 2.0], 1)
    with pytest.raises(ValueError, match="args holds no number"):
        check_grads(lambda t: t, [np.zeros(0)])


def test_bad_arrays():
    for bad in (np.array(["a"]), np.array([1j]), np.array([1.0, None], dtype=object)):
        with pytest.raises(TypeError, match="not a real number"):
            check_grads(lambda t: t, [bad])
    with pytest.raises(ValueError, match=r"f\(\*args\)\[1\] is nan"):
        check_grads(cgrad.log, [np.array([1.0, -1.0])])
    numbers = iter(range(100))
    with pytest.raises(AssertionError, match="for the same arguments"):
        check_grads(lambda t: t*next(numbers), [np.array([1.0, 2.0])])
