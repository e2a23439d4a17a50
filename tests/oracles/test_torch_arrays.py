"""Every elementwise op on arrays against PyTorch, in double precision: broadcasts, empty arrays, second order."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is heavy to install: a nox session of its own runs this")

from arrays_oracle import PUBLIC, SHAPES, Case  # noqa: E402
from test_torch import ABSOLUTE, RELATIVE, function  # noqa: E402

HERE = [op for op in PUBLIC if function(op) is not None]
ROUNDED = {"copysign": 1e-15}  # its derivative is out/x, whose own derivative is 0 but for rounding
VALUES_ALONE = {"floordiv"}  # "derivative for aten::floor_divide is not implemented"


def theirs(case):
    given = [torch.tensor(a, requires_grad=k in case.leaves) if k in case.leaves else a for k, a in enumerate(case.args)]
    xs = [given[k] for k in case.leaves]
    if case.op.name == "clip":  # its backward does not sum over the axes along which x was broadcast
        given = torch.broadcast_tensors(*given)
    out = function(case.op)(*given)
    zeros = [np.zeros(x.shape) for x in xs]
    if not out.requires_grad or case.op.name in VALUES_ALONE:
        return out.detach().numpy(), zeros, zeros
    first = torch.autograd.grad(out, xs, torch.tensor(case.g), create_graph=True, allow_unused=True)
    first = [torch.zeros_like(x) if d is None else d for d, x in zip(first, xs, strict=True)]
    live = [(d, torch.tensor(u)) for d, u in zip(first, case.u, strict=True) if d.requires_grad]
    second = [None]*len(xs)
    if live:
        second = torch.autograd.grad([d for d, _ in live], xs, [u for _, u in live], allow_unused=True)
    second = [np.zeros(x.shape) if d is None else d.numpy(force=True) for d, x in zip(second, xs, strict=True)]
    return out.detach().numpy(), [d.numpy(force=True) for d in first], second


@pytest.mark.parametrize("op", HERE, ids=lambda op: op.name)
def test_arrays(op):
    for shapes in SHAPES[op.arity]:
        if len(shapes) > 1:
            shapes = tuple(s if d is not None else () for s, d in zip(shapes, op.d, strict=True))
        case = Case(op, shapes)
        case.compare(*theirs(case), 20*RELATIVE.get(op.name, 1e-13), max(4*ABSOLUTE.get(op.name, 0.0), ROUNDED.get(op.name, 0.0)))


@pytest.mark.parametrize("op", [op for op in HERE if op.name not in VALUES_ALONE and op.name not in RELATIVE], ids=lambda op: op.name)
def test_arrays_of_float32(op):
    for shapes in SHAPES[op.arity][:2]:
        if len(shapes) > 1:
            shapes = tuple(s if d is not None else () for s, d in zip(shapes, op.d, strict=True))
        case = Case(op, shapes, np.float32)
        case.compare(*theirs(case), 5e-5, 2e-5)
