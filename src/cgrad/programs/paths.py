"""The recorded paths of a function: looked up, recorded, kept and evicted."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import errors
from . import pytree
from .arguments import Arguments, Binder
from .guards import START, Line, State, described
from .locks import Lock
from .path import Program
from .reads import leave_out, reads_of
from .record import record
from .storage import references

STALE = 16  # a path is evicted once it was not used for STALE*max_paths calls


class Paths:
    """A function and its recorded paths, the one used last first."""

    def __init__(self, function: Callable[..., Any], static: Sequence[str], backend: str, max_paths: int,
                 fast_calls: dict[Any, Any]) -> None:
        self.function, self.static, self.backend, self.max_paths = function, tuple(static), backend, max_paths
        self.name = getattr(function, "__qualname__", type(function).__name__).replace("<locals>.", "")
        self.binder = Binder(self.name, function, self.static)
        self.bind, self.is_static = self.binder.bind, self.binder.is_static
        self.fast_calls = fast_calls  # shared with the callable object: fast calls of evicted paths are dropped
        self.programs: list[Program] = []
        self.came: list[Any] | None = None  # leaves that came in a pickle, the only ones f may capture; None: any
        self.recordings = self.fallbacks = 0
        self.seconds = 0.0  # spent on recordings
        self.effects: list[Any] = []  # containers that f itself fills: not looked at
        self.warned: set[str] = set()  # arguments of which was said that they are not used
        self._clock = 0
        self._warned = False
        self._lock = Lock()

    def fill(self, programs: Sequence[Program], numbers: Sequence[int] | None = None) -> None:
        """Adopt paths, recorded in the order of these numbers; without numbers, the last one first."""
        self.programs = list(programs)
        self.recordings = len(self.programs)
        for program, number in zip(self.programs, numbers or range(self.recordings, 0, -1), strict=True):
            program.number = number
            self.recordings = max(self.recordings, number)

    # ---- which path a call takes -----------------------------------------------------------------

    def solve(self, arguments: Arguments, run: Callable[[Program], tuple[int, Any]]) -> tuple[Program, Any]:
        """A path that holds at these arguments, and the result of ``run``: (0 or the guard that failed, result)."""
        state = START
        while True:
            program, fresh = self.path(arguments, state)
            failed, result = run(program)
            if not failed:
                self.used(program)
                return program, result
            if fresh and program.is_guard(failed):
                self.forget(program)
                raise errors.not_repeatable(self.name, program.guard_text(failed))
            state = program.after(state, failed)

    def path(self, arguments: Arguments, state: State, steady: bool = False) -> tuple[Program, bool]:
        """(path, fresh): a path for points in this state; fresh if it was recorded just now, at these arguments."""
        with self._lock:
            for program in sorted(self.programs, key=lambda program: program.number) if steady else self.programs:
                if program.key == arguments.key and (found := program.for_state(state)) is not None:
                    return found, False
            known = [program for program in self.programs if program.key == arguments.key]
            for program in self._bound_anew(known):
                if (found := program.for_state(state)) is not None:
                    return found, False
            program = self._keep(self.record(arguments, self._reason(known, state)), bool(known))
            return program.for_state(state) or program, True  # of one that is not kept it may be the careful one

    def _bound_anew(self, known: list[Program]) -> Iterator[Program]:
        """The paths that hold once the leaves that f reads now have taken the places of the former."""
        stale = [program for program in known if program.reads is not None and not program.holds()]
        if stale:
            reads = reads_of(self.function)
            leave_out(reads, self.effects)
            yield from (program for program in stale if program.rebind(reads))

    def _reason(self, known: list[Program], state: State) -> str:
        """The reason why a new path is recorded, for people."""
        if not self.programs:
            return "the first call"
        if not known:
            return "the first call with such arguments"
        if state == START:
            return "captured arrays of other shapes, or layers in another state"
        at = len(state.outcomes)
        line = next((program.guard_text(at + 1) for program in known
                     if len(program.guards) > at and program.outcomes[:at] == state.outcomes),
                    "a path that was not kept")
        return f"another outcome of {line}"

    def record(self, arguments: Arguments, reason: str) -> Program:
        """The path that f takes at these arguments."""
        if isinstance(self.function, references.Missing):
            if any(program.key == arguments.key for program in self.programs):
                raise errors.path_missing(self.name, reason)
            known = dict.fromkeys([program.shapes for program in self.programs])
            raise errors.arguments_missing(self.name, *map(pytree.describe_all, [arguments.trees, *known]))
        reads = next((p.reads for p in self.programs if p.reads is not None and p.holds()), None)
        before, began = len(self.effects), time.perf_counter()
        program = record(self.function, self.name, arguments, reason, self.backend, self.effects, reads)
        self._note(program, time.perf_counter() - began)
        if len(self.effects) > before:
            for other in self.programs:
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
            programs = list(self.programs)
        return {"recordings": self.recordings + self.fallbacks, "paths": len(programs), "fallbacks": self.fallbacks,
                "calls": sum(program.total_uses for program in programs) + self.fallbacks, "seconds": self.seconds}

    # ---- which paths are kept --------------------------------------------------------------------

    def _keep(self, program: Program, again: bool) -> Program:
        """Add a new path, and return the one to use: an older one if it has the same outcomes."""
        for old in self.programs if again else ():  # on the border of a guard a recording may repeat another one
            if old.key == program.key and old.outcomes == program.outcomes and old.fits():
                return old
        if len(self.programs) >= self.max_paths and not self._make_room():
            program.kept = False
            self.fallbacks += 1
            return program
        program.last_used = self._clock
        self.recordings += 1
        program.number = self.recordings
        self.programs.insert(0, program)
        return program

    def _make_room(self) -> bool:
        """Evict the least recently used path if it is stale; else warn, once. Returns True if there is room."""
        last = self.programs[-1]
        if self._clock - last.last_used < STALE*self.max_paths:
            if not self._warned:
                self._warned = True
                warnings.warn(errors.many_paths(self.name, self.max_paths, self._parting()), RuntimeWarning,
                              stacklevel=errors.frames_inside())
            return False
        self.programs.remove(last)
        last.kept = False
        for name, call in list(self.fast_calls.items()):
            if last.owns(call.executable):
                self.fast_calls.pop(name, None)
        return True

    def _parting(self) -> str:
        """The line of f whose outcomes differ most among the paths, for people."""
        outcomes: dict[Line, set[tuple[Any, ...]]] = {}
        for program in self.programs:
            found: dict[Line, list[Any]] = {}
            for guard, outcome in zip(program.guards, program.outcomes, strict=False):
                found.setdefault(guard.line, []).append(outcome)
            for line, sequence in found.items():
                outcomes.setdefault(line, set()).add(tuple(sequence))
        return described(max(outcomes, key=lambda line: len(outcomes[line]))) if outcomes else "its arguments"

    def forget(self, program: Program) -> None:
        """Drop a path that does not hold even where it was recorded."""
        with self._lock:
            self.programs = [other for other in self.programs if other is not program]

    def used(self, program: Program) -> None:
        """Count a use, and move the path to the front."""
        program = program.base or program
        program.uses += 1
        self._clock += 1
        program.last_used = self._clock
        if program.kept and self.programs and self.programs[0] is not program:
            with self._lock:
                if program in self.programs:
                    self.programs.remove(program)
                    self.programs.insert(0, program)
