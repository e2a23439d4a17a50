"""Structural ops at their edges: ties, zeros, nan, singular matrices, layouts, memory that is shared."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special

import cgrad
from cgrad import Tensor, Value

INF, NAN = math.inf, math.nan


def gradient(f, *arrays):
    xs = [Tensor(x, requires_grad=True) for x in arrays]
    f(*xs).backward()
    result = [x.grad for x in xs]
    return result[0] if len(result) == 1 else result


def hessian(f, x):
    """Rows by recorded gradients."""
    t = Tensor(x, requires_grad=True)
    g = cgrad.gradients(f(t), create_graph=True).wrt(t)
    rows = [cgrad.gradients(g[k], create_graph=False).wrt(t) for k in np.ndindex(*g.shape)]
    return np.array(rows).reshape(t.size, t.size)


# ---- max, min: ties share, nans are the extreme ----------------------------------------------------

@pytest.mark.parametrize("op", [cgrad.max, cgrad.min, cgrad.amax, cgrad.amin])
def test_ties_share_equally(op):
    assert gradient(op, [2.0, 2.0, 2.0, 2.0]).tolist() == [0.25]*4
    both = gradient(lambda t: op(t, axis=1).sum(), [[1.0, 1.0], [1.0, 1.0]])
    assert both.tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_the_extreme_among_nans_is_the_nans():
    assert gradient(cgrad.max, [1.0, NAN, 5.0, NAN]).tolist() == [0.0, 0.5, 0.0, 0.5]
    assert gradient(lambda t: t.min(axis=0).sum(), [[1.0, NAN], [2.0, 3.0]]).tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_what_is_not_taken_gets_zero_even_of_an_infinite_adjoint():
    t = Tensor([1.0, 2.0], requires_grad=True)
    t.max().backward(INF)
    assert t.grad.tolist() == [0.0, INF]


def test_where_masks_what_is_not_taken():
    """The side that is not taken gets zero, whatever the other one gets."""
    x, y = Tensor([-1.0, 4.0], requires_grad=True), Tensor([NAN, INF], requires_grad=True)
    np.where(np.array([True, True]), x, y).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    assert y.grad.tolist() == [0.0, 0.0]


# ---- products with zeros ---------------------------------------------------------------------------

@pytest.mark.parametrize("zeros", [(), (0,), (2,), (0, 2), (0, 1, 2, 3)])
def test_products_with_zeros(zeros):
    x = np.array([1.5, -2.0, 0.5, 3.0])
    x[list(zeros)] = 0.0
    others = [math.prod(x[[j for j in range(4) if j != k]]) for k in range(4)]
    np.testing.assert_allclose(gradient(cgrad.prod, x), others, rtol=1e-15)
    pairs = [[0.0 if i == j else math.prod(x[[k for k in range(4) if k not in (i, j)]]) for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(hessian(cgrad.prod, x), pairs, rtol=1e-14, atol=1e-300)
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    expected = [sum(weights[k]*math.prod(x[[i for i in range(k + 1) if i != j]]) for k in range(j, 4)) for j in range(4)]
    np.testing.assert_allclose(gradient(lambda t: (t.cumprod()*weights).sum(), x), expected, rtol=1e-15)


def test_products_that_underflow():
    assert gradient(cgrad.prod, [1e-200, 1e-200]).tolist() == [1e-200, 1e-200]
    assert gradient(lambda t: t.cumprod()[1], [1e-200, 1e-200]).tolist() == [1e-200, 1e-200]


def test_a_long_cumprod():
    x = np.random.default_rng(0).uniform(0.9, 1.1, 10_000)
    g = gradient(lambda t: t.cumprod().sum(), x)
    products = np.cumprod(x)
    np.testing.assert_allclose(g, np.cumsum(products[::-1])[::-1]/x, rtol=1e-10)


# ---- var, std, norm where they have no derivative --------------------------------------------------

def test_std_of_equal_elements():
    """0 as in PyTorch; with eps nothing is divided by zero."""
    assert gradient(cgrad.std, [2.0, 2.0, 2.0]).tolist() == [0.0]*3
    assert gradient(lambda t: t.std(axis=1).sum(), [[1.0, 1.0], [1.0, 3.0]]).tolist() == [[0.0, 0.0], [-0.5, 0.5]]
    t = Tensor([1.0, 1.0], requires_grad=True)
    assert t.std(eps=4.0).item() == 2.0
    assert gradient(lambda t: t.std(eps=4.0), [1.0, 1.0]).tolist() == [0.0, 0.0]


def test_var_without_freedom_is_nan():
    assert math.isnan(Tensor([1.0]).var(ddof=1).item())
    assert math.isnan(gradient(lambda t: t.var(ddof=1), [1.0])[0])
    assert Tensor([1.0, 3.0]).var(correction=1).item() == 2.0


@pytest.mark.parametrize("order", [None, 2, 1, 3, 2.5, 1.5, "fro"])
def test_norms_at_zero(order):
    shape = (2, 2) if order == "fro" else (3,)
    assert gradient(lambda t: t.norm(order), np.zeros(shape)).tolist() == np.zeros(shape).tolist()


def test_norm_zero_counts():
    t = Tensor([0.0, 2.0, -3.0], requires_grad=True)
    count = t.norm(0)
    assert count.item() == 2.0
    count.backward()
    assert t.grad.tolist() == [0.0]*3


def test_norms_with_some_zeros():
    assert gradient(lambda t: t.norm(3), [0.0, 2.0]).tolist() == [0.0, 1.0]
    np.testing.assert_allclose(gradient(lambda t: t.norm(0.5), [0.0, 4.0]), [0.0, 1.0])


# ---- logsumexp, softmax at infinity ----------------------------------------------------------------

@pytest.mark.parametrize("x", [[0.0, -INF], [INF, 0.0], [-INF, -INF], [1e300, 1e300], [-1e300, 0.0], [5.0], [NAN, 0.0]])
def test_logsumexp_at_infinity(x):
    with np.errstate(all="ignore"):
        expected = scipy.special.logsumexp(x)
    value = cgrad.logsumexp(Tensor(x)).item()
    assert value == expected or math.isnan(value) and math.isnan(expected)


def test_shares_of_logsumexp_at_infinity():
    """As those of logaddexp: what is negligible has none, what ties has equal ones."""
    assert gradient(cgrad.logsumexp, [0.0, -INF]).tolist() == [1.0, 0.0]
    assert gradient(cgrad.logsumexp, [INF, 0.0]).tolist() == [1.0, 0.0]
    assert gradient(cgrad.logsumexp, [INF, INF]).tolist() == [0.5, 0.5]
    assert gradient(cgrad.logsumexp, [-INF, -INF]).tolist() == [0.5, 0.5]


def test_softmax_does_not_overflow():
    x = [1000.0, 0.0, -1000.0]
    assert cgrad.softmax(Tensor(x)).tolist() == [1.0, 0.0, 0.0]
    assert cgrad.log_softmax(Tensor(x)).tolist() == [0.0, -1000.0, -2000.0]
    assert gradient(lambda t: cgrad.log_softmax(t)[0], x).tolist() == [0.0, 0.0, 0.0]


def test_of_nothing():
    assert cgrad.sum(Tensor([])).item() == 0.0
    assert cgrad.prod(Tensor([])).item() == 1.0
    assert cgrad.logsumexp(Tensor([])).item() == -INF
    assert math.isnan(cgrad.mean(Tensor([])).item())
    assert cgrad.norm(Tensor([])).item() == 0.0
    assert cgrad.det(Tensor(np.zeros((0, 0)))).item() == 1.0
    for f in (cgrad.sum, cgrad.prod, cgrad.logsumexp, cgrad.mean, lambda t: cgrad.sort(t).sum()):
        assert gradient(f, np.zeros(0)).shape == (0,)


# ---- linear algebra --------------------------------------------------------------------------------

def cofactors(x):
    n = len(x)
    return np.array([[(-1)**(i + j)*np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize("x", [np.zeros((2, 2)), np.zeros((3, 3)), np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]),
                               np.arange(9.0).reshape(3, 3), np.diag([1.0, 2.0, 0.0]), np.diag([1.0, 0.0, 0.0, 3.0]),
                               np.array([[0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])], ids=range(8))
def test_det_of_singular_matrices(x):
    """The adjugate needs no inverse; and its derivatives, by minors of minors, are right too."""
    np.testing.assert_allclose(gradient(cgrad.det, x), cofactors(x), atol=1e-13)
    n = len(x)
    step = 1e-4
    expected = np.zeros((n*n, n*n))
    for k in range(n*n):
        up, down = x.copy(), x.copy()
        up.flat[k] += step
        down.flat[k] -= step
        expected[k] = ((cofactors(up) - cofactors(down))/(2*step)).ravel()
    np.testing.assert_allclose(hessian(cgrad.det, x), expected, atol=1e-8)


def test_det_of_a_batch_with_a_singular_one():
    x = np.array([[[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 5.0]]])
    np.testing.assert_allclose(gradient(lambda t: cgrad.det(t).sum(), x), [cofactors(m) for m in x], rtol=1e-13)


def test_cholesky_reads_the_lower_triangle():
    full = np.array([[4.0, 2.0], [2.0, 3.0]])
    half = np.tril(full)
    assert cgrad.cholesky(Tensor(half)).tolist() == np.linalg.cholesky(full).tolist()
    assert cgrad.cholesky(Tensor(full), upper=True).tolist() == np.linalg.cholesky(full).T.tolist()
    g = gradient(lambda t: (cgrad.cholesky(t)*np.array([[1.0, 5.0], [2.0, 3.0]])).sum(), full)
    assert g[0, 1] == g[1, 0]


def test_slogdet_gives_a_plain_sign():
    sign, logarithm = np.linalg.slogdet(Tensor(-np.eye(3), requires_grad=True))
    assert (sign, logarithm.item()) == (-1.0, 0.0)
    assert not isinstance(sign, (Tensor, Value))


def test_equal_singular_values_have_a_first_derivative():
    np.testing.assert_allclose(gradient(lambda t: t.norm("nuc"), np.eye(3)), np.eye(3), atol=1e-14)
    np.testing.assert_allclose(gradient(lambda t: cgrad.eigh(t).eigenvalues.sum(), np.eye(3)), np.eye(3), atol=1e-14)


def test_solve_takes_a_vector_only_of_one_axis():
    """As NumPy 2: (2, 2) on the right of a batch of two is a matrix."""
    a = np.stack([np.eye(2), 2*np.eye(2)])
    b = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert cgrad.solve(Tensor(a), b).tolist() == np.linalg.solve(a, b).tolist()


# ---- indices ---------------------------------------------------------------------------------------

def test_duplicates_accumulate():
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    (t[[0, 0, 2, 0]]*np.array([1.0, 10.0, 100.0, 1000.0])).sum().backward()
    assert t.grad.tolist() == [1011.0, 0.0, 100.0]


def test_an_index_array_may_be_written_to_afterwards():
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    places, mask = np.array([0, 1]), np.array([True, False, False])
    y = t[places].sum() + t[mask].sum()
    places[:], mask[:] = 2, True
    y.backward()
    assert t.grad.tolist() == [2.0, 1.0, 0.0]


@pytest.mark.parametrize("index", [
    np.bool_(True), True, False, np.int64(1), np.array(1), (), ..., None, [], [[0, 1], [1, 0]], (..., None, 0),
    (slice(None), [True, False]), np.zeros((2, 2), bool), ([0, 1], None, [1, 0]), np.uint8(1), (np.int8(-1), ...),
], ids=repr)
def test_forms_of_an_index(index):
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    t = Tensor(x, requires_grad=True)
    out = t[index]
    expected = x[index]
    assert out.shape == expected.shape
    assert np.array_equal(out.detach().numpy() if expected.ndim else out.item(), expected)
    np.sum(out).backward()
    ones = np.zeros_like(x)
    np.add.at(ones, index, 1.0)
    assert np.array_equal(t.grad, ones)


def test_getitem_of_a_row_is_a_tensor_and_of_an_element_a_value():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert type(t[0]) is Tensor
    assert type(t[0, 1]) is type(t[..., 0][1]) is Value
    assert [type(row) for row in t] == [Tensor, Tensor]


def test_sort_is_stable_and_takes_nan_last():
    x = [2.0, NAN, 1.0, 2.0]
    assert np.array_equal(cgrad.sort(Tensor(x)).tolist(), [1.0, 2.0, 2.0, NAN], equal_nan=True)
    assert cgrad.argsort(Tensor(x)).tolist() == [2, 0, 3, 1]
    assert gradient(lambda t: (cgrad.sort(t)*np.array([1.0, 2.0, 3.0, 4.0])).sum(), x).tolist() == [2.0, 4.0, 1.0, 3.0]


def test_take_by_its_modes():
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert cgrad.take(t, [-4, 5], mode="wrap").tolist() == [3.0, 3.0]
    assert cgrad.take(t, [-4, 5], mode="clip").tolist() == [1.0, 3.0]
    assert type(cgrad.take(t, 1)) is Value


# ---- memory ----------------------------------------------------------------------------------------

VIEWS = {
    "reshape": lambda t: t.reshape(3, 2), "transpose": lambda t: t.T, "slice": lambda t: t[::-1, 1:],
    "broadcast": lambda t: cgrad.broadcast_to(t, (2, 2, 3)), "squeeze": lambda t: t.squeeze(), "flip": cgrad.flip,
    "diagonal": cgrad.diagonal, "ravel": lambda t: t.ravel(), "expand_dims": lambda t: t[None],
}


@pytest.mark.parametrize("name", VIEWS)
def test_writing_to_a_leaf_leaves_its_views_alone(name):
    """A recorded graph keeps its numbers and its gradients."""
    x = np.arange(6.0).reshape(2, 3)
    t = Tensor(x, requires_grad=True)
    y = VIEWS[name](t)
    before = y.tolist()
    total = (y*y).sum()
    t.data -= 100.0
    t.data[...] = -1.0
    assert y.tolist() == before
    total.backward()
    fresh = Tensor(x, requires_grad=True)
    z = VIEWS[name](fresh)
    (z*z).sum().backward()
    assert t.grad.tolist() == fresh.grad.tolist()


@pytest.mark.parametrize("name", VIEWS)
def test_writing_to_a_gradient_leaves_others_alone(name):
    t = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = VIEWS[name](t)
    y.sum().backward()
    first = y.grad.copy()
    t.grad[...] = 7.0
    assert y.grad.tolist() == first.tolist()
    y.sum().backward()
    assert y.grad.tolist() == (2*first).tolist()


def test_backward_twice_doubles():
    t = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = (cgrad.softmax(t.T @ t) + t.sum(axis=0)).max(axis=1).sum()
    y.backward()
    once = t.grad.copy()
    y.backward()
    np.testing.assert_array_equal(t.grad, 2*once)


def test_no_history_without_a_gradient():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]])
    for y in (t.sum(axis=0), t @ t, t[0], t.reshape(4), cgrad.einsum("ij->ji", t), cgrad.inv(t)):
        assert type(y) is Tensor
        assert not y.requires_grad
    t.requires_grad_()
    with cgrad.no_grad():
        assert not t.sum(axis=0).requires_grad
    assert len(cgrad.current_tape()) == 0


def test_arrays_without_a_tensor_stay_arrays():
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    for f in (cgrad.sum, cgrad.inv, cgrad.transpose, lambda a: cgrad.matmul(a, a), lambda a: cgrad.concatenate([a, a]),
              lambda a: cgrad.einsum("ij->i", a), cgrad.softmax, lambda a: cgrad.stack([a, a]), cgrad.logsumexp):
        assert isinstance(f(x), (np.ndarray, np.float64))
    assert cgrad.sum([1.0, 2.0]) == 3.0


# ---- two precisions --------------------------------------------------------------------------------

JOINS = {
    "matmul": lambda a, b: cgrad.matmul(a, b), "concatenate": lambda a, b: cgrad.concatenate([a, b]),
    "stack": lambda a, b: cgrad.stack([a, b]), "einsum": lambda a, b: cgrad.einsum("ij,jk->ik", a, b),
    "outer": cgrad.outer, "tensordot": lambda a, b: cgrad.tensordot(a, b, 1), "where": lambda a, b: cgrad.where(np.eye(2) > 0, a, b),
    "solve": cgrad.solve, "kron": cgrad.kron, "inner": cgrad.inner,
}


@pytest.mark.parametrize("name", JOINS)
def test_single_beside_double(name):
    """The result is double, as NumPy's; each gradient is of its operand's own precision, recorded ones too."""
    a = Tensor(np.array([[2.0, 1.0], [0.5, 3.0]], np.float32), requires_grad=True)
    b = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    for x, y in ((a, b), (b, a)):
        out = JOINS[name](x, y)
        assert out.dtype == np.float64
        gradients = cgrad.gradients(out.sum(), create_graph=True).wrt([x, y])
        assert [g.dtype for g in gradients] == [x.dtype, y.dtype]
        out.sum().backward()
        assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
        plain = JOINS[name](x, y.data)
        assert plain.dtype == np.float64
    single = JOINS[name](a, a.data)
    assert single.dtype == np.float32


def test_einsum_along_a_path():
    x = Tensor(np.arange(4.0).reshape(2, 2), requires_grad=True)
    path = np.einsum_path("ij,jk,kl->il", *[x.data]*3)[0]
    cgrad.einsum("ij,jk,kl->il", x, x, x, optimize=path).sum().backward()
    y = Tensor(x.data, requires_grad=True)
    (y @ y @ y).sum().backward()
    np.testing.assert_allclose(x.grad, y.grad, rtol=1e-14)


# ---- order statistics and curves -------------------------------------------------------------------

def test_quantiles_share_among_their_neighbours():
    t = Tensor([4.0, 1.0, 2.0, 8.0], requires_grad=True)
    for f, expected in ((lambda: cgrad.median(t), [0.5, 0, 0.5, 0]), (lambda: cgrad.quantile(t, 0.25), [0, 0.25, 0.75, 0]),
                        (lambda: cgrad.percentile(t, 100), [0, 0, 0, 1]), (lambda: cgrad.quantile(t, 0.0), [0, 1, 0, 0])):
        t.zero_grad()
        f().backward()
        assert t.grad.tolist() == expected


@pytest.mark.parametrize("f", [np.median, lambda x: np.quantile(x, 0.3, axis=-1), lambda x: np.percentile(x, [0, 50], axis=-1)])
def test_order_statistics_of_nan_and_infinity(f):
    """nan where one is among the elements; bits as NumPy's, but for its 0*inf beside an order statistic that is asked for."""
    for data in ([1.0, np.nan, 3.0], [[1.0, np.nan], [2.0, 5.0]], [np.inf, 1.0, 2.0], [-np.inf, 1.0], [[0.1, 0.7, 0.2], [3.0, -0.1, 0.4]]):
        with np.errstate(invalid="ignore"):
            expected = f(np.array(data))
        got = np.asarray(f(Tensor(data, requires_grad=True)).data)
        quirk = np.isnan(expected) & ~np.isnan(data).any()
        np.testing.assert_array_equal(np.where(quirk, np.nan, got), expected)
    assert cgrad.percentile([np.inf, 1.0, 2.0], 50) == 2.0


