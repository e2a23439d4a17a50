"""Helpers of these tests: tests/dual.py, tests/ops/op_support.py, tests/core/core_support.py and what is beside this file."""

import gc
import sys
from pathlib import Path

import pytest

import cgrad

here = Path(__file__).resolve().parent
tests = here.parent
sys.path[:0] = [str(path) for path in (here, tests / "ops", tests / "core", tests) if str(path) not in sys.path]


@pytest.fixture(autouse=True)
def clean_tape():
    """Each test begins with this thread's own tape empty, outside no_grad and detect_anomaly."""
    gc.collect(0)
    cgrad.current_tape().clear()
    yield
    cgrad.current_tape().clear()
