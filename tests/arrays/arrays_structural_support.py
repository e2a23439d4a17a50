"""The table of structural ops: one row each, from which the comparisons with other systems are made.

A row's ``call(np, xs, **options)`` is written over a namespace: NumPy itself (values, finite differences, and cgrad
by its protocols), HIPS autograd's, or PyTorch's names in tests/oracles. ``draw`` makes arrays and options.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import scipy.special
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided


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
                  log_softmax=scipy.special.log_softmax)


@dataclass(frozen=True)
class Row:
    name: str
    draw: Callable[[Any], tuple[list, dict]]
    call: Callable[..., Any]
    hips: Any = True  # whether HIPS autograd has it, and its rule is right (of these arrays and options)
    fine: float = 1.0  # how much more than usual finite differences lose


# ---- what is drawn ---------------------------------------------------------------------------------

LAYOUTS = ("C", "Fortran", "reversed", "every second", "stride 0")


def laid_out(values, layout):
    """The same numbers (but for stride 0) in another layout of memory."""
    if not values.ndim:  # NumPy's functions would make it a row
        return values
    if layout == "Fortran":
        return numpy.asfortranarray(values)
    if layout == "reversed":
        return numpy.ascontiguousarray(values[(slice(None, None, -1),)*values.ndim])[(slice(None, None, -1),)*values.ndim]
    if layout == "every second":
        wide = numpy.full((*values.shape[:-1], 2*values.shape[-1] + 1), numpy.nan, values.dtype)
        wide[..., 1::2] = values
        return wide[..., 1::2]
    if layout == "stride 0" and values.size:
        base = numpy.ascontiguousarray(values[:1])
        return as_strided(base, values.shape, (0, *base.strides[1:]))
    return values


def array(draw, shape, low=-2.0, high=2.0, equal=True):
    seed = draw(st.integers(0, 2**20))
    values = numpy.random.default_rng(seed).uniform(low, high, shape)
    return laid_out(values, draw(st.sampled_from(LAYOUTS if equal else LAYOUTS[:-1])))


def shapes(least=0, most=3, side=(0, 3)):
    return st.lists(st.integers(*side), min_size=least, max_size=most).map(tuple)


def axes(draw, ndim, several=True, none=True, least=0):
    kinds = ["one"]*(ndim > 0) + ["none"]*none + ["several"]*(several and ndim > 0)
    kind = draw(st.sampled_from(kinds))
    if kind == "none":
        return None
    if kind == "one":
        return draw(st.integers(-ndim, ndim - 1))
    chosen = draw(st.lists(st.integers(0, ndim - 1), unique=True, min_size=least))
    return tuple(a - ndim*draw(st.booleans()) for a in chosen)


def reduction(side=(0, 3), several=True, keepdims=True, least=0, zeros=False, equal=True, **more):
    def draw_it(draw):
        shape = draw(shapes(least, 3, side))
        x = array(draw, shape, equal=equal)
        if zeros and x.size:
            x = x.copy()
            for place in draw(st.lists(st.integers(0, x.size - 1), max_size=2)):
                x.flat[place] = 0.0
        options = {"axis": axes(draw, len(shape), several, least=least)}
        if keepdims:
            options["keepdims"] = draw(st.booleans())
        for name, values in more.items():
            options[name] = draw(st.sampled_from(values))
        return [x], options

    return draw_it


def one(options=lambda draw, shape: {}, least=0, most=3, side=(0, 3), equal=True, low=-2.0, high=2.0):
    """One array, and options that depend on its shape."""
    def draw_it(draw):
        shape = draw(shapes(least, most, side))
        return [array(draw, shape, low, high, equal)], options(draw, shape)

    return draw_it


def reshape_options(draw, shape):
    n = math.prod(shape)
    target = list(draw(st.permutations(shape))) + [1]*draw(st.integers(0, 1))
    if n and draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1)) if target else 0:] = [-1]
    if not target:
        target = [1]
    return {"shape": tuple(target), "order": draw(st.sampled_from("CCF"))}


def permutation(draw, shape):
    order = draw(st.none() | st.permutations(range(len(shape))))
    return {"axes": order if order is None else [a - len(shape)*draw(st.booleans()) for a in order]}


def two_axes(draw, shape):
    n = len(shape)
    return {"axis1": draw(st.integers(-n, n - 1)), "axis2": draw(st.integers(-n, n - 1))}


def distinct_axes(draw, shape):
    n = len(shape)
    i, j = draw(st.permutations(range(n)))[:2]
    return {"offset": draw(st.integers(-3, 3)), "axis1": i - n*draw(st.booleans()), "axis2": j}


def move(draw, shape):
    n = len(shape)
    k = draw(st.integers(0, n))
    source, destination = draw(st.permutations(range(n)))[:k], draw(st.permutations(range(n)))[:k]
    return {"source": source, "destination": destination}


def squeezed(draw):
    shape = draw(shapes(1, 4, (0, 3)))
    shape = tuple(1 if draw(st.booleans()) else n for n in shape)
    ones = [k for k, n in enumerate(shape) if n == 1]
    axis = draw(st.none() | st.lists(st.sampled_from(ones), unique=True).map(tuple)) if ones else None
    return [array(draw, shape)], {"axis": axis}


def widened(draw, shape):
    """A shape that this one broadcasts to."""
    new = draw(shapes(0, 2, (0, 3)))
    return (*new, *(draw(st.integers(0, 3)) if n == 1 else n for n in shape))


def pads(mode):
    def options(draw, shape):
        most = st.integers(0, 2) if mode == "constant" else st.integers(0, 1)
        return {"pad_width": [(draw(most), draw(most)) for _ in shape], "mode": mode,
                **({"constant_values": draw(st.sampled_from([0.0, 1.5]))} if mode == "constant" else {})}

    return options


def flips(draw, shape):
    return {"axis": axes(draw, len(shape))}


def rolls(draw, shape):
    shift = st.integers(-4, 4)
    axis = axes(draw, len(shape))
    several = isinstance(axis, tuple) and draw(st.booleans())
    return {"shift": tuple(draw(shift) for _ in axis) if several else draw(shift), "axis": axis}


def repeats(draw, shape):
    axis = axes(draw, len(shape), several=False)
    n = math.prod(shape) if axis is None else shape[axis]
    each = st.integers(0, 3)
    return {"repeats": draw(st.one_of(each, st.lists(each, min_size=n, max_size=n))), "axis": axis}


def index_of(draw, shape):
    """An index of any of NumPy's forms."""
    parts, left = [], list(shape)
    advanced = draw(st.sampled_from(["none", "arrays", "mask", "whole mask"]))
    if advanced == "whole mask":
        return draw(st.integers(0, 2**20).map(lambda s: numpy.random.default_rng(s).random(shape) < 0.5))
    size = draw(st.integers(0, 3))
    common = tuple(draw(st.integers(1, 2)) for _ in range(draw(st.integers(0, 2))))
    used_mask = False
    for n in left[:draw(st.integers(0, len(left)))]:
        kinds = ["slice", "slice", "new"] + ["int"]*(n > 0)
        if advanced == "arrays" and n:
            kinds += ["array"]*3
        if advanced == "mask" and not used_mask:
            kinds += ["mask"]*3
        kind = draw(st.sampled_from(kinds))
        if kind == "new":
            parts.append(None)
            kind = "slice"
        if kind == "slice":
            bound = st.none() | st.integers(-4, 4)
            parts.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, -1, -2]))))
        elif kind == "int":
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind == "array":
            seed = draw(st.integers(0, 2**20))
            places = numpy.random.default_rng(seed).integers(-n, n, common if common else (size,))
            parts.append(places.tolist() if draw(st.booleans()) and places.size else places)
        else:
            used_mask = True
            parts.append(numpy.random.default_rng(draw(st.integers(0, 2**20))).random(n) < 0.5)
    if draw(st.booleans()):
        parts.append(Ellipsis)
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)


