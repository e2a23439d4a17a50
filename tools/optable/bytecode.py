"""Bytecode of programs, from the op table and the table of instructions.

    rows.h         the rows as instructions, for core/program/bytecode.def
    lanes.h        each row over a block of points, for core/program/lanes.h
    bytecode.pxi   opcodes of the fused instructions, declared; a row of the op table has the number of its op
"""

from __future__ import annotations

import ast
import re

from .blocks import Blocks
from .table import FUNCTIONS, GENERAL, OPS, PACKAGE, c_function, formula

ROW = re.compile(r"^(?:SINGLE|SELECT|LAST|PAIR|RUN|SUM|GUARD|END)\((\w+)[,)]", re.MULTILINE)


def declarations() -> str:
    """bytecode.pxi."""
    names = ROW.findall((PACKAGE / "core" / "program" / "bytecode.def").read_text(encoding="utf-8"))
    lines = [f"        BC_{name}" for name in ("NONE", *names)]
    return "\n".join(['cdef extern from "core/program/bytecode.h" nogil:', "    enum:", *lines, ""])


def rows() -> str:
    """rows.h: ROW1(name, function) .. of each row; core/program/bytecode.def says what that is."""
    rows = [f"    ROW{op.arity}({op.name.upper()}, {op.name}) \\" for op in OPS]
    return "#define CGRAD_ROWS(ROW1, ROW2, ROW3) \\\n" + "\n".join(rows) + "\n\n"


def lanes() -> str:
    """lanes.h: each row as a function of one lane, L_(name), and of a block, ROW_(name).

    VM is defined where there are vector functions: LC_exp is then that of one number, for the inside of loops.
    """
    inline = [name for name, f in FUNCTIONS.items() if f.vector == "inline"]
    out = ["#ifdef VM", *(f"#define LC_{name} VM({name})" for name in inline), "#else",
           *(f"#define LC_{name} {c_function(name)}" for name in inline), "#endif"]
    for op in OPS:
        args = ", ".join(f"double {a}" for a in op.names)
        text = formula.c_text(formula.parse(op.formula), lambda f: f"LC_{f}" if f in inline else c_function(f))
        out.append(f"CGRAD_UNUSED static inline double L_({op.name})({args}) {{ return {text}; }}")
    for op in OPS:
        given = [f"x{k}" for k in range(op.arity)]
        head = ", ".join(["double *d", *(f"const double *{x}" for x in given), "ptrdiff_t n"])
        values = ", ".join(f"{x}[j]" for x in given)
        loop = ["    ptrdiff_t j;", f"    LANES_({', '.join(['d', *given])})",
                f"        d[j] = L_({op.name})({values});"]
        block = Lanes(given).row(op, GENERAL.get(op.name, op))
        body = ["#ifdef VM", *block, "#else", *loop, "#endif"] if block else loop
        out += [f"static void ROW_({op.name})({head}) {{", *body, "}"]
    return "\n".join([*out, *(f"#undef LC_{name}" for name in inline)]) + "\n"


class Lanes(Blocks):
    """A row over a block of lanes, by vector functions."""

    index = "j"

    def __init__(self, given: list[str]) -> None:
        super().__init__()
        self.given = given

    def row(self, op, general) -> list[str]:
        """The statements; none where one loop does as well. general: the row that has this one for plain numbers."""
        names = {a: f"{x}[j]" for a, x in zip(general.names, self.given, strict=True)}
        tree = formula.parse(general.formula)
        shortcuts = [line for shortcut in op.shortcuts for line in self.shortcut(op, shortcut)]
        if self.over_block(tree):
            self.call(tree.func.id, [self.block(self.element(node, names)) for node in tree.args], "d")
        else:
            self.assign("d", self.element(tree, names))
            if not self.scratch and not shortcuts:
                return []
        if shortcuts:
            last = self.given[-1]
            shortcuts = [f"    if (T(same)({last}, n)) {{", f"        const double c = {last}[0];", *shortcuts, "    }"]
        declared = [f"    SCRATCH(s{k});" for k in range(self.scratch)]
        loops = ["    ptrdiff_t j;"] if any("[j]" in line for line in [*shortcuts, *self.lines]) else []
        return [*loops, *declared, *shortcuts, *self.lines]

    def shortcut(self, op, shortcut) -> list[str]:
        """The statements for one value of the last operand."""
        names = dict(zip(op.names, self.given, strict=True))
        text = self.element(formula.parse(shortcut.formula), {a: f"{x}[j]" for a, x in names.items()})
        return [f"        if (c == {float(shortcut.value)!r}) {{",
                f"            LANES_({', '.join(['d', *self.given[:-1]])}) d[j] = {text};",
                "            return;", "        }"]

    @staticmethod
    def over_block(node: ast.expr) -> bool:
        """Whether it is a call of a function that is to be run over a block."""
        return isinstance(node, ast.Call) and node.func.id != "where" and bool(FUNCTIONS[node.func.id].vector)

    def element(self, node: ast.expr, names: dict[str, str]) -> str:
        def call(name: str, texts: list[str]) -> str:
            if FUNCTIONS[name].vector == "block":
                return self.called(name, texts)
            return f"{f'LC_{name}' if FUNCTIONS[name].vector else c_function(name)}({', '.join(texts)})"

        return formula.spelled(node, names.__getitem__, call, formula.C_CHOICE)

    def loop(self, statement: str) -> None:
        aligned = "".join(f"ALIGNED({x}) " for x in ("d", *self.given) if f"{x}[j]" in statement)
        self.lines.append(f"    {aligned}MULTIPLE(n) EACH {statement}")

    def assign(self, block: str, text: str) -> None:
        self.loop(f"{block}[j] = {text};")

    def call(self, name: str, blocks: list[str], result: str) -> None:
        self.lines.append(f"    VM(block_{name})({', '.join([result, *blocks])}, (long)n);")
