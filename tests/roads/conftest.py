"""Helpers of these tests: roads_support.py, and op_support.py of tests/ops."""

import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(folder) for folder in (here, here.parent/"ops") if str(folder) not in sys.path]
