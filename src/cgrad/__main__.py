"""``python -m cgrad``: train a small classifier on Fisher's irises, and measure the cost of recording.

The network, its loss and its training are plain loops over numbers. With Values they are recorded and differentiated;
with floats the same functions only compute, which is what the table compares.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import cgrad
from cgrad.data import Dataset, iris

Scalar: TypeAlias = Any  # a Value or a float: the same code serves both
Neurons: TypeAlias = Sequence[tuple[Sequence[Scalar], Scalar]]  # weights and bias of each neuron of a layer

FEATURES = (2, 3)  # petal length and width: two, so that the decision regions are a picture
HIDDEN = (8, 8)
RATE, MOMENTUM = 0.05, 0.9
EPOCHS, SEED = 200, 1


class Split(NamedTuple):
    """Training and held-out samples, with the mean and spread of the training samples for scaling."""

    rows: list[list[float]]
    labels: list[int]
    held_rows: list[list[float]]
    held_labels: list[int]
    mean: list[float]
    spread: list[float]


class Run(NamedTuple):
    """The result of training."""

    network: list[Neurons]
    losses: list[float]  # before the first step, and after each
    held_losses: list[float]
    seconds: float


# ---- the network, its loss and its training: plain loops -------------------------------------------

def forward(network: Sequence[Neurons], row: Sequence[Scalar]) -> Sequence[Scalar]:
    """The scores of the classes: tanh(w.x + b) layer by layer, the last layer without tanh."""
    x = row
    for depth, layer in enumerate(network, 1):
        out = []
        for weights, total in layer:
            for w, v in zip(weights, x, strict=True):
                total = total + w*v
            out.append(cgrad.tanh(total) if depth < len(network) else total)
        x = out
    return x


def cross_entropy(network: Sequence[Neurons], rows: Sequence[Sequence[float]], labels: Sequence[int]) -> Scalar:
    """Mean over the samples of log(sum(exp(scores))) - score of the right class."""
    total: Scalar = 0.0
    for row, label in zip(rows, labels, strict=True):
        scores = forward(network, row)
        norm = scores[0]
        for score in scores[1:]:
            norm = cgrad.logaddexp(norm, score)
        total = total + (norm - scores[label])
    return total/len(rows)


def accuracy(network: Sequence[Neurons], rows: Sequence[Sequence[float]], labels: Sequence[int]) -> float:
    """The fraction of samples whose highest score is that of their class."""
    right = 0
    for row, label in zip(rows, labels, strict=True):
        scores = forward(network, row)
        right += scores[label] == max(scores)
    return right/len(rows)


def start(sizes: Sequence[int], draw: random.Random) -> list[Neurons]:
    """A network of Values: weights uniform in +-sqrt(3/inputs), biases 0."""
    return [[([cgrad.Value(draw.uniform(-1, 1)*(3/n)**0.5) for _ in range(n)], cgrad.Value(0.0)) for _ in range(m)]
            for n, m in pairwise(sizes)]


def plain(network: Sequence[Neurons]) -> list[Neurons]:
    """The same network in plain floats."""
    return [[([w.item() for w in weights], b.item()) for weights, b in layer] for layer in network]


def train(split: Split, classes: int, epochs: Iterable[int], seed: int, report: Callable[[int, float], None]) -> Run:
    """Gradient descent with momentum over all training samples at once."""
    network = start([len(split.rows[0]), *HIDDEN, classes], random.Random(seed))
    parameters = [p for layer in network for weights, bias in layer for p in (*weights, bias)]
    speed = [0.0]*len(parameters)
    losses, held_losses = [], []
    seconds = 0.0
    for epoch in epochs:
        held_losses.append(cross_entropy(plain(network), split.held_rows, split.held_labels))
        began = time.perf_counter()
        loss = cross_entropy(network, split.rows, split.labels)
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for k, p in enumerate(parameters):
            speed[k] = MOMENTUM*speed[k] - RATE*p.grad
            p.data += speed[k]
        seconds += time.perf_counter() - began
        losses.append(loss.item())
        report(epoch, losses[-1])
    losses.append(cross_entropy(plain(network), split.rows, split.labels))
    held_losses.append(cross_entropy(plain(network), split.held_rows, split.held_labels))
    return Run(plain(network), losses, held_losses, seconds)


def divide(data: Dataset, seed: int) -> Split:
    """Hold out a third of each class; scale by the mean and spread of the rest."""
    draw = random.Random(seed)
    used: list[int] = []
    held: list[int] = []
    for c in range(len(data.classes)):
        members = [i for i, label in enumerate(data.labels) if label == c]
        draw.shuffle(members)
        third = len(members)//3
        held += members[:third]
        used += members[third:]
    columns = [[data.rows[i][f] for i in used] for f in FEATURES]
    mean = [sum(column)/len(column) for column in columns]
    spread = [(sum((x - m)**2 for x in column)/len(column))**0.5 for column, m in zip(columns, mean, strict=True)]

    def scaled(chosen: list[int]) -> list[list[float]]:
        return [[(data.rows[i][f] - m)/s for f, m, s in zip(FEATURES, mean, spread, strict=True)] for i in chosen]

    return Split(scaled(used), [data.labels[i] for i in used], scaled(held), [data.labels[i] for i in held],
                 mean, spread)


# ---- the cost of recording -------------------------------------------------------------------------

def best(f: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several runs, after one that warms up."""
    f()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        f()
        times.append(time.perf_counter() - began)
    return min(times)


