"""What a function reads from outside: names, attributes and items, found in its code and in what it leads to.

A recording holds as long as these are what they were (core/program/reads.pxi looks at each call). What a function reads
is found without running it:

    names        globals and variables of enclosing functions that its code loads; defaults of its arguments
    attributes   of objects that are reached so, with a name that occurs in the code
    items        of lists, tuples, dicts and arrays of objects that are reached so
    functions    that are reached so, or are methods of objects that are, are looked into alike

Not looked into: the standard library, installed packages other than the function's own, cgrad itself (but for modules
of cgrad.nn, whose attributes are all looked at), and what is compiled.
"""

from __future__ import annotations

import dis
import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .._core import Tensor, Value
from .._program import PLAIN, Read, Reads, may_replace

LIBRARIES = {"cgrad", "numpy", "scipy", "builtins", *sys.stdlib_module_names} - {"__main__"}
INSTALLED = ("site-packages", "dist-packages")  # folders of packages that are installed
GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
MEMBER = {"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"}
PROTOCOLS = {"__call__", "__getitem__", "__iter__", "__len__", "__contains__", "__add__", "__radd__", "__mul__",
             "__rmul__", "__sub__", "__rsub__", "__truediv__", "__rtruediv__", "__pow__", "__neg__", "__matmul__",
             "__enter__", "__exit__", "__bool__", "__float__", "__getattr__", "__next__", "__array__"}


class Loaded(NamedTuple):
    """The names that a code loads, those of the functions that it makes included.

    asked: names of attributes that it may ask for by ``getattr`` or ``hasattr``, there or not. lines: where a global or
    a variable of an enclosing function is loaded first.
    """

    globals: frozenset[str]
    attributes: frozenset[str]
    asked: frozenset[str]
    lines: dict[str, int]


@functools.lru_cache(maxsize=1024)
def loaded(code: types.CodeType) -> Loaded:
    """The names that a code loads."""
    names: set[str] = set()
    attributes: set[str] = set()
    asked: set[str] = set()
    lines: dict[str, int] = {}
    texts = {x for x in code.co_consts if isinstance(x, str) and x.isidentifier()}
    for instruction in dis.get_instructions(code):
        if instruction.opname in GLOBAL or instruction.argval in code.co_freevars:
            line = instruction.positions.lineno if instruction.positions else None
            lines.setdefault(instruction.argval, line or code.co_firstlineno)
        if instruction.opname in GLOBAL:
            names.add(instruction.argval)
        elif instruction.opname in MEMBER:
            attributes.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = loaded(constant)
            names |= inner.globals
            attributes |= inner.attributes
            asked |= inner.asked
            lines = {**inner.lines, **lines}
    if names & {"getattr", "hasattr", "attrgetter", "vars"}:
        asked |= texts
    return Loaded(frozenset(names), frozenset(attributes | asked), frozenset(asked), lines)


def reads_of(function: Callable[..., Any]) -> Reads:
    """The places from which a function reads, with what is there now."""
    return Reads(searched(function).found)


def searched(function: Callable[..., Any]) -> Search:
    """The search through what a function leads to."""
    attributes: frozenset[str] = frozenset()
    while True:  # functions that are found add names of attributes, by which more is found
        search = Search(attributes, package_of(function))
        search.run(function, getattr(function, "__name__", "the function"))
        if search.names <= attributes:
            return search
        attributes |= search.names


def leave_out(reads: Reads, owners: list[Any]) -> None:
    """Look at these containers no more, which the function fills itself.

    What a recorded function does besides its result is not repeated (a list of calls, a cache), so it is not looked at
    either. What it has bound anew itself stays among the reads as it was before: then each call is recorded.
    """
    if owners:
        reads.reads[:] = [read for read in reads.reads if not any(read.owner is owner for owner in owners)]


def bound_anew(reads: Reads, now: Reads, captured: list[Any]) -> bool:
    """True if all that is read differs only by leaves in the places of leaves: then these are taken over.

    So a list of new parameters in the place of the former, or an object of the same class, needs no recording.
    """
    if len(reads) != len(now):
        return False
    at = {id(v): k for k, v in enumerate(captured)}
    leaves: dict[int, Any] = {}
    for before, after in zip(reads.reads, now.reads, strict=True):
        if before.kind_name != after.kind_name or before.text != after.text or before.absent != after.absent \
                or not alike(before, after):
            return False
        k = at.get(id(before.value))
        if k is not None and leaves.setdefault(k, after.value) is not after.value:
            return False
    others = [leaves.get(k, v) for k, v in enumerate(captured)]
    if len({id(v) for v in others}) < len(others):
        return False  # two inputs have become one
    captured[:] = others
    taken = now.copy()
    taken.bind(captured)
    reads.reads[:] = taken.reads
    return True


