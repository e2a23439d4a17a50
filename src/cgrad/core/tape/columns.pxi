# core/tape/columns.pxi: the columns of a tape, and room in them.
#
#            op  used  a    b    val   da    db   | adj   grad
#   0  x     LEAF  1   -    -    2.0   -     -    |               "-": points to itself
#   1  w     LEAF  1   -    -    3.0   -     -    |
#   2  x*w   MUL   1   0    1    6.0   3.0   2.0  |
#   3  +1    ADD   0   2    3=i  7.0   1.0   1.0  |               b = i: a plain number, kept in db
#   ---------------------------------------------- top
#
# One append writes one entry of each column; a node's operands are below it, so the order of the
# columns is a topological order. A node takes 50 bytes, adj and grad included.
#
# An operand that is a plain number: the node points to itself there, and the number is kept in place of
# the partial. A sweep needs no test for it: it restores adj[i] after the scatter.
#
# More than two operands: the node is a head, b = -k, over the k continuation nodes right below it,
# which hold the further operands in pairs: a of the head; a, b of i-k; ...; a, b of i-1 (entries.pxi).
#
#   4        CONT  1   0    1    -     w     x
#   5  dot   DOT   0   3   -1    ...   1.0   -                    b: one continuation
#
# Beside the columns: which leaf a slot (op LEAF) belongs to, and which nodes Python still holds.
#
#   slot_node     0  1          ascending; slot_leaf owns its references
#   slot_leaf     x  w
#   live_handles  y  ...        living handles, in no order; each knows its position, so that a handle's
#                               death moves the last one there: no search, and no column of pointers

cdef extern from "core/tape/pages.h" nogil:
    void *pages_new(size_t)
    void *pages_resize(void *, size_t, size_t)
    void pages_free(void *, size_t)

cdef extern from "core/memoryviews.h":
    void point_bytes "CGRAD_POINT"(uint8_t[::1], char *, Py_ssize_t) noexcept
    void point_places "CGRAD_POINT"(int32_t[::1], char *, Py_ssize_t) noexcept
    void point_numbers "CGRAD_POINT"(double[::1], char *, Py_ssize_t) noexcept

cdef extern from "Python.h":
    Py_ssize_t references "Py_REFCNT"(PyObject *) noexcept

cdef extern from "pythread.h" nogil:
    void *PyThread_allocate_lock()
    void PyThread_free_lock(void *)
    int PyThread_acquire_lock(void *, int)
    void PyThread_release_lock(void *)
    unsigned long PyThread_get_thread_ident()

cdef extern from "Python.h":
    int PyGC_Disable()
    int PyGC_Enable()

cdef enum:
    USED = 1      # bits of the column ``used``: a later node needs this one
    MEMBER = 2    # belongs to the graph that is being swept
    HELD = 4      # a handle leads to it (during a collection)

cdef enum:
    SLACK = 8            # entries above limit: what a fixed-size append may take unasked
    FIRST_ROOM = 4096    # entries of a new tape
    YOUNG = 1 << 16      # nodes between collections
    NODE_BYTES = 50      # all columns together

# Idle memory that is kept: page faults would cost 10 to 25 ns a node.
cdef Py_ssize_t KEEP_NODES = (120 << 20)//NODE_BYTES
MOST_NODES = 0x7FFFFFFF - 2*SLACK
cdef bint COLLECT_ALWAYS = os.environ.get("CGRAD_DEBUG_COLLECT", "") not in ("", "0")
if os.environ.get("CGRAD_DEBUG_NODE_LIMIT"):
    MOST_NODES = int(os.environ["CGRAD_DEBUG_NODE_LIMIT"])
cdef int generation = 0             # counts forks
cdef unsigned long survivor = 0     # the thread that goes on after the last one


cdef class Buffer:

    def __cinit__(self, Py_ssize_t itemsize, bytes format):
        self.itemsize = itemsize
        self.format = format
        self.nbytes = FIRST_ROOM*itemsize
        self.data = <char *>pages_new(self.nbytes)
        if self.data == NULL:
            self.nbytes = 0
            raise MemoryError("tape: no memory for a first page")
        self.length = FIRST_ROOM

    def __dealloc__(self):
        if self.data != NULL:
            pages_free(self.data, self.nbytes)

    cdef bint resize(self, Py_ssize_t n) noexcept:
        cdef void *p = pages_resize(self.data, self.nbytes, n*self.itemsize)
        if p == NULL:
            return False
        self.data = <char *>p
        self.nbytes = n*self.itemsize
        self.length = n
        return True

    def __getbuffer__(self, Py_buffer *view, int flags):
        self.shape[0] = self.length
        self.strides[0] = self.itemsize
        view.buf = self.data
        view.obj = self
        view.len = self.length*self.itemsize
        view.readonly = 0
        view.itemsize = self.itemsize
        view.format = <char *>self.format
        view.ndim = 1
        view.shape = self.shape
        view.strides = self.strides
        view.suboffsets = NULL
        view.internal = NULL


