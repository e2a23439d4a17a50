"""Random programs, and every road to their derivatives.

A program is a list of statements over numbers: operations of the op table, choices, branches, loops, containers. It runs
over floats, Values, Tensors, traced numbers and the reference's numbers alike, so that one function has them all:

    reference   reverse and forward sweeps in plain Python, written for these tests: what was not chosen is not reached
    eager       backward, gradients, several seeds, tangents, create_graph, the same over Tensors
    compiled    at a point (interpreter, machine code, C), in lanes; reverse, forward, forward over reverse
    merged      the same as source, with an ``if`` for each branch, recorded on both sides
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import linecache
import random
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np
from op_support import oracle

import cgrad
from cgrad import Tensor, Value
from cgrad._optable import OPS

ROWS = {op.name: op for op in OPS}
UNARY = ["sqrt", "log", "exp", "abs", "relu", "floor", "ceil", "trunc", "sign", "square", "cbrt", "tanh", "sin", "neg",
         "reciprocal", "sigmoid", "log1p", "asin", "softplus"]
BINARY = ["add", "add", "mul", "mul", "sub", "div", "maximum", "minimum", "pow", "copysign", "hypot", "atan2", "fmod", "mod",
          "floordiv", "logaddexp"]
POWERS = [2.0, 3.0, 0.5, -1.0, 1.5, 1.0, 0.0]
CONSTANTS = [0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0]
SINGULAR = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0]

Statement = tuple[Any, ...]


# ---- programs ------------------------------------------------------------------------------------

class Writer:
    """Writes random programs. branches: with ``if``, which arrays cannot ask."""

    def __init__(self, seed: int, inputs: int, branches: bool = True) -> None:
        self.random, self.inputs, self.branches = random.Random(seed), inputs, branches

    def operand(self, n: int) -> Any:
        """A variable by its number, the newest most often, or a constant."""
        r = self.random
        if r.random() < 0.2:
            return r.choice(CONSTANTS)
        return n - 1 - min(int(r.expovariate(0.6)), n - 1)

    def variable(self, n: int) -> int:
        return n - 1 - min(int(self.random.expovariate(0.6)), n - 1)

    def statement(self, n: int, depth: int) -> Statement:
        r = self.random
        kind = r.random()
        if kind < 0.36:
            return ("op", r.choice(UNARY), self.variable(n))
        if kind < 0.66:
            name, pair = r.choice(BINARY), [self.variable(n), self.operand(n)]
            r.shuffle(pair)
            if name == "copysign":  # of inputs: a nan's sign is nobody's promise
                pair = [r.randrange(self.inputs), r.randrange(self.inputs)]
            return ("op", name, *pair)
        if kind < 0.72:
            return ("power", self.variable(n), r.choice(POWERS))
        if kind < 0.76:
            return ("op", "clip", self.variable(n), r.choice([-1.0, 0.0]), r.choice([0.0, 1.0, 2.0]))
        if kind < 0.82:
            return ("op", "where", self.variable(n), self.operand(n), self.operand(n))
        if kind < 0.90 or depth > 1:
            return ("less", self.variable(n), self.operand(n), self.operand(n), self.variable(n))
        if kind < 0.94 and self.branches:
            return ("if", self.variable(n), self.operand(n), self.body(n, depth + 1), self.body(n, depth + 1))
        if kind < 0.97:
            return ("loop", r.randint(1, 3), self.body(n, depth + 1))
        name = r.choice(["sum", "max", "min", "dot", *(["norm"] if self.branches else [])])
        return ("array", name, *[self.variable(n) for _ in range(2 if name in ("max", "min") else 3)])

    def body(self, n: int, depth: int) -> list[Statement]:
        return [self.statement(n + k, depth) for k in range(self.random.randint(1, 3))]

    def program(self) -> list[Statement]:
        return [self.statement(self.inputs + k, 0) for k in range(self.random.randint(2, 9))]


class Plain:
    """What a program calls, over cgrad's numbers."""

    def op(self, name: str, *args: Any) -> Any:
        if name == "neg":
            return -args[0]
        if name == "mod":
            return args[0] % args[1]
        if name == "floordiv":
            return args[0]//args[1]
        if name in ("add", "sub", "mul", "div", "pow"):
            x, y = args
            return {"add": lambda: x + y, "sub": lambda: x - y, "mul": lambda: x*y, "div": lambda: x/y,
                    "pow": lambda: x**y}[name]()
        return getattr(cgrad, name)(*args)

    def power(self, x: Any, c: float) -> Any:
        return x**c

    def choose(self, outcome: Any, x: Any, y: Any) -> Any:
        return cgrad.where(outcome, x, y)

    def array(self, name: str, xs: list[Any]) -> Any:
        if any(isinstance(x, Tensor) for x in xs):
            stacked = cgrad.stack(xs)
            return {"sum": lambda: cgrad.sum(stacked, axis=0), "max": lambda: cgrad.maximum(stacked[0], stacked[1]),
                    "min": lambda: cgrad.minimum(stacked[0], stacked[1]), "dot": lambda: xs[0]*xs[0] + xs[1]*xs[2]}[name]()
        if name == "sum":
            return sum(xs)
        if name in ("max", "min"):
            return functools.reduce(cgrad.maximum if name == "max" else cgrad.minimum, xs)
        if name == "dot":
            return cgrad.dot([xs[0], xs[1]], [xs[0], xs[2]])
        return np.linalg.norm(cgrad.stack([x if isinstance(x, Value) else Value(x) for x in xs])) \
            if all(isinstance(x, Value) for x in xs) else cgrad.hypot(xs[0], xs[1])


