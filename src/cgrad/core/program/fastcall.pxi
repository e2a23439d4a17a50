# core/program/fastcall.pxi: calls of compiled functions with the usual arguments, without Python in between.
#
# A FastCall belongs to one executable. It knows what its arguments and results look like if they are numbers and plain
# arrays. There are a few for each kind of call, of the paths that it took last, the last one first. For any other call,
# or one at which none of them holds, the general path is taken (programs/).

cdef enum:
    MOST_PATHS_TRIED = 4   # paths that a kind of call tries here


cdef class Clock:
    """Counts the calls of a function."""
    cdef public Py_ssize_t now


cdef class Usage:
    """Usage(clock): how often a path was used, and when last."""
    cdef public Clock clock
    cdef public Py_ssize_t uses, last

    def __init__(self, Clock clock):
        self.clock = clock

    def note(self):
        """Count a use."""
        note_use(self)


cdef inline void note_use(Usage usage) noexcept:
    usage.clock.now += 1
    usage.uses += 1
    usage.last = usage.clock.now


cdef class FastCall:
    """FastCall(executable, usage, arguments, captured, shapes, conditions, reads, value, gradients, many): a call.

    arguments: for each None, a number, or the shape of an array; captured: the leaves that the function uses, and the
    shapes that they must have; conditions: those of the Trace; reads: what else is looked at. Of the results, value:
    None, a number, a shape, or False if it is not wanted; gradients: likewise, or None without them; many: gradients
    are returned as a tuple.
    """
    cdef readonly Executable executable
    cdef Usage usage
    cdef tuple arguments, gradients, shapes
    cdef list captured, conditions
    cdef Reads reads
    cdef object value
    cdef bint many

    def __init__(self, Executable executable, Usage usage, tuple arguments, list captured, tuple shapes,
                 list conditions, Reads reads, value, gradients, bint many):
        self.executable, self.usage = executable, usage
        self.arguments, self.captured, self.shapes = arguments, captured, shapes
        self.conditions, self.reads = conditions, reads
        self.value, self.gradients, self.many = value, gradients, many


cdef inline bint take_array(object x, object shape, double **to) noexcept:
    """Copy an array to the inputs; False if it has another shape or type."""
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
    """The results from number k on, as a float or an array; k moves behind them."""
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


cdef object call_first(list calls, tuple args):
    """The result by the first call that holds, which moves to the front; NotImplemented if none does.

    And if an executable is due (``ask_at``): the general path looks after those of the path that it finds.
    """
    cdef Py_ssize_t k
    cdef object call, result
    for k in range(len(calls)):
        if k >= len(calls):  # looking at what a path reads may run Python, and that evict a path
            break
        call = calls[k]
        if is_due((<FastCall>call).executable):
            return NotImplemented
        result = call_fast(<FastCall>call, args)
        if result is not NotImplemented:
            if k and k < len(calls) and calls[k] is call:
                del calls[k]
                calls.insert(0, call)
            return result
    return NotImplemented


cdef inline bint is_due(Executable e) noexcept:
    return e.runs == e.ask_at


cdef object call_fast(FastCall call, tuple args):
    """The result of a call, or NotImplemented."""
    cdef Executable e = call.executable
    cdef Workspace w
    cdef Py_ssize_t k
    cdef object result
    if len(args) != len(call.arguments):
        return NotImplemented
    for k in range(len(call.conditions)):
        owner, name, x = call.conditions[k]
        now = getattr(owner, name, None)
        if now is not x and not (name == "shape" and now == x):
            return NotImplemented
    if call.reads is not None and not still_hold(call.reads, call.captured):
        return NotImplemented
    w = workspace(e)
    if take_inputs(call, args, w.v + e.constants) and not run(e, w):
        e.fast_runs += 1
        note_use(call.usage)
        result = results_as(call, e.results, results_of(e, w))
    else:
        result = NotImplemented
    e.idle.append(w)
    return result


cdef bint take_inputs(FastCall call, tuple args, double *to) except -1:
    """Copy arguments and captured numbers to the inputs; False if they differ in kind from those recorded."""
    cdef Py_ssize_t k
    cdef object x, shape
    for k in range(len(args)):
        x = <object>PyTuple_GET_ITEM(args, k)
        shape = <object>PyTuple_GET_ITEM(call.arguments, k)
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
    for k in range(len(call.captured)):
        x = call.captured[k]
        if is_value(x):
            to[0] = (<Value>x).primal
            to += 1
        elif not take_array((<Tensor>x).array, call.shapes[k], &to):
            return False
    return True


