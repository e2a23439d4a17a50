"""Points for which no path is kept: the function itself runs, eagerly, and what it recorded is swept.

Nothing is compiled. The numbers are those of a recorded path, to the bit where arithmetic on numbers is; where a
function needs a recording, as for ``range(n)`` of an argument, running it raises, and the caller records instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from .._core import OwnTape, Tensor, Value, gradients, plain, tangents
from . import pytree
from .arguments import Arguments
from .pytree import Array, Leaf
from .record import leaves_of, traced
from .request import Request


class NotEager(Exception):
    """What is asked needs a recording."""


class EagerRun:
    """One run of a function on leaves that hold a point's numbers: a path for this point alone."""

    kept = lasting = False
    unused: frozenset[int] = frozenset()

    def __init__(self, function: Callable[..., Any], name: str, arguments: Arguments) -> None:
        self.name, self.names = name, arguments.names
        self.leaves = leaves_of(arguments)
        self.captured: list[Leaf] = []
        self._tape = OwnTape()
        args, kwargs = traced(arguments, self.leaves)
        with self._tape:
            value = function(*args, **kwargs)
        found: list[Any] = []
        self.out = pytree.flatten(name, value, found)
        pytree.check_result(name, self.out)
        self._outputs = [x for leaf in found for x in (leaf.flat if isinstance(leaf, np.ndarray) else [leaf])]
        self._values = pytree.ravel([plain(x) for x in self._outputs])
        self.results = len(self._values)

    def need_scalar(self, op: str) -> None:
        """Raise TypeError unless the value is one number."""
        if not pytree.is_one_number(self.out):
            raise errors.no_scalar_value(self.name, op, pytree.describe(self.out))

    def captured_span(self, leaf: Leaf) -> range:
        """The inputs of a captured leaf: those after the arguments', in the order in which they are asked for."""
        if not any(leaf is other for other in self.captured):
            self.captured.append(leaf)
        start = sum(map(size_of, self.leaves))
        for other in self.captured:
            if other is leaf:
                break
            start += size_of(other)
        return range(start, start + size_of(leaf))

    def attempt(self, request: Request, numbers: Array, seeds: Array) -> tuple[int, Array]:
        """The results of a request: (0, results), as of a path. Raises NotEager for what needs a recording."""
        if not request.sweeps:
            return 0, self._values
        outputs, values = self._outputs, self._values
        *inner, last = request.sweeps
        if inner:
            if len(inner) > 1 or inner[0].forward or inner[0].seeded or self._arrays:
                raise NotEager
            outputs = self._gradient_recorded(inner[0].numbers)
            values = np.zeros(0)
        if last.forward:
            return 0, np.concatenate([values, self._forward(outputs, last.numbers, seeds)])
        if inner:
            raise NotEager
        return 0, np.concatenate([values, self._reverse(last.numbers, seeds if last.seeded else np.ones(1))])

    def units(self, request: Request, numbers: Array, n: int) -> tuple[int, Array]:
        """The results for each of n unit vectors as seeds."""
        rows = [self.attempt(request, numbers, unit)[1] for unit in np.eye(n)]
        return 0, np.array(rows).reshape(n, -1)

    @property
    def _arrays(self) -> bool:
        return any(isinstance(x, Tensor) for x in [*self.leaves, *self.captured, *self._outputs])

    def _reverse(self, inputs: Sequence[int], seeds: Array) -> Array:
        """The adjoints of inputs, by one reverse sweep from these seeds."""
        if len(self._outputs) == 1 and seeds.tolist() == [1.0] and not self._arrays:
            row = self._tape.point(self._outputs[0], [*self.leaves, *self.captured])
            if row is not None:
                return row[1:][inputs]
        outputs, weights, at = [], [], 0
        for x in self._outputs:
            size = size_of(x)
            if isinstance(x, (Value, Tensor)):
                outputs.append(x)
                weights.append(seeds[at:at + size].reshape(x.shape) if isinstance(x, Tensor) else float(seeds[at]))
            at += size
        leaves = [*self.leaves, *self.captured]
        if not outputs:
            return np.zeros(len(inputs))
        found = gradients(outputs, leaves, seed=weights)
        return pytree.ravel([found.wrt(leaf) for leaf in leaves])[inputs]

    def _gradient_recorded(self, inputs: Sequence[int]) -> list[Any]:
        """The gradient of the one result, to be differentiated again."""
        if not isinstance(self._outputs[0], Value):
            return [0.0]*len(inputs)
        leaves = [*self.leaves, *self.captured]
        with self._tape:
            found = gradients(self._outputs[0], leaves, create_graph=True)
            return [found.wrt(leaves[i]) for i in inputs]

    def _forward(self, outputs: list[Any], inputs: Sequence[int], seeds: Array) -> Array:
        """The tangents of outputs where these inputs have such tangents."""
        if self._arrays:
            raise NotEager
        leaves = [*self.leaves, *self.captured]
        places = [k for k, x in enumerate(outputs) if isinstance(x, Value)]
        result = np.zeros(len(outputs))
        if places and inputs:
            result[places] = tangents([outputs[k] for k in places], [leaves[i] for i in inputs], seed=seeds)
        return result


def size_of(x: Any) -> int:
    return x.size if isinstance(x, Tensor) else 1
