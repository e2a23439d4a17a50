"""Integrators of ordinary differential equations, and events."""

import functools
import math

import numpy as np

G = 9.81


def euler(k, y0, steps):
    y = y0
    h = 1.0 / steps
    for _ in range(steps):
        y += h * (-k * y)
    return y


def rk4_step(f, t, y, h):
    k1 = f(t, y)
    k2 = f(t + h / 2, y + h / 2 * k1)
    k3 = f(t + h / 2, y + h / 2 * k2)
    k4 = f(t + h, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def logistic_growth(r, K, y0):
    t, y = 0.0, y0
    for i in range(10):
        y = rk4_step(lambda t, y: r * y * (1 - y / K), t, y, 0.2)
        t += 0.2
    return y


def switched_input(a, t_on):
    def f(t, y):
        u = 1.0 if t >= t_on else 0.0
        return -a * y + u

    y = 0.5
    for i in range(8):
        y = rk4_step(f, i * 0.25, y, 0.25)
    return y


def bouncing_ball(h, v, e):
    """Height after a second, with bounces."""
    dt = 0.05
    bounces = 0
    for _ in range(20):
        v = v - G * dt
        h = h + v * dt
        if h < 0:
            h = -h * e
            v = -v * e
            bounces += 1
    return h + 0.001 * v


def count_bounces(h, e):
    v, n = 0.0, 0
    for _ in range(40):
        v -= G * 0.05
        h += v * 0.05
        if h < 0 and v < 0:
            h, v = 0.0, -v * e
            n += 1
    return n


def lotka_volterra(x, y, alpha, beta):
    for _ in range(12):
        x, y = x + 0.1 * (alpha * x - beta * x * y), y + 0.1 * (beta * x * y - y)
        x = max(x, 0)
        y = max(y, 0)
    return [x, y]


def adaptive_step(lam, y0):
    """Euler with step doubling; the step follows the error."""
    t, y, h = 0.0, y0, 0.4
    while t < 1.0:
        if t + h > 1.0:
            h = 1.0 - t
        big = y + h * lam * y
        half = y + h / 2 * lam * y
        small = half + h / 2 * lam * half
        err = abs(big - small)
        if err > 1e-2:
            h *= 0.5
            continue
        y = small
        t += h
        if err < 1e-3:
            h *= 2
    return y


def pendulum_energy(theta, omega, length=1.0):
    for _ in range(15):
        omega -= 0.05 * G / length * np.sin(theta)
        theta += 0.05 * omega
    return 0.5 * length**2 * omega**2 + G * length * (1 - np.cos(theta))


def time_to_ground(v0, angle, drag):
    vx, vy = v0 * math.cos(angle), v0 * math.sin(angle)
    x, y, t, dt = 0.0, 0.0, 0.0, 0.1
    while True:
        speed = math.hypot(vx, vy)
        vx -= drag * speed * vx * dt
        vy -= (G + drag * speed * vy) * dt
        last = y
        x += vx * dt
        y += vy * dt
        if y < 0:
            return t + dt * last / (last - y)
        t += dt


def stick_slip(x, v, mu, k):
    dt = 0.1
    for _ in range(15):
        spring = k * (0.3 - x)
        if abs(v) < 1e-3 and abs(spring) < mu:
            v = 0.0
        else:
            friction = mu if v > 0 else -mu
            v += dt * (spring - friction)
        x += dt * v
    return x


def heat_rod(left, right, alpha):
    n = 6
    T = np.zeros(n)
    T[0] = left
    T[-1] = right
    for _ in range(5):
        new = T.copy()
        for i in range(1, n - 1):
            new[i] = T[i] + alpha * (T[i + 1] - 2 * T[i] + T[i - 1])
        T = new
    return T[2] + T[3]


def thermostat(outside, T, on):
    used = 0.0
    history = [T]
    for hour in range(12):
        if T < 19:
            on = True
        elif T > 21:
            on = False
        T += 0.2 * (outside - T) + (2.5 if on else 0.0)
        used += on
        history.append(T)
    return used + min(history) / 100


def verlet(x, v, k=4.0):
    xs = [x]
    a = -k * x
    for _ in range(9):
        x = x + v * 0.1 + 0.5 * a * 0.01
        new = -k * x
        v = v + 0.5 * (a + new) * 0.1
        a = new
        xs.append(x)
    return max(xs) - min(xs)


def implicit_euler(lam, y0, n):
    def solve(y):
        z = y
        for _ in range(3):
            z = z - (z - y + lam / n * z**3) / (1 + 3 * lam / n * z**2)
        return z

    return functools.reduce(lambda y, _: solve(y), range(n), y0)


def crossing_time(a, w, level):
    """When a sin(wt) first exceeds the level; -1 if it never does."""
    dt, previous = 0.05, 0.0
    for i in range(1, 60):
        value = a * math.sin(w * i * dt)
        if previous < level <= value:
            return (i - 1 + (level - previous) / (value - previous)) * dt
        previous = value
    return -1.0


def stiff_solver(k, y0, explicit_limit=2.0):
    h = 0.1
    if k * h < explicit_limit:
        step = lambda y: y - h * k * y
    else:
        step = lambda y: y / (1 + h * k)
    for _ in range(10):
        y0 = step(y0)
    return y0


PROGRAMS = [
    (euler, [(1.0, 1.0, 10), (2.0, 0.5, 10), (-1.0, 1.0, 4), (0.0, 3.0, 5), (5.0, -1.0, 10), (0.3, 0.7, 1)]),
    (logistic_growth, [(1.0, 10.0, 1.0), (2.0, 5.0, 7.0), (0.5, 1.0, 0.1), (3.0, 2.0, 2.0), (-1.0, 4.0, 1.0), (1.5, 8.0, 0.0)]),
    (switched_input, [(1.0, 0.6), (2.0, -1.0), (0.5, 5.0), (1.0, 0.5), (3.0, 1.1), (0.1, 1.9)]),
    (bouncing_ball, [(1.0, 0.0, 0.8), (0.2, 2.0, 0.9), (5.0, 1.0, 0.5), (0.1, 0.0, 0.7), (2.0, -3.0, 0.6), (0.5, 4.0, 1.0)]),
    (count_bounces, [(1.0, 0.8), (0.3, 0.9), (15.0, 0.5), (100.0, 0.5), (0.1, 0.2), (2.0, 1.0)]),
    (lotka_volterra, [(1.0, 0.5, 1.0, 0.5), (2.0, 2.0, 1.1, 0.4), (10.0, 5.0, 0.1, 3.0), (0.0, 1.0, 1.0, 1.0), (3.0, 9.0, 0.5, 2.0), (0.5, 0.1, 2.0, 0.1)]),
    (adaptive_step, [(-1.0, 1.0), (-4.0, 1.0), (0.5, 2.0), (-8.0, 3.0), (0.1, 0.5), (2.0, 1.0), (-0.01, 1.0)]),
    (pendulum_energy, [(0.1, 0.0), (1.5, 0.0), (3.0, 0.1), (0.0, 2.0, 2.0), (-1.0, -1.0), (0.5, 5.0, 0.5)]),
    (time_to_ground, [(10.0, 0.8, 0.01), (20.0, 0.5, 0.05), (5.0, 1.2, 0.0), (8.0, 1.0, 0.2), (15.0, 0.3, 0.02), (3.0, 1.5, 0.1)]),
    (stick_slip, [(0.0, 0.0, 1.0, 2.0), (0.0, 0.0, 0.1, 2.0), (1.0, 0.5, 0.2, 3.0), (0.5, -0.4, 0.3, 1.0), (0.29, 0.0, 0.5, 4.0), (-1.0, 0.0, 0.4, 5.0)]),
    (heat_rod, [(1.0, 0.0, 0.25), (100.0, 20.0, 0.4), (0.0, 0.0, 0.1), (-5.0, 5.0, 0.3), (3.0, 2.0, 0.0), (10.0, 10.0, 0.5)]),
    (thermostat, [(5.0, 18.0, False), (10.0, 22.0, True), (15.0, 20.0, True), (20.0, 20.0, False), (-5.0, 19.0, False), (25.0, 21.0, True)]),
    (verlet, [(1.0, 0.0), (0.0, 1.0), (0.5, -0.5), (2.0, 1.0, 9.0), (-1.0, 0.3), (0.1, 0.2, 1.0)]),
    (implicit_euler, [(1.0, 1.0, 3), (5.0, 2.0, 4), (0.0, 1.0, 2), (10.0, -1.0, 3), (0.5, 0.5, 5), (2.0, 0.0, 2)]),
    (crossing_time, [(1.0, 2.0, 0.5), (1.0, 2.0, 1.5), (2.0, 1.0, 1.9), (-1.0, 3.0, 0.5), (0.5, 5.0, 0.45), (3.0, 0.7, 1.0), (1.0, 2.0, -0.5)]),
    (stiff_solver, [(1.0, 1.0), (50.0, 1.0), (20.0, 2.0), (5.0, -1.0), (15.0, 1.0, 1.0), (100.0, 0.5)]),
]
