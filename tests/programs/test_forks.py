"""Compiled functions after a fork: what belonged to the parent's other threads holds up nobody in the child."""

from __future__ import annotations

import os
import threading

import pytest
from core_support import in_child, needs_fork, together
from programs_support import guarded

import cgrad
from cgrad import Value
from cgrad.programs import locks

pytestmark = [needs_fork, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
CALLS = 20_000


class Pause:
    """Where a thread stands while another forks."""

    def __init__(self):
        self.inside, self.go = threading.Event(), threading.Event()

    def __call__(self):
        self.inside.set()
        self.go.wait(60)

    def beside(self, thread, in_the_child):
        """Run ``thread``, which comes to a pause, in one; fork in another; the child's status."""
        statuses = []

        def fork():
            assert self.inside.wait(60)
            try:
                statuses.append(in_child(in_the_child))
            finally:
                self.go.set()

        together(thread, fork)
        return statuses[0]


def runs(f):
    """(all uses of a compiled function, those by the fast path)."""
    executables = [e for program in f.programs for e in program.codes.values()]
    return sum(program.total_uses for program in f.programs), sum(e.fast_runs for e in executables)


def calls_are_fast(f):
    for _ in range(5):
        f(1.0)
    uses, fast = runs(f)
    for k in range(CALLS):
        f(k + 1.0)
    assert runs(f)[0] == uses + CALLS
    assert runs(f)[1] >= fast + 0.99*CALLS


def test_a_fork_while_another_thread_records():
    """The child records that function itself, and calls of others take the fast path."""
    pause, first = Pause(), [True]

    @cgrad.compile
    def slow(x):
        if first[0]:
            first[0] = False
            pause()
        return x*3.0

    @cgrad.compile
    def other(x):
        return x*x

    other(2.0)

    def in_the_child():
        first[0] = False
        assert slow(2.0) == 6.0
        assert slow.grad(2.0) == 3.0
        assert not cgrad._core.recording()
        calls_are_fast(other)
        calls_are_fast(slow)
        v = Value(2.0)
        assert (v*v).item() == 4.0
        together(lambda: calls_are_fast(cgrad.compile(lambda x: x + 1.0)))

    assert pause.beside(lambda: slow(1.0), in_the_child) == 0
    assert slow(2.0) == 6.0
    calls_are_fast(slow)
    calls_are_fast(other)


@pytest.mark.parametrize("mode", [cgrad.no_grad, cgrad.detect_anomaly])
def test_a_fork_while_another_thread_is_in_a_mode(mode):
    pause = Pause()
    f = cgrad.compile(lambda x: x*x)
    f(1.0)

    def thread():
        with mode():
            pause()

    def in_the_child():
        calls_are_fast(f)
        x = Value(3.0)
        (x*x).backward()
        assert x.grad == 6.0
        with cgrad.no_grad():
            assert not (x*x)._prev
        assert (x*x)._prev

    assert pause.beside(thread, in_the_child) == 0


@pytest.mark.parametrize("mode", [cgrad.no_grad, cgrad.detect_anomaly])
def test_a_thread_that_forks_keeps_its_modes(mode):
    x = Value(3.0)

    def in_the_child():
        assert mode is not cgrad.no_grad or not (x*x)._prev
        block.__exit__(None, None, None)
        (x*x).backward()
        assert x.grad == 6.0

    with mode() as block:
        assert in_child(in_the_child) == 0
        assert mode is not cgrad.no_grad or not (x*x)._prev


def test_a_function_that_forks_while_it_is_recorded():
    """The recording goes on in both, with its guards, though much is recorded meanwhile."""
    status, w = [None], Value(2.0)

    @guarded
    def f(x):
        y = x*w
        if status[0] is None:
            status[0] = os.fork()
        for _ in range(3000):
            y = y + 0.0*x
        return y if x > 0 else -y

    answers = None
    try:
        answers = [f(3.0), f(-3.0), f.grad(3.0), f.grad(-3.0), len(f.programs)]
        calls_are_fast(f)
        cgrad.current_tape()._collect()
    finally:
        if status[0] == 0:
            os._exit(0 if answers == [6.0, 6.0, 2.0, -2.0, 2] else 1)
    assert os.waitpid(status[0], 0)[1] == 0
    assert answers == [6.0, 6.0, 2.0, -2.0, 2]


def test_a_fork_while_machine_code_is_made():
    """A fork waits for the compiler's call to end; the child compiles as well."""
    pytest.importorskip("llvmlite")

    def made(k):
        def f(x):
            for m in range(400):
                x = x*1.0001 + k*m
            return x
        return f

    stop = threading.Event()
    statuses = []

    def compile_all():
        k = 0
        while not stop.is_set():
            k += 1
            cgrad.compile(made(k), backend="native")(1.0)

    def in_the_child():
        want = cgrad.compile(made(1), backend="interpreter")(1.0)
        assert cgrad.compile(made(1), backend="native")(1.0) == want

    def fork():
        try:
            for _ in range(8):
                statuses.append(in_child(in_the_child))
        finally:
            stop.set()

    cgrad.compile(made(0), backend="native")(1.0)
    together(compile_all, fork)
    assert statuses == [0]*8


# ---- locks -------------------------------------------------------------------------------------------


def test_locks_are_open_in_the_child_but_for_its_own():
    lock, pause = locks.Lock(), Pause()

    def thread():
        with lock:
            pause()

    def in_the_child():
        with lock, lock:
            pass

    assert pause.beside(thread, in_the_child) == 0

    def while_held():
        taken = []

        def take():
            with lock:
                taken.append(1)

        other = threading.Thread(target=take)
        other.start()
        other.join(0.2)
        assert not taken
        lock.__exit__()
        other.join(60)
        assert taken

    with lock:
        assert in_child(while_held) == 0


def test_a_fork_waits_for_locks_that_are_held_over_it():
    lock, pause, order = threading.Lock(), Pause(), []
    locks.hold_over_forks(lock)
    locks.hold_over_forks(lock)
    try:
        def thread():
            with lock:
                pause.inside.set()
                pause.go.wait(0.3)
                order.append("released")

        def fork():
            assert pause.inside.wait(60)
            assert in_child(lambda: lock.acquire(blocking=False) or 1/0) == 0
            order.append("forked")

        together(thread, fork)
    finally:
        locks._held.remove(lock)
    assert order == ["released", "forked"]
    assert not lock.locked()