PLAIN = Plain()


def run(program: list[Statement], values: list[Any], over: Any = PLAIN) -> Any:
    """The value of a program: that of its last statement and of the one before."""
    env = execute(program, list(values), over)
    return over.op("add", env[-1], env[-2]) if len(program) > 1 else env[-1]


def execute(program: list[Statement], env: list[Any], over: Any) -> list[Any]:
    at = lambda x: env[x] if isinstance(x, int) else x  # noqa: E731
    for kind, *rest in program:
        if kind == "op":
            env.append(over.op(rest[0], *map(at, rest[1:])))
        elif kind == "power":
            env.append(over.power(at(rest[0]), rest[1]))
        elif kind == "less":
            env.append(over.choose(at(rest[0]) < at(rest[1]), at(rest[2]), at(rest[3])))
        elif kind == "if":
            env.append(execute(rest[2] if at(rest[0]) < at(rest[1]) else rest[3], list(env), over)[-1])
        elif kind == "loop":
            inner = list(env)
            for _ in range(rest[0]):
                inner[-1] = execute(rest[1], list(inner), over)[-1]
            env.append(inner[-1])
        else:
            env.append(over.array(rest[0], [at(x) for x in rest[1:]]))
    return env


# ---- the reference -------------------------------------------------------------------------------

class Node:
    """A number of the reference: its value, and (operand, partial) for each operand that it hands on to."""

    def __init__(self, x: float, edges: tuple[tuple[Node, float], ...] = ()) -> None:
        self.x, self.edges = x, edges

    def __lt__(self, other: Any) -> bool:
        return self.x < number(other)

    def __gt__(self, other: Any) -> bool:
        return self.x > number(other)


def number(x: Any) -> float:
    return x.x if isinstance(x, Node) else float(x)


def partials(name: str, values: list[float]) -> tuple[float, list[float]]:
    """(value, partials) of an operation by itself, each by a forward sweep from one leaf: a product with 1."""
    leaves = [x if text is None else Value(x) for x, text in zip(values, ROWS[name].d, strict=True)]
    out = PLAIN.power(leaves[0], values[1]) if name == "powc" else PLAIN.op(name, *leaves)
    return out.data, [cgrad.tangents(out, [x]) if isinstance(x, Value) else 0.0 for x in leaves]


class Reference:
    """What a program calls, over the reference's numbers."""

    def op(self, name: str, *args: Any) -> Any:
        if not any(isinstance(x, Node) for x in args):
            return PLAIN.op(name, *map(Value, args)).data
        values = [number(x) for x in args]
        if name == "pow" and not isinstance(args[1], Node):
            name = "powc"
        out, d = partials(name, values)
        row = ROWS[name]
        edges = []
        for x, text, p in reversed(list(zip(args, row.d, d, strict=True))):
            if isinstance(x, Node) and text not in (None, "0") and not (row.choice and p == 0):
                edges.append((x, p))
        return Node(out, tuple(edges))

    def power(self, x: Any, c: float) -> Any:
        return self.op("pow", x, c)

    def choose(self, outcome: bool, x: Any, y: Any) -> Any:
        return self.op("where", float(outcome), x, y)

    def array(self, name: str, xs: list[Any]) -> Any:
        if name == "sum":
            return functools.reduce(lambda x, y: self.op("add", x, y), xs, 0)
        if name in ("max", "min"):
            return functools.reduce(lambda x, y: self.op(name + "imum", x, y), xs)
        if name == "dot":
            return self.op("add", self.op("add", 0.0, self.op("mul", xs[0], xs[0])), self.op("mul", xs[1], xs[2]))
        return None