def indexed(draw):
    shape = draw(shapes(1, 3, (0, 3)))
    return [array(draw, shape)], {"index": index_of(draw, shape)}


def taken(draw, shape):
    axis = axes(draw, len(shape), several=False)
    n = math.prod(shape) if axis is None else shape[axis]
    places = numpy.random.default_rng(draw(st.integers(0, 2**20))).integers(-n, n, draw(shapes(0, 2, (0, 3))))
    return {"indices": places, "axis": axis, "mode": draw(st.sampled_from(["raise", "wrap", "clip"]))}


def along(draw, shape):
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    target = list(shape)
    target[axis] = draw(st.integers(0, 4))
    rng = numpy.random.default_rng(draw(st.integers(0, 2**20)))
    return {"indices": rng.integers(0, shape[axis], target), "axis": axis}


def sides(draw):
    whole = draw(shapes(0, 3, (0, 3)))

    def part():
        cut = whole[draw(st.integers(0, len(whole))):]
        return tuple(1 if draw(st.booleans()) else n for n in cut)

    condition = numpy.random.default_rng(draw(st.integers(0, 2**20))).random(whole) < 0.5
    return [array(draw, part()), array(draw, part())], {"condition": condition}


def same_shapes(least=0, number=(1, 3), equal_axis=None):
    def draw_it(draw):
        shape = draw(shapes(least, 3, (0, 3)))
        n = draw(st.integers(*number))
        axis = draw(st.integers(-len(shape) - 1, len(shape)))
        return [array(draw, shape) for _ in range(n)], {"axis": axis}

    return draw_it


