"""Interpolation and tables."""

import bisect
import math

import numpy as np

TEMPERATURES = [0.0, 10.0, 20.0, 40.0, 80.0]
VISCOSITY = [1.79, 1.31, 1.0, 0.65, 0.35]
GRID = [[1.0, 2.0, 4.0], [2.0, 3.0, 7.0], [5.0, 5.0, 9.0]]
CD_TABLE = np.array([0.2, 0.25, 0.5, 0.8, 0.6, 0.5])


def lerp(a, b, t):
    return a + (b - a) * t


def viscosity(t):
    if t <= TEMPERATURES[0]:
        return VISCOSITY[0]
    for (x0, y0), (x1, y1) in zip(zip(TEMPERATURES, VISCOSITY), zip(TEMPERATURES[1:], VISCOSITY[1:])):
        if x0 < t <= x1:
            return y0 + (y1 - y0) * (t - x0) / (x1 - x0)
    return VISCOSITY[-1]


def viscosity_bisect(t):
    i = min(max(bisect.bisect(TEMPERATURES, t), 1), len(TEMPERATURES) - 1)
    x0, x1 = TEMPERATURES[i - 1], TEMPERATURES[i]
    return lerp(VISCOSITY[i - 1], VISCOSITY[i], (t - x0) / (x1 - x0))


def viscosity_numpy(t):
    return np.interp(t, TEMPERATURES, VISCOSITY)


def drag_coefficient(mach):
    """Equidistant table: the index is a whole number."""
    position = mach / 0.4
    i = int(position)
    if i < 0:
        return CD_TABLE[0]
    if i >= len(CD_TABLE) - 1:
        return CD_TABLE[-1]
    return lerp(CD_TABLE[i], CD_TABLE[i + 1], position - i)


def bilinear(x, y):
    x = min(max(x, 0.0), 1.999999)
    y = min(max(y, 0.0), 1.999999)
    i, j = math.floor(x), math.floor(y)
    u, v = x - i, y - j
    return (1 - u) * (1 - v) * GRID[i][j] + u * (1 - v) * GRID[i + 1][j] + (1 - u) * v * GRID[i][j + 1] + u * v * GRID[i + 1][j + 1]


def lagrange(xs, ys, x):
    total = 0.0
    for i, (xi, yi) in enumerate(zip(xs, ys)):
        term = yi
        for j, xj in enumerate(xs):
            if i != j:
                term *= (x - xj) / (xi - xj)
        total += term
    return total


def newton_divided(xs, ys, x):
    n = len(xs)
    table = [ys[:]]
    for k in range(1, n):
        last = table[-1]
        table.append([(last[i + 1] - last[i]) / (xs[i + k] - xs[i]) for i in range(n - k)])
    result = table[-1][0]
    for k in range(n - 2, -1, -1):
        result = result * (x - xs[k]) + table[k][0]
    return result


def hermite(p0, m0, p1, m1, t):
    if t < 0:
        return p0 + m0 * t
    if t > 1:
        return p1 + m1 * (t - 1)
    t2, t3 = t * t, t**3
    return (2 * t3 - 3 * t2 + 1) * p0 + (t3 - 2 * t2 + t) * m0 + (-2 * t3 + 3 * t2) * p1 + (t3 - t2) * m1


def natural_spline(ys, x):
    """Thomas algorithm for second derivatives, knots 0, 1, 2, ..."""
    n = len(ys)
    m = [0.0] * n
    c = [0.0] * n
    d = [0.0] * n
    for i in range(1, n - 1):
        w = 4 - c[i - 1]
        c[i] = 1 / w
        d[i] = (6 * (ys[i + 1] - 2 * ys[i] + ys[i - 1]) - d[i - 1]) / w
    for i in range(n - 2, 0, -1):
        m[i] = d[i] - c[i] * m[i + 1]
    k = 0
    while k < n - 2 and x >= k + 1:
        k += 1
    t = x - k
    return (m[k] * (1 - t)**3 + m[k + 1] * t**3) / 6 + (ys[k] - m[k] / 6) * (1 - t) + (ys[k + 1] - m[k + 1] / 6) * t


def monotone_slope(d0, d1):
    """Fritsch and Carlson's harmonic mean."""
    if d0 * d1 <= 0:
        return 0.0
    return 2 * d0 * d1 / (d0 + d1)


def nearest(x):
    return min(VISCOSITY, key=lambda v: abs(v - x)) + x


def lookup_step(x, edges=(1.0, 2.0, 5.0), values=(10.0, 20.0, 30.0, 40.0)):
    for edge, value in zip(edges, values):
        if x < edge:
            return value
    return values[-1]