def reference(program: list[Statement], point: list[float]) -> tuple[float, list[float], list[float]]:
    """(value, gradient by a reverse sweep, by forward sweeps)."""
    leaves = [Node(x) for x in point]
    out = run(program, leaves, Reference())
    if not isinstance(out, Node):
        return float(out), [0.0]*len(point), [0.0]*len(point)
    order: list[Node] = []
    seen: set[int] = set()

    def visit(node: Node) -> None:
        stack = [(node, iter(node.edges))]
        seen.add(id(node))
        while stack:
            top, rest = stack[-1]
            for operand, _ in rest:
                if id(operand) not in seen:
                    seen.add(id(operand))
                    stack.append((operand, iter(operand.edges)))
                    break
            else:
                order.append(top)
                stack.pop()

    visit(out)
    adjoint = {id(node): 0.0 for node in order}
    adjoint[id(out)] = 1.0
    for node in reversed(order):
        for operand, p in node.edges:
            adjoint[id(operand)] += product(adjoint[id(node)], p)
    ways = []
    for leaf in leaves:
        tangent = {id(leaf): 1.0}
        for node in order:
            for operand, p in reversed(node.edges):
                if id(operand) in tangent:
                    tangent[id(node)] = tangent.get(id(node), 0.0) + product(tangent[id(operand)], p)
        ways.append(tangent.get(id(out), 0.0))
    return out.x, [adjoint.get(id(leaf), 0.0) for leaf in leaves], ways


def product(x: float, y: float) -> float:
    return float(np.float64(x)*np.float64(y))


# ---- many digits ---------------------------------------------------------------------------------

class OutsideDomain(ArithmeticError):
    """A real function was asked outside of its domain."""


class Digits:
    """What a program calls, over mpmath's numbers."""

    def op(self, name: str, *args: Any) -> Any:
        if name == "where":
            return mpmath.mpf(args[1] if args[0] != 0 else args[2])
        out = oracle(ROWS[name])(*map(mpmath.mpf, args))
        if isinstance(out, mpmath.mpc) or not mpmath.isfinite(out):
            raise OutsideDomain
        return mpmath.mpf(out)

    def power(self, x: Any, c: float) -> Any:
        return self.op("pow", x, c)

    def choose(self, outcome: bool, x: Any, y: Any) -> Any:
        return mpmath.mpf(x if outcome else y)

    def array(self, name: str, xs: list[Any]) -> Any:
        return {"sum": sum, "max": max, "min": min, "dot": lambda xs: xs[0]*xs[0] + xs[1]*xs[2],
                "norm": lambda xs: mpmath.sqrt(sum(x*x for x in xs))}[name](xs)


DIGITS = Digits()


# ---- roads ---------------------------------------------------------------------------------------

class Road(NamedTuple):
    """A road to the gradient, or to the Hessian. exact: to the bit that of ``backward``."""

    name: str
    take: Any  # (program, point) -> numbers
    exact: bool = True
    forward: bool = False


def recorded(program: list[Statement], point: list[float]) -> tuple[list[Value], Any]:
    xs = [Value(x) for x in point]
    return xs, run(program, xs)


def depends(y: Any) -> bool:
    return isinstance(y, Value) and y._tape is not None


def backward(program: list[Statement], point: list[float]) -> list[float]:
    xs, y = recorded(program, point)
    if depends(y):
        y.backward()
    return [x.grad for x in xs]


def in_a_long_tape(program: list[Statement], point: list[float]) -> list[float]:
    """Behind many nodes that have nothing to do with it: the sweep goes by a list."""
    with cgrad.Tape():
        other = Value(1.0)
        for _ in range(600):
            other = other*1.0
        bad = cgrad.log(other*0.0)
        xs, y = recorded(program, point)
        if depends(y):
            y.backward()
        del bad
        return [x.grad for x in xs]


