# core/program/fastcall.pxi: calls of compiled functions whose arguments are the usual ones, without Python in between.
#
# A Quick knows one program's code, and how its arguments and results look where they are numbers and plain arrays. A
# call that looks otherwise, or whose guards come out otherwise, is none of its business: it gives NotImplemented, and
# the whole way is taken (program.py).

cdef class Quick:
    """Quick(code, arguments, captured, shapes, conditions, value, gradients, many): a call of ``code``.

    arguments: None for a number or the array's shape, one an argument; captured: leaves to be read, and the shapes
    that they have to have; conditions: as those of a Trace; value: None for a number, a shape for an array, False: it
    is not wanted; gradients:
    likewise, or None if there are none; many: gradients come in a tuple.
    """
    cdef readonly Code code
    cdef tuple arguments, gradients, shapes
    cdef list captured, conditions
    cdef object value
    cdef bint many

    def __init__(self, Code code, tuple arguments, list captured, tuple shapes, list conditions, value, gradients,
                 bint many):
        self.code, self.arguments, self.captured, self.shapes = code, arguments, captured, shapes
        self.conditions = conditions
        self.value, self.gradients, self.many = value, gradients, many


cdef inline bint take_array(object x, object shape, double **to) noexcept:
    """Copy an array of this shape to where inputs are; False: it is another one."""
    cdef Py_ssize_t k, n
    if not (cnp.PyArray_CheckExact(x) and cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_DOUBLE
            and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>x) and plain_layout(x)
            and cnp.PyArray_NDIM(<cnp.ndarray>x) == len(<tuple>shape)):
        return False
    for k in range(len(<tuple>shape)):
        if cnp.PyArray_DIMS(<cnp.ndarray>x)[k] != <Py_ssize_t>(<tuple>shape)[k]:
            return False
    n = cnp.PyArray_SIZE(<cnp.ndarray>x)
    memcpy(to[0], cnp.PyArray_DATA(<cnp.ndarray>x), n*sizeof(double))
    to[0] += n
    return True


cdef inline cnp.npy_intp *dims_of(tuple shape, cnp.npy_intp *dims) noexcept:
    cdef Py_ssize_t k
    for k in range(len(shape)):
        dims[k] = <object>PyTuple_GET_ITEM(shape, k)
    return dims


cdef inline object number_or_array(object shape, const double *v, Py_ssize_t *k):
    """The results from number k on."""
    cdef object out
    cdef Py_ssize_t n
    cdef cnp.npy_intp[MOST_DIMS] dims
    if shape is None:
        k[0] += 1
        return v[k[0] - 1]
    out = cnp.PyArray_EMPTY(<int>len(<tuple>shape), dims_of(<tuple>shape, dims), cnp.NPY_DOUBLE, 0)
    n = cnp.PyArray_SIZE(<cnp.ndarray>out)
    memcpy(cnp.PyArray_DATA(<cnp.ndarray>out), v + k[0], n*sizeof(double))
    k[0] += n
    return out


cdef object call_quickly(Quick q, tuple args):
    """The result of a call, or NotImplemented."""
    cdef Code c = q.code
    cdef Workspace w
    cdef Py_ssize_t k
    cdef object result
    if len(args) != len(q.arguments) or c.runs == c.ask_at:
        return NotImplemented
    for k in range(len(q.conditions)):
        owner, name, x = q.conditions[k]
        now = getattr(owner, name, None)
        if now is not x and not (name == "shape" and now == x):
            return NotImplemented
    w = workspace(c)
    if take_inputs(q, args, w.v + c.constants) and not run(c, w):
        c.quick_runs += 1
        result = results_as(q, c, results_of(c, w))
    else:
        result = NotImplemented
    c.idle.append(w)
    return result


