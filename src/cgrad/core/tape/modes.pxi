# core/tape/modes.pxi: the blocks of users that change a thread's state.

def current_tape():
    """The tape that operations on leaves alone record on, in this thread.

    >>> import cgrad
    >>> with cgrad.Tape() as t:
    ...     cgrad.current_tape() is t
    True
    """
    return <object>current()


class Decorator:
    """A context manager that also decorates functions; every call enters a new one."""

    def __call__(self, function):
        import functools

        @functools.wraps(function)
        @cython.binding(True)  # wraps sets attributes
        def inside(*args, **kwargs):
            with type(self)():
                return function(*args, **kwargs)

        return inside


class no_grad(Decorator):
    """Inside, operations are not recorded: their results are leaves. Context manager and decorator.

    In a compiled function they are replayed, and pass no derivative on.

    >>> import cgrad
    >>> x = cgrad.Value(3.0)
    >>> with cgrad.no_grad():
    ...     y = x*x
    >>> y.data, y._prev
    (9.0, set())
    """

    def __enter__(self):
        global modes
        (<Context>context()).quiet += 1
        modes += 1
        return self

    def __exit__(self, *_):
        global modes
        (<Context>context()).quiet -= 1
        modes -= 1


class detect_anomaly(Decorator):
    """Inside, the first nan or inf in a value or an adjoint raises cgrad.AnomalyError (a FloatingPointError).

    The error names the operation, its operands and the line of user code. Recording is slower
    inside, as each operation notes its line.

    >>> import cgrad
    >>> with cgrad.detect_anomaly():
    ...     cgrad.log(cgrad.Value(-1.0, name="x"))
    Traceback (most recent call last):
    cgrad.errors.AnomalyError: log: result is nan, of x = -1.0 (<doctest cgrad._core.detect_anomaly[1]>:2)
    """

    def __enter__(self):
        global modes
        (<Context>context()).anomaly += 1
        modes += 1
        return self

    def __exit__(self, *_):
        global modes
        (<Context>context()).anomaly -= 1
        modes -= 1


def _after_fork_in_child():
    """Count what this thread does alone: the others are gone, with what they recorded and the blocks they were in."""
    global generation, survivor, modes, traces
    cdef Context c = <Context>context()
    generation += 1
    survivor = PyThread_get_thread_ident()
    c.generation = generation
    modes = c.quiet + c.anomaly
    traces = c.trace is not None
    tracers[:] = [c.trace] if traces else []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
