"""The table of instructions as Cython sees it (see gen_ops.py, which calls this).

    bytecode.pxi   the opcodes of the fused instructions, declared; a row of the op table has the number of its op
"""

from __future__ import annotations

import re
from pathlib import Path

ROW = re.compile(r"^(?:SINGLE|SELECT|LAST|PAIR|RUN|SUM|GUARD|END)\((\w+)[,)]", re.MULTILINE)


def declarations(package: Path) -> str:
    names = ROW.findall((package / "core" / "program" / "bytecode.def").read_text(encoding="utf-8"))
    lines = [f"        BC_{name}" for name in ("NONE", *names)]
    return "\n".join(['cdef extern from "core/program/bytecode.h" nogil:', "    enum:", *lines, ""])
