"""Partials as rules of graphs.

    partials.pxi   emit_partial_<op>_<k>(graph, x, .., out): the partial emitted as nodes of a graph
"""

from __future__ import annotations

import ast

from .table import code, comparison_row, formula, operation, with_partials


class Emitter:
    """An expression as statements that emit its nodes; equal subexpressions are emitted once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.seen = formula.Subterms()

    def emit(self, text: str) -> list[str]:
        result = self.visit(formula.parse(text))
        declared = [f"    cdef int32_t {', '.join(f'r{k}' for k in range(len(self.lines)))}"] if self.lines else []
        return [*declared, *self.lines, f"    return {result}"]

    def visit(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        return self.seen.once(ast.dump(node), lambda: self.statement(self.call(node)))

    def statement(self, call: str) -> str:
        name = f"r{len(self.lines)}"
        self.lines.append(f"    {name} = {call}")
        return name

    def call(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return f"add_number(g, {float(node.value)!r})"
        row, *operands = comparison_row(node) if isinstance(node, ast.Compare) else operation(node)
        values = ", ".join([self.visit(n) for n in operands])
        return f"emit{len(operands)}(g, {code(row)}, {values})"


def partials() -> str:
    """partials.pxi."""
    out, cases = [], []
    for op, places in with_partials():
        args = ", ".join(f"int32_t {a}" for a in (*op.names, "out"))
        for k in places:
            out.append(f"cdef int32_t emit_partial_{op.name}_{k}(Graph g, {args}) noexcept nogil:")
            out += [*Emitter().emit(op.d[k]), ""]
        given = ", ".join(f"x[{k}]" for k in range(op.arity))
        cases.append(f"    {'el' if cases else ''}if op == {code(op)}:")
        cases += [f"        if k == {k}: return emit_partial_{op.name}_{k}(g, {given}, out)" for k in places]
    out.append("cdef int32_t partial_node(Graph g, int op, int k, const int32_t *x, int32_t out) noexcept nogil:")
    out.append('    """The k-th partial of node out = op(x[0], ..), emitted."""')
    return "\n".join([*out, *cases, "    return add_number(g, 0.0)", ""])
