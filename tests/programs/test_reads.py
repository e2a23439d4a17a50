"""A compiled function is the function: each kind of thing that it reads, times each way to change it."""

import copy
import functools
import pickle
import random
import sys
import threading
import types
from typing import NamedTuple

import numpy as np
import pytest
from programs_support import guarded

import cgrad
from cgrad import Tensor, Value
from cgrad.programs.reads import reads_of

# ---- what is read: each case has a function, and ways to change what it reads ------------------------


class Holder:
    """An object of a user."""

    scale = 3.0

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def scaled(self, x):
        return self.k*x

    @property
    def doubled(self):
        return 2*self.k


class Slotted:
    __slots__ = ("k",)

    def __init__(self, k):
        self.k = k


class Point(NamedTuple):
    a: float
    b: object


W = N = A = TEXT = HELPER = None  # globals of this module, set by the tests


def as_value(x):
    return x.data if isinstance(x, (Value, Tensor)) else x


THINGS = {  # kind -> values, each of which the function multiplies by
    "Values": [Value(3.0), Value(5.0), Value(-1.0)],
    "numbers": [2.0, 4.0, 4, True, np.float64(7.0)],
    "Value and number": [Value(3.0), 2.0, Value(3.0)],
}


def places():
    """name -> (function of x, setter): the places from which a function may read."""
    holder, slotted, items, table = Holder(k=1.0), Slotted(1.0), [0.0, 1.0], {"k": 1.0}
    nested = Holder(inner=[{"w": 1.0}])
    cell = 1.0

    def closure(x):
        return cell*x

    def set_cell(v):
        nonlocal cell
        cell = v

    def default(x, k=1.0):
        return k*x

    def keyword(x, *, k=1.0):
        return k*x

    def helped(x):
        return inner(x) + 0.0

    def inner(x):
        return table["k"]*x

    return {
        "global": (lambda x: W*x, lambda v: globals().__setitem__("W", v)),
        "cell": (closure, set_cell),
        "attribute": (lambda x: holder.k*x, lambda v: setattr(holder, "k", v)),
        "attribute by getattr": (lambda x: holder.k*x, lambda v: setattr(holder, "k", v)),
        "slot": (lambda x: slotted.k*x, lambda v: setattr(slotted, "k", v)),
        "class attribute": (lambda x: Holder.scale*x, lambda v: setattr(Holder, "scale", v)),
        "class attribute by an object": (lambda x: holder.scale*x, lambda v: setattr(Holder, "scale", v)),
        "method": (lambda x: holder.scaled(x), lambda v: setattr(holder, "k", v)),
        "bound method": (holder.scaled, lambda v: setattr(holder, "k", v)),
        "property": (lambda x: holder.doubled*x/2, lambda v: setattr(holder, "k", v)),
        "item of a list": (lambda x: items[1]*x, lambda v: items.__setitem__(1, v)),
        "item of a dict": (lambda x: table["k"]*x, lambda v: table.__setitem__("k", v)),
        "nested": (lambda x: nested.inner[0]["w"]*x, lambda v: nested.inner[0].__setitem__("w", v)),
        "default": (default, lambda v: setattr(default, "__defaults__", (v,))),
        "keyword default": (keyword, lambda v: setattr(keyword, "__kwdefaults__", {"k": v})),
        "helper": (helped, lambda v: table.__setitem__("k", v)),
        "partial": (functools.partial(lambda k, x: holder.k*x, 0.0), lambda v: setattr(holder, "k", v)),
        "lambda in the function": (lambda x: (lambda: holder.k)()*x, lambda v: setattr(holder, "k", v)),
        "comprehension": (lambda x: sum([k*x for k in items]) - items[0]*x, lambda v: items.__setitem__(1, v)),
    }


@pytest.mark.parametrize("kind", THINGS)
@pytest.mark.parametrize("place", places())
def test_what_is_bound_anew_is_seen(place, kind):
    f, put = places()[place]
    values = THINGS[kind]
    put(values[0])
    p = cgrad.compile(f)
    scale = 1.0
    for v in [*values, *values[::-1], *values]:
        put(v)
        want = as_value(v)*scale
        assert p(2.0) == 2.0*want
        assert p.value_and_grad(2.0) == (2.0*want, want)
        assert p.map(np.array([1.0, 2.0])).tolist() == [want, 2.0*want]
    Holder.scale = 3.0
    assert len(p.programs) <= len(values) + 1  # what was recorded before is found again
    if kind == "Values":
        assert len(p.programs) == 1  # leaves are inputs


