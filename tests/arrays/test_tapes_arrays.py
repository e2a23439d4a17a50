"""Arrays under everything that moves or cuts a tape: marks, rewinding, clearing, collections, tapes that nest, threads.

A random program keeps, for each Tensor, the numbers it must have and its gradient, computed by NumPy.
"""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cgrad
from cgrad import Tape, TapeError, Tensor, Value, current_tape

LEAVES = 3


class Entry:
    """A result, its numbers, and d(sum of it)/d(leaf k) as arrays."""

    def __init__(self, x, numbers, slopes, tape, depth):
        self.x, self.numbers, self.slopes, self.tape, self.depth = x, numbers, slopes, tape, depth


class Lives:
    """Two tapes with results, and the numbers and gradients that these must have. Each step is a method."""

    STEPS = ("leaf", "leaf", "chain", "chain", "item", "recorded", "drop", "collect", "mark", "rewind", "clear", "write",
             "sweep", "error")

    def __init__(self, draw):
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.leaves = [Tensor(self.rng.uniform(0.5, 1.5, 4), requires_grad=True) for _ in range(LEAVES)]
        self.tapes = [current_tape(), Tape()]
        self.entries, self.marks, self.dead = [], [], []
        self.count = 0

    def step(self):
        which = self.draw(st.integers(0, 1))
        self.tape, self.other = self.tapes[which], self.tapes[1 - which]
        getattr(self, self.draw(st.sampled_from(self.STEPS)))()
        self.count += 1

    def mine(self):
        return [e for e in self.entries if e.tape is self.tape]

    def one_of(self, entries):
        return self.draw(st.sampled_from(entries)) if entries else None

    def add(self, x, numbers, slopes):
        self.entries.append(Entry(x, numbers, slopes, self.tape, self.count))

    def leaf(self):
        k, m = self.draw(st.integers(0, LEAVES - 1)), self.draw(st.integers(0, LEAVES - 1))
        with self.tape:
            x = self.leaves[k]*self.leaves[m]*2.0
        a, b = self.leaves[k].data.copy(), self.leaves[m].data.copy()
        slopes = [np.zeros(4) for _ in self.leaves]
        slopes[k] += 2*b
        slopes[m] += 2*a
        self.add(x, 2*a*b, slopes)

    def chain(self):
        if e := self.one_of(self.mine()):
            scalar = np.ndim(e.numbers) == 0
            with self.other:  # the operand's history decides
                x = e.x*3.0 if scalar else e.x[::-1]*3.0
            self.add(x, e.numbers*3.0 if scalar else e.numbers[::-1]*3, [s*3 for s in e.slopes])

    def item(self):
        if e := self.one_of([e for e in self.mine() if np.ndim(e.numbers)]):
            self.add(e.x.sum(), e.numbers.sum(), e.slopes)

    def recorded(self):
        if e := self.one_of(self.mine()):
            ds = cgrad.gradients(e.x, self.leaves, create_graph=True).wrt(self.leaves)
            for d, s in zip(ds, e.slopes, strict=True):
                np.testing.assert_allclose(d.data, s, rtol=1e-12)

    def drop(self):
        if self.entries:
            self.entries.pop(self.draw(st.integers(0, len(self.entries) - 1)))

    def collect(self):
        self.tape._collect()

    def mark(self):
        self.marks.append((self.tape, self.tape.mark(), self.count))

    def rewind(self):
        if mark := self.one_of([m for m in self.marks if m[0] is self.tape]):
            self.tape.rewind(mark[1])
            self.marks = [m for m in self.marks if m[0] is not self.tape or m[2] <= mark[2]]
            self.dead += [e for e in self.mine() if e.depth > mark[2]]
            self.entries = [e for e in self.entries if e.tape is not self.tape or e.depth <= mark[2]]

    def clear(self):
        self.tape.clear()
        self.marks = [m for m in self.marks if m[0] is not self.tape]
        self.dead += self.mine()
        self.entries = [e for e in self.entries if e.tape is not self.tape]

    def write(self):
        leaf = self.one_of(self.leaves)
        if self.draw(st.booleans()):
            leaf.data += 0.5
        else:
            leaf.data = self.rng.uniform(0.5, 1.5, 4)

    def sweep(self):
        if e := self.one_of(self.mine()):
            for leaf in self.leaves:
                leaf.zero_grad()
            e.x.backward()
            for leaf, s in zip(self.leaves, e.slopes, strict=True):
                np.testing.assert_allclose(leaf.grad, s, rtol=1e-12, atol=1e-14)

    def error(self):
        if e := self.one_of(self.mine()):
            with pytest.raises(ValueError):
                e.x + np.ones(7) if np.ndim(e.numbers) else self.leaves[0] + np.ones(7)

    def check(self):
        for e in self.entries:
            np.testing.assert_allclose(e.x.data, e.numbers, rtol=1e-12)
            assert e.x._tape is e.tape
            found = cgrad.gradients(e.x, self.leaves).wrt(self.leaves)
            for got, s in zip(found, e.slopes, strict=True):
                np.testing.assert_allclose(got, s, rtol=1e-12, atol=1e-14)
        for e in self.dead:
            np.testing.assert_allclose(e.x.data, e.numbers, rtol=1e-12)
            with pytest.raises(TapeError, match="record it again"):
                e.x*2.0


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_random_lives_of_tapes(data):
    """Every living result has its numbers and sweeps to the right gradients; rewound ones say so."""
    lives = Lives(data.draw)
    for _ in range(data.draw(st.integers(4, 25))):
        lives.step()
    lives.check()
    for tape in lives.tapes:
        tape._collect()


