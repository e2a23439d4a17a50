"""Depth, width, denormal and infinite numbers: graphs that are large, or awkward in their numbers."""

from __future__ import annotations

import math

import pytest
from core_support import COLLECT_ALWAYS, SANITIZED, nodes, run

import cgrad
from cgrad import Tape, Value, current_tape

LARGE = 3000 if COLLECT_ALWAYS else 100_000  # collecting at every append makes a record quadratic


@pytest.mark.skipif(COLLECT_ALWAYS, reason="collecting at each of 10^7 appends takes years")
@pytest.mark.parametrize("explicit", [False, True])
def test_a_chain_of_ten_million_recorded_swept_dropped(explicit):
    """Peak memory at most 64 bytes an operation, backward and a collection included; 128 MiB kept afterwards."""
    depth = 10_000_000 if not SANITIZED else 1_000_000
    run(f"""
        import contextlib, os
        import cgrad
        from cgrad import Tape, Value, current_tape
        def status(key):
            with open("/proc/self/status") as f:
                return next(int(line.split()[1]) << 10 for line in f if line.startswith(key))
        before = status("VmRSS")
        x, w = Value(1.0), Value(1.0)
        tape = Tape() if {explicit} else current_tape()
        with tape:
            y = x*1.0
            for _ in range({depth}//2 - 1):
                y = y*w + 1e-9
            y = y + 0.0
            gone = y*2.0
        n = len(tape) - 2
        assert n == {depth} + 1, n
        y.backward()
        assert x.grad == 1.0 and abs(w.grad/({depth}//2) - 1) < 0.01, (x.grad, w.grad)
        del gone
        tape._collect()
        assert len(tape) == {depth} + 2
        once = w.grad
        y.backward()
        assert (x.grad, w.grad) == (2.0, 2*once)
        sanitized = {SANITIZED}
        peak = status("VmHWM") - before
        assert sanitized or peak <= 64*{depth}, peak/{depth}
        del y, tape
        left = status("VmRSS") - before
        assert sanitized or left <= 128 << 20, left >> 20
        (x*w).backward()
        assert x.grad == 3.0
        print(peak/{depth}, left >> 20)
        """)


def test_a_small_graph_among_many_living_nodes():
    """Backward touches its own graph alone: the gradients of all others stay, to the bit, and none is computed."""
    x, z = Value(2.0), Value(3.0)
    many = [x*float(k) for k in range(LARGE)]
    for k in range(0, LARGE, 97):
        many[k].grad = float(k)
    y = (many[0]*0.0 + many[5] + z)*z  # reaches down to the first nodes
    y.backward()
    assert (x.grad, z.grad) == (3.0*5.0, 10.0 + 3.0*2)
    for k in range(LARGE):
        want = float(k) if k % 97 == 0 else 0.0
        assert many[k].grad == want + (3.0 if k == 5 else 0.0)
    g = cgrad.gradients(y)
    assert (g.wrt(many[5]), g.wrt(many[6]), g.wrt(x)) == (3.0, 0.0, 15.0)


def test_wide_fan_out_and_fan_in():
    x, n = Value(0.5), LARGE
    parts = [x*float(k) for k in range(n)]
    total = Value(0.0)
    for p in parts:
        total = total + p
    total.backward()
    assert x.grad == n*(n - 1)/2
    assert all(p.grad == 1.0 for p in parts)
    x.grad = 0.0
    d = cgrad.dot(parts, [2.0]*n, x)
    d.backward()
    assert x.grad == n*(n - 1) + 1.0
    assert cgrad.gradients(d).wrt(x) == x.grad
    assert cgrad.tangents(d, x) == x.grad
    assert cgrad.gradients(d, create_graph=True).wrt(x).data == x.grad
    assert len(d._operands) == 2*n + 1


