"""Arrays that are filled: y[i] = v, y[2:5] = t, y[mask] = 0. Against object arrays of the same Values, which NumPy fills."""

import numpy as np
import pytest
from arrays_support import derivatives
from hypothesis import given, settings
from hypothesis import strategies as st

import cgrad
from cgrad import Tape, Tensor, Value


def leaves(n, first=1.0):
    return [Value(first + 0.5*k) for k in range(n)]


def stacked(array):
    """An object array of Values and numbers as a Tensor, by cgrad.stack."""
    return cgrad.stack([v if isinstance(v, Value) else Value(v) for v in array.flat]).reshape(array.shape)


# ---- elements --------------------------------------------------------------------------------------

def test_an_element_is_the_value_that_was_assigned():
    x = Value(2.0)
    y = cgrad.zeros(4)
    v = x*x
    y[1] = v
    y[-1] = x
    y[2] = 7
    assert y[1] is v
    assert y[-3] is v
    assert y[3] is x
    assert (type(y[2]), y[2].data, y[0].data) == (Value, 7.0, 0.0)
    assert y.tolist() == [0.0, 4.0, 7.0, 2.0]
    assert [e.data for e in y] == [0.0, 4.0, 7.0, 2.0]
    assert list(y)[1] is v
    assert (len(y), y.shape, y.requires_grad, type(y)) == (4, (4,), True, Tensor)
    assert derivatives((y*y).sum(), [x]) == [2*4.0*4.0 + 2*2.0]


def test_numbers_alone_leave_a_leaf():
    y = cgrad.zeros(3)
    y[0], y[1:] = 2.0, [np.float32(3.0), 4]
    assert (y.tolist(), y.requires_grad, y._tape) == ([2.0, 3.0, 4.0], False, None)
    assert np.asarray(y).tolist() == [2.0, 3.0, 4.0]
    y.data[0] = 9.0
    assert y[0].data == 9.0


def test_an_element_is_overwritten():
    x, w = Value(2.0), Value(3.0)
    y = cgrad.ones(2)
    y[0] = x*5
    y[0] = w
    y[1] = x
    y[1] = 4.0
    s = y.sum()
    assert s.data == 7.0
    assert derivatives(s, [x, w]) == [0.0, 1.0]
    y[:] = 0
    assert not y.requires_grad
    assert y.sum().data == 0.0


@pytest.mark.parametrize("make", [lambda: cgrad.zeros(2, 3), lambda: cgrad.empty(2, 3), lambda: cgrad.full((2, 3), 4.0),
                                  lambda: cgrad.ones_like(np.zeros((2, 3))), lambda: Tensor(np.ones((2, 3))),
                                  lambda: np.zeros_like(cgrad.ones(2, 3)), lambda: cgrad.ones(2, 3).copy(),
                                  lambda: np.copy(cgrad.ones(2, 3)), lambda: cgrad.ones(2, 3)*2.0,
                                  lambda: Tensor(np.ones((3, 2))).T.copy()])
def test_who_takes_assignments(make):
    y = make()
    x = Value(2.0)
    y[1, 2] = x*x
    y[1, 2] += x
    y[0][1] = x
    assert (y[1, 2].data, y[0, 1].data) == (6.0, 2.0)
    rest = y.numpy()
    rest[1, 2] = rest[0, 1] = 0.0
    y[rest != 0.0] = 0.0
    y[np.isnan(rest)] = 0.0
    assert derivatives((y*y).sum(), [x]) == [2*6.0*5.0 + 2*2.0]


def test_no_dimensions():
    x = Value(3.0)
    y = cgrad.zeros(())
    y[()] = x*2
    assert (y*2).data == 12.0
    assert derivatives(y + 1, [x]) == [2.0]
    assert derivatives(y, [x]) == [2.0]
    y[...] = x
    y.backward()
    assert x.grad == 1.0
    assert (y.shape, y.item()) == ((), 3.0)


