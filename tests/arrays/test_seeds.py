"""Several seeds in one call where the graph has arrays."""

import numpy as np

import cgrad
from cgrad import Tensor, Value


def test_several_seeds_over_arrays():
    t, v = Tensor([1.0, 2.0, 3.0], requires_grad=True), Value(2.0)
    square = t*t
    outputs = [square.sum()*v, t[0]*t[2], v*v]
    seeds = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, -2.0, 3.0]])
    together = cgrad.gradients(outputs, seed=seeds)
    for x in (t, v, square, outputs[0]):
        apart = [cgrad.gradients(outputs, seed=row).wrt(x) for row in seeds]
        np.testing.assert_array_equal(together.wrt(x), np.array(apart))
    assert together.wrt(Value(1.0)).tolist() == [0.0, 0.0, 0.0]
    named = cgrad.gradients(outputs, [t, v], seed=seeds)
    np.testing.assert_array_equal(named.wrt(t), together.wrt(t))
    assert t.grad.tolist() == [0.0, 0.0, 0.0]


def test_several_tangents_over_arrays():
    v, w = Value(2.0), Value(3.0)
    out = (np.array([1.0, 2.0])*v*w).sum()
    assert cgrad.tangents(out, [v, w], seed=[[1.0, 0.0], [0.0, 1.0]]).tolist() == [9.0, 6.0]
    t = Tensor([1.0, 2.0], requires_grad=True)
    assert cgrad.tangents(t*t, t).tolist() == [2.0, 4.0]
    assert cgrad.tangents([t.sum(), t[1]], [t], seed=[np.array([1.0, 10.0])]) == [11.0, 10.0]
