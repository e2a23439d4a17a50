"""The function that a rewritten tree becomes: other code, with the same globals, closure and defaults."""

from __future__ import annotations

import ast
import dis
import types
from collections import OrderedDict
from typing import Any, NamedTuple

from ..._core import (
    UNASSIGNED,
    both_of,
    branch,
    calibrate,
    calibrate_packed,
    called,
    choice,
    counted,
    divided,
    effect_here,
    either_of,
    frame,
    looked_up,
    negation,
    own_name,
    packed_references,
    references_in,
    references_of,
    references_to,
    within,
)
from .source import LAMBDA, Unreadable, definition
from .strict import strictly
from .transform import HOOKS, PREFIX, Transform

GENERATORS = 0x20 | 0x80 | 0x100 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR
FUTURE = 0x1ff0000  # of co_flags: ``from __future__ import ...``
MOST = 4096  # codes that are remembered
FACTORY = PREFIX + "factory"
COMPUTING = ("LOAD_", "STORE_", "BINARY_", "COMPARE_", "UNARY_", "DELETE_", "CONTAINS_", "IS_OP")


def _cells() -> dict[str, types.CellType]:
    hooks: list[Any] = [branch, choice, both_of, either_of, negation, called, effect_here, own_name, counted, frame,
                        UNASSIGNED, looked_up, within, divided, strictly]
    return {PREFIX + name: types.CellType(hook) for name, hook in zip(HOOKS, hooks, strict=True)}


CELLS = _cells()


class Rewritten(NamedTuple):
    """What became of a code object."""

    original: types.CodeType  # held, so that its id stays its own
    code: types.CodeType | None  # None: there is no other
    reason: str  # why not


_known: OrderedDict[tuple[int, bool], Rewritten] = OrderedDict()


def rewritten(function: types.FunctionType, merge: bool) -> tuple[types.FunctionType, str]:
    """(the function to run while a program is recorded, why it is the function itself or "").

    merge: its branches may merge; else its calls alone are replaced.
    """
    code = function.__code__
    if any(name.startswith(PREFIX) for name in code.co_freevars):  # made by a function that was rewritten itself
        return function, ""
    found = rewritten_code(code, merge)
    if found.code is None:
        return function, found.reason
    own = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    try:
        closure = tuple([own[name] if name in own else CELLS[name] for name in found.code.co_freevars])
    except KeyError:
        return function, "it reads a name that its source does not have"
    made = types.FunctionType(found.code, function.__globals__, function.__name__, function.__defaults__, closure)
    made.__kwdefaults__, made.__qualname__ = function.__kwdefaults__, function.__qualname__
    made.__module__, made.__dict__ = function.__module__, function.__dict__
    return made, ""


def rewritten_code(code: types.CodeType, merge: bool) -> Rewritten:
    """What a code object becomes; remembered."""
    key = (id(code), merge)
    found = _known.get(key)
    if found is None:
        try:
            if code.co_flags & GENERATORS:
                raise Unreadable("it is a generator or a coroutine")
            found = Rewritten(code, renamed(compiled(code, merge), code), "")
        except Unreadable as error:
            found = Rewritten(code, None, str(error))
        except (SyntaxError, RecursionError, ValueError) as error:
            found = rewritten_code(code, False)._replace(reason="") if merge \
                else Rewritten(code, None, f"its source cannot be rewritten ({error})")
        _known[key] = found
        if len(_known) > MOST:
            _known.popitem(last=False)
    return found


def compiled(code: types.CodeType, merge: bool) -> types.CodeType:
    """The code of the rewritten function, compiled where its free variables are those that it had.

    Raises Unreadable if the source is not that of the code.
    """
    node = definition(code)
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = []
        node.args.defaults = [ast.copy_location(ast.Constant(None), x) for x in node.args.defaults]
        node.args.kw_defaults = [x and ast.copy_location(ast.Constant(None), x) for x in node.args.kw_defaults]
        for arg in ast.walk(node.args):
            if isinstance(arg, ast.arg):
                arg.annotation = None
        node.returns = None
    if not same(in_place(node, code), code):
        raise Unreadable("its source is another one by now")
    return in_place(Transform(code, merge).rewritten(node), code)


