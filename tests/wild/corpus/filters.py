"""Signal filters."""

import itertools
import math
from collections import deque

import numpy as np


def low_pass(samples, alpha):
    y = samples[0]
    out = [y]
    for x in samples[1:]:
        y = alpha * x + (1 - alpha) * y
        out.append(y)
    return out


def moving_average(samples, n):
    window = deque(maxlen=n)
    averages = []
    for s in samples:
        window.append(s)
        averages.append(sum(window) / len(window))
    return averages[-1] + max(averages)


def median_filter(samples):
    padded = [samples[0], *samples, samples[-1]]
    return [sorted(padded[i:i + 3])[1] for i in range(len(samples))]


def biquad_gain(f, f0, q, kind="lowpass"):
    w = 2 * math.pi * f0
    s = math.sin(w) / (2 * q)
    c = math.cos(w)
    if kind == "lowpass":
        b0 = b2 = (1 - c) / 2
        b1 = 1 - c
    elif kind == "highpass":
        b0 = b2 = (1 + c) / 2
        b1 = -(1 + c)
    else:
        b0, b1, b2 = s, 0.0, -s
    a0, a1, a2 = 1 + s, -2 * c, 1 - s
    p = 2 * math.pi * f
    re_n = b0 + b1 * math.cos(p) + b2 * math.cos(2 * p)
    im_n = -b1 * math.sin(p) - b2 * math.sin(2 * p)
    re_d = a0 + a1 * math.cos(p) + a2 * math.cos(2 * p)
    im_d = -a1 * math.sin(p) - a2 * math.sin(2 * p)
    return math.sqrt((re_n**2 + im_n**2) / (re_d**2 + im_d**2))


def compressor(level, threshold=-20.0, ratio=4.0, knee=6.0):
    over = level - threshold
    if 2 * over < -knee:
        return level
    elif 2 * abs(over) <= knee:
        return level + (1 / ratio - 1) * (over + knee / 2)**2 / (2 * knee)
    return threshold + over / ratio


def noise_gate(samples, open_at, close_at):
    is_open = False
    total = 0.0
    for s in samples:
        if not is_open and abs(s) > open_at:
            is_open = True
        elif is_open and abs(s) < close_at:
            is_open = False
        total += s if is_open else 0.0
    return total


def envelope(samples, attack, release):
    env = 0.0
    for s in samples:
        s = abs(s)
        coef = attack if s > env else release
        env = coef * env + (1 - coef) * s
    return env


def soft_clip(x):
    if x > 1:
        return 2 / 3
    if x < -1:
        return -2 / 3
    return x - x**3 / 3


def zero_crossings(samples):
    return sum(1 for a, b in zip(samples, samples[1:]) if a * b < 0)


def goertzel(samples, freq):
    coeff = 2 * math.cos(2 * math.pi * freq)
    s1 = s2 = 0.0
    for x in samples:
        s0 = x + coeff * s1 - s2
        s2, s1 = s1, s0
    return s1**2 + s2**2 - coeff * s1 * s2


def hann_energy(samples):
    n = len(samples)
    w = np.array([0.5 - 0.5 * math.cos(2 * math.pi * i / (n - 1)) for i in range(n)])
    energy = 0
    for wi, s in zip(w, samples):
        energy += (wi * s)**2
    return energy / n


def convolve(signal, kernel):
    n, m = len(signal), len(kernel)
    out = np.zeros(n + m - 1)
    for i in range(n):
        for j in range(m):
            out[i + j] += signal[i] * kernel[j]
    return out


def peak(samples):
    """Position of the highest sample, by a parabola through its neighbours."""
    i = max(range(len(samples)), key=lambda k: samples[k])
    if i == 0 or i == len(samples) - 1:
        return float(i)
    a, b, c = samples[i - 1:i + 2]
    return i + 0.5 * (a - c) / (a - 2 * b + c)


def decibels(x, floor=-100.0):
    if x == 0:
        return floor
    return max(20 * math.log10(abs(x)), floor)


def agc(samples, target):
    gain = 1.0
    out = 0.0
    for x in samples:
        y = gain * x
        out += y
        gain += 0.1 * (target - abs(y))
        gain = max(0.1, min(gain, 10.0))
    return out


def running_max(samples):
    return list(itertools.accumulate(samples, max))


def exponential_sum(samples, decay):
    return list(itertools.accumulate(samples, lambda acc, x: acc * decay + x))[-1]


