/* core/program/lanes_vector.h: lanes.h with the functions of vecmath.h, for the target that lanes.c has set.

   What a row calls of them, and whether over a block or inside a loop, is a column of the op table
   (FUNCTIONS, ``vector``); _gen/lanes.h spells the calls. Rows that call none are loops over C's functions. */
#define VM(name) T(vm_##name)
#include "core/mathlib/vecmath.h"

#if defined(__GNUC__)
#define SCRATCH(s) double s[CGRAD_MOST_LANES] __attribute__((aligned(64)))
#else
#define SCRATCH(s) double s[CGRAD_MOST_LANES]
#endif

static void T(sincos)(double *s, double *c, const double *x, ptrdiff_t n) { VM(block_sincos)(s, c, x, (long)n); }

/* Whether all lanes hold the same number: constants do. */
CGRAD_UNUSED static int T(same)(const double *c, ptrdiff_t n) {
    ptrdiff_t j;
    int same = 1;
    double k = c[0];
    for (j = 1; j < n; j++)
        same &= c[j] == k;
    return same;
}

#include "core/program/lanes.h"
#undef SCRATCH
#undef VM