def in_place(node: ast.FunctionDef | ast.Lambda, code: types.CodeType) -> types.CodeType:
    """The code of a definition, compiled within functions and classes like those around the one that has this code."""
    body: ast.stmt = node if isinstance(node, ast.FunctionDef) else ast.copy_location(ast.Expr(node), node)
    owner = code.co_qualname.rpartition(".")[0].rpartition(".")[2]
    if owner.isidentifier() and ("__class__" in code.co_freevars
                                 or any(name.startswith(f"_{owner.lstrip('_')}__") for name in names_in(code))):
        body = ast.copy_location(ast.ClassDef(owner, [], [], [body], []), body)
        if hasattr(ast, "TypeVar"):
            body.type_params = []  # type: ignore[attr-defined]
    free = [name for name in code.co_freevars if name != "__class__"]
    parameters = [ast.arg(name) for name in (*free, *CELLS)]
    made_here = [name for name in {code.co_name, owner} - {*free, LAMBDA, ""} if name.isidentifier()]
    factory = ast.FunctionDef(FACTORY, ast.arguments([], parameters, None, [], [], None, []),
                              [*([ast.Global(made_here)] if made_here else []), body], [])
    if hasattr(ast, "TypeVar"):
        factory.type_params = []  # type: ignore[attr-defined]
    tree = ast.Module([factory], [])
    ast.fix_missing_locations(tree)
    made: types.CodeType = compile(tree, code.co_filename, "exec", flags=code.co_flags & FUTURE, dont_inherit=True)
    for level in (FACTORY, *([owner] if isinstance(body, ast.ClassDef) else []), code.co_name):
        inner = [x for x in made.co_consts if isinstance(x, types.CodeType) and x.co_name == level]
        if len(inner) != 1:
            raise Unreadable("its code is not found again")
        made = inner[0]
    return made


def same(one: types.CodeType, other: types.CodeType) -> bool:
    """True if two codes do the same. Where pytest has rewritten assertions, if the one has no names of its own.

    Calls are left out: how their function is loaded depends on what the module imports.
    """
    if any(name.startswith("@py") for name in other.co_names + other.co_varnames):
        return names_in(one) <= names_in(other)
    inner = [[x for x in code.co_consts if isinstance(x, types.CodeType)] for code in (one, other)]
    return operations(one) == operations(other) and len(inner[0]) == len(inner[1]) and all(map(same, *inner))


def operations(code: types.CodeType) -> list[tuple[str, Any]]:
    """What a code loads, stores and computes."""
    return [(i.opname.replace("METHOD", "ATTR"), repr(i.argval) if i.opname == "LOAD_CONST" else i.argval)
            for i in dis.get_instructions(code)
            if i.opname.startswith(COMPUTING)
            and not isinstance(i.argval, types.CodeType)
            and not (i.opname == "LOAD_CONST" and isinstance(i.argval, (str, frozenset)))]


def names_in(code: types.CodeType) -> set[str]:
    found = {*code.co_names, *code.co_varnames, *code.co_freevars}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= names_in(constant)
    return found


def renamed(new: types.CodeType, original: types.CodeType) -> types.CodeType:
    """The code under the names of the original; sides of expressions under that of their function."""
    inner = []
    for constant in new.co_consts:
        if isinstance(constant, types.CodeType):
            if PREFIX + "ours" in constant.co_varnames[:1]:
                constant = renamed(constant, original)
            else:
                qualname = f"{original.co_qualname}.<locals>.{constant.co_name}"
                constant = renamed(constant, constant.replace(co_qualname=qualname))
        inner.append(constant)
    return new.replace(co_name=original.co_name, co_qualname=original.co_qualname, co_consts=tuple(inner))


def _fresh() -> Any:
    yield 0.0


def _calibrate() -> None:
    """How many references an object has here that nobody else holds."""
    fresh: list[Any] = []
    calibrate(references_to(fresh, True), references_in((fresh,)), references_to([], False), references_of([]))
    calibrate_packed(packed_references()(_fresh()))


_calibrate()