def test_recurrence_in_linear_time():
    x = Value(1.5)
    y = cgrad.zeros(200)
    y[0] = x
    for i in range(1, 200):
        y[i] = y[i - 1]*x - 0.25
    nodes = len(y[0]._tape or y[1]._tape)
    assert nodes <= 2*199 + 2
    z = [x]
    for _ in range(199):
        z.append(z[-1]*x - 0.25)
    assert derivatives(y.sum(), [x]) == derivatives(cgrad.stack(z).sum(), [x])


def test_it_is_gathered_once():
    x = Value(2.0)
    y = cgrad.zeros(3)
    y[0] = x*x
    tape = y[0]._tape
    before = len(tape)
    y[1] = y[0]
    assert len(tape) == before
    a = y.sum()
    first = len(tape)
    b = y.sum()
    assert len(tape) - first < first - before
    assert a._prev == b._prev
    y[1] = 0.0
    assert y.sum()._prev != a._prev
    assert a.data == 8.0


# ---- what was recorded before keeps its numbers ------------------------------------------------------

def test_operations_keep_what_they_were_given():
    x = Value(2.0)
    y = cgrad.zeros(2, 2)
    y[0, 0] = x*x
    whole, row, element, column = (y*y).sum(), y[0]*3.0, y[0, 0]*x, y[:, 0].sum()
    y[0, 0] = 100.0
    y[0] = [x, x]
    assert (whole.data, row.tolist(), element.data, column.data) == (16.0, [12.0, 0.0], 8.0, 4.0)
    assert derivatives(whole, [x]) == [2*4.0*4.0]
    assert derivatives(row.sum(), [x]) == [3*4.0]
    assert derivatives(element, [x]) == [12.0]
    assert derivatives(column, [x]) == [4.0]
    assert derivatives(y.sum(), [x]) == [2.0]


def test_a_constant_that_is_written_into_later():
    w = Tensor([1.0, 1.0], requires_grad=True)
    x = Value(3.0)
    y = cgrad.ones(2)
    a = (w*y).sum()
    y[0] = x
    b = (w*y).sum()
    y[0] = 50.0
    c = (w*y).sum()
    assert (a.data, b.data, c.data) == (2.0, 4.0, 51.0)
    for out, wanted in ((a, [1.0, 1.0]), (b, [3.0, 1.0]), (c, [50.0, 1.0])):
        assert cgrad.gradients(out, [w]).wrt(w).tolist() == wanted


def test_a_view_of_what_was_recorded():
    """The row, the transpose, and what no_grad shows share memory with a buffer that the tape holds."""
    for view in (lambda t: t[0], lambda t: t.T[:, 0], lambda t: t.reshape(4)):
        w, t = Tensor(np.ones((2, 2)), requires_grad=True), cgrad.ones(2, 2)
        s = (w*t).sum()
        view(t)[1] = 7.0
        s.backward()
        assert w.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    w = Tensor(np.ones((2, 2)), requires_grad=True)
    s = (w*w).sum()
    z = w*2.0
    u = (z*z).sum()
    with cgrad.no_grad():
        for part in (w[0], z[0]):
            part[1] = 7.0
    s.backward()
    u.backward()
    assert w.grad.tolist() == [[10.0, 10.0], [10.0, 10.0]]


def test_create_graph_and_tangents():
    x = Value(1.5)
    y = cgrad.zeros(3)
    for i in range(3):
        y[i] = x**(i + 2)
    s = (y*y).sum()
    y[1] = 0.0
    first = cgrad.gradients(s, [x], create_graph=True).wrt(x)
    want = [sum((2*k)*x.data**(2*k - 1) for k in (2, 3, 4)), sum(2*k*(2*k - 1)*x.data**(2*k - 2) for k in (2, 3, 4))]
    np.testing.assert_allclose([first.data, cgrad.gradients(first, [x]).wrt(x), cgrad.tangents(s, x)],
                               [want[0], want[1], want[0]], rtol=1e-13)
    np.testing.assert_allclose(cgrad.tangents(y, x), [2*1.5, 0.0, 4*1.5**3], rtol=1e-14)


