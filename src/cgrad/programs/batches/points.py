"""Points of a batch: the axes that count them, and the addresses of their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ... import errors
from ..._program import Places
from .. import pytree
from ..arguments import Arguments
from ..pytree import NUMBER, Array, TreeDef
from ..request import Function


class Strided(NamedTuple):
    """Addresses of doubles: entry k of point p is at ``base[k] + p*stride[k]``."""

    base: Array
    stride: Array
    owners: tuple[Any, ...]  # the arrays that this is memory of

    @staticmethod
    def of_vector(vector: Array, stride: int = 0) -> Strided:
        """An entry for each number of a contiguous vector; with stride 0 the same for all points."""
        base = address_of(vector) + 8*np.arange(vector.size, dtype=np.int64)
        return Strided(base, np.full(base.shape, stride, np.int64), (vector,))

    @staticmethod
    def along(array: Array, axis: int | None) -> Strided:
        """An entry for each element of a point, where points lie along an axis; None: the same for all points."""
        base, stride = np.array(address_of(array), np.int64), 0
        rest = list(range(array.ndim))
        if axis is not None:
            stride = array.strides[axis]  # 0 in a broadcast array: the same for all points, too
            rest.pop(axis)
        for d in rest:
            base = np.add.outer(base, array.strides[d]*np.arange(array.shape[d], dtype=np.int64))
        entries = np.ravel(base)
        return Strided(entries, np.full(entries.shape, stride, np.int64), (array,))

    @staticmethod
    def joint(parts: list[Strided]) -> Strided:
        """The entries of one after those of the other."""
        return Strided(np.concatenate([np.zeros(0, np.int64), *[part.base for part in parts]]),
                       np.concatenate([np.zeros(0, np.int64), *[part.stride for part in parts]]),
                       tuple([owner for part in parts for owner in part.owners]))

    @property
    def places(self) -> Places:
        """The same for C."""
        return Places(self.base, self.stride, self.owners)


def address_of(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def aligned(array: Array) -> Array:
    """The array, or a copy if its doubles cannot be read in place."""
    return array if array.flags.aligned and array.dtype.isnative else np.array(array, np.float64)


# ---- in_axes ---------------------------------------------------------------------------------------

class MappedLeaf(NamedTuple):
    """A leaf of an argument, and the axis that counts points; None: the same for all points."""

    argument: int
    leaf: Any
    axis: int | None


def axes_of_arguments(op: str, in_axes: Any, n: int) -> list[Any]:
    """in_axes of each of n arguments."""
    axes = list(in_axes) if isinstance(in_axes, (tuple, list)) else [in_axes]*n
    if len(axes) != n:
        raise errors.bad_prefix(op, in_axes, f"{n} arguments")
    return axes


def mapped(name: str, op: str, k: int, x: Any, in_axes: Any,
           arrays: tuple[type, ...] = ()) -> tuple[TreeDef, list[MappedLeaf]]:
    """Argument k, flattened, with the axes that its in_axes say. arrays: further types of arrays."""
    leaves: list[Any] = []
    tree = pytree.flatten(op, x, leaves, arrays)
    if any(map(pytree.is_symbolic, leaves)):
        raise errors.values_given(name, op)
    axes = pytree.broadcast_prefix(op, tree, in_axes, lambda axis: axis is None or isinstance(axis, int))
    return tree, [MappedLeaf(k, leaf, axis_of(op, k, leaf, axis)) for leaf, axis in zip(leaves, axes, strict=True)]


def axis_of(op: str, k: int, leaf: Any, axis: int | None) -> int | None:
    """The axis of a leaf, counted from the front; numbers have none."""
    if axis is None or isinstance(leaf, float) or not leaf.ndim:
        return None
    if not -leaf.ndim <= axis < leaf.ndim:
        raise errors.no_such_axis(op, k, axis, leaf.shape)
    return int(axis % leaf.ndim)


def one_count(op: str, lengths: Iterable[tuple[int, str]]) -> int:
    """The number of points, where (length, whose) agree. Raises ValueError where they do not, or there are none."""
    found: dict[int, str] = {}
    for length, whose in lengths:
        found.setdefault(length, whose)
    if len(found) != 1:
        raise errors.no_points(op, found)
    return next(iter(found))


# ---- the arguments of a batch ----------------------------------------------------------------------

class Points:
    """The arguments of a batch: the numbers of each point, and one point as an example."""

    def __init__(self, function: Function[Any], op: str, args: tuple[Any, ...], in_axes: Any) -> None:
        self.leaves: list[MappedLeaf] = []
        example = []
        for k, (x, axes) in enumerate(zip(args, axes_of_arguments(op, in_axes, len(args)), strict=True)):
            if function.is_static(k, len(args)):
                example.append(x)
                continue
            tree, leaves = mapped(function.name, op, k, x, axes)
            leaves = [each._replace(leaf=aligned(np.asarray(each.leaf, np.float64))) for each in leaves]
            example.append(pytree.unflatten(tree, (point_of(each, 0) for each in leaves)))
            self.leaves += leaves
        self.count = one_count(op, [(each.leaf.shape[each.axis], f"argument {each.argument + 1}")
                                    for each in self.leaves if each.axis is not None])
        self.arguments = function.bind(tuple(example), {})
        if pytree.size(*self.arguments.trees) != sum(map(np.size, self.arguments.leaves)):
            raise errors.bad_prefix(op, in_axes, "these arguments")
        self.inputs = Strided.joint([Strided.along(each.leaf, each.axis) for each in self.leaves]).places

    def at(self, p: int) -> Arguments:
        """The arguments of point p."""
        return self.arguments._replace(leaves=[point_of(each, p) for each in self.leaves])

    def columns(self, where: Array) -> tuple[list[float], ...] | None:
        """The numbers of some points, a list for each argument; None unless all arguments are numbers, by position."""
        arguments = self.arguments
        if arguments.key[0] or any(tree != NUMBER for tree in arguments.trees):
            return None
        return tuple([[float(each.leaf)]*len(where) if each.axis is None else each.leaf[where].tolist()
                      for each in self.leaves])


def point_of(mapped: MappedLeaf, p: int) -> Any:
    """A leaf at point p: a float or an array; zeros where there are no points."""
    _, array, axis = mapped
    if axis is None:
        return array if array.ndim else float(array)
    if not array.shape[axis]:
        rest = array.shape[:axis] + array.shape[axis + 1:]
        return np.zeros(rest) if rest else 0.0
    part = array[(slice(None),)*axis + (p,)]
    return np.array(part) if part.ndim else float(part)
