/* atan, atan2, asin, acos (part of vecmath.h). */

/* base + sign*(angle whose tangent is n/d), for 0 <= n <= d, base = pi/4 times quarters. Above tan(pi/8) the argument
   becomes (n - d)/(n + d), pi/4 less; the quotient t in two parts; (atan t - t)/(t z) a polynomial of 11 terms in z = t^2
   (relative error 2^-58.6). */
static inline double VM(angle)(double n, double d, double quarters, double sign) {
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

static inline double VM(atan)(double x) {
    double a = VM(fabs)(x), n, d, v;
    int far = a > 1.0;
    a = a > 0x1p100 ? 0x1p100 : a;  /* pi/2 already; nan passes */
    n = far ? 1.0 : a;
    d = far ? a : 1.0;
    v = VM(angle)(n, d, far ? 2.0 : 0.0, far ? -1.0 : 1.0);
    return VM(copysign)(v, x);
}

VM_BLOCK(atan)
