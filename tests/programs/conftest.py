"""Helpers of these tests: graph_support.py; those of the core."""

import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(path) for path in (here, here.parent / "core") if str(path) not in sys.path]
