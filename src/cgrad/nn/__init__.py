"""Modules: neurons and perceptrons over Values (micrograd's), layers over Tensors (PyTorch's), losses, initial values.

>>> import random
>>> from cgrad.nn import MLP
>>> random.seed(1)
>>> model = MLP(2, [3, 1])
>>> model
MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
>>> model([0.5, -1.0]).backward()
>>> len(model.parameters())
13

>>> import numpy as np
>>> from cgrad.nn import CrossEntropyLoss, Linear, ReLU, Sequential
>>> net, criterion = Sequential(Linear(2, 8), ReLU(), Linear(8, 3)), CrossEntropyLoss()
>>> loss = criterion(net(np.ones((5, 2))), [0, 1, 2, 0, 1])
>>> loss.backward()
>>> net[0].weight.grad.shape
(8, 2)
"""

from __future__ import annotations

from . import functional, init
from .activation import (
    ELU,
    GELU,
    Hardswish,
    LeakyReLU,
    LogSoftmax,
    Mish,
    QuickGELU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    SoftPlus,
    Softplus,
    Tanh,
)
from .convolution import Conv1D, Conv2D, Conv3D
from .dropout import Dropout, Dropout1D, Dropout2D, Dropout3D, DropoutND
from .linear import Embedding, Flatten, Identity, Linear
from .loss import BCEWithLogits, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from .module import Module, Sequential
from .normalisation import BatchNorm1D, BatchNorm2D, BatchNorm3D, BatchNormND, LayerNorm
from .pooling import AdaptiveAvgPoolND, AvgPool1D, AvgPool2D, AvgPool3D, MaxPool1D, MaxPool2D, MaxPool3D
from .scalar import MLP, Layer, Neuron

__all__ = [
    "ELU", "GELU", "MLP", "AdaptiveAvgPoolND", "AvgPool1D", "AvgPool2D", "AvgPool3D", "BCEWithLogits",
    "BCEWithLogitsLoss", "BatchNorm1D", "BatchNorm2D", "BatchNorm3D", "BatchNormND", "Conv1D", "Conv2D", "Conv3D",
    "CrossEntropyLoss", "Dropout", "Dropout1D", "Dropout2D", "Dropout3D", "DropoutND", "Embedding", "Flatten",
    "Hardswish", "Identity", "L1Loss", "Layer", "LayerNorm", "LeakyReLU", "Linear", "LogSoftmax", "MSELoss",
    "MaxPool1D", "MaxPool2D", "MaxPool3D", "Mish", "Module", "NLLLoss", "Neuron", "QuickGELU", "ReLU", "ReLU6",
    "Sequential", "SiLU", "Sigmoid", "SoftPlus", "Softmax", "Softplus", "Tanh", "functional", "init",
]
