/* exp and its relatives (part of vecmath.h).

   x = n ln 2 + r, |r| <= ln(2)/2, by Cody and Waite's two-part ln 2; e^r = 1 + r + r^2 P(r), P of degree 9 (relative
   error 2^-56.4); 2^n by the exponent bits. Results below 2^-1022 come out right: 2^n goes in as two factors. */

/* (e^r - 1 - r)/r^2 */
static inline double VM(exp_tail)(double r) {
    double z = r*r, even, odd;
    even = VM_FMA(z, 0x1.28ad739713881p-22, 0x1.a0199a0ca1f9bp-16);
    odd = VM_FMA(z, 0x1.ad80d8551e3e9p-26, 0x1.71df24a90d63bp-19);
    even = VM_FMA(z, even, 0x1.6c16c18429597p-10);
    odd = VM_FMA(z, odd, 0x1.a01a012a7e3d3p-13);
    even = VM_FMA(z, even, 0x1.5555555550885p-5);
    odd = VM_FMA(z, odd, 0x1.1111111127c11p-7);
    even = VM_FMA(z, even, 0x1.000000000000ap-1);
    odd = VM_FMA(z, odd, 0x1.55555555554fap-3);
    return VM_FMA(r, odd, even);
}

static inline double VM(exp)(double x) {
    double t, n, r, v;
    uint64_t k, half;
    x = x > 710.0 ? 710.0 : x;  /* inf anyway; nan passes both */
    x = x < -746.0 ? -746.0 : x;
    t = VM_FMA(x, 0x1.71547652b82fep+0, VM_SHIFT);
    k = VM(bits)(t);
    n = t - VM_SHIFT;
    r = VM_FMA(n, -VM_LN2_1, x);
    r = VM_FMA(n, -VM_LN2_2, r);
    v = 1.0 + VM_FMA(r*r, VM(exp_tail)(r), r);
    half = (k << 51) & ~(((uint64_t)1 << 52) - 1);
    return VM(of_bits)(VM(bits)(v) + half)*VM(of_bits)((k << 52) - half + VM_BIAS);
}

/* With e^r - 1 = q, x = n ln 2 + r, u = 2^-n:  e^x - 1 = 2^n((1 - u) + q). */
static inline double VM(expm1)(double x) {
    double t, n, a, b, r, tail, u, w, v;
    uint64_t k;
    a = x > 710.0 ? 710.0 : x;
    a = a < -40.0 ? -40.0 : a;
    t = VM_FMA(a, 0x1.71547652b82fep+0, VM_SHIFT);
    k = VM(bits)(t);
    n = t - VM_SHIFT;
    a = VM_FMA(n, -VM_LN2_1, a);
    b = n*VM_LN2_2;
    r = a - b;
    tail = VM_FMA(r*r, VM(exp_tail)(r), (a - r) - b);
    u = VM(of_bits)(VM_BIAS - (k << 52));
    u = n > 60.0 ? 0.0 : u;
    w = 1.0 - u;
    tail += (1.0 - w) - u;
    v = w + r;
    v += ((w - v) + r) + tail;
    return VM(copysign)(VM(scaled)(v, k), x);  /* -0 */
}

/* With e^(2|x|) = 2^n(1 + q), u = 2^-n:  tanh|x| = ((1 - u) + q)/((1 + u) + q), both sums and the quotient with their
   rounding errors put back. */
static inline double VM(tanh)(double x) {
    double a, t, n, b, r, q, ql, u, w, nh, nl, dh, dl, v, inverse;
    a = VM(fabs)(x);
    a = a > 22.0 ? 22.0 : a;  /* 1 already; nan passes */
    a += a;
    t = VM_FMA(a, 0x1.71547652b82fep+0, VM_SHIFT);
    n = t - VM_SHIFT;
    u = VM(of_bits)(VM_BIAS - (VM(bits)(t) << 52));
    a = VM_FMA(n, -VM_LN2_1, a);
    b = n*VM_LN2_2;
    r = a - b;
    ql = VM_FMA(r*r, VM(exp_tail)(r), (a - r) - b);
    q = r + ql;
    ql = (r - q) + ql;
    w = 1.0 - u;
    nh = w + q;
    nl = ((w - nh) + q) + ql;
    w = 1.0 + u;
    dh = w + q;
    dl = ((w - dh) + q) + ql;
    inverse = 1.0/dh;
#if CGRAD_FMA
    v = nh*inverse;
    v = VM_FMA(VM_FMA(-v, dh, nh) + VM_FMA(-v, dl, nl), inverse, v);
#else
    v = nh/dh;
    v += (nl - v*dl)*inverse;
#endif
    return VM(copysign)(v, x);
}

VM_BLOCK(exp)
VM_BLOCK(expm1)
VM_BLOCK(tanh)
