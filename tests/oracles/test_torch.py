"""Every op that PyTorch has: value, first and second derivatives at random points, and its kinks."""

import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is heavy to install: a nox session of its own runs this")

from op_support import ROWS, free  # noqa: E402
from oracle_support import PUBLIC, compare, pairs, points  # noqa: E402

INF, NAN = math.inf, math.nan
F = torch.nn.functional
NAMES = {  # where PyTorch's name is another, or several of its functions make one
    "div": torch.div, "mod": torch.remainder, "floordiv": torch.floor_divide, "abs": torch.abs, "pow": torch.pow,
    "cbrt": None, "fma": lambda x, y, z: torch.addcmul(z, x, y), "degrees": torch.rad2deg, "radians": torch.deg2rad,
    "polygamma": lambda n, x: torch.polygamma(int(n), x), "relu": torch.relu,
    "gamma": None, "ndtr": torch.special.ndtr, "log_ndtr": torch.special.log_ndtr, "ndtri": torch.special.ndtri,
    "xlog1py": torch.special.xlog1py, "entr": torch.special.entr, "rel_entr": None,
    "softplus": lambda x: F.softplus(x, threshold=1e9),
    "clip": torch.clamp, "where": lambda c, x, y: torch.where(c != 0, x, y), "copysign": torch.copysign,
}
RELATIVE = {"lgamma": 1e-9, "digamma": 1e-9, "polygamma": 1e-9,
            "ndtri": 1e-9, "erfinv": 1e-9, "log_ndtr": 1e-9, "ndtr": 1e-9}  # PyTorch's polygamma is of some 10 digits
# PyTorch takes 1 - out^2, out*(1 - out) and out + 1, which are of absolute accuracy only.
ABSOLUTE = {"tanh": 1e-15, "sigmoid": 1e-15, "softplus": 1e-15, "expm1": 1e-15}


def function(op):
    return NAMES[op.name] if op.name in NAMES else getattr(torch, op.name, None)


HERE = [op for op in PUBLIC if function(op) is not None]


def test_what_pytorch_lacks():
    assert {op.name for op in PUBLIC} - {op.name for op in HERE} == {"cbrt", "gamma", "rel_entr"}


def theirs(op, point, orders: int = 2):
    """{index: float}, by torch.autograd."""
    args = [torch.tensor(x, dtype=torch.float64, requires_grad=True) if k in free(op) else x
            for k, x in enumerate(point)]
    out = function(op)(*args)
    result = {(): out.item()}
    if op.name == "floordiv":  # "derivative for aten::floor_divide is not implemented": values alone
        return result
    leaves = [args[k] for k in free(op)]
    first = torch.autograd.grad(out, leaves, create_graph=True, allow_unused=True)
    for k, d in zip(free(op), first, strict=True):
        result[(k,)] = 0.0 if d is None else d.item()
    if orders > 1:
        for (i, j), (a, b) in zip(pairs(op), ((a, b) for a in first for b in leaves), strict=True):
            d = None
            if a is not None and a.requires_grad:
                d = torch.autograd.grad(a, b, retain_graph=True, allow_unused=True)[0]
            result[(i, j)] = 0.0 if d is None else d.item()
    return result


@pytest.mark.parametrize("op", HERE, ids=lambda op: op.name)
def test_random_points(op):
    relative, absolute = RELATIVE.get(op.name, 1e-13), ABSOLUTE.get(op.name, 0.0)
    wrong = [text for p in points(op) for text in compare(op, p, theirs(op, p), relative, 2, absolute)]
    assert not wrong, "\n".join(wrong[:20])


