"""Scalars: operands of an operation, the constructor and attributes of Value, conversion to float."""

from __future__ import annotations

from typing import Any

from .describe import named, shown

__all__ = ["bad_data", "bad_name", "bad_operand", "data_of_node", "modular_power", "needs_number", "no_attribute",
           "no_closure", "no_out", "no_rule", "no_subclass", "to_float", "two_names", "value_arguments"]


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
    return TypeError(f"{op}: operand {position + 1} is {shown(value)}, not a scalar: {way}")


def needs_number(op: str, argument: str, value: object) -> TypeError:
    return TypeError(f"{op}: {argument} has no derivative and must be a plain number, not {named(value)}: "
                     f"give {argument}.item()")


def modular_power() -> TypeError:
    return TypeError("pow: three arguments have no derivative: use x**y % z")


def no_rule(name: str) -> TypeError:
    return TypeError(f"{name}: NumPy's {name} has no derivative rule in cgrad: compose it of operations that "
                     "have one, or take plain numbers with v.item()")


def no_out(name: str, key: str, use: str = "") -> TypeError:
    """``use``: the function of cgrad for one of NumPy that does this inside."""
    way = f", or {use}" if use else ", or cgrad.where" if key == "where" else ""
    return TypeError(f"{name}: {key}= would write into a recorded graph: leave it out and use the result{way}")


def bad_data(value: object) -> TypeError:
    if type(value).__name__ == "Value":
        return TypeError(f"Value: data is {named(value)}, a Value itself: use it as it is, "
                         "or cut its history off with .detach()")
    return TypeError(str(bad_operand("Value", 0, value)).replace("operand 1", "data"))


def value_arguments(count: int) -> TypeError:
    return TypeError(f"Value: got {count} positional arguments, and takes data alone: give a name as name=...; an "
                     "operation of your own, with operands and a backward rule, is a cgrad.Function")


def two_names(name: object, label: object) -> TypeError:
    return TypeError(f"Value: name={name!r} and label={label!r} are the same: give one of them")


def bad_name(name: object) -> TypeError:
    return TypeError(f"Value: name is {shown(name)}: give a str")


def data_of_node(op: str, value: object) -> AttributeError:
    return AttributeError(f"data: {named(value)} is the result of {op}, and a recorded graph never changes: "
                          "set the data of a leaf, or start from .detach()")


def to_float(kind: str, value: object, use: str = "") -> TypeError:
    """``use``: the function of cgrad that does what is wanted, where that is known."""
    way = f"use {use}; or v.item() for the number" if use else \
        "use v.item() for the number, or differentiable functions (cgrad.exp, cgrad.sin, ...)"
    return TypeError(f"{kind}: {named(value)} would lose its history: {way}")


def no_attribute(value: Any, name: str) -> AttributeError:
    return AttributeError(f"Value: {named(value)} has no attribute {name!r}, and takes none: keep what belongs to it "
                          "in a dict, as state[v], or in an object of your own that holds the Value", name=name,
                          obj=value)


def no_closure(value: Any) -> AttributeError:
    return AttributeError(f"Value: {named(value)} has no _backward: the derivatives of operations are kept on a tape, "
                          "and v.backward() sweeps it; write an operation of your own with cgrad.Function",
                          name="_backward", obj=value)


def no_subclass(name: str) -> TypeError:
    return TypeError(f"{name}: Value has no subclasses, as operations make Values: let the class hold a Value, or "
                     "write functions of Values; an operation of your own is a cgrad.Function")
