"""Which branches of a function merge, over all its recordings, and what became of them in one."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from ..._core import Trace
from .targets import Targets

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
        self.merge = merge
        self.apart: set[Place] = set()
        self.unread: dict[str, str] = {}

    def begin(self, trace: Trace) -> Targets:
        """Let a recording know; returns what calls lead to."""
        trace.kept_apart = set(self.apart)
        trace.target_of = targets = Targets(self.merge, self.unread)
        return targets

    def dear(self, trace: Trace) -> set[Place]:
        """Branches that were merged, and of which one side costs more than the rest of the program is worth."""
        if not trace.merged:
            return set()
        total = trace.cost()
        count = Counter(place for place, _ in trace.merged)
        cost: dict[Place, int] = {}
        for place, dearest in trace.merged:
            cost[place] = max(cost.get(place, 0), dearest)
        found = {place for place, c in cost.items()
                 if c >= SMALL and c > SHARE*(total - c) and count[place] <= MOST_APART}
        return found if sum(count[place] for place in found) + len(self.apart) <= MOST_APART else set()


def described(trace: Trace, branches: Branches) -> Outcome:
    """What became of the branches of a recording, for ``explain`` and ``stats``."""
    counts = Counter(place for place, _ in trace.merged)
    lines = [f"merged: {place[0]}:{place[1]} in {place[2]}" + (f", {n} times" if n > 1 else "")
             for place, n in counts.items() if place[0]]
    lines += [f"guarded: {place[0]}:{place[1]} in {place[2]}: {why}" for place, why in trace.unmerged.items() if place[0]]
    lines += [f"guarded: {place[0]}:{place[1]} in {place[2]}: one side is dear"
              for place in sorted(branches.apart) if place not in trace.unmerged]
    lines += [f"not rewritten: {name}: {why}, so that its branches are guards" for name, why in branches.unread.items()]
    return Outcome(sum(counts.values()), tuple(lines))
