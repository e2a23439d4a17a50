"""Batches: many points of a function, each along the path that it takes.

All points run along one path first. Those for which a guard fails are gathered by the guard; each such group continues
on a recorded path that agrees with the outcomes of its guards so far, or records one at its first point. Points for
which no more paths are kept run one by one.
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple

import numpy as np

from ... import errors
from ..._core import recording
from ..._program import Batch, Places
from .. import pytree
from ..arguments import Arguments
from ..guards import START, State
from ..pytree import NUMBER, Array
from ..request import VALUE, Function, P, Path, Plain, Request, warn_of_unused, wrt
from .lanes import Progress, add_to, sweep
from .points import Points, Strided, aligned

NO_SEEDS = np.zeros(0)
Where = range | Array  # points: a stretch, or indices in ascending order
RECORDING = 100  # points on a path from which on it pays to record it and make its code
WASTED = 10_000  # points at which f itself runs after a recording that did not pay, before the next one is tried
LOOKING = 600  # operations of f itself, all points together, that take as long as finding a path and running a group
SEGMENT = 1 << 17  # points that are sorted by their paths at once: what is noted of each takes memory


class Options(NamedTuple):
    """The options of a batch."""

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


# ---- what is computed at each point ----------------------------------------------------------------

class Pass(NamedTuple):
    """One run over all points: results first .. stop - 1 of a request are kept."""

    request: Request
    first: int
    stop: int
    seeds: Places | None = None
    seeds_at: Callable[[int], Array] | None = None  # those of one point


class BatchKind:
    """The kind of a batch: its passes along a path, and the structure of their results."""

    def check(self, op: str, count: int) -> None:
        """Raise ValueError unless its own arrays have as many points."""

    def passes(self, path: Plain) -> list[Pass]:
        """The runs over points along a path. Raises TypeError if its value has no such derivative."""
        raise NotImplementedError

    def taken(self, function: Function[Any], path: Path) -> None:
        """Some points took this path."""

    def unravel(self, path: Plain, rows: list[Array]) -> Any:
        """The results in their structure; ``rows``: of each pass (numbers, points), or sums (numbers,)."""
        raise NotImplementedError

    def again(self) -> BatchKind | None:
        """The kind by which points are run again at which a result is nan; None: they are not."""
        return None

    def mend(self, path: Plain, rows: list[Array], others: list[Array], where: Array) -> None:
        """Take the results at these points over from those of the other kind."""


class Values(BatchKind):
    """Values."""

    def passes(self, path: Plain) -> list[Pass]:
        return [Pass(VALUE, 0, path.results)]

    def unravel(self, path: Plain, rows: list[Array]) -> Any:
        return stacked(path.out, rows[0])


class Derivatives(BatchKind):
    """Derivatives with respect to the arguments that argnums names."""

    def __init__(self, op: str, argnums: Any, arguments: Arguments) -> None:
        self.op, self.wrt = op, wrt(op, arguments, argnums)

    def taken(self, function: Function[Any], path: Path) -> None:
        warn_of_unused(self.op, function, path, self.wrt)

    @property
    def columns(self) -> int:
        return pytree.size(self.wrt.tree)


class Gradients(Derivatives):
    """Values and gradients."""

    def passes(self, path: Plain) -> list[Pass]:
        path.need_scalar("map_value_and_grad")
        return [Pass(VALUE.reverse(self.wrt.inputs(path)), 0, 1 + self.columns)]

    def unravel(self, path: Plain, rows: list[Array]) -> Any:
        return stacked(path.out, rows[0][:1]), stacked(self.wrt.tree, rows[0][1:])


class HessianProducts(Derivatives):
    """Hessians times vectors."""

    def __init__(self, op: str, argnums: Any, v: Any, arguments: Arguments) -> None:
        super().__init__(op, argnums, arguments)
        leaves: list[Any] = []
        pytree.flatten(op, v, leaves)
        self.v = [np.asarray(leaf, np.float64) for leaf in leaves]

    def check(self, op: str, count: int) -> None:
        lengths = {len(array): "v" for array in self.v if array.ndim}
        if set(lengths) - {count}:
            raise errors.no_points(op, {count: "the arguments", **lengths})

    def passes(self, path: Plain) -> list[Pass]:
        path.need_scalar("map_hvp")
        shapes = [pytree.shape_of(leaf) for leaf in pytree.leaves_of(self.wrt.tree)]
        if [array.shape[1:] for array in self.v] != shapes or not all(array.ndim for array in self.v):
            raise errors.bad_direction("map_hvp", f"arrays of shapes {[array.shape for array in self.v]}",
                                       f"points first, then {pytree.describe(self.wrt.tree)}")
        inputs = self.wrt.inputs(path)
        seeds = Strided.joint([Strided.along(aligned(array), 0) for array in self.v]).places
        return [Pass(VALUE.reverse(inputs).forward(inputs), 0, self.columns, seeds,
                     lambda p: pytree.ravel([array[p] for array in self.v]))]

    def unravel(self, path: Plain, rows: list[Array]) -> Any:
        return stacked(self.wrt.tree, rows[0])


class Jacobians(Derivatives):
    """Jacobians: a pass for each row, or for each column if there are fewer.

    The seeds are unit vectors, whose zeros may meet infinite partials: where there is a nan, columns are swept again,
    each from its own input alone.
    """

    by_input = False

    def again(self) -> BatchKind | None:
        made = copy.copy(self)
        made.by_input = True
        return None if self.by_input else made

    def mend(self, path: Plain, rows: list[Array], others: list[Array], where: Array) -> None:
        for k, column in enumerate(others):
            if self.columns <= path.results:
                rows[k][:, where] = column[:, where]
            else:
                for row, numbers in zip(rows, column, strict=True):
                    row[k, where] = numbers[where]

    def passes(self, path: Plain) -> list[Pass]:
        inputs, rows = self.wrt.inputs(path), path.results
        if self.by_input:
            return [Pass(VALUE.forward((range(i, i + 1),)), rows, rows + rows, *constant(np.ones(1)))
                    for i in itertools.chain(*inputs)]
        if self.columns <= rows:
            request, n, width = VALUE.forward(inputs), self.columns, rows
        else:
            request, n, width = VALUE.reverse(inputs, seeded=True), rows, self.columns
        return [Pass(request, rows, rows + width, *constant(unit)) for unit in np.eye(n)]

    def unravel(self, path: Plain, rows: list[Array]) -> Any:
        if not rows:  # no results: no rows
            return pytree.unravel_matrix(np.zeros((0, self.columns)), path.out, self.wrt.tree)
        matrix = np.array(rows)
        if self.columns <= path.results:
            matrix = matrix.swapaxes(0, 1)
        return pytree.unravel_matrix(np.moveaxis(matrix, (0, 1), (-2, -1)), path.out, self.wrt.tree)


def constant(seeds: Array) -> tuple[Places, Callable[[int], Array]]:
    """Seeds that are the same for all points."""
    return Places.same(seeds), lambda p: seeds


def stacked(tree: pytree.TreeDef, rows: Array) -> Any:
    """A structure of results from (numbers, points), or from sums (numbers,)."""
    return pytree.unravel(tree, rows) if rows.ndim == 1 else pytree.unravel_points(tree, rows)


# ---- the points' paths -----------------------------------------------------------------------------

def run(function: Function[P], args: tuple[Any, ...], options: Options,
        kind_of: Callable[[Arguments], BatchKind]) -> Any:
    """Run a batch, and return its results. kind_of: makes its kind from the arguments of one point."""
    options.check()
    if recording():
        raise errors.traced_effect(f"{function.name}.{options.op}", errors.user_line())
    points = Points(function, options.op, args, options.in_axes)
    kind = kind_of(points.arguments)
    kind.check(options.op, points.count)
    return Router(function, points, kind, options).run()


class Router(Generic[P]):
    """Finds the path of each point of a batch, group by group."""

    def __init__(self, function: Function[P], points: Points, kind: BatchKind, options: Options) -> None:
        self.function, self.points, self.kind, self.options = function, points, kind, options
        self.first: Plain | None = None  # the value of all other paths must have the structure of its value
        self.rows: list[Array] = []  # results: of each pass (numbers, points), or sums
        self.tried: set[P] = set()
        self.spare = function.spare()  # paths that are recorded for this batch alone
        self.eager = True  # f itself may run where no path is kept
        self.pathless: list[Array] = []  # points at which it will
        self.wait = 0  # points at which it is to run before another path is recorded for this batch alone
        self.progress = Progress(options.progress, points.count)
        self._passes: dict[pytree.TreeDef, list[Pass] | Exception] = {}  # by the structure of a path's value
        self._targets: dict[tuple[int, int], Places] = {}  # where a pass puts its results

    def run(self) -> Any:
        n = self.points.count
        with self.progress:
            self.route([range(start, min(start + SEGMENT, n)) for start in range(0, max(n, 1), SEGMENT)])
            assert self.first is not None
            other = self.kind.again() if self.options.reduce is None else None
            if other is not None and self.rows:
                bad = np.flatnonzero(np.isnan([row.sum(axis=0) for row in self.rows]).any(axis=0))
                if len(bad):
                    router = Router(self.function, self.points, other, self.options._replace(progress=None))
                    router.route([bad])
                    self.kind.mend(self.first, self.rows, router.rows, bad)
        return self.kind.unravel(self.first, self.rows)

    @functools.cached_property
    def operations(self) -> int:
        """The size of the function."""
        return self.function.operations(self.points.arguments.key)

    def route(self, parts: Sequence[Where]) -> None:
        """Run points, part by part, each along its path."""
        groups: list[tuple[Where, State]] = [(where, START) for where in reversed(parts)]
        while groups:
            groups += self.advance(*groups.pop())
            if not groups and self.pathless:
                left = self.run_eagerly(np.sort(np.concatenate(self.pathless)))
                self.pathless = []
                if len(left):
                    self.eager = False
                    groups.append((left, START))

    def advance(self, where: Where, state: State) -> list[tuple[Where, State]]:
        """Run a group along a path, and return the groups of points that left it."""
        n, function = len(where), self.function
        first = int(where[0]) if n else 0
        crowded = self.eager and n > 0 and function.runs_eagerly()
        if crowded and self.pathless and n*self.operations < LOOKING:
            self.pathless.append(np.asarray(where))
            return []
        path, fresh = function.find(self.points.arguments.key, state, lambda: self.points.at(first).numbers, True,
                                    self.spare), False
        if path is None and crowded and (n < 2*RECORDING or self.wait > 0):
            self.wait -= n
            self.pathless.append(np.asarray(where))
            return []
        if path is None:
            path, fresh = function.recorded(self.points.at(first), state, self.spare)
        # With C's own functions a recording is sure to hold at its first point. With vectorised functions it may not,
        # exactly on the border of a guard: then, or if it is found again that way, these points run with C's. So each
        # recording completes at least one point, and the loop terminates.
        exact = self.options.exact or (fresh and path in self.tried)
        self.tried.add(path)
        passes = self.passes(path)
        if isinstance(passes, Exception):
            batch = self.sweep(path, Values().passes(path), [np.zeros(path.results)], where, exact, summing=True)
            if not n or not batch.failed.all():  # no harm if no point is on this path
                raise passes
        else:
            if self.first is None:
                self.make_room(passes)
            batch = self.sweep(path, passes, self.rows, where, exact)
            if fresh and not exact and batch.failed[:1].any():
                return self.again(path, passes, where, batch, state)
        groups = batch.left()
        on_path = n - sum([len(points) for points, _ in groups])
        self.done(path, on_path)
        if fresh and not path.kept and on_path < RECORDING:
            self.wait = WASTED
        if fresh and exact and batch.failed[:1].any() and path.is_guard(int(batch.failed[0])):
            function.forget(path)
            raise errors.not_repeatable(function.name, path.guard_text(int(batch.failed[0])))
        return [(points, path.after(state, guard)) for points, guard in groups]

    def again(self, path: P, passes: list[Pass], where: Where, batch: Batch, state: State) -> list[tuple[Where, State]]:
        """Run the points that left a path with C's functions; its first point must be on it then."""
        left = np.flatnonzero(batch.failed)
        points = left + where.start if isinstance(where, range) else where[left]
        once_more = self.sweep(path, passes, self.rows, points, True)
        groups = once_more.left()
        self.done(path, len(where) - sum([len(points) for points, _ in groups]))
        if once_more.failed[0] and path.is_guard(int(once_more.failed[0])):
            self.function.forget(path)
            raise errors.not_repeatable(self.function.name, path.guard_text(int(once_more.failed[0])))
        return [(points, path.after(state, guard)) for points, guard in groups]

    def done(self, path: P, points: int) -> None:
        """Note that points have taken a path to its end."""
        if points or not self.points.count:
            if self.first is None:
                self.first = path
            self.function.used(path)
            self.kind.taken(self.function, path)

    def run_eagerly(self, where: Array) -> Array:
        """Run f itself at points, one by one, and return those at which it has to be recorded."""
        done, simple = 0, True
        while done < len(where):
            if simple and self.first is not None and self.first.out == NUMBER:
                count = self.run_on(where[done:])
                done, simple = done + count, count > 0
                if done == len(where):
                    break
            p = int(where[done])
            run = self.function.eager(self.points.at(p))
            if run is None:
                break
            passes = self.passes(run)
            if isinstance(passes, Exception):
                raise passes
            try:
                results = [run.attempt(each.request, NO_SEEDS, each.seeds_at(p) if each.seeds_at else NO_SEEDS)[1]
                           for each in passes]
            except Exception:  # what is asked needs a recording
                break
            if self.first is None:
                self.make_room(passes)
                self.first = run
            for each, rows, numbers in zip(passes, self.rows, results, strict=True):
                self.put(rows, where[done:done + 1], numbers[None, each.first:each.stop])
            done += 1
        self.function.fell_back(done)
        if self.progress.counter is not None:
            self.progress.add(done*self.progress.passes)
        return where[done:]

    def run_on(self, where: Array) -> int:
        """Run f at points as long as it returns numbers of numbers: values or gradients. Returns at how many it did."""
        passes, columns = self._passes.get(NUMBER), self.points.columns(where)
        if columns is None or not isinstance(passes, list) or len(passes) != 1:
            return 0
        sweeps = passes[0].request.sweeps
        if sweeps and (sweeps and len(sweeps) > 1 or sweeps[0].forward or sweeps[0].seeded):
            return 0
        results = np.empty((len(where), 1 + (len(columns) if sweeps else 0)))
        done = self.function.eager_rows(columns, results, bool(sweeps))
        if sweeps:
            results = results[:, [0, *(1 + i for i in sweeps[0].numbers)]]
        self.put(self.rows[0], where[:done], results[:done])
        return done

    def put(self, rows: Array, where: Array, results: Array) -> None:
        """Take results of some points over, a row each, or add them up."""
        if self.options.reduce is None:
            rows[:, where] = results.T
        else:
            for numbers in results:
                add_to(rows, numbers)

    def passes(self, path: Plain) -> list[Pass] | Exception:
        """The passes along a path, or the error if its values cannot be in one batch with those of the first path."""
        found = self._passes.get(path.out)
        if found is None or (self.first is not None and path.out != self.first.out):
            if self.first is not None and path.out != self.first.out:
                return errors.uneven_values(self.function.name, pytree.describe(self.first.out),
                                            pytree.describe(path.out))
            try:
                found = self.kind.passes(path)
            except TypeError as error:  # no gradient, as the value is not one number
                found = error
            self._passes[path.out] = found
        return found

    def make_room(self, passes: list[Pass]) -> None:
        widths = [each.stop - each.first for each in passes]
        self.rows = [np.zeros(width) if self.options.reduce else np.empty((width, self.points.count))
                     for width in widths]
        self._targets = {}
        self.progress.passes = max(len(widths), 1)

    def sweep(self, path: P, passes: list[Pass], rows: list[Array], where: Where, exact: bool,
              summing: bool = False) -> Batch:
        """Run a group along a path: what knows for each point the guard at which it left."""
        if not passes:  # no results, no derivatives: its guards are asked by the value
            passes, rows, summing = Values().passes(path), [np.zeros(path.results)], True
        for k, (each, into) in enumerate(zip(passes, rows, strict=True)):
            batch = self.sweep_once(path, k, each, into, where, exact, summing or self.options.reduce is not None)
        return batch

    def sweep_once(self, path: P, k: int, each: Pass, rows: Array, where: Where, exact: bool, summing: bool) -> Batch:
        executable = path.executable(each.request)
        start, index = (where.start, None) if isinstance(where, range) else (0, where)
        sources: tuple[Places, ...] = (self.points.inputs,)
        if path.captured:
            sources += (Places.same(path.captured_numbers()),)
        if each.seeds is not None:
            sources += (each.seeds,)
        targets = sums = None
        if summing:
            sums = np.zeros(executable.results)
        else:
            targets = self._targets.get((k, executable.results))
            if targets is None:
                targets = self._targets[k, executable.results] = into_rows(rows, each, executable.results).places
        batch = sweep(executable, len(where), sources, targets, "exact" if exact else "", index, start,
                      self.options.threads, self.progress.counter, sums)
        if sums is not None:
            add_to(rows, sums[each.first:each.stop])
        return batch


def into_rows(rows: Array, each: Pass, results: int) -> Strided:
    """Targets of results: those that are kept go into the rows, the others onto one another."""
    scrap = Strided.of_vector(np.empty(results))
    kept = Strided.along(rows, 1)
    scrap.base[each.first:each.stop] = kept.base
    scrap.stride[each.first:each.stop] = kept.stride
    return scrap._replace(owners=scrap.owners + kept.owners)
