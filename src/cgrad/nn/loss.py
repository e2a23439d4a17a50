"""Losses: each a function, and a module of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors
from .._core import TAKE, Primitive, Tensor, plain, softplus, square
from ..ops import log_softmax, softmax, where
from ..ops._traced import is_traced, reduce_maximum
from ..ops.exponentials import log_softmax_forward
from ._support import apply_reduction, as_floats, check_reduction
from .module import Module

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BCEWithLogits", "BCEWithLogitsLoss", "CrossEntropyLoss", "L1Loss", "MSELoss", "NLLLoss",
    "binary_cross_entropy_with_logits", "cross_entropy", "l1_loss", "mse_loss", "nll_loss",
]

# ---- cross entropy ------------------------------------------------------------------------------
# The usual case, rows of logits and a class for each, is one operation. Its forward pass leaves exp(x - max) and
# their sums in ``saved`` for the numeric backward pass; a recorded one starts from x again.

def _class_forward(x: Any, *, target: NDArray[np.intp], rows: NDArray[np.intp], scale: float, saved: list[Any]) -> Any:
    shifted = x - reduce_maximum(x, (1,), None, None, True)
    chosen = shifted[rows, target]
    powers = np.exp(shifted, out=shifted)
    sums = np.add.reduce(powers, axis=1)
    saved[:] = powers, sums
    return np.add.reduce(np.log(sums) - chosen)*scale


def _class_vjp(g: Any, out: Any, x: Any, target: NDArray[np.intp], rows: NDArray[np.intp], scale: float,
                saved: list[Any]) -> Any:
    if isinstance(x, Tensor):
        one_hot = np.zeros(x.shape, x.dtype)
        one_hot[rows, target] = 1
        return (softmax(x, axis=1) - one_hot)*(g*scale)
    powers, sums = saved
    factor = g*scale
    adjoint = powers*(factor/sums)[:, None]
    adjoint[rows, target] -= factor
    return adjoint


_class_cross_entropy = Primitive("cross_entropy", _class_forward, (_class_vjp,))


def _cross_entropy_forward(x: Any, q: Any, *, axis: int) -> Any:
    if is_traced(x) or is_traced(q):
        logp = log_softmax_forward(x, (axis,))
        return -np.where(np.asarray(q != 0, bool), q*logp, 0.0).sum(axis=axis)
    logp = log_softmax(x, axis=axis)
    # 0*log(0) is 0
    chosen = np.multiply(q, logp, out=np.zeros_like(logp), where=q != 0)
    return -chosen.sum(axis=axis)


def _cross_entropy_vjp(k: int, g: Any, out: Any, x: Any, q: Any, axis: int) -> Any:
    g = np.reshape(g, (*x.shape[:axis], 1, *x.shape[axis + 1:]))
    if k == 1:
        return -g*log_softmax(x, axis=axis)
    return g*(softmax(x, axis=axis)*np.sum(q, axis=axis, keepdims=True) - q)


_cross_entropy = Primitive("cross_entropy", _cross_entropy_forward, _cross_entropy_vjp)


def _class_indices(op: str, x: Any, target: Any, ignore_index: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Class indices, with 0 for those to be ignored, and a mask of those that count."""
    index = np.asarray(target)
    axis = 1 if x.ndim > 1 else 0
    if index.dtype.kind not in "iu":
        raise errors.bad_option(op, "target", target, "give class indices, whole numbers"
                                + (", or probabilities of the input's shape" if op == "cross_entropy" else ""))
    if index.shape != (wanted := x.shape[:axis] + x.shape[axis + 1:]):
        raise errors.layer_shape(op, "target", index.shape, f"x {x.shape} takes class indices of shape {wanted}")
    counts = index != ignore_index
    index = np.where(counts, index, 0).astype(np.intp)
    if ((index < 0) | (index >= x.shape[axis])).any():
        raise errors.class_index(op, int(index[(index < 0) | (index >= x.shape[axis])].flat[0]), x.shape[axis])
    return index, counts


def _class_weights(op: str, weight: Any, classes: int, dtype: Any) -> NDArray[Any]:
    if weight is None:
        return np.ones(classes, dtype)
    found = np.asarray(plain(weight)).astype(dtype)
    if found.shape != (classes,):
        raise errors.layer_shape(op, "weight", found.shape, f"give ({classes},), a weight a class")
    return found


