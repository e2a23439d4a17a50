"""Compiled functions over Dask arrays and bags (cgrad.distributed)."""

from __future__ import annotations

from .describe import shown

__all__ = ["empty_bag", "no_compiled", "nothing_of_dask", "points_beside_bag", "two_bags", "uneven_points",
           "unknown_chunks"]


def no_compiled(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {shown(value)} is neither a compiled function nor a program: give cgrad.compile(f)")


def nothing_of_dask(op: str) -> TypeError:
    return TypeError(f"{op}: no argument is a Dask array with an axis of points, or a Dask bag: make one with "
                     "dask.array.from_array, or use p.map on one machine")


def two_bags(op: str) -> TypeError:
    return TypeError(f"{op}: two arguments are Dask bags, which cannot be paired: zip them into one bag of points")


def empty_bag(op: str) -> ValueError:
    return ValueError(f"{op}: the bag has no points: give at least one")


def points_beside_bag(op: str, k: int) -> ValueError:
    return ValueError(f"{op}: argument {k + 1} has points of its own beside those of the bag: give in_axes None for "
                      "it, or put its numbers into the bag's points")


def unknown_chunks(op: str, k: int) -> ValueError:
    return ValueError(f"{op}: the chunks of argument {k + 1}, or those that it must agree with, have unknown lengths: "
                      "call .compute_chunk_sizes() of the Dask arrays first")


def uneven_points(name: str, one: str, other: str) -> ValueError:
    return ValueError(f"{name}: the bag's first point is {one}, another one is {other}: give points of one structure")
