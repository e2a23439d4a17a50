# The contracts: what a tape, a value, a mark and a gradient hold. Layouts are drawn in the chapters.
cimport cython
cimport numpy as cnp
from cpython.object cimport Py_TYPE, PyObject, PyTypeObject
from libc.stdint cimport int32_t, uint8_t, uint64_t, uintptr_t


cdef enum:
    SPECIAL = 128        # bit of op: the node has an entry in the payload table (core/arrays/payload.pxi)
    OP_MASK = 127
    NUMBER = 1           # of ``number``: converted

cdef Py_ssize_t MOST_NODES  # that a tape may hold
cdef int traces             # threads that record a program (core/tracing/trace.pxi)


cdef struct Payload:          # an array node's entry in its tape's table (picture in core/arrays/payload.pxi)
    int32_t node
    int32_t n                 # operands
    PyObject *value           # owned references, NULL: none
    PyObject *adjoint
    PyObject *grad
    PyObject *rule
    PyObject *saved
    PyObject *leaf
    PyObject *hooks


cdef class Buffer:
    """The memory of one column: zeroed pages that grow in place."""
    cdef char *data
    cdef size_t nbytes
    cdef Py_ssize_t itemsize, length
    cdef Py_ssize_t[1] shape, strides
    cdef bytes format
    cdef bint resize(self, Py_ssize_t n) noexcept


cdef class Columns:
    """The arena: node i is the i-th entry of every column (picture in core/tape/columns.pxi)."""
    cdef uint8_t[::1] op, used
    cdef int32_t[::1] a, b
    cdef double[::1] val, da, db, adj, grad
    cdef tuple buffers
    cdef Py_ssize_t capacity
    cdef Py_ssize_t peak                   # entries below it have been touched: they cost memory
    cdef Py_ssize_t adj_live, adj_dirty    # adj: zeros below live, anything up to dirty, zeros above
    cdef Py_ssize_t grad_live, grad_dirty  # grad: gradients below live, anything up to dirty, zeros above
    cdef int open(self) except -1
    cdef void point(self) noexcept
    cdef void swap(self) noexcept
    cdef int take(self, Columns c) except -1
    cdef int resize(self, Py_ssize_t n) except -1
    cdef void trim(self, Py_ssize_t keep) noexcept
    cdef void zero_adj(self, Py_ssize_t n) noexcept
    cdef void zero_grad(self, Py_ssize_t n) noexcept


cdef class Tape(Columns):
    """A record of operations, in the order in which they were done."""
    cdef Py_ssize_t top       # nodes on the tape
    cdef Py_ssize_t limit     # where an append stops to make room; capacity >= limit + SLACK
    cdef Py_ssize_t live      # handles that Python holds; while there are any, the tape holds itself
    cdef PyObject **live_handles  # those handles, in no order; room for live + (limit - top) + SLACK
    cdef int32_t *where        # node -> 1 + position in live_handles, 0 none; NULL until somebody asks
    cdef int32_t *slot_node    # leaf slots, ascending
    cdef PyObject **slot_leaf  # the leaf of each, an owned reference
    cdef Py_ssize_t slots, slot_room, handle_room
    cdef Payload *payload      # what array nodes carry, ascending by node
    cdef Py_ssize_t payloads, payload_room
    cdef Py_ssize_t bytes      # of their values and gradients
    cdef Py_ssize_t bytes_at   # where a look for garbage is taken
    cdef bint items            # some node is an array's element
    cdef bint has_garbage     # a handle died on a node that nothing needs: a collection would find garbage
    cdef bint explicit_       # created by the user; never cleared implicitly
    cdef bint implicit        # a thread's own
    cdef bint grad_any        # the grad column holds something
    cdef bint tracked         # handles take part in Python's cycle collection
    cdef bint needs_slow_path  # tracked, or where is kept: attaching and freeing handles does more
    cdef bint sweeping        # adj is in use
    cdef unsigned long sweeper  # the thread that sweeps
    cdef bint doubtful        # the sweep has met a nan: it may come from what was not chosen
    cdef object reach         # Reach: what a careful sweep has come to; None: the sweep is fast
    cdef dict answers         # node -> what its hooks, or its Function, have answered: the sweep may have to begin anew
    cdef bint running         # a kernel reads the columns without the GIL: they must not move
    cdef int pinned           # > 0: indices are held outside, nodes must not move
    cdef Py_ssize_t budget    # nodes at which a side on trial ends; 0: none is on trial
    cdef bint collect_deferred  # room was made without a collection, as nodes were pinned
    cdef int records          # Gradients with recorded adjoints: needed, though no handle leads to them
    cdef Py_ssize_t old       # nodes below it survived a collection
    cdef Py_ssize_t full_at   # the old part's size at which all of it is looked through
    cdef int generation       # of the process: a fork leaves locks behind
    cdef void *lock           # held while running
    cdef int32_t *listed      # a buffer for the list of a graph's nodes
    cdef Py_ssize_t listed_room
    cdef dict names           # node -> name
    cdef dict lines           # node -> line of user code, under detect_anomaly
    cdef PyObject *relocatables  # marks and gradients, whose indices follow the nodes: a linked list, borrowed
    cdef object __weakref__


