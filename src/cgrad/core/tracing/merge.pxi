# core/tracing/merge.pxi: branches whose condition is traced, recorded on every side and merged.
#
# A function that is recorded has been rewritten (programs/rewriting): an ``if`` hands its sides to a Branch,
#
#   if x > 0:              b = branch(key, (y,))               y before it
#       y = x*2            for y, z in b:                      once a side, from the same y
#       z = 1.0                try:
#   else:                          if b.asks(x > 0): y = x*2; z = 1.0
#       y = z = -x                 else: y = z = -x
#                              except BaseException:
#                                  if not b.failed(): raise
#                                  continue
#                              b.end((y, z))                   y and z of this side
#                          y, z = b.result                     cgrad.where(x > 0, one, other)
#
# The side that is taken at the numbers at hand runs last; the others run on trial (trial.pxi). Where a trial fails, the
# names have their former values again, and the branch is a guard. A condition that is not traced takes its side at
# once.
#
# An early return in a side is pending: the function goes on as if it had not returned, and its value is chosen at the
# end (Frame.done). At the numbers at hand it may have returned: then all that follows is on trial (the frame's
# *ghost*).

cdef extern from "Python.h":
    PyObject *PyTuple_GET_ITEM(object, Py_ssize_t)  # borrowed

cdef object MISSING = type("Missing", (), {"__repr__": lambda self: "<not assigned>"})()


# ---- values of two sides ---------------------------------------------------------------------------

cdef object merged_value(Trace t, Condition c, object x, object y):
    """x where the condition holds, else y: numbers, arrays, conditions, structures of them that nobody else holds."""
    if x is y:
        return x
    if is_value(x) and (is_value(y) or PyFloat_CheckExact(y)) or is_value(y) and PyFloat_CheckExact(x):
        return op_where(number_of(c), x, y)
    if x is MISSING or y is MISSING:
        raise not_merged(t, "a name that is assigned on one side alone")
    if is_bool(x) or is_condition(x) or is_bool(y) or is_condition(y):
        return merged_condition(t, c, x, y)
    if is_plain(x) and is_plain(y):
        if type(x) is type(y) and bits_of(x) == bits_of(y):
            return x
        return op_where(number_of(c), x, y)
    if is_value(x) and (is_value(y) or is_plain(y)) or is_value(y) and is_plain(x):
        return op_where(number_of(c), x, y)
    if (is_tensor(x) or isinstance(x, np.ndarray)) and (is_tensor(y) or isinstance(y, np.ndarray)):
        if x.shape != y.shape or (is_tensor(x) or x.dtype == object or x.dtype.kind == "f") \
                != (is_tensor(y) or y.dtype == object or y.dtype.kind == "f"):
            raise not_merged(t, "arrays of different shapes or kinds")
        if not (is_tensor(x) or is_tensor(y)) and x.dtype.kind in "biu" and not isinstance(x, Conditions):
            if np.array_equal(x, y) and x.dtype == y.dtype:
                return x
            raise not_merged(t, "whole numbers in arrays that differ")
        if isinstance(x, Conditions) or isinstance(y, Conditions):
            raise not_merged(t, "arrays of conditions")
        made = elementwise(OP_WHERE, number_of(c), x, y)
        if not (is_tensor(x) or is_tensor(y)) and x.dtype == object:
            return elements_of(made)
        return made
    if type(x) is not type(y):
        raise not_merged(t, f"a {type(x).__name__} and a {type(y).__name__}")
    return merged_structure(t, c, x, y)


