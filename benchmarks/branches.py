"""Functions with branches: merged into one program, against the same function written without them, and paths.

A knock-out call in six spellings, twelve branches in a row, a rare and dear branch, single calls, recording.
"""

from __future__ import annotations

from benchmarks.harness import Process, Row, Side, calibrated, ratios, row, timed
from benchmarks.programs_workloads import digest

BUDGET = 0.05  # seconds of a side of something short
STEPS = 52


def spellings(points: int) -> dict[str, Side]:
    """The knock-out call: value and gradient in a batch, by each spelling."""
    import numpy as np

    import cgrad

    def payoff(x):
        return cgrad.maximum(x - 100.0, 0.0)

    def step(x, z):
        return x*cgrad.exp(0.001 + 0.03*z)

    def by_maximum(x, z):
        most = x
        for k in range(STEPS):
            x = step(x, z[k])
            most = cgrad.maximum(most, x)
        return cgrad.where(most > 130.0, 0.0, payoff(x))

    def by_if(x, z):
        alive = 1.0
        for k in range(STEPS):
            x = step(x, z[k])
            if x > 130.0:
                alive = 0.0
        return alive*payoff(x)

    def by_where(x, z):
        alive = 1.0
        for k in range(STEPS):
            x = step(x, z[k])
            alive = cgrad.where(x > 130.0, 0.0, alive)
        return alive*payoff(x)

    def by_np_where(x, z):
        alive = 1.0
        for k in range(STEPS):
            x = step(x, z[k])
            alive = np.where(x > 130.0, 0.0, alive)
        return alive*payoff(x)

    def by_a_product(x, z):
        alive = 1.0
        for k in range(STEPS):
            x = step(x, z[k])
            alive = alive*(x <= 130.0)
        return alive*payoff(x)

    def by_return(x, z):
        for k in range(STEPS):
            x = step(x, z[k])
            if x > 130.0:
                return 0.0
        return payoff(x)

    rng = np.random.default_rng(6)
    spot, normals = rng.uniform(90, 110, points), rng.normal(size=(points, STEPS))

    def side(f) -> Side:
        p = cgrad.compile(f)
        return timed(lambda: digest(*p.map_value_and_grad(spot, normals, threads=1)))

    return {f.__name__: side(f) for f in (by_maximum, by_if, by_where, by_np_where, by_a_product, by_return)}


def in_a_row(points: int) -> dict[str, Side]:
    """Twelve branches: merged in a batch, and the side that has more operations alone."""
    import numpy as np

    import cgrad

    def branches(x):
        y = x
        for k in range(12):
            if y > 0.1*k:
                y = y*y*0.9 + x
            else:
                y = y + 0.3*x
        return y

    def straight(x):
        y = x
        for _ in range(12):
            y = y*y*0.9 + x
        return y

    x = np.random.default_rng(7).uniform(-0.5, 0.5, points)

    def side(f) -> Side:
        p = cgrad.compile(f)
        return timed(lambda: digest(*p.map_value_and_grad(x, threads=1)))

    return {"branches": side(branches), "straight": side(straight)}


def rare(points: int) -> dict[str, Side]:
    """A branch that one point in a hundred takes, and that costs much more than the rest."""
    import numpy as np

    import cgrad

    def f(x):
        y = x*x + 1.0
        if x > 0.99:
            for _ in range(40):
                y = cgrad.sin(y) + cgrad.exp(-y)*x
        return y*x

    x = np.random.default_rng(8).uniform(0, 1, points)

    def side(branches: str) -> Side:
        p = cgrad.compile(f, branches=branches)
        return timed(lambda: digest(*p.map_value_and_grad(x, threads=1)))

    return {branches: side(branches) for branches in ("merge", "guard")}


def small(x):
    y = 0.5*x
    for _ in range(10):
        y = y*0.99 + 0.1
        if y > 1.0:
            y = 1.0
    return y*y if x > 0 else -y


def calls() -> dict[str, Side]:
    """Calls of a function with small branches, one by one."""
    import cgrad

    def side(branches: str) -> Side:
        p = cgrad.compile(small, branches=branches)

        def work(many: int) -> list[float]:
            for _ in range(100*many):
                value = p.value_and_grad(0.7)
            return list(value)

        for _ in range(200):
            p.value_and_grad(0.7)
        return calibrated(work, BUDGET)

    return {branches: side(branches) for branches in ("merge", "guard")}


def long(x, steps):
    y = x
    for _ in range(steps):
        y = y*0.999 + x
        y = y - 0.1*y*y
        y = y + x*0.01
        y = y*1.0001 - 0.001
        y = y + 0.25*x
        if y > 0.5:
            y = y*0.99
        else:
            y = y*1.01
    return y


def recording(steps: int) -> dict[str, Side]:
    """A long function with a branch among ten operations: its first call, and a run with Values."""
    import cgrad

    def first() -> list[float]:
        return [cgrad.compile(long, static="steps")(0.3, steps)]

    def eager() -> list[float]:
        return [long(cgrad.Value(0.3), steps).data]

    return {"first": timed(first), "eager": timed(eager)}


def run(quick: bool) -> list[Row]:
    points, rounds = (300, 3) if quick else (10_000, 15)
    rows = []
    with Process("branches", "spellings", points) as process:
        for name, what in (("by_if", "an `if`"), ("by_where", "cgrad.where"), ("by_np_where", "np.where"),
                           ("by_a_product", "alive*(x <= 130)"), ("by_return", "an early return")):
            rows.append(row(f"knock-out call, {STEPS} steps, {points:,} points, value and gradient by {what}, by the "
                            "spelling with maximum", "<= 1.5",
                            ratios(what, process.side(name), process.side("by_maximum"), rounds, same=1e-9)))
    points = 300 if quick else 3_000
    with Process("branches", "in_a_row", points) as process:
        rows.append(row(f"12 branches in a row, {points:,} points, value and gradient, by the dearer side alone",
                        "<= 2", ratios("in a row", process.side("branches"), process.side("straight"), rounds,
                                       same=None)))
    points = 3_000 if quick else 100_000
    with Process("branches", "rare", points) as process:
        rows.append(row(f"a rare, dear branch, {points:,} points, value and gradient, by branches=\"guard\"", "<= 1.1",
                        ratios("rare", process.side("merge"), process.side("guard"), rounds, same=1e-9)))
    with Process("branches", "calls") as process:
        rows.append(row("a call of a function with 11 small branches, value and gradient, by branches=\"guard\"",
                        "<= 1", ratios("calls", process.side("merge"), process.side("guard"), rounds, same=1e-12)))
    steps = 300 if quick else 10_000
    with Process("branches", "recording", steps) as process:
        rows.append(row(f"recording {11*steps:,} operations, of which a tenth lie in branches, by a run with Values",
                        "<= 8", ratios("recording", process.side("first"), process.side("eager"), rounds, same=1e-9)))
    return rows
