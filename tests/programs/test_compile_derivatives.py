"""Derivatives of compiled functions: against eager cgrad to the bit, against scipy, mpmath and differences."""

from __future__ import annotations

import math
import warnings

import mpmath
import numpy as np
import pytest
import scipy.optimize
from programs_support import eager_gradient, eager_hessian, eager_hvp, eager_jvp, guarded, hexed

import cgrad
from cgrad import Tensor, Value

a, b = Value(0.7, name="a"), Value(-1.3, name="b")


def rosenbrock(x):
    return sum(100.0*(x[i + 1] - x[i]**2)**2 + (1 - x[i])**2 for i in range(len(x) - 1))


def recurrence(x):
    y, z = x
    for _ in range(20):
        y = cgrad.sin(y)*0.9 + z*0.1
        z = z*0.5 + cgrad.exp(-y*y)
    return y*z


def branches(x):
    y, z = x
    while y < 10:
        y = y*1.5 + (z if z > 0 else 1.0)
    return max(y, z)*min(y, z) + abs(z)


def everything(x):
    y, z = x
    return (y**3 + 2.0**z + cgrad.tanh(y/z) - cgrad.log1p(y*y) + cgrad.sqrt(y*y + 1) + cgrad.atan2(y, z) + cgrad.erf(z) + cgrad.hypot(y, z) + cgrad.logaddexp(y, z)
            + cgrad.maximum(y, z)*cgrad.where(y > z, y, z) + y % 0.7 + cgrad.softplus(z) + cgrad.lgamma(y*y + 0.5) + cgrad.fma(y, z, 1.0) + cgrad.clip(y, -1, 1)*cgrad.sigmoid(z))


def captured(x):
    return a*x[0]*x[0] + b*x[1] + cgrad.exp(a*b*x[0])


def dotted(x):
    return cgrad.dot([x[0], x[1], 2.0], [x[1], x[0], x[0]], x[1])*cgrad.dot([x[0]]*3, [1.0, 2.0, 3.0])


def shared(x):
    y = x[0]*x[1]
    return y*y + y + x[0]*y - (-y)*(-x[1]) + y/1.0 + y*1.0 + 0.0*y


