"""The op table as kernels over blocks of elements (see gen_ops.py, which calls this).

For every row: ``k_<op>``, its primal over one block, and ``b_<op>_<k>``, which adds g*partial to the adjoint of
operand k. A block is short enough to stay in the first cache, so functions for which NumPy has a vector
loop (exp, sin, ...) are called on whole blocks, into scratch lanes, and the rest is one loop that the compiler
vectorises. Lanes are typed memoryviews:

    g        the result's adjoint           x y z    the operands        out    the result
    acc      the operand's adjoint          s0 s1 .. scratch
"""

from __future__ import annotations

import ast

from gen_blocks import Blocks
from gen_formulas import FIRST, FUNCTIONS, c_function, formula

LANES = "xyz"
SCRATCH = 8  # lanes s0 ... s7


class Block(Blocks):
    """One expression as statements over a block."""

    def __init__(self, rows: dict) -> None:
        super().__init__()
        self.rows = rows
        self.by_c = {}
        for row in rows.values():
            node = formula.parse(row.formula)
            if isinstance(node, ast.Call) and [a.id for a in node.args if isinstance(a, ast.Name)] == list(row.names):
                self.by_c[node.func.id] = row

    def vector(self, row) -> bool:
        """Whether NumPy's loop is called for it, or what arrays have for single values of its last operand."""
        node = formula.parse(row.formula)
        return bool(row.shortcuts) or bool(row.ufunc) and isinstance(node, ast.Call) \
            and self.by_c.get(node.func.id) is row and not FUNCTIONS[node.func.id].cheap

    def expands(self, row) -> bool:
        """Whether its formula calls something that is."""
        return any(f in self.by_c and self.vector(self.by_c[f])
                   for f, _ in formula.calls(formula.parse(row.formula))) and not self.vector(row)

    def element(self, node: ast.expr, names: dict[str, str], in_c: bool) -> str:
        """The expression's text for element i; ``in_c``: its functions are C's, else rows."""
        def call(name: str, texts: list[str]) -> str:
            row = self.by_c.get(name) if in_c else self.rows[name]
            if row is not None and self.vector(row):
                return self.called(row.name, texts)
            if not in_c and self.expands(row):
                given = dict(zip(row.names, texts, strict=True))
                return self.element(formula.parse(row.formula), given, True)
            return f"{c_function(name) if in_c else f'f_{name}'}({', '.join(texts)})"

        return formula.spelled(node, names.__getitem__, call, formula.CYTHON_CHOICE)

    def call(self, name: str, blocks: list[str], result: str) -> None:
        pointers = [f"<char *>&{block}[0]" for block in blocks] + ["NULL"]*(2 - len(blocks))
        self.lines.append(f"    forward_block(OP_{name.upper()}, real is float, {', '.join(pointers)}, "
                          f"<char *>&{result}[0], size)")

    def assign(self, block: str, text: str) -> None:
        self.loop(f"{block}[i] = <real>{text}")

    def loop(self, statement: str) -> None:
        self.lines += ["    for i in range(size):", f"        {statement}"]