cdef bint take_inputs(Quick q, tuple args, double *to) except -1:
    """Copy arguments and captured numbers to where inputs are; False: they are others than those of the recording."""
    cdef Py_ssize_t k
    cdef object x, shape
    for k in range(len(args)):
        x = <object>PyTuple_GET_ITEM(args, k)
        shape = <object>PyTuple_GET_ITEM(q.arguments, k)
        if shape is None:
            if PyFloat_Check(x):
                to[0] = PyFloat_AS_DOUBLE(x)
            elif type(x) is int and number(x, to) == NUMBER:
                pass
            else:
                return False
            to += 1
        elif not take_array(x, shape, &to):
            return False
    for k in range(len(q.captured)):
        x = q.captured[k]
        if is_value(x):
            to[0] = (<Value>x).primal
            to += 1
        elif not take_array((<Tensor>x).array, q.shapes[k], &to):
            return False
    return True


cdef object results_as(Quick q, Code c, const double *results):
    """The results of a run as the call gives them."""
    cdef Py_ssize_t at = 0, k
    cdef object value = None, gradients, x
    if q.value is not False:
        value = number_or_array(q.value, results, &at)
        if q.gradients is None:
            return value
    else:  # gradients stand last
        at = c.results
        for shape in q.gradients:
            at -= 1 if shape is None else prod(shape)
    if q.many:
        gradients = PyTuple_New(len(q.gradients))
        for k in range(len(q.gradients)):
            x = number_or_array(<object>PyTuple_GET_ITEM(q.gradients, k), results, &at)
            Py_INCREF(x)  # stolen
            PyTuple_SET_ITEM(gradients, k, x)
    else:
        gradients = number_or_array(q.gradients[0], results, &at)
    return gradients if q.value is False else (value, gradients)


cdef Py_ssize_t prod(tuple shape) except -1:
    cdef Py_ssize_t n = 1
    for k in shape:
        n *= <Py_ssize_t>k
    return n


cdef class Caller:
    """What a compiled function is called through; ``quick`` holds a Quick for each kind of call."""
    cdef public dict quick
    cdef str last_kind        # of these the one that was used last, by the very objects that asked for it
    cdef object last_argnums
    cdef Quick last

    def __cinit__(self, *args, **kwargs):
        self.quick = {}

    def __call__(self, *args, **kwargs):
        """Replay: the value at these arguments."""
        if not kwargs and not traces:
            q = self.quick.get("value")
            if q is not None:
                result = call_quickly(<Quick>q, args)
                if result is not NotImplemented:
                    return result
        return self._value(args, kwargs)

    def grad(self, *args, argnums=None, captured=None, **kwargs):
        """p.grad(*args, argnums=0, captured=None): the gradient of a value that is one number.

        df/dx of each number x in the arguments that argnums names (an int gives one gradient, a tuple gives a tuple),
        in the argument's structure. captured: Values and Tensors that f uses; then a list of their gradients is
        given, and with argnums as well the pair of both. Raises TypeError where the value is not one number.

        >>> import cgrad
        >>> p = cgrad.compile(lambda x, y: x*x*y)
        >>> p.grad(3.0, 5.0), p.grad(3.0, 5.0, argnums=(0, 1))
        (30.0, (30.0, 9.0))
        """
        return call_gradient(self, "grad", args, argnums, captured, kwargs)

    def value_and_grad(self, *args, argnums=None, captured=None, **kwargs):
        """p.value_and_grad(*args, argnums=0, captured=None): (value, gradient), as ``grad``.

        >>> import cgrad
        >>> cgrad.compile(lambda x: x**3).value_and_grad(2.0)
        (8.0, 12.0)
        """
        return call_gradient(self, "value_and_grad", args, argnums, captured, kwargs)


cdef object call_gradient(Caller p, str kind, tuple args, argnums, captured, dict kwargs):
    cdef object q = None
    if not (traces or kwargs) and captured is None:
        if p.last_kind is kind and p.last_argnums is argnums:
            q = p.last
        elif argnums is None:
            q = p.quick.get(kind)
        elif type(argnums) is int or type(argnums) is tuple:
            q = p.quick.get((kind, argnums))
        if q is not None:
            result = call_quickly(<Quick>q, args)
            if result is not NotImplemented:
                p.last_kind, p.last_argnums, p.last = kind, argnums, <Quick>q
                return result
            p.last_kind = None
    options = {name: x for name, x in (("argnums", argnums), ("captured", captured)) if x is not None}
    return p._gradient(kind, args, {**kwargs, **options})
