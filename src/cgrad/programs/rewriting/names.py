"""Which names a branch binds, which are bound when it begins, and which are used after it.

``Flow`` walks a function once backwards for names that are live, and forwards for those that are bound for sure; both
are asked for at each ``if``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BINDING = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.alias, ast.ExceptHandler, ast.MatchAs,
           ast.MatchStar, ast.MatchMapping}
Names = frozenset[str]
NONE: Names = frozenset()


def walk(node: ast.AST) -> Iterable[ast.AST]:
    """A node and what it consists of, but for the bodies of functions and classes in it."""
    waiting = [node]
    while waiting:
        x = waiting.pop()
        yield x
        if not isinstance(x, SCOPES) or x is node:
            waiting.extend(ast.iter_child_nodes(x))


def parameters(function: ast.FunctionDef) -> Names:
    """The names of a function's parameters."""
    args = function.args
    return frozenset([a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs,
                                      *filter(None, (args.vararg, args.kwarg)))])


def stored(nodes: Iterable[ast.AST]) -> Names:
    """The names that are bound in some statements or expressions."""
    found: set[str] = set()
    for node in nodes:
        known: Names | None = getattr(node, "_stored", None)
        if known is None:
            known = node._stored = stored_in(node)  # type: ignore[attr-defined]
        found |= known
    return frozenset(found)


def stored_in(top: ast.AST) -> Names:
    found: set[str] = set()
    waiting: list[ast.AST] = [top]
    while waiting:
        x = waiting.pop()
        kind = type(x)
        if kind is ast.Name:
            if type(x.ctx) is not ast.Load:  # type: ignore[attr-defined]
                found.add(x.id)  # type: ignore[attr-defined]
        elif kind in BINDING:
            if isinstance(x, ast.alias):
                found.add((x.asname or x.name).partition(".")[0])
            elif name := getattr(x, "rest" if kind is ast.MatchMapping else "name", None):
                found.add(name)
            if kind not in SCOPES:
                waiting.extend(ast.iter_child_nodes(x))
        elif kind in COMPREHENSIONS:  # its targets are its own; but a walrus binds outside
            found |= {n.target.id for n in ast.walk(x) if isinstance(n, ast.NamedExpr)}
        elif kind is ast.AnnAssign and x.value is None:  # type: ignore[attr-defined]
            continue  # it binds nothing
        elif kind is not ast.Lambda and kind is not ast.Constant:
            waiting.extend(ast.iter_child_nodes(x))
    return frozenset(found)


def loaded(*nodes: ast.AST | None) -> Names:
    """The names that are read somewhere in these, those of functions in them included."""
    return frozenset([n.id for node in nodes if node is not None for n in ast.walk(node)
                      if isinstance(n, ast.Name) and isinstance(n.ctx, (ast.Load, ast.Del))])


def captured(function: ast.AST) -> Names:
    """The names that functions and generators inside of a function read or bind: these see them at any time."""
    found: set[str] = set()
    for node in ast.walk(function):
        if node is not function and isinstance(node, (*SCOPES, ast.GeneratorExp)):
            found |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            found |= {name for n in ast.walk(node) if isinstance(n, (ast.Nonlocal, ast.Global)) for name in n.names}
    return frozenset(found)


def surely(nodes: Iterable[ast.AST]) -> Names:
    """The names that are bound in some statements, but for those of ``:=`` that may not be evaluated."""
    nodes = list(nodes)
    found = stored(nodes)
    if not found:
        return found
    perhaps = {n.target.id for top in nodes for x in ast.walk(top)
               if isinstance(x, (ast.BoolOp, ast.IfExp, *COMPREHENSIONS))
               for n in ast.walk(x) if isinstance(n, ast.NamedExpr)}
    return found - perhaps


