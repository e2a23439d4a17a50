"""Every error that cgrad raises itself: what was wrong, with what, and the way out.

One style: ``mul: operand 2 is a str ('abc'): ...``. Functions build an exception, the caller raises it.
"""

from __future__ import annotations

import os
import sys
from typing import Any


class TapeError(ValueError, RuntimeError):
    """A tape, a mark or a value of a tape used where it does not belong."""


class TraceError(TypeError):
    """Something in a compiled function that its replay could not repeat."""


class GuardError(RuntimeError):
    """A program was given numbers for which the recorded function would have taken another branch."""


class ProgramError(ValueError):
    """No program: a damaged or foreign file, or columns of a graph that lead nowhere."""


class AnomalyError(FloatingPointError):
    """Under ``cgrad.detect_anomaly()``: the first nan or inf, in a value or an adjoint."""


def _show(value: object) -> str:
    kind = type(value).__name__
    if value is None:
        return "None"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {shape}"
    text = repr(value)
    return f"a {kind} ({text if len(text) <= 40 else text[:37] + '...'})"


def _named(value: Any) -> str:
    return f"{value.name!r}" if getattr(value, "name", "") else repr(value)


def bad_operand(op: str, position: int, value: object) -> TypeError:
    if hasattr(value, "__array__") and getattr(value, "shape", None) is not None:
        way = "loop over its elements, or use an array of dtype object"
        if value.shape == ():  # type: ignore[attr-defined]
            way = "take its number with .item()"
    elif isinstance(value, complex):
        way = "cgrad differentiates real numbers; use its .real and .imag"
    elif isinstance(value, (list, tuple)):
        way = "loop over its elements"
    elif value is None:
        way = "did a function forget its return?"
    else:
        way = "give a Value or a real number"
    return TypeError(f"{op}: operand {position + 1} is {_show(value)}, no scalar: {way}")


def too_large(op: str, position: int, value: int) -> OverflowError:
    return OverflowError(f"{op}: operand {position + 1} is an int of {value.bit_length()} bits, "
                         "too large for a float: give float('inf') if that is meant")


def needs_number(op: str, argument: str, value: object) -> TypeError:
    return TypeError(f"{op}: {argument} has no derivative and must be a plain number, not {_named(value)}: "
                     f"give {argument}.item()")


def modular_power() -> TypeError:
    return TypeError("pow: three arguments have no derivative: use x**y % z")


def lengths(op: str, n: int, m: int) -> ValueError:
    return ValueError(f"{op}: operands 1 and 2 have {n} and {m} elements: give as many of each")


def bad_data(value: object) -> TypeError:
    if type(value).__name__ == "Value":
        return TypeError(f"Value: data is {_named(value)}, a Value itself: use it as it is, "
                         "or cut its history off with .detach()")
    return TypeError(str(bad_operand("Value", 0, value)).replace("operand 1", "data"))


def value_arguments(count: int) -> TypeError:
    return TypeError(f"Value: takes 1 positional argument, data, and got {count}: operands and backward rules "
                     "of an operation of your own go into a cgrad.Function; a name is name=...")


def two_names(name: object, label: object) -> TypeError:
    return TypeError(f"Value: name={name!r} and label={label!r} are one thing: give one of them")


def bad_name(name: object) -> TypeError:
    return TypeError(f"Value: name is {_show(name)}: give a str")


def data_of_node(op: str, value: object) -> AttributeError:
    return AttributeError(f"data: {_named(value)} is the result of {op}, and a recorded graph never changes: "
                          "set the data of a leaf, or start from .detach()")


def to_float(kind: str, value: object) -> TypeError:
    return TypeError(f"{kind}: {_named(value)} would lose its history: use v.item() for the number, "
                     "or cgrad.exp, cgrad.sin, ... for functions that are differentiated")


def wrong_tape(op: str, value: object, tape: object, rewound: bool) -> TapeError:
    if rewound:
        return TapeError(f"{op}: {_named(value)} was recorded after a mark that its tape was rewound to "
                         "(or before a clear): record it again")
    return TapeError(f"{op}: {_named(value)} was recorded on {getattr(value, '_tape', None)!r}, the other operand on "
                     f"{tape!r}: keep histories that meet on one tape, or cut one off with .detach()")


