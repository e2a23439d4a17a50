/* The functions that formulas of the op table call and C does not have (FUNCTIONS, there, lists all that they call).

   A formula writes sign(x); generated C spells it c_sign(x), so that C's function and the Python function cgrad.sign do
   not meet. Everything here is a plain function of doubles in C99. Generated C programs carry this text along, so it
   includes <math.h> alone, and the compiler must not contract a*b + c (-ffp-contract=off, /fp:precise). */
#ifndef CGRAD_SPECIAL_H
#define CGRAD_SPECIAL_H

#include <math.h>

#if defined(__GNUC__)
#define CGRAD_UNUSED __attribute__((unused))  /* a program calls some of them */
#else
#define CGRAD_UNUSED
#endif

/* Python's x % y: the sign of y, without its ZeroDivisionError. */
CGRAD_UNUSED static inline double c_py_mod(double x, double y) {
    double r = fmod(x, y);
    if (r != 0)
        return (r < 0) != (y < 0) ? r + y : r;
    return r == 0 ? copysign(r, y) : r;  /* a nan falls through */
}

/* Python's x // y: from the remainder, so that it agrees with %. */
CGRAD_UNUSED static inline double c_py_floordiv(double x, double y) {
    double r, q, whole;
    if (y == 0)
        return x/y;
    r = fmod(x, y);
    q = (x - r)/y;
    if (r != 0 && (r < 0) != (y < 0))
        q -= 1;
    if (q == 0)
        return copysign(0.0, x/y);
    whole = floor(q);
    return q - whole > 0.5 ? whole + 1 : whole;
}

/* The whole part of x/y, from the remainder: x/y itself may round up to the next whole number. */
CGRAD_UNUSED static inline double c_trunc_div(double x, double y) {
    return y != 0 ? rint((x - fmod(x, y))/y) : x/y;
}

/* cbrt with a step of Newton: C's errs by 2 ulp, which the partials (cbrt^-2, ^-5, ^-8) would multiply. */
CGRAD_UNUSED static inline double c_cube_root(double x) {
    double r = cbrt(x), s = r*r;
    if (r == 0 || !(fabs(r) < INFINITY))
        return r;
    return r - (fma(s, r, -x) + fma(r, r, -s)*r)/(3*s);
}

CGRAD_UNUSED static inline double c_sign(double x) {
    return x > 0 ? 1.0 : x < 0 ? -1.0 : x != x ? x : 0.0;
}

CGRAD_UNUSED static inline double c_maximum(double x, double y) {
    return x > y || x != x ? x : y;
}

CGRAD_UNUSED static inline double c_minimum(double x, double y) {
    return x < y || x != x ? x : y;
}

CGRAD_UNUSED static inline double c_clip(double x, double lo, double hi) {
    return c_minimum(c_maximum(x, lo), hi);
}

/* exp(x - y) with the rounding error of x - y put back (it would be a relative error). */
CGRAD_UNUSED static inline double c_exp_difference(double x, double y) {
    double d = x - y, t = d - x, tail = (x - (d - t)) - (y + t);
    return tail == tail ? exp(d)*(1 + tail) : exp(d);
}

CGRAD_UNUSED static inline double c_log_add_exp(double x, double y) {
    if (x == y)  /* also two equal infinities */
        return x + 0.6931471805599453;
    return x > y ? x + log1p(c_exp_difference(y, x)) : y + log1p(c_exp_difference(x, y));
}

CGRAD_UNUSED static inline double c_softmax2(double x, double y) {
    double e;
    if (x == y)
        return 0.5;
    if (x > y)
        return 1/(1 + c_exp_difference(y, x));
    e = c_exp_difference(x, y);
    return e/(1 + e);
}

/* exp(-x*x) with the rounding error of x*x put back (it would be multiplied by x*x). */
CGRAD_UNUSED static inline double c_exp_neg_square(double x) {
    double s = x*x, tail = fma(x, x, -s);
    if (!(s < 800))  /* 0 (or nan) already; inf - inf would make nan of it */
        return exp(-s);
    return exp(-s)*(1 - tail);
}

/* ---- digamma and polygamma ----------------------------------------------------------------------
   On [1, 2]: (x - root) times a Chebyshev series of digamma(x)/(x - root), fitted with mpmath at 60
   digits, so that the relative error stays small at the root itself. Elsewhere the recurrence and the
   asymptotic series, Abramowitz & Stegun 6.3.5, 6.3.7, 6.3.18; 6.4.6, 6.4.7, 6.4.10, 6.4.11. */

#define CGRAD_PI 3.141592653589793  /* C99 has no M_PI */
#define CGRAD_DIGAMMA_ROOT 1.4616321449683622
#define CGRAD_DIGAMMA_ROOT_TAIL 9.549995429965697e-17

