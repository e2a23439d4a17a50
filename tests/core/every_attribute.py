"""Read every attribute of public objects and call every method with wrong arguments; test_every_attribute.py runs this.

    python every_attribute.py GROUP LAST

An exception is a good answer; SystemError, RecursionError, an error that Python cannot raise, and an answer that takes
too long are not. Whatever ends the process leaves the label of what ran in the file LAST.
"""

from __future__ import annotations

import copy
import faulthandler
import gc
import inspect
import mmap
import operator
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import cgrad
from cgrad import Tape, Tensor, Value, data, errors, nn, optim, testing, viz

LONGEST = 300  # seconds that a group may take before its stack is printed
BAD = (SystemError, RecursionError)
BUILTINS = (repr, str, hash, bool, float, int, complex, len, list, abs, round, dir, copy.copy, copy.deepcopy, pickle.dumps,
            operator.index, format, sys.getsizeof, np.asarray, np.exp, np.sum)
HUGE = 2**70
LONG = (  # members that would make so many Values or names
    ".Layer", ".Neuron", ".MLP", "Layer.__init__", "Neuron.__init__", "MLP.__init__", "._names", "._constant",
    ".split", "_split", "vsplit", "hsplit")
UNTOUCHED = {"__class__", "__subclasses__", "__builtins__"}  # no part of the object
OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
             operator.matmul, divmod, operator.eq, operator.lt, operator.ge, operator.iadd, operator.contains, np.add,
             operator.getitem, operator.delitem)


class Hostile:
    """Pretends to be a number, a sequence and an array, and keeps no promise."""

    def __float__(self):
        return "a"

    def __index__(self):
        return None

    def __len__(self):
        return -1

    def __getitem__(self, key):
        raise KeyError(key)

    def __bool__(self):
        raise ValueError("neither true nor false")

    def __hash__(self):
        raise TypeError("no hash")

    def __repr__(self):
        return 1

    def __array__(self, *args, **kwargs):
        return "a"


def wrong_arguments():
    """Arguments that hardly anything takes."""
    other = Tape()
    with other:
        away = Value(1.0)*2.0
    gone = Tape()
    with gone:
        dead = Value(1.0)*2.0
    gone.clear()
    return [
        None, "a", "\ud800", b"", object(), -1, float("nan"), HUGE, -2**62, 1j, [], {}, (), slice(None), Ellipsis, len,
        np.zeros((2, 3)), np.array("a"), np.array([None]), np.zeros((0, 1), np.int8), np.float32(1.0),
        Tensor(np.ones((3, 1, 2)), requires_grad=True), Value, Value(2.0), away, dead, Tensor([1.0])*2.0, Hostile(), [None], {"a": Hostile()},
    ]


# ---- one call, and what becomes of it ------------------------------------------------------------

