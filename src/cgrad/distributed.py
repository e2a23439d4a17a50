"""Programs over a cluster: the points of a Dask array or bag, chunk by chunk, on Dask's workers.

A *job* is what all chunks have in common: the function with its recorded paths and the arguments that are no points. It
is a task of its own, so that a worker gets it once, and any worker can get it again. A chunk's task reads the job and
the chunk and nothing else, and begins with the paths that were sent, not with those that its worker has met meanwhile.
So it gives the same bits wherever, whenever and however often it is run: what a lost worker had done is done again.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import itertools
import math
import operator
import pickle
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import errors
from ._core import Tensor, Value
from .programs import pytree, store
from .programs.batch import START, VALUE
from .programs.function import CompiledFunction
from .programs.path import Program
from .programs.pytree import Shape
from .programs.transforms import NOTHING, Arguments, By, Calls

__all__ = ["map", "map_reduce"]

Array = np.ndarray[Any, Any]
TOGETHER = 8  # sums that are added up in one task


# ---- what users call -------------------------------------------------------------------------------

def map(p: Calls, *args: Any, argnums: Any = None, in_axes: Any = 0, client: Any = None, threads: int | None = 1,
        exact: bool = False) -> Any:
    """distributed.map(p, *args, argnums=None, in_axes=0, client=None, threads=1, exact=False): p.map by a Dask cluster.

    p: a compiled function or a Program. args: as ``p.map`` takes them, where arrays may be Dask arrays, cut into chunks
    along the axis of points (the first one's chunks count); or one of them is a Dask bag of points, each in the
    argument's structure, and the others are the same for all. threads, exact: as ``p.map``, in each task.

    Gives the values f(x_i) in the structure of the value, as Dask arrays, points first; with argnums the pair (values,
    gradients), gradients in the structure of the arguments named. They are lazy: nothing runs before they are computed.
    The function goes along as it is now: captured Values and Tensors with their numbers, and f itself where a pickle
    can hold it, so that workers record paths that they meet. Where nothing is recorded yet for such arguments, the
    first point is computed at once, and recorded here (client: who computes it, by default Dask's current one).

    Raises ImportError without Dask (pip install 'pycgrad[dask]'), TypeError where no argument is a Dask array or bag,
    ValueError for lengths that differ; in the tasks GuardError for a path that is not recorded, where f did not go
    along, or where it would use a Value of the worker's own modules, which may have another number than here.

    >>> import cgrad
    >>> p = cgrad.compile(lambda x: x*x if x > 0 else -x)
    >>> def gradients(x):
    ...     import dask.array as da
    ...     values, gradients = cgrad.distributed.map(p, da.from_array(x, chunks=2), argnums=0)
    ...     return gradients.compute()
    >>> def on_one_machine(x):
    ...     return p.map_value_and_grad(x)[1]
    >>> import numpy as np, importlib.util
    >>> extra = importlib.util.find_spec("dask")  # pip install 'pycgrad[dask]'
    >>> (gradients if extra else on_one_machine)(np.array([1.0, -2.0, 3.0]))
    array([ 2., -1.,  6.])
    """
    plan = Plan("distributed.map", p, args, argnums, in_axes, client, threads, exact, None)
    da, sent, leaves = plan.da, plan.sent(), []
    if plan.bag is None:
        tasks = plan.blockwise(results, (0,), sent)
        for i, dims in enumerate(plan.result_dims):
            leaves.append(tasks.map_blocks(operator.itemgetter(i), new_axis=[*range(1, 1 + len(dims))] or None,
                                           chunks=(tasks.chunks[0], *dims), meta=np.empty((0,)*(1 + len(dims)))))
    else:
        parts = [plan.delayed(results, pure=True)(part, **sent) for part in plan.bag.to_delayed()]
        for i, dims in enumerate(plan.result_dims):
            blocks = [da.from_delayed(part[i], (math.nan, *dims), float) for part in parts]
            leaves.append(da.concatenate(blocks, allow_unknown_chunksizes=True))
    return plan.answer(leaves)


def map_reduce(p: Calls, *args: Any, argnums: Any = None, in_axes: Any = 0, client: Any = None, threads: int | None = 1,
               exact: bool = False) -> Any:
    """distributed.map_reduce(p, *args, argnums=None, in_axes=0, client=None, threads=1, exact=False): sums over points.

    Arguments as ``map`` takes them. Gives sum_i f(x_i), in the structure of the value; with argnums the pair (values,
    gradients), both added up. It is computed at once, by the client, or by Dask's current one.

    Each chunk is added up as ``copy.copy(p).map(chunk, reduce="sum")`` does it, to the bit, whatever its worker has
    done before; the chunks' sums are added up in a tree, eight neighbours at a time, from left to right, and their sums
    likewise. So the result depends on the points, the chunks and the recorded paths of p alone: not on the workers,
    their number, or their losses. From one machine's ``p.map(..., reduce="sum")`` it differs by the order of
    additions.

    Raises as ``map`` does.

    >>> import cgrad
    >>> p = cgrad.compile(lambda x: x*x if x > 0 else -x)
    >>> def sums(x):
    ...     import dask.array as da
    ...     return cgrad.distributed.map_reduce(p, da.from_array(x, chunks=2), argnums=0)
    >>> def on_one_machine(x):
    ...     return p.map_value_and_grad(x, reduce="sum")
    >>> import numpy as np, importlib.util
    >>> extra = importlib.util.find_spec("dask")  # pip install 'pycgrad[dask]'
    >>> (sums if extra else on_one_machine)(np.array([1.0, -2.0, 3.0]))
    (12.0, 7.0)
    """
    plan = Plan("distributed.map_reduce", p, args, argnums, in_axes, client, threads, exact, "sum")
    da, sent, width = plan.da, plan.sent(), sum([math.prod(one) for one in plan.result_dims])
    if plan.bag is None:
        rows = plan.blockwise(sums, (0, 1), sent, new_axes={1: width}, adjust_chunks={0: 1})
    else:
        rows = da.concatenate([da.from_delayed(plan.delayed(sums, pure=True)(part, **sent), (1, width), float)
                               for part in plan.bag.to_delayed()])
    while rows.shape[0] > 1:
        rows = rows.rechunk({0: TOGETHER})
        rows = rows.map_blocks(added, chunks=((1,)*rows.numblocks[0], (width,)), dtype=float, meta=np.empty((0, 0)))
    (total,) = computed(plan.client, [rows])
    return plan.answer(total[0])


# ---- on the client ---------------------------------------------------------------------------------

class Entry(NamedTuple):
    """One leaf of an argument."""

    k: int  # the argument
    leaf: Any
    kind: str  # plain; points: a Dask array of them; array: one of NumPy; whole: a Dask array that is the same for all
    axis: int | None = None

    def example(self) -> Any:
        """Something in a point's shape."""
        if self.kind == "plain":
            return self.leaf
        dims = [n for d, n in enumerate(self.leaf.shape) if d != self.axis]
        return np.zeros(dims) if dims or self.axis is None else 0.0

    def first(self, found: Any) -> Any:
        """The first point of an array; zeros where there is none."""
        if not len(found):
            return self.example()
        part = np.asarray(found[0], np.float64)
        return part if part.ndim else float(part)


class Part(NamedTuple):
    """What a job knows of one argument."""

    shape: Shape
    kinds: list[str]   # of its leaves; of a bag: none
    leaves: list[Any]  # plain ones, else None
    bag: bool


class Plan:
    """The arguments of a call, taken apart: the points, and the job."""

    def __init__(self, op: str, p: Calls, args: tuple[Any, ...], argnums: Any, in_axes: Any, client: Any,
                 threads: int | None, exact: bool, reduce: str | None) -> None:
        if not isinstance(p, (CompiledFunction, Program)):
            raise errors.no_compiled(op, p)
        try:
            self.da: Any = importlib.import_module("dask.array")
            bags: Any = importlib.import_module("dask.bag")
            self.delayed: Any = importlib.import_module("dask").delayed
        except ImportError:
            raise errors.no_package(op, "dask", "dask", "use p.map, on one machine") from None
        self.op, self.p, self.client, self.reduce = op, p, client, reduce
        self.bag: Any = None
        self.arrays: list[Any] = []  # Dask arrays, points first
        self.entries: list[Entry] = []
        self.parts: list[Part] = []
        axes = in_axes if isinstance(in_axes, (tuple, list)) else [in_axes]*len(args)
        if len(axes) != len(args):
            raise errors.bad_prefix(op, in_axes, f"{len(args)} arguments")
        example = []
        for k, (x, axis) in enumerate(zip(args, axes, strict=True)):
            leaves: list[Any] = []
            if p._constant(k, len(args)):
                example.append(x)
                self.parts.append(Part(pytree.constant_shape(x), [], [], False))
                continue
            if isinstance(x, bags.Bag):
                if self.bag is not None:
                    raise errors.two_bags(op)
                self.bag = x
                example.append(self.first_of(x))
                self.parts.append(Part(pytree.flatten(op, example[-1], leaves), [], [], True))
                continue
            shape = pytree.flatten(op, x, leaves, (self.da.Array,))
            along = pytree.prefixed(op, shape, axis, lambda a: a is None or isinstance(a, int))
            entries = [self.entry(k, leaf, a) for leaf, a in zip(leaves, along, strict=True)]
            example.append(pytree.unflatten(shape, iter([e.example() for e in entries])))
            plain = [e.leaf if e.kind == "plain" else None for e in entries]
            self.parts.append(Part(shape, [e.kind for e in entries], plain, False))
            self.entries += entries
        self.chunk()
        self.arguments: Arguments = p._bind(tuple(example), {})
        self.program = self.recorded()
        self.by: By | None = None
        self.options = {"threads": threads, "exact": exact, "reduce": reduce}
        if argnums is not None:
            self.program.need_scalar(op)
            self.by = p._by(op, self.arguments, {"argnums": argnums})
            self.options["argnums"] = argnums

    def first_of(self, bag: Any) -> Any:
        """A bag's first point."""
        (found,) = computed(self.client, [bag.take(1, npartitions=-1, compute=False, warn=False)])
        if not len(found):
            raise errors.empty_bag(self.op)
        return found[0]

    def entry(self, k: int, leaf: Any, axis: int | None) -> Entry:
        """One leaf of argument k."""
        if isinstance(leaf, (Value, Tensor)) or getattr(leaf, "dtype", None) == np.dtype(object):
            raise errors.values_given(self.p.name, self.op)
        of_dask = isinstance(leaf, self.da.Array)
        if np.ndim(leaf) == 0 or axis is None:
            return Entry(k, leaf, "whole" if of_dask else "plain")
        if not -leaf.ndim <= axis < leaf.ndim:
            raise errors.no_such_axis(self.op, k, axis, leaf.shape)
        return Entry(k, leaf, "points" if of_dask else "array", axis % leaf.ndim)

    def chunk(self) -> None:
        """Let all points come in the same chunks: those of the first Dask array."""
        along = [e for e in self.entries if e.axis is not None]
        if self.bag is not None:
            if along:
                raise errors.points_beside_bag(self.op, along[0].k)
            return
        first = next((e for e in along if e.kind == "points"), None)
        if first is None:
            raise errors.nothing_of_dask(self.op)
        chunks = first.leaf.chunks[first.axis]
        lengths = {int(e.leaf.shape[e.axis]): f"argument {e.k + 1}" for e in along if known(e.leaf.shape[e.axis])}
        if len(lengths) > 1:
            raise errors.no_points(self.op, lengths)
        for e in along:
            x = self.da.moveaxis(self.da.from_array(e.leaf, chunks=-1) if e.kind == "array" else e.leaf, e.axis, 0)
            countable = known(sum(chunks)) and known(x.shape[0])
            if not all(known(n) for n in x.shape[1:]) or (not countable and len(x.chunks[0]) != len(chunks)):
                raise errors.unknown_chunks(self.op, e.k)
            # chunks whose lengths nobody knows cannot be cut anew: the tasks will see whether they agree
            cut = {0: chunks} if countable else {}
            self.arrays.append(x.rechunk({**cut, **dict.fromkeys(range(1, x.ndim), -1)}))

    def recorded(self) -> Program:
        """A path for such arguments; recorded at the first point if there is none."""
        if isinstance(self.p, Program):
            return self.p
        for program in self.p.programs:
            if program.key == self.arguments.key and program.fits():
                return program
        if self.bag is None:
            firsts = iter(self.first_points())
            wholes = iter(computed(self.client, [e.leaf for e in self.entries if e.kind == "whole"]))
            leaves = iter([e.first(next(firsts)) if e.axis is not None else
                           next(wholes) if e.kind == "whole" else e.leaf for e in self.entries])
            point = [pytree.unflatten(part.shape, leaves) for part in self.parts]
            self.arguments = self.p._bind(tuple(point), {})
        return self.p._path(self.arguments, START)[0]

    def first_points(self) -> list[Any]:
        """A first point of each array, with an axis of points still; none where there is none."""
        blocks = [x.to_delayed().ravel() for x in self.arrays]
        found: list[Any] = []
        for k in range(len(blocks[0])):
            found = computed(self.client, [self.delayed(operator.getitem)(each[k], slice(0, 1)) for each in blocks])
            if all(len(x) for x in found):
                break
        return found

    @property
    def result_dims(self) -> list[tuple[int, ...]]:
        """The shapes of the results' leaves at one point: of values, then of gradients."""
        parts = [*pytree.parts_of(self.program.out), *(pytree.parts_of(self.by.shape) if self.by else ())]
        return [pytree.dims(part) for part in parts]

    def blockwise(self, task: Any, axes: tuple[int, ...], sent: dict[str, Any], **options: Any) -> Any:
        """A task for each chunk of points; axis 0 counts points."""
        further = itertools.count(len(axes))
        pairs = [(x, (0, *itertools.islice(further, x.ndim - 1))) for x in self.arrays]
        return self.da.blockwise(task, axes, *itertools.chain.from_iterable(pairs), **options, concatenate=True,
                                 align_arrays=False, meta=np.empty((0,)*len(axes)), **sent)

    def sent(self) -> dict[str, Any]:
        """What each task gets besides its chunk: the job, and Dask arrays that are the same for all points."""
        data = packed(self.p, (self.parts, self.options, self.program.out, self.result_dims))
        key = f"cgrad-job-{hashlib.sha256(data).hexdigest()[:32]}"
        wholes = [e.leaf.rechunk(-1).to_delayed().item() for e in self.entries if e.kind == "whole"]
        return {"carrier": self.delayed(Carrier)(data, dask_key_name=key), "wholes": wholes}

    def answer(self, leaves: Any) -> Any:
        """Results in their structures: of arrays, or of one vector of sums."""
        out = self.program.out
        if self.reduce:
            value = pytree.pick(out, leaves)
            return value if self.by is None else (value, pytree.pick(self.by.shape, leaves, pytree.size(out)))
        rest = iter(leaves)
        value = pytree.unflatten(out, rest)
        return value if self.by is None else (value, pytree.unflatten(self.by.shape, rest))


def known(n: Any) -> bool:
    """Whether a length is one: of chunks that nobody has counted it is nan."""
    return not math.isnan(n)


def computed(client: Any, collections: list[Any]) -> list[Any]:
    """What collections of Dask come to, by a client's cluster, or wherever Dask computes."""
    if client is None:
        return list(importlib.import_module("dask").compute(*collections))
    return list(client.gather(client.compute(collections)))


# ---- what is sent ----------------------------------------------------------------------------------

def packed(p: Any, rest: Any) -> bytes:
    """A job as bytes. f goes by value, if it can, where workers could not find it by its name."""
    cloudpickle: Any = importlib.import_module("cloudpickle")
    if isinstance(p, Program):
        return bytes(cloudpickle.dumps((p, None, rest)))
    make, _, state = p.__reduce__()
    carried = state["function"]
    if isinstance(carried, store.Missing) or (isinstance(carried, store.Reference) and carried.found[0] == "__main__"):
        try:
            return bytes(cloudpickle.dumps((make, {**state, "function": p.function}, rest)))
        except Exception:  # what holds locks, files, ... raises what it likes
            pass
    return bytes(cloudpickle.dumps((make, state, rest)))


class Carrier:
    """A job as it goes from worker to worker: bytes, that are taken apart where and when it is needed."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.lock = threading.Lock()
        self.opened: Job | None = None

    def __reduce__(self) -> Any:
        return Carrier, (self.data,)

    @property
    def job(self) -> Job:
        with self.lock:
            if self.opened is None:
                self.opened = Job(self.data)
            return self.opened


class Unpickler(pickle.Unpickler):
    """Keeps the leaves that come out of a pickle."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.came: list[Any] = []

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if (module, name) not in (("cgrad._core", "_leaf"), ("cgrad._core", "_tensor_leaf")):
            return found

        def kept(*args: Any) -> Any:
            self.came.append(found(*args))
            return self.came[-1]

        return kept


# ---- on a worker -----------------------------------------------------------------------------------

class Job:
    """A function and the arguments that are no points: what all chunks have in common."""

    def __init__(self, data: bytes) -> None:
        unpickler = Unpickler(data)
        p, state, (self.parts, self.options, self.out, self.dims) = unpickler.load()
        self.came = unpickler.came
        self.p: Any = p
        if state is not None:
            self.p = p()
            self.p.__setstate__(state)
        self.met: list[Program] = []  # paths that were recorded here

    def function(self) -> Any:
        """The function as it was sent, whatever was recorded here meanwhile."""
        if isinstance(self.p, Program):
            return self.p
        made = Remote.__new__(Remote)
        self.p._copied(made, self.p.function, {program: program.twin() for program in self.p.programs})
        made.job, made._came = self, self.came
        return made

    def run(self, blocks: Sequence[Any], wholes: Sequence[Any]) -> list[Any]:
        """The results for one chunk, leaf by leaf."""
        chunk, whole = iter(blocks), iter(wholes)
        args, axes, count = [], [], 0
        for part in self.parts:
            if part.bag:
                leaves = stacked(self.p.name, list(next(chunk)), part.shape)
                along: list[int | None] = [0]*len(leaves)
            else:
                along = [0 if kind in ("points", "array") else None for kind in part.kinds]
                leaves = [next(chunk) if axis == 0 else next(whole) if kind == "whole" else leaf
                          for leaf, kind, axis in zip(part.leaves, part.kinds, along, strict=True)]
            count = max([count, *[len(x) for x, axis in zip(leaves, along, strict=True) if axis == 0]])
            args.append(pytree.unflatten(part.shape, iter(leaves)))
            axes.append(pytree.unflatten(part.shape, iter(along)))
        if not count:
            return [np.zeros(one if self.options["reduce"] else (0, *one)) for one in self.dims]
        p = self.function()
        run = p.map_value_and_grad if "argnums" in self.options else p.map
        results: list[Any] = []
        pytree.flatten(p.name, run(*args, in_axes=tuple(axes), **self.options), results)
        if p is not self.p and p.programs and p.programs[0].out != self.out:
            raise errors.uneven_values(p.name, pytree.described(self.out), pytree.described(p.programs[0].out))
        return results


class Remote(CompiledFunction):
    """A compiled function for one chunk: it begins with the paths that were sent.

    What it would record and a chunk before it has recorded already is taken from there: it would come out alike.
    """

    job: Job

    def _recorded(self, arguments: Arguments, reason: str) -> Program:
        numbers, met = arguments.numbers, self.job.met
        for program in met[:]:
            if program.key == arguments.key and program.fits() and not program.attempt(VALUE, numbers, NOTHING)[0]:
                return program.twin()
        program = super()._recorded(arguments, reason)
        met.append(program)
        del met[:-self.max_paths]
        return program.twin()


def stacked(name: str, points: list[Any], shape: Shape) -> list[Any]:
    """The leaves of many points, each in an array with the points first."""
    columns: list[list[Any]] = [[] for _ in pytree.parts_of(shape)]
    for x in points:
        leaves: list[Any] = []
        found = pytree.flatten(name, x, leaves)
        if found != shape:
            raise errors.uneven_points(name, pytree.described(shape), pytree.described(found))
        for column, leaf in zip(columns, leaves, strict=True):
            column.append(leaf)
    return [np.array(column, np.float64).reshape(len(points), *pytree.dims(part))
            for column, part in zip(columns, pytree.parts_of(shape), strict=True)]


def results(*blocks: Any, carrier: Carrier, wholes: Sequence[Any]) -> list[Any]:
    """A task of map: the leaves of results at a chunk's points."""
    return carrier.job.run(blocks, wholes)


def sums(*blocks: Any, carrier: Carrier, wholes: Sequence[Any]) -> Array:
    """A task of map_reduce: a row of sums."""
    return pytree.numbers_of(carrier.job.run(blocks, wholes))[None]


def added(rows: Array) -> Array:
    """Rows added up, from the first to the last."""
    total = rows[:1].copy()
    for row in rows[1:]:
        total += row
    return total
