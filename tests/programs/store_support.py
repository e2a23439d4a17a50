"""Functions and classes that tests of stored programs find by name, here and in other processes."""

import enum
import functools
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import cgrad
from cgrad._core import rely_on

guarded = functools.partial(cgrad.compile, branches="guard")  # each outcome of a branch is a path

Pair = namedtuple("Pair", "x y")


class Row(list):
    pass


class Colour(enum.Enum):
    RED = 1


@dataclass
class Point:
    x: Any
    y: Any


@dataclass(frozen=True)
class Named:
    name: str
    at: Point


class Outer:
    @dataclass
    class Inner:
        x: Any


def cubes(x):
    return x*x*x if x > 0 else -x


@guarded
def squares(x):
    """A square, or what is left of one."""
    return x*x if x > 0 else -x


weight = cgrad.Value(2.0, name="weight")


@cgrad.compile
def weighted(x):
    return weight*x


class Model:
    """An object with a compiled method and what that captures."""

    def __init__(self):
        self.w = cgrad.Value(3.0, name="w")
        self.forward = cgrad.compile(self.call)

    def call(self, x):
        return self.w*x if x > 0 else x


class Switch:
    """An object whose method relies on an attribute, as layers do on ``training``."""

    def __init__(self):
        self.p = cgrad.compile(self.call)
        self.on = True

    def call(self, x):
        return 2.0*x if rely_on(self, "on") else 3.0*x


switch = Switch()


def switched(x):
    return switch.call(x)


class Scaled:
    def __call__(self, x):
        return 2.0*x if x > 0 else x


def scaled(by, x):
    return by*x if x > 0 else x


# ---- for clusters ----------------------------------------------------------------------------------

opened = 0  # how often a Counted came here


class Counted:
    """A function that counts how often it is unpickled."""

    def __reduce__(self):
        return count, ()

    def __call__(self, x):
        return x*x if x > 0 else -x


def count():
    global opened
    opened += 1
    return Counted()


def several(x):
    """Five paths, whose sums differ in another order."""
    for bound in (0.2, 0.4, 0.6, 0.8):
        if x < bound:
            return cgrad.exp(x)*bound + 0.1
    return cgrad.sin(x)/3


@guarded
def with_a_weight(x):
    if isinstance(x, list):
        return weight*x[0]
    return x*x if x > 0 else weight*x


def with_its_own(x):
    """Values from here do not concern a worker."""
    total = cgrad.Value(0.5)
    return total + x if x > 0 else total - x
