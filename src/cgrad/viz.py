"""Displays of graphs of Values and Tensors: as text, as Graphviz source, as drawings, in notebooks.

Nothing here recurses, and nothing explores more of a graph than its limit: a larger graph is summarised instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import errors
from ._core import Tensor, Value
from ._optable import OPS

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped, import-not-found, unused-ignore]

__all__ = ["draw_dot", "notebook", "summary", "to_dot", "trace"]

Node: TypeAlias = "Value | Tensor"
Roots: TypeAlias = "Node | Sequence[Node] | Mapping[str, Node]"

LIMIT = 300  # values that trace, to_dot and draw_dot show
DRAWN = 100  # values that a notebook draws; up to LIMIT it shows text
GLANCE = 10_000  # values that a notebook explores
MOST = 250_000  # values that a summary explores
EDGES = 4  # edges a value at which a graph counts as large (dot products have operands without end)
NAME = 60  # characters of a name that are shown
TERMS = 6  # terms of a dot product that are written out
SHORT = 4  # elements of a vector that are written out

_INFIX = {op.name: op.symbol for op in OPS if op.slot and op.arity == 2}
_INFIX.update({op.constant: op.symbol for op in OPS if op.constant})
_PREFIX = {"neg": "-"}
_CONSTANTS = {op.name: [j for j, d in enumerate(op.d) if d is None] for op in OPS if None in op.d}  # never Values
_ARGUMENTS = {op.name: op.names for op in OPS}
_DIRECTIONS = ("LR", "RL", "TB", "BT")


class _Graph:
    """The graph below some roots, explored from the roots down, at most ``most`` values of it.

    nodes: the values; a node is named by its index in this list. operands: for each node its operands (a constant
    exponent is none). number: nodes that are plain numbers or arrays of an operation (x*2) rather than somebody's
    leaves. recorded: the number of a leaf whose data was set after its use, which has a node for each number that it
    was used with. complete: True if this is the whole graph.
    """

    def __init__(self, roots: Iterable[Node], most: int | None) -> None:
        self.nodes: list[Node] = []
        self.operands: list[tuple[int, ...]] = []
        self.edges = 0
        self.number: set[int] = set()
        self.recorded: dict[int, Any] = {}
        index: dict[int | tuple[int, str], int] = {}
        for v in roots:
            if id(v) not in index:
                index[id(v)] = len(self.nodes)
                self.nodes.append(v)
        self.roots = list(index.values())
        room = float("inf") if most is None else most
        for v in self.nodes:  # grows while it runs
            if len(self.nodes) > room or self.edges > EDGES * room:
                break
            operands = []
            for x, n in _arguments(v):
                if isinstance(x, float):
                    x = Value(x)
                    self.number.add(len(self.nodes))
                elif isinstance(x, Tensor) and id(x) not in index and not (x.requires_grad or x.name):
                    self.number.add(len(self.nodes))
                key = id(x) if n is None or repr(n) == repr(x.data) else (id(x), repr(n))  # repr: nan is nan, -0 not 0
                i = index.setdefault(key, len(self.nodes))
                if i == len(self.nodes):
                    self.nodes.append(x)
                    if key != id(x):
                        self.recorded[i] = n
                operands.append(i)
            self.operands.append(tuple(operands))
            self.edges += len(operands)
        self.complete = len(self.operands) == len(self.nodes)

    def fits(self, limit: int | None) -> bool:
        return limit is None or (self.complete and len(self.nodes) <= limit and self.edges <= EDGES * limit)

    def data(self, k: int) -> Any:
        """The data of a node, a number or an array."""
        return self.recorded[k] if k in self.recorded else self.nodes[k].data

    def order(self) -> list[int]:
        """All nodes in the order of recording, leaves before their first use."""
        tapes: dict[int, int] = {}
        operations = [k for k, v in enumerate(self.nodes) if v._tape is not None]
        operations.sort(key=lambda k: (tapes.setdefault(id(self.nodes[k]._tape), k), self.nodes[k]._index))
        return list(dict.fromkeys([i for k in operations for i in (*self.operands[k], k)] + self.roots))

    def below(self, nodes: Iterable[int]) -> set[int]:
        """These nodes and all that they were computed from."""
        found = set(nodes)
        todo = list(found)
        while todo:
            new = set(self.operands[todo.pop()]) - found
            found |= new
            todo += new
        return found

    def depth(self) -> int:
        """The number of operations on the longest path."""
        depth = [0] * len(self.nodes)
        for k in self.order():
            if self.operands[k]:
                depth[k] = 1 + max(depth[i] for i in self.operands[k])
        return max(depth)


def _arguments(v: Node) -> list[tuple[Any, float | None]]:
    """Operands that are nodes, each with the number that was recorded for it (None: as it is)."""
    if isinstance(v, Tensor) or any(isinstance(x, Tensor) for x in v._arguments):
        return [(x, None) for x in v._arguments if isinstance(x, (Value, Tensor, float))]
    constants = _CONSTANTS.get(v._name_of_op, ())
    return list(zip(v._arguments, [n for j, n in enumerate(v._numbers) if j not in constants], strict=True))


def _roots(root: Roots, op: str) -> dict[str, Node] | list[Node]:
    if isinstance(root, (Value, Tensor)):
        return [root]
    if not isinstance(root, (Mapping, Sequence)) or isinstance(root, (str, bytes)):
        raise errors.no_value(op, "root", root)
    pairs = list(root.items()) if isinstance(root, Mapping) else list(enumerate(root))
    for key, v in pairs:
        if not isinstance(v, (Value, Tensor)):
            raise errors.no_value(op, f"root[{key!r}]", v)
    if not pairs:
        raise errors.nothing(op, "root", "Value")
    return {str(key): v for key, v in pairs} if isinstance(root, Mapping) else [v for _, v in pairs]


def _values(roots: dict[str, Node] | list[Node]) -> list[Node]:
    return list(roots.values()) if isinstance(roots, dict) else roots


def _explored(roots: dict[str, Node] | list[Node], limit: int | None) -> _Graph:
    """The graph if it is within the limit; otherwise enough of it for a summary."""
    graph = _Graph(_values(roots), limit)
    return graph if graph.fits(limit) else _Graph(_values(roots), MOST)


def _plain(text: str) -> str:
    """A name on one line, without control characters."""
    if len(text) > NAME:
        text = text[: NAME - 3] + "..."
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _number(x: float) -> str:
    return repr(x).removesuffix(".0")


def _literal(x: Any) -> str:
    """A number or an array, written where it is used."""
    if np.ndim(x) == 0:
        return _number(float(x))
    if x.size and (x == x.flat[0]).all():
        return _number(float(x.flat[0]))
    if x.ndim == 1 and x.size <= SHORT:
        return f"[{', '.join(_number(float(n)) for n in x)}]"
    return f"array{x.shape}"


def _plain_argument(x: Any) -> str:
    """The value of a keyword, or an index."""
    if isinstance(x, np.ndarray):
        return f"array{x.shape}" if x.ndim else repr(x.item())
    if isinstance(x, slice):
        start, stop, step = ("" if n is None else str(n) for n in (x.start, x.stop, x.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if x is Ellipsis:
        return "..."
    text = _plain(repr(x))
    return text if len(text) <= NAME else "..."


def _shown(x: Any, digits: int) -> str:
    """A number; the elements of a short vector; the shape of any other array."""
    if x is None:
        return ""
    if np.ndim(x) == 0:
        return f"{float(x):.{digits}g}"
    kind = "" if x.dtype == np.float64 else f" {x.dtype}"
    if x.ndim == 1 and x.size <= SHORT:
        return f"[{', '.join(f'{float(n):.{digits}g}' for n in x)}]{kind}"
    return f"{x.shape}{kind}"


def _names(graph: _Graph, order: list[int], given: Mapping[str, Node]) -> dict[int, str]:
    """A name for each value: the user's, made unique; else the root's key; else v0, v1, ..."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    index = {id(v): k for k, v in enumerate(graph.nodes) if k not in graph.recorded}
    wanted = {k: _plain(graph.nodes[k].name) for k in order}
    for key, v in given.items():
        k = index[id(v)]
        if k not in graph.number and not wanted[k]:
            wanted[k] = _plain(key)
    reserved = set(wanted.values())
    again: Counter[str] = Counter()
    for k in order:
        name = wanted[k]
        if not name:
            continue
        if name in taken:
            stem = name
            while name in reserved or name in taken:
                again[stem] += 1
                name = f"{stem}_{again[stem] + 1}"
        taken.add(name)
        names[k] = name
    n = 0
    for k in order:
        if k not in names and k not in graph.number:
            while f"v{n}" in taken:
                n += 1
            names[k] = f"v{n}"
            n += 1
    return names


