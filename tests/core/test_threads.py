"""Threads, fork, signals, memory that runs out, the end of the interpreter; references that must not leak."""

from __future__ import annotations

import math
import random
import signal
import sys
import threading
import time

import pytest
from core_support import COLLECT_ALWAYS, SANITIZED, in_child, needs_fork, nodes, run, together

import cgrad
from cgrad import Tape, TapeError, Value, current_tape

# A chain whose sweep releases the GIL; collecting at each append makes its record quadratic.
LONG = 9000 if COLLECT_ALWAYS else 2_000_000


def chain(x, n=LONG):
    """A long chain with derivative 1: its sweep runs without the GIL."""
    with Tape() as t:
        y = x*1.0
        for _ in range(n):
            y = y + 0.0
    return t, y


def test_threads_on_their_own_tapes_sharing_leaves():
    w = [Value(float(k)) for k in range(1, 5)]
    steps, tapes = 500, set()

    def body(seed):
        rng = random.Random(seed)
        tapes.add(id(current_tape()))
        keep = []
        for _ in range(steps):
            y = w[0]*w[1] + w[2]*3.0
            for _ in range(10):
                y = y + w[3]
            y.backward()
            if rng.random() < 0.1:
                keep = [y]
        assert keep[0].data == 2.0 + 9.0 + 40.0

    together(*[lambda seed=seed: body(seed) for seed in range(4)])
    assert [x.grad for x in w] == [4*steps*2.0, 4*steps*1.0, 4*steps*3.0, 4*steps*10.0]
    assert len(tapes) == 4


def test_one_tape_shared_by_threads():
    """Correct, or a TapeError: backward refuses a tape that another sweep is on."""
    tape, x = Tape(), Value(2.0)
    done, refused = [], []

    def body():
        for k in range(1500):
            with tape:
                y = x*3.0
                for _ in range(20):
                    y = y*1.0 + 0.5
                assert y.data == 16.0
            try:
                y.backward()
                done.append(k)
            except TapeError as e:
                assert "in use by a sweep" in str(e)
                refused.append(k)
            if k % 100 == 0:
                assert cgrad.gradients(y).wrt(x) == 3.0

    together(body, body, body)
    assert x.grad == 3.0*len(done)
    assert len(done) + len(refused) == 4500
    tape._collect()
    assert nodes(tape) == 0


def test_values_dropped_by_other_threads_than_the_one_that_made_them():
    made, x = [], Value(1.0)
    stop = threading.Event()

    def make():
        y = x*1.0
        for k in range(30_000 if not COLLECT_ALWAYS else 1000):
            y = y + 1.0
            if k % 3 == 0:
                made.append(y)
            if k == 0:
                y0 = y
        stop.set()
        y.backward()
        assert y0.grad == 1.0

    def drop():
        while not stop.is_set() or made:
            if made:
                made.pop().exp()
            else:
                time.sleep(0)

    together(make, drop, drop)
    assert x.grad == 1.0


def test_a_large_sweep_while_another_thread_appends_to_the_tape():
    """Appends in the room that is left go on; those that need the columns moved wait. No number is wrong."""
    x, z = Value(1.0), Value(3.0)
    tape, y = chain(x)
    once = threading.Event()

    def sweep():
        try:
            for _ in range(5):
                y.backward()
        finally:
            once.set()

    def append():
        with tape:
            v = y*0.0 + z
            while not once.is_set():
                v = v*1.0
                w = y + z
                assert w.data == 4.0
            v.grad
        assert v.data == 3.0
        v.backward(2.0)

    together(sweep, append)
    assert x.grad == 5.0
    assert z.grad == 2.0


def test_a_tape_in_a_sweep_refuses_what_would_move_it():
    x = Value(1.0)
    tape, y = chain(x)
    mark, refused, stop = tape.mark(), [], threading.Event()

    def sweep():
        done = 0
        while done < 10:
            try:
                y.backward()
                done += 1
            except TapeError as e:  # of a sweep below
                refused.append(e)
        stop.set()

    def disturb():
        while not stop.is_set():
            for act in (lambda: tape.rewind(mark), lambda: tape._collect(), lambda: y.backward(0.0),
                        lambda: cgrad.gradients(y, seed=0.0)):
                try:
                    act()
                except TapeError as e:
                    assert "is in use by a sweep: wait for it to end" in str(e)
                    refused.append(e)

    together(sweep, disturb)
    assert x.grad == 10.0
    assert COLLECT_ALWAYS or refused


