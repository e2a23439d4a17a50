# core/program/reads.pxi: what a recorded function reads from outside, looked at again at each call.
#
#   kind      owner       key       compared
#   NAME      a dict      a key     the object that it has there, or that there is none: globals, items of dicts
#   CELL      a cell                its contents: variables of enclosing functions
#   MEMBER    an object   a name    its attribute
#   DEFAULT   a function  k, name   the default of an argument, counted from 0 among those that have one, or by name
#   ITEM      a list      k         its k-th item
#   ITEMS     a list                all items, which are numbers, text, ...
#   LENGTH    a container           how many items it has
#   ELEMENT   an array    k         its k-th element, an object
#   MEMORY    an array              its numbers, by their bytes
#   EQUAL     any                   the whole, by ==: a set
#   FIXED     a tuple     k         nothing: it has the k-th item that it was made with
#
# An object is compared by identity. Where that differs, equal numbers and text are equal, and a leaf may have come in a
# leaf's place: then the program reads that one from now on. Which names a function reads: programs/reads.py.

cdef enum ReadKind:
    NAME, CELL, MEMBER, DEFAULT, ITEM, ITEMS, LENGTH, ELEMENT, MEMORY, EQUAL, FIXED

READ_KINDS = {"name": NAME, "cell": CELL, "member": MEMBER, "default": DEFAULT, "item": ITEM, "items": ITEMS,
              "fixed": FIXED, "length": LENGTH, "element": ELEMENT, "memory": MEMORY, "equal": EQUAL}

KIND_NAMES = {kind: name for name, kind in READ_KINDS.items()}

cdef enum:
    NOT_CAPTURED = -1
    AMBIGUOUS = -2       # captured, and read at another place too: the two must stay one


@cython.final
cdef class Read:
    """Read(kind, owner, key, expected, text, absent, where): a place from which a function reads, and what was there.

    text, where: what a person would write for it, and the line that leads to it.
    """
    cdef int kind
    cdef readonly object owner, key
    cdef object expected   # an object; None for NULL where ``absent``; a tuple, a length, or bytes by kind
    cdef readonly bint absent
    cdef Py_ssize_t index  # key as a number
    cdef Py_ssize_t leaf   # which of the captured leaves it is
    cdef readonly str text, where

    def __init__(self, str kind, owner, key, expected, str text, bint absent=False, str where=""):
        self.kind, self.owner, self.key, self.expected, self.text = READ_KINDS[kind], owner, key, expected, text
        self.absent, self.where = absent, where
        self.index = key if self.kind in (ITEM, ELEMENT) or (self.kind == DEFAULT and type(key) is int) else 0
        self.leaf = NOT_CAPTURED

    @property
    def kind_name(self):
        return KIND_NAMES[self.kind]

    @property
    def value(self):
        """What it was when it was recorded, or has been bound to since."""
        return self.expected

    def copy(self):
        cdef Read r = Read(self.kind_name, self.owner, self.key, self.expected, self.text, self.absent,
                           self.where)
        r.leaf = self.leaf
        return r


cdef inline bint same_object(Read r, PyObject *now) noexcept:
    return now == (NULL if r.absent else <PyObject *>r.expected)


@cython.final
cdef class Reads:
    """Reads(reads): all places from which a function reads."""
    cdef readonly list reads

    def __init__(self, list reads):
        self.reads = reads

    def __len__(self):
        return len(self.reads)

    def copy(self):
        """The same, to be bound by itself."""
        return Reads([(<Read>r).copy() for r in self.reads])

    def bind(self, list captured):
        """Note which places lead to the captured leaves of a recording."""
        cdef Read r
        cdef dict at = {id(v): k for k, v in enumerate(captured)}, first = {}
        for r in self.reads:
            if r.kind in (NAME, CELL, MEMBER, DEFAULT, ITEM, ELEMENT, FIXED) and not r.absent and id(r.expected) in at:
                k = at[id(r.expected)]
                r.leaf = AMBIGUOUS if k in first else k
                if k in first:
                    (<Read>first[k]).leaf = AMBIGUOUS
                first.setdefault(k, r)

    def filled(self):
        """The containers that are not what they were."""
        cdef Read r
        cdef PyObject *now
        cdef list owners = []
        for r in self.reads:
            if r.kind in (NAME, CELL, MEMBER, DEFAULT, FIXED):
                continue
            if r.kind == ITEM or r.kind == ELEMENT:
                now = item_now(r)
                if same_object(r, now) or (now != NULL and came_in_place(r.copy(), <object>now, [])):
                    continue
            elif same_contents(r):
                continue
            owners.append(r.owner)
        return owners

    def hold(self, list captured):
        """True if everything is as it was; leaves that came in the place of captured ones take it in this list."""
        return still_hold(self, captured)


