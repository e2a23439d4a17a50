"""Random arguments of structural ops: arrays of all shapes and layouts, with options that go with them.

Each function of ``draw`` returns (arrays, options); functions of other arguments return such a function.
"""

from __future__ import annotations

import math

import numpy
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

# ---- arrays, shapes, axes --------------------------------------------------------------------------

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


def points_of_curve(draw):
    n = draw(st.integers(1, 4))
    x, widths = array(draw, draw(shapes(0, 2)), -2.0, 4.0, equal=False), array(draw, (n,), 0.5, 1.5, equal=False)
    ends = draw(st.sampled_from([{}, {"left": 0.5}, {"right": -0.5}]))
    return [x, numpy.cumsum(widths) - 1.0, array(draw, (n,))], ends


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
