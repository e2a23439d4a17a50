"""Statistics and likelihoods."""

import math
import statistics
from math import lgamma, log, pi

import numpy as np

COUNTS = [3, 0, 2, 5, 1]


def gaussian_nll(mu, sigma, data):
    if sigma <= 0:
        return math.inf
    return sum(0.5 * math.log(2 * math.pi * sigma**2) + (x - mu)**2 / (2 * sigma**2) for x in data)


def poisson_loglik(rate):
    total = 0.0
    for k in COUNTS:
        total += k * log(rate) - rate - lgamma(k + 1)
    return total


def huber(residuals, delta):
    loss = 0.0
    for r in residuals:
        if abs(r) <= delta:
            loss += 0.5 * r**2
        else:
            loss += delta * (abs(r) - 0.5 * delta)
    return loss / len(residuals)


def tukey_biweight(r, c=4.685):
    return c**2 / 6 * (1 - (1 - (r / c)**2)**3) if abs(r) < c else c**2 / 6


def log_sum_exp(xs):
    m = max(xs)
    return m + math.log(sum(math.exp(x - m) for x in xs))


def mixture_density(x, w, mu1, mu2, s):
    def pdf(m):
        return math.exp(-0.5 * ((x - m) / s)**2) / (s * math.sqrt(2 * pi))

    if not 0 <= w <= 1:
        raise ValueError("weight")
    return w * pdf(mu1) + (1 - w) * pdf(mu2)


def median(values):
    ordered = sorted(values)
    n = len(ordered)
    mid = n // 2
    if n % 2:
        return ordered[mid]
    return (ordered[mid - 1] + ordered[mid]) / 2


def trimmed_mean(values, cut=1):
    return sum(sorted(values)[cut:-cut]) / (len(values) - 2 * cut)


def summary(values):
    mean = sum(values) / len(values)
    var = sum((v - mean)**2 for v in values) / (len(values) - 1)
    return {"mean": mean, "std": math.sqrt(var), "min": min(values), "max": max(values)}


def coefficient_of_variation(values):
    return statistics.stdev(values) / statistics.mean(values)


def censored_loglik(rate, times, events):
    """Exponential survival; an event or a censoring at each time."""
    ll = 0.0
    for t, observed in zip(times, events):
        if observed:
            ll += math.log(rate)
        ll -= rate * t
    return ll


def truncated_normal_logpdf(x, mu, sigma, a, b):
    if x < a or x > b:
        return -math.inf
    Z = 0.5 * (math.erf((b - mu) / sigma / math.sqrt(2)) - math.erf((a - mu) / sigma / math.sqrt(2)))
    return -0.5 * ((x - mu) / sigma)**2 - math.log(sigma * math.sqrt(2 * math.pi)) - math.log(Z)


def pearson(xs, ys):
    mx, my = np.mean(xs), np.mean(ys)
    sxy = sum((x - mx) * (y - my) for x, y in zip(xs, ys))
    sxx = sum((x - mx)**2 for x in xs)
    syy = sum((y - my)**2 for y in ys)
    if sxx == 0 or syy == 0:
        return 0.0
    return sxy / np.sqrt(sxx * syy)


def student_t_logpdf(x, df, scale=1.0):
    z = x / scale
    return lgamma((df + 1) / 2) - lgamma(df / 2) - 0.5 * log(df * pi) - log(scale) - (df + 1) / 2 * math.log1p(z * z / df)


def welford(stream):
    n, mean, m2 = 0, 0.0, 0.0
    for x in stream:
        n += 1
        delta = x - mean
        mean += delta / n
        m2 += delta * (x - mean)
    return mean, (m2 / (n - 1) if n > 1 else float("nan"))


def ks_statistic(sample):
    """Distance of the sample's distribution from the uniform one."""
    xs = sorted(sample)
    n = len(xs)
    d = 0.0
    for i, x in enumerate(xs):
        d = max(d, (i + 1) / n - x, x - i / n)
    return d


