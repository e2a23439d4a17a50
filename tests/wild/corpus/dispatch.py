"""Dispatch by strings and dicts, classes, dataclasses, match."""

import functools
import math
import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": operator.pow}
ACTIVATIONS = {"relu": lambda x: max(0.0, x), "tanh": math.tanh, "step": lambda x: 1.0 if x > 0 else 0.0, "id": lambda x: x}
UNITS = {"m": 1.0, "km": 1000.0, "ft": 0.3048, "mi": 1609.344}


class Shape(ABC):
    @abstractmethod
    def area(self):
        ...

    def scaled(self, k):
        return self.area() * k**2


class Circle(Shape):
    def __init__(self, r):
        self.r = r

    def area(self):
        return math.pi * self.r**2


class Rect(Shape):
    def __init__(self, a, b):
        self.a, self.b = a, b

    def area(self):
        return self.a * self.b if self.a > 0 and self.b > 0 else 0.0


@dataclass
class Account:
    balance: float
    rate: float = 0.02
    frozen: bool = False

    def deposit(self, amount):
        if amount < 0 or self.frozen:
            return False
        self.balance += amount
        return True

    def withdraw(self, amount):
        if amount > self.balance:
            self.balance -= 5.0  # a fee
            return False
        self.balance -= amount
        return True


@dataclass(frozen=True)
class Dual:
    re: float
    du: float = 0.0

    def __add__(self, other):
        return Dual(self.re + other.re, self.du + other.du)

    def __mul__(self, other):
        return Dual(self.re * other.re, self.re * other.du + self.du * other.re)

    def __abs__(self):
        return self if self.re >= 0 else Dual(-self.re, -self.du)


class Matrix2:
    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, ij):
        return self.rows[ij[0]][ij[1]]

    def __matmul__(self, other):
        return Matrix2([[sum(self[i, k] * other[k, j] for k in range(2)) for j in range(2)] for i in range(2)])

    @property
    def det(self):
        return self[0, 0] * self[1, 1] - self[0, 1] * self[1, 0]


class Accumulator:
    count = 0

    def __init__(self):
        self.values = []

    def __call__(self, x):
        self.values.append(x)
        self.count += 1
        return self

    def __len__(self):
        return self.count

    def __iter__(self):
        return iter(self.values)


def rpn(expression, x):
    stack = []
    for token in expression.split():
        if token in OPERATORS:
            b, a = stack.pop(), stack.pop()
            stack.append(OPERATORS[token](a, b))
        elif token == "x":
            stack.append(x)
        else:
            stack.append(float(token))
    return stack.pop()


def activate(name, x):
    return ACTIVATIONS.get(name, ACTIVATIONS["id"])(x)


def convert(value, source, target="m"):
    if source == target:
        return value
    return value * UNITS[source] / UNITS[target]


def total_area(kinds, size):
    shapes = []
    for k in kinds:
        if k == "c":
            shapes.append(Circle(size))
        elif k == "r":
            shapes.append(Rect(size, size - 1))
    return sum(s.scaled(2.0) for s in shapes)


def month(account: Account, paid, spent):
    ok = account.deposit(paid) and account.withdraw(spent)
    if not ok:
        return -account.balance
    return account.balance * (1 + account.rate)


def dual_polynomial(x):
    d = abs(Dual(x, 1.0))
    y = d * d + Dual(2.0) * d
    return y.re, y.du


