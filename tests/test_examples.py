"""Each example runs as a script, and its own check against an oracle holds."""

import runpy
import sys
from pathlib import Path

import pytest

import cgrad

EXAMPLES = Path(__file__).parent.parent / "examples"
NEEDS_SCIPY = {"rosenbrock", "pendulum"}


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_example(name, capsys):
    if name in NEEDS_SCIPY:
        pytest.importorskip("scipy", reason="this example uses SciPy's optimisers")
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert not end.value.code, out
    assert "check: ok" in out and "FAILED" not in out


def test_there_are_examples():
    assert len(list(EXAMPLES.glob("*.py"))) >= 9


@pytest.mark.parametrize("name", sorted(NEEDS_SCIPY))
def test_missing_scipy_is_said(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(SystemExit, match="needs SciPy: pip install scipy"):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


def test_the_checks_can_fail(monkeypatch, capsys):
    """An example whose numbers are wrong says so."""
    scope = runpy.run_path(str(EXAMPLES / "logistic_regression.py"))
    assert scope["main"]()
    softplus = cgrad.softplus
    monkeypatch.setattr(cgrad, "softplus", lambda x: 1.01*softplus(x))
    assert not scope["main"]()
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize("name, change", [
    ("gradients_of_gradients", {"B": [0.1, 0.2, 0.3, 0.4]}), ("computation_record", {"RATE": 1.0}),
    ("digits_mlp", {"EPOCHS": 1}), ("digits_conv", {"EPOCHS": 1})])
def test_the_checks_of_array_examples_can_fail(name, change, capsys):
    main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
    main.__globals__.update(change)
    assert not main()
    assert "check: FAILED" in capsys.readouterr().out
