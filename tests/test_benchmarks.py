"""The benchmarks run, on small sizes, and what they compute is right. Nothing here looks at a time."""

import json
import math
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import (  # noqa: E402
    arrays,
    arrays_digits,
    arrays_memory,
    chain,
    expression,
    figures,
    harness,
    hessian,
    memory,
    moons,
    reference,
    run,
    sweep,
)

needs_gcc = pytest.mark.skipif(not reference.available(), reason="the C reference is compiled with gcc")


def needs(*packages):
    absent = harness.missing(*packages)
    return pytest.mark.skipif(bool(absent), reason=absent or "all there")


@pytest.mark.parametrize("name", run.GROUPS)
@pytest.mark.slow  # .ci/run runs the benchmarks themselves, in quick mode
def test_group_gives_figures(name):
    rows = run.take([name], quick=True, pin=False)[name]
    assert rows
    for row in rows:
        if row.value is None:  # what is not installed, or crashed: said, and only of the peers
            assert row.note and (row.note.startswith("needs ") or name == "peers"), row
        else:
            assert math.isfinite(row.value) and row.value >= 0, row
            assert row.low is None or row.low <= row.value <= row.high, row
        assert row.met in (True, False, None) and (row.bar or row.met is None)


def test_script_writes_json(tmp_path):
    target = tmp_path / "figures.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--quick", "--only", "hessian", "--json", target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    written = json.loads(target.read_text())
    assert [row["measure"] for row in written["figures"]["hessian"]] and written["quick"] is True
    assert written["figures"]["hessian"][0]["measure"] in done.stdout
    assert written["date"] and written["machine"]["NumPy"]


def test_profile_script_runs():
    command = [sys.executable, str(ROOT / "benchmarks" / "profile.py"), "readme", "--times", "1"]
    assert "readme: 1 runs" in subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


# ---- the computations, against formulas and other engines ---------------------------------------------

def test_chain_has_its_closed_form():
    import cgrad

    n = 5000
    value, slope = chain.swept(cgrad.Value, n)
    power = chain.A**n
    assert value == chain.plain(n)[0]
    assert slope == pytest.approx(power, rel=1e-11)
    assert value == pytest.approx(chain.START*power + chain.B*(power - 1)/(chain.A - 1), rel=1e-8)


@pytest.mark.parametrize("side", ["values", "float64", "leaves"])
def test_chain_sides_compute_the_same(side):
    sides = chain.sides(1000)
    assert sides[side]()[1] == sides["plain"]()[1]


def test_readme_expression():
    import cgrad

    assert expression.readme(cgrad.Value) == pytest.approx([24.70408163265306, 138.83381924198252, 645.5772594752186],
                                                           rel=1e-14)


@needs("scikit-learn")
@needs_gcc
def test_moons_gradient_is_that_of_c():
    got = moons.sides("cgrad", 100, 1)["gradient"]()[1]
    assert len(got) == 338
    harness.agree("moons", got, moons.by_hand(100), 1e-13)


@needs("scikit-learn", "micrograd")
def test_moons_trajectories_are_micrograds():
    ours, theirs = moons.sides("cgrad", 12, 4), moons.sides("micrograd", 12, 4)
    expected = theirs["demo"]()[1]
    assert len(set(expected)) == 4
    for side in ("demo", "own demo", "own", "careful", "own careful", "own floats"):
        harness.agree(side, ours[side]()[1], expected, 1e-12)


@needs("scikit-learn", "xad")
def test_moons_trajectories_are_xads():
    expected = moons.sides("xad", 12, 3)["own"]()[1]
    harness.agree("xad", moons.sides("cgrad", 12, 3)["own floats"]()[1], expected, 1e-12)


