"""Each error about programs is triggered, and says what was wrong, with what, and the way out."""

import inspect
import sys
import threading
import warnings

import numpy as np
import pytest
from programs_support import guarded

import cgrad
import cgrad.programs.codegen.jit
from cgrad import Tensor, Value, errors

points = np.array([1.0, 2.0, 3.0])
twice = cgrad.compile(lambda x: 2.0*x)
both = cgrad.compile(lambda x: [x, 2.0*x])
named = cgrad.compile(lambda x, n=1.0: n*x)
branched = guarded(lambda x: x*x if x > 0 else -x)
pair = cgrad.compile(lambda x, y: x*y)


class Unhashable:
    __hash__ = None


def compiled(f):
    return lambda *args: cgrad.compile(f)(*args)


def program(p, *args):
    p(*args)
    return p.programs[0]


def another_shape():
    w = Tensor([1.0, 2.0])
    p = cgrad.compile(lambda x: (w*x).sum())
    p(1.0)
    w.data = np.zeros(3)
    p.programs[0](1.0)


def of_another_graph():
    y = Value(2.0)*3.0
    cgrad.compile(lambda x: x*y)(1.0)


def not_alike():
    shared = np.array([1.0])
    w = Tensor(shared, requires_grad=True, copy=False)

    def f(x):
        y = x if w[0] > 0 else -x
        shared[0] = -1.0  # behind the back of the recording
        return y

    guarded(f)(4.0)


class Clipped(cgrad.Function):
    def forward(self, x):
        return 1.0*x

    def backward(self, g):
        return cgrad.clip(g, -1.0, 1.0)


def elsewhere():
    """A traced number used by another thread."""
    caught = []

    def f(x):
        def other():
            try:
                x*2.0
            except BaseException as error:
                caught.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        if caught:
            raise caught[0]
        return x

    cgrad.compile(f)(1.0)


def many():
    p = cgrad.compile(lambda x: cgrad.static(x)*x, max_paths=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in points:
            p(x)


def unused():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cgrad.compile(lambda x, y: x).grad(1.0, 2.0, argnums=1)


def without(module, call):
    def run():
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            if module.startswith("llvmlite"):
                patch.setattr(cgrad.programs.codegen.jit, "_binding", None)
            call()
    return run


CASES = {
    "array_class": lambda: twice(np.ma.masked_array([1.0])),
    "bad_result": lambda: compiled(lambda x: Unhashable)(1.0) and compiled(lambda x: object())(1.0),
    "changing": lambda: twice(iter([1.0])),
    "traced_elsewhere": elsewhere,
    "not_linear": lambda: compiled(Clipped.apply)(1.0),
    "bad_argnums": lambda: twice.grad(1.0, argnums=2),
    "bad_c_name": lambda: program(twice, 1.0).to_c("1st"),
    "bad_direction": lambda: twice.jvp(1.0, v=[1.0]),
    "bad_graph": lambda: cgrad._program.Graph.of({}),
    "bad_leaf": lambda: twice(Unhashable()),
    "bad_prefix": lambda: twice.map(points, in_axes=(0, 0)),
    "bad_static": lambda: cgrad.compile(lambda x, n: x, static="n")(1.0, [1]),
    "captured_changed": another_shape,
    "guard_failed": lambda: program(branched, 1.0)(-1.0),
    "integer_wanted": lambda: compiled(lambda x: list(range(x)))(np.ones(2)),
    "no_whole_number": lambda: compiled(lambda x: list(range(x)))(2.5),
    "many_paths": many,
    "no_captured": lambda: twice.jvp(1.0, v=1.0, captured=[Value(1.0)]),
    "no_native": without("llvmlite.binding", lambda: cgrad.compile(lambda x: x, backend="native")(1.0)),
    "no_numbers_there": lambda: cgrad.compile(lambda x, s: x).grad(1.0, "a", argnums=1),
    "no_points": lambda: twice.map(1.0),
    "no_scalar_value": lambda: both.grad(1.0),
    "no_such_axis": lambda: twice.map(points, in_axes=1),
    "no_tqdm": without("tqdm.auto", lambda: twice.map(points, progress=True)),
    "not_callable": lambda: cgrad.compile(3.0),
    "not_in_programs": lambda: compiled(lambda t: np.linalg.eigvalsh(t).sum())(np.eye(2)),
    "not_repeatable": not_alike,
    "nothing_recorded": lambda: cgrad.compile(lambda x: x).to_c(),
    "other_arguments": lambda: program(twice, 1.0)([1.0]),
    "program_keywords": lambda: program(named, 1.0)(x=1.0),
    "too_large_in_program": lambda: compiled(np.linalg.det)(np.eye(33)),
    "traced_effect": lambda: compiled(lambda x: x.backward())(1.0),
    "traced_foreign": of_another_graph,
    "traced_number": lambda: compiled(lambda x: x.item())(1.0),
    "uneven_values": lambda: cgrad.compile(lambda x: x if x > 2 else [x]).map(points),
    "unknown_static": lambda: cgrad.compile(lambda x: x, static="n"),
    "unused_argument": unused,
    "values_given": lambda: twice.map(Value(1.0)),
    "of_library": lambda: program(branched, 1.0)(-1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_each_error_of_programs_is_triggered(name, monkeypatch):
    original, seen = getattr(errors, name), []

    def counted(*args):
        seen.append(original(*args))
        return seen[-1]

    monkeypatch.setattr(errors, name, counted)
    if name == "of_library":  # says of which frame a guard is
        guarded(lambda x: max(x, 0.0))(1.0)
    else:
        with pytest.raises((Exception, RuntimeWarning)) as error:
            CASES[name]()
        text = "\n".join([str(error.value), *getattr(error.value, "__notes__", [])])
        assert ": " in text
        assert str(seen[-1]) in text
    assert seen, f"{name} was not called"


def test_errors_of_traces_name_the_line():
    def f(x):
        return x.item()

    line = inspect.getsourcelines(f)[1] + 1
    with pytest.raises(cgrad.TraceError, match=rf"test_program_errors\.py:{line}\b"):
        cgrad.compile(f)(1.0)
