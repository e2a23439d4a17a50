"""The end of the interpreter; references and memory that must not leak, by any kind of call, errors included."""

from __future__ import annotations

import gc
import math
import sys
import tracemalloc

import numpy as np
import pytest
from core_support import SANITIZED, nodes, resident, run

import cgrad
from cgrad import Tape, TapeError, Value, current_tape

# ---- the end of the interpreter ----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "import sys; sys.exit(0)",
                                    "import atexit; atexit.register(lambda: (x*x, y.backward()))"])
def test_the_interpreter_ends_cleanly(ending):
    done = run(f"""
        import cgrad, threading, weakref, time
        from cgrad import Tape, Value, current_tape
        class Mine(Tape): pass
        x = Value(2.0, name="x")
        y = x*x
        kept = [current_tape(), current_tape().mark(), cgrad.gradients(y, create_graph=True), Tape(), Mine()]
        with kept[3]: z = x*3.0
        with kept[4]: kept[4].self = x*4.0
        kept[4].__enter__()
        cgrad.no_grad().__enter__()
        class Last:
            def __del__(self): (x*x)._prev
        last = Last()
        ref = weakref.ref(y, lambda _: x*2.0)
        def body():
            v = x*x
            while True: v = v*1.0; time.sleep(0.001)
        threading.Thread(target=body, daemon=True).start()
        time.sleep(0.02)
        {ending}
        """)
    assert done.stderr == ""


# ---- references -------------------------------------------------------------------------------------------


def every_call(x, w):
    """Each kind of call once."""
    y = x*w + 1.0
    name = "".join(["na", "me"])
    y.name = name
    cgrad.fma(x, y, w).clip(-1.0, x).where(1.0, 2.0)
    cgrad.dot([x, y, 2.0], (w, 3.0, x), 1.0).backward()
    y.backward(2.0)
    y._prev, y._operands, y.grad, y._op, repr(y), format(y, ".2f"), hash(y), y == x, bool(y)
    y.grad = 1.0
    y.zero_grad()
    g = cgrad.gradients(y)
    g.wrt(x), g.wrt([x, w, y])
    cgrad.gradients([y, x], [x, w], seed=[1.0, 2.0]).wrt(w)
    cgrad.gradients(y, seed=[[1.0], [2.0]]).wrt(x)
    h = cgrad.gradients(y*y, create_graph=True)
    cgrad.gradients(h.wrt(x), [w], create_graph=True).wrt(w).backward()
    cgrad.gradients(y, seed=[x], create_graph=True).wrt(w)
    cgrad.tangents([y, x], [x, w], seed=[[1.0, 0.0], [0.0, 1.0]])
    with Tape() as t:
        t.leaf(1.0, name="leaf")
        m = t.mark()
        v = x*2.0
        v.name = name
        list(t), len(t), repr(t), repr(m), t.nbytes
        t.rewind(m)
        t._collect()
    with cgrad.no_grad():
        x*w
    with cgrad.detect_anomaly():
        z = x + w
        assert z._prev
        for f in (lambda: (z*0.0).log(), lambda: cgrad.fma(z, math.inf, 1.0), lambda: (z*0.0 + 0.0).sqrt().backward(),
                  lambda: cgrad.dot([z], [math.nan])):
            try:
                f()
            except cgrad.AnomalyError:
                pass
    np.exp(x), np.float64(2.0)*x, x + np.float32(1.0), np.array([x, w], dtype=object).sum()
    x.data = x.data
    x.name = name
    w.grad = 0.0


def every_error(x, w):
    """Each kind of wrong call once."""
    y = x*w + 1.0
    y.name = "".join(["na", "me"])
    g = cgrad.gradients(y)
    with Tape() as t:
        mark = t.mark()
        v = x*2.0
        v.name = y.name
        t.rewind(mark)
    for f in (lambda: x + "a", lambda: x*None, lambda: 10**400*x, lambda: x + v, lambda: v.grad, lambda: y + foreign(x),
              lambda: float(x), lambda: Value(x), lambda: Value("a"), lambda: Value(1.0, (), "+"),
              lambda: Value(1.0, name=3),
              lambda: cgrad.dot([x, "a"], [1.0, 2.0]), lambda: cgrad.dot([x], []), lambda: cgrad.fma(x, 1.0, None),
              lambda: cgrad.fma(y, foreign(x), 1.0), lambda: cgrad.gradients(3.0),
              lambda: cgrad.gradients([y, foreign(x)]),
              lambda: cgrad.gradients(y, seed=[1.0, 2.0], create_graph=True), lambda: cgrad.gradients(y, seed="a"),
              lambda: g.wrt(foreign(x)), lambda: g.wrt(1.0), lambda: t.rewind(None), lambda: setattr(y, "data", 1.0),
              lambda: setattr(y, "name", 1), lambda: pow(x, 2, 3), lambda: cgrad.exp("a"), lambda: np.spacing(x),
              lambda: np.ones(2)*x, lambda: cgrad.polygamma(x, 1.0), lambda: t.__exit__(None, None, None),
              lambda: x.__init__("a"), lambda: x.backward("a")):
        try:
            f()
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            pass


def foreign(x):
    with Tape():
        return x*5.0


def test_no_call_leaks_references_or_memory():
    x, w = Value(0.5, name="x"), Value(2.0)
    tape = current_tape()

    def counts():
        tape._collect()
        gc.collect()
        return [sys.getrefcount(o) for o in (x, w, tape, None, Value, Tape, TapeError, cgrad.Gradients, 1.5)]

    def many(n):
        for _ in range(n):
            every_call(x, w)
            every_error(x, w)

    many(100)
    before, objects, memory = counts(), len(gc.get_objects()), resident()
    many(400 if not SANITIZED else 50)
    after = counts()
    assert all(abs(a - b) < 40 for a, b in zip(after, before, strict=True)), (before, after)
    assert after[:2] == before[:2]
    assert abs(len(gc.get_objects()) - objects) < 50
    assert SANITIZED or resident() - memory < 3 << 20
    tracemalloc.start()
    try:
        many(20)
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        many(100)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - first < 40_000
    finally:
        tracemalloc.stop()
    assert nodes(tape) == 0
