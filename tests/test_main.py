"""python -m cgrad: what it trains, what it prints, what it refuses; and the data that it ships."""

import collections
import re
import runpy
import statistics
import subprocess
import sys
from importlib import resources

import autograd
import autograd.numpy as anp
import pytest

import cgrad
import cgrad.__main__ as demo
import cgrad.data


@pytest.fixture(scope="module")
def data():
    return cgrad.data.iris()


@pytest.fixture(scope="module")
def split(data):
    return demo.divide(data, 1)


@pytest.fixture(scope="module")
def run(split):
    return demo.train(split, 3, range(demo.EPOCHS), 1, lambda epoch, loss: None)


# ---- data ------------------------------------------------------------------------------------------

def test_iris_is_fishers(data):
    """Counts, minima, maxima, means and deviations as its documentation at UCI states them."""
    assert collections.Counter(data.classes[label] for label in data.labels) == dict.fromkeys(
        ("setosa", "versicolor", "virginica"), 50)
    assert data.features == ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    columns = list(zip(*data.rows, strict=True))
    assert [min(c) for c in columns] == [4.3, 2.0, 1.0, 0.1]
    assert [max(c) for c in columns] == [7.9, 4.4, 6.9, 2.5]
    assert [round(statistics.mean(c), 2) for c in columns] == [5.84, 3.06, 3.76, 1.2]
    assert [round(statistics.stdev(c), 2) for c in columns] == [0.83, 0.44, 1.77, 0.76]
    # the two rows that UCI's file has otherwise
    assert data.rows[34] == [4.9, 3.1, 1.5, 0.2]
    assert data.rows[37] == [4.9, 3.6, 1.4, 0.1]


def test_source_and_licence_are_shipped():
    text = resources.files("cgrad.data").joinpath("README.md").read_text(encoding="utf-8")
    for word in ("Fisher", "UCI", "10.24432/C56C76", "CC BY 4.0"):
        assert word in text


# ---- training --------------------------------------------------------------------------------------

def test_split_is_stratified_and_disjoint(data, split):
    assert collections.Counter(split.labels) == {0: 34, 1: 34, 2: 34}
    assert collections.Counter(split.held_labels) == {0: 16, 1: 16, 2: 16}

    def unscaled(rows):
        return collections.Counter(
            tuple(round(x*s + m, 6) for x, m, s in zip(row, split.mean, split.spread, strict=True)) for row in rows)

    all_rows = collections.Counter((row[2], row[3]) for row in data.rows)
    assert unscaled(split.rows) + unscaled(split.held_rows) == all_rows
    for column in zip(*split.rows, strict=True):
        assert statistics.mean(column) == pytest.approx(0, abs=1e-12)
        assert statistics.pstdev(column) == pytest.approx(1)


def in_arrays(network):
    return [(anp.array([[float(w) for w in weights] for weights, _ in layer]),
             anp.array([float(bias) for _, bias in layer])) for layer in network]


def loss_of_arrays(layers, rows, labels):
    x = anp.array(rows)
    for depth, (weights, biases) in enumerate(layers, 1):
        x = anp.dot(x, weights.T) + biases
        if depth < len(layers):
            x = anp.tanh(x)
    right = x[anp.arange(len(labels)), anp.array(labels)]
    return anp.mean(anp.log(anp.sum(anp.exp(x), axis=1)) - right)


def test_loss_and_gradient_against_autograd(split, run):
    """The loops over Values, and the same network in arrays under HIPS autograd."""
    layers = in_arrays(run.network)
    want, slopes = autograd.value_and_grad(loss_of_arrays)(layers, split.rows, split.labels)
    network = [[([cgrad.Value(w) for w in weights], cgrad.Value(bias)) for weights, bias in layer]
               for layer in run.network]
    loss = demo.cross_entropy(network, split.rows, split.labels)
    loss.backward()
    assert loss.item() == pytest.approx(want, rel=1e-13)
    assert demo.cross_entropy(run.network, split.rows, split.labels) == loss.item()  # plain floats, to the bit
    for layer, (weights, biases) in zip(network, slopes, strict=True):
        for (ws, b), row, slope in zip(layer, weights, biases, strict=True):
            assert [w.grad for w in ws] == pytest.approx(row, rel=1e-10, abs=1e-15)
            assert b.grad == pytest.approx(slope, rel=1e-10, abs=1e-15)


