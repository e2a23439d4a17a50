"""What Python sees of the op table.

    functions.pxi  op_<op>(operands), which appends; the functions cgrad.<op>; what answers NumPy's ufuncs
    value.pxi      core/values/value.pxi with the operator slots and methods put into the class body
    tensor.pxi     core/arrays/tensor.pxi, likewise
    handle.pxi     core/values/handle.pxi and core/tape/tape.pxi, like these with the checks of recordings: tape.pxi
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .checks import checked
from .table import MEMBERS, OPS, PACKAGE, PREDICATES, PUBLIC, code

MARKER = "    # (the op table's slots and methods)\n"  # Cython has no include inside a class


def parameters(*names: str) -> str:
    """Of a function, or of a method where the first is self: a single argument cannot be given by name."""
    lone = len(names) - (names[0] == "self") == 1
    return ", ".join((*names, "/") if lone else names)


def doc(op) -> str:
    """The docstring of an op's method and function."""
    partials = "; ".join(f"d/d{a} = {text}" for a, text in zip(op.names, op.d, strict=True) if text)
    kink = f" At kinks: {op.kink}." if op.kink else ""
    return f'"""{op.doc}\n\n    out = {op.formula}; {partials}.{kink}\n    """'


def append_function(op) -> list[str]:
    """cdef object op_<name>(operands): NotImplemented where an operand is no scalar."""
    if op.arity == 1:
        (x,) = op.names
        return [f"cdef object op_{op.name}(Value v):",
                f"    cdef double {x} = v.primal, out = primal_{op.name}({x})",
                f"    return append1(v, {code(op)}, out, partial_{op.name}_0({x}, out))\n"]
    a, b = op.names[:2]
    lines = [f"cdef object op_{op.name}({', '.join(f'object {x}' for x in op.names)}):"]
    if op.constant:
        lines += [f"    if not is_value({b}):", f"        return op_{op.constant}({a}, {b})"]
    for x, text in zip(op.names, op.d, strict=True):
        if text is None:
            lines += [f"    if is_value({x}):", f"        raise errors.needs_number({op.name!r}, {x!r}, {x})"]
    return [*lines, *(append_two(op, a, b) if op.arity == 2 else
                      [f"    return append3({code(op)}, {', '.join(op.names)})\n"])]


def append_two(op, a: str, b: str) -> list[str]:
    """An op of two operands, of which at least one is a Value."""
    out, number = f"primal_{op.name}(u, w)", code(op)
    first, second = (f"partial_{op.name}_{k}(u, w, out)" if op.d[k] is not None else "0" for k in range(2))
    return [
        "    cdef double u = 0, w = 0, out",
        f"    if is_value({a}):",
        f"        u = (<Value>{a}).primal",
        f"        if is_value({b}):",
        f"            w = (<Value>{b}).primal",
        f"            out = {out}",
        f"            return append2(<Value>{a}, <Value>{b}, {number}, out, {first}, {second})",
        f"        if PyFloat_CheckExact({b}):",
        f"            w = PyFloat_AS_DOUBLE({b})",
        f"        elif not operand({b}, &w, {number}, 1):",
        "            return NotImplemented",
        f"        out = {out}",
        f"        return append_left(<Value>{a}, {b}, {number}, w, out, {first})",
        f"    w = (<Value>{b}).primal",
        f"    if PyFloat_CheckExact({a}):",
        f"        u = PyFloat_AS_DOUBLE({a})",
        f"    elif not operand({a}, &u, {number}, 0):",
        "        return NotImplemented",
        f"    out = {out}",
        f"    return append_right({a}, <Value>{b}, {number}, u, out, {second})\n",
    ]


def method(op, result: str) -> list[str]:
    """An op's method, under all its names."""
    out = []
    for name in (op.name, *op.alias.split()):
        out.append(f"    def {name}({parameters('self', *op.names[1:])}):")
        if name == op.name:
            out.append("        " + doc(op))
        out.append(f"        return {result}\n")
    return out


def operator(op, applied: Callable[..., str]) -> list[str]:
    """An op's operator slot, if it has one; ``applied`` spells the op on operands."""
    if not op.slot:
        return []
    if op.slot == "pow":
        return ["    def __pow__(x, y, modulus):",
                "        if modulus is not None:\n            raise errors.modular_power()",
                f"        return {applied('x', 'y')}\n"]
    names = ["self"] if op.arity == 1 else op.names
    return [f"    def __{op.slot}__({', '.join(names)}):\n        return {applied(*names)}\n"]


def predicates(answer: Callable[..., str]) -> list[str]:
    """Methods that answer questions; ``answer`` spells the plain answer."""
    return [f'    def {p.name}(self):\n        """{p.doc}"""\n'
            f"        if traces and traced_here(self):\n            return predicate({p.name!r}, self)\n"
            f"        return {answer(p)}\n" for p in PREDICATES]


