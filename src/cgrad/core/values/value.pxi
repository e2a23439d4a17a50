# core/values/value.pxi: Value as Python sees it. tools/optable copies this chapter,
# and adds the op table's methods and the checks of recordings (_members.py).

cdef double grad_of(Value v) except? -1:
    """The gradient that backward sweeps have added up."""
    if not v.node:
        return v.adjoint
    check_node(v, "grad")
    return (<Tape>v.tape).grad[v.index] if v.index < (<Tape>v.tape).grad_live else 0.0


cdef double data_of(object data) except? -1:
    cdef double x = 0
    cdef int kind = NO_NUMBER if is_value(data) else number(data, &x)
    if kind == TOO_LARGE:
        raise errors.too_large("Value", 0, data)
    if kind != NUMBER:
        raise errors.bad_data(data)
    return x


cdef int start(Value v, data, name, label) except -1:
    """Make v, which nothing refers to yet, the leaf of a number."""
    v.primal = data_of(data)
    if label is not None:
        if name is not None and name != label:
            raise errors.two_names(name, label)
        name = label
    if name is not None:
        v.name = name
    return 0


cdef object construct(tuple args, dict kwargs):
    cdef Value v
    cdef object name, label
    if len(args) > 1:
        raise errors.value_arguments(len(args))
    v = <Value>cgrad_own(new_handle())
    v.tape = NULL
    v.node = v.computed = 0
    v.primal = v.adjoint = 0
    if kwargs:
        kwargs = dict(kwargs)
        name, label = kwargs.pop("name", None), kwargs.pop("label", None)
        if not args and "data" in kwargs:
            args = (kwargs.pop("data"),)
        if kwargs:
            raise TypeError(f"Value: unknown argument {next(iter(kwargs))!r}: it takes data, name, label")
    else:
        name = label = None
    if not args:
        raise TypeError("Value: data is missing: give a number")
    start(v, args[0], name, label)
    return v


cdef PyObject *value_vectorcall(PyObject *type, PyObject **args, size_t nargsf, PyObject *names) except NULL:
    """Value(x) for a float without packing arguments; all other calls through ``construct``."""
    cdef Py_ssize_t n = <Py_ssize_t>(nargsf & ~(<size_t>1 << (8*sizeof(size_t) - 1))), k
    cdef PyObject *h
    cdef dict kwargs = None
    cdef object result
    if n == 1 and names == NULL and PyFloat_CheckExact(<object>args[0]):
        h = new_handle()
        (<Value>h).tape = NULL
        (<Value>h).node = (<Value>h).computed = 0
        (<Value>h).primal = PyFloat_AS_DOUBLE(<object>args[0])
        (<Value>h).adjoint = 0
        return h
    if names != NULL:
        kwargs = {}
        for k, key in enumerate(<tuple>names):
            kwargs[key] = <object>args[n + k]
    result = construct(tuple([<object>args[k] for k in range(n)]), kwargs)
    Py_INCREF(result)
    return <PyObject *>result


cdef inline bint compares(int op, double x, double y) noexcept:
    """A comparison by Python's number for it."""
    if cgrad_unlikely(x != x or y != y):
        return op == 3  # without the processor's flag, of which NumPy warns
    if op == 0:
        return x < y
    if op == 1:
        return x <= y
    if op == 2:
        return x == y
    if op == 3:
        return x != y
    if op == 4:
        return x > y
    return x >= y


cdef enum:
    NEITHER = 0  # as _callers.extremum returns them
    LARGER = 1
    WITHIN = 3


cdef int extremum_takes_left(Value v, object other, int op) except -2:
    """The answer to ``v >= other`` or ``v <= other`` where NumPy asks for its maximum or minimum; -1: nobody asks so.

    Over objects, NumPy's loops take the left operand where it is ``>=`` (``<=``) the right one. Over floats they take
    a nan from either side: so here the answer is True if the left one is nan. Python hands the question on from
    a float on the left, with sides and sign exchanged.
    """
    cdef int kind, strict = 0 if op == 5 else 4  # the right one is taken for sure
    cdef bint direct, outcome
    if not (is_value(other) or isinstance(other, (float, int)) or isinstance(other, NUMPY_REAL)):
        return -1
    kind = _callers.extremum()
    if kind == NEITHER:
        return -1
    direct = kind == WITHIN or (op == 5) == (kind == LARGER)
    number_ = (<Value>other).primal if is_value(other) else other.item() if isinstance(other, NUMPY_REAL) else other
    left, x = (v, v.primal) if direct else (other, number_)
    if not (traces and traced_here(v) and traced_here(other)):
        return 1 if x != x else -1
    if not is_value(other):
        other = number_
    if direct and not is_value(other) and number_ == number_:  # a nan on the left is not less: one guard for both
        outcome = v.primal == v.primal and COMPARISONS[strict](v.primal, number_)
        bool(compare(v, other, strict, outcome))
        return not outcome
    outcome = v.primal == v.primal and number_ == number_ and COMPARISONS[op](v.primal, number_)
    bool(compare(v, other, op, outcome))
    if outcome:
        return True
    if is_value(left):
        bool(compare(left, left, 3, x != x))
    return x != x


