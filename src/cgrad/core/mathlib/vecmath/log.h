/* log and its relatives (part of vecmath.h).

   x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f/(2 + f):  log m = 2 atanh(s) = 2s + s R(s^2), which is
   f - (f^2/2 - s (f^2/2 + R)); R of 7 terms in s^2 (relative error 2^-57.9). */

/* R(z) for z = s^2 <= 0.02944 */
VM_INLINE double VM(log_tail)(double z) {
    double w = z*z, even, odd;
    even = VM_FMA(w, 0x1.2f072427b10d0p-3, 0x1.74664078d0678p-3);
    odd = VM_FMA(w, 0x1.39a19038495a3p-3, 0x1.c71c52022d383p-3);
    even = VM_FMA(w, even, 0x1.24924941f9614p-2);
    odd = VM_FMA(w, odd, 0x1.999999997fd31p-2);
    even = VM_FMA(w, even, 0x1.5555555555592p-1);
    return z*VM_FMA(z, odd, even);
}

/* k ln 2 + log(1 + f) + more */
VM_INLINE double VM(log_sum)(double k, double f, double more) {
    double s = f/(2.0 + f), h = 0.5*f*f, v;
    v = VM_FMA(s, h + VM(log_tail)(s*s), VM_FMA(k, VM_LN2_2, more));
    return VM_FMA(k, VM_LN2_1, f - (h - v));
}

/* k and f of a positive, finite x */
VM_INLINE double VM(split)(double x, double *f) {
    const uint64_t half = 0x3fe6a09e667f3bcd;  /* the bits of sqrt(1/2) */
    int small = x < 0x1p-1022;
    double y = small ? x*0x1p54 : x, bias = small ? 0x1p52 + 1023 + 54 : 0x1p52 + 1023;
    uint64_t b = VM(bits)(y) + (VM_BIAS - half);
    *f = VM(of_bits)((b & (((uint64_t)1 << 52) - 1)) + half) - 1.0;
    return VM(of_bits)((b >> 52) | 0x4330000000000000) - bias;  /* whole number to double: the last bits of 2^52 */
}

/* A logarithm v of x where x is positive and finite, else what belongs there. */
VM_INLINE double VM(log_special)(double x, double v) {
    v = x < INFINITY ? v : x;
    return x > 0.0 ? v : (x == 0.0 ? -INFINITY : NAN);
}

VM_INLINE double VM(log)(double x) {
    double f, k = VM(split)(x, &f);
    return VM(log_special)(x, VM(log_sum)(k, f, 0.0));
}

/* log(1 + f) (c1 + c2) + k (w1 + w2): the first part of the logarithm is cut to 26 bits, as many as c1 has. */
VM_INLINE double VM(log_times)(double k, double f, double c1, double c2, double w1, double w2) {
    double s = f/(2.0 + f), h = 0.5*f*f, high = f - h, low = ((f - high) - h) + s*(h + VM(log_tail)(s*s)), p, v;
    p = VM(of_bits)(VM(bits)(high) & ~(((uint64_t)1 << 27) - 1));
    low += high - p;
    low = VM_FMA(low, c1 + c2, p*c2);
    p *= c1;
    v = k*w1 + p;
    return v + (((k*w1 - v) + p) + VM_FMA(k, w2, low));
}

VM_INLINE double VM(log2)(double x) {
    double f, k = VM(split)(x, &f);
    return VM(log_special)(x, VM(log_times)(k, f, 0x1.715476p+0, 0x1.4ae0bf85ddf44p-26, 1.0, 0.0));
}

VM_INLINE double VM(log10)(double x) {
    double f, k = VM(split)(x, &f);
    return VM(log_special)(x, VM(log_times)(k, f, 0x1.bcb7b1p-2, 0x1.49b9438ca9aaep-28, 0x1.34413509f78p-2,
                                            0x1.fef311f12b358p-46));
}

