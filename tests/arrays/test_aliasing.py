"""Promise 2 for arrays: a recorded graph never changes, whoever writes to which buffer in between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cgrad
from cgrad import Tensor, Value


def check(y, x, numbers, factor=1.0):
    """y is sum(x*x) recorded when x was ``numbers``: its value and its gradient say so."""
    numbers = np.asarray(numbers, float)
    assert y.item() == (numbers*numbers).sum()
    x.zero_grad()
    y.backward()
    np.testing.assert_array_equal(x.grad, 2*numbers*factor)
    g = cgrad.gradients(y, [x], create_graph=True).wrt(x)
    np.testing.assert_array_equal(g.data, 2*numbers)
    assert cgrad.gradients(g, [x]).wrt(x).tolist() == [2.0]*numbers.size


def minus(x):
    x.data -= 0.5


def whole(x):
    x.data[...] = [7.0, 8.0, 9.0]


def element(x):
    x.data[1] = 100.0


def replace(x):
    x.data = np.array([4.0, 5.0, 6.0])


def replace_by_list(x):
    x.data = [4.0, 5.0, 6.0]


def by_ufunc(x):
    np.multiply(x.data, 3.0, out=x.data)


def by_view(x):
    x.data[1:][::-1][0] = -1.0


def fill(x):
    x.data.fill(0.25)


def sort(x):
    x.data[::-1].sort()


def by_gradient(x):
    x.data = x.data - 0.1*x.grad


def twice(x):
    x.data -= 1.0
    x.data[0] = 5.0
    x.data += 1.0


WRITES = [minus, whole, element, replace, replace_by_list, by_ufunc, by_view, fill, sort, by_gradient, twice]
each_write = pytest.mark.parametrize("write", WRITES, ids=lambda f: f.__name__)


@each_write
def test_writing_to_a_leaf_while_its_graph_lives(write):
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x*x).sum()
    y.backward()
    write(x)
    now = x.data.copy()
    assert now.tolist() != [1.0, 2.0, 3.0]
    check(y, x, [1.0, 2.0, 3.0])
    new = (x*x).sum()
    check(new, x, now)
    check(y, x, [1.0, 2.0, 3.0])
    write(x)
    check(new, x, now)
    check(y, x, [1.0, 2.0, 3.0])


@each_write
def test_writing_to_a_leaf_of_float32(write):
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True, dtype=np.float32)
    y = (x*x).sum()
    write(x)
    assert x.dtype == x.data.dtype == np.float32
    x.zero_grad()
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


@each_write
def test_writing_to_a_constant_operand(write):
    """A Tensor without gradient is an operand like any other."""
    w, x = Tensor([1.0, 1.0, 1.0], requires_grad=True), Tensor([1.0, 2.0, 3.0])
    y = (w*x).sum()
    x.grad = None
    if write is by_gradient:
        x.data = x.data - 0.5
    else:
        write(x)
    y.backward()
    assert w.grad.tolist() == [1.0, 2.0, 3.0]


def test_views_of_data_taken_earlier():
    """A view from before the recording is no way around it."""
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    view, tail = x.data, x.data[1:]
    y = (x*x).sum()
    view[0] = 50.0
    tail[:] = 60.0
    check(y, x, [1.0, 2.0, 3.0])
    view -= 1.0
    check(y, x, [1.0, 2.0, 3.0])


def test_views_of_data_taken_between_two_recordings():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x*x).sum()
    view = x.data
    view[0] = 10.0
    z = (x*x).sum()
    view[1] = 20.0
    later = x.data
    later[2] = 30.0
    w = (x*x).sum()
    check(y, x, [1.0, 2.0, 3.0])
    check(z, x, [10.0, 2.0, 3.0])
    assert w.item() == (x.data**2).sum()
    check(w, x, x.data.copy())


def test_data_reads_what_was_written():
    """Reading returns the tensor's own numbers, also after it got a fresh buffer."""
    x = Tensor([1.0, 2.0], requires_grad=True)
    for k in range(5):
        y = x*x
        x.data -= 1.0
        assert x.data.tolist() == [-k, 1.0 - k]
        x.data[0] = x.data[0]
        del y
    held = x.data
    held[0] = 5.0
    assert x.data[0] == 5.0


def test_data_of_a_graph_that_is_gone_is_not_copied():
    """The fresh buffer is made where a living graph needs the old one: an idle parameter keeps its memory."""
    x = Tensor(np.zeros(1000), requires_grad=True)
    first = x.data.ctypes.data
    x.data -= 1.0
    x.data += 2.0
    assert x.data.ctypes.data == first


