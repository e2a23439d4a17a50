"""Structural ops, row by row of their table, against PyTorch in double precision: values, first and second derivatives."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is heavy to install: a nox session of its own runs this")

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "arrays")]

from arrays_structural_support import PLAIN, ROWS, close, listed, weights  # noqa: E402

import cgrad  # noqa: E402
from cgrad import Tensor, Value  # noqa: E402

T = torch


def over(axis, shape):
    """All axes for None: where PyTorch asks for names."""
    return tuple(range(len(shape))) if axis is None else axis


def dims(options, x):
    axis = over(options["axis"], x.shape)
    return axis if isinstance(axis, tuple) else (axis,)


def one_at_a_time(f, x, axis, keepdims):
    """PyTorch's prod takes one axis."""
    for a in sorted((a % x.ndim for a in axis), reverse=True):
        x = f(x, a, keepdims)
    return x


def norm_of(x, ord, axis, keepdims):
    if ord is None and axis is None:
        return T.linalg.vector_norm(x, 2, None, keepdims)
    return T.linalg.norm(x, ord, axis, keepdims)


def torch_index(index):
    """PyTorch takes no negative steps: those rows are looked at by the other oracles."""
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if isinstance(part, slice) and part.step is not None and part.step < 0:
            return None
    turned = tuple(T.as_tensor(np.asarray(p)) if isinstance(p, (np.ndarray, list)) else p for p in parts)
    return turned if isinstance(index, tuple) else turned[0]


def rolled(x, shift, axis):
    if axis is None:
        return T.roll(x, shift if isinstance(shift, int) else sum(shift))
    axes = axis if isinstance(axis, tuple) else (axis,)
    shifts = shift if isinstance(shift, tuple) else (shift,)*len(axes)
    return T.roll(x, shifts, axes) if axes else x*1.0


def padded(x, pad_width, mode, constant_values):
    flat = [n for pair in reversed(pad_width) for n in pair]
    return T.nn.functional.pad(x, flat, value=constant_values)


def flat_index(x, indices, axis, mode):
    n = x.numel() if axis is None else x.shape[axis]
    places = indices % n if mode != "clip" else np.clip(indices, 0, n - 1)
    if axis is None:
        return T.take(x, T.as_tensor(places))
    axis %= x.ndim
    return x.index_select(axis, T.as_tensor(places.reshape(-1))).reshape(
        (*x.shape[:axis], *places.shape, *x.shape[axis + 1:]))


def right_side(a, b):
    """T.linalg.solve, told whether b is one vector or columns."""
    if b.ndim != 1:
        return T.linalg.solve(a, b.expand(*a.shape[:-2], *b.shape[-2:]))
    return T.linalg.solve(a, b.expand(*a.shape[:-1]).unsqueeze(-1)).squeeze(-1)


def definite(x):
    return x @ x.mT + T.eye(x.shape[-1], dtype=T.float64)


