"""Compiled programs (cgrad.compile) against hand-written C, CasADi, heyoka, JAX and PyTorch.

Three groups: one point, batches, building. The workloads are those of programs_workloads.py; the sides are in
programs_ours.py and programs_peers.py.
"""

import os
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks import reference
from benchmarks.harness import FASTER, Crashed, Process, Row, Side, agree, missing, no_peer, peer, row, times
from benchmarks.memory import PROC
from benchmarks.programs_ours import CALLS
from benchmarks.programs_workloads import WORKLOADS, title

OURS, THEIRS = "programs_ours", "programs_peers"
BACKENDS = {"interpreter": "interpreter", "native": "native code"}
SAME = 1e-9  # the relative tolerance within which all sides agree
MIB = 2**20
Maker = Callable[[], Side]  # makes a side, or raises Absent


class Absent(Exception):
    """A side that cannot run here; the message is the row's note."""


class Sides(ExitStack):
    """The processes of one section: started when they are first needed, ended together."""

    def __init__(self) -> None:
        super().__init__()
        self.running: dict[str, Process] = {}

    def maker(self, group: str, factory: str, *args: object, side: str = "run") -> Maker:
        def make() -> Side:
            key = repr((group, factory, args))
            if key not in self.running:
                python = interpreter(group, factory, args)
                self.running[key] = self.enter_context(Process(group, factory, *args, python=python))
            return self.running[key].side(side)
        return make

    def ours(self, factory: str, *args: object, side: str = "run") -> Maker:
        return self.maker(OURS, factory, *args, side=side)

    def theirs(self, factory: str, *args: object, side: str = "run") -> Maker:
        return self.maker(THEIRS, factory, *args, side=side)


def interpreter(group: str, factory: str, args: tuple) -> str:
    """That which runs a side."""
    if group == OURS:
        if "native" in args and missing("llvmlite"):
            raise Absent(missing("llvmlite"))
        return sys.executable
    package, _, _ = factory.partition("_")
    if (package == "c" or "-O" in str(args)) and not reference.available():
        raise Absent("needs gcc")
    python = sys.executable if package == "c" else peer(package)[0]
    if not python:
        raise Absent(no_peer(package))
    return python


def fastest(*makers: Maker) -> Maker:
    """Of several forms of a peer that which is fastest in its third call."""

    def make() -> Side:
        sides = [m() for m in makers]
        return min(sides, key=lambda side: [side()[0] for _ in range(3)][-1])
    return make


def alike(what: str, got: list[float], expected: list[float], each: int | None) -> None:
    """Refuse results that differ: each number beside its own size, or in groups of so many (None: all as one)."""
    if each is None or len(got) != len(expected):
        agree(what, got, expected, SAME)
        return
    for i in range(0, len(got), each):
        agree(f"{what}, result {i}", got[i:i + each], expected[i:i + each], SAME)


def line(measure: str, bar: str, over: Maker, under: Maker, rounds: int, each: int | None = 1, work: float = 1.0,
         note: str = "", warm: int = 1, per: str = "an operation") -> Row:
    """The time of ``over`` by the time of ``under``; their results are compared first (each: see ``alike``; 0: not).

    work: how many of what ``per`` names they do, for the times in the note.
    """
    try:
        first, second = over(), under()
        if each != 0:
            alike(measure, first()[1], second()[1], each)
        found = times(measure, first, second, rounds, same=None, warm=warm)
    except Absent as absent:
        return Row(measure, bar, None, note=str(absent))
    except Crashed as error:
        if OURS in str(error):
            raise
        return Row(measure, bar, None, note=f"needs a peer that runs: {error}")
    ours, other = (statistics.median(seconds)/work for seconds in zip(*found, strict=True))
    said = f"{duration(ours)} by {duration(other)}{f' {per}' if work != 1.0 else ''}"
    return row(measure, bar, [a/b for a, b in found], note=f"{said}; {note}" if note else said)


def inverted(measure: str, bar: str, over: Maker, under: Maker, rounds: int, **options) -> Row:
    """The same for a bar of so many times faster: ``over`` is the other's."""
    result = line(measure, bar, over, under, rounds, **options)
    result.unit = FASTER
    return result


def duration(seconds: float) -> str:
    for unit, size in {"s": 1.0, "ms": 1e-3, "us": 1e-6}.items():
        if seconds >= size:
            return f"{seconds/size:.3g} {unit}"
    return f"{seconds*1e9:.3g} ns"