def chain(x: Scalar, a: Scalar, b: Scalar, steps: int) -> Scalar:
    for _ in range(steps):
        x = x*a + b
    return x


def measure(run: Run, split: Split, steps: int = 200_000) -> list[tuple[str, int, float, float]]:
    """(loop, operations, ns per operation in plain floats, the same recorded and swept back)."""
    a, b, x = cgrad.Value(0.999), cgrad.Value(0.001), cgrad.Value(1.0)
    network = [[([cgrad.Value(w) for w in weights], cgrad.Value(bias)) for weights, bias in layer]
               for layer in run.network]
    with cgrad.Tape() as tape:
        cross_entropy(network, split.rows, split.labels)
        operations = sum(node.op != "leaf" for node in tape)
    table = []
    for loop, count, floats, values, repeats in (
            ("x = x*a + b", 2*steps, lambda: chain(1.0, 0.999, 0.001, steps),
             lambda: chain(x, a, b, steps).backward(), 5),
            ("loss of the network", operations, lambda: cross_entropy(run.network, split.rows, split.labels),
             lambda: cross_entropy(network, split.rows, split.labels).backward(), 20)):
        table.append((loop, count, best(floats, repeats)/count*1e9, best(values, repeats)/count*1e9))
    return table


# ---- the picture -----------------------------------------------------------------------------------

COLOURS = ("#0072b2", "#e69f00", "#009e73")  # distinct for the colour-blind too
MARKS = "os^"


