"""Functions of many paths: how one is found, and what happens at points for which none is kept."""

import itertools
import random
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from lanes_support import differ
from programs_support import guarded

import cgrad
from cgrad import Tensor, Value
from cgrad.programs import path as paths_module
from cgrad.programs.guards import START, State
from cgrad.programs.trie import Trie

pytestmark = pytest.mark.filterwarnings("ignore:.*paths are recorded")


def doubling(x):
    """A path for each sequence of the first twelve binary digits."""
    y = x
    for _ in range(12):
        y = y*2.0
        if y > 1.0:
            y = y - 1.0
    return cgrad.sin(y)*x + y


def vector(x):
    return [x[0]*x[1] + cgrad.exp(x[2]) if x[0] > k/40.0 else x[1]*x[2]/x[0] + x[0]*k for k in range(0, 40, 3)]


def scalar(x):
    return sum(vector(x))


# ---- the trie ------------------------------------------------------------------------------------

class Stub:
    def __init__(self, outcomes, number, asked=None):
        self.guard_outcomes = self.outcomes = outcomes
        self.lines = ()
        self.number, self.usage, self.asked = number, SimpleNamespace(last=number), asked or {}

    def asked_at(self, k):
        return self.asked.get(k)


def fitting(stubs, state):
    return [s for s in stubs if state.start or state.allows(s.outcomes)]


@pytest.mark.parametrize("seed", range(8))
def test_a_trie_finds_what_a_scan_finds(seed):
    rng = random.Random(seed)
    trie, stubs = Trie(), []
    for number in range(1, 200):
        if stubs and rng.random() < 0.25:
            gone = stubs.pop(rng.randrange(len(stubs)))
            trie.remove(gone)
        stubs.append(Stub(tuple(rng.choice((0, 1, ("=", 2.0))) for _ in range(rng.randrange(9))), number))
        trie.insert(stubs[-1])
        if rng.random() < 0.5:
            used = rng.choice(stubs)
            used.usage.last = 1000 + number
            trie.used(used)
        known = rng.choice(stubs).outcomes
        n = rng.randrange(len(known) + 1)
        states = [START, State(known[:n], frozenset(rng.sample((0, 1, ("=", 2.0)), rng.randrange(1, 3))))]
        for state in states:
            found = [s for s in trie.candidates(state, list, steady=True) if state.start or state.allows(s.outcomes)]
            want = fitting(stubs, state)
            assert sorted(found, key=lambda s: s.number) == want and found[:1] == want[:1]
            last = [s for s in trie.candidates(state, list) if state.start or state.allows(s.outcomes)]
            assert set(last) == set(want)
            assert not want or last[0].usage.last == max(s.usage.last for s in want)
        assert trie.alike(stubs[-1]) == [s for s in stubs if s.outcomes == stubs[-1].outcomes]
        assert len(trie) == len(stubs) and trie.leaves == len({s.outcomes for s in stubs})


def test_an_argument_says_which_of_many_constants_it_equals(monkeypatch):
    p = guarded(lambda n, x: x*cgrad.static(n), max_paths=300)
    for n in range(1, 201):
        assert p(n, 2.0) == 2.0*n
    tried, attempt = [], paths_module.Program.attempt
    monkeypatch.setattr(paths_module.Program, "attempt", lambda *args: tried.append(1) or attempt(*args))
    for n in (7, 150, 33, 199):
        tried.clear()
        assert p(n, 3.0) == 3.0*n and len(tried) <= 2
    assert p.map(np.arange(1.0, 201.0), 2.0, in_axes=(0, None)).tolist() == [2.0*n for n in range(1, 201)]


