"""Shared by all tests: hypothesis's settings, and a header that names the build."""

import gc
import os

# Before NumPy is imported: the threads of its matrix products wait for each other in busy loops, for minutes where
# other work takes the processors.
for _threads in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

import hypothesis  # noqa: E402
import pytest  # noqa: E402

import cgrad  # noqa: E402

COLLECTING = os.environ.get("CGRAD_DEBUG_COLLECT", "") not in ("", "0")

# No deadlines: a machine may be busy. Fewer examples where every append collects.
hypothesis.settings.register_profile("cgrad", deadline=None, max_examples=25 if COLLECTING else 100)
hypothesis.settings.load_profile("cgrad")


def pytest_report_header():
    core = cgrad._core.__file__
    return f"cgrad {cgrad.__version__}: {core}{', collecting at every append' if COLLECTING else ''}"


def pytest_collection_finish():
    """What collecting has made stays to the end: the collections of garbage that tests ask for need not look at it."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    if COLLECTING:
        skip = pytest.mark.skip(reason="n appends with a collection each take n**2 steps: hours for this test")
        for item in items:
            if item.get_closest_marker("many_nodes"):
                item.add_marker(skip)
