/* core/lanes_vector.h: lanes.h with the functions of vecmath.h, for the target that lanes.c has set. */
#define VM(name) T(vm_##name)
#include "vecmath.h"
static void T(sincos)(double *s, double *c, const double *x, ptrdiff_t n) { VM(block_sincos)(s, c, x, (long)n); }
#define LC_exp VM(exp)
#define LC_expm1 VM(expm1)
#define LC_tanh VM(tanh)
#define LC_log VM(log)
#define LC_log1p VM(log1p)
#define LB_sin VM(block_sin)
#define LB_cos VM(block_cos)
#include "lanes.h"
#undef LB_sin
#undef LB_cos
#undef VM
