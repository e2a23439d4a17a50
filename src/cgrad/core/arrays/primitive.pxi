# core/arrays/primitive.pxi: nodes with a rule in Python: structural ops, and operations of users.

structural = {}        # what the core asks of the structural ops, by name: getitem, matmul, ...
ARRAY_FUNCTIONS = {}   # NumPy's functions and ufuncs, and who answers them


def implements(function, answer):
    """Let ``answer`` stand for a NumPy function, a ufunc, or (ufunc, method) where a Tensor or Value is given."""
    ARRAY_FUNCTIONS[function] = answer


def plain(x, /):
    """The ndarray of a Tensor, the float of a Value; anything else as it is."""
    if cgrad_unlikely(traces) and (is_tensor(x) or is_value(x)):
        refuse(x, "its number")
    if is_tensor(x):
        return fresh(<Tensor>x)
    return (<Value>x).primal if is_value(x) else x


cdef bint needs_grad(object x) noexcept:
    return is_value(x) or (is_tensor(x) and ((<Tensor>x).node or (<Tensor>x).needs or written(<Tensor>x)))


# IEEE arithmetic results in nan and inf, never in a warning or an exception, whatever the caller has set for NumPy.
try:
    from numpy._core._ufunc_config import _extobj_contextvar as _ERRORS, _make_extobj
    _IGNORED = _make_extobj(all="ignore")
except ImportError:  # a NumPy without these
    _ERRORS = None


cdef object ignore_errors():
    if _ERRORS is not None:
        return _ERRORS.set(_IGNORED)
    state = np.errstate(all="ignore")
    state.__enter__()
    return state


cdef int heed_errors(object before) except -1:
    if _ERRORS is not None:
        _ERRORS.reset(before)
    else:
        before.__exit__(None, None, None)
    return 0


cdef object wrapped(object value):
    """A result without history: a Tensor of an array, a Value of a scalar."""
    if isinstance(value, np.ndarray) and value.ndim:
        return plain_tensor(standard(value))
    return leaf_of(new_handle(), value)


cdef object standard(object array):
    """As float64 or float32, a plain ndarray."""
    cdef int code
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    if not plain_layout(array):
        array = array.astype(array.dtype.newbyteorder("="))
    code = cnp.PyArray_TYPE(<cnp.ndarray>array)
    if code != cnp.NPY_DOUBLE and code != cnp.NPY_FLOAT:
        return array.astype(np.float64)
    return array


cdef object without_history(tuple args, object result):
    """A result without history. A view of what a tape may hold gets a buffer of its own before it is written to."""
    if is_tensor(result) and cnp.PyArray_BASE(<cnp.ndarray>(<Tensor>result).array) != NULL:
        for x in args:
            if is_tensor(x) and ((<Tensor>x).node or (<Tensor>x).captured):
                (<Tensor>result).captured = True
    return result


