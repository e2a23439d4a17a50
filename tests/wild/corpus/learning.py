"""Machine learning by hand."""

import math
import operator

import numpy as np

DATA = [(0.5, 1.0, 1), (-1.0, 0.3, 0), (1.5, -0.5, 1), (-0.4, -1.2, 0)]


def sigmoid(x):
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    z = math.exp(x)
    return z / (1 + z)


def relu(x):
    return x if x > 0 else 0.0


def leaky(x, slope=0.01):
    return max(x, slope * x)


def logistic_loss(w1, w2, b):
    loss = 0.0
    for x1, x2, label in DATA:
        p = sigmoid(w1 * x1 + w2 * x2 + b)
        p = min(max(p, 1e-12), 1 - 1e-12)
        loss -= math.log(p) if label else math.log(1 - p)
    return loss / len(DATA)


def hinge(w, b, c=0.1):
    margins = [max(0, 1 - (2 * y - 1) * (w * x1 + b)) for x1, _, y in DATA]
    return sum(margins) / len(margins) + c * w**2


def mlp(x, weights, hidden=3):
    """weights: hidden*3 of the first layer and the second."""
    total = 0.0
    for h in range(hidden):
        a = relu(weights[3 * h] * x + weights[3 * h + 1])
        total += weights[3 * h + 2] * a
    return math.tanh(total)


def softmax(scores):
    top = max(scores)
    exps = [math.exp(s - top) for s in scores]
    norm = sum(exps)
    return [e / norm for e in exps]


def cross_entropy(scores, target):
    return -math.log(softmax(scores)[target])


def argmax(scores):
    best, where = scores[0], 0
    for i, s in enumerate(scores):
        if s > best:
            best, where = s, i
    return where


def perceptron(w1, w2, rate):
    mistakes = 0
    for _ in range(3):
        for x1, x2, y in DATA:
            guess = 1 if w1 * x1 + w2 * x2 > 0 else 0
            if guess != y:
                w1 += rate * (y - guess) * x1
                w2 += rate * (y - guess) * x2
                mistakes += 1
    return w1 + w2 + mistakes


def decision_tree(x, y, z):
    if x < 0.5:
        if y < 0.3:
            return 1.0 * z
        return 2.0 + z
    elif z > 1.0:
        return x * y
    else:
        return -x


def nearest_neighbour(x, y):
    best, label = math.inf, None
    for px, py, kind in DATA:
        d = (px - x)**2 + (py - y)**2
        if d < best:
            best, label = d, kind
    return label * 10 + best


def kmeans_1d(points, c1, c2):
    for _ in range(3):
        left = [p for p in points if abs(p - c1) <= abs(p - c2)]
        right = [p for p in points if abs(p - c1) > abs(p - c2)]
        if left:
            c1 = sum(left) / len(left)
        if right:
            c2 = sum(right) / len(right)
    return c1 * c2


def adam(x, lr):
    m = v = 0.0
    for t in range(1, 9):
        g = 2 * (x - 3)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        x -= lr * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return x


def early_stopping(losses, patience):
    best = float("inf")
    wait = 0
    for epoch, loss in enumerate(losses):
        if loss < best - 1e-3:
            best, wait = loss, 0
        else:
            wait += 1
            if wait >= patience:
                return epoch
    return len(losses)


def lasso_step(w, grad, lr, lam):
    w = w - lr * grad
    shrink = lr * lam
    if w > shrink:
        return w - shrink
    elif w < -shrink:
        return w + shrink
    return 0.0


def attention(q, keys, values):
    scores = [q * k / math.sqrt(2) for k in keys]
    weights = softmax(scores)
    return sum(map(operator.mul, weights, values))


def linear_fit(x, y):
    x, y = np.array(x), np.array(y)
    xm, ym = x.mean(), y.mean()
    slope = ((x - xm) * (y - ym)).sum() / ((x - xm)**2).sum()
    return slope, ym - slope * xm


def accuracy(w1, w2):
    return sum((w1 * x1 + w2 * x2 > 0) == bool(y) for x1, x2, y in DATA) / len(DATA)


