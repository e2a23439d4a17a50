"""No attribute that is read, and no call with wrong arguments, ends the process or hangs (every_attribute.py tries)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import every_attribute
import pytest
from core_support import SOURCE

PROGRAM = Path(every_attribute.__file__)


@pytest.mark.parametrize("group", every_attribute.GROUPS)
def test_nothing_crashes(group, tmp_path):
    """Each group in a process of its own, in an empty folder: some methods write files."""
    last = tmp_path / "last"
    done = subprocess.run([sys.executable, PROGRAM, group, last], capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(SOURCE)}, check=False)
    where = last.read_text(errors="replace").strip() if last.exists() else "nothing yet"
    assert done.returncode == 0, f"exit {done.returncode}; the last: {where}\n{done.stderr[-4000:]}"
    assert int(done.stdout.split()[0]) > 10_000, "hardly anything was tried"


def test_every_public_class_is_tried():
    """An object of each; errors are Python's, and Optimizer and Function are there by what inherits from them."""
    tables = (every_attribute.VALUES, every_attribute.TENSORS, every_attribute.TAPES, every_attribute.PROGRAMS,
              every_attribute.MODULES, every_attribute.OPTIMIZERS)
    made = [every_attribute.apart(make) for table in tables for make in table.values()]  # one enters a tape
    tried = {base for thing in made for base in type(thing).__mro__}
    public = {thing for thing in every_attribute.functions().values() if isinstance(thing, type)}
    assert {kind for kind in public - tried if not issubclass(kind, BaseException)} == set()
