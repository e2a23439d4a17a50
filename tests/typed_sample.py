"""What a typed program sees of cgrad: checked by mypy --strict, and run, by test_house.py."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import cgrad
from cgrad import Value

x = Value(2.0, name="x")
assert_type(x.data, float)
x.data = 3  # any real number goes in, a float comes out
x.grad = np.float32(0.5)

# operators, from either side
assert_type(x + 1, Value)
assert_type(1 - x, Value)
assert_type(2.5*x, Value)
assert_type(x/np.float64(3), Value)
assert_type(x**x, Value)
assert_type(2**x, Value)
assert_type(-x, Value)
assert_type(abs(x), Value)
assert_type(divmod(x, 2), tuple[Value, Value])
assert_type(round(x), Value)
assert_type(x < 1, bool)
assert_type(x == x, bool)
total = x
total += 1
total *= x
assert_type(total, Value)

# methods and functions of the op table
assert_type(x.tanh(), Value)
assert_type(x.maximum(1.0), Value)
assert_type(cgrad.exp(x), Value)
assert_type(cgrad.exp(1.0), float)
assert_type(cgrad.atan2(x, 1), Value)
assert_type(cgrad.atan2(1, x), Value)
assert_type(cgrad.atan2(1, 2), float)
assert_type(cgrad.fma(1, 2, x), Value)
assert_type(cgrad.polygamma(1, x), Value)
assert_type(cgrad.isnan(x), bool)
either: Value | float = x
assert_type(cgrad.sin(either), Value | float)

# Python's own
assert_type(max(x, total), Value)
assert_type(sorted([x, total]), list[Value])
bag: dict[Value, str] = {x: "x"}

# derivatives
assert_type(total.backward(), None)
y = x*x
assert_type(cgrad.gradients(y).wrt(x), float)
assert_type(cgrad.gradients([y, x], [x], seed=[1.0, 2.0]).wrt([x]), list[float])
assert_type(cgrad.gradients([y, x], seed=[[1.0, 0.0], [0.0, 1.0]]).wrt(x), NDArray[np.float64])
assert_type(cgrad.gradients(y, create_graph=True).wrt(x), Value)
assert_type(cgrad.tangents(y, x), float)
assert_type(cgrad.tangents([y, x], [x], seed=[1.0]), list[float])
assert_type(cgrad.dot([1.0], [2.0]), float)
assert_type(cgrad.dot([x], [2.0]), Value)
assert_type(cgrad.dot([2.0], [1.0], x), Value)

# tapes and modes
with cgrad.Tape() as tape:
    leaf = tape.leaf(1.0, name="a")
    mark = tape.mark()
    cgrad.log(leaf)
    assert_type([(node.op, node.value) for node in tape], list[tuple[str, float]])
    tape.rewind(mark)
assert_type(len(tape), int)
assert_type(cgrad.current_tape(), cgrad.Tape)


@cgrad.no_grad()
def plain(z: Value) -> float:
    return z.item()


assert_type(plain(x), float)
with cgrad.detect_anomaly():
    pass


def answer(g: cgrad.Gradients, v: Value) -> float:
    return g.wrt(v)


def ufunc(v: Value) -> Any:
    return np.exp(v)


assert_type(answer(cgrad.gradients(y), x), float)
