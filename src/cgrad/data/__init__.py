"""Data sets that come with cgrad; their sources and licences are in the README.md beside this file."""

from __future__ import annotations

import csv
from importlib import resources
from typing import NamedTuple

__all__ = ["Dataset", "iris"]


class Dataset(NamedTuple):
    """Measurements and their classes.

    features: the columns' names, units included. rows: one list of floats a sample. labels: one index
    into classes a sample.
    """

    features: list[str]
    classes: list[str]
    rows: list[list[float]]
    labels: list[int]


def iris() -> Dataset:
    """Fisher's irises: 150 flowers of three species, four lengths in cm each.

    >>> from cgrad.data import iris
    >>> flowers = iris()
    >>> flowers.features[2], flowers.rows[0][2], flowers.classes[flowers.labels[0]]
    ('petal length (cm)', 1.4, 'setosa')
    """
    with resources.files(__name__).joinpath("iris.csv").open(encoding="utf-8") as file:
        header, *records = csv.reader(file)
    classes = list(dict.fromkeys(record[-1] for record in records))
    return Dataset(
        [name.removesuffix("_cm").replace("_", " ") + " (cm)" for name in header[:-1]],
        classes,
        [[float(x) for x in record[:-1]] for record in records],
        [classes.index(record[-1]) for record in records],
    )
