# cython: language_level=3, wraparound=False
# (bounds are checked in a debug build alone: setup.py)
# cython: cdivision=True, c_api_binop_methods=True, infer_types=False
# cython: always_allow_keywords=False, auto_pickle=False
"""Record and sweep: Values, Tensors and the tape that remembers how they were computed. A chapter uses what stands
before it (tests/test_chapters.py lists the exceptions); in reading order:

    core/tape/      entries        a node's entries and the operands that they hold (in the contract, _core.pxd)
                    columns        the record: a node is one entry of each column
                    deferred       references given up once the columns are consistent
                    slots          leaves and living handles of nodes
                    context        the tapes and modes of a thread
                    room           storage, growth, when to collect
    core/arrays/    payload        what array nodes carry besides
    core/tape/      collect        mark and slide, rewinding
    core/tracing/   trace          a function recorded as a program
                    refusals       what it must not do
    core/values/    memory         Values allocated, attached to their node, freed
    core/arrays/    memory         Tensors allocated and freed; their buffers
    core/values/    rare           names, hooks and what else few values have
                    operand        numbers and leaves as operands
                    anomaly        operations under detect_anomaly
                    append         ``a*b`` from slot to append; more operands
    core/arrays/    filled         arrays that hold Values, and their slices
                    elementwise    ``t*u`` from slot to append
                    item           elements as Values, ``t[i]``; Values as a Tensor
    core/values/    node           what a node says of itself
    core/tracing/   guards         comparisons, which must come out alike
                    condition      comparisons as numbers
    core/arrays/    primitive      nodes with a rule in Python
    core/tracing/   unroll         arrays as their elements
    core/arrays/    assign         ``y[i] = v``
                    function       operations of users
    core/tracing/   trial          sides that run on trial, returns that are pending
                    merge          both sides of an ``if``, merged
                    called         what rewritten code calls
    core/sweeps/    ref            operations on nodes and numbers, rewritten
                    subgraph       the graph below some roots
                    sweep          a tape taken for a sweep, and given back
                    hooks          user functions on adjoints
                    reach          what a sweep has come to, by roads that were chosen
                    adjoint        one node's adjoint handed to its operands
                    careful        the reverse sweep along what was chosen
                    reverse        the fast walks of a reverse sweep
                    anomaly        where a nan or inf came from
                    commit         adjoints added to gradients
                    seeds          outputs, inputs, seeds as given
                    backward       Value.backward, Tensor.backward
                    record         the adjoint of numbers as nodes
                    record_arrays  the same for array nodes
                    record_forward tangents of numbers as nodes
                    traced         derivatives in a recording
                    gradients      derivatives as results; their sweeps: gradients_numeric, gradients_recorded
                    forward        tangents
                    eager          a function run as it is, at one point after another
                    applied        derivatives of compiled functions at Values
                    rule           users' rules as partials
    as Python sees them:           arrays/protocols, tape/modes, values/handle, values/value, arrays/tensor, tape/tape

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
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_New, PyTuple_SET_ITEM
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memchr, memmove, memset

import numbers
import operator
import os
import sys
import types
from collections.abc import Iterator

import numpy as np

from . import _callers, errors

from ._kernels cimport (
    ACC, G, MOST_DIMS, OUT, Walk, any_nan, back_walk, bind_number, bind_operand, forward_walk, start_walk,
)

cnp.import_array()

include "_gen/opcodes.pxi"
include "_gen/formulas.pxi"
include "core/tape/columns.pxi"
include "core/tape/deferred.pxi"
include "core/tape/slots.pxi"
include "core/tape/context.pxi"
include "core/tape/room.pxi"
include "core/arrays/payload.pxi"
include "core/tape/collect.pxi"
include "core/tracing/trace.pxi"
include "core/tracing/refusals.pxi"
include "core/values/memory.pxi"
include "core/arrays/memory.pxi"
include "core/values/rare.pxi"
include "core/values/operand.pxi"
include "core/values/anomaly.pxi"
include "core/values/append.pxi"
include "core/arrays/filled.pxi"
include "core/arrays/elementwise.pxi"
include "core/arrays/item.pxi"
include "core/values/node.pxi"
include "core/tracing/guards.pxi"
include "core/tracing/condition.pxi"
include "core/arrays/primitive.pxi"
include "core/tracing/unroll.pxi"
include "core/arrays/assign.pxi"
include "core/arrays/function.pxi"
include "_gen/functions.pxi"
include "core/tracing/trial.pxi"
include "core/tracing/merge.pxi"
include "core/tracing/called.pxi"
include "core/sweeps/ref.pxi"
include "core/sweeps/subgraph.pxi"
include "core/sweeps/sweep.pxi"
include "core/sweeps/hooks.pxi"
include "core/sweeps/reach.pxi"
include "core/sweeps/adjoint.pxi"
include "core/sweeps/careful.pxi"
include "core/sweeps/reverse.pxi"
include "core/sweeps/anomaly.pxi"
include "core/sweeps/commit.pxi"
include "core/sweeps/seeds.pxi"
include "core/sweeps/backward.pxi"
include "core/sweeps/gradients_numeric.pxi"
include "_gen/rewrites_tape.pxi"
include "_gen/adjoints.pxi"
include "core/sweeps/record.pxi"
include "core/sweeps/record_arrays.pxi"
include "_gen/rules.pxi"
include "core/sweeps/gradients_recorded.pxi"
include "core/sweeps/record_forward.pxi"
include "core/sweeps/traced.pxi"
include "core/sweeps/gradients.pxi"
include "core/sweeps/forward.pxi"
include "core/sweeps/eager.pxi"
include "core/sweeps/applied.pxi"
include "core/sweeps/rule.pxi"
include "core/arrays/protocols.pxi"
include "core/tape/modes.pxi"
include "_gen/handle.pxi"
include "_gen/value.pxi"
include "_gen/tensor.pxi"
include "_gen/tape.pxi"

__all__ = [*FUNCTIONS, "dot", "Value", "Tensor", "Tape", "Node", "Mark", "Gradients", "gradients", "tangents",
           "current_tape", "no_grad", "detect_anomaly", "static"]
