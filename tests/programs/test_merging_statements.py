"""Statements and expressions that change something outside, each as a side of an `if`: done by the side taken alone, as often as without merging."""

from __future__ import annotations

import collections
import functools
import heapq
import itertools
import logging
import operator
import random
import warnings

import numpy as np
import pytest
from merging_support import ONE, agree, cell, compiled, is_guarded, outcome, same_effects

from cgrad import TraceError


class Thing:
    """Attributes, one of them a thing; its text is its state."""

    count = 0

    def __init__(self, inner=None):
        self.value, self.items, self.inner = 0.0, [0.0, 0.0], inner

    def bump(self):
        self.value += 1.0
        return self

    def __repr__(self):
        return f"Thing({vars(self)})"


class Counting(dict):
    def __missing__(self, key):
        self[key] = 1.0
        return 1.0


def function_with_attribute():
    pass


class Generator:
    """Random numbers: what was drawn is state."""

    def __init__(self):
        self.python, self.numpy = random.Random(1), np.random.default_rng(1)

    def __repr__(self):
        return f"{hash(self.python.getstate())} {self.numpy.bit_generator.state['state']['state']}"


STATEMENTS = {
    # methods and functions in C that write into what they are given
    "append": (list, "s.append(1.0)"), "insert": (list, "s.insert(0, 1.0)"), "sort": (lambda: [3, 1, 2], "s.sort()"), "reverse": (lambda: [3, 1, 2], "s.reverse()"),
    "extend": (list, "s.extend((1, 2))"), "clear": (lambda: [1], "s.clear()"), "pop": (lambda: list(range(9)), "s.pop()"), "unbound append": (list, "list.append(s, 1.0)"),
    "heappush": (list, "heapq.heappush(s, 1.0)"), "heapify": (lambda: [3, 2, 1], "heapq.heapify(s)"), "shuffle": (lambda: [1, 2, 3, 4], "random.Random(2).shuffle(s)"),
    "setdefault": (dict, "s.setdefault('a', 1.0)"), "update": (dict, "s.update(a=1)"), "popitem": (lambda: dict.fromkeys(range(9)), "s.popitem()"), "missing key": (Counting, "s['k']"),
    "defaultdict": (lambda: collections.defaultdict(list), "s['k']"), "Counter": (collections.Counter, "s.update('ab')"), "deque": (lambda: collections.deque("abc"), "s.rotate()"),
    "set": (set, "s.add(1)"), "bytearray": (bytearray, "s.append(1)"), "setitem": (dict, "operator.setitem(s, 'a', 1.0)"), "iadd": (list, "operator.iadd(s, [1.0])"),
    "fill": (lambda: np.zeros(2), "s.fill(1.0)"), "out=": (lambda: np.ones(2), "np.add(s, 1.0, out=s)"), "np.copyto": (lambda: np.ones(2), "np.copyto(s, 0.0)"), "np.put": (lambda: np.ones(2), "np.put(s, 0, 5.0)"),
    "resize": (lambda: np.ones(2), "s.resize(1, refcheck=False)"), "flags": (lambda: Thing(), "s.items.__setitem__(0, 1.0)"), "exhausted map": (itertools.count, "next(map(abs, s))"),
    # assignments to what is no local name
    "attribute": (Thing, "s.value = 1.0"), "attribute of an attribute": (lambda: Thing(Thing()), "s.inner.value += 1.0"), "item of an attribute": (Thing, "s.items[0] += 1.0"),
    "slice": (lambda: [1, 2, 3], "s[1:] = [7]"), "ndarray slice": (lambda: np.zeros(3), "s[1:] = 7.0"), "ndarray +=": (lambda: np.zeros(3), "s[0] += 7.0"), "tuple target": (Thing, "s.value, z = 1.0, 2.0"),
    "starred target": (Thing, "z, *s.items = 1.0, 2.0"), "loop target": (Thing, "for s.value in (1.0, 2.0): pass"), "with target": (Thing, "with contextlib.nullcontext(4.0) as s.value: pass"),
    "chained targets": (Thing, "z = s.value = 3.0"), "annotated target": (Thing, "s.value: float = 3.0"), "alias": (list, "mine = s; mine.append(1.0)"), "alias +=": (list, "mine = s; mine += [1.0]"),
    "alias *=": (lambda: [1], "mine = s; mine *= 2"), "alias in a tuple": (list, "mine, z = s, 1.0; mine.append(z)"), "alias in a dict": (list, "{'k': s}['k'].append(1.0)"), "alias by walrus": (list, "(z := s).append(1.0)"),
    "alias by a loop": (list, "for mine in (s,): mine.append(1.0)"), "alias by a default": (list, "(lambda mine=s: mine.append(1.0))()"), "class attribute": (lambda: type("C", (), {"n": 0, "__repr__": lambda self: str(self.n)})(), "type(s).n += 1"),
    "setattr": (Thing, "setattr(s, 'value', 5.0)"), "__dict__": (Thing, "s.__dict__['value'] = 5.0"), "vars": (Thing, "vars(s).update(value=5.0)"), "delattr": (lambda: Thing(), "s.__dict__.pop('inner', None)"),
    "del attribute": (lambda: [Thing() for _ in range(9)], "del s[-1].items; s.pop()"), "globals()": (list, "globals().setdefault('log', s).append(1.0)"), "exec": (list, "exec('s.append(1.0)', {'s': s})"), "eval": (list, "eval('s.append(1.0)', {'s': s})"),
    # calls
    "method": (Thing, "s.bump()"), "bound method": (Thing, "b = s.bump; b()"), "methodcaller": (Thing, "operator.methodcaller('bump')(s)"), "partial": (list, "functools.partial(s.append, 1.0)()"),
    "map": (list, "list(map(s.append, (1, 2)))"), "filter": (list, "list(filter(s.append, (1, 2)))"), "sorted's key": (list, "sorted((1, 2), key=s.append and (lambda v: s.append(v) or 0))"), "max's key": (list, "max((1, 2), key=lambda v: s.append(v) or 0)"),
    "reduce": (list, "functools.reduce(lambda a, b: s.append(b) or a, (1, 2, 3))"), "comprehension": (list, "[s.append(k) for k in range(2)]"), "generator": (list, "any(s.append(k) for k in range(2))"),
    "dict comprehension": (list, "{k: s.append(k) for k in range(2)}"), "nested": (list, "def g(): s.append(1.0)\n        g()"), "lambda": (list, "(lambda: s.append(1.0))()"), "star": (list, "s.extend(*[[1, 2]])"),
    "conditional expression": (list, "s.append(1.0) if s is not None else None"), "and": (list, "s is not None and s.append(1.0)"), "subscript": (list, "(0, 1)[s.append(1.0) or 0]"), "f-string": (list, "f'{s.append(1.0)}'"),
    "comparison": (list, "0 < len(s) + (s.append(1.0) or 1) < 3"), "keyword": (list, "dict(a=s.append(1.0))"), "argument": (list, "y = abs(s.append(1.0) or 1.0)*y"), "try": (list, "try: s.append(1.0)\n        finally: s.append(2.0)"),
    "except": (list, "try: [][1]\n        except IndexError: s.append(2.0)"), "while": (lambda: [3], "while s and s[0] > 0: s[0] -= 1"), "for": (itertools.count, "for _ in zip(range(2), s): pass"), "unpacked": (lambda: itertools.count(), "z, w = next(s), next(s)"),
    "in": (lambda: itertools.count(), "0 in (next(s),)"), "random": (Generator, "s.python.random()"), "np.random": (Generator, "s.numpy.random()"), "log": (list, "logger.warning('side')"),
    "cached": (lambda: Cached(), "s.total"), "singledispatch": (list, "functools.singledispatch(lambda v: s.append(v))(1.0)"), "type": (list, "class K(metaclass=lambda *a: s.append(1.0)): pass"), "match": (list, "match s:\n            case []: s.append(1)\n            case _: s.append(2)"),
}


