# core/special.pxi: the C functions that formulas of the op table name.
#
# A formula writes exp(x); the generator spells it c_exp(x), so that C's function and the Python
# function cgrad.exp do not meet. Everything here is a plain function of doubles.

cdef extern from "<math.h>" nogil:
    double INFINITY
    double NAN
    double M_PI
    double c_fabs "fabs"(double)
    double c_fma "fma"(double, double, double)
    double c_pow "pow"(double, double)
    double c_sqrt "sqrt"(double)
    double c_cbrt "cbrt"(double)
    double c_hypot "hypot"(double, double)
    double c_exp "exp"(double)
    double c_exp2 "exp2"(double)
    double c_expm1 "expm1"(double)
    double c_log "log"(double)
    double c_log2 "log2"(double)
    double c_log10 "log10"(double)
    double c_log1p "log1p"(double)
    double c_sin "sin"(double)
    double c_cos "cos"(double)
    double c_tan "tan"(double)
    double c_asin "asin"(double)
    double c_acos "acos"(double)
    double c_atan "atan"(double)
    double c_atan2 "atan2"(double, double)
    double c_sinh "sinh"(double)
    double c_cosh "cosh"(double)
    double c_tanh "tanh"(double)
    double c_asinh "asinh"(double)
    double c_acosh "acosh"(double)
    double c_atanh "atanh"(double)
    double c_erf "erf"(double)
    double c_erfc "erfc"(double)
    double c_lgamma "lgamma"(double)
    double c_floor "floor"(double)
    double c_ceil "ceil"(double)
    double c_rint "rint"(double)
    double c_trunc "trunc"(double)
    double c_fmod "fmod"(double, double)
    double c_copysign "copysign"(double, double)


cdef inline double c_py_mod(double x, double y) noexcept nogil:
    """Python's x % y: the sign of y, without its ZeroDivisionError."""
    cdef double r = c_fmod(x, y)
    if r != 0:
        return r + y if (r < 0) != (y < 0) else r
    return c_copysign(r, y) if r == 0 else r  # a nan falls through


cdef inline double c_py_floordiv(double x, double y) noexcept nogil:
    """Python's x // y: from the remainder, so that it agrees with %."""
    cdef double r, q, whole
    if y == 0:
        return x/y
    r = c_fmod(x, y)
    q = (x - r)/y
    if r != 0 and (r < 0) != (y < 0):
        q -= 1
    if q == 0:
        return c_copysign(0.0, x/y)
    whole = c_floor(q)
    return whole + 1 if q - whole > 0.5 else whole


cdef inline double c_trunc_div(double x, double y) noexcept nogil:
    """The whole part of x/y, from the remainder: x/y itself may round up to the next whole number."""
    return c_rint((x - c_fmod(x, y))/y) if y != 0 else x/y


cdef inline double c_pow_const(double x, double c) noexcept nogil:
    return x if c == 1 else c_pow(x, c)  # not x*x for 2: Python's x**2 is pow, and differs in one of 1000


cdef inline double c_cube_root(double x) noexcept nogil:
    """cbrt with a step of Newton: C's errs by 2 ulp, which the partials (cbrt^-2, ^-5, ^-8) would multiply."""
    cdef double r = c_cbrt(x), s = r*r
    if r == 0 or not c_fabs(r) < INFINITY:
        return r
    return r - (c_fma(s, r, -x) + c_fma(r, r, -s)*r)/(3*s)


cdef inline double c_sign(double x) noexcept nogil:
    return 1.0 if x > 0 else -1.0 if x < 0 else x if x != x else 0.0


cdef inline double c_maximum(double x, double y) noexcept nogil:
    return x if x > y or x != x else y


cdef inline double c_minimum(double x, double y) noexcept nogil:
    return x if x < y or x != x else y


cdef inline double c_clip(double x, double lo, double hi) noexcept nogil:
    return c_minimum(c_maximum(x, lo), hi)


cdef inline double exp_difference(double x, double y) noexcept nogil:
    """exp(x - y) with the rounding error of x - y put back (it would be a relative error)."""
    cdef double d = x - y, t = d - x, tail = (x - (d - t)) - (y + t)
    return c_exp(d)*(1 + tail) if tail == tail else c_exp(d)


cdef inline double c_log_add_exp(double x, double y) noexcept nogil:
    if x == y:  # also two equal infinities
        return x + 0.6931471805599453
    return x + c_log1p(exp_difference(y, x)) if x > y else y + c_log1p(exp_difference(x, y))


cdef inline double c_share(double x, double y) noexcept nogil:
    cdef double e
    if x == y:
        return 0.5
    if x > y:
        return 1/(1 + exp_difference(y, x))
    e = exp_difference(x, y)
    return e/(1 + e)


cdef inline double c_expnsq(double x) noexcept nogil:
    """exp(-x*x) with the rounding error of x*x put back (it would be multiplied by x*x)."""
    cdef double s = x*x, tail = c_fma(x, x, -s)
    if not s < 800:  # 0 (or nan) already; inf - inf would make nan of it
        return c_exp(-s)
    return c_exp(-s)*(1 - tail)