cdef object results_as(FastCall call, Py_ssize_t count, const double *results):
    """The results of a run in the form that the call returns: value, gradients, or both."""
    cdef Py_ssize_t at = 0, k
    cdef object value = None, gradients, x
    if call.value is not False:
        value = number_or_array(call.value, results, &at)
        if call.gradients is None:
            return value
    else:  # gradients come last
        at = count
        for shape in call.gradients:
            at -= 1 if shape is None else prod(shape)
    if call.many:
        gradients = PyTuple_New(len(call.gradients))
        for k in range(len(call.gradients)):
            x = number_or_array(<object>PyTuple_GET_ITEM(call.gradients, k), results, &at)
            Py_INCREF(x)  # stolen
            PyTuple_SET_ITEM(gradients, k, x)
    else:
        gradients = number_or_array(call.gradients[0], results, &at)
    return gradients if call.value is False else (value, gradients)


cdef Py_ssize_t prod(tuple shape) except -1:
    cdef Py_ssize_t n = 1
    for k in shape:
        n *= <Py_ssize_t>k
    return n


cdef class EagerCalls:
    """EagerCalls(function, tape, usage, calls): the next calls of a compiled function run f itself: few have a path.

    tape: makes a tape of one's own (core/sweeps/eager.pxi).
    """
    cdef object function, tape
    cdef Usage usage
    cdef Py_ssize_t left   # calls
    cdef list idle         # tapes that no call uses

    def __init__(self, function, tape, Usage usage, Py_ssize_t calls):
        self.function, self.tape, self.usage, self.left, self.idle = function, tape, usage, calls, []


cdef list call_eagerly(FastCallable p, tuple args, bint gradient):
    """Value and gradient by f itself, floats; None if they are to be found in another way."""
    cdef EagerCalls e = p.eager_calls
    cdef list found
    cdef object x, tape
    e.left -= 1
    if e.left < 0:
        p.eager_calls = None
        return None
    for x in args:
        if type(x) is not float and type(x) is not int:
            return None
    tape = e.idle.pop() if e.idle else e.tape()
    found = tape.call(e.function, args, gradient)
    e.idle.append(tape)
    if found is None:
        p.eager_calls = None
    else:
        note_use(e.usage)
    return found


cdef object gradient_eagerly(FastCallable p, str kind, tuple args, object argnums):
    """A gradient by f itself, or NotImplemented."""
    cdef Py_ssize_t n = len(args)
    cdef list found
    cdef object result
    if argnums is not None:
        for x in argnums if type(argnums) is tuple else (argnums,):
            if type(x) is not int or not -n <= x < n:
                return NotImplemented
    found = call_eagerly(p, args, True) if n else None
    if found is None:
        return NotImplemented
    if type(argnums) is tuple:
        result = tuple([found[1 + (x if x >= 0 else x + n)] for x in argnums])
    else:
        result = found[1 if argnums is None else 1 + (argnums if argnums >= 0 else argnums + n)]
    return result if kind == "grad" else (found[0], result)


cdef class FastCallable:
    """The callable part of a compiled function; ``fast_calls`` maps each kind of call that it knows to FastCalls."""
    cdef public dict fast_calls
    cdef public EagerCalls eager_calls
    cdef str last_kind        # the one used last, found by identity of what was asked for
    cdef object last_argnums
    cdef list last

    def __cinit__(self, *args, **kwargs):
        self.fast_calls = {}

    def __call__(self, *args, **kwargs):
        """Replay: the value at these arguments."""
        if not kwargs and not traces:
            if self.eager_calls is not None:
                found = call_eagerly(self, args, False)
                if found is not None:
                    return found[0]
            calls = self.fast_calls.get("value")
            if calls is not None:
                result = call_first(<list>calls, args)
                if result is not NotImplemented:
                    return result
        return self._value(args, kwargs)

    def remember(self, kind, FastCall call):
        """Let calls of a kind try this one first."""
        cdef list calls = self.fast_calls.setdefault(kind, [])
        calls[:] = [call, *[other for other in calls if (<FastCall>other).executable is not call.executable]]
        del calls[MOST_PATHS_TRIED:]

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


cdef object call_gradient(FastCallable p, str kind, tuple args, argnums, captured, dict kwargs):
    """A gradient by FastCalls that were found last, by others that are known, or by the general path."""
    cdef object calls = None
    if not (traces or kwargs) and captured is None:
        if p.eager_calls is not None:
            result = gradient_eagerly(p, kind, args, argnums)
            if result is not NotImplemented:
                return result
        if p.last_kind is kind and p.last_argnums is argnums:
            calls = p.last
        elif argnums is None:
            calls = p.fast_calls.get(kind)
        elif type(argnums) is int or type(argnums) is tuple:
            calls = p.fast_calls.get((kind, argnums))
        if calls is not None:
            result = call_first(<list>calls, args)
            if result is not NotImplemented:
                p.last_kind, p.last_argnums, p.last = kind, argnums, <list>calls
                return result
            p.last_kind = None
    options = {name: x for name, x in (("argnums", argnums), ("captured", captured)) if x is not None}
    return p._gradient(kind, args, {**kwargs, **options})
