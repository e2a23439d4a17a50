"""Expressions worked block by block: what kernels of arrays and vector lanes of programs share.

Some functions are fastest when they run over a whole block of numbers (NumPy's loops, those of core/mathlib/vecmath.h).
An expression that calls such functions becomes statements: each call goes over a block, into a block of scratch, and
what is left is one loop, which the compiler vectorises. log2(exp2(x) + exp2(y)), say:

    exp2(x, n) -> s0        exp2(y, n) -> s1        s2[i] = s0[i] + s1[i]        log2(s2, n) -> s3        out[i] = s3[i]
"""

from __future__ import annotations

from .table import formula


class Blocks:
    """Statements over blocks; equal calls are made once. A language says how it spells a loop and a call."""

    index = "i"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.scratch = 0
        self.known = formula.Subterms()

    def loop(self, statement: str) -> None:
        """A statement for each element."""
        raise NotImplementedError

    def assign(self, block: str, text: str) -> None:
        """Let a block hold an expression's values."""
        raise NotImplementedError

    def call(self, name: str, blocks: list[str], result: str) -> None:
        """Run a function over blocks."""
        raise NotImplementedError

    def called(self, name: str, texts: list[str]) -> str:
        """An element of what a function makes of operands, which are given as texts for an element."""
        return self.known.once((name, *texts), lambda: self.calling(name, texts))

    def calling(self, name: str, texts: list[str]) -> str:
        blocks = [self.block(text) for text in texts]
        result = self.fresh()
        self.call(name, blocks, result)
        return f"{result}[{self.index}]"

    def fresh(self) -> str:
        """A block of scratch."""
        self.scratch += 1
        return f"s{self.scratch - 1}"

    def block(self, text: str) -> str:
        """The block that holds a text's values."""
        suffix = f"[{self.index}]"
        if text.endswith(suffix) and text.removesuffix(suffix).isidentifier():
            return text.removesuffix(suffix)
        block = self.fresh()
        self.assign(block, text)
        return block
