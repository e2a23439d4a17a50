"""Astronomy."""

import functools
import math
from collections import OrderedDict

import numpy as np

AU = 1.495978707e11
PLANETS = OrderedDict(mercury=(0.387, 0.206), earth=(1.0, 0.0167), mars=(1.524, 0.0934), pluto=(39.5, 0.249))


def kepler(M, e):
    """Eccentric anomaly by Newton's method."""
    E = M if e < 0.8 else math.pi
    for _ in range(30):
        dE = (E - e * math.sin(E) - M) / (1 - e * math.cos(E))
        E -= dE
        if abs(dE) < 1e-13:
            break
    return E


def true_anomaly(M, e):
    E = kepler(M, e)
    return 2 * math.atan2(math.sqrt(1 + e) * math.sin(E / 2), math.sqrt(1 - e) * math.cos(E / 2))


def distance_to_sun(planet, M):
    a, e = PLANETS[planet]
    return a * (1 - e * math.cos(kepler(M, e)))


def orbit_kind(energy, momentum):
    e2 = 1 + 2 * energy * momentum**2
    if energy < 0:
        return "circle" if abs(e2) < 1e-9 else "ellipse"
    return "parabola" if energy == 0 else "hyperbola"


def julian_day(year, month, day):
    if month <= 2:
        year -= 1
        month += 12
    b = 2 - year // 100 + year // 400
    return math.floor(365.25 * (year + 4716)) + math.floor(30.6001 * (month + 1)) + day + b - 1524.5


def day_length(latitude, day):
    declination = -23.44 * np.cos(2 * np.pi / 365 * (day + 10))
    x = -np.tan(np.radians(latitude)) * np.tan(np.radians(declination))
    if x >= 1:
        return 0.0
    elif x <= -1:
        return 24.0
    return 24 / np.pi * np.arccos(x)


def luminosity(mass):
    """Piecewise relation of mass and luminosity."""
    if mass < 0.43:
        return 0.23 * mass**2.3
    if mass < 2:
        return mass**4
    if mass < 55:
        return 1.4 * mass**3.5
    return 32000 * mass


def magnitude_sum(*magnitudes):
    flux = sum(10**(-0.4 * m) for m in magnitudes)
    return -2.5 * math.log10(flux)


def refraction(altitude):
    """Bennett's formula, in minutes; none far below the horizon."""
    if altitude < -1:
        return 0
    return 1 / math.tan(math.radians(altitude + 7.31 / (altitude + 4.4)))


def hour_angle(lst, ra):
    ha = (lst - ra) % 24
    if ha > 12:
        ha -= 24
    return ha


@functools.lru_cache(maxsize=None)
def _legendre(n, x):
    if n == 0:
        return 1.0
    if n == 1:
        return x
    return ((2 * n - 1) * x * _legendre(n - 1, x) - (n - 1) * _legendre(n - 2, x)) / n


def zonal_potential(r, latitude):
    s = math.sin(latitude)
    js = {2: 1.0826e-3, 3: -2.5e-6, 4: -1.6e-6}
    return -1 / r * (1 - sum(j * r**-n * _legendre(n, s) for n, j in js.items()))


def three_body(x, v):
    """Falls between two fixed masses, softened."""
    for _ in range(12):
        a = 0.0
        for centre, mass in [(-1.0, 1.0), (2.0, 0.5)]:
            d = centre - x
            a += mass * d / (d * d + 0.1)**1.5
        v += 0.1 * a
        x += 0.1 * v
    return x


def comoving_distance(z, om=0.3):
    n, total = 10, 0.0
    for i in range(n + 1):
        w = 0.5 if i in (0, n) else 1
        zi = z * i / n
        total += w / math.sqrt(om * (1 + zi)**3 + 1 - om)
    return total * z / n


def phase_name(elongation):
    elongation %= 360
    names = ["new", "crescent", "quarter", "gibbous"]
    return names[min(int(elongation // 45), 3)] if elongation < 180 else "full" if elongation < 200 else "waning"


PROGRAMS = [
    (kepler, [(1.0, 0.1), (2.5, 0.6), (0.3, 0.9), (-1.0, 0.3), (0.0, 0.0), (3.0, 0.85)]),
    (true_anomaly, [(1.0, 0.1), (2.5, 0.6), (0.3, 0.9), (-1.0, 0.3), (0.5, 0.0), (3.0, 0.85)]),
    (distance_to_sun, [("earth", 0.3), ("mars", 2.0), ("mercury", -1.0), ("pluto", 5.0), ("earth", 0.0), ("mars", 0.7)]),
    (orbit_kind, [(-0.5, 1.0), (-0.3, 1.0), (0.0, 1.0), (0.5, 2.0), (-2.0, 0.5), (-0.1, 0.3)]),
    (julian_day, [(2000, 1, 1.5), (2024, 2, 29.25), (1987, 6, 19.5), (1600, 12, 31.0), (2100, 3, 1.0), (1999, 11, 5.75)]),
    (day_length, [(50.0, 100.0), (80.0, 10.0), (80.0, 180.0), (0.0, 50.0), (-35.0, 300.0), (60.0, 172.0)]),
    (luminosity, [(m,) for m in (0.2, 0.43, 1.0, 2.0, 10.0, 60.0)]),
    (magnitude_sum, [(1.0, 2.0), (0.0, 0.0, 0.0), (-1.5, 3.0), (5.0, 5.1, 5.2), (2.0,), (8.0, -26.7)]),
    (refraction, [(a,) for a in (-5.0, -1.0, 0.0, 10.0, 45.0, 80.0)]),
    (hour_angle, [(5.0, 3.0), (3.0, 5.0), (20.0, 2.0), (12.0, 0.0), (1.0, 23.0), (14.0, 1.5)]),
    (zonal_potential, [(1.0, 0.3), (1.5, -1.2), (2.0, 0.0), (1.1, 0.8), (4.0, 1.5), (1.2, 0.5)]),
    (three_body, [(0.5, 0.0), (-2.0, 0.3), (3.0, -1.0), (0.0, 1.0), (1.0, -0.5), (-1.0, 0.0)]),
    (comoving_distance, [(0.1,), (0.5,), (1.0,), (3.0,), (1.0, 1.0), (0.0,)]),
    (phase_name, [(10.0,), (60.0,), (100.0,), (150.0,), (185.0,), (300.0,), (370.0,)]),
]
