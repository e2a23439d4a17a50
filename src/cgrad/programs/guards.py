"""Guards: comparisons that a recorded path depends on, and the outcomes that are known of points."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Line = tuple[str, int, str]  # file, line, function
Outcome = Any  # 0, 1, or ("=", number) where a number had to equal a constant


class Guard(NamedTuple):
    """A comparison: node ``node`` of the graph must be ``expected``, 1 or 0."""

    node: int
    expected: int
    line: Line


class State(NamedTuple):
    """Known outcomes of points: of their first guards, and those that the next one does not have.

    tried: the paths that they have left. None is tried twice, so that a search ends even where two paths ask different
    things after the same outcomes, which those of a function that depends on what no recording sees may do.
    """

    outcomes: tuple[Outcome, ...] = ()
    excluded: frozenset[Outcome] = frozenset()
    tried: frozenset[Any] = frozenset()

    @property
    def start(self) -> bool:
        """True if nothing is known."""
        return not (self.outcomes or self.excluded)

    def allows(self, outcomes: tuple[Outcome, ...]) -> bool:
        """True if such points may be on a path with these outcomes."""
        n = len(self.outcomes)
        return len(outcomes) > n and outcomes[:n] == self.outcomes and outcomes[n] not in self.excluded

    def after(self, path: Any, outcomes: tuple[Outcome, ...], guard: int) -> State:
        """The state of points that left a path with these outcomes at a guard, counted from 1."""
        before, outcome = outcomes[:guard - 1], outcomes[guard - 1]
        return State(before, (self.excluded if before == self.outcomes else frozenset()) | {outcome},
                     self.tried | {path})


START = State()


def described(line: Line) -> str:
    """file:line in function: text."""
    file, number, function = line
    # a saved program names its file, which may be any: text is shown of sources alone
    text = linecache.getline(file, number).strip() if file.endswith(".py") or file.startswith("<") else ""
    return f"{file}:{number} in {function}" + (f": {text}" if text else "")


def listed(guards: Sequence[Guard]) -> Iterator[str]:
    """Guards by line, with their outcomes and how often they occur."""
    counts = Counter((guard.line, guard.expected) for guard in guards)
    for (line, expected), count in counts.items():
        times = f", {count} times" if count > 1 else ""
        yield f"{described(line)} ({'true' if expected else 'false'}{times})"