cdef class Handle:
    """What Python holds of a node or leaf: the common part of Value and Tensor."""
    cdef PyObject *tape       # node: its tape (NULL once rewound). Leaf: the tape of its newest slot, or NULL
    cdef int32_t index        # its entry there
    cdef int32_t position     # node: its position in the tape's list of living handles
    cdef uint8_t node         # 0: a leaf, 1: a node, 2: a node that was rewound, 3: a tensor that holds Values (Filled)
    cdef uint8_t needs_slow_path  # has an extra, or is known to Python's cycle collector
    cdef uint8_t computed     # a Value, leaf: the result of an operation that was not recorded (a node's is undefined)
    cdef object extra         # None, or what few have: Extra
    cdef object __weakref__


@cython.final
cdef class Value(Handle):
    """A number that remembers how it was computed (picture in core/values/memory.pxi)."""
    cdef double primal
    cdef double adjoint       # leaf: its gradient


@cython.final
cdef class Tensor(Handle):
    """An array that remembers how it was computed (picture in core/arrays/tensor.pxi)."""
    cdef uint8_t needs        # leaf: derivatives flow here
    cdef uint8_t shared       # leaf: the buffer is the caller's, copy=False
    cdef uint8_t captured     # leaf: a tape may hold the buffer
    cdef uint8_t bare         # leaf: nobody else holds the buffer (asked right before it is taken)
    cdef object array
    cdef object gradient      # leaf: the sum of what sweeps have added, or None
    cdef object filled        # None, or Filled: it is written into, or shares memory with one that may be


cdef class Filled:
    """What a tensor that is assigned to has beside its numbers (picture in core/arrays/filled.pxi)."""
    cdef Filled root          # of a view: its array's; None: it is the root
    cdef object elements      # an object array beside the numbers: Values, None where there is a number alone; or None
    cdef Handle now           # the whole as an operand, gathered at version ``at``
    cdef Py_ssize_t at
    cdef bint leaves          # all that was gathered had no node yet: it belongs to the tape that was current
    cdef object array         # root: the numbers, once there are elements
    cdef Py_ssize_t version   # root: counts assignments
    cdef Py_ssize_t views     # root: living views
    cdef Py_ssize_t trace     # root: the number of the recording that made it, 0 none
    cdef bint reads_leaves    # root: some element may be a leaf, whose data may be set anew
    cdef bint of_copy         # root: a copy of ``now``, to which nothing has been assigned yet
    cdef bint in_place        # root: operators with = write into it, as into an ndarray


cdef class Extra:
    cdef str name             # of a leaf
    cdef list hooks           # of a leaf, or None
    cdef tuple constants      # a node's plain numbers as _prev showed them, None for its other operands


cdef class Relocatable:
    """An object that holds indices of a tape's nodes, which follow the nodes when they move."""
    cdef Tape tape            # Gradients: None where all outputs are leaves
    cdef PyObject *before     # neighbours in the tape's list; the list borrows
    cdef PyObject *after
    cdef bint linked
    cdef void mark_used(self, Py_ssize_t lo) noexcept
    cdef void relocate(self, Py_ssize_t lo, Py_ssize_t top) noexcept
    cdef void truncate(self, Py_ssize_t to) noexcept


cdef class Mark(Relocatable):
    cdef Py_ssize_t position  # -1: rewound past
    cdef object __weakref__


cdef class Gradients(Relocatable):
    cdef Py_ssize_t n         # entries of the arrays that follow
    cdef int32_t[::1] index   # nodes of the outputs' graph, ascending
    cdef double[:, ::1] adjoints  # (n, seeds)
    cdef int32_t[::1] nodes   # create_graph: the node that holds the adjoint, -1 a plain number
    cdef list objects         # the adjoints of array nodes, beside index: None for numbers
    cdef dict answers         # leaves (with inputs given: all of those) -> the adjoint
    cdef bint asked           # inputs were given: only they are answered
    cdef bint graph           # create_graph: answers are Values
    cdef bint several         # several seeds: answers are arrays
    cdef list cut             # inputs behind which nothing is differentiated; None: there are none
    cdef list rows            # in a recording: such an object over Values for each seed; else None
    cdef bint holding         # counted in the tape's ``live``
    cdef object __weakref__
    cdef object zero(self, object x)
    cdef object answer(self, Py_ssize_t k)
    cdef void let_go(self) noexcept


