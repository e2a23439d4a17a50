"""Bad input to arrays: an error that names the operation and the shapes, and a tape as it was before."""

import copy

import numpy as np
import pytest

import cgrad
from cgrad import Tape, TapeError, Tensor, Value, current_tape, errors


def columns(tape):
    return {name: np.array(column) for name, column in tape._columns().items()}


@pytest.fixture
def whole():
    """A recorded graph: after the errors its tape has the same columns, and its sweeps return the same gradients."""
    t = Tensor([[1.0, 2.0, 3.0]], requires_grad=True, name="t")
    v = Value(2.0, name="v")
    y = t*v + np.arange(3.0)
    z = y.sum()
    y.name = "y"
    tape = current_tape()
    before = columns(tape)
    yield t, v, y, z
    after = columns(tape)
    assert before.keys() == after.keys()
    for name, column in before.items():
        np.testing.assert_array_equal(after[name], column, err_msg=name)
    assert z.item() == 15.0
    z.backward()
    assert (t.grad.tolist(), v.grad, y.grad.tolist()) == ([[2.0, 2.0, 2.0]], 6.0, [[1.0, 1.0, 1.0]])


# ---- shapes ------------------------------------------------------------------------------------------

BINARY = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a*b, "div": lambda a, b: a/b,
    "mod": lambda a, b: a % b, "floordiv": lambda a, b: a//b, "pow": lambda a, b: a**b, "maximum": cgrad.maximum,
    "atan2": cgrad.atan2, "hypot": cgrad.hypot, "logaddexp": cgrad.logaddexp, "copysign": cgrad.copysign,
}


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("shape", [(2,), (4,), (2, 3, 2), (3, 3, 4)])
def test_shapes_that_do_not_fit(whole, op, shape):
    t, _, y, _ = whole
    bad = np.ones(shape)
    for a, b in ((y, bad), (bad, y), (y, Tensor(bad)), (Tensor(bad, requires_grad=True), y)):
        with pytest.raises(ValueError) as error:
            BINARY[op](a, b)
        text = str(error.value)
        assert text.startswith(f"{op}: "), text
        assert str(shape) in text
        assert "(1, 3)" in text


def test_the_message_names_operands(whole):
    _, _, y, _ = whole
    bad = Tensor(np.ones((2, 4)), requires_grad=True, name="weights")
    with pytest.raises(ValueError, match=r"^mul: .*'?y'?.*\(1, 3\).*'?weights'?.*\(2, 4\)"):
        y*bad
    for attempt, name in ((lambda: cgrad.fma(y, bad, 1.0), "fma"), (lambda: cgrad.clip(y, 0.0, np.ones(4)), "clip"),
                          (lambda: cgrad.where(np.ones(2) > 0, y, 0.0), "where"), (lambda: np.where(np.ones(2) > 0, y, 0.0), "where"),
                          (lambda: np.add(y, np.ones(4)), "add")):
        with pytest.raises(ValueError) as error:
            attempt()
        assert str(error.value).startswith(f"{name}: ")
        assert "(1, 3)" in str(error.value)


# ---- dtypes and types ----------------------------------------------------------------------------------

