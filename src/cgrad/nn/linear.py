"""Linear layers, embeddings, and layers that only reshape."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import Any

import numpy as np

from .. import errors
from .._core import Primitive, Tensor
from . import init
from ._support import as_floats, check_int
from .module import Module

__all__ = ["Embedding", "Flatten", "Identity", "Linear", "linear"]


def _linear_forward(x: Any, weight: Any, *bias: Any) -> Any:
    out = x @ weight.T
    for b in bias:
        out += b
    return out


def _linear_vjp(k: int, g: Any, out: Any, x: Any, weight: Any, *bias: Any) -> Any:
    if k == 0:
        return g @ weight
    if k == 2:
        return g if g.ndim != 2 else g.sum(axis=0)
    if g.ndim != 2:
        g, x = np.reshape(g, (-1, g.shape[-1])), np.reshape(x, (-1, x.shape[-1]))
    return g.T @ x


_linear = Primitive("linear", _linear_forward, _linear_vjp)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight.T + bias, as one operation.

    x: (..., in). weight: (out, in). bias: (out,) or None. Returns (..., out). Raises ValueError for shapes that do not
    fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import linear
    >>> linear(np.array([1.0, 2.0]), np.array([[3.0, 4.0]]), np.array([0.5]))
    array([11.5])
    """
    x = as_floats("linear", "x", x)
    takes = weight.shape
    if not x.ndim or len(takes) != 2 or x.shape[-1] != takes[1]:
        raise errors.layer_shape("linear", "x", x.shape, f"weight {takes} takes (..., {takes[-1]}) as (out, in)")
    if bias is None:
        return _linear(x, weight)
    if bias.shape != takes[:1]:
        raise errors.layer_shape("linear", "bias", bias.shape, f"give ({takes[0]},)")
    return _linear(x, weight, bias)


class Linear(Module):
    """Linear layer, x @ weight.T + bias.

    weight (out_features, in_features) and bias (out_features,) start from U(-k, k), k = 1/sqrt(in_features), as in
    PyTorch: ``kaiming_uniform`` for leaky_relu of slope sqrt(5). dtype: float64 if None. rng: a generator or a seed;
    the one of ``nn.init`` if None. store: a dict in which ``name + ".weight"`` and ``name + ".bias"`` are looked up;
    arrays that are missing are made and put there, and a Tensor in it is used itself, so that layers share it. A call
    takes (..., in_features) and returns (..., out_features). Raises ValueError for other shapes.

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
        self.in_features = check_int("Linear", "in_features", in_features)
        self.out_features = check_int("Linear", "out_features", out_features)
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
    """Table of num vectors of length size, looked up by index.

    weight (num, size) starts from N(0, 1). rng: a generator or a seed; the one of ``nn.init`` if None. A call takes
    integers of any shape and returns (..., size); indices that occur more than once add their gradients. Raises
    ValueError for indices out of range.

    >>> import numpy as np
    >>> from cgrad.nn import Embedding
    >>> Embedding(10, 3)(np.array([[1, 2], [2, 0]])).shape
    (2, 2, 3)
    """

    def __init__(self, num: int, size: int, dtype: Any = None, *, rng: Any = None) -> None:
        shape = check_int("Embedding", "num", num), check_int("Embedding", "size", size)
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
    """Join all axes from start on into one.

    >>> import numpy as np
    >>> from cgrad.nn import Flatten
    >>> Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start: int = 1) -> None:
        self.start = check_int("Flatten", "start", start, 0)

    def forward(self, x: Any) -> Any:
        kept = x.shape[:self.start]
        return np.reshape(x, (*kept, math.prod(x.shape[self.start:])))


class Identity(Module):
    """Returns its input."""

    def forward(self, x: Any) -> Any:
        return x
