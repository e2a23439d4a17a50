"""Every Python block of the README runs as it stands, and prints what its comments say."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = [(README[:block.start()].count("\n") + 2, block[1])
          for block in re.finditer(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]


def expected(block):
    """The comments behind a print, and the comment lines that end a block."""
    lines = []
    for line in block.splitlines():
        if found := re.search(r"print\(.*\)  # (.*)$", line):
            lines.append(found[1])
        elif line.startswith("# "):
            lines.append(line[2:])
    return lines


@pytest.mark.parametrize("line, block", BLOCKS, ids=[f"line {line}" for line, _ in BLOCKS])
def test_block(line, block, capsys):
    assert expected(block), "a block that shows no result"
    exec(compile("\n"*(line - 1) + block, "README.md", "exec"), {"__name__": "__readme__"})
    assert [text.rstrip() for text in capsys.readouterr().out.splitlines()] == expected(block)


def test_blocks_are_found():
    assert len(BLOCKS) >= 10
    assert README.count("```python") == len(BLOCKS)


def test_files_that_it_names_exist():
    root = Path(__file__).parent.parent
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (root / target).exists(), target


def test_place_for_the_figures():
    assert re.search(r"^<!-- figures:begin -->$.*^<!-- figures:end -->$", README, re.MULTILINE | re.DOTALL)
