"""Many points of a recorded function: which path each takes, and blocks of them over lanes and threads.

All points run along one path first. Those whose guards come out otherwise are gathered, by the guard; each such group
goes on with a recorded path that agrees with how its guards came out so far, or records one with its first point.
What is left where no more paths are kept runs one by one.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import math
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import errors
from .._core import Tensor, Value, recording
from .._program import Batch, Executable
from . import pytree
from .pytree import Shape

if TYPE_CHECKING:
    from .path import Program
    from .transforms import Arguments, By, Calls

Array = np.ndarray[Any, Any]
Progress = Callable[[int], None]
Where = range | Array  # points: all of a stretch, or these
SEGMENT = 1 << 17  # points that are sorted by their paths at once
State = tuple[tuple[Any, ...], frozenset[Any]]  # how guards came out so far, and how the next one does not
START: State = ((), frozenset())


class Wanted(NamedTuple):
    """What is asked of a program: a kind of derivative, by which inputs."""

    kind: str  # value, gradient, jvp, vjp, hvp
    wrt: tuple[int, ...] = ()


VALUE = Wanted("value")


class Options(NamedTuple):
    """How a batch is run."""

    op: str
    in_axes: Any
    threads: int | None
    reduce: str | None
    progress: Any
    exact: bool

    def check(self) -> None:
        if self.reduce not in (None, "sum"):
            raise errors.bad_option(self.op, "reduce", self.reduce, "give None or 'sum'")
        if self.threads is not None and (not isinstance(self.threads, int) or self.threads < 1):
            raise errors.bad_option(self.op, "threads", self.threads, "give a whole number from 1 on, or None")
        if not (self.progress in (None, True, False) or callable(self.progress)):
            raise errors.bad_option(self.op, "progress", self.progress, "give True, or a function of (done, total)")

    @property
    def kind(self) -> str:
        return "exact" if self.exact else ""


class Places(NamedTuple):
    """Where doubles lie: entry k of point p is at addresses[k] + p*strides[k]."""

    addresses: Array
    strides: Array
    held: tuple[Any, ...]  # the arrays in which that is

    @staticmethod
    def of(array: Array, strides: Any) -> Places:
        """One entry for each number of a contiguous vector."""
        start = array.__array_interface__["data"][0]
        addresses = start + 8*np.arange(array.size, dtype=np.int64)
        return Places(addresses, np.broadcast_to(np.asarray(strides, np.int64), addresses.shape).copy(), (array,))

    @staticmethod
    def along(array: Array, axis: int | None) -> Places:
        """One entry for each element of a point, where points lie along an axis; None: the same for all points."""
        address, stride = np.array(array.__array_interface__["data"][0], np.int64), 0
        rest = list(range(array.ndim))
        if axis is not None:
            stride = array.strides[axis]
            rest.pop(axis)
        for d in rest:
            address = np.add.outer(address, array.strides[d]*np.arange(array.shape[d], dtype=np.int64))
        addresses = np.ravel(address)
        # a stride of 0 says "the same for all points", as it does in a broadcast array
        return Places(addresses, np.full(addresses.shape, stride, np.int64), (array,))

    def at(self, start: int) -> Places:
        """The same where point ``start`` is the first."""
        return self._replace(addresses=self.addresses + start*self.strides)

    @staticmethod
    def joint(parts: list[Places]) -> Places:
        return Places(np.concatenate([np.zeros(0, np.int64), *[p.addresses for p in parts]]),
                      np.concatenate([np.zeros(0, np.int64), *[p.strides for p in parts]]),
                      tuple([x for p in parts for x in p.held]))


class Points:
    """The arguments of a batch: where each number of each point lies."""

    def __init__(self, calls: Calls, args: tuple[Any, ...], options: Options) -> None:
        axes = options.in_axes if isinstance(options.in_axes, (tuple, list)) else [options.in_axes]*len(args)
        if len(axes) != len(args):
            raise errors.bad_prefix(options.op, options.in_axes, f"{len(args)} arguments")
        self.arrays: list[tuple[Array, int | None]] = []
        self.example: list[Any] = []
        lengths: dict[int, str] = {}
        for k, (x, axis) in enumerate(zip(args, axes, strict=True)):
            if calls._constant(k, len(args)):
                self.example.append(x)
                continue
            leaves: list[Any] = []
            shape = pytree.flatten(options.op, x, leaves)
            if any(isinstance(leaf, (Value, Tensor)) or getattr(leaf, "dtype", None) == np.dtype(object)
                   for leaf in leaves):
                raise errors.values_given(calls.name, options.op)
            along = pytree.prefixed(options.op, shape, axis, lambda a: a is None or isinstance(a, int))
            one: list[Any] = []
            for leaf, a in zip(leaves, along, strict=True):
                array = np.asarray(leaf, np.float64)
                if array.ndim == 0 or a is None:
                    self.arrays.append((aligned(array), None))
                    one.append(leaf)
                    continue
                if not -array.ndim <= a < array.ndim:
                    raise errors.no_such_axis(options.op, k, a, array.shape)
                a %= array.ndim
                lengths.setdefault(array.shape[a], f"argument {k + 1}")
                self.arrays.append((aligned(array), a))
                one.append(point_of(array, a, 0))
            self.example.append(pytree.unflatten(shape, iter(one)))
        if len(lengths) != 1:
            raise errors.no_points(options.op, lengths)
        (self.count,) = lengths
        self.arguments = calls._bind(tuple(self.example), {})
        if pytree.size(("tuple", self.arguments.shapes)) != sum(map(np.size, self.arguments.leaves)):
            raise errors.bad_prefix(options.op, options.in_axes, "these arguments")
        self.places = Places.joint([Places.along(array, axis) for array, axis in self.arrays])

    def at(self, p: int) -> Arguments:
        """The arguments of point p."""
        leaves = [float(array) if array.ndim == 0 else array if axis is None else point_of(array, axis, p)
                  for array, axis in self.arrays]
        return self.arguments._replace(leaves=leaves)


def aligned(array: Array) -> Array:
    """An array whose doubles can be read in place; most can."""
    return array if array.flags.aligned and array.dtype.isnative else np.array(array, np.float64)


def point_of(array: Array, axis: int, p: int) -> Any:
    """One point of an array; zeros where there is none."""
    if not array.shape[axis]:
        rest = array.shape[:axis] + array.shape[axis + 1:]
        return np.zeros(rest) if rest else 0.0
    part = array[(slice(None),)*axis + (p,)]
    return np.array(part) if part.ndim else float(part)


# ---- what is wanted of each point ------------------------------------------------------------------

class Pass(NamedTuple):
    """One run over all points: results lo .. hi - 1 of a code are kept."""

    wanted: Wanted
    lo: int
    hi: int
    extra: Places | None = None  # further inputs: tangents, adjoints


class Values:
    """The values."""

    by: By | None = None

    def passes(self, program: Program, arguments: Arguments) -> list[Pass]:
        return [Pass(VALUE, 0, program.results)]

    def answer(self, program: Program, parts: list[Array]) -> Any:
        return stacked(program.out, parts[0])


class Gradients:
    """Values and gradients."""

    def __init__(self, by: By) -> None:
        self.by = by

    def passes(self, program: Program, arguments: Arguments) -> list[Pass]:
        program.need_scalar("map_value_and_grad")
        wrt = self.by.wrt(program, arguments)
        return [Pass(Wanted("gradient", wrt), 0, 1 + len(wrt))]

    def answer(self, program: Program, parts: list[Array]) -> Any:
        return stacked(program.out, parts[0][:1]), stacked(self.by.shape, parts[0][1:])


class Products:
    """Hessians times vectors."""

    def __init__(self, by: By, v: Any) -> None:
        self.by = by
        leaves: list[Any] = []
        pytree.flatten("map_hvp", v, leaves)
        self.arrays = [np.asarray(leaf, np.float64) for leaf in leaves]
        self.counted = False

    def passes(self, program: Program, arguments: Arguments) -> list[Pass]:
        program.need_scalar("map_hvp")
        wanted = [pytree.dims(part) for part in pytree.parts_of(self.by.shape)]
        found = [array.shape[1:] for array in self.arrays]
        if found != wanted or not all(array.ndim for array in self.arrays):
            raise errors.bad_direction("map_hvp", f"arrays of shapes {[a.shape for a in self.arrays]}",
                                       f"points first, then {pytree.described(self.by.shape)}")
        wrt = self.by.wrt(program, arguments)
        extra = Places.joint([Places.along(aligned(array), 0) for array in self.arrays])
        return [Pass(Wanted("hvp", wrt), 0, len(wrt), extra)]

    def answer(self, program: Program, parts: list[Array]) -> Any:
        return stacked(self.by.shape, parts[0])


class Jacobians:
    """Jacobians: a pass for each row, or each column if there are fewer."""

    def __init__(self, by: By) -> None:
        self.by = by
        self.columns = pytree.size(by.shape)

    def passes(self, program: Program, arguments: Arguments) -> list[Pass]:
        rows, wrt = program.results, self.by.wrt(program, arguments)
        forward = self.columns <= rows
        n = self.columns if forward else rows
        width = rows if forward else self.columns
        wanted = Wanted("jvp" if forward else "vjp", wrt)
        return [Pass(wanted, rows, rows + width, Places.of(row, 0)) for row in np.eye(n)]

    def answer(self, program: Program, parts: list[Array]) -> Any:
        matrix = np.array(parts)
        if not parts:  # no results: no rows
            return pytree.blocks(np.zeros((0, self.columns)), program.out, self.by.shape)
        if self.columns <= program.results:
            matrix = matrix.swapaxes(0, 1)
        return pytree.blocks(np.moveaxis(matrix, (0, 1), (-2, -1)), program.out, self.by.shape)


Plan = Values | Gradients | Products | Jacobians


def plain_number(x: Array) -> Any:
    return x if x.ndim else float(x)


def stacked(shape: Shape, rows: Array) -> Any:
    """A structure of results from (numbers, points), or from sums (numbers,)."""
    def leaves() -> Iterator[Any]:
        at = 0
        for part in pytree.parts_of(shape):
            dims = pytree.dims(part)
            n = math.prod(dims)
            block = rows[at:at + n]
            at += n
            if rows.ndim == 1:
                yield plain_number(block.reshape(dims).copy())
            else:
                yield block[0] if not dims else block.T.reshape(rows.shape[1], *dims)

    return pytree.unflatten(shape, leaves())


# ---- the points' paths -----------------------------------------------------------------------------

def run(calls: Calls, args: tuple[Any, ...], options: Options, plan_of: Callable[[Arguments], Plan]) -> Any:
    """A batch of points: which path each takes, and its results."""
    options.check()
    if recording():
        raise errors.traced_effect(f"{calls.name}.{options.op}", errors.user_line())
    points = Points(calls, args, options)
    plan, n = plan_of(points.arguments), points.count
    if isinstance(plan, Products) and any(array.ndim and len(array) != n for array in plan.arrays):
        raise errors.no_points(options.op, {n: "the arguments", **{len(a): "v" for a in plan.arrays if a.ndim}})
    first: Program | None = None
    kept: list[Array] = []
    tried: set[Program] = set()
    # Groups of points, with how their guards came out. Not all points at once: what is noted of each takes memory.
    segments = [range(start, min(start + SEGMENT, n)) for start in range(0, max(n, 1), SEGMENT)]
    groups: list[tuple[Where, State]] = [(where, START) for where in reversed(segments)]
    with Meter(options, n) as meter:
        while groups:
            where, state = groups.pop()
            program, fresh = calls._path(points.at(int(where[0]) if n else 0), state, steady=True)
            # A recording holds at its first point for sure where C's own functions are used. With vector functions it
            # may not, if a guard is right on its border: then, or if it is found again that way, these
            # points are run with C's. So each recording ends one point or more.
            exact = options.exact or (fresh and (program in tried or not program.kept))
            tried.add(program)
            how = options._replace(exact=exact)
            misfit = unlike(calls, program, first, plan, points.arguments)
            if misfit is not None:  # which is no harm if no point is on this path
                how = how._replace(reduce="sum")
                failed = swept_passes(program, Values(), points, [np.zeros(program.results)], where, how, meter)
                if not failed.all() or not n:
                    raise misfit
            else:
                if first is None:
                    widths = [p.hi - p.lo for p in plan.passes(program, points.arguments)]
                    kept = [np.zeros(w) if options.reduce else np.empty((w, n)) for w in widths]
                    meter.passes = max(len(widths), 1)
                failed = swept_passes(program, plan, points, kept, where, how, meter)
                if fresh and not exact and failed[:1].any():
                    bad, how = np.flatnonzero(failed), options._replace(exact=True)
                    failed[bad] = swept_passes(program, plan, points, kept, among(where, bad), how, meter)
                if first is None and not (n and failed.all()):
                    first = program
            if fresh and how.exact and failed[:1].any():
                calls._forget(program)
                raise errors.not_repeatable(calls.name, program.guard_text(int(failed[0])))
            if not n or not failed.all():
                calls._used(program)
            bad = np.flatnonzero(failed)
            order = bad[np.argsort(failed[bad], kind="stable")]
            left = failed[order]
            del failed  # before the next is made
            for guard, start, stop in runs(left):  # points ascend in each: the sort keeps their order
                groups.append((among(where, order[start:stop]), program.after(state, guard)))
    assert first is not None
    return plan.answer(first, kept)


def unlike(calls: Calls, program: Program, first: Program | None, plan: Plan, arguments: Arguments) -> Exception | None:
    """Why values along this path cannot stand in one batch with those along the first one; None: they can."""
    if first is not None and program.out != first.out:
        return errors.uneven_values(calls.name, pytree.described(first.out), pytree.described(program.out))
    try:
        plan.passes(program, arguments)
    except TypeError as error:  # no gradient, as the value is not one number
        return error
    return None


def among(where: Where, places: Array) -> Array:
    """The points at these places of a group."""
    return places + where.start if isinstance(where, range) else where[places]


def runs(sorted_numbers: Array) -> Iterator[tuple[int, int, int]]:
    """(number, start, stop) of each run of equal numbers."""
    if not len(sorted_numbers):
        return
    edges = [0, *(np.flatnonzero(np.diff(sorted_numbers)) + 1).tolist(), len(sorted_numbers)]
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        yield int(sorted_numbers[start]), start, stop


def swept_passes(program: Program, plan: Plan, points: Points, kept: list[Array], where: Where, options: Options,
                 meter: Meter) -> Array:
    """Run a group of points along one path; gives where each left it."""
    failed = np.zeros(len(where), np.int32)
    for part, rows in zip(plan.passes(program, points.arguments), kept, strict=True):
        failed = swept_pass(program, part, points, rows, where, options, meter)
    return failed


def swept_pass(program: Program, part: Pass, points: Points, rows: Array, where: Where, options: Options,
               meter: Meter) -> Array:
    """Run one pass along one path over a group of points; gives where each left the path."""
    code = program.code(part.wanted)
    start, index = (where.start, None) if isinstance(where, range) else (0, where)
    sources = Places.joint([points.places, Places.of(program.captured_numbers(), 0),
                            *([] if part.extra is None else [part.extra])])
    if options.reduce:
        targets = None
    else:
        scrap = np.empty(code.results)
        targets = Places.of(scrap, 0)  # results that are not kept
        at = rows.__array_interface__["data"][0]
        targets.addresses[part.lo:part.hi] = at + rows.strides[0]*np.arange(part.hi - part.lo, dtype=np.int64)
        targets.strides[part.lo:part.hi] = 8
        targets = targets._replace(held=(scrap, rows)).at(start)
    sums = np.zeros(code.results) if options.reduce else None
    failed = swept(code, len(where), sources.at(start), targets, options.kind, index, options.threads, meter.add, sums)
    if sums is not None:
        add_to(rows, sums[part.lo:part.hi])
    return failed


def add_to(sums: Array, part: Array) -> None:
    """sums += part, without NumPy's warnings: inf - inf is nan, as for single numbers."""
    with np.errstate(all="ignore"):
        np.add(sums, part, out=sums)


