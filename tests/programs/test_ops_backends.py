"""Every row of the op table in every backend of programs, against eager evaluation.

Exact results must agree to the bit: value, gradient, tangent and Hessian times a vector, at points of the domain, at kinks
and at all combinations of special numbers. Vector functions may err by 2 ulp; rows that have none
must agree to the bit there too.
"""

import functools
import itertools
import math
import random
from typing import NamedTuple

import numpy as np
import pytest
from lanes_support import BACKENDS, FUNCTION, INF, NAN, SPECIAL, Nodes, differ, lanes, special_points
from op_support import ROWS, call, exact, free, inputs, ulps

import cgrad
from cgrad import _program
from cgrad._program import Batch, Executable

V = (1.0, -0.5, 2.0)  # the direction of tangents, by argument
KINKS = {  # what special numbers do not hit
    "maximum": [(2.25, 2.25), (-7.0, -7.0)], "minimum": [(2.25, 2.25)], "hypot": [(3.0, 4.0), (1e-170, 1e-170)],
    "clip": [(1.0, 1.0, 3.0), (3.0, 1.0, 3.0), (2.0, 3.0, 1.0), (2.0, 2.0, 2.0), (0.0, 3.0, 1.0)],
    "mod": [(6.0, 3.0), (-7.0, 2.0), (math.nextafter(0.3, 0), 0.1), (1e300, 3.0)], "fmod": [(6.0, 3.0), (-7.0, 2.0)],
    "floordiv": [(6.0, 3.0), (math.nextafter(0.3, 0), 0.1)], "round": [(1.5,), (2.5,), (0.49999999999999994,)],
    "pow": [(0.0, 2.0), (-8.0, 3.0), (-8.0, 1/3), (1e200, 2.0)], "powc": [(-8.0, 3.0), (1e-200, 2.0)],
    "fma": [(0.1, 10.0, -1.0), (1 + 2.0**-30, 1 - 2.0**-30, -1.0), (1e200, 1e200, -INF)],
    "tanh": [(22.0,), (18.3,), (-1e-9,)], "exp": [(-745.2,), (709.78,), (-708.5,)], "expm1": [(-37.5,), (1e-9,)],
    "log": [(1 - 2**-53,), (1 + 2**-52,)], "log1p": [(-1 + 2**-53,), (1e-9,)], "polygamma": [(2.0, -0.5), (61.0, 2.0)],
    "sin": [(1e6,), (999999999.5,), (1e9,), (6381956970095103*2.0**797,)], "cos": [(1e6,), (1e9,), (math.pi/2,)],
    "ndtri": [(0.1,), (0.9,), (1e-300,), (1 - 2**-53,)], "erfinv": [(0.8,), (-0.8,), (1 - 2**-53,)],
    "log_ndtr_derivative": [(1.0, -0.5), (2.0, -1.5), (2.0, -40.0), (31.0, 2.0)], "rel_entr": [(2.0, 2.0000001), (1e-200, 1e200)],
    "sigmoid": [(37.0,), (-37.0,), (-746.0,)], "softplus": [(37.0,), (-37.0,)],
}

by_row = pytest.mark.parametrize("name", ROWS)


def backends(*, slow=(), among=BACKENDS):
    """By backend. slow: those that compile each row anew, where ``test_row`` has them already."""
    return pytest.mark.parametrize("backend", [
        pytest.param(b, id=b.name, marks=pytest.mark.slow if b.name in slow else []) for b in among])


EXACT = [backend for backend in BACKENDS if backend.exact]


def usable(backend):
    if why := backend.missing():
        pytest.skip(why)
    return backend


def points_of(op, n: int = 40):
    rng = random.Random(op.name)
    points = []
    for _ in range(n):
        point = [rng.uniform(lo, hi) for lo, hi in op.domain]
        if op.names[0] == "n":
            point[0] = float(round(point[0]))
        points.append(tuple(point))
    return points + KINKS.get(op.name, []) + special_points(op.arity)


class Eager(NamedTuple):
    """Numbers of eager evaluation, a row a point."""

    points: np.ndarray
    value: np.ndarray
    gradient: np.ndarray
    tangent: np.ndarray
    hvp: np.ndarray


@functools.cache
def eager(name: str) -> Eager:
    op = ROWS[name]
    wrt, points = free(op), points_of(ROWS[name])
    rows = []
    for point in points:
        args = inputs(op, point)
        ours, v = [args[k] for k in wrt], [V[k] for k in wrt]
        out = call(op, args)
        out.backward()
        recorded = cgrad.gradients(out, ours, create_graph=True)
        rows.append(([out.data], [x.grad for x in ours], [cgrad.tangents(out, ours, seed=v)],
                     [cgrad.tangents(recorded.wrt(x), ours, seed=v) for x in ours]))
    return Eager(np.array(points), *(np.array(part) for part in zip(*rows, strict=True)))


class Graphs(NamedTuple):
    """A node of some row, with its derivatives: graph and outputs of each."""

    first: tuple  # value, gradient
    forward: tuple  # tangent; further inputs: the direction
    second: tuple  # hvp, in the same way


