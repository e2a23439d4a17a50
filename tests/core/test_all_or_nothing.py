"""A sweep is all or nothing: whatever hooks do, gradients are as before it or complete, and the next sweep is right."""

from __future__ import annotations

import gc
import math
import os
import threading
import weakref

import numpy as np
import pytest
from core_support import in_child, needs_fork, together

import cgrad
from cgrad import Function, Tape, TapeError, Tensor, Value


class Graph:
    """Leaves, Values and Tensors mixed, some used twice; nodes of both kinds; a result.

    Its size decides by which way it is swept: "beside" much else, it is listed; "long", its adjoints become gradients.
    """

    def __init__(self, size="small"):
        self.other = Value(0.0)
        for _ in range(5000 if size == "beside" else 0):
            self.other = self.other + 1.0
        self.leaves = [Value(2.0, name="v"), Tensor([1.0, 2.0], True, name="t"), Value(3.0, name="u"),
                       Tensor([[1.0, 2.0], [3.0, 4.0]], True, name="m")]
        v, t, u, m = self.leaves
        h = t*v + 1.0
        a = v*u
        self.nodes = [h, a, m@h]
        self.result = (self.nodes[2]*t).sum() + a*u + t[0]*a
        for _ in range(3000 if size == "long" else 0):
            self.result = self.result + 0.0

    def gradients(self):
        return [np.array(x.grad).tolist() for x in (*self.leaves, *self.nodes, self.result)]

    def once(self):
        """What one sweep adds."""
        twin = Graph()
        twin.result.backward()
        return twin.gradients()


def times(gradients, k):
    return [(np.array(g)*k).tolist() for g in gradients]


NONE = times(Graph().gradients(), 0)
SIZES = ["small", "long", "beside"]
LEAVES, NODES = ["v", "t", "u", "m"], ["h", "a", "m@h"]


def hooked(graph, place):
    return graph.leaves[LEAVES.index(place)] if place in LEAVES else graph.nodes[NODES.index(place)]


# ---- hooks that fail ---------------------------------------------------------------------------------


class Unsized:
    """Looks like an array until it is asked."""

    def __array__(self, *_, **__):
        raise LookupError("no array")


def fail(error):
    raise error


FAILURES = {
    "raises": (lambda g: 1/0, ZeroDivisionError),
    "is interrupted": (lambda g: fail(KeyboardInterrupt()), KeyboardInterrupt),
    "exits": (lambda g: fail(SystemExit()), SystemExit),
    "is out of memory": (lambda g: fail(MemoryError()), MemoryError),
    "returns another shape": (lambda g: np.ones((5, 7)), ValueError),
    "returns text": (lambda g: "much", TypeError),
    "returns a complex number": (lambda g: g*1j, TypeError),
    "returns objects": (lambda g: np.full(np.shape(g), None), TypeError),
    "returns what fails as an array": (lambda g: Unsized(), LookupError),
    "sweeps the tape": (lambda g: RESULT[0].backward(), TapeError),
    "rewinds the tape": (lambda g: cgrad.current_tape().clear(), TapeError),
}
RESULT = []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("place", [*LEAVES, *NODES])
def test_a_hook_that_fails_leaves_every_gradient_as_it_was(place, failure, size):
    hook, error = FAILURES[failure]
    graph = Graph(size)
    RESULT[:] = [graph.result]
    calls = []
    handle = hooked(graph, place).register_hook(lambda g: calls.append(g) or hook(g))
    for before in (0, 1):
        for _ in range(2):
            with pytest.raises(error):
                graph.result.backward()
            assert graph.gradients() == times(graph.once(), before)
        assert len(calls) == 2*(before + 1)
        if not before:
            handle.remove()
            graph.result.backward()
            handle = hooked(graph, place).register_hook(lambda g: calls.append(g) or hook(g))
    handle.remove()
    graph.result.backward()
    assert graph.gradients() == times(graph.once(), 2)


@pytest.mark.parametrize("place", ["v", "t"])
def test_a_leaf_s_own_sweep(place):
    leaf = hooked(Graph(), place)
    handle = leaf.register_hook(lambda g: 1/0)
    with pytest.raises(ZeroDivisionError):
        leaf.backward()
    assert np.all(np.array(leaf.grad) == 0)
    handle.remove()
    leaf.backward()
    leaf.backward()
    assert np.all(np.array(leaf.grad) == 2)


def test_one_hook_of_several_tensors_raises_once():
    w1, w2 = Tensor([1.0, 1.0], True), Tensor([1.0, 1.0], True)
    handle = w1.register_hook(lambda g: 1/0)
    y = (w1*2.0 + w2*3.0).sum()
    with pytest.raises(ZeroDivisionError):
        y.backward()
    assert w1.grad.tolist() == w2.grad.tolist() == [0.0, 0.0]
    handle.remove()
    y.backward()
    y.backward()
    assert w1.grad.tolist() == [4.0, 4.0]
    assert w2.grad.tolist() == [6.0, 6.0]


