"""Geometry."""

import cmath
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Point:
    x: float
    y: float

    def __sub__(self, other):
        return Point(self.x - other.x, self.y - other.y)

    def cross(self, other):
        return self.x * other.y - self.y * other.x

    def norm(self):
        return math.sqrt(self.x**2 + self.y**2)


def triangle_area(a, b, c):
    """Heron; 0 where the sides close no triangle."""
    if a + b <= c or b + c <= a or c + a <= b:
        return 0.0
    s = (a + b + c) / 2
    return math.sqrt(s * (s - a) * (s - b) * (s - c))


def classify_triangle(a, b, c):
    x, y, z = sorted([a, b, c])
    if x + y <= z:
        return "none"
    elif x * x + y * y == z * z:
        return "right"
    elif x * x + y * y < z * z:
        return "obtuse"
    return "acute"


def orientation(p: Point, q: Point, r: Point) -> int:
    turn = (q - p).cross(r - q)
    if turn > 0:
        return 1
    return -1 if turn < 0 else 0


def shoelace(xs, ys):
    n = len(xs)
    area = 0.0
    for i in range(n):
        j = (i + 1) % n
        area += xs[i] * ys[j] - xs[j] * ys[i]
    return abs(area) / 2


def point_in_polygon(x, y, polygon):
    inside = False
    j = len(polygon) - 1
    for i in range(len(polygon)):
        xi, yi = polygon[i]
        xj, yj = polygon[j]
        if (yi > y) != (yj > y) and x < (xj - xi) * (y - yi) / (yj - yi) + xi:
            inside = not inside
        j = i
    return inside


def distance_to_segment(px, py, ax, ay, bx, by):
    dx, dy = bx - ax, by - ay
    if dx == dy == 0:
        return math.hypot(px - ax, py - ay)
    t = ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy)
    t = max(0.0, min(1.0, t))
    return math.hypot(px - ax - t * dx, py - ay - t * dy)


def segments_cross(p1, p2, p3, p4):
    d = (p2[0] - p1[0]) * (p4[1] - p3[1]) - (p2[1] - p1[1]) * (p4[0] - p3[0])
    if d == 0:
        return None
    t = ((p3[0] - p1[0]) * (p4[1] - p3[1]) - (p3[1] - p1[1]) * (p4[0] - p3[0])) / d
    u = ((p3[0] - p1[0]) * (p2[1] - p1[1]) - (p3[1] - p1[1]) * (p2[0] - p1[0])) / d
    if 0 <= t <= 1 and 0 <= u <= 1:
        return (p1[0] + t * (p2[0] - p1[0]), p1[1] + t * (p2[1] - p1[1]))
    return None


def circle_overlap(r1, r2, d):
    if d >= r1 + r2:
        return 0.0
    if d <= abs(r1 - r2):
        return math.pi * min(r1, r2)**2
    a1 = math.acos((d * d + r1 * r1 - r2 * r2) / (2 * d * r1))
    a2 = math.acos((d * d + r2 * r2 - r1 * r1) / (2 * d * r2))
    return r1**2 * (a1 - math.sin(2 * a1) / 2) + r2**2 * (a2 - math.sin(2 * a2) / 2)


def haversine(lat1, lon1, lat2, lon2, radius=6371.0):
    lat1, lon1, lat2, lon2 = map(math.radians, (lat1, lon1, lat2, lon2))
    a = math.sin((lat2 - lat1) / 2)**2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2)**2
    return 2 * radius * math.asin(math.sqrt(a))


def quadrant(x, y):
    if x == 0 or y == 0:
        return 0
    if x > 0:
        return 1 if y > 0 else 4
    return 2 if y > 0 else 3


def polar(x, y):
    r = math.hypot(x, y)
    angle = math.degrees(math.atan2(y, x))
    return r, angle + 360 if angle < 0 else angle


def bounding_box(points):
    xs, ys = zip(*points)
    return {"width": max(xs) - min(xs), "height": max(ys) - min(ys)}


