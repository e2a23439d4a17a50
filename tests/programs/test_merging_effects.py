"""Branches that are not merged: a side that does more than name numbers is a guard, and what it does is done as often as without merging."""

from __future__ import annotations

import collections
import functools
import io
import itertools

import numpy as np
import pytest
from merging_support import compiled, is_guarded, is_plain, right_or_refused, same_effects

TOTAL = 0


class Box:
    """An attribute, a property that counts how often it is read, attributes made up."""

    def __init__(self):
        self.value = 0.0
        self.reads = 0

    @property
    def level(self):
        self.reads += 1
        return 2.0

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        self.reads += 10
        return 3.0

    def __setitem__(self, key, value):
        self.reads += 100

    def __iadd__(self, other):
        self.reads += 1000
        return self

    def __call__(self, x):
        self.reads += 10000
        return x

    def __enter__(self):
        self.reads += 1
        return 5.0

    def __exit__(self, *_):
        self.reads += 1

    def __add__(self, other):
        self.reads += 3
        return 1.0

    def __eq__(self, other):
        self.reads += 7
        return True

    __hash__ = object.__hash__

    def __bool__(self):
        self.reads += 5
        return True

    def __repr__(self):
        return f"Box({self.reads}, {self.value if is_plain(self.value) else 'a number'})"


# ---- state that lives outside of the function --------------------------------------------------------

def attribute():
    box = Box()

    def f(x):
        if x > 0:
            box.value = 1.0
            y = x*2.0
        else:
            y = x
        return y

    return f, box


def augmented_attribute():
    box = Box()

    def f(x):
        y = x
        if x > 0:
            box.value += 1.0
            y = x*2.0
        return y

    return f, box


def appended():
    log = []

    def f(x):
        if x > 0:
            log.append("positive")
            return x*2.0
        log.append("other")
        return x

    return f, log


def stored_in_a_dict():
    seen = {}

    def f(x):
        if x > 0:
            seen["positive"] = True
            y = x*x
        else:
            seen["other"] = True
            y = -x
        return y

    return f, seen


def added_to_a_set():
    seen = set()

    def f(x):
        return (seen.add("a"), x)[1] if x > 0 else (seen.add("b"), x*x)[1]

    return f, sorted(seen) if seen else seen


def counted_by_nonlocal():
    n = 0

    class Look:
        def __repr__(self):
            return str(n)

    def f(x):
        nonlocal n
        if x > 0:
            n += 1
            return x*2.0
        return x

    return f, Look()


def counted_by_global():
    global TOTAL
    TOTAL = 0

    class Look:
        def __repr__(self):
            return str(TOTAL)

    def f(x):
        global TOTAL
        y = x
        if x > 0:
            TOTAL += 1
            y = 3.0*x
        return y

    return f, Look()


def augmented_list():
    log = []

    def f(x):
        mine = log
        if x > 0:
            mine += ["positive"]
        return x*2.0

    return f, log


def augmented_ndarray():
    totals = np.zeros(2)

    def f(x):
        mine = totals
        if x > 0:
            mine += 1.0
        else:
            mine[1] -= 1.0
        return x*2.0

    return f, totals


def augmented_object():
    box = Box()

    def f(x):
        mine = box
        if x > 0:
            mine += 1
        return x*2.0

    return f, box


def item_of_an_object():
    box = Box()

    def f(x):
        if x > 0:
            box[0] = 1
        return x*2.0

    return f, box


def called_function():
    log = []

    def note(v):
        log.append(1)
        return v*3.0

    def f(x):
        return note(x) if x > 0 else x

    return f, log


def called_twice_removed():
    log = []

    def note():
        log.extend("ab")

    def helper(v):
        note()
        return v

    def f(x):
        y = x
        if x > 0:
            y = helper(x)*2.0
        return y

    return f, log


def called_object():
    box = Box()

    def f(x):
        return box(x)*2.0 if x > 0 else x

    return f, box


def method_of_builtin():
    queue = collections.deque([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])

    def f(x):
        return x*2.0 if x > 0 else (queue.rotate(1), x)[1]

    return f, queue


def read_property():
    box = Box()

    def f(x):
        return x*box.level if x > 0 else x

    return f, box


def made_up_attribute():
    box = Box()

    def f(x):
        y = x
        if x > 0:
            y = x*box.anything
        return y

    return f, box


def operator_of_an_object():
    box = Box()

    def f(x):
        return x*(box + 1) if x > 0 else x

    return f, box


def comparison_of_an_object():
    box = Box()

    def f(x):
        return x*2.0 if x > 0 and box == 1 else x

    return f, box


def truth_of_an_object():
    box = Box()

    def f(x):
        y = x
        if x > 0:
            y = x*2.0 if box else x
        return y

    return f, box


def with_statement():
    box = Box()

    def f(x):
        y = x
        if x > 0:
            with box as k:
                y = x*k
        return y

    return f, box


def deleted_item():
    names = {k: k for k in range(9)}

    def f(x):
        if x > 0:
            names.pop(max(names), None)
        return x*2.0

    return f, names


def deleted_by_del():
    names = list(range(9))

    def f(x):
        if x > 0:
            del names[0]
        return x*2.0

    return f, names


