"""Transforms of recorded functions at many points."""

from __future__ import annotations

from functools import partial
from typing import Any

from .batches import batch
from .batches.batch import Options
from .transforms import Transforms


class Maps(Transforms):
    """Values and derivatives of a recorded function at one point, and at many."""

    def map(self, *args: Any, in_axes: Any = 0, threads: int | None = None, reduce: str | None = None,
            progress: Any = None, exact: bool = False) -> Any:
        """Compute the values at many points, over SIMD lanes and threads.

        Points that take another branch are gathered, and run by a recording of their own.

        args: the arguments, by position: arrays with an axis that counts points. in_axes: the axis that counts points,
        None for an argument that is the same for all. A tuple has an entry for each argument, which may be nested as
        the argument is. threads: the most threads to use; by default the processors of this process. reduce: "sum" adds
        the values up over the points: in constant memory, and alike for any number of threads. progress: True for a
        tqdm bar, or a function of (points done, points). exact: use C's exp, sin, ..., to the bit as in single calls,
        instead of vectorised ones, which are within 2 units in the last place.

        Returns arrays in the structure of the value, points first, in the order of the input; with reduce="sum" their
        sums. Raises ValueError if axes have different lengths, or an argument has no such axis.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x*x if x > 0 else -x).map(np.array([1.0, -2.0, 3.0]))
        array([1., 2., 9.])
        """
        options = Options("map", in_axes, threads, reduce, progress, exact)
        return batch.run(self._function(), args, options, lambda arguments: batch.Values())

    def map_value_and_grad(self, *args: Any, argnums: Any = 0, in_axes: Any = 0, threads: int | None = None,
                           reduce: str | None = None, progress: Any = None, exact: bool = False) -> Any:
        """Compute values and gradients at many points.

        args, in_axes, threads, reduce, progress, exact: as of ``map``. argnums: the argument to differentiate with
        respect to, or a tuple of them.

        Returns (values, gradients), the gradients in the structure of the argument, points first; with reduce="sum"
        both are added up over the points. Raises TypeError if the value is not one number; ValueError as ``map``.

        >>> import numpy as np, cgrad
        >>> p = cgrad.compile(lambda x, a: a*x*x)
        >>> p.map_value_and_grad(np.array([1.0, 2.0]), 3.0, in_axes=(0, None))
        (array([ 3., 12.]), array([ 6., 12.]))
        """
        options = Options("map_value_and_grad", in_axes, threads, reduce, progress, exact)
        return batch.run(self._function(), args, options, partial(batch.Gradients, options.op, argnums))

    def map_jacobian(self, *args: Any, argnums: Any = 0, in_axes: Any = 0, threads: int | None = None,
                     reduce: str | None = None, progress: Any = None, exact: bool = False) -> Any:
        """Compute all first derivatives at many points.

        args, in_axes, threads, reduce, progress, exact: as of ``map``. argnums: the argument to differentiate with
        respect to, or a tuple of them.

        Returns arrays in the structure of ``jacobian``, points first; with reduce="sum" their sums. Raises ValueError
        as ``map``.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x*x).map_jacobian(np.array([1.0, 2.0]))
        array([2., 4.])
        """
        options = Options("map_jacobian", in_axes, threads, reduce, progress, exact)
        return batch.run(self._function(), args, options, partial(batch.Jacobians, options.op, argnums))

    def map_hvp(self, *args: Any, v: Any, argnums: Any = 0, in_axes: Any = 0, threads: int | None = None,
                reduce: str | None = None, progress: Any = None, exact: bool = False) -> Any:
        """Compute products of Hessians with vectors at many points.

        args, in_axes, threads, reduce, progress, exact: as of ``map``. v: a vector for each point, in the structure of
        the argument, points first. argnums: the argument to differentiate with respect to, or a tuple of them.

        Returns the products in the structure of the argument, points first; with reduce="sum" their sums. Raises
        TypeError if the value is not one number; ValueError as ``map``, and if v has other shapes.

        >>> import numpy as np, cgrad
        >>> cgrad.compile(lambda x: x**3).map_hvp(np.array([1.0, 2.0]), v=np.array([1.0, 10.0]))
        array([  6., 120.])
        """
        options = Options("map_hvp", in_axes, threads, reduce, progress, exact)
        return batch.run(self._function(), args, options, partial(batch.HessianProducts, options.op, argnums, v))
