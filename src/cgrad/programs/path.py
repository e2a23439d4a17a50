"""One recorded path of a function: what was computed, where it holds, and how it is run.

A Program never changes. Its graph is as it was recorded; for each kind of derivative that is asked for, a graph is
made of it, optimised and encoded (an Executable) once.
"""

from __future__ import annotations

import inspect
import itertools
import linecache
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from .._core import Tensor, Trace, Value, plain
from .._program import GRAPH_OPS, Executable, Graph, forward_sweep, graph_of_trace, replay, reverse_sweep
from . import pytree, store
from .batch import START, State, Wanted
from .pytree import NUMBER, Shape
from .transforms import Arguments, Calls, Leaf

Array = np.ndarray[Any, Any]
Line = tuple[str, int, str]  # file, line, function
# Machine code is made when interpreting has taken about as long as making it takes: then the two together cost at most
# twice what the better choice from the start would have. Seconds seen: to make it, a part and so much a node; to run,
# so much a node.
MAKING, MAKING_NODE, RUNNING_NODE = 0.03, 15e-6, 1.5e-9


class Guard(NamedTuple):
    """A comparison that a path depends on: ``node`` of the graph must be ``expected``, 1 or 0."""

    node: int
    expected: int
    line: Line


class Program(Calls):
    """One recorded path of a function: one of ``p.programs``, or Program.load(path).

    Called like the function it came from, and with the same derivatives and batches. Where a guard comes out otherwise
    the recording does not hold: GuardError. (The compiled function would record another path.)

    >>> import cgrad
    >>> p = cgrad.compile(lambda x: x*x if x > 0 else -x)
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

    def __init__(self, name: str, names: tuple[str, ...], key: tuple[Any, ...], shapes: tuple[Shape, ...], out: Shape,
                 graph: Graph, outputs: Array, guards: Sequence[Guard], captured: Sequence[Leaf],
                 captured_shapes: Sequence[tuple[int, ...]], reason: str, backend: str = "auto") -> None:
        self.name, self.names, self.key, self.shapes, self.out = name, names, key, shapes, out
        self.graph, self.outputs, self.guards = graph, outputs, tuple(guards)
        self.captured, self.captured_shapes = list(captured), list(captured_shapes)
        self.reason, self.backend = reason, backend
        self.uses = self.last_used = self.number = 0
        self.conditions: list[tuple[Any, str, Any]] = []  # attributes that have to be what they were
        self.kept = True  # among the paths of a compiled function, or by itself
        self._codes: dict[Wanted, Executable] = {}
        self._outcomes: tuple[Any, ...] | None = None

    def __repr__(self) -> str:
        return f"<Program of {self.name}: {len(self.graph)} operations, {len(self.guards)} guards>"

    def __reduce__(self) -> Any:
        return unpickled, (store.taken_apart(self.parts()),)

    def parts(self) -> store.Parts:
        """What it is made of."""
        return store.Parts(self.name, self.names, self.key, self.shapes, self.out, self.graph, self.outputs,
                           self.guards, self.captured, self.captured_shapes, self.reason, self.backend)

    @staticmethod
    def of(parts: store.Parts) -> Program:
        """A program of such parts."""
        return Program(*parts._replace(guards=[Guard(*guard) for guard in parts.guards]))

    def twin(self, captured: Sequence[Leaf] | None = None) -> Program:
        """The same path for another compiled function, which counts its uses itself; the code is made once for both.

        captured: other leaves in the place of those that it captured.
        """
        parts = self.parts()
        made = Program.of(parts if captured is None else parts._replace(captured=captured))
        made.conditions = self.conditions
        made._codes = self._codes
        return made

    # ---- what it is ------------------------------------------------------------------------------

    @property
    def codes(self) -> dict[Wanted, Executable]:
        """What was made of it so far."""
        return dict(self._codes)

    @property
    def operations(self) -> int:
        """Operations in the graph as it was recorded."""
        return len(self.graph) - self.graph.inputs - len(self.graph.columns()["consts"])

    @property
    def total_uses(self) -> int:
        """Calls that ended on this path; a batch counts as one for each group of points."""
        return self.uses + sum(code.fast_runs for code in self._codes.values())

    def owns(self, code: Executable) -> bool:
        """Whether a code is one of its own."""
        return any(code is mine for mine in self._codes.values())

    @property
    def results(self) -> int:
        """Numbers in the value."""
        return len(self.outputs)

    @property
    def outcomes(self) -> tuple[Any, ...]:
        """How its guards came out, in order: what paths of one function are told apart by."""
        if self._outcomes is None:
            columns = self.graph.columns()
            equal, constant = GRAPH_OPS.index("eq"), GRAPH_OPS.index("const")
            found: list[Any] = []
            for guard in self.guards:
                side = columns["b"][guard.node]
                if guard.expected and columns["op"][guard.node] == equal and columns["op"][side] == constant:
                    found.append(("=", float(columns["consts"][columns["a"][side]])))
                else:
                    found.append(guard.expected)
            self._outcomes = tuple(found)
        return self._outcomes

    def may_hold(self, state: State) -> bool:
        """Whether points whose guards came out like this may be on this path."""
        prefix, excluded = state
        n = len(prefix)
        if not n and not excluded:
            return True
        return len(self.guards) > n and self.outcomes[:n] == prefix and self.outcomes[n] not in excluded

    def after(self, state: State, guard: int) -> State:
        """What is known of points that left this path at a guard (from 1)."""
        prefix, outcome = self.outcomes[:guard - 1], self.outcomes[guard - 1]
        return prefix, (state[1] if prefix == state[0] else frozenset()) | {outcome}

    def fits(self) -> bool:
        """Whether what it captured has the shapes of its recording, and what it relies on is the same."""
        return self.holds() and all(v.shape == shape
                                    for v, shape in zip(self.captured, self.captured_shapes, strict=True))

    def holds(self) -> bool:
        """Whether the attributes that it relies on are what they were."""
        return all(getattr(owner, name, None) is value or (name == "shape" and owner.shape == value)
                   for owner, name, value in self.conditions)

    def captured_numbers(self) -> Array:
        """The numbers of captured leaves as they are now."""
        return pytree.numbers_of([plain(v) for v in self.captured])

    def captured_span(self, leaf: Leaf) -> range:
        """The inputs of a captured leaf; of one that the path does not use: none."""
        at = sum(map(pytree.size, self.shapes))
        for v, shape in zip(self.captured, self.captured_shapes, strict=True):
            n = math.prod(shape)
            if v is leaf:
                return range(at, at + n)
            at += n
        return range(0)

    def need_scalar(self, op: str) -> None:
        """Raise where the value is not one number."""
        if self.out != NUMBER and not (self.out[0] == "array" and self.out[1] == ()):
            raise errors.no_scalar_value(self.name, op, pytree.described(self.out))

    def guard_text(self, number: int) -> str:
        """Guard ``number`` (from 1) for people: file:line in function: text."""
        return described_line(self.guards[number - 1].line)

    # ---- how it runs -----------------------------------------------------------------------------

    def code(self, wanted: Wanted) -> Executable:
        """The instructions for what is wanted; made once."""
        code = self._codes.get(wanted)
        if code is None:
            code = self._made(wanted)
            if self.backend == "native":
                make_native(code)
            elif self.backend == "auto" and native_available():
                code.ask_at = native_from(len(code.graph))
            self._codes[wanted] = code
        return code

    def derived(self, wanted: Wanted) -> tuple[Graph, Array, list[tuple[int, int]]]:
        """The graph of what is wanted: (graph, nodes of the results, (node, expected) of the guards)."""
        graph, wrt, by = self.graph, list(wanted.wrt), 0
        nodes = np.array([guard.node for guard in self.guards], np.int32)
        results = self.outputs
        if wanted.kind == "jvp":
            graph, tangents, by = forward_sweep(self.graph, self.outputs, wrt)
            results = np.concatenate([moved(self.outputs, self.graph, by), tangents])
        elif wanted.kind != "value":
            graph, adjoints, by = reverse_sweep(self.graph, self.outputs, wrt, wanted.kind == "vjp")
            results = np.concatenate([moved(self.outputs, self.graph, by), adjoints])
            if wanted.kind == "hvp":
                graph, results, by = forward_sweep(graph, adjoints, wrt)
        nodes = moved(nodes, self.graph, by)
        return graph, results, [(int(node), guard.expected) for node, guard in zip(nodes, self.guards, strict=True)]

    def _made(self, wanted: Wanted) -> Executable:
        return Executable(*self.derived(wanted))

    def attempt(self, wanted: Wanted, numbers: Array, extra: Array) -> tuple[int, Array]:
        """Run at one point: (0 or the number of the guard that came out otherwise, results)."""
        code = self.code(wanted)
        if 0 <= code.ask_at <= code.runs:
            code.ask_at = -1
            make_native(code)
        results = np.empty(code.results)
        inputs = np.concatenate([numbers, self.captured_numbers(), extra])
        return replay(code, inputs, results), results

    # ---- one path by itself ----------------------------------------------------------------------

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        if kwargs:
            raise errors.program_keywords(self.name, sorted(kwargs))
        leaves: list[Any] = []
        shapes = tuple([pytree.constant(self.name, x)
                        if self._constant(k, len(args)) and type(x) is type(self.shapes[k][-1])
                        else pytree.flatten(self.name, x, leaves) for k, x in enumerate(args)])
        if shapes != self.shapes:
            wanted, given = (", ".join(map(pytree.described, s)) for s in (self.shapes, shapes))
            raise errors.other_arguments(self.name, wanted, given)
        return Arguments(self.key, self.names, shapes, leaves)

    def _constant(self, k: int, n: int) -> bool:
        return k < len(self.shapes) and self.shapes[k][0] == "const"

    def _solve(self, arguments: Arguments, run: Callable[[Program], tuple[int, Any]]) -> tuple[Program, Any]:
        program, _ = self._path(arguments, START)
        failed, result = run(program)
        if failed:
            raise errors.guard_failed(self.name, self.guard_text(failed))
        self._used(self)
        return self, result

    def _path(self, arguments: Arguments, state: State, steady: bool = False) -> tuple[Program, bool]:
        if state != START:
            raise errors.guard_failed(self.name, self.guard_text(len(state[0]) + 1))
        if not self.fits():
            raise errors.captured_changed(self.name)
        return self, False

    def _used(self, program: Program) -> None:
        self.uses += 1

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise errors.values_given(self.name, "a program")

    def save(self, path: Any) -> None:
        """program.save(path): write the program to a file, for ``Program.load`` and ``cgrad.load``.

        Captured Values and Tensors are saved with the numbers that they have now. A file that stands there already is
        replaced as a whole. Raises ProgramError for constants that a file does not hold, OSError where it cannot write.
        """
        static = tuple([name for name, entry in zip(self.names, self.key[1:], strict=True)
                        if isinstance(entry[0], type)])
        store.write(path, store.Stored(self.name, static, signature_of(self), self.backend, 64, [self.parts()]))

    @staticmethod
    def load(path: Any) -> Program:
        """Program.load(path): the program that a file holds.

        Captured values are new leaves, with the numbers of the file. Nothing is imported, and no code is run: a class
        among the arguments must have been imported before. Raises ProgramError for a file that is damaged, foreign,
        newer or holds several paths, OSError where there is none.

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
        paths = store.read(path).paths
        if len(paths) > 1:
            raise errors.several_paths(path, len(paths))
        return Program.of(paths[0])

    def to_c(self, name: str = "program") -> str:
        """program.to_c(name="program"): the program in C99, without dependencies: value and gradient.

            int NAME_value(const double *x, double *y, double *work)
            int NAME_value_and_grad(const double *x, double *y, double *g, double *work)

        x: NAME_INPUTS numbers, the arguments' in order, then those of captured values; y: NAME_OUTPUTS; g: the
        gradient by all of x, where the value is one number; work: NAME_WORK doubles. Both return 0, or the number of
        the guard that came out otherwise: then the numbers are not those of the function. To be compiled without
        contraction (-ffp-contract=off), to give every bit as a replay does.
        """
        from .backends import c as export

        wanted = [Wanted("value")]
        if self.out == NUMBER or self.out == ("array", ()):
            wanted.append(Wanted("gradient", tuple(range(self.graph.inputs))))
        graphs = []
        for what in wanted:
            code = self._made(what)
            graphs.append((code.graph.columns(), code.outputs, [tuple(row) for row in code.guards.tolist()]))
        return export.to_c(name, graphs, [self.guard_text(k + 1) for k in range(len(self.guards))], self.name)