class Probe:
    """Tries things; ``bad`` has what went wrong, ``last`` (mapped memory) what was tried last."""

    def __init__(self, last):
        self.last, self.label, self.count, self.bad = last, "", 0, []
        self.hostile, self.matrix, self.wrong = Hostile(), np.zeros((2, 3)), wrong_arguments()
        sys.unraisablehook = lambda found: self.bad.append(f"{self.label}: unraisable {found.exc_value!r:.200}")

    def attempt(self, label, function, *args, **kwargs):
        self.label = label
        text = label.encode("utf-8", "backslashreplace")[:len(self.last)]
        self.last[:] = text.ljust(len(self.last))
        self.count += 1
        try:
            return function(*args, **kwargs)
        except BAD as error:
            self.bad.append(f"{label}: {error!r:.200}")
        except BaseException:
            pass
        return None

    def calls(self, label, get, subject=None):
        """Call what ``get`` returns with no argument, with each wrong one up to three times, with pairs, by keyword."""
        wrong, few = [*self.wrong, subject, type(subject)], [None, "a", -1, HUGE, subject]
        for args in ((), *((w,)*n for w in wrong for n in (1, 2, 3)), *((a, b) for a in few for b in few if a is not b)):
            if not (label.endswith(LONG) and any(a is HUGE for a in args)):
                self.attempt(f"{label}({kinds(args)})", lambda args=args: get()(*args))
        for name in (*parameters(get), "nonsense"):
            for w in (None, self.hostile, subject):
                self.attempt(f"{label}({name}={kinds([w])})", lambda name=name, w=w: get()(**{name: w}))

    def within(self, label, get, subject):
        """Read, and call what is there."""
        found = self.attempt(label, get)
        if callable(found):
            self.calls(label, get, subject)

    def member(self, label, make, name, fresh):
        """Read, call, set and delete an attribute of what ``make`` returns; fresh: of a new object each time."""
        subject = make()
        one = make if fresh else lambda: subject
        self.within(f"{label}.{name}", lambda: getattr(one(), name), subject)
        for w in (None, "a", -1, HUGE, self.hostile, self.matrix, subject):
            self.attempt(f"{label}.{name} = {kinds([w])}", lambda w=w: setattr(one(), name, w))
        self.attempt(f"del {label}.{name}", lambda: delattr(one(), name))

    def numpy(self, label, function, *makers):
        """Call a function of NumPy with what each of these makes at each place, and as options."""
        for make in makers:
            for n in range(1, 5):
                self.attempt(f"{label}({kinds([make()]*n)})", lambda: function(*[make() for _ in range(n)]))
                self.attempt(f"{label}(matrix, {kinds([make()]*n)})",
                             lambda: function(self.matrix.copy(), *[make() for _ in range(n)]))
            for option in ("out", "where", "axis", "dtype", "initial", "rtol", "prepend", "like"):
                for x in (make, self.matrix.copy):
                    self.attempt(f"{label}({kinds([x()])}, {option}={kinds([make()])})",
                                 lambda: function(x(), **{option: make()}))

    def operators(self, label, make):
        """Functions and operators that ask an object by its type's slots, in both orders."""
        for function in BUILTINS:
            self.attempt(f"{function.__name__}({label})", lambda function=function: function(make()))
        for w in [*self.wrong, make(), type(make())]:
            for function in OPERATORS:
                for text, call in (
                        (f"{label}, {kinds([w])}", lambda function=function, w=w: function(make(), w)),
                        (f"{kinds([w])}, {label}", lambda function=function, w=w: function(w, make()))):
                    self.attempt(f"{function.__name__}({text})", call)
            self.attempt(f"pow({label}, w, {kinds([w])})", lambda w=w: pow(make(), w, w))


def kinds(args):
    return ", ".join(type(a).__name__ for a in args)


def members(subject):
    return sorted({*dir(type(subject)), *dir(subject)} - UNTOUCHED)


def parameters(get):
    try:
        return list(inspect.signature(get()).parameters)
    except Exception:
        return []


# ---- objects in every state -----------------------------------------------------------------------

def leaf():
    return Value(2.0, name="x")


def node():
    return leaf()*3.0


def rewound():
    with Tape() as tape:
        mark = tape.mark()
        v = node()
        tape.rewind(mark)
    return v


def rewound_tensor():
    with Tape() as tape:
        mark = tape.mark()
        t = array_node()
        tape.rewind(mark)
    return t


def emptied(make):
    def of_emptied():
        with Tape() as tape:
            v = make()
        tape.clear()
        return v
    return of_emptied


def unrecorded(make):
    def under_no_grad():
        with cgrad.no_grad():
            return make()
    return under_no_grad


def swept(make):
    def after_backward():
        v = make()
        v.backward()
        return v
    return after_backward


def array():
    return Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)


def array_node():
    return array()*3.0


def hooked(make):
    def with_hooks():
        v = make()
        for hook in (lambda g: g, lambda g: None):
            v.register_hook(hook)
        return v
    return with_hooks


VALUES = {
    "leaf": leaf, "node": node, "hooked leaf": hooked(leaf), "hooked node": hooked(node),
    "node of a rewound tape": rewound, "node of an emptied tape": emptied(node), "node under no_grad": unrecorded(node),
    "swept node": swept(node), "element": lambda: array_node()[0, 1],
    "dot": lambda: cgrad.dot([leaf(), node(), 1.0], [node(), leaf(), 2.0], leaf()),
    "bare Value": lambda: Value.__new__(Value),
}
TENSORS = {
    "leaf": array, "node": array_node, "hooked leaf": hooked(array), "hooked node": hooked(array_node),
    "node of a rewound tape": rewound_tensor, "node of an emptied tape": emptied(array_node),
    "node under no_grad": unrecorded(array_node), "0-d": lambda: Tensor(1.0, requires_grad=True),
    "empty": lambda: Tensor(np.zeros((0, 3), np.float32)), "bare Tensor": lambda: Tensor.__new__(Tensor),
}