@pytest.mark.parametrize("place", places())
def test_gradients_by_a_leaf_that_was_bound_anew(place):
    f, put = places()[place]
    put(Value(3.0))
    p = cgrad.compile(f)
    assert p(2.0) == 6.0
    w = Value(5.0)
    put(w)
    assert p.grad(2.0, captured=[w]) == [2.0]
    w.data = 7.0
    assert p(2.0) == 14.0
    Holder.scale = 3.0


def test_tensors_and_their_shapes():
    held = Holder(w=Tensor([1.0, 2.0], requires_grad=True))
    p = cgrad.compile(lambda x: (held.w*x).sum())
    assert p(2.0) == 6.0
    held.w = Tensor([3.0, 4.0], requires_grad=True)
    assert p(2.0) == 14.0 and len(p.programs) == 1
    held.w = Tensor([3.0, 4.0, 5.0], requires_grad=True)
    assert p(2.0) == 24.0 and len(p.programs) == 2


def test_a_training_loop_that_binds_its_parameter_anew():
    w = Tensor([8.0], requires_grad=True)
    loss = cgrad.compile(lambda: (w*w).sum())
    seen = []
    for _ in range(3):
        seen.append(w.tolist()[0])
        _, (g,) = loss.value_and_grad(captured=[w])
        w = Tensor(w.data - 0.1*np.asarray(g), requires_grad=True)
    assert np.allclose(seen, [8.0, 6.4, 5.12]) and len(loss.programs) == 1


@pytest.mark.parametrize("array", [np.array([1.0, 2.0]), np.arange(6.0)[::2], np.array([1, 2]), np.array([1.0, 2.0], np.float32),
                                   np.array([[1.0, 2.0], [3.0, 4.0]], order="F")], ids=["plain", "stride", "int", "f32", "F"])
def test_arrays_are_compared_by_their_numbers(array):
    p = cgrad.compile(lambda x: x*float(array.sum()))
    assert p(2.0) == 2.0*array.sum()
    array[0] = 5
    assert p(2.0) == 2.0*array.sum() and len(p.programs) == 2
    assert p(2.0) == 2.0*array.sum() and len(p.programs) == 2


def test_read_only_arrays_are_compared_by_identity():
    a = np.array([1.0, 2.0])
    a.flags.writeable = False
    p = cgrad.compile(lambda x: x*a.sum())
    assert p(2.0) == 6.0
    assert not any(read.kind_name == "memory" for read in p.programs[0].reads.reads)
    a = np.array([3.0, 4.0])
    assert p(2.0) == 14.0


def test_arrays_of_values():
    a = np.array([Value(1.0), Value(2.0)], dtype=object)
    p = cgrad.compile(lambda x: (a*x).sum())
    assert p(2.0) == 6.0
    a[1] = Value(5.0)
    assert p(2.0) == 12.0 and len(p.programs) == 1
    a[0] = 4.0
    assert p(2.0) == 18.0


def test_text_functions_and_sets():
    mode, chosen, names = "double", [lambda x: 2*x], {"a"}
    p = cgrad.compile(lambda x: chosen[0](x) if mode == "double" and "a" in names else x)
    assert p(3.0) == 6.0
    chosen[0] = lambda x: 5*x
    assert p(3.0) == 15.0
    mode = "single"
    assert p(3.0) == 3.0
    mode = "double"
    assert p(3.0) == 15.0
    names.discard("a")
    assert p(3.0) == 3.0


def test_a_helper_that_is_defined_anew():
    module = types.ModuleType("helpers_of_users")
    sys.modules[module.__name__] = module
    exec("k = 2.0\ndef helper(x): return k*x", vars(module))
    p = cgrad.compile(lambda x: module.helper(x))
    assert p(3.0) == 6.0
    module.k = 4.0
    assert p(3.0) == 12.0
    exec("def helper(x): return x + 1", vars(module))
    assert p(3.0) == 4.0


def test_layers():
    net = cgrad.nn.Linear(2, 1)
    p = cgrad.compile(lambda x: net(x).sum())
    x = np.array([1.0, 2.0])
    before = p(x)
    net.weight = Tensor(np.asarray(net.weight.data)*2, requires_grad=True)
    assert p(x) == pytest.approx(float(cgrad.Tensor(x).numpy() @ np.asarray(net.weight.data)[0] + net.bias.data[0])) != before
    assert len(p.programs) == 1


