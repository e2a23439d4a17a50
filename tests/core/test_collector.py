"""The collector, against a model that never collects (core_reference.py), and in its delicate cases."""

from __future__ import annotations

import gc
import math
import random
import weakref

import core_reference as reference
import pytest
from core_support import COLLECT_ALWAYS, nodes, run
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

import cgrad
from cgrad import Tape, TapeError, Value, current_tape

NUMBERS = st.floats(-2.0, 2.0).map(lambda x: round(x, 3))
OPS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a*b, "sin": lambda a: a.sin(),
    "neg": lambda a: -a, "clip": cgrad.clip, "where": cgrad.where,
}


def near(got: float, want: float) -> bool:
    return got == want or math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-11) or (math.isnan(got) and math.isnan(want))


def one(data, things: list):
    """One of them, by number: hypothesis remembers what it draws, and would keep values alive."""
    return things[data.draw(st.integers(0, len(things) - 1))]


class Pair:
    """A value of cgrad and its double in the model."""

    def __init__(self, real: Value, model, tape: int | None = None) -> None:
        self.real, self.model, self.tape = real, model, tape


class Machine(RuleBasedStateMachine):
    """Programs over three tapes (0 the thread's own). What is dropped is forgotten on one side only."""

    marks = Bundle("marks")

    def __init__(self) -> None:
        super().__init__()
        current_tape().clear()
        self.tapes = [current_tape(), Tape(), Tape()]
        self.leaves: list[Pair] = []
        self.alive: list[Pair] = []
        self.results: list = []   # (Gradients, tape, adjoints of the model, was it recorded)
        self.log = [[], [], []]   # the model's record a tape: what a rewind cuts off

    @initialize(values=st.lists(NUMBERS, min_size=2, max_size=4))
    def begin(self, values) -> None:
        self.leaves = [Pair(Value(x, name=f"x{k}"), reference.Leaf(x)) for k, x in enumerate(values)]

    def pick(self, data, tape: int) -> Pair | float:
        here = [p for p in self.alive if p.tape == tape]
        k = data.draw(st.integers(0, len(self.leaves) + len(here)))
        if k == 0:
            return data.draw(NUMBERS)
        return (self.leaves + here[::-1])[k - 1]

    def record(self, data, tape: int, op: str, n: int) -> Pair | None:
        operands = [self.pick(data, tape) for _ in range(n)]
        if all(isinstance(x, float) for x in operands):
            operands[0] = self.leaves[0]
        real = [x if isinstance(x, float) else x.real for x in operands]
        model = [x if isinstance(x, float) else x.model for x in operands]
        with self.tapes[tape]:
            if op == "dot":
                value = cgrad.dot(real[1::2], real[2::2], real[0])
            else:
                value = OPS[op](*real) if isinstance(real[0], Value) or n > 1 else OPS[op](Value(real[0]))
        pair = Pair(value, reference.Node(op, model), tape)
        self.log[tape].append(pair.model)
        self.alive.append(pair)
        return pair

    @rule(data=st.data(), tape=st.integers(0, 2), op=st.sampled_from(["add", "sub", "mul"]), times=st.integers(1, 4))
    def binary(self, data, tape, op, times) -> None:
        for _ in range(times):
            self.record(data, tape, op, 2)

    @rule(data=st.data(), tape=st.integers(0, 2), op=st.sampled_from(["clip", "where"]))
    def ternary(self, data, tape, op) -> None:
        self.record(data, tape, op, 3)

    @rule(data=st.data(), tape=st.integers(0, 2), pairs=st.integers(0, 4))
    def dot(self, data, tape, pairs) -> None:
        self.record(data, tape, "dot", 2*pairs + 1)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), op=st.sampled_from(["sin", "neg"]))
    def unary(self, data, op) -> None:
        p = one(data, self.alive)
        pair = Pair(OPS[op](p.real), reference.Node(op, [p.model]), p.tape)
        self.log[p.tape].append(pair.model)
        self.alive.append(pair)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), many=st.integers(1, 6))
    def drop(self, data, many) -> None:
        for _ in range(min(many, len(self.alive))):
            del self.alive[data.draw(st.integers(0, len(self.alive) - 1))]

    @rule(data=st.data(), x=NUMBERS)
    def update(self, data, x) -> None:
        leaf = one(data, self.leaves)
        leaf.real.data = leaf.model.data = x

    @rule(data=st.data(), x=NUMBERS)
    def replace_leaf(self, data, x) -> None:
        k = data.draw(st.integers(0, len(self.leaves) - 1))
        self.leaves[k] = Pair(Value(x), reference.Leaf(x))

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), seed=NUMBERS)
    def backward(self, data, seed) -> None:
        p = one(data, self.alive)
        p.real.backward(seed)
        reference.backward(p.model, seed)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), x=NUMBERS)
    def set_grad(self, data, x) -> None:
        p = one(data, self.alive + self.leaves)
        p.real.grad = p.model.grad = x

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), graph=st.booleans())
    def gradients(self, data, graph) -> None:
        p = one(data, self.alive)
        result = cgrad.gradients(p.real, create_graph=graph)
        self.results.append([result, p.tape, reference.adjoints(p.model), graph])

    @precondition(lambda self: self.results)
    @rule(data=st.data())
    def drop_gradients(self, data) -> None:
        del self.results[data.draw(st.integers(0, len(self.results) - 1))]

    @precondition(lambda self: any(graph for *_, graph in self.results))
    @rule(data=st.data())
    def differentiate_again(self, data) -> None:
        """Recorded adjoints are values of their tape, which can be swept themselves."""
        result, tape, adjoints, _ = one(data, [r for r in self.results if r[3]])
        for leaf in self.leaves:
            g = result.wrt(leaf.real)
            assert isinstance(g, Value)
            assert near(g.data, adjoints.get(leaf.model, 0.0))
            if g._tape is not None:
                assert g._tape is self.tapes[tape]
                cgrad.gradients(g)

    @rule(target=marks, tape=st.integers(0, 2))
    def mark(self, tape):
        return tape, self.tapes[tape].mark(), list(self.log[tape])

    @rule(mark=marks)
    def rewind(self, mark) -> None:
        tape, real, kept = mark
        if "rewound" in repr(real):  # an earlier rewind went past it (by a leaf's slot alone, it may be)
            return
        assert self.log[tape][:len(kept)] == kept
        cut = set(self.log[tape][len(kept):])
        self.tapes[tape].rewind(real)
        self.log[tape] = list(kept)
        self.forget(tape, cut)

    def forget(self, tape: int, cut: set) -> None:
        for p in [p for p in self.alive if p.model in cut]:
            with pytest.raises(TapeError):
                p.real + 1.0
            self.alive.remove(p)
        self.results = [r for r in self.results if r[1] != tape]

    @rule(tape=st.integers(0, 2), full=st.booleans())
    def collect(self, tape, full) -> None:
        self.tapes[tape]._collect(full)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), text=st.sampled_from("abc"))
    def name(self, data, text) -> None:
        p = one(data, self.alive)
        p.real.name = p.model.name = text

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def walk(self, data) -> None:
        """Down through _prev, among nodes that may have no handle."""
        p = one(data, self.alive)
        real, model = p.real, p.model
        while isinstance(model, reference.Node) and model.operands:
            assert near(real.data, model.data)
            assert near(real.grad, model.grad)
            k = data.draw(st.integers(0, len(model.operands) - 1))
            real, model = real._operands[k], model.operands[k]
            if isinstance(model, float):
                assert real.data == model
                return

    @invariant()
    def same(self) -> None:
        for p in self.leaves:
            assert near(p.real.grad, p.model.grad)
            assert p.real.data == p.model.data
        for p in self.alive:
            assert near(p.real.data, p.model.data)
            assert near(p.real.grad, p.model.grad)
            assert p.real.name == getattr(p.model, "name", "")
            assert p.real._tape is self.tapes[p.tape]
        for result, _, adjoints, graph in self.results:
            for p in [*self.leaves, *(p for p in self.alive if p.model in adjoints)]:
                got = result.wrt(p.real)
                assert near(got.data if graph else got, adjoints.get(p.model, 0.0))

    def teardown(self) -> None:
        self.alive.clear()
        self.results.clear()
        gc.collect()
        for tape in self.tapes:
            tape._collect()
            assert nodes(tape) == 0, "a leak"


