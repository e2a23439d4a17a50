"""Programs outside of the process: files, pickles, copies."""

import copy
import functools
import inspect
import multiprocessing
import os
import pickle
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import store_support as support

import cgrad
from cgrad import _optable
from cgrad.programs import record as recording
from cgrad.programs.storage import fields as store

HERE = Path(__file__).resolve().parent
SOURCES = Path(cgrad.__file__).resolve().parent.parent
NAN, INF = float("nan"), float("inf")


def same(a, b):
    """Equal to the bit, and of the same kinds."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    elif isinstance(a, float):
        assert struct.pack("d", a) == struct.pack("d", b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif hasattr(a, "__dataclass_fields__"):
        same(vars(a), vars(b))
    else:
        assert a == b


def through_a_file(p, folder):
    p.save(folder / "p.cgrad")
    return cgrad.load(folder / "p.cgrad")


def through_a_pickle(p, folder):
    return pickle.loads(pickle.dumps(p, 5))


def program_through_a_file(p, folder):
    p.programs[0].save(folder / "p.cgrad")
    same(cgrad.Program.load(folder / "p.cgrad").key, p.programs[0].key)
    return cgrad.load(folder / "p.cgrad")


WAYS = [through_a_file, through_a_pickle, program_through_a_file, lambda p, folder: copy.copy(p),
        lambda p, folder: copy.deepcopy(p)]

A = np.arange(6.0).reshape(2, 3)
STRUCTURES = {
    "number": (lambda x: x*x, (3.0,), {}),
    "array": (lambda x: (x*x).sum(), (A,), {}),
    "array of no axes": (lambda x: x*x, (np.array(2.0),), {}),
    "no numbers in an array": (lambda y, x: y*2.0, (1.0, np.zeros((0, 3))), {}),
    "list": (lambda x: x[0]*x[1], ([1.0, 2.0],), {}),
    "tuple": (lambda x: x[0]*x[1][0], ((1.0, (2.0,)),), {}),
    "dict": (lambda x: x["a"]*x[3], ({"a": 1.0, 3: 2.0, (1, None): 4.0},), {}),
    "dataclass": (lambda p: p.x*p.y[1], (support.Point(2.0, [3.0, A[0, 1]]),), {}),
    "frozen dataclass": (lambda n: n.at.x*n.at.y, (support.Named("n", support.Point(2.0, 3.0)),), {}),
    "inner class": (lambda p: p.x*p.x, (support.Outer.Inner(2.0),), {}),
    "namedtuple": (lambda p: p.x*p.y, (support.Pair(2.0, 3.0),), {}),
    "list of its own class": (lambda r: r[0]*r[1], (support.Row([2.0, 3.0]),), {}),
    "constants": (lambda x, *rest: x*x, (2.0, "text\0\ud800", True, False, None), {}),
    "empty": (lambda x, *rest: x*x, (2.0, [], (), {}), {}),
    "by name": (lambda x, *, y: x*y, (2.0,), {"y": 3.0}),
    "values in all structures": (
        lambda x: {"a": [x, (x*2, support.Pair(x, x))], "b": support.Point(x, "text"), 3: None, "c": 1.5, "d": []},
        (2.0,), {}),
    "an array of values": (lambda x: {"a": cgrad.exp(x), "b": x[:, 0]}, (A,), {}),
    "a constant as the value": (lambda x: (7.5, "text"), (2.0,), {}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", STRUCTURES)
def test_structures(what, way, tmp_path):
    f, args, kwargs = STRUCTURES[what]
    p = cgrad.compile(f)
    value = p(*args, **kwargs)
    q = way(p, tmp_path)
    same(q(*args, **kwargs), value)
    assert len(q.programs) == 1  # nothing new was recorded
    same(q.programs[0].key, p.programs[0].key)
    assert q.programs[0].key == p.programs[0].key
    if isinstance(value, float):
        same(q.value_and_grad(*args, **kwargs), p.value_and_grad(*args, **kwargs))
        same(q.hessian(*args, **kwargs), p.hessian(*args, **kwargs))


CONSTANTS = [0, -5, 10**3000, True, None, 1.5, -0.0, INF, -INF, "", "text\0\n\ud800é", (), (1, (2.5, None), "x", True)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("constant", CONSTANTS, ids=lambda x: repr(x)[:12])
def test_static_arguments(constant, way, tmp_path):
    p = cgrad.compile(lambda n, x: 2.0*x, static="n")
    p(constant, 3.0)
    q = way(p, tmp_path)
    assert q(constant, 4.0) == 8.0 and q(x=4.0, n=constant) == 8.0 and len(q.programs) == 1
    same(q.programs[0].key, p.programs[0].key)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("constant", [lambda: float("nan"), lambda: (1, float("nan")), lambda: (("x", float("-nan")),)])
def test_a_static_nan(constant, way, tmp_path):
    p = cgrad.compile(lambda n, x: 2.0*x, static="n")
    p(constant(), 3.0)
    assert p(constant(), 4.0) == 8.0 and len(p.programs) == 1
    q = way(p, tmp_path)
    assert q(constant(), 5.0) == 10.0  # nan is one constant, though it equals nothing
    assert len(q.programs) == 1


@pytest.mark.parametrize("way", WAYS[:2])
def test_every_operation(way, tmp_path):
    """Each row of the table, by its name."""
    rng = np.random.default_rng(1)
    for op in _optable.OPS:
        graph = cgrad._program.Graph.of({
            "op": [8]*op.arity + [9]*op.arity + [cgrad._program.GRAPH_OPS.index(op.name)],
            "a": [*range(op.arity), *range(op.arity), op.arity if op.d[0] is None else 0],
            "b": [-1]*2*op.arity + [-1 if op.arity < 2 else op.arity + 1 if op.d[1] is None else 1],
            "c": [-1]*2*op.arity + [-1 if op.arity < 3 else 2],
            "consts": [2.0]*op.arity, "n_inputs": op.arity})
        p = cgrad.Program(op.name, op.names, ((), *[("number",)]*op.arity), (("number",),)*op.arity, ("number",), graph,
                          np.array([2*op.arity]), [], [], [], "a test")
        x = rng.uniform(0.2, 0.8, op.arity).tolist()
        p.save(tmp_path / "p")
        q = cgrad.Program.load(tmp_path / "p") if way is through_a_file else through_a_pickle(p, None)
        same(q.value_and_grad(*x, argnums=tuple(range(op.arity))), p.value_and_grad(*x, argnums=tuple(range(op.arity))))
        for name, column in p.graph.columns().items():
            assert np.array_equal(q.graph.columns()[name], column)


# ---- guards, captured leaves, the rest of a function -----------------------------------------------

def branching(x, n=2, *, y=1.0):
    if isinstance(x, list):
        return x[0]
    if x > 1:
        return x*y
    for _ in range(int(4*cgrad.static(x)) + n):
        x = x*x
    return x


@pytest.mark.parametrize("way", WAYS[:2] + WAYS[3:])
def test_paths_and_guards(way, tmp_path):
    p = cgrad.compile(branching, static=("n",), max_paths=7, backend="interpreter")
    points = [2.0, 0.25, 0.5]
    values = [p(x) for x in points] + [p(2.0, n=4, y=0.5)]
    q = way(p, tmp_path)
    assert [q(x) for x in points] + [q(2.0, n=4, y=0.5)] == values
    assert len(q.programs) == 4
    assert (q.name, q.static, q.max_paths, q.backend) == (p.name, ("n",), 7, "interpreter")
    for mine, theirs in zip(reversed(q.programs), reversed(p.programs), strict=True):
        assert mine.guards == theirs.guards and mine.reason == theirs.reason and mine.outcomes == theirs.outcomes
        assert mine.names == theirs.names and mine.backend == "interpreter"
    assert f"{__file__}:" in q.explain() and "if x > 1" in q.explain()
    x = np.array([2.0, 0.25, 0.5, 3.0])
    same(q.map(x), p.map(x))
    same(q.map_value_and_grad(x, reduce="sum"), p.map_value_and_grad(x, reduce="sum"))
    if way is not through_a_file:
        q([2.0])  # what is recorded later is its own
        assert len(q.programs) == 5 and len(p.programs) == 4


@pytest.mark.parametrize("way", WAYS)
def test_what_became_of_branches(way, tmp_path):
    p = cgrad.compile(support.cubes)
    p(2.0)
    q = way(p, tmp_path)
    program = q.programs[0] if isinstance(q, cgrad.CompiledFunction) else q
    assert program.merges == 1 and program.branches == p.programs[0].branches
    assert program.branches.lines[0].startswith(f"merged: {support.__file__}:")


def test_what_is_not_recorded(tmp_path):
    p = cgrad.compile(branching)
    p(2.0)
    q = through_a_file(p, tmp_path)
    with pytest.raises(cgrad.GuardError, match=r"branching: was loaded without its function, and no path is recorded for these "
                                               r"numbers \(another outcome of .*test_store.py:\d+ in branching: if x > 1"):
        q(0.5)
    with pytest.raises(cgrad.GuardError, match="was loaded without its function"):
        q.map(np.array([2.0, 3.0, 0.5]))
    with pytest.raises(TypeError, match=r"no path is recorded for \(a list of 1 numbers\), only for \(a number\)"):
        q([2.0])
    with pytest.raises(TypeError, match="was loaded without its function.*give their .data"):
        q(cgrad.Value(2.0))
    assert q(3.0) == 3.0 and len(q.programs) == 1
    with pytest.raises(TypeError, match="unexpected keyword"):
        q(2.0, z=1)


def test_what_is_known_of_the_function(tmp_path):
    p = cgrad.compile(branching)
    p(2.0)
    q = through_a_file(p, tmp_path)
    assert str(inspect.signature(q)) == "(x, n=Ellipsis, *, y=Ellipsis)"
    assert (q.__name__, q.__qualname__, q.name) == ("branching",)*3
    again = through_a_file(q, tmp_path)  # without f from the start
    assert again(2.0) == 2.0 and inspect.signature(again) == inspect.signature(q)
    same(pickle.loads(pickle.dumps(q))(2.0), 2.0)
    n = cgrad.compile(max)  # a function that inspect knows nothing of
    n(2.0, 1.0)
    assert through_a_file(n, tmp_path)(3.0, 1.0) == 3.0


def captured_case():
    w, v, t = cgrad.Value(2.0, name="w"), cgrad.Value(0.5), cgrad.Tensor([1.0, 2.0], requires_grad=True, name="t")
    f = cgrad.Tensor(np.array([0.1], np.float32))
    p = support.guarded(lambda x: w*x + (t*t).sum() + f[0] if x > 0 else w*v*x)
    p(1.0), p(-1.0)
    return w, v, t, p


def test_captured_leaves(tmp_path):
    w, v, t, p = captured_case()
    q = through_a_file(p, tmp_path)
    w.data = -8.0
    one, two = q.programs
    assert (one(-3.0), two(3.0)) == (-3.0, 6.0 + 5.0 + float(np.float32(0.1)))  # their own numbers
    w2, v2 = one.captured
    assert sorted(map(str, ((type(x).__name__, x.name, x.shape, x.dtype, x.requires_grad) for x in two.captured))) \
        == sorted(map(str, ((type(x).__name__, x.name, x.shape, x.dtype, x.requires_grad) for x in p.programs[1].captured)))
    assert w2 is not w and (w2.name, v2.name) == ("w", "")
    assert any(x is w2 for x in two.captured)  # one leaf for all paths
    assert q.grad(-3.0, captured=[w2, v2]) == [-1.5, -6.0]
    w2.data = 4.0
    assert q(-3.0) == -6.0 and q(3.0) == 12.0 + 5.0 + float(np.float32(0.1))


def test_captured_leaves_in_pickles():
    """One pickle, one leaf: also of what is pickled with the function."""
    w, v, t, p = captured_case()
    q, (w2, t2) = pickle.loads(pickle.dumps((p, (w, t))))
    w2.data, t2.data = 10.0, [0.0, 0.0]
    assert q(3.0) == 30.0 + float(np.float32(0.1)) and q(-3.0) == -15.0
    assert p(-3.0) == -3.0


def test_a_captured_array_that_changed(tmp_path):
    t = cgrad.Tensor([1.0, 2.0])
    p = cgrad.compile(lambda x: (x*t).sum())
    p(1.0)
    t.data = np.ones(3)
    q = through_a_file(p, tmp_path)
    with pytest.raises(cgrad.GuardError, match="captured"):
        q(1.0)
    q.programs[0].captured[0].data = np.ones(2)
    assert q(3.0) == 6.0


def test_large_programs(tmp_path):
    def f(x):
        for k in range(30_000):
            x = cgrad.sin(x)*0.5 + 1/(k + 1)
        return x

    p = cgrad.compile(f)
    p(1.0)
    q = through_a_file(p, tmp_path)
    same(q.value_and_grad(0.3), p.value_and_grad(0.3))
    assert (tmp_path / "p.cgrad").stat().st_size < 15*p.programs[0].operations


# ---- what a file does not hold ---------------------------------------------------------------------

@dataclass
class Moved:
    x: float


def test_constants_that_files_do_not_hold(tmp_path):
    class Local:
        pass

    @dataclass
    class LocalPoint:
        x: float

    cases = [
        (lambda x: support.Colour.RED, (1.0,), {}, "the value of .*RED"),
        (lambda x, c: x, (1.0, support.Colour.RED), {}, "with the arguments x, c holds the constant a Colour"),
        (lambda x, c: x, (1.0, (1, b"")), {"static": "c"}, "bytes"),
        (lambda x, c: x, (1.0, np.float64(3.0)), {"static": "c"}, "float64"),
        (lambda x: x["a"], ({"a": 1.0, Local: 2.0},), {}, "_files_do_not_hold.*<lambda>.*a type"),
        (lambda p: p.x, (LocalPoint(1.0),), {}, "<locals>.LocalPoint, which cannot be found again"),
    ]
    file = tmp_path / "p.cgrad"
    file.write_bytes(b"before")
    for f, args, options, text in cases:
        p = cgrad.compile(f, **options)
        p(*args)
        with pytest.raises(cgrad.ProgramError, match=f"save: .*{text}"):
            p.save(file)
        with pytest.raises(cgrad.ProgramError, match=f"save: .*{text}"):
            p.programs[0].save(file)
    assert file.read_bytes() == b"before" and os.listdir(tmp_path) == ["p.cgrad"]
    p = cgrad.compile(lambda x: x)
    with pytest.raises(ValueError, match="save: .*no recorded path yet"):
        p.save(file)


def test_files_are_replaced_as_a_whole(tmp_path, monkeypatch):
    p = cgrad.compile(lambda x: x*x)
    p(1.0)
    file = tmp_path / "p.cgrad"
    file.write_bytes(b"before")
    link = tmp_path / "link"
    try:
        link.symlink_to(file)
    except OSError:
        pytest.skip("Windows makes no symbolic links for everybody")

    def fails(*_):
        raise OSError("full")

    with monkeypatch.context() as m:
        m.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="full"):
            p.save(file)
    assert file.read_bytes() == b"before" and sorted(os.listdir(tmp_path)) == ["link", "p.cgrad"]
    p.save(os.fspath(link))
    assert link.is_symlink() and cgrad.load(file)(3.0) == 9.0
    for bad in (tmp_path / "none" / "p", tmp_path):
        with pytest.raises(OSError):
            p.save(bad)
        with pytest.raises(OSError):
            cgrad.load(bad)
    assert sorted(os.listdir(tmp_path)) == ["link", "p.cgrad"]


def test_classes_are_not_imported(tmp_path):
    p = cgrad.compile(lambda p: p.x*p.y)
    p(support.Point(1.0, 2.0))
    p.save(tmp_path / "p.cgrad")
    program = """
