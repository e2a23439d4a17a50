"""Gradients: seeds, adjoints, hooks, and what anomaly detection finds."""

from __future__ import annotations

from typing import Any

from .describe import named, shown
from .exceptions import AnomalyError, TapeError

__all__ = ["anomaly", "array_anomaly", "bad_adjoint", "bad_gradient", "bad_hook", "bad_seed", "grad_of_node",
           "no_history", "no_hook", "not_asked", "nothing_recorded_below", "seed_shape", "used_with_shape"]


def bad_seed(reason: str) -> ValueError:
    return ValueError(f"seed: {reason}: give a number, one for each output, or an array (seeds, outputs)")


def seed_shape(op: str, shape: tuple[int, ...], value: Any) -> ValueError:
    return ValueError(f"{op}: seed of shape {shape} for a tensor of shape {value.shape}: give an array of that shape")


def not_asked(value: object) -> TapeError:
    return TapeError(f"wrt: {named(value)} is not among the inputs of these gradients: "
                     "add it there, or leave inputs out")


def no_history(op: str, value: object) -> ValueError:
    return ValueError(f"{op}: {named(value)} does not require grad: make it with requires_grad=True")


def nothing_recorded_below(op: str, value: object) -> ValueError:
    return ValueError(f"{op}: {named(value)} has no history: nothing that it was computed from requires grad, or it "
                      "was computed under no_grad: make tensors with requires_grad=True, and leave no_grad out")


def no_hook(hook: object) -> TypeError:
    return TypeError(f"register_hook: {shown(hook)} is not a function: give hook(adjoint)")


def bad_adjoint(op: object, position: object, shape: tuple[int, ...], wanted: tuple[int, ...]) -> ValueError:
    return ValueError(f"{op}: its rule returned an adjoint of shape {shape} for operand {position} of shape {wanted}: "
                      "return one of the operand's shape")


def used_with_shape(leaf: Any, shape: tuple[int, ...]) -> ValueError:
    return ValueError(f"backward: {named(leaf)} was used when its shape was {shape}, and has shape {leaf.shape} now: "
                      "make a new tensor where the shape changes")


def bad_hook(op: str, answer: object) -> TypeError:
    return TypeError(f"hook of {op}: returned a {type(answer).__name__}: return an adjoint, numbers of its shape, "
                     "or None")


def bad_gradient(value: Any, x: object) -> ValueError:
    return ValueError(f"grad: {shown(x)} for a tensor of shape {value.shape}: give an array of that shape, or None")


def grad_of_node(value: object) -> ValueError:
    return ValueError(f"requires_grad_: {named(value)} was computed, and requires grad as its operands do: "
                      "cut its history off with .detach()")


def anomaly(op: str, value: float, operands: list[tuple[str, float]], where: str, kind: str = "result") -> AnomalyError:
    shown = ", ".join(f"{name} = {x!r}" if name else repr(x) for name, x in operands[:8])
    shown += ", ..." if len(operands) > 8 else ""
    return AnomalyError(f"{op}: {kind} is {value!r}{', of ' + shown if shown else ''} ({where})")


def array_anomaly(op: str, value: float, shape: tuple[int, ...], operands: list[tuple[str, Any]], where: str,
                  kind: str = "result") -> AnomalyError:
    shown = ", ".join(f"{name} = {x}" if name else str(x) for name, x in operands)
    shown = f", of {shown}" if shown else ""
    return AnomalyError(f"{op}: {kind} of shape {shape} has a {float(value)!r}{shown} ({where})")