def test_two_names_of_one_leaf():
    """Either may be bound to another leaf: then they are two inputs, and that is another recording."""
    a = b = Value(3.0)
    p = cgrad.compile(lambda x: a*b*x)
    assert p(1.0) == 9.0
    b = Value(5.0)
    assert p(1.0) == 15.0 and p.grad(1.0, captured=[a, b]) == [5.0, 3.0]
    a = b
    assert p(1.0) == 25.0 and p.grad(1.0, captured=[b]) == [10.0]


def test_containers_that_the_function_fills_itself():
    calls, cache = [], {}

    @guarded
    def f(x):
        calls.append(1)
        cache["x"] = len(cache)
        return 2*x if x > 0 else -x

    assert [f(1.0), f(2.0), f(-1.0), f(1.0), f(-2.0)] == [2.0, 4.0, 1.0, 2.0, 2.0]
    assert len(calls) == 2 and len(f.programs) == 2


def test_a_counter_is_never_frozen():
    """What a function binds anew itself makes each call another one."""
    state = {"n": 0}

    def f(x):
        state["n"] += 1
        return x*state["n"]

    p = cgrad.compile(f, max_paths=4)
    with pytest.warns(RuntimeWarning, match="paths are recorded"):
        assert [p(1.0) for _ in range(8)] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


def test_nan_and_signed_zero():
    k = float("nan")
    p = cgrad.compile(lambda x: cgrad.atan2(x, k) if k == k else x)
    assert p(0.0) == 0.0
    k = float("nan")  # another object, equal as far as a nan can be
    assert p(0.0) == 0.0 and len(p.programs) == 1
    k = 0.0
    assert p(0.0) == 0.0
    k = -0.0
    assert p(0.0) == np.pi


# ---- pickles, copies, threads, batches ---------------------------------------------------------------

K = 2.0


def by_a_global(x):
    return K*x


def test_pickles_of_functions_that_read_numbers():
    """f comes along by its name: what was recorded of other numbers does not."""
    global K
    p = cgrad.compile(by_a_global)
    assert p(1.0) == 2.0
    text = pickle.dumps(p)
    K = 5.0
    try:
        assert pickle.loads(text)(1.0) == 5.0 and p(1.0) == 5.0
        assert copy.copy(p)(1.0) == 5.0 and copy.deepcopy(p)(1.0) == 5.0
    finally:
        K = 2.0
    assert p(1.0) == 2.0 and copy.copy(p)(1.0) == 2.0


def test_copies_are_bound_by_themselves():
    held = Holder(w=Value(3.0))
    p = cgrad.compile(lambda x: held.w*x)
    assert p(1.0) == 3.0
    q = copy.copy(p)
    held.w = Value(5.0)
    assert q(1.0) == 5.0 and p(1.0) == 5.0
    held.w = Value(7.0)
    assert p(1.0) == 7.0 and q(1.0) == 7.0


def test_a_method_and_its_deep_copy():
    held = Holder(k=3.0)
    p = cgrad.compile(held.scaled)
    assert p(1.0) == 3.0
    q = copy.deepcopy(p)
    held.k = 5.0
    assert p(1.0) == 5.0 and q(1.0) == 3.0


def test_threads_see_what_is_bound_anew():
    held = Holder(w=Value(1.0))
    p = cgrad.compile(lambda x: held.w*x)
    p(1.0)
    wrong = []

    def run():
        for _ in range(2000):
            if p(2.0) not in {2.0, 4.0}:
                wrong.append(1)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for k in range(2000):
        held.w = Value(1.0 + k % 2)
    for thread in threads:
        thread.join()
    assert not wrong
    held.w = Value(9.0)
    assert p(2.0) == 18.0


# ---- what people see ---------------------------------------------------------------------------------

def test_explain_lists_what_is_read_and_where():
    held, scale, a = Holder(w=Value(3.0), k=2.0), 4.0, np.array([1.0, 2.0])

    def f(x):
        y = held.w*x*held.k
        return y*scale + a.sum()

    p = cgrad.compile(f)
    p(1.0)
    first = f.__code__.co_firstlineno
    lines = [line.strip() for line in p.explain().splitlines() if line.strip().startswith("reads")]
    at = [f", {__file__}:{first + k} in {f.__qualname__}" for k in range(3)]
    assert f"reads held.w{at[1]}: a leaf, read at each call" in lines
    assert f"reads held.k{at[1]}: 2.0, another one is recorded anew" in lines
    assert f"reads scale{at[2]}: 4.0, another one is recorded anew" in lines
    assert any(line.startswith(f"reads a{at[2]}: an array of 16 bytes") for line in lines)


