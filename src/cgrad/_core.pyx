# cython: language_level=3, wraparound=False
# (bounds are checked in a debug build alone: setup.py)
# cython: cdivision=True, c_api_binop_methods=True, infer_types=False
# cython: always_allow_keywords=False, auto_pickle=False
"""Record and sweep: Values, Tensors and the tape that remembers how they were computed. In reading order:

    core/tape/      entries        a node's entries and the operands that they hold (in the contract, _core.pxd)
                    columns        the record: a node is one entry of each column
                    room           storage, growth, when to collect
                    slots          leaves and living handles of nodes
    core/arrays/    payload        what array nodes carry besides
    core/tape/      collect        mark and slide, rewinding
    core/values/    memory         Values allocated, attached to their node, freed
                    operand        numbers and leaves as operands
                    append         ``a*b`` from slot to append; more operands
    core/arrays/    memory         Tensors allocated and freed
    core/tape/      context        the tapes of a thread, no_grad, detect_anomaly
                    tape           Tape as Python sees it
    core/values/    handle         what Value and Tensor have in common
                    value          Value as Python sees it
    core/arrays/    elementwise    ``t*u`` from slot to append
                    item           elements as Values, ``t[i]``; Values as a Tensor
                    primitive      nodes with a rule in Python
                    function       operations of users
                    tensor         Tensor as Python sees it
                    protocols      NumPy's protocols
    core/sweeps/    hooks          user functions on adjoints
                    subgraph       the graph below some roots
                    adjoint        one node's adjoint handed to its operands
                    reverse        the walks of a reverse sweep
                    anomaly        where a nan or inf came from
                    commit         adjoints added to gradients
                    backward       Value.backward, Tensor.backward
                    seeds          outputs, inputs, seeds as given
                    ref            operations on nodes and numbers, rewritten
                    record         the adjoint of numbers as nodes
                    record_arrays  the same for array nodes
                    gradients      derivatives as results; their sweeps: gradients_numeric, gradients_recorded
                    forward        tangents
    core/tracing/   trace          a function recorded as a program
                    refusals       what it must not do
                    guards         comparisons, which must come out alike
                    unroll         arrays as their elements

What is generated from the op table (``_gen/*.pxi``) is included where it belongs. Kernels over arrays are an extension
of their own (``_kernels.pyx``), and so are programs (``_program.pyx``), which the core knows nothing of.
"""

cimport cython  # no-cython-lint: decorators in chapters
cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.object cimport Py_TYPE, PyObject, PyTypeObject, visitproc, Py_TPFLAGS_HEAPTYPE
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memchr, memmove, memset

import numbers
import operator
import os

import numpy as np

from . import errors

from ._kernels cimport (
    ACC, G, MOST_DIMS, OUT, Walk, back_walk, bind_number, bind_operand, forward_walk, start_walk,
)

cnp.import_array()

include "_gen/opcodes.pxi"
include "_gen/formulas.pxi"
include "core/tape/columns.pxi"
include "core/tape/room.pxi"
include "core/tape/slots.pxi"
include "core/arrays/payload.pxi"
include "core/tape/collect.pxi"
include "core/values/memory.pxi"
include "core/values/operand.pxi"
include "core/values/append.pxi"
include "core/arrays/memory.pxi"
include "core/tape/context.pxi"
include "_gen/tape.pxi"
include "_gen/handle.pxi"
include "_gen/value.pxi"
include "_gen/functions.pxi"
include "core/arrays/elementwise.pxi"
include "core/arrays/item.pxi"
include "core/arrays/primitive.pxi"
include "core/arrays/function.pxi"
include "_gen/tensor.pxi"
include "core/arrays/protocols.pxi"
include "core/sweeps/hooks.pxi"
include "core/sweeps/subgraph.pxi"
include "core/sweeps/adjoint.pxi"
include "core/sweeps/reverse.pxi"
include "core/sweeps/anomaly.pxi"
include "core/sweeps/commit.pxi"
include "core/sweeps/backward.pxi"
include "core/sweeps/seeds.pxi"
include "core/sweeps/gradients_numeric.pxi"
include "core/sweeps/ref.pxi"
include "_gen/rewrites_tape.pxi"
include "_gen/adjoints.pxi"
include "core/sweeps/record.pxi"
include "_gen/rules.pxi"
include "core/sweeps/record_arrays.pxi"
include "core/sweeps/gradients_recorded.pxi"
include "core/sweeps/gradients.pxi"
include "core/sweeps/forward.pxi"
include "core/tracing/trace.pxi"
include "core/tracing/refusals.pxi"
include "core/tracing/guards.pxi"
include "core/tracing/unroll.pxi"

__all__ = [*FUNCTIONS, "dot", "Value", "Tensor", "Tape", "Node", "Mark", "Gradients", "gradients", "tangents",
           "current_tape", "no_grad", "detect_anomaly", "static"]
