"""Linear algebra in compiled functions: written out in operations on elements, against LAPACK and the eager rules."""

import numpy as np
import pytest
import scipy.linalg
from numpy.linalg import LinAlgError

import cgrad
from cgrad import Tensor, TraceError, Value
from cgrad.ops.callees import replacement

L = np.linalg
NAN = float("nan")


def draw(n, *lead, seed=0):
    return np.random.default_rng(seed + n).normal(size=(*lead, n, n))


def spd(x):
    return x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1])


B = np.random.default_rng(7).normal(size=(32, 3))

FUNCTIONS = {
    "solve": lambda t: L.solve(t, B[:t.shape[-1], 0]), "solve columns": lambda t: L.solve(t, B[:t.shape[-1]]),
    "solve for the right side": lambda t: L.solve(draw(t.shape[-1], seed=3), t), "solve both": lambda t: L.solve(t, t*t + 1.0),
    "inv": L.inv, "det": L.det, "slogdet": lambda t: L.slogdet(t)[1], "sign": lambda t: L.slogdet(t)[0]*t.sum(),
    "cholesky": lambda t: L.cholesky(spd(t)), "upper": lambda t: cgrad.cholesky(spd(t), upper=True),
    "power": lambda t: L.matrix_power(t, 3), "inverse power": lambda t: L.matrix_power(t, -2),
    "lower": lambda t: cgrad.solve_triangular(t, B[:t.shape[-1], 0], lower=True), "upper right": lambda t: cgrad.solve_triangular(t, t),
    "transposed": lambda t: cgrad.solve_triangular(t, B[:t.shape[-1]], trans="T"),
    "unit": lambda t: cgrad.solve_triangular(t, B[:t.shape[-1], 1], trans=1, lower=True, unit_diagonal=True),
    "cho_solve": lambda t: cgrad.cho_solve(cgrad.cho_factor(spd(t)), B[:t.shape[-1]]),
    "cho_solve lower": lambda t: cgrad.cho_solve(cgrad.cho_factor(spd(t), lower=True), t),
}


def by_numpy(name, x):
    """By NumPy and SciPy alone."""
    b = B[:len(x)]
    return {
        "upper": lambda: L.cholesky(spd(x)).T, "lower": lambda: scipy.linalg.solve_triangular(x, b[:, 0], lower=True),
        "upper right": lambda: scipy.linalg.solve_triangular(x, x), "transposed": lambda: scipy.linalg.solve_triangular(x, b, trans="T"),
        "unit": lambda: scipy.linalg.solve_triangular(x, b[:, 1], trans=1, lower=True, unit_diagonal=True),
        "cho_solve": lambda: scipy.linalg.cho_solve(scipy.linalg.cho_factor(spd(x)), b),
        "cho_solve lower": lambda: scipy.linalg.cho_solve(scipy.linalg.cho_factor(spd(x), lower=True), x),
    }.get(name, lambda: FUNCTIONS[name](x))()


def close(got, want, tolerance=1e-12):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert np.all(np.abs(got - want) <= tolerance*max(np.max(np.abs(want), initial=0.0), 1e-300)), np.max(np.abs(got - want))


def condition(name, x):
    return max(1.0, L.cond(np.tril(x)), L.cond(np.triu(x)), L.cond(x), L.cond(spd(x)))


def weighted(f):
    """A number whose derivatives show each element of f's."""
    def total(t):
        y = f(t)
        n = int(np.prod(np.shape(y)))
        return (y*np.cos(np.arange(n)).reshape(np.shape(y))).sum() if np.shape(y) else y*1.5

    return total


def second(f, x, v):
    t = Tensor(x, requires_grad=True)
    g = cgrad.gradients(f(t), t, create_graph=True).wrt(t)
    return cgrad.gradients((g*v).sum(), t).wrt(t)


