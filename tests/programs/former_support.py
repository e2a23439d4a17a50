"""Compiled functions and programs as pickles and files, for test_former.py: the fixtures in ``former/`` hold them.

They were written by the first version that could, whose modules had other names: ``python former_support.py``, with that
version on the path. Only operations occur that round alike everywhere, as numbers are compared by their bits.
"""

import functools
import inspect
import json
import pickle
import sys
import tempfile
import types
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cgrad
from cgrad._core import rely_on

FOLDER = Path(__file__).resolve().parent / "former"
ARRAY = np.arange(6.0).reshape(2, 3)
Pair = namedtuple("Pair", "x y")


class Row(list):
    pass


@dataclass
class Point:
    x: Any
    y: Any


@dataclass(frozen=True)
class Named:
    name: str
    at: Point


class Outer:
    @dataclass
    class Inner:
        x: Any


def cubed(x):
    return x*x*x if x > 0 else -x


@cgrad.compile
def squared(x):
    """A square, or the opposite."""
    return x*x if x > 0 else -x


weight = cgrad.Value(2.0, name="weight")


@cgrad.compile
def weighted(x):
    return weight*x if x > 0 else x


class Model:
    """An object with a compiled method, which captures a Value of it and relies on an attribute."""

    def __init__(self):
        self.w = cgrad.Value(3.0, name="w")
        self.on = True
        self.p = cgrad.compile(self.call)

    def call(self, x):
        return self.w*x if rely_on(self, "on") else x


class Scaled:
    def __call__(self, x):
        return 2.0*x if x > 0 else x


def scaled(by, x):
    return by*x if x > 0 else x


def compiled(f, *calls, **options):
    """A compiled function after these calls."""
    p = cgrad.compile(f, **options)
    for args in calls:
        p(*args)
    return p


def structures():
    """A function for each kind of structure, with the arguments of a call."""
    return {
        "number": (lambda x: x*x, (3.0,), {}),
        "array": (lambda x: (x*x).sum(), (ARRAY,), {}),
        "array_without_axes": (lambda x: x*x, (np.array(2.0),), {}),
        "empty_array": (lambda y, x: y*2.0, (1.0, np.zeros((0, 3))), {}),
        "list": (lambda x: x[0]*x[1], ([1.5, 2.0],), {}),
        "tuple": (lambda x: x[0]*x[1][0], ((1.5, (2.0,)),), {}),
        "dict": (lambda x: x["a"]*x[3], ({"a": 1.0, 3: 2.0, (1, None): 4.0},), {}),
        "dataclass": (lambda p: p.x*p.y[1], (Point(2.0, [3.0, 1.5]),), {}),
        "frozen_dataclass": (lambda n: n.at.x*n.at.y, (Named("n", Point(2.0, 3.0)),), {}),
        "inner_class": (lambda p: p.x*p.x, (Outer.Inner(2.0),), {}),
        "namedtuple": (lambda p: p.x*p.y, (Pair(2.0, 3.0),), {}),
        "class_of_list": (lambda r: r[0]*r[1], (Row([2.0, 3.0]),), {}),
        "constants": (lambda x, *rest: x*x, (2.0, "text\0\ud800", True, False, None), {}),
        "empty": (lambda x, *rest: x*x, (2.0, [], (), {}), {}),
        "keyword": (lambda x, *, y: x*y, (2.0,), {"y": 3.0}),
        "results": (lambda x: {"a": [x, (x*2, Pair(x, x))], "b": Point(x, "text"), 3: None, "c": 1.5, "d": []},
                    (2.0,), {}),
        "arrays": (lambda x: {"a": x/4, "b": x[:, 0], "c": cgrad.sqrt(x[1])}, (ARRAY,), {}),
        "constant_result": (lambda x: (7.5, "text"), (2.0,), {}),
    }


def static_constants():
    return [0, -5, 10**30, True, None, 1.5, -0.0, float("inf"), "", "text\0\n\ud800é", (),
            (1, (2.5, None), "x", True)]


