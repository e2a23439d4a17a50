"""Conditions, the results of comparisons of traced numbers, where Python wants a bool: as with bools, or refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from merging_support import ONE, compiled, one_program, right_or_refused
from programs_support import hexed

# ---- conditions where Python wants a bool ---------------------------------------------------------------

BOOLS = {
    "is True": lambda x: x*2.0 if (x > 0) is True else x, "is False": lambda x: x*2.0 if (x > 0) is False else x, "is not True": lambda x: x*2.0 if (x > 0) is not True else x,
    "is None": lambda x: x*2.0 if (x > 0) is None else x, "== True": lambda x: x*2.0 if (x > 0) == True else x,  # noqa: E712
    "!= False": lambda x: x*2.0 if (x > 0) != False else x, "in": lambda x: x*2.0 if (x > 0) in (True,) else x,  # noqa: E712
    "dict": lambda x: {True: x*2.0, False: -x}[x > 0], "dict.get": lambda x: {True: x*2.0}.get(x > 0, x), "dict of 0 and 1": lambda x: {1: x*2.0, 0: -x}[x > 0],
    "tuple": lambda x: (x, x*x)[x > 0], "list": lambda x: [x, x*x][x > 0], "text": lambda x: x*len(f"{x > 0}"), "str": lambda x: x*len(str(x > 0)),
    "repr": lambda x: x*len(repr(x > 0)), "format": lambda x: x*len("{}".format(x > 0)), "percent": lambda x: x*len("%s" % (x > 0)), "int": lambda x: x*int(x > 0),
    "float": lambda x: x*float(x > 0), "bool": lambda x: x*2.0 if bool(x > 0) else x, "isinstance": lambda x: x*2.0 if isinstance(x > 0, bool) else x,
    "isinstance int": lambda x: x*2.0 if isinstance(x > 0, int) else x, "type": lambda x: x*2.0 if type(x > 0) is bool else x, "type ==": lambda x: x*2.0 if type(x > 0) == bool else x,  # noqa: E721
    "hash": lambda x: x*hash(x > 0), "set": lambda x: x*len({x > 0, True}), "key": lambda x: x*len({x > 0: 1, x > 1: 2}), "range": lambda x: x*len(range(x > 0)),
    "repeat": lambda x: x*len([0]*(x > 0)), "text repeat": lambda x: x*len("ab"*(x > 0)), "slice": lambda x: x*len([1, 2, 3][x > 0:]), "sorted": lambda x: sorted([(x > 0), (x > 1)])[0]*x,
    "<": lambda x: x*2.0 if (x > 0) < 1 else x, "power": lambda x: x**(x > 0), "round": lambda x: x*round(x > 0), "abs": lambda x: x*abs(x > 0), "math": lambda x: x*math.sqrt(x > 0),
    "shift": lambda x: x*(1 << (x > 0)), "modulo": lambda x: x*((x > 0) % 2), "and of ints": lambda x: x*((x > 0) & 1), "unary plus": lambda x: x*+(x > 0),
    "or value": lambda x: (x > 0 or 7.0)*x, "and value": lambda x: (x > 0 and 7.0)*x, "or of conditions": lambda x: ((x > 0) or (x < -1))*x, "sum with start": lambda x: sum([x > 0, x > 1], 2)*x,
    "real": lambda x: x*(x > 0).real, "bit_length": lambda x: x*(x > 0).bit_length(), "list.count": lambda x: x*[x > 0, x > 1].count(True), "list.index": lambda x: x*[x > 9, x == x].index(True),
    "max of conditions": lambda x: x*max(x > 0, x > 1), "any": lambda x: x*any([x > 1, x < 0]), "all": lambda x: x*all([x > 0, x < 2]), "filter": lambda x: x*len(list(filter(None, [x > 0, x > 1]))),
    "next": lambda x: x*next((k for k in (1.0, 2.0) if x < k), 9.0), "product": lambda x: x*math.prod([x > 0, x < 2]), "np.sum": lambda x: x*np.sum([x > 0, x > 1]),
    "copysign": lambda x: math.copysign(2.0, x > 0)*x, "np.array": lambda x: np.array([x > 0, x > 1]).sum()*x, "np.any": lambda x: x*2.0 if np.any([x > 0, x > 1]) else x,
    "bool of a name": lambda x: [c := x > 0, x*2.0 if c else x][1], "not not": lambda x: x*(not not x > 0), "xor": lambda x: x*((x > 0) ^ (x > 1)), "np.bool": lambda x: x*np.bool_(x > 0),
    "chained conditions": lambda x: x*((x > 0) == (x > 1) == (x > 2)), "divmod": lambda x: x*divmod(x > 0, 2)[1], "complex": lambda x: x*complex(x > 0).real, "bytes": lambda x: x*len(bytes(x > 0)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("f", BOOLS.values(), ids=BOOLS)
def test_conditions_as_bools(f):
    """As with bools, or refused: never something else."""
    right_or_refused(f, [(x,) for x in (-1.5, 0.0, 0.5, 1.0, 2.5)])


@pytest.mark.parametrize("name", ["is True", "is False", "is not True", "== True", "dict", "tuple", "list", "int", "bool", "or of conditions", "any", "all", "not not", "sum with start", "xor",
                                  "unary plus", "bool of a name"])
def test_conditions_that_have_to_work(name):
    f = BOOLS[name]
    p = compiled(f)
    for x in (-1.5, 0.0, 0.5, 1.0, 2.5):
        assert hexed(float(p(x))) == hexed(float(f(x)))


# ---- conditions as values --------------------------------------------------------------------------

CONDITIONS = {"<": lambda x: x < 1, "and": lambda x: x > 0 and x < 1, "or": lambda x: x < 0 or x > 1, "not": lambda x: not x > 0, "chained": lambda x: 0 < x <= 1,
              "ternary": lambda x: (x > 1) if x > 0 else (x < -1), "== of conditions": lambda x: (x > 0) == (x > 1), "any": lambda x: any(v > 1 for v in (x, x*2.0)),
              "all": lambda x: all([x > 0, x < 2]), "name": lambda x: [c := x > 0, not c][1], "bool": lambda x: bool(x > 1), "of a number": lambda x: bool(x)}


@pytest.mark.parametrize("f", CONDITIONS.values(), ids=CONDITIONS)
def test_conditions_that_are_returned_are_bools(f):
    for branches in ("merge", "guard"):
        for order in (ONE, ONE[::-1]):
            p = compiled(f, branches)
            for point in order:
                assert p(*point) is f(*point), point


def test_conditions_inside_of_structures():
    def f(x):
        return {"value": x*2.0, "tests": (x > 0, [x < 1, not x > 1])}

    p = compiled(f)
    for point in ONE:
        value, tests = p(*point)["value"], p(*point)["tests"]
        assert hexed(value) == hexed(f(*point)["value"]) and tests == f(*point)["tests"]
        assert {type(tests[0]), *map(type, tests[1])} == {bool}
    assert one_program(p)


def test_conditions_in_batches_are_arrays_of_bools():
    for f in (lambda x: x > 0, lambda x: 0 < x < 1):
        x = np.array([point[0] for point in ONE])
        for p in (compiled(f), compiled(f, "guard")):
            found = p.map(x)
            assert found.dtype == bool and found.tolist() == [f(v) for v in x.tolist()]
