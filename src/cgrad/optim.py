"""Optimisers: they update parameters, Values and Tensors alike, by the gradients in their ``grad``.

Names, defaults and results are those of ``torch.optim``. A parameter whose ``grad`` is zero is updated with gradient
zero (weight decay and momentum act), as in PyTorch after ``zero_grad(set_to_none=False)``; a Tensor that requires no
gradient is left alone. Values have float64 arithmetic, a Tensor its own dtype; all Values of a group are gathered into
one array and updated in one step.

>>> from cgrad import Value, optim
>>> x, y = Value(0.0), Value(0.0)
>>> optimizer = optim.SGD([x, y], lr=0.1, momentum=0.5)
>>> for _ in range(60):
...     optimizer.zero_grad()
...     ((x - 3)**2 + (y + x)**2).backward()
...     optimizer.step()
>>> round(x.data, 4), round(y.data, 4)
(3.0, -3.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np

from . import errors
from ._core import Tensor, Value, read_data, read_grad, write_data

__all__ = ["SGD", "Adadelta", "Adam", "AdamW", "Adamax", "Optimizer"]

Array: TypeAlias = np.ndarray[Any, Any]
Parameter: TypeAlias = Value | Tensor
Options: TypeAlias = dict[str, Any]


# ---- options, by name: the same in every optimiser ---------------------------------------------------

def _is_number(x: object) -> bool:
    return isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool)


# name: (kind, range, its description); kinds are a number (n), a pair of numbers (p), a bool (b)
_RANGES: dict[str, tuple[str, Any, str]] = {
    "lr": ("n", lambda x: 0 <= x < math.inf, "a finite number, at least 0"),
    "momentum": ("n", lambda x: 0 <= x < math.inf, "a finite number, at least 0"),
    "dampening": ("n", math.isfinite, "a finite number"),
    "weight_decay": ("n", lambda x: 0 <= x < math.inf, "a finite number, at least 0"),
    "eps": ("n", lambda x: 0 <= x < math.inf, "a finite number, at least 0"),
    "rho": ("n", lambda x: 0 <= x <= 1, "a number from 0 to 1"),
    "betas": ("p", lambda x: 0 <= x < 1, "two numbers, each at least 0 and below 1"),
    "nesterov": ("b", None, "True or False"),
    "amsgrad": ("b", None, "True or False"),
    "maximize": ("b", None, "True or False"),
}


def _check_option(op: str, name: str, value: Any) -> Any:
    """An option as a plain float, bool or pair of floats. Raises ValueError if it is out of its range."""
    if name not in _RANGES:  # of an optimiser defined elsewhere
        return value
    kind, in_range, description = _RANGES[name]
    if kind == "n" and _is_number(value) and in_range(value):
        return float(value)
    if kind == "b" and isinstance(value, (bool, np.bool_)):
        return bool(value)
    if kind == "p" and isinstance(value, (tuple, list, np.ndarray)) and len(value) == 2 \
            and all(_is_number(x) and in_range(x) for x in value):
        return float(value[0]), float(value[1])
    raise errors.bad_option(op, name, value, f"give {description}")


# ---- the state of an optimiser -----------------------------------------------------------------------

class State:
    """What an optimiser keeps for one array of parameters: a Tensor, or a group's Values as one vector.

    step: the number of updates, the present one included. ``state[name]``: an array of the parameters' shape and dtype,
    zeros before the first update, for each name in Optimizer.arrays. spare, other: scratch arrays of that shape and
    dtype, with arbitrary contents.

    >>> from cgrad import optim
    >>> optim.SGD([Value(1.0)]).states[0].step
    0
    """

    __slots__ = ("_arrays", "_key", "_names", "_target", "other", "spare", "step")

    def __init__(self, key: str, target: list[Value] | Tensor) -> None:
        self.step = 0
        self._key = key
        self._target = target
        self._names: tuple[str, ...] | None = None  # those that are allocated
        self._arrays: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def _data(self) -> Array:
        data: Array = read_data(self._target) if isinstance(self._target, list) else self._target.data
        return data

    def _prepare(self, op: str, names: tuple[str, ...], data: Array,
                 scratch: dict[Any, tuple[Array, Array]]) -> None:
        """Allocate arrays before the first update, and when shape, dtype or names have changed."""
        for name, kept in self._arrays.items():
            if kept.shape != data.shape:
                raise errors.state_shape(f"{op}.step", f"{self._key}.{name}", kept.shape, data.shape)
            self._arrays[name] = kept.astype(data.dtype, copy=False)
        for name in names:
            if name not in self._arrays:
                self._arrays[name] = np.zeros_like(data)
        key = data.shape, data.dtype
        if key not in scratch:
            scratch[key] = np.empty_like(data), np.empty_like(data)
        self.spare, self.other = scratch[key]
        self._names = names


class Optimizer:
    """Base class of optimisers: ``step()``, ``zero_grad()``, groups of parameters, the state as a dict of arrays.

    params: leaf Values and Tensors; or dicts with such a list under "params", and options for these alone. A subclass
    names its arrays in ``arrays`` and defines ``update(data, grad, state, options)``, which changes ``data`` in place.
    Raises ValueError if there are no parameters, one is given twice or an option is out of its range, TypeError for
    anything but a parameter.

    >>> from cgrad import Value, optim
    >>> class SignDescent(optim.Optimizer):
    ...     def update(self, data, grad, state, options):
    ...         data -= options["lr"]*np.sign(grad)
    >>> x = Value(1.0)
    >>> optimizer = SignDescent([x], lr=0.25)
    >>> (x*x).backward()
    >>> optimizer.step()
    >>> x.data
    0.75
    """

    arrays: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Iterable[Parameter] | Iterable[Options], **options: Any) -> None:
        self._op = type(self).__name__
        self._scratch: dict[Any, tuple[Array, Array]] = {}
        self.defaults: Options = {name: _check_option(self._op, name, value) for name, value in options.items()}
        self.param_groups: list[Options] = []
        self.states: list[State] = []
        self._parts: list[list[State]] = []
        if isinstance(params, (Value, Tensor, Mapping, str)) or not isinstance(params, Iterable):
            raise errors.no_parameters(self._op, params)
        given = list(params)
        if not given:
            raise errors.nothing(self._op, "params", "parameter")
        groups: list[Any] = given if all(isinstance(p, Mapping) for p in given) else [{"params": given}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters: {"params": ..., option: ...}; options that are left out are the optimiser's own."""
        options = {name: _check_option(self._op, name, group.get(name, value)) for name, value in self.defaults.items()}
        for name in group:
            if name not in options and name != "params":
                raise errors.bad_option(self._op, "a group's option", name, f"give one of {', '.join(options)}")
        self.check(options)
        params = group.get("params", ())
        if isinstance(params, (Value, Tensor)):
            params = [params]
        params = list(params)
        if not params:
            raise errors.nothing(self._op, "params", "parameter")
        seen = {id(p): f"params[{k}]" for g in self.param_groups for k, p in enumerate(g["params"])}
        for k, p in enumerate(params):
            if not isinstance(p, (Value, Tensor)) or p._op:
                raise errors.no_parameter(self._op, k, p)
            if id(p) in seen:
                raise errors.parameter_twice(self._op, k, seen[id(p)], p)
            seen[id(p)] = f"params[{k}]"
        values = [p for p in params if isinstance(p, Value)]
        number = len(self.param_groups)
        parts = [State(f"{number}.values", values)] if values else []
        parts += [State(f"{number}.{k}", p) for k, p in enumerate(params) if isinstance(p, Tensor)]
        self._parts.append(parts)
        self.states += parts
        self.param_groups.append({"params": params, **options})

    @property
    def lr(self) -> float:
        """The learning rate of the first group; setting it sets that of all groups."""
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, rate: float) -> None:
        rate = _check_option(self._op, "lr", rate)
        for group in self.param_groups:
            group["lr"] = rate

    def check(self, options: Options) -> None:
        """Raise ValueError for options that do not go together."""

    def names(self, options: Options) -> tuple[str, ...]:
        """The names of a state's arrays under these options."""
        return self.arrays

    def update(self, data: Array, grad: Array, state: State, options: Options) -> None:
        """Change data in place; grad must not be changed."""
        raise errors.no_update(self._op)

    def step(self) -> None:
        """Update all parameters once, by their gradients."""
        with np.errstate(all="ignore"):
            for options, parts in zip(self.param_groups, self._parts, strict=True):
                names = self.names(options)
                for state in parts:
                    target = state._target
                    if isinstance(target, list):
                        data = read_data(target)
                        self._advance(data, read_grad(target), state, options, names)
                        write_data(target, data)
                    elif target.requires_grad and (grad := target.grad) is not None:
                        self._advance(target.data, grad, state, options, names)

    def _advance(self, data: Array, grad: Array, state: State, options: Options, names: tuple[str, ...]) -> None:
        if state._names != names or state.spare.shape != data.shape or state.spare.dtype != data.dtype:
            state._prepare(self._op, names, data, self._scratch)
        state.step += 1
        self.update(data, grad, state, options)

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                p.zero_grad()

    def gradient(self, data: Array, grad: Array, state: State, options: Options) -> Array:
        """The gradient of the objective that is minimised: grad, negated if maximize, plus weight_decay*data."""
        decay = options["weight_decay"]
        if options["maximize"]:
            grad = np.negative(grad, state.spare)
        if decay:
            np.multiply(data, decay, state.other)
            grad = np.add(grad, state.other, state.spare)
        return grad

    # ---- saving -------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Copies of options, steps and arrays, as one flat dict of arrays that np.savez(file, **state) stores.

        Keys are "0.lr" (group, option), "0.2.step" and "0.2.exp_avg" (group, position of a Tensor in it, array), and
        "0.values.exp_avg" (the group's Values as one vector).
        """
        result: dict[str, Array] = {}
        for number, (group, parts) in enumerate(zip(self.param_groups, self._parts, strict=True)):
            result |= {f"{number}.{name}": np.array(group[name]) for name in self.defaults}
            for state in parts:
                result[f"{state._key}.step"] = np.array(state.step)
                if state.step:
                    state._prepare(self._op, self.names(group), state._data(), self._scratch)
                    result |= {f"{state._key}.{name}": state[name].copy() for name in self.names(group)}
        return result

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict()``, with parameters of the same shapes in the same groups.

        Raises ValueError, naming keys that are missing or unknown, and shapes that differ; nothing has changed then.
        """
        op = f"{self._op}.load_state_dict"
        rest = {key: np.array(value) for key, value in state_dict.items()}

        def take(key: str) -> Array:
            if key not in rest:
                raise errors.bad_state(op, f"{key!r} is missing")
            return rest.pop(key)

        new_options, new_states = [], []
        for number, (group, parts) in enumerate(zip(self.param_groups, self._parts, strict=True)):
            options = {name: _check_option(op, name, _option_value(take(f"{number}.{name}"))) for name in self.defaults}
            self.check(options)
            new_options.append((group, options))
            for state in parts:
                count = take(f"{state._key}.step")
                if count.shape or count.dtype.kind not in "iu" or count < 0:
                    raise errors.bad_state(op, f"'{state._key}.step' is {count!r}, no count")
                target = state._target
                shape = (len(target),) if isinstance(target, list) else target.shape
                arrays = {}
                for name in self.names(options) if count else ():
                    arrays[name] = take(f"{state._key}.{name}")
                    if arrays[name].shape != shape:
                        raise errors.state_shape(op, f"{state._key}.{name}", arrays[name].shape, shape)
                new_states.append((state, int(count), arrays))
        if rest:
            raise errors.bad_state(op, f"{', '.join(map(repr, rest))}: no such parameter or option here")
        for group, options in new_options:
            group.update(options)
        for state, steps, arrays in new_states:
            state.step, state._arrays, state._names = steps, arrays, None

    def __repr__(self) -> str:
        groups = []
        for group in self.param_groups:
            values = sum(isinstance(p, Value) for p in group["params"])
            tensors = len(group["params"]) - values
            counts = [f"{n} {kind}" for n, kind in ((values, "Values"), (tensors, "Tensors")) if n]
            groups.append(", ".join([" and ".join(counts), *(f"{name}={group[name]!r}" for name in self.defaults)]))
        return f"{self._op}({'; '.join(groups)})"


def _option_value(array: Array) -> Any:
    """An option from its array."""
    return array.item() if array.ndim == 0 else tuple(array.tolist())


# ---- the formulas -------------------------------------------------------------------------------------

class SGD(Optimizer):
    """Gradient descent, with momentum if it is not 0.

    With g the gradient (negated if ``maximize``) plus weight_decay*p,

        b = g at the first step, momentum*b + (1 - dampening)*g later
        p = p - lr*g                  without momentum
        p = p - lr*b                  with momentum
        p = p - lr*(g + momentum*b)   with ``nesterov``, which needs momentum > 0 and no dampening

    This is PyTorch's momentum: lr is outside b. Sources: B. T. Polyak, "Some methods of speeding up the convergence of
    iteration methods", USSR Computational Mathematics and Mathematical Physics 4(5), 1964; I. Sutskever, J. Martens, G.
    Dahl, G. Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013; torch.optim.SGD.

    >>> from cgrad import Value, optim
    >>> x = Value(1.0)
    >>> optimizer = optim.SGD([x], lr=0.5)
    >>> (x*x/2).backward()
    >>> optimizer.step()
    >>> x.data
    0.5
    """

    arrays = ("momentum_buffer",)

    def __init__(self, params: Iterable[Parameter] | Iterable[Options], lr: float = 1e-3, momentum: float = 0.0,
                 dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False, *,
                 maximize: bool = False) -> None:
        super().__init__(params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
                         nesterov=nesterov, maximize=maximize)

    def check(self, options: Options) -> None:
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise errors.bad_option(self._op, "nesterov", True, "give momentum above 0 and dampening 0 with it")

    def names(self, options: Options) -> tuple[str, ...]:
        return self.arrays if options["momentum"] else ()

    def update(self, data: Array, grad: Array, state: State, options: Options) -> None:
        momentum, dampening, other = options["momentum"], options["dampening"], state.other
        g = grad
        if options["weight_decay"] or options["maximize"]:
            g = self.gradient(data, grad, state, options)
        if momentum:
            b = state["momentum_buffer"]
            if state.step == 1:
                b[...] = g
            else:
                np.multiply(b, momentum, b)
                np.add(b, np.multiply(g, 1 - dampening, other) if dampening else g, b)
            g = np.add(g, np.multiply(b, momentum, other), other) if options["nesterov"] else b
        np.subtract(data, np.multiply(g, options["lr"], other), data)


class Adam(Optimizer):
    """Adam: gradient descent with adaptive estimates of the gradient's first and second moments.

    With g the gradient (negated if ``maximize``) plus weight_decay*p, at step t = 1, 2, ...

        m = beta1*m + (1 - beta1)*g
        v = beta2*v + (1 - beta2)*g^2
        p = p - lr * m/(1 - beta1^t) / (sqrt(v/(1 - beta2^t)) + eps)

    With ``amsgrad`` v under the root is the largest so far. Sources: D. P. Kingma, J. Ba, "Adam: a method for
    stochastic optimization", ICLR 2015, algorithm 1; S. J. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and
    beyond", ICLR 2018; torch.optim.Adam.

    >>> from cgrad import Value, optim
    >>> x = Value(1.0)
    >>> optimizer = optim.Adam([x], lr=0.125)
    >>> (5*x).backward()
    >>> optimizer.step()
    >>> round(x.data, 6)
    0.875
    """

    arrays = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(self, params: Iterable[Parameter] | Iterable[Options], lr: float = 1e-3,
                 betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
                 amsgrad: bool = False, *, maximize: bool = False) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad,
                         maximize=maximize)

    def names(self, options: Options) -> tuple[str, ...]:
        return self.arrays if options["amsgrad"] else self.arrays[:2]

    def update(self, data: Array, grad: Array, state: State, options: Options) -> None:
        g = grad
        if options["weight_decay"] or options["maximize"]:
            g = self.gradient(data, grad, state, options)
        (beta1, beta2), other, step = options["betas"], state.other, state.step
        m, v = state["exp_avg"], state["exp_avg_sq"]
        largest = state["max_exp_avg_sq"] if options["amsgrad"] else v
        np.multiply(m, beta1, m)
        np.add(m, np.multiply(g, 1 - beta1, other), m)
        np.multiply(v, beta2, v)
        np.multiply(np.multiply(g, g, other), 1 - beta2, other)
        np.add(v, other, v)
        if largest is not v:
            np.maximum(largest, v, out=largest)
        # the bias corrections as two scalars: the textbook's step, numerator and denominator multiplied by root
        root = math.sqrt(1 - beta2**step)
        np.add(np.sqrt(largest, other), options["eps"]*root, other)
        np.divide(m, other, other)
        np.subtract(data, np.multiply(other, options["lr"]*root/(1 - beta1**step), other), data)


