"""Array operations that are not elementwise (cgrad.ops): axes, shapes, indices, products, linear algebra."""

from __future__ import annotations

from typing import Any

from .describe import Shape, listed, shown

__all__ = ["axis_type", "bad_along", "bad_axis", "bad_broadcast", "bad_cast", "bad_cross", "bad_diag", "bad_index",
           "bad_matmul", "bad_moveaxis", "bad_norm", "bad_pad", "bad_permutation", "bad_points", "bad_product",
           "bad_reshape", "bad_solve", "bad_split", "bad_squeeze", "bad_weights", "concatenate_shapes", "einsum_labels",
           "einsum_operands", "einsum_shapes", "einsum_text", "empty_reduction", "index_type", "new_axis",
           "no_argument", "no_common_shape", "no_matrix", "no_numbers", "no_vector", "not_positive", "not_square",
           "ragged_rows", "repeated_axis", "singular", "stack_shapes", "where_sides"]


def no_argument(op: str, name: str) -> TypeError:
    ways = {
        "out": "use the result, for a recorded graph never changes",
        "dtype": "use .astype(dtype) before or after it",
        "where": "leave elements out by an index, or put neutral ones in with cgrad.where",
        "initial": "combine the result with it",
    }
    return TypeError(f"{op}: {name}= is not taken: {ways.get(name, 'leave it out')}")


def no_numbers(op: str, value: Any) -> TypeError:
    what = shown(value) if value.shape else f"{value.item()!r}"
    if value.dtype.kind == "f":
        return TypeError(f"{op}: operand is {what} of {value.dtype}: convert it with .astype(float)")
    way = "use its .real and .imag" if value.dtype.kind == "c" else "give numbers, Values, Tensors or lists of them"
    return TypeError(f"{op}: operand is {what} of {value.dtype}, not an array of real numbers: {way}")


def ragged_rows(op: str) -> ValueError:
    return ValueError(f"{op}: operand has rows of different lengths: give an array of one shape")


def axis_type(op: str, axis: object) -> TypeError:
    return TypeError(f"{op}: axis is {shown(axis)}: give an int")


def _axis_error(text: str) -> Exception:
    from numpy.exceptions import AxisError  # a ValueError and an IndexError, as NumPy raises it

    return AxisError(text)


def bad_axis(op: str, axis: int, shape: Shape) -> Exception:
    return _axis_error(f"{op}: axis {axis} of an array of shape {shape}: it has {len(shape)}, counted from 0")


def repeated_axis(op: str, axis: object, shape: Shape) -> ValueError:
    return ValueError(f"{op}: axes {axis} of an array of shape {shape}: name each axis once")


def new_axis(op: str, axis: object, shape: Shape) -> Exception:
    return _axis_error(f"{op}: new axis {axis} for {shape}: count in the axes of the result, each once")


def bad_reshape(shape: Shape, target: object) -> ValueError:
    return ValueError(f"reshape: cannot make {shape} into {target}: give as many elements, and at most one -1")


def bad_squeeze(shape: Shape, axis: object) -> ValueError:
    return ValueError(f"squeeze: axis {axis} of {shape} is not of length 1: name axes that are")


def bad_permutation(axes: object, shape: Shape) -> ValueError:
    return ValueError(f"transpose: axes {axes} for {shape}: name each of its {len(shape)} axes once")


def bad_moveaxis(source: object, destination: object) -> ValueError:
    return ValueError(f"moveaxis: {source} to {destination}: give as many destinations as axes")


def no_vector(op: str, shape: Shape) -> ValueError:
    return ValueError(f"{op}: operand of shape {shape} is not a vector: give an array of one axis")


def bad_points(x: Shape, y: Shape) -> ValueError:
    return ValueError(f"interp: xp of shape {x} and fp of shape {y}: give two vectors of one length, with a point")


def no_matrix(op: str, shape: Shape) -> ValueError:
    return ValueError(f"{op}: {shape} is not a matrix: give an array of two axes or more")


def bad_broadcast(op: str, shape: Shape, target: object) -> ValueError:
    return ValueError(f"{op}: {shape} does not broadcast to {target}: lengths must be equal, or 1 in the first")


def no_common_shape(op: str, shapes: list[Shape]) -> ValueError:
    return ValueError(f"{op}: shapes {listed(shapes)} do not broadcast: lengths must be equal, or 1")


def bad_pad(width: object, shape: Shape) -> ValueError:
    return ValueError(f"pad: width {width} for {shape}: give an int, or (before, after) for each axis, none negative")


def bad_cast(op: str, dtype: object) -> TypeError:
    return TypeError(f"{op}: dtype {dtype} has no derivative: give float64 or float32")


