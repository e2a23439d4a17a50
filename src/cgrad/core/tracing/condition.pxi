# core/tracing/condition.pxi: comparisons of traced numbers as numbers.
#
#   c = x < y    Condition   op LT, x, y, the outcome in this run; nothing is recorded yet
#   c*z, c & d   a node, 1 or 0 (``number_of``): the program computes it anew
#   bool(c)      a guard (guards.pxi): the recording holds as long as it comes out alike
#
# ``c & d`` and the like are Conditions whose x is such a node, and y 0.

cdef tuple COMPARISONS = (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge)


cdef inline bint is_bool(object x) noexcept:
    if is_value(x) or PyFloat_CheckExact(x):
        return False
    return isinstance(x, bool) or isinstance(x, np.bool_)


cdef object compare(object x, object y, int python_op, bint outcome):
    """The answer to a comparison (Python's number for it) of which a side is a Value: a bool, or a Condition."""
    cdef double number_
    cdef Trace t
    if not (traced_here(x) and traced_here(y)):
        return outcome
    t = tracing()
    if not is_value(y) and not PyFloat_Check(y):
        number_ = nearest(y)
        if number_ != y:  # no double: none lies between the two
            if python_op in (2, 3):
                return outcome  # never equal
            python_op = (0 if python_op < 2 else 5) if number_ > y else (1 if python_op < 2 else 4)
        y = number_
    if not (changes(t, x) or changes(t, y)):
        return outcome
    if python_op == 0:
        return condition(t, OP_LT, x, y, False, outcome)
    if python_op == 1:
        return condition(t, OP_LE, x, y, False, outcome)
    if python_op == 4:
        return condition(t, OP_LT, y, x, False, outcome)
    if python_op == 5:
        return condition(t, OP_LE, y, x, False, outcome)
    return condition(t, OP_EQ if python_op == 2 else OP_NE, x, y, False, outcome)


cdef inline bint changes(Trace t, object v) noexcept:
    """True unless v is a plain number, or a node of another tape, which never changes."""
    return is_value(v) and ((<Value>v).node != 1 or (<Value>v).tape == <PyObject *>t.tape)


cdef object condition(Trace t, int op, object x, object y, bint negated, bint outcome):
    """A Condition; in code that asks for ``is True``, which none can answer, a bool."""
    cdef Condition c
    if t.asks_identity and asks_identity(t):
        note_guard(t, op, x, y, outcome != negated)
        return outcome
    c = Condition.__new__(Condition)
    c.trace, c.op, c.x, c.y, c.negated, c.outcome = t, op, x, y, negated, outcome
    return c


cdef bint asks_identity(Trace t) except -1:
    """True if the code that compares has ``is True`` or ``is False`` somewhere."""
    cdef PyObject *frame = CGRAD_FRAME()
    cdef PyObject *code
    if frame == NULL:
        return False
    code = CGRAD_CODE(frame)
    where = <object>code
    Py_DECREF(where)  # the frame holds it
    found = t.identities.get(where)
    if found is None:
        found = t.identities[where] = _callers.asks_identity(where)
    return found


cdef object combined(Trace t, object number_, bint outcome):
    """The Condition that a number, 1 or 0, is."""
    cdef Condition c = Condition.__new__(Condition)
    c.trace, c.op, c.x, c.y, c.outcome, c.number = t, OP_NE, number_, 0.0, outcome, number_
    return c


cdef inline bint still_open(Condition c) except -1:
    """True while its outcome may be another one in a replay."""
    return not c.asked and traces and tracing() is c.trace


cdef object number_of(Condition c):
    """1 or 0, as a Value; a float where the outcome is fixed."""
    if not still_open(c):
        return 1.0 if c.outcome else 0.0
    if c.number is None:
        found = SCALARS[c.op](c.x, c.y)
        c.number = SCALARS[OP_SUB](1.0, found) if c.negated and is_value(found) else found
    return c.number


cdef inline object as_number(object o):
    """A Condition as its number; anything else as it is."""
    return number_of(<Condition>o) if is_condition(o) else o


cdef int ask(Condition c) except -1:
    """A guard: the recording holds as long as the outcome is this one."""
    if still_open(c):
        note_guard(c.trace, c.op, c.x, c.y, c.outcome != c.negated)
        c.asked = True
    return c.outcome