cdef class Primitive:
    """Primitive(name, forward, vjp, structural=False)\n--\n
    An operation on arrays with its rule.

    forward(*args, **kwargs) gets ndarrays and floats, and returns an ndarray or a number; vjp is a tuple with a
    function (g, out, *args, **kwargs) or None for each argument, or one function (k, g, out, *args, **kwargs)
    for any number of them. It returns the adjoint of that argument: v^T J. A rule over NumPy's functions and
    operators serves twice: over arrays in a sweep, over Tensors where the sweep is recorded. structural: elements
    are moved, chosen or added up, no more: what an adjoint of ones does not come to was not chosen.

    >>> import numpy as np, cgrad
    >>> twice = cgrad._core.Primitive("twice", lambda x: 2*x, (lambda g, out, x: 2*g,))
    >>> t = cgrad.Tensor([1.0, 2.0], requires_grad=True)
    >>> twice(t).backward(); t.grad.tolist()
    [2.0, 2.0]
    """
    cdef readonly str name
    cdef readonly object forward, vjp
    cdef readonly bint structural
    cdef bint many

    def __init__(self, str name, forward, vjp, bint structural=False):
        self.name, self.forward, self.vjp, self.structural = name, forward, vjp, structural
        self.many = not isinstance(vjp, tuple)

    def __repr__(self):
        return f"<Primitive {self.name}>"

    def __reduce__(self):
        return self.name

    def __call__(self, *args, **kwargs):
        cdef Py_ssize_t n = len(args), k, traced = 0
        cdef bint ours = False
        cdef list numbers
        for k in range(n):
            if is_tensor(args[k]) and (<Tensor>args[k]).filled is not None:
                args = tuple([settled(<Tensor>x) if is_tensor(x) else x for x in args])
                break
        numbers = list(args)
        for k in range(n):
            x = args[k]
            if is_tensor(x):
                ours = True
                look_who_holds(<Tensor>x)
                traced += (<Tensor>x).node or (<Tensor>x).needs
                if (<Tensor>x).node == 2:
                    raise errors.wrong_tape(self.name, x, None, True)
            elif is_value(x):
                ours = True
                traced += 1
        if not ours:
            return self.forward(*args, **kwargs)
        if cgrad_unlikely(traces) and tracing() is not None:
            return traced_primitive(self, args, kwargs)
        for k in range(n):
            x = args[k]
            if is_tensor(x):
                numbers[k] = (<Tensor>x).array
            elif is_value(x):
                numbers[k] = (<Value>x).primal
            elif cnp.PyArray_Check(x) and cnp.PyArray_TYPE(<cnp.ndarray>x) != cnp.NPY_DOUBLE \
                    and (x.dtype.kind not in "fiub" or x.dtype.itemsize > 8):
                raise errors.bad_array(self.name, k, x)
        before = ignore_errors()
        try:
            value = self.forward(*numbers, **kwargs)
        finally:
            heed_errors(before)
        if traced == 0 or (modes and quiet()):
            return without_history(args, wrapped(value))
        return self.record(args, kwargs, value, traced)

    cdef object rule(self, Py_ssize_t k):
        return self.vjp if self.many else self.vjp[k]

    cdef object record(self, tuple args, dict kwargs, object value, Py_ssize_t traced):
        cdef list kept = list(args)
        cdef list inputs = []
        cdef list positions = []
        cdef Py_ssize_t k
        for k, x in enumerate(args):
            if needs_grad(x):
                if not self.many and self.vjp[k] is None:
                    raise errors.needs_number(self.name, f"operand {k + 1}", x)
                inputs.append(x)
                positions.append(k)
                kept[k] = None
            elif is_tensor(x) or isinstance(x, np.ndarray):
                kept[k] = own(x)
        return append_rule(OP_PRIMITIVE, inputs, value, self, (tuple(positions), kept, kwargs))

    cdef list arguments(self, tuple saved, list inputs):
        """All arguments as the vjp gets them."""
        cdef list result = list(saved[1])
        for k, x in zip(saved[0], inputs):
            result[k] = x
        return result


cdef object append_rule(int op, list inputs, object value, object rule, object saved):
    """A node with a rule over any number of operands that have derivatives.

    value: an array, or a number; None: it has outputs of its own (a Function's head) and no handle: returns its tape
    and node.
    """
    cdef Py_ssize_t n = len(inputs), i
    cdef Term *r
    cdef Pair p
    cdef bint scalar = value is not None and not (isinstance(value, np.ndarray) and value.ndim)
    cdef double x = value if scalar else 0
    if value is not None and not scalar:
        value = standard(value)
    r = terms_of(inputs)
    try:
        locate(r, n, op, &p, continuations(n) + 1, not scalar)
        if modes and scalar:
            inspect(&p, op, x, r, n, continuations(n), rule)
        elif modes and value is not None:
            inspect_array(&p, op, value, r, n, continuations(n), rule)
        i = write_group(<Tape>p.tape, op | SPECIAL, r, n)
        (<Tape>p.tape).val[i] = x
        enter(<Tape>p.tape, i, None if scalar else value, rule, saved).n = <int32_t>n
    finally:
        free(r)
    if value is None:
        discard(p.handle)
        return <Tape>p.tape, i
    if scalar:
        attach_value(p.handle, p.tape, i, x)
        return cgrad_own(p.handle)
    return attach_tensor(p.handle, p.tape, i, value)


