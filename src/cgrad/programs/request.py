"""Requests: derivatives of recorded paths as compositions of sweeps; protocols of paths and functions.

A *request* is a composition of sweeps over a path's graph. It is hashable, and the only key of derived executables: for
single calls, batches, machine code and C.

    VALUE                                   the value
    VALUE.reverse(inputs)                   value and gradient
    VALUE.reverse(inputs, seeded=True)      vjp: value and v^T J; v is a further input
    VALUE.forward(inputs)                   jvp: value and J v; v is a further input
    VALUE.reverse(inputs).forward(inputs)   hvp: H v, forward over reverse
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from .. import errors
from .._core import Tensor, Value, plain
from .._program import EagerCalls, Executable, Reads, Usage
from . import pytree
from .arguments import Arguments
from .guards import State
from .pytree import Array, Leaf, TreeDef

Inputs = tuple[range, ...]  # inputs of a graph, in stretches


class Sweep(NamedTuple):
    """One transform of a graph: the derivatives of its results become the results."""

    forward: bool
    inputs: Inputs  # those to differentiate with respect to
    seeded: bool  # seeds are further inputs; else the seed of the one result is 1

    @property
    def numbers(self) -> list[int]:
        """The inputs one by one."""
        return [i for stretch in self.inputs for i in stretch]


class Request(NamedTuple):
    """A composition of sweeps, the innermost first.

    The results are the derivatives that the last sweep yields; those of a single sweep come after the value, which it
    computes anyway.
    """

    sweeps: tuple[Sweep, ...] = ()

    def reverse(self, inputs: Inputs, seeded: bool = False) -> Request:
        """The derivatives of this by a reverse sweep."""
        return Request((*self.sweeps, Sweep(False, inputs, seeded)))

    def forward(self, inputs: Inputs) -> Request:
        """The derivatives of this by a forward sweep."""
        return Request((*self.sweeps, Sweep(True, inputs, True)))

    @property
    def kind(self) -> str:
        """Its name, for people."""
        modes = [(sweep.forward, sweep.seeded) for sweep in self.sweeps]
        known = {(): "value", ((False, False),): "gradient", ((False, True),): "vjp", ((True, True),): "jvp",
                 ((False, False), (True, True)): "hvp"}
        return known.get(tuple(modes)) or " over ".join("forward" if sweep.forward else "reverse"
                                                        for sweep in reversed(self.sweeps))


VALUE = Request()


def joined(stretches: Iterable[range]) -> Inputs:
    """Inputs in as few stretches as their order allows.

    >>> joined([range(0, 2), range(2, 5), range(9, 9), range(1, 2)])
    (range(0, 5), range(1, 2))
    """
    found: list[range] = []
    for stretch in filter(len, stretches):
        if found and found[-1].stop == stretch.start:
            found[-1] = range(found[-1].start, stretch.stop)
        else:
            found.append(stretch)
    return tuple(found)


class Plain(Protocol):
    """The interface to derivatives of a path, and of a run of the function itself."""

    names: tuple[str, ...]
    out: TreeDef
    kept: bool  # among the recorded paths of its function

    @property
    def lasting(self) -> bool:
        """True if it is, or is the careful program of one that is."""

    @property
    def results(self) -> int:
        """The number of numbers in the value."""

    @property
    def unused(self) -> frozenset[int]:
        """The arguments that nothing on the path uses."""

    def attempt(self, request: Request, numbers: Array, seeds: Array) -> tuple[int, Array]:
        """Run at one point: (0 or the guard that failed, results)."""

    def units(self, request: Request, numbers: Array, n: int) -> tuple[int, Array]:
        """The results for each of n unit vectors as seeds, a row each: (0 or the guard that failed, rows)."""

    def captured_span(self, leaf: Leaf) -> range:
        """The inputs of a captured leaf."""

    def need_scalar(self, op: str) -> None:
        """Raise TypeError unless the value is one number."""


class Path(Plain, Protocol):
    """The interface of a recorded path to derivatives and batches."""

    captured: list[Leaf]
    captured_shapes: list[tuple[int, ...]]
    conditions: list[tuple[Any, str, Any]]
    reads: Reads | None
    usage: Usage

    def for_sides_taken(self, request: Request, numbers: Array) -> list[Executable]:
        """The instructions along the sides that were taken lately, and at this point where these are due."""

    def executable(self, request: Request) -> Executable:
        """The instructions for a request."""

    def captured_numbers(self) -> Array:
        """The numbers of captured leaves, the inputs after those of the arguments."""

    def after(self, state: State, guard: int) -> State:
        """The state of points that left this path at a guard."""

    def is_guard(self, number: int) -> bool:
        """True if that is a guard of the path."""

    def guard_text(self, number: int) -> str:
        """A guard, for messages."""


P = TypeVar("P", bound=Path)


class Function(Protocol[P]):
    """The interface of a function to derivatives and batches: its flattened arguments, and its recorded paths."""

    name: str
    warned: set[str]  # arguments of which was said that they are not used

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """The arguments of a call, flattened."""

    def is_static(self, k: int, n: int) -> bool:
        """True if argument k of n is a constant, whatever its type."""

    def find(self, key: tuple[Any, ...], state: State, numbers: Callable[[], Array], steady: bool = False,
             spare: Any = None) -> P | None:
        """A recorded path for points in this state, or None.

        key: that of the arguments. numbers: asks for those of one of the points. steady: the choice does not depend on
        earlier calls. spare: where to look besides, as of ``spare()``.
        """

    def recorded(self, arguments: Arguments, state: State, spare: Any = None) -> tuple[P, bool]:
        """(path, fresh): the path that is recorded at these arguments; not fresh if there is one by now.

        spare: where it goes if no more paths are kept.
        """

    def runs_eagerly(self) -> bool:
        """True if no more paths are kept, and f itself is to run where there is none."""

    def operations(self, key: tuple[Any, ...]) -> int:
        """The number of operations of the path that was recorded first for such arguments."""

    def eager(self, arguments: Arguments) -> Plain | None:
        """f itself, run at these arguments; None if a path is to be recorded, since f is not here or it raises."""

    def eager_rows(self, columns: tuple[list[float], ...], rows: Array, gradient: bool) -> int:
        """Run f itself at points, where its arguments are numbers: values and gradients. Returns how many it did."""

    def eager_calls(self) -> EagerCalls | None:
        """A way for the next calls to run f itself at once, if most calls end so."""

    def fell_back(self, points: int) -> None:
        """Count points at which f itself ran."""

    def spare(self) -> Any:
        """A place for paths that are recorded beyond those that are kept."""

    def solve(self, arguments: Arguments, run: Callable[[Plain], tuple[int, Any]]) -> tuple[Plain, Any]:
        """A path that holds at these arguments, and the result of ``run``: (0 or the guard that failed, result)."""

    def used(self, path: P) -> None:
        """Count a use of a path."""

    def forget(self, path: P) -> None:
        """Drop a path that does not hold even where it was recorded."""


class Wrt(NamedTuple):
    """Inputs to differentiate with respect to: arguments, captured leaves, or both."""

    argnums: tuple[int, ...]
    tree: TreeDef  # of these arguments: of one, or a tuple
    spans: Inputs  # of these arguments
    captured: list[Leaf] | None
    both: bool

    def inputs(self, path: Plain) -> Inputs:
        """The inputs of a path's graph."""
        if self.captured is None:
            return self.spans
        return joined([*self.spans, *map(path.captured_span, self.captured)])

    def unravel(self, path: Plain, derivatives: Array) -> Any:
        """Derivatives by these inputs, in their structure."""
        ours = pytree.unravel(self.tree, derivatives)
        if self.captured is None:
            return ours
        at, theirs = pytree.size(self.tree), []
        for leaf in self.captured:
            shape = np.shape(plain(leaf))
            n = len(path.captured_span(leaf))
            part = derivatives[at:at + n] if n else np.zeros(math.prod(shape))  # the path may not use it
            theirs.append(part.reshape(shape).copy() if isinstance(leaf, Tensor) else float(part[0]))
            at += n
        return (ours, theirs) if self.both else theirs


