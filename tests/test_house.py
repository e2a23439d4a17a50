"""The house: examples in docstrings run, types agree with what runs, imports run one way, the package is whole."""

import doctest
import importlib
import importlib.metadata
import os
import pkgutil
import pydoc
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import cgrad

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PACKAGE = Path(cgrad.__file__).resolve().parent
MODULES = sorted({"cgrad", "cgrad._core", "cgrad._kernels", "cgrad._program", *(m.name for m in pkgutil.walk_packages(cgrad.__path__, "cgrad."))})
IN_PLACE = PACKAGE == ROOT / "src" / "cgrad"  # an environment may be inside the checkout too
CHECKED = {**os.environ, "MYPYPATH": str(PACKAGE.parent), "PYTHONPATH": str(PACKAGE.parent)} if IN_PLACE \
    else dict(os.environ)


def mypy(*arguments, module="mypy"):
    run = subprocess.run([sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True,
                         cwd=HERE, env=CHECKED)
    return run.returncode, run.stdout + run.stderr


# ---- examples ------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_examples_of_the_core_are_found():
    found = {test.name for test in doctest.DocTestFinder().find(cgrad._core) if test.examples}
    assert {f"cgrad._core.{name}" for name in (
        "Value", "Tape", "gradients", "tangents", "dot", "current_tape", "no_grad", "detect_anomaly")} <= found


# ---- types ---------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return f"--cache-dir={tmp_path_factory.mktemp('mypy')}"


def test_a_typed_program(cache):
    """Each assert_type in the sample is what mypy infers; the sample also runs."""
    status, text = mypy("--strict", cache, HERE / "typed_sample.py")
    assert status == 0, text
    run = subprocess.run([sys.executable, HERE / "typed_sample.py"], capture_output=True, text=True, env=CHECKED)
    assert run.returncode == 0, run.stderr


def test_what_a_checker_refuses(cache, tmp_path):
    lines = {
        'cgrad.Value("a")': "arg-type",
        "float(v)": "arg-type",  # would cut its history off
        "v.exp(1)": "call-arg",
        "v.add(y=1.0)": "call-overload",  # takes no keyword
        "v.shape = (1,)": "misc",
        "cgrad.Value(1.0, 2.0)": "call-arg",
        "cgrad.exp('a')": "call-overload",
        "cgrad.polygamma(v, v)": "call-overload",
        "cgrad.powc(v, 2)": "attr-defined",  # a hidden row
        "cgrad.Number": "attr-defined",  # a name for checkers alone
        "cgrad.Primitive": "attr-defined",  # for the package alone
        "cgrad.exp(v).backward(t)": "arg-type",
        "t.item(0)": "call-arg",
        "t.shape = (1, 2)": "misc",
        "cgrad.Tensor([v])": "arg-type",
        "t.fma(y=1.0)": "call-arg",
        "t.polygamma(1)": "attr-defined",
        "class Sub(cgrad.Value): ...": "misc",  # final
    }
    program = tmp_path / "refused.py"
    program.write_text("import cgrad, numpy as np\nv, t = cgrad.Value(1.0), cgrad.Tensor([1.0, 2.0])\n" + "\n".join(lines) + "\n")
    _, text = mypy("--strict", cache, program)
    for number, (line, code) in enumerate(lines.items(), 3):
        assert re.search(rf"refused\.py:{number}: error: .*\[{code}\]", text), (line, text)


def test_the_stub_is_what_runs():
    """stubtest compares names and signatures; what it cannot know is listed here, with the reason."""
    _, text = mypy("--concise", "cgrad._core", "cgrad._program", module="mypy.stubtest")
    assert "not checking stubs" not in text, text
    odd = []
    for line in filter(None, text.splitlines()):
        name, _, complaint = line.partition(" ")
        path = name.split(".")[2:]
        if path[0] == "Tensor" and isinstance(vars(cgrad.Tensor)[path[1]], types.FunctionType) \
                and complaint.endswith('stub parameter "self" differs from runtime parameter "x"'):
            continue  # a function of the package, added as a method: its first argument is the tensor
        elif path == ["Tensor", "nonzero"] and '*args parameter "args"' in complaint:
            continue  # passes its arguments on, and NumPy's takes no more
        elif path == ["Value", "__complex__"]:
            continue  # raises, as do __float__ and __int__: checkers shall refuse the call
        elif path == ["Tensor", "__array__"]:
            continue  # the stub says why
        else:
            odd.append(line)
    assert not odd, "\n".join(odd)


def test_checkers_see_the_same_names(cache, tmp_path):
    """Every name that cgrad exports; test_what_a_checker_refuses has some that it does not."""
    program = tmp_path / "names.py"
    names = sorted({*cgrad._core.__all__, *cgrad.ops.__all__, "nn", "optim", "Function", "AnomalyError", "TapeError"})
    program.write_text("import cgrad\n" + "".join(f"print(cgrad.{name})\n" for name in names))
    status, text = mypy("--strict", cache, program)  # with the options of the others: their cache holds
    assert status == 0, text


# ---- imports -------------------------------------------------------------------------------------

def test_the_core_imports_only_what_lies_below():
    """import-linter does not read Cython. The one exception are displays, looked up when a notebook asks."""
    sources = ROOT / "src" / "cgrad"
    found = set()
    for path in (*sorted(sources.glob("*.pyx")), *sorted((sources / "core").rglob("*.pxi"))):
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.match(r"(\s*)(?:from (\.\S*) import (.+)|import (cgrad.*)|from (cgrad\S*) import (.+))$", line)
            if match:
                found.add((path.name, bool(match[1]), line.strip()))
    assert found == {("_core.pyx", False, "from . import _callers, errors"), ("_program.pyx", False, "from . import errors"),
                     ("handle.pxi", True, "from . import viz")}


SUBMODULES = {"cgrad.distributed", "cgrad.testing", "cgrad.viz"}
COSTLY = {
    "tqdm", "matplotlib", "graphviz", "IPython", "scipy", "mpmath", "dask", "distributed", "cloudpickle", "llvmlite",
    "concurrent.futures", "logging", "json", "random", "hashlib", "secrets", "zipfile", "subprocess", "html", "pickle",
    "numpy.random", "numpy.typing", "asyncio", "ctypes", "multiprocessing"}


def in_a_new_process(program):
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=CHECKED, check=True)
    return run.stdout.strip()


