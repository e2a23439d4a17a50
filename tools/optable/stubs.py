"""Types of what is generated.

    __init__.pyi   methods, operators and functions, for type checkers
"""

from __future__ import annotations

from .table import PREDICATES, PUBLIC


def signatures(op) -> list[tuple[list[str], str]]:
    """Argument types of an op's function and what it gives, no two of them for the same call.

    Numbers give a number; Values give Values; ndarrays give ndarrays; a Tensor, or a Value and an ndarray
    together, gives a Tensor.
    """
    n, number, value, array = op.arity, "Number", "Value", "Array"
    rows = [([number]*n, "float")]
    for kind in (value, array):  # the first argument that is no number, then such ones and numbers
        rows += [([number]*k + [kind] + [f"{kind} | Number"]*(n - k - 1), kind) for k in range(n)]
    for one, other in ((value, array), (array, value)):  # the first of each
        rows += [([number]*i + [one] + [f"{one} | Number"]*(j - i - 1) + [other] + ["Plain"]*(n - j - 1), "Tensor")
                 for i in range(n) for j in range(i + 1, n)]
    rows += [(["Plain"]*k + ["Tensor"] + ["Operand"]*(n - k - 1), "Tensor") for k in range(n)]
    refused, result = {"Value", "Tensor"}, []  # what an argument without a derivative cannot be
    for kinds, answer in rows:
        if any(text is None and kind in refused for text, kind in zip(op.d, kinds, strict=True)):
            continue
        known = {"Value | Number": "Number", "Plain": "Array | Number", "Operand": "Array | Number"}
        kinds = [known.get(kind, kind) if text is None else kind for text, kind in zip(op.d, kinds, strict=True)]
        result.append((kinds, answer))
    return result


def stub_of_methods(op, tensor: bool) -> list[str]:
    """An op as a method and an operator: of a Tensor, all give Tensors."""
    if tensor and op.d[0] is None:
        return []
    if tensor:
        calls = [(["Array | Number" if text is None else "Operand" for text in op.d], "Tensor")]
    elif op.d[0] is None:  # self stands where a plain number must
        calls = [(["Value", *["Value | Number"]*(op.arity - 1)], "NoReturn")]
    else:
        calls = [call for call in signatures(op) if call[0][0] == "Value"]
        if op.arity == 2:  # one for an ndarray, one for a Tensor: the same
            calls = [calls[0], (["Value", "Tensor | Array"], "Tensor")]
        else:
            calls += [(["Value", *kinds[1:]], answer) for kinds, answer in signatures(op)
                      if kinds[0] == "Plain"]
    out = []
    many = ["    @overload"] if len(calls) > 1 else []
    for name in (op.name, *op.alias.split()):
        for kinds, answer in calls:
            rest = [f"{a}: {kind}" for a, kind in zip(op.names[1:], kinds[1:], strict=True)]
            params = ", ".join(["self", *rest, *("/" for _ in rest if len(rest) == 1)])  # one: no keyword
            out += [*many, f"    def {name}({params}) -> {answer}: ..."]
    if op.slot and op.arity == 1:
        out.append(f"    def __{op.slot}__(self) -> {'Tensor' if tensor else 'Value'}: ...")
    elif op.slot:
        last = ", modulus: None = None, /" if op.slot == "pow" else ", /"
        out += [line for kinds, answer in calls
                for line in (*many, f"    def __{op.slot}__(self, y: {kinds[1]}{last}) -> {answer}: ...")]
        back = [("Plain", "Tensor")] if tensor else [("Number", "Value"), ("Array", "Tensor")]
        out += [line for kind, answer in back
                for line in (*many, f"    def __r{op.slot}__(self, y: {kind}{last}) -> {answer}: ...")]
    return out


def stub() -> str:
    """Types of the generated methods and functions; what is not in __all__ exists for checkers alone."""
    functions = [op.name for op in PUBLIC] + [p.name for p in PREDICATES]
    out = ["from fractions import Fraction", "from typing import Any, NoReturn, TypeAlias, overload", ""]
    out += ["import numpy as np"]
    out += ["from numpy.typing import NDArray", "", "from .._core import Tensor, Value", "", "__all__ = ["]
    out += [f'    "{name}",' for name in functions]
    out += ["]", "", "Number: TypeAlias = int | float | bool | np.integer[Any] | np.floating[Any] | np.bool | Fraction"]
    out += ["Array: TypeAlias = NDArray[Any]", "Plain: TypeAlias = Value | Array | Number"]
    out += ["Operand: TypeAlias = Tensor | Plain", ""]
    for name, tensor, answer in (("ValueOps", False, "bool"), ("TensorOps", True, "NDArray[np.bool]")):
        out.append(f"class {name}:")
        for op in PUBLIC:
            out += stub_of_methods(op, tensor)
        out += [f"    def {p.name}(self) -> {answer}: ..." for p in PREDICATES] + [""]
    for op in PUBLIC:
        last = ", /" if op.arity == 1 else ""
        for kinds, answer in signatures(op):
            params = ", ".join(f"{a}: {kind}" for a, kind in zip(op.names, kinds, strict=True)) + last
            out.append(f"@overload\ndef {op.name}({params}) -> {answer}: ...")
    for p in PREDICATES:
        out.append(f"@overload\ndef {p.name}(x: Value | Number, /) -> bool: ...")
        out.append(f"@overload\ndef {p.name}(x: Tensor | Array, /) -> NDArray[np.bool]: ...")
    return "\n".join(out) + "\n"
