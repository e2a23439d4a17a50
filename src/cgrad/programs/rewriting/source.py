"""The syntax tree of a function, found by its code object in the source that it was compiled from."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import linecache
import types

LAMBDA = "<lambda>"


class Unreadable(Exception):
    """There is no source, or it is not that of the function."""


def definition(code: types.CodeType) -> ast.FunctionDef | ast.Lambda:
    """The tree of the function that a code object belongs to, with the lines that it has in its file.

    Raises Unreadable if there is no source (REPL, exec), or if it has changed since.
    """
    lines = linecache.getlines(code.co_filename)
    if not lines:
        linecache.checkcache(code.co_filename)
        lines = linecache.getlines(code.co_filename)
    if len(lines) < code.co_firstlineno:
        raise Unreadable("its source cannot be read")
    found = lambda_of(code, lines) if code.co_name == LAMBDA else function_of(code, lines)
    arguments = [a.arg for a in (*found.args.posonlyargs, *found.args.args, *found.args.kwonlyargs)]
    if list(code.co_varnames[:len(arguments)]) != arguments:
        raise Unreadable("its source is another one by now")
    return found


def function_of(code: types.CodeType, lines: list[str]) -> ast.FunctionDef:
    """The ``def`` that begins at the code's first line, decorators included."""
    first = code.co_firstlineno - 1
    try:
        tree = parsed(lines[first:last_line(code)])
    except SyntaxError:  # it ends by statements that have no code
        try:
            tree = parsed(inspect.getblock(lines[first:]))
        except (SyntaxError, ValueError, IndexError) as error:
            raise Unreadable(f"its source cannot be parsed ({error})") from None
    node = tree.body[0] if tree.body else None
    indented = isinstance(node, ast.If)
    if isinstance(node, ast.If):
        node = node.body[0]
    if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
        raise Unreadable("its source is another one by now")
    ast.increment_lineno(node, first - indented)
    return node


def parsed(block: list[str]) -> ast.Module:
    """The tree of lines that may be indented: then they are the body of an ``if``, a line further down."""
    return ast.parse("".join(["if 1:\n", *block] if block and block[0][:1] in " \t" else block))


def last_line(code: types.CodeType) -> int:
    """The last line that an instruction of a code, or of one within it, comes from."""
    ends = [place[1] for place in code.co_positions() if place[1] is not None]
    ends += [last_line(x) for x in code.co_consts if isinstance(x, types.CodeType)]
    return max(ends, default=code.co_firstlineno)


def lambda_of(code: types.CodeType, lines: list[str]) -> ast.Lambda:
    """The lambda whose body lies where the code's instructions do."""
    places = [place for place in code.co_positions() if None not in place and place[2] != place[3]]
    found = [node for node in lambdas("".join(lines)) if node.lineno <= code.co_firstlineno <= (node.end_lineno or 0)
             and all(within(place, node.body) for place in places)]
    if len(found) > 1:  # one in the other
        found = sorted(found, key=lambda node: (node.body.lineno, node.body.col_offset))[-1:]
    if len(found) != 1:
        raise Unreadable("its source cannot be told from that of other lambdas")
    return copy.deepcopy(found[0])  # it is going to be rewritten


@functools.lru_cache(maxsize=32)
def lambdas(text: str) -> tuple[ast.Lambda, ...]:
    """All lambdas of a source."""
    try:
        return tuple([node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda)])
    except (SyntaxError, ValueError) as error:
        raise Unreadable(f"its source cannot be parsed ({error})") from None


def within(place: tuple[int | None, ...], node: ast.expr) -> bool:
    """True if an instruction at this place may be one of an expression."""
    a, b, c, d = place
    return (node.lineno, node.col_offset) <= (a or 0, c or 0) \
        and (b or 0, d or 0) <= (node.end_lineno or 0, node.end_col_offset or 0)
