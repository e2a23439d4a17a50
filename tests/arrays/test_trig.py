"""sin and cos of double arrays have loops of cgrad's own (core/mathlib/trig.h): against mpmath, where reduction is hardest."""

import mpmath
import numpy as np
import pytest

import cgrad

SMALL = np.concatenate([np.linspace(-40, 40, 997), 10.0**np.arange(-320, 2, 7.0), -(10.0**np.arange(-320, 2, 7.0)),
                        [0.0, -0.0, 5e-324, 1e-300]])
QUARTERS = np.arange(-400, 400)*(np.pi/2)
FAR = np.concatenate([np.linspace(-99_999, 99_999, 601), np.arange(60_000, 63_600, 11)*(np.pi/2)])
BEYOND = np.array([1e5, 1e5 + 1, -1e6, 1e15, 1e22, 1e300, 3.0])


@pytest.mark.parametrize("name", ["sin", "cos"])
@pytest.mark.parametrize("points", [SMALL, np.nextafter(QUARTERS, 0), QUARTERS, np.nextafter(QUARTERS, 1e9), FAR, BEYOND],
                         ids=["small", "below quarter turns", "quarter turns", "above", "far", "beyond"])
def test_against_mpmath(name, points):
    out = getattr(cgrad, name)(cgrad.Tensor(points)).data
    with mpmath.workdps(400):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(x))) for x in points]
        ulps = [abs(float((mpmath.mpf(float(y)) - e)/mpmath.mpf(float(np.spacing(abs(float(e))) or 5e-324))))
                for y, e in zip(out, exact, strict=True)]
    assert max(ulps) <= 2


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 511, 512, 513])
def test_one_by_one_and_together_agree(size):
    points = np.random.default_rng(size).uniform(-30, 30, size)
    for name in ("sin", "cos"):
        one = [getattr(cgrad, name)(cgrad.Tensor([x])).data[0] for x in points]
        assert getattr(cgrad, name)(cgrad.Tensor(points)).data.tolist() == one
        strided = cgrad.Tensor(np.repeat(points, 2))[::2]
        np.testing.assert_array_max_ulp(getattr(cgrad, name)(strided).data, np.array(one), 2)


def test_special_numbers():
    points = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0])
    with np.errstate(invalid="ignore"):
        for name in ("sin", "cos"):
            out, numpys = getattr(cgrad, name)(cgrad.Tensor(points)).data, getattr(np, name)(points)
            np.testing.assert_array_max_ulp(out, numpys, 2)
            assert np.signbit(out[4]) == np.signbit(numpys[4])
