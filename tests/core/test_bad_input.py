"""Bad input: each a clear error that names the operation and the operand, and nothing lost on the tape."""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import math
import numbers
import pickle
import pkgutil
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import cgrad
from cgrad import AnomalyError, Tape, TapeError, Value, current_tape, errors, nn, testing, viz

BAD = {
    "str": ("abc", "is a str ('abc')"), "bytes": (b"ab", "is a bytes"), "complex": (1j, "use its .real and .imag"),
    "numpy complex": (np.complex128(1j), "complex128"), "None": (None, "did a function forget its return?"),
    "list": ([1.0], "loop over its elements"), "tuple": ((1.0,), "loop over its elements"), "dict": ({}, "is a dict"),
    "set": ({1.0}, "is a set"), "complex array": (np.ones(3)*1j, "array"), "str array": (np.array(["a"]), "array"), "object": (object(), "object"),
    "Decimal": (Decimal(1), "Decimal"), "type": (float, ""),
    "function": (math.exp, ""),
}
OPERATORS = {
    "add": lambda v, x: v + x, "radd": lambda v, x: x + v, "sub": lambda v, x: v - x, "rsub": lambda v, x: x - v,
    "mul": lambda v, x: v*x, "rmul": lambda v, x: x*v, "div": lambda v, x: v/x, "rdiv": lambda v, x: x/v,
    "pow": lambda v, x: v**x, "rpow": lambda v, x: x**v, "mod": lambda v, x: v % x, "floordiv": lambda v, x: v//x,
    "divmod": divmod,
}
CALLS = {
    "maximum": lambda v, x: v.maximum(x), "rmaximum": lambda v, x: cgrad.maximum(x, v),
    "atan2": lambda v, x: v.atan2(x),
    "fma": lambda v, x: v.fma(2.0, x), "fma 1": lambda v, x: cgrad.fma(x, v, v), "clip": lambda v, x: v.clip(x, 1.0),
    "where": lambda v, x: cgrad.where(v, x, v), "dot": lambda v, x: cgrad.dot([v, v], [1.0, x]),
    "dot 1": lambda v, x: cgrad.dot([x], [v]), "dot bias": lambda v, x: cgrad.dot([v], [v], x),
    "exp": lambda v, x: cgrad.exp(x), "backward": lambda v, x: v.backward(x), "hypot": lambda v, x: cgrad.hypot(1.0, x),
    "isnan": lambda v, x: cgrad.isnan(x), "Value": lambda v, x: Value(x), "leaf": lambda v, x: v._tape.leaf(x),
}
SETTERS = {"data": lambda x: setattr(Value(1.0), "data", x), "grad": lambda x: setattr(Value(1.0), "grad", x)}


@pytest.fixture
def whole():
    """A recorded graph whose tape, values and gradients must be as they were after the error."""
    x = Value(3.0, name="x")
    y = x*x + 1.0
    y.name = "y"
    tape = current_tape()
    before = [node for node in tape if node.op != "leaf"]
    yield x, y
    assert [node for node in tape if node.op != "leaf"][:len(before)] == before
    assert y.data == 10.0
    y.backward()
    assert (x.grad, y.grad) == (6.0, 1.0)
    z = y*2.0
    z.backward()
    assert x.grad == 18.0


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("op", OPERATORS)
def test_operators_refuse_what_is_no_number(whole, op, kind):
    x, y = whole
    bad, _ = BAD[kind]
    for v in (x, y):
        with pytest.raises(TypeError) as error:
            OPERATORS[op](v, bad)
        text = str(error.value)
        assert "float()" not in text
        assert len(text) > 20
    assert len(current_tape()) == 3


def test_fractions_are_numbers(whole):
    """As beside floats; one that no double holds is refused."""
    y, f = whole[1], Fraction(1, 4)
    for op, operator in OPERATORS.items():
        got, want = operator(y, f), operator(10.0, f) if not op.startswith("r") else operator(10.0, 0.25)
        if op == "divmod":
            got, want = got[0], want[0]
        assert type(got) is Value and got.data == want, op
    assert (y == Fraction(10), Fraction(10) == y, y > f, f < y, Fraction(1, 3) == y) == (True, True, True, True, False)
    assert Value(f).data == cgrad.sqrt(f)**2 == 0.25
    t = cgrad.Tensor([1.0, 2.0])
    assert (t*f).tolist() == (f*t).tolist() == [0.25, 0.5] and (t > Fraction(3, 2)).tolist() == [False, True]
    with pytest.raises(OverflowError, match="mul: operand 2 is a Fraction of 1329 bits"):
        y*Fraction(10**400)


