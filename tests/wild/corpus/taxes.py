"""Tax brackets and tariffs."""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

BRACKETS = [(0, 0.10), (11000, 0.12), (44725, 0.22), (95375, 0.24), (182100, 0.32)]
POSTAGE = {"letter": 0.8, "parcel": 4.5, "express": 12.0}
VAT = 0.19


class Status(Enum):
    SINGLE = 1
    MARRIED = 2


@dataclass
class Item:
    price: float
    quantity: float
    reduced: bool = False


@dataclass
class Invoice:
    net: float
    discount: float = 0.0
    notes: list = field(default_factory=list)


def income_tax(income):
    tax = 0.0
    for (low, rate), (high, _) in zip(BRACKETS, BRACKETS[1:] + [(float("inf"), 0)]):
        if income > low:
            tax += (min(income, high) - low) * rate
    return tax


def income_tax_chain(x):
    if x <= 10000:
        return 0.0
    elif x <= 20000:
        return 0.14 * (x - 10000)
    elif x <= 60000:
        return 1400 + 0.25 * (x - 20000)
    else:
        return 11400 + 0.42 * (x - 60000)


def german_formula(x):
    if x < 11604:
        return 0
    if x < 17006:
        y = (x - 11604) / 10000
        return (922.98 * y + 1400) * y
    if x < 66761:
        z = (x - 17005) / 10000
        return (181.19 * z + 2397) * z + 1025.38
    return 0.42 * x - 10602.13


def marginal_rate(income):
    return next(rate for low, rate in reversed(BRACKETS) if income >= low)


def child_credit(income, children, married=False):
    limit = 400000 if married else 200000
    credit = 2000 * children
    if income > limit:
        credit -= 0.05 * (income - limit)
    return credit if credit > 0 else 0


def standard_deduction(income, status=1):
    return max(0.0, income - {Status.SINGLE: 13850, Status.MARRIED: 27700}[Status(status)])


def electricity_bill(kwh, peak_share):
    bill = 12.5
    remaining = kwh
    for size, price in ((100, 0.10), (200, 0.15), (float("inf"), 0.22)):
        block = min(remaining, size)
        bill += block * price
        remaining -= block
        if remaining <= 0:
            break
    if peak_share > 0.5:
        bill *= 1 + 0.2 * (peak_share - 0.5)
    return bill


def taxi_fare(km, minutes, night=False):
    fare = 3.9
    fare += 2.3 * km if km <= 3 else 6.9 + 1.8 * (km - 3)
    if minutes > 10 and km / minutes < 0.2:
        fare += 0.5 * (minutes - 10)
    return fare + (2 if night else 0)


def shipping(weight, kind="letter", insured=False):
    base = POSTAGE[kind]
    if kind == "letter" and weight > 0.5:
        kind, base = "parcel", POSTAGE["parcel"]
    extra = 0.0 if weight < 2 else 1.2 * (weight - 2)
    return (base + extra) * (1.1 if insured else 1.0)


def cart_total(items):
    net = sum(i.price * i.quantity for i in items)
    tax = sum(i.price * i.quantity * (0.07 if i.reduced else VAT) for i in items)
    total = net + tax
    if total > 100:
        total *= 0.95
    return total


def discounted(invoice: Invoice):
    if invoice.discount > 0.5:
        invoice.discount = 0.5
        invoice.notes.append("capped")
    return invoice.net * (1 - invoice.discount) + len(invoice.notes)


def volume_discount(quantity, price):
    rate = 0
    if quantity >= 10:
        rate += 0.05
    if quantity >= 50:
        rate += 0.05
    if quantity >= 100:
        rate += 0.1
    return quantity * price * (1 - rate)


def rounded_tax(amount):
    return round(amount * VAT, 2)


def pension(salary, age):
    ceiling = min(salary, 7550.0)
    rate = 0.093
    if age < 23 or age > 65:
        rate = rate / 2
    return ceiling * rate * np.where(salary > 538, 1.0, 0.0)


def alternative_minimum(income, deductions):
    regular = income_tax(income - deductions)
    exemption = max(85700 - 0.25 * max(income - 609350, 0), 0)
    tentative = max(income - exemption, 0) * 0.26
    return max(regular, tentative)


def eligible(income, assets, household):
    poor = income < 1500 + 500 * household
    return poor and not assets > 10000 or household >= 5


PROGRAMS = [
    (income_tax, [(x,) for x in (0.0, 5000.0, 11000.0, 30000.0, 60000.0, 120000.0, 250000.0)]),
    (income_tax_chain, [(x,) for x in (5000.0, 10000.0, 15000.0, 20000.0, 33000.0, 80000.0)]),
    (german_formula, [(x,) for x in (5000.0, 11604.0, 15000.0, 17006.0, 40000.0, 90000.0)]),
    (marginal_rate, [(x,) for x in (0.0, 5000.0, 11000.0, 30000.0, 60000.0, 120000.0, 250000.0)]),
    (child_credit, [(50000.0, 2), (210000.0, 2), (500000.0, 1), (250000.0, 3, True), (410000.0, 2, True), (200000.0, 1)]),
    (standard_deduction, [(10000.0,), (50000.0,), (20000.0, 2), (90000.0, 2), (13850.0,), (0.0, 2)]),
    (electricity_bill, [(50.0, 0.3), (150.0, 0.7), (500.0, 0.4), (100.0, 0.5), (300.0, 0.9), (1000.0, 1.0)]),
    (taxi_fare, [(2.0, 5.0), (5.0, 12.0), (1.0, 20.0), (10.0, 60.0, True), (3.0, 11.0), (2.5, 30.0, True)]),
    (shipping, [(0.1,), (0.8,), (1.0, "parcel"), (5.0, "parcel", True), (3.0, "express"), (2.5, "letter", True), (2.0,)]),
    (cart_total, [([Item(10.0, 2.0), Item(3.0, 1.0, True)],), ([Item(60.0, 2.0), Item(3.0, 1.0, True)],), ([Item(1.0, 1.0)],), ([Item(99.0, 1.0, True), Item(2.0, 3.0)],), ([Item(0.0, 1.0), Item(5.0, 5.0)],), ([Item(20.0, 4.0, True)],)]),
    (discounted, [(Invoice(100.0),), (Invoice(100.0, 0.2),), (Invoice(100.0, 0.7),), (Invoice(50.0, 0.5),), (Invoice(80.0, 1.0),), (Invoice(10.0, 0.1),)]),
    (volume_discount, [(5.0, 2.0), (10.0, 2.0), (30.0, 1.5), (60.0, 1.0), (100.0, 0.5), (250.0, 3.0)]),
    (rounded_tax, [(10.0,), (3.33,), (99.99,), (0.0,), (1234.5,), (0.02,)]),
    (pension, [(3000.0, 40.0), (9000.0, 30.0), (500.0, 50.0), (2000.0, 20.0), (4000.0, 70.0), (538.0, 23.0)]),
    (alternative_minimum, [(50000.0, 10000.0), (200000.0, 10000.0), (200000.0, 150000.0), (700000.0, 50000.0), (1000000.0, 0.0), (85700.0, 20000.0)]),
    (eligible, [(1000.0, 500.0, 1), (3000.0, 500.0, 1), (1000.0, 20000.0, 1), (9000.0, 20000.0, 6), (2500.0, 10000.0, 2), (2400.0, 3.0, 2)]),
]
