"""Adding an op touches one row: a build with a row more, and the op works everywhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import pytest

ROOT = Path(__file__).resolve().parent.parent
ROW = '''
OPS += (
    Op("logaddexp2", "x y", "log2(exp2(x) + exp2(y))", ["exp2(x - out)", "exp2(y - out)"],
       "log2(2**x + 2**y).", ufunc="logaddexp2", domain=((-9, 9), (-9, 9)), oracle="log(2**x + 2**y, 2)"),
)
'''
POINT = (1.25, -0.5)
ORDERS = [(i, j) for i in range(4) for j in range(4 - i)]

PROGRAM = f"""
import json, math
import numpy as np
import cgrad
from cgrad import Value

x, y = Value({POINT[0]}), Value({POINT[1]})
found = {{"file": cgrad.__file__}}

def derivative(f, i, j):
    for k, v in [(i, x), (j, y)]:
        for _ in range(k):
            f = cgrad.gradients(f, create_graph=True).wrt(v)
    return f.data

with cgrad.Tape() as tape:
    out = x.logaddexp2(y)
    found["trace"] = [node.op for node in tape]
found["op"] = out._op
found["values"] = {{
    "method": out.data, "function": cgrad.logaddexp2(x, y).data, "plain": cgrad.logaddexp2(x.data, y.data),
    "mixed": cgrad.logaddexp2(x.data, y).data, "method of a number": x.logaddexp2(y.data).data,
    "ufunc": np.logaddexp2(x, y).data,
}}
found["recorded"] = [[i, j, derivative(cgrad.logaddexp2(x, y), i, j)] for i, j in {ORDERS}]
out.backward()
found["swept"] = [x.grad, y.grad]
found["forward"] = [cgrad.tangents(out, [x, y], seed=[1.0, 0.0]), cgrad.tangents(out, [x, y], seed=[0.0, 1.0])]
found["doc"] = cgrad.logaddexp2.__doc__
found["exported"] = "logaddexp2" in cgrad._core.__all__
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of the sources with the row appended, built without optimisation."""
    pytest.importorskip("Cython", reason="builds the extension: group 'build'")
    tree = tmp_path_factory.mktemp("row")
    leave = shutil.ignore_patterns("_gen", "*.so", "*.pyd", "_core.c", "__pycache__", "*.egg-info")
    for folder in ("src", "tools"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=leave)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    table = tree / "src" / "cgrad" / "_optable.py"
    table.write_text(table.read_text(encoding="utf-8") + ROW, encoding="utf-8")
    plain = {key: value for key, value in os.environ.items() if not key.startswith("CGRAD_")}
    run = subprocess.run([sys.executable, "setup.py", "build_ext", "--inplace"], cwd=tree, capture_output=True,
                         text=True, env={**plain, "CGRAD_OPT": "0"})
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return tree


@pytest.fixture(scope="module")
def found(built):
    """What a program finds there."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=built, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": str(built / "src")})
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert Path(result["file"]).is_relative_to(built)
    return result


def exact(i, j):
    """The derivative from mpmath, numerically at 50 digits."""
    with mpmath.workdps(50):
        f = lambda x, y: mpmath.log(mpmath.mpf(2)**x + mpmath.mpf(2)**y, 2)  # noqa: E731
        return float(mpmath.diff(f, POINT, (i, j)) if i + j else f(*map(mpmath.mpf, POINT)))


def test_values(found):
    for way, value in found["values"].items():
        assert value == pytest.approx(exact(0, 0), rel=1e-15), way


def test_derivatives_to_third_order(found):
    assert len(found["recorded"]) == 10
    for i, j, value in found["recorded"]:
        assert value == pytest.approx(exact(i, j), rel=1e-14), (i, j)


def test_sweeps(found):
    gradient = [exact(1, 0), exact(0, 1)]
    assert found["swept"] == pytest.approx(gradient, rel=1e-15)
    assert found["forward"] == pytest.approx(gradient, rel=1e-15)


def test_names_in_traces(found):
    assert found["trace"] == ["leaf", "leaf", "logaddexp2"]
    assert found["op"] == "logaddexp2"


def test_stub_and_documents(found, built):
    generated = built / "src" / "cgrad" / "_gen"
    stub = (generated / "__init__.pyi").read_text(encoding="utf-8")
    assert '    "logaddexp2",\n' in stub
    assert "    def logaddexp2(self, y: Value | Number, /) -> Value: ..." in stub
    assert "def logaddexp2(x: Number, y: Number) -> float: ..." in stub
    assert "def logaddexp2(x: Value, y: Value | Number) -> Value: ..." in stub
    subprocess.run([sys.executable, built / "tools" / "op_page.py", built], check=True)
    page = (built / "ops.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if "logaddexp2" in line]
    assert len(rows) == 1 and "log2(2**x + 2**y)." in rows[0] and "`exp2(x - out)`" in rows[0]
    assert "log2(2**x + 2**y)." in found["doc"]
    assert found["exported"]