def gradients(program: list[Statement], point: list[float]) -> list[float]:
    xs, y = recorded(program, point)
    if not depends(y):
        return [0.0]*len(point)
    found = cgrad.gradients(y, xs)
    return [found.wrt(x) for x in xs]


def seeds(program: list[Statement], point: list[float]) -> list[float]:
    xs, y = recorded(program, point)
    if not depends(y):
        return [0.0]*len(point)
    found = cgrad.gradients([y], xs, seed=[[1.0], [1.0]])
    return [float(found.wrt(x)[1]) for x in xs]


def create_graph(program: list[Statement], point: list[float]) -> list[float]:
    xs, y = recorded(program, point)
    if not depends(y):
        return [0.0]*len(point)
    found = cgrad.gradients(y, xs, create_graph=True)
    return [found.wrt(x).data for x in xs]


def tangents(program: list[Statement], point: list[float]) -> list[float]:
    xs, y = recorded(program, point)
    if not depends(y):
        return [0.0]*len(point)
    return [cgrad.tangents(y, [x]) for x in xs]


def tensors(program: list[Statement], point: list[float], create: bool = False) -> list[float]:
    """Beside another point, in one array an input."""
    xs = [Tensor([x, 0.37 + 0.1*k], requires_grad=True) for k, x in enumerate(point)]
    y = run(program, xs)
    if not isinstance(y, Tensor) or not y.requires_grad:
        return [0.0]*len(point)
    if create:
        found = cgrad.gradients(y, xs, create_graph=True, seed=np.ones(2))
        return [float(np.broadcast_to(cgrad._core.plain(found.wrt(x)), 2)[0]) for x in xs]
    y.sum().backward()
    return [float(x.grad[0]) for x in xs]


def compiled(program: list[Statement], n: int, backend: str = "interpreter") -> Any:
    return cgrad.compile(lambda *xs: run(program, list(xs)), backend=backend)


def everything(n: int) -> tuple[int, ...]:
    return tuple(range(n))


def by_call(program: list[Statement], point: list[float], backend: str = "interpreter") -> list[float]:
    return list(compiled(program, len(point), backend).grad(*point, argnums=everything(len(point))))


def by_jvp(program: list[Statement], point: list[float]) -> list[float]:
    f = compiled(program, len(point))
    return [float(f.jvp(*point, v=1.0, argnums=k)[1]) for k in range(len(point))]


def by_vjp(program: list[Statement], point: list[float]) -> list[float]:
    return list(compiled(program, len(point)).vjp(*point, v=1.0, argnums=everything(len(point)))[1])


def in_lanes(program: list[Statement], point: list[float]) -> list[float]:
    f = compiled(program, len(point))
    points = [np.array([x]*5) for x in point]
    return [float(g[3]) for g in f.map_value_and_grad(*points, argnums=everything(len(point)), exact=True)[1]]


def inside(program: list[Statement], point: list[float]) -> list[float]:
    """The derivatives of a compiled function in another one."""
    inner, by = compiled(program, len(point)), everything(len(point))
    return list(cgrad.compile(lambda *xs: inner.grad(*xs, argnums=by))(*point))


def tangents_inside(program: list[Statement], point: list[float]) -> list[float]:
    inner = compiled(program, len(point))
    return list(cgrad.compile(lambda *xs: [inner.jvp(*xs, v=1.0, argnums=k)[1] for k in range(len(xs))])(*point))


def at_values(program: list[Statement], point: list[float]) -> list[float]:
    f = compiled(program, len(point))
    return [x.data for x in f.grad(*map(Value, point), argnums=everything(len(point)))]


def by_c(program: list[Statement], point: list[float]) -> list[float]:
    """The text of ``to_c``, compiled by gcc."""
    f = compiled(program, len(point))
    f(*point)
    path = f.programs[0]
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "p.c"), Path(folder, "p.so")
        source.write_text(path.to_c("p"), encoding="utf-8")
        subprocess.run(["gcc", "-O1", "-std=c99", "-ffp-contract=off", "-shared", "-fPIC", "-o", library, source, "-lm"],
                       check=True)
        function = ctypes.CDLL(str(library)).p_value_and_grad
        y, g, work = np.zeros(1), np.zeros(len(point)), np.zeros(1 << 16)
        p = lambda x: x.ctypes.data_as(ctypes.POINTER(ctypes.c_double))  # noqa: E731
        x = np.array(point)
        assert function(p(x), p(y), p(g), p(work)) == 0
    return g.tolist()