def test_a_function_that_fails():
    class Fails(Function):
        def forward(self, x):
            return x*2.0

        def backward(self, g):
            return g*2.0 if fine else 1/0

    graph, fine = Graph(), False
    t = graph.leaves[1]
    y = (Fails.apply(t)*3.0).sum() + graph.result
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            y.backward()
        assert graph.gradients() == NONE
    fine = True
    y.backward()
    want = graph.once()
    want[1] = (np.array(want[1]) + 6.0).tolist()
    assert graph.gradients() == want


def test_a_leaf_whose_shape_changed():
    """What was recorded has no place in the gradient any more: refused, whichever leaf comes first."""
    for first in (0, 1):
        leaves = [Tensor([1.0, 2.0], True), Tensor([1.0, 2.0], True)]
        y = (leaves[0]*leaves[1]).sum()
        leaves[first].requires_grad_(False).data = np.zeros(3)
        leaves[first].requires_grad_()
        with pytest.raises(ValueError, match=r"used when its shape was \(2,\)"):
            y.backward()
        assert leaves[first].grad.tolist() == [0.0]*3
        assert leaves[1 - first].grad.tolist() == [0.0]*2


# ---- hooks that do something -------------------------------------------------------------------------


def sweep_elsewhere(graph):
    """A sweep of a tape of its own over the same leaves; hooks are asked there as well."""
    v, t, u, _ = graph.leaves
    with Tape():
        (v*100.0 + (t*100.0).sum() + u*100.0).backward()


def record_much(graph):
    """Grows the columns and the table of arrays, on the tape that is swept."""
    v, t, *_ = graph.leaves
    for _ in range(300):
        h = (t*v).sum()
    for _ in range(20_000):
        h = h*1.0
    graph.other = h


def collect_cycles(graph):
    made = []
    for _ in range(50):
        with Tape():
            x = Value(1.0)*2.0
        x.register_hook(lambda g, x=x: None)
        made.append(weakref.ref(x))
    gc.collect()


def drop(graph):
    graph.other = graph.leaves[1].data*1.0
    gc.collect()


def register(graph):
    for leaf in graph.leaves:
        leaf.register_hook(lambda g: None)


def ask_elsewhere(graph):
    v = graph.leaves[0]
    with Tape():
        assert cgrad.gradients(v*v, [v]).wrt(v) == 4.0


DEEDS = {"records": record_much, "collects": collect_cycles, "drops": drop, "registers hooks": register,
         "asks for gradients": ask_elsewhere}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("place", [*LEAVES, *NODES])
def test_a_hook_that_does_something(place, deed, size):
    graph = Graph(size)
    seen = []

    def hook(g):
        seen.append(graph.gradients())
        DEEDS[deed](graph)

    handle = hooked(graph, place).register_hook(hook)
    graph.result.backward()
    assert seen == [NONE]
    assert graph.gradients() == graph.once()
    graph.result.backward()
    assert seen == [NONE, graph.once()]
    handle.remove()
    graph.result.backward()
    assert graph.gradients() == times(graph.once(), 3)
    assert len(seen) == 2


@pytest.mark.parametrize("place", [*LEAVES, *NODES])
def test_a_hook_that_sweeps(place):
    graph, depth, seen = Graph(), [0], []

    def hook(g):
        seen.append((depth[0], np.array(g).tolist()))
        depth[0] += 1
        if depth[0] == 1:
            sweep_elsewhere(graph)
        depth[0] -= 1

    hooked(graph, place).register_hook(hook)
    graph.result.backward()
    want = graph.once()
    own = want[(LEAVES + NODES).index(place)]
    inner = np.full(np.shape(own), 100.0).tolist()
    assert seen == ([(0, own), (1, inner)] if place in ("v", "t", "u") else [(0, own)])
    for k in (0, 1, 2):
        want[k] = (np.array(want[k]) + 100.0).tolist()
    assert graph.gradients() == want


def test_a_hook_that_removes_itself():
    for place in (*LEAVES, *NODES):
        graph, calls = Graph(), []
        handle = hooked(graph, place).register_hook(lambda g, calls=calls: calls.append(1) or handle.remove())
        graph.result.backward()
        graph.result.backward()
        assert calls == [1]
        assert graph.gradients() == times(graph.once(), 2)