class Flow:
    """Names at each ``if`` of a function: ``bound[node]`` before it, for sure; ``live[node]`` after it.

    Without a function: for statements that are given to ``bind`` and ``use`` by themselves.
    """

    def __init__(self, function: ast.FunctionDef | None = None) -> None:
        self.bound: dict[ast.If, Names] = {}
        self.live: dict[ast.If, Names] = {}
        self.always = NONE
        if function is not None:
            self.always = captured(function)
            self.bind(function.body, parameters(function))
            self.use(function.body, NONE, NONE, NONE)

    # ---- forwards: names that are bound ----------------------------------------------------------

    def bind(self, body: Sequence[ast.stmt], bound: Names) -> Names:
        """The names that are bound after some statements, whatever way they take."""
        for node in body:
            if isinstance(node, ast.If):
                self.bound[node] = bound
                bound |= surely([node.test])
                bound = meet(self.bind(node.body, bound), ends(node.body),
                             self.bind(node.orelse, bound), ends(node.orelse))
            elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
                head = bound | surely([node.iter] if not isinstance(node, ast.While) else [node.test])
                inside = head | (stored([node.target]) if not isinstance(node, ast.While) else NONE)
                self.bind(node.body, inside - deleted(node.body))
                bound = self.bind(node.orelse, head - deleted(node.body)) if node.orelse else head - deleted(node.body)
                bound -= stored(node.orelse) - head
            elif isinstance(node, ast.With):
                bound = self.bind(node.body, bound | surely(node.items))
                bound -= stored(node.body)  # it may suppress an exception
            elif isinstance(node, (ast.Try, ast.TryStar)):
                kept = bound - deleted([node])
                self.bind(node.body, bound)
                for handler in node.handlers:
                    self.bind(handler.body, kept | ({handler.name} if handler.name else set()))
                self.bind(node.orelse, kept)
                bound = self.bind(node.finalbody, kept - {h.name for h in node.handlers if h.name})
            elif isinstance(node, ast.Match):
                for case in node.cases:
                    self.bind(case.body, bound)
                bound -= deleted([node])
            elif isinstance(node, ast.Delete):
                bound -= stored([node])
            else:
                bound |= surely([node])
        return bound

    # ---- backwards: names that are used ----------------------------------------------------------

    def use(self, body: Sequence[ast.stmt], after: Names, on_break: Names, on_continue: Names) -> Names:
        """The names that are live before some statements, given those that are live after them."""
        live = after
        for node in reversed(body):
            if isinstance(node, ast.If):
                self.live[node] = live | self.always
                live = loaded(node.test) | self.use(node.body, live, on_break, on_continue) \
                    | self.use(node.orelse, live, on_break, on_continue)
            elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
                if isinstance(node, ast.While):
                    heads, bound, given = loaded(node.test), NONE, NONE
                else:
                    heads, bound, given = loaded(node.target), stored([node.target]), loaded(node.iter)
                after_loop = self.use(node.orelse, live, on_break, on_continue)
                again = heads | after_loop  # before each pass
                for _ in range(2):
                    again |= self.use(node.body, again, live, again) - bound
                live = again | given
            elif isinstance(node, ast.With):
                live = loaded(*node.items) | self.use(node.body, live, on_break, on_continue) | live
            elif isinstance(node, (ast.Try, ast.TryStar)):
                end = self.use(node.finalbody, live, on_break, on_continue) | live
                handled = end
                for handler in node.handlers:
                    handled |= loaded(handler.type) | self.use(handler.body, end, on_break, on_continue)
                inside = self.use(node.orelse, end, on_break, on_continue) | handled
                self.use(node.body, inside | loaded(*node.body), on_break | handled, on_continue | handled)
                live = inside | loaded(*node.body)
            elif isinstance(node, ast.Match):
                live = loaded(node) | live
                for case in node.cases:
                    live |= self.use(case.body, live, on_break, on_continue)
            elif isinstance(node, ast.Return):
                live = loaded(node)
            elif isinstance(node, ast.Raise):
                live = loaded(node) | live
            elif isinstance(node, ast.Break):
                live = on_break
            elif isinstance(node, ast.Continue):
                live = on_continue
            elif isinstance(node, ast.AugAssign):
                live |= loaded(node) | stored([node])
            else:
                live = (live - stored([node]) if not isinstance(node, ast.Delete) else live) | loaded(node)
        return live


def exposed(body: Sequence[ast.stmt]) -> Names:
    """The names that some statements may read before they bind them."""
    return Flow().use(body, NONE, NONE, NONE)


def bound_at_end(body: Sequence[ast.stmt], bound: Names) -> Names:
    """The names that are bound after some statements."""
    return Flow().bind(body, bound)


def deleted(body: Sequence[ast.AST]) -> Names:
    return frozenset([n.id for node in body for n in ast.walk(node)
                      if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Del)])


def ends(body: Sequence[ast.stmt]) -> bool:
    """True if control never comes to the end of some statements."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
        return True
    return isinstance(last, ast.If) and ends(last.body) and ends(last.orelse)


def meet(one: Names, one_ends: bool, other: Names, other_ends: bool) -> Names:
    """The names that are bound where two ways meet."""
    if one_ends:
        return one | other if other_ends else other
    return one if other_ends else one & other
