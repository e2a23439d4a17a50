"""x = x*a + b, over and over: what recording costs beside plain floats."""

import statistics

from benchmarks.harness import Outcome, Process, Row, Side, clock, ratios, row, timed

A, B, START = 1.0000001, 1e-7, 0.5  # neither x nor its adjoint comes near the denormals


def plain(n: int, a=A, b=B) -> list[float]:
    x = START
    for _ in range(n):
        x = x*a + b
    return [x]


def swept(value, n: int, a=A, b=B) -> list[float]:
    """Record, sweep, drop, over any engine with micrograd's interface; the result and its derivative."""
    start = x = value(START)
    for _ in range(n):
        x = x*a + b
    x.backward()
    return [x.data, start.grad]


def sides(n: int) -> dict[str, Side]:
    import numpy as np

    from cgrad import Value

    a, b = np.float64(A), np.float64(B)
    return {
        "plain": timed(lambda: plain(n)),
        "values": timed(lambda: swept(Value, n)[:1]),
        "gradient": timed(lambda: swept(Value, n)),
        "float64": timed(lambda: swept(Value, n, a, b)[:1]),
        "leaf gradient": timed(lambda: swept(Value, n, Value(A), Value(B))),
        "leaves": timed(lambda: swept(Value, n, Value(A), Value(B))[:1]),
    }


def cold(n: int) -> dict[str, Side]:
    """The first runs of a process, each by the loop over plain floats."""
    from cgrad import Value

    def first() -> Outcome:
        seconds = []
        for _ in range(4):
            start = clock()
            swept(Value, n)
            seconds.append(clock() - start)
        floats = statistics.median(timed(lambda: plain(n))()[0] for _ in range(5))
        return seconds[0], [s/floats for s in seconds]

    return {"first": first}


def minigrad(n: int) -> dict[str, Side]:
    from minigrad.engine import Value

    # leaves, as plain numbers lose a reference an operation there, and the process dies of it
    return {"leaf gradient": timed(lambda: swept(Value, n, Value(A), Value(B)))}


def xad(n: int) -> dict[str, Side]:
    """One tape for all runs, cleared before each: faster than a new one, by a little."""
    from xad.adj_1st import Real, Tape

    tape = Tape()
    tape.activate()

    def run() -> list[float]:
        tape.clearAll()
        start = x = Real(START)
        tape.registerInput(start)
        tape.newRecording()
        for _ in range(n):
            x = x*A + B
        tape.registerOutput(x)
        x.derivative = 1.0
        tape.computeAdjoints()
        return [x.value, start.derivative]

    return {"gradient": timed(run)}


def run(quick: bool) -> list[Row]:
    n, rounds = (20_000, 3) if quick else (1_000_000, 25)
    name = f"x = x*a + b, {n:,} steps: record + backward + drop, by plain floats"
    with Process("chain", "sides", n) as process:
        warm = ratios("chain", process.side("values"), process.side("plain"), rounds, same=0.0)
        leaves = ratios("chain", process.side("leaves"), process.side("plain"), rounds, same=0.0)
        double = ratios("chain", process.side("float64"), process.side("values"), rounds, same=0.0)
    first = []
    for _ in range(1 if quick else 7):
        with Process("chain", "cold", n) as process:
            first.append(process("first")[1])
    return [
        row(f"{name}, warm", "<= 2.0", warm),
        row(f"{name}, first run of a process", "<= 2.5", [r[0] for r in first]),
        row(f"{name}, second run of a process", "", [r[1] for r in first], note="the gradient column is touched anew"),
        row(f"{name}, a and b leaves, warm", "", leaves),
        row("the same with a and b np.float64 instead of float", "<= 1.3", double),
    ]
