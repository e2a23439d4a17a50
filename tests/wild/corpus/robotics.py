"""Robotics and control."""

import math
from dataclasses import dataclass

import numpy as np

L1, L2 = 1.0, 0.7
LIMITS = {"shoulder": (-1.5, 1.5), "elbow": (0.0, 2.6), "wrist": (-2.0, 2.0)}


@dataclass
class Pose:
    x: float
    y: float
    theta: float


class PID:
    def __init__(self, kp, ki, kd, limit=10.0):
        self.kp, self.ki, self.kd = kp, ki, kd
        self.limit = limit
        self.integral = 0.0
        self.last = None

    def update(self, error, dt):
        self.integral += error * dt
        derivative = 0.0 if self.last is None else (error - self.last) / dt
        self.last = error
        u = self.kp * error + self.ki * self.integral + self.kd * derivative
        if u > self.limit:
            self.integral -= error * dt
            u = self.limit
        elif u < -self.limit:
            self.integral -= error * dt
            u = -self.limit
        return u


def pid_response(kp, ki, kd, target):
    pid = PID(kp, ki, kd)
    position, velocity = 0.0, 0.0
    for _ in range(8):
        force = pid.update(target - position, 0.1)
        velocity += (force - 0.5 * velocity) * 0.1
        position += velocity * 0.1
    return position


def wrap_angle(a):
    while a > math.pi:
        a -= 2 * math.pi
    while a < -math.pi:
        a += 2 * math.pi
    return a


def wrap_modulo(a):
    return (a + math.pi) % (2 * math.pi) - math.pi


def forward_kinematics(q1, q2):
    x = L1 * math.cos(q1) + L2 * math.cos(q1 + q2)
    y = L1 * math.sin(q1) + L2 * math.sin(q1 + q2)
    return x, y


def inverse_kinematics(x, y, elbow_up=True):
    d2 = x * x + y * y
    c = (d2 - L1**2 - L2**2) / (2 * L1 * L2)
    if abs(c) > 1:
        return None
    s = math.sqrt(1 - c * c)
    if not elbow_up:
        s = -s
    q2 = math.atan2(s, c)
    q1 = math.atan2(y, x) - math.atan2(L2 * s, L1 + L2 * c)
    return q1, q2


def clamp_joint(name, angle):
    lo, hi = LIMITS[name]
    if angle < lo:
        return lo
    if angle > hi:
        return hi
    return angle


def trapezoidal_profile(t, distance, vmax, amax):
    t_ramp = vmax / amax
    if distance < vmax * t_ramp:  # triangular
        t_ramp = math.sqrt(distance / amax)
        vmax = amax * t_ramp
    t_flat = distance / vmax - t_ramp
    if t <= 0:
        return 0.0
    elif t < t_ramp:
        return 0.5 * amax * t**2
    elif t < t_ramp + t_flat:
        return 0.5 * amax * t_ramp**2 + vmax * (t - t_ramp)
    elif t < 2 * t_ramp + t_flat:
        left = 2 * t_ramp + t_flat - t
        return distance - 0.5 * amax * left**2
    return distance


def move(pose: Pose, v: float, w: float, dt: float = 0.1) -> Pose:
    """Unicycle model."""
    if abs(w) < 1e-6:
        return Pose(pose.x + v * math.cos(pose.theta) * dt, pose.y + v * math.sin(pose.theta) * dt, pose.theta)
    r = v / w
    new = pose.theta + w * dt
    return Pose(pose.x + r * (math.sin(new) - math.sin(pose.theta)), pose.y - r * (math.cos(new) - math.cos(pose.theta)), new)


def bang_bang(temperature, setpoint, band, heating):
    if temperature < setpoint - band:
        heating = True
    elif temperature > setpoint + band:
        heating = False
    return temperature + (1.0 if heating else -0.5)


def pure_pursuit(x, y, path):
    best, goal = None, path[-1]
    for px, py in path:
        d = math.hypot(px - x, py - y)
        if d >= 1.0 and (best is None or d < best):
            best = d
            goal = (px, py)
    dx, dy = goal[0] - x, goal[1] - y
    return 2 * dy / (dx * dx + dy * dy)


def obstacle_force(x, y, obstacles, reach=2.0):
    fx = fy = 0.0
    for ox, oy in obstacles:
        dx, dy = x - ox, y - oy
        d = math.sqrt(dx * dx + dy * dy)
        if d > reach:
            continue
        strength = (1 / d - 1 / reach) / d**2
        fx += strength * dx / d
        fy += strength * dy / d
    return fx + 2 * fy


def kalman_1d(measurements, q, r):
    x, p = 0.0, 1.0
    for z in measurements:
        p = p + q
        k = p / (p + r)
        innovation = z - x
        if abs(innovation) > 5:
            k = k * 0.1
        x = x + k * innovation
        p = (1 - k) * p
    return x


def slew(command, previous, rate, dt):
    step = np.clip(command - previous, -rate * dt, rate * dt)
    return previous + step


def deadzone(u, width):
    return 0.0 if -width <= u <= width else u - math.copysign(width, u)


def quaternion_normalise(w, x, y, z):
    n = math.sqrt(w * w + x * x + y * y + z * z)
    if n == 0:
        return (1.0, 0.0, 0.0, 0.0)
    q = (w / n, x / n, y / n, z / n)
    return tuple(-c for c in q) if q[0] < 0 else q


