"""Data sets that come with cgrad; their sources and licences are in the README.md beside this file."""

from __future__ import annotations

import csv
import gzip
from importlib import resources
from typing import NamedTuple

__all__ = ["Dataset", "digits", "iris"]


class Dataset(NamedTuple):
    """Measurements and their classes.

    features: names of the columns, with units. rows: a list of floats for each sample. labels: for each sample an index
    into classes.
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


def digits() -> Dataset:
    """Handwritten digits: 1,797 images of 8x8 pixels, row by row, with ink from 0 to 16, by 13 writers.

    ``np.array(data.rows).reshape(-1, 8, 8)`` are the images.

    >>> from cgrad.data import digits
    >>> data = digits()
    >>> len(data.rows), data.features[9], data.classes[data.labels[0]]
    (1797, 'pixel_1_1', '0')
    >>> for y in range(0, 64, 8):
    ...     print("".join("_-+oO"[int(ink)//4] for ink in data.rows[0][y:y + 8]))
    __-o+___
    __oo+o-_
    __o__++_
    _-o__++_
    _-+__++_
    _-+__o-_
    __o-+o__
    __-o+___
    """
    with resources.files(__name__).joinpath("digits.csv.gz").open("rb") as file:
        text = gzip.decompress(file.read()).decode("ascii")
    header, *records = csv.reader(text.splitlines())
    return Dataset(
        header[:-1],
        [str(digit) for digit in range(10)],
        [[float(x) for x in record[:-1]] for record in records],
        [int(record[-1]) for record in records],
    )