def _leaf(data, name):
    """Rebuild a pickled Value."""
    return Value(data, name=name or None)


cdef object rounded(object v, Py_ssize_t digits):
    """v rounded to decimal digits, as Python rounds a float: to the nearest decimal of the exact number, ties to even.

    The product v*10**n is rounded itself; what it lacks is the remainder of a fused multiplication (for digits < 0, of
    a division), and decides where the product is halfway between whole numbers.
    """
    cdef double scale = 10.0**abs(digits)
    if not -22 <= digits <= 22:
        raise errors.bad_option("round", "digits", digits, "give a number of decimal digits from -22 to 22")
    if digits >= 0:
        product = v*scale
        rest = SCALARS[OP_FMA](v, scale, -product)
    else:
        product = v/scale
        rest = -SCALARS[OP_FMA](product, scale, -v)
    whole = op_round(product)
    half = product - whole
    # halfway, and the exact number on the other side
    up = op_mul(SCALARS[OP_EQ](half, 0.5), SCALARS[OP_LT](0.0, rest))
    down = op_mul(SCALARS[OP_EQ](half, -0.5), SCALARS[OP_LT](rest, 0.0))
    whole = whole + up - down
    found = whole/scale if digits >= 0 else whole*scale
    # beyond 2^52 there is no fraction to round: such a number is itself, infinite ones and nan among them
    return op_where(SCALARS[OP_LT](abs(product), 4503599627370496.0), op_copysign(found, v), v)