def test_ndarray_operands_written_to_after_recording():
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = Value(2.0)
    a, m = np.array([4.0, 5.0, 6.0]), np.ones((3, 2))
    ys = [(w*a).sum(), (a*w).sum(), w @ a, (w @ m).sum(), (a*v).sum(), cgrad.fma(w, a, 0.0).sum(), np.dot(a, w),
          np.where(a > 4.5, w, a).sum(), np.einsum("i,i->", w, a), np.sum(np.concatenate([w, a]))]
    values = [y.item() for y in ys]
    a[:] = -100.0
    m[:] = -100.0
    expected = [[4.0, 5.0, 6.0]]*3 + [[2.0]*3, [0.0]*3, [4.0, 5.0, 6.0], [4.0, 5.0, 6.0], [0.0, 1.0, 1.0], [4.0, 5.0, 6.0],
                                      [1.0]*3]
    for y, value, e in zip(ys, values, expected, strict=True):
        w.zero_grad()
        y.backward()
        assert (y.item(), w.grad.tolist()) == (value, e)
    assert v.grad == 15.0


def test_results_written_to():
    """The data of a result is part of the graph: it is refused, or its own buffer is given first."""
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = cgrad.exp(x)
    expected = np.exp([1.0, 2.0])
    try:
        y.data[...] = 0.0
    except (ValueError, AttributeError):
        pass
    with pytest.raises(AttributeError, match="never changes"):
        y.data = np.zeros(2)
    z = y*y
    y.backward()
    np.testing.assert_allclose(x.grad, expected, rtol=1e-15)
    x.zero_grad()
    z.backward()
    np.testing.assert_allclose(x.grad, 2*expected**2, rtol=1e-15)


def test_detached_data_written_to():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x*x
    for d in (y.detach(), x.detach()):
        d.data[...] = 99.0
        d.data -= 1.0
    z = y*x
    z.backward()
    assert x.grad.tolist() == [3.0, 12.0]
    assert x.data.tolist() == [1.0, 2.0]


def test_numpy_array_taken_from_a_tensor():
    """np.asarray(t), t.numpy() of a tensor without gradient, written to: the graph keeps its numbers."""
    w, t = Tensor([1.0, 1.0], requires_grad=True), Tensor([2.0, 3.0])
    before = np.asarray(t)
    y = (w*t).sum()
    after = t.numpy()
    for a in (before, after):
        try:
            a[:] = 77.0
        except ValueError:  # read-only is as good
            pass
    y.backward()
    assert w.grad.tolist() == [2.0, 3.0]


def test_shared_buffers_are_the_callers():
    """copy=False: the array is the caller's, and so is the promise; it is not written to by anything but its owner."""
    a = np.array([1.0, 2.0])
    x = Tensor(a, requires_grad=True, copy=False)
    y = (x*x).sum()
    y.backward()
    assert a.tolist() == [1.0, 2.0]
    x.data[0] = 5.0
    assert a[0] == 5.0
    x.data -= 1.0
    assert a.tolist() == [4.0, 1.0]
    assert np.shares_memory(x.data, a)


def test_gradients_do_not_alias():
    """No two answers share memory, however little an adjoint changes on its way."""
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    y, z = Tensor(np.ones((2, 3)), requires_grad=True), Tensor(np.ones((2, 3)), requires_grad=True)
    seed = np.ones((2, 3))
    total = (x + y) - (-z)
    reshaped = total.reshape(3, 2).T.reshape(2, 3)
    g = cgrad.gradients(reshaped, seed=seed)
    answers = [g.wrt(t) for t in (x, y, z, total, reshaped)]
    for i, a in enumerate(answers):
        assert not np.shares_memory(a, seed)
        for b in answers[:i]:
            assert not np.shares_memory(a, b)
    reshaped.backward(seed)
    for t in (x, y, z, total, reshaped):
        before = t.grad.copy()
        for u in (x, y, z, total, reshaped):
            if u is not t:
                u.grad[...] = -7.0
        np.testing.assert_array_equal(t.grad, before)
        for u in (x, y, z, total, reshaped):
            u.zero_grad()
        reshaped.backward(seed)


def test_gradients_written_to_by_their_reader():
    """Optimisers scale x.grad in place: later sweeps add to it, and the graph's adjoints are unchanged."""
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x*3.0
    y.backward()
    x.grad *= 10.0
    g = x.grad
    g += 1.0
    y.backward()
    assert x.grad.tolist() == [34.0, 34.0]


@pytest.mark.parametrize("layout", ["transposed", "reversed", "strided", "fortran", "broadcast"])
def test_gradients_of_any_layout(layout):
    """Seeds and set gradients of any strides."""
    base = np.arange(12.0).reshape(3, 4)
    g = {"transposed": base.reshape(4, 3).T, "reversed": base[::-1, ::-1], "strided": np.arange(48.0).reshape(6, 8)[::2, ::2],
         "fortran": np.asfortranarray(base), "broadcast": np.broadcast_to(np.arange(4.0), (3, 4))}[layout]
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    y = x*2.0
    y.backward(g)
    np.testing.assert_array_equal(x.grad, 2*g)
    x.grad = g
    y.backward(g)
    np.testing.assert_array_equal(x.grad, 3*g)
    assert base.ravel().tolist() == list(range(12))
    z = x.T.reshape(2, 6)[:, ::-1]
    seed = np.arange(12.0).reshape(2, 6)
    x.zero_grad()
    z.backward(seed)
    np.testing.assert_array_equal(x.grad, seed[:, ::-1].reshape(4, 3).T)


