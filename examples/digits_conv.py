"""Handwritten digits (8x8 pixels) told apart by a small convolution net with pooling.

Two layers of 3x3 filters, maxima over 2x2 pixels between them, and a linear layer; Adam, batches of 32. The checks: the
first convolution against sums written out, and the share of held-out images that come out right.
"""

import sys

import numpy as np

from cgrad import Tensor, nn, no_grad, optim
from cgrad.data import digits

SEED, EPOCHS, BATCH = 1, 15, 32


def split(seed):
    """Images as (count, 1, 8, 8), ink from 0 to 1, and labels, shuffled: those to learn from, those held out."""
    data = digits()
    order = np.random.default_rng(seed).permutation(len(data.labels))
    images, labels = np.array(data.rows)[order].reshape(-1, 1, 8, 8)/16, np.array(data.labels)[order]
    kept = len(labels)*2//3
    return (images[:kept], labels[:kept]), (images[kept:], labels[kept:])


def filtered(image, weight, bias):
    """A 3x3 filter over one image with a border of zeros, pixel by pixel."""
    padded = np.pad(image, 1)
    return np.array([[(padded[y:y + 3, x:x + 3]*weight).sum() + bias for x in range(8)] for y in range(8)])


@no_grad()
def accuracy(model, images, labels):
    model.eval()
    right = (model(Tensor(images)).data.argmax(axis=1) == labels).mean()
    model.train()
    return float(right)


def main():
    rng = np.random.default_rng(SEED)
    (images, labels), held = split(SEED)
    nn.init.manual_seed(SEED)
    first = nn.Conv2D(1, 16, 3, padding=1)
    model = nn.Sequential(first, nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(16, 32, 3, padding=1), nn.ReLU(),
                          nn.MaxPool2D(2), nn.Flatten(), nn.Linear(128, 10))
    loss_of = nn.CrossEntropyLoss()
    by_hand = filtered(images[0, 0], first.weight.data[5, 0], first.bias.data[5])
    apart = float(abs(first(Tensor(images[:1])).data[0, 5] - by_hand).max())
    print(f"first layer  within {apart:.1e} of sums written out; {sum(p.size for p in model.parameters())} parameters")
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
        if epoch in (1, 2, 3) or epoch % 5 == 0:
            print(f"epoch {epoch:3}  loss {total/len(labels):.4f}  held out {accuracy(model, *held):.1%}")
    reached = accuracy(model, *held)
    good = apart < 1e-12 and reached >= 0.97
    print(f"check: {'ok' if good else 'FAILED'}, {reached:.1%} of {len(held[1])} images that it had not seen")
    return good


if __name__ == "__main__":
    sys.exit(not main())