# ---- as source, whose branches merge --------------------------------------------------------------

def as_source(program: list[Statement], n: int) -> str:
    """The program as a Python function, with statements for its branches and loops."""
    lines = [f"def f({', '.join(f'v{k}' for k in range(n))}):"]
    fresh = itertools.count(n)

    def write(body: list[Statement], env: list[str], indent: str) -> list[str]:
        at = lambda x: env[x] if isinstance(x, int) else repr(x)  # noqa: E731
        env = list(env)
        for kind, *rest in body:
            name = f"v{next(fresh)}"
            if kind == "op":
                lines.append(f"{indent}{name} = {spelled(rest[0], [at(x) for x in rest[1:]])}")
            elif kind == "power":
                lines.append(f"{indent}{name} = {at(rest[0])}**{rest[1]!r}")
            elif kind == "less":
                lines.append(f"{indent}{name} = {at(rest[2])} if {at(rest[0])} < {at(rest[1])} else {at(rest[3])}")
            elif kind == "if":
                lines.append(f"{indent}if {at(rest[0])} < {at(rest[1])}:")
                inner = write(rest[2], env, indent + "    ")
                lines.append(f"{indent}    {name} = {inner[-1]}")
                lines.append(f"{indent}else:")
                inner = write(rest[3], env, indent + "    ")
                lines.append(f"{indent}    {name} = {inner[-1]}")
            elif kind == "loop":
                lines.append(f"{indent}{name} = {env[-1]}")
                lines.append(f"{indent}for _ in range({rest[0]}):")
                inner = write(rest[1], [*env[:-1], name], indent + "    ")
                lines.append(f"{indent}    {name} = {inner[-1]}")
            else:
                lines.append(f"{indent}{name} = P.array({rest[0]!r}, [{', '.join(at(x) for x in rest[1:])}])")
            env.append(name)
        return env

    env = write(program, [f"v{k}" for k in range(n)], "    ")
    lines.append(f"    return {env[-1]} + {env[-2]}" if len(program) > 1 else f"    return {env[-1]}")
    return "\n".join(lines) + "\n"


def spelled(name: str, args: list[str]) -> str:
    signs = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "mod": "%", "floordiv": "//"}
    if name == "neg":
        return f"-{args[0]}" if args[0][0] != "-" else f"-({args[0]})"
    if name in signs:
        return f" {signs[name]} ".join(f"({x})" for x in args)
    return f"cgrad.{name}({', '.join(args)})"


def written(program: list[Statement], n: int, branches: str) -> Any:
    """The program as source, compiled."""
    text = as_source(program, n)
    name = f"<program {hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space: dict[str, Any] = {"cgrad": cgrad, "P": PLAIN, "__name__": "__main__"}
    exec(compile(text, name, "exec"), space)
    return cgrad.compile(space["f"], branches=branches, backend="interpreter")


def merged(program: list[Statement], point: list[float], branches: str = "merge", calls: int = 1) -> list[float]:
    f = written(program, len(point), branches)
    for _ in range(calls):
        found = f.grad(*point, argnums=everything(len(point)))
    return list(found)


def merged_at_another(program: list[Statement], point: list[float]) -> list[float]:
    """Recorded at another point first, which takes other sides."""
    f = written(program, len(point), "merge")
    f(*[-1.5*x + 0.7 for x in point])
    return list(f.grad(*point, argnums=everything(len(point))))


def merged_jvp(program: list[Statement], point: list[float]) -> list[float]:
    f = written(program, len(point), "merge")
    return [float(f.jvp(*point, v=1.0, argnums=k)[1]) for k in range(len(point))]


def merged_in_lanes(program: list[Statement], point: list[float]) -> list[float]:
    f = written(program, len(point), "merge")
    points = [np.array([x, -x, x, x + 1.0, 0.0]) for x in point]
    return [float(g[2]) for g in f.map_value_and_grad(*points, argnums=everything(len(point)), exact=True)[1]]


def merged_hessian(program: list[Statement], point: list[float]) -> np.ndarray:
    f = written(program, len(point), "merge")
    return np.array(f.hessian(*point, argnums=everything(len(point))))


