# core/arrays/tensor.pxi: Tensor as Python sees it. tools/optable copies this chapter,
# and adds the op table's methods and the checks of recordings (_members.py).
#
#              a node                     a leaf
#   +----------+--------------------------+----------------------------------------------------------+
#   | tape ... extra                      | as in a Value (core/values/memory.pxi)                   |  Handle
#   +----------+--------------------------+----------------------------------------------------------+
#   | array    | the result; the tape     | the numbers: a contiguous ndarray, or a view of one      |  Tensor
#   |          | refers to it as well     |                                                          |
#   | gradient | (the tape has it)        | what sweeps have added up, or None                       |
#   | needs    |                          | requires_grad                                            |
#   | captured |                          | a tape may hold the buffer: nobody writes to it any more |
#   | shared   |                          | copy=False: the caller's buffer, used as it is           |
#   | bare     |                          | nobody else holds the buffer (look_who_holds)            |
#   | filled   |                          | None, or Filled: Values were assigned (filled.pxi)       |
#   +----------+--------------------------+----------------------------------------------------------+

class Gradient(np.ndarray):
    """The type of ``Tensor.grad``: an ndarray that can be set to zero in PyTorch's way."""

    __slots__ = ()

    def zero_(self):
        """Set all elements to 0."""
        self[...] = 0
        return self


cdef object array_of(object data, object dtype, bint copy):
    """The ndarray of a new tensor."""
    cdef object array, wanted
    if is_tensor(data):
        if traces:
            refuse(<Handle>data, "Tensor")
        data = (<Tensor>data).array if not written(<Tensor>data) else fresh(<Tensor>data).copy()
    if dtype is None:
        wanted = None
    else:
        try:
            wanted = np.dtype(dtype)
        except TypeError:
            wanted = None
        if wanted is None or wanted.char not in "fd":
            raise errors.tensor_dtype(dtype)
    if isinstance(data, np.ndarray):
        if data.dtype.kind not in "fiub" or data.dtype.itemsize > 8 or (wanted is None and data.dtype.char not in "fd"):
            raise errors.bad_array("Tensor", 0, data)
        wanted = data.dtype.newbyteorder("=") if wanted is None else wanted.newbyteorder("=")
        if copy:
            return np.array(data, wanted, order="C", copy=True, subok=False)
        if data.dtype != wanted or not data.flags.aligned or data.dtype.byteorder not in "=|":
            raise errors.cannot_share(data, wanted)
        if not data.flags.writeable:
            raise errors.read_only("Tensor", data)
        return np.asarray(data)
    if is_value(data):
        raise errors.bad_data(data)
    try:
        array = np.asarray(data)
    except ValueError:
        raise errors.ragged(data) from None
    if array.dtype.kind not in "fiub":
        raise errors.no_array(data)
    return array.astype(np.float64 if wanted is None else wanted.newbyteorder("="))


def _tensor_leaf(data, requires_grad, name):
    """Rebuild a pickled Tensor."""
    return Tensor(data, requires_grad, name=name or None)


