"""Checks of cgrad by nox: ``nox`` runs tests and linters, ``nox -l`` lists the rest."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests", "lint"]
nox.options.reuse_existing_virtualenvs = True

CYTHON = ["src/cgrad/_core.pyx", "src/cgrad/_core.pxd", *map(str, sorted(Path("src/cgrad/core").rglob("*.pxi")))]
CORE = ["--ignore=tests/test_house.py", "--ignore=tests/test_fixture_row.py"]  # the two look at the house, not the core


def groups(*names: str) -> list[str]:
    return [word for name in names for word in ("--group", name)]


def install(session: nox.Session, *names: str) -> None:
    session.install("--upgrade", "pip")
    session.install(".", *groups(*names))


def built(session: nox.Session, **switches: str) -> dict[str, str]:
    """Build a copy of the sources with these switches; gives the environment that imports it.

    A copy, so that the working tree keeps its own build.
    """
    tree = Path(session.create_tmp()).resolve() / "tree"
    if tree.exists():
        shutil.rmtree(tree)
    leave = shutil.ignore_patterns("_gen", "*.so", "*.pyd", "_core.c", "__pycache__", "build", "*.egg-info")
    for folder in ("src", "tools", "tests"):
        shutil.copytree(folder, tree / folder, ignore=leave)
    for path in Path("examples"), Path("benchmarks"), Path("docs"):
        if path.exists():
            shutil.copytree(path, tree / path, ignore=leave)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(name, tree)
    session.install("--upgrade", "pip")
    session.install("numpy>=2", *groups("test"))
    session.chdir(tree)
    session.run("python", "setup.py", "--quiet", "build_ext", "--inplace", env=switches)
    return {"PYTHONPATH": str(tree / "src")}


@nox.session(python=["3.11", "3.12", "3.13", "3.14", "3.15"])
def tests(session: nox.Session) -> None:
    """The test suite on an installed cgrad."""
    install(session, "test")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, codespell, cython-lint, mypy --strict, the order of imports."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("codespell")
    session.run("cython-lint", *CYTHON)
    session.run("python", "-m", "mypy")
    session.run("lint-imports")


@nox.session
def debug(session: nox.Session) -> None:
    """The tests on a build with bounds checks, line tracing and C's assertions."""
    env = built(session, CGRAD_DEBUG="1")
    session.run("python", "-m", "pytest", *CORE, *session.posargs, env=env)


@nox.session
def debug_collect(session: nox.Session) -> None:
    """The tests with a collection at every append; optimised, as each append then costs a pass over the tape."""
    env = built(session)
    session.run("python", "-m", "pytest", *CORE, *session.posargs, env={**env, "CGRAD_DEBUG_COLLECT": "1"})


@nox.session
def sanitize(session: nox.Session) -> None:
    """The tests under the address and undefined-behaviour sanitizers (gcc or clang on Linux)."""
    if not sys.platform.startswith("linux"):
        session.skip("preloading the sanitizer's library is done for Linux only")
    env = built(session, CGRAD_SANITIZE="address,undefined")
    compiler = os.environ.get("CC", "gcc").split()
    # libstdc++ too: the sanitizer looks for C++'s exceptions when it starts, and matplotlib throws some later
    where = [[*compiler, f"-print-file-name={name}"] for name in ("libasan.so", "libstdc++.so.6")]
    libraries = [subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip() for ask in where]
    env |= {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",  # Python itself leaks at exit
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # else Python's arenas hide what happens inside them
    }
    session.run("python", "-m", "pytest", "-p", "no:faulthandler", "--capture=sys", *CORE, *session.posargs, env=env)


@nox.session
def oracles_torch(session: nox.Session) -> None:
    """Values and derivatives against PyTorch."""
    install(session, "test", "torch")
    session.run("python", "-m", "pytest", "tests/oracles", "-k", "torch", *session.posargs)


@nox.session
def oracles_jax(session: nox.Session) -> None:
    """Values and derivatives against JAX."""
    install(session, "test", "jax")
    session.run("python", "-m", "pytest", "tests/oracles", "-k", "jax", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks; quick ones unless told otherwise."""
    install(session, "bench")
    session.run("python", "benchmarks/run.py", *(session.posargs or ["--quick"]))


@nox.session
def dist(session: nox.Session) -> None:
    """Build the source distribution and from it the wheel; look inside both; install the former."""
    out = Path(session.create_tmp()).resolve() / "dist"
    if out.exists():
        shutil.rmtree(out)
    session.install("--upgrade", "pip")
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(out))
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    with tarfile.open(sdist) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    for name in ("src/cgrad/_core.pyx", "src/cgrad/core/mathlib/special.h", "tools/gen_ops.py", "tests/conftest.py",
                 "LICENSE"):
        if name not in source:
            session.error(f"the source distribution lacks {name}")
    for name in ("cgrad/py.typed", "cgrad/_core.pyi", "cgrad/_gen/__init__.pyi", "cgrad/core/mathlib/special.h"):
        if name not in shipped:
            session.error(f"the wheel lacks {name}")
    unwanted = {name for name in source if "/_gen/" in name or name.endswith(("_core.c", ".so"))}
    unwanted |= {name for name in shipped if name.endswith((".pyx", ".pxi", ".pxd", ".c", ".h"))}
    unwanted.discard("cgrad/core/mathlib/special.h")  # generated C programs carry its text along
    if unwanted:
        session.error(f"not to be shipped: {sorted(unwanted)}")
    session.install("--force-reinstall", "--no-deps", str(sdist))
    session.install("numpy>=2")
    session.chdir(out)
    session.run("python", "-c", "import cgrad; x = cgrad.Value(3.0); (x*x).backward(); assert x.grad == 6")
