/* atan, atan2, asin, acos (part of vecmath.h). */

/* base + sign*(angle whose tangent is n/d), for 0 <= n <= d, base = pi/4 times quarters. Above tan(pi/8) the argument
   becomes (n - d)/(n + d), pi/4 less; the quotient t in two parts; (atan t - t)/(t z) a polynomial of 11 terms in
   z = t^2 (2^-58.6 of the angle). */
VM_INLINE double VM(angle)(double n, double d, double quarters, double sign) {
    int far = n > 0.41421356237309503*d;
    double a = far ? n - d : n, al = far ? (-d - a) + n : 0.0, b = far ? n + d : d, bl = far ? (d - b) + n : 0.0;
    double inverse = 1.0/b, t = a*inverse, p = t*b, tl, z, w, even, odd, base, v;
    tl = (((a - p) - VM(product_error)(t, b, p)) + (al - t*bl))*inverse;
    z = t*t;
    w = z*z;
    even = VM_FMA(w, -0x1.2596f8119af22p-6, -0x1.9cdb10cf2e2e6p-5);
    odd = VM_FMA(w, 0x1.37ea6d83061d4p-5, 0x1.df112b459d47bp-5);
    even = VM_FMA(w, even, -0x1.10ebd995f8bd7p-4);
    odd = VM_FMA(w, odd, 0x1.3b111c0c28bc7p-4);
    even = VM_FMA(w, even, -0x1.745cf906462d4p-4);
    odd = VM_FMA(w, odd, 0x1.c71c70e7787ddp-4);
    even = VM_FMA(w, even, -0x1.24924922b0b86p-3);
    odd = VM_FMA(w, odd, 0x1.99999999958dbp-3);
    even = VM_FMA(w, even, -0x1.555555555553dp-2);
    tl = VM_FMA(t*z, VM_FMA(z, odd, even), VM_FMA(-tl, z, tl));
    quarters = far ? quarters + sign : quarters;
    base = quarters*0x1.921fb54442d18p-1;  /* exact for 0, 1, 2, 4, and with 3 times the second part's error */
    t *= sign;
    v = base + t;
    return v + (((base - v) + t) + VM_FMA(sign, tl, quarters*0x1.1a62633145c07p-55));
}

VM_INLINE double VM(atan)(double x) {
    double a = VM(fabs)(x), n, d, v;
    int far = a > 1.0;
    a = a > 0x1p100 ? 0x1p100 : a;  /* pi/2 already; nan passes */
    n = far ? 1.0 : a;
    d = far ? a : 1.0;
    v = VM(angle)(n, d, far ? 2.0 : 0.0, far ? -1.0 : 1.0);
    return VM(copysign)(v, x);
}

/* Both are scaled, so that the larger is in [1, 2): powers of two, exact unless the quotient is subnormal itself. */
VM_INLINE double VM(atan2)(double y, double x) {
    double a = VM(fabs)(y), b = VM(fabs)(x), n, d, scale, v;
    int far = a > b, left = VM(copysign)(1.0, x) < 0.0;
    n = far ? b : a;
    d = far ? a : b;
    n = d == INFINITY ? (n == INFINITY ? 1.0 : n*0.0) : n;
    d = ((d == INFINITY) | (d == 0.0)) ? 1.0 : d;
    scale = VM(of_bits)(((uint64_t)2047 << 52) - (VM(bits)(d) & ((uint64_t)2047 << 52)));
    scale = d < 0x1p-1022 ? 0x1p1023 : scale;
    n = n*scale*0.5;
    d = d*scale*0.5;
    v = far ? 2.0 : 0.0;
    v = left ? 4.0 - v : v;
    v = VM(angle)(n, d, v, far != left ? -1.0 : 1.0);
    return VM(copysign)(v, y);
}

/* asin s = s + s z P(z), z = s^2 <= 1/4, P of 13 terms (2^-59.0 of it); beyond, asin x = pi/2 - 2 asin s with
   s = sqrt((1 - x)/2), in two parts. Returns s, and the rest. */
VM_INLINE double VM(asin_parts)(double a, double *low) {
    int far = a > 0.5;
    double z = far ? 0.5*(1.0 - a) : a*a, root = sqrt(z), s = far ? root : a, p = s*s, w, even, odd, lost;
    lost = ((z - p) - VM(product_error)(s, s, p))*(0.5/(far ? s : 1.0));
    lost = (far & (z > 0.0)) ? lost : 0.0;
    w = z*z;
    even = VM_FMA(w, 0x1.0bb50efb8d181p-5, 0x1.649cbdf19c928p-6);
    odd = VM_FMA(w, -0x1.59631a433eddbp-6, 0x1.e29e5ac2019b9p-9);
    even = VM_FMA(w, even, 0x1.6176058ecefa5p-7);
    odd = VM_FMA(w, odd, 0x1.757b1e969e6c6p-7);
    even = VM_FMA(w, even, 0x1.ca20d8d197cfbp-7);
    odd = VM_FMA(w, odd, 0x1.1c49e24da1a19p-6);
    even = VM_FMA(w, even, 0x1.6e8bdfac380f0p-6);
    odd = VM_FMA(w, odd, 0x1.f1c71a8d92218p-6);
    even = VM_FMA(w, even, 0x1.6db6db722683fp-5);
    odd = VM_FMA(w, odd, 0x1.333333332df75p-4);
    even = VM_FMA(w, even, 0x1.5555555555578p-3);
    *low = VM_FMA(s*z, VM_FMA(z, odd, even), lost);
    return s;
}

VM_INLINE double VM(asin)(double x) {
    double a = VM(fabs)(x), low, s = VM(asin_parts)(a, &low), v = 0x1.921fb54442d18p-1 - s, w;
    w = 2.0*(v + (((0x1.921fb54442d18p-1 - v) - s) + (0x1.1a62633145c07p-55 - low)));
    v = a > 0.5 ? w : s + low;
    v = a <= 1.0 ? v : NAN;
    return VM(copysign)(v, x);
}

/* pi/2 - asin x up to 1/2; beyond, 2 asin s for positive x, pi - 2 asin s for negative. */
VM_INLINE double VM(acos)(double x) {
    double a = VM(fabs)(x), low, s = VM(asin_parts)(a, &low), quarters, times, base, v;
    quarters = x > 0.0 ? 0.0 : 4.0;
    quarters = a > 0.5 ? quarters : 2.0;
    times = a > 0.5 ? 2.0 : -1.0;
    times = VM(copysign)(1.0, x)*times;
    base = quarters*0x1.921fb54442d18p-1;
    s *= times;
    v = base + s;
    v += ((base - v) + s) + VM_FMA(times, low, quarters*0x1.1a62633145c07p-55);
    return a <= 1.0 ? v : NAN;
}

VM_BLOCK(atan)
VM_BLOCK(asin)
VM_BLOCK(acos)
VM_BLOCK2(atan2)
