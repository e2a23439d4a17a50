/* erf, erfc (part of vecmath.h). */

/* erf x/x - 1 for z = x^2 <= 1/4: 10 terms (relative error 2^-65 of erf but for the coefficients' rounding) */
VM_INLINE double VM(erf_small)(double z) {
    double w = z*z, even, odd;
    odd = VM_FMA(w, -0x1.39f8cefd979dbp-23, -0x1.f4bb9bd81e636p-17);
    even = VM_FMA(w, 0x1.b775f82cad8b5p-20, 0x1.f9a2a64d15daep-14);
    odd = VM_FMA(w, odd, -0x1.c02db23cf8705p-11);
    even = VM_FMA(w, even, 0x1.565bcd0aa5c56p-8);
    odd = VM_FMA(w, odd, -0x1.b82ce3127f735p-6);
    even = VM_FMA(w, even, 0x1.ce2f21a042b29p-4);
    odd = VM_FMA(w, odd, -0x1.812746b0379e6p-2);
    even = VM_FMA(w, even, 0x1.06eba8214db69p-3);
    return VM_FMA(z, odd, even);
}

/* erfc x = e^(-x^2) G(t)/(x + 2) with t = (x - 2)/(x + 2), G of 24 terms up to x = 28 (2^-59.5): as Shepherd &
   Laframboise 1981, but with t's own denominator, which leaves one division. x^2, e^(-x^2), 1/(x + 2), t and the first
   two terms of G keep their rounding errors: that of x^2 would be multiplied by up to 700, each of the others would add
   an ulp. erfc x = 2^n (high + *low) for 1/2 <= x <= 28, n in the low bits of *k */
VM_INLINE double VM(erfc_parts)(double x, double *low, uint64_t *k) {
    double s = x*x, sl = VM(product_error)(x, x, s), t, n, a, b, r, v, vl, d, dl, q, ql, p, z, tl, even, odd, g, gl, w;
    t = VM_FMA(s, -0x1.71547652b82fep+0, VM_SHIFT);
    *k = VM(bits)(t);
    n = t - VM_SHIFT;
    a = VM_FMA(n, -VM_LN2_1, -s);
    b = VM_FMA(n, VM_LN2_2, sl);
    r = a - b;
    v = 1.0 + r;
    vl = ((1.0 - v) + r) + VM_FMA(r*r, VM(exp_tail)(r), (a - r) - b);
    d = x + 2.0;
    dl = (x - d) + 2.0;
    dl = x < 2.0 ? (2.0 - d) + x : dl;
    q = 1.0/d;
    p = q*d;
    ql = ((1.0 - p) - VM(product_error)(q, d, p) - q*dl)*q;
    t = 1.0 - 4.0*q;
    tl = ((1.0 - t) - 4.0*q) - 4.0*ql;
    z = t*t;
    even = VM_FMA(z, 0x1.2e1c8f40c534ap-27, 0x1.4f5472381fd04p-25);
    odd = VM_FMA(z, -0x1.f161daf16dd1fp-26, 0x1.708d233ac1002p-23);
    even = VM_FMA(z, even, -0x1.37b004b0b84c9p-21);
    odd = VM_FMA(z, odd, -0x1.b197226d228e4p-22);
    even = VM_FMA(z, even, 0x1.0baea2f48ac18p-19);
    odd = VM_FMA(z, odd, 0x1.de3d5592c213ap-25);
    even = VM_FMA(z, even, -0x1.2c7a39d6d35b1p-20);
    odd = VM_FMA(z, odd, 0x1.e62fefb0f7b0fp-19);
    even = VM_FMA(z, even, -0x1.6c0968847c58fp-16);
    odd = VM_FMA(z, odd, -0x1.0e5fd1bcbe020p-16);
    even = VM_FMA(z, even, 0x1.2efa586c5543fp-13);
    odd = VM_FMA(z, odd, 0x1.1e745c7d0e6ddp-15);
    even = VM_FMA(z, even, -0x1.5ba43986dfc72p-11);
    odd = VM_FMA(z, odd, 0x1.20544862c5941p-15);
    even = VM_FMA(z, even, 0x1.9517bb751a85cp-9);
    odd = VM_FMA(z, odd, -0x1.b6fbf9d36d377p-11);
    even = VM_FMA(z, even, -0x1.606e41552e080p-6);
    odd = VM_FMA(z, odd, 0x1.a89eaff8b0836p-8);
    even = VM_FMA(z, even, 0x1.1e2deea6b1180p-2);
    odd = VM_FMA(z, odd, -0x1.2a88e6107d7c4p-5);
    p = t*-0x1.5fd386754eff9p-1;
    w = 0x1.058671b52c776p+0 + p;
    gl = ((0x1.058671b52c776p+0 - w) + p) + VM(product_error)(t, -0x1.5fd386754eff9p-1, p);
    gl += VM_FMA(t, 0x1.744add3ff6f35p-55, -0x1.4fc87c6684f87p-56);  /* what these two lost in rounding */
    gl = VM_FMA(tl, VM_FMA(t, 0x1.1e2deea6b1180p-1, -0x1.5fd386754eff9p-1), gl);
    p = z*VM_FMA(t, odd, even);
    g = w + p;
    gl += (w - g) + p;
    w = q*g;
    gl = VM(product_error)(q, g, w) + VM_FMA(q, gl, ql*g);
    p = v*w;
    *low = VM(product_error)(v, w, p) + VM_FMA(v, gl, vl*w);
    return p;
}