def test_importing_cgrad_imports_little():
    """Whatever NumPy itself has imported, no extra and nothing costly comes with cgrad."""
    loaded = in_a_new_process("import sys, numpy; before = {*sys.modules}; import cgrad; print(*{*sys.modules} - before)")
    assert "cgrad._core" in loaded.split()
    assert COSTLY & set(loaded.split()) == set()


@pytest.mark.parametrize("program", [
    "import cgrad; print(*sorted(name for name in {0} if hasattr(cgrad, name.partition('.')[2])))",
    "from cgrad import distributed, testing, viz; print(*sorted(m.__name__ for m in (distributed, testing, viz)))",
    "from cgrad import *; print(*sorted(m.__name__ for m in (distributed, testing, viz)))",
    "import cgrad; print(*sorted('cgrad.' + name for name in dir(cgrad) if 'cgrad.' + name in {0}))",
    "import cgrad.testing; print(*sorted(name for name in {0} if hasattr(cgrad, name.partition('.')[2])))",
])
def test_submodules_are_attributes(program):
    assert in_a_new_process(program.format(SUBMODULES)) == " ".join(sorted(SUBMODULES))


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module 'cgrad' has no attribute 'vix'"):
        cgrad.vix
    with pytest.raises(ImportError, match="vix"):
        from cgrad import vix  # noqa: F401


def test_help_lists_functions_and_classes():
    text = pydoc.plain(pydoc.render_doc(cgrad))
    for line in ("    class Value(Handle)", "    exp(x, /)", "    gradients(outputs, inputs=None, *, seed=None, create_graph=False)"):
        assert f"\n{line}" in text
    assert set(cgrad.__all__) >= {*cgrad._core.__all__, *cgrad.ops.__all__, "compile", "Function", "TapeError"}
    assert "errors" not in cgrad.__all__ and "numpy" not in cgrad.__all__


# ---- the package ---------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def installed():
    if IN_PLACE:
        pytest.skip("cgrad was built in place: only an installed one has metadata")
    return importlib.metadata.distribution("pycgrad")


def test_metadata(installed):
    assert installed.version == cgrad.__version__
    assert installed.metadata["License-Expression"] == "BSD-3-Clause"
    assert installed.metadata["Requires-Python"] == ">=3.11"
    needed = [text for text in installed.requires if "extra ==" not in text]
    assert needed == ["numpy>=2"]


def test_what_is_installed(installed):
    names = {str(path).replace("\\", "/") for path in installed.files}
    assert {"cgrad/py.typed", "cgrad/_core.pyi", "cgrad/_gen/__init__.pyi", "cgrad/core/mathlib/special.h"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    sources = {name for name in names if name.endswith((".pyx", ".pxi", ".pxd", ".c", ".h"))}
    assert sources == {"cgrad/core/mathlib/special.h"}  # generated C programs carry its text along
    data = ROOT / "src" / "cgrad" / "data"
    shipped = {name.rpartition("/")[2] for name in names if name.startswith("cgrad/data/")}
    assert {path.name for path in data.glob("*") if path.is_file()} <= shipped


def test_a_bad_switch_of_the_build_is_refused():
    pytest.importorskip("Cython", reason="setup.py needs the group 'build'")
    run = subprocess.run([sys.executable, "setup.py", "--version"], cwd=ROOT, capture_output=True, text=True,
                         env={**os.environ, "CGRAD_OPT": "9"})
    assert run.returncode != 0 and "CGRAD_OPT: '9'" in run.stderr
