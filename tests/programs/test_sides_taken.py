"""Single calls of programs with merged branches: code of the sides that recur, which lasts."""

import pickle

import pytest

import cgrad
from cgrad.programs import backends
from cgrad.programs.path import SPECIALISE_AT


def small(x):
    y = 0.5*x
    for _ in range(10):
        y = y*0.99 + 0.1
        if y > 1.0:
            y = 1.0
    return y*y if x > 0 else -y


KINDS = {
    "value": (lambda p, x: p(x), "value"),
    "grad": (lambda p, x: p.grad(x), "grad"),
    "value_and_grad": (lambda p, x: p.value_and_grad(x), "value_and_grad"),
}


def first(p, kind):
    """The instructions that a call asks first."""
    return p.fast_calls[KINDS[kind][1]][0].executable


def of_all_sides(p, kind):
    return max(call.executable.instructions for call in p.fast_calls[KINDS[kind][1]])


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_shorter_and_last(kind):
    p, call = cgrad.compile(small), KINDS[kind][0]
    expected = call(cgrad.compile(small, branches="guard"), 0.7)
    for _ in range(40*SPECIALISE_AT):
        assert call(p, 0.7) == expected
    special = first(p, kind)
    assert special.instructions < 0.7*of_all_sides(p, kind)
    before = special.fast_runs
    for _ in range(10*SPECIALISE_AT):
        call(p, 0.7)
    assert first(p, kind) is special and special.fast_runs == before + 10*SPECIALISE_AT


@pytest.mark.parametrize("kind", KINDS)
def test_they_do_not_hide_other_sides(kind):
    p, q, call = cgrad.compile(small), cgrad.compile(small, branches="guard"), KINDS[kind][0]
    for k in range(20*SPECIALISE_AT):
        x = (0.7, 0.7, -0.4, 1.9, 0.2)[k % 5]
        assert call(p, x) == call(q, x)
    assert len(p.programs) == 1


def test_the_general_path_leaves_them_in_front():
    p = cgrad.compile(small)
    for _ in range(2*SPECIALISE_AT):
        p.value_and_grad(0.7)
    special = first(p, "value_and_grad")
    assert special.instructions < 0.7*of_all_sides(p, "value_and_grad")
    p._gradient("value_and_grad", (0.7,), {})
    assert first(p, "value_and_grad") is special


class Counting:
    """A backend that makes nothing, and notes for what."""

    name = "counting"

    def __init__(self):
        self.made = []

    def pays_after(self, nodes):
        return 5*SPECIALISE_AT

    def compile(self, executable):
        self.made.append(executable)


def test_machine_code_is_made_of_them(monkeypatch):
    backend = Counting()
    monkeypatch.setattr(backends, "_compiler", lambda: backend)
    p = cgrad.compile(small)
    for _ in range(20*SPECIALISE_AT):
        p.value_and_grad(0.7)
    special = first(p, "value_and_grad")
    assert special.instructions < 0.7*of_all_sides(p, "value_and_grad")
    assert backend.made == [special] and special.runs > 10*SPECIALISE_AT  # the others are not run any more


def test_programs_from_pickles_have_them():
    p = pickle.loads(pickle.dumps(recorded(small, 0.7)))
    expected = cgrad.compile(small, branches="guard").value_and_grad(0.7)
    for _ in range(20*SPECIALISE_AT):
        assert p.value_and_grad(0.7) == expected
    assert first(p, "value_and_grad").instructions < 0.7*of_all_sides(p, "value_and_grad")


def recorded(f, x):
    """The program of a function."""
    p = cgrad.compile(f)
    p(x)
    return p.programs[0]