VM_INLINE double VM(erfc)(double x) {
    double a = VM(fabs)(x), b, c, low, v, w, small;
    uint64_t k;
    b = a > 28.0 ? 28.0 : a;
    b = b < 0.5 ? 0.5 : b;
    v = VM(erfc_parts)(b, &low, &k);
    v = VM(scaled)(v + low, k);
    w = 2.0 - v;
    v = x < 0.0 ? w : v;
    c = a < 0.5 ? x : 0.0;
    w = 1.0 - c;
    small = w + (((1.0 - w) - c) - c*VM(erf_small)(c*c));
    v = a < 0.5 ? small : v;
    return x != x ? x : v;
}

/* Up to 1, x + x Q(x^2), Q of 13 terms (2^-62.7 but for the coefficients' rounding). Beyond, 1 - e^P(x - 1), P of
   degree 17 near log erfc x up to x = 6, its error weighted by erfc x (2^-57.0): what erfc alone could not do. */
VM_INLINE double VM(erf)(double x) {
    double a = VM(fabs)(x), b, z, w, even, odd, u, t, n, r, v, s;
    b = a > 6.0 ? 6.0 : a;  /* 1 already */
    b = b < 1.0 ? 1.0 : b;
    u = b - 1.0;
    z = u*u;
    even = VM_FMA(z, -0x1.577f5eca70041p-38, -0x1.6b95696a60e72p-30);
    odd = VM_FMA(z, 0x1.073283b07b733p-33, 0x1.256fd4528534ep-27);
    even = VM_FMA(z, even, -0x1.1f8cf54fbbe4ep-25);
    odd = VM_FMA(z, odd, 0x1.f44eef7422d53p-25);
    even = VM_FMA(z, even, 0x1.b6d61ee6ef710p-23);
    odd = VM_FMA(z, odd, -0x1.1e0d9ca014f29p-19);
    even = VM_FMA(z, even, 0x1.447e35b083425p-17);
    odd = VM_FMA(z, odd, -0x1.c85033d5ab025p-16);
    even = VM_FMA(z, even, 0x1.b92c6c2c9f305p-16);
    odd = VM_FMA(z, odd, 0x1.f1b05d754236ap-13);
    even = VM_FMA(z, even, -0x1.033f5a69bbaadp-9);
    odd = VM_FMA(z, odd, 0x1.48c9d383e1f51p-7);
    even = VM_FMA(z, even, -0x1.5477f099d5e1cp-5);
    odd = VM_FMA(z, odd, -0x1.afabc11a2add1p-1);
    even = VM_FMA(z, even, -0x1.51c9b0006c21ep+1);
    u *= VM_FMA(u, odd, even);
    b = -0x1.d97fbf27aa2a1p+0 + u;
    u += -0x1.d97fbf27aa2a1p+0 - b;
    t = VM_FMA(b, 0x1.71547652b82fep+0, VM_SHIFT);
    n = t - VM_SHIFT;
    w = VM_FMA(n, VM_LN2_2, 0x1.62f90f945c80dp-55 - u);
    b = VM_FMA(n, -VM_LN2_1, b);
    r = b - w;
    v = 1.0 + (b + VM_FMA(r*r, VM(exp_tail)(r), -w));
    v = 1.0 - v*VM(of_bits)((VM(bits)(t) << 52) + VM_BIAS);
    s = a < 1.0 ? a : 0.0;
    z = s*s;
    w = z*z;
    even = VM_FMA(w, 0x1.0576a278f55cap-34, 0x1.f7a3b9077f3bdp-27);
    odd = VM_FMA(w, -0x1.3869a76d94e6cp-30, -0x1.5f1d2ea6e2fd2p-23);
    even = VM_FMA(w, even, 0x1.b9def0aed89d5p-20);
    odd = VM_FMA(w, odd, -0x1.f4d1df271fe7ep-17);
    even = VM_FMA(w, even, 0x1.f9a321a03279ep-14);
    odd = VM_FMA(w, odd, -0x1.c02db3d8e5538p-11);
    even = VM_FMA(w, even, 0x1.565bcd0db0045p-8);
    odd = VM_FMA(w, odd, -0x1.b82ce3128498cp-6);
    even = VM_FMA(w, even, 0x1.ce2f21a042b20p-4);
    odd = VM_FMA(w, odd, -0x1.812746b0379e6p-2);
    even = VM_FMA(w, even, 0x1.06eba8214db69p-3);
    s = VM_FMA(s, VM_FMA(z, odd, even), s);
    v = a < 1.0 ? s : v;
    return VM(copysign)(x != x ? x : v, x);
}

VM_BLOCK_FMA(erf)
VM_BLOCK(erfc)  /* slower than libm's without fma, but that errs by 3 ulp */
