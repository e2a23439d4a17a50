"""Functions rewritten before they are recorded: branches hand their sides to the recorder, calls what they call.

    source.py      a function's syntax tree, found by its code
    names.py       which names are bound, and live, at a branch
    fresh.py       which containers are the function's own
    strict.py      functions of math that raise as they do for floats
    transform.py   the tree with branches and calls replaced
    rewritten.py   the function made of it
    targets.py     what calls in it lead to, and which of these have no effects
    branches.py    which branches of a function merge, over all its recordings
"""
