/* Elementary functions of doubles without branches, for compilers to vectorise: a loop that calls VM(exp) on numbers
   side by side becomes one of vector instructions, at whatever width the target has.

   To be included once a target, by a file that has defined before
       VM(name)     the name to give, e.g. name##_avx512
       CGRAD_FMA    1 where the target has fused multiply-add (then used freely), else 0
   and has selected the target: #pragma GCC target, for clang #pragma clang attribute. Compile with -O3
   -ffp-contract=off -fno-math-errno -fno-trapping-math: without the last, gcc keeps branches around arithmetic that
   might trap, and does not vectorise the loop. Never with -ffast-math: sums here recover each other's rounding errors.

   VM(name)(x) is the function of one number, to be combined at will inside a loop. VM(block_name)(out, x, n) runs it
   over n numbers, n a multiple of 8, the arrays aligned to 64 bytes, out == x allowed. The two differ in sin, cos, tan
   and sincos, whose inline forms hold for |x| < VM_TRIG_MOST only, while the block functions send larger numbers to
   libm; and where there is no fma, in pow, log2, asinh, acosh and erf, whose block functions are loops over libm.

   Errors seen in a million numbers and more of each function's range, in ulp: below 1, but for erf (1.02), atan2 with a
   subnormal result, pow and hypot (1.2), erfc (1.7 beyond 20, 1.3 beyond 5); without fma also exp2, expm1, erf (1.1),
   tanh (1.4), atan2 with a subnormal result (1.6), and what glibc's asinh and acosh have (2).

   Polynomials are minimax, by Remez exchange on the relative error at 240 bits with mpmath (tools/fit_vecmath.py), the
   coefficients rounded to doubles; errors given as 2^-n are those after the rounding, or before it where so marked.
   Methods: Cody & Waite, Software Manual for the Elementary Functions, 1980 (reductions); Dekker 1971 (sums and
   products in two parts); Tang 1989, 1990 and Muller, Elementary Functions, 3rd ed. 2016 (shapes of the formulas). */
#include <stdint.h>
#include <string.h>
#include <math.h>

#undef VM_FMA
#undef VM_BLOCK_FMA
#if CGRAD_FMA
#define VM_BLOCK_FMA(name) VM_BLOCK(name)
#ifdef __GNUC__
#define VM_FMA(a, b, c) __builtin_fma(a, b, c)  /* rounded once */
#else
#define VM_FMA(a, b, c) fma(a, b, c)
#endif
#else
#define VM_BLOCK_FMA(name) VM_BLOCK_LIBM(name)
#define VM_FMA(a, b, c) ((a)*(b) + (c))         /* rounded twice: only where that is as good */
#endif

#ifndef CGRAD_VECMATH_ONCE
#define CGRAD_VECMATH_ONCE
#if defined(__clang__)
#define VM_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define VM_LOOP _Pragma("GCC ivdep")
#else
#define VM_LOOP
#endif
#if defined(__GNUC__)
#define VM_ALIGNED(p) __builtin_assume_aligned(p, 64)
#else
#define VM_ALIGNED(p) (p)
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#define VM_INLINE static __forceinline
#elif defined(__GNUC__)
#define VM_INLINE static inline __attribute__((always_inline))  /* a call left in a loop would stop the vectoriser */
#else
#define VM_INLINE static inline
#endif
#define VM_SHIFT 0x1.8p52               /* x + VM_SHIFT: x rounded to a whole number, which is in the low bits */
#define VM_LN2_1 0x1.62e42fefa38p-1     /* ln 2: the first 42 bits, so that whole numbers up to 2^11 times it are */
#define VM_LN2_2 0x1.ef35793c7673p-45   /* exact, and 53 more */
#define VM_BIAS ((uint64_t)1023 << 52)
#define VM_SIGN ((uint64_t)1 << 63)
#define VM_CHUNK 64                     /* numbers that are looked through at a time for those that go to libm */
#endif

VM_INLINE uint64_t VM(bits)(double x) {
    uint64_t b;
    memcpy(&b, &x, 8);
    return b;
}

VM_INLINE double VM(of_bits)(uint64_t b) {
    double x;
    memcpy(&x, &b, 8);
    return x;
}

/* The sign of y on the magnitude of x. */
VM_INLINE double VM(copysign)(double x, double y) {
    return VM(of_bits)((VM(bits)(x) & ~VM_SIGN) | (VM(bits)(y) & VM_SIGN));
}

VM_INLINE double VM(fabs)(double x) {
    return VM(of_bits)(VM(bits)(x) & ~VM_SIGN);
}

/* x held within [-most, most]; nan stays. One comparison: gcc makes a tangle of two. */
VM_INLINE double VM(within)(double x, double most) {
    return VM(fabs)(x) > most ? VM(copysign)(most, x) : x;
}

/* a where the lowest bit of q is 0, b where it is 1. */
VM_INLINE double VM(pick)(uint64_t q, double a, double b) {
    uint64_t mask = 0 - (q & 1);
    return VM(of_bits)((VM(bits)(a) & ~mask) | (VM(bits)(b) & mask));
}

/* a*b - p for p = a*b rounded: the rounding error of the product (Dekker's splitting where there is no fma). */
VM_INLINE double VM(product_error)(double a, double b, double p) {
#if CGRAD_FMA
    return VM_FMA(a, b, -p);
#else
    const uint64_t high = ~(((uint64_t)1 << 27) - 1);
    double ah = VM(of_bits)(VM(bits)(a) & high), bh = VM(of_bits)(VM(bits)(b) & high), al = a - ah, bl = b - bh;
    return (((ah*bh - p) + ah*bl) + al*bh) + al*bl;
#endif
}

/* v*2^n for n in the low bits of k, -2100 < n < 2100; in two factors, so that neither overflows before the product. */
VM_INLINE double VM(scaled)(double v, uint64_t k) {
    uint64_t half = (k << 51) & ~(((uint64_t)1 << 52) - 1);
    return v*VM(of_bits)(half + VM_BIAS)*VM(of_bits)((k << 52) - half + VM_BIAS);
}

/* A block function of one argument, for an inline form that holds everywhere. */
#ifndef VM_BLOCK
#define VM_BLOCK(name) \
    static void VM(block_##name)(double *out, const double *x, long n) { \
        double *o = VM_ALIGNED(out); \
        const double *a = VM_ALIGNED(x); \
        long j; \
        VM_LOOP \
        for (j = 0; j < (n & ~7L); j++) \
            o[j] = VM(name)(a[j]); \
    }
/* For a target without fma, where two numbers at a time take longer than libm with its tables: libm, one by one. */
#define VM_BLOCK_LIBM(name) \
    static void VM(block_##name)(double *out, const double *x, long n) { \
        long j; \
        for (j = 0; j < n; j++) \
            out[j] = name(x[j]); \
    }
#define VM_BLOCK2(name) \
    static void VM(block_##name)(double *out, const double *x, const double *y, long n) { \
        double *o = VM_ALIGNED(out); \
        const double *a = VM_ALIGNED(x), *b = VM_ALIGNED(y); \
        long j; \
        VM_LOOP \
        for (j = 0; j < (n & ~7L); j++) \
            o[j] = VM(name)(a[j], b[j]); \
    }
#endif

#include "vecmath/exp.h"
#include "vecmath/log.h"
#include "vecmath/trig.h"
#include "vecmath/pow.h"
#include "vecmath/inverse.h"
#include "vecmath/erf.h"
#include "vecmath/roots.h"
