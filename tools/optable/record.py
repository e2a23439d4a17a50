"""Partials as rules of recorded sweeps.

    adjoints.pxi   record_partial_<op>_<k>(tape, x, .., out): the partial recorded as nodes of the tape
    rules.pxi      ARRAY_RULES[op][k](x, .., out): the partial as operations on Tensors and Values
"""

from __future__ import annotations

import ast

from .table import OPS, ROWS, code, comparison_row, formula, operation, with_partials


class Recorder:
    """The expression as statements that append its nodes; equal subexpressions are recorded once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def record(self, text: str) -> list[str]:
        result = self.visit(formula.parse(text), 1, formula.Subterms())
        declared = [f"    cdef Ref r{i}" for i in range(self.count)]
        return [*declared, *self.lines, f"    return {result}"]

    def new(self) -> str:
        self.count += 1
        return f"r{self.count - 1}"

    def emit(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def visit(self, node: ast.expr, depth: int, seen: formula.Subterms) -> str:
        if isinstance(node, ast.Name):
            return node.id
        return seen.once(ast.dump(node), lambda: self.fresh(node, depth, seen))

    def fresh(self, node: ast.expr, depth: int, seen: formula.Subterms) -> str:
        if isinstance(node, ast.Call) and formula.called(node) == "where":
            result = self.new()
            side = lambda n: f"{n.id}.v" if isinstance(n, ast.Name) else formula.number(n)  # noqa: E731
            ref = lambda n: n.id if isinstance(n, ast.Name) else f"constant({formula.number(n)})"  # noqa: E731
            row, left, right = comparison_row(node.args[0])
            outcome = formula.comparison(node.args[0], side)
            condition = f"chosen(t, {code(row)}, {ref(left)}, {ref(right)}, {outcome})"
            for head, branch in ((f"if {condition}:", node.args[1]), ("else:", node.args[2])):
                self.emit(depth, head)
                value = self.visit(branch, depth + 1, formula.Subterms(seen))
                self.emit(depth + 1, f"{result} = {value}")
            return result
        if isinstance(node, ast.Constant):
            text = f"constant({formula.number(node)})"
        else:
            row, *operands = operation(node)
            values = [self.visit(n, depth, seen) for n in operands]
            text = f"record{len(values)}(t, {code(row)}, {', '.join(values)})"
        result = self.new()
        self.emit(depth, f"{result} = {text}")
        return result


def adjoints() -> str:
    """adjoints.pxi."""
    out, cases = [], []
    for op, places in with_partials():
        args = ", ".join(f"Ref {a}" for a in (*op.names, "out"))
        for k in places:
            out.append(f"cdef Ref record_partial_{op.name}_{k}(Tape t, {args}) noexcept:")
            out += [*Recorder().record(op.d[k]), ""]
        given = ", ".join(f"x[{k}]" for k in range(op.arity))
        cases.append(f"    {'el' if cases else ''}if op == {code(op)}:")
        cases += [f"        if k == {k}: return record_partial_{op.name}_{k}(t, {given}, out)" for k in places]
    out.append("cdef Ref partial(Tape t, int op, int k, const Ref *x, Ref out) noexcept:")
    out.append('    """The k-th partial of an op, recorded as nodes of t."""')
    return "\n".join([*out, *cases, "    return constant(0.0)\n"])


# ---- over arrays ---------------------------------------------------------------------------------

class Chosen(ast.NodeTransformer):
    """``where(c, p, q)`` as a choice that evaluates each side on its own elements; hidden rows by their names."""

    def __init__(self, args: list[str]) -> None:
        self.args = args

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if node.func.id == "where":
            head = f"lambda {', '.join(self.args)}: "
            sides = ", ".join(head + ast.unparse(ast.fix_missing_locations(n)) for n in node.args)
            return ast.parse(f"choose(({', '.join(self.args)}), {sides})", mode="eval").body
        if ROWS[node.func.id].hidden:
            node.func = ast.Name(f"hidden_{node.func.id}", ast.Load())
        return node


def rules() -> str:
    """rules.pxi."""
    out = []
    for op in OPS:
        if op.hidden:
            out.append(f"def hidden_{op.name}({', '.join(op.names)}):")
            out.append(f"    return elementwise({code(op)}, {', '.join(op.names)}{', None'*(3 - op.arity)})\n")
    out.append("ARRAY_RULES = {")
    out += [f"    {code(op)}: ({', '.join(rule(op, text) for text in op.d)},)," for op in OPS]
    return "\n".join([*out, "}"]) + "\n"


def rule(op, text: str | None) -> str:
    """A partial as a function in Python."""
    if text in (None, "0"):
        return "None"
    args = [*op.names, "out"]
    tree = Chosen(args).visit(formula.parse(text))
    return f"lambda {', '.join(args)}: {ast.unparse(ast.fix_missing_locations(tree))}"
