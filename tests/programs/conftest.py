"""Helpers of these tests: graph_support.py."""

import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here)] if str(here) not in sys.path else []
