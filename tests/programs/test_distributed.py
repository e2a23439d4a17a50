"""Programs over Dask: on this machine's threads, and on a real cluster of two processes, one of which is killed."""

import copy
import functools
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import store_support as support

import cgrad
from cgrad import distributed

da = pytest.importorskip("dask.array", reason="the extra 'dask' is not installed")
db = pytest.importorskip("dask.bag", reason="the extra 'dask' is not installed")
dask_distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
import dask  # noqa: E402


@pytest.fixture
def threads():
    """Dask without a cluster."""
    with dask.config.set(scheduler="threads"):
        yield


@pytest.fixture(scope="module")
def client():
    with dask_distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, \
            dask_distributed.Client(cluster) as client:
        yield client


def tree(rows):
    """Eight neighbours at a time, from left to right."""
    rows = [np.array(row, np.float64) for row in rows]
    while len(rows) > 1:
        rows = [functools.reduce(np.add, rows[k:k + 8]) for k in range(0, len(rows), 8)]
    return rows[0]


def chunk_by_chunk(p, x, size, **options):
    """map_reduce as it is documented, on one machine."""
    chunks = [x[k:k + size] for k in range(0, len(x), size)]
    return tree([copy.copy(p).map_value_and_grad(chunk, reduce="sum", **options) for chunk in chunks])


X = np.random.default_rng(7).normal(size=1000)


# ---- on threads ------------------------------------------------------------------------------------

def test_arrays(threads):
    p = cgrad.compile(lambda x: x*x if x > 0 else -x)
    values = distributed.map(p, da.from_array(X, chunks=300))
    assert isinstance(values, da.Array) and values.chunks == ((300, 300, 300, 100),) and values.dtype == np.float64
    assert values.compute().tobytes() == p.map(X).tobytes()
    both = distributed.map(p, da.from_array(X, chunks=300), argnums=0)
    for mine, theirs in zip(dask.compute(*both), p.map_value_and_grad(X), strict=True):
        assert mine.tobytes() == theirs.tobytes()
    one = distributed.map(program(), da.from_array(np.abs(X), chunks=300))
    assert one.compute().tobytes() == p.map(np.abs(X)).tobytes()


def test_structures(threads):
    """Arguments and values in all structures, the axis of points anywhere, other arguments plain."""
    def f(d, scale, w):
        return {"s": (d["x"]*w).sum()*scale, "l": [d["y"], 3.0*w*d["y"], "text"], "p": support.Point(d["x"], None)}

    p = cgrad.compile(f)
    rng = np.random.default_rng(1)
    x, y, w = rng.normal(size=(4, 100, 3)), rng.normal(size=100), rng.normal(size=(4, 3))
    axes = ({"x": 1, "y": 0}, None, None)
    plain = p.map({"x": x, "y": y}, 2.0, w, in_axes=axes)
    variants = [
        ({"x": da.from_array(x, chunks=(2, 30, 3)), "y": y}, 2.0, w),
        ({"x": da.from_array(x, chunks=(4, 30, 1)), "y": da.from_array(y, chunks=7)}, 2.0, da.from_array(w, chunks=2)),
        ({"x": x, "y": da.from_array(y, chunks=100)}, 2.0, w)]
    for args in variants:
        found = distributed.map(p, *args, in_axes=axes)
        assert all(isinstance(leaf, da.Array) for leaf in (found["s"], *found["l"][:2], found["p"].x))
        assert found["s"].chunks[0] in ((30, 30, 30, 10), (100,)) and found["l"][2] == "text" and found["p"].y is None
        found = dask.compute(found)[0]
        assert np.array_equal(found["s"], plain["s"]) and np.array_equal(found["l"][1], plain["l"][1])
        assert np.array_equal(found["p"].x, plain["p"].x)
        sums = distributed.map_reduce(p, *args, in_axes=axes)
        expected = p.map({"x": x, "y": y}, 2.0, w, in_axes=axes, reduce="sum")
        assert type(sums["s"]) is float and np.allclose(sums["s"], expected["s"], rtol=1e-13)
        assert sums["p"].y is None and np.allclose(sums["p"].x, expected["p"].x, rtol=1e-12, atol=1e-14)


