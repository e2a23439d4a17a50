"""Logistic regression on Fisher's irises (versicolor against virginica), by Newton's method.

Gradient and Hessian come from the likelihood written as a plain loop; the inverse Hessian gives the
standard errors. The check: the coefficients and standard errors that R prints for
``glm(Species ~ ., binomial, iris[51:150, ])``.
"""

import sys

import numpy as np

import cgrad
from cgrad.data import iris

R_COEFFICIENTS = [-42.638, -2.465, -6.681, 9.429, 18.286]
R_STANDARD_ERRORS = [25.708, 2.394, 4.480, 4.737, 9.743]


def loss(weights, rows, labels):
    """Negative log likelihood: the sum of log(1 + exp(-z)) over the ones, log(1 + exp(z)) over the zeros."""
    total = 0.0
    for row, label in zip(rows, labels, strict=True):
        z = cgrad.dot(weights[1:], row, weights[0])
        total = total + cgrad.softplus(-z if label else z)
    return total


def fit(rows, labels):
    """Newton's method from 0: coefficients, their standard errors, the loss, the number of steps."""
    weights = [cgrad.Value(0.0) for _ in range(1 + len(rows[0]))]
    for step in range(1, 31):
        value = loss(weights, rows, labels)
        slopes = cgrad.gradients(value, weights, create_graph=True).wrt(weights)
        hessian = np.array([cgrad.gradients(slope, weights).wrt(weights) for slope in slopes])
        change = np.linalg.solve(hessian, [slope.item() for slope in slopes])
        for w, c in zip(weights, change, strict=True):
            w.data -= c
        if np.abs(change).max() < 1e-9:
            break
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    return [w.item() for w in weights], errors, value.item(), step


def main():
    data = iris()
    chosen = [i for i, label in enumerate(data.labels) if data.classes[label] != "setosa"]
    rows = [data.rows[i] for i in chosen]
    labels = [data.classes[data.labels[i]] == "virginica" for i in chosen]
    weights, errors, value, steps = fit(rows, labels)
    print(f"{steps} steps of Newton's method, deviance {2*value:.3f}")
    print("                       estimate  standard error   (R)")
    good = True
    for name, w, e, rw, re in zip(["intercept", *data.features], weights, errors, R_COEFFICIENTS, R_STANDARD_ERRORS,
                                  strict=True):
        print(f"{name:20} {w:10.3f} {e:12.3f}     {rw:10.3f} {re:8.3f}")
        good = good and abs(w - rw) < 6e-4 and abs(e - re) < 6e-4
    print(f"check: {'ok' if good else 'FAILED'}, three decimals as R prints them")
    return good


if __name__ == "__main__":
    sys.exit(not main())
