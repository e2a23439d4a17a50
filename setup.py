"""Build cgrad's one extension: generate from the op table, translate, compile.

Switches, by environment:
    CGRAD_DEBUG=1          bounds checks, line tracing, C's assertions, CPython's allocator for values
    CGRAD_ANNOTATE=1       write the annotated C as HTML beside the source
    CGRAD_SANITIZE=LIST    compile with -fsanitize=LIST (address,undefined)
    CGRAD_OPT=0..3         the compiler's optimisation, 3 by default (0 with CGRAD_DEBUG, 1 with CGRAD_SANITIZE)
"""

import os
import sys
from pathlib import Path

import Cython
import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))
import gen_ops  # noqa: E402


def switch(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


DEBUG, SANITIZE = switch("CGRAD_DEBUG"), os.environ.get("CGRAD_SANITIZE", "")
LEVEL = os.environ.get("CGRAD_OPT") or ("0" if DEBUG else "1" if SANITIZE else "3")
if LEVEL not in ("0", "1", "2", "3"):
    sys.exit(f"CGRAD_OPT: {LEVEL!r} is no level of optimisation: give 0, 1, 2 or 3")


class Build(build_ext):
    """Flags by compiler, not by platform: MinGW on Windows takes gcc's."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            if SANITIZE:
                sys.exit("CGRAD_SANITIZE: needs gcc or clang")
            # /fp:precise contracts nothing and keeps nan and inf, like gcc's defaults
            # core/lanes.h takes its arguments apart as C99 does it
            args, link = ["/Od" if LEVEL == "0" else "/O2", "/fp:precise", "/Zc:preprocessor"], []
        else:
            # replay must equal eager to the bit: a*b + c is rounded twice on every machine
            args, link = [f"-O{LEVEL}", "-ffp-contract=off", "-fno-math-errno", "-Wno-unused-function"], []
            if DEBUG or SANITIZE:
                args.append("-g")
            if SANITIZE:
                flags = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
                args, link = args + flags, flags
        for extension in self.extensions:
            extension.extra_compile_args += args
            extension.extra_link_args += link
        super().build_extensions()


def changed() -> bool:
    """Whether the last build here was made with other switches: its files look up to date and are not."""
    stamp = ROOT / "src" / "cgrad" / "_gen" / "switches"
    now = repr((Cython.__version__, DEBUG, SANITIZE, LEVEL, os.environ.get("CC", ""), os.environ.get("CFLAGS", "")))
    if stamp.exists() and stamp.read_text() == now:
        return False
    stamp.write_text(now)
    return True


gen_ops.main()
force = changed()
core = ROOT / "src" / "cgrad"
macros = [("CYTHON_TRACE", "1")] if DEBUG else []
if DEBUG or SANITIZE:
    macros.append(("CGRAD_DEBUG", "1"))  # CPython's allocator: a sanitizer sees what is used after its death
extension = Extension(
    "cgrad._core",
    ["src/cgrad/_core.pyx", "src/cgrad/core/replay.c", "src/cgrad/core/lanes.c"],
    include_dirs=["src/cgrad", np.get_include()],
    define_macros=[*macros, ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
                   ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")],
    undef_macros=["NDEBUG"] if DEBUG else [],
    depends=[path.relative_to(ROOT).as_posix()
             for path in (*core.glob("core/*"), *core.glob("_gen/*.pxi"), *core.glob("_gen/*.h"))],
)
setup(
    cmdclass={"build_ext": Build},
    options={"build_ext": {"force": force}},
    ext_modules=cythonize(
        [extension],
        compiler_directives={"boundscheck": DEBUG, "initializedcheck": DEBUG, "linetrace": DEBUG},
        annotate=switch("CGRAD_ANNOTATE"),
        include_path=["src/cgrad"],
        force=force,
    ),
)
