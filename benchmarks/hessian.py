"""The Hessian of the chained Rosenbrock function by create_graph, against gradients of the same function."""

import random

import numpy as np

from benchmarks.harness import Process, Row, Side, agree, ratios, row, timed


def rosenbrock(x):
    """sum_i 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2."""
    total = 0.0
    for i in range(len(x) - 1):
        t = x[i + 1] - x[i]*x[i]
        u = 1 - x[i]
        total = total + (100*(t*t) + u*u)
    return total


def point(n: int) -> list[float]:
    rng = random.Random(4)
    return [rng.uniform(-1.5, 1.5) for _ in range(n)]


def hessian(start: list[float]) -> list[list[float]]:
    import cgrad

    x = [cgrad.Value(v) for v in start]
    first = cgrad.gradients(rosenbrock(x), x, create_graph=True).wrt(x)
    return [cgrad.gradients(g, x).wrt(x) for g in first]


def gradient(start: list[float]) -> list[float]:
    import cgrad

    x = [cgrad.Value(v) for v in start]
    return cgrad.gradients(rosenbrock(x), x).wrt(x)


def by_hand(start: list[float]) -> tuple[list[float], list[list[float]]]:
    """Gradient and Hessian by the C reference."""
    from benchmarks import reference

    library = reference.load()
    x, n = np.array(start), len(start)
    first, second = np.zeros(n), np.zeros((n, n))
    library.w4_grad(x, n, first)
    for i in range(n):
        library.w4_hvp(x, n, np.eye(n)[i], second[i])
    return first.tolist(), second.tolist()


def sides(n: int) -> dict[str, Side]:
    start = point(n)

    def gradients() -> list[float]:
        for _ in range(n):
            result = gradient(start)
        return result

    return {"hessian": timed(lambda: [h for r in hessian(start) for h in r]), "gradients": timed(gradients)}


def run(quick: bool) -> list[Row]:
    from benchmarks import reference

    n, rounds = (10, 3) if quick else (100, 15)
    with Process("hessian", "sides", n) as process:
        if reference.available():
            first, second = by_hand(point(n))
            agree("gradient", process("gradients")[1], first, 1e-13)
            agree("Hessian", process("hessian")[1], [h for r in second for h in r], 1e-13)
        return [row(f"Hessian of chained Rosenbrock, n = {n}, by create_graph, by {n} gradients", "<= 10",
                    ratios("Hessian", process.side("hessian"), process.side("gradients"), rounds, same=None))]
