"""Graphs: optimising and encoding keep every bit; sweeps written out are the sweeps; columns from outside are looked at."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes_support import (
    BACKENDS,
    CONST,
    FUNCTION,
    INF,
    INPUT,
    NAN,
    OPCODE,
    SPECIAL,
    Nodes,
    differ,
    evaluate,
    interpreter,
    lanes,
)
from op_support import COMPARISONS, ROWS

import cgrad
from cgrad import _core, _program
from cgrad._program import Executable, Graph

EXACT = [b for b in BACKENDS if b.name in ("interpreter", "exact")]  # machine code for each of thousands takes long
ANY_LANES = [b for b in BACKENDS if b.name not in ("native", "C")]
V = [1.0, -0.5, 2.0, 0.25]

# ---- random graphs ---------------------------------------------------------------------------------

ARITHMETIC = ["add", "sub", "mul", "neg", "div"]
CHOICES = ["lt", "le", "eq", "ne", "where", "maximum", "clip", "add", "sub", "mul"]
ROUNDED = [*ARITHMETIC, *CHOICES, "abs", "fma", "reciprocal", "square", "sqrt", "relu", "minimum", "copysign", "sign", "floor",
           "ceil", "round", "trunc", "one_minus_square", "degrees", "radians"]  # IEEE 754 defines every bit, however they are computed
POOLS = {
    "sums": ["add", "mul"], "differences": ["add", "sub", "mul", "neg"], "arithmetic": ARITHMETIC, "choices": CHOICES,
    "pairs": ["sin", "cos", "mul", "add"], "rounded": ROUNDED, "all": list(ROWS), "some": [*ROWS, *ARITHMETIC*6],
}
CONSTANTS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, NAN, INF, -INF, 0.1]
FIXED = {"powc": (1, [0.0, 1.0, 2.0, 3.0, -1.0, 0.5]), "polygamma": (0, [0.0, 1.0, 2.0]),
         "log_ndtr_derivative": (0, [0.0, 1.0, 2.0])}  # plain numbers: place, some
# A node of partial 0 passes nothing on in a program; a sweep passes 0, which an infinite partial below makes nan.
STILL = {name for name, op in ROWS.items() if "0" in op.d}

operands = st.one_of(st.sampled_from(CONSTANTS), st.integers(0, 4), st.integers(0, 4), st.integers(5, 60))
numbers = st.one_of(st.sampled_from(SPECIAL), st.integers(-3, 3).map(float), st.floats(-4, 4), st.floats())


@st.composite
def graphs(draw, pools=tuple(POOLS)):
    nodes = Nodes(draw(st.integers(1, 4)))
    pool = POOLS[draw(st.sampled_from(pools))]
    steps = draw(st.lists(st.tuples(st.sampled_from(pool), operands, operands, operands), min_size=1, max_size=40))
    for name, *given_ in steps:
        chosen = [len(nodes) - 1 - x % len(nodes) if isinstance(x, int) else x for x in given_[:ROWS[name].arity]]
        if name in FIXED:
            place, some = FIXED[name]
            chosen[place] = some[len(nodes) % len(some)]
        nodes.op(name, *chosen)
    return nodes


points = st.lists(numbers, min_size=4, max_size=4)
chosen_nodes = st.lists(st.integers(0, 10**6), min_size=1, max_size=5)


def picked(nodes, places):
    return [len(nodes) - 1 - k % len(nodes) for k in places]  # shrinks to the last


def shown(nodes):
    return " ".join(f"{i}:{_program.GRAPH_OPS[op]}({nodes.consts[a] if op == CONST else (a, b, c)})"
                    for i, (op, a, b, c) in enumerate(nodes.rows))


def one(backend, graph, outputs, guards, x):
    """(guard that failed, results) at one point."""
    failed, results = backend.run(graph, outputs, guards, np.array([x]))
    return failed[0], results[0]


@settings(max_examples=300)
@given(graphs(), points, chosen_nodes, st.integers(0, 10**6))
def test_every_bit(nodes, x, places, flipped):
    """Any nodes, inputs and constants included, as outputs; guards hold, and one that does not is reported."""
    x, outputs = x[:len(nodes.inputs)], picked(nodes, places)
    values = nodes.evaluate(x)
    tests = [i for i, row in enumerate(nodes.rows) if _program.GRAPH_OPS[row[0]] in COMPARISONS]
    guards = [(i, int(values[i])) for i in tests]
    graph = nodes.graph()
    for backend in EXACT:
        failed, got = one(backend, graph, outputs, guards, x)
        assert not failed and not differ(got, [values[i] for i in outputs]).any(), (backend, shown(nodes), outputs, got)
        if guards:
            k = flipped % len(guards)
            wrong = [(i, 1 - expected if i == guards[k][0] else expected) for i, expected in guards]
            assert one(backend, graph, outputs, wrong, x)[0] == k + 1, (backend, shown(nodes), wrong)


@settings(max_examples=150)
@given(graphs(["sums", "differences", "arithmetic", "choices", "rounded"]), st.lists(points, min_size=1, max_size=40), chosen_nodes)
def test_every_bit_by_all_lanes(nodes, xs, places):
    """Operations that IEEE 754 rounds have one result in all kinds of lanes: nothing is contracted."""
    xs, outputs = np.array(xs)[:, :len(nodes.inputs)], picked(nodes, places)
    want = np.array([nodes.evaluate(x) for x in xs])[:, outputs]
    for kind in _program.lanes_available():
        failed, got = lanes(kind)(nodes.graph(), outputs, (), xs)
        assert not failed.any() and not differ(got, want).any(), (kind, shown(nodes), outputs)


def recorded(nodes, x):
    """The same computation over Values: (leaves, nodes)."""
    leaves, values = [cgrad.Value(v) for v in x], []
    for op, a, b, c in nodes.rows:
        values.append(leaves[a] if op == INPUT else nodes.consts[a] if op == CONST
                      else _core.SCALARS[op](*[values[k] for k in (a, b, c) if k >= 0]))
    return leaves, values


def agree(got, want, still) -> bool:
    """To the bit; but where 0 is not passed on, nan need not be either."""
    wrong = differ(got, want)
    return not (wrong & ~np.isnan(want)).any() if still else not wrong.any()


@settings(max_examples=300)
@given(graphs(), points, chosen_nodes)
def test_reverse_sweeps(nodes, x, places):
    """Adjoints are those of backward(), the signs of zeros included; with seeds, those of gradients()."""
    x = x[:len(nodes.inputs)]
    wrt, graph = nodes.inputs, nodes.graph()
    still = any(_program.GRAPH_OPS[op] in STILL for op, *_ in nodes.rows)
    leaves, values = recorded(nodes, x)
    outputs = [i for i in picked(nodes, places) if isinstance(values[i], cgrad.Value)]
    if not outputs:
        return
    values[outputs[0]].backward()
    reverse, adjoints, by = _program.reverse_sweep(graph, outputs[:1], wrt, False)
    assert by == 0 and len(reverse) >= len(graph)
    want = np.array([leaf.grad for leaf in leaves])
    for backend in EXACT:
        _, got = one(backend, reverse, [outputs[0], *adjoints], (), x)
        assert not differ(got[0], values[outputs[0]].data)
        assert agree(got[1:], want, still), (backend, shown(nodes), outputs, got, want)
    # not inputs themselves: their own seed comes last in gradients(), and first in a program
    outputs = list(dict.fromkeys(i for i in outputs if i not in wrt))[:4]
    if not outputs:
        return
    found = cgrad.gradients([values[i] for i in outputs], leaves, seed=V[:len(outputs)])
    want = np.array([found.wrt(leaf) for leaf in leaves])
    reverse, adjoints, by = _program.reverse_sweep(graph, outputs, wrt, True)
    assert by == len(outputs)
    for backend in EXACT:
        _, got = one(backend, reverse, adjoints, (), [*x, *V[:len(outputs)]])
        assert agree(got, want, still), (backend, shown(nodes), outputs, got, want)


@settings(max_examples=300)
@given(graphs(), points, chosen_nodes)
def test_forward_sweeps(nodes, x, places):
    x = x[:len(nodes.inputs)]
    v = V[:len(x)]
    still = any(_program.GRAPH_OPS[op] in STILL for op, *_ in nodes.rows)
    leaves, values = recorded(nodes, x)
    outputs = picked(nodes, places)
    forward, tangents, by = _program.forward_sweep(nodes.graph(), outputs, nodes.inputs)
    assert by == len(x)
    want = np.array([cgrad.tangents(values[i], leaves, seed=v) if isinstance(values[i], cgrad.Value) else 0.0 for i in outputs])
    for backend in EXACT:
        _, got = one(backend, forward, tangents, (), [*x, *v])
        assert agree(got, want, still), (backend, shown(nodes), outputs, got, want)


@settings(max_examples=150)
@given(graphs(), points, chosen_nodes)
def test_graphs_of_derivatives_keep_every_bit(nodes, x, places):
    """They are graphs like others: a gradient's, and a Hessian's times a vector, node by node."""
    x, (output, *_) = x[:len(nodes.inputs)], picked(nodes, places)
    reverse, adjoints, _ = _program.reverse_sweep(nodes.graph(), [output], nodes.inputs, False)
    second, products, _ = _program.forward_sweep(reverse, adjoints, nodes.inputs)
    for graph, outputs, given_ in ((reverse, adjoints, x), (second, products, [*x, *V[:len(x)]])):
        columns = graph.columns()
        rows = list(zip(*(columns[name].tolist() for name in ("op", "a", "b", "c")), strict=True))
        values = evaluate(rows, columns["consts"], given_)
        want = [values[i] for i in outputs]
        for backend in EXACT:
            _, got = one(backend, graph, outputs, (), given_)
            assert not differ(got, want).any(), (backend, shown(nodes), output, got, want)


BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
LEAVES = [None, 0.0, -0.0, 1.0, -1.0]  # None: an input


@pytest.mark.parametrize(("inner", "outer"), [
    pytest.param(inner, outer, marks=[] if inner == outer else pytest.mark.slow) for inner in BINARY for outer in BINARY])
def test_signs_and_constants_in_every_place(outer, inner):
    """+-(+-x o (+-(+-y i +-z))), either way round, with 0, -0, 1, -1 at any position, at zeros, infinities, nan."""
    numbers = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, INF, -INF, NAN]
    grid = np.array(list(itertools.product(numbers, repeat=3))).T
    nodes, outputs, want = Nodes(3), [], []

    def signed(minus, node, value):
        return (nodes.op("neg", node), -value) if minus else (node, value)

    def leaf(k, constant, minus):
        return signed(minus, *((k, grid[k]) if constant is None else (nodes.const(constant), np.full(grid.shape[1], constant))))

    with np.errstate(all="ignore"):
        for constants in itertools.product(LEAVES, repeat=3):
            for *minus, last, all_, turned in itertools.product((False, True), repeat=6):
                (x, u), (y, v), (z, w) = (leaf(k, constants[k], minus[k]) for k in range(3))
                y, v = signed(last, nodes.op(inner, y, z), BINARY[inner](v, w))
                if turned:
                    (x, u), (y, v) = (y, v), (x, u)
                node, value = signed(all_, nodes.op(outer, x, y), BINARY[outer](u, v))
                outputs.append(node)
                want.append(value)
    for backend in ANY_LANES:
        _, got = backend.run(nodes.graph(), outputs, (), grid.T)
        wrong = np.argwhere(differ(got, np.array(want).T))
        assert not wrong.size, (backend, [(shown_below(nodes, outputs[k]), grid[:, p], got[p, k], want[k][p]) for p, k in wrong[:5]])


def shown_below(nodes, i):
    """A node as an expression."""
    op, *operands = nodes.rows[i]
    if op in (INPUT, CONST):
        return f"x{operands[0]}" if op == INPUT else str(nodes.consts[operands[0]])
    return f"{_program.GRAPH_OPS[op]}({', '.join(shown_below(nodes, k) for k in operands if k >= 0)})"


# ---- sums and products in every association ----------------------------------------------------------

def associated(nodes, terms, rng):
    """A random tree of sums and differences over terms."""
    terms = list(terms)
    while len(terms) > 1:
        k = rng.choice([0, len(terms) - 2, rng.randrange(len(terms) - 1)])
        pair = terms[k:k + 2]
        terms[k:k + 2] = [nodes.op(rng.choice(["add", "add", "add", "sub"]), *(pair if rng.random() < 0.5 else pair[::-1]))]
    return terms[0]


@pytest.mark.parametrize("seed", range(100))
def test_sums_of_products_in_every_association(seed):
    """Products of two, three and more, shared ones, squares; terms that are inputs or constants; several sums."""
    rng = random.Random(seed)
    nodes = Nodes(rng.randint(2, 12))
    sums = []
    for _ in range(rng.randint(1, 4)):
        terms = []
        for _ in range(rng.choice([2, 3, 4, 7, 20, 70])):
            term = rng.choice([*nodes.inputs, *sums])
            for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
                term = nodes.op("mul", *rng.sample([term, rng.choice([*nodes.inputs, *terms, term, 0.7, -1.0, 1.0])], 2))
            terms.append(nodes.op("neg", term) if rng.random() < 0.1 else term)
        sums.append(associated(nodes, terms, rng))
    outputs = sums if rng.random() < 0.5 else sums[-1:]
    check_everything(nodes, outputs, [rng.uniform(-2, 2) for _ in nodes.inputs])
    for _ in range(5):  # terms that cancel, zeros of both signs
        check_everything(nodes, outputs, [rng.choice([0.0, -0.0, 1.0, -1.0, 0.5]) for _ in nodes.inputs])


def check_everything(nodes, outputs, x):
    """Values by all lanes and the interpreter, gradients of the last output against backward()."""
    values, graph = nodes.evaluate(x), nodes.graph()
    for backend in BACKENDS:
        if backend in ANY_LANES or backend.name == "native" and len(nodes) < 200 and not backend.missing():
            assert not differ(one(backend, graph, outputs, (), x)[1], [values[i] for i in outputs]).any(), backend
    leaves, values = recorded(nodes, x)
    values[outputs[-1]].backward()
    reverse, adjoints, _ = _program.reverse_sweep(graph, outputs[-1:], nodes.inputs, False)
    for backend in EXACT:
        assert not differ(one(backend, reverse, adjoints, (), x)[1], [leaf.grad for leaf in leaves]).any(), backend


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 127, 128, 129, 255, 256, 257, 300, 511, 512, 513, 5000])
@pytest.mark.parametrize("how", ["left", "right", "differences", "plain", "plain right", "balanced"])
def test_long_sums(n, how):
    """sum(x*w): one after the other, from the end, with minus, without products, as a tree."""
    rng = random.Random(n)
    nodes = Nodes(16)
    terms = [nodes.op("mul", *rng.sample(nodes.inputs, 2)) if "plain" not in how else rng.choice(nodes.inputs) for _ in range(n)]
    if how == "balanced":
        while len(terms) > 1:
            terms = [nodes.op("add", *terms[k:k + 2]) if k + 1 < len(terms) else terms[k] for k in range(0, len(terms), 2)]
        total = terms[0]
    else:
        total = terms[0]
        for k, term in enumerate(terms[1:]):
            total = nodes.op("sub" if how == "differences" and k % 3 else "add", *((term, total) if "right" in how else (total, term)))
    check_everything(nodes, [total], [rng.uniform(-2, 2) for _ in nodes.inputs])


@pytest.mark.parametrize("apart", [1, 255, 256, 257, 4095, 4096, 4097, 5000])
@pytest.mark.parametrize("how", ["sum", "product", "guard", "sincos"])
def test_far_apart(apart, how):
    """Operations that become one instruction, with many others between them, which take the free slots."""
    nodes = Nodes(3)
    a, b, c = nodes.inputs
    first = nodes.op({"sum": "add", "product": "mul", "guard": "lt", "sincos": "sin"}[how], *([a, b] if how != "sincos" else [a]))
    other, x = nodes.op("mul", b, c), c
    for _ in range(apart):
        x = nodes.op("tanh", x)
    last = nodes.op("cos", a) if how == "sincos" else nodes.op("add", nodes.op("add", x, other), first)
    again = nodes.op("mul", nodes.op("square", a), nodes.op("square", b))  # takes slots
    total = nodes.op("sub", nodes.op("mul", last, again), first)
    point = [0.3, 0.7, -1.1]
    values = nodes.evaluate(point)
    guards = [(first, 1)] if how == "guard" else []
    for backend in EXACT:
        failed, got = one(backend, nodes.graph(), [total, x, last], guards, point)
        assert not failed and not differ(got, [values[total], values[x], values[last]]).any()
        if guards:
            assert one(backend, nodes.graph(), [total], guards, [0.7, 0.3, -1.1])[0] == 1


# ---- sine and cosine together --------------------------------------------------------------------------

def test_sine_and_cosine_of_one_number_are_those_of_each_alone():
    """The C library has a function for both: its bits must be those of sin and cos, on a million numbers."""
    rng = np.random.default_rng(1)
    everything = rng.integers(0, 2**64, 300_000, dtype=np.uint64).view(np.float64)
    k = rng.integers(-2**30, 2**30, 200_000)
    x = np.concatenate([everything, rng.uniform(-10, 10, 300_000), k*(math.pi/2), rng.normal(size=200_000)*10.0**rng.uniform(-20, 20, 200_000)])
    width = 1000
    nodes, single = Nodes(width), Nodes(1)
    outputs = [nodes.op(name, k) for k in range(width) for name in ("sin", "cos")]
    code = Executable(nodes.graph(), outputs)
    assert code.instructions == width
    for kind in ("interpreter", "exact"):
        run = interpreter if kind == "interpreter" else lanes(kind)
        _, both = run(nodes.graph(), outputs, (), x.reshape(-1, width))
        for name, got in (("sin", both.reshape(-1, 2)[:, 0]), ("cos", both.reshape(-1, 2)[:, 1])):
            alone = [single.op(name, 0)]
            _, want = lanes("exact")(single.graph(), alone, (), x[:, None])
            wrong = differ(got, want[:, 0])
            assert not wrong.any(), (kind, name, x[wrong][:5], got[wrong][:5])


def test_sine_and_cosine_take_the_slot_of_their_argument():
    """By all lanes: also beyond the range of the vector functions, where the argument is needed once more."""
    x = np.concatenate([np.linspace(-9, 9, 1000), np.linspace(1e5, 1e12, 1000), -np.logspace(6, 300, 500), SPECIAL])
    x = np.random.default_rng(0).permutation(x)
    together, single = Nodes(2), Nodes(1)
    t = together.op("div", *together.inputs)
    pair = [together.op("sin", t), together.op("cos", t)]
    for kind in _program.lanes_available():
        for outputs in (pair, pair[::-1]):
            _, got = lanes(kind)(together.graph(), outputs, (), np.stack([x, np.ones(len(x))], axis=1))
            for i, column in zip(outputs, got.T, strict=True):
                name = "sin" if i == pair[0] else "cos"
                alone = [single.op(name, 0)]
                _, want = lanes(kind)(single.graph(), alone, (), x[:, None])
                assert not differ(column, want[:, 0]).any(), (kind, name)


# ---- slots and size ------------------------------------------------------------------------------------

def test_slots_are_used_again():
    """A chain's value needs a few slots, however long; its reverse sweep keeps what it will read."""
    for length in (1000, 100_000):
        nodes = Nodes(3)
        x, a, b = nodes.inputs
        for _ in range(length):
            x = nodes.op("add", nodes.op("mul", x, a), nodes.op("mul", nodes.op("sin", x), b))
        code = Executable(nodes.graph(), [x])
        assert code.slots <= code.constants + code.inputs + 6
        reverse, adjoints, _ = _program.reverse_sweep(nodes.graph(), [x], nodes.inputs, False)
        assert Executable(reverse, adjoints).slots <= 4*length