NO_NUMBERS = {
    "complex array": np.array([1j, 2.0, 3.0]), "object array": np.array([1.0, None, 2.0], dtype=object),
    "str array": np.array(["a", "b", "c"]), "datetime": np.array(["2020-01-01"]*3, dtype="datetime64[D]"),
    "long double": np.ones(3, np.longdouble), "structured": np.zeros(3, [("a", float)]), "bytes": np.array([b"a"]*3),
    "str": "abc", "None": None, "complex": 1j, "dict": {}, "object": object(), "set": {1.0},
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_operands_that_are_no_numbers(whole, kind):
    _, _, y, _ = whole
    bad = NO_NUMBERS[kind]
    for op in ("add", "mul", "pow", "maximum"):
        for a, b in ((y, bad), (bad, y)):
            if isinstance(bad, str) and op == "mod":
                continue
            with pytest.raises(TypeError):
                BINARY[op](a, b)
    for call, name in ((lambda: cgrad.fma(y, bad, 1.0), "fma"), (lambda: y.maximum(bad), "maximum"), (lambda: cgrad.hypot(bad, y), "hypot")):
        with pytest.raises(TypeError, match=name):
            call()


STRUCTURAL = {
    "matmul": lambda t, b: t @ b, "rmatmul": lambda t, b: b @ t, "concatenate": lambda t, b: np.concatenate([t, b]),
    "stack": lambda t, b: np.stack([t, b]), "einsum": lambda t, b: np.einsum("i,i->i", t, b), "dot": np.dot,
    "outer": np.outer, "where": lambda t, b: np.where(np.array([True, False, True]), t, b), "kron": np.kron,
    "tensordot": lambda t, b: np.tensordot(t, b, 1), "solve": lambda t, b: np.linalg.solve(np.outer(t, t) + np.eye(3), b),
}


@pytest.mark.parametrize("kind", ["complex array", "object array", "str array", "long double"])
@pytest.mark.parametrize("op", STRUCTURAL)
def test_structural_operands_that_are_no_numbers(op, kind):
    """Refused as by the elementwise ops: an imaginary part is not cut off, None is not nan."""
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises((TypeError, ValueError)):
        STRUCTURAL[op](t, NO_NUMBERS[kind])


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_data_that_is_no_numbers(kind):
    with pytest.raises((TypeError, ValueError)) as error:
        Tensor(NO_NUMBERS[kind])
    assert "Tensor" in str(error.value)


def test_integer_arrays_ask_for_a_dtype():
    for array in (np.arange(3), np.array([True, False]), np.arange(3, dtype=np.uint8), np.array(3), np.ones(3, np.float16)):
        with pytest.raises(TypeError, match=r"Tensor: data is .*\("):
            Tensor(array)
        assert Tensor(array, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize("dtype", [int, np.int32, np.float16, complex, np.longdouble, bool, object, "U4", "nonsense"])
def test_dtypes_that_are_none_of_ours(dtype):
    with pytest.raises((TypeError, ValueError), match="dtype"):
        Tensor([1.0, 2.0], dtype=dtype)


@pytest.mark.parametrize("data", [[[1.0], [1.0, 2.0]], [1.0, [2.0]], [[[1.0]], [[1.0, 2.0]]], ["a", 1.0], [None], [1j],
                                  [object()], "abc", b"ab", {}, {1.0}, None, lambda: 1.0, 10**400])
def test_lists_that_are_no_arrays(data):
    with pytest.raises((TypeError, ValueError, OverflowError), match="Tensor"):
        Tensor(data)


def test_values_inside_a_list():
    """A history is not cut off by a constructor."""
    for data in ([Value(1.0), 2.0], [Value(1.0)*2.0], Value(1.0), np.array([Value(1.0)], dtype=object)):
        with pytest.raises(TypeError, match="Tensor: |Value: "):
            Tensor(data)
    t = Tensor([1.0], requires_grad=True)
    with pytest.raises((TypeError, ValueError)):
        Tensor([t*2.0, t])


def test_sharing_what_cannot_be_shared():
    frozen = np.ones(3)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read.only"):
        Tensor(frozen, copy=False)
    assert Tensor(frozen).data.flags.writeable
    stretched = np.broadcast_to(np.ones(1), (3,))
    with pytest.raises(ValueError, match="read.only"):
        Tensor(stretched, copy=False)
    for array in (np.ones(3, ">f8"), np.ones(3, np.float32)):
        with pytest.raises((TypeError, ValueError)):
            Tensor(array, copy=False, dtype=np.float64)
    unaligned = np.frombuffer(bytearray(33), np.uint8)[1:].view(np.float64)
    with pytest.raises((TypeError, ValueError)):
        Tensor(unaligned, copy=False)
    assert Tensor(unaligned).tolist() == [0.0]*4
    assert Tensor(np.ones(3, ">f8")).tolist() == [1.0]*3


def test_read_only_buffers_as_operands_data_and_seeds(whole):
    frozen = np.ones((1, 3))
    frozen.flags.writeable = False
    t = Tensor(frozen, requires_grad=True)
    with Tape():
        y = t*frozen
        y.backward(frozen)
        t.grad = frozen
        t.data = frozen
        t.data -= 1.0
        t.grad *= 2.0
        y.backward(frozen)
    assert t.grad.tolist() == [[3.0]*3]
    assert frozen.tolist() == [[1.0]*3]
    unaligned = np.frombuffer(bytearray(25), np.uint8)[1:].view(np.float64).reshape(1, 3)
    swapped = np.ones((1, 3), ">f8")
    with Tape():
        u = Tensor([[1.0, 2.0, 3.0]], requires_grad=True)
        assert (u*unaligned).tolist() == [[0.0]*3]
        assert (u*swapped).tolist() == [[1.0, 2.0, 3.0]]
        (u*swapped).backward(swapped)
        assert u.grad.tolist() == [[1.0]*3]
        with pytest.raises((TypeError, ValueError)):
            u.backward(np.ones((1, 3), complex))


def test_data_of_the_wrong_kind():
    t = Tensor([1.0, 2.0], requires_grad=True)
    for bad in ("abc", None, 1j, np.array([1j, 2.0]), np.array(["a", "b"]), [[1.0], [1.0, 2.0]], object(), [Value(1.0), 2.0]):
        with pytest.raises((TypeError, ValueError)):
            t.data = bad
        assert t.tolist() == [1.0, 2.0]
    t.data = [3, 4]
    assert (t.dtype, t.tolist()) == (np.float64, [3.0, 4.0])
    t32 = Tensor([1.0], dtype=np.float32)
    t32.data = np.array([2.0])
    assert t32.dtype == np.float32


def test_data_of_a_node(whole):
    _, _, y, _ = whole
    with pytest.raises(AttributeError, match=r"data: 'y' is the result of \+, and a recorded graph never changes"):
        y.data = np.ones((1, 3))
    with pytest.raises((TypeError, ValueError, RuntimeError), match="y|grad"):
        y.requires_grad_(False)


@pytest.mark.parametrize("bad", [np.ones(2), np.ones((3, 1)), "abc", 1j, np.array([[1j]*3]), object(), [[1.0], [1.0, 2.0]]],
                         ids=lambda x: repr(x).replace("\n", "")[:20])
def test_gradients_of_the_wrong_kind(whole, bad):
    t, v, y, _ = whole
    for x in (t, y):
        with pytest.raises((TypeError, ValueError)):
            x.grad = bad
    with pytest.raises((TypeError, ValueError)):
        v.grad = bad
    assert t.grad.tolist() == [[0.0]*3]


# ---- seeds -----------------------------------------------------------------------------------------------

SEEDS = [np.ones(4), np.ones((3, 1)), np.ones((2, 3)), np.ones((1, 1, 3)), "abc", [[1.0], [1.0, 2.0]], 1j, np.array([[1j]*3]),
         object(), [None]*3, np.array([["a"]*3])]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda s: repr(s).replace("\n", "")[:24])
def test_wrong_seeds(whole, seed):
    t, _, y, _ = whole
    for call in (lambda: y.backward(seed), lambda: cgrad.gradients(y, seed=seed), lambda: t.backward(seed),
                 lambda: cgrad.gradients(y, [t], seed=seed, create_graph=True)):
        for _ in range(2):
            with pytest.raises((TypeError, ValueError)) as error:
                call()
            assert "seed" in str(error.value), str(error.value)
    if isinstance(seed, np.ndarray) and seed.dtype == float:
        with pytest.raises(ValueError) as error:
            y.backward(seed)
        assert str(seed.shape) in str(error.value)
        assert "(1, 3)" in str(error.value)


def test_seeds_of_scalars(whole):
    _, _, _, z = whole
    for seed in (np.ones(2), np.ones((1, 3)), "a", [1.0, 2.0]):
        with pytest.raises((TypeError, ValueError)):
            z.backward(seed)
        with pytest.raises((TypeError, ValueError)):
            cgrad.gradients(z, seed=seed, create_graph=True)


def test_backward_of_what_has_no_history():
    for t in (Tensor([1.0]), Tensor([1.0])*2.0):
        with pytest.raises((TypeError, ValueError, RuntimeError), match="requires_grad"):
            t.backward()


def test_data_of_another_shape_where_gradients_are_wanted():
    layer = cgrad.nn.Linear(2, 3)
    for x in (np.zeros(3), np.zeros((2, 3)), np.zeros((3, 2, 1)), 0.0, [[1.0]], Tensor(np.zeros(6))):
        with pytest.raises(ValueError, match=r"^data: an array of shape \(.*\) for a tensor.* of shape \(3, 2\) that requires grad: .*cgrad\.Tensor"):
            layer.weight.data = x
    assert layer.weight.shape == (3, 2)
    layer.weight.data = np.ones((3, 2))
    layer.weight.data = [[1, 2], [3, 4], [5, 6]]
    t = Tensor([1.0, 2.0])  # no parameter
    t.data = np.zeros(3)
    assert t.shape == (3,)


# ---- tapes -------------------------------------------------------------------------------------------------


def test_gradients_of_what_is_no_tensor(whole):
    _, _, y, _ = whole
    for bad in (np.ones(3), [np.ones(3)], "abc", None, [y, 3.0]):
        with pytest.raises(TypeError, match="gradients: outputs"):
            cgrad.gradients(bad)
        with pytest.raises(TypeError, match="wrt"):
            cgrad.gradients(y).wrt(bad)


def test_wrt_of_what_was_not_asked_for(whole):
    t, v, y, _ = whole
    g = cgrad.gradients(y, [t])
    assert g.wrt(t).tolist() == [[2.0]*3]
    with pytest.raises(TapeError, match="not among the inputs"):
        g.wrt(v)
    with pytest.raises(TapeError, match="not among the inputs"):
        g.wrt(y)


def test_tensors_of_another_tape(whole):
    t, _, y, z = whole
    with Tape() as other:
        foreign = t*3.0
        foreign.name = "foreign"
    size = len(other)
    for attempt in (lambda: y + foreign, lambda: foreign*y, lambda: cgrad.fma(y, foreign, 1.0), lambda: z*foreign,
                    lambda: cgrad.gradients(y).wrt(foreign), lambda: cgrad.gradients(y, [foreign]),
                    lambda: cgrad.gradients([y, foreign]), lambda: np.where(y > 0, y, foreign)):
        with pytest.raises(TapeError) as error:
            attempt()
        text = str(error.value)
        assert f"{id(other):#x}" in text
        assert f"{id(current_tape()):#x}" in text
    assert len(other) == size


# ---- the rest ------------------------------------------------------------------------------------------------


def test_arguments_of_tensor():
    for attempt in (lambda: Tensor(), lambda: Tensor([1.0], nonsense=1), lambda: Tensor([1.0], True, "name")):
        with pytest.raises(TypeError):
            attempt()
    for name in (3, b"x", ["x"]):
        with pytest.raises(TypeError, match="name"):
            Tensor([1.0], name=name)
        t = Tensor([1.0])
        with pytest.raises(TypeError, match="name"):
            t.name = name
    with pytest.raises(TypeError, match="are the same"):
        Tensor([1.0], name="a", label="b")


def test_one_number_is_asked_for():
    t = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"item: .*\(2,\)"):
        t.item()
    with pytest.raises(ValueError, match=r"bool: .*\(2,\)"):
        bool(t)
    with pytest.raises(TypeError):
        float(t)