def convex_hull_area(points):
    """Monotone chain, then shoelace."""
    pts = sorted(points)

    def half(seq):
        chain = []
        for p in seq:
            while len(chain) >= 2 and (chain[-1][0] - chain[-2][0]) * (p[1] - chain[-2][1]) <= (chain[-1][1] - chain[-2][1]) * (p[0] - chain[-2][0]):
                chain.pop()
            chain.append(p)
        return chain[:-1]

    hull = half(pts) + half(pts[::-1])
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(hull, hull[1:] + hull[:1])) / 2


def rotate(v, axis, angle):
    """Rodrigues' formula."""
    k = np.array(axis) / np.linalg.norm(axis)
    v = np.array(v)
    c, s = np.cos(angle), np.sin(angle)
    return v * c + np.cross(k, v) * s + k * np.dot(k, v) * (1 - c)


def perimeter(points: list) -> float:
    total = 0.0
    for a, b in zip(points, points[1:] + points[:1]):
        total += (a - b).norm()
    return total


def sphere_hit(ox, oz, radius):
    """Distance along the ray (0, 0, 1) from (ox, 0, oz) to a sphere at the origin."""
    disc = radius**2 - ox**2
    if disc < 0:
        return math.inf
    root = math.sqrt(disc)
    near, far = -oz - root, -oz + root
    if near > 0:
        return near
    return far if far > 0 else math.inf


def mandelbrot_escape(x, y, limit=15):
    c = complex(x, y)
    z, n = c, 0
    while abs(z) <= 2 and n < limit:
        z = z * z + c
        n += 1
    return n + (cmath.phase(z) > 0)