def test_values_are_real_numbers(whole):
    y = whole[1]
    assert isinstance(y, numbers.Real) and not isinstance(y, numbers.Rational)
    assert y.real is y and y.imag == 0.0 and y.conjugate() is y
    assert not isinstance(cgrad.Tensor([1.0]), numbers.Number)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("call", CALLS)
def test_calls_refuse_what_is_no_number(whole, call, kind):
    bad, words = BAD[kind]
    if call == "leaf" and kind in ("list", "tuple", "complex array", "str array"):
        pytest.skip("Tape.leaf makes a Tensor of an array: tests/arrays/test_bad_input_arrays.py")
    with pytest.raises(TypeError) as error:
        CALLS[call](whole[1], bad)
    text = str(error.value)
    assert text.startswith(call.lstrip("r").split()[0] if call not in ("leaf", "Value") else "Value: data"), text
    assert words in text
    assert "operand" in text or "data" in text
    assert len(current_tape()) == 3


def test_operator_errors_name_operation_operand_and_way_out(whole):
    y = whole[1]
    for attempt, text in (
            (lambda: y + "abc", "add: operand 2 is a str ('abc'), not a scalar: give a Value or a real number"),
            (lambda: "abc" + y, "add: operand 1 is a str ('abc'), not a scalar: give a Value or a real number"),
            (lambda: y*None, "mul: operand 2 is None, not a scalar: did a function forget its return?"),
            (lambda: 1j - y, ("sub: operand 1 is a complex (1j), not a scalar: cgrad differentiates real numbers; "
                              "use its .real and .imag")),
            (lambda: y/[1], "div: operand 2 is a list ([1]), not a scalar: loop over its elements")):
        with pytest.raises(TypeError) as error:
            attempt()
        assert str(error.value) == text


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("setter", SETTERS)
def test_data_and_grad_take_numbers_alone(kind, setter):
    with pytest.raises(TypeError):
        SETTERS[setter](BAD[kind][0])


def test_numbers_of_every_kind_are_taken():
    x = Value(3.0)
    for two in (2, 2.0, True + 1, np.float64(2), np.float32(2), np.float16(2), np.int8(2), np.uint64(2),
                np.longdouble(2)):
        for v in (x*two, two*x, Value(two)*x, cgrad.fma(x, two, 0.0), cgrad.dot([x], [two])):
            assert (type(v), v.data) == (Value, 6.0)
    assert (x*True).data == 3.0
    assert (x + np.bool_(True)).data == 4.0


def test_an_int_too_large_for_a_float(whole):
    y = whole[1]
    for attempt in (lambda: y + 10**400, lambda: 10**400*y, lambda: Value(10**400), lambda: y.fma(1.0, -10**400),
                    lambda: y.backward(10**400), lambda: setattr(y, "grad", 10**400)):
        with pytest.raises(OverflowError, match=r"int of \d+ bits, too large for a float"):
            attempt()


def test_subclasses_of_float_and_int_are_numbers():
    class Celsius(float):
        def __float__(self):
            raise RuntimeError("not asked")

    class Count(int):
        pass

    assert (Value(2.0)*Celsius(3.0)).data == 6.0
    assert (Count(3)*Value(2.0)).data == 6.0


def test_another_type_may_answer_for_itself(whole):
    class Mine:
        def __radd__(self, other):
            return "mine"

        def __mul__(self, other):
            return "mine too"

    assert whole[1] + Mine() == "mine"
    assert Mine()*whole[1] == "mine too"
    with pytest.raises(TypeError, match="unsupported operand"):
        whole[1] - Mine()
    with pytest.raises(TypeError, match="maximum: operand 2 is a Mine"):
        whole[1].maximum(Mine())