def test_a_graph_with_zero_times_infinity_while_others_append():
    """The second half of such a sweep goes by marks in the columns, which appends must not disturb."""
    zero, tail = Value(0.0), Value(1.0)
    with Tape() as tape:
        y = tail
        for _ in range(100_000 if not COLLECT_ALWAYS else 1000):
            y = y*1.0
        s = zero.sqrt()*0.0
        r = y + s
    stop = threading.Event()

    def sweep():
        try:
            for _ in range(30):
                r.backward()
        finally:
            stop.set()

    def append():
        while not stop.is_set():
            s*2.0, y*3.0, s + y

    together(sweep, append)
    assert math.isnan(zero.grad)
    assert tail.grad == 30.0
    assert nodes(tape) > 0


# ---- fork ----------------------------------------------------------------------------------------------


def work_on(tape, x, y, want):
    """Everything that a tape does, after a fork."""
    before = x.grad
    with tape:
        z = y*2.0
        for _ in range(200_000 if not COLLECT_ALWAYS else 500):
            z = z*1.0
        z.backward()
        assert x.grad == before + 2*want
        y.backward()
        assert x.grad == before + 3*want
        m = tape.mark()
        z*3.0
        tape.rewind(m)
        tape._collect()
        tape.clear()
        assert cgrad.gradients(x*5.0).wrt(x) == 5.0


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork_between_operations():
    x = Value(1.0)
    with Tape() as tape:
        y = x*3.0
    assert in_child(lambda: work_on(tape, x, y, 3.0)) == 0
    work_on(tape, x, y, 3.0)


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("infinite", [False, True])
def test_fork_while_another_thread_sweeps(infinite):
    """The child has the columns as they were in the middle, and no thread that would ever finish the sweep."""
    x = Value(1.0)
    tape, y = chain(x)
    if infinite:
        with tape:
            y = y + Value(0.0).sqrt()*0.0
    stop, statuses = threading.Event(), []

    def sweep():
        while not stop.is_set():
            y.backward()

    def fork():
        try:
            for _ in range(6):
                time.sleep(0.002)
                statuses.append(in_child(lambda: work_on(tape, x, y, 1.0)))
        finally:
            stop.set()

    together(sweep, fork)
    assert statuses == [0]*6
    work_on(tape, x, y, 1.0)


