"""PARITY: simple-grad (Rust): gradients of gradients, and the trace of both."""

import re

import numpy as np
import pytest

import cgrad
import cgrad.viz
from cgrad import Tensor

A = [0.4605, 0.4061, 0.9422, 0.3946]
B = [0.0850, 0.3296, 0.9888, 0.6494]


def example():
    """Its README's: a loss, its gradients, a loss of those, and their gradients."""
    a, b = Tensor(A, requires_grad=True, name="a"), Tensor(B, requires_grad=True, name="b")
    L0 = ((a + b)*b).sum()
    first = cgrad.gradients(L0, [a, b], create_graph=True).wrt([a, b])
    L1 = (first[0]*first[0] + first[1]*first[1]).sum()
    second = cgrad.gradients(L1, [a, b], create_graph=True).wrt([a, b])
    return a, b, L0, first, L1, second


def test_named_variables_and_automatic_names_without_a_limit():
    """Named tensors keep their names; results are v0, v1, ... v99, v100, ..."""
    a, b = Tensor(A, requires_grad=True, name="a"), Tensor(B, requires_grad=True, name="b")
    y = a
    for _ in range(60):
        y = y*b + a
    names = [line.split()[0] for line in cgrad.viz.trace(y).splitlines()]
    assert names == ["a", "b", *(f"v{k}" for k in range(120))]
    c = Tensor(A, requires_grad=True)
    c.label = "c"
    assert cgrad.viz.trace(c*2.0).splitlines()[0].split()[0] == c.name == "c"


def test_add_mul_sum_expand_with_temporaries():
    """Operands may be temporaries without a name."""
    a, b = Tensor(A, requires_grad=True), Tensor(B, requires_grad=True)
    y = ((a + b)*(b + 1.0)).sum()
    z = (np.broadcast_to(y, (4,))*Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)).sum()
    assert y.item() == pytest.approx(((np.array(A) + B)*(np.array(B) + 1)).sum(), rel=1e-15)
    assert z.item() == pytest.approx(10*y.item(), rel=1e-15)
    z.backward()
    np.testing.assert_allclose(a.grad, 10*(np.array(B) + 1), rtol=1e-15)
    np.testing.assert_allclose(b.grad, 10*(np.array(A) + 2*np.array(B) + 1), rtol=1e-14)
    s = Tensor([2.0], requires_grad=True)
    np.testing.assert_allclose(s.expand(3, 4).tolist(), np.full((3, 4), 2.0))
    s.expand(3, 4).sum().backward()
    assert s.grad.tolist() == [12.0]


def test_gradient_of_a_gradient_is_recorded():
    a, b, _, (da, db), _, (dda, ddb) = example()
    for x in (da, db, dda, ddb):
        assert type(x) is Tensor
        assert x.shape == (4,)
    np.testing.assert_allclose(da.data, b.data, rtol=1e-15)
    np.testing.assert_allclose(db.data, a.data + 2*b.data, rtol=1e-15)
    third = cgrad.gradients(dda, [a, b], create_graph=True).wrt([a, b])
    assert third[0].tolist() == [2.0]*4
    assert third[1].tolist() == [4.0]*4


def test_earlier_gradient_handles_stay_valid():
    _, _, L0, (da, db), _, (dda, _) = example()
    before = da.tolist(), db.tolist(), dda.tolist()
    L0.backward()
    cgrad.gradients(dda)
    cgrad.current_tape()._collect()
    assert (da.tolist(), db.tolist(), dda.tolist()) == before
    np.testing.assert_allclose((da*db).data, np.array(before[0])*before[1], rtol=1e-15)


def test_the_trace_forward_and_backward():
    """v0 = a + b, ..., L0 = v1.sum(), dL0 ---, ..., dL0_da = ..."""
    _, _, L0, (da, db), L1, (dda, ddb) = example()
    text = cgrad.viz.trace({"L0": L0, "dL0_da": da, "dL0_db": db, "L1": L1, "dL1_da": dda, "dL1_db": ddb})
    lines = [re.split(" {2,}", line)[0].strip() for line in text.splitlines()]
    assert lines[:6] == ["a", "b", "v0 = a + b", "v1 = v0 * b", "L0 = v1.sum()", "dL0 ---"]
    assert len(set(lines)) == len(lines)
    places = {name: next(k for k, line in enumerate(lines) if line.startswith(f"{name} =")) for name in (
        "L0", "dL0_da", "dL0_db", "L1", "dL1_da", "dL1_db")}
    assert places["L0"] < lines.index("dL0 ---") < min(places["dL0_da"], places["dL0_db"]) < places["L1"]
    assert places["L1"] < lines.index("dL1 ---") < min(places["dL1_da"], places["dL1_db"])
    assert re.search(r"^L1 = v\d+\.sum\(\) ", text, re.MULTILINE)


def test_its_readme_example():
    _, _, _, _, _, (da, db) = example()
    assert [f"{x:.4f}" for x in da.tolist()] == ["1.2610", "2.1306", "5.8396", "3.3868"]
    assert [f"{x:.4f}" for x in db.tolist()] == ["2.6920", "4.9204", "13.6568", "8.0724"]
