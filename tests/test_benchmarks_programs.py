"""The workloads of compiled programs: their hand-written C and the peers compute what the Python functions do."""

import collections
import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import harness, programs, programs_ours, programs_peers, reference  # noqa: E402
from benchmarks.programs_workloads import (  # noqa: E402
    LENGTH,
    STRIKE,
    TOLERANCE,
    WORKLOADS,
    YEARS,
    digest,
    heston_data,
    numbers,
    title,
    two_moons,
)

needs_gcc = pytest.mark.skipif(not reference.available(), reason="the C limits are compiled with gcc")
FLOATS = types.SimpleNamespace(sin=math.sin, exp=math.exp, sqrt=math.sqrt, relu=lambda v: v if v > 0 else 0.0)


def needs(package):
    return pytest.mark.skipif(bool(harness.missing(package)), reason=f"needs {package}")


def recorded(name, size, data):
    """Value and gradient by recording the function over Values."""
    import cgrad

    leaves = [cgrad.Value(a) if np.ndim(a) == 0 else [cgrad.Value(x) for x in a.tolist()] for a in data]
    value = WORKLOADS[name].build(cgrad, size)(*leaves)
    value.backward()
    wrt = [v for i in programs_peers.wanted(name) for v in (leaves[i] if isinstance(leaves[i], list) else [leaves[i]])]
    return [value.data, *(v.grad for v in wrt)]


def each_by_itself(what, got, expected):
    programs.alike(what, got, expected, 1)


# ---- the functions --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", WORKLOADS)
def test_workload_is_one_function_for_floats_and_values(name):
    w = WORKLOADS[name]
    data = w.data(None, w.small)
    assert w.build(FLOATS, w.small)(*data) == recorded(name, w.small, data)[0]
    assert str(w.small) in title(name, w.small)


