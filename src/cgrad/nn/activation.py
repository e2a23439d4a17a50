"""Activations: elementwise functions with PyTorch's derivatives at their kinks, and a module of each.

The functions take Tensors, Values, arrays and numbers. They are composed of rows of the op table, so that their
derivatives exist to any order, and are methods of Tensor as well: ``t.elu()``, ``t.silu(beta)``.
"""

from __future__ import annotations

import math
from typing import Any

from .. import errors
from .._core import Tensor, erfc, expm1, methods, relu, sigmoid, tanh, where
from .._core import softplus as _softplus
from ..ops import log_softmax, softmax
from .module import Module

__all__ = [
    "ELU", "GELU", "Hardswish", "LeakyReLU", "LogSoftmax", "Mish", "QuickGELU", "ReLU", "ReLU6", "SiLU", "Sigmoid",
    "SoftPlus", "Softmax", "Softplus", "Tanh",
    "elu", "gelu", "hardswish", "leaky_relu", "leakyrelu", "log_softmax", "mish", "quick_gelu", "relu", "relu6",
    "sigmoid", "silu", "softmax", "softplus", "tanh",
]


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit: x where x > 0, else alpha*(exp(x) - 1); the derivative at 0 is alpha.

    Clevert, Unterthiner, Hochreiter, arXiv:1511.07289 (2015).

    >>> from cgrad.nn.functional import elu
    >>> elu(2.0), round(elu(-1.0), 6)
    (2.0, -0.632121)
    """
    positive = x > 0
    return where(positive, x, alpha*expm1(where(positive, 0.0, x)))  # expm1 of a large x would be inf


def silu(x: Any, beta: float = 1.0) -> Any:
    """Sigmoid linear unit (swish), x*sigmoid(beta*x).

    Elfwing, Uchibe, Doya, arXiv:1702.03118 (2017); with beta: Ramachandran, Zoph, Le, arXiv:1710.05941 (2017).

    >>> from cgrad.nn.functional import silu
    >>> silu(0.0), round(silu(1.0), 6)
    (0.0, 0.731059)
    """
    return x*sigmoid(x if beta == 1 else beta*x)


def leaky_relu(x: Any, neg_slope: float = 0.01) -> Any:
    """Leaky rectifier: x where x > 0, else neg_slope*x; the derivative at 0 is neg_slope.

    Maas, Hannun, Ng: Rectifier nonlinearities improve neural network acoustic models (2013).

    >>> from cgrad.nn.functional import leaky_relu
    >>> leaky_relu(2.0), leaky_relu(-2.0, 0.25)
    (2.0, -0.5)
    """
    return where(x > 0, x, neg_slope*x)


leakyrelu = leaky_relu  # giagrad's name


def softplus(x: Any, beta: float = 1.0, limit: float = 20.0) -> Any:
    """log(1 + exp(beta*x))/beta; x itself where beta*x > limit, as in PyTorch.

    ``cgrad.softplus(x)`` is the function without the cut, which drops up to exp(-limit)/beta.

    >>> from cgrad.nn.functional import softplus
    >>> round(softplus(0.0, beta=2.0), 6), softplus(30.0)
    (0.346574, 30.0)
    """
    z = x if beta == 1 else beta*x
    y = _softplus(z)
    if beta != 1:
        y = y/beta
    return y if limit == math.inf else where(z > limit, x, y)


def quick_gelu(x: Any) -> Any:
    """x*sigmoid(1.702*x), an approximation of gelu by a logistic function.

    Hendrycks, Gimpel, arXiv:1606.08415 (2016).

    >>> from cgrad.nn.functional import quick_gelu
    >>> round(quick_gelu(1.0), 6)
    0.845796
    """
    return silu(x, 1.702)


def gelu(x: Any, approximate: str = "none") -> Any:
    """Gaussian error linear unit: x times the standard normal distribution function, x*erfc(-x/sqrt(2))/2.

    Hendrycks, Gimpel, arXiv:1606.08415 (2016).

    approximate: "none", of full relative accuracy for x < 0 too; or "tanh", x*(1 + tanh(sqrt(2/pi)*(x +
    0.044715*x^3)))/2. Raises ValueError for another one.

    >>> from cgrad.nn.functional import gelu
    >>> round(gelu(1.0), 6), round(gelu(1.0, "tanh"), 6)
    (0.841345, 0.841192)
    """
    if approximate == "none":
        return 0.5*x*erfc(-math.sqrt(0.5)*x)
    if approximate != "tanh":
        raise errors.bad_option("gelu", "approximate", approximate, "give 'none' or 'tanh'")
    return 0.5*x*(1 + tanh(math.sqrt(2/math.pi)*(x + 0.044715*(x*x*x))))


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6); the derivatives at 0 and at 6 are 0.

    Krizhevsky: Convolutional deep belief networks on CIFAR-10 (2010).

    >>> from cgrad.nn.functional import relu6
    >>> relu6(-1.0), relu6(2.0), relu6(8.0)
    (0.0, 2.0, 6.0)
    """
    return where(x >= 6, 6.0, relu(x))


