/* sin, cos and tan (part of vecmath.h).

   x = n pi/2 + r + c with |r| <= pi/4, c what r lost in rounding (Cody & Waite). With fma the first two parts of pi/2
   are full doubles: x - n*P1 is exact, n*P2 is taken with its rounding error. Without fma P1, P2, P3 have 33 bits, so
   that their products with n are exact. Both hold close to the multiples of pi/2 as well, where r gets as small as
   2^-57. The inline forms hold for |x| < VM_TRIG_MOST; the block functions everywhere. */
#undef VM_TRIG_MOST
#if CGRAD_FMA
#define VM_TRIG_MOST 1e9
#else
#define VM_TRIG_MOST 1e6
#endif

/* n in the low bits of the result */
VM_INLINE uint64_t VM(reduce)(double x, double *rest, double *lost) {
    double n = VM_FMA(x, 0x1.45f306dc9c883p-1, VM_SHIFT), a, w, r, c;
    uint64_t q = VM(bits)(n);
    n -= VM_SHIFT;
#if CGRAD_FMA
    a = VM_FMA(n, -0x1.921fb54442d18p+0, x);
    w = n*0x1.1a62633145c07p-54;
    r = a - w;
    c = ((a - r) - w) - VM_FMA(n, 0x1.1a62633145c07p-54, -w);
    c = VM_FMA(n, 0x1.f1976b7ed8fbcp-110, c);
#else
    a = x - n*0x1.921fb544p+0;
    w = n*0x1.0b4611a6p-34;
    r = a - w;
    c = (a - r) - w;
    a = r;
    w = n*0x1.3198a2e0p-69;
    r = a - w;
    c += (a - r) - w;
    c -= n*0x1.b839a252049c1p-104;
#endif
    *rest = r;
    *lost = c;
    return q;
}

/* sin(r + c) and cos(r + c) as unevaluated sums: polynomials of 6 terms in z = r^2 for (sin r - r)/(r z) (2^-57.2 of
   the sine) and (cos r - 1 + z/2)/z^2 (2^-59.9 of the cosine). */
VM_INLINE double VM(sin_parts)(double r, double c, double *low) {
    double z = r*r, w = z*z, even, odd;
    even = VM_FMA(w, -0x1.ae5e6633019a2p-26, -0x1.a01a019c11948p-13);
    odd = VM_FMA(w, 0x1.5d92fe8be5afbp-33, 0x1.71de3577aed6cp-19);
    even = VM_FMA(w, even, -0x1.5555555555549p-3);
    odd = VM_FMA(w, odd, 0x1.111111110f87ap-7);
    *low = VM_FMA(r*z, VM_FMA(z, odd, even), VM_FMA(-0.5*z, c, c));
    return r;
}

VM_INLINE double VM(cos_parts)(double r, double c, double *low) {
    double z = r*r, w = z*z, h = VM_FMA(-0.5, z, 1.0), even, odd;
    even = VM_FMA(w, 0x1.1ee9ebe983a11p-29, 0x1.a01a019cb1bf4p-16);
    odd = VM_FMA(w, -0x1.8fae9c87de470p-37, -0x1.27e4f809f172fp-22);
    even = VM_FMA(w, even, 0x1.555555555554cp-5);
    odd = VM_FMA(w, odd, -0x1.6c16c16c1517ep-10);
    *low = VM_FMA(-0.5, z, 1.0 - h) + VM_FMA(w, VM_FMA(z, odd, even), -r*c);
    return h;
}

VM_INLINE double VM(sin_near)(double r, double c) {
    double low, high = VM(sin_parts)(r, c, &low);
    return high + low;
}

VM_INLINE double VM(cos_near)(double r, double c) {
    double low, high = VM(cos_parts)(r, c, &low);
    return high + low;
}

VM_INLINE double VM(sin)(double x) {
    double r, c, s;
    uint64_t q = VM(reduce)(x, &r, &c);
    s = VM(pick)(q, VM(sin_near)(r, c), VM(cos_near)(r, c));
    s = VM(of_bits)(VM(bits)(s) ^ (q << 62 & VM_SIGN));
    return x == 0.0 ? x : s;  /* -0 */
}

