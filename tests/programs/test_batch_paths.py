"""Batches whose points take several paths; what happens in the middle of one: progress, errors, Ctrl-C, threads, fork."""

import copy
import gc
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref

import numpy as np
import pytest
from lanes_support import differ
from programs_support import guarded

import cgrad
from cgrad import _core

RNG = np.random.default_rng(11)
X = np.array([1.0, 2.0, 3.0])


def two(x):
    return cgrad.exp(x)*x if x > 0.25 else x*x - 3.0


def several(x, y):
    """Nested branches, a nan branch, max of Python, a loop of as many steps as the data say."""
    if x != x:
        return y*-1.0
    s = max(x, y)
    if s > 1.0:
        s = s*0.5 if y > x else s*s
    elif abs(x) < 0.1:
        return cgrad.sin(x)*y
    k = 0
    while s*s > 0.05:
        s = s*0.6 + 0.01*k
        k += 1
        if k > 12:
            break
    return s*x + y


def loop(x):
    """Halvings down to 1: a path for each power of two."""
    steps = 0.0
    while x > 1.0:
        x = x*0.5
        steps = steps + 1.0
    return x + 10.0*steps


def singles(p, *columns):
    return [p(*point) for point in zip(*(c.tolist() for c in columns), strict=True)]


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"])
def threads(request):
    return request.param


# ---- many paths --------------------------------------------------------------------------------------

@pytest.mark.parametrize("known", [False, True])
def test_order_is_kept(threads, known):
    x = RNG.normal(size=5000)
    p = guarded(two)
    if known:
        p(1.0), p(-1.0)
    values, gradients = p.map_value_and_grad(x, exact=True, threads=threads)
    q = guarded(two)
    want = [q.value_and_grad(v) for v in x.tolist()]
    assert not differ(values, [v for v, _ in want]).any() and not differ(gradients, [g for _, g in want]).any()
    assert len(p.programs) == 2
    assert np.allclose(p.map(x, threads=threads), values, rtol=1e-14)
    assert not differ(p.map_hvp(x, v=np.ones(5000), exact=True), [q.hvp(v, v=1.0) for v in x.tolist()]).any()
    assert not differ(p.map_jacobian(x, exact=True), gradients).any()


def test_many_paths_with_nan_and_infinity(threads):
    x, y = RNG.normal(size=(2, 3000))*1.5
    x[::7], y[::11], x[5], y[6], x[8], y[9] = np.nan, np.nan, np.inf, np.inf, -np.inf, -np.inf
    x[::13] = 0.0
    p, q = guarded(several), guarded(several)
    want = singles(q, x, y)
    assert not differ(p.map(x, y, exact=True, threads=threads), want).any()
    assert not differ(p.map(x, y, exact=True, threads=threads), want).any()
    assert np.allclose(p.map(x, y, threads=threads), want, rtol=1e-13, equal_nan=True)
    values, (gx, gy) = p.map_value_and_grad(x, y, argnums=(0, 1), exact=True, threads=threads)
    for k in range(0, 3000, 17):
        value, gradient = q.value_and_grad(x[k], y[k], argnums=(0, 1))
        assert not differ([values[k], gx[k], gy[k]], [value, *gradient]).any()
    assert len(p.programs) == len(q.programs) > 20


def test_where_each_point_goes_as_python_says():
    """Against the function on plain floats, to the bit: nothing that replay and recording could be wrong in together."""
    x = np.concatenate([RNG.normal(size=1000)*100, 2.0**np.arange(-3, 40), -np.ones(3), [np.nan, -np.inf]])
    p = guarded(loop)
    assert not differ(p.map(x), [loop(v) for v in x.tolist()]).any()
    assert not differ(p.map(x, threads=2), [loop(v) for v in x.tolist()]).any()


@pytest.mark.parametrize("most", [1, 2, 5, 64])
def test_all_points_on_different_paths(most, threads):
    """Up to max_paths and beyond: one warning, and the right results."""
    x = 2.0**np.arange(1, 41)*0.99
    x = np.concatenate([x, x[::-1], x])
    want = [loop(v) for v in x.tolist()]
    p = guarded(loop, max_paths=most)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert not differ(p.map(x, threads=threads), want).any()
        values, gradients = p.map_value_and_grad(x, threads=threads)
        assert not differ(values, want).any() and not differ(gradients, 0.5**np.array([math.ceil(math.log2(v)) for v in x])).any()
        assert np.isclose(p.map(x, reduce="sum", threads=threads), sum(want))
    assert len(p.programs) == min(most, 40)
    many = [w for w in caught if "paths are recorded" in str(w.message)]
    assert len(many) == 1 == len(caught)