def test_nothing_is_run_that_nobody_needs():
    """Signs move outwards when a graph is optimised: the negations that were there before are left out."""
    nodes = Nodes(2)
    x, y = nodes.inputs
    for _ in range(1000):
        x = nodes.op("mul", nodes.op("neg", x), y)
    code = Executable(nodes.graph(), [x])
    assert code.instructions <= 1100 and code.slots <= code.constants + code.inputs + 4
    dead = Nodes(2)
    total = dead.op("add", 0, 1)
    for k in range(1000):
        dead.op("exp", k)
    assert Executable(dead.graph(), [total]).instructions == 1


def test_equal_nodes_are_one():
    nodes = Nodes(2)
    first = [nodes.op("mul", nodes.op("exp", 0), nodes.op("log", 1)) for _ in range(50)]
    turned = [nodes.op("mul", nodes.op("log", 1), nodes.op("exp", 0)) for _ in range(50)]
    code = Executable(nodes.graph(), first + turned)
    assert code.instructions == 3 and len(set(code.outputs.tolist())) == 1


def columns_of(n, rng):
    """A graph of n operations, made by whole columns: each takes the one before and another, lately or from anywhere."""
    names = ["add", "mul", "sub", "sin", "minimum", "neg", "fma"]
    kinds = np.array([OPCODE[name] for name in names])
    arity = np.array([ROWS[name].arity for name in names])
    which = rng.integers(0, len(names), n)
    place = np.arange(3, n + 3)
    lately = np.maximum(place - rng.integers(1, 50, n), 0)
    anywhere = (rng.random(n)*place).astype(np.int64)
    b, c = np.where(rng.random(n) < 0.7, lately, anywhere), lately
    op = np.concatenate([[INPUT]*3, kinds[which]])
    return {"op": op.astype(np.uint8), "a": np.concatenate([[0, 1, 2], place - 1]),
            "b": np.concatenate([[-1]*3, np.where(arity[which] > 1, b, -1)]),
            "c": np.concatenate([[-1]*3, np.where(arity[which] > 2, c, -1)]), "consts": np.zeros(0), "n_inputs": 3}


