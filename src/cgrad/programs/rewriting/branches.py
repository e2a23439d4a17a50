"""Which branches of a function merge, over all its recordings, and what became of them in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType
from typing import Any, NamedTuple

from ..._callers import asks_identity
from ..._core import Trace
from ..pytree import LEAVES, TreeDef
from ..reads import changes, implicit_code, package_of
from .targets import PACKAGES, Targets

Place = tuple[str, int, str, int]  # file, line, function, column
SMALL = 64    # additions: a side that costs less is merged whatever the rest costs
SHARE = 0.5   # of the rest of the program: a side that costs more may be worth a path of its own
MOST_APART = 2  # branches that get paths of their own for their cost: each may double the paths


class Outcome(NamedTuple):
    """What became of the branches of one recording."""

    merges: int = 0
    lines: tuple[str, ...] = ()  # for people


class Branches:
    """The branches of a function: whether they merge, and which are kept apart as one side is dear."""

    def __init__(self, merge: bool = True) -> None:
        self.option = "merge" if merge else "guard"  # as the user has it
        self.merge = merge
        self.apart: set[Place] = set()
        self.unread: dict[str, str] = {}
        self.asks_identity = True  # some function asks for ``is True``, or it is not known that none does
        self.replaces = False  # calls of the function lead to others than it names
        self.why = ""  # that none merges, though they should

    def look_at(self, implicit: dict[str, CodeType], codes: Iterable[CodeType], trees: Sequence[TreeDef]) -> None:
        """Do not merge where operators or attributes may change something: they are called without being seen.

        codes: of all functions that are reached.
        """
        self.asks_identity = any(map(asks_identity, codes))
        for cls in classes_of(trees):
            for name, member in vars(cls).items():
                code = implicit_code(name, member)
                if code is not None:
                    implicit = {**implicit, f"{cls.__qualname__}.{name}": code}
        changing = next((name for name, code in implicit.items() if changes(code)), None)
        if changing and self.merge:
            self.merge, self.why = False, f"{changing} may change something, and no branch is merged"

    def begin(self, trace: Trace, function: Any) -> Targets:
        """Let a recording of a function know; returns what calls lead to."""
        trace.kept_apart, trace.asks_identity = set(self.apart), self.asks_identity
        trace.target_of = targets = Targets(self.merge, self.unread, {package_of(function)})
        return targets

    def eager(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function to call with Values where nothing is recorded."""
        if not self.replaces:
            return function
        PACKAGES.add(package_of(function))
        found: Callable[..., Any] = Targets(False, {}, PACKAGES)(function)[0]
        return found

    def dear(self, trace: Trace) -> set[Place]:
        """Branches that were merged, and of which one side costs more than the rest of the program is worth."""
        if not trace.merged:
            return set()
        total = trace.cost()
        found = {place: n for place, n, cost in trace.merged.values()
                 if cost >= SMALL and cost > SHARE*(total - cost) and n <= MOST_APART}
        return set(found) if sum(found.values()) + len(self.apart) <= MOST_APART else set()


def classes_of(trees: Sequence[TreeDef]) -> Iterator[type]:
    """The classes of structures among arguments."""
    for tree in trees:
        if tree[0] in ("named", "dataclass"):
            yield tree[1]
        if tree[0] not in (*LEAVES, "const"):
            yield from classes_of(tree[-1])


def described(trace: Trace, branches: Branches) -> Outcome:
    """What became of the branches of a recording, for ``explain`` and ``stats``."""
    counts: Counter[Place] = Counter()
    for place, n, _ in trace.merged.values():
        counts[place] += n
    lines = [f"merged: {place[0]}:{place[1]} in {place[2]}" + (f", {n} times" if n > 1 else "")
             for place, n in counts.items() if place[0]]
    lines += [f"guarded: {place[0]}:{place[1]} in {place[2]}: {why}"
              for place, why in trace.unmerged.items() if place[0]]
    lines += [f"guarded: {place[0]}:{place[1]} in {place[2]}: one side is dear"
              for place in sorted(branches.apart) if place not in trace.unmerged]
    lines += [f"not rewritten: {name}: {why}, so that its branches are guards" for name, why in branches.unread.items()]
    if branches.why:
        lines.append(branches.why)
    return Outcome(sum(counts.values()), tuple(lines))
