"""Options and Monte Carlo."""

import math
from math import erf, exp, log, sqrt

import numpy as np

TRADING_DAYS = 252
DRAWS = [-1.31, 0.42, 0.08, -0.57, 1.9, -0.11, 0.77, -2.05, 0.33, 1.12]


def norm_cdf(x):
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))


def norm_pdf(x):
    return exp(-0.5 * x * x) / sqrt(2.0 * math.pi)


def black_scholes(S, K, T, r, sigma, kind="call"):
    if T <= 0 or sigma <= 0:
        return max(S - K, 0.0) if kind == "call" else max(K - S, 0.0)
    d1 = (log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * sqrt(T))
    d2 = d1 - sigma * sqrt(T)
    if kind == "call":
        return S * norm_cdf(d1) - K * exp(-r * T) * norm_cdf(d2)
    elif kind == "put":
        return K * exp(-r * T) * norm_cdf(-d2) - S * norm_cdf(-d1)
    raise ValueError("unknown option type: " + kind)


def greeks(S, K, T, r, sigma):
    d1 = (math.log(S / K) + (r + sigma * sigma / 2) * T) / (sigma * math.sqrt(T))
    d2 = d1 - sigma * math.sqrt(T)
    theta = -S * norm_pdf(d1) * sigma / (2 * math.sqrt(T)) - r * K * math.exp(-r * T) * norm_cdf(d2)
    return {"delta": norm_cdf(d1), "gamma": norm_pdf(d1) / (S * sigma * math.sqrt(T)),
            "vega": S * norm_pdf(d1) * math.sqrt(T), "theta": theta / TRADING_DAYS}


def binomial_american_put(S, K, r, sigma, T, n):
    dt = T / n
    u = math.exp(sigma * math.sqrt(dt))
    d = 1 / u
    p = (math.exp(r * dt) - d) / (u - d)
    values = [max(K - S * u**j * d**(n - j), 0.0) for j in range(n + 1)]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1):
            hold = math.exp(-r * dt) * (p * values[j + 1] + (1 - p) * values[j])
            values[j] = max(hold, K - S * u**j * d**(i - j))
    return values[0]


def down_and_out_path(S, K, barrier, sigma):
    """One simulated path of a barrier option with fixed draws."""
    dt = 1 / len(DRAWS)
    alive = True
    for z in DRAWS:
        S *= math.exp(-0.5 * sigma**2 * dt + sigma * math.sqrt(dt) * z)
        if S <= barrier:
            alive = False
    if not alive:
        return 0.0
    return max(S - K, 0.0)


def monte_carlo_call(S0, K, r, sigma, T):
    payoffs = []
    for z in DRAWS:
        for sign in (1, -1):  # antithetic
            ST = S0 * np.exp((r - 0.5 * sigma**2) * T + sigma * np.sqrt(T) * sign * z)
            payoffs.append(np.maximum(ST - K, 0))
    return np.exp(-r * T) * sum(payoffs) / len(payoffs)


def asian_payoff(path, strike, geometric=False):
    if geometric:
        average = math.exp(sum(math.log(s) for s in path) / len(path))
    else:
        average = sum(path) / len(path)
    return average - strike if average > strike else 0.0


def lookback(path):
    low = path[0]
    for price in path[1:]:
        if price < low:
            low = price
    return path[-1] - low


def implied_vol(price, S, K, T, r):
    sigma = 0.2
    for _ in range(50):
        d1 = (log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * sqrt(T))
        value = S * norm_cdf(d1) - K * exp(-r * T) * norm_cdf(d1 - sigma * sqrt(T))
        vega = S * norm_pdf(d1) * sqrt(T)
        diff = value - price
        if abs(diff) < 1e-10:
            break
        sigma -= diff / vega
    return sigma


def butterfly(spot, low, mid, high):
    if spot <= low or spot >= high:
        return 0.0
    return spot - low if spot < mid else high - spot


def collar(spot, floor, cap):
    return min(max(spot, floor), cap)


def digital_spread(spot, strikes, payout=10.0):
    total = 0.0
    for k in strikes:
        total += payout * (spot > k)
    return total + 0.01 * spot


def margin_requirement(spot, strike, premium, short=True):
    if not short:
        return premium
    otm = max(0, strike - spot)
    return premium + max(0.2 * spot - otm, 0.1 * spot)


def heston_euler(v0, kappa, theta, xi):
    v = v0
    dt = 0.1
    hits = 0
    for z in DRAWS:
        vp = v if v > 0 else 0.0
        if v < 0:
            hits += 1
        v = v + kappa * (theta - vp) * dt + xi * math.sqrt(vp) * math.sqrt(dt) * z
    return v + hits


def autocallable(path, barrier, coupon):
    """Pays the coupon times years at the first date above the barrier."""
    start = path[0]
    for year, price in enumerate(path[1:], start=1):
        if price >= start * barrier:
            return 100 * (1 + coupon * year)
    if path[-1] < 0.6 * start:
        return 100 * path[-1] / start
    return 100.0


def exercise_now(intrinsic, continuation, cost=0.0):
    return intrinsic - cost > continuation and intrinsic > 0


def trinomial_call(S, K, r, sigma, T):
    steps = 6
    dt = T / steps
    u = math.exp(sigma * math.sqrt(2 * dt))
    a, b, c = math.exp(r * dt / 2), math.exp(sigma * math.sqrt(dt / 2)), math.exp(-sigma * math.sqrt(dt / 2))
    pu, pd = ((a - c) / (b - c))**2, ((b - a) / (b - c))**2
    V = np.zeros(2 * steps + 1)
    for i in range(2 * steps + 1):
        V[i] = max(S * u**(i - steps) - K, 0)
    for n in range(steps, 0, -1):
        for i in range(2 * n - 1):
            V[i] = math.exp(-r * dt) * (pd * V[i] + (1 - pu - pd) * V[i + 1] + pu * V[i + 2])
    return V[0]


