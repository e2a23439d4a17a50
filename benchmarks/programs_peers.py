"""The other sides of programs.py: hand-written C, CasADi, heyoka, JAX and PyTorch, each in its best form found.

One point: what Python adds is kept out (the C is repeated inside C; CasADi is called through its FunctionBuffer,
0.1 us a call; of heyoka's call, that of an empty function is taken off). Batches: results as in ``digest``, of
each point's value and gradient, or [mean value, mean gradient] where the sums over points are taken inside.
"""

import math
import types

from benchmarks.harness import Outcome, Side, calibrated, clock, timed
from benchmarks.programs_workloads import (
    LENGTH,
    PENALTY,
    STRIKE,
    TOLERANCE,
    WORKLOADS,
    YEARS,
    digest,
    heston_data,
    numbers,
    recurrence,
    two_moons,
)

BUDGET = 0.05  # seconds of one measurement of something short


def wanted(name: str) -> tuple[int, ...]:
    argnums = WORKLOADS[name].argnums
    return argnums if isinstance(argnums, tuple) else (argnums,)


# ---- C --------------------------------------------------------------------------------------------------

def c_point(name: str, size: int, regime: str = "rare") -> dict[str, Side]:
    """Value and gradient at one point, repeated inside C."""
    import numpy as np

    from benchmarks import reference

    library = reference.load()
    data = WORKLOADS[name].data(None, size)
    if name == "A":
        store, out = np.empty(3*size), np.empty(3)

        def call(many):
            return library.w2_loop(*data, size, store, out, many)
    elif name == "B":
        out, roots = np.empty(3), data[3]*math.sqrt(YEARS/size)

        def call(many):
            return library.w3_loop(*data[:3], roots, size, STRIKE, YEARS, out, many)
    elif name == "C":
        out = np.empty(size)

        def call(many):
            return library.w4_loop(data[0], size, out, many)
    elif name == "D":
        (inputs, labels), out = two_moons(size), np.empty(len(data[0]))

        def call(many):
            return library.w1_loop(data[0], inputs, labels, size, PENALTY, out, many)
    elif name == "E":
        *model, normals = heston_data(None, size, regime)
        out, model = np.empty(7), np.array(model)

        def call(many):
            return library.heston_loop(model, normals, size, STRIKE, YEARS, out, many)
    else:
        store, force = np.empty(3), np.cos(LENGTH*np.arange(1, size + 1))
        out = store[:2]  # then the number of iterations

        def call(many):
            return library.newton_loop(*data, force, size, LENGTH, TOLERANCE, store, many)

    return {"run": calibrated(lambda many: numbers(call(many), out), BUDGET)}


def c_batch(name: str, size: int, points: int, regime: str = "rare") -> dict[str, Side]:
    """A and B vectorised over points, B's normals time-major, its sums inside; E and F one point after the other."""
    import numpy as np

    from benchmarks import reference

    library = reference.load_batch() if name in "AB" else reference.load()
    data = WORKLOADS[name].data(points, size)
    values = np.empty(points)
    if name == "A":
        slopes = [np.empty(points) for _ in range(3)]

        def run():
            library.w2_batch_simd(*data, size, points, values, *slopes)
            return values, *slopes
    elif name == "B":
        out, roots = np.empty(3), np.ascontiguousarray((data[3]*math.sqrt(YEARS/size)).T)

        def run():
            return library.w3_batch_simd(*data[:3], roots, size, STRIKE, YEARS, points, out), out
    elif name == "E":
        *model, normals = heston_data(points, size, regime)
        out, model = np.empty((points, 7)), np.array(model)

        def run():
            library.heston_points(model, normals, size, STRIKE, YEARS, points, values, out)
            return values, *out.T
    else:
        out, force = np.empty((points, 2)), np.cos(LENGTH*np.arange(1, size + 1))

        def run():
            library.newton_points(*data, force, size, LENGTH, TOLERANCE, points, values, out)
            return values, *out.T

    return {"run": looked_at(run, numbers if name == "B" else digest)}


def looked_at(run, look) -> Side:
    """A side whose results are put together outside the time."""

    def side() -> Outcome:
        start = clock()
        results = run()
        return clock() - start, look(*results)

    return side


# ---- CasADi ---------------------------------------------------------------------------------------------