/* log(u + c) + extra ln 2, c small beside u: u = 2^k m, and c 2^-k joins f, whose own rounding error comes in last. */
VM_INLINE double VM(log_of_sum)(double u, double c, double extra) {
    const uint64_t half = 0x3fe6a09e667f3bcd;
    uint64_t b = VM(bits)(u) + (VM_BIAS - half), e = b >> 52;
    double k = VM(of_bits)(e | 0x4330000000000000) - (0x1p52 + 1023), g;
    double f = VM(of_bits)((b & (((uint64_t)1 << 52) - 1)) + half) - 1.0;
    c *= 0.5*VM(of_bits)((2047 - e) << 52);  /* 2^-k, and 0 for k = 1024 */
    g = f + c;
    c = (f - g) + c;
    return VM(log_sum)(k + extra, g, VM_FMA(-c, g, c));
}

VM_INLINE double VM(log1p)(double x) {
    double u = 1.0 + x, t = u - x, v = VM(log_of_sum)(u, (1.0 - t) + (x - (u - t)), 0.0);
    v = x == 0.0 ? x : v;  /* -0 */
    v = x < INFINITY ? v : x;
    return x > -1.0 ? v : (x == -1.0 ? -INFINITY : NAN);
}

/* log(a + sqrt(a^2 + 1)): the sum under the root and the root in two parts, and so what log is taken of. Above 2^28,
   log(2a). */
VM_INLINE double VM(asinh)(double x) {
    double ax = VM(fabs)(x), a, p, pl, w, s, u, c, v;
    int large = ax > 0x1p28;
    a = large ? 1.0 : ax;
    p = a*a;
    pl = VM(product_error)(a, a, p);
    w = 1.0 + p;
    u = w - p;
    pl += (1.0 - u) + (p - (w - u));
    s = sqrt(w);
    c = s*s;
    c = (((w - c) - VM(product_error)(s, s, c)) + pl)*(0.5/s);
    u = s + a;
    c += (s - u) + a;
    u = large ? ax : u;
    c = large ? 0.0 : c;
    v = VM(log_of_sum)(u, c, large ? 1.0 : 0.0);
    v = ax < INFINITY ? v : ax;
    return VM(copysign)(v, x);
}

/* log(x + sqrt(x^2 - 1)), likewise. */
VM_INLINE double VM(acosh)(double x) {
    double a, p, pl, w, s, u, c, v;
    int large = x > 0x1p28;
    a = large ? 2.0 : x;
    p = a*a;
    pl = VM(product_error)(a, a, p);
    u = p - 1.0;
    pl += (p - u) - 1.0;
    w = u + pl;
    pl = (u - w) + pl;
    s = sqrt(w);
    c = s*s;
    c = (((w - c) - VM(product_error)(s, s, c)) + pl)*(0.5/(w > 0.0 ? s : 1.0));
    u = a + s;
    c += (a - u) + s;
    u = large ? x : u;
    c = large ? 0.0 : c;
    v = VM(log_of_sum)(u, c, large ? 1.0 : 0.0);
    v = x < INFINITY ? v : x;
    return x >= 1.0 ? v : NAN;
}

/* log(1 + 2a/(1 - a))/2, the quotient in two parts. */
VM_INLINE double VM(atanh)(double x) {
    double a = VM(fabs)(x), d = 1.0 - a, dl = (1.0 - d) - a, n = a + a, inverse = 1.0/d, q = n*inverse, p = q*d;
    double u, t, c;
    c = (((n - p) - VM(product_error)(q, d, p)) - q*dl)*inverse;
    u = 1.0 + q;
    t = u - q;
    c += (1.0 - t) + (q - (u - t));
    u = 0.5*VM(log_of_sum)(u, c, 0.0);
    u = VM(copysign)(u, x);
    u = a < 1.0 ? u : x*INFINITY;
    return a <= 1.0 ? u : NAN;
}

VM_BLOCK(log)
VM_BLOCK_FMA(log2)
VM_BLOCK(log10)
VM_BLOCK(log1p)
VM_BLOCK_FMA(asinh)
VM_BLOCK_FMA(acosh)
VM_BLOCK(atanh)
