"""Tapes: marks, histories that do not belong together, memory."""

from __future__ import annotations

from .describe import named
from .exceptions import TapeError

__all__ = ["bad_mark", "busy", "foreign", "no_memory", "too_many_nodes", "unbalanced", "wrong_tape"]


def wrong_tape(op: str, value: object, tape: object, rewound: bool) -> TapeError:
    if rewound:
        return TapeError(f"{op}: {named(value)} was recorded after a mark that its tape was rewound to "
                         "(or before a clear): record it again")
    return TapeError(f"{op}: {named(value)} was recorded on {getattr(value, '_tape', None)!r}, the other operand on "
                     f"{tape!r}: keep histories that meet on one tape, or cut one off with .detach()")


def foreign(op: str, value: object, tape: object) -> TapeError:
    return TapeError(f"{op}: {named(value)} was recorded on {getattr(value, '_tape', None)!r}, "
                     f"the outputs on {tape!r}: ask for the gradients of its own tape")


def bad_mark(tape: object, mark: object) -> TapeError:
    return TapeError(f"rewind: {mark!r} is not a mark of {tape!r} (or was itself rewound past): take one with t.mark()")


def busy(op: str, tape: object) -> TapeError:
    return TapeError(f"{op}: {tape!r} is in use by a sweep: wait for it to end, or record on another "
                    "tape, cgrad.Tape()")


def unbalanced(tape: object) -> TapeError:
    return TapeError(f"with: {tape!r} is not this thread's current tape: leave tapes in the reverse order of entering")


def no_memory(nodes: int, nbytes: int) -> MemoryError:
    return MemoryError(f"tape: no memory for {nodes} nodes ({nbytes / 2**20:.0f} MiB); the tape is unchanged: "
                       "drop results that are not needed, or record in pieces")


def too_many_nodes(most: int) -> MemoryError:
    return MemoryError(f"tape: {most} nodes are the most that one tape holds; the tape is unchanged: "
                       "drop results that are not needed, or record in pieces")
