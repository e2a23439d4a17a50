"""Several C files at a time, and only those that changed: what distutils' compilers lack.

``Compiler(jobs, force).adopt(compiler)`` lets a distutils compiler make its objects that way. gcc and clang write
beside each object what it was made of (``-MMD``); an object younger than all of that, made by the same command, is
kept. MSVC makes all objects. ccache is put before the compiler where it is installed.
"""

from __future__ import annotations

import os
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def made_of(listed: Path) -> list[str]:
    """The files that a rule of make, as compilers write them, names behind the colon."""
    text = listed.read_text(encoding="utf-8", errors="surrogateescape").replace("\\\n", " ")
    return shlex.split(text.partition(": ")[2])


def up_to_date(object_file: str, command: str) -> bool:
    """Whether the object is younger than what it was made of, and was made by this command."""
    made, listed = Path(object_file), Path(object_file).with_suffix(".d")
    said = Path(object_file).with_suffix(".command")
    if not (made.exists() and listed.exists() and said.exists() and said.read_text() == command):
        return False
    born = made.stat().st_mtime
    return all(os.path.exists(name) and os.path.getmtime(name) <= born for name in made_of(listed))


class Compiler:
    def __init__(self, jobs: int, force: bool) -> None:
        self.jobs, self.force = jobs, force

    def adopt(self, compiler) -> None:
        self.compiler = compiler
        self.unix = compiler.compiler_type == "unix"
        if self.unix and shutil.which("ccache") and "ccache" not in compiler.compiler_so[0]:
            compiler.compiler_so = ["ccache", *compiler.compiler_so]
        compiler.compile = self.compile

    def compile(self, sources, output_dir=None, macros=None, include_dirs=None, debug=0, extra_preargs=None,
                extra_postargs=None, depends=None) -> list[str]:
        """As distutils' ``CCompiler.compile``."""
        macros, objects, extra, options, build = self.compiler._setup_compile(
            output_dir, macros, include_dirs, sources, depends, extra_postargs)
        arguments = self.compiler._get_cc_args(options, debug, extra_preargs)

        def one(made: str) -> None:
            source, kind = build[made]
            if not self.unix:
                self.compiler._compile(made, source, kind, arguments, extra, options)
                return
            command = shlex.join(map(str, [*self.compiler.compiler_so, *arguments, *extra]))
            if self.force or not up_to_date(made, command):
                listed = ["-MMD", "-MF", str(Path(made).with_suffix(".d"))]
                self.compiler._compile(made, source, kind, arguments, [*extra, *listed], options)
                Path(made).with_suffix(".command").write_text(command)

        with ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(one, objects))
        return objects
