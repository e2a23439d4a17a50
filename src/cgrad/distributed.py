"""Compiled functions over a cluster: the points of a Dask array or bag, chunk by chunk, on Dask's workers.

A *job* is what all chunks have in common: the function with its recorded paths and the arguments that are no points. It
is a task of its own, so that a worker gets it once, and any worker can get it again. A chunk's task reads the job and
the chunk and nothing else, so work that a lost worker had done is repeated with the same results.
"""

from __future__ import annotations

import importlib
import itertools
import math
import operator
from typing import Any, NamedTuple

import numpy as np

from . import errors
from .programs import pytree
from .programs.arguments import Arguments
from .programs.batches.points import MappedLeaf, axes_of_arguments, mapped, one_count
from .programs.function import CompiledFunction
from .programs.guards import START
from .programs.path import Program
from .programs.request import Wrt, wrt
from .programs.transforms import Transforms, function_of
from .programs.worker import Carrier, Part, Task, added, packed, results, sums

__all__ = ["map", "map_reduce"]

TOGETHER = 8  # sums that are added up in one task


# ---- what users call -------------------------------------------------------------------------------

def map(p: Transforms, *args: Any, argnums: Any = None, in_axes: Any = 0, client: Any = None, threads: int | None = 1,
        exact: bool = False) -> Any:
    """Map a compiled function over points on a Dask cluster.

    The function goes along as it is now: captured Values and Tensors with their numbers, and f itself where a pickle
    can hold it, so that workers record paths that they meet. Where nothing is recorded yet for such arguments, the
    first point is computed at once, and recorded here.

    p: a compiled function or a Program. args: as of ``p.map``, where arrays may be Dask arrays, cut into chunks along
    the axis of points; the first one's chunks count. Or one of them is a Dask bag of points, each in the argument's
    structure, and the others are the same for all. argnums: the argument to differentiate with respect to, or a tuple
    of them; None for values alone. in_axes: as of ``p.map``. client: the Dask client that computes the first point; by
    default Dask's current one. threads, exact: as of ``p.map``, in each task.

    Returns the values in the structure of the value, as Dask arrays, points first; with argnums the pair (values,
    gradients). They are lazy: nothing runs before they are computed. Raises ImportError without Dask (pip install
    'pycgrad[dask]'); TypeError if no argument is a Dask array or bag; ValueError if lengths differ; GuardError in the
    tasks, for a path that is not recorded, where f did not go along, or where it would use a Value of the worker's own
    modules, which may have another number than here.

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
    options = {"threads": threads, "exact": exact, "reduce": None}
    job = Job("distributed.map", p, args, argnums, in_axes, client, options)
    da, points, leaves = job.dask.array, job.points, []
    if points.bag is None:
        tasks = job.blockwise(results, (0,))
        for i, shape in enumerate(job.shapes):
            leaves.append(tasks.map_blocks(operator.itemgetter(i), new_axis=[*range(1, 1 + len(shape))] or None,
                                           chunks=(tasks.chunks[0], *shape), meta=np.empty((0,)*(1 + len(shape)))))
    else:
        parts = job.over_bag(results)
        for i, shape in enumerate(job.shapes):
            blocks = [da.from_delayed(part[i], (math.nan, *shape), float) for part in parts]
            leaves.append(da.concatenate(blocks, allow_unknown_chunksizes=True))
    rest = iter(leaves)
    value = pytree.unflatten(job.program.out, rest)
    return value if job.wrt is None else (value, pytree.unflatten(job.wrt.tree, rest))


def map_reduce(p: Transforms, *args: Any, argnums: Any = None, in_axes: Any = 0, client: Any = None,
               threads: int | None = 1, exact: bool = False) -> Any:
    """Sum a compiled function over points on a Dask cluster.

    Each chunk is added up as ``copy.copy(p).map(chunk, reduce="sum")`` does it, to the bit, whatever its worker has
    done before; the chunks' sums are added up in a tree, eight neighbours at a time, from left to right, and their sums
    likewise. So the result depends on the points, the chunks and the recorded paths of p alone: not on the workers,
    their number, or their losses. From one machine's ``p.map(..., reduce="sum")`` it differs by the order of additions.

    p, args, argnums, in_axes, client, threads, exact: as of ``map``; the client computes the sums, too.

    Returns the sum of the values, in the structure of the value; with argnums the pair (sum of values, sum of
    gradients). It is computed at once. Raises ImportError, TypeError, ValueError, GuardError as ``map``.

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
    options = {"threads": threads, "exact": exact, "reduce": "sum"}
    job = Job("distributed.map_reduce", p, args, argnums, in_axes, client, options)
    da, width = job.dask.array, sum([math.prod(shape) for shape in job.shapes])
    if job.points.bag is None:
        rows = job.blockwise(sums, (0, 1), new_axes={1: width}, adjust_chunks={0: 1})
    else:
        rows = da.concatenate([da.from_delayed(part, (1, width), float) for part in job.over_bag(sums)])
    while rows.shape[0] > 1:
        rows = rows.rechunk({0: TOGETHER})
        rows = rows.map_blocks(added, chunks=((1,)*rows.numblocks[0], (width,)), dtype=float, meta=np.empty((0, 0)))
    (total,) = job.dask.compute([rows])
    out = job.program.out
    value = pytree.unravel(out, total[0])
    return value if job.wrt is None else (value, pytree.unravel(job.wrt.tree, total[0], pytree.size(out)))


