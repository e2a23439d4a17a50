"""Small programs over floats, a module a field, as people write them: none of them knows of cgrad.

Each module has PROGRAMS, a list of (function, argument tuples); the tuples reach every line. A module may have

- REFUSED: {function's name: (error's name, reason)}, what cannot be recorded;
- STEPS: {function's name: reason}, where the slope of the numbers is not the derivative of the operations (bisection).
"""