ROUTES = {  # row: what PyTorch's is; None: it has no such function, or not of these options
    "sum": lambda xs, **o: T.sum(xs[0], dims(o, xs[0]), o["keepdims"]) if dims(o, xs[0]) else xs[0]*1.0,
    "mean": lambda xs, **o: T.mean(xs[0], dims(o, xs[0]), o["keepdims"]) if dims(o, xs[0]) else xs[0]*1.0,
    "prod": lambda xs, **o: one_at_a_time(T.prod, xs[0], dims(o, xs[0]), o["keepdims"])*1.0,
    "max": lambda xs, **o: T.amax(xs[0], dims(o, xs[0]), o["keepdims"]) if dims(o, xs[0]) else xs[0]*1.0,
    "min": lambda xs, **o: T.amin(xs[0], dims(o, xs[0]), o["keepdims"]) if dims(o, xs[0]) else xs[0]*1.0,
    "ptp": lambda xs, **o: (T.amax(xs[0], dims(o, xs[0]), o["keepdims"]) - T.amin(xs[0], dims(o, xs[0]), o["keepdims"])
                            if dims(o, xs[0]) else xs[0]*0.0),
    "var": lambda xs, **o: T.var(xs[0], dims(o, xs[0]), correction=o["ddof"], keepdim=o["keepdims"])
    if dims(o, xs[0]) else None,
    "std": lambda xs, **o: T.std(xs[0], dims(o, xs[0]), correction=o["ddof"], keepdim=o["keepdims"]),
    "average": None,
    "logsumexp": lambda xs, **o: T.logsumexp(xs[0], dims(o, xs[0]), o["keepdims"]) if dims(o, xs[0]) else xs[0]*1.0,
    "softmax": lambda xs, axis: T.softmax(xs[0], axis) if isinstance(axis, int) else None,
    "log_softmax": lambda xs, axis: T.log_softmax(xs[0], axis) if isinstance(axis, int) else None,
    "cumsum": lambda xs, axis: T.cumsum(xs[0].reshape(-1) if axis is None else xs[0], axis or 0),
    "cumprod": lambda xs, axis: T.cumprod(xs[0].reshape(-1) if axis is None else xs[0], axis or 0),
    "reshape": lambda xs, shape, order: T.reshape(xs[0], shape) if order == "C" else None,
    "ravel": lambda xs, order: T.ravel(xs[0])*1.0 if order == "C" else None,
    "transpose": lambda xs, axes: xs[0].permute(tuple(range(xs[0].ndim)[::-1] if axes is None else axes))*1.0,
    "swapaxes": lambda xs, axis1, axis2: T.swapaxes(xs[0], axis1, axis2),
    "moveaxis": lambda xs, source, destination: T.moveaxis(xs[0], tuple(source), tuple(destination))*1.0,
    "squeeze": lambda xs, axis: T.squeeze(xs[0])*1.0 if axis is None else T.squeeze(xs[0], axis)*1.0,
    "expand_dims": lambda xs, axis: T.unsqueeze(xs[0], axis),
    "broadcast_to": lambda xs, shape: T.broadcast_to(xs[0], shape)*1.0,
    "pad": lambda xs, **o: padded(xs[0], **o),
    "pad edge": None, "pad reflect": None, "pad symmetric": None, "pad wrap": None,
    "flip": lambda xs, axis: T.flip(xs[0], over(axis, xs[0].shape) if not isinstance(axis, int) else (axis,)),
    "rot90": lambda xs, k: T.rot90(xs[0], k),
    "roll": lambda xs, shift, axis: rolled(xs[0], shift, axis),
    "repeat": lambda xs, repeats, axis: T.repeat_interleave(
        xs[0], T.as_tensor(repeats) if isinstance(repeats, list) else repeats, axis)
    if xs[0].numel() and not isinstance(repeats, list) else None,
    "tile": lambda xs, reps: T.tile(xs[0], tuple(reps) if isinstance(reps, list) else (reps,)),
    "tril": lambda xs, k: T.tril(xs[0], k), "triu": lambda xs, k: T.triu(xs[0], k),
    "astype": lambda xs: xs[0].to(T.float64)*1.0, "copy": lambda xs: xs[0].clone(),
    "getitem": lambda xs, index: None if torch_index(index) is None else xs[0][torch_index(index)]*1.0,
    "take": lambda xs, **o: flat_index(xs[0], **o),
    "take_along_axis": lambda xs, indices, axis: T.take_along_dim(xs[0], T.as_tensor(indices), axis),
    "compress": None,
    "sort": lambda xs, axis: T.sort(xs[0].reshape(-1) if axis is None else xs[0], 0 if axis is None else axis).values,
    "where": lambda xs, condition: T.where(T.as_tensor(condition), *xs),
    "select": lambda xs, condition: T.where(T.as_tensor(condition), *xs),
    "diagonal": lambda xs, offset, axis1, axis2: T.diagonal(xs[0], offset, axis1, axis2)*1.0
    if min(xs[0].shape) > abs(offset) else None,
    "diag": lambda xs, k: T.diag(xs[0], k)*1.0 if xs[0].ndim == 1 or min(xs[0].shape) > abs(k) else None,
    "trace": None,
    "diff": lambda xs, n, axis: T.diff(xs[0], n, axis)*1.0,
    "stack": lambda xs, axis: T.stack(list(xs), axis),
    "concatenate": lambda xs, axis: T.cat([x.reshape(-1) for x in xs] if axis is None else list(xs), axis or 0),
    "hstack": lambda xs: T.hstack(list(xs)), "vstack": lambda xs: T.vstack(list(xs)),
    "dstack": lambda xs: T.dstack(list(xs)), "column_stack": lambda xs: T.column_stack(list(xs)),
    "array_split": None,
    "broadcast_arrays": lambda xs: [x*1.0 for x in T.broadcast_tensors(*xs)],
    "matmul": lambda xs: T.matmul(*xs),
    "dot": None,
    "vdot": lambda xs: T.vdot(xs[0].reshape(-1), xs[1].reshape(-1)),
    "inner": lambda xs: T.inner(*xs), "outer": lambda xs: T.outer(xs[0].reshape(-1), xs[1].reshape(-1)),
    "tensordot": lambda xs, axes: T.tensordot(*xs, dims=axes),
    "einsum": lambda xs, subscripts, optimize: T.einsum(subscripts, *xs)*1.0,
    "kron": lambda xs: T.kron(*xs),
    "cross": lambda xs: T.linalg.cross(*T.broadcast_tensors(*xs)),
    "norm": lambda xs, **o: norm_of(xs[0], **o), "matrix norm": lambda xs, **o: norm_of(xs[0], **o),
    "solve": lambda xs: right_side(*xs),
    "inv": lambda xs: T.linalg.inv(xs[0]), "det": lambda xs: T.linalg.det(xs[0]),
    "slogdet": lambda xs: T.linalg.slogdet(xs[0])[1],
    "cholesky": lambda xs: T.linalg.cholesky(definite(xs[0])),
    "solve_triangular": lambda xs: right_side(T.triu(definite(xs[0])), xs[1]),
    "solve_triangular transposed": lambda xs: right_side(T.triu(definite(xs[0])).mT, xs[1]),
    "cho_factor": lambda xs: T.linalg.cholesky(definite(xs[0])).mT, "cho_solve": lambda xs: right_side(definite(xs[0]), xs[1]),
    "matrix_power": lambda xs, n: T.linalg.matrix_power(xs[0], n)*1.0,
    "multi_dot": lambda xs: T.linalg.multi_dot(list(xs)),
    "eigh": lambda xs: [part*part for part in T.linalg.eigh((xs[0] + xs[0].mT)/2)],
    "svd": lambda xs: [part*part for part in T.linalg.svd(xs[0], full_matrices=False)],
}


