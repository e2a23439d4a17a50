"""The workloads of compiled programs: plain Python functions of any number type, and their data.

A builder takes the functions of an engine (``math`` for floats, ``cgrad``, a peer's module) and a size, and gives
the function; engines that cannot branch also say how a positive part is taken. The data are the arguments of one
point (``points=None``) or of many, points first; an argument that is the same for all points comes as it is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STRIKE, YEARS = 105.0, 1.0  # of B and E
HIDDEN, PENALTY = 16, 1e-4  # of D
PARAMETERS = 3*HIDDEN + (HIDDEN + 1)*HIDDEN + HIDDEN + 1
LENGTH, TOLERANCE = 0.02, 1e-10  # of F: the time step, and where Newton's method stops


def by_branch(v):
    """The positive part by a Python `if`: a guard when it is recorded."""
    return v if v > 0 else 0.0


# ---- A: a recurrence with a transcendental function ---------------------------------------------------

def recurrence(xp, steps: int):
    sin = xp.sin

    def f(x, a, b):
        for _ in range(steps):
            x = x*a + sin(x)*b
        return x

    return f


# ---- B: geometric Brownian motion, a call's discounted pay-off ----------------------------------------

def gbm(xp, days: int, positive=by_branch):
    exp = xp.exp
    dt = YEARS/days

    def f(spot, volatility, rate, normals):
        drift = (rate - 0.5*volatility*volatility)*dt
        scale = volatility*math.sqrt(dt)
        for i in range(days):
            spot = spot*exp(drift + scale*normals[i])
        return positive(spot - STRIKE)*exp(-rate*YEARS)

    return f


# ---- C: the chained Rosenbrock function ---------------------------------------------------------------

def rosenbrock(xp, n: int):
    def f(x):
        total = 0.0
        for i in range(n - 1):
            t = x[i + 1] - x[i]*x[i]
            u = 1 - x[i]
            total = total + (100*(t*t) + u*u)
        return total

    return f


# ---- D: micrograd's moons loss as a function of its 337 parameters ------------------------------------

def two_moons(points: int):
    """Points and labels -1, +1 on two noisy half circles (NumPy arrays)."""
    rng = np.random.default_rng(1337)
    angle = np.pi*rng.uniform(size=points)
    label = np.where(np.arange(points) % 2 == 0, -1.0, 1.0)
    x = np.where(label < 0, np.cos(angle), 1.0 - np.cos(angle))
    y = np.where(label < 0, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack([x, y], axis=1) + 0.1*rng.normal(size=(points, 2)), label


def moons(xp, points: int, positive=None):
    """Per neuron its weights, then its bias; the hidden neurons take ``xp.relu``."""
    relu = positive or xp.relu
    inputs, labels = (a.tolist() for a in two_moons(points))
    h = HIDDEN

    def f(p):
        p = [p[i] for i in range(PARAMETERS)]
        first = [p[3*j:3*j + 3] for j in range(h)]
        second = [p[3*h + (h + 1)*j:3*h + (h + 1)*(j + 1)] for j in range(h)]
        last = p[-(h + 1):]

        def neuron(w, x):
            total = w[-1]
            for wi, xi in zip(w[:-1], x, strict=True):
                total = total + wi*xi
            return total

        loss = 0.0
        for x, y in zip(inputs, labels, strict=True):
            hidden = [relu(neuron(w, x)) for w in first]
            hidden = [relu(neuron(w, hidden)) for w in second]
            loss = loss + relu(1 + -y*neuron(last, hidden))
        penalty = 0.0
        for w in p:
            penalty = penalty + w*w
        return loss*(1.0/points) + PENALTY*penalty

    return f


# ---- E: a path of Heston's model with full truncation, by an `if` -------------------------------------

def heston(xp, weeks: int):
    exp, sqrt = xp.exp, xp.sqrt
    dt = YEARS/weeks

    def f(spot, variance, rate, speed, mean, volatility, correlation, normals):
        rest = sqrt(1.0 - correlation*correlation)
        for i in range(weeks):
            z, w = normals[i], normals[weeks + i]
            if variance > 0:
                root = sqrt(variance*dt)
                spot = spot*exp((rate - 0.5*variance)*dt + root*z)
                shock = volatility*root*(correlation*z + rest*w)
                variance = variance + speed*(mean - variance)*dt + shock
            else:
                spot = spot*exp(rate*dt)
                variance = variance + speed*mean*dt
        return by_branch(spot - STRIKE)*exp(-rate*YEARS)

    return f


# ---- F: implicit Euler for a stiff equation, Newton's method in each step -----------------------------

def newton(xp, times: int):
    """y' = k (cos t - y^3); the number of iterations depends on the data."""
    def f(y, k):
        hk = LENGTH*k
        for i in range(times):
            force = math.cos(LENGTH*(i + 1))
            new, step = y, 1.0
            while abs(step) > TOLERANCE:
                square = new*new
                step = (new - y + hk*(new*square - force))/(1.0 + 3.0*hk*square)
                new = new - step
            y = new
        return y

    return f


