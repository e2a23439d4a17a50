"""PARITY: the ComputationRecord experiment (Rust): the record kept apart from the data. Its rows about scalars."""

import gc
import weakref

import pytest

import cgrad
from cgrad import Tape, Value


def test_record_made_used_and_dropped_per_step():
    """Parameters live outside, as plain numbers; a record lasts one step."""
    store = {"slope": 0.0, "offset": 0.0}
    points = [(k/10, 3*(k/10) - 1) for k in range(-10, 11)]
    records, losses = [], []
    for _ in range(200):
        with Tape() as record:
            slope, offset = record.leaf(store["slope"], name="slope"), record.leaf(store["offset"], name="offset")
            loss = sum((slope*x + offset - y)**2 for x, y in points)/len(points)
            gradients = cgrad.gradients(loss, [slope, offset])
        losses.append(loss.item())
        store["slope"] -= 0.5*gradients.wrt(slope)
        store["offset"] -= 0.5*gradients.wrt(offset)
        records.append(weakref.ref(record))
        assert (slope.grad, offset.grad) == (0.0, 0.0)
        del record, slope, offset, loss, gradients
    gc.collect()
    assert [r() for r in records] == [None]*200
    assert losses == sorted(losses, reverse=True)
    assert store == pytest.approx({"slope": 3.0, "offset": -1.0}, abs=1e-12)


def test_gradient_object_with_respect_to_any_node():
    with Tape() as record:
        x, y = record.leaf(3.0), record.leaf(4.0)
        square = x*x
        radius = (square + y*y).sqrt()
        aside = x*7
    gradients = cgrad.gradients(radius)
    assert gradients.wrt(radius) == 1.0
    assert gradients.wrt(square) == pytest.approx(0.1)
    assert (gradients.wrt(x), gradients.wrt(y)) == (pytest.approx(0.6), pytest.approx(0.8))
    assert gradients.wrt(aside) == 0.0
    assert gradients.wrt([x, y]) == [gradients.wrt(x), gradients.wrt(y)]


def test_node_of_another_record_is_an_error():
    with Tape():
        a = Value(2.0)*3
    with Tape():
        b = Value(2.0)*5
    with pytest.raises(cgrad.TapeError, match="recorded on"):
        cgrad.gradients(a).wrt(b)
    with pytest.raises(cgrad.TapeError, match="recorded on"):
        a*b
    assert cgrad.gradients(a).wrt(a) == 1.0


def test_pytorch_loop_of_its_readme():
    """x changes while z is alive: z's graph is untouched, and its gradients stay those of the old x."""
    x = Value(2.0, name="x")
    z = x*x*x
    z.backward()
    assert x.grad == 12.0
    seen = []
    for _ in range(3):
        x.data = x.data - 0.1*x.grad
        x.zero_grad()
        new = x*x
        new.backward()
        seen.append((x.data, x.grad))
    data = 2.0 - 0.1*12.0
    for found in seen:
        assert found == (pytest.approx(data, rel=1e-15), pytest.approx(2*data, rel=1e-15))
        data -= 0.1*2*data
    x.zero_grad()
    z.backward()
    assert (z.data, x.grad) == (8.0, 12.0)