class Arrays:
    """The chapters of arrays, from the rows of the table."""

    def __init__(self, ops) -> None:
        self.ops = ops
        self.rows = {op.name: op for op in ops}

    def kernel(self, name: str, text: str, op, in_c: bool, statement: str) -> tuple[list[str], list[str]]:
        """The function's lines, and its lanes in order."""
        names = {a: f"{lane}[i]" for a, lane in zip(op.names, LANES, strict=False)}
        block = Block(self.rows)
        element = block.element(formula.parse(text), {**names, "out": "out[i]"}, in_c)
        block.loop(statement.format(element))
        if block.scratch > SCRATCH:
            raise ValueError(f"op table: {op.name}: {text} needs more than {SCRATCH} lanes of scratch")
        body = "\n".join(block.lines)
        lanes = [lane for lane in ("g", *LANES, "out", "acc", *(f"s{k}" for k in range(block.scratch)))
                 if f"{lane}[" in body]
        params = ", ".join(f"real[::1] {lane}" for lane in lanes)
        head = [f"cdef void {name}({params}, Py_ssize_t size) noexcept:", "    cdef Py_ssize_t i"]
        return [*head, *block.lines, ""], lanes

    def text(self) -> str:
        out: list[str] = []
        forward, back = {}, {}
        for op in self.ops:
            lines, forward[op.name] = self.kernel(f"k_{op.name}", op.formula, op, True, "out[i] = <real>{}")
            out += lines
        for op in self.ops:
            for k, text in enumerate(op.d):
                if text not in (None, "0"):
                    lines, back[op.name, k] = self.kernel(f"b_{op.name}_{k}", text, op, False,
                                                          "acc[i] += <real>(g[i]*{})")
                    out += lines
        for real, suffix in (("double", ""), ("float", "_f")):
            views = lambda lanes: ", ".join(f"v.{lane}{suffix}" for lane in lanes)  # noqa: B023, E731
            out.append(f"cdef cloned_void forward_operands{suffix}(Operands v, int op, Py_ssize_t n) noexcept:")
            for i, op in enumerate(self.ops):
                out.append(f"    {'el' if i else ''}if op == OP_{op.name.upper()}:")
                out.append(f"        k_{op.name}[{real}]({views(forward[op.name])}, n)")
            out.append(f"\ncdef cloned_void back_operands{suffix}(Operands v, int op, int k, Py_ssize_t n) noexcept:")
            first = True
            for op in self.ops:
                live = [k for k in range(op.arity) if (op.name, k) in back]
                if live:
                    out.append(f"    {'' if first else 'el'}if op == OP_{op.name.upper()}:")
                    first = False
                for k in live:
                    out.append(f"        if k == {k}: b_{op.name}_{k}[{real}]({views(back[op.name, k])}, n)")
            out.append("")
        out += [self.tables(forward, back), self.block_loops()]
        return "\n".join(out) + "\n"

    def tables(self, forward, back) -> str:
        """What the walker asks of a row: which operands a kernel reads."""
        bit = {lane: 1 << k for k, lane in enumerate(("x", "y", "z", "out"))}
        reads = [[0]*3 for _ in FIRST]
        for op in self.ops:
            reads.append([sum(bit.get(lane, 0) for lane in back.get((op.name, k), ())) for k in range(3)])
        return (f"cdef uint8_t[OP_COUNT][3] OPERANDS_READ = {reads}\n"
                f"ROW_UFUNCS = {tuple((op.name, op.ufuncs) for op in self.ops if op.ufunc)!r}\n")

    def block_loops(self) -> str:
        """Functions of core/mathlib/trig.h that take the place of NumPy's loops."""
        by_c = Block(self.rows).by_c
        own = [(by_c[f.name], f.array) for f in FUNCTIONS.values() if f.array]
        lines = ['cdef extern from "core/mathlib/trig.h" nogil:']
        lines += [f"    void {name}(const double *, double *, Py_ssize_t) noexcept" for _, name in own]
        lines += ["", f"cdef BlockLoop[{len(own)}] BLOCK_LOOPS"]
        lines += [f"BLOCK_LOOPS[{k}].op, BLOCK_LOOPS[{k}].run = OP_{row.name.upper()}, {name}"
                  for k, (row, name) in enumerate(own)]
        return "\n".join([*lines, ""])

    # ---- the rules over Tensors, for derivatives that are recorded ------------------------------------
    def rules(self) -> str:
        """ARRAY_RULES[op][k](x, ..., out): the partial as operations on Tensors and Values."""
        out = []
        for op in self.ops:
            if op.hidden:
                out.append(f"def hidden_{op.name}({', '.join(op.names)}):")
                out.append(f"    return elementwise(OP_{op.name.upper()}, {', '.join(op.names)}"
                           f"{', None'*(3 - op.arity)})\n")
        out.append("ARRAY_RULES = {")
        for op in self.ops:
            args = [*op.names, "out"]
            rules = []
            for text in op.d:
                if text in (None, "0"):
                    rules.append("None")
                    continue
                tree = Chosen(args, self.rows).visit(formula.parse(text))
                rules.append(f"lambda {', '.join(args)}: {ast.unparse(ast.fix_missing_locations(tree))}")
            out.append(f"    OP_{op.name.upper()}: ({', '.join(rules)},),")
        out.append("}")
        return "\n".join(out) + "\n"


class Chosen(ast.NodeTransformer):
    """``where(c, p, q)`` as a choice that evaluates each side on its own elements; hidden rows by their names."""

    def __init__(self, args: list[str], rows: dict) -> None:
        self.args, self.rows = args, rows

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if node.func.id == "where":
            head = f"lambda {', '.join(self.args)}: "
            sides = ", ".join(head + ast.unparse(ast.fix_missing_locations(n)) for n in node.args)
            return ast.parse(f"choose(({', '.join(self.args)}), {sides})", mode="eval").body
        if self.rows[node.func.id].hidden:
            node.func = ast.Name(f"hidden_{node.func.id}", ast.Load())
        return node
