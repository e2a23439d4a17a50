"""Programs as people write them run unchanged: compiled, differentiated, in batches; against the same programs over floats."""

from __future__ import annotations

import functools
import sys
import warnings

import numpy as np
import pytest
import wild_support as ws

import cgrad
from cgrad import Value

ALL = ws.programs()
RECORDED = [p for p in ALL if not p.refused]
REFUSED = [p for p in ALL if p.refused]


def over(programs):
    return pytest.mark.parametrize("program", programs, ids=[p.name for p in programs])


@functools.cache
def values_of(name):
    """The floats' results, each point's."""
    program = next(p for p in ALL if p.name == name)
    return [ws.run(program.function, point) for point in program.points]


def is_number(x):
    return isinstance(x, (float, np.floating))


def differentiable(program):
    """The points whose value is one float, of which some argument has floats."""
    return [(point, value) for point, value in zip(program.points, values_of(program.name), strict=True)
            if is_number(value) and ws.argument_numbers(point)]


def numbers_of(derivatives, point, argnums):
    """Derivatives as one list, beside the numbers of the point: None for those of other arguments."""
    out = []
    for i, x in enumerate(point):
        count = len(ws.flat(x)[1])
        out += ws.flat(derivatives[argnums.index(i)])[1] if i in argnums else [None]*count
    return out


def compiled_gradient(p, point):
    argnums = ws.argument_numbers(point)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # arguments that a path does not use
        value, derivatives = p.value_and_grad(*point, argnums=argnums)
    return value, numbers_of(derivatives, point, argnums)


def eager_gradient(f, point):
    """The same of eager Values; None where they cannot go (math's functions, text)."""
    leaves = []

    def leaf(x):
        if not ws.is_float(x):
            return x
        leaves.append(Value(float(x)))
        return leaves[-1]

    arguments = [ws.mapped(leaf, x) if i in ws.argument_numbers(point) else x for i, x in enumerate(point)]
    try:
        with np.errstate(all="ignore"):
            result = f(*arguments)
        if not isinstance(result, Value):
            return [0.0]*len(leaves) if isinstance(result, float) else None
        slopes = cgrad.gradients(result, leaves)
        return [slopes[leaf] for leaf in leaves]
    except (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError):
        return None


# ---- the corpus ------------------------------------------------------------------------------------

def test_the_corpus():
    assert len(ALL) >= 300
    assert len({p.name for p in ALL}) == len(ALL)
    assert len(REFUSED) <= len(ALL)//30
    for p in ALL:
        assert 6 <= len(p.points) <= 20, p.name


@over(ALL)
def test_inputs_reach_every_line(program):
    """Of the function; functions that it calls are their own programs, or part of one."""
    code = program.function.__code__
    seen = set()

    def trace(frame, event, _):
        if frame.f_code is code:
            seen.add(frame.f_lineno)
        return trace if frame.f_code is code else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for point in program.points:
            ws.run(program.function, point)
    except ValueError:
        pass
    finally:
        sys.settrace(before)
    lines = {line for _, _, line in code.co_lines() if line is not None and line != code.co_firstlineno}
    missing = lines - seen
    assert all("raise" in source_line(code, line) for line in missing), sorted(missing)


def source_line(code, number):
    with open(code.co_filename) as file:
        return file.read().splitlines()[number - 1]


# ---- one point -------------------------------------------------------------------------------------

@over(RECORDED)
def test_compiled(program):
    """From the first point on, and from the last: what is recorded first differs."""
    known = list(zip(program.points, values_of(program.name), strict=True))
    for order in (known, known[::-1]):
        p = cgrad.compile(program.function)
        for _ in range(2):
            for point, value in order:
                ws.agree(ws.run(p, point), value)


@over([p for p in RECORDED if differentiable(p)])
def test_gradients(program):
    """Against finite differences of floats where those are smooth, and against eager Values where they go."""
    p = cgrad.compile(program.function)
    compared = 0
    for point, expected in differentiable(program):
        value, got = compiled_gradient(p, ws.copy.deepcopy(point))
        assert ws.close(float(value), float(expected), 1e-12), point
        scale = max(abs(expected), 1e-3)
        for mine, slope, number in zip(got, ws.slopes(program.function, point), ws.flat(point)[1], strict=True):
            if slope is not None and mine is not None and not program.steps:
                assert ws.close_slope(mine, slope, scale/max(1e-3, min(abs(number), 1.0))), (point, got)
                compared += 1
        eager = eager_gradient(program.function, ws.copy.deepcopy(point))
        if eager is not None:
            mine = [g for g, x in zip(got, ws.flat(point)[1], strict=True) if g is not None and ws.is_float(x)]
            assert all(ws.close(a, b, 1e-12) for a, b in zip(mine, eager, strict=True)), (point, mine, eager)
            compared += bool(program.steps)
    assert compared or program.steps


def structured(program):
    """The points whose value is a structure of floats."""
    return [(point, value) for point, value in zip(program.points, values_of(program.name), strict=True)
            if isinstance(value, (list, tuple, dict, np.ndarray)) and ws.leaves(value) and all(map(is_number, ws.flat(value)[1])) and ws.argument_numbers(point)]


def weighted(value):
    return sum((k + 1.0)*x for k, x in enumerate(ws.flat(value)[1]))


@over([p for p in RECORDED if structured(p)])
def test_products_with_jacobians(program):
    """Of results that are structures: the slopes of a weighted sum of the floats' results."""
    p = cgrad.compile(program.function)
    compared = 0
    for point, expected in structured(program):
        weights = iter(range(1, 1000))
        argnums = ws.argument_numbers(point)
        v = ws.mapped(lambda _: float(next(weights)), expected)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            value, derivatives = p.vjp(*ws.copy.deepcopy(point), v=v, argnums=argnums)
        ws.agree(value, expected)
        got = numbers_of(derivatives, point, argnums)
        scale = max(1e-3, abs(weighted(expected)), *map(abs, ws.flat(expected)[1]))
        for mine, slope in zip(got, ws.slopes(lambda *a: weighted(program.function(*a)), point), strict=True):
            if slope is not None and mine is not None:
                assert ws.close_slope(mine, slope, scale), (point, got)
                compared += 1
    assert compared or program.steps


# ---- batches ---------------------------------------------------------------------------------------

@over(RECORDED)
def test_batches(program):
    p = cgrad.compile(program.function)
    values = values_of(program.name)
    for group in ws.groups(program.points, values):
        points = [program.points[k] for k in group]
        args, axes = ws.stacked(points)
        if not any(axis == 0 for axis in axes):
            continue
        for exact in (True, False):
            with np.errstate(all="ignore"):
                result = p.map(*ws.copy.deepcopy(args), in_axes=axes, exact=exact)
            for k, index in enumerate(group):
                ws.agree_leaves(ws.of_point(result, k), ws.leaves(values[index]), 1e-12 if exact else 1e-9)


# ---- what cannot be recorded -----------------------------------------------------------------------

@over(REFUSED)
def test_refused(program):
    error, reason = program.refused
    kind = getattr(cgrad, error, None) or getattr(__builtins__, error, None) or __builtins__[error]
    assert reason
    with pytest.raises(kind):
        for point in program.points:
            ws.run(cgrad.compile(program.function), point)
