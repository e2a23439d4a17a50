"""The op table as C99.

    functions.h    core/mathlib/special.h, and C's own functions under its names: c_exp
    formulas.h     primal_<op>(x, ..); partial_<op>_<k>(x, .., out); predicate_<name>(x): all inlined
                   evaluate(op, x, d): the primal and all partials, by opcode
    formulas.pxi   Cython's declarations of these and of the C functions that formulas call
    addresses.pxi  where the C functions are, for machine code
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NamedTuple

from .table import FUNCTIONS, OPS, PREDICATES, c_function, code, formula

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


class Function(NamedTuple):
    """A function in C."""

    kind: str
    name: str
    args: tuple[str, ...]
    body: str


def function(name: str, args: tuple[str, ...], text: str, call: Callable[[str], str], kind: str = "double") -> Function:
    """A function that returns what an expression says; ``call`` spells the functions that it calls."""
    node = formula.parse(text)
    read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    unread = "".join(f"(void){a}; " for a in args if a not in read)
    return Function(kind, name, args, f"{unread}return {formula.c_text(node, call)};")


def functions() -> list[Function]:
    """Primals, partials (which call primals of rows), predicates."""
    return [*(function(f"primal_{op.name}", op.names, op.formula, c_function) for op in OPS),
            *(function(f"partial_{op.name}_{k}", (*op.names, "out"), text, "primal_{}".format)
              for op in OPS for k, text in enumerate(op.d) if text is not None),
            *(function(f"predicate_{p.name}", ("x",), p.formula, c_function, "int") for p in PREDICATES)]


def library() -> str:
    """functions.h."""
    return "\n".join(["#ifndef CGRAD_FUNCTIONS_H", "#define CGRAD_FUNCTIONS_H", '#include "core/mathlib/special.h"',
                      *(f"#define {c_function(f.name)} {f.name}" for f in FUNCTIONS.values() if f.library),
                      "#endif"]) + "\n"


def header() -> str:
    """formulas.h."""
    out = ["#ifndef CGRAD_FORMULAS_H", "#define CGRAD_FORMULAS_H", '#include "functions.h"', '#include "opcodes.h"', ""]
    for kind, name, args, body in functions():
        params = ", ".join(f"double {a}" for a in args)
        out.append(f"CGRAD_UNUSED static inline {kind} {name}({params}) {{ {body} }}")
    out += ["", "/* The primal of any op at x[0], x[1], x[2]; its partials into d. */"]
    out += ["CGRAD_UNUSED static double evaluate(int op, const double *x, double *d) {", "    double out = 0;"]
    out.append("    switch (op) {")
    for op in OPS:
        args = ", ".join(f"x[{k}]" for k in range(op.arity))
        out += [f"    case {code(op)}:", f"        out = primal_{op.name}({args});"]
        for k, text in enumerate(op.d):
            out.append(f"        d[{k}] = " + ("0;" if text is None else f"partial_{op.name}_{k}({args}, out);"))
        out.append("        break;")
    return "\n".join([*out, "    }", "    return out;", "}", "#endif"]) + "\n"


def declarations() -> str:
    """formulas.pxi."""
    out = ['cdef extern from "_gen/functions.h" nogil:']
    out += [f"    double {c_function(f.name)}({', '.join(['double']*f.arity)})" for f in FUNCTIONS.values()]
    out += ["", 'cdef extern from "_gen/formulas.h" nogil:']
    for kind, name, args, _ in functions():
        out.append(f"    {'bint' if kind == 'int' else kind} {name}({', '.join(f'double {a}' for a in args)})")
    return "\n".join([*out, "    double evaluate(int op, const double *x, double *d)", ""])


def addresses() -> str:
    """addresses.pxi."""
    out = ["# Where the C functions of formulas are, for machine code.", "FUNCTION_ADDRESSES = {"]
    out += [f"    {f!r}: <uintptr_t>&{c_function(f)}," for f in FUNCTIONS]
    return "\n".join([*out, "}"]) + "\n" + SINCOS
