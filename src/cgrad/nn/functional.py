"""The functions behind the layers, under PyTorch's names.

They take Tensors, Values where that makes sense, and plain arrays, of which they return plain results.
"""

from __future__ import annotations

from .activation import (
    elu,
    gelu,
    hardswish,
    leaky_relu,
    leakyrelu,
    log_softmax,
    mish,
    quick_gelu,
    relu,
    relu6,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from .convolution import conv1d, conv2d, conv3d
from .dropout import dropout
from .linear import linear
from .loss import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss
from .normalisation import batch_norm, layer_norm
from .pooling import (
    adaptive_avg_pool,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)

__all__ = [
    "adaptive_avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_norm", "binary_cross_entropy_with_logits",
    "conv1d", "conv2d", "conv3d", "cross_entropy", "dropout", "elu", "gelu", "hardswish", "l1_loss", "layer_norm",
    "leaky_relu", "leakyrelu", "linear", "log_softmax", "max_pool1d", "max_pool2d", "max_pool3d", "mish", "mse_loss",
    "nll_loss", "quick_gelu", "relu", "relu6", "sigmoid", "silu", "softmax", "softplus", "tanh",
]