def test_it_learns(split, run):
    assert len(run.losses) == len(run.held_losses) == demo.EPOCHS + 1
    assert run.losses[0] == pytest.approx(1.1, abs=0.3)  # log 3 for three equal chances
    assert run.losses[-1] < 0.1
    assert demo.accuracy(run.network, split.held_rows, split.held_labels) >= 0.9
    assert run.losses[-1] == pytest.approx(loss_of_arrays(in_arrays(run.network), split.rows, split.labels), rel=1e-12)


def test_same_seed_same_run(split, run):
    again = demo.train(split, 3, range(5), 1, lambda epoch, loss: None)
    other = demo.train(split, 3, range(5), 2, lambda epoch, loss: None)
    assert again.losses[:5] == run.losses[:5] != other.losses[:5]


def test_table_counts_operations(split, run):
    table = demo.measure(run, split, steps=1000)
    assert [loop for loop, *_ in table] == ["x = x*a + b", "loss of the network"]
    weights = 2*8 + 8*8 + 8*3
    per_sample = 2*weights + 2*8 + 2 + 1 + 1  # products and sums, tanh, logaddexp, difference, sum
    # the first addition, 0.0 + Value, counts; a sample's inputs are numbers; the mean divides once
    assert [count for _, count, *_ in table] == [2000, len(split.rows)*per_sample + 1]
    assert all(floats > 0 and values > 0 for *_, floats, values in table)


# ---- the command -----------------------------------------------------------------------------------