def test_a_search_ends_among_paths_that_ask_different_things():
    """What no recording sees makes the second guard another one at each recording."""
    hidden = itertools.cycle([0.2, 0.4, 0.6, 0.8, 0.3, 0.7])

    def f(x, y):
        if x > 0.5:
            return x*2.0 if y > next(hidden) else x*3.0
        return x if y < next(hidden) else -x

    p = guarded(f)
    rng = np.random.default_rng(0)
    for x, y in rng.uniform(size=(300, 2)).tolist():
        try:
            assert round(abs(p(x, y)/x), 9) in (1.0, 2.0, 3.0)
        except RuntimeError as error:
            assert "behaves differently" in str(error)
    for _ in range(20):
        x, y = rng.uniform(size=(2, 50))
        try:
            assert np.isin(np.round(np.abs(p.map(x, y)/x), 9), (1.0, 2.0, 3.0)).all()
        except RuntimeError as error:
            assert "behaves differently" in str(error)


def test_calls_that_alternate_do_not_leave_c(monkeypatch):
    p = guarded(lambda x: x*x if x > 0 else x*3.0)
    want = [(x*x, 2.0*x) if x > 0 else (3.0*x, 3.0) for x in (1.0, -1.0)]
    for _ in range(2):
        p(1.0), p(-1.0), p.grad(1.0), p.grad(-1.0), p.value_and_grad(1.0, argnums=(0,)), p.value_and_grad(-1.0, argnums=(0,))

    def fail(*_):
        raise AssertionError("the general path")

    monkeypatch.setattr(type(p), "_value", fail)
    monkeypatch.setattr(type(p), "_gradient", fail)
    for x, (value, gradient) in zip((1.0, -1.0)*4, want*4, strict=True):
        assert p(x) == value and p.grad(x) == gradient and p.value_and_grad(x, argnums=(0,)) == (value, (gradient,))
    assert p.programs[0](-1.0) == -3.0  # the one used last


# ---- beyond max_paths ----------------------------------------------------------------------------

@pytest.fixture
def both():
    """The same function with a path for each point, and with one that is kept."""
    def made(f):
        return guarded(f, max_paths=4096), guarded(f, max_paths=1)
    return made


POINTS = np.random.default_rng(5).uniform(0.05, 0.95, (40, 3))


def test_derivatives_have_the_bits_of_paths(both):
    p, q = both(scalar)
    v = np.array([0.3, -1.0, 2.0])
    for x in POINTS.tolist():
        for ask in (lambda p, x: p(x), lambda p, x: p.grad(x), lambda p, x: p.value_and_grad(x),
                    lambda p, x: p.jvp(x, v=v.tolist()), lambda p, x: p.vjp(x, v=2.0), lambda p, x: p.hvp(x, v=v.tolist()),
                    lambda p, x: p.jacobian(x), lambda p, x: p.hessian(x)):
            assert ask(q, x) == ask(p, x)
    assert len(q.programs) == 1 and len(p.programs) > 5 and q.stats()["fallbacks"] > 200
    assert q.stats()["recordings"] < 20


def test_derivatives_of_several_results(both):
    p, q = both(vector)
    for x in POINTS[:20].tolist():
        weights = [0.5*k for k in range(len(p(x)))]
        for ask in (lambda p, x: p(x), lambda p, x: p.jvp(x, v=[1.0, 0.0, -2.0]), lambda p, x: p.vjp(x, v=weights),
                    lambda p, x: p.jacobian(x)):
            assert ask(q, x) == ask(p, x)


def test_batches_have_the_bits_of_paths(both):
    p, q = both(scalar)
    x, v = [*POINTS.T], [*np.random.default_rng(6).normal(size=(3, 40))]
    for run in (lambda p: p.map(x, exact=True), lambda p: p.map_value_and_grad(x, exact=True),
                lambda p: p.map_jacobian(x, exact=True), lambda p: p.map_hvp(x, v=v, exact=True)):
        got, want = run(q), run(p)
        assert not differ(*[np.array(each[1] if isinstance(each, tuple) else each) for each in (got, want)]).any()
    assert np.isclose(q.map(x, reduce="sum"), p.map(x, reduce="sum"), rtol=1e-13)
    seen = []
    q.map(x, progress=lambda *counts: seen.append(counts))
    assert seen[-1] == (40, 40)