def test_the_array_itself_in_derivatives():
    x = Value(3.0)
    y = cgrad.zeros(2)
    y[0] = x*x
    s = (y*y*y).sum()
    assert cgrad.gradients(s, [y]).wrt(y).tolist() == [3*81.0, 0.0]
    assert cgrad.gradients(s).wrt(y).tolist() == [3*81.0, 0.0]
    y.backward([2.0, 5.0])
    assert (x.grad, y.grad.tolist()) == (12.0, [2.0, 5.0])
    y.zero_grad()
    assert y.grad.tolist() == [0.0, 0.0]
    assert cgrad.gradients([y, s], [x], seed=[[1.0, 0.0], 0.0]).wrt(x) == 6.0
    seen = []
    y.register_hook(lambda g: seen.append(g.copy()))
    (y*2).sum().backward()
    assert seen[0].tolist() == [2.0, 2.0]
    assert {v.data for v in y._prev if isinstance(v, Value)} == {9.0, 0.0}
    assert (y._name_of_op, y._index >= 0) == ("gather", True)


# ---- slices, masks, lists ------------------------------------------------------------------------------

def test_slices_see_and_are_seen():
    x = Value(2.0)
    y = cgrad.zeros(3, 4)
    early = y[1]
    y[1, 2] = x*x
    assert early[2] is y[1, 2]
    assert derivatives(early.sum(), [x]) == [4.0]
    part = y[0:2, 1:3]
    part[1][1] = x
    part[0, 0] = 5.0
    assert (y[1, 2] is x, y[0, 1].data, early[2] is x) == (True, 5.0, True)
    y[::-1, ::-1][0, 0] = x*3
    assert y[2, 3].data == 6.0
    y.T  # reads, and is no view of what holds Values
    with pytest.raises(TypeError, match=r"(?s)^setitem: .*t.copy\(\)"):
        y.T[0, 0] = 1.0
    for row in y:
        row[0] = x
    assert y[:, 0].tolist() == [2.0]*3
    assert all(y[i, 0] is x for i in range(3))
    alias = y
    y[0, 3] = x
    assert alias[0, 3] is x


def test_parts_from_arrays_and_lists():
    x, w = leaves(3), Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = cgrad.zeros(4, 3)
    y[0] = w*2.0
    y[1] = x
    y[2:4] = [[x[0], 1, 2.5], w]
    y[:, 1] += x[1]
    y[y > 5.5] = x[2]*x[2]
    want = np.empty((4, 3), object)
    want[0] = [2*w[0], 2*w[1], 2*w[2]]
    want[1] = x
    want[2:4] = [[x[0], 1, 2.5], [w[0], w[1], w[2]]]
    want[:, 1] += x[1]
    want[[[float(getattr(v, "data", v)) > 5.5 for v in row] for row in want]] = x[2]*x[2]
    assert y.tolist() == [[float(getattr(v, "data", v)) for v in row] for row in want]
    ours, theirs = cgrad.gradients((y*y*y).sum(), [*x, w]), cgrad.gradients((stacked(want)**3.0).sum(), [*x, w])
    for v in (*x, w):
        np.testing.assert_allclose(ours.wrt(v), theirs.wrt(v), rtol=1e-14)
    with pytest.raises(TypeError):
        y[[0, 1]][0] = 1.0  # a copy in NumPy too: this would be lost