def test_an_operand_whose_questions_raise(whole):
    class Evil:
        @property
        def __class__(self):
            raise KeyError("evil")

    for attempt in (lambda: whole[1] + Evil(), lambda: cgrad.fma(whole[1], Evil(), 1.0), lambda: Value(Evil())):
        with pytest.raises(KeyError, match="evil"):
            attempt()


def test_sequences_that_raise_or_differ_in_length(whole):
    y = whole[1]

    def broken():
        yield y
        raise KeyError("broken")

    with pytest.raises(KeyError):
        cgrad.dot(broken(), [1.0, 2.0])
    with pytest.raises(KeyError):
        cgrad.gradients(broken())
    with pytest.raises(ValueError, match="dot: operands 1 and 2 have 2 and 3 elements"):
        cgrad.dot([y, y], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError):
        cgrad.dot(y, y)


# ---- histories ---------------------------------------------------------------------------------------


def test_histories_of_two_tapes_do_not_mix():
    x = Value(2.0)
    with Tape() as t:
        a = x*x
        a.name = "a"
    with Tape() as u:
        b = x*3.0
        b.name = "b"
    sizes = len(t), len(u)
    for attempt in (lambda: a + b, lambda: b - a, lambda: a**b, lambda: cgrad.fma(x, a, b), lambda: a.clip(b, 1.0),
                    lambda: cgrad.dot([x, a], [1.0, b]), lambda: cgrad.dot([a], [1.0], b), lambda: a.atan2(b)):
        with pytest.raises(TapeError) as error:
            attempt()
        text = str(error.value)
        assert repr(t) in text
        assert repr(u) in text
        assert "'b'" in text or "'a'" in text
        assert ".detach()" in text
    assert sizes == (len(t), len(u))
    assert (a + b.detach()).data == 10.0
    a.backward()
    b.backward()
    assert x.grad == 7.0


def rewound():
    t = Tape()
    with t:
        x = Value(2.0)
        m = t.mark()
        y = x*x
        t.rewind(m)
    return t, x, y


REWOUND = {
    "add": lambda y: y + 1.0, "radd": lambda y: 1.0 + y, "two": lambda y: y*y, "exp": lambda y: y.exp(),
    "fma": lambda y: cgrad.fma(y, 1.0, 1.0), "dot": lambda y: cgrad.dot([y], [1.0]), "grad": lambda y: y.grad,
    "set grad": lambda y: setattr(y, "grad", 1.0), "zero_grad": lambda y: y.zero_grad(), "_prev": lambda y: y._prev,
    "backward": lambda y: y.backward(), "gradients": lambda y: cgrad.gradients(y),
    "name": lambda y: setattr(y, "name", "n"),
    "graph": lambda y: cgrad.gradients(y, create_graph=True), "tangents": lambda y: cgrad.tangents(y, y),
    "inputs": lambda y: cgrad.gradients(Value(1.0)*2.0, [y]), "wrt": lambda y: cgrad.gradients(Value(1.0)*2.0).wrt(y),
    "seed": lambda y: cgrad.gradients(Value(1.0)*2.0, seed=[y], create_graph=True), "other": lambda y: Value(1.0)*2.0*y,
}


@pytest.mark.parametrize("use", REWOUND)
def test_rewound_values_say_so(use):
    t, x, y = rewound()
    before = len(t)
    with pytest.raises(TapeError, match="rewound to.*record it again"):
        REWOUND[use](y)
    assert len(t) == before
    assert (y.data, y.item(), y.detach().data) == (4.0, 4.0, 4.0)
    assert "rewound" in repr(y)
    assert y._tape is None
    assert y.name == y._op == ""
    assert (copy.copy(y).data, pickle.loads(pickle.dumps(y)).data) == (4.0, 4.0)
    z = x*3.0
    z.backward()
    assert x.grad == 3.0


def test_rewound_under_no_grad_is_a_number():
    y = rewound()[2]
    with cgrad.no_grad():
        assert (y*2.0).data == 8.0


def test_wrong_marks():
    t, u = Tape(), Tape()
    for mark in (u.mark(), None, 0, "mark", cgrad.Mark.__new__(cgrad.Mark)):
        with pytest.raises(TapeError, match="rewind: .* is not a mark of"):
            t.rewind(mark)


