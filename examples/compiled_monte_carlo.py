"""A knock-out call on a path of prices, its price and sensitivities: one path as plain Python, 200,000 in one call.

The function is written for one path, with its loop and its `if`s. ``cgrad.compile`` records it once for each way
through its branches, and ``map_value_and_grad`` runs all paths over vector registers and threads, adding up inside.
The pathwise derivative of a knock-out misses the barrier's own movement, so the figures are compared with those of
the same estimator in NumPy, and the option without barrier with Black and Scholes' formula.
"""

import math
import sys

import numpy as np

import cgrad

STRIKE, YEARS, STEPS, PATHS = 100.0, 1.0, 12, 200_000


@cgrad.compile
def discounted(spot, volatility, rate, barrier, normals):
    dt = YEARS/STEPS
    for i in range(STEPS):
        spot = spot*cgrad.exp((rate - 0.5*volatility*volatility)*dt + volatility*math.sqrt(dt)*normals[i])
        if spot > barrier:
            return 0.0*spot
    return cgrad.maximum(spot - STRIKE, 0.0)*cgrad.exp(-rate*YEARS)


def black_scholes(spot, volatility, rate):
    """The price without barrier, of Values or numbers (Black and Scholes 1973)."""
    total = volatility*math.sqrt(YEARS)
    d = (cgrad.log(spot/STRIKE) + (rate + 0.5*volatility*volatility)*YEARS)/total
    phi = lambda x: 0.5*cgrad.erfc(-x/math.sqrt(2.0))  # noqa: E731
    return spot*phi(d) - STRIKE*cgrad.exp(-rate*YEARS)*phi(d - total)


def by_numpy(spot, volatility, rate, barrier, normals):
    """Price and delta of the knock-out by the same paths."""
    dt = YEARS/STEPS
    prices = spot*np.exp(np.cumsum((rate - 0.5*volatility**2)*dt + volatility*math.sqrt(dt)*normals, axis=1))
    alive = (prices <= barrier).all(axis=1) & (prices[:, -1] > STRIKE)
    return (np.where(alive, prices[:, -1] - STRIKE, 0.0).mean()*math.exp(-rate*YEARS),
            np.where(alive, prices[:, -1]/spot, 0.0).mean()*math.exp(-rate*YEARS))


def main() -> bool:
    """Print the table; whether all agrees."""
    model = 100.0, 0.2, 0.03
    normals = np.random.default_rng(0).normal(size=(PATHS, STEPS))
    greeks = cgrad.compile(black_scholes).grad(*model, argnums=(0, 1, 2))
    good = True
    axes = (None, None, None, None, 0)
    for barrier, name in ((math.inf, "call"), (130.0, "knock-out")):
        value, slopes = discounted.map_value_and_grad(*model, barrier, normals, argnums=(0, 1, 2), in_axes=axes,
                                                      reduce="sum")
        price, delta, vega, rho = (x/PATHS for x in (value, *slopes))
        print(f"{name:9}  price {price:7.4f}  delta {delta:6.4f}  vega {vega:7.3f}  rho {rho:7.3f}")
        good = good and np.allclose((price, delta), by_numpy(*model, barrier, normals), rtol=1e-9)
        if barrier == math.inf:
            good = good and abs(price - black_scholes(*model)) < 0.1
            good = good and np.allclose((delta, vega, rho), greeks, rtol=0.02)
    print(f"formula    price {black_scholes(*model):7.4f}  delta {greeks[0]:6.4f}  vega {greeks[1]:7.3f}  "
          f"rho {greeks[2]:7.3f}")
    print(f"paths recorded: {len(discounted.programs)}")
    print("check:", "ok" if good else "failed")
    return bool(good)


if __name__ == "__main__":
    sys.exit(not main())