CGRAD_UNUSED static const double cgrad_digamma_series[24] = {
    0.983570260441567, -0.2270640863346444, 0.03336889902393011, -0.005320077271596548,
    0.0008788656937820505, -0.00014773492650606044, 2.5060543468359146e-05, -4.2721034029993324e-06,
    7.302769272465923e-07, -1.2502886813559594e-07, 2.1425009322359472e-08, -3.673295918565179e-09,
    6.299717236108931e-10, -1.080593028883266e-10, 1.853735192053638e-11, -3.18023536582553e-12,
    5.456147570322795e-13, -9.360993131036438e-14, 1.606064636295075e-14, -2.7555431377438815e-15,
    4.727736178601912e-16, -8.11148420346509e-17, 1.391707769474154e-17, -2.3877901082188625e-18};
CGRAD_UNUSED static const double cgrad_bernoulli[15] = {  /* B2, B4, ..., B30 */
    0.16666666666666666, -0.03333333333333333, 0.023809523809523808, -0.03333333333333333, 0.07575757575757576,
    -0.2531135531135531, 1.1666666666666667, -7.092156862745098, 54.971177944862156, -529.1242424242424,
    6192.123188405797, -86580.25311355312, 1425517.1666666667, -27298231.067816094, 601580873.9006424};

/* cot(pi*x), from the distance to the nearest multiple of 1/2, so that it is accurate at its zeros too. */
CGRAD_UNUSED static inline double c_cot_pi(double x) {
    double f = x - rint(x);
    if (fabs(f) <= 0.25)
        return 1/tan(CGRAD_PI*f);
    return copysign(tan(CGRAD_PI*(0.5 - fabs(f))), f);
}

CGRAD_UNUSED static double c_digamma(double x) {
    double shift = 0, t, b0 = 0, b1 = 0, b2;
    int k;
    if (x != x || x == -INFINITY)
        return NAN;
    if (x == 0)
        return copysign(INFINITY, -x);
    if (x < 0) {
        if (x == floor(x))
            return NAN;
        return c_digamma(1 - x) - CGRAD_PI*c_cot_pi(x);
    }
    if (x < 1)
        return c_digamma(x + 1) - 1/x;
    if (x >= 10) {
        t = 1/(x*x);
        for (k = 9; k >= 0; k--)
            b0 = t*(cgrad_bernoulli[k]/(2*k + 2) + b0);
        return log(x) - 0.5/x - b0;
    }
    while (x > 2) {
        x -= 1;
        shift += 1/x;
    }
    t = 2*(2*x - 3);
    for (k = 24 - 1; k > 0; k--) {
        b2 = b1;
        b1 = b0;
        b0 = t*b1 - b2 + cgrad_digamma_series[k];
    }
    return shift + ((x - CGRAD_DIGAMMA_ROOT) - CGRAD_DIGAMMA_ROOT_TAIL)*(cgrad_digamma_series[0] + 0.5*t*b0 - b1);
}

CGRAD_UNUSED static double cgrad_factorial(int n) {
    double product = 1;
    int k;
    for (k = 2; k <= n; k++)
        product *= k;
    return product;
}

/* d^n/dx^n of pi*cot(pi*x): with c = cot, P0 = c and P(k+1) = -(1 + c^2) P(k)'. */
CGRAD_UNUSED static double c_cot_derivative(int n, double x) {
    double c = c_cot_pi(x), result = 0, p[64] = {0}, q[64];
    int i, k;
    p[1] = 1;
    for (k = 0; k < n; k++) {
        for (i = 0; i < 64; i++)
            q[i] = 0;
        for (i = 1; i < k + 2; i++) {
            q[i - 1] -= i*p[i];
            q[i + 1] -= i*p[i];
        }
        for (i = 0; i < 64; i++)
            p[i] = q[i];
    }
    for (i = n + 1; i >= 0; i--)
        result = result*c + p[i];
    return result*pow(CGRAD_PI, n + 1);
}

CGRAD_UNUSED static double c_polygamma(double order, double x) {
    int n, k, terms;
    double s, total, power, term, factorial, first;
    if (order == 0)
        return c_digamma(x);
    if (!(1 <= order && order <= 60) || order != floor(order) || x != x || x == -INFINITY)
        return NAN;
    n = (int)order;
    if (x <= 0) {
        if (x == floor(x))
            return n % 2 ? INFINITY : NAN;
        total = c_polygamma(order, 1 - x);
        return (n % 2 == 0 ? total : -total) - c_cot_derivative(n, x);
    }
    s = order + 1;
    factorial = cgrad_factorial(n);
    terms = 0;
    first = x;
    if (x < 15 + n) {
        terms = (int)(15 + n - x) + 1;
        x += terms;
    }
    power = pow(x, -order);             /* x^(1-s) */
    total = 0;
    term = power/(x*x);                 /* x^(-s-1) */
    term = term*s/2;
    for (k = 0; k < 15; k++) {          /* Euler and Maclaurin's tail */
        total += cgrad_bernoulli[k]*term;
        term *= (s + 2*k + 1)*(s + 2*k + 2)/((2*k + 3)*(2*k + 4)*x*x);
    }
    total += power/x/2;
    total += power/order;
    for (k = terms - 1; k >= 0; k--)    /* then the terms themselves, small ones first */
        total += pow(first + k, -s);
    return n % 2 ? total*factorial : -total*factorial;
}

