"""A function's tree rewritten: branches hand their sides to the recorder, calls ask what they lead to.

    if c: A                    b = _cgrad_branch(place, (y,), frame)
    else: B                    for y, z in b:
                                   try:
                                       if b.asks(b.known or c): A
                                       else: B
                                   except BaseException:
                                       if not b.failed(): raise
                                       continue
                                   b.end((y, z))
                               y, z = b.result
    u if c else v              _cgrad_choice(place, c, lambda: u, lambda: v)
    p and q, 0 < x < 1         _cgrad_both(place, p, lambda: q)
    not p                      _cgrad_not(p)
    f(x)                       _cgrad_call(f)(x)
    d[k], k in d               _cgrad_item(d, k), _cgrad_within(k, d)
    a/b, math.log(x) in try    _cgrad_divide(0, a, b), _cgrad_strict(math.log)(x): they raise as of floats

What the names stand for is in core/tracing/merge.pxi. A branch whose sides do more than bind names stays an ``if``.
Statements that change objects which others may hold are preceded by ``_cgrad_effect()``.
"""

from __future__ import annotations

import ast
import copy
import types
from collections.abc import Sequence
from typing import Any

from .fresh import CHANGING, fresh_names, only_names
from .names import Flow, Names, bound_at_end, exposed, loaded, stored, surely, walk

PREFIX = "_cgrad_"
HOOKS = ("branch", "choice", "both", "either", "not", "call", "effect", "own", "counted", "frame", "unassigned",
         "item", "within", "divide", "strict")
MOST_BLOCKS = 18  # loops and try statements within one another: CPython has 20
PLAIN_CALLS = {"super", "locals", "globals", "vars", "dir", "eval", "exec", "__import__"}  # they look at their caller


ARITHMETIC = {"ZeroDivisionError", "ArithmeticError", "OverflowError", "ValueError", "FloatingPointError", "Exception",
              "BaseException"}


def hook(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(PREFIX + name, ast.Load()), list(args), [])


def name(text: str, store: bool = False) -> ast.Name:
    return ast.Name(text, ast.Store() if store else ast.Load())


def thunk(body: ast.expr) -> ast.Lambda:
    """``lambda: body``, marked as ours by a parameter that nobody gives."""
    args = ast.arguments([], [ast.arg(PREFIX + "ours")], None, [], [], None, [ast.Constant(None)])
    return ast.Lambda(args, body)


