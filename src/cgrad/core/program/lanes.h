/* core/program/lanes.h: the instructions of programs over blocks of points, for one kind of processor.

   Included by lanes.c once a target, which defines T(name), the target's spelling of a name, and what vector functions
   it has (LC_exp: inside formulas; LB_sin: whole blocks). A slot is a row of n lanes, n a multiple of 16, rows aligned to 64
   bytes; a result may be written where an operand is read, lane by lane, which is what ivdep promises. */

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
#define MULTIPLE(n) n &= ~(ptrdiff_t)15;
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

/* Sums of products: 16 lanes at a time stay in registers over all terms. */
static void T(dot)(const int32_t *w, ptrdiff_t terms, double *d, const double *c, const double *v, ptrdiff_t n) {
    ptrdiff_t j, t, k;
    for (j = 0; j < n; j += 16) {
        double s[16];
        if (c)
            for (k = 0; k < 16; k++)
                s[k] = c[j + k];
        else {
            const double *x = v + w[0]*n + j, *y = v + w[1]*n + j;
            for (k = 0; k < 16; k++)
                s[k] = x[k]*y[k];
        }
        for (t = c ? 0 : 1; t < terms; t++) {
            const int32_t x_slot = w[2*t];
            const double *x = v + (x_slot ^ (x_slot >> 31))*n + j, *y = v + w[2*t + 1]*n + j;
            if (x_slot >= 0)
                for (k = 0; k < 16; k++)
                    s[k] += x[k]*y[k];
            else
                for (k = 0; k < 16; k++)
                    s[k] -= x[k]*y[k];
        }
        for (k = 0; k < 16; k++)
            d[j + k] = s[k];
    }
}

#define AT(k) (v + w[k]*n)
#define FUSED(code, words, expression) \
    case code: { \
        double *d = AT(1); const double *x = AT(2), *y = AT(3), *z = AT(4); \
        LANES_4(d, x, y, z) d[j] = expression; \
        w += words; break; \
    }
#define FUSED4(code, expression) \
    case code: { \
        double *d = AT(1); const double *x = AT(2), *y = AT(3), *z = AT(4), *u = AT(5); \
        ALIGNED(u) LANES_4(d, x, y, z) d[j] = expression; \
        w += 6; break; \
    }
#define RUN(code, expression) \
    case code: { \
        const int32_t *end = w + 2 + 3*(ptrdiff_t)w[1]; \
        for (w += 2; w < end; w += 3) { \
            double *d = AT(0); const double *x = AT(1), *y = AT(2); \
            LANES_3(d, x, y) d[j] = expression; \
        } \
        break; \
    }
#define RUN3(code, expression) \
    case code: { \
        const int32_t *end = w + 2 + 4*(ptrdiff_t)w[1]; \
        for (w += 2; w < end; w += 4) { \
            double *d = AT(0); const double *x = AT(1), *y = AT(2), *z = AT(3); \
            LANES_4(d, x, y, z) d[j] = expression; \
        } \
        break; \
    }
#define GUARD(code, operator) \
    case M_IF_##code: case M_IF_NOT_##code: { \
        const double *x = AT(2), *y = AT(3); \
        int32_t k = w[1], stay = w[0] == M_IF_##code, alive = 0; \
        ALIGNED(x) ALIGNED(y) \
        for (j = 0; j < n; j++) { \
            failed[j] = failed[j] ? failed[j] : (x[j] operator y[j]) == stay ? 0 : k; \
            alive |= failed[j] == 0; \
        } \
        if (!alive) return; \
        w += 4; break; \
    }

static void T(lanes)(const int32_t *w, double *v, ptrdiff_t n, int32_t *failed) {
    ptrdiff_t j;
    MULTIPLE(n)
    for (;;) switch (*w) {
    LANE_ROWS
    FUSED(M_MULADD, 5, x[j] + y[j]*z[j])
    FUSED(M_MULSUB, 5, x[j] - y[j]*z[j])
    FUSED(M_SUBMUL, 5, y[j]*z[j] - x[j])
    FUSED(M_MUL3, 5, (x[j]*y[j])*z[j])
    FUSED4(M_MUL3ADD, x[j] + (y[j]*z[j])*u[j])
    case M_MUL3MUL: {
        double *d = AT(1);
        const double *x = AT(2), *y = AT(3), *z = AT(4), *u = AT(5), *t = AT(6);
        ALIGNED(u) ALIGNED(t) LANES_4(d, x, y, z) d[j] = (x[j]*y[j])*z[j] + u[j]*t[j];
        w += 7;
        break;
    }
    FUSED4(M_MUL2, x[j]*y[j] + z[j]*u[j])
    FUSED4(M_MUL2SUB, x[j]*y[j] - z[j]*u[j])
    case M_SINCOS:
        T(sincos)(AT(1), AT(2), AT(3), n);
        w += 4;
        break;
    case M_DOT: case M_SDOT:
        T(dot)(w + 4, w[1], AT(2), AT(3), v, n);
        w += 4 + 2*(ptrdiff_t)w[1];
        break;
    case M_DOT0: case M_SDOT0:
        T(dot)(w + 3, w[1], AT(2), NULL, v, n);
        w += 3 + 2*(ptrdiff_t)w[1];
        break;
    RUN(M_ADDS, x[j] + y[j])
    RUN(M_SUBS, x[j] - y[j])
    RUN(M_MULS, x[j]*y[j])
    RUN3(M_MULADDS, x[j] + y[j]*z[j])
    RUN3(M_MULSUBS, x[j] - y[j]*z[j])
    FUSED4(M_WHERE_LT, x[j] < y[j] ? z[j] : u[j])
    FUSED4(M_WHERE_LE, x[j] <= y[j] ? z[j] : u[j])
    FUSED4(M_WHERE_EQ, x[j] == y[j] ? z[j] : u[j])
    FUSED4(M_WHERE_NE, x[j] != y[j] ? z[j] : u[j])
    GUARD(LT, <)
    GUARD(LE, <=)
    GUARD(EQ, ==)
    GUARD(NE, !=)
    default:
        return;
    }
}

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
#undef AT
#undef FUSED
#undef FUSED4
#undef RUN
#undef RUN3
#undef GUARD
#undef LANE_ROWS
