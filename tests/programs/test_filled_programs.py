"""Arrays that are filled in a function that is being recorded: against the same function run eagerly, or on floats."""

import numpy as np
import pytest

import cgrad
from cgrad import Tensor, TraceError, Value
from cgrad.ops.create import RECORDED


def recurrence(x):
    y = cgrad.zeros(len(x))
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = y[i - 1]*0.5 + x[i]*x[i - 1]
    return (y*y).sum()


def table(x):
    y = cgrad.zeros(3, 4)
    y[0] = 1.0
    y[:, 0] = x
    for i in range(1, 3):
        for j in range(1, 4):
            y[i, j] = y[i - 1, j]*y[i, j - 1] + x[i]
    return y[2][3] + y.sum()


def used_in_between(x):
    y = cgrad.ones(3)
    a = (y*x).sum()
    y[1] = x[0]*x[1]
    b = (y*x).sum()
    y[0] = 5.0
    c = (y*x).sum()
    y[:] = 0.0
    return a*1e4 + b*1e2 + c + y.sum()


def parts(x):
    y = cgrad.empty(3, 3)
    y[...] = 0.0
    y[1:] = x*2.0
    y[0, ::2] = [x[1], 3.0]
    row = y[0]
    row[1] = x[2]
    y[y > 4.0] = x[0]
    return (y[::-1] @ x).sum() + row.sum()


def copies(x):
    y = x.copy()
    y[0] = y[2]*x[1]
    z = np.copy(y)
    z[1:] = y[:-1]
    y[2] = 0.0
    return (y*z).sum()


def like(x):
    y = np.zeros_like(x)
    for i in range(len(x)):
        y[-1 - i] += x[i]**(i + 1)
    return np.dot(y, x)


def branches(x):
    y = cgrad.zeros(len(x))
    for i in range(len(x)):
        if x[i] > 2.2:
            y[i] = x[i]*x[i]
    return y.sum() + y.max()