@cython.final
cdef class Tensor:
    """Tensor(data, requires_grad=False, *, name=None, label=None, dtype=None, copy=True)\n--\n
    An array that knows how it was computed.

    data: numbers, nested lists of them, an ndarray of float64 or float32, a Tensor. dtype: float64 or float32
    (default: the array's; float64 for lists). copy=False shares the array: then it must not be written to while
    graphs live that used it. Arithmetic, NumPy's functions and those of cgrad give Tensors where NumPy would give
    arrays, and Values where it would give scalars.

    Raises TypeError for other dtypes, ValueError for lists of different lengths.

    >>> import cgrad
    >>> t = cgrad.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = (t*t + 1).sum()
    >>> y.backward()
    >>> y.data, t.grad.tolist()
    (17.0, [2.0, 4.0, 6.0])
    """

    def __init__(self, data, requires_grad=False, *, name=None, label=None, dtype=None, copy=True):
        if self.node or self.tape != NULL or self.array is not None:
            raise TypeError("Tensor: __init__ of a tensor in use: make a new one")
        self.array = array_of(data, dtype, copy)
        self.shared = not copy
        self.needs = bool(requires_grad)
        if label is not None:
            if name is not None and name != label:
                raise errors.two_names(name, label)
            name = label
        if name is not None:
            self.name = name
        if traces and not self.needs and not self.shared:
            mark_made(self)

    # ---- the numbers and their gradient --------------------------------------------------------

    @property
    def data(self):
        """The ndarray. Settable on leaves, and safe to write to: what was recorded before keeps the old numbers.

        Where requires_grad is set, new data has the shape of the old. Of a computed tensor: a read-only view.
        """
        if self.node or written(self):
            view = fresh(self).view()
            view.flags.writeable = False
            return view
        return writable(self)

    @data.setter
    def data(self, x):
        if self.node or written(self):
            raise errors.data_of_node(self._op or "an operation", self)
        # (trace check)
        if x is self.array:
            return
        array = plain(x)
        if type(array) is not np.ndarray or array.dtype != self.array.dtype or array.base is not None \
                or not array.flags.c_contiguous or not array.flags.writeable:
            if isinstance(array, np.ndarray) and (array.dtype.kind not in "fiub" or array.dtype.itemsize > 8):
                raise errors.bad_array("data", 0, array)
            array = array_of(array, self.array.dtype, True)
        if self.needs and array.shape != self.array.shape:
            raise errors.other_shape(self, array.shape)
        if self.gradient is not None and self.gradient.shape != array.shape:
            self.gradient = None
        self.array = array
        self.tape = NULL
        self.captured = self.shared = False
        self.filled = None  # views keep the old memory

    @property
    def grad(self):
        """The gradient that backward sweeps have added up, zeros before; None for a tensor without. Settable."""
        cdef Payload *p
        if self.filled is not None and placed(self) is not self:
            return placed(self).grad
        if not self.node:
            if not self.needs and self.gradient is None:
                return None
            if self.gradient is None:
                self.gradient = np.zeros(self.array.shape, self.array.dtype)
            if type(self.gradient) is not Gradient:
                self.gradient = self.gradient.view(Gradient) if cnp.PyArray_ISWRITEABLE(<cnp.ndarray>self.gradient) \
                    and references(<PyObject *>self.gradient) == 1 and self.gradient.base is None \
                    else self.gradient.copy().view(Gradient)
            return self.gradient
        check_node(self, "grad")
        p = payload_at(<Tape>self.tape, self.index)
        if p.grad == NULL:
            return np.zeros(self.array.shape, self.array.dtype).view(Gradient)
        return (<object>p.grad).copy().view(Gradient)

    @grad.setter
    def grad(self, x):
        cdef Payload *p
        cdef PyObject *old
        if self.filled is not None and placed(self) is not self:
            placed(self).grad = x
            return
        if x is None:
            array = None
        elif x is self.gradient and not self.node:
            return
        else:
            array = plain(x)
            if not isinstance(array, (int, float, np.ndarray, np.number)) or np.asarray(array).dtype.kind not in "fiub":
                raise errors.bad_gradient(self, x)
            if np.ndim(array) and np.shape(array) != self.array.shape:
                raise errors.bad_gradient(self, x)
            array = np.array(np.broadcast_to(array, self.array.shape), self.array.dtype, order="C")
        if not self.node:
            self.gradient = array
            return
        check_node(self, "grad")
        p = payload_at(<Tape>self.tape, self.index)
        old = p.grad
        p.grad = NULL
        if old != NULL:
            (<Tape>self.tape).bytes -= cnp.PyArray_NBYTES(<cnp.ndarray>old)
        if array is not None:
            Py_INCREF(array)
            p.grad = <PyObject *>array
            (<Tape>self.tape).bytes += cnp.PyArray_NBYTES(<cnp.ndarray>p.grad)
        if old != NULL:
            Py_DECREF(<object>old)

    def zero_grad(self):
        """t.zero_grad(): set ``grad`` to 0."""
        if self.node or written(self):
            self.grad = None
        else:
            self.gradient = None

    @property
    def requires_grad(self):
        """True if derivatives flow here: settable on leaves; always True for what was computed from such leaves."""
        return has_values(self) if written(self) else bool(self.node or self.needs)

    @requires_grad.setter
    def requires_grad(self, flag):
        self.requires_grad_(flag)

    def requires_grad_(self, flag=True):
        """t.requires_grad_(flag=True): set ``requires_grad`` of a leaf, and return t."""
        if (self.node or written(self)) and not flag:
            raise errors.grad_of_node(self)
        if not (self.node or written(self)) and bool(flag) != self.needs:
            # (trace check)
            if self.needs:
                self.tape = NULL
            self.needs = not self.needs
            self.filled = None
        return self

    def item(self):
        """t.item(): the number of a tensor of one element."""
        if self.array.size != 1:
            raise errors.not_one("item", self)
        return fresh(self).item()

    def detach(self):
        """t.detach(): a tensor with the same numbers and no history.

        In a compiled function: t, passing no derivative on.
        """
        return stopped_elements(self) if traces and belongs_here(self) else Tensor(fresh(self))

    def numpy(self):
        """t.numpy(): the numbers as a new ndarray."""
        return fresh(self).copy()

    def tolist(self):
        """t.tolist(): nested lists of floats."""
        return fresh(self).tolist()

    def backward(self, seed=None, retain_graph=None):
        """t.backward(seed=None): add the adjoint of every n that t was computed from to its ``grad``.

        seed: the vector v of v^T dt/dn, an array of t's shape; ones if not given. Adds once a call, as
        Value.backward does. retain_graph is accepted for other libraries' sake: a graph lives as long as it is
        reachable.
        """
        cdef Handle v = placed(self)
        if is_value(v):
            v.backward(1.0 if seed is None else seed)
        else:
            backward_array(<Tensor>v, seed)

    @property
    def _operands(self):
        """The same as ``_arguments``, a plain number as a leaf."""
        return tuple([Value(x) if type(x) is float else x for x in self._arguments])

    # ---- an array ------------------------------------------------------------------------------

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    @property
    def size(self):
        return self.array.size

    @property
    def ndim(self):
        return cnp.PyArray_NDIM(<cnp.ndarray>self.array)

    @property
    def nbytes(self):
        return self.array.nbytes

    def __len__(self):
        if cnp.PyArray_NDIM(<cnp.ndarray>self.array) == 0:
            raise TypeError("len: a 0-d tensor has none: use t.item() for its number")
        return cnp.PyArray_DIMS(<cnp.ndarray>self.array)[0]

    def __iter__(self):
        return Elements(self)

    def __getitem__(self, index):
        cdef Py_ssize_t offset = offset_of(self, index)
        if offset >= 0:
            return item(self, offset)
        return part(self, index)

    def __setitem__(self, index, x):
        assign(self, index, x)

    def __contains__(self, x):
        if traces and traced_here(self):
            return bool(np.any(compared(2, self, x)))
        return plain(x) in self.array

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise errors.to_array(self)
        array = self.data
        return np.array(array, dtype) if copy or (dtype is not None and array.dtype != dtype) else array

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return answer_ufunc(ufunc, method, inputs, kwargs)

    # ---- Python's protocols --------------------------------------------------------------------

    def __richcmp__(self, other, int op):
        if cgrad_unlikely(traces) and traced_here(self):
            return compared(op, self, other)
        other = plain(other)
        if not isinstance(other, (float, int, NUMPY_REAL, np.ndarray, numbers.Rational)):
            return NotImplemented
        return COMPARISONS[op](fresh(self), other)

    def __hash__(self):
        return <Py_hash_t>(<uintptr_t><PyObject *>self >> 4)

    def __bool__(self):
        if self.array.size != 1:
            raise errors.not_one("bool", self)
        if traces and traced_here(self):
            return bool(comparable(self).flat[0])
        return bool(fresh(self).flat[0] != 0)

    def __iadd__(self, x):
        return written_into(self, self + x) if writes_in_place(self) else NotImplemented

    def __isub__(self, x):
        return written_into(self, self - x) if writes_in_place(self) else NotImplemented

    def __imul__(self, x):
        return written_into(self, self*x) if writes_in_place(self) else NotImplemented

    def __itruediv__(self, x):
        return written_into(self, self/x) if writes_in_place(self) else NotImplemented

    def __ifloordiv__(self, x):
        return written_into(self, self//x) if writes_in_place(self) else NotImplemented

    def __imod__(self, x):
        return written_into(self, self % x) if writes_in_place(self) else NotImplemented

    def __ipow__(self, x):
        return written_into(self, self**x) if writes_in_place(self) else NotImplemented

    def __matmul__(x, y):
        return structural["matmul"](x, y)

    def __divmod__(x, y):
        quotient = elementwise(OP_FLOORDIV, x, y, None)
        return NotImplemented if quotient is NotImplemented else (quotient, elementwise(OP_MOD, x, y, None))

    def __round__(self, digits=None):
        if digits is not None:
            raise TypeError("round: digits has no derivative rule: use cgrad.round(t*10**n)/10**n")
        return elementwise(OP_ROUND, self, None, None)

    def __repr__(self):
        if cgrad_unlikely(traces) and is_traced(self):
            return placeholder(self)
        name = f", name={self.name!r}" if self.name else ""
        numbers = np.array2string(fresh(self), separator=", ", prefix="Tensor(")
        kind = ", dtype=float32" if single(self.array) else ""
        if self.array.size == 0:
            kind = f", shape={self.array.shape}{kind}"
        if self.node == 2:
            return f"Tensor({numbers}{kind}, rewound{name})"
        return f"Tensor({numbers}{kind}{', requires_grad=True' if self.requires_grad else ''}{name})"

    def __format__(self, spec):
        return object.__format__(self, spec)

    def __reduce__(self):
        return _tensor_leaf, (fresh(self), self.requires_grad, self.name)

    def __copy__(self):
        return Tensor(fresh(self), self.requires_grad, name=self.name or None)

    # (the op table's slots and methods)
