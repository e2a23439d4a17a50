"""Sides that differ in objects, share them, or leave by another way: the results are right, merged or not."""

from __future__ import annotations

import contextlib
import dataclasses
import math

import numpy as np
import pytest
from merging_support import NAN, ONE, agree, compiled, is_guarded, outcome, right_or_refused

import cgrad
from cgrad import TraceError


@dataclasses.dataclass
class Pair:
    a: float
    b: float = 0.0


def list_element(x):
    y = [0.0, x]
    if x > 0:
        y[0] = x*2.0
    return y[0] + y[1]


def list_append(x):
    y = [x]
    if x > 0:
        y.append(2.0*x)
    else:
        y.append(1.0)
        y.append(x)
    return sum(y)*len(y)


def list_grows(x):
    y = [x]
    if x > 0:
        y += [x*x]
    return sum(y)/len(y)


def dict_entry(x):
    d = {"a": 1.0}
    if x > 0:
        d["a"] = x
        d["b"] = x
    return d["a"]*3.0 + len(d)


def attribute_of_a_local(x):
    p = Pair(x)
    if x > 0:
        p.b = x*x
    else:
        p.a += 1.0
    return p.a + 2.0*p.b


def array_element(x):
    y = np.array([x, 1.0])
    if x > 0:
        y[1] = x
    return y[0]*y[1]


def hidden_sharing(x):
    inside = [x, 0.0]
    if x > 0:
        other = inside
    else:
        other = [0.0, 0.0]
    other[0] = 5.0
    return inside[0] + other[0]*x


def hidden_sharing_of_dicts(x):
    a, b = {"k": x}, {"k": 2.0*x}
    chosen = a if x > 0 else b
    chosen["k"] = chosen["k"] + 1.0
    return a["k"]*10.0 + b["k"]


def hidden_sharing_of_objects(x):
    a, b = Pair(x), Pair(1.0)
    low = a if x < 1 else b
    low.b = x*x
    return a.b + 3.0*b.b


def swapped_objects(x):
    a, b = Pair(x), Pair(1.0)
    if x > 1:
        a, b = b, a
    a.a *= 2.0
    return a.a - b.a


def identity_of_the_chosen(x):
    a, b = [x], [x]
    c = a if x > 0 else b
    return x*2.0 if c is a else x*3.0


def iterator_in_a_side(x):
    it = iter([x, 2.0*x, 3.0])
    if x > 0:
        next(it)
    return next(it)


def different_objects(x):
    name = "high" if x > 1 else "low"
    return {"high": x*x, "low": 2.0*x}[name]


def different_functions(x):
    g = cgrad.sin if x > 0 else cgrad.cos
    return g(x)


def different_counts(x):
    n = 3 if x > 1 else 2
    y = 0.0
    for k in range(n):
        y = y + x*k
    return y


def different_lengths(x):
    parts = [x, x*x] if x > 0 else [x]
    return sum(parts)*len(parts)


def different_keys(x):
    d = {"a": x} if x > 0 else {"b": x}
    return d.get("a", 1.0) - d.get("b", 2.0)


def different_structures(x):
    v = (x, 1.0) if x > 0 else x
    return v[0] if isinstance(v, tuple) else v*2.0


def different_types(x):
    v = Pair(x) if x > 0 else None
    return v.a*2.0 if v is not None else -1.0*x


def none_or_number(x):
    best = None
    for k in (1.0, 2.0, 0.5):
        v = x*k - k*k
        if best is None or v > best:
            best = v
    return best


def flag_as_a_python_bool(x):
    found = False
    for k in (0.5, 1.0):
        if x > k:
            found = True
    return x*2.0 if found else x


def whole_numbers_differ(x):
    where = 0
    values = (x, 1.0 - x, x*x - 1.0)
    for k, v in enumerate(values):
        if v > values[where]:
            where = k
    return values[where]


def integers_are_counted(x):
    n = 0
    for k in (0.3, 0.6, 0.9):
        if x > k:
            n += 1
    return n*x + 10**n


def dataclasses_in_sides(x):
    p = Pair(x, 2.0) if x > 0 else Pair(1.0, x)
    return p.a*p.b + p.b


def break_in_a_side(x):
    y = x
    for k in range(4):
        if y > 2:
            break
        y = y + 0.75
    return y


def continue_in_a_side(x):
    y = 0.0
    for k in range(4):
        if x < k*0.5:
            continue
        y = y + x
    return y


def recursion(x, n=4):
    if x > 0 and n:
        return recursion(x - 1.0, n - 1)*2.0
    return x


def raise_in_a_side(x):
    if x < 0:
        raise ValueError("negative")
    return cgrad.sqrt(x)


def raise_that_is_caught(x):
    try:
        if x < 0:
            raise ArithmeticError
        return x*2.0
    except ArithmeticError:
        return 1.0 - x


def error_of_a_side(x):
    return x*[1.0][1] if x > 1 else x


def error_of_a_side_caught(x):
    try:
        y = x*{}["k"] if x > 1 else x
    except KeyError:
        y = 7.0*x
    return y


