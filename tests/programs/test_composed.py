"""Derivatives inside of compiled functions, and at Values: as eager cgrad, and as finite differences have them."""

import math

import mpmath
import numpy as np
import pytest
from programs_support import hexed

import cgrad
from cgrad import Tensor, TraceError, Value

pytestmark = pytest.mark.filterwarnings("ignore:.*does not use its argument:RuntimeWarning")
BACKENDS = ["interpreter", "native"]


def plain(x):
    """Values and Tensors of a structure as numbers and arrays."""
    if isinstance(x, Value):
        return x.data
    if isinstance(x, Tensor):
        return x.data.copy()
    if isinstance(x, (list, tuple)):
        return type(x)(map(plain, x))
    return {key: plain(y) for key, y in x.items()} if isinstance(x, dict) else x


def leaves(x):
    if isinstance(x, list):
        return [leaves(y) for y in x]
    return Tensor(x, requires_grad=True) if isinstance(x, np.ndarray) else Value(x)


def same(got, want, tolerance=1e-12):
    got, want = plain(got), plain(want)
    if isinstance(want, (list, tuple)):
        assert type(got) is type(want) and len(got) == len(want)
        for x, y in zip(got, want, strict=True):
            same(x, y, tolerance)
    elif isinstance(want, dict):
        same(list(got.values()), list(want.values()), tolerance)
    else:
        assert np.shape(got) == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def wave(x):
    return x[0]**3*x[1] + cgrad.sin(x[0]*x[1])


inner = cgrad.compile(wave)
curve = cgrad.compile(lambda x: cgrad.exp(2*x)*x)
pair = cgrad.compile(lambda x: [x[0]*x[1], cgrad.exp(x[0])*x[1]])
CALLS = {
    "grad": lambda p, x: p.grad(x),
    "value_and_grad": lambda p, x: p.value_and_grad(x),
    "jacobian": lambda p, x: p.jacobian(x),
    "hessian": lambda p, x: p.hessian(x),
    "hvp": lambda p, x: p.hvp(x, v=[1.0, -2.0] if isinstance(x, list) else np.array([1.0, -2.0])),
    "jvp": lambda p, x: p.jvp(x, v=[1.0, -2.0] if isinstance(x, list) else np.array([1.0, -2.0])),
    "vjp": lambda p, x: p.vjp(x, v=3.0),
}
POINTS = [[1.2, 0.7], np.array([1.2, 0.7])]


# ---- methods of compiled functions -----------------------------------------------------------------

@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("x", POINTS, ids=["list", "array"])
def test_inside_as_outside(name, x):
    want = CALLS[name](inner, x)
    outer = cgrad.compile(lambda x: CALLS[name](inner, x))
    same(outer(x), want)
    assert hexed(outer(x)) == hexed(outer(x)) and len(outer.programs) == 1
    same(CALLS[name](inner, leaves(x)), want)


@pytest.mark.parametrize("x", POINTS, ids=["list", "array"])
def test_several_results_inside(x):
    v = [2.0, 3.0]
    for call in (lambda x: pair.jacobian(x), lambda x: pair.vjp(x, v=v), lambda x: pair.jvp(x, v=x)):
        same(cgrad.compile(call)(x), call(x))
        same(call(leaves(x)), call(x))


def test_structures():
    p = cgrad.compile(lambda d, k: (d["a"]*d["b"]).sum()*k[0] + k[1]**2)
    d, k = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 5.0])}, (2.0, 7.0)
    for call in (lambda d, k: p.grad(d, k, argnums=(0, 1)), lambda d, k: p.grad(d, k, argnums=1),
                 lambda d, k: p.hessian(d, k, argnums=(1, 0)), lambda d, k: p.hvp(d, k=k, v=d)):
        same(cgrad.compile(call)(d, k), call(d, k))
    got = p.grad({"a": Tensor([1.0, 2.0]), "b": d["b"]}, k)
    assert type(got) is dict and all(type(g) is Tensor for g in got.values())
    same(got, p.grad(d, k))
    assert type(p.grad({"a": d["a"], "b": d["b"]}, (Value(2.0), 7.0), argnums=1)) is tuple