def test_gradients(threads):
    p = cgrad.compile(lambda x, w: (x*w).sum()**2 if x[0] > 0 else w[1]*x[0])
    x, w = X.reshape(-1, 2), np.array([2.0, -0.5])
    dx = da.from_array(x, chunks=(110, 1))
    for argnums in (0, 1, (0, 1), (1,), -1):
        plain = p.map_value_and_grad(x, w, argnums=argnums, in_axes=(0, None))
        value, gradient = dask.compute(distributed.map(p, dx, w, argnums=argnums, in_axes=(0, None)))[0]
        assert np.array_equal(value, plain[0]) and type(gradient) is type(plain[1])
        for mine, theirs in zip(*[g if isinstance(g, tuple) else (g,) for g in (gradient, plain[1])], strict=True):
            assert np.array_equal(mine, theirs)
        sums = distributed.map_reduce(p, dx, w, argnums=argnums, in_axes=(0, None))
        total = p.map_value_and_grad(x, w, argnums=argnums, in_axes=(0, None), reduce="sum")
        assert type(sums[1]) is type(total[1]) and np.allclose(sums[0], total[0], rtol=1e-13)
        assert np.allclose(np.ravel(sums[1]), np.ravel(total[1]), rtol=1e-12)


def test_static_arguments(threads):
    p = cgrad.compile(lambda n, x: x**n if x > 0 else x, static="n")
    x = da.from_array(X, chunks=300)
    assert np.array_equal(distributed.map(p, 3, x, exact=True).compute(), p.map(3, X, exact=True))
    assert np.isclose(distributed.map_reduce(p, 3, x), p.map(3, X, reduce="sum"), rtol=1e-14)
    q = cgrad.compile(p.function, static="n")
    q(3, 1.0)
    assert np.array_equal(distributed.map(q.programs[0], 3, abs(x)).compute(), p.map(3, abs(X)))


def test_bags(threads):
    p = cgrad.compile(lambda d, w: w*d["x"][0]*d["y"] if d["y"] > 3 else d["y"])
    points = [{"x": np.array([k + 1.0, 0.0]), "y": k} for k in range(20)]
    bag = db.from_sequence(points, npartitions=4)
    values, gradients = dask.compute(distributed.map(p, bag, 2.0, argnums=(0, 1)))[0]
    single = [p.value_and_grad(point, 2.0, argnums=(0, 1)) for point in points]
    assert values.tolist() == [value for value, _ in single]
    assert gradients[1].tolist() == [g[1] for _, g in single]
    assert np.array_equal(gradients[0]["x"], [g[0]["x"] for _, g in single])
    sums = distributed.map_reduce(p, bag, 2.0, argnums=1)
    assert sums == (values.sum(), gradients[1].sum())
    some = bag.filter(lambda d: d["y"] > 12)  # its first partitions are empty
    assert distributed.map(p, some, 2.0).compute().tolist() == [value for value, _ in single[13:]]
    numbers = db.from_sequence(X.tolist(), npartitions=3)
    q = cgrad.compile(lambda x: x*x)
    assert np.array_equal(distributed.map(q, numbers).compute(), X*X)
    uneven = db.from_sequence([1.0, 2.0, [3.0]], npartitions=2)
    with pytest.raises(ValueError, match="first point is a number, another one is a list of 1 numbers"):
        distributed.map(q, uneven).compute()


def test_lengths_that_nobody_knows(threads):
    p = cgrad.compile(lambda x, y=1.0: x*y if x > 1 else -x)
    x = da.from_array(X, chunks=300)
    some = x[x > 0.5]
    found = distributed.map(p, some)
    assert np.isnan(found.shape[0]) and np.array_equal(found.compute(), p.map(X[X > 0.5]))
    assert np.isclose(distributed.map_reduce(p, some), p.map(X[X > 0.5], reduce="sum"), rtol=1e-13)
    assert np.array_equal(distributed.map(p, some, 2*some).compute(), p.map(X[X > 0.5], 2*X[X > 0.5]))
    none = x[x > 100]
    assert distributed.map(p, none).compute().shape == (0,) and distributed.map_reduce(p, none, argnums=0) == (0.0, 0.0)
    for y in (X[X > 0.5], x[:500]):
        with pytest.raises(ValueError, match="chunks of argument 2.*unknown lengths.*compute_chunk_sizes"):
            distributed.map(p, some, y)
    for y in (x[x > 0], x):
        with pytest.raises(ValueError, match="different numbers of points"):
            distributed.map(p, some, y).compute()


def test_no_points(threads):
    p = cgrad.compile(lambda x: x[0]*x if x[0] > 0 else x)
    x = da.zeros((0, 3), chunks=(1, 3))
    assert distributed.map(p, x).compute().shape == (0, 3)
    assert np.array_equal(distributed.map_reduce(p, x), np.zeros(3))


