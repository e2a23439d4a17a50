"""Handwritten digits (8x8 pixels) told apart by a multi-layer perceptron over arrays.

Two thirds of the 1,797 images to learn from, in batches of 32, by Adam; the last third is held out. The checks: the
gradient of the first batch against central differences, and the share of held-out images that come out right.
"""

import sys

import numpy as np

from cgrad import Tensor, nn, no_grad, optim
from cgrad.data import digits

SEED, EPOCHS, BATCH = 1, 40, 32


def split(seed):
    """Images (ink from 0 to 1) and labels, shuffled: those to learn from, those held out."""
    data = digits()
    order = np.random.default_rng(seed).permutation(len(data.labels))
    images, labels = np.array(data.rows)[order]/16, np.array(data.labels)[order]
    kept = len(labels)*2//3
    return (images[:kept], labels[:kept]), (images[kept:], labels[kept:])


def difference(model, loss_of, images, labels, h=1e-6):
    """The gradient of one batch: its largest difference from central differences, at some weights of each layer."""
    model.zero_grad()
    loss_of(model(Tensor(images)), labels).backward()
    largest = 0.0
    for p in model.parameters():
        for place in (0, p.size//2, p.size - 1):
            sides = []
            for step in (h, -2*h, h):
                p.data.flat[place] += step
                sides.append(loss_of(model(Tensor(images)), labels).item())
            largest = max(largest, abs((sides[0] - sides[1])/(2*h) - p.grad.flat[place]))
    return largest


@no_grad()
def accuracy(model, images, labels):
    return float((model(Tensor(images)).data.argmax(axis=1) == labels).mean())


def main():
    rng = np.random.default_rng(SEED)
    (images, labels), held = split(SEED)
    nn.init.manual_seed(SEED)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    loss_of = nn.CrossEntropyLoss()
    apart = difference(model, loss_of, images[:BATCH], labels[:BATCH])
    print(f"gradient  within {apart:.1e} of central differences")
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(1, EPOCHS + 1):
        order = rng.permutation(len(labels))
        total = 0.0
        for k in range(0, len(order), BATCH):
            batch = order[k:k + BATCH]
            optimizer.zero_grad()
            loss = loss_of(model(Tensor(images[batch])), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item()*len(batch)
        if epoch in (1, 2, 5) or epoch % 10 == 0:
            print(f"epoch {epoch:3}  loss {total/len(labels):.4f}  held out {accuracy(model, *held):.1%}")
    reached = accuracy(model, *held)
    good = apart < 1e-7 and reached >= 0.97
    print(f"check: {'ok' if good else 'FAILED'}, {reached:.1%} of {len(held[1])} images that it had not seen")
    return good


if __name__ == "__main__":
    sys.exit(not main())