# ---- data ---------------------------------------------------------------------------------------------

def recurrence_data(points: int | None, steps: int):
    """Where neither x nor its adjoint comes near the denormals."""
    if points is None:
        return 0.7, 0.98, 0.03
    rng = np.random.default_rng(1)
    return rng.uniform(0.2, 1.5, points), rng.uniform(0.97, 0.99, points), rng.uniform(0.02, 0.05, points)


def gbm_data(points: int | None, days: int):
    rng = np.random.default_rng(2)
    if points is None:
        return 100.0, 0.2, 0.05, rng.normal(size=days) + 2.0/math.sqrt(days)  # ends in the money
    return 100.0, 0.2, 0.05, rng.normal(size=(points, days))


def rosenbrock_data(points: int | None, n: int):
    return (np.random.default_rng(4).uniform(-1.5, 1.5, n if points is None else (points, n)),)


def moons_data(points: int | None, samples: int):
    """As micrograd draws them: weights in (-1, 1), biases zero."""
    p = np.random.default_rng(5).uniform(-1, 1, PARAMETERS if points is None else (points, PARAMETERS))
    for j in range(HIDDEN):
        p[..., 3*j + 2] = p[..., 3*HIDDEN + (HIDDEN + 1)*j + HIDDEN] = 0.0
    p[..., -1] = 0.0
    return (p,)


# spot, variance, rate, speed, mean, volatility, correlation
REGIMES = {
    "rare": (100.0, 0.04, 0.03, 4.0, 0.04, 0.3, -0.7),  # Feller's condition holds: 0.75% of the paths in 52 steps
    "common": (100.0, 0.04, 0.03, 0.5, 0.04, 1.0, -0.9),  # Andersen's first case: 84% in 12 steps, 91% in 52
}


def heston_data(points: int | None, weeks: int, regime: str = "rare"):
    """The normals of the spot, then those of the variance."""
    normals = np.random.default_rng(6).normal(size=2*weeks if points is None else (points, 2*weeks))
    return *REGIMES[regime], normals


def newton_data(points: int | None, times: int):
    if points is None:
        return 1.5, 40.0
    rng = np.random.default_rng(7)
    return rng.uniform(0.5, 2.0, points), rng.uniform(20.0, 100.0, points)


# ---- the table ----------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Workload:
    title: str
    build: Callable
    data: Callable
    argnums: int | tuple[int, ...]  # the arguments that the gradient is taken in
    size: int
    small: int  # the size of a quick run
    each: float  # operations of the function: each*size + rest, guards not counted; F's are those of its usual path
    rest: int = 0

    def operations(self, size: int) -> float:
        return self.each*size + self.rest


WORKLOADS = {
    "A": Workload("x = x*a + sin(x)*b, {:,} steps", recurrence, recurrence_data, (0, 1, 2), 1000, 40, 4),
    "B": Workload("geometric Brownian motion, {} steps", gbm, gbm_data, (0, 1, 2), 252, 12, 4, 9),
    "C": Workload("chained Rosenbrock, n = {:,}", rosenbrock, rosenbrock_data, 0, 1000, 20, 8, -8),
    "D": Workload("moons loss of 337 parameters, {} points", moons, moons_data, 0, 100, 3, 644, 2*PARAMETERS + 3),
    "E": Workload("Heston path, {} steps", heston, heston_data, (0, 1, 2, 3, 4, 5, 6), 52, 5, 19, 7),
    "F": Workload("implicit Euler by Newton, {} steps", newton, newton_data, (0, 1), 20, 3, 11*3.25),
}


def title(name: str, size: int) -> str:
    return f"({name}) {WORKLOADS[name].title.format(size)}"


def numbers(*results) -> list[float]:
    """A value and its gradient, however they are nested, as one list."""
    flat: list[float] = []
    for part in results:
        if isinstance(part, (tuple, list)):
            flat += numbers(*part)
        else:
            flat += np.ravel(np.asarray(part, dtype=float)).tolist()
    return flat


def digest(values, *gradients) -> list[float]:
    """Of results over points: for each output its ends, mean and mean size."""
    result: list[float] = []
    for column in (values, *gradients):
        a = np.asarray(column, dtype=float)
        result += [float(a[0]), float(a[-1]), float(a.mean()), float(np.abs(a).mean())]
    return result