# ---- gradients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [cgrad.gradients, lambda x: cgrad.tangents(x, Value(1.0)),
                                      lambda x: cgrad.gradients(Value(1.0), x),
                                      lambda x: cgrad.tangents(Value(1.0), x)])
@pytest.mark.parametrize("bad", [3.0, "abc", 1j, [3.0], [None], ["a"], np.float64(2.0), object()])
def test_gradients_of_what_is_no_value(function, bad):
    with pytest.raises(TypeError, match=r"(gradients|tangents): (outputs|inputs)(\[0\])? is .*not a Value"):
        function(bad)


def test_wrt_of_what_is_no_value(whole):
    g = cgrad.gradients(whole[1])
    for bad in (3.0, None, "x", np.ones(2), {}):
        with pytest.raises(TypeError, match="wrt: x is .*not a Value"):
            g.wrt(bad)
    assert g.wrt([whole[0], whole[1]]) == [6.0, 1.0]


def test_wrt_of_another_tape_or_of_what_was_not_asked_for(whole):
    x, y = whole
    with Tape():
        foreign = Value(1.0)*2.0
    g = cgrad.gradients(y)
    with pytest.raises(TapeError, match="wrt: .*ask for the gradients of its own tape"):
        g.wrt(foreign)
    assert g.wrt(Value(1.0)) == 0.0
    h = cgrad.gradients(y, [x])
    assert h.wrt(x) == 6.0
    with pytest.raises(TapeError, match="wrt: 'y' is not among the inputs"):
        h.wrt(y)
    with pytest.raises(TapeError, match="not among the inputs"):
        h.wrt(Value(1.0))


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("seed", [[1.0, 2.0], [], "abc", [None], [[1.0], [1.0, 2.0]], ["a"], 1j, [1j], np.array([1j]),
                                  np.ones((2, 3, 1)), {}, np.ones((1, 3)), object()],
                         ids=lambda s: repr(s).replace("\n", ""))
def test_wrong_seeds(whole, seed, graph):
    """Refused, and no later answer is changed by it (a failed create_graph once lowered the count of living values)."""
    x, y = whole
    for _ in range(3):
        with pytest.raises((TypeError, ValueError)) as error:
            cgrad.gradients(y, seed=seed, create_graph=graph)
    assert "seed" in str(error.value), str(error.value)
    z = y*1.0
    del z
    assert cgrad.gradients(y).wrt(x) == 6.0


def test_wrong_seeds_of_tangents(whole):
    x, y = whole
    for seed in ([1.0, 2.0], "abc", [None], 1j, np.array([1j])):
        with pytest.raises((TypeError, ValueError), match="seed"):
            cgrad.tangents(y, x, seed=seed)


def test_failed_gradients_do_not_count_as_dropped_ones(whole):
    x, y = whole
    with Tape():
        foreign = Value(1.0)*2.0
    for attempt in (lambda: cgrad.gradients(y, [foreign], create_graph=True),
                    lambda: cgrad.gradients([y, foreign], create_graph=True),
                    lambda: cgrad.gradients(y, seed=[foreign], create_graph=True),
                    lambda: cgrad.gradients(y, seed="no", create_graph=True),
                    lambda: cgrad.gradients(y, [x], create_graph=True).wrt(y)):
        for _ in range(5):
            with pytest.raises((TapeError, TypeError, ValueError)):
                attempt()


# ---- Value ---------------------------------------------------------------------------------------------


def test_value_of_a_value(whole):
    for v in whole:
        with pytest.raises(TypeError, match=r"Value: data is '[xy]', a Value itself: .*\.detach\(\)"):
            Value(v)


def test_micrograds_further_positional_arguments_name_function():
    for arguments in ((1.0, ()), (1.0, (), "+"), (1.0, (), "+", "label")):
        with pytest.raises(TypeError, match="cgrad.Function"):
            Value(*arguments)


def test_value_arguments():
    for attempt in (lambda: Value(), lambda: Value(data=None), lambda: Value(1.0, nom="x"),
                    lambda: Value(1.0, data=2.0)):
        with pytest.raises(TypeError, match="Value: "):
            attempt()
    with pytest.raises(TypeError, match="are the same"):
        Value(1.0, name="a", label="b")
    assert Value(data=1.0, label="b").name == "b"
    assert Value(1.0, name="a", label="a").label == "a"


