"""When a replacement takes over: where an argument is, or holds, a Value or a Tensor."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..._core import Condition, Conditions, Tensor, Value
from .._arguments import as_array


def row(name: str) -> Any:
    """The function of a row of the op table."""
    return getattr(sys.modules[Value.__module__], name)


def holds(x: Any) -> bool:
    """True for a Value, a Tensor, and lists, tuples and arrays of objects that hold one."""
    kind = type(x)
    if kind in (Value, Tensor, Condition, Conditions):
        return True
    if kind is float or kind is int:
        return False
    if isinstance(x, (list, tuple)):
        return any(map(holds, x))
    return isinstance(x, np.ndarray) and x.dtype == object and any(map(holds, x.flat))


def instead(original: Any, ours: Callable[..., Any], taken: Callable[[Any], bool] = holds, *,
            iterates: bool = False) -> Any:
    """``ours`` where an argument is ``taken``, else the original. iterates: iterators are read into lists first."""
    @functools.wraps(original, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        for x in args:
            if type(x) is not float and type(x) is not int:
                break
        else:  # the quick way of plain numbers
            if not kwargs:
                return original(*args)
        if iterates:
            args = tuple([list(x) if isinstance(x, Iterator) else x for x in args])
        if any(map(taken, args)) or any(map(taken, kwargs.values())):
            return ours(*args, **kwargs)
        return original(*args, **kwargs)

    return call


def elements(x: Any) -> Any:
    """An array of objects of anything that NumPy makes an array of: the elements of a Tensor as Values."""
    if type(x) is Tensor:
        out = np.empty(x.shape, object)
        for place in np.ndindex(x.shape):
            out[place] = x[place]
        return out
    return np.asarray(x, object)


def lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of Tensors over lists and arrays of objects: back come objects, unless a Tensor was given."""
    def over(*args: Any, **kwargs: Any) -> Any:
        tensors = [as_array(x, function.__name__) if isinstance(x, (list, tuple, np.ndarray)) and holds(x) else x
                   for x in args]
        result = function(*tensors, **kwargs)
        return result if type(result) is not Tensor or any(type(x) is Tensor for x in args) else elements(result)

    return over


def over_elements(function: Callable[..., Any], count: int, dtype: Any = object) -> Callable[..., Any]:
    """A function of ``count`` numbers over Tensors, or over lists and arrays of objects, as NumPy's loops do it."""
    loop = np.frompyfunc(function, count, 1)

    def over(*args: Any) -> Any:
        if any(type(x) is Tensor for x in args) or all(type(x) in (Value, float, int) for x in args):
            return function(*args)
        result = loop(*map(np.asarray, args, [object]*len(args)))
        return result.astype(dtype) if isinstance(result, np.ndarray) else result

    return over
