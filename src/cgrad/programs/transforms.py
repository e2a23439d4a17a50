"""What programs and compiled functions have in common: values, derivatives and batches.

All of it is asked in terms of two things that they differ in: ``_bind`` (the arguments of a call, taken apart) and
``_solve`` (a recorded path that holds at these numbers).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import errors
from .._core import Tensor, Value, plain, recording
from .._program import FastCall, FastCallable
from . import batch, pytree
from .batch import VALUE, State, Wanted
from .pytree import NUMBER, Shape

if TYPE_CHECKING:
    from .path import Program

Array = np.ndarray[Any, Any]
Leaf = Value | Tensor
NOTHING = np.zeros(0)
ROWS = 512  # seeds of a Jacobian that are swept at once


class Arguments(NamedTuple):
    """The arguments of a call, taken apart."""

    key: tuple[Any, ...]  # what recordings differ by besides numbers: structures, static arguments
    names: tuple[str, ...]
    shapes: tuple[Shape, ...]  # of the arguments that are not static: of the others, constants
    leaves: list[Any]

    @property
    def numbers(self) -> Array:
        return pytree.numbers_of(self.leaves)

    def span(self, k: int) -> range:
        """The inputs of argument k."""
        start = sum(map(pytree.size, self.shapes[:k]))
        return range(start, start + pytree.size(self.shapes[k]))

    def numbered(self, op: str, argnums: Any) -> tuple[int, ...]:
        """argnums as places, counted from the front."""
        given = argnums if isinstance(argnums, tuple) else (argnums,)
        n = len(self.shapes)
        for k in given:
            if isinstance(k, bool) or not isinstance(k, int) or not -n <= k < n:
                raise errors.bad_argnums(op, k, n)
            if next(pytree.parts_of(self.shapes[k]), None) is None:
                raise errors.no_numbers_there(op, self.names[k], pytree.described(self.shapes[k]))
        return tuple([k % n for k in given])


class By(NamedTuple):
    """What a derivative is taken by."""

    argnums: tuple[int, ...]
    shape: Shape  # of the arguments: one, or a tuple of them
    captured: list[Leaf] | None
    both: bool  # arguments and captured values

    def wrt(self, program: Program, arguments: Arguments) -> tuple[int, ...]:
        found = [i for k in self.argnums for i in arguments.span(k)]
        for leaf in self.captured or ():
            found += program.captured_span(leaf)
        return tuple(found)

    def answer(self, program: Program, numbers: Array) -> Any:
        """Derivatives in the structure of what they are taken by."""
        ours = pytree.pick(self.shape, numbers)
        if self.captured is None:
            return ours
        at, theirs = pytree.size(self.shape), []
        for leaf in self.captured:
            shape = np.shape(plain(leaf))
            n = math.prod(shape) if program.captured_span(leaf) else 0
            part = numbers[at:at + n] if n else np.zeros(math.prod(shape))
            theirs.append(part.reshape(shape).copy() if isinstance(leaf, Tensor) else float(part[0]))
            at += n
        return (ours, theirs) if self.both else theirs


class Calls(FastCallable):
    """Values, derivatives and batches of a recorded function."""

    name: str

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """The arguments of a call, taken apart."""
        raise NotImplementedError

    def _constant(self, k: int, n: int) -> bool:
        """Whether argument k of n is a constant, whatever it is."""
        raise NotImplementedError

    def _solve(self, arguments: Arguments, run: Callable[[Program], tuple[int, Any]]) -> tuple[Program, Any]:
        """A path that holds: ``run`` gives (0 or the guard that came out otherwise, result)."""
        raise NotImplementedError

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function itself, where arguments are Values or a program is being recorded."""
        raise NotImplementedError

    def _path(self, arguments: Arguments, state: State, steady: bool = False) -> tuple[Program, bool]:
        """A path for points whose guards came out like this, and whether it was just recorded at these arguments.

        steady: the same one whatever was called lately.
        """
        raise NotImplementedError

    def _forget(self, program: Program) -> None:
        """Drop a path that does not even hold where it was recorded."""

    def _used(self, program: Program) -> None:
        """Count a use of a path."""
        raise NotImplementedError

    # ---- one point -------------------------------------------------------------------------------

    def _plain(self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """The arguments of what takes plain numbers alone."""
        if recording():
            raise errors.traced_effect(f"{self.name}.{op}", errors.user_line())
        arguments = self._bind(args, kwargs)
        if any(isinstance(x, (Value, Tensor)) for x in arguments.leaves):
            raise errors.values_given(self.name, op)
        return arguments

    def _value(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if recording():
            return self._inline(args, kwargs)
        arguments = self._bind(args, kwargs)
        if any(isinstance(x, (Value, Tensor)) or (isinstance(x, np.ndarray) and x.dtype == object)
               for x in arguments.leaves):
            return self._inline(args, kwargs)
        numbers = arguments.numbers
        program, results = self._solve(arguments, lambda p: p.attempt(VALUE, numbers, NOTHING))
        self._remember("value", arguments, program, VALUE, None)
        return pytree.pick(program.out, results)

    def _by(self, op: str, arguments: Arguments, options: dict[str, Any]) -> By:
        """argnums= and captured=, taken out of the options of a call."""
        captured = options.pop("captured", None)
        argnums = options.pop("argnums", None)
        if captured is not None:
            captured = list(captured) if isinstance(captured, (list, tuple)) else [captured]
            for leaf in captured:
                if not isinstance(leaf, (Value, Tensor)):
                    raise errors.no_value(op, "captured", leaf)
        if argnums is None and captured is not None:
            return By((), ("tuple", ()), captured, False)
        numbered = arguments.numbered(op, 0 if argnums is None else argnums)
        shapes = tuple([arguments.shapes[k] for k in numbered])
        many = isinstance(argnums, tuple)
        return By(numbered, ("tuple", shapes) if many else shapes[0], captured, captured is not None)

    def _gradient(self, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        options = taken(kwargs, "argnums", "captured")
        name = (kind, options["argnums"]) if "argnums" in options else kind
        arguments = self._plain(kind, args, kwargs)
        by = self._by(kind, arguments, options)
        numbers = arguments.numbers

        def run(program: Program) -> tuple[int, Array]:
            program.need_scalar(kind)
            return program.attempt(Wanted("gradient", by.wrt(program, arguments)), numbers, NOTHING)

        program, results = self._solve(arguments, run)
        if by.captured is None:
            self._remember(name, arguments, program, Wanted("gradient", by.wrt(program, arguments)), by)
        gradient = by.answer(program, results[1:])
        return gradient if kind == "grad" else (pytree.pick(program.out, results), gradient)

    def _remember(self, name: Any, arguments: Arguments, program: Program, wanted: Wanted, by: By | None) -> None:
        """Let calls like this one go the short way, where arguments and results are numbers and arrays."""
        shapes = [*arguments.shapes, program.out, *(arguments.shapes[k] for k in (by.argnums if by else ()))]
        if any(shape[0] not in ("number", "array") for shape in shapes) \
                or len(self.fast_calls) > 64 or not program.kept \
                or arguments.key[0]:  # the same numbers by position are other arguments
            return
        simple = [None if shape == NUMBER else tuple(shape[1]) for shape in shapes]
        n = len(arguments.shapes)
        value: Any = False if name == "grad" or (isinstance(name, tuple) and name[0] == "grad") else simple[n]
        many = by is not None and by.shape[0] == "tuple"
        self.fast_calls[name] = FastCall(program.code(wanted), tuple(simple[:n]), program.captured,
                                 tuple(program.captured_shapes), program.conditions, value,
                                 tuple(simple[n + 1:]) if by else None, many)

    def _directed(self, op: str, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any], v: Any) -> Any:
        """jvp, vjp and hvp."""
        options = taken(kwargs, "argnums", "captured")
        arguments = self._plain(op, args, kwargs)
        by = self._by(op, arguments, options)
        numbers = arguments.numbers
        if by.captured is not None and kind != "vjp":
            raise errors.no_captured(op)

        def run(program: Program) -> tuple[int, Array]:
            if kind == "hvp":
                program.need_scalar(op)
            extra = direction(op, v, program.out if kind == "vjp" else by.shape)
            return program.attempt(Wanted(kind, by.wrt(program, arguments)), numbers, extra)

        program, results = self._solve(arguments, run)
        if kind == "hvp":
            return by.answer(program, results)
        value = pytree.pick(program.out, results)
        rest = results[program.results:]
        return value, (pytree.pick(program.out, rest) if kind == "jvp" else by.answer(program, rest))

    def jvp(self, *args: Any, v: Any, argnums: Any = 0, **kwargs: Any) -> Any:
        """p.jvp(*args, v, argnums=0): (value, J v), the derivative in the direction v, by one forward sweep.

        v: in the structure of the argument that argnums names, or a tuple of such. J v has the value's structure.

        >>> import cgrad
        >>> cgrad.compile(lambda x: [x[0]*x[1], x[0]]).jvp([3.0, 5.0], v=[1.0, 0.0])
        ([15.0, 3.0], [5.0, 1.0])
        """
        return self._directed("jvp", "jvp", args, {**kwargs, "argnums": argnums}, v)

    def vjp(self, *args: Any, v: Any, argnums: Any = 0, captured: Any = None, **kwargs: Any) -> Any:
        """p.vjp(*args, v, argnums=0, captured=None): (value, v^T J), by one reverse sweep.

        v: in the structure of the value. v^T J has the structure of the argument that argnums names, or is a tuple of
        such; captured: as in ``grad``.

        >>> import cgrad
        >>> cgrad.compile(lambda x: [x[0]*x[1], x[0]]).vjp([3.0, 5.0], v=[1.0, 10.0])
        ([15.0, 3.0], [15.0, 3.0])
        """
        options = {"argnums": argnums} if captured is None or argnums != 0 else {}
        return self._directed("vjp", "vjp", args, {**kwargs, **options, "captured": captured}, v)

    def hvp(self, *args: Any, v: Any, argnums: Any = 0, **kwargs: Any) -> Any:
        """p.hvp(*args, v, argnums=0): H v, the second derivatives times a vector: a forward sweep over a reverse one.

        v and H v have the structure of the argument that argnums names, or are tuples of such. Raises TypeError where
        the value is not one number.

        >>> import cgrad
        >>> cgrad.compile(lambda x: x[0]**3*x[1]).hvp([2.0, 3.0], v=[1.0, 0.0])
        [36.0, 12.0]
        """
        return self._directed("hvp", "hvp", args, {**kwargs, "argnums": argnums}, v)

    def jacobian(self, *args: Any, argnums: Any = 0, **kwargs: Any) -> Any:
        """p.jacobian(*args, argnums=0): all first derivatives, dense.

        For each leaf of the value and each of the argument an array of the value's shape followed by the argument's
        (a float where both are numbers), in the structure of the value, and in it of the argument. Forward or
        reverse, whichever takes fewer sweeps; many sweeps at once, over the lanes of a batch.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x*x).jacobian(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
        """
        arguments = self._plain("jacobian", args, kwargs)
        by = self._by("jacobian", arguments, {"argnums": argnums})
        columns = pytree.size(by.shape)

        def run(program: Program) -> tuple[int, Array]:
            rows, wrt = program.results, by.wrt(program, arguments)
            if columns <= rows:
                failed, swept = seeded(program, Wanted("jvp", wrt), arguments.numbers, columns)
                return failed, swept[:, rows:].T
            failed, swept = seeded(program, Wanted("vjp", wrt), arguments.numbers, rows)
            return failed, swept[:, rows:]

        program, matrix = self._solve(arguments, run)
        return pytree.blocks(matrix, program.out, by.shape)

    def hessian(self, *args: Any, argnums: Any = 0, **kwargs: Any) -> Any:
        """p.hessian(*args, argnums=0): all second derivatives of a value that is one number, dense.

        For each two leaves of the argument an array of both shapes, nested as in ``jacobian``.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x[0]**2*x[1]).hessian(np.array([3.0, 5.0]))
        array([[10.,  6.],
               [ 6.,  0.]])
        """
        arguments = self._plain("hessian", args, kwargs)
        by = self._by("hessian", arguments, {"argnums": argnums})
        columns = pytree.size(by.shape)

        def run(program: Program) -> tuple[int, Array]:
            program.need_scalar("hessian")
            return seeded(program, Wanted("hvp", by.wrt(program, arguments)), arguments.numbers, columns)

        _, matrix = self._solve(arguments, run)
        return pytree.blocks(matrix, by.shape, by.shape)

    # ---- many points -----------------------------------------------------------------------------

    def map(self, *args: Any, in_axes: Any = 0, threads: int | None = None, reduce: str | None = None,
            progress: Any = None, exact: bool = False) -> Any:
        """p.map(*args, in_axes=0, threads=None, reduce=None, progress=None, exact=False): the values at many points.

        in_axes: the axis of each argument that counts points; None: the same for all points; a tuple has one entry an
        argument, which may be nested as the argument is. threads: at most so many (default: the processors of this
        process). reduce="sum": values are added up over the points, in constant memory, alike for any number of
        threads. progress: True for a tqdm bar, or a function of (points done, points). exact: functions such as exp
        are C's, to the bit as in single calls; else they are vectorised, within 2 units in the last place.

        Values come in the structure of the value, points first, in the order of the input. Points that take another
        branch are gathered, and run by a recording of their own. Raises ValueError where axes have different lengths.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x*x if x > 0 else -x).map(np.array([1.0, -2.0, 3.0]))
        array([1., 2., 9.])
        """
        options = batch.Options("map", in_axes, threads, reduce, progress, exact)
        return batch.run(self, args, options, lambda arguments: batch.Values())

    def map_value_and_grad(self, *args: Any, argnums: Any = 0, in_axes: Any = 0, threads: int | None = None,
                           reduce: str | None = None, progress: Any = None, exact: bool = False) -> Any:
        """p.map_value_and_grad(*args, argnums=0, in_axes=0, ...): (values, gradients) at many points, as ``map``.

        Gradients have the argument's structure, points first. With reduce="sum" both are added up over the points.

        >>> import numpy as np, cgrad
        >>> p = cgrad.compile(lambda x, a: a*x*x)
        >>> p.map_value_and_grad(np.array([1.0, 2.0]), 3.0, in_axes=(0, None))
        (array([ 3., 12.]), array([ 6., 12.]))
        """
        options = batch.Options("map_value_and_grad", in_axes, threads, reduce, progress, exact)
        return batch.run(self, args, options,
                         lambda arguments: batch.Gradients(self._by(options.op, arguments, {"argnums": argnums})))

    def map_jacobian(self, *args: Any, argnums: Any = 0, in_axes: Any = 0, threads: int | None = None,
                     reduce: str | None = None, progress: Any = None, exact: bool = False) -> Any:
        """p.map_jacobian(*args, argnums=0, in_axes=0, ...): ``jacobian`` at many points, points first.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x*x).map_jacobian(np.array([1.0, 2.0]))
        array([2., 4.])
        """
        options = batch.Options("map_jacobian", in_axes, threads, reduce, progress, exact)
        return batch.run(self, args, options,
                         lambda arguments: batch.Jacobians(self._by(options.op, arguments, {"argnums": argnums})))

    def map_hvp(self, *args: Any, v: Any, argnums: Any = 0, in_axes: Any = 0, threads: int | None = None,
                reduce: str | None = None, progress: Any = None, exact: bool = False) -> Any:
        """p.map_hvp(*args, v, argnums=0, in_axes=0, ...): ``hvp`` at many points; v has the points first.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x**3).map_hvp(np.array([1.0, 2.0]), v=np.array([1.0, 10.0]))
        array([  6., 120.])
        """
        options = batch.Options("map_hvp", in_axes, threads, reduce, progress, exact)
        return batch.run(self, args, options,
                         lambda arguments: batch.Products(self._by(options.op, arguments, {"argnums": argnums}), v))


def taken(kwargs: dict[str, Any], *names: str) -> dict[str, Any]:
    """Options, taken out of the keyword arguments of a call."""
    return {name: kwargs.pop(name) for name in names if name in kwargs}


def direction(op: str, v: Any, shape: Shape) -> Array:
    """The numbers of a vector that must have this shape."""
    leaves: list[Any] = []
    found = pytree.flatten(op, v, leaves)
    if found != shape:
        raise errors.bad_direction(op, pytree.described(found), pytree.described(shape))
    for x in leaves:
        if isinstance(x, (Value, Tensor)):
            raise errors.no_number(op, "v", x)
    return pytree.numbers_of(leaves)


def seeded(program: Program, wanted: Wanted, numbers: Array, n: int) -> tuple[int, Array]:
    """The results for each unit vector as the further inputs: (guard, an array with a row for each)."""
    code = program.code(wanted)
    fixed = np.concatenate([numbers, program.captured_numbers()])
    rows = np.empty((n, code.results))
    for start in range(0, n, ROWS):
        count = min(ROWS, n - start)
        seeds = np.zeros((count, n))
        seeds[np.arange(count), start + np.arange(count)] = 1.0
        sources = batch.Places.joint([batch.Places.of(fixed, 0), batch.Places.along(seeds, 0)])
        failed = batch.swept(code, count, sources, batch.Places.along(rows[start:start + count], 0), "exact")
        if failed[0]:
            return int(failed[0]), rows
    return 0, rows
