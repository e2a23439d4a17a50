"""The expression of micrograd's README, built, swept and dropped again and again."""

from benchmarks.harness import FASTER, Process, Row, Side, missing, ratios, row, timed


def readme(value) -> list[float]:
    a = value(-4.0)
    b = value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return [g.data, a.grad, b.grad]


def sides(engine: str, times: int) -> dict[str, Side]:
    if engine == "cgrad":
        from cgrad import Value
    else:
        from micrograd.engine import Value

    def loop() -> list[float]:
        for _ in range(times):
            results = readme(Value)
        return results

    return {"loop": timed(loop)}


def run(quick: bool) -> list[Row]:
    times, rounds = (200, 3) if quick else (10_000, 11)
    name = f"micrograd's README expression, {times:,} times, against micrograd"
    if missing("micrograd"):
        return [Row(name, ">= 40", None, note=missing("micrograd"))]
    with Process("expression", "sides", "cgrad", times) as ours, \
            Process("expression", "sides", "micrograd", times) as theirs:
        return [row(name, ">= 40", ratios("expression", theirs.side("loop"), ours.side("loop"), rounds, same=1e-14),
                    FASTER)]
