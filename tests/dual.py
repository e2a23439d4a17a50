"""An independent evaluator of derivatives: hyper-dual numbers over plain floats.

A number a + b e1 + c e2 + d e1 e2 with e1^2 = e2^2 = 0 carries, through f,
    f(a) + f'(a) b e1 + f'(a) c e2 + (f'(a) d + f''(a) b c) e1 e2:
exact first and second derivatives without steps, tapes or graphs. The rules below are written from
textbooks over Python's ``math``; nothing is taken from cgrad's op table.

>>> x = Hyper(3.0, 1.0, 1.0)
>>> y = x*x*x
>>> y.value, y.d1, y.d12
(27.0, 27.0, 18.0)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


class Hyper:
    """value + d1 e1 + d2 e2 + d12 e1 e2."""

    __slots__ = ("d1", "d12", "d2", "value")

    def __init__(self, value: float, d1: float = 0.0, d2: float = 0.0, d12: float = 0.0) -> None:
        self.value, self.d1, self.d2, self.d12 = value, d1, d2, d12

    def through(self, f: float, df: float, ddf: float) -> Hyper:
        """A function with these value and derivatives at self.value."""
        return Hyper(f, df*self.d1, df*self.d2, df*self.d12 + ddf*self.d1*self.d2)

    def __add__(self, other):
        y = lift(other)
        return Hyper(self.value + y.value, self.d1 + y.d1, self.d2 + y.d2, self.d12 + y.d12)

    def __neg__(self):
        return Hyper(-self.value, -self.d1, -self.d2, -self.d12)

    def __sub__(self, other):
        return self + -lift(other)

    def __rsub__(self, other):
        return lift(other) + -self

    def __mul__(self, other):
        y = lift(other)
        return Hyper(self.value*y.value, self.value*y.d1 + self.d1*y.value, self.value*y.d2 + self.d2*y.value,
                     self.value*y.d12 + self.d1*y.d2 + self.d2*y.d1 + self.d12*y.value)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other):
        return self*reciprocal(lift(other))

    def __rtruediv__(self, other):
        return lift(other)*reciprocal(self)

    def __pow__(self, other):
        if isinstance(other, Hyper):
            return exp(log(self)*other)
        x, c = self.value, other
        return self.through(x**c, c*x**(c - 1), c*(c - 1)*x**(c - 2))

    def __rpow__(self, other):
        return exp(self*math.log(other))

    def __mod__(self, other):
        y = lift(other)
        return self - y*math.floor(self.value/y.value)

    def __rmod__(self, other):
        return lift(other) % self

    def __abs__(self):
        return self if self.value > 0 else -self


def lift(x) -> Hyper:
    return x if isinstance(x, Hyper) else Hyper(float(x))


def reciprocal(x: Hyper) -> Hyper:
    v = 1/x.value
    return x.through(v, -v*v, 2*v*v*v)


def function(rule: Callable[[float], tuple[float, float, float]]) -> Callable:
    """A function of one number from x -> (f, f', f''); plain floats return plain floats."""
    def apply(x):
        return x.through(*rule(x.value)) if isinstance(x, Hyper) else rule(x)[0]
    return apply


def _logistic(x: float) -> float:
    return 1/(1 + math.exp(-x)) if x >= 0 else math.exp(x)/(1 + math.exp(x))


def _tan(x):
    t = math.tan(x)
    return t, 1 + t*t, 2*t*(1 + t*t)


def _tanh(x):
    t, s = math.tanh(x), 1/math.cosh(x)**2
    return t, s, -2*t*s


def _sigmoid(x):
    p, q = _logistic(x), _logistic(-x)
    return p, p*q, p*q*(q - p)


def _softplus(x):
    p, q = _logistic(x), _logistic(-x)
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))), p, p*q


def _cbrt(x):
    r = math.cbrt(x)
    return r, r/(3*x), -2*r/(9*x*x)


def _arc(sign: float, f: Callable[[float], float]):
    def rule(x):
        s = 1/math.sqrt(1 - x*x)
        return f(x), sign*s, sign*x*s**3
    return rule


