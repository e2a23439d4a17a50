"""Blocks that do something when they are left, and containers that an expression changes: no branch merges over them."""

import pytest
from merging_support import compiled, hexed


def in_finally(x):
    log = []
    try:
        if x > 0:
            return x*2.0
        log.append(1.0)
    finally:
        x = x + 1.0
    return x + sum(log)


def popped(x):
    stack = [x, 2.0*x]
    y = stack.pop() if x > 0 else x
    return y + sum(stack)


def popped_by_and(x):
    stack = [x, 2.0*x]
    found = x > 0 and stack.pop() > 1
    return sum(stack) + (1.0 if found else 0.0)


@pytest.mark.parametrize("f", [in_finally, popped, popped_by_and])
def test_values_are_those_of_floats(f):
    for points in ((2.0, -1.0, 0.25), (-1.0, 2.0, 0.25)):
        p = compiled(f)
        assert [hexed(p(x)) for x in points] == [hexed(f(x)) for x in points]
