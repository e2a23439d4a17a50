"""Every way to an op: method, function, operator and its twin, in place, NumPy's ufunc; every kind of operand."""

import cmath
import fractions
import itertools
import math
import operator
import random
import statistics

import numpy as np
import pytest
from op_support import ROWS, free

import cgrad
from cgrad import Value
from cgrad._optable import PREDICATES

PUBLIC = [op for op in ROWS.values() if not op.hidden]
BINARY = {op.slot: op for op in PUBLIC if op.slot and op.arity == 2}
UNARY = {op.slot: op for op in PUBLIC if op.slot and op.arity == 1}
KINDS = [int, float, np.float64, np.float32, np.float16, np.int64, np.int8, np.uint16, np.longlong]
by_name = pytest.mark.parametrize("op", PUBLIC, ids=lambda op: op.name)


def point(op):
    """Numbers in the row's domain that every kind of operand holds exactly."""
    return tuple(float(max(math.ceil(lo), min(2 + k, math.floor(hi)))) if math.ceil(lo) <= math.floor(hi) else lo
                 for k, (lo, hi) in enumerate(op.domain))


def same(x: float, y: float) -> bool:
    return math.copysign(1, x) == math.copysign(1, y) and x == y or math.isnan(x) and math.isnan(y)


def holds(kind, x: float) -> bool:
    """True where the kind of number holds x exactly."""
    try:
        return float(kind(x)) == x
    except OverflowError:
        return False


def check_value(op, v, args):
    """v is the recorded result of op at these arguments (Values or numbers), with live derivatives."""
    assert type(v) is Value
    plain = [a.data if isinstance(a, Value) else float(a) for a in args]
    assert same(v.data, getattr(cgrad, op.name)(*plain))
    for a in args:
        if isinstance(a, Value):
            a.zero_grad()
    v.backward()
    reference = [Value(x) if k in free(op) else x for k, x in enumerate(plain)]
    getattr(cgrad, op.name)(*reference).backward()
    for a, r in zip(args, reference, strict=True):
        if isinstance(a, Value):
            assert same(a.grad, r.grad), (op.name, args)


# ---- functions and methods -------------------------------------------------------------------------

@by_name
def test_function_on_plain_numbers(op):
    """A plain float for any kind of number; nothing is recorded."""
    x = point(op)
    expected = getattr(cgrad, op.name)(*x)
    assert type(expected) is float
    with cgrad.Tape() as tape:
        for kind in KINDS:
            if all(holds(kind, a) for a in x):
                got = getattr(cgrad, op.name)(*(kind(a) for a in x))
                assert type(got) is float and same(got, expected), kind
        assert len(tape) == 0


@by_name
def test_function_and_method(op):
    x = point(op)
    args = [Value(a) if k in free(op) else a for k, a in enumerate(x)]
    check_value(op, getattr(cgrad, op.name)(*args), args)
    for name in (op.name, *op.alias.split()):
        if isinstance(args[0], Value):
            check_value(op, getattr(args[0], name)(*args[1:]), args)
        assert callable(getattr(Value, name))


@by_name
def test_mixed_sides(op):
    """Values and plain numbers in every combination, of every kind."""
    x = point(op)
    for kinds in itertools.product([Value, *KINDS], repeat=op.arity) if op.arity < 3 else itertools.product(
            [Value, float, int, np.float32], repeat=3):
        if not any(kind is Value and k in free(op) for k, kind in enumerate(kinds)):
            continue
        if any(kind is Value and k not in free(op) for k, kind in enumerate(kinds)):
            continue
        if all(kind is Value or holds(kind, a) for kind, a in zip(kinds, x, strict=True)):
            args = [kind(a) for kind, a in zip(kinds, x, strict=True)]
            check_value(op, getattr(cgrad, op.name)(*args), args)


@by_name
def test_wrong_operands(op):
    """TypeError, naming the op; nothing is left on the tape."""
    x = point(op)
    for k in range(op.arity):
        for bad in ("3", None, 1j, [1.0], object()):
            args = [Value(a) if j in free(op) else a for j, a in enumerate(x)]
            args[k] = bad
            with cgrad.Tape() as tape:
                with pytest.raises(TypeError, match=op.name):
                    getattr(cgrad, op.name)(*args)
                assert len(tape) == 0 or not any(n.op == op.name for n in tape)


