"""Array ops that are not elementwise: reductions, shapes, indices, products, linear algebra.

Each is a Primitive, forward and adjoint beside each other; a thin function in front of it reads arguments as NumPy's
function of that name does. What NumPy's own functions and Tensor's methods answer with is registered here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import Tensor, implements, methods, structural
from . import arrange, combine, contract, create, index, linalg, reduce, shape
from .arrange import *  # noqa: F403
from .combine import *  # noqa: F403
from .contract import *  # noqa: F403
from .create import *  # noqa: F403
from .index import *  # noqa: F403
from .linalg import *  # noqa: F403
from .reduce import *  # noqa: F403
from .shape import *  # noqa: F403

_CHAPTERS = (shape, reduce, index, arrange, combine, contract, linalg)
if not TYPE_CHECKING:  # checkers read lists that are written out: those of the chapters
    __all__ = [name for chapter in (*_CHAPTERS, create) for name in chapter.__all__]

for _chapter in _CHAPTERS:
    methods(Tensor, _chapter.METHODS)
    for _function, _answer in _chapter.NUMPY.items():
        implements(_function, _answer)
structural.update(getitem=index.getitem, matmul=combine.matmul)
