"""Queueing and inventory."""

import heapq
import math
from collections import deque
from itertools import accumulate

import numpy as np

DEMAND = [4.0, 7.5, 3.0, 9.0, 5.5, 6.0]


def mm1_wait(arrival, service):
    rho = arrival / service
    if rho >= 1:
        return math.inf
    return rho / (service - arrival)


def erlang_c(load, servers):
    if load >= servers:
        return 1.0
    term, total = 1.0, 1.0
    for k in range(1, servers):
        term *= load / k
        total += term
    last = term * load / servers * servers / (servers - load)
    return last / (total + last)


def eoq(demand, order_cost, holding, minimum=0.0):
    q = math.sqrt(2 * demand * order_cost / holding)
    return max(q, minimum)


def lindley(gaps, services):
    """Waiting times of a single server."""
    w, waits = 0.0, []
    for gap, service in zip(gaps, services):
        w = max(0.0, w + service - gap)
        waits.append(w)
    return sum(waits) / len(waits)


def newsvendor(order, price, cost, salvage=0.1):
    profit = 0.0
    for d in DEMAND:
        sold = d if d < order else order
        profit += price * sold + salvage * (order - sold) - cost * order
    return profit / len(DEMAND)


def reorder_policy(stock, reorder_point, up_to):
    cost, orders = 0.0, 0
    for d in DEMAND:
        stock -= d
        if stock < 0:
            cost += 5 * -stock
            stock = 0
        if stock <= reorder_point:
            cost += 10 + (up_to - stock)
            stock = up_to
            orders += 1
        cost += 0.1 * stock
    return {"cost": cost, "orders": orders}


def bank(arrivals, service):
    """Two counters, the one that is free first."""
    free = [0.0, 0.0]
    heapq.heapify(free)
    longest = 0.0
    for t in arrivals:
        start = max(heapq.heappop(free), t)
        longest = max(longest, start - t)
        heapq.heappush(free, start + service)
    return longest


def fifo_cost(purchases, sold):
    """Cost of goods sold, first in first out."""
    stock = deque(purchases)
    cost = 0.0
    while sold > 0 and stock:
        quantity, price = stock.popleft()
        used = min(quantity, sold)
        cost += used * price
        sold -= used
        if used < quantity:
            stock.appendleft((quantity - used, price))
    return cost


def leaky_bucket(packets, rate, capacity):
    level, dropped = 0.0, 0
    for size in packets:
        level = max(level - rate, 0)
        if level + size > capacity:
            dropped += 1
            continue
        level += size
    return dropped + level


def safety_stock(sigma, lead, service_level):
    z = {0.9: 1.2816, 0.95: 1.6449, 0.99: 2.3263}.get(service_level)
    if z is None:
        z = 2.0
    return z * sigma * lead**0.5


def abc_class(value, cutoffs=(80.0, 95.0)):
    a, b = cutoffs
    return "A" if value < a else "B" if value < b else "C"


def cumulative_stockout(start):
    levels = list(accumulate(DEMAND, lambda s, d: s - d, initial=start))
    for day, level in enumerate(levels):
        if level < 0:
            return day
    return None


def wagner_whitin(setup, hold):
    """Dynamic programme over the periods in which to order."""
    n = len(DEMAND)
    best = np.zeros(n + 1)
    for t in range(1, n + 1):
        best[t] = math.inf
        for j in range(t):
            cost = best[j] + setup + sum(hold * (k - j) * DEMAND[k] for k in range(j, t))
            if cost < best[t]:
                best[t] = cost
    return best[n]


PROGRAMS = [
    (mm1_wait, [(1.0, 2.0), (3.0, 2.0), (2.0, 2.0), (0.5, 1.0), (9.0, 10.0), (0.0, 1.0)]),
    (erlang_c, [(1.5, 2), (2.5, 4), (5.0, 4), (4.0, 4), (0.1, 1), (6.0, 8)]),
    (eoq, [(1000.0, 50.0, 2.0), (10.0, 5.0, 1.0, 20.0), (500.0, 10.0, 0.5), (0.0, 10.0, 1.0, 1.0), (50.0, 1.0, 4.0, 5.0), (200.0, 3.0, 1.5)]),
    (lindley, [([1.0, 2.0, 0.5, 1.0], [1.5, 1.0, 2.0, 0.3]), ([1.0, 1.0, 1.0, 1.0], [0.5, 0.5, 0.5, 0.5]), ([0.1, 0.1, 0.1, 0.1], [1.0, 2.0, 3.0, 4.0]), ([3.0, 0.2, 5.0, 0.1], [1.0, 1.0, 1.0, 1.0]),
               ([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]), ([2.0, 0.3, 0.4, 2.0], [1.1, 0.9, 0.2, 0.5])]),
    (newsvendor, [(q, 3.0, 1.0) for q in (2.0, 4.0, 5.0, 6.5, 12.0)] + [(7.0, 2.0, 1.5, 0.5)]),
    (reorder_policy, [(10.0, 5.0, 20.0), (2.0, 1.0, 6.0), (40.0, 0.0, 10.0), (8.0, 3.0, 8.0), (4.0, 0.0, 4.0), (100.0, 2.0, 5.0)]),
    (bank, [([0.0, 0.1, 0.2, 0.9], 1.0), ([0.0, 1.0, 2.0, 3.0], 0.5), ([0.0, 0.0, 0.0, 0.0], 2.0), ([0.5, 0.6, 3.0, 3.1], 1.5), ([1.0, 1.2, 1.3, 1.9], 0.3), ([0.0, 2.0, 2.5, 2.7], 2.2)]),
    (fifo_cost, [([(10.0, 1.0), (5.0, 2.0)], 12.0), ([(10.0, 1.0), (5.0, 2.0)], 3.0), ([(10.0, 1.0), (5.0, 2.0)], 20.0), ([(10.0, 1.0), (5.0, 2.0)], 0.0), ([(10.0, 1.0), (5.0, 2.0)], 10.0),
                 ([(1.0, 4.0), (2.0, 3.0), (3.0, 2.0)], 4.5)]),
    (leaky_bucket, [([1.0, 2.0, 3.0, 1.0], 0.5, 4.0), ([1.0, 1.0, 1.0, 1.0], 1.0, 4.0), ([5.0, 5.0, 1.0, 5.0], 0.1, 4.0), ([2.0, 2.0, 2.0, 2.0], 1.0, 3.0), ([0.1, 0.1, 0.1, 0.1], 2.0, 1.0), ([3.0, 0.5, 2.0, 0.7], 0.8, 3.5)]),
    (safety_stock, [(10.0, 4.0, 0.95), (5.0, 2.0, 0.99), (3.0, 9.0, 0.9), (3.0, 9.0, 0.8), (1.0, 1.0, 0.95), (0.5, 3.0, 0.5)]),
    (abc_class, [(10.0,), (80.0,), (90.0,), (95.0,), (99.0,), (10.0, (5.0, 20.0))]),
    (cumulative_stockout, [(1.0,), (10.0,), (20.0,), (30.0,), (100.0,), (4.0,)]),
    (wagner_whitin, [(10.0, 1.0), (1.0, 1.0), (50.0, 0.5), (0.1, 3.0), (20.0, 0.1), (7.0, 2.0)]),
]
