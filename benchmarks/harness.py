"""Ratios taken in one run: sides in processes of their own, called in turn, median of the ratios.

A *group* (chain.py, moons.py, ...) has a function ``run(quick)`` that gives rows, and factories that
processes call: ``factory(*args) -> {side: function}``, each function giving (seconds, results). The
results of the sides that are compared must agree; where they do not, there is no figure.
"""

import functools
import gc
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
Outcome = tuple[float, list[float]]
Side = Callable[[], Outcome]
PEERS = "micrograd", "minigrad", "xad", "torch", "autograd", "casadi", "heyoka", "llvmlite", "jax"
PEER_PYTHON = "CGRAD_PEER_PYTHON"  # an interpreter for the peers that this one lacks (run.py --peer-python)
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}  # of matrix products
FASTER = "x faster"  # the unit of ratios that are the other's time over ours
clock = time.process_time  # CPU time, the system's part included: other processes do not count


class Disagreement(AssertionError):
    """Two computations that should give the same numbers do not: their times mean nothing."""


class Crashed(RuntimeError):
    """A side's process died (some of the peers do)."""


@dataclass
class Row:
    """One line of the table."""

    measure: str
    bar: str  # "<= 2.0", ">= 200"; "" where the figure is only reported
    value: float | None
    low: float | None = None  # quartiles
    high: float | None = None
    unit: str = "x"
    note: str = ""

    @property
    def met(self) -> bool | None:
        if not self.bar or self.value is None:
            return None
        sign, number = self.bar.split()
        return self.value <= float(number) if sign == "<=" else self.value >= float(number)

    @property
    def amount(self) -> str:
        """The value with its unit."""
        if self.value is None:
            return "not measured"
        return f"{show(self.value)}{'' if self.unit.startswith('x') else ' '}{self.unit}"

    @property
    def figure(self) -> str:
        """The amount, and the quartiles where there are any."""
        if self.low is None or self.high is None:
            return self.amount
        return f"{self.amount} ({show(self.low)} to {show(self.high)})"


def show(x: float) -> str:
    return f"{x:.0f}" if abs(x) >= 100 else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


def timed(work: Callable[[], list[float]]) -> Side:
    """A side from a function: all of it is timed."""

    def side() -> Outcome:
        start = clock()
        results = work()
        return clock() - start, results

    return side


def calibrated(repeat: Callable[[int], list[float]], budget: float) -> Side:
    """A side of something short: ``repeat(many)`` does it that often, in about ``budget`` seconds; the time of one."""
    many = 0

    def run() -> Outcome:
        start = clock()
        results = repeat(many)
        return clock() - start, results

    def side() -> Outcome:
        nonlocal many
        if not many:
            many = 1
            run()  # what is made by the first call, such as code, does not count
            while (seconds := run()[0]) < budget/2:
                many = max(2*many, int(min(10*many, many*budget/max(seconds, 1e-9))))
        seconds, results = run()
        return seconds/many, results

    return side


class Process:
    """A fresh interpreter that holds the sides of one factory; python: another one than this."""

    def __init__(self, group: str, factory: str, *args: object, python: str = sys.executable) -> None:
        environment = {**os.environ, **ONE_THREAD}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
        self.what = f"{group}.{factory}"
        self.child = subprocess.Popen(
            [python, "-m", "benchmarks.worker", f"benchmarks.{group}", factory, json.dumps(args)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.child.stdin is not None and self.child.stdout is not None
        try:
            self.child.stdin.close()
        except BrokenPipeError:  # it crashed with a call still unsent
            pass
        self.child.stdout.close()
        self.child.wait()

    def __call__(self, side: str) -> Outcome:
        """Run a side once: its seconds and results."""
        assert self.child.stdin is not None and self.child.stdout is not None
        try:
            self.child.stdin.write(side + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Crashed(f"{self.what}: the process of {side!r} ended with status {self.child.wait()}")
        seconds, results = json.loads(line)
        return seconds, results

    def side(self, name: str) -> Side:
        return lambda: self(name)


def serve(factory: Callable[..., dict[str, Side]], args: list[object]) -> None:
    """The child's part: run the sides that are asked for, with Python's collector on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    sides = factory(*args)
    assert gc.isenabled()
    for line in sys.stdin:
        seconds, results = sides[line.strip()]()
        print(json.dumps([seconds, results]), file=answers, flush=True)


def agree(what: str, got: list[float], expected: list[float], tolerance: float) -> None:
    """Refuse results that differ by more than ``tolerance``, relative to the largest of them."""
    scale = max((abs(x) for x in expected), default=0.0)
    if len(got) != len(expected) or not all(
            math.isfinite(x) and abs(x - y) <= tolerance*scale for x, y in zip(got, expected, strict=True)):
        raise Disagreement(f"{what}: {got[:4]} and {expected[:4]} do not agree within {tolerance:g}")


def ratios(what: str, over: Side, under: Side, rounds: int, same: float | None = 1e-9, warm: int = 1) -> list[float]:
    """Times of ``over`` by times of ``under``, called in turn after ``warm`` calls of each.

    same: the relative tolerance within which both give the same results; None: not compared.
    """
    return [seconds/others for seconds, others in times(what, over, under, rounds, same, warm)]


def times(what: str, over: Side, under: Side, rounds: int, same: float | None = 1e-9,
          warm: int = 1) -> list[tuple[float, float]]:
    """The times themselves, of both in each round."""
    for _ in range(warm):
        over()
        under()
    result = []
    for _ in range(rounds):
        seconds, results = over()
        others, expected = under()
        if same is not None:
            agree(what, results, expected, same)
        result.append((seconds, others))
    return result


def row(measure: str, bar: str, values: list[float], unit: str = "x", note: str = "") -> Row:
    """The median of some figures, with their quartiles."""
    low, high = values[0], values[0]
    if len(values) > 1:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Row(measure, bar, statistics.median(values), low, high, unit, note)


@contextmanager
def pinned(on: bool = True):
    """One CPU for this process and its children, where the system can do that."""
    if not on or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


@functools.cache
def peer(package: str) -> tuple[str, str]:
    """An interpreter that has the package, and the package's version; ("", "") where there is none.

    This interpreter, or that which the environment variable CGRAD_PEER_PYTHON names.
    """
    if found := version(package):
        return sys.executable, found
    other = os.environ.get(PEER_PYTHON, "")
    if not other:
        return "", ""
    ask = f"from importlib import metadata; print(metadata.version({package!r}))"
    try:
        asked = subprocess.run([other, "-c", ask], capture_output=True, text=True, check=False)
    except OSError:
        return "", ""
    return (other, asked.stdout.strip()) if asked.returncode == 0 else ("", "")


def no_peer(package: str) -> str:
    """A note where neither interpreter has the package."""
    return f"needs {package}: install it, or name an interpreter that has it with --peer-python"


def missing(*packages: str) -> str:
    """A note that names what is not installed; "" where all are there."""
    absent = [name for name in packages if not version(name)]
    return f"needs {', '.join(absent)}" if absent else ""


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def machine() -> dict[str, str]:
    """What the figures were taken with."""
    import cgrad

    try:
        gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        gcc = "none"
    return {"processor": f"{processor()}, {os.cpu_count()} CPUs", "system": f"{platform.system()} {platform.machine()}",
            "Python": f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})",
            "gcc": gcc, "NumPy": version("numpy"), "cgrad": cgrad.__version__,
            **{name: peer(name)[1] or "none" for name in PEERS}}
