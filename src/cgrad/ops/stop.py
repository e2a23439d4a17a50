"""stop_gradient: numbers that pass no derivative on."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np

from .._core import Tensor, Value

__all__ = ["stop_gradient"]

_T = TypeVar("_T")


def stop_gradient(x: _T, /) -> _T:
    """Return x with a derivative of 0: the identity, through which nothing flows.

    value = x, d value/dx = 0. In a compiled function too, where replays compute the value afresh.

    x: a Value, a Tensor, an array that holds Values, or lists, tuples, dicts and dataclasses of these. Plain numbers,
    and whatever else there is, come back as they are.

    Returns the same structure; its Values and Tensors are those of ``detach``.

    >>> import cgrad
    >>> x = cgrad.Value(3.0)
    >>> cgrad.gradients(x*cgrad.stop_gradient(x)).wrt(x)
    3.0
    >>> cgrad.compile(lambda x: x*cgrad.stop_gradient(x)).value_and_grad(3.0)
    (9.0, 3.0)
    """
    return _stopped(x)  # type: ignore[no-any-return]


def _stopped(x: Any) -> Any:
    if isinstance(x, (Value, Tensor)):
        return x.detach()
    if isinstance(x, dict):
        same = copy.copy(x)
        same.update({key: _stopped(value) for key, value in x.items()})
        return same
    if isinstance(x, (list, tuple)):
        items = [_stopped(value) for value in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    if isinstance(x, np.ndarray) and x.dtype == object:
        array = np.empty_like(x)
        for k, value in enumerate(x.flat):
            array.flat[k] = _stopped(value)
        return array
    if hasattr(type(x), "__dataclass_fields__") and not isinstance(x, type):
        made = copy.copy(x)
        for name in type(x).__dataclass_fields__:
            object.__setattr__(made, name, _stopped(getattr(x, name)))
        return made
    return x
