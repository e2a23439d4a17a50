"""Which containers a function makes itself, and how many levels of them are its own: it may change these in a side.

A container that is put where others find it - into attributes, foreign containers, closures - is anybody's.
"""

from __future__ import annotations

import ast

from .names import COMPREHENSIONS, SCOPES, Names, parameters, stored, walk

CHANGING = {"append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "add", "update", "setdefault",
            "popitem", "discard", "appendleft", "popleft", "fill"}  # methods of containers
MAKERS = {"list", "dict", "set", "full", "full_like", "array", "copy", "deque", "defaultdict", "sorted"}
OF_NUMBERS = {"zeros", "empty", "ones", "zeros_like", "ones_like", "empty_like"}  # makers of nothing but numbers


def fresh_names(function: ast.FunctionDef) -> dict[str, float]:
    """Names of containers that a function makes itself and hands to nobody, with how many levels are its own."""
    outside = {n for x in ast.walk(function) if isinstance(x, (ast.Global, ast.Nonlocal)) for n in x.names}
    values: dict[str, list[ast.expr]] = {}
    refused = parameters(function) | outside
    for x in walk(function):
        if isinstance(x, ast.Assign) and len(x.targets) == 1 and isinstance(x.targets[0], ast.Name):
            values.setdefault(x.targets[0].id, []).append(x.value)
        elif isinstance(x, ast.AugAssign) and isinstance(x.target, ast.Name):
            values.setdefault(x.target.id, []).append(x.value)
        else:
            refused |= stored([x]) if isinstance(x, (ast.NamedExpr, ast.AnnAssign, ast.Assign, ast.Import,
                                                     ast.ImportFrom, ast.Delete, ast.comprehension)) \
                else set(targets_of(x))
    refused |= escaping(function)
    known = {n: min(map(depth, found)) for n, found in values.items() if n not in refused}
    known = {n: d for n, d in known.items() if d >= 1}
    for x in walk(function):  # what is put into them may be anybody's
        base, value = put(x)
        if base in known:
            known[base] = min(known[base], 1 + min(map(depth, value), default=0))
    return known


def targets_of(x: ast.AST) -> list[str]:
    """The names that a statement with a body binds itself."""
    if isinstance(x, ast.For):
        return list(stored([x.target]))
    if isinstance(x, ast.With):
        return list(stored([i.optional_vars for i in x.items if i.optional_vars]))
    if isinstance(x, ast.ExceptHandler):
        return [x.name] if x.name else []
    if isinstance(x, (ast.MatchAs, ast.MatchStar)):
        return [x.name] if x.name else []
    return []


def put(x: ast.AST) -> tuple[str, list[ast.expr]]:
    """(name of a container, what a node puts into it)."""
    if isinstance(x, ast.Assign) and isinstance(x.targets[0], ast.Subscript) \
            and isinstance(x.targets[0].value, ast.Name):
        return x.targets[0].value.id, [x.value]
    if isinstance(x, ast.Call) and isinstance(x.func, ast.Attribute) and x.func.attr in CHANGING \
            and isinstance(x.func.value, ast.Name):
        return x.func.value.id, list(x.args)
    return "", []


def depth(node: ast.expr) -> float:
    """How many levels of a container an expression makes itself."""
    if isinstance(node, ast.Constant):
        return float("inf")
    if isinstance(node, (ast.List, ast.Set)):
        return 1 + min(map(depth, node.elts), default=float("inf"))
    if isinstance(node, ast.Dict):
        return 1 + min(map(depth, node.values), default=float("inf"))
    if isinstance(node, (ast.ListComp, ast.SetComp)):
        return 1 + depth(node.elt)
    if isinstance(node, ast.DictComp):
        return 1 + depth(node.value)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Mult):
            return max(depth(x) for x in (node.left, node.right)) if any(
                isinstance(x, ast.List) for x in (node.left, node.right)) else 0
        return 0
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in OF_NUMBERS:
            return float("inf")
        return 1 if called in MAKERS else 0
    return 0


def escaping(function: ast.FunctionDef) -> Names:
    """Names whose objects are put where others find them: into attributes, foreign containers, closures."""
    found: set[str] = set()
    for x in ast.walk(function):
        if isinstance(x, ast.Assign) and any(not only_names(t) for t in x.targets) \
                or isinstance(x, ast.AugAssign) and not isinstance(x.target, ast.Name):
            found |= bare(x.value)
        elif isinstance(x, ast.Call) and isinstance(x.func, ast.Attribute) and x.func.attr in CHANGING:
            for arg in x.args:
                found |= bare(arg)
        elif isinstance(x, (ast.Yield, ast.YieldFrom)) and x.value:
            found |= bare(x.value)
        elif isinstance(x, SCOPES) and x is not function:
            found |= {n.id for n in ast.walk(x) if isinstance(n, ast.Name)}
    return frozenset(found)


def bare(node: ast.expr) -> set[str]:
    """Names in an expression whose objects its value may be or hold."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, (ast.Subscript, ast.Attribute, ast.BinOp, ast.Compare, ast.UnaryOp, *COMPREHENSIONS)):
        return set()
    return {n for child in ast.iter_child_nodes(node) if isinstance(child, (ast.expr, ast.keyword))
            for n in (bare(child) if isinstance(child, ast.expr) else bare(child.value))}


def only_names(target: ast.expr) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(map(only_names, target.elts))
    return isinstance(target, ast.Name) or isinstance(target, ast.Starred) and only_names(target.value)