def _expression(graph: _Graph, k: int, names: Mapping[int, str]) -> str:
    """The operation of a node: ``a + b``, ``a**3``, ``-a``, ``tanh(a)``, ``dot([a, 2], [x, y], b)``."""
    op = graph.nodes[k]._name_of_op

    def term(i: int) -> str:
        return names[i] if i in names else _literal(graph.data(i))

    def factor(text: str) -> str:
        return f"({text})" if text.startswith("-") else text

    operands = graph.operands[k]
    if op not in _ARGUMENTS and op != "dot":
        return _method(graph, k, [term(i) for i in operands])
    if op == "dot":
        bias, *rest = operands
        more = f", ... {len(rest) // 2 - TERMS} more" if len(rest) > 2 * TERMS else ""
        xs = ", ".join(term(i) for i in rest[0 : 2 * TERMS : 2]) + more
        ys = ", ".join(term(i) for i in rest[1 : 2 * TERMS : 2]) + more
        tail = "" if bias not in names and graph.data(bias) == 0 else f", {term(bias)}"
        return f"dot([{xs}], [{ys}]{tail})"
    terms = [term(i) for i in operands]
    for j in _CONSTANTS.get(op, ()):
        terms.insert(j, _number(graph.nodes[k]._numbers[j]))
    if op in _INFIX:
        left, right = map(factor, terms)
        return f"{left}{_INFIX[op]}{right}" if _INFIX[op] == "**" else f"{left} {_INFIX[op]} {right}"
    if op in _PREFIX:
        return _PREFIX[op] + factor(terms[0])
    return f"{op}({', '.join(terms)})"