def test_any_depth():
    d1 = cgrad.compile(lambda x: curve.grad(x))
    d2 = cgrad.compile(lambda x: d1.grad(x))
    d3 = cgrad.compile(lambda x: d2.grad(x))
    orders = [float(mpmath.diff(lambda x: mpmath.exp(2*x)*x, 0.5, n)) for n in range(6)]
    assert [d1(0.5), d2(0.5), d3(0.5), d3.grad(0.5), d3.hessian(0.5)] == pytest.approx(orders[1:], rel=1e-12)
    itself = cgrad.compile(lambda x, n: x**4 if n == "value" else itself.grad(x, "value")*x)
    assert itself(2.0, "grad") == 64.0 and itself.grad(2.0, "grad") == 128.0


def test_jacobian_of_a_gradient():
    outer = cgrad.compile(lambda x: inner.grad(x))
    for x in POINTS:
        same(outer.jacobian(x), inner.hessian(x))
    third = cgrad.compile(lambda x: inner.hessian(x)[0, 1])
    x, h = np.array([1.2, 0.7]), 1e-5
    steps = [(inner.hessian(x + h*e)[0, 1] - inner.hessian(x - h*e)[0, 1])/(2*h) for e in np.eye(2)]
    same(third.grad(x), np.array(steps), 1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches(backend):
    outer = cgrad.compile(lambda x, y: y*inner.grad([x, y])[0], backend=backend)
    x, y = np.linspace(-1.0, 1.0, 300), np.linspace(0.5, 2.0, 300)
    want = [b*inner.grad([a, b])[0] for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(outer.map(x, y), want, rtol=1e-13)
    assert hexed(outer.map(x, y, exact=True)) == hexed(np.array(want))
    values, slopes = outer.map_value_and_grad(x, y)
    np.testing.assert_allclose(slopes[7::50], [b*inner.hessian([a, b])[0][0] for a, b in zip(x, y, strict=True)][7::50],
                               rtol=1e-12)


def test_captured():
    w = Value(3.0)
    p = cgrad.compile(lambda x: w*x*x)

    def outer(x):
        y = w*x  # depends on w as well, which is not p's business
        return p.grad(y)*p.grad(y, captured=[w])[0]

    q = cgrad.compile(outer)
    assert q(2.0) == outer(Value(2.0)).data == 6*3.0*2*36
    x = Value(2.0)
    g = cgrad.gradients(outer(x), [x, w]).wrt([x, w])
    assert q.vjp(2.0, v=1.0, captured=[w], argnums=(0,))[1] == ((g[0],), [g[1]])
    assert plain(p.vjp(Value(2.0), v=1.0, captured=[w])) == (12.0, [4.0])
    t = Tensor([1.0])
    with pytest.raises(ValueError, match="does not require grad: make it with requires_grad=True"):
        cgrad.compile(lambda x: (t*x).sum()).grad(Value(1.0), captured=[t])


def test_what_the_inner_function_reads():
    box = {"w": 3.0}
    p = cgrad.compile(lambda x: box["w"]*x*x)
    q = cgrad.compile(lambda x: p.grad(x))
    assert q(2.0) == 12.0
    box["w"] = 5.0
    assert q(2.0) == 20.0


def test_plain_numbers_inside():
    q = cgrad.compile(lambda x: curve.grad(0.5)*x + pair.jacobian(np.array([1.0, 2.0]))[0][1])
    assert q(2.0) == pytest.approx(curve.grad(0.5)*2 + 1.0, rel=1e-15)
    k = cgrad.compile(lambda x: curve.jvp(0.5, v=x)[1])
    assert k(3.0) == pytest.approx(3*curve.grad(0.5), rel=1e-15) and k.grad(3.0) == curve.grad(0.5)


def test_values_that_are_constant():
    one = cgrad.compile(lambda x: 3.0)
    assert cgrad.compile(lambda x: [one.grad(x), one.jvp(x, v=1.0)[1], one.hessian(x)])(2.0) == [0.0, 0.0, 0.0]
    assert plain(one.grad(Value(2.0))) == plain(one.jvp(Value(2.0), v=1.0)[1]) == 0.0


def test_errors_inside():
    for call, text in ((lambda x: pair.grad(x), "not one number"), (lambda x: inner.jvp(x, v=[1.0]), "list of 1 numbers"),
                       (lambda x: inner.grad(x, argnums=3), "argnums"), (lambda x: inner.hvp(x, v=x, captured=[x[0]]), "captured")):
        for run in (cgrad.compile(call), lambda x, call=call: call(leaves(x))):
            with pytest.raises((TypeError, ValueError), match=text):
                run([1.0, 2.0])
    assert inner.grad([1.0, 2.0])  # nothing is left behind


def test_check_asks_the_function_at_values():
    p = cgrad.compile(lambda x: cgrad.gradients(x*x, x).wrt(x)*2.0 + curve.grad(x) + x.detach(), check=1)
    assert p(2.0) == pytest.approx(8.0 + curve.grad(2.0) + 2.0, rel=1e-15)


def test_steps_along_gradients():
    bowl = cgrad.compile(lambda x: (x*x).sum())

    @cgrad.compile
    def descend(x):
        for _ in range(5):
            x = x - 0.1*bowl.grad(x)
        return x

    np.testing.assert_allclose(descend.jacobian(np.ones(2)), 0.8**5*np.eye(2), rtol=1e-14)
    f = cgrad.compile(lambda x: cgrad.exp(x) - 2*x*x)

    @cgrad.compile
    def root(x):
        while abs(f(x)) > 1e-12:
            x = x - f(x)/f.grad(x)
        return x

    assert root(1.0) == pytest.approx(float(mpmath.findroot(lambda x: mpmath.exp(x) - 2*x*x, 1.0)), rel=1e-12)


# ---- choices and kinks -----------------------------------------------------------------------------

KINKS = {
    "where": (lambda x: cgrad.where(x > 0, cgrad.sqrt(x), 0.0) + x, 0.0, [1.0, 0.0]),
    "maximum": (lambda x: cgrad.maximum(x*x, cgrad.log(x) - 9.0), 0.0, [0.0, 2.0]),
    "relu": (lambda x: cgrad.relu(x)*cgrad.exp(x), 0.0, [0.0, 0.0]),
    "product": (lambda x: 0.0*cgrad.sqrt(x) + x, 0.0, [math.nan, math.nan]),
}


@pytest.mark.parametrize("name", KINKS)
def test_what_was_not_chosen_passes_nothing_on(name):
    f, x, want = KINKS[name]
    p = cgrad.compile(f)
    first = cgrad.compile(lambda x: p.grad(x))
    second = cgrad.compile(lambda x: first.grad(x))
    got = [first(x), first.grad(x)]
    np.testing.assert_equal(got, want)
    np.testing.assert_equal([second(x), p.hessian(x)], [want[1]]*2)
    np.testing.assert_equal(first.map(np.full(3, x)), [want[0]]*3)
    v = Value(x)
    g = p.grad(v)
    np.testing.assert_equal([g.data, cgrad.gradients(g).wrt(v)], want)
    for other in (-0.5, 0.5, 3.0):
        np.testing.assert_allclose([first(other), first.grad(other)], [p.grad(other), p.hessian(other)], rtol=1e-13)


def test_choices_inside_are_no_paths():
    p = cgrad.compile(lambda x: cgrad.relu(x[0])*cgrad.maximum(x[1], x[0]*x[0]) + cgrad.where(x[0] - 1, x[0], 0.0))
    q = cgrad.compile(lambda x: p.grad(x)[0] + p.jvp(x, v=x)[1])
    points = np.random.default_rng(0).normal(size=(200, 2))
    points[:3] = [[0.0, 1.0], [1.0, 1.0], [-0.0, 0.0]]
    got, slopes = q.map_value_and_grad(points)
    assert len(q.programs) == 1
    for k in range(20):
        x = points[k]
        g, h = p.grad(x), p.hessian(x)
        assert got[k] == pytest.approx(g[0] + g @ x, rel=1e-13, abs=1e-13)
        np.testing.assert_allclose(slopes[k], h[0] + h @ x + g, rtol=1e-12, atol=1e-12)


def test_inputs_that_depend_on_each_other():
    def f(x):
        y = cgrad.relu(x)*x
        g = cgrad.gradients(cgrad.maximum(y*x, 1.0), [x, y], create_graph=True)
        return g.wrt([x, y])

    assert cgrad.compile(f)(2.0) == plain(f(Value(2.0))) == [12.0, 2.0]
    assert cgrad.compile(f)(0.5) == plain(f(Value(0.5))) == [0.0, 0.0]


def test_hessians_that_do_not_exist():
    p = cgrad.compile(lambda a, b: a**b)
    q = cgrad.compile(lambda a, b: p.hessian(a, b, argnums=(0, 1)))
    for point in ((0.0, 1.0), (0.0, 2.0), (2.0, 3.0)):
        np.testing.assert_allclose(q(*point), p.hessian(*point, argnums=(0, 1)), rtol=1e-14)


# ---- gradients and tangents ------------------------------------------------------------------------

def by_values(x, y):
    z = x*x*y + cgrad.sin(x*y)
    g = cgrad.gradients([z, x*z], [x, y], seed=[y, 2.0], create_graph=True)
    return z*g.wrt(x), g.wrt(y)


def by_tangents(x, y):
    return cgrad.tangents([x*y*y, cgrad.exp(x)/y], [x, y], seed=[y, 1.0], create_graph=True)


def by_arrays(x):
    y = (x*x).sum()*x[0] + cgrad.exp(x)[1]
    g = cgrad.gradients(y, x, create_graph=True).wrt(x)
    return (g*g).sum(), (g*x)[1]


def by_array_tangents(x):
    return cgrad.tangents([(x*x*x).sum(), x[0]*x[1]], x, seed=x*2.0, create_graph=True)


@pytest.mark.parametrize("f, point", [(by_values, (1.3, 0.7)), (by_tangents, (1.3, 0.7)),
                                      (by_arrays, (np.array([1.0, 2.0]),)), (by_array_tangents, (np.array([1.0, 2.0]),))])
def test_recorded_as_eager(f, point):
    given = [leaves(x) for x in point]
    for k, y in enumerate(f(*given)):
        p = cgrad.compile(lambda *x, k=k: f(*x)[k])
        by = tuple(range(len(point)))
        want = [cgrad.gradients(y, given).wrt(x) for x in given]
        same(p(*point), plain(y))
        same(p.grad(*point, argnums=by), tuple(want))
        steps = [float(p(*(np.add(x, h) for x in point))) for h in (1e-5, -1e-5)]
        slope = (steps[0] - steps[1])/2e-5
        assert p.jvp(*point, v=tuple(np.ones_like(x)[()] if np.ndim(x) else 1.0 for x in point), argnums=by)[1] \
            == pytest.approx(slope, rel=1e-7)


def test_tangents_of_tangents():
    x = Value(0.5)
    d, want = cgrad.exp(2*x)*x, []
    for _ in range(3):
        d = cgrad.tangents(d, x, create_graph=True)
        want.append(d.data)
    assert want == pytest.approx([float(mpmath.diff(lambda x: mpmath.exp(2*x)*x, 0.5, n)) for n in (1, 2, 3)], rel=1e-13)
    t = Tensor([1.0, 2.0], requires_grad=True)
    d = cgrad.tangents((t*t*t).sum(), t, seed=np.array([1.0, 1.0]), create_graph=True)
    assert type(d) is Value and cgrad.gradients(d, t).wrt(t).tolist() == [6.0, 12.0]
    rows = cgrad.tangents([x*x, 3*x], [x], seed=[[1.0], [2.0]], create_graph=True)
    assert [r.data.tolist() for r in rows] == [[1.0, 2.0], [3.0, 6.0]]
    assert cgrad.gradients(rows[0].sum(), x).wrt(x) == 6.0
    assert cgrad.tangents(x, x, create_graph=True).data == 1.0
    assert cgrad.tangents(x*x, Value(1.0), create_graph=True).data == 0.0
    y = x*x
    with cgrad.Tape(), pytest.raises(cgrad.TapeError):
        cgrad.tangents(y, Value(2.0)*1.0, create_graph=True)


def test_without_create_graph_they_are_constants():
    p = cgrad.compile(lambda x: cgrad.gradients(x*x*x, x).wrt(x)*x)
    assert p.value_and_grad(2.0) == (24.0, 12.0) and p(3.0) == 81.0
    q = cgrad.compile(lambda x: cgrad.tangents(x*x*x, x)*x)
    assert q.value_and_grad(2.0) == (24.0, 12.0)
    r = cgrad.compile(lambda x: (cgrad.gradients((x*x*x).sum(), x).wrt(x)*x).sum())
    assert r.grad(np.array([2.0, 1.0])).tolist() == [12.0, 3.0]


def test_several_seeds_inside():
    def f(x, y):
        g = cgrad.gradients([x*y, x + y], [x, y], seed=[[1.0, 0.0], [0.0, 1.0]])
        t = cgrad.tangents([x*y, x + y], [x, y], seed=[[1.0, 0.0], [0.0, 1.0]])
        return [*g.wrt([x, y]), *t]

    want = f(Value(2.0), Value(3.0))
    for got, w in zip(cgrad.compile(f)(2.0, 3.0), want, strict=True):
        assert got.tolist() == w.tolist()


def test_any_input_may_be_asked_for():
    def f(x, t):
        g = cgrad.gradients((t*x).sum()*x, create_graph=True)
        return g.wrt(x), g.wrt(t), g.wrt([x, Value(2.0)])[1]

    got = cgrad.compile(f)(2.0, np.array([1.0, 3.0]))
    assert got[0] == 16.0 and got[1].tolist() == [4.0, 4.0] and got[2] == 0.0
    p = cgrad.compile(lambda x, y: cgrad.gradients(x*x, [x], create_graph=True).wrt(y))
    with pytest.raises(cgrad.TapeError, match="not among the inputs"):
        p(1.0, 2.0)


ALIASES = {
    "an item": lambda x: cgrad.gradients(x[0]*x[0]*x[1], [e := x[0]]).wrt([e])[0],
    "items": lambda x: (lambda a, b: cgrad.gradients(a*a*b*x[0], [a, b]).wrt([a, b])[0])(x[0], x[1]),
    "reversed": lambda x: (lambda t: cgrad.gradients((t*x).sum(), t).wrt(t)[0])(x[::-1]),
    "broadcast": lambda x: (lambda t: cgrad.gradients((t*t).sum(), t).wrt(t)[1])(np.broadcast_to(x[0], (3,))),
    "stacked": lambda x: (lambda t: cgrad.gradients((t*t*x[0]).sum(), t).wrt(t)[1])(cgrad.stack([x[0], 2.0])),
    "reshaped": lambda x: (lambda t: cgrad.tangents((t*x).sum(), t, seed=np.ones(2)))(x.reshape(2)),
}


@pytest.mark.parametrize("name", ALIASES)
def test_elements_are_told_apart(name):
    f = ALIASES[name]
    x = np.array([2.0, 5.0])
    same(cgrad.compile(f)(x), f(Tensor(x, requires_grad=True)))


def test_history_of_elsewhere():
    y = Value(2.0)*3.0
    with pytest.raises(TraceError, match="has a history there"):
        cgrad.compile(lambda x: cgrad.gradients(y, [x], create_graph=True).wrt(x))(1.0)


# ---- what passes nothing on ------------------------------------------------------------------------

def stopped(x):
    return x*cgrad.stop_gradient(cgrad.exp(x)) + x.detach()*x


def quiet(x):
    with cgrad.no_grad():
        w = cgrad.exp(x)
        v = w*x
    return w*x + v*x


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [stopped, quiet])
def test_stop_of_gradients(f, backend, tmp_path):
    p = cgrad.compile(f, backend=backend)
    x = Value(1.5)
    y = f(x)
    y.backward()
    assert p.value_and_grad(1.5) == (y.data, x.grad) and p.hessian(1.5) == 0.0
    xs = np.linspace(0.5, 2.0, 40)
    values, slopes = p.map_value_and_grad(xs, exact=True)
    assert hexed(values) == hexed(np.array([p(v) for v in xs])) and hexed(slopes) == hexed(np.array([p.grad(v) for v in xs]))
    assert p.jvp(1.5, v=1.0)[1] == x.grad
    p.save(tmp_path / "p")
    assert cgrad.load(tmp_path / "p").value_and_grad(1.5) == (y.data, x.grad)
    assert "int program_value_and_grad(" in p.to_c()
    outer = cgrad.compile(lambda x: p.grad(x)*x)
    assert outer(1.5) == x.grad*1.5 and outer.grad(1.5) == x.grad


def test_stops_over_arrays():
    def f(x):
        with cgrad.no_grad():
            w = x[::-1]*2.0
            k = x[0]
            r = x.reshape(2)
        return (x*w).sum() + (x*x.detach()).sum() + x[1]*k + (r*x).sum()

    t = Tensor([1.0, 3.0], requires_grad=True)
    f(t).backward()
    p = cgrad.compile(f)
    assert p.grad(np.array([1.0, 3.0])).tolist() == t.grad.tolist()
    assert p(np.array([1.0, 3.0])) == f(t).data


def test_stop_gradient_of_structures():
    x = Value(2.0)
    given = {"a": [x, 3, "text"], "b": (Tensor([1.0]), np.array([x, x]))}
    made = cgrad.stop_gradient(given)
    assert made["a"][0] is not x and made["a"][0].data == 2.0 and made["a"][1:] == [3, "text"]
    assert type(made["b"]) is tuple and made["b"][1].dtype == object and given["a"][0] is x
    assert cgrad.gradients(made["b"][1][0]*x, x).wrt(x) == 2.0
    assert cgrad.stop_gradient(3) == 3 and cgrad.stop_gradient(None) is None
    p = cgrad.compile(lambda d: cgrad.stop_gradient(d)["k"]*d["k"])
    assert p.grad({"k": 3.0}) == {"k": 3.0}


def test_gradients_under_no_grad():
    def f(x):
        with cgrad.no_grad():
            g = curve.grad(x)
        return g*x

    p = cgrad.compile(f)
    assert p.value_and_grad(0.5) == (curve.grad(0.5)*0.5, curve.grad(0.5))
    with cgrad.no_grad():
        g = curve.grad(Value(0.5))
    assert g.data == curve.grad(0.5) and g._prev == set()
    with cgrad.no_grad():  # around the compiled function
        assert p.grad(0.5) == curve.grad(0.5)


def test_stops_are_kept_bit_by_bit():
    for x in (0.0, -0.0, math.inf, math.nan, 5e-324, -1.5):
        p = cgrad.compile(lambda x: [x.detach(), cgrad.stop_gradient(x)*1.0])
        assert hexed(p(x)) == hexed([x, x])


# ---- rules of users --------------------------------------------------------------------------------

def test_rows_whose_partials_are_theirs_by_definition():
    stop, with_partial = cgrad._core.hidden_stop, cgrad._core.hidden_with_partial
    y, p, x = Value(2.0), Value(3.0), Value(5.0)
    z = with_partial(y*y, p*x, x)
    assert z.data == 4.0 and cgrad.gradients(z).wrt([y, p, x]) == [4.0, 0.0, 15.0]
    assert cgrad.tangents(z, [y, p, x], seed=[1.0, 1.0, 1.0]) == 19.0
    slope = cgrad.gradients(z, x, create_graph=True).wrt(x)
    assert cgrad.gradients(slope).wrt([y, p, x]) == [0.0, 5.0, 3.0]
    assert cgrad.gradients(stop(x)*x).wrt(x) == 5.0
    t = Tensor([1.0, 2.0], requires_grad=True)
    assert cgrad.gradients((with_partial(t, 3.0, t)*stop(t)).sum()).wrt(t).tolist() == [4.0, 8.0]

class Cube(cgrad.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x*x*x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3*x*x*g


class Exp(cgrad.Function):
    """Reads its own output."""

    def forward(self, x):
        y = np.exp(x)
        self.save_for_backward(y)
        return y

    def backward(self, g):
        (y,) = self.saved_tensors
        return g*y


class Reversed(cgrad.Function):
    def forward(self, x):
        return x*1.0

    def backward(self, g):
        return -g


class StraightThrough(cgrad.Function):
    def forward(self, x):
        return np.round(x)

    def backward(self, g):
        return g


class Softsign(cgrad.Function):
    def forward(self, x):
        self.save_for_backward(x)
        return x/(1 + np.abs(x))

    def backward(self, g):
        (x,) = self.saved_tensors
        return g/(1 + abs(x))**2


class Polar(cgrad.Function):
    @staticmethod
    def forward(ctx, x, y):
        r, a = np.hypot(x, y), np.arctan2(y, x)
        ctx.save_for_backward(x, y)
        return r, a

    @staticmethod
    def backward(ctx, gr, ga):
        x, y = ctx.saved_tensors
        r = np.hypot(x, y)
        return gr*x/r - ga*y/(r*r), gr*y/r + ga*x/(r*r)


class Norm(cgrad.Function):
    """An array to a number, with an argument that has no derivative."""

    def forward(self, x, scale):
        self.save_for_backward(x)
        self.scale = scale
        return (x*x).sum()*scale

    def backward(self, g):
        (x,) = self.saved_tensors
        return 2*self.scale*x*g, None


RULES = {
    "cube": lambda x: Cube.apply(x)*x,
    "inner": lambda x: Cube.apply(x*x),
    "exp": lambda x: Exp.apply(x)*x,
    "exp of exp": lambda x: Exp.apply(Exp.apply(0.3*x)),
    "reversed": lambda x: Reversed.apply(x*x)*x,
    "straight through": lambda x: StraightThrough.apply(x*x)*x,
    "softsign": lambda x: Softsign.apply(x)*Softsign.apply(2*x),
    "two": lambda x: Polar.apply(x, x*x)[0]*Polar.apply(x + 1, x)[1],
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("x", [1.3, -0.4])
def test_rules_to_any_order(name, x):
    f = RULES[name]
    v = Value(x)
    y, p = f(v), cgrad.compile(f)
    assert hexed(p(x)) == hexed(y.data)
    for order in range(3):
        y = cgrad.gradients(y, v, create_graph=True).wrt(v)
        assert p.grad(x) == pytest.approx(y.data, rel=1e-12, abs=1e-12), order
        assert p.jvp(x, v=1.0)[1] == pytest.approx(y.data, rel=1e-12, abs=1e-12), order
        p = cgrad.compile(lambda x, p=p: p.grad(x))


def test_rules_over_arrays(tmp_path):
    def f(x):
        return (Softsign.apply(x)*x).sum() + (Exp.apply(x)**2).sum() + Norm.apply(x, 3.0) + Polar.apply(x, x*x)[1].sum()

    x = np.array([0.3, -1.2, 2.0])
    t = Tensor(x, requires_grad=True)
    y = f(t)
    g = cgrad.gradients(y, t, create_graph=True).wrt(t)
    second = [cgrad.gradients(g[k], t).wrt(t) for k in range(3)]
    for backend in BACKENDS:
        p = cgrad.compile(f, backend=backend)
        value, slope = p.value_and_grad(x)
        assert value == pytest.approx(y.data, rel=1e-14)
        np.testing.assert_allclose(slope, g.data, rtol=1e-12)
        np.testing.assert_allclose(p.hessian(x), second, rtol=1e-11, atol=1e-12)
        values, slopes = p.map_value_and_grad(np.stack([x, x + 1]))
        np.testing.assert_allclose(slopes[0], g.data, rtol=1e-12)
        p.save(tmp_path / "p")
        assert hexed(cgrad.load(tmp_path / "p").grad(x)) == hexed(slope)


def test_a_rule_that_reads_its_output_has_so_many_orders():
    p = cgrad.compile(lambda x: Exp.apply(x))
    found = []
    for _ in range(6):
        found.append(p(0.5))
        p = cgrad.compile(lambda x, p=p: p.grad(x))
    assert found[:5] == pytest.approx([math.exp(0.5)]*5, rel=1e-14) and math.isnan(found[5])


class Clipped(cgrad.Function):
    def forward(self, x):
        return x*1.0

    def backward(self, g):
        return cgrad.clip(g, -1.0, 1.0)


class Branched(Clipped):
    def backward(self, g):
        return g if g > 0 else -g


class Shifted(Clipped):
    def backward(self, g):
        return g + 1.0


class Silent(Clipped):
    def backward(self, g):
        return g.detach()


class Squared(Clipped):
    def backward(self, g):
        return g*g


@pytest.mark.parametrize("rule", [Clipped, Branched, Shifted, Silent, Squared])
def test_rules_that_are_not_linear(rule):
    with pytest.raises(TraceError, match=rf"{rule.__name__}: backward is not linear in its adjoints \({__file__}:\d+\)"):
        cgrad.compile(lambda x: rule.apply(x))(1.0)


def test_rules_that_answer_wrongly():
    class Wrong(Clipped):
        def backward(self, g):
            return g, g

    class Text(Clipped):
        def backward(self, g):
            return "g"

    for rule, text in ((Wrong, "2 adjoints for 1"), (Text, "number or an array")):
        with pytest.raises((TypeError, ValueError), match=text):
            cgrad.compile(lambda x, rule=rule: rule.apply(x))(1.0)


def test_rules_under_no_grad():
    def f(x):
        with cgrad.no_grad():
            y = Cube.apply(x)
        return y*x

    assert cgrad.compile(f).value_and_grad(2.0) == (16.0, 8.0)


def test_outputs_without_a_derivative():
    class Parts(cgrad.Function):
        def forward(self, x):
            whole = cgrad.floor(x) if isinstance(x, Value) else np.floor(x)
            self.mark_non_differentiable(whole)
            return x - whole, whole

        def backward(self, g, none):
            return g

    p = cgrad.compile(lambda x: Parts.apply(x)[0]*Parts.apply(x)[1])
    assert p.value_and_grad(2.5) == (1.0, 2.0)
