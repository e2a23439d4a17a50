"""The process of some sides: ``python -m benchmarks.worker MODULE FACTORY ARGUMENTS`` (see harness.Process)."""

import importlib
import json
import sys

from benchmarks import harness

if __name__ == "__main__":
    harness.serve(getattr(importlib.import_module(sys.argv[1]), sys.argv[2]), json.loads(sys.argv[3]))
