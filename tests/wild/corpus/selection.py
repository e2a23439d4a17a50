"""Sorting, selection, recursion."""

import functools
import heapq
import operator

import numpy as np


def bubble_sort(values):
    a = list(values)
    for i in range(len(a)):
        swapped = False
        for j in range(len(a) - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
                swapped = True
        if not swapped:
            break
    return a


def insertion_sort(a):
    for i in range(1, len(a)):
        x = a[i]
        k = i - 1
        while k >= 0 and a[k] > x:
            a[k + 1] = a[k]
            k -= 1
        a[k + 1] = x
    return a


def quicksort(a):
    if len(a) <= 1:
        return a
    pivot, *rest = a
    return quicksort([x for x in rest if x < pivot]) + [pivot] + quicksort([x for x in rest if x >= pivot])


def merge_sort(a):
    if len(a) < 2:
        return a[:]
    mid = len(a) // 2
    left, right = merge_sort(a[:mid]), merge_sort(a[mid:])
    out, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            out.append(left[i])
            i += 1
        else:
            out.append(right[j])
            j += 1
    return out + left[i:] + right[j:]


def top_two(values):
    first = second = float("-inf")
    for v in values:
        if v > first:
            first, second = v, first
        elif v > second:
            second = v
    return first * 2 + second


def weighted_by_rank(values):
    ranked = sorted(values, reverse=True)
    return sum(v / (rank + 1) for rank, v in enumerate(ranked))


def largest_gap(values):
    ordered = sorted(values)
    return max(b - a for a, b in zip(ordered, ordered[1:]))


def cheapest(offers, budget):
    affordable = [o for o in offers if o["price"] <= budget]
    if not affordable:
        return 0.0
    best = min(affordable, key=operator.itemgetter("price"))
    return best["price"] * best["rate"]


def knapsack_greedy(weights, gains, capacity):
    order = sorted(range(len(weights)), key=lambda i: gains[i] / weights[i], reverse=True)
    total = 0.0
    for i in order:
        take = min(1.0, capacity / weights[i])
        if take <= 0:
            break
        total += take * gains[i]
        capacity -= take * weights[i]
    return total


def max_subarray(a):
    best = current = a[0]
    for x in a[1:]:
        current = max(x, current + x)
        best = max(best, current)
    return best


def power(x, n):
    if n == 0:
        return 1.0
    half = power(x, n // 2)
    return half * half * x if n % 2 else half * half


def collatz_like(x, depth=0):
    if x < 1 or depth > 12:
        return x + depth
    if x > 10:
        return collatz_like(x / 3, depth + 1)
    return collatz_like(x - 0.7, depth + 1)


def adaptive_quad(a, b, k, depth=0):
    """Recursive Simpson of 1/(1 + k x**2)."""
    f = lambda x: 1 / (1 + k * x * x)
    m = (a + b) / 2
    whole = (b - a) / 6 * (f(a) + 4 * f(m) + f(b))
    halves = (b - a) / 12 * (f(a) + 4 * f((a + m) / 2) + 2 * f(m) + 4 * f((m + b) / 2) + f(b))
    if abs(halves - whole) < 1e-3 or depth > 4:
        return halves
    return adaptive_quad(a, m, k, depth + 1) + adaptive_quad(m, b, k, depth + 1)


def hanoi_cost(n, c, source=0):
    if n == 0:
        return 0.0
    return hanoi_cost(n - 1, c) + c**n + hanoi_cost(n - 1, c * 0.5)


def edit_distance(a, b, gap):
    """Alignment of two series."""
    rows = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if i == 0 or j == 0:
                rows[i][j] = gap * max(i, j)
            else:
                rows[i][j] = min(rows[i - 1][j] + gap, rows[i][j - 1] + gap, rows[i - 1][j - 1] + abs(a[i - 1] - b[j - 1]))
    return rows[-1][-1]


def shortest_path(ab, bc, ac, cd):
    graph = {"a": {"b": ab, "c": ac}, "b": {"c": bc}, "c": {"d": cd} if cd > 0 else {}, "d": {}}
    done, queue = set(), [(0.0, "a")]
    while queue:
        d, node = heapq.heappop(queue)
        if node == "d":
            return d
        if node in done:
            continue
        done.add(node)
        for other, length in graph[node].items():
            heapq.heappush(queue, (d + length, other))
    return None


def rank_of(x, others):
    return sum(o < x for o in others)


def longest_rise(values):
    run = best = 1
    for a, b in zip(values, values[1:]):
        run = run + 1 if b > a else 1
        best = max(best, run)
    return best


def compose(x, names):
    steps = {"double": lambda v: 2 * v, "inc": lambda v: v + 1, "cap": lambda v: min(v, 5.0)}
    return functools.reduce(lambda v, name: steps[name](v), names.split(), x)


def sorted_weights(scores):
    order = np.argsort(scores)
    return sum(scores[k] * (i + 1) for i, k in enumerate(order))


LISTS = [([3.0, 1.0, 2.0, 1.5],), ([1.0, 2.0, 3.0, 4.0],), ([4.0, 3.0, 2.0, 1.0],), ([2.0, 2.0, 1.0, 3.0],), ([0.5, -1.0, 0.25, 9.0],), ([1.0, 5.0, 4.0, -3.0],)]
PROGRAMS = [
    (bubble_sort, LISTS), (insertion_sort, LISTS), (quicksort, LISTS), (merge_sort, LISTS), (top_two, LISTS), (weighted_by_rank, LISTS), (largest_gap, LISTS),
    (cheapest, [([{"price": 3.0, "rate": 1.1}, {"price": 2.0, "rate": 1.5}], b) for b in (1.0, 2.0, 2.5, 4.0)]
     + [([{"price": 1.0, "rate": 1.1}, {"price": 2.0, "rate": 1.5}], 3.0), ([{"price": 5.0, "rate": 0.9}], 6.0)]),
    (knapsack_greedy, [([1.0, 2.0, 3.0], [6.0, 10.0, 12.0], 5.0), ([1.0, 2.0, 3.0], [6.0, 10.0, 12.0], 0.5), ([1.0, 2.0, 3.0], [1.0, 10.0, 12.0], 50.0), ([3.0, 2.0, 1.0], [1.0, 1.0, 1.0], 2.0),
                       ([2.0, 2.0, 2.0], [3.0, 2.0, 1.0], 4.0), ([5.0, 4.0, 3.0], [5.0, 9.0, 1.0], 7.0)]),
    (max_subarray, [([1.0, -2.0, 3.0, 1.0],), ([-1.0, -2.0, -3.0, -0.5],), ([1.0, 2.0, 3.0, 4.0],), ([5.0, -9.0, 6.0, 0.0],), ([0.0, 0.0, 0.0, 0.0],), ([2.0, -1.0, 2.0, -5.0],)]),
    (power, [(1.5, 0), (1.5, 1), (0.7, 5), (-2.0, 3), (1.1, 8), (0.0, 2)]),
    (collatz_like, [(0.5,), (5.0,), (50.0,), (10.0,), (1.0,), (1e9,)]),
    (adaptive_quad, [(0.0, 1.0, 1.0), (0.0, 3.0, 2.0), (-2.0, 2.0, 10.0), (0.0, 0.1, 1.0), (1.0, 2.0, 0.0), (-1.0, 4.0, 50.0)]),
    (hanoi_cost, [(0, 1.5), (1, 1.5), (3, 0.9), (4, 1.1), (2, -1.0), (5, 0.5)]),
    (edit_distance, [([1.0, 2.0, 3.0], [1.1, 3.0], 0.5), ([1.0, 2.0, 3.0], [5.0, 6.0], 0.5), ([1.0, 2.0, 3.0], [3.1, 0.9], 10.0), ([0.0, 0.0, 1.0], [0.0, 1.2], 1.0), ([4.0, 2.0, 3.0], [2.2, 2.9], 0.7),
                     ([1.0, 9.0, 2.0], [1.2, 2.1], 0.3)]),
    (shortest_path, [(1.0, 1.0, 3.0, 1.0), (1.0, 1.0, 1.5, 1.0), (2.0, 2.0, 4.0, 3.0), (5.0, 0.1, 1.0, 2.0), (0.3, 0.4, 0.9, 0.0), (1.0, 2.0, 2.5, 7.0)]),
    (rank_of, [(1.5, [1.0, 2.0, 3.0]), (0.0, [1.0, 2.0, 3.0]), (9.0, [1.0, 2.0, 3.0]), (2.0, [1.0, 2.0, 3.0]), (2.5, [3.0, 1.0, 2.0]), (1.0, [1.0, 1.0, 1.0])]),
    (longest_rise, LISTS),
    (compose, [(1.0, "double inc"), (1.0, "inc double"), (4.0, "double cap"), (2.0, "cap inc cap"), (3.0, "double double cap double"), (5.0, "cap")]),
    (sorted_weights, LISTS),
]