def test_the_last_reference_to_a_leaf_goes_in_a_hook():
    t, v = Tensor([1.0, 2.0], True), Value(2.0)
    y = (t*v).sum()
    gone = [weakref.ref(t), weakref.ref(v)]
    held = [t, v]
    t.register_hook(lambda g: held.clear())
    v.register_hook(lambda g: held.clear())
    del t, v
    y.backward()
    del y
    gc.collect()
    assert [x() for x in gone] == [None, None]


def test_what_a_hook_returns_is_copied():
    """The buffer is used again by each hook; writing to it, or to what hooks were given, changes nothing."""
    a, b, seen = Tensor([1.0, 2.0], True), Tensor([1.0, 2.0], True), []
    buffer = np.zeros(2)

    def hook(g):
        seen.append(g)
        return np.multiply(g, 2.0, out=buffer)

    h = a*3.0
    for x in (a, b, h):
        x.register_hook(hook)
    (h + b).sum().backward()
    buffer[:] = 99.0
    for g in seen:
        g[:] = 99.0
    assert h.grad.tolist() == [2.0, 2.0]
    assert a.grad.tolist() == [12.0, 12.0]
    assert b.grad.tolist() == [2.0, 2.0]


def test_a_hook_that_writes_to_its_adjoint():
    """x + y hands one buffer on to both: a hook has one to itself."""
    a, b = Tensor([1.0, 2.0], True), Tensor([1.0, 2.0], True)
    h = a*1.0
    y = h + b
    h.register_hook(lambda g: g.__imul__(10.0))
    b.register_hook(lambda g: g.__imul__(5.0))
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]
    assert h.grad.tolist() == a.grad.tolist() == [10.0, 10.0]
    assert b.grad.tolist() == [5.0, 5.0]


def test_numbers_in_arrays_without_dimensions():
    t = Tensor(2.0, True)
    seen = []
    t.register_hook(lambda g: seen.append(g.shape) or g*2.0)
    y = t*3.0 + t
    for k in (1, 2):
        y.backward()
        assert t.grad.shape == ()
        assert t.grad == 8.0*k
    assert seen == [(), ()]


# ---- sweeps that begin anew ------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_hooks_and_functions_are_asked_once_where_a_nan_turns_up(size):
    """0*inf at what was not chosen: the sweep begins anew, and who was asked keeps to his answer."""
    class Double(Function):
        def forward(self, x):
            return x*2.0

        def backward(self, g):
            seen.append(("function", np.array(g).tolist()))
            return g*2.0

    seen = []
    before = Graph(size)
    x, t = Value(0.0), Tensor([0.0, 4.0], True)
    root, roots = x.sqrt(), t.sqrt()
    chosen = cgrad.where(x > 0, root, x*3.0)
    picked = np.where(t.data > 0, roots, t*3.0)
    top, doubled = chosen*5.0, Double.apply(picked)
    y = top + doubled.sum()
    for _ in range(3000 if size == "long" else 0):
        y = y + 0.0
    for name, node in (("root", root), ("roots", roots), ("chosen", chosen), ("picked", picked), ("top", top), ("x", x),
                       ("t", t)):
        node.register_hook(lambda g, name=name: seen.append((name, np.array(g).tolist())))
    top.register_hook(lambda g: g*7.0)
    y.backward()
    want = {"top": 1.0, "chosen": 35.0, "function": [1.0, 1.0], "picked": [2.0, 2.0], "roots": [0.0, 2.0], "x": 105.0,
            "t": [6.0, 0.5]}
    assert sorted(name for name, _ in seen) == sorted(want)
    assert dict(seen) == want
    assert x.grad == 105.0
    assert t.grad.tolist() == [6.0, 0.5]
    assert math.isfinite(root.grad)
    assert before.gradients() == NONE


def test_an_answer_is_for_one_sweep():
    """What was answered in a sweep that failed, or began anew, is not taken for the next one's."""
    t = Tensor([0.0, 4.0], True)
    roots = t.sqrt()
    picked = np.where(t.data > 0, roots, t*3.0)
    top = picked*2.0
    factors = [10.0, 100.0, 1000.0]
    top.register_hook(lambda g: g*factors[0])
    y = top.sum()
    for _ in range(3):
        t.zero_grad()
        y.backward()
        assert t.grad.tolist() == [6.0*factors[0], 0.5*factors[0]]
        del factors[0]
        factors.append(1.0)
    handle = picked.register_hook(lambda g: 1/0)
    with pytest.raises(ZeroDivisionError):
        y.backward()
    handle.remove()
    factors[0] = 3.0
    t.zero_grad()
    y.backward()
    assert t.grad.tolist() == [18.0, 1.5]


