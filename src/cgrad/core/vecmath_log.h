/* log and its relatives (part of vecmath.h).

   x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f/(2 + f):  log m = 2 atanh(s) = 2s + s R(s^2), which is
   f - (f^2/2 - s (f^2/2 + R)); R of 7 terms in s^2 (relative error 2^-57.9). */

/* s R(s^2)/s for z = s^2 <= 0.02944 */
static inline double VM(log_tail)(double z) {
    double w = z*z, even, odd;
    even = VM_FMA(w, 0x1.2f072427b10d0p-3, 0x1.74664078d0678p-3);
    odd = VM_FMA(w, 0x1.39a19038495a3p-3, 0x1.c71c52022d383p-3);
    even = VM_FMA(w, even, 0x1.24924941f9614p-2);
    odd = VM_FMA(w, odd, 0x1.999999997fd31p-2);
    even = VM_FMA(w, even, 0x1.5555555555592p-1);
    return z*VM_FMA(z, odd, even);
}

/* k ln 2 + log(1 + f) */
static inline double VM(log_sum)(double k, double f, double more) {
    double s = f/(2.0 + f), h = 0.5*f*f, v;
    v = VM_FMA(s, h + VM(log_tail)(s*s), VM_FMA(k, VM_LN2_2, more));
    return VM_FMA(k, VM_LN2_1, f - (h - v));
}

static inline double VM(log_special)(double x, double v) {
    v = x < INFINITY ? v : x;
    return x > 0.0 ? v : (x == 0.0 ? -INFINITY : NAN);
}

static inline double VM(log)(double x) {
    const uint64_t half = 0x3fe6a09e667f3bcd;  /* the bits of sqrt(1/2) */
    int small = x < 0x1p-1022;
    double y = small ? x*0x1p54 : x, bias = small ? 0x1p52 + 1023 + 54 : 0x1p52 + 1023, k, f;
    uint64_t b = VM(bits)(y) + (VM_BIAS - half);
    k = VM(of_bits)((b >> 52) | 0x4330000000000000) - bias;  /* a whole number to a double: below the point of 2^52 */
    f = VM(of_bits)((b & (((uint64_t)1 << 52) - 1)) + half) - 1.0;
    return VM(log_special)(x, VM(log_sum)(k, f, 0.0));
}

/* 1 + x = u + c exactly; u = 2^k m, and c 2^-k joins f, whose own rounding error comes in last. */
static inline double VM(log1p)(double x) {
    const uint64_t half = 0x3fe6a09e667f3bcd;
    double u = 1.0 + x, t = u - x, c = (1.0 - t) + (x - (u - t)), k, f, g;
    uint64_t b = VM(bits)(u) + (VM_BIAS - half), e = b >> 52;
    k = VM(of_bits)(e | 0x4330000000000000) - (0x1p52 + 1023);
    f = VM(of_bits)((b & (((uint64_t)1 << 52) - 1)) + half) - 1.0;
    c *= VM(of_bits)((2046 - e) << 52);  /* 2^-k, rounded to 0 where k = 1023 */
    g = f + c;
    c = (f - g) + c;
    u = VM(log_sum)(k, g, VM_FMA(-c, g, c));
    u = x == 0.0 ? x : u;  /* -0 */
    u = x < INFINITY ? u : x;
    return x > -1.0 ? u : (x == -1.0 ? -INFINITY : NAN);
}

VM_BLOCK(log)
VM_BLOCK(log1p)
