"""cgrad: automatic differentiation for scalar-heavy Python at the speed of compiled code."""

from . import nn, optim
from ._core import *  # noqa: F403  the op table's functions, Value, Tape, gradients, ...
from .errors import AnomalyError, TapeError
from .function import Function
from .ops import *  # noqa: F403  reductions, shapes, indices, products, linear algebra

__version__ = "0.1.0"
