"""Tape as Python sees it: entering, leaves, marks, iteration, modes, one tape a thread."""

import copy
import gc
import inspect
import math
import pickle
import threading
import weakref

import pytest
from core_support import nodes

import cgrad
from cgrad import AnomalyError, Tape, TapeError, Value, current_tape


def test_operations_on_leaves_record_on_the_current_tape():
    with Tape() as t:
        assert current_tape() is t
        y = Value(2.0)*3.0
        assert y._tape is t
    assert current_tape() is not t
    assert (Value(2.0)*3.0)._tape is current_tape()
    assert (y*2.0)._tape is t  # a history decides, outside as well


def test_tapes_nest_and_the_inner_one_records():
    outside = current_tape()
    with Tape() as t:
        with Tape() as u:
            y = Value(1.0) + 1.0
            with t:
                assert current_tape() is t
            assert current_tape() is u
        assert current_tape() is t
    assert current_tape() is outside
    assert y._tape is u
    assert len(t) == 0


def test_one_tape_entered_twice():
    with Tape() as t, t:
        assert current_tape() is t
    assert current_tape() is not t


def test_the_tape_is_left_when_the_body_raises():
    outside = current_tape()
    with pytest.raises(KeyError), Tape():
        raise KeyError
    assert current_tape() is outside


def test_tapes_are_left_in_order():
    t, u = Tape(), Tape()
    t.__enter__()
    u.__enter__()
    with pytest.raises(TapeError, match="leave tapes in the reverse order of entering"):
        t.__exit__(None, None, None)
    assert current_tape() is u
    u.__exit__(None, None, None)
    t.__exit__(None, None, None)
    with pytest.raises(TapeError, match="current tape"):
        t.__exit__(None, None, None)


def test_leaf_makes_a_slot_and_a_free_leaf():
    t = Tape()
    x = t.leaf(3.0, name="x")
    assert (x.data, x.name, x._tape, x._op, len(t)) == (3.0, "x", None, "", 1)
    other = Tape()
    with other:
        y = x*x  # a leaf belongs to no tape
    assert y._tape is other
    assert len(t) == 1
    with t:
        z = x + 1.0
    assert z._tape is t


def test_leaves_that_nothing_uses_do_not_fill_the_tape():
    t = Tape()
    for _ in range(400_000):
        t.leaf(1.0)
    assert nodes(t) < 200_000


def test_len_counts_operations_and_leaves_not_continuations():
    with Tape() as t:
        x, y = Value(2.0), Value(3.0)
        assert len(t) == 0
        held = cgrad.fma(x, y, 1.0)
        assert len(t) == 3
        keep = cgrad.dot([x, y, x], [y, 1.0, 2.0])
        assert len(t) == 4
        assert t.nbytes == 50*(4 + 1 + 3)
    assert held.data == 7.0
    assert keep.data == 2.0*3.0 + 3.0 + 2.0*2.0
    assert bool(Tape())  # an empty tape is not false


def test_iteration_gives_op_arguments_value_name():
    with Tape() as t:
        x, y = t.leaf(2.0, name="x"), t.leaf(3.0)
        z = x*y
        z.name = "z"
        w = 1.0 - z
        f = cgrad.fma(w, 4.0, x)
        c = f.clip(-1.0, y)
        d = cgrad.dot([x, 5.0], [6.0, z], c)
    assert list(t) == [
        ("leaf", (), 2.0, "x"), ("leaf", (), 3.0, ""), ("mul", (0, 1), 6.0, "z"), ("sub", (1.0, 2), -5.0, ""),
        ("fma", (3, 4.0, 0), -18.0, ""), ("clip", (4, -1.0, 1), -1.0, ""), ("dot", (5, 0, 6.0, 5.0, 2), 41.0, ""),
    ]
    node = list(t)[2]
    assert (node.op, node.arguments, node.value, node.name) == ("mul", (0, 1), 6.0, "z")
    assert d.data == 41.0
    assert list(Tape()) == []


def test_iteration_is_of_one_moment():
    with Tape() as t:
        x = t.leaf(1.0)
        it = iter(t)
        y = x + 1.0
        t.clear()
    assert [node.op for node in it] == ["leaf"]
    assert y.data == 2.0


