"""Shared by the comparisons of array ops with PyTorch and JAX: random operands, broadcasts, tolerances."""

import numpy as np
from op_support import ROWS, free

import cgrad
from cgrad import Tensor

PUBLIC = [op for op in ROWS.values() if not op.hidden]
SHAPES = {
    1: [((3, 4),), ((2, 1, 3),), ((0, 2),), ((1,),)],
    2: [((3, 4), (3, 4)), ((3, 1), (1, 4)), ((2, 3), ()), ((), (4,)), ((4,), (2, 1, 4)), ((0, 3), (1, 3)), ((1, 1), (3, 2))],
    3: [((2, 3), (2, 3), (2, 3)), ((3, 1), (1, 2), ()), ((), (2, 2), (2,)), ((2, 1, 2), (2, 2), (1, 1))],
}


class Case:
    """Operands of an op, an adjoint g of its result, and weights u of the first derivatives."""

    def __init__(self, op, shapes, dtype=np.float64) -> None:
        rng = np.random.default_rng([ord(c) for c in op.name] + [len(s) for s in shapes] + [sum(s) for s in shapes])
        self.op, self.leaves = op, free(op)
        self.args = []
        for k, shape in enumerate(shapes):
            if k in self.leaves:
                self.args.append(np.asarray(rng.uniform(*op.domain[k], shape)).astype(dtype))
            else:
                self.args.append(2.0)
        self.shape = np.broadcast_shapes(*(np.shape(a) for a in self.args))
        self.g = np.asarray(rng.uniform(-2, 2, self.shape)).astype(dtype)
        self.u = [np.asarray(rng.uniform(-2, 2, self.args[k].shape)).astype(dtype) for k in self.leaves]

    def ours(self):
        """(value, first derivatives by backward, by a recorded sweep, second derivatives)."""
        given = list(self.args)
        for k in self.leaves:
            given[k] = Tensor(given[k], requires_grad=True)
        xs = [given[k] for k in self.leaves]
        out = getattr(cgrad, self.op.name)(*given)
        seed = self.g if self.shape else float(self.g)
        out.backward(seed)
        recorded = cgrad.gradients(out, xs, seed=seed, create_graph=True).wrt(xs)
        second = [np.zeros(x.shape) for x in xs]
        for d, u in zip(recorded, self.u, strict=True):
            found = cgrad.gradients(d, xs, seed=u if u.shape else float(u)).wrt(xs)
            second = [a + b for a, b in zip(second, found, strict=True)]
        return out.data, [np.asarray(x.grad) for x in xs], [np.asarray(d.data) for d in recorded], second

    def compare(self, value, first, second, relative: float, absolute: float = 0.0) -> None:
        """Against theirs. A derivative may be a difference: it counts against the largest of its order."""
        ours = self.ours()
        scale = [max((float(np.max(np.abs(x), initial=0.0)) for x in them), default=0.0) for them in ([value], first, second)]
        for what, got, expected, size in (("value", [ours[0]], [value], 0.0), ("backward", ours[1], first, 0.0),
                                          ("recorded", ours[2], first, 0.0), ("second", ours[3], second, scale[2])):
            for k, (a, b) in enumerate(zip(got, expected, strict=True)):
                assert np.shape(a) == np.shape(b), (self.op.name, what, k)
                np.testing.assert_allclose(a, b, rtol=relative, atol=relative*size + absolute*max(1.0, *scale),
                                           err_msg=f"{self.op.name} {what} {k} {[np.shape(x) for x in self.args]}")
