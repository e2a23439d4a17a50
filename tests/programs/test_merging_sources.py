"""Functions whose source is rewritten: decorated, nested, on one line, in notebooks, without source; and their own lines in all that is said."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import linecache
import random
import sys
import traceback
import types
import warnings

import pytest
from merging_support import NAN, ONE, agree, cell, compiled, is_guarded, is_merged, outcome
from programs_support import hexed

import cgrad
from cgrad import TraceError

SHIFT = 1.0


def line_of(f, text):
    """The number of the line of f's source that has the text."""
    lines, first = inspect.getsourcelines(f)
    return next(first + k for k, line in enumerate(lines) if text in line)


# ---- what kinds of functions ---------------------------------------------------------------------------

def wrapped(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs)*2.0
    return wrapper


def bare(f):
    def wrapper(x):
        if x > 1:
            return f(x)
        return f(x)*3.0
    return wrapper


def with_argument(k):
    def decorate(f):
        @functools.wraps(f)
        def inner(x):
            return f(x)*k if x > 0 else f(x)
        return inner
    return decorate


def unchanged(f):
    f.mark = 1
    return f


@wrapped
def by_wraps(x):
    return x*x if x > 0 else -x


@bare
def by_a_bare_wrapper(x):
    return x*x if x > 0 else -x


@with_argument(5.0)
@unchanged
@bare
def by_three(x):
    return x*x if x > 0 else -x


def default(x, low=0.0, *, high=SHIFT):
    return low if x < low else high if x > high else x


def annotated(x: float, scale: float = 2.0, /, *rest: float) -> float:
    y: float = x*scale
    z: float
    if y > 1:
        z = y
    else:
        z = 1.0
    return z*y


def global_read(x):
    return x*SHIFT if x > SHIFT else x - SHIFT


def documented(x):
    """A text that has if x > 0: return 1 in it."""
    # if x > 0: return 2
    text = "if x > 0: return 3"
    return x*len(text) if x > 0 else \
        x


def odd_layout(x):
    if (x
            > 0): y = x; z = 2.0*x  # noqa: E701, E702
    else: y = 1.0; z = (  # noqa: E701, E702
        x)
    return (y +
            z)


lambda_alone = lambda x: x*2.0 if x > 0 else x  # noqa: E731
first, second = lambda x: x*2.0 if x > 0 else x, lambda x: x*3.0 if x > 0 else x
same_but_for_a_constant = [lambda x: x*1.5 if x > 0 else x, lambda x: x*2.5 if x > 0 else x, lambda x: x*1.5 if x > 1 else x]
inner_of_a_lambda = (lambda k: lambda x: x*k if x > k else k)(0.5)


class Model:
    scale = 3.0
    __secret = 2.0

    def __init__(self, k):
        self.k = k

    def method(self, x):
        return x*self.k if x > self.k else x

    def mangled(self, x):
        return x*self.__secret if x > 0 else x

    def base(self, x):
        return x + 1.0

    @classmethod
    def by_class(cls, x):
        return x*cls.scale if x > 0 else x

    @staticmethod
    def static(x):
        return x*4.0 if x > 0 else x

    def __call__(self, x):
        return x*self.k if x > 0 else -x


class Child(Model):
    def base(self, x):
        return super().base(x)*2.0 if x > 0 else super().base(x)

    def named(self, x):
        return __class__.scale*x if x > 0 else x


def make_closure(k):
    def f(x):
        return x*k if x > k else x + k
    return f


def make_counter():
    k = 1.0

    def change(v):
        nonlocal k
        k = v

    def f(x):
        return x*k if x > 0 else x - k

    return f, change


FUNCTIONS = [by_wraps, by_a_bare_wrapper, by_three, default, annotated, global_read, documented, odd_layout, lambda_alone, first, second, *same_but_for_a_constant,
             inner_of_a_lambda, Model(0.5).method, Model(2.0).mangled, Child(1.0).base, Child(1.0).named, Model.by_class, Child.by_class, Model.static, Model(1.5),
             make_closure(0.5), make_closure(-2.0), make_counter()[0], functools.partial(default, low=-1.0), functools.partial(Model.method, Model(1.0))]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: getattr(f, "__qualname__", repr(f))[:40])
def test_kinds_of_functions(f):
    agree(f, ONE, merged=True)


def test_closures_see_what_their_variables_become():
    f, change = make_counter()
    p = compiled(f)
    for k in (1.0, 5.0, -3.0):
        change(k)
        for x in (2.0, -2.0):
            assert p(x) == f(x)


