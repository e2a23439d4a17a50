"""Batches against one call after the other: numbers of points, structures, axes, layouts of arrays, threads, sums."""

import dataclasses
import functools
import itertools
import math
import resource
import subprocess
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
from lanes_support import differ

import cgrad

RNG = np.random.default_rng(7)
COUNTS = [0, 1, 2, 15, 16, 17, 127, 128, 129, 255, 256, 257, 3*256 + 1]


def leaves_of(x) -> list:
    """The arrays and numbers of a structure, in order."""
    if isinstance(x, dict):
        return [leaf for part in x.values() for leaf in leaves_of(part)]
    if isinstance(x, (list, tuple)):
        return [leaf for part in x for leaf in leaves_of(part)]
    if dataclasses.is_dataclass(x):
        return [leaf for field in dataclasses.fields(x) for leaf in leaves_of(getattr(x, field.name))]
    return [x] if isinstance(x, (float, int, np.ndarray, np.generic)) and not isinstance(x, bool) else []


def form(x):
    """A structure without its leaves."""
    if isinstance(x, dict):
        return {k: form(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x), [form(v) for v in x]
    if dataclasses.is_dataclass(x):
        return type(x), [form(getattr(x, field.name)) for field in dataclasses.fields(x)]
    return "leaf" if isinstance(x, (float, int, np.ndarray, np.generic)) and not isinstance(x, bool) else x


def point_at(x, axes, k):
    """Point k of an argument."""
    if isinstance(x, dict):
        return {name: point_at(v, axes[name] if isinstance(axes, dict) else axes, k) for name, v in x.items()}
    if isinstance(x, (list, tuple)):
        each = axes if isinstance(axes, (list, tuple)) else [axes]*len(x)
        parts = [point_at(v, a, k) for v, a in zip(x, each, strict=True)]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if dataclasses.is_dataclass(x):
        each = [getattr(axes, f.name) if isinstance(axes, type(x)) else axes for f in dataclasses.fields(x)]
        return type(x)(*[point_at(getattr(x, f.name), a, k) for f, a in zip(dataclasses.fields(x), each, strict=True)])
    if not isinstance(x, np.ndarray) or x.ndim == 0 or axes is None:
        return x
    part = np.take(x, k, axis=axes)
    return np.array(part, np.float64) if part.ndim else float(part)


def agree(got, want, exact: bool) -> bool:
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != np.float64:
        return False
    return not differ(got, want).any() if exact else np.allclose(got, want, rtol=1e-12, atol=1e-13, equal_nan=True)


def assert_points(found, singles, exact: bool) -> None:
    """A batch's structure holds, leaf by leaf, what single calls gave, points first."""
    assert form(found) == form(singles[0])
    columns = [leaves_of(single) for single in singles]
    for j, leaf in enumerate(leaves_of(found)):
        assert agree(leaf, [column[j] for column in columns], exact), (j, leaf)


def check(p, args, n, *, in_axes: Any = 0, argnums: Any = 0, scalar: bool = True, exact: bool = False, arithmetic: bool = False, **options):
    """All kinds of batches of p against single calls. arithmetic: to the bit without being asked for it."""
    each = in_axes if isinstance(in_axes, (tuple, list)) else [in_axes]*len(args)
    single = [tuple(point_at(x, a, k) for x, a in zip(args, each, strict=True)) for k in range(n)]
    options = {"in_axes": in_axes, "exact": exact, **options}
    bits = exact or arithmetic
    assert_points(p.map(*args, **options), [p(*x) for x in single], bits)
    assert_points(p.map_jacobian(*args, argnums=argnums, **options), [p.jacobian(*x, argnums=argnums) for x in single], bits)
    if not scalar:
        return
    values, gradients = p.map_value_and_grad(*args, argnums=argnums, **options)
    both = [p.value_and_grad(*x, argnums=argnums) for x in single]
    assert_points(values, [value for value, _ in both], bits)
    assert_points(gradients, [gradient for _, gradient in both], bits)
    v = directions(both[0][1], n)
    products = p.map_hvp(*args, v=v, argnums=argnums, **options)
    assert_points(products, [p.hvp(*x, v=point_at(v, 0, k), argnums=argnums) for k, x in enumerate(single)], bits)


def directions(gradient, n):
    """Vectors in the structure of a gradient, points first."""
    if isinstance(gradient, dict):
        return {k: directions(x, n) for k, x in gradient.items()}
    if isinstance(gradient, (list, tuple)):
        parts = [directions(x, n) for x in gradient]
        return type(gradient)(*parts) if hasattr(gradient, "_fields") else type(gradient)(parts)
    if dataclasses.is_dataclass(gradient):
        return type(gradient)(*[directions(getattr(gradient, f.name), n) for f in dataclasses.fields(gradient)])
    return gradient if form(gradient) != "leaf" else np.random.default_rng(n).normal(size=(n, *np.shape(gradient)))


def smooth(x, y):
    return cgrad.exp(-x*x)*cgrad.sin(y) + cgrad.log(1.0 + y*y)/(1.5 + cgrad.cos(x)) - cgrad.tanh(x*y)


def rational(x, y):
    s = 0.25
    for k in range(7):
        s = s*x - y/(1.0 + s*s) + 0.1*k
    return s


# ---- how many points ---------------------------------------------------------------------------------

@pytest.mark.parametrize("n", COUNTS[1:])
def test_numbers_of_points(n):
    x, y = RNG.normal(size=(2, n))
    check(cgrad.compile(smooth), (x, y), n, argnums=(0, 1))
    check(cgrad.compile(smooth), (x, y), n, argnums=1, exact=True)
    check(cgrad.compile(rational), (x, y), n, argnums=(1, 0), arithmetic=True)


def test_no_points():
    p = cgrad.compile(lambda x, w: {"a": (x*w).sum(), "b": x})
    x, w = np.zeros((0, 3)), np.ones(3)
    empty = p.map(x, w, in_axes=(0, None))
    assert empty["a"].shape == (0,) and empty["b"].shape == (0, 3)
    jacobian = p.map_jacobian(x, w, in_axes=(0, None))
    assert jacobian["a"].shape == (0, 3) and jacobian["b"].shape == (0, 3, 3)
    q = cgrad.compile(lambda x: (x*x).sum())
    values, gradients = q.map_value_and_grad(x)
    assert values.shape == (0,) and gradients.shape == (0, 3) and q.map_hvp(x, v=x).shape == (0, 3)
    value, gradient = q.map_value_and_grad(x, reduce="sum")
    assert value == 0.0 and type(value) is float and gradient.tolist() == [0.0]*3
    calls = []
    assert q.map(x, progress=lambda *counts: calls.append(counts), threads=2).shape == (0,) and not calls


def long(x, a):
    """Some thousand words of instructions: a batch of it has several pieces."""
    for _ in range(700):
        x = x*a + (x - a)*(0.5 - x*a)*0.01
    return x


def pieces_of(p, *args, **options):
    """The numbers of points that were done at each call of progress."""
    counts = []
    p.map(*args, progress=lambda done, total: counts.append(done), **options)
    return counts


def test_several_pieces():
    """One point more than some whole pieces, and one less; threads take pieces as they come."""
    p = cgrad.compile(long)
    x = RNG.uniform(-1, 1, 20_000)
    piece = pieces_of(p, x, 0.9, in_axes=(0, None), threads=1)[0]
    assert 256 <= piece < 7000
    for n in (piece - 1, piece, piece + 1, 2*piece + 1):
        values, gradients = p.map_value_and_grad(x[:n], 0.9, in_axes=(0, None), argnums=(0, 1))
        for k in {0, n//2, piece - 2, *range(max(n - 3, 0), n)}:
            value, gradient = p.value_and_grad(float(x[k]), 0.9, argnums=(0, 1))
            assert agree(values[k], value, True) and agree([g[k] for g in gradients], gradient, True)


# ---- what points are made of -------------------------------------------------------------------------

class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass
class Model:
    w: Any
    b: Any
    name: str = "model"


def of_structures(model, data, how):
    total = model.b
    for k, z in enumerate(data["z"]):
        total = total + (model.w*z).sum()*(k + 1.0)
    scaled = total*data["pair"].first - data["pair"].second**2
    return scaled if how == "plain" else cgrad.sigmoid(scaled)


@pytest.mark.parametrize("how", ["plain", "sigmoid"])
@pytest.mark.parametrize("exact", [False, True])
def test_structures(how, exact):
    n = 37
    model = Model(RNG.normal(size=(n, 2, 3)), RNG.normal(size=n))
    data = {"z": [RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))], "pair": Pair(RNG.normal(size=n), 0.75)}
    axes = (0, {"z": None, "pair": (0, None)}, None)
    p = cgrad.compile(of_structures)
    check(p, (model, data, how), n, in_axes=axes, argnums=0, exact=exact)
    check(p, (model, data, how), n, in_axes=axes, argnums=(0, 1), exact=exact)
    check(p, (model, data, how), n, in_axes=(Model(0, 0, None), *axes[1:]) if exact else axes, argnums=1, exact=exact)


