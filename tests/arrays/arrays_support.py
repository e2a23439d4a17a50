"""Shared by the tests of arrays: operands of every kind and layout, and the scalar core as their oracle.

The oracle of an elementwise op on arrays is the same op on Values, element by element: that core is tested
by itself against mpmath, SciPy, NumPy, HIPS autograd and dual numbers. Broadcasting, sums over broadcast
axes and the weights of a sweep are NumPy's, written out here.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from op_support import ROWS, free

import cgrad
from cgrad import Tensor, Value

PUBLIC = [op for op in ROWS.values() if not op.hidden]
LAYOUTS = ("C", "F", "transposed", "reversed", "strided", "offset")


def names(ops):
    """Arguments of pytest.mark.parametrize: one case an op."""
    return {"argvalues": ops, "ids": [op.name for op in ops]}


def seeded(*words) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(words).encode()))


def lay_out(x: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers and shape in other memory: a view of a larger, permuted or reversed array."""
    if x.ndim == 0:
        return np.array(x)
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "transposed":
        return np.ascontiguousarray(x.T).T
    if layout == "reversed":
        return np.ascontiguousarray(x[(slice(None, None, -1),)*x.ndim])[(slice(None, None, -1),)*x.ndim]
    if layout == "strided":
        wide = np.full([2*n + 1 for n in x.shape], np.nan, x.dtype)
        view = wide[tuple(slice(0, 2*n, 2) for n in x.shape)]
        view[...] = x
        return view
    if layout == "offset":
        wide = np.full([n + 2 for n in x.shape], np.nan, x.dtype)
        view = wide[tuple(slice(1, n + 1) for n in x.shape)]
        view[...] = x
        return view
    return np.ascontiguousarray(x)


def draw_numbers(rng: np.random.Generator, op, k: int, shape, dtype=np.float64) -> np.ndarray:
    """Numbers of argument k's domain."""
    lo, hi = op.domain[k]
    if k not in free(op):
        return rng.integers(int(lo), int(hi) + 1, shape).astype(dtype)
    return np.asarray(rng.uniform(lo, hi, shape)).astype(dtype)


def sum_to(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The sum over the axes that broadcasting added or stretched."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(k for k, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)


def plain(x: Any) -> Any:
    """The numbers of anything."""
    return np.asarray(x.data if isinstance(x, (Tensor, Value)) else x)


@dataclass
class Operand:
    """An operand of an op, its numbers in double precision, and True if it has a gradient."""

    given: Any
    numbers: np.ndarray
    kind: str

    @property
    def differentiated(self) -> bool:
        return self.kind in ("tensor", "value")


@dataclass
class Oracle:
    """An op on Values, element by element: its values, and its derivatives for weights g, u."""

    value: np.ndarray
    first: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)  # the sums, the sums of sizes
    second: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def oracle(f, leaves: list[int], arrays: list[np.ndarray], g=1.0, u: dict[int, Any] | None = None) -> Oracle:
    """f(*Values) at each element; the adjoint g of the result, and u[k] of each first derivative.

    ``second[k, l]`` is the derivative with respect to l of sum(u[k]*first[k]).
    """
    shape = np.broadcast_shapes(*(np.shape(x) for x in arrays))
    wide = [np.broadcast_to(np.asarray(x, np.float64), shape) for x in arrays]
    g = np.broadcast_to(g, shape)
    found = Oracle(np.empty(shape))
    first = {k: np.empty(shape) for k in leaves}
    pairs = [(k, m) for k in leaves for m in leaves] if u else []
    second = {pair: np.empty(shape) for pair in pairs}
    sizes = np.empty(shape)
    wide_u = {k: np.broadcast_to(u[k], shape) for k in leaves} if u else {}
    with cgrad.Tape():
        for i in np.ndindex(shape):
            args: list[Any] = [float(w[i]) for w in wide]
            xs = [Value(args[k]) for k in leaves]
            for k, x in zip(leaves, xs, strict=True):
                args[k] = x
            y = f(*args)
            found.value[i] = y.data if isinstance(y, Value) else y
            if not leaves:
                continue
            ds = cgrad.gradients(y, xs, seed=float(g[i]), create_graph=bool(u)).wrt(xs)
            for k, d in zip(leaves, ds, strict=True):
                first[k][i] = d.data if isinstance(d, Value) else d
                if u:
                    row = cgrad.gradients(d, xs, seed=float(wide_u[k][i])).wrt(xs)
                    for m, dd in zip(leaves, row, strict=True):
                        second[k, m][i] = dd
            if u:  # a second derivative may be a difference: it counts against the largest one
                known = [abs(second[pair][i]) for pair in pairs if np.isfinite(second[pair][i])]
                sizes[i] = max(known, default=0.0)
    for k in leaves:
        target = np.shape(arrays[k])
        found.first[k] = sum_to(first[k], target), sum_to(abs(first[k]), target)
    for k, m in pairs:
        target = np.shape(arrays[m])
        found.second[k, m] = sum_to(second[k, m], target), sum_to(sizes, target)
    return found


