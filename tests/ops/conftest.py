"""Helpers of these tests: tests/dual.py and tests/ops/op_support.py."""

import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(path) for path in (here, here.parent) if str(path) not in sys.path]
