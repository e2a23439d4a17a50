"""Operations of users: Function in PyTorch's and giagrad's style, derivatives of derivatives, errors in them."""

import math

import numpy as np
import pytest

import cgrad
import cgrad.testing
import cgrad.viz
from cgrad import Function, Tape, Tensor, Value


class Square(Function):
    """PyTorch's style."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x*x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2.0*x*g


class Clamp(Function):
    """giagrad's style: an instance that holds parameters."""

    def __init__(self, lo, hi):
        super().__init__()
        self.lo, self.hi = lo, hi

    def forward(self, x):
        self.save_for_backward(x)
        return np.minimum(np.maximum(x, self.lo), self.hi)

    def backward(self, g):
        (x,) = self.saved_tensors
        return g*((x >= self.lo) & (x <= self.hi))


class Polar(Function):
    """Two inputs, two outputs."""

    @staticmethod
    def forward(ctx, x, y):
        r, a = np.hypot(x, y), np.arctan2(y, x)
        ctx.save_for_backward(x, y)
        return r, a

    @staticmethod
    def backward(ctx, gr, ga):
        x, y = ctx.saved_tensors
        r = np.hypot(x, y)
        return gr*x/r - ga*y/(r*r), gr*y/r + ga*x/(r*r)


class Sum(Function):
    """An array in, a number out."""

    @staticmethod
    def forward(ctx, x):
        ctx.shape = np.shape(x)
        return np.sum(x)

    @staticmethod
    def backward(ctx, g):
        return g*np.ones(ctx.shape)


# ---- both styles ---------------------------------------------------------------------------------


@pytest.mark.parametrize("apply", [Square.apply, lambda x: Tensor.comm(Square(), x)], ids=["apply", "comm"])
def test_torch_style(apply):
    t = Tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = apply(t)
    assert (type(y), y.tolist(), y.requires_grad) == (Tensor, [1.0, 4.0, 9.0], True)
    y.backward([1.0, 10.0, 100.0])
    assert t.grad.tolist() == [2.0, -40.0, 600.0]
    v = Value(3.0)
    z = apply(v)
    assert (type(z), z.item()) == (Value, 9.0)
    z.backward()
    assert v.grad == 6.0


def test_giagrad_style():
    def apply(x):
        return Tensor.comm(Clamp(0.0, 1.0), x)

    t = Tensor([-1.0, 0.5, 2.0], requires_grad=True)
    y = apply(t)
    assert y.tolist() == [0.0, 0.5, 1.0]
    (y*np.array([1.0, 2.0, 3.0])).sum().backward()
    assert t.grad.tolist() == [0.0, 2.0, 0.0]
    v = Value(0.25)
    apply(v).backward()
    assert v.grad == 1.0


def test_names_in_traces():
    t = Tensor([1.0, 2.0], requires_grad=True)
    for y, name in ((Square.apply(t), "Square"), (Tensor.comm(Clamp(0, 1), t), "Clamp")):
        assert name in y._op
        assert name in y._name_of_op
        assert name in cgrad.viz.trace(y)
        assert any(x is t for x in y._operands)


def test_a_function_inside_a_graph():
    t, w = Tensor([0.3, -0.4], requires_grad=True), Value(2.0)
    y = (cgrad.sin(Square.apply(t*w))*t).sum()
    y.backward()
    a, b = np.array([0.3, -0.4]), 2.0
    inner = (a*b)**2
    np.testing.assert_allclose(t.grad, np.sin(inner) + a*np.cos(inner)*2*a*b*b, rtol=1e-14)
    assert w.grad == pytest.approx((a*np.cos(inner)*2*a*b*a).sum(), rel=1e-14)
    t.zero_grad()
    y.backward()
    np.testing.assert_allclose(t.grad, np.sin(inner) + a*np.cos(inner)*2*a*b*b, rtol=1e-14)


def test_several_inputs_and_outputs():
    x, y = Tensor([3.0, 1.0], requires_grad=True), Tensor([4.0, 1.0], requires_grad=True)
    r, a = Polar.apply(x, y)
    assert r.tolist() == [5.0, math.sqrt(2.0)]
    (r*2.0 + a).sum().backward()
    np.testing.assert_allclose(x.grad, 2*np.array([0.6, 0.5**0.5]) - np.array([4/25, 0.5]), rtol=1e-15)
    np.testing.assert_allclose(y.grad, 2*np.array([0.8, 0.5**0.5]) + np.array([3/25, 0.5]), rtol=1e-15)


@pytest.mark.parametrize("which", [0, 1])
def test_an_output_that_is_not_used(which):
    """Its adjoint is zeros of its shape, never None."""
    x, y = Tensor([3.0], requires_grad=True), Tensor([4.0], requires_grad=True)
    Polar.apply(x, y)[which].backward()
    expected = ((0.6, 0.8), (-4/25, 3/25))[which]
    assert (x.grad[0], y.grad[0]) == pytest.approx(expected, rel=1e-15)


