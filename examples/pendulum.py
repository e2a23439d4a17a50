"""Swing up a pendulum: find the torques that take it from hanging to standing still upright.

The motion is integrated by a plain loop (Runge-Kutta), and 60 torques are optimised through it, the
gradient by one backward sweep. The checks: the gradient against finite differences, and the motion
integrated anew by SciPy.
"""

import math
import sys

import cgrad

try:
    from scipy.integrate import solve_ivp
    from scipy.optimize import minimize
except ImportError:
    sys.exit("this example needs SciPy: pip install scipy")

STEPS, DT = 60, 0.05  # s
GRAVITY, FRICTION = 9.81, 0.1  # 1/s^2 and 1/s, of a pendulum of 1 m and 1 kg
EFFORT = 1e-3


def motion(angle, speed, torque):
    """Derivatives of angle (0: hanging) and speed."""
    return speed, torque - GRAVITY*cgrad.sin(angle) - FRICTION*speed


def advance(angle, speed, torque):
    """One step of the classical Runge-Kutta method."""
    a1, s1 = motion(angle, speed, torque)
    a2, s2 = motion(angle + a1*(DT/2), speed + s1*(DT/2), torque)
    a3, s3 = motion(angle + a2*(DT/2), speed + s2*(DT/2), torque)
    a4, s4 = motion(angle + a3*DT, speed + s3*DT, torque)
    return angle + (a1 + 2*a2 + 2*a3 + a4)*(DT/6), speed + (s1 + 2*s2 + 2*s3 + s4)*(DT/6)


def cost(torques):
    """Distance from standing still upright at the end, and the effort on the way."""
    angle, speed = 0.0, 0.0
    effort = 0.0
    for torque in torques:
        angle, speed = advance(angle, speed, torque)
        effort = effort + torque*torque
    return 10*(angle - math.pi)**2 + speed*speed + EFFORT*DT*effort


def cost_and_gradient(torques):
    values = [cgrad.Value(u) for u in torques]
    out = cost(values)
    return out.item(), cgrad.gradients(out, values).wrt(values)


def main():
    start = [math.sin(k/6) for k in range(STEPS)]
    gradient = cost_and_gradient(start)[1]
    difference = 0.0
    for k in (0, 17, STEPS - 1):
        up, down = ([u + h*(i == k) for i, u in enumerate(start)] for h in (1e-5, -1e-5))
        difference = max(difference, abs((cost(up) - cost(down))/2e-5 - gradient[k]))

    result = minimize(cost_and_gradient, start, jac=True, method="L-BFGS-B",
                      options={"maxiter": 300})
    state = [0.0, 0.0]
    for torque in result.x:
        state = solve_ivp(lambda t, y, u: motion(y[0], y[1], u), (0, DT), state, args=(torque,), rtol=1e-10,
                          atol=1e-12).y[:, -1]
    missing = max(abs(state[0] - math.pi), abs(state[1]))
    print(f"gradient  within {difference:.1e} of central differences")
    print(f"torques   at most {max(map(abs, result.x)):.2f} N m (holding it level takes {GRAVITY:.2f}), "
          f"{result.nfev} sweeps")
    print(f"end       angle {state[0]:.4f} rad, speed {state[1]:.4f} rad/s, by SciPy's integrator")
    good = difference < 1e-6 and missing < 0.02
    print(f"check: {'ok' if good else 'FAILED'}")
    return good


if __name__ == "__main__":
    sys.exit(not main())
