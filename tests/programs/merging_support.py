"""Shared by the tests of merged branches: a function compiled with and without merging, against itself over floats."""

from __future__ import annotations

import itertools
import linecache
import math
import warnings

import numpy as np
from programs_support import eager_gradient, hexed

import cgrad
from cgrad import TraceError, Value

INF, NAN = math.inf, math.nan
ONE = [(x,) for x in (-1.5, -0.0, 0.0, 0.5, 1.0, 2.5, NAN, INF, -INF)]
TWO = list(itertools.product((-2.0, 0.0, 0.5, 1.0, 3.0, NAN), repeat=2))
ROADS = ("merge", "guard")
NUMBERS = itertools.count(1)


def compiled(f, branches="merge", **options):
    return cgrad.compile(f, branches=branches, **options)


def outcome(f, point):
    """The value by its bits and the type of each bool in it, or the class of what was raised."""
    try:
        return hexed(f(*point))
    except Exception as error:
        return type(error)


def no_sign_of_zero(x):
    if isinstance(x, (list, tuple)):
        return [no_sign_of_zero(y) for y in x]
    return float(x) + 0.0


def gradient(p, point):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an argument that a path does not use
        value, slopes = p.value_and_grad(*point, argnums=tuple(range(len(point))))
    return hexed(value), hexed(no_sign_of_zero(slopes))


def eager(f, point):
    value, slopes = eager_gradient(lambda v: f(*v), point)
    return hexed(value), hexed(no_sign_of_zero(slopes))


def one_program(p):
    return len(p.programs) == 1


def is_merged(p):
    """One program for every outcome, and cgrad says so."""
    return one_program(p) and p.stats()["merges"] >= 1 and "merge" in p.explain()


def is_guarded(p):
    return p.stats()["merges"] == 0


def agree(f, points, merged=None, slopes=True):
    """Values from each first point on and again, and gradients, by both roads; None: whether it merges is left open."""
    want = [outcome(f, point) for point in points]
    known = [eager(f, point) for point in points] if slopes else []
    made = {}
    for branches in ROADS:
        for first in range(len(points)):
            p = made[branches] = compiled(f, branches)
            order = [*range(first, len(points)), *range(first)]
            for k in order + order[::-1]:
                assert outcome(p, points[k]) == want[k], (branches, points[k])
        for point, slope in zip(points, known, strict=bool(known)):
            assert gradient(p, point) == slope, (branches, point)
    if merged is not None:
        assert (is_merged if merged else is_guarded)(made["merge"]), made["merge"].explain()
    assert is_guarded(made["guard"])
    return made["merge"]


def same_effects(make, points=((1.0,), (-1.0,), (2.0,), (-2.0,), (0.5,))):
    """make() returns a function and what it changes: the same by both roads, and never by the side that is not taken."""
    f, _ = make()
    want = [outcome(f, point) for point in points]
    found = {}
    for branches in ROADS:
        g, state = make()
        p = compiled(g, branches)
        got = [outcome(p, point) for point in points]
        found[branches] = got, repr(state)
        assert all(a in (b, TraceError) for a, b in zip(got, want, strict=True)), (branches, got, want)
    assert found["merge"] == found["guard"]


def right_or_refused(f, points):
    """What floats return, or an error that names the line: never another value."""
    for branches in ROADS:
        for order in (points, points[::-1]):
            p = compiled(f, branches)
            for point in order:
                want, got = outcome(f, point), outcome(p, point)
                assert got == want or (isinstance(got, type) and issubclass(got, (TraceError, TypeError))), (branches, point, got, want)


def cell(source, name=None, **names):
    """The names that a notebook's cell defines: its source is in linecache, in no file."""
    name = name or f"<ipython-input-{next(NUMBERS)}-abc>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {"__name__": "__main__", "cgrad": cgrad, "np": np, "math": math, **names}
    exec(compile(source, name, "exec"), space)
    return space


def is_plain(x):
    return not isinstance(x, Value)
