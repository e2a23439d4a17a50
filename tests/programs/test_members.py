"""What a recording makes of each member of Value, Tensor and Tape: rows of cgrad._members, and what happens."""

import importlib.util
import math
import pickle
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from merging_support import cell

import cgrad
from cgrad import Tape, Tensor, TraceError, Value
from cgrad._members import MEMBERS
from cgrad._optable import OPS, PREDICATES

ROOT = Path(__file__).resolve().parent.parent.parent
CLASSES = {"Handle": Value.__mro__[1], "Value": Value, "Tensor": Tensor, "Tape": Tape}
OPERATIONS = {name for op in OPS for name in (op.name, *op.alias.split(), f"__{op.slot}__", f"__r{op.slot}__")} \
    | {p.name for p in PREDICATES}
COMPARISONS = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"}
REFLECTED = {"__rdivmod__", "__rmatmul__"}
FROM_OPS = (types.FunctionType, property, staticmethod)  # what cgrad.ops adds is Python's
FOR_PYTHON = {"__new__", "__doc__", "__module__", "__pyx_vtable__", "__delitem__"}


@pytest.mark.parametrize("name", CLASSES)
def test_each_member_has_a_row(name):
    own = {member for member, what in vars(CLASSES[name]).items() if not isinstance(what, FROM_OPS)}
    own = {"__richcmp__" if member in COMPARISONS else member for member in own}
    rows = {row.rstrip("=") for row in MEMBERS[name]}
    assert own - OPERATIONS - REFLECTED - FOR_PYTHON == rows


def set_element(t):
    t[0] = 1.0


def iterate(x):
    with Tape() as t:
        iter(t)


USES = {  # of a row that says refuse or effect; v: what the function was called with
    "register_hook": lambda v: v.register_hook(print), "_numbers": lambda v: (v*2)._numbers, "__float__": lambda v: v.__float__(),
    "__int__": lambda v: v.__int__(), "__complex__": complex, "data": lambda v: v.data, "data=": lambda v: setattr(v, "data", 1.0),
    "grad": lambda v: v.grad, "grad=": lambda v: setattr(v, "grad", 1.0), "zero_grad": lambda v: v.zero_grad(),
    "item": lambda v: v.item(), "detach": lambda v: v.detach(), "backward": lambda v: (v*2).backward(),
    "__reduce__": pickle.dumps, "requires_grad_": lambda v: v.requires_grad_(not v.requires_grad),
    "requires_grad=": lambda v: setattr(v, "requires_grad", not v.requires_grad),
    "numpy": lambda v: v.numpy(), "tolist": lambda v: v.tolist(), "__setitem__": set_element, "__array__": lambda v: v.__array__(),
    "__copy__": lambda v: v.__copy__(), "__str__": str, "__format__": "{}".format,
}
REFUSED = [(name, member) for name in ("Handle", "Value", "Tensor") for member, row in MEMBERS[name].items()
           if row[0] in ("refuse", "effect", "through")]


@pytest.mark.parametrize("name, member", REFUSED)
def test_a_recording_refuses_what_its_row_says(name, member):
    row = MEMBERS[name][member]
    what = MEMBERS[name][row[1]][1] if row[0] == "through" else row[1]
    constant = Tensor([1.0, 2.0])  # of what has a history, setting an element is another error
    for x in {"Handle": (1.0, np.ones(3)), "Value": (1.0,), "Tensor": (np.ones(3),)}[name]:
        with pytest.raises(TraceError) as error:
            cgrad.compile(lambda v: USES[member](constant if member == "__setitem__" else v))(x)
        assert str(error.value).startswith(f"{what}: ")


def test_a_tape_inside_of_a_recording():
    with pytest.raises(TraceError, match=r"^with Tape\(\): "):
        cgrad.compile(iterate)(1.0)
    tape = Tape()
    with pytest.raises(TraceError, match="^reading a tape: "):
        cgrad.compile(lambda x: list(tape))(1.0)


def test_a_handle_is_a_value_or_a_tensor():
    Handle = CLASSES["Handle"]
    assert Tensor.__mro__[1] is Handle
    with pytest.raises(TypeError, match="make a Value or a Tensor"):
        Handle()
    with pytest.raises(TypeError, match="make a Value or a Tensor"):
        type("Mine", (Handle,), {})()
    with pytest.raises(TypeError, match="not safe"):
        Handle.__new__(Tensor)
    with pytest.raises(TypeError):
        Handle.name.__get__(3)