@pytest.mark.parametrize("n", [2, 3, 4, 6, 9])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name, n):
    f, x, v = weighted(FUNCTIONS[name]), draw(n), draw(n, seed=9)
    p = cgrad.compile(f)
    slack = 1e-14*condition(name, x)
    close(cgrad.compile(FUNCTIONS[name])(x), by_numpy(name, x), max(1e-12, slack))
    t = Tensor(x, requires_grad=True)
    f(t).backward()
    close(p.grad(x), t.grad, max(1e-12, slack*condition(name, x)))
    want = second(f, x, v)
    close(p.hvp(x, v=v), want, max(1e-11, slack*condition(name, x)**2))
    assert len(p.programs) == 1


@pytest.mark.parametrize("name", ["solve", "inv", "det", "slogdet", "cholesky", "cho_solve"])
def test_finite_differences(name):
    f, x, v = weighted(FUNCTIONS[name]), draw(4, seed=1) + 2*np.eye(4), draw(4, seed=2)
    h = 1e-6
    close((cgrad.compile(f).grad(x)*v).sum(), (f(x + h*v) - f(x - h*v))/(2*h), 1e-7)


@pytest.mark.parametrize("name", ["solve", "inv", "det", "cholesky"])
def test_the_largest(name):
    x = draw(32)
    p = cgrad.compile(FUNCTIONS[name])
    close(p(x), by_numpy(name, x), 1e-11)
    with pytest.raises(TraceError, match=rf"{name}: \(33, 33\) in a compiled function \(.*test_linalg.py:\d+\).*32 x 32.*outside"):
        cgrad.compile(lambda t: (L.solve if name == "solve" else getattr(L, name))(*(t, t)[:1 + (name == "solve")]))(draw(33))


def test_one_path_whatever_the_order_of_pivots():
    points = np.random.default_rng(0).normal(size=(200, 4, 4))
    p = cgrad.compile(lambda t: L.solve(t, [1.0, 2.0, 3.0, 4.0]))
    for x, y in zip(points, p.map(points), strict=True):
        close(y, L.solve(x, [1.0, 2.0, 3.0, 4.0]), 1e-13*L.cond(x))
        close(p(x), y, 1e-13*L.cond(x))
    assert len(p.programs) == 1
    close(p.map_jacobian(points[:5])[2], cgrad.compile(lambda t: L.solve(t, [1.0, 2.0, 3.0, 4.0])).jacobian(points[2]), 1e-10)


@pytest.mark.parametrize("shapes", [((2, 3, 3), (3,)), ((2, 3, 3), (3, 2)), ((3, 3), (2, 3, 1)), ((2, 1, 3, 3), (4, 3, 2)), ((0, 3, 3), (3,)),
                                    ((0, 0), (0,)), ((2, 0, 0), (0, 3)), ((3, 3), (3, 0))], ids=str)
def test_batches_of_matrices(shapes):
    r = np.random.default_rng(3)
    a, b = (r.normal(size=s) for s in shapes)
    for f in (L.solve, cgrad.solve_triangular):
        want = f(Tensor(a), Tensor(b))
        close(cgrad.compile(lambda a, b, f=f: f(a, b))(a, b), want.data, 1e-12)
    for f in (L.inv, L.det, lambda t: L.slogdet(t)[0], lambda t: L.slogdet(t)[1], lambda t: L.cholesky(spd(t))):
        close(cgrad.compile(lambda a, f=f: f(a))(a), np.asarray(f(a)), 1e-11)