def test_plain_arguments_refuse_values():
    """An argument without a derivative must be a plain number: polygamma's order."""
    with pytest.raises(TypeError, match=r"polygamma.*n"):
        cgrad.polygamma(Value(1.0), Value(2.0))
    with pytest.raises(TypeError, match="polygamma"):
        cgrad.polygamma(Value(1.0), 2.0)


# ---- operators -------------------------------------------------------------------------------------

OPERATORS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
             "mod": operator.mod, "floordiv": operator.floordiv, "pow": operator.pow}


def test_the_operators_of_the_table():
    assert set(BINARY) == set(OPERATORS) and set(UNARY) == {"neg", "abs"}


@pytest.mark.parametrize("slot", OPERATORS)
@pytest.mark.parametrize("kind", [Value, bool, *KINDS], ids=lambda kind: kind.__name__)
def test_operator_and_reflected_twin(slot, kind):
    op = BINARY[slot]
    for x, y in ((3.0, 2.0), (5.5, 1.0), (0.25, 3.0)):
        if kind is bool:
            y = 1.0
        if kind is not Value and not holds(kind, y):
            continue
        for args in ([Value(x), kind(y)], [kind(y), Value(x)]):
            check_value(op, OPERATORS[slot](*args), args)


@pytest.mark.parametrize("slot", OPERATORS)
@pytest.mark.parametrize("kind", [Value, float, int, np.float64], ids=lambda kind: kind.__name__)
def test_in_place(slot, kind):
    """a += b makes a new value; what a was stays as it was."""
    a = before = Value(3.5)
    b = kind(2)
    a = getattr(operator, "i" + slot)(a, b)
    assert a is not before and before.data == 3.5
    check_value(BINARY[slot], a, [before, b])
    c = getattr(operator, "i" + slot)(b, before)
    check_value(BINARY[slot], c, [b, before])


def test_unary_operators():
    for x in (2.5, -2.5, 0.0, -0.0):
        v = Value(x)
        check_value(ROWS["neg"], -v, [v])
        check_value(ROWS["abs"], abs(v), [v])
        assert +v is v
        for function, name in ((math.floor, "floor"), (math.ceil, "ceil"), (math.trunc, "trunc"), (round, "round")):
            check_value(ROWS[name], function(v), [v])


def test_divmod():
    for x, y in ((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0)):
        for a, b in ((Value(x), y), (x, Value(y)), (Value(x), Value(y))):
            quotient, rest = divmod(a, b)
            assert (quotient.data, rest.data) == divmod(x, y)


def test_foreign_operands_get_their_turn():
    class Other:
        def __radd__(self, other):
            return "mine"

        def __rpow__(self, other):
            return "mine"

    assert Value(1.0) + Other() == Value(1.0)**Other() == "mine"
    for bad in ("x", None, 1j, [1.0], fractions.Fraction):
        for f in OPERATORS.values():
            with pytest.raises(TypeError):
                f(Value(1.0), bad)
            with pytest.raises(TypeError):
                f(Value(1.0), bad) if isinstance(bad, str) else f(bad, Value(1.0))  # "x" % v formats
    with pytest.raises(TypeError, match="pow"):
        pow(Value(2.0), 3, 5)


