/* core/program/lanes_vector.h: lanes.h with the functions of vecmath.h, for the target that lanes.c has set.

   LC_name: a function inside a formula. LB_row: a row as a function over a block, out first; these send what vector
   functions are not for (huge angles, say) to C's. Rows that have neither are loops over C's functions. */
#define VM(name) T(vm_##name)
#include "core/mathlib/vecmath.h"

static void T(sincos)(double *s, double *c, const double *x, ptrdiff_t n) { VM(block_sincos)(s, c, x, (long)n); }

/* x to a constant power: the same exponent in all lanes, mostly a small one. */
static void T(powc)(double *d, const double *x, const double *c, ptrdiff_t n) {
    ptrdiff_t j;
    int same = 1;
    double k = c[0];
    for (j = 1; j < n; j++)
        same &= c[j] == k;
    if (same && k == 1)
        memmove(d, x, (size_t)n*sizeof(double));
    else if (same && k == 2)
        for (j = 0; j < n; j++)
            d[j] = x[j]*x[j];
    else if (same && k == 3)
        for (j = 0; j < n; j++)
            d[j] = x[j]*x[j]*x[j];
    else if (same && k == -1)
        for (j = 0; j < n; j++)
            d[j] = 1/x[j];
    else
        VM(block_pow)(d, x, c, (long)n);
}

#define LC_exp VM(exp)
#define LC_log1p VM(log1p)
#define LC_hypot VM(hypot)
#define LB_powc T(powc)
#define LB_pow(d, x, y, n) VM(block_pow)(d, x, y, (long)(n))
#define LB_atan2(d, x, y, n) VM(block_atan2)(d, x, y, (long)(n))
#define LB_hypot(d, x, y, n) VM(block_hypot)(d, x, y, (long)(n))
#define LB_exp(d, x, n) VM(block_exp)(d, x, (long)(n))
#define LB_exp2(d, x, n) VM(block_exp2)(d, x, (long)(n))
#define LB_expm1(d, x, n) VM(block_expm1)(d, x, (long)(n))
#define LB_log(d, x, n) VM(block_log)(d, x, (long)(n))
#define LB_log2(d, x, n) VM(block_log2)(d, x, (long)(n))
#define LB_log10(d, x, n) VM(block_log10)(d, x, (long)(n))
#define LB_log1p(d, x, n) VM(block_log1p)(d, x, (long)(n))
#define LB_sin(d, x, n) VM(block_sin)(d, x, (long)(n))
#define LB_cos(d, x, n) VM(block_cos)(d, x, (long)(n))
#define LB_tan(d, x, n) VM(block_tan)(d, x, (long)(n))
#define LB_asin(d, x, n) VM(block_asin)(d, x, (long)(n))
#define LB_acos(d, x, n) VM(block_acos)(d, x, (long)(n))
#define LB_atan(d, x, n) VM(block_atan)(d, x, (long)(n))
#define LB_sinh(d, x, n) VM(block_sinh)(d, x, (long)(n))
#define LB_cosh(d, x, n) VM(block_cosh)(d, x, (long)(n))
#define LB_tanh(d, x, n) VM(block_tanh)(d, x, (long)(n))
#define LB_asinh(d, x, n) VM(block_asinh)(d, x, (long)(n))
#define LB_acosh(d, x, n) VM(block_acosh)(d, x, (long)(n))
#define LB_atanh(d, x, n) VM(block_atanh)(d, x, (long)(n))
#define LB_erf(d, x, n) VM(block_erf)(d, x, (long)(n))
#define LB_erfc(d, x, n) VM(block_erfc)(d, x, (long)(n))
#define LB_floor(d, x, n) VM(block_floor)(d, x, (long)(n))
#define LB_ceil(d, x, n) VM(block_ceil)(d, x, (long)(n))
#define LB_round(d, x, n) VM(block_rint)(d, x, (long)(n))
#define LB_trunc(d, x, n) VM(block_trunc)(d, x, (long)(n))
#include "core/program/lanes.h"
#undef LB_powc
#undef LB_pow
#undef LB_atan2
#undef LB_hypot
#undef LB_exp
#undef LB_exp2
#undef LB_expm1
#undef LB_log
#undef LB_log2
#undef LB_log10
#undef LB_log1p
#undef LB_sin
#undef LB_cos
#undef LB_tan
#undef LB_asin
#undef LB_acos
#undef LB_atan
#undef LB_sinh
#undef LB_cosh
#undef LB_tanh
#undef LB_asinh
#undef LB_acosh
#undef LB_atanh
#undef LB_erf
#undef LB_erfc
#undef LB_floor
#undef LB_ceil
#undef LB_round
#undef LB_trunc
#undef VM
