"""Initial values of parameters, set in place.

Each function takes a Tensor, a float array, a Value, or (nested) lists of Values, sets its values and returns it. Names
with a trailing underscore (``xavier_uniform_``, as in PyTorch) are the same functions. Random numbers come from one
generator of this module, which ``manual_seed(n)`` restarts, or from the argument ``rng``: a ``numpy.random.Generator``
or a seed.

The *fans* of a weight of shape (out, in, *receptive field) are fan_in = in*prod(receptive field), the number of inputs
of an output, and fan_out = out*prod(receptive field), the number of outputs of an input.

>>> import cgrad
>>> from cgrad.nn import init
>>> init.manual_seed(0)
>>> t = init.xavier_uniform(cgrad.Tensor([[0.0, 0.0], [0.0, 0.0]]))
>>> bool((abs(t.data) <= (6/4)**0.5).all())
True
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import errors
from .._core import Tensor, Value, effect

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "empty", "empty_", "fans", "kaiming_normal",
    "kaiming_normal_", "kaiming_uniform", "kaiming_uniform_", "manual_seed", "normal", "normal_", "ones", "ones_",
    "orthogonal", "orthogonal_", "seed", "sparse", "sparse_", "uniform", "uniform_", "xavier_normal", "xavier_normal_",
    "xavier_uniform", "xavier_uniform_", "zeros", "zeros_",
]

T = TypeVar("T")
_generator: np.random.Generator | None = None  # made when it is asked for: NumPy imports its generators late


def manual_seed(n: int | None) -> None:
    """Restart this module's random numbers, which layers and dropout use too, from the seed n (None: from the system).

    >>> from cgrad.nn import Linear, init
    >>> init.manual_seed(1)
    >>> a = Linear(3, 2)
    >>> init.manual_seed(1)
    >>> bool((a.weight.data == Linear(3, 2).weight.data).all())
    True
    """
    global _generator
    _generator = np.random.default_rng(n)


seed = manual_seed


def generator(rng: Any = None) -> np.random.Generator:
    """The generator to draw from: rng, or one with that seed; this module's own if None."""
    effect("random numbers")
    if rng is not None:
        return np.random.default_rng(rng)
    if _generator is None:
        manual_seed(None)
        assert _generator is not None
    return _generator


# ---- targets -------------------------------------------------------------------------------------

def _shape(op: str, target: Any) -> tuple[int, ...]:
    if isinstance(target, (Tensor, Value)) or (isinstance(target, np.ndarray) and target.dtype.kind == "f"):
        return target.shape
    if isinstance(target, (list, tuple)):
        inner = {_shape(op, item) for item in target}
        if len(inner) == 1:
            return (len(target), *inner.pop())
    raise errors.not_initialisable(op, target)


def _set(op: str, target: T, values: Any) -> T:
    """Set the target to values, an array of its shape or a number, and return it."""
    _fill(target, np.broadcast_to(np.asarray(values, np.float64), _shape(op, target)))
    return target


def _fill(target: Any, array: NDArray[Any]) -> None:
    if isinstance(target, Tensor):
        target.data = array.astype(target.dtype)
    elif isinstance(target, Value):
        target.data = float(array)
    elif isinstance(target, np.ndarray):
        target[...] = array
    else:
        for item, part in zip(target, array, strict=True):
            _fill(item, part)