class Cached:
    """A cached property fills the object's dict."""

    @functools.cached_property
    def total(self):
        return 4.0

    def __repr__(self):
        return str(sorted(vars(self)))


class Handler(logging.Handler):
    def __init__(self, into):
        super().__init__()
        self.into = into

    def emit(self, record):
        self.into.append(record.getMessage())


SIDES = {
    "one side": "def f(x):\n    y = x\n    if x > 0:\n        {}\n        y = x*2.0\n    return y\n",
    "else": "def f(x):\n    if x > 0:\n        y = x*2.0\n    else:\n        y = x\n        {}\n    return y\n",
    "early return": "def f(x):\n    if x > 0:\n        return x*2.0\n    if True:\n        y = x\n        {}\n    return y\n",
    "inner": "def f(x):\n    y = x\n    if x > 0:\n      if x > 1:\n        y = x*x\n        {}\n    return y\n",
}


@pytest.mark.parametrize("side", SIDES.values(), ids=SIDES)
@pytest.mark.parametrize("name", STATEMENTS)
def test_statements(name, side):
    make_state, statement = STATEMENTS[name]
    logger = logging.Logger("side")

    def make():
        s = make_state()
        logger.handlers = [Handler(s)] if isinstance(s, list) else []
        space = cell(side.format(statement), s=s, heapq=heapq, random=random, operator=operator, functools=functools, itertools=itertools, logger=logger,
                     contextlib=__import__("contextlib"))
        return space["f"], s

    same_effects(make)


