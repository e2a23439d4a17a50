"""limits/*.c, compiled where the benchmark runs: the hand-written C that figures are compared with."""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np

LIMITS = Path(__file__).resolve().parent / "limits"
FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fPIC"]  # as their headers say
BATCH_FLAGS = ["-Ofast", "-march=native", "-fPIC"]

number, count, long = ctypes.c_double, ctypes.c_int, ctypes.c_long
doubles = np.ctypeslib.ndpointer(np.float64, flags="C")
places = np.ctypeslib.ndpointer(np.int32, flags="C")
POINT = {  # argument types of the functions that are used here; those in NONE give nothing
    "sweep": [doubles, doubles, places, places, doubles, long],
    "w1_grad": [doubles, doubles, doubles, count, number, doubles],
    "w1_loop": [doubles, doubles, doubles, count, number, doubles, long],
    "w1_loop_fwd": [doubles, doubles, doubles, count, number, long],
    "w2_grad": [number, number, number, long, doubles, doubles],
    "w2_loop": [number, number, number, long, doubles, doubles, long],
    "w3_grad": [number, number, number, doubles, count, number, number, doubles],
    "w3_loop": [number, number, number, doubles, count, number, number, doubles, long],
    "w4_grad": [doubles, count, doubles],
    "w4_hvp": [doubles, count, doubles, doubles],
    "w4_loop": [doubles, count, doubles, long],
    "heston_grad": [doubles, doubles, count, number, number, doubles],
    "heston_loop": [doubles, doubles, count, number, number, doubles, long],
    "heston_points": [doubles, doubles, count, number, number, long, doubles, doubles],
    "newton_grad": [number, number, doubles, count, number, number, doubles],
    "newton_loop": [number, number, doubles, count, number, number, doubles, long],
    "newton_points": [doubles, doubles, doubles, count, number, number, long, doubles, doubles],
}
BATCH = {
    "w3_batch_simd": [number, number, number, doubles, count, number, number, long, doubles],
    "w2_batch_simd": [doubles, doubles, doubles, count, long, doubles, doubles, doubles, doubles],
}
NONE = {"sweep", "w4_hvp", "heston_points", "newton_points", "w2_batch_simd"}


def compiled(names: list[str], flags: list[str], functions: dict[str, list]) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "limits.so"
        objects = [str(Path(folder) / name.replace(".c", ".o")) for name in names]
        for name, to in zip(names, objects, strict=True):
            subprocess.run(["gcc", *flags, "-c", "-o", to, str(LIMITS / name)], check=True)
        # linked without -Ofast, which would make loading the library flush denormals to 0 in the whole process
        subprocess.run(["gcc", "-shared", "-o", str(target), *objects, "-lm"], check=True)
        library = ctypes.CDLL(str(target))
    for name, types in functions.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, None if name in NONE else number
    return library


def load() -> ctypes.CDLL:
    """One point at a time."""
    return compiled(["limits.c", "limits_paths.c"], FLAGS, POINT)


def load_batch() -> ctypes.CDLL:
    """Vectorised over points."""
    return compiled(["limits_batch.c", "limits_batch_more.c"], BATCH_FLAGS, BATCH)


def available() -> bool:
    try:
        subprocess.run(["gcc", "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