def test_command_prints_results_and_table():
    command = [sys.executable, "-m", "cgrad", "--epochs", "100"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "100/100" in done.stderr
    assert "102 to train on, 48 held out; petal length and petal width" in done.stdout
    assert re.search(r"^loss +0\.\d{4} \(held out 0\.\d{4}\)$", done.stdout, re.MULTILINE)
    held = re.search(r"^accuracy +\d+\.\d% \(held out (\d+\.\d)%, (\d+) of 48 wrong\)$", done.stdout, re.MULTILINE)
    assert float(held[1]) == pytest.approx(100*(1 - int(held[2])/48), abs=0.05)
    rows = re.findall(r"^(.+?) +([\d,]+) +([\d.]+) +([\d.]+) +([\d.]+)x$", done.stdout, re.MULTILINE)
    assert [row[0] for row in rows] == ["x = x*a + b", "loss of the network"]
    for _, _, floats, values, ratio in rows:
        assert float(values)/float(floats) == pytest.approx(float(ratio), rel=0.02)


def test_quiet_says_nothing_else(capsys):
    assert demo.main(["--quiet", "--epochs", "2"]) == 0
    streams = capsys.readouterr()
    assert streams.err == "" and "2 epochs" in streams.out
    assert demo.main(["--quiet", "--epochs", "1", "--seed", "5"]) == 0
    assert "1 epoch in" in capsys.readouterr().out


def test_lines_where_tqdm_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert demo.main(["--epochs", "25"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert 5 <= len(lines) <= 15
    assert lines[-1].startswith("epoch 25/25: loss ")


@pytest.mark.parametrize("given, message", [
    (["--epochs", "0"], "--epochs: '0' is no whole number from 1 up"),
    (["--epochs", "many"], "--epochs: 'many' is no whole number from 1 up"),
    (["--seed", "-1"], "--seed: '-1' is no whole number from 0 up"),
    (["--epochs"], "--epochs: expected one argument"),
    (["iris"], "unrecognized arguments: iris"),
    (["--plot", "missing/iris.png"], "--plot: there is no directory 'missing'"),
    (["--plot", "."], "--plot: '.' is a directory"),
    (["--plot", "iris.doc"], "--plot: 'iris.doc' has none of the endings"),
    (["--plot", "iris"], "--plot: 'iris' has none of the endings"),
])
def test_wrong_input(given, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        demo.main(given)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_plot_without_matplotlib_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(SystemExit) as end:
        demo.main(["--plot", "iris.png"])
    assert end.value.code == 2
    assert "pip install 'pycgrad[demo]'" in capsys.readouterr().err


def test_plot_that_cannot_be_written(capsys, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "save_picture", full)
    assert demo.main(["--quiet", "--epochs", "1", "--plot", str(tmp_path/"iris.png")]) == 1
    assert "cannot be written: No space left on device" in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit) as end:
        demo.main(["--help"])
    assert not end.value.code
    out = capsys.readouterr().out
    for option in ("--plot FILE", "--epochs N", "--seed N", "--quiet"):
        assert option in out


def test_interrupt(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cgrad.data, "iris", interrupted)
    monkeypatch.setattr(sys, "argv", ["cgrad", "--quiet"])
    monkeypatch.delitem(sys.modules, "cgrad.__main__")
    with pytest.raises(SystemExit) as end:
        runpy.run_module("cgrad", run_name="__main__")
    assert end.value.code == 130


def test_reader_that_goes_away():
    process = subprocess.Popen([sys.executable, "-m", "cgrad", "--quiet", "--epochs", "1"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    with process.stderr:
        errors = process.stderr.read()
    assert process.wait(timeout=120) == 1
    assert errors == ""


# ---- the picture -----------------------------------------------------------------------------------

@pytest.mark.parametrize("ending, head", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_plot_is_saved(ending, head, tmp_path, data, split, run):
    pytest.importorskip("matplotlib", reason="the picture is drawn by matplotlib")
    path = tmp_path/f"iris.{ending}"
    demo.save_picture(str(path), data, split, run)
    content = path.read_bytes()
    assert content.startswith(head) and len(content) > 10_000


def test_command_saves_the_plot(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="the picture is drawn by matplotlib")
    path = tmp_path/"a picture.png"
    assert demo.main(["--quiet", "--epochs", "1", "--plot", str(path)]) == 0
    assert path.stat().st_size > 10_000
    assert str(path) in capsys.readouterr().out


def test_picture_shows_what_was_trained(data, split, run):
    """The pixel under each sample has the colour of its predicted class."""
    figure = pytest.importorskip("matplotlib.figure", reason="the picture is drawn by matplotlib").Figure()
    axes = figure.subplots()
    demo.draw_decisions(axes, data, split, run)
    image = axes.images[0]
    x0, x1, y0, y1 = image.get_extent()
    pixels = image.get_array()
    colours = [[int(c[k:k + 2], 16)/255 for k in (1, 3, 5)] for c in demo.COLOURS]
    checked = 0
    for row in split.rows + split.held_rows:
        scores = list(demo.forward(run.network, row))
        if sorted(scores)[-1] - sorted(scores)[-2] < 1:
            continue  # close to a boundary colours mix
        x, y = (v*s + m for v, m, s in zip(row, split.mean, split.spread, strict=True))
        pixel = pixels[int((y - y0)/(y1 - y0)*len(pixels)), int((x - x0)/(x1 - x0)*len(pixels[0]))]
        distances = [sum((0.65 + 0.35*a - b)**2 for a, b in zip(colour, pixel, strict=True)) for colour in colours]
        assert distances.index(min(distances)) == scores.index(max(scores))
        checked += 1
    assert checked > 120
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "virginica, held out" in labels and "classified wrong" in labels
    losses = figure.add_subplot()
    demo.draw_losses(losses, run)
    assert [list(line.get_ydata()) for line in losses.lines] == [run.losses, run.held_losses]