@pytest.mark.parametrize("name", WORKLOADS)
def test_gradient_is_that_of_differences(name):
    """Of high precision, so that their error does not count."""
    mpmath = pytest.importorskip("mpmath")
    w = WORKLOADS[name]
    data = w.data(None, w.small)
    got = recorded(name, w.small, data)
    flat = [(i, j) for i in programs_peers.wanted(name) for j in range(np.size(data[i]))]
    with mpmath.workdps(60):
        xp = types.SimpleNamespace(sin=mpmath.sin, exp=mpmath.exp, sqrt=mpmath.sqrt, relu=FLOATS.relu)
        f, step = w.build(xp, w.small), mpmath.mpf(10)**-20

        def shifted(i, j, by):
            args = [mpmath.mpf(a) if np.ndim(a) == 0 else [mpmath.mpf(x) for x in a.tolist()] for a in data]
            if np.ndim(data[i]):
                args[i][j] += by
            else:
                args[i] += by
            return f(*args)

        for k in range(0, len(flat), max(1, len(flat)//8)):
            i, j = flat[k]
            slope = (shifted(i, j, step) - shifted(i, j, -step))/(2*step)
            assert got[1 + k] == pytest.approx(float(slope), rel=1e-10, abs=1e-14), (name, i, j)


@pytest.mark.parametrize("name", "ABCD")
def test_operations_are_counted(name):
    import cgrad

    w = WORKLOADS[name]
    with cgrad.Tape() as tape:
        recorded(name, w.small, w.data(None, w.small))
    done = sum(node.op != "leaf" for node in tape)
    assert done == pytest.approx(w.operations(w.small), rel=0.02, abs=3)


def heston_paths(regime, weeks, points):
    """Where each of the paths is truncated, by NumPy."""
    *model, normals = heston_data(points, weeks, regime)
    spot, variance, rate, speed, mean, volatility, correlation = model
    spot, variance, dt = np.full(points, spot), np.full(points, variance), YEARS/weeks
    pattern = np.empty((points, weeks + 1), dtype=bool)
    for i in range(weeks):
        z, w = normals[:, i], normals[:, weeks + i]
        pattern[:, i] = variance > 0
        positive = np.where(variance > 0, variance, 0.0)
        root = np.sqrt(positive*dt)
        spot = spot*np.exp((rate - 0.5*positive)*dt + root*z)
        shock = volatility*root*(correlation*z + math.sqrt(1 - correlation**2)*w)
        variance = variance + speed*(mean - positive)*dt + shock
    pattern[:, weeks] = spot > STRIKE
    return pattern


def test_regimes_of_truncation():
    """Rare: few paths, which a CompiledFunction keeps; common: most of the points are truncated."""
    rare, common = heston_paths("rare", 52, 10_000), heston_paths("common", 12, 10_000)
    truncated = [(~p[:, :-1]).any(axis=1).mean() for p in (rare, common)]
    assert 0.002 < truncated[0] < 0.02 and truncated[1] > 0.8
    distinct = [len(collections.Counter(map(bytes, p))) for p in (rare, common)]
    assert 20 < distinct[0] <= 64 < distinct[1]


def test_newton_iterations_depend_on_the_data():
    w = WORKLOADS["F"]
    patterns, total = collections.Counter(), 0
    for y, k in zip(*(a.tolist() for a in w.data(2_000, w.size)), strict=True):
        counts = []
        for i in range(w.size):
            new, step, count = y, 1.0, 0
            while abs(step) > TOLERANCE:
                step = (new - y + LENGTH*k*(new**3 - math.cos(LENGTH*(i + 1))))/(1 + 3*LENGTH*k*new**2)
                new, count = new - step, count + 1
            counts.append(count)
            y = new
        patterns[tuple(counts)] += 1
        total += sum(counts)
    assert 10 < len(patterns) <= 64
    assert 11*total/2_000 == pytest.approx(w.operations(w.size), rel=0.01)


def test_moons_are_two_balanced_classes():
    points, labels = two_moons(100)
    assert points.shape == (100, 2) and labels.sum() == 0 and set(labels) == {-1.0, 1.0}


# ---- the C limits ---------------------------------------------------------------------------------------

@needs_gcc
@pytest.mark.parametrize("name", WORKLOADS)
def test_c_gradient_is_that_of_values(name):
    w = WORKLOADS[name]
    for size in (w.small, w.size):
        got = programs_peers.c_point(name, size)["run"]()[1]
        harness.agree(name, got, recorded(name, size, w.data(None, size)), 1e-10)


@needs_gcc
def test_c_gradient_of_truncated_paths():
    for size in (3, 12, 52):
        got = programs_peers.c_point("E", size, "common")["run"]()[1]
        each_by_itself("E", got, recorded("E", size, heston_data(None, size, "common")))


@needs_gcc
@pytest.mark.parametrize("name, regime", [("A", ""), ("B", ""), ("E", "rare"), ("E", "common"), ("F", "")])
@pytest.mark.parametrize("points", [1, 31, 32, 33, 130])
@pytest.mark.slow  # the benchmarks' C, compiled for each workload
def test_c_batch_is_that_of_values(name, points, regime):
    w = WORKLOADS[name]
    data = heston_data(points, w.small, regime) if name == "E" else w.data(points, w.small)
    got = programs_peers.c_batch(name, w.small, points, *([regime] if name == "E" else []))["run"]()[1]
    results = np.array([recorded(name, w.small, [a if np.ndim(a) == 0 else a[i].item() if a.ndim == 1 else a[i]
                                                 for a in data]) for i in range(points)])
    if name == "B":
        each_by_itself(name, got, results.mean(axis=0).tolist())
    else:
        programs.alike(name, got, digest(*results.T), 4)


# ---- the peers ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", "ABCD")
@pytest.mark.parametrize("package", ["casadi", "heyoka"])
def test_peer_at_a_point_is_values(name, package):
    if harness.missing(package):
        pytest.skip(f"needs {package}")
    w = WORKLOADS[name]
    option = {"casadi": "", "heyoka": True}[package]
    got = getattr(programs_peers, f"{package}_point")(name, w.small, option)["run"]()[1]
    harness.agree(name, got, recorded(name, w.small, w.data(None, w.small)), 1e-12)


@needs("heyoka")
@pytest.mark.parametrize("name", "AB")
def test_heyoka_batch_is_values(name):
    w, points = WORKLOADS[name], 9
    got = programs_peers.heyoka_batch(name, w.small, points, True)["run"]()[1]
    data = w.data(points, w.small)
    results = np.array([recorded(name, w.small, [a if np.ndim(a) == 0 else a[i].item() if a.ndim == 1 else a[i]
                                                 for a in data]) for i in range(points)])
    programs.alike(name, got, digest(*results.T), 4)


# ---- putting rows together ------------------------------------------------------------------------------

def test_results_are_compared_each_by_its_own_size():
    with pytest.raises(harness.Disagreement):
        programs.alike("x", [1e-7, 100.0], [2e-7, 100.0], 1)
    programs.alike("x", [1e-7, 100.0], [2e-7, 100.0], None)
    with pytest.raises(harness.Disagreement):
        programs.alike("x", [1.0, 2.0], [1.0], 1)


def test_an_absent_side_is_no_success():
    def absent():
        raise programs.Absent("needs a peer")

    row = programs.line("x", "<= 1.0", absent, absent, 3)
    assert row.value is None and row.met is None and row.note == "needs a peer"
    row = programs.inverted("x", ">= 1", lambda: lambda: (3.0, [1.0]), lambda: lambda: (2.0, [1.0]), 3, work=2.0)
    assert row.value == 1.5 and row.met and row.unit == harness.FASTER and row.note == "1.5 s by 1 s an operation"


def test_the_fastest_form_is_taken():
    slow, fast = lambda: (2.0, []), lambda: (1.0, [])
    assert programs.fastest(lambda: slow, lambda: fast)() is fast


def test_short_sides_are_repeated():
    counts = []

    def repeat(many):
        counts.append(many)
        return [float(sum(range(100*many if len(counts) > 1 else 10**6)))]  # the first call is a dear one

    side = harness.calibrated(repeat, 0.002)
    seconds, results = side()
    assert side()[1] == results and counts[-1] == counts[-2] > 1 and counts == sorted(counts) and seconds < 0.002


def test_flat_results():
    assert numbers(1, (np.arange(3.0), [4.0]), 5.0) == [1.0, 0.0, 1.0, 2.0, 4.0, 5.0]
    assert digest([1.0, -3.0]) == [1.0, -3.0, -1.0, 2.0]


def test_small_program_has_twenty_operations():
    import cgrad

    with cgrad.Tape() as tape:
        out = programs_ours.twenty(cgrad.Value(0.5), cgrad.Value(1.5))
    assert out.data == programs_ours.twenty(0.5, 1.5) and sum(node.op != "leaf" for node in tape) == 20