cdef struct Guard:        # what a recording relies on: ``op(a, b)`` came out as ``expected``
    int32_t top          # nodes that stood on the tape when it was asked
    int32_t op           # OP_LT, OP_LE, OP_EQ or OP_NE of a and b
    int32_t a            # a node of the tape; -1: the number x
    int32_t b
    double x, y
    int32_t expected     # 0 or 1
    int32_t lasti        # the instruction that asked
    PyObject *code       # of the asking function, held by the trace


cdef class Trace:
    """The recording of a function: ``with Trace(arguments) as t`` around its call."""
    cdef readonly Tape tape
    cdef Guard *guard
    cdef Py_ssize_t guards, room
    cdef dict codes        # code objects -> whether they are a library's
    cdef dict arrays       # id of a tensor -> (the tensor, its elements as an object array)
    cdef readonly list arguments    # leaves that the function is called with
    cdef set own           # their ids, once another thread asks
    cdef object refused    # the first error
    cdef int quiet         # blocks of no_grad around it
    cdef Py_ssize_t serial  # its number among all traces, from 1
    cdef bint copies       # elements that are moved or handed out are nodes of their own
    cdef set moved         # else: ids of tensors that have elements of others,
    cdef set handed        # and ids of Values that are elements
    cdef readonly list conditions  # (object, name of an attribute, what it was): the recording holds as long as it is
    cdef dict shapes       # id of a tensor that is no argument, whose shape was looked at -> (the tensor, its shape)
    cdef public bint asks_identity  # some code asks for ``is True``, so that each is looked at
    cdef dict identities   # code objects -> whether they ask for it
    cdef set noted         # guards that are noted: (op, operands)
    cdef public bint plain_masks   # comparisons of arrays are asked at once
    # branches that merge (merge.pxi)
    cdef readonly int trials       # sides that run on trial, one in another
    cdef bint aborted              # a trial has failed, and is not yet left
    cdef list pending              # early returns whose conditions nobody has asked yet
    cdef object ghost              # the Frame that has returned already, at the numbers at hand, or None
    cdef public dict targets       # what calls of rewritten code lead to (programs/rewriting)
    cdef public object target_of   # function -> what is called in its place, and whether it is free of effects
    cdef readonly dict merged      # id of a place -> [the place, how often a branch there was merged, its dearest cost]
    cdef readonly dict unmerged    # (code, line) -> why a branch there is a guard
    cdef dict failures     # (code, line) -> how often a branch there was found to be no choice
    cdef public set kept_apart     # (code, line) of branches that are not to be merged
    cdef readonly Py_ssize_t effects  # what was done besides, which another run would do again


cdef class Condition:
    """A comparison of traced numbers: a number of the program, 1 or 0; ``bool()`` makes a guard of it."""
    cdef int op               # OP_LT, OP_LE, OP_EQ or OP_NE of x and y
    cdef object x, y          # Values and numbers
    cdef bint negated
    cdef readonly bint outcome  # in this run
    cdef object number        # the Value, once it was asked for
    cdef Trace trace
    cdef bint asked           # there is a guard for it


cdef class Context:
    """One thread's state: its tapes, its modes."""
    cdef Tape tape            # the current one, None: the thread's own
    cdef Tape own             # the thread's implicit tape, None until needed
    cdef list stack
    cdef int quiet, anomaly   # depth of no_grad, of detect_anomaly
    cdef int generation       # of the process, as a tape's
    cdef object trace         # the Trace of a program that is being recorded, or None


include "core/tape/entries.pxi"


# ---- what programs ask of values ------------------------------------------------------------------

cdef inline bint is_value(object o) noexcept:
    return Py_TYPE(o) is <PyTypeObject *>Value


cdef inline bint is_tensor(object o) noexcept:
    return Py_TYPE(o) is <PyTypeObject *>Tensor


cdef inline bint is_condition(object o) noexcept:
    return Py_TYPE(o) is <PyTypeObject *>Condition


cdef inline bint arrayish(object o) noexcept:
    """An array, or a Condition: no number that the fast path knows."""
    return is_tensor(o) or is_condition(o) or cnp.PyArray_Check(o)  # by type: asking an object may run its Python


cdef inline bint plain_layout(object array) noexcept:
    """True if kernels can read an array's numbers where they are."""
    return cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>array) and cnp.PyArray_ISALIGNED(<cnp.ndarray>array)


cdef int number(object o, double *x) except -1
cdef object line_of(dict lines, Guard *q)
cdef double plain_named(object o, str name, int position=*) except? -1
cdef int check_node(Handle v, str op) except -1
cdef object value_at(Tape t, Py_ssize_t i)
