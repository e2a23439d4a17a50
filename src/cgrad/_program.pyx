# cython: language_level=3, wraparound=False
# (bounds are checked in a debug build alone: setup.py)
# cython: cdivision=True, infer_types=False, auto_pickle=False
# cython: always_allow_keywords=False
"""Programs: the graph of a recorded function, its derivatives, its bytecode, and what runs it.

    core/program/graph.pxi        the graph: every number is assigned once
    _gen/rewrites_graph.pxi       operations added to it, rewritten without losing a bit (_rewrites.py)
    core/program/passes.pxi       a graph optimised: the part that is needed, rewritten
    _gen/partials.pxi             the partials of the op table as nodes of a graph
    core/program/regions.pxi      which parts of a graph are reached, where it has choices
    core/program/autodiff.pxi     derivatives of graphs, as graphs
    _gen/bytecode.pxi             the instructions (core/program/bytecode.def)
    core/program/fuse.pxi         which nodes are computed inside another one's instruction
    core/program/encode.pxi       a graph as bytecode
    core/program/executable.pxi   a graph made ready: its bytecode for one point and for lanes
    core/program/run.pxi          bytecode run, at one point (interpreter.c) and over many (lanes.c)
    core/program/reads.pxi        what a recorded function reads from outside, looked at again
    core/program/fastcall.pxi     calls with the usual arguments, without Python
    core/program/from_trace.pxi   what was recorded on a tape, as a graph
    core/program/inside.pxi       a part of it
"""

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_New, PyTuple_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int16_t, int32_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

cdef extern from "Python.h":  # with borrowed references, and no checks
    PyObject *PyDict_GetItemWithError(object d, object key) except? NULL
    PyObject *PyCell_GET(PyObject *cell)
    PyObject *PyFunction_GetDefaults(object f)
    PyObject *PyFunction_GetKwDefaults(object f)
    PyObject *PyList_GET_ITEM(PyObject *x, Py_ssize_t k)
    Py_ssize_t PyList_GET_SIZE(PyObject *x)

import operator

import numpy as np

from . import errors

from ._kernels cimport MOST_DIMS
from ._core cimport (
    Handle, MOST_NODES, NUMBER, OP_MASK, SPECIAL, Guard, Tape, Tensor, Trace, Value, check_node, is_value, line_of,
    lowest_entry, number, plain_layout, plain_named, second_operand, traces, value_at,
)

cnp.import_array()

include "_gen/opcodes.pxi"
include "_gen/formulas.pxi"
include "_gen/addresses.pxi"
include "core/program/graph.pxi"
include "_gen/rewrites_graph.pxi"
include "core/program/passes.pxi"
include "_gen/partials.pxi"
include "core/program/regions.pxi"
include "core/program/autodiff.pxi"
include "_gen/bytecode.pxi"
include "core/program/fuse.pxi"
include "core/program/encode.pxi"
include "core/program/executable.pxi"
include "core/program/specialise.pxi"
include "core/program/run.pxi"
include "core/program/reads.pxi"
include "core/program/fastcall.pxi"
include "core/program/from_trace.pxi"
include "core/program/inside.pxi"

__all__ = ["GRAPH_OPS", "FUNCTION_ADDRESSES", "Graph", "graph_of_trace", "graph_between", "reverse_sweep",
           "forward_sweep", "Executable", "Places", "Batch", "replay", "lanes_available", "Clock", "Usage", "FastCall",
           "EagerCalls", "FastCallable",
           "PLAIN", "Read", "Reads", "may_replace", "chooses", "nan_check"]