cdef object logical(object x, object y, str kind):
    """x & y, x | y, x ^ y of Conditions and bools; NotImplemented for anything else."""
    cdef Condition c, d
    cdef bint outcome
    if not is_condition(x):
        x, y = y, x
    c = <Condition>x
    if not is_condition(y):
        if not is_bool(y):
            return NotImplemented
        if kind == "and":
            return x if y else False
        if kind == "or":
            return True if y else x
        return inverse(c) if y else x
    d = <Condition>y
    if not still_open(c) or not still_open(d):
        c, d = (d, c) if not still_open(c) else (c, d)
        return logical(c, bool(d.outcome), kind) if still_open(c) \
            else {"and": c.outcome and d.outcome, "or": c.outcome or d.outcome, "xor": c.outcome != d.outcome}[kind]
    u, v = number_of(c), number_of(d)
    if kind == "and":
        return combined(c.trace, SCALARS[OP_MUL](u, v), c.outcome and d.outcome)
    if kind == "or":
        return combined(c.trace, SCALARS[OP_MAXIMUM](u, v), c.outcome or d.outcome)
    outcome = c.outcome != d.outcome
    return combined(c.trace, SCALARS[OP_NE](u, v), outcome)


cdef object inverse(Condition c):
    """not c."""
    if not still_open(c):
        return not c.outcome
    return condition(c.trace, c.op, c.x, c.y, not c.negated, not c.outcome)


cdef object nonzero_condition(Value v):
    """v != 0, as a Condition where v is traced."""
    return compare(v, 0.0, 3, v.primal != 0)