def functions():
    """Compiled functions and programs, each with arguments of calls (positional and named) to compare."""
    w, t = cgrad.Value(-1.5, name="w"), cgrad.Tensor([1.0, 2.0], requires_grad=True, name="t")
    single = cgrad.Tensor(np.array([0.5, 0.25], np.float32), requires_grad=True)
    model = Model()
    model.p(1.0)
    branching = compiled(lambda x: x*x if x > 1 else cgrad.sqrt(x) if x > 0.25 else -x, (2.0,), (0.5,), (0.125,))
    for p in (squared, weighted):
        p(2.0)
        p(-2.0)
    found = {
        "lambda": (branching, [(3.0,), (0.75,), (-1.0,)]),
        "captured": (compiled(lambda x: w*x + (t*single).sum() if x > 0 else w - x, (1.0,), (-1.0,)), [(2.0,), (-3.0,)]),
        "static": (compiled(lambda n, x: x**2*n, (2, 3.0), (3, 3.0), static="n"), [(2, 5.0), (3, 5.0)]),
        "module_function": (compiled(cubed, (2.0,)), [(3.0,), (-3.0,)]),
        "decorated": (squared, [(3.0,), (-3.0,)]),
        "decorated_with_a_value": (weighted, [(3.0,), (-3.0,)]),
        "method": (model.p, [(3.0,)]),
        "object": (compiled(Scaled(), (2.0,)), [(3.0,), (-3.0,)]),
        "partial": (compiled(functools.partial(scaled, 4.0), (2.0,)), [(3.0,), (-3.0,)]),
        "without_its_function": (pickle.loads(pickle.dumps(branching)), [(3.0,), (0.75,), (-1.0,)]),
        "unused": (cgrad.compile(cubed, max_paths=3), [(3.0,), (-3.0,)]),
        "program": (branching.programs[0], [(-1.0,)]),
        "program_with_captured": (compiled(lambda x: w*x*t[1], (1.0,)).programs[0], [(2.0,), (-3.0,)]),
    }
    for k, constant in enumerate(static_constants()):
        found[f"static_{k}"] = compiled(lambda n, x: 2.0*x, (constant, 3.0), static="n"), [(constant, 4.0)]
    found = {name: (p, [(args, {}) for args in calls]) for name, (p, calls) in found.items()}
    for name, (f, args, kwargs) in structures().items():
        p = cgrad.compile(f)
        p(*args, **kwargs)
        found[f"of_{name}"] = p, [(args, kwargs)]
    return found


def spelled(x):
    """A result in JSON, floats by their bits."""
    if isinstance(x, np.ndarray):
        return ["array", list(x.shape), [spelled(v) for v in x.ravel().tolist()]]
    if isinstance(x, float):
        return x.hex()
    if isinstance(x, dict):
        return ["dict", [[repr(key), spelled(v)] for key, v in x.items()]]
    if isinstance(x, (list, tuple)):
        return [type(x).__name__, [spelled(v) for v in x]]
    if hasattr(x, "__dataclass_fields__"):
        return [type(x).__qualname__, spelled(vars(x))]
    return repr(x)


def answer(method, args, **kwargs):
    """The result of a call, or the name of the error: a path that is not recorded, a value without a gradient."""
    try:
        return spelled(method(*args, **kwargs))
    except (cgrad.GuardError, TypeError) as error:
        return type(error).__name__


def answers(p, calls):
    """The results of a function or program: values, derivatives, batches, and its description."""
    found = {"name": p.name, "values": [answer(p, args, **kwargs) for args, kwargs in calls]}
    if all(len(args) == 1 and isinstance(args[0], float) and not kwargs for args, kwargs in calls):
        points = np.array([args[0] for args, _ in calls])
        for kind in ("value_and_grad", "hessian", "jacobian"):
            found[kind] = [answer(getattr(p, kind), args) for args, _ in calls]
        found["map"] = answer(p.map_value_and_grad, (points,), exact=True)
    if isinstance(p, cgrad.CompiledFunction):
        found["about"] = [list(p.static), p.backend, p.max_paths, str(inspect.signature(p)), repr(p)]
    return found


def loaded(name, way, data):
    """(a function or program, arguments of calls) from the bytes of a fixture."""
    p, calls = pickle.loads(data["pickle"])
    if way == "file":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "p.cgrad"
            path.write_bytes(data["file"])
            p = cgrad.load(path)
    return p, calls


def fixture(p, calls):
    """A function or program as bytes: as a pickle, and where it has a path as a file."""
    data = {"pickle": pickle.dumps((p, calls), 4)}
    if isinstance(p, cgrad.Program) or p.programs:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "p.cgrad"
            p.save(path)
            data["file"] = path.read_bytes()
    return data


def write():
    """Write the fixtures, and what they answer here."""
    FOLDER.mkdir(exist_ok=True)
    data = {name: fixture(*x) for name, x in functions().items()}
    expected = {name: {way: answers(*loaded(name, way, ways)) for way in ways} for name, ways in data.items()}
    (FOLDER / "programs.pickle").write_bytes(pickle.dumps(data, 4))
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(x, separators=(',', ':'))}" for name, x in expected.items())
    (FOLDER / "expected.json").write_text(f"{{{rows}}}\n", encoding="ascii")


if __name__ == "__main__":  # as a module that pickle finds, whose functions are of no machine's path
    module = sys.modules["former_support"] = types.ModuleType("former_support")
    module.__file__ = __file__
    exec(compile(Path(__file__).read_text(encoding="utf-8"), "former_support.py", "exec"), vars(module))
    module.write()
