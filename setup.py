"""Build cgrad's one extension: generate from the op table, translate, compile.

Switches, by environment:
    CGRAD_DEBUG=1          bounds checks, line tracing, CPython's allocator for values, no optimisation
    CGRAD_ANNOTATE=1       write the annotated C as HTML beside the source
    CGRAD_SANITIZE=LIST    compile with -fsanitize=LIST (address,undefined)
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))
import gen_ops  # noqa: E402


def switch(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


gen_ops.main()
debug, sanitize = switch("CGRAD_DEBUG"), os.environ.get("CGRAD_SANITIZE", "")
if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/fp:precise"], []
else:
    compile_args, link_args = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-Wno-unused-function"], []
if debug:
    compile_args.append("/Od" if sys.platform == "win32" else "-O0")
if sanitize:
    flags = [f"-fsanitize={sanitize}", "-fno-omit-frame-pointer", "-O1", "-g"]
    compile_args, link_args = compile_args + flags, flags
directives = {"boundscheck": True, "wraparound": False, "initializedcheck": True, "linetrace": True} if debug else {}
macros = [("CGRAD_DEBUG", "1"), ("CYTHON_TRACE", "1")] if debug else []
core = ROOT / "src" / "cgrad"
extension = Extension(
    "cgrad._core",
    ["src/cgrad/_core.pyx"],
    include_dirs=["src/cgrad"],
    define_macros=macros,
    extra_compile_args=compile_args,
    extra_link_args=link_args,
    depends=[str(path.relative_to(ROOT)) for path in (*core.glob("core/*"), *core.glob("_gen/*.pxi"))],
)
setup(ext_modules=cythonize(
    [extension], compiler_directives=directives, annotate=switch("CGRAD_ANNOTATE"), include_path=["src/cgrad"],
    force=debug or bool(sanitize)))
