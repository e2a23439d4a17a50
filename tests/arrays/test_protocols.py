"""NumPy's protocols: ufuncs and functions on Tensors, arrays and NumPy scalars on either side, clear refusals."""

import operator

import numpy as np
import pytest
from arrays_support import PUBLIC, check_close, draw_numbers, names, oracle, seeded
from op_support import free

import cgrad
from cgrad import Tensor, Value

UFUNCS = [(op, name) for op in PUBLIC for name in op.ufunc.split()]
by_ufunc = pytest.mark.parametrize(("op", "name"), UFUNCS, ids=lambda x: x if isinstance(x, str) else "")


@by_ufunc
def test_ufuncs_are_differentiated(op, name):
    """Tensors as any operands, arrays and numbers as the others."""
    ufunc = getattr(np, name)
    rng = seeded("ufunc", name)
    arrays = [draw_numbers(rng, op, k, (2, 3) if k == 0 else (3,)) for k in range(op.arity)]
    for mask in range(1, 2**op.arity):
        args = [Tensor(a, requires_grad=True) if mask >> k & 1 else a for k, a in enumerate(arrays)]
        out = ufunc(*args)
        assert type(out) is Tensor
        leaves = [k for k in range(op.arity) if mask >> k & 1]
        expected = oracle(getattr(cgrad, op.name), leaves, arrays)
        check_close(out, expected.value, None, 4, np.float64, name)
        out.backward()
        for k in leaves:
            check_close(args[k].grad, *expected.first[k], 24, np.float64, (name, k))
        numbers = ufunc(*(Tensor(a) if mask >> k & 1 else a for k, a in enumerate(arrays)))
        assert type(numbers) is Tensor
        assert not numbers.requires_grad


@by_ufunc
def test_ufuncs_refuse_out_and_where(op, name):
    ufunc = getattr(np, name)
    rng = seeded("refused", name)
    args = [Tensor(draw_numbers(rng, op, k, (2,)), requires_grad=True) for k in range(op.arity)]
    out = np.zeros(2)
    for kwargs in ({"out": out}, {"out": (out,)}, {"where": np.array([True, False])}):
        with pytest.raises(TypeError) as error:
            ufunc(*args, **kwargs)
        text = str(error.value)
        assert next(iter(kwargs)) in text, text
        assert ufunc.__name__ in text or op.name in text, text
    assert out.tolist() == [0.0, 0.0]


OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
             "%": operator.mod, "//": operator.floordiv}


@pytest.mark.parametrize("sign", OPERATORS)
def test_an_array_beside_a_value(sign):
    """ndarray * Value, Value * ndarray: a Tensor; the Value's gradient is a sum over the array."""
    f = OPERATORS[sign]
    a = np.array([[1.0, 2.5], [3.0, 0.7]])
    for swap in (False, True):
        v = Value(1.7)
        pair = (v, a) if swap else (a, v)
        out = f(*pair)
        assert (type(out), out.shape) == (Tensor, (2, 2))
        expected = oracle(f, [0 if swap else 1], [np.array(1.7), a] if swap else [a, np.array(1.7)])
        check_close(out, expected.value, None, 4, np.float64, sign)
        out.backward()
        check_close(v.grad, *expected.first[0 if swap else 1], 24, np.float64, sign)


def test_numpy_numbers_beside_tensors():
    t = Tensor([1.0, 2.0], requires_grad=True)
    for number in (np.float64(3.0), np.float32(3.0), np.int64(3), np.int8(3), np.bool_(True), np.array(3.0), 3, True):
        for f in (operator.add, operator.mul, operator.sub, operator.truediv):
            for out, expected in ((f(number, t), f(float(number), t.data)), (f(t, number), f(t.data, float(number)))):
                assert type(out) is Tensor
                assert out.tolist() == expected.tolist()


def test_arrays_of_integers_and_bools_are_operands():
    """They count as float64, as NumPy promotes them with floats."""
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    for a in (np.arange(3), np.array([True, False, True]), np.arange(3, dtype=np.uint8)):
        for out, expected in ((t*a, t.data*a), (a - t, a - t.data), (np.maximum(a, t), np.maximum(a, t.data))):
            assert out.dtype == np.float64
            assert out.tolist() == expected.tolist()
    (t*np.arange(3)).backward()
    assert t.grad.tolist() == [0.0, 1.0, 2.0]
    assert t.data[t > 1.5].tolist() == [2.0, 3.0]


def test_comparison_ufuncs():
    a = np.array([1.0, 3.0])
    t = Tensor([2.0, 2.0], requires_grad=True)
    for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
        for args in ((t, a), (a, t), (t, 2.0), (2.0, t), (t, t)):
            got = getattr(np, name)(*args)
            assert type(got) is np.ndarray
            assert got.tolist() == getattr(np, name)(*(x.data if isinstance(x, Tensor) else x for x in args)).tolist()


@pytest.mark.parametrize("name", ["spacing", "nextafter", "frexp", "heaviside"])
def test_a_ufunc_without_a_rule_is_refused(name):
    ufunc = getattr(np, name)
    t = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=f"{name}.*no derivative rule"):
        ufunc(*[t]*ufunc.nin)
    with pytest.raises(TypeError, match=f"{name}.*no derivative rule"):
        ufunc(*[np.ones(2)]*(ufunc.nin - 1), t)
    assert len(cgrad.current_tape()) == 0


