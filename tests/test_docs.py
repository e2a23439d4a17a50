"""Pages that are made by scripts are what the scripts make."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import figures  # noqa: E402


def test_page_of_operations(tmp_path):
    """After a change of the op table: ``python tools/optable page``."""
    subprocess.run([sys.executable, ROOT / "tools" / "optable", "page", tmp_path], check=True)
    page = (ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
    assert page == (tmp_path / "ops.md").read_text(encoding="utf-8")
    assert page.startswith("<!-- Generated ") and "python tools/optable page" in page.splitlines()[0]


def test_pages_of_figures():
    """After a change of benchmarks/results.json or of how it is shown: ``python benchmarks/figures.py``."""
    runs = figures.load()
    page, readme = (path.read_text(encoding="utf-8") for path in (figures.PAGE, figures.README))
    assert page == figures.page(runs)
    assert page.startswith("<!-- Generated ") and "python benchmarks/figures.py" in page.splitlines()[0]
    assert readme == figures.rewritten(readme, figures.highlights(runs))
    assert len(figures.HIGHLIGHTS) == 8