@cython.final
cdef class Value:
    """Value(data, *, name=None, label=None)\n--\n
    A number that remembers how it was computed.

    data: a real number (int, float, bool, NumPy scalar). name and label are one thing, shown in
    traces. Arithmetic and the functions of cgrad on Values give Values; ``backward()`` then adds
    d out/d v to the ``.grad`` of every v that out was computed from.

    Raises TypeError where data is no real number.

    >>> import cgrad
    >>> x = cgrad.Value(3.0)
    >>> y = x*x + 2
    >>> y.backward()
    >>> y.data, x.grad
    (11.0, 6.0)
    """

    def __init__(self, data, *, name=None, label=None):
        if self.node or self.tape != NULL:
            raise TypeError("Value: __init__ of a value in use: make a new one")
        start(self, data, name, label)

    # ---- the number and its gradient -----------------------------------------------------------

    @property
    def data(self):
        """The number. Settable on leaves; what was recorded before keeps the old one."""
        return self.primal

    @data.setter
    def data(self, x):
        if self.node:
            raise errors.data_of_node(self._op or "an operation", self)
        # (trace check)
        self.primal = data_of(x)
        self.tape = NULL

    @property
    def grad(self):
        """The gradient that backward sweeps have added up; settable."""
        return grad_of(self)

    @grad.setter
    def grad(self, x):
        cdef double value = plain_named(x, "grad")
        cdef Tape t
        if not self.node:
            self.adjoint = value
            return
        check_node(self, "grad")
        t = <Tape>self.tape
        t.zero_grad(self.index + 1)
        t.grad[self.index] = value
        t.grad_any = True

    def zero_grad(self):
        """v.zero_grad(): set ``grad`` to 0."""
        self.grad = 0.0

    def item(self):
        """v.item(): the plain number, without its history."""
        return self.primal

    def detach(self):
        """v.detach(): a leaf with the same number and no history.

        In a compiled function: v, passing no derivative on.
        """
        return stopped(self) if traces and belongs_here(self) else Value(self.primal)

    def backward(self, seed=1.0, retain_graph=None):
        """v.backward(seed=1.0): add seed * dv/dn to the ``grad`` of every n that v was computed from.

        Once a call: leaves and intermediate values, whether or not Python still holds them. Calling
        it again adds the same once more. retain_graph is accepted for other libraries' sake: a graph lives as
        long as it is reachable.
        """
        cdef double given = plain_named(seed, "backward")
        backward(self, given)

    @property
    def _backward(self):
        raise errors.no_closure(self)

    @property
    def _operands(self):
        """As ``_arguments``, a plain number as a leaf: the same one each time, with the gradient it would have."""
        cdef tuple sources = self._arguments
        cdef Extra more
        if float not in map(type, sources):
            return sources
        more = extra_of(self)
        if more.constants is None:
            more.constants = tuple([Value(x) if type(x) is float else None for x in sources])
        for leaf, partial in zip(more.constants, partials_at(<Tape>self.tape, self.index)):
            if leaf is not None:
                (<Value>leaf).adjoint = grad_of(self)*partial
        return tuple([x if c is None else c for x, c in zip(sources, more.constants)])

    # ---- a scalar among arrays -----------------------------------------------------------------

    @property
    def requires_grad(self):
        """True: derivatives flow to every Value."""
        return True

    @property
    def shape(self):
        return ()

    @property
    def ndim(self):
        return 0

    @property
    def size(self):
        return 1

    @property
    def dtype(self):
        if _callers.averaging():
            raise AttributeError("dtype")
        return FLOAT64

    # ---- as numbers.Real has it ----------------------------------------------------------------

    @property
    def real(self):
        """The value itself."""
        return self

    @property
    def imag(self):
        """0.0."""
        return 0.0

    def conjugate(self):
        """v.conjugate(): the value itself."""
        return self

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        # NumPy hands on its scalars as they are, or as 0-d arrays: plain numbers both
        inputs = tuple([x.item() if isinstance(x, NUMPY_REAL) or (isinstance(x, np.ndarray) and x.ndim == 0) else x
                        for x in inputs])
        if any([isinstance(x, np.longdouble) for x in inputs]):  # item() leaves it as it is
            inputs = tuple([float(x) if isinstance(x, np.longdouble) else x for x in inputs])
        if any([is_tensor(x) for x in inputs]):
            return answer_ufunc(ufunc, method, inputs, kwargs)
        if any([isinstance(x, np.ndarray) for x in inputs]) or writes_objects(kwargs):
            if not (writes_objects(kwargs) or any([isinstance(x, np.ndarray) and x.dtype == object for x in inputs])):
                return answer_ufunc(ufunc, method, inputs, kwargs)
            function = scipys(ufunc) if method == "__call__" and not kwargs else None
            function = ufunc if function is None else np.frompyfunc(function, len(inputs), 1)  # SciPy's: no objects
            return getattr(function, method)(*[boxed(x) if is_value(x) else x for x in inputs], **kwargs)
        return answer_ufunc(ufunc, method, inputs, kwargs)

    # ---- Python's protocols --------------------------------------------------------------------

    def __richcmp__(self, other, int op):
        cdef double x = (<Value>self).primal, y
        cdef int asked
        if (op == 1 or op == 5) and cgrad_unlikely(x != x or traces or (PyFloat_Check(other) and other != other)):
            asked = extremum_takes_left(self, other, op)
            if asked >= 0:
                return asked == 1
        if is_value(other):
            y = (<Value>other).primal
        elif PyFloat_Check(other):
            y = PyFloat_AS_DOUBLE(other)
        elif isinstance(other, int) or isinstance(other, NUMPY_REAL):  # (int, NUMPY_REAL) is another test for Cython
            if not isinstance(other, int):
                other = other.item()  # as a double: NumPy would round x to float32
            return compare(self, other, op, COMPARISONS[op](x, other)) if traces else COMPARISONS[op](x, other)
        elif isinstance(other, (numbers.Rational, complex)) or type(other).__name__ == "Decimal":
            outcome = COMPARISONS[op](x, other)  # as of a float
            if traces and not isinstance(other, complex):
                return compare(self, other, op, outcome)
            return compare(self, other.real, op, outcome) if traces and not other.imag else outcome
        elif is_condition(other):
            return COMPARISONS[op](self, number_of(<Condition>other))
        else:
            return NotImplemented
        if cgrad_unlikely(traces):
            return compare(self, other, op, compares(op, x, y))
        return compares(op, x, y)

    def __hash__(self):
        return <Py_hash_t>(<uintptr_t><PyObject *>self >> 4)

    def __bool__(self):
        if cgrad_unlikely(traces):
            return bool(nonzero_condition(self))
        return self.primal != 0

    def __index__(self):
        """A whole number that decides how often, or which, while a function is recorded: guarded by equality."""
        cdef double x
        if not traces or tracing() is None:
            raise errors.to_float("index", self)
        if c_floor(self.primal) != self.primal or not c_fabs(self.primal) < INFINITY:
            raise errors.no_whole_number(self, self.primal)
        x = static(self)
        return int(x)

    def __divmod__(x, y):
        quotient = op_floordiv(x, y)
        return NotImplemented if quotient is NotImplemented else (quotient, op_mod(x, y))

    def __round__(self, digits=None):
        return op_round(self) if digits is None else rounded(self, operator.index(digits))

    def __floor__(self):
        return op_floor(self)

    def __ceil__(self):
        return op_ceil(self)

    def __trunc__(self):
        return op_trunc(self)

    def __complex__(self):
        raise errors.to_float("complex", self)

    def __repr__(self):
        if cgrad_unlikely(traces) and is_traced(self):
            return placeholder(self)
        name = f", name={self.name!r}" if self.name else ""
        if self.node and self.tape == NULL:
            return f"Value(data={self.primal!r}, rewound{name})"
        return f"Value(data={self.primal!r}, grad={grad_of(self)!r}{name})"

    def __format__(self, str spec not None):
        return format(self.primal, spec) if spec else repr(self)

    def __reduce__(self):
        return _leaf, (self.primal, self.name)

    # (the op table's slots and methods)


