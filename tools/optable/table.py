"""The tables of src/cgrad as generators read them: loaded by their paths, as there is no package yet, and checked."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "src" / "cgrad"
# Opcodes of structure; the table's follow.
FIRST = ["LEAF", "CONT", "DOT", "ITEM", "GATHER", "PRIMITIVE", "FUNCTION", "OUTPUT", "INPUT", "CONST"]
MIRRORED = {">": "<", ">=": "<="}  # x > y is y < x


def load(name: str):
    """A module of the package that imports nothing of it."""
    spec = importlib.util.spec_from_file_location(name, PACKAGE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


formula = load("_formula")
_table = load("_optable")
OPS, PREDICATES = _table.OPS, _table.PREDICATES
PUBLIC = [op for op in OPS if not op.hidden]
ROWS = {op.name: op for op in OPS}
FUNCTIONS = {f.name: f for f in _table.FUNCTIONS}
COMPARISONS = {op.symbol: op for op in OPS if op.comparison}
GENERAL = {op.constant: op for op in OPS if op.constant}  # the row that has this one for plain numbers
MEMBERS = load("_members").MEMBERS
RULES = load("_rewrites").RULES


def code(op) -> str:
    """An op's opcode."""
    return f"OP_{op.name.upper()}"


def c_function(name: str) -> str:
    """How generated code spells a function that formulas call: C's exp and Python's cgrad.exp do not meet."""
    return f"c_{name}"


def with_partials() -> list[tuple]:
    """(op, places of the operands that have a partial other than 0), of ops that have any."""
    found = [(op, [k for k, text in enumerate(op.d) if text not in (None, "0")]) for op in OPS]
    return [(op, places) for op, places in found if places]


def comparison_row(node: ast.expr) -> tuple:
    """A condition as a row of the op table with its two operands."""
    sign, sides = formula.COMPARE[type(node.ops[0])], (node.left, node.comparators[0])
    return (COMPARISONS[MIRRORED[sign]], *sides[::-1]) if sign in MIRRORED else (COMPARISONS[sign], *sides)


def operation(node: ast.expr) -> tuple:
    """An operator or a call in a partial as a row of the op table with its operands."""
    if isinstance(node, ast.UnaryOp):
        return ROWS["neg"], node.operand
    if isinstance(node, ast.BinOp):
        return ROWS[formula.BINARY[type(node.op)][1]], node.left, node.right
    return (ROWS[formula.called(node)], *node.args)


def check() -> None:
    """Raise ValueError where the op table says what no generator can do."""
    for op in OPS:
        if len(op.d) != op.arity or len(ROWS) != len(OPS):
            raise ValueError(f"op table: {op.name}: one partial an argument, one row a name")
        if op.pair and (op.pair not in ROWS or OPS.index(op) > OPS.index(ROWS[op.pair])):
            raise ValueError(f"op table: {op.name}: the second of a pair comes after the first")
        if op.shortcuts and op.name not in GENERAL:
            raise ValueError(f"op table: {op.name}: shortcuts are for a row that another one has for plain numbers")
        for name, args in formula.calls(formula.parse(op.formula)):
            if name != "where" and (name not in FUNCTIONS or len(args) != FUNCTIONS[name].arity):
                raise ValueError(f"op table: {op.name}: FUNCTIONS has no {name} of {len(args)} arguments")
        for text in filter(None, op.d):
            for node in ast.walk(formula.parse(text)):
                if isinstance(node, ast.Call) and formula.called(node) not in {*ROWS, "where"}:
                    raise ValueError(f"op table: {op.name}: a partial calls {node.func.id}, which has no row")
                if isinstance(node, ast.Name) and node.id not in {*op.names, "out", "where", *ROWS}:
                    raise ValueError(f"op table: {op.name}: a partial reads {node.id}, which is no argument")
