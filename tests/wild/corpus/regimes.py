"""Engineering formulas with regimes."""

import math
from dataclasses import dataclass

import numpy as np

SUTHERLAND = 110.4


@dataclass
class Pipe:
    diameter: float
    length: float
    roughness: float = 4.5e-5


def friction_factor(re, relative_roughness):
    if re < 2300:
        return 64 / re
    f = 0.02
    for _ in range(5):
        new = (-2 * math.log10(relative_roughness / 3.7 + 2.51 / (re * math.sqrt(f))))**-2
        if abs(new - f) < 1e-12:
            return new
        f = new
    return f


def pressure_drop(pipe: Pipe, velocity, rho=1000.0, mu=1e-3):
    re = rho * velocity * pipe.diameter / mu
    if re < 2000:
        f = 64 / re
    elif re > 4000:
        f = 0.25 / math.log10(pipe.roughness / (3.7 * pipe.diameter) + 5.74 / re**0.9)**2
    else:
        w = (re - 2000) / 2000
        f = (1 - w) * 64 / re + w * 0.04
    return f * pipe.length / pipe.diameter * rho * velocity**2 / 2


def nusselt(re, pr):
    if re <= 0 or pr <= 0:
        raise ValueError(f"not a flow: {re}, {pr}")
    if re < 2300:
        return 3.66
    elif re < 1e4:
        f = (0.79 * math.log(re) - 1.64)**-2
        return f / 8 * (re - 1000) * pr / (1 + 12.7 * math.sqrt(f / 8) * (pr**(2 / 3) - 1))
    return 0.023 * re**0.8 * pr**0.4


def sphere_drag(re):
    if re < 0.1:
        return 24 / re
    if re < 1000:
        return 24 / re * (1 + 0.15 * re**0.687)
    return 0.44 if re < 2e5 else 0.1


def atmosphere(h):
    """Temperature and pressure up to 32 km."""
    if h < 11000:
        T = 288.15 - 0.0065 * h
        p = 101325 * (T / 288.15)**5.2559
    elif h < 20000:
        T = 216.65
        p = 22632 * math.exp(-0.000157688 * (h - 11000))
    else:
        T = 216.65 + 0.001 * (h - 20000)
        p = 5474.9 * (216.65 / T)**34.1632
    return T, p


def nozzle_flow(p0, p_back, T0, gamma=1.4):
    critical = (2 / (gamma + 1))**(gamma / (gamma - 1))
    ratio = p_back / p0
    if ratio > 1:
        return 0.0
    r = max(ratio, critical)
    m = math.sqrt(2 / (gamma - 1) * (r**((1 - gamma) / gamma) - 1))
    return p0 * m * math.sqrt(gamma / (287 * T0)) * (1 + (gamma - 1) / 2 * m * m)**(-(gamma + 1) / (2 * (gamma - 1)))


def column_buckling(length, radius, load):
    area = math.pi * radius**2
    slenderness = 2 * length / radius
    limit = math.sqrt(2 * math.pi**2 * 200e9 / 250e6)
    if slenderness > limit:
        critical = math.pi**2 * 200e9 / slenderness**2
    else:
        critical = 250e6 * (1 - 0.5 * (slenderness / limit)**2)
    return critical * area / load


def beam_moment(x, span, loads):
    """Macaulay brackets."""
    reaction = sum(p * (span - a) / span for a, p in loads)
    moment = reaction * x
    for a, p in loads:
        moment -= p * (x - a) if x > a else 0
    return moment


def stress_strain(strain, E=200.0, sy=0.25, hardening=2.0):
    ey = sy / E
    sign = 1 if strain >= 0 else -1
    e = abs(strain)
    return sign * (E * e if e <= ey else sy + hardening * (e - ey))


def diode(v, i_s=1e-12, n=1.0, breakdown=-5.0):
    vt = n * 0.02585
    if v < breakdown:
        return -i_s - (breakdown - v) / 10
    elif v / vt > 40:
        big = math.exp(40)
        return i_s * (big * (1 + v / vt - 40) - 1)
    return i_s * math.expm1(v / vt)


def mosfet(vgs, vds, vt=0.7, k=2e-3):
    ov = vgs - vt
    if ov <= 0:
        return 0.0
    return k * (ov * vds - vds**2 / 2) if vds < ov else k / 2 * ov**2 * (1 + 0.02 * (vds - ov))