def alike(before: Read, after: Read) -> bool:
    """True if a function that reads the one cannot tell it from the other, but by what is looked at besides."""
    x, y = before.value, after.value
    if before.kind_name in ("items", "length", "memory", "equal"):
        return before.key == after.key and same_contents(x, y)
    if x is y:
        return True
    if type(x) is not type(y):
        return False
    if isinstance(x, (Value, Tensor)) or type(x) in PLAIN:
        return may_replace(x, y)
    if isinstance(x, types.FunctionType):
        return x.__code__ is y.__code__ and x.__globals__ is y.__globals__ and not is_library(x.__module__)
    if type(x) in (list, dict) or isinstance(x, tuple):
        return len(x) == len(y)
    if isinstance(x, np.ndarray):
        return x.dtype == y.dtype and x.shape == y.shape and x.flags.writeable and y.flags.writeable
    if isinstance(x, (set, bytearray)):
        return True  # compared as a whole
    return not isinstance(x, type) and not callable(getattr(x, "__get__", None)) \
        and (not is_library(type(x).__module__) or type(x).__module__.startswith("cgrad.nn"))


def same_contents(x: Any, y: Any) -> bool:
    """True if contents that were noted are equal: plain values, bytes, lengths, sets."""
    if isinstance(x, tuple):
        return len(x) == len(y) and all(map(may_replace, x, y))
    return bool(x == y)