def lyapunov_stable(a, b, c, d):
    """Is the 2x2 system stable: trace and determinant."""
    return a + d < 0 and a * d - b * c > 0


PROGRAMS = [
    (pid_response, [(2.0, 0.5, 0.1, 1.0), (20.0, 1.0, 0.5, 2.0), (5.0, 0.0, 0.0, -3.0), (30.0, 5.0, 1.0, -4.0), (1.0, 0.1, 2.0, 0.5), (8.0, 2.0, 0.2, 1.0)]),
    (wrap_angle, [(0.5,), (4.0,), (-4.0,), (12.0,), (-13.0,), (math.pi,), (7.0,)]),
    (wrap_modulo, [(0.5,), (4.0,), (-4.0,), (12.0,), (-13.0,), (7.0,)]),
    (forward_kinematics, [(0.1, 0.2), (1.0, -0.5), (-2.0, 1.0), (0.0, 0.0), (3.0, 2.0), (0.7, 1.4)]),
    (inverse_kinematics, [(1.0, 0.5), (1.0, 0.5, False), (3.0, 0.0), (0.1, 0.1), (-0.8, 0.9), (-0.8, -0.9, False)]),
    (clamp_joint, [("shoulder", 0.3), ("shoulder", 2.0), ("shoulder", -2.0), ("elbow", 1.0), ("elbow", -0.1), ("wrist", 2.0), ("wrist", 5.0)]),
    (trapezoidal_profile, [(t, 10.0, 2.0, 1.0) for t in (-1.0, 0.0, 1.0, 3.0, 5.5, 9.0)] + [(t, 1.0, 2.0, 1.0) for t in (0.5, 1.5, 3.0)]),
    (move, [(Pose(0.0, 0.0, 0.5), 1.0, 0.0), (Pose(1.0, -2.0, 1.5), 2.0, 0.3), (Pose(0.3, 0.1, -0.5), 1.0, -0.8), (Pose(0.0, 0.0, 0.0), 0.0, 1e-7),
            (Pose(5.0, 5.0, 3.0), -1.0, 2.0), (Pose(0.1, 0.2, 0.3), 0.4, 0.5, 0.6)]),
    (bang_bang, [(18.0, 20.0, 1.0, True), (18.0, 20.0, 1.0, False), (22.0, 20.0, 1.0, True), (20.3, 20.0, 1.0, True), (20.3, 20.0, 1.0, False),
                 (19.0, 20.0, 1.0, False)]),
    (pure_pursuit, [(0.0, 0.1, [(0.5, 0.0), (1.5, 0.3), (2.5, 1.0)]), (1.0, 0.0, [(0.5, 0.0), (1.5, 0.3), (2.5, 1.0)]),
                    (2.0, 0.8, [(0.5, 0.0), (1.5, 0.3), (2.5, 1.0)]), (2.4, 0.9, [(2.0, 0.7), (2.2, 0.9), (2.5, 1.0)]),
                    (-3.0, 1.0, [(0.5, 0.0), (1.5, 0.3), (2.5, 1.0)]), (0.1, -0.3, [(3.0, 3.0), (1.5, 0.3), (2.5, 1.0)])]),
    (obstacle_force, [(0.0, 0.0, [(1.0, 0.5), (5.0, 5.0)]), (4.0, 4.5, [(1.0, 0.5), (5.0, 5.0)]), (-9.0, 0.0, [(1.0, 0.5), (5.0, 5.0)]),
                      (1.5, 0.7, [(1.0, 0.5), (2.0, 1.0)]), (3.0, 0.5, [(1.0, 0.5), (5.0, 5.0)]), (0.2, 0.1, [(0.5, 0.5), (0.0, 1.0)])]),
    (kalman_1d, [([1.0, 1.1, 0.9, 1.05], 0.01, 0.1), ([1.0, 9.0, 0.9, 1.05], 0.01, 0.1), ([-7.0, -6.9, -7.1, -7.0], 0.1, 0.5), ([0.0, 0.0, 0.0, 0.0], 0.1, 1.0),
                 ([2.0, -4.0, 6.0, -8.0], 0.5, 0.2), ([0.1, 0.2, 0.3, 0.4], 0.0, 1.0)]),
    (slew, [(1.0, 0.0, 2.0, 0.1), (1.0, 0.95, 2.0, 0.1), (-1.0, 0.0, 2.0, 0.1), (0.2, 0.0, 2.0, 0.1), (0.1, 0.15, 3.0, 0.2), (5.0, 5.0, 1.0, 0.1)]),
    (deadzone, [(0.1, 0.2), (0.5, 0.2), (-0.5, 0.2), (0.2, 0.2), (-0.2, 0.2), (-0.1, 0.05)]),
    (quaternion_normalise, [(1.0, 0.2, 0.3, 0.4), (-1.0, 0.2, 0.3, 0.4), (0.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (-0.1, -0.2, 0.0, 3.0), (2.0, 2.0, 2.0, 2.0)]),
    (lyapunov_stable, [(-1.0, 0.0, 0.0, -2.0), (1.0, 0.0, 0.0, 2.0), (-1.0, 2.0, 2.0, -1.0), (0.0, 1.0, -1.0, 0.0), (-3.0, 1.0, -1.0, 1.0), (-1.0, 1.0, 1.0, -1.0)]),
]