def test_a_reference_and_the_operations_rebuilt_from_iteration():
    """Iteration shows enough for another implementation to compute the record again."""
    with Tape() as t:
        x = Value(0.3)
        y = x
        for k in range(50):
            y = (y*1.1 + x).sin()/(1.0 + k) - y
    table = {"mul": lambda a, b: a*b, "add": lambda a, b: a + b, "sin": math.sin, "div": lambda a, b: a/b,
             "sub": lambda a, b: a - b}
    values = []
    for node in t:
        arguments = [values[a] if type(a) is int else a for a in node.arguments]
        values.append(node.value if node.op == "leaf" else table[node.op](*arguments))
    assert values[-1] == y.data
    assert len(values) == 1 + 50*5


def test_rewind_drops_what_was_recorded_since():
    with Tape() as t:
        x = t.leaf(2.0)
        y = x*3.0
        m = t.mark()
        z = y*y
        z.backward()
        assert x.grad == 36.0
        t.rewind(m)
        assert len(t) == 2
        with pytest.raises(TapeError, match="record it again"):
            z + 1.0
        w = y*y
        w.backward()
        assert x.grad == 72.0
        assert y.grad == 24.0  # twice: its node stayed


def test_rewinding_to_an_older_mark_ends_the_newer_ones():
    with Tape() as t:
        x = t.leaf(2.0)
        first = x*1.0
        a = t.mark()
        y = x + 1.0
        b = t.mark()
        y = y + 1.0
        c = t.mark()
        t.rewind(b)
        t.rewind(b)
        assert len(t) == 3
        with pytest.raises(TapeError, match="not a mark of"):
            t.rewind(c)
        t.rewind(a)
        with pytest.raises(TapeError, match="not a mark of"):
            t.rewind(b)
        t.rewind(a)
        assert len(t) == 2
    assert first.data == 2.0
    assert "rewound" in repr(c)
    assert repr(a).startswith("<Mark of <Tape of 2 nodes")


def test_marks_move_with_collections():
    with Tape() as t:
        x = t.leaf(2.0)
        keep = [x*float(k) for k in range(10)]
        for _ in range(20):
            x*2.0
        m = t.mark()
        late = [keep[3]*2.0, keep[4]*3.0]
        t._collect()
        assert len(t) == 1 + 10 + 2
        t.rewind(m)
        assert len(t) == 11
        with pytest.raises(TapeError):
            late[0].backward()
        keep[3].backward()
        assert x.grad == 3.0


def test_a_loop_of_mark_and_rewind_collects_what_lay_below():
    """Nodes above the mark needed y: when they are cut, y is garbage as soon as it is dropped."""
    with Tape() as t:
        x = t.leaf(2.0)
        for _ in range(200_000):
            y = x*1.0
            m = t.mark()
            z = y*2.0
            t.rewind(m)
        del z
        assert nodes(t) < 150_000
    assert y.data == 2.0


def test_clear_keeps_leaves():
    with Tape() as t:
        x = t.leaf(2.0, name="x")
        y = x*x
        y.backward()
        t.clear()
        assert (len(t), t.nbytes, x.data, x.grad, x.name) == (0, 0, 2.0, 4.0, "x")
        with pytest.raises(TapeError):
            y.grad
        z = x*3.0
        z.backward()
        assert x.grad == 7.0


def test_a_tape_lives_as_long_as_something_refers_to_it():
    t = Tape()
    with t:
        y = Value(2.0)*2.0
    w = weakref.ref(t)
    del t
    gc.collect()
    assert w() is y._tape
    m = w().mark()
    del y
    assert w() is not None
    del m
    assert w() is None


def test_values_marks_and_gradients_survive_each_other():
    with Tape() as t:
        x = Value(3.0)
        g = cgrad.gradients(x**3, create_graph=True)
        m = t.mark()
    del t
    gc.collect()
    h = cgrad.gradients(g.wrt(x))
    assert h.wrt(x) == 18.0
    del g, m
    assert h.wrt(x) == 18.0


def test_no_grad_as_context_and_decorator():
    x = Value(3.0)
    before = len(current_tape())
    with cgrad.no_grad():
        y = x*x
        with cgrad.no_grad():
            z = cgrad.fma(x, x, 1.0)
        w = cgrad.dot([x], [y])
        v = x.exp()
    assert (y.data, z.data, w.data, v.data) == (9.0, 10.0, 27.0, math.exp(3.0))
    assert len(current_tape()) == before
    assert y._prev == z._prev == w._prev == set()
    with pytest.raises(ValueError, match="no history"):
        y.backward()
    assert (y.grad, x.grad) == (0.0, 0.0)

    @cgrad.no_grad()
    def square(a, *, power=2):
        """Doc."""
        return a**power

    assert square(x)._tape is None
    assert square(x, power=3).data == 27.0
    assert square.__name__ == "square"
    assert (x*x)._tape is current_tape()
    with pytest.raises(KeyError), cgrad.no_grad():
        raise KeyError
    assert (x*x)._tape is current_tape()


