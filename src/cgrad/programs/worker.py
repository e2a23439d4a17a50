"""Chunks of points on the workers of a cluster: the jobs that are sent, and their tasks.

All chunks have a job in common: the function with its recorded paths, and the arguments that are no points. A task
begins with the paths that were sent, not with those that its worker has met meanwhile, so it computes the same bits
wherever and however often it runs.
"""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from . import pytree
from .arguments import Arguments
from .function import CompiledFunction
from .locks import Lock
from .path import Program
from .paths import Paths
from .pytree import Array, TreeDef
from .request import VALUE
from .storage import references
from .transforms import NO_SEEDS


class Part(NamedTuple):
    """An argument, as a job knows it."""

    tree: TreeDef
    kinds: list[str]  # of its leaves: plain; points, array: with an axis of points; whole: the same for all chunks
    leaves: list[Any]  # plain ones, else None
    bag: bool  # its points are those of a bag, and it has no leaves here


class Task(NamedTuple):
    """The parts of a job besides the function."""

    parts: list[Part]
    options: dict[str, Any]  # of map or map_value_and_grad
    out: TreeDef  # of the value
    shapes: list[tuple[int, ...]]  # of the leaves of the results, at one point


# ---- what is sent ----------------------------------------------------------------------------------

def packed(p: Any, task: Task) -> bytes:
    """A job as bytes. f goes by value, if it can, where workers could not find it by its name."""
    cloudpickle: Any = importlib.import_module("cloudpickle")
    if isinstance(p, Program):
        return bytes(cloudpickle.dumps((p, None, task)))
    make, _, state = p.__reduce__()
    carried = state["function"]
    if isinstance(carried, references.Missing) \
            or (isinstance(carried, references.Reference) and carried.found[0] == "__main__"):
        try:
            return bytes(cloudpickle.dumps((make, {**state, "function": p.function}, task)))
        except Exception:  # what holds locks, files, ... raises what it likes
            pass
    return bytes(cloudpickle.dumps((make, state, task)))


class Carrier:
    """A job on its way from worker to worker: bytes, which are unpickled where and when it is needed."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.lock = Lock()
        self.opened: Runner | None = None

    def __reduce__(self) -> Any:
        return Carrier, (self.data,)

    @property
    def runner(self) -> Runner:
        with self.lock:
            if self.opened is None:
                self.opened = Runner(self.data)
            return self.opened


class Unpickler(pickle.Unpickler):
    """Unpickler that keeps a list of the leaves in a pickle."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.came: list[Any] = []

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if (module, name) not in (("cgrad._core", "_leaf"), ("cgrad._core", "_tensor_leaf")):
            return found

        def noted(*args: Any) -> Any:
            self.came.append(found(*args))
            return self.came[-1]

        return noted


# ---- on a worker -----------------------------------------------------------------------------------

class Runner:
    """Runs the chunks of one job."""

    def __init__(self, data: bytes) -> None:
        unpickler = Unpickler(data)
        p, state, self.task = unpickler.load()
        self.came = unpickler.came
        self.p: Any = p
        if state is not None:
            self.p = p()
            self.p.__setstate__(state)
        self.met: list[Program] = []  # paths that were recorded here

    def function(self) -> Any:
        """The function as it was sent, whatever was recorded here meanwhile."""
        return self.p if isinstance(self.p, Program) else RemoteFunction.of(self.p, self)

    def run(self, blocks: Sequence[Any], wholes: Sequence[Any]) -> list[Any]:
        """The results for one chunk, leaf by leaf."""
        task = self.task
        args, axes, count = self.arguments(blocks, wholes)
        if not count:
            return [np.zeros(shape if task.options["reduce"] else (0, *shape)) for shape in task.shapes]
        p = self.function()
        run = p.map_value_and_grad if "argnums" in task.options else p.map
        leaves: list[Any] = []
        pytree.flatten(p.name, run(*args, in_axes=axes, **task.options), leaves)
        if p is not self.p and p.programs and p.programs[0].out != task.out:
            raise errors.uneven_values(p.name, pytree.describe(task.out), pytree.describe(p.programs[0].out))
        return leaves

    def arguments(self, blocks: Sequence[Any], wholes: Sequence[Any]) -> tuple[list[Any], tuple[Any, ...], int]:
        """The arguments for one chunk, their in_axes, and the number of points."""
        chunk, whole = iter(blocks), iter(wholes)
        args, axes, count = [], [], 0
        for part in self.task.parts:
            if part.bag:
                leaves = stacked(self.p.name, list(next(chunk)), part.tree)
                along: list[int | None] = [0]*len(leaves)
            else:
                along = [0 if kind in ("points", "array") else None for kind in part.kinds]
                leaves = [next(chunk) if axis == 0 else next(whole) if kind == "whole" else leaf
                          for leaf, kind, axis in zip(part.leaves, part.kinds, along, strict=True)]
            count = max([count, *[len(x) for x, axis in zip(leaves, along, strict=True) if axis == 0]])
            args.append(pytree.unflatten(part.tree, iter(leaves)))
            axes.append(pytree.unflatten(part.tree, iter(along)))
        return args, tuple(axes), count


class RemoteFunction(CompiledFunction):
    """A compiled function for one chunk: it begins with the paths that were sent."""

    runner: Runner

    @staticmethod
    def of(p: CompiledFunction, runner: Runner) -> RemoteFunction:
        made = RemoteFunction.__new__(RemoteFunction)
        made.runner = runner
        p._copied(made, p.function, {program: program.twin() for program in p.programs})
        made._paths.came = runner.came
        return made

    def _new_paths(self, *options: Any) -> Paths:
        return RemotePaths(self.runner, *options)


class RemotePaths(Paths):
    """The paths of such a function. A path that an earlier chunk has recorded here is reused: it would be the same."""

    def __init__(self, runner: Runner, function: Callable[..., Any], *options: Any) -> None:
        super().__init__(function, *options)
        self.runner = runner

    def record(self, arguments: Arguments, reason: str) -> Program:
        numbers, met = arguments.numbers, self.runner.met
        for program in met[:]:
            if program.key == arguments.key and program.fits() and not program.attempt(VALUE, numbers, NO_SEEDS)[0]:
                return program.twin()
        program = super().record(arguments, reason)
        met.append(program)
        del met[:-self.max_paths]
        return program.twin()


def stacked(name: str, points: list[Any], tree: TreeDef) -> list[Any]:
    """The leaves of many points, each in an array with the points first."""
    columns: list[list[Any]] = [[] for _ in pytree.leaves_of(tree)]
    for x in points:
        leaves: list[Any] = []
        found = pytree.flatten(name, x, leaves)
        if found != tree:
            raise errors.uneven_points(name, pytree.describe(tree), pytree.describe(found))
        for column, leaf in zip(columns, leaves, strict=True):
            column.append(leaf)
    return [np.array(column, np.float64).reshape(len(points), *pytree.shape_of(leaf))
            for column, leaf in zip(columns, pytree.leaves_of(tree), strict=True)]


# ---- tasks -----------------------------------------------------------------------------------------

def results(*blocks: Any, carrier: Carrier, wholes: Sequence[Any]) -> list[Any]:
    """The leaves of the results at a chunk's points."""
    return carrier.runner.run(blocks, wholes)


def sums(*blocks: Any, carrier: Carrier, wholes: Sequence[Any]) -> Array:
    """A row of sums over a chunk's points."""
    return pytree.ravel(carrier.runner.run(blocks, wholes))[None]


def added(rows: Array) -> Array:
    """Rows added up, from the first to the last."""
    total = rows[:1].copy()
    for row in rows[1:]:
        total += row
    return total