# ---- digamma and polygamma -----------------------------------------------------------------------
# On [1, 2]: (x - root) times a Chebyshev series of digamma(x)/(x - root), fitted with mpmath at 60
# digits, so that the relative error stays small at the root itself. Elsewhere the recurrence and the
# asymptotic series, Abramowitz & Stegun 6.3.5, 6.3.7, 6.3.18; 6.4.6, 6.4.7, 6.4.10, 6.4.11.

cdef double DIGAMMA_ROOT = 1.4616321449683622
cdef double DIGAMMA_ROOT_TAIL = 9.549995429965697e-17
cdef double[24] DIGAMMA_SERIES = [
    0.983570260441567, -0.2270640863346444, 0.03336889902393011, -0.005320077271596548,
    0.0008788656937820505, -0.00014773492650606044, 2.5060543468359146e-05, -4.2721034029993324e-06,
    7.302769272465923e-07, -1.2502886813559594e-07, 2.1425009322359472e-08, -3.673295918565179e-09,
    6.299717236108931e-10, -1.080593028883266e-10, 1.853735192053638e-11, -3.18023536582553e-12,
    5.456147570322795e-13, -9.360993131036438e-14, 1.606064636295075e-14, -2.7555431377438815e-15,
    4.727736178601912e-16, -8.11148420346509e-17, 1.391707769474154e-17, -2.3877901082188625e-18]
cdef double[15] BERNOULLI = [  # B2, B4, ..., B30
    0.16666666666666666, -0.03333333333333333, 0.023809523809523808, -0.03333333333333333, 0.07575757575757576,
    -0.2531135531135531, 1.1666666666666667, -7.092156862745098, 54.971177944862156, -529.1242424242424,
    6192.123188405797, -86580.25311355312, 1425517.1666666667, -27298231.067816094, 601580873.9006424]


cdef inline double cot_pi(double x) noexcept nogil:
    """cot(pi*x), from the distance to the nearest multiple of 1/2, so that it is accurate at its zeros too."""
    cdef double f = x - c_rint(x)
    if c_fabs(f) <= 0.25:
        return 1/c_tan(M_PI*f)
    return c_copysign(c_tan(M_PI*(0.5 - c_fabs(f))), f)


cdef double c_digamma(double x) noexcept nogil:
    cdef double shift = 0, t, b0 = 0, b1 = 0, b2
    cdef int k
    if x != x or x == -INFINITY:
        return NAN
    if x == 0:
        return c_copysign(INFINITY, -x)
    if x < 0:
        if x == c_floor(x):
            return NAN
        return c_digamma(1 - x) - M_PI*cot_pi(x)
    if x < 1:
        return c_digamma(x + 1) - 1/x
    if x >= 10:
        t = 1/(x*x)
        for k in range(9, -1, -1):
            b0 = t*(BERNOULLI[k]/(2*k + 2) + b0)
        return c_log(x) - 0.5/x - b0
    while x > 2:
        x -= 1
        shift += 1/x
    t = 2*(2*x - 3)
    for k in range(24 - 1, 0, -1):
        b2 = b1
        b1 = b0
        b0 = t*b1 - b2 + DIGAMMA_SERIES[k]
    return shift + ((x - DIGAMMA_ROOT) - DIGAMMA_ROOT_TAIL)*(DIGAMMA_SERIES[0] + 0.5*t*b0 - b1)


cdef double cot_derivative(int n, double x) noexcept nogil:
    """d^n/dx^n of pi*cot(pi*x): with c = cot, P0 = c and P(k+1) = -(1 + c^2) P(k)'."""
    cdef double c = cot_pi(x), result = 0
    cdef double[64] p, q
    cdef int i, k
    for i in range(64):
        p[i] = 0
    p[1] = 1
    for k in range(n):
        for i in range(64):
            q[i] = 0
        for i in range(1, k + 2):
            q[i - 1] -= i*p[i]
            q[i + 1] -= i*p[i]
        for i in range(64):
            p[i] = q[i]
    for i in range(n + 1, -1, -1):
        result = result*c + p[i]
    return result*c_pow(M_PI, n + 1)


cdef double c_polygamma(double order, double x) noexcept nogil:
    cdef int n, k, terms
    cdef double s, total, power, term, factorial, first
    if order == 0:
        return c_digamma(x)
    if not (1 <= order <= 60) or order != c_floor(order) or x != x or x == -INFINITY:
        return NAN
    n = <int>order
    if x <= 0:
        if x == c_floor(x):
            return INFINITY if n % 2 else NAN
        total = c_polygamma(order, 1 - x)
        return (total if n % 2 == 0 else -total) - cot_derivative(n, x)
    s = order + 1
    factorial = 1
    for k in range(2, n + 1):
        factorial *= k
    terms = 0
    first = x
    if x < 15 + n:
        terms = <int>(15 + n - x) + 1
        x += terms
    power = c_pow(x, -order)            # x^(1-s)
    total = 0
    term = power/(x*x)                  # x^(-s-1)
    term = term*s/2
    for k in range(15):                 # Euler and Maclaurin's tail
        total += BERNOULLI[k]*term
        term *= (s + 2*k + 1)*(s + 2*k + 2)/((2*k + 3)*(2*k + 4)*x*x)
    total += power/x/2
    total += power/order
    for k in range(terms - 1, -1, -1):  # then the terms themselves, small ones first
        total += c_pow(first + k, -s)
    return total*factorial if n % 2 else -total*factorial
