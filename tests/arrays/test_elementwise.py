"""Every elementwise op on arrays: values and derivatives to second order, over shapes, layouts, kinds and precisions.

Against the scalar core, element by element, and NumPy's ufuncs. Finite differences and HIPS autograd are in
test_elementwise_oracles.py, kinks and infinities in test_elementwise_edges.py.
"""

import operator

import numpy as np
import pytest
from arrays_support import (
    PUBLIC,
    check_close,
    draw_numbers,
    lay_out,
    names,
    operands,
    oracle,
    plain,
    result_shape,
    seeded,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from op_support import ROWS, free

import cgrad
from cgrad import Tensor, Value

EXAMPLES = settings(max_examples=25, deadline=None)
each_op = pytest.mark.parametrize("op", **names(PUBLIC))
BINARY = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
          "mod": operator.mod, "floordiv": operator.floordiv, "pow": operator.pow}
# The scalar core follows Python to the bit where NumPy's loops and the C library round otherwise.
ULPS = {np.float64: 4, np.float32: 4}
# Derivatives are products of a few such numbers.
ULPS_1 = {np.float64: 16, np.float32: 16}
ULPS_2 = {np.float64: 64, np.float32: 64}
# lgamma next to its zeros at 1 and 2, digamma next to its zero at 1.46: of absolute accuracy
ABSOLUTE = {"lgamma": 1.0, "digamma": 1.0}


def call(op, given):
    return getattr(cgrad, op.name)(*(x.given for x in given))


def sizes_of_values(op, value):
    return np.maximum(abs(value), ABSOLUTE.get(op.name, 0.0))


def check_kind(out, shape, dtype):
    """Promise 1: an array is a Tensor of its precision, a number a Value."""
    if shape == ():
        assert type(out) is Value
    else:
        assert type(out) is Tensor
        assert (out.shape, out.dtype, out.requires_grad) == (shape, np.dtype(dtype), True)


def dtype_of_result(op, given, dtype):
    """That of the arrays; numbers, 0-d ones too, have no say, and a condition's counts where it is the only array."""
    arrays = [k for k, x in enumerate(given) if x.kind in ("tensor", "array", "constant") and x.numbers.ndim]
    return dtype if arrays else np.float64


