"""Random programs that mix arrays, views, items and scalars: run over Tensors, and over NumPy arrays of Values.

The second way is the scalar core alone, driven by NumPy's object arrays: the same operators, indices and sums,
but no code of Tensor's. Values, gradients and second derivatives must agree; in between, the tape is collected
and leaves are written to.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cgrad
from cgrad import Tensor, Value

FUNCTIONS = ["sin", "cos", "tanh", "exp", "sigmoid", "atan", "square", "asinh", "softplus", "erf"]
STEPS = ["function", "function", "binary", "binary", "scalar", "sum", "item", "stack", "view", "matmul", "power", "fma"]


def is_scalar(x):
    return np.shape(x) == ()


def fit(x, y):
    """True if two arrays broadcast."""
    try:
        np.broadcast_shapes(np.shape(x), np.shape(y))
    except ValueError:
        return False
    return True


def draw_step(draw, values):
    """A step over the results so far; None if the drawn kind does not fit the drawn operands."""
    kind = draw(st.sampled_from(STEPS))
    i = draw(st.integers(0, len(values) - 1))
    x = values[i]
    if kind == "function":
        return ("function", draw(st.sampled_from(FUNCTIONS)), i)
    if kind == "binary":
        j = draw(st.integers(0, len(values) - 1))
        return ("binary", draw(st.sampled_from("+-*/")), i, j) if fit(x, values[j]) else None
    if kind == "scalar":
        return ("scalar", draw(st.sampled_from("+-*/")), i, draw(st.sampled_from([2.0, -0.5, 3])), draw(st.booleans()))
    if kind == "power":
        return ("power", i, draw(st.sampled_from([1, 2, 3])))
    if kind == "fma":
        j = draw(st.integers(0, len(values) - 1))
        return ("fma", i, j, draw(st.floats(-2, 2))) if fit(x, values[j]) else None
    if is_scalar(x):
        return None
    if kind == "sum":
        return ("sum", i, draw(st.sampled_from([None, *range(np.ndim(x))])), draw(st.booleans()))
    if kind == "item":
        return ("item", i, tuple(draw(st.integers(-n, n - 1)) for n in np.shape(x)))
    if kind == "stack":
        return ("stack", i, draw(st.permutations(range(np.size(x)))))
    if kind == "view":
        return ("view", i, draw(st.sampled_from(["T", "reversed", "ravel", "column", "first", "twice"])))
    j = draw(st.integers(0, len(values) - 1))
    if is_scalar(values[j]) or np.shape(x)[-1] != np.shape(values[j])[max(-2, -np.ndim(values[j]))]:
        return None
    return ("matmul", i, j)


@st.composite
def programs(draw):
    """Steps as functions of the results so far; shapes are followed on plain arrays."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = draw(st.lists(st.sampled_from([(), (1,), (3,), (2, 3), (3, 1), (1, 3), (3, 3)]), min_size=1, max_size=3))
    leaves = [np.asarray(rng.uniform(-1, 1, shape)) for shape in shapes]
    values, steps = list(leaves), []
    for _ in range(draw(st.integers(3, 12))):
        step = draw_step(draw, values)
        if step is None:
            continue
        with np.errstate(all="ignore"):
            result = apply(step, values, PLAIN)
        if not np.all(np.isfinite(result)) or np.max(np.abs(result)) > 50:
            continue
        steps.append(step)
        values.append(result)
    return leaves, steps


class Plain:
    """NumPy over floats."""

    def __init__(self):
        self.function = lambda name, x: np.asarray(np.vectorize(getattr(cgrad, name), otypes=[float])(x))
        self.stack = np.array
        self.fma = lambda x, y, z: x*y + z


def boxed(x):
    """As an array of objects, a scalar as one of no axes."""
    if isinstance(x, np.ndarray):
        return x
    out = np.empty((), object)
    out[()] = x
    return out


def each(f, *xs):
    """f at every element, broadcast."""
    if all(is_scalar(x) for x in xs):
        return f(*xs)
    wide = np.broadcast_arrays(*map(boxed, xs))
    out = np.empty(wide[0].shape, object)
    for place in np.ndindex(out.shape):
        out[place] = f(*(w[place] for w in wide))
    return out


