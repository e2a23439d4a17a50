"""The op table as kernels over blocks of array elements.

    kernels.pxi    forward_kernel_<op>: the primal over one block
                   back_kernel_<op>_<k>: g*partial over one block, added to the adjoint of operand k
                   forward_operands, back_operands: the same by opcode
                   NumPy's ufuncs of the rows, and the functions that run instead of their loops

A block is short enough to stay in the first cache, so functions for which NumPy has a vector loop (exp, sin, ...) are
called on whole blocks, into scratch, and the rest is one loop that the compiler vectorises. Operands are typed
memoryviews:

    g        the result's adjoint           x y z    the operands        out    the result
    acc      the operand's adjoint          s0 s1 .. scratch
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from .blocks import Blocks
from .table import FIRST, FUNCTIONS, OPS, ROWS, c_function, code, formula, with_partials

OPERANDS = "xyz"
SCRATCH = 8  # s0 ... s7
REAL = (("double", ""), ("float", "_f"))


def alone(row) -> str:
    """The C function that a row is, called on the row's arguments; "": its formula is more."""
    node = formula.parse(row.formula)
    if isinstance(node, ast.Call) and [a.id for a in node.args if isinstance(a, ast.Name)] == list(row.names):
        return formula.called(node)
    return ""


BY_FUNCTION = {name: row for row in OPS if (name := alone(row))}  # the row that is a C function


def vector(row) -> bool:
    """Whether NumPy's loop is called for it, or what arrays have for single values of its last operand."""
    name = alone(row)
    return bool(row.shortcuts) or bool(row.ufunc and name in FUNCTIONS and BY_FUNCTION[name] is row
                                       and not FUNCTIONS[name].cheap)


def expands(row) -> bool:
    """Whether its formula calls something that is."""
    called = [BY_FUNCTION[name] for name, _ in formula.calls(formula.parse(row.formula)) if name in BY_FUNCTION]
    return any(map(vector, called)) and not vector(row)


class Block(Blocks):
    """One expression as statements over a block."""

    def element(self, node: ast.expr, names: dict[str, str], in_c: bool) -> str:
        """The expression's text for element i; ``in_c``: its functions are C's, else rows."""
        def call(name: str, texts: list[str]) -> str:
            row = BY_FUNCTION.get(name) if in_c else ROWS[name]
            if row is not None and vector(row):
                return self.called(row.name, texts)
            if not in_c and expands(row):
                given = dict(zip(row.names, texts, strict=True))
                return self.element(formula.parse(row.formula), given, True)
            return f"{c_function(name) if in_c else f'primal_{name}'}({', '.join(texts)})"

        return formula.spelled(node, names.__getitem__, call, formula.CYTHON_CHOICE)

    def call(self, name: str, blocks: list[str], result: str) -> None:
        pointers = [f"<char *>&{block}[0]" for block in blocks] + ["NULL"]*(2 - len(blocks))
        self.lines.append(f"    forward_block({code(ROWS[name])}, real is float, {', '.join(pointers)}, "
                          f"<char *>&{result}[0], size)")

    def assign(self, block: str, text: str) -> None:
        self.loop(f"{block}[i] = <real>{text}")

    def loop(self, statement: str) -> None:
        self.lines += ["    for i in range(size):", f"        {statement}"]


class Kernel(NamedTuple):
    """A kernel: its name, the operands that it takes, its lines."""

    name: str
    operands: list[str]
    lines: list[str]

    def call(self, real: str, suffix: str) -> str:
        views = ", ".join(f"v.{operand}{suffix}" for operand in self.operands)
        return f"{self.name}[{real}]({views}, n)"


def kernel(name: str, text: str, op, in_c: bool, statement: str) -> Kernel:
    names = {a: f"{operand}[i]" for a, operand in zip(op.names, OPERANDS, strict=False)}
    block = Block()
    element = block.element(formula.parse(text), {**names, "out": "out[i]"}, in_c)
    block.loop(statement.format(element))
    if block.scratch > SCRATCH:
        raise ValueError(f"op table: {op.name}: {text} needs more than {SCRATCH} blocks of scratch")
    body = "\n".join(block.lines)
    operands = [operand for operand in ("g", *OPERANDS, "out", "acc", *(f"s{k}" for k in range(block.scratch)))
                if f"{operand}[" in body]
    params = ", ".join(f"real[::1] {operand}" for operand in operands)
    head = [f"cdef void {name}({params}, Py_ssize_t size) noexcept:", "    cdef Py_ssize_t i"]
    return Kernel(name, operands, [*head, *block.lines, ""])


def kernels() -> str:
    """kernels.pxi."""
    forward = {op.name: kernel(f"forward_kernel_{op.name}", op.formula, op, True, "out[i] = <real>{}") for op in OPS}
    back = {(op.name, k): kernel(f"back_kernel_{op.name}_{k}", op.d[k], op, False, "acc[i] += <real>(g[i]*{})")
            for op, places in with_partials() for k in places}
    out = [line for one in (*forward.values(), *back.values()) for line in one.lines]
    for real, suffix in REAL:
        out.append(f"cdef cloned_void forward_operands{suffix}(Operands v, int op, Py_ssize_t n) noexcept:")
        for i, op in enumerate(OPS):
            out += [f"    {'el' if i else ''}if op == {code(op)}:", f"        {forward[op.name].call(real, suffix)}"]
        out.append(f"\ncdef cloned_void back_operands{suffix}(Operands v, int op, int k, Py_ssize_t n) noexcept:")
        for i, (op, places) in enumerate(with_partials()):
            out.append(f"    {'el' if i else ''}if op == {code(op)}:")
            out += [f"        if k == {k}: {back[op.name, k].call(real, suffix)}" for k in places]
        out.append("")
    return "\n".join([*out, *tables(back), *block_loops()]) + "\n"


def tables(back: dict[tuple[str, int], Kernel]) -> list[str]:
    """What the walker asks of a row: which operands a kernel reads; NumPy's names for it."""
    bit = {operand: 1 << k for k, operand in enumerate((*OPERANDS, "out"))}
    reads = [[0]*3 for _ in FIRST]
    reads += [[sum(bit.get(operand, 0) for operand in back[op.name, k].operands) if (op.name, k) in back else 0
               for k in range(3)] for op in OPS]
    return [f"cdef uint8_t[OP_COUNT][3] OPERANDS_READ = {reads}",
            f"ROW_UFUNCS = {tuple((op.name, op.ufuncs) for op in OPS if op.ufunc)!r}", ""]


def block_loops() -> list[str]:
    """Functions of core/mathlib/trig.h that take the place of NumPy's loops."""
    own = [(BY_FUNCTION[f.name], f.array) for f in FUNCTIONS.values() if f.array]
    return ['cdef extern from "core/mathlib/trig.h" nogil:',
            *(f"    void {name}(const double *, double *, Py_ssize_t) noexcept" for _, name in own), "",
            f"cdef BlockLoop[{len(own)}] BLOCK_LOOPS",
            *(f"BLOCK_LOOPS[{k}].op, BLOCK_LOOPS[{k}].run = {code(row)}, {name}" for k, (row, name) in enumerate(own))]
