"""The functions of ``numpy`` that fail over objects, though Tensors and Values answer them by NumPy's protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._core import Tensor, Value, isfinite, isinf, isnan, logaddexp
from .. import curves, quantiles, reduce
from .._arguments import as_array
from ._takes import instead, lifted, over_elements

Function = Callable[..., Any]


def _is_real(dtype: Any) -> bool:
    return dtype is not None and np.dtype(dtype).kind == "f"


def _array(original: Function) -> Function:
    """np.array and its relatives: Tensors stay Tensors, and an array "of floats" holds Values."""
    def array(x: Any, dtype: Any = None, **kwargs: Any) -> Any:
        if type(x) is Tensor:
            return x if dtype is None or np.dtype(dtype) == x.dtype else x.astype(dtype)
        if _holds_tensor(x):
            return as_array(x, original.__name__)
        if not _is_real(dtype):
            return original(x, dtype, **kwargs)
        out = original(x, object, **kwargs).copy()
        for place, item in enumerate(out.flat):
            out.flat[place] = item if type(item) is Value else float(item)
        return out

    return array


def _holds_tensor(x: Any) -> bool:
    return type(x) is Tensor or (isinstance(x, (list, tuple)) and any(map(_holds_tensor, x)))


def of_numpy(module: Any) -> dict[Any, Any]:
    """{function of numpy: ours}."""
    table: dict[str, Function] = {
        "isnan": over_elements(isnan, 1, bool), "isinf": over_elements(isinf, 1, bool),
        "isfinite": over_elements(isfinite, 1, bool), "logaddexp": over_elements(logaddexp, 2),
        **{f.__name__: lifted(f) for f in (
            reduce.mean, reduce.std, reduce.var, reduce.average, quantiles.median, quantiles.percentile,
            quantiles.quantile, curves.interp, curves.linspace)},
        **{name: _array(getattr(module, name)) for name in ("array", "asarray", "asanyarray", "ascontiguousarray")},
    }
    return {getattr(module, name): instead(getattr(module, name), ours) for name, ours in table.items()}