def test_values_of_structures():
    def f(x, a):
        return {"sum": (x*a).sum(), "all": [x*a, cgrad.exp(x[0])], "constant": 2.5, "text": "t", "none": None,
                "pair": Pair(x[1], np.array([1.0, 2.0])), "matrix": cgrad.stack([x, x*x])}

    x, a = RNG.normal(size=(2, 21, 3))
    p = cgrad.compile(f)
    check(p, (x, a), 21, scalar=False, argnums=(0, 1), exact=True)
    check(p, (x, a[0]), 21, in_axes=(0, None), scalar=False, argnums=0)
    found = p.map(x, a)
    assert found["text"] == "t" and found["none"] is None and found["matrix"].shape == (21, 2, 3)
    assert found["constant"].tolist() == [2.5]*21 and found["pair"].second.shape == (21, 2)


@pytest.mark.parametrize("value", [None, (), "text", {}, [None, "a"]], ids=str)
def test_values_without_numbers(value):
    p = cgrad.compile(lambda x: value)
    assert p.map(np.ones(3)) == value and p.map_jacobian(np.ones(3)) == value


def test_results_are_arrays_of_their_own():
    p = cgrad.compile(lambda x: (x, x + 1.0, x))
    x = np.array([1.0, 2.0])
    first, second, third = p.map(x)
    first[:] = second[:] = -1.0
    assert third.tolist() == [1.0, 2.0] and x.tolist() == [1.0, 2.0]
    assert p.map(x)[0].tolist() == [1.0, 2.0]


