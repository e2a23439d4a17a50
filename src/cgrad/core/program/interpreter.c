/* core/program/interpreter.c: the interpreter of compiled programs, one point at a time. */
#include <string.h>
#include "core/program/bytecode.h"
#include "_gen/formulas.h"

/* Threaded code: each instruction jumps to the next, which processors predict far better than one switch. */
#if !defined(CGRAD_THREADED) && defined(__GNUC__)
#define CGRAD_THREADED 1
#elif !defined(CGRAD_THREADED)
#define CGRAD_THREADED 0
#endif

#if defined(__clang__)
#define UNROLLED _Pragma("unroll 4")
#elif defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 4")
#else
#define UNROLLED
#endif

#if defined(__GLIBC__)  /* returns the bits of sin and cos: a test checks it */
extern void sincos(double, double *, double *);
#define pair_sincos sincos
#else
static inline void pair_sincos(double x, double *s, double *c) {
    *s = sin(x);
    *c = cos(x);
}
#endif

/* s plus the products of the pairs of slots k .. end. */
static inline double plain_sum(const int32_t *k, const int32_t *end, double s, const double *v) {
    UNROLLED
    for (; k < end; k += 2)
        s += v[k[0]]*v[k[1]];
    return s;
}

/* The same, but a product whose first slot is ~slot is subtracted: s + -p is s - p, and needs no branch. */
static inline double signed_sum(const int32_t *k, const int32_t *end, double s, const double *v) {
    for (; k < end; k += 2) {
        int32_t minus = k[0] >> 31;
        double product = v[k[0] ^ minus]*v[k[1]];
        uint64_t bits;
        memcpy(&bits, &product, 8);
        bits ^= (uint64_t)(uint32_t)minus << 63;
        memcpy(&product, &bits, 8);
        s += product;
    }
    return s;
}

/* Read operands, named as in bytecode.def, from the words k on. */
#define READ_1(k) CGRAD_UNUSED double a = v[(k)[0]];
#define READ_2(k) READ_1(k) CGRAD_UNUSED double b = v[(k)[1]];
#define READ_3(k) READ_2(k) CGRAD_UNUSED double c = v[(k)[2]];
#define READ_4(k) READ_3(k) CGRAD_UNUSED double d = v[(k)[3]];
#define READ_5(k) READ_4(k) CGRAD_UNUSED double e = v[(k)[4]];

#if CGRAD_THREADED
#define AT(name) L_##name
#define NEXT goto *labels[*w]
#else
#define AT(name) case BC_##name
#define NEXT break
#endif

int32_t cgrad_interpret(const int32_t *CGRAD_RESTRICT w, double *CGRAD_RESTRICT v) {
    double last = 0;  /* what the previous instruction computed, in a register */
#if CGRAD_THREADED
    static void *const labels[BC_COUNT] = {
#define INSTRUCTION(name) [BC_##name] = &&L_##name,
#include "core/program/bytecode.def"
    };
    NEXT;
#else
    for (;;) switch (*w) {
#endif

#define SINGLE(name, operands, expression) \
    AT(name): { \
        READ_##operands(w + 2) \
        v[w[1]] = last = expression; \
        w += 2 + operands; \
        NEXT; \
    }
#define ROW1(name, function) SINGLE(name, 1, primal_##function(a))
#define ROW2(name, function) SINGLE(name, 2, primal_##function(a, b))
#define ROW3(name, function) SINGLE(name, 3, primal_##function(a, b, c))
#define LAST(name, of, operands, expression) SINGLE(name, operands, expression)
#define PAIR(name, first_op, second_op, function) \
    AT(name): { \
        double first, second; \
        pair_##function(v[w[3]], &first, &second); \
        v[w[1]] = first; \
        v[w[2]] = second; \
        w += 4; \
        NEXT; \
    }
#define RUN(name, of, operands, expression) \
    AT(name): { \
        const int32_t *k = w + 2; \
        w = k + (1 + operands)*(ptrdiff_t)w[1]; \
        for (; k < w; k += 1 + operands) { \
            READ_##operands(k + 1) \
            v[k[0]] = expression; \
        } \
        NEXT; \
    }
#define SUM(name, based, signs) \
    AT(name): { \
        const int32_t *terms = w + 3 + based, *end = terms + 2*(ptrdiff_t)w[1]; \
        if (based) \
            last = v[w[3]]; \
        else { \
            last = v[terms[0]]*v[terms[1]]; \
            terms += 2; \
        } \
        last = signs ? signed_sum(terms, end, last, v) : plain_sum(terms, end, last, v); \
        v[w[2]] = last; \
        w = end; \
        NEXT; \
    }
#define GUARD(name, comparison, outcome, expression) \
    AT(name): { \
        READ_2(w + 2) \
        if ((expression) != outcome) \
            return w[1]; \
        w += 4; \
        NEXT; \
    }
#define END(name) AT(name): return 0;
#include "core/program/bytecode.def"
#if !CGRAD_THREADED
    }
#endif
}