PROGRAMS = [
    (low_pass, [([1.0, 2.0, 0.5], 0.3), ([0.0, 1.0, 1.0], 0.9), ([-1.0, 1.0, -1.0], 0.5), ([1.0, 1.0, 1.0], 0.1), ([5.0, 2.0, 3.0], 1.0), ([0.3, 0.1, 0.2], 0.0)]),
    (moving_average, [([1.0, 2.0, 0.5, 4.0], 2), ([4.0, 1.0, 1.0, 0.0], 3), ([-1.0, -2.0, -3.0, -2.5], 2), ([1.0, 2.0, 3.0, 4.0], 4), ([3.0, 1.0, 5.0, 2.0], 1), ([0.1, 0.4, 0.2, 0.9], 3)]),
    (median_filter, [([1.0, 9.0, 2.0, 3.0],), ([3.0, 2.0, 1.0, 0.0],), ([1.0, 1.0, 5.0, 1.0],), ([0.3, 0.1, 0.4, 0.15],), ([-2.0, 7.0, 1.0, 8.0],), ([2.0, 1.0, 4.0, 3.0],)]),
    (biquad_gain, [(0.1, 0.2, 0.7), (0.3, 0.1, 0.7, "highpass"), (0.05, 0.1, 2.0, "bandpass"), (0.2, 0.2, 1.0), (0.01, 0.25, 0.5, "highpass"), (0.4, 0.15, 5.0, "bandpass")]),
    (compressor, [(-40.0,), (-21.0,), (-10.0,), (-23.0,), (-17.0,), (0.0, -20.0, 2.0), (-18.5, -20.0, 8.0, 10.0)]),
    (noise_gate, [([0.1, 0.5, 0.3, 0.05, 0.4], 0.4, 0.1), ([0.1, 0.2, 0.3, 0.05, 0.1], 0.4, 0.1), ([0.9, 0.5, -0.3, 0.05, -0.45], 0.4, 0.1), ([0.4, 0.41, 0.1, 0.09, 0.5], 0.4, 0.1),
                  ([0.0, 0.0, 0.0, 0.0, 0.0], 0.4, 0.1), ([-0.5, 0.2, 0.01, -0.6, 0.7], 0.4, 0.2)]),
    (envelope, [([0.1, -0.5, 0.3, 0.05], 0.1, 0.9), ([0.5, 0.4, 0.3, 0.2], 0.5, 0.8), ([-0.1, 0.2, -0.3, 0.4], 0.2, 0.95), ([0.0, 0.0, 1.0, 0.0], 0.3, 0.7), ([1.0, 1.0, 1.0, 1.0], 0.5, 0.5),
                ([0.9, -0.1, 0.8, -0.2], 0.05, 0.6)]),
    (soft_clip, [(0.5,), (1.5,), (-1.5,), (1.0,), (-1.0,), (-0.3,)]),
    (zero_crossings, [([1.0, -1.0, 1.0],), ([1.0, 1.0, 1.0],), ([-1.0, 0.0, 1.0],), ([0.5, 0.2, -0.1],), ([-1.0, 2.0, 2.0],), ([0.1, -0.1, -0.2],)]),
    (goertzel, [([1.0, 0.0, -1.0, 0.0], 0.25), ([1.0, 0.5, -1.0, 0.2], 0.1), ([0.1, 0.2, 0.3, 0.4], 0.3), ([0.0, 0.0, 0.0, 0.0], 0.2), ([3.0, 2.0, 1.0, 0.0], 0.5), ([1.0, -1.0, 1.0, -1.0], 0.45)]),
    (hann_energy, [([1.0, 2.0, 3.0, 4.0],), ([1.0, 0.5, -1.0, 0.2],), ([0.1, 0.2, 0.3, 0.4],), ([0.0, 0.0, 0.0, 0.0],), ([3.0, 2.0, 1.0],), ([1.0, -1.0, 1.0, -1.0, 2.0],)]),
    (convolve, [([1.0, 2.0, 3.0], [0.5, 0.5]), ([1.0, 0.0, -1.0], [1.0, 2.0]), ([0.1, 0.2, 0.3], [0.0, 0.0]), ([5.0, 4.0, 3.0], [-1.0, 1.0]), ([1.0, 1.0, 1.0], [0.2, 0.3]), ([2.0, 3.0, 5.0], [7.0, 11.0])]),
    (peak, [([1.0, 3.0, 2.0, 0.5],), ([3.0, 1.0, 2.0, 0.5],), ([1.0, 2.0, 3.0, 4.0],), ([1.0, 1.5, 2.0, 0.5],), ([0.0, 2.0, 2.0, 0.0],), ([-1.0, -3.0, -0.5, -2.0],)]),
    (decibels, [(1.0,), (0.5,), (-0.25,), (0.0,), (1e-9,), (100.0,), (1e-3, -40.0)]),
    (agc, [([0.1, -0.5, 0.3, 0.05], 0.5), ([5.0, 40.0, 30.0, 20.0], 0.5), ([0.0, 0.0, 0.1, 0.1], 100.0), ([1.0, -1.0, 1.0, -1.0], 1.0), ([0.2, 0.3, 0.4, 0.5], 0.1), ([-9.0, 3.0, -1.0, 0.5], 2.0)]),
    (running_max, [([1.0, 3.0, 2.0],), ([3.0, 2.0, 1.0],), ([1.0, 2.0, 3.0],), ([2.0, 2.0, 2.0],), ([-1.0, -3.0, 0.0],), ([5.0, 6.0, 4.0],)]),
    (exponential_sum, [([1.0, 3.0, 2.0], 0.5), ([3.0, 2.0, 1.0], 0.9), ([1.0, 2.0, 3.0], 0.0), ([2.0, 2.0, 2.0], 1.0), ([-1.0, -3.0, 0.0], 0.3), ([5.0, 6.0, 4.0], -0.5)]),
]