AXES = [((0, 0), (9, 4), (9,)), ((1, 0), (4, 9), (9,)), ((-1, -1), (4, 9), (9,)), ((0, None), (9, 4), ()), ((-2, 0), (9, 4), (9,)),
        ((None, 0), (4,), (9,)), (0, (9, 4), (9,)), (-1, (4, 9), (9,)), ([1, None], (4, 9), ())]


@pytest.mark.parametrize(("axes", "first", "second"), AXES, ids=str)
def test_axes(axes, first, second):
    p = cgrad.compile(lambda x, y: (x*x*y).sum() + cgrad.exp(y*0.1))
    x, y = RNG.normal(size=first), RNG.normal(size=second)
    check(p, (x, y if y.ndim else float(y)), 9, in_axes=axes, argnums=(0, 1))


def test_axes_of_one_structure():
    """in_axes stops where it likes: for all leaves below, or goes down with the argument; 0-d arrays are the same for all."""
    p = cgrad.compile(lambda a: a["u"]*a["v"].sum() + a["w"][0]*a["w"][1])
    u, v, w = RNG.normal(size=5), RNG.normal(size=(2, 5)), [RNG.normal(size=5), 0.5]
    check(p, ({"u": u, "v": v, "w": w},), 5, in_axes=({"u": 0, "v": 1, "w": 0},))
    check(p, ({"u": u, "v": v, "w": w},), 5, in_axes=({"u": -1, "v": -1, "w": [0, None]},))
    assert agree(p.map({"u": u, "v": v, "w": w}, in_axes={"u": 0, "v": 1, "w": 0}), p.map({"u": u, "v": v.copy(), "w": w}, in_axes=-1), True)
    q = cgrad.compile(lambda x, c: x*c)
    assert q.map(np.ones(3), np.array(2.0)).tolist() == [2.0]*3 and q.map(np.ones(3), 2).tolist() == [2.0]*3


# ---- layouts of points in memory -----------------------------------------------------------------------

def unaligned(x):
    raw = bytearray(x.nbytes + 1)
    raw[1:] = x.tobytes()
    view = np.frombuffer(raw, x.dtype, offset=1).reshape(x.shape)
    assert not view.flags.aligned
    return view


