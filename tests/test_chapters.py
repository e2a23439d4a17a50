"""The chapters of the compiled core are in reading order: one uses what stands before it.

import-linter looks after the Python modules; Cython's chapters are parts of one module, so nothing but this test keeps
them from becoming a knot. A chapter may use names of the contracts (.pxd), of chapters before it, and of the few that
UPWARD lists.
"""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "cgrad"
EXTENSIONS = ("_kernels", "_core", "_program")
TABLE = {"_gen/opcodes.pxi", "_gen/formulas.pxi", "_gen/addresses.pxi"}  # the op table's: names of ops are words, too
FACES = {"_gen/handle.pxi": "core/values/handle.pxi", "_gen/value.pxi": "core/values/value.pxi",
         "_gen/tensor.pxi": "core/arrays/tensor.pxi", "_gen/tape.pxi": "core/tape/tape.pxi"}  # copies with methods put in

UPWARD = {
    # memory: room for a node is made by dropping garbage, and what a fork or an error left of a sweep
    "collect": "making room collects", "drop_adjoints": "making room ends a sweep that cannot go on",
    # a Value's operation meets an array; a Tensor's, a recording that takes arrays apart; an item, the op that indexes
    "elementwise": "the operand is an array", "traced_elementwise": "while a program is recorded",
    "traced_primitive": "while a program is recorded", "tensor_of": "while a program is recorded",
    "elements_of": "while a program is recorded", "comparable": "while a program is recorded",
    "item": "an array without dimensions is a number", "append_rule": "Values gathered in an array",
    "structural": "registry of the structural ops, filled by cgrad.ops", "CAST": "operands of two precisions",
    # the op table's functions, by opcode: they are generated from what stands before them
    "SCALARS": "arrays without dimensions, elements, conditions as numbers",
    "forward_block": "kernels call others on whole blocks",
    # a recording that goes both ways at a branch settles what is pending before a guard; conditions answer NumPy
    "before_guard": "returns that are pending become guards", "answer_function": "NumPy's functions of a condition",
    # the recorded sweep walks scalars, and arrays by rules that record again
    "record": "a node by its rule", "record_special": "an array's node", "Recording": "adjoints of arrays",
    "ARRAY_RULES": "the partials of rows over arrays, generated",
}


def code(text):
    """Source without comments and strings, as both name things in prose."""
    text = re.sub(r'"""(?:.|\n)*?"""', '""', text)
    text = re.sub(r'(?m)#.*$', "", text)
    return re.sub(r'"[^"\n]*"', '""', text)


def defined(text):
    """Names that a chapter or contract defines at its outermost level."""
    text = code(text)
    names = set()
    for line in text.splitlines():
        for pattern in (r"(?:cdef|cpdef)\s+(?:inline\s+)?(?:class|struct|union)\s+(\w+)", r"(?:def|class)\s+(\w+)",
                        r"ctypedef\s+(?:fused\s+(\w+)|.*\(\*(\w+)\)|[^(]*?(\w+)\s*$)",
                        r"(?:cdef|cpdef)\s+(?:inline\s+)?[\w.\[\] *]*?[ *](\w+)\s*\(",
                        r"cdef\s+(?!enum)[\w.\[\]:* ]+?[ *](\w+)\s*(?:=|,|$)", r"([A-Za-z_]\w*)\s*="):
            match = re.match(pattern, line)
            if match:
                names.update(filter(None, match.groups()))
                break
    for block in re.findall(r"(?m)^cdef enum:\n((?: {4}.*\n)+)", text):
        names.update(re.findall(r"(?m)^ {4}(\w+)", block))
    return names


def chapters(extension):
    source = (PACKAGE / f"{extension}.pyx").read_text(encoding="utf-8")
    return [name for name in re.findall(r'(?m)^include "([^"]+)"', source) if name not in TABLE]


def text_of(chapter):
    path = PACKAGE / FACES.get(chapter, chapter)
    return path.read_text(encoding="utf-8") if path.exists() else ""  # generated, and nothing was built here


def upward_uses(extension):
    """{name: chapters that use it before the one that defines it}"""
    order = chapters(extension)
    contract = defined((PACKAGE / f"{extension}.pxd").read_text(encoding="utf-8")) \
        if (PACKAGE / f"{extension}.pxd").exists() else set()
    where = {}
    for number, chapter in enumerate(order):
        for name in defined(text_of(chapter)) - contract:
            where.setdefault(name, number)
    found = {}
    for number, chapter in enumerate(order):
        for name in set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", code(text_of(chapter)))):
            if where.get(name, -1) > number and not local(name, text_of(chapter)):
                found.setdefault(name, []).append(chapter)
    return found


def local(name, text):
    """True if the chapter has a variable, parameter or method of that name."""
    text = code(text)
    return bool(re.search(rf"\bcdef [\w.\[\]:, *=]*?[ *,]{name}\b(?!\()", text)
                or re.search(rf"(?m)^\s*(?:for|with) .*\b{name}\b.*:", text)
                or re.search(rf"(?m)^\s+(?:async )?def {name}\(", text)
                or re.search(rf"(?m)^\s*def .*[(, *]{name}[,=):]", text)
                or re.search(rf"(?m)^cdef .*[ *]{name}[,=)]", text)
                or re.search(rf"(?m)^\s+(?:[\w.]+, )*{name}(?:, [\w.]+)* = ", text)
                or re.search(rf"lambda [^:]*\b{name}\b", text))


@pytest.mark.skipif(not PACKAGE.exists(), reason="the sources are not there: an installed package")
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_chapters_use_what_stands_before_them(extension):
    found = upward_uses(extension)
    assert set(found) <= set(UPWARD), {name: found[name] for name in set(found) - set(UPWARD)}


@pytest.mark.skipif(not PACKAGE.exists(), reason="the sources are not there: an installed package")
def test_exceptions_are_few_and_in_use():
    assert len(UPWARD) <= 20
    assert set(UPWARD) == set().union(*map(upward_uses, EXTENSIONS))


def test_the_test_sees_a_use(tmp_path, monkeypatch):
    """Two chapters that use each other: both directions are told apart."""
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "_core.pyx").write_text('include "one.pxi"\ninclude "two.pxi"\n')
    (tmp_path / "one.pxi").write_text("cdef int first(int x) noexcept:\n    return second(x)  # third\n")
    (tmp_path / "two.pxi").write_text('cdef inline int second(int x) noexcept:\n    return first(x)\n\n\ncdef int third = 0\n')
    assert upward_uses("_core") == {"second": ["one.pxi"]}