def fans(target: Any) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight.

    target: (out, in, *receptive field). Raises ValueError for fewer than two axes.

    >>> import numpy as np
    >>> from cgrad.nn import init
    >>> init.fans(np.zeros((8, 3, 5, 5)))
    (75, 200)
    """
    shape = _shape("fans", target)
    if len(shape) < 2:
        raise errors.layer_shape("fans", "target", shape, "fan in and fan out need two axes or more, (out, in, ...)")
    field = math.prod(shape[2:])
    return shape[1]*field, shape[0]*field


# ---- plain ---------------------------------------------------------------------------------------

def empty(target: T) -> T:
    """Return the target as it is, for values that are set later."""
    _shape("empty", target)
    return target


def constant(target: T, value: float) -> T:
    """Set every element to value.

    >>> import numpy as np
    >>> from cgrad.nn import init
    >>> init.constant(np.zeros(2), 0.5)
    array([0.5, 0.5])
    """
    return _set("constant", target, value)


def zeros(target: T) -> T:
    """Set every element to 0."""
    return _set("zeros", target, 0.0)


def ones(target: T) -> T:
    """Set every element to 1."""
    return _set("ones", target, 1.0)


def normal(target: T, mu: float = 0.0, sigma: float = 1.0, *, rng: Any = None) -> T:
    """Draw from the normal distribution of mean mu and standard deviation sigma."""
    return _set("normal", target, generator(rng).normal(mu, sigma, _shape("normal", target)))


def uniform(target: T, a: float = 0.0, b: float = 1.0, *, rng: Any = None) -> T:
    """Draw from the uniform distribution over [a, b)."""
    return _set("uniform", target, generator(rng).uniform(a, b, _shape("uniform", target)))


def dirac(target: T, groups: int = 1) -> T:
    """Make the weight of a convolution the identity on channels.

    target: (out, in/groups, *kernel). In each of the groups, output channel i has a 1 at input channel i in the middle
    of the kernel (index size//2); all else is 0. Raises ValueError unless the target has 3 to 5 axes and groups divides
    out.

    >>> import numpy as np
    >>> from cgrad.nn import init
    >>> init.dirac(np.empty((2, 2, 3)))
    array([[[0., 1., 0.],
            [0., 0., 0.]],
    <BLANKLINE>
           [[0., 0., 0.],
            [0., 1., 0.]]])
    """
    shape = _shape("dirac", target)
    if len(shape) not in (3, 4, 5):
        raise errors.layer_shape("dirac", "target", shape, "give 3 to 5 axes, (out, in, *kernel)")
    if groups < 1 or shape[0] % groups:
        raise errors.bad_option("dirac", "groups", groups, f"give a divisor of the {shape[0]} output channels")
    values = np.zeros(shape)
    per_group = shape[0]//groups
    channels = np.arange(min(per_group, shape[1]))
    middle = tuple(n//2 for n in shape[2:])
    for g in range(groups):
        passed: Any = (g*per_group + channels, channels, *middle)
        values[passed] = 1
    return _set("dirac", target, values)


def sparse(target: T, sparsity: float, std: float = 0.01, *, rng: Any = None) -> T:
    """Draw from N(0, std^2), then set ceil(sparsity*rows) elements of each column to 0, at random rows.

    Martens: Deep learning via Hessian-free optimization (2010).

    target: (rows, columns). Raises ValueError unless it has two axes and 0 <= sparsity <= 1.

    >>> import numpy as np
    >>> from cgrad.nn import init
    >>> (init.sparse(np.empty((10, 3)), 0.8) != 0).sum(axis=0)
    array([2, 2, 2])
    """
    shape = _shape("sparse", target)
    if len(shape) != 2:
        raise errors.layer_shape("sparse", "target", shape, "give two axes")
    if not 0 <= sparsity <= 1:
        raise errors.bad_option("sparse", "sparsity", sparsity, "give a share from 0 to 1")
    random = generator(rng)
    values = random.normal(0.0, std, shape)
    zeroed = np.arange(shape[0]) < math.ceil(sparsity*shape[0])
    values[random.permuted(np.repeat(zeroed[:, None], shape[1], axis=1), axis=0)] = 0
    return _set("sparse", target, values)


def orthogonal(target: T, gain: float = 1.0, *, rng: Any = None) -> T:
    """Set the target, as a matrix (first axis, all others), to gain times a random semi-orthogonal matrix.

    Saxe, McClelland, Ganguli, arXiv:1312.6120 (2013).

    Its rows are orthonormal, or its columns if it has more rows; it is uniformly distributed (QR of a normal matrix,
    with the signs of R's diagonal moved into Q). Raises ValueError for fewer than two axes.

    >>> import numpy as np
    >>> from cgrad.nn import init
    >>> q = init.orthogonal(np.empty((2, 5)))
    >>> np.allclose(q @ q.T, np.eye(2))
    True
    """
    shape = _shape("orthogonal", target)
    if len(shape) < 2:
        raise errors.layer_shape("orthogonal", "target", shape, "give two axes or more")
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(generator(rng).standard_normal((max(rows, columns), min(rows, columns))))
    q = q*np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return _set("orthogonal", target, gain*(q.T if rows < columns else q).reshape(shape))


# ---- scaled by the fans --------------------------------------------------------------------------

_GAINS = {
    "linear": 1.0, "identity": 1.0, "sigmoid": 1.0, "tanh": 5/3, "relu": math.sqrt(2.0), "selu": 3/4,
    **{f"conv{transposed}{n}d": 1.0 for n in (1, 2, 3) for transposed in ("", "_transpose")},
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights are scaled for a nonlinearity, as in PyTorch.

    nonlinearity: linear, identity, convNd and sigmoid have 1, tanh 5/3, relu sqrt(2), selu 3/4, leaky_relu sqrt(2/(1 +
    param^2)) with its slope param (0.01 if None). Raises ValueError for another name.

    >>> from cgrad.nn import init
    >>> init.calculate_gain("leaky_relu", 2.0)
    0.6324555320336759
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise errors.bad_option("calculate_gain", "param", param, "give the negative slope, a number")
        return math.sqrt(2/(1 + slope*slope))
    if nonlinearity not in _GAINS:
        raise errors.bad_option("calculate_gain", "nonlinearity", nonlinearity,
                                f"give one of {', '.join(sorted([*_GAINS, 'leaky_relu']))}")
    return _GAINS[nonlinearity]


def xavier_uniform(target: T, gain: float = 1.0, *, rng: Any = None) -> T:
    """Draw from U(-b, b), b = gain*sqrt(6/(fan_in + fan_out)).

    Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks (2010).

    Raises ValueError for fewer than two axes.
    """
    bound = gain*math.sqrt(6/sum(fans(target)))
    return uniform(target, -bound, bound, rng=rng)


def xavier_normal(target: T, gain: float = 1.0, *, rng: Any = None) -> T:
    """Draw from N(0, s^2), s = gain*sqrt(2/(fan_in + fan_out)).

    Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks (2010).

    Raises ValueError for fewer than two axes.
    """
    return normal(target, 0.0, gain*math.sqrt(2/sum(fans(target))), rng=rng)


def _kaiming(target: Any, a: float, mode: str, nonlinearity: str) -> float:
    """The standard deviation gain/sqrt(fan)."""
    if mode not in ("fan_in", "fan_out"):
        raise errors.bad_option("kaiming", "mode", mode, "give 'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a)/math.sqrt(fans(target)[mode == "fan_out"])


def kaiming_uniform(target: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *,
                    rng: Any = None) -> T:
    """Draw from U(-b, b), b = gain*sqrt(3/fan).

    He, Zhang, Ren, Sun: Delving deep into rectifiers, arXiv:1502.01852 (2015).

    mode: the fan; "fan_in" keeps the variance of the forward pass, "fan_out" that of the backward pass. nonlinearity,
    a: the gain is ``calculate_gain(nonlinearity, a)``; a is the slope of leaky_relu. Raises ValueError for fewer than
    two axes, another mode or nonlinearity.
    """
    bound = math.sqrt(3.0)*_kaiming(target, a, mode, nonlinearity)
    return uniform(target, -bound, bound, rng=rng)


def kaiming_normal(target: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *,
                   rng: Any = None) -> T:
    """Draw from N(0, s^2), s = gain/sqrt(fan); arguments and errors as for ``kaiming_uniform``.

    He, Zhang, Ren, Sun: Delving deep into rectifiers, arXiv:1502.01852 (2015).
    """
    return normal(target, 0.0, _kaiming(target, a, mode, nonlinearity), rng=rng)


empty_, constant_, zeros_, ones_, normal_, uniform_ = empty, constant, zeros, ones, normal, uniform
dirac_, sparse_, orthogonal_ = dirac, sparse, orthogonal
xavier_uniform_, xavier_normal_ = xavier_uniform, xavier_normal
kaiming_uniform_, kaiming_normal_ = kaiming_uniform, kaiming_normal