class Transform(ast.NodeTransformer):
    """Rewrites one function. merge: its branches too, else its calls alone."""

    def __init__(self, code: types.CodeType, merge: bool) -> None:
        self.file, self.qualname, self.merge = code.co_filename, code.co_qualname, merge
        self.flow: Flow | None = None
        self.outer: Names = frozenset()  # names that are declared global or nonlocal
        self.fresh: dict[str, float] = {}
        self.framed = False       # the function has returns in branches that merge
        self.inside: list[str] = []  # the branches around, in this function, whose side is being rewritten
        self.blocks = 0
        self.count = 0
        self.comprehensions = 0
        self.first = ""   # the first parameter of the method
        self.strict = 0  # statements around whose handlers wait for errors of arithmetic

    # ---- functions -------------------------------------------------------------------------------

    def rewritten(self, node: ast.FunctionDef | ast.Lambda) -> ast.FunctionDef | ast.Lambda:
        return self.visit(node)  # type: ignore[no-any-return]

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        node.body = self.visit(node.body)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        kept = (self.flow, self.outer, self.fresh, self.framed, self.inside, self.blocks, self.merge)
        merge = self.merge
        keep_returns(node)
        node.decorator_list = [self.visit(x) for x in node.decorator_list]
        generates = any(isinstance(x, (ast.Yield, ast.YieldFrom, ast.Await)) for x in walk(node))
        given = [*node.args.posonlyargs, *node.args.args]
        self.first = self.first or (given[0].arg if given else "")
        self.outer = frozenset([n for x in walk(node) if isinstance(x, (ast.Global, ast.Nonlocal)) for n in x.names])
        self.flow, self.inside, self.blocks = Flow(node), [], 0
        self.fresh = fresh_names(node) if not generates else {}
        self.merge = merge and not generates
        self.framed = self.merge and any(self.returning(x) for x in walk(node) if isinstance(x, ast.If))
        self.blocks = int(self.framed)
        body = self.statements(node.body)
        if self.framed:
            body = self.in_frame(node, body)
        node.body = body
        node.returns = None
        self.flow, self.outer, self.fresh, self.framed, self.inside, self.blocks, self.merge = kept
        return node

    def in_frame(self, node: ast.FunctionDef, body: list[ast.stmt]) -> list[ast.stmt]:
        """The body of a function that has returns in branches."""
        frame = PREFIX + "frame_"
        end = ast.Return(method(frame, "done", ast.Constant(None)))
        at = [located(end, node.body[-1])] if not isinstance(body[-1], ast.Return) else []
        handler = ast.ExceptHandler(name("BaseException"), None, [
            ast.If(method(frame, "failed"), [ast.Return(ast.Attribute(name(frame), "value", ast.Load()))], []),
            ast.Raise()])
        return [located(x, node.body[0]) for x in (ast.Assign([name(frame, True)], hook("frame")),
                                                   ast.Try([*body, *at], [handler], [], []))]

    def statements(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Statements rewritten; what follows a branch with returns is put where it belongs."""
        out: list[ast.stmt] = []
        for k, node in enumerate(body):
            if isinstance(node, ast.If) and self.merges(node):
                new, branch = self.merged(node)
                out += new
                if self.returning(node):
                    value = ast.Attribute(name(branch), "value", ast.Load())
                    test = ast.Attribute(name(branch), "returned", ast.Load())
                    if self.inside:
                        rest = self.statements(body[k + 1:])
                        out.append(located(ast.If(test, [ast.Expr(method(self.inside[-1], "returns", value))], rest),
                                           node))
                        return out
                    out.append(located(ast.If(test, [ast.Return(method(PREFIX + "frame_", "done", value))], []), node))
                continue
            new_node = self.visit(node)
            out += new_node if isinstance(new_node, list) else [new_node]
        return out

    def visit_Return(self, node: ast.Return) -> Any:
        of_a_name = isinstance(node.value, ast.Name)
        value = self.visit(node.value) if node.value else ast.Constant(None)
        if self.inside:
            return located(ast.Expr(method(self.inside[-1], "returns", value, ast.Constant(of_a_name))), node)
        if self.framed:
            value = method(PREFIX + "frame_", "done", value)
        return located(ast.Return(value), node)

    # ---- branches --------------------------------------------------------------------------------

    def merges(self, node: ast.If) -> bool:
        """True if a branch may be merged: its sides bind names, and do nothing else."""
        if not self.merge or self.flow is None or self.blocks + 2 > MOST_BLOCKS:
            return False
        known: bool | None = getattr(node, "_merges", None)
        if known is None:
            known = node._merges = self.can_merge(node)  # type: ignore[attr-defined]
        return known

    def can_merge(self, node: ast.If) -> bool:
        sides, tests = arms(node)
        bound = stored([*sides_statements(sides), *tests])
        if bound & self.outer:
            return False
        if not all(self.binds_only(side, 0) for side in sides):
            return False
        return self.names_of(node) is not None

    def binds_only(self, body: Sequence[ast.stmt], loops: int) -> bool:
        """True if statements bind local names, and do nothing else that a side may not do."""
        for k, x in enumerate(body):
            if isinstance(x, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                targets = x.targets if isinstance(x, ast.Assign) else [x.target]
                if not all(only_names(target) for target in targets):
                    return False
                if isinstance(x, ast.AugAssign) and self.depth_of(x.target) >= 1:
                    return False  # it changes the container
            elif isinstance(x, ast.If):
                if not (self.binds_only(x.body, loops) and self.binds_only(x.orelse, loops)):
                    return False
                if any(isinstance(n, ast.Return) for n in walk(x)) and (loops or not self.merges(x)):
                    return False
            elif isinstance(x, (ast.For, ast.While)):
                if isinstance(x, ast.For) and not only_names(x.target):
                    return False
                if not (self.binds_only(x.body, loops + 1) and self.binds_only(x.orelse, loops)) \
                        or any(isinstance(n, ast.Return) for n in walk(x)):  # it does not end the side
                    return False
            elif isinstance(x, ast.Return):
                if loops or k + 1 < len(body):
                    return False
            elif isinstance(x, (ast.Break, ast.Continue)):
                if not loops:
                    return False
            elif not isinstance(x, (ast.Expr, ast.Pass)):
                return False
            if any(isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)) for n in walk(x)):
                return False
            if any(isinstance(n, ast.Call) and self.changes_fresh(n) for n in walk(x)):
                return False
        return True

    def changes_fresh(self, node: ast.Call) -> bool:
        """True if a call changes a container of this function by a method that is not asked what it does."""
        f = node.func
        return isinstance(f, ast.Attribute) and f.attr in CHANGING and self.depth_of(f.value) >= 1

    def changes_own(self, *nodes: ast.expr) -> bool:
        """True if an expression changes a container of this function."""
        return any(isinstance(x, ast.Call) and self.changes_fresh(x) for node in nodes for x in ast.walk(node))

    def returning(self, node: ast.If) -> bool:
        """True if a branch that merges has a return in some side."""
        return self.merges(node) and any(isinstance(x, ast.Return) for x in walk(node))

    def names_of(self, node: ast.If) -> tuple[list[str], list[str]] | None:
        """(names that sides begin with, names that they leave besides), in order; None if some cannot be merged."""
        assert self.flow is not None
        sides, tests = arms(node)
        before, after = self.flow.bound.get(node, frozenset()), self.flow.live.get(node, frozenset())
        carried, fresh = [], []
        at = before | surely(tests[:1])
        open_sides = [side for side in sides if not returns(side)]
        read = (frozenset().union(*map(exposed, sides)) | loaded(*tests)) - (at - before)
        for n in sorted(stored([*sides_statements(sides), *tests])):
            if n in before and (n in after or n in read):
                carried.append(n)
            elif n in after:
                if n in read or not all(n in bound_at_end(side, at) for side in open_sides):
                    return None
                fresh.append(n)
            elif n in read:
                return None
        return carried, fresh

    def merged(self, node: ast.If) -> tuple[list[ast.stmt], str]:
        """The statements for a branch that may be merged, and the name of its Branch."""
        found = self.names_of(node)
        assert found is not None
        carried, fresh = found
        sides, tests = arms(node)
        branch = self.new_name("branch")
        self.inside.append(branch)
        self.blocks += 2
        bodies: list[list[ast.stmt]] = [self.statements(side) or [ast.Pass()] for side in sides]
        asked = [method(branch, "asks", self.once(branch, test)) for test in tests]
        self.blocks -= 2
        self.inside.pop()
        chain = bodies[-1]
        for test, body, source in zip(reversed(asked), reversed(bodies[:-1]), reversed(branches(node)), strict=True):
            chain = [located(ast.If(test, body, chain), source)]
        names = [*carried, *fresh]
        ended = method(branch, "end", tuple_of(names))
        frame = name(PREFIX + "frame_") if self.framed else ast.Constant(None)
        given: list[ast.expr] = [*map(name, carried), *[name(PREFIX + "unassigned")]*len(fresh)]
        start = ast.Assign([name(branch, True)],
                           hook("branch", self.place(node), ast.Tuple(given, ast.Load()), frame))
        failed = ast.ExceptHandler(name("BaseException"), None, [
            ast.If(ast.UnaryOp(ast.Not(), method(branch, "failed")), [ast.Raise()], []), ast.Continue()])
        target: ast.expr = tuple_of(names, store=True) if names else name(PREFIX + "none", True)
        loop = ast.For(target, name(branch), [ast.Try(chain, [failed], [], []), ast.Expr(ended)], [])
        out: list[ast.stmt] = [start, loop]
        if names:
            result = ast.Attribute(name(branch), "result", ast.Load())
            over = ast.Assign([tuple_of(names, store=True)], result)
            if self.returning(node):
                going_on = ast.UnaryOp(ast.Not(), ast.Attribute(name(branch), "returned", ast.Load()))
                out.append(ast.If(going_on, [over], []))
            else:
                out.append(over)
        return [located(x, node) for x in out], branch

    def once(self, branch: str, test: ast.expr) -> Any:
        """A test, which is computed in the first pass alone, unless it binds names."""
        new = self.visit(test)
        if has_walrus(test):
            return new
        return ast.BoolOp(ast.Or(), [ast.Attribute(name(branch), "known", ast.Load()), new])

    def visit_If(self, node: ast.If) -> Any:
        node.test = self.visit(node.test)
        node.body, node.orelse = self.statements(node.body), self.statements(node.orelse)
        return node

    # ---- loops, and what has effects -------------------------------------------------------------

    def visit_For(self, node: ast.For) -> Any:
        counted = isinstance(node.iter, ast.Name)
        node.iter = self.visit(node.iter)
        if counted:
            node.iter = located(hook("counted", node.iter), node.iter)
        self.blocks += 1
        node.body = self.statements(node.body)
        self.blocks -= 1
        node.orelse = self.statements(node.orelse)
        return self.with_effect(node, [node.target])

    def visit_While(self, node: ast.While) -> Any:
        node.test = self.visit(node.test)
        self.blocks += 1
        node.body = self.statements(node.body)
        self.blocks -= 1
        node.orelse = self.statements(node.orelse)
        return node

    def visit_Try(self, node: ast.Try) -> Any:
        self.blocks += 2
        waits = any(map(waits_for_arithmetic, node.handlers))
        self.strict += waits
        node.body = self.statements(node.body)
        self.strict -= waits
        for handler in node.handlers:
            handler.body = self.statements(handler.body)
        node.orelse, node.finalbody = self.statements(node.orelse), self.statements(node.finalbody)
        self.blocks -= 2
        return node

    def visit_With(self, node: ast.With) -> Any:
        for item in node.items:
            item.context_expr = self.visit(item.context_expr)
        self.blocks += 1
        node.body = self.statements(node.body)
        self.blocks -= 1
        return [located(ast.Expr(hook("effect")), node), node]

    def visit_Match(self, node: ast.Match) -> Any:
        node.subject = self.visit(node.subject)
        for case in node.cases:
            if case.guard:
                case.guard = self.visit(case.guard)
            case.body = self.statements(case.body)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        node.value = self.visit(node.value)
        targets = list(node.targets)
        node.targets = [self.visit(target) for target in node.targets]
        return self.with_effect(node, targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return node
        node.value = self.visit(node.value)
        return self.with_effect(node, [node.target])

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        target = node.target
        node.value = self.visit(node.value)
        found = self.with_effect(node, [target])
        if isinstance(target, ast.Name) and target.id not in self.outer and target.id not in self.fresh:
            return [located(ast.Expr(hook("own", name(target.id))), node), node]
        return found

    def visit_Delete(self, node: ast.Delete) -> Any:
        return self.with_effect(node, node.targets)

    def with_effect(self, node: ast.stmt, targets: Sequence[ast.expr]) -> Any:
        """A statement, preceded by a word of warning if it changes what others may hold."""
        for target in targets:
            for x in ast.walk(target):
                if isinstance(x, ast.Name) and x.id in self.outer and not isinstance(x.ctx, ast.Load) \
                        or isinstance(x, ast.Attribute) and not isinstance(x.ctx, ast.Load) \
                        or isinstance(x, ast.Subscript) and not isinstance(x.ctx, ast.Load) \
                        and self.depth_of(x.value) < 1:
                    return [located(ast.Expr(hook("effect")), node), node]
        return node

    def depth_of(self, node: ast.expr) -> float:
        """How many levels of a container are this function's own: 0, it may be anybody's."""
        if isinstance(node, ast.Name):
            return self.fresh.get(node.id, 0)
        if isinstance(node, ast.Subscript):
            return self.depth_of(node.value) - 1
        return 0

    # ---- expressions -----------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> Any:
        f = node.func
        plain = isinstance(f, ast.Name) and (f.id in PLAIN_CALLS or f.id.startswith(PREFIX)) or self.changes_fresh(node)
        self.generic_visit(node)
        if isinstance(f, ast.Name) and f.id == "super" and not node.args and self.first:
            node.args = [located(name("__class__"), node), located(name(self.first), node)]  # it may be in a thunk
        if plain:
            return node
        asked = hook("strict" if self.strict else "call", node.func)
        if any(keyword.arg in ("out", "inplace", "overwrite_a", "overwrite_b") for keyword in node.keywords):
            asked.args.append(ast.Constant(True))  # it writes into what it is given
        node.func = located(asked, f)
        if isinstance(f, ast.Attribute) and f.end_lineno != node.lineno:  # as the compiler has calls of methods
            node.lineno, node.col_offset = f.end_lineno or node.lineno, (f.end_col_offset or 0) - len(f.attr)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        kind = {ast.Div: 0, ast.FloorDiv: 1, ast.Mod: 2}.get(type(node.op))
        if not self.strict or kind is None:
            return node
        return located(hook("divide", ast.Constant(kind), node.left, node.right), node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load) and isinstance(node.slice, (ast.Name, ast.Attribute, ast.BinOp)):
            return located(hook("item", node.value, node.slice), node)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        if not self.merge or has_walrus(node.body, node.orelse) or self.changes_own(node.body, node.orelse):
            return self.generic_visit(node)
        place = self.place(node)
        self.generic_visit(node)
        return located(hook("choice", place, node.test, thunk(node.body), thunk(node.orelse)), node)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        if not self.merge or has_walrus(*node.values[1:]) or self.changes_own(*node.values[1:]):
            return self.generic_visit(node)
        kind = "both" if isinstance(node.op, ast.And) else "either"
        place = self.place(node)
        self.generic_visit(node)
        made = node.values[-1]
        for value in reversed(node.values[:-1]):
            made = located(hook(kind, copy.deepcopy(place), value, thunk(made)), node)
        return made

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and self.merge:
            return located(hook("not", node.operand), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        between = node.comparators[:-1]
        simple = all(isinstance(x, (ast.Name, ast.Constant)) for x in between)
        if not between and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            self.generic_visit(node)
            found = located(hook("within", node.left, node.comparators[0]), node)
            return found if isinstance(node.ops[0], ast.In) else located(ast.UnaryOp(ast.Not(), found), node)
        if not self.merge or not between or has_walrus(node) or not (simple or self.comprehensions == 0):
            return self.generic_visit(node)
        place = self.place(node)
        self.generic_visit(node)
        parts, left = [], node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            again = right
            if right is not node.comparators[-1] and not isinstance(right, (ast.Name, ast.Constant)):
                held = self.new_name("between")
                right, again = located(ast.NamedExpr(name(held, True), right), right), located(name(held), right)
            parts.append(located(ast.Compare(left, [op], [right]), node))
            left = copy.deepcopy(again)
        made = parts[-1]
        for part in reversed(parts[:-1]):
            made = located(hook("both", copy.deepcopy(place), part, thunk(made)), node)
        return made

    def in_comprehension(self, node: ast.expr) -> Any:
        self.comprehensions += 1
        self.generic_visit(node)
        self.comprehensions -= 1
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = in_comprehension

    # ---- helpers ---------------------------------------------------------------------------------

    def place(self, node: ast.stmt | ast.expr) -> ast.Constant:
        """(file, line, function, column), for messages."""
        at: Any = (self.file, node.lineno, self.qualname, node.col_offset)
        return ast.Constant(at)

    def new_name(self, what: str) -> str:
        self.count += 1
        return f"{PREFIX}{what}_{self.count}"


# ---- parts of trees ----------------------------------------------------------------------------------

def arms(node: ast.If) -> tuple[list[list[ast.stmt]], list[ast.expr]]:
    """The sides of an ``if`` with its ``elif``, the last one its ``else``, and the tests."""
    chain = branches(node)
    return [*(x.body for x in chain), chain[-1].orelse], [x.test for x in chain]


def branches(node: ast.If) -> list[ast.If]:
    """An ``if`` and its ``elif``."""
    found = [node]
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        node = node.orelse[0]
        found.append(node)
    return found


def sides_statements(sides: list[list[ast.stmt]]) -> list[ast.stmt]:
    return [x for side in sides for x in side]


def returns(body: Sequence[ast.stmt]) -> bool:
    """True if a side always ends by a return."""
    if not body:
        return False
    last = body[-1]
    return isinstance(last, ast.Return) or isinstance(last, ast.If) and returns(last.body) and returns(last.orelse)


def waits_for_arithmetic(handler: ast.ExceptHandler) -> bool:
    """True if a handler is for errors that operations on floats raise, and those on traced numbers do not."""
    if handler.type is None:
        return True
    return any(isinstance(x, ast.Name) and x.id in ARITHMETIC for x in ast.walk(handler.type))


def keep_returns(function: ast.FunctionDef) -> None:
    """Returns in blocks that do something when they are left (``with``, ``finally``) do not merge."""
    for x in walk(function):
        if isinstance(x, (ast.With, ast.AsyncWith)) or (isinstance(x, (ast.Try, ast.TryStar)) and x.finalbody):
            for node in walk(x):
                if isinstance(node, ast.If) and any(isinstance(n, ast.Return) for n in walk(node)):
                    node._merges = False  # type: ignore[attr-defined]


def has_walrus(*nodes: ast.expr) -> bool:
    return any(isinstance(x, (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await))
               for node in nodes for x in ast.walk(node))


def tuple_of(names: Sequence[str], store: bool = False) -> ast.Tuple:
    return ast.Tuple([name(n, store) for n in names], ast.Store() if store else ast.Load())


def method(owner: str, attribute: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(name(owner), attribute, ast.Load()), list(args), [])


def located(node: Any, like: ast.AST) -> Any:
    """A new node, and the new ones in it, at the place of another: on its first line, as calls of methods are on their
    attribute's last one.
    """
    for x in ast.walk(node):
        if isinstance(x, (ast.expr, ast.stmt, ast.ExceptHandler, ast.arg, ast.keyword)) and not hasattr(x, "lineno"):
            ast.copy_location(x, like)
            if x.end_lineno != x.lineno:
                x.end_lineno, x.end_col_offset = x.lineno, x.col_offset
    return node