@pytest.mark.parametrize("value", [5.0, np.arange(3.0), [1, 2, 3], np.ones((1, 1, 3)), (1.0, [2.0][0], np.float32(3))])
def test_numbers_are_broadcast_as_in_numpy(value):
    for index in (0, slice(None), (Ellipsis, slice(0, 3)), [0, 1], np.array([True, False])):
        y, v, a = cgrad.ones(2, 3), cgrad.ones(2, 3), np.ones((2, 3))
        v[1, 1] = Value(1.0)
        y[index] = v[index] = a[index] = value
        assert y.tolist() == v.tolist() == a.tolist()


def test_overlapping_parts():
    x = leaves(5)
    y = cgrad.zeros(5)
    y[:] = x
    y[1:] = y[:-1]
    assert [y[i] is x[max(i - 1, 0)] for i in range(5)] == [True]*5
    y[::-1] = y
    assert [v.data for v in y] == [x[3].data, x[2].data, x[1].data, x[0].data, x[0].data]


INDICES = st.sampled_from([0, -1, (1, 2), (-1, 0), slice(None), slice(0, 2), (slice(None), 1), (slice(None, None, -1), slice(1, 3)),
                           ([0, 2], [1, 1]), (Ellipsis, 2), [2, 0], (None, 1), ()])
STEPS = st.lists(st.tuples(st.sampled_from(["value", "number", "own", "tensor", "use"]), INDICES, st.integers(0, 3)),
                 min_size=1, max_size=12)


@settings(deadline=None, max_examples=150)
@given(STEPS)
def test_random_assignments(steps):
    """The same assignments to an object array: values, gradients, elements, and what was used on the way."""
    x = leaves(4)
    w = Tensor([0.5, 1.5, -2.0], requires_grad=True)
    y = cgrad.zeros(3, 3)
    z = np.full((3, 3), 0.0, object)
    used = []
    for kind, index, k in steps:
        if kind == "use":
            part = y[index]
            theirs = z[index]
            used.append(((part*part).sum() if isinstance(part, Tensor) else part*part,
                         (stacked(theirs)**2.0).sum() if isinstance(theirs, np.ndarray) else theirs**2.0 + 0*x[0]))
            continue
        if kind == "value":
            y[index] = z[index] = x[k]*(k + 1)
        elif kind == "number":
            y[index] = float(k)
            z[index] = float(k)
        elif kind == "own":
            y[index] = y[index]*x[k]
            z[index] = z[index]*x[k]
        elif np.shape(z[index])[-1:] == (3,):
            y[index] = w*x[k]
            row = np.empty(3, object)
            row[:] = [w[j]*x[k] for j in range(3)]
            z[index] = row
    for ours, theirs in [*used, ((y*y).sum(), (stacked(z)**2.0).sum())]:
        assert ours.data == pytest.approx(theirs.data, rel=1e-13)
        a, b = cgrad.gradients(ours, [*x, w]), cgrad.gradients(theirs, [*x, w])
        for v in (*x, w):
            np.testing.assert_allclose(a.wrt(v), b.wrt(v), rtol=1e-12, atol=1e-12)


# ---- errors ----------------------------------------------------------------------------------------------

def test_what_is_refused():
    x, w = Value(1.0), Tensor([1.0, 2.0], requires_grad=True)
    for t in (w, w*2.0, w[:1], (w*w)[1:]):
        with pytest.raises(TypeError, match=r"^setitem: .*requires grad.*t\.copy\(\).*cgrad\.zeros"):
            t[0] = 1.0
        with pytest.raises(TypeError, match=r"^setitem: "):
            t[0] = x
    y = cgrad.zeros(2, 3)
    y[0, 0] = x
    kept = y.tolist()
    for index, value, error in ((5, 1.0, IndexError), ((0, 3), x, IndexError), ((0, -4), 1.0, IndexError), (0, [1.0, x], ValueError),
                                (slice(None), np.ones((3, 3)), ValueError), (0, [[x, x, x], [1.0, x]], ValueError), (0, "abc", TypeError),
                                (0, None, TypeError), ((0, 0), "1", TypeError), ((0, 0), 1j, TypeError), (0, np.ones(3, complex), TypeError),
                                ("a", 1.0, (IndexError, TypeError)), (x, 1.0, (IndexError, TypeError)), (1.5, x, (IndexError, TypeError)),
                                (0, {1: 2}, TypeError), ((0, 0), [x, x], ValueError), (np.array([True]*3), x, IndexError)):
        for t in (y, y[:]):
            with pytest.raises(error):
                t[index] = value
            assert y.tolist() == kept
            assert y[0, 0] is x
    with pytest.raises(IndexError, match=r"^setitem: index 5 is out of range for axis 0"):
        cgrad.zeros(3)[5] = x
    with pytest.raises(ValueError, match=r"^setitem: .*\(3,\).*\(2,\)"):
        y[0] = [x, x]