@needs_gcc
def test_irregular_graph_is_irregular_and_swept_as_in_c():
    sides = sweep.graph(5000, 200)
    grads = sides["c"]()[1]
    assert sum(g != 0 for g in grads) > 150
    harness.agree("fresh", sides["fresh"]()[1], grads, 1e-13)
    harness.agree("again", sides["again"]()[1], grads, 1e-13)
    harness.agree("again", sides["again"]()[1], grads, 1e-13)


def test_irregular_graph_has_its_ops():
    import random

    import cgrad

    rng = random.Random(1)
    with cgrad.Tape() as tape:
        leaves = [tape.leaf(rng.uniform(-1, 1)) for _ in range(300)]
        total = sweep.record(sweep.program(6000, 300, 20), list(leaves))
    ops = {node.op for node in tape} - {"leaf"}
    assert math.isfinite(total.data) and len(ops) >= sweep.OPS


@needs_gcc
def test_hessian_is_that_of_c():
    start = hessian.point(12)
    first, second = hessian.by_hand(start)
    harness.agree("gradient", hessian.gradient(start), first, 1e-14)
    harness.agree("Hessian", [h for r in hessian.hessian(start) for h in r], [h for r in second for h in r], 1e-14)


@pytest.mark.skipif(not memory.PROC.exists(), reason="reads /proc")
def test_training_loop_counts_its_operations():
    operations, mean, *sizes = memory.endless(20_000, 10)["train"]()[1]
    assert 19_000 < operations <= 20_000 and len(sizes) >= 10 and mean < 0.1


# ---- arrays -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", arrays.CHAINS)
def test_chains_of_arrays_have_ten_operations(name):
    import cgrad

    with cgrad.Tape() as tape:
        x, y = cgrad.Tensor([0.5, 1.0], requires_grad=True), cgrad.Tensor([1.0, -0.5], requires_grad=True)
        out = arrays.CHAINS[name](cgrad, x, y)
    assert out.shape == (2,) and sum(node.op != "leaf" for node in tape) == arrays.STEPS


@needs("autograd")
@pytest.mark.parametrize("name", arrays.CHAINS)
def test_chains_of_arrays_are_those_of_autograd(name):
    """Twice: gradients are set to zero in between."""
    ours, theirs = arrays.ours(name, 50, 2)["run"]()[1], arrays.autograd(name, 50, 1)["run"]()[1]
    assert len(ours) == 9
    harness.agree(name, ours, theirs, 1e-13)


def test_loop_over_elements_is_the_closed_form():
    x, _ = arrays.start(20)
    sides = arrays.elements("cgrad", 20, 3)
    harness.agree("gradient", sides["gradient"]()[1], [float((x*x).sum()), *(2*x).tolist()], 1e-14)
    assert sides["forward"]()[1] == sides["floats"]()[1]