@pytest.mark.slow  # large programs
def test_a_million_operations():
    """Values to the bit, and the gradient by both kinds of exact runs alike."""
    columns = columns_of(10**6, np.random.default_rng(2))
    graph, x = Graph.of(columns), [0.3, -0.4, 0.9]
    rows = list(zip(*(columns[name].tolist() for name in ("op", "a", "b", "c")), strict=True))
    values = evaluate(rows, [], x)
    outputs = list(range(len(rows) - 1, 0, -99_991))
    for backend in EXACT[:2]:
        assert not differ(one(backend, graph, outputs, (), x)[1], [values[i] for i in outputs]).any()
    reverse, adjoints, _ = _program.reverse_sweep(graph, outputs[:1], [0, 1, 2], False)
    gradients = [one(backend, reverse, adjoints, (), x)[1] for backend in EXACT[:2]]
    assert not differ(*gradients).any()


# ---- columns from outside ------------------------------------------------------------------------------

def good():
    nodes = Nodes(2)
    nodes.op("fma", 0, 1, nodes.op("add", nodes.op("exp", 0), 2.5))
    return nodes.columns()


def test_columns_come_back():
    columns = good()
    again = Graph.of(columns).columns()
    assert columns.keys() == again.keys() and all(np.array_equal(columns[k], again[k]) for k in columns)
    lists = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in columns.items()}
    assert len(Graph.of(lists)) == 6 and Graph.of(lists).inputs == 2
    empty = {"op": [], "a": [], "b": [], "c": [], "consts": [], "n_inputs": 0}
    assert len(Graph.of(empty)) == 0
    assert Executable(Graph.of(empty), []).results == 0


