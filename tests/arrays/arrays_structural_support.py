"""The table of structural ops: one row each, from which the comparisons with other systems are made.

A row's ``call(np, xs, **options)`` is written over a namespace: NumPy itself (values, finite differences, and cgrad
by its protocols), HIPS autograd's, or PyTorch's names in tests/oracles. ``draw`` returns arrays and options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import scipy.special
from arrays_structural_draws import (
    alike,
    along,
    array,
    axes,
    chain,
    contracted,
    cuts,
    distinct_axes,
    dot_factors,
    einsum_operands,
    factors,
    flat_pair,
    flips,
    indexed,
    inner_factors,
    joined,
    matrix_norms,
    move,
    nonempty_square,
    one,
    pads,
    pair,
    permutation,
    points_of_curve,
    powers,
    rectangle,
    reduction,
    repeats,
    reshape_options,
    rolls,
    same_shapes,
    shapes,
    sides,
    square,
    squeezed,
    systems,
    taken,
    two_axes,
    vector_norms,
    vectors,
    weighted,
    widened,
)
from hypothesis import strategies as st


class Namespace:
    """A module's functions, and some besides."""

    def __init__(self, module, **extra):
        self._module = module
        self.__dict__.update(extra)

    def __getattr__(self, name):
        return getattr(self._module, name)


def log_of_sum(x, axis=None, keepdims=False):
    return numpy.log(numpy.sum(numpy.exp(x), axis=axis, keepdims=keepdims))


PLAIN = Namespace(numpy, logsumexp=log_of_sum, softmax=scipy.special.softmax,
                  log_softmax=scipy.special.log_softmax,
                  solve_triangular=lambda a, b, trans: numpy.linalg.solve(numpy.swapaxes(numpy.triu(a), -1, -2) if trans else numpy.triu(a), b),
                  cho_factor=lambda a: (numpy.swapaxes(numpy.linalg.cholesky(a), -1, -2), False),
                  cho_solve=lambda factor, b: numpy.linalg.solve(numpy.swapaxes(factor[0], -1, -2) @ factor[0], b))


@dataclass(frozen=True)
class Row:
    name: str
    draw: Callable[[Any], tuple[list, dict]]
    call: Callable[..., Any]
    hips: Any = True  # True if HIPS autograd has it and its rule is right (for these arrays and options)
    fine: float = 1.0  # how much more than usual finite differences lose


# ---- the table -------------------------------------------------------------------------------------

def symmetric(np, x):
    return (x + np.swapaxes(x, -1, -2))/2


def definite(np, x):
    """A symmetric positive definite matrix of any matrix."""
    return np.matmul(x, np.swapaxes(x, -1, -2)) + numpy.eye(x.shape[-1], dtype=x.dtype)


def named(name, **fixed):
    """The function of that name, options as they are."""
    return lambda np, xs, **options: getattr(np, name)(*xs, **options, **fixed)


