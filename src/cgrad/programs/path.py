"""Programs: a recorded path of a function, where it holds, and how it runs.

A Program never changes. Its graph is as it was recorded; for each request a graph is derived from it, optimised and
encoded (an Executable) once.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from .._core import plain
from .._program import (
    GRAPH_OPS,
    Clock,
    Executable,
    Graph,
    Reads,
    Usage,
    chooses,
    forward_sweep,
    nan_check,
    replay,
    reverse_sweep,
    specialised,
)
from . import backends, guards, pytree
from .arguments import Arguments
from .guards import START, Guard, Outcome, State
from .maps import Maps
from .pytree import Array, Leaf, TreeDef
from .reads import bound_anew
from .request import VALUE, Plain, Request
from .rewriting.branches import Outcome as Merged
from .storage.fields import Parts, from_fields, to_fields
from .transforms import sweep_units

SPECIALISE_AT = 64     # calls after which code is made for the sides that are taken, and four times as many, ...
MOST_SPECIALISED = 5   # so many times
MOST_SIDES = 2         # kept for a request
WORTH = 0.9            # of the instructions: if it is shorter


class Program(Maps):
    """One recorded path of a function: one of ``p.programs``, or ``Program.load(path)``.

    It is called like the function that it came from, with the same derivatives and batches. If a guard fails, the
    recording does not hold, and a call raises GuardError. (The compiled function would record another path.)

    >>> import cgrad
    >>> p = cgrad.compile(lambda x: x*x if x > 0 else -x, branches="guard")
    >>> p(3.0)
    9.0
    >>> program = p.programs[0]
    >>> program(4.0), program.grad(4.0)
    (16.0, 8.0)
    >>> try:
    ...     program(-1.0)
    ... except cgrad.GuardError:
    ...     print("another path")
    another path
    """

    def __init__(self, name: str, names: tuple[str, ...], key: tuple[Any, ...], shapes: tuple[TreeDef, ...],
                 out: TreeDef, graph: Graph, outputs: Array, guards: Sequence[Guard], captured: Sequence[Leaf],
                 captured_shapes: Sequence[tuple[int, ...]], reason: str, backend: str = backends.AUTO,
                 branches: tuple[int, tuple[str, ...]] = (0, ())) -> None:
        self.name, self.names, self.key, self.shapes, self.out = name, names, key, shapes, out
        self.graph, self.outputs, self.guards = graph, outputs, tuple(guards)
        self.captured, self.captured_shapes = list(captured), list(captured_shapes)
        self.reason, self.backend = reason, backend
        self.number = 0  # among the recordings of its function
        self.usage = Usage(Clock())
        self.conditions: list[tuple[Any, str, Any]] = []  # attributes that have to be what they were
        self.branches = Merged(*branches)  # what became of its branches
        self.reads: Reads | None = None  # what else the function reads, which has to be what it was
        self.kept = True  # among the paths of a compiled function, or by itself
        self.base: Program | None = None  # the path whose careful program this is
        self._careful: Program | None = None
        self._executables: dict[Request, Executable] = {}
        self._due: dict[Request, tuple[int, int]] = {}  # runs at which native code, and other sides, are due; -1: never
        self._special: dict[Request, list[Executable]] = {}  # of the sides that were taken, the latest last
        self._wanted: set[Request] = set()  # for which code of the sides taken is due
        self._unused: frozenset[int] | None = None
        self.warned: set[str] = set()

    def __repr__(self) -> str:
        return f"<Program of {self.name}: {len(self.graph)} operations, {len(self.guards)} guards>"

    def __reduce__(self) -> Any:
        if self.base is not None:
            return Program.careful, (self.base,)
        return unpickled, (to_fields(self.parts()),)

    def parts(self) -> Parts:
        """Its parts, for pickles, files and copies."""
        return Parts(self.name, self.names, self.key, self.shapes, self.out, self.graph, self.outputs,
                     self.guards, self.captured, self.captured_shapes, self.reason, self.backend,
                     (self.branches.merges, self.branches.lines))

    @staticmethod
    def of(parts: Parts) -> Program:
        """A program of such parts."""
        return Program(*parts._replace(guards=[Guard(*guard) for guard in parts.guards]))

    def twin(self, captured: Sequence[Leaf] | None = None) -> Program:
        """The same path for another compiled function, which counts its uses itself; code is made once for both.

        captured: other leaves in the place of those that it captured.
        """
        parts = self.parts()
        made = Program.of(parts if captured is None else parts._replace(captured=captured))
        made.conditions = self.conditions
        if captured is None and self.reads is not None:
            made.reads = self.reads.copy()
        made._executables, made._due = self._executables, self._due
        made._special, made._wanted = self._special, self._wanted
        return made

    # ---- choices ---------------------------------------------------------------------------------

    @functools.cached_property
    def chooses(self) -> bool:
        """True if its graph or a derivative has choices: then derivatives have a further guard, that no result is nan.

        They multiply by 0 what was not chosen, which is nan where it meets an infinite factor; the careful program of
        the same path passes nothing on there, and is slower.
        """
        return chooses(self.graph, later=True)

    def careful(self) -> Program:
        """The same path with careful derivatives, for points at which the others are nan."""
        if self._careful is None:
            made = self.twin()
            made.base, made.kept, made._executables, made.usage = self, False, {}, self.usage
            self._careful = made
        return self._careful

    def for_state(self, state: State) -> Program | None:
        """This program, or its careful one, if it may hold for points in a state, and fits."""
        ended = not state.start and self.chooses and state.outcomes == self.guard_outcomes
        each = self.careful() if ended else self
        return each if each not in state.tried and each.may_hold(state) and each.fits() else None

    def is_guard(self, number: int) -> bool:
        """True if a number that a run returned is that of a guard of the path, not of a derivative that is nan."""
        return number <= len(self.guards)

    # ---- what it is ------------------------------------------------------------------------------

    @property
    def codes(self) -> dict[Request, Executable]:
        """The executables that were made so far, by the requests that they answer."""
        return dict(self._executables)

    @property
    def operations(self) -> int:
        """Operations in the graph as it was recorded."""
        return len(self.graph) - self.graph.inputs - len(self.graph.columns()["consts"])

    @property
    def total_uses(self) -> int:
        """Calls that ended on this path; a batch counts as one for each group of points."""
        return self.usage.uses

    @property
    def merges(self) -> int:
        """Branches of which both sides are in it."""
        return self.branches.merges

    def owns(self, executable: Executable) -> bool:
        """True if an executable was made of this program."""
        own = itertools.chain(self._executables.values(), *self._special.values())
        return any(executable is mine for mine in own) \
            or (self._careful is not None and self._careful.owns(executable))

    @property
    def lasting(self) -> bool:
        """True if it is among the paths of its function, or the careful program of one that is."""
        return self.kept or (self.base is not None and self.base.kept)

    @property
    def results(self) -> int:
        """The number of numbers in the value."""
        return len(self.outputs)

    # ---- where it holds --------------------------------------------------------------------------

    @functools.cached_property
    def guard_outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes of its guards, in order."""
        found: list[Outcome] = [guard.expected for guard in self.guards]
        for k, (_, number) in self._equalities.items():
            found[k] = ("=", number)
        return tuple(found)

    @functools.cached_property
    def lines(self) -> tuple[Any, ...]:
        """The places of its guards, in order."""
        return tuple([guard.line for guard in self.guards])

    @functools.cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The same, and whether its derivatives are fast, where that is another guard: no two paths share them."""
        if not self.chooses:
            return self.guard_outcomes
        return (*self.guard_outcomes, "fast" if self.base is None else "careful")

    @functools.cached_property
    def _equalities(self) -> dict[int, tuple[int, float]]:
        """Guards by which a node has to equal a constant: {guard: (node, constant)}."""
        if not self.guards:
            return {}
        columns, nodes = self.graph.columns(), np.array([guard.node for guard in self.guards])
        side = columns["b"][nodes]
        expected = np.array([guard.expected for guard in self.guards]) != 0
        equal = expected & (columns["op"][nodes] == GRAPH_OPS.index("eq"))
        equal &= columns["op"][side] == GRAPH_OPS.index("const")
        return {k: (int(columns["a"][nodes[k]]), float(columns["consts"][columns["a"][side[k]]]))
                for k in np.flatnonzero(equal).tolist()}

    def asked_at(self, guard: int) -> int | None:
        """The number among the arguments that a guard, counted from 0, compares with a constant; None: it does not."""
        node, _ = self._equalities.get(guard, (-1, 0.0))
        return node if 0 <= node < pytree.size(*self.shapes) else None

    def may_hold(self, state: State) -> bool:
        """True if points in this state may be on this path."""
        return state.start or state.allows(self.outcomes)

    def after(self, state: State, guard: int) -> State:
        """The state of points that left this path at a guard, counted from 1."""
        return state.after(self, self.outcomes, guard)

    def fits(self) -> bool:
        """True if it holds, and captured arrays have the shapes that they had."""
        return self.holds() and all(v.shape == shape
                                    for v, shape in zip(self.captured, self.captured_shapes, strict=True))

    def holds(self) -> bool:
        """True if what it relies on is what it was; leaves that were bound anew are read from now on."""
        if self.reads is not None and not self.reads.hold(self.captured):
            return False
        return all(getattr(owner, name, None) is value or (name == "shape" and owner.shape == value)
                   for owner, name, value in self.conditions)

    def rebind(self, now: Reads) -> bool:
        """Take over what the function reads now, if it differs by leaves alone from what it read."""
        if self.reads is None or not bound_anew(self.reads, now, self.captured):
            return False
        if self._careful is not None:
            self._careful.captured[:], self._careful.reads = self.captured, self.reads.copy()
        return True

    def guard_text(self, number: int) -> str:
        """A guard, counted from 1, for messages: file:line in function: text."""
        if not self.is_guard(number):
            return "a derivative that is nan"
        return guards.described(self.guards[number - 1].line)

    def captured_numbers(self) -> Array:
        """The numbers of captured leaves as they are now."""
        return pytree.ravel([plain(v) for v in self.captured])

    def captured_span(self, leaf: Leaf) -> range:
        """The inputs of a captured leaf; none of one that the path does not use."""
        captured = tuple([("array", shape) for shape in self.captured_shapes])
        spans = pytree.spans(("tuple", captured), pytree.size(*self.shapes))
        return next((range(start, stop) for v, (_, start, stop) in zip(self.captured, spans, strict=True) if v is leaf),
                    range(0))

    @property
    def unused(self) -> frozenset[int]:
        """The arguments that nothing on the path uses: no operation, no guard, no result."""
        if self._unused is None:
            columns = self.graph.columns()
            operation = (columns["op"] != GRAPH_OPS.index("input")) & (columns["op"] != GRAPH_OPS.index("const"))
            seen = np.zeros(len(self.graph) + 1, bool)  # one more for -1, no operand
            seen[self.outputs] = True
            for operand in "abc":
                seen[columns[operand][operation]] = True
            stops = np.cumsum([0, *map(pytree.size, self.shapes)])
            self._unused = frozenset([k for k, (start, stop) in enumerate(itertools.pairwise(stops))
                                      if start < stop and not seen[start:stop].any()])
        return self._unused

    def need_scalar(self, op: str) -> None:
        """Raise TypeError unless the value is one number."""
        if not pytree.is_one_number(self.out):
            raise errors.no_scalar_value(self.name, op, pytree.describe(self.out))

    # ---- how it runs -----------------------------------------------------------------------------

    def executable(self, request: Request) -> Executable:
        """The instructions for a request; made once."""
        found = self._executables.get(request)
        if found is None:
            found = Executable(*self.derived(request))
            backends.prepare(found, self.backend)
            if self.merges:
                self._due[request] = found.ask_at, SPECIALISE_AT
                self._schedule(request, found)
            self._executables[request] = found
        return found

    # ---- the sides that are taken again and again --------------------------------------------------

    def _schedule(self, request: Request, executable: Executable) -> None:
        """Be asked when machine code is due, or code for the sides that are taken now."""
        executable.ask_at = min([at for at in self._due[request] if at >= 0], default=-1)

    def _what_is_due(self, request: Request, executable: Executable) -> None:
        machine, special = self._due.get(request, (executable.ask_at, -1))
        if 0 <= machine <= executable.runs:
            backends.upgrade(executable)
            machine = -1
        if 0 <= special <= executable.runs:
            self._wanted.add(request)
            special = 4*special if special < SPECIALISE_AT*4**MOST_SPECIALISED else -1
        self._due[request] = machine, special
        self._schedule(request, executable)

    def for_sides_taken(self, request: Request, numbers: Array) -> list[Executable]:
        """The instructions for a request along the sides that were taken lately, and if they are due at this point.

        They have a guard for each choice, and are much shorter than those of all sides. The latest are last.
        """
        made = self._special.setdefault(request, [])
        if request in self._wanted:
            self._wanted.discard(request)
            special = self._specialised(request, numbers)
            if special is not None:
                made.append(special)
                del made[:-MOST_SIDES]
        return made

    def _specialised(self, request: Request, numbers: Array) -> Executable | None:
        guards = [(guard.node, guard.expected) for guard in self.guards]
        found = specialised(self.graph, self.outputs, guards, np.concatenate([numbers, self.captured_numbers()]))
        if found is None:
            return None
        graph, outputs, rows = found
        made = Program.of(self.parts()._replace(graph=graph, outputs=outputs, guards=[
            Guard(node, expected, ("", 0, "")) for node, expected in rows], branches=(0, ())))
        executable = made.executable(request)
        return executable if executable.instructions < WORTH*self.executable(request).instructions else None

    def derived(self, request: Request) -> tuple[Graph, Array, list[tuple[int, int]]]:
        """The graph of a request: (graph, nodes of the results, (node, expected) of the guards)."""
        graph, outputs, results = self.graph, self.outputs, self.outputs
        nodes = np.array([guard.node for guard in self.guards], np.int32)
        careful, doubt = self.base is not None, False
        for sweep in request.sweeps:
            before = graph
            doubt = doubt or chooses(before)
            if sweep.forward:
                graph, results, by = forward_sweep(before, results, sweep.numbers, careful)
            else:
                graph, results, by = reverse_sweep(before, results, sweep.numbers, sweep.seeded, careful)
            outputs, nodes = moved(outputs, before, by), moved(nodes, before, by)
        guards = [(int(node), guard.expected) for node, guard in zip(nodes, self.guards, strict=True)]
        if doubt and not careful:
            check = nan_check(graph, results)
            if check == -1:
                return self.careful().derived(request)
            if check is not None:
                guards.append((check, 0))
        if len(request.sweeps) == 1:
            results = np.concatenate([outputs, results])
        return graph, results, guards

    def attempt(self, request: Request, numbers: Array, seeds: Array) -> tuple[int, Array]:
        """Run at one point: (0 or the guard that failed, results)."""
        executable = self.executable(request)
        if 0 <= executable.ask_at <= executable.runs:
            self._what_is_due(request, executable)
        for special in self._special.get(request, ()):
            if 0 <= special.ask_at <= special.runs:
                backends.upgrade(special)
        results = np.empty(executable.results)
        inputs = np.concatenate([numbers, self.captured_numbers(), seeds])
        return replay(executable, inputs, results), results

    def units(self, request: Request, numbers: Array, n: int) -> tuple[int, Array]:
        """The results for each of n unit vectors as seeds, a row each: (0 or the guard that failed, rows)."""
        return sweep_units(self.executable(request), np.concatenate([numbers, self.captured_numbers()]), n)

    # ---- one path by itself ----------------------------------------------------------------------

    def _function(self) -> Alone:
        return Alone(self)

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise errors.values_given(self.name, "a program")

    def save(self, path: Any) -> None:
        """Write the program to a file, for ``Program.load`` and ``cgrad.load``.

        Captured Values and Tensors are saved with the numbers that they have now.

        path: the file. One that exists is replaced as a whole.

        Raises ProgramError if the program has constants that a file does not hold; OSError if the file cannot be
        written.

        >>> import cgrad, os, tempfile
        >>> p = cgrad.compile(lambda x: x*x)
        >>> p(3.0)
        9.0
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = os.path.join(folder, "square.cgrad")
        ...     p.programs[0].save(file)
        ...     program = cgrad.Program.load(file)
        >>> program(4.0)
        16.0
        """
        from .storage import files

        static = tuple([name for name, entry in zip(self.names, self.key[1:], strict=True)
                        if isinstance(entry[0], type)])
        files.write(path, files.Stored(self.name, static, signature_of(self), self.backend, 64, [self.parts()]))

    @staticmethod
    def load(path: Any) -> Program:
        """Read the program that a file holds.

        Captured values are new leaves, with the numbers of the file. Nothing is imported, and no code is run: a class
        among the arguments must have been imported before.

        path: the file.

        Returns the program. Raises ProgramError if the file is damaged, foreign, of a newer cgrad, or holds several
        paths; OSError if there is no such file.

        >>> import cgrad, os, tempfile
        >>> p = cgrad.compile(lambda x: x*x)
        >>> p(3.0)
        9.0
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = os.path.join(folder, "square.cgrad")
        ...     p.programs[0].save(file)
        ...     program = cgrad.Program.load(file)
        >>> program.value_and_grad(4.0)
        (16.0, 8.0)
        """
        from .storage import files

        paths = files.read(path).paths
        if len(paths) > 1:
            raise errors.several_paths(path, len(paths))
        return Program.of(paths[0])

    def to_c(self, name: str = "program") -> str:
        """Write the program in C99, without dependencies: value and gradient.

            int NAME_value(const double *x, double *y, double *work)
            int NAME_value_and_grad(const double *x, double *y, double *g, double *work)

        x: NAME_INPUTS numbers, those of the arguments in order, then those of captured values. y: NAME_OUTPUTS. g: the
        gradient with respect to all of x, where the value is one number. work: NAME_WORK doubles. Both return 0, or the
        number of the first guard that fails: then the results are invalid. Compile the text without contraction
        (-ffp-contract=off), so that every bit is that of a replay.

        name: the beginning of the functions' names.

        Returns the text. Raises ValueError if no function in C can be called so.

        >>> import cgrad
        >>> p = cgrad.compile(lambda x: x*x)
        >>> p(3.0)
        9.0
        >>> "int square_value_and_grad(" in p.programs[0].to_c("square")
        True
        """
        requests = [VALUE]
        if pytree.is_one_number(self.out):
            requests.append(VALUE.reverse((range(self.graph.inputs),)))
        path = self.careful() if self.chooses else self
        executables = [Executable(*path.derived(request)) for request in requests]
        texts = [self.guard_text(k + 1) for k in range(len(self.guards))]
        return backends.to_text("c", name, executables, texts, self.name)


class Alone:
    """A program as a function of one path."""

    def __init__(self, program: Program) -> None:
        self.program, self.name, self.warned = program, program.name, program.warned

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """The arguments of a call, which must be of the structures that were recorded."""
        program = self.program
        if kwargs:
            raise errors.program_keywords(self.name, sorted(kwargs))
        leaves: list[Any] = []
        trees = tuple([pytree.flatten_constant(self.name, x)
                       if self.is_static(k, len(args)) and type(x) is type(program.shapes[k][-1])
                       else pytree.flatten(self.name, x, leaves) for k, x in enumerate(args)])
        if trees != program.shapes:
            raise errors.other_arguments(self.name, pytree.describe_all(program.shapes), pytree.describe_all(trees))
        return Arguments(program.key, program.names, trees, leaves)

    def is_static(self, k: int, n: int) -> bool:
        """True if argument k was recorded as a constant."""
        return k < len(self.program.shapes) and self.program.shapes[k][0] == "const"

    def find(self, key: tuple[Any, ...], state: State, numbers: Callable[[], Array], steady: bool = False,
             spare: Any = None) -> Program:
        """The program. Raises GuardError for points that left it, and if it does not fit any more."""
        if not state.start and self.program.chooses and self.program.careful().may_hold(state):
            return self.program.careful()
        if not state.start:
            raise errors.guard_failed(self.name, self.program.guard_text(len(state.outcomes) + 1))
        if not self.program.fits():
            raise errors.captured_changed(self.name)
        return self.program

    def recorded(self, arguments: Arguments, state: State, spare: Any = None) -> tuple[Program, bool]:
        """The program, as nothing is recorded."""
        return self.find(arguments.key, state, arguments.ravel), False

    def spare(self) -> None:
        """No place is needed."""

    def runs_eagerly(self) -> bool:
        """No function is here to run."""
        return False

    def operations(self, key: tuple[Any, ...]) -> int:
        return self.program.operations

    def eager(self, arguments: Arguments) -> None:
        """The function is not here."""

    def eager_rows(self, columns: tuple[list[float], ...], rows: Array, gradient: bool) -> int:
        """The function is not here."""
        return 0

    def eager_calls(self) -> None:
        """The function is not here."""

    def fell_back(self, points: int) -> None:
        """Nothing runs that is no path."""

    def solve(self, arguments: Arguments, run: Callable[[Plain], tuple[int, Any]]) -> tuple[Plain, Any]:
        """The program, and the result of ``run``. Raises GuardError if a guard fails."""
        program = self.find(arguments.key, START, arguments.ravel)
        failed, result = run(program)
        if not program.is_guard(failed):
            program = program.careful()
            failed, result = run(program)
        if failed:
            raise errors.guard_failed(self.name, program.guard_text(failed))
        self.used(program)
        return program, result

    def used(self, program: Program) -> None:
        program.usage.note()

    def forget(self, program: Program) -> None:
        """A program never drops its one path."""


def unpickled(fields: dict[str, Any]) -> Program:
    """A program from a pickle."""
    return Program.of(from_fields(fields))


def signature_of(program: Program) -> inspect.Signature:
    """The arguments of a path by their names; those that have none of their own are ``*args``."""
    n = len(program.names) - len(program.key[0])
    named = list(itertools.takewhile(str.isidentifier, program.names[:n]))
    kinds = inspect.Parameter
    parameters = [kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in named]
    if len(named) < n:
        parameters.append(kinds("args" if "args" not in program.names else "args_", kinds.VAR_POSITIONAL))
    return inspect.Signature(parameters + [kinds(name, kinds.KEYWORD_ONLY) for name in program.names[n:]])


def moved(nodes: Array, graph: Graph, by: int) -> Array:
    """The indices of nodes in a graph with ``by`` more inputs than this one."""
    return np.where(nodes < graph.inputs, nodes, nodes + by).astype(np.int32)
