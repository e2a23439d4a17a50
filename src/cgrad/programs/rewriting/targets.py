"""What calls in rewritten code lead to, and which of these have no effects besides their results.

A side that runs on trial may call only what has none (core/tracing/merge.pxi).
"""

from __future__ import annotations

import builtins
import enum
import functools
import itertools
import math
import operator
import sys
import types
from collections import deque
from collections.abc import Callable, Container
from typing import Any

import numpy as np

from ..._core import (
    Condition,
    Conditions,
    Gradients,
    Tensor,
    Value,
    as_condition,
    call_eagerly_by,
    called,
    choice,
    condition_number,
    static,
    where,
)
from ...ops._traced import FEW, exchange
from ...ops.callees import replacement
from ...ops.create import RECORDED
from ..reads import is_library
from .rewritten import rewritten

Target = tuple[Any, bool, bool]  # what is called; whether it has no effects; whether it uses up iterators
CONSUMING = {list, tuple, set, frozenset, dict, sum, max, min, any, all, sorted, zip, enumerate, map, filter, deque,
             math.fsum, math.prod, functools.reduce}

HARMLESS_MODULES = {"math", "cmath", "operator", "_operator", "itertools", "functools", "_functools", "statistics",
                    "numbers", "fractions", "decimal", "copy", "bisect", "_bisect", "scipy.special",
                    "scipy.special._ufuncs", "scipy.special._special_ufuncs", "scipy.special._logsumexp"}
HARMLESS = {getattr(builtins, name) for name in (
    "abs all any ascii bin bool bytes callable chr complex dict divmod enumerate filter float format frozenset "
    "getattr hasattr hash hex id int isinstance issubclass len list map max min object oct ord pow property range "
    "repr reversed round set slice sorted str sum tuple type zip").split()}
CHANGING_NUMPY = {"vectorize", "apply_along_axis", "apply_over_axes", "fromfunction", "piecewise", "fromiter",
                  "frompyfunc", "copyto", "put", "place", "putmask", "fill_diagonal", "save", "savez",
                  "savez_compressed", "savetxt", "seterr", "seterrcall", "setbufsize", "set_printoptions",
                  "put_along_axis"}
CHANGING_CGRAD = {"seed", "backward", "step", "zero_grad", "train", "eval"}
DERIVATIVES = {"grad", "value_and_grad", "jvp", "vjp", "hvp", "jacobian", "hessian"}  # of compiled functions
IMMUTABLE = (str, bytes, tuple, frozenset, int, float, complex, range, Value, Condition, type(None), np.generic)
READING = {"list": {"index", "count", "copy"}, "dict": {"get", "keys", "values", "items", "copy"},
           "set": {"union", "intersection", "difference", "symmetric_difference", "copy", "issubset", "issuperset",
                   "isdisjoint"},
           "ndarray": {"sum", "mean", "dot", "copy", "reshape", "ravel", "flatten", "transpose", "prod", "max", "min",
                       "std", "var", "cumsum", "cumprod", "any", "all", "argmax", "argmin", "item", "tolist",
                       "astype", "clip", "round", "trace", "diagonal", "squeeze", "repeat", "take", "nonzero",
                       "swapaxes", "argsort", "searchsorted", "conj", "view"}}
CALLING = "cgrad.nn.module"  # of the package, and calls what users wrote: Module.__call__, Sequential.forward