def test_globals_are_read_afresh(monkeypatch):
    p = compiled(global_read)
    for shift in (1.0, 4.0, -1.0):
        monkeypatch.setattr(sys.modules[__name__], "SHIFT", shift)
        for x in (2.0, -2.0, 7.0):
            assert p(x) == global_read(x)


def test_defaults_are_read_afresh():
    def f(x, k=2.0):
        return x*k if x > 0 else x

    p = compiled(f)
    assert (p(3.0), p(-3.0)) == (6.0, -3.0)
    f.__defaults__ = (5.0,)
    assert (p(3.0), p(-3.0)) == (f(3.0), f(-3.0))


def test_a_helper_that_is_replaced():
    space = cell("def g(x):\n    return x*2.0 if x > 0 else x\n\ndef f(x):\n    return g(x) + 1.0\n")
    p = compiled(space["f"])
    assert (p(3.0), p(-3.0)) == (7.0, -2.0)
    exec("def g(x):\n    return x*5.0 if x > 0 else x\n", space)
    assert (p(3.0), p(-3.0)) == (16.0, -2.0)


def test_code_that_is_replaced():
    def f(x):
        return x*2.0 if x > 0 else x

    def g(x):
        return x*7.0 if x > 1 else -x

    p = compiled(f)
    assert (p(3.0), p(0.5)) == (6.0, 1.0)
    f.__code__ = g.__code__
    q = compiled(f)
    assert (q(3.0), q(0.5)) == (21.0, -0.5)


def test_functions_that_share_a_line_and_a_cell():
    """One code object, several closures: each with its own numbers."""
    made = [compiled(make_closure(k)) for k in (0.5, 1.5, 2.5)]
    for k, p in zip((0.5, 1.5, 2.5), made, strict=True):
        for (x,) in ONE:
            assert hexed(p(x)) == hexed(make_closure(k)(x))


def test_recursion_through_the_compiled_name():
    @cgrad.compile
    def f(x):
        return x*2.0 if x > 0 else x

    def g(x):
        return f(x) + 1.0 if x > 1 else f(x)

    def floats(x):
        y = x*2.0 if x > 0 else x
        return y + 1.0 if x > 1 else y

    for (x,) in ONE:
        assert hexed(f(x)) == hexed(f.function(x)) and hexed(compiled(g)(x)) == hexed(floats(x))


# ---- notebooks and code without source -----------------------------------------------------------------

CELL = """
def f(x):
    if x > 0:
        y = x*2.0
    else:
        y = x*x
    return y
"""


def test_a_notebook_cell():
    f = cell(CELL)["f"]
    agree(f, ONE, merged=True)


def test_a_cell_that_is_run_again():
    """Another source under the name of the former one: what counts is the code that the function has."""
    f = cell(CELL, "<ipython-input-900-abc>")["f"]
    g = cell(CELL.replace("x*2.0", "x*9.0"), "<ipython-input-900-abc>")["f"]
    agree(f, ONE)
    agree(g, ONE, merged=True)
    assert compiled(f)(3.0) == 6.0 and compiled(g)(3.0) == 27.0


def executed(source, name="<string>", **names):
    space = {"__name__": "__main__", "cgrad": cgrad, **names}
    exec(compile(source, name, "exec"), space)
    return space


@pytest.mark.parametrize("name", ["<string>", "<stdin>", "no such file.py", ""])
def test_code_without_source_falls_back_to_guards(name):
    f = executed(CELL, name)["f"]
    p = agree(f, ONE, merged=False)
    assert len(p.programs) == 2 and "source" in p.explain()


def test_code_that_names_a_file_of_another_text():
    """The file has lines, but not those of the function."""
    f = executed(CELL.replace("x*2.0", "x*11.0"), __file__)["f"]
    agree(f, ONE)
    assert compiled(f)(3.0) == 33.0