@functools.cache
def graphs(name: str) -> Graphs:
    op = ROWS[name]
    nodes = Nodes(op.arity)
    out = [nodes.op(name, *nodes.inputs)]
    graph, wrt = nodes.graph(), free(op)
    reverse, adjoints, by = _program.reverse_sweep(graph, out, wrt, False)
    assert by == 0
    forward, tangents, by = _program.forward_sweep(graph, out, wrt)
    assert by == len(wrt) == forward.inputs - op.arity
    second, products, _ = _program.forward_sweep(reverse, adjoints, wrt)
    return Graphs((reverse, [*out, *adjoints]), (forward, tangents), (second, products))


def results(name: str, backend):
    """Value, gradient, tangent and hvp, rows of points, by a backend."""
    known, graph = eager(name), graphs(name)
    seeds = np.tile([V[k] for k in free(ROWS[name])], (len(known.points), 1))
    seeded = np.hstack([known.points, seeds])
    found = [backend.run(*graph.first, (), known.points), backend.run(*graph.forward, (), seeded),
             backend.run(*graph.second, (), seeded)]
    assert not any(failed.any() for failed, _ in found)
    (_, first), (_, tangent), (_, second) = found
    return {"value": first[:, :1], "gradient": first[:, 1:], "tangent": tangent, "hvp": second}


def reported(name, points, got, want, wrong):
    lines = [f"{name}{tuple(points[k].tolist())}: {got[k].tolist()}, not {want[k].tolist()}" for k in np.flatnonzero(wrong)]
    return f"{len(lines)} of {len(points)}:\n" + "\n".join(lines[:12])


def test_every_row_is_an_operation():
    assert set(ROWS) <= set(FUNCTION) and {"input", "const"} <= set(_program.GRAPH_OPS)
    assert _program.lanes_available()[-1] == "exact" and "basic" in _program.lanes_available()


@by_row
@backends()
def test_row(name, backend):
    known, found = eager(name), results(name, usable(backend))
    for what, got in found.items():
        want = getattr(known, what)
        wrong = differ(got, want).any(axis=1)
        if not backend.exact:
            wrong &= [not near(name, what, *row) for row in zip(known.points, got, want, strict=True)]
        assert not wrong.any(), what + " " + reported(name, known.points, got, want, wrong)


# Of rows that are one function: 2. These take two and more functions and roundings: the bound of tests/ops/test_mpmath.py.
FORMULAS = {"sigmoid": 3, "softplus": 3, "sech2": 3}
TIMES = {"gradient": 8, "tangent": 8, "hvp": 16}  # twice that bound: a vector function may err by 2 ulp where C's errs by 1


def near(name, what, point, got, want) -> bool:
    """Within what vector functions may err by; not to the bit."""
    for x, y in zip(got.tolist(), want.tolist(), strict=True):
        if not differ(x, y):
            continue
        if not (math.isfinite(x) and math.isfinite(y)):
            return False
        if what == "value":
            if ulps(x, exact(ROWS[name], point.tolist(), 0)[()]) > FORMULAS.get(name, 2):
                return False
        elif abs(x - y) > TIMES[what]*math.ulp(max(np.abs(want[np.isfinite(want)]))):
            return False
    return True


@by_row
@backends(slow=["C"])
def test_results_may_stand_where_operands_stood(name, backend):
    """Operands without a later use: the result takes their slots. The same numbers to the bit."""
    op, run = ROWS[name], usable(backend).run
    points = eager(name).points
    alone = Nodes(op.arity)
    outputs = [alone.op(name, *alone.inputs)]
    _, want = run(alone.graph(), outputs, (), points)
    nodes = Nodes(op.arity + 1)
    *given, one = nodes.inputs
    operands = [nodes.op("mul", x, one) for x in given]
    outputs = [nodes.op(name, *operands)]
    _, got = run(nodes.graph(), outputs, (), np.hstack([points, np.ones((len(points), 1))]))
    assert not differ(got, want).any()


@by_row
@backends(slow=["native"], among=[b for b in EXACT if b.name != "C"])
def test_constant_operands(name, backend):
    """Every simplification (constants, x*1, x - 0, where of a constant, swapped operands) keeps every bit.

    Not in C: its graph is the same optimised one, and gcc takes long for a thousand nodes of each row.
    """
    op, run = ROWS[name], usable(backend).run
    numbers = SPECIAL if op.arity < 3 else (0.0, -0.0, 1.0, -1.0, 2.5, INF, NAN)
    for constant in itertools.product((False, True), repeat=op.arity):
        if not any(constant):
            continue
        nodes = Nodes(len(numbers))
        points = list(itertools.product(range(len(numbers)), repeat=op.arity))
        outputs = [nodes.op(name, *(numbers[k] if fixed else k for k, fixed in zip(point, constant, strict=True)))
                   for point in points]
        graph = nodes.graph()
        _, (got,) = run(graph, outputs, (), np.array([numbers]))
        want = [FUNCTION[name](*(numbers[k] for k in point)) for point in points]
        wrong = np.flatnonzero(differ(got, want))
        assert not wrong.size, [(constant, [numbers[i] for i in points[k]], got[k], want[k]) for k in wrong[:5]]