TestCollector = Machine.TestCase
TestCollector.settings = settings(max_examples=100, stateful_step_count=40, deadline=None, derandomize=True,
                                  phases=[Phase.generate],  # (shrinking such programs takes many minutes)
                                  suppress_health_check=list(HealthCheck))


def test_random_programs_of_many_nodes():
    """Long programs, so that the collector comes by itself: partial and full collections, growth, trims."""
    for seed in range(3):
        rng = random.Random(seed)
        tape = current_tape()
        leaves = [(Value(rng.uniform(-1, 1)), reference.Leaf(0.0)) for _ in range(4)]
        for real, model in leaves:
            model.data = real.data
        pool = []
        most = 0
        for step in range(3000 if COLLECT_ALWAYS else 150_000):
            op = rng.choice(("add", "mul", "sin", "clip", "dot", "sub"))
            n = {"sin": 1, "clip": 3, "dot": 5}.get(op, 2)
            operands = [rng.choice(pool) if pool and rng.random() < 0.8 else rng.choice(leaves) for _ in range(n)]
            real = [x for x, _ in operands]
            value = cgrad.dot(real[1::2], real[2::2], real[0]) if op == "dot" else OPS[op](*real)
            if abs(value.data) > 1e3:
                value = value*1e-3
                node = reference.Node("mul", [reference.Node(op, [m for _, m in operands]), 1e-3])
            else:
                node = reference.Node(op, [m for _, m in operands])
            pool.append((value, node))
            if rng.random() < 0.02:  # cut histories off now and then, else the model keeps it all
                real, model = leaves[rng.randrange(4)]
                real.data = model.data = rng.uniform(-1, 1)
                pool = pool[-3:]
            if len(pool) > 12:
                pool.pop(rng.randrange(len(pool)))
            if step % 997 == 0:
                for real, model in (*leaves, *pool):
                    real.grad = model.grad = 0.0
                top = pool[-1]
                if len(reference.graph(top[1])) < 3000:
                    pool[-1][0].backward()
                    reference.backward(top[1])
                    for real, model in leaves:
                        assert math.isclose(real.grad, model.grad, rel_tol=1e-6, abs_tol=1e-9)
                pool = [(Value(real.data)*1.0, reference.Node("mul", [reference.Leaf(real.data), 1.0]))
                        for real, _ in pool]
            most = max(most, nodes(tape))
        assert most < 400_000
        del pool, value, real, top, operands, node
        tape._collect()
        assert nodes(tape) == 0