SQUARE = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
REFUSED = {"mandelbrot_escape": ("TypeError", "complex numbers are not recorded")}
PROGRAMS = [
    (triangle_area, [(3.0, 4.0, 5.0), (1.0, 1.0, 3.0), (5.0, 1.0, 2.0), (1.0, 4.0, 2.0), (2.0, 2.0, 2.0), (1.0, 2.0, 3.0)]),
    (classify_triangle, [(3.0, 4.0, 5.0), (1.0, 1.0, 3.0), (5.0, 4.0, 4.5), (2.0, 4.0, 5.0), (2.0, 2.0, 2.0), (5.0, 13.0, 12.0)]),
    (orientation, [(Point(0.0, 0.0), Point(1.0, 0.0), Point(1.0, 1.0)), (Point(0.0, 0.0), Point(1.0, 0.0), Point(1.0, -1.0)), (Point(0.0, 0.0), Point(1.0, 1.0), Point(2.0, 2.0)),
                   (Point(0.5, 0.0), Point(1.0, 3.0), Point(-1.0, 1.0)), (Point(0.0, 2.0), Point(1.5, 0.0), Point(0.0, -1.0)), (Point(0.0, 0.0), Point(0.0, 0.0), Point(1.0, 1.0))]),
    (shoelace, [([0.0, 2.0, 2.0, 0.0], [0.0, 0.0, 2.0, 2.0]), ([0.0, 0.0, 2.0, 2.0], [0.0, 2.0, 2.0, 0.0]), ([0.0, 1.0, 0.5], [0.0, 0.1, 3.0]), ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
                ([0.0, 3.0, 1.0], [0.2, 0.5, -4.0]), ([5.0, 1.0, 2.0, 4.0], [0.0, 1.0, 3.0, 2.0])]),
    (point_in_polygon, [(1.0, 1.0, SQUARE), (3.0, 1.0, SQUARE), (1.0, -1.0, SQUARE), (-0.5, 0.5, SQUARE), (2.0, 1.0, SQUARE), (0.5, 0.4, [(0.0, 0.0), (1.0, 0.2), (0.3, 2.0)])]),
    (distance_to_segment, [(1.0, 1.0, 0.0, 0.0, 2.0, 0.0), (-1.0, 1.0, 0.0, 0.0, 2.0, 0.0), (5.0, 1.0, 0.0, 0.0, 2.0, 0.0), (1.0, 1.0, 3.0, 2.0, 3.0, 2.0), (0.3, -0.7, 1.0, 2.0, -1.0, 0.5),
                           (2.0, 3.0, 0.0, 0.0, 2.0, 0.0), (1.0, 0.5, 0.0, 0.0, 2.0, 2.0)]),
    (segments_cross, [((0.0, 0.0), (2.0, 2.0), (0.0, 2.0), (2.0, 0.0)), ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 2.0)), ((0.0, 0.0), (0.5, 0.5), (0.0, 2.0), (2.0, 0.0)),
                      ((0.0, 0.0), (1.0, 1.0), (0.0, 2.0), (2.0, 0.0)), ((0.0, 1.0), (3.0, 1.2), (1.0, 0.0), (1.5, 4.0)), ((0.0, 1.0), (3.0, 1.2), (1.0, 3.0), (1.5, 4.0)), ((2.0, 2.0), (3.0, 3.0), (0.0, 2.0), (2.0, 0.0))]),
    (circle_overlap, [(1.0, 1.0, 3.0), (1.0, 3.0, 0.5), (1.0, 1.0, 1.0), (2.0, 1.5, 1.2), (1.0, 1.0, 2.0), (3.0, 1.0, 2.0), (3.0, 1.0, 2.5)]),
    (haversine, [(52.5, 13.4, 48.9, 2.35), (0.0, 0.0, 0.0, 90.0), (40.7, -74.0, 51.5, -0.1), (-33.9, 151.2, 35.7, 139.7), (10.0, 10.0, 10.1, 10.2), (89.0, 0.0, 88.0, 170.0, 1.0)]),
    (quadrant, [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (0.0, 1.0), (1.0, 0.0)]),
    (polar, [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (0.0, 1.0), (3.0, -4.0)]),
    (bounding_box, [([(0.0, 1.0), (2.0, 3.0), (1.0, -1.0)],), ([(5.0, 1.0), (2.0, 3.0), (1.0, 4.0)],), ([(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)],), ([(1.0, 9.0), (3.0, 3.0), (2.0, 1.0)],),
                    ([(0.5, 1.5), (0.2, 0.3), (-1.0, -1.0)],), ([(1.0, 2.0), (2.0, 1.0), (3.0, 0.0)],)]),
    (convex_hull_area, [([(0.0, 0.0), (2.0, 0.1), (2.1, 2.0), (0.1, 2.2), (1.0, 1.0)],), ([(0.0, 0.0), (4.0, 0.0), (0.0, 3.0), (1.0, 1.0), (0.5, 0.5)],), ([(1.0, 1.0), (3.0, 1.5), (2.0, 5.0), (0.0, 2.0), (4.0, 3.0)],),
                        ([(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (1.0, 3.0)],), ([(5.0, 0.0), (0.0, 5.0), (-5.0, 0.5), (0.5, -5.0), (0.1, 0.2)],), ([(0.3, 0.9), (0.8, 0.1), (0.5, 0.5), (0.2, 0.4), (0.9, 0.7)],)]),
    (rotate, [([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], 0.5), ([1.0, 2.0, 3.0], [1.0, 1.0, 0.0], -1.2), ([0.0, 0.0, 1.0], [0.0, 0.0, 2.0], 3.0), ([0.1, 0.2, 0.3], [3.0, 4.0, 0.0], 0.0),
              ([-1.0, 1.0, 0.5], [0.3, 0.1, 0.9], 2.0), ([2.0, 0.0, 1.0], [1.0, 0.5, 0.2], 1.0)]),
    (perimeter, [([Point(0.0, 0.0), Point(3.0, 0.0), Point(3.0, 4.0)],), ([Point(0.1, 0.2), Point(1.0, 0.5), Point(0.3, 2.0)],), ([Point(1.0, 1.0), Point(-1.0, 1.0), Point(0.0, -2.0)],),
                 ([Point(5.0, 0.0), Point(0.0, 5.0), Point(1.0, 1.5)],), ([Point(0.0, 1.0), Point(2.0, 0.0), Point(3.0, 3.0)],), ([Point(9.0, 8.0), Point(7.0, 6.5), Point(5.0, 4.0)],)]),
    (sphere_hit, [(0.0, -5.0, 1.0), (2.0, -5.0, 1.0), (0.3, 0.2, 1.0), (0.5, 4.0, 1.0), (1.0, -3.0, 1.0), (0.7, -2.0, 1.5)]),
    (mandelbrot_escape, [(0.0, 0.0), (1.0, 1.0), (0.3, 0.5), (-2.0, 0.1), (-0.7, 0.3), (0.4, -0.4)]),
]
