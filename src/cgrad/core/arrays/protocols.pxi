# core/arrays/protocols.pxi: what NumPy's functions do with Tensors, and with Values among arrays (NEP 13, NEP 18).

cdef object answer_ufunc(object ufunc, str method, tuple inputs, dict kwargs):
    """What NumPy's ufuncs do with Tensors, and with Values among arrays."""
    cdef object function
    if method == "__call__":
        function = UFUNCS.get(ufunc)
        if function is None:
            function = ARRAY_FUNCTIONS.get(ufunc)
    else:
        function = ARRAY_FUNCTIONS.get((ufunc, method))
    for key in ("out", "where"):
        if key in kwargs:
            if key == "out" and any([is_tensor(x) for x in kwargs[key]] if type(kwargs[key]) is tuple else [False]):
                raise errors.no_out(ufunc.__name__, key)
            if key == "out" and method == "__call__" and not any([needs_grad(x) for x in inputs]):
                return getattr(ufunc, method)(*[plain(x) for x in inputs], **kwargs)
            if not (kwargs[key] is None or kwargs[key] is True
                    or (type(kwargs[key]) is tuple and all([x is None for x in kwargs[key]]))):
                raise errors.no_out(ufunc.__name__, key)
            kwargs.pop(key)
    if function is None or (kwargs and method == "__call__"):
        raise errors.no_rule(ufunc.__name__ + (f".{method}" if method != "__call__" else "")
                             + "".join([f" with {key}=" for key in kwargs]))
    return function(*inputs, **kwargs)


cdef object answer_function(object function, tuple args, dict kwargs):
    """What NumPy's other functions do with them."""
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


_fill_ufuncs()
