"""Arguments of any function: options, counts, empty sequences, missing packages."""

from __future__ import annotations

from typing import Any

from .describe import shown

__all__ = ["bad_option", "lengths", "no_native", "no_number", "no_package", "no_tqdm", "no_value", "nothing",
           "too_large"]


def bad_option(op: str, argument: str, value: object, way: str) -> ValueError:
    return ValueError(f"{op}: {argument} is {value!r}: {way}")


def nothing(op: str, argument: str, kind: str) -> ValueError:
    return ValueError(f"{op}: {argument} holds no {kind}: give at least one")


def lengths(op: str, n: int, m: int) -> ValueError:
    return ValueError(f"{op}: operands 1 and 2 have {n} and {m} elements: give as many of each")


def no_value(op: str, position: str, value: object) -> TypeError:
    return TypeError(f"{op}: {position} is {shown(value)}, not a Value: give the result of operations on Values")


def no_number(op: str, position: str, value: object) -> TypeError:
    return TypeError(f"{op}: {position} is {shown(value)}, not a real number: give a float, or lists of floats")


def too_large(op: str, position: int, value: Any) -> OverflowError:
    kind = "an int" if isinstance(value, int) else f"a {type(value).__name__}"
    return OverflowError(f"{op}: operand {position + 1} is {kind} of {int(value).bit_length()} bits, "
                         "too large for a float: give float('inf') if that is meant")


def no_package(op: str, package: str, extra: str, otherwise: str) -> ImportError:
    return ImportError(f'{op}: the package {package} is missing: pip install "pycgrad[{extra}]", or {otherwise}')


def no_native() -> ImportError:
    return ImportError("native: the package llvmlite is missing: pip install 'pycgrad[native]'")


def no_tqdm() -> ImportError:
    return ImportError("progress: the package tqdm is missing: pip install tqdm, or give a function of (done, total)")
