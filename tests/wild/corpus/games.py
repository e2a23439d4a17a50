"""Games and physics."""

import math
from collections import namedtuple

Vec = namedtuple("Vec", "x y")
GRAVITY = -20.0
TERMINAL = -15.0
DAMAGE = {"fire": 1.5, "water": 0.5, "grass": 1.0}


class Player:
    def __init__(self, hp, armor=0.0):
        self.hp = hp
        self.armor = armor
        self.shield = 10.0

    def hit(self, amount):
        amount = max(amount - self.armor, 1.0)
        absorbed = min(self.shield, amount)
        self.shield -= absorbed
        self.hp -= amount - absorbed
        return self.hp > 0

    @property
    def dead(self):
        return self.hp <= 0


def fight(hp, armor, blows):
    player = Player(hp, armor)
    for blow in blows:
        if not player.hit(blow):
            break
    return 0.0 if player.dead else player.hp + player.shield


def elemental_damage(base, attack, defence, element="grass", critical=False):
    damage = base * attack / defence * DAMAGE[element]
    if critical:
        damage *= 2
    return max(1, damage)


def jump(vy, held):
    y, t = 0.0, 0
    while True:
        g = GRAVITY * (0.5 if held and vy > 0 else 1.0)
        vy = max(vy + g * 0.05, TERMINAL)
        y += vy * 0.05
        t += 1
        if y <= 0 or t > 60:
            break
    return t


def reflect(v, wall):
    if wall == "left" or wall == "right":
        return Vec(-v.x, v.y)
    return Vec(v.x, -v.y)


def pong(x, y, vx, vy):
    for _ in range(12):
        x += vx
        y += vy
        if y < 0 or y > 10:
            vy = -vy
            y = -y if y < 0 else 20 - y
        if x > 15:
            vx = -abs(vx) * 1.05
        elif x < 0:
            vx = abs(vx) * 1.05
    return x + 10 * y


def circles_collide(x1, y1, r1, x2, y2, r2):
    return (x1 - x2)**2 + (y1 - y2)**2 <= (r1 + r2)**2


def aabb_overlap(a, b):
    dx = min(a[2], b[2]) - max(a[0], b[0])
    dy = min(a[3], b[3]) - max(a[1], b[1])
    if dx > 0 and dy > 0:
        return dx * dy
    return 0.0


def elastic_collision(m1, v1, m2, v2):
    if v1 <= v2:
        return v1, v2
    total = m1 + m2
    return ((m1 - m2) * v1 + 2 * m2 * v2) / total, ((m2 - m1) * v2 + 2 * m1 * v1) / total


def steer(px, py, vx, vy, tx, ty, max_force=0.5):
    """Seek behaviour with arrival."""
    dx, dy = tx - px, ty - py
    dist = math.sqrt(dx**2 + dy**2)
    if dist < 1e-9:
        return Vec(-vx, -vy)
    speed = 2.0 if dist > 4 else 2.0 * dist / 4
    fx, fy = dx / dist * speed - vx, dy / dist * speed - vy
    f = math.hypot(fx, fy)
    if f > max_force:
        fx, fy = fx * max_force / f, fy * max_force / f
    return Vec(fx, fy)


def experience_level(xp):
    level = 1
    need = 100
    while xp >= need:
        xp -= need
        need *= 1.5
        level += 1
    return level + xp / need


def spring_chain(x0, k, damping):
    pos = [x0, 1.0, 2.0, 3.0]
    vel = [0.0] * 4
    for _ in range(6):
        for i in range(1, 3):
            force = k * (pos[i - 1] - 2 * pos[i] + pos[i + 1]) - damping * vel[i]
            vel[i] += 0.1 * force
        for i in range(1, 3):
            pos[i] += 0.1 * vel[i]
    return pos[1] * pos[2]


def score_dart(x, y):
    r = math.hypot(x, y)
    if r < 0.5:
        return 50
    elif r < 1.5:
        return 25
    ring = 2 if 9.0 < r < 10.0 else 3 if 5.0 < r < 6.0 else 1
    if r > 10:
        return 0
    return ring * 10


def race_time(distance, vmax, accel):
    ramp = vmax / accel
    covered = accel * ramp**2 / 2
    return ramp + (distance - covered) / vmax if covered < distance else (2 * distance / accel)**0.5


def elo(ratings, results, k=32):
    """results: (i, j, score of i)."""
    ratings = list(ratings)
    for i, j, score in results:
        expected = 1 / (1 + 10**((ratings[j] - ratings[i]) / 400))
        factor = k / 2 if ratings[i] > 2400 else k
        ratings[i] += factor * (score - expected)
        ratings[j] -= factor * (score - expected)
    return ratings


def health_bar(hp, top=100.0):
    fraction = hp / top
    match fraction:
        case f if f <= 0:
            return "dead"
        case f if f < 0.3:
            return "red"
        case f if f < 0.7:
            return "yellow"
        case _:
            return "green"


