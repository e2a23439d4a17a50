"""Scalars in and out of arrays: t[i], iteration, cgrad.stack; adjoints scatter into the array's one gradient."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import cgrad
import cgrad.testing
from cgrad import Tensor, Value


def test_items_are_values():
    t = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    for index, expected in (((0, 1), 2.0), ((-1, -1), 6.0), ((np.int64(1), 0), 4.0), ((1, np.int8(-3)), 4.0)):
        v = t[index]
        assert (type(v), v.item()) == (Value, expected)
        t.zero_grad()
        (v*10.0).backward()
        g = np.zeros((2, 3))
        g[index] = 10.0
        assert t.grad.tolist() == g.tolist()
    u = t[0]
    for index in (0, -1, np.int32(1), np.uint8(2)):
        assert (type(u[index]), u[index].item()) == (Value, u.data[index])
    d = Tensor(7.0, requires_grad=True)
    d[()].backward()
    assert d.grad == 1.0
    assert type(d[()]) is Value


@pytest.mark.parametrize("index", [3, -4, 100, np.int64(3), (3,), (-4,)])
def test_out_of_range_of_a_vector(index):
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with cgrad.Tape() as tape:
        with pytest.raises(IndexError, match=r"3"):
            t[index]
        assert len(tape) == 0


@pytest.mark.parametrize("index", [(2, 0), (0, 3), (-3, 0), (0, -4), (0, 0, 0), 2, -3])
def test_out_of_range_of_a_matrix(index):
    t = Tensor(np.zeros((2, 3)), requires_grad=True)
    with pytest.raises(IndexError):
        t[index]
    with pytest.raises(IndexError):
        (t*1.0)[index]
    with pytest.raises(IndexError):
        Tensor([], requires_grad=True)[0]


@pytest.mark.parametrize("index", ["a", 1.0, 1.5, object(), {}, 1j, (0, "a"), Value(1.0)])
def test_what_is_no_index(index):
    t = Tensor(np.zeros((2, 3)), requires_grad=True)
    with pytest.raises((IndexError, TypeError)):
        t[index]


def test_a_bool_is_a_mask_not_an_index():
    t = Tensor([1.0, 2.0], requires_grad=True)
    assert t[True].shape == (1, 2)
    assert t[False].shape == (0, 2)
    assert t[np.array([True, False])].tolist() == [1.0]


def test_numbers_of_results_and_of_any_layout():
    a = np.arange(24.0).reshape(2, 3, 4)
    t = Tensor(a, requires_grad=True)
    strided = Tensor(a[:, ::-1, ::2], requires_grad=True, copy=False)
    for x, numbers in ((t, a), (t*2.0, a*2), (t.T, a.T), (t[:, ::-1, ::2], a[:, ::-1, ::2]), (strided, a[:, ::-1, ::2]),
                       (np.broadcast_to(t[:, :1], (2, 3, 4)), np.broadcast_to(a[:, :1], (2, 3, 4)))):
        for index in np.ndindex(numbers.shape):
            assert x[index].item() == numbers[index]
        total = sum(x[index]*float(k) for k, index in enumerate(np.ndindex(numbers.shape)))
        g = cgrad.gradients(total, [x]).wrt(x)
        assert g.tolist() == np.arange(numbers.size, dtype=float).reshape(numbers.shape).tolist()
    single = Tensor([0.1, 0.2], requires_grad=True, dtype=np.float32)
    assert single[0].item() == float(np.float32(0.1))
    (single[0]*single[1]).backward()
    assert single.grad.dtype == np.float32
    assert single.grad.tolist() == single.data[::-1].tolist()


def test_a_loop_over_a_vector():
    rng = np.random.default_rng(1)
    a = rng.normal(size=1000)
    t = Tensor(a, requires_grad=True)
    by_iteration = 0.0
    for x in t:
        by_iteration = by_iteration + x*x
    by_index = sum((t[i]*t[i] for i in range(len(t))), 0.0)
    assert by_iteration.item() == by_index.item() == sum(float(x)*float(x) for x in a)
    by_iteration.backward()
    assert t.grad.tolist() == (2*a).tolist()
    by_index.backward()
    assert t.grad.tolist() == (4*a).tolist()


def test_a_loop_over_rows():
    """Rows are Tensors, their items Values; a recurrence over all of them has the right gradients."""
    a = np.random.default_rng(2).normal(size=(4, 3))
    t, w = Tensor(a, requires_grad=True), Value(0.5)

    def program(rows, w, tanh):
        h = 0.0
        for row in rows:
            assert len(row) == 3
            for x in row:
                h = tanh(w*h + x)
        return h

    out = program(t, w, cgrad.tanh)
    assert type(out) is Value
    assert out.item() == program(a.tolist(), 0.5, math.tanh)
    out.backward()
    leaves = [[Value(x) for x in row] for row in a.tolist()]
    v = Value(0.5)
    program(leaves, v, cgrad.tanh).backward()
    assert t.grad.tolist() == [[x.grad for x in row] for row in leaves]
    assert w.grad == v.grad


def test_items_of_an_item_used_many_times():
    t = Tensor([2.0, 3.0], requires_grad=True)
    x = t[0]
    y = x*x*x + t[0]*t[1] + t[-2]
    y.backward()
    assert t.grad.tolist() == [12.0 + 3.0 + 1.0, 2.0]
    assert x.grad == 12.0
    y.backward()
    assert t.grad.tolist() == [32.0, 4.0]


def test_items_and_whole_arrays_in_one_graph():
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (t*t[0] + t[1]).sum() + t[2]**2 + t[1:]@t[:2]
    y.backward()
    # sum(t)*t0 + 3 t1 + t2^2 + t1 t0 + t2 t1
    assert t.grad.tolist() == [6 + 1 + 2, 1 + 3 + 1 + 3, 1 + 6 + 2]


def test_items_without_gradient():
    t = Tensor([1.0, 2.0])
    assert [v.item() for v in t] == [1.0, 2.0]
    x = Value(3.0)
    y = x*t[1]
    y.backward()
    assert x.grad == 2.0
    with cgrad.no_grad():
        u = Tensor([1.0, 2.0], requires_grad=True)
        assert u[0].item() == 1.0
        assert u[0]._op == ""


def test_items_follow_new_data():
    """Promise 2: an item taken before has the old number, one taken after the new one."""
    t = Tensor([1.0, 2.0], requires_grad=True)
    old = t[0]*t[0]
    t.data[0] = 5.0
    new = t[0]*t[0]
    t.data = [7.0, 8.0]
    newest = t[0]*t[0]
    assert (old.item(), new.item(), newest.item()) == (1.0, 25.0, 49.0)
    for y, g in ((old, 2.0), (new, 10.0), (newest, 14.0)):
        t.zero_grad()
        y.backward()
        assert t.grad.tolist() == [g, 0.0]


def test_items_on_several_tapes():
    t = Tensor([1.0, 2.0], requires_grad=True)
    with cgrad.Tape() as one:
        a = t[0]*2.0
        a0 = t[0]
    with cgrad.Tape() as two:
        b = t[0]*3.0
        assert t[1]._tape is two
    assert a0._tape is one
    a.backward()
    b.backward()
    assert t.grad.tolist() == [5.0, 0.0]


def test_an_iterator_outlives_changes():
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    it = iter(t)
    first = next(it)
    t.data[1] = 20.0
    cgrad.current_tape()._collect()
    rest = list(it)
    y = first*rest[0]*rest[1]
    assert y.item() in (6.0, 60.0)  # before or after the write: one of the two
    y.backward()
    assert t.grad.tolist() == [rest[0].item()*3.0, 3.0, rest[0].item()]
    with pytest.raises(StopIteration):
        next(it)
    with pytest.raises(TypeError):
        iter(Tensor(1.0))
    with pytest.raises(TypeError):
        len(Tensor(1.0))
    assert list(Tensor([], requires_grad=True)) == []


def test_membership_and_unpacking():
    t = Tensor([1.0, 2.0], requires_grad=True)
    a, b = t
    (a*b).backward()
    assert t.grad.tolist() == [2.0, 1.0]
    first, *rest = Tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    assert type(first) is Tensor
    assert len(rest) == 2
    assert max(t).item() == 2.0
    assert sum(t).item() == 3.0
    assert [x.item() for x in reversed(list(t))] == [2.0, 1.0]
    assert 2.0 in list(t)


# ---- second order ------------------------------------------------------------------------------------


def test_second_order_through_items():
    t = Tensor([2.0, 3.0], requires_grad=True)
    y = t[0]**3*t[1]
    g = cgrad.gradients(y, [t], create_graph=True).wrt(t)
    assert type(g) is Tensor
    assert g.tolist() == [36.0, 8.0]
    assert cgrad.gradients(g[0], [t]).wrt(t).tolist() == [36.0, 12.0]
    assert cgrad.gradients(g[1], [t]).wrt(t).tolist() == [12.0, 0.0]
    third = cgrad.gradients(cgrad.gradients(g[0], [t], create_graph=True).wrt(t)[0], [t]).wrt(t)
    assert third.tolist() == [18.0, 12.0]


def test_derivatives_of_programs_over_items():
    def chain(t):
        h = t[0]
        for x in t:
            h = cgrad.sin(h*x) + x
        return h

    def matrix(t):
        return sum(t[i, j]*t[j, i] for i in range(2) for j in range(2))*cgrad.exp(t[0]).sum()

    def gathered(t):
        return cgrad.tanh(cgrad.stack([t[1], t[0]*t[1], 2.0]))@np.array([1.0, 2.0, 3.0])

    cgrad.testing.check_grads(chain, [np.array([0.3, -0.7, 1.1])], 3)
    cgrad.testing.check_grads(matrix, [np.array([[0.3, -0.7], [0.2, 1.1]])], 2)
    cgrad.testing.check_grads(gathered, [np.array([0.3, -0.7])], 3)


# ---- stack of Values ---------------------------------------------------------------------------------


def test_stack_gathers_values():
    xs = [Value(float(k)) for k in range(4)]
    t = cgrad.stack(xs)
    assert (type(t), t.shape, t.tolist()) == (Tensor, (4,), [0.0, 1.0, 2.0, 3.0])
    (t*t).sum().backward()
    assert [x.grad for x in xs] == [0.0, 2.0, 4.0, 6.0]
    mixed = cgrad.stack([xs[1], 5.0, 2, np.float64(3.0)])
    mixed.backward([1.0, 2.0, 3.0, 4.0])
    assert (mixed.tolist(), xs[1].grad) == ([1.0, 5.0, 2.0, 3.0], 3.0)
    again = cgrad.stack([xs[2]]*3)
    again.backward([1.0, 10.0, 100.0])
    assert xs[2].grad == 4.0 + 111.0
    one = cgrad.stack([xs[3]])
    assert one.shape == (1,)
    assert one[0].item() == 3.0


def test_stack_and_items_are_inverse():
    t = Tensor(np.linspace(-1, 1, 50), requires_grad=True)
    u = cgrad.stack([x*2.0 for x in t])
    assert u.tolist() == (t.data*2).tolist()
    g = np.arange(50.0)
    u.backward(g)
    assert t.grad.tolist() == (2*g).tolist()
    back = cgrad.stack([t[i] for i in range(49, -1, -1)])
    assert back.tolist() == t.tolist()[::-1]
    t.zero_grad()
    back.backward(g)
    assert t.grad.tolist() == g[::-1].tolist()


def test_stack_of_what_does_not_fit():
    v = Value(1.0)
    for bad in ([v, "a"], [v, None], [v, 1j], [], [v, np.ones(2)], [v, Tensor([1.0, 2.0])]):
        with pytest.raises((TypeError, ValueError), match="stack"):
            cgrad.stack(bad)


def test_stack_at_second_order():
    xs = [Value(0.5), Value(-1.5)]
    y = (cgrad.stack(xs)**3).sum()
    ds = cgrad.gradients(y, xs, create_graph=True).wrt(xs)
    assert [d.item() for d in ds] == [0.75, 6.75]
    assert [cgrad.gradients(d, [x]).wrt(x) for d, x in zip(ds, xs, strict=True)] == [3.0, -9.0]


# ---- every index form at random: numbers and scattered gradients -----------------------------------------


@st.composite
def indices(draw, shape):
    """A NumPy index of any form for an array of this shape."""
    parts = []
    for n in shape:
        kind = draw(st.sampled_from(["int", "slice", "list", "stop"]))
        if kind == "stop":
            break
        if kind == "int" and n:
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind == "list" and n and not any(isinstance(p, list) for p in parts):
            parts.append(draw(st.lists(st.integers(-n, n - 1), max_size=4)))
        else:
            parts.append(draw(st.slices(n)))
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), None)
    if len([p for p in parts if p is not None]) < len(shape) and draw(st.booleans()):
        parts.append(...)
    return tuple(parts)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_index(data):
    """Duplicates accumulate; dtype and kind of the result are NumPy's."""
    shape = data.draw(array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    a = np.arange(float(math.prod(shape))).reshape(shape)
    index = data.draw(indices(shape))
    index = tuple(np.array(p, dtype=int) if isinstance(p, list) else p for p in index)
    t = Tensor(a, requires_grad=True)
    out, expected = t[index], a[index]
    if isinstance(expected, np.ndarray) and expected.ndim:
        assert type(out) is Tensor
        assert out.data.tolist() == expected.tolist()
        assert out.shape == expected.shape
        g = np.arange(1.0, expected.size + 1).reshape(expected.shape)
        out.backward(g)
    else:
        assert type(out) is Value
        assert out.item() == expected
        g = 3.0
        out.backward(g)
    back = np.zeros(shape)
    np.add.at(back, index, g)
    assert t.grad.tolist() == back.tolist()
