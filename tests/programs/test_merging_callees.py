"""Branches of what a compiled function calls: layers of networks, functions of its own package, and what libraries call."""

from __future__ import annotations

import gc
import math
import types
import warnings
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from merging_support import ONE, agree, compiled, is_guarded, is_merged

import cgrad
from cgrad import nn

X = np.array([0.5, -2.0])


class Gate(nn.Module):
    """A branch on the sum of its input; counts its calls if it is told to."""

    def __init__(self, counts=False):
        self.scale = cgrad.Value(3.0)
        self.counts, self.calls = counts, []

    def forward(self, x):
        total = x.sum()
        if self.counts:
            self.calls.append(1)
        if total > 0:
            y = x*self.scale
        else:
            y = -x
        return y


@pytest.mark.parametrize("make", [
    lambda gate: gate, lambda gate: lambda x: gate(x)*2.0, lambda gate: nn.Sequential(gate, nn.Tanh(), Gate()),
    lambda gate: lambda x: nn.Sequential(nn.ReLU(), gate)(x), lambda gate: gate.forward], ids=str)
def test_layers_of_users(make):
    f = make(Gate())
    p = compiled(f)
    for x in (X, -X, X*0.0, np.abs(X)):
        np.testing.assert_allclose(p(x), f(cgrad.Tensor(x)).data, rtol=1e-15)
    assert is_merged(p)


def test_a_layer_s_parameters_have_gradients():
    gate = Gate()
    p = compiled(lambda x: gate(x).sum())
    assert p.grad(-X, captured=[gate.scale]) == [1.5] and p.grad(X, captured=[gate.scale]) == [0.0]
    assert is_merged(p)


def test_a_layer_with_effects_is_called_where_it_is_taken():
    calls = {}
    for branches in ("merge", "guard"):
        gate = Gate(counts=True)
        p = compiled(lambda x, gate=gate: gate(np.ones(1)*x).sum() if x > 0 else x*2.0, branches)
        seen = []
        for x in (-1.0, -2.0, 1.0, 2.0):
            assert p(x) == (3.0*x if x > 0 else 2.0*x)
            seen.append(len(gate.calls))
        calls[branches] = seen
    assert calls["merge"] == calls["guard"] == [0, 0, 1, 1]


@pytest.mark.parametrize("own", [True, False])
def test_installed_packages_but_for_the_function_s_own_stay_as_they_are(own):
    """As they are not looked into: whatever they do may be an effect."""
    helper = types.FunctionType(clipped.__code__, {"__name__": "pytest"})
    f = types.FunctionType(uses.__code__, {"helper": helper, "__name__": "pytest" if own else "mine"})
    p = agree(f, ONE, slopes=False)
    assert (is_merged if own else is_guarded)(p)


def clipped(x):
    if x > 1:
        y = 1.0
    else:
        y = x*2.0
    return y


def uses(x):
    return helper(x)*3.0  # noqa: F821 (a global that a test gives)


def test_what_is_returned_by_the_else_of_a_loop():
    """It does not end the side: what follows the loop is for those that break."""
    def f(x, y):
        if x < 0:
            for k in range(3):
                if y > k:
                    x = x*2.0
                elif y == k:
                    break
            else:
                return x + y
            return x
        return y

    def g(x, y):
        if x < 0:
            while y < 2:
                y = y + 1.0
            else:
                return x*y
            return x
        return y*2.0

    points = [(-1.0, 0.5), (-1.0, 0.0), (-2.0, 5.0), (1.0, 0.5), (-1.0, 1.0)]
    for h in (f, g):
        agree(h, points, slopes=False)


def test_guards_of_early_returns_have_the_line_of_their_branch():
    """Though they become guards further down, where something needs one."""
    def f(x):
        if x > 1:  # early
            return x*2.0
        if x < (
            -1.0
        ):
            return -x
        total = 0.0
        for _ in range(int(cgrad.static(x) + 3)):  # steps
            total = total + x
        return total

    first = f.__code__.co_firstlineno
    for order in ((2.0, 0.0, -2.0), (-2.0, 0.0, 2.0), (0.0, 2.0)):
        p = compiled(f)
        assert [p(x) for x in order] == [f(x) for x in order]
        lines = {guard.line[1] - first for program in p.programs for guard in program.guards}
        assert lines <= {1, 3, 8} and 1 in lines


def test_calls_over_several_lines_have_the_line_that_python_says():
    class Chain:
        def step(self):
            return self

        def fail(self):
            raise ValueError("in a chain")

    def f(x):
        chain = Chain()
        y = x if x > 0 else -x
        return (chain
                .step()
                .fail()
                .step())*y

    def lines(run):
        with pytest.raises(ValueError, match="in a chain") as error:
            run(2.0)
        return [entry.lineno for entry in error.traceback if entry.frame.code.name in ("f", "fail")]

    assert lines(compiled(f)) == lines(f)


@dataclass
class Sized:
    x: Any

    def size(self):
        return abs(self.x)


def test_methods_do_not_hold_their_objects():
    """An object of which a side has called a method is still the side's alone."""
    def f(x):
        if x > 0:
            p = Sized(x*2.0)
            s = p.size()
        else:
            p = Sized(-x)
            s = 1.0
        return p.x*s

    agree(f, ONE, merged=True)


def test_objects_go_while_a_function_is_recorded():
    alive = []

    def f(x):
        seen = []
        for _ in range(20):
            a = np.zeros(3)
            a.copy()
            thing = Sized(1.0)
            thing.size()
            seen += [weakref.ref(a), weakref.ref(thing)]
            alive.append(sum(ref() is not None for ref in seen))
        return x

    for branches in ("merge", "guard"):
        compiled(f, branches)(1.0)
    assert max(alive) == 2


def test_methods_of_two_objects_are_their_own():
    scales = [Scale(2.0), Scale(3.0)]
    agree(lambda x: scales[0].of(x) if x > 0 else scales[1].of(x), ONE, merged=True)
    items = [[1.0, 2.0], [3.0]]
    agree(lambda x: x*(items[0].copy()[0] + items[1].copy()[0] + len(items[1].copy())), ONE)


class Scale:
    def __init__(self, k):
        self.k = k

    def of(self, x):
        return x*self.k if x < 1 else x


def test_objects_go_where_a_function_runs_at_values():
    """Beyond max_paths, with functions of math in it, so that it is rewritten."""
    seen = []

    def f(x):
        thing = Sized(x)
        seen.append(weakref.ref(thing))
        return (math.exp(thing.size()) + (lambda: thing.x)())*cgrad.static(x)

    p = compiled(f, max_paths=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # many paths
        for k in range(1, 30):
            assert p.grad(float(k)) == pytest.approx((math.exp(k) + 1)*k, rel=1e-14)
    gc.collect()
    assert p.stats()["fallbacks"] > 20 and not any(ref() for ref in seen)
