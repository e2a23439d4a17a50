"""Arguments and results of compiled functions: structures, arrays, constants, keywords, callables."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import math
import random
from fractions import Fraction

import numpy as np
import pytest

import cgrad
from cgrad import TraceError, Value


class Point(collections.namedtuple("Point", "x y")):
    __slots__ = ()


class Row(list):
    pass


@dataclasses.dataclass
class Market:
    spot: float
    curve: np.ndarray
    name: str = "spot"


@dataclasses.dataclass(frozen=True, slots=True)
class Book:
    market: Market
    sizes: tuple


class Side(enum.Enum):
    BUY = 1
    SELL = -1


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Colour(enum.StrEnum):
    RED = "red"


def same(x, y):
    """Equal in structure, types and bits; nan equals nan."""
    assert type(x) is type(y), (x, y)
    if isinstance(x, np.ndarray):
        assert x.dtype == y.dtype and x.shape == y.shape
        assert x.tobytes() == np.ascontiguousarray(y).tobytes(), (x, y)
    elif isinstance(x, float):
        assert x.hex() == y.hex(), (x, y)
    elif isinstance(x, (list, tuple)):
        assert len(x) == len(y)
        for a, b in zip(x, y, strict=True):
            same(a, b)
    elif isinstance(x, dict):
        assert list(x) == list(y)
        same(list(x.values()), list(y.values()))
    elif dataclasses.is_dataclass(x):
        for field in dataclasses.fields(x):
            same(getattr(x, field.name), getattr(y, field.name))
    else:
        assert x == y
    return True


# ---- numbers and arrays --------------------------------------------------------------------------

@pytest.mark.parametrize("x", [
    2.5, 3, -0.0, 2**53 + 1, np.float64(2.5), np.float32(0.1), np.float16(0.1), np.int8(-3), np.uint64(2**63), np.longdouble(1.5),
    math.inf, -math.inf, math.nan, 5e-324], ids=repr)
def test_numbers(x):
    """Whatever kind of number comes, floats are computed with."""
    p = cgrad.compile(lambda x: x*1.0)
    for _ in range(3):
        assert same(p(x), float(x)*1.0)
    same(p.grad(x), 1.0)
    assert len(p.programs) == 1
    p(1.0), p(2), p(np.float32(3))
    assert len(p.programs) == 1  # one recording for all kinds


ARRAYS = {
    "0-d": np.array(2.5), "0-d int": np.array(3), "vector": np.arange(3.0), "matrix": np.arange(6.0).reshape(2, 3), "4-d": np.arange(16.0).reshape(2, 2, 2, 2),
    "no elements": np.zeros(0), "no rows": np.zeros((0, 3)), "no columns": np.zeros((2, 0)), "float32": np.array([0.1, 0.2], np.float32), "float16": np.array([0.1], np.float16),
    "int": np.arange(3), "uint8": np.array([250, 3], np.uint8), "bool": np.array([True, False]), "big-endian": np.arange(3.0).astype(">f8"),
    "columns": np.arange(12.0).reshape(3, 4)[:, ::2], "reversed": np.arange(3.0)[::-1], "transposed": np.arange(6.0).reshape(2, 3).T,
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "broadcast": np.broadcast_to(2.0, (2, 2)), "unaligned": np.frombuffer(b"x" + np.arange(2.0).tobytes(), np.float64, offset=1),
    "read-only": np.broadcast_to(np.arange(2.0), (2,)), "special": np.array([math.nan, math.inf, -0.0, 5e-324]),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(kind):
    x = ARRAYS[kind]
    before = x.tobytes()
    p = cgrad.compile(lambda x: (x, x*2.0))
    want = np.asarray(x, np.float64)
    for _ in range(3):
        found, twice = p(x)
        same(found, want.copy())
        same(twice, want*2.0 if x.ndim else float(x)*2.0)  # NumPy has numbers for 0-d results
    total = cgrad.compile(lambda x: x.sum() if x.size else 0.0*len(x.shape))
    for _ in range(2):
        gradient = total.grad(x)
        assert gradient.shape == x.shape and (gradient == 1.0).all()
    assert x.tobytes() == before


def test_results_are_new_arrays():
    x = np.ones(3)
    p = cgrad.compile(lambda x: (x, x, x[::-1], x.reshape(3, 1)))
    first, second = p(x), p(x)
    arrays = [x, *first, *second]
    for k, a in enumerate(arrays):
        for b in arrays[:k]:
            assert not np.shares_memory(a, b)
    gradient = cgrad.compile(lambda x: x.sum()).grad(x)
    gradient[:] = 5.0
    assert first[0].tolist() == [1.0, 1.0, 1.0] and x.tolist() == [1.0, 1.0, 1.0]


def test_another_shape_is_another_recording():
    p = cgrad.compile(lambda x: (x*x).sum())
    assert [p(np.full(n, 2.0)) for n in (1, 3, 1, 0, 3)] == [4.0, 12.0, 4.0, 0.0, 12.0]
    assert len(p.programs) == 3
    assert p(np.full((3, 1), 2.0)) == 12.0  # as many numbers
    assert len(p.programs) == 4
    with pytest.raises(ValueError, match="cannot broadcast"):
        cgrad.compile(lambda x: x + np.ones(3))(np.ones(2))


def test_arrays_in_a_function_are_float64_tensors():
    seen = []

    @cgrad.compile
    def f(x, y):
        seen.append((x.__class__, x.dtype, x.shape, y.__class__))
        return x[0]*y

    assert f(np.array([2, 3], np.int8), 4) == 8.0
    assert seen == [(cgrad.Tensor, np.float64, (2,), Value)]


@pytest.mark.parametrize("x, text", [
    (np.ones(2, np.longdouble), r"operand 1 is an array of (float128|float96|longdouble)"), (np.ones(2)*1j, "complex128"), (np.array(["a"]), "<U1"),
    (np.ma.array([1.0, 2.0], mask=[True, False]), "MaskedArray, whose operators have another meaning"), (np.zeros((1, 1)).view(np.matrix), "is a matrix, whose"),
    ({1.0}, "set .* has no hash"), (bytearray(b"a"), "has no hash"), ((v for v in [1.0]), "something else at each use"), (iter([1.0]), "something else at each use"),
    (np.random.default_rng(0), "something else at each use"), (random.Random(0), "something else at each use"), (np.random.RandomState(0), "something else at each use")],
    ids=["longdouble", "complex", "str", "masked", "matrix", "set", "bytearray", "generator", "iterator", "Generator", "Random", "RandomState"])
def test_arguments_that_are_refused(x, text):
    p = cgrad.compile(lambda x: 1.0)
    for given in (x, [x], {"a": (x,)}):
        with pytest.raises(TypeError, match=text):
            p(given)
    assert not p.programs


def test_integers_too_large_for_a_float():
    with pytest.raises(OverflowError, match=r"operand 1 is an int of 1329 bits, too large for a float"):
        cgrad.compile(lambda x: x)(10**400)
    p = cgrad.compile(lambda x: x)
    p(1.0)
    with pytest.raises(OverflowError, match="too large for a float"):
        p(10**400)
    assert p(2**60) == 2.0**60


# ---- structures ----------------------------------------------------------------------------------

STRUCTURES = {
    "list": [1.0, 2.0], "empty list": [], "nested": [[1.0, [2.0]], [], [[3.0]]], "tuple": (1.0, (2.0,), ()), "dict": {"a": 1.0, "b": {"c": 2.0}}, "empty dict": {},
    "keys of all kinds": {1: 1.0, (2, "x"): 2.0, None: 3.0, Side.BUY: 4.0, 2.5: 5.0}, "namedtuple": Point(1.0, [2.0]), "list of its own": Row([1.0, 2.0]),
    "dataclass": Market(1.0, np.array([2.0, 3.0])), "frozen dataclass with slots": Book(Market(1.0, np.ones((2, 2)), "x"), (1.0, None)),
    "constants": [None, True, False, "text", b"bytes", 1j, Side.SELL, Level.HIGH, Colour.RED, Fraction(1, 3), np.bool_(True), np.datetime64("2020"), float, 1.0],
    "arrays": {"w": [np.ones((2, 3)), np.zeros(0)], "b": np.array(2.0)}, "everything": ({"a": [Point(1.0, {"b": (Market(2.0, np.ones(2)), [3.0])})]}, None, "t"),
}


@pytest.mark.parametrize("kind", STRUCTURES)
def test_structures_come_back(kind):
    x = STRUCTURES[kind]
    p = cgrad.compile(lambda x: x)
    for _ in range(3):
        same(p(x), x)
    assert len(p.programs) == 1
    same(p.jvp(x, v=x)[1] if kind not in ("empty list", "empty dict") else x, x)


def test_results_of_all_kinds():
    p = cgrad.compile(lambda x: {"v": x*2, 3: [x, (1, None, "s", False, x > 0)], Side.BUY: Point(x, Market(x, np.array([1, 2])))})
    for v in (2.0, 3.0):
        same(p(v), {"v": v*2, 3: [v, (1.0, None, "s", False, True)], Side.BUY: Point(v, Market(v, np.array([1.0, 2.0])))})


def test_results_of_numpy_are_plain():
    p = cgrad.compile(lambda x: [np.float32(0.5), np.int64(3), np.arange(3), np.array(1.5), np.array([True]), np.sum(x), np.array([x[0], 2.0, x[1]])])
    same(p(np.array([1.0, 2.0])), [0.5, 3.0, np.array([0.0, 1.0, 2.0]), np.array(1.5), np.array([1.0]), 3.0, np.array([1.0, 2.0, 2.0])])


class Holder:
    def __init__(self, v):
        self.v = v


@pytest.mark.parametrize("make", [
    Holder, lambda v: lambda: v, lambda v: frozenset([v]), lambda v: [1.0, Holder(v)], lambda v: {"a": functools.partial(abs, v)},
    lambda v: v.exp, lambda v: math], ids=["object", "closure", "frozenset", "in a list", "partial", "method", "module"])
def test_results_that_would_keep_the_numbers_of_the_recording(make):
    """Each replay would return the same object again."""
    with pytest.raises(TraceError, match=r"returns a .*, and each replay would return the same object, with the numbers of the recording"):
        cgrad.compile(make)(1.0)


@pytest.mark.parametrize("make", [lambda v: (w for w in [v]), lambda v: iter([v]), lambda v: {v}, lambda v: {v: 1.0}, lambda v: {(1, v): 1.0}],
                         ids=["generator", "iterator", "set", "key", "in a key"])
def test_results_that_are_no_structures(make):
    with pytest.raises(TypeError):
        cgrad.compile(make)(1.0)


def test_a_frozenset_of_constants_may_be_given():
    assert cgrad.compile(lambda x: (frozenset(["a", 1]), x))(2.0) == (frozenset(["a", 1]), 2.0)


def test_the_same_object_twice_in_an_argument():
    x, a = [1.0], np.ones(2)
    p = cgrad.compile(lambda x, a: x[0][0]*x[1][0]*a[0].sum()*a[1].sum())
    assert p([x, x], (a, a)) == 4.0
    assert p([[1.0], [3.0]], (a, 2*a)) == 24.0
    same(p.grad([x, x], (a, a)), [[4.0], [4.0]])


def test_arguments_are_as_they_were():
    """A function may change its lists and dicts: those of the recording."""
    @cgrad.compile
    def f(x):
        x["list"].append(x["list"].pop(0)*2)
        x["new"] = 1.0
        return x["list"]

    given = {"list": [1.0, 2.0]}
    for _ in range(3):
        assert f(given) == [2.0, 2.0]
        assert given == {"list": [1.0, 2.0]}


def test_orders_of_dicts_are_recordings_of_their_own():
    p = cgrad.compile(lambda d: list(d) + list(d.values()))
    assert p({"a": 1.0, "b": 2.0}) == ["a", "b", 1.0, 2.0]
    assert p({"b": 1.0, "a": 2.0}) == ["b", "a", 1.0, 2.0]


# ---- constants -----------------------------------------------------------------------------------

def test_constants_are_told_apart():
    """Equal for Python, and yet not the same: type, sign of zero, and what is inside of tuples."""
    p = cgrad.compile(lambda x, c: [x, repr(c)], static="c", max_paths=100)
    constants = [True, 1, 1.0, 1 + 0j, Fraction(1), np.bool_(True), np.float64(1.0), np.float32(1.0), np.int64(1), "1", b"1", 0.0, -0.0, 0, False, 0j, complex(0.0, -0.0), math.nan,
                 (1, 0.0), (1.0, 0.0), (True, 0.0), (1, -0.0), ((0.0,),), ((-0.0,),), frozenset([1]), frozenset([True]), Level.LOW, Colour.RED, "red", None, float, range(3), (0, 1, 2)]
    for _ in range(2):
        for c in constants:
            assert p(2.0, c) == [2.0, repr(c)], c
    assert len(p.programs) == len(constants)


def test_constants_in_arguments_are_told_apart():
    p = cgrad.compile(lambda x: repr(x["c"]), max_paths=100)
    constants = [True, 1 + 0j, Fraction(1), np.bool_(True), 0j, complex(0.0, -0.0), "1", Level.LOW, Colour.RED, "red", None, np.datetime64("2020"), range(3)]
    for _ in range(2):
        for c in constants:
            assert p({"c": c}) == repr(c)
    keys = cgrad.compile(lambda d: repr(list(d)), max_paths=100)
    for _ in range(2):
        for key in (True, 1, 1.0, "1", 0.0, -0.0, Level.LOW, Colour.RED, "red"):
            assert keys({key: 1.0}) == repr([key])


def test_enums_are_constants():
    p = cgrad.compile(lambda x, level, side: x*(2 if level is Level.LOW else 3)*side.value)
    assert [p(1.0, level, side) for level in Level for side in Side] == [2.0, -2.0, 3.0, -3.0]
    assert len(p.programs) == 4
    with pytest.raises(TypeError, match="argument 'level' is the constant .*, which has no derivative"):
        p.grad(1.0, Level.LOW, Side.BUY, argnums=1)


def test_functions_and_objects_as_arguments():
    p = cgrad.compile(lambda f, x: f(x)*2)
    assert p(abs, -2.0) == 4.0 and p(cgrad.exp, 0.0) == 2.0 and p(abs, -3.0) == 6.0
    assert len(p.programs) == 2
    one, other = Holder(Value(2.0)), Holder(Value(5.0))
    q = cgrad.compile(lambda holder, x: holder.v*x)
    assert q(one, 3.0) == 6.0 and q(other, 3.0) == 15.0
    one.v.data = 7.0  # read at each call
    assert q(one, 3.0) == 21.0 and len(q.programs) == 2


def test_static_arguments():
    calls = []

    @cgrad.compile(static=("n", "way"))
    def power(x, n, *, way="up"):
        calls.append(n)
        result = 1.0
        for _ in range(n):
            result = result*x
        return result if way == "up" else 1/result

    assert power(2.0, 3) == 8.0 and power(3.0, 3) == 27.0 and power(2.0, n=4) == 16.0
    assert power(2.0, 1, way="down") == 0.5 and power(4.0, 1, way="down") == 0.25
    assert power.grad(2.0, 3) == 12.0 and power.grad(x=2.0, n=3) == 12.0
    assert calls == [3, 4, 1]
    with pytest.raises(TypeError, match=r"static argument 'n' is a list \(\[1\]\), which has no hash: give a tuple"):
        power(2.0, [1])
    with pytest.raises(ValueError, match="has no argument 'm'"):
        cgrad.compile(lambda x: x, static="m")
    with pytest.raises(TypeError, match="something else at each use"):
        power(2.0, iter([1]))


def test_whole_numbers_are_guarded_where_python_needs_them():
    """An int is traced; where Python needs a whole number it is guarded. Of an array it is not: the error says so."""
    @cgrad.compile
    def f(x, n):
        return sum(x for _ in range(n))

    assert f(2.0, 3) == 6.0 and f(2.0, 4) == 8.0 and len(f.programs) == 2
    assert cgrad.compile(lambda x, n: [1.0, 2.0][n])(2.0, 1) == 2.0
    with pytest.raises(TypeError) as error:
        cgrad.compile(lambda n: [1.0, 2.0][n])(np.ones(2))
    assert "numbers given to" in error.value.__notes__[0] and "static=" in error.value.__notes__[0]


# ---- keywords ------------------------------------------------------------------------------------

def test_keywords_and_defaults():
    p = cgrad.compile(lambda x, /, y=2.0, *rest, z=1.0, **more: x*y + z + sum(rest) + sum(more.values()))
    assert [p(1.0), p(1.0, 3.0), p(1.0, y=5.0), p(1.0, z=7.0), p(1.0, 3.0, 10.0, 20.0, z=7.0), p(1.0, w=9.0), p(1.0, w=1.0, u=2.0)] == [3.0, 4.0, 6.0, 9.0, 40.0, 12.0, 6.0]
    assert [p(2.0), p(2.0, 3.0), p(2.0, y=5.0), p(2.0, z=7.0), p(2.0, 3.0, 10.0, 20.0, z=7.0), p(2.0, w=9.0), p(2.0, u=2.0, w=1.0)] == [5.0, 7.0, 11.0, 11.0, 43.0, 14.0, 8.0]
    assert p.grad(3.0, z=7.0, argnums=1) == 1.0  # keyword-only arguments are last
    assert p.grad(3.0, 5.0, argnums=1) == 3.0 and p.grad(3.0, y=5.0, argnums=-1) == 3.0
    q = cgrad.compile(lambda x, y=2.0, *, z=1.0: x*y + z)
    for _ in range(3):  # the short way of calls knows no names
        assert q(1.0, z=7.0) == 9.0 and q(1.0, 7.0) == 8.0 and q.grad(3.0, z=7.0, argnums=1) == 1.0 and q.grad(3.0, 7.0, argnums=1) == 3.0
    for call in (lambda: p(), lambda: p(1.0, x=2.0, y=3.0, nothing=4.0) and p(y=1.0), lambda: p(1.0, 2.0, y=3.0)):
        with pytest.raises(TypeError):
            call()


def test_names_in_any_order():
    p = cgrad.compile(lambda a, b, c=1.0: a - 10*b + 100*c)
    assert p(b=2.0, a=1.0) == p(1.0, b=2.0) == p(1.0, 2.0) == 81.0
    assert p(c=3.0, b=2.0, a=1.0) == p(1.0, c=3.0, b=2.0) == 281.0
    assert p.value_and_grad(b=2.0, a=1.0, argnums=1) == (81.0, -10.0)


def test_mutable_defaults_are_those_of_the_function():
    seen = []

    def f(x, history=seen):
        history.append(None)
        return x

    p = cgrad.compile(f)
    p(1.0), p(2.0)
    assert len(seen) == 1  # recorded once


# ---- callables -----------------------------------------------------------------------------------

def test_what_can_be_compiled():
    class Scale:
        def __init__(self, by):
            self.by = Value(by)

        def __call__(self, x):
            return self.by*x

        def method(self, x):
            return self.by*x*x

        @classmethod
        def of_class(cls, x):
            return x + 1

        @staticmethod
        def of_none(x):
            return x + 2

    scale = Scale(3.0)
    for f, want in ((scale, 6.0), (scale.method, 12.0), (Scale.of_class, 3.0), (Scale.of_none, 4.0), (functools.partial(pow, 3.0), 9.0),
                    (functools.lru_cache(lambda x: x*7), 14.0), (abs, 2.0), (np.exp, math.exp(2.0)), (cgrad.sin, math.sin(2.0)), (Holder.__init__, None), (Market, None)):
        p = cgrad.compile(f)
        if want is not None:
            assert p(2.0) == want == p(2.0) and len(p.programs) == 1
            assert isinstance(p.name, str) and p.name in repr(p)
    same(cgrad.compile(Point)(1.0, 2.0), Point(1.0, 2.0))
    same(cgrad.compile(Market)(1.0, np.ones(2)), Market(1.0, np.ones(2)))
    scale.by.data = 5.0
    assert cgrad.compile(scale)(2.0) == 10.0
    assert cgrad.compile(max)(1.0, 3.0, 2.0) == 3.0 and cgrad.compile(sum)([1.0, 2.0]) == 3.0


def test_decorators():
    def twice(f):
        @functools.wraps(f)
        def g(*args):
            return 2*f(*args)
        return g

    @cgrad.compile
    @twice
    def f(x):
        """Its doc."""
        return x*x

    @twice
    @cgrad.compile
    def g(x):
        return x*x

    @cgrad.compile(max_paths=2, backend="interpreter")
    def h(x):
        return x

    assert f(3.0) == 18.0 and g(3.0) == 18.0 and f.grad(3.0) == 12.0 and h(1.0) == 1.0
    assert f.__doc__ == "Its doc." and f.__name__ == "f" and f.__wrapped__ is f.function
    assert "path 1" in f.explain() and repr(f) == "<cgrad.compile of test_decorators.f: 1 paths>"


def test_attributes_of_the_function_are_not_those_of_the_compiled_one():
    def f(x):
        return x*x

    f.grad, f.static, f.function, f.name, f.quick = (lambda x: 0.0), ("y",), None, 3, "q"
    p = cgrad.compile(f)
    assert p(3.0) == 9.0 and p.grad(3.0) == 6.0 and p.static == () and p.function is f


def test_compiled_twice():
    p = cgrad.compile(lambda x: x*x if x > 0 else -x)
    q = cgrad.compile(p, max_paths=3)
    assert q(3.0) == 9.0 and q.grad(-3.0) == -1.0 and q.max_paths == 3
    assert not p.programs  # inside of q it is a function like any other


def test_wrong_options():
    for options, text in (({"backend": "gpu"}, "backend is 'gpu'"), ({"max_paths": 0}, "max_paths is 0"), ({"max_paths": True}, "max_paths"), ({"max_paths": 1.5}, "max_paths")):
        with pytest.raises(ValueError, match=text):
            cgrad.compile(lambda x: x, **options)
    for f in (3.0, "abs", [abs]):
        with pytest.raises(TypeError, match="is not a function: give one, or use @cgrad.compile above it"):
            cgrad.compile(f)


def test_names_of_arguments_by_themselves():
    """Arguments are named for messages: 'x', 'rest[0]'."""
    with pytest.raises(TraceError, match=r"item: 'rest\[1\]' changes from call to call"):
        cgrad.compile(lambda x, *rest: rest[1].item())(1.0, 2.0, 3.0)
    with pytest.raises(TraceError, match=r"float: 'k' changes"):
        cgrad.compile(lambda *, k: k.__float__())(k=1.0)