class Targets:
    """What calls lead to, for one recording. own: installed packages whose functions are the user's."""

    def __init__(self, merge: bool, unread: dict[str, str], own: Container[str]) -> None:
        self.merge, self.unread, self.own = merge, unread, own
        self.replaced = replacements(merge)
        self.replaces = False  # some call leads elsewhere

    def __call__(self, f: Any) -> Target:
        """What is called in the place of f."""
        try:
            return (*self.target(f), f in CONSUMING or type(f).__module__ == "itertools")
        except TypeError:  # no hash
            return (*self.target(f), False)

    def target(self, f: Any) -> tuple[Any, bool]:
        try:
            known = self.replaced.get(f)
        except TypeError:
            known = None
        if known is None:
            known = replacement(f)
        if known is not None:
            self.replaces = True
            return known, True
        kind = type(f)
        if is_compiled(getattr(f, "__self__", None)) and f.__name__ in DERIVATIVES:
            return f, True  # it asks what the function itself leads to
        if kind is types.FunctionType:
            return self.function(f)
        if kind is types.MethodType:
            if type(f.__func__) is types.FunctionType:
                function, harmless = self.function(f.__func__)
                return (types.MethodType(function, f.__self__) if function is not f.__func__ else f), harmless
            return f, False
        if kind is functools.partial:
            function, harmless = self.target(f.func)
            return functools.partial(function, *f.args, **f.keywords), harmless
        if is_compiled(f):  # it runs the function itself
            return self.target(f.function) if callable(f.function) else (f, False)
        if kind is types.BuiltinMethodType and isinstance(f.__self__, dict) and f.__name__ in BY_KEY:
            return by_key(f), f.__name__ == "get"
        if isinstance(f, enum.EnumMeta):
            return by_key(f), True
        call = kind.__call__ if callable(f) else None
        if type(call) is types.FunctionType:
            function, harmless = self.function(call)
            return (types.MethodType(function, f) if function is not call else f), harmless
        return f, harmless_builtin(f)

    def function(self, f: types.FunctionType) -> tuple[Any, bool]:
        """A Python function: rewritten if it is a user's."""
        if self.foreign(f):
            return f, harmless_library(f)
        made, why = rewritten(f, self.merge)
        if why:
            self.unread.setdefault(f"{f.__qualname__} ({f.__code__.co_filename}:{f.__code__.co_firstlineno})", why)
        return made, not why

    def foreign(self, f: types.FunctionType) -> bool:
        """True if a function is a library's, and not that of the user."""
        module = f.__module__ or ""
        return is_library(module) and module != CALLING and module.partition(".")[0] not in self.own \
            and not f.__code__.co_filename.startswith("<doctest ")  # an example, with the names of a module


def is_compiled(f: Any) -> bool:
    """True of a compiled function."""
    return type(f).__module__.startswith("cgrad.") and hasattr(f, "_paths")


def harmless_library(f: types.FunctionType) -> bool:
    """True if a function of a library, in Python, has no effects."""
    module, name = f.__module__ or "", f.__name__
    if module.startswith("cgrad"):
        return name not in CHANGING_CGRAD and not name.endswith("_") \
            and ".optim" not in module and ".data" not in module
    if module.startswith("numpy"):
        return name not in CHANGING_NUMPY and ".random" not in module
    return module in HARMLESS_MODULES


def harmless_builtin(f: Any) -> bool:
    """True if something callable that is compiled, or a class, has no effects."""
    if isinstance(f, type):
        return harmless_class(f)
    if isinstance(f, np.ufunc):
        return True
    try:
        if f in HARMLESS:
            return True
    except TypeError:
        return False
    owner = getattr(f, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType):
        module, name = getattr(f, "__module__", None) or "", getattr(f, "__name__", "")
        if module.startswith("cgrad"):
            return name not in CHANGING_CGRAD
        if module.startswith("numpy"):
            return name not in CHANGING_NUMPY and ".random" not in module
        return module in HARMLESS_MODULES
    if isinstance(owner, Tensor):
        return f.__name__ not in CHANGING_CGRAD and not f.__name__.endswith("_")
    if isinstance(owner, (*IMMUTABLE, Conditions, Gradients)):
        return getattr(f, "__name__", "") not in CHANGING_CGRAD
    names = READING.get("ndarray" if isinstance(owner, np.ndarray) else type(owner).__name__)
    return names is not None and getattr(f, "__name__", "") in names