/* ---- entropies ----------------------------------------------------------------------------------- */

/* log(x/y): accurate where x is near y, and where x/y under- or overflows. */
CGRAD_UNUSED static inline double c_log_ratio(double x, double y) {
    double ratio = x/y;
    if (0.5 < ratio && ratio < 2)
        return log1p((x - y)/y);
    return 1e-300 < ratio && ratio < 1e300 ? log(ratio) : log(x) - log(y);
}

CGRAD_UNUSED static inline double c_entr(double x) {
    return x > 0 ? -x*log(x) : x == 0 ? 0 : x < 0 ? -INFINITY : x;
}

CGRAD_UNUSED static inline double c_rel_entr(double x, double y) {
    if (x != x || y != y)
        return x + y;
    return x > 0 && y > 0 ? x*c_log_ratio(x, y) : x == 0 && y >= 0 ? 0 : INFINITY;
}

/* ---- the normal distribution --------------------------------------------------------------------
   erfc by C; arguments x*sqrt(1/2) with their rounding errors put back (the tails would multiply them by x*x). */

#define CGRAD_SQRT_HALF 0.7071067811865476
#define CGRAD_SQRT_HALF_TAIL (-4.833646656726457e-17)

/* exp(-x*x/2)/sqrt(2 pi). */
CGRAD_UNUSED static inline double c_normal_density(double x) {
    double s = x*x, tail = fma(x, x, -s);
    if (!(s < 1600))  /* 0 (or nan) already */
        return exp(-0.5*s);
    return 0.3989422804014327*exp(-0.5*s)*(1 - 0.5*tail);
}

CGRAD_UNUSED static inline double c_ndtr(double x) {
    double s = -x*CGRAD_SQRT_HALF, tail;
    if (!(fabs(x) < 40))
        return 0.5*erfc(s);
    tail = fma(-x, CGRAD_SQRT_HALF, -s) - x*CGRAD_SQRT_HALF_TAIL;
    return 0.5*erfc(s) - 0.5641895835477563*exp(-s*s)*tail;
}

/* Beyond -37, where ndtr underflows: Abramowitz & Stegun 26.2.12. */
CGRAD_UNUSED static double c_log_ndtr(double x) {
    double r;
    if (x > 0)
        return log1p(-c_ndtr(-x));
    if (!(x < -37))
        return log(c_ndtr(x));
    r = 1/(x*x);
    return -0.5*x*x - log(-x) - 0.9189385332046727 + log1p(-r*(1 - r*(3 - r*(15 - r*105))));
}

/* The order-th derivative of log_ndtr. The first is the density over ndtr, m(x), for which m' = -m*(x + m): so the
   others follow by Leibniz's rule. On the left that would cancel. There, with t = -x and M(n) the integral of
   u^n exp(-t*u - u*u/2) over u > 0, log_ndtr(x) is log(M(0)) - t*t/2 and a constant, so the derivatives are the
   cumulants of that density. Its moments come from ratios r(n) = M(n)/M(n - 1) = n/(t + r(n + 1)), Abramowitz &
   Stegun 26.2.14 for n = 1; cumulants from moments: P. J. Smith, The American Statistician 49 (1995), 217-218. */
