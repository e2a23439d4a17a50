"""Opcodes, and what Cython code asks of an op by its opcode.

    opcodes.pxi    opcodes, names, symbols, traits      opcodes.h    the opcodes as C knows them
"""

from __future__ import annotations

from .table import FIRST, FUNCTIONS, GENERAL, OPS, code, formula

CODES = {name: number for number, name in enumerate([*FIRST, *(op.name.upper() for op in OPS)])}


def header() -> str:
    """opcodes.h."""
    lines = [f"    OP_{name} = {number}," for name, number in CODES.items()]
    return "\n".join(["#ifndef CGRAD_OPCODES_H", "#define CGRAD_OPCODES_H", "enum {", *lines,
                      f"    OP_COUNT = {len(lines)}", "};", "#endif"]) + "\n"


def declarations() -> str:
    """opcodes.pxi."""
    lines = ["cdef enum:", *(f"    OP_{name} = {number}" for name, number in CODES.items())]
    lines += [f"    OP_COUNT = {len(CODES)}", f"    OP_FIRST = {len(FIRST)}  # of the table"]
    spoken = ["leaf", "continuation", *(name.lower() for name in FIRST[2:]), *(op.name for op in OPS)]
    symbols = ["", "", *(name.lower() for name in FIRST[2:]), *(op.symbol or op.name for op in OPS)]
    return "\n".join([*lines, *traits(), f"OP_NAMES = {tuple(spoken)!r}", f"OP_SYMBOLS = {tuple(symbols)!r}",
                      *shortcuts()]) + "\n"


def traits() -> list[str]:
    """Columns of the op table, by opcode."""
    number = {op.name: CODES[op.name.upper()] for op in OPS}
    mates = {op.name: op.pair for op in OPS if op.pair}
    mates |= {second: first for first, second in mates.items()}
    columns = {
        "OP_CONSTANT": ("the row to use where the last operand is a number", lambda op: number.get(op.constant, 0)),
        "OP_ARITY": ("operands", lambda op: op.arity),
        "OP_PLAIN": ("bit k: operand k is never a Value",
                     lambda op: sum(1 << k for k, text in enumerate(op.d) if text is None)),
        "OP_CONDITION": ("bit k: operand k is a condition",
                         lambda op: sum(1 << k for k, a in enumerate(op.names) if a == op.condition)),
        "OP_CHOICE": ("1: an operand whose partial is 0 was not chosen", lambda op: int(op.choice)),
        "OP_CHOOSES_LATER": ("1: a partial has a choice, so that derivatives of derivatives have",
                    lambda op: int(any("where(" in (text or "") for text in op.d))),
        "OP_MATE": ("the row that one call computes together with it; the first of the two has the lower opcode",
                    lambda op: number.get(mates.get(op.name, ""), 0)),
    }
    columns["OP_COST"] = ("what it costs, about, in additions", cost)
    structure = {"OP_ARITY": [0, 2, *[0]*(len(FIRST) - 2)]}
    lines = []
    for name, (what, column) in columns.items():
        values = [*structure.get(name, [0]*len(FIRST)), *map(column, OPS)]
        lines += [f"# {what}", f"cdef int[OP_COUNT] {name} = {values}"]
    flows = [[1 if name == "DOT" else 0]*3 for name in FIRST]
    flows += [[0 if text in (None, "0") else 2 if text == "1" else 1 for text in [*op.d, None, None][:3]] for op in OPS]
    return [*lines, "# by operand: 0: no partial, 1: a formula, 2: the partial is 1",
            f"cdef uint8_t[OP_COUNT][3] FLOWS = {flows}"]


def cost(op) -> int:
    """What an op costs, about, in additions: a function of the library is ten of them."""
    called = [name for name, _ in formula.calls(formula.parse(op.formula)) if name != "where"]
    return 1 + sum(10 for name in called if not FUNCTIONS[name].cheap)


def shortcuts() -> list[str]:
    """How arrays compute a row whose last operand is a plain number: by which row, and whose partials."""
    rows = {op.name: [s for s in op.shortcuts if s.row] for op in OPS if op.shortcuts}
    choice = lambda s: f"OP_{s.row.upper()} if c == {s.value:g}"  # noqa: E731
    forward, partials = [], []
    for name, found in rows.items():
        head = f"    if op == OP_{name.upper()}:"
        forward += [head, f"        return {' else '.join([*map(choice, found), code(GENERAL[name])])}"]
        partials += [head, f"        return {' else '.join([*(choice(s) for s in found if s.partials), 'op'])}"]
    return ["cdef enum:", "    OP_COPY = OP_COUNT + 1  # no row: the result is the operand", "",
            "cdef inline bint has_shortcuts(int op) noexcept nogil:",
            '    """Whether arrays compute an op by other rows; its last operand is a plain number."""',
            f"    return {' or '.join(f'op == OP_{name.upper()}' for name in rows) or False}", "",
            "cdef inline int shortcut(int op, double c) noexcept nogil:",
            '    """The row by which arrays compute an op whose last operand is c, of the others or of all."""',
            *forward, "    return op", "",
            "cdef inline int shortcut_of_partials(int op, double c) noexcept nogil:",
            '    """The row whose partials are those of an op whose last operand is c."""',
            *partials, "    return op"]
