"""Rows of the op table as LLVM's intermediate language.

A row's formula becomes a template: instructions whose operands are filled in node by node. No instruction carries a
fast-math flag, so LLVM neither reassociates nor contracts, and the bits are those of the formula in C. Functions are
called under names of our own (``cgrad_exp_...``): LLVM knows ``exp`` and ``pow`` by name, and would rewrite them.
"""

from __future__ import annotations

import ast
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ... import _formula
from ..._optable import FUNCTIONS, OPS, Op

ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
# As in C, all are false for nan, but != is true.
CONDITION: dict[type[ast.cmpop], str] = {
    ast.Lt: "olt", ast.LtE: "ole", ast.Gt: "ogt", ast.GtE: "oge", ast.Eq: "oeq", ast.NotEq: "une",
}
CALLED = {f.name: f for f in FUNCTIONS}


def literal(value: float) -> str:
    """A double, to the bit.

    >>> literal(1.0)
    '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


@dataclass(frozen=True)
class Template:
    """``text(d, x0, ...)`` are the instructions of node d on operands, which name the value ``result(d, x0, ...)``."""

    text: Callable[..., str]
    result: Callable[..., str]
    condition: bool  # the row is a comparison, whose truth is named %v{d}.0
    calls: bool  # whether it calls a function


class Lowering:
    """Templates of all rows, for a processor's features and the addresses of functions.

    >>> print(Lowering({}, frozenset({"fma"}))["fma"].text(7, "%a", "%b", "%c"), end="")
    %v7.0 = call double @llvm.fma.f64(double %a, double %b, double %c)
    """

    def __init__(self, functions: Mapping[str, int], features: frozenset[str]) -> None:
        self.functions = functions
        self.instructions = {f.name for f in FUNCTIONS if f.instruction in {"every", *features}
                             or f.instruction and "neon" in features}
        self.rows = {op.name: op for op in OPS}
        self.symbols: dict[str, tuple[str, int]] = {}  # of called functions: name and address
        self.declared: dict[str, str] = {}  # declarations by symbol
        self.templates: dict[str, Template] = {}

    def __getitem__(self, row: str) -> Template:
        if row not in self.templates:
            self.templates[row] = self.template(self.rows[row])
        return self.templates[row]

    def template(self, op: Op) -> Template:
        return self.lowered(op.names, _formula.parse(op.formula))

    def lowered(self, names: tuple[str, ...], tree: ast.expr) -> Template:
        lowering = FormulaLowering(self)
        result = lowering.value(tree, {name: f"{{{k + 1}}}" for k, name in enumerate(names)})
        text = "".join(lowering.lines)
        return Template(text.format, result.format, comparison(tree), "@cgrad_" in text)

    def symbol(self, function: str, arity: int) -> str:
        """The name under which LLVM calls a function of doubles, declared and bound to its address."""
        if function not in self.symbols:
            self.symbols[function] = (f"cgrad_{function}_{self.functions[function]:x}", self.functions[function])
        name = self.symbols[function][0]
        self.declared[name] = f"declare double @{name}({', '.join(['double']*arity)}) #0\n"
        return name

    def intrinsic(self, function: str, arity: int) -> str:
        name = f"llvm.{function}.f64"
        self.declared[name] = f"declare double @{name}({', '.join(['double']*arity)})\n"
        return name

    def pair(self) -> str:
        """sincos, which leaves the sine and the cosine where its pointers point."""
        if "sincos" not in self.symbols:
            address = self.functions["sincos"]
            name = f"cgrad_sincos_{address:x}"
            self.symbols["sincos"] = name, address
            self.declared[name] = f"declare void @{name}(double, ptr, ptr) #2\n"
        return self.symbols["sincos"][0]


def comparison(tree: ast.expr) -> bool:
    """True if a formula is ``where(x < y, 1, 0)``."""
    return (isinstance(tree, ast.Call) and _formula.called(tree) == "where"
            and [ast.unparse(a) for a in tree.args[1:]] == ["1", "0"])


class FormulaLowering:
    """Instructions of one formula; equal subexpressions are computed once."""

    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering
        self.lines: list[str] = []
        self.known = _formula.Subterms()

    def emit(self, text: str) -> str:
        """The name of the result of an instruction."""
        return self.known.once(text, lambda: self.instruction(text))

    def instruction(self, text: str) -> str:
        name = f"%v{{0}}.{len(self.lines)}"
        self.lines.append(f"{name} = {text}\n")
        return name

    def value(self, node: ast.expr, names: Mapping[str, str]) -> str:
        if isinstance(node, ast.Constant):
            return literal(float(_formula.number(node)))
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant):
                return literal(-float(_formula.number(node.operand)))
            return self.emit(f"fneg double {self.value(node.operand, names)}")
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            left, right = self.value(node.left, names), self.value(node.right, names)
            return self.emit(f"{ARITHMETIC[type(node.op)]} double {left}, {right}")
        if isinstance(node, ast.Call) and _formula.called(node) == "where":
            test, yes, no = node.args
            if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
                raise SyntaxError(f"a condition is one comparison: {ast.unparse(test)}")
            left, right = self.value(test.left, names), self.value(test.comparators[0], names)
            truth = self.emit(f"fcmp {CONDITION[type(test.ops[0])]} double {left}, {right}")
            return self.emit(f"select i1 {truth}, double {self.value(yes, names)}, double {self.value(no, names)}")
        if isinstance(node, ast.Call):
            return self.call(_formula.called(node), [self.value(a, names) for a in node.args])
        raise SyntaxError(f"not in the language of a row: {ast.unparse(node)}")

    def call(self, function: str, operands: list[str]) -> str:
        called = CALLED[function]
        if called.inline:
            return self.value(_formula.parse(called.inline), dict(zip(called.names, operands, strict=True)))
        if function in self.lowering.instructions:
            name = self.lowering.intrinsic(function, len(operands))
        else:
            name = self.lowering.symbol(function, len(operands))
        return self.emit(f"call double @{name}({', '.join(f'double {x}' for x in operands)})")