MERGED = [
    Road("merged", merged),
    Road("merged, recorded at another point", merged_at_another),
    Road("merged, for the sides taken", functools.partial(merged, calls=70)),
    Road("guarded source", functools.partial(merged, branches="guard")),
    Road("merged jvp", merged_jvp, exact=False, forward=True),
    Road("merged in lanes", merged_in_lanes),
]
GRADIENTS = [
    Road("in a long tape", in_a_long_tape),
    Road("gradients", gradients),
    Road("several seeds", seeds),
    Road("create_graph", create_graph, exact=False),
    Road("tangents", tangents, exact=False, forward=True),
    Road("compiled grad", by_call),
    Road("compiled vjp", by_vjp),
    Road("compiled jvp", by_jvp, exact=False, forward=True),
    Road("lanes", in_lanes),
    Road("inside", inside, exact=False),
    Road("tangents inside", tangents_inside, exact=False, forward=True),
    Road("at Values", at_values, exact=False),
]
TENSORS = [
    Road("tensors", tensors, exact=False),
    Road("tensors, create_graph", functools.partial(tensors, create=True), exact=False),
]
MACHINE = [
    Road("machine code", functools.partial(by_call, backend="native")),
    Road("C", by_c),
]


def over_recorded(program: list[Statement], point: list[float], derivatives: Any) -> np.ndarray:
    """The Hessian by derivatives, a function of (value, inputs), over a recorded sweep."""
    xs, y = recorded(program, point)
    matrix = np.zeros((len(xs), len(xs)))
    if not depends(y):
        return matrix
    first = cgrad.gradients(y, xs, create_graph=True)
    for i, x in enumerate(xs):
        if depends(first.wrt(x)):
            matrix[i] = derivatives(first.wrt(x), xs)
    return matrix


def second_recorded(program: list[Statement], point: list[float]) -> np.ndarray:
    """By a reverse sweep over a recorded sweep."""
    return over_recorded(program, point, lambda g, xs: cgrad.gradients(g, xs).wrt(xs))


def second_tangents(program: list[Statement], point: list[float]) -> np.ndarray:
    """By forward sweeps over a recorded sweep."""
    return over_recorded(program, point, lambda g, xs: [cgrad.tangents(g, [z]) for z in xs])


def second_compiled(program: list[Statement], point: list[float]) -> np.ndarray:
    f = compiled(program, len(point))
    return np.array(f.hessian(*point, argnums=everything(len(point))))


def second_inside(program: list[Statement], point: list[float], name: str) -> np.ndarray:
    """The Hessian of a compiled function in another one, or the Jacobian of its gradient there."""
    inner, by = compiled(program, len(point)), everything(len(point))
    if name == "hessian":
        return np.array(cgrad.compile(lambda *xs: inner.hessian(*xs, argnums=by))(*point))
    return np.array(cgrad.compile(lambda *xs: inner.grad(*xs, argnums=by)).jacobian(*point, argnums=by))


HESSIANS = [
    Road("tangents over create_graph", second_tangents, exact=False),
    Road("compiled hessian", second_compiled, exact=False),
    Road("merged hessian", merged_hessian, exact=False),
    Road("hessian inside", functools.partial(second_inside, name="hessian"), exact=False),
    Road("jacobian of a gradient inside", functools.partial(second_inside, name="jacobian"), exact=False),
]


# ---- comparing -----------------------------------------------------------------------------------

def same(got: Any, want: Any) -> bool:
    """True if all bits are equal; nan equals any nan."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    return bool((((got == want) & (np.signbit(got) == np.signbit(want))) | (np.isnan(got) & np.isnan(want))).all())


def close(got: Any, want: Any, tolerance: float = 1e-9) -> bool:
    """True if finite numbers are close, and infinities and nans equal."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    with np.errstate(all="ignore"):
        scale = np.maximum(1.0, np.maximum(np.abs(got), np.abs(want)))
        return bool(((got == want) | (np.abs(got - want) <= tolerance*scale) | (np.isnan(got) & np.isnan(want))).all())


def symmetric(matrix: np.ndarray) -> np.ndarray:
    """nan where it or its mirror image is."""
    return np.where(np.isnan(matrix.T), np.nan, matrix)


def points(seed: int, n: int) -> list[list[float]]:
    """An ordinary point and singular ones."""
    r = random.Random(seed)
    return [[r.uniform(-2, 2) for _ in range(n)], [r.choice(SINGULAR) for _ in range(n)], [0.0]*n]