def _target_distribution(x: Any, target: Any, axis: int, weight: Any, ignore_index: int,
                         label_smoothing: float) -> tuple[Any, float]:
    """The weighted and smoothed probabilities of the target, of x's shape, and what "mean" divides by."""
    classes = x.shape[axis]
    over = (classes, *(1,)*(x.ndim - axis - 1))
    w = _class_weights("cross_entropy", weight, classes, x.dtype)
    if not isinstance(target, Tensor):
        target = np.asarray(target)
    if target.shape == x.shape and target.dtype.kind == "f":
        q = target
        if label_smoothing:
            q = q*(1 - label_smoothing) + label_smoothing/classes
        if weight is not None:
            q = q*w.reshape(over)
        return q, x.size/classes
    index, counts = _class_indices("cross_entropy", x, plain(target), ignore_index)
    q = np.full(x.shape, label_smoothing/classes, x.dtype)
    chosen = np.expand_dims(index, axis)
    np.put_along_axis(q, chosen, np.take_along_axis(q, chosen, axis) + (1 - label_smoothing), axis)
    q *= w.reshape(over)*np.expand_dims(counts, axis)
    return q, float((w[index]*counts).sum())


def cross_entropy(x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean",
                  label_smoothing: float = 0.0) -> Any:
    """Cross entropy of logits against classes or probabilities: -sum over classes c of q_c*log(softmax(x)_c).

    x: logits, (batch, classes), (batch, classes, ...) or (classes,). target: class indices of x's shape without the
    classes, where samples with ignore_index are left out; or probabilities of x's shape. weight: (classes,) or None.
    reduction: "mean", "sum" or "none". label_smoothing: s mixes the target with a uniform distribution, (1 - s)*q +
    s/classes (Szegedy and others, arXiv:1512.00567, 2015). q, 1 at the target's class or the probabilities, is
    multiplied by weight. "mean" divides by the sum of the targets' weights; for probabilities by the number of samples.
    Returns a scalar, or one loss for each sample. Raises ValueError for shapes, indices and options that do not fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import cross_entropy
    >>> round(float(cross_entropy(np.array([[0.0, 0.0], [0.0, 0.0]]), [1, 0])), 6)
    0.693147
    """
    x = as_floats("cross_entropy", "x", x)
    if x.ndim == 2 and weight is None and not label_smoothing and reduction != "none" and x.size:
        index = target if isinstance(target, np.ndarray) else np.asarray(plain(target))
        if index.dtype.kind == "i" and index.shape == x.shape[:1]:
            index = index.astype(np.intp, copy=False)
            check_reduction("cross_entropy", reduction)
            if index.view(np.uintp).max() < x.shape[1]:  # negative ones are huge
                n = x.shape[0]
                return _class_cross_entropy(x, target=index, rows=np.arange(n),
                                            scale=1/n if reduction == "mean" else 1.0, saved=[])
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise errors.bad_option("cross_entropy", "label_smoothing", label_smoothing, "give a share from 0 to 1")
    if not x.ndim:
        raise errors.layer_shape("cross_entropy", "x", (), "give logits, (batch, classes, ...) or (classes,)")
    axis = 1 if x.ndim > 1 else 0
    q, count = _target_distribution(x, target, axis, weight, ignore_index, label_smoothing)
    return apply_reduction(_cross_entropy(x, q, axis=axis), reduction, count)