def consumed_iterator():
    numbers = itertools.count(1)

    def f(x):
        return x*0.0 + next(numbers)*0.0 if x > 0 else x

    return f, numbers


def local_iterator_of_the_caller():
    log = []

    def read():
        for k in range(100):
            log.append(k)
            yield 2.0

    source = read()

    def f(x):
        y = x
        if x > 0:
            y = x*next(source)
        return y

    return f, log


def in_a_condition():
    log = []

    def noted(c):
        log.append(1)
        return c

    def f(x):
        return x*2.0 if x > 0 and noted(True) else x

    return f, log


def in_an_or():
    log = []

    def f(x):
        return x*2.0 if x > 0 or log.append(1) else x

    return f, log


def in_a_chain():
    log = []

    def five():
        log.append(1)
        return 5.0

    def f(x):
        return x*2.0 if 0 < x < five() else x

    return f, log


def in_a_walrus():
    log = []

    def f(x):
        y = x
        if x > 0:
            (z := log).append(1)
            y = x*len(z)*0.0
        return y

    return f, log


def default_of_the_function():
    log = []

    def f(x, into=log):
        if x > 0:
            into.append(1)
        return x*2.0

    return f, log


def cached():
    log = []

    @functools.lru_cache(maxsize=None)
    def slow(k):
        log.append(k)
        return 2.0

    def f(x):
        return x*slow(1) if x > 0 else x*slow(2)

    return f, log


def by_setattr():
    box = Box()

    def f(x):
        if x > 0:
            setattr(box, "".join(["value"]), 7.0)
        return x*2.0

    return f, box


def by_a_partial():
    log = []
    note = functools.partial(log.append, "positive")

    def f(x):
        if x > 0:
            note()
        return x*2.0

    return f, log


def by_map():
    log = []

    def f(x):
        if x > 0:
            list(map(log.append, "ab"))
        return x*2.0

    return f, log


def by_a_key():
    log = []

    def key(v):
        log.append(1)
        return 0

    def f(x):
        return max([1.0, 2.0], key=key)*x if x > 0 else x

    return f, log


def by_a_comprehension():
    log = []

    def f(x):
        return sum([log.append(k) or 1.0 for k in range(2)])*x if x > 0 else x

    return f, log


def by_a_nested_function():
    log = []

    def f(x):
        def side():
            log.append("side")
            return x*2.0

        return side() if x > 0 else x

    return f, log


def by_a_file():
    text = io.StringIO()

    def f(x):
        if x > 0:
            text.write("positive ")
        return x*2.0

    class Look:
        def __repr__(self):
            return text.getvalue()

    return f, Look()


def in_a_class_body():
    log = []

    def f(x):
        y = x
        if x > 0:
            class Side:
                log.append("class")
                k = 2.0
            y = x*Side.k
        return y

    return f, log


def in_a_decorator():
    log = []

    def noted(g):
        log.append("decorated")
        return g

    def f(x):
        y = x
        if x > 0:
            @noted
            def g(v):
                return v*2.0
            y = g(x)
        return y

    return f, log


def in_an_early_return():
    log = []

    def f(x):
        if x > 0:
            return x*2.0
        log.append("after")
        return x

    return f, log


def in_another_if():
    log = []

    def f(x):
        y = x
        if x > 0:
            if x > 1:
                log.append("large")
                y = x*x
        return y

    return f, log


EFFECTS = [attribute, augmented_attribute, appended, stored_in_a_dict, added_to_a_set, counted_by_nonlocal, counted_by_global, augmented_list, augmented_ndarray,
           augmented_object, item_of_an_object, called_function, called_twice_removed, called_object, method_of_builtin, read_property, made_up_attribute,
           operator_of_an_object, comparison_of_an_object, truth_of_an_object, with_statement, deleted_item, deleted_by_del, consumed_iterator, local_iterator_of_the_caller,
           in_a_condition, in_an_or, in_a_chain, in_a_walrus, default_of_the_function, cached, by_setattr, by_a_partial, by_map, by_a_key, by_a_comprehension,
           by_a_nested_function, by_a_file, in_a_class_body, in_a_decorator, in_an_early_return, in_another_if]


@pytest.mark.parametrize("make", EFFECTS, ids=lambda make: make.__name__)
def test_effects(make):
    same_effects(make)
    same_effects(make, [(-1.0,), (-2.0,), (3.0,), (0.0,)])


def test_prints(capsys):
    def f(x):
        if x > 0:
            print("positive")
            return x*2.0
        print("other")
        return x

    for branches in ("merge", "guard"):
        p = compiled(f, branches)
        for x, first in ((1.0, "positive\n"), (2.0, ""), (-1.0, "other\n"), (-3.0, ""), (3.0, "")):
            assert p(x) == f(x) and capsys.readouterr().out.startswith(first)
            capsys.readouterr()
        assert is_guarded(p)


def test_stores_of_traced_numbers():
    """What guards make of them: the value, or a clear error."""
    def make(box):
        def f(x):
            if x > 0:
                box.value = x*2.0
            else:
                box.value = x - 1.0
            return box.value*x
        return f

    right_or_refused(make(Box()), [(1.0,), (-1.0,), (2.0,), (-2.0,)])