def swept(code: Executable, count: int, sources: Places, targets: Places | None, kind: str, index: Array | None = None,
          threads: int | None = 1, done: Progress | None = None, sums: Array | None = None) -> Array:
    """Run a code over points; gives for each 0, or the guard at which it left the path.

    sums: results are added up there, piece by piece in the order of points, whatever thread has run which.
    """
    batch = Batch(code, count, (sources.addresses, sources.strides),
                  None if targets is None else (targets.addresses, targets.strides),
                  (sources.held, targets), kind, index)
    workers = min(threads or processors(), batch.pieces)

    def finished(k: int, part: Array | None) -> None:
        if sums is not None and part is not None:
            add_to(sums, part)
        if done is not None:
            piece = batch.failed[k*batch.piece:(k + 1)*batch.piece]
            done(int(piece.size - np.count_nonzero(piece)))

    if workers < 2:
        for k in range(batch.pieces):
            finished(k, batch.run(k))
        return batch.failed
    stop = threading.Event()

    def piece(k: int) -> Array | None:
        return None if stop.is_set() else batch.run(k)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            waiting: list[concurrent.futures.Future[Array | None]] = []
            at = 0
            for k in range(batch.pieces):
                waiting.append(pool.submit(piece, k))
                if len(waiting) >= 4*workers:  # pieces ahead of the oldest: their sums wait here
                    finished(at, waited(waiting.pop(0)))
                    at += 1
            for future in waiting:
                finished(at, waited(future))
                at += 1
        except BaseException:
            stop.set()
            raise
    return batch.failed


def waited(future: concurrent.futures.Future[Any]) -> Any:
    """A future's result; signals are looked at meanwhile."""
    while True:
        try:
            return future.result(timeout=0.1)
        except concurrent.futures.TimeoutError:
            if future.done():
                raise


def processors() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Meter:
    """How far a batch is: a tqdm bar, or a function of (done, total)."""

    def __init__(self, options: Options, total: int) -> None:
        self.progress, self.total, self.done, self.passes = options.progress, total, 0, 1
        self.bar: Any = None

    def __enter__(self) -> Meter:
        if self.progress is True:
            try:
                bar: Any = importlib.import_module("tqdm.auto").tqdm
            except ImportError:
                raise errors.no_tqdm() from None
            self.bar = bar(total=self.total, unit=" points", unit_scale=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def add(self, points: int) -> None:
        before = self.done//self.passes
        self.done += points
        now = self.done//self.passes
        if self.bar is not None:
            self.bar.update(now - before)
        elif callable(self.progress):
            self.progress(now, self.total)
