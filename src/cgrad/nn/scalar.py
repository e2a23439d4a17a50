"""Neurons, layers and multi-layer perceptrons over Values, with micrograd's names and random numbers.

>>> import random
>>> from cgrad.nn import MLP
>>> random.seed(1)
>>> model = MLP(2, [3, 1])
>>> model
MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
>>> model([0.5, -1.0]).backward()
>>> len(model.parameters())
13
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._core import Value, dot, effect
from .module import Module

__all__ = ["MLP", "Layer", "Neuron"]


class Neuron(Module):
    """A neuron, relu(b + w0*x0 + w1*x1 + ...); without the relu if not nonlin.

    nin: the number of inputs. ``w`` is a list of nin Values drawn by ``random.uniform(-1, 1)``, ``b`` starts at 0. A
    call takes nin Values or plain numbers and returns a Value; the sum is recorded as one operation. Raises ValueError
    for another number of inputs.

    >>> from cgrad.nn import Neuron
    >>> n = Neuron(2)
    >>> n.w[0].data, n.w[1].data, n.b.data = 0.5, 2.0, 1.0
    >>> n([4.0, 3.0]).data
    9.0
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        import random  # late: ``import cgrad`` is 3 ms shorter

        effect("random numbers")
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0.0)
        self.nonlin = nonlin

    def __call__(self, x: Iterable[Value | float]) -> Value:
        act: Value = dot(self.w, x, self.b)
        return act.relu() if self.nonlin else act

    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """nout neurons with the same inputs; kwargs are those of ``Neuron``.

    A call takes nin Values or plain numbers (a bare Value counts as a sequence of one) and returns a list of nout
    Values, or the one Value if nout is 1.

    >>> from cgrad.nn import Layer
    >>> len(Layer(2, 3)([1.0, 2.0])), type(Layer(2, 1)([1.0, 2.0])).__name__
    (3, 'Value')
    """

    def __init__(self, nin: int, nout: int, **kwargs: bool) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x: Value | Iterable[Value | float]) -> Value | list[Value]:
        row = (x,) if isinstance(x, Value) else tuple(x)
        out = [n(row) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """Neuron by neuron."""
        return [p for n in self.neurons for p in n.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(n) for n in self.neurons)}]"


class MLP(Module):
    """Multi-layer perceptron: layers of sizes nouts, with relu in all but the last.

    A call takes nin Values or plain numbers and returns the result of its last ``Layer``.

    >>> from cgrad.nn import MLP
    >>> model = MLP(3, [4, 4, 1])
    >>> len(model.layers), len(model.parameters())
    (3, 41)
    """

    def __init__(self, nin: int, nouts: Iterable[int]) -> None:
        sizes = [nin, *nouts]
        last = len(sizes) - 2
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(last + 1)]

    def __call__(self, x: Value | Iterable[Value | float]) -> Value | list[Value]:
        out: Any = x
        for layer in self.layers:
            out = layer(out)
        result: Value | list[Value] = out
        return result

    def parameters(self) -> list[Value]:
        """Layer by layer."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"
