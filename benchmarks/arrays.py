"""Elementwise chains on arrays, and loops over an array's elements: against PyTorch (one thread) and HIPS autograd."""

import statistics

from benchmarks.harness import FASTER, Crashed, Outcome, Process, Row, Side, clock, no_peer, peer, ratios, row, times

STEPS = 10


# ---- the same text for all engines; xp has tanh, sin, exp and sqrt -------------------------------------

def mixed(xp, x, y):
    """Ten operations, five of them plain arithmetic."""
    a = x*y
    b = xp.tanh(a + x)
    c = xp.exp(b)  # of a number between -1 and 1
    d = c - xp.sin(a)
    e = xp.sqrt(d**2 + 1.0)
    return e/c


def arithmetic(xp, x, y):
    """Ten operations, all of them plain arithmetic."""
    a = x*y
    b = a + x
    c = b*a
    d = c - y
    e = d*0.5
    f = e + b
    g = f*f
    h = g + 2.0
    k = e/h
    return k - x


CHAINS = {"mixed": mixed, "arithmetic": arithmetic}


def squares(x, n):
    """The sum of squares, element by element."""
    total = 0.0
    for i in range(n):
        v = x[i]
        total = total + v*v
    return total


def summed(xp, array, x, n: int):
    """The sum of n numbers computed from x, written into an array or appended to a list."""
    v = x
    if array:
        y = xp.zeros(n)
        for i in range(n):
            y[i] = v = v*0.999
        return y.sum()
    numbers = []
    for _ in range(n):
        v = v*0.999
        numbers.append(v)
    return xp.stack(numbers).sum()


# ---- the sides ------------------------------------------------------------------------------------------

def start(n: int):
    import numpy as np

    rng = np.random.default_rng(n)
    return rng.uniform(-1.5, 1.5, n), rng.uniform(-1.5, 1.5, n)


def digest(out, *gradients) -> list[float]:
    """Of arrays: the ends of each and its mean size."""
    import numpy as np

    return [float(x) for a in (out, *gradients) for x in (a[0], a[-1], np.abs(a).mean())]


def repeated(once, many: int) -> Side:
    """once() gives arrays; the last ones are looked at, outside the time."""

    def side() -> Outcome:
        begin = clock()
        for _ in range(many):
            arrays = once()
        return clock() - begin, digest(*arrays)

    return side


def ours(chain: str, n: int, many: int) -> dict[str, Side]:
    import cgrad

    f = CHAINS[chain]
    x, y = (cgrad.Tensor(a, requires_grad=True) for a in start(n))

    def once():
        x.zero_grad()
        y.zero_grad()
        out = f(cgrad, x, y)
        out.backward()
        return out.data, x.grad, y.grad

    return {"run": repeated(once, many)}


def torch(chain: str, n: int, many: int) -> dict[str, Side]:
    import torch

    torch.set_num_threads(1)
    f = CHAINS[chain]
    x, y = (torch.tensor(a, requires_grad=True) for a in start(n))
    seed = torch.ones(n, dtype=torch.float64)

    def once():
        x.grad = y.grad = None  # cheaper than zeros
        out = f(torch, x, y)
        out.backward(seed)
        return out.detach().numpy(), x.grad.numpy(), y.grad.numpy()

    return {"run": repeated(once, many)}


def autograd(chain: str, n: int, many: int) -> dict[str, Side]:
    import autograd.numpy as anp
    from autograd import make_vjp

    f = CHAINS[chain]
    x, y = start(n)
    seed = anp.ones(n)
    both = make_vjp(lambda x, y: f(anp, x, y), (0, 1))

    def once():
        vjp, out = both(x, y)
        return out, *vjp(seed)

    return {"run": repeated(once, many)}


def elements(engine: str, n: int, many: int) -> dict[str, Side]:
    """The loop over elements: with its gradient, alone, and over a list of floats."""
    data, _ = start(n)
    if engine == "torch":
        import torch

        torch.set_num_threads(1)
        x = torch.tensor(data, requires_grad=True)

        def gradient():
            x.grad = None
            out = squares(x, n)
            out.backward()
            return [out.item(), *x.grad.tolist()]
    else:
        import cgrad

        x = cgrad.Tensor(data, requires_grad=True)

        def gradient():
            x.zero_grad()
            out = squares(x, n)
            out.backward()
            return [out.item(), *x.grad.tolist()]

    def side(work) -> Side:
        def run() -> Outcome:
            begin = clock()
            for _ in range(many):
                results = work()
            return clock() - begin, results
        return run

    floats = data.tolist()
    return {"gradient": side(gradient), "forward": side(lambda: [squares(x, n).item()]),
            "floats": side(lambda: [squares(floats, n)])}


