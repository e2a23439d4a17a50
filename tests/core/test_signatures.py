"""inspect.signature works for everything public, and says what runs: names, defaults, what cannot be given by name."""

from __future__ import annotations

import inspect
import re

import every_attribute
import numpy as np
import pytest

import cgrad
from cgrad import Tape, Tensor, Value

FUNCTIONS = {name: thing for name, thing in every_attribute.functions().items()
             if not (isinstance(thing, type) and issubclass(thing, BaseException))}  # Python's have no signatures either
OBJECTS = {
    Value: every_attribute.node, Tensor: every_attribute.array_node, Tape: Tape, cgrad.Mark: every_attribute.marked,
    cgrad.Gradients: every_attribute.derivatives(), cgrad.CompiledFunction: every_attribute.recorded,
    cgrad.Program: lambda: every_attribute.recorded().programs[0], cgrad.no_grad: cgrad.no_grad,
    cgrad.detect_anomaly: cgrad.detect_anomaly,
}
NO_KEYWORD = re.compile("takes no keyword arguments|positional-only|unexpected keyword argument")


def taken_by_name(function, name):
    """Whether there is an argument of this name; the call itself may fail for its value."""
    try:
        function(**{name: None})
    except TypeError as error:
        return not NO_KEYWORD.search(str(error))
    except Exception:
        pass
    return True


def wrong_names(function):
    """Arguments that are taken by name and should not be, or the other way round."""
    for p in inspect.signature(function).parameters.values():
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            if taken_by_name(function, p.name) != (p.kind is not p.POSITIONAL_ONLY):
                yield str(p)


def test_functions_and_classes():
    assert len(FUNCTIONS) > 200
    assert {name: wrong for name, function in FUNCTIONS.items() if (wrong := [*wrong_names(function)])} == {}


@pytest.mark.parametrize("kind", OBJECTS)
def test_methods(kind):
    """Bound, each says what it takes; from the class it has self, which is positional, besides."""
    for name in dir(kind):
        if name.startswith("__") or not callable(getattr(kind, name)) or isinstance(getattr(kind, name), type):
            continue
        bound = getattr(OBJECTS[kind](), name)
        assert [*wrong_names(bound)] == [], name
        if not isinstance(inspect.getattr_static(kind, name), (staticmethod, classmethod)):
            first, *rest = inspect.signature(getattr(kind, name)).parameters.values()
            assert first.default is first.empty and first.kind in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD)
            assert rest == [*inspect.signature(bound).parameters.values()], name


@pytest.mark.parametrize(("thing", "text"), [
    (Value, "(data, *, name=None, label=None)"), (Tape, "()"), (cgrad.exp, "(x, /)"), (cgrad.fma, "(x, y, z)"),
    (Tensor, "(data, requires_grad=False, *, name=None, label=None, dtype=None, copy=True)"), (Value.exp, "(self, /)"),
    (Value.add, "(self, y, /)"), (Value.fma, "(self, /, y, z)"), (Value.arctan2, "(self, x, /)"),
    (Value.isnan, "(self, /)"), (cgrad.isnan, "(x, /)"), (cgrad.static, "(v, /)"), (cgrad.current_tape, "()"),
    (cgrad.gradients, "(outputs, inputs=None, *, seed=None, create_graph=False)"), (Value(1.0).mul, "(y, /)"),
    (Tape.leaf, "(self, /, x, name=None)"), (cgrad.Gradients.wrt, "(self, x, /)")])
def test_text(thing, text):
    assert str(inspect.signature(thing)) == text


@pytest.mark.parametrize("kind", [Value, Tensor, Tape, cgrad.Mark, cgrad.Gradients, Value.exp, cgrad.exp, Tape.leaf])
def test_documentation_has_no_signature(kind):
    """The docstring's first line is for inspect alone."""
    assert kind.__doc__.strip() and "--\n" not in kind.__doc__ and not kind.__doc__.strip().startswith(kind.__name__ + "(")


@pytest.mark.parametrize("method", [Value.exp, Value.add, Value.backward, Tensor.backward, Tape.clear, Tape.leaf,
                                    cgrad.CompiledFunction.grad, cgrad.CompiledFunction.value_and_grad])
@pytest.mark.parametrize("wrong", [None, 1.0, "a", Value, np.ones(3)], ids=str)
def test_methods_check_self(method, wrong):
    """Called from the class with something else: no garbage is read."""
    with pytest.raises(TypeError, match="requires a '.*' object|doesn't apply to"):
        method(wrong, 1.0)