@pytest.mark.parametrize("name", [3, b"x", ["x"], 1.5, object()])
def test_names_are_strings(whole, name):
    x, y = whole
    for attempt in (lambda: Value(1.0, name=name), lambda: Value(1.0, label=name), lambda: setattr(x, "name", name),
                    lambda: setattr(y, "label", name), lambda: Tape().leaf(1.0, name=name)):
        with pytest.raises(TypeError, match="name is .*: give a str"):
            attempt()
    assert (x.name, y.name) == ("x", "y")


def test_data_of_a_node(whole):
    with pytest.raises(AttributeError, match=r"data: 'y' is the result of \+, and a recorded graph never changes"):
        whole[1].data = 2.0
    for attribute in ("shape", "ndim", "_prev", "_op", "unknown"):
        with pytest.raises(AttributeError):
            setattr(whole[0], attribute, 1)
    for attribute in ("data", "grad", "name"):
        with pytest.raises((AttributeError, NotImplementedError)):
            delattr(whole[0], attribute)


def test_values_made_without_a_call_are_whole():
    """CPython shows what it allocates to its collector; such values once went to the free list while listed there."""
    for make in (lambda: Value.__new__(Value), lambda: type.__call__(Value, 1.0)):
        made = [make() for _ in range(100)]
        made[0].__init__(5.0)
        assert (made[0].data, (made[0]*2.0).data) == (5.0, 10.0)
        del made
        gc.collect()
        values = [Value(1.0) for _ in range(5000)]
        gc.collect()
        assert len({id(v) for v in values}) == 5000
    x = Value(2.0)
    y = x*x
    with pytest.raises(TypeError, match="__init__ of a value in use"):
        y.__init__(3.0)
    with pytest.raises(TypeError):
        type("Mine", (Value,), {})


def test_three_argument_pow_and_exponents(whole):
    with pytest.raises(TypeError, match="pow: three arguments"):
        pow(whole[1], 2, 3)
    with pytest.raises(TypeError, match="polygamma: n has no derivative"):
        cgrad.polygamma(whole[1], 2.0)
    with pytest.raises(ValueError, match="round: digits is 23"):
        round(whole[1], 23)
    with pytest.raises(TypeError, match="integer"):
        round(whole[1], 2.0)


def test_arrays_of_numbers_beside_values(whole):
    v = whole[1]
    for product in (np.ones(3)*v, v*np.ones(3), np.multiply(v, np.ones(3))):
        assert type(product) is cgrad.Tensor
        assert product.tolist() == [10.0, 10.0, 10.0]
    with pytest.raises(ValueError, match="matmul"):
        np.ones((2, 2)) @ v
    assert (np.array([v, v], dtype=object)*v)[0].data == 100.0


# ---- every error is triggered --------------------------------------------------------------------------


