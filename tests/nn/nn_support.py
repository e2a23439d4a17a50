"""Shared by the tests of nn: derivatives of a function of arrays by each mode of cgrad, and by differences."""

import numpy as np

import cgrad
from cgrad import Tensor, Value


def plain(x):
    """The ndarray or float of anything."""
    return x.data if isinstance(x, (Tensor, Value)) else x


def seeds(shape, k=0):
    """Fixed numbers of both signs, none of them small."""
    rng = np.random.default_rng([len(shape), k, *shape])
    return rng.uniform(0.5, 1.5, shape)*rng.choice([-1.0, 1.0], shape)


def ours(f, arrays, second=True):
    """Of L = sum(f(*arrays)*s): f's value, dL by ``backward``, dL recorded, and the gradient of sum(dL*v).

    s and v are fixed numbers (``seeds``); derivatives are lists, one array an argument.
    """
    def leaves():
        return [Tensor(a, requires_grad=True) for a in arrays]

    def scalar(out):
        return out*float(seeds(())) if not out.ndim else (out*seeds(out.shape).astype(out.dtype)).sum()

    xs = leaves()
    out = f(*xs)
    scalar(out).backward()
    first = [np.array(x.grad) for x in xs]
    if not second:
        return np.asarray(plain(out)), first, None, None
    xs = leaves()
    recorded = cgrad.gradients(scalar(f(*xs)), xs, create_graph=True).wrt(xs)
    assert [np.shape(g) for g in map(plain, recorded)] == [a.shape for a in arrays]
    total = sum((g*seeds(x.shape, 1 + k).astype(x.dtype)).sum() for k, (g, x) in enumerate(zip(recorded, xs, strict=True)))
    again = [np.zeros(a.shape) for a in arrays]
    if isinstance(total, Value):  # else the first derivatives are constants
        again = [np.asarray(g) for g in cgrad.gradients(total, xs).wrt(xs)]
    return np.asarray(plain(out)), first, [np.asarray(plain(g)) for g in recorded], again


def quotients(f, arrays, h=1e-3):
    """Central differences, extrapolated once, of the scalar function f of arrays (in float64): an array each."""
    found = []
    for k, a in enumerate(arrays):
        slope = np.zeros(a.shape)
        for i in np.ndindex(*a.shape):
            def shifted(step, i=i, k=k):
                moved = [b.copy() for b in arrays]
                moved[k][i] += step
                return f(*moved)
            coarse, fine = ((shifted(s) - shifted(-s))/(2*s) for s in (h, h/2))
            slope[i] = (4*fine - coarse)/3
        found.append(slope)
    return found


def check(f, *arrays, atol=1e-8, second=True):
    """Check f's first and second derivatives against differences; returns f's value."""
    out, first, recorded, again = ours(f, arrays, second)

    def loss(*moved):
        with cgrad.no_grad():
            return float(np.sum(plain(f(*map(Tensor, moved)))*seeds(out.shape)))

    for got, want in zip(first, quotients(loss, arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=atol)
    if not second:
        return out
    for got, want in zip(recorded, first, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)

    def slope(*moved):
        _, d, _, _ = ours(f, moved, second=False)
        return sum(float((g*seeds(g.shape, 1 + k)).sum()) for k, g in enumerate(d))

    for got, want in zip(again, quotients(slope, arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=atol)
    return out