def foreign(op: str, value: object, tape: object) -> TapeError:
    return TapeError(f"{op}: {_named(value)} was recorded on {getattr(value, '_tape', None)!r}, "
                     f"the outputs on {tape!r}: ask the gradients of its own tape")


def bad_mark(tape: object, mark: object) -> TapeError:
    return TapeError(f"rewind: {mark!r} is no mark of {tape!r} (or was itself rewound past): take one with t.mark()")


def busy(op: str, tape: object) -> TapeError:
    return TapeError(f"{op}: {tape!r} is in use by a sweep: wait for it to end")


def unbalanced(tape: object) -> TapeError:
    return TapeError(f"with: {tape!r} is not this thread's current tape: leave tapes in the order they were entered")


def no_memory(nodes: int, nbytes: int) -> MemoryError:
    return MemoryError(f"tape: no memory for {nodes} nodes ({nbytes / 2**20:.0f} MiB): the tape is as it was; "
                       "drop results that are not needed, or record in pieces")


def too_many_nodes(most: int) -> MemoryError:
    return MemoryError(f"tape: {most} nodes are the most that one tape holds: the tape is as it was; "
                       "drop results that are not needed, or record in pieces")


def no_value(op: str, position: str, value: object) -> TypeError:
    return TypeError(f"{op}: {position} is {_show(value)}, no Value: give the result of operations on Values")


def no_number(op: str, position: str, value: object) -> TypeError:
    return TypeError(f"{op}: {position} is {_show(value)}, no real number: give a float, or lists of floats")


def nothing(op: str, argument: str, kind: str) -> ValueError:
    return ValueError(f"{op}: {argument} holds no {kind}: give at least one")


def bad_option(op: str, argument: str, value: object, way: str) -> ValueError:
    return ValueError(f"{op}: {argument} is {value!r}: {way}")


def no_package(op: str, package: str, extra: str, otherwise: str) -> ImportError:
    return ImportError(f'{op}: the package {package} is missing: pip install "pycgrad[{extra}]", or {otherwise}')


def not_asked(value: object) -> TapeError:
    return TapeError(f"wrt: {_named(value)} is not among the inputs that these gradients were asked for: "
                     "add it there, or leave inputs out")


def bad_seed(reason: str) -> ValueError:
    return ValueError(f"seed: {reason}: give a number, one number an output, or an array (seeds, outputs)")


def no_rule(name: str) -> TypeError:
    return TypeError(f"{name}: NumPy's {name} has no derivative rule in cgrad: compose it of operations that have "
                     "one, or take plain numbers with v.item()")


def bad_array(op: str, position: int, value: Any) -> TypeError:
    what = "data" if op == "Tensor" else f"operand {position + 1}"
    way = "give an array of float64 or float32" if value.dtype.kind not in "fiub" else "convert it with .astype(float)"
    return TypeError(f"{op}: {what} is an array of {value.dtype} and shape {value.shape}: {way}")


def no_array(data: object) -> TypeError:
    if isinstance(data, (list, tuple)):
        return TypeError("Tensor: data holds something that is no real number: give numbers, or make a tensor of "
                         "Values with cgrad.stack")
    return TypeError(f"Tensor: data is {_show(data)}: give numbers, nested lists of them, or an ndarray")


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


def bad_adjoint(op: object, position: object, shape: tuple[int, ...], wanted: tuple[int, ...]) -> ValueError:
    return ValueError(f"{op}: the adjoint that its rule gives for operand {position} has shape {shape}, "
                      f"the operand {wanted}: give one of the operand's shape")


def bad_gradient(value: Any, x: object) -> ValueError:
    return ValueError(f"grad: {_show(x)} for a tensor of shape {value.shape}: give an array of that shape, or None")


def grad_of_node(value: object) -> ValueError:
    return ValueError(f"requires_grad_: {_named(value)} was computed: it requires grad as its operands do; "
                      "cut its history off with .detach()")


def not_one(op: str, value: Any) -> ValueError:
    way = "reduce it first, with .sum() for example" if op == "item" else "use .any() or .all() of a comparison"
    return ValueError(f"{op}: a tensor of shape {value.shape} has {value.size} elements, not one: {way}")


def set_item(value: object) -> TypeError:
    return TypeError(f"setitem: {_named(value)} requires grad, and a recorded graph never changes: use cgrad.where or "
                     "cgrad.stack, or write to t.data[...] of a leaf")


