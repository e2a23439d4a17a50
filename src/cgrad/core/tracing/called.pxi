# core/tracing/called.pxi: what rewritten code calls: expressions with two sides, effects, what calls lead to.

def branch(key, tuple names, frame=None):
    """An ``if`` begins, with the values that names have: iterate over its passes."""
    cdef Branch b = Branch.__new__(Branch)
    b.t = tracing() if traces else None
    b.key, b.before, b.frame = key, names, frame
    return b


def frame():
    """A function with early returns begins."""
    cdef Frame f = Frame.__new__(Frame)
    f.t = tracing() if traces else None
    f.own, f.branches = [], []
    return f


def choice(key, test, one, other):
    """``one() if test else other()``."""
    cdef Condition c
    cdef Trace t
    cdef int depth
    cdef Py_ssize_t pending, top
    cdef long cost
    given = as_condition(test)
    if given is None:
        return one() if test else other()
    c = given
    t = c.trace
    if t.kept_apart and key in t.kept_apart:
        return one() if test else other()
    pending = len(t.pending)
    begin_trial(t, MOST_SIDE)
    depth = t.trials
    try:
        top = t.tape.top
        if c.outcome:
            y = other()
            cost = weight(t, top)
            x = one()
        else:
            x = one()
            cost = weight(t, top)
            y = other()
        if t.aborted:
            raise not_merged(t, "an error on one side")
        if x is not y and (is_container(x) and shared(<PyObject *>x, 1)
                           or is_container(y) and shared(<PyObject *>y, 1)):
            raise not_merged(t, f"a {type(x).__name__} that others may hold")
        result = merged_value(t, c, x, y)
        note_merged(t, key, max(cost, weight(t, top) - cost))
        end_trials(t, depth)
        return result
    except BaseException as error:
        if not survivable(error):
            raise
        drop_trial(t, key, depth, pending, error)
    return one() if test else other()


def both_of(key, left, right):
    """``left and right()``."""
    return joined(key, left, right, True)


def either_of(key, left, right):
    """``left or right()``."""
    return joined(key, left, right, False)


cdef object joined(object key, object left, object right, bint conjunction):
    """``left and right()`` or ``left or right()``: of a condition and what is a condition or a bool, as one."""
    cdef Condition c
    cdef Trace t
    cdef int depth
    cdef Py_ssize_t pending
    if not is_condition(left) or not still_open(<Condition>left):
        return (left and right()) if conjunction else (left or right())
    c = <Condition>left
    t = c.trace
    if t.kept_apart and key in t.kept_apart:
        return (left and right()) if conjunction else (left or right())
    pending = len(t.pending)
    begin_trial(t, MOST_SIDE)
    depth = t.trials
    try:
        other = right()
        if t.aborted:
            raise not_merged(t, "an error on one side")
        result = logical(c, other, "and" if conjunction else "or")
        if result is NotImplemented:
            raise not_merged(t, f"a condition and a {type(other).__name__}")
        end_trials(t, depth)
        return result
    except BaseException as error:
        if not survivable(error):
            raise
        drop_trial(t, key, depth, pending, error)
    return (left and right()) if conjunction else (left or right())


def negation(x, /):
    """``not x``."""
    return inverse(<Condition>x) if is_condition(x) else not x


def divided(kind, x, y):
    """x/y, x//y or x % y (kind: 0, 1, 2) where Python's error for a zero is waited for: a guard that y is none."""
    if is_value(y) and traces and tracing() is not None and not bool(y):
        raise ZeroDivisionError("division by zero")
    return x / y if kind == 0 else x // y if kind == 1 else x % y


def looked_up(x, key):
    """x[key]: a number that is a key of a dict is the plain number, guarded by equality."""
    if is_value(key) and isinstance(x, dict):
        key = static(key)
    return x[key]


def within(key, x):
    """key in x, likewise."""
    if is_value(key) and isinstance(x, (dict, set, frozenset)):
        key = static(key)
    return key in x


def called(f, writes=False):
    """The function that a call of f leads to while a program is recorded. writes: it changes an argument."""
    cdef Trace t = tracing() if traces else None
    cdef tuple known
    if t is None:
        return called_eagerly(f)
    known = target_of(t.targets, t.target_of, f, True)
    if writes or not known[1]:
        effect_of(t)
    elif (t.trials or t.pending) and known[2]:
        return Consuming(known[0])
    return known[0]