PROGRAMS = [
    (sigmoid, [(0.5,), (-0.5,), (0.0,), (30.0,), (-700.0,), (3.0,)]),
    (leaky, [(0.5,), (-0.5,), (0.0,), (30.0,), (-2.0, 0.2), (3.0, 0.3)]),
    (logistic_loss, [(0.5, 0.1, 0.0), (2.0, -1.0, 0.3), (-1.0, 0.5, -0.2), (0.0, 0.0, 0.0), (40.0, 5.0, 1.0), (-8.0, 3.0, 0.1)]),
    (hinge, [(0.5, 0.1), (2.0, -0.3), (-1.0, 0.5), (0.0, 0.0), (4.0, 0.2), (1.0, 1.0, 0.5)]),
    (mlp, [(0.5, [0.1, 0.2, 0.3, -0.4, 0.5, 0.6, 0.7, -0.8, 0.9]), (-1.5, [0.1, 0.2, 0.3, -0.4, 0.5, 0.6, 0.7, -0.8, 0.9]), (2.0, [0.1, 0.2, 0.3, -0.4, 0.5, 0.6, 0.7, -0.8, 0.9]),
           (0.3, [1.0, 1.0, 1.0, 1.0, -1.0, 2.0, -1.0, -1.0, 3.0]), (0.0, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]), (1.0, [-1.0, 0.5, 1.0, -2.0, 1.0, 1.0, -3.0, 2.0, 1.0])]),
    (softmax, [([1.0, 2.0, 3.0],), ([1000.0, 999.0, 0.0],), ([0.0, 0.0, 0.0],), ([3.0, 1.0, 2.0],), ([-1.0, 5.0, 2.0],), ([0.1, 0.3, 0.2],)]),
    (cross_entropy, [([1.0, 2.0, 3.0], 0), ([1.0, 2.0, 3.0], 2), ([0.0, 0.0, 0.0], 1), ([3.0, 1.0, 2.0], 0), ([-1.0, 5.0, 2.0], 2), ([0.1, 0.3, 0.2], 1)]),
    (argmax, [([1.0, 2.0, 3.0],), ([3.0, 2.0, 1.0],), ([0.0, 0.0, 0.0],), ([1.0, 5.0, 2.0],), ([-1.0, -5.0, -0.5],), ([2.0, 3.0, 3.0],)]),
    (perceptron, [(0.1, 0.1, 0.5), (-1.0, 0.2, 0.3), (0.5, -2.0, 0.1), (1.0, 0.0, 1.0), (-0.3, -0.3, 0.7), (0.0, 0.0, 0.2)]),
    (decision_tree, [(0.2, 0.1, 2.0), (0.2, 0.7, 2.0), (0.8, 0.1, 2.0), (0.8, 0.1, 0.4), (0.5, 0.2, 1.0), (0.1, 0.3, 0.5)]),
    (nearest_neighbour, [(0.4, 0.9), (-0.9, 0.2), (1.4, -0.4), (-0.5, -1.0), (0.0, 0.0), (5.0, 5.0)]),
    (kmeans_1d, [([0.1, 0.2, 0.9, 1.1], 0.0, 1.0), ([0.1, 0.2, 0.3, 5.0], 0.0, 0.4), ([1.0, 2.0, 3.0, 4.0], 9.0, 10.0), ([1.0, 2.0, 3.0, 4.0], -9.0, -10.0), ([1.0, 1.5, 3.0, 3.2], 3.0, 1.0), ([0.0, 1.0, 2.0, 4.0], 1.0, 3.0), ([1.0, 2.0, 3.0, 4.0], 9.0, 4.0)]),
    (adam, [(0.0, 0.1), (5.0, 0.3), (3.0, 0.1), (-2.0, 1.0), (2.9, 0.05), (10.0, 0.5)]),
    (early_stopping, [([1.0, 0.8, 0.7, 0.65], 2), ([1.0, 1.1, 1.2, 0.5], 2), ([1.0, 0.9995, 0.9, 0.95], 1), ([3.0, 2.0, 2.5, 2.6], 2), ([5.0, 4.0, 3.0, 2.0], 1), ([0.1, 0.2, 0.05, 0.2], 3)]),
    (lasso_step, [(1.0, 0.5, 0.1, 0.3), (-1.0, 0.5, 0.1, 0.3), (0.02, 0.1, 0.1, 0.5), (0.5, -2.0, 0.2, 1.0), (-0.1, -0.5, 0.2, 0.1), (0.05, 0.0, 0.1, 0.5)]),
    (attention, [(1.0, [0.5, -0.5, 1.0], [1.0, 2.0, 3.0]), (0.0, [0.5, -0.5, 1.0], [1.0, 2.0, 3.0]), (-2.0, [0.5, -0.5, 1.0], [1.0, 2.0, 3.0]), (3.0, [1.0, 1.0, 1.0], [0.1, 0.2, 0.3]),
                 (0.5, [3.0, 2.0, 1.0], [-1.0, 0.0, 1.0]), (1.5, [0.0, 2.0, -1.0], [4.0, 5.0, 6.0])]),
    (linear_fit, [([1.0, 2.0, 3.0], [1.0, 2.5, 2.8]), ([0.0, 1.0, 4.0], [3.0, 2.0, 1.5]), ([1.0, 5.0, 2.0], [1.0, 2.0, 3.0]), ([0.5, 0.1, 0.9], [2.0, 2.0, 2.0]), ([4.0, -1.0, 2.0], [0.0, 3.0, 1.0]),
                  ([1.0, 5.0, 2.0], [2.0, 7.0, 2.0])]),
    (accuracy, [(1.0, 1.0), (-1.0, 0.5), (0.0, 0.0), (0.3, -2.0), (2.0, 0.1), (-1.0, -1.0)]),
]
