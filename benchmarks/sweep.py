"""Backward of a large irregular graph against hand-written C over the same graph, and of a small one beside it."""

import random

import numpy as np

from benchmarks import reference
from benchmarks.harness import Outcome, Process, Row, Side, agree, clock, ratios, row

OPS = 12


def program(n: int, window: int, seed: int) -> list[tuple[int, int, int]]:
    """(op, s, t) a node: ``w[s] = op(w[s], w[t])`` over a window of values.

    Each round goes through the window in a new random order, so every value is used, and its last
    use comes less than two rounds after it was made: arguments lie within the last 2*window nodes.
    """
    rng = random.Random(seed)
    order = list(range(window))
    result: list[tuple[int, int, int]] = []
    while len(result) < n:
        rng.shuffle(order)
        result += [(rng.randrange(OPS), s, rng.randrange(window)) for s in order]
    return result[:n]


def record(steps: list[tuple[int, int, int]], w: list):
    """Run the program and add up the window. Where an op would leave its domain, or numbers grow, another is taken."""
    from cgrad import atan, cos, exp, log, sigmoid, sin, sqrt, tanh

    for op, s, t in steps:
        x = w[s]
        size = abs(x.data)
        if size > 2.0 and op != 3 and op != 5:
            op = 6
        if op == 0:
            x = x + w[t]
        elif op == 1:
            x = x - w[t]
        elif op == 2:
            x = x*w[t]
        elif op == 3:
            x = sin(x)
        elif op == 4:
            y = w[t]
            x = x/y if abs(y.data) > 0.5 else x*y
        elif op == 5:
            x = cos(x)
        elif op == 6:
            x = tanh(x)
        elif op == 7:
            x = exp(x)
        elif op == 8:
            x = log(x) if x.data > 0.3 else sigmoid(x)
        elif op == 9:
            x = sqrt(x) if x.data > 0.1 else -x
        elif op == 10:
            x = atan(x)
        else:
            x = x*0.75
        w[s] = x
    total = w[0]
    for x in w[1:]:
        total = total + x
    return total


def fixed(columns: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """da, db, a, b for the C sweep: a plain number (an index that points to its own node) is given no weight."""
    place = np.arange(len(columns["op"]), dtype=np.int32)
    a, b, da, db = (columns[name].copy() for name in ("a", "b", "da", "db"))
    assert (b >= 0).all(), "the graph has nodes of more than two arguments"
    own_a, own_b = a == place, b == place
    da[own_a] = 0.0
    db[own_b] = 0.0
    a, b = np.where(own_a & ~own_b, b, a), np.where(own_b & ~own_a, a, b)
    return da, db, np.ascontiguousarray(a, dtype=np.int32), np.ascontiguousarray(b, dtype=np.int32)


def graph(n: int, window: int) -> dict[str, Side]:
    """Sides over one program: fresh record and backward; backward once more; the C sweep."""
    from cgrad import Tape

    n -= 2*window - 1  # the leaves and the sum
    steps = program(n, window, 20)
    library = reference.load()
    kept: dict[str, tuple] = {}

    def build():
        rng = random.Random(7)
        with Tape() as tape:
            leaves = [tape.leaf(rng.uniform(-1, 1)) for _ in range(window)]
            return leaves, record(steps, list(leaves)), tape

    def fresh() -> Outcome:
        leaves, total, _ = build()
        start = clock()
        total.backward()
        return clock() - start, [x.grad for x in leaves]

    def again() -> Outcome:
        if "again" not in kept:
            kept["again"] = build()
        leaves, total, _ = kept["again"]
        for x in leaves:
            x.grad = 0.0
        start = clock()
        total.backward()
        return clock() - start, [x.grad for x in leaves]

    def c() -> Outcome:
        if "c" not in kept:
            leaves, _total, tape = build()
            columns = tape._columns()
            assert columns["val"][:window].tolist() == [x.data for x in leaves]
            kept["c"] = fixed(columns), len(columns["op"])
            distance = np.arange(len(columns["op"])) - np.minimum(columns["a"], columns["b"])
            assert len(columns["op"]) >= n, "the tape has lost nodes"
            assert (distance[:n] <= 2*window).all(), "an argument lies further away than it should"
        (da, db, a, b), size = kept["c"]
        g = np.zeros(size)
        g[-1] = 1.0
        start = clock()
        library.sweep(da, db, a, b, g, size)
        return clock() - start, g[:window].tolist()

    return {"fresh": fresh, "again": again, "c": c}


# ---- five nodes beside ten million -------------------------------------------------------------------

def small(live: int, repeats: int) -> dict[str, Side]:
    """A five-node graph that reaches down to a leaf at place 0: on a full tape, and on an empty one."""
    from cgrad import Tape, Value

    def five(x):
        return (x*2.0 + 1.0).tanh()*x - 3.0

    def prepare(nodes: int):
        with Tape() as tape:
            x = tape.leaf(0.7)
            top = Value(0.5)
            for _ in range(nodes//2):
                top = top*1.0000001 + 1e-7
        return tape, x, top

    full, empty = prepare(live), prepare(0)

    def swept(tape, x, top) -> Side:
        with tape:
            y = five(x)

        def side() -> Outcome:
            x.grad = 0.0
            start = clock()
            for _ in range(repeats):
                y.backward()
            return clock() - start, [x.grad]

        return side

    def built(tape, x, top) -> Side:
        def side() -> Outcome:
            x.grad = 0.0
            start = clock()
            with tape:
                for _ in range(repeats):
                    five(x).backward()
            return clock() - start, [x.grad]

        return side

    def first() -> Outcome:
        tape, x, _top = prepare(live)
        with tape:
            y = five(x)
        x.grad = 0.0
        start = clock()
        y.backward()
        return clock() - start, [x.grad]

    return {"full": swept(*full), "empty": swept(*empty), "full built": built(*full), "empty built": built(*empty),
            "first": first}


def run(quick: bool) -> list[Row]:
    n, window, rounds = (20_000, 500, 3) if quick else (1_000_000, 5_000, 15)
    name = f"backward of {n:,} nodes of {OPS} ops, irregular, arguments within the last {2*window:,}, by sweep in C"
    rows = []
    if reference.available():
        with Process("sweep", "graph", n, window) as process:
            fresh = ratios("sweep", process.side("fresh"), process.side("c"), rounds, same=1e-12)
            again = ratios("sweep", process.side("again"), process.side("c"), 2*rounds, same=1e-12, warm=2)
        rows += [row(f"{name}, fresh graph", "<= 1.5", fresh), row(f"{name}, once more on the same graph", "", again)]
    else:
        rows.append(Row(name, "<= 1.5", None, note="needs gcc"))
    live, repeats = (100_000, 200) if quick else (10_000_000, 5_000)
    name = f"a 5-node graph with {live:,} live nodes on the tape, by the same on an empty tape"
    with Process("sweep", "small", live, repeats) as process:
        rows += [
            row(f"backward of {name}", "<= 1.5",
                ratios("five nodes", process.side("full"), process.side("empty"), 2*rounds, same=1e-12)),
            row(f"build and backward of {name}", "",
                ratios("five nodes", process.side("full built"), process.side("empty built"), 2*rounds, same=1e-12))]
        seconds, grad = process("first")
        agree("five nodes", grad, [x/repeats for x in process("empty")[1]], 1e-12)
        rows.append(Row(f"the first backward of a 5-node graph above {live:,} nodes", "", seconds*1e6, unit="us"))
    return rows