def transform_chain(angle, shear):
    r = Matrix2([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    s = Matrix2([[1.0, shear], [0.0, 1.0]])
    m = r @ s @ r
    return m.det + m[0, 1]


def collected(x, limit):
    acc = Accumulator()
    while len(acc) < 5 and x < limit:
        acc(x)
        x *= 1.5
    return sum(acc) / len(acc) if len(acc) else -1.0


def interpret(command, x, y):
    match command.split():
        case ["move", "left" | "west"]:
            return x - 1, y
        case ["move", direction] if direction in ("right", "east"):
            return x + 1, y
        case ["scale", factor]:
            return x * float(factor), y * float(factor)
        case []:
            return x, y
        case _:
            return y, x


def sign_match(x):
    match x:
        case 0.0:
            return 0
        case v if v > 0:
            return 1
    return -1


def quadrant_match(point):
    match point:
        case (x, y) if x > 0 and y > 0:
            return x * y
        case (x, y) if x > 0:
            return x - y
        case (x, _):
            return -x


def bump(account: Account, share):
    better = replace(account, rate=account.rate + share)
    return better.balance * better.rate if better.rate < 0.1 else better.balance * 0.1


@functools.singledispatch
def describe(x, k):
    return x * k


@describe.register
def _(x: list, k):
    return sum(x) * k if sum(x) < 10 else 10.0 * k


def settings(x, options=None):
    config = {"gain": 2.0, "offset": 0.0, "clip": None, **(options or {})}
    y = config["gain"] * x + config["offset"]
    if config["clip"] is not None:
        y = min(y, config["clip"])
    return y


def state_machine(inputs):
    state, cost = "idle", 0.0
    for x in inputs:
        if state == "idle":
            if x > 0.5:
                state = "run"
        elif state == "run":
            cost += x
            if x > 2:
                state = "fail"
            elif x < 0.1:
                state = "idle"
        else:
            cost += 10
    return cost


PROGRAMS = [
    (rpn, [("x 2 * 3 +", 1.5), ("x x * 1 -", 0.5), ("x 2 ^ x /", 3.0), ("1 x - 2 /", -1.0), ("x", 7.0), ("2 x + x 3 - *", 0.25)]),
    (activate, [("relu", 0.5), ("relu", -0.5), ("tanh", 0.3), ("step", 1.0), ("step", -1.0), ("none", 2.0), ("relu", 0.0)]),
    (convert, [(1.0, "km"), (5.0, "ft"), (2.0, "mi", "km"), (3.0, "m"), (4.0, "km", "km"), (0.5, "m", "ft")]),
    (total_area, [("cr", 2.0), ("c", 0.5), ("r", 0.5), ("rrc", 3.0), ("x", 1.0), ("rc", 1.0), ("cr", -1.0)]),
    (month, [(Account(100.0), 50.0, 30.0), (Account(10.0), 5.0, 30.0), (Account(100.0), -5.0, 30.0), (Account(100.0, 0.02, True), 5.0, 30.0), (Account(0.0, 0.1), 50.0, 50.0), (Account(7.0), 0.0, 1.0)]),
    (dual_polynomial, [(1.0,), (-2.0,), (0.0,), (0.5,), (-0.1,), (3.0,)]),
    (transform_chain, [(0.3, 0.5), (1.0, -1.0), (0.0, 2.0), (-2.0, 0.1), (3.0, 0.0), (0.7, 0.7)]),
    (collected, [(1.0, 5.0), (1.0, 100.0), (6.0, 5.0), (0.1, 0.2), (2.0, 2.0), (2.0, 3.1)]),
    (interpret, [("move left", 1.0, 2.0), ("move west", 1.0, 2.0), ("move east", 1.0, 2.0), ("scale 2.5", 1.0, 2.0), ("", 1.0, 2.0), ("swap", 1.0, 2.0)]),
    (sign_match, [(0.0,), (1.0,), (-1.0,), (0.5,), (-0.0,), (-9.0,)]),
    (quadrant_match, [((1.0, 2.0),), ((1.0, -2.0),), ((-1.0, 2.0),), ((0.0, 0.0),), ((3.0, 0.0),), ((0.5, 0.25),)]),
    (bump, [(Account(100.0), 0.01), (Account(100.0), 0.2), (Account(50.0, 0.05), 0.05), (Account(10.0, 0.0), 0.03), (Account(70.0), -0.01), (Account(1.0, 0.09), 0.005)]),
    (describe, [(1.5, 2.0), ([1.0, 2.0, 3.0], 2.0), ([5.0, 6.0, 7.0], 2.0), (-1.0, 0.5), ([0.0, 1.0, 9.0], 3.0), (0.0, 1.0)]),
    (settings, [(1.0,), (1.0, {"gain": 3.0}), (5.0, {"clip": 4.0}), (1.0, {"clip": 4.0, "offset": 0.5}), (2.0, {"offset": -1.0}), (2.0, {"clip": 4.0})]),
    (state_machine, [([0.1, 0.6, 1.0, 0.05],), ([0.6, 3.0, 1.0, 1.0],), ([0.1, 0.2, 0.3, 0.4],), ([0.9, 0.05, 0.9, 0.7],), ([0.5, 0.5, 2.0, 2.0],), ([1.0, 1.0, 1.0, 2.5],)]),
]
