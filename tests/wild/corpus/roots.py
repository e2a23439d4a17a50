"""Optimisation and root finding."""

import math
from functools import partial

import numpy as np

PHI = (math.sqrt(5) - 1) / 2


def newton_sqrt(a):
    """Heron's method."""
    if a < 0:
        raise ValueError("negative")
    if a == 0:
        return 0.0
    x = a
    for _ in range(60):
        new = 0.5 * (x + a / x)
        if abs(new - x) < 1e-14 * new:
            break
        x = new
    return new


def bisect(a, b, target):
    """Solves x**3 + x = target."""
    while b - a > 1e-9:
        mid = (a + b) / 2
        if mid**3 + mid < target:
            a = mid
        else:
            b = mid
    return (a + b) / 2


def secant(c, x0=0.0, x1=1.0):
    f0, f1 = math.cos(x0) - c * x0, math.cos(x1) - c * x1
    while abs(f1) > 1e-11:
        x0, x1 = x1, x1 - f1 * (x1 - x0) / (f1 - f0)
        f0, f1 = f1, math.cos(x1) - c * x1
    return x1


def golden_section(centre, tilt):
    f = lambda x: (x - centre)**2 + tilt * x
    a, b = -2.0, 3.0
    c, d = b - PHI * (b - a), a + PHI * (b - a)
    for _ in range(20):
        if f(c) < f(d):
            b = d
        else:
            a = c
        c, d = b - PHI * (b - a), a + PHI * (b - a)
    return (a + b) / 2


def gradient_descent(x, y, lr):
    for step in range(20):
        gx, gy = 2 * (x - 1) + y, 4 * y + x
        norm = math.hypot(gx, gy)
        if norm > 1:
            gx, gy = gx / norm, gy / norm
        x -= lr * gx
        y -= lr * gy
    return (x - 1)**2 + 2 * y**2 + x * y


def armijo(x, slope=2.0):
    """Backtracking line search on a quartic."""
    f = lambda z: z**4 - slope * z
    g = 4 * x**3 - slope
    t = 1.0
    while f(x - t * g) > f(x) - 0.5 * t * g * g:
        t *= 0.5
        if t < 0.01:
            return x
    return x - t * g


def quadratic_roots(a, b, c):
    if a == 0:
        return (-c / b,)
    disc = b**2 - 4 * a * c
    if disc < 0:
        return ()
    if disc == 0:
        return (-b / (2 * a),)
    q = -0.5 * (b + math.copysign(math.sqrt(disc), b))
    return tuple(sorted((q / a, c / q)))


def cubic_real_root(p, q):
    """Of t**3 + p*t + q, the largest one."""
    d = (q / 2)**2 + (p / 3)**3
    if d > 0:
        r = math.sqrt(d)
        cbrt = lambda v: math.copysign(abs(v)**(1 / 3), v)
        return cbrt(-q / 2 + r) + cbrt(-q / 2 - r)
    elif p == 0:
        return 0.0
    m = 2 * math.sqrt(-p / 3)
    return m * math.cos(math.acos(max(-1.0, min(1.0, 3 * q / (p * m)))) / 3)


def halley_cbrt(a):
    x, n = (a if abs(a) > 1 else 1.0), 0
    while n < 50:
        f = x**3 - a
        step = 2 * f * 3 * x**2 / (2 * (3 * x**2)**2 - f * 6 * x)
        x -= step
        n += 1
        if abs(step) < 1e-13:
            break
    return x


def lambert_w(z):
    w = 0.5 if z < 1 else math.log(z)
    for _ in range(5):
        e = math.exp(w)
        dw = (w * e - z) / (e * (w + 1))
        w -= dw
        if abs(dw) < 1e-14:
            return w
    return w


def coordinate_search(x, y):
    step = 1.0
    best = (x - 0.3)**2 + 3 * (y + 0.2)**2
    while step > 0.1:
        improved = False
        for dx, dy in ((step, 0), (-step, 0), (0, step), (0, -step)):
            value = (x + dx - 0.3)**2 + 3 * (y + dy + 0.2)**2
            if value < best:
                x, y, best, improved = x + dx, y + dy, value, True
                break
        if not improved:
            step /= 2
    return best


def polynomial(coeffs, x):
    result = 0
    for c in reversed(coeffs):
        result = result * x + c
    return result


def solve_2x2(a, b, c, d, e, f):
    det = a * d - b * c
    try:
        return (e * d - b * f) / det + (a * f - e * c) / det
    except ZeroDivisionError:
        return float("nan")


def gauss(A, b):
    """Elimination with pivoting of lists of lists."""
    n = len(b)
    A = [row[:] + [bi] for row, bi in zip(A, b)]
    for k in range(n):
        pivot = max(range(k, n), key=lambda r: abs(A[r][k]))
        A[k], A[pivot] = A[pivot], A[k]
        for r in range(k + 1, n):
            m = A[r][k] / A[k][k]
            for c in range(k, n + 1):
                A[r][c] -= m * A[k][c]
    x = [0.0] * n
    for k in range(n - 1, -1, -1):
        x[k] = (A[k][n] - sum(A[k][c] * x[c] for c in range(k + 1, n))) / A[k][k]
    return x


