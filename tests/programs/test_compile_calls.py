"""Calls of compiled functions: with Values, inside of others, recursive, from threads, after exceptions, 10^5 times."""

from __future__ import annotations

import concurrent.futures
import copy
import gc
import math
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from programs_support import guarded

import cgrad
from cgrad import Tensor, TraceError, Value


def piecewise(x):
    return x*x if x > 1 else 3*x - 2 if x > -1 else -x


# ---- with Values, and inside of other functions --------------------------------------------------

def test_values_run_eagerly():
    p = cgrad.compile(piecewise)
    for x in (2.0, 0.5, -3.0):
        v = Value(x)
        result = p(v)
        assert type(result) is Value and result.data == piecewise(x)
        result.backward()
        assert v.grad == p.grad(x)
    u = Value(2.0)
    assert p(u*u).data == 16.0 and p(x=u).data == 4.0
    t = Tensor([1.0, 2.0], requires_grad=True)
    q = cgrad.compile(lambda d, k: d["t"][0]*d["t"][1] + k)
    total = q({"t": t}, 3.0)
    total.backward()
    assert total.data == 5.0 and t.grad.tolist() == [2.0, 1.0]
    mixed = q({"t": np.array([1.0, 2.0])}, Value(1.0))
    assert mixed.data == 3.0
    assert q({"t": np.array([Value(3.0), 2.0])}, 1.0).data == 7.0  # an array of objects
    assert not q.programs
    for op in ("map", "map_value_and_grad", "map_jacobian"):
        with pytest.raises(TypeError, match=rf"\.{op}: arguments are plain numbers and arrays, not Values or Tensors: give their .data"):
            getattr(p, op)(Value(1.0))


def test_inside_of_another():
    inner = cgrad.compile(piecewise)
    calls = []

    @guarded
    def outer(x, y):
        calls.append(None)
        return inner(x)*y + inner(y)

    for x, y in ((2.0, 0.5), (2.0, 0.25), (-3.0, 2.0), (-4.0, 3.0), (2.0, 0.125)):
        assert outer(x, y) == piecewise(x)*y + piecewise(y)
    assert len(outer.programs) == 2 == len(calls) and not inner.programs
    assert outer.grad(2.0, 0.5, argnums=(0, 1)) == (2.0, 7.0)
    for op in ("map", "map_value_and_grad"):
        with pytest.raises(TraceError, match=rf"piecewise\.{op}: .*{__file__}:\d+"):
            cgrad.compile(lambda x, op=op: getattr(inner, op)(x))(1.0)
        inner(2.0)  # its short way is there now
    assert outer(5.0, 0.5) == piecewise(5.0)*0.5 + piecewise(0.5)


def test_programs_inside_of_a_function_are_refused():
    p = cgrad.compile(piecewise)
    p(2.0)
    program = p.programs[0]
    assert program(3.0) == 9.0
    with pytest.raises(TypeError):
        cgrad.compile(lambda x: program(x))(2.0)
    with pytest.raises(TypeError, match="arguments are plain numbers"):
        program(Value(2.0))


def test_recursion():
    @cgrad.compile
    def power(x, n):
        return 1.0 if n < 1 else x*power(x, n - 1)

    assert power(2.0, 10) == 1024.0 and power(3.0, 2) == 9.0 and power(2.0, 10) == 1024.0
    assert power.grad(2.0, 3) == 12.0 and len(power.programs) == 3

    @cgrad.compile
    def even(x):
        return x if x < 1 else odd(x - 1)

    @cgrad.compile
    def odd(x):
        return -x if x < 1 else even(x - 1)

    assert even(4.5) == 0.5 and even(5.5) == -0.5 and odd(5.5) == 0.5
    endless = cgrad.compile(lambda x: endless(x) + 1.0)
    with pytest.raises(RecursionError):
        endless(1.0)
    assert power(2.0, 4) == 16.0


def test_derivatives_of_compiled_functions_by_eager_cgrad():
    p = cgrad.compile(lambda x: x**3)
    x = Value(2.0)
    g = cgrad.gradients(p(x), x, create_graph=True).wrt(x)
    assert g.data == 12.0 and cgrad.gradients(g, x).wrt(x) == 12.0
    assert cgrad.tangents(p(x), x) == 12.0