def _method(graph: _Graph, k: int, terms: list[str]) -> str:
    """An operation that is not a row of the op table: ``a @ b``, ``a[1:]``, ``a.sum(axis=0)``, ``stack([a, b])``."""
    v = graph.nodes[k]
    op = v._name_of_op
    keywords = {key: x for key, x in v._keywords.items() if x is not None and x is not False
                and not (key == "axis" and v.ndim == 0)}
    if op == "matmul" and len(terms) == 2:
        return " @ ".join(terms)
    if op in ("getitem", "item"):
        index = keywords.get("index", Ellipsis)
        return f"{terms[0]}[{', '.join(map(_plain_argument, index if isinstance(index, tuple) else (index,)))}]"
    if len(terms) > 2 * TERMS:
        terms = [*terms[:TERMS], f"... {len(terms) - TERMS} more"]
    if op in ("gather", "stack", "concatenate"):
        terms = [f"[{', '.join(terms)}]"]
        op = "stack" if op == "gather" else op
    if op == "einsum":
        inputs, output = keywords.pop("inputs", ()), keywords.pop("output", "")
        return f"einsum({', '.join([repr(','.join(inputs) + '->' + output), *terms])})"
    axis = keywords.get("axis")
    if isinstance(axis, tuple) and len(axis) == 1:
        keywords["axis"] = axis[0]
    shape = [_plain_argument(keywords.pop("shape"))] if "shape" in keywords else []
    given = shape + [f"{key}={_plain_argument(x)}" for key, x in keywords.items() if key != "ends"]
    first = graph.nodes[graph.operands[k][0]]
    if isinstance(first, Tensor) and len(graph.operands[k]) == 1 and hasattr(Tensor, op):
        return f"{terms[0]}.{op}({', '.join(given)})"
    return f"{op}({', '.join(terms + given)})"


def trace(root: Roots, *, grads: bool = False, limit: int | None = LIMIT, digits: int = 6) -> str:
    """The graph below root as text: a line for each value, leaves first, then operations in the order of recording.

    Operations are written as in Python (``a + b``, ``a**3``, ``-a``, ``a.sum()``), others as calls (``tanh(a)``), with
    numbers at the right (of arrays the shape). Unnamed values are called v0, v1, ...; a name used twice gets a number.
    A leaf shows the number that was recorded; one that was given new data and used again has a line for each number.

    root: a Value or Tensor; a sequence of them; or a dict of names, where ``{"L": L, "dL_da": g}`` shows the recorded
    derivative g of L after L, below a line ``dL ---``, and each name has a line of its own. grads: show gradients too.
    limit: a graph of more values is summarised (None: never). digits: significant digits of the numbers. Raises
    TypeError if root is not a Value or Tensor, TapeError for a value that was rewound.

    >>> import cgrad
    >>> a, b = cgrad.Value(2.0, name="a"), cgrad.Value(-3.0, name="b")
    >>> print(cgrad.viz.trace((a*b + 1).tanh()))
    a              2
    b              -3
    v0 = a * b     -6
    v1 = v0 + 1    -5
    v2 = tanh(v1)  -0.999909
    """
    roots = _roots(root, "trace")
    graph = _explored(roots, limit)
    if not graph.fits(limit):
        return _summary(graph)
    return _text(graph, roots if isinstance(roots, dict) else {}, grads, digits)


