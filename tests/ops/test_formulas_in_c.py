"""The op table's formulas in C: plain C99 without warnings, and the same numbers as the core's."""

import ctypes
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from op_support import ROWS

import cgrad
from cgrad._formula import c_text, parse
from cgrad._optable import FUNCTIONS

HERE = Path(cgrad.__file__).resolve().parent
COMPILERS = [path for path in map(shutil.which, ("gcc", "clang")) if path]
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wunused", "-Werror", "-O2", "-ffp-contract=off"]

if not COMPILERS:
    pytest.skip("needs gcc or clang", allow_module_level=True)


def compiled(compiler, text, folder, *flags):
    source = folder / "program.c"
    source.write_text(text)
    libraries = [] if "-c" in flags else ["-lm"]  # clang warns of a library that nothing is linked with
    run = subprocess.run([compiler, *STRICT, *flags, str(source), *libraries], capture_output=True, text=True, cwd=folder)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_headers_are_c99(compiler, tmp_path):
    """In the text of a program itself, where unused functions are warned of more than in a header."""
    special = (HERE / "core" / "mathlib" / "special.h").read_text(encoding="utf-8")
    assert special.count("#include") == 1
    compiled(compiler, special, tmp_path, "-c")
    formulas = HERE / "_gen" / "formulas.h"
    if formulas.exists():  # not in an installed package
        compiled(compiler, formulas.read_text(encoding="utf-8"), tmp_path,
                 "-c", f"-I{HERE}", f"-I{HERE / '_gen'}")


@pytest.mark.skipif(sys.platform == "win32", reason="a shared library's flags are others")
def test_numbers_are_the_cores(tmp_path):
    """special.h compiled alone, and the formulas spelled by c_text: to the bit what cgrad computes."""
    text = [(HERE / "core" / "mathlib" / "special.h").read_text(encoding="utf-8"),
            *(f"#define c_{f.name} {f.name}\n" for f in FUNCTIONS if f.library)]
    public = [op for op in ROWS.values() if not op.hidden]
    for op in public:
        params = ", ".join(f"double {a}" for a in op.names)
        text.append(f"double t_{op.name}({params});\ndouble t_{op.name}({params}) "
                    f"{{ return {c_text(parse(op.formula), 'c_{}'.format)}; }}\n")
    compiled(COMPILERS[0], "".join(text), tmp_path, "-shared", "-fPIC", "-fno-math-errno", "-o", "t.so")
    library = ctypes.CDLL(str(tmp_path / "t.so"))
    rng = random.Random(8)
    for op in public:
        function = getattr(library, f"t_{op.name}")
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]*op.arity
        for _ in range(200):
            point = [rng.uniform(lo, hi) for lo, hi in op.domain]
            if op.names[0] == "n":
                point[0] = float(round(point[0]))
            got, want = function(*point), getattr(cgrad, op.name)(*point)
            assert got == want or math.isnan(got) and math.isnan(want), (op.name, point)