PROGRAMS = [
    (fight, [(50.0, 2.0, [10.0, 20.0, 5.0]), (50.0, 2.0, [10.0, 20.0, 60.0]), (20.0, 0.0, [5.0, 5.0, 5.0]), (10.0, 1.0, [40.0, 1.0, 1.0]),
             (30.0, 6.0, [5.0, 6.0, 7.0]), (10.0, 0.0, [10.0, 10.0, 3.0])]),
    (elemental_damage, [(10.0, 20.0, 15.0), (10.0, 20.0, 15.0, "fire"), (10.0, 20.0, 15.0, "water", True), (1.0, 1.0, 15.0), (1.0, 1.0, 1.0), (5.0, 6.0, 7.0, "fire", True)]),
    (jump, [(8.0, True), (8.0, False), (20.0, True), (0.5, False), (30.0, True), (12.0, False)]),
    (reflect, [(Vec(1.0, 2.0), "left"), (Vec(1.0, 2.0), "right"), (Vec(1.0, 2.0), "top"), (Vec(-3.0, 0.5), "bottom"), (Vec(0.0, 0.0), "left"), (Vec(1.5, -2.5), "top")]),
    (pong, [(1.0, 5.0, 1.0, 0.7), (14.0, 1.0, 1.0, -0.7), (5.0, 9.0, -2.0, 1.3), (0.5, 0.5, -0.3, -0.4), (7.0, 5.0, 0.1, 0.0), (12.0, 8.0, 2.5, 2.5)]),
    (circles_collide, [(0.0, 0.0, 1.0, 1.5, 0.0, 1.0), (0.0, 0.0, 1.0, 3.0, 0.0, 1.0), (0.0, 0.0, 1.0, 2.0, 0.0, 1.0), (0.0, 0.0, 0.1, 0.3, 0.4, 0.2),
                       (1.0, 1.0, 1.0, 1.0, 1.0, 1.0), (5.0, 5.0, 1.0, -5.0, -5.0, 2.0)]),
    (aabb_overlap, [([0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0]), ([0.0, 0.0, 2.0, 2.0], [3.0, 1.0, 4.0, 3.0]), ([0.0, 0.0, 2.0, 2.0], [1.0, 2.5, 3.0, 3.0]),
                    ([0.0, 0.0, 5.0, 5.0], [1.0, 1.5, 2.0, 3.0]), ([0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 2.0, 1.0]), ([-1.0, -1.0, 0.5, 0.5], [-2.0, -3.0, 0.0, 0.1])]),
    (elastic_collision, [(1.0, 2.0, 1.0, -1.0), (2.0, 3.0, 1.0, 0.0), (1.0, -1.0, 1.0, 1.0), (5.0, 1.0, 0.1, 0.5), (1.0, 0.0, 2.0, 0.0), (3.0, 2.0, 4.0, 1.0)]),
    (steer, [(0.0, 0.0, 0.0, 0.0, 10.0, 5.0), (0.0, 0.0, 0.4, 0.1, 1.0, 0.5), (1.0, 1.0, 0.3, 0.2, 1.0, 1.0), (0.0, 0.0, 1.8, 0.0, 9.0, 0.3), (3.0, 1.0, -1.0, 0.0, 0.0, 0.0),
             (0.0, 0.0, 0.0, 0.0, 1.0, 0.2, 5.0)]),
    (experience_level, [(0.0,), (50.0,), (100.0,), (180.0,), (1000.0,), (260.0,)]),
    (spring_chain, [(0.0, 1.0, 0.1), (0.5, 2.0, 0.2), (-1.0, 0.5, 0.0), (0.2, 5.0, 1.0), (2.0, 1.0, 0.5), (0.0, 0.0, 0.3)]),
    (score_dart, [(0.1, 0.1), (1.0, 0.5), (5.5, 0.0), (9.5, 0.5), (7.0, 0.0), (10.5, 3.0), (2.0, 2.0), (0.0, 0.5)]),
    (race_time, [(100.0, 10.0, 2.0), (10.0, 10.0, 2.0), (25.0, 10.0, 2.0), (400.0, 9.0, 3.0), (1.0, 20.0, 1.0), (60.0, 8.0, 4.0)]),
    (elo, [([1500.0, 1600.0, 1700.0], [(0, 1, 1.0), (1, 2, 0.0)]), ([2500.0, 1600.0, 2450.0], [(0, 1, 1.0), (2, 0, 0.5)]), ([1500.0, 1500.0, 1500.0], [(0, 1, 0.5), (1, 2, 0.5)]),
           ([1200.0, 2000.0], [(0, 1, 0.0)]), ([2399.0, 1000.0], [(0, 1, 1.0), (0, 1, 1.0)]), ([1.0, 2.0, 3.0], [(2, 0, 1.0)], 16)]),
    (health_bar, [(-1.0,), (0.0,), (10.0,), (30.0,), (50.0,), (90.0,), (30.0, 40.0)]),
]
