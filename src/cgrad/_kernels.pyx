# cython: language_level=3, wraparound=False
# (bounds are checked in a debug build alone: setup.py)
# cython: cdivision=True, infer_types=False, auto_pickle=False
"""Elementwise kernels over typed memoryviews, and the walk that leads them through arrays.

The kernels are generated from the op table, one copy for each width of registers. The core asks for a whole array at a
time (``forward_walk``, ``back_walk``), which makes one call into this extension; it knows of no tape.

    core/kernels/operands.pxi   the memoryviews that kernels work on
    core/kernels/walk.pxi       several arrays walked together, broadcast, block by block
    core/kernels/loops.pxi      NumPy's inner loops, where a row has one
    _gen/kernels.pxi            a kernel for each row, and for each of its partials
    core/kernels/forward.pxi    an op over arrays
    core/kernels/back.pxi       its adjoint: acc += g*partial
"""

cimport numpy as cnp
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t
from libc.string cimport memset

import operator

import numpy as np

cnp.import_array()

include "_gen/opcodes.pxi"
include "_gen/formulas.pxi"
include "core/kernels/operands.pxi"
include "core/kernels/walk.pxi"
include "core/kernels/loops.pxi"
include "_gen/kernels.pxi"
include "core/kernels/forward.pxi"
include "core/kernels/back.pxi"

find_loops()
