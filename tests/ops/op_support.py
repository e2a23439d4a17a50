"""The op table as the tests read it: rows called by name, their derivatives, their exact ones.

Exact derivatives do not come from rules at all: mpmath evaluates the row's ``oracle`` at hundreds of
digits, and central differences with a step of some 10^-60 yield every partial derivative to far more
digits than a double has.
"""

from __future__ import annotations

import itertools
import math
import operator

import mpmath
from mpmath import mp, mpf

import cgrad
from cgrad._optable import OPS

RULED = {"stop", "with_partial"}  # hidden: their partials are theirs by definition, not those of their formulas
ROWS = {op.name: op for op in OPS if op.name not in RULED}
# Other hidden rows are helpers of partials: each is found in the recorded derivative of a public one.
PARENT = {
    "sech2": lambda x: cgrad.tanh(x),
    "exp_neg_square": lambda x: cgrad.erf(x),
    "one_minus_square": lambda x: cgrad.asin(x),
    "unit": lambda x, y: cgrad.hypot(x, y),
    "softmax2": lambda x, y: cgrad.logaddexp(x, y),
    "truncdiv": lambda x, y: cgrad.fmod(y, x),
    "normal_density": lambda x: cgrad.ndtr(x),
    "log_ratio": lambda x, y: cgrad.rel_entr(x, y),
}
# Hidden: zeros for kinks, which have no derivative, or no second one; a number with another one's derivative.
NOWHERE = {"kink", "flat", "shared"}
COMPARISONS = {"lt": operator.lt, "le": operator.le, "eq": operator.eq, "ne": operator.ne}  # hidden, of no public row
ORDERS = 3


def free(op) -> list[int]:
    """The arguments that are differentiated; the others are plain numbers."""
    return [k for k, text in enumerate(op.d) if text is not None]


def call(op, args):
    """The row's node, for public and hidden rows alike."""
    if op.name == "powc":
        return args[0] ** args[1]
    if not op.hidden:
        return getattr(cgrad, op.name)(*args)
    if op.name in COMPARISONS:
        return getattr(cgrad._core, f"scalar_{op.name}")(*args)
    if op.name in NOWHERE:
        return getattr(cgrad._core, f"hidden_{op.name}")(*args)
    if op.name == "log_ndtr_derivative":
        return cgrad._core.scalar_log_ndtr_derivative(*args)
    if op.name == "truncdiv":
        derivative = cgrad.gradients(cgrad.fmod(*args), create_graph=True).wrt(args[1])
    else:
        derivative = cgrad.gradients(PARENT[op.name](*args), create_graph=True).wrt(args[0])
    todo = [derivative]
    while todo:
        v = todo.pop()
        if v._name_of_op == op.name and v._operands == tuple(args):
            return v
        todo.extend(v._operands)
    raise AssertionError(f"{op.name}: not found in the derivative of its parent")


def inputs(op, point):
    return [cgrad.Value(x) if k in free(op) else x for k, x in enumerate(point)]


def derivatives(op, point, orders: int = ORDERS):
    """{(): value, (0,): d/dx0, (0, 1): ...} for each of three ways; every order of differentiation."""
    args = inputs(op, point)
    leaves = free(op)
    ways = {"recorded": {}, "backward": {}, "tangents": {}}
    level = {(): call(op, args)}
    for way in ways.values():
        way[()] = level[()].data
    for _ in range(orders):
        following = {}
        for index, value in level.items():
            for k in leaves:
                args[k].zero_grad()
            value.backward()
            recorded = cgrad.gradients(value, create_graph=True)
            for k in leaves:
                following[(*index, k)] = recorded.wrt(args[k])
                ways["recorded"][(*index, k)] = following[(*index, k)].data
                ways["backward"][(*index, k)] = args[k].grad
                ways["tangents"][(*index, k)] = cgrad.tangents(value, args[k])
        level = following
    return ways


# ---- the oracle ------------------------------------------------------------------------------------

NAMES = {name: getattr(mpmath, name) for name in dir(mpmath) if not name.startswith("_")}
NAMES.update(max=max, min=min)


