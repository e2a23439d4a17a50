# cython: language_level=3, wraparound=False
# (bounds are checked in a debug build alone: setup.py)
# cython: cdivision=True, c_api_binop_methods=True, embedsignature=False, infer_types=False
# cython: always_allow_keywords=False, auto_pickle=False
"""cgrad's compiled core. One extension; its chapters, in reading order:

    special.pxi    C functions that formulas name
    _gen/*.pxi     opcodes, primals and partials, from the op table
    arena.pxi      columns, append, room
    collect.pxi    mark and slide, marks and rewinding
    handle.pxi     Value: allocation, death, operands, ``a*b`` from slot to append
    context.pxi    tapes of a thread, no_grad, detect_anomaly
    tape.pxi       Tape as Python sees it
    value.pxi      Value as Python sees it
    sweep.pxi      reverse and forward sweeps
    symbolic.pxi   the adjoint recorded as nodes
    gradients.pxi  backward, gradients, tangents
"""

cimport cython  # no-cython-lint: decorators in chapters
cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.object cimport Py_TYPE, PyObject, PyTypeObject, visitproc, Py_TPFLAGS_HEAPTYPE
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_REFCNT
from libc.stdint cimport int32_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memchr, memset

import operator
import os

import numpy as np

from . import errors

include "core/special.pxi"
include "_gen/opcodes.pxi"
include "_gen/formulas.pxi"
include "core/arena.pxi"
include "core/collect.pxi"
include "core/handle.pxi"
include "core/context.pxi"
include "core/tape.pxi"
include "_gen/value.pxi"
include "_gen/functions.pxi"
include "core/sweep.pxi"
include "core/symbolic.pxi"
include "_gen/adjoints.pxi"
include "core/gradients.pxi"

__all__ = [*FUNCTIONS, "dot", "Value", "Tape", "Node", "Mark", "Gradients", "gradients", "tangents", "current_tape",
           "no_grad", "detect_anomaly"]
