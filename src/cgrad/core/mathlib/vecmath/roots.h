/* cbrt, hypot, and rounding to whole numbers (part of vecmath.h). */

/* |x| = 2^(3q + e) m, e in {-1, 0, 1}, m in [1, 2): y near (2^e m)^(-1/3) by a polynomial of 5 terms (2^-14.7) and a
   step of third order (2^-43); then c = t y^2 of t = 2^e m and a step of Newton with t - c^3 in two parts. */
VM_INLINE double VM(cbrt)(double x) {
    double a = VM(fabs)(x), k, q, e, m, t, y, h, c, s, p, v;
    int small = a < 0x1p-1022;
    double z = small ? a*0x1p54 : a, bias = small ? 0x1p52 + 1023 + 54 : 0x1p52 + 1023;
    uint64_t b = VM(bits)(z);
    k = VM(of_bits)((b >> 52) | 0x4330000000000000) - bias;
    m = VM(of_bits)((b & (((uint64_t)1 << 52) - 1)) | VM_BIAS);
    q = k*0x1.5555555555555p-2 + VM_SHIFT;
    b = VM(bits)(q);
    e = k - 3.0*(q - VM_SHIFT);
    y = VM_FMA(m, 0x1.d471ea27097e4p-6, -0x1.c51a35f7faa36p-3);
    y = VM_FMA(m, y, 0x1.64175443dd0aep-1);
    y = VM_FMA(m, y, -0x1.2c425f73716fap+0);
    y = VM_FMA(m, y, 0x1.ab85bc816e1bep+0);
    y *= e > 0.0 ? 0x1.965fea53d6e3dp-1 : (e < 0.0 ? 0x1.428a2f98d728bp+0 : 1.0);
    t = m*(e > 0.0 ? 2.0 : (e < 0.0 ? 0.5 : 1.0));
    h = 1.0 - t*(y*y)*y;
    y += y*(h*VM_FMA(h, 0x1.c71c71c71c71cp-3, 0x1.5555555555555p-2));
    s = y*y;
    c = t*s;
    p = c*c;
    v = p*c;
    h = ((t - v) - VM(product_error)(p, c, v)) - VM(product_error)(c, c, p)*c;
    c = VM_FMA(h*s, 0x1.5555555555555p-2, c);
    c *= VM(of_bits)((b << 52) + VM_BIAS);
    v = ((a > 0.0) & (a < INFINITY)) ? c : x;
    return VM(copysign)(v, x);
}

/* Both scaled by 2^600 where the squares would leave the range. */
VM_INLINE double VM(hypot)(double x, double y) {
    double a = VM(fabs)(x), b = VM(fabs)(y), most = a > b ? a : b, scale, back, v;
    int infinite = (a == INFINITY) | (b == INFINITY);  /* then a nan beside it does not count */
    scale = most > 0x1p500 ? 0x1p-600 : 1.0;
    back = most > 0x1p500 ? 0x1p600 : 1.0;
    scale = most < 0x1p-400 ? 0x1p600 : scale;
    back = most < 0x1p-400 ? 0x1p-600 : back;
    a *= scale;
    b *= scale;
    v = sqrt(VM_FMA(a, a, b*b))*back;
    return infinite ? INFINITY : v;
}

VM_INLINE double VM(sqrt)(double x) {
    return sqrt(x);
}

#if CGRAD_FMA && defined(__GNUC__)  /* such targets round in one instruction */
VM_INLINE double VM(rint)(double x) {
    return __builtin_rint(x);
}

VM_INLINE double VM(floor)(double x) {
    return __builtin_floor(x);
}

VM_INLINE double VM(ceil)(double x) {
    return __builtin_ceil(x);
}

VM_INLINE double VM(trunc)(double x) {
    return __builtin_trunc(x);
}
#else
VM_INLINE double VM(rint)(double x) {
    double a = VM(fabs)(x);
    return a < 0x1p52 ? VM(copysign)((a + 0x1p52) - 0x1p52, x) : x;
}

VM_INLINE double VM(floor)(double x) {
    double r = VM(rint)(x);
    return VM(copysign)(r - (r > x ? 1.0 : 0.0), x);
}

VM_INLINE double VM(ceil)(double x) {
    double r = VM(rint)(x);
    return VM(copysign)(r + (r < x ? 1.0 : 0.0), x);
}

VM_INLINE double VM(trunc)(double x) {
    double a = VM(fabs)(x), r = VM(rint)(a);
    return VM(copysign)(r - (r > a ? 1.0 : 0.0), x);
}
#endif

VM_BLOCK(cbrt)
VM_BLOCK2(hypot)
VM_BLOCK(sqrt)
VM_BLOCK(rint)
VM_BLOCK(floor)
VM_BLOCK(ceil)
VM_BLOCK(trunc)