# ---- state of the thread ---------------------------------------------------------------------------

def state():
    """State that a recording must leave unchanged."""
    with cgrad.Tape():
        recorded = len((Value(1.0)*Value(2.0))._prev)
    return cgrad.current_tape(), len(cgrad.current_tape()), cgrad._core.recording(), recorded


def test_recordings_leave_no_trace():
    x = Value(3.0)
    y = x*x
    before = state()
    p = cgrad.compile(lambda a: piecewise(a)*x)
    p(1.0), p(2.0), p.grad(-2.0), p.hessian(1.0)
    assert state() == before and x.grad == 0.0
    y.backward()
    assert x.grad == 6.0
    with cgrad.Tape() as t:
        z = x*2
        q = cgrad.compile(lambda a: a*x)
        assert q(5.0) == 15.0 and cgrad.current_tape() is t
        (z*z).backward()
    assert len(t) == 3 and x.grad == 6.0 + 24.0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, ZeroDivisionError])
def test_exceptions_in_the_function(error):
    before = state()
    fail = [True]

    @guarded
    def f(x):
        y = x*x
        if x > 0:
            y = y + 1
        if fail[0]:
            raise error("by the function")
        return y

    for _ in range(3):
        with pytest.raises(error, match="by the function"):
            f(2.0)
        with pytest.raises(error):
            f.value_and_grad(-2.0)
    assert state() == before and not f.programs
    fail[0] = False
    assert f(2.0) == 5.0 and f(-2.0) == 4.0 and f.grad(3.0) == 6.0
    assert state() == before
    fail[0] = True
    with pytest.raises(error):  # f reads fail: it is asked again
        f(4.0)
    fail[0] = False
    assert f(4.0) == 17.0 and f.value_and_grad(-4.0) == (16.0, -8.0) and len(f.programs) == 2  # replayed
    fail[0] = True
    with pytest.raises(error):
        f(np.ones(1))
    v = Value(2.0)
    (v*v).backward()
    assert v.grad == 4.0


def test_exceptions_by_the_numbers():
    """An exception depends on guards like a result; such paths are not kept."""
    @cgrad.compile
    def f(x):
        if x < 0:
            raise ValueError("negative")
        return cgrad.sqrt(x)

    for x in (4.0, -1.0, 9.0, -1.0, 16.0):
        if x < 0:
            with pytest.raises(ValueError, match="negative"):
                f(x)
        else:
            assert f(x) == math.sqrt(x)
    assert len(f.programs) == 1


def test_exceptions_that_the_function_catches():
    @cgrad.compile
    def f(x):
        try:
            return {True: x*2}[bool(x > 0)]
        except KeyError:
            return -x

    assert [f(x) for x in (1.0, -1.0, 2.0, -2.0)] == [2.0, 1.0, 4.0, 2.0]


def test_under_no_grad():
    """Numbers are equal; the recording serves derivatives too."""
    w = Value(2.0)
    p = guarded(lambda x: w*x*x if x > 0 else -x)
    with cgrad.no_grad():
        assert p(3.0) == 18.0 and p.grad(3.0) == 12.0 and p.grad(-3.0) == -1.0
        y = w*w
        assert y._prev == set()  # still inside
    z = w*w
    z.backward()
    assert w.grad == 4.0 and len(p.programs) == 2
    with pytest.raises(ValueError), cgrad.no_grad():
        cgrad.compile(lambda x: int("a"))(1.0)
    assert (w*w)._prev == {w}


def test_under_detect_anomaly():
    p = cgrad.compile(lambda x: cgrad.log(x)*2)
    with cgrad.detect_anomaly():
        with pytest.raises(cgrad.AnomalyError, match="log: result is nan"):
            p(-1.0)
        assert p(1.0) == 0.0
    assert not cgrad._core.recording() and p(math.e) == 2.0


def test_generators_and_callbacks_inside():
    def numbers(x):
        for k in range(3):
            yield x*k

    p = cgrad.compile(lambda x: sum(numbers(x)) + max(numbers(x), key=lambda v: -v) + [*map(abs, numbers(x))][2])
    assert p(2.0) == 6.0 + 0.0 + 4.0 and p(-2.0) == -6.0 - 4.0 + 4.0


