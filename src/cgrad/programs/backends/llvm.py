"""Machine code by LLVM: the extra ``pip install 'pycgrad[native]'``."""

from __future__ import annotations

import importlib.util

from ..._program import Executable
from . import backend

# Machine code is made when interpreting has taken about as long as making it takes: then the two together cost at most
# twice what the better choice from the start would have. Seconds seen: to make it, a part and so much a node; to run,
# so much a node.
MAKING, MAKING_NODE, RUNNING_NODE = 0.03, 15e-6, 1.5e-9


@backend
class Native:
    """Machine code of the processor at hand. The code generator is imported when it is needed: that takes a while."""

    name = "native"

    def available(self) -> bool:
        return importlib.util.find_spec("llvmlite") is not None

    def require(self) -> None:
        from ..codegen import jit

        jit.binding()

    def compile(self, executable: Executable) -> None:
        from ..codegen import jit

        jit.install(executable)

    def pays_after(self, nodes: int) -> int:
        """Runs after which machine code is made of a graph.

        >>> Native().pays_after(20) > Native().pays_after(10_000) > 1_000
        True
        """
        return int((MAKING + MAKING_NODE*nodes)/(RUNNING_NODE*(nodes + 10)))