def test_points_beyond_the_most_paths_run_together():
    """A path that is not kept is recorded once for all of its points in a batch, not for each."""
    calls = []

    def f(x):
        calls.append(1)
        return loop(x)

    p = guarded(f, max_paths=2)
    x = np.repeat(2.0**np.arange(1, 11)*0.99, 200)
    with pytest.warns(RuntimeWarning, match="2 paths are recorded"):
        values = p.map(x)
    assert not differ(values, [loop(v) for v in x.tolist()]).any()
    assert len(calls) == 10


@pytest.mark.parametrize("layout", [np.copy, np.asfortranarray, lambda x: x[::-1].copy()[::-1], lambda x: x.astype(">f4")],
                         ids=["contiguous", "Fortran", "reversed", "big-endian"])
def test_gathered_points_of_many_numbers(layout, threads):
    """Points of the second path are anywhere; each has 21 numbers and a vector."""
    x, v = layout(RNG.normal(size=(1500, 21))), layout(RNG.normal(size=(1500, 21)))
    p = guarded(lambda x: (x*x*x).sum() if x[3] > 0 else (x[1:]*x[:-1]).sum())
    values, gradients = p.map_value_and_grad(x, threads=threads)
    products = p.map_hvp(x, v=v, threads=threads)
    for k in range(0, 1500, 7):
        point = np.array(x[k], np.float64)
        value, gradient = p.value_and_grad(point)
        assert not differ(values[k], value) and not differ(gradients[k], gradient).any()
        assert not differ(products[k], p.hvp(point, v=np.array(v[k], np.float64))).any()


def test_more_points_than_are_sorted_at_once(threads):
    """Results, vectors and sums are at their index beyond the first million points too."""
    n = 2**20 + 1000
    x = np.where(np.arange(n) % 1000 == 7, -1.0, 1.0)*(1.0 + np.arange(n)/n)
    p = guarded(lambda x, w: x*x*w if x > 0 else x*w)
    w = np.array(3.0)
    want = np.where(x > 0, x*x*3.0, x*3.0)
    seen = []
    assert not differ(p.map(x, w, threads=threads, progress=lambda *counts: seen.append(counts)), want).any()
    assert seen[-1] == (n, n) and len(p.programs) == 2
    v = np.sqrt(np.arange(n))
    assert not differ(p.map_hvp(x, w, v=v, threads=threads), np.where(x > 0, v*6.0, 0.0)).any()
    value, gradient = p.map_value_and_grad(x, w, reduce="sum", threads=threads)
    assert np.isclose(value, want.sum(), rtol=1e-12) and np.isclose(gradient, np.where(x > 0, 6.0*x, 3.0).sum(), rtol=1e-12)


def test_sums_over_paths(threads):
    """The same bits for any number of threads and any calls before; no point twice, none left out."""
    x, y = RNG.normal(size=(2, 20_000))
    p = guarded(several)
    total = p.map(x, y, reduce="sum", threads=1)
    first = p.map_value_and_grad(x, y, reduce="sum", threads=1)
    assert np.isclose(total, p.map(x, y).sum(), rtol=1e-11) and np.isclose(first[0], total, rtol=1e-11)
    for k in range(4):
        p(x[k], y[k])
        assert not differ(p.map(x, y, reduce="sum", threads=threads), total)
        assert not differ(p.map_value_and_grad(x, y, reduce="sum", threads=threads), first).any()
    for q in (copy.copy(p), copy.deepcopy(p)):
        q(x[4], y[4])
        assert not differ(q.map(x, y, reduce="sum", threads=threads), total)
    ones = guarded(lambda x: 1.0 + 0.0*x if x > 0 else 1.0 - 0.0*x)
    assert ones.map(x, reduce="sum", threads=threads) == 20_000


def test_jacobians_over_paths(threads):
    def f(x):
        return [x[0]*x[1], x[1]*2.0, x[0]] if x[0] > 0 else [x[0]*x[0], cgrad.sin(x[1]), x[1]]

    x = RNG.normal(size=(700, 2))
    p, q = guarded(f), guarded(f)
    found = p.map_jacobian(x, exact=True, threads=threads)
    want = [q.jacobian(point) for point in x]
    for j in range(3):
        assert not differ(found[j], [w[j] for w in want]).any()
    tall = guarded(lambda x: (x*x).sum() if x[0] > 0 else (x*x*x).sum())
    assert np.allclose(tall.map_jacobian(x, threads=threads), np.where(x[:, :1] > 0, 2*x, 3*x*x), rtol=1e-14)


