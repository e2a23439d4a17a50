/* x**y, 2**x (part of vecmath.h).

   log2|x| = k + log2 m as an unevaluated sum of two doubles (2^-65.7 of it): with s = (m - 1)/(m + 1),
   log2 m = s (2/ln 2 + s^2 (2/(3 ln 2) + s^2 P(s^2))), s and both constants in two parts each, P of 9 terms (Dekker
   1971 for the sums and products). The product with y is below 2^11 where it matters: the whole number n next to it and
   the rest r in [-1/2, 1/2]; 2^r = 1 + r ln 2 + r^2 Q(r), Q of degree 9 (2^-57.9). */

/* 2^(r + c) for |r| <= 1/2, c of the size of r's rounding error */
VM_INLINE double VM(exp2_near)(double r, double c) {
    double z = r*r, even, odd;
    even = VM_FMA(z, 0x1.e617c71266687p-28, 0x1.62bfc9ec66627p-20);
    odd = VM_FMA(z, 0x1.e7c86aab39f41p-32, 0x1.b526522c7c434p-24);
    even = VM_FMA(z, even, 0x1.4309130dc830ep-13);
    odd = VM_FMA(z, odd, 0x1.ffcbfbc7e3154p-17);
    even = VM_FMA(z, even, 0x1.3b2ab6fba078ap-7);
    odd = VM_FMA(z, odd, 0x1.5d87fe78c37d6p-10);
    even = VM_FMA(z, even, 0x1.ebfbdff82c5a1p-3);
    odd = VM_FMA(z, odd, 0x1.c6b08d704a045p-5);
    c = VM_FMA(r, 0x1.abc9e3b39803fp-56, c*0x1.62e42fefa39efp-1);
    return 1.0 + VM_FMA(r, 0x1.62e42fefa39efp-1, VM_FMA(z, VM_FMA(r, odd, even), c));
}

VM_INLINE double VM(exp2)(double x) {
    double t;
    x = VM(within)(x, 1080.0);
    t = x + VM_SHIFT;
    return VM(scaled)(VM(exp2_near)(x - (t - VM_SHIFT), 0.0), VM(bits)(t));
}

/* log2 of a positive, finite x (subnormal: whether it may be); the second part goes to *low */
VM_INLINE double VM(log2_parts)(double x, double *low, int subnormal) {
    const uint64_t half = 0x3fe6a09e667f3bcd;
    int small = subnormal ? x < 0x1p-1022 : 0;
    double y = small ? x*0x1p54 : x, bias = small ? 0x1p52 + 1023 + 54 : 0x1p52 + 1023;
    double k, m, f, d, dl, inverse, s, sl, z, zl, p, b, bl, v, vl, t;
    uint64_t e = VM(bits)(y) + (VM_BIAS - half);
    k = VM(of_bits)((e >> 52) | 0x4330000000000000) - bias;
    m = VM(of_bits)((e & (((uint64_t)1 << 52) - 1)) + half);
    f = m - 1.0;
    d = m + 1.0;
    dl = m - (d - 1.0);
    inverse = 1.0/d;
    s = f*inverse;
    p = s*d;
    sl = (((f - p) - VM(product_error)(s, d, p)) - s*dl)*inverse;
    z = s*s;
    zl = VM(product_error)(s, s, z) + 2.0*s*sl;
    v = z*z;
    b = VM_FMA(v, 0x1.45699a6575638p-3, 0x1.5bb8d180d1addp-3);
    t = VM_FMA(v, 0x1.33f541997b15cp-3, 0x1.89f2fd637a23cp-3);
    b = VM_FMA(v, b, 0x1.c68f5934477b0p-3);
    t = VM_FMA(v, t, 0x1.0c9a849621ed9p-2);
    b = VM_FMA(v, b, 0x1.484b13d7c4827p-2);
    t = VM_FMA(v, t, 0x1.a61762a7adea6p-2);
    b = VM_FMA(v, b, 0x1.2776c50ef9bffp-1);
    t = z*VM_FMA(z, t, b);
    b = 0x1.ec709dc3a03fdp-1 + t;
    bl = ((0x1.ec709dc3a03fdp-1 - b) + t) + 0x1.d27f05548af0cp-55;
    v = z*b;
    vl = VM(product_error)(z, b, v) + VM_FMA(z, bl, zl*b);
    b = 0x1.71547652b82fep+1 + v;
    bl = ((0x1.71547652b82fep+1 - b) + v) + (vl + 0x1.777d0ffda0d24p-55);
    v = s*b;
    vl = VM(product_error)(s, b, v) + VM_FMA(s, bl, sl*b);
    p = k + v;
    *low = ((k - p) + v) + vl;
    return p;
}