def test_constants_alone(threads):
    p = cgrad.compile(lambda x: ("text", None))
    x = da.from_array(X, chunks=300)
    assert distributed.map(p, x) == distributed.map_reduce(p, x) == ("text", None)


def test_sums_come_in_a_fixed_tree(threads):
    """To the bit, whatever was recorded before on either side, and for any number of threads."""
    x = np.random.default_rng(3).uniform(size=5000)
    p = support.guarded(support.several)
    p(0.5)
    dx = da.from_array(x, chunks=90)
    for options in ({}, {"threads": 2}, {"exact": True}):
        expected = tuple(chunk_by_chunk(p, x, 90, **options))
        for _ in range(2):
            assert distributed.map_reduce(p, dx, argnums=0, **options) == expected
        assert len(p.programs) == 1
        one = copy.copy(p).map_value_and_grad(x, reduce="sum", **options)
        assert np.allclose(expected, one, rtol=1e-15, atol=0)
    p.map(x)  # other paths, other sums
    assert len(p.programs) == 5
    assert distributed.map_reduce(p, dx, argnums=0) == tuple(chunk_by_chunk(p, x, 90))


def test_the_function_is_sent_once():
    """Whatever Dask makes of the graph: its bytes are in one task."""
    t = cgrad.Tensor(np.ones(20_000))
    p = cgrad.compile(lambda x: x*t[0] + t[1])
    y = distributed.map(p, da.from_array(X, chunks=10) + 1.0)
    graph = dict(dask.optimize(y)[0].__dask_graph__())
    sizes = sorted((len(pickle.dumps(task)) for task in graph.values()), reverse=True)
    assert len(sizes) > 100 and sizes[0] > 160_000 and sizes[2] < 12_000  # the second one: the array X
    again = distributed.map(p, da.from_array(X, chunks=10) + 1.0)
    assert y.__dask_keys__() == again.__dask_keys__()  # pure: what a client has, it need not compute


def test_wrong_arguments(threads):
    p = cgrad.compile(lambda x, y=1.0: x*y)
    x = da.from_array(X, chunks=300)
    bag = db.from_sequence([1.0, 2.0])
    cases = [
        (TypeError, "neither a compiled function nor a program", lambda: distributed.map(lambda x: x, x)),
        (TypeError, "no argument is a Dask array", lambda: distributed.map(p, X)),
        (TypeError, "no argument is a Dask array", lambda: distributed.map_reduce(p, 1.0, x, in_axes=None)),
        (TypeError, "two arguments are Dask bags", lambda: distributed.map(p, bag, bag)),
        (ValueError, "argument 2 has points of its own", lambda: distributed.map(p, bag, X)),
        (ValueError, "argument 2 has points of its own", lambda: distributed.map(p, bag, x)),
        (ValueError, "the bag has no points", lambda: distributed.map(p, bag.filter(lambda x: x > 3))),
        (ValueError, "different numbers of points: 1000 of argument 1, 999 of argument 2",
         lambda: distributed.map(p, x, X[:-1])),
        (ValueError, "in_axes .* does not go with 1 arguments", lambda: distributed.map(p, x, in_axes=(0, 1))),
        (ValueError, "has shape .1000,., no axis 1", lambda: distributed.map(p, x, in_axes=1)),
        (TypeError, "not Values or Tensors", lambda: distributed.map(p, x, cgrad.Value(2.0))),
        (ValueError, "argnums 2", lambda: distributed.map(p, x, argnums=2)),
        (TypeError, "not one number", lambda: distributed.map(cgrad.compile(lambda x: [x]), x, argnums=0)),
        (TypeError, "recorded for", lambda: distributed.map(cgrad.compile(lambda x: x).programs or program(), x, 2.0)),
    ]
    for kind, text, call in cases:
        with pytest.raises(kind, match=text):
            call()
    with pytest.raises(ValueError, match="threads"):
        distributed.map(p, x, threads=0).compute()


def program():
    p = support.guarded(lambda x: x*x if x > 0 else x)
    p(1.0)
    return p.programs[0]