@pytest.mark.parametrize("name", [name for name, op in ROWS.items() if op.arity > 1 and len(free(op)) == op.arity])
@backends(slow=["C"], among=EXACT)
def test_the_same_operand_twice(name, backend):
    """x op x, with its derivatives: their two parts are added up in a sweep's order."""
    op, run = ROWS[name], usable(backend).run
    nodes = Nodes(1)
    out = [nodes.op(name, *[0]*op.arity)]
    graph = nodes.graph()
    reverse, adjoints, _ = _program.reverse_sweep(graph, out, [0], False)
    forward, tangents, _ = _program.forward_sweep(graph, out, [0])
    numbers = [*SPECIAL, 0.3, -17.0, 4.0]
    _, first = run(reverse, [*out, *adjoints], (), np.array(numbers)[:, None])
    _, second = run(forward, tangents, (), np.array([(x, 1.0) for x in numbers]))
    for x, got in zip(numbers, np.hstack([first, second]), strict=True):
        v = cgrad.Value(x)
        value = call(op, (v,)*op.arity)
        value.backward()
        assert not differ(got, [value.data, v.grad, cgrad.tangents(value, v)]).any(), (x, got, value.data, v.grad)


def test_constant_exponents_and_orders():
    """Where the argument without a derivative is a constant, as in recordings: the same bits."""
    for name, fixed, place in (("powc", (0.0, 1.0, 2.0, 3.0, -1.0, 0.5, -0.5, 2.5, INF, NAN), 1), ("polygamma", (0.0, 1.0, 2.0, 61.0), 0),
                               ("log_ndtr_derivative", (0.0, 1.0, 2.0, 31.0), 0)):
        for c in fixed:
            nodes = Nodes(1)
            out = [nodes.op(name, *((c, 0) if place == 0 else (0, c)))]
            graph = nodes.graph()
            reverse, adjoints, _ = _program.reverse_sweep(graph, out, [0], False)
            second, products, _ = _program.forward_sweep(reverse, adjoints, [0])
            for backend in BACKENDS:
                if not backend.exact or backend.missing() or backend.name == "C":
                    continue
                _, first = backend.run(reverse, [*out, *adjoints], (), np.array(SPECIAL)[:, None])
                _, hvp = backend.run(second, products, (), np.array([(x, 1.0) for x in SPECIAL]))
                for x, got in zip(SPECIAL, np.hstack([first, hvp]), strict=True):
                    v = cgrad.Value(x)
                    value = call(ROWS[name], (c, v) if place == 0 else (v, c))
                    value.backward()
                    d = cgrad.gradients(value, [v], create_graph=True).wrt(v)
                    want = [value.data, v.grad, cgrad.tangents(d, v)]
                    assert not differ(got, want).any(), (backend, name, c, x, got, want)


# ---- the public functions that lead to them -----------------------------------------------------------

@pytest.mark.parametrize("name", [name for name, op in ROWS.items() if not op.hidden and len(free(op)) == op.arity])
def test_public_functions(name):
    """cgrad.compile of a function of the table: one call, a batch, an exact batch."""
    op = ROWS[name]
    known = eager(name)
    p = cgrad.compile(lambda *x: getattr(cgrad, name)(*x), backend="interpreter")
    everything = tuple(range(op.arity))
    for k, point in enumerate(known.points.tolist()):
        value, gradient = p.value_and_grad(*point, argnums=everything)
        assert not differ(p(*point), known.value[k, 0]) and not differ(value, known.value[k, 0])
        assert not differ(gradient, known.gradient[k]).any()
        if k % 16 == 0:
            assert not differ(p.jvp(*point, v=V[:op.arity], argnums=everything)[1], known.tangent[k, 0])
            assert not differ(p.hvp(*point, v=V[:op.arity], argnums=everything), known.hvp[k]).any()
    assert len(p.programs) == 1 and not p.programs[0].guards
    columns = known.points.T
    values, gradients = p.map_value_and_grad(*columns, argnums=everything, exact=True)
    assert not differ(values, known.value[:, 0]).any() and not differ(np.transpose(gradients), known.gradient).any()
    values, gradients = p.map_value_and_grad(*columns, argnums=everything)
    for what, got in (("value", values[:, None]), ("gradient", np.transpose(gradients))):
        for row in zip(known.points, got, getattr(known, what), strict=True):
            assert near(name, what, *row), (what, row)


def test_kinds_of_lanes():
    nodes = Nodes(1)
    code = Executable(nodes.graph(), [0], ())
    point = np.zeros((1, 1))
    place = _program.Places.same(point[0])
    for kind in ("neon2", "AVX2", "exact "):
        with pytest.raises(ValueError, match="not for this processor"):
            Batch(code, 1, (place,), place, kind)
    with pytest.raises(ValueError, match="batch"):
        Batch(code, 1, (), place, "exact")
    for kind in _program.lanes_available():
        _, got = lanes(kind)(nodes.graph(), [0, 0], (), np.array([[4.0], [-0.0]]))
        assert got.tolist() == [[4.0, 4.0], [-0.0, -0.0]]
