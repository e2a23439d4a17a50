"""Where pickles of cgrad 0.1 look things up: its modules of programs had other names."""

from __future__ import annotations

import sys

from . import function, path, store

FORMER = {"cgrad.compiled": function, "cgrad.program": path, "cgrad.store": store}


def register() -> None:
    """Let ``import`` find the former names, as pickle does."""
    for name, module in FORMER.items():
        sys.modules.setdefault(name, module)
