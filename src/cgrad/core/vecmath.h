/* Elementary functions of doubles without branches, for compilers to vectorise: a loop that calls VM(exp) on consecutive
   numbers becomes one of vector instructions, at whatever width the target has.

   To be included once a target, by a file that has defined before
       VM(name)     the name to give, e.g. name##_avx512
       CGRAD_FMA    1 where the target has fused multiply-add (then used freely), else 0
   and selected the target (#pragma GCC target). Compile with -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math:
   gcc keeps branches around arithmetic that might trap, and those stop its vectoriser. Never with -ffast-math: sums here
   recover each other's rounding errors.

   VM(name)(x) is the function of one number. VM(block_name)(out, x, n) runs it over n numbers, n a multiple of 8, the
   arrays aligned to 64 bytes, out == x allowed; where the inline form has a limited range (sin, cos, tan), the block
   function sends the numbers beyond it to libm. Errors, over the whole range, stay below 1 ulp except where noted.

   The polynomials are minimax (Remez exchange on relative error, leading coefficients rounded first, the rest fitted
   again), computed with mpmath at 240 bits. Methods: Cody & Waite 1980 (argument reduction), Dekker 1971 (exact sums and
   products), Tang 1989/1990 and Muller, Elementary Functions, 3rd ed. (the table-free variants). */
#include <stdint.h>
#include <string.h>
#include <math.h>

#undef VM_FMA
#if CGRAD_FMA
#define VM_FMA(a, b, c) __builtin_fma(a, b, c)  /* rounded once */
#else
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
#define VM_SHIFT 0x1.8p52               /* x + VM_SHIFT: x rounded to a whole number, which is in the low bits */
#define VM_LN2_1 0x1.62e42fefa38p-1     /* ln 2: the first 42 bits, so that whole numbers up to 2^11 times it are */
#define VM_LN2_2 0x1.ef35793c7673p-45   /* exact, and 53 more */
#define VM_BIAS ((uint64_t)1023 << 52)
#define VM_SIGN ((uint64_t)1 << 63)
#define VM_CHUNK 64                     /* numbers that a block function looks through for its libm fallback at a time */
#endif

static inline uint64_t VM(bits)(double x) {
    uint64_t b;
    memcpy(&b, &x, 8);
    return b;
}

static inline double VM(of_bits)(uint64_t b) {
    double x;
    memcpy(&x, &b, 8);
    return x;
}

/* The sign of y on the magnitude of x. */
static inline double VM(copysign)(double x, double y) {
    return VM(of_bits)((VM(bits)(x) & ~VM_SIGN) | (VM(bits)(y) & VM_SIGN));
}

static inline double VM(fabs)(double x) {
    return VM(of_bits)(VM(bits)(x) & ~VM_SIGN);
}

/* a where the lowest bit of q is 0, b where it is 1. */
static inline double VM(pick)(uint64_t q, double a, double b) {
    uint64_t mask = 0 - (q & 1);
    return VM(of_bits)((VM(bits)(a) & ~mask) | (VM(bits)(b) & mask));
}

/* a*b - p for p = a*b rounded: the rounding error of the product (Dekker's splitting where there is no fma). */
static inline double VM(product_error)(double a, double b, double p) {
#if CGRAD_FMA
    return __builtin_fma(a, b, -p);
#else
    const uint64_t high = ~(((uint64_t)1 << 27) - 1);
    double ah = VM(of_bits)(VM(bits)(a) & high), bh = VM(of_bits)(VM(bits)(b) & high), al = a - ah, bl = b - bh;
    return (((ah*bh - p) + ah*bl) + al*bh) + al*bl;
#endif
}

/* v*2^n for n in the low bits of k, -2100 < n < 2100; in two factors, so that neither overflows before the product. */
static inline double VM(scaled)(double v, uint64_t k) {
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

#include "vecmath_exp.h"
#include "vecmath_log.h"
#include "vecmath_trig.h"