def test_values_and_arrays_mixed():
    """A number and an array as arguments: each gets an adjoint of its own shape."""
    class Scale(Function):
        @staticmethod
        def forward(ctx, s, x, n):
            assert type(s) is float
            assert type(x) is np.ndarray
            assert n == 7
            ctx.save_for_backward(s, x)
            return s*x, float(np.sum(x))

        @staticmethod
        def backward(ctx, g, h):
            s, x = ctx.saved_tensors
            assert type(g) is np.ndarray
            assert type(h) is float
            return np.sum(g*x), s*g + h, None

    s, x = Value(2.0), Tensor([1.0, 3.0], requires_grad=True)
    y, total = Scale.apply(s, x, 7)
    assert (type(y), type(total)) == (Tensor, Value)
    (y.sum()*total).backward()
    assert s.grad == 16.0
    assert x.grad.tolist() == [8.0 + 8.0]*2


def test_plain_arguments_and_needs_input_grad():
    seen = []

    class Linear(Function):
        @staticmethod
        def forward(ctx, x, w, factor):
            ctx.save_for_backward(x, w)
            ctx.factor = factor
            return factor*x*w

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            x, w = ctx.saved_tensors
            return ctx.factor*g*w if ctx.needs_input_grad[0] else None, ctx.factor*g*x, None

    x, w = np.array([1.0, 2.0]), Tensor([3.0, 4.0], requires_grad=True)
    Linear.apply(x, w, 10.0).backward()
    assert w.grad.tolist() == [10.0, 20.0]
    Linear.apply(Tensor(x, requires_grad=True), w, 10.0).backward()
    assert [tuple(s) for s in seen] == [(False, True, False), (True, True, False)]