def test_libraries_are_not_looked_into():
    reads = reads_of(lambda x: np.exp(x) + cgrad.sin(x) + functools.reduce(max, [1.0]))
    assert {read.text for read in reads.reads} <= {"np", "cgrad", "functools"}


def test_installed_packages_are_not_looked_into():
    """But for the function's own. pytest's rewriting of asserts puts names of its own among the globals."""
    def f(x):
        assert x is not None
        return x*pytest.approx(1.0).expected

    assert {read.text for read in reads_of(f).reads if not read.text.startswith("@")} <= {"pytest"}
    assert "pytest.approx" in {read.text for read in reads_of(types.FunctionType(
        f.__code__, {"pytest": pytest, "__name__": "pytest"})).reads}


def test_keys_of_any_kind():
    table = {2**70: 1.0, (1, 2): 3.0, None: 2.0, 1.5: 4.0}
    p = cgrad.compile(lambda x: x*table[2**70]*table[1, 2]*table[None]*table[1.5])
    assert p(1.0) == 24.0
    table[2**70] = 2.0
    assert p(1.0) == 48.0


def test_check_finds_what_no_recording_sees():
    p = cgrad.compile(lambda x: x*random.random(), check=3)
    p(1.0)
    p(1.0)
    with pytest.raises(cgrad.TraceError, match="call 3 replayed .* and the function itself returns .* as an argument"):
        p(1.0)
    q = cgrad.compile(lambda x, n=2: [x**n, {"a": cgrad.sin(x)}], check=True)
    for k in range(25):
        q(float(k))
    r = cgrad.compile(lambda x: x*x if x > 0 else x, check=1)
    assert r.value_and_grad(3.0) == (9.0, 6.0) and r.grad(-1.0) == 1.0 and pickle.loads(pickle.dumps(r)).check_each == 1
    for bad in (-1, 1.5, "yes"):
        with pytest.raises(ValueError, match="check"):
            cgrad.compile(lambda x: x, check=bad)


# ---- new objects in the place of former ones ----------------------------------------------------------

def parameters(a, b):
    return Value(a), Tensor([b, 1.0], requires_grad=True)


@pytest.mark.parametrize("made", [
    lambda a, b: dict(zip("ab", parameters(a, b), strict=True)), lambda a, b: list(parameters(a, b)),
    lambda a, b: parameters(a, b), lambda a, b: Point(*parameters(a, b)), lambda a, b: Holder(a=Value(a), b=parameters(a, b)[1]),
    lambda a, b: [{"x": parameters(a, b)}, "text", 3.0], lambda a, b: np.array([Value(a), Value(b)], object),
], ids=["dict", "list", "tuple", "namedtuple", "object", "nested", "array"])
def test_a_new_structure_of_leaves_is_no_new_recording(made):
    held = made(2.0, 3.0)

    def leaves():
        if isinstance(held, dict):
            return held["a"], held["b"]
        if isinstance(held, Holder):
            return held.a, held.b
        return held[0]["x"] if isinstance(held[0], dict) else (held[0], held[1])

    @cgrad.compile
    def f(x):
        a, b = leaves()
        return a*x + (b*x).sum() if isinstance(b, Tensor) else a*x + b*x

    def want(x):
        a, b = leaves()
        return float(a.data*x + np.sum(np.asarray(b.data)*x))

    for k in range(5):
        held = made(2.0 + k, 3.0 - k)
        assert f(2.0) == want(2.0) and len(f.programs) == 1
        a, b = leaves()
        ga, gb = f.grad(2.0, captured=[a, b])
        assert ga == 2.0 and np.all(np.asarray(gb) == 2.0)


def test_a_training_loop_over_a_list_made_anew():
    ps = [Value(1.0), Value(-2.0)]
    loss = cgrad.compile(lambda x: (ps[0]*x + ps[1] - 3.0)**2)
    for _ in range(100):
        _, gs = loss.value_and_grad(2.0, captured=ps)
        ps = [Value(p.data - 0.05*g) for p, g in zip(ps, gs, strict=True)]
    assert loss(2.0) < 1e-12 and len(loss.programs) == 1


def test_new_structures_that_differ_are_recorded():
    held = [Value(1.0), 2.0]
    f = cgrad.compile(lambda x: held[0]*x + held[1])
    assert f(3.0) == 5.0
    held = [Value(1.0), 4.0]
    assert f(3.0) == 7.0 and len(f.programs) == 2
    held = [Value(1.0), 4.0, 5.0]
    assert f(3.0) == 7.0 and len(f.programs) == 3
    held = (Value(2.0), 4.0)
    assert f(3.0) == 10.0 and len(f.programs) == 4
    shared = Value(6.0)
    held = [shared, shared]
    assert f(3.0) == 24.0 and len(f.programs) == 5