def warn_of_unused(op: str, function: Function[Any], path: Plain, by: Wrt) -> None:
    """Warn, once for each argument of a function, of derivatives with respect to one that the path does not use."""
    for k in path.unused.intersection(by.argnums) if path.unused else ():
        name = path.names[k]
        if name not in function.warned:
            function.warned.add(name)
            warnings.warn(errors.unused_argument(op, function.name, name), RuntimeWarning,
                          stacklevel=errors.frames_inside())


def wrt(op: str, arguments: Arguments, argnums: Any = None, captured: Any = None) -> Wrt:
    """The inputs that argnums= and captured= of a call name; without either, the first argument."""
    if captured is not None:
        captured = list(captured) if isinstance(captured, (list, tuple)) else [captured]
        for leaf in captured:
            if not isinstance(leaf, (Value, Tensor)):
                raise errors.no_value(op, "captured", leaf)
        if argnums is None:
            return Wrt((), ("tuple", ()), (), captured, False)
    numbered = arguments.numbered(op, 0 if argnums is None else argnums)
    trees = tuple([arguments.trees[k] for k in numbered])
    tree = ("tuple", trees) if isinstance(argnums, tuple) else trees[0]
    return Wrt(numbered, tree, joined(map(arguments.span, numbered)), captured, captured is not None)