VM_INLINE double VM(cos)(double x) {
    double r, c, s;
    uint64_t q = VM(reduce)(x, &r, &c) + 1;
    s = VM(pick)(q, VM(sin_near)(r, c), VM(cos_near)(r, c));
    return VM(of_bits)(VM(bits)(s) ^ (q << 62 & VM_SIGN));
}

VM_INLINE void VM(sincos)(double x, double *sine, double *cosine) {
    double r, c, s, k;
    uint64_t q = VM(reduce)(x, &r, &c);
    s = VM(sin_near)(r, c);
    k = VM(cos_near)(r, c);
    r = VM(of_bits)(VM(bits)(VM(pick)(q, s, k)) ^ (q << 62 & VM_SIGN));
    *sine = x == 0.0 ? x : r;
    *cosine = VM(of_bits)(VM(bits)(VM(pick)(q, k, s)) ^ ((q + 1) << 62 & VM_SIGN));
}

/* sin/cos or -cos/sin, both and the quotient with their rounding errors put back. */
VM_INLINE double VM(tan)(double x) {
    double r, c, s, sl, k, kl, n, nl, d, dl, inverse, v, p;
    uint64_t q = VM(reduce)(x, &r, &c);
    n = VM(sin_parts)(r, c, &nl);
    d = VM(cos_parts)(r, c, &dl);
    s = n + nl;
    sl = (n - s) + nl;
    k = d + dl;
    kl = (d - k) + dl;
    n = VM(pick)(q, s, -k);
    nl = VM(pick)(q, sl, -kl);
    d = VM(pick)(q, k, s);
    dl = VM(pick)(q, kl, sl);
    inverse = 1.0/d;
    v = n*inverse;
    p = v*d;
    v += (((n - p) - VM(product_error)(v, d, p)) + (nl - v*dl))*inverse;
    return x == 0.0 ? x : v;  /* -0 */
}

/* Whether the inline forms hold for all of x[0..n). */
VM_INLINE int VM(trig_all)(const double *x, long n) {
    const double *a = VM_ALIGNED(x);
    uint64_t large = 0;
    long j;
    for (j = 0; j < (n & ~7L); j++)
        large |= VM(bits)(VM_TRIG_MOST) - (VM(bits)(a[j]) & ~VM_SIGN);  /* ordered as whole numbers; nan above inf */
    return !(large >> 63);
}

#ifndef VM_BLOCK_TRIG
#define VM_BLOCK_TRIG(name) \
    static void VM(block_##name)(double *out, const double *x, long n) { \
        long i, j, m; \
        for (i = 0; i < n; i += m) { \
            double kept[VM_CHUNK], *o = VM_ALIGNED(out + i); \
            const double *a = VM_ALIGNED(x + i); \
            int all; \
            m = n - i < VM_CHUNK ? n - i : VM_CHUNK; \
            all = VM(trig_all)(a, m); \
            if (!all) \
                memcpy(kept, a, sizeof(double)*m); \
            VM_LOOP \
            for (j = 0; j < (m & ~7L); j++) \
                o[j] = VM(name)(a[j]); \
            if (!all) \
                for (j = 0; j < m; j++) \
                    if (!(fabs(kept[j]) < VM_TRIG_MOST)) \
                        o[j] = name(kept[j]); \
        } \
    }
#endif

VM_BLOCK_TRIG(sin)
VM_BLOCK_TRIG(cos)
VM_BLOCK_TRIG(tan)

/* out may be x for one of the two, not for both */
static void VM(block_sincos)(double *sines, double *cosines, const double *x, long n) {
    long i, j, m;
    for (i = 0; i < n; i += m) {
        double kept[VM_CHUNK], *s = VM_ALIGNED(sines + i), *k = VM_ALIGNED(cosines + i);
        const double *a = VM_ALIGNED(x + i);
        int all;
        m = n - i < VM_CHUNK ? n - i : VM_CHUNK;
        all = VM(trig_all)(a, m);
        if (!all)
            memcpy(kept, a, sizeof(double)*m);
        VM_LOOP
        for (j = 0; j < (m & ~7L); j++) {
            double u, v;
            VM(sincos)(a[j], &u, &v);
            s[j] = u;
            k[j] = v;
        }
        if (!all)
            for (j = 0; j < m; j++)
                if (!(fabs(kept[j]) < VM_TRIG_MOST)) {
                    s[j] = sin(kept[j]);
                    k[j] = cos(kept[j]);
                }
    }
}