def test_a_leaf_after_its_slot_was_rewound():
    t = Tensor([1.0, 2.0], requires_grad=True)
    with Tape() as tape:
        mark = tape.mark()
        y = t*t
        tape.rewind(mark)
        z = t*3.0
        (z + t).backward()
        tape.clear()
        w = t[0]*t[1]
        w.backward()
    assert t.grad.tolist() == [4.0 + 2.0, 4.0 + 1.0]
    assert y.data.tolist() == [1.0, 4.0]


def test_many_dimensions():
    t = Tensor(np.ones((1,)*40 + (2,)), requires_grad=True)
    y = (t*np.ones((2,) + (1,)*40)).sum(axis=0)
    y.backward()
    assert t.grad.ravel().tolist() == [2.0, 2.0]
    most = Tensor(np.ones((1,)*64), requires_grad=True)
    (most + most*2.0).backward()
    assert most.grad.item() == 3.0


def test_empty_arrays_everywhere():
    for shape in ((0,), (0, 3), (3, 0), (2, 0, 3)):
        t, v = Tensor(np.zeros(shape), requires_grad=True), Value(2.0)
        y = cgrad.exp(t*v) + np.ones(shape) - t.sum()
        assert y.shape == shape
        y.backward()
        assert t.grad.shape == shape
        assert v.grad == 0.0
        assert t.sum().item() == 0.0
        d = cgrad.gradients(y.sum(), [t, v], create_graph=True).wrt([t, v])
        assert d[0].shape == shape
        assert d[1].item() == 0.0
        assert list(t) == [] or shape[0] > 0


def test_wide_operations():
    """Operands by the thousand: stack, a Function, einsum of many; each a head over continuation nodes."""
    class Total(cgrad.Function):
        @staticmethod
        def forward(ctx, *xs):
            ctx.n = len(xs)
            return sum(xs)

        @staticmethod
        def backward(ctx, g):
            return tuple(g*k for k in range(ctx.n))

    leaves = [Tensor([float(k)], requires_grad=True) for k in range(3000)]
    y = Total.apply(*leaves)
    y.backward()
    assert [t.grad[0] for t in leaves] == [float(k) for k in range(3000)]
    values = [Value(float(k)) for k in range(3000)]
    cgrad.stack(values).backward(np.arange(3000.0))
    assert [v.grad for v in values] == [float(k) for k in range(3000)]
    joined = np.concatenate(leaves)
    current_tape()._collect()
    (joined*2.0).backward()
    assert leaves[7].grad[0] == 9.0
    d = cgrad.gradients(joined, leaves, create_graph=True).wrt(leaves)
    assert d[5].tolist() == [1.0]


def test_one_tape_used_by_two_threads():
    """Correct, or an error that says so: never other numbers."""
    tape = Tape()
    t = Tensor(np.arange(64.0), requires_grad=True)
    with tape:
        base = t*1.0
    results, refused, failures = [], [], []

    def work(k):
        try:
            for _ in range(300):
                try:
                    y = (base*float(k) + t).sum()
                    g = cgrad.gradients(y, [t]).wrt(t)
                    if not (g == k + 1.0).all():
                        failures.append(g)
                    results.append(k)
                except TapeError:
                    refused.append(k)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert results
    (base*2.0).backward()
    assert (t.grad == 2.0).all()
