"""The functions of ``statistics``: its own ask for ratios of integers."""

from __future__ import annotations

import functools
import operator
from typing import Any

from ..._core import sqrt
from .. import quantiles
from ._takes import instead


def of_statistics(module: Any) -> dict[Any, Any]:
    """{function of statistics: ours}."""
    def total(data: Any) -> Any:
        return functools.reduce(operator.add, data)

    def mean(data: Any) -> Any:
        return total(data)/len(data)

    def fmean(data: Any, weights: Any = None) -> Any:
        if weights is None:
            return mean(data)
        if len(data) != len(weights):
            raise module.StatisticsError("data and weights must be the same length")
        return total([w*x for w, x in zip(weights, data, strict=True)])/total(weights)

    def squares(data: Any, centre: Any) -> Any:
        centre = mean(data) if centre is None else centre
        return total([(x - centre)*(x - centre) for x in data])

    def variance(data: Any, xbar: Any = None) -> Any:
        if len(data) < 2:
            raise module.StatisticsError("variance requires at least two data points")
        return squares(data, xbar)/(len(data) - 1)

    def pvariance(data: Any, mu: Any = None) -> Any:
        return squares(data, mu)/len(data)

    def stdev(data: Any, xbar: Any = None) -> Any:
        return sqrt(variance(data, xbar))

    def pstdev(data: Any, mu: Any = None) -> Any:
        return sqrt(pvariance(data, mu))

    def median(data: Any) -> Any:
        return quantiles.median(list(data))

    ours = (fmean, mean, variance, pvariance, stdev, pstdev, median)
    return {getattr(module, f.__name__): instead(getattr(module, f.__name__), f, iterates=True) for f in ours}
