"""Every Python block of the README and of docs/ runs as it is, and prints what the page says."""

import linecache
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {"README.md": README,
         **{path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}}
# a block, and the block of its output where one follows at once
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n?^```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def blocks():
    """Each block, named by its page and line."""
    for name, page in PAGES.items():
        for block in BLOCK.finditer(page):
            line = page[:block.start()].count("\n") + 2
            yield pytest.param(name, line, *block.groups(), id=f"{name} line {line}")


BLOCKS = list(blocks())


def commented(block):
    """The output that comments show: those behind a print, and comment lines."""
    lines = []
    for line in block.splitlines():
        if found := re.search(r"print\(.*\)  # (.*)$", line):
            lines.append(found[1])
        elif line.startswith("# "):
            lines.append(line[2:])
    return lines


@pytest.mark.parametrize("name, line, block, output", BLOCKS)
def test_block(name, line, block, output, capsys, monkeypatch, tmp_path):
    expected = commented(block) if output is None else output.splitlines()
    assert expected, "a block that shows no result"
    monkeypatch.chdir(tmp_path)  # for blocks that write files
    source = "\n"*(line - 1) + block
    monkeypatch.setitem(linecache.cache, name, (len(source), None, source.splitlines(True), name))
    exec(compile(source, name, "exec"), {"__name__": "__page__"})
    assert [text.rstrip() for text in capsys.readouterr().out.splitlines()] == expected


def test_blocks_are_found():
    found = [block.values for block in BLOCKS]
    assert len(found) == sum(page.count("```python") for page in PAGES.values())
    assert {"README.md", "guide.md", "arrays.md", "nn.md", "compile.md", "viz.md"} <= {name for name, *_ in found}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    folder = ROOT if name == "README.md" else ROOT / "docs"
    for target, _, heading in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]*))?\)", PAGES[name]):
        assert (folder / target).exists(), target
        if heading:
            page = PAGES[Path(target).name if target else name]
            headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}, heading


def test_what_the_readme_begins_with():
    """Short, with two commands that ``.ci/run`` takes out of it; micrograd and wrong input come before arrays."""
    assert README.count("\n") <= 250
    commands = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert [command.count("\n") for command in commands] == [1, 1]
    assert "python -m cgrad" in commands[0] and "python -m pytest" in commands[1]
    order = "from cgrad.engine import Value", "except TypeError", "Tensor(", "@cgrad.compile"
    places = [README.index(text) for text in order]
    assert places == sorted(places)