def test_collect_always_in_a_process_of_its_own():
    """CGRAD_DEBUG_COLLECT=1: each append collects all of the tape."""
    run("""
        import cgrad
        from cgrad import Tape, Value, current_tape
        x, w = Value(0.5), Value(2.0)
        h = x
        for k in range(200):
            h = cgrad.fma(h, w, x).sin() + cgrad.dot([h, x], [w, 1.0])
            h*3.0
            if k % 50 == 0:
                g = cgrad.gradients(h, create_graph=True)
                assert g.wrt(x).data != 0
                g = None
            if k % 50 > 1:  # each append collects what was garbage before it
                assert len(current_tape()) <= 2 + 4*(k + 1) + 1, (k, len(current_tape()))
        h.backward()
        dx, dw, y = 1.0, 0.0, 0.5
        import math
        for k in range(200):
            c = math.cos(y*2 + 0.5)
            dx, dw, y = c*(2*dx + 1) + 2*dx + 1, c*(2*dw + y) + 2*dw + y, math.sin(y*2 + 0.5) + (y*2 + 0.5)
        assert abs(x.grad/dx - 1) < 1e-9, (x.grad, dx)
        assert abs(w.grad/dw - 1) < 1e-9, (w.grad, dw)
        del h, g
        assert len(current_tape()) == 0
        """, CGRAD_DEBUG_COLLECT="1")


def test_leaves_shared_by_tapes_that_die_in_any_order():
    x = Value(2.0)
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        tapes = [Tape() for _ in range(3)]
        ys = []
        for k, t in enumerate(tapes):
            with t:
                ys.append(x*float(k + 1))
        x.grad = 0.0
        for k in order:
            ys[k].backward()
            tapes[k] = ys[k] = t = None
            z = x*10.0
            z.backward()
        assert x.grad == 6.0 + 30.0
    w = weakref.ref(x)
    del x, z
    current_tape()._collect()
    assert w() is None


def test_a_weak_reference_that_calls_back_finds_no_dying_value():
    """Through _prev it could once reach the dying value that it was notified of, and revive it."""
    for held in (False, True):
        x, seen = Value(3.0), []
        y = x*2.0
        if held:
            assert y._prev
        z = y*3.0
        ref = weakref.ref(y, lambda _, z=z, seen=seen: seen.extend(z._prev))
        ident = id(y)
        del y
        again = next(v for v in seen if v.data == 6.0)
        fresh = [Value(float(k)) for k in range(100)]
        assert (again.data, again in z._prev, ref()) == (6.0, True, None)
        assert all(v is not again for v in fresh)
        assert ident
        again.backward()
        assert x.grad == 2.0