class Mine(Tape):
    """With attributes of its own."""


def tape_of_nodes(kind=Tape):
    def tape_with_nodes():
        with kind() as tape:
            tape_with_nodes.kept = [node(), array_node()]
        return tape
    return tape_with_nodes


def entered():
    tape = Tape()
    tape.__enter__()
    return tape


def marked():
    with Tape() as tape:
        mark = tape.mark()
        node()
    return mark


def derivatives(**options):
    def of_gradients():
        x = leaf()
        return cgrad.gradients(x*x + array_node().sum(), **options)
    return of_gradients


TAPES = {
    "Tape": Tape, "Tape with nodes": tape_of_nodes(), "subclass of Tape": tape_of_nodes(Mine), "entered Tape": entered,
    "current_tape()": cgrad.current_tape, "Mark": marked, "Mark of the own tape": lambda: cgrad.current_tape().mark(),
    "bare Tape": lambda: Tape.__new__(Tape), "bare Mark": lambda: cgrad.Mark.__new__(cgrad.Mark),
    "Node": lambda: next(iter(tape_of_nodes()())), "iterator of a Tape": lambda: iter(tape_of_nodes()()),
    "Gradients": derivatives(), "recorded Gradients": derivatives(create_graph=True),
    "Gradients of seeds": lambda: cgrad.gradients([node(), node()], seed=np.eye(2)),
    "bare Gradients": lambda: cgrad.Gradients.__new__(cgrad.Gradients),
    "HookHandle": lambda: node().register_hook(lambda g: g), "Tensor's grad": lambda: swept_array().grad,
    "iterator of a Tensor": lambda: iter(array_node()),
    "no_grad": cgrad.no_grad, "detect_anomaly": cgrad.detect_anomaly,
    "function under no_grad": lambda: cgrad.no_grad()(lambda x: x*x),
}


def swept_array():
    t = array()
    (t*t).sum().backward()
    return t