def test_polygammas_order_is_a_number(whole):
    t, _, y, _ = whole
    for n in (y, t, Value(1.0)):
        with pytest.raises(TypeError, match="polygamma"):
            cgrad.polygamma(n, y)


def test_tensors_made_without_a_call_are_whole():
    """object.__new__, copies of copies, a second __init__: errors or proper objects, never a crash."""
    raw = Tensor.__new__(Tensor)
    for use in (repr, lambda t: t.shape, lambda t: t + 1.0, lambda t: t.data, lambda t: t.grad, lambda t: t[0], len, copy.copy,
                lambda t: t.backward(), lambda t: np.exp(t), list, bool, lambda t: t.tolist(), lambda t: t.sum()):
        try:
            use(raw)
        except Exception as error:
            assert not isinstance(error, (SystemError, MemoryError))
    t = Tensor([1.0, 2.0], requires_grad=True)
    y = t*t
    with pytest.raises(TypeError, match="in use"):
        t.__init__([5.0])
    with pytest.raises(TypeError, match="in use"):
        y.__init__([5.0])
    y.backward()
    assert t.grad.tolist() == [2.0, 4.0]


def test_nan_in_masks_and_data(whole):
    """nan is a number: it propagates, and counts as true in a condition, as in NumPy."""
    t, _, _, _ = whole
    with Tape():
        out = cgrad.where(np.array([np.nan, 0.0, 1.0]), t, -1.0)
        assert out.tolist() == [[1.0, -1.0, 3.0]]
        with pytest.raises(IndexError):
            t[np.array([[np.nan, 0.0, 1.0]])]
        assert np.isnan(cgrad.maximum(t, np.nan).data).all()


