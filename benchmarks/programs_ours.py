"""cgrad's sides of programs.py: functions compiled by ``cgrad.compile``, called from Python as a user calls them."""

import os
import time

from benchmarks.harness import Outcome, Side, calibrated, clock, timed
from benchmarks.programs_peers import BUDGET, looked_at
from benchmarks.programs_workloads import WORKLOADS, digest, heston_data, numbers

CALLS = 50  # of the small program, between two looks at the clock


def compiled(name: str, size: int, backend: str, choice: bool = False, max_paths: int = 64, branches: str = "merge"):
    """choice: B's positive part by cgrad.maximum, as all others take it, instead of an `if`."""
    import cgrad

    more = {"positive": lambda v: cgrad.maximum(v, 0.0)} if choice else {}
    return cgrad.compile(WORKLOADS[name].build(cgrad, size, **more), backend=backend, max_paths=max_paths,
                         branches=branches)


def argnums_of(name: str) -> tuple[int, ...]:
    given = WORKLOADS[name].argnums
    return given if isinstance(given, tuple) else (given,)


def arguments(name: str, points: int | None, size: int, regime: str):
    return heston_data(points, size, regime) if name == "E" else WORKLOADS[name].data(points, size)


def point(name: str, size: int, backend: str, regime: str = "rare") -> dict[str, Side]:
    """One point, as called from Python: "run", value and gradient; "value" alone.

    "net": "run" less the call of a function that does nothing, as heyoka's is taken.
    """
    import cgrad

    empty = cgrad.compile(lambda x: x + 1.0, backend=backend)
    p, data, argnums = compiled(name, size, backend), arguments(name, None, size, regime), WORKLOADS[name].argnums

    def gradient(many: int) -> list[float]:
        for _ in range(many):
            value, slopes = p.value_and_grad(*data, argnums=argnums)
        return numbers(value, slopes)

    def value(many: int) -> list[float]:
        for _ in range(many):
            result = p(*data)
        return numbers(result)

    def nothing(many: int) -> list[float]:
        for _ in range(many):
            value, slope = empty.value_and_grad(1.0)
        return [value, slope]

    run, around = calibrated(gradient, BUDGET), calibrated(nothing, BUDGET)

    def net() -> Outcome:
        seconds, results = run()
        return seconds - around()[0], results

    return {"run": run, "net": net, "value": calibrated(value, BUDGET)}


def batch(name: str, size: int, points: int, backend: str, regime: str = "rare") -> dict[str, Side]:
    """Points in one call, on one thread.

    "run": results of each point, an array argument time-major as the others have it; "sums": their means;
    "points first": the same with an array argument's points first; "value": values alone;
    "by if": B with a Python `if`, so that half of the points take another path; "one by one": replayed in a Python
    loop; "first": the run by a new function, which records the paths; "all paths": by one that keeps all of them;
    "eager": by Values, in a Python loop.
    """
    import numpy as np

    import cgrad

    every = compiled(name, size, backend, name == "B", 4096, "guard")
    f, leaves = WORKLOADS[name].build(cgrad, size), argnums_of(name)
    p, q = compiled(name, size, backend, name == "B"), compiled(name, size, backend)
    data, argnums = arguments(name, points, size, regime), WORKLOADS[name].argnums
    across = [a.T.copy() if np.ndim(a) == 2 else a for a in data]
    last = tuple((None, 0, 1)[np.ndim(a)] for a in data)
    first = tuple((None, 0, 0)[np.ndim(a)] for a in data)
    rows = list(zip(*([a]*points if np.ndim(a) == 0 else a.tolist() if np.ndim(a) == 1 else list(a) for a in data),
                    strict=True))

    def mapped(p, inputs, axes, reduce=None):
        values, slopes = p.map_value_and_grad(*inputs, argnums=argnums, in_axes=axes, threads=1, reduce=reduce)
        return values, *slopes

    def one_by_one():
        results = [p.value_and_grad(*row, argnums=argnums) for row in rows]
        return [value for value, _ in results], *zip(*(slopes for _, slopes in results), strict=True)

    def eager():
        results = []
        for row in rows:
            args = [cgrad.Value(x) if k in leaves else x for k, x in enumerate(row)]
            value = f(*args)
            value.backward()
            results.append((value.data, *[args[k].grad for k in leaves]))
        return tuple(zip(*results, strict=True))

    def means(*sums) -> list[float]:
        return [x/points for x in numbers(*sums)]

    return {
        "run": looked_at(lambda: mapped(p, across, last), digest),
        "sums": looked_at(lambda: mapped(p, across, last, "sum"), means),
        "points first": looked_at(lambda: mapped(p, data, first, "sum"), means),
        "by if": looked_at(lambda: mapped(q, across, last, "sum"), means),
        "value": looked_at(lambda: (p.map(*across, in_axes=last, threads=1),), digest),
        "one by one": looked_at(one_by_one, digest),
        "first": looked_at(lambda: mapped(compiled(name, size, backend), across, last), digest),
        "all paths": looked_at(lambda: mapped(every, across, last), digest),
        "eager": looked_at(eager, digest),
    }