def appended(op, *operands: str) -> str:
    """An op on Values and numbers."""
    return f"op_{op.name}({', '.join(operands)})"


def elementwise(op, *operands: str) -> str:
    """An op on Tensors, arrays, Values and numbers."""
    return f"elementwise({code(op)}, {', '.join(operands)}{', None'*(3 - op.arity)})"


def value_methods() -> str:
    out = []
    for op in PUBLIC:
        result = appended(op, "self", *op.names[1:])
        out += method(op, f"required({result}, self, {op.names[1]}, {code(op)})" if op.arity == 2 else result)
        out += operator(op, partial(appended, op))
    return "\n".join([*out, *predicates(lambda p: f"predicate_{p.name}(self.primal)")])


def tensor_methods() -> str:
    out = []
    for op in PUBLIC:
        if op.d[0] is None:
            continue  # self would have to be a plain number
        second = op.names[1] if op.arity > 1 else "None"
        out += method(op, f"required({elementwise(op, 'self', *op.names[1:])}, self, {second}, {code(op)})")
        out += operator(op, partial(elementwise, op))
    return "\n".join([*out, *predicates(lambda p: f"np.{p.name}(self.array)")])


def function(op) -> list[str]:
    """def <name>(operands): of Values, arrays or numbers."""
    names = op.names
    any_of = lambda test: " or ".join(f"{test}({a})" for a in names)  # noqa: E731
    value = appended(op, f"<Value>{names[0]}") if op.arity == 1 else appended(op, *names)
    array = elementwise(op, *names)
    if op.arity == 2:
        value = f"required({value}, {', '.join(names)}, {code(op)})"
    if op.arity > 1:
        array = f"required({array}, {names[0]}, {names[1]}, {code(op)})"
    numbers = ", ".join(f"plain_operand({a}, {code(op)}, {k})" for k, a in enumerate(names))
    return [f"def {op.name}({parameters(*names)}):\n    {doc(op)}",
            f"    if {any_of('is_value')}:\n        return {value}",
            f"    if {any_of('arrayish')}:\n        return {array}",
            f"    return primal_{op.name}({numbers})\n"]


def predicate_function(p) -> list[str]:
    return [f'def {p.name}(x, /):\n    """{p.doc}"""',
            "    if traces and (is_value(x) or is_tensor(x)) and traced_here(x):",
            f"        return predicate({p.name!r}, x)",
            f"    if arrayish(x):\n        return np.{p.name}(numeric(plain(x), {p.name!r}))",
            f"    return predicate_{p.name}((<Value>x).primal if is_value(x) else plain_named(x, {p.name!r}))\n"]


def hidden_function(op) -> list[str]:
    """def scalar_<name>(operands): of Values or floats, for what works through all rows."""
    args = [f"x{k}" for k in range(op.arity)]
    numbers = f"primal_{op.name}({', '.join(args)})"
    if op.arity == 1:
        return [f"def scalar_{op.name}(x0):", f"    return op_{op.name}(<Value>x0) if is_value(x0) else {numbers}\n"]
    return [f"def scalar_{op.name}({', '.join(args)}):", f"    if {' or '.join(f'is_value({a})' for a in args)}:",
            f"        return {appended(op, *args)}", f"    return {numbers}\n"]


def functions() -> str:
    """functions.pxi."""
    parts = [*map(append_function, OPS), *map(function, PUBLIC), *map(predicate_function, PREDICATES),
             *(hidden_function(op) for op in OPS if op.hidden)]
    ufuncs = [(u, op.name) for op in PUBLIC for u in op.ufuncs] + [(p.ufunc, p.name) for p in PREDICATES]
    scalars = ", ".join(f"{code(op)}: {'scalar_' if op.hidden else ''}{op.name}" for op in OPS)
    return "\n".join([*(line for part in parts for line in part),
                      f"SCALARS = {{{scalars}}}  # the function of Values and numbers that each op is",
                      f"UFUNC_NAMES = {tuple(ufuncs)!r}",
                      f"SCIPY_NAMES = {tuple((name, op.name) for op in PUBLIC for name in op.scipy.split())!r}",
                      f"FUNCTIONS = {tuple(row.name for row in (*PUBLIC, *PREDICATES))!r}\n"])


def chapter(path: str, name: str, methods: str = "") -> str:
    """A chapter with the checks of recordings in class ``name``, and with the op table's methods."""
    text = checked((PACKAGE / "core" / path).read_text(encoding="utf-8"), name, MEMBERS[name])
    if text.count(MARKER) != bool(methods):
        raise ValueError(f"core/{path}: the line {MARKER.strip()!r} is wanted once in a class with operations")
    return text.replace(MARKER, methods)
