"""Graphics and shading."""

import math

import numpy as np

LIGHT = (0.3, 0.8, 0.5)
PALETTE = ((0.0, 0.0, 0.2), (0.9, 0.5, 0.1), (1.0, 1.0, 0.9))


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def normalize(v):
    n = math.sqrt(dot(v, v))
    return [c / n for c in v] if n else v


def lambert(nx, ny, nz):
    return max(0.0, dot(normalize([nx, ny, nz]), normalize(LIGHT)))


def phong(nx, ny, nz, shininess=8):
    n, l, v = normalize([nx, ny, nz]), normalize(LIGHT), (0.0, 0.0, 1.0)
    diffuse = dot(n, l)
    if diffuse <= 0:
        return 0.05
    r = [2 * diffuse * a - b for a, b in zip(n, l)]
    spec = max(dot(r, v), 0)**shininess
    return 0.05 + 0.7 * diffuse + 0.25 * spec


def toon(intensity):
    for level in (0.9, 0.6, 0.3):
        if intensity > level:
            return level
    return 0.1


def srgb(c):
    if c <= 0.0031308:
        return 12.92 * c
    return 1.055 * c**(1 / 2.4) - 0.055


def hsv_to_rgb(h, s, v):
    i = int(h * 6)
    f = h * 6 - i
    p, q, t = v * (1 - s), v * (1 - f * s), v * (1 - (1 - f) * s)
    i %= 6
    if i == 0:
        return v, t, p
    if i == 1:
        return q, v, p
    if i == 2:
        return p, v, t
    if i == 3:
        return p, q, v
    if i == 4:
        return t, p, v
    return v, p, q


def rgb_to_hue(r, g, b):
    high, low = max(r, g, b), min(r, g, b)
    if high == low:
        return 0.0
    d = high - low
    if high == r:
        h = (g - b) / d % 6
    elif high == g:
        h = (b - r) / d + 2
    else:
        h = (r - g) / d + 4
    return h * 60


def gradient_colour(t):
    t = min(1, max(0, t)) * 2
    k = 0 if t < 1 else 1
    a, b = PALETTE[k], PALETTE[k + 1]
    return [x + (y - x) * (t - k) for x, y in zip(a, b)]


def sdf_scene(x, y):
    circle = math.hypot(x - 0.5, y) - 0.4
    dx, dy = abs(x + 0.5) - 0.3, abs(y) - 0.2
    box = math.hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0)
    return min(circle, box)


def march(ox, angle):
    t = 0.0
    for _ in range(24):
        d = sdf_scene(ox + t * math.cos(angle), -2 + t * math.sin(angle))
        if d < 1e-3:
            return t
        t += d
        if t > 6:
            break
    return -1.0


def fresnel(cos_i, n1, n2):
    """Schlick's approximation with total reflection."""
    r0 = ((n1 - n2) / (n1 + n2))**2
    if n1 > n2:
        sin2 = (n1 / n2)**2 * (1 - cos_i**2)
        if sin2 > 1:
            return 1.0
        cos_i = np.sqrt(1 - sin2)
    return r0 + (1 - r0) * (1 - cos_i)**5


def fog(distance, density, mode="exp"):
    if mode == "linear":
        return min(1.0, max(0.0, (50 - distance) / (50 - 5)))
    if mode == "exp2":
        return math.exp(-(density * distance)**2)
    return math.exp(-density * distance)


def tonemap(rgb, exposure=1.0):
    return [1 if c * exposure > 4 else c * exposure / (1 + c * exposure) for c in rgb]


def bezier(points, t):
    """De Casteljau."""
    while len(points) > 1:
        points = [(1 - t) * a + t * b for a, b in zip(points, points[1:])]
    return points[0]


def checker(u, v):
    return 1.0 if (math.floor(u) + math.floor(v)) % 2 == 0 else 0.2


PROGRAMS = [
    (lambert, [(0.0, 1.0, 0.0), (0.3, 0.8, 0.5), (-1.0, 0.0, 0.0), (0.0, -1.0, 0.3), (0.0, 0.0, 0.0), (1.0, 2.0, 3.0)]),
    (phong, [(0.0, 1.0, 0.0), (0.3, 0.8, 0.5), (-1.0, 0.0, 0.0), (0.1, 0.4, 0.9), (1.0, -0.1, -0.1), (1.0, 2.0, 3.0, 32)]),
    (toon, [(0.95,), (0.7,), (0.4,), (0.2,), (0.9,), (-1.0,)]),
    (srgb, [(0.0,), (0.002,), (0.0031308,), (0.01,), (0.5,), (1.0,)]),
    (hsv_to_rgb, [(h, 0.6, 0.9) for h in (0.05, 0.2, 0.4, 0.6, 0.75, 0.95, 1.0)]),
    (rgb_to_hue, [(0.9, 0.3, 0.1), (0.9, 0.1, 0.4), (0.2, 0.8, 0.3), (0.1, 0.2, 0.7), (0.5, 0.5, 0.5), (0.6, 0.6, 0.1)]),
    (gradient_colour, [(-0.5,), (0.0,), (0.2,), (0.5,), (0.8,), (1.5,)]),
    (sdf_scene, [(0.5, 0.1), (-0.5, 0.05), (-0.7, 0.15), (-1.2, 0.6), (1.5, 1.0), (-0.4, 0.9)]),
    (march, [(0.5, 1.5), (-0.5, 1.6), (2.0, 0.1), (0.0, 1.9), (-3.0, 0.3), (0.3, 1.4)]),
    (fresnel, [(0.9, 1.0, 1.5), (0.2, 1.0, 1.5), (0.9, 1.5, 1.0), (0.2, 1.5, 1.0), (1.0, 1.0, 1.33), (0.8, 1.33, 1.0)]),
    (fog, [(10.0, 0.05), (10.0, 0.05, "linear"), (2.0, 0.0, "linear"), (60.0, 0.0, "linear"), (10.0, 0.05, "exp2"), (30.0, 0.1)]),
    (tonemap, [([0.1, 1.0, 9.0],), ([0.0, 0.2, 0.4],), ([5.0, 6.0, 7.0],), ([0.1, 1.0, 3.0], 2.0), ([4.0, 4.0, 4.0],), ([2.0, 1.0, 0.5], 0.5)]),
    (bezier, [([0.0, 1.0, 3.0], 0.3), ([0.0, 2.0, -1.0, 1.0], 0.5), ([1.0, 1.0], 0.7), ([2.0, 3.0, 5.0], 0.0), ([4.0], 0.2), ([1.0, 0.0, 2.0], 1.0)]),
    (checker, [(0.5, 0.5), (1.5, 0.5), (-0.5, 0.5), (2.3, 3.7), (1.0, 1.0), (-0.1, -0.1)]),
]