def joined(draw):
    shape = draw(shapes(1, 3, (0, 3)))
    axis = draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    result = []
    for _ in range(draw(st.integers(1, 3))):
        own = list(shape)
        if axis is not None:
            own[axis] = draw(st.integers(0, 3))
        result.append(array(draw, tuple(own)))
    return result, {"axis": axis}


def alike(least, most, number=(1, 3)):
    def draw_it(draw):
        shape = draw(shapes(least, most, (1, 3)))
        return [array(draw, shape) for _ in range(draw(st.integers(*number)))], {}

    return draw_it


def cuts(draw, shape):
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    parts = draw(st.integers(1, 4) | st.lists(st.integers(0, 4), max_size=3).map(sorted))
    return {"parts": parts, "axis": axis}


def factors(draw):
    """Two arrays that matmul takes."""
    n, m, p = (draw(st.integers(0, 3)) for _ in range(3))
    batch = draw(shapes(0, 2, (0, 3)))

    def part():
        cut = batch[draw(st.integers(0, len(batch))):]
        return tuple(1 if draw(st.booleans()) else k for k in cut)

    left = draw(st.sampled_from(["row", "matrix", "batch"]))
    right = draw(st.sampled_from(["column", "matrix", "batch"]))
    x = (m,) if left == "row" else (*(part() if left == "batch" else ()), n, m)
    y = (m,) if right == "column" else (*(part() if right == "batch" else ()), m, p)
    return [array(draw, x), array(draw, y)], {}


def dot_factors(draw):
    m = draw(st.integers(0, 3))
    x, y = draw(shapes(0, 2, (0, 3))), draw(shapes(0, 3, (0, 3)))
    if draw(st.integers(0, 5)) == 0:
        return [array(draw, ()), array(draw, y)], {}
    x = (*x, m)
    y = (*y[:-1], m, *y[-1:])
    return [array(draw, x), array(draw, y)], {}


def inner_factors(draw):
    m = draw(st.integers(0, 3))
    return [array(draw, (*draw(shapes(0, 2, (0, 3))), m)), array(draw, (*draw(shapes(0, 2, (0, 3))), m))], {}


def pair(least=0, most=2, side=(0, 3)):
    def draw_it(draw):
        return [array(draw, draw(shapes(least, most, side))), array(draw, draw(shapes(least, most, side)))], {}

    return draw_it


def flat_pair(draw):
    shape = draw(shapes(0, 3, (0, 3)))
    return [array(draw, shape), array(draw, tuple(draw(st.permutations(shape))))], {}


def contracted(draw):
    x = draw(shapes(0, 3, (0, 3)))
    k = draw(st.integers(0, len(x)))
    chosen = draw(st.permutations(range(len(x))))[:k]
    free = draw(shapes(0, 2, (0, 3)))
    order = draw(st.permutations(range(k + len(free))))
    lengths = [x[a] for a in chosen] + list(free)
    y = tuple(lengths[a] for a in order)
    other = [order.index(i) for i in range(k)]
    if draw(st.integers(0, 3)) == 0:  # the last of x with the first of y
        return [array(draw, x), array(draw, (*x[len(x) - k:], *free))], {"axes": k}
    return [array(draw, x), array(draw, y)], {"axes": (list(chosen), other)}


SUBSCRIPTS = ["ij,jk->ik", "ij,jk", "ii", "ii->i", "ij->", "ij->j", "ij->ji", "i,i", "i,i->i", "i,j->ij", "i,j,k->",
              "...i->...", "...i,...i->...", "i...,i...->...", "...ij,...jk->...ik", "ij,ij,ij->i", "iij->j", "iii->",
              "iji->j", "ij,ik,il->jkl", "a,b->", "a,ab,b->", "...,...->...", "ij", "ba", ",ij->ij", ",", "ij,kj->ik",
              "i->i", "ijk,k->ij", "i...->...", "ij,j->i", "ij,i->j", "...ii->...i"]