def _text(graph: _Graph, given: Mapping[str, Node], grads: bool, digits: int) -> str:
    order = graph.order()
    used = {i for operands in graph.operands for i in operands}
    graph.number |= {k for k in graph.roots if given and k not in used and not graph.nodes[k].name
                     and not graph.operands[k]}  # a derivative that is a constant
    leaves = [k for k in order if not graph.operands[k] and k not in graph.number]
    names = _names(graph, leaves + [k for k in order if graph.operands[k] or k in graph.number], given)
    asked: dict[int, list[str]] = {}
    for key, v in given.items():
        asked.setdefault(id(v), []).append(_plain(key))
    rows: list[tuple[str, int]] = [(names[k], k) for k in leaves]
    for k in order:
        if graph.operands[k]:
            rows.append((f"{names[k]} = {_expression(graph, k, names)}", k))
            rows += [(f"{key} = {names[k]}", k) for key in asked.pop(id(graph.nodes[k]), ()) if key != names[k]]
    for k in graph.roots:  # roots that are leaves
        for key in asked.pop(id(graph.nodes[k]), ()):
            text = names[k] if k in names else _literal(graph.data(k))
            rows += [(f"{key} = {text}", k)] if key != text else []
    cells = [(text, _shown(graph.data(k), digits), _shown(graph.nodes[k].grad, digits)) for text, k in rows]
    for at, head in _sections(graph, given, rows):
        cells.insert(at, (f"d{head} ---", "", ""))
    if grads:
        cells.insert(0, ("", "data", "grad"))
    wide = max(len(text) for text, _, _ in cells)
    middle = max(len(data) for _, data, _ in cells)
    return "\n".join((f"{text:{wide}}  {data:{middle}}  {grad}" if grads else f"{text:{wide}}  {data}").rstrip()
                     for text, data, grad in cells)


def _sections(graph: _Graph, given: Mapping[str, Node], rows: list[tuple[str, int]]) -> list[tuple[int, str]]:
    """Where the derivatives of each result L begin that were passed as dL_d...: (index among rows, L), last first."""
    heads: dict[str, list[str]] = {}
    for key in given:
        for head in given:
            if key.startswith(f"d{head}_d"):
                heads.setdefault(head, []).append(key)
    index = {id(v): k for k, v in enumerate(graph.nodes) if k not in graph.recorded}
    found = []
    for head, keys in heads.items():
        new = graph.below([index[id(given[key])] for key in keys]) - graph.below([index[id(given[head])]])
        starts = tuple(f"{_plain(key)} = " for key in keys)
        after = max((i for i, (_, k) in enumerate(rows) if k == index[id(given[head])]), default=-1)
        at = [i for i, (text, k) in enumerate(rows)
              if i > after and ((k in new and graph.operands[k]) or text.startswith(starts))]
        found += [(at[0], _plain(head))] if at else []
    return sorted(found, reverse=True)


def summary(root: Roots, *, most: int | None = MOST) -> str:
    """The size of the graph below root, with counts by operation.

    most: the number of values to explore, nearest to the root first (None: all); each costs 3 to 5 us. Raises TypeError
    if root is not a Value or Tensor, TapeError for a value that was rewound.

    >>> import cgrad
    >>> x = a = cgrad.Value(0.5, name="a")
    >>> for _ in range(1000):
    ...     x = cgrad.sin(x) + a
    >>> print(cgrad.viz.summary(x))
    root        1.4973
    values      2001
    operations  2000: add 1000, sin 1000
    leaves      1: a
    depth       2000
    """
    values = _values(_roots(root, "summary"))
    return _summary(_Graph(values, most))


