"""Array ops that are not elementwise: reductions, shapes, indices, products, linear algebra.

Behind a function ``name`` is a Primitive ``_name``: a forward function over plain arrays, and a rule that returns the
adjoint of an argument. The function reads arguments as NumPy's function of that name does; where its signature has
NumPy's ``out``, ``dtype`` or ``where`` it is to say clearly that they are not taken. Rules call Primitives: on plain
arrays these are the forward function alone, on Tensors and Values they record. So one rule serves numeric and recorded
sweeps, and derivatives exist to any order.

Each chapter lists the methods of Tensor (METHODS) and the functions of NumPy (NUMPY) that it implements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import Tensor, implements, methods, structural
from . import (
    arrange,
    combine,
    contract,
    create,
    curves,
    exponentials,
    index,
    linalg,
    products,
    quantiles,
    reduce,
    running,
    shape,
    special,
)
from .arrange import *  # noqa: F403
from .combine import *  # noqa: F403
from .contract import *  # noqa: F403
from .create import *  # noqa: F403
from .curves import *  # noqa: F403
from .exponentials import *  # noqa: F403
from .index import *  # noqa: F403
from .linalg import *  # noqa: F403
from .products import *  # noqa: F403
from .quantiles import *  # noqa: F403
from .reduce import *  # noqa: F403
from .running import *  # noqa: F403
from .shape import *  # noqa: F403
from .stop import *  # noqa: F403

_CHAPTERS = (
    shape, running, reduce, exponentials, index, arrange, combine, products, contract, linalg, quantiles, curves)
if not TYPE_CHECKING:  # checkers read lists that are written out: those of the chapters
    __all__ = [name for chapter in (*_CHAPTERS, create) for name in chapter.__all__]
    # Pickles name a function by its module, and earlier versions had these in another one.
    for _former, _chapter in ((reduce, running), (reduce, exponentials), (combine, products)):
        vars(_former).update((name, getattr(_chapter, name)) for name in _chapter.__all__)

for _chapter in (*_CHAPTERS, special):
    methods(Tensor, _chapter.METHODS)
    for _function, _answer in _chapter.NUMPY.items():
        implements(_function, _answer)
structural.update(getitem=index.getitem, index=index.checked_index, matmul=products.matmul)
