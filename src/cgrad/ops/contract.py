"""einsum, with any number of operands, repeated labels and an ellipsis; its adjoints are einsums again."""

from __future__ import annotations

import math
from functools import lru_cache
from string import ascii_letters
from typing import Any

import numpy as np

from .. import errors
from .._core import Primitive, Tensor
from ._arguments import as_array, reject
from ._shapes import Array, shape_of
from .index import diagonal
from .shape import _broadcast, _reshape

__all__ = ["einsum"]


def _einsum_forward(*operands: Any, inputs: tuple[str, ...], output: str, optimize: Any) -> Any:
    try:
        return np.einsum(_subscripts(inputs, output), *operands, optimize=optimize)
    except ValueError:
        raise errors.einsum_shapes(inputs, output, [shape_of(x) for x in operands]) from None


def _einsum_vjp(k: int, g: Array, out: Array, *operands: Array, inputs: tuple[str, ...], output: str,
                optimize: Any) -> Array:
    """The einsum of g and the other operands over the labels that operand k lacks; those it alone has, broadcast."""
    if not isinstance(optimize, (bool, str)):
        optimize = True  # a path was for those operands, in that order
    own, shape = inputs[k], shape_of(operands[k])
    others = [(labels, x) for i, (labels, x) in enumerate(zip(inputs, operands, strict=True)) if i != k]
    known = set(output).union(*(labels for labels, _ in others))
    present = "".join([label for label in own if label in known])
    if others or output != present:
        terms = (output, *(labels for labels, _ in others))
        result = _einsum(g, *(x for _, x in others), inputs=terms, output=present, optimize=optimize)
    else:
        result = g
    if not shape:
        return result
    found = dict(zip(present, shape_of(result), strict=True))
    if present != own and present:
        result = _reshape(result, shape=tuple([found.get(label, 1) for label in own]))
    # a length of 1 was broadcast: here by others, there (wider than the operand) by it, which the core sums
    target = tuple([n if found.get(label, 1) == 1 else found[label] for label, n in zip(own, shape, strict=True)])
    return result if shape_of(result) == target else _broadcast(result, shape=target)


_einsum: Primitive = Primitive("einsum", _einsum_forward, _einsum_vjp)


@lru_cache(maxsize=512)
def _subscripts(inputs: tuple[str, ...], output: str) -> str:
    return ",".join(inputs) + "->" + output


