"""Shared by tests of compiled functions: the same derivatives by eager cgrad, numbers by their bits."""

from __future__ import annotations

import functools

import numpy as np

import cgrad
from cgrad import Value

guarded = functools.partial(cgrad.compile, branches="guard")  # each outcome of a branch is a path


def hexed(x):
    """A structure with its floats by their bits: equal only where these are. nan is nan."""
    if isinstance(x, (list, tuple)):
        return type(x)(hexed(y) for y in x)
    if isinstance(x, dict):
        return {key: hexed(y) for key, y in x.items()}
    if isinstance(x, np.ndarray):
        return x.shape, [hexed(y) for y in x.ravel().tolist()]
    if isinstance(x, float):
        return "nan" if x != x else x.hex()
    return x


def number(x):
    return x.data if isinstance(x, Value) else float(x)


def eager_gradient(f, x):
    """(value, gradient) by backward(), x a list of floats."""
    leaves = [Value(v) for v in x]
    out = f(leaves)
    if isinstance(out, Value):
        out.backward()
    return number(out), [v.grad for v in leaves]


def eager_jvp(f, x, v):
    leaves = [Value(y) for y in x]
    return cgrad.tangents(f(leaves), leaves, seed=v)


def eager_hvp(f, x, v):
    leaves = [Value(y) for y in x]
    g = cgrad.gradients(f(leaves), leaves, create_graph=True).wrt(leaves)
    products = [y*w for y, w in zip(g, v, strict=True)]
    return cgrad.gradients(sum(products[1:], products[0]), leaves).wrt(leaves)


def eager_hessian(f, x):
    n = len(x)
    return [eager_hvp(f, x, [float(i == k) for i in range(n)]) for k in range(n)]