FUNCTIONS = {f.__name__: f for f in (rosenbrock, recurrence, branches, everything, captured, dotted, shared)}
POINTS = [[1.2, 0.8], [-0.5, 1.5], [0.3, -0.7], [2.0, 2.0], [1.0, -0.0]]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_derivatives_to_the_bit(name):
    f = FUNCTIONS[name]
    p = cgrad.compile(f)
    for _ in range(2):
        for x in POINTS:
            value, gradient = eager_gradient(f, x)
            assert hexed(p(x)) == hexed(value)
            assert hexed(p.value_and_grad(x)) == hexed((value, gradient)) and hexed(p.grad(x)) == hexed(gradient)
            assert hexed(p.vjp(x, v=1.0)) == hexed((value, gradient))
            row = p.jacobian(x)
            np.testing.assert_allclose(row, gradient, rtol=1e-13)
            for v in ([1.0, 0.0], [0.3, -2.0]):
                assert hexed(p.jvp(x, v=v)) == hexed((value, eager_jvp(f, x, v)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives(name):
    f = FUNCTIONS[name]
    p = cgrad.compile(f)
    for x in POINTS[:3]:
        np.testing.assert_allclose(p.hessian(x), eager_hessian(f, x), rtol=1e-11, atol=1e-12)
        for v in ([1.0, 0.0], [0.3, -2.0]):
            np.testing.assert_allclose(p.hvp(x, v=v), eager_hvp(f, x, v), rtol=1e-11, atol=1e-12)


def test_derivatives_of_derivatives_recorded_inside():
    """gradients(create_graph=True) in the function, and derivatives of that."""
    def inner(x):
        y, z = x
        value = y**3*z + cgrad.sin(y*z)
        g = cgrad.gradients(value, [y, z], create_graph=True)
        return g.wrt(y)*g.wrt(z)

    def exact(y, z):  # d/dy * d/dz
        gy, gz = 3*y**2*z + z*math.cos(y*z), y**3 + y*math.cos(y*z)
        return gy*gz

    p = cgrad.compile(inner)
    for x in POINTS[:3]:
        assert math.isclose(p(x), exact(*x), rel_tol=1e-13)
        value, gradient = eager_gradient(inner, x)
        assert hexed(p.value_and_grad(x)) == hexed((value, gradient))
        h = 1e-6
        for k in range(2):
            step = [h if i == k else 0.0 for i in range(2)]
            difference = (exact(x[0] + step[0], x[1] + step[1]) - exact(x[0] - step[0], x[1] - step[1]))/(2*h)
            assert math.isclose(p.grad(x)[k], difference, rel_tol=1e-6, abs_tol=1e-7)
    assert len(p.programs) == 1


def test_against_scipy():
    p = cgrad.compile(rosenbrock)
    x = np.array([-1.2, 1.0, 0.5, 2.0, 0.0])
    assert math.isclose(p(x), scipy.optimize.rosen(x), rel_tol=1e-14)
    np.testing.assert_allclose(p.grad(x), scipy.optimize.rosen_der(x), rtol=1e-13)
    np.testing.assert_allclose(p.hessian(x), scipy.optimize.rosen_hess(x), rtol=1e-13, atol=1e-12)
    v = np.array([1.0, -2.0, 0.5, 3.0, 0.1])
    np.testing.assert_allclose(p.hvp(x, v=v), scipy.optimize.rosen_hess_prod(x, v), rtol=1e-12)
    for start in (x, np.zeros(5)):
        found = scipy.optimize.minimize(p, start, jac=p.grad, hess=p.hessian, method="trust-exact", options={"gtol": 1e-10})
        np.testing.assert_allclose(scipy.optimize.rosen_der(found.x), np.zeros(5), atol=1e-6)
    assert len(p.programs) == 1


def test_against_mpmath():
    p = cgrad.compile(lambda x, y: cgrad.exp(cgrad.sin(x)*y)/(1 + cgrad.erf(x*y)**2) + cgrad.lgamma(2 + x*x))

    def exact(x, y):
        return mpmath.exp(mpmath.sin(x)*y)/(1 + mpmath.erf(x*y)**2) + mpmath.loggamma(2 + x*x)

    with mpmath.workdps(40):
        for x, y in ((0.3, 1.7), (-2.0, 0.4)):
            value, (dx, dy) = p.value_and_grad(x, y, argnums=(0, 1))
            assert abs(value - exact(mpmath.mpf(x), mpmath.mpf(y))) < 1e-14
            assert abs(dx - mpmath.diff(exact, (x, y), (1, 0))) < 1e-13 and abs(dy - mpmath.diff(exact, (x, y), (0, 1))) < 1e-13
            hessian = p.hessian(x, y, argnums=(0, 1))
            for i in range(2):
                for j in range(2):
                    assert abs(hessian[i][j] - mpmath.diff(exact, (x, y), (int(i == 0) + int(j == 0), int(i == 1) + int(j == 1)))) < 1e-11


def test_by_differences():
    rng = np.random.default_rng(1)
    w, c = rng.normal(size=(4, 3)), rng.normal(size=4)

    def f(x):
        y = np.tanh(w @ x + c)
        return (y*y).sum()/(1 + np.exp(-y[0])) + np.linalg.norm(x) + np.log(np.exp(x).sum()) + np.max(x)*np.min(x) + np.std(x)

    p = cgrad.compile(f)
    x = np.array([0.3, -0.7, 1.1])
    value, gradient = p.value_and_grad(x)
    assert math.isclose(value, f(x), rel_tol=1e-14)
    for k in range(3):
        h = np.zeros(3)
        h[k] = 1e-6
        assert math.isclose(gradient[k], (f(x + h) - f(x - h))/2e-6, rel_tol=1e-7)
        np.testing.assert_allclose(p.hessian(x)[k], (p.grad(x + h) - p.grad(x - h))/2e-6, rtol=1e-6, atol=1e-7)


# ---- argnums -------------------------------------------------------------------------------------

def test_argnums():
    p = cgrad.compile(lambda x, y, z: x*y*y*z*z*z)
    gradient = [27*16.0, 2*2*4*27.0, 2*16*27.0]  # at 2, 4, 3
    assert p.grad(2.0, 4.0, 3.0) == gradient[0]
    for _ in range(2):
        for k in range(3):
            assert p.grad(2.0, 4.0, 3.0, argnums=k) == p.grad(2.0, 4.0, 3.0, argnums=k - 3) == gradient[k]
            assert p.grad(2.0, 4.0, 3.0, argnums=(k,)) == (gradient[k],)
        assert p.grad(2.0, 4.0, 3.0, argnums=(2, 0)) == (gradient[2], gradient[0])
        assert p.grad(2.0, 4.0, 3.0, argnums=(-1, 1, -1)) == (gradient[2], gradient[1], gradient[2])
        assert p.grad(2.0, 4.0, 3.0, argnums=()) == ()
        assert p.value_and_grad(2.0, 4.0, 3.0, argnums=(1, 2)) == (864.0, (gradient[1], gradient[2]))
    assert p.jvp(2.0, 4.0, 3.0, v=1.0, argnums=1) == (864.0, gradient[1])
    assert p.jvp(2.0, 4.0, 3.0, v=(1.0, 10.0), argnums=(1, 2)) == (864.0, gradient[1] + 10*gradient[2])
    assert p.vjp(2.0, 4.0, 3.0, v=2.0, argnums=(1, 2)) == (864.0, (2*gradient[1], 2*gradient[2]))
    assert p.jacobian(2.0, 4.0, 3.0, argnums=(0, 2)) == (gradient[0], gradient[2])
    assert p.hessian(2.0, 4.0, 3.0, argnums=1) == 2*2*27.0
    assert p.hessian(2.0, 4.0, 3.0, argnums=(0, 1)) == ((0.0, 2*4*27.0), (2*4*27.0, 2*2*27.0))
    assert p.hvp(2.0, 4.0, 3.0, v=(1.0, 1.0), argnums=(0, 1)) == (216.0, 216.0 + 108.0)
    assert len(p.programs) == 1


@pytest.mark.parametrize("op", ["grad", "value_and_grad", "jvp", "vjp", "hvp", "jacobian", "hessian"])
@pytest.mark.parametrize("argnums", [2, -3, True, 1.0, "x", [0], None and 0, np.int64(0), (0, 2), (0, True)], ids=repr)
def test_wrong_argnums(op, argnums):
    p = cgrad.compile(lambda x, y: x*y)
    more = {"v": 1.0} if op in ("jvp", "vjp", "hvp") else {}
    if argnums is None:
        return
    with pytest.raises(ValueError, match="is not the number of an argument: give integers from 0 to 1, or a tuple of them"):
        getattr(p, op)(1.0, 2.0, argnums=argnums, **more)
    with pytest.raises(ValueError, match="is not the number of an argument: the function has none"):
        getattr(cgrad.compile(lambda: 1.0), op)(**more)
    with pytest.raises(TypeError, match="argument 'y' is the constant 'text', which has no derivative"):
        getattr(cgrad.compile(lambda x, y: x), op)(1.0, "text", argnums=1, **more)
    with pytest.raises(TypeError, match=r"argument 'y' is a list of 0 numbers, which has no derivative"):
        getattr(cgrad.compile(lambda x, y: x), op)(1.0, [], argnums=1, **more)


def test_structures_of_derivatives():
    p = cgrad.compile(lambda x, y: {"v": x["a"]*x["b"][0]*y, "w": [x["b"][1]*y, 3.0], "text": "t"})
    x = {"a": 2.0, "b": (3.0, np.array([1.0, 2.0])), "c": "constant"}
    value, tangent = p.jvp(x, 5.0, v={"a": 1.0, "b": (0.0, np.array([0.0, 1.0])), "c": "constant"})
    assert value["v"] == 30.0 and tangent["v"] == 15.0 and tangent["w"][0].tolist() == [0.0, 5.0] and tangent["w"][1] == 0.0 and tangent["text"] == "t"
    value, gradient = p.vjp(x, 5.0, v={"v": 1.0, "w": [np.array([1.0, 10.0]), 0.0], "text": "t"}, argnums=(0, 1))
    assert gradient[0]["a"] == 15.0 and gradient[0]["b"][0] == 10.0 and gradient[0]["b"][1].tolist() == [5.0, 50.0] and gradient[0]["c"] == "constant"
    assert gradient[1] == 6.0 + 1.0 + 20.0
    jacobian = p.jacobian(x, 5.0)
    assert jacobian["v"]["a"] == 15.0 and jacobian["v"]["b"][1].tolist() == [0.0, 0.0] and jacobian["w"][0]["b"][1].tolist() == [[5.0, 0.0], [0.0, 5.0]]
    assert jacobian["w"][0]["a"].tolist() == [0.0, 0.0] and jacobian["w"][1]["a"] == 0.0
    q = cgrad.compile(lambda x: x["a"]**2*x["b"][0].sum())
    hessian = q.hessian({"a": 2.0, "b": [np.array([1.0, 2.0])]})
    assert hessian["a"]["a"] == 6.0 and hessian["a"]["b"][0].tolist() == [4.0, 4.0] == hessian["b"][0]["a"].tolist() and hessian["b"][0]["b"][0].tolist() == [[0.0, 0.0]]*2


def test_shapes_of_dense_derivatives():
    p = cgrad.compile(lambda x: np.outer(x.ravel(), [1.0, 2.0, 3.0]).reshape(2, 2, 3))
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    jacobian = p.jacobian(x)
    assert jacobian.shape == (2, 2, 3, 2, 2)
    np.testing.assert_array_equal(jacobian, np.einsum("ai,bj,k->abkij", np.eye(2), np.eye(2), [1.0, 2.0, 3.0]))
    q = cgrad.compile(lambda x: (x**3).sum())
    assert q.hessian(x).shape == (2, 2, 2, 2)
    np.testing.assert_array_equal(q.hessian(x).reshape(4, 4), np.diag(6*x.ravel()))
    empty = np.zeros((0, 2))
    assert q.grad(empty).shape == (0, 2) and q.hessian(empty).shape == (0, 2, 0, 2) and cgrad.compile(lambda x: x).jacobian(empty).shape == (0, 2, 0, 2)
    assert cgrad.compile(lambda x: x[:0]).jacobian(x).shape == (0, 2, 2, 2)
    cube = cgrad.compile(lambda x: x**3)
    assert cube.hessian(np.array(2.0)) == 12.0 and cube.jacobian(np.array(2.0)) == 12.0 and cube.hessian(2.0) == 12.0


def test_values_that_are_not_one_number():
    for f in (lambda x: [x], lambda x: (x, x), lambda x: {"a": x}, lambda x: np.array([1.0])*x, lambda x: None, lambda x: True):
        p = cgrad.compile(f)
        for op, more in (("grad", {}), ("value_and_grad", {}), ("hessian", {}), ("hvp", {"v": 1.0})):
            with pytest.raises(TypeError, match=r"the value is .*, not one number: use .jacobian, or .vjp with a vector"):
                getattr(p, op)(2.0, **more)
    p = cgrad.compile(lambda x: x.reshape(())*x.reshape(()))
    assert p.value_and_grad(np.array([3.0]))[1].tolist() == [6.0]
    assert cgrad.compile(lambda x: 3.0).value_and_grad(1.0) == (3.0, 0.0)


@pytest.mark.parametrize("v, text", [
    ((1.0,), "v is a tuple of 1 numbers: give a list of 2 numbers"), ([1.0], "list of 1 numbers"), (1.0, "v is a number"), ([1.0, np.ones(1)], "list of 2 numbers"),
    ([1.0, "a"], "list of 1 numbers"), ([1.0, Value(2.0), 3.0], "list of 3 numbers")], ids=repr)
def test_wrong_directions(v, text):
    p = cgrad.compile(lambda x: x[0]*x[1])
    for op in (p.jvp, p.hvp, cgrad.compile(lambda x: [x[1], x[0]]).vjp):
        with pytest.raises((TypeError, ValueError), match=text):
            op([1.0, 2.0], v=v)
    with pytest.raises(TypeError, match="'v'"):
        p.jvp([1.0, 2.0])


# ---- captured ------------------------------------------------------------------------------------

def test_paths_of_other_structures():
    """What the path that is tried first returns is no error where the numbers take another."""
    f = cgrad.compile(lambda x: [x] if x > 0 else [x, 2.0*x])
    for _ in range(2):
        assert f.vjp(1.0, v=[1.0]) == ([1.0], 1.0)
        assert f.vjp(-1.0, v=[1.0, 1.0]) == ([-1.0, -2.0], 3.0)
    for x, v in ((1.0, [1.0, 1.0]), (-1.0, [1.0])):
        with pytest.raises(ValueError, match="vjp: v is a list"):
            f.vjp(x, v=v)
    g = cgrad.compile(lambda x: [x] if x > 0 else x*x)
    for _ in range(2):
        assert g(1.0) == [1.0] and g.grad(-3.0) == -6.0
        assert g(1.0) == [1.0] and g.value_and_grad(-3.0) == (9.0, -6.0)
        assert g(1.0) == [1.0] and g.hessian(-3.0) == 2.0
        assert g(1.0) == [1.0] and g.hvp(-3.0, v=2.0) == 4.0
        with pytest.raises(TypeError, match="not one number"):
            g.grad(1.0)


def test_captured_values_are_read_at_each_call():
    w, c, t = Value(2.0, name="w"), Value(1.0), Tensor([1.0, 2.0, 3.0], requires_grad=True, name="t")
    p = cgrad.compile(lambda x: (w*x + c)*(t*x).sum())
    for w.data, c.data, t.data in ((2.0, 1.0, np.ones(3)), (5.0, -1.0, np.arange(3.0)), (np.float32(0.1), 0, np.array([math.pi]*3))):
        for x in (2.0, -3.0):
            want = (w.data*x + c.data)*((t.data[0]*x + t.data[1]*x) + t.data[2]*x)
            for _ in range(2):
                assert p(x) == want
                value, gradients = p.value_and_grad(x, captured=[t, w, c])
                assert value == want
                np.testing.assert_allclose(gradients[0], np.full(3, (w.data*x + c.data)*x), rtol=1e-15)
                np.testing.assert_allclose(gradients[1:], [x*t.data.sum()*x, t.data.sum()*x], rtol=1e-14)
    assert len(p.programs) == 1
    ours, theirs = p.grad(2.0, argnums=0, captured=[c])
    assert isinstance(ours, float) and isinstance(theirs[0], float)
    assert p.grad(2.0, argnums=(0,), captured=w)[1] == p.grad(2.0, captured=(w,))
    value, pulled = p.vjp(2.0, v=3.0, captured=[c, t])
    assert math.isclose(pulled[0], 3*p.grad(2.0, captured=[c])[0])
    assert w.grad == 0.0 and (t.grad == 0).all()  # nothing is added up there


def test_captured_and_not_used():
    w, t, unused = Value(2.0), Tensor([1.0]), Tensor([[1.0, 2.0]])
    p = cgrad.compile(lambda x: x*w if x > 0 else x*t.sum())
    first, second, third = p.grad(1.0, captured=[w, t, unused])
    assert first == 1.0 and second.tolist() == [0.0] and third.tolist() == [[0.0, 0.0]]
    first, second, third = p.grad(-1.0, captured=[w, t, unused])
    assert first == 0.0 and second.tolist() == [-1.0] and third.shape == (1, 2)
    twice = p.grad(1.0, captured=[w, w])
    assert twice == [1.0, 1.0]
    assert p.grad(1.0, captured=[]) == []
    for wrong, text in (([1.0], r"captured is a float \(1.0\), not a Value"), ("w", "captured is a str"), (np.ones(1), "captured is an array")):
        with pytest.raises(TypeError, match=text):
            p.grad(1.0, captured=wrong)
    for op in ("jvp", "hvp"):
        with pytest.raises(TypeError, match="captured= is for grad, value_and_grad and vjp: give those values as arguments"):
            getattr(p, op)(1.0, v=1.0, captured=[w])


def test_captured_arrays_that_grow_and_shrink():
    """A larger one once was copied beyond the memory for numbers of the recording."""
    t, s = Tensor([1.0, 2.0]), Tensor(np.ones((2, 2)))
    p = cgrad.compile(lambda x: (t*x).sum() + s.sum())
    for n in (2, 5_000, 1, 0, 2):
        t.data = np.full(n, 2.0)
        for _ in range(3):
            assert p(1.0) == 2.0*n + 4.0
            assert p.value_and_grad(3.0) == (6.0*n + 4.0, 2.0*n)
            assert p.grad(3.0, captured=[t])[0].tolist() == [3.0]*n
    t.data = np.full((2, 1), 2.0)  # as many, another shape
    assert p(1.0) == 8.0
    s.data = np.ones((3, 3))
    assert p(1.0) == 13.0
    assert len(p.programs) == 6 and "captured arrays of other shapes" in p.explain()


@pytest.mark.parametrize("look", [lambda t: len(t), lambda t: t.shape[0], lambda t: t.size, lambda t: np.shape(t)[0], lambda t: sum(1.0 for _ in t), lambda t: cgrad.zeros_like(t).size,
                                  lambda t: 3.0 if t.shape == (3,) else 2.0, lambda t: t.nbytes/8], ids=["len", "shape", "size", "np.shape", "iteration", "zeros_like", "compared", "nbytes"])
def test_captured_arrays_of_which_the_shape_alone_matters(look):
    t = Tensor(np.ones(2))
    p = cgrad.compile(lambda x: x*look(t))
    for n in (2, 3, 2, 3):
        t.data = np.ones(n)
        for _ in range(2):
            assert p(10.0) == 10.0*n and p.grad(10.0) == n
    assert len(p.programs) == 2


def test_captured_arrays_of_other_layouts():
    base = np.arange(12.0).reshape(3, 4)
    t = Tensor(base[:, ::2], copy=False)
    p = cgrad.compile(lambda x: (t*x).sum())
    assert p(1.0) == p(1.0) == base[:, ::2].sum()
    base[0, 0] = 100.0  # shared
    assert p(1.0) == base[:, ::2].sum()
    t.data = np.asfortranarray(np.arange(6.0).reshape(3, 2))
    assert p(1.0) == 15.0 and p.grad(1.0, captured=[t])[0].shape == (3, 2)
    single = Tensor(np.array([0.1, 0.2], np.float32), requires_grad=True)
    q = cgrad.compile(lambda x: (single*x).sum())  # programs compute in float64
    exact = float(np.float32(0.1))*3.0 + float(np.float32(0.2))*3.0
    assert q(3.0) == q(3.0) == exact and q.grad(3.0, captured=[single])[0].dtype == np.float64


def test_captured_as_results_and_twice():
    w, t = Value(2.0), Tensor([1.0, 2.0])
    p = cgrad.compile(lambda x: [w, t, w*w, t[0]*t[0], x])
    assert p(1.0)[0] == 2.0 and p(1.0)[1].tolist() == [1.0, 2.0] and p(1.0)[2:] == [4.0, 1.0, 1.0]
    w.data, t.data = 3.0, np.array([5.0, 6.0])
    assert p(1.0)[0] == 3.0 and p(1.0)[1].tolist() == [5.0, 6.0] and p(1.0)[2:] == [9.0, 25.0, 1.0]
    value, (gw, gt) = p.vjp(1.0, v=[1.0, np.ones(2), 1.0, 1.0, 1.0], captured=[w, t])
    assert gw == 7.0 and gt.tolist() == [11.0, 1.0]


def test_made_inside():
    """Leaves that the function makes are constants of the recording."""
    def f(x):
        w, t = Value(3.0), Tensor([1.0, 2.0], requires_grad=True)
        return x*w + (t*x).sum() + cgrad.zeros(2).sum() + cgrad.ones(2, requires_grad=True)[0] + cgrad.full((2,), 0.5)[1]*x + cgrad.current_tape().leaf(4.0)

    p = cgrad.compile(f)
    assert [p(x) for x in (1.0, 2.0, -3.0)] == [f(Value(x)).data for x in (1.0, 2.0, -3.0)]
    assert p.grad(1.0) == 6.5 and len(p.programs) == 1


def test_what_was_captured_and_is_an_argument_as_well():
    w = Value(2.0)
    p = cgrad.compile(lambda x, y: w*x*y)
    assert p(w.data, 3.0) == 12.0
    assert p.grad(2.0, 3.0, argnums=(0, 1), captured=[w]) == ((6.0, 4.0), [6.0])
    result = p(w, 3.0)  # a Value: eager
    result.backward()
    assert result.data == 12.0 and w.grad == 12.0


# ---- arguments that are not used -----------------------------------------------------------------

BY_Y = {
    "grad": lambda p: p.grad(1.0, 2.0, argnums=1), "value_and_grad": lambda p: p.value_and_grad(1.0, 2.0, argnums=(0, 1))[1][1],
    "vjp": lambda p: p.vjp(1.0, 2.0, v=1.0, argnums=1)[1], "jvp": lambda p: p.jvp(1.0, 2.0, v=1.0, argnums=1)[1],
    "hvp": lambda p: p.hvp(1.0, 2.0, v=1.0, argnums=1), "jacobian": lambda p: p.jacobian(1.0, 2.0, argnums=1),
    "hessian": lambda p: p.hessian(1.0, 2.0, argnums=1),
    "map_value_and_grad": lambda p: p.map_value_and_grad(np.ones(3), np.ones(3), argnums=1)[1].sum(),
    "map_jacobian": lambda p: p.map_jacobian(np.ones(3), np.ones(3), argnums=1).sum(),
    "map_hvp": lambda p: p.map_hvp(np.ones(3), np.ones(3), v=np.ones(3), argnums=1).sum(),
}


@pytest.mark.parametrize("op", BY_Y)
def test_an_argument_that_is_not_used_is_told_once(op):
    p = cgrad.compile(lambda x, y: x*x)
    with pytest.warns(RuntimeWarning, match=rf"^{op}: the path of .*lambda.* does not use its argument 'y': .* 0\.0") as told:
        assert BY_Y[op](p) == 0.0
    assert len(told) == 1 and told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for other in BY_Y.values():
            assert other(p) == 0.0
        p.grad(1.0, 2.0), p(1.0, 2.0)
    with pytest.warns(RuntimeWarning, match="'y'"):  # a function of its own
        BY_Y[op](p.programs[0])


def test_arguments_that_are_used_are_not_told():
    """By a result, a guard, a step, one element of them; also where the value does not depend on them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cgrad.compile(lambda x, y: y).grad(1.0, 2.0, argnums=1) == 1.0
        assert cgrad.compile(lambda x, y: x if y > 0 else -x).grad(1.0, 2.0, argnums=1) == 0.0
        assert cgrad.compile(lambda x, y: x*cgrad.floor(y)).grad(1.0, 2.5, argnums=1) == 0.0
        assert cgrad.compile(lambda x, y: x*cgrad.static(y)).grad(1.0, 2.5, argnums=1) == 0.0
        assert cgrad.compile(lambda x, y: x*y[0]).grad(1.0, np.ones(2), argnums=1).tolist() == [1.0, 0.0]
        assert cgrad.compile(lambda x, y: x).grad(1.0, np.ones(0), argnums=1).size == 0  # no numbers


def test_the_path_of_these_numbers_decides():
    p = guarded(lambda x, *, ys, z=1.0: x*ys["a"] if x > 0 else x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert p.grad(1.0, ys={"a": 3.0, "b": 4.0}, argnums=1) == {"a": 1.0, "b": 0.0}
    with pytest.warns(RuntimeWarning, match="argument 'ys'"):
        assert p.grad(-1.0, ys={"a": 3.0, "b": 4.0}, argnums=1) == {"a": 0.0, "b": 0.0}


@pytest.mark.filterwarnings("ignore:.*paths are recorded:RuntimeWarning")
def test_a_nan_of_a_path_that_is_not_kept():
    """Its careful derivatives take over, as those of paths that are."""
    p = cgrad.compile(lambda x: cgrad.where(x, cgrad.sqrt(x), 0.0) + x if x >= 0 else -x, max_paths=1)
    assert p(-1.0) == 1.0 and p.grad(0.0) == 1.0 and p.jvp(0.0, v=2.0)[1] == 2.0
    assert p.map_value_and_grad(np.array([0.0, -1.0, 4.0]))[1].tolist() == [1.0, -1.0, 1.25]
