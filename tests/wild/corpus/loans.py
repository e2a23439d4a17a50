"""Yield curves and loans."""

import bisect
from dataclasses import dataclass

import numpy as np

TENORS = [0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0]
SPREADS = {"AAA": 0.004, "AA": 0.006, "A": 0.009, "BBB": 0.015, "junk": 0.05}


@dataclass
class Loan:
    principal: float
    rate: float
    years: int = 30


def monthly_payment(principal, annual_rate, years):
    n = years * 12
    r = annual_rate / 12
    if r == 0:
        return principal / n
    return principal * r * (1 + r)**n / ((1 + r)**n - 1)


def total_interest(loan: Loan) -> float:
    payment = monthly_payment(loan.principal, loan.rate, loan.years)
    return payment * loan.years * 12 - loan.principal


def months_to_pay_off(balance, rate, payment):
    months = 0
    while balance > 0 and months < 600:
        interest = balance * rate / 12
        if payment <= interest:
            return None
        balance = balance + interest - payment
        months += 1
    return months


def amortization(principal, rate, payment, periods):
    schedule = []
    for _ in range(periods):
        interest = principal * rate
        paid = min(payment, principal + interest)
        principal = principal + interest - paid
        schedule.append((interest, paid - interest, principal))
        if principal <= 0:
            break
    return schedule


def npv(rate, cashflows):
    return sum(cf / (1 + rate)**t for t, cf in enumerate(cashflows))


def irr(cashflows, guess=0.1):
    rate = guess
    for _ in range(6):
        value = 0.0
        slope = 0.0
        for t, cf in enumerate(cashflows):
            value += cf / (1 + rate)**t
            slope -= t * cf / (1 + rate)**(t + 1)
        step = value / slope
        rate -= step
        if abs(step) < 1e-12:
            return rate
    return float("nan")


def bond_price(face, coupon, ytm, years, freq=2):
    price = 0
    for k in range(1, years * freq + 1):
        price += face * coupon / freq / (1 + ytm / freq)**k
    return price + face / (1 + ytm / freq)**(years * freq)


def duration(coupon, y, n):
    weights = [coupon / (1 + y)**t for t in range(1, n)] + [(1 + coupon) / (1 + y)**n]
    price = sum(weights)
    macaulay = sum(t * w for t, w in zip(range(1, n + 1), weights)) / price
    modified = macaulay / (1 + y)
    return macaulay, modified


def zero_rate(t, rates):
    """Linear interpolation in the curve, flat outside."""
    if t <= TENORS[0]:
        return rates[0]
    if t >= TENORS[-1]:
        return rates[-1]
    i = bisect.bisect_right(TENORS, t)
    w = (t - TENORS[i - 1]) / (TENORS[i] - TENORS[i - 1])
    return rates[i - 1] * (1 - w) + rates[i] * w


def bootstrap(par_rates):
    """Discount factors of annual par swap rates."""
    dfs = []
    for r in par_rates:
        annuity = sum(dfs)
        dfs.append((1 - r * annuity) / (1 + r))
    return dfs


def nelson_siegel(t, b0, b1, b2, tau):
    if t < 1e-8:
        return b0 + b1
    x = t / tau
    decay = (1 - np.exp(-x)) / x
    return b0 + b1 * decay + b2 * (decay - np.exp(-x))


def adjustable_rate(index, margin, previous, cap=0.02, lifetime=0.12):
    rate = index + margin
    if rate > previous + cap:
        rate = previous + cap
    elif rate < previous - cap:
        rate = previous - cap
    return min(rate, lifetime)


def credit_spread(base, rating="A", watch=False):
    spread = SPREADS.get(rating, 0.03)
    if watch:
        spread *= 1.5
    return base + spread


def is_inverted(curve):
    return any(later < earlier for earlier, later in zip(curve, curve[1:]))


def compound(amount, rate, how, years):
    if how == "simple":
        return amount * (1 + rate * years)
    elif how == "continuous":
        return amount * np.exp(rate * years)
    periods = {"annual": 1, "quarterly": 4, "monthly": 12}[how]
    return amount * (1 + rate / periods)**(periods * years)


def snowball(balances, budget):
    """Pays the smallest debt first; what is left of each after one month."""
    left = []
    for b in sorted(balances):
        pay = b if b < budget else budget
        budget -= pay
        left.append(b - pay)
    return sum(left) * 1.01