def mish(x: Any, beta: float = 1.0) -> Any:
    """x*tanh(log(1 + exp(beta*x))/beta).

    Misra, arXiv:1908.08681 (2019).

    >>> from cgrad.nn.functional import mish
    >>> round(mish(1.0), 6)
    0.865098
    """
    return x*tanh(softplus(x, beta, math.inf))


def hardswish(x: Any) -> Any:
    """x*relu6(x + 3)/6; the derivative is 0 at -3 and 1 at 3.

    Howard and others: Searching for MobileNetV3, arXiv:1905.02244 (2019).

    >>> from cgrad.nn.functional import hardswish
    >>> hardswish(-1.5), hardswish(0.0), hardswish(4.0)
    (-0.375, 0.0, 4.0)
    """
    return x*relu6(x + 3)/6


def _method_softplus(x: Any, beta: float = 1.0, limit: float = math.inf) -> Any:
    """log(1 + exp(beta*x))/beta; x itself where beta*x > limit."""
    return softplus(x, beta, limit)


methods(Tensor, {
    "elu": elu, "silu": silu, "leakyrelu": leaky_relu, "leaky_relu": leaky_relu, "softplus": _method_softplus,
    "quick_gelu": quick_gelu, "gelu": gelu, "relu6": relu6, "mish": mish, "hardswish": hardswish,
})


# ---- modules -------------------------------------------------------------------------------------

class ReLU(Module):
    """Rectifier, max(x, 0); the derivative at 0 is 0.

    >>> from cgrad.nn import ReLU
    >>> ReLU()(-3.0)
    0.0
    """

    def forward(self, x: Any) -> Any:
        return relu(x)


class ReLU6(Module):
    """Rectifier cut at 6: see ``functional.relu6``."""

    def forward(self, x: Any) -> Any:
        return relu6(x)


class Sigmoid(Module):
    """1/(1 + exp(-x))."""

    def forward(self, x: Any) -> Any:
        return sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, x: Any) -> Any:
        return tanh(x)


class ELU(Module):
    """Exponential linear unit: see ``functional.elu``."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SiLU(Module):
    """Sigmoid linear unit: see ``functional.silu``."""

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def forward(self, x: Any) -> Any:
        return silu(x, self.beta)

    def extra_repr(self) -> str:
        return f"beta={self.beta}"


class LeakyReLU(Module):
    """Leaky rectifier: see ``functional.leaky_relu``."""

    def __init__(self, neg_slope: float = 0.01) -> None:
        self.neg_slope = neg_slope

    def forward(self, x: Any) -> Any:
        return leaky_relu(x, self.neg_slope)

    def extra_repr(self) -> str:
        return f"neg_slope={self.neg_slope}"


class Softplus(Module):
    """Smooth rectifier: see ``functional.softplus``; also called SoftPlus."""

    def __init__(self, beta: float = 1.0, limit: float = 20.0) -> None:
        self.beta = beta
        self.limit = limit

    def forward(self, x: Any) -> Any:
        return softplus(x, self.beta, self.limit)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, limit={self.limit}"


SoftPlus = Softplus


class QuickGELU(Module):
    """Approximate Gaussian error linear unit: see ``functional.quick_gelu``."""

    def forward(self, x: Any) -> Any:
        return quick_gelu(x)


class GELU(Module):
    """Gaussian error linear unit: see ``functional.gelu``."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


class Mish(Module):
    """Mish: see ``functional.mish``."""

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def forward(self, x: Any) -> Any:
        return mish(x, self.beta)

    def extra_repr(self) -> str:
        return f"beta={self.beta}"


class Hardswish(Module):
    """Hard swish: see ``functional.hardswish``."""

    def forward(self, x: Any) -> Any:
        return hardswish(x)


class Softmax(Module):
    """Softmax along an axis, exp(x)/sum(exp(x))."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        return softmax(x, axis=self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


class LogSoftmax(Module):
    """Logarithm of softmax along an axis, x - log(sum(exp(x)))."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        return log_softmax(x, axis=self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"