FUNCTIONS = [recurrence, table, used_in_between, parts, copies, like, branches]
POINTS = [np.array([1.5, 2.0, 2.5]), np.array([0.5, 2.5, 3.0]), np.array([3.0, -1.0, 2.0])]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_recorded_as_eager(f):
    compiled = cgrad.compile(f)
    for point in (*POINTS, *POINTS):
        x = Tensor(point, requires_grad=True)
        out = f(x)
        want = cgrad.gradients(out, [x]).wrt(x)
        assert compiled(point) == out.data
        np.testing.assert_allclose(compiled.grad(point), want, rtol=1e-13)
        h = 1e-6
        shifted = [(f(Tensor(point + h*e)).data - f(Tensor(point - h*e)).data)/(2*h) for e in np.eye(3)]
        if f is not branches and f is not parts:
            np.testing.assert_allclose(want, shifted, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(compiled.map(np.array(POINTS)), [compiled(p) for p in POINTS])


@pytest.mark.parametrize("f", [recurrence, table, copies], ids=lambda f: f.__name__)
def test_second_derivatives(f):
    compiled = cgrad.compile(f)
    x = Tensor(POINTS[0], requires_grad=True)
    first = cgrad.gradients(f(x), [x], create_graph=True).wrt(x)
    hessian = [cgrad.gradients(first[i], [x]).wrt(x) for i in range(3)]
    np.testing.assert_allclose(compiled.hessian(POINTS[0]), hessian, rtol=1e-12, atol=1e-12)


def test_an_element_is_the_value():
    def f(v):
        y = cgrad.zeros(2, 2)
        w = v*v
        y[0, 1] = w
        assert y[0, 1] is w
        assert y[0][1] is w
        return y

    assert cgrad.compile(f)(3.0).tolist() == [[0.0, 9.0], [0.0, 0.0]]


def test_numbers_are_constants():
    def f(x):
        y = cgrad.ones(3)
        y[1] = -0.0
        for i in range(3):
            y[i] += x*i
        y[0] = 1.0/y[1]
        total = y.sum()
        y = cgrad.zeros(2)
        y[0] = -0.0
        return total + 1.0/(y[0]*1.0) + x/y[0]

    compiled = cgrad.compile(f)
    assert compiled(2.0) == f(Value(2.0)).data == -np.inf
    assert compiled.programs[0].captured == []


def test_filled_results_and_structures():
    def f(v):
        y = cgrad.zeros(2)
        y[0] = v
        return {"y": y, "row": y[:1], "n": cgrad.ones(2)}

    got = cgrad.compile(f)(2.0)
    assert {k: v.tolist() for k, v in got.items()} == {"y": [2.0, 0.0], "row": [2.0], "n": [1.0, 1.0]}


def test_assignments_cost_what_they_write():
    def nodes(n):
        def f(x):
            y = cgrad.zeros(n)
            y[0] = x
            for i in range(1, n):
                y[i] = y[i - 1]*x
            return y[-1]

        with cgrad._core.Trace([x := Value(0.99)]) as trace:
            f(x)
            return len(trace.tape)

    assert nodes(400) - nodes(200) == 200


CAPTURED = cgrad.zeros(3)
HOLDS = cgrad.zeros(3)
HOLDS[0] = Value(2.0)*3.0


def test_arrays_from_outside():
    def argument(x):
        x[0] = 1.0
        return x.sum()

    def captured(x):
        CAPTURED[0] = x[0]
        return CAPTURED.sum()

    def of_a_view(x):
        CAPTURED[1:][0] = x[0]
        return x.sum()

    def of_a_node(x):
        (x*2.0)[0] = x[0]
        return x.sum()

    with pytest.raises(TraceError, match=r"^setting an element: .*y = t\.copy\(\).*cgrad\.zeros"):
        cgrad.compile(captured)(np.ones(3))
    for f in (argument, of_a_view, of_a_node):
        with pytest.raises((TraceError, TypeError), match=r"t\.copy\(\)"):
            cgrad.compile(f)(np.ones(3))
    assert CAPTURED.tolist() == [0.0]*3
    CAPTURED[0] = 1.0
    assert CAPTURED[:].tolist() == [1.0, 0.0, 0.0]
    CAPTURED[0] = 0.0


def test_values_from_outside():
    for use in (lambda x: (HOLDS*x).sum(), lambda x: HOLDS[0]*x[0], lambda x: HOLDS[:2].sum()*x[0], lambda x: sum(HOLDS)*x[0]):
        with pytest.raises(TraceError, match="outside of the compiled function"):
            cgrad.compile(use)(np.ones(3))
    y = cgrad.zeros(2)
    y[0] = Value(2.0)
    with pytest.raises(TraceError):
        cgrad.compile(lambda x: (y*x).sum())(np.ones(2))
    assert y.sum().data == 2.0


def test_a_captured_array_is_read_at_each_call():
    w = cgrad.zeros(2)
    f = cgrad.compile(lambda x: (w*x).sum() + w[1:].sum())
    assert f(np.ones(2)) == 0.0
    w[1] = 3.0
    assert f(np.ones(2)) == 6.0
    w[1:][0] = 4.0
    assert f(np.ones(2)) == 8.0


CACHE = []


def test_a_constant_that_outlives_its_recording():
    def f(x):
        if not CACHE:
            CACHE.append(cgrad.ones(2))
        if x[0] > 0:
            return (CACHE[0]*x).sum() + CACHE[0][1:].sum()
        return (CACHE[0]*x*x).sum()

    compiled = cgrad.compile(f)
    assert (compiled(np.ones(2)), compiled(-2*np.ones(2)), compiled(np.ones(2))) == (3.0, 8.0, 3.0)
    kept = CACHE[0]
    kept.data[0] = 5.0
    kept[1] = 2.0
    assert (kept.tolist(), kept.requires_grad, (kept*2.0).tolist()) == ([5.0, 2.0], False, [10.0, 4.0])
    kept[0] = Value(3.0)
    with pytest.raises(TraceError, match="outside of the compiled function"):
        cgrad.compile(lambda x: (kept*x).sum())(np.ones(2))


def test_numbers_that_are_overwritten_while_recording():
    def f(x):
        y = cgrad.ones(2)
        row = y[:1]
        a = (y*x).sum() + row[0]*100.0
        y[0] = 5.0
        row += 1.0
        b = (y*x).sum() + y[:1].sum()*1e4
        y[:] = [7.0, x[0]]
        return a + (y*x).sum() + b + row.sum()*1e6

    x = np.array([2.0, 3.0])
    assert cgrad.compile(f)(x) == f(Tensor(x)).data


def test_a_filled_argument():
    f = cgrad.compile(lambda x: (x*x).sum())
    x = Value(3.0)
    y = cgrad.zeros(2)
    y[0] = x
    x.data = 4.0
    assert f(y.numpy()) == 16.0


# ---- NumPy's constructors --------------------------------------------------------------------------------------

def new(function):
    return RECORDED[function]


def solved(x, xp):
    """A tridiagonal system by elimination, as NumPy's users write it."""
    n = len(x)
    c, d, y = xp.zeros(n), xp.empty(n, dtype=float), xp.full_like(xp.ones(n), 1.0)
    for i in range(n):
        m = 4.0 - (c[i - 1] if i else 0.0)
        c[i] = 1.0/m
        d[i] = (x[i] - (d[i - 1] if i else 0.0))/m
    y[-1] = d[-1]
    for i in range(n - 2, -1, -1):
        y[i] = d[i] - c[i]*y[i + 1]
    y *= 2.0
    z = y
    z += 1.0
    y[1:] -= y[:-1]
    return y


class Constructors:
    zeros, ones, empty, full, full_like = (staticmethod(new(f)) for f in (np.zeros, np.ones, np.empty, np.full, np.full_like))
    zeros_like = staticmethod(new(np.zeros_like))


def test_constructors_in_recordings():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    f = cgrad.compile(lambda x: solved(x, Constructors))
    np.testing.assert_array_equal(f(x), solved(x, np))
    want = np.array([(solved(x + 1e-6*e, np) - solved(x - 1e-6*e, np))/2e-6 for e in np.eye(4)]).T
    np.testing.assert_allclose(f.jacobian(x), want, rtol=1e-7, atol=1e-9)


def test_in_place_operators_are_ndarrays():
    def aliased(x, xp):
        y = xp.zeros(3)
        z = y
        y += x
        y -= 0.5
        y *= x
        y /= 2.0
        y **= 2
        part = y[1:]
        part += x[0]
        y.fill(y[2])
        y[0] = x[1]*3.0
        y.sort()
        return z

    for point in POINTS[:2]:
        np.testing.assert_allclose(cgrad.compile(lambda x: aliased(x, Constructors))(point), aliased(point, np), rtol=1e-15)
    y = z = cgrad.zeros(2)
    y += 1.0  # a Tensor's operators make new ones
    assert (y.tolist(), z.tolist()) == ([1.0, 1.0], [0.0, 0.0])


def test_constructors_keep_numpys_signature_and_integers():
    def f(x):
        kinds = [new(np.zeros)(3, int), new(np.ones)((2, 2), dtype=bool), new(np.full)(2, 7), new(np.zeros_like)([1, 2]),
                 new(np.empty)(2, np.int32), new(np.zeros)(2, object), new(np.zeros)(1, complex)]
        assert all(type(k) is np.ndarray for k in kinds)
        floats = [new(np.zeros)(shape=(2, 3), order="F"), new(np.full)((2, 3), fill_value=2.0), new(np.empty)((2, 3), np.float32),
                  new(np.full)(fill_value=x, shape=(2, 3)), new(np.ones_like)(np.ones((2, 3))), new(np.full_like)(np.ones((2, 3)), x)]
        total = 0.0
        for y in floats:
            assert type(y) is Tensor
            assert y.shape == (2, 3)
            y[:, 1:] = x
            y[0, 0] = y[1, 0] = 3.0
            total = total + y.sum()
        return total

    assert cgrad.compile(f)(2.0) == 6*(4*2.0 + 6.0)
    assert cgrad.compile(f).grad(2.0) == 6*4.0
    assert type(new(np.zeros)(3)) is np.ndarray
    assert new(np.full)(2, 1.5).tolist() == [1.5, 1.5]


def test_what_is_not_written_shows():
    assert np.isnan(cgrad.compile(lambda x: (new(np.empty)(2)*x).sum())(1.0))