cdef tuple target_of(dict targets, object find, object f, bint passing):
    """What a call of f leads to, remembered: of methods without their objects, which live as long as without us.

    passing: so are the targets, and may hold what f refers to until then.
    """
    cdef tuple known
    kind = type(f)
    if kind is MethodType:
        function = f.__func__
        known = targets.get(function)
        if known is None:
            known = find(f)
            if type(known[0]) is MethodType and known[0].__self__ is f.__self__ \
                    and passing and (known[0] is not f or (function.__module__ or "").startswith("cgrad.")):
                targets[function] = (known[0].__func__, known[1], known[2])
            return known
        return f if known[0] is function else MethodType(known[0], f.__self__), known[1], known[2]
    if kind is BuiltinMethodType and type(f.__self__) in OWNERS:
        key = (type(f.__self__), f.__name__)
        known = targets.get(key)
        if known is None:
            known = find(f)
            if known[0] is f:
                targets[key] = (None, known[1], known[2])
            return known
        return f, known[1], known[2]
    try:
        known = targets.get(f)
    except TypeError:  # no hash
        return find(f)
    if known is None:
        known = find(f)
        if passing or lasts(f):
            targets[f] = known
    return known


cdef bint lasts(object f) except -1:
    """True for classes and what modules that are compiled define: they refer to nothing that should go."""
    return isinstance(f, (type, np.ufunc)) or isinstance(f, BuiltinMethodType) and isinstance(f.__self__, ModuleType)


cdef object ModuleType = types.ModuleType
cdef object MethodType = types.MethodType
cdef object BuiltinMethodType = types.BuiltinMethodType
cdef set OWNERS = {list, set, tuple, str, np.ndarray, Value, Tensor, Condition}  # their methods are alike in all


cdef object eager_target_of = None
cdef dict eager_targets = {}


def call_eagerly_by(find, /):
    """What calls of rewritten code lead to where nothing is recorded: find(f)[0]."""
    global eager_target_of
    eager_target_of = find


cdef object called_eagerly(object f):
    if eager_target_of is None:
        return f
    if len(eager_targets) > 4096:
        eager_targets.clear()
    return target_of(eager_targets, eager_target_of, f, False)[0]


def effect_here():
    """Something is about to be done that another run would do again."""
    cdef Trace t = tracing() if traces else None
    if t is not None:
        effect_of(t)


def sides_open():
    """Where this thread's recording is, between the sides of branches; None without one: for ``effect_since``."""
    cdef Trace t = tracing() if traces else None
    return None if t is None else (t.trials, len(t.pending))


def effect_since(before, /):
    """As effect_here, on what was made where ``sides_open`` returned this: none, unless a side has begun since."""
    cdef Trace t = tracing() if traces else None
    if t is not None and before is not None and before != (t.trials, len(t.pending)):
        effect_of(t)


cdef int effect_of(Trace t) except -1:
    if t.trials:
        raise not_merged(t, "an effect")
    if t.pending:
        settle(t)
    t.effects += 1
    return 0


def own_name(x, /):
    """x, which ``x += ...`` is going to change: an effect where it is not a number."""
    if not (is_value(x) or is_condition(x) or is_tensor(x)
            or isinstance(x, (float, int, str, tuple)) or isinstance(x, NUMPY_REAL)):
        effect_here()
    return x


def counted(x, /):
    """x, which a loop is going to use up: an effect where it is an iterator that somebody else may hold."""
    if isinstance(x, Iterator) and references(<PyObject *>x) > FRESH_ALONE:
        effect_here()
    return x


@cython.final
cdef class Consuming:
    """A function that uses up the iterators that it is given: an effect where somebody else may hold one."""
    cdef object f

    def __init__(self, f):
        self.f = f

    def __call__(self, *args, **kwargs):
        cdef Py_ssize_t k
        for k in range(len(args)):
            if isinstance(args[k], Iterator) and references(PyTuple_GET_ITEM(args, k)) > FRESH_PACKED:
                effect_here()
        return self.f(*args, **kwargs)


def calibrate_packed(count):
    """The references that a fresh argument of Consuming has."""
    global FRESH_PACKED
    FRESH_PACKED = count


@cython.final
cdef class Counter:
    """As Consuming is called, to count."""
    def __call__(self, *args, **kwargs):
        return references(PyTuple_GET_ITEM(args, 0))


def packed_references():
    """A callable that returns the references of its argument, as Consuming sees them."""
    return Counter()


cdef Py_ssize_t FRESH_PACKED = 1
UNASSIGNED = MISSING