def test_adjoints_of_views_add_up():
    """Several views of one node: their adjoints add up in its one buffer."""
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = x*1.0
    views = [y.T, y[0], y[:, 1], y.reshape(3, 2), y[::-1]]
    total = sum((v*v).sum() for v in views)
    total.backward()
    weight = np.full((2, 3), 3.0)
    weight[0] += 1
    weight[:, 1] += 1
    np.testing.assert_array_equal(x.grad, 2*weight*x.data)


def test_out_is_refused_clearly():
    x = Tensor([1.0, 2.0], requires_grad=True)
    out = np.zeros(2)
    for attempt in (lambda: np.add(x, 1.0, out=out), lambda: np.exp(x, out=out), lambda: np.multiply(out, x, out),
                    lambda: np.add(out, 1.0, out=x), lambda: np.sum(x, out=np.zeros(()))):
        with pytest.raises(TypeError, match="out"):
            attempt()
    assert out.tolist() == [0.0, 0.0]
    assert x.data.tolist() == [1.0, 2.0]


def test_ndarray_in_place_operators_with_a_tensor():
    """a += t, a an ndarray: either a Tensor is bound to the name, or it is refused; never silently cut off."""
    x = Tensor([1.0, 2.0], requires_grad=True)
    a = before = np.array([10.0, 20.0])
    try:
        a += x
    except TypeError:
        pass
    else:
        assert type(a) is Tensor
        a.backward()
        assert x.grad.tolist() == [1.0, 1.0]
    assert before.tolist() == [10.0, 20.0]


def test_setitem():
    x = Tensor([1.0, 2.0, 3.0])
    x[0] = 5.0
    x[1:] = [6.0, 7.0]
    assert x.tolist() == [5.0, 6.0, 7.0]
    w = Tensor([1.0, 1.0, 1.0], requires_grad=True)
    y = (w*x).sum()
    x[:] = 0.0
    y.backward()
    assert w.grad.tolist() == [5.0, 6.0, 7.0]
    with pytest.raises((TypeError, ValueError, RuntimeError), match=r"grad"):
        w[0] = 2.0
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        y2 = w*2.0
        y2[0] = 1.0
    x[0] = Value(1.0)*2.0
    assert x.tolist() == [2.0, 0.0, 0.0]
    assert w.tolist() == [1.0, 1.0, 1.0]


def test_the_pytorch_loop():
    """x.data = x.data - 0.1*x.grad while z is alive."""
    x = Tensor([2.0, -1.0], requires_grad=True)
    z = (x*x*x).sum()
    z.backward()
    assert x.grad.tolist() == [12.0, 3.0]
    for _ in range(3):
        x.data = x.data - 0.1*x.grad
        x.grad.zero_()
        (x*x).sum().backward()
    x.zero_grad()
    z.backward()
    assert (z.item(), x.grad.tolist()) == (7.0, [12.0, 3.0])


# ---- at random -----------------------------------------------------------------------------------

@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_random_programs_of_recording_and_writing(data):
    """Recordings, writes of every kind, views kept for later, collections, in any order: each graph keeps its numbers."""
    xs = [Tensor(np.array([1.0, 2.0, 3.0]) + k, requires_grad=True) for k in range(2)]
    constant = np.array([1.0, -1.0, 0.5])
    graphs, views = [], []
    for _ in range(data.draw(st.integers(3, 14))):
        step = data.draw(st.sampled_from(["record", "record", "write", "view", "through view", "constant", "drop", "collect"]))
        x = data.draw(st.sampled_from(xs))
        if step == "record":
            other = data.draw(st.sampled_from(xs))
            y = (x*other*constant).sum()
            graphs.append((y, x, other, x.data.copy(), other.data.copy(), constant.copy()))
        elif step == "write":
            data.draw(st.sampled_from(WRITES))(x)
        elif step == "view":
            views.append(x.data[data.draw(st.sampled_from([slice(None), slice(1, None), slice(None, None, -1)]))])
        elif step == "through view" and views:
            data.draw(st.sampled_from(views))[...] = data.draw(st.floats(-3, 3))
        elif step == "constant":
            constant[data.draw(st.integers(0, 2))] = data.draw(st.floats(-3, 3))
        elif step == "drop" and graphs:
            graphs.pop(data.draw(st.integers(0, len(graphs) - 1)))
        elif step == "collect":
            cgrad.current_tape()._collect()
    for y, x, other, a, b, c in graphs:
        np.testing.assert_allclose(y.item(), (a*b*c).sum(), rtol=1e-13, atol=1e-13)
        for t in xs:
            t.zero_grad()
        y.backward()
        if x is other:
            np.testing.assert_array_equal(x.grad, 2*(a*c))
        else:
            np.testing.assert_allclose(x.grad, b*c, rtol=1e-15)
            np.testing.assert_allclose(other.grad, a*c, rtol=1e-15)