class Search:
    """A search through what a function of the package ``own`` leads to, by these names of attributes."""

    def __init__(self, attributes: frozenset[str], own: str) -> None:
        self.attributes, self.own = attributes, own
        self.names: set[str] = set()
        self.asked: set[str] = set()
        self.found: list[Read] = []
        self.visited: dict[int, Any] = {}
        self.waiting: deque[tuple[Any, str, str]] = deque()
        self.codes: list[types.CodeType] = []  # of functions that are looked into
        self.implicit: dict[str, types.CodeType] = {}  # methods that operators and attributes call: name -> code
        self.where = ""  # the line that has led here

    def run(self, function: Any, text: str) -> None:
        """Search breadth first: what leads to a place is looked at before it, however long the way is."""
        self.visit(function, text)
        while self.waiting:
            x, text, self.where = self.waiting.popleft()
            self.expand(x, text)

    def foreign(self, module: str | None) -> bool:
        """True if what a module defines is not looked into."""
        return is_library(module) and (module or "").partition(".")[0] != self.own

    def read(self, kind: str, owner: Any, key: Any, expected: Any, text: str) -> None:
        self.note(kind, owner, key, expected, text)
        self.visit(expected, text)

    def note(self, kind: str, owner: Any, key: Any, expected: Any, text: str, absent: bool = False) -> None:
        self.found.append(Read(kind, owner, key, expected, text, absent, self.where))

    def visit(self, x: Any, text: str) -> None:
        """Let an object be searched, unless it was or leads nowhere."""
        kind = type(x)
        if kind in PLAIN or kind is Value or kind is Tensor or isinstance(x, np.generic) or id(x) in self.visited:
            return
        self.visited[id(x)] = x  # held, so that its id stays its own
        self.waiting.append((x, text, self.where))

    def expand(self, x: Any, text: str) -> None:
        """Search what an object leads to."""
        kind = type(x)
        if isinstance(x, list):
            self.items(x, text)
        elif isinstance(x, tuple):
            for k, item in enumerate(x):
                self.read("fixed", x, k, item, f"{text}[{k}]")
        elif isinstance(x, dict):
            self.mapping(x, text)
        elif isinstance(x, np.ndarray):
            self.array(x, text)
        elif isinstance(x, (set, bytearray)):
            self.note("equal", x, None, type(x)(x), text)
        elif kind is types.FunctionType:
            self.function(x, text)
        elif kind is types.MethodType:
            self.visit(x.__func__, text)
            self.visit(x.__self__, text.rpartition(".")[0] or "self")
        elif kind is functools.partial:
            for part in (x.func, x.args, x.keywords):
                self.visit(part, text)
        elif kind is types.ModuleType:
            if not self.foreign(x.__name__):
                self.members(x.__dict__, text, self.attributes)
        elif isinstance(x, (staticmethod, classmethod)):
            self.visit(x.__func__, text)
        elif isinstance(x, property):
            self.visit(x.fget, text)
        elif isinstance(x, type):
            if not self.foreign(x.__module__):
                self.class_members(x, x, text)
        elif not isinstance(x, (types.BuiltinFunctionType, types.CodeType, types.FrameType)):
            self.object(x, text)
        if isinstance(x, (list, dict)) and kind not in (list, dict):  # a class of a user
            self.object(x, text)

    # ---- containers ------------------------------------------------------------------------------

    def items(self, x: list[Any], text: str) -> None:
        if all(type(item) in PLAIN for item in x):
            self.note("items", x, None, tuple(x), text)
            return
        self.note("length", x, None, len(x), f"len({text})")
        for k, item in enumerate(x):
            self.read("item", x, k, item, f"{text}[{k}]")

    def mapping(self, x: dict[Any, Any], text: str) -> None:
        self.note("length", x, None, len(x), f"len({text})")
        for key, item in x.items():
            self.read("name", x, key, item, f"{text}[{key!r}]")

    def array(self, x: np.ndarray[Any, Any], text: str) -> None:
        if x.dtype.hasobject:
            if x.flags.c_contiguous and x.dtype == object:
                for k, item in enumerate(x.flat):
                    self.read("element", x, k, item, f"{text}.flat[{k}]")
            return
        if x.flags.writeable:
            self.note("memory", x, x.shape, x.tobytes(), text)

    # ---- functions -------------------------------------------------------------------------------

    def function(self, f: types.FunctionType, text: str) -> None:
        """Search the names that a function loads."""
        if self.foreign(f.__module__):
            return
        self.codes.append(f.__code__)
        code = loaded(f.__code__)
        self.names |= code.attributes
        self.asked |= code.asked
        line = f"{f.__code__.co_filename}:{{}} in {f.__qualname__}"
        for name in sorted(code.globals):
            self.where = line.format(code.lines.get(name, f.__code__.co_firstlineno))
            if name in f.__globals__:
                self.read("name", f.__globals__, name, f.__globals__[name], name)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            self.where = line.format(code.lines.get(name, f.__code__.co_firstlineno))
            try:
                self.read("cell", cell, None, cell.cell_contents, name)
            except ValueError:  # not bound yet
                pass
        self.where = line.format(f.__code__.co_firstlineno)
        for k, default in enumerate(f.__defaults__ or ()):
            self.read("default", f, k, default, f"a default of {text}")
        for name, default in (f.__kwdefaults__ or {}).items():
            self.read("default", f, name, default, f"the default {name} of {text}")

    # ---- objects ---------------------------------------------------------------------------------

    def object(self, x: Any, text: str) -> None:
        """Search attributes, and the methods that may be called."""
        of_ours = type(x).__module__.startswith("cgrad.")
        if of_ours and hasattr(x, "_paths"):  # a compiled function
            self.visit(x.function, text)
            return
        if self.foreign(type(x).__module__) and not of_ours:
            return
        own = getattr(x, "__dict__", {})
        self.members(own, text, own if of_ours else self.attributes, x)
        self.class_members(type(x), x, text)
        for name in sorted(self.asked):
            if not hasattr(type(x), name) and name not in own:
                self.note("member", x, name, None, f"{text}.{name}", absent=True)

    def members(self, own: dict[str, Any], text: str, names: Iterable[str], x: Any = None) -> None:
        """Search attributes that an object has in its dictionary; x None: a module."""
        for name in sorted(name for name in names if name in own):
            if x is None:
                self.read("name", own, name, own[name], f"{text}.{name}")
            else:
                self.read("member", x, name, own[name], f"{text}.{name}")

    def class_members(self, cls: type, x: Any, text: str) -> None:
        """Search what an object, or a class itself, has by its class: constants, slots, functions."""
        own = getattr(x, "__dict__", {}) if x is not cls else {}
        for name, member in class_attributes(cls, self.attributes | PROTOCOLS, self.foreign):
            if name in own:
                continue
            self.note_implicit(cls, name, member)
            if isinstance(member, types.MemberDescriptorType):
                try:
                    self.read("member", x, name, getattr(x, name), f"{text}.{name}")
                except AttributeError:  # an empty slot
                    pass
            elif isinstance(member, (types.FunctionType, staticmethod, classmethod, property, functools.partial)):
                self.visit(member, f"{text}.{name}")
            elif not hasattr(type(member), "__get__"):
                self.read("member", x, name, member, f"{text}.{name}")


    def note_implicit(self, cls: type, name: str, member: Any) -> None:
        code = implicit_code(name, member)
        if code is not None:
            self.implicit[f"{cls.__qualname__}.{name}"] = code


