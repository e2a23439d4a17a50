"""Transforms of recorded functions at one point: values, and derivatives of first and second order."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from .. import errors
from .._core import Tensor, Value, recording
from .._program import Executable, FastCall, FastCallable, Places
from . import composed, pytree
from .arguments import Arguments
from .batches.lanes import sweep
from .batches.points import Strided
from .pytree import NUMBER, Array, TreeDef
from .request import VALUE, Function, Inputs, Path, Plain, Request, Wrt, warn_of_unused, wrt

NO_SEEDS = np.zeros(0)
SEEDS = 512  # rows or columns of a Jacobian that are swept at once
MOST_FAST = 64  # kinds of calls that are made fast


class Transforms(FastCallable):
    """Values and derivatives of a recorded function.

    At Values and Tensors, and inside of another compiled function, all of them are Values and Tensors, with a history.
    """

    name: str
    check_each = 0  # f itself runs beside each call of such a number, and the results are compared; 0: never

    def _function(self) -> Function[Any]:
        """The interface to its arguments and recorded paths."""
        raise NotImplementedError

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the function itself: with Values as arguments, or while a program is being recorded."""
        raise NotImplementedError

    def _compare(self, args: tuple[Any, ...], kwargs: dict[str, Any], out: TreeDef, results: Array) -> None:
        """Raise if f itself returns something else, each time that it is to be asked."""

    def _solve(self, op: str, arguments: Arguments, by: Wrt, run: Callable[[Plain], tuple[int, Array]]) -> Any:
        """A path that holds at these arguments, and the derivatives that ``run`` computes along it."""
        function = self._function()
        path, results = function.solve(arguments, lambda path: asked_where_it_holds(path, arguments.numbers, run))
        warn_of_unused(op, function, path, by)
        return path, results

    # ---- general path of calls; the fast one is core/program/fastcall.pxi ------------------------

    def _value(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if recording():
            return self._inline(args, kwargs)
        function = self._function()
        arguments = function.bind(args, kwargs)
        if any(map(pytree.is_symbolic, arguments.leaves)):
            return self._inline(args, kwargs)
        numbers = arguments.numbers
        path, results = function.solve(arguments, lambda path: path.attempt(VALUE, numbers, NO_SEEDS))
        self._remember("value", arguments, path, VALUE, None)
        if self.check_each:
            self._compare(args, kwargs, path.out, results)
        return pytree.unravel(path.out, results)

    def _gradient(self, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        options = taken(kwargs, "argnums", "captured")
        arguments = self._function().bind(args, kwargs)
        by = wrt(kind, arguments, **options)
        if composed.symbolic(kind, arguments):
            return composed.gradient(self, kind, arguments, by)
        numbers = arguments.numbers

        def request(path: Plain) -> Request:
            return VALUE.reverse(by.inputs(path))

        def run(path: Plain) -> tuple[int, Array]:
            path.need_scalar(kind)
            return path.attempt(request(path), numbers, NO_SEEDS)

        path, results = self._solve(kind, arguments, by, run)
        if by.captured is None:
            name = (kind, options["argnums"]) if "argnums" in options else kind
            self._remember(name, arguments, path, request(path), by)
        if self.check_each:
            self._compare(args, kwargs, path.out, results[:1])
        gradient = by.unravel(path, results[1:])
        return gradient if kind == "grad" else (pytree.unravel(path.out, results), gradient)

    def _remember(self, name: Any, arguments: Arguments, path: Plain, request: Request, by: Wrt | None) -> None:
        """Make the next calls like this one fast, if arguments and results are numbers and plain arrays."""
        if not path.lasting:
            if not self.check_each and path.out == NUMBER:
                self.eager_calls = self._function().eager_calls()
            return
        path = cast(Path, path)
        trees = [*arguments.trees, path.out, *(arguments.trees[k] for k in (by.argnums if by else ()))]
        keywords = arguments.key[0]  # the same numbers by position are other arguments
        if self.check_each or keywords or len(self.fast_calls) > MOST_FAST \
                or any(tree[0] not in ("number", "array") for tree in trees):
            return
        shapes = [None if tree == NUMBER else tuple(tree[1]) for tree in trees]
        n = len(arguments.trees)
        value: Any = False if name == "grad" or (isinstance(name, tuple) and name[0] == "grad") else shapes[n]
        many = by is not None and by.tree[0] == "tuple"
        for executable in (path.executable(request), *path.for_sides_taken(request, arguments.numbers)):
            self.remember(name, FastCall(
                executable, path.usage, tuple(shapes[:n]), path.captured, tuple(path.captured_shapes),
                path.conditions, path.reads, value, tuple(shapes[n + 1:]) if by else None, many))

    # ---- derivatives in a direction --------------------------------------------------------------

    def jvp(self, *args: Any, v: Any, argnums: Any = 0, **kwargs: Any) -> Any:
        """Compute the value and its derivative in the direction v, by one forward sweep.

        args, kwargs: the arguments, numbers and arrays. v: the direction, in the structure of the argument that argnums
        names; for a tuple, a tuple of such. argnums: the argument to differentiate with respect to, or a tuple of them.

        Returns (value, J v), both in the structure of the value. Raises ValueError if v has another structure than the
        argument.

        >>> import cgrad
        >>> cgrad.compile(lambda x: [x[0]*x[1], x[0]]).jvp([3.0, 5.0], v=[1.0, 0.0])
        ([15.0, 3.0], [5.0, 1.0])
        """
        refuse_captured("jvp", kwargs)
        arguments = self._function().bind(args, kwargs)
        by = wrt("jvp", arguments, argnums)
        if composed.symbolic("jvp", arguments, v):
            return composed.jvp(self, arguments, by, v)
        numbers = arguments.numbers

        def run(path: Plain) -> tuple[int, Array]:
            return path.attempt(VALUE.forward(by.inputs(path)), numbers, direction("jvp", v, by.tree))

        path, results = self._solve("jvp", arguments, by, run)
        return pytree.unravel(path.out, results), pytree.unravel(pytree.tangents_of(path.out), results, path.results)

    def vjp(self, *args: Any, v: Any, argnums: Any = 0, captured: Any = None, **kwargs: Any) -> Any:
        """Compute the value and the product of v with its derivatives, by one reverse sweep.

        args, kwargs: the arguments, numbers and arrays. v: the adjoints of the value, in its structure. argnums: the
        argument to differentiate with respect to, or a tuple of them. captured: Values and Tensors that the function
        uses, to differentiate with respect to these instead of the first argument; with another argnums, with respect
        to both.

        Returns (value, v^T J); the second in the structure of the argument, a list for captured leaves, the pair of
        them for both. Raises ValueError if v has another structure than the value.

        >>> import cgrad
        >>> cgrad.compile(lambda x: [x[0]*x[1], x[0]]).vjp([3.0, 5.0], v=[1.0, 10.0])
        ([15.0, 3.0], [15.0, 3.0])
        """
        arguments = self._function().bind(args, kwargs)
        by = wrt("vjp", arguments, None if captured is not None and argnums == 0 else argnums, captured)
        if composed.symbolic("vjp", arguments, v):
            return composed.vjp(self, arguments, by, v)
        numbers = arguments.numbers

        def run(path: Plain) -> tuple[int, Array]:
            request = VALUE.reverse(by.inputs(path), seeded=True)
            return path.attempt(request, numbers, direction("vjp", v, path.out))

        path, results = self._solve("vjp", arguments, by, run)
        return pytree.unravel(path.out, results), by.unravel(path, results[path.results:])

    def hvp(self, *args: Any, v: Any, argnums: Any = 0, **kwargs: Any) -> Any:
        """Compute the product of the Hessian with v, by a forward sweep over a reverse one.

        args, kwargs: the arguments, numbers and arrays. v: the vector, in the structure of the argument that argnums
        names; for a tuple, a tuple of such. argnums: the argument to differentiate with respect to, or a tuple of them.

        Returns H v, in the structure of v. Raises TypeError if the value is not one number; ValueError if v has
        another structure than the argument.

        >>> import cgrad
        >>> cgrad.compile(lambda x: x[0]**3*x[1]).hvp([2.0, 3.0], v=[1.0, 0.0])
        [36.0, 12.0]
        """
        refuse_captured("hvp", kwargs)
        arguments = self._function().bind(args, kwargs)
        by = wrt("hvp", arguments, argnums)
        if composed.symbolic("hvp", arguments, v):
            return composed.hvp(self, arguments, by, v)
        numbers = arguments.numbers

        def run(path: Plain) -> tuple[int, Array]:
            path.need_scalar("hvp")
            inputs = by.inputs(path)
            return path.attempt(VALUE.reverse(inputs).forward(inputs), numbers, direction("hvp", v, by.tree))

        path, results = self._solve("hvp", arguments, by, run)
        return by.unravel(path, results)

    # ---- all derivatives -------------------------------------------------------------------------

    def jacobian(self, *args: Any, argnums: Any = 0, **kwargs: Any) -> Any:
        """Compute all first derivatives, dense, by forward or reverse sweeps, whichever are fewer.

        args, kwargs: the arguments, numbers and arrays. argnums: the argument to differentiate with respect to, or a
        tuple of them.

        Returns for each leaf of the value and each of the argument an array of the value's shape followed by the
        argument's (a float where both are numbers): in the structure of the value, and in it of the argument.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x*x).jacobian(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
        """
        arguments = self._function().bind(args, kwargs)
        by = wrt("jacobian", arguments, argnums)
        if composed.symbolic("jacobian", arguments):
            return composed.jacobian(self, arguments, by)
        columns = pytree.size(by.tree)

        def run(path: Plain) -> tuple[int, Array]:
            rows, inputs = path.results, by.inputs(path)
            if columns > rows:
                failed, swept = path.units(VALUE.reverse(inputs, seeded=True), arguments.numbers, rows)
                if failed or not np.isnan(swept).any():
                    return failed, swept[:, rows:]
            failed, swept = sweep_inputs(path, VALUE, inputs, arguments.numbers)
            return failed, swept[:, rows:].T

        path, matrix = self._solve("jacobian", arguments, by, run)
        return pytree.unravel_matrix(matrix, path.out, by.tree)

    def hessian(self, *args: Any, argnums: Any = 0, **kwargs: Any) -> Any:
        """Compute all second derivatives of a value that is one number, dense.

        args, kwargs: the arguments, numbers and arrays. argnums: the argument to differentiate with respect to, or a
        tuple of them.

        Returns for each two leaves of the argument an array of both shapes, nested as in ``jacobian``. Raises TypeError
        if the value is not one number.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x[0]**2*x[1]).hessian(np.array([3.0, 5.0]))
        array([[10.,  6.],
               [ 6.,  0.]])
        """
        arguments = self._function().bind(args, kwargs)
        by = wrt("hessian", arguments, argnums)
        if composed.symbolic("hessian", arguments):
            return composed.hessian(self, arguments, by)

        def run(path: Plain) -> tuple[int, Array]:
            path.need_scalar("hessian")
            inputs = by.inputs(path)
            failed, swept = sweep_inputs(path, VALUE.reverse(inputs), inputs, arguments.numbers)
            return failed, symmetric(swept)

        _, matrix = self._solve("hessian", arguments, by, run)
        return pytree.unravel_matrix(matrix, by.tree, by.tree)


def function_of(p: Transforms) -> Function[Any]:
    """The interface of a compiled function or program for other ways to run it."""
    return p._function()


def taken(kwargs: dict[str, Any], *names: str) -> dict[str, Any]:
    """Options, taken out of the keyword arguments of a call."""
    return {name: kwargs.pop(name) for name in names if name in kwargs}


def refuse_captured(op: str, kwargs: dict[str, Any]) -> None:
    """Raise TypeError for captured= among the keyword arguments of a transform that does not take it."""
    if taken(kwargs, "captured").get("captured") is not None:
        raise errors.no_captured(op)


def direction(op: str, v: Any, tree: TreeDef) -> Array:
    """The numbers of a vector that must have this structure."""
    leaves: list[Any] = []
    found = pytree.flatten(op, v, leaves)
    if found != tree:
        raise errors.bad_direction(op, pytree.describe(found), pytree.describe(tree))
    for leaf in leaves:
        if isinstance(leaf, (Value, Tensor)):
            raise errors.no_number(op, "v", leaf)
    return pytree.ravel(leaves)


def asked_where_it_holds(path: Plain, numbers: Array, run: Callable[[Plain], tuple[int, Array]]) -> tuple[int, Array]:
    """What ``run`` returns; that a path has another structure is no error at points which take another path."""
    try:
        return run(path)
    except (TypeError, ValueError):
        failed, results = path.attempt(VALUE, numbers, NO_SEEDS)
        if failed:
            return failed, results
        raise


def sweep_inputs(path: Plain, request: Request, inputs: Inputs, numbers: Array) -> tuple[int, Array]:
    """The derivatives of a request by each of these inputs: (0 or the guard that failed, an array with a row for each).

    One forward sweep over all unit vectors. A unit vector's zeros may meet an infinite partial of another input: a row
    with a nan is swept again by its own input alone.
    """
    failed, rows = path.units(request.forward(inputs), numbers, sum(map(len, inputs)))
    if not failed:
        for k, i in enumerate(itertools.chain(*inputs)):
            if np.isnan(rows[k]).any():
                failed, rows[k:k + 1] = path.units(request.forward((range(i, i + 1),)), numbers, 1)
    return failed, rows


def symmetric(matrix: Array) -> Array:
    """The lower triangle, mirrored; nan where either of the two is: no second derivative exists there."""
    nowhere = np.isnan(matrix)
    return np.where(nowhere | nowhere.T, np.nan, np.tril(matrix) + np.tril(matrix, -1).T)


def sweep_units(executable: Executable, fixed: Array, n: int) -> tuple[int, Array]:
    """The results for each of n unit vectors as seeds: (0 or the guard that failed, an array with a row for each).

    fixed: the inputs before the seeds.
    """
    rows = np.empty((n, executable.results))
    for start in range(0, n, SEEDS):
        count = min(SEEDS, n - start)
        seeds = np.zeros((count, n))
        seeds[np.arange(count), start + np.arange(count)] = 1.0
        failed = sweep(executable, count, (Places.same(fixed), Strided.along(seeds, 0).places),
                       Strided.along(rows[start:start + count], 0).places, "exact").failed
        if failed.any():
            return int(failed[failed != 0][0]), rows
    return 0, rows
