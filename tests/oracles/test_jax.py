"""Every op that JAX has: value, first and second derivatives at random points, and kinks where JAX agrees."""

import math

import pytest

jax = pytest.importorskip("jax", reason="JAX is heavy to install: a nox session of its own runs this")

import jax.numpy as jnp  # noqa: E402
import jax.scipy.special as jsp  # noqa: E402
from op_support import ROWS, free  # noqa: E402
from oracle_support import PUBLIC, compare, pairs, points  # noqa: E402

jax.config.update("jax_enable_x64", True)
INF, NAN = math.inf, math.nan
NAMES = {
    "div": jnp.divide, "mod": jnp.mod, "floordiv": jnp.floor_divide, "neg": jnp.negative, "asin": jnp.arcsin,
    "acos": jnp.arccos, "atan": jnp.arctan, "atan2": jnp.arctan2, "asinh": jnp.arcsinh, "acosh": jnp.arccosh,
    "atanh": jnp.arctanh, "sub": jnp.subtract, "mul": jnp.multiply, "fma": lambda x, y, z: x*y + z,
    "lgamma": jsp.gammaln, "digamma": jsp.digamma, "polygamma": lambda n, x: jsp.polygamma(jnp.int64(n), x),
    "erf": jsp.erf, "erfc": jsp.erfc, "erfinv": jsp.erfinv, "gamma": jsp.gamma, "ndtr": jsp.ndtr,
    "log_ndtr": jsp.log_ndtr, "ndtri": jsp.ndtri, "logit": jsp.logit, "xlogy": jsp.xlogy, "xlog1py": jsp.xlog1py,
    "entr": jsp.entr, "rel_entr": jsp.rel_entr,
    "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus, "clip": jnp.clip,
    "where": lambda c, x, y: jnp.where(c != 0, x, y), "round": jnp.round, "pow": jnp.power, "degrees": jnp.degrees,
    "radians": jnp.radians, "abs": jnp.abs, "copysign": jnp.copysign,
}
# XLA's own polynomials for the special and some elementary functions; and 1 - tanh^2, p*(1 - p) for two
# shares, out + 1: of absolute accuracy only
RELATIVE = {"digamma": 1e-11, "polygamma": 1e-10, "lgamma": 1e-11, "erf": 1e-12, "erfc": 1e-12,
            "erfinv": 1e-9, "ndtri": 1e-9, "ndtr": 1e-9, "log_ndtr": 1e-9, "gamma": 1e-11}
ABSOLUTE = {"tanh": 4e-15, "logaddexp": 1e-14, "sigmoid": 1e-15, "softplus": 1e-15, "expm1": 1e-15}


def function(op):
    return NAMES[op.name] if op.name in NAMES else getattr(jnp, op.name, None)


HERE = [op for op in PUBLIC if function(op) is not None]


def test_jax_has_them_all():
    assert len(HERE) == len(PUBLIC)


def theirs(op, point, orders: int = 2):
    f, leaves = function(op), free(op)
    args = [jnp.float64(x) for x in point]
    result = {(): float(f(*args))}
    first = jax.jacrev(f, argnums=leaves)
    result.update({(k,): float(d) for k, d in zip(leaves, first(*args), strict=True)})
    if orders > 1:
        second = jax.jacfwd(first, argnums=leaves)(*args)
        flat = [float(d) for row in second for d in row]
        result.update(dict(zip(pairs(op), flat, strict=True)))
    return result


@pytest.mark.parametrize("op", HERE, ids=lambda op: op.name)
def test_random_points(op):
    relative, absolute = RELATIVE.get(op.name, 1e-13), ABSOLUTE.get(op.name, 0.0)
    wrong = [text for p in points(op, 8) for text in compare(op, p, theirs(op, p), relative, 2, absolute)]
    assert not wrong, "\n".join(wrong[:20])


KINKS = [
    ("relu", (0.0,)), ("relu", (-0.0,)), ("sign", (0.0,)), ("maximum", (2.0, 2.0)), ("minimum", (2.0, 2.0)),
    ("clip", (0.0, 1.0, 3.0)), ("clip", (5.0, 1.0, 3.0)), ("floor", (2.0,)), ("ceil", (2.0,)), ("round", (2.5,)),
    ("trunc", (-2.0,)),
    ("where", (0.0, 2.0, 3.0)), ("where", (NAN, 2.0, 3.0)), ("mod", (-7.0, 3.0)), ("fmod", (-7.0, 3.0)),
    ("pow", (0.0, 2.0)), ("pow", (0.0, 1.0)), ("pow", (2.0, 0.0)), ("sqrt", (0.0,)), ("log", (0.0,)),
    ("asin", (1.0,)), ("acosh", (1.0,)), ("atanh", (1.0,)), ("reciprocal", (0.0,)), ("exp", (-INF,)), ("tanh", (INF,)),
    ("logaddexp", (INF, -INF)), ("logaddexp", (1.0, -INF)), ("sigmoid", (-INF,)), ("log", (-1.0,)),
]  # not abs at 0, where JAX takes 1, and not digamma at 0, where it has nan


@pytest.mark.parametrize(("name", "point"), KINKS, ids=lambda x: str(x).replace(" ", ""))
def test_kinks(name, point):
    op = ROWS[name]
    assert not compare(op, point, theirs(op, point, 1), 1e-12, 1)
