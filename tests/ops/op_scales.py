"""Scales that an error is relative to where a derivative is a difference.

By default an error counts in units of the last place of the true derivative. Where that derivative
is a difference with a zero of its own (tanh''' = sech^2 (4 tanh^2 - 2 sech^2) vanishes at 0.658...),
no rounded evaluation keeps relative accuracy next to the zero; there the error counts against the
sum of the absolute terms, which this file states, row by row and order by order.

``SCALES[row]`` maps how often each argument is differentiated (a tuple of counts) to an mpmath
expression over the arguments; ``None`` is for every count that is not listed.
"""

_E = "exp(-x*x)"
_S, _T = "sech({u})**2", "tanh({u})**2"


def _sech2(u: str, order: int) -> str:
    """Terms of the derivatives of sech(u)^2."""
    s, t = _S.format(u=u), _T.format(u=u)
    if order == 1:
        return f"{s}*(4*{t} + 2*{s})"
    return f"fabs(tanh({u}))*{s}*(12*{t} + 4 + 12*{s})"


_H = "hypot(x, y)"
_SHARE = "1/(1 + exp(y - x))", "1/(1 + exp(x - y))"
_S2 = f"({_SHARE[0]})*({_SHARE[1]})"  # its brackets sum to 1, so the terms of the second derivative are these
_S3 = f"{_S2}*(1 + 2*{_S2})"
_PSI = "fabs(psi(n, 1 - x)) + fabs(psi(n, x)) + fabs(psi(n, 1 - x) - psi(n, x))"

_PHI = "exp(-x*x/2)/sqrt(2*pi)"
_LOG_NDTR = "log_ndtr_derivative({n}, x, True)"

SCALES: dict[str, dict] = {
    # One rounding of the exponent y - k (exact for y >= 1/2) is magnified by log x, as any pow magnifies it.
    "powc": {(n, 0): f"x**(c - {n})*{f}*(1 + fabs(log(fabs(x))*(fabs(c) + {n})))" for n, f in (
        (1, "c"), (2, "c*(c - 1)"), (3, "c*(c - 1)*(c - 2)"))},
    "pow": {
        (1, 0): "y*x**(y - 1)*(1 + fabs(log(fabs(x))*(fabs(y) + 1)))",
        (2, 0): "y*(y - 1)*x**(y - 2)*(1 + fabs(log(fabs(x))*(fabs(y) + 2)))",
        (3, 0): "y*(y - 1)*(y - 2)*x**(y - 3)*(1 + fabs(log(fabs(x))*(fabs(y) + 3)))",
        (1, 1): "x**(y - 1)*(1 + fabs(y*log(x)))*(1 + fabs(log(x)))",
        (2, 1): "x**(y - 2)*(fabs(y) + fabs(y - 1) + fabs(y*(y - 1)*log(x)))*(1 + fabs(log(x)))",
        (1, 2): "x**(y - 1)*(2*fabs(log(x)) + fabs(y)*log(x)**2)*(1 + fabs(log(x)))",
    },
    "hypot": {(2, 1): f"fabs(y)*(2*x*x + y*y)/{_H}**5", (1, 2): f"fabs(x)*(2*y*y + x*x)/{_H}**5"},
    "unit": {
        (1, 1): f"fabs(y)*(2*x*x + y*y)/{_H}**5",
        (0, 2): f"fabs(x)*(2*y*y + x*x)/{_H}**5",
        (3, 0): f"3*y*y*(4*x*x + y*y)/{_H}**7",
        (2, 1): f"fabs(x*y)*(6*x*x + 9*y*y)/{_H}**7",
        (1, 2): f"(2*x**4 + 11*x*x*y*y + 2*y**4)/{_H}**7",
        (0, 3): f"fabs(x*y)*(9*x*x + 6*y*y)/{_H}**7",
    },
    "atan2": {
        (1, 1): f"1/{_H}**2",
        (3, 0): f"2*fabs(x)*(x*x + 3*y*y)/{_H}**6",
        (1, 2): f"2*fabs(x)*(x*x + 3*y*y)/{_H}**6",
        (2, 1): f"2*fabs(y)*(y*y + 3*x*x)/{_H}**6",
        (0, 3): f"2*fabs(y)*(y*y + 3*x*x)/{_H}**6",
    },
    "atan": {(3,): "(6*x*x + 2)/(1 + x*x)**3"},
    "asinh": {(3,): "(2*x*x + 1)/(1 + x*x)**2.5"},
    "tanh": {(3,): _sech2("x", 1)},
    "sech2": {(2,): _sech2("x", 1), (3,): _sech2("x", 2)},
    "sigmoid": {(3,): f"({_sech2('(x/2)', 1)})/16"},
    "erf": {(3,): f"1.13*{_E}*(4*x*x + 2)"},
    "erfc": {(3,): f"1.13*{_E}*(4*x*x + 2)"},
    "exp_neg_square": {(2,): f"{_E}*(4*x*x + 2)", (3,): f"{_E}*(8*fabs(x)**3 + 12*fabs(x))"},
    "softmax2": {None: _S3, (1, 0): "0", (0, 1): "0", (0, 0): "0",
              (2, 0): _S2, (1, 1): _S2, (0, 2): _S2},
    "logaddexp": {(0, 0): "fabs(max(x, y)) + log1p(exp(-fabs(x - y)))",
                  (3, 0): _S2, (2, 1): _S2, (1, 2): _S2, (0, 3): _S2},
    # Reflection: psi(n, x) = +-psi(n, 1 - x) - (d/dx)^n pi cot(pi x); a difference where x < 0.
    "digamma": {(k,): f"{_PSI.replace('n,', f'{k},')} if x < 0 else mpf(0)" for k in range(4)},
    "polygamma": {(0, k): f"{_PSI.replace('n,', f'n + {k},')} if x < 0 else mpf(0)" for k in range(4)},
    "gamma": {(k,): f"3*gamma(x)*{terms}" for k, terms in enumerate((
        "1", "(1 + fabs(psi(0, x)))", "(1 + psi(0, x)**2 + fabs(psi(1, x)))",
        "(1 + fabs(psi(0, x)**3) + fabs(3*psi(0, x)*psi(1, x)) + fabs(psi(2, x)))"))},
    "normal_density": {(2,): f"{_PHI}*(1 + x*x)", (3,): f"{_PHI}*(fabs(x)**3 + 3*fabs(x))"},
    "ndtr": {(3,): f"{_PHI}*(1 + x*x)"},
    # Where the derivatives of density/ndtr are sums of terms that cancel; left of -1 they are made otherwise.
    "log_ndtr": {(k,): f"{_LOG_NDTR.format(n=k)} if x > -1 else mpf(0)" for k in (2, 3)},
    "log_ndtr_derivative": {
        (0, k): f"{_LOG_NDTR.format(n=f'n + {k}')} if x > -1 else log_ndtr_derivative(n + {k}, x)*2**(n + {k})"
        for k in range(4)},
    "entr": {(1,): "1 + fabs(log(x))"},
    "rel_entr": {(1, 0): "1 + fabs(log(x/y))"},
    "lgamma": {(k + 1,): f"{_PSI.replace('n,', f'{k},')} if x < 0 else mpf(0)" for k in range(3)},
}