def test_paths_of_other_structure():
    p = guarded(lambda x: [x, x] if x > 0 else x)
    with pytest.raises(ValueError, match=r"some points return .*others"):
        p.map(np.array([1.0, -1.0, 2.0]))
    assert p(1.0) == [1.0, 1.0] and p(-1.0) == -1.0 and p.map(np.array([2.0, 3.0]))[1].tolist() == [2.0, 3.0]
    for run in (p.map_value_and_grad, lambda x: p.map_hvp(x, v=x)):
        with pytest.raises(TypeError, match="not one number"):
            run(np.array([2.0, 3.0]))
        with pytest.raises((TypeError, ValueError), match="not one number|others"):
            run(np.array([-2.0, 3.0]))
        run(np.array([-2.0, -3.0]))
    assert p.map_jacobian(np.array([2.0, 3.0]))[0].tolist() == [1.0, 1.0]
    assert p.map_jacobian(np.array([-2.0, -3.0])).tolist() == [1.0, 1.0]
    q = guarded(lambda x: {"x": x, "how": "up"} if x > 0 else {"x": x, "how": "down"})
    with pytest.raises(ValueError, match="others"):
        q.map(np.array([1.0, -1.0]))


# ---- right on a border ---------------------------------------------------------------------------------

def exp_differs():
    """A number for which vector exp is less than C's, and one for which it is greater; None if there is none."""
    x = np.random.default_rng(3).uniform(-5, 5, 200_000)
    p = guarded(lambda x: cgrad.exp(x))
    vector, exact = p.map(x), p.map(x, exact=True)
    return [float(x[np.flatnonzero(where)[0]]) if where.any() else None for where in (vector < exact, vector > exact)]


BORDERS = {
    ">=": lambda x, t: x*2.0 if cgrad.exp(x) >= t else x*3.0, ">": lambda x, t: x*2.0 if cgrad.exp(x) > t else x*3.0,
    "==": lambda x, t: x*2.0 if cgrad.exp(x) == t else x*3.0, "!=": lambda x, t: x*2.0 if cgrad.exp(x) != t else x*3.0,
    "both": lambda x, t: x*2.0 if cgrad.exp(x) > t else x*3.0 if cgrad.exp(x) >= t else x*4.0,
    "twice": lambda x, t: (x*2.0 if cgrad.exp(x) > t else x*3.0) + (x if 0 >= t - cgrad.exp(x) else x*2.0),
}


@pytest.mark.parametrize("side", [0, 1], ids=["below", "above"])
@pytest.mark.parametrize("how", BORDERS)
@pytest.mark.parametrize("mixed", [False, True])
def test_guards_on_their_border(how, side, mixed, threads):
    """Vector functions may decide them otherwise than the recording does: then the recording is right.

    Either result is one of the function's, and the function is called a few times, not for each point.
    """
    border = exp_differs()[side]
    if border is None:
        pytest.skip("vector exp gives the bits of C's here")
    calls = []
    t = math.exp(border)

    def f(x):
        calls.append(1)
        return BORDERS[how](x, t)

    p = guarded(f)
    x = np.full(3000, border)
    if mixed:
        x[::3] = np.nextafter(border, 9)
        x[1::3] = np.linspace(-5, 5, 1000)
    for _ in range(3):
        ratio = p.map(x, threads=threads)/x
        assert np.isin(np.round(ratio, 9), [2.0, 3.0, 4.0, 5.0]).all()
        assert np.isclose(p.map(x, reduce="sum", threads=threads), (ratio*x).sum(), atol=5*abs(border)*3000)
    assert len(calls) <= 40 and len(p.programs) <= 3, len(calls)
    assert not differ(p.map(x, exact=True, threads=threads), [BORDERS[how](v, t) for v in x.tolist()]).any()


def test_guards_on_their_border_beyond_the_most_paths():
    below, above = exp_differs()
    borders = [b for b in (below, above) if b is not None]
    if not borders:
        pytest.skip("vector exp gives the bits of C's here")
    p = guarded(lambda x: loop(x*x) if cgrad.exp(x) >= t else x*3.0, max_paths=2)
    for border in borders:
        t = math.exp(border)
        p = guarded(lambda x, t=t: loop(x*x*2.0**20) if cgrad.exp(x) >= t else x*3.0, max_paths=2)
        x = np.where(np.arange(600) % 2, border, np.linspace(-5, 5, 600))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            got = p.map(x)
            exact = p.map(x, exact=True)
        want = np.array([p.function(v) for v in x.tolist()])
        assert not differ(exact, want).any() and np.isclose(got, want)[x != border].all()