def test_without_gradient():
    """Without inputs that require grad, or under no_grad: plain results, no call of backward, nothing saved."""
    class Never(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x + 1.0

        @staticmethod
        def backward(ctx, g):
            raise AssertionError

    with Tape() as tape:
        y = Never.apply(Tensor([1.0]))
        assert (type(y), y.requires_grad, y.tolist()) == (Tensor, False, [2.0])
        with cgrad.no_grad():
            z = Never.apply(Tensor([1.0], requires_grad=True))
        assert not z.requires_grad
        assert len(tape) == 0


def test_mark_non_differentiable():
    class Argsort(Function):
        @staticmethod
        def forward(ctx, x):
            order = np.argsort(x).astype(float)
            ctx.mark_non_differentiable(order)
            ctx.order = order.astype(int)
            return np.sort(x), order

        @staticmethod
        def backward(ctx, g, g_order):
            back = np.zeros(len(ctx.order))
            back[ctx.order] = g
            return back

    t = Tensor([3.0, 1.0, 2.0], requires_grad=True)
    ordered, order = Argsort.apply(t)
    assert not order.requires_grad
    assert order.tolist() == [1.0, 2.0, 0.0]
    (ordered*np.array([1.0, 10.0, 100.0])*order).sum().backward()
    assert t.grad.tolist() == [0.0, 1.0, 20.0]


def test_gradients_that_are_none():
    class First(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g, None

    x, y = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    First.apply(x, y).backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([1.0], [0.0])


# ---- derivatives of derivatives --------------------------------------------------------------------


def test_double_backward():
    t = Tensor([1.0, -2.0], requires_grad=True)
    y = Square.apply(t)*t
    g = cgrad.gradients(y, [t], create_graph=True).wrt(t)
    np.testing.assert_allclose(g.data, [3.0, 12.0], rtol=1e-15)
    h = cgrad.gradients(g, [t], create_graph=True).wrt(t)
    np.testing.assert_allclose(h.data, [6.0, -12.0], rtol=1e-15)
    np.testing.assert_allclose(cgrad.gradients(h, [t]).wrt(t), [6.0, 6.0], rtol=1e-15)


def test_gradients_are_right_to_second_order():
    cgrad.testing.check_grads(Square.apply, [np.array([0.3, -0.7])], 2)
    cgrad.testing.check_grads(Square.apply, [0.3], 2, "rev")
    cgrad.testing.check_grads(lambda x, y: Polar.apply(x, y)[0]*Polar.apply(y, x)[1], [np.array([3.0, 1.0]),
                                                                                       np.array([4.0, 2.0])], 2)
    cgrad.testing.check_grads(lambda t: Sum.apply(cgrad.tanh(t)*t), [np.array([0.3, -0.7])], 2)


def test_double_backward_of_a_plain_backward_is_refused_or_right():
    """A backward of NumPy calls without a rule cannot be recorded: an error, not a zero."""
    class Fft(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x*x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return np.asarray(2.0*x*g)

    t = Tensor([1.0, 2.0], requires_grad=True)
    Fft.apply(t).backward()
    assert t.grad.tolist() == [2.0, 4.0]
    with pytest.raises((TypeError, RuntimeError), match="requires grad"):
        cgrad.gradients(Fft.apply(t), [t], create_graph=True)


def test_saved_arrays_are_as_they_were():
    """Promise 2 holds for what a Function saved: the input's data may change in between."""
    t = Tensor([1.0, 2.0], requires_grad=True)
    y = Square.apply(t)
    t.data -= 10.0
    t.data[...] = 99.0
    y.backward()
    assert t.grad.tolist() == [2.0, 4.0]


def test_outputs_belong_to_the_graph():
    """An output that is an input, or a buffer that forward keeps, does not change under the graph."""
    kept = np.zeros(2)

    class Reuse(Function):
        @staticmethod
        def forward(ctx, x):
            kept[:] = x*2.0
            return kept

        @staticmethod
        def backward(ctx, g):
            return 2.0*g

    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g

    t = Tensor([1.0, 2.0], requires_grad=True)
    y = Same.apply(t)
    assert y is not t
    z = y*y
    t.data[...] = 7.0
    z.backward()
    assert t.grad.tolist() == [2.0, 4.0]
    assert y.tolist() == [1.0, 2.0]
    a = Reuse.apply(Tensor([1.0, 1.0], requires_grad=True))
    assert a.tolist() == [2.0, 2.0]


# ---- errors ----------------------------------------------------------------------------------------



@pytest.fixture
def whole():
    """A graph whose tape must be as it was after the error, and sweep as before."""
    t = Tensor([1.0, 2.0], requires_grad=True, name="t")
    y = t*t
    tape = cgrad.current_tape()
    before = len(tape)
    yield t, y
    assert len(tape) >= before
    t.zero_grad()
    y.backward()
    assert t.grad.tolist() == [2.0, 4.0]


class Bad(Function):
    """backward returns a class attribute."""

    answer = None

    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, g):
        return Bad.answer(g)


@pytest.mark.parametrize(("answer", "message"), [
    (lambda g: (g,), r"1.*2|2.*1"),
    (lambda g: (g, g, g), r"3.*2|2.*3"),
    (lambda g: (np.ones(3), g), r"\(3,\).*\(2,\)"),
    (lambda g: (g, np.ones((4, 1))), r"\(4, 1\).*\(2,\)"),
    (lambda g: ("a", g), "Bad"),
    (lambda g: (g, 1j), "Bad"),
])
@pytest.mark.parametrize("graph", [False, True])
def test_wrong_gradients_are_named(whole, answer, message, graph):
    t, y = whole
    Bad.answer = staticmethod(answer)
    out = Bad.apply(t, y)
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=message) as error:
            cgrad.gradients(out, [t], create_graph=graph).wrt(t)
        assert "Bad" in str(error.value), str(error.value)
    if not graph:
        with pytest.raises((TypeError, ValueError), match="Bad"):
            out.backward()
        assert t.grad.tolist() == [0.0, 0.0]


def test_exceptions_in_forward_and_backward(whole):
    t, y = whole

    class Broken(Function):
        @staticmethod
        def forward(ctx, x, where):
            ctx.where = where
            if where == "forward":
                raise KeyError("mine")
            return x*2.0

        @staticmethod
        def backward(ctx, g):
            raise KeyError("mine")

    before = len(cgrad.current_tape())
    with pytest.raises(KeyError, match="mine"):
        Broken.apply(t, "forward")
    assert len(cgrad.current_tape()) == before
    out = (Broken.apply(y, "backward") + y).sum()
    for _ in range(3):
        with pytest.raises(KeyError, match="mine"):
            out.backward()
        with pytest.raises(KeyError, match="mine"):
            cgrad.gradients(out, [t])
        with pytest.raises(KeyError, match="mine"):
            cgrad.gradients(out, [t], create_graph=True)
        assert t.grad.tolist() == [0.0, 0.0]
        assert y.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("result", ["a", None, 1j, np.array(["a"]), np.array([1j]), object()])
def test_what_forward_may_not_give(whole, result):
    class Odd(Function):
        @staticmethod
        def forward(ctx, x):
            return result

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(TypeError, match="Odd"):
        Odd.apply(whole[0])


def test_a_backward_that_records_and_sweeps():
    """backward may use cgrad itself, on another tape or on the current one."""
    class Implicit(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return np.sin(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            u = Tensor(x, requires_grad=True)
            with Tape():
                return g*cgrad.gradients(cgrad.sin(u), [u]).wrt(u)

    t = Tensor([0.5, 1.0], requires_grad=True)
    (Implicit.apply(t)*2.0).backward()
    np.testing.assert_allclose(t.grad, 2*np.cos([0.5, 1.0]), rtol=1e-15)


def test_backward_of_a_swept_tape_is_refused(whole):
    """The tape in use is not swept from inside its own sweep; the error passes, and the tape is whole."""
    t, y = whole

    class Reentrant(Function):
        @staticmethod
        def forward(ctx, x):
            return x*1.0

        @staticmethod
        def backward(ctx, g):
            y.backward()
            return g

    out = Reentrant.apply(y)
    with pytest.raises((cgrad.TapeError, RuntimeError)):
        out.backward()
