"""Resident memory: a large graph, what stays after it, a training loop that never clears anything."""

from pathlib import Path

from benchmarks.harness import Outcome, Process, Row, Side, agree, clock

PROC = Path("/proc/self/status")


def resident(field: str = "VmRSS") -> int:
    """Bytes of this process: VmRSS now, VmHWM at its highest."""
    for line in PROC.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])*1024
    raise KeyError(field)


def chain(steps: int, value):
    x = value(0.5)
    y = x
    for _ in range(steps):
        y = y*1.0000001 + 1e-7
    return x, y


def large(nodes: int) -> dict[str, Side]:
    """Record, sweep and collect that many nodes; what that took at most, and what is kept afterwards."""
    from cgrad import Value, current_tape

    def work() -> Outcome:
        x, y = chain(1000, Value)
        y.backward()
        del x, y
        base = resident()
        start = clock()
        x, y = chain(nodes//2, Value)
        y.backward()
        tape = current_tape()
        tape._collect()
        count = len(tape)
        slope = x.grad
        peak = resident("VmHWM") - base
        del x, y
        return clock() - start, [peak, resident() - base, count, slope]

    return {"graph": work}


def endless(operations: int, samples: int) -> dict[str, Side]:
    """A training loop: an online regression by a small network; nothing is ever cleared but the gradients.

    The last step's loss lives on while the next one is recorded, so the tape is never empty.
    """
    import random

    from cgrad import Tape, Value

    def step(w, c, v, d, x, y):
        out = d
        for j in range(4):
            out = out + v[j]*(w[j]*x + c[j]).tanh()
        error = out - y
        return error*error

    def work() -> Outcome:
        rng = random.Random(3)
        w, c, v = ([Value(rng.uniform(-1, 1)) for _ in range(4)] for _ in range(3))
        d = Value(0.0)
        parameters = [*w, *c, *v, d]
        with Tape() as tape:
            loss = step(w, c, v, d, 0.5, 0.25)
            each = sum(node.op != "leaf" for node in tape)
        del tape
        steps = operations//each
        sizes = []
        mean = 0.0
        start = clock()
        for k in range(steps):
            x = rng.uniform(-1, 1)
            loss = step(w, c, v, d, x, x*x)
            for p in parameters:
                p.grad = 0.0
            loss.backward()
            for p in parameters:
                p.data -= 0.05*p.grad
            mean += 0.001*(loss.data - mean)
            if (k + 1) % max(1, steps//samples) == 0:
                sizes.append(float(resident()))
        return clock() - start, [steps*each, mean, *sizes]

    return {"train": work}


def run(quick: bool) -> list[Row]:
    nodes, operations = (200_000, 500_000) if quick else (10_000_000, 100_000_000)
    names = [f"peak memory an operation, {nodes:,} nodes, backward and a collection included",
             f"kept after dropping {nodes:,} nodes",
             f"growth of resident memory, {operations:,} operations of a training loop that clears nothing"]
    bars = ["<= 64", "<= 128", "<= 1"]
    if not PROC.exists():
        return [Row(name, bar, None, note="needs /proc") for name, bar in zip(names, bars, strict=True)]
    with Process("memory", "large", nodes) as process:
        peak, kept, count, slope = process("graph")[1]
    agree("slope of the chain", [slope], [1.0000001**(nodes//2)], 1e-9)
    agree("nodes on the tape", [count], [nodes + 1], 0.0)
    with Process("memory", "endless", operations, 50) as process:
        seconds, (done, mean, *sizes) = process("train")
    half = len(sizes)//2
    return [Row(names[0], bars[0], peak/nodes, unit="bytes"),
            Row(names[1], bars[1], kept/2**20, unit="MiB"),
            Row(names[2], bars[2], max(0.0, max(sizes[half:]) - max(sizes[:half]))/2**20, unit="MiB",
                note=f"the highest of {len(sizes) - half} samples in the second half less the highest in the first; "
                     f"{seconds/done*1e9:.0f} ns an operation; mean squared error {mean:.2g} at the end"),
            Row("the same: the highest sample less the first one", "", (max(sizes) - sizes[0])/2**20, unit="MiB")]