def test_each_row_is_decided():
    assert set(ROUTES) == {row.name for row in ROWS}


def theirs_of(route, arrays, options, ws, directions):
    """Values, gradients, gradients of their sum along directions; None where PyTorch has it not."""
    xs = [T.tensor(np.ascontiguousarray(x) if x.ndim else x.item(), dtype=T.float64, requires_grad=True) for x in arrays]
    out = route(xs, **options)
    if out is None:
        return None
    outs = listed(out)
    total = sum(T.sum(part*part*T.as_tensor(w)) for part, w in zip(outs, ws, strict=True))
    first = T.autograd.grad(total, xs, create_graph=True, allow_unused=True)
    first = [T.zeros_like(x) if g is None else g for x, g in zip(xs, first, strict=True)]
    along = sum(T.sum(g*T.as_tensor(d)) for g, d in zip(first, directions, strict=True))
    if along.requires_grad:
        second = T.autograd.grad(along, xs, allow_unused=True)
    else:
        second = [None]*len(xs)
    return [part.detach().numpy() for part in outs], [g.detach().numpy() for g in first], [
        np.zeros(x.shape) if g is None else g.numpy() for x, g in zip(arrays, second, strict=True)]


def ours_of(row, arrays, options, ws, directions):
    xs = [Tensor(x, requires_grad=True, copy=False) for x in arrays]
    np_and_more = type("", (), {"__getattr__": lambda self, name: getattr(np, name, None) or getattr(cgrad, name)})()
    outs = listed(row.call(np_and_more, xs, **options))
    total = 0.0
    for part, w in zip(outs, ws, strict=True):
        total = total + np.sum(part*part*w)
    first = cgrad.gradients(total, create_graph=True).wrt(xs)
    along = 0.0
    for g, d in zip(first, directions, strict=True):
        along = along + np.sum(g*d)
    if isinstance(along, (Tensor, Value)):
        along.backward()
    numbers = [np.array(v.tolist() if isinstance(v, Tensor) else v.item()).reshape(v.shape) for v in (*outs, *first)]
    return numbers[:len(outs)], numbers[len(outs):], [x.grad for x in xs]


@pytest.mark.parametrize("row", [row for row in ROWS if ROUTES[row.name] is not None], ids=lambda row: row.name)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_pytorch(row, data):
    arrays, options = row.draw(data.draw)
    if row.name in ("prod", "cumprod", "matrix_power", "svd", "eigh") and not all(x.size for x in arrays):
        return  # PyTorch's rules fail there
    with np.errstate(all="ignore"):
        expected = listed(row.call(PLAIN, arrays, **options))
        ws = weights(expected)
        rng = np.random.default_rng(4)
        directions = [rng.uniform(-1.0, 1.0, x.shape) for x in arrays]
        theirs = theirs_of(ROUTES[row.name], arrays, options, ws, directions)
        if theirs is None:
            return
        ours = ours_of(row, arrays, options, ws, directions)
    for kind, tolerance, a, b in zip(("value", "first", "second"), (1e-12, 1e-11, 1e-9), ours, theirs, strict=True):
        for x, y in zip(a, b, strict=True):
            assert close(x, y, tolerance*row.fine), (kind, x, y)


TIES = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [0.0, 0.0, -0.0]]


@pytest.mark.parametrize("x", TIES, ids=str)
@pytest.mark.parametrize("name", ["amax", "amin", "max", "min", "std", "norm", "prod", "cumprod", "logsumexp"])
def test_kinks(name, x):
    t = T.tensor(x, dtype=T.float64, requires_grad=True)
    theirs = {"std": lambda t: T.std(t, correction=0), "norm": T.linalg.vector_norm, "cumprod": lambda t: T.cumprod(t, 0).sum(),
              "logsumexp": lambda t: T.logsumexp(t, 0)}.get(name, getattr(T, name, None))
    theirs(t).backward()
    u = Tensor(x, requires_grad=True)
    np.sum(getattr(cgrad, name)(u)).backward()
    np.testing.assert_allclose(u.grad, t.grad.numpy(), rtol=1e-14, atol=1e-300)