def test_subclassing_is_refused():
    with pytest.raises(TypeError):
        type("Sub", (Tensor,), {})


def provoke():
    """One way to each of the errors about arrays. Yields (function of cgrad.errors, call)."""
    t = Tensor([1.0, 2.0], requires_grad=True, name="t")
    y = t*2.0
    frozen = np.ones(2)
    frozen.flags.writeable = False
    yield "bad_array", lambda: Tensor(np.array([1j]))
    yield "no_broadcast", lambda: y + np.ones(3)
    yield "no_array", lambda: Tensor("abc")
    yield "tensor_dtype", lambda: Tensor([1.0], dtype=int)
    yield "cannot_share", lambda: Tensor(np.ones(2, np.float32), dtype=np.float64, copy=False)
    yield "read_only", lambda: Tensor(frozen, copy=False)
    yield "ragged", lambda: Tensor([[1.0], [1.0, 2.0]])
    yield "bad_gradient", lambda: setattr(t, "grad", np.ones(3))
    yield "grad_of_node", lambda: y.requires_grad_(False)
    yield "not_one", lambda: t.item()
    yield "set_item", lambda: t.__setitem__(0, 1.0)
    yield "set_item_shared", lambda: Tensor(np.zeros(2), copy=False).__setitem__(0, cgrad.Value(1.0))
    yield "bad_element", lambda: cgrad.zeros(2).__setitem__(0, "a")
    yield "to_array", lambda: np.asarray(t)
    yield "no_history", lambda: Tensor([1.0]).backward()
    yield "nothing_recorded_below", lambda: (Tensor([1.0, 2.0])*2.0).sum().backward()
    yield "other_shape", lambda: setattr(t, "data", np.zeros(7))
    yield "seed_shape", lambda: y.backward(np.ones(3))
    yield "no_hook", lambda: t.register_hook(1)
    yield "no_out", lambda: np.add(t, 1.0, out=np.ones(2))
    yield "out_of_range", lambda: t[2]

    def adjoint():
        bad = cgrad._core.Primitive("bad", lambda x: x*1.0, (lambda g, out, x: np.ones(3),))
        bad(t).backward()

    yield "bad_adjoint", adjoint

    def anomaly():
        with cgrad.detect_anomaly():
            (-t).log()

    yield "array_anomaly", anomaly

    class Answers(cgrad.Function):
        def __init__(self, output=None, adjoints=None):
            self.output, self.adjoints = output, adjoints

        def forward(self, x):
            return x*2.0 if self.output is None else self.output

        def backward(self, g):
            return self.adjoints

    yield "no_function", lambda: Tensor.comm(3, t)
    yield "not_written", lambda: cgrad.Function.apply(t)
    yield "bad_output", lambda: Tensor.comm(Answers(output="a"), t)
    yield "wrong_adjoints", lambda: Tensor.comm(Answers(adjoints=(1.0, 2.0)), t).backward()
    yield "bad_answer", lambda: Tensor.comm(Answers(adjoints="a"), t).backward()


def test_each_error_about_arrays_is_triggered(monkeypatch):
    seen = set()
    for name, call in provoke():
        original = getattr(errors, name)

        def counted(*args, _name=name, _original=original, **kwargs):
            seen.add(_name)
            return _original(*args, **kwargs)
        monkeypatch.setattr(errors, name, counted)
        with pytest.raises((TypeError, ValueError, ArithmeticError, AttributeError, IndexError, RuntimeError,
                            NotImplementedError)) as error:
            call()
        assert name in seen, f"{name} was not called; {error.value!r} came instead"
        assert ": " in str(error.value)
