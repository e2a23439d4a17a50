"""Arguments that batches refuse, each with its error: points, axes, options, vectors, paths."""

import numpy as np
import pytest
from programs_support import guarded

import cgrad
from cgrad import _core

X = np.array([1.0, 2.0, 3.0])


def two(x):
    return cgrad.exp(x)*x if x > 0.25 else x*x - 3.0


REFUSED = {
    "no axis of points": (lambda p: p.map(1.0), ValueError, "no argument has an axis of points"),
    "a list of numbers": (lambda p: p.map([1.0, 2.0]), ValueError, "give arrays"),
    "all the same": (lambda p: p.map(X, in_axes=None), ValueError, "no argument has an axis of points"),
    "different numbers of points": (lambda p: p.map(X, X[:2]), ValueError, "3 of argument 1, 2 of argument 2"),
    "an axis too many": (lambda p: p.map(X, in_axes=1), ValueError, r"shape \(3,\), no axis 1"),
    "an axis below all": (lambda p: p.map(X, in_axes=-2), ValueError, "no axis -2"),
    "more axes than arguments": (lambda p: p.map(X, in_axes=(0, 0)), ValueError, "does not go with 1 arguments"),
    "fewer axes than arguments": (lambda p: p.map(X, X, in_axes=(0,)), ValueError, "does not go with 2 arguments"),
    "axes that are no numbers": (lambda p: p.map(X, in_axes="first"), ValueError, "in_axes 'first' does not go with"),
    "axes of another structure": (lambda p: p.map([X, X], in_axes=([0],)), ValueError, "does not go with a list"),
    "axes by other names": (lambda p: p.map({"a": X}, in_axes=({"b": 0},)), ValueError, "does not go with a dict"),
    "another reduction": (lambda p: p.map(X, reduce="mean"), ValueError, "reduce"),
    "no threads": (lambda p: p.map(X, threads=0), ValueError, "threads"),
    "half a thread": (lambda p: p.map(X, threads=1.5), ValueError, "threads"),
    "progress of a number": (lambda p: p.map(X, progress=5), ValueError, "progress"),
    "Values": (lambda p: p.map(cgrad.Value(1.0)), TypeError, "arguments are plain numbers and arrays"),
    "Tensors": (lambda p: p.map(cgrad.Tensor(X)), TypeError, "arguments are plain numbers and arrays"),
    "arrays of objects": (lambda p: p.map(np.array([cgrad.Value(1.0)], object)), TypeError, "arguments are plain numbers and arrays"),
    "complex numbers": (lambda p: p.map(X + 1j), TypeError, "complex"),
    "long doubles": (lambda p: p.map(X.astype(np.longdouble)), TypeError, "float128|longdouble"),
    "what has no hash": (lambda p: p.map(X, bytearray(b"a")), TypeError, "not a number, an array or a structure"),
    "values of more than one number": (lambda p: p.map_value_and_grad(X), TypeError, "not one number"),
    "second derivatives of several numbers": (lambda p: p.map_hvp(X, v=X), TypeError, "not one number"),
    "no such argument": (lambda p: p.map_value_and_grad(X, argnums=1), ValueError, "argnums 1 is not the number of an argument"),
    "no argument of that name": (lambda p: p.map_jacobian(X, argnums="x"), ValueError, "argnums 'x' is not the number of an argument"),
    "nothing to differentiate by": (lambda p: p.map_jacobian(X, "text", argnums=1), TypeError, "which has no derivative"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    run, kind, message = REFUSED[what]
    p = cgrad.compile(lambda x, y=1.0: [x, x])
    with pytest.raises(kind, match=message):
        run(p)
    assert p.map(X)[0].tolist() == X.tolist()


@pytest.mark.parametrize("v", [1.0, np.float64(1.0), np.ones(2), np.ones((3, 1)), [np.ones(3), np.ones(3)], np.array(1.0), None, "v"], ids=repr)
def test_vectors_that_do_not_fit(v):
    p = cgrad.compile(lambda x: x*x)
    with pytest.raises(ValueError, match="v"):
        p.map_hvp(X, v=v)
    with pytest.raises(TypeError, match="'v'"):
        p.map_hvp(X)
    q = cgrad.compile(lambda x, y: x*y)
    assert [g.tolist() for g in q.map_hvp(X, X, v=(X, 0*X), argnums=(0, 1))] == [[0.0]*3, X.tolist()]


def test_batches_are_not_recorded():
    p = cgrad.compile(lambda x: x*x)
    q = cgrad.compile(lambda x: x + p.map(X)[0])
    with pytest.raises(cgrad.TraceError, match="map"):
        q(1.0)
    with pytest.raises(cgrad.TraceError, match="map"):
        q.map(X)
    assert not _core.recording() and p.map(X).tolist() == [1.0, 4.0, 9.0]


def test_a_path_alone_refuses_points_of_others():
    p = guarded(two)
    p(1.0)
    program = p.programs[0]
    assert np.allclose(program.map(X), X*np.exp(X))
    for run in (program.map, program.map_value_and_grad, program.map_jacobian):
        with pytest.raises(cgrad.GuardError, match="x > 0.25"):
            run(np.array([1.0, -1.0, 2.0]))
    with pytest.raises(TypeError, match="was recorded for"):
        program.map(np.ones((3, 2)))
    with pytest.raises(TypeError, match="was recorded for"):
        program.map(X, X)


def test_captured_arrays_of_other_shapes():
    w = cgrad.Tensor([1.0, 2.0])
    p = cgrad.compile(lambda x: (w*x).sum())
    assert p.map(X).tolist() == [3.0, 6.0, 9.0]
    program = p.programs[0]
    w.data = np.array([1.0, 2.0, 3.0])
    with pytest.raises(cgrad.GuardError, match="another shape"):
        program.map(X)
    assert p.map(X).tolist() == [6.0, 12.0, 18.0] and len(p.programs) == 2
