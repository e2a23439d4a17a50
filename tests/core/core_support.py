"""Shared by tests of the core: subprocesses, memory as the system counts it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import cgrad

SOURCE = Path(cgrad.__file__).resolve().parent.parent
COLLECT_ALWAYS = os.environ.get("CGRAD_DEBUG_COLLECT", "") not in ("", "0")
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")


def run(script: str, *, timeout: float = 300, check: bool = True, **environment: str) -> subprocess.CompletedProcess:
    """Run a script in a fresh interpreter. Its output is the answer; a crash fails the test."""
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONFAULTHANDLER": "1", **environment}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=env, timeout=timeout,
                          capture_output=True, text=True, check=False)
    if check:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr[-4000:]}"
    return done


def resident() -> int:
    """Bytes of this process in memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])*os.sysconf("SC_PAGE_SIZE")


def nodes(tape: cgrad.Tape) -> int:
    """Entries in use, slots of leaves and continuations included."""
    return tape.nbytes//50