SINGULAR = {"rank 1": [[1.0, 2.0], [2.0, 4.0]], "zero": [[0.0, 0.0], [0.0, 0.0]], "a column": [[0.0, 1.0, 2.0], [0.0, 3.0, 4.0], [0.0, 5.0, 6.0]],
            "last": [[1.0, 2.0, 3.0], [2.0, 4.0, 7.0], [0.0, 0.0, 0.0]]}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_matrices(name):
    x = np.array(SINGULAR[name])
    for f in (L.inv, lambda t: L.solve(t, t), lambda t: L.matrix_power(t, -1)):
        p = cgrad.compile(f)
        p(np.eye(len(x)) + 0.5)
        with pytest.raises(LinAlgError, match="singular"):
            p(x)
        close(p(np.eye(len(x)) + 0.25), f(np.eye(len(x)) + 0.25))
    sign, logarithm = cgrad.compile(lambda t: tuple(L.slogdet(t)))(x)
    assert sign == 0.0 and logarithm == -np.inf and cgrad.compile(L.det)(x) == 0.0


@pytest.mark.parametrize(("n", "rank"), [(n, rank) for n in range(2, 7) for rank in range(n)])
def test_derivatives_of_determinants_of_singular_matrices(n, rank):
    r = np.random.default_rng(n)
    full = np.diag([1.0, 2.0, -1.0, 3.0, 0.5, 4.0][:rank] + [0.0]*(n - rank))
    for x in (full, full[::-1], full[:, ::-1], np.roll(full, 1, 1), r.integers(-2, 3, (n, rank)).astype(float) @ r.integers(-2, 3, (rank, n))):
        v = r.normal(size=(n, n))
        p = cgrad.compile(L.det)
        t = Tensor(x, requires_grad=True)
        L.det(t).backward()
        assert np.abs(p.grad(x) - t.grad).max() < 1e-12*max(1.0, np.abs(x).max()**n)
        assert np.abs(p.hvp(x, v=v) - second(L.det, x, v)).max() < 1e-10*max(1.0, np.abs(x).max()**n)
        assert len(p.programs) == 1


def test_failures_of_cholesky_are_asked_at_each_call():
    @cgrad.compile
    def jittered(x):
        try:
            return L.cholesky(x)[1, 1]
        except LinAlgError:
            return L.cholesky(x + 3*np.eye(2))[1, 1]

    good, bad = np.array([[4.0, 2.0], [2.0, 3.0]]), np.array([[1.0, 2.0], [2.0, 1.0]])
    for x in (good, bad, good, bad):
        close(jittered(x), jittered.function(x))
    assert len(jittered.programs) == 2
    with pytest.raises(LinAlgError, match=r"cholesky: the matrix of \(2, 2\) is not positive definite"):
        cgrad.compile(L.cholesky)(bad)


def test_cholesky_reads_the_lower_triangle_and_shares_the_derivative():
    x = np.array([[4.0, NAN], [2.0, 3.0]])
    p = cgrad.compile(lambda t: L.cholesky(t)[1].sum())
    assert p(x) == L.cholesky(np.array([[4.0, 2.0], [2.0, 3.0]]))[1].sum()
    g = p.grad(np.array([[4.0, 7.0], [2.0, 3.0]]))
    t = Tensor([[4.0, 7.0], [2.0, 3.0]], requires_grad=True)
    L.cholesky(t)[1].sum().backward()
    close(g, t.grad)
    assert g[0, 1] == g[1, 0] != 0.0
    assert cgrad.compile(lambda t: cgrad.cho_factor(t)[0].sum())(np.array([[4.0, 2.0], [NAN, 3.0]])) == scipy.linalg.cholesky([[4.0, 2.0], [2.0, 3.0]]).sum()


def test_a_zero_on_the_diagonal_of_a_triangle():
    x = np.array([[2.0, 1.0], [1.0, 0.0]])
    p = cgrad.compile(lambda t: cgrad.solve_triangular(t, [1.0, 1.0]))
    for f in (p, lambda x: cgrad.solve_triangular(Tensor(x), [1.0, 1.0])):
        with pytest.raises(LinAlgError, match=r"solve_triangular: the matrix of \(2, 2\) is singular"):
            f(x)
    assert cgrad.compile(lambda t: cgrad.solve_triangular(t, [1.0, 1.0], unit_diagonal=True))(x).tolist() == [0.0, 1.0]