# ---- threads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["value", "tensor"])
def test_two_sweeps_share_a_leaf_while_its_hook_runs(kind):
    w = Value(1.0) if kind == "value" else Tensor([1.0, 1.0], True)
    seen, inside = [], threading.Barrier(2)

    def hook(g):
        seen.append(float(np.max(g)))
        inside.wait(30)  # both are here before either adds

    w.register_hook(hook)

    def body(factor):
        with Tape():
            y = w*factor
            (y if kind == "value" else y.sum()).backward()

    together(lambda: body(1.0), lambda: body(10.0))
    assert sorted(seen) == [1.0, 10.0]
    assert np.all(np.array(w.grad) == 11.0)


def test_many_sweeps_of_large_tensors_in_several_threads():
    """Copies of large arrays let other threads run: no sum is lost, whether gradients are held or not."""
    n, rounds = 40_000, 60
    ws = [Tensor(np.ones(n), True) for _ in range(3)]
    shared, held = Value(1.0), []

    def body(factor):
        for k in range(rounds):
            with Tape():
                y = shared*factor
                for w in ws:
                    y = y + (w*factor).sum()
                y.backward()
            if k % 3 == 0:
                held.append([w.grad for w in ws])
                del held[:-2]

    together(*[lambda factor=factor: body(factor) for factor in (1.0, 10.0, 100.0)])
    assert shared.grad == 111.0*rounds
    for w in ws:
        assert np.all(w.grad == 111.0*rounds)


def test_another_thread_records_while_arrays_are_swept():
    """The table of arrays grows, and moves, while a sweep copies and its hooks run."""
    tape, t = Tape(), Tensor(np.ones(50_000), True)
    with tape:
        h = t*1.0
        for _ in range(30):
            h = (h + h[::-1]*0.5)*(t*0.0 + 1.0)
        y = h.sum()
    want = cgrad.gradients(y, [t]).wrt(t)
    h.register_hook(lambda g: g*1.0)
    stop = threading.Event()

    def sweep():
        try:
            for _ in range(10):
                y.backward()
        finally:
            stop.set()

    def record():
        small, kept = Tensor([1.0], True), []
        while not stop.is_set():
            with tape:
                kept.append(small*2.0)
            if len(kept) > 3000:
                kept.clear()

    together(sweep, record)
    np.testing.assert_allclose(t.grad, 10*want, rtol=1e-12)


def test_threads_whose_hooks_fail_beside_those_whose_do_not():
    w, t, rounds = Value(1.0), Tensor([1.0, 2.0], True), 300
    failing = threading.local()

    def hook(g):
        if getattr(failing, "now", False):
            raise LookupError("not this one")

    w.register_hook(hook)
    t.register_hook(hook)

    def body(factor, fails):
        for k in range(rounds):
            failing.now = fails and k % 2 == 1
            with Tape():
                y = w*factor + (t*factor).sum()
                try:
                    y.backward()
                except LookupError:
                    assert failing.now

    together(lambda: body(1.0, True), lambda: body(10.0, False), lambda: body(1000.0, True))
    assert w.grad == rounds/2*1.0 + rounds*10.0 + rounds/2*1000.0
    assert t.grad.tolist() == [w.grad]*2


# ---- forks -------------------------------------------------------------------------------------------


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("place", [*LEAVES, *NODES])
def test_a_hook_that_forks(place):
    """Parent and child go on with the sweep, each with its own."""
    graph, pids, status = Graph(), [], 1

    def hook(g):
        pids.append(os.fork())
        record_much(graph)

    handle = hooked(graph, place).register_hook(hook)
    try:
        graph.result.backward()
        handle.remove()
        assert graph.gradients() == graph.once()
        graph.result.backward()
        assert graph.gradients() == times(graph.once(), 2)
        cgrad.current_tape()._collect()
        status = 0
    finally:
        if pids == [0]:
            os._exit(status)
    assert os.waitpid(pids[0], 0)[1] == 0


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("place", ["t", "h"])
def test_a_fork_while_the_hook_of_another_thread_runs(place):
    """The child has the tape in the middle of a sweep that never ends there: its gradients are as before it."""
    with Tape():
        graph = Graph()
    inside, go = threading.Event(), threading.Event()

    def hook(g):
        inside.set()
        go.wait(30)
        return g*2.0

    handles = [hooked(graph, "m@h").register_hook(lambda g: g*2.0), hooked(graph, place).register_hook(hook)]

    def sweep():
        graph.result.backward()

    def in_the_child():
        assert graph.gradients() == NONE
        for handle in handles:
            handle.remove()
        for k in (1, 2):
            graph.result.backward()
            assert graph.gradients() == times(graph.once(), k)

    statuses = []

    def fork():
        inside.wait(30)
        try:
            statuses.append(in_child(in_the_child))
        finally:
            go.set()

    together(sweep, fork)
    assert statuses == [0]
