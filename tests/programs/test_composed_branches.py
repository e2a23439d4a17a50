"""Derivatives inside of compiled functions whose branches merge, and beside arrays that are filled: as eagerly."""

import math

import numpy as np
import pytest
from merging_support import is_merged, one_program
from programs_support import hexed

import cgrad
from cgrad import Tensor, TraceError, Value

pytestmark = pytest.mark.filterwarnings("ignore:.*does not use its argument:RuntimeWarning")
POINTS = (2.0, 0.5, -1.3)


def number(x):
    return x.data if isinstance(x, Value) else float(x)


def eager(f, x):
    """f and its derivative at a Value."""
    v = Value(x)
    y = f(v)
    return number(y), cgrad.gradients(y, v).wrt(v) if isinstance(y, Value) else 0.0


def as_eagerly(f, points=POINTS):
    """The compiled function, the same as f at Values from each first point on, by each road."""
    for first in range(len(points)):
        p = cgrad.compile(f)
        for x in (*points[first:], *points[:first]):
            want = eager(f, x)
            assert p.value_and_grad(x) == pytest.approx(want, rel=1e-13, nan_ok=True)
            assert p(x) == p.value_and_grad(x)[0] or math.isnan(want[0])
            assert p.jvp(x, v=1.0)[1] == pytest.approx(want[1], rel=1e-13, nan_ok=True)
    xs = np.repeat(points, 5)
    values, slopes = p.map_value_and_grad(xs, exact=True)
    assert hexed(values) == hexed(np.array([p(x) for x in xs]))
    assert hexed(slopes + 0.0) == hexed(np.array([p.grad(x) for x in xs]) + 0.0)
    return p


def steep(f, x, h=1e-5):
    return (f(x + h) - f(x - h))/(2*h)


# ---- functions whose branches merge are differentiated ---------------------------------------------

def early(x):
    if x > 1:
        return x**3
    if x > 0:
        return x*x
    return -x


cube = cgrad.compile(lambda x: x*x*x if x > 0 else cgrad.sin(x))
steps = cgrad.compile(early)
root = cgrad.compile(lambda x: cgrad.sqrt(x) if x > 0 else -x*x)
DIFFERENTIATED = {
    "grad": lambda x: cube.grad(x)*x,
    "hessian": lambda x: cube.hessian(x) + x,
    "early returns": lambda x: steps.grad(x)*steps(x),
    "value_and_grad": lambda x: math.prod(steps.value_and_grad(x)),
    "jvp": lambda x: cube.jvp(x, v=x)[1],
    "of a derivative": lambda x: cgrad.gradients(cube.grad(x)*x, x, create_graph=True).wrt(x),
    "gradients": lambda x: cgrad.gradients(early(x)*x, x, create_graph=True).wrt(x),
}


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_one_path_for_all_sides(name):
    assert is_merged(as_eagerly(DIFFERENTIATED[name]))


def test_the_other_side_does_no_harm():
    p = as_eagerly(lambda x: root.grad(x), (2.0, 0.0, -1.0))
    assert one_program(p) and [p(0.0), p.grad(0.0), p(-3.0)] == [0.0, -2.0, 6.0]
    assert p.grad(2.0) == pytest.approx(steep(root.grad, 2.0), rel=1e-8)


def test_fields_of_arrays():
    p = cgrad.compile(lambda t: (t*t*t).sum() if t[0] > 0 else (t*t).sum())
    q = cgrad.compile(lambda t: p.grad(t)*t)
    for t in (np.array([1.0, 2.0, -0.5]), np.array([-1.0, 0.2, 0.5])):
        np.testing.assert_allclose(q(t), p.grad(t)*t, rtol=1e-15)
        np.testing.assert_allclose(q.jacobian(t), np.diag(p.grad(t)) + p.hessian(t)*t[:, None], rtol=1e-14)
    assert one_program(q)


# ---- derivatives on sides --------------------------------------------------------------------------

def by_gradients(x):
    y = cgrad.exp(x)*x
    if x > 0:
        z = cgrad.gradients(y, x, create_graph=True).wrt(x)
    else:
        z = cgrad.tangents(y*y, [x], create_graph=True)
    return z*y


def asked_on_a_side(x):
    g = cgrad.gradients(x*x if x > 0 else -x*3, x, create_graph=True)
    if x > 1:
        return g.wrt(x)
    return 2*g.wrt(x)*x


def returned(x):
    if x < 0:
        return cube.grad(x)
    return cube.grad(x - 1.0)*cube(x)


def along_numbers(t):
    total = 0.0
    for x in (t, t - 1.0, t*t):
        if x > 0:
            total = total + steps.grad(x)
        else:
            total = total - cube(x)
    return total