def log_ndtr_derivative(n, x, absolute: bool = False):
    """By m = density/ndtr, m' = -m (x + m) and Leibniz's rule; absolute: the sum of the absolute terms."""
    with mp.workdps(mp.dps + 250):
        x = mpf(x)
        m, size = [mpmath.npdf(x)/(mpmath.erfc(-x/mpmath.sqrt(2))/2)], abs(x) if absolute else x
        for k in range(int(n) - 1):
            terms = [size*m[k], k*m[k - 1]] + [mpmath.binomial(k, j)*m[j]*m[k - j] for j in range(k + 1)]
            m.append(sum(terms) if absolute else -sum(terms))
        return m[int(n) - 1]


NAMES["log_ndtr_derivative"] = log_ndtr_derivative
STENCIL = {0: {0: 1.0}, 1: {-1: -0.5, 1: 0.5}, 2: {-1: 1.0, 0: -2.0, 1: 1.0}, 3: {-2: -0.5, -1: 1.0, 1: -1.0, 2: 0.5}}


def oracle(op):
    """The row as a function over mpmath's numbers."""
    if op.oracle:
        code = compile(op.oracle, op.name, "eval")
        return lambda *args: eval(code, NAMES, dict(zip(op.names, args, strict=True)))
    return getattr(mpmath, op.name)


def exact(op, point, orders: int = ORDERS):
    """{multi-index, sorted: mpf}: the true derivatives."""
    if op.name in PSI:
        return psi_derivatives(op.name, point, orders)
    if op.name == "log_ndtr_derivative":
        with mp.workdps(70):
            return {(1,)*n: log_ndtr_derivative(point[0] + n, point[1]) for n in range(orders + 1)}
    digits = int(40 + max([0.0, *(-math.log10(abs(x)) for x in point if x)]))
    result = differences(op, point, orders, digits)
    doubtful = [index for index, d in result.items() if index and d and abs(d) < mpf(10)**(-1.5*digits)]
    if doubtful:  # the step's own error, of a derivative that is 0, shrinks with the step
        finer = differences(op, point, orders, digits + 5)
        result.update({index: mpf(0) for index in doubtful if abs(finer[index]) < abs(result[index])/2})
    return result


def differences(op, point, orders: int, digits: int):
    """Central differences with a step of 10^-digits."""
    f = oracle(op)
    log_size = sum(math.log10(max(abs(x), 1.0)) for x in point)
    # 400 digits for tails such as exp(-800) added to 1, and enough to distinguish x + h from x
    with mp.workdps(int(4*digits + 400 + 4*log_size)):
        h = mpf(10)**-digits
        centre = [mpf(x) for x in point]
        known = {}

        def at(offset):
            if offset not in known:
                known[offset] = mpmath.re(f(*(x + o*h for x, o in zip(centre, offset, strict=True))))
            return known[offset]

        result = {}
        for n in range(orders + 1):
            for index in itertools.combinations_with_replacement(free(op), n):
                axes = [STENCIL[index.count(k)].items() for k in range(op.arity)]
                total = mpf(0)
                for terms in itertools.product(*axes):
                    total += math.prod(w for _, w in terms)*at(tuple(o for o, _ in terms))
                noise = max(mpf(10)**log_size, *map(abs, known.values()))*mpf(10)**(8 - mp.dps)
                result[index] = total/h**n if abs(total) > noise else mpf(0)
        return result


PSI = {"lgamma": -1, "digamma": 0, "polygamma": 0}


def psi_derivatives(name, point, orders):
    """The gamma family by mpmath's own polygamma functions: their derivatives are one another."""
    x, first = point[-1], PSI[name] + (int(point[0]) if name == "polygamma" else 0)
    with mp.workdps(70):
        result = {}
        for n in range(orders + 1):
            order = first + n
            value = mpmath.log(abs(mpmath.gamma(mpf(x)))) if order < 0 else mpmath.psi(order, mpf(x))
            result[(len(point) - 1,)*n] = value
        return result


def ulps(got: float, true, scale=None) -> float:
    """The error in units of the last place of ``true`` (of ``scale``, where that is larger)."""
    with mp.workdps(60):
        if mpmath.isnan(true) or math.isnan(got):
            return 0.0 if mpmath.isnan(true) and math.isnan(got) else math.inf
        nearest = float(true)
        if math.isinf(got) or math.isinf(nearest):
            return 0.0 if got == nearest else math.inf
        size = abs(nearest) if scale is None else max(abs(nearest), abs(float(scale)))
        return float(abs(mpf(got) - true)/mpf(math.ulp(size)))
