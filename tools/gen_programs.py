"""The op table as programs (see gen_ops.py, which calls this).

    partials.pxi   q_<op>_<k>(graph, x, .., out): the partial emitted as nodes of a graph
    rows.h         the rows, for the table of instructions (core/program/bytecode.def)
    lanes.h        each row over a block of points, for the lanes (core/program/lanes.h)
"""

from __future__ import annotations

import ast

from gen_formulas import formula

# How a comparison is a row: its name, and whether the sides change places.
COMPARISONS = {ast.Lt: ("LT", False), ast.LtE: ("LE", False), ast.Gt: ("LT", True), ast.GtE: ("LE", True),
               ast.Eq: ("EQ", False), ast.NotEq: ("NE", False)}


def comparison_row(node: ast.expr) -> tuple[str, ast.expr, ast.expr]:
    """A condition as a row of the op table with its two operands."""
    name, swapped = COMPARISONS[type(node.ops[0])]
    sides = (node.left, node.comparators[0])
    return (name, *(sides[::-1] if swapped else sides))


class Emitter:
    """An expression as statements that emit its nodes; equal subexpressions are emitted once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.seen: dict[str, str] = {}

    def emit(self, text: str) -> list[str]:
        result = self.visit(formula.parse(text))
        declared = [f"    cdef int32_t {', '.join(f'r{k}' for k in range(len(self.lines)))}"] if self.lines else []
        return [*declared, *self.lines, f"    return {result}"]

    def visit(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        key = ast.dump(node)
        if key not in self.seen:
            call = self.call(node)
            self.seen[key] = f"r{len(self.lines)}"
            self.lines.append(f"    {self.seen[key]} = {call}")
        return self.seen[key]

    def call(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return f"add_number(g, {float(node.value)!r})"
        if isinstance(node, ast.UnaryOp):
            name, operands = "NEG", [node.operand]
        elif isinstance(node, ast.BinOp):
            name, operands = formula.BINARY[type(node.op)][1].upper(), [node.left, node.right]
        elif isinstance(node, ast.Compare):
            name, *operands = comparison_row(node)
        else:
            name, operands = node.func.id.upper(), node.args
        values = ", ".join([self.visit(n) for n in operands])
        return f"emit{len(operands)}(g, OP_{name}, {values})"


class Programs:
    def __init__(self, ops) -> None:
        self.ops = ops

    def partials(self) -> str:
        out, cases = [], []
        for op in self.ops:
            live = [k for k, text in enumerate(op.d) if text not in (None, "0")]
            for k in live:
                args = ", ".join(f"int32_t {a}" for a in (*op.names, "out"))
                out.append(f"cdef int32_t q_{op.name}_{k}(Graph g, {args}) noexcept nogil:")
                out += [*Emitter().emit(op.d[k]), ""]
            if live:
                given = ", ".join(f"x[{k}]" for k in range(op.arity))
                cases.append(f"    {'el' if cases else ''}if op == OP_{op.name.upper()}:")
                cases += [f"        if k == {k}: return q_{op.name}_{k}(g, {given}, out)" for k in live]
        out.append("cdef int32_t partial_node(Graph g, int op, int k, const int32_t *x, int32_t out) noexcept nogil:")
        out.append('    """The k-th partial of node out = op(x[0], ..), emitted."""')
        return "\n".join([*out, *cases, "    return add_number(g, 0.0)", ""])

    def rows(self) -> str:
        """ROW1(name, function) .. of each row: core/program/bytecode.def says what that is."""
        rows = [f"    ROW{op.arity}({op.name.upper()}, {op.name}) \\" for op in self.ops]
        return "#define CGRAD_ROWS(ROW1, ROW2, ROW3) \\\n" + "\n".join(rows) + "\n\n"

    def lanes(self) -> str:
        """Each row as a function of one lane, L_(name), and of a block, ROW_(name).

        A formula's exp is spelled LC_exp: core/program/lanes.h defines it where it has a vector form, else it is C's.
        A row whose block form needs more than a loop is LB_<row>.
        """
        called = sorted({name for op in self.ops for name, _ in formula.calls(formula.parse(op.formula))} - {"where"})
        out = []
        for name in called:
            out += [f"#ifndef LC_{name}", f"#define LC_{name} c_{name}", "#endif"]
        for op in self.ops:
            args = ", ".join(f"double {a}" for a in op.names)
            text = formula.c_text(formula.parse(op.formula), "LC_{}")
            out.append(f"CGRAD_UNUSED static inline double L_({op.name})({args}) {{ return {text}; }}")
        out += [f"#undef LC_{name}" for name in called]
        for op in self.ops:
            given = [f"x{k}" for k in range(op.arity)]
            head = ", ".join(["double *d", *(f"const double *{x}" for x in given), "ptrdiff_t n"])
            out.append(f"static void ROW_({op.name})({head}) {{")
            out += [f"#ifdef LB_{op.name}", f"    LB_{op.name}(d, {', '.join(given)}, n);", "#else"]
            out.append("    ptrdiff_t j;")
            out.append(f"    LANES_({', '.join(['d', *given])})")
            values = ", ".join(f"{x}[j]" for x in given)
            out += [f"        d[j] = L_({op.name})({values});", "#endif", "}"]
        return "\n".join(out) + "\n"