# ---- threads ---------------------------------------------------------------------------------------

def test_many_threads_call_one_function():
    w = Value(2.0)

    @cgrad.compile
    def f(x):
        y = x
        for _ in range(50):
            y = y*0.5 + w if y > 1 else y + cgrad.sin(y)
        return y

    def plain(x):
        for _ in range(50):
            x = x*0.5 + 2.0 if x > 1 else x + math.sin(x)
        return x

    points = np.linspace(-3, 3, 40).tolist()
    want = [plain(x) for x in points]
    start = threading.Barrier(6)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def work(k):
        start.wait()
        for _ in range(5):
            for x, y in zip(points[k:] + points[:k], want[k:] + want[:k], strict=True):
                assert f(x) == y
                assert f.value_and_grad(x)[0] == y
                assert f.grad(x, captured=[w]) is not None
        v = Value(1.5)
        (v*v).backward()
        return v.grad

    try:
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            assert [*pool.map(work, range(6))] == [3.0]*6
    finally:
        sys.setswitchinterval(switch)
    outcomes = [program.outcomes for program in f.programs]
    assert len(set(outcomes)) == len(outcomes) <= 40  # no path twice


def test_threads_that_record_and_threads_that_do_not():
    """While one thread records, others compute, compare and sweep as ever."""
    inside, go = threading.Event(), threading.Event()

    @cgrad.compile
    def slow(x):
        inside.set()
        assert go.wait(60)
        return x*x if x > 0 else x

    def record():
        return slow(3.0)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        recording = pool.submit(record)
        assert inside.wait(60)
        v, t = Value(2.0), Tensor([1.0, 2.0], requires_grad=True)
        y = v*v + (t*v).sum()
        assert (y > 0) and y.item() == 10.0 and y.data == 10.0 and float(y.detach().data) == 10.0 and (t > 1).tolist() == [False, True] and cgrad.isnan(v) is False
        with cgrad.no_grad():
            assert (v*2).data == 4.0
        y.backward()
        assert v.grad == 7.0 and t.grad.tolist() == [2.0, 2.0]
        other = cgrad.compile(lambda x: x + 1 if x < 0 else x)
        assert other(-2.0) == -1.0 and other(2.0) == 2.0
        go.set()
        assert recording.result(60) == 9.0
    assert slow(-3.0) == -3.0 and slow(2.0) == 4.0


@pytest.mark.parametrize("work", [
    lambda v: v if v > 0 else -v, lambda v: v.data, lambda v: v.item(), lambda v: bool(v), lambda v: cgrad.static(v), lambda v: v == 1.0, lambda v: cgrad.isnan(v), lambda v: max(v, 0.0),
    lambda v: (v*1.0).data, lambda v: (v*1.0) > 0, lambda v: v*1.0, lambda v: copy.copy(v)],
    ids=["if", "data", "item", "bool", "static", "==", "isnan", "max", "node data", "node compared", "node", "copy"])
@pytest.mark.parametrize("of", ["argument", "node", "tensor", "element"])
def test_numbers_of_a_recording_in_another_thread(work, of):
    """Guards are not noted there: refused, or right."""
    def f(x, y):
        v = {"argument": lambda: x, "node": lambda: x*1.0, "tensor": lambda: y, "element": lambda: y[0]}[of]()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            try:
                done = pool.submit(work, v).result()
            except TypeError:
                done = 0.0  # caught: refused all the same
            except ValueError:
                done = 1.0
        return x*(done[0] if isinstance(done, (Tensor, np.ndarray)) and done.ndim else done if isinstance(done, (bool, float, Value)) else 1.0)

    p = cgrad.compile(f)
    try:
        found = [p(x, np.array([y])) for x, y in ((1.0, 1.0), (-1.0, -1.0), (math.nan, math.nan), (2.0, 2.0))]
    except TypeError as error:
        assert isinstance(error, TraceError) or "sequence" in str(error), error
    else:
        def eager(x, y):
            return f(Value(x), Tensor([y], requires_grad=True)).data
        np.testing.assert_array_equal(found, [eager(x, y) for x, y in ((1.0, 1.0), (-1.0, -1.0), (math.nan, math.nan), (2.0, 2.0))])
    assert not cgrad._core.recording()


