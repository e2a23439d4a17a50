# core/sweeps/eager.pxi: a function run as it is, point after point, on a tape of its own: values, and gradients by its
# arguments alone. Compiled functions do so at points for which they keep no path (programs/eager.py).

cdef class OwnTape:
    """OwnTape(): ``with OwnTape():`` records on a tape of its own, whatever the modes around it."""
    cdef Tape tape
    cdef int quiet      # blocks of no_grad around it

    def __cinit__(self):
        self.tape = Tape.__new__(Tape)  # emptied with its last handle, as the thread's own

    def __enter__(self):
        record_here(self)
        return self

    def __exit__(self, *_):
        record_there(self)

    def points(self, f, tuple columns, double[:, ::1] rows, bint gradient):
        """Run f at points until it returns something else than a number, or raises. Returns how many it has done.

        columns: a list of floats for each argument, one a point. rows: value and gradient of each point go there, or
        the value alone.
        """
        cdef Py_ssize_t k, m, n = rows.shape[0], arguments = len(columns)
        cdef tuple leaves
        cdef object y
        for k in range(n):
            leaves = PyTuple_New(arguments)
            for m in range(arguments):
                put_leaf(leaves, m, (<list>PyTuple_GET_ITEM(columns, m))[k])
            try:
                y = f(*leaves)
            except Exception:
                return k
            if not value_and_gradient(self.tape, y, leaves, gradient, &rows[k, 0]):
                return k
            y = leaves = None
            if self.tape.top:  # f has kept something
                truncate(self.tape, 0)
        return n

    def call(self, f, tuple numbers, bint gradient):
        """The value of f at numbers, and its gradient: a list of floats. None if it is no number, or f raises."""
        cdef Py_ssize_t k, n = len(numbers)
        cdef double *row = <double *>malloc((n + 1)*sizeof(double))
        cdef tuple leaves
        cdef list found = None
        if row == NULL:
            raise MemoryError("call: no memory")
        try:
            leaves = PyTuple_New(n)
            for k in range(n):
                put_leaf(leaves, k, <object>PyTuple_GET_ITEM(numbers, k))
            record_here(self)
            try:
                y = f(*leaves)
                if value_and_gradient(self.tape, y, leaves, gradient, row):
                    found = [row[k] for k in range(n + 1)] if gradient else [row[0]]
                y = leaves = None
            except Exception:  # then it is called in another way, and raises there
                found = None
            finally:
                record_there(self)
            if self.tape.top:  # f has kept something
                truncate(self.tape, 0)
        finally:
            free(row)
        return found

    def point(self, y, list leaves):
        """The value of a result on this tape and its derivatives by Values, an array; None: it takes another way."""
        cdef double[::1] row = np.zeros(1 + len(leaves))
        return np.asarray(row) if value_and_gradient(self.tape, y, tuple(leaves), True, &row[0]) else None


cdef inline int put_leaf(tuple leaves, Py_ssize_t k, object x) except -1:
    v = Value(x)
    Py_INCREF(v)  # stolen
    PyTuple_SET_ITEM(leaves, k, v)
    return 0


cdef int record_here(OwnTape own) except -1:
    """Begin to record on a tape of one's own."""
    global modes
    cdef Context c = <Context>context()
    c.stack.append(c.tape)
    c.tape = own.tape
    own.quiet = c.quiet
    modes -= own.quiet
    c.quiet = 0
    return 0


cdef int record_there(OwnTape own) except -1:
    """Go back to the tape and the modes of before."""
    global modes
    cdef Context c = <Context>context()
    c.quiet += own.quiet
    modes += own.quiet
    while c.stack and c.tape is not own.tape:  # left open by a function that raised
        c.tape = c.stack.pop()
    if c.stack:
        c.tape = c.stack.pop()
    return 0


cdef bint value_and_gradient(Tape t, object y, tuple leaves, bint gradient, double *row) except -1:
    """Put a value, and its derivatives by leaves that are Values, into a row. False if it is no number of this tape."""
    cdef Py_ssize_t k
    if not is_value(y):
        if type(y) is bool or number(y, row) != NUMBER:
            return False
        if gradient:
            memset(row + 1, 0, len(leaves)*sizeof(double))
        return True
    row[0] = (<Value>y).primal
    if not gradient:
        return (<Value>y).node == 0 or (<Value>y).tape == <PyObject *>t
    if (<Value>y).node == 0:
        for k in range(len(leaves)):
            row[1 + k] = 1.0 if <PyObject *>y == PyTuple_GET_ITEM(leaves, k) else 0.0
        return True
    return (<Value>y).tape == <PyObject *>t and not t.payloads and gradient_row(t, (<Value>y).index, leaves, row + 1)


cdef bint gradient_row(Tape t, int32_t root, tuple leaves, double *row) except -1:
    """The adjoints of leaves below a root. False if one of them has several slots."""
    cdef Sweep s
    cdef Py_ssize_t k
    cdef Handle leaf
    cdef double seed = 1
    cdef bint simple
    begin_sweep(t, "gradients", &s)
    try:
        reverse(t, &root, &seed, 1, None, &s)
        if modes:
            look_for_anomaly(t, &s)
        simple = all_newest(t, &s)
        for k in range(len(leaves)):
            leaf = <Handle>PyTuple_GET_ITEM(leaves, k)
            row[k] = 0.0 + t.adj[leaf.index] if leaf.tape == <PyObject *>t and leaf.index <= s.root else 0.0
        clear_swept(t, &s)
    except BaseException:
        abandon_sweep(t)
        raise
    finally:
        end_sweep(t, &s)
    return simple
