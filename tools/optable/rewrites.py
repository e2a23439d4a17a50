"""The rules of _rewrites.py as code.

    rewrites_graph.pxi   emit1 .. emit3: a node of a graph, rewritten, or one that has the same value
    rewrites_tape.pxi    record1 .. record3: an operation of a recorded sweep, rewritten
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from .table import OPS, ROWS, RULES, c_function, formula


def by_row(rules: Iterable) -> dict[int, dict[str, list]]:
    """Rules by arity and row, in the order of the list."""
    found: dict[int, dict[str, list]] = {1: {}, 2: {}, 3: {}}
    for rule in rules:
        row = formula.called(formula.parse(rule.before))
        found[ROWS[row].arity].setdefault(row, []).append(rule)
    return found


def chosen(node: ast.expr) -> bool:
    """Whether an expression takes one of two sides now: where(k != 0, x, y)."""
    return isinstance(node, ast.Call) and formula.called(node) == "where" and isinstance(node.args[0], ast.Compare)


def signed(node: ast.expr) -> tuple[float, bool] | None:
    """A number of a pattern, and whether its sign is asked for as well; None: it is no number."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        number = float(node.operand.value)
        return (number, number == 0) if isinstance(node.op, ast.UAdd) else (-number, number == 0)
    return (float(node.value), False) if isinstance(node, ast.Constant) else None


class Writer:
    """Rules as statements; a place (a graph, a tape) says how it spells patterns and results."""

    def __init__(self, operands: str) -> None:
        self.operands = operands  # their names in the code

    def rule(self, rule, indent: str) -> list[str]:
        names: dict[str, str] = {}
        call = formula.parse(rule.before)
        conditions = [c for place, node in zip(self.operands, call.args, strict=False)
                      for c in self.conditions(place, node, names)]
        result = formula.parse(rule.after)
        if not conditions:
            return [f"{indent}return {self.result(result, names, call)}"]
        return [f"{indent}if {' and '.join(conditions)}:", f"{indent}    return {self.result(result, names, call)}"]

    def conditions(self, place: str, node: ast.expr, names: dict[str, str]) -> list[str]:
        """What must hold of the operand in this place; names: what the rule's names stand for."""
        number = signed(node)
        if number is not None:
            return [self.is_number(place, *number)]
        if isinstance(node, ast.Name):
            if node.id in names:
                return [f"{names[node.id]} == {place}"]
            names[node.id] = place
            return [self.is_any_number(place)] if node.id == "k" else []
        (inner,) = node.args
        names[inner.id] = f"g.node[{place}].a"
        return [f"g.node[{place}].op == OP_{formula.called(node).upper()}"]

    def is_number(self, place: str, number: float, sign: bool) -> str:
        raise NotImplementedError

    def is_any_number(self, place: str) -> str:
        raise NotImplementedError

    def result(self, node: ast.expr, names: dict[str, str], call: ast.Call) -> str:
        raise NotImplementedError

    def rows(self, rules: dict[str, list]) -> list[str]:
        """The rules of rows of one arity."""
        lines = []
        for row, found in rules.items():
            lines.append(f"    {'el' if lines else ''}if op == OP_{row.upper()}:")
            for rule in found:
                lines += self.rule(rule, "        ")
            lines += self.after_rules(row)
        return lines

    def after_rules(self, row: str) -> list[str]:
        return []


class Graphs(Writer):
    def is_number(self, place: str, number: float, sign: bool) -> str:
        which = f"is_number(g, {place}, {number:g})"
        return f"{which} and c_copysign(1.0, const_of(g, {place})) {'>' if number >= 0 else '<'} 0" if sign else which

    def is_any_number(self, place: str) -> str:
        return f"is_const(g, {place})"

    def result(self, node: ast.expr, names: dict[str, str], call: ast.Call) -> str:
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.Constant):
            return f"add_number(g, {float(node.value)!r})"
        if chosen(node):
            _, yes, no = node.args
            sides = self.result(yes, names, call), self.result(no, names, call)
            return f"{sides[0]} if const_of(g, {names['k']}) != 0 else {sides[1]}"
        operands = [self.result(n, names, call) for n in node.args]
        return f"emit{len(operands)}(g, OP_{formula.called(node).upper()}, {', '.join(operands)})"

    def after_rules(self, row: str) -> list[str]:
        return ["        if a > b:", "            a, b = b, a"] if ROWS[row].commutes else []

    def text(self) -> str:
        out = []
        rules = by_row(rule for rule in RULES if rule.graph)
        for arity, found in rules.items():
            if arity == 2:
                found |= {op.name: [] for op in OPS if op.commutes and op.name not in found}
            operands = self.operands[:arity]
            given, padding = ", ".join(operands), ", -1"*(3 - arity)
            declared = ", ".join(f"int32_t {a}" for a in operands)
            out += [f"cdef int32_t emit{arity}(Graph g, int op, {declared}) noexcept nogil:",
                    f"    if {' and '.join(f'is_const(g, {a})' for a in operands)}:",
                    f"        return computed(g, op, {given}{padding})", *self.rows(found),
                    f"    return placed(g, op, {given}{padding})", ""]
        return "\n".join(out)


class Tapes(Writer):
    def is_number(self, place: str, number: float, sign: bool) -> str:
        if sign:
            raise ValueError("rewrites: on tapes 0 is a zero of either sign")
        return f"equals({place}, {number:g})"

    def is_any_number(self, place: str) -> str:
        return f"{place}.i < 0"

    def result(self, node: ast.expr, names: dict[str, str], call: ast.Call) -> str:
        if isinstance(node, ast.Name) and node.id == "computed":
            row = ROWS[formula.called(call)]
            numbers = {a: f"{place}.v" for a, place in zip(row.names, self.operands, strict=False)}
            return f"constant({formula.spelled(formula.parse(row.formula), numbers.__getitem__, self.call, '')})"
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.Constant):
            return f"constant({float(node.value)!r})"
        operands = [self.result(n, names, call) for n in node.args]
        return f"record{len(operands)}(t, OP_{formula.called(node).upper()}, {', '.join(operands)})"

    @staticmethod
    def call(name: str, texts: list[str]) -> str:
        return f"{c_function(name)}({', '.join(texts)})"

    def text(self) -> str:
        out = []
        rules = by_row(rule for rule in RULES if rule.tape)
        for arity, found in rules.items():
            operands = self.operands[:arity]
            out += [f"cdef Ref record{arity}(Tape t, int op, {', '.join(f'Ref {a}' for a in operands)}) noexcept:"]
            if arity == 1:
                out += [*self.rows(found), "    return record(t, op, &x, 1)", ""]
                continue
            out += [f"    cdef Ref[{arity}] r", *self.rows(found),
                    f"    {', '.join(f'r[{k}]' for k in range(arity))} = {', '.join(operands)}",
                    f"    return record(t, op, r, {arity})", ""]
        return "\n".join(out)


def of_graphs() -> str:
    """rewrites_graph.pxi."""
    return Graphs("abc").text()


def of_tapes() -> str:
    """rewrites_tape.pxi."""
    return Tapes("xyz").text()