@each_op
@EXAMPLES
@given(data=st.data())
def test_values_and_gradients(op, data):
    """Value, backward() and gradients() for a random adjoint of the result, of any layout."""
    given, dtype, rng = data.draw(operands(op, (np.float64, np.float32)))
    dtype, coarse = dtype_of_result(op, given, dtype), dtype
    out = call(op, given)
    shape = result_shape(given)
    check_kind(out, shape, dtype)
    g = rng.uniform(-2, 2, shape).astype(dtype)
    leaves = [k for k, x in enumerate(given) if x.differentiated]
    expected = oracle(getattr(cgrad, op.name), leaves, [x.numbers for x in given], g.astype(np.float64))
    check_close(out, expected.value, sizes_of_values(op, expected.value), ULPS[dtype], dtype, op.name)
    seed = lay_out(g, data.draw(st.sampled_from(("C", "F", "reversed", "strided")))) if shape else float(g)
    out.backward(seed)
    answers = cgrad.gradients(out, seed=seed)
    for k in leaves:
        tensor = given[k].given
        for grad in (tensor.grad, answers.wrt(tensor)):
            if isinstance(tensor, Tensor):
                assert isinstance(grad, np.ndarray)
                assert grad.dtype == tensor.dtype
            else:
                assert type(grad) is float
            terms = max(1, np.prod(shape)//max(1, given[k].numbers.size))
            check_close(grad, *expected.first[k], ULPS_1[dtype] + terms, coarse, (op.name, k))


@each_op
@EXAMPLES
@given(data=st.data())
def test_second_derivatives(op, data):
    """The derivatives of sum(u*dL/dx) for random u, through a recorded backward."""
    given, dtype, rng = data.draw(operands(op, (np.float64, np.float32), max_dims=2))
    dtype, coarse = dtype_of_result(op, given, dtype), dtype
    leaves = [k for k, x in enumerate(given) if x.differentiated]
    xs = [given[k].given for k in leaves]
    out = call(op, given)
    shape = result_shape(given)
    g = rng.uniform(-2, 2, shape).astype(dtype)
    u = {k: rng.uniform(-2, 2, given[k].numbers.shape).astype(dtype) for k in leaves}
    expected = oracle(getattr(cgrad, op.name), leaves, [x.numbers for x in given], g.astype(np.float64),
                      {k: w.astype(np.float64) for k, w in u.items()})
    recorded = cgrad.gradients(out, xs, seed=g if shape else float(g), create_graph=True).wrt(xs)
    for k, x, d in zip(leaves, xs, recorded, strict=True):
        assert type(d) is (Tensor if x.shape else Value)
        assert d.shape == x.shape
        terms = max(1, np.prod(shape)//max(1, given[k].numbers.size))
        check_close(d, *expected.first[k], ULPS_1[dtype] + terms, coarse, (op.name, k))
        found = cgrad.gradients(d, xs, seed=u[k] if x.shape else float(u[k])).wrt(xs)
        for m, dd in zip(leaves, found, strict=True):
            terms = max(1, np.prod(shape)//max(1, given[m].numbers.size))
            check_close(dd, *expected.second[k, m], ULPS_2[dtype] + terms, coarse, (op.name, k, m))


@each_op
def test_third_derivatives(op):
    """All rows once more: through the rules that the second derivative was recorded by."""
    rng = seeded("third", op.name)
    k = free(op)[0]
    arrays = [draw_numbers(rng, op, j, (5,) if j in free(op) else ()) for j in range(op.arity)]
    x = Tensor(arrays[k], requires_grad=True)
    args = [x if j == k else a if j in free(op) else float(a) for j, a in enumerate(arrays)]
    d = getattr(cgrad, op.name)(*args)
    for _ in range(2):
        d = cgrad.gradients(d, [x], create_graph=True).wrt(x)
    third = cgrad.gradients(d, [x]).wrt(x)
    with cgrad.Tape():
        for i in range(5):
            v = Value(float(arrays[k][i]))
            y = getattr(cgrad, op.name)(*(v if j == k else float(a[i] if a.ndim else a) for j, a in enumerate(arrays)))
            size = 0.0
            for _ in range(2):
                y = cgrad.gradients(y, create_graph=True).wrt(v)
                size = max(size, abs(y.data))
            check_close(third[i], np.array(cgrad.gradients(y).wrt(v)), np.array(size), 512, np.float64, op.name)


@pytest.mark.parametrize("op", **names([op for op in PUBLIC if op.ufunc]))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_are_numpys(op, dtype):
    """The module's function, the method and the ufunc each return NumPy's numbers, in NumPy's precision."""
    rng = seeded("numpy", op.name)
    arrays = [draw_numbers(rng, op, k, (3, 4) if k != 1 else (4,), dtype) for k in range(op.arity)]
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    for name in op.ufunc.split():
        expected = getattr(np, name)(*arrays)
        ways = [getattr(cgrad, op.name)(*tensors), getattr(np, name)(*tensors), getattr(np, name)(tensors[0], *arrays[1:]),
                *(getattr(tensors[0], method)(*tensors[1:]) for method in (op.name, *op.alias.split()))]
        for out in ways:
            assert (type(out), out.dtype, out.shape) == (Tensor, np.dtype(dtype), (3, 4))
            if name == "float_power":
                expected = expected.astype(dtype)
            check_close(out, expected, None, ULPS[dtype], dtype, name)


@each_op
def test_plain_arrays(op):
    """Without a Tensor or Value, functions answer with plain numbers: nothing is recorded, nothing is wrapped."""
    rng = seeded("plain", op.name)
    arrays = [draw_numbers(rng, op, k, (2, 3) if k in free(op) else ()) for k in range(op.arity)]
    args = [a if k in free(op) else float(a) for k, a in enumerate(arrays)]
    with cgrad.Tape() as tape:
        out = getattr(cgrad, op.name)(*args)
        assert len(tape) == 0
    assert type(out) is np.ndarray
    check_close(out, oracle(getattr(cgrad, op.name), free(op), arrays).value, None, 4, np.float64, op.name)


@each_op
def test_without_gradient(op):
    """Of Tensors that require no grad come Tensors that require none, and nothing is recorded."""
    rng = seeded("constant", op.name)
    arrays = [draw_numbers(rng, op, k, (2, 3) if k in free(op) else ()) for k in range(op.arity)]
    args = [Tensor(a) if k in free(op) else float(a) for k, a in enumerate(arrays)]
    with cgrad.Tape() as tape:
        out = getattr(cgrad, op.name)(*args)
        assert len(tape) == 0
    assert (type(out), out.requires_grad, out.grad) == (Tensor, False, None)
    for a in args:
        if isinstance(a, Tensor):
            a.requires_grad_()
    with cgrad.no_grad(), cgrad.Tape() as tape:
        out = getattr(cgrad, op.name)(*args)
        assert len(tape) == 0
        assert (type(out), out.requires_grad) == (Tensor, False)


@each_op
def test_layouts_of_nodes(op):
    """Views of nodes (transposed, reversed, stretched to zero strides) as operands pass gradients back."""
    views = {
        "transposed": (lambda t: t.T, lambda a: a.T),
        "reversed": (lambda t: t[::-1, ::-1], lambda a: a[::-1, ::-1]),
        "zero strides": (lambda t: np.broadcast_to(t[:1], (3, 3)), lambda a: np.broadcast_to(a[:1], (3, 3))),
        "column": (lambda t: t[:, 1:2], lambda a: a[:, 1:2]),
    }
    for name, (of_tensor, of_array) in views.items():
        rng = seeded(name, op.name)
        arrays = [draw_numbers(rng, op, k, (3, 3) if k in free(op) else ()) for k in range(op.arity)]
        base = [Tensor(a, requires_grad=True) if k in free(op) else float(a) for k, a in enumerate(arrays)]
        seen = [of_tensor(t) if k in free(op) else t for k, t in enumerate(base)]
        shown = [of_array(a) if k in free(op) else a for k, a in enumerate(arrays)]
        out = getattr(cgrad, op.name)(*seen)
        g = rng.uniform(-2, 2, out.shape)
        out.backward(g)
        expected = oracle(getattr(cgrad, op.name), free(op), shown, g)
        check_close(out, expected.value, sizes_of_values(op, expected.value), 4, np.float64, (name, op.name))
        for k in free(op):
            back, sizes = np.zeros((3, 3)), np.zeros((3, 3))
            if name == "zero strides":
                back[0], sizes[0] = (x.sum(axis=0) for x in expected.first[k])
            else:
                of_array(back)[...], of_array(sizes)[...] = expected.first[k]
            check_close(base[k].grad, back, sizes, 20, np.float64, (name, op.name, k))


@pytest.mark.parametrize("slot", BINARY)
@pytest.mark.parametrize("other", ["tensor", "array", "float", "int", "value", "float64", "tensor32", "array32"])
def test_operators_on_either_side(slot, other):
    """t op x and x op t for every kind of x: a Tensor each time, with the derivatives of the scalar core."""
    row = {"truediv": "div"}.get(slot, slot)
    op = ROWS[row]
    for left in (True, False):
        rng = seeded(slot, other, left)
        a = draw_numbers(rng, op, 0 if left else 1, (2, 3))
        b = draw_numbers(rng, op, 1 if left else 0, (3,))
        kinds = {"tensor": lambda x: Tensor(x, requires_grad=True), "array": np.array, "float": lambda x: float(x[0]),
                 "int": lambda x: int(np.ceil(x[0])) or 1, "value": lambda x: Value(float(x[0])),
                 "float64": lambda x: np.float64(x[0]), "array32": lambda x: x.astype(np.float32),
                 "tensor32": lambda x: Tensor(x.astype(np.float32), requires_grad=True)}
        t, x = Tensor(a, requires_grad=True), kinds[other](b)
        pair = [t, x] if left else [x, t]
        out = BINARY[slot](*pair)
        assert (type(out), out.shape, out.dtype) == (Tensor, (2, 3), np.float64)
        leaves = [k for k, v in enumerate(pair) if isinstance(v, (Tensor, Value))]
        expected = oracle(BINARY[slot], leaves, [plain(v).astype(np.float64) for v in pair])
        check_close(out, expected.value, None, 4, np.float64, slot)
        out.backward()
        for k in leaves:
            dtype = np.float32 if other.endswith("32") and pair[k] is x else np.float64
            check_close(pair[k].grad, *expected.first[k], 20, dtype, (slot, k))


def test_unary_operators():
    t = Tensor([-1.5, 0.0, 2.0], requires_grad=True)
    for out, expected in ((-t, [1.5, -0.0, -2.0]), (abs(t), [1.5, 0.0, 2.0]), (+t, [-1.5, 0.0, 2.0])):
        assert type(out) is Tensor
        assert out.data.tolist() == expected
    (-t).backward()
    abs(t).backward([1.0, 2.0, 3.0])
    assert t.grad.tolist() == [-2.0, -1.0, 2.0]


@pytest.mark.parametrize("slot", BINARY)
def test_in_place_operators_make_new_tensors(slot):
    """a op= b binds another Tensor to the name; what a was stays as it was, and gets its gradient."""
    a = before = Tensor([3.5, 1.25], requires_grad=True)
    a = getattr(operator, "i" + slot)(a, 2.0)
    assert a is not before
    assert before.data.tolist() == [3.5, 1.25]
    assert a.data.tolist() == BINARY[slot](np.array([3.5, 1.25]), 2.0).tolist()
    a.backward()
    v = Value(3.5)
    BINARY[slot](v, 2.0).backward()
    assert before.grad[0] == v.grad


@pytest.mark.parametrize("op", **names([op for op in PUBLIC if len(free(op)) > 1]))
def test_one_tensor_in_every_place(op):
    """f(t, t): both adjoints are added to one gradient; the same at second order."""
    lo, hi = max(d[0] for d in op.domain), min(d[1] for d in op.domain)
    lo, hi = (lo, hi) if lo < hi else (0.5, 1.5)
    a = seeded(op.name).uniform(lo, hi, (2, 2))
    t = Tensor(a, requires_grad=True)
    out = getattr(cgrad, op.name)(*[t]*op.arity)
    g = np.array([[1.0, -2.0], [0.5, 3.0]])

    def f(x):
        return getattr(cgrad, op.name)(*[x]*op.arity)

    expected = oracle(f, [0], [a], g, {0: np.ones((2, 2))})
    apart = oracle(getattr(cgrad, op.name), free(op), [a]*op.arity, g, {k: np.ones((2, 2)) for k in free(op)})
    first = sum(size for _, size in apart.first.values())  # the partials may cancel
    second = sum(size for _, size in apart.second.values()) + first
    d = cgrad.gradients(out, [t], seed=g, create_graph=True).wrt(t)
    out.backward(g)
    check_close(t.grad, expected.first[0][0], first, 64, np.float64, op.name)
    check_close(d, expected.first[0][0], first, 64, np.float64, op.name)
    check_close(cgrad.gradients(d, [t]).wrt(t), expected.second[0, 0][0], second, 256, np.float64, op.name)


def test_chain_over_several_sizes():
    """A chain of ops on arrays from one element to beyond any block size, against the formula's own derivative."""
    for n in (1, 2, 3, 7, 64, 1000, 4097, 70_000):
        x = np.linspace(-2, 2, n) if n > 1 else np.array([0.7])
        t = Tensor(x, requires_grad=True)
        y = cgrad.exp(cgrad.sin(t)*t - 1.0)/(t*t + 2.0)
        y.backward()
        inner = np.sin(x)*x - 1
        derivative = np.exp(inner)*((np.cos(x)*x + np.sin(x))*(x*x + 2) - 2*x)/(x*x + 2)**2
        np.testing.assert_allclose(y.data, np.exp(inner)/(x*x + 2), rtol=1e-14)
        np.testing.assert_allclose(t.grad, derivative, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_precision_of_mixtures(dtype):
    """float32 stays float32 with numbers and Values, and widens with a float64 array, as in NumPy."""
    t = Tensor(np.ones(3, dtype), requires_grad=True)
    v = Value(1.1)
    for out in (t*2, 2*t, t*1.1, t + v, v*t, t**2, t**0.5, 2**t, cgrad.exp(t), cgrad.maximum(t, 0), cgrad.fma(t, 2.0, v),
                cgrad.where(t > 0, t, 0.0), cgrad.clip(t, 0, 2), t/3, -t, abs(t), t % 0.4, t*np.ones(3, np.float32)*1):
        assert out.dtype == dtype
    wide = t*np.ones(3)
    assert wide.dtype == np.float64
    wide.backward()
    assert t.grad.dtype == dtype
    (t*v).backward()
    assert v.grad == 3.0
    assert t.grad.tolist() == [1 + dtype(1.1)]*3


def test_float32_arithmetic_is_float32s():
    """Rounded at each step as NumPy rounds, not computed in double and rounded at the end."""
    x = np.float32([1/3, 1e-8, 16777217.0])
    t = Tensor(x, requires_grad=True)
    assert ((t + np.float32(1.0)) - np.float32(1.0)).data.tolist() == ((x + np.float32(1)) - np.float32(1)).tolist()
    assert (t*t*t).data.tolist() == (x*x*x).tolist()
