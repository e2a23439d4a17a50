"""How messages name a value and a list of shapes."""

from __future__ import annotations

from typing import Any, TypeAlias

Shape: TypeAlias = tuple[int, ...]


def shown(value: object) -> str:
    """The type and repr of a value, cut off at 40 characters; of an array the shape alone."""
    kind = type(value).__name__
    if value is None:
        return "None"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {shape}"
    text = repr(value)
    return f"a {kind} ({text if len(text) <= 40 else text[:37] + '...'})"


def named(value: Any) -> str:
    """The name of a Value or Tensor that has one; else its repr."""
    return f"{value.name!r}" if getattr(value, "name", "") else repr(value)


def listed(shapes: list[Shape]) -> str:
    """At most six shapes."""
    return ", ".join(map(str, shapes[:6])) + (", ..." if len(shapes) > 6 else "")
