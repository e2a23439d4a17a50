"""cgrad: automatic differentiation for scalar-heavy Python at the speed of compiled code."""

import typing as _typing

# "as" the same: for checkers a name that goes on to users. No module is imported late by a __getattr__ here: with one,
# CPython looks up ``cgrad.sin`` by the slow path, at each call. What is heavy is imported late where it is used.
from . import nn as nn
from . import optim as optim
from .errors import AnomalyError as AnomalyError
from .errors import GuardError as GuardError
from .errors import ProgramError as ProgramError
from .errors import TapeError as TapeError
from .errors import TraceError as TraceError
from .function import Function as Function
from .ops import linalg as linalg
from .ops.arrange import *  # noqa: F403
from .ops.combine import *  # noqa: F403
from .ops.contract import *  # noqa: F403
from .ops.create import *  # noqa: F403
from .ops.curves import *  # noqa: F403
from .ops.exponentials import *  # noqa: F403
from .ops.index import *  # noqa: F403
from .ops.linalg import *  # noqa: F403
from .ops.products import *  # noqa: F403
from .ops.quantiles import *  # noqa: F403
from .ops.reduce import *  # noqa: F403
from .ops.running import *  # noqa: F403
from .ops.shape import *  # noqa: F403
from .ops.stop import *  # noqa: F403
from .programs import former as _former
from .programs.function import CompiledFunction as CompiledFunction
from .programs.function import compile as compile
from .programs.function import load as load
from .programs.path import Program as Program

# isort: split
# The op table's functions, Value, Tensor, Tape, gradients, ... dot and where are those of ops, which accept more than
# the core's: checkers take the first import of a name, and at run time the last one counts.
from ._core import *  # type: ignore[no-redef, assignment]  # noqa: F403
from .ops.index import where as where
from .ops.products import dot as dot

# isort: split
from . import distributed as distributed
from . import testing as testing
from . import viz as viz

__all__ = sorted({"distributed", "linalg", "nn", "optim", "testing", "viz",
                  *(name for name, thing in globals().items()
                    if not name.startswith("_") and type(thing) is not type(_typing))})

_former.register()

__version__ = "0.1.0"  # the one place: pyproject.toml reads it from here, without importing