# ---- progress --------------------------------------------------------------------------------------------

def heavy(x, a):
    for _ in range(700):
        x = x*a + (x - a)*(0.5 - x*a)*0.01
    return x if x > 0 else x*2.0


def test_progress(threads):
    """Counts never fall, and end at the total: over pieces, paths, passes."""
    x = RNG.uniform(-1, 1, 12_000)
    p = guarded(heavy)
    for run, options in ((p.map, {}), (p.map, {"reduce": "sum"}), (p.map_value_and_grad, {"argnums": (0, 1)}),
                         (p.map_jacobian, {"argnums": (0, 1)}), (p.map, {"exact": True})):
        seen = []
        run(x, 0.9, in_axes=(0, None), threads=threads, progress=lambda *counts, seen=seen: seen.append(counts), **options)
        done = [k for k, _ in seen]
        assert {total for _, total in seen} == {12_000} and done == sorted(done) and done[-1] == 12_000 and len(done) > 2


def test_bar(threads, capsys, monkeypatch):
    tqdm = pytest.importorskip("tqdm", reason="the bar is tqdm's")
    p = guarded(two)
    assert p.map(RNG.normal(size=500), progress=True, threads=threads).shape == (500,)
    text = capsys.readouterr().err
    assert "500" in text and "points" in text and "100%" in text
    assert p.map(np.ones(3), progress=False).shape == (3,) and not capsys.readouterr().err
    assert tqdm
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        p.map(np.ones(3), progress=True)


def test_progress_may_use_the_function(threads):
    p = guarded(heavy)
    x = RNG.uniform(-1, 1, 12_000)
    want, inner = p.map(x, 0.9, in_axes=(0, None)), []

    def progress(done, total):
        inner.append(p(float(x[0]), 0.9) == want[0] and not differ(p.map(x[:50], 0.9, in_axes=(0, None)), want[:50]).any())

    assert not differ(p.map(x, 0.9, in_axes=(0, None), threads=threads, progress=progress), want).any()
    assert all(inner) and inner


class Broken(Exception):
    pass


def test_errors_of_progress(threads):
    """They are raised, the other threads stop, and the function is as usable as before."""
    x = RNG.uniform(-1, 1, 12_000)
    p = guarded(heavy)
    want = p.map(x, 0.9, in_axes=(0, None))

    def fail(done, total):
        if done > 3000:
            raise Broken(done)

    before = threading.active_count()
    for options in ({}, {"reduce": "sum"}):
        with pytest.raises(Broken):
            p.map(x, 0.9, in_axes=(0, None), threads=threads, progress=fail, **options)
    assert threading.active_count() == before
    assert not differ(p.map(x, 0.9, in_axes=(0, None), threads=threads), want).any()


def test_errors_while_a_path_is_recorded(threads):
    """In the middle of a batch, by the user's function: the error itself, and everything goes on afterwards."""
    broken = [True]

    def f(x):
        if x > 2.0:
            if broken[0]:
                raise Broken("no such path")
            return x*10.0
        return x if x > 0 else -x

    x = np.concatenate([RNG.uniform(-1, 1, 3000), [2.5], RNG.uniform(-1, 3, 500)])
    p = guarded(f)
    for _ in range(2):
        with pytest.raises(Broken, match="no such path"):
            p.map(x, threads=threads)
        assert not _core.recording() and len(p.programs) <= 2
    assert p(0.5) == 0.5 and p(-0.5) == 0.5
    broken[0] = False
    assert not differ(p.map(x, threads=threads), [f(v) for v in x.tolist()]).any()
    assert len(p.programs) == 5  # two are of the time when it was broken


def test_what_cannot_be_repeated(threads):
    """A recording that does not even hold where it was made is no path: the error says so."""
    shared = np.array([1.0])
    captured = cgrad.Tensor(shared, copy=False)

    def f(x):
        y = x*2.0 if x*captured[0] > 0 else x*3.0
        shared[0] = -shared[0]  # an effect, which no recording sees
        return y

    for run in (lambda p: p(1.0), lambda p: p.map(X, threads=threads), lambda p: p.map_value_and_grad(X),
                lambda p: p.map(X, exact=True)):
        with pytest.raises(RuntimeError, match="behaves differently at"):
            run(guarded(f))
        assert not _core.recording()


