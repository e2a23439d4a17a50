"""An epoch of a small network on the digits, batches of 32: against PyTorch on one thread."""

import csv
import gzip
import statistics

from benchmarks.harness import ROOT, Crashed, Outcome, Process, Row, Side, clock, no_peer, peer, row, times

SIZES = 64, 32, 10
BATCH = 32
OPTIMIZER = {"lr": 0.05, "momentum": 0.9}


def data(dtype: str):
    """Images (ink from 0 to 1) and digits; read from the file, as a peer's interpreter may have no cgrad."""
    import numpy as np

    with gzip.open(ROOT / "src" / "cgrad" / "data" / "digits.csv.gz", "rt", encoding="ascii") as file:
        table = np.array(list(csv.reader(file))[1:], dtype=float)
    return (table[:, :-1]/16).astype(dtype), table[:, -1].astype(np.int64)


def begin(dtype: str):
    """Weights of each layer, drawn as PyTorch draws them, and the batches of an epoch."""
    import numpy as np

    rng = np.random.default_rng(7)
    weights = []
    for nin, nout in zip(SIZES[:-1], SIZES[1:], strict=True):
        bound = nin**-0.5
        weights.append((rng.uniform(-bound, bound, (nout, nin)).astype(dtype),
                        rng.uniform(-bound, bound, nout).astype(dtype)))
    images, labels = data(dtype)
    order = rng.permutation(len(labels))
    batches = [order[k:k + BATCH] for k in range(0, len(order) - BATCH + 1, BATCH)]
    return weights, [(images[places], labels[places]) for places in batches]


def epochs(make, batches) -> Side:
    """make() gives a step and a reading of the parameters, afresh. The results: three losses, and that reading."""

    def side() -> Outcome:
        step, parameters = make()
        start = clock()
        losses = [step(x, y) for x, y in batches]
        seconds = clock() - start
        return seconds, [losses[0], losses[len(losses)//2], losses[-1], *parameters()]

    return side


def digest(arrays) -> list[float]:
    return [x for a in arrays for x in (float(a.flat[0]), float(a.flat[-1]), float(abs(a).mean()))]


def ours(dtype: str) -> dict[str, Side]:
    """As a user writes it: layers, loss and optimiser of cgrad.nn and cgrad.optim."""
    from cgrad import Tensor, nn, optim

    weights, batches = begin(dtype)

    def make():
        model = nn.Sequential(nn.Linear(*SIZES[:2]), nn.ReLU(), nn.Linear(*SIZES[1:]))
        parameters = model.parameters()
        for place, array in enumerate(a for pair in weights for a in pair):
            parameters[place].data = array.copy()
        optimizer = optim.SGD(parameters, **OPTIMIZER)
        loss_of = nn.CrossEntropyLoss()

        def step(x, y):
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step, lambda: digest([p.data for p in parameters])

    return {"epoch": epochs(make, [(Tensor(x), y) for x, y in batches])}


def torch(dtype: str) -> dict[str, Side]:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    weights, batches = begin(dtype)

    def make():
        model = nn.Sequential(nn.Linear(*SIZES[:2]), nn.ReLU(), nn.Linear(*SIZES[1:]))
        model.to(getattr(torch, dtype))
        parameters = list(model.parameters())
        with torch.no_grad():
            for place, array in enumerate(a for pair in weights for a in pair):
                parameters[place].copy_(torch.tensor(array))
        optimizer = torch.optim.SGD(parameters, **OPTIMIZER)
        loss_of = nn.CrossEntropyLoss()

        def step(x, y):
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step, lambda: digest([p.detach().numpy() for p in parameters])

    return {"epoch": epochs(make, [(torch.tensor(x), torch.tensor(y)) for x, y in batches])}


def run(quick: bool) -> list[Row]:
    rows = []
    python, _ = peer("torch")
    for dtype, same in (("float32", 1e-3), ("float64", 1e-9)):
        name = (f"digits, a network of {'-'.join(map(str, SIZES))}, {dtype}: an epoch at batch {BATCH}, "
                "by PyTorch on one thread")
        if not python:
            rows.append(Row(name, "<= 1.0", None, note=no_peer("torch")))
            with Process("arrays_digits", "ours", dtype) as us:  # that it runs is shown all the same
                us("epoch")
            continue
        try:
            with Process("arrays_digits", "ours", dtype) as us, \
                    Process("arrays_digits", "torch", dtype, python=python) as them:
                found = times(name, us.side("epoch"), them.side("epoch"), 2 if quick else 25, same=same, warm=2)
        except Crashed as error:
            rows.append(Row(name, "<= 1.0", None, note=str(error)))
            continue
        milliseconds = [statistics.median(seconds)*1e3 for seconds in zip(*found, strict=True)]
        rows.append(row(name, "<= 1.0", [a/b for a, b in found],
                        note=f"{milliseconds[0]:.1f} ms by {milliseconds[1]:.1f} ms"))
    return rows
