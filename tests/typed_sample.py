"""A typed program: test_house.py checks it by mypy --strict, and runs it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import cgrad
from cgrad import Tensor, Value

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
assert_type(x*Fraction(1, 3), Value)
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
    assert_type([(node.op, node.name) for node in tape], list[tuple[str, str]])
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


# arrays
a = np.array([1.0, 2.0])
b: NDArray[np.float64] = a
t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, dtype=np.float32)
u = Tensor(a, True, name="u")
assert_type(t.data, NDArray[Any])
t.data -= 0.5
t.data = [[1, 2], [3, 4]]
assert_type(t.shape, tuple[int, ...])
assert_type(t.T, Tensor)
t.grad.zero_()
t.grad = None

# operators: a Tensor wherever one is, and where a Value meets an ndarray
assert_type(t + 1, Tensor)
assert_type(1 - t, Tensor)
assert_type(t*x, Tensor)
assert_type(x*t, Tensor)
assert_type(x + a, Tensor)
assert_type(u**a, Tensor)
assert_type(2.0**u, Tensor)
assert_type(np.float64(2)*u, Tensor)
assert_type(-u, Tensor)
assert_type(abs(u), Tensor)
assert_type(divmod(u, 2), tuple[Tensor, Tensor])
assert_type(round(u), Tensor)
assert_type(b*u, Tensor)
assert_type(b - x, Tensor)
assert_type(u < 1, NDArray[np.bool])
assert_type(u == a, NDArray[np.bool])
assert_type(x < u, NDArray[np.bool])
assert_type(x == u, NDArray[np.bool])
assert_type(x == x, bool)
assert_type(u.isnan(), NDArray[np.bool])

# functions of the op table, methods
assert_type(cgrad.exp(u), Tensor)
assert_type(cgrad.exp(a), NDArray[Any])
assert_type(cgrad.atan2(u, 1), Tensor)
assert_type(cgrad.atan2(1, u), Tensor)
assert_type(cgrad.atan2(a, 1), NDArray[Any])
assert_type(cgrad.atan2(a, x), Tensor)
assert_type(cgrad.atan2(x, u), Tensor)
assert_type(cgrad.fma(1, x, 2), Value)
assert_type(cgrad.fma(a, 1, x), Tensor)
assert_type(cgrad.fma(1, a, u), Tensor)
assert_type(cgrad.clip(a, 0, 1), NDArray[Any])
assert_type(cgrad.polygamma(1, u), Tensor)
assert_type(cgrad.isnan(u), NDArray[np.bool])
assert_type(x.maximum(a), Tensor)
assert_type(x.fma(1.0, u), Tensor)
assert_type(u.exp(), Tensor)
assert_type(u.add(x), Tensor)
assert_type(t.sum(), Value)
assert_type(t.sum(axis=0, keepdims=True), Any)
assert_type(t.reshape(4), Tensor)
assert_type(t.softmax(axis=0), Tensor)
assert_type(u.gelu(), Tensor)
mixed: Value | Tensor = u
assert_type(cgrad.sin(mixed), Value | Tensor)
assert_type(mixed*2, Value | Tensor)

# their derivatives
assert_type(t@u, Any)
assert_type(t.backward(np.ones((2, 2))), None)
assert_type(t.tolist(), Any)
s = (t*u).sum()
assert_type(cgrad.gradients(s).wrt(u), NDArray[Any])
assert_type(cgrad.gradients(s).wrt([t, u]), list[NDArray[Any]])
assert_type(cgrad.gradients(t*u, [t], seed=np.ones((2, 2))).wrt(t), NDArray[Any])
assert_type(cgrad.gradients(s, create_graph=True).wrt(u), Tensor)
assert_type(cgrad.gradients(s*x, create_graph=True).wrt(x), Value)
assert_type(cgrad.tangents(t*u, u), NDArray[Any])
assert_type(cgrad.tangents(s, [t, u]), float)


def ufunc(v: Value) -> Any:
    return np.exp(v)


assert_type(answer(cgrad.gradients(y), x), float)