@pytest.mark.parametrize("change", [("x*2.0", "x*4.0"), ("x > 0", "x < 0"), ("def f", "\n\n\ndef g"), ("else", "elif x > -1"), (CELL, "")], ids=lambda c: c[1][:12].strip())
def test_a_file_that_was_edited_since(tmp_path, change):
    path = tmp_path / "edited.py"
    path.write_text(CELL)
    spec = importlib.util.spec_from_file_location("edited_module", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.write_text(CELL.replace(*change))
    linecache.checkcache(str(path))
    agree(module.f, ONE)
    assert compiled(module.f)(3.0) == 6.0


def test_a_helper_without_source():
    """The caller is merged, the helper is not."""
    helper = executed(CELL)["f"]

    def f(x):
        return helper(x)*2.0 if x > 1 else helper(x)

    p = agree(f, ONE)
    assert "source" in p.explain()


def test_builtins_as_functions():
    p = compiled(max)
    assert [p(x, y) for x, y in ((1.0, 2.0), (2.0, 1.0), (0.0, -0.0))] == [2.0, 2.0, 0.0]


def test_a_function_made_of_code_alone():
    f = types.FunctionType(lambda_alone.__code__, {})
    agree(f, ONE)


# ---- what people are told --------------------------------------------------------------------------------

def test_tracebacks_have_the_lines_of_the_function():
    def f(x):
        y = x if x > 0 else -x
        z = {}["missing"]  # this line
        return y*z

    with pytest.raises(KeyError) as caught:
        compiled(f)(1.0)
    entry = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (entry.filename, entry.lineno, entry.name) == (__file__, line_of(f, "# this line"), "f")
    assert entry.line.endswith("# this line")


def test_tracebacks_of_helpers_and_sides():
    def helper(v):
        y = v if v > 1 else v*2.0
        return y/[][0]  # inside

    def f(x):
        if x > 0:
            return helper(x)  # outside
        return x

    with pytest.raises(IndexError) as caught:
        compiled(f)(1.0)
    entries = [(e.name, e.lineno) for e in traceback.extract_tb(caught.value.__traceback__) if e.filename == __file__]
    assert entries[-2:] == [("f", line_of(f, "# outside")), ("helper", line_of(helper, "# inside"))]


def test_tracebacks_of_lambdas_and_cells():
    p = compiled(lambda x: (x if x > 0 else -x)*undefined)  # noqa: F821
    with pytest.raises(NameError) as caught:
        p(1.0)
    entry = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert entry.filename == __file__ and entry.name == "<lambda>" and "undefined" in entry.line
    f = cell(CELL.replace("return y", "return y + missing"), "<ipython-input-901-abc>")["f"]
    with pytest.raises(NameError) as caught:
        compiled(f)(1.0)
    entry = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (entry.filename, entry.lineno, entry.line) == ("<ipython-input-901-abc>", 7, "return y + missing")


def test_errors_of_recordings_name_the_line():
    def f(x):
        y = x if x > 0 else -x
        return y*len(f"{y:.2f}")  # text

    with pytest.raises(TraceError, match=f"{__file__}:{line_of(f, '# text')}"):
        compiled(f)(1.0)


def test_guards_have_the_lines_of_the_function():
    def f(x):
        y = x if x > 0 else -x
        while y > 1:  # a loop
            y = y - 1.0
        return y

    p = compiled(f)
    p(2.5)
    assert f"{__file__}:{line_of(f, '# a loop')} in " in p.explain() and "while y > 1:" in p.explain()


def test_explain_names_the_branches_that_are_not_merged_and_why():
    log = []

    def f(x):
        if x > 0:  # an effect
            log.append(1)
        return x if x > 1 else x*x

    p = compiled(f)
    p(2.0)
    p(-2.0)
    assert p.stats()["merges"] >= 1 and len(p.programs) == 2
    assert f"{__file__}:{line_of(f, '# an effect')}" in p.explain()


def test_explain_names_the_branches_that_are_merged():
    def f(x):
        if x > 0:  # merged
            y = x
        else:
            y = 1.0
        return y

    p = compiled(f)
    p(2.0)
    assert is_merged(p)
    line = next(line for line in p.explain().splitlines() if "merge" in line)
    assert f"{__file__}:{line_of(f, '# merged')}" in p.explain(), line


def test_warnings_name_the_line():
    def f(x):
        y = x if x > 0 else -x
        warnings.warn("mind", stacklevel=1)  # here
        return y

    with pytest.warns(UserWarning, match="mind") as caught:
        compiled(f)(1.0)
    assert (caught[0].filename, caught[0].lineno) == (__file__, line_of(f, "# here"))


def test_what_functions_see_of_themselves():
    """Frames, names, locals, signatures: as without rewriting."""
    seen = []

    def f(x, k=2.0):
        """Text."""
        y = x if x > 0 else -x
        frame = inspect.currentframe()
        seen.append((frame.f_code.co_name, frame.f_code.co_filename, sorted(n for n in frame.f_locals if not n.startswith("_") and n != "frame"), frame.f_code.co_firstlineno))
        return y*k

    p, q = compiled(f), compiled(f, "guard")
    assert p(1.0) == q(1.0) == 2.0
    assert seen[0] == seen[1]
    assert p.__name__ == "f" and p.__doc__ == "Text." and str(inspect.signature(p)) == "(x, k=2.0)" and p.__wrapped__ is f


def test_guard_errors_after_loading_have_the_lines(tmp_path):
    def f(x):
        y = x if x > 0 else -x
        while y > 1:  # the loop
            y = y - 1.0
        return y

    p = compiled(f)
    p(0.5)
    p.save(tmp_path / "f.cgrad")
    with pytest.raises(cgrad.GuardError, match="while y > 1"):
        cgrad.load(tmp_path / "f.cgrad")(2.5)


# ---- random functions ------------------------------------------------------------------------------------

class Writer:
    """Source of a function of x and y over names a to d: ifs of all forms, with early returns and loops among them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = ["def f(x, y):", "    a, b, c, d = x, y, x + y, 1.0"]

    def number(self, depth=0):
        r = self.random
        kind = r.randrange(10 if depth < 2 else 4)
        if kind < 3:
            return r.choice("abcdxy")
        if kind == 3:
            return r.choice(["0.5", "-1.0", "2.0", "0.0"])
        if kind < 7:
            return f"({self.number(depth + 1)} {r.choice('+-*')} {self.number(depth + 1)})"
        if kind == 7:
            return f"({self.number(depth + 1)} if {self.condition(depth + 1)} else {self.number(depth + 1)})"
        if kind == 8:
            return f"{r.choice(['max', 'min'])}({self.number(depth + 1)}, {self.number(depth + 1)})"
        return f"cgrad.{r.choice(['sin', 'tanh', 'sqrt', 'exp'])}({self.number(depth + 1)})"

    def condition(self, depth=0):
        r = self.random
        kind = r.randrange(8 if depth < 2 else 4)
        if kind < 4:
            return f"{self.number(2)} {r.choice(['<', '<=', '>', '>=', '==', '!='])} {self.number(2)}"
        if kind < 6:
            return f"({self.condition(depth + 1)} {r.choice(['and', 'or'])} {self.condition(depth + 1)})"
        if kind == 6:
            return f"not {self.condition(depth + 1)}"
        return f"{self.number(2)} < {self.number(2)} <= {self.number(2)}"

    def block(self, indent, depth):
        r = self.random
        pad = "    "*indent
        for _ in range(r.randint(1, 3)):
            kind = r.randrange(9)
            if kind < 3 or depth > 2:
                self.lines.append(f"{pad}{r.choice('abcd')} {r.choice(['=', '=', '+=', '-='])} {self.number()}")
            elif kind < 7:
                self.lines.append(f"{pad}if {self.condition()}:")
                self.block(indent + 1, depth + 1)
                if r.random() < 0.4:
                    self.lines.append(f"{pad}elif {self.condition()}:")
                    self.block(indent + 1, depth + 1)
                if r.random() < 0.6:
                    self.lines.append(f"{pad}else:")
                    self.block(indent + 1, depth + 1)
            elif kind == 7:
                self.lines.append(f"{pad}for k in range({r.randint(2, 3)}):")
                self.block(indent + 1, depth + 2)
                if r.random() < 0.3:
                    self.lines.append(f"{pad}    if {self.condition()}: {r.choice(['break', 'continue'])}")
            else:
                self.lines.append(f"{pad}{r.choice('ab')}, {r.choice('cd')} = {self.number()}, {self.number()}")
        if depth and r.random() < 0.15:
            self.lines.append(f"{pad}return {self.number()}")

    def text(self):
        self.block(1, 0)
        return "\n".join([*self.lines, "    return a + b*c - d", ""])


POINTS = [(0.3, 0.7), (-1.0, 0.5), (2.0, -0.5), (0.0, 0.0), (-0.5, -2.0), (1.0, 1.0), (0.5, NAN)]


@pytest.mark.parametrize("seed", range(60))
def test_random_functions(seed):
    source = Writer(seed).text()
    f = cell(source)["f"]
    agree(f, POINTS)


def test_random_functions_are_merged():
    """Many of them into one program; the others have a break, a continue, or a return in a loop."""
    merged = 0
    for seed in range(60):
        p = compiled(cell(Writer(seed).text())["f"])
        for point in POINTS:
            outcome(p, point)
        merged += len(p.programs) == 1
    assert merged > 20


def test_a_guard_stays_where_merging_is_turned_off():
    for seed in range(5):
        p = compiled(cell(Writer(seed).text())["f"], "guard")
        for point in POINTS:
            outcome(p, point)
        assert is_guarded(p)