@cython.no_gc_clear  # (counts here, not in the declaration)
cdef class Columns:

    cdef int open(self) except -1:
        self.buffers = tuple([Buffer(size, form) for size, form in (
            (1, b"B"), (1, b"B"), (4, b"i"), (4, b"i"), (8, b"d"), (8, b"d"), (8, b"d"), (8, b"d"), (8, b"d"))])
        self.op, self.used, self.a, self.b, self.val, self.da, self.db, self.adj, self.grad = self.buffers
        self.capacity = FIRST_ROOM
        return 0

    cdef void point(self) noexcept:
        """Point the views to where the buffers are now."""
        cdef Buffer x
        x = <Buffer>self.buffers[0]
        point_bytes(self.op, x.data, x.length)
        x = <Buffer>self.buffers[1]
        point_bytes(self.used, x.data, x.length)
        x = <Buffer>self.buffers[2]
        point_places(self.a, x.data, x.length)
        x = <Buffer>self.buffers[3]
        point_places(self.b, x.data, x.length)
        x = <Buffer>self.buffers[4]
        point_numbers(self.val, x.data, x.length)
        x = <Buffer>self.buffers[5]
        point_numbers(self.da, x.data, x.length)
        x = <Buffer>self.buffers[6]
        point_numbers(self.db, x.data, x.length)
        x = <Buffer>self.buffers[7]
        point_numbers(self.adj, x.data, x.length)
        x = <Buffer>self.buffers[8]
        point_numbers(self.grad, x.data, x.length)

    cdef void swap(self) noexcept:
        """Let adj and grad change places."""
        cdef Buffer x = <Buffer>self.buffers[7], y = <Buffer>self.buffers[8]
        x.data, y.data = y.data, x.data
        x.nbytes, y.nbytes = y.nbytes, x.nbytes
        x.length, y.length = y.length, x.length
        self.adj_live, self.grad_live = self.grad_live, self.adj_live
        self.adj_dirty, self.grad_dirty = self.grad_dirty, self.adj_dirty
        self.point()

    cdef int take(self, Columns c) except -1:
        """Take over the storage of c, which is left without any."""
        self.buffers, c.buffers = c.buffers, None
        self.op, self.used, self.a, self.b, self.val, self.da = c.op, c.used, c.a, c.b, c.val, c.da
        self.db, self.adj, self.grad = c.db, c.adj, c.grad
        c.op = c.used = None
        c.a = c.b = None
        c.val = c.da = c.db = c.adj = c.grad = None
        self.capacity, self.peak = c.capacity, c.peak
        self.adj_live, self.adj_dirty = 0, c.adj_dirty
        self.grad_live, self.grad_dirty = 0, c.grad_dirty
        return 0

    cdef int resize(self, Py_ssize_t n) except -1:
        """Move to room for n entries. Nothing is lost where that fails."""
        cdef bint done = True
        cdef Buffer buffer
        for buffer in self.buffers:
            if buffer.length != n and not buffer.resize(n):
                done = False
                break
        self.point()
        if not done:
            raise errors.no_memory(n, n*NODE_BYTES)
        self.capacity = n
        return 0

    cdef void trim(self, Py_ssize_t keep) noexcept:
        """Give memory, and addresses, above the entry ``keep`` back to the system."""
        cdef Buffer buffer
        if self.peak <= keep:
            return
        for buffer in self.buffers:
            if not buffer.resize(keep):  # (where growing and shrinking copy)
                memset(buffer.data + keep*buffer.itemsize, 0, (min(self.peak, buffer.length) - keep)*buffer.itemsize)
        self.point()
        self.peak = self.capacity = keep
        self.adj_live, self.adj_dirty = min(self.adj_live, keep), min(self.adj_dirty, keep)
        self.grad_live, self.grad_dirty = min(self.grad_live, keep), min(self.grad_dirty, keep)

    cdef void zero_adj(self, Py_ssize_t n) noexcept:
        """Make the first n entries of adj zeros that a sweep may add to."""
        if self.adj_live < n:
            if self.adj_live < self.adj_dirty:
                memset(&self.adj[self.adj_live], 0, (min(n, self.adj_dirty) - self.adj_live)*sizeof(double))
            self.adj_live = n
        self.adj_dirty = max(self.adj_dirty, n)
        self.peak = max(self.peak, n)

    cdef void zero_grad(self, Py_ssize_t n) noexcept:
        """Make the first n entries of grad valid: new ones are zero."""
        if self.grad_live < n:
            if self.grad_live < self.grad_dirty:
                memset(&self.grad[self.grad_live], 0, (min(n, self.grad_dirty) - self.grad_live)*sizeof(double))
            self.grad_live = n
        self.grad_dirty = max(self.grad_dirty, n)


cdef void unmark_range(Tape t, Py_ssize_t lo, Py_ssize_t hi) noexcept:
    """Clear the marks of the nodes lo .. hi."""
    cdef Py_ssize_t i
    for i in range(lo, hi + 1):
        t.used[i] &= ~MEMBER