def test_paths_that_are_not_there(threads):
    x = da.from_array(X, chunks=300)
    with pytest.raises(cgrad.GuardError, match="this program was recorded where"):
        distributed.map(program(), x).compute()
    lock = threading.Lock()  # no pickle holds it

    def f(x):
        with lock:
            return x*x if x > 0 else x

    p = support.guarded(f)
    p(1.0)
    assert distributed.map_reduce(p, abs(x)) > 0
    with pytest.raises(cgrad.GuardError, match="was loaded without its function.*another outcome of .* if x > 0"):
        distributed.map_reduce(p, x)
    p(-1.0)
    assert np.array_equal(distributed.map(p, x).compute(), p.map(X))


def test_without_dask():
    program = """
import sys
sys.modules["dask.array"] = sys.modules["dask"] = None
import cgrad
try:
    cgrad.distributed.map(cgrad.compile(lambda x: x), 1.0)
except ImportError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "distributed.map: the package dask is missing: pip install \"pycgrad[dask]\"" in run.stdout


# ---- on a cluster ----------------------------------------------------------------------------------

def test_a_cluster(client):
    """Workers record what they meet, of functions by name and by value, and sums are the same to the bit."""
    x = np.random.default_rng(3).uniform(size=2000)
    dx = da.from_array(x, chunks=90)
    factor = 1.0
    for f in (support.several, lambda x: factor*support.several(x)):
        p = cgrad.compile(f)
        p(0.5)
        expected = tuple(chunk_by_chunk(p, x, 90))
        for _ in range(2):
            assert distributed.map_reduce(p, dx, argnums=0, client=client) == expected
        assert len(p.programs) == 1
        assert np.array_equal(distributed.map(p, dx, exact=True).compute(), p.map(x, exact=True))
    bag = db.from_sequence(x.tolist(), npartitions=5)
    assert np.isclose(distributed.map_reduce(p, bag), p.map(x, reduce="sum"), rtol=1e-14)


def test_a_worker_opens_a_function_once(client):
    p = cgrad.compile(support.Counted())
    p(1.0)
    x = da.from_array(np.tile(X, 3), chunks=100)
    client.run(setattr, support, "opened", 0)
    distributed.map_reduce(p, x)
    assert all(count <= 1 for count in client.run(lambda: sys.modules["store_support"].opened).values())


def test_captured_values_go_along(client):
    w = cgrad.Value(2.0)
    p = cgrad.compile(lambda x: w*x if x > 0 else w*w)
    p(1.0)
    w.data = 3.0
    x = da.from_array(X, chunks=300)
    y = distributed.map(p, x)
    assert np.array_equal(y.compute(), p.map(X))
    q = cgrad.compile(support.with_its_own)
    q(1.0)
    assert np.array_equal(distributed.map(q, x).compute(), q.map(X))


def test_what_a_worker_has_of_its_own(client):
    """A Value of a module has the worker's number there: used by a path that was recorded there it would be wrong in silence."""
    p = copy.copy(support.with_a_weight)
    p(1.0)
    x = da.from_array(X, chunks=300)
    support.weight.data = 5.0
    try:
        with pytest.raises(cgrad.GuardError, match="another path uses 'weight' of a module here"):
            distributed.map_reduce(p, x)
        p(-1.0)
        assert np.array_equal(distributed.map(p, x).compute(), p.map(X))
    finally:
        support.weight.data = 2.0


def slowly(x):
    time.sleep(0.05)
    return x


def kill(client, address, pid):
    """Kill a worker's process while it is at work."""
    deadline = time.monotonic() + 20
    while not client.processing().get(address) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process as POSIX does")
@pytest.mark.parametrize("how", ["map", "map_reduce"])
def test_a_worker_is_killed(client, how):
    client.wait_for_workers(2)
    x = np.random.default_rng(3).uniform(size=4000)
    dx = da.from_array(x, chunks=100).map_blocks(slowly, dtype=float, meta=np.empty(0))
    p = cgrad.compile(support.several)
    p(0.5)
    expected = tuple(chunk_by_chunk(p, x, 100)) if how == "map_reduce" else p.map(x, exact=True)
    result = []
    if how == "map":
        work = threading.Thread(target=lambda: result.append(distributed.map(p, dx, exact=True).compute()))
    else:
        work = threading.Thread(target=lambda: result.append(distributed.map_reduce(p, dx, argnums=0, client=client)))
    lost, pid = next(iter(client.run(os.getpid).items()))
    work.start()
    kill(client, lost, pid)
    assert work.is_alive()
    work.join(60)
    assert np.array_equal(result[0], expected)
    assert lost not in client.scheduler_info()["workers"]