cdef object merged_structure(Trace t, Condition c, object x, object y):
    """As merged_value, of two objects of one type."""
    cdef Py_ssize_t k
    cdef list parts
    if type(x) is list or isinstance(x, tuple):
        if len(x) != len(y):
            raise not_merged(t, "sequences of different lengths")
        parts = []
        for k in range(len(x)):
            parts.append(merged_value(t, c, x[k], y[k]))
        return parts if type(x) is list else tuple(parts) if type(x) is tuple else type(x)(*parts)
    if type(x) is dict:
        if list(x) != list(y):
            raise not_merged(t, "dicts of different keys")
        return {key: merged_value(t, c, x[key], y[key]) for key in x}
    if hasattr(type(x), "__dataclass_fields__") and getattr(type(x), "__eq__", None) is not object.__eq__ \
            and vars(x).keys() == vars(y).keys() == set(type(x).__dataclass_fields__):
        made = object.__new__(type(x))
        for key in vars(x):
            object.__setattr__(made, key, merged_value(t, c, vars(x)[key], vars(y)[key]))
        return made
    if type(x) in (str, bytes, type(None)) and x == y:
        return x
    raise not_merged(t, f"{type(x).__name__} objects that differ")


cdef inline bint is_plain(object x) noexcept:
    return (isinstance(x, (float, int)) or isinstance(x, NUMPY_REAL)) and not is_bool(x)


cdef object bits_of(object x):
    """What tells numbers apart, to the bit."""
    return x.hex() if isinstance(x, float) else x


cdef object merged_condition(Trace t, Condition c, object x, object y):
    """Of bools and conditions; a bool beside a number is a number."""
    if not (is_bool(x) or is_condition(x)) or not (is_bool(y) or is_condition(y)):
        if not (is_value(x) or is_value(y) or is_plain(x) or is_plain(y)):
            raise not_merged(t, f"a {type(x).__name__} and a {type(y).__name__}")
        return op_where(number_of(c), truth_number(x), truth_number(y))
    if not is_condition(x) and not is_condition(y):
        return x if bool(x) == bool(y) else c if x else inverse(c)
    number_ = op_where(number_of(c), truth_number(x), truth_number(y))
    if not is_value(number_):
        return number_ != 0
    return combined(t, number_, (<Value>number_).primal != 0)


cdef object truth_number(object x):
    return as_number(x) if is_condition(x) else float(x) if is_bool(x) else x


cdef bint shared(PyObject *x, Py_ssize_t holders) except -1:
    """True if somebody else may hold a list, dict or dataclass, or one in it: merged, it would be another object."""
    cdef object o = <object>x
    cdef object part
    cdef Py_ssize_t k
    holders += 1  # o: this function's own
    if type(o) is list or isinstance(o, tuple):
        if type(o) is list and references(x) > holders:
            return True
        for k in range(len(o)):
            part = o[k]
            if is_container(part) and shared(<PyObject *>part, 2):
                return True
        return False
    if type(o) is dict or hasattr(type(o), "__dataclass_fields__"):
        if references(x) > holders:
            return True
        for key in list(o if type(o) is dict else vars(o)):
            part = o[key] if type(o) is dict else vars(o)[key]
            if is_container(part) and shared(<PyObject *>part, 2):
                return True
    return False


cdef inline bint is_container(object x) noexcept:
    if is_value(x) or PyFloat_CheckExact(x):
        return False
    return isinstance(x, (list, dict, tuple)) or hasattr(type(x), "__dataclass_fields__")


def calibrate(int in_a_name, int in_a_tuple, int argument, int alone):
    """The references that an object has which nobody else holds, as this Python counts them."""
    global FRESH_NAME, FRESH_IN_TUPLE, FRESH_ARGUMENT, FRESH_ALONE
    FRESH_NAME, FRESH_IN_TUPLE, FRESH_ARGUMENT, FRESH_ALONE = in_a_name, in_a_tuple, argument, alone


def references_to(x, bint of_a_name=False):
    """The references that x has, as a function sees that is called with it (its signature is that of ``returns``)."""
    return references(<PyObject *>x)


def references_of(x, /):
    """The references that x has, as a function of one argument sees."""
    return references(<PyObject *>x)


def references_in(tuple x, /):
    """The references that the first entry of a tuple has, as a function sees that is called with it."""
    return references(<PyObject *>x[0])


