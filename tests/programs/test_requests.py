"""Requests compose; backends register themselves."""

import numpy as np
import pytest

import cgrad
from cgrad.programs import backends
from cgrad.programs.request import VALUE, joined


def path_of(f, x):
    p = cgrad.compile(f, backend="interpreter")
    p(x)
    return p.programs[0]


def results(path, request, x, seeds=()):
    failed, found = path.attempt(request, np.array(x, float), np.array(seeds, float))
    assert failed == 0
    return found.tolist()


CUBIC = (range(3),)


@pytest.mark.parametrize(("request_", "kind", "seeds", "expected"), [
    (VALUE, "value", (), [180.0]),
    (VALUE.reverse(CUBIC), "gradient", (), [180.0, 180.0, 120.0, 36.0]),
    (VALUE.reverse(CUBIC, seeded=True), "vjp", (2.0,), [180.0, 360.0, 240.0, 72.0]),
    (VALUE.forward(CUBIC), "jvp", (1.0, 0.0, 2.0), [180.0, 252.0]),
    (VALUE.reverse(CUBIC).forward(CUBIC), "hvp", (1.0, 0.0, 2.0), [162.0, 168.0, 36.0]),
    (VALUE.forward(CUBIC).forward(CUBIC), "forward over forward", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), [120.0]),
    (VALUE.reverse((range(2, 3),)).reverse(CUBIC), "reverse over reverse", (), [36.0, 24.0, 0.0]),
    (VALUE.reverse(CUBIC).forward(CUBIC).forward(CUBIC), "forward over forward over reverse",
     (1.0, 0.0, 0.0, 1.0, 0.0, 0.0), [0.0, 60.0, 18.0]),
])
def test_sweeps_in_any_order(request_, kind, seeds, expected):
    """Of x^2 y^2 z at (2, 3, 5), whose derivatives are whole numbers."""
    path = path_of(lambda x: x[0]*x[0]*x[1]*x[1]*x[2], [1.0, 1.0, 1.0])
    assert request_.kind == kind
    assert results(path, request_, [2.0, 3.0, 5.0], seeds) == expected
    assert list(path.codes) == [VALUE, request_][request_ == VALUE:]


def test_one_key_for_calls_and_batches():
    p = cgrad.compile(lambda x, y: x*x*y, backend="interpreter")
    x = np.array([1.0, 2.0])
    p.value_and_grad(3.0, 5.0, argnums=(0, 1))
    p.map_value_and_grad(x, x, argnums=(0, 1))
    p.hvp(3.0, 5.0, v=1.0)
    p.map_hvp(x, x, v=x)
    p.hessian(3.0, 5.0)
    assert [request.kind for request in p.programs[0].codes] == ["gradient", "hvp"]


def test_stretches_of_inputs():
    assert joined([]) == joined([range(3, 3)]) == ()
    assert joined([range(1), range(1, 4), range(2)]) == (range(4), range(2))
    assert hash(VALUE.reverse(joined([range(10**9)]))) == hash(VALUE.reverse((range(10**9),)))


class Counting:
    """A backend that counts what it is given, and lets the interpreter run it."""

    name = "counting"
    compiled = 0

    def available(self):
        return True

    def require(self):
        pass

    def compile(self, executable):
        Counting.compiled += 1

    def pays_after(self, nodes):
        return 3


@pytest.fixture
def counting(monkeypatch):
    backends.known()
    monkeypatch.setattr(backends, "_backends", dict(backends._backends))
    monkeypatch.setattr(Counting, "compiled", 0)
    backends._compiler.cache_clear()
    yield backends.backend(Counting)
    backends._compiler.cache_clear()


def test_a_backend_of_ones_own(counting, tmp_path):
    p = cgrad.compile(lambda x: x*x, backend="counting")
    assert p(3.0) == 9.0 and p.grad(3.0) == 6.0 and counting.compiled == 2
    p.save(tmp_path / "p")
    assert cgrad.load(tmp_path / "p")(4.0) == 16.0 and counting.compiled == 3


def test_auto_takes_the_one_that_pays_soonest(counting):
    p = cgrad.compile(lambda x: x*x)
    for calls in range(1, 9):
        assert p(3.0) == 9.0 and counting.compiled == (calls > 3)


def test_a_backend_that_nobody_has():
    with pytest.raises(ValueError, match="'auto', 'interpreter', 'native'"):
        cgrad.compile(lambda x: x, backend="counting")