cdef Term *terms_of(list inputs) except NULL:
    """Operands that are Values, Tensors and floats; to be freed."""
    cdef Py_ssize_t n = len(inputs), k
    cdef Term *r = <Term *>malloc(n*sizeof(Term))
    if r == NULL:
        raise MemoryError("tape: no memory for operands")
    for k, x in enumerate(inputs):
        if is_tensor(x) and (<Tensor>x).filled is not None:
            inputs[k] = x = settled(<Tensor>x)
        r[k].v = <PyObject *>inputs[k] if is_value(x) or is_tensor(x) else NULL
        r[k].x = (<Value>x).primal if is_value(x) else 0 if r[k].v != NULL else x
        r[k].i = -1
    return r


# ---- many scalar parameters at once --------------------------------------------------------------

def read_data(list values, /):
    """The numbers of Values, as a vector."""
    cdef cnp.ndarray out = np.empty(len(values))
    cdef Py_ssize_t k
    for k in range(len(values)):
        if traces:
            refuse(<Value?>values[k], "its number")
        (<double *>cnp.PyArray_DATA(out))[k] = (<Value?>values[k]).primal
    return out


def read_grad(list values, /):
    """The gradients of Values that are leaves, as a vector."""
    if traces:
        refuse_effect("reading grad")
    cdef cnp.ndarray out = np.empty(len(values))
    cdef Py_ssize_t k
    for k in range(len(values)):
        (<double *>cnp.PyArray_DATA(out))[k] = (<Value?>values[k]).adjoint
    return out


def write_data(list values, double[:] numbers):
    """Set the data of Values that are leaves; what was recorded before keeps the old numbers."""
    cdef Py_ssize_t k
    if traces:
        refuse_effect("setting data")
    if numbers.shape[0] != len(values):
        raise errors.lengths("write_data", len(values), numbers.shape[0])
    for k in range(len(values)):
        if (<Value?>values[k]).node:
            raise errors.data_of_node(values[k]._op, values[k])
        (<Value>values[k]).primal = numbers[k]
        (<Value>values[k]).tape = NULL


# ---- elements by their flat index ----------------------------------------------------------------

def _take_forward(x, indices, distinct=False):
    return np.asarray(x).reshape(-1).take(indices)


def _put_forward(x, indices, shape, distinct=False):
    """Zeros of a shape with x added at flat indices. distinct: none occurs twice."""
    x = np.asarray(x)
    out = np.zeros(shape, x.dtype)
    if distinct:
        out.reshape(-1)[indices] = x
    else:  # on vectors np.add.at is ten times as fast
        np.add.at(out.reshape(-1), indices.reshape(-1), x.reshape(-1))
    return out


TAKE = Primitive("take", _take_forward, (
    lambda g, out, x, indices, distinct=False: PUT(g, indices=indices, shape=x.shape, distinct=distinct),),
    structural=True)
PUT = Primitive("put", _put_forward, (
    lambda g, out, x, indices, shape, distinct=False: TAKE(g, indices=indices, distinct=distinct),), structural=True)


# ---- casts, un-broadcasting ----------------------------------------------------------------------

def _cast_forward(x, code):
    return np.asarray(x).astype(code)


def _cast_back(g, out, x, code):
    return CAST(g, (<object>plain(x)).dtype.char) if isinstance(plain(x), np.ndarray) else g


CAST = Primitive("astype", _cast_forward, (_cast_back, None), structural=True)


def _unbroadcast_forward(x, shape):
    """Sum x over the axes along which ``shape`` was broadcast: by the walk that sums adjoints."""
    cdef cnp.ndarray source = np.asarray(x)
    cdef cnp.ndarray out
    if (<object>source).shape == shape:
        return x
    out = np.zeros(shape, (<object>source).dtype if (<object>source).dtype.char in "fd" else np.float64)
    add_to(out, standard(source), False)
    return out if (<object>out).ndim else out[()]


def _unbroadcast_back(g, out, x, shape):
    return np.broadcast_to(g, np.shape(plain(x)))


_UNBROADCAST = Primitive("unbroadcast", _unbroadcast_forward, (_unbroadcast_back,), structural=True)


def unbroadcast(x, shape):
    """Sum x over broadcast axes, down to ``shape``: the adjoint of numpy.broadcast_to."""
    return x if np.shape(plain(x)) == shape else _UNBROADCAST(x, shape=shape)
