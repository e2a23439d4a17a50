"""Every error that cgrad raises itself: what was wrong, with what, and the way out.

One style: ``mul: operand 2 is a str ('abc'): ...``. Functions build an exception, the caller raises it.
"""

from __future__ import annotations

import os
import sys
from typing import Any


class TapeError(ValueError, RuntimeError):
    """A tape, a mark or a value of a tape used where it does not belong."""


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


def array_ufunc(name: str, value: object) -> TypeError:
    return TypeError(f"{name}: operand is {_show(value)}, and Values do not mix with arrays of numbers yet: "
                     "loop over its elements, or use an array of dtype object")


def no_rule(name: str) -> TypeError:
    return TypeError(f"{name}: NumPy's {name} has no derivative rule in cgrad: compose it of operations that have "
                     "one, or take plain numbers with v.item()")


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
