"""Losses: what training makes small. Each a function, and a module of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import errors
from .._core import Primitive, Tensor, plain, softplus, square
from ..ops import log_softmax, softmax, where
from ..ops._traced import is_traced, reduce_maximum
from ..ops.exponentials import log_softmax_forward
from ._support import check_reduction, floats, gather, reduced
from .module import Module

__all__ = [
    "BCEWithLogits", "BCEWithLogitsLoss", "CrossEntropyLoss", "L1Loss", "MSELoss", "NLLLoss",
    "binary_cross_entropy_with_logits", "cross_entropy", "l1_loss", "mse_loss", "nll_loss",
]

# ---- cross entropy ------------------------------------------------------------------------------
# Rows of logits and one class each, the usual case: one operation. Its forward pass leaves exp(x - max) and
# their sums in ``saved`` for the numeric backward pass; a recorded one starts from x again.


def _picked(x: Any, *, target: NDArray[np.intp], rows: NDArray[np.intp], scale: float, saved: list[Any]) -> Any:
    shifted = x - reduce_maximum(x, (1,), None, None, True)
    chosen = shifted[rows, target]
    powers = np.exp(shifted, out=shifted)
    sums = np.add.reduce(powers, axis=1)
    saved[:] = powers, sums
    return np.add.reduce(np.log(sums) - chosen)*scale


def _picked_vjp(g: Any, out: Any, x: Any, target: NDArray[np.intp], rows: NDArray[np.intp], scale: float,
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


_pick = Primitive("cross_entropy", _picked, (_picked_vjp,))


def _crossed(x: Any, q: Any, *, axis: int) -> Any:
    if is_traced(x) or is_traced(q):
        logp = log_softmax_forward(x, (axis,))
        return -np.where(np.asarray(q != 0, bool), q*logp, 0.0).sum(axis=axis)
    logp = log_softmax(x, axis=axis)
    # what is not chosen does not count, be it -inf
    chosen = np.multiply(q, logp, out=np.zeros_like(logp), where=q != 0)
    return -chosen.sum(axis=axis)


def _cross_vjp(k: int, g: Any, out: Any, x: Any, q: Any, axis: int) -> Any:
    g = np.reshape(g, (*x.shape[:axis], 1, *x.shape[axis + 1:]))
    if k == 1:
        return -g*log_softmax(x, axis=axis)
    return g*(softmax(x, axis=axis)*np.sum(q, axis=axis, keepdims=True) - q)


_cross = Primitive("cross_entropy", _crossed, _cross_vjp)


def _classes(op: str, x: Any, target: Any, ignore_index: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Class indices, those to be ignored as 0; and which are not."""
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


def _weights(op: str, weight: Any, classes: int, dtype: Any) -> NDArray[Any]:
    if weight is None:
        return np.ones(classes, dtype)
    found = np.asarray(plain(weight)).astype(dtype)
    if found.shape != (classes,):
        raise errors.layer_shape(op, "weight", found.shape, f"give ({classes},), a weight a class")
    return found


def cross_entropy(x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean",
                  label_smoothing: float = 0.0) -> Any:
    """-sum over classes c of q_c*log(softmax(x)_c), for each sample; their mean, sum, or all of them.

    x: logits (batch, classes), (batch, classes, ...) or (classes,). target: class indices, whole numbers of x's
    shape without the classes, where ignore_index means to leave the sample out; or probabilities of x's shape.
    q is 1 at the target's class, or the probabilities; label_smoothing s mixes it with equal shares,
    (1 - s)*q + s/classes (Szegedy and others, arXiv:1512.00567, 2015); it is multiplied by weight (classes,).
    "mean" divides by the sum of the targets' weights, or for probabilities by the number of samples.

    Raises ValueError for shapes, indices and options that do not fit.

    >>> import numpy as np
    >>> from cgrad.nn.functional import cross_entropy
    >>> round(float(cross_entropy(np.array([[0.0, 0.0], [0.0, 0.0]]), [1, 0])), 6)
    0.693147
    """
    x = floats("cross_entropy", "x", x)
    if x.ndim == 2 and weight is None and not label_smoothing and reduction != "none" and x.size:
        index = target if isinstance(target, np.ndarray) else np.asarray(plain(target))
        if index.dtype.kind == "i" and index.shape == x.shape[:1]:
            index = index.astype(np.intp, copy=False)
            check_reduction("cross_entropy", reduction)
            if index.view(np.uintp).max() < x.shape[1]:  # negative ones are huge
                n = x.shape[0]
                return _pick(x, target=index, rows=np.arange(n), scale=1/n if reduction == "mean" else 1.0, saved=[])
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise errors.bad_option("cross_entropy", "label_smoothing", label_smoothing, "give a share from 0 to 1")
    if not x.ndim:
        raise errors.layer_shape("cross_entropy", "x", (), "give logits, (batch, classes, ...) or (classes,)")
    axis = 1 if x.ndim > 1 else 0
    classes = x.shape[axis]
    over = (classes, *(1,)*(x.ndim - axis - 1))
    w = _weights("cross_entropy", weight, classes, x.dtype)
    if not isinstance(target, Tensor):
        target = np.asarray(target)
    if target.shape == x.shape and target.dtype.kind == "f":
        q, count = target, x.size/classes
        if label_smoothing:
            q = q*(1 - label_smoothing) + label_smoothing/classes
        if weight is not None:
            q = q*w.reshape(over)
    else:
        index, counts = _classes("cross_entropy", x, plain(target), ignore_index)
        q = np.full(x.shape, label_smoothing/classes, x.dtype)
        place = np.expand_dims(index, axis)
        np.put_along_axis(q, place, np.take_along_axis(q, place, axis) + (1 - label_smoothing), axis)
        q *= w.reshape(over)*np.expand_dims(counts, axis)
        count = float((w[index]*counts).sum())
    return reduced(_cross(x, q, axis=axis), reduction, count)