# ---- signals and exceptions in the middle ---------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no interval timers")
@pytest.mark.skipif(COLLECT_ALWAYS, reason="a sweep that lasts needs a long record, which this switch makes quadratic")
def test_keyboard_interrupt_during_a_long_sweep():
    x = Value(1.0)
    tape, y = chain(x, 6_000_000)
    y.grad
    size, interrupted = len(tape), 0

    def interrupt(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        for k in range(40):
            signal.setitimer(signal.ITIMER_REAL, 0.001 + 0.0004*k)
            try:
                y.backward()
            except KeyboardInterrupt:
                if x.grad == 0.0:  # in the sweep, not after it
                    interrupted += 1
                    assert y.grad == 0.0
            signal.setitimer(signal.ITIMER_REAL, 0)
            x.grad = 0.0
            if y.grad:
                y.grad = 0.0
    except KeyboardInterrupt:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert interrupted > 0
    assert len(tape) == size
    x.grad = 0.0
    y.backward()
    assert x.grad == 1.0
    assert cgrad.gradients(y*2.0).wrt(x) == 2.0


@pytest.mark.skipif(COLLECT_ALWAYS, reason="a sweep that lasts needs a long record, which this switch makes quadratic")
def test_a_signal_handler_that_uses_the_tape_in_a_sweep():
    x = Value(1.0)
    tape, y = chain(x, 3_000_000)
    seen = []

    def handler(*_):
        with tape:
            seen.append((y*2.0).data)
        with pytest.raises(TapeError, match="in use by a sweep"):
            y.backward()
        with pytest.raises(TapeError, match="in use by a sweep"):
            tape.clear()
        seen.append(cgrad.gradients(x*x).wrt(x))  # another tape

    old = signal.signal(signal.SIGALRM, handler)
    sweeping = 0
    try:
        for _ in range(10):
            before = len(seen)
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            try:
                y.backward()
            except BaseException as e:  # pytest.raises outside a sweep
                assert "DID NOT RAISE" in str(e)
            sweeping += len(seen) >= before + 2
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert sweeping > 0
    x.grad = 0.0
    with tape:
        (y + y).backward()
    assert x.grad == 2.0


def test_exceptions_in_the_middle_of_a_record():
    x = Value(2.0)

    class Mine:
        def __rmul__(self, other):
            raise KeyError("mine")

    def model(k):
        y = x*x + 1.0
        if k % 4 == 0:
            y = y*Mine()
        if k % 4 == 1:
            y = y + "no"
        if k % 4 == 2:
            y = cgrad.dot([y, x], [1.0, None])
        return y

    right = 0
    for k in range(4000):
        try:
            model(k).backward()
            right += 1
        except (KeyError, TypeError):
            pass
    assert right == 1000
    assert x.grad == 4.0*right
    assert nodes(current_tape()) < 100_000


# ---- memory that runs out --------------------------------------------------------------------------------


@pytest.mark.skipif(COLLECT_ALWAYS, reason="filling memory takes a long record, which this switch makes quadratic")
@pytest.mark.skipif(SANITIZED, reason="AddressSanitizer reserves terabytes of addresses: no limit on them holds")
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is honoured on Linux alone")
@pytest.mark.parametrize("spare", [40, *(pytest.param(mb, marks=pytest.mark.slow) for mb in (150, 260))])
def test_memory_exhaustion_is_a_clear_error_and_the_tape_stays_whole(spare):
    """Whatever the amount: the error comes at growth, between any two columns, or in a sweep."""
    run(f"""
        import resource, cgrad
        from cgrad import Value, current_tape, gradients
        with open("/proc/self/statm") as f: used = int(f.read().split()[0])*4096
        resource.setrlimit(resource.RLIMIT_AS, (used + ({spare} << 20),)*2)
        x = Value(1.0)
        tape = current_tape()
        texts = []
        for attempt in range(3):
            y = x*1.0
            n = 1
            try:
                for _ in range(40_000_000):
                    y = y + x
                    n += 1
                raise SystemExit("no MemoryError came")
            except MemoryError as e:
                texts.append(str(e))
            assert "tape: no memory for" in texts[-1] and "the tape is unchanged" in texts[-1], texts
            assert len(tape) == n + 1, (len(tape), n)
            assert y.data == n
            y.backward()
            assert x.grad == n, (x.grad, n)
            for attempt in (lambda: gradients(y).wrt(x), lambda: gradients(y, create_graph=True),
                            lambda: gradients(y, seed=[[1.0], [2.0]]), lambda: cgrad.tangents(y, x),
                            lambda: cgrad.dot([x]*3_000_000, [y]*3_000_000)):
                try:
                    attempt()
                except MemoryError as e:
                    pass
                x.grad = 0.0
                y.backward()
                assert x.grad == n, (x.grad, n)
            x.grad = 0.0
            del y
            try:
                assert len(tape) <= 1, len(tape)
            finally:
                tape._collect()
            assert len(tape) == 0
            z = x*2.0
            z.backward()
            assert x.grad == 2.0
            x.grad = 0.0
            del z
        """)


@pytest.mark.skipif(COLLECT_ALWAYS, reason="filling a tape takes a long record, which this switch makes quadratic")
@pytest.mark.parametrize("limit", [5000, 100_000])
def test_the_node_limit_is_refused_clearly(limit):
    run(f"""
        from cgrad import Value, current_tape, Tape, dot, gradients
        x = Value(1.0)
        for tape in (current_tape(), Tape()):
            with tape:
                for turn in range(3):
                    y = x*1.0
                    n = 1
                    try:
                        while n < 10*{limit}:
                            y = y + x
                            n += 1
                        raise SystemExit("not refused")
                    except MemoryError as e:
                        assert "tape: {limit} nodes are the most that one tape holds" in str(e), e
                    assert {limit} - 100 < n < {limit}
                    try:
                        dot([x]*{limit}, [y]*{limit})
                        raise SystemExit("not refused")
                    except MemoryError as e:
                        assert "the most that one tape holds" in str(e), e
                    try:
                        gradients(y, create_graph=True)
                        raise SystemExit("not refused")
                    except MemoryError as e:
                        assert "the most that one tape holds" in str(e), e
                    x.grad = 0.0
                    y.backward()
                    assert x.grad == n, (x.grad, n)
                    z = y = None
                for k in range(3*{limit}):  # what is not needed makes room by itself
                    z = x*1.0
                    z = z + 1.0
                z.backward()
        """, CGRAD_DEBUG_NODE_LIMIT=str(limit))
