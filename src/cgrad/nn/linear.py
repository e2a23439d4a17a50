"""Linear layers, embeddings, and what only reshapes."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import Any

import numpy as np

from .. import errors
from .._core import Primitive, Tensor
from . import init
from ._support import floats, whole
from .module import Module

__all__ = ["Embedding", "Flatten", "Identity", "Linear", "linear"]


def _forward(x: Any, weight: Any, *bias: Any) -> Any:
    out = x @ weight.T
    for b in bias:
        out += b
    return out


def _vjp(k: int, g: Any, out: Any, x: Any, weight: Any, *bias: Any) -> Any:
    if k == 0:
        return g @ weight
    if k == 2:
        return g if g.ndim != 2 else g.sum(axis=0)
    if g.ndim != 2:
        g, x = np.reshape(g, (-1, g.shape[-1])), np.reshape(x, (-1, x.shape[-1]))
    return g.T @ x


_linear = Primitive("linear", _forward, _vjp)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight.T + bias, one operation.

    x (..., in), weight (out, in), bias (out,) or None; gives (..., out). Raises ValueError for shapes that
    do not fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import linear
    >>> linear(np.array([1.0, 2.0]), np.array([[3.0, 4.0]]), np.array([0.5]))
    array([11.5])
    """
    x = floats("linear", "x", x)
    takes = weight.shape
    if not x.ndim or len(takes) != 2 or x.shape[-1] != takes[1]:
        raise errors.layer_shape("linear", "x", x.shape, f"weight {takes} takes (..., {takes[-1]}) as (out, in)")
    if bias is None:
        return _linear(x, weight)
    if bias.shape != takes[:1]:
        raise errors.layer_shape("linear", "bias", bias.shape, f"give ({takes[0]},)")
    return _linear(x, weight, bias)


class Linear(Module):
    """Linear(in_features, out_features, bias=True, dtype=None, *, store=None, name="linear", rng=None): x @ W.T + b.

    weight (out_features, in_features), bias (out_features,); both start from U(-k, k), k = 1/sqrt(in_features),
    as PyTorch's do: He and others' uniform distribution for leaky_relu of slope sqrt(5).
    dtype: float64 if None. rng: a generator or a seed; that of ``nn.init`` if None.

    store: a dict of arrays, {name + ".weight": ..., name + ".bias": ...}: what is there is loaded, what is not
    is made and put there. A Tensor in the store is used as it is, so that layers share it.

    A call takes (..., in_features) and gives (..., out_features). Raises ValueError for other shapes.

    >>> import cgrad
    >>> from cgrad.nn import Linear
    >>> store = {}
    >>> layer = Linear(3, 2, store=store, name="first")
    >>> {name: array.shape for name, array in store.items()}
    {'first.weight': (2, 3), 'first.bias': (2,)}
    >>> again = Linear(3, 2, store=store, name="first")
    >>> bool((again.weight.data == layer.weight.data).all())
    True
    >>> layer(cgrad.Tensor([1.0, 2.0, 3.0])).shape
    (2,)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: Any = None, *,
                 store: MutableMapping[str, Any] | None = None, name: str = "linear", rng: Any = None) -> None:
        self.in_features = whole("Linear", "in_features", in_features)
        self.out_features = whole("Linear", "out_features", out_features)
        random = init.generator(rng)
        bound = 1/math.sqrt(in_features)

        def parameter(kind: str, shape: tuple[int, ...]) -> Tensor:
            key = f"{name}.{kind}"
            if store is not None and key in store:
                found = store[key]
                parameter = found if isinstance(found, Tensor) else Tensor(found, requires_grad=True, dtype=dtype)
                if parameter.shape != shape:
                    raise errors.layer_shape("Linear", f"{key!r} of the store", parameter.shape, f"give {shape}")
                return parameter
            made = random.uniform(-bound, bound, shape).astype(np.float64 if dtype is None else dtype)
            if store is not None:
                store[key] = made
            return Tensor(made, requires_grad=True)

        self.weight = parameter("weight", (self.out_features, self.in_features))
        self.bias = parameter("bias", (self.out_features,)) if bias else None

    def forward(self, x: Any) -> Any:
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


class Embedding(Module):
    """Embedding(num, size, dtype=None, *, rng=None): row i of a table of num vectors of that size, for each index i.

    weight (num, size), from N(0, 1). A call takes whole numbers of any shape and gives (..., size); indices
    that occur more than once add their gradients. Raises ValueError for indices that are no rows.

    >>> import numpy as np
    >>> from cgrad.nn import Embedding
    >>> Embedding(10, 3)(np.array([[1, 2], [2, 0]])).shape
    (2, 2, 3)
    """

    def __init__(self, num: int, size: int, dtype: Any = None, *, rng: Any = None) -> None:
        shape = whole("Embedding", "num", num), whole("Embedding", "size", size)
        self.weight = Tensor(init.generator(rng).standard_normal(shape), requires_grad=True, dtype=dtype)

    def forward(self, index: Any) -> Any:
        rows = np.asarray(index)
        if rows.size and rows.dtype.kind not in "iu":
            raise errors.bad_option("Embedding", "index", index, "give whole numbers")
        if rows.size and not 0 <= rows.min() <= rows.max() < self.weight.shape[0]:
            odd = rows.min() if rows.min() < 0 else rows.max()
            raise errors.class_index("Embedding", int(odd), self.weight.shape[0])
        return self.weight[rows.astype(np.intp)]

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class Flatten(Module):
    """Flatten(start=1): all axes from start on as one.

    >>> import numpy as np
    >>> from cgrad.nn import Flatten
    >>> Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start: int = 1) -> None:
        self.start = whole("Flatten", "start", start, 0)

    def forward(self, x: Any) -> Any:
        kept = x.shape[:self.start]
        return np.reshape(x, (*kept, math.prod(x.shape[self.start:])))


class Identity(Module):
    """What it is given."""

    def forward(self, x: Any) -> Any:
        return x
