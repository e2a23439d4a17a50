"""cgrad.compile: a function, and the paths through it that were recorded."""

from __future__ import annotations

import copy
import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, overload

from .. import errors
from .._core import Tensor
from . import pytree, store
from .batch import START, State
from .path import Program, constants, listed, record
from .transforms import Arguments, Calls

BACKENDS = ("auto", "interpreter", "native")
STALE = 16  # a path is given up for a new one after so many calls, times the most paths kept, without it


class CompiledFunction(Calls):
    """What ``cgrad.compile`` gives: f and its recorded paths.

    Called like f; the first call records, the next ones replay what was recorded, without Python. A replay
    for which f would have branched otherwise is thrown away, and that path recorded as well.
    """

    def __init__(self, function: Callable[..., Any], static: Sequence[str] = (), backend: str = "auto",
                 max_paths: int = 64) -> None:
        functools.update_wrapper(self, function, updated=())  # without what was set on it: f.grad = ...
        self.function, self.static, self.backend, self.max_paths = function, tuple(static), backend, max_paths
        self.name = getattr(function, "__qualname__", type(function).__name__).replace("<locals>.", "")
        try:
            self._signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):
            self._signature = None
        unknown = set(self.static) - set(self._signature.parameters if self._signature else self.static)
        if unknown:
            raise errors.unknown_static(self.name, sorted(unknown))
        self._programs: list[Program] = []  # the one used last first
        self._came: list[Any] | None = None  # what a pickle brought that f may capture; None: whatever it likes
        self._clock = self._recordings = 0
        self._warned = False
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<cgrad.compile of {self.name}: {len(self._programs)} paths>"

    def __reduce__(self) -> Any:
        """f by its name, or by what pickle makes of it; without f where it has no name (lambdas, closures).

        A path that relies on attributes goes along if what has them does, or if it holds now and nobody can set them
        there.
        """
        function, programs = store.carried(self.function, self.name, self._signature), self.programs
        if isinstance(function, store.Missing):
            programs = tuple([program for program in programs if program.holds()])
            conditions: list[Any] = [[] for _ in programs]
        elif store.by_name(function):
            programs = tuple([program for program in programs if not program.conditions])
            conditions = [[] for _ in programs]
        else:
            conditions = [program.conditions for program in programs]
        return _empty, (), {
            "function": function, "static": self.static, "backend": self.backend, "max_paths": self.max_paths,
            "programs": list(programs), "conditions": conditions, "numbers": [program.number for program in programs]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        programs = state["programs"]
        for program, conditions in zip(programs, state["conditions"], strict=True):
            program.conditions = conditions
        self._fill(state["function"], state["static"], state["backend"], state["max_paths"], programs, state["numbers"])
        if store.by_name(self.function):  # its module's Values are others than those that came
            self._came = [leaf for program in programs for leaf in program.captured] or None

    def _fill(self, function: Callable[..., Any], static: Sequence[str], backend: str, max_paths: int,
              programs: Sequence[Program], numbers: Sequence[int] | None = None) -> CompiledFunction:
        """Be this function with these paths, recorded in the order of these numbers (else the last one first)."""
        self.__init__(function, static, backend, max_paths)  # type: ignore[misc]
        self._programs = list(programs)
        self._recordings = len(self._programs)
        for program, number in zip(self._programs, numbers or range(self._recordings, 0, -1), strict=True):
            program.number = number
            self._recordings = max(self._recordings, number)
        return self

    def __copy__(self) -> CompiledFunction:
        """The same function; paths that either records from now on are its own."""
        return self._copied(_empty(), self.function, {program: program.twin() for program in self.programs})

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledFunction:
        """As copy, where f is a function. The method of an object becomes that of its copy, for which the paths are
        recorded anew that captured something of the object, or rely on its attributes."""
        made = memo[id(self)] = _empty()
        function = copy.deepcopy(self.function, memo)
        if isinstance(function, store.Missing):  # nobody else has what was captured
            twins = {program: program.twin(copy.deepcopy(program.captured, memo)) for program in self.programs}
        else:
            twins = {program: program.twin() for program in self.programs
                     if function is self.function or not (program.captured or program.conditions)}
        return self._copied(made, function, twins)

    def _copied(self, made: CompiledFunction, function: Callable[..., Any],
                twins: dict[Program, Program]) -> CompiledFunction:
        """``made``, as a copy of this one with copies of its paths."""
        made._fill(function, self.static, self.backend, self.max_paths, list(twins.values()),
                   [program.number for program in twins])
        made._came = self._came
        return made

    @property
    def programs(self) -> tuple[Program, ...]:
        """The recorded paths, the one used last first."""
        return tuple(self._programs)

    # ---- arguments -------------------------------------------------------------------------------

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        keywords: tuple[str, ...] = ()
        if kwargs:
            if self._signature is None:
                raise errors.program_keywords(self.name, sorted(kwargs))
            bound = self._signature.bind(*args, **kwargs)
            args, keywords = bound.args + tuple(bound.kwargs.values()), tuple(bound.kwargs)
        names = self._names(len(args) - len(keywords)) + keywords
        leaves: list[Any] = []
        shapes: list[pytree.Shape] = []
        key: list[Any] = [keywords]
        for name, x in zip(names, args, strict=True):
            if name in self.static:
                try:
                    hash(x)
                except TypeError:
                    raise errors.bad_static(self.name, name, x) from None
                shapes.append(pytree.constant(self.name, x))
                key.append((type(x), shapes[-1]))
            else:
                shapes.append(pytree.flatten(self.name, x, leaves))
                key.append(shapes[-1])
        return Arguments(tuple(key), names, tuple(shapes), leaves)

    def _constant(self, k: int, n: int) -> bool:
        return self._names(n)[k] in self.static

    def _names(self, n: int) -> tuple[str, ...]:
        """The names of the first n arguments."""
        names: list[str] = []
        for name, parameter in (self._signature.parameters if self._signature else {}).items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{name}[{k}]" for k in range(n - len(names))]
            elif len(names) < n and parameter.kind is not parameter.KEYWORD_ONLY:
                names.append(name)
        return tuple(names[:n] + [f"argument {k + 1}" for k in range(len(names), n)])

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.function(*args, **kwargs)

    # ---- paths -----------------------------------------------------------------------------------

    def _solve(self, arguments: Arguments, run: Callable[[Program], tuple[int, Any]]) -> tuple[Program, Any]:
        state = START
        while True:
            program, fresh = self._path(arguments, state)
            failed, result = run(program)
            if not failed:
                self._used(program)
                return program, result
            if fresh:
                self._forget(program)
                raise errors.not_repeatable(self.name, program.guard_text(failed))
            state = program.after(state, failed)

    def _path(self, arguments: Arguments, state: State, steady: bool = False) -> tuple[Program, bool]:
        with self._lock:
            for program in sorted(self._programs, key=lambda program: program.number) if steady else self._programs:
                if program.key == arguments.key and program.may_hold(state) and program.fits():
                    return program, False
            known = [program for program in self._programs if program.key == arguments.key]
            if not self._programs:
                reason = "the first call"
            elif not known:
                reason = "the first call with such arguments"
            elif state == START:
                reason = "captured arrays of other shapes, or layers in another state"
            else:
                at = len(state[0])
                line = next((program.guard_text(at + 1) for program in known
                             if len(program.guards) > at and program.outcomes[:at] == state[0]),
                            "a path that was not kept")
                reason = f"another outcome of {line}"
            return self._keep(self._recorded(arguments, reason), bool(known)), True

    def _recorded(self, arguments: Arguments, reason: str) -> Program:
        """The path that f takes at these arguments."""
        if isinstance(self.function, store.Missing):
            if any(program.key == arguments.key for program in self._programs):
                raise errors.path_missing(self.name, reason)
            known = dict.fromkeys([program.shapes for program in self._programs])
            raise errors.arguments_missing(self.name, *(
                ", ".join(map(pytree.described, shapes)) for shapes in [arguments.shapes, *known]))
        # keyword-only arguments stand last, under their names
        program = record(self.function, self.name, arguments, arguments.key[0], reason, self.backend)
        if self._came is not None:
            for leaf in store.held_elsewhere(program.captured, self._came):
                raise errors.captured_here(self.name, leaf)
        return program

    def _keep(self, program: Program, again: bool) -> Program:
        """Enter a new path among those that are kept; gives the one that is to be used."""
        for old in self._programs if again else ():  # a point right on a border may come out as another one did
            if old.key == program.key and old.outcomes == program.outcomes and old.fits():
                return old
        if len(self._programs) >= self.max_paths:
            last = self._programs[-1]
            if self._clock - last.last_used < STALE*self.max_paths:
                if not self._warned:
                    self._warned = True
                    warnings.warn(errors.many_paths(self.name, self.max_paths), RuntimeWarning,
                                  stacklevel=errors.frames_inside())
                program.kept = False
                return program
            self._programs.remove(last)
            last.kept = False
            self.fast_calls = {name: q for name, q in self.fast_calls.items() if not last.owns(q.executable)}
        program.last_used = self._clock
        self._recordings += 1
        program.number = self._recordings
        self._programs.insert(0, program)
        return program

    def _forget(self, program: Program) -> None:
        """Drop a path that does not even hold where it was recorded."""
        with self._lock:
            self._programs = [other for other in self._programs if other is not program]

    def _used(self, program: Program) -> None:
        """Count a use, and move the path to the front."""
        program.uses += 1
        self._clock += 1
        program.last_used = self._clock
        if program.kept and self._programs and self._programs[0] is not program:
            with self._lock:
                if program in self._programs:
                    self._programs.remove(program)
                    self._programs.insert(0, program)

    # ---- what people look at ---------------------------------------------------------------------

    def explain(self) -> str:
        """p.explain(): the recorded paths, why each was recorded, its guards with their lines, its size.

        >>> import cgrad
        >>> p = cgrad.compile(lambda x: 2.0*x)
        >>> p(1.0)
        2.0
        >>> print(p.explain().splitlines()[0])
        <lambda>: 1 path (at most 64 are kept)
        """
        n = len(self._programs)
        lines = [f"{self.name}: {n} path{'' if n == 1 else 's'} (at most {self.max_paths} are kept)"]
        for k, program in enumerate(self._programs):
            lines.append(f"path {k + 1}: recorded for {program.reason}; used {program.total_uses} times")
            for name, shape in zip(program.names, program.shapes, strict=True):
                lines.append(f"    {name}: {pytree.described(shape)}")
            lines.append(f"    value: {pytree.described(program.out)}")
            lines.append(f"    {program.operations} operations recorded")
            for wanted, code in program.codes.items():
                how = "machine code" if code.machine is not None else "interpreted"
                lines.append(f"    {wanted.kind}: {code.instructions} instructions, {code.slots} slots, {how}")
            for leaf, shape in zip(program.captured, program.captured_shapes, strict=True):
                what = f"an array of shape {shape}" if isinstance(leaf, Tensor) else "a number"
                lines.append(f"    captured: {leaf.name or type(leaf).__name__} ({what}), read at each call")
            if text := constants(program.graph):
                lines.append(f"    constants: {text}")
            lines.append(f"    guards: {len(program.guards)}")
            lines += [f"        {text}" for text in listed(program.guards)]
        return "\n".join(lines)

    def to_c(self, name: str = "program") -> str:
        """p.to_c(name="program"): the path used last in C99; see ``Program.to_c``."""
        if not self._programs:
            raise errors.nothing_recorded(self.name, "to_c")
        return self._programs[0].to_c(name)

    def save(self, path: Any) -> None:
        """p.save(path): write all recorded paths to a file, for ``cgrad.load``.

        Captured Values and Tensors are saved with the numbers that they have now. A file that stands there already is
        replaced as a whole. Raises ProgramError for constants that a file does not hold, ValueError where nothing is
        recorded yet, OSError where it cannot write.
        """
        programs = [program for program in self.programs if program.holds()]
        if not programs:
            raise errors.nothing_recorded(self.name, "save")
        store.write(path, store.Stored(self.name, self.static, store.plain_signature(self._signature), self.backend,
                                       self.max_paths, [program.parts() for program in programs]))


def _empty() -> CompiledFunction:
    """One that is filled afterwards: by a pickle, or a copy, in which f may lead back to it."""
    return CompiledFunction.__new__(CompiledFunction)


def load(path: Any) -> CompiledFunction:
    """cgrad.load(path): the function that a file holds, as its recorded paths.

    Called as before, with the same derivatives and batches; f itself is not in the file. So what is not recorded is an
    error: GuardError where a guard comes out otherwise, TypeError for arguments of another structure. Captured values
    are new leaves, with the numbers of the file. Nothing is imported, and no code is run: a class among the arguments
    must have been imported before. Raises ProgramError for a file that is damaged, foreign or newer, OSError where
    there is none.

    >>> import cgrad, os, tempfile
    >>> p = cgrad.compile(lambda x: x*x if x > 0 else -x)
    >>> p(3.0), p(-3.0)
    (9.0, 3.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "f.cgrad")
    ...     p.save(file)
    ...     q = cgrad.load(file)
    >>> q.grad(4.0), q(-4.0)
    (8.0, 4.0)
    """
    stored = store.read(path)
    function = store.Missing(stored.name, stored.signature)
    return _empty()._fill(function, stored.static, stored.backend, stored.max_paths,
                          [Program.of(parts) for parts in stored.paths])


@overload
def compile(f: Callable[..., Any], *, static: str | Sequence[str] = (), backend: str = "auto",
            max_paths: int = 64) -> CompiledFunction: ...


@overload
def compile(f: None = None, *, static: str | Sequence[str] = (), backend: str = "auto",
            max_paths: int = 64) -> Callable[[Callable[..., Any]], CompiledFunction]: ...


def compile(f: Callable[..., Any] | None = None, *, static: str | Sequence[str] = (), backend: str = "auto",
            max_paths: int = 64) -> CompiledFunction | Callable[[Callable[..., Any]], CompiledFunction]:
    """cgrad.compile(f, *, static=(), backend="auto", max_paths=64): f, recorded once and replayed without Python.

    f: a function of numbers, arrays, and lists, tuples, dicts and dataclasses of them, which gives the same; also a
    decorator. Text, bools and None among the arguments are constants, as are the arguments named in static: other
    constants are other recordings. Values and Tensors that f uses besides are read afresh at each call. What f
    decides by comparing traced numbers is guarded: where it would decide otherwise, that path is recorded too. Up to
    max_paths are kept; beyond, f runs as plain Python, and says so once.
    backend: "interpreter"; "native", machine code (pip install 'pycgrad[native]'); "auto", machine code where it is
    installed and pays.

    Raises TraceError where f does what a recording cannot hold.

    >>> import cgrad
    >>> @cgrad.compile
    ... def smooth(x):
    ...     return x*x if abs(x) < 1 else 2*abs(x) - 1
    >>> smooth(0.5), smooth(-3.0), smooth.grad(-3.0), len(smooth.programs)
    (0.25, 5.0, -2.0, 2)
    """
    if backend not in BACKENDS:
        raise errors.bad_option("compile", "backend", backend, f"give one of {', '.join(map(repr, BACKENDS))}")
    if isinstance(max_paths, bool) or not isinstance(max_paths, int) or max_paths < 1:
        raise errors.bad_option("compile", "max_paths", max_paths, "give a whole number from 1 on")
    if backend == "native":
        from .backends import llvm as native

        native.need()
    names = (static,) if isinstance(static, str) else tuple(static)

    def made(function: Callable[..., Any]) -> CompiledFunction:
        if not callable(function):
            raise errors.not_callable(function)
        return CompiledFunction(function, names, backend, max_paths)

    return made if f is None else made(f)
