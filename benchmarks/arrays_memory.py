"""Resident memory of loops over arrays: a long training, and large graphs that are dropped."""

from benchmarks.harness import Outcome, Process, Row, Side, agree, clock
from benchmarks.memory import PROC, resident

MIB = 2**20


def training(steps: int, samples: int) -> dict[str, Side]:
    """An online regression by a small network; nothing is ever cleared but the gradients."""
    import numpy as np

    from cgrad import Tensor, current_tape, optim, tanh

    def work() -> Outcome:
        rng = np.random.default_rng(3)
        w1, b1 = Tensor(rng.normal(size=(2, 16)), requires_grad=True), Tensor(np.zeros(16), requires_grad=True)
        w2 = Tensor(rng.normal(size=(16, 1))*0.25, requires_grad=True)
        optimizer = optim.SGD([w1, b1, w2], lr=0.05)
        sizes, nodes, mean = [], [], 0.0
        start = clock()
        for k in range(steps):
            x = rng.uniform(-1, 1, (8, 2))
            y = x[:, :1]*x[:, 1:]
            error = tanh(x @ w1 + b1) @ w2 - y
            loss = (error*error).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mean += 0.01*(loss.item() - mean)
            if (k + 1) % max(1, steps//samples) == 0:
                sizes.append(float(resident()))
                nodes.append(float(len(current_tape())))
        return clock() - start, [mean, *nodes, *sizes]

    return {"train": work}


def dropped(rounds: int, numbers: int, alive: bool) -> dict[str, Side]:
    """Graphs of six large arrays each, one after the other; alive: beside a Value on the same tape."""
    import numpy as np

    from cgrad import Tensor, Value

    def work() -> Outcome:
        kept = Value(2.0)*3.0 if alive else None
        x = Tensor(np.linspace(0.0, 1.0, numbers), requires_grad=True)

        def graph():
            y = x
            for _ in range(6):
                y = y*1.01 + x
            return y

        out = graph()
        out.backward()
        del out
        base, start = resident(), clock()
        highest = base
        for _ in range(rounds):
            x.zero_grad()
            out = graph()
            out.backward()
            highest = max(highest, resident())
            del out
        last = resident()
        if kept is not None:
            kept.backward()
        slope = float(x.grad[-1])
        return clock() - start, [highest - base, last - base, slope]

    return {"drop": work}


def slope() -> float:
    """The derivative of dropped()'s chain: 1.01*s + 1, six times."""
    s = 1.0
    for _ in range(6):
        s = 1.01*s + 1.0
    return s


def run(quick: bool) -> list[Row]:
    steps, samples = (500, 10) if quick else (200_000, 50)
    rounds, numbers = (5, 100_000) if quick else (100, 1_000_000)
    size = numbers*8/MIB
    names = [f"growth of resident memory, {steps:,} steps of a training loop over arrays that clears nothing",
             f"the same: the tape's longest, of {samples} samples",
             f"{rounds} graphs of 12 operations on {size:.1f} MiB each, dropped one by one: highest above the first",
             "the same while a Value of the tape stays alive"]
    if not PROC.exists():
        return [Row(name, "", None, note="needs /proc") for name in names]
    with Process("arrays_memory", "training", steps, samples) as process:
        seconds, (mean, *figures) = process("train")
    nodes, sizes = figures[:len(figures)//2], figures[len(figures)//2:]
    half = len(sizes)//2
    rows = [Row(names[0], "<= 1", max(0.0, max(sizes[half:]) - max(sizes[:half]))/MIB, unit="MiB",
                note=f"the highest of {len(sizes) - half} samples in the second half less the highest in the first; "
                     f"{seconds/steps*1e6:.0f} us a step; mean squared error {mean:.2g} at the end"),
            Row(names[1], "", max(nodes), unit="nodes")]
    for name, alive in zip(names[2:], (False, True), strict=True):
        with Process("arrays_memory", "dropped", rounds, numbers, alive) as process:
            _, (highest, last, derivative) = process("drop")
        agree(name, [derivative], [slope()], 1e-12)
        # a graph has 12 results and as many adjoints: that much above what one run left is one graph, not two
        rows.append(Row(name, f"<= {26*size:.0f}", highest/MIB, unit="MiB", note=f"{last/MIB:.1f} MiB after the last"))
    return rows