def harmless_class(cls: type) -> bool:
    """True if making an object of a class has no effects: numbers, containers, named tuples, plain dataclasses."""
    if cls in HARMLESS or issubclass(cls, (np.generic, BaseException)) or cls.__module__ in HARMLESS_MODULES:
        return True
    if cls.__module__.startswith("cgrad"):
        return cls in (Value, Tensor)
    if issubclass(cls, tuple):
        return cls.__new__ is tuple.__new__ or hasattr(cls, "_fields")
    if hasattr(cls, "__dataclass_fields__"):
        made = getattr(cls.__init__, "__code__", None)
        return made is not None and made.co_filename == "<string>" and not hasattr(cls, "__post_init__") \
            and cls.__new__ is object.__new__
    return cls.__init__ is object.__init__ and cls.__new__ is object.__new__ and type(cls) is type


BY_KEY = {"get", "pop", "setdefault", "__getitem__", "__contains__"}


def by_key(f: Any) -> Any:
    """A method of a dict, or an enum, for which a traced number is the plain number, guarded by equality."""
    def call(*args: Any, **kwargs: Any) -> Any:
        return f(*[static(condition_number(x)) if is_number(x) else x for x in args[:1]], *args[1:], **kwargs)

    return call


def applying(plain: Any) -> Any:
    """A function that calls the one it is given: what that leads to."""
    def call(f: Any, *args: Any, **kwargs: Any) -> Any:
        return plain(called(f) if callable(f) else f, *args, **kwargs)

    return call


def applying_second(plain: Any) -> Any:
    def call(x: Any, f: Any = None, **kwargs: Any) -> Any:
        return plain(x, **kwargs) if f is None else plain(x, called(f), **kwargs)

    return call


# ---- functions that others take the place of -----------------------------------------------------------

def type_of(*args: Any) -> Any:
    """``type(x)``: a traced number is a float, a condition a bool."""
    if len(args) == 1 and isinstance(args[0], (Value, Condition)):
        return float if isinstance(args[0], Value) else bool
    return type(*args)


def to_float(*args: Any) -> Any:
    """``float(x)``: a traced number is the number."""
    if len(args) == 1 and isinstance(args[0], (Value, Condition)):
        return condition_number(args[0])
    if len(args) == 1 and isinstance(args[0], Tensor) and args[0].size == 1:
        return args[0].reshape(-1)[0]
    return float(*args)


def to_int(*args: Any, **kwargs: Any) -> Any:
    """``int(x)``: a traced number towards 0."""
    if len(args) == 1 and not kwargs and isinstance(args[0], (Value, Condition)):
        x = condition_number(args[0])
        return math.trunc(x)
    return int(*args, **kwargs)


def to_deque(items: Any = (), maxlen: Any = None) -> Any:
    """``deque(items, maxlen)``: a traced length is guarded by equality."""
    return deque(items, operator.index(maxlen) if is_number(maxlen) else maxlen)


def to_bool(*args: Any) -> Any:
    """``bool(x)``: a traced number is a condition."""
    found = as_condition(args[0]) if len(args) == 1 else None
    return found if found is not None else bool(*args)


def is_instance(x: Any, cls: Any) -> bool:
    """``isinstance(x, cls)``: a traced number is a float too, a condition a bool."""
    if isinstance(x, cls):
        return True
    return isinstance(x, Value) and isinstance(0.0, cls) or isinstance(x, Condition) and isinstance(True, cls)


def caller() -> tuple[str, int, str, int]:
    """The place in the user's code that calls a function of this module."""
    frame = sys._getframe(2)
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname, 0


def itself(x: Any) -> Any:
    return x