def to_array(value: object) -> TypeError:
    return TypeError(f"asarray: {_named(value)} requires grad and would lose its history: use t.data or t.numpy() for "
                     "the numbers, or functions that are differentiated (np.sum, cgrad.exp, ...)")


def no_history(op: str, value: object) -> ValueError:
    return ValueError(f"{op}: {_named(value)} does not require grad: make it with requires_grad=True")


def seed_shape(op: str, shape: tuple[int, ...], value: Any) -> ValueError:
    return ValueError(f"{op}: seed of shape {shape} for a tensor of shape {value.shape}: give an array of that shape")


def not_written(name: str, method: str) -> NotImplementedError:
    return NotImplementedError(f"{name}: has no {method}: a cgrad.Function needs forward and backward")


def wrong_adjoints(name: str, count: int, wanted: int) -> ValueError:
    return ValueError(f"{name}: backward gave {count} adjoints for {wanted} arguments of forward: give one for each, "
                      "None where there is no derivative")


def bad_output(name: str, position: int, value: object) -> TypeError:
    return TypeError(f"{name}: output {position + 1} of forward is {_show(value)}: give a number or an array of floats")


def bad_answer(name: str, position: int, value: object) -> TypeError:
    return TypeError(f"{name}: backward gave {_show(value)} for argument {position + 1} of forward: give a number or "
                     "an array of floats, or None")


def no_function(value: object) -> TypeError:
    return TypeError(f"comm: {_show(value)} is no cgrad.Function: give an instance of one")


def no_hook(hook: object) -> TypeError:
    return TypeError(f"register_hook: {_show(hook)} is no function: give hook(adjoint)")


def no_out(name: str, key: str) -> TypeError:
    return TypeError(f"{name}: {key}= would write into a recorded graph: leave it out and use the result"
                     + (", or cgrad.where" if key == "where" else ""))


def out_of_range(value: Any, index: object, axis: int) -> IndexError:
    return IndexError(f"getitem: index {index} is out of range for axis {axis} of a tensor of shape {value.shape}")


def array_anomaly(op: str, value: float, shape: tuple[int, ...], operands: list[tuple[str, Any]], where: str,
                  kind: str = "result") -> AnomalyError:
    shown = ", ".join(f"{name} = {x}" if name else str(x) for name, x in operands)
    shown = f", of {shown}" if shown else ""
    return AnomalyError(f"{op}: {kind} of shape {shape} has a {float(value)!r}{shown} ({where})")


def anomaly(op: str, value: float, operands: list[tuple[str, float]], where: str, kind: str = "result") -> AnomalyError:
    shown = ", ".join(f"{name} = {x!r}" if name else repr(x) for name, x in operands[:8])
    shown += ", ..." if len(operands) > 8 else ""
    return AnomalyError(f"{op}: {kind} is {value!r}{', of ' + shown if shown else ''} ({where})")


_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def user_line() -> str:
    """file:line of the innermost frame outside this package."""
    frame = sys._getframe(0)
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def frames_inside() -> int:
    """The caller's frames in this package, and one: what warnings want to know to name the user's line."""
    frame, n = sys._getframe(1), 1
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame, n = frame.f_back, n + 1
    return n


# ---- array ops (ops/) ----------------------------------------------------------------------------

_Shape = tuple[int, ...]


def no_argument(op: str, name: str) -> TypeError:
    ways = {
        "out": "results are arrays of their own, for a recorded graph never changes: use the result",
        "dtype": "use .astype(dtype) before or after it",
        "where": "leave elements out by an index, or put neutral ones in with cgrad.where",
        "initial": "combine the result with it",
    }
    return TypeError(f"{op}: {name}= is not taken: {ways.get(name, 'no such argument has a derivative rule')}")


def no_numbers(op: str, value: Any) -> TypeError:
    what = _show(value) if value.shape else f"{value.item()!r}"
    if value.dtype.kind == "f":
        return TypeError(f"{op}: operand is {what} of {value.dtype}: convert it with .astype(float)")
    way = "use its .real and .imag" if value.dtype.kind == "c" else "give numbers, Values, Tensors or lists of them"
    return TypeError(f"{op}: operand is {what} of {value.dtype}, no array of real numbers: {way}")


def ragged_rows(op: str) -> ValueError:
    return ValueError(f"{op}: operand has rows of different lengths: give an array of one shape")


def _axis_error(text: str) -> Exception:
    from numpy.exceptions import AxisError  # a ValueError and an IndexError, as NumPy raises it

    return AxisError(text)


