/* core/program/lanes.h: the instructions of bytecode.def over a block of points, for one kind of processor.

   lanes.c includes it once per target, having defined T(name), the target's spelling of a name, and VM(name), that of a
   vector function, where the target has such functions.

       slot 0  | lane 0 | lane 1 | .. | lane n-1 |      n: a multiple of CGRAD_FEWEST_LANES
       slot 1  | lane 0 | ..                            slots are aligned to 64 bytes

   A result may be written to a slot that the instruction reads. It is so lane by lane, hence ivdep is true. */

#define L_(name) T(lane_##name)
#define ROW_(name) T(row_##name)
#if defined(__clang__)
#define EACH _Pragma("clang loop vectorize(assume_safety)") for (j = 0; j < n; j++)
#elif defined(__GNUC__)
#define EACH _Pragma("GCC ivdep") for (j = 0; j < n; j++)
#else
#define EACH for (j = 0; j < n; j++)
#endif
#if defined(__GNUC__)
#define ALIGNED(p) p = __builtin_assume_aligned(p, 64);
#define MULTIPLE(n) n &= ~(ptrdiff_t)(CGRAD_FEWEST_LANES - 1);
#else
#define ALIGNED(p)
#define MULTIPLE(n)
#endif
#define LANES_(...) LANES_N(__VA_ARGS__, LANES_4, LANES_3, LANES_2, 0)(__VA_ARGS__)
#define LANES_N(a, b, c, d, which, ...) which
#define LANES_2(a, b) ALIGNED(a) ALIGNED(b) MULTIPLE(n) EACH
#define LANES_3(a, b, c) ALIGNED(a) LANES_2(b, c)
#define LANES_4(a, b, c, d) ALIGNED(a) LANES_3(b, c, d)

#include "_gen/lanes.h"

/* r = c + a sum of products, or, without c, the sum alone. WIDE lanes at a time stay in registers over all terms. */
static void T(sum)(const int32_t *w, ptrdiff_t terms, double *r, const double *c, const double *v, ptrdiff_t n) {
    enum { WIDE = CGRAD_FEWEST_LANES };
    ptrdiff_t j, t, k;
    for (j = 0; j < n; j += WIDE) {
        double s[WIDE];
        if (c)
            for (k = 0; k < WIDE; k++)
                s[k] = c[j + k];
        else {
            const double *x = v + w[0]*n + j, *y = v + w[1]*n + j;
            for (k = 0; k < WIDE; k++)
                s[k] = x[k]*y[k];
        }
        for (t = c ? 0 : 1; t < terms; t++) {
            const int32_t x_slot = w[2*t];  /* ~slot: the product is subtracted */
            const double *x = v + (x_slot ^ (x_slot >> 31))*n + j, *y = v + w[2*t + 1]*n + j;
            if (x_slot >= 0)
                for (k = 0; k < WIDE; k++)
                    s[k] += x[k]*y[k];
            else
                for (k = 0; k < WIDE; k++)
                    s[k] -= x[k]*y[k];
        }
        for (k = 0; k < WIDE; k++)
            r[j + k] = s[k];
    }
}

/* Operands, named as in bytecode.def: where their lanes are, from word k on, and their numbers in lane j. */
#define SLOT(k) (v + w[k]*n)
#define LOCATE_1(k) const double *a_ = SLOT(k); ALIGNED(a_)
#define LOCATE_2(k) LOCATE_1(k) const double *b_ = SLOT(k + 1); ALIGNED(b_)
#define LOCATE_3(k) LOCATE_2(k) const double *c_ = SLOT(k + 2); ALIGNED(c_)
#define LOCATE_4(k) LOCATE_3(k) const double *d_ = SLOT(k + 3); ALIGNED(d_)
#define LOCATE_5(k) LOCATE_4(k) const double *e_ = SLOT(k + 4); ALIGNED(e_)
#define READ_1 const double a = a_[j];
#define READ_2 READ_1 const double b = b_[j];
#define READ_3 READ_2 const double c = c_[j];
#define READ_4 READ_3 const double d = d_[j];
#define READ_5 READ_4 const double e = e_[j];

/* The instruction whose result is word k. */
#define COMPUTE(k, operands, expression) { \
        double *r = SLOT(k); \
        LOCATE_##operands(k + 1) \
        ALIGNED(r) MULTIPLE(n) \
        EACH { \
            READ_##operands \
            r[j] = expression; \
        } \
    }

static void T(lanes)(const int32_t *w, double *v, ptrdiff_t n, int32_t *failed) {
    ptrdiff_t j;
    MULTIPLE(n)
    for (;;) switch (*w) {
#define ROW1(name, function) case BC_##name: ROW_(function)(SLOT(1), SLOT(2), n); w += 3; break;
#define ROW2(name, function) case BC_##name: ROW_(function)(SLOT(1), SLOT(2), SLOT(3), n); w += 4; break;
#define ROW3(name, function) case BC_##name: ROW_(function)(SLOT(1), SLOT(2), SLOT(3), SLOT(4), n); w += 5; break;
#define SINGLE(name, operands, expression) \
    case BC_##name: \
        COMPUTE(1, operands, expression) \
        w += 2 + operands; \
        break;
#define LAST(name, of, operands, expression)
#define PAIR(name, first, second, function) \
    case BC_##name: \
        T(function)(SLOT(1), SLOT(2), SLOT(3), n); \
        w += 4; \
        break;
#define RUN(name, of, operands, expression) \
    case BC_##name: { \
        const int32_t *end = w + 2 + (1 + operands)*(ptrdiff_t)w[1]; \
        for (w += 2; w < end; w += 1 + operands) \
            COMPUTE(0, operands, expression) \
        break; \
    }
#define SUM(name, based, signs) \
    case BC_##name: \
        T(sum)(w + 3 + based, w[1], SLOT(2), based ? SLOT(3) : NULL, v, n); \
        w += 3 + based + 2*(ptrdiff_t)w[1]; \
        break;
#define GUARD(name, comparison, outcome, expression) \
    case BC_##name: { \
        int32_t alive = 0, number = w[1]; \
        LOCATE_2(2) \
        for (j = 0; j < n; j++) { \
            READ_2 \
            failed[j] = failed[j] ? failed[j] : (expression) == outcome ? 0 : number; \
            alive |= failed[j] == 0; \
        } \
        if (!alive) \
            return; \
        w += 4; \
        break; \
    }
#define END(name) case BC_##name: return;
#include "core/program/bytecode.def"
    }
}

#undef SLOT
#undef LOCATE_1
#undef LOCATE_2
#undef LOCATE_3
#undef LOCATE_4
#undef LOCATE_5
#undef READ_1
#undef READ_2
#undef READ_3
#undef READ_4
#undef READ_5
#undef COMPUTE
#undef L_
#undef ROW_
#undef EACH
#undef ALIGNED
#undef MULTIPLE
#undef LANES_
#undef LANES_N
#undef LANES_2
#undef LANES_3
#undef LANES_4
