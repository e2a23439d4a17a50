"""Helpers of these tests: nn_support.py, also used by tests/oracles."""

import sys
from pathlib import Path

import pytest

from cgrad.nn import init

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here)] if str(here) not in sys.path else []


@pytest.fixture(autouse=True)
def seeded():
    init.manual_seed(20)