def implicit_code(name: str, member: Any) -> types.CodeType | None:
    """What runs without a call that is seen: of a property, or a method that an operator stands for."""
    function = member.fget if isinstance(member, property) else member if name in PROTOCOLS else None
    return function.__code__ if isinstance(function, types.FunctionType) else None


def class_attributes(cls: type, names: frozenset[str] | set[str],
                     foreign: Callable[[str], bool]) -> Iterator[tuple[str, Any]]:
    """(name, what its dictionary has) of a class and those that it comes from, but for foreign ones."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if not foreign(base.__module__):
            for name in sorted(names & vars(base).keys() - seen):
                seen.add(name)
                yield name, vars(base)[name]


CHANGING_CODE = {"STORE_ATTR", "STORE_GLOBAL", "STORE_SUBSCR", "DELETE_ATTR", "DELETE_GLOBAL", "DELETE_SUBSCR"}
CHANGING_NAMES = {"append", "extend", "insert", "pop", "remove", "clear", "add", "update", "setdefault", "popitem",
                  "write", "print", "next", "send", "setattr", "__setattr__", "open", "input"}


def changes(code: types.CodeType) -> bool:
    """True if some code seems to change more than its own names."""
    return any(i.opname in CHANGING_CODE or (i.opname == "STORE_DEREF" and i.argval in code.co_freevars)
               or (i.opname in MEMBER | GLOBAL and i.argval in CHANGING_NAMES) for i in dis.get_instructions(code))


def package_of(function: Any) -> str:
    """The package of a function, if it is an installed one: it is looked into then."""
    function = function.func if isinstance(function, functools.partial) else function
    module = getattr(function, "__module__", None) or type(function).__module__
    top = module.partition(".")[0]
    return "" if top in LIBRARIES else top


def is_library(module: str | None) -> bool:
    """True if what a module defines is not looked into, whoever asks."""
    top = (module or "").partition(".")[0]
    if top == "__main__":  # of a notebook, too, whose program is an installed one
        return False
    return top in LIBRARIES or (top in sys.modules and is_installed(top))


@functools.lru_cache(maxsize=1024)
def is_installed(top: str) -> bool:
    """True if a package lies among those that are installed."""
    file = getattr(sys.modules[top], "__file__", None) or ""
    return any(folder in file for folder in INSTALLED)


def kept_by(reads: Reads) -> bool:
    """True if a recording depends on numbers, text or containers that were read, besides leaves and functions."""
    return any(read.kind_name in ("items", "length", "memory", "equal") or type(read.value) in PLAIN
               for read in reads.reads)


def described(reads: Reads) -> Iterator[str]:
    """What is looked at again at each call, a line each, for people."""
    for read in reads.reads:
        value = read.value
        if isinstance(value, types.ModuleType):
            continue
        where = f", {read.where}" if read.where else ""
        yield f"reads {read.text}{where}: {'nothing there' if read.absent else what(read.kind_name, value)}"


def what(kind: str, value: Any) -> str:
    """How a value that was read is compared, for people."""
    if kind == "memory":
        return f"an array of {len(value)} bytes, compared at each call"
    if kind == "items":
        return f"a list of {len(value)} plain values, compared at each call"
    if isinstance(value, (Value, Tensor)):
        return "a leaf, read at each call" if value._tape is None else "a node"
    if type(value) in PLAIN:
        return f"{value!r}, another one is recorded anew"
    return f"a {type(value).__name__}, by identity"
