"""limits/limits.c, compiled where the benchmark runs: the hand-written C that figures are compared with."""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).resolve().parent / "limits" / "limits.c"
FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]  # as its header says


def load() -> ctypes.CDLL:
    """The compiled functions, with the argument types of those that are used here."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "limits.so"
        subprocess.run(["gcc", *FLAGS, "-o", str(target), str(SOURCE), "-lm"], check=True)
        library = ctypes.CDLL(str(target))
    number, count = ctypes.c_double, ctypes.c_int
    doubles = np.ctypeslib.ndpointer(np.float64, flags="C")
    places = np.ctypeslib.ndpointer(np.int32, flags="C")
    library.sweep.argtypes = [doubles, doubles, places, places, doubles, ctypes.c_long]
    library.sweep.restype = None
    library.w1_grad.argtypes = [doubles, doubles, doubles, count, number, doubles]
    library.w1_grad.restype = number
    library.w4_grad.argtypes = [doubles, count, doubles]
    library.w4_grad.restype = number
    library.w4_hvp.argtypes = [doubles, count, doubles, doubles]
    library.w4_hvp.restype = None
    return library


def available() -> bool:
    try:
        subprocess.run(["gcc", "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