def test_thousands_of_points_on_paths_of_their_own():
    x = np.random.default_rng(1).uniform(0, 1, 3000)
    calls = []
    p = guarded(lambda x: calls.append(1) or doubling(x), max_paths=64)
    values, gradients = p.map_value_and_grad(x, exact=True)
    for k in range(0, 3000, 11):
        v = Value(x[k])
        y = doubling(v)
        y.backward()
        assert (values[k], gradients[k]) == (y.data, v.grad)
    assert len(calls) <= 3200 and p.stats()["recordings"] < 80
    assert np.isclose(p.map(x, reduce="sum"), values.sum(), rtol=1e-12)


@pytest.mark.parametrize("f, args", [
    (lambda x, n: sum(x*k for k in range(n)), [(2.0, n) for n in range(1, 30)]),  # needs a recording
    (lambda x, n: {"x": [x if x > n else -x], "n": n}, [(10.5, n) for n in range(20)]),
    (lambda x, n: 1.0 if x > n else (2.0 if x > n - 5.0 else 3.0), [(9.0, n) for n in range(20)]),
    (lambda x, n: x if n > 3 else Value(3.0)*n, [(9.0, n) for n in range(8)]),
    (lambda x, n, mode="a", *, k=2.0: x*k if n > 3 else -x*n, [(9.0, n, "b") for n in range(8)]),
])
def test_arguments_and_results_of_any_kind(f, args, both):
    p, q = both(f)
    for each in args*2:
        want = p(*each)
        assert q(*each) == want and (not isinstance(want, float) or q.grad(*each) == p.grad(*each))
        assert q.jvp(*each, v=1.0) == p.jvp(*each, v=1.0)
    assert q(*args[0][:1], n=3) == p(*args[0][:1], n=3)
    values = [np.array(column) for column in zip(*[each[:2] for each in args], strict=True)]
    got, want = q.map(*values), p.map(*values)
    assert not differ(got["x"][0], want["x"][0]).any() if isinstance(got, dict) else not differ(got, want).any()


def test_arrays(both):
    p, q = both(lambda t: (t*t).sum() if t[0] > t[1] else t[2]*cgrad.exp(t).sum() if t[1] > t[2] else t[0]*t[1])
    for x in POINTS:
        assert np.isclose(q(x), p(x), rtol=1e-14) and np.allclose(q.grad(x), p.grad(x), rtol=1e-13)
        assert np.allclose(q.hessian(x), p.hessian(x), rtol=1e-12) and np.allclose(q.jvp(x, v=x)[1], p.jvp(x, v=x)[1], rtol=1e-13)
    assert np.allclose(q.map_value_and_grad(POINTS)[1], p.map_value_and_grad(POINTS)[1], rtol=1e-13)


def test_captured_leaves_are_read_and_left_alone(both):
    w, t, unused = Value(2.0), Tensor([1.0, 3.0], requires_grad=True), Value(1.0)
    p, q = both(lambda x: w*x*t[0] + t[1]*doubling(x))
    for x in np.linspace(0.01, 0.99, 30).tolist():
        w.data += 0.5
        assert q(x) == p(x) and q.grad(x) == p.grad(x)
        (a, b, c), (d, e, f) = q.grad(x, captured=[w, t, unused]), p.grad(x, captured=[w, t, unused])
        assert a == d and (b == e).all() and c == f == 0.0
        assert q.vjp(x, v=1.0, captured=w, argnums=0)[1] == p.vjp(x, v=1.0, captured=w, argnums=0)[1]
    assert w.grad == 0.0 and not t.grad.any()


def test_errors_are_those_of_the_function():
    def f(x):
        y = doubling(x)
        if x > 0.9:
            raise ZeroDivisionError("too large")
        if x > 0.8:
            return y*x.item()
        return y

    p = guarded(f, max_paths=1)
    for _ in range(100):
        for x in (0.3, 0.6, 0.123):
            assert p(x) == doubling(x)
        with pytest.raises(ZeroDivisionError):
            p.grad(0.95)
    with pytest.raises(TypeError):
        p.grad([0.5])
    with pytest.raises(ValueError, match="argnums"):
        p.grad(0.3, argnums=3)
    with pytest.raises(ZeroDivisionError):
        p.map(np.array([0.3, 0.6, 0.95]))
    assert p.map(np.array([0.3, 0.6]))[1] == doubling(0.6)


