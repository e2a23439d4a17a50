/* core/program/lanes.c: bytecode over blocks of points, once per kind of processor; points into blocks and out. */
#if defined(__GNUC__) && !defined(__clang__)
/* Branches around arithmetic that might set a flag would stop the vectoriser; flags are never looked at. */
#pragma GCC optimize ("no-trapping-math", "align-loops=32")
#endif
#include <math.h>
#include <string.h>
#include "core/program/bytecode.h"
#include "_gen/functions.h"

/* ---- C's own functions: bit for bit what cgrad_interpret computes ---- */
#define T(name) exact_##name
static void exact_sincos(double *s, double *c, const double *x, ptrdiff_t n) {
    ptrdiff_t j;
    for (j = 0; j < n; j++) {
        double y = x[j];
        s[j] = sin(y);
        c[j] = cos(y);
    }
}
#include "core/program/lanes.h"
#undef T

/* ---- vector functions: within 2 ulp of the exact value ---- */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define CGRAD_X86 1
#else
#define CGRAD_X86 0
#endif

#define T(name) basic_##name
#define CGRAD_FMA CGRAD_BASIC_FMA
#if defined(__aarch64__) || defined(__FMA__)
#define CGRAD_BASIC_FMA 1
#else
#define CGRAD_BASIC_FMA 0
#endif
#include "core/program/lanes_vector.h"
#undef T
#undef CGRAD_FMA

#if CGRAD_X86
#define CGRAD_FMA 1

#define T(name) avx2_##name
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#include "core/program/lanes_vector.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef T

#define T(name) avx512_##name
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
#endif
#include "core/program/lanes_vector.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef T
#undef CGRAD_FMA
#endif