ROWS = [
    Row("sum", reduction(), named("sum")),
    Row("mean", reduction(), named("mean")),
    Row("prod", reduction(zeros=True), named("prod"), hips=False),  # HIPS divides by the elements
    Row("max", reduction(side=(1, 3), equal=False), named("max")),
    Row("min", reduction(side=(1, 3), equal=False), named("min")),
    Row("ptp", reduction(side=(1, 3), equal=False), named("ptp"), hips=False),
    Row("var", reduction(side=(1, 3), ddof=(0, 1, 0.5)), named("var")),
    Row("std", reduction(side=(2, 3), least=1, ddof=(0, 1), equal=False), named("std"), fine=1e3),
    Row("average", weighted, lambda np, xs, axis: np.average(xs[0], axis, xs[1]), hips=False),
    Row("logsumexp", reduction(side=(1, 3)), named("logsumexp")),
    Row("softmax", one(lambda draw, shape: {"axis": axes(draw, len(shape))}, least=1, side=(1, 3)), named("softmax"),
        hips=False),
    Row("log_softmax", one(lambda draw, shape: {"axis": axes(draw, len(shape))}, least=1, side=(1, 3)),
        named("log_softmax"), hips=False),
    Row("cumsum", reduction(several=False, keepdims=False), named("cumsum")),
    Row("cumprod", reduction(several=False, keepdims=False, zeros=True), named("cumprod"), hips=False),
    Row("reshape", one(reshape_options), lambda np, xs, shape, order: np.reshape(xs[0], shape, order=order)),
    Row("ravel", one(lambda draw, shape: {"order": draw(st.sampled_from("CF"))}), named("ravel")),
    Row("transpose", one(permutation), named("transpose"),
        hips=lambda xs, options: options["axes"] is None or min(options["axes"]) >= 0),
    Row("swapaxes", one(two_axes, least=1), named("swapaxes")),
    Row("moveaxis", one(move), named("moveaxis")),
    Row("squeeze", squeezed, named("squeeze")),
    Row("expand_dims", one(lambda draw, shape: {"axis": draw(st.integers(-len(shape) - 1, len(shape)))}),
        named("expand_dims")),
    Row("broadcast_to", one(lambda draw, shape: {"shape": widened(draw, shape)}),
        lambda np, xs, shape: np.broadcast_to(xs[0], shape), hips=False),
    Row("pad", one(pads("constant"), least=1), named("pad")),
    *(Row(f"pad {mode}", one(pads(mode), least=1, side=(2, 3)), named("pad"), hips=False)
      for mode in ("edge", "reflect", "symmetric", "wrap")),
    Row("flip", one(flips), named("flip"), hips=False),
    Row("rot90", one(lambda draw, shape: {"k": draw(st.integers(-2, 5))}, least=2), named("rot90")),
    Row("roll", one(rolls), named("roll"), hips=False),
    Row("repeat", one(repeats), named("repeat"), hips=False),
    Row("tile", one(lambda draw, shape: {"reps": draw(st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=4))}),
        named("tile"), hips=False),
    Row("tril", one(lambda draw, shape: {"k": draw(st.integers(-2, 2))}, least=2), named("tril")),
    Row("triu", one(lambda draw, shape: {"k": draw(st.integers(-2, 2))}, least=2), named("triu")),
    Row("astype", one(), lambda np, xs: np.astype(xs[0], numpy.float64), hips=False),
    Row("copy", one(), named("copy"), hips=False),
    Row("getitem", indexed, lambda np, xs, index: xs[0][index]),
    Row("take", one(taken, side=(1, 3)), named("take"), hips=False),
    Row("take_along_axis", one(along, least=1, side=(1, 3)), named("take_along_axis"), hips=False),
    Row("compress", one(lambda draw, shape: {"condition": draw(st.lists(st.booleans(), max_size=shape[-1]))}, least=1),
        lambda np, xs, condition: np.compress(condition, xs[0], axis=-1), hips=False),
    Row("sort", one(lambda draw, shape: {"axis": axes(draw, len(shape), several=False, none=len(shape) == 1)}, least=1,
                    equal=False), named("sort"), hips=False),
    Row("where", sides, lambda np, xs, condition: np.where(condition, *xs),
        hips=lambda xs, options: xs[0].shape == xs[1].shape == options["condition"].shape),
    Row("select", sides, lambda np, xs, condition: np.select([condition, ~condition], list(xs), 0.0), hips=False),
    Row("median", reduction(side=(1, 3), least=1, equal=False), named("median"), hips=False),
    Row("quantile", reduction(side=(1, 3), least=1, equal=False, q=(0.3, 0.5, 1.0, [0.0, 0.7])), named("quantile"), hips=False),
    Row("percentile", reduction(side=(1, 3), least=1, equal=False, q=(35.0, [[10.0, 90.0]])), named("percentile"), hips=False),
    Row("interp", points_of_curve, lambda np, xs, **ends: np.interp(*xs, **ends), hips=False),
    Row("trapezoid", one(lambda draw, shape: {"dx": 0.5, "axis": draw(st.integers(-len(shape), len(shape) - 1))}, least=1),
        named("trapezoid"), hips=False),
    Row("trapezoid over points", lambda draw: (lambda xs: (xs, {}))([array(draw, (2, 3)), array(draw, draw(st.sampled_from([(3,), (2, 3)])))]),
        lambda np, xs: np.trapezoid(*xs), hips=False),
    Row("polyval", lambda draw: ([array(draw, (draw(st.integers(0, 4)),)), array(draw, draw(shapes(0, 2)))], {}),
        lambda np, xs: np.polyval(*xs), hips=False),
    Row("convolve", lambda draw: ([array(draw, (draw(st.integers(1, 4)),)), array(draw, (draw(st.integers(1, 4)),))],
                                  {"mode": draw(st.sampled_from(["full", "same", "valid"]))}),
        lambda np, xs, mode: np.convolve(*xs, mode), hips=False),
    Row("linspace", lambda draw: ([array(draw, (2,)), array(draw, draw(st.sampled_from([(), (2,), (3, 1)])))],
                                  {"num": draw(st.integers(0, 4)), "endpoint": draw(st.booleans())}),
        lambda np, xs, **options: np.linspace(*xs, **options), hips=False),
    Row("diagonal", one(distinct_axes, least=2), named("diagonal"), hips=False),
    Row("diag", one(lambda draw, shape: {"k": draw(st.integers(-3, 3))}, least=1, most=2), named("diag"),
        hips=lambda xs, options: len({*xs[0].shape}) == 1),
    Row("trace", one(distinct_axes, least=2, most=2), named("trace"), hips=False),
    Row("diff", one(lambda draw, shape: {"n": draw(st.integers(0, 2)), "axis": draw(st.integers(-len(shape), -1))},
                    least=1), named("diff"), hips=False),
    Row("stack", same_shapes(), lambda np, xs, axis: np.stack(list(xs), axis)),
    Row("concatenate", joined, lambda np, xs, axis: np.concatenate(list(xs), axis),
        hips=lambda xs, options: options["axis"] is not None),
    Row("hstack", alike(1, 3), lambda np, xs: np.hstack(list(xs))),
    Row("vstack", alike(1, 3), lambda np, xs: np.vstack(list(xs))),
    Row("dstack", alike(1, 3), lambda np, xs: np.dstack(list(xs)), hips=False),
    Row("column_stack", alike(1, 2), lambda np, xs: np.column_stack(list(xs))),
    Row("array_split", one(cuts, least=1), lambda np, xs, parts, axis: np.array_split(xs[0], parts, axis), hips=False),
    Row("broadcast_arrays", pair(0, 1, (1, 1)), lambda np, xs: np.broadcast_arrays(*xs), hips=False),
    Row("matmul", factors, lambda np, xs: np.matmul(*xs)),
    Row("dot", dot_factors, lambda np, xs: np.dot(*xs)),
    Row("vdot", flat_pair, lambda np, xs: np.vdot(*xs), hips=False),
    Row("inner", inner_factors, lambda np, xs: np.inner(*xs)),
    Row("outer", pair(), lambda np, xs: np.outer(*xs), hips=lambda xs, options: xs[0].ndim == xs[1].ndim == 1),
    Row("tensordot", contracted, lambda np, xs, axes: np.tensordot(*xs, axes)),
    Row("einsum", einsum_operands,
        lambda np, xs, subscripts, optimize: np.einsum(subscripts, *xs, optimize=optimize), hips=False),
    Row("kron", pair(1, 2), lambda np, xs: np.kron(*xs), hips=False),
    Row("cross", vectors, lambda np, xs: np.cross(*xs), hips=False),
    Row("norm", vector_norms, lambda np, xs, **options: np.linalg.norm(*xs, **options), hips=False),
    Row("matrix norm", matrix_norms, lambda np, xs, **options: np.linalg.norm(*xs, **options), hips=False, fine=1e4),
    Row("solve", systems, lambda np, xs: np.linalg.solve(*xs), hips=False),
    Row("inv", square, lambda np, xs: np.linalg.inv(*xs)),
    Row("det", square, lambda np, xs: np.linalg.det(*xs)),
    Row("slogdet", square, lambda np, xs: np.linalg.slogdet(*xs)[1]),
    Row("cholesky", square, lambda np, xs: np.linalg.cholesky(definite(np, xs[0]))),
    Row("solve_triangular", systems, lambda np, xs: np.solve_triangular(definite(np, xs[0]), xs[1], 0), hips=False),
    Row("solve_triangular transposed", systems, lambda np, xs: np.solve_triangular(definite(np, xs[0]), xs[1], 1), hips=False),
    Row("cho_factor", square, lambda np, xs: np.cho_factor(definite(np, xs[0]))[0], hips=False),
    Row("cho_solve", systems, lambda np, xs: np.cho_solve(np.cho_factor(definite(np, xs[0])), xs[1]), hips=False),
    Row("matrix_power", powers, lambda np, xs, n: np.linalg.matrix_power(xs[0], n), hips=False, fine=10.0),
    Row("multi_dot", chain, lambda np, xs: np.linalg.multi_dot(list(xs)), hips=False),
    Row("eigh", nonempty_square, lambda np, xs: [part*part for part in np.linalg.eigh(symmetric(np, xs[0]))],
        hips=False, fine=1e5),
    Row("svd", rectangle, lambda np, xs: [part*part for part in np.linalg.svd(xs[0], full_matrices=False)], hips=False,
        fine=1e5),
]
TABLE = {row.name: row for row in ROWS}


