"""One derivative by every road: random programs, at ordinary and at singular points.

``CGRAD_ROADS=N`` sets how many programs there are; ``CGRAD_ROADS_FROM`` the first one's seed (noxfile.py: ``test_roads``).
"""

import math
import os

import mpmath
import pytest
from roads_support import (
    DIGITS,
    GRADIENTS,
    HESSIANS,
    MACHINE,
    MERGED,
    TENSORS,
    OutsideDomain,
    Writer,
    backward,
    close,
    depends,
    points,
    recorded,
    reference,
    run,
    same,
    second_recorded,
    symmetric,
    tangents,
)

FIRST = int(os.environ.get("CGRAD_ROADS_FROM", "0"))
PROGRAMS = int(os.environ.get("CGRAD_ROADS", "500"))
GROUP = 25  # programs a test
MACHINE_EACH = 50  # one program of so many is compiled by gcc and LLVM

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def drawn(seed):
    """Programs of a seed, with branches and without: [(program, points, roads)]."""
    found = []
    for branches in (True, False):
        writer = Writer(seed, 1 + seed % 3, branches)
        found.append((writer.program(), points(seed, writer.inputs), [] if branches else TENSORS))
    return found


def shown(name, seed, program, point, got, want):
    return f"{name}, seed {seed}: {got} for {want}\n  at {point}\n  of {program}"


def of_constants(error):
    """An error of plain floats, where a program as source has chosen constants: (-1.0)**1.5 is complex."""
    return isinstance(error, ZeroDivisionError) or "complex" in str(error)


def wrong_roads(seed):
    """What differs, as text."""
    for program, places, more in drawn(seed):
        exact = "norm" not in str(program)  # a primitive's sums are NumPy's; a program has them one by one
        for point in places:
            want = backward(program, point)
            _, reverse, forward = reference(program, point) if exact else (0.0, want, tangents(program, point))
            if not close(reverse, want):
                yield shown("backward", seed, program, point, want, reverse)
            if any(x == 0 and math.copysign(1, x) < 0 for x in point):
                more = []  # clip(-0, 0, 1) is 0 of a Value and, as NumPy's, -0 of a Tensor
            for road in [*GRADIENTS, *MERGED, *more]:
                try:
                    got = road.take(program, point)
                except (ZeroDivisionError, TypeError) as error:
                    assert road in MERGED and of_constants(error)
                    continue
                if not (same(got, want) if road.exact and exact else close(got, forward if road.forward else want)):
                    yield shown(road.name, seed, program, point, got, forward if road.forward else want)
            second = second_recorded(program, point)
            for road in HESSIANS:
                try:
                    got = road.take(program, point)
                except (ZeroDivisionError, TypeError) as error:
                    assert "merged" in road.name and of_constants(error)
                    continue
                if not close(symmetric(got), symmetric(second), 1e-7):
                    yield shown(road.name, seed, program, point, got.tolist(), second.tolist())


@pytest.mark.parametrize("first", range(FIRST, FIRST + PROGRAMS, GROUP))
def test_roads_agree(first):
    found = [text for seed in range(first, min(first + GROUP, FIRST + PROGRAMS)) for text in wrong_roads(seed)]
    assert not found, f"{len(found)} differ\n" + "\n".join(found[:5])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST, FIRST + PROGRAMS, MACHINE_EACH))
def test_machine_code_agrees(seed):
    (program, places, _), _ = drawn(seed)
    for point in places:
        want = backward(program, point)
        for road in MACHINE:
            got = road.take(program, point)
            assert close(got, want), shown(road.name, seed, program, point, got, want)


# ---- against mpmath ------------------------------------------------------------------------------

STEP = mpmath.mpf(10)**-15


def exact_derivative(program, point, k):
    """By differences of 40 digits; None where a side or the domain says that it does not exist."""
    with mpmath.workdps(40):
        try:
            low, mid, up = (run(program, [mpmath.mpf(x) + h*STEP*(i == k) for i, x in enumerate(point)], DIGITS)
                            for h in (-1, 0, 1))
            before, after = (mid - low)/STEP, (up - mid)/STEP
        except (OutsideDomain, ZeroDivisionError, OverflowError, ValueError):
            return None
        return float((before + after)/2) if abs(before - after) < 1e-6*(1 + abs(before)) else None


@pytest.mark.parametrize("first", range(FIRST, FIRST + PROGRAMS, GROUP))
def test_finite_derivatives_are_exact(first):
    compared = 0
    for seed in range(first, min(first + GROUP, FIRST + PROGRAMS)):
        for program, (point, *_), _ in drawn(seed):
            _, y = recorded(program, point)
            if not depends(y) or not abs(y.data) < 1e6:
                continue
            for k, d in enumerate(backward(program, point)):
                exact = exact_derivative(program, point, k) if abs(d) < 1e6 else None
                if exact is not None:
                    assert abs(exact - d) <= 1e-6*(1 + abs(exact)), shown("mpmath", seed, program, point, d, exact)
                    compared += 1
    assert compared > GROUP//2