def filled(n: int, many: int) -> dict[str, Side]:
    """An array filled with Values, and a list of them stacked."""
    import cgrad

    def side(array: bool) -> Side:
        def run() -> Outcome:
            begin = clock()
            for _ in range(many):
                x = cgrad.Value(1.5)
                out = summed(cgrad, array, x, n)
                out.backward()
            return clock() - begin, [out.data, x.grad]
        return run

    return {"array": side(True), "list": side(False)}


# ---- the rows -------------------------------------------------------------------------------------------

def compared(name: str, bar: str, chain: str, n: int, many: int, rounds: int, against: str) -> Row:
    python, _ = peer(against)
    if not python:
        return Row(name, bar, None, note=no_peer(against))
    try:
        with Process("arrays", "ours", chain, n, many) as us, \
                Process("arrays", against, chain, n, many, python=python) as them:
            found = times(name, them.side("run"), us.side("run"), rounds, same=1e-10, warm=2)
    except Crashed as error:
        return Row(name, bar, None, note=str(error))
    costs = [statistics.median(seconds)/many/STEPS*1e9 for seconds in zip(*found, strict=True)]
    note = f"an operation, forward and backward, {costs[1]:,.0f} ns by {costs[0]:,.0f} ns"
    return row(name, bar, [a/b for a, b in found], FASTER, note)


def run(quick: bool) -> list[Row]:
    sizes = {10: 20, 1_000: 20, 20_000: 1} if quick else {10: 1000, 100: 1000, 1_000: 300, 1_000_000: 1}
    rounds = 3 if quick else 25
    bars = {"torch": {10: 5, 100: 4, 1_000: 2, 1_000_000: 1}, "autograd": {10: 10, 100: 10, 1_000: 10, 1_000_000: 2}}
    titles = {"torch": "PyTorch on one thread", "autograd": "HIPS autograd"}
    rows = []
    for against, title in titles.items():
        for n, many in sizes.items():
            name = f"10 elementwise operations on {n:,} numbers, forward and backward, against {title}"
            bar = f">= {bars[against][n]}" if n in bars[against] else ""
            rows.append(compared(name, bar, "mixed", n, many, rounds, against))
    for against, title in titles.items():
        for n, many in sizes.items():
            name = f"10 operations + - * / on {n:,} numbers, forward and backward, against {title}"
            rows.append(compared(name, "", "arithmetic", n, many, rounds, against))
    n, many = (100, 2) if quick else (1_000, 20)
    loop = f"loop over t[i], {n:,} elements, sum of squares"
    with Process("arrays", "elements", "cgrad", n, many) as us:
        name = f"{loop}, backward, against PyTorch on one thread"
        python, _ = peer("torch")
        if not python:
            rows.append(Row(name, ">= 100", None, note=no_peer("torch")))
        else:
            with Process("arrays", "elements", "torch", n, 1, python=python) as them:
                found = ratios(name, them.side("gradient"), us.side("gradient"), 3 if quick else 15, same=1e-12)
                rows.append(row(name, ">= 100", [many*x for x in found], FASTER))
        rows.append(row(f"{loop}: forward, by the same over a list of floats", "",
                        ratios("floats", us.side("forward"), us.side("floats"), rounds, same=0.0)))
        rows.append(row(f"{loop}: with backward, by the same over a list of floats, forward only", "",
                        ratios("floats", us.side("gradient"), us.side("floats"), rounds, same=None)))
    name = f"y = cgrad.zeros(n), y[i] = v for {n:,} elements, y.sum() and backward, by a list and cgrad.stack"
    with Process("arrays", "filled", n, many) as us:
        rows.append(row(name, "<= 2", ratios(name, us.side("array"), us.side("list"), rounds, same=0.0)))
    return rows
