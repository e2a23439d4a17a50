"""Implied volatility by Halley's method, whose first and second derivatives come from the price itself.

``create_graph=True`` records the first derivative as nodes, so that it can be differentiated again.
The check: volatilities that prices were computed from are found again.
"""

import math
import sys

import cgrad


def price(spot, strike, years, rate, volatility):
    """Black and Scholes' price of a European call."""
    root = volatility*math.sqrt(years)
    d1 = (math.log(spot/strike) + rate*years)/root + root/2
    d2 = d1 - root
    return (spot*cgrad.erfc(-d1/math.sqrt(2)) - strike*math.exp(-rate*years)*cgrad.erfc(-d2/math.sqrt(2)))/2


def implied(target, spot, strike, years, rate):
    """The volatility at which a call costs target; also the number of steps taken."""
    volatility = cgrad.Value(math.sqrt(2*abs(math.log(spot/strike) + rate*years)/years) or 0.2, name="volatility")
    for step in range(1, 51):
        error = price(spot, strike, years, rate, volatility) - target
        slope = cgrad.gradients(error, [volatility], create_graph=True).wrt(volatility)
        bend = cgrad.gradients(slope, [volatility]).wrt(volatility)
        change = 2*error.item()*slope.item()/(2*slope.item()**2 - error.item()*bend)
        volatility.data = max(volatility.data - change, volatility.data/10)
        if abs(change) <= 1e-12*volatility.data:
            break
    return volatility.item(), step


def main():
    worst = 0.0
    print("strike  years       price  volatility   found  steps")
    for strike in (80.0, 100.0, 125.0):
        for years in (0.25, 2.0):
            for true in (0.15, 0.6):
                target = price(100.0, strike, years, 0.02, true)
                if target - max(100 - strike*math.exp(-0.02*years), 0) < 1e-3:
                    continue  # the price says nothing about the volatility
                found, steps = implied(target, 100.0, strike, years, 0.02)
                print(f"{strike:6.0f} {years:6.2f} {target:11.6f} {true:11.4f} {found:7.4f} {steps:6d}")
                worst = max(worst, abs(found/true - 1))
    good = worst < 1e-9
    print(f"check: {'ok' if good else 'FAILED'}, the largest relative error is {worst:.1e}")
    return good


if __name__ == "__main__":
    sys.exit(not main())