class AdamW(Adam):
    """Adam with decoupled weight decay: p = p*(1 - lr*weight_decay), then Adam's step with the gradient alone.

    Sources: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019; torch.optim.AdamW.

    >>> from cgrad import Value, optim
    >>> x = Value(1.0)
    >>> optim.AdamW([x], lr=0.5, weight_decay=0.5).step()
    >>> x.data
    0.75
    """

    def __init__(self, params: Iterable[Parameter] | Iterable[Options], lr: float = 1e-3,
                 betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
                 amsgrad: bool = False, *, maximize: bool = False) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def update(self, data: Array, grad: Array, state: State, options: Options) -> None:
        np.multiply(data, 1 - options["lr"]*options["weight_decay"], data)
        super().update(data, grad, state, options)

    def gradient(self, data: Array, grad: Array, state: State, options: Options) -> Array:
        """The gradient alone: the decay has been applied to data."""
        return np.negative(grad, state.spare) if options["maximize"] else grad


class Adamax(Optimizer):
    """Adamax: Adam with the infinity norm of the gradients instead of their second moment.

    With g the gradient (negated if ``maximize``) plus weight_decay*p, at step t = 1, 2, ...

        m = beta1*m + (1 - beta1)*g
        u = max(beta2*u, abs(g) + eps)
        p = p - lr/(1 - beta1^t) * m/u

    Sources: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 2, which has no
    eps; torch.optim.Adamax, which adds it to abs(g).

    >>> from cgrad import Value, optim
    >>> x = Value(1.0)
    >>> optimizer = optim.Adamax([x], lr=0.125)
    >>> (5*x).backward()
    >>> optimizer.step()
    >>> round(x.data, 6)
    0.875
    """

    arrays = ("exp_avg", "exp_inf")

    def __init__(self, params: Iterable[Parameter] | Iterable[Options], lr: float = 2e-3,
                 betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0, *,
                 maximize: bool = False) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def update(self, data: Array, grad: Array, state: State, options: Options) -> None:
        g = self.gradient(data, grad, state, options)
        (beta1, beta2), other = options["betas"], state.other
        m, u = state["exp_avg"], state["exp_inf"]
        np.multiply(m, beta1, m)
        np.add(m, np.multiply(g, 1 - beta1, other), m)
        np.multiply(u, beta2, u)
        np.maximum(u, np.add(np.abs(g, other), options["eps"], other), out=u)
        np.divide(m, u, other)
        np.subtract(data, np.multiply(other, options["lr"]/(1 - beta1**state.step), other), data)


