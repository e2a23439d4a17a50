"""Functions rewritten before they are recorded: branches hand their sides to the recorder, calls what they call.

    source.py      a function's syntax tree, found by its code
    names.py       which names are bound, and live, at a branch
    transform.py   the tree with branches and calls replaced
    rewritten.py   the function made of it
    targets.py     what calls in it lead to, and which of these have no effects
"""
