"""The expression language of the op table: parsed, and spelled in C.

Imports nothing of the package; ``tools/`` loads it by its path, before the package is built.

An expression is made of arguments, numbers, ``+ - * /``, negation, calls, and ``where(condition, p, q)``, whose
condition is one comparison. It is a Python expression, so its tree is that of Python's own parser.
"""

from __future__ import annotations

import ast
import os
import threading
from collections.abc import Callable, Hashable, Iterator

BINARY: dict[type[ast.operator], tuple[str, str]] = {  # sign, and the row of the op table
    ast.Add: ("+", "add"), ast.Sub: ("-", "sub"), ast.Mult: ("*", "mul"), ast.Div: ("/", "div"),
}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}
C_CHOICE, CYTHON_CHOICE = "({condition} ? {yes} : {no})", "({yes} if {condition} else {no})"


_parsing = threading.Lock()


def parse(text: str) -> ast.expr:
    """The tree of an expression.

    >>> ast.unparse(parse("where(x<0, -x, x)"))
    'where(x < 0, -x, x)'
    """
    with _parsing:  # CPython counts the depth of its recursion once for all threads that build trees
        return ast.parse(text, mode="eval").body


def _after_fork_in_child() -> None:
    global _parsing
    _parsing = threading.Lock()  # a thread that is not there may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def calls(node: ast.expr) -> Iterator[tuple[str, list[ast.expr]]]:
    """All calls in an expression: the function's name and its arguments.

    >>> [(name, len(args)) for name, args in calls(parse("exp(-fabs(x)) + fma(x, y, 1)"))]
    [('exp', 1), ('fma', 3), ('fabs', 1)]
    """
    for n in ast.walk(node):
        if isinstance(n, ast.Call):
            yield called(n), n.args


def is_operation(node: ast.expr) -> bool:
    """Whether an expression is one operation on different arguments: as short as a call of a function.

    >>> [is_operation(parse(text)) for text in ("-x", "x/y", "x*x", "exp(x)")]
    [True, True, False, False]
    """
    operands = [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right] \
        if isinstance(node, ast.BinOp) else []
    names = [n.id for n in operands if isinstance(n, ast.Name)]
    return bool(operands) and len(set(names)) == len(operands)


class Subterms(dict[Hashable, str]):
    """Names of computed subterms, by what they are made of: equal subterms are computed once.

    >>> names, computed = Subterms(), []
    >>> [names.once("x*x", lambda: computed.append("x*x") or "r0") for _ in range(2)], computed
    (['r0', 'r0'], ['x*x'])
    """

    def once(self, key: Hashable, compute: Callable[[], str]) -> str:
        """The name of a subterm; ``compute`` computes it if there is none, and returns the name."""
        if key not in self:
            self[key] = compute()
        return self[key]


def called(node: ast.Call) -> str:
    """The name of the function of a call."""
    if not isinstance(node.func, ast.Name):
        raise SyntaxError(f"a function is called by its name: {ast.unparse(node)}")
    return node.func.id


def number(node: ast.expr) -> str:
    """A number, with a sign or without, as a double's literal, in C and in Python.

    >>> number(ast.Constant(2)), number(ast.Constant(1e-300))
    ('2.0', '1e-300')
    """
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"-{number(node.operand)}"
    if not (isinstance(node, ast.Constant) and isinstance(node.value, int | float)):
        raise SyntaxError(f"no number: {ast.unparse(node)}")
    return repr(float(node.value))


def comparison(node: ast.expr, side: Callable[[ast.expr], str]) -> str:
    """A condition; ``side`` spells what is compared.

    >>> comparison(parse("x <= 0"), ast.unparse)
    'x <= 0'
    """
    if not (isinstance(node, ast.Compare) and len(node.ops) == 1):
        raise SyntaxError(f"a condition is one comparison: {ast.unparse(node)}")
    return f"{side(node.left)} {COMPARE[type(node.ops[0])]} {side(node.comparators[0])}"


def spelled(node: ast.expr, name: Callable[[str], str], call: Callable[[str, list[str]], str], choice: str) -> str:
    """An expression as text: ``name`` spells an argument, ``call`` a call of a function, ``choice`` is ``where``.

    >>> spelled(parse("where(x > 0, f(x), 1)"), str.upper, lambda f, args: f"{f}[{args[0]}]", CYTHON_CHOICE)
    '(f[X] if X > 0.0 else 1.0)'
    """
    def again(n: ast.expr) -> str:
        return spelled(n, name, call, choice)

    if isinstance(node, ast.Constant):
        return number(node)
    if isinstance(node, ast.Name):
        return name(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"(-{again(node.operand)})"
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        return f"({again(node.left)} {BINARY[type(node.op)][0]} {again(node.right)})"
    if isinstance(node, ast.Compare):
        return comparison(node, again)
    if isinstance(node, ast.Call) and called(node) == "where":
        condition, yes, no = map(again, node.args)
        return choice.format(condition=condition, yes=yes, no=no)
    if isinstance(node, ast.Call):
        return call(called(node), [again(n) for n in node.args])
    raise SyntaxError(f"not in the language of a row: {ast.unparse(node)}")


def c_text(node: ast.expr, name: Callable[[str], str] = str) -> str:
    """An expression in C99; ``name`` spells a function's name.

    >>> c_text(parse("where(x >= 0, 1, exp(x))/2"), "c_{}".format)
    '((x >= 0.0 ? 1.0 : c_exp(x)) / 2.0)'
    """
    return spelled(node, str, lambda f, args: f"{name(f)}({', '.join(args)})", C_CHOICE)
