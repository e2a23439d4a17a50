"""Checks of derivatives against central finite differences.

A derivative of order k is checked at one point: the k-th, taken by cgrad, against difference quotients
of the (k-1)-th. So each order needs one numerical differentiation only, and keeps its digits. The
quotients are extrapolated (Richardson, Ridders): for steps h, h/2, h/4, ...

    D(h) = (f(x + h) - f(x - h))/(2 h) = f'(x) + c2 h^2 + c4 h^4 + ...

a table removes h^2, h^4, ... in turn, and is built until rounding errors (about eps*|f|/h) take over.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import errors
from ._core import Tape, Value, gradients, tangents

__all__ = ["check_grads", "finite_difference", "gradcheck", "gradgradcheck"]

Numbers: TypeAlias = NDArray[np.float64]

ROWS = 30  # of the extrapolation table: halvings of the step
COLUMNS = 8  # of it: powers of h^2 removed
RETREATS = 20  # how often a step that leaves the domain is cut by 8
EPSILON = float(np.finfo(np.float64).eps)
MODES = ("rev", "fwd")


class Estimate(NamedTuple):
    """A numerical derivative, the last change of its extrapolation, and a bound of its rounding errors."""

    value: Numbers
    spread: Numbers
    rounding: Numbers


# ---- difference quotients ------------------------------------------------------------------------

def _differentiate(f: Callable[[float], Numbers], x: float, eps: float) -> Estimate:
    """df/dx at x for a function of a number that gives an array; nan where no step gave numbers.

    Of all entries of the table the one with the least spread + rounding, for each element of the array.
    """
    h = eps * max(1.0, abs(x))
    nothing = np.full(f(x).shape, np.nan)
    best = Estimate(nothing, np.full(nothing.shape, np.inf), np.zeros(nothing.shape))
    last: list[Numbers] = []
    retreats = rows = 0
    while rows < ROWS:
        right, left = x + h, x - h
        above, below = f(right), f(left)
        if right == left or not (np.isfinite(above).all() and np.isfinite(below).all()):
            retreats += 1
            if right == left or retreats > RETREATS:
                break
            last, rows, h = [], 0, h / 8
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            row = [(above - below) / (right - left)]
            rounding = 2 * EPSILON * np.maximum(abs(above), abs(below)) / h
            for k, before in enumerate(last[:COLUMNS]):
                row.append(row[k] + (row[k] - before) / (4.0 ** (k + 1) - 1))
                spread = np.maximum(abs(row[k + 1] - row[k]), abs(row[k + 1] - before))
                better = spread + rounding < best.spread + best.rounding
                best = Estimate(*(np.where(better, new, old) for new, old in
                                  zip((row[k + 1], spread, rounding), best, strict=True)))
        if rows >= 2 and (rounding >= best.spread + best.rounding).all():
            break  # smaller steps cannot do better
        last, rows, h = row, rows + 1, h / 2
    return best


def finite_difference(f: Callable[..., Any], args: Any, *, eps: float = 1e-2) -> Any:
    """cgrad.testing.finite_difference(f, args, *, eps=1e-2): the gradient of f at args, by numbers alone.

    Central differences, extrapolated over steps h = eps*max(1, |x|), h/2, h/4, ...; 10 to 12 correct
    digits for smooth functions. Steps that leave f's domain (nan, inf) are cut until they do not.

    f: called as ``f(*args)`` with plain numbers, it returns one. args: a list or tuple of arguments,
    each a number, a nesting of lists, tuples and dicts of numbers, or an array; a number stands for one
    argument. Gives what args is, of derivatives; nan where no difference quotient is finite.

    Raises TypeError for arguments or a result that are no numbers.

    >>> import cgrad, math
    >>> dx, (dy, dz) = cgrad.testing.finite_difference(lambda x, p: x*math.exp(p[0])/p[1], [3.0, [0.0, 2.0]])
    >>> round(dx, 9), round(dy, 9), round(dz, 9)
    (0.5, 1.5, -0.75)
    """
    point = _Point("finite_difference", f, args)

    def shifted(k: int) -> Callable[[float], Numbers]:
        def value(x: float) -> Numbers:
            return np.array([_result("finite_difference", f(*point.arguments([*point.x[:k], x, *point.x[k + 1:]])))])
        return value

    found = [float(_differentiate(shifted(k), x, eps).value[0]) for k, x in enumerate(point.x)]
    return found[0] if point.single else point.rebuild(found)


def _result(op: str, out: Any) -> float:
    if isinstance(out, Value):
        out = out.item()
    if isinstance(out, (bool, int, float, np.integer, np.floating, np.bool_)):
        return float(out)
    raise errors.no_value(op, "f(*args)", out)


# ---- arguments -----------------------------------------------------------------------------------

class _Point:
    """Arguments of f as a flat list of numbers ``x``, with a label each, and the way back."""

    def __init__(self, op: str, f: Callable[..., Any], args: Any) -> None:
        self.single = isinstance(args, Value) or not isinstance(args, (list, tuple))
        self.args = (args,) if self.single else args
        self.x: list[float] = []
        self.labels: list[str] = []
        names = _parameters(f, len(self.args))
        for name, arg in zip(names, self.args, strict=True):
            for label, x in _leaves(op, name, arg):
                self.labels.append(label)
                self.x.append(x)
        if not self.x:
            raise errors.nothing(op, "args", "number")

    def rebuild(self, leaves: Sequence[Any]) -> Any:
        """args with other leaves."""
        rest = iter(leaves)
        return _like(self.args, [_fill(arg, rest) for arg in self.args])

    def arguments(self, leaves: Sequence[Any]) -> list[Any]:
        return list(self.rebuild(leaves))


def _parameters(f: Callable[..., Any], n: int) -> list[str]:
    """The names of f's first n parameters, or args[0], args[1], ..."""
    try:
        parameters = [p.name for p in inspect.signature(f).parameters.values()
                      if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    except (TypeError, ValueError):
        parameters = []
    return parameters[:n] + [f"args[{k}]" for k in range(len(parameters), n)]


def _leaves(op: str, label: str, arg: Any) -> Iterator[tuple[str, float]]:
    if isinstance(arg, Value):
        yield label, arg.item()
    elif isinstance(arg, (list, tuple)):
        for k, item in enumerate(arg):
            yield from _leaves(op, f"{label}[{k}]", item)
    elif isinstance(arg, dict):
        for key, item in arg.items():
            yield from _leaves(op, f"{label}[{key!r}]", item)
    elif isinstance(arg, np.ndarray) and arg.ndim:
        for place in np.ndindex(arg.shape):
            yield from _leaves(op, f"{label}[{', '.join(map(str, place))}]", arg[place])
    elif isinstance(arg, (bool, int, float, np.integer, np.floating, np.bool_)):
        yield label, float(arg)
    else:
        raise errors.no_number(op, label, arg)


def _fill(arg: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(arg, (list, tuple)) and not isinstance(arg, Value):
        return _like(arg, [_fill(item, leaves) for item in arg])
    if isinstance(arg, dict):
        return {key: _fill(item, leaves) for key, item in arg.items()}
    if isinstance(arg, np.ndarray) and arg.ndim:
        items = [next(leaves) for _ in range(arg.size)]
        array = np.empty(arg.size, dtype=object if any(isinstance(x, Value) for x in items) else np.float64)
        array[:] = items
        return array.reshape(arg.shape)
    return next(leaves)


def _like(old: Any, items: list[Any]) -> Any:
    """items in a list, tuple or named tuple like old."""
    if isinstance(old, list):
        return items
    return type(old)(*items) if hasattr(old, "_fields") else tuple(items)


# ---- cgrad's derivatives -------------------------------------------------------------------------

Index: TypeAlias = "tuple[int, ...]"


class _Function:
    """f as a function of flat points, and its derivatives: {(i, j, ...): d/dx_i d/dx_j ... f}, i <= j <= ..."""

    def __init__(self, op: str, f: Callable[..., Any], point: _Point) -> None:
        self.op, self.f, self.point = op, f, point
        self.n = len(point.x)

    def record(self, x: Sequence[float]) -> tuple[list[Value], Value]:
        leaves = [Value(number, name=label) for number, label in zip(x, self.point.labels, strict=True)]
        out = self.f(*self.point.arguments(leaves))
        if isinstance(out, np.ndarray) and out.ndim == 0:
            out = out[()]
        return leaves, out if isinstance(out, Value) else Value(_result(self.op, out))

    def recorded(self, leaves: list[Value], out: Value, order: int) -> dict[Index, Value]:
        """The derivatives of an order as nodes."""
        found: dict[Index, Value] = {(): out}
        for _ in range(order):
            found = {(*index, i): g for index, v in found.items()
                     for i, g in enumerate(gradients(v, leaves, create_graph=True).wrt(leaves))
                     if not index or i >= index[-1]}
        return found

    def numbers(self, x: Sequence[float], order: int) -> Numbers:
        """The derivatives of an order as numbers, in the order of ``indices``."""
        with Tape():
            leaves, out = self.record(x)
            if order == 0:
                return np.array([out.item()])
            if not np.isfinite(out.item()):  # outside f's domain; a derivative like log's 1/x may not tell
                return np.full(len(self.indices(order)), np.nan)
            return np.array([g for index, v in self.recorded(leaves, out, order - 1).items()
                             for i, g in enumerate(gradients(v, leaves).wrt(leaves)) if not index or i >= index[-1]])

    def indices(self, order: int) -> list[Index]:
        return list(combinations_with_replacement(range(self.n), order))

    def derivatives(self, order: int, modes: Sequence[str]) -> Iterator[tuple[str, Numbers]]:
        """By each way: (indices of order - 1) x (all of x), the last derivative taken that way."""
        with Tape():
            leaves, out = self.record(self.point.x)
            found = list(self.recorded(leaves, out, order - 1).values())
            if "rev" in modes:
                yield "rev", np.array([gradients(v, leaves).wrt(leaves) for v in found])
                yield "rev, recorded", np.array([[g.item() for g in gradients(v, leaves, create_graph=True).wrt(leaves)]
                                                 for v in found])
            if "fwd" in modes:
                yield "fwd", np.array([tangents(v, leaves, seed=np.eye(self.n)) for v in found])


def check_grads(f: Callable[..., Any], args: Any, order: int = 2, modes: Sequence[str] = MODES, *,
                rtol: float = 1e-6, atol: float = 1e-8, eps: float = 1e-2) -> None:
    """cgrad.testing.check_grads(f, args, order=2, modes=("rev", "fwd"), *, rtol=1e-6, atol=1e-8, eps=1e-2).

    Compares every derivative of f at args, up to an order, with extrapolated central differences
    of the derivatives one order lower: |d - difference| <= atol + rtol*max(|d|, |difference|), and what
    rounding can do to the difference.

    f: called as ``f(*args)`` with Values in the places of numbers; it returns a Value. args: as for
    ``finite_difference``; an array comes as an array of Values. modes: how the last derivative is taken,
    "rev" by reverse sweeps (numeric and recorded ones), "fwd" by a forward sweep over the recorded
    derivative of the order before. eps: the first step, relative to max(1, |x|).

    Raises AssertionError for a wrong derivative, naming the argument, the order and both numbers;
    ValueError where f is not finite; TypeError for what is no number.

    >>> import cgrad
    >>> cgrad.testing.check_grads(lambda x, y: cgrad.sin(x)*y[0]**y[1], [0.5, [2.0, 3.0]], order=3)
    >>> cgrad.testing.check_grads(lambda x: x*x.detach(), [3.0], order=1)
    Traceback (most recent call last):
    AssertionError: check_grads: <lambda>, order 1, rev: d f/d x is 3.0, finite differences give 6.0
    """
    _check("check_grads", f, args, order, (modes,) if isinstance(modes, str) else tuple(modes), rtol, atol, eps)


def _check(op: str, f: Callable[..., Any], args: Any, order: int, modes: Sequence[str], rtol: float, atol: float,
           eps: float) -> None:
    if order < 1:
        raise errors.bad_option(op, "order", order, "give 1 or more")
    if not modes or not set(modes) <= set(MODES):
        raise errors.bad_option(op, "modes", modes, f"give some of {', '.join(map(repr, MODES))}")
    if not eps > 0:
        raise errors.bad_option(op, "eps", eps, "give a positive step")
    point = _Point(op, f, args)
    function = _Function(op, f, point)
    value, again = function.numbers(point.x, 0)[0], function.numbers(point.x, 0)[0]
    if not np.isfinite(value):
        raise errors.bad_option(op, "f(*args)", float(value), "derivatives can be checked where it is finite")
    name = getattr(f, "__name__", repr(f))
    if value != again:
        raise AssertionError(f"{op}: {name} gives {value} and {again} for the same arguments: "
                             "fix its random numbers")
    for k in range(1, order + 1):
        differences = [_differentiate(_along(function, j, k - 1), point.x[j], eps) for j in range(function.n)]
        for mode, found in function.derivatives(k, modes):
            for row, index in enumerate(function.indices(k - 1)):
                for j, difference in enumerate(differences):
                    _compare(f"{op}: {name}, order {k}, {mode}: {_symbol(point.labels, (*index, j))}",
                             float(found[row, j]), difference, row, rtol, atol)


def _along(function: _Function, j: int, order: int) -> Callable[[float], Numbers]:
    """The derivatives of an order as a function of x_j."""
    x = function.point.x
    return lambda moved: function.numbers([*x[:j], moved, *x[j + 1:]], order)


def _symbol(labels: list[str], index: Index) -> str:
    power = f"^{len(index)}" if len(index) > 1 else ""
    return f"d{power} f/{' '.join(f'd {labels[i]}' for i in index)}"


def _compare(what: str, found: float, numerical: Estimate, row: int, rtol: float, atol: float) -> None:
    difference, spread, rounding = (float(x[row]) for x in numerical)
    allowed = atol + rtol * max(abs(found), abs(difference)) + rounding
    if abs(found - difference) <= allowed:
        return
    text = f"{what} is {found!r}, finite differences give {float(f'{difference:.12g}')!r}"
    if np.isfinite(found) and not np.isfinite(difference):
        text += " (no difference quotient is finite here)"
    elif spread > allowed:
        text += f" +- {spread:.1g} (they do not settle: f may have a kink or a jump here)"
    raise AssertionError(text)


# ---- PyTorch's names -----------------------------------------------------------------------------

def gradcheck(func: Callable[..., Any], inputs: Any, *, eps: float = 1e-2, atol: float = 1e-8, rtol: float = 1e-6,
              raise_exception: bool = True) -> bool:
    """cgrad.testing.gradcheck(func, inputs, *, eps, atol, rtol, raise_exception=True): ``check_grads``, order 1.

    PyTorch's name and arguments. True if all is well; else AssertionError, or False as asked.

    >>> import cgrad
    >>> cgrad.testing.gradcheck(cgrad.tanh, [0.3])
    True
    """
    return _checked("gradcheck", func, inputs, 1, eps, atol, rtol, raise_exception)


def gradgradcheck(func: Callable[..., Any], inputs: Any, *, eps: float = 1e-2, atol: float = 1e-8, rtol: float = 1e-6,
                  raise_exception: bool = True) -> bool:
    """cgrad.testing.gradgradcheck(func, inputs, *, eps, atol, rtol, raise_exception=True): orders 1 and 2.

    PyTorch's name and arguments. True if all is well; else AssertionError, or False as asked.

    >>> import cgrad
    >>> cgrad.testing.gradgradcheck(lambda x, y: x**y, [2.0, 3.0])
    True
    """
    return _checked("gradgradcheck", func, inputs, 2, eps, atol, rtol, raise_exception)


def _checked(op: str, f: Callable[..., Any], args: Any, order: int, eps: float, atol: float, rtol: float,
             raise_exception: bool) -> bool:
    try:
        _check(op, f, args, order, MODES, rtol, atol, eps)
    except AssertionError:
        if raise_exception:
            raise
        return False
    return True