def test_layers_in_the_place_of_others():
    layers = [cgrad.nn.Linear(2, 2), cgrad.nn.Linear(2, 1)]

    @cgrad.compile
    def f(x):
        y = x
        for layer in layers:
            y = layer(y)
        return y.sum()

    x = np.array([1.0, 2.0])
    f(x)
    layers[0] = cgrad.nn.Linear(2, 2)
    assert f(x) == pytest.approx(float(sum(layers[1](layers[0](Tensor(x))).tolist()))) and len(f.programs) == 1


# ---- long ways, classes of containers, attributes that may be there ----------------------------------

def test_long_chains_of_objects():
    last = chain = Holder(k=2.0, next=None)
    for _ in range(5000):
        chain = Holder(next=chain)

    @cgrad.compile
    def f(x):
        node = chain
        while node.next is not None:
            node = node.next
        return node.k*x

    assert f(3.0) == 6.0
    last.k = 4.0
    assert f(3.0) == 12.0 and len(f.programs) == 2


def test_classes_of_lists_and_dicts():
    class Parameters(list):
        scale = 1.0

    class Table(dict):
        pass

    ps, table = Parameters([Value(2.0), 3.0]), Table(a=Value(5.0))
    f = cgrad.compile(lambda x: (ps[0]*x + ps[1])*ps.scale + table["a"])
    assert f(1.0) == 10.0
    ps[0], table["a"] = Value(3.0), Value(6.0)
    assert f(1.0) == 12.0 and len(f.programs) == 1
    ps[1], ps.scale = 4.0, 2.0
    assert f(1.0) == 20.0 and len(f.programs) == 2


def test_attributes_that_are_not_there_yet():
    held = Holder()
    f = cgrad.compile(lambda x: x*getattr(held, "k", 1.0) + (10.0 if hasattr(held, "flag") else 0.0))
    assert f(2.0) == 2.0
    held.k = 3.0
    assert f(2.0) == 6.0
    held.flag = None
    assert f(2.0) == 16.0
    del held.k
    assert f(2.0) == 12.0 and len(f.programs) == 4


# ---- methods -----------------------------------------------------------------------------------------

class Spring:
    def __init__(self, k):
        self.k = k

    @cgrad.compile
    def energy(self, x):
        """Of a displacement."""
        return 0.5*self.k*x*x

    @cgrad.compile(static="n", backend="interpreter")
    def power(self, x, n=2):
        return self.k*x**n


def test_methods_bind_their_object():
    soft, stiff = Spring(2.0), Spring(Value(6.0))
    assert soft.energy(2.0) == 4.0 and stiff.energy(2.0) == 12.0
    assert soft.energy.grad(2.0) == 4.0 and stiff.energy.grad(2.0, captured=[stiff.k]) == [2.0]
    assert soft.energy is soft.energy and len(soft.energy.programs) == 1
    assert soft.energy.map(np.array([1.0, 2.0])).tolist() == [1.0, 4.0]
    assert soft.power(2.0, 3) == 16.0 and soft.power(2.0) == 8.0 and soft.power.backend == "interpreter"
    assert Spring.energy.__doc__ == soft.energy.__doc__ == "Of a displacement."
    soft.k = 4.0
    assert soft.energy(2.0) == 8.0


def test_methods_of_copies_are_their_own():
    spring = Spring(2.0)
    assert spring.energy(2.0) == 4.0
    for other in (copy.copy(spring), copy.deepcopy(spring), pickle.loads(pickle.dumps(spring))):
        other.k = 10.0
        assert other.energy(2.0) == 20.0 and spring.energy(2.0) == 4.0


def test_methods_of_subclasses_and_of_objects_with_slots():
    class Stiffer(Spring):
        def energy(self, x):
            return 10.0*super().energy(x)

    class Bare:
        __slots__ = ("k",)

        @cgrad.compile
        def f(self, x):
            return self.k*x

    assert Stiffer(2.0).energy(2.0) == 40.0
    bare = Bare()
    bare.k = 3.0
    assert bare.f(2.0) == 6.0 and bare.f.grad(2.0) == 3.0


def test_objects_die():
    import gc
    import weakref

    spring = Spring(2.0)
    spring.energy(1.0)
    gone = weakref.ref(spring)
    del spring
    gc.collect()
    assert gone() is None