def frozen(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def spread(x):
    wide = np.full([3*s for s in x.shape], np.nan)
    wide[tuple(slice(1, None, 3) for _ in x.shape)] = x
    return wide[tuple(slice(1, None, 3) for _ in x.shape)]


LAYOUTS = {
    "contiguous": np.copy, "reversed": lambda x: x[::-1].copy()[::-1], "all reversed": lambda x: np.flip(np.flip(x).copy()),
    "spread": spread, "Fortran": np.asfortranarray, "read-only": frozen, "unaligned": unaligned,
    "part of a larger": lambda x: np.pad(x, 2)[tuple(slice(2, -2) for _ in x.shape)],
    "float32": lambda x: x.astype(np.float32), "float16": lambda x: x.astype(np.float16), "big-endian": lambda x: x.astype(">f8"),
    "big-endian unaligned": lambda x: unaligned(x.astype(">f4")), "int64": lambda x: np.round(3*x).astype(np.int64),
    "int8": lambda x: np.round(3*x).astype(np.int8), "big-endian int": lambda x: np.round(3*x).astype(">i4"),
    "uint16": lambda x: np.abs(np.round(3*x)).astype(np.uint16), "bool": lambda x: x > 0,
    "swapped": lambda x: np.ascontiguousarray(x.T).T, "a field of records": lambda x: np.rec.fromarrays([x, x], names="a,b").a,
    "subclass": lambda x: x.view(type("Sub", (np.ndarray,), {})),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(), (3,), (3, 7)], ids=str)
@pytest.mark.parametrize("axis", [0, -1])
def test_layouts(layout, shape, axis):
    n = 53
    x = np.clip(np.moveaxis(np.random.default_rng(1).normal(size=(n, *shape)), 0, axis), -40, 40)
    given = LAYOUTS[layout](x)
    before = given.copy()
    p = cgrad.compile(lambda x: (x*x).sum()*0.5 if shape else x*x*0.5)
    check(p, (given,), n, in_axes=axis, arithmetic=True)
    assert (given == before).all()


def test_windows_that_overlap():
    series = RNG.normal(size=300)
    windows = np.lib.stride_tricks.sliding_window_view(series, 12)
    p = cgrad.compile(lambda x: sum(a*b for a, b in itertools.pairwise(list(x))))
    check(p, (windows,), len(windows), arithmetic=True)
    check(p, (windows.T,), len(windows), in_axes=1, arithmetic=True)


def test_broadcast_points():
    """Stride 0: as in_axes=None, one number for all; along another axis too."""
    n = 300
    same, row, column = np.broadcast_to(1.25, (n,)), np.broadcast_to(RNG.normal(size=3), (n, 3)), np.broadcast_to(RNG.normal(size=(n, 1)), (n, 3))
    p = cgrad.compile(lambda s, r, c: s*(r*c).sum())
    check(p, (same, row, column), n, argnums=(0, 1, 2), arithmetic=True)
    again = p.map(1.25, row[0], column, in_axes=(None, None, 0))
    assert agree(p.map(same, row, column), again, True)


def test_vectors_of_any_layout():
    """v= too."""
    n = 40
    p = cgrad.compile(lambda x: (x*x*x).sum())
    x, v = RNG.normal(size=(2, n, 3))
    want = 6*x*v
    for given in (v, v.astype(">f8"), np.asfortranarray(v), unaligned(v), spread(v), v[::-1].copy()[::-1]):
        assert agree(p.map_hvp(x, v=given), want, False)
    whole = np.round(v)
    assert agree(p.map_hvp(x, v=whole.astype(int)), 6*x*whole, False)
    assert agree(p.map_hvp(x, v=np.broadcast_to([1.0, 0.0, -1.0], (n, 3))), 6*x*[1.0, 0.0, -1.0], False)


# ---- exactly -------------------------------------------------------------------------------------------

