"""Build cgrad's extensions: generate from the op table, translate, compile. Nothing is done when this file is imported.

Switches, by environment:
    CGRAD_DEBUG=1          bounds checks, line tracing, C's assertions, CPython's allocator, debug information
    CGRAD_ANNOTATE=1       write the annotated C as HTML beside the source
    CGRAD_SANITIZE=LIST    compile with -fsanitize=LIST (address,undefined)
    CGRAD_OPT=0..3         the compiler's optimisation for all files, instead of each extension's own
    CGRAD_JOBS=n           compilers at a time, by default one a processor
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / "src" / "cgrad"


def switch(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


DEBUG, SANITIZE = switch("CGRAD_DEBUG"), os.environ.get("CGRAD_SANITIZE", "")
LEVEL = os.environ.get("CGRAD_OPT") or ("0" if DEBUG else "1" if SANITIZE else "")
if LEVEL not in ("", "0", "1", "2", "3"):
    sys.exit(f"CGRAD_OPT: {LEVEL!r} is no level of optimisation: give 0, 1, 2 or 3")
JOBS = int(os.environ.get("CGRAD_JOBS") or os.cpu_count() or 1)


def extension(name: str, *sources: str, level: str, flags: tuple[str, ...] = ()) -> Extension:
    """An extension of the package; ``level`` of optimisation and gcc's ``flags``: by measurement (docs/notes.md)."""
    made = Extension(f"cgrad.{name}", [f"src/cgrad/{source}" for source in (f"{name}.pyx", *sources)])
    made.level, made.flags = LEVEL or level, () if LEVEL else flags
    return made


EXTENSIONS = [
    extension("_kernels", level="2", flags=("-ftree-vectorize", "-fvect-cost-model=dynamic")),
    extension("_core", level="3"),
    extension("_program", "core/program/bytecode.c", "core/program/interpreter.c", "core/program/lanes.c", level="3"),
]


def generate() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    from optable import generate as generator

    generator.main()


class Modules(build_py):
    def run(self):
        generate()  # stubs are among the data of the package, which this command collects
        super().run()


class Build(build_ext):
    def run(self):
        import Cython
        import numpy as np
        from Cython.Build import cythonize

        generate()
        import compile_parallel

        # binding=False: methods are those of built-in types, which check what self is, and a call costs less;
        # inspect.signature then reads the docstring's first line, which Cython writes.
        directives = {"binding": False, "embedsignature": True, "embedsignature.format": "clinic",
                      "boundscheck": DEBUG, "initializedcheck": DEBUG, "linetrace": DEBUG,
                      "show_performance_hints": False}
        # Files made with other switches look up to date and are not.
        stamp = PACKAGE / "_gen" / "switches"
        switches = repr((Cython.__version__, DEBUG, SANITIZE, LEVEL, os.environ.get("CC"), os.environ.get("CFLAGS"),
                         directives, [(ext.name, ext.level, ext.flags) for ext in self.extensions]))
        self.force = self.force or not stamp.exists() or stamp.read_text() != switches
        for ext in self.extensions:
            ext.depends = [str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*")
                           if path.suffix in (".pyx", ".pxd", ".pxi", ".h", ".def", ".c") and path.parent != PACKAGE]
            ext.include_dirs += ["src/cgrad", np.get_include()]
            ext.define_macros += [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
                                  ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")]
            if DEBUG:
                ext.define_macros.append(("CYTHON_TRACE", "1"))
                ext.undef_macros.append("NDEBUG")
            else:  # said here too: CFLAGS in the environment takes the place of Python's own flags
                ext.define_macros.append(("NDEBUG", None))
            if DEBUG or SANITIZE:  # CPython's allocator: a sanitizer sees what is used after its death
                ext.define_macros.append(("CGRAD_DEBUG", "1"))
        translated = cythonize(
            self.extensions, nthreads=JOBS if JOBS > 1 and len(self.extensions) > 1 else 0, force=self.force,
            compiler_directives=directives, annotate=switch("CGRAD_ANNOTATE"), include_path=["src/cgrad"])
        for ext, made in zip(self.extensions, translated, strict=True):
            ext.sources = made.sources
        self.compile = compile_parallel.Compiler(JOBS, self.force)
        super().run()
        stamp.write_text(switches)

    def build_extensions(self):
        self.compile.adopt(self.compiler)
        super().build_extensions()

    def build_extension(self, ext):
        """Flags by compiler, not by platform: MinGW on Windows takes gcc's."""
        if self.compiler.compiler_type == "msvc":
            if SANITIZE:
                sys.exit("CGRAD_SANITIZE: needs gcc or clang")
            # /fp:precise contracts nothing and keeps nan and inf, like gcc's defaults
            # core/program/lanes.h takes its arguments apart as C99 does it
            ext.extra_compile_args += ["/Od" if ext.level == "0" else "/O2", "/fp:precise", "/Zc:preprocessor"]
        else:
            # replay must equal eager to the bit: a*b + c is rounded twice on every machine
            ext.extra_compile_args += [f"-O{ext.level}", "-fwrapv", "-ffp-contract=off", "-fno-math-errno",
                                       "-Wno-unused-function"]
            if "clang" not in " ".join(self.compiler.compiler_so) and sys.platform != "darwin":
                ext.extra_compile_args += ext.flags
            ext.libraries = [*ext.libraries, *(["m"] if os.name == "posix" else [])]
            if DEBUG or SANITIZE:
                ext.extra_compile_args.append("-g")
            else:  # Python's own flags may ask for debug information: four fifths of the wheel
                ext.extra_compile_args.append("-g0")
                ext.extra_link_args += ["-Wl,-x"] if sys.platform == "darwin" else ["-Wl,-s"]
            if SANITIZE:
                flags = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
                ext.extra_compile_args += flags
                ext.extra_link_args += flags
        super().build_extension(ext)


if __name__ == "__main__":  # processes that Cython starts import this file, where they are not forks
    setup(cmdclass={"build_py": Modules, "build_ext": Build}, ext_modules=EXTENSIONS)