def outliers(values, k=1.5):
    q = sorted(values)
    lo, hi = q[len(q) // 4], q[3 * len(q) // 4]
    spread = hi - lo
    return [v for v in values if v < lo - k * spread or v > hi + k * spread]


PROGRAMS = [
    (gaussian_nll, [(0.0, 1.0, [0.1, -0.2, 0.5]), (1.0, 0.5, [1.1, 0.8, 1.3]), (0.0, -1.0, [0.1, 0.2, 0.3]), (2.0, 3.0, [5.0, -5.0, 1.0]), (0.3, 0.0, [0.1, 0.2, 0.3]),
                    (0.5, 2.0, [0.5, 0.5, 0.5])]),
    (poisson_loglik, [(0.5,), (1.0,), (2.2,), (3.0,), (5.0,), (0.1,)]),
    (huber, [([0.1, -0.2, 3.0], 1.0), ([0.1, -0.2, 0.3], 1.0), ([5.0, -4.0, 3.0], 1.0), ([1.0, -1.0, 0.0], 1.0), ([0.5, 2.0, -2.0], 1.5), ([0.2, 0.9, -0.4], 0.3)]),
    (tukey_biweight, [(0.5,), (3.0,), (5.0,), (-2.0,), (-9.0,), (2.0, 2.0), (1.0, 1.5)]),
    (log_sum_exp, [([1.0, 2.0, 3.0],), ([1000.0, 1000.5, 999.0],), ([-5.0, -4.0, -6.0],), ([0.0, 0.0, 0.0],), ([3.0, 1.0, 2.0],), ([2.0, 5.0, -700.0],)]),
    (mixture_density, [(0.0, 0.3, -1.0, 1.0, 0.5), (1.0, 0.5, -1.0, 1.0, 1.0), (3.0, 0.9, 0.0, 2.0, 0.7), (-1.0, 0.0, 0.0, 1.0, 1.0), (0.5, 1.0, 0.0, 1.0, 2.0), (2.0, 0.2, 1.0, 1.5, 0.3)]),
    (median, [([3.0, 1.0, 2.0],), ([1.0, 2.0, 3.0],), ([4.0, 1.0, 3.0, 2.0],), ([2.0, 2.0, 1.0],), ([9.0, 7.0, 8.0, 5.0],), ([0.5, -1.0, 0.25],)]),
    (trimmed_mean, [([3.0, 1.0, 2.0, 10.0],), ([1.0, 2.0, 3.0, 4.0],), ([9.0, -3.0, 5.0, 5.0],), ([0.1, 0.3, 0.2, 0.4],), ([4.0, 3.0, 2.0, 1.0],), ([1.0, 2.0, 9.0, 3.0, 4.0], 2)]),
    (summary, [([3.0, 1.0, 2.0],), ([1.0, 2.0, 4.0],), ([9.0, -3.0, 5.0],), ([0.1, 0.3, 0.2],), ([4.0, 3.0, 2.0],), ([1.0, 9.0, 3.0],)]),
    (coefficient_of_variation, [([3.0, 1.0, 2.0],), ([1.0, 2.0, 4.0],), ([9.0, 3.0, 5.0],), ([0.1, 0.3, 0.2],), ([4.0, 3.0, 2.0],), ([1.0, 9.0, 3.0],)]),
    (censored_loglik, [(0.5, [1.0, 2.0, 3.0], [True, False, True]), (1.5, [1.0, 2.0, 0.3], [True, True, True]), (0.1, [5.0, 2.0], [False, False]), (2.0, [0.1, 0.2], [True, False]),
                       (0.7, [1.0, 1.0, 1.0], [False, True, False]), (1.0, [3.0, 2.0], [True, True])]),
    (truncated_normal_logpdf, [(0.5, 0.0, 1.0, -1.0, 2.0), (-2.0, 0.0, 1.0, -1.0, 2.0), (3.0, 0.0, 1.0, -1.0, 2.0), (-1.0, 0.0, 1.0, -1.0, 2.0), (0.1, 0.5, 0.3, 0.0, 1.0), (4.0, 3.0, 2.0, 1.0, 8.0)]),
    (pearson, [([1.0, 2.0, 3.0], [1.0, 2.5, 2.8]), ([1.0, 2.0, 3.0], [3.0, 2.0, 1.5]), ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([0.5, 0.1, 0.9], [2.0, 2.0, 2.0]), ([4.0, -1.0, 2.0], [0.0, 3.0, 1.0]),
               ([1.0, 5.0, 2.0], [2.0, 7.0, 2.0])]),
    (student_t_logpdf, [(0.5, 3.0), (2.0, 5.0), (-1.0, 1.0, 2.0), (0.0, 4.0), (10.0, 2.5, 0.5), (1.0, 30.0)]),
    (welford, [([1.0, 2.0, 4.0],), ([5.0, 5.0, 5.0],), ([3.0],), ([-1.0, 1.0],), ([0.1, 0.2, 0.4, 0.8],), ([10.0, 0.0, 3.0],)]),
    (ks_statistic, [([0.1, 0.5, 0.9],), ([0.9, 0.8, 0.85],), ([0.05, 0.1, 0.2],), ([0.3, 0.6, 0.2],), ([0.5, 0.5, 0.5],), ([0.21, 0.39, 0.99],)]),
    (outliers, [([1.0, 2.0, 3.0, 4.0, 100.0],), ([1.0, 2.0, 3.0, 4.0, 5.0],), ([-50.0, 1.0, 2.0, 3.0, 2.5],), ([-90.0, 1.0, 2.0, 3.0, 90.0],), ([1.0, 1.0, 1.0, 1.0, 1.0],), ([1.0, 2.0, 3.0, 4.0, 5.5], 0.2)]),
]
