"""Bad arguments of structural ops: an error that names the op and the shapes, raised before anything is recorded."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.exceptions import AxisError
from numpy.linalg import LinAlgError

import cgrad
from cgrad import Tensor, Value, errors

NAN = float("nan")


def t(*shape):
    return Tensor(np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape), requires_grad=True)


# function of errors, what raises it, its type, words of the message
CASES = [
    ("no_argument", lambda: cgrad.matmul(t(2, 2), t(2, 2), out=np.zeros((2, 2))), TypeError, "matmul: out="),
    ("no_argument", lambda: cgrad.concatenate([t(2), t(2)], out=np.zeros(4)), TypeError, "concatenate: out="),
    ("no_argument", lambda: cgrad.einsum("i->", t(2), out=np.zeros(())), TypeError, "einsum: out="),
    ("no_argument", lambda: cgrad.take(t(2), 0, out=np.zeros(())), TypeError, "take: out="),
    ("no_argument", lambda: cgrad.sum(t(2), out=np.zeros(())), TypeError, "sum: out= is not taken"),
    ("no_out", lambda: np.sum(t(2), out=np.zeros(())), TypeError, "sum: out= would write into a recorded graph"),
    ("no_argument", lambda: np.sum(t(2), dtype=np.float32), TypeError, r"sum: dtype= is not taken: use \.astype"),
    ("no_argument", lambda: np.sum(t(2), where=[True, False]), TypeError, "sum: where= .* cgrad.where"),
    ("no_argument", lambda: np.max(t(2), initial=0.0), TypeError, "max: initial= is not taken"),
    ("no_argument", lambda: cgrad.mean(t(2), frobnicate=1), TypeError, "mean: frobnicate= is not taken"),
    ("no_out", lambda: np.matmul(t(2, 2), t(2, 2), out=np.zeros((2, 2))), TypeError, "matmul: out= would write into a recorded graph"),
    ("no_out", lambda: np.concatenate([t(2), t(2)], out=np.zeros(4)), TypeError, "concatenate: out= would write into a recorded graph"),
    ("no_out", lambda: np.einsum("i->", t(2), out=np.zeros(())), TypeError, "einsum: out= would write into a recorded graph"),
    ("no_out", lambda: np.add.reduce(t(2), out=np.zeros(())), TypeError, "add: out= would write into a recorded graph"),
    ("no_out", lambda: np.clip(t(2), 0.0, 1.0, out=np.zeros(2)), TypeError, "clip: out= would write into a recorded graph"),
    ("no_out", lambda: np.take(t(2), 0, out=np.zeros(())), TypeError, "take: out= would write into a recorded graph"),
    ("no_argument", lambda: np.diff(t(2), prepend=0.0), TypeError, "diff: prepend= is not taken"),
    ("no_numbers", lambda: cgrad.stack([Value(1.0), "a"]), TypeError, "stack: operand is 'a' of <U1, not an array of real numbers"),
    ("no_numbers", lambda: cgrad.stack([Value(1.0), None]), TypeError, "stack: operand is None of object"),
    ("no_numbers", lambda: t(2) @ np.array([1j, 0.0]), TypeError, r"matmul: operand is an array of shape \(2,\) of complex128.*\.real"),
    ("no_numbers", lambda: np.concatenate([t(2), np.array(["a"])]), TypeError, "concatenate: .* of <U1"),
    ("no_numbers", lambda: t(2).dot(np.array([None, 1.0])), TypeError, "of object, not an array of real numbers"),
    ("no_numbers", lambda: cgrad.einsum("i,i", t(2), [1.0, 1j]), TypeError, "einsum: .* of complex128"),
    ("ragged_rows", lambda: cgrad.concatenate([t(2), [[1.0], [1.0, 2.0]]]), ValueError, "concatenate: operand has rows"),
    ("axis_type", lambda: t(2).sum(axis=1.5), TypeError, r"sum: axis is a float \(1.5\): give an int"),
    ("axis_type", lambda: t(2).sum(axis="x"), TypeError, "sum: axis is a str"),
    ("bad_axis", lambda: t(2, 3).sum(axis=2), AxisError, r"sum: axis 2 of an array of shape \(2, 3\): it has 2, counted from 0"),
    ("bad_axis", lambda: t(2, 3).max(axis=(0, -3)), AxisError, r"max: axis -3 of an array of shape \(2, 3\)"),
    ("bad_axis", lambda: cgrad.cumsum(t(2), 1), AxisError, "cumsum: axis 1"),
    ("bad_axis", lambda: cgrad.softmax(t(2), 1), AxisError, "softmax: axis 1"),
    ("bad_axis", lambda: cgrad.swapaxes(t(2), 0, 1), AxisError, "swapaxes: axis 1"),
    ("bad_axis", lambda: cgrad.sort(t(2), 1), AxisError, "sort: axis 1"),
    ("bad_axis", lambda: cgrad.stack([t(2)], 2), AxisError, "stack: axis 2"),
    ("repeated_axis", lambda: t(2, 3).mean(axis=(0, -2)), ValueError, r"mean: axes \(0, -2\) .* name each axis once"),
    ("new_axis", lambda: cgrad.expand_dims(t(2), 2), AxisError, r"expand_dims: new axis 2 for \(2,\)"),
    ("bad_reshape", lambda: t(3, 4).reshape(5), ValueError, r"reshape: cannot make \(3, 4\) into 5"),
    ("bad_reshape", lambda: t(3, 4).reshape(5, -1), ValueError, r"reshape: cannot make \(3, 4\) into \(5, -1\)"),
    ("bad_reshape", lambda: np.reshape(t(4), (-1, -1)), ValueError, "at most one -1"),
    ("bad_reshape", lambda: t(4).reshape("x"), ValueError, "reshape: cannot make"),
    ("bad_squeeze", lambda: cgrad.squeeze(t(1, 2), 1), ValueError, r"squeeze: axis 1 of \(1, 2\) is not of length 1"),
    ("bad_permutation", lambda: t(2, 3).transpose(0), ValueError, r"transpose: axes \(0,\) for \(2, 3\)"),
    ("repeated_axis", lambda: t(2, 3).transpose(0, 0), ValueError, r"transpose: axes \(0, 0\)"),
    ("bad_moveaxis", lambda: cgrad.moveaxis(t(2, 3), [0, 1], 0), ValueError, r"moveaxis: \[0, 1\] to 0"),
    ("no_matrix", lambda: cgrad.tril(t(2)), ValueError, r"tril: \(2,\) is not a matrix"),
    ("no_matrix", lambda: cgrad.diagonal(t(2)), ValueError, "diagonal: .* is not a matrix"),
    ("no_matrix", lambda: cgrad.svd(t(2)), ValueError, "svd: .* is not a matrix"),
    ("no_matrix", lambda: t(2).mT, ValueError, "matrix_transpose: .* is not a matrix"),
    ("bad_broadcast", lambda: cgrad.broadcast_to(t(2), (3,)), ValueError, r"broadcast_to: \(2,\) does not broadcast to \(3,\)"),
    ("bad_broadcast", lambda: t(2).expand(-1, 2), ValueError, r"expand: \(2,\) does not broadcast to \(-1, 2\)"),
    ("no_common_shape", lambda: cgrad.broadcast_arrays(t(2), t(3)), ValueError, r"broadcast_arrays: shapes \(2,\), \(3,\)"),
    ("bad_pad", lambda: cgrad.pad(t(2), -1), ValueError, r"pad: width -1 for \(2,\)"),
    ("bad_pad", lambda: cgrad.pad(t(2), 1.5), ValueError, "pad: width 1.5"),
    ("bad_pad", lambda: t(2).pad(1, 2), ValueError, r"pad: width \(1, 2\) for \(2,\)"),
    ("bad_option", lambda: cgrad.pad(t(2), 1, mode="linear_ramp"), ValueError, "pad: mode is 'linear_ramp': give 'constant'"),
    ("bad_option", lambda: cgrad.reshape(t(2), (2,), order="K"), ValueError, "reshape: order is 'K'"),
    ("bad_option", lambda: cgrad.repeat(t(2), [1, 2, 3]), ValueError, "repeat: repeats"),
    ("bad_option", lambda: cgrad.repeat(t(2), 1.5), ValueError, "repeat: repeats is 1.5"),
    ("bad_option", lambda: cgrad.tile(t(2), -1), ValueError, "tile: reps is -1"),
    ("bad_option", lambda: cgrad.roll(t(2, 2), (1, 2, 3), (0, 1)), ValueError, "roll: shift"),
    ("bad_option", lambda: cgrad.rot90(t(2, 2), 1, (0,)), ValueError, "rot90: axes"),
    ("bad_option", lambda: cgrad.take(t(2), 0, mode="x"), ValueError, "take: mode is 'x'"),
    ("bad_option", lambda: cgrad.var(t(2), ddof=1, correction=1), ValueError, "var: correction is 1"),
    ("bad_option", lambda: cgrad.diff(t(2), -1), ValueError, "diff: n is -1"),
    ("bad_option", lambda: cgrad.split(t(2), 0), ValueError, "split: parts is 0"),
    ("bad_option", lambda: cgrad.compress([[True]], t(2)), ValueError, "compress: condition"),
    ("bad_option", lambda: cgrad.svd(t(2, 3), full_matrices=True), ValueError, "svd: full_matrices is True"),
    ("bad_option", lambda: cgrad.eigh(t(2, 2), "U"), ValueError, "eigh: UPLO is 'U'"),
    ("bad_cast", lambda: t(2).astype(np.int64), TypeError, "astype: dtype int64 has no derivative"),
    ("bad_cast", lambda: t(2).astype(complex), TypeError, "astype: dtype complex128"),
    ("bad_weights", lambda: cgrad.average(t(2), weights=[1.0, 2.0, 3.0]), ValueError, r"weights of shape \(3,\) for \(2,\)"),
    ("empty_reduction", lambda: t(0).max(), ValueError, r"max: there are no elements in \(0,\)"),
    ("empty_reduction", lambda: t(0, 2).min(axis=0), ValueError, r"min: there are no elements in \(0, 2\)"),
    ("bad_index", lambda: t(2, 3)[2], IndexError, r"getitem: bad index of an array of shape \(2, 3\): index 2 is out of bounds"),
    ("bad_index", lambda: t(2)[0, 0], IndexError, "getitem: .* too many indices"),
    ("bad_index", lambda: t(2)[np.array([True, False, True])], IndexError, "getitem: .* boolean index did not match"),
    ("bad_index", lambda: cgrad.take(t(2), [2]), IndexError, "getitem: .* out of bounds"),
    ("bad_index", lambda: t(3)[[0, 1], [0, 1, 2]], IndexError, "getitem"),
    ("bad_index", lambda: t(3)[1.5:], IndexError, "getitem: .* slice indices must be integers"),
    ("bad_index", lambda: t(3)[::0], IndexError, "getitem: .* step cannot be zero"),
    ("index_type", lambda: t(2)[np.array([0.0, 1.0])], IndexError, r"getitem: index is an array of shape \(2,\) of float64: .* plain ints"),
    ("index_type", lambda: t(2)[np.array([1.0, NAN])], IndexError, "getitem: index is .* of float64"),
    ("index_type", lambda: t(2)[t(2)], IndexError, "getitem: index is .* of float64"),
    ("index_type", lambda: t(2)[1.0], IndexError, r"getitem: index is a float \(1.0\)"),
    ("index_type", lambda: t(2)["x"], IndexError, "getitem: index is a str"),
    ("index_type", lambda: t(2)[Value(1.0)], IndexError, "getitem: index is a Value"),
    ("index_type", lambda: t(2)[Value(0.0):], IndexError, "getitem: index is a Value"),
    ("index_type", lambda: t(2)[[Value(0.0)]], IndexError, "getitem: index is a Value"),
    ("index_type", lambda: t(2)[np.array([None, 0])], IndexError, "getitem: index is .* of object"),
    ("index_type", lambda: t(2)[1j], IndexError, "getitem: index is a complex"),
    ("index_type", lambda: cgrad.take(t(2), [0.5]), IndexError, "getitem: index is"),
    ("index_type", lambda: cgrad.take_along_axis(t(2), np.array([True, False]), 0), IndexError, "getitem: index is"),
    ("bad_along", lambda: cgrad.take_along_axis(t(2, 2), [0, 1], 0), ValueError, r"take_along_axis: indices of shape \(2,\) for \(2, 2\)"),
    ("bad_along", lambda: cgrad.take_along_axis(t(2, 2), [[0], [0], [0]], 1), ValueError, r"indices of shape \(3, 1\) for \(2, 2\)"),
    ("where_sides", lambda: cgrad.where(t(2), t(2)), TypeError, "where: one of x and y"),
    ("lengths", lambda: cgrad.select([True], []), ValueError, "select: operands 1 and 2 have 1 and 0 elements"),
    ("bad_diag", lambda: cgrad.diag(t(1, 1, 1)), ValueError, r"diag: of an array of shape \(1, 1, 1\)"),
    ("stack_shapes", lambda: cgrad.stack([t(2), t(3)]), ValueError, r"stack: shapes \(2,\), \(3,\) differ"),
    ("stack_shapes", lambda: cgrad.stack([t(2), Value(1.0)]), ValueError, r"stack: shapes \(2,\), \(\) differ"),
    ("concatenate_shapes", lambda: cgrad.concatenate([t(2, 2), t(2, 3)]), ValueError, r"concatenate: shapes \(2, 2\), \(2, 3\) along axis 0"),
    ("concatenate_shapes", lambda: cgrad.concatenate([t(2), t(2, 2)]), ValueError, "concatenate: shapes"),
    ("concatenate_shapes", lambda: cgrad.concatenate([Value(1.0), t(2)]), ValueError, r"concatenate: shapes \(\), \(2,\) .* no scalars"),
    ("nothing", lambda: cgrad.concatenate([]), ValueError, "concatenate: the list holds no array"),
    ("nothing", lambda: cgrad.stack([]), ValueError, "stack: the list holds no array"),
    ("nothing", lambda: cgrad.multi_dot([t(2)]), ValueError, "multi_dot: the list holds no second array"),
    ("nothing", lambda: cgrad.einsum(), ValueError, "einsum: the call holds no operand"),
    ("bad_split", lambda: cgrad.split(t(3), 2), ValueError, r"split: axis 0 of \(3,\) is not divided by 2: use array_split"),
    ("bad_matmul", lambda: t(3, 4) @ t(3, 4), ValueError, r"matmul: \(3, 4\) with \(3, 4\): the last axis of the first"),
    ("bad_matmul", lambda: t(3) @ t(4), ValueError, r"matmul: \(3,\) with \(4,\)"),
    ("bad_matmul", lambda: t(2, 3, 4) @ t(3, 4, 5), ValueError, "matmul: .* must broadcast"),
    ("bad_matmul", lambda: t(3) @ 2.0, ValueError, r"matmul: \(3,\) with \(\): a scalar is not a matrix: use \*"),
    ("bad_matmul", lambda: np.ones((2, 2)) @ t(3, 3), ValueError, r"matmul: \(2, 2\) with \(3, 3\)"),
    ("bad_matmul", lambda: np.dot(t(2, 3), t(2)), ValueError, r"matmul: \(2, 3\) with \(2,\)"),
    ("bad_product", lambda: np.dot(t(3), t(2, 2, 2)), ValueError, r"dot: \(3,\) with \(2, 2, 2\)"),
    ("bad_product", lambda: np.inner(t(3), t(2)), ValueError, r"inner: \(3,\) with \(2,\)"),
    ("bad_product", lambda: np.vdot(t(3), t(2)), ValueError, r"vdot: \(3,\) with \(2,\)"),
    ("bad_product", lambda: np.tensordot(t(3, 2), t(3, 2)[0]), ValueError, r"tensordot: \(3, 2\) with \(2,\)"),
    ("bad_product", lambda: np.tensordot(t(3), t(2), ([0], [0])), ValueError, r"tensordot: \(3,\) with \(2,\)"),
    ("bad_cross", lambda: np.cross(t(2), t(2)), ValueError, r"cross: \(2,\) with \(2,\): give vectors of 3"),
    ("einsum_shapes", lambda: cgrad.einsum("ij,jk", t(2, 3), t(2, 3)), ValueError, r"einsum: ij,jk->ik of \(2, 3\), \(2, 3\)"),
    ("einsum_shapes", lambda: cgrad.einsum("ii", t(2, 3)), ValueError, "einsum: ii->i"),
    ("einsum_operands", lambda: cgrad.einsum("ij,jk", t(2, 3)), ValueError, "einsum: 'ij,jk' with 1 operands"),
    ("einsum_labels", lambda: cgrad.einsum("ijk", t(2, 3)), ValueError, "einsum: 'ijk' in 'ijk' for an operand of 2 axes"),
    ("einsum_text", lambda: cgrad.einsum("i1->i", t(2, 3)), ValueError, "einsum: 'i1->i': give letters as labels"),
    ("einsum_text", lambda: cgrad.einsum("ij->ik", t(2, 3)), ValueError, "einsum: 'ij->ik'"),
    ("einsum_text", lambda: cgrad.einsum("ij->ii", t(2, 3)), ValueError, "einsum: 'ij->ii'"),
    ("einsum_text", lambda: cgrad.einsum("...i->i", t(2, 3)), ValueError, "einsum: .* ellipsis"),
    ("no_vector", lambda: cgrad.polyval(t(2, 2), 1.0), ValueError, r"polyval: operand of shape \(2, 2\) is not a vector"),
    ("no_vector", lambda: cgrad.convolve(t(2), t(2, 2)), ValueError, "convolve: operand of shape"),
    ("bad_points", lambda: cgrad.interp(t(2), [0.0, 1.0], t(3)), ValueError, r"interp: xp of shape \(2,\) and fp of shape \(3,\)"),
    ("bad_points", lambda: cgrad.interp(0.5, [], []), ValueError, "interp: .* with a point"),
    ("empty_reduction", lambda: cgrad.median(t(0)), ValueError, "median"),
    ("needs_number", lambda: cgrad.quantile(t(2), Value(0.5)), TypeError, "quantile: q has no derivative"),
    ("bad_option", lambda: cgrad.percentile(t(2), 101), ValueError, "percentile: q is .*give numbers from 0 to 100"),
    ("bad_option", lambda: cgrad.quantile(t(2), 0.5, method="nearest"), ValueError, "quantile: method is 'nearest'"),
    ("bad_option", lambda: cgrad.convolve(t(2), t(2), "all"), ValueError, "convolve: mode is 'all'"),
    ("bad_option", lambda: cgrad.linspace(t(2), 1.0, -1), ValueError, "linspace: num is -1"),
    ("bad_option", lambda: cgrad.searchsorted(t(2), 1.0, sorter=t(2)), ValueError, "searchsorted: sorter is"),
    ("nothing", lambda: cgrad.convolve(t(2), t(0)), ValueError, "convolve: a vector holds no element"),
    ("not_square", lambda: cgrad.inv(t(2, 3)), ValueError, r"inv: \(2, 3\) is not a square matrix"),
    ("not_square", lambda: cgrad.det(t(2)), ValueError, r"det: \(2,\) is not a square matrix"),
    ("not_square", lambda: cgrad.solve(t(2, 3), t(2)), ValueError, "solve: .* is not a square matrix"),
    ("singular", lambda: cgrad.inv(t(2, 2)*0.0), LinAlgError, r"inv: the matrix of \(2, 2\) is singular"),
    ("singular", lambda: cgrad.solve(t(2, 2, 2)*0.0, t(2)), LinAlgError, r"solve: one of the matrices of \(2, 2, 2\) is singular"),
    ("not_positive", lambda: cgrad.cholesky(-t(2, 2)), LinAlgError, r"cholesky: the matrix of \(2, 2\) is not positive definite"),
    ("bad_solve", lambda: cgrad.solve(Tensor(np.eye(2)), t(3)), ValueError, r"solve: \(2, 2\) with \(3,\)"),
    ("bad_solve", lambda: cgrad.solve(Tensor(np.ones((2, 3, 3)) + np.eye(3)), t(5, 3, 1)), ValueError, r"solve: \(2, 3, 3\) with \(5, 3, 1\)"),
    ("bad_norm", lambda: cgrad.norm(t(2), "fro"), ValueError, r"norm: ord='fro' over axes \(0,\) of \(2,\)"),
    ("bad_norm", lambda: cgrad.norm(t(2, 2), 3), ValueError, r"norm: ord=3 over axes \(0, 1\)"),
    ("bad_norm", lambda: cgrad.norm(t(2, 2, 2), 1), ValueError, "norm: ord=1 over axes"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[3][:30]}")
def test_each_message(case, monkeypatch):
    """It comes from the function named, names the op, and nothing was recorded: the graph before is as it was."""
    name, call, kind, words = case
    seen = []
    original = getattr(errors, name)

    def counted(*args, **kwargs):
        seen.append(name)
        return original(*args, **kwargs)

    monkeypatch.setattr(errors, name, counted)
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = (x*x).sum()
    with pytest.raises(kind) as error:
        call()
    assert seen == [name]
    text = str(error.value)
    assert re.search(words, text), text
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("call", [
    lambda x: x.reshape(5), lambda x: x @ x[:1], lambda x: x.sum(axis=3), lambda x: x[np.array([0.5])],
    lambda x: cgrad.einsum("i->", x), lambda x: cgrad.concatenate([x, Value(1.0)]), lambda x: cgrad.norm(x, "abc"),
    lambda x: cgrad.stack([x, x[0]]), lambda x: x.pad(-1), lambda x: cgrad.take(x, [9]),
])
def test_nothing_is_recorded(call):
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    x.sum()
    tape = cgrad.current_tape()
    tape._collect()
    before = len(tape)
    with pytest.raises((ValueError, IndexError, TypeError)):
        call(x)
    tape._collect()
    assert len(tape) == before


def test_axis_errors_are_numpys():
    """A program that catches NumPy's, or ValueError, or IndexError, catches ours."""
    for kind in (AxisError, ValueError, IndexError):
        with pytest.raises(kind):
            np.sum(t(2), axis=5)


def test_each_function_of_errors_has_a_case():
    assert set(errors.structural.__all__) <= {case[0] for case in CASES}