ON_SIDES = {
    "calls": lambda x: cube(x - 1.0)*x if x > 0 else steps(x*x),
    "grad": lambda x: cube.grad(x - 1.0)*x if x > 0 else steps.grad(x*x),
    "stop_gradient": lambda x: cgrad.stop_gradient(x)*x if x > 0 else x.detach()*x*x,
    "gradients": by_gradients, "wrt": asked_on_a_side, "a return": returned, "a loop": along_numbers,
}


@pytest.mark.parametrize("name", ON_SIDES)
def test_derivatives_on_sides_merge(name):
    assert is_merged(as_eagerly(ON_SIDES[name]))


def needs_a_guard(x):
    """By rules that choose by the numbers at hand: y depends on the other input."""
    z, y = 0.0, x*x
    if x < 0:
        g = cgrad.gradients(cgrad.where(y > 1, y*y, 3*y), [x, y], create_graph=True)
        z = g.wrt(x)*g.wrt(y)
    return z*x


def needs_a_guard_later(x):
    if x > 0:
        return x
    return needs_a_guard(x)


@pytest.mark.parametrize("f", [needs_a_guard, needs_a_guard_later])
def test_guards_of_a_derivative_end_the_trial(f):
    p = as_eagerly(f, (1.0, -2.0, -0.5))
    assert len(p.programs) == 3 and "guarded" in p.explain()


def test_no_grad_around_a_branch():
    def f(x):
        with cgrad.no_grad():
            y = x*x if x > 0 else -x
            if x > 1:
                y = y + 1
        return y*x

    assert is_merged(as_eagerly(f))


def quietly(x):
    with cgrad.no_grad():
        return x*x


def test_no_grad_on_a_side():
    as_eagerly(lambda x: quietly(x)*x if x > 0 else x)


def test_effects_of_an_inner_function_are_not_repeated():
    seen = []
    noting = cgrad.compile(lambda x: seen.append("noted") or x*x)
    p = cgrad.compile(lambda x: noting.grad(x) if x > 0 else x)
    assert p(-2.0) == -2.0 and not seen
    assert p(2.0) == 4.0 and seen == ["noted"] and len(p.programs) == 2


# ---- rules of users --------------------------------------------------------------------------------