def provoke():
    """One way to each function of cgrad.errors. Yields (function, call)."""
    x, t = Value(-1.0, name="x"), Tape()
    y = x*2.0
    with t:
        foreign = x*1.0
    yield "bad_operand", lambda: y + "a"
    yield "too_large", lambda: y + 10**400
    yield "nothing", lambda: viz.trace([])
    yield "bad_option", lambda: viz.to_dot(y, rankdir="up")
    yield "no_number", lambda: testing.check_grads(lambda v: v, "a")
    yield "needs_number", lambda: cgrad.polygamma(y, 1.0)
    yield "modular_power", lambda: pow(y, 2, 3)
    yield "lengths", lambda: cgrad.dot([y], [])
    yield "bad_data", lambda: Value("a")
    yield "value_arguments", lambda: Value(1.0, (), "+")
    yield "two_names", lambda: Value(1.0, name="a", label="b")
    yield "bad_name", lambda: Value(1.0, name=3)
    yield "data_of_node", lambda: setattr(y, "data", 1.0)
    yield "no_attribute", lambda: setattr(y, "m", 0.0)
    yield "no_closure", lambda: y._backward
    yield "no_subclass", lambda: type("Mine", (Value,), {})
    yield "to_float", lambda: float(y)
    yield "wrong_tape", lambda: y + foreign
    yield "foreign", lambda: cgrad.gradients([y, foreign])
    yield "bad_mark", lambda: t.rewind(None)
    yield "unbalanced", lambda: t.__exit__(None, None, None)
    yield "no_value", lambda: cgrad.gradients(1.0)
    yield "not_asked", lambda: cgrad.gradients(y, [x]).wrt(y)
    yield "bad_seed", lambda: cgrad.gradients(y, seed=[1.0, 2.0])
    yield "no_rule", lambda: np.spacing(y)

    yield "no_forward", lambda: nn.Module()(1.0)
    yield "layer_shape", lambda: nn.Linear(3, 2)([1.0])
    yield "class_index", lambda: nn.Embedding(3, 2)([3])
    yield "state_mismatch", lambda: nn.Linear(3, 2).load_state_dict({})
    yield "not_initialisable", lambda: nn.init.zeros("a")

    def anomaly():
        with cgrad.detect_anomaly():
            y.log()

    yield "anomaly", anomaly
    yield "user_line", anomaly


ELSEWHERE = {  # functions that other tests trigger: the module and the test
    "busy": ("test_threads", "test_a_tape_in_a_sweep_refuses_what_would_move_it"),
    "no_memory": ("test_threads", "test_memory_exhaustion_is_a_clear_error_and_the_tape_stays_whole"),
    "too_many_nodes": ("test_threads", "test_the_node_limit_is_refused_clearly"),
    "no_package": ("test_bad_input", "test_a_missing_package_is_named_with_its_extra"),
    # ---- programs
    **dict.fromkeys((
        "array_class", "bad_argnums", "bad_c_name", "bad_direction", "bad_graph", "bad_leaf", "bad_prefix", "bad_result",
        "bad_static", "captured_changed", "changing", "guard_failed", "integer_wanted", "many_paths", "no_captured",
        "no_native", "no_numbers_there", "no_points", "no_whole_number", "no_scalar_value", "no_such_axis", "no_tqdm", "not_callable",
        "not_in_programs", "not_repeatable", "nothing_recorded", "frames_inside", "of_library", "other_arguments", "program_keywords",
        "too_large_in_program", "traced_effect", "traced_elsewhere", "traced_foreign", "not_linear", "traced_number", "uneven_values",
        "unknown_static", "unused_argument", "values_given"),
        ("test_program_errors", "test_each_error_of_programs_is_triggered")),
    # ---- arrays
    **dict.fromkeys((
        "array_anomaly", "bad_adjoint", "bad_answer", "bad_array", "bad_element", "bad_gradient", "bad_output", "cannot_share",
        "grad_of_node", "no_array", "no_broadcast", "no_function", "no_history", "no_hook", "no_out", "not_one",
        "nothing_recorded_below", "other_shape", "not_written", "out_of_range", "ragged", "read_only", "seed_shape", "set_item",
        "set_item_shared", "tensor_dtype", "to_array",
        "wrong_adjoints"),
        ("test_bad_input_arrays", "test_each_error_about_arrays_is_triggered")),
    # ---- structural ops
    **dict.fromkeys((
        "axis_type", "bad_along", "bad_axis", "bad_broadcast", "bad_cast", "bad_cross", "bad_diag", "bad_index",
        "bad_matmul", "bad_moveaxis", "bad_norm", "bad_pad", "bad_permutation", "bad_points", "bad_product", "bad_reshape",
        "bad_solve", "bad_split", "bad_squeeze", "bad_weights", "concatenate_shapes", "einsum_labels",
        "einsum_operands", "einsum_shapes", "einsum_text", "empty_reduction", "index_type", "new_axis",
        "no_argument", "no_common_shape", "no_matrix", "no_numbers", "no_vector", "not_positive", "not_square", "ragged_rows",
        "repeated_axis", "singular", "stack_shapes", "where_sides"),
        ("test_structural_errors", "test_each_message")),
    "complex_function": ("test_callees", "test_functions_of_cmath_are_refused"),
    # ---- optim
    "no_parameters": ("test_optim", "test_bad_parameters"),
    "no_parameter": ("test_optim", "test_lone_parameters_results_and_duplicates"),
    "parameter_twice": ("test_optim", "test_lone_parameters_results_and_duplicates"),
    "no_update": ("test_optim", "test_an_optimiser_of_ones_own"),
    "bad_state": ("test_optim", "test_a_state_that_does_not_fit_changes_nothing"),
    "state_shape": ("test_optim", "test_a_parameter_whose_shape_changes"),
    # ---- programs outside of the process
    "bad_file": ("test_store_damage", "test_foreign_and_newer_files"),
    "several_paths": ("test_store_damage", "test_foreign_and_newer_files"),
    "damaged_program": ("test_store", "test_damaged_pickles"),
    "unknown_operation": ("test_store", "test_operations_go_by_name"),
    "not_for_files": ("test_store", "test_constants_that_files_do_not_hold"),
    "class_without_name": ("test_store", "test_constants_that_files_do_not_hold"),
    "class_not_imported": ("test_store", "test_classes_are_not_imported"),
    "other_class": ("test_store", "test_classes_that_changed"),
    **dict.fromkeys(("function_missing", "path_missing", "arguments_missing"), ("test_store", "test_what_is_not_recorded")),
    **dict.fromkeys(("no_compiled", "nothing_of_dask", "two_bags", "empty_bag", "points_beside_bag"),
                    ("test_distributed", "test_wrong_arguments")),
    "unknown_chunks": ("test_distributed", "test_lengths_that_nobody_knows"),
    "uneven_points": ("test_distributed", "test_bags"),
    "captured_here": ("test_store", "test_what_a_module_has_of_its_own"),
    "check_failed": ("test_reads", "test_check_finds_what_no_recording_sees"),
    # ---- sweeps
    "bad_hook": ("test_all_or_nothing", "test_a_hook_that_fails_leaves_every_gradient_as_it_was"),
    "used_with_shape": ("test_all_or_nothing", "test_a_leaf_whose_shape_changed"),
}


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=r"draw_dot: the package graphviz is missing: pip install \"pycgrad\[viz\]\""):
        viz.draw_dot(Value(1.0)*2.0)


