# core/sweeps/eager.pxi: a function run as it is, point after point, on a tape of its own: values, and gradients by its
# arguments alone. Compiled functions do so at points for which they keep no path (programs/eager.py).

cdef class OwnTape:
    """OwnTape(): ``with OwnTape():`` records on a tape of its own, whatever the modes around it."""
    cdef Tape tape
    cdef int quiet      # blocks of no_grad around it

    def __cinit__(self):
        self.tape = Tape()

    def __enter__(self):
        global modes
        cdef Context c = <Context>context()
        self.tape.__enter__()
        self.quiet = c.quiet
        modes -= self.quiet
        c.quiet = 0
        return self

    def __exit__(self, *_):
        global modes
        cdef Context c = <Context>context()
        c.quiet += self.quiet
        modes += self.quiet
        while c.stack and c.tape is not self.tape:  # left open by a function that raised
            c.tape = c.stack.pop()
        self.tape.__exit__()

    def points(self, f, tuple columns, double[:, ::1] rows, bint gradient):
        """Run f at points until it returns something else than a number, or raises. Returns how many it has done.

        columns: a list of floats for each argument, one a point. rows: value and gradient of each point go there, or
        the value alone.
        """
        cdef Py_ssize_t k, n = rows.shape[0], arguments = len(columns)
        cdef tuple leaves
        cdef object v, y
        for k in range(n):
            leaves = PyTuple_New(arguments)
            for m in range(arguments):
                v = Value((<list>PyTuple_GET_ITEM(columns, m))[k])
                Py_INCREF(v)  # stolen
                PyTuple_SET_ITEM(leaves, m, v)
            try:
                y = f(*leaves)
            except Exception:
                return k
            if not value_and_gradient(self.tape, y, leaves, gradient, &rows[k, 0]):
                return k
            y = v = leaves = None
            truncate(self.tape, 0)
        return n

    def point(self, y, list leaves):
        """The value of a result on this tape and its derivatives by Values, an array; None: it takes another way."""
        cdef double[::1] row = np.zeros(1 + len(leaves))
        return np.asarray(row) if value_and_gradient(self.tape, y, tuple(leaves), True, &row[0]) else None


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
