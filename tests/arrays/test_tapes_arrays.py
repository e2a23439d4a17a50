"""Arrays under everything that moves or cuts a tape: marks, rewinding, clearing, collections, tapes that nest, threads.

A random program keeps, beside each Tensor, the numbers it must have and the gradient of it, worked out by NumPy.
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


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_random_lives_of_tapes(data):
    """Every living result has its numbers and sweeps to the right gradients; rewound ones say so."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    leaves = [Tensor(rng.uniform(0.5, 1.5, 4), requires_grad=True) for _ in range(LEAVES)]
    tapes = [current_tape(), Tape()]
    entries, marks, dead = [], [], []
    for count in range(data.draw(st.integers(4, 25))):
        which = data.draw(st.integers(0, 1))
        tape = tapes[which]
        step = data.draw(st.sampled_from(["leaf", "leaf", "chain", "chain", "item", "recorded", "drop", "collect", "mark", "rewind", "clear",
                                          "write", "sweep", "error"]))
        mine = [e for e in entries if e.tape is tape]
        if step == "leaf":
            k, m = data.draw(st.integers(0, LEAVES - 1)), data.draw(st.integers(0, LEAVES - 1))
            with tape:
                x = leaves[k]*leaves[m]*2.0
            a, b = leaves[k].data.copy(), leaves[m].data.copy()
            slopes = [np.zeros(4) for _ in leaves]
            slopes[k] += 2*b
            slopes[m] += 2*a
            entries.append(Entry(x, 2*a*b, slopes, tape, count))
        elif step == "chain" and mine:
            e = data.draw(st.sampled_from(mine))
            with tapes[1 - which]:  # the operand's history decides
                x = e.x*3.0 if np.ndim(e.numbers) == 0 else e.x[::-1]*3.0
            entries.append(Entry(x, e.numbers*3.0 if np.ndim(e.numbers) == 0 else e.numbers[::-1]*3, [s*3 for s in e.slopes], tape, count))
        elif step == "item" and [e for e in mine if np.ndim(e.numbers)]:
            e = data.draw(st.sampled_from([e for e in mine if np.ndim(e.numbers)]))
            entries.append(Entry(e.x.sum(), e.numbers.sum(), e.slopes, tape, count))
        elif step == "recorded" and mine:
            e = data.draw(st.sampled_from(mine))
            ds = cgrad.gradients(e.x, leaves, create_graph=True).wrt(leaves)
            for d, s in zip(ds, e.slopes, strict=True):
                np.testing.assert_allclose(d.data, s, rtol=1e-12)
        elif step == "drop" and entries:
            entries.pop(data.draw(st.integers(0, len(entries) - 1)))
        elif step == "collect":
            tape._collect()
        elif step == "mark":
            marks.append((tape, tape.mark(), count))
        elif step == "rewind" and [m for m in marks if m[0] is tape]:
            mark = data.draw(st.sampled_from([m for m in marks if m[0] is tape]))
            tape.rewind(mark[1])
            marks = [m for m in marks if m[0] is not tape or m[2] <= mark[2]]
            dead += [e for e in mine if e.depth > mark[2]]
            entries = [e for e in entries if e.tape is not tape or e.depth <= mark[2]]
        elif step == "clear":
            tape.clear()
            marks = [m for m in marks if m[0] is not tape]
            dead += mine
            entries = [e for e in entries if e.tape is not tape]
        elif step == "write":
            leaf = data.draw(st.sampled_from(leaves))
            if data.draw(st.booleans()):
                leaf.data += 0.5
            else:
                leaf.data = rng.uniform(0.5, 1.5, 4)
        elif step == "sweep" and mine:
            e = data.draw(st.sampled_from(mine))
            for leaf in leaves:
                leaf.zero_grad()
            e.x.backward()
            for leaf, s in zip(leaves, e.slopes, strict=True):
                np.testing.assert_allclose(leaf.grad, s, rtol=1e-12, atol=1e-14)
        elif step == "error" and mine:
            e = data.draw(st.sampled_from(mine))
            with pytest.raises(ValueError):
                e.x + np.ones(7) if np.ndim(e.numbers) else leaves[0] + np.ones(7)
    for e in entries:
        np.testing.assert_allclose(e.x.data, e.numbers, rtol=1e-12)
        assert e.x._tape is e.tape
        found = cgrad.gradients(e.x, leaves).wrt(leaves)
        for got, s in zip(found, e.slopes, strict=True):
            np.testing.assert_allclose(got, s, rtol=1e-12, atol=1e-14)
    for e in dead:
        np.testing.assert_allclose(e.x.data, e.numbers, rtol=1e-12)
        with pytest.raises(TapeError, match="record it again"):
            e.x*2.0
    for tape in tapes:
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