def test_callbacks_that_record_drop_collect_and_rewind_while_the_collector_runs():
    tape = current_tape()
    log = []

    def watch(leaf, act):
        log.append(weakref.ref(leaf, lambda _: act()))

    base = Value(1.5)
    keep = [base*2.0]
    acts = [lambda: keep.append(keep[-1]*1.0), lambda: keep.pop(0) if len(keep) > 1 else None,
            lambda: tape._collect(), lambda: keep[-1].backward(), lambda: keep[-1]._prev,
            lambda: keep.append(cgrad.gradients(keep[-1], create_graph=True).wrt(base)*base)]
    for k in range(3000):
        leaf = Value(float(k))
        watch(leaf, acts[k % len(acts)])
        leaf*keep[-1]
        del leaf
        if k % 100 == 0:
            tape._collect()
            keep[:] = keep[-3:]
    tape._collect()
    assert sum(r() is None for r in log) >= 2900
    for v in keep:
        base.grad = 0.0
        v.backward()
        assert base.grad == cgrad.gradients(v).wrt(base)


def test_a_callback_that_rewinds_under_an_append_makes_it_raise():
    """The operands of the append are gone when the collector that it called returns."""
    for _ in range(3):
        with Tape() as t:
            mark = t.mark()
            x = Value(1.0)
            y = x*2.0
            gone = Value(5.0)
            ref = weakref.ref(gone, lambda _, t=t, m=mark: t.rewind(m))
            gone*1.0
            del gone
            with pytest.raises(TapeError, match="record it again"):
                for _ in range(300_000):
                    y = y + 1.0
                    y + 2.0
            assert ref() is None
            assert (x*2.0).data == 2.0


def test_marks_and_gradients_under_an_exception():
    """Values that die while an exception unwinds empty the tape: its marks follow (weak references crashed here)."""
    tape = current_tape()
    x = Value(2.0)
    held = [x*x]
    mark, g = tape.mark(), cgrad.gradients(held[0])
    with pytest.raises(ZeroDivisionError):
        print(held.pop(), 1/0)
    assert len(tape) == 0
    assert repr(mark).endswith(": 0>")
    assert g.wrt(x) == 4.0
    y = x*3.0
    tape.rewind(mark)
    with pytest.raises(TapeError):
        y.backward()


def test_cycles_through_a_tape_are_freed():
    class Mine(Tape):
        pass

    for _ in range(3):
        t = Mine()
        with t:
            x = Value(2.0)
            t.result = x*x
            t.more = [t.result + 1.0, cgrad.gradients(t.result, create_graph=True), t.mark()]
            assert t.result._prev == {x, x}
        w = weakref.ref(t)
        free = weakref.ref(x)
        del t, x
        gc.collect()
        assert w() is None  # (the collector's word; that the tape has died, its leaf tells)
        assert free() is None


def test_gradients_in_a_cycle_let_their_tape_go():
    """The cycle collector clears objects before they die: the tape's count of values must not depend on that."""
    tape = current_tape()
    x = Value(2.0)
    for _ in range(20):
        node = []
        g = cgrad.gradients(x*x, create_graph=True)
        node.append([g, node])
        del g, node
    gc.collect()
    y = x*1.0
    del y
    assert nodes(tape) == 0


def test_gradients_hold_what_they_recorded_and_no_more():
    tape = current_tape()
    x = Value(0.5)
    y = x
    for _ in range(100):
        y = y.sin()*y
    g = cgrad.gradients(y, create_graph=True)
    tape._collect()
    held = nodes(tape)
    assert held > 300
    second = cgrad.gradients(g.wrt(x)).wrt(x)
    for _ in range(3):
        [x*float(k) for k in range(1000)]
        tape._collect()
    assert cgrad.gradients(g.wrt(x)).wrt(x) == second
    del g
    tape._collect()
    assert nodes(tape) == 201
    only = cgrad.gradients(y, [x], create_graph=True)
    assert cgrad.gradients(only.wrt(x)).wrt(x) == second
    del y, only
    assert nodes(tape) == 0