def changed(name, place, value):
    def change(columns):
        columns[name] = columns[name].astype(np.int64)
        columns[name][place] = value
    return change


def replaced(**parts):
    return lambda columns: columns.update(parts)


MALFORMED = {  # nodes: 0, 1 inputs; 2 exp(0); 3 the constant; 4 add(2, 3); 5 fma(0, 1, 4)
    "no columns at all": lambda columns: columns.clear(),
    **{f"no {name}": lambda columns, name=name: columns.pop(name) for name in ("op", "a", "b", "c", "consts", "n_inputs")},
    **{f"a shorter {name}": lambda columns, name=name: columns.update({name: columns[name][:-1]}) for name in ("op", "a", "b", "c")},
    "an input further up": changed("op", 4, INPUT), "an input of another number": changed("a", 1, 0),
    "an input with operands": changed("b", 0, 0), "no input where one should be": changed("op", 1, CONST),
    "an operand above": changed("a", 2, 3), "an operand that is itself": changed("a", 4, 4), "an operand below all": changed("a", 2, -1),
    "a second operand above": changed("b", 4, 5), "a second operand that is missing": changed("b", 4, -1),
    "a third operand above": changed("c", 5, 9), "a third operand that is missing": changed("c", 5, -1),
    "a second operand too many": changed("b", 2, 0), "a third operand too many": changed("c", 4, 0),
    "a constant that is not there": changed("a", 3, 1), "a constant below all": changed("a", 3, -1),
    "a constant with operands": changed("c", 3, 0),
    "an unknown operation": changed("op", 2, 255), "the operation after the last": changed("op", 2, max(OPCODE.values()) + 1),
    "an operation of tapes alone": changed("op", 2, 0), "an operation that wraps": changed("op", 2, 256 + OPCODE["exp"]),
    "an operand that wraps": changed("a", 2, 2**32), "an operand that is half": replaced(a=np.array([0, 1, 0.5, 0, 2, 0])),
    "an operand that is text": replaced(a=["0", "1", "0", "0", "2", "0"]), "two dimensions": replaced(a=np.zeros((6, 1), np.int32)),
    "a ragged column": replaced(a=[0, [1], 0, 0, 2, 0]), "constants that are text": replaced(consts=["a"]),
    "more inputs than nodes": replaced(n_inputs=7), "inputs below none": replaced(n_inputs=-1),
    "inputs that are half": replaced(n_inputs=1.5), "inputs beyond all": replaced(n_inputs=2**80), "no number of inputs": replaced(n_inputs=None),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_columns(what):
    columns = good()
    MALFORMED[what](columns)
    with pytest.raises(cgrad.ProgramError, match="graph"):
        Graph.of(columns)


@pytest.mark.parametrize("columns", [None, 5, "op", [1, 2], np.zeros(3)])
def test_no_columns(columns):
    with pytest.raises(cgrad.ProgramError):
        Graph.of(columns)


@pytest.mark.parametrize("outputs", [[-1], [6], [0, 2**31], [2**32], [1.5], [[0, 1]]])
def test_outputs_that_are_no_nodes(outputs):
    graph = Graph.of(good())
    for run in (lambda: Executable(graph, outputs), lambda: _program.reverse_sweep(graph, outputs, [0], False),
                lambda: _program.forward_sweep(graph, outputs, [0])):
        with pytest.raises(cgrad.ProgramError):
            run()
    for wrt in ([-1], [2], [2**32]):
        for seeded in (False, True):
            with pytest.raises(cgrad.ProgramError):
                _program.reverse_sweep(graph, [5], wrt, seeded)
        with pytest.raises(cgrad.ProgramError):
            _program.forward_sweep(graph, [5], wrt)


def test_guards_that_are_none():
    nodes = Nodes(2)
    less, one_ = nodes.op("lt", 0, 1), nodes.op("lt", 1.0, 2.0)
    graph = nodes.graph()
    for guards in ([(0, 1)], [(len(graph), 1)], [(-1, 1)], [(less, 2)], [(less, -1)], [(less + 2**32, 1)], [(less, 0.5)]):
        with pytest.raises(cgrad.ProgramError):
            Executable(graph, [0], guards)
    for expected, failed in ((1, 0), (0, 2)):  # over constants: it holds always, or never
        code = Executable(graph, [0], [(less, 1), (one_, expected)])
        assert _program.replay(code, np.array([0.0, 1.0]), np.zeros(1)) == failed


def test_an_input_twice():
    """Its tangents add up; its adjoint is given twice."""
    nodes = Nodes(2)
    out = nodes.op("mul", nodes.op("mul", 0, 0), 1)
    forward, tangents, _ = _program.forward_sweep(nodes.graph(), [out], [0, 0, 1])
    reverse, adjoints, _ = _program.reverse_sweep(nodes.graph(), [out], [0, 0, 1], False)
    assert one(EXACT[0], forward, tangents, (), [3.0, 5.0, 1.0, 10.0, 100.0])[1] == [11*30.0 + 100*9.0]
    assert one(EXACT[0], reverse, adjoints, (), [3.0, 5.0])[1].tolist() == [30.0, 30.0, 9.0]
    p = cgrad.compile(lambda x: x*x)
    assert p.jvp(3.0, v=(1.0, 10.0), argnums=(0, 0)) == (9.0, 66.0) and p.hvp(3.0, v=(1.0, 10.0), argnums=(0, 0)) == (22.0, 22.0)


def test_replay_looks_at_lengths():
    code = Executable(Graph.of(good()), [5, 2])
    for inputs, results in ((np.zeros(1), np.zeros(2)), (np.zeros(3), np.zeros(2)), (np.zeros(2), np.zeros(1))):
        with pytest.raises(ValueError, match="replay"):
            _program.replay(code, inputs, results)
    frozen = np.array([0.5, 1.0])
    frozen.flags.writeable = False
    results = np.zeros(2)
    assert _program.replay(code, frozen, results) == 0
    assert not differ(results, [FUNCTION["fma"](0.5, 1.0, math.exp(0.5) + 2.5), math.exp(0.5)]).any()