cdef Py_ssize_t FRESH_NAME = 2, FRESH_IN_TUPLE = 2, FRESH_ARGUMENT = 1, FRESH_ALONE = 1


# ---- an ``if`` -------------------------------------------------------------------------------------

cdef enum:
    OUTRIGHT = 0  # nothing is traced so far
    TRIAL = 1
    GUARDED = 2   # its conditions are guards
    OVER = 3


@cython.final
@cython.freelist(32)
cdef class Branch:
    """One ``if`` that is being run, with its ``elif`` and ``else``."""
    cdef Trace t
    cdef tuple before          # the names' values before it
    cdef readonly object result  # and after it
    cdef object key            # (code, line)
    cdef int mode, depth
    cdef int k                 # tests asked in this pass
    cdef int first             # the first one that is traced
    cdef int arm               # that this pass runs
    cdef int taken, last       # the arm taken at the numbers at hand; the last reachable one; -1: not known yet
    cdef list conditions       # of the arms from ``first`` on: Conditions, False, True
    cdef list ends             # the names' values at their ends, or Returned
    cdef Py_ssize_t top, pending
    cdef long dearest          # cost of a side
    cdef readonly bint returned  # every side has returned: ``value``
    cdef readonly object value
    cdef object returning      # the value of this side's return, in a list
    cdef Frame frame

    def __iter__(self):
        return self

    def __next__(self):
        if self.mode == OVER:
            raise StopIteration
        self.k = 0
        self.arm = -1
        self.returning = None
        if self.mode == TRIAL:
            self.top = self.t.tape.top
            if self.depth == 1:
                self.t.tape.budget = self.top + MOST_SIDE
                self.t.tape.limit = min(self.t.tape.limit, self.t.tape.budget)
        return self.before

    @property
    def known(self):
        """True if the next test was asked in a pass before this one: it need not be computed again."""
        return self.mode == TRIAL and self.k - self.first < len(self.conditions) and self.k >= self.first

    def asks(self, test):
        """The test of the next side: True if this pass runs it."""
        cdef int i, k = self.k
        self.k += 1
        if self.mode == OUTRIGHT:
            c = as_condition(test)
            if c is None or self.t is None or (self.t.kept_apart and self.key in self.t.kept_apart):
                return test
            if self.t.aborted:
                raise not_merged(self.t, "")
            self.begin(k)
        elif self.mode == GUARDED:
            return test
        i = k - self.first
        if i < 0:  # not traced: as the first time
            return test
        if i < len(self.conditions):
            c = self.conditions[i]
            if c is False or self.ends[i] is not None:
                return False
            if i == self.taken and not self.complete():
                return False
            self.arm = i
            return True
        c = as_condition(test)
        if c is None:
            c = bool(test)
        self.conditions.append(c)
        self.ends.append(None)
        if c is False:
            return False
        if c is True:
            self.last = i
            if self.taken < 0:
                self.taken = i
            self.arm = i
            return True
        if (<Condition>c).outcome and self.taken < 0:
            self.taken = i
            return False
        self.arm = i
        return True

    cdef int begin(self, int first) except -1:
        """The first traced test: its sides run on trial from here on."""
        begin_trial(self.t, MOST_SIDE)
        self.mode, self.depth, self.first = TRIAL, self.t.trials, first
        self.conditions, self.ends, self.taken, self.last = [], [], -1, -1
        self.top, self.pending = self.t.tape.top, len(self.t.pending)
        if self.frame is not None:
            self.frame.branches.append(self)
        return 0

    cdef bint complete(self) noexcept:
        """True if all sides but the taken one have run."""
        return self.last >= 0 and (self.last == self.taken or self.ends[self.last] is not None)

    def returns(self, value, bint of_a_name=False):
        """This side ends by a return."""
        if self.mode == TRIAL and is_container(value) \
                and shared(<PyObject *>value, FRESH_NAME if of_a_name else FRESH_ARGUMENT):
            raise not_merged(self.t, f"a {type(value).__name__} that others may hold")
        self.returning = [value]

    def end(self, tuple names):
        """This side is over, with these values of the names."""
        cdef int i
        cdef Py_ssize_t k
        if self.mode == OUTRIGHT or self.mode == GUARDED:
            self.mode = OVER
            self.result = names
            if self.returning is not None:
                self.returned, self.value = True, self.returning[0]
            return
        if self.t.aborted:
            self.abort(not_merged(self.t, "an error on one side"))
            return
        try:
            if self.arm < 0:  # no test was answered by True: the ``else`` side
                self.last = self.arm = len(self.conditions)
                self.conditions.append(True)
                self.ends.append(None)
                if self.taken < 0:
                    self.taken = self.last
            self.dearest = max(self.dearest, weight(self.t, self.top))
            for k in range(len(names)):
                if is_container(names[k]) and not (k < len(self.before) and names[k] is self.before[k]) \
                        and shared(PyTuple_GET_ITEM(names, k), FRESH_IN_TUPLE):
                    raise not_merged(self.t, f"a {type(names[k]).__name__} that others may hold")
            self.ends[self.arm] = Returned(self.returning[0]) if self.returning is not None else names
            if self.arm != self.taken:
                return
            self.finish()
        except BaseException as error:
            if not survivable(error):
                raise
            self.abort(error)

    cdef int finish(self) except -1:
        """All sides have run: merge them."""
        cdef Py_ssize_t i
        cdef object result = None, value = None
        cdef bint some = False, returns = False
        cdef Trace t = self.t
        for i in range(len(self.conditions) - 1, -1, -1):
            if self.conditions[i] is False:
                continue
            end = self.ends[i]
            if type(end) is Returned:
                value = (<Returned>end).value if not returns else \
                    merged_value(t, self.conditions[i], (<Returned>end).value, value)
                returns = True
            else:
                result = end if not some else self.merged_names(self.conditions[i], <tuple>end, <tuple>result)
                some = True
        if self.frame is not None:
            self.frame.branches.remove(self)
        if not some:
            self.returned, self.value = True, value
        elif returns:
            self.postpone()
        self.mode, self.result = OVER, result
        if not (some and returns):  # else it is once the function has returned
            note_merged(t, self.key, self.dearest)
        if t.trials == self.depth:
            end_trials(t, self.depth)
        return 0

    cdef tuple merged_names(self, Condition c, tuple x, tuple y):
        cdef list out = []
        cdef Py_ssize_t k
        for k in range(len(x)):
            if x[k] is not y[k] and k < len(self.before) and (x[k] is self.before[k] or y[k] is self.before[k]) \
                    and is_container(self.before[k]) and not isinstance(self.before[k], tuple):
                raise not_merged(self.t, f"a {type(x[k]).__name__} that one side leaves as it was")
            out.append(merged_value(self.t, c, x[k], y[k]))
        return tuple(out)

    cdef int postpone(self) except -1:
        """Sides that return are pending, whatever branches this one is in."""
        cdef Py_ssize_t i
        cdef Branch outer
        cdef object before = True
        if self.frame is None:
            raise not_merged(self.t, "a return on one side")
        for outer in self.frame.branches:
            before = both(before, outer.condition_of_arm(outer.arm))
        for i in range(len(self.conditions)):
            if type(self.ends[i]) is Returned:
                c = both(before, self.condition_of_arm(<int>i))
                if not is_condition(c):
                    raise not_merged(self.t, "a return that is no choice")
                self.frame.postpone(<Condition>c, (<Returned>self.ends[i]).value, self.key, self.dearest)
        return 0

    cdef object condition_of_arm(self, int arm):
        """That this arm is taken: its own test, and none before it."""
        cdef object found = True
        cdef int k
        if arm < 0:
            arm = <int>len(self.conditions)
        for k in range(min(arm + 1, <int>len(self.conditions))):
            c = self.conditions[k]
            if k < arm:
                c = inverse(<Condition>c) if is_condition(c) else not c
            found = both(found, c)
        return found

    def failed(self):
        """After an exception in a side: True if the branch begins anew, as a guard."""
        error = sys.exc_info()[1]
        if self.mode != TRIAL or not survivable(error):
            return False
        if self.depth > 1:
            if not isinstance(error, errors.NotMerged):
                raise not_merged(self.t, reason_of(error))
            return False
        self.abort(error)
        return True

    cdef int abort(self, object error) except -1:
        """A side has failed."""
        drop_trial(self.t, self.key, self.depth, self.pending, error)
        if self.frame is not None:
            self.frame.branches.clear()
        self.mode = GUARDED
        self.conditions = self.ends = None
        return 0


