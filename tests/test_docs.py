"""Pages that are made by scripts are what the scripts make."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_page_of_operations(tmp_path):
    """After a change of the op table: ``python tools/op_page.py``."""
    subprocess.run([sys.executable, ROOT / "tools" / "op_page.py", tmp_path], check=True)
    page = (ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
    assert page == (tmp_path / "ops.md").read_text(encoding="utf-8")
    assert page.startswith("<!-- Generated ") and "python tools/op_page.py" in page.splitlines()[0]