class Objects:
    """NumPy over Values."""

    def __init__(self):
        self.function = lambda name, x: each(getattr(cgrad, name), x)
        self.fma = lambda x, y, z: each(lambda a, b: cgrad.fma(a, b, z), x, y)

    def stack(self, items):
        out = np.empty(len(items), object)
        out[:] = items
        return out


class Tensors:
    def __init__(self):
        self.function = lambda name, x: getattr(cgrad, name)(x)
        self.stack = cgrad.stack
        self.fma = cgrad.fma


PLAIN = Plain()
BINARY = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a*b, "/": lambda a, b: a/(b*b + 1.0)}
VIEWS = {"T": lambda x: x.T, "reversed": lambda x: x[::-1], "ravel": lambda x: x.reshape(-1), "column": lambda x: x[..., :1],
         "first": lambda x: x[0], "twice": lambda x: x[[0, -1, 0]]}


def apply(step, values, way):
    kind = step[0]
    if kind == "function":
        return way.function(step[1], values[step[2]])
    if kind == "binary":
        return BINARY[step[1]](values[step[2]], values[step[3]])
    if kind == "scalar":
        x, c = values[step[2]], step[3]
        return BINARY[step[1]](c, x) if step[4] else BINARY[step[1]](x, c)
    if kind == "power":
        return values[step[1]]**step[2]
    if kind == "fma":
        return way.fma(values[step[1]], values[step[2]], step[3])
    x = values[step[1]]
    if kind == "sum":
        return x.sum(axis=step[2], keepdims=step[3])
    if kind == "item":
        return x[step[2]]
    if kind == "stack":
        places = list(np.ndindex(np.shape(x)))
        return way.stack([x[places[k]] for k in step[2]])
    if kind == "view":
        return VIEWS[step[2]](x)
    return x @ values[step[2]]


def run(leaves, steps, way, between=lambda k: None):
    """The sum of all results, so that everything has a gradient."""
    values = list(leaves)
    for k, step in enumerate(steps):
        values.append(apply(step, values, way))
        between(k)
    total = 0.0
    for k, x in enumerate(values):
        total = total + (x if is_scalar(x) else x.sum())*(0.3 + 0.1*k)
    return total


def objects(leaf):
    if is_scalar(leaf):
        return Value(float(leaf))
    out = np.empty(leaf.shape, object)
    for place in np.ndindex(leaf.shape):
        out[place] = Value(float(leaf[place]))
    return out


def flat(xs):
    return [v for x in xs for v in ([x] if isinstance(x, Value) else x.ravel().tolist())]


@settings(max_examples=250, deadline=None)
@given(case=programs(), data=st.data())
def test_programs(case, data):
    leaves, steps = case
    values = [objects(x) for x in leaves]
    reference = run(values, steps, Objects())
    entries = flat(values)
    tensors = [Tensor(x, requires_grad=True) if x.ndim else Value(float(x)) for x in leaves]
    disturb = data.draw(st.booleans())

    def between(k):
        if disturb and k % 3 == 1:
            cgrad.current_tape()._collect()

    out = run(tensors, steps, Tensors(), between)
    assert type(out) is type(reference) is Value
    assert out.item() == pytest.approx(reference.item(), rel=1e-12, abs=1e-12)
    if disturb:  # promise 2
        for x in tensors:
            x.data = x.data*0.0 + 9.0
    first = cgrad.gradients(reference, entries, create_graph=True).wrt(entries)
    expected = np.array([d.item() for d in first])
    size = 1 + np.max(np.abs(expected))
    out.backward()
    recorded = cgrad.gradients(out, tensors, create_graph=True).wrt(tensors)
    for found in ([x.grad for x in tensors], cgrad.gradients(out, tensors).wrt(tensors), [d.data for d in recorded]):
        got = np.concatenate([np.ravel(g) for g in found])
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11*size)
    weights = np.cos(np.arange(len(entries)) + 1.0)
    second = np.array(cgrad.gradients(first, entries, seed=weights.tolist()).wrt(entries))
    places = np.cumsum([np.size(x) for x in leaves])[:-1]
    seeds = [w.reshape(np.shape(x)) if np.ndim(x) else float(w[0]) for w, x in zip(np.split(weights, places), leaves, strict=True)]
    found = cgrad.gradients(recorded, tensors, seed=seeds).wrt(tensors)
    got = np.concatenate([np.ravel(g) for g in found])
    np.testing.assert_allclose(got, second, rtol=1e-9, atol=1e-10*(size + np.max(np.abs(second))))