def test_results_without_history_have_no_backward():
    x = Value(3.0)
    with cgrad.no_grad():
        results = [x*x, x.exp(), cgrad.fma(x, x, 1.0), cgrad.dot([x], [x])]
    t = cgrad.Tensor([1.0, 2.0])
    results += [(t*2.0).sum(), t[0], next(iter(t)), t.max()]
    for y in results:
        with pytest.raises(ValueError, match=r"^backward: Value.* has no history: .*requires_grad=True.*no_grad"):
            y.backward()
        assert y.grad == 0.0
        z = y*y  # an operand like any leaf
        z.backward()
        assert y.grad == 2.0*y.data
    for y in (Value(2.0), Value(data=2.0), Value(2), x.detach(), pickle.loads(pickle.dumps(results[0]))):
        y.backward(3.0)  # made, not computed: micrograd's leaf
        assert y.grad == 3.0


def test_memory_of_results_without_history_is_used_again():
    for _ in range(3):
        with cgrad.no_grad():
            kept = [Value(2.0)*k for k in range(50)]
        del kept
        for y in [Value(float(k)) for k in range(50)]:
            y.backward()
            assert y.grad == 1.0
        x = Value(2.0)
        for y in [x*k for k in range(50)]:
            y.backward()


def test_no_grad_is_of_one_thread():
    x, seen = Value(3.0), []
    with cgrad.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x*x)._tape is not None))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_thread_that_ends_inside_a_mode_takes_it_along():
    def body():
        cgrad.no_grad().__enter__()
        cgrad.detect_anomaly().__enter__()

    for _ in range(3):
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
    x = Value(-1.0)
    assert math.isnan(x.log().data)
    (x*x).backward()
    assert x.grad == -2.0