# ---- sides that cannot be recorded, or that complain -------------------------------------------------------

@pytest.mark.parametrize("statement", ["float(x)", "y = y*len(f'{x:.2f}')", "y = y*int(x*0.0 + 1.5)", "x.backward()", "y = x.nothing", "y = np.linalg.eig(x)", "y = {}[x]", "y = x()", "y = [1, 2][x]"])
def test_a_side_that_cannot_be_recorded(statement):
    """Refused where it is taken, and only there."""
    f = cell(SIDES["one side"].format(statement))["f"]
    points = [(1.5,), (-1.5,), (2.5,), (-0.5,)]
    for order in (points, points[::-1]):
        p, q = compiled(f), compiled(f, "guard")
        for point in order:
            assert outcome(p, point) == outcome(q, point), point
            if point[0] < 0:
                assert outcome(p, point) == outcome(f, point)


def test_warnings_of_a_side_come_where_it_is_taken():
    zero = np.float64(0.0)

    def f(x):
        y = x
        if x > 0:
            warnings.warn("a side", stacklevel=2)
        return y*2.0

    def g(x):
        return x*(1.0/zero) if x > 0 else x

    for h in (f, g):
        p = compiled(h)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert [p(x) for x in (-1.0, -2.0, -3.0)] == [h(x) for x in (-1.0, -2.0, -3.0)]
        with pytest.warns(Warning):
            p(2.0)
        assert h is g or is_guarded(p)


def test_unbound_names_in_batches():
    f = cell("def f(x):\n    if x > 0:\n        y = x*2.0\n    return y\n")["f"]
    for branches in ("merge", "guard"):
        p = compiled(f, branches)
        assert p.map(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
        with pytest.raises(UnboundLocalError):
            p.map(np.array([1.0, -2.0]))
        with pytest.raises(UnboundLocalError):
            p.map_value_and_grad(np.array([-1.0, 2.0]))
        assert p.grad(3.0) == 2.0


def test_an_error_on_one_side_in_batches():
    f = cell("def f(x):\n    if x < 0:\n        raise ValueError('negative')\n    return x*2.0\n")["f"]
    for branches in ("merge", "guard"):
        p = compiled(f, branches)
        assert p.map(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
        with pytest.raises(ValueError, match="negative"):
            p.map(np.array([1.0, -2.0]))


def test_recordings_that_fail_leave_nothing_behind():
    """A side that raises while it is tried: the tape, and the next calls, are whole."""
    f = cell("def f(x):\n    if x > 0:\n        y = x*[1.0][n]\n    else:\n        y = -x\n    return y\n", n=1)["f"]
    p = compiled(f)
    assert p(-2.0) == 2.0 and outcome(p, (1.0,)) is IndexError and p.grad(-2.0) == -1.0
    agree(cell(SIDES["one side"].format("pass"))["f"], ONE, merged=True)
    f.__globals__["n"] = 0
    assert (p(-2.0), p(3.0)) == (2.0, 3.0)


def test_a_refusal_in_a_condition():
    f = cell("def f(x):\n    return x if x > 0 and float(x) > 1 else x*2.0\n")["f"]
    p = compiled(f)
    assert p(-1.0) == -2.0 and outcome(p, (2.0,)) in (TraceError, outcome(compiled(f, "guard"), (2.0,)))
    assert p(-3.0) == -6.0