def threads(size: int, points: int, backend: str) -> dict[str, Side]:
    """B's sums by one and by two threads, in elapsed time, on all CPUs."""
    import numpy as np

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    p, (*model, normals) = compiled("B", size, backend, True), WORKLOADS["B"].data(points, size)
    normals = np.ascontiguousarray(normals.T)

    def side(count: int) -> Side:
        def run() -> Outcome:
            start = time.perf_counter()
            value, slopes = p.map_value_and_grad(*model, normals, argnums=(0, 1, 2), in_axes=(None, None, None, 1),
                                                 threads=count, reduce="sum")
            return time.perf_counter() - start, numbers(value, slopes)
        return run

    return {"one": side(1), "two": side(2)}


def memory(size: int, points: int, backend: str) -> dict[str, Side]:
    """Resident memory that B's sums take at most; the inputs are views that have none of their own."""
    from pathlib import Path

    import numpy as np

    from benchmarks.memory import resident

    p, (*model, normals) = compiled("B", size, backend), WORKLOADS["B"].data(None, size)

    def sums(points: int) -> list[float]:
        value, slopes = p.map_value_and_grad(
            *model, np.broadcast_to(normals[:, None], (size, points)), argnums=(0, 1, 2),
            in_axes=(None, None, None, 1), threads=1, reduce="sum")
        return [x/points for x in numbers(value, slopes)]

    def work() -> Outcome:
        sums(2000)
        Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten
        base, start = resident(), clock()
        means = sums(points)
        return clock() - start, [float(resident("VmHWM") - base), *means]

    return {"growth": work}


def recording(size: int, backend: str) -> dict[str, Side]:
    """A at some length: eager recording, which is dropped; "record": the first call of a new compiled function;
    "gradient": the first value_and_grad of one."""
    import cgrad

    f, (x, a, b) = WORKLOADS["A"].build(cgrad, size), WORKLOADS["A"].data(None, size)

    def gradient() -> list[float]:
        return numbers(cgrad.compile(f, backend=backend).value_and_grad(x, a, b, argnums=(0, 1, 2)))

    return {
        "eager": timed(lambda: numbers(f(cgrad.Value(x), cgrad.Value(a), cgrad.Value(b)).data)),
        "record": timed(lambda: numbers(cgrad.compile(f, backend=backend)(x, a, b))),
        "gradient": timed(gradient),
    }


def build(name: str, size: int, backend: str) -> dict[str, Side]:
    """Recording, gradient and code of a new function, evaluated once."""
    def work() -> list[float]:
        data = WORKLOADS[name].data(None, size)
        return numbers(compiled(name, size, backend).value_and_grad(*data, argnums=WORKLOADS[name].argnums))

    return {"build": timed(work)}


def digits(x):
    """A path for each sequence of the first twelve binary digits."""
    y = x
    for _ in range(12):
        y = y*2.0
        if y > 1.0:
            y = y - 1.0
    return y*x


def crowded(points: int, max_paths: int, backend: str) -> dict[str, Side]:
    """Points that take almost as many paths: "batch", "calls" one by one, and "eager", by Values in a Python loop."""
    import numpy as np

    import cgrad

    p = cgrad.compile(digits, backend=backend, max_paths=max_paths, branches="guard")
    x = np.random.default_rng(8).uniform(0, 1, points)

    def eager():
        results = []
        for number in x.tolist():
            v = cgrad.Value(number)
            y = digits(v)
            y.backward()
            results.append((y.data, v.grad))
        return tuple(zip(*results, strict=True))

    return {
        "batch": looked_at(lambda: p.map_value_and_grad(x, threads=1), digest),
        "calls": looked_at(lambda: tuple(zip(*[p.value_and_grad(v) for v in x.tolist()], strict=True)), digest),
        "eager": looked_at(eager, digest),
    }


def alternating(backend: str) -> dict[str, Side]:
    """Calls of a function of two paths: "same" path in each, or "turns"."""
    import cgrad

    p = cgrad.compile(lambda x: x*x if x > 0 else x*3.0, backend=backend, branches="guard")
    p(1.0), p(-1.0)

    def calls(other: float):
        def work(many: int) -> list[float]:
            for _ in range(many):
                for _ in range(CALLS):
                    p(1.0)
                    value = p(other)
            return [abs(value)]
        return calibrated(work, BUDGET)

    return {"same": calls(1.0), "turns": calls(-1.0)}


def twenty(x, y):
    """Twenty operations of + - * /."""
    a = x*y
    b = a + x
    c = b*y - a
    d = c*c + 2.0
    e = b/d
    f = e - x*0.5
    g = f*f + e*y
    h = (g + 1.5)*(d - 0.25)
    return h/(1.0 + g*g) - a*b


def small(backend: str) -> dict[str, Side]:
    """Twenty operations: "floats", evaluated by Python; "program", value and gradient."""
    import cgrad

    p, points = cgrad.compile(twenty, backend=backend), [(0.5 + 0.01*i, 1.5 - 0.01*i) for i in range(CALLS)]

    def floats(many: int) -> list[float]:
        for _ in range(many):
            for x, y in points:
                value = twenty(x, y)
        return [value]

    def program(many: int) -> list[float]:
        for _ in range(many):
            for x, y in points:
                value, slopes = p.value_and_grad(x, y, argnums=(0, 1))
        return numbers(value, slopes)

    def one(many: int) -> list[float]:
        for _ in range(many):
            for x, y in points:
                value, slope = p.value_and_grad(x, y)
        return numbers(value, slope)

    return {"floats": calibrated(floats, BUDGET), "program": calibrated(program, BUDGET),
            "one slope": calibrated(one, BUDGET)}