cdef bint still_hold(Reads reads, list captured) except -1:
    cdef Py_ssize_t k
    cdef Read r
    cdef PyObject *now
    cdef object held
    for k in range(len(reads.reads)):
        r = <Read>reads.reads[k]
        held = None
        if r.kind == NAME:
            now = PyDict_GetItemWithError(r.owner, r.key)
        elif r.kind == CELL:
            now = PyCell_GET(<PyObject *>r.owner)
        elif r.kind == MEMBER:
            held = getattr(r.owner, r.key, MISSING)
            now = NULL if held is MISSING else <PyObject *>held
        elif r.kind == DEFAULT:
            now = default_now(r)
        elif r.kind == ITEM or r.kind == ELEMENT:
            now = item_now(r)
        elif r.kind == FIXED:
            continue
        else:
            if not same_contents(r):
                return False
            continue
        if same_object(r, now):
            continue
        if now == NULL or r.absent or not came_in_place(r, <object>now, captured):
            return False
    return True


cdef inline PyObject *item_now(Read r) noexcept:
    """The item of a list, or the element of an array; NULL: there is none any more."""
    if r.kind == ELEMENT:
        return (<PyObject **>cnp.PyArray_DATA(<cnp.ndarray>r.owner))[r.index]
    return PyList_GET_ITEM(<PyObject *>r.owner, r.index) if r.index < PyList_GET_SIZE(<PyObject *>r.owner) else NULL


cdef PyObject *default_now(Read r) except? NULL:
    """The default of an argument; NULL: it has none any more."""
    cdef PyObject *defaults
    if type(r.key) is int:
        defaults = PyFunction_GetDefaults(r.owner)
        if defaults == NULL or not isinstance(<object>defaults, tuple) or r.index >= len(<tuple>defaults):
            return NULL
        return <PyObject *>PyTuple_GET_ITEM(<tuple>defaults, r.index)
    defaults = PyFunction_GetKwDefaults(r.owner)
    return NULL if defaults == NULL else PyDict_GetItemWithError(<object>defaults, r.key)


cdef bint same_contents(Read r) except -1:
    """True if a container has what it had."""
    cdef Py_ssize_t k, n
    cdef tuple items
    cdef cnp.ndarray array
    if r.kind == LENGTH:
        return len(r.owner) == <Py_ssize_t>r.expected
    if r.kind == EQUAL:
        return r.owner == r.expected
    if r.kind == ITEMS:
        items = <tuple>r.expected
        n = len(items)
        if PyList_GET_SIZE(<PyObject *>r.owner) != n:
            return False
        for k in range(n):
            if PyList_GET_ITEM(<PyObject *>r.owner, k) != <PyObject *>PyTuple_GET_ITEM(items, k) \
                    and not equal_plain(<object>PyTuple_GET_ITEM(items, k), (<list>r.owner)[k]):
                return False
        return True
    array = <cnp.ndarray>r.owner
    if cnp.PyArray_IS_C_CONTIGUOUS(array):
        return cnp.PyArray_NBYTES(array) == len(<bytes>r.expected) and (<object>array).shape == r.key \
            and memcmp(cnp.PyArray_DATA(array), <const char *>(<bytes>r.expected), len(<bytes>r.expected)) == 0
    return (<object>array).shape == r.key and (<object>array).tobytes() == r.expected


cdef bint equal_plain(object x, object y) except -1:
    """True if two numbers, texts, ... of one type are equal; nan equals nan."""
    if type(x) is not type(y) or type(x) not in PLAIN:
        return False
    if isinstance(x, float):  # 0.0 is not -0.0
        return (x == y and c_copysign(1.0, x) == c_copysign(1.0, y)) or (x != x and y != y)
    return x == y


cdef bint came_in_place(Read r, object now, list captured) except -1:
    """True if ``now`` may stand for what was expected: it does from now on."""
    if r.leaf == AMBIGUOUS or not may_replace(r.expected, now):
        return False
    if r.leaf >= 0:
        if any([v is now for v in captured]):
            return False  # two inputs have become one
        captured[r.leaf] = now
    r.expected = now
    return True


cdef inline bint is_leaf(object x) noexcept:
    return (type(x) is Value or type(x) is Tensor) and not (<Handle>x).node


cpdef bint may_replace(object x, object y) except -1:
    """True if a recording that has read x holds for y: leaves of one kind and shape, or equal plain values."""
    if x is y:
        return True
    if not is_leaf(x):
        return equal_plain(x, y)
    return type(x) is type(y) and is_leaf(y) and (
        type(x) is Value or ((<Tensor>x).array.shape == (<Tensor>y).array.shape
                             and (<Tensor>x).array.dtype == (<Tensor>y).array.dtype
                             and (<Tensor>x).needs == (<Tensor>y).needs))


PLAIN = {int, float, complex, str, bytes, bool, type(None), type(Ellipsis), slice, range, frozenset}
cdef object MISSING = object()