def bad_weights(shape: Shape, weights: Shape) -> ValueError:
    return ValueError(f"average: weights of shape {weights} for {shape}: give that shape, or the length of axis")


def empty_reduction(op: str, shape: Shape) -> ValueError:
    return ValueError(f"{op}: there are no elements in {shape}: check .size first")


def bad_index(shape: Shape, error: object) -> IndexError:
    return IndexError(f"getitem: bad index of an array of shape {shape}: {error}")


def index_type(index: object) -> IndexError:
    if isinstance(index, slice):
        index = next(x for x in (index.start, index.stop, index.step) if type(x).__name__ == "Value")
    dtype = getattr(index, "dtype", None)
    kind = f"{shown(index)}" + (f" of {dtype}" if dtype is not None else "")
    return IndexError(f"getitem: index is {kind}: indices have no derivative: give plain ints, slices, or arrays of "
                      "ints or bools, such as t > 0 or t.argsort()")


def bad_along(op: str, shape: Shape, indices: Shape) -> ValueError:
    return ValueError(f"{op}: indices of shape {indices} for {shape}: give as many axes, equal but for one")


def where_sides() -> TypeError:
    return TypeError("where: one of x and y: give both, or neither for the indices where condition is true")


def bad_diag(shape: Shape) -> ValueError:
    return ValueError(f"diag: of an array of shape {shape}: give one or two axes, or use diagonal")


def stack_shapes(op: str, shapes: list[Shape]) -> ValueError:
    return ValueError(f"{op}: shapes {listed(shapes)} differ: give arrays of one shape")


def concatenate_shapes(shapes: list[Shape], axis: int) -> ValueError:
    return ValueError(f"concatenate: shapes {listed(shapes)} along axis {axis}: "
                      "give arrays, no scalars, that are equal in all other axes")


def bad_split(shape: Shape, axis: int, parts: object) -> ValueError:
    return ValueError(f"split: axis {axis} of {shape} is not divided by {parts}: use array_split, or give indices")


def bad_matmul(x: Shape, y: Shape) -> ValueError:
    if not x or not y:
        return ValueError(f"matmul: {x} with {y}: a scalar is not a matrix: use *")
    return ValueError(f"matmul: {x} with {y}: the last axis of the first must be as long as the last but one of the "
                      "second (its only one, of a vector), and the axes before them must broadcast")


def bad_product(op: str, x: Shape, y: Shape) -> ValueError:
    return ValueError(f"{op}: {x} with {y}: the axes that are summed over must have one length")


def bad_cross(x: Shape, y: Shape) -> ValueError:
    return ValueError(f"cross: {x} with {y}: give vectors of 3 elements along the axis")


def einsum_shapes(inputs: tuple[str, ...], output: str, shapes: list[Shape]) -> ValueError:
    return ValueError(f"einsum: {','.join(inputs)}->{output} of {listed(shapes)}: axes of one label must have one "
                      "length, or 1")


def einsum_operands(subscripts: str, number: int) -> ValueError:
    return ValueError(f"einsum: {subscripts!r} with {number} operands: give one term for each operand")


def einsum_labels(subscripts: str, term: str, ndim: int) -> ValueError:
    return ValueError(f"einsum: {term!r} in {subscripts!r} for an operand of {ndim} axes: give a label for each axis, "
                      "or ... for those that have none")


def einsum_text(subscripts: str) -> ValueError:
    return ValueError(f"einsum: {subscripts!r}: give letters as labels, the ellipsis of operands in the output too, "
                      "and each label of the output in an operand, and once in the output")


def not_square(op: str, shape: Shape) -> ValueError:
    return ValueError(f"{op}: {shape} is not a square matrix: the last two axes must have one length")


def _linalg_error(text: str) -> Exception:
    from numpy.linalg import LinAlgError

    return LinAlgError(text)


def singular(op: str, shape: Shape) -> Exception:
    which = "the matrix" if len(shape) == 2 else "one of the matrices"
    return _linalg_error(f"{op}: {which} of {shape} is singular: add a small multiple of the unit matrix")


def not_positive(op: str, shape: Shape) -> Exception:
    which = "the matrix" if len(shape) == 2 else "one of the matrices"
    return _linalg_error(f"{op}: {which} of {shape} is not positive definite: add a small multiple of the unit matrix")


def bad_solve(a: Shape, b: Shape, op: str = "solve") -> ValueError:
    return ValueError(f"{op}: {a} with {b}: give as many rows on the right, as a vector or as columns (n, k)")


def bad_norm(order: object, shape: Shape, axes: Shape) -> ValueError:
    return ValueError(f"norm: ord={order!r} over axes {axes} of {shape}: give a number for one axis; 'fro', 'nuc', "
                      "1, -1, 2, -2, inf or -inf for two; none for more")
