"""The developer's commands and the checks of a release: ``nox -l`` lists them, docs/contributing.md describes them.

``build``, ``debug``, ``test``, ``lint`` and ``bench`` run in the environment that nox was started from (group ``dev``)
and on the build in place; they follow each other as they are named: ``nox -s debug test``. The other sessions make
an environment of their own, and a copy of the sources where they build with other switches.
"""

import functools
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["build", "test", "lint"]
nox.options.reuse_existing_virtualenvs = True

here = functools.partial(nox.session, venv_backend="none")
TOOLS = Path(sys.executable).parent  # of this environment, which need not be active
IN_PLACE = {"PYTHONPATH": "src"}
CORE = ["--ignore=tests/test_house.py", "--ignore=tests/test_fixture_row.py"]  # the two look at the house, not the core

CYTHON = sorted(str(path) for path in Path("src/cgrad").rglob("*")
                if path.suffix in (".pyx", ".pxd", ".pxi") and "_gen" not in path.parts)

# All linters. pre-commit and .ci/run call the session, which runs every one of them before it fails.
LINTERS = {
    "generated sources": ["python", "tools/optable"],  # mypy reads the generated stub
    "ruff": ["ruff", "check", "."],
    "codespell": ["codespell"],
    "cython-lint": ["cython-lint", *CYTHON],
    "mypy --strict": ["python", "-m", "mypy"],
    "order of imports": ["lint-imports"],
    "zizmor": ["zizmor", "--offline", "--quiet", ".github"],
    "actionlint": ["actionlint"],
}
OPTIONAL = {"actionlint": "fetches its program from outside PyPI; pip install --group actionlint"}


def groups(*names: str) -> list[str]:
    return [word for name in names for word in ("--group", name)]


# ---- in this environment ------------------------------------------------------------------------

def run(session: nox.Session, *command: str, log: bool = True, **env: str) -> None:
    """Run a program of this environment; ``python`` is the interpreter that runs nox."""
    name, *arguments = command
    found = sys.executable if name == "python" else shutil.which(name, path=TOOLS) or name
    path = os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")])  # cython-lint starts another of its programs
    session.run(found, *arguments, env={**env, "PATH": path}, log=log)


@here
def build(session: nox.Session) -> None:
    """Build in place, quickly: at -O1 unless CGRAD_OPT is set; what did not change is not built again."""
    level = os.environ.get("CGRAD_OPT", "1")
    run(session, "python", "setup.py", "--quiet", "build_ext", "--inplace", CGRAD_OPT=level)


@here
def debug(session: nox.Session) -> None:
    """Build in place with bounds checks, line tracing, C's assertions and debug information."""
    run(session, "python", "setup.py", "--quiet", "build_ext", "--inplace", CGRAD_DEBUG="1")


@here
def test(session: nox.Session) -> None:
    """The tests, on the build in place; options for pytest behind ``--``."""
    run(session, "python", "-m", "pytest", *session.posargs, **IN_PLACE)


@here
def lint(session: nox.Session) -> None:
    """All linters."""
    failed = []
    for name, command in LINTERS.items():
        if name in OPTIONAL and not (shutil.which(name, path=TOOLS) or shutil.which(name)):
            session.warn(f"{name} is not installed: {OPTIONAL[name]}")
            continue
        session.log(name)
        try:
            run(session, *command, log=False, **IN_PLACE, MYPYPATH="src")
        except nox.command.CommandFailed:
            failed.append(name)
    if failed:
        session.error(", ".join(failed))


@here
def bench(session: nox.Session) -> None:
    """The benchmarks on a release build in place, quick ones unless told otherwise: ``nox -s bench -- --help``."""
    run(session, "python", "setup.py", "--quiet", "build_ext", "--inplace", CGRAD_OPT="")
    run(session, "python", "benchmarks/run.py", *(session.posargs or ["--quick"]), **IN_PLACE)


