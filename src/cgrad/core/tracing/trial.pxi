# core/tracing/trial.pxi: sides of branches that run on trial, and early returns that are pending.
#
# Where a trial fails - an exception, an effect, a guard inside, too many operations, sides that are no numbers -
# nothing of it stays but unused nodes. Trials are within one another; the outermost one begins anew, as a guard.
#
# An early return is *pending*: the function goes on as if it had not returned (merge.pxi). A guard or an effect that
# comes while returns are pending settles these first, as guards, in their order.

cdef enum:
    MOST_SIDE = 512        # operations of a side
    MOST_GHOST = 1 << 16   # and of what follows an early return
    MOST_DEPTH = 24        # of trials within trials
    MOST_FRAMES = 8        # of functions within one another that have returned early


@cython.final
cdef class Pending:
    """A return that is taken where a condition holds."""
    cdef Condition condition
    cdef object value, key
    cdef object frame       # that returns
    cdef list own           # its pending returns, this one among them
    cdef long cost          # of its side, or
    cdef Py_ssize_t top     # of what follows: the operations from here on
    cdef PyObject *code     # where its ``if`` is, held by the trace
    cdef int32_t lasti


cdef object not_merged(Trace t, str why):
    """The error that leaves trials."""
    t.aborted = True
    return errors.NotMerged(why)


cdef int before_guard(Trace t) except -1:
    """A guard or an effect is about to be: no trial may go on, and no return is pending afterwards."""
    if t.trials:
        raise not_merged(t, "a decision inside")
    settle(t)
    return 0


cdef int settle(Trace t) except -1:
    """Pending returns become guards: at the numbers at hand none of them was taken."""
    cdef Pending p
    cdef list waiting
    if not t.pending:
        return 0
    waiting, t.pending = t.pending, []
    for p in waiting:
        del p.own[:]
        reject(t, p.key, "something that is not repeated follows")
        ask_pending(t, p)
    return 0


cdef bint ask_pending(Trace t, Pending p) except -1:
    """A guard at the line of the ``if``, wherever it is asked; returns whether it has returned."""
    cdef Py_ssize_t guards = t.guards
    ask(p.condition)
    if t.guards > guards:
        t.guard[guards].code, t.guard[guards].lasti = p.code, p.lasti
    return p.condition.outcome


cdef int reject(Trace t, object key, str why) except -1:
    """Note why a branch is a guard."""
    if key not in t.unmerged:
        t.unmerged[key] = why
    return 0


cdef int begin_trial(Trace t, Py_ssize_t most) except -1:
    """Begin a trial."""
    if t.trials >= MOST_DEPTH:
        raise not_merged(t, "branches within branches, or recursion")
    if not t.trials:
        t.tape.budget = t.tape.top + most
        t.tape.limit = min(t.tape.limit, t.tape.budget)
    t.trials += 1
    return 0


cdef int end_trials(Trace t, int depth) except -1:
    """End the trials from this depth on."""
    t.trials = depth - 1
    if not t.trials:
        t.tape.budget = 0
        haunt(t)
    return 0


cdef int haunt(Trace t) except -1:
    """What follows is on trial if a pending return is taken at the numbers at hand."""
    cdef Pending p
    for p in t.pending:
        if p.condition.outcome:
            t.ghost = p.frame
            begin_trial(t, MOST_GHOST)
            break
    return 0


cdef void leave_trials(Trace t, Py_ssize_t pending) noexcept:
    """All trials are over: what they left is dropped."""
    cdef Pending p
    t.trials, t.aborted, t.ghost = 0, False, None
    t.tape.budget = 0
    t.refused = None
    for p in t.pending[pending:]:
        p.own.remove(p)
    del t.pending[pending:]


cdef int drop_trial(Trace t, object key, int depth, Py_ssize_t pending, object error) except -1:
    """A trial has failed: the outermost branch becomes a guard, and begins anew; one within leaves that to it."""
    if depth > 1:
        raise not_merged(t, reason_of(error))
    leave_trials(t, pending)
    return note_failed(t, key, reason_of(error))


cdef bint survivable(object error) noexcept:
    return isinstance(error, Exception) or isinstance(error, errors.NotMerged)


cdef str reason_of(object error):
    return str(error) if isinstance(error, errors.NotMerged) else f"one side raises {type(error).__name__}: {error}"


cdef int note_merged(Trace t, object key, long cost) except -1:
    """Count a branch that was merged."""
    cdef object place = <uintptr_t><PyObject *>key
    cdef list known = t.merged.get(place)
    if known is None:
        t.merged[place] = [key, 1, cost]
    else:
        known[1] += 1
        if cost > <long>known[2]:
            known[2] = cost
    return 0


cdef int note_failed(Trace t, object key, str why) except -1:
    """A trial of a branch failed: it is a guard. One that fails again and again is not tried any more."""
    reject(t, key, why)
    t.failures[key] = t.failures.get(key, 0) + 1
    if t.failures[key] >= 4:
        t.kept_apart.add(key)
    return 0