def test_interp_at_its_points_and_beyond():
    """The slope to the right; the ends are constant, and have what is given for them."""
    xp, fp = [0.0, 1.0, 3.0], [1.0, 2.0, 0.0]
    for x, value, slope in ((-1.0, 1.0, 0.0), (0.0, 1.0, 1.0), (0.25, 1.25, 1.0), (1.0, 2.0, -1.0), (3.0, 0.0, 0.0), (9.0, 0.0, 0.0)):
        v = Value(x)
        y = cgrad.interp(v, xp, fp)
        y.backward()
        assert (y.data, v.grad) == (value, slope), x
        assert cgrad.interp(x, xp, fp) == np.interp(x, xp, fp) == value
    assert cgrad.interp(Value(-1.0), xp, fp, left=7.0).data == 7.0 and cgrad.interp(Value(4.0), xp, fp, right=7.0).data == 7.0
    assert np.isnan(cgrad.interp(Value(np.nan), xp, fp).data)
    assert cgrad.interp(Value(0.5), [1.0], [2.0], left=5.0).data == 5.0
    with pytest.raises(TypeError, match="interp: period= is not taken"):
        cgrad.interp(Value(0.5), xp, fp, period=1.0)


def test_searchsorted_is_numpys():
    a, v = np.array([0.0, 1.0, 1.0, 2.0]), np.array([-1.0, 1.0, 0.5, 2.0, 3.0])
    for side in ("left", "right"):
        expected = np.searchsorted(a, v, side).tolist()
        for x, y in ((Tensor(a), v), (a, Tensor(v, requires_grad=True)), (Tensor(a), Tensor(v)), (a.tolist(), [Value(z) for z in v])):
            found = cgrad.searchsorted(x, y, side)
            assert found.dtype == np.intp and found.tolist() == expected
        assert cgrad.compile(lambda x, side=side: float(cgrad.searchsorted(a, x, side))*x)(1.0) == np.searchsorted(a, 1.0, side)