def test_f_runs_at_once_where_most_calls_have_no_path(monkeypatch):
    p = guarded(lambda x, y: doubling(x)*y, max_paths=2)
    q = guarded(lambda x, y: doubling(x)*y, max_paths=4096)
    points = np.random.default_rng(2).uniform(0, 1, (200, 2)).tolist()
    want = [q.value_and_grad(*point, argnums=(1, 0, -1)) for point in points]
    assert [p.value_and_grad(*point, argnums=(1, 0, -1)) for point in points] == want
    assert p.eager_calls is not None
    before = p.stats()["calls"]
    with cgrad.no_grad(), cgrad.Tape() as tape:
        for point in points:
            assert p(*point) == q(*point) and p.grad(*point) == q.grad(*point)
            assert p.grad(*point, argnums=1) == q.grad(*point, argnums=1)
    assert len(tape) == 0 and p.stats()["calls"] == before + 600
    assert p(3, 1) == doubling(3.0)
    v = Value(0.3)
    assert p(v, 2.0).data == doubling(0.3)*2.0 and p(y=2.0, x=0.3) == doubling(0.3)*2.0


def test_f_calls_itself_compiled():
    @guarded(max_paths=1)
    def f(x, n):
        return x*f(x, n - 1.0) if n > 0 else x

    for n in range(12):
        for _ in range(5):
            assert f(1.5, float(n)) == 1.5**(n + 1)


def test_threads_beyond_the_most_paths():
    p = guarded(doubling, max_paths=2)
    points = np.random.default_rng(3).uniform(0, 1, (4, 150))
    found = {}

    def work(k):
        found[k] = [p.value_and_grad(x) for x in points[k].tolist()], p.map(points[k], exact=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        [t.start() for t in threads], [t.join() for t in threads]
    q = guarded(doubling, max_paths=4096)
    for k in range(4):
        assert found[k][0] == [q.value_and_grad(x) for x in points[k].tolist()]
        assert found[k][1].tolist() == [value for value, _ in found[k][0]]


def test_the_warning_comes_after_sixteen_paths_and_once():
    p = guarded(doubling, max_paths=1024)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for k in range(16):
            p(k/16 + 0.01)
        assert not seen
        p.map(np.random.default_rng(4).uniform(0, 1, 50))
    assert len(seen) == 1 and "17 paths are recorded" in str(seen[0].message) and "if y > 1.0" in str(seen[0].message)


def test_evictions_must_pay():
    """Numbers that take ever new paths do not evict all the time; those that come back are recorded in the end."""
    p = guarded(doubling, max_paths=2)
    for x in np.random.default_rng(7).uniform(0, 1, 3000).tolist():
        p(x), p.grad(x)
    assert p.stats()["recordings"] < 30


def test_as_many_paths_as_are_kept_are_not_too_many():
    p = guarded(lambda x: x*x if x > 0 else -x, max_paths=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            assert p.map(np.array([1.0, -2.0, 3.0])).tolist() == [1.0, 2.0, 9.0] and p(-4.0) == 4.0
    assert p.stats()["fallbacks"] == 0


def test_large_groups_have_paths_for_a_batch():
    """Recorded once, and found again among the next points that are sorted."""
    calls = []
    p = guarded(lambda x: calls.append(1) or (x*x if x > 0 else x + 1.0 if x > -1.0 else -x), max_paths=1)
    x = np.random.default_rng(9).choice([1.0, -0.5, -3.0], 400_000)
    assert p.map(x).tolist() == np.where(x > 0, x*x, np.where(x > -1.0, x + 1.0, -x)).tolist()
    assert len(calls) == 3 and len(p.programs) == 1


def test_float32_is_recorded_as_ever():
    t = Tensor(np.array([0.1, 0.2], np.float32))
    p = guarded(lambda x: t[0]*x if x > 2.0 else t[1]*x if x > 1.0 else t[0] + x, max_paths=1)
    q = guarded(p.function)
    for x in (3.0, 1.5, 0.5)*3:
        assert p(x) == q(x) and p.grad(x) == q.grad(x)