import sys, cgrad
try:
    cgrad.load(sys.argv[1])
except cgrad.ProgramError as error:
    print(error)
assert "store_support" not in sys.modules
import store_support
print(cgrad.load(sys.argv[1])(store_support.Point(3.0, 4.0)))
"""
    shown = python(program, tmp_path / "p.cgrad").splitlines()
    assert "Point of store_support, which is not imported: import store_support first" in shown[0] and shown[1] == "12.0"


def test_classes_that_changed(tmp_path, monkeypatch):
    p = cgrad.compile(lambda p: p.x)
    p(Moved(1.0))
    p.save(tmp_path / "p")
    module = sys.modules[__name__]

    @dataclass
    class Other:
        y: float

    class Asked(type(sys)):
        def __getattr__(self, name):
            raise AssertionError("code was run")

    for new in (Other, 3, None, dict):
        monkeypatch.setattr(module, "Moved", new)
        with pytest.raises(cgrad.ProgramError, match="Moved"):
            cgrad.load(tmp_path / "p")
    monkeypatch.setitem(sys.modules, __name__, Asked(__name__))
    with pytest.raises(cgrad.ProgramError, match="import test_store first"):
        cgrad.load(tmp_path / "p")
    monkeypatch.setitem(sys.modules, __name__, None)
    with pytest.raises(cgrad.ProgramError, match="import test_store first"):
        cgrad.load(tmp_path / "p")
    monkeypatch.undo()
    p = cgrad.compile(lambda r: r[0])
    p(support.Pair(1.0, 2.0))
    p.save(tmp_path / "p")
    monkeypatch.setattr(support, "Pair", support.Pair.__base__)
    with pytest.raises(cgrad.ProgramError, match="a sequence of 2 entries"):
        cgrad.load(tmp_path / "p")


# ---- names of operations ----------------------------------------------------------------------------

def test_operations_go_by_name():
    """A table in another order is the same program; a name that is not known is none."""
    p = cgrad.compile(lambda x: cgrad.sin(x)*x + 2.0)
    p(1.0)
    fields = store.to_fields(p.programs[0].parts())
    n = len(fields["table"])
    other = {**fields, "table": fields["table"][::-1], "op": (n - 1 - fields["op"]).astype(np.uint8)}
    assert cgrad.Program.of(store.from_fields(other))(1.5) == p(1.5)
    for table, text in (([("sine" if name == "sin" else name, k) for name, k in fields["table"]], "'sine' is not known"),
                        ([("leaf" if name == "sin" else name, k) for name, k in fields["table"]], "'leaf' is not known"),
                        ([(name, 2 if name == "sin" else k) for name, k in fields["table"]], "sin of 2 operands"),
                        (fields["table"][1:], "not in the table")):
        with pytest.raises(cgrad.ProgramError, match=text):
            store.from_fields({**fields, "table": table})


# ---- pickles ---------------------------------------------------------------------------------------

def python(program, *arguments, data=None):
    """Run a program in another process, which can import this module."""
    path = os.pathsep.join([str(SOURCES), str(HERE), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run([sys.executable, "-W", "error", "-c", program, *map(str, arguments)], input=data, capture_output=True,
                         env={**os.environ, "PYTHONPATH": path})
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode()


ELSEWHERE = """
import pickle, sys
for p in pickle.load(sys.stdin.buffer):
    try:
        print(p.name, p(2.0), p.grad(2.0), p(-3.0))
    except Exception as error:
        print(p.name, p(2.0), p.grad(2.0), type(error).__name__, error)
