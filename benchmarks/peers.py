"""The compiled peers on the package index: minigrad (C API) and XAD (C++ with Python bindings)."""

from benchmarks.harness import FASTER, Crashed, Process, Row, missing, ratios, row

UNSAFE = "its largest power of ten: minigrad sweeps and frees by recursion, 10^6 steps overflow the stack"


def against(package: str, n: int, points: int, rounds: int) -> list[Row]:
    chain, moons, factory = ("5", "3", "minigrad") if package == "minigrad" else ("12", "12", "xad")
    names = [f"x = x*a + b, {n:,} steps, against {package}",
             f"the demo's step ({points} points), the same pure-Python Neuron over both, against {package}"]
    bars = [f">= {chain}", f">= {moons}"]
    if missing(package):
        return [Row(name, bar, None, note=missing(package)) for name, bar in zip(names, bars, strict=True)]
    note = UNSAFE if package == "minigrad" else ""
    rows = []
    side = "leaf gradient" if package == "minigrad" else "gradient"
    try:
        with Process("chain", "sides", n) as ours, Process("chain", factory, n) as theirs:
            rows.append(row(names[0], bars[0], unit=FASTER, note=note, values=ratios(
                package, theirs.side(side), ours.side(side), 2*rounds, same=1e-9)))
    except Crashed as error:
        rows.append(Row(names[0], bars[0], None, note=str(error)))
    if missing("scikit-learn"):
        return [*rows, Row(names[1], bars[1], None, note=missing("scikit-learn"))]
    steps = 1 if points < 100 else 3
    try:
        with Process("moons", "sides", "cgrad", points, steps) as ours, \
                Process("moons", "sides", package, points, steps) as theirs:
            if package == "minigrad":
                rows.append(row(names[1], bars[1], unit=FASTER,
                                values=ratios(package, theirs.side("own careful"), ours.side("own careful"), rounds)))
                rows.append(row(f"the demo's step ({points} points), imports replaced, against minigrad", "",
                                unit=FASTER,
                                values=ratios(package, theirs.side("careful"), ours.side("careful"), rounds)))
            else:  # plain floats as coordinates: XAD takes them beside its own numbers
                rows.append(row(names[1], bars[1], unit=FASTER,
                                values=ratios(package, theirs.side("own"), ours.side("own floats"), rounds)))
                rows.append(row(f"the demo's step ({points} points), cgrad.nn against the same Neuron over xad", "",
                                unit=FASTER, values=ratios(package, theirs.side("own"), ours.side("demo"), rounds)))
    except Crashed as error:
        rows.append(Row(names[1], bars[1], None, note=str(error)))
    return rows


def run(quick: bool) -> list[Row]:
    points, rounds = (10, 3) if quick else (100, 15)
    rows = against("minigrad", 1_000 if quick else 100_000, points, rounds)
    if not quick and not missing("minigrad"):  # where its graph fits the processor's caches
        name = "x = x*a + b, 1,000 steps, against minigrad"
        try:
            with Process("chain", "sides", 1_000) as ours, Process("chain", "minigrad", 1_000) as theirs:
                rows.append(row(name, "", unit=FASTER, values=ratios(
                    "minigrad", theirs.side("leaf gradient"), ours.side("leaf gradient"), 100)))
        except Crashed as error:
            rows.append(Row(name, "", None, note=str(error)))
    return rows + against("xad", 1_000 if quick else 1_000_000, points, rounds)