@lru_cache(maxsize=512)
def _parse_subscripts(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """The labels of each operand and of the output, with ellipses replaced by labels."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise errors.einsum_operands(subscripts, len(ndims))
    used = set(text)
    spare = [letter for letter in ascii_letters if letter not in used]
    longest = 0
    for term, ndim in zip(terms, ndims, strict=True):
        named = len(term.replace("...", ""))
        if "..." in term and named > ndim or "..." not in term and named != ndim:
            raise errors.einsum_labels(subscripts, term, ndim)
        if "..." in term:
            longest = max(longest, ndim - named)
    if longest > len(spare):
        raise errors.einsum_text(subscripts)
    dots = "".join(spare[:longest])
    inputs = []
    for term, ndim in zip(terms, ndims, strict=True):
        here = ndim - len(term.replace("...", ""))
        inputs.append(term.replace("...", dots[longest - here:] if here else ""))
    if arrow:
        if longest and "..." not in right:
            raise errors.einsum_text(subscripts)
        output = right.replace("...", dots)
    else:
        letters = left.replace("...", "").replace(",", "")
        output = dots + "".join(sorted({letter for letter in letters if letters.count(letter) == 1}))
    for labels in (*inputs, output):
        if not all(letter in ascii_letters for letter in labels):
            raise errors.einsum_text(subscripts)
    if len(set(output)) != len(output) or not set(output) <= set("".join(inputs)):
        raise errors.einsum_text(subscripts)
    return tuple(inputs), output


def _from_label_lists(arguments: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Subscripts and operands of the other form of call, einsum(x, [0, 1], y, [1, 2], [0, 2])."""
    operands, lists = list(arguments[:-1:2]), list(arguments[1::2])
    result = arguments[-1] if len(arguments) % 2 else None
    names: dict[Any, str] = {}
    for label in sorted({label for labels in lists for label in labels if label is not Ellipsis}):
        names[label] = ascii_letters[len(names)]

    def text(labels: Any) -> str:
        return "".join(["..." if label is Ellipsis else names[label] for label in labels])

    subscripts = ",".join(map(text, lists))
    return subscripts if result is None else subscripts + "->" + text(result), operands


def einsum(*arguments: Any, optimize: Any = None, out: Any = None, **rest: Any) -> Array:
    """Einstein summation: products of elements with equal labels, summed over the labels that the output lacks.

    subscripts, operands: "ij,jk->ik" is a matrix product, "ii->i" a diagonal, "...ij->...ji" a transpose of each of a
    batch; without "->" the output has the labels that occur once, in alphabetical order. optimize: as in NumPy; if left
    out, an order of products is searched for large arrays. Raises ValueError if labels and shapes do not fit.

    >>> import cgrad
    >>> x = cgrad.Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> cgrad.einsum("ij,jk->ik", x, x).tolist()
    [[7.0, 10.0], [15.0, 22.0]]
    >>> cgrad.einsum("ii", x).item()
    5.0
    """
    if out is not None or rest:
        reject("einsum", out=out, **rest)
    if not arguments:
        raise errors.nothing("einsum", "the call", "operand")
    if isinstance(arguments[0], str):
        subscripts, operands = arguments[0], list(arguments[1:])
    else:
        subscripts, operands = _from_label_lists(arguments)
    operands = [as_array(x, "einsum") for x in operands]
    inputs, output = _parse_subscripts(subscripts, tuple([len(x.shape) for x in operands]))
    for k, labels in enumerate(inputs):
        if len(set(labels)) < len(labels):
            operands[k], labels = _take_diagonals(operands[k], labels, subscripts)
            inputs = (*inputs[:k], labels, *inputs[k + 1:])
    return _einsum(*operands, inputs=inputs, output=output,
                   optimize=_worth_optimizing(inputs, operands) if optimize is None else optimize)


def _take_diagonals(x: Array, labels: str, subscripts: str) -> tuple[Array, str]:
    """x with one axis for each label: axes with equal labels become a diagonal."""
    label = next(letter for letter in labels if labels.count(letter) > 1)
    i = labels.index(label)
    j = labels.index(label, i + 1)
    if x.shape[i] != x.shape[j]:
        raise errors.einsum_shapes((labels,), label, [x.shape])
    rest = labels[:i] + labels[i + 1:j] + labels[j + 1:] + label
    x = diagonal(x, 0, i, j)
    return (x, rest) if len(set(rest)) == len(rest) else _take_diagonals(x, rest, subscripts)


_LARGE = 20_000


def _worth_optimizing(inputs: tuple[str, ...], operands: list[Any]) -> bool:
    """True if searching an order of products, which may use matrix products, pays."""
    if len(operands) < 2 or math.prod([x.size for x in operands]) <= _LARGE:
        return False
    lengths: dict[str, int] = {}
    for labels, x in zip(inputs, operands, strict=True):
        for label, n in zip(labels, x.shape, strict=True):
            lengths[label] = max(n, lengths.get(label, 1))
    return math.prod(lengths.values()) > _LARGE


def _einsum_method(self: Tensor, subscripts: str, *operands: Array, **options: Any) -> Array:
    """t.einsum(subscripts, *operands): cgrad.einsum with t as the first operand."""
    return einsum(subscripts, self, *operands, **options)


METHODS: dict[str, Any] = {"einsum": _einsum_method}
NUMPY: dict[Any, Any] = {np.einsum: einsum}
