"""Modules (cgrad.nn) and optimisers (cgrad.optim)."""

from __future__ import annotations

from typing import Any

from .describe import named, shown

__all__ = ["bad_state", "class_index", "layer_shape", "no_forward", "no_parameter", "no_parameters",
           "no_update", "not_initialisable", "parameter_twice", "state_mismatch", "state_shape"]


def no_forward(module: object) -> NotImplementedError:
    return NotImplementedError(f"{type(module).__name__}: has no forward: define forward(self, ...), "
                               "the computation of a call")


def layer_shape(op: str, operand: str, shape: tuple[int, ...], needs: str) -> ValueError:
    return ValueError(f"{op}: {operand} has shape {shape}: {needs}")


def class_index(op: str, index: int, classes: int) -> ValueError:
    return ValueError(f"{op}: target holds class {index}: give indices from 0 to {classes - 1}")


def state_mismatch(module: object, problems: list[str]) -> ValueError:
    return ValueError(f"load_state_dict: {'; '.join(problems)}: nothing was loaded into {type(module).__name__}; "
                      "give the state of a module built alike (or strict=False for missing and unexpected names)")


def not_initialisable(op: str, value: object) -> TypeError:
    return TypeError(f"{op}: target is {shown(value)}: give a Tensor, a float array, a Value, or lists of Values")


def no_parameters(op: str, params: object) -> TypeError:
    way = "give a list of leaf Values and Tensors"
    if type(params).__name__ in ("Value", "Tensor"):
        way = "put it into a list"
    elif callable(getattr(params, "parameters", None)):
        way = "give its .parameters()"
    return TypeError(f"{op}: params is {shown(params)}, not a list of parameters: {way}")


def no_parameter(op: str, position: int, value: Any) -> TypeError:
    if made := getattr(value, "_op", ""):
        return TypeError(f"{op}: params[{position}] is {named(value)}, the result of {made}: give the leaves that it "
                         "comes from, or a new leaf by .detach()")
    return TypeError(f"{op}: params[{position}] is {shown(value)}, not a parameter: give leaf Values and Tensors")


def parameter_twice(op: str, position: int, before: str, value: Any) -> ValueError:
    return ValueError(f"{op}: params[{position}] is the same as {before}, {named(value)}: give each parameter once")


def no_update(op: str) -> NotImplementedError:
    return NotImplementedError(f"{op}: has no update: define update(self, data, grad, state, options)")


def bad_state(op: str, reason: str) -> ValueError:
    return ValueError(f"{op}: {reason}: give a state_dict() of the same optimiser over the same parameters")


def state_shape(op: str, key: str, have: tuple[int, ...], need: tuple[int, ...]) -> ValueError:
    return ValueError(f"{op}: {key!r} has shape {have}, its parameters have {need}: keep the shapes of parameters, "
                      "or make a new optimiser")