cdef object both(object x, object y):
    if x is True:
        return y
    return x if y is True else False if x is False or y is False else logical(x, y, "and")


@cython.final
cdef class Returned:
    """A side that ends by a return."""
    cdef object value

    def __init__(self, value):
        self.value = value


# ---- a function with early returns -----------------------------------------------------------------

@cython.final
cdef class Frame:
    """One call of a function that has returns in its branches."""
    cdef Trace t
    cdef list own              # its pending returns
    cdef list branches         # on trial at the moment, the outer ones first
    cdef readonly object value

    cdef int postpone(self, Condition c, object value, object key, long cost) except -1:
        cdef Pending p = Pending.__new__(Pending)
        p.condition, p.key, p.frame, p.own = c, key, self, self.own
        p.cost, p.top = cost, self.t.tape.top
        find_line(self.t, &p.code, &p.lasti)
        p.value = snapshot(self.t, value)
        if not self.own and len({id((<Pending>q).frame) for q in self.t.pending}) >= MOST_FRAMES:
            if self.t.trials:
                raise not_merged(self.t, "recursion, or returns in many functions within one another")
            settle(self.t)
        self.own.append(p)
        self.t.pending.append(p)
        return 0

    def done(self, value):
        """The value that the function returns: of the first pending return whose condition holds, else this one."""
        cdef Pending p
        cdef list waiting
        cdef Trace t = self.t
        if t is None or not self.own:
            return value
        if t.aborted:
            raise not_merged(t, "an error in what follows")
        waiting, result = self.own, value
        try:
            for p in reversed(waiting):
                result = merged_value(t, p.condition, p.value, result)
        except errors.NotMerged as error:
            if t.trials:
                raise
            t.aborted = False
            for p in waiting:
                note_failed(t, p.key, str(error))
            settle(t)
            return value
        for p in waiting:
            t.pending.remove(p)
            note_merged(t, p.key, max(p.cost, weight(t, p.top)))
        self.own = []
        if t.ghost is self:
            t.ghost = None
            end_trials(t, 1)
        return result

    def failed(self):
        """After an exception: True if the function had returned before it, at the numbers at hand: with ``value``."""
        cdef Pending p
        cdef list waiting
        cdef Trace t = self.t
        error = sys.exc_info()[1]
        if t is None or not self.own:
            return False
        if t.ghost is self and survivable(error):
            waiting = list(t.pending)
            leave_trials(t, 0)
            for p in waiting:
                note_failed(t, p.key, reason_of(error))
                if ask_pending(t, p):
                    self.value = p.value
                    return True
        elif not t.trials and survivable(error):
            settle(t)
        return False


cdef object snapshot(Trace t, object value):
    """A value to be returned, with containers of its own: what follows may fill those that it was given with."""
    if type(value) is list:
        return [snapshot(t, x) for x in value]
    if type(value) is tuple:
        return tuple([snapshot(t, x) for x in value])
    if type(value) is dict:
        return {key: snapshot(t, x) for key, x in value.items()}
    if is_value(value) or is_tensor(value) or is_condition(value) or value is None \
            or isinstance(value, (int, float, str, tuple)) or isinstance(value, NUMPY_REAL):
        return value
    raise not_merged(t, f"a {type(value).__name__} that is returned early")