"""


def test_pickles_elsewhere():
    """With f where pickle finds it by name, else as recorded paths."""
    closed = 2.0
    model = support.Model()
    with_f = [cgrad.compile(support.cubes), support.squares, model.forward, cgrad.compile(support.Scaled()),
              cgrad.compile(functools.partial(support.scaled, 4.0))]
    without = [support.guarded(lambda x: closed*x if x > 0 else x), support.guarded(functools.partial(lambda a, x: a*x if x > 0 else x, 3.0))]
    for p in with_f + without:
        p(1.0)
    program = support.squares.programs[-1]
    lines = python(ELSEWHERE, data=pickle.dumps([*with_f, *without, program])).splitlines()
    assert lines[:5] == ["cubes 8.0 12.0 3.0", "squares 4.0 4.0 3.0", "Model.call 6.0 3.0 -3.0",
                         "Scaled 4.0 2.0 -3.0", "partial 8.0 4.0 -3.0"]
    assert "4.0 2.0 GuardError" in lines[5] and "was loaded without its function" in lines[5]
    assert "6.0 3.0 GuardError" in lines[6] and "was loaded without its function" in lines[6]
    assert "4.0 4.0 GuardError" in lines[7] and "this program was recorded where" in lines[7]


def test_a_pickle_without_its_module():
    """A decorated function whose module is not there is replayed all the same."""
    support.squares(1.0)
    data = pickle.dumps([support.squares]).replace(b"store_support", b"store_suppont")
    assert "was loaded without its function" in python(ELSEWHERE, data=data)


def test_each_protocol():
    w, v, t, p = captured_case()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for x in (p, p.programs[0], cgrad.compile(support.cubes), support.squares):
            y = pickle.loads(pickle.dumps(x, protocol))
            assert type(y) is type(x) and y.name == x.name
        assert pickle.loads(pickle.dumps(p, protocol))(-3.0) == p(-3.0)


def test_a_decorated_function_stays_itself():
    p = pickle.loads(pickle.dumps(support.squares))
    assert p is not support.squares and p.function is support.squares.function and p.__doc__ == support.squares.__doc__


def work(p, x):
    return p.value_and_grad(x), len(p.programs)


def test_multiprocessing():
    support.squares(1.0)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap(work, [(support.squares, 3.0), (support.squares, -3.0)])
    assert found[0][0] == (9.0, 6.0) and found[1][0] == (3.0, -1.0)


def test_cloudpickle():
    cloudpickle = pytest.importorskip("cloudpickle", reason="comes with dask: group 'test'")
    closed = 2.0
    p = cgrad.compile(lambda x: closed*x)
    p(1.0)
    assert "4.0 2.0" in python(ELSEWHERE, data=cloudpickle.dumps([p, support.squares]))


def test_damaged_pickles():
    p = cgrad.compile(lambda x: x*x if x > 0 else x)
    p(1.0)
    fields = store.to_fields(p.programs[0].parts())
    for name, new in {"op": fields["op"][:-1], "operand": fields["operand"] + 1, "outputs": np.array([99], np.int32),
                      "guard": fields["outputs"], "expected": np.array([2], np.uint8), "line": np.array([1], np.int32),
                      "consts": fields["consts"][:-1], "names": (), "shapes": (), "key": (("y",), ("number",)),
                      "captured_shapes": [()], "out": ("array", (2,)), "backend": "none"}.items():
        with pytest.raises(cgrad.ProgramError):
            store.from_fields({**fields, name: new})


# ---- copies ----------------------------------------------------------------------------------------

def test_copies(tmp_path):
    w, v, t, p = captured_case()
    for q in (copy.copy(p), copy.deepcopy(p)):
        assert q.function is p.function and [x.captured for x in q.programs] == [x.captured for x in p.programs]
        w.data = w.data + 1.0
        assert q(-3.0) == p(-3.0) == -1.5*w.data
    loaded = through_a_file(p, tmp_path)
    other = copy.deepcopy(loaded)
    other.programs[0].captured[0].data = 1.0
    assert other(-3.0) != loaded(-3.0) == p(-3.0)
    program = copy.deepcopy(p.programs[0])
    assert program(-3.0) == p(-3.0) and program.captured[0] is not w and copy.copy(p.programs[0])(-3.0) == p(-3.0)


def test_copies_count_for_themselves():
    p = cgrad.compile(branching, max_paths=2)
    p(2.0)
    q = copy.copy(p)
    with pytest.warns(RuntimeWarning, match="2 paths are recorded"):
        for k in range(60):
            q(1/(k + 2))
    assert p(3.0) == 3.0 and p.programs[0].kept and len(p.programs) == 1 and len(q.programs) <= 2


def test_what_a_module_has_of_its_own():
    """A function by name uses the Values of its module; its recorded paths came with the numbers that they had."""
    p = copy.copy(support.with_a_weight)
    p(-1.0)
    q = pickle.loads(pickle.dumps(p))
    for other in (q, copy.copy(q), copy.deepcopy(q)):
        assert other(-3.0) == -6.0 and other(3.0) == 9.0
        with pytest.raises(cgrad.GuardError, match="another path uses 'weight' of a module here"):
            other([1.0])
    p = cgrad.compile(support.with_its_own)
    p(1.0)
    assert pickle.loads(pickle.dumps(p))(-1.0) == 1.5  # a Value that f made itself is its own
    p = copy.copy(support.with_a_weight)
    p(1.0)
    assert pickle.loads(pickle.dumps(p))(-3.0) == -6.0  # nothing came: it is the module's


def test_a_trace_that_another_thread_holds(monkeypatch):
    """It looks through the traces of all: a Value that f made itself is its own all the same."""
    held = []
    monkeypatch.setattr(recording, "Trace", lambda *given: held.append(cgrad._core.Trace(*given)) or held[-1])
    p = support.guarded(support.with_its_own)
    p(1.0)
    assert pickle.loads(pickle.dumps(p))(-1.0) == 1.5 and len(held) == 2


def test_the_method_of_a_copied_object():
    model = support.Model()
    model.forward(2.0)
    assert len(copy.deepcopy(model).forward.programs) == 0  # which would read the w of the first
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.deepcopy(model.forward).function.__self__,
                  pickle.loads(pickle.dumps(model.forward)).function.__self__):
        assert other.forward.function.__self__ is other
        other.w.data = 10.0
        assert other.forward(2.0) == 20.0 and other.forward(-2.0) == -2.0
        assert other.forward.grad(2.0, captured=other.w) == [2.0]
    assert model.forward(2.0) == 6.0


def test_paths_that_rely_on_attributes(tmp_path):
    """They go where their objects go; where f goes alone they stay; without f the one that holds goes."""
    one = support.Switch()
    assert one.p(1.0) == 2.0
    for other, known in ((pickle.loads(pickle.dumps(one)), 1), (copy.deepcopy(one), 0)):
        assert len(other.p.programs) == known
        assert other.p(1.0) == 2.0 and len(other.p.programs) == 1
        other.on = False
        assert other.p(1.0) == 3.0 and one.p(1.0) == 2.0
    p = cgrad.compile(support.switched)
    p(1.0)
    q = pickle.loads(pickle.dumps(p))
    assert len(q.programs) == 0 and q(1.0) == 2.0
    p = cgrad.compile(lambda x: one.call(x))
    assert p(1.0) == 2.0
    one.on = False
    assert p(1.0) == 3.0 and len(p.programs) == 2
    for q in (through_a_file(p, tmp_path), through_a_pickle(p, tmp_path)):
        assert len(q.programs) == 1 and q(1.0) == 3.0
    assert copy.copy(p)(1.0) == 3.0
    one.on = True
    assert copy.copy(p)(1.0) == 2.0