class Square(cgrad.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x*x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        g*g  # what is not returned need not be linear
        return 2*x*g


class Kink(cgrad.Function):
    """Chooses in both directions."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x*x if x > 0 else -x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        if x > 0:
            return 2*x*g
        return -g


class Saving(cgrad.Function):
    """What it saves depends on the side."""

    @staticmethod
    def forward(ctx, x):
        if x > 0:
            ctx.save_for_backward(2*x)
            return x*x
        ctx.save_for_backward(-3.0)
        return -3*x

    @staticmethod
    def backward(ctx, g):
        (slope,) = ctx.saved_tensors
        return slope*g


class Attribute(Square):
    @staticmethod
    def forward(ctx, x):
        ctx.slope = 2*x
        return x*x

    @staticmethod
    def backward(ctx, g):
        return ctx.slope*g


class Root(cgrad.Function):
    """The side that is not taken is infinite at 0."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return cgrad.sqrt(x) if x > 0 else 0.0*x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g/(2*cgrad.sqrt(x)) if x > 0 else 0.0*g


class Bent(cgrad.Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return g if g > 0 else 2*g


@pytest.mark.parametrize("f", [lambda x: Kink.apply(x)*x, lambda x: Square.apply(x)*3 if x > 0 else Kink.apply(x*x - 1)])
def test_rules_merge(f):
    p = as_eagerly(f)
    assert is_merged(p)
    for x in POINTS:
        assert p.grad(x) == pytest.approx(steep(p, x), rel=1e-8)
        assert p.hessian(x) == pytest.approx(steep(p.grad, x), rel=1e-7)


@pytest.mark.parametrize("f", [
    lambda x: Saving.apply(x)*x, lambda x: Saving.apply(x - 1)*x if x > 0 else x,
    lambda x: Attribute.apply(x)*x if x > 0 else x*3])
def test_rules_that_keep_something_on_a_side_are_guarded(f):
    p = as_eagerly(f)
    assert len(p.programs) > 1 and "guarded" in p.explain()
    for x in POINTS:
        assert p.grad(x) == pytest.approx(steep(p, x), rel=1e-8)


def test_a_rule_is_not_asked_on_the_other_side():
    p = cgrad.compile(lambda x: Root.apply(x) + x)
    assert [p.grad(x) for x in (0.0, 4.0, -1.0)] == [1.0, 1.25, 1.0] and one_program(p)


def test_a_rule_that_chooses_by_adjoints():
    with pytest.raises(TraceError, match="Bent: backward is not linear"):
        cgrad.compile(lambda x: Bent.apply(x))(1.0)


# ---- arrays that are filled ------------------------------------------------------------------------

def powers(x, n=3):
    y = cgrad.zeros(n)
    for i in range(n):
        y[i] = x**(i + 1)
    return y


def of_a_filled_array(x):
    y = powers(x)
    s = (y*y).sum() + y[0]*5  # y[0] is the number that was assigned, and no element of what was squared
    return (cgrad.gradients(s, y, create_graph=True).wrt(y)*y).sum()


def filled_on(x):
    y, z = cgrad.zeros(3), x*x
    y[0], y[1], y[2] = z, z, 3.0
    g = cgrad.gradients((y*y).sum() + z, y, create_graph=True)
    y[0] = 1.0
    return (g.wrt(y)*y).sum()


def of_an_element(x):
    y = powers(x, 2)
    return cgrad.gradients(y[0]*y[0]*y[1], [y[1], x], create_graph=True).wrt(y[1])


def with_its_derivative(x):
    y = powers(x, 2)
    y[1] = cgrad.gradients(y, x, seed=np.array([1.0, 2.0]), create_graph=True).wrt(x)
    return cgrad.gradients(y, x, create_graph=True).wrt(x)


def of_a_view(x):
    y = powers(x, 4)
    v = y[1:3]
    return cgrad.gradients((v*v).sum()*y[1], v, create_graph=True).wrt(v).sum()


def of_a_copy(x):
    z = (powers(x, 2)*x).copy()
    z[0] = z[1]*2
    s = (z*z).sum()
    g = cgrad.gradients(s, [z, x], create_graph=True)
    return g.wrt(z).sum() + g.wrt(x)


def by_tangents(x):
    y = powers(x, 2)
    return cgrad.tangents(y, x, create_graph=True).sum() + cgrad.tangents((y*y).sum(), y, create_graph=True)


def filled_quietly(x):
    y = cgrad.zeros(3)
    y[0] = x*x
    with cgrad.no_grad():
        y[1] = x
        y[2:] = [x*3]
        s = y.sum()
    return (y*y).sum()*s + (cgrad.stop_gradient(y)*y).sum()


def on_a_side(x):
    y = powers(x, 2)
    z = cgrad.gradients((y*y).sum()*x, y, create_graph=True).wrt(y).sum() if x < 0 else x
    return z*x


sums = cgrad.compile(lambda x: powers(x).sum())
arrays = cgrad.compile(powers)
norm = cgrad.compile(lambda t: (t*t*t).sum() if t[0] > 0 else (t*t).sum())
FILLED = (of_a_filled_array, filled_on, of_an_element, with_its_derivative, of_a_view, of_a_copy, by_tangents,
          filled_quietly, on_a_side,
          lambda x: sums.grad(x)*arrays(x)[1] + arrays.jacobian(x).sum(),
          lambda x: arrays.vjp(x, v=np.array([1.0, 2.0, 3.0]))[1] if x > 0 else arrays.jvp(x, v=2.0)[1].sum(),
          lambda x: norm.grad(powers(x, 2))[1]*x)


@pytest.mark.parametrize("f", FILLED, ids=lambda f: f.__name__)
def test_arrays_that_are_filled(f):
    assert one_program(as_eagerly(f))


def test_elements_are_shared_by_no_other_array():
    """The function is recorded again, with nodes of their own, whoever catches what says so."""
    def caught(x):
        y = powers(x, 2)
        try:
            return cgrad.gradients((y*y).sum()*x, y, create_graph=True).wrt(y).sum()
        except BaseException:
            return x

    as_eagerly(caught)


def rows(t):
    m = cgrad.stack([t*2, t*t])
    r, q = m[0], m[0]
    g = cgrad.gradients((r*r*q).sum()*m[0].sum(), [r, t], create_graph=True)
    return g.wrt(r).sum() + g.wrt(t).sum()


def masked(t):
    m = t[t > 0]
    return cgrad.gradients((m*m).sum()*t.sum(), m, create_graph=True).wrt(m).sum()


def conditions(t):
    c = (t > 0)*1.0
    return (cgrad.gradients((c*t*t).sum(), t, create_graph=True).wrt(t)*t).sum()


@pytest.mark.parametrize("f", [rows, masked, conditions])
def test_parts_of_arrays(f):
    p = cgrad.compile(f)
    for x in (np.array([1.0, 2.0, -0.5]), np.array([-1.0, 0.2, 0.5])):
        t = Tensor(x, requires_grad=True)
        y = f(t)
        assert p(x) == pytest.approx(y.data, rel=1e-14)
        np.testing.assert_allclose(p.grad(x), cgrad.gradients(y, t).wrt(t), rtol=1e-14, atol=1e-14)