# ---- in environments of their own ---------------------------------------------------------------

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
    leave = shutil.ignore_patterns("_gen", "*.so", "*.pyd", "__pycache__", "build", "*.egg-info")
    for folder in ("src", "tools", "tests", "examples", "benchmarks", "docs"):
        shutil.copytree(folder, tree / folder, ignore=leave)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(name, tree)
    session.install("--upgrade", "pip")
    session.install("numpy>=2", *groups("test"))
    session.chdir(tree)
    session.run("python", "setup.py", "--quiet", "build_ext", "--inplace", "--force", env=switches)
    return {"PYTHONPATH": str(tree / "src")}


@nox.session(python=["3.11", "3.12", "3.13", "3.14", "3.15"])
def test_pythons(session: nox.Session) -> None:
    """The tests on an installed cgrad, for each Python there is."""
    install(session, "test")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def test_debug(session: nox.Session) -> None:
    """The tests on a build with bounds checks, line tracing and C's assertions."""
    env = built(session, CGRAD_DEBUG="1")
    session.run("python", "-m", "pytest", *CORE, *session.posargs, env=env)


@nox.session
def test_collect(session: nox.Session) -> None:
    """The tests with a collection at every append; optimised, as each append then costs a pass over the tape."""
    env = built(session)
    session.run("python", "-m", "pytest", *CORE, *session.posargs, env={**env, "CGRAD_DEBUG_COLLECT": "1"})


@nox.session
def test_sanitize(session: nox.Session) -> None:
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


@here
def test_roads(session: nox.Session) -> None:
    """10,000 random programs by every road to their derivatives, on the build in place."""
    run(session, "python", "-m", "pytest", "tests/roads", "-m", "slow or not slow", *session.posargs, **IN_PLACE,
        CGRAD_ROADS="10000")


@nox.session
def test_torch(session: nox.Session) -> None:
    """Values and derivatives against PyTorch."""
    install(session, "test", "torch")
    session.run("python", "-m", "pytest", "tests/oracles", "-k", "torch", *session.posargs)


@nox.session
def test_jax(session: nox.Session) -> None:
    """Values and derivatives against JAX."""
    install(session, "test", "jax")
    session.run("python", "-m", "pytest", "tests/oracles", "-k", "jax", *session.posargs)


@nox.session
def dist(session: nox.Session) -> None:
    """Source distribution, a wheel from it, checks of both; the wheel's tests, from the sources, on the wheel.

    As the release does it. ``nox -s dist -- FOLDER`` leaves both in a folder.
    """
    work = Path(session.create_tmp()).resolve() / "dist"
    left = Path(session.posargs[0]).resolve() if session.posargs else None
    if work.exists():
        shutil.rmtree(work)
    session.install("--upgrade", "pip")
    session.install(*groups("dist"))
    session.run("python", "-m", "build", "--outdir", str(work))
    if sys.platform.startswith("linux"):
        (plain,) = work.glob("*.whl")
        session.run("auditwheel", "show", str(plain))
        session.run("auditwheel", "repair", "--wheel-dir", str(work), str(plain))
        plain.unlink()
    (sdist,), (wheel,) = work.glob("*.tar.gz"), work.glob("*.whl")
    session.run("twine", "check", "--strict", str(sdist), str(wheel))
    session.run("python", "tools/check_dist.py", str(work))

    with tarfile.open(sdist) as archive:
        archive.extractall(work, filter="data")
    source = work / sdist.name.removesuffix(".tar.gz")
    settings = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["cibuildwheel"]
    tests = work / "tests"
    for name in settings["test-sources"]:
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source / name, tests / name)
    session.run("python", "-m", "venv", str(work / "clean"))
    python = shutil.which("python", path=work / "clean" / ("Scripts" if os.name == "nt" else "bin"))
    session.run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip", external=True)
    session.chdir(tests)
    session.run(python, "-m", "pip", "install", "--quiet", str(wheel), *groups(*settings["test-groups"]), external=True)
    _, *command = settings["test-command"].split()
    session.run(python, *command, external=True)
    if left:
        left.mkdir(parents=True, exist_ok=True)
        for made in (sdist, wheel):
            shutil.copy(made, left)
