"""The checks of recordings, written into the members of Value, Tensor and Tape by the rows of src/cgrad/_members.py."""

from __future__ import annotations

import re

MARKER = "# (trace check)"
CHECKS = {"refuse": "refuse(self, {!r})", "effect": "refuse_effect({!r})", "shape": "look_at_shape(self)"}
KINDS = {*CHECKS, "guard", "own", "shown", "through", "free"}
LIFE = {"__cinit__", "__dealloc__"}  # allocation: nobody calls these


def checked(text: str, name: str, rows: dict[str, tuple[str, ...]]) -> str:
    """A chapter with the checks in class ``name``. A member without a row is an error, and so is the reverse."""
    start = re.search(rf"^cdef class {name}\b.*:$", text, re.MULTILINE)
    if start is None:
        raise ValueError(f"{name}: no such class in this chapter")
    end = re.compile(r"^\S", re.MULTILINE).search(text, start.end())
    stop = end.start() if end else len(text)
    head, *members = re.split(r"^(?=    (?:@|def ))", text[start.end():stop], flags=re.MULTILINE)
    out, seen, decorators = [text[:start.end()], head], set(), ""
    for part in members:
        if part.startswith("    @"):
            decorators += part
            continue
        member = re.match(r"    def (\w+)", part)[1] + ("=" if ".setter" in decorators else "")
        if member not in LIFE:
            if member not in rows or rows[member][0] not in KINDS:
                raise ValueError(f"{name}.{member}: no row in src/cgrad/_members.py says what a recording makes of it")
            seen.add(member)
            part = with_check(part, f"{name}.{member}", *rows[member])
        out.append(decorators + part)
        decorators = ""
    if set(rows) - seen:
        raise ValueError(f"src/cgrad/_members.py: {name} has no member {', '.join(sorted(set(rows) - seen))}")
    return "".join(out) + text[stop:]


def with_check(part: str, member: str, kind: str, what: str = "") -> str:
    """One member with its check."""
    marked = part.count(MARKER)
    if kind in ("guard", "shown") and "traces" not in part or kind == "through" and what.rstrip("=") not in part:
        raise ValueError(f"{member}: its row says {kind!r}, and its body does not")
    if kind not in CHECKS:
        if marked:
            raise ValueError(f"{member}: {kind!r} has no check for the line {MARKER!r}")
        return part
    lines = part.split("\n")
    if marked:
        (at,) = (k for k, line in enumerate(lines) if line.strip() == MARKER)
        depth = len(lines[at]) - len(lines[at].lstrip())
        del lines[at]
    else:
        at, depth = first_statement(lines), 8
    indent = " "*depth
    lines[at:at] = [f"{indent}if cgrad_unlikely(traces):", f"{indent}    {CHECKS[kind].format(what)}"]
    return "\n".join(lines)


def first_statement(lines: list[str]) -> int:
    """The line behind the signature, the docstring and the declarations of a member."""
    at = next(k for k, line in enumerate(lines) if line.endswith(":")) + 1
    if lines[at].lstrip().startswith('"""'):
        if lines[at].count('"""') == 1:
            at = next(k for k in range(at + 1, len(lines)) if '"""' in lines[k])
        at += 1
    while lines[at].lstrip().startswith("cdef "):
        at += 1
    return at
