/* core/program/interpreter.c: the interpreter of programs, one point at a time. */
#include <string.h>
#include "core/program/bytecode.h"
#include "_gen/formulas.h"
#include "_gen/machine.h"

#if defined(__GNUC__)  /* each instruction jumps to the next: processors predict that far better than one switch */
#define CGRAD_THREADED 1
#if defined(__clang__)
#define UNROLLED _Pragma("unroll 4")
#else
#define UNROLLED _Pragma("GCC unroll 4")
#endif
#else
#define CGRAD_THREADED 0
#define UNROLLED
#endif

#if defined(__GLIBC__)
#define _GNU_SOURCE_SINCOS 1
extern void sincos(double, double *, double *);
#endif

/* s + or - the products of the terms k .. end: a subtracted one's first factor is ~slot. */
static inline double signed_sum(const int32_t *k, const int32_t *end, double s, const double *v) {
    for (; k < end; k += 2) {
        int32_t minus = k[0] >> 31;
        double product = v[k[0] ^ minus]*v[k[1]];
        uint64_t bits;
        memcpy(&bits, &product, 8);
        bits ^= (uint64_t)(uint32_t)minus << 63;  /* s + -p is s - p */
        memcpy(&product, &bits, 8);
        s += product;
    }
    return s;
}

int32_t cgrad_replay(const int32_t *CGRAD_RESTRICT w, double *CGRAD_RESTRICT v) {
    double last = 0;
#if CGRAD_THREADED
#define AT(name) L_##name
#define NEXT goto *labels[*w]
#define ROW_LABEL(code, name) [OP_##code] = &&L_OP_##code,
#define UNARY_LABEL(code, name) [OP_##code] = &&L_OP_##code, [M_LAST + OP_##code] = &&L_LAST_##code,
    static void *const labels[M_COUNT] = {
        CGRAD_ROWS(UNARY_LABEL, ROW_LABEL, ROW_LABEL)
        [M_MULADD] = &&L_M_MULADD, [M_MULSUB] = &&L_M_MULSUB, [M_SUBMUL] = &&L_M_SUBMUL, [M_MUL2] = &&L_M_MUL2,
        [M_MUL2_LAST] = &&L_M_MUL2_LAST, [M_MUL2SUB] = &&L_M_MUL2SUB, [M_MUL3] = &&L_M_MUL3, [M_MUL3ADD] = &&L_M_MUL3ADD, [M_MUL3MUL] = &&L_M_MUL3MUL, [M_WHERE_LT] = &&L_M_WHERE_LT, [M_WHERE_LE] = &&L_M_WHERE_LE,
        [M_WHERE_EQ] = &&L_M_WHERE_EQ, [M_WHERE_NE] = &&L_M_WHERE_NE, [M_SINCOS] = &&L_M_SINCOS, [M_DOT] = &&L_M_DOT,
        [M_DOT0] = &&L_M_DOT0, [M_SDOT] = &&L_M_SDOT, [M_SDOT0] = &&L_M_SDOT0, [M_ADDS] = &&L_M_ADDS, [M_SUBS] = &&L_M_SUBS, [M_MULS] = &&L_M_MULS,
        [M_MULADDS] = &&L_M_MULADDS, [M_MULSUBS] = &&L_M_MULSUBS, [M_IF_LT] = &&L_M_IF_LT, [M_IF_LE] = &&L_M_IF_LE, [M_IF_EQ] = &&L_M_IF_EQ,
        [M_IF_NE] = &&L_M_IF_NE, [M_IF_NOT_LT] = &&L_M_IF_NOT_LT, [M_IF_NOT_LE] = &&L_M_IF_NOT_LE,
        [M_IF_NOT_EQ] = &&L_M_IF_NOT_EQ, [M_IF_NOT_NE] = &&L_M_IF_NOT_NE, [M_END] = &&L_M_END,
    };
    NEXT;
#else
#define AT(name) case name
#define NEXT break
    for (;;) switch (*w) {
#endif

#define SET(k, expression) last = expression; v[w[k]] = last
#if CGRAD_THREADED
#define AT_LAST(code) L_LAST_##code
#else
#define AT_LAST(code) case M_LAST + OP_##code
#endif
#define UNARY(code, name) \
    AT(OP_##code): SET(1, f_##name(v[w[2]])); w += 3; NEXT; \
    AT_LAST(code): SET(1, f_##name(last)); w += 3; NEXT;
#define BINARY(code, name) AT(OP_##code): SET(1, f_##name(v[w[2]], v[w[3]])); w += 4; NEXT;
#define TERNARY(code, name) AT(OP_##code): SET(1, f_##name(v[w[2]], v[w[3]], v[w[4]])); w += 5; NEXT;
    CGRAD_ROWS(UNARY, BINARY, TERNARY)

    AT(M_MULADD): SET(1, v[w[2]] + v[w[3]]*v[w[4]]); w += 5; NEXT;
    AT(M_MULSUB): SET(1, v[w[2]] - v[w[3]]*v[w[4]]); w += 5; NEXT;
    AT(M_SUBMUL): SET(1, v[w[3]]*v[w[4]] - v[w[2]]); w += 5; NEXT;
    AT(M_MUL2): SET(1, v[w[2]]*v[w[3]] + v[w[4]]*v[w[5]]); w += 6; NEXT;
    AT(M_MUL2_LAST): SET(1, v[w[2]]*v[w[3]] + last*v[w[5]]); w += 6; NEXT;
    AT(M_MUL2SUB): SET(1, v[w[2]]*v[w[3]] - v[w[4]]*v[w[5]]); w += 6; NEXT;
    AT(M_MUL3): SET(1, (v[w[2]]*v[w[3]])*v[w[4]]); w += 5; NEXT;
    AT(M_MUL3ADD): SET(1, v[w[2]] + (v[w[3]]*v[w[4]])*v[w[5]]); w += 6; NEXT;
    AT(M_MUL3MUL): SET(1, (v[w[2]]*v[w[3]])*v[w[4]] + v[w[5]]*v[w[6]]); w += 7; NEXT;
    AT(M_SINCOS): {
#if defined(_GNU_SOURCE_SINCOS)  /* the same numbers as sin and cos give: a test looks */
        double s, c;
        sincos(v[w[3]], &s, &c);
        v[w[1]] = s;
        v[w[2]] = c;
#else
        double x = v[w[3]];
        v[w[1]] = sin(x);
        v[w[2]] = cos(x);
#endif
        w += 4;
        NEXT;
    }
    AT(M_DOT): {
        const int32_t *end = w + 4 + 2*(ptrdiff_t)w[1], *k = w + 4;
        double s = v[w[3]];
        UNROLLED
        for (; k < end; k += 2)
            s += v[k[0]]*v[k[1]];
        SET(2, s);
        w = end;
        NEXT;
    }
    AT(M_DOT0): {
        const int32_t *end = w + 3 + 2*(ptrdiff_t)w[1], *k = w + 5;
        double s = v[w[3]]*v[w[4]];
        UNROLLED
        for (; k < end; k += 2)
            s += v[k[0]]*v[k[1]];
        SET(2, s);
        w = end;
        NEXT;
    }
    AT(M_SDOT): {
        SET(2, signed_sum(w + 4, w + 4 + 2*(ptrdiff_t)w[1], v[w[3]], v));
        w += 4 + 2*(ptrdiff_t)w[1];
        NEXT;
    }
    AT(M_SDOT0): {
        SET(2, signed_sum(w + 5, w + 3 + 2*(ptrdiff_t)w[1], v[w[3]]*v[w[4]], v));
        w += 3 + 2*(ptrdiff_t)w[1];
        NEXT;
    }
#define RUN(code, width, expression) \
    AT(code): { \
        const int32_t *k = w + 2; \
        w = k + (width)*(ptrdiff_t)w[1]; \
        for (; k < w; k += (width)) \
            v[k[0]] = expression; \
        NEXT; \
    }
    RUN(M_ADDS, 3, v[k[1]] + v[k[2]])
    RUN(M_SUBS, 3, v[k[1]] - v[k[2]])
    RUN(M_MULS, 3, v[k[1]]*v[k[2]])
    RUN(M_MULADDS, 4, v[k[1]] + v[k[2]]*v[k[3]])
    RUN(M_MULSUBS, 4, v[k[1]] - v[k[2]]*v[k[3]])
#define WHERE(code, operator) \
    AT(M_WHERE_##code): SET(1, v[w[2]] operator v[w[3]] ? v[w[4]] : v[w[5]]); w += 6; NEXT;
    WHERE(LT, <)
    WHERE(LE, <=)
    WHERE(EQ, ==)
    WHERE(NE, !=)
#define IF(code, operator) \
    AT(M_IF_##code): if (!(v[w[2]] operator v[w[3]])) return w[1]; w += 4; NEXT; \
    AT(M_IF_NOT_##code): if (v[w[2]] operator v[w[3]]) return w[1]; w += 4; NEXT;
    IF(LT, <)
    IF(LE, <=)
    IF(EQ, ==)
    IF(NE, !=)
    AT(M_END): return 0;
#if !CGRAD_THREADED
    }
#endif
}