def check_close(got: Any, expected: np.ndarray, size: np.ndarray | None, ulps: float, dtype, what: Any = "") -> None:
    """|got - expected| <= ulps units in the last place of size (by default of what is expected); nan is nan."""
    got = np.asarray(plain(got), np.float64)
    expected = np.asarray(expected)
    assert got.shape == expected.shape, (what, got.shape, expected.shape)
    size = abs(expected) if size is None else np.fmax(size, abs(expected))
    limits = np.finfo(dtype)
    with np.errstate(all="ignore"):
        rounded = expected.astype(dtype).astype(np.float64)
        allowed = ulps*(size*float(limits.eps) + float(limits.smallest_subnormal))
        right = (got == rounded) | (abs(got - expected) <= allowed) | (np.isnan(got) & np.isnan(expected))
    assert right.all(), (what, got[~right][:5], expected[~right][:5], (abs(got - expected)/allowed*ulps)[~right][:5])


@st.composite
def operands(draw, op, dtypes=(np.float64,), min_side=0, max_dims=3, shapes=None):
    """Operands for an op: broadcastable shapes (empty and 0-d ones too), layouts, kinds on every side."""
    if shapes is None:
        shapes = draw(mutually_broadcastable_shapes(num_shapes=op.arity, min_side=min_side, max_side=3,
                                                    max_dims=max_dims)).input_shapes
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(dtypes))
    found = []
    for k, shape in enumerate(shapes):
        if k not in free(op):
            n = float(rng.integers(int(op.domain[k][0]), int(op.domain[k][1]) + 1))
            found.append(Operand(n, np.array(n), "float"))
            continue
        kinds = ["tensor", "tensor", "tensor", "array", "constant"] + ["value", "float"]*(shape == ())
        kind = draw(st.sampled_from(kinds))
        if k == free(op)[-1] and not any(x.differentiated for x in found):
            kind = "tensor"
        x = draw_numbers(rng, op, k, shape, dtype)
        numbers = x.astype(np.float64)
        if kind in ("value", "float"):
            found.append(Operand(Value(float(numbers)) if kind == "value" else float(numbers), numbers, kind))
            continue
        x = lay_out(x, draw(st.sampled_from(LAYOUTS)))
        if kind == "array":
            found.append(Operand(x, numbers, kind))
        else:
            tensor = Tensor(x, requires_grad=kind == "tensor", copy=draw(st.booleans()))
            found.append(Operand(tensor, numbers, kind))
    return found, dtype, rng


def result_shape(given: list[Operand]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(x.numbers.shape for x in given))


def derivatives(out, xs):
    """The derivatives of out with respect to each of xs."""
    g = cgrad.gradients(out, xs)
    return [g.wrt(x) for x in xs]