@pytest.mark.parametrize("f", [
    np.median, lambda x: np.quantile(x, 0.3), lambda x: np.percentile(x, [20, 70])[1], lambda x: np.interp(x[0], [-3.0, 0.1, 3.0], x[:3]),
    lambda x: np.trapezoid(x, [0.0, 1.0, 1.5, 4.0, 5.0]), lambda x: np.polyval(x, x[1]), lambda x: np.convolve(x, x[:2])[1],
    lambda x: np.linspace(x[0], x[1], 4)[2],
])
def test_order_statistics_and_curves_in_programs(f):
    p = cgrad.compile(f)
    points = np.random.default_rng(3).normal(size=(12, 5))
    for x in points:
        t = Tensor(x, requires_grad=True)
        out = f(t)
        out.backward()
        value, gradient = p.value_and_grad(x)
        assert value == pytest.approx(out.item(), rel=1e-14) and value == pytest.approx(f(x), rel=1e-13)
        np.testing.assert_allclose(gradient, t.grad, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(p.map(points), [f(x) for x in points], rtol=1e-13)


def test_arrays_of_objects():
    """Of Values are as lists of them."""
    w = np.array([[Value(1.0), 2.0], [3.0, Value(4.0)]], object)
    total = cgrad.sum(w*w) + cgrad.median(w)
    total.backward()
    assert total.data == 32.5 and w[0, 0].grad == 2.0 and w[1, 1].grad == 8.0
    with pytest.raises(TypeError, match="not an array of real numbers"):
        cgrad.sum(np.array([1.0, "a"], object))