def einsum_operands(draw):
    subscripts = draw(st.sampled_from(SUBSCRIPTS))
    lengths = {}
    dots = draw(shapes(0, 2, (0, 3)))
    xs = []
    for term in subscripts.partition("->")[0].split(","):
        head, ellipsis, tail = term.partition("...")
        middle = ()
        if ellipsis:
            middle = tuple(1 if draw(st.booleans()) else n for n in dots[draw(st.integers(0, len(dots))):])

        def side(labels):
            shape = []
            for label in labels:
                n = lengths.setdefault(label, draw(st.integers(0, 3)))
                once = term.count(label) == 1
                shape.append(1 if once and draw(st.integers(0, 7)) == 0 else n)
            return tuple(shape)

        xs.append(array(draw, side(head) + middle + side(tail)))
    return xs, {"subscripts": subscripts, "optimize": draw(st.sampled_from([False, True]))}


def vectors(draw):
    batch = draw(shapes(0, 2, (0, 3)))
    return [array(draw, (*batch, 3)), array(draw, (*batch[draw(st.integers(0, len(batch))):], 3))], {}


def matrices(draw, n=None, batch=None, low=1):
    """Square matrices far from singular ones."""
    n = draw(st.integers(low, 3)) if n is None else n
    batch = draw(shapes(0, 2, (0, 2))) if batch is None else batch
    rng = numpy.random.default_rng(draw(st.integers(0, 2**20)))
    values = rng.uniform(-1.0, 1.0, (*batch, n, n)) + (n + 0.5)*numpy.eye(n)
    return laid_out(values, draw(st.sampled_from(LAYOUTS[:-1])))


def square(draw):
    return [matrices(draw)], {}


def nonempty_square(draw):
    return [matrices(draw, batch=draw(shapes(0, 1, (1, 2))))], {}


def powers(draw):
    return [matrices(draw, batch=draw(shapes(0, 1, (1, 2))))], {"n": draw(st.integers(-2, 5))}


def systems(draw):
    a = matrices(draw, batch=draw(shapes(0, 2, (1, 2))))
    n, batch = a.shape[-1], a.shape[:-2]
    if draw(st.booleans()):
        return [a, array(draw, (n,))], {}
    cut = batch[draw(st.integers(0, len(batch))):]
    return [a, array(draw, (*(1 if draw(st.booleans()) else k for k in cut), n, draw(st.integers(0, 2))))], {}


def chain(draw):
    n = [draw(st.integers(1, 3)) for _ in range(5)]
    shapes_of = [(n[0], n[1]), (n[1], n[2]), (n[2], n[3]), (n[3], n[4])][:draw(st.integers(2, 4))]
    if draw(st.booleans()):
        shapes_of[0] = shapes_of[0][1:]
    if draw(st.booleans()):
        shapes_of[-1] = shapes_of[-1][:1]
    return [array(draw, s) for s in shapes_of], {}


def vector_norms(draw):
    shape = draw(shapes(1, 3, (1, 3)))
    order = draw(st.sampled_from([None, 2, 1, 3, 2.5, 0.5, -1, math.inf, -math.inf]))
    x = array(draw, shape, 0.3, 2.0, equal=False)*numpy.random.default_rng(draw(st.integers(0, 99))).choice([-1, 1], shape)
    axis = None if order is None or len(shape) == 1 and draw(st.booleans()) else \
        draw(st.integers(-len(shape), len(shape) - 1))
    return [x], {"ord": order, "axis": axis, "keepdims": draw(st.booleans())}


def matrix_norms(draw):
    shape = draw(shapes(2, 3, (1, 3)))
    order = draw(st.sampled_from([None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf]))
    axis = None if len(shape) == 2 and draw(st.booleans()) else tuple(draw(st.permutations(range(len(shape))))[:2])
    x = array(draw, shape, 0.3, 2.0, equal=False)*numpy.random.default_rng(draw(st.integers(0, 99))).choice([-1, 1], shape)
    return [x], {"ord": order, "axis": axis, "keepdims": draw(st.booleans())}


def weighted(draw):
    shape = draw(shapes(1, 3, (1, 3)))
    axis = draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    own = shape if axis is None or draw(st.booleans()) else (shape[axis],)
    return [array(draw, shape), array(draw, own, 0.5, 2.0)], {"axis": axis}


def rectangle(draw):
    shape = (*draw(shapes(0, 1, (1, 2))), *draw(shapes(2, 2, (1, 3))))
    return [array(draw, shape, equal=False)], {}


def symmetric(np, x):
    return (x + np.swapaxes(x, -1, -2))/2


def definite(np, x):
    """A symmetric positive definite matrix of any matrix."""
    return np.matmul(x, np.swapaxes(x, -1, -2)) + numpy.eye(x.shape[-1], dtype=x.dtype)


# ---- the table -------------------------------------------------------------------------------------

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
    """Whether two arrays agree, against the larger of 1 and the largest of the second."""
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
