"""Shared by tests of the core: subprocesses, threads, forks, memory as the system counts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import cgrad

SOURCE = Path(cgrad.__file__).resolve().parent.parent
COLLECT_ALWAYS = os.environ.get("CGRAD_DEBUG_COLLECT", "") not in ("", "0")
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


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


def together(*bodies):
    """Run each in its own thread; the first exception of any of them is raised here."""
    errors, barrier = [], threading.Barrier(len(bodies))

    def guarded(body):
        try:
            barrier.wait()
            body()
        except BaseException as e:
            errors.append(e)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=guarded, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


def in_child(body) -> int:
    """The exit status of a child that runs body: 0 when all went well there."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            body()
            status = 0
        except BaseException as e:
            print("child:", repr(e), file=sys.stderr)
        finally:
            os._exit(status)
    for _ in range(600):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")