# ---- text ----------------------------------------------------------------------------------------

READERS = {  # text that a program reads a number from
    "f-string": lambda v: float(f"{v}"), "with a spec": lambda v: float(f"{v:.2f}"), "!s": lambda v: float(f"{v!s}"),
    "format": lambda v: float(format(v, ".3e")), "%": lambda v: float("%s" % v), "str": lambda v: float(str(v)),
    "str.format": lambda v: float("{}".format(*[v])), "join": lambda v: float("".join(map(str, [v]))),
}


@pytest.mark.parametrize("name", READERS)
def test_text_of_a_traced_number_is_refused(name):
    read = READERS[name]
    for f in (lambda x: read(x)*x, lambda x: read(x*2.0), lambda x: read(w)*x):
        w = Value(3.0)
        with pytest.raises(TraceError, match=r"^(str|format): .*frozen \(.*test_members\.py:\d+\).*print\(v\).*cgrad\.static"):
            cgrad.compile(f)(1.4)
    with pytest.raises(TraceError, match="^(str|format): 't' changes"):
        cgrad.compile(lambda t: read(t)*t)(np.ones(2))


def test_a_text_that_is_caught_is_refused_all_the_same():
    def f(x):
        try:
            return float(f"{x:.2f}")*x
        except TypeError:
            return x

    with pytest.raises(TraceError, match="^format: 'x'"):
        cgrad.compile(f)(1.4)


def test_repr_and_print_show_a_placeholder(capsys):
    w = Value(3.0)

    def f(x, t):
        y = x*w
        y.name = "product"
        print(x, w, y, x + 1.5, t, [x, y], {"x": x}, *[x])
        list(map(print, [x]))
        print(repr(x) + f"{x!r}" + repr([x]) + repr(np.array([x])))
        return y*t[0]

    assert cgrad.compile(f)(2.0, np.array([5.0, 7.0])) == 30.0
    text, line, shown = capsys.readouterr().out.splitlines()
    assert text == ("<traced x> <traced number> <traced product> <traced add> <traced t> [<traced x>, <traced product>] "
                    "{'x': <traced x>} <traced x>")
    assert line == "<traced x>" and shown == "<traced x><traced x>[<traced x>]array([<traced x>], dtype=object)"
    with pytest.raises(ValueError, match="could not convert string to float: '<traced x>'"):
        cgrad.compile(lambda x: float(repr(x))*x)(1.4)
    with pytest.raises(TraceError, match="^str: "):  # print does not ask for this text
        cgrad.compile(lambda x: print(float(str(x))))(1.4)


def test_text_outside_of_a_recording_is_as_ever(capsys):
    x, t = Value(2.0, name="x"), Tensor([1.0, 2.0])
    assert str(x) == f"{x}" == repr(x) == "Value(data=2.0, grad=0.0, name='x')" and f"{x:.2f}" == "2.00"
    assert str(t) == f"{t}" == repr(t) == "Tensor([1., 2.])"
    with pytest.raises(TypeError, match="unsupported format string"):
        format(t, ".2f")
    print(x)
    assert capsys.readouterr().out == "Value(data=2.0, grad=0.0, name='x')\n"
    with Tape() as tape:
        other = tape.leaf(1.0)*4.0

    # of a graph outside: its number never changes
    assert cgrad.compile(lambda v: v*float(f"{other:.1f}"))(1.0) == 4.0


def test_another_thread_sees_the_placeholder():
    seen = []

    def f(x):
        thread = threading.Thread(target=lambda: seen.append((repr(x), repr(x_outside))))
        thread.start()
        thread.join()
        return x*2.0

    x_outside = Value(1.0)
    cgrad.compile(f)(1.0)
    assert seen == [("<traced x>", "Value(data=1.0, grad=0.0)")]


# ---- the generator -------------------------------------------------------------------------------

