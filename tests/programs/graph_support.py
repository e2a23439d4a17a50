"""Graphs for tests of what reads them: columns built by hand, adjoints from the op table, evaluation node by node."""

import ast
import functools
import shutil

import numpy as np

import cgrad
from cgrad import _formula
from cgrad._optable import OPS

NAMES = ("input", "const", *(op.name for op in OPS))
CODE = {name: code for code, name in enumerate(NAMES)}
ROWS = {op.name: op for op in OPS if op.name not in ("stop", "with_partial")}  # which are gone when code is written
SWAPPED = {ast.Gt: "lt", ast.GtE: "le"}
PLAIN = {ast.Lt: "lt", ast.LtE: "le", ast.Eq: "eq", ast.NotEq: "ne"}
BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
GCC = shutil.which("gcc")


class Graph:
    """Columns that grow; equal constants are one node, and so are equal nodes."""

    def __init__(self, n_inputs):
        self.rows, self.consts, self.n_inputs, self.numbers, self.known = [], [], n_inputs, {}, {}
        self.inputs = [self.append("input", k) for k in range(n_inputs)]

    def append(self, name, a=-1, b=-1, c=-1):
        row = CODE[name], a, b, c
        if row not in self.known:
            self.known[row] = len(self.rows)
            self.rows.append(row)
        return self.known[row]

    def const(self, value):
        key = np.float64(value).tobytes()
        if key not in self.numbers:
            self.consts.append(float(value))
            self.numbers[key] = self.append("const", len(self.consts) - 1)
        return self.numbers[key]

    def __getattr__(self, name):
        if name not in CODE:
            raise AttributeError(name)
        return lambda *operands: self.append(name, *(self.const(x) if isinstance(x, float) else x for x in operands))

    def columns(self):
        op, a, b, c = np.array(self.rows, dtype=np.int64).reshape(-1, 4).T
        return {"op": op.astype(np.uint8), "a": a.astype(np.int32), "b": b.astype(np.int32), "c": c.astype(np.int32),
                "consts": np.array(self.consts, dtype=np.float64), "n_inputs": self.n_inputs}

    # ---- adjoints ------------------------------------------------------------------------------
    def expression(self, node, names):
        """A partial, appended."""
        again = lambda n: self.expression(n, names)  # noqa: E731
        if isinstance(node, ast.Constant):
            return self.const(float(node.value))
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.UnaryOp):
            return self.append("neg", again(node.operand))
        if isinstance(node, ast.BinOp):
            return self.append(BINARY[type(node.op)], again(node.left), again(node.right))
        if isinstance(node, ast.Compare):
            left, right, kind = again(node.left), again(node.comparators[0]), type(node.ops[0])
            return self.append(SWAPPED[kind], right, left) if kind in SWAPPED else self.append(PLAIN[kind], left, right)
        return self.append(node.func.id, *map(again, node.args))

    def gradient(self, output, wanted=None):
        """Adjoints of the wanted nodes (inputs): a reverse sweep, written out."""
        wanted = self.inputs if wanted is None else wanted
        needed = np.zeros(len(self.rows), bool)
        needed[wanted] = True
        for i, (op, *operands) in enumerate(self.rows):
            if op > 1:
                needed[i] = needed[i] or any(needed[x] for x in operands if x >= 0)
        adjoint = {output: self.const(1.0)}
        first = {output}  # its adjoint is one: products with it are left out
        for i in range(output, -1, -1):
            op, *operands = self.rows[i]
            if i not in adjoint or op < 2:
                continue
            row, g = ROWS[NAMES[op]], adjoint[i]
            names = dict(zip(row.names, operands, strict=False)) | {"out": i}
            for x, text in zip(operands, row.d, strict=False):
                if text in (None, "0") or not needed[x]:
                    continue
                if text in ("1", "-1"):
                    part = g if text == "1" else self.neg(g)
                else:
                    d = self.expression(_formula.parse(text), names)
                    part = d if i in first else self.mul(g, d)
                adjoint[x] = self.add(adjoint[x], part) if x in adjoint else part
        return [adjoint[x] if x in adjoint else self.const(0.0) for x in wanted]


