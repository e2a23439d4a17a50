"""Helpers of these tests: those of this folder, tests/dual.py, op_support.py of tests/ops, core_support.py of tests/core."""

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
