"""Helpers of these tests."""

import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(path) for path in (here, here.parent) if str(path) not in sys.path]