PROGRAMS = [
    (black_scholes, [(100.0, 100.0, 1.0, 0.05, 0.2), (90.0, 100.0, 0.5, 0.01, 0.3), (120.0, 100.0, 2.0, 0.03, 0.25, "put"),
                     (80.0, 100.0, 0.25, 0.02, 0.4, "put"), (105.0, 100.0, 0.0, 0.05, 0.2), (95.0, 100.0, 0.0, 0.05, 0.2, "put"),
                     (95.0, 100.0, 1.0, 0.05, -0.1), (100.0, 100.0, 0.0, 0.05, 0.2)]),
    (greeks, [(100.0, 95.0, 0.5, 0.05, 0.2), (90.0, 100.0, 1.0, 0.01, 0.3), (110.0, 100.0, 0.1, 0.0, 0.15),
              (50.0, 55.0, 2.0, 0.02, 0.5), (100.0, 100.0, 1.0, 0.03, 0.2), (70.0, 60.0, 1.5, 0.04, 0.35)]),
    (binomial_american_put, [(s, 100.0, 0.05, 0.3, 1.0, 5) for s in (70.0, 90.0, 100.0, 104.0, 130.0)] + [(95.0, 100.0, 0.02, 0.2, 0.5, 3)]),
    (down_and_out_path, [(100.0, 95.0, 60.0, 0.2), (100.0, 95.0, 90.0, 0.3), (100.0, 130.0, 50.0, 0.2), (120.0, 95.0, 80.0, 0.5),
                         (80.0, 70.0, 81.0, 0.1), (100.0, 100.0, 75.0, 0.4)]),
    (monte_carlo_call, [(s, 100.0, 0.03, 0.2, 1.0) for s in (60.0, 85.0, 99.0, 107.0, 140.0)] + [(100.0, 90.0, 0.01, 0.4, 0.5)]),
    (asian_payoff, [([100.0, 105.0, 111.0], 100.0), ([100.0, 90.0, 80.0], 100.0), ([100.0, 105.0, 111.0], 100.0, True),
                    ([90.0, 95.0, 80.0], 100.0, True), ([100.0, 100.0, 100.0], 100.0), ([120.0, 95.5, 93.0, 101.0], 99.0)]),
    (lookback, [([100.0, 90.0, 95.0, 120.0],), ([100.0, 110.0, 95.0, 90.0],), ([5.0, 6.0, 7.0, 8.0],), ([8.0, 6.0, 7.0, 6.0],),
                ([1.0, 3.0, 0.5, 0.25],), ([9.0, 8.0, 7.5, 7.75],)]),
    (implied_vol, [(10.0, 100.0, 100.0, 1.0, 0.05), (15.0, 100.0, 95.0, 1.0, 0.02), (4.0, 100.0, 110.0, 0.5, 0.01),
                   (25.0, 100.0, 100.0, 2.0, 0.0), (8.0, 50.0, 50.0, 1.0, 0.03), (2.5, 20.0, 21.0, 1.5, 0.01)]),
    (butterfly, [(s, 90.0, 100.0, 110.0) for s in (80.0, 90.0, 95.0, 100.0, 105.0, 110.0, 130.0)]),
    (collar, [(s, 90.0, 110.0) for s in (70.0, 90.0, 99.0, 110.0, 125.0)] + [(1.0, 2.0, 3.0)]),
    (digital_spread, [(s, [90.0, 100.0, 110.0]) for s in (80.0, 95.0, 100.0, 105.0, 120.0)] + [(101.0, [99.0, 102.0, 103.0], 5.0)]),
    (margin_requirement, [(100.0, 90.0, 2.0), (100.0, 105.0, 2.0), (100.0, 130.0, 2.0), (100.0, 110.0, 2.0), (100.0, 90.0, 2.0, False),
                          (50.0, 51.0, 3.0)]),
    (heston_euler, [(0.04, 1.5, 0.04, 0.3), (0.01, 0.5, 0.02, 0.9), (0.2, 3.0, 0.05, 0.2), (0.005, 1.0, 0.01, 1.2), (0.09, 2.0, 0.09, 0.5),
                    (0.02, 0.3, 0.03, 0.7)]),
    (autocallable, [([100.0, 105.0, 90.0, 95.0], 1.0, 0.07), ([100.0, 95.0, 101.0, 95.0], 1.0, 0.07), ([100.0, 95.0, 90.0, 50.0], 1.0, 0.07),
                    ([100.0, 95.0, 90.0, 80.0], 1.0, 0.07), ([100.0, 95.0, 90.0, 120.0], 1.1, 0.05), ([100.0, 100.0, 90.0, 95.0], 1.0, 0.07)]),
    (exercise_now, [(5.0, 4.0), (5.0, 6.0), (0.0, -1.0), (5.0, 5.0), (5.0, 4.0, 2.0), (-1.0, -2.0)]),
    (trinomial_call, [(s, 100.0, 0.05, 0.3, 1.0) for s in (70.0, 90.0, 101.0, 125.0)] + [(50.0, 49.0, 0.01, 0.2, 2.0), (10.0, 14.0, 0.0, 0.6, 0.5)]),
]