def unpickled(fields: dict[str, Any]) -> Program:
    """A program from a pickle."""
    return Program.of(store.put_together(fields))


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
    """Where nodes are in a graph that has ``by`` more inputs than this one."""
    return np.where(nodes < graph.inputs, nodes, nodes + by).astype(np.int32)


def native_from(nodes: int) -> int:
    """Runs after which machine code is made of a graph.

    >>> native_from(20) > native_from(10_000) > 1_000
    True
    """
    return int((MAKING + MAKING_NODE*nodes)/(RUNNING_NODE*(nodes + 10)))


def native_available() -> bool:
    """Whether the extra for native code is installed."""
    import importlib.util

    return importlib.util.find_spec("llvmlite") is not None


def make_native(code: Executable) -> None:
    """Let machine code do what ``code`` does. Raises ImportError, naming the extra, where llvmlite is missing."""
    from .backends import llvm as native

    native.install(code)


def described_line(line: Line) -> str:
    """file:line in function: text."""
    file, number, function = line
    # a saved program names its file: of what is no source nothing is shown
    text = linecache.getline(file, number).strip() if file.endswith(".py") or file.startswith("<") else ""
    return f"{file}:{number} in {function}" + (f": {text}" if text else "")


def listed(guards: Sequence[Guard]) -> Iterator[str]:
    """Guards by line: how they came out, and how often."""
    counts = Counter((guard.line, guard.expected) for guard in guards)
    for (line, expected), count in counts.items():
        times = f", {count} times" if count > 1 else ""
        yield f"{described_line(line)} ({'true' if expected else 'false'}{times})"


