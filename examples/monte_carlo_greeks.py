"""Price and sensitivities of a European call by Monte Carlo, one backward sweep a path.

The path is a plain loop over time steps. Its payoff is differentiated with respect to spot price,
volatility and interest rate at once (pathwise derivatives), and the means are compared with the closed
form of Black and Scholes.
"""

import math
import random
import sys

import cgrad

SPOT, STRIKE, VOLATILITY, RATE, YEARS = 100.0, 105.0, 0.2, 0.03, 1.0
STEPS, PAIRS = 12, 4000


def payoff(spot, volatility, rate, shocks):
    """Discounted payoff of one path of a geometric Brownian motion."""
    dt = YEARS/len(shocks)
    drift = (rate - volatility*volatility/2)*dt
    diffusion = volatility*math.sqrt(dt)
    log_price = cgrad.log(spot)
    for shock in shocks:
        log_price = log_price + drift + diffusion*shock
    return cgrad.exp(-rate*YEARS)*cgrad.relu(cgrad.exp(log_price) - STRIKE)


def black_scholes():
    """Price, delta, vega and rho in closed form."""
    root = VOLATILITY*math.sqrt(YEARS)
    d1 = (math.log(SPOT/STRIKE) + (RATE + VOLATILITY**2/2)*YEARS)/root
    d2 = d1 - root

    def cdf(x):
        return (1 + math.erf(x/math.sqrt(2)))/2

    discounted = STRIKE*math.exp(-RATE*YEARS)
    density = math.exp(-d1*d1/2)/math.sqrt(2*math.pi)
    return (SPOT*cdf(d1) - discounted*cdf(d2), cdf(d1), SPOT*density*math.sqrt(YEARS), discounted*YEARS*cdf(d2))


def simulate(seed=7):
    """Mean and standard error of price, delta, vega and rho over antithetic pairs of paths."""
    draw = random.Random(seed)
    inputs = [cgrad.Value(SPOT, name="spot"), cgrad.Value(VOLATILITY, name="volatility"),
              cgrad.Value(RATE, name="rate")]
    total, squares = [0.0]*4, [0.0]*4
    for _ in range(PAIRS):
        shocks = [draw.gauss(0, 1) for _ in range(STEPS)]
        value = (payoff(*inputs, shocks) + payoff(*inputs, [-shock for shock in shocks]))/2
        gradients = cgrad.gradients(value, inputs)
        for k, x in enumerate((value.item(), *map(gradients.wrt, inputs))):
            total[k] += x
            squares[k] += x*x
    means = [x/PAIRS for x in total]
    errors = [math.sqrt((s/PAIRS - m*m)/PAIRS) for s, m in zip(squares, means, strict=True)]
    return means, errors


def main():
    means, errors = simulate()
    worst = 0.0
    print(f"{2*PAIRS} paths of {STEPS} steps")
    print("         Monte Carlo   +-         closed form")
    for name, mean, error, exact in zip(("price", "delta", "vega", "rho"), means, errors, black_scholes(), strict=True):
        print(f"{name:6} {mean:13.4f} {error:9.4f} {exact:14.4f}")
        worst = max(worst, abs(mean - exact)/error)
    good = worst < 3
    print(f"check: {'ok' if good else 'FAILED'}, the largest difference is {worst:.1f} standard errors")
    return good


if __name__ == "__main__":
    sys.exit(not main())