def _summary(graph: _Graph) -> str:
    seen = range(len(graph.operands))
    counts = Counter(graph.nodes[k]._name_of_op for k in seen if graph.operands[k])
    leaves = list({id(graph.nodes[k]): k for k in seen if not graph.operands[k] and k not in graph.number}.values())
    shown = [_plain(graph.nodes[k].name) for k in leaves if graph.nodes[k].name][:8]
    numbers = len(graph.number)
    size = f"{len(graph.nodes)}"
    if not graph.complete:
        size = f"over {size}; counted are the {len(seen)} nearest to the root"
    listed = ", ".join(f"{op} {n}" for op, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])))
    rows: list[tuple[str, str]] = []
    for k in graph.roots[:8]:
        name = _plain(graph.nodes[k].name)
        rows.append(("" if rows else "root", f"{name}{' = ' if name else ''}{_shown(graph.nodes[k].data, 6)}"))
    if len(graph.roots) > 8:
        rows.append(("", f"... {len(graph.roots) - 8} more"))
    rows.append(("values", size))
    rows.append(("operations", f"{counts.total()}: {listed}" if counts else "0"))
    rows.append(("leaves", f"{len(leaves)}" + (f": {', '.join(shown)}" if shown else "")
                 + (", ..." if 0 < len(shown) < len(leaves) else "")))
    if numbers:
        rows.append(("numbers", f"{numbers}"))
    if graph.complete:
        rows.append(("depth", f"{graph.depth()}"))
    return "\n".join(f"{head:10}  {text}" for head, text in rows)


# ---- Graphviz ------------------------------------------------------------------------------------

_RECORD = str.maketrans({c: "\\" + c for c in '\\"{}|<>'} | {"&": "&amp;"})
_STRING = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;", "\n": "\\l"})


def _decimal(x: float) -> str:
    return f"{x:.4f}" if x == 0 or 1e-3 <= abs(x) < 1e7 else f"{x:.4g}"


def _norm(grad: Any) -> str:
    """The gradient of an array as it is shown: by its Euclidean norm."""
    return f"norm {_decimal(float(np.linalg.norm(np.asarray(grad))))}"


def _dot_lines(graph: _Graph, given: Mapping[str, Node], grad: bool, shape: bool, limit: int | None) -> list[str]:
    """The statements of the drawing: a record for each value, a small node for each operation."""
    if not graph.fits(limit):
        return [f'summary [label="{(_summary(graph) + chr(10)).translate(_STRING)}", shape=note, fontname=monospace]']
    lines: list[str] = []
    keys: dict[int, str] = {}
    for key, v in given.items():
        keys.setdefault(id(v), key)
    for k in graph.order():
        v, operands = graph.nodes[k], graph.operands[k]
        if k in graph.number:
            lines.append(f'n{k} [label="{_literal(graph.data(k)).translate(_STRING)}", shape=plaintext]')
            continue
        name = _plain(v.name or keys.get(id(v), "")).translate(_RECORD)
        array = isinstance(v, Tensor) and v.ndim > 0
        fields = [name, f"shape {v.shape}" if shape or array else f"data {_decimal(graph.data(k))}"]
        if array and v.dtype != np.float64:
            fields.append(str(v.dtype))
        if grad and v.grad is not None:
            fields.append(f"grad {_norm(v.grad)}" if array else f"grad {_decimal(float(v.grad))}")
        lines.append(f'n{k} [label="{{ {" | ".join(fields)} }}", shape=record]')
        if operands:
            symbol, op = v._op, v._name_of_op
            if op in _CONSTANTS and not symbol.startswith("**"):  # that of x**3 shows the 3
                symbol += "".join(f" {_ARGUMENTS[op][j]}={_number(v._numbers[j])}" for j in _CONSTANTS[op])
            lines.append(f'n{k}_op [label="{symbol.translate(_STRING)}", ordering=in]')
            lines.append(f"n{k}_op -> n{k}")
            lines += [f"n{i} -> n{k}_op" for i in operands]
    return lines


def _direction(op: str, rankdir: str) -> str:
    if rankdir not in _DIRECTIONS:
        raise errors.bad_option(op, "rankdir", rankdir, f"give one of {', '.join(_DIRECTIONS)}")
    return rankdir


def _drawing(op: str, root: Roots, grad: bool, shape: bool, limit: int | None) -> list[str]:
    roots = _roots(root, op)
    graph = _explored(roots, limit)
    return _dot_lines(graph, roots if isinstance(roots, dict) else {}, grad, shape, limit)


