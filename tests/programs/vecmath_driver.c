/* The functions of vecmath.h for test_vecmath.py: one library, every target that the compiler knows of this machine. */
#define TEXT(x) _Pragma(#x)
#ifdef __clang__
#define TARGET(names) TEXT(clang attribute push(__attribute__((target(names))), apply_to=function))
#define TARGET_END TEXT(clang attribute pop)
#define WIDE
#else
#define TARGET(names) TEXT(GCC push_options) TEXT(GCC target(names))
#define TARGET_END TEXT(GCC pop_options)
#define WIDE ",prefer-vector-width=512"  /* gcc takes 256 bits by itself */
#endif

#if defined(__x86_64__)
#define CGRAD_FMA 0
#define VM(name) name##_sse2
#include "vecmath.h"
#undef VM
#undef CGRAD_FMA
#define CGRAD_FMA 1
TARGET("avx2,fma")
#define VM(name) name##_avx2
#include "vecmath.h"
#undef VM
TARGET_END
TARGET("avx512f,avx512dq,avx512vl,avx2,fma" WIDE)
#define VM(name) name##_avx512
#include "vecmath.h"
#undef VM
TARGET_END
#define EACH(MACRO, name) MACRO(name, sse2) MACRO(name, avx2) MACRO(name, avx512)
int targets(void) {
    __builtin_cpu_init();
    return 1 | (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) << 1
        | (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
           && __builtin_cpu_supports("avx512vl")) << 2;
}
#else
#ifdef __FP_FAST_FMA
#define CGRAD_FMA 1
#else
#define CGRAD_FMA 0
#endif
#define VM(name) name##_plain
#include "vecmath.h"
#define EACH(MACRO, name) MACRO(name, plain)
int targets(void) {
    return 8;
}
#endif

#define OUT1(name, target) void out_##name##_##target(double *out, const double *x, long n) { \
    block_##name##_##target(out, x, n); }
#define OUT2(name, target) void out_##name##_##target(double *out, const double *x, const double *y, long n) { \
    block_##name##_##target(out, x, y, n); }
#define OUT_SINCOS(name, target) void out_##name##_##target(double *s, double *c, const double *x, long n) { \
    block_##name##_##target(s, c, x, n); }
#define ONE(name) EACH(OUT1, name)
#define TWO(name) EACH(OUT2, name)
EACH(OUT_SINCOS, sincos)
ONE(exp) ONE(exp2) ONE(expm1) ONE(sinh) ONE(cosh) ONE(tanh)
ONE(log) ONE(log2) ONE(log10) ONE(log1p) ONE(asinh) ONE(acosh) ONE(atanh)
ONE(sin) ONE(cos) ONE(tan) ONE(asin) ONE(acos) ONE(atan)
ONE(erf) ONE(erfc) ONE(cbrt) ONE(sqrt) ONE(floor) ONE(ceil) ONE(rint) ONE(trunc)
TWO(pow) TWO(atan2) TWO(hypot)
