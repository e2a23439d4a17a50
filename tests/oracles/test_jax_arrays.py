"""Every elementwise op on arrays against JAX, in double precision: broadcasts, empty arrays, second order."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is heavy to install: a nox session of its own runs this")

import jax.numpy as jnp  # noqa: E402
from arrays_oracle import PUBLIC, SHAPES, Case  # noqa: E402
from test_jax import ABSOLUTE, RELATIVE, function  # noqa: E402


def theirs(case):
    f = function(case.op)

    def of(*xs):
        given = [jnp.float64(a) if np.ndim(a) == 0 else a for a in case.args]
        for k, x in zip(case.leaves, xs, strict=True):
            given[k] = x
        return f(*given)

    xs = [jnp.asarray(case.args[k]) for k in case.leaves]

    def first(*xs):
        out, pull = jax.vjp(of, *xs)
        return pull(jnp.asarray(case.g, out.dtype))

    _, pull = jax.vjp(first, *xs)
    second = pull(tuple(jnp.asarray(u) for u in case.u))
    return np.asarray(of(*xs)), [np.asarray(d) for d in first(*xs)], [np.asarray(d) for d in second]


@pytest.mark.parametrize("op", PUBLIC, ids=lambda op: op.name)
def test_arrays(op):
    for shapes in SHAPES[op.arity][:4]:
        if len(shapes) > 1:
            shapes = tuple(s if d is not None else () for s, d in zip(shapes, op.d, strict=True))
        case = Case(op, shapes)
        case.compare(*theirs(case), 20*RELATIVE.get(op.name, 1e-13), 4*ABSOLUTE.get(op.name, 0.0))
