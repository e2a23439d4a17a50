"""The op table as C99 (see gen_ops.py, which calls this).

    opcodes.h      the opcodes as C knows them
    functions.h    core/mathlib/special.h, and C's own functions under its names: c_exp
    formulas.h     f_<op>(x, y): the primal      d_<op>_<k>(x, y, out): partials      p_<predicate>(x)
                   evaluate(op, x, d): the primal and all partials, by opcode
    formulas.pxi   Cython's declarations of these and of the C functions that formulas name
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Opcodes of structure; the table's follow.
FIRST = ["LEAF", "CONT", "DOT", "ITEM", "GATHER", "PRIMITIVE", "FUNCTION", "OUTPUT", "INPUT", "CONST"]


def load(name: str, root: Path = ROOT):
    """A module of the package that imports nothing of it, by its path: there is no package yet."""
    spec = importlib.util.spec_from_file_location(name, root / "src" / "cgrad" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


formula, table = load("_formula"), load("_optable")
OPS, FUNCTIONS = table.OPS, {f.name: f for f in table.FUNCTIONS}
# One call for both, with their bits (tests/programs/test_native.py looks).
SINCOS = '''
cdef extern from *:
    """
    #if defined(__GLIBC__)
    extern void sincos(double, double *, double *);
    #define CGRAD_SINCOS ((uintptr_t)&sincos)
    #else
    #define CGRAD_SINCOS ((uintptr_t)0)
    #endif
    """
    uintptr_t CGRAD_SINCOS

if CGRAD_SINCOS:
    FUNCTION_ADDRESSES["sincos"] = CGRAD_SINCOS
'''


def c_function(name: str) -> str:
    """How generated code spells a function that formulas name: C's exp and Python's cgrad.exp do not meet."""
    return f"c_{name}"


def opcodes(ops) -> dict[str, int]:
    """Every opcode, for C and for Cython."""
    return {name: code for code, name in enumerate([*FIRST, *(op.name.upper() for op in ops)])}


class Formulas:
    """The functions of the rows and predicates, as texts of C and as declarations."""

    def __init__(self, ops, predicates) -> None:
        self.ops = ops
        self.functions: list[tuple[str, str, list[str], str]] = []  # type, name, arguments, body
        for op in ops:
            self.function(f"f_{op.name}", op.names, op.formula, c_function)
        for op in ops:
            for k, text in enumerate(op.d):
                if text is not None:
                    self.function(f"d_{op.name}_{k}", (*op.names, "out"), text, "f_{}".format)
        for p in predicates:
            self.function(f"p_{p.name}", ("x",), p.formula, c_function, "int")

    def function(self, name: str, names, text: str, call, kind: str = "double") -> None:
        node = formula.parse(text)
        read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        unread = "".join(f"(void){a}; " for a in names if a not in read)
        self.functions.append((kind, name, list(names), f"{unread}return {formula.c_text(node, call)};"))

    def opcodes(self) -> str:
        lines = [f"    OP_{name} = {code}," for name, code in opcodes(self.ops).items()]
        return "\n".join(["#ifndef CGRAD_OPCODES_H", "#define CGRAD_OPCODES_H", "enum {", *lines,
                          f"    OP_COUNT = {len(lines)}", "};", "#endif"]) + "\n"

    def library(self) -> str:
        return "\n".join(["#ifndef CGRAD_FUNCTIONS_H", "#define CGRAD_FUNCTIONS_H", '#include "core/mathlib/special.h"',
                          *(f"#define {c_function(f.name)} {f.name}" for f in FUNCTIONS.values() if f.library),
                          "#endif"]) + "\n"

    def header(self) -> str:
        out = ["#ifndef CGRAD_FORMULAS_H", "#define CGRAD_FORMULAS_H", '#include "functions.h"',
               '#include "opcodes.h"', ""]
        for kind, name, args, body in self.functions:
            params = ", ".join(f"double {a}" for a in args)
            out.append(f"CGRAD_UNUSED static inline {kind} {name}({params}) {{ {body} }}")
        out += ["", "/* The primal of any op at x[0], x[1], x[2]; its partials into d. */"]
        out += ["CGRAD_UNUSED static double evaluate(int op, const double *x, double *d) {", "    double out = 0;"]
        out.append("    switch (op) {")
        for op in self.ops:
            args = ", ".join(f"x[{k}]" for k in range(op.arity))
            out += [f"    case OP_{op.name.upper()}:", f"        out = f_{op.name}({args});"]
            for k, text in enumerate(op.d):
                out.append(f"        d[{k}] = " + ("0;" if text is None else f"d_{op.name}_{k}({args}, out);"))
            out.append("        break;")
        return "\n".join([*out, "    }", "    return out;", "}", "#endif"]) + "\n"

    def declarations(self) -> str:
        out = ['cdef extern from "_gen/functions.h" nogil:']
        out += [f"    double {c_function(f.name)}({', '.join(['double']*f.arity)})" for f in FUNCTIONS.values()]
        out += ["", 'cdef extern from "_gen/formulas.h" nogil:']
        for kind, name, args, _ in self.functions:
            out.append(f"    {'bint' if kind == 'int' else kind} {name}({', '.join(f'double {a}' for a in args)})")
        out.append("    double evaluate(int op, const double *x, double *d)")
        return "\n".join(out) + "\n"

    def addresses(self) -> str:
        out = ["# Where the C functions of formulas are, for machine code.", "FUNCTION_ADDRESSES = {"]
        out += [f"    {f!r}: <uintptr_t>&{c_function(f)}," for f in FUNCTIONS]
        return "\n".join([*out, "}"]) + "\n" + SINCOS