def constants(graph: Graph, most: int = 8) -> str:
    """The first constants of a graph."""
    numbers = list(dict.fromkeys(graph.columns()["consts"].tolist()))
    shown = ", ".join(f"{x:g}" for x in itertools.islice(numbers, most))
    return shown + (f", ... ({len(numbers)} in all)" if len(numbers) > most else "")


def record(function: Callable[..., Any], name: str, arguments: Arguments, keywords: tuple[str, ...], reason: str,
           backend: str) -> Program:
    """Run a function on traced numbers, and make a program of what it did."""
    leaves: list[Leaf] = []
    for x in arguments.leaves:
        leaves.append(Tensor(x, requires_grad=True) if isinstance(x, np.ndarray) else Value(x))
    given = []
    rest = iter(leaves)
    for argument, shape in zip(arguments.names, arguments.shapes, strict=True):
        given.append(pytree.unflatten(shape, rest))
        if isinstance(given[-1], (Value, Tensor)):
            given[-1].name = argument
    n = len(given) - len(keywords)
    with Trace(leaves) as trace:
        try:
            value = function(*given[:n], **dict(zip(keywords, given[n:], strict=True)))
        except TypeError as error:
            if "cannot be interpreted as an integer" in str(error) or "indices must be integers" in str(error):
                error.add_note(errors.integer_wanted(name))
            raise
        results: list[Any] = []
        out = pytree.flatten(name, value, results)
        pytree.check_result(name, out)
        outputs: list[Any] = []
        for x in results:
            if isinstance(x, Tensor):
                outputs += list(trace.elements(x).flat)
            elif isinstance(x, np.ndarray):
                outputs += list(x.flat)
            else:
                outputs.append(x)
    graph, nodes, guards, captured = graph_of_trace(trace, outputs)
    program = Program(name, arguments.names, arguments.key, arguments.shapes, out, graph, nodes,
                      [Guard(*guard) for guard in guards], captured, [v.shape for v in captured], reason, backend)
    program.conditions = trace.conditions
    return program
