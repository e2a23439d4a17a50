/* core/program/lanes.c: bytecode over blocks of points, once per kind of processor; points into blocks and out. */
#if defined(__GNUC__) && !defined(__clang__)
/* Branches around arithmetic that might set a flag would stop the vectoriser; flags are never looked at. */
#pragma GCC optimize ("no-trapping-math")
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
#define PREFETCH(p) __builtin_prefetch(p, 0, 2);
#else
#define PREFETCH(p)
#endif

static const double *of_point(const cgrad_place *s, ptrdiff_t p) {
    return (const double *)(s->at + p*s->stride);
}

/* Points start .. start + m - 1 (of ``index`` where there is one) into the lanes; the last fills up the rest. */
static void gather(const cgrad_batch *b, double *v, ptrdiff_t start, ptrdiff_t m) {
    const ptrdiff_t n = b->lanes;
    ptrdiff_t k, j, t, run;
    for (k = 0; k < b->inputs; k += run) {
        const cgrad_place *s = b->source + k;
        double *row = v + (b->constants + k)*n;
        run = 1;
        if (s->stride == 0)  /* the same for all points: in place since the beginning */
            continue;
        while (run < 8 && k + run < b->inputs && s[run].stride == s->stride && s[run].at == s->at + run*8)
            run++;
        if (!b->index && s->stride == 8)  /* points side by side */
            for (t = 0; t < run; t++) {
                const double *from = of_point(s + t, start);
                memcpy(row + t*n, from, (size_t)m*sizeof(double));
                for (j = 0; j < n; j += 8)  /* the next block's: rows are too short for the processor to foresee that */
                    PREFETCH(from + n + j)
            }
        else if (b->index || run == 1)
            for (t = 0; t < run; t++)
                for (j = 0; j < m; j++)
                    row[t*n + j] = *of_point(s + t, b->index ? b->index[start + j] : start + j);
        else if (run == 8)  /* neighbours in memory: a point's cache line is read once */
            for (j = 0; j < m; j++) {
                const double *from = of_point(s, start + j);
                for (t = 0; t < 8; t++)
                    row[t*n + j] = from[t];
            }
        else
            for (j = 0; j < m; j++)
                for (t = 0; t < run; t++)
                    row[t*n + j] = of_point(s, start + j)[t];
        for (t = 0; t < run; t++)
            for (j = m; j < n; j++)
                row[t*n + j] = row[t*n + m - 1];
    }
}

static void scatter(const cgrad_batch *b, const double *v, ptrdiff_t start, ptrdiff_t m, const int32_t *failed) {
    const ptrdiff_t n = b->lanes;
    ptrdiff_t k, j;
    for (k = 0; k < b->results; k++) {
        const double *row = v + b->out[k]*n;
        const cgrad_place *to = b->target + k;
        int32_t any = 0;
        for (j = 0; j < m; j++)
            any |= failed[j];
        if (!any && !b->index && to->stride == 8)
            memcpy(to->at + start*8, row, (size_t)m*sizeof(double));
        else for (j = 0; j < m; j++)
            if (!failed[j])
                *(double *)(to->at + (b->index ? b->index[start + j] : start + j)*to->stride) = row[j];
    }
}

void cgrad_prepare_lanes(const cgrad_batch *b, double *v) {
    ptrdiff_t k, j;
    for (k = 0; k < b->constants; k++)
        for (j = 0; j < b->lanes; j++)
            v[k*b->lanes + j] = b->constant[k];
    for (k = 0; k < b->inputs; k++)
        if (b->source[k].stride == 0)
            for (j = 0; j < b->lanes; j++)
                v[(b->constants + k)*b->lanes + j] = *of_point(b->source + k, 0);
}

void cgrad_run_blocks(const cgrad_batch *b, double *v, ptrdiff_t start, ptrdiff_t stop, double *sums) {
    const ptrdiff_t n = b->lanes;
    ptrdiff_t k, j, m, t;
    double *lane_sums = v + b->slots*n;  /* a row a result, where results are added up */
    int32_t failed[CGRAD_MOST_LANES];
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
            for (k = 0; k < b->results; k++) {
                const double *row = v + b->out[k]*n;
                for (j = 0; j < m; j++)
                    lane_sums[k*n + j] += failed[j] ? 0 : row[j];
            }
        else
            scatter(b, v, start, m, failed);
    }
    if (sums)  /* pairs of lanes, pairs of pairs: always in this order */
        for (k = 0; k < b->results; k++) {
            double *row = lane_sums + k*n;
            for (t = n/2; t; t /= 2)
                for (j = 0; j < t; j++)
                    row[j] += row[j + t];
            sums[k] = row[0];
        }
}