CHAPTER = '''cdef class Thing:
    """Of which there are many."""

    def __cinit__(self):
        pass

    @property
    def size(self):
        """How large."""
        cdef int n = 3
        return n

    @size.setter
    def size(self, n):
        if n < 0:
            raise ValueError
        # (trace check)
        self.n = n

    def free(self, a,
             b):
        """Two

        lines."""
        return a


cdef int other
'''
ROWS = {"size": ("shape",), "size=": ("effect", "setting size"), "free": ("refuse", "free")}


@pytest.fixture(scope="module")
def checked():
    path = ROOT / "tools" / "optable" / "checks.py"
    if not path.exists():
        pytest.skip("tests of an installed package: the tools are not there")
    spec = importlib.util.spec_from_file_location("checks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.checked


def test_checks_are_the_first_statements_or_where_the_body_says(checked):
    text = checked(CHAPTER, "Thing", ROWS)
    lines = [line for line in text.split("\n") if line not in CHAPTER.split("\n")]
    assert lines == ["        if cgrad_unlikely(traces):", "            look_at_shape(self)",
                     "        if cgrad_unlikely(traces):", "            refuse_effect('setting size')",
                     "        if cgrad_unlikely(traces):", "            refuse(self, 'free')"]
    assert "= 3\n        if cgrad" in text and "raise ValueError\n        if cgrad" in text
    assert 'lines."""\n        if cgrad' in text and text.endswith("\n\n\ncdef int other\n")


def test_a_member_without_a_row_is_an_error_and_the_reverse(checked):
    with pytest.raises(ValueError, match=r"Thing\.size=: no row"):
        checked(CHAPTER, "Thing", {k: row for k, row in ROWS.items() if k != "size="})
    with pytest.raises(ValueError, match="Thing has no member weight"):
        checked(CHAPTER, "Thing", {**ROWS, "weight": ("free",)})
    with pytest.raises(ValueError, match=r"Thing\.size=: 'free' has no check"):
        checked(CHAPTER, "Thing", {**ROWS, "size=": ("free",)})
    with pytest.raises(ValueError, match=r"Thing\.free: its row says 'guard'"):
        checked(CHAPTER, "Thing", {**ROWS, "free": ("guard",)})
    with pytest.raises(ValueError, match=r"Thing\.free: its row says 'shown'"):
        checked(CHAPTER, "Thing", {**ROWS, "free": ("shown",)})
    with pytest.raises(ValueError, match="no such class"):
        checked(CHAPTER, "Things", ROWS)


MATH = {  # source: the way out, the derivative at 2
    "math.sqrt(x)": ("use cgrad.sqrt;", 0.5**1.5), "math.exp(x + 1)*2": ("use cgrad.exp;", 2*math.exp(3)),
    "max(1.0, math.log1p(x))": ("use cgrad.log1p;", 1/3), "math.fabs(x)": ("use abs;", 1.0), "math.pow(x, 2)": ("use x**y;", 4.0),
    "[math.erf(y) for y in [x]][0]": ("use cgrad.erf;", 2*math.exp(-4)/math.sqrt(math.pi)),
    "math.gamma(x)": ("use cgrad.gamma;", 1 - 0.5772156649015329), "float(x)": ("operations", 1.0), "math.frexp(x)[0]": ("operations", None),
}


@pytest.mark.parametrize("source", MATH)
def test_functions_of_math_are_named(source):
    """The way out is the function of cgrad, for Values and for what is recorded where there is no source to rewrite."""
    f, (use, _) = eval(f"lambda x: {source}", {"math": math}), MATH[source]
    with pytest.raises(cgrad.TraceError, match=use.replace("*", r"\*")):
        cgrad.compile(f)(2.0)
    with pytest.raises(TypeError, match="would lose its history: " + ("use v.item" if use == "operations" else use.replace("*", r"\*"))):
        f(cgrad.Value(2.0))


@pytest.mark.parametrize("source", MATH)
def test_functions_of_math_in_what_is_rewritten(source):
    f, slope = cell(f"f = lambda x: {source}\n")["f"], MATH[source][1]
    p = cgrad.compile(f)
    if slope is None:
        with pytest.raises(cgrad.TraceError, match="float: 'x' changes"):
            p(2.0)
    else:
        assert p(2.0) == pytest.approx(f(2.0), rel=1e-15) and p.grad(2.0) == pytest.approx(slope, rel=1e-14)