/* ---- the choice, made when it is asked for ---- */
static int supported(const char *name) {
    if (!strcmp(name, "exact") || !strcmp(name, "basic"))
        return 1;
#if CGRAD_X86
    __builtin_cpu_init();
    if (!strcmp(name, "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (!strcmp(name, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#endif
    return 0;
}

cgrad_lanes_function cgrad_lanes_named(const char *name) {
    if (!supported(name))
        return NULL;
    if (!strcmp(name, "exact"))
        return exact_lanes;
#if CGRAD_X86
    if (!strcmp(name, "avx2"))
        return avx2_lanes;
    if (!strcmp(name, "avx512"))
        return avx512_lanes;
#endif
    return basic_lanes;
}

const char *cgrad_lanes_name(void) {
    return supported("avx512") ? "avx512" : supported("avx2") ? "avx2" : "basic";
}

/* ---- blocks in and out ---- */

#if defined(__GNUC__)
#define PREFETCH(p) __builtin_prefetch(p, 0, 2)
#else
#define PREFETCH(p) ((void)0)
#endif

enum { LINE = 8 };  /* doubles in a cache line */

static double *at_point(const cgrad_strided *s, ptrdiff_t p) {
    return (double *)(s->first + p*s->stride);
}

/* Inputs from s on, at most a line of them and at most ``most``, that are neighbours in memory for each point. */
static ptrdiff_t neighbours(const cgrad_strided *s, ptrdiff_t most) {
    ptrdiff_t count = 1;
    while (count < LINE && count < most && s[count].stride == s->stride
           && s[count].first == s->first + count*(ptrdiff_t)sizeof(double))
        count++;
    return count;
}

/* An input whose points are neighbours in memory. */
static void gather_contiguous(const cgrad_strided *s, double *row, ptrdiff_t n, ptrdiff_t start, ptrdiff_t m) {
    const double *from = at_point(s, start);
    ptrdiff_t j;
    memcpy(row, from, (size_t)m*sizeof(double));
    for (j = 0; j < n; j += LINE)  /* those of the next block: rows are too short for the processor to foresee them */
        PREFETCH(from + n + j);
}

/* A point after the other, so that each cache line is read once. (A constant count, inlined, is a loop unrolled.) */
static inline void gather_neighbours(const cgrad_strided *s, ptrdiff_t count, double *row, ptrdiff_t n,
                                     ptrdiff_t start, ptrdiff_t m) {
    ptrdiff_t j, t;
    for (j = 0; j < m; j++) {
        const double *from = at_point(s, start + j);
        for (t = 0; t < count; t++)
            row[t*n + j] = from[t];
    }
}

static void gather_strided(const cgrad_batch *b, const cgrad_strided *s, double *row, ptrdiff_t start, ptrdiff_t m) {
    ptrdiff_t j;
    for (j = 0; j < m; j++)
        row[j] = *at_point(s, b->index ? b->index[start + j] : start + j);
}

/* Points start .. start + m - 1 (of ``index`` where there is one) into the lanes; the last fills up the rest. */
static void gather(const cgrad_batch *b, double *v, ptrdiff_t start, ptrdiff_t m) {
    const ptrdiff_t n = b->lanes;
    ptrdiff_t k, j, t, count;
    for (k = 0; k < b->inputs; k += count) {
        const cgrad_strided *s = b->source + k;
        double *row = v + (b->constants + k)*n;
        count = 1;
        if (s->stride == 0)  /* the same for all points: cgrad_prepare_lanes put it in place */
            continue;
        count = neighbours(s, b->inputs - k);
        if (!b->index && s->stride == (ptrdiff_t)sizeof(double))
            for (t = 0; t < count; t++)
                gather_contiguous(s + t, row + t*n, n, start, m);
        else if (b->index || count == 1)
            for (t = 0; t < count; t++)
                gather_strided(b, s + t, row + t*n, start, m);
        else if (count == LINE)
            gather_neighbours(s, LINE, row, n, start, m);
        else
            gather_neighbours(s, count, row, n, start, m);
        for (t = 0; t < count; t++)
            for (j = m; j < n; j++)
                row[t*n + j] = row[t*n + m - 1];
    }
}

/* The results of a block to where they belong. A lane that failed a guard has none. */
static void scatter(const cgrad_batch *b, const double *v, ptrdiff_t start, ptrdiff_t m, const int32_t *failed) {
    ptrdiff_t k, j;
    int32_t any = 0;
    for (j = 0; j < m; j++)
        any |= failed[j];
    for (k = 0; k < b->results; k++) {
        const double *row = v + b->out[k]*b->lanes;
        const cgrad_strided *to = b->target + k;
        if (!any && !b->index && to->stride == (ptrdiff_t)sizeof(double))
            memcpy(at_point(to, start), row, (size_t)m*sizeof(double));
        else for (j = 0; j < m; j++)
            if (!failed[j])
                *at_point(to, b->index ? b->index[start + j] : start + j) = row[j];
    }
}

/* Add the results of a block to the sums of its lanes. */
static void accumulate(const cgrad_batch *b, const double *v, double *lane_sums, ptrdiff_t m, const int32_t *failed) {
    ptrdiff_t k, j;
    for (k = 0; k < b->results; k++) {
        const double *row = v + b->out[k]*b->lanes;
        for (j = 0; j < m; j++)
            lane_sums[k*b->lanes + j] += failed[j] ? 0 : row[j];
    }
}

/* Add up the lanes: pairs, then pairs of pairs .., always in this order. */
static double total(double *row, ptrdiff_t lanes) {
    ptrdiff_t half, j;
    for (half = lanes/2; half; half /= 2)
        for (j = 0; j < half; j++)
            row[j] += row[j + half];
    return row[0];
}

void cgrad_prepare_lanes(const cgrad_batch *b, double *v) {
    ptrdiff_t k, j;
    for (k = 0; k < b->constants; k++)
        for (j = 0; j < b->lanes; j++)
            v[k*b->lanes + j] = b->constant[k];
    for (k = 0; k < b->inputs; k++)
        if (b->source[k].stride == 0)
            for (j = 0; j < b->lanes; j++)
                v[(b->constants + k)*b->lanes + j] = *at_point(b->source + k, 0);
}

void cgrad_run_blocks(const cgrad_batch *b, double *v, ptrdiff_t start, ptrdiff_t stop, double *sums) {
    const ptrdiff_t n = b->lanes;
    double *lane_sums = v + b->slots*n;  /* a row per result */
    int32_t failed[CGRAD_MOST_LANES];
    ptrdiff_t k, m;
    if (sums)
        memset(lane_sums, 0, (size_t)(b->results*n)*sizeof(double));
    for (; start < stop; start += n) {
        m = stop - start < n ? stop - start : n;
        gather(b, v, start, m);
        memset(failed, 0, sizeof(failed));
        b->run(b->bytecode, v, n, failed);
        if (b->failed)
            memcpy(b->failed + start, failed, (size_t)m*sizeof(int32_t));
        if (sums)
            accumulate(b, v, lane_sums, m, failed);
        else
            scatter(b, v, start, m, failed);
    }
    if (sums)
        for (k = 0; k < b->results; k++)
            sums[k] = total(lane_sums + k*n, n);
}