def by_hand_epoch(dtype, rate, momentum):
    """The epoch of arrays_digits in plain NumPy: the losses."""
    import numpy as np

    weights, batches = arrays_digits.begin(dtype)
    params = [a for pair in weights for a in pair]
    velocity = [0*p for p in params]
    losses = []
    for x, y in batches:
        w1, b1, w2, b2 = params
        hidden = np.maximum(x @ w1.T + b1, 0)
        scores = hidden @ w2.T + b2
        scores = scores - scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        losses.append(-logs[np.arange(len(y)), y].mean())
        slope = (np.exp(logs) - np.eye(10)[y])/len(y)
        back = (slope @ w2)*(hidden > 0)
        gradients = back.T @ x, back.sum(axis=0), slope.T @ hidden, slope.sum(axis=0)
        velocity = [momentum*v + g for v, g in zip(velocity, gradients, strict=True)]
        params = [p - rate*v for p, v in zip(params, velocity, strict=True)]
    return [losses[0], losses[len(losses)//2], losses[-1], *arrays_digits.digest(params)]


def test_epoch_of_digits_is_that_by_hand():
    options = arrays_digits.OPTIMIZER
    expected = by_hand_epoch("float64", options["lr"], options["momentum"])
    side = arrays_digits.ours("float64")["epoch"]
    harness.agree("epoch", side()[1], expected, 1e-10)
    harness.agree("epoch", side()[1], expected, 1e-10)  # from the start again
    harness.agree("epoch", arrays_digits.ours("float32")["epoch"]()[1], expected, 1e-3)
    assert expected[0] == pytest.approx(math.log(10), abs=0.1) and expected[2] < 1.0


def test_digits_are_read_without_cgrad():
    from cgrad.data import digits

    images, labels = arrays_digits.data("float64")
    assert (images*16).tolist() == digits().rows and labels.tolist() == digits().labels


@pytest.mark.skipif(not memory.PROC.exists(), reason="reads /proc")
def test_memory_loops_over_arrays_compute_what_they_say():
    mean, *samples = arrays_memory.training(2000, 10)["train"]()[1]
    assert mean < 0.05 and len(samples) == 20
    for alive in (False, True):
        assert arrays_memory.dropped(2, 100, alive)["drop"]()[1][2] == pytest.approx(arrays_memory.slope(), rel=1e-14)


# ---- the harness ------------------------------------------------------------------------------------

def test_disagreement_is_refused():
    with pytest.raises(harness.Disagreement):
        harness.agree("x", [1.0], [1.1], 1e-3)
    with pytest.raises(harness.Disagreement):
        harness.agree("x", [math.nan], [1.0], 1.0)
    with pytest.raises(harness.Disagreement):
        harness.ratios("x", lambda: (1.0, [1.0]), lambda: (1.0, [2.0]), 1)


def test_ratio_is_taken_in_turn():
    calls = []

    def side(name, seconds):
        def call():
            calls.append(name)
            return seconds, [1.0]
        return call

    assert harness.ratios("x", side("a", 3.0), side("b", 2.0), 2) == [1.5, 1.5]
    assert calls == ["a", "b"]*3
    assert harness.row("x", "<= 1.5", [1.0, 2.0, 3.0]).met is False
    assert harness.row("x", ">= 2.0", [1.0, 2.0, 3.0]).met is True


def test_crash_of_a_side_is_reported():
    with (harness.Process("expression", "sides", "cgrad", "no number") as process,
          pytest.raises(harness.Crashed, match=r"expression\.sides")):
        process("loop")


@pytest.fixture
def forget_peers():
    harness.peer.cache_clear()
    yield
    harness.peer.cache_clear()


def test_peers_are_looked_for_in_both_interpreters(monkeypatch, forget_peers, tmp_path):
    monkeypatch.delenv(harness.PEER_PYTHON, raising=False)
    assert harness.peer("pytest")[0] == sys.executable and harness.peer("no-such-package") == ("", "")
    monkeypatch.setattr(harness, "version", lambda package: "")
    harness.peer.cache_clear()
    assert harness.peer("pytest") == ("", "")
    monkeypatch.setenv(harness.PEER_PYTHON, sys.executable)
    harness.peer.cache_clear()
    python, found = harness.peer("pytest")
    assert python == sys.executable and found == pytest.__version__ and harness.peer("no-such-package") == ("", "")
    monkeypatch.setenv(harness.PEER_PYTHON, str(tmp_path / "nothing"))
    harness.peer.cache_clear()
    assert harness.peer("pytest") == ("", "")


def test_a_missing_peer_is_no_success(monkeypatch, forget_peers):
    monkeypatch.setattr(harness, "version", lambda package: "")
    monkeypatch.delenv(harness.PEER_PYTHON, raising=False)
    row = arrays.compared("chain", ">= 5", "mixed", 10, 1, 1, "torch")
    assert row.value is None and row.met is None and row.note.startswith("needs torch")
    assert "met" not in run.line(row)


def test_another_interpreter_can_be_named(monkeypatch):
    seen = []
    monkeypatch.setattr(run, "take", lambda *args, **kwargs: seen.append(run.os.environ[harness.PEER_PYTHON]) or {})
    monkeypatch.setenv(harness.PEER_PYTHON, "before")
    run.main(["--quick", "--only", "chain", "--peer-python", sys.executable])
    assert seen == [sys.executable]


def test_readme_is_rewritten_between_its_marks():
    begin, end = figures.BEGIN, figures.END
    text = figures.rewritten(f"above\n{begin}\nold\n{end}\nbelow\n", "new")
    assert text == f"above\n{begin}\nnew\n{end}\nbelow\n"
    assert figures.rewritten(text, "new") == text
    with pytest.raises(ValueError, match="no place for the figures"):
        figures.rewritten("nothing here", "new")


def test_page_of_figures():
    rows = [harness.Row("a*b", "<= 2.0", 1.5, 1.4, 1.6), harness.Row("b", ">= 3", 2.0, unit=harness.FASTER),
            harness.Row("c", "", None, note="needs a peer")]
    page = figures.page([{"date": "2000-01-02", "quick": False, "machine": {"Python": "3"},
                          "figures": {"chain": [*map(asdict, rows)]}}])
    assert "| a\\*b | 1.50x (1.40 to 1.60) | at most 2.0 | met |  |" in page
    assert "| b | 2.00x faster | at least 3 | missed |  |" in page
    assert "| c | not measured |  |  | needs a peer |" in page
    assert "1 of 2 are met" in page and "Taken on 2000-01-02, groups `chain`: Python 3." in page


def test_new_figures_replace_those_of_their_groups():
    old = [{"date": "1", "figures": {"chain": [1], "moons": [2]}}, {"date": "2", "figures": {"memory": [3]}}]
    new = {"date": "3", "figures": {"memory": [4], "moons": [5]}}
    assert figures.merged(old, new) == [{"date": "1", "figures": {"chain": [1]}}, new]


def test_each_group_has_a_title():
    assert list(figures.TITLES) == list(run.GROUPS)


def test_written_figures_are_rendered(tmp_path, monkeypatch):
    """``--write`` keeps the figures and renders both pages; those of a quick run are refused."""
    for name in ("RESULTS", "PAGE", "README"):
        copy = tmp_path / getattr(figures, name).name
        copy.write_bytes(getattr(figures, name).read_bytes())
        monkeypatch.setattr(figures, name, copy)
    row = harness.Row("Hessian", "", 123.0)
    monkeypatch.setattr(run, "take", lambda *args, **kwargs: {"hessian": [row]})
    run.main(["--only", "hessian", "--write"])
    assert figures.load()[-1]["figures"] == {"hessian": [asdict(row)]}
    assert "| Hessian | 123x |" in figures.PAGE.read_text(encoding="utf-8")
    assert figures.README.read_bytes() == (ROOT / "README.md").read_bytes()  # no row of it was measured again
    with pytest.raises(SystemExit):
        run.main(["--quick", "--write"])


def test_machine_names_no_host_and_no_path():
    import platform

    text = " ".join(harness.machine().values())
    assert platform.node() not in text and "/" not in text.replace("x86-64", "")


def test_reference_is_unchanged():
    """The C reference is frozen: figures of different days compare with the same code."""
    import hashlib

    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in reference.LIMITS.glob("*.c")}
    assert digests == LIMITS


LIMITS = {
    "limits.c": "e4173d67be488c51a6680edda6b5b6debfb920c239c0261bbf333fa93ec5087b",
    "limits_batch.c": "9f1fc8c152cb431c916fe9b16b07d8f525f4ddebd9f7d3ebf6a293b9b840f835",
    "limits_batch_more.c": "3aaa2299c31918e7570ca22e18dfdf594dffc79f41f072661037b501156049eb",
    "limits_paths.c": "9fa97244c2e18d8ecc88bebd0d95d2ff22e2a0efb836206077af0eb44d149da3",
}
