"""C99 as text, for a compiler anywhere."""

from __future__ import annotations

from ..._program import Executable
from . import exporter


@exporter
class C:
    name = "c"

    def to_text(self, name: str, executables: list[Executable], guards: list[str], of: str) -> str:
        from ..codegen import c_text

        return c_text.to_c(name, [(each.graph.columns(), each.outputs, [tuple(row) for row in each.guards.tolist()])
                                  for each in executables], guards, of)
