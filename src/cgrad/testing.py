"""Checks of derivatives against central finite differences.

A derivative of order k is checked at one point: the k-th, taken by cgrad, against difference quotients of the (k-1)-th.
Each order then needs a single numerical differentiation and keeps its digits. The quotients are extrapolated
(Richardson, Ridders): for steps h, h/2, h/4, ...

    D(h) = (f(x + h) - f(x - h))/(2 h) = f'(x) + c2 h^2 + c4 h^4 + ...

a table removes h^2, h^4, ... in turn, and is built until rounding errors (about eps*|f|/h) take over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from . import errors
from ._core import Tape, Tensor, Value, gradients, tangents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

__all__ = ["check_grads", "finite_difference", "gradcheck", "gradgradcheck"]

ROWS = 30  # of the extrapolation table: halvings of the step
COLUMNS = 8  # of it: powers of h^2 removed
RETREATS = 20  # how often a step that leaves the domain is cut by 8
DOUBLE = np.dtype(np.float64)
MODES = ("rev", "fwd")


class Estimate(NamedTuple):
    """A numerical derivative, the last change of its extrapolation, and a bound on its rounding errors."""

    value: Numbers
    spread: Numbers
    rounding: Numbers


# ---- difference quotients ------------------------------------------------------------------------

def _differentiate(f: Callable[[float], Numbers], x: float, eps: float, epsilon: float) -> Estimate:
    """df/dx at x, for a function from a number to an array; nan if no step gave finite numbers.

    For each element the entry of the table with the least spread + rounding. epsilon: the precision of f's numbers; x
    is moved to numbers of that precision.
    """
    h = eps * max(1.0, abs(x))
    kind = np.float64 if epsilon <= np.finfo(np.float64).eps else np.float32
    nothing = np.full(f(x).shape, np.nan)
    best = Estimate(nothing, np.full(nothing.shape, np.inf), np.zeros(nothing.shape))
    last: list[Numbers] = []
    retreats = rows = 0
    while rows < ROWS:
        right, left = float(kind(x + h)), float(kind(x - h))
        above, below = f(right), f(left)
        if right == left or not (np.isfinite(above).all() and np.isfinite(below).all()):
            retreats += 1
            if right == left or retreats > RETREATS:
                break
            last, rows, h = [], 0, h / 8
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            row = [(above - below) / (right - left)]
            rounding = 2 * epsilon * np.maximum(abs(above), abs(below)) / h
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
    """The gradient of f at args by central differences of plain numbers, extrapolated to 10 to 12 correct digits.

    f: called as ``f(*args)`` with plain numbers and arrays, it returns one number. args: a list or tuple of arguments,
    each a number, an array or Tensor, or a nesting of lists, tuples and dicts of these; a number or array alone is one
    argument. eps: steps are h = eps*max(1, |x|), h/2, h/4, ...; those that leave f's domain (nan, inf) are cut until
    they do not. Returns derivatives in the structure of args, arrays for Tensors; nan where no difference quotient is
    finite. Raises TypeError for arguments or a result that are not numbers.

    >>> import cgrad, math
    >>> dx, (dy, dz) = cgrad.testing.finite_difference(lambda x, p: x*math.exp(p[0])/p[1], [3.0, [0.0, 2.0]])
    >>> round(dx, 9), round(dy, 9), round(dz, 9)
    (0.5, 1.5, -0.75)
    """
    point = _Point("finite_difference", f, args)

    def shifted(k: int) -> Callable[[float], Numbers]:
        def value(x: float) -> Numbers:
            return np.array([_to_float("finite_difference", f(*point.numbers([*point.x[:k], x, *point.x[k + 1:]])))])
        return value

    found = [float(_differentiate(shifted(k), x, eps, point.epsilon).value[0]) for k, x in enumerate(point.x)]
    return point.like(found)


def _is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float, np.integer, np.floating, np.bool_))


def _to_float(op: str, out: Any) -> float:
    if isinstance(out, (Value, Tensor)) and out.shape == ():
        out = out.item()
    if isinstance(out, np.ndarray) and out.shape == ():
        out = out[()]
    if _is_number(out):
        return float(out)
    raise errors.no_value(op, "f(*args)", out)


# ---- arguments -----------------------------------------------------------------------------------

class _Part(NamedTuple):
    """One number (kind None) or array of numbers (kind its dtype) in the arguments."""

    label: str
    x: Numbers
    kind: np.dtype[Any] | None


class _Point:
    """The arguments of f as a flat list of numbers ``x`` with a label each, and the way back.

    f gets Values for numbers, Tensors for arrays, and arrays of Values (dtype object) for such arrays. epsilon: the
    precision of the arguments.
    """

    def __init__(self, op: str, f: Callable[..., Any], args: Any) -> None:
        self.single = isinstance(args, (Value, Tensor)) or not isinstance(args, (list, tuple))
        self.args = (args,) if self.single else args
        names = _parameters(f, len(self.args))
        self.parts = [part for name, arg in zip(names, self.args, strict=True) for part in _parts(op, name, arg)]
        self.x: list[float] = []
        self.labels: list[str] = []
        for part in self.parts:
            self.x += part.x.ravel().tolist()
            self.labels += _element_labels(part.label, part.x.shape) if part.kind else [part.label]
        if not self.x:
            raise errors.nothing(op, "args", "number")
        self.arrays = any(part.kind for part in self.parts)
        self.epsilon = max(float(np.finfo(part.kind or DOUBLE).eps) for part in self.parts)

    def _pieces(self, x: Sequence[float]) -> list[Any]:
        """x cut into the parts, floats and arrays."""
        pieces: list[Any] = []
        start = 0
        for part in self.parts:
            piece = x[start: start + part.x.size]
            start += part.x.size
            pieces.append(np.array(piece, dtype=part.kind).reshape(part.x.shape) if part.kind else float(piece[0]))
        return pieces

    def rebuild(self, pieces: Sequence[Any]) -> Any:
        """args with other parts."""
        rest = iter(pieces)
        return _same_container(self.args, [_replace_parts(arg, rest) for arg in self.args])

    def numbers(self, x: Sequence[float]) -> list[Any]:
        """The arguments at another point, plain."""
        return list(self.rebuild(self._pieces(x)))

    def like(self, x: Sequence[float]) -> Any:
        """Derivatives in the structure of args."""
        pieces = self._pieces(x)
        return pieces[0] if self.single else self.rebuild(pieces)

    def leaves(self, x: Sequence[float]) -> list[Any]:
        """A Value or a Tensor for each part."""
        return [Tensor(piece, requires_grad=True, name=part.label) if part.kind else Value(piece, name=part.label)
                for part, piece in zip(self.parts, self._pieces(x), strict=True)]


def _parameters(f: Callable[..., Any], n: int) -> list[str]:
    """The names of f's first n parameters, or args[0], args[1], ..."""
    import inspect

    try:
        parameters = [p.name for p in inspect.signature(f).parameters.values()
                      if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    except (TypeError, ValueError):
        parameters = []
    return parameters[:n] + [f"args[{k}]" for k in range(len(parameters), n)]


def _element_labels(label: str, shape: tuple[int, ...]) -> list[str]:
    """A label for each element of an array."""
    return [f"{label}[{', '.join(map(str, index))}]" if index else label for index in np.ndindex(shape)]


def _parts(op: str, label: str, arg: Any) -> Iterator[_Part]:
    if isinstance(arg, Value):
        yield _Part(label, np.array(arg.item()), None)
    elif isinstance(arg, Tensor):
        yield _Part(label, np.array(arg.detach().data, dtype=np.float64), arg.dtype)
    elif isinstance(arg, (list, tuple)):
        for k, item in enumerate(arg):
            yield from _parts(op, f"{label}[{k}]", item)
    elif isinstance(arg, dict):
        for key, item in arg.items():
            yield from _parts(op, f"{label}[{key!r}]", item)
    elif _is_array(arg):
        yield _Part(label, arg.astype(np.float64), arg.dtype if arg.dtype == np.float32 else DOUBLE)
    elif isinstance(arg, np.ndarray) and arg.ndim and arg.dtype == object:
        for element, item in zip(_element_labels(label, arg.shape), arg.ravel(), strict=True):
            yield from _parts(op, element, item)
    elif _is_number(arg) or (isinstance(arg, np.ndarray) and arg.ndim == 0 and arg.dtype.kind in "fiub"):
        yield _Part(label, np.array(float(arg)), None)
    else:
        raise errors.no_number(op, label, arg)


def _is_array(arg: Any) -> bool:
    """True for an array that f gets as a Tensor."""
    return isinstance(arg, np.ndarray) and arg.ndim > 0 and arg.dtype.kind in "fiub"


def _replace_parts(arg: Any, pieces: Iterator[Any]) -> Any:
    if isinstance(arg, (Value, Tensor)) or _is_array(arg):
        return next(pieces)
    if isinstance(arg, (list, tuple)):
        return _same_container(arg, [_replace_parts(item, pieces) for item in arg])
    if isinstance(arg, dict):
        return {key: _replace_parts(item, pieces) for key, item in arg.items()}
    if isinstance(arg, np.ndarray) and arg.ndim:
        array = np.empty(arg.size, dtype=object)
        array[:] = [_replace_parts(item, pieces) for item in arg.ravel()]
        return array.reshape(arg.shape)
    return next(pieces)


def _same_container(old: Any, items: list[Any]) -> Any:
    """items as a list, tuple or named tuple like old."""
    if isinstance(old, list):
        return items
    return type(old)(*items) if hasattr(old, "_fields") else tuple(items)


# ---- cgrad's derivatives -------------------------------------------------------------------------

Index: TypeAlias = "tuple[int, ...]"


class _Function:
    """f as a function of flat points, and its derivatives {(i, j, ...): d/dx_i d/dx_j ... f}, i <= j <= ...

    Each element of an array that f returns is a function of its own, with a name in ``labels``.
    """

    def __init__(self, op: str, f: Callable[..., Any], point: _Point) -> None:
        self.op, self.f, self.point = op, f, point
        self.n = len(point.x)
        self.labels: list[str] = []

    def record(self, x: Sequence[float]) -> tuple[list[Any], list[Value]]:
        leaves = self.point.leaves(x)
        out = self.f(*self.point.rebuild(leaves))
        if isinstance(out, Tensor) or _is_array(out):
            self.labels = _element_labels("f", out.shape)
            return leaves, _elements(out)
        if isinstance(out, np.ndarray) and out.ndim == 0:
            out = out[()]
        self.labels = ["f"]
        return leaves, [out if isinstance(out, Value) else Value(_to_float(self.op, out))]

    def recorded(self, leaves: list[Any], outs: list[Value], order: int) -> list[Value]:
        """The derivatives of an order as nodes, in the order of ``indices``, for each function."""
        found: list[tuple[Index, Value]] = [((), out) for out in outs]
        for _ in range(order):
            found = [((*index, i), g) for index, v in found
                     for i, g in enumerate(_flat(gradients(v, leaves, create_graph=True).wrt(leaves)))
                     if not index or i >= index[-1]]
        return [v for _, v in found]

    def numbers(self, x: Sequence[float], order: int) -> Numbers:
        """The derivatives of an order as numbers, in the order of ``indices``, for each function."""
        with Tape():
            leaves, outs = self.record(x)
            values = np.array([out.item() for out in outs])
            if order == 0:
                return values
            indices = self.indices(order)
            if not np.isfinite(values).all():  # outside f's domain; a derivative like log's 1/x may not tell
                return np.full(len(indices) * len(outs), np.nan)
            rows = [self.gradient(v, leaves) for v in self.recorded(leaves, outs, order - 1)]
            before = self.indices(order - 1) * len(outs)
            return np.array([row[i] for index, row in zip(before, rows, strict=True)
                             for i in range(self.n) if not index or i >= index[-1]])

    def gradient(self, v: Value, leaves: list[Any]) -> Numbers:
        return np.concatenate([np.ravel(g) for g in gradients(v, leaves).wrt(leaves)])

    def indices(self, order: int) -> list[Index]:
        return list(combinations_with_replacement(range(self.n), order))

    def derivatives(self, order: int, modes: Sequence[str]) -> Iterator[tuple[str, Numbers]]:
        """For each mode: (functions and indices of order - 1) x (all of x), the last derivative taken in that mode."""
        with Tape():
            leaves, outs = self.record(self.point.x)
            found = self.recorded(leaves, outs, order - 1)
            if "rev" in modes:
                yield "rev", np.array([self.gradient(v, leaves) for v in found])
                yield "rev, recorded", np.array([
                    [g.item() for g in _flat(gradients(v, leaves, create_graph=True).wrt(leaves))] for v in found])
            if "fwd" in modes:
                yield "fwd", np.array([tangents(v, leaves, seed=np.eye(self.n)) for v in found])


def _elements(x: Any) -> list[Value]:
    """The elements of an array as Values, those of a Tensor with their history."""
    items = [x[index] for index in np.ndindex(x.shape)]
    return [item if isinstance(item, Value) else Value(float(item)) for item in items]


def _flat(derivatives: Sequence[Any]) -> list[Value]:
    """Recorded derivatives, element by element."""
    return [v for g in derivatives for v in ([g] if isinstance(g, Value) else _elements(g))]


def check_grads(f: Callable[..., Any], args: Any, order: int = 2, modes: Sequence[str] = MODES, *,
                rtol: float = 1e-6, atol: float = 1e-8, eps: float = 1e-2) -> None:
    """Compare every derivative of f at args, up to an order, with central differences of the derivatives below it.

    f: called as ``f(*args)`` with Values for numbers and Tensors for arrays, it returns a Value or a Tensor, of which
    each element is checked. args: as for ``finite_difference``; f gets an array of dtype object as an array of Values.
    modes: how the last derivative is taken, "rev" by reverse sweeps (numeric and recorded), "fwd" by a forward sweep
    over the recorded derivative of the order before (not with arrays among the arguments). rtol, atol: a derivative d
    passes if |d - difference| <= atol + rtol*max(|d|, |difference|) plus the difference's rounding errors; with float32
    arrays rtol is 1e-4 at least. eps: the first step, relative to max(1, |x|). Raises AssertionError for a wrong
    derivative, naming argument, order and both numbers; ValueError if f is not finite; TypeError for anything but
    numbers.

    >>> import cgrad, numpy as np
    >>> cgrad.testing.check_grads(lambda x, y: cgrad.sin(x)*y[0]**y[1], [0.5, [2.0, 3.0]], order=3)
    >>> cgrad.testing.check_grads(lambda t: cgrad.tanh(t)*t[0], [np.array([0.5, 2.0])])
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
    values, again = function.numbers(point.x, 0), function.numbers(point.x, 0)
    for label, value in zip(function.labels, values, strict=True):
        if not np.isfinite(value):
            raise errors.bad_option(op, label.replace("f", "f(*args)", 1), float(value),
                                    "derivatives can be checked where it is finite")
    name = getattr(f, "__name__", repr(f))
    if values.shape != again.shape or (values != again).any():
        raise AssertionError(f"{op}: {name} returns {_text(values)} and {_text(again)} for the same arguments: "
                             "fix its random numbers")
    if point.arrays:
        modes = [mode for mode in modes if mode != "fwd"]
        if not modes:
            raise errors.bad_option(op, "modes", "fwd", "arrays have no forward sweep: give 'rev'")
    if point.epsilon > np.finfo(np.float64).eps:
        rtol = max(rtol, 1e-4)
    for k in range(1, order + 1):
        differences = [_differentiate(_along(function, j, k - 1), point.x[j], eps, point.epsilon)
                       for j in range(function.n)]
        rows = [(label, index) for label in function.labels for index in function.indices(k - 1)]
        for mode, found in function.derivatives(k, modes):
            for row, (label, index) in enumerate(rows):
                for j, difference in enumerate(differences):
                    _compare(f"{op}: {name}, order {k}, {mode}: {_symbol(label, point.labels, (*index, j))}",
                             float(found[row, j]), difference, row, rtol, atol)


def _text(values: Numbers) -> str:
    return str(values[0] if values.size == 1 else values)


def _along(function: _Function, j: int, order: int) -> Callable[[float], Numbers]:
    """The derivatives of an order as a function of x_j."""
    x = function.point.x
    return lambda moved: function.numbers([*x[:j], moved, *x[j + 1:]], order)


def _symbol(function: str, labels: list[str], index: Index) -> str:
    power = f"^{len(index)}" if len(index) > 1 else ""
    return f"d{power} {function}/{' '.join(f'd {labels[i]}' for i in index)}"


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
    """``check_grads`` to order 1, with PyTorch's name and arguments.

    Returns True if all derivatives agree. If not, raises AssertionError, or returns False if not raise_exception.

    >>> import cgrad
    >>> cgrad.testing.gradcheck(cgrad.tanh, [0.3])
    True
    """
    return _passes("gradcheck", func, inputs, 1, eps, atol, rtol, raise_exception)


def gradgradcheck(func: Callable[..., Any], inputs: Any, *, eps: float = 1e-2, atol: float = 1e-8, rtol: float = 1e-6,
                  raise_exception: bool = True) -> bool:
    """``check_grads`` to order 2, with PyTorch's name and arguments.

    Returns True if all derivatives agree. If not, raises AssertionError, or returns False if not raise_exception.

    >>> import cgrad
    >>> cgrad.testing.gradgradcheck(lambda x, y: x**y, [2.0, 3.0])
    True
    """
    return _passes("gradgradcheck", func, inputs, 2, eps, atol, rtol, raise_exception)


def _passes(op: str, f: Callable[..., Any], args: Any, order: int, eps: float, atol: float, rtol: float,
             raise_exception: bool) -> bool:
    try:
        _check(op, f, args, order, MODES, rtol, atol, eps)
    except AssertionError:
        if raise_exception:
            raise
        return False
    return True
