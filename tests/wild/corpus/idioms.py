"""Generators, closures, decorators, defaults, walrus, try and except, flags."""

import contextlib
import functools
import itertools
import math
import operator

import numpy as np

SCALE = 2.0
_calls = {"n": 0}


def timed(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        _calls["n"] += 1
        return f(*args, **kwargs)
    return wrapper


def clamped(low=0.0, high=1.0):
    def decorate(f):
        def inner(x):
            y = f(x)
            if y < low:
                return low
            return high if y > high else y
        return inner
    return decorate


def counted(f):
    def inner(*args):
        inner.calls += 1
        return f(*args)
    inner.calls = 0
    return inner


@timed
def timed_square(x):
    return x * x if x > 0 else -x


@clamped(high=2.0)
def bounded_line(x):
    return 3 * x - 1


@counted
def counted_half(x):
    return x / 2 if x > 1 else x


@contextlib.contextmanager
def scaled(k):
    yield k * SCALE


def running_total():
    total = 0.0

    def add(x):
        nonlocal total
        if x > 0:
            total += x
        return total
    return add


def closure_sum(a, b, c):
    add = running_total()
    for x in (a, b, c):
        add(x)
    return add(0.0)


def countdown(x):
    while x > 0:
        yield x
        x -= 1


def generator_sum(x):
    return sum(v**2 for v in countdown(x))


def first_above(values, limit):
    return next((v for v in values if v > limit), -1.0)


def take_while(values, limit):
    return sum(itertools.takewhile(lambda v: v < limit, values))


def walrus(values):
    total = 0.0
    it = iter(values)
    while (v := next(it, None)) is not None and v < 5:
        total += (w := v * 2) + w**2
    return total


def walrus_comprehension(values):
    return sum(y for v in values if (y := v - 1) > 0)


def safe_divide(a, b):
    try:
        return a / b
    except ZeroDivisionError:
        return math.inf if a > 0 else -math.inf if a < 0 else math.nan


def safe_log(x):
    try:
        return math.log(x)
    except ValueError:
        return -100.0
    finally:
        _calls["n"] += 1


def guarded(x):
    try:
        if x > 3:
            raise OverflowError("too large")
        y = x * 2
    except OverflowError:
        y = 6.0
    else:
        y += 1
    return y


def keyword_only(x, *, power=2, shift=0.0):
    return x**power + shift


def call_with_keywords(x, k):
    options = {"shift": k}
    if k > 1:
        options["power"] = 3
    return keyword_only(x, **options)


def defaults(x, scale=SCALE, table=(1.0, 2.0, 3.0)):
    return x * scale + sum(table) if x < table[1] else x


def flags(x, y):
    positive = x > 0
    small = abs(y) < 1
    if positive and small:
        return x + y
    if not (positive or small):
        return x * y
    return x - y if positive else y - x


def chained(x):
    if 0 < x < 1:
        return x
    elif 1 <= x <= 2 or x == 5:
        return 2 * x
    return -x if not -1 < x else 0.0


def or_default(x, y):
    return x or y


def and_value(x, y):
    return x and y / x


def count_true(x, y, z):
    return (x > 0) + (y > 0) + (z > 0) + 0.5 * x


def truthy_total(values):
    return sum(1 for v in values if v) + sum(values)


def any_all(values):
    if all(v > 0 for v in values):
        return math.prod(values)
    if any(v > 0 for v in values):
        return sum(v for v in values if v > 0)
    return 0.0


def extremes(values):
    (i, low), (j, high) = (f(enumerate(values), key=operator.itemgetter(1)) for f in (min, max))
    return (high - low) * (1 if i < j else -1)


def matrix_trace(m):
    return sum(m[i][i] if m[i][i] > 0 else 0 for i in range(len(m)))


def transpose_dot(rows):
    columns = [list(c) for c in zip(*rows)]
    return [sum(map(operator.mul, c, columns[0])) for c in columns]


def nested(x):
    def outer(y):
        def inner(z):
            return z * y if z > y else y
        return inner(x) + inner(y + 1)
    return outer(x * 0.5)


def swap_and_loop(a, b):
    n = 0
    while b > 1e-3 and n < 20:
        a, b = b, a % b
        n += 1
    return a


def filled(x, n):
    out = np.zeros(n)
    for i in range(n):
        out[i] = x**i if x > 0.5 else i * x
    return out


def cumulative(x):
    a = np.ones(4)
    a[1:] *= x
    for i in range(1, 4):
        a[i] += a[i - 1] / 2
    return a.sum()


def with_context(x):
    with scaled(x) as y:
        return y if y < 3 else 3.0


def for_else(x):
    for d in (1.0, 2.0, 3.0):
        if x < d:
            break
    else:
        d = 10.0
    return x * d


def string_key(x):
    key = "low" if x < 1 else "high"
    return {"low": x, "high": x**2}[key]


def index_by_bool(x):
    return (x * 2, x * 3)[x > 1]


def is_none(x, y=None):
    if y is None:
        y = x / 2
    return max(x, y)


def mean_of_args(*args, **kw):
    return sum(args) / len(args) * kw.get("k", 1)


def enumerate_product(values):
    out = 1.0
    for i, v in enumerate(values, 1):
        out *= v if i % 2 else 1 / v
    return out


def unpacked(values):
    head, *middle, tail = values
    return head - tail + (max(middle) if middle else 0)


def as_text(x):
    return float(f"{x:.1f}") + x


LISTS = [([3.0, 1.0, 2.0, 1.5],), ([1.0, 2.0, 3.0, 4.0],), ([4.0, 3.0, 2.0, 1.0],), ([2.0, 2.0, 1.0, 3.0],), ([0.5, -1.0, 0.25, 9.0],), ([-1.0, -5.0, -4.0, -3.0],)]
ONE = [(-1.5,), (-0.5,), (0.0,), (0.3,), (0.7,), (1.0,), (1.5,), (2.0,), (2.5,), (5.0,)]
REFUSED = {"as_text": ("TraceError", "text of a number would be frozen")}
PROGRAMS = [
    (timed_square, ONE), (bounded_line, ONE), (counted_half, ONE), (generator_sum, ONE), (guarded, ONE), (defaults, ONE), (chained, ONE), (nested, ONE), (with_context, ONE), (for_else, ONE),
    (string_key, ONE), (index_by_bool, ONE), (is_none, [*ONE, (1.0, 2.0), (3.0, -1.0)]), (cumulative, ONE), (as_text, ONE),
    (closure_sum, [(1.0, 2.0, 3.0), (-1.0, 2.0, 3.0), (1.0, -2.0, -3.0), (0.0, 0.0, 0.0), (-1.0, -1.0, -1.0), (0.5, 0.25, -9.0)]),
    (first_above, [([1.0, 2.0, 3.0], x) for x in (0.0, 1.0, 1.5, 2.5, 3.0, 9.0)]),
    (take_while, [([1.0, 2.0, 3.0], x) for x in (0.0, 1.0, 1.5, 2.5, 3.0, 9.0)]),
    (walrus, LISTS), (walrus_comprehension, LISTS), (truthy_total, [*LISTS, ([0.0, 1.0, 0.0, 2.0],)]), (any_all, LISTS), (extremes, LISTS), (enumerate_product, LISTS), (unpacked, LISTS),
    (safe_divide, [(1.0, 2.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 0.0), (-3.0, 4.0), (5.0, -0.5)]),
    (safe_log, [(1.0,), (0.5,), (-1.0,), (0.0,), (10.0,), (2.5,)]),
    (call_with_keywords, [(2.0, 0.5), (2.0, 1.5), (-1.0, 3.0), (0.5, 1.0), (1.0, -1.0), (3.0, 2.0)]),
    (flags, [(1.0, 0.5), (1.0, 2.0), (-1.0, 0.5), (-1.0, 2.0), (0.0, 1.0), (0.3, -0.3)]),
    (or_default, [(1.0, 2.0), (0.0, 2.0), (-1.0, 0.0), (0.0, 0.0), (0.5, 1.0), (-0.0, 3.0)]),
    (and_value, [(1.0, 2.0), (0.0, 2.0), (-1.0, 0.0), (0.0, 0.0), (0.5, 1.0), (4.0, 3.0)]),
    (count_true, [(1.0, 2.0, 3.0), (-1.0, 2.0, 3.0), (1.0, -2.0, -3.0), (0.0, 0.0, 0.0), (-1.0, -1.0, -1.0), (0.5, 0.25, -9.0)]),
    (matrix_trace, [([[1.0, 2.0], [3.0, 4.0]],), ([[-1.0, 2.0], [3.0, 4.0]],), ([[1.0, 2.0], [3.0, -4.0]],), ([[-1.0, 2.0], [3.0, -4.0]],), ([[0.0, 1.0], [1.0, 0.5]],), ([[9.0, 8.0], [7.0, 6.0]],)]),
    (transpose_dot, [([[1.0, 2.0], [3.0, 4.0]],), ([[-1.0, 2.0], [3.0, 4.0]],), ([[1.0, 2.0, 0.5], [3.0, -4.0, 1.0]],), ([[0.0, 0.0], [0.0, 0.0]],), ([[0.0, 1.0], [1.0, 0.5]],), ([[9.0, 8.0], [7.0, 6.0]],)]),
    (swap_and_loop, [(6.0, 4.0), (1.0, 0.3), (7.5, 2.5), (2.0, 0.0), (3.3, 1.2), (0.5, 5.0)]),
    (filled, [(0.3, 4), (0.7, 4), (2.0, 3), (-1.0, 5), (0.5, 2), (1.5, 6)]),
    (mean_of_args, [(1.0, 2.0), (1.0, 2.0, 3.0), (5.0,), (-1.0, 1.0), (0.1, 0.2, 0.3, 0.4), (9.0, 8.0)]),
]
