"""Run the benchmarks: ``python benchmarks/run.py [--quick] [--only NAME] [--json FILE] [--write]``.

``--peer-python FILE`` names an interpreter with the peers that are not installed beside cgrad, such as PyTorch.
"""

import argparse
import datetime
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if not __package__:  # run as a script: this folder's names must not hide other modules
    sys.path[0] = str(ROOT)

from benchmarks import (  # noqa: E402
    arrays,
    arrays_digits,
    arrays_memory,
    branches,
    chain,
    expression,
    figures,
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
          "program batches": programs.batches, "program building": programs.building, "branches": branches.run}


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
    bar = f" [{row.bar}: {figures.VERDICT[row.met] or 'open'}]" if row.bar else ""
    return f"{row.measure}: {row.figure}{bar}{f'  ({row.note})' if row.note else ''}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure what cgrad must reach. Nothing here fails for being slow.")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, its figures mean little")
    parser.add_argument("--only", choices=GROUPS, metavar="NAME", help=f"one group: {', '.join(GROUPS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--peer-python", metavar="FILE",
                        help="an interpreter that has the peers which this one lacks (PyTorch is heavy)")
    parser.add_argument("--write", action="store_true",
                        help="put the figures into benchmarks/results.json, docs/figures.md and README.md")
    options = parser.parse_args(arguments)
    if options.write and options.quick:
        parser.error("--write takes a full run: drop --quick")
    if options.peer_python:
        os.environ[harness.PEER_PYTHON] = options.peer_python
    groups = take([options.only] if options.only else list(GROUPS), options.quick,
                  show=lambda row: print(line(row), flush=True))
    taken = {"date": datetime.date.today().isoformat(), "quick": options.quick, "machine": harness.machine(),
             "figures": {name: [asdict(row) for row in rows] for name, rows in groups.items()}}
    if options.json:
        options.json.write_text(json.dumps(taken, indent=1) + "\n", encoding="utf-8")
    if options.write:
        runs = figures.merged(figures.load(), taken)
        figures.save(runs)
        figures.render(runs)


if __name__ == "__main__":
    main()