def absent() -> list[Row]:
    """What is said where this cgrad does not compile functions."""
    import cgrad

    return [] if hasattr(cgrad, "compile") else [Row("compiled programs", "", None, note="needs cgrad.compile")]


def size_of(name: str, quick: bool) -> int:
    return WORKLOADS[name].small if quick else WORKLOADS[name].size


# ---- one point ------------------------------------------------------------------------------------------

def points(quick: bool) -> list[Row]:
    rows = absent()
    if rows:
        return rows
    for name in "ABCD":
        rows += one_point(name, quick)
    return rows + small(quick)


def one_point(name: str, quick: bool) -> list[Row]:
    size, rounds = size_of(name, quick), 3 if quick else 15
    work, each = WORKLOADS[name].operations(size), 1 if name in "AB" else None
    level = "-O1" if name == "D" and not quick else "-O3"  # of D, gcc makes seven minutes at -O3, for a gain of 6%
    modes = [True, False] if name in "AB" or quick else [True]  # of heyoka: "compact" is what large functions need
    heading = f"{title(name, size)}, value and gradient"
    with Sides() as sides:
        def ours(backend: str, side: str = "run") -> Maker:
            return sides.ours("point", name, size, backend, side=side)

        def theirs(factory: str, *args: object, side: str = "run") -> Maker:
            return sides.theirs(factory, name, size, *args, side=side)

        def against(what: str, bar: str, backend: str, under: Maker, note: str = "", side: str = "run") -> Row:
            measure = f"{heading}, {BACKENDS[backend]}, by {what}"
            return line(measure, bar, ours(backend, side), under, rounds, each, work, note)

        rows = [
            against("CasADi's virtual machine", "<= 0.6", "interpreter", theirs("casadi_point")),
            against("heyoka", "<= 1.0", "native", fastest(*(theirs("heyoka_point", mode) for mode in modes)),
                    "both calls from Python taken off", "net"),
            against("heyoka called from Python", "", "native",
                    fastest(*(theirs("heyoka_point", mode, side="call") for mode in modes))),
            against("CasADi's jit", "<= 1.0", "native", theirs("casadi_point", level), f"gcc {level} -march=native"),
            against("C written by hand", "<= 1.5" if name in "AB" else "", "native", theirs("c_point"),
                    "our call from Python taken off, as C repeats inside C", "net"),
            against("C written by hand, we called from Python", "", "native", theirs("c_point")),
            against("C written by hand", "", "interpreter", theirs("c_point")),
        ]
        for backend, words in BACKENDS.items():
            rows.append(line(f"{heading}, {words}, by value", "<= 3", ours(backend), ours(backend, "value"), rounds,
                             each=0, work=work))
    return rows


def small(quick: bool) -> list[Row]:
    rounds = 3 if quick else 25
    rows = []
    with Sides() as sides:
        for backend, words in BACKENDS.items():
            measure = f"20 operations called from Python, value and gradient, {words}, by plain floats, value alone"
            floats = sides.ours("small", backend, side="floats")
            for what, bar, side in ("", "<= 2", "program"), (": gradient in one of its two arguments", "", "one slope"):
                rows.append(line(measure + what, bar, sides.ours("small", backend, side=side), floats, rounds, each=0,
                                 work=CALLS, per="a call"))
    return rows


# ---- batches --------------------------------------------------------------------------------------------

def batches(quick: bool) -> list[Row]:
    rows = absent()
    if rows:
        return rows
    count, rounds = (400, 3) if quick else (10_000, 9)
    for name in "AB":
        rows += vectors(name, count, quick, rounds)
    rows += paths("E", size_of("E", quick), count, rounds, "rare")
    rows += paths("E", 3 if quick else 12, count, rounds, "common")
    rows += paths("F", size_of("F", quick), count, rounds)
    rows += many_paths(quick)
    return [*rows, two_threads(quick), *constant_memory(quick)]