def simpson(f, a, b, n=10):
    h = (b - a) / n
    total = f(a) + f(b)
    for i in range(1, n):
        total += f(a + i * h) * (4 if i % 2 else 2)
    return total * h / 3


def _peak(x, height, width):
    return height * np.exp(-(x / width)**2) if width else 0.0


def area_of_peak(height, width, upto):
    return simpson(partial(_peak, height=height, width=width), -upto, upto)


def projected(x, lo, hi, steps=5):
    for _ in range(steps):
        x = x - 0.3 * (2 * x - 3)
        x = lo if x < lo else hi if x > hi else x
    return x


STEPS = {"bisect": "the midpoints are multiples of the ends; the target decides only which",
         "golden_section": "the points are combinations of the ends; the function decides only which"}
PROGRAMS = [
    (newton_sqrt, [(2.0,), (0.25,), (100.0,), (0.0,), (1.0,), (7.5,)]),
    (bisect, [(0.0, 2.0, 1.0), (0.0, 2.0, 5.0), (-1.0, 3.0, 0.3), (-2.0, 0.0, -4.0), (0.0, 1.0, 0.1), (0.0, 4.0, 10.0)]),
    (secant, [(1.0,), (0.5,), (2.0,), (3.0, 0.1), (1.5, 0.2, 0.9), (0.8,)]),
    (golden_section, [(0.5, 0.1), (-1.0, 0.0), (2.0, -0.5), (0.0, 1.0), (1.234, 0.2), (5.0, 0.0)]),
    (gradient_descent, [(0.0, 0.0, 0.1), (5.0, 5.0, 0.3), (-1.0, 2.0, 0.2), (1.0, -0.3, 0.05), (3.0, -4.0, 0.15), (0.9, 0.1, 0.2)]),
    (armijo, [(0.0,), (1.0,), (-1.5,), (0.5,), (3.0, 1.0), (9.0, 1.0)]),
    (quadratic_roots, [(1.0, -3.0, 2.0), (1.0, 2.0, 1.0), (1.0, 0.5, 3.0), (0.0, 2.0, 3.0), (2.0, 5.0, -3.0), (-1.0, 4.0, 1.0)]),
    (cubic_real_root, [(1.0, 1.0), (-3.0, 1.0), (2.0, -5.0), (0.0, 0.0), (-7.0, 6.0), (-2.0, 0.3), (-3.0, 2.0)]),
    (halley_cbrt, [(2.0,), (0.5,), (27.0,), (-8.0,), (1.0,), (10.0,)]),
    (lambert_w, [(0.5,), (1.0,), (10.0,), (0.1,), (100.0,), (2.5,)]),
    (coordinate_search, [(0.0, 0.0), (2.0, 1.0), (-3.0, 0.5), (0.3, -0.2), (1.1, 0.7), (0.25, 0.9)]),
    (polynomial, [([1.0, 2.0, 3.0], 0.5), ([0.0, 0.0, 1.0], -2.0), ([5.0], 3.0), ([1.0, -1.0], 1.0), ([0.1, 0.2, 0.3], 0.0), ([-1.0, 0.0, 2.0], 1.5)]),
    (solve_2x2, [(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), (1.0, 2.0, 2.0, 4.0, 5.0, 6.0), (0.0, 1.0, 1.0, 0.0, 2.0, 3.0), (2.0, 0.5, 0.1, 1.0, 1.0, 1.0), (-1.0, 0.0, 0.0, 5.0, 1.0, 2.0),
                 (0.0, 0.0, 0.0, 0.0, 1.0, 1.0)]),
    (gauss, [([[2.0, 1.0], [1.0, 3.0]], [1.0, 2.0]), ([[0.1, 1.0], [1.0, 3.0]], [1.0, 2.0]), ([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [4.0, 1.0, 5.0]], [1.0, 2.0, 3.0]),
             ([[0.0, 1.0], [1.0, 0.0]], [3.0, 4.0]), ([[5.0, 1.0], [1.0, -3.0]], [0.5, 0.25]), ([[1.0, 2.0, 3.0], [0.0, 1.0, 4.0], [5.0, 6.0, 0.0]], [1.0, 1.0, 1.0])]),
    (area_of_peak, [(1.0, 1.0, 2.0), (2.0, 0.5, 1.0), (1.0, 0.0, 1.0), (0.3, 3.0, 2.0), (-1.0, 1.5, 0.5), (4.0, 0.8, 3.0)]),
    (projected, [(0.0, 0.0, 1.0), (0.0, 0.0, 2.0), (5.0, 1.8, 4.0), (-1.0, -3.0, 1.5), (1.0, 1.0, 1.2), (9.0, 0.0, 5.0)]),
]