def to_dot(root: Roots, *, rankdir: str = "LR", grad: bool = True, shape: bool = False,
           limit: int | None = LIMIT) -> str:
    """The graph below root as Graphviz source: a record for each value, a small node for each operation.

    A record is ``{ name | data 1.0000 | grad 0.0000 }``. Only cgrad is needed; ``dot -Tsvg`` draws the source.

    root: a Value or Tensor, a sequence of them, or a dict of names. rankdir: LR, RL, TB or BT. grad: show gradients
    (the norm of an array's). shape: show the shape, () for a scalar, in place of the data, as is always done for
    arrays. limit: of a graph of more values one node with its summary is drawn (None: never). Raises TypeError if root
    is not a Value or Tensor, ValueError for an unknown rankdir.

    >>> import cgrad
    >>> print(cgrad.viz.to_dot(-cgrad.Value(2.0, name="a")))
    digraph {
        graph [rankdir=LR]
        n1 [label="{ a | data 2.0000 | grad 0.0000 }", shape=record]
        n0 [label="{  | data -2.0000 | grad 0.0000 }", shape=record]
        n0_op [label="neg", ordering=in]
        n0_op -> n0
        n1 -> n0_op
    }
    """
    lines = [f"graph [rankdir={_direction('to_dot', rankdir)}]", *_drawing("to_dot", root, grad, shape, limit)]
    return "\n".join(["digraph {", *("    " + line for line in lines), "}"])


def draw_dot(root: Roots, format: str = "svg", rankdir: str = "LR", shape: bool = False, grad: bool = True, *,
             limit: int | None = LIMIT) -> graphviz.Digraph:
    """The ``graphviz.Digraph`` of ``to_dot(root)``: notebooks show it, ``.render("file")`` writes it.

    format: of rendered files (svg, png, pdf, ...); the other arguments and errors are as for ``to_dot``. Raises
    ImportError if the package graphviz is missing (``pip install "pycgrad[viz]"``); drawing needs Graphviz's program
    dot too.

    >>> import cgrad
    >>> cgrad.viz.draw_dot(cgrad.Value(2.0)**3, rankdir="TB").format
    'svg'
    """
    _direction("draw_dot", rankdir)
    digraph = _graphviz("draw_dot").Digraph(format=format, graph_attr={"rankdir": rankdir})
    digraph.body += [f"\t{line}\n" for line in _drawing("draw_dot", root, grad, shape, limit)]
    return digraph


def _graphviz(op: str) -> Any:
    try:
        import graphviz
    except ImportError as error:
        raise errors.no_package(op, "graphviz", "viz", "take the source text of cgrad.viz.to_dot") from error
    return graphviz


# ---- notebooks -----------------------------------------------------------------------------------

def notebook(v: Node) -> str | None:
    """The HTML that a notebook shows for a Value or Tensor; None for its repr. Never raises.

    A drawing of a graph of up to 100 values if Graphviz is available, else the text of ``trace``; the summary of a
    graph of over 300 values; None for a leaf.

    >>> import cgrad
    >>> cgrad.viz.notebook(cgrad.Value(1.0)) is None
    True
    """
    try:
        if not v._arguments:
            return None
        graph = _Graph([v], GLANCE)
        if graph.fits(DRAWN):
            drawing = _svg(graph)
            if drawing is not None:
                return f'<div style="overflow-x: auto">{drawing}</div>'
        text = _text(graph, {}, True, 6) if graph.fits(LIMIT) else _summary(graph)
        import html

        return f"<pre>{html.escape(text)}</pre>"
    except Exception:  # a display that fails must not cost the cell its result: the repr is shown
        return None


def _svg(graph: _Graph) -> str | None:
    """The drawing, or None if Graphviz is not available."""
    from subprocess import SubprocessError

    try:
        digraph = _graphviz("notebook").Digraph(graph_attr={"rankdir": "LR"})
        digraph.body += [f"\t{line}\n" for line in _dot_lines(graph, {}, True, False, None)]
        text: str = digraph.pipe(format="svg", encoding="utf-8", quiet=True)
    except (ImportError, OSError, RuntimeError, ValueError, SubprocessError):  # no package, no program, a broken one
        return None
    start = text.find("<svg")
    return text[start:] if start >= 0 else None
