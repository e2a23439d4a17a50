"""Run the benchmarks: ``python benchmarks/run.py [--quick] [--only NAME] [--json FILE] [--write-readme]``.

``--peer-python FILE`` names an interpreter with the peers that are not installed beside cgrad, such as PyTorch.
"""

import argparse
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if not __package__:  # run as a script: this folder's names must not hide other modules
    sys.path[0] = str(ROOT)

from benchmarks import (  # noqa: E402
    arrays,
    arrays_digits,
    arrays_memory,
    chain,
    expression,
    harness,
    hessian,
    memory,
    moons,
    peers,
    programs,
    sweep,
)

GROUPS = {"chain": chain.run, "moons": moons.run, "peers": peers.run, "expression": expression.run,
          "sweep": sweep.run, "memory": memory.run, "hessian": hessian.run, "arrays": arrays.run,
          "digits": arrays_digits.run, "array memory": arrays_memory.run, "programs": programs.points,
          "program batches": programs.batches, "program building": programs.building}
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
VERDICT = {True: "met", False: "missed", None: ""}


def take(names: list[str], quick: bool, pin: bool = True, show=None) -> dict[str, list[harness.Row]]:
    """The rows of some groups, by group."""
    result = {}
    with harness.pinned(pin):
        for name in names:
            result[name] = GROUPS[name](quick)
            if show:
                for row in result[name]:
                    show(row)
    return result


def line(row: harness.Row) -> str:
    bar = f" [{row.bar}: {VERDICT[row.met] or 'open'}]" if row.bar else ""
    return f"{row.measure}: {row.figure}{bar}{f'  ({row.note})' if row.note else ''}"


def table(rows: list[harness.Row], machine: dict[str, str]) -> str:
    """The README's table."""
    signs = {"<=": "at most", ">=": "at least", "": ""}
    lines = ["| measure | bar | figure (quartiles) | |", "| --- | --- | --- | --- |"]
    for row in rows:
        sign, _, number = row.bar.partition(" ")
        measure = f"{row.measure} ({row.note})" if row.note and row.note != "faster" else row.measure
        figure = row.figure + (" faster" if row.note.startswith("faster") and row.value is not None else "")
        lines.append(f"| {measure} | {f'{signs[sign]} {number}'.strip()} | {figure} | {VERDICT[row.met]} |")
    lines += ["", "Taken with " + "; ".join(f"{name} {what}" for name, what in machine.items()) + "."]
    return "\n".join(lines)


def rewritten(text: str, figures: str) -> str:
    """A text with what stands between the two marks replaced."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md: no place for the figures: it needs the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{figures}\n{END}{tail}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure what cgrad must reach. Nothing here fails for being slow.")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, its figures mean little")
    parser.add_argument("--only", choices=GROUPS, metavar="NAME", help=f"one group: {', '.join(GROUPS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--peer-python", metavar="FILE",
                        help="an interpreter that has the peers which this one lacks (PyTorch is heavy)")
    parser.add_argument("--write-readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args(arguments)
    if options.write_readme and (options.quick or options.only):
        parser.error("--write-readme takes a full run: drop --quick and --only")
    if options.peer_python:
        os.environ[harness.PEER_PYTHON] = options.peer_python
    readme = ROOT / "README.md"
    if options.write_readme:
        try:
            rewritten(readme.read_text(encoding="utf-8"), "")
        except ValueError as error:
            parser.error(str(error))
    groups = take([options.only] if options.only else list(GROUPS), options.quick,
                  show=lambda row: print(line(row), flush=True))
    rows = [row for rows in groups.values() for row in rows]
    machine = harness.machine()
    if options.json:
        options.json.write_text(json.dumps({
            "quick": options.quick, "machine": machine,
            "figures": {name: [row.as_dict() for row in rows] for name, rows in groups.items()}}, indent=1) + "\n")
    if options.write_readme:
        text = readme.read_text(encoding="utf-8")
        readme.write_text(rewritten(text, table(rows, machine)), encoding="utf-8")


if __name__ == "__main__":
    main()
