"""Write docs/ops.md, the page of elementwise operations, from the op table: ``python tools/optable page [FOLDER]``."""

from __future__ import annotations

from pathlib import Path

from .table import OPS, PREDICATES, ROOT

INTRODUCTION = """\
<!-- Generated from src/cgrad/_optable.py by tools/optable/docs.py; to regenerate it: python tools/optable page -->
# Elementwise operations

Every row is an operation on numbers and, elementwise with broadcasting, on arrays. `exp` for example is the method
`v.exp()` of Values and Tensors, the function `cgrad.exp(v)`, which takes plain numbers and arrays too, and NumPy's
`np.exp(v)`; SciPy's ufuncs answer where they are named. Rows with an operator have Python's operator as well; names
in brackets are further names of the method.

*Formula* is what is computed, in C's notation; *partials* are its derivatives with respect to each argument, where
`out` is the result and other names are rows of this page. `where(c, p, q)` inside a partial takes one side only: the
other one is neither computed nor recorded. A partial "none" belongs to an argument that has to be a plain number.
"""
QUESTIONS = """
## Predicates

Questions about a number, answered with a plain bool (an array of bools for a Tensor) and never recorded.
"""
HELPERS = """
## Helpers

Rows without a method or a function, seen in traces, recorded derivatives and compiled programs: powers with a plain
number as the exponent (`x**3`), forms of a partial that keep their digits where the obvious one cancels, and
comparisons as numbers.
"""


def operation(op) -> str:
    """The first cell: the call and what it computes."""
    aliases = f" ({', '.join(f'`{name}`' for name in op.alias.split())})" if op.alias else ""
    return f"`{op.name}({', '.join(op.names)})`{aliases} {op.doc}"


def partials(op) -> str:
    return ", ".join("none" if text is None else f"`{text}`" for text in op.d)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown; a bar inside a cell would end it."""
    lines = [head, ["---"]*len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page() -> str:
    """The text of docs/ops.md."""
    public = [[operation(op), f"`{op.formula}`", partials(op), f"`__{op.slot}__`" if op.slot else "",
               ", ".join([*op.ufunc.split(), *(f"scipy.special.{name}" for name in op.scipy.split())]), op.kink]
              for op in OPS if not op.hidden]
    questions = [[f"`{p.name}(x)` {p.doc}", f"`{p.formula}`", p.ufunc] for p in PREDICATES]
    hidden = [[operation(op), f"`{op.formula}`", partials(op), op.kink] for op in OPS if op.hidden]
    return "\n".join([
        INTRODUCTION,
        table(["operation", "formula", "partials", "operator", "NumPy, SciPy", "derivative at kinks"], public)
        + QUESTIONS, table(["predicate", "formula", "NumPy"], questions)
        + HELPERS, table(["helper", "formula", "partials", "derivative at kinks"], hidden)])


def main(folder: Path = ROOT / "docs") -> None:
    (folder / "ops.md").write_text(page(), encoding="utf-8")