# ---- derivatives -----------------------------------------------------------------------------------

def listed(out):
    return list(out) if isinstance(out, (list, tuple)) else [out]


def weights(out, seed=0):
    """A fixed array of weights an output: the scalar that is differentiated is sum(w*out*out) over them."""
    rng = numpy.random.default_rng(seed)
    return [rng.uniform(0.5, 1.5, numpy.shape(part)) for part in listed(out)]


def scalar(row, np, xs, options, ws):
    total = 0.0
    for part, w in zip(listed(row.call(np, xs, **options)), ws, strict=True):
        total = total + np.sum(part*part*w)
    return total


def close(ours, theirs, tolerance):
    """True if two arrays agree, relative to the largest element of the second or 1."""
    ours, theirs = numpy.asarray(ours), numpy.asarray(theirs)
    if ours.shape != theirs.shape:
        return False
    if not ours.size:
        return True
    finite = theirs[numpy.isfinite(theirs)]
    size = max(1.0, float(numpy.abs(finite).max(initial=0.0)))
    return bool(numpy.all(numpy.isclose(ours, theirs, rtol=0.0, atol=tolerance*size, equal_nan=True)))


def differences(f, xs, step=1e-5):
    """Central differences of the scalar function f with respect to each element of each array."""
    result = []
    for k, x in enumerate(xs):
        gradient = numpy.zeros(x.shape)
        for place in numpy.ndindex(*x.shape):
            values = []
            for sign in (1, -1):
                moved = [numpy.array(y) for y in xs]
                moved[k][place] += sign*step
                values.append(f(moved))
            gradient[place] = (values[0] - values[1])/(2*step)
        result.append(gradient)
    return result
