"""The op table as programs (see gen_ops.py, which calls this).

    partials.pxi   q_<op>_<k>(graph, x, .., out): the partial emitted as nodes of a graph
    rows.h         the rows, for the table of instructions (core/program/bytecode.def)
    lanes.h        each row over a block of points, for the lanes (core/program/lanes.h)
"""

from __future__ import annotations

import ast

from gen_blocks import Blocks
from gen_formulas import FUNCTIONS, OPS, c_function, formula

ROWS = {op.symbol: op.name.upper() for op in OPS if op.comparison}
MIRRORED = {">": "<", ">=": "<="}  # x > y is y < x


def comparison_row(node: ast.expr) -> tuple[str, ast.expr, ast.expr]:
    """A condition as a row of the op table with its two operands."""
    sign, sides = formula.COMPARE[type(node.ops[0])], (node.left, node.comparators[0])
    return (ROWS[MIRRORED[sign]], *sides[::-1]) if sign in MIRRORED else (ROWS[sign], *sides)


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

        VM is defined where there are vector functions: LC_exp is then that of one number, for the inside of loops.
        """
        inline = [name for name, f in FUNCTIONS.items() if f.vector == "inline"]
        out = ["#ifdef VM", *(f"#define LC_{name} VM({name})" for name in inline), "#else",
               *(f"#define LC_{name} {c_function(name)}" for name in inline), "#endif"]
        for op in self.ops:
            args = ", ".join(f"double {a}" for a in op.names)
            text = formula.c_text(formula.parse(op.formula), lambda f: f"LC_{f}" if f in inline else c_function(f))
            out.append(f"CGRAD_UNUSED static inline double L_({op.name})({args}) {{ return {text}; }}")
        general = {op.constant: op for op in self.ops if op.constant}
        for op in self.ops:
            given = [f"x{k}" for k in range(op.arity)]
            head = ", ".join(["double *d", *(f"const double *{x}" for x in given), "ptrdiff_t n"])
            out.append(f"static void ROW_({op.name})({head}) {{")
            block = Lanes(given).row(op, general.get(op.name, op))
            values = ", ".join(f"{x}[j]" for x in given)
            loop = ["    ptrdiff_t j;", f"    LANES_({', '.join(['d', *given])})",
                    f"        d[j] = L_({op.name})({values});"]
            out += ["#ifdef VM", *block, "#else", *loop, "#endif", "}"] if block else [*loop, "}"]
        out += [f"#undef LC_{name}" for name in inline]
        return "\n".join(out) + "\n"


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
