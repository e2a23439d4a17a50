"""cgrad.compile: compiled functions, their pickles, copies and files."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from .. import errors
from .._core import called, plain, recording
from . import backends, pytree
from .explain import described
from .maps import Maps
from .path import Program
from .paths import Paths
from .pytree import Array, TreeDef
from .reads import kept_by
from .record import leaves_of, traced
from .storage import references

CHECK_EACH = 10  # calls between two at which f itself runs, with check=True


class CompiledFunction(Maps):
    """A compiled function, as ``cgrad.compile`` returns it: f and its recorded paths.

    It is called like f. The first call records, later ones replay the recording, without Python. If a guard fails in a
    replay, its results are dropped, and the path that f takes there is recorded as well.

    >>> import cgrad
    >>> p = cgrad.compile(lambda x: x*x if x > 0 else -x)
    >>> p(3.0), p(-3.0), p.grad(3.0)
    (9.0, 3.0, 6.0)
    """

    def __init__(self, function: Callable[..., Any], static: Sequence[str] = (), backend: str = backends.AUTO,
                 max_paths: int = 64, check: int = 0, branches: str = "merge") -> None:
        functools.update_wrapper(self, function, updated=())  # attributes that were set on f stay there: f.grad = ...
        self._paths = self._new_paths(function, static, backend, max_paths, self.fast_calls, branches)
        self.name = self._paths.name
        self.check_each, self._calls = check, 0

    def __get__(self, owner: Any, cls: type | None = None) -> CompiledFunction:
        """As a method: compiled for each object, which is no argument then, but read as everything that f reads.

        The object keeps what was compiled for it, under a name of its own; one without a ``__dict__`` cannot, and its
        method is recorded each time that it is asked for.
        """
        if owner is None:
            return self
        own = getattr(owner, "__dict__", None)
        key = f"_compiled_{self.__name__}" if hasattr(self, "__name__") else f"_compiled_{id(self)}"
        known = own.get(key) if own is not None else None
        if known is not None and known.function == types.MethodType(self.function, owner):  # else it is a copy's
            return known  # type: ignore[no-any-return]
        made = CompiledFunction(types.MethodType(self.function, owner), self.static, self.backend, self.max_paths,
                                self.check_each, self.branches)
        if isinstance(own, dict):
            own[key] = made
        return made

    def __repr__(self) -> str:
        return f"<cgrad.compile of {self.name}: {len(self.programs)} paths>"

    def _new_paths(self, *options: Any) -> Paths:
        return Paths(*options)

    def _function(self) -> Paths:
        return self._paths

    def _compare(self, args: tuple[Any, ...], kwargs: dict[str, Any], out: TreeDef, results: Array) -> None:
        self._calls += 1
        if self._calls % self.check_each:
            return
        wanted: list[Any] = []
        tree = pytree.flatten(self.name, self._asked(args, kwargs), wanted)
        numbers = pytree.ravel([plain(x) for x in wanted])
        if tree != out or not np.allclose(results, numbers, rtol=1e-9, atol=1e-300, equal_nan=True):
            got, want = pytree.unravel(out, results), pytree.unravel(tree, numbers)
            raise errors.check_failed(self.name, self._calls, got, want)

    def _asked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What f itself returns; of Values, where it asks for what plain numbers cannot do: derivatives, detach."""
        try:
            return self.function(*args, **kwargs)
        except (TypeError, AttributeError):
            arguments = self._paths.bind(args, kwargs)
            args_, kwargs_ = traced(arguments, leaves_of(arguments))
            return self.function(*args_, **kwargs_)

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function = called(self.function) if recording() else self.function
        return function(*args, **kwargs)

    # ---- what it is ------------------------------------------------------------------------------

    @property
    def function(self) -> Callable[..., Any]:
        """f itself, or a stand-in that raises when it is called if f did not come along."""
        return self._paths.function

    @property
    def static(self) -> tuple[str, ...]:
        """The arguments that are constants."""
        return self._paths.static

    @property
    def backend(self) -> str:
        """The backend that runs recorded paths, or "auto"."""
        return self._paths.backend

    @property
    def branches(self) -> str:
        """"merge" if its branches are recorded on both sides where they may be, else "guard"."""
        return self._paths.branches.option

    @property
    def max_paths(self) -> int:
        """The largest number of paths that are kept."""
        return self._paths.max_paths

    @property
    def programs(self) -> tuple[Program, ...]:
        """The recorded paths, the one used last first."""
        return tuple(self._paths.programs)

    def explain(self) -> str:
        """Describe the recorded paths: why each was recorded, its guards with their lines, its size.

        Returns several lines, for people.

        >>> import cgrad
        >>> p = cgrad.compile(lambda x: 2.0*x)
        >>> p(1.0)
        2.0
        >>> print(p.explain().splitlines()[0])
        <lambda>: 1 path (at most 64 are kept)
        """
        n = len(self.programs)
        lines = [f"{self.name}: {n} path{'' if n == 1 else 's'} (at most {self.max_paths} are kept)"]
        for k, program in enumerate(self.programs):
            lines.append(f"path {k + 1}: recorded for {program.reason}; used {program.total_uses} times")
            lines += [f"    {line}" for line in described(program)]
        return "\n".join(lines)

    def stats(self) -> dict[str, float]:
        """Count what this function has done.

        Returns "recordings"; "paths", those that are kept; "merges", conditions that became choices inside of a path;
        "fallbacks", points beyond max_paths, at which f itself ran, or was recorded for them; "calls" that ended on a
        path, a batch counted once for each group of points, and fallbacks; "seconds" spent on recordings. The logger
        ``cgrad`` is told of each recording, and why it is made, at the level INFO.

        >>> import cgrad
        >>> p = cgrad.compile(lambda x: x*x if x > 0 else -x)
        >>> p(1.0), p(-1.0), p(2.0)
        (1.0, 1.0, 4.0)
        >>> {name: n for name, n in p.stats().items() if name != "seconds"}
        {'recordings': 1, 'paths': 1, 'merges': 1, 'fallbacks': 0, 'calls': 3}
        """
        return self._paths.stats()

    # ---- pickles and copies ----------------------------------------------------------------------

    def __reduce__(self) -> Any:
        """f goes by its name, or as pickle does it, and not at all if it has no name (lambdas, closures).

        A path that relies on attributes goes along if the object that has them does, or if it holds now and nothing
        there can set them.
        """
        owner, name = getattr(self.function, "__self__", None), getattr(self, "__name__", "")
        if isinstance(getattr(type(owner), name, None), CompiledFunction):
            return getattr, (owner, name)  # a method: its object has it
        function, programs = references.carried(self.function, self.name, self._paths.binder.signature), self.programs
        if isinstance(function, references.Missing):
            programs = tuple([program for program in programs if program.holds()])
            conditions: list[Any] = [[] for _ in programs]
        elif references.by_name(function):
            programs = tuple([program for program in programs if not program.conditions and not depends(program)])
            conditions = [[] for _ in programs]
        else:
            programs = tuple([program for program in programs if program.holds()])
            conditions = [program.conditions for program in programs]
        return _empty, (), {
            "function": function, "static": self.static, "backend": self.backend, "max_paths": self.max_paths,
            "check": self.check_each, "branches": self.branches, "programs": list(programs), "conditions": conditions,
            "numbers": [program.number for program in programs]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        programs = state["programs"]
        for program, conditions in zip(programs, state["conditions"], strict=True):
            program.conditions = conditions
        self._fill(state["function"], state["static"], state["backend"], state["max_paths"], programs, state["numbers"],
                   state.get("branches", "merge"))
        self.check_each = state.get("check", 0)  # pickles of before have none
        if references.by_name(self.function):  # its module's Values are others than those that came
            self._paths.came = [leaf for program in programs for leaf in program.captured] or None

    def _fill(self, function: Callable[..., Any], static: Sequence[str], backend: str, max_paths: int,
              programs: Sequence[Program], numbers: Sequence[int] | None = None,
              branches: str = "merge") -> CompiledFunction:
        """Be this function with these paths, recorded in the order of these numbers (else the last one first)."""
        self.__init__(function, static, backend, max_paths, 0, branches)  # type: ignore[misc]
        self._paths.fill(programs, numbers)
        return self

    def __copy__(self) -> CompiledFunction:
        """The same function; paths that either records from now on are its own."""
        return self._copied(_empty(), self.function, {program: program.twin() for program in self.programs})

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledFunction:
        """As copy, if f is a function. A method becomes that of the copied object; paths that captured something of
        the object, or rely on its attributes, are recorded anew."""
        made = memo[id(self)] = _empty()
        function = copy.deepcopy(self.function, memo)
        if isinstance(function, references.Missing):  # nothing else refers to the captured leaves
            twins = {program: program.twin(copy.deepcopy(program.captured, memo)) for program in self.programs}
        else:
            twins = {program: program.twin() for program in self.programs
                     if function is self.function
                     or not (program.captured or program.conditions or depends(program))}
        return self._copied(made, function, twins)

    def _copied(self, made: CompiledFunction, function: Callable[..., Any],
                twins: dict[Program, Program]) -> CompiledFunction:
        """``made``, as a copy of this one with copies of its paths."""
        made._fill(function, self.static, self.backend, self.max_paths, list(twins.values()),
                   [program.number for program in twins], self.branches)
        made._paths.came, made.check_each = self._paths.came, self.check_each
        return made

    # ---- files and C -----------------------------------------------------------------------------

    def to_c(self, name: str = "program") -> str:
        """Write the path used last in C99.

        name: the beginning of the functions' names.

        Returns the text; ``Program.to_c`` describes it. Raises ValueError if nothing is recorded yet, or no function in
        C can be called so.

        >>> import cgrad
        >>> p = cgrad.compile(lambda x: x*x)
        >>> p(3.0)
        9.0
        >>> "int square_value(" in p.to_c("square")
        True
        """
        if not self.programs:
            raise errors.nothing_recorded(self.name, "to_c")
        return self.programs[0].to_c(name)

    def save(self, path: Any) -> None:
        """Write all recorded paths to a file, for ``cgrad.load``.

        Captured Values and Tensors are saved with the numbers that they have now.

        path: the file. One that exists is replaced as a whole.

        Raises ValueError if nothing is recorded yet; ProgramError if a program has constants that a file does not hold;
        OSError if the file cannot be written.

        >>> import cgrad, os, tempfile
        >>> p = cgrad.compile(lambda x: x*x)
        >>> p(3.0)
        9.0
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = os.path.join(folder, "square.cgrad")
        ...     p.save(file)
        ...     os.path.exists(file)
        True
        """
        from .storage import files

        programs = [program for program in self.programs if program.holds()]
        if not programs:
            raise errors.nothing_recorded(self.name, "save")
        files.write(path, files.Stored(self.name, self.static, references.plain_signature(self._paths.binder.signature),
                                       self.backend, self.max_paths, [program.parts() for program in programs]))


def depends(program: Program) -> bool:
    """True if a path depends on numbers, text or containers that its function reads."""
    return program.reads is not None and kept_by(program.reads)


def _empty() -> CompiledFunction:
    """A function to be filled: by a pickle or a copy, in which f may refer back to it."""
    return CompiledFunction.__new__(CompiledFunction)


def load(path: Any) -> CompiledFunction:
    """Read the compiled function that a file holds, as its recorded paths.

    It is called as before, with the same derivatives and batches. f itself is not in the file, so a path that is not
    recorded is an error. Captured values are new leaves, with the numbers of the file. Nothing is imported, and no code
    is run: a class among the arguments must have been imported before.

    path: the file, written by ``CompiledFunction.save`` or ``Program.save``.

    Returns the function; a call raises GuardError if a guard fails, TypeError for arguments of another structure.
    Raises ProgramError if the file is damaged, foreign, or of a newer cgrad; OSError if there is no such
    file.

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
    from .storage import files

    stored = files.read(path)
    function = references.Missing(stored.name, stored.signature)
    return _empty()._fill(function, stored.static, stored.backend, stored.max_paths,
                          [Program.of(parts) for parts in stored.paths])


@overload
def compile(f: Callable[..., Any], *, static: str | Sequence[str] = (), backend: str = "auto",
            max_paths: int = 64, check: bool | int = False, branches: str = "merge") -> CompiledFunction: ...


@overload
def compile(f: None = None, *, static: str | Sequence[str] = (), backend: str = "auto",
            max_paths: int = 64, check: bool | int = False,
            branches: str = "merge") -> Callable[[Callable[..., Any]], CompiledFunction]: ...


def compile(f: Callable[..., Any] | None = None, *, static: str | Sequence[str] = (), backend: str = backends.AUTO,
            max_paths: int = 64, check: bool | int = False,
            branches: str = "merge") -> CompiledFunction | Callable[[Callable[..., Any]], CompiledFunction]:
    """Compile a function: record what it does, and replay that without Python.

    What f reads besides its arguments is read afresh: Values and Tensors at each call; if a number, text, array or
    function that it reads is another one, that is recorded as well (docs/compile.md). A comparison of traced numbers
    is a number of the program, 1 or 0. Where a branch depends on it, both sides are recorded and merged if they do no
    more than bind names; else its outcome is a guard: where it differs, the path that f takes there is recorded too.

    f: a function of numbers, arrays, and lists, tuples, dicts and dataclasses of them, whose value is made of these.
    Without f the result is a decorator. Text, bools and None among the arguments are constants. static: names of
    arguments that are constants. There is a recording for each constant. backend: "interpreter"; "native", machine code
    (pip install 'pycgrad[native]'); or "auto", machine code where it is installed and pays. max_paths: how many paths
    are kept at most. Beyond, f runs as plain Python, and warns of it once. check: f itself runs beside every tenth call
    (or n-th, for a number) at one point, and TraceError is raised if it returns something else: to find what a
    recording cannot see, such as random numbers, the clock, files. branches: "merge", or "guard": no branch is merged.

    Returns the function, which is called like f and has derivatives and batches. Raises TypeError if f is no function;
    ValueError if an option is none of these, or static names no argument; ImportError if the backend is not installed;
    TraceError when it is called, if f does what a recording cannot hold.

    >>> import cgrad
    >>> @cgrad.compile
    ... def smooth(x):
    ...     return x*x if abs(x) < 1 else 2*abs(x) - 1
    >>> smooth(0.5), smooth(-3.0), smooth.grad(-3.0), len(smooth.programs)
    (0.25, 5.0, -2.0, 1)
    """
    if backend != backends.AUTO and backend not in backends.known():
        raise errors.bad_option("compile", "backend", backend,
                                f"give one of {', '.join(map(repr, backends.known()))}")
    if not isinstance(check, int) or check < 0:
        raise errors.bad_option("compile", "check", check, "give True, False, or after how many calls f is asked")
    if isinstance(max_paths, bool) or not isinstance(max_paths, int) or max_paths < 1:
        raise errors.bad_option("compile", "max_paths", max_paths, "give a whole number from 1 on")
    if branches not in ("merge", "guard"):
        raise errors.bad_option("compile", "branches", branches, "give 'merge' or 'guard'")
    backends.require(backend)
    names = (static,) if isinstance(static, str) else tuple(static)

    def made(function: Callable[..., Any]) -> CompiledFunction:
        if not callable(function):
            raise errors.not_callable(function)
        every = CHECK_EACH if check is True else int(check)
        return CompiledFunction(function, names, backend, max_paths, every, branches)

    return made if f is None else made(f)