def functions_of_errors():
    """{name: function} of all topics; describe.py has the words that messages share."""
    found = {}
    for topic in pkgutil.iter_modules(errors.__path__):
        module = importlib.import_module(f"cgrad.errors.{topic.name}")
        public = {name: f for name, f in vars(module).items()
                  if inspect.isfunction(f) and f.__module__ == module.__name__ and not name.startswith("_")}
        if topic.name != "describe":
            assert not found.keys() & public.keys()
            found |= public
    return found


def test_every_function_of_errors_is_a_name_of_the_package():
    for name, f in functions_of_errors().items():
        assert getattr(errors, name) is f


def test_every_function_of_errors_is_triggered(monkeypatch):
    functions = set(functions_of_errors())
    seen = set()
    for name in functions:
        original = getattr(errors, name)

        def counted(*args, _name=name, _original=original, **kwargs):
            seen.add(_name)
            return _original(*args, **kwargs)
        monkeypatch.setattr(errors, name, counted)
    for name, call in provoke():
        seen.clear()
        with pytest.raises((TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError)) as error:
            call()
        assert name in seen, f"{name} was not called; {error.value!r} came instead"
        assert ": " in str(error.value)
    tested = {name for name, _ in provoke()}
    for name, (module, function) in ELSEWHERE.items():
        (path,) = Path(__file__).parent.parent.rglob(f"{module}.py")
        assert f"\ndef {function}(" in path.read_text(encoding="utf-8"), name
    assert functions == tested | set(ELSEWHERE)


def test_the_errors_are_what_they_say():
    for kind in (AnomalyError, TapeError, cgrad.GuardError, cgrad.ProgramError, cgrad.TraceError):
        assert kind.__module__ == "cgrad.errors"  # the name in pickles
        assert type(pickle.loads(pickle.dumps(kind("a: b")))) is kind
    assert issubclass(TapeError, ValueError)
    assert issubclass(TapeError, RuntimeError)
    assert issubclass(AnomalyError, FloatingPointError)
