"""Structural ops by every name that they have: functions of cgrad, methods of Tensor, NumPy's own functions, and
Values where NumPy would take a number."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import cgrad
from cgrad import Tensor, Value

X = np.random.default_rng(5).uniform(-1.0, 1.0, (3, 3)) + 3*np.eye(3)
L = np.linalg


def same(ours, theirs):
    """The same numbers; a Tensor where NumPy returns an array, a Value where it returns a number."""
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    theirs = np.asarray(theirs)
    assert type(ours) is (Tensor if theirs.ndim else Value)
    np.testing.assert_allclose(np.array(ours.tolist()) if theirs.ndim else ours.item(), theirs, rtol=1e-12, atol=1e-14)


NUMPY = {  # name: a call of NumPy's function, made on a Tensor and on its array
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min, "amax": np.amax, "amin": np.amin,
    "ptp": np.ptp, "var": np.var, "std": np.std, "std ddof": lambda x: np.std(x, 0, ddof=1, keepdims=True),
    "var correction": lambda x: np.var(x, axis=(0, 1), correction=1), "average": np.average,
    "average weights": lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 3.0]),
    "average returned": lambda x: np.average(x, axis=0, weights=x, returned=True),
    "cumsum": np.cumsum, "cumprod": lambda x: np.cumprod(x, axis=1), "reshape": lambda x: np.reshape(x, (9,)),
    "ravel": np.ravel, "transpose": np.transpose, "permute_dims": lambda x: np.permute_dims(x, (1, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1), "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "squeeze": lambda x: np.squeeze(x[None], 0), "expand_dims": lambda x: np.expand_dims(x, (0, 2)),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 3)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[0]), "atleast_1d": np.atleast_1d,
    "atleast_2d": lambda x: np.atleast_2d(x[0]), "atleast_3d": lambda x: np.atleast_3d(x, x[0]),
    "pad": lambda x: np.pad(x, ((0, 1), (2, 0)), constant_values=1.5), "pad wrap": lambda x: np.pad(x, 1, mode="wrap"),
    "pad odd": lambda x: np.pad(x, 1, mode="reflect", reflect_type="even"), "flip": np.flip, "fliplr": np.fliplr,
    "flipud": np.flipud, "rot90": np.rot90, "roll": lambda x: np.roll(x, (1, 2), (0, 1)),
    "repeat": lambda x: np.repeat(x, [0, 1, 2], axis=1), "tile": lambda x: np.tile(x, (2, 1)), "tril": np.tril,
    "triu": lambda x: np.triu(x, 1), "copy": np.copy, "append": lambda x: np.append(x, x[0]),
    "take": lambda x: np.take(x, [[0, 8]]), "take_along_axis": lambda x: np.take_along_axis(x, np.array([[2, 0, 1]]), 0),
    "compress": lambda x: np.compress([True, False, True], x, axis=1), "sort": np.sort,
    "where": lambda x: np.where(np.eye(3, dtype=bool), x, 0.5), "where right": lambda x: np.where(np.eye(3) > 0, 0.5, x),
    "select": lambda x: np.select([np.eye(3) > 0, np.tri(3) > 0], [x, 2*x], 1.0), "diagonal": np.diagonal,
    "diag": np.diag, "diag of a row": lambda x: np.diag(x[0], -1), "trace": np.trace, "diff": np.diff,
    "clip": lambda x: np.clip(x, -0.5, 0.5), "clip above": lambda x: np.clip(x, None, 0.5),
    "clip below": lambda x: np.clip(x, a_min=0.0, a_max=None), "clip min": lambda x: np.clip(x, min=0.0, max=0.75),
    "round": np.round, "round decimals": lambda x: np.round(x, 1), "around": np.around,
    "stack": lambda x: np.stack([x, 2*x], axis=-1), "stack of an array": np.stack,
    "concatenate": lambda x: np.concatenate([x, np.ones((1, 3)), x]), "concat": lambda x: np.concat([x, x], axis=None),
    "hstack": lambda x: np.hstack([x, x]), "vstack": lambda x: np.vstack([x, x[0]]),
    "dstack": lambda x: np.dstack([x, x]), "column_stack": lambda x: np.column_stack([x, x[0]]),
    "split": lambda x: np.split(x, 3), "array_split": lambda x: np.array_split(x, 2, axis=1),
    "hsplit": lambda x: np.hsplit(x, [1]), "vsplit": lambda x: np.vsplit(x, 3), "matmul": lambda x: np.matmul(x, X),
    "matmul right": lambda x: np.matmul(X, x), "dot": lambda x: np.dot(x, x), "dot of vectors": lambda x: np.dot(x[0], X[1]),
    "dot of a number": lambda x: np.dot(2.0, x), "vdot": lambda x: np.vdot(x, X), "inner": lambda x: np.inner(X, x),
    "outer": lambda x: np.outer(x[0], [1.0, 2.0]), "tensordot": lambda x: np.tensordot(x, X, axes=((0, 1), (1, 0))),
    "kron": lambda x: np.kron(x, X), "cross": lambda x: np.cross(x, X, axis=0), "vecdot": lambda x: np.vecdot(x, x),
    "einsum": lambda x: np.einsum("ij,jk->ik", x, X), "einsum right": lambda x: np.einsum("ij,jk", X, x),
    "einsum lists": lambda x: np.einsum(x, [0, 1], X, [1, 2], [2, 0]), "einsum dots": lambda x: np.einsum(x, [..., 0], [...]),
    "einsum path": lambda x: np.einsum("ij,jk,kl->il", x, x, x, optimize="greedy"),
    "add.reduce": np.add.reduce, "multiply.reduce": lambda x: np.multiply.reduce(x, axis=None),
    "maximum.reduce": np.maximum.reduce, "minimum.reduce": np.minimum.reduce, "logaddexp.reduce": np.logaddexp.reduce,
    "add.accumulate": np.add.accumulate, "multiply.accumulate": np.multiply.accumulate,
    "multiply.outer": lambda x: np.multiply.outer(x, x[0]), "matrix_transpose": np.matrix_transpose,
    "solve": lambda x: L.solve(x, X), "solve right": lambda x: L.solve(X, x[0]), "inv": L.inv, "det": L.det,
    "cholesky": lambda x: L.cholesky(x @ x.T), "norm": L.norm, "norm 1": lambda x: L.norm(x, 1),
    "norm axis": lambda x: L.norm(x, axis=1, keepdims=True), "vector_norm": lambda x: L.vector_norm(x, ord=1, axis=0),
    "vector_norm all": L.vector_norm, "matrix_norm": lambda x: L.matrix_norm(x, ord="nuc", keepdims=True),
    "matrix_power": lambda x: L.matrix_power(x, -2), "matrix_power 0": lambda x: L.matrix_power(x, 0),
    "median": np.median, "quantile": lambda x: np.quantile(x, 0.25, axis=0), "percentile": lambda x: np.percentile(x, [20, 80]),
    "interp": lambda x: np.interp(x, [-1.0, 0.0, 1.0], [0.5, 2.0, -1.0]), "trapezoid": lambda x: np.trapezoid(x, axis=0),
    "polyval": lambda x: np.polyval(x[0], x), "convolve": lambda x: np.convolve(x[0], x[1]), "linspace": lambda x: np.linspace(x, 1.0, 3),
    "multi_dot": lambda x: L.multi_dot([x[0], x, X, x]), "eigvalsh": lambda x: L.eigvalsh(x + x.T),
    "svdvals": L.svdvals, "svd": lambda x: L.svd(x, compute_uv=False), "linalg.trace": L.trace,
    "linalg.diagonal": lambda x: L.diagonal(x, offset=1), "linalg.outer": lambda x: L.outer(x[0], x[1]),
    "linalg.matmul": lambda x: L.matmul(x, x), "linalg.tensordot": lambda x: L.tensordot(x, x, axes=1),
    "linalg.cross": lambda x: L.cross(x, X), "linalg.vecdot": lambda x: L.vecdot(x, X), "linalg.matrix_transpose":
    L.matrix_transpose, "getitem": lambda x: x[1:, [0, 2]],
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpys_functions(name):
    """Recorded and differentiated: each has a gradient."""
    t = Tensor(X, requires_grad=True)
    out = NUMPY[name](t)
    same(out, NUMPY[name](X))
    parts = out if isinstance(out, (tuple, list)) else [out]
    for part in parts:
        np.sum(part).backward()
    assert np.isfinite(t.grad).all()
    assert t.grad.any() or name in ("round", "round decimals", "around", "matrix_power 0")
    same(NUMPY[name](Tensor(X)), NUMPY[name](X))  # without a gradient as well


@pytest.mark.parametrize("name", ["astype", "unstack"])
def test_functions_of_later_numpys(name):
    if not hasattr(np, name):
        pytest.skip("NumPy 2.0 has it not")
    call = {"astype": lambda x: np.astype(x, np.float32), "unstack": lambda x: np.unstack(x, axis=1)}[name]
    t = Tensor(X, requires_grad=True)
    out = call(t)
    for a, b in zip(out, call(X), strict=True):
        assert a.tolist() == b.tolist()
    assert type(out if name == "astype" else out[0]) is Tensor


def test_slogdet_eigh_and_svd_by_numpys_names():
    t = Tensor(X, requires_grad=True)
    result = L.slogdet(t)
    assert (result.sign, result.logabsdet.item()) == tuple(L.slogdet(X))
    values, vectors = L.eigh(t + t.T)
    same(values, L.eigh(X + X.T)[0])
    np.testing.assert_allclose(np.abs(vectors.tolist()), np.abs(L.eigh(X + X.T)[1]))
    u, s, vh = L.svd(t)
    same((u*s) @ vh, X)
    assert L.svd(t, full_matrices=False).S.tolist() == s.tolist()


METHODS = {
    "sum": lambda t: t.sum(0), "mean": lambda t: t.mean((0, 1), keepdims=True), "prod": lambda t: t.prod(), "max": lambda t: t.max(axis=1),
    "min": lambda t: t.min(), "var": lambda t: t.var(ddof=1), "std": lambda t: t.std(axis=0), "cumsum": lambda t: t.cumsum(0),
    "cumprod": lambda t: t.cumprod(), "reshape": lambda t: t.reshape(1, 9), "reshape tuple": lambda t: t.reshape((9,)),
    "reshape -1": lambda t: t.reshape(-1), "reshape F": lambda t: t.reshape((9,), order="F"), "ravel": lambda t: t.ravel(),
    "flatten": lambda t: t.flatten(), "transpose": lambda t: t.transpose(), "transpose axes": lambda t: t.transpose(1, 0),
    "transpose tuple": lambda t: t.transpose((1, 0)), "T": lambda t: t.T, "mT": lambda t: t.mT,
    "swapaxes": lambda t: t.swapaxes(0, -1), "squeeze": lambda t: t[None].squeeze(), "repeat": lambda t: t.repeat(2, axis=0),
    "diagonal": lambda t: t.diagonal(1), "trace": lambda t: t.trace(), "take": lambda t: t.take([0, 3]),
    "compress": lambda t: t.compress([True, False, True], axis=0), "dot": lambda t: t.dot(t), "matmul": lambda t: t @ t,
    "astype": lambda t: t.astype(np.float64), "copy": lambda t: t.copy(),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_as_those_of_arrays(name):
    t = Tensor(X, requires_grad=True)
    out = METHODS[name](t)
    same(out, METHODS[name](X))
    np.sum(out).backward()
    assert t.grad.any()


MORE = {  # methods that arrays lack: their results
    "permute": (lambda t: t.permute(1, 0), X.T), "moveaxis": (lambda t: t.moveaxis(0, 1), X.T),
    "unsqueeze": (lambda t: t.unsqueeze(0), X[None]), "unsqueeze two": (lambda t: t.unsqueeze((0, 2)), X[None, :, None]),
    "expand_dims": (lambda t: t.expand_dims(-1), X[..., None]), "expand": (lambda t: t.expand(2, -1, 3), np.stack([X, X])),
    "expand tuple": (lambda t: t.expand((2, 3, 3)), np.stack([X, X])), "broadcast_to": (lambda t: t.broadcast_to((2, 3, 3)), np.stack([X, X])),
    "pad": (lambda t: t.pad(2), np.pad(X, ((0, 0), (2, 2)))), "pad pairs": (lambda t: t.pad((1, 0), 2), np.pad(X, ((1, 0), (2, 2)))),
    "pad as numpy": (lambda t: t.pad(((1, 0), (0, 2)), constant_values=3.0), np.pad(X, ((1, 0), (0, 2)), constant_values=3.0)),
    "pad mode": (lambda t: t.pad(1, mode="edge"), np.pad(X, ((0, 0), (1, 1)), mode="edge")),
    "flip": (lambda t: t.flip(0), X[::-1]), "roll": (lambda t: t.roll(1), np.roll(X, 1)), "tile": (lambda t: t.tile(2), np.tile(X, 2)),
    "tril": (lambda t: t.tril(), np.tril(X)), "triu": (lambda t: t.triu(1), np.triu(X, 1)), "diag": (lambda t: t.diag(), np.diag(X)),
    "diff": (lambda t: t.diff(), np.diff(X)), "sort": (lambda t: t.sort(0), np.sort(X, 0)), "ptp": (lambda t: t.ptp(), np.ptp(X)),
    "norm": (lambda t: t.norm(1, axis=0), L.norm(X, 1, axis=0)), "det": (lambda t: t.det(), L.det(X)), "inv": (lambda t: t.inv(), L.inv(X)),
    "einsum": (lambda t: t.einsum("ij,jk->ik", X), X @ X), "outer": (lambda t: t[0].outer(X[1]), np.outer(X[0], X[1])),
    "inner": (lambda t: t.inner(X), np.inner(X, X)), "vdot": (lambda t: t.vdot(X), np.vdot(X, X)),
    "tensordot": (lambda t: t.tensordot(X, 1), X @ X), "split": (lambda t: t.split(3), np.split(X, 3)),
    "take_along_axis": (lambda t: t.take_along_axis([[2, 1, 0]], 0), X[[2, 1, 0], [0, 1, 2]][None]),
    "logsumexp": (lambda t: t.logsumexp(0), np.log(np.exp(X).sum(0))), "softmax": (lambda t: t.softmax(0), np.exp(X)/np.exp(X).sum(0)),
    "log_softmax": (lambda t: t.log_softmax(), np.log(np.exp(X)/np.exp(X).sum(1, keepdims=True))),
}


@pytest.mark.parametrize("name", MORE)
def test_methods_that_arrays_have_not(name):
    t = Tensor(X, requires_grad=True)
    call, expected = MORE[name]
    out = call(t)
    same(out, expected)
    sum(np.sum(part*part) for part in (out if isinstance(out, list) else [out])).backward()
    assert t.grad.any()


def test_plain_answers():
    """Results without a derivative are plain: integers, bools, shapes."""
    t = Tensor([[0.0, 3.0], [2.0, 1.0]], requires_grad=True)
    a = t.data.copy()
    for f in (np.argmax, np.argmin, np.argsort, np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero, np.all, np.any,
              np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type, lambda x: np.argmax(x, axis=0),
              lambda x: np.where(x), lambda x: np.array_equal(x, a), lambda x: np.allclose(x, a + 1e-12), lambda x: np.isclose(a, x),
              lambda x: np.isin(x, [1.0]), L.matrix_rank):
        ours, theirs = f(t), f(a)
        assert type(ours) is type(theirs)
        assert np.array_equal(ours, theirs)
    for name in ("argmax", "argmin", "argsort", "nonzero", "all", "any"):
        assert np.array_equal(getattr(t, name)(), getattr(a, name)())
    assert cgrad.argmax(t) == 1
    assert cgrad.argmin(t, axis=1).tolist() == [0, 1]
    assert [p.tolist() for p in cgrad.nonzero(t)] == [[0, 1, 1], [1, 0, 1]]
    assert [p.tolist() for p in cgrad.where(t)] == [[0, 1, 1], [1, 0, 1]]
    assert len(cgrad.current_tape()) == 0


def test_arrays_like_a_tensor():
    t = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    for f, number in ((np.zeros_like, 0.0), (np.ones_like, 1.0), (lambda x: np.full_like(x, 2.5), 2.5)):
        made = f(t)
        assert type(made) is Tensor
        assert (made.shape, made.dtype, made.requires_grad) == ((2, 3), np.float32, False)
        assert made.tolist() == [[number]*3]*2
    assert np.empty_like(t).shape == (2, 3)
    assert np.zeros_like(Value(2.0)) == 0.0
    assert np.zeros_like(t, dtype=int).dtype == int


VALUES = {
    "sum": (np.sum, 2.0), "mean": (np.mean, 2.0), "prod": (np.prod, 2.0), "max": (np.max, 2.0), "min": (np.min, 2.0),
    "cumsum": (np.cumsum, [2.0]), "broadcast_to": (lambda v: np.broadcast_to(v, (3,)), [2.0]*3),
    "stack": (lambda v: np.stack([v, v*v, v]), [2.0, 4.0, 2.0]), "stack numbers": (lambda v: np.stack([v, 1, 0.5, np.float64(3.0)]), [2.0, 1.0, 0.5, 3.0]),
    "stack column": (lambda v: cgrad.stack([v, v], axis=-1), [2.0, 2.0]),
    "stack of lists": (lambda v: cgrad.stack([[v, 1.0], [0.0, v]]), [[2.0, 1.0], [0.0, 2.0]]),
    "concatenate": (lambda v: cgrad.concatenate([[v], [1.0, v]]), [2.0, 1.0, 2.0]),
    "reshape": (lambda v: np.reshape(v, (1, 1)), [[2.0]]), "ravel": (np.ravel, [2.0]), "atleast_2d": (np.atleast_2d, [[2.0]]),
    "expand_dims": (lambda v: np.expand_dims(v, 0), [2.0]), "outer": (lambda v: np.outer(v, [1.0, 2.0]), [[2.0, 4.0]]),
    "dot": (lambda v: np.dot(v, [1.0, 2.0]), [2.0, 4.0]), "einsum": (lambda v: np.einsum(",i->i", v, [1.0, 2.0]), [2.0, 4.0]),
    "where": (lambda v: np.where([True, False], v, 1.0), [2.0, 1.0]), "norm": (np.linalg.norm, 2.0), "copy": (np.copy, 2.0),
    "sums of a list": (lambda v: cgrad.sum([v, v, 1.0]), 5.0), "mean of a list": (lambda v: cgrad.mean([v, 4.0]), 3.0),
    "logsumexp of a list": (lambda v: cgrad.logsumexp([v, v]), 2.0 + np.log(2.0)), "max of a list": (lambda v: cgrad.max([1.0, v]), 2.0),
    "matmul of lists": (lambda v: cgrad.matmul([[v, 1.0]], [1.0, v]), [4.0]), "softmax": (lambda v: cgrad.softmax([v, v]), [0.5, 0.5]),
    "transpose": (np.transpose, 2.0), "repeat": (lambda v: np.repeat(v, 2), [2.0, 2.0]), "squeeze": (np.squeeze, 2.0),
    "var": (np.var, 0.0), "median": (lambda v: cgrad.median([v, 1.0, 4.0]), 2.0), "interp": (lambda v: np.interp(v, [0.0, 3.0], [1.0, 7.0]), 5.0),
    "interp of values": (lambda v: cgrad.interp([0.5, 1.0], [0.0, v], [v, 4.0]), [2.5, 3.0]), "linspace": (lambda v: np.linspace(0.0, v, 3), [0.0, 1.0, 2.0]),
    "trapezoid": (lambda v: cgrad.trapezoid([v, 1.0], [0.0, v]), 3.0), "polyval": (lambda v: np.polyval([1.0, v], v), 4.0),
    "convolve": (lambda v: cgrad.convolve([v, 1.0], [v]), [4.0, 2.0]), "quantile": (lambda v: cgrad.quantile([v, 1.0], 0.25), 1.25), "sort": (lambda v: cgrad.sort([3.0, v]), [2.0, 3.0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    """A Value is a scalar to every op: and it gets its gradient."""
    call, expected = VALUES[name]
    v = Value(2.0)
    out = call(v)
    assert type(out) is (Tensor if np.ndim(expected) else Value)
    np.testing.assert_allclose(out.tolist() if np.ndim(expected) else out.item(), expected, rtol=1e-15)
    weights = np.arange(1.0, 1.0 + np.size(expected)).reshape(np.shape(expected))
    np.sum(out*weights).backward()
    step = 1e-6
    up, down = (np.sum(call(Value(2.0 + sign*step))*weights).item() for sign in (1, -1))
    assert abs(v.grad - (up - down)/(2*step)) < 1e-8


def test_dot_of_sequences_and_of_arrays():
    """cgrad.dot of lists is one node of the scalar core; of arrays it is NumPy's."""
    a, b = Value(1.0), Value(2.0)
    assert cgrad.dot([a, b], [3.0, 4.0], 0.5)._name_of_op == "dot"
    assert cgrad.dot([1.0, 2.0], [3.0, 4.0]) == 11.0
    t = Tensor([1.0, 2.0], requires_grad=True)
    for out in (cgrad.dot(t, [3.0, 4.0]), cgrad.dot([3.0, 4.0], t), cgrad.dot(np.array([3.0, 4.0]), t), cgrad.dot(t, [a*3, b*2])):
        assert type(out) is Value
        assert out.item() == 11.0
    assert cgrad.dot(t, [3.0, 4.0], 1.0).item() == 12.0
    assert cgrad.dot(t, [[3.0], [4.0]], b).tolist() == [13.0]
    assert cgrad.dot(np.eye(2), np.array([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_stack_gathers_values_in_one_node():
    values = [Value(float(k)) for k in range(5)]
    out = cgrad.stack(values)
    assert out._name_of_op == "gather"
    (out*np.arange(5.0)).sum().backward()
    assert [v.grad for v in values] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_elements_out_and_in_again():
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    (cgrad.stack([x*x for x in t])*np.array([1.0, 10.0, 100.0])).sum().backward()
    assert t.grad.tolist() == [2.0, 40.0, 600.0]


def test_operands_of_every_kind_beside_a_tensor():
    """Lists, arrays, Values and numbers: in products and in joins."""
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    v = Value(2.0)
    same(t @ [1.0, 1.0], [3.0, 7.0])
    same([[1.0, 1.0]] @ t, [[4.0, 6.0]])
    same(np.ones((1, 2)) @ t, [[4.0, 6.0]])
    same(np.ones((1, 2), int) @ t, [[4.0, 6.0]])
    same(cgrad.matmul(t, [v, 1.0]), [4.0, 10.0])
    same(cgrad.concatenate([t, [[v, v]]]), [[1.0, 2.0], [3.0, 4.0], [2.0, 2.0]])
    same(cgrad.stack([t[0, 0], v, 5]), [1.0, 2.0, 5.0])
    same(np.where([[True, False]]*2, t, v), [[1.0, 2.0], [3.0, 2.0]])
    same(cgrad.einsum("ij,j->i", t, [1, 2]), [5.0, 11.0])
    same(cgrad.solve(t, [1, 1]), np.linalg.solve(t.data, [1.0, 1.0]))


def test_every_public_op_is_exported_and_documented():
    for name in cgrad.ops.__all__:
        assert getattr(cgrad, name) is getattr(cgrad.ops, name)
        assert f"{name}(" in getattr(cgrad, name).__doc__ or name in ("amax", "amin", "permute", "unsqueeze")


@pytest.mark.parametrize("module, name", [("reduce", "softmax"), ("reduce", "cumsum"), ("combine", "matmul")])
def test_pickles_find_functions_in_the_module_that_they_came_from(module, name):
    function = pickle.loads(f"ccgrad.ops.{module}\n{name}\n.".encode())
    assert function is getattr(cgrad, name)
    assert pickle.loads(pickle.dumps(function)) is function


def test_the_large_einsum_finds_an_order_of_products():
    """As matrix products it takes milliseconds; as one loop over all labels it would take minutes."""
    x = Tensor(np.ones((60, 60)), requires_grad=True)
    out = cgrad.einsum("ij,jk,kl,lm->im", x, x, x, x)
    assert out[0, 0].item() == 60.0**3
    out.sum().backward()
    assert x.grad[0, 0] == 4*60.0**3