/* 2^(y (high + low)), inf and 0 beyond the range; nan if y*high is. */
VM_INLINE double VM(exp2_product)(double y, double high, double low) {
    double p = y*high, pl = VM(product_error)(y, high, p) + y*low, t, r;
    pl = VM(fabs)(p) < 1100.0 ? pl : 0.0;
    p = VM(within)(p, 1100.0);
    t = p + VM_SHIFT;
    p -= t - VM_SHIFT;
    r = p + pl;
    return VM(scaled)(VM(exp2_near)(r, (p - r) + pl), VM(bits)(t));
}

/* x**y for normal, positive x and finite y */
VM_INLINE double VM(pow_normal)(double x, double y) {
    double low, high = VM(log2_parts)(x, &low, 0);
    return VM(exp2_product)(y, high, low);
}

/* As C's pow, for all arguments. */
VM_INLINE double VM(pow)(double x, double y) {
    double ax = VM(fabs)(x), ay = VM(fabs)(y), high, low, n, t, v;
    uint64_t odd, sign;
    int whole;
    high = VM(log2_parts)(ax, &low, 1);
    high = ax < INFINITY ? high : ax;  /* inf, nan */
    high = ax == 0.0 ? -INFINITY : high;
    v = VM(exp2_product)(y, high, low);
    /* whole and odd numbers y: below 2^52 the last bit of |y| + 2^52, below 2^53 that of y */
    t = ay < 0x1p52 ? ay + 0x1p52 : ay;
    n = ay < 0x1p52 ? t - 0x1p52 : ay;
    whole = n == ay;
    odd = VM(bits)(t) << 63;
    odd = ay < 0x1p53 ? odd : 0;
    sign = VM(bits)(x) & odd;
    t = whole ? VM(of_bits)(VM(bits)(v) | sign) : v;
    v = ((x < 0.0) & (ax < INFINITY) & !whole) ? NAN : t;
    v = ((ax == 1.0) & (ay == INFINITY)) ? 1.0 : v;
    return ((x == 1.0) | (y == 0.0)) ? 1.0 : v;
}

VM_BLOCK(exp2)
#if CGRAD_FMA
/* Most often all is normal, which spares a fifth of the instructions. */
static void VM(block_pow)(double *out, const double *x, const double *y, long n) {
    const uint64_t one = (uint64_t)1 << 52;  /* an exponent's unit */
    double *o = VM_ALIGNED(out);
    const double *a = VM_ALIGNED(x), *b = VM_ALIGNED(y);
    uint64_t other = 0;
    long j;
    for (j = 0; j < (n & ~7L); j++) {
        uint64_t u = VM(bits)(a[j]) - one;
        other |= u | (u + 2*one) | ((VM(bits)(b[j]) & ~VM_SIGN) + one);
    }
    if (other >> 63) {
        VM_LOOP
        for (j = 0; j < (n & ~7L); j++)
            o[j] = VM(pow)(a[j], b[j]);
    } else {
        VM_LOOP
        for (j = 0; j < (n & ~7L); j++)
            o[j] = VM(pow_normal)(a[j], b[j]);
    }
}
#else  /* two at a time without fma are slower than libm's table of logarithms */
static void VM(block_pow)(double *out, const double *x, const double *y, long n) {
    long j;
    for (j = 0; j < n; j++)
        out[j] = pow(x[j], y[j]);
}
#endif