def test_captured_values_choose_paths():
    state = cgrad.Value(0.0)
    made = []

    def f(x):
        made.append(1)
        return x*1.0 if x + state > 0 else x*2.0

    p = guarded(f)
    assert p.map(np.array([1.0, -1.0])).tolist() == [1.0, -2.0]
    state.data = 10.0  # captured: read afresh, so this is another path for the same points
    assert p.map(np.array([1.0, -1.0])).tolist() == [1.0, -1.0] and len(made) == 2


# ---- Ctrl-C ------------------------------------------------------------------------------------------------

INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
import numpy as np, cgrad
def f(x, a):
    for _ in range(100):
        x = x*a + cgrad.sin(x)*0.1
    return x if x < 1e9 else x*2.0
p = cgrad.compile(f)
want = p.map(np.ones(3), 0.5, in_axes=(0, None)).tolist()
x = np.broadcast_to(np.array([0.3]), (10**9,))
options = {"threads": int(sys.argv[1]), "in_axes": (0, None), "reduce": "sum"}
if sys.argv[2] == "progress":
    options["progress"] = lambda done, total: None
print("started", flush=True)
try:
    p.map(x, 0.5, **options)
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
assert p.map(np.ones(3), 0.5, in_axes=(0, None), threads=2).tolist() == want and p(1.0, 0.5) == want[0]
print("usable", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a child gets no SIGINT there")
@pytest.mark.parametrize("progress", ["progress", "quiet"])
def test_interrupts_stop_within_a_second(threads, progress):
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(threads), progress], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline() == "started\n"
            time.sleep(0.7)
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            stopped = float(child.stdout.readline())
            assert stopped - sent < 1.0
            assert child.stdout.readline() == "usable\n" and child.wait(20) == 0
        finally:
            child.kill()


# ---- threads and processes -----------------------------------------------------------------------------------

def test_several_threads_map_one_function():
    """At once, from before the first path is recorded; each gets its own numbers."""
    x, y = RNG.normal(size=(2, 4000))*1.5
    q = guarded(several)
    want = np.array(singles(q, x, y))
    for _ in range(2):
        p, found, start = guarded(several), {}, threading.Barrier(6)

        def work(k, p=p, found=found, start=start):
            start.wait()
            mine = np.roll(np.arange(4000), 137*k)
            if k % 2:
                found[k] = mine, p.map(x[mine], y[mine], exact=True, threads=1 + k % 3)
            else:
                found[k] = mine, np.array([p(x[i], y[i]) for i in mine])

        workers = [threading.Thread(target=work, args=(k,)) for k in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len(found) == 6
        for mine, got in found.values():
            assert not differ(got, want[mine]).any()
        assert len(p.programs) == len(q.programs)


def mapped_in_child(p, x, queue):
    values = p.map(x, threads=2)
    queue.put((values.sum(), p.map(x, reduce="sum", threads=1), len(p.programs), p.grad(3.0)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_fork_after_threads():
    p = guarded(two)
    x = RNG.normal(size=60_000)
    want = p.map(x, threads=2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=mapped_in_child, args=(p, x, queue)) for _ in range(2)]
    for child in children:
        child.start()
    try:
        for _ in children:
            total, reduced, paths, gradient = queue.get(timeout=60)
            assert total == want.sum() and np.isclose(reduced, total) and paths == 2 and gradient == p.grad(3.0)
    finally:
        for child in children:
            child.join(10)
            child.kill()
    assert not differ(p.map(x, threads=2), want).any()


# ---- nothing is kept -----------------------------------------------------------------------------------------------

class Points(np.ndarray):
    """Arrays that can be weakly referenced by what they are."""


def test_arrays_and_programs_are_let_go(threads):
    """With the batch, also one that failed; without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        for fails in (False, True):
            x, v = np.ones(500).view(Points), np.ones(500).view(Points)
            p = guarded(two)
            result = p.map(x, threads=threads)
            p.map_hvp(x, v=v), p.map(x, reduce="sum")
            if fails:
                with pytest.raises(Broken):
                    p.map(x, progress=lambda *_: raised(), threads=threads)
            gone = [weakref.ref(thing) for thing in (x, v, result, p)]
            del x, v, result, p
            assert [ref() for ref in gone] == [None]*4 or fails and gc.collect() and [ref() for ref in gone] == [None]*4
    finally:
        gc.enable()


def raised():
    raise Broken