def test_operators_are_pythons_to_the_bit():
    """Wherever Python returns a float, so does cgrad: the same one, for each side and kind of operand."""
    rng = random.Random(11)
    numbers = [0.0, -0.0, 1.0, -1.0, 2.0, 3.0, 0.5, math.inf, -math.inf, math.nan, 1e308, 5e-324]
    numbers += [rng.uniform(-10, 10)*10**rng.uniform(-8, 8) for _ in range(60)]
    whole = [float(rng.randint(-9, 9)) for _ in range(20)]
    for x, y in [*itertools.product(numbers, repeat=2), *itertools.product(numbers, whole)]:
        for slot, f in OPERATORS.items():
            try:
                expected = f(x, y)
            except (ZeroDivisionError, OverflowError):
                continue
            if isinstance(expected, complex):
                assert math.isnan(f(Value(x), y).data)
                continue
            for a, b in ((Value(x), y), (x, Value(y)), (Value(x), Value(y)), (Value(x), np.float64(y)),
                         (np.float64(x), Value(y))):
                assert same(f(a, b).data, expected), (slot, x, y, f(a, b).data, expected)
    for x in numbers:
        assert same((-Value(x)).data, -x) and same(abs(Value(x)).data, abs(x))
        assert abs(x) > 1e150 or same((Value(x)**2).data, x**2)


def test_overflow_of_pythons_power_is_inf():
    """Python raises OverflowError; IEEE arithmetic returns inf."""
    with pytest.raises(OverflowError):
        operator.pow(1e200, 2.0)
    assert (Value(1e200)**2).data == (Value(1e200)**Value(2.0)).data == math.inf
    assert (Value(-1e200)**3).data == -math.inf


def test_functions_are_maths():
    """math's functions agree to an ulp or two where they exist."""
    for op in PUBLIC:
        f = getattr(math, op.name, None)
        if f is None or op.name in ("pow", "hypot", "fma"):
            continue
        rng = random.Random(op.name)
        for _ in range(200):
            x = [rng.uniform(lo, hi) for lo, hi in op.domain]
            got, expected = getattr(cgrad, op.name)(*x), float(f(*x))
            # math.lgamma is CPython's own, of absolute accuracy next to its zeros; C's cbrt errs by several ulp
            slack = {"lgamma": 4, "cbrt": 4, "gamma": 10}.get(op.name, 2)*math.ulp(expected) + 4e-15*(op.name == "lgamma")
            assert abs(got - expected) <= slack, (op.name, x, got, expected)


# ---- NumPy -----------------------------------------------------------------------------------------

UFUNCS = [(op, name) for op in PUBLIC for name in op.ufunc.split()]


@pytest.mark.parametrize(("op", "name"), UFUNCS, ids=lambda x: x if isinstance(x, str) else "")
def test_ufunc_on_values(op, name):
    ufunc = getattr(np, name)
    x = point(op)
    for mask in itertools.product((False, True), repeat=op.arity):
        if not any(m and k in free(op) for k, m in enumerate(mask)):
            continue
        args = [Value(a) if m else a for m, a in zip(mask, x, strict=True)]
        check_value(op, ufunc(*args), args)
        check_value(op, ufunc(*(a if isinstance(a, Value) else np.float64(a) for a in args)), args)


COMPARED = {"maximum", "minimum", "clip", "sign"}  # NumPy compares the objects, and calls nothing of ours


@pytest.mark.parametrize(("op", "name"), UFUNCS, ids=lambda x: x if isinstance(x, str) else "")
def test_ufunc_on_object_arrays(op, name):
    ufunc = getattr(np, name)
    x = point(op)
    arrays = [np.array([Value(a), Value(a)], dtype=object) for a in x]
    if isinstance(ufunc, np.ufunc) and not any(set(t.split("->")[0]) == {"O"} for t in ufunc.types):  # no such loop
        with pytest.raises(TypeError):
            ufunc(*arrays)
        return
    result = ufunc(*arrays)
    assert result.dtype == object and result.shape == (2,)
    mixed = ufunc(arrays[0], *x[1:])
    for k in range(2):
        if op.name in COMPARED:  # one of the operands as it is, or its sign
            assert result[k] == mixed[k] == getattr(cgrad, op.name)(*x)
        else:
            check_value(op, result[k], [array[k] for array in arrays])
            check_value(op, mixed[k], [arrays[0][k], *x[1:]])


def test_arrays_of_values_in_numpys_expressions():
    w = np.array([Value(1.0), Value(2.0), Value(3.0)])
    assert w.dtype == object
    a = np.arange(9.0).reshape(3, 3)
    out = np.sum(np.exp(a @ w/10.0)) + (w*w).sum()/3 + w.dot([1.0, 2.0, 3.0])
    out.backward()
    z = np.exp(a @ np.array([1.0, 2.0, 3.0])/10)
    expected = a.T @ z/10 + 2*np.array([1.0, 2.0, 3.0])/3 + np.array([1.0, 2.0, 3.0])
    assert np.allclose([v.grad for v in w], expected, rtol=1e-14)