def nll_loss(x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Negative log likelihood, -weight[target]*x[target]: ``cross_entropy`` after ``log_softmax``.

    x: logarithms of probabilities. target: class indices. The other arguments, the result and errors are as for
    ``cross_entropy``.

    >>> import numpy as np
    >>> from cgrad.nn.functional import nll_loss
    >>> float(nll_loss(np.array([[-1.0, -2.0], [-4.0, -8.0]]), [1, 0]))
    3.0
    """
    check_reduction("nll_loss", reduction)
    x = as_floats("nll_loss", "x", x)
    if not x.ndim:
        raise errors.layer_shape("nll_loss", "x", (), "give log probabilities, (batch, classes, ...) or (classes,)")
    index, counts = _class_indices("nll_loss", x, plain(target), ignore_index)
    axis = 1 if x.ndim > 1 else 0
    w = _class_weights("nll_loss", weight, x.shape[axis], x.dtype)[index]*counts
    flat = np.take_along_axis(np.arange(x.size).reshape(x.shape), np.expand_dims(index, axis), axis).squeeze(axis)
    found = TAKE(x, indices=flat, distinct=True) if index.ndim else x[int(index)]
    if not counts.all():  # ignored ones may be -inf
        found = where(counts, found, 0.0)
    return apply_reduction(-w*found if index.ndim else -float(w)*found, reduction, float(w.sum()))


# ---- distances -----------------------------------------------------------------------------------

def _pair(op: str, x: Any, target: Any) -> tuple[Any, Any]:
    """Both as Tensors, Values or arrays of one shape; integers in the target get x's dtype."""
    x = as_floats(op, "x", x)
    if not isinstance(target, (Tensor, np.ndarray)):
        target = as_floats(op, "target", target)
        if isinstance(target, np.ndarray):  # numbers of Python have no dtype of their own
            target = target.astype(x.dtype)
    elif target.dtype.kind != "f":
        target = as_floats(op, "target", target).astype(x.dtype)
    if target.shape != x.shape:
        raise errors.layer_shape(op, "target", target.shape, f"give x's shape, {x.shape}")
    return x, target


def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """Squared error, (x - target)^2.

    x, target: of one shape. reduction: "mean", "sum" or "none". Returns a scalar, or an array of that shape. Raises
    ValueError for another shape or reduction.

    >>> import numpy as np
    >>> from cgrad.nn.functional import mse_loss
    >>> float(mse_loss(np.array([1.0, 2.0]), np.array([3.0, 2.0])))
    2.0
    """
    check_reduction("mse_loss", reduction)
    x, t = _pair("mse_loss", x, target)
    return apply_reduction(square(x - t), reduction)


def l1_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """Absolute error, abs(x - target).

    x, target: of one shape. reduction: "mean", "sum" or "none". Returns a scalar, or an array of that shape. Raises
    ValueError for another shape or reduction.

    >>> import numpy as np
    >>> from cgrad.nn.functional import l1_loss
    >>> float(l1_loss(np.array([1.0, 2.0]), np.array([3.0, 2.0])))
    1.0
    """
    check_reduction("l1_loss", reduction)
    x, t = _pair("l1_loss", x, target)
    return apply_reduction(abs(x - t), reduction)


def binary_cross_entropy_with_logits(x: Any, target: Any, weight: Any = None, reduction: str = "mean",
                                     pos_weight: Any = None) -> Any:
    """Binary cross entropy, weight*(pos_weight*t*log(1 + exp(-x)) + (1 - t)*log(1 + exp(x))).

    x: logits. target t: probabilities of x's shape. weight, pos_weight: factors that broadcast to it, or None.
    reduction: "mean", "sum" or "none". Returns a scalar, or an array of x's shape. Raises ValueError for another shape
    or reduction.

    >>> import numpy as np
    >>> from cgrad.nn.functional import binary_cross_entropy_with_logits
    >>> round(float(binary_cross_entropy_with_logits(np.array([0.0, 100.0]), [0, 1])), 6)
    0.346574
    """
    check_reduction("binary_cross_entropy_with_logits", reduction)
    x, t = _pair("binary_cross_entropy_with_logits", x, target)
    yes = t*softplus(-x)
    if pos_weight is not None:
        yes = yes*pos_weight
    loss = yes + (1 - t)*softplus(x)
    return apply_reduction(loss if weight is None else loss*weight, reduction)


# ---- modules -------------------------------------------------------------------------------------

class _Loss(Module):
    reduction: str

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """Cross entropy of logits: see ``functional.cross_entropy``.

    >>> import cgrad
    >>> from cgrad.nn import CrossEntropyLoss
    >>> logits = cgrad.Tensor([[0.0, 0.0]], requires_grad=True)
    >>> CrossEntropyLoss()(logits, [1]).backward()
    >>> logits.grad.tolist()
    [[0.5, -0.5]]
    """

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean",
                 label_smoothing: float = 0.0) -> None:
        self.weight = None if weight is None else np.asarray(plain(weight))
        self.ignore_index = ignore_index
        self.reduction = check_reduction("CrossEntropyLoss", reduction)
        self.label_smoothing = label_smoothing

    def forward(self, x: Any, target: Any) -> Any:
        return cross_entropy(x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)


class NLLLoss(_Loss):
    """Negative log likelihood: see ``functional.nll_loss``."""

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        self.weight = None if weight is None else np.asarray(plain(weight))
        self.ignore_index = ignore_index
        self.reduction = check_reduction("NLLLoss", reduction)

    def forward(self, x: Any, target: Any) -> Any:
        return nll_loss(x, target, self.weight, self.ignore_index, self.reduction)


class MSELoss(_Loss):
    """Squared error: see ``functional.mse_loss``."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = check_reduction("MSELoss", reduction)

    def forward(self, x: Any, target: Any) -> Any:
        return mse_loss(x, target, self.reduction)


class L1Loss(_Loss):
    """Absolute error: see ``functional.l1_loss``."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = check_reduction("L1Loss", reduction)

    def forward(self, x: Any, target: Any) -> Any:
        return l1_loss(x, target, self.reduction)


class BCEWithLogits(_Loss):
    """Binary cross entropy of logits: see ``functional.binary_cross_entropy_with_logits``."""

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        self.reduction = check_reduction("BCEWithLogits", reduction)
        self._weight, self._pos_weight = (None if w is None else np.asarray(plain(w)) for w in (weight, pos_weight))

    def forward(self, x: Any, target: Any) -> Any:
        return binary_cross_entropy_with_logits(x, target, self._weight, self.reduction, self._pos_weight)


BCEWithLogitsLoss = BCEWithLogits