def axis_type(op: str, axis: object) -> TypeError:
    return TypeError(f"{op}: axis is {_show(axis)}: give an int")


def bad_axis(op: str, axis: int, shape: _Shape) -> Exception:
    return _axis_error(f"{op}: axis {axis} of an array of shape {shape}: it has {len(shape)} axes, counted from 0")


def repeated_axis(op: str, axis: object, shape: _Shape) -> ValueError:
    return ValueError(f"{op}: axes {axis} of an array of shape {shape}: name each axis once")


def new_axis(op: str, axis: object, shape: _Shape) -> Exception:
    return _axis_error(f"{op}: new axis {axis} for {shape}: count in the axes of the result, each once")


def bad_reshape(shape: _Shape, target: object) -> ValueError:
    return ValueError(f"reshape: cannot make {shape} into {target}: as many elements, and at most one -1")


def bad_squeeze(shape: _Shape, axis: object) -> ValueError:
    return ValueError(f"squeeze: axis {axis} of {shape} is not of length 1: name axes that are")


def bad_permutation(axes: object, shape: _Shape) -> ValueError:
    return ValueError(f"transpose: axes {axes} for {shape}: name each of its {len(shape)} axes once")


def bad_moveaxis(source: object, destination: object) -> ValueError:
    return ValueError(f"moveaxis: {source} to {destination}: give as many places as axes")


def no_matrix(op: str, shape: _Shape) -> ValueError:
    return ValueError(f"{op}: {shape} is no matrix: give an array of two axes or more")


def bad_broadcast(op: str, shape: _Shape, target: object) -> ValueError:
    return ValueError(f"{op}: {shape} does not broadcast to {target}: lengths must be equal, or 1 in the first")


def no_common_shape(op: str, shapes: list[_Shape]) -> ValueError:
    return ValueError(f"{op}: shapes {_listed(shapes)} do not broadcast: lengths must be equal, or 1")


def _listed(shapes: list[_Shape]) -> str:
    return ", ".join(map(str, shapes[:6])) + (", ..." if len(shapes) > 6 else "")


def bad_pad(width: object, shape: _Shape) -> ValueError:
    return ValueError(f"pad: width {width} for {shape}: give an int, or (before, after) for each axis, none negative")


def bad_cast(op: str, dtype: object) -> TypeError:
    return TypeError(f"{op}: dtype {dtype} is not differentiated: give float64 or float32")


def bad_weights(shape: _Shape, weights: _Shape) -> ValueError:
    return ValueError(f"average: weights of shape {weights} for {shape}: give that shape, or one a place of axis")


def empty_reduction(op: str, shape: _Shape) -> ValueError:
    return ValueError(f"{op}: no elements in {shape} to choose from: look at .size first")


def bad_index(shape: _Shape, error: object) -> IndexError:
    return IndexError(f"getitem: of an array of shape {shape}: {error}")


def index_type(index: object) -> IndexError:
    if isinstance(index, slice):
        index = next(x for x in (index.start, index.stop, index.step) if type(x).__name__ == "Value")
    dtype = getattr(index, "dtype", None)
    kind = f"{_show(index)}" + (f" of {dtype}" if dtype is not None else "")
    return IndexError(f"getitem: index is {kind}: indices have no derivative: give plain ints, slices, or arrays of "
                      "ints or bools, as t > 0 or t.argsort() are")


def bad_along(op: str, shape: _Shape, indices: _Shape) -> ValueError:
    return ValueError(f"{op}: indices of shape {indices} for {shape}: give as many axes, equal but for the one")


def where_sides() -> TypeError:
    return TypeError("where: one side alone: give both x and y, or neither for the places where condition is true")


def bad_diag(shape: _Shape) -> ValueError:
    return ValueError(f"diag: of an array of shape {shape}: give one or two axes, or use diagonal")


def stack_shapes(op: str, shapes: list[_Shape]) -> ValueError:
    return ValueError(f"{op}: shapes {_listed(shapes)} differ: give arrays of one shape")


def concatenate_shapes(shapes: list[_Shape], axis: int) -> ValueError:
    return ValueError(f"concatenate: shapes {_listed(shapes)} along axis {axis}: "
                      "give arrays, no scalars, that are equal in all other axes")