@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_and_ties():
    p = cgrad.compile(lambda t: L.solve(t, [1.0, 2.0]))
    q = cgrad.compile(L.det)
    for x in ([[1.0, 2.0], [-1.0, 3.0]], [[NAN, 0.0], [0.0, 1.0]], [[1.0, NAN], [2.0, 1.0]], [[1.0, 0.0], [NAN, 1.0]], [[-0.0, 1.0], [1.0, 0.0]]):
        for got, want in ((p(np.array(x)), L.solve(x, [1.0, 2.0])), (q(np.array(x)), L.det(x))):
            got = np.asarray(got)
            assert np.all(np.isnan(got) | (np.abs(got - want) < 1e-14)) and np.isnan(got).any() == np.isnan(x).any()
    assert len(p.programs) == 1


# ---- lists of numbers ---------------------------------------------------------------------------------

LISTS = {
    "solve": lambda f, m: f[L.solve](m, [1.0, 2.0]), "inv": lambda f, m: f[L.inv](m), "det": lambda f, m: f[L.det](m),
    "slogdet": lambda f, m: f[L.slogdet](m)[1], "cholesky": lambda f, m: f[L.cholesky](m),
    "norm": lambda f, m: f[L.norm](m), "row": lambda f, m: f[L.norm](m[0], ord=3), "power": lambda f, m: f[L.matrix_power](m, -1),
    "vdot": lambda f, m: f[np.vdot](m, m), "vecdot": lambda f, m: f[np.vecdot](m, m),
    "scipy solve": lambda f, m: f[scipy.linalg.solve](m, [1.0, 2.0], assume_a="pos"), "scipy inv": lambda f, m: f[scipy.linalg.inv](m),
    "solve_triangular": lambda f, m: f[scipy.linalg.solve_triangular](m, [1.0, 2.0], lower=True),
    "cho": lambda f, m: f[scipy.linalg.cho_solve](f[scipy.linalg.cho_factor](m, check_finite=False), [1.0, 2.0]),
    "scipy cholesky": lambda f, m: f[scipy.linalg.cholesky](m, True), "scipy det": lambda f, m: f[scipy.linalg.det](m),
    "scipy norm": lambda f, m: f[scipy.linalg.norm](m, 1),
}


class Originals(dict):
    def __missing__(self, function):
        return function


class Ours(dict):
    def __missing__(self, function):
        return replacement(function)


ours, theirs = Ours(), Originals()


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_numbers(name):
    f = LISTS[name]
    want = f(theirs, [[3.0, 1.0], [1.0, 2.0]])
    assert np.array_equal(f(ours, [[3.0, 1.0], [1.0, 2.0]]), want)  # plain numbers: the original
    for rows in (lambda x, y: [[x, y], (y, 2.0)], lambda x, y: np.array([[x, y], [y, 2.0]]), lambda x, y: [cgrad.stack([x, y]), [y, 2.0]]):
        def g(x, y, rows=rows):
            return f(ours, rows(x, y))

        eager = g(Value(3.0), Value(1.0))
        close(eager.data, want)
        close(cgrad.compile(g)(3.0, 1.0), want)


def test_lists_of_numbers_in_functions_of_cgrad():
    x = Value(3.0)
    y = cgrad.linalg.solve([[x, 1.0], [1.0, 2.0]], [1.0, 2.0])
    y[0].backward()
    assert x.grad == pytest.approx(0.0) and y.tolist() == pytest.approx([0.0, 1.0])
    assert cgrad.det(np.array([[x, 1.0], [1.0, x]])).item() == pytest.approx(8.0)


def test_replacements_are_called_as_the_originals():
    assert ours[L.solve].__name__ == "solve" and ours[L.solve] is not L.solve
    with pytest.raises(LinAlgError):
        ours[L.cholesky]([[1.0, 2.0], [2.0, 1.0]])
