"""Nets that learn: an array MLP and a small convolution net on images of 8x8, in seconds and constant memory."""

import time

import numpy as np
import pytest

import cgrad
from cgrad import nn
from cgrad.nn import init

RNG = np.random.default_rng(11)


def pictures(n):
    """Images of 8x8 of four kinds, a horizontal, vertical, falling or rising line at a random position, in noise."""
    kind = RNG.integers(0, 4, n)
    images = 0.3*RNG.standard_normal((n, 1, 8, 8))
    for image, k in zip(images[:, 0], kind, strict=True):
        row, column = RNG.integers(0, 4, 2)
        for t in range(5):
            i, j = ((row, column + t), (row + t, column), (row + t, column + t), (row + 4 - t, column + t))[k]
            image[min(i, 7), min(j, 7)] += 1.0
    return images, kind


def train(net, x, y, epochs, rate):
    criterion = nn.CrossEntropyLoss()
    parameters = net.parameters()
    losses = []
    for _ in range(epochs):
        for batch in np.array_split(RNG.permutation(len(x)), len(x)//32):
            loss = criterion(net(x[batch]), y[batch])
            net.zero_grad()
            loss.backward()
            for p in parameters:
                p.data -= rate*p.grad
            losses.append(loss.data)
    return losses


def accuracy(net, x, y):
    net.eval()
    with cgrad.no_grad():
        return (net(x).numpy().argmax(axis=1) == y).mean()


def test_a_convolution_net_learns_kinds_of_lines_in_seconds():
    init.manual_seed(1)
    net = nn.Sequential(nn.Conv2D(1, 8, 3, padding=1), nn.BatchNorm2D(8), nn.ReLU(), nn.MaxPool2D(2),
                        nn.Conv2D(8, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2D(2), nn.Flatten(), nn.Dropout(0.1),
                        nn.Linear(64, 4))
    x, y = pictures(1000)
    started = time.process_time()
    losses = train(net, x, y, 12, 0.1)
    assert time.process_time() - started < 30  # 2 where it was written
    assert np.mean(losses[-20:]) < 0.25*np.mean(losses[:5])
    assert accuracy(net, *pictures(500)) > 0.9


def test_a_perceptron_of_arrays_learns():
    init.manual_seed(2)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4))
    x, y = pictures(1000)
    train(net, x, y, 30, 0.2)
    assert accuracy(net, *pictures(500)) > 0.8


@pytest.mark.many_nodes
@pytest.mark.slow  # tests/arrays/test_memory.py has loops of arrays of each kind
def test_training_keeps_the_tape_small():
    """Promise 4: constant memory with no call to clear anything."""
    net, criterion = nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 2)), nn.CrossEntropyLoss()
    x, y = RNG.standard_normal((5, 4)), np.array([0, 1, 1, 0, 1])
    sizes = []
    with cgrad.Tape() as tape:
        for _ in range(15_000):
            loss = criterion(net(x), y)
            net.zero_grad()
            loss.backward()
            for p in net.parameters():
                p.data -= 0.1*p.grad
            sizes.append((len(tape), tape.nbytes))
    nodes, nbytes = np.array(sizes).T
    assert nodes[-1] < 15_000*5  # collected at least once
    assert nodes[7_500:].max() <= 1.01*nodes[:7_500].max()
    assert nbytes[7_500:].max() <= 1.01*nbytes[:7_500].max()


@pytest.mark.parametrize("layer", [nn.Linear(8, 2), nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 2))],
                         ids=["linear", "deep"])
def test_gradients_agree_with_themselves_over_batches(layer):
    """The gradient of a sum over a batch is the sum of its samples' gradients."""
    x = RNG.standard_normal((5, 8))
    (layer(x)**2).sum().backward()
    whole = [np.array(p.grad) for p in layer.parameters()]
    layer.zero_grad()
    for row in x:
        (layer(row[None])**2).sum().backward()
    for p, want in zip(layer.parameters(), whole, strict=True):
        np.testing.assert_allclose(p.grad, want, rtol=1e-10, atol=1e-12)