STATISTICS = {
    "mean": np.mean, "std": np.std, "var": np.var, "average": np.average, "median": np.median,
    "weighted": lambda x: np.average(x, weights=[1.0, 2.0, 3.0, 4.0]), "mean of rows": lambda x: np.mean([x, x], axis=1)[1],
    "sample": lambda x: np.std(x, ddof=1), "vdot": lambda x: np.vdot(x, x), "nanmean": lambda x: np.mean(np.asarray(x)),
    "trapezoid": np.trapezoid, "polyval": lambda x: np.polyval(x, 1.5), "convolve": lambda x: np.convolve(x, [1.0, 2.0])[1],
}


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_of_lists_of_values(name):
    """Of lists and of arrays of objects, by NumPy itself."""
    f, numbers = STATISTICS[name], [0.5, 2.0, -1.0, 3.25]
    step, exact = 1e-6, f(numbers)
    slopes = [(f([x + step*(i == k) for i, x in enumerate(numbers)]) - f([x - step*(i == k) for i, x in enumerate(numbers)]))
              / (2*step) for k in range(4)]
    for kind in (list, lambda vs: np.array(vs, object)):
        vs = [Value(x) for x in numbers]
        out = f(kind(vs))
        out.backward()
        assert type(out) is Value and out.data == pytest.approx(exact, rel=1e-15)
        assert [v.grad for v in vs] == pytest.approx(slopes, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("call, use", [
    (lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0]), "cgrad.interp"), (statistics.fmean, "cgrad.mean"),
    (math.fsum, "sum"), (lambda x: np.trapezoid([float(x[0])]), "v.item"),
])
def test_functions_that_ask_for_floats_name_ours(call, use):
    with pytest.raises(TypeError, match=use):
        call([Value(0.5), Value(1.0), Value(2.0)])


def test_methods_of_object_arrays():
    w = np.array([Value(1.0), Value(3.0)])
    assert (w.mean().data, w.std().data, w.var().data) == (2.0, 1.0, 1.0)
    assert w[0].dtype == np.float64


def test_numpy_scalar_times_value_is_a_value():
    v = Value(3.0)
    for kind in KINDS[2:]:
        for f in OPERATORS.values():
            assert type(f(kind(2), v)) is Value and type(f(v, kind(2))) is Value


# ---- predicates and comparisons --------------------------------------------------------------------

@pytest.mark.parametrize("row", PREDICATES, ids=lambda row: row.name)
def test_predicate(row):
    f = getattr(cgrad, row.name)
    for x in (0.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1.7e308):
        expected = getattr(math, row.name)(x)
        v = Value(x)
        for got in (f(x), f(v), f(np.float64(x)), getattr(v, row.name)(), getattr(np, row.name)(v), f(v*1.0)):
            assert got is expected
    assert f(3) is getattr(math, row.name)(3)
    with pytest.raises(TypeError, match=row.name):
        f("x")


def test_comparisons_are_pythons():
    numbers = [0.0, -0.0, 1.0, 2.5, -1.0, math.inf, math.nan]
    for x, y in itertools.product(numbers, repeat=2):
        for f in (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge):
            for a, b in ((Value(x), Value(y)), (Value(x), y), (x, Value(y)), (Value(x), np.float64(y))):
                assert f(a, b) is f(x, y), (f, a, b)
    assert Value(2.0) == 2 and Value(2.0**60) != 2**60 + 1
    assert Value(1.0) != "1" and not Value(1.0) == None  # noqa: E711


def test_math_functions_refuse_values():
    """Nothing is cut off silently."""
    for f in (math.exp, math.sin, math.sqrt, float, int, complex, cmath.exp):
        with pytest.raises(TypeError, match=r"item\(\)|cgrad\."):
            f(Value(1.0))
