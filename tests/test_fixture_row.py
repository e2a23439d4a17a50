"""Adding an op touches one row: a build with a row more, and the op works everywhere, nowhere on a slow way.

The rows: one made of functions that the table knows, and one of a C function that it does not know before, which is a
row of FUNCTIONS more.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import pytest

pytestmark = pytest.mark.slow  # builds the package anew

ROOT = Path(__file__).resolve().parent.parent
ROW = '''
OPS += (
    Op("logaddexp2", "x y", "log2(exp2(x) + exp2(y))", ["exp2(x - out)", "exp2(y - out)"],
       "log2(2**x + 2**y).", ufunc="logaddexp2", domain=((-9, 9), (-9, 9)), oracle="log(2**x + 2**y, 2)"),
    Op("nearbyint", "x", "nearbyint(x)", ["1"], "Nearest whole number, passed straight through.", domain=((0.1, 9),)),
)
FUNCTIONS += (Function("nearbyint"),)
'''
POINT = (1.25, -0.5)
ORDERS = [(i, j) for i in range(4) for j in range(4 - i)]
ROWS = ("logaddexp2", "nearbyint")

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


# A function of both rows, with a gradient: value and gradient of each way to run its program, at points of a batch.
COMPILED = f"""
import importlib.util, json
import numpy as np
import cgrad
from lanes_support import BACKENDS

points = np.stack([np.linspace(-2, 2, 37), np.linspace(1.5, -0.5, 37)], axis=1)
f = cgrad.compile(lambda x, y: cgrad.nearbyint(cgrad.logaddexp2(x, y)))
eager = []
for x, y in points.tolist():
    a, b = cgrad.Value(x), cgrad.Value(y)
    out = cgrad.nearbyint(cgrad.logaddexp2(a, b))
    out.backward()
    eager.append([out.data, a.grad, b.grad])
value, gradients = f.map_value_and_grad(points[:, 0], points[:, 1], argnums=(0, 1))
found = {{"file": cgrad.__file__, "eager": eager, "batch": np.stack([value, *gradients], axis=1).tolist(), "ways": {{}}}}
(path,) = f.programs
for backend in BACKENDS:
    if not backend.missing():
        _, results = backend.run(path.graph, path.outputs, [], points)
        found["ways"][backend.name] = [backend.exact, results[:, 0].tolist()]
found["c"] = f.to_c("f")
if importlib.util.find_spec("llvmlite"):
    from cgrad._optable import OPS
    from cgrad.programs.codegen.lowering import Lowering
    functions = {{f: 1 for row in OPS if row.name in {ROWS} for f in ("exp2", "log2", "nearbyint")}}
    lowering = Lowering(functions, frozenset())
    found["llvm"] = {{row: lowering[row].text(9, "%a", "%b") for row in {ROWS}}}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of the sources with the rows appended, built without optimisation (by ccache: nearly free a second time)."""
    pytest.importorskip("Cython", reason="builds the extension: group 'build'")
    tree = tmp_path_factory.mktemp("row")
    leave = shutil.ignore_patterns("_gen", "*.so", "*.pyd", "_*.c", "__pycache__", "*.egg-info")
    for folder in ("src", "tools"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=leave)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    table = tree / "src" / "cgrad" / "_optable.py"
    table.write_text(table.read_text(encoding="utf-8") + ROW, encoding="utf-8")
    plain = {key: value for key, value in os.environ.items() if not key.startswith("CGRAD_") or key == "CGRAD_JOBS"}
    run = subprocess.run([sys.executable, "setup.py", "build_ext", "--inplace"], cwd=tree, capture_output=True,
                         text=True, env={**plain, "CGRAD_OPT": "0", "CCACHE_BASEDIR": str(tree), "CCACHE_NOHASHDIR": "1"})
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return tree


def python(program, tree):
    """The output of a program that runs there, read as JSON."""
    paths = [str(tree / "src"), str(ROOT / "tests" / "programs")]
    run = subprocess.run([sys.executable, "-c", program], cwd=tree, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert Path(result["file"]).is_relative_to(tree)
    return result


@pytest.fixture(scope="module")
def found(built):
    """The results of a program there."""
    return python(PROGRAM, built)


@pytest.fixture(scope="module")
def compiled(built):
    """The results of compiled functions there."""
    return python(COMPILED, built)


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
    subprocess.run([sys.executable, built / "tools" / "optable", "page", built], check=True)
    page = (built / "ops.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if "logaddexp2" in line]
    assert len(rows) == 1 and "log2(2**x + 2**y)." in rows[0] and "`exp2(x - out)`" in rows[0]
    assert "log2(2**x + 2**y)." in found["doc"]
    assert found["exported"]


def test_every_way_to_run_a_program(compiled):
    """The interpreter, exact and vector lanes, machine code, C: to the bit what the operations are, or within 4 ulp."""
    assert {"interpreter", "exact", "basic"} <= set(compiled["ways"])
    want = [value for value, *_ in compiled["eager"]]
    for name, (exactly, got) in compiled["ways"].items():
        assert got == want if exactly else got == pytest.approx(want, rel=1e-14), name


def test_batches_with_gradients(compiled):
    assert len(compiled["batch"]) == len(compiled["eager"])
    for got, want in zip(compiled["batch"], compiled["eager"], strict=True):
        assert got == pytest.approx(want, rel=1e-13)


def generated(built, name):
    return (built / "src" / "cgrad" / "_gen" / name).read_text(encoding="utf-8")


def body(text, head, end):
    """The lines of a function."""
    start = text.index(head)
    return text[start:text.index(end, start)]


def test_vector_lanes_call_vector_functions(built):
    """And loops call none of C's, which would stop the vectoriser."""
    row = body(generated(built, "lanes.h"), "static void ROW_(logaddexp2)", "#else")
    assert re.findall(r"VM\(block_(\w+)\)", row) == ["exp2", "exp2", "log2"]
    assert not re.search(r"\b(c|LC)_\w+\(|L_\(", row)


def test_kernels_of_arrays_call_loops(built):
    """NumPy's over whole blocks, in the primal and in the partials."""
    kernels = generated(built, "kernels.pxi")
    for head, rows in (("cdef void forward_kernel_logaddexp2", ["EXP2", "EXP2", "LOG2"]), ("cdef void back_kernel_logaddexp2_0", ["EXP2"])):
        kernel = body(kernels, f"{head}(", "\n\n")
        assert re.findall(r"forward_block\(OP_(\w+)", kernel) == rows
        assert not re.search(r"\b(c|primal)_\w+\(", kernel)


def test_the_interpreter_has_instructions(built):
    rows = generated(built, "rows.h")
    assert "ROW2(LOGADDEXP2, logaddexp2)" in rows and "ROW1(NEARBYINT, nearbyint)" in rows


def test_machine_code_and_c_have_the_formula(compiled):
    """In line: what is called are C's functions alone."""
    assert "f_op_logaddexp2(double x, double y) { return f_c_log2((f_c_exp2(x) + f_c_exp2(y))); }" in compiled["c"]
    assert "f_op_nearbyint(double x) { return f_c_nearbyint(x); }" in compiled["c"]
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    assert re.findall(r"@cgrad_(\w+?)_1\(", compiled["llvm"]["logaddexp2"]) == ["exp2", "exp2", "log2"]
    assert re.findall(r"@cgrad_(\w+?)_1\(", compiled["llvm"]["nearbyint"]) == ["nearbyint"]