def weir(head, width, notch="rectangular"):
    if head <= 0:
        return 0.0
    match notch:
        case "rectangular":
            return 1.84 * (width - 0.2 * head) * head**1.5
        case "triangular" | "v":
            return 1.38 * head**2.5
        case _:
            return math.nan


def saturation(T):
    """Pressure over water and over ice."""
    a, b = (17.27, 237.7) if T >= 0 else (21.875, 265.5)
    return 610.78 * np.exp(a * T / (T + b))


def pump_point(h0, k_pump, static, k_system):
    """Where the curves meet, by halving; none if the pump is too weak."""
    if h0 <= static:
        return 0.0
    lo, hi = 0.0, 10.0
    for _ in range(40):
        q = (lo + hi) / 2
        if h0 - k_pump * q**2 > static + k_system * q**2:
            lo = q
        else:
            hi = q
    return q


def viscosity_air(T):
    return 1.458e-6 * T**1.5 / (T + SUTHERLAND) if 100 < T < 1900 else float("nan")


STEPS = {"pump_point": "halving: the points are fractions of 10, whatever the curves"}
PROGRAMS = [
    (friction_factor, [(1000.0, 1e-4), (2300.0, 1e-3), (1e5, 1e-4), (1e6, 0.01), (5e3, 0.0), (100.0, 0.05)]),
    (pressure_drop, [(Pipe(0.05, 10.0), 0.01), (Pipe(0.05, 10.0), 0.06), (Pipe(0.05, 10.0), 1.0), (Pipe(0.1, 100.0, 1e-3), 2.0), (Pipe(0.02, 1.0), 0.1), (Pipe(0.3, 5.0, 1e-5), 3.0)]),
    (nusselt, [(1000.0, 5.0), (5000.0, 5.0), (1e5, 0.7), (2300.0, 7.0), (9999.0, 0.7), (3e4, 6.0)]),
    (sphere_drag, [(r,) for r in (0.05, 0.1, 10.0, 500.0, 1e4, 1e6)]),
    (atmosphere, [(h,) for h in (0.0, 5000.0, 11000.0, 15000.0, 25000.0, 31000.0)]),
    (nozzle_flow, [(5e5, 1e5, 300.0), (2e5, 1.5e5, 300.0), (1e5, 2e5, 300.0), (1e5, 0.9e5, 400.0), (1e6, 1e5, 1000.0, 1.3), (3e5, 2.9e5, 280.0)]),
    (column_buckling, [(1.0, 0.05, 1e5), (5.0, 0.05, 1e5), (3.0, 0.02, 1e4), (0.5, 0.1, 1e6), (2.0, 0.03, 5e4), (10.0, 0.2, 1e6)]),
    (beam_moment, [(x, 10.0, [(3.0, 100.0), (7.0, 50.0)]) for x in (1.0, 3.0, 5.0, 8.0)] + [(2.0, 4.0, [(2.0, 10.0)]), (3.5, 4.0, [(1.0, 10.0)])]),
    (stress_strain, [(e,) for e in (0.0, 0.001, 0.00125, 0.01, -0.0005, -0.02)]),
    (diode, [(v,) for v in (-7.0, -5.0, -1.0, 0.0, 0.5, 0.7, 1.5)]),
    (mosfet, [(0.5, 1.0), (2.0, 0.5), (2.0, 3.0), (0.7, 1.0), (1.7, 1.0), (3.0, 0.1, 1.0)]),
    (weir, [(0.2, 1.0), (-0.1, 1.0), (0.3, 1.0, "triangular"), (0.1, 2.0, "v"), (0.0, 1.0), (0.5, 1.5), (0.5, 1.5, "round")]),
    (saturation, [(t,) for t in (-20.0, -0.1, 0.0, 15.0, 40.0, 99.0)]),
    (pump_point, [(30.0, 1.0, 10.0, 0.5), (8.0, 1.0, 10.0, 0.5), (50.0, 2.0, 5.0, 1.0), (20.0, 0.3, 2.0, 0.1), (10.0, 1.0, 10.0, 1.0), (15.0, 0.7, 3.0, 0.9)]),
    (viscosity_air, [(t,) for t in (300.0, 50.0, 2000.0, 1000.0, 100.0, 150.0)]),
]
