# core/arrays/protocols.pxi: what NumPy's functions do with Tensors, and with Values among arrays (NEP 13, NEP 18).

cdef object answer_ufunc(object ufunc, str method, tuple inputs, dict kwargs):
    """A call of a NumPy ufunc with Tensors, or with Values among arrays."""
    cdef object function = UFUNCS.get(ufunc) if method == "__call__" else None
    if function is None:
        function = ARRAY_FUNCTIONS.get(ufunc) or scipys(ufunc) if method == "__call__" else \
            ARRAY_FUNCTIONS.get((ufunc, method))
    if into_plain_array(ufunc, method, inputs, kwargs):
        return getattr(ufunc, method)(*[plain(x) for x in inputs], **kwargs)
    for key in ("out", "where"):
        if key in kwargs and not default_option(kwargs.pop(key)):
            raise errors.no_out(ufunc.__name__, key)
    if function is None or (kwargs and method == "__call__"):
        raise errors.no_rule(ufunc.__name__ + (f".{method}" if method != "__call__" else "")
                             + "".join([f" with {key}=" for key in kwargs]))
    return function(*inputs, **kwargs)


cdef object scipys(object ufunc):
    """What answers a ufunc of scipy.special, or None. It is not imported: where it is not yet, nobody has one."""
    cdef str name = ufunc.__name__
    cdef str key = "scipy.special." + name
    if getattr(sys.modules.get("scipy.special"), name, None) is not ufunc:
        return None
    answer = UFUNCS.get(key) or ARRAY_FUNCTIONS.get(key)
    if answer is not None:
        UFUNCS[ufunc] = answer  # found at once from now on
    return answer


cdef bint into_plain_array(object ufunc, str method, tuple inputs, dict kwargs) except -1:
    """True if the call writes numbers without history into an ndarray, as NumPy does. An error for our own as out=."""
    if "out" not in kwargs:
        return False
    if type(kwargs["out"]) is tuple and any([is_tensor(x) or is_value(x) for x in kwargs["out"]]):
        raise errors.no_out(ufunc.__name__, "out", _callers.of_library())
    return method == "__call__" and not any([needs_grad(x) for x in inputs])


cdef bint writes_objects(dict kwargs):
    """True if out= is an array of objects, which takes Values as they are."""
    cdef object out = kwargs.get("out") if kwargs else None
    return type(out) is tuple and any([isinstance(x, np.ndarray) and x.dtype == object for x in out])


cdef bint default_option(object given):
    """True if this out= or where= changes nothing."""
    return given is None or given is True or (type(given) is tuple and all([x is None for x in given]))


cdef object answer_function(object function, tuple args, dict kwargs):
    """A call of another NumPy function with them."""
    answer = ARRAY_FUNCTIONS.get(function) or UFUNCS.get(function)
    if answer is None:
        raise errors.no_rule(getattr(function, "__name__", repr(function)))
    if kwargs.get("out") is not None:
        raise errors.no_out(function.__name__, "out")
    return answer(*args, **kwargs)


def methods(cls, dict table):
    """Add methods and properties to Tensor."""
    if cls is not Tensor:
        raise TypeError("methods: for Tensor")
    for name, function in table.items():
        cgrad_add_method(<PyTypeObject *>Tensor, name, function)


cdef extern from *:
    """
    static int cgrad_add_method(PyTypeObject *type, PyObject *name, PyObject *function) {
      int done = PyDict_SetItem(type->tp_dict, name, function);
      PyType_Modified(type);
      return done;
    }
    """
    int cgrad_add_method(PyTypeObject *, object, object) except -1

cdef object FLOAT64 = np.dtype(np.float64)
cdef dict UFUNCS = {}


def _fill_ufuncs():
    """NumPy's ufuncs and what answers them."""
    for path, function in UFUNC_NAMES:
        try:
            UFUNCS[operator.attrgetter(path)(np)] = globals()[function]
        except AttributeError:
            pass  # this NumPy has none
    for name, function in SCIPY_NAMES:
        UFUNCS["scipy.special." + name] = globals()[function]
    for k, ufunc in enumerate((np.less, np.less_equal, np.equal, np.not_equal, np.greater, np.greater_equal)):
        UFUNCS[ufunc] = lambda x, y, k=k: compared(k, x, y)
    UFUNCS[np.positive] = operator.pos
    floordiv, mod = globals()["floordiv"], globals()["mod"]
    UFUNCS[np.divmod] = lambda x, y: (floordiv(x, y), mod(x, y))


_fill_ufuncs()
