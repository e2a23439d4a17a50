"""Stack frames: the line of the user's code that messages and warnings point at."""

from __future__ import annotations

import os
import sys

__all__ = ["frames_inside", "of_library", "user_line"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _inside(filename: str) -> bool:
    return os.path.abspath(filename).startswith(_PACKAGE)


def user_line() -> str:
    """``file:line`` of the innermost frame outside this package."""
    frame = sys._getframe(0)
    while frame.f_back is not None and _inside(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def frames_inside() -> int:
    """The ``stacklevel`` with which a warning of the caller names the user's line."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _inside(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    return level


def of_library(filename: str) -> bool:
    """True if a code object's file belongs to cgrad, NumPy or the interpreter: guards name the user's line above."""
    numpy = os.path.dirname(sys.modules["numpy"].__file__ or "")
    return filename.startswith((_PACKAGE, numpy + os.sep, "<frozen "))