#define CGRAD_MOST_ORDERS 30
CGRAD_UNUSED static double c_log_ndtr_derivative(double order, double x) {
    double t = -x, ratio, sum, binomial, moment[CGRAD_MOST_ORDERS + 1], cumulant[CGRAD_MOST_ORDERS + 1];
    int n, k, j, terms;
    if (order == 0)
        return c_log_ndtr(x);
    if (!(1 <= order && order <= CGRAD_MOST_ORDERS) || order != floor(order) || x != x)
        return NAN;
    n = (int)order;
    if (x > -5 && n == 1)
        return c_normal_density(x)/c_ndtr(x);
    if (x > -1) {
        if (x > 40)
            return 0;
        moment[0] = c_normal_density(x)/c_ndtr(x);  /* m and its derivatives */
        for (k = 0; k < n - 1; k++) {
            sum = moment[k]*(x + moment[0]);
            if (k > 0)
                sum += k*moment[k - 1];
            binomial = 1;
            for (j = 1; j <= k; j++) {
                binomial = binomial*(k - j + 1)/j;
                sum += binomial*moment[j]*moment[k - j];
            }
            moment[k + 1] = -sum;
        }
        return moment[n - 1];
    }
    if (t > 1e17)
        return n == 1 ? t : n == 2 ? -1.0 : t > 1e160 ? 0.0 : cgrad_factorial(n - 1)*pow(t, -order);
    terms = n + 20 + (int)(400/(t*t));
    ratio = 0.5*(sqrt(t*t + 4.0*terms) - t);  /* what it is near there: r(n) (t + r(n)) = n */
    for (k = terms; k > n; k--)
        ratio = k/(t + ratio);
    for (k = n; k > 0; k--) {
        ratio = k/(t + ratio);
        moment[k] = ratio;
    }
    for (k = 2; k <= n; k++)
        moment[k] *= moment[k - 1];
    for (k = 1; k <= n; k++) {
        sum = moment[k];
        binomial = 1;
        for (j = 1; j < k; j++) {  /* binomial: (k - 1) over (j - 1) */
            sum -= binomial*cumulant[j]*moment[k - j];
            binomial = binomial*(k - j)/j;
        }
        cumulant[k] = sum;
    }
    return n == 1 ? t + cumulant[1] : n == 2 ? cumulant[2] - 1 : cumulant[n];
}

/* The z with ndtr(z) = 1/2 + q, where the smaller tail is r: algorithm AS 241 of Wichura, Applied Statistics 37 (1988),
   477-484, PPND16, and a step of Newton's: it errs by 5 ulp. */
CGRAD_UNUSED static double c_normal_quantile(double q, double r) {
    double z, tail = r;
    if (fabs(q) <= 0.425) {
        r = 0.180625 - q*q;
        z = q*(((((((2509.0809287301226727*r + 33430.575583588128105)*r + 67265.770927008700853)*r
            + 45921.953931549871457)*r + 13731.693765509461125)*r + 1971.5909503065514427)*r
            + 133.14166789178437745)*r + 3.3871328727963666080)
            /(((((((5226.4952788528545610*r + 28729.085735721942674)*r + 39307.895800092710610)*r
            + 21213.794301586595867)*r + 5394.1960214247511077)*r + 687.18700749205790830)*r
            + 42.313330701600911252)*r + 1.0);
        return z - (0.5*erf(CGRAD_SQRT_HALF*z) - q)/c_normal_density(z);
    }
    r = sqrt(-log(r));
    if (r <= 5) {
        r = r - 1.6;
        z = (((((((7.74545014278341407640e-4*r + 2.27238449892691845833e-2)*r + 0.241780725177450611770)*r
            + 1.27045825245236838258)*r + 3.64784832476320460504)*r + 5.76949722146069140550)*r
            + 4.63033784615654529590)*r + 1.42343711074968357734)
            /(((((((1.05075007164441684324e-9*r + 5.47593808499534494600e-4)*r + 1.51986665636164571966e-2)*r
            + 0.148103976427480074590)*r + 0.689767334985100004550)*r + 1.67638483018380384940)*r
            + 2.05319162663775882187)*r + 1.0);
    } else {
        r = r - 5;
        z = (((((((2.01033439929228813265e-7*r + 2.71155556874348757815e-5)*r + 1.24266094738807843860e-3)*r
            + 2.65321895265761230930e-2)*r + 0.296560571828504891230)*r + 1.78482653991729133580)*r
            + 5.46378491116411436990)*r + 6.65790464350110377720)
            /(((((((2.04426310338993978564e-15*r + 1.42151175831644588870e-7)*r + 1.84631831751005468180e-5)*r
            + 7.86869131145612591000e-4)*r + 1.48753612908506148525e-2)*r + 0.136929880922735805310)*r
            + 0.599832206555887937690)*r + 1.0);
    }
    if (tail > 1e-307)  /* below, the density has lost digits, and z is near enough */
        z += (c_ndtr(-z) - tail)/c_normal_density(z);
    return q < 0 ? -z : z;
}

CGRAD_UNUSED static inline double c_ndtri(double p) {
    if (!(0 < p && p < 1))
        return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    return c_normal_quantile(p - 0.5, p < 0.5 ? p : 1 - p);
}

CGRAD_UNUSED static inline double c_erfinv(double y) {
    if (!(fabs(y) < 1))
        return fabs(y) == 1 ? copysign(INFINITY, y) : NAN;
    return CGRAD_SQRT_HALF*c_normal_quantile(0.5*y, 0.5*(1 - fabs(y)));
}

#endif