def casadi_function(name: str, size: int, options: dict):
    """SX: value and gradient (reverse mode)."""
    import casadi
    import numpy as np

    workload = WORKLOADS[name]

    def positive(v):
        return casadi.fmax(v, 0)

    xp = types.SimpleNamespace(sin=casadi.sin, exp=casadi.exp, relu=positive)
    data = workload.data(None, size)
    symbols = [casadi.SX.sym(f"x{i}", np.size(a)) for i, a in enumerate(data)]
    f = workload.build(xp, size, positive=positive) if name in "BD" else workload.build(xp, size)
    value = f(*(casadi.vertsplit(s) if np.ndim(a) else s for s, a in zip(symbols, data, strict=True)))
    gradient = casadi.gradient(value, casadi.vertcat(*(symbols[i] for i in wanted(name))))
    return casadi.Function("f", symbols, [value, gradient], options), data


def casadi_point(name: str, size: int, flag: str = "") -> dict[str, Side]:
    """flag: gcc's level of optimisation; none: the virtual machine."""
    import os
    import tempfile

    import numpy as np

    gcc = {"flags": [flag, "-march=native"], "verbose": False, "cleanup": False}
    options = {"jit": True, "compiler": "shell", "jit_cleanup": False, "jit_options": gcc} if flag else {}
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:  # it writes its C into the current one
        os.chdir(folder)
        try:
            function, data = casadi_function(name, size, options)
        finally:
            os.chdir(before)
    inputs = [np.atleast_1d(np.array(a, dtype=float)) for a in data]
    value, gradient = np.empty(1), np.empty(function.size1_out(1))
    buffer, evaluate = function.buffer()
    for i, a in enumerate(inputs):
        buffer.set_arg(i, memoryview(a))
    buffer.set_res(0, memoryview(value))
    buffer.set_res(1, memoryview(gradient))

    def repeat(many: int, kept=(function, buffer, inputs)) -> list[float]:  # the buffer holds addresses only
        for _ in range(many):
            evaluate()
        return numbers(value, gradient)

    return {"run": best(calibrated(repeat, BUDGET/5))}


def best(side: Side) -> Side:
    """The fastest of some short runs: CasADi's machine takes 32 us for C at times, and 57 us at others."""
    return lambda: min((side() for _ in range(8)), key=lambda outcome: outcome[0])


def casadi_build(name: str, size: int) -> dict[str, Side]:
    """Symbols, value, gradient and Function."""
    return {"build": timed(lambda: numbers(*(a.full() for a in casadi_called(name, size))))}


def casadi_called(name: str, size: int):
    function, data = casadi_function(name, size, {})
    return function(*data)


# ---- heyoka ---------------------------------------------------------------------------------------------

def heyoka_function(name: str, size: int, compact: bool):
    """Value and gradient as one compiled function; without the caches that outlive it."""
    import heyoka
    import numpy as np

    heyoka.llvm_state.set_diskcache_enabled(False)
    heyoka.llvm_state.clear_memcache()
    workload = WORKLOADS[name]
    xp = types.SimpleNamespace(sin=heyoka.sin, exp=heyoka.exp, relu=heyoka.relu)
    data = workload.data(None, size)
    symbols = [[heyoka.make_vars(f"x{i}_{j:07d}") for j in range(np.size(a))] for i, a in enumerate(data)]
    f = workload.build(xp, size, positive=heyoka.relu) if name in "BD" else workload.build(xp, size)
    value = f(*(s if np.ndim(a) else s[0] for s, a in zip(symbols, data, strict=True)))
    wrt = [s for i in wanted(name) for s in symbols[i]]
    gradient = heyoka.diff_tensors([value], diff_args=wrt, diff_order=1).gradient
    variables = [s for group in symbols for s in group]
    return heyoka.cfunc([value, *gradient], vars=variables, compact_mode=compact), data, len(wrt)


def heyoka_point(name: str, size: int, compact: bool) -> dict[str, Side]:
    """"run": less the call of an empty function, taken beside it; "call": as Python calls it."""
    import heyoka
    import numpy as np

    function, data, slopes = heyoka_function(name, size, compact)
    x = heyoka.make_vars("x")
    empty = heyoka.cfunc([x + 1.0], vars=[x])

    def side(function, inputs, outputs) -> Side:
        def repeat(many: int) -> list[float]:
            for _ in range(many):
                function(inputs, outputs)
            return numbers(outputs)
        return calibrated(repeat, BUDGET)

    whole = side(function, np.array(numbers(*data)), np.empty(1 + slopes))
    around = side(empty, np.ones(1), np.empty(1))

    def net() -> Outcome:
        seconds, results = whole()
        return seconds - around()[0], results

    return {"run": net, "call": whole}


