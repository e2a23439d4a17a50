"""Gradients of gradients of arrays, with the trace of each pass.

The example of simple-grad (https://crates.io/crates/simple-grad), which follows Zachary DeVito's notebook on
reverse-mode differentiation: L0 is the sum of (a + b)*b, and L1 the sum of the squares of L0's gradients. The
checks: the figures that simple-grad prints, and the derivatives by hand, 2*(a + 2*b) and 2*b + 4*(a + 2*b).
"""

import sys

import numpy as np

import cgrad
from cgrad import viz

A, B = [0.4605, 0.4061, 0.9422, 0.3946], [0.0850, 0.3296, 0.9888, 0.6494]
PRINTED = {"da": [1.2610, 2.1306, 5.8396, 3.3868], "db": [2.6920, 4.9204, 13.6568, 8.0724]}


def simple(a, b):
    return (a + b)*b


def main():
    a, b = (cgrad.Tensor(x, requires_grad=True, name=name) for x, name in ((A, "a"), (B, "b")))
    L0 = simple(a, b).sum()
    dL0_da, dL0_db = cgrad.gradients(L0, [a, b], create_graph=True).wrt([a, b])
    L1 = (dL0_da*dL0_da + dL0_db*dL0_db).sum()
    dL1_da, dL1_db = cgrad.gradients(L1, [a, b], create_graph=True).wrt([a, b])
    print(viz.trace({"L0": L0, "dL0_da": dL0_da, "dL0_db": dL0_db, "L1": L1, "dL1_da": dL1_da, "dL1_db": dL1_db}))
    good = True
    exact = {"da": 2*(np.array(A) + 2*np.array(B)), "db": 2*np.array(B) + 4*(np.array(A) + 2*np.array(B))}
    for name, got in (("da", dL1_da.data), ("db", dL1_db.data)):
        print(f"{name} = [{', '.join(f'{x:.4f}' for x in got)}]")
        good = good and np.allclose(got, exact[name], rtol=1e-14) and np.round(got, 4).tolist() == PRINTED[name]
    print(f"check: {'ok' if good else 'FAILED'}, simple-grad's figures and the formulas by hand")
    return good


if __name__ == "__main__":
    sys.exit(not main())
