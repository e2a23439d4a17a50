"""One workload in a loop, for a profiler: ``perf record -e cpu-clock python benchmarks/profile.py chain --seconds 10``.

With callgrind: ``valgrind --tool=callgrind python benchmarks/profile.py readme --times 100``.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

if not __package__:  # this folder's names must not hide other modules
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import arrays, arrays_digits, chain, expression, hessian, moons, sweep
from benchmarks.harness import Side


def workloads() -> dict[str, tuple[Callable[[], dict[str, Side]], str]]:
    """name -> (factory of sides, the side)."""
    return {
        "chain": (lambda: chain.sides(1_000_000), "values"),
        "leaves": (lambda: chain.sides(1_000_000), "leaves"),
        "float64": (lambda: chain.sides(1_000_000), "float64"),
        "floats": (lambda: chain.sides(1_000_000), "plain"),
        "readme": (lambda: expression.sides("cgrad", 1_000), "loop"),
        "moons": (lambda: moons.sides("cgrad", 100, 1), "demo"),
        "own": (lambda: moons.sides("cgrad", 100, 1), "own"),
        "sweep": (lambda: sweep.graph(1_000_000, 5_000), "again"),
        "five": (lambda: sweep.small(10_000_000, 10_000), "full"),
        "hessian": (lambda: hessian.sides(100), "hessian"),
        "arrays10": (lambda: arrays.ours("mixed", 10, 1_000), "run"),
        "arrays1000": (lambda: arrays.ours("mixed", 1_000, 300), "run"),
        "arraysmillion": (lambda: arrays.ours("mixed", 1_000_000, 1), "run"),
        "elements": (lambda: arrays.elements("cgrad", 1_000, 20), "gradient"),
        "digits": (lambda: arrays_digits.ours("float32"), "epoch"),
    }


def main() -> None:
    known = workloads()
    parser = argparse.ArgumentParser(description="Run one workload over and over.")
    parser.add_argument("workload", choices=known)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long (default 5)")
    parser.add_argument("--times", type=int, help="how often, instead")
    options = parser.parse_args()
    factory, name = known[options.workload]
    side: Side = factory()[name]
    done, spent, start = 0, 0.0, time.monotonic()
    while done < options.times if options.times else time.monotonic() - start < options.seconds:
        spent += side()[0]
        done += 1
    print(f"{options.workload}: {done} runs, {spent/done*1e3:.3f} ms each")


if __name__ == "__main__":
    main()
