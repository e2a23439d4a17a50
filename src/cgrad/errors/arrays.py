"""Tensors: their data, elements and conversions."""

from __future__ import annotations

from typing import Any

from .describe import named, shown

__all__ = ["bad_array", "bad_element", "cannot_share", "no_array", "no_broadcast", "not_one", "other_shape",
           "out_of_range", "ragged", "read_only", "set_item", "set_item_shared", "tensor_dtype", "to_array"]


def bad_array(op: str, position: int, value: Any) -> TypeError:
    what = "data" if op == "Tensor" else f"operand {position + 1}"
    way = "give an array of float64 or float32" if value.dtype.kind not in "fiub" else "convert it with .astype(float)"
    return TypeError(f"{op}: {what} is an array of {value.dtype} and shape {value.shape}: {way}")


def no_array(data: object) -> TypeError:
    if isinstance(data, (list, tuple)):
        return TypeError("Tensor: data holds something that is not a real number: give numbers, or make a tensor "
                         "of Values with cgrad.stack")
    return TypeError(f"Tensor: data is {shown(data)}: give numbers, nested lists of them, or an ndarray")


def tensor_dtype(dtype: object) -> TypeError:
    return TypeError(f"Tensor: dtype is {dtype!r}: give float64 or float32")


def cannot_share(array: Any, dtype: object) -> ValueError:
    return ValueError(f"Tensor: an array of {array.dtype} cannot be shared as {dtype}: leave copy=False out")


def read_only(op: str, array: Any) -> ValueError:
    return ValueError(f"{op}: data is a read-only array of shape {array.shape}, which cannot be shared: "
                      "leave copy=False out")


def ragged(data: object) -> ValueError:
    return ValueError("Tensor: data has rows of different lengths: give an array of one shape")


def no_broadcast(op: str, operands: list[tuple[str, tuple[int, ...]]]) -> ValueError:
    shown = " with ".join(f"{name + ' ' if name else ''}{shape}" for name, shape in operands)
    return ValueError(f"{op}: cannot broadcast {shown}: sizes must be equal or 1, counted from the last axis")


def not_one(op: str, value: Any) -> ValueError:
    way = "reduce it first, with .sum() for example" if op == "item" else "use .any() or .all() of a comparison"
    return ValueError(f"{op}: a tensor of shape {value.shape} has {value.size} elements, not one: {way}")


def set_item(value: object) -> TypeError:
    return TypeError(f"setitem: {named(value)} requires grad, and a recorded graph never changes: write into a copy, "
                     "y = t.copy(), or a new array, y = cgrad.zeros(...); to t.data[...] of a leaf for new numbers")


def set_item_shared(value: object) -> TypeError:
    return TypeError(f"setitem: {named(value)} shares its memory with other arrays (t.data, t.T, t.reshape(...), "
                     "copy=False), which would not hold the Value: write into a copy, y = t.copy()")


def bad_element(value: object) -> TypeError:
    return TypeError(f"setitem: {shown(value)} is no real number: give a number, a Value, an array or a list of them")


def to_array(value: object) -> TypeError:
    return TypeError(f"asarray: {named(value)} requires grad and would lose its history: use t.data or t.numpy() for "
                     "the numbers, or differentiable functions (np.sum, cgrad.exp, ...)")


def out_of_range(op: str, value: Any, index: object, axis: int) -> IndexError:
    return IndexError(f"{op}: index {index} is out of range for axis {axis} of a tensor of shape {value.shape}")


def other_shape(value: Any, shape: tuple[int, ...]) -> ValueError:
    name = f" {value.name!r}" if value.name else ""
    return ValueError(f"data: an array of shape {shape} for a tensor{name} of shape {value.shape} that requires grad: "
                      "give an array of that shape, or make a new tensor with cgrad.Tensor(array, requires_grad=True)")