def functions():
    """Addresses of the functions that formulas name."""
    return dict(cgrad._program.FUNCTION_ADDRESSES)


@functools.cache
def scalars():
    """Each row of the table as a function of floats."""
    functions = dict(sorted(cgrad._core.SCALARS.items()))  # by opcode: the order of the table
    return {op.name: f for op, f in zip(OPS, functions.values(), strict=True)}


def evaluate(graph, inputs):
    """All nodes, one by one."""
    values, known = [], scalars()
    for op, *operands in graph.rows:
        if op == 0:
            values.append(float(inputs[operands[0]]))
        elif op == 1:
            values.append(graph.consts[operands[0]])
        else:
            values.append(known[NAMES[op]](*(values[x] for x in operands if x >= 0)))
    return np.array(values)


def same(got, want):
    """Equal to the bit; any nan equals any nan."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return bool(np.all((got.view(np.uint64) == want.view(np.uint64)) | (np.isnan(got) & np.isnan(want))))


# ---- workloads -----------------------------------------------------------------------------------

def workload_a(steps):
    """x = x*a + sin(x)*b: value and gradient in x, a, b."""
    g = Graph(3)
    x, a, b = g.inputs
    for _ in range(steps):
        x = g.add(g.mul(x, a), g.mul(g.sin(x), b))
    return g, [x, *g.gradient(x)]


def workload_b(steps, z, strike=100.0, years=1.0):
    """A path of geometric Brownian motion, call pay-off: value and gradient in spot, volatility, rate."""
    g = Graph(3)
    s, v, r = g.inputs
    dt = years/steps
    root = dt**0.5
    for k in range(steps):
        drift = g.mul(g.sub(r, g.mul(g.mul(0.5, v), v)), dt)
        s = g.mul(s, g.exp(g.add(drift, g.mul(g.mul(v, root), float(z[k])))))
    out = g.mul(g.relu(g.sub(s, strike)), g.exp(g.mul(g.neg(r), years)))
    return g, [out, *g.gradient(out)]


def workload_c(n):
    """Chained Rosenbrock: value and gradient."""
    g = Graph(n)
    x, total = g.inputs, None
    for i in range(n - 1):
        t, u = g.sub(x[i + 1], g.mul(x[i], x[i])), g.sub(1.0, x[i])
        term = g.add(g.mul(100.0, g.mul(t, t)), g.mul(u, u))
        total = term if total is None else g.add(total, term)
    return g, [total, *g.gradient(total)]


def workload_d(points, labels, hidden=16, alpha=1e-4):
    """micrograd's loss of a 2-hidden-hidden-1 network over points: value and gradient in the parameters."""
    sizes = [2, hidden, hidden, 1]
    g = Graph(sum(n*(m + 1) for m, n in zip(sizes, sizes[1:], strict=False)))
    layers, k = [], 0
    for m, n in zip(sizes, sizes[1:], strict=False):
        layers.append([g.inputs[k + j*(m + 1):k + (j + 1)*(m + 1)] for j in range(n)])
        k += n*(m + 1)
    losses = []
    for point, label in zip(points, labels, strict=True):
        x = [g.const(float(value)) for value in point]
        for layer in layers:
            out = []
            for *weights, bias in layer:
                total = bias
                for w, xi in zip(weights, x, strict=True):
                    total = g.add(total, g.mul(w, xi))
                out.append(total if layer is layers[-1] else g.relu(total))
            x = out
        losses.append(g.relu(g.add(1.0, g.mul(float(-label), x[0]))))
    total = losses[0]
    for loss in losses[1:]:
        total = g.add(total, loss)
    square = g.mul(g.inputs[0], g.inputs[0])
    for p in g.inputs[1:]:
        square = g.add(square, g.mul(p, p))
    out = g.add(g.mul(total, 1.0/len(losses)), g.mul(alpha, square))
    return g, [out, *g.gradient(out)]