def test_exact_is_one_by_one_to_the_bit():
    p = cgrad.compile(smooth)
    x, y = RNG.normal(size=(2, 3000))*3
    singles = [p.value_and_grad(a, b, argnums=(0, 1)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    values, gradients = p.map_value_and_grad(x, y, argnums=(0, 1), exact=True, threads=2)
    assert not differ(values, [value for value, _ in singles]).any()
    assert not differ(np.transpose(gradients), [gradient for _, gradient in singles]).any()
    near, _ = p.map_value_and_grad(x, y, argnums=(0, 1))
    assert differ(near, values).any(), "vector functions gave every bit: does exact=True do anything?"
    assert np.allclose(near, values, rtol=1e-14, atol=1e-15)


# ---- threads and sums ----------------------------------------------------------------------------------

def counted(p, *args, **options):
    return [p.map(*args, **options), *p.map_value_and_grad(*args, **options), p.map_jacobian(*args, **options)]


@pytest.mark.parametrize("reduce", [None, "sum"])
@pytest.mark.parametrize("n", [1, 2, 257, 20_001])
def test_any_number_of_threads_gives_the_same_bits(n, reduce):
    """More threads than points, and than pieces; a path just recorded and one known already."""
    x = RNG.uniform(-1, 1, n)
    p = cgrad.compile(long)
    first = counted(p, x, 0.9, in_axes=(0, None), reduce=reduce, threads=1)
    for threads in (1, 2, 3, 16, None):
        again = counted(p, x, 0.9, in_axes=(0, None), reduce=reduce, threads=threads)
        for a, b in zip(first, again, strict=True):
            assert not differ(a, b).any(), threads


@pytest.mark.parametrize("n", COUNTS)
def test_sums(n):
    """As np.sum of what comes without; floats and arrays in the structure of one point."""
    p = cgrad.compile(lambda x, y: {"s": (x*y).sum(), "v": [cgrad.sin(x), 1.0]})
    x, y = RNG.normal(size=(2, n, 3))
    total, points = p.map(x, y, reduce="sum"), p.map(x, y)
    assert type(total["s"]) is float and type(total["v"][1]) is float and total["v"][1] == n and total["v"][0].shape == (3,)
    assert np.isclose(total["s"], points["s"].sum(), rtol=1e-12, atol=1e-12)
    assert np.allclose(total["v"][0], points["v"][0].sum(axis=0), rtol=1e-12, atol=1e-12)
    q = cgrad.compile(lambda x, y: (x*x*y).sum())
    value, (gx, gy) = q.map_value_and_grad(x, y, argnums=(0, 1), reduce="sum")
    assert type(value) is float and np.isclose(value, (x*x*y).sum(), rtol=1e-12, atol=1e-12)
    assert np.allclose(gx, (2*x*y).sum(axis=0), rtol=1e-12, atol=1e-12) and np.allclose(gy, (x*x).sum(axis=0), rtol=1e-12, atol=1e-12)
    if n:
        assert np.allclose(q.map_jacobian(x, y, reduce="sum"), (2*x*y).sum(axis=0), rtol=1e-12, atol=1e-12)
        assert np.allclose(q.map_hvp(x, y, v=y, reduce="sum"), (2*y*y).sum(axis=0), rtol=1e-12, atol=1e-12)


def test_sums_hold_on_to_small_terms():
    """By lanes and pieces, not one after the other: a tenth of that error at most."""
    p = cgrad.compile(lambda x: x*1.0)
    assert abs(p.map(np.full(10**6, 0.1), reduce="sum") - 1e5) < 0.1*abs(sum([0.1]*10**6) - 1e5)
    assert math.isnan(p.map(np.array([1.0, np.nan, 2.0]), reduce="sum"))
    assert p.map(np.array([np.inf, 1.0]), reduce="sum") == np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = np.where(np.arange(5000) % 4999 == 0, np.inf, 1.0)*np.where(np.arange(5000) < 2000, 1.0, -1.0)
        assert math.isnan(cgrad.compile(long).map(x, 0.9, in_axes=(0, None), reduce="sum"))
        assert math.isnan(cgrad.compile(lambda x: x if x > 0 else x*1.0).map(x, reduce="sum"))


MEMORY = """
import resource, sys
import numpy as np, cgrad
def f(x, y, w):
    if x > 2.0:
        return y*cgrad.exp(-x)*w[0]
    return cgrad.sin(x*y)*w[1]
p = cgrad.compile(f)
w = np.array([1.0, 2.0])
p.map_value_and_grad(np.array([1.0, 3.0]), 0.5, w, in_axes=(0, None, None), argnums=(0, 2), reduce="sum")
n = int(sys.argv[1])
x = np.broadcast_to(np.array([0.5]), (n,))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
value, gradient = p.map_value_and_grad(x, 0.5, w, in_axes=(0, None, None), argnums=(0, 2), reduce="sum", threads=int(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, value/n)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux alone")
@pytest.mark.parametrize("threads", [1, 2])
def test_sums_take_constant_memory(threads):
    """Resident memory that a batch adds, in KiB: of ten times as many points no more."""
    found = {}
    for n in (2*10**6, 2*10**7):
        run = subprocess.run([sys.executable, "-c", MEMORY, str(n), str(threads)], capture_output=True, text=True, check=True)
        found[n], mean = map(float, run.stdout.split())
        assert abs(mean - 2*math.sin(0.25)) < 1e-9
    assert max(found.values()) < 16_000, found
    assert found[2*10**7] < found[2*10**6] + 3000, found


def test_memory_of_results_is_theirs_alone():
    """Two million points, one result: no more than twice that."""
    p = cgrad.compile(lambda x: x*x)
    x = np.broadcast_to(0.5, (2*10**6,))
    p.map(x[:10])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = p.map(x)
    if sys.platform == "linux":
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3*result.nbytes/1024


# ---- captured values, constants ------------------------------------------------------------------------

def test_captured_values_are_read_afresh():
    w, m = cgrad.Value(2.0), cgrad.Tensor([1.0, -1.0])
    p = cgrad.compile(lambda x: w*x[0] + (m*x).sum())
    x = RNG.normal(size=(30, 2))
    for factor in (2.0, -7.5):
        w.data, m.data = factor, np.array([factor, 1.0])
        assert agree(p.map(x), factor*x[:, 0] + (x*[factor, 1.0]).sum(axis=1), False)
        values, gradients = p.map_value_and_grad(x)
        assert agree(gradients, np.broadcast_to([2*factor, 1.0], (30, 2)), False)
        assert np.isclose(p.map(x, reduce="sum"), values.sum())
    assert len(p.programs) == 1


def powers(x, n, shape=None):
    total = 0.0
    for k in range(n):
        total = total + x**k
    return total if shape is None else [total]*shape[0]


def test_static_arguments():
    """Constants of any kind, between the others; each has its recording, and no axis of points."""
    x = RNG.normal(size=20)
    p = cgrad.compile(powers, static=("n", "shape"))
    for n in (3, 5):
        want = sum(x**k for k in range(n))
        for axes in (0, (0, None)):
            assert np.allclose(p.map(x, n, in_axes=axes), want)
        values, gradients = p.map_value_and_grad(x, n)
        assert np.allclose(gradients, sum(k*x**(k - 1) for k in range(1, n)))
        assert len(p.map(x, n, (2, 3), in_axes=(0, None, None))) == 2
    assert len(p.programs) == 4
    assert p(2.0, 5) == 31.0
    program = p.programs[0]
    assert program(2.0, 5) == 31.0 and np.allclose(program.map(x, 5), sum(x**k for k in range(5)))
    for wrong in (3, 5.0, np.ones(2), [5], "5"):
        with pytest.raises(TypeError, match="was recorded for"):
            program(2.0, wrong)
        with pytest.raises(TypeError, match="was recorded for"):
            program.map(x, wrong, in_axes=(0, None))
    q = cgrad.compile(lambda mode, x: x*x if mode == "square" else -x)
    assert q.map("square", np.array([3.0])).tolist() == [9.0] and q.map("other", np.array([3.0])).tolist() == [-3.0]


def test_keyword_only_and_default_arguments():
    p = cgrad.compile(lambda x, scale=3.0: x*scale)
    assert p.map(np.array([1.0, 2.0])).tolist() == [3.0, 6.0]
    assert p.map(np.array([1.0, 2.0]), np.array([5.0, 7.0])).tolist() == [5.0, 14.0]


@functools.cache
def program_of_smooth():
    p = cgrad.compile(smooth)
    p(0.1, 0.2)
    return p.programs[0]


def test_programs_alone_have_the_same_batches():
    x, y = RNG.normal(size=(2, 70))
    check(program_of_smooth(), (x, y), 70, argnums=(0, 1))
    check(program_of_smooth(), (x, y), 70, exact=True)
