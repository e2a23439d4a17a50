/* exp and its relatives (part of vecmath.h).

   x = n ln 2 + r, |r| <= ln(2)/2, by Cody and Waite's two-part ln 2; e^r = 1 + r + r^2 P(r), P of degree 9 or 10;
   2^n by the exponent bits. Results below 2^-1022 come out right: 2^n goes in as two factors. */

/* (e^r - 1 - r)/r^2, to 2^-56.4 of e^r */
VM_INLINE double VM(exp_tail)(double r) {
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

/* e^r - 1 - r + lost to 2^-58.9 of e^r - 1, with a term more; r^2/2 apart, since it would round the others. */
VM_INLINE double VM(expm1_tail)(double r, double lost) {
    double z = r*r, even, odd;
    even = VM_FMA(z, 0x1.1ef4e7379ff70p-29, 0x1.27e52b5feb0b3p-22);
    odd = VM_FMA(z, 0x1.af5d2829c937bp-26, 0x1.71ddf9508973bp-19);
    even = VM_FMA(z, even, 0x1.a01a0182e8543p-16);
    odd = VM_FMA(z, odd, 0x1.a01a01af76702p-13);
    even = VM_FMA(z, even, 0x1.6c16c16c1cd4fp-10);
    odd = VM_FMA(z, odd, 0x1.111111110f7ebp-7);
    even = VM_FMA(z, even, 0x1.5555555555548p-5);
    odd = VM_FMA(z, odd, 0x1.5555555555559p-3);
    return VM_FMA(0.5*r, r, VM_FMA(r*z, VM_FMA(r, even, odd), lost));
}

VM_INLINE double VM(exp)(double x) {
    double t, n, b, r, v;
    uint64_t k;
    x = VM(within)(x, 746.0);
    t = VM_FMA(x, 0x1.71547652b82fep+0, VM_SHIFT);
    k = VM(bits)(t);
    n = t - VM_SHIFT;
    x = VM_FMA(n, -VM_LN2_1, x);
    b = n*VM_LN2_2;
    r = x - b;
    v = 1.0 + (x + VM_FMA(r*r, VM(exp_tail)(r), -b));  /* x is exact, r is rounded */
    return VM(scaled)(v, k);
}

/* With e^r - 1 = q, x = n ln 2 + r, u = 2^-n:  e^x - 1 = 2^n((1 - u) + q). */
VM_INLINE double VM(expm1)(double x) {
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
    tail = VM(expm1_tail)(r, (a - r) - b);
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
VM_INLINE double VM(tanh)(double x) {
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
    ql = VM(expm1_tail)(r, (a - r) - b);
    q = r + ql;
    ql = (r - q) + ql;
    w = 1.0 - u;
    nh = w + q;
    nl = ((w - nh) + q) + (((1.0 - w) - u) + ql);
    w = 1.0 + u;
    dh = w + q;
    dl = ((w - dh) + q) + (((1.0 - w) + u) + ql);
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

/* sinh a (sign 1) or cosh a (sign -1) of a >= 0, from a = n ln 2 + r + c:
   sinh a = 2^(n-1) ((1 - u) cosh r + (1 + u) sinh r) with u = 2^-2n, and cosh a with the other signs. Polynomials in
   z = r^2 for (sinh r - r)/(r z) (2^-60.7) and (cosh r - 1 - z/2)/z^2 (2^-67.6). */
VM_INLINE double VM(hyperbolic)(double a, double sign) {
    double t, n, b, r, c, z, s, k, u, w1, w2, v, w;
    a = a > 720.0 ? 720.0 : a;  /* inf already; nan passes */
    t = VM_FMA(a, 0x1.71547652b82fep+0, VM_SHIFT);
    n = t - VM_SHIFT;
    a = VM_FMA(n, -VM_LN2_1, a);
    b = n*VM_LN2_2;
    r = a - b;
    c = (a - r) - b;
    z = r*r;
    s = VM_FMA(z, 0x1.af5ebfecd6955p-26, 0x1.71ddf8531cbd4p-19);
    k = VM_FMA(z, 0x1.1f8b778623eabp-29, 0x1.27e4cc509a7bbp-22);
    s = VM_FMA(z, s, 0x1.a01a01afe5586p-13);
    k = VM_FMA(z, k, 0x1.a01a01ad62b4ep-16);
    s = VM_FMA(z, s, 0x1.111111110f6aep-7);
    k = VM_FMA(z, k, 0x1.6c16c16c1504fp-10);
    s = VM_FMA(z, s, 0x1.5555555555559p-3);
    k = VM_FMA(z, k, 0x1.5555555555558p-5);
    u = VM(of_bits)(VM_BIAS - (VM(bits)(t) << 53));
    u = n > 40.0 ? 0.0 : u;
    u *= sign;
    w1 = 1.0 - u;
    w2 = 1.0 + u;
    c = VM_FMA(VM_FMA(w1, r, w2), c, (1.0 - w1) - u);
    c = VM_FMA(w1*z, VM_FMA(z, k, 0.5), c);
    c = VM_FMA(w2*r, z*s, c);
    v = w1 + r;                 /* w1 + w2 r = (w1 + r) + u r, without its rounding errors */
    c += (w1 - v) + r;
    u *= r;
    w = v + u;
    c += (v - w) + u;
    return VM(scaled)(w + c, VM(bits)(t) - 1);
}

VM_INLINE double VM(sinh)(double x) {
    return VM(copysign)(VM(hyperbolic)(VM(fabs)(x), 1.0), x);
}

VM_INLINE double VM(cosh)(double x) {
    return VM(hyperbolic)(VM(fabs)(x), -1.0);
}

VM_BLOCK(exp)
VM_BLOCK(sinh)
VM_BLOCK(cosh)
VM_BLOCK(expm1)
VM_BLOCK(tanh)
