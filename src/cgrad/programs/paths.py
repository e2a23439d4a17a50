"""The recorded paths of a function: looked up, recorded, kept and evicted."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from .._core import OwnTape, Tensor
from .._program import Clock, EagerCalls, FastCall, Usage
from . import pytree
from .arguments import Arguments, Binder
from .eager import EagerRun
from .guards import START, Line, State, described
from .locks import Lock
from .path import Program
from .pytree import Array
from .reads import leave_out, reads_of
from .record import record
from .request import Plain
from .rewriting.branches import Branches
from .storage import references
from .trie import Trie, last_use_of

STALE = 16  # a path is evicted once it was not used for STALE*max_paths calls
FIRST_EVICTIONS = 8  # that need not pay
RECORDING = 500  # runs of a small f that take as long as recording a path and making its code
MOSTLY = 32  # calls of which most had no path, after which f itself is run at once
AT_ONCE = 4096  # calls at which it is, before paths are looked for again
MANY = 16  # paths by outcomes, from which on a function is said to take too many


class Paths:
    """A function and its recorded paths."""

    def __init__(self, function: Callable[..., Any], static: Sequence[str], backend: str, max_paths: int,
                 fast_calls: dict[Any, list[FastCall]], branches: str = "merge") -> None:
        self.function, self.static, self.backend, self.max_paths = function, tuple(static), backend, max_paths
        self.name = getattr(function, "__qualname__", type(function).__name__).replace("<locals>.", "")
        self.binder = Binder(self.name, function, self.static)
        self.bind, self.is_static = self.binder.bind, self.binder.is_static
        self.branches = Branches(branches == "merge")
        self.fast_calls = fast_calls  # shared with the callable object: fast calls of evicted paths are dropped
        self.came: list[Any] | None = None  # leaves that came in a pickle, the only ones f may capture; None: any
        self.recordings = self.unkept = 0
        self.seconds = 0.0  # spent on recordings
        self.effects: list[Any] = []  # containers that f itself fills: not looked at
        self.warned: set[str] = set()  # arguments of which was said that they are not used
        self._kept: dict[Program, None] = {}  # in the order of their recordings
        self._tries: dict[tuple[Any, ...], Trie] = {}  # by the structure of the arguments
        self._clock = Clock()
        self._eager = Usage(self._clock)  # calls beyond max_paths
        self._pathless = 0  # of the calls since _since, how many had no path
        self._since, self._looked_at = 0, MOSTLY
        self._full_until = 0  # no path is stale before this time
        self._credit: float = FIRST_EVICTIONS*RECORDING  # what evictions may cost, in runs of f
        self._narrow = False  # f uses float32, which is float64 in a program
        self._warned = False
        self._lock = Lock()

    @property
    def programs(self) -> list[Program]:
        """The recorded paths, the one used last first."""
        return sorted(self._kept, key=lambda program: (program.usage.last, program.number), reverse=True)

    def fill(self, programs: Sequence[Program], numbers: Sequence[int] | None = None) -> None:
        """Adopt paths, recorded in the order of these numbers; without numbers, the last one first."""
        self.recordings = max([len(programs), *(numbers or ())])
        self._clock.now = len(programs)
        given = zip(programs, numbers or range(len(programs), 0, -1), range(len(programs), 0, -1), strict=True)
        for program, number, last in sorted(given, key=lambda each: each[1]):
            program.number, program.usage.last = number, last
            self._adopt(program)

    def _adopt(self, program: Program) -> None:
        self._narrow = self._narrow or any(v.dtype == np.float32 for v in program.captured if isinstance(v, Tensor))
        program.usage.clock = self._clock
        self._kept[program] = None
        self._tries.setdefault(program.key, Trie()).insert(program)

    # ---- which path a call takes -----------------------------------------------------------------

    def solve(self, arguments: Arguments, run: Callable[[Plain], tuple[int, Any]]) -> tuple[Plain, Any]:
        """A path that holds at these arguments, and the result of ``run``: (0 or the guard that failed, result)."""
        state = START
        while True:
            program, fresh = self.find(arguments.key, state, arguments.ravel), False
            if program is None and (plain := self.eager(arguments)) is not None:
                try:
                    _, result = run(plain)
                except Exception:  # then by a recording, which raises if it is an error there, too
                    pass
                else:
                    self.fell_back(1)
                    return plain, result
            if program is None:
                program, fresh = self.recorded(arguments, state)
            failed, result = run(program)
            if not failed:
                self.used(program)
                return program, result
            if fresh and program.is_guard(failed):
                self.forget(program)
                raise errors.not_repeatable(self.name, program.guard_text(failed))
            state = program.after(state, failed)

    def find(self, key: tuple[Any, ...], state: State, numbers: Callable[[], Array], steady: bool = False,
             spare: Trie | None = None) -> Program | None:
        """A recorded path for points in this state, or None. steady: the choice does not depend on earlier calls."""
        for trie in (self._tries.get(key), spare):
            if trie is not None and (found := self._found(trie, state, numbers, steady)) is not None:
                return found
        return None

    def _found(self, trie: Trie, state: State, numbers: Callable[[], Array], steady: bool) -> Program | None:
        with self._lock:
            if state.start and trie.root is not None:  # what most calls ask for
                first = trie.root.oldest if steady else trie.root.last
                if first is not None and first.fits():
                    return first
            stale = []
            for program in trie.candidates(state, numbers, steady):
                if (found := program.for_state(state)) is not None:
                    return found
                if program.reads is not None and not program.holds():
                    stale.append(program)
            if stale:  # they may hold once the leaves that f reads now have taken the places of the former
                reads = reads_of(self.function)
                leave_out(reads, self.effects)
                for program in stale:
                    if program.rebind(reads) and (found := program.for_state(state)) is not None:
                        return found
        return None

    def recorded(self, arguments: Arguments, state: State, spare: Trie | None = None) -> tuple[Program, bool]:
        """(path, fresh): the path that f takes at these arguments; fresh unless another thread has recorded it."""
        with self._lock:
            found = self.find(arguments.key, state, arguments.ravel)
            if found is not None:
                return found, False
            program = self._keep(self.record(arguments, self._reason(arguments, state)), spare)
            return program.for_state(state) or program, True  # of one that is not kept it may be the careful one

    def operations(self, key: tuple[Any, ...]) -> int:
        """The number of operations of the path that was recorded first for such arguments."""
        trie = self._tries.get(key)
        first = trie.root.oldest if trie is not None and trie.root is not None else None
        return first.operations if first is not None else 0

    def eager(self, arguments: Arguments) -> EagerRun | None:
        """f itself, run at these arguments; None if a path is to be recorded, since f is not here or it raises."""
        if not self.runs_eagerly():
            return None
        try:
            return EagerRun(self.branches.eager(self.function), self.name, arguments)
        except Exception:  # a recording may do what plain numbers cannot, or says better what is wrong
            return None

    def eager_rows(self, columns: tuple[list[float], ...], rows: Array, gradient: bool) -> int:
        """Run f itself at points, where its arguments are numbers: values and gradients. Returns how many it did."""
        if not self.runs_eagerly():
            return 0
        with OwnTape() as tape:
            return tape.points(self.branches.eager(self.function), columns, rows, gradient)

    def runs_eagerly(self) -> bool:
        """True if f itself runs where no path is kept. A function that came in a pickle may capture what came alone."""
        return (self.full() and not self._narrow and self.came is None
                and not isinstance(self.function, references.Missing))

    def fell_back(self, points: int) -> None:
        """Count points at which f itself ran, and warn of them."""
        self._eager.note()
        self._eager.uses += points - 1
        self._pathless += 1
        self._credit = min(self._credit + points/20, FIRST_EVICTIONS*RECORDING)
        self.warn()

    def eager_calls(self) -> EagerCalls | None:
        """A way for the next calls to run f itself at once, if most calls end so."""
        calls, pathless = self._clock.now - self._since, self._pathless
        if calls < self._looked_at or self.static:
            return None
        self._since, self._looked_at, self._pathless = self._clock.now, MOSTLY, 0
        if 2*pathless <= calls:
            return None
        self._since += AT_ONCE
        self._looked_at = MOSTLY//4
        return EagerCalls(self.branches.eager(self.function), OwnTape, self._eager, AT_ONCE)

    def spare(self) -> Trie:
        """A place for paths that are recorded beyond those that are kept."""
        return Trie()

    def _reason(self, arguments: Arguments, state: State) -> str:
        """The reason why a new path is recorded, for people."""
        if not self._kept:
            return "the first call"
        trie = self._tries.get(arguments.key)
        if trie is None:
            return "the first call with such arguments"
        if state.start:
            return "captured arrays of other shapes, or layers in another state"
        at = len(state.outcomes)
        beside = next(trie.candidates(State(state.outcomes), arguments.ravel), None)
        if beside is None or len(beside.guards) <= at:
            return "another outcome of a path that was not kept"
        return f"another outcome of {beside.guard_text(at + 1)}"

    def record(self, arguments: Arguments, reason: str) -> Program:
        """The path that f takes at these arguments."""
        if isinstance(self.function, references.Missing):
            if arguments.key in self._tries:
                raise errors.path_missing(self.name, reason)
            known = dict.fromkeys([program.shapes for program in self.programs])
            raise errors.arguments_missing(self.name, *map(pytree.describe_all, [arguments.trees, *known]))
        reads = next((p.reads for p in reversed(self._kept) if p.reads is not None and p.holds()), None)
        before, began = len(self.effects), time.perf_counter()
        program = record(self.function, self.name, arguments, reason, self.backend, self.effects, self.branches,
                         reads)
        self._note(program, time.perf_counter() - began)
        if len(self.effects) > before:
            for other in self._kept:
                if other.reads is not None:
                    leave_out(other.reads, self.effects)
        if self.came is not None:
            for leaf in references.held_elsewhere(program.captured, self.came):
                raise errors.captured_here(self.name, leaf)
        return program

    def _note(self, program: Program, seconds: float) -> None:
        """Count a recording, and tell the logger ``cgrad`` of it, if somebody uses logging."""
        self.seconds += seconds
        logging = sys.modules.get("logging")
        if logging is not None:
            logging.getLogger("cgrad").info("%s: recorded for %s: %d operations, %d guards, %.1f ms", self.name,
                                            program.reason, program.operations, len(program.guards), 1e3*seconds)

    def stats(self) -> dict[str, float]:
        """As ``CompiledFunction.stats``."""
        with self._lock:
            programs = list(self._kept)
        return {"recordings": self.recordings + self.unkept, "paths": len(programs),
                "merges": sum(program.merges for program in programs), "fallbacks": self._eager.uses,
                "calls": sum(program.total_uses for program in programs) + self._eager.uses, "seconds": self.seconds}

    # ---- which paths are kept --------------------------------------------------------------------

    def _keep(self, program: Program, spare: Trie | None) -> Program:
        """Add a new path, and return the one to use: an older one if it has the same outcomes."""
        for trie in filter(None, (self._tries.get(program.key), spare)):
            for old in trie.alike(program):  # on the border of a guard a recording may repeat another one
                if old.fits():
                    return old
        if self.full():
            self.warn()
            program.kept = False
            self.unkept += 1
            self._eager.uses += 1
            if spare is not None:
                program.number = self.recordings + self.unkept
                spare.insert(program)
            return program
        if len(self._kept) >= self.max_paths:
            last = min(self._kept, key=last_use_of)
            self._credit += last.usage.uses - RECORDING
            self._drop(last, evicted=True)
        self.recordings += 1
        program.number, program.usage.last = self.recordings, self._clock.now
        self._adopt(program)
        if not self._warned and self._tries[program.key].leaves > MANY:
            self.warn()
        return program

    def full(self) -> bool:
        """True if no more paths are kept: there is no room, and none can be evicted.

        Evictions must pay: the paths that went have been used as often as it costs to record others, or f has run as
        it is so many times that a few recordings do not matter. Else numbers that take ever new paths would evict them
        all the time.
        """
        if len(self._kept) < self.max_paths:
            return False
        if self._credit < 0:
            return True
        if self._clock.now >= self._full_until:
            self._full_until = min([program.usage.last for program in list(self._kept)]) + STALE*self.max_paths
        return self._clock.now < self._full_until

    def warn(self) -> None:
        """Warn, once, that the function takes many paths."""
        if not self._warned:
            self._warned = True
            warnings.warn(errors.many_paths(self.name, len(self._kept), self.max_paths, self._parting()),
                          RuntimeWarning, stacklevel=errors.frames_inside())

    def _drop(self, program: Program, evicted: bool = False) -> None:
        self._kept.pop(program, None)
        trie = self._tries.get(program.key)
        if trie is not None:
            trie.remove(program)
            if not len(trie):
                del self._tries[program.key]
        if evicted:
            program.kept = False
            for name, calls in list(self.fast_calls.items()):
                calls[:] = [call for call in calls if not program.owns(call.executable)]
                if not calls:
                    del self.fast_calls[name]

    def _parting(self) -> str:
        """The line of f whose outcomes differ most among the paths, for people."""
        outcomes: dict[Line, set[tuple[Any, ...]]] = {}
        for program in list(self._kept):
            found: dict[Line, list[Any]] = {}
            for guard, outcome in zip(program.guards, program.guard_outcomes, strict=True):
                found.setdefault(guard.line, []).append(outcome)
            for line, sequence in found.items():
                outcomes.setdefault(line, set()).add(tuple(sequence))
        return described(max(outcomes, key=lambda line: len(outcomes[line]))) if outcomes else "its arguments"

    def forget(self, program: Program) -> None:
        """Drop a path that does not hold even where it was recorded."""
        with self._lock:
            self._drop(program)

    def used(self, program: Program) -> None:
        """Count a use."""
        program.usage.note()
        program = program.base or program
        trie = self._tries.get(program.key) if program.kept else None
        if trie is not None:
            with self._lock:
                trie.used(program)
