"""Data sets that come with cgrad are those of scikit-learn's copies (irises: test_main.py)."""

import collections

import pytest

from cgrad.data import digits


def test_digits_are_whole():
    """Without scikit-learn: the counts that UCI's page states for its test set."""
    data = digits()
    assert (len(data.rows), len(data.labels), {len(row) for row in data.rows}) == (1797, 1797, {64})
    assert {x for row in data.rows for x in row} == set(map(float, range(17)))
    counts = collections.Counter(data.labels)
    assert [counts[k] for k in range(10)] == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.classes == list("0123456789") and data.features[:2] == ["pixel_0_0", "pixel_0_1"]


def test_digits_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets", reason="compares with scikit-learn's copy (group 'bench')")
    data, theirs = digits(), datasets.load_digits()
    assert data.rows == theirs.data.tolist() and data.labels == theirs.target.tolist()
    assert data.features == theirs.feature_names and list(map(int, data.classes)) == theirs.target_names.tolist()
