"""The interpreter of the core, which runs every program from the start."""

from __future__ import annotations

from ..._program import Executable
from . import backend


@backend
class Interpreter:
    name = "interpreter"

    def available(self) -> bool:
        return True

    def require(self) -> None:
        """It is always there."""

    def compile(self, executable: Executable) -> None:
        """It is interpreted already."""

    def pays_after(self, nodes: int) -> None:
        """There is nothing to compile."""