def bad_split(shape: _Shape, axis: int, parts: object) -> ValueError:
    return ValueError(f"split: axis {axis} of {shape} is not divided by {parts}: use array_split, or give places")


def bad_matmul(x: _Shape, y: _Shape) -> ValueError:
    if not x or not y:
        return ValueError(f"matmul: {x} with {y}: a scalar is no matrix: use *")
    return ValueError(f"matmul: {x} with {y}: the last axis of the first must be as long as the last but one of the "
                      "second (its only one, of a vector), and the axes before them must broadcast")


def bad_product(op: str, x: _Shape, y: _Shape) -> ValueError:
    return ValueError(f"{op}: {x} with {y}: the axes that are summed over must be equally long")


def bad_cross(x: _Shape, y: _Shape) -> ValueError:
    return ValueError(f"cross: {x} with {y}: give vectors of 3 elements along the axis")


def einsum_shapes(inputs: tuple[str, ...], output: str, shapes: list[_Shape]) -> ValueError:
    return ValueError(f"einsum: {','.join(inputs)}->{output} of {_listed(shapes)}: axes of one label must be equally "
                      "long, or 1")


def einsum_operands(subscripts: str, number: int) -> ValueError:
    return ValueError(f"einsum: {subscripts!r} with {number} operands: give one list of labels an operand")


def einsum_labels(subscripts: str, term: str, ndim: int) -> ValueError:
    return ValueError(f"einsum: {term!r} in {subscripts!r} for an operand of {ndim} axes: give one label an axis, "
                      "or ... for those that have none")


def einsum_text(subscripts: str) -> ValueError:
    return ValueError(f"einsum: {subscripts!r}: labels are letters, an ellipsis of the operands is in the output too, "
                      "and each label of the output is in an operand and in the output once")


def not_square(op: str, shape: _Shape) -> ValueError:
    return ValueError(f"{op}: {shape} is no square matrix: the last two axes must be equally long")


def _linalg_error(text: str) -> Exception:
    from numpy.linalg import LinAlgError

    return LinAlgError(text)


def singular(op: str, shape: _Shape) -> Exception:
    which = "the matrix" if len(shape) == 2 else "one of the matrices"
    return _linalg_error(f"{op}: {which} of {shape} is singular: add a small multiple of the unit matrix")


def not_positive(op: str, shape: _Shape) -> Exception:
    which = "the matrix" if len(shape) == 2 else "one of the matrices"
    return _linalg_error(f"{op}: {which} of {shape} is not positive definite: add a small multiple of the unit matrix")


def bad_solve(a: _Shape, b: _Shape) -> ValueError:
    return ValueError(f"solve: {a} with {b}: give as many rows on the right, as a vector or as columns (n, k)")


def bad_norm(order: object, shape: _Shape, axes: _Shape) -> ValueError:
    return ValueError(f"norm: ord={order!r} over axes {axes} of {shape}: give a number for one axis; 'fro', 'nuc', "
                      "1, -1, 2, -2, inf or -inf for two; none for more")


# ---- nn ------------------------------------------------------------------------------------------

def no_forward(module: object) -> NotImplementedError:
    return NotImplementedError(f"{type(module).__name__}: has no forward: define forward(self, ...), "
                               "what a call of the module computes")


def layer_shape(op: str, operand: str, shape: tuple[int, ...], needs: str) -> ValueError:
    return ValueError(f"{op}: {operand} has shape {shape}: {needs}")


def class_index(op: str, index: int, classes: int) -> ValueError:
    return ValueError(f"{op}: target holds class {index}: give indices from 0 to {classes - 1}")


def state_mismatch(module: object, problems: list[str]) -> ValueError:
    return ValueError(f"load_state_dict: {'; '.join(problems)}: nothing was loaded into {type(module).__name__}, "
                      "give the state of a module built alike (or strict=False for missing and unexpected names)")


