"""micrograd's import path: ``from cgrad.engine import Value``."""

from ._core import Value

__all__ = ["Value"]