def test_a_deep_graph_that_doubles_at_every_step():
    """2^60 paths, 60 nodes."""
    x = Value(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60
    g = cgrad.gradients(y, create_graph=True).wrt(x)
    assert g.data == 2.0**60


def test_a_long_chain_of_recorded_derivatives():
    """create_graph over a deep graph needs no recursion either."""
    n = 300 if COLLECT_ALWAYS else 50_000
    x = Value(1.0)
    y = x
    for _ in range(n):
        y = y*x
    g = cgrad.gradients(y, create_graph=True).wrt(x)
    assert g.data == n + 1.0
    assert cgrad.gradients(g).wrt(x) == pytest.approx((n + 1.0)*n, rel=1e-12)


def test_a_million_prev_steps_and_a_drop_in_the_middle():
    n = LARGE
    y = Value(1.0)
    handles = []
    for k in range(n):
        y = y + 1.0
        if k % 1000 == 0:
            handles.append(y)
    v, steps = y, 0
    while v._op:
        v = v._operands[0]
        steps += 1
    assert steps == n
    del y, v
    current_tape()._collect()
    assert nodes(current_tape()) == (n - 1)//1000*1000 + 1 + 1


# ---- zeros that meet infinity ------------------------------------------------------------------------------

HEADS = {
    "sqrt": lambda z: z.sqrt(),                                   # d = inf at 0
    "log": lambda z: (z + 0.0).log().exp(),
    "dot": lambda z: cgrad.dot([z, 1.0], [math.inf, 1.0]),
    "dot many": lambda z: cgrad.dot([1.0]*9 + [z], [1.0]*9 + [math.inf]),
    "fma": lambda z: cgrad.fma(z, math.inf, 1.0),
    "powc": lambda z: z**0.5,
}


def spread(size):
    """Nodes below the graphs under test, so that each variant of the sweep runs."""
    base = Value(1.0)
    return [base*float(k) for k in range(size)]


@pytest.mark.parametrize("below", [0, 2000, LARGE])
@pytest.mark.parametrize("head", HEADS)
def test_zero_times_infinity_is_nan_inside_the_graph(head, below):
    keep = spread(below)
    z, other = Value(0.0), Value(2.0)
    y = HEADS[head](z)*0.0 + other*other  # the adjoint 0 meets the partial inf
    y.backward()
    assert math.isnan(z.grad)
    assert other.grad == 4.0
    g = cgrad.gradients(y)
    assert math.isnan(g.wrt(z))
    assert g.wrt(other) == 4.0
    lanes = cgrad.gradients(y, seed=[[1.0], [2.0]])
    assert all(math.isnan(v) for v in lanes.wrt(z))
    assert list(lanes.wrt(other)) == [4.0, 8.0]
    assert math.isnan(cgrad.tangents(y, z))
    assert cgrad.tangents(y, other) == 4.0
    y.backward()
    assert other.grad == 8.0
    assert all(v.grad == 0 for v in keep)


@pytest.mark.parametrize("below", [0, 2000, LARGE])
@pytest.mark.parametrize("head", HEADS)
def test_infinite_partials_of_other_graphs_contaminate_nothing(head, below):
    z, x = Value(0.0), Value(2.0)
    before = [HEADS[head](z) for _ in range(5)]
    keep = spread(below)
    y = x*x
    between = [HEADS[head](z)*y for _ in range(5)]   # above y, below the root, not in its graph
    for _ in range(700):
        y = y*1.0
    root = y + x
    after = [HEADS[head](z)*root for _ in range(3)]
    root.backward()
    assert (x.grad, z.grad) == (5.0, 0.0)
    g = cgrad.gradients(root)
    assert (g.wrt(x), g.wrt(z)) == (5.0, 0.0)
    assert all(v.grad == 0 for v in (*before, *keep, *between, *after))
    mixed = root + between[0]*0.0                     # and one that does meet its zero
    x.grad = 0.0
    mixed.backward()
    assert math.isnan(z.grad)
    z.grad = 0.0
    root.backward()                                   # no mark, no number is left of it
    assert z.grad == 0.0


def test_heads_of_three_operands_take_one_side():
    for c, want in ((1.0, (1.0, 0.0)), (0.0, (0.0, 1.0))):
        x, y, cond = Value(3.0), Value(4.0), Value(c)
        cgrad.where(cond, x, y).backward()
        assert (x.grad, y.grad, cond.grad) == (*want, 0.0)
    x, lo, hi = Value(7.0), Value(1.0), Value(5.0)
    x.clip(lo, hi).backward()
    assert (x.grad, lo.grad, hi.grad) == (0.0, 0.0, 1.0)
    x = Value(3.0)
    cgrad.fma(x, x, x).backward()  # one operand three times
    assert x.grad == 7.0
    x.grad = 0.0
    cgrad.dot([x, x], [x, 1.0], x).backward()
    assert x.grad == 6.0 + 1.0 + 1.0


def test_nan_and_infinite_seeds():
    x, w = Value(2.0), Value(0.0)
    y = x*w
    y.backward(math.inf)
    assert math.isnan(x.grad)
    assert w.grad == math.inf
    x.grad = w.grad = 0.0
    y.backward(math.nan)
    assert math.isnan(x.grad) and math.isnan(w.grad)
    x.grad = w.grad = 0.0
    y.backward(0.0)
    y.backward()
    assert (x.grad, w.grad) == (0.0, 2.0)


def test_adjoints_that_underflow_are_right():
    """Down through the denormal numbers to zero, each as in plain floats."""
    x = Value(1.0)
    values, y = [], x
    for _ in range(1000):
        y = y*0.4
        values.append(y)
    y.backward()
    want = 1.0
    for v in values[::-1]:
        assert v.grad == want
        want *= 0.4
    assert x.grad == want == 0.0
    assert sum(0 < v.grad < 2.3e-308 for v in values) > 30


def test_the_smallest_and_largest_numbers():
    tiny, huge = 5e-324, 1.7976931348623157e308
    x = Value(tiny)
    (x*huge).backward(tiny)
    assert x.grad == tiny*huge
    x.grad = huge
    (x*1.0).backward(huge)
    assert x.grad == math.inf


def test_tapes_by_the_thousand():
    x = Value(1.0)
    tapes = []
    for k in range(300 if SANITIZED else 2000):
        with Tape() as t:
            tapes.append((t, x*float(k)))
        if len(tapes) > 50:
            t, y = tapes.pop(0)
            y.backward()
    assert x.grad > 0


@pytest.mark.skipif(COLLECT_ALWAYS, reason="collecting at each of 10^6 appends takes years")
@pytest.mark.parametrize("size", [2_200_000, 3_000_001])
def test_memory_given_back_and_taken_again_reads_as_zero(size):
    """The rest of the last page after a shrink once kept adjoints of the tape before."""
    for _ in range(2):
        x = Value(1.0)
        with Tape():
            y = x*2.0
            for _ in range(size):
                y = y*1.0
        for _ in range(3):
            y.backward(3.0)
        assert x.grad == 18.0
        y.grad = 5.0
        del y
    x = Value(1.0)
    with Tape():
        y = x*1.0
        for _ in range(1000):
            y = y*1.0
        y.backward()
        for _ in range(size):
            y = y*1.0
        assert (y.grad, y._operands[0].grad) == (0.0, 0.0)
        y.backward()
        y.backward()
    assert x.grad == 3.0