def _gauss(sign: float, f: Callable[[float], float]):
    def rule(x):
        g = sign*2/math.sqrt(math.pi)*math.exp(-x*x)
        return f(x), g, -2*x*g
    return rule


def _log_to(base: float):
    k = 1/math.log(base)
    return lambda x: (math.log(x)*k, k/x, -k/(x*x))


exp = function(lambda x: (math.exp(x),)*3)
exp2 = function(lambda x: (2.0**x, math.log(2)*2.0**x, math.log(2)**2*2.0**x))
expm1 = function(lambda x: (math.expm1(x), math.exp(x), math.exp(x)))
log = function(lambda x: (math.log(x), 1/x, -1/(x*x)))
log2, log10 = function(_log_to(2)), function(_log_to(10))
log1p = function(lambda x: (math.log1p(x), 1/(1 + x), -1/(1 + x)**2))
sqrt = function(lambda x: (math.sqrt(x), 0.5/math.sqrt(x), -0.25/(x*math.sqrt(x))))
cbrt = function(_cbrt)
square = function(lambda x: (x*x, 2*x, 2.0))
sin = function(lambda x: (math.sin(x), math.cos(x), -math.sin(x)))
cos = function(lambda x: (math.cos(x), -math.sin(x), -math.cos(x)))
tan, tanh, sigmoid, softplus = function(_tan), function(_tanh), function(_sigmoid), function(_softplus)
asin, acos = function(_arc(1, math.asin)), function(_arc(-1, math.acos))
atan = function(lambda x: (math.atan(x), 1/(1 + x*x), -2*x/(1 + x*x)**2))
sinh = function(lambda x: (math.sinh(x), math.cosh(x), math.sinh(x)))
cosh = function(lambda x: (math.cosh(x), math.sinh(x), math.cosh(x)))
asinh = function(lambda x: (math.asinh(x), (1 + x*x)**-0.5, -x*(1 + x*x)**-1.5))
acosh = function(lambda x: (math.acosh(x), (x*x - 1)**-0.5, -x*(x*x - 1)**-1.5))
atanh = function(lambda x: (math.atanh(x), 1/(1 - x*x), 2*x/(1 - x*x)**2))
erf, erfc = function(_gauss(1, math.erf)), function(_gauss(-1, math.erfc))
relu = function(lambda x: (max(x, 0.0), float(x > 0), 0.0))
degrees = function(lambda x: (math.degrees(x), 180/math.pi, 0.0))
radians = function(lambda x: (math.radians(x), math.pi/180, 0.0))


def hypot(x, y):
    return sqrt(x*x + y*y)


def atan2(y, x):
    """From atan, on the half plane where it is one-valued; else turned by pi/2."""
    a, b = lift(y), lift(x)
    if abs(b.value) > abs(a.value):
        turned = atan(a/b)
    else:
        turned = math.copysign(math.pi/2, a.value) - atan(b/a)
    return turned + (math.atan2(a.value, b.value) - turned.value)


def logaddexp(x, y):
    return y + softplus(x - y)


def maximum(x, y):
    return lift(x) if lift(x).value > lift(y).value else lift(y)


def minimum(x, y):
    return lift(x) if lift(x).value < lift(y).value else lift(y)


def fma(x, y, z):
    return x*y + z


def clip(x, lo, hi):
    return minimum(maximum(x, lo), hi)


def where(c, x, y):
    return lift(x) if lift(c).value else lift(y)


def derivatives(f: Callable, point: Sequence[float]) -> tuple[float, list[float], list[list[float]]]:
    """Value, gradient and Hessian of f(*numbers): one evaluation for each pair of arguments."""
    n = len(point)
    value, gradient = 0.0, [0.0]*n
    hessian = [[0.0]*n for _ in range(n)]
    for i in range(n):
        for j in range(i, n):
            y = lift(f(*(Hyper(x, float(k == i), float(k == j)) for k, x in enumerate(point))))
            value, gradient[i] = y.value, y.d1
            hessian[i][j] = hessian[j][i] = y.d12
    return value, gradient, hessian
