"""A trie of outcomes: recorded paths, found by what is known of a point's guards.

    first guard   1: second guard   1: path 1
                                    0: third guard   ("=", 3.0): path 2
                                                     ("=", 5.0): path 3
                  0: path 4

A node is a guard at which the paths below it part, with a child for each outcome; guards at which they agree have none,
so a trie has fewer nodes than twice its paths, however many guards they have. Finding a path costs the depth. Paths
with the same outcomes are one leaf: they differ in what their function read.

Where the guards at a node ask for equality of one argument with constants, the argument says which child it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .guards import Outcome, State
from .path import Program
from .pytree import Array

END = None  # the outcome of a guard that a path does not have


class Node:
    """Paths whose first ``at`` outcomes are the same: a leaf of paths that have no more, or those of its children."""

    __slots__ = ("asked", "at", "children", "last", "oldest", "parent", "paths")

    def __init__(self, at: int, parent: Node | None) -> None:
        self.at, self.parent = at, parent
        self.children: dict[Outcome, Node] = {}
        self.paths: list[Program] = []
        self.oldest: Program | None = None  # of all below: the one recorded first,
        self.last: Program | None = None  # and the one used last
        self.asked: int | None = None  # the input that each guard here compares with a constant; None: they differ

    def below(self) -> Iterator[Program]:
        """All paths below."""
        nodes = [self]
        while nodes:
            node = nodes.pop()
            yield from node.paths
            nodes += node.children.values()

    def settle(self) -> None:
        """Find the oldest path anew, and the one used last."""
        paths = self.paths or [child.oldest for child in self.children.values() if child.oldest is not None]
        self.oldest = min(paths, key=number_of)
        self.last = max(self.paths or [child.last for child in self.children.values() if child.last is not None],
                        key=last_use_of)


class Trie:
    """The paths for arguments of one structure."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._leaves: dict[Program, Node] = {}

    def __len__(self) -> int:
        return len(self._leaves)

    def __iter__(self) -> Iterator[Program]:
        return iter(self._leaves)

    @property
    def leaves(self) -> int:
        """The number of different sequences of outcomes."""
        return len(set(self._leaves.values()))

    # ---- finding ---------------------------------------------------------------------------------

    def candidates(self, state: State, numbers: Callable[[], Array], steady: bool = False) -> Iterator[Program]:
        """The paths that points in a state may be on, the one used last first; steady: the one recorded first.

        numbers: asks for those of one of the points.
        """
        heads = self._heads(state, numbers) if self.root is None or not state.start else [self.root]
        order = number_of if steady else last_use_of
        found = [head.oldest if steady else head.last for head in heads]
        first = (min if steady else max)([path for path in found if path is not None], key=order, default=None)
        if first is None:
            return
        yield first
        # then those beside it, which are wanted where it does not fit
        for path in sorted([path for head in heads for path in head.below()], key=order, reverse=not steady):
            if path is not first:
                yield path

    def _heads(self, state: State, numbers: Callable[[], Array]) -> list[Node]:
        """The highest nodes below which all paths agree with a state."""
        node, n = self.root, len(state.outcomes)
        while node is not None and node.children and node.at < n:
            node = node.children.get(state.outcomes[node.at])
        if node is None:
            return []
        assert node.oldest is not None
        known = node.oldest.guard_outcomes  # all paths below agree in those that count here
        if known[:n] != state.outcomes:
            return []
        if not node.children or node.at > n:
            return [node] if len(known) <= n or known[n] not in state.excluded else []
        outcomes: Iterable[Outcome] = node.children
        if node.asked is not None and len(node.children) > 2:
            outcomes = [("=", float(numbers()[node.asked])), 0, 1, END]
        return [node.children[outcome] for outcome in outcomes
                if outcome in node.children and outcome not in state.excluded]

    def alike(self, path: Program) -> list[Program]:
        """The paths with the same outcomes, of guards at the same lines."""
        node, outcomes = self.root, path.guard_outcomes
        while node is not None and node.children:
            node = node.children.get(outcome_at(outcomes, node.at))
        return [] if node is None else [other for other in node.paths if other.outcomes == path.outcomes
                                        and other.lines == path.lines]

    # ---- changes ---------------------------------------------------------------------------------

    def insert(self, path: Program) -> None:
        """Add a path."""
        outcomes, node, parent, since = path.guard_outcomes, self.root, None, 0
        while node is not None:
            assert node.oldest is not None
            known = node.oldest.guard_outcomes
            at = parting(known, outcomes, since, node.at)
            if at < node.at or (not node.children and len(outcomes) > at):
                node = self._split(node, at, outcome_at(known, at))
            if not node.children:
                break
            since, parent = node.at, node
            node = node.children.get(outcome_at(outcomes, node.at))
        if node is None:
            node = Node(len(outcomes), parent)
            if parent is None:
                self.root = node
            else:
                self._note_asked(parent, path)
                parent.children[outcome_at(outcomes, parent.at)] = node
        node.paths.append(path)
        self._leaves[path] = node
        while node is not None:
            if node.oldest is None or path.number < node.oldest.number:
                node.oldest = path
            if node.last is None or path.usage.last >= node.last.usage.last:
                node.last = path
            node = node.parent

    def _split(self, node: Node, at: int, outcome: Outcome) -> Node:
        """A node between this one and its parent, for paths that part from those below at an earlier guard."""
        made = Node(at, node.parent)
        made.oldest, made.last = node.oldest, node.last
        assert node.oldest is not None
        made.asked = node.oldest.asked_at(at)
        if node.parent is None:
            self.root = made
        else:
            node.parent.children[outcome_at(node.oldest.guard_outcomes, node.parent.at)] = made
        made.children[outcome] = node
        node.parent = made
        return made

    def _note_asked(self, node: Node, path: Program) -> None:
        if node.asked is not None and path.asked_at(node.at) != node.asked:
            node.asked = None

    def remove(self, path: Program) -> None:
        """Take a path out, if it is here."""
        node: Node | None = self._leaves.pop(path, None)
        if node is None:
            return
        node.paths.remove(path)
        outcomes = path.guard_outcomes
        if not node.paths:
            parent = node.parent
            if parent is None:
                self.root = None
                return
            del parent.children[outcome_at(outcomes, parent.at)]
            if len(parent.children) == 1:
                (only,) = parent.children.values()
                only.parent = parent.parent
                if only.parent is None:
                    self.root = only
                else:
                    only.parent.children[outcome_at(outcomes, only.parent.at)] = only
                parent = only.parent
            node = parent
        while node is not None:
            node.settle()
            node = node.parent

    def used(self, path: Program) -> None:
        """Note that a path is the one used last."""
        if self.root is not None and self.root.last is path:
            return  # and so it is of all nodes above it
        node = self._leaves.get(path)
        while node is not None:
            node.last = path
            node = node.parent


def number_of(path: Program) -> int:
    return path.number


def last_use_of(path: Program) -> int:
    return path.usage.last


def outcome_at(outcomes: tuple[Outcome, ...], at: int) -> Outcome:
    """An outcome, or END."""
    return outcomes[at] if at < len(outcomes) else END


def parting(known: tuple[Any, ...], outcomes: tuple[Any, ...], start: int, stop: int) -> int:
    """The first guard from ``start`` on at which outcomes differ from known ones; ``stop`` if none before it does."""
    if known[start:stop] == outcomes[start:stop]:
        return stop
    return next((k for k in range(start, min(stop, len(outcomes))) if known[k] != outcomes[k]),
                min(stop, len(outcomes)))
