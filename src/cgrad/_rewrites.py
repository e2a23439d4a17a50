"""The algebra of cgrad: which operations are rewritten as simpler ones, a rule a line.

Operations are made by rules in two places: in graphs of programs, when they are optimised (``emit1`` .. ``emit3``), and
on tapes, when a sweep is recorded so that it can be differentiated again (``record1`` .. ``record3``).
``tools/optable`` generates both from this list; ``tests/ops/test_rewrites.py`` checks each rule on special numbers.
This module imports nothing of the package.

A rule keeps every bit of the result (a nan's payload aside), whatever the operands: compiled programs return what the
recorded operations return. Two rules of tapes do not quite, and say so: they may lose the sign of a zero.

The language of a rule
----------------------
``before`` is a row of the op table, called on patterns; rules of a row are tried in this order:

    x, y, z    any operand; the same name twice: the same operand twice
    1, -1      this number
    0          a zero of either sign; +0: only the positive one
    k          any number
    neg(x)     what that operation made (graphs only: a tape is not searched)

``after`` is an operand, a number, or operations, which are rewritten in their turn; ``where(k != 0, x, y)`` takes one
of the two now; ``computed`` is the operation's own number, as a constant.

Two more things happen in graphs without a rule here: operations on numbers alone are computed (on tapes too), and the
operands of rows that commute are put in the order of their nodes, so that equal operations are found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One rewriting, and why it is right."""

    before: str
    after: str
    why: str
    graph: bool = True  # in graphs of programs
    tape: bool = False  # in recorded sweeps
    bits: bool = True  # every bit stays; False: the sign of a zero may not


def _tape(before: str, after: str, why: str, bits: bool = True) -> Rule:
    """A rule of recorded sweeps only."""
    return Rule(before, after, why, graph=False, tape=True, bits=bits)


def _both(before: str, after: str, why: str) -> Rule:
    return Rule(before, after, why, tape=True)


RULES: tuple[Rule, ...] = (
    Rule("neg(neg(x))", "x", "the sign is flipped twice"),

    _both("mul(1, x)", "x", "the product is x, there is nothing to round"),
    _both("mul(x, 1)", "x", "likewise"),
    Rule("mul(x, -1)", "neg(x)", "only the sign changes"),
    Rule("mul(-1, x)", "neg(x)", "likewise"),
    Rule("mul(neg(x), y)", "neg(mul(x, y))", "the sign of a product does not depend on its rounding"),
    Rule("mul(x, neg(y))", "neg(mul(x, y))", "likewise"),

    Rule("add(x, neg(y))", "sub(x, y)", "IEEE 754 defines the difference so"),
    Rule("add(neg(x), y)", "sub(y, x)", "likewise, and a sum commutes"),
    _tape("add(0, x)", "x", "but for 0 + -0, which is 0: nobody divides by a recorded sum that begins so", bits=False),
    _tape("add(x, 0)", "x", "likewise", bits=False),

    Rule("sub(x, neg(y))", "add(x, y)", "IEEE 754 defines the difference so"),
    # sub(neg(x), y) stays: neg(add(x, y)) is -0 where x and y cancel, and the difference is 0
    Rule("sub(x, +0)", "x", "-0 - 0 is -0; x - -0 is not x there"),
    _tape("sub(x, 0)", "x", "but for -0 - -0, which is 0", bits=False),

    _both("div(x, 1)", "x", "the quotient is x"),

    _both("powc(x, 1)", "x", "C's pow is exact there"),
    _both("powc(x, 0)", "1", "of any x, nan too"),

    Rule("where(k, x, y)", "where(k != 0, x, y)", "the side is known"),
    Rule("where(z, x, x)", "x", "both sides are the same"),

    Rule("stop(x)", "x", "it is there for derivatives, and these are made before a graph is optimised"),
    Rule("with_partial(x, y, z)", "x", "likewise"),
)
