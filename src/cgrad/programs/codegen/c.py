"""Functions in C99."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from ... import _formula
from ..._optable import OPS, Op
from .emission import Emission, FunctionBuilder, FunctionText, Language
from .layout import OUTPUT, Column
from .reroll import CONST, INPUT, NODE

ROWS = {op.name: op for op in OPS}
ARRAY = {NODE: "work", INPUT: "x", OUTPUT: "y", OUTPUT + 1: "g"}
PER_LINE = {"int": 14, "double": 5}  # numbers of a table


def literal(value: float) -> str:
    """A double in C, to the bit (but for the payload of a nan).

    >>> literal(0.1), literal(-2.0), literal(float("-inf"))
    ('0.1', '(-2.0)', '(-INFINITY)')
    """
    if math.isnan(value):
        return "NAN"
    text = "INFINITY" if math.isinf(value) else repr(abs(float(value)))
    return f"(-{text})" if math.copysign(1.0, value) < 0 else text


def table(kind: str, name: str, numbers: Sequence[str]) -> str:
    step = PER_LINE[kind]
    lines = [", ".join(numbers[i:i + step]) for i in range(0, len(numbers), step)]
    return f"static const {kind} {name}[{len(numbers)}] = {{\n    " + ",\n    ".join(lines) + "};\n"


class CFunction(FunctionBuilder):
    def __init__(self, emission: Emission, language: C, loops: bool) -> None:
        super().__init__(emission, loops)
        self.language = language

    def add(self, text: str) -> None:
        self.lines.append(f"    {text}\n")

    def element(self, place: Column) -> str:
        """An element of an array, in a loop that of block t."""
        if place.table is not None:
            return f"{ARRAY[place.kind]}[{self.language.keep('int', place.table)}[t]]"
        if not place.stride:
            return f"{ARRAY[place.kind]}[{place.base}]"
        step = "t" if abs(place.stride) == 1 else f"{abs(place.stride)}*t"
        return f"{ARRAY[place.kind]}[{place.base} {'+' if place.stride > 0 else '-'} {step}]"

    def loading(self, place: Column, fixed: bool) -> str:
        if place.kind == CONST:
            if place.table is None and not place.stride:
                return literal(self.emission.consts[place.base])
            text = f"{self.language.keep('double', self.emission.consts[place.numbers(self.emission.blocks)])}[t]"
        else:
            text = self.element(place)
        self.count += 1
        self.add(f"const double r{self.count} = {text};")
        return f"r{self.count}"

    def store(self, value: str, place: Column) -> None:
        self.add(f"{self.element(place)} = {value};")

    def node(self, op: int, d: int, operands: Sequence[str]) -> str:
        self.add(f"const double v{d} = {self.language.expression(op)(*operands)};")
        return f"v{d}"

    def guard(self, op: int, d: int, value: str, expected: int, number: Column) -> None:
        self.guarded = True
        if number.table is not None:
            result = f"{self.language.keep('int', number.table)}[t]"
        else:
            result = f"{number.base} + {number.stride}*t" if number.stride else str(number.base)
        self.add(f"if ({value} != {expected}) return {result};")

    def call(self, text: FunctionText, counted: bool = False) -> None:
        call = f"{text.name}({', '.join([*self.language.arrays, *(['t'] if counted else [])])})"
        if not text.guarded:
            self.add(f"{call};")
            return
        self.guarded = True
        self.count += 1
        self.add(f"const int r{self.count} = {call};")
        self.add(f"if (r{self.count} != 0) return r{self.count};")

    def carried(self, number: int) -> str:
        return f"c{number}"

    def text(self, name: str, counted: bool = False) -> str:
        return "".join([self.language.opening(name, counted), *self.head, *self.lines,
                        "    return 0;\n}\n\n"])

    def looped(self, name: str, blocks: int, carried: Sequence[tuple[str, str]] = (), after: Sequence[str] = ()) -> str:
        """Values of the last block leave the loop in variables of their own: ``after`` is run in that block."""
        enter = [f"    double c{number} = {first};\n" for number, (first, _) in enumerate(carried)]
        leave = [f"    c{number} = {value};\n" for number, (_, value) in enumerate(carried)]
        last = [f"    if (t == {blocks - 1}) {{\n", *(f"    {line}" for line in after), "    }\n"] if after else []
        body = (f"    {line}" for line in [*self.lines, *last, *leave])
        return "".join([self.language.opening(name), *self.head, *enter,
                        f"    for (int t = 0; t < {blocks}; t++) {{\n", *body, "    }\n    return 0;\n}\n\n"])


class C(Language):
    """Rows of the op table by opcode, the functions and tables that a program uses."""

    def __init__(self, names: Sequence[str], name: str, entry: str, arrays: Sequence[str]) -> None:
        self.names, self.name, self.entry, self.arrays = names, name, entry, arrays
        self.expressions: dict[int, Callable[..., str]] = {}
        self.rows: dict[str, str] = {}  # functions of rows
        self.tables: list[str] = []

    def function(self, emission: Emission, loops: bool = False) -> CFunction:
        return CFunction(emission, self, loops)

    def opening(self, name: str, counted: bool = False) -> str:
        static, restrict = ("", "") if name == self.entry else ("static ", "restrict ")
        kinds = [f"{'const ' if array == 'x' else ''}double *{restrict}{array}" for array in self.arrays]
        kinds, given = [*kinds, *(["int t"] if counted else [])], [*self.arrays, *(["t"] if counted else [])]
        return f"{static}int {name}({', '.join(kinds)}) {{\n    {' '.join(f'(void){one};' for one in given)}\n"

    def expression(self, op: int) -> Callable[..., str]:
        """Spells an operation on operands."""
        if op not in self.expressions:
            self.expressions[op] = self.spelled(ROWS[self.names[op]])
        return self.expressions[op]

    def spelled(self, op: Op) -> Callable[..., str]:
        tree = _formula.parse(op.formula)
        if _formula.is_operation(tree):  # it is written as it is; others have a function
            places = {name: f"{{{k}}}" for k, name in enumerate(op.names)}
            text = _formula.spelled(tree, places.__getitem__, lambda f, args: "", _formula.C_CHOICE)
            return text[1:-1].format  # without the brackets
        name = f"{self.name}_op_{op.name}"
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        unread = "".join(f"(void){a}; " for a in op.names if a not in read)
        self.rows[name] = (f"static inline double {name}({', '.join(f'double {a}' for a in op.names)}) "
                           f"{{ {unread}return {_formula.c_text(tree, 'c_{}'.format)}; }}\n")
        return f"{name}({', '.join(f'{{{k}}}' for k in range(op.arity))})".format

    def keep(self, kind: str, numbers: NDArray[Any]) -> str:
        name = f"{self.entry}_table{len(self.tables)}"
        spell = str if kind == "int" else literal
        self.tables.append(table(kind, name, [spell(x).strip("()") for x in numbers.tolist()]))
        return name