def vectors(name: str, count: int, quick: bool, rounds: int) -> list[Row]:
    """A and B: vectorised over points by all sides. Those which add up over points inside meet our sums."""
    size = size_of(name, quick)
    work = WORKLOADS[name].operations(size)*count
    heading = f"{title(name, size)}, {count:,} points, value and gradient"
    inside, each = ("sums", 1) if name == "B" else ("run", 4)
    rows = []
    with Sides() as sides:
        def theirs(factory: str, *args: object, side: str = "run") -> Maker:
            return sides.theirs(factory, name, size, count, *args, side=side)

        c, torch = theirs("c_batch"), theirs("torch_batch")
        heyoka = fastest(theirs("heyoka_batch", True), theirs("heyoka_batch", False))
        jax = fastest(theirs("jax_batch", side="forward"), theirs("jax_batch", side="reverse"))
        for backend, words in BACKENDS.items():
            for what, bar, side, under, group, note in (
                    ("C written by hand and vectorised", "<= 1.5", inside, c, each, ""),
                    *([("C written by hand and vectorised, our points first", "", "points first", c, 1, "")]
                      if name == "B" else []),
                    *([("C written by hand and vectorised, the pay-off by an `if`: two paths", "", "by if", c, 1, "")]
                      if name == "B" else []),
                    ("heyoka in batches", "<= 1.0", "run", heyoka, 4, ""),
                    ("JAX", "<= 1.0", inside, jax, each, "the faster of forward and reverse mode"),
                    ("PyTorch over vectors", "<= 1.0", inside, torch, each, "")):
                us = sides.ours("batch", name, size, count, backend, side=side)
                rows.append(line(f"{heading}, {words}, by {what}", bar, us, under, rounds, group, work, note, warm=2))
            us, value = (sides.ours("batch", name, size, count, backend, side=side) for side in ("run", "value"))
            rows.append(line(f"{heading}, {words}, by value", "", us, value, rounds, 0, work))
    return rows


def paths(name: str, size: int, count: int, rounds: int, regime: str = "") -> list[Row]:
    """E and F: programs with branches, in batches against one-by-one replay (in a Python loop)."""
    heading = f"{title(name, size)}, {count:,} points"
    bar = ">= 5"
    if regime:
        heading += f", truncation {regime}"
        bar = bar if regime == "rare" else ""
    args = (name, size, count)
    with Sides() as sides:
        def ours(side: str) -> Maker:
            return sides.ours("batch", *args, "auto", *filter(None, [regime]), side=side)

        c = sides.theirs("c_batch", *args, *filter(None, [regime]))
        return [
            inverted(f"{heading}, value and gradient in a batch, by one-by-one replay", bar, ours("one by one"),
                     ours("run"), rounds, each=4, work=count, per="a point"),
            line(f"{heading}, value and gradient in a batch, by C written by hand, one by one",
                 "<= 2" if regime == "common" else "", ours("run"), c,
                 rounds, each=4, work=count, per="a point"),
            line(f"{heading}, the first batch, which records its paths, by a later one", "", ours("first"), ours("run"),
                 min(rounds, 3), each=4, work=count, per="a point"),
        ]


def many_paths(quick: bool) -> list[Row]:
    """Hundreds of paths in a batch, points beyond max_paths, and calls that take turns between two paths."""
    size, count, rounds = (3, 400, 3) if quick else (12, 10_000, 9)
    points = 300 if quick else 3_000
    with Sides() as sides:
        args = ("E", size, count)
        rows = [line(f"{title('E', size)}, {count:,} points, truncation common, all paths kept (777 in 12 steps), "
                     "value and gradient in a batch, by C written by hand, one by one", "<= 25",
                     sides.ours("batch", *args, "auto", "common", side="all paths"),
                     sides.theirs("c_batch", *args, "common"), rounds, each=4, work=count, per="a point")]
    for most in (64, 1):
        with Sides() as sides:
            for side, what in (("batch", "a batch"), ("calls", "calls")):
                rows.append(line(f"12 ifs in a row, {points:,} points, max_paths={most}: value and gradient in {what}, "
                                 "by an eager loop", "<= 1.5", sides.ours("crowded", points, most, "auto", side=side),
                                 sides.ours("crowded", points, most, "auto", side="eager"), rounds, each=2,
                                 work=points, per="a point"))
    with Sides() as sides:
        turns, same = (sides.ours("alternating", "auto", side=side) for side in ("turns", "same"))
        rows.append(line("calls that take turns between two paths, by calls of one path", "<= 2", turns, same, rounds,
                         each=0, per="a call"))
    return rows


def two_threads(quick: bool) -> Row:
    size, count = size_of("B", quick), 400 if quick else 40_000
    measure = f"{title('B', size)}, {count:,} points, sums of value and gradient, two threads against one"
    if (os.cpu_count() or 1) < 2:
        return Row(measure, ">= 1.8", None, note="needs two CPUs")
    busy = f"; load average {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    with Sides() as sides:
        return inverted(measure, ">= 1.8", sides.ours("threads", size, count, "auto", side="one"),
                        sides.ours("threads", size, count, "auto", side="two"), 3 if quick else 15,
                        note=f"elapsed time{busy}")