def test_each_thread_has_its_own_tape():
    x, tapes = Value(2.0), []

    def body():
        y = x*x
        tapes.append((y._tape, current_tape(), y))

    threads = [threading.Thread(target=body) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(a is b for a, b, _ in tapes)
    assert len({id(a) for a, _, _ in tapes} | {id(current_tape())}) == 5
    for _, _, y in tapes:
        y.backward()
    assert x.grad == 16.0


# ---- detect_anomaly --------------------------------------------------------------------------------


def line_of(error):
    return str(error.value).rsplit("(", 1)[1]


def test_anomaly_in_a_value_names_operation_operands_and_line():
    x, y = Value(-1.0, name="x"), Value(0.0, name="y")
    with cgrad.detect_anomaly():
        with pytest.raises(AnomalyError, match=r"^log: result is nan, of x = -1\.0 \(.*test_tape\.py:\d+\)$"):
            x.log()
        with pytest.raises(FloatingPointError, match=r"^div: result is -inf, of x = -1\.0, y = 0\.0 "):
            x/y
        with pytest.raises(AnomalyError, match=r"^div: result is -inf, of x = -1\.0, 0\.0 "):
            x/0.0
        with pytest.raises(AnomalyError, match=r"^mul: result is inf, of inf, y = 1\.0 "):
            y.data = 1.0
            float("inf")*y
        with pytest.raises(AnomalyError, match=r"^fma: result is -inf, of x = -1\.0, inf, y = 1\.0 "):
            cgrad.fma(x, math.inf, y)
        with pytest.raises(AnomalyError, match=r"^dot: result is nan, of 0\.5, x = -1\.0, y = 1\.0, nan, 2\.0 "):
            cgrad.dot([x, math.nan], [y, 2.0], 0.5)
        z = x*y
        z.name = "z"
        with pytest.raises(AnomalyError, match=r"^sqrt: result is nan, of z = -1\.0 "):
            z.sqrt()
    assert math.isnan(x.log().data)  # outside: IEEE


def test_a_refused_result_leaves_the_tape_as_it_was():
    x = Value(-1.0)
    y = x*2.0
    before = list(current_tape())
    with cgrad.detect_anomaly():
        for refused in (lambda: y.log(), lambda: cgrad.fma(y, math.inf, 1.0), lambda: cgrad.dot([y], [math.nan])):
            with pytest.raises(AnomalyError):
                refused()
    assert list(current_tape()) == before
    y.backward()
    assert x.grad == 2.0


def test_many_operands_are_shown_in_part():
    x = Value(1.0)
    with cgrad.detect_anomaly(), pytest.raises(AnomalyError) as error:
        cgrad.dot([x]*1000, [math.nan]*1000)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("op", ["sqrt", "fma", "dot"])
def test_anomaly_in_an_adjoint_names_the_recorded_line(op):
    x = Value(0.0, name="x")
    with cgrad.detect_anomaly():
        if op == "sqrt":
            y = x.sqrt()
        elif op == "fma":
            y = cgrad.fma(x, 1e300, x)
        else:
            y = cgrad.dot([x, x], [1e300, 2.0])
        y.name = "y"
        z = y*1e300*1e300 if op != "sqrt" else y*2.0
        with pytest.raises(AnomalyError) as error:
            z.backward()
        assert str(error.value).startswith("sqrt: adjoint of an operand is inf, of x = 0.0 (" if op == "sqrt" else
                                           "mul: adjoint of an operand is inf, of y = 0.0, 1e+300 (")
        assert "test_tape.py" in str(error.value)
        with pytest.raises(AnomalyError, match="adjoint"):
            cgrad.gradients(z)
    assert (x.grad, z.grad) == (0.0, 0.0)
    z.backward()  # outside: IEEE, and nothing is left of the refused sweeps
    assert x.grad == math.inf


def test_the_line_of_a_node_of_several_entries_is_its_own():
    x = Value(1.0, name="x")
    with cgrad.detect_anomaly():
        y = cgrad.dot([x, x], [10.0, 2.0])
        line = inspect.currentframe().f_lineno - 1
        with pytest.raises(AnomalyError, match=r"^dot: adjoint of an operand is inf, of 0\.0, x = 1\.0, 10\.0, "
                                               rf"x = 1\.0, 2\.0 \(.*test_tape\.py:{line}\)$"):
            y.backward(1e308)
        z = cgrad.fma(x, 10.0, x)
        line = inspect.currentframe().f_lineno - 1
        with pytest.raises(AnomalyError, match=rf"^fma: adjoint of an operand is inf, .*test_tape\.py:{line}\)$"):
            z.backward(1e308)
        with pytest.raises(AnomalyError, match=rf"^fma: adjoint is inf, .*test_tape\.py:{line}\)$"):
            z.backward(math.inf)
    assert x.grad == 0.0


def test_detect_anomaly_as_decorator():
    @cgrad.detect_anomaly()
    def f(x):
        return x.log()

    with pytest.raises(AnomalyError):
        f(Value(-1.0))
    assert f(Value(1.0)).data == 0.0
    Value(-1.0).log()


def test_lines_and_names_move_with_their_nodes():
    with Tape() as t, cgrad.detect_anomaly():
        x = Value(0.0, name="x")
        keep = []
        for k in range(50):
            y = x + float(k)
            y.name = f"y{k}"
            if k % 7 == 0:
                keep.append(y)
        y = None
        root = keep[0].sqrt()
        t._collect()
        assert [v.name for v in keep] == [f"y{k}" for k in range(0, 50, 7)]
        assert [node.name for node in t] == ["x", *(f"y{k}" for k in range(0, 50, 7)), ""]
        line = inspect.currentframe().f_lineno - 4
        with pytest.raises(AnomalyError, match=rf"sqrt: adjoint of an operand is inf, of y0 = 0\.0 .*:{line}\)"):
            root.backward()


def test_tapes_marks_and_gradients_are_not_copied_nor_pickled():
    with Tape() as t:
        x = Value(1.0)
        g = cgrad.gradients(x*x)
    for thing in (t, t.mark(), g):
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError):
                attempt(thing)


def test_a_mark_or_gradients_made_by_hand_is_refused():
    for kind in (cgrad.Mark, cgrad.Gradients):
        with pytest.raises(TypeError, match="cannot be made directly"):
            kind()


def test_repr_names_the_class_and_the_size():
    class Mine(Tape):
        pass

    assert repr(Mine()).startswith("<Mine of 0 nodes at 0x")
