# cython: language_level=3, wraparound=False
# (bounds are checked in a debug build alone: setup.py)
# cython: cdivision=True, c_api_binop_methods=True, embedsignature=False, infer_types=False
# cython: always_allow_keywords=False, auto_pickle=False
"""cgrad's compiled core. One extension; its chapters, in reading order:

    special.h        C functions that formulas name
    _gen/*           opcodes, primals and partials, kernels, from the op table
    arena.pxi        columns, append, room
    array.pxi        what array nodes carry; kernels walked over arrays
    collect.pxi      mark and slide, marks and rewinding
    handle.pxi       Value: allocation, death, operands, ``a*b`` from slot to append
    operands.pxi     appends of three and more operands
    context.pxi      tapes of a thread, no_grad, detect_anomaly
    tape.pxi         Tape as Python sees it
    value.pxi        Value as Python sees it
    elementwise.pxi  ``t*u`` from slot to append, and t[i]
    primitive.pxi    nodes with a rule in Python
    tensor.pxi       Tensor as Python sees it
    protocols.pxi    NumPy's protocols
    flow.pxi         adjoints through array nodes
    hooks.pxi        functions of users on an adjoint's way
    sweep.pxi        reverse sweeps
    symbolic.pxi     the adjoint recorded as nodes
    recorded.pxi     the same for array nodes
    tangents.pxi     forward mode
    gradients.pxi    backward, gradients
    trace.pxi        a function recorded as a program: guards, what is refused
    traced.pxi       what was recorded as a graph
    graph.pxi        the graph of a program, optimised
    derive.pxi       derivatives of graphs, as graphs
    encode.pxi       a graph as instructions
    code.pxi         a program's code: its graph and its instructions
    replay.pxi       programs run, at one point and over many
    call.pxi         calls of compiled functions with the usual arguments
"""

cimport cython  # no-cython-lint: decorators in chapters
cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.object cimport Py_TYPE, PyObject, PyTypeObject, visitproc, Py_TPFLAGS_HEAPTYPE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_New, PyTuple_SET_ITEM
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

import numbers
import operator
import os

import numpy as np

from . import errors

cnp.import_array()

include "_gen/opcodes.pxi"
include "_gen/formulas.pxi"
include "core/tape/columns.pxi"
include "core/arrays/payload.pxi"
include "_gen/kernels.pxi"
include "core/tape/collect.pxi"
include "core/values/handle.pxi"
include "core/values/operands.pxi"
include "core/tape/context.pxi"
include "core/tape/tape.pxi"
include "_gen/value.pxi"
include "_gen/functions.pxi"
include "core/arrays/elementwise.pxi"
include "core/arrays/primitive.pxi"
include "_gen/tensor.pxi"
include "core/arrays/protocols.pxi"
include "core/sweeps/array_adjoint.pxi"
include "core/sweeps/hooks.pxi"
include "core/sweeps/reverse.pxi"
include "core/sweeps/record.pxi"
include "_gen/adjoints.pxi"
include "_gen/rules.pxi"
include "core/sweeps/record_arrays.pxi"
include "core/sweeps/forward.pxi"
include "core/sweeps/gradients.pxi"
include "core/program/graph.pxi"
include "_gen/partials.pxi"
include "core/program/autodiff.pxi"
include "core/program/encode.pxi"
include "core/program/executable.pxi"
include "core/program/run.pxi"
include "core/program/fastcall.pxi"
include "core/tracing/trace.pxi"
include "core/program/from_trace.pxi"

__all__ = [*FUNCTIONS, "dot", "Value", "Tensor", "Tape", "Node", "Mark", "Gradients", "gradients", "tangents",
           "current_tape", "no_grad", "detect_anomaly", "static"]