@cython.final
@cython.freelist(32)
cdef class Condition:
    """A comparison of traced numbers, in a function that is being compiled.

    It is a number of the program, 1 or 0: ``c*x``, ``c & d``, ``~c``, ``cgrad.where(c, a, b)`` and sums of conditions
    hold whatever the outcome is. ``bool(c)``, as of ``if c:``, makes a guard of it: the recording holds as long as it
    comes out alike.
    """

    def __init__(self):
        raise TypeError("Condition: comparisons of traced numbers make them")

    def __and__(x, y):
        return logical(x, y, "and")

    def __or__(x, y):
        return logical(x, y, "or")

    def __xor__(x, y):
        return logical(x, y, "xor")

    def __invert__(self):
        return inverse(self)

    def __add__(x, y):
        return operator.add(as_number(x), as_number(y))

    def __sub__(x, y):
        return operator.sub(as_number(x), as_number(y))

    def __mul__(x, y):
        return operator.mul(as_number(x), as_number(y))

    def __truediv__(x, y):
        return operator.truediv(as_number(x), as_number(y))

    def __floordiv__(x, y):
        return operator.floordiv(as_number(x), as_number(y))

    def __mod__(x, y):
        return operator.mod(as_number(x), as_number(y))

    def __pow__(x, y, modulus):
        return operator.pow(as_number(x), as_number(y))

    def __neg__(self):
        return 0.0 - number_of(self)  # -False is 0, without a sign

    def __pos__(self):
        return number_of(self)

    def __abs__(self):
        return number_of(self)

    def __richcmp__(self, other, int op):
        if op == 2 and is_bool(other):
            return self if other else inverse(self)
        if op == 3 and is_bool(other):
            return inverse(self) if other else self
        if op in (2, 3) and is_condition(other):
            different = logical(self, other, "xor")
            return different if op == 3 else inverse(different) if is_condition(different) else not different
        if not (is_condition(other) or is_value(other) or isinstance(other, (int, float))
                or isinstance(other, NUMPY_REAL)):
            return NotImplemented
        return COMPARISONS[op](number_of(self), as_number(other))

    def __bool__(self):
        return ask(self)

    def __hash__(self):
        return hash(bool(ask(self)))

    def __index__(self):
        return ask(self)

    def __int__(self):
        return ask(self)

    def __float__(self):
        return float(ask(self))

    def __complex__(self):
        return complex(ask(self))

    def __repr__(self):
        return "<traced condition>" if _callers.printing() else repr(bool(ask(self)))

    def __str__(self):
        return repr(self)

    def __getattr__(self, name):
        if name.startswith("__") or not hasattr(bool, name):
            raise AttributeError(f"a condition has no attribute {name!r}")
        return getattr(bool(ask(self)), name)

    def __format__(self, spec):
        return format(bool(ask(self)), spec)

    def __reduce__(self):
        raise errors.traced_number("copying", as_number(self), errors.user_line())

    @property
    def shape(self):
        return ()

    @property
    def ndim(self):
        return 0

    @property
    def size(self):
        return 1

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        answer = LOGICAL.get(ufunc) if method == "__call__" else None
        if answer is not None and not kwargs:
            return answer(*[nonzero_condition(<Value>x) if is_value(x) else x for x in inputs])
        inputs = tuple([as_number(x) for x in inputs])
        return getattr(ufunc, method)(*inputs, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return answer_function(function, args, kwargs)


cdef dict LOGICAL = {np.logical_and: operator.and_, np.logical_or: operator.or_, np.logical_xor: operator.xor,
                     np.logical_not: operator.inv, np.bitwise_and: operator.and_, np.bitwise_or: operator.or_,
                     np.bitwise_xor: operator.xor, np.invert: operator.inv}


def as_condition(o, /):
    """A Condition for what an ``if`` would ask of o, where that may be another outcome in a replay; else None."""
    if is_condition(o):
        return o if still_open(<Condition>o) and not decided(<Condition>o) else None
    if is_value(o) and traces and tracing() is not None:
        o = nonzero_condition(<Value>o)
        return o if is_condition(o) and not decided(<Condition>o) else None
    return None


cdef bint decided(Condition c) except -1:
    """True if there is a guard for this comparison already."""
    cdef double x = 0, y = 0
    cdef int32_t a, b
    if not c.trace.guards:
        return False
    a, b = node_in(c.trace, c.x, &x), node_in(c.trace, c.y, &y)
    if (c.op, a, b, x if a < 0 else 0.0, y if b < 0 else 0.0) in c.trace.noted:
        c.asked = True
    return c.asked


def condition_number(o, /):
    """A Condition as its number, 1 or 0; an array of them as a Tensor; anything else as it is."""
    return numbers_of_conditions(o) if isinstance(o, Conditions) else as_number(o)


# ---- arrays of them ----------------------------------------------------------------------------------

class Conditions(np.ndarray):
    """Comparisons of traced arrays: an array of Conditions and bools.

    Its arithmetic, ``&``, ``|``, ``^``, ``~``, ``any``, ``all``, ``sum``, ``mean`` and np.where hold whatever the
    outcomes are; anything else asks for them, which makes guards.
    """

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        answer = OVER_CONDITIONS.get(ufunc) if method == "__call__" and not kwargs else None
        if answer is not None:
            return conditions_of(answer(*[np.asarray(x, object) if isinstance(x, np.ndarray) else x for x in inputs]))
        return getattr(ufunc, method)(*[numbers_of_conditions(x) if isinstance(x, Conditions) else x
                                        for x in inputs], **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        name = getattr(function, "__name__", "")
        if name in ("any", "all", "sum", "mean") and args and isinstance(args[0], Conditions):
            return getattr(args[0], name)(*args[1:], **kwargs)
        if name == "count_nonzero" and args and isinstance(args[0], Conditions):
            return args[0].sum(*args[1:], **kwargs)
        if name in ("where", "select", "dot"):
            return answer_function(function, args, kwargs)
        return super().__array_function__(function, types, args, kwargs)

    def any(self, axis=None, **kwargs):
        return reduced_conditions(self, np.logical_or, axis, False, kwargs)

    def all(self, axis=None, **kwargs):
        return reduced_conditions(self, np.logical_and, axis, True, kwargs)

    def sum(self, *args, **kwargs):
        return numbers_of_conditions(self).sum(*args, **kwargs)

    def mean(self, *args, **kwargs):
        return numbers_of_conditions(self).mean(*args, **kwargs)

    def astype(self, dtype, *args, **kwargs):
        kind = np.dtype(dtype).kind
        return self if kind in "bO" else numbers_of_conditions(self)

    def __bool__(self):
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous. "
                             "Use a.any() or a.all()")
        return bool(self.flat[0])


cdef object elements_as_numbers(object conditions):
    """An array of Values and floats: the numbers of Conditions and bools."""
    cdef object out = np.empty(conditions.shape, object)
    cdef Py_ssize_t k
    for k, x in enumerate(conditions.flat):
        out.flat[k] = as_number(x) if is_condition(x) or is_value(x) else float(x)
    return out


cdef object numbers_of_conditions(object conditions):
    """An array of Conditions and bools as a Tensor of their numbers."""
    cdef Trace t = tracing()
    cdef Py_ssize_t fresh = 0 if t is None else t.tape.top + 1
    return tensor_of(elements_as_numbers(conditions), fresh)


cdef object conditions_of(object found):
    """Results of comparisons over objects: plain bools where no outcome can differ."""
    if not isinstance(found, np.ndarray):
        return found
    if any([is_condition(x) for x in found.flat]):
        return found.view(Conditions)
    return found.astype(bool)


cdef object reduced_conditions(object given, object ufunc, object axis, bint initial, dict kwargs):
    """any or all along an axis."""
    if not set(kwargs) <= {"keepdims"} or given.size == 0:
        return getattr(np.asarray(given), "any" if ufunc is np.logical_or else "all")(axis, **kwargs)
    found = np.asarray(given)
    pair = OVER_CONDITIONS[ufunc]
    if axis is None:
        found, axes = found.reshape(-1), (0,)
    else:
        axes = tuple(sorted([a % given.ndim for a in (axis if isinstance(axis, tuple) else (axis,))])[::-1])
    for a in axes:
        found = pair.reduce(found, axis=a)
    if kwargs.get("keepdims"):
        shape = [1 if axis is None or k in axes else n for k, n in enumerate(given.shape)]
        found = np.asarray(found, object).reshape(shape)
    return conditions_of(found)


cdef dict OVER_CONDITIONS = {ufunc: np.frompyfunc(answer, ufunc.nin, 1) for ufunc, answer in LOGICAL.items()}
cdef tuple COMPARING = (np.less, np.less_equal, np.equal, np.not_equal, np.greater, np.greater_equal)
