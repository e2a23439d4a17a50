"""New tensors: filled, drawn, in the shape of another."""

import numpy as np
import pytest

import cgrad
from cgrad import Tensor


@pytest.mark.parametrize("name", ["zeros", "ones", "rand", "randn"])
def test_shapes_dtypes_and_flags(name):
    make = getattr(cgrad, name)
    for args, shape in (((), ()), ((3,), (3,)), (((3,),), (3,)), ((2, 0), (2, 0)), (([2, 4],), (2, 4))):
        t = make(*args)
        assert type(t) is Tensor
        assert t.shape == shape
        assert t.dtype == np.float64
        assert t.requires_grad is False
    t = make(2, requires_grad=True, dtype=np.float32, name="w")
    assert (t.dtype, t.requires_grad, t.name) == (np.float32, True, "w")
    (t*t).sum().backward()
    np.testing.assert_allclose(t.grad, 2*t.data, rtol=1e-6)


def test_numbers():
    assert cgrad.zeros(2).tolist() == [0.0, 0.0]
    assert cgrad.ones(2).tolist() == [1.0, 1.0]
    assert cgrad.full((1, 2), 7).tolist() == [[7.0, 7.0]]
    assert cgrad.rand(5, rng=3).tolist() == np.random.default_rng(3).random(5).tolist()
    assert cgrad.randn(5, rng=np.random.default_rng(3)).tolist() == np.random.default_rng(3).standard_normal(5).tolist()
    assert cgrad.rand(4).tolist() != cgrad.rand(4).tolist()


@pytest.mark.parametrize("like", [np.ones((2, 3), np.float32), Tensor(np.ones(4)), np.arange(3), cgrad.Value(2.0), 1.5])
def test_like_another(like):
    shape = np.shape(cgrad._core.plain(like))
    for made, value in ((cgrad.zeros_like(like), 0.0), (cgrad.ones_like(like), 1.0), (cgrad.full_like(like, 2.5), 2.5)):
        assert made.shape == shape
        assert (made.data == value).all()
        assert made.dtype == (np.float32 if getattr(like, "dtype", None) == np.float32 else np.float64)
    assert cgrad.zeros_like(like, requires_grad=True).requires_grad is True


def test_linear_algebra_has_its_name_space():
    t = Tensor([[2.0, 0.0], [0.0, 4.0]], requires_grad=True)
    assert cgrad.linalg.solve(t, np.ones(2)).tolist() == [0.5, 0.25]
    assert cgrad.linalg.det(t).item() == pytest.approx(8.0, rel=1e-15)