def histogram(samples):
    bins = [0, 0, 0]
    for s in samples:
        if 0 <= s < 1:
            bins[0] += 1
        elif 1 <= s < 2:
            bins[1] += 1
        else:
            bins[2] += 1
    return bins


def smoothstep(edge0, edge1, x):
    t = np.clip((x - edge0) / (edge1 - edge0), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def trapezoid(xs, ys, limit):
    area = 0.0
    for x0, x1, y0, y1 in zip(xs[:-1], xs[1:], ys[:-1], ys[1:]):
        if x0 >= limit:
            break
        if x1 > limit:
            y1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
            x1 = limit
        area += 0.5 * (y0 + y1) * (x1 - x0)
    return area


PROGRAMS = [
    (lerp, [(1.0, 2.0, 0.5), (0.0, -1.0, 0.25), (3.0, 3.0, 2.0), (1.0, 4.0, -1.0), (0.1, 0.2, 0.3), (5.0, 1.0, 1.0)]),
    (viscosity, [(t,) for t in (-5.0, 0.0, 5.0, 10.0, 15.0, 33.0, 60.0, 80.0, 95.0)]),
    (viscosity_bisect, [(t,) for t in (-5.0, 0.0, 5.0, 10.0, 15.0, 33.0, 60.0, 80.0, 95.0)]),
    (viscosity_numpy, [(t,) for t in (-5.0, 0.0, 5.0, 10.0, 15.0, 33.0, 60.0, 80.0, 95.0)]),
    (drag_coefficient, [(m,) for m in (-0.5, 0.1, 0.5, 0.9, 1.3, 1.7, 2.5)]),
    (bilinear, [(0.3, 0.4), (1.3, 0.4), (0.3, 1.7), (1.5, 1.5), (-1.0, 0.5), (5.0, 5.0), (1.0, 0.2)]),
    (lagrange, [([0.0, 1.0, 2.0], [1.0, 2.0, 5.0], 0.5), ([0.0, 1.0, 3.0], [1.0, 0.0, 5.0], 2.0), ([-1.0, 1.0, 2.0], [1.0, 2.0, 5.0], 0.0), ([0.0, 1.0, 2.0], [1.0, 2.0, 5.0], 1.0), ([0.0, 0.5, 2.0], [3.0, 3.0, 3.0], 7.0),
                ([1.0, 2.0, 4.0], [1.0, 4.0, 16.0], 3.0)]),
    (newton_divided, [([0.0, 1.0, 2.0], [1.0, 2.0, 5.0], 0.5), ([0.0, 1.0, 3.0], [1.0, 0.0, 5.0], 2.0), ([-1.0, 1.0, 2.0], [1.0, 2.0, 5.0], 0.0), ([0.0, 1.0, 2.0], [1.0, 2.0, 5.0], 1.0), ([0.0, 0.5, 2.0], [3.0, 3.0, 3.0], 7.0),
                      ([1.0, 2.0, 4.0], [1.0, 4.0, 16.0], 3.0)]),
    (hermite, [(0.0, 1.0, 2.0, 0.5, t) for t in (-0.5, 0.0, 0.3, 1.0, 1.5)] + [(1.0, -1.0, 3.0, 2.0, 0.8)]),
    (natural_spline, [([0.0, 1.0, 0.5, 2.0], x) for x in (-0.3, 0.5, 1.0, 1.5, 2.5, 3.2)]),
    (monotone_slope, [(1.0, 2.0), (-1.0, 2.0), (0.0, 1.0), (-1.0, -3.0), (0.5, 0.5), (4.0, 0.1)]),
    (nearest, [(x,) for x in (0.1, 0.5, 0.9, 1.2, 1.5, 3.0)]),
    (lookup_step, [(x,) for x in (0.5, 1.0, 1.5, 2.0, 3.0, 7.0)]),
    (histogram, [([0.5, 1.5, 2.5],), ([0.5, 0.6, 0.7],), ([-1.0, 1.0, 2.0],), ([1.1, 1.2, 0.0],), ([5.0, 6.0, 7.0],), ([1.9, 0.9, 0.1],)]),
    (smoothstep, [(0.0, 1.0, x) for x in (-1.0, 0.0, 0.2, 0.8, 1.5)] + [(2.0, 5.0, 3.0)]),
    (trapezoid, [([0.0, 1.0, 2.0], [1.0, 2.0, 4.0], x) for x in (0.5, 1.0, 1.5, 2.0, 3.0)] + [([0.0, 0.5, 3.0], [1.0, 0.0, 2.0], 0.2)]),
]