def extremum(better: Callable[[Any, Any], Any], plain: Callable[..., Any]) -> Any:
    """``max`` or ``min``: of traced numbers a choice by each comparison that Python makes."""
    def chosen(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not isinstance(args[0], Tensor):
            items = list(args[0])
            args = (items,)
        else:
            items = list(args)
        if kwargs.get("key") is not None:
            kwargs["key"] = called(kwargs["key"])
        if kwargs.get("key") is not None or len(items) < 2 or not any(map(is_number, items)):
            return plain(*args, **kwargs)
        best, place = items[0], caller()
        for x in items[1:]:
            best = choice(place, better(x, best), functools.partial(itself, x), functools.partial(itself, best))
        return best

    return chosen


def in_order(items: Any, **kwargs: Any) -> Any:
    """``sorted``: of a few traced numbers a network of choices between neighbours, which keeps equal ones in order."""
    found = list(items)
    if kwargs.get("key") is not None:
        kwargs["key"] = called(kwargs["key"])
    if kwargs.get("key") is not None or not 2 <= len(found) <= FEW or not any(map(is_number, found)) \
            or not all(is_number(x) or isinstance(x, (float, int)) for x in found):
        return sorted(found, **kwargs)
    if not bool(folded(operator.and_, False, all)([x == x for x in found])):  # Python's order of nan is by chance
        return sorted(found, **kwargs)
    order = -1 if kwargs.get("reverse") else 1  # equal ones stay in their order all the same
    numbers = [condition_number(x) for x in found[::order]]
    exchange(numbers)
    return numbers[::order]


def is_number(x: Any) -> bool:
    return isinstance(x, (Value, Condition))


def larger(plain: Any, better: Callable[[Any, Any], Any]) -> Any:
    """np.maximum or np.minimum: of arrays of Values a choice by the comparison that NumPy makes."""
    def chosen(x: Any, y: Any) -> Any:
        if isinstance(x, Condition):
            x = condition_number(x)
        if isinstance(y, Condition):
            y = condition_number(y)
        c = better(x, y)
        if isinstance(c, Condition):
            return where(condition_number(c), x, where(condition_number(x != x), x, y))
        return x if c or x != x else y

    over_objects = np.frompyfunc(chosen, 2, 1)

    def extreme(x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        if not args and not kwargs and any(isinstance(a, np.ndarray) and a.dtype == object for a in (x, y)) \
                and not isinstance(x, Tensor) and not isinstance(y, Tensor):
            return over_objects(*[np.asarray(a, object) for a in (x, y)])
        return plain(x, y, *args, **kwargs)

    return extreme


def folded(pair: Callable[[Any, Any], Any], end: bool, plain: Callable[..., Any]) -> Any:
    """``any`` or ``all``: of conditions as one."""
    def found(items: Any) -> Any:
        result: Any = not end
        try:
            for x in items:
                c = as_condition(x)
                if c is None:
                    if bool(x) == end:
                        return end
                else:
                    result = c if isinstance(result, bool) else pair(result, c)
        except Exception:  # Python would have stopped before, if the outcomes so far say so
            if bool(result) != end:
                raise
        return result

    found.__name__ = plain.__name__
    return found


@functools.cache
def replacements(merge: bool) -> dict[Any, Any]:
    """Functions that others take the place of."""
    found: dict[Any, Any] = {**RECORDED, float: to_float, int: to_int, type: type_of, isinstance: is_instance,
                             map: applying(map), filter: applying(filter), functools.reduce: applying(functools.reduce),
                             itertools.starmap: applying(itertools.starmap),
                             itertools.accumulate: applying_second(itertools.accumulate), deque: to_deque}
    if merge:
        found[bool] = to_bool
        found[max] = extremum(operator.gt, max)
        found[min] = extremum(operator.lt, min)
        found[sorted] = in_order
        found[np.maximum], found[np.minimum] = larger(np.maximum, operator.ge), larger(np.minimum, operator.le)
        found[any] = folded(operator.or_, True, any)
        found[all] = folded(operator.and_, False, all)
    return found


PACKAGES: set[str] = set()  # of functions that ran eagerly, as they were compiled
call_eagerly_by(Targets(False, {}, PACKAGES))