class Cube(cgrad.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3*g*ctx.saved_tensors[0]**2


def branching(x, y=2.0):
    return x*y if x > 1.0 else x/y


def compiled():
    return cgrad.compile(branching)


def recorded():
    f = cgrad.compile(branching)
    f(2.0)
    f(0.5)
    return f


PROGRAMS = {"CompiledFunction": compiled, "recorded CompiledFunction": recorded, "Function": Cube,
            "bare CompiledFunction": lambda: cgrad.CompiledFunction.__new__(cgrad.CompiledFunction),
            "Program": lambda: recorded().programs[0], "bare Program": lambda: cgrad.Program.__new__(cgrad.Program)}
ARGUMENTS = {  # of constructors that want some
    "MLP": (2, [2, 1]), "AdaptiveAvgPoolND": (2,), "AvgPool1D": (2,), "AvgPool2D": (2,), "AvgPool3D": (2,),
    "BatchNorm1D": (2,), "BatchNorm2D": (2,), "BatchNorm3D": (2,), "BatchNormND": (2,), "Conv1D": (2, 2, 1),
    "Conv2D": (2, 2, 1), "Conv3D": (2, 2, 1), "Embedding": (3, 2), "Layer": (2, 2), "LayerNorm": (3,), "Linear": (3, 2),
    "LogSoftmax": (0,), "MaxPool1D": (2,), "MaxPool2D": (2,), "MaxPool3D": (2,), "Neuron": (2,), "Softmax": (0,),
}


def classes_of(module):
    return {name: found for name, found in vars(module).items()
            if isinstance(found, type) and found.__module__ == module.__name__}


def made(kind, arguments):
    def instance():
        return kind(*arguments)
    return instance


MODULES = {name: made(getattr(nn, name), ARGUMENTS.get(name, ()))
           for name in nn.__all__ if isinstance(getattr(nn, name), type)} | {"Dataset": data.iris}
OPTIMIZERS = {name: lambda kind=kind: kind([leaf(), array()]) for name, kind in classes_of(optim).items()
              if issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer}
NAMESPACES = [cgrad, cgrad.linalg, nn, nn.functional, nn.init, optim, data, errors, testing, viz, cgrad.distributed]


def functions():
    """Public functions and classes, each once."""
    found = {}
    for module in NAMESPACES:
        names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
        for name in names:
            thing = getattr(module, name)
            if callable(thing) and str(getattr(thing, "__module__", "")).startswith("cgrad"):
                found.setdefault(id(thing), (f"{module.__name__}.{name}", thing))
    return dict(found.values())


# ---- groups ---------------------------------------------------------------------------------------

def of_functions(probe):
    for name, function in functions().items():
        apart(probe.within, name, lambda function=function: function, function)


def of_classes(probe):
    """What a class gives, called with the class itself and with other things in place of an object."""
    for name, kind in functions().items():
        if isinstance(kind, type):
            for member in sorted(set(dir(kind)) - UNTOUCHED):
                apart(probe.within, f"{name}.{member}", lambda kind=kind, member=member: getattr(kind, member), kind)


def numpys():
    """NumPy's functions that ask their arguments how to answer."""
    for module in (np, np.linalg):
        for name in sorted(set(module.__all__) - {"savetxt", "save", "savez", "savez_compressed"}):
            function = getattr(module, name)
            if isinstance(function, np.ufunc) or hasattr(function, "_implementation"):
                yield f"{module.__name__}.{name}", function


def of_numpy(probe):
    for name, function in numpys():
        apart(probe.numpy, name, function, leaf, node, array, array_node)


def of_objects(table, fresh):
    def group(probe):
        for label, make in table.items():
            for name in members(make()):
                apart(probe.member, label, make, name, fresh)
            apart(probe.operators, label, make)
    return group


def of_traced(probe):
    """While a function is recorded: its argument, what came of it, arrays of it, and what is captured."""
    away, outside = leaf(), array()
    makers = {
        "traced Value": lambda x, t: x, "traced node": lambda x, t: x*3.0, "traced Tensor": lambda x, t: t,
        "traced array node": lambda x, t: t*3.0, "traced element": lambda x, t: t[0],
        "captured Value": lambda x, t: away, "captured Tensor": lambda x, t: outside,
        "node of a captured Value": lambda x, t: away*2.0,
    }
    for label, make in makers.items():
        def recorded(function, *args, make=make):  # anew for each member: errors stay with a recording
            def of_both(x, t):
                function(args[0], lambda: make(x, t), *args[1:])
                return x*x
            apart(probe.attempt, args[0], cgrad.compile(of_both), 2.0, np.ones(3))
        for name in members(make(leaf(), array())):
            recorded(probe.member, label, name, True)
        recorded(probe.operators, label)
    for name, function in numpys():
        def of_traced_ones(x, t, name=name, function=function):
            probe.numpy(f"traced {name}", function, *[lambda make=make: make(x, t) for make in makers.values()])
            return x*x
        apart(probe.attempt, name, cgrad.compile(of_traced_ones), 2.0, np.ones(3))


def apart(function, *args):
    """In a thread of its own, whose tapes and contexts end with it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result()


GROUPS = {
    "values": of_objects(VALUES, True), "tensors": of_objects(TENSORS, True), "tapes": of_objects(TAPES, True),
    "programs": of_objects(PROGRAMS, False), "modules": of_objects(MODULES, False),
    "optimizers": of_objects(OPTIMIZERS, False), "numpy": of_numpy, "traced": of_traced, "functions": of_functions, "classes": of_classes,
}


def main(group, path):
    warnings.simplefilter("ignore")
    faulthandler.enable()
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    with open(path, "w+b") as file:
        file.truncate(400)
        probe = Probe(mmap.mmap(file.fileno(), 400))
    GROUPS[group](probe)
    gc.collect()
    faulthandler.cancel_dump_traceback_later()
    print(f"{probe.count} calls")
    print(*probe.bad, sep="\n", file=sys.stderr)
    sys.exit(bool(probe.bad))


if __name__ == "__main__":
    main(*sys.argv[1:])