def save_picture(path: str, data: Dataset, split: Split, run: Run) -> None:
    """Plot the loss by epoch, and the plane of both features coloured by the network's decision."""
    plt: Any = importlib.import_module("matplotlib.figure")
    figure = plt.Figure(figsize=(11, 4.6), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    draw_losses(left, run)
    draw_decisions(right, data, split, run)
    figure.savefig(path)


def draw_losses(axes: Any, run: Run) -> None:
    axes.plot(run.losses, color="black", label="training")
    axes.plot(run.held_losses, color="#d55e00", linestyle="--", label="held out")
    axes.set(title="Loss", xlabel="epoch", ylabel="cross entropy (log scale)", yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(which="both", labelsize=8)
    axes.grid(alpha=0.3, which="both")
    axes.legend()


def draw_decisions(axes: Any, data: Dataset, split: Split, run: Run) -> None:
    def cm(rows: list[list[float]]) -> list[list[float]]:
        return [[x*s + m for x, m, s in zip(row, split.mean, split.spread, strict=True)] for row in rows]

    rows, held = cm(split.rows), cm(split.held_rows)
    (x0, x1), (y0, y1) = ((min(c) - 0.3, max(c) + 0.3) for c in zip(*rows, *held, strict=True))
    draw_regions(axes, split, run, (x0, x1, y0, y1))
    draw_samples(axes, data, split, run, rows, held)
    part = accuracy(run.network, split.held_rows, split.held_labels)
    axes.set(title=f"Decision regions ({part:.1%} of held-out samples right)",
             xlabel=data.features[FEATURES[0]], ylabel=data.features[FEATURES[1]], xlim=(x0, x1), ylim=(y0, y1))
    axes.legend(loc="upper left", fontsize=8)


def draw_regions(axes: Any, split: Split, run: Run, extent: tuple[float, float, float, float],
                 steps: int = 160) -> None:
    """The plane, coloured by the probabilities of the classes, with a line where the decision changes."""
    x0, x1, y0, y1 = extent
    colours = [[int(c[k:k + 2], 16)/255 for k in (1, 3, 5)] for c in COLOURS]
    picture: list[list[list[float]]] = []
    leads: list[list[list[float]]] = [[] for _ in colours]  # each class's score minus the best of the others
    xs = [x0 + (x1 - x0)*(i + 0.5)/steps for i in range(steps)]
    ys = [y0 + (y1 - y0)*(i + 0.5)/steps for i in range(steps)]
    for y in ys:
        picture.append([])
        for lead in leads:
            lead.append([])
        for x in xs:
            point = [(v - m)/s for v, m, s in zip((x, y), split.mean, split.spread, strict=True)]
            scores = list(forward(run.network, point))
            odds = [cgrad.exp(s - max(scores)) for s in scores]
            probabilities = [o/sum(odds) for o in odds]
            mixed = [sum(p*c[k] for p, c in zip(probabilities, colours, strict=True)) for k in range(3)]
            picture[-1].append([0.65 + 0.35*c for c in mixed])
            for c, lead in enumerate(leads):
                lead[-1].append(scores[c] - max(scores[:c] + scores[c + 1:]))
    axes.imshow(picture, extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    for lead in leads:
        if min(map(min, lead)) < 0 < max(map(max, lead)):
            axes.contour(xs, ys, lead, levels=[0.0], colors="black", linewidths=0.8)


def draw_samples(axes: Any, data: Dataset, split: Split, run: Run, rows: list[list[float]],
                 held: list[list[float]]) -> None:
    """Training samples filled, held-out ones open, circles around those classified wrong; rows, held: in cm."""
    for c, name in enumerate(data.classes):
        for points, labels, filled in ((rows, split.labels, True), (held, split.held_labels, False)):
            px, py = zip(*[point for point, label in zip(points, labels, strict=True) if label == c], strict=True)
            axes.scatter(px, py, marker=MARKS[c], s=25 if filled else 55, facecolors=COLOURS[c] if filled else "none",
                         edgecolors="black" if filled else COLOURS[c], linewidths=0.6 if filled else 1.5,
                         label=f"{name}{'' if filled else ', held out'}")
    wrong = [point for point, row, label in zip(rows + held, split.rows + split.held_rows,
                                                split.labels + split.held_labels, strict=True)
             if (answer := forward(run.network, row))[label] != max(answer)]
    if wrong:
        axes.scatter(*zip(*wrong, strict=True), marker="o", s=150, facecolors="none", edgecolors="#c00000",
                     linewidths=1.5, label="classified wrong")


# ---- the command -----------------------------------------------------------------------------------

def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m cgrad",
        description="Train a small neural network on Fisher's irises, scalar by scalar, and measure what recording "
                    "costs beside plain floats.")
    parser.add_argument("--plot", metavar="FILE", help="save a picture of the loss and of the decision regions "
                                                       "(.png, .svg, .pdf; needs pycgrad[demo])")
    parser.add_argument("--epochs", metavar="N", type=whole(1), default=EPOCHS, help="steps of training (%(default)s)")
    parser.add_argument("--seed", metavar="N", type=whole(0), default=SEED,
                        help="for the split and the first weights (%(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the results")
    options = parser.parse_args(given)
    if options.plot is not None:
        refuse_plot(parser, options.plot)
    return options


def whole(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        try:
            n = int(text)
        except ValueError:
            n = least - 1
        if n < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} up")
        return n
    return number


def refuse_plot(parser: argparse.ArgumentParser, path: str) -> None:
    """End with an error if the picture could not be saved, before the training rather than after it."""
    try:
        canvas = importlib.import_module("matplotlib.backends.backend_agg").FigureCanvasAgg
    except ImportError:
        parser.error("argument --plot: matplotlib is not installed: pip install 'pycgrad[demo]'")
    folder, extension = os.path.dirname(path) or ".", os.path.splitext(path)[1][1:].lower()
    formats = sorted(canvas.get_supported_filetypes())
    if os.path.isdir(path):
        parser.error(f"argument --plot: {path!r} is a directory: give a file's name")
    if not os.path.isdir(folder):
        parser.error(f"argument --plot: there is no directory {folder!r}")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        parser.error(f"argument --plot: {path!r} cannot be written")
    if extension not in formats:
        parser.error(f"argument --plot: {path!r} has none of the endings {', '.join(formats)}")


def progress(epochs: int, quiet: bool) -> tuple[Iterable[int], Callable[[int, float], None]]:
    """The epochs to loop over, and a function to call after each: a progress bar, or a line now and then."""
    if quiet:
        return range(epochs), lambda epoch, loss: None
    try:
        bar: Any = importlib.import_module("tqdm").tqdm(range(epochs), desc="training", unit="epoch")
    except ImportError:
        every = max(1, epochs//10)

        def line(epoch: int, loss: float) -> None:
            if (epoch + 1) % every == 0 or epoch + 1 == epochs:
                print(f"epoch {epoch + 1}/{epochs}: loss {loss:.4f}", file=sys.stderr, flush=True)
        return range(epochs), line
    return bar, lambda epoch, loss: bar.set_postfix(loss=f"{loss:.4f}", refresh=False)


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    data = iris()
    split = divide(data, options.seed)
    epochs, report = progress(options.epochs, options.quiet)
    run = train(split, len(data.classes), epochs, options.seed, report)
    wrong = [len(labels) - round(accuracy(run.network, rows, labels)*len(labels))
             for rows, labels in ((split.rows, split.labels), (split.held_rows, split.held_labels))]
    names = " and ".join(data.features[f].removesuffix(" (cm)") for f in FEATURES)
    sizes = "-".join(str(n) for n in (len(FEATURES), *HIDDEN, len(data.classes)))
    print(f"irises      {len(split.labels)} to train on, {len(split.held_labels)} held out; {names}")
    print(f"network     {sizes}, tanh; {options.epochs} epoch{'s'[:options.epochs > 1]} in {run.seconds:.2f} s")
    print(f"loss        {run.losses[-1]:.4f} (held out {run.held_losses[-1]:.4f})")
    print(f"accuracy    {1 - wrong[0]/len(split.labels):.1%} (held out {1 - wrong[1]/len(split.held_labels):.1%}, "
          f"{wrong[1]} of {len(split.held_labels)} wrong)")
    print()
    print("ns an operation          operations   floats    cgrad    ratio")
    for loop, count, floats, values in measure(run, split):
        print(f"{loop:24} {count:10,d} {floats:8.1f} {values:8.1f} {values/floats:7.2f}x")
    print("floats: the loop over plain Python floats; cgrad: the same loop recorded, swept back and dropped")
    if options.plot is not None:
        try:
            save_picture(options.plot, data, split, run)
        except OSError as error:
            print(f"python -m cgrad: error: {options.plot!r} cannot be written: {error.strerror}", file=sys.stderr)
            return 1
        print(f"\npicture     {options.plot}")
    return 0


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of the output is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
