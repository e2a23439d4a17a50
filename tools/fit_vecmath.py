"""Print the polynomials of src/cgrad/core/mathlib/vecmath/*.h: minimax fits by Remez exchange, at 240 bits with mpmath.

    python tools/fit_vecmath.py [name ...]

The headers hold these numbers by hand, some from an exchange that stopped a round later or earlier: then the higher
coefficients differ beyond the digits that matter. Takes half a minute for all.
"""

import sys

from mpmath import (
    asin,
    atan,
    atanh,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    expm1,
    log,
    lu_solve,
    matrix,
    mp,
    mpf,
    pi,
    sin,
    sinh,
    sqrt,
)

mp.prec = 240
LN2 = log(mpf(2))


def remez(f, low, high, terms, weight, rounds=12):
    """The c of sum(c[i]*x**i, i < terms) with the least maximum of |weight*(f - sum)| on [low, high]; the maximum."""
    low, high = mpf(low), mpf(high)
    middle, half = (low + high)/2, (high - low)/2
    points = [middle - half*cos(pi*(2*k + 1)/(2*(terms + 1))) for k in range(terms + 1)]
    grid = [middle - half*cos(pi*k/(40*(terms + 1))) for k in range(40*(terms + 1) + 1)]
    for _ in range(rounds):
        system, right = matrix(terms + 1, terms + 1), matrix(terms + 1, 1)
        for i, x in enumerate(points):
            w = weight(x)
            for j in range(terms):
                system[i, j] = w*x**j
            system[i, terms] = (-1)**i
            right[i] = w*f(x)
        c = list(lu_solve(system, right))[:terms]
        extremes = []  # the largest error of each run of one sign
        for x in grid:
            e = weight(x)*(f(x) - sum(v*x**j for j, v in enumerate(c)))
            if not e:
                continue
            if extremes and (extremes[-1][1] > 0) == (e > 0):
                if abs(e) > abs(extremes[-1][1]):
                    extremes[-1] = (x, e)
            else:
                extremes.append((x, e))
        most = max(abs(e) for _, e in extremes)
        while len(extremes) > terms + 1:
            extremes.pop(0 if abs(extremes[0][1]) < abs(extremes[-1][1]) else -1)
        if len(extremes) < terms + 1 or most < 1.05*min(abs(e) for _, e in extremes):
            break
        points = [x for x, _ in extremes]
    return c, most


def series(exact, *first):
    """exact(x), or its Taylor series of the given coefficients next to 0, where exact would be 0/0."""
    return lambda x: exact(x) if abs(x) > mpf(10)**-14 else sum(c*x**k for k, c in enumerate(first))


def of_root(g):
    return lambda z: g(sqrt(z))


third, r2 = mpf(1)/3, LN2/2*mpf("1.0001")
s2 = ((sqrt(mpf(2)) - 1)/(sqrt(mpf(2)) + 1)*mpf("1.0001"))**2  # s^2 of the logarithms
quarter, t2 = (pi/4*mpf("1.0001"))**2, ((sqrt(mpf(2)) - 1)*mpf("1.0001"))**2
erf_rest = series(of_root(lambda x: erf(x)/x - 1), 2/sqrt(pi) - 1, -2/sqrt(pi)/3, 2/sqrt(pi)/10)


def erfcx(t):
    """erfc(x) e^(x^2) (x + 2) for t = (x - 2)/(x + 2)."""
    x = 2*(1 + t)/(1 - t)
    with mp.workprec(1800 if x > 8 else 400):
        return exp(x*x)*erfc(x)*(x + 2)


# name: function, interval, terms, weight
FITS = {
    "exp": (series(lambda r: (exp(r) - 1 - r)/r**2, mpf(1)/2, mpf(1)/6), -r2, r2, 10, lambda r: r**2/exp(r)),
    "expm1": (series(lambda r: (exp(r) - 1 - r - r*r/2)/r**3, mpf(1)/6, mpf(1)/24), -r2, r2, 10,
              lambda r: r**3/expm1(r) if r else mpf(0)),
    "exp2": (series(lambda r: (2**r - 1 - r*LN2)/r**2, LN2**2/2, LN2**3/6), mpf("-0.50005"), mpf("0.50005"), 10,
             lambda r: r**2/2**r),
    "sinh": (series(of_root(lambda r: (sinh(r) - r)/r**3), mpf(1)/6, mpf(1)/120), 0, r2**2, 5, lambda z: z),
    "cosh": (series(of_root(lambda r: (cosh(r) - 1 - r*r/2)/r**4), mpf(1)/24, mpf(1)/720), 0, r2**2, 5, lambda z: z*z),
    "log": (series(of_root(lambda s: (2*atanh(s) - 2*s)/s**3), 2*third, mpf(2)/5), 0, s2, 7, lambda z: z),
    "log2": (series(of_root(lambda s: (2*atanh(s)/s - 2 - 2*third*s*s)/LN2/s**4), mpf(2)/5/LN2, mpf(2)/7/LN2), 0, s2, 9,
             lambda z: z*z*LN2/2),
    "sin": (series(of_root(lambda r: (sin(r) - r)/r**3), -mpf(1)/6, mpf(1)/120), 0, quarter, 6, lambda z: z),
    "cos": (series(of_root(lambda r: (cos(r) - 1 + r*r/2)/r**4), mpf(1)/24, -mpf(1)/720), 0, quarter, 6,
            lambda z: z*z),
    "atan": (series(of_root(lambda t: (atan(t) - t)/t**3), -third, mpf(1)/5), 0, t2, 11, lambda z: z),
    "asin": (series(of_root(lambda s: (asin(s) - s)/s**3), mpf(1)/6, mpf(3)/40), 0, mpf("0.25001"), 13, lambda z: z),
    "erf_small": (erf_rest, 0, mpf("0.2502"), 10, lambda z: mpf(1)),
    "erf": (erf_rest, 0, mpf("1.0001"), 13, lambda z: 1/(1 + erf_rest(z))),
    "erf_beyond": (lambda u: log(erfc(u + 1)), mpf("-0.001"), 5, 18, lambda u: erfc(u + 1)),
    "erfc": (erfcx, mpf("-1.5001")/mpf("2.4999"), mpf(26)/30, 24, lambda t: 1/erfcx(t)),
    "cbrt": (lambda m: m**-third, 1, 2, 5, lambda m: m**third),
}


def main(names):
    for name in names or FITS:
        f, low, high, terms, weight = FITS[name]
        c, most = remez(f, low, high, terms, weight)
        print(f"{name}: 2^{float(log(most, 2)):.1f} before rounding")
        for v in c:
            print("   ", float(v).hex(), "  lost", float(v - mpf(float(v))).hex())


if __name__ == "__main__":
    main(sys.argv[1:])
