"""The committed figures: ``benchmarks/results.json``, and the pages that show them.

``python benchmarks/figures.py`` renders ``docs/figures.md`` and the README's table from it; ``run.py --write`` puts new
figures into it first.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if not __package__:  # run as a script: this folder's names must not hide other modules
    sys.path[0] = str(ROOT)

from benchmarks.harness import Row  # noqa: E402

RESULTS, PAGE, README = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "figures.md", ROOT / "README.md"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
SIGNS = {"<=": "at most", ">=": "at least", "": ""}
VERDICT = {True: "met", False: "missed", None: ""}
Run = dict  # date, machine: {part: version}, figures: {group: [a Row's fields]}

INTRODUCTION = """\
<!-- Generated from benchmarks/results.json; to regenerate it: python benchmarks/figures.py -->
# Figures

How each figure is taken, and what to know when reading it, is in [performance.md](performance.md). A figure such as
1.60x is our time over the time of what comes after "by"; "faster" is the other way round, the time of what comes after
"against" over ours. Figures are medians, with the quartiles in brackets. A bar is the figure that was aimed at:
{met} of {bars} are met."""
TITLES = {
    "chain": "A loop over scalars, against plain floats", "moons": "micrograd's demo",
    "peers": "Other engines for scalars, compiled", "expression": "The expression of micrograd's README",
    "sweep": "Reverse sweeps", "memory": "Memory", "hessian": "Hessians",
    "arrays": "Arrays, against PyTorch and HIPS autograd", "digits": "A network on the digits, against PyTorch",
    "array memory": "Memory of arrays", "programs": "Compiled functions at one point",
    "program batches": "Compiled functions over batches", "program building": "Recording and compiling",
    "branches": "Compiled functions with branches",
}

# The README's rows: group, measure, and how a visitor is told what it is and what it is relative to.
BY_HAND = "by C written by hand"
DEMO = "micrograd's demo step (100 moons points, MLP(2, [16, 16, 1]))"
BROWNIAN = "(B) geometric Brownian motion, 252 steps"
HIGHLIGHTS = (
    ("chain", "x = x*a + b, 1,000,000 steps: record + backward + drop, by plain floats, warm",
     "`x = x*a + b`, a million steps: recorded, swept and freed", "the loop alone, on plain floats"),
    ("moons", f"{DEMO}, imports replaced, against micrograd",
     "micrograd's demo, a training step, imports replaced", "micrograd (mostly Python's cycle collector)"),
    ("moons", f"{DEMO}, the user's own Neuron: whole step by plain floats, forward only",
     "the same with a neuron written in Python: forward, backward, update", "its forward pass alone, on plain floats"),
    ("memory", "peak memory an operation, 10,000,000 nodes, backward and a collection included",
     "peak memory of a recorded operation, backward included", ""),
    ("arrays", "10 elementwise operations on 10 numbers, forward and backward, against PyTorch on one thread",
     "ten operations on arrays of 10 numbers, forward and backward", "PyTorch, one thread"),
    ("digits", "digits, a network of 64-32-10, float32: an epoch at batch 32, by PyTorch on one thread",
     "an epoch of a network of 64-32-10 on 8x8 digits, batches of 32", "PyTorch, one thread"),
    ("programs", f"{BROWNIAN}, value and gradient, native code, {BY_HAND}, we called from Python",
     "compiled: an option's pay-off along a path of 252 steps, and its gradient", "C written by hand"),
    ("program batches", f"{BROWNIAN}, 10,000 points, value and gradient, interpreter, {BY_HAND} and vectorised",
     "the same in a batch of 10,000 paths", "C written by hand, vectorised"),
)


def load() -> list[Run]:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def save(runs: list[Run]) -> None:
    RESULTS.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


def merged(runs: list[Run], new: Run) -> list[Run]:
    """The runs with the groups of a new one in place of older figures of the same groups."""
    kept = [{**run, "figures": {name: rows for name, rows in run["figures"].items() if name not in new["figures"]}}
            for run in runs]
    return [*(run for run in kept if run["figures"]), new]


def groups(runs: list[Run]) -> Iterator[tuple[str, Run, list[Row]]]:
    """Each group with the run that it is from, in the order of the titles."""
    found = {name: (run, [Row(**fields) for fields in rows]) for run in runs for name, rows in run["figures"].items()}
    for name in TITLES:
        if name in found:
            yield name, *found[name]


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"]*len(head), *rows])


def detailed(rows: list[Row]) -> str:
    """A group's table; asterisks would become emphasis."""
    lines = []
    for row in rows:
        sign, _, number = row.bar.partition(" ")
        bar = f"{SIGNS[sign]} {number}".strip()
        lines.append([text.replace("*", "\\*") for text in (row.measure, row.figure, bar, VERDICT[row.met], row.note)])
    return table(["measure", "figure (quartiles)", "bar", "", "details"], lines)


def page(runs: list[Run]) -> str:
    """The text of docs/figures.md."""
    found = list(groups(runs))
    verdicts = [row.met for _, _, rows in found for row in rows if row.met is not None]
    parts = [INTRODUCTION.format(met=sum(verdicts), bars=len(verdicts))]
    for run in runs:
        names = ", ".join(f"`{name}`" for name, source, _ in found if source is run)
        machine = "; ".join(f"{part} {version}" for part, version in run["machine"].items())
        parts.append(f"Taken on {run['date']}, groups {names}: {machine}.")
    for name, _, rows in found:
        parts += [f"## {TITLES[name]}", f"Group `{name}`.", detailed(rows)]
    return "\n\n".join(parts) + "\n"


def highlights(runs: list[Run]) -> str:
    """The README's table, and where its figures were taken."""
    rows = {(name, row.measure): (run, row) for name, run, found in groups(runs) for row in found}
    lines, machines = [], []
    for group, measure, what, against in HIGHLIGHTS:
        run, row = rows[group, measure]
        said = f"{row.amount} the time" if row.unit == "x" else row.amount
        lines.append([what, against, said])
        machines.append(", ".join(run["machine"][part] for part in ("processor", "system", "Python")))
    return f"{table(['measure', 'compared with', 'figure'], lines)}\n\nMedians; {'; '.join(dict.fromkeys(machines))}."


def rewritten(text: str, figures: str) -> str:
    """A text with what is between the two marks replaced."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md: no place for the figures: it needs the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{figures}\n{END}{tail}"


def render(runs: list[Run]) -> None:
    PAGE.write_text(page(runs), encoding="utf-8")
    README.write_text(rewritten(README.read_text(encoding="utf-8"), highlights(runs)), encoding="utf-8")


if __name__ == "__main__":
    render(load())