PROGRAMS = [
    (monthly_payment, [(200000.0, 0.04, 30), (150000.0, 0.065, 15), (1000.0, 0.0, 1), (5000.0, 0.12, 3), (90000.0, 0.01, 10), (1.0, 0.5, 2)]),
    (total_interest, [(Loan(200000.0, 0.04),), (Loan(150000.0, 0.065, 15),), (Loan(1000.0, 0.0, 1),), (Loan(5000.0, 0.12, 3),),
                      (Loan(90000.0, 0.01, 10),), (Loan(20.0, 0.2, 2),)]),
    (months_to_pay_off, [(1000.0, 0.18, 200.0), (1000.0, 0.18, 105.0), (1000.0, 0.18, 10.0), (0.0, 0.1, 5.0), (300.0, 0.0, 100.0), (500.0, 0.25, 71.0)]),
    (amortization, [(1000.0, 0.01, 300.0, 6), (1000.0, 0.01, 100.0, 3), (50.0, 0.02, 60.0, 4), (200.0, 0.0, 100.0, 5), (10.0, 0.5, 5.5, 4), (99.0, 0.015, 50.0, 4)]),
    (npv, [(r, [-100.0, 60.0, 60.0]) for r in (-0.1, 0.0, 0.05, 0.2, 1.0)] + [(0.08, [-1000.0, 300.0, 300.0, 300.0, 400.0])]),
    (irr, [([-100.0, 60.0, 60.0],), ([-100.0, 50.0, 57.0],), ([-1000.0, 300.0, 300.0, 300.0, 400.0],), ([-100.0, 0.0, 0.0, 150.0], 0.2),
           ([-80.0, 30.0, 40.0, 50.0],), ([-100.0, 30.0, 90.0, 70.0], 2.0)]),
    (bond_price, [(100.0, 0.05, 0.05, 5), (100.0, 0.05, 0.03, 10), (1000.0, 0.0, 0.04, 3, 1), (100.0, 0.08, 0.1, 2), (100.0, 0.02, 0.0, 4), (1.0, 0.1, 0.02, 1, 4)]),
    (duration, [(0.05, 0.05, 5), (0.0, 0.03, 4), (0.1, 0.02, 10), (0.03, 0.0, 3), (0.07, 0.06, 2), (0.02, 0.09, 6)]),
    (zero_rate, [(t, [0.01, 0.012, 0.015, 0.02, 0.025, 0.03, 0.035]) for t in (0.1, 0.25, 0.3, 0.7, 1.0, 1.5, 3.0, 7.0, 20.0, 30.0, 50.0)]),
    (bootstrap, [([0.02, 0.025, 0.03],), ([0.05, 0.04, 0.03, 0.02],), ([0.01, 0.01, 0.01],), ([0.0, 0.01],), ([0.1, 0.09],), ([0.03, 0.035, 0.04],)]),
    (nelson_siegel, [(t, 0.04, -0.02, 0.01, 1.5) for t in (0.0, 0.1, 1.0, 5.0, 30.0)] + [(2.0, 0.05, 0.01, -0.03, 3.0)]),
    (adjustable_rate, [(0.03, 0.02, 0.045), (0.06, 0.02, 0.045), (0.001, 0.01, 0.05), (0.11, 0.02, 0.115), (0.03, 0.02, 0.03), (0.02, 0.02, 0.08, 0.01)]),
    (credit_spread, [(0.02,), (0.02, "AAA"), (0.03, "junk", True), (0.01, "unrated"), (0.05, "BBB"), (0.04, "A", True)]),
    (is_inverted, [([0.01, 0.02, 0.03],), ([0.03, 0.02, 0.01],), ([0.01, 0.01, 0.01],), ([0.01, 0.03, 0.02],), ([0.02, 0.01, 0.03],), ([1.0, 2.0],)]),
    (compound, [(100.0, 0.05, "simple", 3.0), (100.0, 0.05, "continuous", 2.5), (100.0, 0.05, "annual", 2.0), (10.0, 0.1, "monthly", 1.0),
                (50.0, 0.02, "quarterly", 4.0), (7.0, 0.0, "annual", 1.0)]),
    (snowball, [([100.0, 50.0, 200.0], 120.0), ([100.0, 50.0, 200.0], 20.0), ([100.0, 50.0, 200.0], 400.0), ([30.0, 20.0, 10.0], 45.0),
                ([10.0, 10.0, 10.0], 15.0), ([1.0, 2.0, 3.0], 3.0)]),
]
