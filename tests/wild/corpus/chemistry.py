"""Chemistry and biology."""

import math
from collections import defaultdict

import numpy as np

R = 8.314462618
MASSES = {"H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999}
ANTOINE = {"water": (8.07131, 1730.63, 233.426), "ethanol": (8.20417, 1642.89, 230.3)}


def arrhenius(A, Ea, T):
    return A * math.exp(-Ea / (R * T))


def michaelis_menten(s, vmax, km, inhibitor=0.0, ki=None):
    if s <= 0:
        return 0.0
    apparent = km if ki is None else km * (1 + inhibitor / ki)
    return vmax * s / (apparent + s)


def hill(x, n, k, repress=False):
    try:
        activation = x**n / (k**n + x**n)
    except ZeroDivisionError:
        return 0.0
    return 1 - activation if repress else activation


def ph_strong_acid(concentration):
    """With water's own dissociation where it matters."""
    if concentration > 1e-6:
        return -math.log10(concentration)
    kw = 1e-14
    h = (concentration + math.sqrt(concentration**2 + 4 * kw)) / 2
    return -math.log10(h)


def buffer_ph(pka, acid, base, added):
    """added > 0: strong base; < 0: strong acid."""
    if added >= 0:
        moved = min(added, acid)
    else:
        moved = max(added, -base)
    acid, base = acid - moved, base + moved
    if acid <= 0:
        return 14.0
    elif base <= 0:
        return 0.0
    return pka + math.log10(base / acid)


def vapour_pressure(t, substance="water"):
    a, b, c = ANTOINE[substance]
    return 10**(a - b / (c + t))


def van_der_waals(n, V, T, a=1.36, b=0.0318):
    if V <= n * b:
        return float("inf")
    return n * 0.082057 * T / (V - n * b) - a * n**2 / V**2


def sir(beta, gamma, i0, lockdown=0.1):
    s, i, r = 1 - i0, i0, 0.0
    worst = 0.0
    for day in range(20):
        b = beta * 0.3 if i > lockdown else beta
        new, rec = b * s * i, gamma * i
        s, i, r = s - new, i + new - rec, r + rec
        worst = max(worst, i)
    return worst


def dose(clearance, volume, doses, ka=1.0):
    """One compartment, repeated doses."""
    k = clearance / volume
    concentration = 0.0
    for amount in doses:
        concentration += amount / volume
        if concentration > 10:
            concentration *= math.exp(-2 * k)
        else:
            concentration *= math.exp(-k)
    return concentration


def molar_mass(formula, scale):
    counts = defaultdict(int)
    i = 0
    while i < len(formula):
        element = formula[i]
        i += 1
        digits = ""
        while i < len(formula) and formula[i].isdigit():
            digits += formula[i]
            i += 1
        counts[element] += int(digits or 1)
    return sum(MASSES[e] * n for e, n in counts.items()) * scale


def lennard_jones(r, eps=1.0, sigma=1.0, cutoff=2.5):
    if r > cutoff:
        return 0.0
    sr6 = (sigma / r)**6
    shift = (sigma / cutoff)**6
    return 4 * eps * (sr6**2 - sr6) - 4 * eps * (shift**2 - shift)


def chain_energy(positions):
    energy = 0.0
    n = len(positions)
    for i in range(n):
        for j in range(i + 1, n):
            d = abs(positions[i] - positions[j])
            if j == i + 1:
                energy += 0.5 * (d - 1)**2
            elif d < 1.5:
                energy += (1.5 - d)**2
    return energy


def fitzhugh_nagumo(v, current):
    w, spikes = 0.0, 0
    above = False
    for _ in range(25):
        v, w = v + 0.2 * (v - v**3 / 3 - w + current), w + 0.2 * 0.08 * (v + 0.7 - 0.8 * w)
        if v > 1 and not above:
            spikes += 1
            above = True
        if v < 0:
            above = False
    return v + spikes


def logistic_map(r, x, n):
    for _ in range(n):
        x = r * x * (1 - x)
        if x < 0:
            return 0
    return x


def growth_phase(time, lag, rate, plateau, n0=0.1):
    if time < lag:
        return n0
    n = n0 * np.exp(rate * (time - lag))
    return n if n < plateau else plateau


def nernst(out, inside, z=1, t=37.0):
    return 1000 * R * (t + 273.15) / (z * 96485.33) * math.log(out / inside)


def punnett(p, selfing=False):
    q = 1 - p
    if selfing:
        het = p * q
        return {"AA": p * p + het / 2, "Aa": het, "aa": q * q + het / 2}
    return {"AA": p**2, "Aa": 2 * p * q, "aa": q**2}


PROGRAMS = [
    (arrhenius, [(1e13, 80000.0, 300.0), (1e10, 50000.0, 350.0), (5e12, 100000.0, 500.0), (1.0, 0.0, 273.0), (2e8, 30000.0, 298.15), (1e11, 60000.0, 400.0)]),
    (michaelis_menten, [(1.0, 2.0, 0.5), (0.0, 2.0, 0.5), (-1.0, 2.0, 0.5), (3.0, 1.0, 2.0, 0.5, 1.5), (0.2, 4.0, 1.0, 0.0, 2.0), (10.0, 2.5, 0.3, 1.0, 0.1)]),
    (hill, [(1.0, 2.0, 0.5), (0.3, 4.0, 1.0, True), (0.0, 2.0, 0.0), (2.0, 1.0, 2.0), (5.0, 3.0, 1.0, True), (0.7, 0.5, 0.2)]),
    (ph_strong_acid, [(0.1,), (1e-3,), (1e-7,), (1e-9,), (1e-6,), (2e-6,)]),
    (buffer_ph, [(4.76, 0.1, 0.1, 0.02), (4.76, 0.1, 0.1, -0.03), (4.76, 0.1, 0.1, 0.2), (4.76, 0.1, 0.1, -0.2), (7.2, 0.05, 0.2, 0.0), (9.25, 0.3, 0.1, 0.1)]),
    (vapour_pressure, [(20.0,), (100.0,), (25.0, "ethanol"), (78.0, "ethanol"), (0.0,), (50.0,)]),
    (van_der_waals, [(1.0, 22.4, 273.0), (1.0, 0.03, 300.0), (2.0, 1.0, 350.0), (1.0, 0.0318, 300.0), (0.5, 5.0, 400.0), (3.0, 2.0, 500.0, 3.6, 0.04)]),
    (sir, [(0.5, 0.1, 0.01), (0.2, 0.3, 0.05), (1.0, 0.1, 0.02), (0.8, 0.2, 0.2), (0.3, 0.1, 0.001), (0.9, 0.05, 0.1, 0.3)]),
    (dose, [(1.0, 10.0, [50.0, 50.0, 50.0]), (2.0, 5.0, [100.0, 20.0, 20.0]), (0.5, 20.0, [10.0, 10.0, 10.0]), (3.0, 8.0, [80.0, 90.0, 5.0]), (1.0, 4.0, [40.0, 0.0, 10.0]), (5.0, 5.0, [30.0, 70.0, 30.0])]),
    (molar_mass, [("H2O", 1.0), ("CO2", 2.5), ("C6H12O6", 0.1), ("NH3", 3.0), ("C2H5OH", 1.5), ("CH4", 0.0)]),
    (lennard_jones, [(1.0,), (1.12,), (2.0,), (3.0,), (2.5,), (0.9, 2.0, 0.8), (1.5, 0.5, 1.1, 3.0)]),
    (chain_energy, [([0.0, 1.0, 2.0, 3.1],), ([0.0, 0.5, 0.2, 0.9],), ([0.0, -1.0, 1.0, 0.3],), ([0.0, 2.0, 4.0, 6.0],), ([0.0, 1.0, 0.0, 1.0],), ([3.0, 1.4, 2.0, 2.2],)]),
    (fitzhugh_nagumo, [(0.0, 0.5), (-1.0, 0.0), (1.5, 0.3), (0.5, 1.0), (-0.5, 0.7), (2.0, -0.5)]),
    (logistic_map, [(3.2, 0.4, 5), (2.0, 0.1, 3), (4.5, 0.5, 4), (0.5, 0.9, 6), (3.9, 0.2, 2), (4.0, 0.25, 3)]),
    (growth_phase, [(0.5, 1.0, 0.8, 5.0), (2.0, 1.0, 0.8, 5.0), (10.0, 1.0, 0.8, 5.0), (1.0, 1.0, 0.8, 5.0), (3.0, 0.0, 0.5, 2.0), (8.0, 2.0, 1.0, 1.0, 0.5)]),
    (nernst, [(5.0, 140.0), (145.0, 12.0), (2.0, 1e-4, 2), (110.0, 10.0, -1), (1.0, 1.0), (4.0, 150.0, 1, 20.0)]),
    (punnett, [(0.5,), (0.3, True), (0.0,), (1.0, True), (0.7,), (0.9, True)]),
]
