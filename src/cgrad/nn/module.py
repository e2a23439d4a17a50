"""The base class of everything with parameters, scalars or arrays, and a chain of modules."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from .. import errors
from .._core import Tensor, Value, plain, recording, rely_on

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Module", "Sequential"]


class Mismatch(NamedTuple):
    """The result of ``load_state_dict(state, strict=False)``: names on one side only."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """Something with parameters, and a ``forward`` that a call runs.

    Attributes register themselves in the order of their assignment: Tensors that require grad and Values are
    *parameters*, Tensors that do not are *buffers* (as is anything set by ``register_buffer``), Modules are *children*;
    lists, tuples and dicts of these count as well. Results of operations do not. No call of ``super().__init__()`` is
    needed.

    >>> import cgrad
    >>> from cgrad.nn import Linear, Module
    >>> class Net(Module):
    ...     def __init__(self):
    ...         self.scale = cgrad.Value(2.0)
    ...         self.layers = [Linear(3, 4), Linear(4, 1)]
    ...     def forward(self, x):
    ...         for layer in self.layers:
    ...             x = layer(x)
    ...         return x*self.scale
    >>> net = Net()
    >>> [name for name, _ in net.named_parameters()]
    ['scale', 'layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
    >>> net(cgrad.Tensor([[1.0, 2.0, 3.0]])).shape
    (1, 1)
    >>> net
    Net(
      scale ()
      (layers.0): Linear(3, 4): weight (4, 3), bias (4,)
      (layers.1): Linear(4, 1): weight (1, 4), bias (1,)
    )
    """

    training: bool = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if recording() and not type(self).__module__.startswith("cgrad.nn."):
            rely_on(self, "training")  # those of this package do it where they ask
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation, defined by each module. Raises NotImplementedError if it is not."""
        raise errors.no_forward(self)

    # ---- what is registered ----------------------------------------------------------------------

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        """Names and values that may hold parameters, buffers or children."""
        yield from self.__dict__.items()

    def _entries(self) -> Iterator[tuple[str, Any]]:
        """(name, parameter | buffer | Module) of this module alone, containers flattened."""
        buffers = self.__dict__.get("_buffers", ())
        for name, value in self._attributes():
            if name in buffers:
                yield name, value
            else:
                yield from _registered(name, value)

    def _overridden(self) -> bool:
        return type(self).parameters is not Module.parameters

    def _walk(self, prefix: str, path: tuple[int, ...]) -> Iterator[tuple[str, Module, str, Any]]:
        """(dotted name, its module, name there, parameter or buffer) of this module and all below."""
        for name, value in self._entries():
            if not isinstance(value, Module):
                yield prefix + name, self, name, value
            elif id(value) not in path:
                yield from value._walk(f"{prefix}{name}.", (*path, id(value)))
        if self._overridden():  # it may return what no attribute holds
            held = {id(value) for module in self.modules() for _, value in module._entries()}
            for k, p in enumerate(self.parameters()):
                if id(p) not in held:
                    yield f"{prefix}parameters.{k}", self, f"parameters.{k}", p

    def parameters(self) -> list[Any]:
        """The parameters, Tensors that require grad and Values, in a fixed order; shared ones once.

        A class may override it, as micrograd's modules do; modules that contain it then count what it returns.

        >>> from cgrad.nn import Module
        >>> Module().parameters()
        []
        """
        found: dict[int, Any] = {}
        self._collect_parameters(found, {id(self)})
        return list(found.values())

    def _collect_parameters(self, found: dict[int, Any], visited: set[int]) -> None:
        buffers = self.__dict__.get("_buffers", ())
        for name, value in self._attributes():
            if name not in buffers:
                _collect_parameters(value, found, visited)

    def named_parameters(self) -> list[tuple[str, Any]]:
        """(dotted name, parameter) for each parameter in order, with names such as ``layers.0.weight``.

        >>> from cgrad.nn import Neuron
        >>> [name for name, p in Neuron(2).named_parameters()]
        ['w.0', 'w.1', 'b']
        """
        names: dict[int, str] = {}
        for name, _, _, value in self._walk("", (id(self),)):
            names.setdefault(id(value), name)
        return [(names[id(p)], p) for p in self.parameters()]

    def register_buffer(self, name: str, value: Any) -> None:
        """Set the attribute ``name`` to an array or number that is part of ``state_dict`` but no parameter.

        >>> import numpy as np
        >>> from cgrad.nn import Module
        >>> m = Module()
        >>> m.register_buffer("steps", np.zeros(2))
        >>> m.state_dict()
        {'steps': array([0., 0.])}
        """
        self.__dict__.setdefault("_buffers", set()).add(name)
        setattr(self, name, value)

    def children(self) -> list[Module]:
        """The modules that are attributes of this one, each once."""
        return list({id(value): value for _, value in self._entries() if isinstance(value, Module)}.values())

    def modules(self) -> list[Module]:
        """This module and all below it, each once, parents first."""
        found: dict[int, Module] = {}
        stack: list[Module] = [self]
        while stack:
            module = stack.pop()
            if id(module) not in found:
                found[id(module)] = module
                stack.extend(reversed(module.children()))
        return list(found.values())

    # ---- what is done to all of them -------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and in all modules below; returns the module itself."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """``train(False)``: dropout does nothing, batch normalisation uses its running statistics."""
        return self.train(False)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call fn with every module below, children first, and with this one; returns the module itself.

        >>> from cgrad.nn import Linear, Sequential, init
        >>> net = Sequential(Linear(2, 2), Linear(2, 1))
        >>> net = net.apply(lambda m: init.ones(m.weight) if isinstance(m, Linear) else None)
        >>> net[1].weight.data
        array([[1., 1.]])
        """
        for module in reversed(self.modules()):
            fn(module)
        return self

    def zero_grad(self) -> None:
        """Set every parameter's ``grad`` to 0."""
        for p in self.parameters():
            p.zero_grad()

    # ---- state -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters and buffers, {dotted name: array}; a Value is an array of shape ().

        One that several modules share appears under each of its names.

        >>> from cgrad.nn import Linear
        >>> {name: array.shape for name, array in Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        return {name: np.array(_plain_data(value)) for name, _, _, value in self._walk("", (id(self),))}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Mismatch:
        """Set parameters and buffers to the arrays of their names; each keeps its dtype.

        strict: if False, names on one side only are ignored, and returned as (missing, unexpected). Raises ValueError
        that names all of these, and every shape that differs; nothing is loaded then.

        >>> from cgrad.nn import Linear
        >>> a, b = Linear(3, 2), Linear(3, 2)
        >>> b.load_state_dict(a.state_dict())
        Mismatch(missing=[], unexpected=[])
        >>> bool((b.weight.data == a.weight.data).all())
        True
        """
        mine = {name: (module, key, value) for name, module, key, value in self._walk("", (id(self),))}
        mismatch = Mismatch([name for name in mine if name not in state], [name for name in state if name not in mine])
        problems = []
        if strict:
            problems += [f"{kind} {', '.join(map(repr, names))}"
                         for kind, names in zip(Mismatch._fields, mismatch, strict=True) if names]
        arrays = {name: np.asarray(plain(state[name])) for name in mine if name in state}
        for name, array in arrays.items():
            shape = np.shape(_plain_data(mine[name][2]))
            if array.shape != shape:
                problems.append(f"{name!r} has shape {array.shape}, not {shape}")
            elif array.dtype.kind not in "fiub":
                problems.append(f"{name!r} is of dtype {array.dtype}")
        if problems:
            raise errors.state_mismatch(self, problems)
        for name, array in arrays.items():
            module, key, value = mine[name]
            if isinstance(value, Value):
                value.data = array.item()
            elif isinstance(value, Tensor):
                value.data = array.astype(value.dtype)
            else:  # anew: a graph recorded before may hold the old one
                setattr(module, key, array.astype(np.asarray(value).dtype)[()])
        return mismatch

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write ``state_dict()`` to a file that ``numpy.load`` reads (npz; no pickle), as a whole or not at all.

        >>> import os, tempfile
        >>> from cgrad.nn import Linear
        >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
        >>> a, b = Linear(3, 2), Linear(3, 2)
        >>> a.save(path)
        >>> b.load(path)
        Mismatch(missing=[], unexpected=[])
        """
        # not np.savez: it takes names as keywords, so that a parameter named "file" would be refused
        import zipfile  # late: ``import cgrad`` is 5 ms shorter

        target = os.fspath(path)
        unfinished = f"{target}.{os.getpid()}.part"
        try:
            with zipfile.ZipFile(unfinished, "w") as archive:
                for name, array in self.state_dict().items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                        np.lib.format.write_array(file, array, allow_pickle=False)
            os.replace(unfinished, target)
        finally:
            if os.path.exists(unfinished):
                os.remove(unfinished)

    def load(self, path: str | os.PathLike[str], strict: bool = True) -> Mismatch:
        """``load_state_dict`` from a file that ``save`` (or ``numpy.savez``) wrote."""
        with np.load(path, allow_pickle=False) as state:
            return self.load_state_dict(dict(state), strict)

    # ---- display ---------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Text in parentheses after the name of the class in the repr: options, for instance."""
        return ""

    def _displayed(self) -> Iterator[tuple[str, Any]]:
        """The entries, and functions among modules, in the order of the repr."""
        return self._entries()

    def _repr_tree(self, path: tuple[int, ...]) -> str:
        own, below = [], []
        for name, value in self._displayed():
            if not isinstance(value, Module):
                if callable(value):
                    below.append(f"({name}): {getattr(value, '__name__', repr(value))}")
                else:
                    own.append(f"{name} {np.shape(_plain_data(value))}")
            elif id(value) in path:
                below.append(f"({name}): {type(value).__name__}(...)")
            else:
                plainly = type(value).__repr__ is Module.__repr__
                text = value._repr_tree((*path, id(value))) if plainly else repr(value)
                below.append(f"({name}): " + text.replace("\n", "\n  "))
        if len(own) > 8:
            own[7:] = [f"and {len(own) - 7} more"]
        head, shapes = f"{type(self).__name__}({self.extra_repr()})", ", ".join(own)
        if not below:
            return f"{head}: {shapes}" if own else head
        lines = [shapes, *below] if own else below
        return head[:-1] + "\n  " + "\n  ".join(lines) + "\n)"

    @recursive_repr()  # an option may be the module itself
    def __repr__(self) -> str:
        return self._repr_tree((id(self),))


def _is_parameter(value: Any) -> bool:
    """True for a leaf with a derivative; results of operations are not parameters."""
    if isinstance(value, Tensor):
        return value.requires_grad and value._tape is None
    return isinstance(value, Value) and value._tape is None


def _registered(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Module) or _is_parameter(value) or (isinstance(value, Tensor) and not value.requires_grad):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for k, item in enumerate(value):
            yield from _registered(f"{name}.{k}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _registered(f"{name}.{key}", item)


def _collect_parameters(value: Any, found: dict[int, Any], visited: set[int]) -> None:
    """As _registered, for parameters alone and without names: an optimiser's zero_grad runs it at every step."""
    if isinstance(value, Module):
        if id(value) not in visited:
            visited.add(id(value))
            if value._overridden():
                found.update((id(p), p) for p in value.parameters())
            else:
                value._collect_parameters(found, visited)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect_parameters(item, found, visited)
    elif isinstance(value, dict):
        for item in value.values():
            _collect_parameters(item, found, visited)
    elif _is_parameter(value):
        found[id(value)] = value


def _plain_data(value: Any) -> Any:
    """The array or number of a parameter or buffer."""
    return value.data if isinstance(value, (Tensor, Value)) else value


class Sequential(Module):
    """Layers one after the other, each called with the result of the one before.

    layers: modules or functions; or one dict of them, name -> layer. Parameters are named by position (``0.weight``) or
    by those names. ``len``, iteration, ``[i]``, ``[i:j]`` (a Sequential again) and ``append`` work as on a list.

    >>> import cgrad
    >>> from cgrad.nn import Linear, ReLU, Sequential
    >>> net = Sequential(Linear(64, 32), ReLU(), Linear(32, 10))
    >>> net
    Sequential(
      (0): Linear(64, 32): weight (32, 64), bias (32,)
      (1): ReLU()
      (2): Linear(32, 10): weight (10, 32), bias (10,)
    )
    >>> [name for name, _ in net.named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    >>> Sequential(cgrad.exp, cgrad.log)(3.0)
    3.0
    """

    def __init__(self, *layers: Callable[..., Any] | Mapping[str, Callable[..., Any]]) -> None:
        self._layers: dict[str, Callable[..., Any]] = {}
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            self._layers.update(layers[0])
        else:
            for layer in layers:
                self.append(layer)

    def append(self, layer: Any) -> Self:
        """Add a layer at the end; returns the chain itself."""
        if not callable(layer):
            raise errors.bad_option("Sequential", "a layer", layer, "give modules or functions")
        self._layers[str(len(self._layers))] = layer
        return self

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        yield from self._layers.items()
        yield from ((name, value) for name, value in self.__dict__.items() if name != "_layers")

    def _displayed(self) -> Iterator[tuple[str, Any]]:
        yield from self._layers.items()
        yield from (entry for entry in self._entries() if entry[0].partition(".")[0] not in self._layers)

    def forward(self, x: Any) -> Any:
        for layer in self._layers.values():
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter(self._layers.values())

    def __getitem__(self, index: int | slice) -> Any:
        chosen = list(self._layers.values())[index]
        return Sequential(*chosen) if isinstance(chosen, list) else chosen