def plain_division_by_zero(x):
    zero = 0
    return x*(1/zero) if x > 0 else x


def assertion(x):
    assert not x > 2
    return x*2.0


def finally_in_a_side(x):
    y = x
    if x > 0:
        try:
            y = x*2.0
        finally:
            y = y + 1.0
    return y


def guard_in_a_side(x):
    y = x
    if x > 0:
        while y > 1:
            y = y - 1.0 if y < 100 else 0.5
    return y


def deleted_name(x):
    y, z = x, 2.0
    if x > 0:
        del y
        y = x*3.0
    else:
        del z
    return y


def deleted_name_is_unbound(x):
    y = x
    if x > 0:
        del y
    return y


def import_in_a_side(x):
    if x > 0:
        import math as m
        k = m.pi
    else:
        k = 1.0
    return x*k


def generator_function(x):
    def parts(v):
        if v > 0:
            yield v
        yield v*v

    return sum(parts(x))


def sorted_values(x):
    a, b, c = sorted([x, 1.0, 2.0 - x])
    return a + 2.0*b + 4.0*c


def matched(x):
    match x:
        case v if v > 1:
            return v*2.0
        case v if v < 0:
            return -v
        case 0.0:
            return 5.0
    return x


def matched_structure(x):
    match (x, x > 0):
        case (v, True):
            return v*2.0
        case (v, False):
            return -v


def try_around_an_if(x):
    try:
        y = x*2.0 if x > 0 else x
    except ZeroDivisionError:
        y = 0.0
    return y


def while_true(x):
    while True:
        if not x > 1:
            return x
        x = x*0.5 if x < 1000 else 0.0


def loop_with_else(x):
    for k in (1.0, 2.0):
        if x < k:
            y = x*k
            break
    else:
        y = x - 1.0
    return y


def star_arguments(x):
    def g(*values, scale=1.0, **rest):
        return values[0]*scale if values[0] > 0 else values[-1] + rest["k"]

    return g(x, 2.0*x, scale=3.0, k=1.0)


def exceptions_as_flow(x):
    class Found(Exception):
        pass

    try:
        for k in (0.5, 1.0, 2.0):
            if x < k:
                raise Found(k)
    except Found as found:
        return x*found.args[0]
    return -x


SHARED = [list_element, list_append, list_grows, dict_entry, attribute_of_a_local, array_element, hidden_sharing, hidden_sharing_of_dicts, hidden_sharing_of_objects,
          swapped_objects, identity_of_the_chosen, iterator_in_a_side, different_objects, different_functions, different_counts, different_lengths, different_keys,
          different_structures, different_types, none_or_number, flag_as_a_python_bool, whole_numbers_differ, integers_are_counted, dataclasses_in_sides, break_in_a_side,
          continue_in_a_side, recursion, raise_in_a_side, raise_that_is_caught, error_of_a_side, error_of_a_side_caught, plain_division_by_zero, assertion, finally_in_a_side,
          guard_in_a_side, deleted_name, deleted_name_is_unbound, import_in_a_side, generator_function, sorted_values, matched, matched_structure, try_around_an_if,
          while_true, loop_with_else, star_arguments, exceptions_as_flow]
RAISES = {raise_in_a_side, error_of_a_side, plain_division_by_zero, assertion, deleted_name_is_unbound}


@pytest.mark.parametrize("f", SHARED, ids=lambda f: f.__name__)
def test_the_results_are_right_whatever_a_side_does(f):
    """Merged or not is left open; a NumPy array whose elements are set may be refused."""
    points = [point for point in ONE if f not in (while_true, guard_in_a_side) or math.isfinite(point[0])]
    if outcome(compiled(f, "guard"), points[-1]) is TraceError:
        right_or_refused(f, points)
    else:
        agree(f, points, slopes=f not in RAISES)


@pytest.mark.parametrize("f", [list_append, dict_entry, different_objects, different_functions, different_lengths, recursion, break_in_a_side],
                         ids=lambda f: f.__name__)
def test_what_is_a_guard(f):
    p = compiled(f)
    for point in ONE:
        outcome(p, point)
    assert is_guarded(p) and len(p.programs) > 1


# ---- NumPy's errors and warnings -----------------------------------------------------------------------

def test_no_warnings_from_the_side_that_is_not_taken(recwarn):
    def f(x):
        return np.sqrt(x) if x > 0 else np.log(1.0 - x)

    p = compiled(f)
    for x in (4.0, -3.0, 0.0):
        assert p(x) == pytest.approx(float(f(np.float64(x))), rel=1e-15)
    p.map(np.array([4.0, -3.0, 0.0, NAN]))
    assert not recwarn.list


def test_contexts_around_and_inside():
    @contextlib.contextmanager
    def scaled(k):
        yield k

    def around(x):
        with scaled(2.0) as k:
            y = x*k if x > 0 else x
        return y

    def inside(x):
        if x > 0:
            with scaled(2.0) as k:
                return x*k
        return x

    agree(around, ONE)
    agree(inside, ONE)
