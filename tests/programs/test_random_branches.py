"""Random functions with branches: replays, gradients and batches against the function on plain floats."""

import operator
import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes_support import FUNCTION, INF, NAN, SPECIAL, differ

import cgrad

NAMES = ["add", "sub", "mul", "div", "neg", "sin", "exp", "tanh", "maximum", "square", "abs", "sqrt", "fma"]
ARITY = {"neg": 1, "sin": 1, "exp": 1, "tanh": 1, "square": 1, "abs": 1, "sqrt": 1, "fma": 3}
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}

place = st.integers(0, 30)
operand = st.one_of(place, place, st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 3.0, INF, NAN]))
operation = st.tuples(st.just("op"), st.sampled_from(NAMES), operand, operand, operand)
branch = st.tuples(st.just("if"), st.sampled_from(list(COMPARE)), operand, operand, st.lists(operation, max_size=3),
                   st.lists(operation, max_size=3))
choice = st.tuples(st.just("pick"), st.sampled_from([max, min]), place, place)
truth = st.tuples(st.just("truth"), place, operand, operand)
repeat = st.tuples(st.just("while"), place, operand, operation)
functions = st.lists(st.one_of(operation, operation, branch, choice, truth, repeat), min_size=1, max_size=12)
number = st.one_of(st.sampled_from(SPECIAL), st.integers(-2, 2).map(float), st.floats(-3, 3), st.floats())
columns = st.lists(st.tuples(number, number), min_size=1, max_size=12)


def perform(steps, values) -> None:
    """Steps over numbers or Values; each appends one result."""
    def at(x):
        return values[-1 - x % len(values)] if isinstance(x, int) else x

    for kind, *step in steps:
        if kind == "op":
            name, *operands = step
            values.append(FUNCTION[name](*map(at, operands[:ARITY.get(name, 2)])))
        elif kind == "if":
            name, x, y, then, otherwise = step
            perform(then if COMPARE[name](at(x), at(y)) else otherwise, values)
        elif kind == "pick":
            pick, x, y = step
            values.append(pick(at(x), at(y)))
        elif kind == "truth":
            x, y, z = step
            values.append(at(y) if at(x) else at(z))
        else:  # while x < y: a step, three times at most
            x, y, inner = step
            for _ in range(3):
                if not at(x) < at(y):
                    break
                perform([inner], values)


def function_of(steps):
    def f(x, y):
        values = [x, y]
        perform(steps, values)
        return values[-1]

    return f


def eager(f, point):
    """Value and gradient by backward()."""
    leaves = [cgrad.Value(v) for v in point]
    value = f(*leaves)
    if not isinstance(value, cgrad.Value):
        return float(value), [0.0, 0.0]
    value.backward()
    return value.data, [leaf.grad for leaf in leaves]


@settings(max_examples=250)
@given(functions, columns, st.sampled_from([1, 3, 64]))
def test_replays_and_batches(steps, points, most):
    f = function_of(steps)
    want = [float(f(*point)) for point in points]
    known = [eager(f, point) for point in points]
    p = cgrad.compile(f, max_paths=most, backend="interpreter")
    x, y = np.array(points).T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # many paths
        for _ in range(2):
            assert not differ([p(*point) for point in points], want).any()
        assert not differ(p.map(x, y, exact=True), want).any()
        found = [p.value_and_grad(*point, argnums=(0, 1)) for point in points]
        values, gradients = p.map_value_and_grad(x, y, argnums=(0, 1), exact=True)
        near = p.map(x, y)
    assert not differ([value for value, _ in found], want).any() and not differ(values, want).any()
    for (_, got), (_, gradient), many in zip(found, known, np.transpose(gradients), strict=True):
        assert not differ(got, gradient).any() and not differ(many, gradient).any()
    assert near.shape == values.shape
    assert len(p.programs) <= most


@settings(max_examples=100)
@given(functions, st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=12))
def test_sums_and_vectors(steps, points):
    """Sums are those of the points; products with Hessians those of single calls, to the bit."""
    f = function_of(steps)
    p = cgrad.compile(f, backend="interpreter")
    x, y = np.array(points).T
    v = (np.cos(x), np.sin(y))
    single = [p.hvp(*point, v=(a, b), argnums=(0, 1)) for *point, a, b in zip(x.tolist(), y.tolist(), *map(np.ndarray.tolist, v), strict=True)]
    products = p.map_hvp(x, y, v=v, argnums=(0, 1), exact=True)
    assert not differ(np.transpose(products), single).any()
    values = p.map(x, y, exact=True)
    total = p.map(x, y, exact=True, reduce="sum")
    size = np.abs(values).sum()
    if np.isnan(values).any():
        assert np.isnan(total)
    elif size < 1e300:
        assert abs(total - values.sum()) <= 1e-12*size
