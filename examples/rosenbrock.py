"""Minimise Rosenbrock's function in ten variables with SciPy, gradient and Hessian by cgrad.

The function is a plain loop. The check: SciPy's own formulas for its derivatives, and the known minimum.
"""

import sys

import numpy as np

import cgrad

try:
    from scipy.optimize import minimize, rosen_der, rosen_hess
except ImportError:
    sys.exit("this example needs SciPy: pip install scipy")


def rosenbrock(x):
    total = 0.0
    for here, there in zip(x, x[1:], strict=False):
        total = total + 100*(there - here*here)**2 + (1 - here)**2
    return total


def gradient(x):
    values = [cgrad.Value(v) for v in x]
    return np.array(cgrad.gradients(rosenbrock(values), values).wrt(values))


def hessian(x):
    """Row by row: the gradient of each component of the gradient."""
    values = [cgrad.Value(v) for v in x]
    first = cgrad.gradients(rosenbrock(values), values, create_graph=True).wrt(values)
    return np.array([cgrad.gradients(component, values).wrt(values) for component in first])


def main():
    start = np.linspace(-1.5, 1.5, 10)
    differences = [np.abs(gradient(start)/rosen_der(start) - 1).max(),
                   np.abs(hessian(start) - rosen_hess(start)).max()/np.abs(rosen_hess(start)).max()]
    result = minimize(rosenbrock, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-10})
    distance = np.abs(result.x - 1).max()
    print(f"gradient  differs from SciPy's by {differences[0]:.1e} (relative)")
    print(f"hessian   differs from SciPy's by {differences[1]:.1e} (relative)")
    print(f"minimum   {result.fun:.1e} after {result.nit} steps, {distance:.1e} from (1, ..., 1)")
    good = max(differences) < 1e-13 and distance < 1e-9
    print(f"check: {'ok' if good else 'FAILED'}")
    return good


if __name__ == "__main__":
    sys.exit(not main())