# ---- on the client ---------------------------------------------------------------------------------

class Dask:
    """The parts of Dask that are used, and who computes."""

    def __init__(self, op: str, client: Any) -> None:
        self.client = client
        try:
            self.array: Any = importlib.import_module("dask.array")
            self.bag: Any = importlib.import_module("dask.bag")
            self.root: Any = importlib.import_module("dask")
        except ImportError:
            raise errors.no_package(op, "dask", "dask", "use p.map, on one machine") from None

    def compute(self, collections: list[Any]) -> list[Any]:
        """The results of collections, by the client's cluster, or wherever Dask computes."""
        if self.client is None:
            return list(self.root.compute(*collections))
        return list(self.client.gather(self.client.compute(collections)))


class Entry(NamedTuple):
    """A leaf of an argument."""

    argument: int
    leaf: Any
    kind: str  # plain; points: a Dask array of them; array: one of NumPy; whole: a Dask array that is the same for all
    axis: int | None

    def example(self) -> Any:
        """A leaf in a point's shape."""
        if self.kind == "plain":
            return self.leaf
        shape = [n for d, n in enumerate(self.leaf.shape) if d != self.axis]
        return np.zeros(shape) if shape or self.axis is None else 0.0

    def first(self, found: Any) -> Any:
        """The first point of an array; zeros where there is none."""
        if not len(found):
            return self.example()
        part = np.asarray(found[0], np.float64)
        return part if part.ndim else float(part)


class ChunkedPoints:
    """The arguments of a call: Dask arrays with points first, all in the same chunks, or a bag of points."""

    def __init__(self, op: str, p: Transforms, args: tuple[Any, ...], in_axes: Any, dask: Dask) -> None:
        self.op, self.p, self.dask = op, p, dask
        self.bag: Any = None
        self.arrays: list[Any] = []  # Dask arrays, points first
        self.entries: list[Entry] = []
        self.parts: list[Part] = []
        self.example: list[Any] = []
        for k, (x, axes) in enumerate(zip(args, axes_of_arguments(op, in_axes, len(args)), strict=True)):
            if function_of(p).is_static(k, len(args)):
                self.example.append(x)
                self.parts.append(Part(pytree.constant_treedef(x), [], [], False))
            elif isinstance(x, dask.bag.Bag):
                self.add_bag(x)
            else:
                self.add_leaves(*mapped(p.name, op, k, x, axes, (dask.array.Array,)))
        self.cut()

    def add_bag(self, bag: Any) -> None:
        """An argument whose points are those of a bag."""
        if self.bag is not None:
            raise errors.two_bags(self.op)
        self.bag = bag
        (found,) = self.dask.compute([bag.take(1, npartitions=-1, compute=False, warn=False)])
        if not len(found):
            raise errors.empty_bag(self.op)
        self.example.append(found[0])
        self.parts.append(Part(pytree.flatten(self.op, found[0], []), [], [], True))

    def add_leaves(self, tree: pytree.TreeDef, leaves: list[MappedLeaf]) -> None:
        """An argument of numbers and arrays."""
        entries = [self.entry(*each) for each in leaves]
        self.entries += entries
        self.example.append(pytree.unflatten(tree, iter([each.example() for each in entries])))
        plain = [each.leaf if each.kind == "plain" else None for each in entries]
        self.parts.append(Part(tree, [each.kind for each in entries], plain, False))

    def entry(self, k: int, leaf: Any, axis: int | None) -> Entry:
        if isinstance(leaf, self.dask.array.Array):
            return Entry(k, leaf, "whole" if axis is None else "points", axis)
        return Entry(k, leaf, "plain" if axis is None else "array", axis)

    def cut(self) -> None:
        """Cut all points into the chunks of the first Dask array."""
        along = [each for each in self.entries if each.axis is not None]
        if self.bag is not None:
            if along:
                raise errors.points_beside_bag(self.op, along[0].argument)
            return
        first = next((each for each in along if each.kind == "points"), None)
        if first is None:
            raise errors.nothing_of_dask(self.op)
        chunks = first.leaf.chunks[first.axis]
        lengths = [(each.leaf.shape[each.axis], f"argument {each.argument + 1}") for each in along]
        if counted := [(int(n), whose) for n, whose in lengths if known(n)]:
            one_count(self.op, counted)
        for each in along:
            x = self.dask.array.from_array(each.leaf, chunks=-1) if each.kind == "array" else each.leaf
            x = self.dask.array.moveaxis(x, each.axis, 0)
            countable = known(sum(chunks)) and known(x.shape[0])
            if not all(known(n) for n in x.shape[1:]) or (not countable and len(x.chunks[0]) != len(chunks)):
                raise errors.unknown_chunks(self.op, each.argument)
            # chunks of unknown lengths cannot be cut anew: the tasks check that they agree
            cut = {0: chunks} if countable else {}
            self.arrays.append(x.rechunk({**cut, **dict.fromkeys(range(1, x.ndim), -1)}))

    def first_point(self) -> tuple[Any, ...]:
        """The arguments at the first point; at zeros if there are none."""
        if self.bag is not None:
            return tuple(self.example)
        firsts = iter(self.first_blocks())
        wholes = iter(self.dask.compute([each.leaf for each in self.entries if each.kind == "whole"]))
        leaves = iter([each.first(next(firsts)) if each.axis is not None else
                       next(wholes) if each.kind == "whole" else each.leaf for each in self.entries])
        return tuple([pytree.unflatten(part.tree, leaves) for part in self.parts])

    def first_blocks(self) -> list[Any]:
        """The first point of each array, with an axis of points still."""
        blocks = [x.to_delayed().ravel() for x in self.arrays]
        found: list[Any] = []
        for k in range(len(blocks[0])):
            found = self.dask.compute([self.dask.root.delayed(operator.getitem)(each[k], slice(0, 1))
                                       for each in blocks])
            if all(len(x) for x in found):
                break
        return found