@pytest.mark.parametrize(("name", "call"), [
    ("fft", np.fft.fft), ("gradient", np.gradient), ("cov", np.cov), ("correlate", lambda t: np.correlate(t, t)),
    ("histogram", np.histogram), ("pinv", lambda t: np.linalg.pinv(t.reshape(2, 1))), ("corrcoef", np.corrcoef),
    ("unwrap", np.unwrap), ("nan_to_num", np.nan_to_num), ("save", lambda t: np.save("/dev/null", t)),
])
def test_a_function_without_a_rule_is_refused(name, call):
    t = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises((TypeError, RuntimeError)) as error:
        call(t)
    text = str(error.value)
    assert name in text or "detach()" in text, text


def test_unknown_functions_name_themselves():
    t = Tensor([1.0, 2.0], requires_grad=True)
    for call, name in ((lambda: np.fft.fft(t), "fft"), (lambda: np.gradient(t), "gradient"), (lambda: np.cov(t), "cov")):
        with pytest.raises(TypeError, match=rf"{name}.*no derivative rule"):
            call()


def test_ufunc_methods():
    """add.reduce is a sum; methods without a rule are refused by name."""
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert np.add.reduce(t).tolist() == [4.0, 6.0]
    for call, name in ((lambda: np.subtract.reduce(t), "subtract"), (lambda: np.add.at(t, 0, 1.0), "add"),
                       (lambda: np.divide.accumulate(t), "divide"), (lambda: np.hypot.outer(t, t), "hypot"),
                       (lambda: np.add.reduceat(t, [0, 1]), "add")):
        with pytest.raises(TypeError, match=name):
            call()
    assert t.data.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_functions_answer_for_tensors():
    """A sample of __array_function__; each function is tested with its op."""
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    a = t.data.copy()
    for call in (np.sum, np.mean, lambda x: np.sum(x, axis=0), lambda x: np.reshape(x, (4,)), np.transpose,
                 lambda x: np.einsum("ij,ij->j", x, x), lambda x: np.where(x > 2.0, x, 0.0), np.ravel,
                 lambda x: np.concatenate([x, x]), lambda x: np.stack([x, x]), np.exp, lambda x: np.clip(x, 1.5, 3.5)):
        out, expected = call(t), call(a)
        assert type(out) is (Tensor if np.ndim(expected) else Value)
        np.testing.assert_allclose(out.data, expected, rtol=1e-15)


def test_what_asks_only_for_the_shape_works():
    t = Tensor(np.ones((2, 3)), requires_grad=True)
    assert np.shape(t) == (2, 3)
    assert np.ndim(t) == 2
    assert np.size(t) == 6


def test_asarray_of_a_tensor_with_gradient_names_the_way_out():
    t = Tensor([1.0, 2.0], requires_grad=True)
    for x in (t, t*2.0):
        for call in (np.asarray, np.array, np.asanyarray, np.ascontiguousarray, lambda x: np.asarray(x, dtype=float)):
            with pytest.raises((TypeError, RuntimeError), match=r"requires grad.*\.data"):
                call(x)
    for call in (np.asarray, np.array, lambda x: np.asarray(x, dtype=np.float32)):
        got = call(Tensor([1.0, 2.0]))
        assert type(got) is np.ndarray
        assert got.tolist() == [1.0, 2.0]


def test_object_arrays_are_not_made_by_accident():
    t = Tensor([1.0, 2.0], requires_grad=True)
    out = np.ones(2)*t
    assert out.dtype == np.float64
    with pytest.raises(TypeError):
        np.array([Value(1.0), 2.0], dtype=object)*t


def test_assert_helpers_of_numpy_do_not_lie():
    """np.allclose and its like answer about numbers, or refuse; they do not say yes to anything."""
    t = Tensor([1.0, 2.0])
    np.testing.assert_allclose(t, [1.0, 2.0])
    with pytest.raises((AssertionError, TypeError)):
        np.testing.assert_allclose(t, [1.0, 3.0])
    with pytest.raises((AssertionError, TypeError)):
        assert not np.allclose(t, [1.0, 2.0])
    with pytest.raises((AssertionError, TypeError)):
        assert np.allclose(t, [1.0, 3.0])


def test_subclasses_and_other_types_get_their_turn():
    class Other:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "mine"

        def __mul__(self, other):
            return "mine too"

    t = Tensor([1.0], requires_grad=True)
    assert t + Other() == "mine"
    assert Other()*t == "mine too"
    with pytest.raises(TypeError):
        t - Other()


@pytest.mark.parametrize("op", **names([op for op in PUBLIC if not op.ufunc and op.name != "where"]))
def test_ops_without_a_ufunc_are_methods_and_functions(op):
    rng = seeded("method", op.name)
    args = [draw_numbers(rng, op, k, (3,)) if k in free(op) else 2.0 for k in range(op.arity)]
    tensors = [Tensor(a, requires_grad=True) if k in free(op) else a for k, a in enumerate(args)]
    expected = oracle(getattr(cgrad, op.name), [], args).value
    check_close(getattr(cgrad, op.name)(*tensors), expected, None, 4, np.float64, op.name)
    if 0 in free(op):
        check_close(getattr(tensors[0], op.name)(*tensors[1:]), expected, None, 4, np.float64, op.name)