cdef int value_traverse(PyObject *o, visitproc visit, void *arg) noexcept:
    """tp_traverse: a node leads to its tape."""
    cdef int stop
    if (<Value>o).node == 1 and (<Tape>(<Value>o).tape).tracked:
        stop = visit((<Value>o).tape, arg)
        if stop:
            return stop
    if (<Value>o).extra is not None:
        return visit(<PyObject *>(<Value>o).extra, arg)
    return 0


cdef object no_attribute(object v, object name):
    """The error for an attribute that a Value does not have, and is to be given."""
    return errors.no_attribute(v, name)


cdef extern from *:
    """
    static PyObject *(*cgrad_no_attribute)(PyObject *, PyObject *); /* makes the error */

    /* An attribute is set as ever; where there is none, the error says what to do. */
    static int cgrad_set_attribute(PyObject *v, PyObject *name, PyObject *x) {
      int done = PyObject_GenericSetAttr(v, name, x);
      if (done < 0 && PyErr_ExceptionMatches(PyExc_AttributeError) && !_PyType_Lookup(Py_TYPE(v), name)) {
        PyObject *error;
        PyErr_Clear();
        error = cgrad_no_attribute(v, name);
        if (error) {
          PyErr_SetObject((PyObject *)Py_TYPE(error), error);
          Py_DECREF(error);
        }
      }
      return done;
    }

    /* The slots that are ours, in place of Cython's. */
    static void cgrad_equip_value(PyTypeObject *type, void *dealloc, void *call, void *traverse, void *clear) {
      type->tp_dealloc = (destructor)dealloc;
      if (call) type->tp_vectorcall = (vectorcallfunc)call;
      type->tp_traverse = (traverseproc)traverse;
      type->tp_clear = (inquiry)clear;
      if (call) {
        type->tp_setattro = cgrad_set_attribute;
        type->tp_flags |= Py_TPFLAGS_BASETYPE; /* so that __init_subclass__ may say why there are no subclasses */
      }
      PyType_Modified(type);
    }
    """
    void cgrad_equip_value(PyTypeObject *, void *, void *, void *, void *)
    object (*cgrad_no_attribute)(object, object)

cgrad_no_attribute = no_attribute
cgrad_equip_value(<PyTypeObject *>Value, <void *>value_dealloc, <void *>value_vectorcall,
                  <void *>value_traverse, <void *>no_clear)

numbers.Real.register(Value)


def _refuse_subclass(cls, **kwargs):
    raise errors.no_subclass(cls.__name__)


cgrad_add_method(<PyTypeObject *>Value, "__init_subclass__", classmethod(_refuse_subclass))
