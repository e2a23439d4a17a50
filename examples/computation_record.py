"""Five steps of training with a record that is made, used and dropped in each, apart from the data.

As in the Rust experiment ComputationRecord: the parameters live outside, in a plain dict of arrays; a layer
loads its own from there or makes them; the loss's gradient is an object that answers for any tensor; and
``optimize`` writes new parameters into the dict. The checks: the first gradient by hand, a loss that falls at
each step, and that no record outlives its step.
"""

import gc
import sys
import weakref

import numpy as np

import cgrad
from cgrad import Tape, Tensor

RATE = 0.02


class LinearLayer:
    """x @ weight + bias, with parameters of this name in a store."""

    def __init__(self, name, nin, nout, store, rng):
        self.names = f"{name}.weight", f"{name}.bias"
        for key, shape in zip(self.names, ((nin, nout), (nout,)), strict=True):
            if key not in store:
                store[key] = rng.uniform(-1, 1, shape)
        self.weight, self.bias = (Tensor(store[key], requires_grad=True, name=key) for key in self.names)

    def __call__(self, x):
        return x @ self.weight + self.bias

    def optimize(self, gradients, store):
        for key, tensor in zip(self.names, (self.weight, self.bias), strict=True):
            store[key] = store[key] - RATE*gradients.wrt(tensor)


def step(store, rng, x, wanted):
    """One record's life: the loss, its gradients by name, and a sign of whether the record lives on."""
    with Tape() as record:
        first, second = LinearLayer("first", 3, 8, store, rng), LinearLayer("second", 8, 3, store, rng)
        hidden = cgrad.relu(first(x))
        errors = second(hidden) - wanted
        loss = (errors*errors).sum()
        gradients = cgrad.gradients(loss)
    found = {"second.bias": gradients.wrt(second.bias), "hidden": gradients.wrt(hidden), "errors": errors.data.copy(),
             "second.weight before": store["second.weight"]}
    first.optimize(gradients, store)
    second.optimize(gradients, store)
    return loss.item(), found, weakref.ref(record)


def main():
    rng = np.random.default_rng(4)
    store = {}
    x = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.25]])
    wanted = np.array([[1.0, 0.0, -1.0], [0.5, 0.5, 0.5]])
    losses, records, good = [], [], True
    for number in range(5):
        loss, found, record = step(store, rng, x, wanted)
        print(f"step {number + 1}: loss {loss:9.5f}")
        losses.append(loss)
        records.append(record)
        slope = 2*found["errors"]  # of the loss, at the output
        good = good and np.allclose(found["second.bias"], slope.sum(axis=0), rtol=1e-13)
        good = good and np.allclose(found["hidden"], slope @ found["second.weight before"].T, rtol=1e-13)
    gc.collect()
    alive = sum(record() is not None for record in records)
    print(f"parameters {', '.join(f'{name} {array.shape}' for name, array in store.items())}; {alive} records left")
    good = good and losses == sorted(losses, reverse=True) and alive == 0 and len(set(losses)) == 5
    print(f"check: {'ok' if good else 'FAILED'}, the loss falls at each step, gradients as by hand")
    return good


if __name__ == "__main__":
    sys.exit(not main())
