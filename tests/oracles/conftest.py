"""Helpers shared with tests/ops: the table's rows, their points and derivatives."""

import sys
from pathlib import Path

tests = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(path) for path in (tests / "ops", tests) if str(path) not in sys.path]