class Adadelta(Optimizer):
    """Adadelta: gradient descent scaled by running averages of squared gradients and squared steps.

    With g the gradient (negated if ``maximize``) plus weight_decay*p,

        s = rho*s + (1 - rho)*g^2
        d = sqrt(a + eps)/sqrt(s + eps) * g
        a = rho*a + (1 - rho)*d^2
        p = p - lr*d

    Sources: M. D. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, 2012, algorithm 1, where lr is
    1; torch.optim.Adadelta.

    >>> from cgrad import Value, optim
    >>> x = Value(1.0)
    >>> optimizer = optim.Adadelta([x], eps=0.001)
    >>> (2*x).backward()
    >>> optimizer.step()
    >>> round(1 - x.data, 6)
    0.099875
    """

    arrays = ("square_avg", "acc_delta")

    def __init__(self, params: Iterable[Parameter] | Iterable[Options], lr: float = 1.0, rho: float = 0.9,
                 eps: float = 1e-6, weight_decay: float = 0.0, *, maximize: bool = False) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def update(self, data: Array, grad: Array, state: State, options: Options) -> None:
        g = self.gradient(data, grad, state, options)
        rho, eps, spare, other = options["rho"], options["eps"], state.spare, state.other
        s, a = state["square_avg"], state["acc_delta"]
        np.multiply(s, rho, s)
        np.add(s, np.multiply(np.multiply(g, g, other), 1 - rho, other), s)
        np.divide(g, np.sqrt(np.add(s, eps, other), other), other)
        d = np.multiply(np.sqrt(np.add(a, eps, spare), spare), other, other)  # g may be in spare: not before this line
        np.multiply(a, rho, a)
        np.add(a, np.multiply(np.multiply(d, d, spare), 1 - rho, spare), a)
        np.subtract(data, np.multiply(d, options["lr"], other), data)
