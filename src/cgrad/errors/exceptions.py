"""The exception classes that cgrad defines."""

from __future__ import annotations

__all__ = ["AnomalyError", "GuardError", "NotMerged", "ProgramError", "SharedElements", "TapeError", "TraceError"]

# Pickles name a class by its module: cgrad.errors, wherever the class is defined inside this package.


class TapeError(ValueError, RuntimeError):
    """A tape, a mark or a value of a tape used where it does not belong."""

    __module__ = "cgrad.errors"


class TraceError(TypeError):
    """Something in a compiled function that its replay could not repeat."""

    __module__ = "cgrad.errors"


class GuardError(RuntimeError):
    """A program was called with numbers for which the recorded function would have taken another branch."""

    __module__ = "cgrad.errors"


class ProgramError(ValueError):
    """No valid program: a damaged or foreign file, or a graph whose columns are inconsistent."""

    __module__ = "cgrad.errors"


class AnomalyError(FloatingPointError):
    """Under ``cgrad.detect_anomaly()``: the first nan or inf, in a value or an adjoint."""

    __module__ = "cgrad.errors"


class NotMerged(BaseException):  # no Exception, so that functions of users do not catch it
    """Inside a recording: a branch cannot be recorded on both sides, and becomes a guard. It never leaves cgrad."""

    __module__ = "cgrad.errors"


class SharedElements(BaseException):  # likewise
    """A recording has to begin anew, with a node for each element of each array. It never leaves cgrad."""

    __module__ = "cgrad.errors"