def nll_loss(x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """-weight[target]*x[target], x being logarithms of probabilities: ``cross_entropy`` after ``log_softmax``.

    Arguments as ``cross_entropy``; target holds class indices.

    >>> import numpy as np
    >>> from cgrad.nn.functional import nll_loss
    >>> float(nll_loss(np.array([[-1.0, -2.0], [-4.0, -8.0]]), [1, 0]))
    3.0
    """
    check_reduction("nll_loss", reduction)
    x = floats("nll_loss", "x", x)
    if not x.ndim:
        raise errors.layer_shape("nll_loss", "x", (), "give log probabilities, (batch, classes, ...) or (classes,)")
    index, counts = _classes("nll_loss", x, plain(target), ignore_index)
    axis = 1 if x.ndim > 1 else 0
    w = _weights("nll_loss", weight, x.shape[axis], x.dtype)[index]*counts
    places = np.take_along_axis(np.arange(x.size).reshape(x.shape), np.expand_dims(index, axis), axis).squeeze(axis)
    found = gather(x, index=places, distinct=True) if index.ndim else x[int(index)]
    if not counts.all():  # what is left out may be -inf
        found = where(counts, found, 0.0)
    return reduced(-w*found if index.ndim else -float(w)*found, reduction, float(w.sum()))


# ---- distances -----------------------------------------------------------------------------------

def _pair(op: str, x: Any, target: Any) -> tuple[Any, Any]:
    """Both as Tensors, Values or arrays of one shape; whole numbers of the target take x's dtype."""
    x = floats(op, "x", x)
    if not isinstance(target, (Tensor, np.ndarray)):
        target = floats(op, "target", target)
        if isinstance(target, np.ndarray):  # numbers of Python have no dtype of their own
            target = target.astype(x.dtype)
    elif target.dtype.kind != "f":
        target = floats(op, "target", target).astype(x.dtype)
    if target.shape != x.shape:
        raise errors.layer_shape(op, "target", target.shape, f"give x's shape, {x.shape}")
    return x, target


def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """(x - target)^2; its mean, sum, or all of them. x and target of one shape, else ValueError.

    >>> import numpy as np
    >>> from cgrad.nn.functional import mse_loss
    >>> float(mse_loss(np.array([1.0, 2.0]), np.array([3.0, 2.0])))
    2.0
    """
    check_reduction("mse_loss", reduction)
    x, t = _pair("mse_loss", x, target)
    return reduced(square(x - t), reduction)


def l1_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """|x - target|; its mean, sum, or all of them. x and target of one shape, else ValueError.

    >>> import numpy as np
    >>> from cgrad.nn.functional import l1_loss
    >>> float(l1_loss(np.array([1.0, 2.0]), np.array([3.0, 2.0])))
    1.0
    """
    check_reduction("l1_loss", reduction)
    x, t = _pair("l1_loss", x, target)
    return reduced(abs(x - t), reduction)


def binary_cross_entropy_with_logits(x: Any, target: Any, weight: Any = None, reduction: str = "mean",
                                     pos_weight: Any = None) -> Any:
    """weight*(pos_weight*t*log(1 + exp(-x)) + (1 - t)*log(1 + exp(x))); its mean, sum, or all of them.

    x: logits; target t: probabilities of x's shape, else ValueError. weight, pos_weight: what broadcasts to it.

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
    return reduced(loss if weight is None else loss*weight, reduction)


# ---- modules -------------------------------------------------------------------------------------

class _Loss(Module):
    reduction: str

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """CrossEntropyLoss(weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0).

    See ``functional.cross_entropy``.

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
    """NLLLoss(weight=None, ignore_index=-100, reduction="mean"): see ``functional.nll_loss``."""

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        self.weight = None if weight is None else np.asarray(plain(weight))
        self.ignore_index = ignore_index
        self.reduction = check_reduction("NLLLoss", reduction)

    def forward(self, x: Any, target: Any) -> Any:
        return nll_loss(x, target, self.weight, self.ignore_index, self.reduction)


class MSELoss(_Loss):
    """MSELoss(reduction="mean"): see ``functional.mse_loss``."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = check_reduction("MSELoss", reduction)

    def forward(self, x: Any, target: Any) -> Any:
        return mse_loss(x, target, self.reduction)


class L1Loss(_Loss):
    """L1Loss(reduction="mean"): see ``functional.l1_loss``."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = check_reduction("L1Loss", reduction)

    def forward(self, x: Any, target: Any) -> Any:
        return l1_loss(x, target, self.reduction)


class BCEWithLogits(_Loss):
    """BCEWithLogits(weight=None, reduction="mean", pos_weight=None).

    See ``functional.binary_cross_entropy_with_logits``. BCEWithLogitsLoss is another name of it.
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        self.reduction = check_reduction("BCEWithLogits", reduction)
        self._weight, self._pos_weight = (None if w is None else np.asarray(plain(w)) for w in (weight, pos_weight))

    def forward(self, x: Any, target: Any) -> Any:
        return binary_cross_entropy_with_logits(x, target, self._weight, self.reduction, self._pos_weight)


BCEWithLogitsLoss = BCEWithLogits