def heyoka_batch(name: str, size: int, points: int, compact: bool) -> dict[str, Side]:
    """Its batch mode: vector registers over points; inputs as it wants them, points last."""
    import numpy as np

    function, _, slopes = heyoka_function(name, size, compact)
    data = WORKLOADS[name].data(points, size)
    rows = [np.full((1, points), a) if np.ndim(a) == 0 else np.atleast_2d(a.T) for a in data]
    inputs, outputs = np.ascontiguousarray(np.concatenate(rows)), np.empty((1 + slopes, points))

    def run():
        function(inputs, outputs)
        return tuple(outputs)

    return {"run": looked_at(run, digest)}


def heyoka_build(name: str, size: int, compact: bool) -> dict[str, Side]:
    """Symbols, value, gradient and machine code; evaluated once, as ours is."""
    import numpy as np

    def work() -> list[float]:
        function, data, slopes = heyoka_function(name, size, compact)
        outputs = np.empty(1 + slopes)
        function(np.array(numbers(*data)), outputs)
        return numbers(outputs)

    return {"build": timed(work)}


# ---- JAX and PyTorch ------------------------------------------------------------------------------------

def jax_batch(name: str, size: int, points: int) -> dict[str, Side]:
    """lax.scan over vectors of points, compiled, on one thread.

    "forward": three tangents, nothing stored; "reverse": in blocks of 400 points.
    """
    import os

    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import jax
    import jax.numpy as jnp
    from jax import lax

    jax.config.update("jax_enable_x64", True)
    data = [jnp.asarray(a) for a in WORKLOADS[name].data(points, size)]
    block = math.gcd(points, 400)

    def tangents(f):
        """Value and gradient in three numbers."""
        def both(*x):
            values, slopes = jax.vmap(lambda seed: jax.jvp(f, x, tuple(seed)))(jnp.eye(3))
            return values[0], tuple(slopes)
        return both

    def compiled(f, look, *inputs) -> Side:
        f = jax.jit(f)

        def run():
            value, slopes = jax.block_until_ready(f(*inputs))
            return value, *slopes
        return looked_at(run, look)

    if name == "A":
        def f(x, a, b):
            return lax.scan(lambda x, _: (x*a + jnp.sin(x)*b, None), x, None, length=size)[0]

        def reverse(*x):
            return lax.map(lambda t: jax.value_and_grad(f, (0, 1, 2))(*t), x, batch_size=block)

        return {"forward": compiled(jax.vmap(tangents(f)), digest, *data), "reverse": compiled(reverse, digest, *data)}

    def mean(spot, volatility, rate, normals):  # time-major
        dt = YEARS/size
        drift, scale = (rate - 0.5*volatility*volatility)*dt, volatility*math.sqrt(dt)
        start = jnp.broadcast_to(spot, normals.shape[1:])
        spots = lax.scan(lambda s, z: (s*jnp.exp(drift + scale*z), None), start, normals)[0]
        return jnp.sum(jnp.maximum(spots - STRIKE, 0.0))*jnp.exp(-rate*YEARS)/points

    def forward(*x):
        return tangents(lambda *y: mean(*y, x[3]))(*x[:3])

    def blocks(*x):
        return jax.tree.map(jnp.sum, lax.map(lambda z: jax.value_and_grad(mean, (0, 1, 2))(*x[:3], z), x[3]))

    parts = jnp.swapaxes(data[3].reshape(points//block, block, size), 1, 2).copy()
    return {"forward": compiled(forward, numbers, *data[:3], jnp.array(data[3].T)),
            "reverse": compiled(blocks, numbers, *data[:3], parts)}


def torch_batch(name: str, size: int, points: int) -> dict[str, Side]:
    """Vectors of all points, one thread: smaller ones are slower."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    data = WORKLOADS[name].data(points, size)
    leaves = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in data[:3]]
    f = recurrence(torch, size)
    normals = torch.tensor(np.ascontiguousarray(data[3].T)) if name == "B" else None

    def run():
        for leaf in leaves:
            leaf.grad = None
        if name == "A":
            value = f(*leaves)
            value.sum().backward()
        else:
            spot, volatility, rate = leaves
            dt = YEARS/size
            drift, scale = (rate - 0.5*volatility*volatility)*dt, volatility*math.sqrt(dt)
            for i in range(size):
                spot = spot*torch.exp(drift + scale*normals[i])
            value = torch.clamp(spot - STRIKE, min=0.0).mean()*torch.exp(-rate*YEARS)
            value.backward()
        return value.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)

    return {"run": looked_at(run, digest if name == "A" else numbers)}