def test_memory_that_others_share():
    x = Value(1.0)
    a = np.zeros(3)
    y = Tensor(a, copy=False)
    y[0] = 2.0
    assert a[0] == 2.0
    with pytest.raises(TypeError, match=r"^setitem: .*shares its memory.*t\.copy\(\)"):
        y[0] = x
    y = cgrad.zeros(2, 2)
    held = y.T
    with pytest.raises(TypeError, match="shares its memory"):
        y[0, 0] = x
    with pytest.raises(TypeError, match="shares its memory"):
        held[0, 0] = x
    del held
    y[0, 0] = x
    assert y.sum().data == 1.0
    assert not y.data.flags.writeable
    y.numpy()[0, 0] = 7.0
    assert y[0, 0] is x


def test_new_data_lets_views_go():
    y = cgrad.zeros(2, 2)
    row = y[0]
    y.data = np.ones((2, 2))
    y[0, 0] = Value(5.0)
    assert (row.tolist(), y.tolist()) == ([0.0, 0.0], [[5.0, 1.0], [1.0, 1.0]])
    with pytest.raises(AttributeError, match="data"):
        y.data = np.ones((2, 2))


def test_histories_on_two_tapes():
    x = Value(2.0)
    with Tape():
        a = x*x
    with Tape():
        b = x*3.0
    y = cgrad.zeros(2)
    y[0], y[1] = a, b
    with pytest.raises(cgrad.TapeError):
        y.sum()
    y[1] = 1.0
    assert derivatives(y.sum(), [x]) == [4.0]
    y[0] = 0.0
    y[1] = b
    assert derivatives(y.sum(), [x]) == [3.0]


def test_leaves_go_to_the_tape_that_is_current():
    x = Value(2.0)
    y = cgrad.zeros(2)
    y[0] = x
    with Tape() as one:
        a = y.sum()
    with Tape() as two:
        b = y.sum()
    assert (a._tape is one, b._tape is two) == (True, True)
    one.clear()
    assert derivatives(y.sum(), [x]) == [1.0]


def test_after_a_rewind():
    x = Value(2.0)
    with Tape() as tape:
        y = cgrad.zeros(2)
        y[0] = x*x
        mark = tape.mark()
        s = y.sum()
        tape.rewind(mark)
        assert derivatives(y.sum(), [x]) == [4.0]
        y[1] = lost = x*3.0
        tape.rewind(mark)
        with pytest.raises(cgrad.TapeError):
            y.sum()
        with pytest.raises(cgrad.TapeError):
            y[0] = lost
        y[1] = 0.0
        assert derivatives(y.sum(), [x]) == [4.0]
    del s


def test_new_data_of_a_leaf_is_seen():
    x = Value(2.0)
    y = cgrad.zeros(3)
    y[0] = x
    before = (y*y).sum()
    x.data = 5.0
    assert y.tolist() == [5.0, 0.0, 0.0]
    assert (y*y).sum().data == 25.0
    assert derivatives(before, [x]) == [4.0]
    x.data = 7.0
    assert (y[0].data, float(y.numpy()[0]), (y > 6).tolist()) == (7.0, 7.0, [True, False, False])
