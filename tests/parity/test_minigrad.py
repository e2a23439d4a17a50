"""PARITY: minigrad, the Rust crate (scalars)."""

import numpy as np
import pytest

from cgrad import Value


@pytest.mark.parametrize("number", [
    3, True, 3.5, *(kind(3) for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32,
                                         np.uint64, np.float16, np.float32, np.float64, np.longdouble)),
], ids=lambda number: type(number).__name__)
def test_labelled_scalars_from_any_number_type(number):
    a = Value(number, label="a")
    assert type(a.data) is float and a.data == float(number)
    assert a.label == a.name == "a"
    d = a * 2
    assert d.label == ""
    d.label = "d"
    a.label = "renamed"
    assert (d.label, a.label) == ("d", "renamed")
    assert {v.label for v in d._prev} >= {"renamed"}


def test_data_and_grad_of_every_node():
    a, b = Value(6.0), Value(3.0)
    total, difference = a + b, a - b
    product = total*difference
    quotient = product/b
    quotient.backward()
    # (a^2 - b^2)/b: d/da = 2a/b, d/db = -a^2/b^2 - 1
    assert [v.data for v in (total, difference, product, quotient)] == [9.0, 3.0, 27.0, 9.0]
    assert [v.grad for v in (quotient, product)] == [1.0, pytest.approx(1/3)]
    assert [v.grad for v in (total, difference)] == [pytest.approx(1.0), pytest.approx(3.0)]
    assert (a.grad, b.grad) == (pytest.approx(4.0), pytest.approx(-5.0))


def test_debug_representation():
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    c = a*b
    c.label = "c"
    c.backward()
    assert repr(c) == "Value(data=6.0, grad=1.0, name='c')"
    assert repr(a) == "Value(data=2.0, grad=3.0, name='a')"
    assert c._op == "*" and c._prev == {a, b}
    assert sorted(v.label for v in c._prev) == ["a", "b"]


def readme(x, y):
    a, b = Value(x, label="a"), Value(y, label="b")
    c = a + b
    c.label = "c"
    d = a*b
    d.label = "d"
    e = d/c
    e.label = "e"
    f = Value(10.0, label="f")
    g = f/e
    g.label = "g"
    g.backward()
    return g.data, {v.label: v.grad for v in (a, b, c, d, e, f, g)}


def test_its_readme_example():
    """The figures that it prints are those of a = -4, b = 2."""
    data, grads = readme(-4, 2)
    assert data == 2.5
    assert grads == {"g": 1.0, "f": 0.25, "e": -0.625, "c": -1.25, "d": 0.3125, "b": -2.5, "a": -0.625}


def test_its_readme_example_by_the_chain_rule():
    """The program as its text has it, a = 3.1, b = 4.2: g = f (a + b)/(ab) = f (1/a + 1/b)."""
    x, y = 3.1, 4.2
    data, grads = readme(x, y)
    true = {"g": 1.0, "f": (x + y)/(x*y), "e": -10*((x + y)/(x*y))**2, "c": 10/(x*y), "d": -10*(x + y)/(x*y)**2,
            "a": -10/x**2, "b": -10/y**2}
    assert data == pytest.approx(10*(1/x + 1/y), rel=1e-15)
    assert grads == {label: pytest.approx(grad, rel=1e-14) for label, grad in true.items()}