def not_initialisable(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: target is {_show(value)}: give a Tensor, a float array, a Value, or lists of Values")


# ---- optim

def no_parameters(op: str, params: object) -> TypeError:
    way = "give a list of leaf Values and Tensors"
    if type(params).__name__ in ("Value", "Tensor"):
        way = "put it into a list"
    elif callable(getattr(params, "parameters", None)):
        way = "give its .parameters()"
    return TypeError(f"{op}: params is {_show(params)}, no list of parameters: {way}")


def no_parameter(op: str, position: int, value: Any) -> TypeError:
    if made := getattr(value, "_op", ""):
        return TypeError(f"{op}: params[{position}] is {_named(value)}, the result of {made}: give the leaves that it "
                         "comes from, or a new leaf by .detach()")
    return TypeError(f"{op}: params[{position}] is {_show(value)}, no parameter: give leaf Values and Tensors")


def parameter_twice(op: str, position: int, before: str, value: Any) -> ValueError:
    return ValueError(f"{op}: params[{position}] is the same as {before}, {_named(value)}: give each parameter once")


def bad_state(op: str, reason: str) -> ValueError:
    return ValueError(f"{op}: {reason}: give what state_dict() of the same optimiser over the same parameters gave")


def state_shape(op: str, key: str, have: tuple[int, ...], need: tuple[int, ...]) -> ValueError:
    return ValueError(f"{op}: {key!r} has shape {have}, its parameters have {need}: keep the shapes of parameters, "
                      "or make a new optimiser")


# ---- programs ------------------------------------------------------------------------------------

def of_library(filename: str) -> bool:
    """Whether code belongs to cgrad or NumPy: guards name the user's line above it."""
    numpy = os.path.dirname(sys.modules["numpy"].__file__ or "")
    return filename.startswith((_PACKAGE + os.sep, numpy + os.sep, "<frozen "))


def traced_number(what: str, value: Any, where: str) -> TraceError:
    return TraceError(f"{what}: {_named(value)} changes from call to call of the compiled function, and its number "
                      f"here would be "
                      f"frozen ({where}): use operations and comparisons, or cgrad.static(v) for a number that is "
                      "guarded; or name the argument in static=")


def traced_effect(what: str, where: str) -> TraceError:
    ways = {
        "no_grad": "call the compiled function for values alone, and leave no_grad out of it",
        "backward": "use .grad or .value_and_grad of the compiled function",
        "gradients without create_graph=True": "give create_graph=True, so that they are recorded",
        "gradients": "those of arrays are not recorded in programs: use .grad of the compiled function",
        "tangents": "use .jvp of the compiled function",
        "setting data": "return the new number, and set it outside",
        "setting grad": "use .grad of the compiled function, and set it outside",
        "reading grad": "give the gradient as an argument",
        "random numbers": "draw them outside and give them as an argument",
        "running statistics": "use the layer after its .eval(), or with track_running_stats=False",
    }
    return TraceError(f"{what}: a compiled function is recorded once and replayed, which would not repeat this "
                      f"({where}): "
                      f"{ways.get(what, 'do it outside of the compiled function')}")


def traced_function(name: str, where: str) -> TraceError:
    return TraceError(f"{name}: the rule of a cgrad.Function is Python's, over plain numbers, and a program holds "
                      f"operations alone "
                      f"({where}): write its forward computation with operators and functions that are differentiated")


def traced_elsewhere(value: Any, where: str) -> TraceError:
    return TraceError(f"compile: {_named(value)} is recorded by another thread ({where}), where nobody notes what is "
                      f"decided by it: "
                      "start no threads in a compiled function that use its numbers")


def traced_foreign(value: Any, meets: bool = False) -> TraceError:
    what = f"{_named(value)} meets what" if meets else _named(value)
    return TraceError(f"compile: {what} was computed outside of the compiled function and has a history there: "
                      "give that as an argument, or cut the history off with .detach() before")


def not_in_programs(op: str, error: object, where: object) -> TraceError:
    reason = f" ({type(error).__name__}: {error})" if error is not None else ""
    return TraceError(f"{op}: programs are made of scalar operations, and NumPy cannot do this over single "
                      f"numbers{reason}"
                      f"{f' ({where})' if where else ''}: do it outside, or write it as a loop")


def bad_graph(what: str) -> ProgramError:
    return ProgramError(f"program: {what}: this is no graph of a program, or it was damaged")


def bad_leaf(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {_show(value)} is no number, array or structure of them, nor a constant that can be "
                     f"told from others "
                     "(it has no hash): give a list, tuple, dict or dataclass of numbers")


def changing(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {_show(value)} gives something else at each use, which a replay would not repeat: give "
                     f"the numbers that "
                     "it gives, in a list or an array")


def array_class(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {_show(value)} is a {type(value).__name__}, for which operators mean something else: "
                     f"give a plain array")


def bad_result(op: str, value: object) -> TraceError:
    return TraceError(f"{op}: gives {_show(value)}, and each replay would give this one again, with the numbers of "
                      f"its recording: "
                     "return numbers, arrays, or lists, tuples, dicts and dataclasses of them")


def bad_prefix(op: str, given: object, wanted: str) -> ValueError:
    return ValueError(f"{op}: in_axes {given!r} does not go with {wanted}: give an int or None for all, or one for "
                      f"each part")


def no_such_axis(op: str, k: int, axis: int, shape: _Shape) -> ValueError:
    return ValueError(f"{op}: argument {k + 1} has shape {shape}, no axis {axis}: say in in_axes which axis counts "
                      f"points, or None")


def no_points(op: str, lengths: dict[int, str]) -> ValueError:
    if not lengths:
        return ValueError(f"{op}: no argument has an axis of points: give arrays, or call the function itself for "
                          f"one point")
    several = ", ".join(f"{n} of {what}" for n, what in lengths.items())
    return ValueError(f"{op}: different numbers of points: {several}: give as many of each, or in_axes=None for what "
                      f"is the same for all")


def bad_argnums(op: str, k: object, n: int) -> ValueError:
    way = f"give whole numbers from 0 to {n - 1}, or a tuple of them" if n else "there are none"
    return ValueError(f"{op}: argnums {k!r} names no argument: {way}")


def no_numbers_there(op: str, name: str, what: str) -> TypeError:
    return TypeError(f"{op}: argument {name!r} is {what}, nothing to differentiate by: name another one in argnums")


def values_given(name: str, op: str) -> TypeError:
    return TypeError(f"{name}.{op}: takes plain numbers and arrays, no Values or Tensors: give their .data; only a "
                     f"call of "
                     "the compiled function takes them (it then runs eagerly)")


def bad_direction(op: str, found: str, wanted: str) -> ValueError:
    return ValueError(f"{op}: v is {found}: give {wanted}")


def no_captured(op: str) -> TypeError:
    return TypeError(f"{op}: captured= is for grad, value_and_grad and vjp: pass those values as arguments")


def no_scalar_value(name: str, op: str, what: str) -> TypeError:
    return TypeError(f"{name}.{op}: the value is {what}, not one number: use .jacobian, or .vjp with a vector")


def guard_failed(name: str, line: str) -> GuardError:
    return GuardError(f"{name}: this program was recorded where {line} came out otherwise: call the compiled "
                      f"function, which records "
                      "that path too")


def captured_changed(name: str) -> GuardError:
    return GuardError(f"{name}: a captured array has another shape than when this program was recorded: call the "
                      f"compiled function")


def other_arguments(name: str, wanted: str, found: str) -> TypeError:
    return TypeError(f"{name}: this program was recorded for ({wanted}), not for ({found}): call the compiled "
                     f"function, which "
                     "records that too")


def program_keywords(name: str, given: list[str]) -> TypeError:
    return TypeError(f"{name}: takes its arguments by position, not {', '.join(given)}= by name")


def not_repeatable(name: str, line: str) -> RuntimeError:
    return RuntimeError(f"{name}: did otherwise when replayed with the numbers it was recorded with, at {line}: it "
                        f"depends on "
                        "something that changes and is no argument (random numbers, the clock, a counter): give that "
                        "as an argument")


def many_paths(name: str, most: int) -> str:
    return (f"{name}: {most} paths are recorded, and the numbers keep taking others: those run as plain Python. "
            f"Choose by cgrad.where or "
            "cgrad.maximum instead of if, or raise max_paths")


def uneven_values(name: str, one: str, other: str) -> ValueError:
    return ValueError(f"{name}: some points give {one}, others {other}: a batch needs one structure")


def unknown_static(name: str, given: list[str]) -> ValueError:
    return ValueError(f"compile: {name} has no argument {', '.join(map(repr, given))}: static names arguments of the "
                      f"function")


def bad_static(name: str, argument: str, value: object) -> TypeError:
    return TypeError(f"{name}: static argument {argument!r} is {_show(value)}, which has no hash: give a tuple "
                     f"instead of a list")


def integer_wanted(name: str) -> str:
    return (f"cgrad.compile: numbers given to {name} are traced; a whole number that says how often or which is a "
            f"constant: name the argument "
            "in static=, or use int(cgrad.static(n))")


def not_callable(value: object) -> TypeError:
    return TypeError(f"compile: {_show(value)} is no function: give one, or use @cgrad.compile above it")


def nothing_recorded(name: str, op: str) -> ValueError:
    return ValueError(f"{op}: {name} has no recorded path yet: call it first")


def no_tqdm() -> ImportError:
    return ImportError("progress=True draws its bar with tqdm: pip install tqdm, or give a function of (done, total)")


# ---- programs outside of the process -------------------------------------------------------------

def damaged_program(what: str) -> ProgramError:
    return ProgramError(f"{what}: this is no program, or it was damaged: save it again")


def bad_file(path: object, what: str) -> ProgramError:
    return ProgramError(f"load: {os.fspath(path) if isinstance(path, os.PathLike) else path}: {what}")


def unknown_operation(name: str) -> ProgramError:
    return ProgramError(f"the operation {name!r} is not known to this cgrad: another version wrote it, or damage did")


def not_for_files(what: str, value: object) -> ProgramError:
    return ProgramError(f"save: {what} holds the constant {_show(value)}: files hold None, bools, text, ints, floats "
                        "and tuples of them: pickle it, or give one of these")


def class_without_name(what: str, name: str) -> ProgramError:
    return ProgramError(f"save: {what} holds a {name}, which cannot be found again by that name: define the class at "
                        "the top of a module")


def class_not_imported(name: str) -> ProgramError:
    module, _, path = name[:160].partition(":")
    return ProgramError(f"it holds a {path} of {module}, which is not there: import {module} first; loading a file "
                        "imports nothing")


def other_class(name: str, wanted: str) -> ProgramError:
    return ProgramError(f"it holds {wanted[:80]}, which {name[:80]} is not here: another version wrote it, or it was "
                        "damaged")


def several_paths(path: object, n: int) -> ProgramError:
    return bad_file(path, f"it holds {n} paths, and a program is one: use cgrad.load")


def function_missing(name: str) -> TypeError:
    return TypeError(f"{name}: came without its function, as recorded paths alone, which take plain numbers and "
                     "arrays: give their .data")


def path_missing(name: str, reason: str) -> GuardError:
    return GuardError(f"{name}: came without its function, and no path is recorded for these numbers ({reason}): "
                      "record it where the function is, and save or send it again")


def arguments_missing(name: str, given: str, *known: str) -> TypeError:
    recorded = ", ".join([f"({text})" for text in known])
    return TypeError(f"{name}: came without its function, and no path is recorded for ({given}), only for {recorded}: "
                     "record it where the function is, and save or send it again")


def captured_here(name: str, leaf: Any) -> GuardError:
    return GuardError(f"{name}: came in a pickle with the Values of its recorded paths, and another path uses "
                      f"{_named(leaf)}, which is of a module here and may have another number: record that path "
                      "before, or give it as an argument")


# ---- programs on a cluster -----------------------------------------------------------------------

def no_compiled(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: {_show(value)} is no compiled function and no program: give cgrad.compile(f)")


def nothing_of_dask(op: str) -> TypeError:
    return TypeError(f"{op}: no argument is a Dask array with an axis of points, or a Dask bag: make one with "
                     "dask.array.from_array, or use p.map on one machine")


def two_bags(op: str) -> TypeError:
    return TypeError(f"{op}: two arguments are Dask bags, which cannot be paired: zip them into one bag of points")


def empty_bag(op: str) -> ValueError:
    return ValueError(f"{op}: the bag has no points")


def points_beside_bag(op: str, k: int) -> ValueError:
    return ValueError(f"{op}: argument {k + 1} has points of its own beside those of the bag: give in_axes None for "
                      "it, or put its numbers into the bag's points")


def unknown_chunks(op: str, k: int) -> ValueError:
    return ValueError(f"{op}: the lengths of chunks of argument {k + 1} are not known, or those that it must agree "
                      "with: call .compute_chunk_sizes() of the Dask arrays first")


def uneven_points(name: str, one: str, other: str) -> ValueError:
    return ValueError(f"{name}: the bag's first point is {one}, another one is {other}: its points must have one "
                      "structure")


# ---- programs as machine code and C --------------------------------------------------------------

def no_native() -> ImportError:
    return ImportError("native code needs llvmlite: pip install 'pycgrad[native]'")


def bad_c_name(name: object) -> ValueError:
    return ValueError(f"to_c: {name!r} cannot name a function in C: give letters, digits and _, not beginning "
                      "with a digit, and no keyword")