class Job:
    """A call: its points, and what all chunks of them have in common."""

    def __init__(self, op: str, p: Transforms, args: tuple[Any, ...], argnums: Any, in_axes: Any, client: Any,
                 options: dict[str, Any]) -> None:
        if not isinstance(p, (CompiledFunction, Program)):
            raise errors.no_compiled(op, p)
        self.p, self.options, self.dask = p, options, Dask(op, client)
        self.points = ChunkedPoints(op, p, args, in_axes, self.dask)
        self.arguments: Arguments = function_of(p).bind(tuple(self.points.example), {})
        self.program = self.recorded()
        self.wrt: Wrt | None = None
        if argnums is not None:
            self.program.need_scalar(op)
            self.wrt = wrt(op, self.arguments, argnums)
            self.options["argnums"] = argnums

    def recorded(self) -> Program:
        """A path for such arguments; recorded at the first point if there is none."""
        if isinstance(self.p, Program):
            return self.p
        assert isinstance(self.p, CompiledFunction)
        for program in self.p.programs:
            if program.key == self.arguments.key and program.fits():
                return program
        function = function_of(self.p)
        self.arguments = function.bind(self.points.first_point(), {})
        found: Program = function.recorded(self.arguments, START)[0]
        return found

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the results' leaves at one point: of values, then of gradients."""
        trees = [self.program.out, *([self.wrt.tree] if self.wrt else [])]
        return [pytree.shape_of(leaf) for tree in trees for leaf in pytree.leaves_of(tree)]

    def common(self) -> dict[str, Any]:
        """The arguments of each task besides its chunk: the job, and Dask arrays that are the same for all points."""
        from hashlib import sha256

        data = packed(self.p, Task(self.points.parts, self.options, self.program.out, self.shapes))
        carrier = self.dask.root.delayed(Carrier)(data, dask_key_name=f"cgrad-job-{sha256(data).hexdigest()[:32]}")
        wholes = [each.leaf.rechunk(-1).to_delayed().item() for each in self.points.entries if each.kind == "whole"]
        return {"carrier": carrier, "wholes": wholes}

    def blockwise(self, task: Any, axes: tuple[int, ...], **options: Any) -> Any:
        """A task for each chunk of arrays; axis 0 counts points."""
        further = itertools.count(len(axes))
        pairs = [(x, (0, *itertools.islice(further, x.ndim - 1))) for x in self.points.arrays]
        return self.dask.array.blockwise(task, axes, *itertools.chain.from_iterable(pairs), **options,
                                         concatenate=True, align_arrays=False, meta=np.empty((0,)*len(axes)),
                                         **self.common())

    def over_bag(self, task: Any) -> list[Any]:
        """A task for each part of the bag."""
        common = self.common()
        return [self.dask.root.delayed(task, pure=True)(part, **common) for part in self.points.bag.to_delayed()]


def known(n: Any) -> bool:
    """True if a length is known; that of chunks which were not counted is nan."""
    return not math.isnan(n)