def constant_memory(quick: bool) -> list[Row]:
    """What a batch of sums adds to resident memory; each length in a process of its own."""
    size, counts = size_of("B", quick), (2_000, 20_000) if quick else (100_000, 1_000_000)
    measure = f"{title('B', size)}, reduce='sum': memory of {counts[1]:,} points less that of {counts[0]:,}"
    if not PROC.exists():
        return [Row(measure, "<= 1", None, note="needs /proc")]
    grown, means = [], []
    for count in counts:
        with Process(OURS, "memory", size, count, "auto") as process:
            growth, *mean = process("growth")[1]
        grown.append(growth/MIB)
        means.append(mean)
    alike(measure, *means, 1)
    return [Row(measure, "<= 1", max(0.0, grown[1] - grown[0]), unit="MiB",
                note=f"{grown[1]:.2f} by {grown[0]:.2f} MiB at the highest, after a batch of 2,000 points")]


# ---- building -------------------------------------------------------------------------------------------

def building(quick: bool) -> list[Row]:
    return absent() or recorded(quick) + compiled(quick)


def recorded(quick: bool) -> list[Row]:
    """Recording and optimising: the first call of a new compiled function, its one evaluation included."""
    rows, costs = [], {}
    lengths = (10_000, 20_000) if quick else (10_000, 100_000, 1_000_000, 10_000_000)
    for length in lengths:
        size = length//4
        rounds = 3 if quick else {10_000: 25, 100_000: 15, 1_000_000: 7}.get(length, 3)
        heading = title("A", size)
        with Sides() as sides:
            def ours(side: str, sides: Sides = sides, size: int = size) -> Maker:
                return sides.ours("recording", size, "interpreter", side=side)

            rows.append(line(f"{heading}: recording, optimising and the first value, by eager recording", "<= 8",
                             ours("record"), ours("eager"), rounds, each=1, work=length))
            rows.append(line(f"{heading}: the same with the gradient, by eager recording", "",
                             ours("gradient"), ours("eager"), rounds, each=0, work=length))
            record = ours("record")()
            costs[length] = statistics.median(record()[0] for _ in range(3))/length
            if length == lengths[1]:
                rows.append(inverted(f"{heading}: value, gradient and program, against CasADi's build of the same",
                                     ">= 50", sides.theirs("casadi_build", "A", size, side="build"), ours("gradient"),
                                     min(rounds, 5), work=length))
    least, most = lengths[0], lengths[-1]
    rows.append(Row(f"recording and optimising: an operation of {most:,} by one of {least:,}", "",
                    costs[most]/costs[least], note=", ".join(f"{duration(c)} at {n:,}" for n, c in costs.items())))
    return rows


def compiled(quick: bool) -> list[Row]:
    """Native code of 10^5 operations: recording, gradient, machine code and one evaluation."""
    rows, costs = [], {}
    # of A fewer: heyoka overflows the stack in a chain of 25,000 steps
    sizes = {"A": 25, "C": 13, "D": 1} if quick else {"A": 5_000, "C": 12_501, "D": 100}
    for name, size in sizes.items():
        work = WORKLOADS[name].operations(size)
        heading = f"{title(name, size)}, {work:,.0f} operations"
        with Sides() as sides:
            rows.append(line(f"{heading}: value, gradient and native code, by heyoka's build of the same", "<= 0.5",
                             sides.ours("build", name, size, "native", side="build"),
                             sides.theirs("heyoka_build", name, size, True, side="build"), 2, each=None,
                             work=work, warm=0))
    for size in (25, 50) if quick else (2_500, 25_000, 250_000):
        with Sides() as sides:
            try:
                build = sides.ours("build", "A", size, "native", side="build")()
            except Absent as error:
                return [*rows, Row("native code: an operation of a large program by one of a small", "", None,
                                   note=str(error))]
            costs[4*size] = statistics.median(build()[0] for _ in range(3))/(4*size)
    least, *_, most = costs
    return [*rows, Row(f"native code: an operation of {most:,} by one of {least:,}", "", costs[most]/costs[least],
                       note=", ".join(f"{duration(c)} at {n:,}" for n, c in costs.items()))]