KINKS = [
    ("abs", (0.0,)), ("abs", (-0.0,)), ("relu", (0.0,)), ("relu", (NAN,)), ("sign", (0.0,)),
    ("maximum", (2.0, 2.0)), ("maximum", (INF, INF)), ("maximum", (NAN, 1.0)), ("maximum", (1.0, NAN)),
    ("minimum", (2.0, 2.0)), ("minimum", (0.0, -0.0)), ("minimum", (NAN, 1.0)), ("minimum", (1.0, NAN)),
    *(("clip", (x, lo, hi)) for x in (0.0, 1.0, 2.0, 3.0, 5.0, NAN)
      for lo, hi in ((1.0, 3.0), (2.0, 2.0), (3.0, 1.0), (NAN, 3.0))),
    ("hypot", (0.0, 0.0)), ("atan2", (0.0, 0.0)), ("atan2", (0.0, -1.0)), ("atan2", (1.0, 0.0)),
    ("floor", (2.0,)), ("ceil", (2.0,)), ("round", (2.5,)), ("round", (-3.5,)), ("trunc", (-2.0,)),
    ("copysign", (0.0, 1.0)), ("copysign", (2.0, 0.0)), ("copysign", (2.0, -0.0)), ("copysign", (-2.0, NAN)),
    ("mod", (6.0, 3.0)), ("mod", (-7.0, 3.0)), ("mod", (-7.0, INF)), ("mod", (7.0, 0.0)),
    ("fmod", (6.0, 3.0)), ("fmod", (-7.0, 3.0)), ("fmod", (7.0, INF)), ("fmod", (7.0, 0.0)),
    *(("where", (c, 2.0, 3.0)) for c in (0.0, -0.0, 1.0, NAN)),
    *(("pow", p) for p in ((0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (0.0, 0.5), (0.0, -1.0), (2.0, 0.0), (-2.0, 3.0),
                            (-2.0, 2.5), (INF, 0.0))),
    ("sqrt", (0.0,)), ("log", (0.0,)), ("asin", (1.0,)), ("acos", (1.0,)), ("acosh", (1.0,)), ("atanh", (1.0,)),
    ("reciprocal", (0.0,)), ("div", (1.0, 0.0)), ("div", (0.0, 0.0)), ("log", (-1.0,)), ("sqrt", (-1.0,)),
    ("logaddexp", (INF, -INF)), ("logaddexp", (1.0, -INF)), ("sigmoid", (INF,)), ("sigmoid", (-INF,)), ("tanh", (INF,)),
    ("softplus", (-40.0,)), ("exp", (-INF,)), ("digamma", (0.0,)), ("lgamma", (0.0,)), ("erf", (0.0,)),
    ("sinh", (0.0,)),
]


@pytest.mark.parametrize(("name", "point"), KINKS, ids=lambda x: str(x).replace(" ", ""))
def test_value_and_first_derivative_at_kinks(name, point):
    op = ROWS[name]
    assert not compare(op, point, theirs(op, point, 1), 1e-13, 1)


SMOOTH_SECOND = [
    ("abs", (0.0,)), ("relu", (0.0,)), ("maximum", (2.0, 2.0)), ("clip", (1.0, 1.0, 3.0)), ("sigmoid", (0.0,)),
    ("tanh", (0.0,)), ("softplus", (0.0,)), ("asin", (0.0,)), ("copysign", (2.0, -0.0)), ("pow", (2.0, 3.0)),
    ("square", (0.0,)), ("hypot", (3.0, 0.0)), ("atan2", (0.0, 1.0)), ("logaddexp", (1.0, 1.0)), ("sign", (0.0,)),
]


@pytest.mark.parametrize(("name", "point"), SMOOTH_SECOND, ids=lambda x: str(x).replace(" ", ""))
def test_second_derivative_at_kinks(name, point):
    op = ROWS[name]
    assert not compare(op, point, theirs(op, point), 1e-13)


def test_where_we_are_right_and_pytorch_is_not():
    """Two of its rules cut off what is there: stated here so that a change on either side is noticed."""
    assert theirs(ROWS["pow"], (2.0, 0.0))[(0, 1)] == 0.0  # 1/x by the other order of differentiation
    assert theirs(ROWS["pow"], (2.0, 0.0))[(1, 0)] == 0.5
    assert math.isnan(theirs(ROWS["logaddexp"], (INF, INF), 1)[(0,)])
    assert not compare(ROWS["pow"], (2.0, 0.0), {(0, 1): 0.5, (1, 0): 0.5}, 0)
    assert not compare(ROWS["logaddexp"], (INF, INF), {(0,): 0.5, (1,): 0.5}, 0)