# ---- memory ----------------------------------------------------------------------------------------

def grown(call, rounds):
    """Bytes that Python's allocator has more after these calls."""
    for k in range(200):
        call(k)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for k in range(rounds):
            call(k)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.many_nodes
def test_calls_take_no_memory():
    w, t = Value(2.0), Tensor(np.ones(5), requires_grad=True)
    p = guarded(lambda x, y: w*x*x*y.sum() + t.sum() if x > 0 else w*x, backend="interpreter")
    a = np.ones(10)
    s = cgrad.compile(lambda d: [d["a"]*2, {"b": d["l"][0]}], backend="interpreter")
    nested = {"a": np.ones(3), "l": [1.0, None]}

    def call(k):
        x = 1.0 if k % 2 else -1.0
        p(x, a), p.value_and_grad(x, a), p.grad(x, a, argnums=(0, 1))
        if k % 10 == 0:
            p.grad(x, a, captured=[w, t]), p.jvp(x, a, v=1.0), p.hvp(x, a, v=1.0), s(nested), s.jacobian(nested)

    for k in range(2000):
        call(k)
    assert grown(call, 20_000) < 20_000
    assert len(p.programs) == 2


@pytest.mark.many_nodes
def test_one_hundred_thousand_calls():
    p = guarded(lambda x: x*x if x > 0 else -x, backend="interpreter")
    assert grown(lambda k: p(k - 100.0), 100_000) < 10_000
    assert p.programs[0].total_uses + p.programs[1].total_uses > 100_000


def test_failing_calls_take_no_memory():
    p = cgrad.compile(lambda x: x.item())

    def call(_):
        with pytest.raises(TraceError):
            p(1.0)

    assert grown(call, 500) < 100_000 > grown(call, 2000)


def test_what_a_recording_made_goes():
    kept = []

    class Big:
        pass

    @guarded
    def f(x):
        big = Big()
        kept.append(weakref.ref(big))
        y = x*x if x > 0 else x
        big.of = y
        kept.append(weakref.ref(cgrad.current_tape()))
        return y

    f(1.0), f(-1.0)
    gc.collect()
    assert [ref() for ref in kept] == [None]*4
    ref = weakref.ref(f)
    del f
    gc.collect()
    assert ref() is None


def test_captured_leaves_live_with_the_function_only():
    w = Value(2.0)
    p = cgrad.compile(lambda x: x*2.0 + Value(1.0))
    p(1.0)
    q = (lambda w: cgrad.compile(lambda x: w*x))(w)
    q(1.0)
    before = sys.getrefcount(w)
    del q
    gc.collect()
    assert sys.getrefcount(w) < before


# ---- figures -----------------------------------------------------------------------------------------

def test_stats_and_the_logger(caplog):
    p = guarded(lambda x: x*x if x > 0 else x + 1 if x > -1 else -x, max_paths=2)
    with caplog.at_level("INFO", logger="cgrad"), pytest.warns(RuntimeWarning, match="paths are recorded"):
        assert [p(1.0), p(2.0), p(-0.5), p(-3.0), p(-4.0)] == [1.0, 4.0, 0.5, 3.0, 4.0]
    found = p.stats()
    assert found["seconds"] > 0
    assert {name: n for name, n in found.items() if name != "seconds"} == \
        {"recordings": 2, "paths": 2, "merges": 0, "fallbacks": 2, "calls": 5}
    lines = [record.getMessage() for record in caplog.records if record.name == "cgrad"]
    assert len(lines) == 2 and "recorded for the first call: " in lines[0] and "another outcome of" in lines[1]


def test_the_warning_names_the_line_that_makes_the_paths():
    def f(x):
        if x > 100.0:
            return x
        total = 0.0
        for k in range(6):
            total = total + (x if x > k else 2.0*x)  # here
        return total

    p = guarded(f, max_paths=3)
    with pytest.warns(RuntimeWarning, match=r"3 paths are recorded.* most of them part at .*\.py:\d+ in .*f: total = .*# here$"):
        for k in range(5):
            assert p(k + 0.5) == f(k + 0.5)
